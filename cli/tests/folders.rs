//! The built command on folders: what it leaves out, how one is removed or kept apart from another, and what
//! `kith watch` does while photos come and go.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::SystemTime;

use kith_engine::{Action, Library};
use serde_json::{Value, json};
use tempfile::TempDir;

fn portrait(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos")).join(name)
}

/// A folder with photos, and a library beside it or where a test wants it.
struct Place {
    _guard: TempDir,
    photos: PathBuf,
    library: PathBuf,
}

impl Place {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = guard.path().canonicalize().unwrap();
        let photos = root.join("photos");
        fs::create_dir(&photos).unwrap();
        Self {
            _guard: guard,
            photos,
            library: root.join("library"),
        }
    }

    /// Copies a portrait to a path in the folder of photos.
    fn copy(&self, portrait_name: &str, to: &str) -> PathBuf {
        let to = self.photos.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(portrait(portrait_name), &to).unwrap();
        to
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        command.arg("--library").arg(&self.library);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[arguments, &["--json"]].concat());
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn index(&self) -> Value {
        let photos = self.photos.to_str().unwrap().to_owned();
        self.json(&["index", &photos]).pop().unwrap()
    }
}

#[test]
fn a_library_inside_the_photos_does_not_read_its_own_thumbnails() {
    let mut place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    // Beside the photos, and the folder of the photos itself.
    for library in ["kith", "."] {
        place.library = place.photos.join(library);
        for look in 0..3 {
            let summary = place.index();
            assert_eq!(summary["photos"], 1, "look {look} of {library}");
            assert_eq!(summary["failed"], 0);
        }
        let skipped = place.json(&["skipped"]);
        assert!(
            skipped.iter().any(|of| of["rule"] == "library"),
            "{skipped:?}"
        );
    }
    // A library of somebody else, of which it knows nothing.
    place.library = place.photos.parent().unwrap().join("another");
    assert_eq!(place.index()["photos"], 1);
}

#[test]
fn other_programs_thumbnails_are_left_out_and_told_by_rule() {
    let place = Place::new();
    place.copy("obama.jpg", "lib.photoslibrary/originals/A/1.jpg");
    place.copy(
        "obama2.jpg",
        "lib.photoslibrary/resources/derivatives/A/1_1_105_c.jpeg",
    );
    place.copy("obama2.jpg", "cache/t.jpg");
    fs::write(
        place.photos.join("cache/CACHEDIR.TAG"),
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    )
    .unwrap();
    place.copy("obama2.jpg", "x.lrdata/A/p.jpg");
    place.copy("obama2.jpg", "thumbs/u/ab/1-preview.jpeg");
    File::create(place.photos.join("thumbs/.immich")).unwrap();
    place.copy("obama2.jpg", "quiet/q.jpg");
    File::create(place.photos.join("quiet/.nomedia")).unwrap();
    let summary = place.index();
    assert_eq!(summary["photos"], 1);
    let expected = json!({
        "apple-photos": 1, "cachedir-tag": 1, "immich": 1, "lightroom": 1, "nomedia": 1,
    });
    assert_eq!(summary["skipped"], expected);
    let skipped = place.json(&["skipped"]);
    assert_eq!(skipped.len(), 5);
    let first = json!({
        "path": place.photos.join("cache").to_str().unwrap(), "rule": "cachedir-tag", "files": 1,
    });
    assert_eq!(skipped[0], first);
    let said = place.text(&["index"]);
    assert!(said.contains("Left out 5 files: "), "{said}");
    // Once the marker is gone, the photo is there.
    fs::remove_file(place.photos.join("quiet/.nomedia")).unwrap();
    let summary = place.index();
    assert_eq!(summary["photos"], 2);
    assert!(summary["skipped"].get("nomedia").is_none());
    assert_eq!(place.json(&["skipped"]).len(), 4);
}

#[test]
fn files_that_are_passed_over_are_named_and_no_sentence_says_that_all_were_read() {
    let place = Place::new();
    place.copy("biden.jpg", "ok.jpg");
    place.index();
    assert_eq!(place.text(&["failed"]), "Every file could be read.\n");
    for name in ["a.heic", "b.avif", "c.jfif", "f.JPG_large", "h", "i.mov"] {
        place.copy("obama2.jpg", name);
    }
    let summary = place.index();
    assert_eq!(summary["photos"], 1);
    let expected = json!({
        "avif": 1, "heic": 1, "jfif": 1, "mov": 1, "no-extension": 1, "other-extension": 1,
    });
    assert_eq!(summary["skipped"], expected);
    assert_eq!(place.json(&["skipped"]).len(), 6);
    let said = place.text(&["failed"]);
    assert!(!said.contains("Every file"), "{said}");
    assert!(said.contains("kith skipped"), "{said}");
}

