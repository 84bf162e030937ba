//! Table `folders`: the folders that the user chose.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::photos::{bytes_of, path_of};
use crate::Result;

pub(super) const CREATE: &str = "
    CREATE TABLE folders (
        path BLOB PRIMARY KEY NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// Table `mounts`: where the volumes were mounted on which the folders lay at the last look.
pub(super) const ADD_VOLUME: &str = "
    CREATE TABLE mounts (
        path BLOB PRIMARY KEY NOT NULL,     -- the mount point
        volume TEXT                         -- UUID of its file system; null where the system tells none
    ) STRICT, WITHOUT ROWID;";

/// Table `separate_folders`: folders of which the user said that the second is not the first at a new place,
/// though it holds the same photos.
pub(super) const CREATE_SEPARATE: &str = "
    CREATE TABLE separate_folders (
        away BLOB NOT NULL,                 -- the folder of the library that was not connected
        other BLOB NOT NULL,
        PRIMARY KEY (away, other)
    ) STRICT, WITHOUT ROWID;";

/// The pairs of folders that are not one folder at two places: that which was away, and the other.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn separate(connection: &Connection) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut statement = connection
        .prepare_cached("SELECT away, other FROM separate_folders ORDER BY away, other")?;
    let rows = statement.query_map([], |row| Ok((path_of(row.get(0)?), path_of(row.get(1)?))))?;
    rows.map(|row| Ok(row?)).collect()
}

/// Whether a path lies in a folder that was away and is not another one at a new place.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn is_separate(connection: &Connection, path: &Path) -> Result<bool> {
    let separate = separate(connection)?;
    Ok(separate.iter().any(|(away, _)| path.starts_with(away)))
}

/// The folder `other` is not the folder `away` at a new place.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add_separate(connection: &Connection, away: &Path, other: &Path) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO separate_folders (away, other) VALUES (?1, ?2)")?
        .execute(params![bytes_of(away), bytes_of(other)])?;
    Ok(())
}

/// The mount points, with the UUIDs of their volumes, in the order of their paths.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn mounts(connection: &Connection) -> Result<Vec<(PathBuf, Option<String>)>> {
    let mut statement =
        connection.prepare_cached("SELECT path, volume FROM mounts ORDER BY path")?;
    let rows = statement.query_map([], |row| Ok((path_of(row.get(0)?), row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// A volume is mounted at `path`.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add_mount(connection: &Connection, path: &Path, volume: Option<&str>) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO mounts (path, volume) VALUES (?1, ?2)")?
        .execute(params![bytes_of(path), volume])?;
    Ok(())
}

/// Nothing of the library is to be expected at that mount point any more.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove_mount(connection: &Connection, path: &Path) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM mounts WHERE path = ?1")?
        .execute(params![bytes_of(path)])?;
    Ok(())
}

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
