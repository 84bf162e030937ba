//! Table `placements`: whose each face is. Derived from faces and decisions, and made again at will.
//! Table `derived`, of one row: what they were derived from, so that nobody does it twice. Whoever
//! writes placements and does not say so, as an older version of Kith, leaves it empty.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{FaceId, FaceState, PersonId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE placements (
        face INTEGER PRIMARY KEY REFERENCES faces (id),
        person INTEGER,
        state TEXT NOT NULL
    ) STRICT;
    CREATE INDEX placements_by_person ON placements (person);";

pub(super) const CREATE_DERIVED: &str = "
    CREATE TABLE derived (
        source INTEGER NOT NULL             -- see people::derive; no row where that is not known
    ) STRICT;
    CREATE TRIGGER placements_added AFTER INSERT ON placements BEGIN DELETE FROM derived; END;
    CREATE TRIGGER placements_changed AFTER UPDATE ON placements BEGIN DELETE FROM derived; END;
    CREATE TRIGGER placements_deleted AFTER DELETE ON placements BEGIN DELETE FROM derived; END;";

/// Whose a face is, and how it came there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The person, unless the face could not be placed or is ignored.
    pub person: Option<PersonId>,
    /// How it came there.
    pub state: FaceState,
}

fn word(state: FaceState) -> &'static str {
    match state {
        FaceState::Confirmed => "confirmed",
        FaceState::Automatic => "automatic",
        FaceState::Unassigned => "unassigned",
        FaceState::Ignored => "ignored",
    }
}

fn state_from(word: &str) -> FaceState {
    match word {
        "confirmed" => FaceState::Confirmed,
        "automatic" => FaceState::Automatic,
        "ignored" => FaceState::Ignored,
        _ => FaceState::Unassigned,
    }
}

/// All placements by face.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<BTreeMap<FaceId, Placement>> {
    let mut statement = connection.prepare_cached("SELECT face, person, state FROM placements")?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            Placement {
                person: row.get(1)?,
                state: state_from(row.get_ref(2)?.as_str()?),
            },
        ))
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// What the placements were derived from, as one number; none where that is not known.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn source(connection: &Connection) -> Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT source FROM derived")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Forgets what the placements were derived from: they are not to be trusted.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn forget_source(connection: &Connection) -> Result<()> {
    connection.execute("DELETE FROM derived", [])?;
    Ok(())
}

/// Writes what differs between `old` (what the table holds) and `new`, and from what `new` was derived.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(
    connection: &Connection,
    old: &BTreeMap<FaceId, Placement>,
    new: &BTreeMap<FaceId, Placement>,
    source: i64,
) -> Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM placements WHERE face = ?1")?;
    for face in old.keys().filter(|face| !new.contains_key(face)) {
        delete.execute([face])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO placements (face, person, state) VALUES (?1, ?2, ?3)
         ON CONFLICT (face) DO UPDATE SET person = excluded.person, state = excluded.state",
    )?;
    for (face, placement) in new
        .iter()
        .filter(|(face, placement)| old.get(face) != Some(placement))
    {
        upsert.execute(params![face, placement.person, word(placement.state)])?;
    }
    connection.execute("DELETE FROM derived", [])?;
    connection.execute("INSERT INTO derived (source) VALUES (?1)", [source])?;
    Ok(())
}
