//! Reads the directories of TIFF, of which EXIF is made, before other readers see them, so that these take
//! little time and memory whatever a file claims: TIFF 6.0, section 2, and `BigTIFF` as libtiff describes it.
//!
//! An EXIF block may have a text of 200 MB, 65,535 entries in each of a hundred directories, or a thousand
//! entries that share one long value. `kamadak-exif` holds a whole block in memory and makes 24 bytes of each
//! zero byte of a text. It only ever sees a copy without what is long ([`copied_exif_block`]). The decoder of
//! pictures is only asked for pictures whose parts are no larger than the whole ([`check_layout`]).

use super::{MAX_PIXELS, PhotoError, check_size, jpeg};

/// Longest value that is copied, in bytes. In a JPEG file no value can be longer, as its whole block has
/// to fit into one segment; of the longer ones (colour profiles, previews, maker notes) none is read.
const MAX_VALUE_BYTES: u64 = 64 << 10;
/// Bytes of all values that are copied from one file.
const MAX_BLOCK_BYTES: usize = 1 << 20;
/// Entries that are looked at in one directory. Cameras and programs write up to some 200.
const MAX_ENTRIES: u64 = 1024;
/// Directories that are looked at for the size of a raw file's picture.
const MAX_DIRECTORIES: usize = 16;

/// What an EXIF segment of a JPEG file begins with; some programs write it in other files, too.
pub(super) const EXIF_ID: &[u8] = b"Exif\0\0";

/// Most strips or tiles of a picture, and most of other values that its decoder reads.
const MAX_PARTS: u64 = 1 << 20;
/// Most channels of a picture.
const MAX_SAMPLES: u64 = 16;
/// The pixels of all tiles and strips, those beyond the edges as well.
const MAX_PIXELS_OF_PARTS: u64 = 2 * MAX_PIXELS;

const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const BITS_PER_SAMPLE: u16 = 0x0102;
const COMPRESSION: u16 = 0x0103;
const STRIP_OFFSETS: u16 = 0x0111;
const SAMPLES_PER_PIXEL: u16 = 0x0115;
const ROWS_PER_STRIP: u16 = 0x0116;
const STRIP_BYTE_COUNTS: u16 = 0x0117;
const TILE_WIDTH: u16 = 0x0142;
const TILE_LENGTH: u16 = 0x0143;
const TILE_OFFSETS: u16 = 0x0144;
const TILE_BYTE_COUNTS: u16 = 0x0145;
const SUB_IFDS: u16 = 0x014a;
/// The tags that the decoder of pictures reads, beside those above: `PhotometricInterpretation`,
/// `PlanarConfiguration`, `Predictor`, `ExtraSamples`, `SampleFormat`, `JPEGTables`, `YCbCrSubSampling`.
const MORE_OF_DECODER: [u16; 7] = [0x0106, 0x011c, 0x013d, 0x0152, 0x0153, 0x015b, 0x0212];
/// JPEG as in TIFF's technical note 2; TIFF 6.0's own is not read.
const COMPRESSION_JPEG: u64 = 7;
const EXIF_IFD: u16 = 0x8769;
const GPS_IFD: u16 = 0x8825;

/// The first EXIF block of a JPEG, PNG, WebP, TIFF or raw file, as a TIFF block that holds its first
/// directory and the EXIF and GPS directories of that one, without their long values.
pub(super) fn copied_exif_block(file: &[u8]) -> Option<Vec<u8>> {
    Tiff::parse(exif_block(file)?)?.copied()
}

/// Width and height of the largest picture that the directories of a TIFF file tell of, in pixels as the
/// file stores it.
pub(super) fn largest_picture(tiff: &[u8]) -> Option<(u64, u64)> {
    Tiff::parse(tiff)?.largest_picture()
}

/// Refuses a TIFF file whose first picture would take more time or memory to decode than its pixels do.
pub(super) fn check_layout(file: &[u8]) -> Result<(), PhotoError> {
    let first = Tiff::parse(file).and_then(|tiff| Some((tiff, tiff.first_directory()?)));
    let Some((tiff, at)) = first else {
        return Ok(()); // The decoder says what is wrong.
    };
    let Some((raw, count)) = tiff.raw_entries(at) else {
        return Err(PhotoError::CutOff);
    };
    if count > MAX_ENTRIES {
        return Err(PhotoError::damaged("its directory has too many entries"));
    }
    let mut entries = Vec::new();
    for bytes in raw {
        let entry = tiff.entry(bytes);
        if is_of_decoder(tiff.number(&bytes[..2]) as u16) {
            let entry = entry.ok_or(PhotoError::CutOff)?;
            if entry.count > MAX_PARTS {
                return Err(PhotoError::damaged("its directory has too many values"));
            }
        }
        entries.extend(entry);
    }
    Picture { tiff, entries }.check()
}

