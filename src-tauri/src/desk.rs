//! What every command works with: the library, opened once, the job that fills it, the watch over its
//! folders, and the learning.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kith_engine::Library;
use zeroize::Zeroizing;

use crate::drops::Drops;
use crate::job::Job;
use crate::learning::Learning;
use crate::problem::Problem;
use crate::watching::Watching;

/// The copy of the day is made so long after the start, when the window has read what it shows…
const FIRST_BACKUP: Duration = Duration::from_secs(60);
/// …and looked for so often from then on.
const NEXT_BACKUP: Duration = Duration::from_secs(60 * 60);
/// So long it is waited until the calls that work with the library are done.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// The library, opened beside the window, so that this appears at once.
#[derive(Clone)]
pub struct Shelf {
    dir: Option<PathBuf>,
    /// As it was typed last; needed where the library is encrypted.
    passphrase: Arc<Mutex<Option<Zeroizing<String>>>>,
    /// None until it is open.
    library: Arc<Mutex<Option<Arc<Library>>>>,
}

impl Shelf {
    /// Begins to open the library and to read its photos, on a thread of its own, which then keeps a copy
    /// of the catalog daily.
    pub fn open_ahead(&self) {
        let shelf = self.clone();
        std::thread::spawn(move || {
            // What is wrong is said when the window asks.
            let _ = shelf.library().map(|library| library.newest(1));
            let mut pause = FIRST_BACKUP;
            loop {
                std::thread::sleep(pause);
                pause = NEXT_BACKUP;
                let kept = shelf.library().map(|library| library.back_up_daily());
                if let Ok(Err(error)) = kept {
                    eprintln!("Today's backup could not be kept. {error}");
                }
            }
        });
    }

    /// Where the library is, or is to be.
    pub fn dir(&self) -> Result<PathBuf, Problem> {
        self.dir.clone().or_else(Library::default_dir).ok_or_else(|| {
            Problem::other(
                "This account has no home folder to keep a library in. Start Kith with --library and a folder.",
            )
        })
    }

    /// The library; blocks while it opens.
    pub fn library(&self) -> Result<Arc<Library>, Problem> {
        let mut opened = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*opened {
            return Ok(Arc::clone(library));
        }
        let passphrase = self.passphrase();
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        let library = Arc::new(Library::open_with(&self.dir()?, passphrase)?);
        *opened = Some(Arc::clone(&library));
        Ok(library)
    }

    /// Opens an encrypted library with its passphrase; blocks meanwhile.
    pub fn unlock(&self, passphrase: String) -> Result<(), Problem> {
        let mut kept = self
            .passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Zeroizing::new(passphrase));
        drop(kept);
        self.library().map(drop)
    }

    /// Closes the library, lets `change` change its key, and has the next call open it, with the
    /// passphrase that it has then. Others wait meanwhile.
    ///
    /// # Errors
    /// [`Problem::Busy`] while something else works with it; what `change` fails with. Nothing is changed then.
    pub fn change_key(
        &self,
        passphrase: Option<String>,
        change: impl FnOnce(&Path) -> kith_engine::Result<()>,
    ) -> Result<(), Problem> {
        let dir = self.dir()?;
        let mut opened = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = opened.take() {
            let begun = Instant::now();
            // Nobody takes it anew without the lock.
            while Arc::strong_count(&library) > 1 {
                if begun.elapsed() > LONGEST_CALL {
                    *opened = Some(library);
                    return Err(Problem::Busy);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        change(&dir)?;
        let mut kept = self
            .passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = passphrase.map(Zeroizing::new);
        Ok(())
    }

    /// Takes a backup in the place of what the library holds. `passphrase` opens one that is encrypted with
    /// another than the library.
    pub fn restore(
        &self,
        backup: &Path,
        passphrase: Option<Zeroizing<String>>,
    ) -> Result<(), Problem> {
        let library = self.library()?;
        let passphrase = passphrase.or_else(|| self.passphrase());
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        Ok(library.restore_with(backup, passphrase)?)
    }

    /// Changes the passphrase; the library stays open.
    pub fn change_passphrase(&self, old: &str, new: Zeroizing<String>) -> Result<(), Problem> {
        Library::change_passphrase(&self.dir()?, old, &new)?;
        let mut kept = self
            .passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(new);
        Ok(())
    }

    fn passphrase(&self) -> Option<Zeroizing<String>> {
        let kept = self
            .passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    /// Seals the catalog, if it is open: the program ends without dropping the library.
    pub fn seal(&self) {
        if let Ok(opened) = self.library.try_lock()
            && let Some(library) = &*opened
        {
            library.seal();
        }
    }

    /// Restores one of the copies that the library keeps, also where it cannot be opened.
    pub fn restore_copy(&self, name: &str) -> Result<(), Problem> {
        let dir = self.dir()?;
        let copy = Library::backup_called(&dir, name)?.ok_or(Problem::NotThere)?;
        let mut opened = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = opened.clone() {
            drop(opened);
            return Ok(library.restore(&copy)?);
        }
        let passphrase = self.passphrase();
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        let restored = Library::restore_into_with(&dir, &copy, passphrase, passphrase)?;
        *opened = Some(Arc::new(restored));
        Ok(())
    }
}

/// The library, its job and its learning, shared by all commands.
pub struct Desk {
    shelf: Shelf,
    job: Arc<Job>,
    learning: Learning,
    watching: Watching,
    drops: Drops,
    /// The backup that the user chose last.
    chosen_backup: Mutex<Option<PathBuf>>,
}

impl Desk {
    /// A desk over the library in `dir`, or in the platform's data folder.
    pub fn new(dir: Option<PathBuf>) -> Self {
        let shelf = Shelf {
            dir,
            passphrase: Arc::default(),
            library: Arc::default(),
        };
        let learning = Learning::new(shelf.clone());
        let job = Arc::new(Job::new(shelf.clone(), learning.clone()));
        Self {
            watching: Watching::new(shelf.clone(), Arc::clone(&job)),
            job,
            learning,
            shelf,
            drops: Drops::default(),
            chosen_backup: Mutex::default(),
        }
    }

    /// The backup that the user chose last: it is named once, and may then be found to need a passphrase.
    pub fn chosen_backup(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.chosen_backup
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    pub fn watching(&self) -> &Watching {
        &self.watching
    }

    pub fn learning(&self) -> &Learning {
        &self.learning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_of_another_encrypted_library_asks_for_its_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let (other, backup) = (dir.path().join("other"), dir.path().join("kith.backup"));
        drop(Library::open(&other).unwrap());
        Library::encrypt(&other, "correct horse", &mut |_, _| ()).unwrap();
        let library = Library::open_with(&other, Some("correct horse")).unwrap();
        library.backup(&backup).unwrap();
        let desk = Desk::new(Some(dir.path().join("library")));
        let restore = |passphrase: Option<&str>| {
            let passphrase = passphrase.map(|text| Zeroizing::new(text.to_owned()));
            desk.shelf().restore(&backup, passphrase)
        };
        assert!(matches!(restore(None), Err(Problem::PassphraseNeeded)));
        let wrong = restore(Some("wrong"));
        assert!(matches!(wrong, Err(Problem::WrongPassphrase)));
        restore(Some("correct horse")).unwrap();
        // One that opens the library is tried first.
        let change = |dir: &Path| Library::encrypt(dir, "correct horse", &mut |_, _| ());
        desk.shelf()
            .change_key(Some("correct horse".to_owned()), change)
            .unwrap();
        restore(None).unwrap();
        assert!(desk.shelf().library().unwrap().is_encrypted());
    }
}
