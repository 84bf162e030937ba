//! The job that reads folders into the catalog.
//!
//! Some photos are on their way at once: threads of their own decode them, those of the networks look
//! for their faces, and what was seen is embedded and stored in the order of the scan, so that numbers
//! and groups are the same every time, whatever the number of threads. Faces are embedded together
//! across photos, and these photos are stored in one transaction, each whole: a kill loses the photos
//! in hand and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use jiff::civil::DateTime;
use kith_models::{Code, Crop, distance};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::alike::{self, Look, Shown};
use crate::catalog::faces::{self as face_rows, NewFace};
use crate::catalog::photos::{self, Header, Known, Stamp};
use crate::catalog::{Catalog, folders, looks, stacks};
use crate::faces::{FaceFinder, FoundFace, MODEL, overlap};
use crate::people::Calibration;
use crate::photo::{self, Facts, PhotoError, Upright};
use crate::quiet;
use crate::regrouping::Regrouping;
use crate::scan::{self, Found, Trouble};
use crate::thumbnails::Thumbnails;
use crate::{Control, Error, IndexSummary, Phase, PhotoId, Progress, Result, Speed};

/// Long side in pixels to which a photo is decoded: enough for every face of 30 pixels in it to be
/// found at the detector's finer size, and for larger ones to be cut out sharper. Half of the 4,000
/// pixels of a photo of 12 megapixels, which a JPEG can be halved to while it is decoded.
pub(crate) const DECODED_SIDE: u32 = 2000;
/// Photos on their way to being stored, for each thread; bounds the memory of a run.
const UNDER_WAY: usize = 2;
/// A run of so many photos is worth the start of a graphics processor.
const LONG_RUN: usize = 50;
/// Photos are stored once as many faces wait as are best embedded together, or so many photos, …
const PHOTOS_TOGETHER: usize = 64;
/// … or the first of them has waited so long.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// The time left is told from this many photos on.
const PHOTOS_TO_JUDGE: u32 = 4;
/// Photos of an older library whose looks are stored together.
const LOOKED_AT_TOGETHER: usize = 64;
/// A face found again on a changed photo is the same if the boxes share this part of their union.
const SAME_PLACE: f32 = 0.5;

/// What a job works with.
pub(crate) struct Job<'a> {
    pub(crate) catalog: Catalog,
    /// Asked only when there is something to read: the networks take a moment to load.
    pub(crate) finder: &'a dyn Fn() -> Result<FaceFinder>,
    pub(crate) regrouping: Regrouping<'a>,
    pub(crate) thumbnails: &'a Thumbnails,
    pub(crate) control: &'a Control,
    pub(crate) on_progress: &'a mut dyn FnMut(Progress),
}

/// What was seen of a photo, before it is stored.
struct Seen {
    facts: Facts,
    /// None where its content was in the catalog already when the run began.
    faces: Option<Vec<FoundFace>>,
    /// The same.
    look: Option<Look>,
}

/// Why nothing was seen of a photo.
enum Unseen {
    /// The photo is listed with the reason.
    Photo(PhotoError),
    /// The run ends.
    Run(Error),
}

type Sight = std::result::Result<Seen, Unseen>;

/// Photos in the order of the scan whose faces are embedded together.
#[derive(Default)]
struct Waiting {
    /// By their place in the list of files.
    sights: Vec<(usize, Sight)>,
    faces: usize,
    since: Option<Instant>,
}

impl Waiting {
    fn add(&mut self, at: usize, sight: Sight) {
        let faces = sight.as_ref().ok().and_then(|seen| seen.faces.as_ref());
        self.faces += faces.map_or(0, Vec::len);
        self.since.get_or_insert_with(Instant::now);
        self.sights.push((at, sight));
    }