#[test]
fn a_photo_that_is_ignored_comes_back_with_its_answers() {
    let place = Place::new();
    place.copy("obama.jpg", "keep/a.jpg");
    place.copy("biden.jpg", "drop/b.jpg");
    place.index();
    let faces = place.json(&["faces"]);
    let face = faces
        .iter()
        .find(|face| face["photo"].as_str().unwrap().ends_with("b.jpg"))
        .unwrap();
    place.text(&["name", &face["person"].to_string(), "Joe"]);
    let joe = || {
        let people = place.json(&["people"]);
        people.iter().any(|person| person["name"] == "Joe")
    };
    assert!(joe());
    assert_eq!(
        place.json(&["skipped", "--add", "drop/"]),
        [json!({ "pattern": "drop/" })]
    );
    let summary = place.index();
    assert_eq!(summary["photos"], 1);
    assert_eq!(summary["skipped"], json!({ "pattern": 1 }));
    assert!(!place.text(&["search", "faces:0..9"]).contains("b.jpg"));
    assert_eq!(
        place.json(&["skipped", "--remove", "drop/"]),
        [json!(null); 0]
    );
    // By a file in the folder now.
    fs::write(place.photos.join(".kithignore"), "/drop\n").unwrap();
    let summary = place.index();
    assert_eq!(summary["skipped"], json!({ "kithignore": 1 }));
    fs::remove_file(place.photos.join(".kithignore")).unwrap();
    assert_eq!(place.index()["photos"], 2);
    assert!(joe());
    let confirmed = place.json(&["faces"]);
    let confirmed = confirmed.iter().find(|face| face["name"] == "Joe").unwrap();
    assert_eq!(confirmed["state"], "confirmed");

    let refused = place.run(&["skipped", "--add", "{a"]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = place.run(&["skipped", "--remove", "never there"]);
    assert_eq!(refused.status.code(), Some(1));
}

/// A refusal: exit status 1, and what is said on standard error.
fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"");
    said
}

#[test]
fn a_folder_that_is_removed_comes_back_with_names_and_stars() {
    let place = Place::new();
    assert!(refused(&place.run(&["folders"])).contains("kith index"));
    let kept = place.copy("obama.jpg", "home/a.jpg");
    let photo = place.copy("biden.jpg", "disk/b.jpg");
    place.copy("obama2.jpg", "disk/deeper/c.jpg");
    let (disk, home) = (place.photos.join("disk"), place.photos.join("home"));
    let (disk, home) = (disk.to_str().unwrap(), home.to_str().unwrap());
    place.json(&["index", disk, home]);
    let faces = place.json(&["faces"]);
    let is_joe = |face: &&Value| face["photo"].as_str() == photo.to_str();
    let joe = faces.iter().find(is_joe).unwrap();
    place.text(&["name", &joe["person"].to_string(), "Joe"]);
    // Only the window gives stars.
    let library = Library::open(&place.library).unwrap();
    let photos = vec![joe_photo(&library)];
    let stars = Action::Stars { photos, stars: 4 };
    library.decide(stars, SystemTime::now()).unwrap();
    drop(library);

    let state = || {
        ["folders", "faces", "people"]
            .map(|list| place.json(&[list]))
            .into_iter()
            .chain([place.json(&["search", "stars:4"])])
            .collect::<Vec<_>>()
    };
    let before = state();
    let line = |folder: &str, photos: u32| json!({ "folder": folder, "photos": photos, "state": "present", "away": 0 });
    assert_eq!(before[0], [line(disk, 2), line(home, 1)]);
    assert_eq!((before[1].len(), before[3].len()), (3, 1));
    let table = place.text(&["folders"]);
    assert!(
        table.contains(&format!("     2  present  {disk}\n")),
        "{table}"
    );
    let files = [&photo, &kept].map(|path| fs::read(path).unwrap());

    let said = place.text(&["folders", "remove", &format!("{disk}/")]);
    assert_eq!(
        said,
        format!(
            "Folder removed: {disk}\n2 photos left the library; no photo file was touched. `kith undo` brings \
             them back, with all that you said of them.\n"
        )
    );
    let without = state();
    assert_eq!(without[0], [line(home, 1)]);
    assert_eq!((without[1].len(), without[3].len()), (1, 0));
    assert_eq!([&photo, &kept].map(|path| fs::read(path).unwrap()), files);
    place.text(&["index"]);
    assert_eq!(state(), without, "a look does not bring it back");
    place.text(&["undo"]);
    assert_eq!(state(), before);
    place.text(&["redo"]);
    assert_eq!(state(), without);
    place.text(&["index", disk]);
    assert_eq!(state(), before, "it is added again");

    // While the drive is not connected, by the path that the library knows.
    let aside = place.photos.join("aside");
    fs::rename(disk, &aside).unwrap();
    place.text(&["index"]);
    let away = json!({ "folder": disk, "photos": 2, "state": "away", "away": 2 });
    assert_eq!(place.json(&["folders"])[0], away);
    let told = &place.json(&["folders", "remove", disk])[0];
    assert_eq!(
        (&told["photos_changed"], told["decision"].is_u64()),
        (&json!(2), true)
    );
    place.text(&["undo", &told["decision"].to_string()]);
    assert_eq!(place.json(&["folders"])[0], away);

    // What is no folder of the library changes nothing.
    let entries = place.json(&["history"]);
    fs::create_dir(Path::new(home).join("part")).unwrap();
    let said = refused(&place.run(&["folders", "remove", &format!("{home}/part")]));
    assert!(said.contains("only a part"), "{said}");
    let said = refused(&place.run(&["folders", "remove", "/never there"]));
    assert!(said.contains("kith folders"), "{said}");
    assert_eq!(place.json(&["history"]), entries);
}

