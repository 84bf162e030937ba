//! What goes through the pipes: frames of a header in JSON and bytes.
//!
//! A frame is the lengths of both (u32, little-endian), the header, the bytes. The worker speaks first
//! ([`Hello`]); then each [`Ask`] is answered by an [`Answer`], in the order in which they came.

use std::io::{self, Read, Write};

use kith_models::{Detector, Embedder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Counted up when the frames change.
const PROTOCOL: u32 = 1;
/// The longest header, in bytes.
const LONGEST_HEADER: u32 = 1 << 16;
/// The most bytes of a frame: the views of 128 faces are 20 MB, the largest picture is 5 MB.
const LONGEST_BODY: u32 = 1 << 26;
/// The numbers of a detection: box, score, landmarks.
pub(crate) const DETECTION_LEN: usize = 15;

/// What both ends must agree on: the frames and the networks.
pub(crate) fn version() -> String {
    let program = env!("CARGO_PKG_VERSION");
    format!("{program}-{PROTOCOL} {} {}", Detector::NAME, Embedder::NAME)
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// As [`version`] gives it.
    pub version: String,
    /// The device that runs the networks, or why there is none.
    pub device: Result<String, String>,
}

/// The bytes are the pixels: RGB, 8 bits a channel, one image after the other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub number: u64,
    pub what: What,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// The faces of images of one size.
    Detect {
        width: usize,
        height: usize,
        threshold: f32,
    },
    /// The embeddings of faces, two crops each.
    Embed,
}

/// The bytes are rows of f32, little-endian: a row of [`DETECTION_LEN`] a detection, or one of
/// [`kith_models::EMBEDDING_LEN`] a face.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// That of the question.
    pub number: u64,
    /// How many rows belong to each image or face, or what failed.
    pub rows: Result<Vec<usize>, String>,
}

pub(crate) fn write(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
    let mut head = Vec::with_capacity(8 + header.len());
    head.extend(length(&header)?.to_le_bytes());
    head.extend(length(body)?.to_le_bytes());
    head.extend(header);
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// # Errors
/// `UnexpectedEof` where the other end is gone, `InvalidData` where what came is no frame.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut length = || {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)?;
        Ok::<_, io::Error>(u32::from_le_bytes(bytes))
    };
    let (header, body) = (length()?, length()?);
    if header > LONGEST_HEADER || body > LONGEST_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = |length: u32| {
        // Grows as bytes come, so that a wrong length takes no memory.
        let mut bytes = Vec::new();
        from.take(length.into()).read_to_end(&mut bytes)?;
        if bytes.len() < length as usize {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(bytes)
    };
    let (header, body) = (bytes(header)?, bytes(body)?);
    // An empty header is not the end.
    let header = serde_json::from_slice(&header)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok((header, body))
}

/// Reads the frames of a stream as either end does, until one is wrong.
pub fn read_frames(bytes: &[u8]) {
    let mut asked = bytes;
    while read::<Ask>(&mut asked).is_ok() {}
    let mut said = bytes;
    while read::<Hello>(&mut said).is_ok() {}
    let mut answered = bytes;
    while let Ok((_, body)) = read::<Answer>(&mut answered) {
        rows_of::<DETECTION_LEN>(&body);
    }
}

/// The bytes of numbers.
pub(crate) fn bytes_of(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// The rows of numbers in bytes; none where they are no full rows, or hold what is no number.
pub(crate) fn rows_of<const N: usize>(bytes: &[u8]) -> Option<Vec<[f32; N]>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let (rows, more) = numbers.as_chunks::<N>();
    let sound = rest.is_empty() && more.is_empty() && numbers.iter().all(|n| n.is_finite());
    sound.then(|| rows.to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that meets the unexpected fails.
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        let mut pipe = Vec::new();
        for body in [&b""[..], b"\n\0pixels"] {
            let ask = Ask {
                number: 7,
                what: What::Embed,
            };
            write(&mut pipe, &ask, body).unwrap();
        }
        let mut from = &pipe[..];
        for body in [&b""[..], b"\n\0pixels"] {
            let (ask, bytes) = read::<Ask>(&mut from).unwrap();
            assert_eq!((ask.number, &bytes[..]), (7, body));
        }
        let end = read::<Ask>(&mut from).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut cut = Vec::new();
        write(&mut cut, &"header", b"bytes").unwrap();
        cut.pop();
        for garbage in [&cut[..], b"", b"\x02\0\0\0\0\0\0\0{}", &[255; 64], &[0; 8]] {
            assert!(read::<Ask>(&mut &garbage[..]).is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn rows_are_full_and_finite() {
        let bytes = bytes_of([1.0, 2.0, 3.0, 4.0]);
        assert_eq!(rows_of::<2>(&bytes), Some(vec![[1.0, 2.0], [3.0, 4.0]]));
        assert_eq!(rows_of::<2>(&[]), Some(vec![]));
        assert_eq!(rows_of::<3>(&bytes), None);
        assert_eq!(rows_of::<2>(&bytes[1..]), None);
        assert_eq!(rows_of::<2>(&bytes_of([1.0, f32::NAN])), None);
    }
}
