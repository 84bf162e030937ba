//! Lets a library's disk be full from a certain write on, at every place of the write path, and checks that
//! nothing is lost, that it can be read meanwhile, and that work goes on when there is room again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Dice, Program, Studio, Violation};

/// The library that the loader puts before the system's: it counts what is written below a folder and lets
/// it fail from a certain place on.
const FULL: &str = include_str!("full_disk.c");

/// What came of full disks.
#[derive(Debug, Default)]
pub struct FullDisk {
    /// Places of the write path that were tried.
    pub places: u32,
    /// How many there are, by what was done.
    pub all: BTreeMap<&'static str, u32>,
    /// At how many the command said that it failed; elsewhere it could do without.
    pub told: u32,
    /// What was not as it must be.
    pub wrong: Vec<Violation>,
}

/// What is done while the disk is full.
const WORK: [&str; 5] = ["index", "name", "backup", "restore", "encrypt"];

/// Of the library, once it is encrypted.
const PASSPHRASE: &str = "correct horse";

/// Tries `places` places, spread over all writes of a look, a name, a backup, a restore and an
/// encryption. None where
/// there is no C compiler.
///
/// # Errors
/// When the harness itself fails.
pub fn full_disk(portraits: &Path, kith: &Path, places: u32) -> Result<Option<FullDisk>> {
    let dir = tempfile::Builder::new().prefix("kith-full-").tempdir()?;
    let dir = dir.path().canonicalize()?;
    let Some(shim) = compiled(&dir)? else {
        return Ok(None);
    };
    let tried = Tried::prepare(&dir, portraits, kith, shim)?;
    let mut result = FullDisk::default();
    for work in WORK {
        let count = tried.count(work)?;
        result.all.insert(work, count);
    }
    let total: u32 = result.all.values().sum();
    ensure!(total >= places, "only {total} writes");
    for place in 0..places {
        // Spread evenly, the first and the last write among them.
        let mut at = place * (total - 1) / (places - 1).max(1);
        for work in WORK {
            let count = result.all[work];
            if at < count {
                result.places += 1;
                let wrong = tried.at(work, at)?;
                result.told += u32::from(wrong.0);
                result.wrong.extend(wrong.1);
                break;
            }
            at -= count;
        }
    }
    Ok(Some(result))
}

fn compiled(dir: &Path) -> Result<Option<PathBuf>> {
    let (source, shim) = (dir.join("full.c"), dir.join("full.so"));
    fs::write(&source, FULL)?;
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&shim, &source])
        .arg("-ldl")
        .output();
    match compiler {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success(), "the C compiler: {said}");
            Ok(Some(shim))
        }
        Err(_) => Ok(None),
    }
}

/// A library with names, a photo that it has not seen yet, and a backup.
struct Tried {
    dir: PathBuf,
    kith: PathBuf,
    shim: PathBuf,
}

impl Tried {
    fn prepare(dir: &Path, portraits: &Path, kith: &Path, shim: PathBuf) -> Result<Self> {
        small_library(dir, portraits, kith)?;
        Ok(Self {
            dir: dir.to_owned(),
            kith: kith.to_owned(),
            shim,
        })
    }

    /// The library as it was in the beginning.
    fn fresh(&self) -> Result<Program> {
        let library = self.dir.join("disk/library");
        if library.exists() {
            fs::remove_dir_all(self.dir.join("disk"))?;
        }
        copy_all(&self.dir.join("as it was"), &library)?;
        Ok(Program::new(&self.kith, &library).with_passphrase(PASSPHRASE))
    }

    fn arguments(&self, program: &Program, work: &str) -> Result<Vec<String>> {
        let disk = self.dir.join("disk");
        Ok(match work {
            "index" => vec!["index".into()],
            "name" => {
                let people = program.lines(&["people"])?;
                let unnamed = people.iter().find(|person| person["name"].is_null());
                let person = unnamed.context("somebody has no name")?["person"].to_string();
                vec!["name".into(), person, "Ben".into()]
            }
            "encrypt" => vec!["encrypt".into()],
            "backup" => vec!["backup".into(), disk.join("new.kith").display().to_string()],
            _ => {
                let older = self.dir.join("older.kith");
                vec!["restore".into(), older.display().to_string()]
            }
        })
    }

