//! Makes small photographs with known faces for random libraries: heads cut out of the sample
//! portraits, blended into new people, and pasted on backgrounds that differ from picture to picture.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{ImageEncoder, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

use super::dice::Dice;
use super::metadata;

/// Side in pixels of a head that was cut out.
const HEAD: u32 = 200;
/// Room around a face in a head, as a share of the longer side of its box.
const MARGIN: f32 = 0.45;
/// JPEG quality of pictures and of their edits.
const QUALITY: u8 = 90;

/// The sample portraits, and the box `[x, y, w, h]` of the face in each, as fractions.
const PORTRAITS: [(&str, [f32; 4]); 5] = [
    ("obama.jpg", [0.411, 0.077, 0.266, 0.297]),
    ("obama2.jpg", [0.337, 0.189, 0.429, 0.352]),
    ("obama3.jpg", [0.448, 0.114, 0.191, 0.153]),
    ("biden.jpg", [0.435, 0.074, 0.297, 0.182]),
    ("astronaut.png", [0.351, 0.127, 0.172, 0.220]),
];

/// People are blends of two portraits: which ones, and the share of the second.
const PEOPLE: [(usize, usize, f32); 8] = [
    (0, 0, 0.0),
    (3, 3, 0.0),
    (4, 4, 0.0),
    (0, 4, 0.5),
    (3, 4, 0.5),
    (2, 3, 0.5),
    (1, 4, 0.4),
    (1, 3, 0.45),
];

/// Maps fractions of an upright picture to fractions of the scene it was made from:
/// `x' = a·x + b·y + c`, `y' = d·x + e·y + f`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToScene([f32; 6]);

impl ToScene {
    const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// A point of the scene.
    #[must_use]
    pub fn point(&self, x: f32, y: f32) -> [f32; 2] {
        let [a, b, c, d, e, f] = self.0;
        [a * x + b * y + c, d * x + e * y + f]
    }

    /// Middle and size of a box `[x, y, w, h]` in the scene.
    #[must_use]
    pub fn middle_and_size(&self, at: [f32; 4]) -> ([f32; 2], f32) {
        let [x, y, w, h] = at;
        let one = self.point(x, y);
        let other = self.point(x + w, y + h);
        let size = (one[0] - other[0]).abs().max((one[1] - other[1]).abs());
        (self.point(x + w / 2.0, y + h / 2.0), size)
    }

    /// First `inner`, then this.
    fn after(&self, inner: [f32; 6]) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [ia, ib, ic, id, ie, jf] = inner;
        Self([
            a * ia + b * id,
            a * ib + b * ie,
            a * ic + b * jf + c,
            d * ia + e * id,
            d * ib + e * ie,
            d * ic + e * jf + f,
        ])
    }
}

/// The bytes of a file, and which picture they show.
#[derive(Debug)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `jpg` or `png`.
    pub extension: &'static str,
    /// The scene that was photographed.
    pub scene: u32,
    /// The picture data, metadata left aside: two contents with one number differ in metadata only.
    pub data: u32,
    /// Where the upright picture lies in its scene.
    pub to_scene: ToScene,
    /// The EXIF orientation, 1 to 8.
    pub orientation: u16,
    /// The pixels as they lie in the file.
    pixels: RgbImage,
    /// The text in its metadata, if there is one.
    note: Option<u32>,
}

/// Makes pictures.
pub struct Studio {
    heads: Vec<RgbImage>,
    scenes: u32,
    datas: u32,
    notes: u32,
}

/// How a picture is edited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edit {
    /// Only its metadata.
    Metadata,
    /// Its EXIF orientation: metadata that turns the picture.
    Orientation,
    /// Edges are cut off.
    Crop,
    /// Its pixels are turned by a quarter.
    Rotate,
    /// It is made smaller.
    Resize,
    /// It is made lighter or darker.
    Recolour,
}

impl Edit {
    /// Whether the pixels change.
    #[must_use]
    pub fn changes_pixels(self) -> bool {
        !matches!(self, Self::Metadata | Self::Orientation)
    }
}