/// The photo with the face that was named.
fn joe_photo(library: &Library) -> u32 {
    let faces = library.faces().unwrap();
    let of_joe = faces
        .iter()
        .find(|face| face.name.as_deref() == Some("Joe"));
    of_joe.unwrap().photo
}

#[cfg(unix)]
#[test]
fn a_folder_is_removed_by_a_link_to_it_and_relative_to_where_one_is() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    let link = place.photos.parent().unwrap().join("link");
    std::os::unix::fs::symlink(&place.photos, &link).unwrap();
    for (at, typed) in [("..", "photos"), (".", "."), ("..", "link")] {
        place.index();
        let output = place
            .command()
            .current_dir(place.photos.join(at))
            .args(["folders", "remove", typed])
            .output()
            .unwrap();
        assert!(output.status.success(), "{typed}");
        assert_eq!(place.json(&["folders"]), [json!(null); 0], "{typed}");
    }
}

#[test]
fn a_copy_of_a_folder_that_is_away_is_kept_apart_if_the_user_says_so() {
    for keeps_apart in [true, false] {
        let place = Place::new();
        let names = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"];
        for name in names {
            place.copy(name, &format!("disk/{name}"));
            place.copy(name, &format!("copy/{name}"));
        }
        let (disk, copy) = (place.photos.join("disk"), place.photos.join("copy"));
        let (disk, copy) = (disk.to_str().unwrap(), copy.to_str().unwrap());
        place.text(&["index", disk]);
        fs::rename(disk, place.photos.join("unplugged")).unwrap();
        let folders = |place: &Place| -> Vec<Value> {
            let lines = place.json(&["folders"]);
            lines
                .into_iter()
                .map(|line| line["folder"].clone())
                .collect()
        };
        if !keeps_apart {
            place.text(&["index", copy]);
            assert_eq!(folders(&place), [copy]);
            continue;
        }
        let said = place.text(&["index", "--keep-apart", copy]);
        let sentence = format!("Kept apart from {disk}, which is not connected: {copy}\n");
        assert!(said.starts_with(&sentence), "{said}");
        assert_eq!(folders(&place), [copy, disk]);
        let summary = place.json(&["index", "--keep-apart", copy]).pop().unwrap();
        assert_eq!(summary["moved_folders"], json!([]));
        assert_eq!(place.json(&["folders"])[1]["state"], "away");
        // Once both are there, each has its photos.
        fs::rename(place.photos.join("unplugged"), disk).unwrap();
        let summary = place.json(&["index"]).pop().unwrap();
        assert_eq!(
            (&summary["photos"], &summary["away"]),
            (&json!(8), &json!(0))
        );
        assert_eq!(folders(&place), [copy, disk]);
        assert_eq!(place.run(&["index", "--keep-apart"]).status.code(), Some(2));
    }
}

