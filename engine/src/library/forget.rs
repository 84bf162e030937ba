//! Forgets a person for good: names, answers, codes, pictures of their faces, and every copy of these that
//! the library keeps.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::SystemTime;
use std::{fs, io};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::before::entry_of;
use super::folder;
use super::keeping::{remove_folder_if_there, remove_if_there};
use super::rows::Rows;
use super::{Library, backups};
use crate::catalog::faces::StoredFace;
use crate::catalog::transfer as all_rows;
use crate::catalog::{decisions, delete_faces, faces, forgotten, learned};
use crate::faces::MODEL;
use crate::people::{Decision, Forgotten, GroupFace, Groups, every_face};
use crate::{DecisionId, Error, FaceId, ForgetSummary, Notice, PersonId, PhotoId, Result, private};

/// A file of the library that is there while somebody is being forgotten: what a kill interrupts is gone on
/// with when the library is opened next.
const MARKER: &str = "forgetting";

/// What the marker says, as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Forgetting {
    /// A person, by the entry of the log that says so.
    Person(DecisionId),
    /// Everybody: all faces up to this number. Numbers are not used again.
    Everybody { up_to_face: FaceId },
}

impl Forgetting {
    /// Whether the catalog's rows were deleted, or the marker was left before.
    fn is_committed(self, connection: &Connection) -> Result<bool> {
        match self {
            Self::Person(decision) => {
                let log = decisions::all(connection)?;
                let entry = entry_of(&log, decision);
                Ok(entry.is_some_and(|entry| matches!(entry.decision, Decision::Forget { .. })))
            }
            Self::Everybody { up_to_face } => {
                let range = faces::number_range(connection)?;
                Ok(range.is_none_or(|(first, _)| first > up_to_face))
            }
        }
    }
}

impl Library {
    /// Forgets a person: their names, birthday and all that was said of them, their faces with codes,
    /// landmarks and small pictures, what was learned with their help, and the copies of the catalog that
    /// the library keeps by itself. The photos stay, and a later look does not find these faces again.
    /// Cannot be taken back. Backups and exports elsewhere are not touched.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::Busy`] while photos are read, [`Error::ReadOnly`], [`Error::Catalog`];
    /// nothing is changed then. [`Error::Io`] when a file cannot be deleted: the next opening of the library
    /// tries it again.
    pub fn forget_person(&self, person: PersonId, at: SystemTime) -> Result<ForgetSummary> {
        self.forget(|connection, groups| {
            let rows = self.rows_of(connection)?;
            let theirs = faces_of(connection, groups, &rows, person)?;
            if theirs.is_empty() && !rows.decided.people.contains_key(&person) {
                return Err(Error::NoPerson(person));
            }
            let summary = forget(connection, &rows, person, &theirs, at)?;
            Ok((Forgetting::Person(summary.decision), summary))
        })
    }

    /// Forgets all faces, who they are, and all that was said of them, also in the copies that the library
    /// keeps. Folders, favourites, stars and albums stay. The next look through the folders finds the faces
    /// anew, without names.
    ///
    /// # Errors
    /// As [`forget_person`](Self::forget_person).
    pub fn forget_faces(&self) -> Result<()> {
        self.forget_finder();
        self.forget(|connection, _| {
            let up_to_face = faces::number_range(connection)?.map_or(0, |(_, last)| last);
            delete_faces(connection)?;
            Ok((Forgetting::Everybody { up_to_face }, ()))
        })
    }

    /// Deletes rows in one transaction, notes that before it is committed, and then deletes the files.
    fn forget<T>(
        &self,
        delete_rows: impl FnOnce(&Connection, &mut Groups) -> Result<(Forgetting, T)>,
    ) -> Result<T> {
        let _reading = self.lock_reading()?;
        let mut groups = self.groups();
        let mut catalog = self.catalog();
        catalog
            .connection()
            .pragma_update(None, "secure_delete", true)?;
        let value = catalog.transaction(|connection| {
            let (forgetting, value) = delete_rows(connection, &mut groups)?;
            let marker = self.folder.join(MARKER);
            let noting = |error| Error::io("Beginning to forget", &marker)(error);
            let text = serde_json::to_vec(&forgetting).map_err(|error| noting(error.into()))?;
            private::write_synced(&marker, &text).map_err(noting)?;
            // The index on the disk has their codes.
            groups.forget();
            self.remove_index()?;
            groups.bring_up_to_date(connection)?;
            Ok(value)
        });
        *self.kept_rows() = None;
        drop((catalog, groups));
        // Also where nothing was deleted: the marker goes.
        let finished = self.finish_forgetting();
        let value = value?;
        finished.map(|()| value)
    }

    /// Goes on with what a kill interrupted. Best effort: another process may be at it, or have an old state
    /// of the catalog in use; the next opening tries it again, and the user is told.
    pub(super) fn resume_forgetting(&mut self) {
        if !self.folder.join(MARKER).exists() || self.read_only().is_some() {
            return;
        }
        // Held by the process that is forgetting just now.
        let Ok(_reading) = self.lock_reading() else {
            return;
        };
        if self.finish_forgetting().is_err() {
            self.notices.push(Notice::ForgettingUnfinished);
        }
    }