impl Studio {
    /// Reads the sample portraits of `tests/photos`.
    ///
    /// # Errors
    /// When one is missing.
    pub fn open(portraits: &Path) -> Result<Self> {
        let mut heads = Vec::new();
        for (name, [x, y, w, h]) in PORTRAITS {
            let path = portraits.join(name);
            let image = image::open(&path).with_context(|| format!("{}", path.display()))?;
            let image = image.into_rgb8();
            let (width, height) = (image.width() as f32, image.height() as f32);
            let side = (w * width).max(h * height) * (1.0 + 2.0 * MARGIN);
            let left = ((x + w / 2.0) * width - side / 2.0).max(0.0);
            let top = ((y + h / 2.0) * height - side / 2.0).max(0.0);
            let side = side.min(width - left).min(height - top);
            let head =
                imageops::crop_imm(&image, left as u32, top as u32, side as u32, side as u32);
            heads.push(imageops::resize(
                &head.to_image(),
                HEAD,
                HEAD,
                FilterType::Triangle,
            ));
        }
        Ok(Self {
            heads,
            scenes: 0,
            datas: 0,
            notes: 0,
        })
    }

    /// A photo of a scene that no other photo shows.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn photo(&mut self, dice: &mut Dice) -> Result<Arc<Content>> {
        let (width, height) = *dice.pick(&[(360, 270), (400, 300), (300, 400), (340, 340)]);
        let mut pixels = background(dice, width, height);
        let people = *dice.pick(&[1, 1, 1, 2, 2]);
        let mut left = dice.below(30);
        for _ in 0..people {
            let person = dice.below(PEOPLE.len() as u32) as usize;
            let head = self.head(dice, person);
            if left + head.width() > width {
                break;
            }
            let top = dice.below(height - head.height());
            imageops::overlay(&mut pixels, &head, i64::from(left), i64::from(top));
            left += head.width() + 5 + dice.below(30);
        }
        self.scenes += 1;
        self.datas += 1;
        let mut content = Content {
            bytes: Vec::new(),
            extension: if dice.chance(0.15) { "png" } else { "jpg" },
            scene: self.scenes,
            data: self.datas,
            to_scene: ToScene::IDENTITY,
            orientation: 1,
            pixels,
            note: dice.chance(0.5).then_some(0),
        };
        content.bytes = encoded(&content)?;
        Ok(Arc::new(content))
    }

    /// The same picture, edited.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn edited(
        &mut self,
        dice: &mut Dice,
        content: &Content,
        edit: Edit,
    ) -> Result<Arc<Content>> {
        let mut new = Content {
            bytes: Vec::new(),
            extension: content.extension,
            scene: content.scene,
            data: content.data,
            to_scene: content.to_scene,
            orientation: content.orientation,
            pixels: content.pixels.clone(),
            note: content.note,
        };
        if edit == Edit::Metadata {
            self.notes += 1;
            new.note = Some(self.notes);
            new.bytes = metadata::replaced(&content.bytes, new.note, new.orientation)?;
            return Ok(Arc::new(new));
        }
        if edit == Edit::Orientation {
            // Only upright pictures are turned so, and back: the geometry stays simple.
            let (to_scene, orientation) = match content.orientation {
                6 => (unturned(content.to_scene), 1),
                _ => (turned(content.to_scene), 6),
            };
            new.to_scene = to_scene;
            new.orientation = orientation;
            new.bytes = metadata::replaced(&content.bytes, new.note, new.orientation)?;
            return Ok(Arc::new(new));
        }
        self.datas += 1;
        new.data = self.datas;
        if new.orientation == 6 {
            new.pixels = imageops::rotate90(&new.pixels);
            new.orientation = 1;
        }
        let (width, height) = new.pixels.dimensions();
        match edit {
            Edit::Crop => {
                let cut = |dice: &mut Dice, side: u32| dice.below(side / 12 + 1);
                let (x, y) = (cut(dice, width), cut(dice, height));
                let w = width - x - cut(dice, width).max(4);
                let h = height - y - cut(dice, height).max(4);
                new.pixels = imageops::crop_imm(&new.pixels, x, y, w, h).to_image();
                let share = |part: u32, of: u32| part as f32 / of as f32;
                let inner = [
                    share(w, width),
                    0.0,
                    share(x, width),
                    0.0,
                    share(h, height),
                    share(y, height),
                ];
                new.to_scene = new.to_scene.after(inner);
            }
            Edit::Rotate => {
                new.pixels = imageops::rotate90(&new.pixels);
                new.to_scene = turned(new.to_scene);
            }
            Edit::Resize => {
                let scale = 0.8 + 0.15 * dice.share();
                let side = |side: u32| (side as f32 * scale) as u32;
                new.pixels = imageops::resize(
                    &new.pixels,
                    side(width),
                    side(height),
                    FilterType::CatmullRom,
                );
            }
            _ => {
                let more = *dice.pick(&[-25, -15, 15, 25]);
                new.pixels = imageops::brighten(&new.pixels, more);
            }
        }
        new.bytes = encoded(&new)?;
        Ok(Arc::new(new))
    }

    /// The same picture in a file of this size, if it has room for it.
    #[must_use]
    pub fn padded(&mut self, content: &Content, size: usize) -> Option<Arc<Content>> {
        size.checked_sub(content.bytes.len())?;
        self.datas += 1;
        let mut bytes = content.bytes.clone();
        bytes.resize(size, 0);
        Some(Arc::new(Content {
            bytes,
            extension: content.extension,
            scene: content.scene,
            data: self.datas,
            to_scene: content.to_scene,
            orientation: content.orientation,
            pixels: content.pixels.clone(),
            note: content.note,
        }))
    }

    /// A head of a person as one photo shows it: nobody looks twice quite the same.
    fn head(&self, dice: &mut Dice, person: usize) -> RgbImage {
        let (one, other, share) = PEOPLE[person];
        let (one, other) = (&self.heads[one], &self.heads[other]);
        let share = if share > 0.0 {
            share + 0.1 * (dice.share() - 0.5)
        } else {
            0.0
        };
        let side = 120 + dice.below(40);
        let [wide, high] = [0.88 + 0.24 * dice.share(), 0.88 + 0.24 * dice.share()];
        let tilt = 0.24 * (dice.share() - 0.5);
        let mirrored = dice.chance(0.5);
        let light: [f32; 3] = std::array::from_fn(|_| 0.82 + 0.3 * dice.share());
        let middle = HEAD as f32 / 2.0;
        RgbImage::from_fn(side, side, |x, y| {
            let at = |v: u32| (v as f32 / side as f32 - 0.5) * HEAD as f32;
            let (mut x, y) = (at(x) / wide, at(y) / high);
            if mirrored {
                x = -x;
            }
            let (x, y) = (
                x * tilt.cos() - y * tilt.sin(),
                x * tilt.sin() + y * tilt.cos(),
            );
            let pixel = |head: &RgbImage| {
                let last = HEAD as f32 - 1.001;
                imageops::interpolate_bilinear(
                    head,
                    (x + middle).clamp(0.0, last),
                    (y + middle).clamp(0.0, last),
                )
                .unwrap_or(Rgb([0; 3]))
            };
            let (one, other) = (pixel(one), pixel(other));
            Rgb(std::array::from_fn(|i| {
                let mixed = f32::from(one[i]) * (1.0 - share) + f32::from(other[i]) * share;
                (mixed * light[i]).clamp(0.0, 255.0) as u8
            }))
        })
    }
}

