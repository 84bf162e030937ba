//! The job that reads folders into the catalog: one photo after the other, each stored whole.
//!
//! Decoding runs ahead on its own threads over a bounded queue. The networks and the catalog see
//! the photos in the order of the scan, whatever the number of threads, so that numbers and groups
//! are the same every time. A photo and its faces are one transaction: a kill loses the photos in
//! hand and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use kith_models::{Code, Crop, distance};

use crate::catalog::faces::{self as face_rows, NewFace};
use crate::catalog::photos::{self, Header, Known, Stamp};
use crate::catalog::{Catalog, folders};
use crate::faces::{FaceFinder, FoundFace, MODEL, overlap};
use crate::index::FaceIndex;
use crate::people::{Calibration, derive};
use crate::photo::{self, Facts, PhotoError, Upright};
use crate::scan::{self, Found, Trouble};
use crate::thumbnails::Thumbnails;
use crate::{Control, Error, IndexSummary, Phase, PhotoId, Progress, Result};

/// Long side in pixels to which a photo is decoded: enough for every face of 30 pixels in it to be
/// found at the detector's finer size, and for larger ones to be cut out sharper.
pub(crate) const DECODED_SIDE: u32 = 2048;
/// Photos decoded ahead of the networks, for each thread; bounds the memory of a run.
const AHEAD: usize = 2;
/// While photos are read, people are grouped again after at least this long…
const GROUPING_PAUSE: Duration = Duration::from_secs(2);
/// …and after this many times as long as the last grouping took.
const GROUPING_SHARE: u32 = 10;
/// The time left is told from this many photos on.
const PHOTOS_TO_JUDGE: u32 = 4;
/// A face found again on a changed photo is the same if the boxes share this part of their union.
const SAME_PLACE: f32 = 0.5;

/// What a job works with.
pub(crate) struct Job<'a> {
    pub(crate) catalog: Catalog,
    pub(crate) finder: &'a FaceFinder,
    pub(crate) index: &'a std::sync::Mutex<FaceIndex>,
    pub(crate) thumbnails: &'a Thumbnails,
    pub(crate) control: &'a Control,
    pub(crate) on_progress: &'a mut dyn FnMut(Progress),
}

/// A file as the decoding threads give it.
type Read = std::result::Result<(Upright, Facts), PhotoError>;

