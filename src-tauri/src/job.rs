//! The one job that runs beside the window: looking through folders.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use kith_engine::{Control, Due, IndexSummary, Library, MovedFolder, Phase, Progress};
use serde::{Deserialize, Serialize};
use tauri::ipc::Channel;

use crate::desk::Shelf;
use crate::learning::Learning;
use crate::pace::Pace;
use crate::problem::Problem;

/// What the window is told about the job.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobNews {
    /// It runs, or waits.
    Running {
        /// How far it is.
        progress: Progress,
        /// Whether it waits for the user.
        paused: bool,
        /// Whether it waits for the mains.
        on_battery: bool,
    },
    /// It is over, or was cancelled.
    Finished {
        /// What it did.
        summary: IndexSummary,
        /// Whether a change in a watched folder began it, not the user.
        watched: bool,
    },
    /// It waits for the user to say whether a folder that was added is one of the library at a new place.
    Asking {
        /// What it looks like.
        moved: MovedFolder,
    },
    /// A look at a watched folder is made later: another process reads photos.
    Postponed,
    /// It could not go on.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// What the job is to look at.
enum Work {
    /// Folders that the user chose; all of the library if there are none.
    Chosen(Vec<PathBuf>),
    /// What changed in watched folders. The sender hears whether the look was made, or has to wait because
    /// another process reads photos.
    Watched(Due, Sender<bool>),
}

/// The job: none, or one that runs, with what waits for its turn.
pub struct Job {
    shelf: Shelf,
    /// Waits for it.
    learning: Learning,
    /// Whether it waits while the power comes from a battery.
    waits_for_mains: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    waiting: VecDeque<Work>,
    listener: Option<Channel<JobNews>>,
    news: Option<JobNews>,
    /// Whom the user's answer goes to, while the job asks.
    asked: Option<Sender<MoveAnswer>>,
}

/// What the user says of a folder that looks like one of the library at a new place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum MoveAnswer {
    /// It is that folder.
    TakeOver,
    /// It is another folder with the same photos.
    KeepApart,
}

struct Running {
    control: Arc<Control>,
    progress: Progress,
    paused: bool,
    on_battery: bool,
}

impl State {
    /// Tells the window, and remembers it for a window that asks later.
    fn tell(&mut self, news: JobNews) {
        if let Some(listener) = &self.listener
            && listener.send(news.clone()).is_err()
        {
            // The window is gone or was loaded anew; it asks again when it is back.
            self.listener = None;
        }
        self.news = Some(news);
    }

    fn tell_progress(&mut self) {
        if let Some(running) = &self.running {
            let news = JobNews::Running {
                progress: running.progress.clone(),
                paused: running.paused,
                on_battery: running.on_battery,
            };
            self.tell(news);
        }
    }
}