/// A running `kith watch --json`.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place
            .command()
            .args(["watch", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next look.
    fn look(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Looks until one is as it should be.
    fn look_until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let look = self.look();
            if is_so(&look) {
                return look;
            }
        }
    }

    /// What it said meanwhile.
    #[cfg(unix)]
    fn stop(mut self) -> String {
        let interrupted = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(interrupted.success());
        let output = self.child.wait().unwrap();
        assert!(output.success(), "{output}");
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        said
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended already where a test stopped it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(unix)]
#[test]
fn watching_sees_photos_come_move_and_go() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    place.index();
    let mut watching = Watching::start(&place, &[]);
    assert_eq!(watching.look()["photos"], 1, "the look at the start");

    place.copy("biden.jpg", "b.jpg");
    let look = watching.look();
    assert_eq!((&look["photos"], &look["faces"]), (&json!(2), &json!(2)));

    fs::rename(place.photos.join("b.jpg"), place.photos.join("c.jpg")).unwrap();
    watching.look();
    let photos: Vec<_> = place
        .json(&["faces"])
        .iter()
        .map(|face| {
            face["photo"]
                .as_str()
                .unwrap()
                .rsplit_once('/')
                .unwrap()
                .1
                .to_owned()
        })
        .collect();
    assert_eq!(photos, ["a.jpg", "c.jpg"]);

    // A folder with photos in it that is moved here as a whole.
    let aside = place.photos.parent().unwrap().join("aside");
    fs::create_dir(&aside).unwrap();
    fs::copy(portrait("obama2.jpg"), aside.join("d.jpg")).unwrap();
    fs::rename(&aside, place.photos.join("new")).unwrap();
    assert_eq!(watching.look()["photos"], 3);
    fs::copy(portrait("obama3.jpg"), place.photos.join("new/e.jpg")).unwrap();
    assert_eq!(watching.look()["photos"], 4);
    fs::remove_dir_all(place.photos.join("new")).unwrap();
    watching.look_until(|look| look["photos"] == 2);

    // What the library itself and hidden files do is no news: the next line is of the photo.
    fs::write(place.photos.join(".hidden.jpg"), "x").unwrap();
    fs::write(place.photos.join("notes.txt"), "x").unwrap();
    place.text(&["people"]);
    fs::remove_file(place.photos.join("c.jpg")).unwrap();
    assert_eq!(watching.look()["photos"], 1);
    assert_eq!(watching.stop(), "");
}

#[cfg(unix)]
#[test]
fn watching_waits_for_a_file_that_is_still_being_written() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    place.index();
    let mut watching = Watching::start(&place, &[]);
    watching.look();
    let photo = fs::read(portrait("biden.jpg")).unwrap();
    let mut file = File::create(place.photos.join("b.jpg")).unwrap();
    let part = photo.len() / 8 + 1;
    for piece in photo.chunks(part) {
        file.write_all(piece).unwrap();
        // The writer is slow: longer than a look would wait if it did not know that it writes.
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    drop(file);
    let look = watching.look();
    assert_eq!(look["photos"], 2);
    assert_eq!(look["failed"], 0);
    watching.stop();
}

#[cfg(unix)]
#[test]
fn a_burst_of_files_is_one_look() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    place.index();
    let mut watching = Watching::start(&place, &[]);
    watching.look();
    for at in 0..2_000 {
        fs::write(place.photos.join(format!("{}/x{at}.heic", at % 7)), "x")
            .or_else(|_| {
                fs::create_dir_all(place.photos.join((at % 7).to_string()))?;
                fs::write(place.photos.join(format!("{}/x{at}.heic", at % 7)), "x")
            })
            .unwrap();
    }
    let look = watching.look();
    let total: u64 = place
        .json(&["skipped"])
        .iter()
        .map(|of| of["files"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 2_000, "{look}");
    watching.stop();
}

#[cfg(unix)]
#[test]
fn folders_that_are_polled_are_said_and_looked_at() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    place.index();
    let mut watching = Watching::start(&place, &["--poll", "1"]);
    assert_eq!(watching.look()["photos"], 1);
    place.copy("biden.jpg", "b.jpg");
    assert_eq!(watching.look()["photos"], 2);
    let said = watching.stop();
    assert!(
        said.contains("is looked over every so often: as you asked."),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn watching_goes_on_when_the_folder_is_gone_and_comes_back() {
    let place = Place::new();
    place.copy("obama.jpg", "a.jpg");
    place.index();
    let mut watching = Watching::start(&place, &[]);
    watching.look();
    let aside = place.photos.parent().unwrap().join("aside");
    fs::rename(&place.photos, &aside).unwrap();
    watching.look();
    fs::copy(portrait("biden.jpg"), aside.join("b.jpg")).unwrap();
    fs::rename(&aside, &place.photos).unwrap();
    watching.look_until(|look| look["photos"] == 2);
    place.copy("obama2.jpg", "c.jpg");
    watching.look_until(|look| look["photos"] == 3);
    watching.stop();
}