/// A quarter to the right: the top of the new picture is the left of the old one.
fn turned(to_scene: ToScene) -> ToScene {
    to_scene.after([0.0, 1.0, 0.0, -1.0, 0.0, 1.0])
}

/// A quarter to the left.
fn unturned(to_scene: ToScene) -> ToScene {
    to_scene.after([0.0, -1.0, 1.0, 1.0, 0.0, 0.0])
}

/// Colours that run into each other, and some boxes before them.
fn background(dice: &mut Dice, width: u32, height: u32) -> RgbImage {
    let mut colour = || Rgb(std::array::from_fn(|_| dice.below(256) as u8));
    let coarse = RgbImage::from_fn(5, 4, |_, _| colour());
    let mut pixels = imageops::resize(&coarse, width, height, FilterType::CatmullRom);
    for _ in 0..6 {
        let (w, h) = (20 + dice.below(width / 3), 20 + dice.below(height / 3));
        let block = RgbImage::from_pixel(w, h, Rgb(std::array::from_fn(|_| dice.below(256) as u8)));
        let (x, y) = (dice.below(width - w), dice.below(height - h));
        imageops::overlay(&mut pixels, &block, i64::from(x), i64::from(y));
    }
    pixels
}

fn encoded(content: &Content) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let pixels = &content.pixels;
    if content.extension == "png" {
        pixels.write_to(&mut bytes, ImageFormat::Png)?;
    } else {
        let (width, height) = pixels.dimensions();
        JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(
            pixels,
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )?;
    }
    metadata::replaced(&bytes.into_inner(), content.note, content.orientation)
}