impl Job<'_> {
    /// Reads the folders; see [`crate::Library::index`].
    pub(crate) fn run(&mut self, folders_to_read: &[PathBuf]) -> Result<IndexSummary> {
        let started = Instant::now();
        let mut progress = Progress {
            phase: Phase::Scanning,
            done: 0,
            total: 0,
            faces: 0,
            failed: 0,
            seconds_left: None,
        };
        (self.on_progress)(progress.clone());
        let control = self.control;
        let (found, troubles) = scan::walk(folders_to_read, &|| control.is_cancelled());
        let plan = if control.is_cancelled() {
            Plan::default()
        } else {
            self.compare(folders_to_read, found, &troubles)?
        };
        progress.total = plan.to_read.len() as u32;
        progress.phase = Phase::Reading;
        (self.on_progress)(progress.clone());
        self.read_all(&plan.to_read, &mut progress)?;
        progress.phase = Phase::Grouping;
        progress.seconds_left = None;
        (self.on_progress)(progress);
        self.group()?;
        self.summary(plan.unchanged, started)
    }

    /// Compares the files with the catalog: what is missing is marked, what is back is unmarked,
    /// what could not be entered is listed, and what must be read is returned.
    fn compare(
        &mut self,
        read: &[PathBuf],
        found: Vec<Found>,
        troubles: &[Trouble],
    ) -> Result<Plan> {
        self.catalog.transaction(|connection| {
            for folder in read {
                folders::add(connection, folder)?;
            }
            let known: HashMap<PathBuf, Known> = photos::known(connection)?
                .into_iter()
                .map(|known| (known.path.clone(), known))
                .collect();
            for trouble in troubles {
                let stamp = Stamp {
                    size: 0,
                    modified_ns: 0,
                };
                photos::store_failed(connection, &trouble.path, stamp, &trouble.reason)?;
            }
            let there: HashSet<&Path> = found
                .iter()
                .map(|file| file.path.as_path())
                .chain(troubles.iter().map(|trouble| trouble.path.as_path()))
                .collect();
            let unreadable = |path: &Path| {
                troubles
                    .iter()
                    .any(|trouble| path.starts_with(&trouble.path))
            };
            for file in known.values().filter(|file| !file.gone) {
                let was_read = read.iter().any(|folder| file.path.starts_with(folder));
                if was_read && !there.contains(file.path.as_path()) && !unreadable(&file.path) {
                    photos::set_gone(connection, file.id, true)?;
                }
            }
            let mut plan = Plan::default();
            for file in found {
                let stamp = Stamp {
                    size: file.size,
                    modified_ns: file.modified_ns,
                };
                match known
                    .get(&file.path)
                    .filter(|known| is_current(known, stamp))
                {
                    Some(known) => {
                        if known.gone {
                            photos::set_gone(connection, known.id, false)?;
                        }
                        plan.unchanged += 1;
                    }
                    None => plan.to_read.push((file.path, stamp)),
                }
            }
            Ok(plan)
        })
    }

    fn read_all(&mut self, files: &[(PathBuf, Stamp)], progress: &mut Progress) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let ahead = threads * AHEAD;
        let started = Instant::now();
        let mut next_grouping = Instant::now() + GROUPING_PAUSE;
        std::thread::scope(|scope| {
            let (give, jobs) = bounded::<usize>(ahead);
            let (done, results) = bounded::<(usize, Read)>(ahead);
            for _ in 0..threads {
                let (jobs, done) = (jobs.clone(), done.clone());
                scope.spawn(move || {
                    for at in jobs {
                        if done
                            .send((at, photo::read(&files[at].0, DECODED_SIDE)))
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
            drop((jobs, done));
            let mut given = 0;
            let mut waiting: BTreeMap<usize, Read> = BTreeMap::new();
            for (at, (path, stamp)) in files.iter().enumerate() {
                if !self.control.go_on() {
                    break;
                }
                while given < files.len() && given < at + ahead {
                    // Both queues have room for `ahead`, so this never blocks.
                    if give.send(given).is_err() {
                        break;
                    }
                    given += 1;
                }
                while !waiting.contains_key(&at) {
                    let Ok((which, read)) = results.recv() else {
                        break;
                    };
                    waiting.insert(which, read);
                }
                let Some(read) = waiting.remove(&at) else {
                    break;
                };
                match read {
                    Ok((upright, facts)) => {
                        progress.faces += self.store(path, *stamp, &upright, facts)?;
                    }
                    Err(error) => {
                        progress.failed += 1;
                        let connection = self.catalog.connection();
                        photos::store_failed(connection, path, *stamp, &error.to_string())?;
                    }
                }
                progress.done += 1;
                if progress.done >= PHOTOS_TO_JUDGE {
                    let each = started.elapsed().as_secs_f32() / progress.done as f32;
                    progress.seconds_left = Some(each * (progress.total - progress.done) as f32);
                }
                (self.on_progress)(progress.clone());
                if Instant::now() >= next_grouping {
                    let began = Instant::now();
                    self.group()?;
                    let pause = GROUPING_PAUSE.max(began.elapsed() * GROUPING_SHARE);
                    next_grouping = Instant::now() + pause;
                }
            }
            Ok(())
        })
    }

    /// Stores a photo that was read, with its faces; says how many.
    fn store(&mut self, path: &Path, stamp: Stamp, upright: &Upright, facts: Facts) -> Result<u32> {
        let header = header_of(facts);
        let faces = match self.same_content(path, &header.content)? {
            Some((photo, true)) => {
                // The file was moved or renamed: its photo and faces go with it.
                return self.catalog.transaction(|connection| {
                    photos::store_moved(connection, photo, path, stamp)?;
                    Ok(shown(connection, photo)?.len() as u32)
                });
            }
            Some((photo, false)) => shown(self.catalog.connection(), photo)?,
            None => {
                let mut found = self.find(upright)?;
                found.extend(self.drawn_again(path, upright, &found)?);
                found
            }
        };
        if self.thumbnails.photo(&header.content).is_none() {
            self.thumbnails
                .make_photo(&header.content, &upright.pixels)?;
        }
        for face in &faces {
            if self
                .thumbnails
                .face(&header.content, &face.box_upright)
                .is_none()
            {
                self.thumbnails
                    .make_face(&header.content, &face.box_upright, &upright.pixels)?;
            }
        }
        self.catalog.transaction(|connection| {
            let photo = photos::store(connection, path, stamp, &header, &MODEL)?;
            reconcile(connection, photo, &faces)
        })?;
        Ok(faces.len() as u32)
    }

    /// A photo with this content, and whether its file is gone. The one at this very path comes
    /// first: its file was only touched.
    fn same_content(&self, path: &Path, content: &[u8; 32]) -> Result<Option<(PhotoId, bool)>> {
        let connection = self.catalog.connection();
        match photos::at_path(connection, path, content, &MODEL)? {
            Some(photo) => Ok(Some((photo, false))),
            None => photos::with_content(connection, content, &MODEL),
        }
    }

    fn find(&self, upright: &Upright) -> Result<Vec<NewFace>> {
        embedded(self.finder, self.finder.find(&upright.pixels)?)
    }

    /// The faces that the user drew on the photo at `path`, seen again where they still are and
    /// were not found this time.
    fn drawn_again(
        &self,
        path: &Path,
        upright: &Upright,
        found: &[NewFace],
    ) -> Result<Vec<NewFace>> {
        let connection = self.catalog.connection();
        let same = Calibration::built_in().surely_same();
        let mut again = Vec::new();
        for old in face_rows::drawn_at(connection, path)? {
            let box_upright = old.found.box_upright;
            let is_found = |face: &NewFace| overlap(&face.box_upright, &box_upright) > SAME_PLACE;
            if found.iter().any(is_found) {
                continue;
            }
            let face = self.finder.face_in(&upright.pixels, box_upright)?;
            let face = embedded(self.finder, vec![face])?;
            again.extend(face.into_iter().filter(|face| {
                distance(&face.code.embedding(), &old.found.code.embedding()) < same
            }));
        }
        Ok(again)
    }

    fn group(&mut self) -> Result<()> {
        let mut index = self
            .index
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.catalog
            .transaction(|connection| derive(connection, &mut index))
            .map(drop)
    }

    fn summary(&self, unchanged: u32, started: Instant) -> Result<IndexSummary> {
        let connection = self.catalog.connection();
        let count =
            |sql: &str| -> Result<u32> { Ok(connection.query_row(sql, [], |row| row.get(0))?) };
        let shown = "FROM placements JOIN faces ON faces.id = placements.face
            JOIN photos ON photos.id = faces.photo
            WHERE state <> 'ignored' AND faces.gone = 0 AND photos.gone = 0 AND photos.failed IS NULL";
        Ok(IndexSummary {
            photos: photos::count_present(connection)?,
            faces: count(&format!("SELECT count(*) {shown}"))?,
            groups: count(&format!("SELECT count(DISTINCT person) {shown}"))?,
            failed: photos::failed(connection)?.len() as u32,
            unchanged,
            seconds: started.elapsed().as_secs_f64(),
            cancelled: self.control.is_cancelled(),
        })
    }
}

/// What a run has to do.
#[derive(Debug, Default)]
struct Plan {
    to_read: Vec<(PathBuf, Stamp)>,
    unchanged: u32,
}

/// Whether the row says all that reading the file again would.
fn is_current(known: &Known, stamp: Stamp) -> bool {
    let read_by_this_model = known
        .model
        .as_deref()
        .is_none_or(|model| model == MODEL.as_str());
    known.stamp == stamp && read_by_this_model
}

fn header_of(facts: Facts) -> Header {
    Header {
        content: facts.content,
        width: facts.width,
        height: facts.height,
        taken_at: facts
            .taken_at
            .map(|at| format!("{}", at.strftime("%Y-%m-%dT%H:%M:%S"))),
        place: facts.place.map(|place| [place.latitude, place.longitude]),
        camera: facts.camera,
    }
}

/// Faces with their embeddings, as they are stored.
pub(crate) fn embedded(finder: &FaceFinder, found: Vec<FoundFace>) -> Result<Vec<NewFace>> {
    let views: Vec<[Crop; 2]> = found.iter().map(|face| face.views.clone()).collect();
    let embeddings = finder.embed(&views)?;
    Ok(found
        .into_iter()
        .zip(embeddings)
        .map(|(face, embedding)| NewFace {
            box_upright: face.box_upright,
            landmarks_upright: face.landmarks_upright,
            score: face.score,
            quality: face.quality,
            code: Code::of(&embedding),
        })
        .collect())
}

fn shown(connection: &rusqlite::Connection, photo: PhotoId) -> Result<Vec<NewFace>> {
    let faces = face_rows::on_photo(connection, photo)?;
    Ok(faces
        .into_iter()
        .filter(|face| face.present)
        .map(|face| face.found)
        .collect())
}

/// Brings the faces of a photo that was read again in line with what is on it now. A face that is
/// found at its old place, or that looks the same, keeps its number and all that was said of it.
fn reconcile(connection: &rusqlite::Connection, photo: PhotoId, found: &[NewFace]) -> Result<()> {
    let old = face_rows::on_photo(connection, photo)?;
    let same = Calibration::built_in().surely_same();
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (at_old, old) in old.iter().enumerate() {
        for (at_new, new) in found.iter().enumerate() {
            let shared = overlap(&old.found.box_upright, &new.box_upright);
            let apart = distance(&old.found.code.embedding(), &new.code.embedding());
            if apart < same && (shared > SAME_PLACE || apart < same / 2.0) {
                pairs.push((apart - shared, at_old, at_new));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut old_done = HashSet::new();
    let mut new_done = HashSet::new();
    for (_, at_old, at_new) in pairs {
        if !old_done.contains(&at_old) && new_done.insert(at_new) {
            old_done.insert(at_old);
            face_rows::replace(connection, old[at_old].id, &found[at_new], &MODEL)?;
        }
    }
    for (at_new, face) in found.iter().enumerate() {
        if !new_done.contains(&at_new) {
            face_rows::add(connection, photo, face, &MODEL)?;
        }
    }
    for (at_old, face) in old.iter().enumerate() {
        if !old_done.contains(&at_old) {
            face_rows::set_gone(connection, face.id)?;
        }
    }
    Ok(())
}

/// The folders of a run, as the system names them without links.
///
/// # Errors
/// [`Error::NoFolder`] for one that is not there.
pub(crate) fn resolved(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    folders
        .iter()
        .map(|folder| {
            let path = folder.canonicalize().map_err(|_| Error::NoFolder {
                path: folder.clone(),
            })?;
            if path.is_dir() {
                Ok(path)
            } else {
                Err(Error::NoFolder {
                    path: folder.clone(),
                })
            }
        })
        .collect()
}
