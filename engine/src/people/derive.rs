//! Brings the placements in the catalog up to date with its faces and decisions.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use kith_models::Code;
use rusqlite::Connection;

use super::{Decided, GroupFace, group};
use crate::catalog::placements::{self, Placement};
use crate::catalog::{decisions, faces, questions};
use crate::faces::MODEL;
use crate::index::FaceIndex;
use crate::{FaceId, Result};

/// What a derivation found out.
#[derive(Debug)]
pub struct Derived {
    /// The placements before.
    pub old: BTreeMap<FaceId, Placement>,
    /// The placements now; the table holds them.
    pub new: BTreeMap<FaceId, Placement>,
    /// The log as a whole.
    pub decided: Decided,
}

/// Derives all placements anew and stores what changed. To be called inside a transaction.
///
/// Faces that are shown take part, and of those that are gone the confirmed ones, which still tell
/// how their person looks.
///
/// # Errors
/// [`crate::Error::Catalog`] and [`crate::Error::Index`].
pub fn derive(connection: &Connection, index: &mut FaceIndex) -> Result<Derived> {
    let decided = Decided::replay(&decisions::all(connection)?);
    let faces: Vec<GroupFace> = faces::all(connection, &MODEL)?
        .into_iter()
        .filter(|face| !face.drawn || decided.drawn.contains(&face.id))
        .filter(|face| face.present || decided.confirmed.contains_key(&face.id))
        .map(|face| GroupFace {
            id: face.id,
            photo: face.photo,
            day: face.taken_at.map(DateTime::date),
            code: face.found.code,
            quality: face.found.quality,
        })
        .collect();
    let codes: Vec<Code> = faces.iter().map(|face| face.code).collect();
    index.update(&codes)?;
    let old = placements::all(connection)?;
    let grouped = group(&faces, index, &decided);
    let new = grouped.placements;
    placements::store(connection, &old, &new)?;
    questions::store(connection, &grouped.questions)?;
    Ok(Derived { old, new, decided })
}