    /// Removes what is left of forgotten people beside the catalog's rows, if somebody was forgotten and
    /// this was not done to its end. The caller holds [`lock_reading`](Self::lock_reading).
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be deleted, [`Error::Catalog`] when another program keeps the
    /// catalog's old state in use.
    fn finish_forgetting(&self) -> Result<()> {
        let marker = self.folder.join(MARKER);
        let text = match fs::read(&marker) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(Error::io("Going on to forget", &marker))?,
        };
        let catalog = self.catalog();
        let connection = catalog.connection();
        let forgetting: Option<Forgetting> = serde_json::from_slice(&text).ok();
        let Some(forgetting) = forgetting else {
            return remove_if_there(&marker);
        };
        if !forgetting.is_committed(connection)? {
            return remove_if_there(&marker);
        }
        self.remove_copies()?;
        match forgetting {
            Forgetting::Person(_) => self.remove_thumbnails_of_forgotten(connection)?,
            Forgetting::Everybody { .. } => {
                self.remove_index()?;
                remove_folder_if_there(&self.folder.join("cache/thumbnails/faces"))?;
            }
        }
        catalog.vacuum_and_truncate_wal()?;
        // Another process may have kept a copy meanwhile.
        self.remove_copies()?;
        drop(catalog);
        remove_if_there(&marker)
    }

    /// Deletes the copies of the catalog that the library keeps, and those that are being written.
    fn remove_copies(&self) -> Result<()> {
        folder::remove_drafts(&self.folder, private::Drafts::All)?;
        backups::remove_all(&self.folder)?;
        folder::remove_older_catalogs(&self.folder)
    }

    fn remove_thumbnails_of_forgotten(&self, connection: &Connection) -> Result<()> {
        for (content, box_upright) in forgotten::all(connection)?.iter() {
            self.thumbnails.remove_face(content, box_upright)?;
        }
        // Pictures of faces on earlier versions of photos: whose they are is not known any more.
        let mut contents = HashSet::new();
        all_rows::each_photo(connection, &mut |photo| {
            contents.insert(photo.content);
            Ok(())
        })?;
        self.thumbnails.remove_faces_but(&contents)
    }
}

/// The faces of a person or group, also on photos that are gone: these are found by grouping them with the
/// others.
fn faces_of(
    connection: &Connection,
    groups: &mut Groups,
    rows: &Rows,
    person: PersonId,
) -> Result<BTreeSet<FaceId>> {
    let placed = rows.placements.iter();
    let mut theirs: BTreeSet<FaceId> = placed
        .filter(|(_, placement)| placement.person == Some(person))
        .map(|(face, _)| *face)
        .collect();
    theirs.extend(
        rows.decided
            .confirmed
            .iter()
            .filter_map(|(face, of)| (*of == person).then_some(*face)),
    );
    let is_gone = |face: &&StoredFace| !face.present;
    let gone: BTreeSet<FaceId> = rows
        .facts
        .faces
        .iter()
        .filter(is_gone)
        .map(|of| of.id)
        .collect();
    if !gone.is_empty() && !theirs.is_empty() {
        let all: Vec<GroupFace> = every_face(&rows.facts.faces);
        let head = learned::in_use(connection, &MODEL)?;
        let grouped = groups.try_out(all, &rows.decided, head)?;
        // The number of an unnamed group may be another there: it is the group that has most of them.
        let mut votes: BTreeMap<PersonId, usize> = BTreeMap::new();
        let person_of = |face: &FaceId| grouped.placements.get(face).and_then(|of| of.person);
        for at in theirs.iter().filter_map(person_of) {
            *votes.entry(at).or_default() += 1;
        }
        if let Some((most, _)) = votes.into_iter().max_by_key(|(_, count)| *count) {
            theirs.extend(gone.iter().filter(|face| person_of(face) == Some(most)));
        }
    }
    Ok(theirs)
}

/// Takes the person and their faces out of all tables, and logs that it was done.
fn forget(
    connection: &Connection,
    rows: &Rows,
    person: PersonId,
    theirs: &BTreeSet<FaceId>,
    at: SystemTime,
) -> Result<ForgetSummary> {
    let rewritten = Forgotten::person(&rows.log, person, theirs.clone()).rewritten(&rows.log);
    decisions::rewrite(connection, &rewritten)?;
    let mut photos: BTreeSet<PhotoId> = BTreeSet::new();
    for face in theirs {
        photos.extend(rows.facts.face(*face).map(|face| face.photo));
        forgotten::add(connection, *face)?;
        faces::remove(connection, *face)?;
    }
    learned::remove_all(connection)?;
    let faces = theirs.len();
    let decision = decisions::add(connection, at, &Decision::Forget { faces })?;
    Ok(ForgetSummary {
        decision,
        faces: faces as u32,
        photos: photos.len() as u32,
    })
}
