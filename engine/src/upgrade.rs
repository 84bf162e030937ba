//! The upgrade to a network that was added: the harmonic embeddings of the FaceNet paper's appendix,
//! on a library.
//!
//! Some faces are looked at by the new network, too, and a map is learned from that, without names:
//! what the new network sees, in the space of Kith's own. Then the faces are embedded again, those on
//! the newest photos first, and each code is replaced by the mapped one. As all codes are in one space
//! all the time, the job can be stopped or killed after any of its transactions.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Instant;

use kith_models::training::{Harmonic, SeenTwice};
use kith_models::{AddedEmbedder, Code, Crop, distance};
use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::catalog::embeddings::{self, Embedded};
use crate::faces::{FaceFinder, views_at};
use crate::indexing::DECODED_SIDE;
use crate::people::{Calibration, FOUNDING_QUALITY};
use crate::regrouping::Regrouping;
use crate::{Control, Error, FaceId, Result, UpgradePhase, UpgradeProgress, photo};

/// Faces that a map is learned from and tried on, at most…
const MOST_SAMPLED: usize = 2000;
/// …and at least.
const FEWEST_SAMPLED: usize = 200;
/// One in so many of them is held back to try the map on, neighbours together: they often show the
/// same moment.
const PARTS: usize = 5;
const NEIGHBOURING: usize = 8;
/// The share of the faces held back in which the networks may see different people (docs/paper.md says what
/// comes of more).
const MOST_UNLIKE: f64 = 0.25;
/// Files that are read together, and stored in one transaction, …
const FILES_TOGETHER: usize = 16;
/// … or fewer, once so many faces are on them.
const FACES_TOGETHER: usize = 32;
/// The time left is told after this many seconds.
const SECONDS_TO_JUDGE: f32 = 2.0;

/// What the job works with.
pub(crate) struct Upgrade<'a> {
    pub(crate) catalog: Catalog,
    pub(crate) regrouping: Regrouping<'a>,
    pub(crate) control: &'a Control,
    pub(crate) on_progress: &'a mut dyn FnMut(UpgradeProgress),
}

/// A file, however many photos it is, and faces on it.
struct File {
    content: [u8; 32],
    paths: Vec<PathBuf>,
    faces: Vec<Outlined>,
}

/// A face on a file, which each of its copies has.
struct Outlined {
    ids: Vec<FaceId>,
    box_upright: [f32; 4],
    landmarks_upright: [[f32; 2]; 5],
    own: Option<Code>,
}

impl Upgrade<'_> {
    /// Learns the map of a network; none when it was cancelled.
    ///
    /// # Errors
    /// [`Error::TooFewFaces`], [`Error::NetworkUnlike`], [`Error::Models`], [`Error::Catalog`].
    pub(crate) fn learn(&mut self, network: &AddedEmbedder) -> Result<Option<Harmonic>> {
        let mut rows = embeddings::all(self.catalog.connection())?;
        rows.retain(|row| row.own.is_some() && row.quality >= FOUNDING_QUALITY);
        let sample = sampled(files(rows));
        let mut seen = Vec::new();
        let finished = self.each_batch(&sample, UpgradePhase::Learning, |_, faces| {
            let (faces, views): (Vec<_>, Vec<_>) = faces.into_iter().unzip();
            for (new, face) in network.embed(&views)?.into_iter().zip(faces) {
                seen.extend(face.own.map(|own| SeenTwice {
                    new,
                    old: own.embedding(),
                    // Nobody needs to be known: each face is somebody.
                    person: face.ids.first().copied().unwrap_or_default(),
                }));
            }
            Ok(())
        })?;
        if !finished {
            return Ok(None);
        }
        if seen.len() < FEWEST_SAMPLED {
            return Err(Error::TooFewFaces {
                found: seen.len(),
                needed: FEWEST_SAMPLED,
            });
        }
        let is_held_back = |at: usize| (at / NEIGHBOURING).is_multiple_of(PARTS);
        let (mut held_back, mut learned_from) = (Vec::new(), Vec::new());
        for (at, face) in seen.into_iter().enumerate() {
            if is_held_back(at) {
                held_back.push(face);
            } else {
                learned_from.push(face);
            }
        }
        let map = Harmonic::train(&learned_from).map_err(|source| kith_models::Error::Network {
            network: "that was added",
            source,
        })?;
        let (unlike, of) = (unlike(&map, &held_back), held_back.len());
        if unlike as f64 > MOST_UNLIKE * of as f64 {
            return Err(Error::NetworkUnlike { unlike, of });
        }
        Ok(Some(map))
    }

    /// Embeds all faces again that went through another map than the finder's, or through one where
    /// it has none.
    ///
    /// # Errors
    /// [`Error::Models`], [`Error::Catalog`], [`Error::Index`].
    pub(crate) fn embed_all(&mut self, finder: &FaceFinder) -> Result<()> {
        let map = finder.map();
        let mut rows = embeddings::all(self.catalog.connection())?;
        rows.retain(|row| row.map != map);
        let files = files(rows);
        self.each_batch(&files, UpgradePhase::Embedding, |job, faces| {
            let (faces, views): (Vec<_>, Vec<_>) = faces.into_iter().unzip();
            let embedded = finder.embed(&views)?;
            job.catalog.transaction(|connection| {
                for (face, embedding) in faces.iter().zip(&embedded) {
                    let code = Code::of(embedding);
                    for id in &face.ids {
                        embeddings::store(connection, *id, &code, map)?;
                    }
                }
                Ok(())
            })?;
            job.regrouping.if_due(&mut job.catalog)
        })?;
        self.regrouping.at_once(&mut self.catalog)
    }

    /// Reads some files at a time, and gives the faces that could be cut out to `work`. Says whether it
    /// came to its end.
    fn each_batch<'f>(
        &mut self,
        files: &'f [File],
        phase: UpgradePhase,
        mut work: impl FnMut(&mut Self, Vec<(&'f Outlined, [Crop; 2])>) -> Result<()>,
    ) -> Result<bool> {
        let began = Instant::now();
        let number = |files: &[File]| -> u32 {
            let faces = files.iter().flat_map(|file| &file.faces);
            faces.map(|face| face.ids.len() as u32).sum()
        };
        let mut progress = UpgradeProgress {
            phase,
            done: 0,
            total: number(files),
            failed: 0,
            seconds_left: None,
        };
        (self.on_progress)(progress.clone());
        let mut rest = files;
        while !rest.is_empty() {
            if !self.control.go_on() {
                return Ok(false);
            }
            let (together, after) = rest.split_at(batch(rest));
            rest = after;
            let cut = together.par_iter().map(File::cut);
            let cut = cut.collect::<Result<Vec<_>>>()?;
            let mut faces = Vec::new();
            for (file, views) in together.iter().zip(cut) {
                match views {
                    Some(views) => faces.extend(file.faces.iter().zip(views)),
                    None => progress.failed += number(std::slice::from_ref(file)),
                }
            }
            work(self, faces)?;
            progress.done += number(together);
            let spent = began.elapsed().as_secs_f32();
            if spent >= SECONDS_TO_JUDGE {
                let left = progress.total - progress.done;
                progress.seconds_left = Some(spent / progress.done as f32 * left as f32);
            }
            (self.on_progress)(progress.clone());
        }
        Ok(true)
    }
}

