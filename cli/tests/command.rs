//! The built command, as a script and as a person use it: from a folder to a name and a search and
//! back, the fields of its JSON, and what it says when it is used wrongly.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn portrait(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos")).join(name)
}

fn kith() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kith"))
}

/// A library in a folder of its own, and a folder of portraits beside it.
struct Place {
    library: TempDir,
    photos: TempDir,
}

impl Place {
    fn with(portraits: &[&str]) -> Self {
        let place = Self {
            library: tempfile::tempdir().unwrap(),
            photos: tempfile::tempdir().unwrap(),
        };
        for name in portraits {
            fs::copy(portrait(name), place.photos.path().join(name)).unwrap();
        }
        place
    }

    fn run(&self, arguments: &[&str]) -> Output {
        kith()
            .arg("--library")
            .arg(self.library.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The objects that a command prints, one a line.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        objects(&output)
    }

    fn index(&self) -> Value {
        let summary = self.json(&["index", self.photos.path().to_str().unwrap()]);
        assert_eq!(summary.len(), 1, "the summary is the only line");
        summary[0].clone()
    }

    /// The face on the photo of this name, which has one.
    fn face_on(&self, photo: &str) -> Value {
        let on_it = |face: &Value| {
            face["photo"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/{photo}"))
        };
        let mut faces = self.json(&["faces"]);
        faces.retain(on_it);
        assert_eq!(faces.len(), 1, "{photo}");
        faces.remove(0)
    }

    fn found(&self, query: &[&str]) -> BTreeSet<String> {
        let file_name = |line: &Value| {
            let path = Path::new(line["photo"].as_str().unwrap());
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        self.json(&[&["search"], query].concat())
            .iter()
            .map(file_name)
            .collect()
    }
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Exit status 1, one line on standard error, nothing on standard output; the line.
fn refused(output: &Output) -> String {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(output.stdout, b"");
    said
}

#[test]
fn from_a_folder_to_a_name_a_search_and_back() {
    let place = Place::with(&["obama.jpg", "obama2.jpg", "biden.jpg"]);
    let summary = place.index();
    let fields = "photos faces groups failed unchanged seconds skipped away moved_folders";
    assert_eq!(keys(&summary), fields.split(' ').collect());
    assert_eq!(summary["photos"], 3);
    assert_eq!(summary["faces"], 3);
    assert_eq!(summary["groups"], 2);

    let people = place.json(&["people"]);
    assert_eq!(people.len(), 2);
    for person in &people {
        assert_eq!(
            keys(person),
            BTreeSet::from(["person", "name", "faces", "photos", "hidden"])
        );
        assert_eq!(person["name"], Value::Null);
        assert_eq!(person["hidden"], false);
    }
    let face = place.face_on("obama.jpg");
    assert_eq!(
        keys(&face),
        BTreeSet::from(["face", "photo", "box", "score", "person", "name", "state"])
    );
    assert_eq!(face["state"], "automatic");
    assert_eq!(face["box"].as_array().unwrap().len(), 4);
    let barack = face["person"].to_string();
    assert_eq!(place.face_on("obama2.jpg")["person"], face["person"]);

    let decision = &place.json(&["name", &barack, "Barack Obama"])[0];
    assert_eq!(
        keys(decision),
        BTreeSet::from([
            "decision",
            "person",
            "faces_changed",
            "photos_changed",
            "said"
        ])
    );
    assert_eq!(
        (&decision["faces_changed"], &decision["photos_changed"]),
        (&2.into(), &2.into())
    );
    assert_eq!(place.face_on("obama.jpg")["state"], "confirmed");
    assert_eq!(place.found(&["barack"]), set(["obama.jpg", "obama2.jpg"]));
    let line = &place.json(&["search", "barack obama"])[0];
    assert_eq!(keys(line), BTreeSet::from(["photo", "date", "people"]));
    assert_eq!(line["people"], serde_json::json!(["Barack Obama"]));

    // A person by name, in another case; a face by number.
    let second = place.face_on("obama2.jpg")["face"].to_string();
    place.json(&["reject", &second, "barack obama"]);
    assert_eq!(place.found(&["barack"]), set(["obama.jpg"]));
    place.json(&["undo"]);
    assert_eq!(place.found(&["barack"]), set(["obama.jpg", "obama2.jpg"]));

    let joe = place.face_on("biden.jpg")["person"].to_string();
    place.json(&["name", &joe, "Joe"]);
    assert_eq!(place.found(&["-barack"]), set(["biden.jpg"]));
    assert_eq!(place.found(&["barack", "joe"]), set([]));
    place.json(&["merge", "Joe", "Barack Obama"]);
    assert_eq!(place.json(&["people"]).len(), 1);
    place.json(&["undo"]);
    assert_eq!(place.json(&["people"]).len(), 2);

    let unnamed = &place.json(&["name", "--remove", "joe"])[0];
    assert_eq!(unnamed["said"], "Name removed: Joe");
    assert_eq!(place.found(&["unnamed"]), set(["biden.jpg"]));
    assert!(refused(&place.run(&["name", "--remove", &joe])).contains("has no name"));
    place.json(&["undo"]);
    assert_eq!(place.found(&["joe"]), set(["biden.jpg"]));

    let hidden = |place: &Place| -> Vec<bool> {
        place
            .json(&["people"])
            .iter()
            .map(|person| person["hidden"].as_bool().unwrap())
            .collect()
    };
    place.json(&["hide", "Joe"]);
    assert_eq!(hidden(&place).iter().filter(|hidden| **hidden).count(), 1);
    place.json(&["hide", "--show", "Joe"]);
    assert_eq!(hidden(&place), [false, false]);

    let first = place.face_on("obama.jpg")["face"].to_string();
    place.json(&["ignore", &first, &second]);
    assert_eq!(place.face_on("obama.jpg")["state"], "ignored");
    assert_eq!(place.found(&["barack"]), set([]));
    place.json(&["undo"]);
    place.json(&["confirm", &first, &second, "Barack Obama"]);
    assert_eq!(place.face_on("obama2.jpg")["name"], "Barack Obama");

    assert_eq!(place.index()["unchanged"], 3);
    assert_eq!(
        place.json(&["index"])[0]["unchanged"],
        3,
        "the folders are remembered"
    );
}

#[test]
fn what_was_learned_is_told_listed_and_taken_back() {
    let place = Place::with(&["obama.jpg", "biden.jpg"]);
    place.index();
    let said = refused(&place.run(&["model", "train"]));
    assert!(said.contains("Name two people"), "{said}");
    for (photo, name) in [("obama.jpg", "Barack"), ("biden.jpg", "Joe")] {
        let person = place.face_on(photo)["person"].to_string();
        place.json(&["name", &person, name]);
    }
    let learned = place.json(&["model", "train"]);
    assert_eq!(learned[0]["version"], 1);
    // Two answers: there is nothing to hold back.
    assert_eq!(learned[0]["used"], false);
    assert_eq!(learned[0]["faces"], 0);
    assert_eq!(place.json(&["model", "list"]), learned);

    assert_eq!(place.json(&["model", "use", "1"])[0]["version"], 1);
    let listed = place.run(&["model", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let in_use: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("in use"))
        .collect();
    assert!(
        in_use.len() == 1 && in_use[0].contains("Learned from 2 answers"),
        "{listed}"
    );
    let said = refused(&place.run(&["model", "use", "5"]));
    assert!(said.contains("version 5"), "{said}");
    assert_eq!(
        place.json(&["model", "use", "0"])[0]["version"],
        Value::Null
    );
    assert_eq!(place.json(&["model", "list"]), learned);
}

#[test]
fn a_network_is_added_listed_and_removed() {
    let place = Place::with(&[]);
    place.json(&["index", place.photos.path().to_str().unwrap()]);
    // Kith's own parameters are such a file; one number of its last layer is changed.
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../models/weights/facenet.safetensors"
    );
    let mut bytes = fs::read(shipped).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let file = place.photos.path().join("other.safetensors");
    fs::write(&file, &bytes).unwrap();
    let file = file.to_str().unwrap();
    let added = place.json(&["model", "add", file]).remove(0);
    assert_eq!(
        keys(&added),
        BTreeSet::from(["network", "numbers", "sha256", "used", "faces"])
    );
    assert_eq!(
        (&added["network"], &added["numbers"]),
        (&"other".into(), &128.into())
    );
    assert_eq!(place.json(&["model", "list"]), std::slice::from_ref(&added));
    let copy = place.library.path().join("networks/other.network");
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    let listed = String::from_utf8(place.run(&["model", "list"]).stdout).unwrap();
    assert!(
        listed.contains(added["sha256"].as_str().unwrap()),
        "{listed}"
    );

    // Once more is no mistake; another of its name is.
    fs::remove_file(&copy).unwrap();
    assert_eq!(
        place.json(&["model", "add", file]),
        std::slice::from_ref(&added)
    );
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    let namesake = place.library.path().join("OTHER.safetensors");
    fs::copy(shipped, &namesake).unwrap();
    let said = refused(&place.run(&["model", "add", namesake.to_str().unwrap()]));
    assert!(said.contains("already: other"), "{said}");
    let second = place.photos.path().join("the other.safetensors");
    fs::copy(file, &second).unwrap();
    let said = refused(&place.run(&["model", "add", second.to_str().unwrap()]));
    assert!(said.contains("“the other”"), "{said}");
    let photo = portrait("obama.jpg");
    let said = refused(&place.run(&["model", "add", photo.to_str().unwrap()]));
    assert!(
        said.contains("neither safetensors") && said.contains("obama.jpg"),
        "{said}"
    );
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&place.run(&["model", "add", file])).contains("damaged"));

    assert!(refused(&place.run(&["model", "remove", "nothing"])).contains("nothing"));
    assert_eq!(place.json(&["model", "remove", "Other"]), [added]);
    assert!(place.json(&["model", "list"]).is_empty());
    assert!(!copy.exists());
}

#[test]
fn words_for_people_and_complaints_of_one_line() {
    let place = Place::with(&["obama.jpg", "biden.jpg"]);
    assert!(refused(&place.run(&["people"])).contains("There is no library"));
    refused(&place.run(&["index"]));
    let nobody = place.run(&["people"]);
    assert!(
        String::from_utf8(nobody.stdout)
            .unwrap()
            .starts_with("Nobody yet.")
    );
    let missing = refused(&place.run(&["index", "/no/such/folder"]));
    assert!(missing.contains("/no/such/folder"), "{missing}");

    let output = place.run(&["index", place.photos.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(said.contains("2 photos, 2 faces, 2 people."), "{said}");
    assert!(said.contains("obama.jpg"), "says where: {said}");

    assert!(refused(&place.run(&["name", "Bertha", "Anna"])).contains("Bertha"));
    assert!(refused(&place.run(&["name", "9999", "Anna"])).contains("9999"));
    assert!(refused(&place.run(&["ignore", "9999"])).contains("9999"));
    assert!(refused(&place.run(&["search", "bertha"])).contains("bertha"));
    refused(&place.run(&["undo"]));
    assert_eq!(
        place.run(&["failed"]).stdout,
        b"Every file could be read.\n"
    );
}

#[test]
fn wrong_usage_is_told_apart() {
    for wrong in [
        &[][..],
        &["indx"],
        &["name", "12"],
        &["name", "--remove", "12", "Anna"],
        &["confirm", "Anna"],
        &["confirm", "one", "Anna"],
        &["people", "--jsn"],
        &["verify", "one.jpg"],
        &["eval"],
        &["eval", "verify"],
        &["eval", "verify", "--images", "dir"],
        &[
            "eval", "verify", "--people", "dir", "--images", "dir", "--pairs", "file",
        ],
        &["eval", "cluster"],
    ] {
        let output = kith().args(wrong).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{wrong:?}: {}",
            stderr(&output)
        );
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn help_shows_examples_of_every_command() {
    for command in [
        "index",
        "people",
        "faces",
        "failed",
        "name",
        "confirm",
        "reject",
        "merge",
        "hide",
        "ignore",
        "undo",
        "search",
        "embed",
        "verify",
        "eval verify",
        "eval cluster",
        "eval learn",
        "model use",
        "model add",
        "model remove",
        "model upgrade",
        "eval paper",
    ] {
        let output = kith()
            .args(command.split(' '))
            .arg("--help")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(
            help.contains(&format!("kith {command}")),
            "{command}: {help}"
        );
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}

#[test]
fn faces_as_numbers_and_a_bad_file_among_good_ones() {
    let place = Place::with(&["obama.jpg", "obama2.jpg", "biden.jpg"]);
    let path = |name: &str| place.photos.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("text.jpg"), "no picture").unwrap();
    let output = place.run(&["embed", &path("text.jpg"), &path("obama.jpg"), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("text.jpg"), "{}", stderr(&output));
    let faces = objects(&output);
    assert_eq!(faces.len(), 1, "the good file was read");
    assert_eq!(
        keys(&faces[0]),
        BTreeSet::from(["photo", "box", "embedding"])
    );
    let embedding: Vec<f64> = serde_json::from_value(faces[0]["embedding"].clone()).unwrap();
    assert_eq!(embedding.len(), 128);
    let length: f64 = embedding.iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");

    let verify = |a: &str, b: &str| place.json(&["verify", &path(a), &path(b)]).remove(0);
    let same = verify("obama.jpg", "obama2.jpg");
    assert_eq!(
        keys(&same),
        BTreeSet::from(["distance", "same", "threshold"])
    );
    assert_eq!(same["same"], true);
    let other = verify("obama.jpg", "biden.jpg");
    assert_eq!(other["same"], false);
    assert!(other["distance"].as_f64() > same["distance"].as_f64());
    assert!(
        refused(&place.run(&["verify", &path("gone.jpg"), &path("obama.jpg")])).contains("gone")
    );
}

/// Two people, one with two photos.
fn two_people(dir: &Path) {
    for (person, number, portrait_of) in [
        ("Barack", 1, "obama.jpg"),
        ("Barack", 2, "obama2.jpg"),
        ("Barack", 3, "obama3.jpg"),
        ("Joe", 1, "biden.jpg"),
    ] {
        fs::create_dir_all(dir.join(person)).unwrap();
        let file = dir.join(person).join(format!("{person}_{number:04}.jpg"));
        fs::copy(portrait(portrait_of), file).unwrap();
    }
}

#[test]
fn figures_of_pairs_people_and_groups() {
    let place = Place::with(&[]);
    let dir = place.photos.path();
    two_people(&dir.join("photos"));
    let photos = dir.join("photos");
    let photos = photos.to_str().unwrap();
    let pairs = dir.join("pairs.txt");
    let lines = "2\nBarack\t1\t2\nBarack\t1\t3\nBarack\t1\tJoe\t1\nBarack\t2\tJoe\t1\n";
    fs::write(&pairs, lines).unwrap();
    let pairs = pairs.to_str().unwrap();

    let judged = &place.json(&["eval", "verify", "--images", photos, "--pairs", pairs])[0];
    for key in [
        "pairs",
        "accuracy",
        "std",
        "threshold",
        "tar_at_far_1e-2",
        "tar_at_far_1e-3",
        "undetected",
    ] {
        assert!(judged[key].is_number(), "{key}: {judged}");
    }
    assert_eq!(judged["pairs"], 4);
    assert_eq!(judged["accuracy"], 1.0);
    assert_eq!(judged["tar_at_far_1e-3"], 1.0);
    assert_eq!(judged["undetected"], 0);
    assert_eq!(
        (&judged["folds"], &judged["folds_from"]),
        (&2.into(), &"cut".into())
    );

    let people = &place.json(&["eval", "verify", "--people", photos])[0];
    assert_eq!(
        (&people["faces"], &people["people"]),
        (&4.into(), &2.into())
    );
    assert_eq!(
        (&people["genuine_pairs"], &people["impostor_pairs"]),
        (&3.into(), &3.into())
    );
    assert_eq!(people["tar_at_far_1e-4"], 1.0);
    assert!(
        people.get("kin_at_far_1e-3").is_none(),
        "no families, no kin"
    );

    let groups = &place.json(&["eval", "cluster", photos])[0];
    for key in [
        "pairwise_precision",
        "pairwise_recall",
        "pairwise_f",
        "bcubed_precision",
        "bcubed_recall",
        "bcubed_f",
    ] {
        assert_eq!(groups[key], 1.0, "{key}: {groups}");
    }
    assert_eq!(
        (&groups["misplaced"], &groups["whole"]),
        (&0.into(), &1.into())
    );
    for report in [judged, people, groups] {
        assert!(report["model"].is_string() && report["crop"].is_string());
        assert_eq!(
            report["metric"], "library-2",
            "what a library is grouped by"
        );
    }
    let plain = &place.json(&["eval", "cluster", photos, "--metric", "plain"])[0];
    assert_eq!(plain["metric"], "plain");
    refused(&place.run(&["eval", "cluster", photos, "--per-folder"]));

    fs::write(dir.join("photos/Joe/Joe_0002.jpg"), "no picture").unwrap();
    let groups = &place.json(&["eval", "cluster", photos])[0];
    assert_eq!(groups["faces"], 4, "what cannot be read is in no figure");
    assert_eq!(groups["unreadable"].as_array().unwrap().len(), 1);
    fs::write(pairs, "1\nBarack\t1\t9\nBarack\t1\tJoe\t1\n").unwrap();
    refused(&place.run(&["eval", "verify", "--images", photos, "--pairs", pairs]));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let mut child = kith()
        .args(["embed", "--json"])
        .args(vec![portrait("obama.jpg"); 3])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    // The reader is dropped: the pipe is closed before the next line.
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with('{'));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

/// Ctrl+C, sent as a terminal sends it.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_and_the_next_run_goes_on() {
    let place = Place::with(&[]);
    for copy in 0..40 {
        fs::copy(
            portrait("obama2.jpg"),
            place.photos.path().join(format!("{copy}.jpg")),
        )
        .unwrap();
        // Copies of one file are one photo to nobody: a comment behind the picture tells them apart.
        let path = place.photos.path().join(format!("{copy}.jpg"));
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, &[copy]).unwrap();
    }
    let child = kith()
        .arg("--library")
        .arg(place.library.path())
        .arg("index")
        .arg(place.photos.path())
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let summary = &objects(&output)[0];
    let stored = summary["photos"].as_u64().unwrap();
    assert!(stored < 40, "stopped before the end");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("Stopped."), "{}", stderr(&output));
    let rest = place.index();
    assert_eq!(rest["photos"], 40);
    assert_eq!(rest["unchanged"], stored);
}

#[test]
fn the_history_is_listed_and_any_entry_is_undone_and_redone() {
    let place = Place::with(&["obama.jpg", "biden.jpg"]);
    place.index();
    assert_eq!(place.json(&["history"]).len(), 0);
    for (photo, name) in [("obama.jpg", "Barack"), ("biden.jpg", "Joe")] {
        let person = place.face_on(photo)["person"].to_string();
        place.json(&["name", &person, name]);
    }
    let history = place.json(&["history"]);
    assert_eq!(
        keys(&history[0]),
        BTreeSet::from(["entry", "time", "text", "undone"])
    );
    let texts = |history: &[Value]| -> Vec<String> {
        let text = |entry: &Value| entry["text"].as_str().unwrap().to_owned();
        history.iter().map(text).collect()
    };
    assert_eq!(
        texts(&history),
        ["1 face is now Joe", "1 face is now Barack"]
    );
    let time = history[0]["time"].as_str().unwrap();
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");

    // The first of the two, by its number.
    let first = history[1]["entry"].to_string();
    let undone = &place.json(&["undo", &first])[0];
    assert_eq!(
        keys(undone),
        BTreeSet::from([
            "decision",
            "person",
            "faces_changed",
            "photos_changed",
            "said"
        ])
    );
    let flags = |place: &Place| -> Vec<Value> {
        let history = place.json(&["history"]);
        history
            .iter()
            .map(|entry| entry["undone"].clone())
            .collect()
    };
    assert_eq!(flags(&place), [false, true]);
    assert_eq!(place.face_on("obama.jpg")["name"], Value::Null);
    assert_eq!(place.face_on("biden.jpg")["name"], "Joe");
    let said = refused(&place.run(&["undo", &first]));
    assert!(
        said.contains("undone already") && said.contains("kith redo"),
        "{said}"
    );
    let said = refused(&place.run(&["undo", "99"]));
    assert!(
        said.contains("no entry 99") && said.contains("kith history"),
        "{said}"
    );
    let said = refused(&place.run(&["undo", &undone["decision"].to_string()]));
    assert!(said.contains("it undid another entry"), "{said}");

    place.json(&["redo"]);
    assert_eq!(flags(&place), [false, false]);
    place.json(&["undo"]);
    place.json(&["undo"]);
    assert_eq!(flags(&place), [true, true]);
    let said = refused(&place.run(&["undo"]));
    assert!(said.contains("nothing"), "{said}");
}

/// Case 09: the photo whose face was rejected got the name, and only it.
#[test]
fn a_name_goes_to_the_faces_that_remain_and_not_to_the_rejected_one() {
    let place = Place::with(&["obama.jpg", "obama2.jpg", "obama3.jpg"]);
    place.index();
    let mut faces = place.json(&["faces"]);
    faces.sort_by_key(|face| face["face"].as_u64());
    let group = faces[0]["person"].to_string();
    assert_eq!(group, faces[0]["face"].to_string());
    place.json(&["reject", &group, &group]);
    place.json(&["name", &group, "Barack"]);
    let named: Vec<Value> = place
        .json(&["faces"])
        .into_iter()
        .filter(|face| face["name"] == "Barack")
        .collect();
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|face| face["face"] != faces[0]["face"]));
    // A name in any case and with doubled spaces.
    place.json(&["name", &group, "Barack Obama"]);
    place.json(&["hide", "barack  OBAMA"]);
}
