//! Small pictures of photos and faces, kept so that a grid need not decode photos. A cache: what is
//! missing is made again.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::crop_imm;

use crate::encryption::DataKey;
use crate::faces::resized;
use crate::photo::{PhotoError, encode_jpeg};
use crate::{Error, Result, private};

/// Long side of a photo's thumbnail in pixels: sharp at twice the pixels in a row of 200.
const PHOTO_SIDE: u32 = 400;
/// Side of a face's thumbnail in pixels.
const FACE_SIDE: u32 = 224;
/// A face's thumbnail shows this many times its box, so that hair and chin are on it.
const FACE_MARGIN: f32 = 1.7;

/// The folder of thumbnails of faces.
const FACES: &str = "faces";

/// Longest thumbnail that is read back: three times the pixels of one.
const MAX_BYTES: u64 = 1 << 20;

/// Behind the JPEG in each file, before the first [`SUM_LEN`] bytes of its BLAKE3. Files of an older
/// version lack both.
const SUM_MAGIC: &[u8; 8] = b"KITHsum1";
const SUM_LEN: usize = 16;
/// First and last bytes of a whole JPEG: the markers SOI and EOI.
const JPEG_START: [u8; 2] = [0xFF, 0xD8];
const JPEG_END: [u8; 2] = [0xFF, 0xD9];

/// Where the thumbnails are. They are named by the content of the file, so that nothing is ever
/// out of date.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnails {
    folder: PathBuf,
    /// Of an encrypted library.
    key: Option<DataKey>,
}

impl Thumbnails {
    pub(crate) fn at(folder: PathBuf, key: Option<&DataKey>) -> Self {
        Self {
            folder,
            key: key.cloned(),
        }
    }

    /// The photo's thumbnail as JPEG, if it was made and is whole.
    pub(crate) fn photo(&self, content: &[u8; 32]) -> Option<Vec<u8>> {
        self.kept(&self.photo_path(content))
    }

    /// The face's thumbnail as JPEG, if it was made and is whole.
    pub(crate) fn face(&self, content: &[u8; 32], box_upright: &[f32; 4]) -> Option<Vec<u8>> {
        self.kept(&self.face_path(content, box_upright))
    }

    /// The photo's thumbnail, made of these pixels where there is none.
    pub(crate) fn photo_or(
        &self,
        content: &[u8; 32],
        pixels: impl FnOnce() -> Result<RgbImage>,
    ) -> Result<Vec<u8>> {
        match self.photo(content) {
            Some(jpeg) => Ok(jpeg),
            None => self.shown(&self.photo_path(content), draw_photo(&pixels()?)?),
        }
    }

    /// The face's thumbnail, made of the photo's pixels where there is none.
    pub(crate) fn face_or(
        &self,
        content: &[u8; 32],
        box_upright: &[f32; 4],
        pixels: impl FnOnce() -> Result<RgbImage>,
    ) -> Result<Vec<u8>> {
        match self.face(content, box_upright) {
            Some(jpeg) => Ok(jpeg),
            None => self.shown(
                &self.face_path(content, box_upright),
                draw_face(box_upright, &pixels()?)?,
            ),
        }
    }

    /// Keeps what is shown, where the disk lets us.
    fn shown(&self, path: &Path, jpeg: Vec<u8>) -> Result<Vec<u8>> {
        match self.keep(path, &jpeg) {
            Err(Error::Io { .. }) | Ok(()) => Ok(jpeg),
            Err(error) => Err(error),
        }
    }

