//! The folder of a library: its lock, its permissions, and what an interrupted restore left in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use crate::catalog::Catalog;
use crate::catalog::file::beside;
use crate::encryption::{BACKUPS, KEY_FILE, KeyFile};
use crate::{Error, Notice, ReadOnly, Result, private};

pub(super) const CATALOG: &str = "catalog.sqlite";
/// Held shared by everybody who has the library open, and alone by who replaces a damaged catalog.
const LOCK: &str = "library.lock";
/// Held by the process that reads photos, restores a backup, or deletes face data.
pub(super) const READING: &str = "reading.lock";
/// A whole catalog that is to take the place of a damaged one; who finds it finishes that.
const REPLACEMENT: &str = "catalog.replacement";
/// The key file that the library is to have, `null` for none: there while the catalog is written with another
/// key, and until what was written with the old one is deleted.
const NEW_KEY: &str = "encryption.new";
/// What is being restored, while it is.
const RESTORING: &str = "restoring.json";
/// An older Kith renamed catalogs, and left these when it was killed between two renames.
const OLDER_RESTORED: &str = "catalog.restored";
const OLDER_WITHOUT_FACES: &str = "catalog.without-faces";
const OLDER_BEFORE_RESTORE: &str = "catalog-before-restore.sqlite";
const OLDER_ASIDE: &str = "catalog.old";
/// The new one first, else the old one.
const LEFT_BY_OLDER: [&str; 4] = [
    OLDER_RESTORED,
    OLDER_WITHOUT_FACES,
    OLDER_BEFORE_RESTORE,
    OLDER_ASIDE,
];
/// Bytes that are written to see whether there is room: more than opening a catalog takes.
const PROBE_LEN: usize = 128 << 10;

/// All that Kith puts into the folder, for permissions.
const OURS: [&str; 9] = [
    KEY_FILE,
    CATALOG,
    "catalog.sqlite-wal",
    "catalog.sqlite-shm",
    LOCK,
    READING,
    "cache",
    "networks",
    BACKUPS,
];

/// Holds the library open; see [`LOCK`].
#[derive(Debug)]
pub(super) struct OpenLock {
    /// None on a disk that cannot be written: nobody replaces anything there.
    _file: Option<File>,
}

/// What a restore is about to do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Restoring {
    /// Of the log that is restored; see [`Catalog::log_fingerprint`].
    log: String,
}

/// Whether a folder has a library, sound or not: its catalog, or what is only beside one.
pub(super) fn is_library(folder: &Path) -> bool {
    let signs = [CATALOG, REPLACEMENT, KEY_FILE, BACKUPS, "networks"];
    signs.iter().any(|name| folder.join(name).exists()) || left_by_older(folder).is_some()
}

/// Makes the folder, and waits until nobody replaces its catalog.
pub(super) fn open(folder: &Path) -> Result<OpenLock> {
    let making = Error::io("Making the library's folder", folder);
    private::create_folders(folder).map_err(making)?;
    let path = folder.join(LOCK);
    let locking = |error| Error::io("Locking the library", &path)(error);
    let file = private::open(&path).map_err(locking)?;
    match file.lock_shared() {
        // Some shares know no locks.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => (),
        other => other.map_err(locking)?,
    }
    let is_interrupted = [REPLACEMENT, NEW_KEY];
    let is_interrupted = is_interrupted.iter().any(|name| folder.join(name).exists());
    if is_interrupted || left_by_older(folder).is_some() {
        file.unlock().map_err(locking)?;
        file.lock().map_err(locking)?;
        finish(folder)?;
        file.unlock().map_err(locking)?;
        file.lock_shared().map_err(locking)?;
    }
    Ok(OpenLock { _file: Some(file) })
}

/// The lock of a library that cannot be written.
pub(super) fn open_read_only(folder: &Path) -> OpenLock {
    let file = File::open(folder.join(LOCK)).ok();
    OpenLock {
        _file: file.filter(|file| file.try_lock_shared().is_ok()),
    }
}

