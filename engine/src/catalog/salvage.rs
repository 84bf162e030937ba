//! Reads what can be read of a damaged catalog into a new one, row by row.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::check::DECODERS;
use super::{Catalog, MIGRATIONS, file, migrate};
use crate::{Error, Result};

/// Numbers of rows between two readable ones that are looked up one by one.
const LONGEST_GAP: i64 = 5_000_000;

/// Rows that were read, and that were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    /// Copied from the damaged catalog.
    pub(crate) read: u64,
    /// Damaged beyond reading, as far as they can be counted.
    pub(crate) lost: u64,
    /// Copied from a backup, as they were missing.
    pub(crate) from_backup: u64,
}

/// What came of a salvage.
#[derive(Debug)]
pub(crate) struct Salvaged {
    /// In memory.
    pub(crate) catalog: Catalog,
    /// Of the log.
    pub(crate) decisions: Rows,
    /// Of all tables.
    pub(crate) all: Rows,
}

/// Reads what can be read of the catalog at `path`, which nobody has open, and fills in from `backup` what is
/// missing. None where not even its layout can be read.
///
/// # Errors
/// [`Error::Io`] and [`Error::Catalog`] when the new catalog cannot be made.
pub(crate) fn salvage(path: &Path, backup: Option<&Catalog>) -> Result<Option<Salvaged>> {
    let (damaged, _folder) = file::private_copy(path)?;
    // Reads a file that is shorter than its header says.
    if damaged
        .pragma_update(None, "writable_schema", true)
        .is_err()
    {
        return Ok(None);
    }
    let version: u32 = match damaged.query_row("PRAGMA user_version", [], |row| row.get(0)) {
        Ok(version) => version,
        Err(_) => return Ok(None),
    };
    let known = MIGRATIONS.len();
    let version = match version as usize {
        0 => known,
        version if version > known => {
            return Err(Error::CatalogTooNew {
                found: version as u32,
                known: known as u32,
                path: path.to_owned(),
            });
        }
        version => version,
    };
    let mut fresh = Connection::open_in_memory()?;
    fresh.pragma_update(None, "foreign_keys", false)?;
    for statement in MIGRATIONS[..version].iter().copied().flatten() {
        fresh.execute_batch(statement)?;
    }
    fresh.pragma_update(None, "user_version", version as u32)?;
    let mut counts = Vec::new();
    for (table, decode) in DECODERS {
        let mut copying = Copying {
            table,
            decode: *decode,
            to: &fresh,
            rows: Rows::default(),
        };
        if *table != "seals" && has_table(&fresh, table)? {
            copying.copy_all(&damaged);
        }
        counts.push((*table, copying.rows));
    }
    if counts.iter().all(|(_, rows)| rows.read == 0) {
        return Ok(None);
    }
    migrate_salvaged(&mut fresh, path)?;
    if let Some(backup) = backup {
        for ((table, decode), (_, rows)) in DECODERS.iter().zip(&mut counts) {
            if *table == "seals" {
                continue;
            }
            let mut copying = Copying {
                table,
                decode: *decode,
                to: &fresh,
                rows: Rows::default(),
            };
            // An entry of the log never changes: where the two differ, the damaged one is wrong.
            if *table == "decisions" {
                rows.from_backup += replace_changed(backup.connection(), &fresh)?;
            }
            copying.copy_all(backup.connection());
            rows.from_backup += copying.rows.read;
        }
        drop_dangling(&fresh)?;
    }
    let catalog = Catalog::in_memory(fresh, path)?;
    let mut all = Rows::default();
    for (_, rows) in &counts {
        all.read += rows.read;
        all.lost += rows.lost;
        all.from_backup += rows.from_backup;
    }
    let decisions = counts.iter().find(|(table, _)| *table == "decisions");
    Ok(Some(Salvaged {
        catalog,
        decisions: decisions.map(|(_, rows)| *rows).unwrap_or_default(),
        all,
    }))
}

