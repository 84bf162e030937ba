//! Feeds damaged and hostile bytes to everything in Kith that reads files, and watches what that takes.
//!
//! A [`Target`] reads bytes; its corpus is a handful of sound inputs that code makes. An input is a sound one
//! after some mutations, all of them determined by the target's name, a seed and a number, so that whatever
//! was found is found again by these three. An execution fails when it panics, takes more than
//! [`MAX_SECONDS`], or more than [`MAX_BYTES`] of memory.

pub mod corpus;
pub mod memory;
mod mutate;
pub mod targets;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

pub use targets::{TARGETS, Target};

/// Longest execution, in seconds.
pub const MAX_SECONDS: u64 = 10;
/// Most memory of an execution beside its input.
pub const MAX_BYTES: usize = 1 << 30;

/// What an execution took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Time.
    pub time: Duration,
    /// Bytes that were allocated at most at one time, in Rust.
    pub bytes: usize,
}

/// The input of an execution.
#[must_use]
pub fn input(target: &Target, corpus: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let mixed = blake3::hash(format!("{} {seed} {number}", target.name).as_bytes());
    let mixed = mixed
        .as_bytes()
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    mutate::mutated(corpus, &mut fastrand::Rng::with_seed(mixed))
}

/// Runs a target once.
///
/// # Errors
/// What was wrong: a panic, too much time, too much memory.
pub fn execute(target: &Target, input: &[u8]) -> Result<Cost, String> {
    memory::begin();
    let begin = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let cost = Cost {
        time: begin.elapsed(),
        bytes: memory::most(),
    };
    if let Err(panic) = outcome {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        return Err(format!("it panicked: {}", said.unwrap_or("without a word")));
    }
    if cost.time > Duration::from_secs(MAX_SECONDS) {
        return Err(format!("it took {:.1?}", cost.time));
    }
    if cost.bytes > MAX_BYTES {
        return Err(format!("it took {} MB", cost.bytes >> 20));
    }
    Ok(cost)
}