fn is_of_decoder(tag: u16) -> bool {
    MORE_OF_DECODER.contains(&tag)
        || matches!(
            tag,
            IMAGE_WIDTH
                | IMAGE_LENGTH
                | BITS_PER_SAMPLE
                | COMPRESSION
                | STRIP_OFFSETS
                | SAMPLES_PER_PIXEL
                | ROWS_PER_STRIP
                | STRIP_BYTE_COUNTS
                | TILE_WIDTH
                | TILE_LENGTH
                | TILE_OFFSETS
                | TILE_BYTE_COUNTS
        )
}

/// Where the EXIF block lies in a file: all of a TIFF file.
fn exif_block(file: &[u8]) -> Option<&[u8]> {
    let block = if file.starts_with(&jpeg::START_OF_IMAGE) {
        return jpeg::exif_segment(file);
    } else if file.starts_with(b"\x89PNG\r\n\x1a\n") {
        png_chunk(file, *b"eXIf")?
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        webp_chunk(file, *b"EXIF")?
    } else {
        file
    };
    Some(block.strip_prefix(EXIF_ID).unwrap_or(block))
}

/// The first chunk of a PNG file with that name (PNG specification, section 5.3).
fn png_chunk(file: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    let mut rest = file.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if *name == wanted {
            return after.get(..length);
        }
        // Behind the data are four bytes of a checksum.
        rest = after.get(length.checked_add(4)?..)?;
    }
}

/// The first chunk of a WebP file with that name (RFC 9649, section 2.3).
fn webp_chunk(file: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    let mut rest = file.get(12..)?;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if *name == wanted {
            return after.get(..length);
        }
        // Odd lengths are filled up.
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}

/// A TIFF or `BigTIFF` structure.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    /// Whether counts and offsets have 64 bits.
    is_big: bool,
}

/// An entry of a directory, with a value that lies within the file.
#[derive(Clone, Copy)]
struct Entry<'a> {
    tag: u16,
    kind: u16,
    count: u64,
    value: &'a [u8],
}

