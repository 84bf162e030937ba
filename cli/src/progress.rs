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
    started: Instant,
    last_line: Instant,
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
        let now = Instant::now();
        Self {
            bar,
            started: now,
            last_line: now,
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
        let left = seconds_left.or_else(|| self.pace_left(done, total));
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

    fn pace_left(&self, done: u32, total: u32) -> Option<f32> {
        let spent = self.started.elapsed().as_secs_f32();
        (done > 0 && spent > 2.0).then(|| spent / done as f32 * total.saturating_sub(done) as f32)
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
    use super::in_words;

    #[test]
    fn time_left_in_words() {
        assert_eq!(in_words(0.4), "0 s");
        assert_eq!(in_words(59.6), "1 min 00 s");
        assert_eq!(in_words(3725.0), "1 h 02 min");
    }
}
