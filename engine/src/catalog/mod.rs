//! The catalog: one `SQLite` file that holds what is known of photos and faces, and every decision.
//!
//! One file a table, each with its own migration beside its queries. Facts (`photos`, `faces`) and
//! history (`decisions`) are the truth; `placements` is derived from them and can be made again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::people::standing;
use crate::{Error, Result};

pub mod decisions;
pub mod embeddings;
pub mod faces;
pub mod folders;
pub mod learned;
pub mod looks;
pub mod maps;
pub mod networks;
pub mod photos;
pub mod placements;
pub mod questions;
pub mod stacks;

/// Marks a file as a Kith catalog (`PRAGMA application_id`): "KITH" in ASCII.
const APPLICATION_ID: i32 = 0x4B49_5448;

/// Migrations in order; the catalog's `user_version` says how many have run.
const MIGRATIONS: &[&[&str]] = &[
    &[
        folders::CREATE,
        photos::CREATE,
        faces::CREATE,
        decisions::CREATE,
        placements::CREATE,
    ],
    &[questions::CREATE],
    &[learned::CREATE],
    &[faces::ADD_DRAWN],
    &[networks::CREATE],
    &[maps::CREATE, faces::ADD_MAP, embeddings::CREATE],
    &[looks::CREATE, stacks::CREATE],
    &[photos::ADD_WHY],
    &[placements::CREATE_DERIVED],
    &[photos::BY_CONTENT_FIRST, folders::ADD_VOLUME],
];

/// How long a write waits for another process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// An open catalog. Each thread that needs one for long opens its own.
#[derive(Debug)]
pub struct Catalog {
    connection: Connection,
    path: PathBuf,
}

impl Catalog {
    /// Opens the catalog at `path`, creates it when missing, and brings it to today's layout.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`] when the file is not a sound catalog, [`Error::CatalogTooNew`]
    /// when a newer version wrote it, [`Error::Catalog`] when `SQLite` cannot open it.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        check_is_catalog(&connection, path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        // Migrations make tables anew that others refer to.
        connection.pragma_update(None, "foreign_keys", false)?;
        migrate(&mut connection, path)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Another connection to the same catalog that can only read.
    ///
    /// # Errors
    /// [`Error::Catalog`] when `SQLite` cannot open it.
    pub fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    /// Closes it, with all that was written in the one file.
    ///
    /// # Errors
    /// [`Error::Catalog`] when the last of it cannot be written.
    pub fn close(self) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error.into())
    }

    /// Writes a copy to a file that is not there yet.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be written.
    pub fn copy_to(&self, file: &Path) -> Result<()> {
        // As a parameter, so that any name is taken as it is.
        let path = file.to_string_lossy();
        self.connection.execute("VACUUM INTO ?1", [&path])?;
        Ok(())
    }

    /// Takes another catalog in the place of this one, which goes to `old` or is deleted.
    ///
    /// # Errors
    /// [`Error::Io`] when the system does not let us; this catalog is open again then.
    pub fn replace(&mut self, draft: &Path, old: Option<&Path>) -> Result<()> {
        let open = std::mem::replace(&mut self.connection, Connection::open_in_memory()?);
        open.close().map_err(|(_, error)| error)?;
        let aside = match old {
            Some(old) => old.to_owned(),
            None => self.path.with_extension("old"),
        };
        let moved = std::fs::rename(&self.path, &aside)
            .and_then(|()| {
                std::fs::rename(draft, &self.path).or_else(|error| {
                    std::fs::rename(&aside, &self.path)?;
                    Err(error)
                })
            })
            .and_then(|()| match old {
                Some(_) => Ok(()),
                None => std::fs::remove_file(&aside),
            })
            .map_err(Error::io("Replacing the catalog", &self.path));
        *self = Self::open(&self.path)?;
        moved
    }

    /// Without faces, people and all that was said of them; what was said of photos stays.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be written.
    pub fn without_faces(mut self) -> Result<Self> {
        self.transaction(|connection| {
            let log = decisions::all(connection)?;
            let kept: Vec<&decisions::Entry> = standing(&log)
                .into_iter()
                .rev()
                .filter(|entry| entry.decision.photos().is_some())
                .collect();
            connection.execute_batch(
                "DROP TABLE decisions; DELETE FROM placements; DELETE FROM questions;
                 DELETE FROM learned; DELETE FROM embeddings; DELETE FROM faces;
                 DELETE FROM maps;
                 UPDATE photos SET model = 'none' WHERE model IS NOT NULL;",
            )?;
            connection.execute_batch(decisions::CREATE)?;
            for entry in kept {
                decisions::add(connection, entry.at, &entry.decision)?;
            }
            Ok(())
        })?;
        // What was deleted is not left in unused pages.
        self.connection.execute_batch("VACUUM")?;
        Ok(self)
    }

    /// The connection, for the queries of the tables.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs `work` in one transaction: all of it is stored, or nothing.
    ///
    /// # Errors
    /// What `work` returns, or [`Error::Catalog`] when the transaction cannot be made.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// Refuses a file that is no catalog or a damaged one, before anything is written to it.
fn check_is_catalog(connection: &Connection, path: &Path) -> Result<()> {
    let damaged = |reason: String| Error::CatalogDamaged {
        reason,
        path: path.to_owned(),
    };
    let id: i32 = connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(|error| damaged_or_busy(error, &damaged))?;
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| damaged_or_busy(error, &damaged))?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(damaged("it is not a catalog of Kith".into()));
    }
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged_or_busy(error, &damaged))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(damaged(said))
    }
}

fn damaged_or_busy(error: rusqlite::Error, damaged: &dyn Fn(String) -> Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            damaged(error.to_string())
        }
        _ => error.into(),
    }
}

/// Rows, of which there are about `count`: room for them is taken once, and none is left over.
fn gathered<T>(rows: impl Iterator<Item = rusqlite::Result<T>>, count: u32) -> Result<Vec<T>> {
    let mut gathered = Vec::with_capacity(count as usize);
    for row in rows {
        gathered.push(row?);
    }
    gathered.shrink_to_fit();
    Ok(gathered)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as u32;
    if done > known {
        return Err(Error::CatalogTooNew {
            found: done,
            known,
            path: path.to_owned(),
        });
    }
    for statements in &MIGRATIONS[done as usize..] {
        for statement in *statements {
            transaction.execute_batch(statement)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
