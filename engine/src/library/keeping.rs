//! Backs up and restores the catalog, and says how much room the library takes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Library;
use super::backups;
use super::folder::{self, CATALOG};
use crate::catalog::Catalog;
use crate::catalog::file::{Existing, looks_like_catalog, write_copy};
use crate::people::Groups;
use crate::{BackupReason, Error, Notice, Result, Storage, private};

/// How often, and with which pause, the lock of who reads photos is asked for.
const READING_TRIES: u32 = 11;
const READING_PAUSE: Duration = Duration::from_millis(10);

impl Library {
    /// Where the library is, and how much room it takes.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub fn storage(&self) -> Result<Storage> {
        let cache = self.folder.join("cache");
        Ok(Storage {
            folder: self.folder.display().to_string(),
            catalog_kb: kilobytes(fs::metadata(self.catalog_path()).map_or(0, |file| file.len())),
            cache_kb: kilobytes(
                size_of(&cache).map_err(Error::io("Looking at the cache", &cache))?,
            ),
        })
    }

    /// Writes everything that Kith knows into one file: what was found, and all that was decided.
    /// The photos themselves are not in it. An older backup of that name is replaced once the new one
    /// is whole; any other file stays.
    ///
    /// # Errors
    /// [`Error::FileInTheWay`] when there is a file that is no backup, [`Error::Io`] and
    /// [`Error::Catalog`] when it cannot be written.
    pub fn backup(&self, file: &Path) -> Result<()> {
        // A link stays one.
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        if let Ok(metadata) = fs::metadata(&file) {
            let in_the_way = || Error::FileInTheWay { path: file.clone() };
            // A catalog that is in use looks like a backup.
            let is_in_use = file.file_name().is_some_and(|name| name == CATALOG);
            if !metadata.is_file() || is_in_use {
                return Err(in_the_way());
            }
            let is_ours = metadata.len() == 0
                || looks_like_catalog(&file).map_err(Error::io("Looking at the file", &file))?;
            if !is_ours {
                return Err(in_the_way());
            }
        }
        let mut catalog = self.catalog();
        catalog.try_seal();
        catalog.copy_to(&file, Existing::Replace)
    }

    /// Takes a backup in the place of what the library holds now, of which a copy is kept among
    /// [`backups`](Self::backups). The backup is opened and checked first, with every row and who is who.
    /// One step: a kill leaves the library as it was. Others who have it open go on with what was restored.
    /// Photos that moved since are found again by the next look through the folders.
    ///
    /// # Errors
    /// [`Error::NoBackup`] and [`Error::CatalogTooNew`] when it is none that this Kith can read,
    /// [`Error::Busy`] while photos are read, [`Error::ReadOnly`]; nothing is changed then. [`Error::Io`]
    /// and [`Error::Catalog`] when the disk does not let us.
    pub fn restore(&self, file: &Path) -> Result<()> {
        let _reading = self.lock_reading()?;
        // Another catalog may mean another map by the same number.
        self.forget_finder();
        let mut groups = self.groups();
        let checked = checked_backup(file, &self.folder, &mut groups);
        groups.forget();
        let backup = checked?;
        let mut catalog = self.catalog();
        *self.kept_rows() = None;
        folder::restore_begins(&self.folder, &backup)?;
        let keep = |old: &rusqlite::Connection| {
            backups::keep(&self.folder, old, BackupReason::BeforeRestore).map(drop)
        };
        let restored = catalog.overwrite_with(&backup, keep);
        folder::restore_ended(&self.folder)?;
        restored?;
        keep_restored(&self.folder, &backup);
        Ok(())
    }

    /// Opens the library in `dir` and restores a backup; where its catalog is damaged, missing, or of a
    /// newer Kith, that file is set aside among [`backups`](Self::backups_of) first.
    ///
    /// # Errors
    /// As [`restore`](Self::restore), and [`Error::InUse`] when somebody has the library open.
    pub fn restore_into(dir: &Path, file: &Path) -> Result<Self> {
        match Self::open(dir) {
            Ok(library) => {
                library.restore(file)?;
                Ok(library)
            }
            Err(Error::CatalogDamaged { .. } | Error::CatalogTooNew { .. }) => {
                let mut groups = Groups::of(&dir.join("cache/index"));
                let backup = checked_backup(file, dir, &mut groups)?;
                put_in_place(dir, &backup)?;
                keep_restored(dir, &backup);
                Self::open(dir)
            }
            Err(error) => Err(error),
        }
    }

    /// What was done when the library was opened that its user should know of.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Keeps anybody from reading photos into the library until it is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has the lock, [`Error::ReadOnly`], [`Error::Io`].
    pub(super) fn lock_reading(&self) -> Result<File> {
        self.check_writable()?;
        self.wait_for_reading()
    }

    /// The same for a library that is known to be writable.
    pub(super) fn wait_for_reading(&self) -> Result<File> {
        for _ in 0..READING_TRIES {
            if let Some(lock) = folder::try_lock_reading(&self.folder)? {
                return Ok(lock);
            }
            // Who opens the library holds it for a moment.
            std::thread::sleep(READING_PAUSE);
        }
        Err(Error::Busy)
    }

    /// Seals the catalog, so that the next opening notices a row that changed by itself: when the library is
    /// closed, also by a program that ends without dropping it. Best effort: a catalog without seals is as
    /// good, and the next opening seals it. Not while photos are read, as their tables change all the time.
    pub fn seal(&self) {
        if self.read_only().is_none() && !folder::is_being_read(&self.folder) {
            self.catalog().try_seal();
        }
    }

    /// Deletes the neighbour index, which is a cache.
    pub(super) fn remove_index(&self) -> Result<()> {
        remove_folder_if_there(&self.folder.join("cache/index"))
    }

    pub(super) fn catalog_path(&self) -> PathBuf {
        self.folder.join(CATALOG)
    }
}

