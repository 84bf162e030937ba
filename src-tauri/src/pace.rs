//! Keeps a stream of messages down to a rate the window can follow.

use std::time::{Duration, Instant};

/// The shortest time between two messages: twenty a second.
pub const GAP: Duration = Duration::from_millis(50);

/// Holds back what comes too soon after what was let through; only the newest is kept.
#[derive(Debug)]
pub struct Pace<T> {
    last: Option<Instant>,
    held: Option<T>,
}

impl<T> Default for Pace<T> {
    fn default() -> Self {
        Self {
            last: None,
            held: None,
        }
    }
}

impl<T> Pace<T> {
    /// Gives `message` back if it may go out `now`; otherwise holds it in place of an older one.
    pub fn let_through(&mut self, message: T, now: Instant) -> Option<T> {
        if self.last.is_some_and(|last| now.duration_since(last) < GAP) {
            self.held = Some(message);
            return None;
        }
        self.last = Some(now);
        self.held = None;
        Some(message)
    }

    /// The last message, if it was held back.
    pub fn finish(&mut self) -> Option<T> {
        self.held.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_messages_in_a_second_become_twenty_and_the_last_one_is_not_lost() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut sent: Vec<u32> = (0..1000)
            .filter_map(|n| pace.let_through(n, start + Duration::from_millis(n.into())))
            .collect();
        assert_eq!(sent.len(), 20);
        sent.extend(pace.finish());
        assert_eq!(sent.last(), Some(&999));
        assert_eq!(pace.finish(), None);
    }
}
