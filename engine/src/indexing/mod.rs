//! The job that reads folders into the catalog.
//!
//! Some photos are on their way at once: threads of their own decode them, those of the networks look
//! for their faces, and what was seen is embedded and stored in the order of the scan, so that numbers
//! and groups are the same every time, whatever the number of threads. Faces are embedded together
//! across photos, and these photos are stored in one transaction, each whole: a kill loses the photos
//! in hand and nothing else. An error that concerns one photo is listed with it, and the run goes on.

mod compare;
mod identity;
mod inheritance;
mod reconcile;
mod roots;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use jiff::civil::DateTime;
use kith_models::{Code, Crop, distance};
use rayon::ThreadPool;
use rayon::prelude::*;

use self::compare::Plan;
use self::roots::Roots;
pub(crate) use self::roots::moved_root;
use crate::alike::{self, Look, Shown};
use crate::catalog::faces::{self as face_rows, NewFace};
use crate::catalog::forgotten::{self, Forgotten};
use crate::catalog::photos::{self, Header};
use crate::catalog::{Catalog, looks, skipped as skipped_rows, stacks};
use crate::faces::{FaceFinder, FoundFace, MODEL, overlap};
use crate::people::Calibration;
use crate::photo::{self, Alignment, Facts, PhotoError, Upright};
use crate::quiet;
use crate::regrouping::Regrouping;
use crate::scan::{self, Chosen, FileStamp, Skipped, Trouble};
use crate::thumbnails::Thumbnails;
use crate::{
    Control, Error, FaceId, IndexSummary, MovedFolder, Phase, PhotoId, Progress, Result, Speed,
};

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
/// Photos that are hashed or compared between two reports of the progress.
const COMPARED_TOGETHER: usize = 64;
/// A face found again on a changed photo is the same if the boxes share this part of their union.
const SAME_PLACE: f32 = 0.5;

/// What a job works with.
pub(crate) struct Job<'a> {
    pub(crate) catalog: Catalog,
    /// The folders of the library, with those that the run adds, and what the user wants left out.
    pub(crate) chosen: Chosen,
    /// Those that the user named, which may be new.
    pub(crate) named: &'a [PathBuf],
    /// Asked only when there is something to read: the networks take a moment to load.
    pub(crate) finder: &'a dyn Fn() -> Result<FaceFinder>,
    pub(crate) regrouping: Regrouping<'a>,
    pub(crate) thumbnails: &'a Thumbnails,
    pub(crate) control: &'a Control,
    pub(crate) on_progress: &'a mut dyn FnMut(Progress),
}

/// A file whose content the catalog does not know.
#[derive(Debug)]
struct ToRead {
    path: PathBuf,
    stamp: FileStamp,
    /// The photo that it shows, where that is known before it is read.
    photo: Option<PhotoId>,
    /// The photo that was at its path, whose picture is found nowhere.
    replaces: Option<Replaced>,
}

impl ToRead {
    fn new(path: &Path, stamp: FileStamp) -> Self {
        Self {
            path: path.to_owned(),
            stamp,
            photo: None,
            replaces: None,
        }
    }

    fn of_photo(path: &Path, stamp: FileStamp, photo: PhotoId) -> Self {
        Self {
            photo: Some(photo),
            ..Self::new(path, stamp)
        }
    }
}

/// A photo whose file was edited, or another took its place.
#[derive(Debug, Clone, Copy)]
struct Replaced {
    photo: PhotoId,
    /// BLAKE3 of the file that was there.
    content: [u8; 32],
}

/// The pictures whose faces the catalog knew when the run began.
struct KnownPictures {
    contents: HashSet<[u8; 32]>,
    /// By the hash of the picture data and the orientation.
    pictures: HashSet<([u8; 32], u8)>,
}

impl KnownPictures {
    fn contains(&self, facts: &Facts) -> bool {
        let orientation = facts.orientation.tag();
        self.contents.contains(&facts.content)
            || facts
                .picture
                .is_some_and(|picture| self.pictures.contains(&(picture, orientation)))
    }
}