impl Job {
    pub fn new(shelf: Shelf, learning: Learning) -> Self {
        Self {
            shelf,
            learning,
            waits_for_mains: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Sends all news from now on to `listener`, beginning with the latest.
    pub fn follow(&self, listener: Channel<JobNews>) {
        let mut state = self.state();
        state.listener = Some(listener);
        if let Some(news) = state.news.clone() {
            state.tell(news);
        }
    }

    /// Looks through `folders` (all known ones if there are none) as soon as nothing else runs.
    pub fn start(self: &Arc<Self>, folders: Vec<PathBuf>) {
        self.begin(Work::Chosen(folders));
    }

    /// Looks at what changed as soon as nothing else runs, and waits until that is done; says whether the
    /// look is to be made again later, because another process reads photos.
    pub fn look(self: &Arc<Self>, due: Due) -> bool {
        let (tell, told) = channel();
        self.begin(Work::Watched(due, tell));
        // Nothing is said of a look that the user cancelled.
        told.recv().unwrap_or(false)
    }

    fn begin(self: &Arc<Self>, work: Work) {
        let mut state = self.state();
        if state.running.is_some() {
            state.waiting.push_back(work);
            return;
        }
        let control = Arc::new(Control::in_the_background());
        state.running = Some(Running {
            control: Arc::clone(&control),
            progress: Progress {
                phase: Phase::Scanning,
                done: 0,
                total: 0,
                faces: 0,
                failed: 0,
                speed: None,
                seconds_left: None,
            },
            paused: false,
            on_battery: false,
        });
        state.tell_progress();
        self.learning.wait_while_reading(true);
        drop(state);
        let job = Arc::clone(self);
        thread::spawn(move || {
            let told = Arc::downgrade(&job);
            control.wait_for_mains(Arc::clone(&job.waits_for_mains), move |waits| {
                if let Some(job) = told.upgrade() {
                    job.set_on_battery(waits);
                }
            });
            job.run(work, &control);
        });
    }

    /// From now on waits while the power comes from a battery, or does not.
    pub fn wait_for_mains(&self, wanted: bool) {
        self.waits_for_mains.store(wanted, Ordering::Relaxed);
    }

    fn set_on_battery(&self, on_battery: bool) {
        let mut state = self.state();
        if let Some(running) = &mut state.running {
            running.on_battery = on_battery;
            state.tell_progress();
        }
    }

    /// Waits after the photo in hand.
    pub fn pause(&self) {
        self.set_paused(true);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.set_paused(false);
    }

    /// Stops after the photo in hand, and forgets the folders that wait. What was read stays.
    pub fn cancel(&self) {
        let mut state = self.state();
        state.waiting.clear();
        if let Some(running) = &state.running {
            running.control.cancel();
        }
        // Only now: who waits for an answer looks whether the job is cancelled.
        state.asked = None;
    }

    /// Goes on with what the user says of the folder that was asked about.
    pub fn answer(&self, answer: MoveAnswer) {
        if let Some(asked) = self.state().asked.take() {
            // The job may have ended meanwhile.
            let _ = asked.send(answer);
        }
    }

    /// Asks the user about each of the folders that looks like one of the library at a new place.
    fn ask_about_moves(
        &self,
        library: &Library,
        folders: &[PathBuf],
        control: &Control,
    ) -> kith_engine::Result<()> {
        for folder in folders {
            let Some(moved) = library.moved_folder(folder, control)? else {
                continue;
            };
            let (tell, told) = channel();
            {
                let mut state = self.state();
                if control.is_cancelled() {
                    return Ok(());
                }
                state.asked = Some(tell);
                let moved = moved.clone();
                state.tell(JobNews::Asking { moved });
            }
            match told.recv() {
                Ok(MoveAnswer::TakeOver) => (),
                Ok(MoveAnswer::KeepApart) => library.keep_apart(&moved)?,
                // Nobody answers when the job is cancelled.
                Err(_) => return Ok(()),
            }
            self.state().tell_progress();
        }
        Ok(())
    }

    fn set_paused(&self, paused: bool) {
        let mut state = self.state();
        if let Some(running) = &mut state.running {
            if paused {
                running.control.pause();
            } else {
                running.control.resume();
            }
            running.paused = paused;
            state.tell_progress();
        }
    }

    fn run(&self, mut work: Work, control: &Control) {
        // Whether the user asked for any of it.
        let mut watched = true;
        loop {
            watched &= matches!(work, Work::Watched(..));
            let result = self.index(&work, control);
            let is_busy = matches!(result, Err(Problem::Busy));
            let postponed = match &work {
                Work::Watched(_, told) => {
                    // The watch may have been ended meanwhile.
                    let _ = told.send(is_busy);
                    is_busy
                }
                Work::Chosen(_) => false,
            };
            let mut state = self.state();
            if (result.is_ok() || postponed)
                && let Some(next) = state.waiting.pop_front()
            {
                work = next;
                continue;
            }
            state.running = None;
            for work in state.waiting.drain(..) {
                if let Work::Watched(_, told) = work {
                    // As above: the look is still due.
                    let _ = told.send(true);
                }
            }
            self.learning.wait_while_reading(false);
            state.tell(match result {
                Ok(summary) => JobNews::Finished { summary, watched },
                Err(_) if postponed => JobNews::Postponed,
                Err(problem) => JobNews::Failed { problem },
            });
            return;
        }
    }

    fn index(&self, work: &Work, control: &Control) -> Result<IndexSummary, Problem> {
        let library = self.shelf.library()?;
        let mut pace = Pace::default();
        let mut on_progress = |progress| {
            if let Some(progress) = pace.let_through(progress, Instant::now()) {
                self.report(progress);
            }
        };
        let summary = match work {
            Work::Chosen(folders) => {
                self.ask_about_moves(&library, folders, control)?;
                library.index(folders, control, &mut on_progress)
            }
            Work::Watched(due, _) => library.look(due, control, &mut on_progress),
        };
        if let Some(progress) = pace.finish() {
            self.report(progress);
        }
        Ok(summary?)
    }

    fn report(&self, progress: Progress) {
        let mut state = self.state();
        if let Some(running) = &mut state.running {
            running.progress = progress;
            state.tell_progress();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
