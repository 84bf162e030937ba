//! What the library keeps on disk: where it is, a copy of it and back, and how to be rid of the faces.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Library;
use crate::catalog::Catalog;
use crate::{Error, Result, Storage};

/// The catalog that a restored backup took the place of.
const BEFORE_RESTORE: &str = "catalog-before-restore.sqlite";

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
    /// The photos themselves are not in it. A file that is there is replaced once the new one is
    /// whole.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
    pub fn backup(&self, file: &Path) -> Result<()> {
        let draft = beside(file);
        remove_if_there(&draft)?;
        self.catalog().copy_to(&draft)?;
        fs::rename(&draft, file).map_err(Error::io("Writing the backup", file))
    }

    /// Takes a backup in the place of what the library holds now, which is kept beside it. Photos
    /// that moved since are found again by the next look through the folders.
    ///
    /// # Errors
    /// [`Error::NoBackup`] and [`Error::CatalogTooNew`] when it is none that this Kith can read,
    /// [`Error::Busy`] while photos are read; nothing is changed then. [`Error::Io`] and
    /// [`Error::Catalog`] when the disk does not let us.
    pub fn restore(&self, file: &Path) -> Result<()> {
        let _reading = self.lock_reading()?;
        let no_backup = |reason: String| Error::NoBackup {
            reason,
            path: file.to_owned(),
        };
        let draft = self.folder.join("catalog.restored");
        remove_if_there(&draft)?;
        fs::copy(file, &draft).map_err(|error| no_backup(error.to_string()))?;
        // Opening looks whether it is sound, and brings an older one to today's layout.
        let sound = Catalog::open(&draft).and_then(Catalog::close);
        if let Err(error) = sound {
            remove_if_there(&draft)?;
            return Err(match error {
                Error::CatalogDamaged { reason, .. } => no_backup(reason),
                Error::CatalogTooNew { found, known, .. } => Error::CatalogTooNew {
                    found,
                    known,
                    path: file.to_owned(),
                },
                other => other,
            });
        }
        self.replace_catalog(&draft, Some(&self.folder.join(BEFORE_RESTORE)))
    }

    /// Forgets all faces, who they are, and all that was said of them. Folders, favourites, stars
    /// and albums stay. The next look through the folders finds the faces anew, without names.
    ///
    /// # Errors
    /// [`Error::Busy`] while photos are read, [`Error::Io`] and [`Error::Catalog`] when the disk
    /// does not let us.
    pub fn forget_faces(&self) -> Result<()> {
        let _reading = self.lock_reading()?;
        let draft = self.folder.join("catalog.without-faces");
        remove_if_there(&draft)?;
        self.catalog().copy_to(&draft)?;
        Catalog::open(&draft)?.without_faces()?.close()?;
        self.replace_catalog(&draft, None)?;
        remove_if_there(&self.folder.join(BEFORE_RESTORE))?;
        for folder in ["cache/index", "cache/thumbnails/faces"] {
            let folder = self.folder.join(folder);
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .map_err(Error::io("Deleting pictures of faces", &folder))?;
            }
        }
        Ok(())
    }

    /// Puts the catalog `draft` in the place of the one in use, which goes to `old` or is deleted.
    fn replace_catalog(&self, draft: &Path, old: Option<&Path>) -> Result<()> {
        // Another catalog may mean another map by the same number.
        self.forget_finder();
        let mut groups = self.groups();
        let mut catalog = self.catalog();
        *self.kept_rows() = None;
        catalog.replace(draft, old)?;
        groups.forget();
        catalog.transaction(|connection| groups.bring_up_to_date(connection))
    }

    /// Keeps anybody from reading photos into the library until it is dropped.
    pub(super) fn lock_reading(&self) -> Result<File> {
        let path = self.folder.join("reading.lock");
        let lock = File::create(&path).map_err(Error::io("Locking the library", &path))?;
        // The system lets go of it when the process is killed.
        lock.try_lock().map_err(|_| Error::Busy)?;
        Ok(lock)
    }

    pub(super) fn catalog_path(&self) -> PathBuf {
        self.folder.join("catalog.sqlite")
    }
}

fn kilobytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1000)).unwrap_or(u32::MAX)
}

/// A name beside the file, for what is not whole yet.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

pub(super) fn remove_if_there(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("Deleting an old file", file)(error))
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
