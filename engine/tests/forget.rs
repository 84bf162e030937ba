//! A forgotten person is gone from every file of the library, stays gone, and nobody else is.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::files_below;
use kith_engine::catalog::{Catalog, faces};
use kith_engine::{Action, Control, Error, Face, Library, Notice, PersonId};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn index(library: &Library, folder: &Path) {
    let folders = [folder.to_owned()];
    library
        .index(&folders, &Control::new(), &mut |_| {})
        .unwrap();
}

/// The portraits, copied, in a folder of their own.
fn portraits() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(PHOTOS).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    dir
}

fn say(library: &Library, action: Action) {
    library.decide(action, NOW).unwrap();
}

fn faces_on(library: &Library, file: &str) -> Vec<Face> {
    let faces = library.faces().unwrap().into_iter();
    faces.filter(|face| face.path.ends_with(file)).collect()
}

fn person_on(library: &Library, file: &str) -> PersonId {
    faces_on(library, file)[0].person.unwrap()
}

fn name(library: &Library, file: &str, name: &str) -> PersonId {
    let (person, name) = (person_on(library, file), name.into());
    say(library, Action::Name { person, name });
    person_on(library, file)
}

/// The files of a library in which one of these stands.
fn traces(folder: &Path, of: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|file| {
        let bytes = fs::read(file).unwrap();
        let name = file.as_os_str().as_encoded_bytes();
        of.iter().any(|part| {
            let mut windows = bytes.windows(part.len()).chain(name.windows(part.len()));
            windows.any(|window| window == part)
        })
    });
    files
}

/// A name as it may stand in a file: as text, and escaped in JSON.
fn written(name: &str) -> Vec<Vec<u8>> {
    let escape = |letter: char| {
        if letter.is_ascii() {
            letter.to_string()
        } else {
            let mut units = [0; 2];
            let units = letter.encode_utf16(&mut units);
            units
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<Vec<_>>()
                .concat()
        }
    };
    let escaped: String = name.chars().map(escape).collect();
    vec![
        name.as_bytes().to_vec(),
        name.to_lowercase().into_bytes(),
        escaped.into_bytes(),
    ]
}

/// The codes of a person's faces, as they stand in the catalog.
fn codes_of(library: &Path, person: PersonId) -> Vec<Vec<u8>> {
    let of = Library::open(library)
        .unwrap()
        .person_faces(person)
        .unwrap();
    let catalog = Catalog::open(&library.join("catalog.sqlite")).unwrap();
    let code = |face: &Face| {
        let stored = faces::get(catalog.connection(), face.face)
            .unwrap()
            .unwrap();
        stored.found.code.as_bytes().to_vec()
    };
    of.iter().map(code).collect()
}

/// All of a library but one person, in words.
fn told(library: &Library, but: &[&str]) -> Vec<String> {
    let mut told = Vec::new();
    for face in library.faces().unwrap() {
        if !but.iter().any(|file| face.path.ends_with(file)) {
            let Face {
                face, name, state, ..
            } = face;
            told.push(format!("{face} {name:?} {state:?}"));
        }
    }
    for photo in library.photos().unwrap() {
        told.push(format!(
            "{} {} {}",
            photo.photo, photo.stars, photo.favourite
        ));
    }
    for album in library.albums().unwrap() {
        told.push(format!("{} {:?} {}", album.name, album.query, album.photos));
    }
    told
}