/// Holds the library alone, to replace its catalog.
///
/// # Errors
/// [`Error::InUse`] when somebody has it open.
pub(super) fn lock_alone(folder: &Path) -> Result<OpenLock> {
    let path = folder.join(LOCK);
    let file = private::open(&path).map_err(Error::io("Locking the library", &path))?;
    let in_use = || Error::InUse {
        path: folder.to_owned(),
    };
    match file.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => (),
        Err(TryLockError::Error(error)) => {
            return Err(Error::io("Locking the library", &path)(error));
        }
    }
    if is_open_elsewhere(&folder.join(CATALOG)) {
        return Err(in_use());
    }
    Ok(OpenLock { _file: Some(file) })
}

/// Whether another process has the file open through `SQLite`, an older Kith for one: `SQLite` holds a
/// lock on these bytes then.
#[cfg(target_os = "linux")]
fn is_open_elsewhere(catalog: &Path) -> bool {
    use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
    /// `PENDING_BYTE` of `SQLite`, and the bytes after it.
    const FIRST: u64 = 0x4000_0000;
    const BYTES: u64 = 512;
    let Ok(file) = File::open(catalog) else {
        return false;
    };
    let whole = Flock {
        start: FIRST,
        length: BYTES,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    fcntl_getlk(&file, &whole).is_ok_and(|held| held.is_some())
}

#[cfg(not(target_os = "linux"))]
fn is_open_elsewhere(_catalog: &Path) -> bool {
    false
}

/// What an older Kith left of a library whose catalog is not there.
fn left_by_older(folder: &Path) -> Option<PathBuf> {
    if folder.join(CATALOG).exists() {
        return None;
    }
    let left = LEFT_BY_OLDER.iter().map(|name| folder.join(name));
    left.into_iter().find(|file| {
        let copy = Catalog::copy_of(file, None);
        copy.is_ok_and(|copy| copy.check().is_ok())
    })
}

/// Finishes what was interrupted. Nobody else has the library open.
fn finish(folder: &Path) -> Result<()> {
    let catalog = folder.join(CATALOG);
    if folder.join(NEW_KEY).exists() {
        return finish_new_key(folder);
    }
    if folder.join(REPLACEMENT).exists() {
        return put_in_place(folder);
    }
    let Some(left) = left_by_older(folder) else {
        return Ok(());
    };
    // A log beside the missing catalog is that of the one that was renamed.
    let finishing = |error| Error::io("Finishing a restore", &left)(error);
    let log = beside(&catalog, "-wal");
    let is = |name: &str| left.ends_with(name);
    if is(OLDER_RESTORED) && log.exists() {
        let old = folder.join(OLDER_BEFORE_RESTORE);
        fs::rename(&log, beside(&old, "-wal")).map_err(finishing)?;
    }
    if is(OLDER_WITHOUT_FACES) {
        private::remove_if_there(&log).map_err(finishing)?;
        private::remove_if_there(&folder.join(OLDER_ASIDE)).map_err(finishing)?;
    }
    private::remove_if_there(&beside(&catalog, "-shm")).map_err(finishing)?;
    let renamed = fs::rename(&left, &catalog).and_then(|()| private::sync_folder(folder));
    renamed.map_err(finishing)
}

/// Begins to put a whole catalog, whose file is in the same folder, in the place of a damaged or missing
/// one, and does it. From the first rename on it is finished at the next opening, whatever happens.
pub(super) fn replace(folder: &Path, whole: TempPath) -> Result<()> {
    begin_to_replace(folder, whole)?;
    put_in_place(folder)
}

fn begin_to_replace(folder: &Path, whole: TempPath) -> Result<()> {
    let replacement = folder.join(REPLACEMENT);
    let renamed = whole.persist(&replacement).map_err(|error| error.error);
    let renamed = renamed.and_then(|()| private::sync_folder(folder));
    renamed.map_err(Error::io("Replacing the catalog", &replacement))
}

/// The thumbnails as they are to be after the key changed, while it does.
pub(super) fn new_thumbnails(folder: &Path) -> PathBuf {
    folder.join("cache/thumbnails.new")
}

/// The key file of a library, as it is once a change of the key that was decided is finished.
///
/// # Errors
/// [`Error::KeyFile`], [`Error::Io`].
pub(super) fn key_file(folder: &Path) -> Result<Option<KeyFile>> {
    if is_new_key_decided(folder) {
        new_key(folder)
    } else {
        KeyFile::of_library(folder)
    }
}

/// The catalog that belongs to [`key_file`].
pub(super) fn catalog(folder: &Path) -> PathBuf {
    folder.join(if is_new_key_decided(folder) {
        REPLACEMENT
    } else {
        CATALOG
    })
}

/// Whether a change of the key was decided and is to be finished.
pub(super) fn is_new_key_decided(folder: &Path) -> bool {
    folder.join(REPLACEMENT).exists() && folder.join(NEW_KEY).exists()
}

fn new_key(folder: &Path) -> Result<Option<KeyFile>> {
    let path = folder.join(NEW_KEY);
    let text = fs::read(&path).map_err(Error::io("Reading the key file", &path))?;
    serde_json::from_slice(&text).map_err(|_| Error::KeyFile { path })
}

/// Replaces the catalog by one with another key, or none, and with it the key file and the thumbnails; what
/// else was written with the old key, or without, is deleted. `whole` writes [`new_thumbnails`] and the draft
/// of the catalog. From the moment on when that has its whole name the change is finished at the next opening,
/// before that it is undone. The caller holds the library alone.
pub(super) fn change_key(
    folder: &Path,
    key_file: Option<&KeyFile>,
    whole: impl FnOnce() -> Result<TempPath>,
) -> Result<()> {
    let path = folder.join(NEW_KEY);
    let writing = |error| Error::io("Writing the key file", &path)(error);
    let text = serde_json::to_vec(&key_file).map_err(|error| writing(error.into()))?;
    private::write_synced(&path, &text).map_err(writing)?;
    let begun = whole().and_then(|draft| begin_to_replace(folder, draft));
    if let Err(error) = begun {
        if !folder.join(REPLACEMENT).exists() {
            undo_new_key(folder)?;
        }
        return Err(error);
    }
    finish_new_key(folder)
}

fn finish_new_key(folder: &Path) -> Result<()> {
    let catalog = folder.join(CATALOG);
    let finishing = |error| Error::io("Changing the key of the library", &catalog)(error);
    let (replacement, thumbnails) = (folder.join(REPLACEMENT), new_thumbnails(folder));
    let is_decided = replacement.exists();
    let key_file = match new_key(folder) {
        Err(Error::KeyFile { .. }) if !is_decided => return undo_new_key(folder),
        other => other?,
    };
    // A kill came before the new catalog was whole.
    if !is_decided && KeyFile::of_library(folder)? != key_file {
        return undo_new_key(folder);
    }
    write_key_file(folder, key_file.as_ref())?;
    if is_decided {
        // They are the old one's; all that was in them is in the new one.
        for suffix in ["-wal", "-shm", "-journal"] {
            private::remove_if_there(&beside(&catalog, suffix)).map_err(finishing)?;
        }
        let renamed = fs::rename(&replacement, &catalog);
        renamed
            .and_then(|()| private::sync_folder(folder))
            .map_err(finishing)?;
    }
    super::backups::remove_all(folder)?;
    remove_older_catalogs(folder)?;
    remove_drafts(folder, private::Drafts::All)?;
    super::keeping::remove_folder_if_there(&folder.join("cache/index"))?;
    if thumbnails.exists() {
        let old = folder.join("cache/thumbnails");
        super::keeping::remove_folder_if_there(&old)?;
        fs::rename(&thumbnails, &old).map_err(finishing)?;
    }
    // Were it there again after a power loss, later backups would be deleted.
    private::remove_if_there(&folder.join(NEW_KEY))
        .and_then(|()| private::sync_folder(folder))
        .map_err(finishing)
}

/// The library is as it was before its key was to be changed.
fn undo_new_key(folder: &Path) -> Result<()> {
    super::keeping::remove_folder_if_there(&new_thumbnails(folder))?;
    remove_drafts(folder, private::Drafts::All)?;
    let path = folder.join(NEW_KEY);
    private::remove_if_there(&path).map_err(Error::io("Deleting the key file", &path))
}

/// Writes the key file, after its copy, or deletes both where the library is not encrypted. What is so already
/// is not written: it needs no room on a full disk.
pub(super) fn write_key_file(folder: &Path, key_file: Option<&KeyFile>) -> Result<()> {
    for path in key_files(folder) {
        let writing = |error| Error::io("Writing the key file", &path)(error);
        match key_file {
            Some(key_file) if !is_at(key_file, &path) => {
                private::create_folders(path.parent().unwrap_or(folder)).map_err(writing)?;
                private::write_synced(&path, &key_file.to_bytes()).map_err(writing)?;
            }
            Some(_) => (),
            None => private::remove_if_there(&path).map_err(writing)?,
        }
    }
    Ok(())
}

/// The copy of the key file, and the key file.
fn key_files(folder: &Path) -> [PathBuf; 2] {
    [folder.join(BACKUPS), folder.to_owned()].map(|place| place.join(KEY_FILE))
}

fn is_at(key_file: &KeyFile, path: &Path) -> bool {
    KeyFile::read(path).is_ok_and(|found| found.as_ref() == Some(key_file))
}

/// Writes the key file of an encrypted library again where it is damaged or lost, and its copy where that is
/// another.
pub(super) fn repair_key_file(folder: &Path) -> Result<()> {
    let sound = |key_file: &KeyFile| {
        let files = key_files(folder);
        files.iter().all(|path| is_at(key_file, path))
    };
    let found = KeyFile::of_library(folder)?;
    if found.as_ref().is_none_or(sound) {
        return Ok(());
    }
    // Another process may be changing the passphrase.
    let Some(_reading) = try_lock_reading(folder)? else {
        return Ok(());
    };
    match KeyFile::of_library(folder)? {
        Some(key_file) => write_key_file(folder, Some(&key_file)),
        None => Ok(()),
    }
}

/// Deletes the catalogs that an older Kith put aside.
pub(super) fn remove_older_catalogs(folder: &Path) -> Result<()> {
    for name in LEFT_BY_OLDER {
        for suffix in ["", "-wal", "-shm"] {
            let file = beside(&folder.join(name), suffix);
            private::remove_if_there(&file).map_err(Error::io("Deleting an old catalog", &file))?;
        }
    }
    Ok(())
}

/// The log goes first: beside another catalog it would be taken for that one's.
fn put_in_place(folder: &Path) -> Result<()> {
    let catalog = folder.join(CATALOG);
    let replacing = |error| Error::io("Replacing the catalog", &catalog)(error);
    if catalog.exists() || beside(&catalog, "-wal").exists() {
        let aside = super::backups::next(folder, crate::BackupReason::Damaged)?;
        for suffix in ["-wal", ""] {
            let from = beside(&catalog, suffix);
            if from.exists() {
                fs::rename(&from, beside(&aside, suffix)).map_err(replacing)?;
            }
        }
    }
    private::remove_if_there(&beside(&catalog, "-shm")).map_err(replacing)?;
    fs::rename(folder.join(REPLACEMENT), &catalog).map_err(replacing)?;
    private::sync_folder(folder).map_err(replacing)
}

/// Notes that a restore begins, so that the next opening can tell what became of it.
pub(super) fn restore_begins(folder: &Path, restored: &Catalog) -> Result<()> {
    let path = folder.join(RESTORING);
    let writing = |error| Error::io("Noting the restore", &path)(error);
    let note = Restoring {
        log: restored.log_fingerprint()?,
    };
    let text = serde_json::to_vec(&note).map_err(|error| writing(error.into()))?;
    private::write_synced(&path, &text).map_err(writing)
}

pub(super) fn restore_ended(folder: &Path) -> Result<()> {
    let path = folder.join(RESTORING);
    private::remove_if_there(&path).map_err(Error::io("Noting the restore", &path))
}

/// What became of a restore that was interrupted, if one was.
pub(super) fn interrupted_restore(folder: &Path, catalog: &Catalog) -> Result<Option<Notice>> {
    let path = folder.join(RESTORING);
    if !path.exists() {
        return Ok(None);
    }
    // One that goes on just now holds this lock.
    let Some(_reading) = try_lock_reading(folder)? else {
        return Ok(None);
    };
    let bytes = fs::read(&path).map_err(Error::io("Reading the note of a restore", &path))?;
    let note: Option<Restoring> = serde_json::from_slice(&bytes).ok();
    let log = catalog.log_fingerprint()?;
    restore_ended(folder)?;
    Ok(Some(if note.is_some_and(|note| note.log == log) {
        Notice::RestoreFinished
    } else {
        Notice::RestoreUndone
    }))
}

/// Takes the library's files from everybody but their owner, and the folder where nothing else is in it,
/// as far as the system allows it. Deletes old drafts.
pub(super) fn close_to_others(folder: &Path) -> Result<()> {
    let closing = |error| Error::io("Protecting the library's files", folder)(error);
    let close = |path: &Path| match private::close_to_others(path) {
        // The file is another user's, or its file system (FAT, shares) knows no permissions.
        Err(error) if is_refused(&error) => Ok(()),
        other => other.map_err(closing),
    };
    for name in OURS.iter().chain(&LEFT_BY_OLDER) {
        close(&folder.join(name))?;
    }
    let entries = fs::read_dir(folder).map_err(closing)?;
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let is_ours = |name: std::ffi::OsString| OURS.iter().any(|ours| *ours == name);
    if names.all(is_ours) {
        close(folder)?;
    }
    match remove_drafts(folder, private::Drafts::Old) {
        // It is tried again at the next opening.
        Err(Error::Io { source, .. }) if is_refused(&source) => Ok(()),
        other => other,
    }
}

fn is_refused(error: &io::Error) -> bool {
    let refused = [io::ErrorKind::PermissionDenied, io::ErrorKind::Unsupported];
    refused.contains(&error.kind())
}

/// Deletes drafts in all folders of the library.
pub(super) fn remove_drafts(folder: &Path, which: private::Drafts) -> Result<()> {
    for inside in ["", "cache/thumbnails", "cache/index", BACKUPS, "networks"] {
        let inside = folder.join(inside);
        if inside.is_dir() {
            private::remove_drafts(&inside, which)
                .map_err(Error::io("Deleting drafts", &inside))?;
        }
    }
    Ok(())
}

/// The lock of who reads photos; none where another process has it. The system lets go of it when the
/// process is killed.
pub(super) fn try_lock_reading(folder: &Path) -> Result<Option<File>> {
    let path = folder.join(READING);
    let locking = |error| Error::io("Locking the library", &path)(error);
    let lock = private::open(&path).map_err(locking)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some shares know no locks.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(Some(lock))
        }
        Err(TryLockError::Error(error)) => Err(locking(error)),
    }
}

