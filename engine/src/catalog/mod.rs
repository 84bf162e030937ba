//! The catalog: one `SQLite` file that holds what is known of photos and faces, and every decision.
//!
//! One file a table, each with its own migration beside its queries. Facts (`photos`, `faces`) and
//! history (`decisions`) are the truth; `placements` is derived from them and can be made again.

use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB, TransactionBehavior, ffi};
use tempfile::TempPath;

use self::file::Access;
use crate::encryption::DataKey;
use crate::people::{Decision, Forgotten, standing};
use crate::{Error, ReadOnly, Result, private};

mod check;
pub mod decisions;
pub mod embeddings;
pub mod faces;
pub(crate) mod file;
pub mod folders;
pub mod forgotten;
pub mod learned;
pub mod looks;
pub mod maps;
pub mod networks;
pub mod photos;
pub mod placements;
pub mod questions;
pub(crate) mod salvage;
mod seals;
pub mod skipped;
pub mod stacks;
pub mod transfer;

/// Marks a file as a Kith catalog (`PRAGMA application_id`): "KITH" in ASCII.
const APPLICATION_ID: i32 = 0x4B49_5448;

/// Migrations in order; the catalog's `user_version` says how many have run.
const MIGRATIONS: &[&[&str]] = &[
    &[
        folders::CREATE,
        photos::CREATE,
        faces::CREATE,
        decisions::CREATE,
        decisions::PROTECT,
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
    &[seals::CREATE],
    &[forgotten::CREATE],
    &[skipped::CREATE],
    &[photos::ADD_REMOVED],
    &[folders::CREATE_SEPARATE],
];

/// An open catalog. Each thread that needs one for long opens its own.
#[derive(Debug)]
pub struct Catalog {
    connection: Connection,
    path: PathBuf,
    key: Option<DataKey>,
    read_only: Option<ReadOnly>,
}

impl Catalog {
    /// Opens the catalog at `path`, creates it when missing, and brings it to today's layout.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`] when the file is not a sound catalog, [`Error::CatalogTooNew`]
    /// when a newer version wrote it, [`Error::Catalog`] when `SQLite` cannot open it for writing.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, None)
    }

    /// The same of a catalog that is encrypted with this key.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_with(path: &Path, key: Option<&DataKey>) -> Result<Self> {
        let path = file::absolute(path)?;
        if !path.exists() {
            create(&path, key)?;
        }
        let mut connection = file::connect(&path, Access::Write, key)?;
        let version = check_version(&connection, &path)?;
        quick_check(&connection, &path)?;
        if connection.is_readonly(MAIN_DB)? {
            let refused = ffi::Error::new(ffi::SQLITE_READONLY);
            return Err(rusqlite::Error::SqliteFailure(refused, None).into());
        }
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A decision is on the disk when it is told: also after a power loss.
        connection.pragma_update(None, "synchronous", "full")?;
        if version < MIGRATIONS.len() as u32 {
            migrate(&mut connection, &path)?;
        }
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection,
            path,
            key: key.cloned(),
            read_only: None,
        })
    }

    /// A copy in memory of the catalog at `path`, brought to today's layout. Writes nothing to the disk.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`], [`Error::CatalogTooNew`], [`Error::Io`] and [`Error::Catalog`] when it
    /// cannot be read.
    pub(crate) fn copy_of(path: &Path, key: Option<&DataKey>) -> Result<Self> {
        let path = file::absolute(path)?;
        let mut connection = file::copy_into_memory(&path, key).map_err(|error| match error {
            Error::Catalog { source } => damaged_or_busy(source, &path),
            other => other,
        })?;
        let version = check_version(&connection, &path)?;
        quick_check(&connection, &path)?;
        if version < MIGRATIONS.len() as u32 {
            migrate(&mut connection, &path)?;
        }
        seals::check(&connection).map_err(|fault| fault.of(&path))?;
        Self::in_memory(connection, &path, key)
    }

    /// One of today's layout that is only in memory, as if it were at `path`.
    fn in_memory(connection: Connection, path: &Path, key: Option<&DataKey>) -> Result<Self> {
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            key: key.cloned(),
            read_only: None,
        })
    }

    /// A copy in memory that has another key, or none. It is written into a draft in `folder` meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Catalog`] when that cannot be written.
    pub(crate) fn with_key(self, key: Option<&DataKey>, folder: &Path) -> Result<Self> {
        if self.key.as_ref() == key {
            return Ok(self);
        }
        let draft = self.draft_with_key(key, folder)?;
        let copy = file::copy_into_memory(&draft, key)?;
        Self::in_memory(copy, &self.path, key)
    }

    /// Writes all of it into a draft in `folder` that has another key, or none, and checks that.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
    pub(crate) fn draft_with_key(&self, key: Option<&DataKey>, folder: &Path) -> Result<TempPath> {
        let draft = private::draft_in(folder).map_err(Error::io("Writing the catalog", folder))?;
        file::write_with_key(&self.connection, &draft, key)?;
        Self::copy_of(&draft, key)?.check()?;
        Ok(draft)
    }

    /// Whether this program would migrate the catalog at `path`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn is_older(path: &Path, key: Option<&DataKey>) -> Result<bool> {
        let path = file::absolute(path)?;
        let connection = file::connect(&path, Access::Write, key)?;
        let is_older = check_version(&connection, &path)? < MIGRATIONS.len() as u32;
        if is_older {
            quick_check(&connection, &path)?;
        }
        Ok(is_older)
    }

    /// Checks all that is in it: structure, tables, and every row.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`] with what is wrong first.
    pub fn check(&self) -> Result<()> {
        // One state of it, whatever others write meanwhile.
        let snapshot = self.connection.unchecked_transaction()?;
        check::structure(&snapshot)
            .and_then(|()| check::tables(&snapshot))
            .and_then(|()| check::rows(&snapshot))
            .and_then(|()| seals::check(&snapshot))
            .map_err(|fault| fault.of(&self.path))
    }

    /// Checks that the rows of the sealed tables are as they were written.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`], and [`Error::Catalog`] when it cannot be read.
    pub(crate) fn check_seals(&mut self) -> Result<()> {
        let transaction = self.connection.transaction()?;
        seals::check(&transaction).map_err(|fault| fault.of(&self.path))
    }

    /// Seals the tables that are not sealed.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be written.
    pub(crate) fn seal(&mut self) -> Result<()> {
        if self.read_only.is_some() || seals::are_complete(&self.connection)? {
            return Ok(());
        }
        self.transaction(|connection| Ok(seals::create(connection)?))
    }

    /// Seals the tables where that can be done: not on a full disk, or while another process writes. A
    /// catalog without seals is as good, and the next opening tries it again.
    pub(crate) fn try_seal(&mut self) {
        let _ = self.seal();
    }

    /// The log as one short text: equal logs have equal ones.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be read.
    pub(crate) fn log_fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let sql = "SELECT id, at_ms, decision FROM decisions ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for number in [row.get::<_, i64>(0)?, row.get::<_, i64>(1)?] {
                hasher.update(&number.to_le_bytes());
            }
            let text = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Refuses all writing from now on: it is a copy of a library that cannot be written.
    pub(crate) fn only_read(&mut self, why: ReadOnly) {
        self.read_only = Some(why);
    }

    /// Why it can only be read, if so.
    pub(crate) fn read_only(&self) -> Option<ReadOnly> {
        self.read_only
    }

    /// Writes a copy to a file, through a connection of its own where it can: others go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
    pub(crate) fn copy_to(
        &self,
        file: &Path,
        existing: file::Existing,
        trailer: &[u8],
    ) -> Result<()> {
        file::write_copy_with(&self.connection, file, existing, trailer)
    }

    /// A connection of its own to read the same file.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be opened.
    pub(crate) fn reader(path: &Path, key: Option<&DataKey>) -> Result<Connection> {
        file::connect(&file::absolute(path)?, Access::Read, key)
    }

    /// Takes all that another catalog of the same key holds in the place of what this one holds, in one
    /// transaction: `SQLite` copies the pages, so that others who have it open go on with the new ones, and a kill
    /// leaves the old ones. `before` is called when nobody else can write any more, with a connection
    /// that reads what is about to go.
    ///
    /// # Errors
    /// What `before` returns, [`Error::Catalog`] when it cannot be written; nothing is changed then.
    pub(crate) fn overwrite_with(
        &mut self,
        other: &Self,
        before: impl FnOnce(&Connection) -> Result<()>,
    ) -> Result<()> {
        let page_size = |connection: &Connection| -> rusqlite::Result<i64> {
            connection.query_row("PRAGMA page_size", [], |row| row.get(0))
        };
        // Encrypted ones all have pages of one size.
        if self.key.is_none() {
            let here = page_size(&self.connection)?;
            if page_size(&other.connection)? != here {
                other.connection.pragma_update(None, "page_size", here)?;
                other.connection.execute_batch("VACUUM")?;
            }
        }
        let old = file::connect(&self.path, Access::Read, self.key.as_ref())?;
        self.connection.flush_prepared_statement_cache();
        let copying = Backup::new(&other.connection, &mut self.connection)?;
        // No page yet, only the lock.
        file::step(&copying, 0)?;
        before(&old)?;
        drop(old);
        file::step(&copying, -1)
    }

    /// Writes the file anew, so that nothing of what was deleted is left in it or in its write-ahead log.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be written, or others keep an old state of it in use.
    pub(crate) fn vacuum_and_truncate_wal(&self) -> Result<()> {
        self.connection.execute_batch("VACUUM")?;
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
        if busy {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(code, None).into());
        }
        Ok(())
    }

    /// The connection, for the queries of the tables.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs `work` in one transaction: all of it is stored, or nothing.
    ///
    /// # Errors
    /// What `work` returns, [`Error::ReadOnly`] when the library cannot be written, or
    /// [`Error::Catalog`] when the transaction cannot be made.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if let Some(why) = self.read_only {
            let path = self.path.clone();
            return Err(Error::ReadOnly { why, path });
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// Deletes faces, people and all that was said of them; what was said of photos stays. To be called inside a
/// transaction.
///
/// # Errors
/// [`Error::Catalog`] when it cannot be written.
pub(crate) fn delete_faces(connection: &Connection) -> Result<()> {
    let log = decisions::all(connection)?;
    let everybody = Forgotten::everybody(&log);
    // What copies took over is no word of the user's, and holds as well.
    let mut kept = standing(&log);
    kept.extend(
        log.iter()
            .filter(|entry| matches!(entry.decision, Decision::Inherit { .. })),
    );
    kept.sort_by_key(|entry| entry.id);
    connection.execute_batch(
        "DROP TABLE decisions; DELETE FROM placements; DELETE FROM questions;
         DELETE FROM learned; DELETE FROM embeddings; DELETE FROM faces;
         DELETE FROM maps;
         UPDATE photos SET model = 'none' WHERE model IS NOT NULL;",
    )?;
    connection.execute_batch(decisions::CREATE)?;
    connection.execute_batch(decisions::PROTECT)?;
    seals::create_triggers(connection)?;
    for entry in kept {
        if let Some(decision) = everybody.of_photos(&entry.decision) {
            decisions::add(connection, entry.at, &decision)?;
        }
    }
    Ok(())
}

