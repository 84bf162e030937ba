//! Brings the placements in the catalog up to date with its faces and decisions.
//!
//! What the faces alone teach, the metric above all, is kept until they change: most derivations
//! follow a decision, and decisions change no face. What nothing changed is not derived again: the
//! catalog says from what its placements are.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use kith_models::training::Head;
use rusqlite::Connection;

use super::grouping::{Grouped, Taught, codes};
use super::{Calibration, Decided, GroupFace};
use crate::catalog::faces::StoredFace;
use crate::catalog::placements::{self, Placement};
use crate::catalog::{decisions, faces, learned, questions};
use crate::encryption::DataKey;
use crate::faces::MODEL;
use crate::index::FaceIndex;
use crate::{FaceId, Result};

/// The rules by which faces and decisions become people, of this module's neighbours and of the index.
/// Counted up when they change, so that the people of an older version are derived anew.
const RULES: u32 = 2;

/// The faces that take part, in the order of their numbers, and the log as a whole.
///
/// # Errors
/// [`crate::Error::Catalog`].
fn read(connection: &Connection) -> Result<(Vec<GroupFace>, Decided)> {
    let decided = Decided::replay(&decisions::all(connection)?);
    let faces = group_faces(&faces::all(connection)?, &decided);
    Ok((faces, decided))
}

/// The faces that take part: those that are shown, and of those that are gone the confirmed ones,
/// which still tell how their person looks.
#[must_use]
pub fn group_faces(faces: &[StoredFace], decided: &Decided) -> Vec<GroupFace> {
    faces
        .iter()
        .filter(|face| !face.drawn || decided.drawn.contains(&face.id))
        .filter(|face| face.present || decided.confirmed.contains_key(&face.id))
        .map(group_face)
        .collect()
}

/// All faces, also those that are shown nowhere.
#[must_use]
pub fn every_face(faces: &[StoredFace]) -> Vec<GroupFace> {
    faces.iter().map(group_face).collect()
}

fn group_face(face: &StoredFace) -> GroupFace {
    GroupFace {
        id: face.id,
        photo: face.photo,
        day: face.taken_at.map(DateTime::date),
        code: face.found.code,
        quality: face.found.quality,
    }
}

/// The neighbours of all faces, and what was learned from the faces the last time.
#[derive(Debug)]
pub struct Groups {
    folder: PathBuf,
    /// Of an encrypted library.
    key: Option<DataKey>,
    /// Read when it is needed, which is when faces change, and kept until only decisions do: of a hundred
    /// thousand faces it takes half a second and 70 MB.
    index: Option<FaceIndex>,
    taught: Option<Taught>,
}

impl Groups {
    /// With the index that is kept in `folder`.
    #[must_use]
    pub(crate) fn of(folder: &Path, key: Option<&DataKey>) -> Self {
        Self {
            folder: folder.to_owned(),
            key: key.cloned(),
            index: None,
            taught: None,
        }
    }

    /// Begins anew: the catalog is another one.
    pub fn forget(&mut self) {
        (self.index, self.taught) = (None, None);
    }

    /// Works out ahead what the next derivation needs, where only the decisions change until then:
    /// `faces` are those that take part, `head` is what the library learned, if it did.
    ///
    /// # Errors
    /// [`crate::Error::Index`].
    pub fn prepare(
        &mut self,
        faces: Vec<GroupFace>,
        decided: &Decided,
        head: Option<Head>,
    ) -> Result<()> {
        self.taught_by(faces, head)?;
        // Before the groups are made, which take as much memory again.
        self.index = None;
        if let Some(taught) = &mut self.taught {
            taught.group(decided);
        }
        Ok(())
    }

    /// What the groups would be, if that were decided; changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::Index`].
    pub fn try_out(
        &mut self,
        faces: Vec<GroupFace>,
        decided: &Decided,
        head: Option<Head>,
    ) -> Result<Grouped> {
        Ok(self.taught_by(faces, head)?.try_out(decided))
    }

    fn group(
        &mut self,
        faces: Vec<GroupFace>,
        decided: &Decided,
        head: Option<Head>,
    ) -> Result<Grouped> {
        Ok(self.taught_by(faces, head)?.group(decided))
    }