/// What was seen of a photo, before it is stored.
struct Seen {
    facts: Facts,
    /// None where the catalog knew them already when the run began.
    faces: Option<Vec<FoundFace>>,
    /// The same.
    look: Option<Look>,
    edit: Edit,
}

/// Whether a picture is an edit of the one that was at its path before.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// There was none, or no thumbnail of it is left.
    Unknown,
    /// It is another picture.
    No,
    /// It is an edit: the alignment maps points of the new picture to the old one.
    Yes(Alignment),
}

impl Edit {
    /// Maps the box of a face from the old picture to the new one; the same box where no alignment is known.
    fn mapped(self, box_upright: [f32; 4]) -> [f32; 4] {
        match self {
            Self::Yes(alignment) => alignment.inverse().map(box_upright),
            Self::Unknown | Self::No => box_upright,
        }
    }
}

/// Whether the middle of a box, in fractions of the upright photo, lies outside of the photo: a crop cut it off.
fn is_cut_off([x, y, w, h]: [f32; 4]) -> bool {
    let middle = [x + w / 2.0, y + h / 2.0];
    !middle.iter().all(|at| (0.0..=1.0).contains(at))
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
        let walked = scan::walk(folders_to_read, &self.chosen, &|| control.is_cancelled());
        let skipped = skipped_by_rule(&walked.skipped);
        let (plan, roots) = if control.is_cancelled() {
            (Plan::default(), Roots::default())
        } else {
            let roots = self.place_roots(&walked.found)?;
            let plan = self.compare(folders_to_read, &roots, &walked, &mut progress)?;
            (plan, roots)
        };
        progress.seconds_left = None;
        progress.done = 0;
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
        self.hand_down()?;
        progress.phase = Phase::Grouping;
        progress.seconds_left = None;
        (self.on_progress)(progress.clone());
        self.regrouping.at_once(&mut self.catalog)?;
        self.hash_older(&mut progress)?;
        self.summary(plan.unchanged, roots.moved, skipped, started)
    }

    fn read_all(&mut self, files: &[ToRead], progress: &mut Progress) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let under_way = threads * UNDER_WAY;
        let connection = self.catalog.connection();
        let known = KnownPictures {
            contents: photos::contents(connection, &MODEL)?,
            pictures: photos::pictures(connection, &MODEL)?,
        };
        let forgotten = forgotten::all(connection)?;
        let mut finder = (self.finder)()?;
        if files.len() >= LONG_RUN {
            finder = finder.with_worker();
        }
        let (finder, thumbnails) = (&finder, self.thumbnails);
        let (known, forgotten) = (&known, &forgotten);
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
                            let read = photo::read(&files[at].path, DECODED_SIDE);
                            let done = done.clone();
                            networks.spawn(move |_| {
                                let sight = read.map_err(Unseen::Photo).and_then(|photo| {
                                    let replaces = files[at].replaces;
                                    look(&photo, replaces, finder, thumbnails, known, forgotten)
                                });
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
        files: &[ToRead],
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
            let file = &files[at];
            let photo = match sight {
                Ok(seen) => {
                    let faces = seen.faces.as_ref().map(Vec::len);
                    let faces = faces.map(|faces| embedded.by_ref().take(faces).collect());
                    self.completed(finder, file, seen, faces)?
                }
                Err(Unseen::Photo(error)) => Err(error),
                Err(Unseen::Run(error)) => return Err(error),
            };
            photos.push((file, photo));
        }
        self.catalog.transaction(|connection| {
            for (file, photo) in photos {
                progress.done += 1;
                let stored = photo.and_then(|photo| {
                    on_its_own(connection, || reconcile::store(connection, file, &photo))
                });
                match stored {
                    Ok(faces) => progress.faces += faces?,
                    Err(why) => {
                        progress.failed += 1;
                        photos::store_failed(connection, &file.path, file.stamp, &why)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The photo as it is stored, with the faces that the user drew on it seen again where they still are.
    /// It is read again if that needs it; nothing is needed of a photo whose content the catalog has.
    fn completed(
        &self,
        finder: &FaceFinder,
        file: &ToRead,
        seen: Seen,
        found: Option<Vec<NewFace>>,
    ) -> Result<std::result::Result<ReadPhoto, PhotoError>> {
        let Seen {
            facts, look, edit, ..
        } = seen;
        let mut photo = ReadPhoto {
            header: header_of(&facts),
            faces: found,
            drawn: Vec::new(),
            look,
            edit,
        };
        let connection = self.catalog.connection();
        if !reconcile::sources_of_faces(connection, &photo.header)?.is_empty() {
            photo.faces = None;
            return Ok(Ok(photo));
        }
        if let Some(before) = file.photo
            && let Some(turned) = reconcile::turned(connection, before, &photo.header)?
        {
            photo.edit = turned;
        }
        if let (Edit::Unknown, Some(before)) = (edit, file.replaces)
            && let (Some(faces), Some(look)) = (&photo.faces, &photo.look)
        {
            photo.edit = reconcile::edit_by_faces(connection, before, faces, look)?;
        }
        let before = file.photo.or(file.replaces.map(|of| of.photo));
        let before = before.map(|photo| face_rows::on_photo(connection, photo));
        let mut drawn = before.transpose()?.unwrap_or_default();
        drawn.retain(|face| face.drawn && face.present);
        if photo.faces.is_some() && drawn.is_empty() {
            return Ok(Ok(photo));
        }
        let upright = match photo::decode(&file.path, DECODED_SIDE) {
            Ok(upright) => upright,
            Err(error) => return Ok(Err(error)),
        };
        let faces = if let Some(found) = photo.faces.take() {
            found
        } else {
            let forgotten = forgotten::all(connection)?;
            let picture = facts.picture.map(|of| (of, facts.orientation.tag()));
            let mut found = finder.find(&upright.pixels)?;
            found.retain(|face| !forgotten.covers(&facts.content, picture, &face.box_upright));
            embedded(finder, found)?
        };
        let same = Calibration::built_in().surely_same();
        for old in drawn {
            let box_upright = photo.edit.mapped(old.found.box_upright);
            let is_found = |face: &NewFace| overlap(&face.box_upright, &box_upright) > SAME_PLACE;
            if is_cut_off(box_upright) || faces.iter().any(is_found) {
                continue;
            }
            let face = finder.face_in(&upright.pixels, box_upright)?;
            self.thumbnails
                .make_face(&facts.content, &box_upright, &upright.pixels)?;
            let face = embedded(finder, vec![face])?;
            let again = face.into_iter().filter(|face| {
                distance(&face.code.embedding(), &old.found.code.embedding()) < same
            });
            photo.drawn.extend(again.map(|face| (old.id, face)));
        }
        photo.faces = Some(faces);
        Ok(Ok(photo))
    }

    /// Of a photo that is gone, what was said of it goes over to a copy of it that is there.
    fn hand_down(&mut self) -> Result<()> {
        self.catalog.transaction(inheritance::hand_down)
    }

    /// Hashes the picture data of photos that an older version read. They are shown meanwhile; what is not
    /// done when the run is cancelled is done in the next one.
    fn hash_older(&mut self, progress: &mut Progress) -> Result<()> {
        let older = photos::unhashed(self.catalog.connection())?;
        self.in_chunks(&older, progress, |job, some| {
            let hashed: Vec<_> = some
                .par_iter()
                .map(|photo| photo::hashes_and_orientation(&photo.path))
                .collect();
            job.catalog.transaction(|connection| {
                for (photo, hashed) in some.iter().zip(hashed) {
                    // A file that changed meanwhile is hashed when it is read.
                    if let Ok((hashes, orientation)) = hashed
                        && hashes.content == photo.content
                    {
                        let picture = hashes.picture.as_ref();
                        photos::set_picture(connection, photo.id, picture, orientation.tag())?;
                    }
                }
                Ok(())
            })
        })
    }

    /// Runs `work` over all of these, some at a time, and reports how far it is; ends early when the run is
    /// cancelled.
    fn in_chunks<T>(
        &mut self,
        all: &[T],
        progress: &mut Progress,
        mut work: impl FnMut(&mut Self, &[T]) -> Result<()>,
    ) -> Result<()> {
        let started = Instant::now();
        for (at, some) in (0_u32..).zip(all.chunks(COMPARED_TOGETHER)) {
            if !self.control.go_on() {
                break;
            }
            let done = at * COMPARED_TOGETHER as u32;
            progress.phase = Phase::Comparing;
            (progress.done, progress.total) = (done, all.len() as u32);
            progress.seconds_left = (done > 0).then(|| {
                let left = (progress.total - done) as f32;
                started.elapsed().as_secs_f32() / done as f32 * left
            });
            (self.on_progress)(progress.clone());
            work(self, some)?;
        }
        Ok(())
    }

    /// Looks from afar at the photos that nobody did so far, as an older Kith read them: at their
    /// thumbnails. One without waits until it has one again.
    fn look_from_afar(&mut self, progress: &mut Progress) -> Result<()> {
        let missing = looks::missing(self.catalog.connection())?;
        let thumbnails = self.thumbnails;
        self.in_chunks(&missing, progress, |job, some| {
            let seen: Vec<Option<Look>> = some
                .par_iter()
                .map(|content| look_at_thumbnail(content, thumbnails))
                .collect();
            job.catalog.transaction(|connection| {
                for (content, look) in some.iter().zip(seen) {
                    if let Some(look) = look {
                        looks::store(connection, content, &look)?;
                    }
                }
                Ok(())
            })
        })
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

    fn summary(
        &self,
        unchanged: u32,
        moved_folders: Vec<MovedFolder>,
        skipped: BTreeMap<String, u32>,
        started: Instant,
    ) -> Result<IndexSummary> {
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
            away: photos::count_away(connection)?,
            moved_folders,
            skipped,
            seconds: started.elapsed().as_secs_f64(),
            cancelled: self.control.is_cancelled(),
        })
    }
}

/// How many files each rule left out.
fn skipped_by_rule(skipped: &[Skipped]) -> BTreeMap<String, u32> {
    let mut files = BTreeMap::new();
    for skipped in skipped {
        *files.entry(skipped.rule.as_str().to_owned()).or_default() += skipped.files;
    }
    files
}

/// Stores what a walk left out in the place of what walks before left out there. What could not be
/// looked into stays as it was.
fn store_skipped(
    connection: &rusqlite::Connection,
    read: &[PathBuf],
    roots: &[PathBuf],
    troubles: &[Trouble],
    skipped: &[Skipped],
) -> Result<()> {
    let is_in = |path: &Path, folders: &[PathBuf]| folders.iter().any(|of| path.starts_with(of));
    // A link may lead out of all folders of the library.
    let was_looked_at = |path: &Path| {
        let unreadable = troubles
            .iter()
            .any(|trouble| path.starts_with(&trouble.path));
        !unreadable && (is_in(path, read) || !is_in(path, roots))
    };
    let rows = skipped.iter().map(|of| skipped_rows::Skipped {
        path: of.path.clone(),
        rule: of.rule.as_str().to_owned(),
        files: of.files,
    });
    skipped_rows::replace(connection, was_looked_at, rows)
}

/// Looks for the faces of a photo, unless they are known, and makes its thumbnails.
fn look(
    (upright, facts): &(Upright, Facts),
    replaces: Option<Replaced>,
    finder: &FaceFinder,
    thumbnails: &Thumbnails,
    known: &KnownPictures,
    forgotten: &Forgotten,
) -> Sight {
    // A panic would leave the run waiting for this photo.
    catch_unwind(AssertUnwindSafe(|| {
        let edit = replaces.and_then(|of| {
            let before = thumbnails.photo(&of.content)?;
            let before = image::load_from_memory(&before).ok()?;
            let alignment = photo::alignment(&before.into_rgb8(), &upright.pixels);
            Some(alignment.map_or(Edit::No, Edit::Yes))
        });
        let edit = edit.unwrap_or(Edit::Unknown);
        let seen = seen(
            upright,
            facts.clone(),
            edit,
            finder,
            thumbnails,
            known,
            forgotten,
        );
        seen.map_err(|error| match error {
            error if error.is_of_one_photo() => Unseen::Photo(PhotoError::NotStored {
                said: error.to_string(),
            }),
            error => Unseen::Run(error),
        })
    }))
    .unwrap_or_else(|_| {
        let why = PhotoError::damaged("looking for faces in it gave up");
        Err(Unseen::Photo(why))
    })
}

fn seen(
    upright: &Upright,
    facts: Facts,
    edit: Edit,
    finder: &FaceFinder,
    thumbnails: &Thumbnails,
    known: &KnownPictures,
    forgotten: &Forgotten,
) -> Result<Seen> {
    if thumbnails.photo(&facts.content).is_none() {
        thumbnails.make_photo(&facts.content, &upright.pixels)?;
    }
    if known.contains(&facts) {
        return Ok(Seen {
            look: Look::of(&upright.pixels),
            facts,
            faces: None,
            edit,
        });
    }
    let mut faces = finder.find(&upright.pixels)?;
    let picture = facts.picture.map(|of| (of, facts.orientation.tag()));
    faces.retain(|face| !forgotten.covers(&facts.content, picture, &face.box_upright));
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
        edit,
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

/// A photo that was read, as it is stored.
struct ReadPhoto {
    header: Header,
    /// None where the catalog has a photo with the same faces.
    faces: Option<Vec<NewFace>>,
    /// Faces that the user drew on the photo before, as they are seen now.
    drawn: Vec<(FaceId, NewFace)>,
    look: Option<Look>,
    edit: Edit,
}

/// Stores one photo of several in the savepoint of its own: where only it is refused, it is listed, and the
/// others are stored. The inner result is what ends the run.
fn on_its_own<T>(
    connection: &rusqlite::Connection,
    store: impl FnOnce() -> Result<T>,
) -> std::result::Result<Result<T>, PhotoError> {
    if let Err(error) = connection.execute_batch("SAVEPOINT photo") {
        return Ok(Err(error.into()));
    }
    let stored = store();
    let undo = match &stored {
        Err(error) if error.is_of_one_photo() => "ROLLBACK TO photo; RELEASE photo",
        _ => "RELEASE photo",
    };
    if let Err(error) = connection.execute_batch(undo) {
        return Ok(Err(error.into()));
    }
    match stored {
        Err(error) if error.is_of_one_photo() => Err(PhotoError::NotStored {
            said: error.to_string(),
        }),
        stored => Ok(stored),
    }
}

fn header_of(facts: &Facts) -> Header {
    Header {
        content: facts.content,
        picture: facts.picture,
        orientation: Some(facts.orientation.tag()),
        width: facts.width,
        height: facts.height,
        taken_at: facts
            .taken_at
            .map(|at| format!("{}", at.strftime("%Y-%m-%dT%H:%M:%S"))),
        place: facts.place.map(|place| [place.latitude, place.longitude]),
        camera: facts.camera.clone(),
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

/// The folders of a run, as the system names them without links; one that is not there as the library
/// knows it.
///
/// # Errors
/// [`Error::NoFolder`] for one that is not there, and of which the library does not know.
pub(crate) fn resolved(folders: &[PathBuf], known: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let resolve = |folder: &PathBuf| {
        let there = folder.canonicalize().ok().filter(|path| path.is_dir());
        let away = || {
            let path = std::path::absolute(folder).ok()?;
            known.contains(&path).then_some(path)
        };
        there.or_else(away).ok_or_else(|| Error::NoFolder {
            path: folder.clone(),
        })
    };
    folders.iter().map(resolve).collect()
}
