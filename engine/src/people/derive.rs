//! Brings the placements in the catalog up to date with its faces and decisions.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use kith_models::Code;
use rusqlite::Connection;

use super::{Decided, GroupFace, group};
use crate::catalog::placements::{self, Placement};
use crate::catalog::{decisions, faces, learned, questions};
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

/// The faces that take part, in the order of their numbers, and the log as a whole: faces that are
/// shown, and of those that are gone the confirmed ones, which still tell how their person looks.
///
/// # Errors
/// [`crate::Error::Catalog`].
pub fn read(connection: &Connection) -> Result<(Vec<GroupFace>, Decided)> {
    let decided = Decided::replay(&decisions::all(connection)?);
    let faces = faces::all(connection, &MODEL)?
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
    Ok((faces, decided))
}

/// Derives all placements anew and stores what changed. To be called inside a transaction.
///
/// # Errors
/// [`crate::Error::Catalog`] and [`crate::Error::Index`].
pub fn derive(connection: &Connection, index: &mut FaceIndex) -> Result<Derived> {
    let (faces, decided) = read(connection)?;
    let codes: Vec<Code> = faces.iter().map(|face| face.code).collect();
    index.update(&codes)?;
    let old = placements::all(connection)?;
    let head = learned::in_use(connection, &MODEL)?;
    let grouped = group(&faces, index, &decided, head.as_ref());
    let new = grouped.placements;
    placements::store(connection, &old, &new)?;
    questions::store(connection, &grouped.questions)?;
    Ok(Derived { old, new, decided })
}
