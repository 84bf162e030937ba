//! Writes the metadata of a JPEG or PNG file anew and leaves its picture data as it is, byte for byte.

use std::io::Cursor;

use anyhow::{Context, Result, bail};
use exif::{Field, In, Tag, Value, experimental::Writer};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The file with this note and EXIF orientation in its metadata, and without the metadata it had.
/// A note goes by turns into EXIF, into XMP, and into a comment.
///
/// # Errors
/// When the file is neither JPEG nor PNG.
pub fn replaced(file: &[u8], note: Option<u32>, orientation: u16) -> Result<Vec<u8>> {
    if file.starts_with(PNG) {
        return png(file, note, orientation);
    }
    let rest = file.strip_prefix(b"\xff\xd8").context("no JPEG")?;
    let mut new = b"\xff\xd8".to_vec();
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
        new.extend([0xff, marker]);
        new.extend((length as u16).to_be_bytes());
        for part in parts {
            new.extend(*part);
        }
    };
    let text = note.map(|note| format!("note {note}"));
    let kind = note.unwrap_or_default() % 3;
    if orientation != 1 || (text.is_some() && kind == 0) {
        let note = text.as_deref().filter(|_| kind == 0);
        segment(0xe1, &[EXIF, &exif(note, orientation)?]);
    }
    match text {
        Some(text) if kind == 1 => segment(0xe1, &[XMP, xmp(&text).as_bytes()]),
        Some(text) if kind == 2 => segment(0xfe, &[text.as_bytes()]),
        _ => {}
    }
    new.extend(without_metadata(rest)?);
    Ok(new)
}

/// What is behind the start of a JPEG, without APP1 to APP15 and comments.
fn without_metadata(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(rest.len());
    loop {
        let [0xff, marker, high, low, ..] = *rest else {
            bail!("a JPEG without a picture");
        };
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xda {
            kept.extend(rest);
            return Ok(kept);
        }
        let (segment, after) = rest.split_at_checked(length).context("cut off")?;
        if !matches!(marker, 0xe1..=0xef | 0xfe) {
            kept.extend(segment);
        }
        rest = after;
    }
}

fn exif(note: Option<&str>, orientation: u16) -> Result<Vec<u8>> {
    let mut fields = vec![Field {
        tag: Tag::Orientation,
        ifd_num: In::PRIMARY,
        value: Value::Short(vec![orientation]),
    }];
    fields.extend(note.map(|note| Field {
        tag: Tag::ImageDescription,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![note.as_bytes().to_vec()]),
    }));
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, true)?;
    Ok(block.into_inner())
}

fn xmp(note: &str) -> String {
    format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:Label=\"{note}\"/></rdf:RDF></x:xmpmeta>"
    )
}

/// The critical chunks, with `tEXt` and `eXIf` between them.
fn png(file: &[u8], note: Option<u32>, orientation: u16) -> Result<Vec<u8>> {
    let mut new = PNG.to_vec();
    let mut rest = &file[PNG.len()..];
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into()?) as usize + 12;
        let (chunk, after) = rest.split_at_checked(length).context("cut off")?;
        let kind: [u8; 4] = chunk[4..8].try_into()?;
        if kind[0].is_ascii_uppercase() {
            new.extend(chunk);
        }
        if &kind == b"IHDR" {
            if let Some(note) = note {
                add_chunk(
                    &mut new,
                    *b"tEXt",
                    format!("Comment\0note {note}").as_bytes(),
                );
            }
            if orientation != 1 {
                add_chunk(&mut new, *b"eXIf", &exif(None, orientation)?);
            }
        }
        rest = after;
    }
    Ok(new)
}

fn add_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let crc = crc32(&file[start..]);
    file.extend(crc.to_be_bytes());
}

/// CRC-32 of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
