//! A file becomes upright pixels, and what its header says.
//!
//! The file is opened once and read whole. Its format is told by its content; JPEG is scaled down
//! while it is decoded; pixels come out upright, in RGB, on white where they were transparent. Of a
//! camera's raw file, known by its name, the picture that the camera put into it is shown.

mod edit;
mod error;
mod facts;
mod formats;
mod jpeg;
mod orientation;
mod picture_hash;
mod raw;
mod room;
#[cfg(test)]
mod tests;
mod tiff;

use std::{
    fs::{self, File},
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jiff::civil::DateTime;

use crate::memory::take_back_what_others_freed;

pub use edit::{Alignment, alignment};
pub use error::PhotoError;
pub use facts::Place;
pub(crate) use formats::begins_like_a_picture;
pub use jpeg::encode as encode_jpeg;
pub use orientation::Orientation;
pub use room::let_go as let_room_go;

/// Longest file that is opened: a 16-bit scan of 44 megapixels, without compression.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most pixels of a photo: the largest phone sensors have 200 megapixels.
pub const MAX_PIXELS: u64 = 250_000_000;
/// Most memory that decoding one photo may take, beside the file itself.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;
/// Photos that take more than this are decoded one after the other, whatever the number of threads.
const LARGE_BYTES: u64 = 64 << 20;

const EXTENSIONS: [&str; 9] = [
    "jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "gif", "bmp",
];

/// A photo as a person sees it.
#[derive(Debug, Clone)]
pub struct Upright {
    /// RGB, 8 bits a channel, sRGB as stored (colour profiles are not applied).
    pub pixels: RgbImage,
    /// Width of the whole photo in pixels, before it was scaled down.
    pub full_width: u32,
    /// Height of the whole photo in pixels, before it was scaled down.
    pub full_height: u32,
}

/// What a file tells about its photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// BLAKE3 of the whole file.
    pub content: [u8; 32],
    /// BLAKE3 of the picture data alone, without metadata; `None` where the format does not tell them
    /// apart.
    pub picture: Option<[u8; 32]>,
    /// Upright width of the whole photo in pixels.
    pub width: u32,
    /// Upright height of the whole photo in pixels.
    pub height: u32,
    /// When it was taken, on the clock of the camera.
    pub taken_at: Option<DateTime>,
    /// Where it was taken.
    pub place: Option<Place>,
    /// Maker and model of the camera.
    pub camera: Option<String>,
    /// How the pixels lie in the file.
    pub orientation: Orientation,
}

/// Whether the name of a file is that of a photo: `jpg jpeg jpe png webp tif tiff gif bmp` or that of
/// a camera's raw file, in either case. What is inside is seen when it is opened.
#[must_use]
pub fn is_supported(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS) || is_raw(path)
}

fn is_raw(path: &Path) -> bool {
    has_extension(path, &raw::EXTENSIONS)
}

fn has_extension(path: &Path, of: &[&str]) -> bool {
    path.extension().is_some_and(|found| {
        of.iter()
            .any(|extension| found.eq_ignore_ascii_case(extension))
    })
}

/// Reads a photo once: its pixels, upright, with a long side of at most `max_side`, and its facts.
/// A smaller photo keeps its size.
///
/// # Errors
/// See [`PhotoError`].
pub fn read(path: &Path, max_side: u32) -> Result<(Upright, Facts), PhotoError> {
    with_file(path, |file| read_bytes(file, is_raw(path), max_side))
}

/// What a file is recognised by, without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE3 of the whole file.
    pub content: [u8; 32],
    /// BLAKE3 of the picture data alone, as [`Facts::picture`].
    pub picture: Option<[u8; 32]>,
}

/// Reads a file and hashes it.
///
/// # Errors
/// See [`PhotoError`]; a file that is no picture is no error here.
pub fn hashes(path: &Path) -> Result<Hashes, PhotoError> {
    with_file(path, |file| Ok(hashes_of(file, is_raw(path))))
}

/// As [`hashes`], with how the pixels lie in the file.
///
/// # Errors
/// See [`PhotoError`].
pub fn hashes_and_orientation(path: &Path) -> Result<(Hashes, Orientation), PhotoError> {
    with_file(path, |file| {
        let is_raw = is_raw(path);
        let header = match is_raw.then(|| raw::picture(file)).flatten() {
            Some(picture) => raw::header(file, picture),
            None => facts::header(file),
        };
        Ok((hashes_of(file, is_raw), header.orientation))
    })
}

fn hashes_of(file: &[u8], is_raw: bool) -> Hashes {
    Hashes {
        content: blake3::hash(file).into(),
        picture: picture_hash::picture_hash(file, is_raw),
    }
}

/// The pixels of [`read`] alone.
///
/// # Errors
/// See [`PhotoError`].
pub fn decode(path: &Path, max_side: u32) -> Result<Upright, PhotoError> {
    with_file(path, |file| {
        let (upright, _) = upright(file, is_raw(path), max_side)?;
        Ok(upright)
    })
}

/// The upright photo as a JPEG with a long side of at most `side`.
///
/// # Errors
/// See [`PhotoError`].
pub fn thumbnail(path: &Path, side: u32) -> Result<Vec<u8>, PhotoError> {
    encode_jpeg(&decode(path, side)?.pixels)
}

