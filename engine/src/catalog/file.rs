//! Opens, copies and writes catalog files: always as paths, whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, ffi, params};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::encryption::DataKey;
use crate::{Error, Result, private};

/// How long a write waits for another process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// First bytes of every `SQLite` file.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Length of the header of an `SQLite` file: <https://www.sqlite.org/fileformat.html#the_database_header>.
const HEADER_LEN: usize = 100;
/// Where the header says how the file is written (1: rollback journal, 2: write-ahead log).
const WRITE_VERSION_AT: usize = 18;
/// Where the header has the application's number, big endian.
const APPLICATION_ID_AT: usize = 68;
/// The largest catalog that is copied: a hundred times what 100,000 photos take.
const LARGEST: u64 = 16 << 30;

/// The name of a copy in a folder of its own.
const COPY: &str = "catalog.sqlite";

/// Whether a file may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Opens an existing file. The path must be absolute: `SQLite` takes a name that begins with `file:`
/// for an address with options. `key` is that of an encrypted file.
pub(super) fn connect(path: &Path, access: Access, key: Option<&DataKey>) -> Result<Connection> {
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    unlock(&connection, key)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn unlock(connection: &Connection, key: Option<&DataKey>) -> Result<()> {
    match key {
        Some(key) => Ok(connection.execute_batch(&key.pragma())?),
        None => Ok(()),
    }
}

/// An empty database in memory. `SQLCipher` copies pages between two that both have a key, or both none.
pub(super) fn memory(key: Option<&DataKey>) -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    unlock(&connection, key)?;
    Ok(connection)
}

/// The path from the root on.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(Error::io("Finding the catalog", path))
}