impl<'a> Tiff<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (little_endian, is_big) = match bytes.get(..4)? {
            // Olympus and Panasonic write a number of their own in place of TIFF's 42.
            b"II*\0" | [b'I', b'I', b'R', b'O' | b'S'] | b"IIU\0" => (true, false),
            b"MM\0*" => (false, false),
            b"II+\0" => (true, true),
            b"MM\0+" => (false, true),
            _ => return None,
        };
        Some(Self {
            bytes,
            little_endian,
            is_big,
        })
    }

    /// The unsigned number of `length` bytes, at most eight.
    fn number(self, bytes: &[u8]) -> u64 {
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.little_endian {
            bytes.iter().rev().fold(0, push)
        } else {
            bytes.iter().fold(0, push)
        }
    }

    fn number_at(self, at: u64, length: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        Some(self.number(self.bytes.get(at..at.checked_add(length)?)?))
    }

    /// Bytes of an offset.
    fn offset_length(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    fn first_directory(self) -> Option<u64> {
        self.number_at(if self.is_big { 8 } else { 4 }, self.offset_length())
    }

    /// The bytes of the first entries of the directory at an offset, and how many it says to have.
    fn raw_entries(self, at: u64) -> Option<(impl Iterator<Item = &'a [u8]>, u64)> {
        let (count_length, entry_length) = self.directory_lengths();
        let count = self.number_at(at, count_length)?;
        let first = at.checked_add(count_length as u64)?;
        let entries = (0..count.min(MAX_ENTRIES)).map_while(move |number| {
            let at = usize::try_from(first + number * entry_length).ok()?;
            self.bytes.get(at..at.checked_add(entry_length as usize)?)
        });
        Some((entries, count))
    }

    /// Bytes of the count of entries, and of an entry.
    fn directory_lengths(self) -> (usize, u64) {
        if self.is_big { (8, 20) } else { (2, 12) }
    }

    /// The sound entries of the directory at an offset, and the offset of the next directory.
    fn directory(self, at: u64) -> Option<(Vec<Entry<'a>>, Option<u64>)> {
        let (entries, count) = self.raw_entries(at)?;
        let entries = entries.filter_map(|bytes| self.entry(bytes)).collect();
        let (count_length, entry_length) = self.directory_lengths();
        let next = count
            .checked_mul(entry_length)
            .and_then(|length| {
                let end = at.checked_add(count_length as u64)?.checked_add(length)?;
                self.number_at(end, self.offset_length())
            })
            .filter(|next| *next > 0);
        Some((entries, next))
    }

    fn entry(self, bytes: &'a [u8]) -> Option<Entry<'a>> {
        let (head, inline) = bytes.split_at(4 + self.offset_length());
        let (tag, kind) = (
            self.number(&head[..2]) as u16,
            self.number(&head[2..4]) as u16,
        );
        let count = self.number(&head[4..]);
        let unit = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let length = usize::try_from(count.checked_mul(unit)?).ok()?;
        let value = if length <= inline.len() {
            &inline[..length]
        } else {
            let at = usize::try_from(self.number(inline)).ok()?;
            self.bytes.get(at..at.checked_add(length)?)?
        };
        Some(Entry {
            tag,
            kind,
            count,
            value,
        })
    }

    /// The unsigned whole numbers of an entry.
    fn numbers(self, entry: Entry<'a>) -> impl Iterator<Item = u64> {
        let length = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => 1 + entry.value.len(), // None.
        };
        let numbers = entry.value.chunks_exact(length);
        numbers.map(move |bytes| self.number(bytes))
    }

    fn copied(self) -> Option<Vec<u8>> {
        let (first, _) = self.directory(self.first_directory()?)?;
        let mut copy = TiffWriter {
            bytes: if self.little_endian {
                b"II*\0\0\0\0\0".to_vec()
            } else {
                b"MM\0*\0\0\0\0".to_vec()
            },
            little_endian: self.little_endian,
        };
        let (pointers, values): (Vec<Entry>, Vec<Entry>) = first
            .into_iter()
            .partition(|entry| matches!(entry.tag, EXIF_IFD | GPS_IFD));
        let mut directories = Vec::new();
        for pointer in pointers {
            let is_known = directories.iter().any(|(tag, _)| *tag == pointer.tag);
            let directory = self
                .numbers(pointer)
                .next()
                .filter(|_| !is_known)
                .and_then(|at| self.directory(at));
            if let Some((entries, _)) = directory {
                let at = copy.directory(&entries, &[]);
                directories.push((pointer.tag, at));
            }
        }
        let at = copy.directory(&values, &directories);
        let at = copy.number(u64::from(at), 4);
        copy.bytes[4..8].copy_from_slice(&at);
        Some(copy.bytes)
    }

    fn largest_picture(self) -> Option<(u64, u64)> {
        let mut waiting = vec![self.first_directory()?];
        let mut met = Vec::new();
        let mut largest = None;
        while let Some(at) = waiting.pop()
            && met.len() < MAX_DIRECTORIES
        {
            if met.contains(&at) {
                continue;
            }
            met.push(at);
            let Some((entries, next)) = self.directory(at) else {
                continue;
            };
            let of = |tag| {
                let entry = entries.iter().find(|entry| entry.tag == tag)?;
                self.numbers(*entry).next()
            };
            let size = of(IMAGE_WIDTH).zip(of(IMAGE_LENGTH));
            let pixels = |(width, height): (u64, u64)| width.saturating_mul(height);
            if size.is_some_and(|size| pixels(size) > largest.map_or(0, pixels)) {
                largest = size;
            }
            let children = entries.iter().filter(|entry| entry.tag == SUB_IFDS);
            let children = children.flat_map(|entry| self.numbers(*entry));
            waiting.extend(next.into_iter().chain(children).take(MAX_DIRECTORIES));
        }
        largest
    }
}

/// The directory of a picture.
struct Picture<'a> {
    tiff: Tiff<'a>,
    entries: Vec<Entry<'a>>,
}

