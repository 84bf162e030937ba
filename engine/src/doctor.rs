//! Whether everything that Kith needs is there and sound: what runs the networks and how fast, the
//! weights, the library.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kith_models::{CROP_SIDE, Crop, Processor, Weights};
use kith_worker::Unusable;
use serde::{Deserialize, Serialize};

use crate::faces::Networks;
use crate::{Library, ReadOnly, Result};

/// Faces that are embedded to see how long one takes.
const TIMED_FACES: usize = 8;

/// What runs the networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Device {
    /// What runs them when many photos are read; none for the processor.
    pub other: Option<String>,
    /// Why it is that one.
    pub why: Why,
    /// The vector instructions that the processor uses.
    pub vectors: String,
    /// What the embedder multiplies on the processor: `f32`, `i16` (whole numbers) or `bf16`.
    pub precision: String,
    /// What it would multiply with `KITH_PRECISION=fastest`.
    pub fastest: String,
    /// Threads of the networks on the processor.
    pub threads: u32,
    /// Milliseconds that a face takes to be embedded, several at a time.
    pub face_ms: f64,
}

/// Why the networks run where they do. Its `Display` goes on after a colon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Why {
    /// The worker's device sees what the processor sees.
    Agrees,
    /// No worker came with the program.
    NoWorker,
    /// The worker ended at once.
    Ended,
    /// The worker is of another version.
    OtherVersion,
    /// The worker cannot be used for another reason.
    Unusable {
        /// The reason, in English.
        said: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agrees => write!(f, "it sees what the processor sees"),
            Self::NoWorker => write!(f, "there is no kith-worker beside this program"),
            Self::Ended => write!(f, "{}", Unusable::Ended),
            Self::OtherVersion => write!(f, "{}", Unusable::OtherVersion),
            Self::Unusable { said } => write!(f, "{said}"),
        }
    }
}

impl From<Unusable> for Why {
    fn from(why: Unusable) -> Self {
        match why {
            Unusable::Ended => Self::Ended,
            Unusable::OtherVersion => Self::OtherVersion,
            other => Self::Unusable {
                said: other.to_string(),
            },
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Checkup {
    /// What runs the networks when many photos are read: `processor`, or which other.
    pub device: String,
    /// Why it is that one.
    pub why: String,
    /// The vector instructions that the processor uses.
    pub vectors: String,
    /// What the embedder multiplies on the processor: `f32`, `i16` (whole numbers) or `bf16`.
    pub precision: String,
    /// What it would multiply with `KITH_PRECISION=fastest`.
    pub fastest: String,
    /// Threads of the networks on the processor.
    pub threads: u32,
    /// Milliseconds that a face takes to be embedded, several at a time.
    pub face_ms: f64,
    /// The folder of the networks' parameters, which are those this program was made with.
    pub weights: PathBuf,
    /// The folder of the library, whose catalog is sound if there is one.
    pub library: PathBuf,
    /// Whether there is a library in that folder.
    pub made: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Why it can only be read, if so.
    pub read_only: Option<ReadOnly>,
    /// Photos in it.
    pub photos: usize,
    /// Faces in it.
    pub faces: usize,
    /// People with a name.
    pub named: usize,
    /// Files that could not be read.
    pub failed: usize,
    /// The folders of photos.
    pub folders: Vec<FolderCheck>,
}

/// A folder of photos.
#[derive(Debug, Clone, Serialize)]
pub struct FolderCheck {
    /// Where it is.
    pub path: String,
    /// Whether it can be opened now; a drive may be unplugged.
    pub there: bool,
}

/// Looks at everything.
///
/// # Errors
/// The first thing that is wrong: weights that are missing or damaged, a damaged catalog (every row is
/// read), a library that cannot be read.
pub fn check(library: &Path, passphrase: Option<&str>) -> Result<Checkup> {
    let weights = Weights::find()?;
    let Device {
        other,
        why,
        vectors,
        precision,
        fastest,
        threads,
        face_ms,
    } = device()?;
    let mut found = Checkup {
        device: other.unwrap_or_else(|| "processor".to_owned()),
        why: why.to_string(),
        vectors,
        precision,
        fastest,
        threads,
        face_ms,
        weights: weights.dir().to_owned(),
        library: library.to_owned(),
        made: Library::is_in(library),
        encrypted: false,
        read_only: None,
        photos: 0,
        faces: 0,
        named: 0,
        failed: 0,
        folders: Vec::new(),
    };
    if !found.made {
        return Ok(found);
    }
    let opened = Library::open_with(library, passphrase)?;
    found.encrypted = opened.is_encrypted();
    opened.check()?;
    found.read_only = opened.read_only();
    found.photos = opened.photos()?.len();
    found.faces = opened.faces()?.len();
    found.named = opened.names()?.len();
    found.failed = opened.failed()?.len();
    let check = |folder: crate::Folder| FolderCheck {
        there: std::fs::read_dir(&folder.path).is_ok(),
        path: folder.path,
    };
    found.folders = opened.folders()?.into_iter().map(check).collect();
    Ok(found)
}

/// Looks at what runs the networks. Takes seconds, and as much memory as reading photos does.
///
/// # Errors
/// Weights that are missing or damaged.
pub fn device() -> Result<Device> {
    let networks = Networks::load()?;
    let crop = Crop::from_rgb(vec![128; 3 * CROP_SIDE * CROP_SIDE])?;
    let faces = vec![[crop.clone(), crop]; TIMED_FACES];
    let (other, why, face_ms) = match on_worker(&networks, &faces) {
        Ok((device, face_ms)) => (Some(device), Why::Agrees, face_ms),
        Err(why) => {
            let face_ms = time_of_a_face(|| networks.embed(&faces).map(drop))?;
            (None, why, face_ms)
        }
    };
    let processor = Processor::here();
    Ok(Device {
        other,
        why,
        vectors: processor.vectors.to_owned(),
        precision: processor.precision.to_owned(),
        fastest: processor.fastest.to_owned(),
        threads: processor.threads as u32,
        face_ms,
    })
}

/// The worker's device, and the milliseconds of a face; or why it is the processor.
fn on_worker(networks: &Networks, faces: &[[Crop; 2]]) -> std::result::Result<(String, f64), Why> {
    let worker = networks.start()?;
    let lost = || Why::Unusable {
        said: worker.lost().unwrap_or_default().to_owned(),
    };
    let face_ms = time_of_a_face(|| worker.embed(faces).map(drop).ok_or_else(lost))?;
    Ok((worker.device().to_owned(), face_ms))
}

/// Milliseconds of each of [`TIMED_FACES`], after a first time that wakes everything up.
fn time_of_a_face<E>(
    embed: impl Fn() -> std::result::Result<(), E>,
) -> std::result::Result<f64, E> {
    embed()?;
    let start = Instant::now();
    embed()?;
    Ok(start.elapsed().as_secs_f64() * 1e3 / TIMED_FACES as f64)
}