    /// Deletes the files that are no whole thumbnails, and says how many these were.
    pub(crate) fn remove_damaged(&self) -> Result<u32> {
        let mut removed = 0;
        for path in self.files()? {
            if self.kept(&path).is_none() {
                remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Writes those that are whole into another folder, encrypted with that one's key, or with none.
    /// `on_progress` is called after each with how many are done, and of how many.
    pub(crate) fn copy_to(
        &self,
        other: &Self,
        on_progress: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        private::create_folders(&other.folder)
            .map_err(Error::io("Making a folder for thumbnails", &other.folder))?;
        let files = self.files()?;
        for (done, path) in files.iter().enumerate() {
            if let (Some(jpeg), Ok(inside)) = (self.kept(path), path.strip_prefix(&self.folder)) {
                other.keep(&other.folder.join(inside), &jpeg)?;
            }
            on_progress(done + 1, files.len());
        }
        Ok(())
    }

    /// All files below the folder.
    fn files(&self) -> Result<Vec<PathBuf>> {
        fn below(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    below(&entry.path(), files)?;
                } else {
                    files.push(entry.path());
                }
            }
            Ok(())
        }
        let mut files = Vec::new();
        if self.folder.exists() {
            below(&self.folder, &mut files)
                .map_err(Error::io("Looking at the thumbnails", &self.folder))?;
        }
        Ok(files)
    }

    /// Makes and keeps the thumbnail of a photo.
    pub(crate) fn make_photo(&self, content: &[u8; 32], pixels: &RgbImage) -> Result<()> {
        self.keep(&self.photo_path(content), &draw_photo(pixels)?)
    }

    /// Makes and keeps the thumbnail of a face.
    pub(crate) fn make_face(
        &self,
        content: &[u8; 32],
        box_upright: &[f32; 4],
        pixels: &RgbImage,
    ) -> Result<()> {
        let jpeg = draw_face(box_upright, pixels)?;
        self.keep(&self.face_path(content, box_upright), &jpeg)
    }

    /// Adds what tells a whole file from a damaged one.
    fn keep(&self, path: &Path, jpeg: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(path);
        private::create_folders(folder)
            .map_err(Error::io("Making a folder for thumbnails", folder))?;
        let bytes = if let Some(key) = &self.key {
            key.encrypt(name_of(path), jpeg)
        } else {
            let sum = blake3::hash(jpeg);
            Ok([jpeg, SUM_MAGIC, &sum.as_bytes()[..SUM_LEN]].concat())
        };
        bytes
            .and_then(|bytes| private::write(&self.folder, path, &bytes))
            .map_err(Error::io("Writing a thumbnail", path))
    }

    /// A thumbnail that is whole: one cut short by a power failure is made again, as is what is no thumbnail.
    fn kept(&self, path: &Path) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(path).ok()?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > MAX_BYTES {
            return None;
        }
        match &self.key {
            Some(key) => key.decrypt(name_of(path), &bytes),
            None => whole(bytes),
        }
    }

    /// Deletes the thumbnail of a face, if it was made.
    pub(crate) fn remove_face(&self, content: &[u8; 32], box_upright: &[f32; 4]) -> Result<()> {
        remove(&self.face_path(content, box_upright))
    }

