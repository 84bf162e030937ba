//! What the library keeps on disk: where it is, a copy of it and back, and how to be rid of the faces.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Library;
use super::backups;
use super::folder::{self, CATALOG, READING};
use crate::catalog::Catalog;
use crate::catalog::file::{Existing, looks_like_catalog, write_copy};
use crate::people::Groups;
use crate::{BackupReason, Error, Notice, Result, Storage, private};

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
        // A full disk must not keep the user from a copy on another.
        let _ = catalog.seal();
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
        self.check_writable()?;
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
        restored
    }

    /// The same for a library that cannot be opened, as its catalog is damaged, missing, or of a newer
    /// Kith: that is set aside among [`backups`](Self::backups_of).
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
                Self::open(dir)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets all faces, who they are, and all that was said of them, also in the copies that the library
    /// keeps. Folders, favourites, stars and albums stay. The next look through the folders finds the faces
    /// anew, without names.
    ///
    /// # Errors
    /// [`Error::Busy`] while photos are read, [`Error::ReadOnly`], [`Error::Io`] and [`Error::Catalog`]
    /// when the disk does not let us.
    pub fn forget_faces(&self) -> Result<()> {
        self.check_writable()?;
        let _reading = self.lock_reading()?;
        self.forget_finder();
        {
            let mut groups = self.groups();
            let mut catalog = self.catalog();
            *self.kept_rows() = None;
            catalog.forget_faces()?;
            groups.forget();
            catalog.transaction(|connection| groups.bring_up_to_date(connection))?;
        }
        self.forget_backups()?;
        folder::remove_older_catalogs(&self.folder)?;
        for folder in ["cache/index", "cache/thumbnails/faces"] {
            let folder = self.folder.join(folder);
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .map_err(Error::io("Deleting pictures of faces", &folder))?;
            }
        }
        Ok(())
    }

    /// What was done when the library was opened that its user should know of.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Keeps anybody from reading photos into the library until it is dropped.
    pub(super) fn lock_reading(&self) -> Result<File> {
        self.check_writable()?;
        let path = self.folder.join(READING);
        let lock = private::open(&path).map_err(Error::io("Locking the library", &path))?;
        // The system lets go of it when the process is killed.
        lock.try_lock().map_err(|_| Error::Busy)?;
        Ok(lock)
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
