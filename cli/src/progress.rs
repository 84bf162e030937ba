//! How far a long job is: a bar on a terminal, a plain line now and then elsewhere; always on
//! standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is written where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How often a bar is drawn at most, in frames a second.
const FRAMES: u8 = 10;

/// Shows how far a job is, until it is dropped.
pub struct Shown {
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    pace: Pace,
    last_line: Instant,
}

/// How fast what is being done goes. Each thing that is done, or done over, has a pace of its own.
struct Pace {
    doing: String,
    since: Instant,
    /// How much of it was done by then, and was last.
    before: u32,
    last: u32,
}

impl Pace {
    fn new() -> Self {
        Self {
            doing: String::new(),
            since: Instant::now(),
            before: 0,
            last: 0,
        }
    }

    /// Seconds until `total` are done.
    fn left(&mut self, doing: &str, done: u32, total: u32) -> Option<f32> {
        if doing != self.doing || done < self.last {
            // What begins has done one when it first tells.
            let before = done.saturating_sub(1);
            doing.clone_into(&mut self.doing);
            (self.since, self.before) = (Instant::now(), before);
        }
        self.last = done;
        let (spent, done) = (self.since.elapsed().as_secs_f32(), done - self.before);
        let left = total.saturating_sub(self.last) as f32;
        (done > 0 && spent > 2.0).then(|| spent / done as f32 * left)
    }
}

impl Shown {
    pub fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(FRAMES);
            let bar = ProgressBar::with_draw_target(Some(0), target);
            // A template that does not parse leaves indicatif's own.
            let style = ProgressStyle::with_template("{prefix} {wide_bar:.cyan/238} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("━━╌"));
            bar
        });
        Self {
            bar,
            pace: Pace::new(),
            last_line: Instant::now(),
        }
    }

    /// `done` of `total` things are done; `details` says more. `seconds_left` where the caller
    /// knows better than the pace so far.
    pub fn at(
        &mut self,
        doing: &str,
        done: u32,
        total: u32,
        details: &str,
        seconds_left: Option<f32>,
    ) {
        let left = seconds_left.or_else(|| self.pace.left(doing, done, total));
        let left = left.map_or_else(String::new, |left| format!(" · {} left", in_words(left)));
        let told = format!("{done} of {total}{details}{left}");
        if let Some(bar) = &self.bar {
            bar.set_length(u64::from(total));
            bar.set_position(u64::from(done));
            bar.set_prefix(doing.to_owned());
            bar.set_message(told);
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            // With standard error closed there is no one to tell.
            let _ = writeln!(io::stderr(), "{doing}: {told}");
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn in_words(seconds: f32) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Training once said that 127 hours were left, at the pace of the reading before it.
    #[test]
    fn what_comes_next_has_a_pace_of_its_own() {
        let mut pace = Pace::new();
        assert_eq!(pace.left("Reading", 16, 2_000), None);
        pace.since = Instant::now()
            .checked_sub(Duration::from_secs(900))
            .unwrap();
        let left = pace.left("Reading", 1_015, 2_015).unwrap();
        assert!((left - 900.0).abs() < 2.0, "{left}");
        assert_eq!(pace.left("Training", 1, 400), None);
        pace.since = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        let left = pace.left("Training", 200, 400).unwrap();
        assert!((left - 20.0).abs() < 0.5, "{left}");
        // The next training, of the same name.
        assert_eq!(pace.left("Training", 1, 400), None);
    }

    #[test]
    fn time_left_in_words() {
        assert_eq!(in_words(0.4), "0 s");
        assert_eq!(in_words(59.6), "1 min 00 s");
        assert_eq!(in_words(3725.0), "1 h 02 min");
    }
}