#[test]
#[allow(clippy::too_many_lines)] // One life of one library.
fn nothing_of_a_forgotten_person_is_in_any_file_and_nobody_else_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let obama = [
        "obama.jpg",
        "obama2.jpg",
        "obama3.jpg",
        "obama_partial_face.jpg",
        "obama_partial_face2.jpg",
    ];
    // A name that was wrong, one that was another's before, and every kind of answer.
    name(&library, "biden.jpg", "Zoë Quartz");
    name(&library, "biden.jpg", "Joe");
    name(&library, "obama.jpg", "Quincy Wrong");
    let person = name(&library, "obama.jpg", "Zoë Quartz");
    for file in obama {
        let faces: Vec<u32> = faces_on(&library, file)
            .iter()
            .map(|face| face.face)
            .collect();
        say(&library, Action::Confirm { faces, person });
    }
    let aliases = vec!["Zozo Quartz".into()];
    say(&library, Action::Aliases { person, aliases });
    let birthday = Some("1961-08-04".into());
    say(&library, Action::Birthday { person, birthday });
    let face = faces_on(&library, "obama2.jpg")[0].face;
    say(&library, Action::BestFace { face });
    let faces = vec![faces_on(&library, "biden.jpg")[0].face];
    say(&library, Action::Reject { faces, person });
    let tiles = library.photos().unwrap();
    let photo = tiles[0].photo;
    let stars = |photos, stars| Action::Stars { photos, stars };
    say(&library, stars(vec![photo], 4));
    for name in ["Zoë Quartz’s wedding", "Holiday"] {
        let (photos, name) = (vec![photo], name.into());
        say(&library, Action::AddToAlbum { photos, name });
    }
    for (name, query) in [("Her", "only zoë quartz"), ("Him", "joe")] {
        let (name, query) = (name.into(), query.into());
        say(&library, Action::SaveSearch { name, query });
    }
    for face in library.faces().unwrap() {
        library.face_thumbnail(face.face).unwrap();
    }
    // Taken back, and so nowhere but in the log.
    let faces = vec![faces_on(&library, "astronaut.png")[0].face];
    say(&library, Action::Confirm { faces, person });
    say(&library, Action::Undo);
    drop(library);

    let names = ["Zoë Quartz", "Zozo Quartz", "Quincy Wrong", "1961-08-04"];
    let mut parts: Vec<Vec<u8>> = names.iter().flat_map(|name| written(name)).collect();
    assert!(!traces(dir.path(), &parts).is_empty());
    let codes = codes_of(dir.path(), person);
    let count = codes.len();
    // Those that were confirmed, and those that Kith took for the same person.
    let theirs = Library::open(dir.path())
        .unwrap()
        .person_faces(person)
        .unwrap();
    let files: BTreeSet<String> = theirs.into_iter().map(|face| face.path).collect();
    assert!(files.len() >= obama.len());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    parts.extend(codes);
    let thumbnails = || files_below(&dir.path().join("cache/thumbnails/faces")).len();
    let pictures = thumbnails();

    let library = Library::open(dir.path()).unwrap();
    let before = told(&library, &files);
    let summary = library.forget_person(person, NOW).unwrap();
    let forgotten = [summary.faces as usize, summary.photos as usize];
    assert_eq!(forgotten, [count, files.len()]);
    // While it is still open.
    assert_eq!(traces(dir.path(), &parts), Vec::<PathBuf>::new());
    assert_eq!(thumbnails(), pictures - count);
    let mut after = told(&library, &files);
    let album = after
        .iter()
        .position(|line| line.starts_with("…’s wedding"));
    after[album.unwrap()] = "Zoë Quartz’s wedding None 1".into();
    assert_eq!(after.len() + 1, before.len());
    for line in &after {
        assert!(before.contains(line), "{line}: {before:?}");
    }
    assert_eq!(library.names().unwrap(), ["Joe"]);
    let history = library.history().unwrap();
    assert_eq!(history[0].decision, summary.decision);
    assert!(!history[0].stands && !history[0].undone);
    assert_eq!(
        history[0].said.to_string(),
        format!("A person with {count} faces was forgotten")
    );
    // Undo goes on with what was said before, and never brings anybody back.
    while library.decide(Action::Undo, NOW).is_ok() {}
    while library.decide(Action::Redo, NOW).is_ok() {}
    assert_eq!(library.names().unwrap(), ["Joe"]);
    let gone = library.forget_person(person, NOW);
    assert!(matches!(gone, Err(Error::NoPerson(_))), "{gone:?}");

    // A look at changed, moved and touched files finds nobody anew.
    fs::rename(
        photos.path().join("obama.jpg"),
        photos.path().join("moved.jpg"),
    )
    .unwrap();
    fs::copy(
        photos.path().join("obama2.jpg"),
        photos.path().join("copy.jpg"),
    )
    .unwrap();
    let file = fs::File::options()
        .append(true)
        .open(photos.path().join("obama3.jpg"));
    file.unwrap().set_modified(SystemTime::now()).unwrap();
    index(&library, photos.path());
    for file in ["moved.jpg", "copy.jpg", "obama2.jpg", "obama3.jpg"] {
        assert_eq!(faces_on(&library, file), [], "{file}");
    }
    drop(library);
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    assert_eq!(traces(dir.path(), &parts), Vec::<PathBuf>::new());
    // Unless the user draws the face themselves.
    let tiles = library.photos().unwrap();
    let moved = tiles
        .iter()
        .find(|tile| library.path_of(tile.photo).unwrap().ends_with("moved.jpg"));
    library
        .draw_face(moved.unwrap().photo, [0.3, 0.1, 0.4, 0.5], None, NOW)
        .unwrap();
    index(&library, photos.path());
    assert_eq!(faces_on(&library, "moved.jpg").len(), 1);
}

