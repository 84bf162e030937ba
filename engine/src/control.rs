//! The hand on a running job: pause it, resume it, cancel it, and let it wait for the mains.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::power;

/// How often the power is looked at.
const LOOK_AT_POWER: Duration = Duration::from_secs(5);

#[derive(Debug, Default, Clone, Copy)]
struct Wish {
    paused: bool,
    without_mains: bool,
    cancelled: bool,
}

/// Shared between the job and whoever started it.
#[derive(Debug, Default)]
pub struct Control {
    stands_back: bool,
    wish: Mutex<Wish>,
    changed: Condvar,
}

impl Control {
    /// A job that runs until it is done.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but the job stands back behind whatever else the computer has to do: somebody uses it
    /// meanwhile.
    #[must_use]
    pub fn in_the_background() -> Self {
        Self {
            stands_back: true,
            ..Self::default()
        }
    }

    /// Whether the job stands back.
    pub(crate) fn stands_back(&self) -> bool {
        self.stands_back
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

    /// From now on, for as long as the job lasts, waits whenever that is `wanted` and the power comes
    /// from a battery. `told` learns of each beginning and end of such a wait, within seconds.
    pub fn wait_for_mains(
        self: &Arc<Self>,
        wanted: Arc<AtomicBool>,
        told: impl FnMut(bool) + Send + 'static,
    ) {
        let waits = move || wanted.load(Ordering::Relaxed) && power::on_battery();
        self.watch(waits, LOOK_AT_POWER, told);
    }

    /// Sees to it that the job waits while `without_mains`: once before this returns, then every so
    /// often.
    fn watch(
        self: &Arc<Self>,
        without_mains: impl Fn() -> bool + Send + 'static,
        every: Duration,
        mut told: impl FnMut(bool) + Send + 'static,
    ) {
        let mut waits = false;
        let mut look = move |control: &Self| {
            let now = without_mains();
            if now != waits {
                waits = now;
                control.set(|wish| wish.without_mains = now);
                told(now);
            }
        };
        look(self);
        let control = Arc::downgrade(self);
        thread::spawn(move || {
            while let Some(control) = control.upgrade().filter(|control| !control.is_cancelled()) {
                look(&control);
                drop(control);
                thread::sleep(every);
            }
        });
    }

    /// Whether the job is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.wish
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cancelled
    }

    /// Blocks while paused or without the mains; says whether to go on (`false` when cancelled).
    pub(crate) fn go_on(&self) -> bool {
        let mut wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        while (wish.paused || wish.without_mains) && !wish.cancelled {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_job_waits_while_the_power_comes_from_a_battery() {
        let battery = Arc::new(AtomicBool::new(true));
        let control = Arc::new(Control::new());
        let (tell, told) = mpsc::channel();
        let asked = Arc::clone(&battery);
        control.watch(
            move || asked.load(Ordering::Relaxed),
            Duration::from_millis(1),
            move |waits| tell.send(waits).expect("the test listens"),
        );
        assert!(told.recv().expect("it waits at once"));

        let (job, done) = mpsc::channel();
        let worker = Arc::clone(&control);
        thread::spawn(move || job.send(worker.go_on()));
        assert!(done.recv_timeout(Duration::from_millis(50)).is_err());
        battery.store(false, Ordering::Relaxed);
        assert!(done.recv().expect("it goes on"));
        assert!(!told.recv().expect("the wait is over"));

        battery.store(true, Ordering::Relaxed);
        assert!(told.recv().expect("it waits again"));
        control.cancel();
        assert!(!control.go_on(), "a job that waits can be cancelled");
        drop(control);
        assert!(told.recv().is_err(), "nobody looks on when it is over");
    }
}
