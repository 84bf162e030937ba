//! JPEG: scaled down while it is decoded, and refused when the file ends too early.
//!
//! libjpeg-turbo draws a grey rest for a file that ends early and only warns; so it does for
//! harmless flaws. The two are told apart by the structure of the file (ITU-T T.81, annex B): when
//! no end-of-image marker follows the scans, one is added. A picture that was complete then decodes
//! without a complaint, one that was cut off does not.

use std::iter;

use image::{DynamicImage, ImageFormat, RgbImage};
use memchr::memchr;
use turbojpeg::{Colorspace, Compressor, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp};

use super::{PhotoError, check_size, formats, one_large_at_a_time, room};

/// Scans in one file; a progressive photo has about ten, an attack has thousands.
const MAX_SCANS: u32 = 200;

/// Factors with a fast path in libjpeg-turbo, smallest first.
const FACTORS: [ScalingFactor; 4] = [
    ScalingFactor::ONE_EIGHTH,
    ScalingFactor::ONE_QUARTER,
    ScalingFactor::ONE_HALF,
    ScalingFactor::ONE,
];

/// Quality of the JPEGs made here, on libjpeg's scale of 1 to 100.
const QUALITY: i32 = 85;

/// Decodes to the smallest size whose long side is at least `max_side`, or to the full size.
/// Returns the pixels as they lie in the file, and the file's full width and height.
pub(super) fn decode(
    file: &mut Vec<u8>,
    max_side: u32,
) -> Result<(DynamicImage, (u32, u32)), PhotoError> {
    let Structure { ends, scans } = structure(file);
    if scans > MAX_SCANS {
        let said = format!("it is drawn in {scans} passes");
        return Err(PhotoError::damaged(said));
    }
    if !ends {
        file.extend(END_OF_IMAGE);
    }
    match decode_complete(file, scans, max_side)? {
        Decoded::Sound(pixels, size) => Ok((pixels.into(), size)),
        Decoded::Complaints(pixels, size) if ends => Ok((pixels.into(), size)),
        Decoded::Complaints(..) | Decoded::Refused if !ends => Err(PhotoError::CutOff),
        // CMYK, or something that only the other decoder may understand.
        _ => {
            let pixels = formats::decode(file, ImageFormat::Jpeg)?;
            let size = (pixels.width(), pixels.height());
            Ok((pixels, size))
        }
    }
}

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
const START_OF_SCAN: u8 = 0xda;

enum Decoded {
    Sound(RgbImage, (u32, u32)),
    /// Pixels, some of which may be wrong.
    Complaints(RgbImage, (u32, u32)),
    Refused,
}

fn decode_complete(file: &[u8], scans: u32, max_side: u32) -> Result<Decoded, PhotoError> {
    let mut decompressor = Decompressor::new().map_err(PhotoError::damaged)?;
    let Ok(header) = decompressor.read_header(file) else {
        return Ok(Decoded::Refused);
    };
    let size = (header.width as u32, header.height as u32);
    if header.is_lossless || matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        return Ok(Decoded::Refused);
    }
    let factor = FACTORS
        .into_iter()
        .find(|factor| factor.scale(header.width.max(header.height)) >= max_side as usize)
        .unwrap_or(ScalingFactor::ONE);
    let scaled = header.scaled(factor);
    let mut bytes = (scaled.width * scaled.height * 3) as u64;
    if header.is_progressive || scans > 1 {
        // Every coefficient, two bytes each, is kept until the last scan.
        bytes += (header.width * header.height) as u64 * 2 * halves_per_pixel(header.subsamp) / 2;
    }
    check_size(size.0, size.1, bytes)?;
    let _turn = one_large_at_a_time(bytes);

    let mut pixels = room::for_pixels(scaled.width * scaled.height * 3);
    let outcome = decompressor.set_scaling_factor(factor).and_then(|()| {
        decompressor.decompress(
            file,
            Image {
                pixels: &mut pixels[..],
                width: scaled.width,
                pitch: scaled.width * 3,
                height: scaled.height,
                format: PixelFormat::RGB,
            },
        )
    });
    let pixels = RgbImage::from_raw(scaled.width as u32, scaled.height as u32, pixels);
    let Some(pixels) = pixels else {
        return Ok(Decoded::Refused);
    };
    Ok(match outcome {
        Ok(()) => Decoded::Sound(pixels, size),
        Err(turbojpeg::Error::TurboJpegError(message)) if is_warning(&message) => {
            Decoded::Complaints(pixels, size)
        }
        Err(_) => Decoded::Refused,
    })
}

