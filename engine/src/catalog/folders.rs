//! Table `folders`: the folders that the user chose.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::photos::{bytes_of, path_of};
use crate::Result;

pub(super) const CREATE: &str = "
    CREATE TABLE folders (
        path BLOB PRIMARY KEY NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// All folders, in the order of their paths.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<PathBuf>> {
    let mut statement = connection.prepare_cached("SELECT path FROM folders ORDER BY path")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|row| Ok(path_of(row?))).collect()
}

/// Adds a folder; nothing happens when it is there already.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, path: &Path) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO folders (path) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute(params![bytes_of(path)])?;
    Ok(())
}

/// Takes a folder out of the list.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove(connection: &Connection, path: &Path) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM folders WHERE path = ?1")?
        .execute(params![bytes_of(path)])?;
    Ok(())
}