#[test]
fn an_older_export_does_not_bring_a_forgotten_person_back() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(&dir.path().join("library")).unwrap();
    index(&library, photos.path());
    name(&library, "biden.jpg", "Joe");
    let person = name(&library, "obama.jpg", "Somebody");
    let file = dir.path().join("kith.jsonl");
    library.export(&file, &Control::new(), &mut |_| {}).unwrap();
    library.forget_person(person, NOW).unwrap();
    let (summary, conflicts) = library
        .import(&file, false, NOW, &Control::new(), &mut |_| {})
        .unwrap();
    assert_eq!((summary.added, summary.decision), (0, None));
    assert_eq!(conflicts[0].conflict, "person");
    assert_eq!(library.names().unwrap(), ["Joe"]);
    assert_eq!(faces_on(&library, "obama.jpg"), []);
}

/// Their codes stay in the catalog as long as the photo may come back.
#[test]
fn faces_on_photos_that_are_gone_are_forgotten_too() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let person = name(&library, "obama.jpg", "Somebody");
    drop(library);
    let codes = codes_of(dir.path(), person);
    let library = Library::open(dir.path()).unwrap();
    let aside = tempfile::tempdir().unwrap();
    let files = ["obama2.jpg", "obama3.jpg"];
    for file in files {
        fs::copy(photos.path().join(file), aside.path().join(file)).unwrap();
        fs::remove_file(photos.path().join(file)).unwrap();
    }
    index(&library, photos.path());
    library.forget_person(person, NOW).unwrap();
    assert_eq!(traces(dir.path(), &codes), Vec::<PathBuf>::new());
    for file in files {
        fs::copy(aside.path().join(file), photos.path().join(file)).unwrap();
    }
    index(&library, photos.path());
    assert_eq!(traces(dir.path(), &codes), Vec::<PathBuf>::new());
    for file in files {
        assert_eq!(faces_on(&library, file), [], "{file}");
    }
}

#[test]
fn forgetting_that_was_interrupted_is_finished_when_the_library_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let person = name(&library, "obama.jpg", "Somebody");
    let face = library.person_faces(person).unwrap()[0].face;
    let picture = library.face_thumbnail(face).unwrap();
    let forgotten = library.forget_person(person, NOW).unwrap();
    // As a kill leaves it between the catalog and the pictures.
    let folder = dir.path().join("cache/thumbnails/faces/00");
    fs::create_dir_all(&folder).unwrap();
    let stray = folder.join("00000000000000000000000000000000-0000-0000-0000-0000.jpg");
    fs::write(&stray, &picture).unwrap();
    let draft = folder.join("00000000000000000000000000000000-0000-0000-0000-0000.1.new");
    fs::write(&draft, &picture).unwrap();
    let number = forgotten.decision.to_string();
    fs::write(dir.path().join("forgetting"), number).unwrap();
    drop(library);
    drop(Library::open(dir.path()).unwrap());
    assert!(!stray.exists() && !draft.exists());
    assert!(!dir.path().join("forgetting").exists());
    // As one leaves it before anything was forgotten.
    fs::create_dir_all(&folder).unwrap();
    fs::write(&stray, &picture).unwrap();
    fs::write(dir.path().join("forgetting"), "99").unwrap();
    drop(Library::open(dir.path()).unwrap());
    assert!(stray.exists() && !dir.path().join("forgetting").exists());
}

/// Who opened the library meanwhile saw the marker and not yet the log's entry, and deleted the marker.
#[test]
fn opening_leaves_what_another_process_is_forgetting() {
    let dir = tempfile::tempdir().unwrap();
    drop(Library::open(dir.path()).unwrap());
    let marker = dir.path().join("forgetting");
    fs::write(&marker, "99").unwrap();
    let lock = fs::File::create(dir.path().join("reading.lock")).unwrap();
    lock.lock().unwrap();
    let library = Library::open(dir.path()).unwrap();
    assert!(marker.exists() && library.notices().is_empty());
    drop((library, lock));
    drop(Library::open(dir.path()).unwrap());
    assert!(!marker.exists());
}