    /// Runs the command with the disk full from the write of that number on.
    fn full(&self, program: &Program, arguments: &[String], at: u32) -> Result<Output> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = program.command(&arguments);
        command
            .env("LD_PRELOAD", &self.shim)
            .env("KITH_FULL_BELOW", self.dir.join("disk"))
            .env("KITH_FULL_COUNT", self.dir.join("count"))
            .env("KITH_FULL_AT", at.to_string());
        Ok(command.output()?)
    }

    /// How many writes there are when the disk has room.
    fn count(&self, work: &str) -> Result<u32> {
        let program = self.fresh()?;
        let arguments = self.arguments(&program, work)?;
        let output = self.full(&program, &arguments, u32::MAX)?;
        ensure!(output.status.success(), "{work}: {}", said(&output));
        let count = fs::read_to_string(self.dir.join("count")).context("nothing was counted")?;
        Ok(count.trim().parse()?)
    }

    /// Tries one place, and says whether the command told of it, and what is wrong.
    fn at(&self, work: &'static str, at: u32) -> Result<(bool, Vec<Violation>)> {
        let program = self.fresh()?;
        let mut wrong = Vec::new();
        let mut add = |kind: &'static str, what: String| {
            let what = format!("{work}, write {at}: {what}");
            wrong.push(Violation { kind, what });
        };
        let before = people(&program.lines(&["people"])?);
        let arguments = self.arguments(&program, work)?;
        let output = self.full(&program, &arguments, at)?;
        let told = match output.status.code() {
            Some(0) => false,
            Some(1) => {
                let said = said(&output);
                let clear = ["full", "room", "space"]
                    .iter()
                    .any(|word| said.contains(word));
                if !clear || said.contains("panicked") || said.lines().count() > 3 {
                    add("unclear message on a full disk", said);
                }
                true
            }
            _ => {
                add("a full disk ends the program", said(&output));
                true
            }
        };
        // What is there can be read while there is no room at all.
        let list = self.full(&program, &["people".into()], 0)?;
        if list.status.success() {
            let now = people(&lines(&list)?);
            let may_be = before
                .iter()
                .all(|(name, _)| now.iter().any(|(other, _)| name == other));
            if !may_be && work != "restore" {
                add(
                    "lost on a full disk",
                    format!("got {now:?}, want {before:?}"),
                );
            }
        } else {
            add("not readable on a full disk", said(&list));
        }
        // There is room again.
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let again = program.run(&arguments)?;
        let is_done = work == "encrypt" && said(&again).contains("encrypted already");
        if !again.status.success() && !is_done {
            add("does not go on when there is room", said(&again));
        }
        let now = people(&program.lines(&["people"])?);
        let names: Vec<&str> = now.iter().filter_map(|(name, _)| name.as_deref()).collect();
        let want: &[&str] = match work {
            "name" => &["Anna", "Ben"],
            "restore" => &[],
            _ => &["Anna"],
        };
        if names != want {
            add(
                "lost on a full disk",
                format!("got {names:?}, want {want:?}"),
            );
        }
        let opened = kith_engine::Library::open_with(program.library(), Some(PASSPHRASE));
        if let Err(error) = opened.and_then(|library| library.check()) {
            add("damaged catalog", error.to_string());
        }
        if work == "backup" {
            let restored = Program::new(&self.kith, &self.dir.join("disk/restored"));
            let file = self.dir.join("disk/new.kith").display().to_string();
            restored.lines(&["restore", &file])?;
        }
        Ok((told, wrong))
    }
}

