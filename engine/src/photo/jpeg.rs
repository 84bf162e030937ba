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

use super::{
    MAX_PIXELS, PhotoError, check_size, formats, one_large_at_a_time, room, tiff::EXIF_ID,
};

/// Scans in one file; a progressive photo has about ten, an attack has thousands.
const MAX_SCANS: u32 = 200;
/// Scans times pixels: each scan visits the whole picture, however few bytes it has ("Two Issues with the JPEG
/// Standard", libjpeg-turbo.org). Ten scans of the largest photo.
pub(super) const MAX_SCANNED_PIXELS: u64 = 10 * MAX_PIXELS;

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
    let structure = structure(file);
    let Structure { ends, scans, frame } = structure;
    if let Some(frame) = frame {
        check_size(frame.width.into(), frame.height.into(), 0)?;
        check_scans(scans, frame.width, frame.height)?;
        if !frame.is_read() {
            return Err(unusual());
        }
    }
    if !ends {
        file.extend(END_OF_IMAGE);
    }
    match decode_complete(file, scans, max_side)? {
        Decoded::Sound(pixels, size) => Ok((pixels.into(), size)),
        Decoded::Complaints(pixels, size) if ends => Ok((pixels.into(), size)),
        Decoded::Complaints(..) | Decoded::Refused if !ends => Err(PhotoError::CutOff),
        // CMYK, or something that only the other decoder may understand.
        _ => decode_otherwise(file, &structure),
    }
}

/// Decodes at full size by the decoder in Rust. It keeps two more copies of the file, and every coefficient of a
/// progressive picture in two bytes.
fn decode_otherwise(
    file: &[u8],
    structure: &Structure,
) -> Result<(DynamicImage, (u32, u32)), PhotoError> {
    let Some(frame) = structure.frame else {
        return Err(PhotoError::damaged("it does not say how large it is"));
    };
    if frame.is_lossless() {
        return Err(unusual());
    }
    let samples = u64::from(frame.width) * u64::from(frame.height) * u64::from(frame.components);
    let coefficients = if structure.scans > 1 { 2 * samples } else { 0 };
    let bytes = samples + coefficients + 2 * file.len() as u64;
    check_size(frame.width.into(), frame.height.into(), bytes)?;
    let _turn = one_large_at_a_time(bytes);
    let pixels = formats::decode(file, ImageFormat::Jpeg)?;
    let size = (pixels.width(), pixels.height());
    Ok((pixels, size))
}

/// Refuses a picture whose scans would take too long.
fn check_scans(scans: u32, width: u16, height: u16) -> Result<(), PhotoError> {
    let pixels = u64::from(width) * u64::from(height);
    if scans > MAX_SCANS || u64::from(scans) * pixels > MAX_SCANNED_PIXELS {
        return Err(PhotoError::TooManyScans {
            scans,
            width: width.into(),
            height: height.into(),
        });
    }
    Ok(())
}

fn unusual() -> PhotoError {
    PhotoError::Unusual {
        format: "JPEG".into(),
    }
}

pub(super) const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
const START_OF_SCAN: u8 = 0xda;
const APPLICATION_1: u8 = 0xe1;

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
    if matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        return Ok(Decoded::Refused);
    }
    let factor = FACTORS
        .into_iter()
        // What is without loss has no coefficients to scale by.
        .filter(|_| !header.is_lossless)
        .find(|factor| factor.scale(header.width.max(header.height)) >= max_side as usize)
        .unwrap_or(ScalingFactor::ONE);
    let scaled = header.scaled(factor);
    let mut bytes = (scaled.width * scaled.height * 3) as u64;
    if header.is_progressive || scans > 1 {
        // Every coefficient, two bytes each, is kept until the last scan.
        bytes += (header.width * header.height) as u64 * 2 * halves_per_pixel(header.subsamp) / 2;
    }
    check_size(size.0, size.1, bytes)?;
    // Should the decoder see more scans in the file than were counted.
    let pixels = (header.width * header.height).max(1) as u64;
    let most_scans = (MAX_SCANNED_PIXELS / pixels).min(MAX_SCANS.into()) as u32;
    decompressor
        .set_scan_limit(most_scans)
        .map_err(PhotoError::damaged)?;
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
    frame: Option<Frame>,
}

/// A frame header (T.81, B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// The code of its marker, which names the process.
    process: u8,
    /// Bits a sample.
    precision: u8,
    width: u16,
    height: u16,
    components: u8,
}

impl Frame {
    /// The frame whose segment, behind its length, is given.
    fn parse(process: u8, segment: &[u8]) -> Option<Self> {
        let [precision, h0, h1, w0, w1, components, ..] = *segment else {
            return None;
        };
        Some(Self {
            process,
            precision,
            width: u16::from_be_bytes([w0, w1]),
            height: u16::from_be_bytes([h0, h1]),
            components,
        })
    }

    fn is_lossless(self) -> bool {
        self.process == 0xc3
    }

    /// Whether a decoder here knows it: sequential, progressive or lossless with Huffman's coding, sequential or
    /// progressive with arithmetic coding; not hierarchical; 8 bits a sample.
    fn is_read(self) -> bool {
        matches!(self.process, 0xc0..=0xc3 | 0xc9 | 0xca) && self.precision == 8
    }
}

fn structure(file: &[u8]) -> Structure {
    let mut found = Structure {
        ends: false,
        scans: 0,
        frame: None,
    };
    for (code, at) in markers(file) {
        match code {
            START_OF_SCAN => found.scans += 1,
            0xd9 => found.ends = true,
            0xc0..=0xcf if !matches!(code, 0xc4 | 0xc8 | 0xcc) && found.frame.is_none() => {
                found.frame = segment(file, at).and_then(|segment| Frame::parse(code, segment));
            }
            _ => {}
        }
    }
    found
}

/// Width, height and number of scans of a JPEG, zeros where it does not say.
pub(super) fn size_and_scans(file: &[u8]) -> (u64, u64, u32) {
    let Structure { scans, frame, .. } = structure(file);
    let (width, height) = frame.map_or((0, 0), |frame| (frame.width, frame.height));
    (width.into(), height.into(), scans)
}

/// The EXIF block in the first segment that has one and lies before the coded data.
pub(super) fn exif_segment(file: &[u8]) -> Option<&[u8]> {
    markers(file)
        .take_while(|(code, _)| *code != START_OF_SCAN)
        .filter(|(code, _)| *code == APPLICATION_1)
        .find_map(|(_, at)| segment(file, at)?.strip_prefix(EXIF_ID))
}

/// What follows the length of the segment whose marker begins at a place.
fn segment(file: &[u8], at: usize) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*file.get(at + 2..)?.first_chunk()?);
    file.get(at + 4..at + 2 + usize::from(length))
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
                    if length < 2 {
                        // No segment; decoders go on behind it.
                        continue;
                    }
                    at = Some(at + length).filter(|end| *end <= file.len())?;
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
