//! The built command `kith` on a real library: what it finds, what it refuses, and what a kill costs.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use kith_journeys::{Crowd, Flaw, Made, built, make_crowd, make_library};
use serde_json::Value;

/// The eight upright versions of a portrait may differ by this much of the box's size: JPEG blocks
/// and the detector's grid of four pixels lie differently in each.
const BOX_TOLERANCE: f64 = 0.02;

fn portraits() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"))
}

/// The command that the same build made.
fn kith() -> Command {
    Command::new(built("kith").unwrap())
}

fn run(library: &Path, arguments: &[&str]) -> Output {
    kith()
        .args(arguments)
        .arg("--library")
        .arg(library)
        .arg("--json")
        .output()
        .unwrap()
}

fn lines(library: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = run(library, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn made(dir: &Path) -> Made {
    make_library(dir, portraits()).unwrap()
}

#[test]
fn every_good_photo_is_indexed_and_every_bad_file_listed() {
    let dir = tempfile::tempdir().unwrap();
    let library = tempfile::tempdir().unwrap();
    let made = made(dir.path());
    let photos = dir.path().to_str().unwrap();

    let peak_kb = peak_memory_kb(library.path(), photos);
    assert!(peak_kb < 1_000_000, "{peak_kb} kB at the peak");

    let summary = lines(library.path(), &["index", photos]).pop().unwrap();
    let failed: BTreeMap<String, String> = lines(library.path(), &["failed"])
        .iter()
        .map(|line| (text(line, "photo"), text(line, "reason")))
        .collect();
    let of = |flaw: Flaw| {
        let (path, _) = made
            .broken
            .iter()
            .find(|(_, found)| *found == flaw)
            .unwrap();
        failed.get(path.canonicalize().unwrap().to_str().unwrap())
    };
    for flaw in [Flaw::Empty, Flaw::Text, Flaw::CutOff, Flaw::Huge] {
        assert!(
            of(flaw).is_some_and(|reason| reason.len() > 20),
            "{flaw:?}: {:?}",
            of(flaw)
        );
    }
    // The superuser reads a locked folder: then its photo is one more good one.
    let locked = made.broken.iter().find(|(_, flaw)| *flaw == Flaw::Locked);
    let readable = locked.is_none_or(|(path, _)| fs::read_dir(path).is_ok());
    assert_eq!(of(Flaw::Locked).is_none(), readable);
    let good = made.photos.len() + usize::from(readable && locked.is_some());
    assert_eq!(summary["photos"], good);
    assert_eq!(summary["failed"], failed.len());
    assert_eq!(summary["unchanged"], good + 4);

    // Who is on them is known from how they were made.
    let faces = lines(library.path(), &["faces"]);
    for photo in &made.photos {
        let path = photo.path.canonicalize().unwrap().display().to_string();
        let on_it = faces
            .iter()
            .filter(|face| text(face, "photo") == path)
            .count();
        assert_eq!(on_it, photo.people.len(), "{path}");
    }
    one_person_a_group(&made, &faces);
    places_have_names(library.path(), &made);
    made.unlock().unwrap();
}

/// The photos that say where they were taken are found by the name of the place.
fn places_have_names(library: &Path, made: &Made) {
    let said = |photo: &&kith_journeys::Photo| photo.shot.and_then(|shot| shot.place_seconds);
    let placed = made.photos.iter().filter(|photo| said(photo).is_some());
    let places = lines(library, &["places"]);
    let photos: u64 = places.iter().filter_map(|of| of["photos"].as_u64()).sum();
    assert_eq!(photos, placed.count() as u64);
    let sydney = places.iter().find(|of| of["town"] == "Sydney").unwrap();
    assert_eq!(sydney["country"], "Australia");
    assert_eq!(sydney["code"], "AU");
    assert_eq!(sydney["region"], "New South Wales");
    let in_sydney = lines(library, &["search", "in:sydney"]);
    assert_eq!(sydney["photos"], in_sydney.len());
    for photo in in_sydney {
        assert!(text(&photo, "photo").ends_with("/two.jpg"));
    }
    let florida = lines(library, &["search", "in:Florida -in:AU"]);
    assert_eq!(
        florida.len() as u64,
        photos - sydney["photos"].as_u64().unwrap()
    );
    assert_eq!(
        run(library, &["search", "in:norway"]).status.code(),
        Some(1)
    );
}

/// Each of the three people is one group, and each group one of them.
fn one_person_a_group(made: &Made, faces: &[Value]) {
    let mut groups: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for photo in &made.photos {
        let path = photo.path.canonicalize().unwrap().display().to_string();
        let mut on_it: Vec<&Value> = faces
            .iter()
            .filter(|face| text(face, "photo") == path)
            .collect();
        on_it.sort_by(|a, b| {
            a["box"][0]
                .as_f64()
                .unwrap()
                .total_cmp(&b["box"][0].as_f64().unwrap())
        });
        for (face, person) in on_it.iter().zip(&photo.people) {
            groups
                .entry(*person)
                .or_default()
                .insert(face["person"].as_u64().unwrap());
        }
    }
    let all: BTreeSet<u64> = groups.values().flatten().copied().collect();
    assert!(
        groups.values().all(|groups| groups.len() == 1),
        "{groups:?}"
    );
    assert_eq!(all.len(), groups.len(), "{groups:?}");
}

fn peak_memory_kb(library: &Path, photos: &str) -> u64 {
    let mut child = kith()
        .args(["index", photos, "--json", "--library"])
        .arg(library)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM"));
        let digits = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        peak = peak.max(digits.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
fn a_portrait_in_all_eight_orientations_is_one_box_and_one_face() {
    let dir = tempfile::tempdir().unwrap();
    let library = tempfile::tempdir().unwrap();
    let made = made(dir.path());
    made.unlock().unwrap();
    let files: Vec<String> = (1..=8)
        .map(|tag| {
            dir.path()
                .join(format!("orientations/{tag}.jpg"))
                .display()
                .to_string()
        })
        .collect();
    let mut arguments = vec!["embed"];
    arguments.extend(files.iter().map(String::as_str));
    let faces = lines(library.path(), &arguments);
    assert_eq!(faces.len(), 8, "one face a file");
    let numbers = |face: &Value, field: &str| -> Vec<f64> {
        face[field]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.as_f64().unwrap())
            .collect()
    };
    let first = (numbers(&faces[0], "box"), numbers(&faces[0], "embedding"));
    for face in &faces {
        let here = numbers(face, "box");
        for (at, (here, there)) in here.iter().zip(&first.0).enumerate() {
            let apart = (here - there).abs() / first.0[2 + at % 2];
            assert!(apart < BOX_TOLERANCE, "{face}: {apart}");
        }
        let distance: f64 = numbers(face, "embedding")
            .iter()
            .zip(&first.1)
            .map(|(a, b)| (a - b).powi(2))
            .sum();
        assert!(distance < 0.05, "{distance}");
    }
}

#[test]
fn a_second_run_reads_no_photo_and_groups_nobody_anew() {
    let dir = tempfile::tempdir().unwrap();
    let library = tempfile::tempdir().unwrap();
    for name in ["obama.jpg", "biden.jpg"] {
        fs::copy(portraits().join(name), dir.path().join(name)).unwrap();
    }
    let photos = dir.path().to_str().unwrap();
    let first = lines(library.path(), &["index", photos]).pop().unwrap();
    assert_eq!(
        (&first["photos"], &first["unchanged"]),
        (&2.into(), &0.into())
    );
    // Grouping writes the index, and without weights no photo can be read.
    let index = library.path().join("cache/index");
    fs::remove_dir_all(&index).unwrap();
    let nothing = tempfile::tempdir().unwrap();
    let output = kith()
        .args(["index", photos, "--json", "--library"])
        .arg(library.path())
        .env("KITH_WEIGHTS", nothing.path())
        .output()
        .unwrap();
    let second: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&second["photos"], &second["unchanged"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        (&second["faces"], &second["failed"]),
        (&first["faces"], &0.into())
    );
    assert_eq!(second["groups"], first["groups"]);
    assert!(!index.exists());
    fs::copy(
        portraits().join("obama2.jpg"),
        dir.path().join("obama2.jpg"),
    )
    .unwrap();
    let third = lines(library.path(), &["index", photos]).pop().unwrap();
    assert_eq!(
        (&third["photos"], &third["faces"], &third["groups"]),
        (&3.into(), &3.into(), &2.into())
    );
    assert!(index.exists());
}

#[test]
fn killed_ten_times_the_result_is_that_of_one_quiet_run() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(dir.path());
    made.unlock().unwrap();
    let photos = dir.path().to_str().unwrap();
    let quiet = tempfile::tempdir().unwrap();
    lines(quiet.path(), &["index", photos]);
    let quiet_photos = all(quiet.path());

    let killed = tempfile::tempdir().unwrap();
    let mut kills = 0;
    let mut stored = 0;
    // Each try lives a little longer, so that the kills fall into every part of the run.
    while kills < 10 {
        let mut child = kith()
            .args(["index", photos, "--json", "--library"])
            .arg(killed.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 60 * kills));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        kills += 1;
        let now = lines(killed.path(), &["faces"]).len();
        assert!(
            now >= stored,
            "a kill lost stored faces: {stored} before, {now} after"
        );
        stored = now;
    }
    lines(killed.path(), &["index", photos]);
    assert_eq!(all(killed.path()), quiet_photos);
}

/// Everything that can be asked of a library.
fn all(library: &Path) -> Vec<Vec<Value>> {
    [&["faces"][..], &["people"], &["failed"]]
        .iter()
        .map(|ask| lines(library, ask))
        .collect()
}

#[test]
fn a_name_outlives_moving_touching_and_removing_files() {
    let dir = tempfile::tempdir().unwrap();
    let library = tempfile::tempdir().unwrap();
    for name in ["obama.jpg", "obama2.jpg", "biden.jpg"] {
        fs::copy(portraits().join(name), dir.path().join(name)).unwrap();
    }
    let photos = dir.path().to_str().unwrap();
    let index = || lines(library.path(), &["index", photos]).pop().unwrap();
    let found = || -> BTreeSet<String> {
        let found = lines(library.path(), &["search", "barack"]);
        found
            .iter()
            .map(|line| text(line, "photo").rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    index();
    let faces = lines(library.path(), &["faces"]);
    let person = faces
        .iter()
        .find(|face| text(face, "photo").ends_with("/obama.jpg"))
        .unwrap();
    let number = person["person"].to_string();
    lines(library.path(), &["name", &number, "Barack Obama"]);
    assert_eq!(
        found(),
        BTreeSet::from(["obama.jpg".into(), "obama2.jpg".into()])
    );

    fs::create_dir(dir.path().join("2010")).unwrap();
    fs::rename(
        dir.path().join("obama.jpg"),
        dir.path().join("2010/speech.jpg"),
    )
    .unwrap();
    let summary = index();
    assert_eq!(summary["photos"], 3);
    assert_eq!(
        found(),
        BTreeSet::from(["speech.jpg".into(), "obama2.jpg".into()])
    );

    fs::remove_file(dir.path().join("2010/speech.jpg")).unwrap();
    fs::remove_file(dir.path().join("obama2.jpg")).unwrap();
    index();
    assert_eq!(found(), BTreeSet::new());
    fs::copy(portraits().join("obama.jpg"), dir.path().join("back.jpg")).unwrap();
    index();
    assert_eq!(found(), BTreeSet::from(["back.jpg".into()]));
    let confirmed = lines(library.path(), &["faces"]);
    let back = confirmed
        .iter()
        .find(|face| text(face, "photo").ends_with("/back.jpg"))
        .unwrap();
    assert_eq!(back["state"], "confirmed");
}

#[test]
fn a_damaged_catalog_is_noticed_and_left_alone() {
    let library = tempfile::tempdir().unwrap();
    let catalog = library.path().join("catalog.sqlite");
    fs::write(&catalog, b"not a database at all, but somebody's only copy").unwrap();
    let output = run(library.path(), &["people"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("damaged") && said.lines().count() == 1,
        "{said}"
    );
    assert!(fs::read(&catalog).unwrap().starts_with(b"not a database"));
}

#[test]
fn the_doctor_says_what_runs_and_what_is_wrong() {
    let library = tempfile::tempdir().unwrap();
    let photos = tempfile::tempdir().unwrap();
    fs::copy(
        portraits().join("obama.jpg"),
        photos.path().join("obama.jpg"),
    )
    .unwrap();
    fs::write(photos.path().join("bad.jpg"), b"no photo").unwrap();
    lines(library.path(), &["index", photos.path().to_str().unwrap()]);
    drop(photos);
    let found = lines(library.path(), &["doctor"]).remove(0);
    for (field, expected) in [("photos", 1), ("faces", 1), ("named", 0), ("failed", 1)] {
        assert_eq!(found[field], expected, "{field} of {found}");
    }
    assert_eq!(found["device"], "processor");
    assert!(found["face_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(found["folders"][0]["there"], false);

    let weights = tempfile::tempdir().unwrap();
    let output = kith()
        .args(["doctor", "--library"])
        .arg(library.path())
        .env("KITH_WEIGHTS", weights.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(weights.path().to_str().unwrap()), "{said}");
}

fn text(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap().to_owned()
}

#[test]
fn a_backup_and_redo_from_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("library");
    lines(&library, &["index", portraits().to_str().unwrap()]);
    let person = |library: &Path| lines(library, &["people"])[0]["person"].to_string();
    lines(&library, &["name", &person(&library), "Anna"]);
    let names = |library: &Path| -> Vec<Value> {
        let people = lines(library, &["people"]);
        people.iter().map(|line| line["name"].clone()).collect()
    };
    let named = names(&library);
    let file = dir.path().join("kith.backup");
    let backup = lines(&library, &["backup", file.to_str().unwrap()]);
    assert_eq!(backup[0]["file"], file.to_str().unwrap());

    lines(&library, &["undo"]);
    assert!(!names(&library).contains(&Value::from("Anna")));
    let again = lines(&library, &["redo"]);
    assert!(again[0]["said"].as_str().unwrap().starts_with("Again: "));
    assert_eq!(names(&library), named);
    let nothing = run(&library, &["redo"]);
    assert_eq!(nothing.status.code(), Some(1));

    let elsewhere = dir.path().join("elsewhere");
    lines(&elsewhere, &["restore", file.to_str().unwrap()]);
    assert_eq!(names(&elsewhere), named);
    assert_eq!(
        lines(&elsewhere, &["search", "anna"]),
        lines(&library, &["search", "anna"])
    );
    let photo = portraits().join("biden.jpg");
    let refused = run(&elsewhere, &["restore", photo.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(names(&elsewhere), named);
}

/// Among many people some are hard to tell apart: what a step of sureness shows is what it does.
#[test]
fn each_step_of_sureness_shows_what_it_would_change() {
    let library = tempfile::tempdir().unwrap();
    let photos = tempfile::tempdir().unwrap();
    let crowd = Crowd {
        people: 130,
        faces_each: 4,
        named: 60,
        doubtful: 60,
        photos: 700,
        noisy: false,
    };
    make_crowd(library.path(), photos.path(), portraits(), &crowd).unwrap();
    let at_first = lines(library.path(), &["people"]);
    let steps = lines(library.path(), &["sureness"]);
    let number = |line: &Value, field: &str| line[field].as_u64().unwrap();
    let people: Vec<u64> = steps.iter().map(|step| number(step, "people")).collect();
    assert!(people.is_sorted_by(|a, b| a >= b), "{people:?}");
    assert!(people[0] > people[2] || people[2] > people[4], "{people:?}");
    assert_eq!(people[2], at_first.len() as u64);
    assert_eq!(steps[2]["used"], true);
    for step in &steps {
        let name = text(step, "sureness").replace('_', "-");
        lines(library.path(), &["sureness", &name]);
        let now = lines(library.path(), &["people"]);
        assert_eq!(now.len() as u64, number(step, "people"), "{name}");
        lines(library.path(), &["undo"]);
        assert_eq!(lines(library.path(), &["people"]), at_first);
    }
    let [joined, parted] = ["joined", "parted"].map(|what| {
        let pairs = steps.iter().map(|step| step[what].as_u64().unwrap());
        pairs.sum::<u64>()
    });
    assert!(joined + parted > 0);
}

#[test]
fn copies_in_any_size_format_and_orientation_are_one_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let library = tempfile::tempdir().unwrap();
    let made = made(dir.path());
    lines(library.path(), &["index", dir.path().to_str().unwrap()]);
    let found = lines(library.path(), &["alike"]);
    let paths = |line: &Value| -> BTreeSet<PathBuf> {
        let paths = line["paths"].as_array().unwrap().iter();
        paths
            .map(|path| PathBuf::from(path.as_str().unwrap()))
            .collect()
    };
    let stacks: Vec<BTreeSet<PathBuf>> = found.iter().map(paths).collect();
    let root = dir.path().canonicalize().unwrap();
    for folder in ["orientations", "sizes", "formats"] {
        let together = |stack: &BTreeSet<PathBuf>| {
            let all = made.photos.iter().map(|photo| photo.path.clone());
            let mut inside = all.filter(|path| path.starts_with(dir.path().join(folder)));
            inside.all(|path| stack.contains(&root.join(path.strip_prefix(dir.path()).unwrap())))
        };
        assert!(stacks.iter().any(together), "{folder}: {stacks:#?}");
    }
    // What shows other people is another photo.
    let people: BTreeMap<PathBuf, &[&str]> = made
        .photos
        .iter()
        .map(|photo| {
            let path = root.join(photo.path.strip_prefix(dir.path()).unwrap());
            (path, &photo.people[..])
        })
        .collect();
    for stack in &stacks {
        let on_them: BTreeSet<_> = stack.iter().filter_map(|path| people.get(path)).collect();
        assert_eq!(on_them.len(), 1, "{stack:#?}");
    }
    made.unlock().unwrap();
}