impl Picture<'_> {
    fn numbers(&self, tag: u16) -> impl Iterator<Item = u64> {
        let entry = self.entries.iter().find(move |entry| entry.tag == tag);
        entry
            .into_iter()
            .flat_map(|entry| self.tiff.numbers(*entry))
    }

    fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag).next()
    }

    fn check(&self) -> Result<(), PhotoError> {
        let (Some(width), Some(height)) = (self.number(IMAGE_WIDTH), self.number(IMAGE_LENGTH))
        else {
            return Ok(()); // The decoder says that it lacks one.
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        check_size(small(width), small(height), 0)?;
        let samples = self.number(SAMPLES_PER_PIXEL).unwrap_or(1);
        if samples > MAX_SAMPLES || self.numbers(BITS_PER_SAMPLE).any(|bits| bits > 64) {
            return Err(PhotoError::Unusual {
                format: "TIFF".into(),
            });
        }
        let tile = self.number(TILE_WIDTH).zip(self.number(TILE_LENGTH));
        let (part_width, part_height) = tile.unwrap_or_else(|| {
            let rows = self.number(ROWS_PER_STRIP).unwrap_or(height);
            (width, rows.min(height))
        });
        let along = |whole: u64, part: u64| whole.div_ceil(part.max(1)).saturating_mul(part);
        let of_parts = along(width, part_width).saturating_mul(along(height, part_height));
        if of_parts > MAX_PIXELS_OF_PARTS {
            return Err(PhotoError::damaged(
                "its tiles are much larger than the picture",
            ));
        }
        if self.number(COMPRESSION) == Some(COMPRESSION_JPEG) {
            self.check_jpegs(part_width, part_height)?;
        }
        Ok(())
    }

    /// Refuses strips and tiles of JPEG that are larger than they should be, have too many scans, or share
    /// their bytes: the decoder reads and decodes each of them whole.
    fn check_jpegs(&self, part_width: u64, part_height: u64) -> Result<(), PhotoError> {
        let parts = [
            (STRIP_OFFSETS, STRIP_BYTE_COUNTS),
            (TILE_OFFSETS, TILE_BYTE_COUNTS),
        ];
        let mut bytes_left = 2 * self.tiff.bytes.len() as u64;
        let mut scanned_left = jpeg::MAX_SCANNED_PIXELS;
        for (offsets, lengths) in parts {
            for (offset, length) in self.numbers(offsets).zip(self.numbers(lengths)) {
                let end = offset
                    .saturating_add(length)
                    .min(self.tiff.bytes.len() as u64);
                let range = usize::try_from(offset).unwrap_or(usize::MAX)..end as usize;
                let part = self.tiff.bytes.get(range).unwrap_or_default();
                let shared = || PhotoError::damaged("its parts overlap");
                bytes_left = bytes_left
                    .checked_sub(part.len() as u64)
                    .ok_or_else(shared)?;
                let (width, height, scans) = jpeg::size_and_scans(part);
                let padded = |side: u64| side.next_multiple_of(64);
                if width > padded(part_width) || height > padded(part_height) {
                    return Err(PhotoError::damaged(
                        "one of its parts is larger than the others",
                    ));
                }
                scanned_left = scanned_left
                    .checked_sub(width * height * u64::from(scans))
                    .ok_or(PhotoError::TooManyScans {
                        scans,
                        width: width as u32,
                        height: height as u32,
                    })?;
            }
        }
        Ok(())
    }
}

/// A TIFF block that is being written.
struct TiffWriter {
    bytes: Vec<u8>,
    little_endian: bool,
}

impl TiffWriter {
    /// The last bytes of a number, as many as asked for.
    fn number(&self, number: u64, length: usize) -> Vec<u8> {
        if self.little_endian {
            number.to_le_bytes()[..length].to_vec()
        } else {
            number.to_be_bytes()[8 - length..].to_vec()
        }
    }

    /// Writes a directory of the entries that are short enough and of pointers to other directories, and
    /// returns where it begins.
    fn directory(&mut self, entries: &[Entry], pointers: &[(u16, u32)]) -> u32 {
        let mut room = MAX_BLOCK_BYTES.saturating_sub(self.bytes.len());
        let entries: Vec<Entry> = entries
            .iter()
            .copied()
            // Later kinds are those of `BigTIFF`, which the reader does not know.
            .filter(|entry| entry.kind <= 12 && entry.value.len() as u64 <= MAX_VALUE_BYTES)
            .filter(|entry| {
                let fits = entry.value.len() <= room;
                room -= if fits { entry.value.len() } else { 0 };
                fits
            })
            .collect();
        let at = self.bytes.len();
        let count = entries.len() + pointers.len();
        let mut directory = self.number(count as u64, 2);
        let mut values: Vec<u8> = Vec::new();
        let values_at = at + 2 + 12 * count + 4;
        for entry in &entries {
            directory.extend(self.number(entry.tag.into(), 2));
            directory.extend(self.number(entry.kind.into(), 2));
            directory.extend(self.number(entry.count, 4));
            if let Some(blank) = 4_usize.checked_sub(entry.value.len()) {
                directory.extend(entry.value);
                directory.extend(&[0; 4][..blank]);
            } else {
                directory.extend(self.number((values_at + values.len()) as u64, 4));
                values.extend(entry.value);
                values.extend(&[0][..values.len() % 2]);
            }
        }
        for (tag, at) in pointers {
            directory.extend(self.number((*tag).into(), 2));
            directory.extend(self.number(4, 2)); // LONG
            directory.extend(self.number(1, 4));
            directory.extend(self.number((*at).into(), 4));
        }
        directory.extend([0; 4]); // No next directory.
        self.bytes.extend(directory);
        self.bytes.extend(values);
        at as u32
    }
}
