//! The front door: one [`Library`] is one folder with a catalog and caches, and everything that a
//! window or a command can ask of it.
//!
//! A library may be used from many threads. Reading photos has a connection of its own, so that
//! questions are answered while it runs.

mod albums;
mod away;
mod backups;
mod before;
mod by_folder;
mod encryption;
mod folder;
mod forget;
mod keeping;
mod learned;
mod networks;
mod places;
mod repair;
mod rows;
mod search;
mod sentences;
mod skipped;
mod sureness;
mod transfer;
mod upgrade;
mod watching;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use image::RgbImage;
use rusqlite::Connection;

use self::before::{Before, faces_in, person_of, several, tidy};
use self::folder::{CATALOG, OpenLock};
use self::rows::{Rows, Stamp, best_first, spot_of};
use self::sentences::said;
use crate::catalog::file::may_be_encrypted;
use crate::catalog::photos::Photo;
use crate::catalog::{
    Catalog, decisions, faces, folders, forgotten, learned as learned_rows, maps, photos,
    questions, skipped as skipped_rows,
};
use crate::encryption::DataKey;
use crate::faces::{FaceFinder, MODEL};
use crate::indexing::{DECODED_SIDE, Job, embedded, moved_root, resolved};
use crate::people::{Calibration, Decided, Decision, Groups, group_faces, standing};
use crate::places::{Place, Spot};
use crate::regrouping::Regrouping;
use crate::scan::{self, Chosen};
use crate::thumbnails::Thumbnails;
use crate::{
    Action, BackupReason, Companion, Control, DecisionId, Error, Face, FaceId, FaceState, Folder,
    Halves, HistoryEntry, IndexSummary, MovedFolder, Notice, Outcome, Person, PersonId,
    PhotoDetail, PhotoId, PhotoTile, Progress, ReadOnly, Result, Stack, Suggestion, Unread, photo,
    quiet,
};

/// How many faces stand for a person in a list.
const BEST_FACES: usize = 4;

/// The most stars a photo can have.
const MOST_STARS: u8 = 5;
/// Least width and height of a face that is drawn, as a share of the photo's.
const LEAST_DRAWN: f32 = 0.005;

/// An open library.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
    /// Of an encrypted library.
    key: Option<DataKey>,
    catalog: Mutex<Catalog>,
    /// The rows as they were read last; see [`rows`](Self::rows).
    rows: Mutex<Option<(Stamp, Arc<Rows>)>>,
    groups: Mutex<Groups>,
    /// Loaded when photos are read first: it takes a moment and 200 MB.
    finder: Mutex<Option<FaceFinder>>,
    thumbnails: Thumbnails,
    notices: Vec<Notice>,
    open: Mutex<OpenLock>,
}

