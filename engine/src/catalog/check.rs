//! Checks a catalog as a library: its structure, its tables, and what every row holds.

use std::collections::BTreeMap;
use std::path::Path;

use kith_models::EMBEDDING_LEN;
use kith_models::training::{Harmonic, Head};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::APPLICATION_ID;
use crate::Error;
use crate::alike::Look;
use crate::people::{Decision, Trial};

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is damaged, as the end of a sentence.
    Damage(String),
    /// `SQLite` could not read on: the file is damaged, or it is busy or on a disk that cannot be read.
    Sqlite(rusqlite::Error),
}

impl Fault {
    /// The error of the catalog at `path`.
    pub(super) fn of(self, path: &Path) -> Error {
        match self {
            Self::Damage(reason) => super::damaged(reason, path),
            Self::Sqlite(error) => super::damaged_or_busy(error, path),
        }
    }
}

impl From<String> for Fault {
    fn from(damage: String) -> Self {
        Self::Damage(damage)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

type Checked = std::result::Result<(), Fault>;
/// Of a row: what is wrong with it, as the end of a sentence.
type Decoded = std::result::Result<(), String>;

/// Bytes of a hash.
const HASH_LEN: usize = 32;
/// Five points of two f32.
const LANDMARKS_LEN: usize = 40;

/// Refuses what is no catalog, or one of a newer Kith. Says its version.
pub(super) fn version(connection: &Connection) -> std::result::Result<u32, Fault> {
    let number = |sql: &str| -> rusqlite::Result<u32> {
        connection.query_row(sql, [], |row| row.get::<_, i64>(0).map(|n| n as u32))
    };
    let id = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if id != APPLICATION_ID as u32 {
        return Err("it is not a catalog of Kith".to_owned().into());
    }
    if tables == 0 {
        return Err("it has no tables".to_owned().into());
    }
    Ok(number("PRAGMA user_version")?)
}

/// Checks the structure of the file: every page, index and reference.
pub(super) fn structure(connection: &Connection) -> Checked {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(said.into());
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let dangling = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let dangling: Option<(String, Option<i64>, String)> = dangling.optional()?;
    match dangling {
        None => Ok(()),
        Some((table, row, missing)) => Err(format!(
            "row {} of the table {table} refers to {missing} that are not there",
            row.unwrap_or_default()
        )
        .into()),
    }
}

/// Checks that a catalog of today's version has today's tables, columns, indexes and triggers, and no others.
pub(super) fn tables(connection: &Connection) -> Checked {
    let expected = Connection::open_in_memory().and_then(|fresh| {
        super::run_migrations(&fresh, 0)?;
        schema(&fresh)
    })?;
    let found = schema(connection)?;
    for (name, columns) in &expected {
        match found.get(name) {
            None => return Err(format!("its {} {} is missing", name.0, name.1).into()),
            Some(other) if other != columns => {
                return Err(format!("its {} {} is not Kith's", name.0, name.1).into());
            }
            Some(_) => (),
        }
    }
    match found.keys().find(|name| !expected.contains_key(name)) {
        Some((kind, name)) => {
            Err(format!("its schema has the {kind} {name}, which is not Kith's").into())
        }
        None => Ok(()),
    }
}

/// Kind and name of all that is in a schema, with the columns of tables and the text of triggers.
fn schema(connection: &Connection) -> rusqlite::Result<BTreeMap<(String, String), String>> {
    let mut statement = connection.prepare(
        "SELECT type, name, CASE type
            WHEN 'table' THEN (SELECT group_concat(name || ' ' || type || ' ' || \"notnull\") FROM pragma_table_info(s.name))
            WHEN 'trigger' THEN sql ELSE '' END
         FROM sqlite_schema AS s WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let rows = statement.query_map([], |row| {
        let text: Option<String> = row.get(2)?;
        Ok(((row.get(0)?, row.get(1)?), text.unwrap_or_default()))
    })?;
    rows.collect()
}

/// Decodes every row of every table.
pub(super) fn rows(connection: &Connection) -> Checked {
    for (table, decode) in DECODERS {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let mut rows = statement.query([])?;
        let mut at = 0_u64;
        while let Some(row) = rows.next()? {
            at += 1;
            decode(row).map_err(|fault| format!("row {at} of its table {table}: {fault}"))?;
        }
    }
    Ok(())
}

/// What reads a row of `SELECT *`.
pub(super) type Decode = fn(&Row<'_>) -> Decoded;

/// All tables in an order in which rows that others refer to come first.
pub(super) const DECODERS: &[(&str, Decode)] = &[
    ("folders", |row| path(row, "path")),
    ("mounts", |row| path(row, "path")),
    ("separate_folders", |row| {
        path(row, "away").and_then(|()| path(row, "other"))
    }),
    ("photos", photo),
    ("networks", network),
    ("maps", map),
    ("faces", face),
    ("decisions", decision),
    ("placements", placement),
    ("derived", |_| Ok(())),
    ("questions", question),
    ("learned", learned),
    ("embeddings", |row| bytes(row, "code", EMBEDDING_LEN)),
    ("looks", look),
    ("stacks", |row| number(row, "photo")),
    ("ignore_patterns", |row| text(row, "pattern").map(drop)),
    ("skipped", skipped),
    ("seals", |row| bytes(row, "sum", HASH_LEN)),
    ("forgotten", |row| bytes(row, "content", HASH_LEN)),
];

fn photo(row: &Row<'_>) -> Decoded {
    path(row, "path")?;
    number(row, "id")?;
    number(row, "size")?;
    number(row, "width")?;
    number(row, "height")?;
    for hash in ["content", "picture"] {
        // A salvaged catalog of an older version has no such column yet.
        if row.as_ref().column_index(hash).is_ok() {
            optional(row, hash, |row| bytes(row, hash, HASH_LEN))?;
        }
    }
    optional(row, "taken_at", |row| text(row, "taken_at").map(drop))?;
    optional(row, "camera", |row| text(row, "camera").map(drop))?;
    optional(row, "failed", |row| text(row, "failed").map(drop))
}

fn face(row: &Row<'_>) -> Decoded {
    number(row, "id")?;
    number(row, "photo")?;
    for column in ["x", "y", "w", "h", "score", "quality"] {
        real(row, column)?;
    }
    text(row, "model")?;
    bytes(row, "landmarks", LANDMARKS_LEN)?;
    bytes(row, "code", EMBEDDING_LEN)
}

fn decision(row: &Row<'_>) -> Decoded {
    number(row, "id")?;
    let text = text(row, "decision")?;
    let decoded = serde_json::from_str::<Decision>(&text);
    decoded.map(drop).map_err(|error| error.to_string())
}

fn placement(row: &Row<'_>) -> Decoded {
    optional(row, "person", |row| number(row, "person"))?;
    let state = text(row, "state")?;
    match &*state {
        "confirmed" | "automatic" | "unassigned" | "ignored" => Ok(()),
        other => Err(format!("it has the state {other:?}")),
    }
}

fn question(row: &Row<'_>) -> Decoded {
    number(row, "asked")?;
    number(row, "person")?;
    real(row, "chance")
}

fn learned(row: &Row<'_>) -> Decoded {
    let trial = serde_json::from_str::<Trial>(&text(row, "trial")?);
    trial.map_err(|error| error.to_string())?;
    match Head::from_bytes(blob(row, "head")?) {
        Some(_) => Ok(()),
        None => Err("its head cannot be read".to_owned()),
    }
}

fn network(row: &Row<'_>) -> Decoded {
    text(row, "name")?;
    text(row, "sha256")?;
    number(row, "numbers")
}

fn map(row: &Row<'_>) -> Decoded {
    text(row, "network")?;
    match Harmonic::from_bytes(blob(row, "map")?) {
        Some(_) => Ok(()),
        None => Err("its map cannot be read".to_owned()),
    }
}

fn skipped(row: &Row<'_>) -> Decoded {
    path(row, "path")?;
    text(row, "rule")?;
    number(row, "files")
}

fn look(row: &Row<'_>) -> Decoded {
    bytes(row, "content", HASH_LEN)?;
    bytes(row, "look", size_of::<Look>())
}

fn value<'a>(row: &'a Row<'_>, column: &str) -> std::result::Result<ValueRef<'a>, String> {
    row.get_ref(column).map_err(|error| error.to_string())
}

fn optional(row: &Row<'_>, column: &str, check: impl FnOnce(&Row<'_>) -> Decoded) -> Decoded {
    match value(row, column)? {
        ValueRef::Null => Ok(()),
        _ => check(row),
    }
}

fn blob<'a>(row: &'a Row<'_>, column: &str) -> std::result::Result<&'a [u8], String> {
    let blob = value(row, column)?.as_blob();
    blob.map_err(|error| format!("{column}: {error}"))
}

fn bytes(row: &Row<'_>, column: &str, len: usize) -> Decoded {
    match blob(row, column)?.len() {
        found if found == len => Ok(()),
        found => Err(format!("{column} has {found} bytes, not {len}")),
    }
}

/// A path: not empty.
fn path(row: &Row<'_>, column: &str) -> Decoded {
    match blob(row, column)?.len() {
        0 => Err(format!("{column} is empty")),
        _ => Ok(()),
    }
}

fn text(row: &Row<'_>, column: &str) -> std::result::Result<String, String> {
    let text = value(row, column)?.as_str();
    text.map(str::to_owned)
        .map_err(|error| format!("{column}: {error}"))
}

/// A number that is counted or measured in whole units: 32 bits, or the size of a file.
fn number(row: &Row<'_>, column: &str) -> Decoded {
    let number = value(row, column)?.as_i64();
    let number = number.map_err(|error| format!("{column}: {error}"))?;
    let most = if column == "size" {
        i64::MAX
    } else {
        u32::MAX.into()
    };
    if (0..=most).contains(&number) {
        Ok(())
    } else {
        Err(format!("{column} is {number}"))
    }
}

fn real(row: &Row<'_>, column: &str) -> Decoded {
    let real = value(row, column)?.as_f64();
    match real.map_err(|error| format!("{column}: {error}"))? {
        real if real.is_finite() => Ok(()),
        real => Err(format!("{column} is {real}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_table_has_a_decoder() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
        let connection = catalog.connection();
        tables(connection).unwrap();
        rows(connection).unwrap();
        let schema = schema(connection).unwrap();
        let tables = schema.keys().filter(|(kind, _)| kind == "table");
        let tables: std::collections::BTreeSet<_> = tables.map(|(_, name)| &**name).collect();
        let decoded = DECODERS.iter().map(|(table, _)| *table).collect();
        assert_eq!(tables, decoded);
    }
}