/// Makes a catalog with nothing in it: under another name first, so that there is never half of one.
fn create(path: &Path, key: Option<&DataKey>) -> Result<()> {
    let making = |error: std::io::Error| Error::io("Making the catalog", path)(error);
    let folder = path.parent().unwrap_or(path);
    let draft = private::draft_in(folder).map_err(making)?;
    let mut connection = file::connect(&draft, Access::Write, key)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    migrate(&mut connection, path)?;
    connection.close().map_err(|(_, error)| error)?;
    match draft.persist_noclobber(path) {
        // Another process was sooner.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(making(error.error)),
        Ok(()) => private::sync_folder(folder).map_err(making),
    }
}

fn damaged(reason: String, path: &Path) -> Error {
    Error::CatalogDamaged {
        reason,
        path: path.to_owned(),
    }
}

/// Refuses a file that is no catalog or one of a newer Kith, before anything is written to it.
fn check_version(connection: &Connection, path: &Path) -> Result<u32> {
    // First what tells a busy or unreadable file from a damaged one.
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| damaged_or_busy(error, path))?;
    let known = MIGRATIONS.len() as u32;
    match check::version(connection).map_err(|fault| fault.of(path))? {
        0 => Err(damaged("it has no version".to_owned(), path)),
        found if found > known => Err(Error::CatalogTooNew {
            found,
            known,
            path: path.to_owned(),
        }),
        version => Ok(version),
    }
}