impl Library {
    /// Where the library is when nobody says otherwise: the platform's folder for programs' data.
    #[must_use]
    pub fn default_dir() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "kith").map(|dirs| dirs.data_dir().to_owned())
    }

    /// Whether there is a library in a folder, sound or not.
    #[must_use]
    pub fn is_in(dir: &Path) -> bool {
        folder::is_library(dir)
    }

    /// Opens the library in a folder, and makes it when there is none. One that cannot be written
    /// (see [`read_only`](Self::read_only)) is read from a copy in memory, as it is now.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made, [`Error::CatalogDamaged`] and
    /// [`Error::CatalogTooNew`] when its catalog is not to be trusted.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_with(dir, None)
    }

    /// The same, with the passphrase of an encrypted one.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::PassphraseNeeded`], [`Error::WrongPassphrase`] and
    /// [`Error::KeyFile`] where it is encrypted.
    pub fn open_with(dir: &Path, passphrase: Option<&str>) -> Result<Self> {
        let dir = std::path::absolute(dir).map_err(Error::io("Finding the library", dir))?;
        let lock = folder::open(&dir);
        let key = encryption::unlocked(&dir, passphrase)?;
        let opened = lock.and_then(|lock| Self::open_catalog(&dir, lock, key.as_ref()));
        let opened = opened.map_err(|error| match error {
            Error::CatalogDamaged { path, .. }
                if key.is_none() && may_be_encrypted(&path) =>
            {
                let reason = "it cannot be read: it is damaged, or encrypted and its key file, encryption.json, \
                              is missing. Copy that back from a copy of the library's folder"
                    .to_owned();
                Error::CatalogDamaged { reason, path }
            }
            other => other,
        });
        let (catalog, notices, open) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let why = folder::why_read_only(&dir, &error).ok_or(error)?;
                let mut catalog = Catalog::copy_of(&folder::catalog(&dir), key.as_ref())?;
                catalog.only_read(why);
                (catalog, Vec::new(), folder::open_read_only(&dir))
            }
        };
        let cache = dir.join("cache");
        let mut library = Self {
            catalog: Mutex::new(catalog),
            rows: Mutex::new(None),
            groups: Mutex::new(Groups::of(&cache.join("index"), key.as_ref())),
            finder: Mutex::new(None),
            thumbnails: Thumbnails::at(cache.join("thumbnails"), key.as_ref()),
            folder: dir,
            key,
            notices,
            open: Mutex::new(open),
        };
        library.resume_forgetting();
        Ok(library)
    }

    /// Opens the catalog to write.
    fn open_catalog(
        dir: &Path,
        lock: OpenLock,
        key: Option<&DataKey>,
    ) -> Result<(Catalog, Vec<Notice>, OpenLock)> {
        if key.is_some() {
            folder::repair_key_file(dir)?;
        }
        folder::close_to_others(dir)?;
        let path = dir.join(CATALOG);
        let mut notices = Vec::new();
        if path.exists() {
            if Catalog::is_older(&path, key)? {
                backups::keep_catalog(dir, key, BackupReason::BeforeUpgrade)?;
            }
        } else if folder::is_library(dir) {
            let reason = "it is missing, and other files of the library are there".to_owned();
            return Err(Error::CatalogDamaged { reason, path });
        }
        let mut catalog = Catalog::open_with(&path, key)?;
        catalog.check_seals()?;
        if !folder::is_being_read(dir) {
            catalog.try_seal();
        }
        notices.extend(folder::interrupted_restore(dir, &catalog)?);
        Ok((catalog, notices, lock))
    }

    /// Why the library can only be read, if so: what it shows is as it was when it was opened, and
    /// whatever would change it is refused.
    #[must_use]
    pub fn read_only(&self) -> Option<ReadOnly> {
        self.catalog().read_only()
    }

    /// Tries to write again a library that could only be read: the disk may have room by now.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] when it still cannot be written.
    fn check_writable(&self) -> Result<()> {
        let mut catalog = self.catalog();
        let Some(why) = catalog.read_only() else {
            return Ok(());
        };
        let path = self.folder.clone();
        let opened = folder::open(&self.folder)
            .and_then(|lock| Self::open_catalog(&self.folder, lock, self.key.as_ref()));
        let Ok((opened, _, lock)) = opened else {
            return Err(Error::ReadOnly { why, path });
        };
        *catalog = opened;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = lock;
        *self.kept_rows() = None;
        Ok(())
    }

    /// Reads the folders' new and changed photos; all folders of the library when none is named.
    /// Runs until it is done or cancelled; `on_progress` is called after every photo.
    ///
    /// # Errors
    /// [`Error::NoFolder`], [`Error::NoFolders`], [`Error::Busy`] when another process reads into
    /// the same library, and what stops a run: a full disk, missing weights. A photo that cannot
    /// be read is no error; see [`failed`](Self::failed).
    pub fn index(
        &self,
        folders: &[PathBuf],
        control: &Control,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<IndexSummary> {
        let mut chosen = self.chosen()?;
        let to_read = if folders.is_empty() {
            chosen.roots.clone()
        } else {
            resolved(folders, &chosen.roots)?
        };
        if to_read.is_empty() {
            return Err(Error::NoFolders);
        }
        self.bring_back(&to_read)?;
        chosen.roots.extend(to_read.iter().cloned());
        let named = if folders.is_empty() { &[] } else { &*to_read };
        self.read_folders(&to_read, named, chosen, control, on_progress)
    }

    /// The folder of the library that a folder, which is to be added, is at a new place, as its files tell:
    /// [`index`](Self::index) takes it over, with all that was said of its photos, unless
    /// [`keep_apart`](Self::keep_apart) says that it is another folder. Changes nothing; reads the folder
    /// until it is cancelled, where a folder of the library is not connected.
    ///
    /// # Errors
    /// [`Error::NoFolder`], [`Error::Catalog`].
    pub fn moved_folder(&self, folder: &Path, control: &Control) -> Result<Option<MovedFolder>> {
        if self.read_only().is_some() {
            // Nothing can be added to it.
            return Ok(None);
        }
        let mut chosen = self.chosen()?;
        let folders = resolved(&[folder.to_owned()], &chosen.roots)?;
        chosen.roots.extend(folders.iter().cloned());
        let find = || scan::found(&folders, &chosen, &|| control.is_cancelled());
        // A connection of its own: files are hashed meanwhile.
        let connection = Catalog::reader(&self.catalog_path(), self.key.as_ref())?;
        let moved = moved_root(&connection, &folders[0], &find)?;
        Ok(moved.map(|(from, photos)| MovedFolder::new(&from, &folders[0], photos)))
    }

    /// The new folder of `moved` is not the library's folder at a new place: its photos become photos of
    /// their own, and nothing changes of those that are away.
    ///
    /// # Errors
    /// [`Error::NoFolder`], [`Error::ReadOnly`], [`Error::Catalog`].
    pub fn keep_apart(&self, moved: &MovedFolder) -> Result<()> {
        self.check_writable()?;
        let new = resolved(&[PathBuf::from(&moved.to)], &[])?;
        self.catalog().transaction(|connection| {
            let all = folders::all(connection)?;
            let away = all
                .iter()
                .find(|folder| folder.display().to_string() == moved.from)
                .ok_or_else(|| Error::NoFolder {
                    path: PathBuf::from(&moved.from),
                })?;
            folders::add_separate(connection, away, &new[0])
        })
    }

    /// Folders that were removed and are added again: their removal is taken back.
    fn bring_back(&self, folders: &[PathBuf]) -> Result<()> {
        loop {
            let rows = self.rows()?;
            let is_back = |entry: &&&decisions::Entry| match &entry.decision {
                Decision::RemoveFolder { folder } => folders.contains(folder),
                _ => false,
            };
            let holds = standing(&rows.log);
            let Some(decision) = holds.iter().find(is_back).map(|entry| entry.id) else {
                return Ok(());
            };
            self.decide(Action::TakeBack { decision }, SystemTime::now())?;
        }
    }

    /// Reads what is new and changed in some folders that lie in the library's, as [`index`](Self::index)
    /// does, without making them folders of the library.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    fn look_at(
        &self,
        folders: &[PathBuf],
        control: &Control,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<IndexSummary> {
        self.read_folders(folders, &[], self.chosen()?, control, on_progress)
    }

    fn read_folders(
        &self,
        to_read: &[PathBuf],
        named: &[PathBuf],
        chosen: Chosen,
        control: &Control,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<IndexSummary> {
        let _reading = self.lock_reading()?;
        let mut job = Job {
            catalog: self.second_catalog()?,
            chosen,
            named,
            finder: &|| self.finder(),
            regrouping: Regrouping::of(&self.groups),
            thumbnails: &self.thumbnails,
            control,
            on_progress,
        };
        let summary = job.run(to_read)?;
        job.catalog.try_seal();
        Ok(summary)
    }

    /// The folders of the library, by path.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn folders(&self) -> Result<Vec<Folder>> {
        let facts = Arc::clone(&self.rows()?.facts);
        let of = |folder: &PathBuf| {
            let inside = facts.photos.iter();
            let inside = inside.filter(|photo| photo.path.starts_with(folder));
            let (photos, away) = inside.fold((0, 0), |(photos, away), photo| {
                (photos + 1, away + u32::from(photo.away))
            });
            Folder {
                photos,
                present: folder.is_dir() && (photos == 0 || away < photos),
                away,
                path: folder.display().to_string(),
            }
        };
        Ok(facts.folders.iter().map(of).collect())
    }

    /// All faces that are shown, by number.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn faces(&self) -> Result<Vec<Face>> {
        let rows = self.rows()?;
        Ok(rows.shown().filter_map(|face| rows.face(face)).collect())
    }

    /// All people: the named by name, then groups, the largest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn people(&self) -> Result<Vec<Person>> {
        let rows = self.rows()?;
        let mut people: Vec<Person> = rows
            .faces_of_people()
            .into_iter()
            .map(|(person, mut faces)| {
                let decided = rows.decided.people.get(&person);
                let photos: BTreeSet<PhotoId> = faces.iter().map(|face| face.photo).collect();
                best_first(&mut faces);
                if let Some(chosen) = decided.and_then(|decided| decided.best_face) {
                    faces.sort_by_key(|face| face.id != chosen);
                }
                Person {
                    person,
                    name: decided.and_then(|decided| decided.name.clone()),
                    faces: faces.len() as u32,
                    photos: photos.len() as u32,
                    hidden: decided.is_some_and(|decided| decided.hidden),
                    best_faces: faces.iter().take(BEST_FACES).map(|face| face.id).collect(),
                    aliases: decided.map(|of| of.aliases.clone()).unwrap_or_default(),
                    birthday: decided.and_then(|of| of.birthday.clone()),
                }
            })
            .collect();
        people.sort_by_cached_key(|person| match &person.name {
            Some(name) => (0, name.to_lowercase(), 0, person.person),
            None => (1, String::new(), u32::MAX - person.faces, person.person),
        });
        Ok(people)
    }

    /// What the user could be asked, in the order of what an answer teaches: how many faces a yes
    /// gives to a person, times how likely it is.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn suggestions(&self) -> Result<Vec<Suggestion>> {
        let rows = self.rows()?;
        let asked = questions::all(self.catalog().connection())?;
        let mut faces_of = rows.faces_of_people();
        for faces in faces_of.values_mut() {
            best_first(faces);
        }
        let ids = |faces: &[&faces::StoredFace]| -> Vec<FaceId> {
            faces.iter().map(|face| face.id).collect()
        };
        let mut suggestions: Vec<Suggestion> = asked
            .into_iter()
            .filter_map(|question| {
                let known = rows.decided.people.get(&question.person);
                let group = faces_of.get(&question.group)?;
                let person = faces_of.get(&question.person)?;
                let first = group.first()?;
                let faces = ids(group);
                let told = rows
                    .decided
                    .is_unsure(&faces, question.person, &ids(person));
                if told {
                    return None;
                }
                Some(Suggestion {
                    group: question.group,
                    faces,
                    photo: first.photo,
                    person: question.person,
                    name: known.and_then(|of| of.name.clone()),
                    best_faces: rows.sure_faces_near(person, first.photo),
                    certainty: Calibration::built_in().certainty(&question)?,
                })
            })
            .collect();
        let teaches = |asked: &Suggestion| asked.faces.len() as f32 * asked.certainty;
        suggestions.sort_by(|a, b| {
            let more = teaches(b).total_cmp(&teaches(a));
            more.then(a.group.cmp(&b.group))
        });
        Ok(suggestions)
    }

    /// The faces of a person, the oldest photo first.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::Catalog`].
    pub fn person_faces(&self, person: PersonId) -> Result<Vec<Face>> {
        let rows = self.rows()?;
        let mut faces: Vec<Face> = rows
            .shown()
            .filter(|face| rows.placements.get(&face.id).and_then(|of| of.person) == Some(person))
            .filter_map(|face| rows.face(face))
            .collect();
        if faces.is_empty() && !rows.decided.people.contains_key(&person) {
            return Err(Error::NoPerson(person));
        }
        faces.sort_by_cached_key(|face| {
            let photo = rows.facts.photo(face.photo);
            (photo.map(Photo::date), face.face)
        });
        Ok(faces)
    }

    /// The two people that a person could be, if they are two: what [`Action::Split`] would do. Changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::NothingToSplit`], [`Error::Catalog`].
    pub fn halves(&self, person: PersonId) -> Result<Halves> {
        let rows = self.rows()?;
        Before::of(&rows).halves(person)
    }

    /// The named people who are on photos with a person, those with most photos together first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn companions(&self, person: PersonId) -> Result<Vec<Companion>> {
        let rows = self.rows()?;
        let faces_of = rows.faces_of_people();
        let photos_of = |person: &PersonId| -> BTreeSet<PhotoId> {
            let faces = faces_of.get(person).into_iter().flatten();
            faces.map(|face| face.photo).collect()
        };
        let theirs = photos_of(&person);
        let mut companions: Vec<Companion> = rows
            .decided
            .people
            .iter()
            .filter(|(other, of)| **other != person && !of.hidden)
            .filter_map(|(other, of)| {
                let photos = photos_of(other).intersection(&theirs).count();
                let mut faces = faces_of.get(other)?.clone();
                best_first(&mut faces);
                let face = of.best_face.or(faces.first().map(|face| face.id))?;
                (photos > 0).then_some(Companion {
                    person: *other,
                    name: of.name.clone()?,
                    face,
                    photos: photos as u32,
                })
            })
            .collect();
        companions.sort_by(|a, b| b.photos.cmp(&a.photos).then(a.person.cmp(&b.person)));
        Ok(companions)
    }

    /// Every file and folder that could not be read, by path.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn failed(&self) -> Result<Vec<Unread>> {
        let failed = photos::failed(self.catalog().connection())?;
        let file = |of: photos::Failed| Unread {
            path: of.path.display().to_string(),
            reason: of.reason,
            why: of.why,
        };
        Ok(failed.into_iter().map(file).collect())
    }

    /// All photos, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn photos(&self) -> Result<Vec<PhotoTile>> {
        self.newest(usize::MAX)
    }

    /// The newest photos, so many at most.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn newest(&self, most: usize) -> Result<Vec<PhotoTile>> {
        let rows = self.rows()?;
        let photos = rows.facts.photos.iter().take(most);
        Ok(photos.map(|photo| rows.tile(photo)).collect())
    }

    /// The photos that are nearly one, the one that stands for all first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn stacks(&self) -> Result<Vec<Stack>> {
        let rows = self.rows()?;
        let path = |photo: &PhotoId| Some(rows.facts.photo(*photo)?.path.display().to_string());
        let stack = |photos: &Vec<PhotoId>| Stack {
            photos: photos.clone(),
            paths: photos.iter().filter_map(path).collect(),
        };
        Ok(rows.stacks().iter().map(stack).collect())
    }

    /// One photo with its faces.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], [`Error::Catalog`].
    pub fn photo(&self, photo: PhotoId) -> Result<PhotoDetail> {
        let rows = self.rows()?;
        let (found, on_it) = {
            let catalog = self.catalog();
            let connection = catalog.connection();
            let found = photos::get(connection, photo)?.ok_or(Error::NoPhoto(photo))?;
            (found, faces::on_photo(connection, photo)?)
        };
        let tile = rows.tile(&found);
        let mut on_it: Vec<Face> = on_it
            .iter()
            .filter(|face| rows.shows(face))
            .filter_map(|face| rows.face(face))
            .filter(|face| face.state != FaceState::Ignored)
            .collect();
        on_it.sort_by(|a, b| a.box_upright[0].total_cmp(&b.box_upright[0]));
        Ok(PhotoDetail {
            photo,
            path: found.path.display().to_string(),
            width: tile.width,
            height: tile.height,
            date: tile.date,
            favourite: tile.favourite,
            stars: tile.stars,
            place: found.header.place,
            place_name: spot_of(&found).and_then(Spot::place).map(Place::name),
            camera: found.header.camera,
            ages: rows.ages(&on_it, found.header.taken_at.as_deref()),
            albums: rows.albums_of(photo),
            faces: on_it,
        })
    }

    /// Adds what the user says to the log, and derives who is who anew.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::NoFace`], [`Error::NoFaces`], [`Error::EmptyName`],
    /// [`Error::SamePerson`], [`Error::NameInUse`], [`Error::NothingToUndo`], [`Error::NoDecision`],
    /// [`Error::NotUndoable`], [`Error::TakenBack`] when it cannot be meant; nothing is changed then.
    /// [`Error::Catalog`] when it cannot be stored.
    pub fn decide(&self, action: Action, at: SystemTime) -> Result<Outcome> {
        self.record(at, |before, _| before.decision(action))
    }

    /// Adds a face that was missed: `box_upright` was drawn around it. It belongs to the person of
    /// that name, or to whom it looks like when there is none. Taken back like any decision.
    ///
    /// # Errors
    /// [`Error::FaceOutline`] for a box that is no face's, [`Error::EmptyName`], [`Error::NoPhoto`],
    /// [`Error::Photo`] when the file cannot be read, [`Error::Models`], [`Error::Catalog`].
    pub fn draw_face(
        &self,
        photo: PhotoId,
        box_upright: [f32; 4],
        name: Option<&str>,
        at: SystemTime,
    ) -> Result<Outcome> {
        let [x, y, w, h] = box_upright;
        let inside = |start: f32, length: f32| {
            start >= 0.0 && length >= LEAST_DRAWN && start + length <= 1.0 + f32::EPSILON
        };
        if !inside(x, w) || !inside(y, h) {
            return Err(Error::FaceOutline);
        }
        let name = name.map(tidy).transpose()?;
        let row = self.photo_row(photo)?;
        let pixels = decoded(&row, DECODED_SIDE)?;
        let finder = self.finder()?;
        let found = finder.face_in(&pixels, box_upright)?;
        let face = embedded(&finder, vec![found])?.into_iter().next();
        let face = face.ok_or(Error::FaceOutline)?;
        self.record(at, |before, connection| {
            let id = faces::add(connection, photo, &face, &MODEL)?;
            faces::set_drawn(connection, id, true)?;
            forgotten::remove_at(connection, &row.header.content, &box_upright)?;
            before.add(id, photo);
            let draw = Decision::Draw { face: id };
            match name {
                None => Ok(draw),
                Some(name) => {
                    let faces = vec![id];
                    let named = before.decision(Action::NameFaces { faces, name })?;
                    several(vec![draw, named])
                }
            }
        })
    }

    /// Adds a decision to the log, and derives who is who anew; nothing is changed on an error.
    fn record(
        &self,
        at: SystemTime,
        decision: impl FnOnce(&mut Before<'_>, &Connection) -> Result<Decision>,
    ) -> Result<Outcome> {
        self.check_writable()?;
        let mut groups = self.groups();
        let mut catalog = self.catalog();
        let (outcome, now) = catalog.transaction(|connection| {
            let rows = self.rows_of(connection)?;
            let mut before = Before::of(&rows);
            let decision = decision(&mut before, connection)?;
            let (was, is) = (&rows.decided, before.after(&decision));
            if was.removed_folders == is.removed_folders {
                return add_to_log(connection, &mut groups, &rows, &before, &decision, at);
            }
            let _reading = self.wait_for_reading()?;
            let photos = move_folders(connection, was, &is)?;
            let now = Rows::read(connection)?;
            let (mut outcome, now) =
                add_to_log(connection, &mut groups, &now, &before, &decision, at)?;
            outcome.photos_changed = photos;
            Ok((outcome, now))
        })?;
        if let Some((rows, stamp)) = now {
            *self.kept_rows() = Some((stamp, rows));
        }
        Ok(outcome)
    }

    /// Every decision, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn history(&self) -> Result<Vec<HistoryEntry>> {
        let rows = self.rows()?;
        let before = Before::of(&rows);
        let holds: BTreeSet<DecisionId> =
            standing(&rows.log).iter().map(|entry| entry.id).collect();
        let entry = |entry: &decisions::Entry| HistoryEntry {
            decision: entry.id,
            at: seconds_since_1970(entry.at),
            said: said(&entry.decision, &rows.log, &rows.decided),
            faces: faces_in(&entry.decision)
                .into_iter()
                .take(BEST_FACES)
                .collect(),
            person: person_of(&entry.decision).filter(|person| before.has_faces(*person)),
            stands: holds.contains(&entry.id),
            undone: entry.decision.is_undoable() && !holds.contains(&entry.id),
        };
        Ok(rows.log.iter().rev().map(entry).collect())
    }

    /// Makers and models of the cameras, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn cameras(&self) -> Result<Vec<String>> {
        let rows = self.rows()?;
        let photos = rows.facts.photos.iter();
        let cameras: BTreeSet<&String> = photos
            .filter_map(|photo| photo.header.camera.as_ref())
            .collect();
        Ok(cameras.into_iter().cloned().collect())
    }

    /// All names in use, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn names(&self) -> Result<Vec<String>> {
        let named = self.rows()?.names();
        let mut names: Vec<String> = named.into_iter().map(|(_, name)| name).collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        Ok(names)
    }

    /// The people of that name, in any case; if nobody has it, whoever is also called so. More than one
    /// only where an older version let two people have one name.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn people_called(&self, name: &str) -> Result<Vec<PersonId>> {
        Ok(self.rows()?.decided.called(name))
    }

    /// A small picture of a photo: JPEG, upright, long side 400 pixels or less.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], and [`Error::Photo`] when it must be made and the file cannot be read.
    pub fn thumbnail(&self, photo: PhotoId) -> Result<Vec<u8>> {
        let photo = self.photo_row(photo)?;
        let content = &photo.header.content;
        self.thumbnails
            .photo_or(content, || decoded(&photo, DECODED_SIDE))
    }

    /// A small picture of a face: JPEG, upright, square.
    ///
    /// # Errors
    /// [`Error::NoFace`], and [`Error::Photo`] when it must be made and the file cannot be read.
    pub fn face_thumbnail(&self, face: FaceId) -> Result<Vec<u8>> {
        let stored = faces::get(self.catalog().connection(), face)?.ok_or(Error::NoFace(face))?;
        let photo = self.photo_row(stored.photo)?;
        let box_upright = stored.found.box_upright;
        let content = &photo.header.content;
        self.thumbnails
            .face_or(content, &box_upright, || decoded(&photo, DECODED_SIDE))
    }

    /// A photo for the screen: JPEG, upright, long side `max_side` pixels or less.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], and [`Error::Photo`] when the file cannot be read.
    pub fn preview(&self, photo: PhotoId, max_side: u32) -> Result<Vec<u8>> {
        let photo = self.photo_row(photo)?;
        photo::thumbnail(&photo.path, max_side).map_err(|source| Error::Photo {
            source,
            path: photo.path,
        })
    }

    /// The catalog's rows, read anew if something changed them since.
    fn rows(&self) -> Result<Arc<Rows>> {
        self.rows_of(self.catalog().connection())
    }

    /// Works out ahead what the first search and the next decision need, so that they do not wait for
    /// it: in a large library that takes a while. Other calls but decisions are answered meanwhile,
    /// and come first.
    ///
    /// # Errors
    /// [`Error::Catalog`], [`Error::Index`].
    pub fn prepare(&self) -> Result<()> {
        quiet::on(quiet::threads(0).as_ref(), || self.prepare_here())
    }

    fn prepare_here(&self) -> Result<()> {
        let mut groups = self.groups();
        let rows = self.rows()?;
        let head = learned_rows::in_use(self.catalog().connection(), &MODEL)?;
        let faces = group_faces(&rows.facts.faces, &rows.decided);
        groups.prepare(faces, &rows.decided, head)?;
        // Only now: it takes memory, and most is needed before.
        rows.facts.texts();
        rows.facts.places();
        rows.on_photos();
        Ok(())
    }

    fn rows_of(&self, connection: &Connection) -> Result<Arc<Rows>> {
        let stamp = Stamp::of(connection)?;
        let mut kept = self.kept_rows();
        if let Some((of, rows)) = &*kept
            && *of == stamp
        {
            return Ok(Arc::clone(rows));
        }
        // The old ones go first: both at once would be twice the memory.
        *kept = None;
        let rows = Arc::new(Rows::read(connection)?);
        *kept = Some((stamp, Arc::clone(&rows)));
        Ok(rows)
    }

    fn kept_rows(&self) -> MutexGuard<'_, Option<(Stamp, Arc<Rows>)>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the file of a photo is, or was when it was seen last.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], [`Error::Catalog`].
    pub fn path_of(&self, photo: PhotoId) -> Result<PathBuf> {
        Ok(self.photo_row(photo)?.path)
    }

    fn photo_row(&self, photo: PhotoId) -> Result<Photo> {
        photos::get(self.catalog().connection(), photo)?.ok_or(Error::NoPhoto(photo))
    }

    fn finder(&self) -> Result<FaceFinder> {
        let used = maps::in_use(self.catalog().connection())?;
        let map = used.as_ref().map(|(map, _)| *map);
        let mut finder = self.finder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(finder) = finder.as_ref().filter(|finder| finder.map() == map) {
            return Ok(finder.clone());
        }
        *finder = None;
        let own = FaceFinder::load()?;
        let loaded = match used {
            Some((map, network)) => own.with(self.mapped(map, &network)?),
            None => own,
        };
        *finder = Some(loaded.clone());
        Ok(loaded)
    }

    /// The networks are loaded anew when they are needed next.
    fn forget_finder(&self) {
        *self.finder.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The catalog through a connection of its own, for a job that lasts.
    fn second_catalog(&self) -> Result<Catalog> {
        Catalog::open_with(&self.catalog_path(), self.key.as_ref())
    }

    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.seal();
    }
}