/// A backup in memory, brought to today's layout and found to be a sound library.
fn checked_backup(file: &Path, library: &Path, groups: &mut Groups) -> Result<Catalog> {
    let no_backup = |reason: String| Error::NoBackup {
        reason,
        path: file.to_owned(),
    };
    let found = fs::metadata(file).map_err(|error| no_backup(error.to_string()))?;
    if is_same_file(&found, &library.join(CATALOG)) {
        return Err(no_backup("it is the library's own catalog".to_owned()));
    }
    let mut checked = || -> Result<Catalog> {
        let mut backup = Catalog::copy_of(file)?;
        backup.check()?;
        // Not from what the backup says: people follow from faces and decisions.
        backup.transaction(|connection| groups.derive_again(connection))?;
        backup.seal()?;
        Ok(backup)
    };
    checked().map_err(|error| match error {
        Error::CatalogDamaged { reason, .. } => no_backup(reason),
        Error::Catalog { source } => no_backup(source.to_string()),
        Error::Io { source, .. } => no_backup(source.to_string()),
        Error::CatalogTooNew { found, known, .. } => Error::CatalogTooNew {
            found,
            known,
            path: file.to_owned(),
        },
        other => other,
    })
}

#[cfg(unix)]
fn is_same_file(file: &fs::Metadata, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(other).is_ok_and(|other| (file.dev(), file.ino()) == (other.dev(), other.ino()))
}

#[cfg(not(unix))]
fn is_same_file(_file: &fs::Metadata, _other: &Path) -> bool {
    false
}

/// Keeps what was restored as the copy of the day, so that a repair goes by it and not by what was left. Best
/// effort: the restore itself is done.
fn keep_restored(dir: &Path, restored: &Catalog) {
    let _ = backups::keep(dir, restored.connection(), BackupReason::Daily);
}

/// Puts a sound catalog in the place of one that cannot be opened.
pub(super) fn put_in_place(dir: &Path, sound: &Catalog) -> Result<()> {
    let _alone = folder::lock_alone(dir)?;
    let draft = private::draft_in(dir).map_err(Error::io("Writing the catalog", dir))?;
    write_copy(sound.connection(), &draft, Existing::Replace)?;
    folder::replace(dir, draft)
}

pub(super) fn kilobytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1000)).unwrap_or(u32::MAX)
}

pub(super) fn remove_if_there(file: &Path) -> Result<()> {
    private::remove_if_there(file).map_err(Error::io("Deleting an old file", file))
}

/// Deletes a folder with all that is in it; nothing happens when there is none.
pub(super) fn remove_folder_if_there(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("Deleting a cache of faces", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Bytes of all files below a folder; 0 where there is none.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += size_of(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
