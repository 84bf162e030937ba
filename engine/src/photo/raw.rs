//! A camera's raw file: the largest JPEG that lies in it is the photo.
//!
//! Every maker puts pictures into its raw files to be shown at once, and has its own place to say
//! where. They are found by what a JPEG begins with instead (ITU-T T.81, annex B), which is the same
//! in all of them. What the sensor saw is not developed.

use std::{borrow::Cow, cmp::Reverse};

use memchr::memmem;

use super::facts::{self, Header};

/// Formats with a picture of some size in them, in either case: of Hasselblad, Sony, Canon (two), Adobe and phones, Nikon (two), Olympus, Pentax, Fujifilm,
/// Panasonic, Leica, Samsung.
pub(super) const EXTENSIONS: [&str; 13] = [
    "3fr", "arw", "cr2", "cr3", "dng", "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "srw",
];
/// A smaller picture is for the list of a camera, not for a person.
const LEAST_SIDE: u16 = 320;

/// Where the largest picture begins; `None` where there is none that is large enough.
pub(super) fn picture(file: &[u8]) -> Option<usize> {
    memmem::find_iter(file, b"\xff\xd8\xff")
        .filter_map(|start| Some((start, jpeg_size(&file[start..])?)))
        .filter(|(_, (width, height))| *width.max(height) >= LEAST_SIDE)
        // The first of two that are equal: a picture of a camera's comes before its copy.
        .max_by_key(|(start, (width, height))| {
            let pixels = u32::from(*width) * u32::from(*height);
            (pixels, Reverse(*start))
        })
        .map(|(start, _)| start)
}

/// Width and height by the start of frame, of a JPEG in colour with 8 bits a channel; the sensor's
/// own data, where they are JPEG, too, are without loss, deeper, or without colours.
fn jpeg_size(jpeg: &[u8]) -> Option<(u16, u16)> {
    let mut rest = jpeg.get(2..)?;
    loop {
        let [0xff, code, after @ ..] = rest else {
            return None;
        };
        let segment = match code {
            // Filling before a marker.
            0xff => {
                rest = &rest[1..];
                continue;
            }
            0xc0..=0xc2 | 0xdb | 0xc4 | 0xdd | 0xe0..=0xef | 0xfe => after,
            _ => return None,
        };
        let two = |at| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
        if matches!(code, 0xc0..=0xc2) {
            let in_colour = segment.get(2) == Some(&8) && segment.get(7) == Some(&3);
            let (height, width) = (two(3)?, two(5)?);
            return (in_colour && width > 0 && height > 0).then_some((width, height));
        }
        let length = usize::from(two(0)?);
        rest = segment.get(length..).filter(|_| length >= 2)?;
    }
}

/// What the header of a raw file says, or else that of the picture in it, which begins at `picture`.
pub(super) fn header(file: &[u8], picture: usize) -> Header {
    let own = facts::header(&canon_block(file).map_or_else(|| as_tiff(file), Cow::Borrowed));
    if own == Header::EMPTY {
        facts::header(&file[picture..])
    } else {
        own
    }
}

/// Olympus and Panasonic write TIFF 6.0 with a number of their own in place of its 42.
fn as_tiff(file: &[u8]) -> Cow<'_, [u8]> {
    match file {
        [b'I', b'I', b'R' | b'U', b'O' | b'S' | 0, rest @ ..] => {
            Cow::Owned([b"II*\0", rest].concat())
        }
        file => Cow::Borrowed(file),
    }
}

/// Canon's CR3 is made of boxes (ISO 14496-12) whose `CMT1` holds a block as of TIFF: camera, date
/// and how the picture lies. Where it was taken stands in another one, which is not read.
fn canon_block(file: &[u8]) -> Option<&[u8]> {
    file.get(4..12).filter(|kind| kind == b"ftypcrx ")?;
    let name = memmem::find(file, b"CMT1")?;
    let start = name.checked_sub(4)?;
    let length = u32::from_be_bytes(*file.get(start..)?.first_chunk()?);
    file.get(name + 4..start.checked_add(length as usize)?)
}