    fn is_due(&self, faces_together: usize) -> bool {
        self.faces >= faces_together
            || self.sights.len() >= PHOTOS_TOGETHER
            || self
                .since
                .is_some_and(|since| since.elapsed() >= LONGEST_WAIT)
    }
}

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
            speed: None,
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
        if let Err(error) = self.read_all(&plan.to_read, &mut progress) {
            // Who was read before is shown in a group all the same. That this fails, too, says nothing new.
            let _ = self.regrouping.at_once(&mut self.catalog);
            return Err(error);
        }
        progress.speed = None;
        self.look_from_afar(&mut progress)?;
        self.stack()?;
        progress.phase = Phase::Grouping;
        progress.seconds_left = None;
        (self.on_progress)(progress);
        self.regrouping.at_once(&mut self.catalog)?;
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
                photos::store_failed(connection, &trouble.path, stamp, &trouble.why)?;
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
        if files.is_empty() {
            return Ok(());
        }
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let under_way = threads * UNDER_WAY;
        let known = photos::contents(self.catalog.connection(), &MODEL)?;
        let mut finder = (self.finder)()?;
        if files.len() >= LONG_RUN {
            finder = finder.with_worker();
        }
        let (finder, thumbnails, known) = (&finder, self.thumbnails, &known);
        let stands_back = self.control.stands_back();
        let quiet = stands_back.then(|| quiet::threads(0)).flatten();
        let quiet = quiet.as_ref();
        let mut started = Instant::now();
        // All queues have room for as many photos as are ever on their way, so nobody blocks.
        let (give, jobs) = bounded::<usize>(under_way);
        let (done, results) = bounded::<(usize, Sight)>(under_way);
        quiet::scope(quiet, |networks| {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    let (jobs, done) = (jobs.clone(), done.clone());
                    scope.spawn(move || {
                        if stands_back {
                            quiet::stand_back();
                        }
                        for at in jobs {
                            let read = photo::read(&files[at].0, DECODED_SIDE);
                            let done = done.clone();
                            networks.spawn(move |_| {
                                let sight = read
                                    .map_err(Unseen::Photo)
                                    .and_then(|photo| look(&photo, finder, thumbnails, known));
                                // Nobody waits for it when the run was cancelled.
                                let _ = done.send((at, sight));
                            });
                        }
                    });
                }
                drop((jobs, done));
                // Dropped with this closure, which ends the threads.
                let give = give;
                let mut given = 0;
                let mut early: BTreeMap<usize, Sight> = BTreeMap::new();
                let mut waiting = Waiting::default();
                for at in 0..files.len() {
                    let asked = Instant::now();
                    if !self.control.go_on() {
                        break;
                    }
                    // Nothing is read in a pause.
                    started += asked.elapsed();
                    while given < files.len().min(at + under_way) && give.send(given).is_ok() {
                        given += 1;
                    }
                    while !early.contains_key(&at) {
                        let Ok((which, sight)) = results.recv() else {
                            break;
                        };
                        early.insert(which, sight);
                    }
                    let Some(sight) = early.remove(&at) else {
                        break;
                    };
                    waiting.add(at, sight);
                    if at + 1 < files.len() && !waiting.is_due(finder.faces_together()) {
                        continue;
                    }
                    let some = std::mem::take(&mut waiting);
                    self.store(finder, quiet, files, some, progress)?;
                    if progress.done >= PHOTOS_TO_JUDGE {
                        let spent = started.elapsed().as_secs_f32();
                        let speed = Speed {
                            photos: progress.done as f32 / spent,
                            faces: progress.faces as f32 / spent,
                        };
                        let left = progress.total - progress.done;
                        progress.speed = Some(speed);
                        progress.seconds_left = Some(left as f32 / speed.photos);
                    }
                    (self.on_progress)(progress.clone());
                    self.regrouping.if_due(&mut self.catalog)?;
                }
                self.store(finder, quiet, files, waiting, progress)
            })
        })
    }

    /// Embeds the faces of the photos that wait, and stores these photos.
    fn store(
        &mut self,
        finder: &FaceFinder,
        quiet: Option<&ThreadPool>,
        files: &[(PathBuf, Stamp)],
        waiting: Waiting,
        progress: &mut Progress,
    ) -> Result<()> {
        let faces = waiting
            .sights
            .iter()
            .filter_map(|(_, sight)| sight.as_ref().ok());
        let faces = faces.flat_map(|seen| seen.faces.iter().flatten());
        let faces = faces.cloned().collect();
        let mut embedded = quiet::on(quiet, || embedded(finder, faces))?.into_iter();
        let mut photos = Vec::with_capacity(waiting.sights.len());
        for (at, sight) in waiting.sights {
            let (path, stamp) = &files[at];
            let photo = match sight {
                Ok(Seen { facts, faces, look }) => {
                    let faces = faces.map(|faces| embedded.by_ref().take(faces.len()).collect());
                    self.completed(finder, path, &facts, faces)?
                        .map(|faces| (header_of(facts), faces, look))
                }
                Err(Unseen::Photo(error)) => Err(error),
                Err(Unseen::Run(error)) => return Err(error),
            };
            photos.push((path, *stamp, photo));
        }
        self.catalog.transaction(|connection| {
            for (path, stamp, photo) in photos {
                progress.done += 1;
                match photo {
                    Ok((header, faces, look)) => {
                        if let Some(look) = look {
                            looks::store(connection, &header.content, &look)?;
                        }
                        progress.faces += store_photo(connection, path, stamp, &header, faces)?;
                    }
                    Err(why) => {
                        progress.failed += 1;
                        photos::store_failed(connection, path, stamp, &why)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The faces that were found, and those that the user drew on the photo at `path`, seen again
    /// where they still are. The photo is read again if that needs it; nothing is needed of a photo
    /// whose content the catalog has.
    fn completed(
        &self,
        finder: &FaceFinder,
        path: &Path,
        facts: &Facts,
        found: Option<Vec<NewFace>>,
    ) -> Result<std::result::Result<Option<Vec<NewFace>>, PhotoError>> {
        let connection = self.catalog.connection();
        if same_content(connection, path, &facts.content)?.is_some() {
            return Ok(Ok(None));
        }
        let drawn = face_rows::drawn_at(connection, path)?;
        if found.is_some() && drawn.is_empty() {
            return Ok(Ok(found));
        }
        let upright = match photo::decode(path, DECODED_SIDE) {
            Ok(upright) => upright,
            Err(error) => return Ok(Err(error)),
        };
        let mut faces = match found {
            Some(found) => found,
            None => embedded(finder, finder.find(&upright.pixels)?)?,
        };
        let same = Calibration::built_in().surely_same();
        for old in drawn {
            let box_upright = old.found.box_upright;
            let is_found = |face: &NewFace| overlap(&face.box_upright, &box_upright) > SAME_PLACE;
            if faces.iter().any(is_found) {
                continue;
            }
            let face = finder.face_in(&upright.pixels, box_upright)?;
            self.thumbnails
                .make_face(&facts.content, &box_upright, &upright.pixels)?;
            let face = embedded(finder, vec![face])?;
            faces.extend(face.into_iter().filter(|face| {
                distance(&face.code.embedding(), &old.found.code.embedding()) < same
            }));
        }
        Ok(Ok(Some(faces)))
    }

    /// Looks from afar at the photos that nobody did so far, as an older Kith read them: at their
    /// thumbnails. One without waits until it has one again.
    fn look_from_afar(&mut self, progress: &mut Progress) -> Result<()> {
        let missing = looks::missing(self.catalog.connection())?;
        let started = Instant::now();
        for (at, some) in (0_u32..).zip(missing.chunks(LOOKED_AT_TOGETHER)) {
            if !self.control.go_on() {
                break;
            }
            let done = at * LOOKED_AT_TOGETHER as u32;
            progress.phase = Phase::Comparing;
            (progress.done, progress.total) = (done, missing.len() as u32);
            progress.seconds_left = (done > 0).then(|| {
                let left = (progress.total - done) as f32;
                started.elapsed().as_secs_f32() / done as f32 * left
            });
            (self.on_progress)(progress.clone());
            let thumbnails = self.thumbnails;
            let seen: Vec<Option<Look>> = some
                .par_iter()
                .map(|content| look_at_thumbnail(content, thumbnails))
                .collect();
            self.catalog.transaction(|connection| {
                for (content, look) in some.iter().zip(seen) {
                    if let Some(look) = look {
                        looks::store(connection, content, &look)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Finds the photos that are nearly one.
    fn stack(&mut self) -> Result<()> {
        let connection = self.catalog.connection();
        let looks = looks::all(connection)?;
        let photos = photos::present(connection)?;
        let shown: Vec<Shown<'_>> = photos.iter().map(|photo| shown_as(photo, &looks)).collect();
        let found = alike::stacks(&shown);
        self.catalog
            .transaction(|connection| stacks::store(connection, &found))
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

/// Looks for the faces of a photo, unless they are known, and makes its thumbnails.
fn look(
    (upright, facts): &(Upright, Facts),
    finder: &FaceFinder,
    thumbnails: &Thumbnails,
    known: &HashSet<[u8; 32]>,
) -> Sight {
    // A panic would leave the run waiting for this photo.
    catch_unwind(AssertUnwindSafe(|| {
        seen(upright, facts.clone(), finder, thumbnails, known).map_err(Unseen::Run)
    }))
    .unwrap_or_else(|_| {
        let why = PhotoError::damaged("looking for faces in it gave up");
        Err(Unseen::Photo(why))
    })
}

fn seen(
    upright: &Upright,
    facts: Facts,
    finder: &FaceFinder,
    thumbnails: &Thumbnails,
    known: &HashSet<[u8; 32]>,
) -> Result<Seen> {
    if thumbnails.photo(&facts.content).is_none() {
        thumbnails.make_photo(&facts.content, &upright.pixels)?;
    }
    if known.contains(&facts.content) {
        return Ok(Seen {
            facts,
            faces: None,
            look: None,
        });
    }
    let faces = finder.find(&upright.pixels)?;
    for face in &faces {
        let box_upright = &face.box_upright;
        if thumbnails.face(&facts.content, box_upright).is_none() {
            thumbnails.make_face(&facts.content, box_upright, &upright.pixels)?;
        }
    }
    Ok(Seen {
        facts,
        faces: Some(faces),
        look: Look::of(&upright.pixels),
    })
}

fn look_at_thumbnail(content: &[u8; 32], thumbnails: &Thumbnails) -> Option<Look> {
    let thumbnail = image::load_from_memory(&thumbnails.photo(content)?).ok()?;
    Look::of(&thumbnail.into_rgb8())
}

/// A photo as it is compared with others.
fn shown_as<'a>(photo: &'a photos::Photo, looks: &'a HashMap<[u8; 32], Look>) -> Shown<'a> {
    let header = &photo.header;
    let taken_at: Option<DateTime> = header.taken_at.as_ref().and_then(|at| at.parse().ok());
    Shown {
        photo: photo.id,
        content: header.content,
        size: [header.width, header.height],
        taken_at,
        camera: header.camera.as_deref(),
        look: looks.get(&header.content),
    }
}

/// Stores a photo that was read, with its faces, and says how many these are.
fn store_photo(
    connection: &rusqlite::Connection,
    path: &Path,
    stamp: Stamp,
    header: &Header,
    faces: Option<Vec<NewFace>>,
) -> Result<u32> {
    let faces = match (same_content(connection, path, &header.content)?, faces) {
        (Some((photo, true)), _) => {
            // The file was moved or renamed: its photo and faces go with it.
            photos::store_moved(connection, photo, path, stamp)?;
            return Ok(shown(connection, photo)?.len() as u32);
        }
        (Some((photo, false)), _) => shown(connection, photo)?,
        (None, Some(faces)) => faces,
        // What the catalog had was deleted meanwhile: the next run reads the photo.
        (None, None) => return Ok(0),
    };
    let photo = photos::store(connection, path, stamp, header, &MODEL)?;
    reconcile(connection, photo, &faces)?;
    Ok(faces.len() as u32)
}

/// A photo with this content, and whether its file is gone. The one at this very path comes first:
/// its file was only touched.
fn same_content(
    connection: &rusqlite::Connection,
    path: &Path,
    content: &[u8; 32],
) -> Result<Option<(PhotoId, bool)>> {
    match photos::at_path(connection, path, content, &MODEL)? {
        Some(photo) => Ok(Some((photo, false))),
        None => photos::with_content(connection, content, &MODEL),
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
            map: finder.map(),
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
