//! Table `maps`: from the embeddings of networks that were added to the space of Kith's own; at most
//! one is used.

use kith_models::Embedder;
use kith_models::training::Harmonic;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Result;

pub(super) const CREATE: &str = "
    CREATE TABLE maps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        network TEXT NOT NULL COLLATE NOCASE REFERENCES networks (name) ON DELETE CASCADE,
        space TEXT NOT NULL,                -- the network whose embeddings it leads to
        map BLOB NOT NULL,                  -- see kith_models::training::Harmonic::to_bytes
        used INTEGER NOT NULL DEFAULT 0     -- 1 for the one that is in use
    ) STRICT;
    CREATE UNIQUE INDEX maps_used ON maps (used) WHERE used = 1;";

/// The number of a map.
pub type MapId = u32;

/// The map in use, and its network; none where Kith's own network is.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn in_use(connection: &Connection) -> Result<Option<(MapId, String)>> {
    let sql = "SELECT id, network FROM maps WHERE used = 1 AND space = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement.query_row([Embedder::NAME], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

/// The map that was learned for a network, if there is one.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn of(connection: &Connection, network: &str) -> Result<Option<MapId>> {
    let sql = "SELECT id FROM maps WHERE network = ?1 AND space = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement.query_row([network, Embedder::NAME], |row| row.get(0));
    Ok(row.optional()?)
}

/// The numbers of a map; none where it is not there or damaged.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn get(connection: &Connection, id: MapId) -> Result<Option<Harmonic>> {
    let mut statement = connection.prepare_cached("SELECT map FROM maps WHERE id = ?1")?;
    let bytes: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| Harmonic::from_bytes(&bytes)))
}

/// Adds a map of a network, which is not in use yet.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, network: &str, map: &Harmonic) -> Result<MapId> {
    Ok(connection.query_row(
        "INSERT INTO maps (network, space, map) VALUES (?1, ?2, ?3) RETURNING id",
        params![network, Embedder::NAME, map.to_bytes()],
        |row| row.get(0),
    )?)
}

/// Puts a map to use, or none.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn put_to_use(connection: &Connection, id: Option<MapId>) -> Result<()> {
    connection.execute("UPDATE maps SET used = 0 WHERE used = 1", [])?;
    connection.execute("UPDATE maps SET used = 1 WHERE id = ?1", [id])?;
    Ok(())
}
