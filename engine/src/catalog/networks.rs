//! Table `networks`: the networks that the user added. Their files lie in the library's folder.

use rusqlite::{Connection, Row, params};

use crate::{Network, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE networks (
        name TEXT PRIMARY KEY NOT NULL COLLATE NOCASE,  -- that of the file; some systems know no case
        numbers INTEGER NOT NULL,                       -- of an embedding
        sha256 TEXT NOT NULL UNIQUE                     -- of the file, hexadecimal
    ) STRICT;";

/// All networks, by name, with how many faces each embedded.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<Network>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, numbers, sha256,
            EXISTS (SELECT 1 FROM maps WHERE network = name AND used = 1),
            (SELECT count(*) FROM faces JOIN maps ON maps.id = faces.map WHERE network = name)
         FROM networks ORDER BY name",
    )?;
    let rows = statement.query_map([], network_from)?;
    rows.map(|row| Ok(row?)).collect()
}

fn network_from(row: &Row<'_>) -> rusqlite::Result<Network> {
    Ok(Network {
        name: row.get(0)?,
        numbers: row.get(1)?,
        sha256: row.get(2)?,
        used: row.get(3)?,
        faces: row.get(4)?,
    })
}

/// Adds a network.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written, as where one has its name.
pub fn add(connection: &Connection, network: &Network) -> Result<()> {
    connection.execute(
        "INSERT INTO networks (name, numbers, sha256) VALUES (?1, ?2, ?3)",
        params![network.name, network.numbers, network.sha256],
    )?;
    Ok(())
}

/// Takes a network out.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove(connection: &Connection, name: &str) -> Result<()> {
    connection.execute("DELETE FROM networks WHERE name = ?1", [name])?;
    Ok(())
}
