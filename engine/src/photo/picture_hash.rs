//! The hash of a file's picture data alone: it stays the same when metadata is written into the file.
//!
//! BLAKE3 over what a decoder needs to draw the picture, without the segments and chunks in which
//! programs store captions, ratings, dates, places and thumbnails. So a photo is recognised after
//! its metadata was edited and its file renamed. The colour profile counts as metadata.

use image::ImageFormat;

use super::raw;

/// The hash of the picture data of `file`; `None` where the format has no metadata to tell apart, or its
/// structure is damaged. `is_raw` is for a camera's raw file, whose embedded picture is hashed.
pub(super) fn picture_hash(file: &[u8], is_raw: bool) -> Option<[u8; 32]> {
    if is_raw {
        return jpeg(&file[raw::picture(file)?.start..]);
    }
    match image::guess_format(file).ok()? {
        ImageFormat::Jpeg => jpeg(file),
        ImageFormat::Png => png(file),
        ImageFormat::WebP => webp(file),
        ImageFormat::Tiff => tiff(file),
        _ => None,
    }
}

/// Tells formats apart: equal bytes of two formats are two pictures.
fn hasher(format: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format.as_bytes());
    hasher
}

/// ITU-T T.81, annex B: all but the application segments (`APPn`) and comments (COM), up to the end of the
/// first image. What follows it (other frames, a video, a maker's trailer) is not hashed.
fn jpeg(file: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = hasher("jpeg");
    let mut at = file.starts_with(b"\xff\xd8").then_some(2)?;
    // Hashed in long runs, from one metadata segment to the next.
    let mut run_start = at;
    let mut scans = 0;
    // A file that was cut off is hashed as far as it goes.
    let end = loop {
        let Some(marker) = memchr::memchr(0xff, file.get(at..).unwrap_or_default()) else {
            break file.len();
        };
        let marker = at + marker;
        let Some(&code) = file.get(marker + 1) else {
            break file.len();
        };
        match code {
            0xd9 => break marker,
            // A fill byte before a marker.
            0xff => at = marker + 1,
            // A stuffed zero, or a marker without a segment.
            0x00 | 0x01 | 0xd0..=0xd8 => at = marker + 2,
            _ => {
                let Some(length) = file.get(marker + 2..).and_then(<[u8]>::first_chunk) else {
                    break file.len();
                };
                let length = usize::from(u16::from_be_bytes(*length)).max(2);
                at = (marker + 2 + length).min(file.len());
                if matches!(code, 0xe0..=0xef | 0xfe) {
                    hasher.update(&file[run_start..marker]);
                    run_start = at;
                }
                scans += u32::from(code == 0xda);
            }
        }
    };
    hasher.update(&file[run_start.min(end)..end]);
    (scans > 0).then(|| hasher.finalize().into())
}

/// PNG 1.2 and APNG: header, palette, transparency, pixels and animation.
fn png(file: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = hasher("png");
    let mut rest = file.get(8..)?;
    let mut drawn = false;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let data = &after[..length.min(after.len())];
        match &kind {
            // The stream may be cut into chunks anywhere.
            b"IDAT" => {
                hasher.update(data);
                drawn = true;
            }
            b"IHDR" | b"PLTE" | b"tRNS" | b"acTL" | b"fcTL" | b"fdAT" => {
                hasher.update(&kind).update(data);
            }
            b"IEND" => break,
            _ => {}
        }
        // Four bytes of checksum follow.
        rest = after.get(length.saturating_add(4)..).unwrap_or_default();
    }
    drawn.then(|| hasher.finalize().into())
}

/// RIFF container of WebP: the chunks with pixels; `VP8X` says which metadata there is, too.
fn webp(file: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = hasher("webp");
    let mut rest = file.get(12..)?;
    let mut drawn = false;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [kind @ .., a, b, c, d] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF") {
            let data = &after[..length.min(after.len())];
            hasher.update(&kind).update(data);
            drawn = true;
        }
        let padded = length.saturating_add(length % 2);
        rest = after.get(padded..).unwrap_or_default();
    }
    drawn.then(|| hasher.finalize().into())
}