fn quick_check(connection: &Connection, path: &Path) -> Result<()> {
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged_or_busy(error, path))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(damaged(said, path))
    }
}

/// A damaged file, or one that is busy or on a disk that cannot be read just now.
fn damaged_or_busy(error: rusqlite::Error, path: &Path) -> Error {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        // `Unknown`: a table or column is missing. None: a value is not of its type.
        Some(Code::NotADatabase | Code::DatabaseCorrupt | Code::Unknown) | None => {
            damaged(error.to_string(), path)
        }
        Some(_) => error.into(),
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

/// Runs the migrations that are missing.
fn run_migrations(connection: &Connection, done: usize) -> rusqlite::Result<()> {
    for statement in MIGRATIONS.iter().skip(done).copied().flatten() {
        connection.execute_batch(statement)?;
    }
    seals::create_triggers(connection)?;
    seals::delete_all(connection)
}

/// Brings a catalog to today's layout, in one transaction. References between tables are checked at its
/// end and not meanwhile: a migration may put a table in the place of another.
fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it meanwhile.
    let done: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    run_migrations(&transaction, done as usize).map_err(|error| match file::io_kind(&error) {
        // Statements that were tried on every version do not fit: it is not as its version says.
        None => damaged(error.to_string(), path),
        Some(_) => error.into(),
    })?;
    check::structure(&transaction).map_err(|fault| fault.of(path))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    if done < MIGRATIONS.len() as u32 {
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes an empty catalog as that version made it.
    pub(crate) fn of_version(path: &Path, version: usize) {
        let connection = Connection::open(path).unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        for statement in MIGRATIONS[..version].iter().copied().flatten() {
            connection.execute_batch(statement).unwrap();
        }
        connection
            .pragma_update(None, "user_version", version as u32)
            .unwrap();
        connection.close().unwrap();
    }

    pub(crate) fn known_versions() -> usize {
        MIGRATIONS.len()
    }

    #[test]
    fn catalogs_of_all_versions_are_brought_to_todays_layout() {
        let dir = tempfile::tempdir().unwrap();
        for version in 1..MIGRATIONS.len() {
            let path = dir.path().join(format!("{version}.sqlite"));
            of_version(&path, version);
            assert!(Catalog::is_older(&path, None).unwrap());
            let before = std::fs::read(&path).unwrap();
            Catalog::copy_of(&path, None).unwrap().check().unwrap();
            assert_eq!(
                std::fs::read(&path).unwrap(),
                before,
                "a copy changes nothing"
            );
            Catalog::open(&path).unwrap().check().unwrap();
        }
    }

    /// It was found out only by the backup before its migration, and taken for a full disk.
    #[test]
    fn a_damaged_catalog_of_an_older_version_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.sqlite");
        of_version(&path, 3);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4096..8192].fill(0x5A);
        std::fs::write(&path, bytes).unwrap();
        let error = Catalog::is_older(&path, None).unwrap_err();
        assert!(matches!(error, Error::CatalogDamaged { .. }), "{error}");
    }

    /// A catalog that another process used, or whose disk was pulled out, was called damaged.
    #[test]
    fn a_busy_or_unreadable_catalog_is_not_called_damaged() {
        let of = |code| {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            check::Fault::from(failure).of(Path::new("catalog.sqlite"))
        };
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_IOERR, ffi::SQLITE_FULL] {
            assert!(matches!(of(code), Error::Catalog { .. }), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            assert!(matches!(of(code), Error::CatalogDamaged { .. }), "{code}");
        }
    }

    /// Tables were compared with the seals of another moment.
    #[test]
    fn a_writer_beside_a_check_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.sqlite");
        let checked = Catalog::open(&path).unwrap();
        let mut written = Catalog::open(&path).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    let folder = PathBuf::from(format!("/home/anna/{number}"));
                    let add = |connection: &Connection| folders::add(connection, &folder);
                    written.transaction(add).unwrap();
                    written.seal().unwrap();
                    if done.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                }
            });
            let all: Result<Vec<()>> = (0..100).map(|_| checked.check()).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            all.unwrap();
        });
    }

    /// A seal of a table that was made anew, or that somebody else wrote, says nothing.
    #[test]
    fn only_a_row_that_changed_by_itself_breaks_a_seal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.sqlite");
        let mut catalog = Catalog::open(&path).unwrap();
        catalog
            .transaction(|connection| folders::add(connection, Path::new("/home/anna/Pictures")))
            .unwrap();
        catalog.seal().unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute("DELETE FROM folders", []).unwrap();
        catalog.check_seals().unwrap();
        for remade in [
            "DROP TABLE stacks; CREATE TABLE stacks (photo INTEGER PRIMARY KEY, stack INTEGER NOT NULL) STRICT",
            "INSERT INTO stacks VALUES (1, 2)",
        ] {
            other.execute_batch(remade).unwrap();
            catalog.check_seals().unwrap();
            catalog.seal().unwrap();
            catalog.check_seals().unwrap();
        }
        drop(other);
        catalog
            .transaction(|connection| folders::add(connection, Path::new("/home/anna/Pictures")))
            .unwrap();
        catalog.seal().unwrap();
        drop(catalog);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(4).position(|four| four == b"anna").unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let mut catalog = Catalog::open(&path).unwrap();
        let error = catalog.check_seals().unwrap_err();
        assert!(error.to_string().contains("table folders"), "{error}");
    }
}