/// Takes the entries of the log that a backup has otherwise, and says how many these are.
fn replace_changed(backup: &Connection, to: &Connection) -> Result<u64> {
    let mut theirs = backup.prepare("SELECT id, at_ms, decision FROM decisions")?;
    let mut rows = theirs.query([])?;
    // Replacing a row fires no trigger of deleting.
    let mut replace = to.prepare(
        "INSERT OR REPLACE INTO decisions (id, at_ms, decision) SELECT ?1, ?2, ?3
         WHERE EXISTS (SELECT 1 FROM decisions WHERE id = ?1 AND (at_ms <> ?2 OR decision <> ?3))",
    )?;
    let mut replaced = 0;
    while let Some(row) = rows.next()? {
        let (id, at_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        let decision: String = row.get(2)?;
        replaced += replace.execute(rusqlite::params![id, at_ms, decision])?;
    }
    Ok(replaced as u64)
}

fn has_table(connection: &Connection, table: &str) -> Result<bool> {
    Ok(connection.table_exists(None, table)?)
}

/// Brings a catalog whose rows were read to today's layout, without those that refer to missing ones.
fn migrate_salvaged(connection: &mut Connection, path: &Path) -> Result<()> {
    drop_dangling(connection)?;
    migrate(connection, path)
}

/// Deletes rows that refer to rows that are not there, until there is none.
fn drop_dangling(connection: &Connection) -> Result<()> {
    loop {
        let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
        })?;
        let dangling: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
        if dangling.is_empty() {
            return Ok(());
        }
        for (table, row) in dangling {
            connection.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [row])?;
        }
    }
}

/// Copies the rows of one table.
struct Copying<'a> {
    table: &'a str,
    decode: super::check::Decode,
    to: &'a Connection,
    rows: Rows,
}

impl Copying<'_> {
    /// From both ends to where it is damaged, then row by row between.
    fn copy_all(&mut self, from: &Connection) {
        let table = self.table;
        let up = self.copy(
            from,
            &format!("SELECT *, rowid FROM {table} ORDER BY rowid"),
        );
        let up = match up {
            Scan::Whole => return,
            // A table without row numbers: what can be read from its beginning.
            Scan::Refused => {
                self.copy(from, &format!("SELECT * FROM {table}"));
                return;
            }
            Scan::UpTo(row) => row,
        };
        let sql = format!("SELECT *, rowid FROM {table} WHERE rowid > {up} ORDER BY rowid DESC");
        let down = match self.copy(from, &sql) {
            Scan::UpTo(row) => row,
            Scan::Whole => return,
            Scan::Refused => up,
        };
        if down - up > LONGEST_GAP {
            return;
        }
        for row in up + 1..down {
            let sql = format!("SELECT *, rowid FROM {table} WHERE rowid = {row}");
            if matches!(self.copy(from, &sql), Scan::UpTo(_) | Scan::Refused) {
                self.rows.lost += 1;
            }
        }
    }

    /// Copies what a statement gives, until it ends or fails.
    fn copy(&mut self, from: &Connection, sql: &str) -> Scan {
        let Ok(mut statement) = from.prepare_cached(sql) else {
            return Scan::Refused;
        };
        let names: Vec<String> = statement
            .column_names()
            .filter(|name| *name != "rowid")
            .map(|name| format!("\"{name}\""))
            .collect();
        let has_number = statement.column_count() > names.len();
        let places = vec!["?"; names.len()].join(", ");
        let insert = format!(
            "INSERT OR IGNORE INTO {} ({}) VALUES ({places})",
            self.table,
            names.join(", ")
        );
        let Ok(mut rows) = statement.query([]) else {
            return Scan::Refused;
        };
        let mut last = 0;
        loop {
            match rows.next() {
                Ok(None) => return Scan::Whole,
                Err(_) => return Scan::UpTo(last),
                Ok(Some(row)) => {
                    if has_number && let Ok(number) = row.get(names.len()) {
                        last = number;
                    }
                    match self.insert(row, &insert, names.len()) {
                        Some(inserted) => self.rows.read += inserted,
                        None => self.rows.lost += 1,
                    }
                }
            }
        }
    }

    /// How many rows it made; none where the row cannot be decoded.
    fn insert(&self, row: &Row<'_>, sql: &str, columns: usize) -> Option<u64> {
        (self.decode)(row).ok()?;
        let values = (0..columns).map(|column| row.get::<_, Value>(column));
        let values: Vec<Value> = values.collect::<rusqlite::Result<_>>().ok()?;
        let mut statement = self.to.prepare_cached(sql).ok()?;
        let inserted = statement.execute(params_from_iter(values)).ok()?;
        Some(inserted as u64)
    }
}

/// How far a scan came.
enum Scan {
    /// To its end.
    Whole,
    /// To the row of this number; then the file is damaged.
    UpTo(i64),
    /// It could not begin.
    Refused,
}
