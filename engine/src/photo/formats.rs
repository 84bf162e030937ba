//! Which format a file really has, and the decoding of all of them but ordinary JPEG.

use std::{
    error::Error,
    io::{self, Cursor},
};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{MAX_DECODED_BYTES, PhotoError, check_size, one_large_at_a_time};

/// Tells the format by the first bytes; the name of a file proves nothing.
pub(super) fn detect(file: &[u8]) -> Result<ImageFormat, PhotoError> {
    if let Some(format) = image::guess_format(file)
        .ok()
        .filter(ImageFormat::reading_enabled)
    {
        return Ok(format);
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
        _ => return Err(PhotoError::NotAPhoto),
    };
    let format = not_yet.to_owned();
    Err(PhotoError::NotYet { format })
}

/// Decodes the first picture of a file at full size, as the file stores it.
pub(super) fn decode(file: &[u8], format: ImageFormat) -> Result<DynamicImage, PhotoError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| explain(&error, file, format))?;

    let (width, height) = decoder.dimensions();
    // The TIFF decoder fills a buffer of its own first, and pixels with alpha are multiplied by it
    // in a second buffer before they are resized.
    let copies = if format == ImageFormat::Tiff || decoder.color_type().has_alpha() {
        2
    } else {
        1
    };
    let bytes = decoder.total_bytes().saturating_mul(copies);
    check_size(width, height, bytes)?;
    let _turn = one_large_at_a_time(bytes);
    DynamicImage::from_decoder(decoder).map_err(|error| match error {
        ImageError::Limits(_) => PhotoError::TooLarge { width, height },
        error => explain(&error, file, format),
    })
}

fn explain(error: &ImageError, file: &[u8], format: ImageFormat) -> PhotoError {
    if is_eof(error) || ends_early(file, format) {
        return PhotoError::CutOff;
    }
    match error {
        ImageError::Unsupported(_) => PhotoError::Unusual {
            format: format!("{format:?}"),
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
