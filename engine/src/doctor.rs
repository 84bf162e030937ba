//! Whether everything that Kith needs is there and sound: what runs the networks and how fast, the
//! weights, the library.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kith_models::{CROP_SIDE, Crop, Processor, Weights};
use serde::Serialize;

use crate::faces::Networks;
use crate::{Library, Result};

/// Faces that are embedded to see how long one takes.
const TIMED_FACES: usize = 8;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Checkup {
    /// What runs the networks when many photos are read: `processor`, or which other.
    pub device: String,
    /// Why it is that one.
    pub why: String,
    /// The vector instructions that the processor uses.
    pub vectors: &'static str,
    /// What the embedder multiplies on the processor: `f32` or `bf16`.
    pub precision: &'static str,
    /// Whether this processor would be faster with bf16.
    pub has_bf16: bool,
    /// Threads of the networks on the processor.
    pub threads: usize,
    /// Milliseconds that a face takes to be embedded, several at a time.
    pub face_ms: f64,
    /// The folder of the networks' parameters, which are those this program was made with.
    pub weights: PathBuf,
    /// The folder of the library, whose catalog is sound.
    pub library: PathBuf,
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
/// The first thing that is wrong: weights that are missing or damaged, a damaged catalog, a library
/// that cannot be read.
pub fn check(library: &Path) -> Result<Checkup> {
    let weights = Weights::find()?;
    let networks = Networks::load()?;
    let crop = Crop::from_rgb(vec![128; 3 * CROP_SIDE * CROP_SIDE])?;
    let faces = vec![[crop.clone(), crop]; TIMED_FACES];
    let (device, why, face_ms) = match on_worker(&networks, &faces) {
        Ok((device, face_ms)) => (
            device,
            "it sees what the processor sees".to_owned(),
            face_ms,
        ),
        Err(why) => {
            let face_ms = time_of_a_face(|| networks.embed(&faces).map(drop))?;
            ("processor".to_owned(), why, face_ms)
        }
    };
    let Processor {
        vectors,
        has_bf16,
        precision,
        threads,
    } = Processor::here();
    let opened = Library::open(library)?;
    let folders = opened.folders()?.into_iter();
    Ok(Checkup {
        device,
        why,
        vectors,
        precision,
        has_bf16,
        threads,
        face_ms,
        weights: weights.dir().to_owned(),
        library: library.to_owned(),
        photos: opened.photos()?.len(),
        faces: opened.faces()?.len(),
        named: opened
            .people()?
            .iter()
            .filter(|person| person.name.is_some())
            .count(),
        failed: opened.failed()?.len(),
        folders: folders
            .map(|folder| FolderCheck {
                there: std::fs::read_dir(&folder.path).is_ok(),
                path: folder.path,
            })
            .collect(),
    })
}

/// What runs the networks when many photos are read, and the milliseconds of a face; or why it is the
/// processor.
fn on_worker(
    networks: &Networks,
    faces: &[[Crop; 2]],
) -> std::result::Result<(String, f64), String> {
    let worker = networks.start()?;
    let lost = || worker.lost().unwrap_or_default().to_owned();
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