    /// What these faces teach, kept from the last time where they are the same.
    fn taught_by(&mut self, faces: Vec<GroupFace>, head: Option<Head>) -> Result<&mut Taught> {
        let taught = match self.taught.take() {
            Some(taught) if taught.is_of(&faces, head.as_ref()) => {
                self.index = None;
                taught
            }
            _ => {
                let (folder, key) = (&self.folder, self.key.as_ref());
                let load = || FaceIndex::load_with(folder, key);
                let index = self.index.get_or_insert_with(load);
                index.update(&codes(&faces))?;
                Taught::by(faces, index, head)
            }
        };
        Ok(self.taught.insert(taught))
    }

    /// Derives all placements anew and stores what changed, unless they were derived from the very same
    /// already. To be called inside a transaction.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`] and [`crate::Error::Index`].
    pub fn bring_up_to_date(&mut self, connection: &Connection) -> Result<()> {
        let (faces, decided) = read(connection)?;
        let head = learned::in_use(connection, &MODEL)?;
        if placements::source(connection)? == Some(source(&faces, &decided, head.as_ref())) {
            return Ok(());
        }
        let old = placements::all(connection)?;
        self.derive(connection, faces, &decided, &old).map(drop)
    }

    /// Derives all placements anew, whatever the catalog says of those it has. To be called inside a
    /// transaction.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`] and [`crate::Error::Index`].
    pub fn derive_again(&mut self, connection: &Connection) -> Result<()> {
        placements::forget_source(connection)?;
        self.bring_up_to_date(connection)
    }

    /// Derives all placements anew and stores what changed: `faces` are those that take part, `old` is
    /// what the table of placements holds. To be called inside the transaction in which they were read.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`] and [`crate::Error::Index`].
    pub fn derive(
        &mut self,
        connection: &Connection,
        faces: Vec<GroupFace>,
        decided: &Decided,
        old: &BTreeMap<FaceId, Placement>,
    ) -> Result<BTreeMap<FaceId, Placement>> {
        let head = learned::in_use(connection, &MODEL)?;
        let source = source(&faces, decided, head.as_ref());
        let grouped = self.group(faces, decided, head)?;
        placements::store(connection, old, &grouped.placements, source)?;
        questions::store(connection, &grouped.questions)?;
        Ok(grouped.placements)
    }
}

/// All that placements are derived from, as one number. Where it comes out differently from before,
/// they are derived once more than need be.
fn source(faces: &[GroupFace], decided: &Decided, head: Option<&Head>) -> i64 {
    let mut hasher = DefaultHasher::new();
    (RULES, Calibration::TEXT, MODEL.as_str()).hash(&mut hasher);
    let Decided {
        people,
        confirmed,
        rejected,
        apart,
        ignored,
        sureness,
        drawn,
        unsure,
        unsure_groups,
        presumed,
        group_numbers,
        merged,
        favourites: _,
        stars: _,
        albums: _,
        removed_folders: _,
    } = decided;
    (people, confirmed, rejected, apart, ignored).hash(&mut hasher);
    (sureness, drawn, unsure, unsure_groups).hash(&mut hasher);
    (presumed, group_numbers, merged).hash(&mut hasher);
    head.map(Head::to_bytes).hash(&mut hasher);
    for face in faces {
        let GroupFace {
            id,
            photo,
            day,
            code,
            quality,
        } = face;
        (id, photo, day, code, quality.to_bits()).hash(&mut hasher);
    }
    hasher.finish().cast_signed()
}

#[cfg(test)]
mod tests {
    use kith_models::EMBEDDING_LEN;

    use super::*;
    use crate::catalog::Catalog;
    use crate::catalog::photos::{self, Header};
    use crate::people::{DecidedAlbum, DecidedPerson};
    use crate::scan::FileStamp;

