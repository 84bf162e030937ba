//! The processes of a program that is tried, as Linux tells of them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The program's process, and those that it began.
pub fn of_program(program: &Path) -> Result<Vec<u32>> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    let mut ours = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = stat(format!("/proc/{pid}")) else {
            continue;
        };
        all.push((pid, stat[1].parse()?));
        if std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program) {
            ours.insert(pid);
        }
    }
    let first: Vec<u32> = ours.iter().copied().collect();
    loop {
        let before = ours.len();
        let born: Vec<u32> = all
            .iter()
            .filter(|(_, parent)| ours.contains(parent))
            .map(|(pid, _)| *pid)
            .collect();
        ours.extend(born);
        if ours.len() == before {
            break;
        }
    }
    let rest = ours.into_iter().filter(|pid| !first.contains(pid));
    Ok(first.iter().copied().chain(rest).collect())
}

/// The fields behind the name of a process (`/proc/PID`, its times those of all its threads) or of one thread
/// (`/proc/PID/task/TID`): its state, its parent, … (`proc(5)`).
pub fn stat(of: impl AsRef<Path>) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(of.as_ref().join("stat"))?;
    let (_, rest) = text.rsplit_once(") ").context("no name")?;
    Ok(rest.split(' ').map(str::to_owned).collect())
}
