//! Kills the command (SIGKILL) in the middle of all that it does to a library, and checks that no answer is
//! lost and the catalog is sound: looking, naming, grouping anew, backup, restore, migration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kith_engine::Library;

use super::check::Violation;
use super::model::{Model, Said};
use super::{Dice, Life, Program, old_catalog};

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Killed {
    Looking,
    Naming,
    Grouping,
    Backup,
    Restore,
    Migration,
}

const KINDS: [Killed; 6] = [
    Killed::Looking,
    Killed::Naming,
    Killed::Grouping,
    Killed::Backup,
    Killed::Restore,
    Killed::Migration,
];

/// What came of many kills.
#[derive(Debug, Default)]
pub struct Kills {
    /// How often each was killed before it ended.
    pub killed: BTreeMap<String, u32>,
    /// How often one had ended before it could be killed.
    pub ended: u32,
    /// What was not as it must be.
    pub wrong: Vec<Violation>,
    /// What was done.
    pub trace: Vec<String>,
}

/// Kills the command `count` times in a life drawn from `seed`.
///
/// # Errors
/// When the harness itself fails.
pub fn kills(
    portraits: &Path,
    kith: &Path,
    seed: u64,
    count: u32,
    without: &[String],
) -> Result<Kills> {
    let dir = tempfile::Builder::new().prefix("kith-kills-").tempdir()?;
    let mut life = Life::new(&dir.path().canonicalize()?, portraits, kith, seed)?;
    life.without = without.to_vec();
    let mut kills = Kills::default();
    let mut wrong = life.look()?;
    for _ in 0..6 {
        if wrong.is_empty() {
            wrong = life.action()?;
        }
    }
    let mut backup = None;
    let mut times: BTreeMap<Killed, Duration> = BTreeMap::new();
    for number in 0..count {
        if !wrong.is_empty() {
            break;
        }
        // From now and then the window is open beside it.
        if life.dice.chance(0.5) {
            life.library = None;
        }
        let kind = KINDS[number as usize % KINDS.len()];
        let longest = *times.entry(kind).or_insert(Duration::from_millis(400));
        let time = longest.mul_f32(life.dice.share());
        life.note(format!("{kind:?}, killed after {time:?}"));
        let begun = Instant::now();
        let came = life.killed_while(kind, time, &mut backup, portraits);
        let (ended, now) = came.unwrap_or_else(|error| {
            let what = format!("{error:#}");
            let kind = "the step failed";
            (false, vec![Violation { kind, what }])
        });
        wrong = now;
        if ended {
            kills.ended += 1;
            // Shorter the next time, so that the kills meet the work and not its end.
            times.insert(kind, begun.elapsed().min(longest));
        } else {
            *kills.killed.entry(format!("{kind:?}")).or_default() += 1;
            times.insert(kind, longest.mul_f32(1.1).min(Duration::from_secs(3)));
        }
    }
    if wrong.is_empty() {
        wrong = life.look()?;
    }
    if wrong.is_empty() {
        wrong = life.integrity()?;
    }
    kills.wrong = wrong;
    kills.trace = life.trace;
    Ok(kills)
}