/// Twice the number of samples that a pixel has on average.
fn halves_per_pixel(subsamp: Subsamp) -> u64 {
    match subsamp {
        Subsamp::Gray => 2,
        Subsamp::Sub2x2 | Subsamp::Sub4x1 | Subsamp::Sub1x4 => 3,
        Subsamp::Sub2x1 | Subsamp::Sub1x2 => 4,
        _ => 6,
    }
}

/// Whether the picture was decoded to its end all the same: the texts of the `JWRN_` messages in
/// libjpeg-turbo's jerror.h. The binding reports warnings and errors alike.
fn is_warning(message: &str) -> bool {
    [
        "Corrupt JPEG data",
        "Premature end",
        "Inconsistent progression",
        "Unknown Adobe",
        "Warning",
        "Invalid SOS",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

/// What the markers of a file say.
#[derive(Debug, PartialEq, Eq)]
struct Structure {
    /// Whether an end-of-image marker was reached.
    ends: bool,
    scans: u32,
}

fn structure(file: &[u8]) -> Structure {
    let mut found = Structure {
        ends: false,
        scans: 0,
    };
    for (code, _) in markers(file) {
        found.ends |= code == END_OF_IMAGE[1];
        found.scans += u32::from(code == START_OF_SCAN);
    }
    found
}

/// What lies before the coded data, or all of a file where that is not found.
pub(super) fn head(file: &[u8]) -> &[u8] {
    if !file.starts_with(&START_OF_IMAGE) {
        return file;
    }
    markers(file)
        .find(|(code, _)| *code == START_OF_SCAN)
        .map_or(file, |(_, at)| &file[..at])
}

/// The markers of segments that are whole, up to the end of the image: each one's code, and where in
/// the file it begins. Segments (with the previews inside them) are stepped over by their length.
fn markers(file: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut at = 0;
    iter::from_fn(move || {
        loop {
            // Bytes that are no marker: the coded data after a start of scan, or harmless rubbish.
            at += memchr(0xff, &file[at..])?;
            at += file[at..].iter().take_while(|byte| **byte == 0xff).count();
            let code = *file.get(at)?;
            let marker = (code, at - 1);
            at += 1;
            match code {
                // A stuffed byte, TEM, restarts, start of image: no length follows.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                0xd9 => {
                    at = file.len();
                    return Some(marker);
                }
                _ => {
                    let length = usize::from(u16::from_be_bytes(*file[at..].first_chunk()?));
                    at = Some(at + length).filter(|end| length >= 2 && *end <= file.len())?;
                    return Some(marker);
                }
            }
        }
    })
}

/// Encodes pixels as JPEG, for thumbnails.
///
/// # Errors
/// [`PhotoError::Damaged`] when the picture has no pixels, or more than JPEG can count.
pub fn encode(pixels: &RgbImage) -> Result<Vec<u8>, PhotoError> {
    let image = Image {
        pixels: pixels.as_raw().as_slice(),
        width: pixels.width() as usize,
        pitch: pixels.width() as usize * 3,
        height: pixels.height() as usize,
        format: PixelFormat::RGB,
    };
    Compressor::new()
        .and_then(|mut compressor| {
            compressor.set_quality(QUALITY)?;
            compressor.set_subsamp(Subsamp::Sub2x2)?;
            compressor.compress_to_vec(image)
        })
        .map_err(PhotoError::damaged)
}
