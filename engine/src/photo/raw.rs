//! A camera's raw file: the largest JPEG that lies in it is the photo.
//!
//! Every maker puts pictures into its raw files to be shown at once, and has its own place to say
//! where. They are found by what a JPEG begins with instead (ITU-T T.81, annex B), which is the same
//! in all of them. What the sensor saw is not developed.

use std::cmp::Reverse;

use memchr::memmem;

use super::{
    Orientation,
    facts::{self, Header},
    tiff::largest_picture,
};

/// Formats with a picture of some size in them, in either case: of Hasselblad, Sony, Canon (two), Adobe and phones, Nikon (two), Olympus, Pentax, Fujifilm,
/// Panasonic, Leica, Samsung.
pub(super) const EXTENSIONS: [&str; 13] = [
    "3fr", "arw", "cr2", "cr3", "dng", "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "srw",
];
/// A smaller picture is for the list of a camera, not for a person.
const LEAST_SIDE: u16 = 320;

/// The picture that stands for a raw file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// Where it begins in the file.
    pub start: usize,
    /// Width and height in pixels, as the file stores it.
    pub size: (u16, u16),
}

/// The largest picture; `None` where there is none that is large enough.
///
/// Takes time in proportion to the file: every place is looked at as a marker once at most.
pub(super) fn picture(file: &[u8]) -> Option<Picture> {
    let mut visited = Visited::new(file.len());
    memmem::find_iter(file, b"\xff\xd8\xff")
        .filter_map(|start| {
            let size = jpeg_size(file, start, &mut visited)?;
            (size.0.max(size.1) >= LEAST_SIDE).then_some(Picture { start, size })
        })
        // The first of two that are equal: a picture of a camera's comes before its copy.
        .max_by_key(|picture| {
            let (width, height) = picture.size;
            (u32::from(width) * u32::from(height), Reverse(picture.start))
        })
}

/// The places of a file at which a marker was looked for, one bit each.
struct Visited(Vec<u64>);

impl Visited {
    fn new(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    /// Notes a place, and says whether it is new.
    fn insert(&mut self, at: usize) -> bool {
        let (word, bit) = (&mut self.0[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Width and height by the start of frame, of a JPEG in colour with 8 bits a channel; the sensor's
/// own data, where they are JPEG, too, are without loss, deeper, or without colours.
///
/// What follows a marker depends on its place alone. So where the segments of a JPEG come to a place at
/// which those of an earlier one have been, its size is that of the earlier one, which is preferred, and
/// `None` is returned.
fn jpeg_size(file: &[u8], start: usize, visited: &mut Visited) -> Option<(u16, u16)> {
    let mut at = start + 2;
    loop {
        let [0xff, code, segment @ ..] = file.get(at..)? else {
            return None;
        };
        if !visited.insert(at) {
            return None;
        }
        let two = |at| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
        match code {
            // Filling before a marker.
            0xff => at += 1,
            0xc0..=0xc2 => {
                let in_colour = segment.get(2) == Some(&8) && segment.get(7) == Some(&3);
                let (height, width) = (two(3)?, two(5)?);
                return (in_colour && width > 0 && height > 0).then_some((width, height));
            }
            0xdb | 0xc4 | 0xdd | 0xe0..=0xef | 0xfe => {
                let length = usize::from(two(0)?);
                at = Some(at + 2 + length).filter(|_| length >= 2)?;
            }
            _ => return None,
        }
    }
}

/// What the header of a raw file says, or else that of the picture in it.
pub(super) fn header(file: &[u8], picture: Picture) -> Header {
    let block = canon_block(file).unwrap_or(file);
    let mut header = facts::header(block);
    if header == Header::EMPTY {
        return facts::header(&file[picture.start..]);
    }
    // A sensor is wider than high, where the file does not say otherwise.
    let (sensor_width, sensor_height) = largest_picture(block).unwrap_or((3, 2));
    let lies_across = sensor_width.cmp(&sensor_height) == picture.size.1.cmp(&picture.size.0);
    // The orientation is that of what the sensor saw. Some programs put in a picture that is upright already,
    // as its shape tells.
    if header.orientation.swaps_sides() && lies_across && sensor_width != sensor_height {
        header.orientation = Orientation::UPRIGHT;
    }
    header
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
