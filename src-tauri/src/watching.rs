//! Watches the library's folders beside the window, and lets the job look where something changed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kith_engine::{FolderWatch, PollReason, WatchStopper};
use serde::Serialize;

use crate::desk::Shelf;
use crate::job::Job;

/// The window is there before the first look begins.
const AFTER_START: Duration = Duration::from_secs(5);

/// A folder that is looked over every so often, because nobody tells of changes in it.
#[derive(Debug, Clone, Serialize, specta::Type)]
pub struct Polled {
    /// The folder, for reading.
    path: String,
    /// Why.
    why: PolledWhy,
}

/// Why nobody tells of changes in a folder.
#[derive(Debug, Clone, Copy, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum PolledWhy {
    /// It is on a network drive.
    Network,
    /// The system watches no more folders.
    Limit,
    /// The system does not watch it.
    Refused,
}

/// The watch: none, or one on a thread of its own.
#[derive(Clone)]
pub struct Watching {
    shelf: Shelf,
    job: Arc<Job>,
    started: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: Option<WatchStopper>,
    polled: Vec<(PathBuf, PollReason)>,
}

impl Watching {
    pub fn new(shelf: Shelf, job: Arc<Job>) -> Self {
        Self {
            shelf,
            job,
            started: Instant::now(),
            state: Arc::default(),
        }
    }

    /// From now on watches the folders, or does not.
    pub fn wanted(&self, wanted: bool) {
        let mut state = self.state();
        if wanted == state.running.is_some() {
            return;
        }
        if let Some(stopper) = state.running.take() {
            stopper.stop();
            state.polled.clear();
            return;
        }
        let watch = FolderWatch::new(None);
        state.running = Some(watch.stopper());
        let watching = self.clone();
        thread::spawn(move || watching.run(watch));
    }

    /// Whether it watches.
    pub fn is_running(&self) -> bool {
        self.state().running.is_some()
    }

    /// The folders that are looked over every so often.
    pub fn polled(&self) -> Vec<Polled> {
        let polled = |(path, why): &(PathBuf, PollReason)| Polled {
            path: path.display().to_string(),
            why: match why {
                PollReason::Network => PolledWhy::Network,
                PollReason::Limit => PolledWhy::Limit,
                PollReason::Asked | PollReason::Refused(_) => PolledWhy::Refused,
            },
        };
        self.state().polled.iter().map(polled).collect()
    }

    fn run(&self, mut watch: FolderWatch) {
        thread::sleep(AFTER_START.saturating_sub(self.started.elapsed()));
        self.look_where_due(&mut watch);
        // One that ended by itself can be started again.
        if !watch.is_stopped() {
            self.state().running = None;
        }
    }

    fn look_where_due(&self, watch: &mut FolderWatch) {
        // What is wrong with the library is said when the window asks.
        let Ok(library) = self.shelf.library() else {
            return;
        };
        if library.read_only().is_some() {
            return;
        }
        let told = |watch: &FolderWatch| {
            let mut state = self.state();
            if !watch.is_stopped() {
                state.polled = watch.polled();
            }
        };
        // A catalog that cannot be read is told of by the calls of the window.
        while let Ok(Some(due)) = library.next_look(watch, told) {
            if self.job.look(due.clone()) {
                watch.put_back(due);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