    /// A library of three faces on photos of their own.
    fn catalog(dir: &Path) -> Catalog {
        let mut catalog = Catalog::open(&dir.join("catalog.sqlite")).expect("a catalog");
        let store = |connection: &Connection| {
            for number in 0..3_u8 {
                let stamp = FileStamp {
                    size: 1,
                    ..FileStamp::default()
                };
                let header = Header {
                    content: [number; 32],
                    ..Header::default()
                };
                let path = PathBuf::from(format!("/{number}.jpg"));
                let photo = photos::store(connection, None, &path, stamp, &header, &MODEL)?;
                let mut embedding = [0.0; EMBEDDING_LEN];
                embedding[usize::from(number)] = 1.0;
                let face = faces::NewFace {
                    box_upright: [0.4, 0.4, 0.2, 0.2],
                    landmarks_upright: [[0.5; 2]; 5],
                    score: 0.9,
                    quality: 0.9,
                    code: kith_models::Code::of(&embedding),
                    map: None,
                };
                faces::add(connection, photo, &face, &MODEL)?;
            }
            Ok(())
        };
        catalog.transaction(store).expect("faces");
        catalog
    }

    /// A window of an older version may be open while a newer command has grouped.
    #[test]
    fn placements_that_another_version_wrote_are_derived_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut catalog = catalog(dir.path());
        let mut groups = Groups::of(&dir.path().join("index"), None);
        let mut derived = |catalog: &mut Catalog| {
            let work = |connection: &Connection| groups.bring_up_to_date(connection);
            catalog.transaction(work).expect("groups");
            placements::all(catalog.connection()).expect("placements")
        };
        let first = derived(&mut catalog);
        assert_eq!(first.len(), 3);
        for written in [
            "DELETE FROM placements WHERE face = 2",
            "UPDATE placements SET person = 1, state = 'automatic'",
        ] {
            let connection = catalog.connection();
            assert!(placements::source(connection).expect("a number").is_some());
            connection.execute(written, []).expect("written");
            assert_eq!(placements::source(connection).expect("none"), None);
            assert_eq!(derived(&mut catalog), first);
        }
    }

    #[test]
    fn all_that_grouping_reads_is_in_the_source_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let (faces, decided) = read(catalog(dir.path()).connection()).expect("faces");
        let of = |faces: &[GroupFace], decided: &Decided| source(faces, decided, None);
        let before = of(&faces, &decided);
        let with_face = |change: fn(&mut GroupFace)| {
            let mut faces = faces.clone();
            change(&mut faces[1]);
            of(&faces, &decided)
        };
        let with_decided = |change: fn(&mut Decided)| {
            let mut decided = decided.clone();
            change(&mut decided);
            of(&faces, &decided)
        };
        for changed in [
            with_face(|face| face.id = 7),
            with_face(|face| face.photo = 7),
            with_face(|face| face.day = Some(jiff::civil::date(2020, 1, 1))),
            with_face(|face| face.code = kith_models::Code::of(&[0.1; EMBEDDING_LEN])),
            with_face(|face| face.quality = 0.1),
            with_decided(|decided| decided.people.extend([(1, DecidedPerson::default())])),
            with_decided(|decided| decided.confirmed.extend([(1, 1)])),
            with_decided(|decided| decided.rejected.extend([(1, 2)])),
            with_decided(|decided| decided.apart.extend([(1, 2)])),
            with_decided(|decided| decided.ignored.extend([1])),
            with_decided(|decided| decided.sureness = crate::Sureness::Careful),
            with_decided(|decided| decided.drawn.extend([1])),
            with_decided(|decided| decided.unsure.extend([(1, 2)])),
            with_decided(|decided| decided.unsure_groups.push([[1].into(), [2].into()])),
            with_decided(|decided| decided.presumed.extend([(1, 1)])),
            with_decided(|decided| decided.group_numbers.extend([(1, [2].into())])),
            with_decided(|decided| decided.merged.extend([1])),
            of(&faces[..2], &decided),
        ] {
            assert_ne!(changed, before);
        }
        for same in [
            with_decided(|decided| decided.favourites.extend([1])),
            with_decided(|decided| decided.stars.extend([(1, 5)])),
            with_decided(|decided| decided.albums.extend([(1, DecidedAlbum::default())])),
        ] {
            assert_eq!(same, before);
        }
    }
}
