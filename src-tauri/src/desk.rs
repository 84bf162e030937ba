//! What every command works with: the library, opened once, the job that fills it, and the learning.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use kith_engine::Library;

use crate::drops::Drops;
use crate::job::Job;
use crate::learning::Learning;
use crate::problem::Problem;

/// The library, opened beside the window, so that this appears at once.
#[derive(Clone)]
pub struct Shelf {
    dir: Option<PathBuf>,
    library: Arc<OnceLock<Result<Arc<Library>, Problem>>>,
}

impl Shelf {
    /// Begins to open the library and to read its photos, on a thread of its own.
    pub fn open_ahead(&self) {
        let shelf = self.clone();
        std::thread::spawn(move || {
            // What is wrong is said when the window asks.
            shelf
                .library()
                .is_ok_and(|library| library.newest(1).is_ok())
        });
    }

    /// The library; blocks while it opens. A library that cannot be opened says why, every time.
    pub fn library(&self) -> Result<Arc<Library>, Problem> {
        self.library
            .get_or_init(|| {
                let dir = self.dir.clone().or_else(Library::default_dir).ok_or_else(|| {
                    Problem::other(
                        "This account has no home folder to keep a library in. Start Kith with --library and a folder.",
                    )
                })?;
                Ok(Arc::new(Library::open(&dir)?))
            })
            .clone()
    }
}

/// The library, its job and its learning, shared by all commands.
pub struct Desk {
    shelf: Shelf,
    job: Arc<Job>,
    learning: Learning,
    drops: Drops,
}

impl Desk {
    /// A desk over the library in `dir`, or in the platform's data folder.
    pub fn new(dir: Option<PathBuf>) -> Self {
        let shelf = Shelf {
            dir,
            library: Arc::default(),
        };
        let learning = Learning::new(shelf.clone());
        Self {
            job: Arc::new(Job::new(shelf.clone(), learning.clone())),
            learning,
            shelf,
            drops: Drops::default(),
        }
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

    pub fn learning(&self) -> &Learning {
        &self.learning
    }
}