impl File {
    /// The faces cut out; none where no copy can be read as it was when they were found.
    fn cut(&self) -> Result<Option<Vec<[Crop; 2]>>> {
        let as_it_was = |path: &PathBuf| {
            let (upright, facts) = photo::read(path, DECODED_SIDE).ok()?;
            (facts.content == self.content).then_some(upright.pixels)
        };
        let Some(pixels) = self.paths.iter().find_map(as_it_was) else {
            return Ok(None);
        };
        let faces = self.faces.iter();
        let cut = faces.map(|face| views_at(&pixels, &face.box_upright, &face.landmarks_upright));
        cut.collect::<Result<_>>().map(Some)
    }
}

/// The files of some faces, in the order in which they come first.
fn files(rows: Vec<Embedded>) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut at_of: HashMap<[u8; 32], usize> = HashMap::new();
    for row in rows {
        let at = *at_of.entry(row.content).or_insert_with(|| {
            files.push(File {
                content: row.content,
                paths: Vec::new(),
                faces: Vec::new(),
            });
            files.len() - 1
        });
        let file = &mut files[at];
        if !file.paths.contains(&row.path) {
            file.paths.push(row.path);
        }
        let is_same = |face: &&mut Outlined| {
            face.box_upright == row.box_upright && face.landmarks_upright == row.landmarks_upright
        };
        match file.faces.iter_mut().find(is_same) {
            Some(face) => {
                face.ids.push(row.face);
                face.own = face.own.or(row.own);
            }
            None => file.faces.push(Outlined {
                ids: vec![row.face],
                box_upright: row.box_upright,
                landmarks_upright: row.landmarks_upright,
                own: row.own,
            }),
        }
    }
    files
}

/// Of more faces than are needed some by lot, which is the same every time.
fn sampled(mut files: Vec<File>) -> Vec<File> {
    let lot = |face: &Outlined| {
        let first = face.ids.first().copied().unwrap_or_default();
        *blake3::hash(&first.to_le_bytes()).as_bytes()
    };
    let faces = files.iter().flat_map(|file| &file.faces);
    let mut lots: Vec<[u8; 32]> = faces.map(lot).collect();
    lots.sort_unstable();
    lots.truncate(MOST_SAMPLED);
    let drawn: BTreeSet<[u8; 32]> = lots.into_iter().collect();
    for file in &mut files {
        file.faces.retain(|face| drawn.contains(&lot(face)));
        file.faces.iter_mut().for_each(|face| face.ids.truncate(1));
    }
    files.retain(|file| !file.faces.is_empty());
    files
}

/// How many of the files are read together next.
fn batch(files: &[File]) -> usize {
    let mut faces = 0;
    let fits = |file: &&File| {
        let begins = faces < FACES_TOGETHER;
        faces += file.faces.len();
        begins
    };
    files.iter().take(FILES_TOGETHER).take_while(fits).count()
}

/// How many faces are, through the map, not surely the person whom the old network saw, or nearer to somebody
/// who surely is another.
fn unlike(map: &Harmonic, faces: &[SeenTwice]) -> usize {
    let same = Calibration::built_in().surely_same();
    let is_unlike = |face: &&SeenTwice| {
        let mapped = map.embed(&face.new);
        let own = distance(&mapped, &face.old);
        let mistaken = |other: &SeenTwice| {
            distance(&mapped, &other.old) < own && distance(&face.old, &other.old) >= same
        };
        own >= same || faces.iter().any(mistaken)
    };
    faces.par_iter().filter(is_unlike).count()
}