/// Makes a library below `dir` (`as it was`) of four photos of `photos`, where two more lie that it has not
/// seen, with one name; and an older backup of it (`older.kith`) without the name.
///
/// # Errors
/// When the command fails.
pub(super) fn small_library(dir: &Path, portraits: &Path, kith: &Path) -> Result<()> {
    let photos = dir.join("photos");
    fs::create_dir(&photos)?;
    let mut studio = Studio::open(portraits)?;
    let mut dice = Dice::new(1);
    let mut add = |name: u32| -> Result<()> {
        let photo = studio.photo(&mut dice)?;
        let path = photos.join(format!("{name}.{}", photo.extension));
        Ok(fs::write(path, &photo.bytes)?)
    };
    (0..4).try_for_each(&mut add)?;
    let program = Program::new(kith, &dir.join("as it was"));
    program.lines(&["index", &photos.display().to_string()])?;
    let people = program.lines(&["people"])?;
    let person = people[0]["person"].to_string();
    let backup = dir.join("older.kith").display().to_string();
    program.lines(&["backup", &backup])?;
    program.lines(&["name", &person, "Anna"])?;
    (4..6).try_for_each(&mut add)
}

/// Works with a library on a disk that cannot be written, and says what is wrong. None where the system does
/// not let us mount one.
///
/// # Errors
/// When the harness itself fails.
pub fn read_only_disk(portraits: &Path, kith: &Path) -> Result<Option<Vec<Violation>>> {
    // In a namespace of its own, so that nothing of it is left.
    const READ_ONLY: &str = r#"
        mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@""#;
    let dir = tempfile::Builder::new()
        .prefix("kith-read-only-")
        .tempdir()?;
    let dir = dir.path().canonicalize()?;
    let library = dir.join("as it was");
    small_library(&dir, portraits, kith)?;
    let run = |program: &Path, arguments: &[&str]| {
        Command::new("unshare")
            .args(["-rm", "sh", "-c", READ_ONLY, "-"])
            .arg(&library)
            .arg(program)
            .args(arguments)
            .output()
    };
    if !run(Path::new("true"), &[]).is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let mut wrong = Vec::new();
    let program = Program::new(kith, &library);
    let path = library.display().to_string();
    for command in ["people", "faces", "failed", "search Anna"] {
        let words: Vec<&str> = command.split(' ').collect();
        let arguments = [&words[..], &["--json", "--library", &path]].concat();
        let before = program.run(&words)?;
        let output = run(kith, &arguments)?;
        if !output.status.success() || output.stdout != before.stdout {
            let what = format!("kith {command}: {}", said(&output));
            let kind = "not readable on a read-only disk";
            wrong.push(Violation { kind, what });
        }
    }
    for command in ["name Anna Berta", "index"] {
        let words: Vec<&str> = command.split(' ').collect();
        let arguments = [&words[..], &["--library", &path]].concat();
        let output = run(kith, &arguments)?;
        let told = said(&output);
        let clear = ["written", "write", "read-only"]
            .iter()
            .any(|word| told.contains(word));
        if output.status.code() != Some(1) || !clear || told.contains("panicked") {
            let what = format!("kith {command}: {told}");
            let kind = "unclear message on a read-only disk";
            wrong.push(Violation { kind, what });
        }
    }
    Ok(Some(wrong))
}

pub(super) fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, said.trim())
}

pub(super) fn lines(output: &Output) -> Result<Vec<Value>> {
    let text = std::str::from_utf8(&output.stdout)?.lines();
    Ok(text
        .map(serde_json::from_str)
        .collect::<serde_json::Result<_>>()?)
}

/// Names and numbers of faces, by name.
fn people(lines: &[Value]) -> Vec<(Option<String>, u64)> {
    let mut people: Vec<(Option<String>, u64)> = lines
        .iter()
        .map(|person| {
            let name = person["name"].as_str().map(str::to_owned);
            (name, person["faces"].as_u64().unwrap_or_default())
        })
        .collect();
    people.sort();
    people
}

pub(super) fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
