//! Learning in the background: a while after the last answer, where enough is new, what was said is
//! learned from, on a thread of its own that can be stopped at any time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rayon::ThreadPool;

use crate::{Control, Error, LearnedVersion, Library, Result, quiet};

/// Answers come in runs: it waits until there was none for so long.
const QUIET: Duration = Duration::from_secs(3);
/// Fewer new answers are not worth learning anew...
const FEWEST_NEW: u32 = 5;
/// ...nor is less than this part of those that were learned from before.
const NEW_PART: u32 = 10;

/// What is told of the learning. Each run ends with one that is no progress.
#[derive(Debug)]
pub enum LearnerNews {
    /// Steps done, of how many.
    Progress(u32, u32),
    /// What was learned, how it did on answers it had not seen, and whether it is used.
    Learned(LearnedVersion),
    /// It was stopped before its end; nothing was stored.
    Stopped,
    /// It could not be learned or stored.
    Failed(Error),
}

/// What it hears from outside.
enum Word {
    /// The user answered something.
    Answered,
    /// The user wants it to learn at once, whatever it thinks of that.
    Now,
}

/// The hand on the learner.
#[derive(Debug, Default)]
struct Hand {
    /// The run that is going on, or the last one.
    run: Arc<Control>,
    /// Whether runs wait.
    held: bool,
}

/// Learns in the background as long as it lives: it leaves one processor free, and where the system
/// allows it (Linux) comes after all others. Only what was learned is put to use like any decision, as
/// others wait for that. Dropping it stops what is being learned and
/// waits for the thread, for the time of one step at most; nothing is stored then.
#[derive(Debug)]
pub struct Learner {
    /// None once it ends.
    told: Option<Sender<Word>>,
    hand: Arc<Mutex<Hand>>,
    thread: Option<JoinHandle<()>>,
}

impl Learner {
    /// Starts the thread. `tell` is called on it, or on those that it learns with.
    #[must_use]
    pub fn start(
        library: Arc<Library>,
        tell: impl Fn(LearnerNews) + Send + Sync + 'static,
    ) -> Self {
        let (told, heard) = channel();
        let hand = Arc::new(Mutex::new(Hand::default()));
        let of_thread = Arc::clone(&hand);
        let thread = std::thread::spawn(move || {
            let pool = quiet::threads(1);
            while let Some(word) = wait_until_quiet(&heard) {
                let run = new_run(&of_thread);
                if !run.go_on() {
                    tell(LearnerNews::Stopped);
                    continue;
                }
                match learn(&library, pool.as_ref(), &word, &run, &tell) {
                    Ok(Outcome::NotWorthIt) => (),
                    Ok(Outcome::Learned(Some(version))) => tell(LearnerNews::Learned(version)),
                    Ok(Outcome::Learned(None)) => tell(LearnerNews::Stopped),
                    Err(error) => tell(LearnerNews::Failed(error)),
                }
            }
        });
        Self {
            told: Some(told),
            hand,
            thread: Some(thread),
        }
    }

    /// The user said something: to be called after each decision.
    pub fn answered(&self) {
        self.say(Word::Answered);
    }

    /// Learns at once, as soon as what is being learned is done.
    pub fn now(&self) {
        self.say(Word::Now);
    }

    /// Lets everything wait from now on, or go on.
    pub fn hold(&self, held: bool) {
        let mut hand = lock(&self.hand);
        hand.held = held;
        if held {
            hand.run.pause();
        } else {
            hand.run.resume();
        }
    }

    /// Stops what is being learned, if anything is; the next answers are learned from again.
    pub fn stop(&self) {
        lock(&self.hand).run.cancel();
    }

    fn say(&self, word: Word) {
        if let Some(told) = &self.told {
            // The thread ends with this sender only.
            let _ = told.send(word);
        }
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        // No further run can begin once the one at hand, which is stopped, is over.
        drop(self.told.take());
        let Some(thread) = self.thread.take() else {
            return;
        };
        while !thread.is_finished() {
            self.stop();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn lock(hand: &Mutex<Hand>) -> MutexGuard<'_, Hand> {
    hand.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run that waits where it is to.
fn new_run(hand: &Mutex<Hand>) -> Arc<Control> {
    let mut hand = lock(hand);
    let run = Arc::new(Control::new());
    if hand.held {
        run.pause();
    }
    hand.run = Arc::clone(&run);
    run
}

/// Waits for a word, and after an answer until there was none for a while; none when it is to end.
fn wait_until_quiet(heard: &Receiver<Word>) -> Option<Word> {
    let mut last = heard.recv().ok()?;
    while matches!(last, Word::Answered) {
        match heard.recv_timeout(QUIET) {
            Ok(word) => last = word,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    Some(last)
}

/// What came of a word.
enum Outcome {
    /// There is too little new, or nothing that could become better.
    NotWorthIt,
    /// What was learned; none when it was stopped.
    Learned(Option<LearnedVersion>),
}

fn learn(
    library: &Library,
    pool: Option<&ThreadPool>,
    word: &Word,
    control: &Control,
    tell: &(impl Fn(LearnerNews) + Sync),
) -> Result<Outcome> {
    if matches!(word, Word::Answered) {
        let (lessons, before) = (library.lessons()?, library.said_before()?);
        let enough = is_worth_it(lessons.said().saturating_sub(before), before);
        if !enough || !quiet::on(pool, || lessons.could_teach()) {
            return Ok(Outcome::NotWorthIt);
        }
    }
    let version = library.learn_on(pool, SystemTime::now(), control, &mut |done, total| {
        tell(LearnerNews::Progress(done, total));
    })?;
    Ok(Outcome::Learned(version))
}

/// Whether so many new answers are worth learning anew, after so many before.
fn is_worth_it(new: u32, before: u32) -> bool {
    new >= FEWEST_NEW.max(before / NEW_PART)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

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
    fn it_waits_for_the_last_of_a_run_of_answers_and_not_when_it_is_to_learn_now() {
        let (told, heard) = channel();
        let (say, said) = channel();
        let thread =
            std::thread::spawn(move || while say.send(wait_until_quiet(&heard)).is_ok() {});
        told.send(Word::Answered).unwrap();
        std::thread::sleep(QUIET / 3);
        let last = Instant::now();
        told.send(Word::Answered).unwrap();
        assert!(matches!(said.recv().unwrap(), Some(Word::Answered)));
        assert!(last.elapsed() >= QUIET, "{:?}", last.elapsed());

        let asked = Instant::now();
        told.send(Word::Now).unwrap();
        assert!(matches!(said.recv().unwrap(), Some(Word::Now)));
        assert!(asked.elapsed() < QUIET, "{:?}", asked.elapsed());

        drop(told);
        assert!(said.recv().unwrap().is_none());
        drop(said);
        thread.join().unwrap();
    }
}
