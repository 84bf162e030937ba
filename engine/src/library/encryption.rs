//! Encrypts a library with a passphrase, changes that, and decrypts it.

use std::path::Path;

use super::Library;
use super::folder::{self, CATALOG};
use crate::catalog::Catalog;
use crate::encryption::{DataKey, KEY_FILE, KeyFile};
use crate::thumbnails::Thumbnails;
use crate::{Error, Result};

/// The key of a library; none where it is not encrypted.
///
/// # Errors
/// [`Error::PassphraseNeeded`], [`Error::WrongPassphrase`], [`Error::KeyFile`], [`Error::Io`].
pub(super) fn unlocked(dir: &Path, passphrase: Option<&str>) -> Result<Option<DataKey>> {
    let Some(key_file) = folder::key_file(dir)? else {
        return Ok(None);
    };
    let passphrase = needed(passphrase, dir)?;
    key_file.unlock(passphrase, &dir.join(KEY_FILE)).map(Some)
}

/// The passphrase, or the error that it is needed to open what is at `path`.
pub(super) fn needed<'a>(passphrase: Option<&'a str>, path: &Path) -> Result<&'a str> {
    passphrase.ok_or_else(|| Error::PassphraseNeeded {
        path: path.to_owned(),
    })
}

impl Library {
    /// Whether the library in a folder is encrypted.
    ///
    /// # Errors
    /// [`Error::KeyFile`], [`Error::Io`].
    pub fn needs_passphrase(dir: &Path) -> Result<bool> {
        Ok(folder::key_file(dir)?.is_some())
    }

    /// Whether a backup is encrypted with a passphrase of its own.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read.
    pub fn backup_needs_passphrase(file: &Path) -> Result<bool> {
        let of_backup = KeyFile::of_backup(file);
        Ok(of_backup
            .map_err(Error::io("Reading the backup", file))?
            .is_some())
    }

    /// Whether this library is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Encrypts the library in a folder: its catalog, the copies that it keeps from now on, and its cache. The
    /// copies that it kept are deleted. Interrupted, it is finished or undone at the next opening. Whoever
    /// forgets the passphrase can open none of it. `on_progress` is called with how many thumbnails are
    /// encrypted, and of how many.
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::Encrypted`], [`Error::EmptyPassphrase`], [`Error::InUse`] when somebody
    /// has it open, [`Error::ReadOnly`], [`Error::CatalogDamaged`], [`Error::Io`], [`Error::Catalog`]; nothing
    /// is changed then.
    pub fn encrypt(
        dir: &Path,
        passphrase: &str,
        on_progress: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        if Self::needs_passphrase(dir)? {
            return Err(Error::Encrypted);
        }
        let (key_file, key) = KeyFile::generate(passphrase)?;
        change_key(dir, None, Some((&key_file, &key)), on_progress)
    }

    /// Decrypts the library in a folder, as it was before it was [encrypted](Self::encrypt).
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt), [`Error::NotEncrypted`] and [`Error::WrongPassphrase`].
    pub fn decrypt(
        dir: &Path,
        passphrase: &str,
        on_progress: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        if !Self::needs_passphrase(dir)? {
            return Err(Error::NotEncrypted);
        }
        change_key(dir, Some(passphrase), None, on_progress)
    }

    /// Changes the passphrase of an encrypted library. The data key stays, and nothing else is written; so
    /// backups outside the library keep the passphrase that they were made with.
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::NotEncrypted`], [`Error::WrongPassphrase`], [`Error::EmptyPassphrase`],
    /// [`Error::Busy`] while photos are read, [`Error::Io`]; nothing is changed then.
    pub fn change_passphrase(dir: &Path, old: &str, new: &str) -> Result<()> {
        if !Self::is_in(dir) {
            let path = dir.to_owned();
            return Err(Error::NoLibrary { path });
        }
        let _lock = folder::open(dir)?;
        let _reading = folder::try_lock_reading(dir)?.ok_or(Error::Busy)?;
        let key = unlocked(dir, Some(old))?.ok_or(Error::NotEncrypted)?;
        folder::write_key_file(dir, Some(&KeyFile::wrap(&key, new)?))
    }
}

fn change_key(
    dir: &Path,
    passphrase: Option<&str>,
    to: Option<(&KeyFile, &DataKey)>,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<()> {
    let dir = &std::path::absolute(dir).map_err(Error::io("Finding the library", dir))?;
    if !Library::is_in(dir) {
        return Err(Error::NoLibrary { path: dir.clone() });
    }
    let library = Library::open_with(dir, passphrase)?;
    library.check_writable()?;
    library.check()?;
    let (from, thumbnails) = (library.key.clone(), library.thumbnails.clone());
    drop(library);
    let _alone = folder::lock_alone(dir)?;
    let (key_file, key) = to.unzip();
    let changed = folder::change_key(dir, key_file, || {
        let new = Thumbnails::at(folder::new_thumbnails(dir), key);
        thumbnails.copy_to(&new, on_progress)?;
        // Its connection is closed before another file takes its name.
        Catalog::open_with(&dir.join(CATALOG), from.as_ref())?.draft_with_key(key, dir)
    });
    changed.map_err(|error| match folder::why_read_only(dir, &error) {
        Some(why) if !folder::is_new_key_decided(dir) => Error::ReadOnly {
            why,
            path: dir.clone(),
        },
        _ => error,
    })
}
