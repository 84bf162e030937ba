//! Learning from answers beside the window: some seconds after the last of them, never while photos
//! are read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kith_engine::{LearnedVersion, Learner, LearnerNews};
use serde::Serialize;
use tauri::ipc::Channel;

use crate::desk::Shelf;
use crate::pace::Pace;
use crate::problem::Problem;

/// What the window is told about the learning.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LearningNews {
    /// It learns.
    Running {
        /// Steps done.
        done: u32,
        /// Of how many.
        total: u32,
    },
    /// It has learned.
    Learned {
        /// What came of it.
        version: LearnedVersion,
    },
    /// It was stopped; nothing was changed.
    Stopped,
    /// It could not learn.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// The learner of the library, once there is something to learn from.
#[derive(Clone)]
pub struct Learning {
    shelf: Shelf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    learner: Option<Learner>,
    /// Whether it learns of its own accord.
    by_itself: bool,
    /// Whether photos are read.
    reading: bool,
    pace: Pace<LearningNews>,
    listener: Option<Channel<LearningNews>>,
}

impl State {
    fn tell(&mut self, news: LearningNews) {
        if let Some(listener) = &self.listener
            && listener.send(news).is_err()
        {
            // The window is gone or was loaded anew; it asks again when it is back.
            self.listener = None;
        }
    }

    fn hear(&mut self, news: LearnerNews) {
        let news = match news {
            LearnerNews::Progress(done, total) => {
                let news = LearningNews::Running { done, total };
                if let Some(news) = self.pace.let_through(news, Instant::now()) {
                    self.tell(news);
                }
                return;
            }
            LearnerNews::Learned(version) => LearningNews::Learned { version },
            LearnerNews::Stopped => LearningNews::Stopped,
            LearnerNews::Failed(error) => LearningNews::Failed {
                problem: error.into(),
            },
        };
        self.tell(news);
    }
}

impl Learning {
    pub fn new(shelf: Shelf) -> Self {
        Self {
            shelf,
            state: Arc::default(),
        }
    }

    /// Sends all news from now on to `listener`.
    pub fn follow(&self, listener: Channel<LearningNews>) {
        self.state().listener = Some(listener);
    }

    /// From now on it learns of its own accord, or stops to.
    pub fn by_itself(&self, wanted: bool) {
        let mut state = self.state();
        state.by_itself = wanted;
        if !wanted {
            stop(&state);
        }
    }

    /// The user said something.
    pub fn answered(&self) {
        if self.state().by_itself {
            // A library that cannot be opened has said so by now.
            let _ = self.with_learner(Learner::answered);
        }
    }

    /// Learns at once.
    pub fn now(&self) -> Result<(), Problem> {
        self.with_learner(Learner::now)
    }

    /// Waits while photos are read.
    pub fn wait_while_reading(&self, reading: bool) {
        let mut state = self.state();
        state.reading = reading;
        if let Some(learner) = &state.learner {
            learner.hold(reading);
        }
    }

    /// Stops what is being learned.
    pub fn stop(&self) {
        stop(&self.state());
    }

    /// Stops, and lets go of the library until there is something to learn from again.
    pub fn end(&self) {
        // It waits for its thread, which tells of its end meanwhile.
        let learner = self.state().learner.take();
        drop(learner);
    }

    fn with_learner(&self, tell: impl FnOnce(&Learner)) -> Result<(), Problem> {
        let library = self.shelf.library()?;
        let mut state = self.state();
        let reading = state.reading;
        let learner = state.learner.get_or_insert_with(|| {
            let told = Arc::clone(&self.state);
            let learner = Learner::start(library, move |news| lock(&told).hear(news));
            learner.hold(reading);
            learner
        });
        tell(learner);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn stop(state: &State) {
    if let Some(learner) = &state.learner {
        learner.stop();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
