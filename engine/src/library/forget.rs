//! Forgets a person for good: names, answers, codes, pictures of their faces, and every copy of these that
//! the library keeps.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::time::SystemTime;

use rusqlite::Connection;

use super::Library;
use super::before::entry_of;
use super::folder;
use super::keeping::remove_if_there;
use super::rows::Rows;
use crate::catalog::faces::StoredFace;
use crate::catalog::transfer as all_rows;
use crate::catalog::{decisions, faces, forgotten, learned};
use crate::faces::MODEL;
use crate::people::{Decision, Forgotten, GroupFace, Groups, every_face};
use crate::{Error, FaceId, ForgetSummary, PersonId, PhotoId, Result, private};

/// A file of the library that is there while a person is being forgotten, with the number of that decision:
/// what a kill interrupts is gone on with when the library is opened next.
const UNFINISHED: &str = "forgetting";

impl Library {
    /// Forgets a person: their names, birthday and all that was said of them, their faces with codes,
    /// landmarks and small pictures, what was learned with their help, and the copies of the catalog that
    /// the library keeps by itself. The photos stay, and a later look does not find these faces again.
    /// Cannot be taken back. Backups and exports elsewhere are not touched.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::Busy`] while photos are read, [`Error::ReadOnly`], [`Error::Catalog`]; nothing is changed
    /// then. [`Error::Io`] when a file cannot be deleted: the next opening of the library tries it again.
    pub fn forget_person(&self, person: PersonId, at: SystemTime) -> Result<ForgetSummary> {
        let _reading = self.lock_reading()?;
        let mut groups = self.groups();
        let mut catalog = self.catalog();
        let unfinished = self.folder.join(UNFINISHED);
        catalog
            .connection()
            .pragma_update(None, "secure_delete", true)?;
        let summary = catalog.transaction(|connection| {
            let rows = self.rows_of(connection)?;
            let theirs = faces_of(connection, &mut groups, &rows, person)?;
            if theirs.is_empty() && !rows.decided.people.contains_key(&person) {
                return Err(Error::NoPerson(person));
            }
            let summary = forget(connection, &rows, person, &theirs, at)?;
            let number = summary.decision.to_string();
            private::write_synced(&unfinished, number.as_bytes())
                .map_err(Error::io("Beginning to forget", &unfinished))?;
            // The index on the disk has their codes.
            groups.forget();
            self.remove_index()?;
            groups.bring_up_to_date(connection)?;
            Ok(summary)
        })?;
        *self.kept_rows() = None;
        drop((catalog, groups));
        self.finish_forgetting()?;
        Ok(summary)
    }

    /// Removes what is left of forgotten people beside the catalog's rows, if somebody was forgotten and
    /// this was not done to its end.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be deleted, [`Error::Catalog`] when another program keeps the
    /// catalog's old state in use.
    pub(super) fn finish_forgetting(&self) -> Result<()> {
        let unfinished = self.folder.join(UNFINISHED);
        if !unfinished.exists() {
            return Ok(());
        }
        let number = fs::read_to_string(&unfinished)
            .map_err(Error::io("Going on to forget", &unfinished))?;
        let catalog = self.catalog();
        let connection = catalog.connection();
        let log = decisions::all(connection)?;
        let done = number.trim().parse().ok().and_then(|id| entry_of(&log, id));
        if !done.is_some_and(|entry| matches!(entry.decision, Decision::Forget { .. })) {
            // A kill came before it: nobody was forgotten.
            drop(catalog);
            return remove_if_there(&unfinished);
        }
        self.forget_backups()?;
        folder::remove_older_catalogs(&self.folder)?;
        for (content, box_upright) in forgotten::all(connection)?.iter() {
            self.thumbnails.remove_face(content, box_upright)?;
        }
        // Pictures of faces on earlier versions of photos: whose they are is not known any more.
        let mut contents = HashSet::new();
        all_rows::each_photo(connection, &mut |photo| {
            contents.insert(photo.content);
            Ok(())
        })?;
        self.thumbnails.remove_faces_but(&contents)?;
        catalog.write_anew()?;
        drop(catalog);
        remove_if_there(&unfinished)
    }

    fn remove_index(&self) -> Result<()> {
        let index = self.folder.join("cache/index");
        match fs::remove_dir_all(&index) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("Deleting the index of faces", &index)(error))
            }
            _ => Ok(()),
        }
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