impl Life {
    #[allow(clippy::too_many_lines)] // A list of operations, one after the other.
    fn killed_while(
        &mut self,
        kind: Killed,
        time: Duration,
        backup: &mut Option<(PathBuf, Vec<Model>)>,
        portraits: &Path,
    ) -> Result<(bool, Vec<Violation>)> {
        // What is said has to be about what the library has seen.
        if self.stale && matches!(kind, Killed::Naming | Killed::Grouping) {
            let wrong = self.look()?;
            if !wrong.is_empty() {
                return Ok((false, wrong));
            }
        }
        let ended = match kind {
            Killed::Looking => {
                self.file_operation()?;
                if self.disk.files.len() < super::MOST_PHOTOS {
                    self.add_photo()?;
                }
                let roots = self.readable_roots();
                let folders: Vec<String> =
                    roots.iter().map(|of| of.display().to_string()).collect();
                let mut arguments = vec!["index"];
                arguments.extend(folders.iter().map(String::as_str));
                self.stale = true;
                self.program.killed_after(&arguments, time)?
            }
            Killed::Naming => {
                let seen = self.observed()?;
                let people: Vec<u32> = seen.people.keys().copied().collect();
                ensure!(!people.is_empty(), "nobody to name");
                let person = *self.dice.pick(&people);
                return self.naming_killed(person, time);
            }
            Killed::Grouping => {
                let step = *self
                    .dice
                    .pick(&["very-careful", "careful", "balanced", "generous"]);
                let before = self.library()?.history()?.len();
                let ended = self.program.killed_after(&["sureness", step], time)?;
                let history = self.library()?.history()?;
                if history.len() > before {
                    self.model.log.0.push((history[0].decision, Said::Other));
                }
                ended
            }
            Killed::Backup => {
                let file = self.program.library().with_file_name("killed.kith");
                let path = file.display().to_string();
                if backup.is_none() {
                    self.program.lines(&["backup", &path])?;
                    *backup = Some((file.clone(), vec![self.model.clone()]));
                }
                let ended = self.program.killed_after(&["backup", &path], time)?;
                let before = backup.as_ref().context("there is one")?.1.clone();
                let mut may_be = vec![self.model.clone()];
                may_be.extend(before);
                let found = backup_of(&file, &may_be)?;
                let Some(found) = found else {
                    return Ok((
                        ended,
                        vec![Violation {
                            kind: "backup of no moment",
                            what: path,
                        }],
                    ));
                };
                *backup = Some((file, vec![found]));
                ended
            }
            Killed::Restore => {
                let Some((file, models)) = backup.clone() else {
                    return Ok((true, Vec::new()));
                };
                let path = file.display().to_string();
                let ended = self.program.killed_after(&["restore", &path], time)?;
                let now = self.library()?.history()?;
                let ids = |model: &Model| model.log.0.iter().map(|(id, _)| *id).collect::<Vec<_>>();
                let shown: Vec<u32> = now.iter().rev().map(|entry| entry.decision).collect();
                let old = models[0].clone();
                if shown == ids(&old) {
                    let known = self.model.clone();
                    self.model = old;
                    self.model.numbers_of(&known);
                    (self.stale, self.restored) = (true, true);
                } else if shown != ids(&self.model) {
                    let what = format!("history {shown:?} after a killed restore");
                    return Ok((
                        ended,
                        vec![Violation {
                            kind: "library of no moment",
                            what,
                        }],
                    ));
                }
                ended
            }
            Killed::Migration => {
                return migration_killed(&self.program, portraits, time, &mut self.dice);
            }
        };
        let mut wrong = self.integrity()?;
        if wrong.is_empty() && (!self.stale || self.dice.chance(0.5)) {
            wrong = if self.stale {
                self.look()?
            } else {
                self.check()?
            };
        }
        Ok((ended, wrong))
    }
}

/// Which of these moments a backup holds, by its log; none where it is not whole.
fn backup_of(file: &Path, may_be: &[Model]) -> Result<Option<Model>> {
    let dir = tempfile::tempdir()?;
    fs::copy(file, dir.path().join("catalog.sqlite"))?;
    let Ok(library) = Library::open(dir.path()) else {
        return Ok(None);
    };
    let log: Vec<u32> = library
        .history()?
        .iter()
        .rev()
        .map(|entry| entry.decision)
        .collect();
    let same = |model: &&Model| {
        model
            .log
            .0
            .iter()
            .map(|(id, _)| *id)
            .eq(log.iter().copied())
    };
    Ok(may_be.iter().find(same).cloned())
}

/// A catalog of an older version is opened, which is killed; opened again it has all it had.
fn migration_killed(
    program: &Program,
    portraits: &Path,
    time: Duration,
    dice: &mut Dice,
) -> Result<(bool, Vec<Violation>)> {
    let dir = tempfile::tempdir()?;
    let old = old_catalog(&dir.path().join("library"), portraits)?;
    let program = Program::new(program.kith(), &dir.path().join("library"));
    // Opening takes some ten milliseconds.
    let time = time.min(Duration::from_millis(u64::from(dice.below(40))));
    let ended = program.killed_after(&["people"], time)?;
    let people = program.lines(&["people"])?;
    let mut names: Vec<String> = people
        .iter()
        .filter_map(|person| person["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    let wrong = if names == old {
        Vec::new()
    } else {
        vec![Violation {
            kind: "migration",
            what: format!("got {names:?}, want {old:?}"),
        }]
    };
    Ok((ended, wrong))
}
