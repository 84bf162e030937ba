//! The front door: one [`Library`] is one folder with a catalog and caches, and everything that a
//! window or a command can ask of it.
//!
//! A library may be used from many threads. Reading photos has a connection of its own, so that
//! questions are answered while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use image::RgbImage;
use kith_models::Code;
use rusqlite::Connection;

use crate::catalog::photos::Photo;
use crate::catalog::placements::{self, Placement};
use crate::catalog::{Catalog, decisions, faces, folders, learned, photos, questions};
use crate::faces::{FaceFinder, MODEL};
use crate::index::FaceIndex;
use crate::indexing::{DECODED_SIDE, Job, embedded, resolved};
use crate::people::{
    Calibration, Decided, Decision, Derived, Lessons, derive, free_number, halves, read, standing,
};
use crate::search::{Query, Searched, Term, holds, matches};
use crate::thumbnails::Thumbnails;
use crate::{
    Action, Companion, Control, DecisionId, Error, Face, FaceId, FaceState, FailedFile, Folder,
    FoundPhoto, HistoryEntry, IndexSummary, LearnedVersion, Outcome, Person, PersonId, PhotoDetail,
    PhotoId, PhotoTile, Progress, Result, SearchResult, Suggestion, photo,
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
    catalog: Mutex<Catalog>,
    index: Mutex<FaceIndex>,
    /// Loaded when photos are read first: it takes a moment and 200 MB.
    finder: Mutex<Option<Arc<FaceFinder>>>,
    thumbnails: Thumbnails,
}

/// The catalog's rows put together: what lists of faces, people and photos are made of.
struct Rows {
    faces: Vec<faces::StoredFace>,
    placements: BTreeMap<FaceId, Placement>,
    decided: Decided,
    photos: BTreeMap<PhotoId, Photo>,
}