/// Tags of TIFF 6.0 whose values say how the pixels are to be read: size, bits, compression, colours,
/// samples, arrangement, predictor, palette, tiles, extra samples, format, `JPEGTables`.
const PIXEL_TAGS: [u16; 14] = [
    256, 257, 258, 259, 262, 277, 284, 317, 320, 322, 323, 338, 339, 347,
];
/// Offsets and lengths of strips, or of tiles.
const PIXEL_DATA: [(u16, u16); 2] = [(273, 279), (324, 325)];

/// TIFF 6.0 and `BigTIFF`: the strips or tiles of the first page, wherever they lie in the file.
fn tiff(file: &[u8]) -> Option<[u8; 32]> {
    let tiff = Tiff::of(file)?;
    let entries = tiff.first_page()?;
    let mut hasher = hasher("tiff");
    for tag in PIXEL_TAGS {
        if let Some(values) = entries.iter().find(|entry| entry.tag == tag) {
            hasher.update(&tag.to_le_bytes());
            hasher.update(values.bytes);
        }
    }
    let mut left = file.len();
    let mut drawn = false;
    for (offsets, lengths) in PIXEL_DATA {
        let find = |tag| entries.iter().find(|entry| entry.tag == tag);
        let (Some(offsets), Some(lengths)) = (find(offsets), find(lengths)) else {
            continue;
        };
        for (offset, length) in tiff.numbers(offsets).zip(tiff.numbers(lengths)) {
            let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
            let data = file.get(offset..offset.checked_add(length)?)?;
            // Strips that lie on each other would be hashed again and again.
            left = left.checked_sub(length)?;
            hasher.update(data);
            drawn = true;
        }
    }
    drawn.then(|| hasher.finalize().into())
}

/// The structure of a TIFF file.
struct Tiff<'a> {
    file: &'a [u8],
    little_endian: bool,
    is_big: bool,
}

/// An entry of a page's directory.
struct Entry<'a> {
    tag: u16,
    kind: u16,
    bytes: &'a [u8],
}

impl<'a> Tiff<'a> {
    fn of(file: &'a [u8]) -> Option<Self> {
        let little_endian = file.starts_with(b"II");
        let mut tiff = Self {
            file,
            little_endian,
            is_big: false,
        };
        tiff.is_big = tiff.number(2, 2)? == 43;
        Some(tiff)
    }

    /// The unsigned number of so many bytes at an offset.
    fn number(&self, at: usize, bytes: usize) -> Option<u64> {
        let bytes = self.file.get(at..at.checked_add(bytes)?)?;
        Some(self.number_of(bytes))
    }

    fn number_of(&self, bytes: &[u8]) -> u64 {
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.little_endian {
            bytes.iter().rev().fold(0, append)
        } else {
            bytes.iter().fold(0, append)
        }
    }

    fn first_page(&self) -> Option<Vec<Entry<'a>>> {
        // Widths of: the first offset and where it stands, the count of entries, an offset.
        let (head_at, count_bytes, offset_bytes) = if self.is_big { (8, 8, 8) } else { (4, 2, 4) };
        let at = usize::try_from(self.number(head_at, offset_bytes)?).ok()?;
        let count = usize::try_from(self.number(at, count_bytes)?).ok()?;
        let entry_bytes = 4 + 2 * offset_bytes;
        let first = at.checked_add(count_bytes)?;
        let mut entries = Vec::new();
        for number in 0..count {
            let at = first.checked_add(number.checked_mul(entry_bytes)?)?;
            let (tag, kind) = (self.number(at, 2)? as u16, self.number(at + 2, 2)? as u16);
            let values = usize::try_from(self.number(at + 4, offset_bytes)?).ok()?;
            let Some(length) = width_of(kind).and_then(|width| values.checked_mul(width)) else {
                continue;
            };
            let value_at = at + 4 + offset_bytes;
            let start = if length <= offset_bytes {
                value_at
            } else {
                usize::try_from(self.number(value_at, offset_bytes)?).ok()?
            };
            // A value that lies outside of the file concerns no pixel, or they cannot be read.
            if let Some(bytes) = self.file.get(start..start.saturating_add(length)) {
                entries.push(Entry { tag, kind, bytes });
            }
        }
        Some(entries)
    }

    fn numbers<'b>(&self, entry: &'b Entry<'a>) -> impl Iterator<Item = u64> + use<'_, 'a, 'b> {
        let width = width_of(entry.kind).unwrap_or(1);
        entry.bytes.chunks_exact(width).map(|of| self.number_of(of))
    }
}

