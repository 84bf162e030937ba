//! What a photo's header says: when, where and with which camera it was taken, and how it lies.
//!
//! Tags as in EXIF 2.32. A header is often wrong in parts; each part that makes no sense is left
//! out, and the rest is used.

use exif::{Exif, In, Rational, SRational, Tag, Value};
use jiff::civil::DateTime;

use super::{Orientation, tiff::copied_exif_block};
use crate::text::is_invisible;

/// Where a photo was taken, in degrees of WGS 84, north and east positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// −90 to 90.
    pub latitude: f64,
    /// −180 to 180.
    pub longitude: f64,
}

/// What the header of a file says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub taken_at: Option<DateTime>,
    pub place: Option<Place>,
    pub camera: Option<String>,
    pub orientation: Orientation,
}

impl Header {
    /// That of a file which says nothing.
    pub const EMPTY: Self = Self {
        taken_at: None,
        place: None,
        camera: None,
        orientation: Orientation::UPRIGHT,
    };
}

/// Reads the EXIF block of a JPEG, PNG, WebP, TIFF or raw file; a file without one says nothing.
pub(super) fn header(file: &[u8]) -> Header {
    let exif = copied_exif_block(file).and_then(|block| {
        exif::Reader::new()
            .continue_on_error(true)
            .read_raw(block)
            .or_else(|error| error.distill_partial_result(|_| ()))
            .ok()
    });
    let Some(exif) = exif else {
        return Header::EMPTY;
    };
    Header {
        taken_at: [Tag::DateTimeOriginal, Tag::DateTimeDigitized, Tag::DateTime]
            .into_iter()
            .find_map(|tag| date(ascii(&exif, tag)?)),
        place: place(&exif),
        camera: camera(&exif),
        orientation: exif
            .get_field(Tag::Orientation, In::PRIMARY)
            .and_then(|field| field.value.get_uint(0))
            .map_or(Orientation::UPRIGHT, Orientation::from_tag),
    }
}

fn ascii(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(parts) => parts.first().map(Vec::as_slice),
        _ => None,
    }
}

/// `YYYY:MM:DD HH:MM:SS`, on the clock of the camera. Zeros and blanks mean unknown.
fn date(text: &[u8]) -> Option<DateTime> {
    let read = exif::DateTime::from_ascii(text).ok()?;
    let small = |number: u8| i8::try_from(number).ok();
    let date = DateTime::new(
        i16::try_from(read.year).ok()?,
        small(read.month)?,
        small(read.day)?,
        small(read.hour)?,
        small(read.minute)?,
        small(read.second)?,
        0,
    );
    date.ok().filter(|date| date.year() > 0)
}

fn place(exif: &Exif) -> Option<Place> {
    let latitude = degrees(exif, Tag::GPSLatitude)? * sign(exif, Tag::GPSLatitudeRef, b'N', b'S')?;
    let longitude =
        degrees(exif, Tag::GPSLongitude)? * sign(exif, Tag::GPSLongitudeRef, b'E', b'W')?;
    // Devices without a fix write zeros; nobody photographs their family at 0°, 0° in the Atlantic.
    let known =
        latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0);
    known.then_some(Place {
        latitude,
        longitude,
    })
}

/// Degrees, minutes and seconds as one number; `None` where a part is divided by zero. Some phones
/// (Nokia 8.3) write signed fractions, against the standard.
fn degrees(exif: &Exif, tag: Tag) -> Option<f64> {
    let parts: Vec<f64> = match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(parts) => parts.iter().map(Rational::to_f64).collect(),
        Value::SRational(parts) => parts.iter().map(SRational::to_f64).collect(),
        _ => return None,
    };
    let degrees = parts
        .iter()
        .zip([1.0, 60.0, 3600.0])
        .map(|(part, unit)| part / unit)
        .sum::<f64>();
    (!parts.is_empty() && degrees.is_finite()).then_some(degrees)
}

/// Without the letter the hemisphere is not known, and a wrong place is worse than none.
fn sign(exif: &Exif, tag: Tag, positive: u8, negative: u8) -> Option<f64> {
    let letter = ascii(exif, tag)?.first()?.to_ascii_uppercase();
    if letter == positive {
        Some(1.0)
    } else if letter == negative {
        Some(-1.0)
    } else {
        None
    }
}

/// Longest name of a maker or model that is kept, in characters.
const MAX_CAMERA_CHARS: usize = 100;

/// Maker and model; the model alone where it begins with a word of its maker, as in
/// `NIKON CORPORATION` and `NIKON D70`.
fn camera(exif: &Exif) -> Option<String> {
    let text = |tag| {
        let text = String::from_utf8_lossy(ascii(exif, tag)?)
            .chars()
            .map(|c| if is_invisible(c) { ' ' } else { c })
            .take(MAX_CAMERA_CHARS)
            .collect::<String>()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        (!text.is_empty()).then_some(text)
    };
    match (text(Tag::Make), text(Tag::Model)) {
        (Some(make), Some(model)) => {
            let first = model.split(' ').next().unwrap_or_default();
            let repeats = make.split(' ').any(|word| word.eq_ignore_ascii_case(first));
            Some(if repeats {
                model
            } else {
                format!("{make} {model}")
            })
        }
        (make, model) => make.or(model),
    }
}
