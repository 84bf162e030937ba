//! A few thousand inputs of each target; `./dev fuzz` goes on for as long as one likes.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use kith_fuzz::{TARGETS, Target, execute, input, memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Inputs of each target: some seconds.
fn inputs(target: &Target) -> u64 {
    match target.name {
        "catalog" => 40,
        "query" | "frames" | "network" => 20_000,
        _ => 2_000,
    }
}

#[test]
fn no_input_panics_hangs_or_takes_much_memory() {
    // One after the other: the memory is counted for the whole process.
    for target in &TARGETS {
        let corpus = (target.corpus)().unwrap();
        for (number, sound) in corpus.iter().enumerate() {
            execute(target, sound).unwrap_or_else(|failure| {
                panic!("{}, sound input {number}: {failure}", target.name)
            });
        }
        for number in 0..inputs(target) {
            let bytes = input(target, &corpus, 0, number);
            execute(target, &bytes).unwrap_or_else(|failure| {
                panic!("{}, seed 0, input {number}: {failure}", target.name)
            });
        }
    }
}
