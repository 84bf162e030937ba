//! Table `looks`: how each photo looks from far away, by its content; see [`crate::alike`].

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::Result;
use crate::alike::Look;

pub(super) const CREATE: &str = "
    CREATE TABLE looks (
        content BLOB PRIMARY KEY,           -- BLAKE3 of the file, as in photos
        look BLOB NOT NULL                  -- see alike::Look
    ) STRICT, WITHOUT ROWID;";

/// All looks, by content.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<HashMap<[u8; 32], Look>> {
    let mut statement = connection.prepare_cached("SELECT content, look FROM looks")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Look(row.get(1)?))))?;
    rows.map(|row| Ok(row?)).collect()
}

/// The look of a content, if it is known.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn of(connection: &Connection, content: &[u8; 32]) -> Result<Option<Look>> {
    let mut statement = connection.prepare_cached("SELECT look FROM looks WHERE content = ?1")?;
    let look = statement.query_row([content], |row| Ok(Look(row.get(0)?)));
    Ok(look.optional()?)
}

/// The contents of photos that are there and have no look.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn missing(connection: &Connection) -> Result<Vec<[u8; 32]>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT content FROM photos
         WHERE gone = 0 AND failed IS NULL AND content IS NOT NULL
            AND content NOT IN (SELECT content FROM looks)",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.map(|row| Ok(row?)).collect()
}

/// Keeps the look of a content.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(connection: &Connection, content: &[u8; 32], look: &Look) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO looks (content, look) VALUES (?1, ?2)")?
        .execute(params![content, look.0])?;
    Ok(())
}
