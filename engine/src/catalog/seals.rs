//! Table `seals`: a checksum of all rows of each table, so that a flipped bit in a name or a number is
//! noticed, which `SQLite` itself does not check.
//!
//! Whoever changes a table breaks its seal: triggers do that, so also an older Kith and other programs.
//! The seal is put back when the library is closed, and after long jobs.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::check::{DECODERS, Fault};

pub(super) const CREATE: &str = "
    CREATE TABLE seals (
        name TEXT PRIMARY KEY NOT NULL,     -- of a table
        sum BLOB NOT NULL                   -- BLAKE3 of its rows
    ) STRICT, WITHOUT ROWID;";

const EVENTS: [&str; 3] = ["insert", "update", "delete"];
/// Bytes of rows that are hashed at once.
const CHUNK: usize = 64 << 10;

/// The tables that are sealed: all but this one and the fingerprint of what people were derived from.
fn tables() -> impl Iterator<Item = &'static str> {
    let names = DECODERS.iter().map(|(table, _)| *table);
    names.filter(|name| !["derived", "seals"].contains(name))
}

/// Makes the triggers that are missing. A table that lost its own was made anew: its seal is of before.
pub(super) fn create_triggers(connection: &Connection) -> rusqlite::Result<()> {
    for table in tables() {
        if has_triggers(connection, table)? {
            continue;
        }
        connection.execute("DELETE FROM seals WHERE name = ?1", [table])?;
        for event in EVENTS {
            connection.execute_batch(&format!(
                "CREATE TRIGGER IF NOT EXISTS seal_{table}_{event} AFTER {event} ON {table}
                    BEGIN DELETE FROM seals WHERE name = '{table}'; END"
            ))?;
        }
    }
    Ok(())
}

fn has_triggers(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = r"SELECT count(*) FROM sqlite_schema
        WHERE type = 'trigger' AND tbl_name = ?1 AND name LIKE 'seal\_%' ESCAPE '\'";
    let triggers: u32 = connection.query_row(sql, [table], |row| row.get(0))?;
    Ok(triggers as usize == EVENTS.len())
}

/// Deletes all seals: the tables have another layout by now.
pub(super) fn delete_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM seals", []).map(drop)
}

/// Whether all tables are sealed.
pub(super) fn are_complete(connection: &Connection) -> rusqlite::Result<bool> {
    let count: u32 = connection.query_row("SELECT count(*) FROM seals", [], |row| row.get(0))?;
    Ok(count as usize == tables().count())
}

/// Seals the tables that are not. To be called inside a transaction.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    create_triggers(connection)?;
    for table in tables() {
        if sealed(connection, table)?.is_none() {
            let sum = sum(connection, table)?;
            connection.execute(
                "INSERT INTO seals (name, sum) VALUES (?1, ?2)",
                params![table, sum],
            )?;
        }
    }
    Ok(())
}

/// Compares the tables with their seals. To be called inside a transaction.
pub(super) fn check(connection: &Connection) -> Result<(), Fault> {
    for table in tables() {
        let Some(sealed) = sealed(connection, table)? else {
            continue;
        };
        if has_triggers(connection, table)? && sum(connection, table)? != *sealed {
            return Err(format!("a row of its table {table} is not as it was written").into());
        }
    }
    Ok(())
}

fn sealed(connection: &Connection, table: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT sum FROM seals WHERE name = ?1";
    connection
        .query_row(sql, [table], |row| row.get(0))
        .optional()
}

/// The checksum of all rows, in the order of their keys.
fn sum(connection: &Connection, table: &str) -> rusqlite::Result<[u8; 32]> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} NOT INDEXED"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut hasher = blake3::Hasher::new();
    let mut bytes: Vec<u8> = Vec::with_capacity(2 * CHUNK);
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => bytes.push(0),
                ValueRef::Integer(number) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                ValueRef::Real(number) => {
                    bytes.push(2);
                    bytes.extend_from_slice(&number.to_bits().to_le_bytes());
                }
                ValueRef::Text(text) => add(&mut bytes, 3, text),
                ValueRef::Blob(blob) => add(&mut bytes, 4, blob),
            }
        }
        if bytes.len() >= CHUNK {
            hasher.update(&bytes);
            bytes.clear();
        }
    }
    hasher.update(&bytes);
    Ok(*hasher.finalize().as_bytes())
}

fn add(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}
