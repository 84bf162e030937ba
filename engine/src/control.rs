//! The hand on a running job: pause it, resume it, cancel it.

use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Debug, Default, Clone, Copy)]
struct Wish {
    paused: bool,
    cancelled: bool,
}

/// Shared between the job and whoever started it.
#[derive(Debug, Default)]
pub struct Control {
    wish: Mutex<Wish>,
    changed: Condvar,
}

impl Control {
    /// A job that runs until it is done.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stop as soon as the photo in hand is stored. Cannot be taken back.
    pub fn cancel(&self) {
        self.set(|wish| wish.cancelled = true);
    }

    /// Wait after the photo in hand until [`resume`](Self::resume) or [`cancel`](Self::cancel).
    pub fn pause(&self) {
        self.set(|wish| wish.paused = true);
    }

    /// Go on.
    pub fn resume(&self) {
        self.set(|wish| wish.paused = false);
    }

    /// Whether the job is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.wish
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cancelled
    }

    /// Blocks while paused; says whether to go on (`false` when cancelled).
    pub(crate) fn go_on(&self) -> bool {
        let mut wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        while wish.paused && !wish.cancelled {
            wish = self
                .changed
                .wait(wish)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !wish.cancelled
    }

    fn set(&self, change: impl FnOnce(&mut Wish)) {
        change(&mut self.wish.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
