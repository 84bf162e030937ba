"""Photos of 12 megapixels with one to five faces each, made of the sample portraits: what indexing is
timed on, as nobody's own photos can be part of the project."""

import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from PIL.ExifTags import Base

SIZE = (4000, 3000)
JPEG_QUALITY = 88
# Drawing one takes a second; the others are these again, with a number behind the end of the picture.
DRAWN = 200
# Sample portraits and the square around the head in each, as fractions of the width: left, top, side.
PORTRAITS = {
    "obama.jpg": (0.28, 0.0, 0.52),
    "obama3.jpg": (0.36, 0.07, 0.36),
    "biden.jpg": (0.33, 0.02, 0.5),
    "astronaut.png": (0.28, 0.02, 0.32),
}
FACE_PX = (260, 700)


def heads(folder):
    """The heads of the sample portraits, square."""
    for name, (left, top, side) in PORTRAITS.items():
        portrait = Image.open(folder / name).convert("RGB")
        left, top, side = (round(part * portrait.width) for part in (left, top, side))
        yield portrait.crop((left, top, left + side, top + side))


def make(folder, portraits, count):
    """Makes `count` photos in `folder` that are not there yet, the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    some = list(heads(portraits))
    for number in range(count):
        path = folder / f"{number:05}.jpg"
        if not path.exists():
            draft = path.with_suffix(".new")
            if number < DRAWN:
                photo(some, number).save(draft, "JPEG", quality=JPEG_QUALITY, exif=header(number))
            else:
                drawn = folder / f"{number % DRAWN:05}.jpg"
                draft.write_bytes(drawn.read_bytes() + str(number).encode())
            draft.rename(path)


def header(number):
    """What a camera writes before the picture."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = "Kith", "bench"
    exif[Base.Orientation] = 1
    exif[Base.DateTime] = f"2024:01:01 12:{number // 60 % 60:02}:{number % 60:02}"
    return exif


def photo(some, seed):
    """One photo: heads side by side before something blurred, grain over all of it."""
    chance = random.Random(seed)
    grain = np.random.default_rng(seed)
    scene = grain.integers(40, 200, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(scene).resize(SIZE, Image.Resampling.BICUBIC)
    count = 1 + seed % 5
    for place in range(count):
        side = min(chance.randint(*FACE_PX), SIZE[0] // count)
        head = chance.choice(some).resize((side, side), Image.Resampling.LANCZOS)
        if chance.random() < 0.5:
            head = head.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mask = Image.new("L", (side, side))
        ImageDraw.Draw(mask).rounded_rectangle((8, 8, side - 9, side - 9), side // 5, fill=255)
        left = place * SIZE[0] // count + chance.randint(0, SIZE[0] // count - side)
        top = chance.randint(0, SIZE[1] - side)
        picture.paste(head, (left, top), mask.filter(ImageFilter.GaussianBlur(6)))
    noise = grain.normal(0, 5, (SIZE[1] // 2, SIZE[0] // 2, 1)).astype(np.float32)
    noise = noise.repeat(2, axis=0).repeat(2, axis=1)
    return Image.fromarray((np.asarray(picture, dtype=np.float32) + noise).clip(0, 255).astype(np.uint8))


def make_large(path):
    """One photo of 24 megapixels."""
    if not path.exists():
        chance = np.random.default_rng(24)
        scene = chance.integers(40, 200, (90, 60, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(scene).resize((6000, 4000), Image.Resampling.BICUBIC), dtype=np.float32)
        grain = chance.normal(0, 6, (2000, 3000, 1)).astype(np.float32).repeat(2, axis=0).repeat(2, axis=1)
        draft = path.with_suffix(".new")
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(draft, "JPEG", quality=JPEG_QUALITY)
        draft.rename(path)