/// Bytes of one value of a type (TIFF 6.0, section 2, and `BigTIFF`'s three).
fn width_of(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn encoded(format: ImageFormat, seed: u8) -> Vec<u8> {
        let pixels = RgbImage::from_fn(24, 16, |x, y| Rgb([seed, (x * 9) as u8, (y * 11) as u8]));
        let mut file = Cursor::new(Vec::new());
        DynamicImage::from(pixels)
            .write_to(&mut file, format)
            .expect("encodes");
        file.into_inner()
    }

    fn hash(file: &[u8]) -> Option<[u8; 32]> {
        picture_hash(file, false)
    }

    /// A file with metadata of its format put in, or altered.
    fn with_metadata(format: ImageFormat, file: &[u8], text: &[u8]) -> Vec<u8> {
        match format {
            ImageFormat::Jpeg => {
                let mut length = (text.len() as u16 + 2).to_be_bytes().to_vec();
                length.extend(text);
                let mut segments = Vec::new();
                for code in [0xe1, 0xfe] {
                    segments.extend([0xff, code]);
                    segments.extend(&length);
                }
                [&file[..2], &segments, &file[2..], b"a maker's trailer"].concat()
            }
            ImageFormat::Png => {
                let mut chunk = (text.len() as u32).to_be_bytes().to_vec();
                chunk.extend(b"tEXt");
                chunk.extend(text);
                chunk.extend([0; 4]);
                // After IHDR: 8 bytes of signature, 25 of the chunk.
                [&file[..33], &chunk, &file[33..]].concat()
            }
            ImageFormat::WebP => {
                let mut file = file.to_vec();
                file.extend(b"XMP ");
                file.extend((text.len() as u32).to_le_bytes());
                file.extend(text);
                file.extend(vec![0; text.len() % 2]);
                file
            }
            // The page's directory anew at the end, with one entry more.
            ImageFormat::Tiff => {
                let mut file = file.to_vec();
                let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("4"));
                let at = word(4) as usize;
                let count = u16::from_le_bytes([file[at], file[at + 1]]);
                let entries = file[at + 2..at + 2 + usize::from(count) * 12].to_vec();
                let text_at = file.len() as u32;
                file.extend(text);
                file.extend(vec![0; text.len() % 2]);
                let new_at = file.len() as u32;
                file.extend((count + 1).to_le_bytes());
                file.extend(entries);
                file.extend(315_u16.to_le_bytes());
                file.extend(2_u16.to_le_bytes());
                file.extend((text.len() as u32).to_le_bytes());
                file.extend(text_at.to_le_bytes());
                file.extend([0; 4]);
                file[4..8].copy_from_slice(&new_at.to_le_bytes());
                file
            }
            _ => unreachable!("not tested"),
        }
    }

    const FORMATS: [ImageFormat; 4] = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Tiff,
    ];

    #[test]
    fn metadata_changes_the_file_and_not_the_picture_hash() {
        for format in FORMATS {
            let (one, other) = (encoded(format, 10), encoded(format, 200));
            let edited = with_metadata(format, &one, b"Anna on the beach, 5 stars");
            assert!(hash(&one).is_some(), "{format:?}");
            assert_eq!(hash(&one), hash(&edited), "{format:?}");
            assert_ne!(hash(&one), hash(&other), "{format:?}");
        }
    }

    #[test]
    fn a_file_without_a_picture_has_no_picture_hash() {
        for file in [
            &b""[..],
            b"\xff\xd8\xff",
            b"II*\0\x08\0\0\0",
            b"text",
            b"GIF89a",
        ] {
            assert_eq!(hash(file), None);
        }
    }

    proptest! {
        #[test]
        fn damage_is_survived(format in 0_usize..4, at in 0_usize..400, byte: u8, cut in 0_usize..600) {
            let mut file = encoded(FORMATS[format], 10);
            let length = file.len();
            file[at % length] = byte;
            file.truncate(cut.min(length));
            let _ = hash(&file);
            let _ = picture_hash(&file, true);
        }
    }
}