    /// Deletes the thumbnails of faces on all photos but these, and drafts that a kill left.
    pub(crate) fn remove_faces_but(&self, contents: &HashSet<[u8; 32]>) -> Result<()> {
        let kept: HashSet<String> = contents.iter().map(hex).collect();
        let folder = self.folder.join(FACES);
        if !folder.exists() {
            return Ok(());
        }
        let failed = || Error::io("Looking through the thumbnails", &folder);
        for below in std::fs::read_dir(&folder).map_err(failed())? {
            let below = below.map_err(failed())?.path();
            if !below.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(&below).map_err(failed())? {
                let file = file.map_err(failed())?.path();
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let content = name.get(..HASH_DIGITS).unwrap_or_default();
                if !kept.contains(content) || !name.ends_with(".jpg") {
                    remove(&file)?;
                }
            }
        }
        Ok(())
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
            .join(FACES)
            .join(&name[..2])
            .join(format!("{name}-{x:04}-{y:04}-{w:04}-{h:04}.jpg"))
    }
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

fn draw_photo(pixels: &RgbImage) -> Result<Vec<u8>> {
    let long_side = pixels.width().max(pixels.height());
    if long_side <= PHOTO_SIDE {
        return encode(pixels);
    }
    let scaled = |side: u32| {
        (f64::from(side) * f64::from(PHOTO_SIDE) / f64::from(long_side))
            .round()
            .max(1.0) as u32
    };
    encode(&resized(
        pixels,
        scaled(pixels.width()),
        scaled(pixels.height()),
    )?)
}

/// A square around a face, as much of it as the photo has.
fn draw_face(box_upright: &[f32; 4], pixels: &RgbImage) -> Result<Vec<u8>> {
    let (width, height) = (pixels.width() as f32, pixels.height() as f32);
    let [x, y, w, h] = *box_upright;
    let side = ((w * width).max(h * height) * FACE_MARGIN).clamp(1.0, width.min(height));
    let left = ((x + w / 2.0) * width - side / 2.0).clamp(0.0, width - side);
    let top = ((y + h / 2.0) * height - side / 2.0).clamp(0.0, height - side);
    let square = crop_imm(pixels, left as u32, top as u32, side as u32, side as u32).to_image();
    encode(&resized(&square, FACE_SIDE, FACE_SIDE)?)
}

/// So many digits of the content's hash are in the name of a thumbnail.
const HASH_DIGITS: usize = 32;

fn hex(content: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*content).to_hex().as_str()[..HASH_DIGITS].to_owned()
}

fn remove(file: &Path) -> Result<()> {
    private::remove_if_there(file).map_err(Error::io("Deleting a thumbnail", file))
}

fn encode(pixels: &RgbImage) -> Result<Vec<u8>> {
    encode_jpeg(pixels).map_err(|source: PhotoError| Error::Thumbnail(source.to_string()))
}

/// The JPEG in a file; none where the file is cut or damaged, as by a power loss.
fn whole(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let jpeg_len = bytes.len().saturating_sub(SUM_MAGIC.len() + SUM_LEN);
    let (jpeg, rest) = bytes.split_at(jpeg_len);
    if let Some(sum) = rest.strip_prefix(SUM_MAGIC) {
        let is_whole = blake3::hash(jpeg).as_bytes().starts_with(sum);
        bytes.truncate(jpeg_len);
        return is_whole.then_some(bytes);
    }
    let is_whole = bytes.starts_with(&JPEG_START) && bytes.ends_with(&JPEG_END);
    is_whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_that_a_power_loss_cut_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::at(dir.path().join("thumbnails"), None);
        let content = [7; 32];
        let pixels = RgbImage::from_pixel(90, 60, image::Rgb([9, 99, 200]));
        let made = thumbnails
            .photo_or(&content, || Ok(pixels.clone()))
            .unwrap();
        assert_eq!(thumbnails.photo(&content), Some(made.clone()));
        let file = thumbnails.photo_path(&content);
        let stored = std::fs::read(&file).unwrap();
        for at in [0, 1, stored.len() / 2, stored.len() - 1] {
            std::fs::write(&file, &stored[..at]).unwrap();
            assert_eq!(thumbnails.photo(&content), None, "cut at {at}");
            let mut other = stored.clone();
            other[at] ^= 1;
            std::fs::write(&file, &other).unwrap();
            assert_eq!(thumbnails.photo(&content), None, "changed at {at}");
        }
        std::fs::write(&file, vec![0; stored.len()]).unwrap();
        assert_eq!(thumbnails.photo(&content), None);
        // As an older version wrote it.
        std::fs::write(&file, &made).unwrap();
        assert_eq!(thumbnails.photo(&content), Some(made.clone()));
        thumbnails.make_photo(&content, &pixels).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), stored);
        let drafts = std::fs::read_dir(&thumbnails.folder).unwrap();
        assert_eq!(drafts.count(), 1, "only the folder of photos");
    }
}
