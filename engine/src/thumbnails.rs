//! Small pictures of photos and faces, kept so that a grid need not decode photos. A cache: what is
//! missing is made again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use image::RgbImage;
use image::imageops::crop_imm;

use crate::faces::resized;
use crate::photo::{PhotoError, encode_jpeg};
use crate::{Error, Result};

/// Long side of a photo's thumbnail in pixels: sharp at twice the pixels in a row of 200.
const PHOTO_SIDE: u32 = 400;
/// Side of a face's thumbnail in pixels.
const FACE_SIDE: u32 = 224;
/// A face's thumbnail shows this many times its box, so that hair and chin are on it.
const FACE_MARGIN: f32 = 1.7;

/// Longest thumbnail that is read back: three times the pixels of one.
const MAX_BYTES: u64 = 1 << 20;

/// Where the thumbnails are. They are named by the content of the file, so that nothing is ever
/// out of date.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnails {
    folder: PathBuf,
}

impl Thumbnails {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The photo's thumbnail as JPEG, if it was made.
    pub(crate) fn photo(&self, content: &[u8; 32]) -> Option<Vec<u8>> {
        kept(&self.photo_path(content))
    }

    /// The face's thumbnail as JPEG, if it was made.
    pub(crate) fn face(&self, content: &[u8; 32], box_upright: &[f32; 4]) -> Option<Vec<u8>> {
        kept(&self.face_path(content, box_upright))
    }

    /// Makes and keeps the thumbnail of a photo.
    pub(crate) fn make_photo(&self, content: &[u8; 32], pixels: &RgbImage) -> Result<Vec<u8>> {
        let path = self.photo_path(content);
        let long_side = pixels.width().max(pixels.height());
        let jpeg = if long_side <= PHOTO_SIDE {
            encode(pixels, &path)?
        } else {
            let scaled = |side: u32| {
                (f64::from(side) * f64::from(PHOTO_SIDE) / f64::from(long_side))
                    .round()
                    .max(1.0) as u32
            };
            encode(
                &resized(pixels, scaled(pixels.width()), scaled(pixels.height()))?,
                &path,
            )?
        };
        keep(&path, &jpeg)?;
        Ok(jpeg)
    }

    /// Makes and keeps the thumbnail of a face: a square around it, as much of it as the photo has.
    pub(crate) fn make_face(
        &self,
        content: &[u8; 32],
        box_upright: &[f32; 4],
        pixels: &RgbImage,
    ) -> Result<Vec<u8>> {
        let path = self.face_path(content, box_upright);
        let (width, height) = (pixels.width() as f32, pixels.height() as f32);
        let [x, y, w, h] = *box_upright;
        let side = ((w * width).max(h * height) * FACE_MARGIN).clamp(1.0, width.min(height));
        let left = ((x + w / 2.0) * width - side / 2.0).clamp(0.0, width - side);
        let top = ((y + h / 2.0) * height - side / 2.0).clamp(0.0, height - side);
        let square = crop_imm(pixels, left as u32, top as u32, side as u32, side as u32).to_image();
        let jpeg = encode(&resized(&square, FACE_SIDE, FACE_SIDE)?, &path)?;
        keep(&path, &jpeg)?;
        Ok(jpeg)
    }

    fn photo_path(&self, content: &[u8; 32]) -> PathBuf {
        let name = hex(content);
        self.folder
            .join("photos")
            .join(&name[..2])
            .join(format!("{name}.jpg"))
    }

    fn face_path(&self, content: &[u8; 32], box_upright: &[f32; 4]) -> PathBuf {
        let name = hex(content);
        let [x, y, w, h] = box_upright.map(|side| (side * 10_000.0) as u32);
        self.folder
            .join("faces")
            .join(&name[..2])
            .join(format!("{name}-{x:04}-{y:04}-{w:04}-{h:04}.jpg"))
    }
}

/// A thumbnail that is whole: one cut short by a power failure is made again, as is what is no thumbnail.
fn kept(path: &Path) -> Option<Vec<u8>> {
    let mut jpeg = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_BYTES + 1).read_to_end(&mut jpeg).ok()?;
    let is_whole = jpeg.starts_with(b"\xff\xd8") && jpeg.ends_with(b"\xff\xd9");
    (is_whole && jpeg.len() as u64 <= MAX_BYTES).then_some(jpeg)
}

fn hex(content: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*content).to_hex().as_str()[..32].to_owned()
}

fn encode(pixels: &RgbImage, path: &Path) -> Result<Vec<u8>> {
    encode_jpeg(pixels).map_err(|source: PhotoError| Error::Photo {
        source,
        path: path.to_owned(),
    })
}

/// Numbers the drafts, so that two threads that make the same thumbnail have one each.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Writes beside the final name first, so that a kill leaves no half picture.
fn keep(path: &Path, jpeg: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(Error::io("Making a folder for thumbnails", folder))?;
    let draft = path.with_extension(format!("{}.new", DRAFTS.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&draft, jpeg).map_err(Error::io("Writing a thumbnail", &draft))?;
    std::fs::rename(&draft, path).map_err(Error::io("Writing a thumbnail", path))
}
