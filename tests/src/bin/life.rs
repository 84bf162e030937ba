//! Lives random lives with photographs and says which went wrong: `./dev life` runs it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kith_journeys::life;

const USAGE: &str = "\
usage: life [--seed FIRST] [--seeds N] [--steps N] [--minutes M] [--shrink] [--without KIND,…]
       life --kills N [--seed FIRST]
       life --full-disk N";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut first, mut seeds, mut steps, mut time, mut shrink) = (1, None, 200, None, false);
    let (mut kills, mut full, mut without) = (None, None, Vec::new());
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
            _ => bail!("{USAGE}"),
        }
    }
    let portraits = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"));
    let kith = std::env::current_exe()?.with_file_name("kith");
    if let Some(count) = kills {
        let kills = life::kills(portraits, &kith, first, count)?;
        println!(
            "seed {first}: {:?}, {} had ended before",
            kills.killed, kills.ended
        );
        return told(&kills.trace, &kills.wrong);
    }
    if let Some(places) = full {
        let full = life::full_disk(portraits, &kith, places)?;
        let full = full.context("It needs a C compiler.")?;
        println!(
            "{} places of {:?}, {} were told",
            full.places, full.all, full.told
        );
        return told(&[], &full.wrong);
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