/// The name of a file that `SQLite` keeps beside a catalog: its `-wal` or `-shm`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Bytes of a file; 0 where there is none.
fn len_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// The first bytes of an `SQLite` file; none where it is no such file. Not for a file that this process
/// has open through `SQLite`: closing it here would release the locks that `SQLite` holds (POSIX).
fn header(path: &Path) -> io::Result<Option<[u8; HEADER_LEN]>> {
    let mut bytes = [0; HEADER_LEN];
    match File::open(path)?.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes.starts_with(SQLITE_MAGIC).then_some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file begins as a catalog does. Not for one that this process has open; see [`header`].
///
/// # Errors
/// What the system says when it cannot be read.
pub(crate) fn looks_like_catalog(path: &Path) -> io::Result<bool> {
    let id = super::APPLICATION_ID.to_be_bytes();
    let is_ours = |header: [u8; HEADER_LEN]| header[APPLICATION_ID_AT..].starts_with(&id);
    Ok(header(path)?.is_some_and(is_ours))
}

/// Whether a file that is no plain database may be an encrypted one: that looks like random bytes. Not for one
/// that this process has open; see [`header`].
pub(crate) fn may_be_encrypted(path: &Path) -> bool {
    /// The smallest page of a database.
    const SMALLEST: u64 = 512;
    len_of(path) >= SMALLEST && matches!(header(path), Ok(None))
}

/// Copies a file into memory, without writing anything beside it: also from a disk that is full or
/// cannot be written.
pub(super) fn copy_into_memory(path: &Path, key: Option<&DataKey>) -> Result<Connection> {
    let reading = Error::io("Reading the catalog", path);
    let metadata = fs::metadata(path).map_err(reading)?;
    let refused = |reason: &str| Error::CatalogDamaged {
        reason: reason.to_owned(),
        path: path.to_owned(),
    };
    if !metadata.is_file() {
        return Err(refused("it is not a file"));
    }
    if metadata.len() > LARGEST {
        return Err(refused("it is larger than any catalog"));
    }
    let (wal, shm) = (beside(path, "-wal"), beside(path, "-shm"));
    if len_of(&wal) > LARGEST {
        return Err(refused("its log is larger than any catalog"));
    }
    // Where there is a shared index, another process may have it open: `SQLite`'s locks are needed.
    if shm.exists() {
        let copied = connect(path, Access::Read, key).and_then(|source| in_memory(&source, key));
        return match copied {
            Err(Error::Catalog { source }) if io_kind(&source).is_some() => {
                copy_with_log(path, key)
            }
            copied => copied,
        };
    }
    if metadata.len() == 0 {
        return Err(refused("it is empty"));
    }
    // That of an encrypted file is encrypted, too.
    if key.is_none() {
        let header = header(path).map_err(Error::io("Reading the catalog", path))?;
        let header = header.ok_or_else(|| refused("it is not a catalog of Kith"))?;
        if header[WRITE_VERSION_AT] == 1 {
            return in_memory(&connect(path, Access::Read, None)?, None);
        }
    }
    if len_of(&wal) > 0 {
        return copy_with_log(path, key);
    }
    // Nobody has it open. To read it, `SQLite` would make its index beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(path), flags)?;
    unlock(&connection, key)?;
    in_memory(&connection, key)
}

/// The same of a file that was left with its write-ahead log, by a copy of both.
fn copy_with_log(path: &Path, key: Option<&DataKey>) -> Result<Connection> {
    let (copy, _folder) = private_copy(path, key)?;
    in_memory(&copy, key)
}

/// Copies a catalog that nobody has open, with its write-ahead log, to a temporary folder, and opens it
/// there.
pub(super) fn private_copy(path: &Path, key: Option<&DataKey>) -> Result<(Connection, TempDir)> {
    let copied = |folder: TempDir| -> Result<(Connection, TempDir)> {
        let copy = folder.path().join(COPY);
        for suffix in ["", "-wal"] {
            let from = beside(path, suffix);
            if from.exists() {
                fs::copy(&from, beside(&copy, suffix))
                    .map_err(Error::io("Reading the catalog", &from))?;
            }
        }
        private::make_writable(folder.path())
            .map_err(Error::io("Reading the catalog", folder.path()))?;
        Ok((open_private_copy(&folder, key)?, folder))
    };
    let making = || Error::io("Making room to read the catalog", path);
    match tempfile::tempdir().map_err(making()).and_then(copied) {
        // The usual place may be on the same full disk.
        Err(_) if Path::new("/dev/shm").is_dir() => {
            copied(tempfile::tempdir_in("/dev/shm").map_err(making())?)
        }
        other => other,
    }
}

/// Opens what [`private_copy`] copied once more.
pub(super) fn open_private_copy(folder: &TempDir, key: Option<&DataKey>) -> Result<Connection> {
    connect(&folder.path().join(COPY), Access::Write, key)
}

/// The address under which `SQLite` reads a file that nobody changes, without locks or further files.
fn immutable(path: &Path) -> OsString {
    let mut address = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                address.push(char::from(*byte));
            }
            byte => address.extend([format!("%{byte:02X}")]),
        }
    }
    address.push_str("?immutable=1");
    address.into()
}

fn in_memory(source: &Connection, key: Option<&DataKey>) -> Result<Connection> {
    let mut copy = memory(key)?;
    step(&Backup::new(source, &mut copy)?, -1)?;
    Ok(copy)
}

/// Copies so many pages, all with -1.
pub(super) fn step(backup: &Backup<'_, '_>, pages: i32) -> Result<()> {
    match backup.step(pages)? {
        StepResult::Busy | StepResult::Locked => {
            let busy = ffi::Error::new(ffi::SQLITE_BUSY);
            Err(rusqlite::Error::SqliteFailure(busy, None).into())
        }
        _ => Ok(()),
    }
}

/// A path as `SQLite` takes it in a statement: any bytes.
struct PathText<'a>(&'a Path);

impl ToSql for PathText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = self.0.as_os_str().as_encoded_bytes();
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(bytes)))
    }
}

/// What there may be at the name of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and writing fails.
    Keep,
}

