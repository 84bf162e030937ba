//! Backs up and restores the catalog, and says how much room the library takes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Library;
use super::backups;
use super::encryption::{needed, unlocked};
use super::folder::{self, CATALOG};
use crate::catalog::Catalog;
use crate::catalog::file::{Existing, looks_like_catalog, write_copy};
use crate::encryption::{DataKey, KeyFile};
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
            encrypted: self.is_encrypted(),
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
            let is_backup = looks_like_catalog(&file)
                .and_then(|is| Ok(is || KeyFile::behind_catalog(&file)?.is_some()));
            let is_backup = is_backup.map_err(Error::io("Looking at the file", &file))?;
            if metadata.len() > 0 && !is_backup {
                return Err(in_the_way());
            }
        }
        let mut catalog = self.catalog();
        catalog.try_seal();
        // Elsewhere it is read without the library's key file.
        let trailer = match &self.key {
            Some(_) => KeyFile::of_library(&self.folder)?.map(|file| file.trailer()),
            None => None,
        };
        catalog.copy_to(&file, Existing::Replace, &trailer.unwrap_or_default())
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
        self.restore_with(file, None)
    }

    /// The same, with the passphrase of a backup that another encrypted library wrote. Whether this library is
    /// encrypted stays as it is.
    ///
    /// # Errors
    /// As [`restore`](Self::restore), [`Error::PassphraseNeeded`] and [`Error::WrongPassphrase`].
    pub fn restore_with(&self, file: &Path, passphrase: Option<&str>) -> Result<()> {
        let _reading = self.lock_reading()?;
        // Another catalog may mean another map by the same number.
        self.forget_finder();
        let mut groups = self.groups();
        let key = self.key.as_ref();
        let checked = checked_backup(file, passphrase, &self.folder, key, &mut groups);
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
        Self::restore_into_with(dir, file, None, None)
    }

    /// The same, with the passphrases of the library and of the backup. A library that is made of an encrypted
    /// backup is encrypted with the backup's passphrase.
    ///
    /// # Errors
    /// As [`restore_into`](Self::restore_into) and [`restore_with`](Self::restore_with).
    pub fn restore_into_with(
        dir: &Path,
        file: &Path,
        passphrase: Option<&str>,
        of_backup: Option<&str>,
    ) -> Result<Self> {
        if knows_its_key(dir) || !adopt_key(dir, file, of_backup)? {
            return Self::restore_into_unlocked(dir, file, passphrase, of_backup);
        }
        let restored = Self::restore_into_unlocked(dir, file, of_backup, of_backup);
        if restored.is_err() && !dir.join(CATALOG).exists() {
            folder::write_key_file(dir, None)?;
        }
        restored
    }

    /// The same in a library that has its key file, if it is to have one.
    fn restore_into_unlocked(
        dir: &Path,
        file: &Path,
        passphrase: Option<&str>,
        of_backup: Option<&str>,
    ) -> Result<Self> {
        match Self::open_with(dir, passphrase) {
            Ok(library) => {
                library.restore_with(file, of_backup)?;
                Ok(library)
            }
            Err(Error::CatalogDamaged { .. } | Error::CatalogTooNew { .. }) => {
                let key = unlocked(dir, passphrase)?;
                let key = key.as_ref();
                let mut groups = Groups::of(&dir.join("cache/index"), key);
                let backup = checked_backup(file, of_backup, dir, key, &mut groups)?;
                put_in_place(dir, &backup)?;
                keep_restored(dir, &backup);
                Self::open_with(dir, passphrase)
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

/// Whether a library has a sound key file, or a catalog that needs none.
fn knows_its_key(dir: &Path) -> bool {
    match KeyFile::of_library(dir) {
        Ok(Some(_)) => true,
        Ok(None) => looks_like_catalog(&dir.join(CATALOG)).unwrap_or(false),
        Err(_) => false,
    }
}

/// Gives a library that is not there, or whose key file is damaged or lost, the key of an encrypted backup;
/// says whether it is encrypted.
fn adopt_key(dir: &Path, file: &Path, passphrase: Option<&str>) -> Result<bool> {
    // What is no backup is told when it is restored.
    let Ok(Some(key_file)) = KeyFile::of_backup(file) else {
        return Ok(false);
    };
    key_file.unlock(needed(passphrase, file)?, file)?;
    folder::write_key_file(dir, Some(&key_file))?;
    Ok(true)
}

/// A backup in memory, with its own key or that of the library that wrote it.
fn opened_backup(
    file: &Path,
    passphrase: Option<&str>,
    library: &Path,
    key: Option<&DataKey>,
) -> Result<Catalog> {
    let reading = || Error::io("Reading the backup", file);
    if looks_like_catalog(file).map_err(reading())? {
        return Catalog::copy_of(file, None);
    }
    let of_backup = KeyFile::of_backup(file).map_err(reading())?;
    let trailer = KeyFile::behind_catalog(file).map_err(reading())?;
    let folder;
    let (mut catalog, mut copy) = (file, PathBuf::new());
    let is_librarys = |key_file: &KeyFile| {
        let of_library = KeyFile::of_library(library);
        of_library.is_ok_and(|of_library| of_library.as_ref() == Some(key_file))
    };
    if let Some((_, length)) = trailer {
        // `SQLite` knows nothing of what stands behind.
        folder = tempfile::tempdir().map_err(reading())?;
        copy.push(folder.path().join(CATALOG));
        let copied = File::open(file).and_then(|from| {
            let mut to = File::create(&copy)?;
            std::io::copy(&mut from.take(length), &mut to)
        });
        copied.map_err(reading())?;
        catalog = &copy;
    }
    // The library's key opens it whatever its passphrase was then.
    let with_library_key = Catalog::copy_of(catalog, key);
    match (with_library_key, of_backup) {
        (Err(Error::CatalogDamaged { .. }), Some(key_file)) if !is_librarys(&key_file) => {
            let own = key_file.unlock(needed(passphrase, file)?, file)?;
            Catalog::copy_of(catalog, Some(&own))
        }
        (opened, _) => opened,
    }
}

/// A backup in memory, with the library's key, brought to today's layout and found to be a sound library.
fn checked_backup(
    file: &Path,
    passphrase: Option<&str>,
    library: &Path,
    key: Option<&DataKey>,
    groups: &mut Groups,
) -> Result<Catalog> {
    let no_backup = |reason: String| Error::NoBackup {
        reason,
        path: file.to_owned(),
    };
    let found = fs::metadata(file).map_err(|error| no_backup(error.to_string()))?;
    if !found.is_file() {
        return Err(no_backup("it is not a file".to_owned()));
    }
    if is_same_file(&found, &library.join(CATALOG)) {
        return Err(no_backup("it is the library's own catalog".to_owned()));
    }
    let mut checked = || -> Result<Catalog> {
        let backup = opened_backup(file, passphrase, library, key)?;
        backup.check()?;
        let mut backup = backup.with_key(key, library)?;
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
