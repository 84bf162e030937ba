//! Table `learned`: what the library learned of its people, one row a version; at most one is used.

use std::time::{Duration, SystemTime};

use kith_models::training::Head;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Result;
use crate::people::{Learned, Trial};

pub(super) const CREATE: &str = "
    CREATE TABLE learned (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,             -- since 1970, UTC
        model TEXT NOT NULL,                -- whose embeddings it is for
        trial TEXT NOT NULL,                -- JSON of people::Trial
        head BLOB NOT NULL,                 -- see kith_models::training::Head::to_bytes
        used INTEGER NOT NULL DEFAULT 0     -- 1 for the one that is in use
    ) STRICT;
    CREATE UNIQUE INDEX learned_used ON learned (used) WHERE used = 1;";

/// Versions that are kept beside the one in use: a version is 66 kB.
const KEPT: u32 = 3;

/// A version, without its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its number, counted up.
    pub version: u32,
    /// When it was learned.
    pub at: SystemTime,
    /// How it did on answers that it had not seen.
    pub trial: Trial,
    /// Whether it is in use.
    pub used: bool,
}

/// All versions for the embeddings of `model`, the newest first.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read or a row is damaged.
pub fn all(connection: &Connection, model: &str) -> Result<Vec<Version>> {
    let mut statement = connection.prepare_cached(
        "SELECT version, at_ms, trial, used FROM learned WHERE model = ?1 ORDER BY version DESC",
    )?;
    let rows = statement.query_map([model], version_from)?;
    rows.map(|row| Ok(row?)).collect()
}

fn version_from(row: &Row<'_>) -> rusqlite::Result<Version> {
    let text: String = row.get(2)?;
    let trial = serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let at_ms: u64 = row.get::<_, i64>(1)?.try_into().unwrap_or(0);
    Ok(Version {
        version: row.get(0)?,
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms),
        trial,
        used: row.get(3)?,
    })
}

/// The head in use for the embeddings of `model`; none where there is none, or where its numbers
/// are damaged: the network is then used as it came.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn in_use(connection: &Connection, model: &str) -> Result<Option<Head>> {
    let mut statement =
        connection.prepare_cached("SELECT head FROM learned WHERE used = 1 AND model = ?1")?;
    let bytes: Option<Vec<u8>> = statement.query_row([model], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| Head::from_bytes(&bytes)))
}

/// Adds a version that is not in use yet, and forgets the oldest where there are too many.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, at: SystemTime, model: &str, learned: &Learned) -> Result<u32> {
    let at_ms = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as i64;
    let trial = serde_json::to_string(&learned.trial)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let version = connection.query_row(
        "INSERT INTO learned (at_ms, model, trial, head) VALUES (?1, ?2, ?3, ?4) RETURNING version",
        params![at_ms, model, trial, learned.head.to_bytes()],
        |row| row.get(0),
    )?;
    connection.execute(
        "DELETE FROM learned WHERE used = 0 AND version NOT IN
            (SELECT version FROM learned WHERE used = 0 ORDER BY version DESC LIMIT ?1)",
        [KEPT],
    )?;
    Ok(version)
}

/// Puts a version to use for the embeddings of `model`, or none of them. Says whether there is such
/// a version.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn put_to_use(connection: &Connection, version: Option<u32>, model: &str) -> Result<bool> {
    connection.execute("UPDATE learned SET used = 0", [])?;
    let Some(version) = version else {
        return Ok(true);
    };
    let changed = connection.execute(
        "UPDATE learned SET used = 1 WHERE version = ?1 AND model = ?2",
        params![version, model],
    )?;
    Ok(changed == 1)
}

/// Deletes all versions.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove_all(connection: &Connection) -> Result<()> {
    connection.execute("DELETE FROM learned", [])?;
    Ok(())
}