/// Runs something with the bytes of a file.
fn with_file<T>(
    path: &Path,
    run: impl FnOnce(&mut Vec<u8>) -> Result<T, PhotoError>,
) -> Result<T, PhotoError> {
    take_back_what_others_freed();
    let mut file = load(path)?;
    // Decoders meet files of every kind of damage. A fault in one of them must not end a scan.
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut file)));
    room::give_back_file(file);
    outcome.unwrap_or_else(|_| Err(PhotoError::damaged("its decoder gave up")))
}

fn load(path: &Path) -> Result<Vec<u8>, PhotoError> {
    // Asked before it is opened: opening a pipe waits for a writer that may never come.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(PhotoError::NotAFile);
    }
    let mut file = Vec::new();
    if metadata.len() <= MAX_FILE_BYTES {
        // More than it should have: its end is only seen beyond it, and a JPEG may get an end.
        file = room::for_file(metadata.len() as usize + 8);
        File::open(path)
            .and_then(|opened| opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut file))?;
    }
    match (file.len() as u64).max(metadata.len()) {
        0 => Err(PhotoError::Empty),
        length if length > MAX_FILE_BYTES => Err(PhotoError::TooHeavy {
            megabytes: u32::try_from(length >> 20).unwrap_or(u32::MAX),
        }),
        _ => Ok(file),
    }
}

/// [`read`] of the bytes of a file, which may be changed; `is_raw` where its name is that of a camera's raw
/// file. A fault in a decoder is a panic here.
///
/// # Errors
/// See [`PhotoError`].
pub fn read_bytes(
    file: &mut Vec<u8>,
    is_raw: bool,
    max_side: u32,
) -> Result<(Upright, Facts), PhotoError> {
    let Hashes { content, picture } = hashes_of(file, is_raw);
    let (upright, header) = upright(file, is_raw, max_side)?;
    let facts::Header {
        taken_at,
        place,
        camera,
        orientation,
    } = header;
    let facts = Facts {
        content,
        picture,
        width: upright.full_width,
        height: upright.full_height,
        taken_at,
        place,
        camera,
        orientation,
    };
    Ok((upright, facts))
}

/// The pixels of a file, upright and small enough, and what its header says.
fn upright(
    file: &mut Vec<u8>,
    is_raw: bool,
    max_side: u32,
) -> Result<(Upright, facts::Header), PhotoError> {
    let (decoded, size_in_file, header) = if is_raw {
        let picture = raw::picture(file).ok_or(PhotoError::NoPictureInRaw)?;
        let header = raw::header(file, picture);
        file.drain(..picture.start);
        let (decoded, size) = jpeg::decode(file, max_side)?;
        (decoded, size, header)
    } else {
        let format = formats::detect(file)?;
        let header = facts::header(file);
        let (decoded, size) = if format == ImageFormat::Jpeg {
            jpeg::decode(file, max_side)?
        } else {
            formats::skip_png_metadata(file);
            let decoded = formats::decode(file, format)?;
            let size = (decoded.width(), decoded.height());
            (decoded, size)
        };
        (decoded, size, header)
    };
    let orientation = header.orientation;
    let pixels = orientation.upright(on_white(shrunk(decoded, size_in_file, max_side)?));
    let (full_width, full_height) = orientation.upright_size_from_file(size_in_file);
    let upright = Upright {
        pixels,
        full_width,
        full_height,
    };
    Ok((upright, header))
}

/// Resizes to a long side of `max_side`, if that makes the photo smaller. The proportions are those
/// of `full_size`, which a JPEG that was scaled while decoding has lost by up to a pixel.
fn shrunk(
    decoded: DynamicImage,
    full_size: (u32, u32),
    max_side: u32,
) -> Result<DynamicImage, PhotoError> {
    let long_side = full_size.0.max(full_size.1);
    if long_side <= max_side {
        return Ok(decoded);
    }
    let scaled = |side: u32| {
        let side = f64::from(side) * f64::from(max_side) / f64::from(long_side);
        (side.round() as u32).max(1)
    };
    let (width, height) = (scaled(full_size.0), scaled(full_size.1));
    if (width, height) == (decoded.width(), decoded.height()) {
        return Ok(decoded);
    }
    let mut small = DynamicImage::new(width, height, decoded.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Hamming));
    room::with_resizer(|resizer| resizer.resize(&decoded, &mut small, &options))
        .map_err(PhotoError::damaged)?;
    if let DynamicImage::ImageRgb8(pixels) = decoded {
        room::give_back_pixels(pixels.into_raw());
    }
    Ok(small)
}

/// RGB of any pixels; transparent ones lie on white paper.
fn on_white(decoded: DynamicImage) -> RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let transparent = decoded.into_rgba8();
    RgbImage::from_fn(transparent.width(), transparent.height(), |x, y| {
        let [r, g, b, alpha] = transparent.get_pixel(x, y).0.map(u32::from);
        // Rounded to the nearest.
        Rgb([r, g, b].map(|ink| ((ink * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

/// Refuses a picture before it is decoded. `bytes` is the memory that decoding it takes.
fn check_size(width: u32, height: u32, bytes: u64) -> Result<(), PhotoError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || bytes > MAX_DECODED_BYTES {
        return Err(PhotoError::TooLarge { width, height });
    }
    Ok(())
}

/// Waits while another large photo is decoded, so that the memory for them does not grow with the
/// number of threads.
fn one_large_at_a_time(bytes: u64) -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    (bytes > LARGE_BYTES).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}