impl Library {
    /// Where the library is when nobody says otherwise: the platform's folder for programs' data.
    #[must_use]
    pub fn default_dir() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "kith").map(|dirs| dirs.data_dir().to_owned())
    }

    /// Opens the library in a folder, and makes it when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made, [`Error::CatalogDamaged`] and
    /// [`Error::CatalogTooNew`] when its catalog is not to be trusted.
    pub fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io("Making the library's folder", dir))?;
        let catalog = Catalog::open(&dir.join("catalog.sqlite"))?;
        let cache = dir.join("cache");
        Ok(Self {
            folder: dir.to_owned(),
            catalog: Mutex::new(catalog),
            index: Mutex::new(FaceIndex::load(&cache.join("index"))),
            finder: Mutex::new(None),
            thumbnails: Thumbnails::at(cache.join("thumbnails")),
        })
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
        let to_read = if folders.is_empty() {
            folders::all(self.catalog().connection())?
        } else {
            resolved(folders)?
        };
        if to_read.is_empty() {
            return Err(Error::NoFolders);
        }
        let lock_path = self.folder.join("reading.lock");
        let lock =
            File::create(&lock_path).map_err(Error::io("Locking the library", &lock_path))?;
        // Held until the end of the run; the system lets go of it when the process is killed.
        lock.try_lock().map_err(|_| Error::Busy)?;
        let finder = self.finder()?;
        let mut job = Job {
            catalog: Catalog::open(&self.folder.join("catalog.sqlite"))?,
            finder: &finder,
            index: &self.index,
            thumbnails: &self.thumbnails,
            control,
            on_progress,
        };
        job.run(&to_read)
    }

    /// The folders of the library, by path.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn folders(&self) -> Result<Vec<Folder>> {
        let catalog = self.catalog();
        let photos = photos::present(catalog.connection())?;
        let of = |folder: PathBuf| Folder {
            photos: photos
                .iter()
                .filter(|photo| photo.path.starts_with(&folder))
                .count() as u32,
            present: folder.is_dir(),
            path: folder.display().to_string(),
        };
        Ok(folders::all(catalog.connection())?
            .into_iter()
            .map(of)
            .collect())
    }

    /// Takes a folder out of the library. Its photos are no longer shown; what was said about them
    /// stays, and holds again when the folder is added again.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when the library has no such folder, [`Error::Catalog`].
    pub fn remove_folder(&self, path: &str) -> Result<()> {
        let mut index = self.face_index();
        self.catalog().transaction(|connection| {
            let all = folders::all(connection)?;
            let folder = all
                .iter()
                .find(|folder| folder.display().to_string() == path)
                .ok_or_else(|| Error::NoFolder { path: path.into() })?;
            folders::remove(connection, folder)?;
            let kept: Vec<&PathBuf> = all.iter().filter(|other| *other != folder).collect();
            for photo in photos::known(connection)? {
                let elsewhere = kept.iter().any(|other| photo.path.starts_with(other));
                if photo.path.starts_with(folder) && !elsewhere {
                    photos::set_gone(connection, photo.id, true)?;
                }
            }
            derive(connection, &mut index).map(drop)
        })
    }

    /// All faces that are shown, by number.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn faces(&self) -> Result<Vec<Face>> {
        let rows = self.rows()?;
        Ok(rows
            .faces
            .iter()
            .filter_map(|face| rows.face(face))
            .collect())
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
            .faces
            .iter()
            .filter(|face| rows.placements.get(&face.id).and_then(|of| of.person) == Some(person))
            .filter_map(|face| rows.face(face))
            .collect();
        if faces.is_empty() && !rows.decided.people.contains_key(&person) {
            return Err(Error::NoPerson(person));
        }
        faces.sort_by_cached_key(|face| (rows.photos.get(&face.photo).map(date_of), face.face));
        Ok(faces)
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
    pub fn failed(&self) -> Result<Vec<FailedFile>> {
        let failed = photos::failed(self.catalog().connection())?;
        let file = |(path, reason): (PathBuf, String)| FailedFile {
            path: path.display().to_string(),
            reason,
        };
        Ok(failed.into_iter().map(file).collect())
    }

    /// All photos, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn photos(&self) -> Result<Vec<PhotoTile>> {
        let catalog = self.catalog();
        let photos = photos::present(catalog.connection())?;
        let decided = Decided::replay(&decisions::all(catalog.connection())?);
        let mut tiles: Vec<PhotoTile> = photos
            .iter()
            .map(|photo| tile_of(photo, &decided))
            .collect();
        sort_newest_first(&mut tiles, |tile| tile);
        Ok(tiles)
    }

    /// One photo with its faces.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], [`Error::Catalog`].
    pub fn photo(&self, photo: PhotoId) -> Result<PhotoDetail> {
        let catalog = self.catalog();
        let connection = catalog.connection();
        let found = photos::get(connection, photo)?.ok_or(Error::NoPhoto(photo))?;
        let decided = Decided::replay(&decisions::all(connection)?);
        let tile = tile_of(&found, &decided);
        let rows = Rows {
            faces: shown_faces(faces::on_photo(connection, photo)?, &decided),
            placements: placements::all(connection)?,
            decided,
            photos: BTreeMap::from([(photo, found.clone())]),
        };
        let mut on_it: Vec<Face> = rows
            .faces
            .iter()
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
            camera: found.header.camera,
            faces: on_it,
        })
    }

    /// Adds what the user says to the log, and derives who is who anew.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::NoFace`], [`Error::NoFaces`], [`Error::EmptyName`],
    /// [`Error::SamePerson`], [`Error::NothingToUndo`] when it cannot be meant; nothing is changed
    /// then. [`Error::Catalog`] when it cannot be stored.
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
            faces::set_drawn(connection, id)?;
            before.photo_of.insert(id, photo);
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
        decision: impl FnOnce(&mut Before, &Connection) -> Result<Decision>,
    ) -> Result<Outcome> {
        let mut index = self.face_index();
        self.catalog().transaction(|connection| {
            let mut before = Before::read(connection)?;
            let decision = decision(&mut before, connection)?;
            let person = person_of(&decision);
            let id = decisions::add(connection, at, &decision)?;
            let said_of = before.photos_of(&decision);
            let derived = if said_of.is_some() {
                unchanged(connection)?
            } else {
                derive(connection, &mut index)?
            };
            let changed: Vec<FaceId> = derived
                .new
                .iter()
                .filter(|(face, placement)| derived.old.get(face) != Some(placement))
                .map(|(face, _)| *face)
                .collect();
            let photos: BTreeSet<PhotoId> = changed
                .iter()
                .filter_map(|face| before.photo_of.get(face))
                .copied()
                .collect();
            let names = |person| {
                derived
                    .decided
                    .people
                    .get(&person)
                    .and_then(|of| of.name.clone())
            };
            Ok(Outcome {
                decision: id,
                person: person.or_else(|| before.person_taken_back(&decision)),
                faces_changed: changed.len() as u32,
                photos_changed: said_of.map_or(photos.len(), <[PhotoId]>::len) as u32,
                said: before.sentence(&decision, &names),
            })
        })
    }

    /// Every decision as a sentence, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn history(&self) -> Result<Vec<HistoryEntry>> {
        let catalog = self.catalog();
        let before = Before::read(catalog.connection())?;
        let holds: BTreeSet<DecisionId> =
            standing(&before.log).iter().map(|entry| entry.id).collect();
        let names = |person: PersonId| before.decided.people.get(&person)?.name.clone();
        let entry = |entry: &decisions::Entry| HistoryEntry {
            decision: entry.id,
            at: seconds_since_1970(entry.at),
            said: before.sentence(&entry.decision, &names),
            faces: faces_in(&entry.decision)
                .into_iter()
                .take(BEST_FACES)
                .collect(),
            person: person_of(&entry.decision)
                .filter(|person| before.faces_of.contains_key(person)),
            stands: holds.contains(&entry.id),
            undone: !matches!(entry.decision, Decision::Undo { .. }) && !holds.contains(&entry.id),
        };
        Ok(before.log.iter().rev().map(entry).collect())
    }

    /// The photos that answer a query; see [`crate::search::Query`] for its language.
    ///
    /// # Errors
    /// [`Error::Query`] with a sentence when a word is not understood, [`Error::Catalog`].
    pub fn search(&self, query: &str) -> Result<SearchResult> {
        let rows = self.rows()?;
        let names: Vec<(PersonId, String)> = rows.names();
        let query = Query::parse(query, &names)?;
        let searched = rows.searched(&folders::all(self.catalog().connection())?);
        check_understood(&query, &searched, &names)?;
        let mut found: Vec<FoundPhoto> = rows
            .photos
            .values()
            .filter_map(|photo| Some((photo, searched.get(&photo.id)?)))
            .filter(|(_, searched)| matches(&query, searched))
            .map(|(photo, searched)| {
                let on_it = searched.people.iter();
                let mut people: Vec<String> = on_it
                    .filter_map(|person| rows.decided.people.get(person)?.name.clone())
                    .collect();
                people.sort();
                FoundPhoto {
                    tile: tile_of(photo, &rows.decided),
                    path: photo.path.display().to_string(),
                    people,
                }
            })
            .collect();
        sort_newest_first(&mut found, |photo| &photo.tile);
        let understood = query.terms.iter().map(ToString::to_string).collect();
        Ok(SearchResult {
            photos: found,
            understood,
            without: query.without,
        })
    }

    /// Makers and models of the cameras, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn cameras(&self) -> Result<Vec<String>> {
        let photos = photos::present(self.catalog().connection())?;
        let cameras: BTreeSet<String> = photos
            .into_iter()
            .filter_map(|photo| photo.header.camera)
            .collect();
        Ok(cameras.into_iter().collect())
    }

    /// All names in use, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn names(&self) -> Result<Vec<String>> {
        let decided = Decided::replay(&decisions::all(self.catalog().connection())?);
        let mut names: Vec<String> = decided
            .people
            .into_values()
            .filter_map(|person| person.name)
            .collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        Ok(names)
    }

    /// A small picture of a photo: JPEG, upright, long side 400 pixels or less.
    ///
    /// # Errors
    /// [`Error::NoPhoto`], and [`Error::Photo`] when it must be made and the file cannot be read.
    pub fn thumbnail(&self, photo: PhotoId) -> Result<Vec<u8>> {
        let photo = self.photo_row(photo)?;
        match self.thumbnails.photo(&photo.header.content) {
            Some(jpeg) => Ok(jpeg),
            None => self
                .thumbnails
                .make_photo(&photo.header.content, &decoded(&photo, DECODED_SIDE)?),
        }
    }

    /// A small picture of a face: JPEG, upright, square.
    ///
    /// # Errors
    /// [`Error::NoFace`], and [`Error::Photo`] when it must be made and the file cannot be read.
    pub fn face_thumbnail(&self, face: FaceId) -> Result<Vec<u8>> {
        let stored = faces::get(self.catalog().connection(), face)?.ok_or(Error::NoFace(face))?;
        let photo = self.photo_row(stored.photo)?;
        let box_upright = stored.found.box_upright;
        if let Some(jpeg) = self.thumbnails.face(&photo.header.content, &box_upright) {
            return Ok(jpeg);
        }
        let pixels = decoded(&photo, DECODED_SIDE)?;
        self.thumbnails
            .make_face(&photo.header.content, &box_upright, &pixels)
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

    fn rows(&self) -> Result<Rows> {
        let catalog = self.catalog();
        let connection = catalog.connection();
        let present = photos::present(connection)?;
        let decided = Decided::replay(&decisions::all(connection)?);
        Ok(Rows {
            faces: shown_faces(faces::all(connection, &MODEL)?, &decided),
            placements: placements::all(connection)?,
            decided,
            photos: present.into_iter().map(|photo| (photo.id, photo)).collect(),
        })
    }

    fn photo_row(&self, photo: PhotoId) -> Result<Photo> {
        photos::get(self.catalog().connection(), photo)?.ok_or(Error::NoPhoto(photo))
    }

    fn finder(&self) -> Result<Arc<FaceFinder>> {
        let mut finder = self.finder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(finder) = &*finder {
            return Ok(Arc::clone(finder));
        }
        let loaded = Arc::new(FaceFinder::load()?);
        *finder = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn face_index(&self) -> MutexGuard<'_, FaceIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the library learns of its people.
impl Library {
    /// Learns from what the user said, and uses it where it makes fewer mistakes on answers that
    /// were held back. Takes seconds; other calls are answered meanwhile. `on_step` gets how many
    /// steps of how many are done. None when it was cancelled; nothing is changed then.
    ///
    /// # Errors
    /// [`Error::NothingToLearn`], [`Error::Models`], [`Error::Catalog`], [`Error::Index`].
    pub fn learn(
        &self,
        at: SystemTime,
        control: &Control,
        on_step: &mut dyn FnMut(u32, u32),
    ) -> Result<Option<LearnedVersion>> {
        let (faces, decided) = read(self.catalog().connection())?;
        let lessons = Lessons::gather(&faces, &decided);
        if lessons.people() < 2 {
            return Err(Error::NothingToLearn);
        }
        let learned = lessons.learn(&mut |done, total| {
            on_step(done, total);
            control.go_on()
        })?;
        let Some(learned) = learned else {
            return Ok(None);
        };
        let mut index = self.face_index();
        self.catalog().transaction(|connection| {
            let version = learned::add(connection, at, &MODEL, &learned)?;
            if learned.trial.is_better() {
                learned::put_to_use(connection, Some(version), &MODEL)?;
                derive(connection, &mut index)?;
            }
            let all = learned::all(connection, &MODEL)?;
            Ok(all.iter().find(|of| of.version == version).map(told))
        })
    }

    /// How many answers nothing was learned from yet, and how many the newest version was.
    pub(crate) fn answers(&self) -> Result<(u32, u32)> {
        let catalog = self.catalog();
        let (faces, decided) = read(catalog.connection())?;
        let answers = Lessons::gather(&faces, &decided).answers();
        let versions = learned::all(catalog.connection(), &MODEL)?;
        let before = versions.first().map_or(0, |of| of.trial.answers);
        Ok((answers.saturating_sub(before), before))
    }

    /// What was learned so far, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn learned(&self) -> Result<Vec<LearnedVersion>> {
        let all = learned::all(self.catalog().connection(), &MODEL)?;
        Ok(all.iter().map(told).collect())
    }

    /// Uses a version of what was learned, or the network as it came, and derives who is who anew.
    ///
    /// # Errors
    /// [`Error::NoVersion`], [`Error::Catalog`], [`Error::Index`].
    pub fn use_learned(&self, version: Option<u32>) -> Result<()> {
        let mut index = self.face_index();
        self.catalog().transaction(|connection| {
            let known = learned::put_to_use(connection, version, &MODEL)?;
            if let (Some(version), false) = (version, known) {
                return Err(Error::NoVersion(version));
            }
            derive(connection, &mut index).map(drop)
        })
    }
}

fn told(version: &learned::Version) -> LearnedVersion {
    let trial = &version.trial;
    let mistakes = if trial.known.faces == 0 {
        "too few to try it on answers it had not seen".to_owned()
    } else {
        format!(
            "mistakes on {} it had not seen: {} \u{2192} {}",
            answers(trial.known.faces),
            trial.known.before,
            trial.known.after
        )
    };
    LearnedVersion {
        version: version.version,
        at: seconds_since_1970(version.at),
        used: version.used,
        answers: trial.answers,
        faces: trial.known.faces,
        mistakes_before: trial.known.before,
        mistakes: trial.known.after,
        better: trial.is_better(),
        said: format!(
            "Learned from {} of yours; {mistakes}",
            answers(trial.answers)
        ),
    }
}

fn answers(number: u32) -> String {
    if number == 1 {
        "1 answer".into()
    } else {
        format!("{number} answers")
    }
}

fn seconds_since_1970(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

impl Rows {
    fn face(&self, stored: &faces::StoredFace) -> Option<Face> {
        let photo = self.photos.get(&stored.photo)?;
        let unplaced = Placement {
            person: None,
            state: FaceState::Unassigned,
        };
        let placement = self.placements.get(&stored.id).copied().unwrap_or(unplaced);
        let decided = placement
            .person
            .and_then(|person| self.decided.people.get(&person));
        Some(Face {
            face: stored.id,
            photo: stored.photo,
            path: photo.path.display().to_string(),
            box_upright: stored.found.box_upright,
            score: stored.found.score,
            person: placement.person,
            name: decided.and_then(|decided| decided.name.clone()),
            state: placement.state,
        })
    }

    fn faces_of_people(&self) -> BTreeMap<PersonId, Vec<&faces::StoredFace>> {
        let mut faces_of: BTreeMap<PersonId, Vec<&faces::StoredFace>> = BTreeMap::new();
        for face in self
            .faces
            .iter()
            .filter(|face| self.photos.contains_key(&face.photo))
        {
            if let Some(person) = self.placements.get(&face.id).and_then(|of| of.person) {
                faces_of.entry(person).or_default().push(face);
            }
        }
        faces_of
    }

    /// Up to [`BEST_FACES`] of a person's faces that were taken at about the time of a photo:
    /// a child is compared with the child of that age. `faces` are in the order of their quality.
    fn sure_faces_near(&self, faces: &[&faces::StoredFace], photo: PhotoId) -> Vec<FaceId> {
        let month = |photo: PhotoId| {
            let date = self.photos.get(&photo).map(date_of).unwrap_or_default();
            let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<i32>().ok();
            part(0..4).unwrap_or_default() * 12 + part(5..7).unwrap_or_default()
        };
        let confirmed = |face: &faces::StoredFace| {
            let placement = self.placements.get(&face.id);
            placement.is_some_and(|of| of.state == FaceState::Confirmed)
        };
        let asked = month(photo);
        let mut near: Vec<(bool, i32, FaceId)> = faces
            .iter()
            .map(|face| {
                let apart = (month(face.photo) - asked).abs();
                (!confirmed(face), apart, face.id)
            })
            .collect();
        near.sort_by_key(|(unsure, apart, _)| (*unsure, *apart));
        near.into_iter()
            .take(BEST_FACES)
            .map(|(_, _, face)| face)
            .collect()
    }

    /// What a query can ask of each photo. A path counts from the library's folder on: what that is
    /// called is true of all its photos.
    fn searched(&self, folders: &[PathBuf]) -> BTreeMap<PhotoId, Searched> {
        let below = |path: &Path| {
            let inside = folders.iter().filter_map(|of| path.strip_prefix(of).ok());
            let shortest = inside.min_by_key(|path| path.as_os_str().len());
            shortest.unwrap_or(path).to_string_lossy().to_lowercase()
        };
        let mut searched: BTreeMap<PhotoId, Searched> = self
            .photos
            .values()
            .map(|photo| {
                let camera = photo.header.camera.as_deref().unwrap_or_default();
                let searched = Searched {
                    date: date_of(photo),
                    camera: camera.to_lowercase(),
                    path: below(&photo.path),
                    favourite: self.decided.favourites.contains(&photo.id),
                    stars: self
                        .decided
                        .stars
                        .get(&photo.id)
                        .copied()
                        .unwrap_or_default(),
                    ..Searched::default()
                };
                (photo.id, searched)
            })
            .collect();
        for face in &self.faces {
            let placement = self.placements.get(&face.id);
            let Some(photo) = searched.get_mut(&face.photo) else {
                continue;
            };
            if placement.is_some_and(|of| of.state == FaceState::Ignored) {
                continue;
            }
            photo.faces += 1;
            let person = placement.and_then(|of| of.person);
            let name = person.and_then(|person| self.decided.people.get(&person)?.name.as_ref());
            photo.unnamed |= name.is_none();
            photo.nobodys += u32::from(person.is_none());
            photo.people.extend(person);
        }
        searched
    }

    fn names(&self) -> Vec<(PersonId, String)> {
        let named = |(id, person): (&PersonId, &crate::people::DecidedPerson)| {
            Some((*id, person.name.clone()?))
        };
        self.decided.people.iter().filter_map(named).collect()
    }
}

/// A text that is nobody's name and in no file's name was most likely meant for one of the two.
fn check_understood(
    query: &Query,
    searched: &BTreeMap<PhotoId, Searched>,
    names: &[(PersonId, String)],
) -> Result<()> {
    let inner = |term: &Term| match term {
        Term::Not(term) => (**term).clone(),
        term => term.clone(),
    };
    let parts = query.terms.iter().flat_map(|term| match term {
        Term::Either(terms) => terms.iter().map(inner).collect(),
        term => vec![inner(term)],
    });
    for term in parts {
        let Term::Called {
            text,
            surely: false,
        } = &term
        else {
            continue;
        };
        if !searched.values().any(|photo| holds(&term, photo)) {
            let nobody = if names.is_empty() {
                " Nobody has been named yet."
            } else {
                ""
            };
            return Err(Error::Query(format!(
                "“{text}” is nobody’s name, no time, and in no name of a file or folder.{nobody}"
            )));
        }
    }
    Ok(())
}

/// The library as it is before a decision.
struct Before {
    log: Vec<decisions::Entry>,
    decided: Decided,
    faces_of: BTreeMap<PersonId, Vec<FaceId>>,
    photo_of: BTreeMap<FaceId, PhotoId>,
    photos: BTreeSet<PhotoId>,
    codes: BTreeMap<FaceId, Code>,
}

/// Whose each face is, where nothing was said about faces or people.
fn unchanged(connection: &Connection) -> Result<Derived> {
    let old = placements::all(connection)?;
    Ok(Derived {
        new: old.clone(),
        old,
        decided: Decided::replay(&decisions::all(connection)?),
    })
}

impl Before {
    fn read(connection: &Connection) -> Result<Self> {
        let log = decisions::all(connection)?;
        let decided = Decided::replay(&log);
        let mut faces_of: BTreeMap<PersonId, Vec<FaceId>> = BTreeMap::new();
        for (face, placement) in placements::all(connection)? {
            if let Some(person) = placement.person {
                faces_of.entry(person).or_default().push(face);
            }
        }
        let faces = faces::all(connection, &MODEL)?;
        let photo_of = faces.iter().map(|face| (face.id, face.photo)).collect();
        let codes = faces
            .iter()
            .map(|face| (face.id, face.found.code))
            .collect();
        Ok(Self {
            log,
            decided,
            faces_of,
            photo_of,
            photos: photos::known(connection)?
                .into_iter()
                .map(|photo| photo.id)
                .collect(),
            codes,
        })
    }

    /// What the action comes to, with the faces it is about.
    fn decision(&self, action: Action) -> Result<Decision> {
        match action {
            Action::Name { person, name } => {
                let faces = self.undecided_faces(self.known(person)?);
                match self.decided.named(&name) {
                    Some(same) if same != person => Ok(Decision::Merge {
                        person,
                        into: same,
                        faces: self.faces(person),
                    }),
                    _ => Ok(Decision::Name {
                        person,
                        name: tidy(&name)?,
                        faces,
                    }),
                }
            }
            Action::NameFaces { faces, name } => {
                let faces = self.known_faces(faces)?;
                let name = tidy(&name)?;
                if let Some(person) = self.decided.named(&name) {
                    return Ok(Decision::Confirm { person, faces });
                }
                let taken = self.decided.people.keys().copied().collect();
                Ok(Decision::Name {
                    person: free_number(&faces, &taken),
                    name,
                    faces,
                })
            }
            Action::Confirm { faces, person } => {
                let mut faces = self.known_faces(faces)?;
                // A group becomes a person by the first word about it, and keeps its faces.
                faces.extend(self.undecided_faces(self.known(person)?));
                Ok(Decision::Confirm { person, faces })
            }
            Action::Reject { faces, person } => {
                let faces = self.known_faces(faces)?;
                let mut others = self.undecided_faces(self.known(person)?);
                others.retain(|other| !faces.contains(other));
                Ok(Decision::Reject {
                    person,
                    faces,
                    others,
                })
            }
            Action::Merge { person, into } => {
                self.known(person)?;
                if person == into {
                    return Err(Error::SamePerson(person));
                }
                let mut faces = self.faces(person);
                faces.extend(self.undecided_faces(self.known(into)?));
                Ok(Decision::Merge {
                    person,
                    into,
                    faces,
                })
            }
            Action::Split { person } => self.split(person),
            Action::Join { people, name } => self.join(people, name.as_deref()),
            Action::HideAll { people, hidden } => {
                let people: BTreeSet<PersonId> = people.into_iter().collect();
                let hide = |person| self.hide(person, hidden);
                several(people.into_iter().map(hide).collect::<Result<_>>()?)
            }
            Action::Hide { person, hidden } => self.hide(person, hidden),
            Action::BestFace { face } => self.best_face(face),
            Action::Ignore { faces } => Ok(Decision::Ignore {
                faces: self.known_faces(faces)?,
            }),
            Action::Unsure { faces, person } => Ok(Decision::Unsure {
                person,
                faces: self.known_faces(faces)?,
                others: self.undecided_faces(self.known(person)?),
            }),
            Action::Favourite { photos, favourite } => Ok(Decision::Favourite {
                photos: self.known_photos(photos)?,
                favourite,
            }),
            Action::Stars { photos, stars } => Ok(Decision::Stars {
                photos: self.known_photos(photos)?,
                stars: stars.min(MOST_STARS),
            }),
            Action::TakeBack { decision } => self.take_back(decision),
            Action::Undo => {
                let newest = standing(&self.log).first().map(|entry| entry.id);
                Ok(Decision::Undo {
                    decision: newest.ok_or(Error::NothingToUndo)?,
                })
            }
        }
    }

    /// The half of a person's faces that differ most from the others are not that person.
    fn split(&self, person: PersonId) -> Result<Decision> {
        let of: Vec<(FaceId, Code)> = self
            .faces(self.known(person)?)
            .into_iter()
            .filter_map(|face| Some((face, *self.codes.get(&face)?)))
            .collect();
        let (stay, leave) = halves(&of).ok_or(Error::NothingToSplit)?;
        let known = self.decided.people.contains_key(&person);
        Ok(Decision::Reject {
            person,
            faces: leave,
            others: if known { Vec::new() } else { stay },
        })
    }

    fn hide(&self, person: PersonId, hidden: bool) -> Result<Decision> {
        Ok(Decision::Hide {
            person,
            hidden,
            faces: self.undecided_faces(self.known(person)?),
        })
    }

    fn best_face(&self, face: FaceId) -> Result<Decision> {
        let owner = self
            .faces_of
            .iter()
            .find(|(_, faces)| faces.contains(&face));
        let (person, _) = owner.ok_or(Error::NoFace(face))?;
        let mut others = self.undecided_faces(*person);
        others.retain(|other| *other != face);
        Ok(Decision::BestFace {
            person: *person,
            face,
            others,
        })
    }

    /// Several people who are one.
    fn join(&self, people: Vec<PersonId>, name: Option<&str>) -> Result<Decision> {
        let mut people: Vec<PersonId> = people
            .into_iter()
            .map(|person| self.known(person))
            .collect::<Result<BTreeSet<_>>>()?
            .into_iter()
            .collect();
        // The first named one first, then the one with most faces, then the oldest.
        people.sort_by_key(|person| {
            let of = self.decided.people.get(person);
            let named = of.is_some_and(|of| of.name.is_some());
            (!named, std::cmp::Reverse(self.faces(*person).len()))
        });
        let known = name.and_then(|name| self.decided.named(name));
        let into = known.or(people.first().copied()).ok_or(Error::NoFaces)?;
        let mut decisions: Vec<Decision> = people
            .iter()
            .filter(|person| **person != into)
            .map(|person| {
                let mut faces = self.faces(*person);
                faces.extend(self.undecided_faces(into));
                Decision::Merge {
                    person: *person,
                    into,
                    faces,
                }
            })
            .collect();
        if let Some(name) = name
            && known.is_none()
        {
            decisions.push(Decision::Name {
                person: into,
                name: tidy(name)?,
                faces: self.undecided_faces(into),
            });
        }
        if decisions.is_empty() {
            return Err(Error::SamePerson(into));
        }
        several(decisions)
    }

    /// Any decision that holds can be taken back, whatever was said later, as long as it leaves no
    /// two people of one name.
    fn take_back(&self, decision: DecisionId) -> Result<Decision> {
        if !standing(&self.log).iter().any(|entry| entry.id == decision) {
            return Err(Error::TakenBack(decision));
        }
        let undo = Decision::Undo { decision };
        let mut log = self.log.clone();
        log.push(decisions::Entry {
            id: log.last().map_or(1, |last| last.id + 1),
            at: SystemTime::UNIX_EPOCH,
            decision: undo.clone(),
        });
        let after = Decided::replay(&log);
        let clash = after.people.iter().find_map(|(person, of)| {
            let name = of.name.as_ref()?;
            (after.named(name) != Some(*person)).then(|| name.clone())
        });
        clash.map_or(Ok(undo), |name| Err(Error::NameInUse(name)))
    }

    fn known(&self, person: PersonId) -> Result<PersonId> {
        let known =
            self.faces_of.contains_key(&person) || self.decided.people.contains_key(&person);
        if known {
            Ok(person)
        } else {
            Err(Error::NoPerson(person))
        }
    }

    fn known_faces(&self, mut faces: Vec<FaceId>) -> Result<Vec<FaceId>> {
        faces.sort_unstable();
        faces.dedup();
        match faces.iter().find(|face| !self.photo_of.contains_key(face)) {
            Some(face) => Err(Error::NoFace(*face)),
            None if faces.is_empty() => Err(Error::NoFaces),
            None => Ok(faces),
        }
    }

    fn known_photos(&self, photos: Vec<PhotoId>) -> Result<Vec<PhotoId>> {
        let photos: BTreeSet<PhotoId> = photos.into_iter().collect();
        match photos.iter().find(|photo| !self.photos.contains(photo)) {
            Some(photo) => Err(Error::NoPhoto(*photo)),
            None => Ok(photos.into_iter().collect()),
        }
    }

    /// The photos that a decision, or the one that it takes back, is about as such.
    fn photos_of<'a>(&'a self, decision: &'a Decision) -> Option<&'a [PhotoId]> {
        match decision {
            Decision::Undo { decision } => self.entry(*decision)?.decision.photos(),
            decision => decision.photos(),
        }
    }

    fn faces(&self, person: PersonId) -> Vec<FaceId> {
        self.faces_of.get(&person).cloned().unwrap_or_default()
    }

    /// The faces of a group of which nothing was decided; none for a person.
    fn undecided_faces(&self, person: PersonId) -> Vec<FaceId> {
        if self.decided.people.contains_key(&person) {
            Vec::new()
        } else {
            self.faces(person)
        }
    }

    fn person_taken_back(&self, decision: &Decision) -> Option<PersonId> {
        let Decision::Undo { decision } = decision else {
            return None;
        };
        self.entry(*decision)
            .and_then(|entry| person_of(&entry.decision))
    }

    fn entry(&self, id: DecisionId) -> Option<&decisions::Entry> {
        self.log.iter().find(|entry| entry.id == id)
    }

    fn sentence(&self, decision: &Decision, name: &dyn Fn(PersonId) -> Option<String>) -> String {
        let who = |person: &PersonId| name(*person).unwrap_or_else(|| "this person".into());
        match decision {
            Decision::Name { name, faces, .. } if faces.is_empty() => format!("Renamed to {name}"),
            Decision::Name { name, faces, .. } => format!("{} now {name}", are(faces.len())),
            Decision::Confirm { person, faces } => {
                format!("{} now {}", are(faces.len()), who(person))
            }
            Decision::Reject { person, faces, .. } => {
                format!("{} not {}", are(faces.len()), who(person))
            }
            Decision::Merge { into, faces, .. } => {
                format!("Joined: {} now {}", are(faces.len()), who(into))
            }
            Decision::Hide {
                person,
                hidden: true,
                ..
            } => format!("Hidden: {}", who(person)),
            Decision::Hide {
                person,
                hidden: false,
                ..
            } => format!("Shown again: {}", who(person)),
            Decision::Ignore { faces } if faces.len() == 1 => "1 face is left out".into(),
            Decision::Ignore { faces } => format!("{} faces are left out", faces.len()),
            Decision::Unsure { person, faces, .. } => {
                format!("Unsure whether {} {}", are(faces.len()), who(person))
            }
            Decision::Favourite { photos, favourite } => {
                let are = are_photos(photos.len());
                format!(
                    "{are} {}",
                    if *favourite {
                        "a favourite"
                    } else {
                        "no favourite"
                    }
                )
            }
            Decision::Stars { photos, stars } => {
                let photos = match photos.len() {
                    1 => "1 photo".into(),
                    more => format!("{more} photos"),
                };
                match stars {
                    0 => format!("{photos} without stars"),
                    1 => format!("{photos} with 1 star"),
                    stars => format!("{photos} with {stars} stars"),
                }
            }
            Decision::BestFace { person, .. } => format!("This face stands for {}", who(person)),
            Decision::Draw { .. } => "1 face drawn".into(),
            Decision::Several { decisions }
                if matches!(decisions.first(), Some(Decision::Draw { .. })) =>
            {
                let into = decisions.last().and_then(person_of);
                let into = into.map_or_else(|| "this person".into(), |into| who(&into));
                format!("1 face drawn: {into}")
            }
            Decision::Several { decisions } => match decisions.last() {
                Some(Decision::Hide { hidden, .. }) => {
                    let what = if *hidden { "Hidden" } else { "Shown again" };
                    format!("{what}: {} people", decisions.len())
                }
                last => {
                    let into = last.and_then(person_of);
                    let into = into.map_or_else(|| "this person".into(), |into| who(&into));
                    format!("Joined: {} now {into}", are(faces_in(decision).len()))
                }
            },
            Decision::Undo { decision } => match self.entry(*decision) {
                Some(entry) => format!("Taken back: {}", self.sentence(&entry.decision, name)),
                None => "Taken back".into(),
            },
        }
    }
}

/// The faces that are there; a drawn one as long as the decision to draw it holds.
fn shown_faces(mut faces: Vec<faces::StoredFace>, decided: &Decided) -> Vec<faces::StoredFace> {
    faces.retain(|face| face.present && (!face.drawn || decided.drawn.contains(&face.id)));
    faces
}

fn best_first(faces: &mut [&faces::StoredFace]) {
    faces.sort_by(|a, b| {
        let better = b.found.quality.total_cmp(&a.found.quality);
        better.then(a.id.cmp(&b.id))
    });
}

fn are(faces: usize) -> String {
    if faces == 1 {
        "1 face is".into()
    } else {
        format!("{faces} faces are")
    }
}

fn are_photos(photos: usize) -> String {
    if photos == 1 {
        "1 photo is".into()
    } else {
        format!("{photos} photos are each")
    }
}

/// One decision as it is, more as one that is taken back at once.
fn several(mut decisions: Vec<Decision>) -> Result<Decision> {
    match decisions.len() {
        0 => Err(Error::NoFaces),
        1 => Ok(decisions.remove(0)),
        _ => Ok(Decision::Several { decisions }),
    }
}

/// The faces that a decision lists.
fn faces_in(decision: &Decision) -> Vec<FaceId> {
    match decision {
        Decision::Name { faces, .. }
        | Decision::Confirm { faces, .. }
        | Decision::Reject { faces, .. }
        | Decision::Merge { faces, .. }
        | Decision::Hide { faces, .. }
        | Decision::Unsure { faces, .. }
        | Decision::Ignore { faces } => faces.clone(),
        Decision::Draw { face } | Decision::BestFace { face, .. } => vec![*face],
        Decision::Several { decisions } => {
            let all: BTreeSet<FaceId> = decisions.iter().flat_map(faces_in).collect();
            all.into_iter().collect()
        }
        Decision::Favourite { .. } | Decision::Stars { .. } | Decision::Undo { .. } => Vec::new(),
    }
}

fn person_of(decision: &Decision) -> Option<PersonId> {
    match decision {
        Decision::Name { person, .. }
        | Decision::Confirm { person, .. }
        | Decision::Reject { person, .. }
        | Decision::Unsure { person, .. }
        | Decision::BestFace { person, .. }
        | Decision::Hide { person, .. } => Some(*person),
        Decision::Merge { into, .. } => Some(*into),
        // Of several, all joined into one are about that one; hidden ones are not about one person.
        Decision::Several { decisions } => match decisions.last() {
            Some(Decision::Hide { .. }) | None => None,
            Some(last) => person_of(last),
        },
        Decision::Ignore { .. }
        | Decision::Draw { .. }
        | Decision::Favourite { .. }
        | Decision::Stars { .. }
        | Decision::Undo { .. } => None,
    }
}

fn tidy(name: &str) -> Result<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().any(char::is_alphanumeric) {
        Ok(name)
    } else {
        Err(Error::EmptyName)
    }
}

fn decoded(photo: &Photo, max_side: u32) -> Result<RgbImage> {
    photo::decode(&photo.path, max_side)
        .map(|upright| upright.pixels)
        .map_err(|source| Error::Photo {
            source,
            path: photo.path.clone(),
        })
}

fn tile_of(photo: &Photo, decided: &Decided) -> PhotoTile {
    PhotoTile {
        photo: photo.id,
        width: photo.header.width,
        height: photo.header.height,
        date: date_of(photo),
        favourite: decided.favourites.contains(&photo.id),
        stars: decided.stars.get(&photo.id).copied().unwrap_or_default(),
    }
}

/// The date in the header, or else the day the file was changed last.
fn date_of(photo: &Photo) -> String {
    photo.header.taken_at.clone().unwrap_or_else(|| {
        let since = Duration::from_nanos(photo.modified_ns.max(0) as u64);
        let changed = jiff::Timestamp::try_from(SystemTime::UNIX_EPOCH + since).unwrap_or_default();
        format!("{}", changed.strftime("%Y-%m-%dT%H:%M:%S"))
    })
}

fn sort_newest_first<T>(photos: &mut [T], tile: impl Fn(&T) -> &PhotoTile) {
    photos.sort_by(|a, b| {
        let (a, b) = (tile(a), tile(b));
        b.date.cmp(&a.date).then(a.photo.cmp(&b.photo))
    });
}
