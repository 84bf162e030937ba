//! The records of the export file, how they are written, and how a file is read and checked.

use std::io::{BufRead, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::people::{AlbumAnswers, Apart, Decision, PersonAnswers, Stars};
use crate::{DecisionId, FaceId, PhotoId, Sureness};

/// What the header line calls the format.
const FORMAT: &str = "kith-library";
/// The version that this program writes, and the newest that it reads. It rises when a reader of
/// the older version would misread the file; new kinds of records and new fields do not raise it.
pub(super) const VERSION: u32 = 1;
/// The longest line that is read, in bytes: the numbers of some eight million faces.
const LONGEST_LINE: u64 = 64 << 20;

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    /// The first line.
    Header(Header),
    /// A folder of the library.
    Folder(FolderRecord),
    /// A person, and the answers about their faces.
    Person(PersonAnswers),
    /// Faces to leave out.
    Ignored { faces: Vec<FaceId> },
    /// Faces that are not one person.
    Apart(Apart),
    /// Two groups of which the user could not tell whether they are one person.
    UnsureGroups { groups: [Vec<FaceId>; 2] },
    /// Faces that the user drew.
    Drawn { faces: Vec<FaceId> },
    /// Photos that the user marked.
    Favourites { photos: Vec<PhotoId> },
    /// Photos with so many stars.
    Stars(Stars),
    /// An album or a saved search.
    Album(AlbumAnswers),
    /// How sure Kith must be before it puts faces together.
    Sureness { sureness: Sureness },
    /// A photo. Its faces follow it.
    Photo(Box<PhotoRecord>),
    /// A face of the photo before it.
    Face(Box<FaceRecord>),
    /// An entry of the log. Not read: the answers are what it comes to.
    #[serde(skip_deserializing)]
    Decision(DecisionRecord),
    /// The last line.
    End(End),
    /// A kind that a newer program writes, or that is not read.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`FORMAT`].
    pub format: String,
    pub version: u32,
    /// Version of the program that wrote the file.
    pub program: String,
    /// When it was written: ISO 8601, UTC.
    pub created: String,
}

impl Header {
    pub(super) fn now() -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            created: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FolderRecord {
    /// Its number in this file, from 0.
    pub folder: u32,
    #[serde(flatten)]
    pub path: PathText,
}

/// A path as text, and its bytes where they are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PathText {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<Base64>,
}

impl PathText {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let path = String::from_utf8_lossy(bytes).into_owned();
        let path_bytes = (path.as_bytes() != bytes).then(|| Base64(bytes.to_owned()));
        Self { path, path_bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = self.path_bytes.as_ref().map(|bytes| bytes.0.as_slice());
        bytes.unwrap_or(self.path.as_bytes())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PhotoRecord {
    pub photo: PhotoId,
    /// BLAKE3 of the file.
    pub content: Hash,
    /// BLAKE3 of the picture's data without metadata, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Hash>,
    /// The folder that `path` begins at; none where `path` is absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<u32>,
    #[serde(flatten)]
    pub path: PathText,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970, UTC.
    pub modified_ns: i64,
    /// Upright width and height in pixels of the file.
    pub width: u32,
    pub height: u32,
    /// Local time it was taken, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Latitude and longitude in degrees, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// How the pixels lie in the file: EXIF orientation, 1 to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    /// Which networks read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether the file was not there when the library looked last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FaceRecord {
    pub face: FaceId,
    /// `[x, y, w, h]` as fractions of the upright photo.
    #[serde(rename = "box")]
    pub box_upright: [f32; 4],
    /// Left eye, right eye, nose, left and right corner of the mouth; fractions of the upright photo.
    pub landmarks: [[f32; 2]; 5],
    pub score: f32,
    pub quality: f32,
    /// Which networks made the code.
    pub model: String,
    /// 128 bytes.
    pub code: Base64,
    /// Whether the user drew it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
    /// Whether it is no longer found on the photo.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct DecisionRecord {
    pub decision: DecisionId,
    /// When it was said: ISO 8601, UTC.
    pub at: String,
    /// Whether it was taken back.
    pub undone: bool,
    pub what: Decision,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// Lines before this one, the header included.
    pub lines: u64,
    /// BLAKE3 of all lines between the header and this one, line feeds included. Need not be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Hash>,
}

/// 32 bytes, written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash(pub [u8; 32]);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// Bytes, written in base64 (RFC 4648, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// Writes records, one a line, and counts and hashes them for the last one.
pub(super) struct Writer<W> {
    to: W,
    lines: u64,
    hasher: blake3::Hasher,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(to: W) -> std::io::Result<Self> {
        let mut writer = Self {
            to,
            lines: 0,
            hasher: blake3::Hasher::new(),
        };
        writer.put(&Record::Header(Header::now()))?;
        // The header says when it was written; the hash is of what it holds.
        writer.hasher = blake3::Hasher::new();
        Ok(writer)
    }

    pub(super) fn put(&mut self, record: &Record) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.hasher.update(&line);
        self.lines += 1;
        self.to.write_all(&line)
    }

    pub(super) fn end(mut self) -> std::io::Result<W> {
        let end = End {
            lines: self.lines,
            blake3: Some(Hash(*self.hasher.finalize().as_bytes())),
        };
        self.put(&Record::End(end))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Why a file is no export that can be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    Io(std::io::Error),
    /// What is wrong with it.
    Damaged(String),
    /// The version that wrote it.
    TooNew(u32),
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the records of a file one by one; each line is limited, and the last one is checked.
pub(super) struct Reader<R> {
    from: R,
    lines: u64,
    line: Vec<u8>,
    hasher: blake3::Hasher,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub(super) fn begin(from: R) -> Result<Self, Unreadable> {
        let mut reader = Self {
            from,
            lines: 0,
            line: Vec::new(),
            hasher: blake3::Hasher::new(),
            ended: false,
        };
        let no_header = || Unreadable::Damaged("it does not begin with the header of one".into());
        if !reader.read_line()? {
            return Err(no_header());
        }
        match serde_json::from_slice(&reader.line) {
            Ok(Record::Header(header)) if header.format == FORMAT => {
                if header.version > VERSION {
                    return Err(Unreadable::TooNew(header.version));
                }
                Ok(reader)
            }
            _ => Err(no_header()),
        }
    }

    /// Which line the last record was.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The next record; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Unreadable> {
        if self.ended {
            return Ok(None);
        }
        let hashed = self.hasher.clone();
        if !self.read_line()? {
            return Err(Unreadable::Damaged("its end is missing".into()));
        }
        let record: Record = serde_json::from_slice(&self.line)
            .map_err(|error| Unreadable::Damaged(format!("line {}: {error}", self.lines)))?;
        self.hasher.update(&self.line);
        if let Record::End(End { lines, blake3 }) = &record {
            let hash = Hash(*hashed.finalize().as_bytes());
            if *lines + 1 != self.lines || blake3.is_some_and(|blake3| blake3 != hash) {
                let changed = "it is not as it was written: lines are missing or were changed";
                return Err(Unreadable::Damaged(changed.into()));
            }
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// Reads a line with its line feed; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, Unreadable> {
        self.line.clear();
        let mut limited = self.from.by_ref().take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line)?;
        self.lines += u64::from(read > 0);
        if read as u64 == LONGEST_LINE && self.line.last() != Some(&b'\n') {
            let long = format!("line {} is too long", self.lines);
            return Err(Unreadable::Damaged(long));
        }
        Ok(read > 0)
    }
}
