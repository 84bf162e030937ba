//! Learning in the background: a while after the last answer, where enough is new, what was said is
//! learned from, on a thread of its own that can be stopped at any time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::{Control, Error, LearnedVersion, Library, Result};

/// Answers come in runs: it waits until there was none for so long.
const QUIET: Duration = Duration::from_secs(3);
/// Fewer new answers are not worth learning anew...
const FEWEST_NEW: u32 = 5;
/// ...nor is less than this part of those that were learned from before.
const NEW_PART: u32 = 10;

/// What is told of the learning. The last of each run is the version, or the error.
#[derive(Debug)]
pub enum LearnerNews {
    /// Steps done, of how many.
    Progress(u32, u32),
    /// What was learned, how it did on answers it had not seen, and whether it is used.
    Learned(LearnedVersion),
    /// It could not be learned or stored.
    Failed(Error),
}

/// Learns in the background as long as it lives. Dropping it stops what is being learned and waits
/// for the thread, for the time of one step at most; nothing is stored then.
#[derive(Debug)]
pub struct Learner {
    /// None once it ends.
    answered: Option<Sender<()>>,
    /// The hand on the run that is going on.
    control: Arc<Mutex<Arc<Control>>>,
    thread: Option<JoinHandle<()>>,
}

impl Learner {
    /// Starts the thread. `tell` is called on it.
    #[must_use]
    pub fn start(library: Arc<Library>, tell: impl Fn(LearnerNews) + Send + 'static) -> Self {
        let (answered, heard) = channel();
        let control = Arc::new(Mutex::new(Arc::new(Control::new())));
        let of_thread = Arc::clone(&control);
        let thread = std::thread::spawn(move || {
            while wait_until_quiet(&heard) {
                let run = Arc::new(Control::new());
                *of_thread.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&run);
                match learn(&library, &run, &tell) {
                    Ok(Some(version)) => tell(LearnerNews::Learned(version)),
                    Ok(None) | Err(Error::NothingToLearn) => (),
                    Err(error) => tell(LearnerNews::Failed(error)),
                }
            }
        });
        Self {
            answered: Some(answered),
            control,
            thread: Some(thread),
        }
    }

    /// The user said something: to be called after each decision.
    pub fn answered(&self) {
        if let Some(answered) = &self.answered {
            // The thread ends with this sender only.
            let _ = answered.send(());
        }
    }

    /// Stops what is being learned, if anything is; the next answers are learned from again.
    pub fn stop(&self) {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        control.cancel();
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        // No further run can begin once the one at hand, which is stopped, is over.
        drop(self.answered.take());
        let Some(thread) = self.thread.take() else {
            return;
        };
        while !thread.is_finished() {
            self.stop();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Waits for an answer, and then until there was none for a while; false when it is to end.
fn wait_until_quiet(heard: &Receiver<()>) -> bool {
    if heard.recv().is_err() {
        return false;
    }
    loop {
        match heard.recv_timeout(QUIET) {
            Ok(()) => (),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn learn(
    library: &Library,
    control: &Control,
    tell: &impl Fn(LearnerNews),
) -> Result<Option<LearnedVersion>> {
    let (new, before) = library.answers()?;
    if !is_worth_it(new, before) {
        return Ok(None);
    }
    library.learn(SystemTime::now(), control, &mut |done, total| {
        tell(LearnerNews::Progress(done, total));
    })
}

/// Whether so many new answers are worth learning anew, after so many learned from before.
fn is_worth_it(new: u32, before: u32) -> bool {
    new >= FEWEST_NEW.max(before / NEW_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_new_answers_are_not_learned_from() {
        assert!(!is_worth_it(0, 0));
        assert!(!is_worth_it(4, 0));
        assert!(is_worth_it(5, 0));
        assert!(is_worth_it(5, 59));
        assert!(!is_worth_it(19, 200));
        assert!(is_worth_it(20, 200));
    }

    #[test]
    fn it_waits_for_the_last_of_a_run_of_answers() {
        let (answered, heard) = channel();
        let thread = std::thread::spawn(move || {
            let started = std::time::Instant::now();
            (wait_until_quiet(&heard), started.elapsed())
        });
        for _ in 0..4 {
            answered.send(()).unwrap();
            std::thread::sleep(QUIET / 3);
        }
        let (goes_on, waited) = thread.join().unwrap();
        assert!(goes_on && waited >= QUIET * 2, "{waited:?}");
        let (answered, heard) = channel::<()>();
        drop(answered);
        assert!(!wait_until_quiet(&heard));
    }
}
