//! A copy takes over what was said of its original when that is gone.
//!
//! While both are there, a copy is a photo of its own. When the original is deleted, its answers, stars and
//! albums would be lost with it: an entry of the log says which faces of the copy are which of the original.

use std::collections::{BTreeSet, HashSet};
use std::time::SystemTime;

use kith_models::distance;
use rusqlite::Connection;

use super::SAME_PLACE;
use crate::catalog::decisions;
use crate::catalog::faces::{self, StoredFace};
use crate::catalog::photos::{self, Heir};
use crate::faces::{MODEL, overlap};
use crate::people::{Calibration, Decision};
use crate::{FaceId, PhotoId, Result};

/// Adds an entry to the log for each photo that is gone, of which something was said, and of which a copy is
/// there.
pub(super) fn hand_down(connection: &Connection) -> Result<()> {
    let heirs = photos::heirs(connection)?;
    if heirs.is_empty() {
        return Ok(());
    }
    let log = decisions::all(connection)?;
    let mut said_of_faces: HashSet<FaceId> = HashSet::new();
    let mut said_of_photos: BTreeSet<PhotoId> = BTreeSet::new();
    for entry in &log {
        entry
            .decision
            .mentions(&mut said_of_faces, &mut said_of_photos);
    }
    for (face, photo) in faces::photo_of_each(connection)? {
        if said_of_faces.contains(&face) {
            said_of_photos.insert(photo);
        }
    }
    for Heir { from, to } in heirs {
        // Of most photos that are gone nothing was said.
        if !said_of_photos.contains(&from) {
            continue;
        }
        let old = faces::on_photo(connection, from)?;
        let faces = pairs(connection, to, &old)?;
        let inherit = Decision::Inherit { from, to, faces };
        decisions::add(connection, SystemTime::now(), &inherit)?;
        photos::set_inherited(connection, from)?;
    }
    Ok(())
}

/// Which face of the copy is which of the original. A face that the user drew on the original gets a row on
/// the copy.
fn pairs(
    connection: &Connection,
    to: PhotoId,
    old: &[StoredFace],
) -> Result<Vec<(FaceId, FaceId)>> {
    let same = Calibration::built_in().surely_same();
    let mut new = faces::on_photo(connection, to)?;
    new.retain(|face| !face.gone);
    let mut pairs = Vec::new();
    for face in old.iter().filter(|face| !face.gone) {
        let likeness = |other: &StoredFace| {
            let shared = overlap(&face.found.box_upright, &other.found.box_upright);
            let apart = distance(&face.found.code.embedding(), &other.found.code.embedding());
            (shared > SAME_PLACE || apart < same / 2.0).then_some(apart - shared)
        };
        let nearest = new.iter().enumerate();
        let nearest = nearest.filter_map(|(at, other)| Some((likeness(other)?, at)));
        let nearest = nearest.min_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((_, at)) => pairs.push((face.id, new.remove(at).id)),
            None if face.drawn => {
                let copy = faces::add(connection, to, &face.found, &MODEL)?;
                faces::set_drawn(connection, copy, true)?;
                pairs.push((face.id, copy));
            }
            None => {}
        }
    }
    Ok(pairs)
}
