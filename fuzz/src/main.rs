//! Runs the targets for some minutes each: `./dev fuzz MINUTES [TARGET]`.
//!
//! Each target runs in a process of its own, so that what ends a process is found, too. What failed is kept in
//! the folder that is given, and told at the end.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Parser;
use kith_fuzz::{Cost, MAX_SECONDS, TARGETS, Target, execute, input, memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Feeds damaged and hostile bytes to everything in Kith that reads files.
#[derive(Parser)]
struct Arguments {
    /// Minutes for each target.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Where inputs that failed are kept.
    #[arg(long, default_value = "target/fuzz")]
    folder: PathBuf,
    /// Which of the endless rows of inputs; by default another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// The first input of the row.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs only this file's bytes.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Runs in this process, and so ends with it.
    #[arg(long, hide = true)]
    alone: bool,
    /// Which target; all where none is named.
    target: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let wanted = |target: &&Target| {
        arguments
            .target
            .as_ref()
            .is_none_or(|name| target.name == name)
    };
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    if targets.is_empty() {
        let names = TARGETS.map(|target| target.name).join(", ");
        bail!("There is no such target. There are: {names}.");
    }
    fs::create_dir_all(&arguments.folder).context("The folder cannot be made")?;
    if let Some(file) = &arguments.file {
        let bytes = fs::read(file).with_context(|| format!("Cannot read {}", file.display()))?;
        for target in targets {
            println!("{}: {:?}", target.name, execute(target, &bytes));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut failures = 0;
    for target in targets {
        failures += if arguments.alone {
            run(target, &arguments)?
        } else {
            watch(target, &arguments)?
        };
    }
    if arguments.alone {
        return Ok(ExitCode::from(failures.min(99) as u8));
    }
    println!(
        "{failures} failures; what failed is in {}.",
        arguments.folder.display()
    );
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where a process says which input it runs.
fn progress_file(folder: &Path, target: &Target) -> PathBuf {
    folder.join(format!("{}.at", target.name))
}

fn keep(folder: &Path, target: &Target, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let hash = blake3::hash(bytes).to_hex();
    let path = folder.join(format!("{}-{}", target.name, &hash[..12]));
    fs::write(&path, bytes).context("What failed cannot be kept")?;
    Ok(path)
}

/// Runs a target in processes of its own until the time is over, and returns how many kinds of failures were
/// found. One that ends, ends with the input it ran.
fn watch(target: &Target, arguments: &Arguments) -> anyhow::Result<usize> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let end = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let (mut from, mut failures) = (arguments.from, 0);
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_secs_f64() / 60.0;
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("--alone").arg(target.name);
        child.arg("--minutes").arg(left.to_string());
        child
            .arg("--seed")
            .arg(seed.to_string())
            .arg("--from")
            .arg(from.to_string());
        let status = child.arg("--folder").arg(&arguments.folder).status()?;
        if let Some(code @ 0..=99) = status.code() {
            return Ok(failures + code as usize);
        }
        let at = fs::read_to_string(progress_file(&arguments.folder, target))?;
        let number: u64 = at.trim().parse()?;
        let bytes = input(target, &(target.corpus)()?, seed, number);
        let path = keep(&arguments.folder, target, &bytes)?;
        println!(
            "{}: seed {seed}, input {number} ended the process ({status}): {}",
            target.name,
            path.display()
        );
        failures += 1;
        from = number + 1;
    }
}

/// Runs a target in this process until the time is over, and returns how many kinds of failures were found.
fn run(target: &Target, arguments: &Arguments) -> anyhow::Result<usize> {
    let seed = arguments.seed.unwrap_or_default();
    let corpus = (target.corpus)().with_context(|| format!("The corpus of {}", target.name))?;
    for sound in &corpus {
        if let Err(failure) = execute(target, sound) {
            bail!("{}: a sound input fails: {failure}", target.name);
        }
    }
    // Only what is wrong is to be read.
    std::panic::set_hook(Box::new(|_| {}));
    let mut progress = File::create(progress_file(&arguments.folder, target))?;
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(arguments.minutes * 60.0);
    let running = Arc::new(AtomicU64::new(0));
    end_what_hangs(&running);
    let mut kinds = BTreeSet::new();
    let mut most = Cost {
        time: Duration::ZERO,
        bytes: 0,
    };
    let mut number = arguments.from;
    while Instant::now() < end {
        let bytes = input(target, &corpus, seed, number);
        progress.seek(SeekFrom::Start(0))?;
        progress.write_all(format!("{number:20}").as_bytes())?;
        running.fetch_add(1, Relaxed);
        match execute(target, &bytes) {
            Ok(cost) => {
                most.time = most.time.max(cost.time);
                most.bytes = most.bytes.max(cost.bytes);
            }
            Err(failure) => {
                // Numbers differ from one input to the next, the kind does not.
                let kind: String = failure.chars().filter(|c| !c.is_ascii_digit()).collect();
                if kinds.insert(kind) {
                    let path = keep(&arguments.folder, target, &bytes)?;
                    println!(
                        "{}: seed {seed}, input {number}: {failure}: {}",
                        target.name,
                        path.display()
                    );
                }
            }
        }
        number += 1;
    }
    println!(
        "{}: seed {seed}, {} executions in {:.1} min, at most {:.2?} and {} MB, {} kinds of failures",
        target.name,
        number - arguments.from,
        begin.elapsed().as_secs_f64() / 60.0,
        most.time,
        most.bytes >> 20,
        kinds.len()
    );
    Ok(kinds.len())
}

/// Ends this process when one execution goes on far too long.
fn end_what_hangs(running: &Arc<AtomicU64>) {
    let running = Arc::clone(running);
    thread::spawn(move || {
        loop {
            let number = running.load(Relaxed);
            thread::sleep(Duration::from_secs(3 * MAX_SECONDS));
            if number > 0 && running.load(Relaxed) == number {
                std::process::abort();
            }
        }
    });
}