/// Takes folders out of the library, with their photos, and brings others back, as the log says it
/// before and after a decision; says how many photos that concerns. To be called inside a transaction.
fn move_folders(connection: &Connection, was: &Decided, is: &Decided) -> Result<u32> {
    let mut photos = 0;
    for folder in was.removed_folders.difference(&is.removed_folders) {
        folders::add(connection, folder)?;
        photos += photos::bring_back(connection, folder)?;
    }
    for folder in is.removed_folders.difference(&was.removed_folders) {
        folders::remove(connection, folder)?;
        let kept = folders::all(connection)?;
        let is_left = |path: &Path| {
            path.starts_with(folder) && !kept.iter().any(|other| path.starts_with(other))
        };
        photos += photos::remove_below(connection, is_left)?;
        skipped_rows::replace(connection, is_left, std::iter::empty())?;
    }
    Ok(photos)
}

/// Rows with the state of the catalog that they are of.
type KeptRows = (Arc<Rows>, Stamp);

/// Adds a decision to the log, and derives who is who anew: what that changed, and the rows as they are
/// now where they need not be read again. To be called inside a transaction.
fn add_to_log(
    connection: &Connection,
    groups: &mut Groups,
    rows: &Rows,
    before: &Before<'_>,
    decision: &Decision,
    at: SystemTime,
) -> Result<(Outcome, Option<KeptRows>)> {
    let person = person_of(decision);
    let id = decisions::add(connection, at, decision)?;
    let mut log = rows.log.clone();
    log.push(decisions::Entry {
        id,
        at,
        decision: decision.clone(),
    });
    let decided = Decided::replay(&log);
    // An import settles the names itself, as its user was shown.
    let imports = matches!(decision, Decision::Import { .. });
    if let Some(name) = before.name_shared_by(&decided).filter(|_| !imports) {
        return Err(Error::NameInUse(name));
    }
    let added = before.has_added();
    let said_of = before.photos_of(decision);
    let placements = if said_of.is_some() {
        rows.placements.clone()
    } else {
        let faces = if added {
            group_faces(&faces::all(connection)?, &decided)
        } else {
            group_faces(&rows.facts.faces, &decided)
        };
        groups.derive(connection, faces, &decided, &rows.placements)?
    };
    let changed: Vec<FaceId> = placements
        .iter()
        .filter(|(face, placement)| rows.placements.get(face) != Some(placement))
        .map(|(face, _)| *face)
        .collect();
    let photos: BTreeSet<PhotoId> = changed
        .iter()
        .filter_map(|face| before.photo_of(*face))
        .collect();
    let outcome = Outcome {
        decision: id,
        person: person.or_else(|| before.person_taken_back(decision)),
        faces_changed: changed.len() as u32,
        photos_changed: said_of.map_or(photos.len(), |photos| photos.len()) as u32,
        said: said(decision, &log, &decided),
    };
    let facts = Arc::clone(&rows.facts);
    // What was just written need not be read again.
    let now = (!added).then(|| Arc::new(Rows::of(facts, log, decided, placements)));
    Ok((outcome, now.zip(Some(Stamp::of(connection)?))))
}

fn seconds_since_1970(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

fn decoded(photo: &Photo, max_side: u32) -> Result<RgbImage> {
    photo::decode(&photo.path, max_side)
        .map(|upright| upright.pixels)
        .map_err(|source| Error::Photo {
            source,
            path: photo.path.clone(),
        })
}
