//! Table `stacks`: photos that are nearly one. Derived from photos and looks, and made again at will;
//! see [`crate::alike`].

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::{PhotoId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE stacks (
        photo INTEGER PRIMARY KEY,
        stack INTEGER NOT NULL              -- its first photo
    ) STRICT;";

/// The stack of each photo that is in one: the number of its first photo.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<BTreeMap<PhotoId, PhotoId>> {
    let mut statement = connection.prepare_cached("SELECT photo, stack FROM stacks")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// Replaces all stacks, where they are others than before.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(connection: &Connection, stacks: &[Vec<PhotoId>]) -> Result<()> {
    let of_stack = |stack: &Vec<PhotoId>| {
        let first = stack.first().copied().unwrap_or_default();
        let of = move |photo: PhotoId| (photo, first);
        stack.clone().into_iter().map(of)
    };
    let new: BTreeMap<PhotoId, PhotoId> = stacks.iter().flat_map(of_stack).collect();
    if new == all(connection)? {
        return Ok(());
    }
    connection.execute("DELETE FROM stacks", [])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO stacks (photo, stack) VALUES (?1, ?2)")?;
    for (photo, stack) in new {
        insert.execute(params![photo, stack])?;
    }
    Ok(())
}