/// Whether a process reads photos, or does what else nobody may do meanwhile.
pub(super) fn is_being_read(folder: &Path) -> bool {
    // Given back at once.
    !matches!(try_lock_reading(folder), Ok(Some(_)))
}

/// Why a library that could not be opened for writing can still be read; none where it cannot, or
/// where something else is wrong.
pub(super) fn why_read_only(folder: &Path, error: &Error) -> Option<ReadOnly> {
    let may_be = match error {
        Error::Io { .. } => true,
        Error::Catalog { source } => crate::catalog::file::io_kind(source).is_some(),
        _ => false,
    };
    if !may_be || !folder.join(CATALOG).exists() {
        return None;
    }
    let probe = || -> io::Result<()> {
        let draft = private::draft_in(folder)?;
        fs::write(&draft, vec![0xA5; PROBE_LEN])?;
        File::open(&draft)?.sync_all()?;
        // Who may write the folder may yet not write the file.
        let catalog = folder.join(CATALOG);
        #[cfg(target_os = "linux")]
        rustix::fs::access(&catalog, rustix::fs::Access::WRITE_OK)?;
        #[cfg(not(target_os = "linux"))]
        if fs::metadata(&catalog)?.permissions().readonly() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    };
    match probe() {
        Ok(()) => match error {
            Error::Io { source, .. } => of_kind(source.kind()),
            Error::Catalog { source } => of_kind(crate::catalog::file::io_kind(source)?),
            _ => None,
        },
        Err(error) => of_kind(error.kind()),
    }
}

fn of_kind(kind: io::ErrorKind) -> Option<ReadOnly> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(ReadOnly::Full),
        io::ErrorKind::ReadOnlyFilesystem => Some(ReadOnly::Disk),
        io::ErrorKind::PermissionDenied => Some(ReadOnly::Permission),
        _ => None,
    }
}
