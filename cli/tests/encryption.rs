//! The built command with an encrypted library.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const NAME: &str = "Joe Quartz";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A library of one photo, on which is Joe.
    fn with_joe() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let photos = place.path("photos");
        fs::create_dir(&photos).unwrap();
        let portraits = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
        fs::copy(
            Path::new(portraits).join("biden.jpg"),
            photos.join("biden.jpg"),
        )
        .unwrap();
        place.works(&["index", "photos"], None);
        place.works(&["name", "1", NAME], None);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a command that goes well prints.
    fn works(&self, arguments: &[&str], variable: Option<&str>) -> String {
        let output = self.run(arguments, variable);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str], variable: Option<&str>, expected: &str) {
        let output = self.run(arguments, variable);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
    }

    fn command(&self, arguments: &[&str], variable: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        if !arguments.contains(&"--library") {
            command.args(["--library", "library"]);
        }
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("KITH_PASSPHRASE")
            .stdin(Stdio::null());
        if let Some(passphrase) = variable {
            command.env("KITH_PASSPHRASE", passphrase);
        }
        command
    }

    fn run(&self, arguments: &[&str], variable: Option<&str>) -> Output {
        self.command(arguments, variable).output().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_library_is_encrypted_changed_and_decrypted_from_the_terminal() {
    let place = Place::with_joe();
    place.write("old", "correct horse\r\nnot the passphrase\n");
    place.write("new", "battery");
    let works = |arguments: &[&str], variable| place.works(arguments, variable);
    let fails = |arguments: &[&str], variable, expected| place.fails(arguments, variable, expected);
    fails(&["encrypt"], None, "--passphrase-file");
    fails(&["encrypt"], Some(""), "--passphrase-file");
    place.write("empty", "\n");
    fails(&["encrypt", "--passphrase-file", "empty"], None, "letter");
    fails(&["encrypt", "--passphrase-file", "none"], None, "none");
    fails(&["decrypt"], None, "not encrypted");
    let encrypted = works(&["encrypt", "--passphrase-file", "old", "--json"], None);
    assert_eq!(encrypted.trim(), "{\"encrypted\":true}");
    fails(&["people"], None, "passphrase");
    fails(&["people"], Some("wrong"), "not the passphrase");
    assert!(works(&["people"], Some("correct horse")).contains(NAME));
    assert!(works(&["people", "--passphrase-file", "old"], None).contains(NAME));
    works(&["backup", "kith.backup", "--passphrase-file", "old"], None);
    let change = [
        "passphrase",
        "--passphrase-file",
        "old",
        "--new-passphrase-file",
        "new",
    ];
    works(&change, None);
    fails(&change, None, "not the passphrase");
    assert!(works(&["people"], Some("battery")).contains(NAME));
    let doctor = works(&["doctor"], Some("battery"));
    assert!(doctor.contains("encrypted"), "{doctor}");
    works(&["doctor", "--repair"], Some("battery"));
    works(&["restore", "kith.backup"], Some("battery"));
    let elsewhere = ["restore", "kith.backup", "--library", "elsewhere"];
    fails(&elsewhere, Some("battery"), "not the passphrase");
    works(&elsewhere, Some("correct horse"));
    // Between two encrypted libraries, each with a passphrase of its own.
    let other = ["--library", "other"];
    works(&[&["index", "photos"], &other[..]].concat(), None);
    works(&[&["encrypt"], &other[..]].concat(), Some("other"));
    let restore = [&["restore", "kith.backup"], &other[..]].concat();
    fails(&restore, Some("other"), "not the passphrase");
    let both = [&restore[..], &["--backup-passphrase-file", "old"]].concat();
    works(&both, Some("other"));
    let people = [&["people"], &other[..]].concat();
    assert!(works(&people, Some("other")).contains(NAME));
    works(&["decrypt"], Some("battery"));
    assert!(works(&["people"], None).contains(NAME));
}

/// What fails writes, or kills before it; see there.
const SHIM: &str = include_str!("../../tests/src/life/full_disk.c");
const OLD: &str = "correct horse";
const NEW: &str = "battery";
/// Places at which each command is killed; `KITH_EVERY_PLACE` tries them all.
const PLACES: u32 = 8;

/// A kill before any write, rename or deletion leaves a library that opens in the old or in the new state, with
/// the same answers, and where it is encrypted with nothing in it that can be read.
#[test]
#[cfg(target_os = "linux")]
fn a_kill_while_the_key_changes_leaves_one_of_two_states() {
    let place = Place::with_joe();
    place.write("old", OLD);
    place.write("new", NEW);
    place.write("shim.c", SHIM);
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o", "shim.so", "shim.c", "-ldl"])
        .current_dir(place.dir.path())
        .status();
    assert!(compiled.unwrap().success());
    let plain = place.path("plain");
    copy_all(&place.path("library"), &plain);
    place.works(&["encrypt", "--passphrase-file", "old"], None);
    let encrypted = place.path("encrypted");
    copy_all(&place.path("library"), &encrypted);
    let faces = place.works(&["faces", "--json"], Some(OLD));
    let change = ["passphrase", "--new-passphrase-file", "new"];
    let works = [
        (&plain, &["encrypt"][..], None, Some(OLD)),
        (&encrypted, &["decrypt"][..], Some(OLD), None),
        (&encrypted, &change[..], Some(OLD), Some(NEW)),
    ];
    for (from, arguments, before, after) in works {
        let killed_at = |at: u32| {
            fs::remove_dir_all(place.path("library")).unwrap();
            copy_all(from, &place.path("library"));
            let mut command = place.command(arguments, Some(OLD));
            command
                .env("LD_PRELOAD", place.path("shim.so"))
                .env("KITH_FULL_BELOW", place.path("library"))
                .env("KITH_FULL_COUNT", place.path("count"))
                .env("KITH_KILL_AT", at.to_string());
            command.output().unwrap()
        };
        let whole = killed_at(u32::MAX);
        assert!(whole.status.success(), "{}", said(&whole));
        let count = fs::read_to_string(place.path("count")).unwrap();
        let count: u32 = count.trim().parse().unwrap();
        let places = match std::env::var_os("KITH_EVERY_PLACE") {
            Some(_) => count,
            None => PLACES.min(count),
        };
        let mut states = Vec::new();
        for place_of_kill in 0..places {
            let at = place_of_kill * (count - 1) / (places - 1);
            let killed = killed_at(at);
            let what = format!("{arguments:?}, killed before {at} of {count}");
            assert_eq!(killed.status.signal(), Some(9), "{what}: {}", said(&killed));
            let opened = [before, after].into_iter().find(|passphrase| {
                let output = place.run(&["faces", "--json"], *passphrase);
                output.status.success() && output.stdout == faces.as_bytes()
            });
            let Some(state) = opened else {
                let output = place.run(&["faces"], after);
                panic!("{what}: {}", said(&output));
            };
            // A plain library opens with any passphrase.
            let is_encrypted = place.path("library/encryption.json").exists();
            let state = state.filter(|_| is_encrypted);
            let left = readable(&place.path("library"));
            assert_eq!(left.is_empty(), is_encrypted, "{what}: {left:?}");
            let leftovers = [
                "encryption.new",
                "catalog.replacement",
                "cache/thumbnails.new",
            ];
            for name in leftovers {
                assert!(!place.path("library").join(name).exists(), "{what}: {name}");
            }
            states.push(state);
        }
        assert!(
            states.is_sorted_by_key(|state| *state == after),
            "{states:?}"
        );
        assert!(states.contains(&before), "{arguments:?}: {states:?}");
    }
}

/// The files below a folder of which something can be read.
fn readable(folder: &Path) -> Vec<PathBuf> {
    let mut left = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            left.extend(readable(&path));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        if has(NAME.as_bytes())
            || has(b"biden.jpg")
            || bytes.starts_with(b"SQLite format 3")
            || bytes.starts_with(&[0xFF, 0xD8])
        {
            left.push(path);
        }
    }
    left
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
