//! `kith export`, `kith import` and `kith forget`, as scripts use them.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");

fn kith(library: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kith"))
        .arg("--library")
        .arg(library)
        .args(arguments)
        .output()
        .unwrap()
}

/// The last object that a command prints.
fn summary(library: &Path, arguments: &[&str]) -> Value {
    let output = kith(library, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// What a command complains of.
fn refused(library: &Path, arguments: &[&str]) -> String {
    let output = kith(library, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_library_moves_to_another_and_a_person_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let photos = dir.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for name in ["obama.jpg", "obama2.jpg", "biden.jpg"] {
        fs::copy(Path::new(PHOTOS).join(name), photos.join(name)).unwrap();
    }
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    summary(&one, &["index", photos.to_str().unwrap()]);
    let faces = kith(&one, &["faces", "--json"]);
    let faces = String::from_utf8(faces.stdout).unwrap();
    let faces = faces
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let joe = faces.into_iter().find(|face| {
        let photo = face["photo"].as_str().unwrap();
        photo.ends_with("biden.jpg")
    });
    let joe = joe.unwrap()["person"].to_string();
    summary(&one, &["name", &joe, "Joe"]);

    let file = dir.path().join("kith.jsonl");
    let file = file.to_str().unwrap();
    let exported = summary(&one, &["export", "library", file]);
    for (field, number) in [
        ("written", 1),
        ("unchanged", 0),
        ("failed", 0),
        ("photos", 3),
    ] {
        assert_eq!(exported[field], number, "{exported}");
    }
    let again = summary(&one, &["export", "library", file]);
    assert_eq!(
        (&again["written"], &again["unchanged"]),
        (&0.into(), &1.into())
    );

    let moved = dir.path().join("moved");
    fs::rename(&photos, &moved).unwrap();
    summary(&two, &["index", moved.to_str().unwrap()]);
    let tried = summary(&two, &["import", file, "--dry-run"]);
    assert_eq!(
        (&tried["decision"], &tried["people"]),
        (&Value::Null, &1.into())
    );
    let imported = summary(&two, &["import", file, "--from", "kith"]);
    for (field, number) in [
        ("people", 1),
        ("faces_matched", 1),
        ("faces_drawn", 0),
        ("conflicts", 0),
        ("unchanged", 0),
        ("decision", 1),
    ] {
        assert_eq!(imported[field], number, "{imported}");
    }
    let found = summary(&two, &["search", "joe"]);
    assert!(
        found["photo"]
            .as_str()
            .unwrap()
            .ends_with("moved/biden.jpg")
    );
    let refusal = refused(&two, &["import", file, "--from", "picasa"]);
    assert!(
        refusal.contains("picasa") && refusal.contains("--from kith"),
        "{refusal}"
    );
    let refusal = refused(&two, &["import", moved.join("biden.jpg").to_str().unwrap()]);
    assert!(
        refusal.contains("no library that Kith exported"),
        "{refusal}"
    );

    let refusal = refused(&two, &["forget", "joe"]);
    assert!(refusal.contains("--yes"), "{refusal}");
    let forgotten = summary(&two, &["forget", "joe", "--yes"]);
    assert_eq!(
        (&forgotten["decision"], &forgotten["faces"]),
        (&2.into(), &1.into())
    );
    let refusal = refused(&two, &["search", "joe"]);
    assert!(refusal.contains("joe"), "{refusal}");
    let refusal = refused(&two, &["undo"]);
    assert!(refusal.contains("nothing"), "{refusal}");
}
