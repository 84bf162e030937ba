"""Kith's networks beside the same in onnxruntime, and beside dlib's.

onnxruntime runs the original f32 networks as the recipe in models/recipe makes them. Kith runs FaceNet in
f32, in whole numbers, and as fast as this processor can (see docs/speed.md). Kith's time includes preparing the
pixels, and for CenterFace turning maps into faces; that of the others is the network alone.
"""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import make
import references
import weights
from timing import Program, in_turn, must_agree, row, timed

# Kith ships kernels rounded to f16; the project's tests hold the same bound for an embedding.
EMBEDDING_TOLERANCE = 2e-3
# The values of KITH_PRECISION, and how far the embedding may be: more where it may be bf16.
PRECISIONS = {"f32": EMBEDDING_TOLERANCE, "i16": EMBEDDING_TOLERANCE, "fastest": 4e-3}
# Of a box or a landmark, in pixels; the same rounding moved the best face by less.
PIXEL_TOLERANCE = 1.0
SCORE_TOLERANCE = 0.02
ONNXRUNTIME = f"onnxruntime {onnxruntime.__version__}"


def session(model):
    """A session on all processors (onnxruntime's own default is one thread for two of them)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = os.cpu_count()
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def crops(count):
    """So many of the four crops of the models' tests, again and again."""
    data = make.MODELS / "tests" / "data"
    some = [
        np.asarray(Image.open(data / f"crop-{name}.png").convert("RGB"))
        for name in ("biden", "obama", "obama2", "waves")
    ]
    return [some[i % len(some)] for i in range(count)]


def crops_file(work_dir, count):
    file = work_dir / f"crops-{count}.rgb"
    file.write_bytes(b"".join(crop.tobytes() for crop in crops(count)))
    return file


def facenet(programs, work_dir):
    """FaceNet, 1, 8 and 32 faces of two views each."""
    tensors, graph = weights.read_facenet(make.WORK / "facenet_keras.h5")
    net = session(references.facenet_onnx(tensors, graph))
    for precision, tolerance in PRECISIONS.items():
        for count in (1, 8, 32):
            work = f"FaceNet, {precision}, {count} face{'s'[: count > 1]}, two views each"
            file = crops_file(work_dir, count)
            kith = Program(programs / "time_networks", "facenet", file, KITH_PRECISION=precision)
            expected = references.embed(net, crops(count))
            must_agree(work, np.abs(expected.ravel() - kith.answer).max(), tolerance)
            batch = np.random.default_rng(1).standard_normal((2 * count, 3, 160, 160), dtype=np.float32)
            pairs = in_turn(kith.milliseconds, timed(lambda: references.run(net, batch)))
            yield row(work, ONNXRUNTIME, pairs, kith.peak_mb())
            kith.close()


def centerface(programs, work_dir):
    """CenterFace on a portrait, at two sizes."""
    net = session(references.centerface_onnx(make.WORK / "centerface.onnx", half_kernels=False))
    for width, height in ((640, 480), (1280, 960)):
        file, pixels = portrait(work_dir, width, height)
        work = f"CenterFace, {width}×{height}"
        kith = Program(programs / "time_networks", "centerface", file, width, height)
        difference = np.abs(references.best_face(references.maps(net, pixels)) - kith.answer)
        must_agree(work, np.delete(difference, 4).max(), PIXEL_TOLERANCE)
        must_agree(work, difference[4], SCORE_TOLERANCE)
        batch = pixels.transpose(2, 0, 1)[None].astype(np.float32)
        pairs = in_turn(kith.milliseconds, timed(lambda: references.run(net, batch)))
        yield row(work, ONNXRUNTIME, pairs, kith.peak_mb())
        kith.close()


def portrait(work_dir, width, height):
    """A file with the RGB pixels of a sample portrait in a picture of this size, and the pixels."""
    face = Image.open(make.MODELS.parent / "tests" / "photos" / "obama.jpg").convert("RGB")
    image = Image.new("RGB", (width, height))
    image.paste(face.resize((height * face.width // face.height, height)))
    file = work_dir / f"image-{width}.rgb"
    file.write_bytes(image.tobytes())
    return file, np.asarray(image)


def rten(programs, work_dir):
    """FaceNet in rten, another runtime written in Rust, which is built for it here."""
    crate = Path(__file__).with_name("rten")
    built = work_dir / "rten"
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", built]
    subprocess.run(command, cwd=crate, check=True)
    version = re.search(r'name = "rten"\nversion = "(.*)"', (crate / "Cargo.lock").read_text())[1]
    tensors, graph = weights.read_facenet(make.WORK / "facenet_keras.h5")
    model = work_dir / "facenet.onnx"
    model.write_bytes(references.facenet_onnx(tensors, graph).SerializeToString())
    count = 8
    work = f"FaceNet, f32, {count} faces, two views each"
    standard = references.standard(crops(count))
    file = work_dir / "standard.f32"
    file.write_bytes(standard.astype(np.float32).tobytes())
    peer = Program(built / "release" / "time-rten", model, file, *standard.shape)
    kith = Program(programs / "time_networks", "facenet", crops_file(work_dir, count), KITH_PRECISION="f32")
    views = references.unit(np.reshape(peer.answer, (2 * count, -1)))
    expected = references.unit(views[0::2] + views[1::2])
    must_agree(work, np.abs(expected.ravel() - kith.answer).max(), EMBEDDING_TOLERANCE)
    yield row(work, f"rten {version}", in_turn(kith.milliseconds, peer.milliseconds), kith.peak_mb())
    kith.close()
    peer.close()


def face(programs, work_dir):
    """What a face costs, two views and a second look of the detector, in plain forward passes."""
    count = 8
    embed = Program(programs / "time_networks", "facenet", crops_file(work_dir, count))
    _, pixels = portrait(work_dir, 160, 160)
    file = work_dir / "cuts.rgb"
    file.write_bytes(pixels.tobytes() * count)
    look = Program(programs / "time_networks", "centerface", file, 160, 160)
    passes = []

    def kith():
        two_views = embed.milliseconds() / count
        passes.append(two_views / 2)
        return two_views + look.milliseconds() / count

    pairs = in_turn(kith, lambda: passes[-1])
    yield row("a face: two views and a second look", "one plain forward pass", pairs, embed.peak_mb())
    embed.close()
    look.close()


def dlib(programs, work_dir):
    """The network of dlib that `face_recognition` uses: ResNet-29, 150×150 RGB to 128 numbers."""
    import dlib as library
    import face_recognition_models

    net = library.face_recognition_model_v1(face_recognition_models.face_recognition_model_location())
    count = 8
    chips = [np.asarray(Image.fromarray(crop).resize((150, 150))) for crop in crops(count)]
    kith = Program(programs / "time_networks", "facenet", crops_file(work_dir, count))
    pairs = in_turn(kith.milliseconds, timed(lambda: net.compute_face_descriptor(chips)))
    work = f"{count} faces to 128 numbers, by different networks"
    yield row(work, f"dlib {library.__version__}", pairs, kith.peak_mb())
    kith.close()
