//! Lives random lives with photographs and says which went wrong: `./dev life` runs it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kith_journeys::life;

const USAGE: &str = "\
usage: life [--seed FIRST] [--seeds N] [--steps N] [--minutes M] [--shrink] [--without KIND,…]
       life --kills N [--seed FIRST]
       life --full-disk N
       life --damages N [--seed FIRST]
       life --moved PHOTOS [--seed FIRST]";

/// Set for the process that was started again without the superuser's rights.
const STARTED_AGAIN: &str = "KITH_LIFE_STARTED_AGAIN";
/// The user and group that own nothing.
const NOBODY: &str = "65534";

fn main() -> ExitCode {
    if let Some(code) = without_rights() {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The superuser may read every file, so that permissions could not be tried: the program starts again as
/// nobody. None where it need not, or cannot.
fn without_rights() -> Option<ExitCode> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    if uid != 0 || std::env::var_os(STARTED_AGAIN).is_some() {
        return None;
    }
    let started = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(std::env::current_exe().ok()?)
        .args(std::env::args_os().skip(1))
        .env(STARTED_AGAIN, "1")
        .status();
    if let Ok(status) = started {
        Some(ExitCode::from(status.code().unwrap_or(1) as u8))
    } else {
        eprintln!("Permissions are not tried: this is the superuser, and setpriv is missing.");
        None
    }
}

fn run() -> Result<()> {
    let (mut first, mut seeds, mut steps, mut time, mut shrink) = (1, None, 200, None, false);
    let (mut kills, mut full, mut moved, mut damages) = (None, None, None, None);
    let mut without = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--shrink" {
            shrink = true;
            continue;
        }
        let value = arguments.next().context(USAGE)?;
        if argument == "--without" {
            without = value.split(',').map(str::to_owned).collect();
            let unknown = without
                .iter()
                .find(|kind| !life::KINDS.contains(&kind.as_str()));
            ensure!(unknown.is_none(), "kinds are {}", life::KINDS.join(", "));
            continue;
        }
        let number: u64 = value
            .parse()
            .with_context(|| format!("{value} is no number.\n{USAGE}"))?;
        match argument.as_str() {
            "--seed" => first = number,
            "--seeds" => seeds = Some(number),
            "--steps" => steps = number as u32,
            "--minutes" => time = Some(Duration::from_secs(60 * number)),
            "--kills" => kills = Some(number as u32),
            "--full-disk" => full = Some(number as u32),
            "--damages" => damages = Some(number as u32),
            "--moved" => moved = Some(number as usize),
            _ => bail!("{USAGE}"),
        }
    }
    let portraits = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"));
    let kith = std::env::current_exe()?.with_file_name("kith");
    if let Some(count) = kills {
        let kills = life::kills(portraits, &kith, first, count, &without)?;
        println!(
            "seed {first}: {:?}, {} had ended before",
            kills.killed, kills.ended
        );
        return told(&kills.trace, &kills.wrong);
    }
    if let Some(count) = damages {
        let damages = life::damages(portraits, &kith, first, count)?;
        println!(
            "{} damaged files, {} refused",
            damages.tried, damages.refused
        );
        return told(&[], &damages.wrong);
    }
    if let Some(places) = full {
        match life::read_only_disk(portraits, &kith)? {
            Some(wrong) => {
                println!("a read-only disk: {} wrong", wrong.len());
                told(&[], &wrong)?;
            }
            None => {
                println!("A read-only disk is not tried: it needs unshare with a mount namespace.");
            }
        }
        let full = life::full_disk(portraits, &kith, places)?;
        let full = full.context("It needs a C compiler.")?;
        println!(
            "{} places of {:?}, {} were told",
            full.places, full.all, full.told
        );
        return told(&[], &full.wrong);
    }
    if let Some(photos) = moved {
        for by in [life::By::Renaming, life::By::Restoring] {
            let moved = life::moved_library(portraits, &kith, first, photos, by)?;
            println!(
                "{photos} photos with {} confirmed faces, moved ({by:?}): {} answers lost or wrong",
                moved.confirmed,
                moved.wrong.len()
            );
            told(&moved.trace, &moved.wrong)?;
        }
        return Ok(());
    }
    // With a time and no number of seeds, seeds until the time is over.
    let seeds = seeds.unwrap_or(if time.is_some() { u64::MAX - first } else { 1 });
    life::live_many(
        portraits,
        &kith,
        first..first + seeds,
        steps,
        time,
        shrink,
        &without,
    )
}

fn told(trace: &[String], wrong: &[life::Violation]) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    for line in trace {
        println!("    {line}");
    }
    for wrong in wrong {
        println!("  {}: {}", wrong.kind, wrong.what);
    }
    bail!("{} things are not as they must be", wrong.len())
}