/// Writes a copy of a catalog into a file of its own, without unused pages: under a fresh name beside
/// it first, synced, then renamed. It has the catalog's key, if that has one.
///
/// # Errors
/// [`Error::Io`] and [`Error::Catalog`] when it cannot be written; no draft is left then.
pub(crate) fn write_copy(connection: &Connection, file: &Path, existing: Existing) -> Result<()> {
    write_copy_with(connection, file, existing, &[])
}

/// The same with some bytes behind it.
pub(super) fn write_copy_with(
    connection: &Connection,
    file: &Path,
    existing: Existing,
    trailer: &[u8],
) -> Result<()> {
    let writing = |error: io::Error| Error::io("Writing the copy of the catalog", file)(error);
    let file = absolute(file)?;
    let folder = file.parent().unwrap_or(&file);
    let draft = private::draft_in(folder).map_err(writing)?;
    let sql = "VACUUM INTO ?1";
    if let Err(error) = connection.execute(sql, [PathText(&draft)]) {
        return Err(match io_kind(&error) {
            Some(kind) => writing(io::Error::new(kind, error)),
            None => error.into(),
        });
    }
    let appended = OpenOptions::new().append(true).open(&draft);
    let appended = appended.and_then(|mut file| {
        file.write_all(trailer)?;
        file.sync_all()
    });
    appended.map_err(writing)?;
    let placed = match existing {
        Existing::Replace => draft.persist(&file),
        Existing::Keep => draft.persist_noclobber(&file),
    };
    placed.map_err(|error| writing(error.error))?;
    private::sync_folder(folder).map_err(writing)
}

/// Writes a catalog into an empty file, which gets another key, or none. Row by row, as pages cannot be
/// copied then.
///
/// # Errors
/// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
pub(super) fn write_with_key(
    connection: &Connection,
    file: &Path,
    key: Option<&DataKey>,
) -> Result<()> {
    let number =
        |sql: &str| -> rusqlite::Result<i64> { connection.query_row(sql, [], |row| row.get(0)) };
    let checks_references = number("PRAGMA foreign_keys")?;
    // Tables are filled in any order.
    connection.pragma_update(None, "foreign_keys", false)?;
    let raw = key.map_or_else(Zeroizing::default, DataKey::raw);
    let export = || -> rusqlite::Result<()> {
        connection.execute(
            "ATTACH DATABASE ?1 AS target KEY ?2",
            params![PathText(file), *raw],
        )?;
        // A kill leaves a draft that nobody reads, and no journal of it.
        let exported = connection.execute_batch("PRAGMA target.journal_mode = OFF");
        let exported = exported.and_then(|()| {
            connection.query_row("SELECT sqlcipher_export('target')", [], |_| Ok(()))?;
            for pragma in ["application_id", "user_version"] {
                let value = number(&format!("PRAGMA main.{pragma}"))?;
                connection.execute_batch(&format!("PRAGMA target.{pragma} = {value}"))?;
            }
            Ok(())
        });
        exported.and(connection.execute_batch("DETACH DATABASE target"))
    };
    let exported = export();
    connection.pragma_update(None, "foreign_keys", checks_references)?;
    if let Err(error) = exported {
        return Err(match io_kind(&error) {
            Some(kind) => Error::io("Writing the catalog", file)(io::Error::new(kind, error)),
            None => error.into(),
        });
    }
    let synced = File::open(file).and_then(|file| file.sync_all());
    synced.map_err(Error::io("Writing the catalog", file))
}

/// The system's word for what `SQLite` says of a disk.
pub(crate) fn io_kind(error: &rusqlite::Error) -> Option<io::ErrorKind> {
    match error.sqlite_error_code()? {
        rusqlite::ErrorCode::DiskFull => Some(io::ErrorKind::StorageFull),
        rusqlite::ErrorCode::ReadOnly => Some(io::ErrorKind::ReadOnlyFilesystem),
        rusqlite::ErrorCode::PermissionDenied => Some(io::ErrorKind::PermissionDenied),
        rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::SystemIoFailure => {
            Some(io::ErrorKind::Other)
        }
        _ => None,
    }
}