/// A file that could not be deleted made the library unusable.
#[test]
fn a_library_opens_where_forgetting_cannot_be_finished() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let person = person_on(&library, "obama.jpg");
    let forgotten = library.forget_person(person, NOW).unwrap();
    drop(library);
    let marker = dir.path().join("forgetting");
    fs::write(&marker, forgotten.decision.to_string()).unwrap();
    let in_the_way = dir.path().join("backups/0007-2026-11-30-daily.kith");
    fs::create_dir_all(&in_the_way).unwrap();
    let library = Library::open(dir.path()).unwrap();
    assert_eq!(library.notices(), [Notice::ForgettingUnfinished]);
    assert!(marker.exists());
    drop(library);
    fs::remove_dir(&in_the_way).unwrap();
    let library = Library::open(dir.path()).unwrap();
    assert!(library.notices().is_empty() && !marker.exists());
}

/// A copy of the catalog that was being written while somebody was forgotten outlived them.
#[test]
fn unfinished_copies_are_deleted_with_a_forgotten_person() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let person = name(&library, "obama.jpg", "Quincy Quartz");
    library.back_up_daily().unwrap();
    let draft = dir.path().join("backups/.kith-abc.part");
    fs::write(&draft, "Quincy Quartz").unwrap();
    library.forget_person(person, NOW).unwrap();
    assert!(!draft.exists());
    assert_eq!(library.backups().unwrap(), []);
}

/// A kill after the rows were deleted left the backups and pictures.
#[test]
fn deleting_all_face_data_is_finished_when_the_library_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    library.back_up_daily().unwrap();
    let backup = library.backups().unwrap().remove(0).path;
    let up_to_face = library.faces().unwrap().last().unwrap().face;
    let marker = dir.path().join("forgetting");
    let kept = fs::read(&backup).unwrap();
    let pictures = dir.path().join("cache/thumbnails/faces");
    // As a kill leaves it before the rows were deleted.
    fs::write(&marker, format!("{{\"up_to_face\":{up_to_face}}}")).unwrap();
    drop(library);
    let library = Library::open(dir.path()).unwrap();
    assert!(!marker.exists() && backup.exists() && pictures.exists());
    library.forget_faces().unwrap();
    assert!(!marker.exists() && !backup.exists() && !pictures.exists());
    // And after.
    fs::write(&marker, format!("{{\"up_to_face\":{up_to_face}}}")).unwrap();
    fs::write(&backup, kept).unwrap();
    fs::create_dir_all(&pictures).unwrap();
    drop(library);
    drop(Library::open(dir.path()).unwrap());
    assert!(!marker.exists() && !backup.exists() && !pictures.exists());
}

/// Imported stars and albums were among what was deleted, and names stayed in saved searches.
#[test]
fn deleting_all_face_data_keeps_what_was_imported_of_photos_and_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let photos = portraits();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let library = Library::open(&one).unwrap();
    index(&library, photos.path());
    name(&library, "obama.jpg", "Quincy Quartz");
    let tiles = library.photos().unwrap();
    let photo = tiles[0].photo;
    let (photos_with, stars) = (vec![photo], 4);
    say(
        &library,
        Action::Stars {
            photos: photos_with,
            stars,
        },
    );
    let (photos_in, album) = (vec![photo], "Quincy Quartz on holiday".into());
    say(
        &library,
        Action::AddToAlbum {
            photos: photos_in,
            name: album,
        },
    );
    let (search, query) = ("Q".into(), "only Quincy Quartz".into());
    say(
        &library,
        Action::SaveSearch {
            name: search,
            query,
        },
    );
    let file = dir.path().join("kith.jsonl");
    library.export(&file, &Control::new(), &mut |_| {}).unwrap();
    let other = Library::open(&two).unwrap();
    index(&other, photos.path());
    other
        .import(&file, false, NOW, &Control::new(), &mut |_| {})
        .unwrap();
    for (folder, library) in [(one, library), (two, other)] {
        library.forget_faces().unwrap();
        let starred = library.photos().unwrap();
        let starred = starred.iter().filter(|tile| tile.stars == 4);
        assert_eq!(starred.count(), 1);
        let albums = library.albums().unwrap();
        let albums: Vec<_> = albums
            .iter()
            .map(|of| (of.name.as_str(), of.photos))
            .collect();
        assert_eq!(albums, [("… on holiday", 1)]);
        let names = written("Quincy Quartz");
        assert_eq!(traces(&folder, &names), Vec::<PathBuf>::new());
    }
}
