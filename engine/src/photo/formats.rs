//! Which format a file really has, and the decoding of all of them but ordinary JPEG.

use std::{
    error::Error,
    io::{self, Cursor},
};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{LARGE_BYTES, MAX_DECODED_BYTES, PhotoError, check_size, one_large_at_a_time, tiff};

/// Bytes that one byte of a file may become, where the picture is large: a blank page as PNG (deflate, at most
/// 1,032) of one bit a pixel has some 4,000. A run-length encoded BMP of 1 KB can claim 500 MB.
const MAX_EXPANSION: u64 = 4096;

/// Tells the format by the first bytes; the name of a file proves nothing.
pub(super) fn detect(file: &[u8]) -> Result<ImageFormat, PhotoError> {
    let guessed = image::guess_format(file).ok();
    if let Some(format) = guessed.filter(ImageFormat::reading_enabled) {
        return Ok(format);
    }
    // BigTIFF, which `image` decodes and does not guess.
    if file.starts_with(b"II+\0") || file.starts_with(b"MM\0+") {
        return Ok(ImageFormat::Tiff);
    }
    // ISO 14496-12: a box `ftyp` whose first brand names what is inside.
    let not_yet = match (file.get(4..8), file.get(8..12)) {
        (Some(b"ftyp"), Some(b"avif" | b"avis")) => "AVIF",
        (
            Some(b"ftyp"),
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1"),
        ) => "HEIC",
        (Some(b"ftyp"), Some(b"crx ")) => "Canon raw",
        (Some(b"ftyp"), _) => return Err(PhotoError::Video),
        (Some(b"JXL "), _) => "JPEG XL",
        (Some(b"jP  "), _) => "JPEG 2000",
        _ if file.starts_with(b"\xff\x0a") => "JPEG XL",
        _ if file.starts_with(b"8BPS") => "Photoshop",
        _ if file.starts_with(b"II\xbc") => "JPEG XR",
        _ => match guessed {
            Some(ImageFormat::Ico) => "Windows icon",
            Some(ImageFormat::OpenExr) => "OpenEXR",
            Some(ImageFormat::Hdr) => "Radiance HDR",
            Some(ImageFormat::Dds) => "DirectDraw surface",
            Some(ImageFormat::Qoi) => "QOI",
            Some(ImageFormat::Farbfeld) => "farbfeld",
            Some(ImageFormat::Pnm) if file.get(2).is_some_and(u8::is_ascii_whitespace) => "PNM",
            _ => return Err(PhotoError::NotAPhoto),
        },
    };
    let format = not_yet.to_owned();
    Err(PhotoError::NotYet { format })
}

/// Gives the chunks of a PNG file that hold no pixels another name, which its decoder steps over (PNG
/// specification, sections 5.4 and 11.3.3). By itself it keeps texts and EXIF, and inflates a colour profile,
/// a thousand times the size of its chunk.
pub(super) fn skip_png_metadata(file: &mut [u8]) {
    if !file.starts_with(b"\x89PNG\r\n\x1a\n") {
        return;
    }
    let mut at = 8;
    while let Some(head) = file.get_mut(at..at + 8) {
        let (length, name) = head.split_at_mut(4);
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        if matches!(&*name, b"iCCP" | b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt") {
            // Small letters first: not needed to show the picture, and of nobody else.
            name.copy_from_slice(b"skIp");
        }
        at += 8 + length + 4;
    }
}

/// Whether a file that begins so (16 bytes suffice) is a picture, or a video in an ISO container.
pub fn begins_like_a_picture(start: &[u8]) -> bool {
    !matches!(detect(start), Err(PhotoError::NotAPhoto)) || image::guess_format(start).is_ok()
}

/// Decodes the first picture of a file at full size, as the file stores it.
pub(super) fn decode(file: &[u8], format: ImageFormat) -> Result<DynamicImage, PhotoError> {
    if format == ImageFormat::Tiff {
        tiff::check_layout(file)?;
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(match format {
        // For a frame beside the whole picture.
        ImageFormat::Gif => MAX_DECODED_BYTES / 2,
        _ => MAX_DECODED_BYTES,
    });
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| explain(&error, file, format))?;

    let (width, height) = decoder.dimensions();
    // The decoders of TIFF and WebP fill a buffer of their own first, and pixels with alpha are multiplied
    // by it in a second buffer before they are resized.
    let has_buffer = matches!(format, ImageFormat::Tiff | ImageFormat::WebP);
    let copies = if is_animated_webp(file) {
        // A canvas and a frame, with alpha each.
        4
    } else if has_buffer || decoder.color_type().has_alpha() {
        2
    } else {
        1
    };
    let bytes = decoder.total_bytes().saturating_mul(copies);
    check_size(width, height, bytes)?;
    if bytes > LARGE_BYTES + file.len() as u64 * MAX_EXPANSION {
        return Err(PhotoError::TooLarge { width, height });
    }
    let _turn = one_large_at_a_time(bytes);
    DynamicImage::from_decoder(decoder).map_err(|error| match error {
        ImageError::Limits(_) => PhotoError::TooLarge { width, height },
        error => explain(&error, file, format),
    })
}

/// Whether the flag of animation is set (RFC 9649, section 2.7.1).
fn is_animated_webp(file: &[u8]) -> bool {
    let is_extended = file.starts_with(b"RIFF") && file.get(8..16) == Some(b"WEBPVP8X");
    is_extended && file.get(20).is_some_and(|flags| flags & 2 != 0)
}

fn explain(error: &ImageError, file: &[u8], format: ImageFormat) -> PhotoError {
    if is_eof(error) || ends_early(file, format) {
        return PhotoError::CutOff;
    }
    match error {
        ImageError::Unsupported(_) => PhotoError::Unusual {
            format: match format {
                ImageFormat::WebP => "WebP".into(),
                format => format!("{format:?}").to_uppercase(),
            },
        },
        error => PhotoError::damaged(error),
    }
}

/// Whether a decoder asked for bytes behind the last one.
fn is_eof(error: &ImageError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = match error.downcast_ref() {
            // Its `source` is that of the error inside, not the error itself.
            Some(ImageError::IoError(io)) => Some(io),
            _ => error.downcast_ref::<io::Error>(),
        };
        if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Two decoders take a file that was cut off for one with senseless content; these containers tell
/// the difference. RIFF says in bytes 4 to 8 how long it is behind them; a GIF ends with `;`.
fn ends_early(file: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::WebP => file
            .get(4..8)
            .and_then(<[u8]>::first_chunk)
            .is_some_and(|length| file.len() < u32::from_le_bytes(*length) as usize + 8),
        ImageFormat::Gif => !file.ends_with(b";"),
        _ => false,
    }
}
