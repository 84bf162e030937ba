//! The built command where something is in its way: a killed restore, a library that cannot be written, a
//! mistyped folder, a damaged catalog.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Who may do nothing: the user `nobody`.
const NOBODY: u32 = 65534;

struct Place {
    dir: TempDir,
}

impl Place {
    /// Two portraits, one of them named.
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let photos = place.path("photos");
        fs::create_dir(&photos).unwrap();
        for name in ["obama.jpg", "biden.jpg"] {
            let portraits = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
            fs::copy(Path::new(portraits).join(name), photos.join(name)).unwrap();
        }
        place.json(&["index", photos.to_str().unwrap()]);
        place.json(&["name", "1", "Joe"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("library")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        command.arg("--library").arg(self.library()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The objects that a command prints, one a line.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        objects(&output)
    }

    fn names(&self) -> Vec<String> {
        let people = self.json(&["people"]).into_iter();
        let names = people.filter_map(|person| Some(person["name"].as_str()?.to_owned()));
        names.collect()
    }
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Only this line on standard error, and exit status 1.
fn refused(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    let said = said(output);
    assert!(
        said.contains(words) && said.lines().count() == 1,
        "{words}: {said}"
    );
}

/// A restore that was killed between two renames left an empty library, called sound; the next restore
/// overwrote the last good catalog.
#[test]
fn a_killed_restore_is_done_or_undone() {
    let place = Place::new();
    let backup = place.path("kith.backup");
    let backup = backup.to_str().unwrap();
    place.json(&["backup", backup]);
    place.json(&["name", "2", "Barack"]);
    let mut delay = Duration::ZERO;
    loop {
        let mut restore = place.command(&["restore", backup]);
        let mut child = restore
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        let names = place.names();
        assert!(names == ["Barack", "Joe"] || names == ["Joe"], "{names:?}");
        assert!(place.run(&["doctor"]).status.success());
        if ended {
            assert_eq!(names, ["Joe"]);
            break;
        }
        if names == ["Joe"] {
            place.json(&["name", "2", "Barack"]);
        }
        delay += Duration::from_millis(20);
    }
    let kept = place.json(&["backup", "--list"]);
    let before = kept
        .iter()
        .find(|copy| copy["reason"] == "before-restore")
        .unwrap();
    place.json(&["restore", before["name"].as_str().unwrap()]);
    assert_eq!(place.names(), ["Barack", "Joe"]);
}

/// Any folder that was mistyped became an empty library.
#[test]
fn a_mistyped_folder_gets_no_library() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let typo = elsewhere.path().join("typo");
    let there = elsewhere.path().join("there");
    fs::create_dir(&there).unwrap();
    let backup = place.path("kith.backup");
    let backup = backup.to_str().unwrap();
    for folder in [&typo, &there] {
        for arguments in [
            &["people"][..],
            &["faces"],
            &["search", "joe"],
            &["name", "1", "Anna"],
            &["undo"],
            &["backup", backup],
            &["model", "list"],
            &["doctor", "--repair"],
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
            let command = command.arg("--library").arg(folder).args(arguments);
            refused(&command.output().unwrap(), "There is no library in");
        }
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_kith"));
        let doctor = doctor.arg("--library").arg(folder).arg("doctor");
        let output = doctor.output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("none yet"));
    }
    assert!(!typo.exists() && fs::read_dir(&there).unwrap().next().is_none());
    // A restore may make one.
    place.json(&["backup", backup]);
    let mut restore = Command::new(env!("CARGO_BIN_EXE_kith"));
    let restore = restore.arg("--library").arg(&typo);
    assert!(
        restore
            .args(["restore", backup])
            .status()
            .unwrap()
            .success()
    );
    assert!(typo.join("catalog.sqlite").exists());
}

/// A path that looks like an address of `SQLite` opened it read-only, or another file.
#[test]
fn a_library_is_a_path_and_no_address() {
    let place = Place::new();
    let photos = place.path("photos");
    let output = Command::new(env!("CARGO_BIN_EXE_kith"))
        .current_dir(place.dir.path())
        .args(["--library", "file:x?mode=ro", "index"])
        .arg(&photos)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(place.path("file:x?mode=ro/catalog.sqlite").exists());
    assert!(!place.path("x").exists());
}

/// Nothing of a library could be listed where nothing could be written.
#[test]
fn a_library_that_cannot_be_written_is_read() {
    let place = Place::new();
    let people = place.json(&["people"]);
    let set_mode = |folder: u32, file: u32| {
        let mut below = vec![place.library()];
        while let Some(path) = below.pop() {
            let is_dir = path.is_dir();
            if is_dir {
                below.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
            let mode = if is_dir { folder } else { file };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    set_mode(0o555, 0o444);
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        if fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0)
        {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap()
    };
    let listed = run(&["people", "--json"]);
    assert!(listed.status.success(), "{}", said(&listed));
    assert_eq!(objects(&listed), people);
    assert!(
        said(&listed).contains("can only be read"),
        "{}",
        said(&listed)
    );
    let found = run(&["search", "joe", "--json"]);
    assert_eq!(objects(&found).len(), 1);
    let copy = std::env::temp_dir().join(format!("kith-copy-{}", std::process::id()));
    assert!(run(&["backup", copy.to_str().unwrap()]).status.success());
    fs::remove_file(&copy).unwrap();
    for arguments in [&["name", "2", "Anna"][..], &["undo"], &["index"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let last = said(&output);
        let last = last.lines().last().unwrap();
        assert!(
            last.contains("Nothing was changed"),
            "{arguments:?}: {last}"
        );
    }
    set_mode(0o700, 0o600);
    assert_eq!(place.json(&["people"]), people);
}

#[test]
fn a_damaged_catalog_is_told_and_repaired() {
    let place = Place::new();
    let people = place.json(&["people"]);
    let catalog = place.library().join("catalog.sqlite");
    let whole = fs::read(&catalog).unwrap();
    fs::write(&catalog, &whole[..whole.len() - 4096]).unwrap();
    for command in ["people", "doctor"] {
        refused(&place.run(&[command]), "damaged");
    }
    let summary = place.json(&["doctor", "--repair"]).remove(0);
    assert!(summary["damage"].is_string(), "{summary}");
    assert_eq!(place.json(&["people"]), people);
    // Of nothing, only a backup helps.
    fs::write(&catalog, []).unwrap();
    refused(&place.run(&["people"]), "damaged");
    let output = place.run(&["doctor", "--repair"]);
    refused(&output, "kith restore");
    let kept = place.json(&["backup", "--list"]);
    let daily = kept.iter().find(|copy| copy["reason"] == "daily").unwrap();
    place.json(&["restore", daily["name"].as_str().unwrap()]);
    assert_eq!(place.names().len(), 0, "kept before the name was given");
}
