//! What is kept about photos and people beside their faces: albums, other names, birthdays; and the
//! library as a whole, kept and brought back.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kith_engine::{
    Action, BackupReason, Control, Error, Library, Outcome, PersonId, PhotoId, photo,
};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn indexed(dir: &Path) -> Library {
    let library = Library::open(dir).unwrap();
    let folders = [PathBuf::from(PHOTOS)];
    library
        .index(&folders, &Control::new(), &mut |_| {})
        .unwrap();
    library
}

fn say(library: &Library, action: Action) -> Outcome {
    library.decide(action, NOW).unwrap()
}

/// The photo of that name, and the person on it.
fn on(library: &Library, file: &str) -> (PhotoId, PersonId) {
    let faces = library.faces().unwrap();
    let face = faces.iter().find(|face| face.path.ends_with(file)).unwrap();
    (face.photo, face.person.unwrap())
}

fn named(library: &Library, file: &str, name: &str) -> (PhotoId, PersonId) {
    let (photo, person) = on(library, file);
    let name = name.into();
    say(library, Action::Name { person, name });
    (photo, person)
}

fn photos_of(library: &Library, album: u32) -> Vec<PhotoId> {
    let mut photos = library.album(album).unwrap();
    photos.sort_unstable();
    photos
}

#[test]
fn an_album_is_filled_renamed_emptied_and_each_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (obama, _) = on(&library, "/obama.jpg");
    let (biden, _) = on(&library, "/biden.jpg");
    let add = |photos: Vec<PhotoId>, name: &str| Action::AddToAlbum {
        photos,
        name: name.into(),
    };
    let outcome = say(&library, add(vec![obama], " White  House "));
    assert_eq!(outcome.said.to_string(), "1 photo added to “White House”");
    assert_eq!((outcome.photos_changed, outcome.faces_changed), (1, 0));
    say(&library, add(vec![biden, obama], "white house"));
    let albums = library.albums().unwrap();
    let [album] = &albums[..] else {
        panic!("one album: {albums:?}");
    };
    assert_eq!((album.name.as_str(), album.photos), ("White House", 2));
    let number = album.album;
    let mut both = vec![obama, biden];
    both.sort_unstable();
    assert_eq!(photos_of(&library, number), both);
    assert_eq!(library.photo(biden).unwrap().albums, ["White House"]);

    say(
        &library,
        Action::RemoveFromAlbum {
            album: number,
            photos: vec![obama],
        },
    );
    assert_eq!(photos_of(&library, number), [biden]);
    say(&library, Action::Undo);
    assert_eq!(photos_of(&library, number), both);
    let rename = Action::RenameAlbum {
        album: number,
        name: "Presidents".into(),
    };
    say(&library, rename);
    assert_eq!(library.albums().unwrap()[0].name, "Presidents");
    let outcome = say(&library, Action::DropAlbum { album: number });
    assert_eq!(outcome.said.to_string(), "Album “Presidents” removed");
    assert!(matches!(library.album(number), Err(Error::NoAlbum(_))));
    say(&library, Action::Undo);
    assert_eq!(photos_of(&library, number), both);
    // An album that is gone leaves its number to no other.
    say(&library, Action::DropAlbum { album: number });
    say(&library, add(vec![biden], "Other"));
    assert_ne!(library.albums().unwrap()[0].album, number);
}

#[test]
fn a_saved_search_holds_what_it_finds_by_now() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (biden, person) = on(&library, "/biden.jpg");
    let save = |query: &str| Action::SaveSearch {
        name: "Joe".into(),
        query: query.into(),
    };
    assert!(matches!(
        library.decide(save("faces:many"), NOW),
        Err(Error::Query(_))
    ));
    let name = "Joe".into();
    say(&library, Action::Name { person, name });
    say(&library, save("joe"));
    let [album] = &library.albums().unwrap()[..] else {
        panic!("one album");
    };
    assert_eq!((album.photos, album.cover), (1, Some(biden)));
    let number = album.album;
    // Whoever is called Joe by now is in it without a further word.
    let (obama, person) = on(&library, "/obama.jpg");
    let name = "Joe".into();
    say(&library, Action::Name { person, name });
    let photos = photos_of(&library, number);
    assert!(photos.contains(&obama) && photos.len() > 1, "{photos:?}");
    assert!(matches!(
        library.decide(
            Action::AddToAlbum {
                photos: vec![obama],
                name: "Joe".into()
            },
            NOW
        ),
        Err(Error::AlbumNameInUse(_))
    ));
}

#[test]
fn other_names_are_found_and_complete_and_belong_to_one() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = named(&library, "/obama.jpg", "Barack Obama");
    let (_, biden) = named(&library, "/biden.jpg", "Joe");
    let aliases = |person, aliases: &[&str]| Action::Aliases {
        person,
        aliases: aliases.iter().map(ToString::to_string).collect(),
    };
    let outcome = say(&library, aliases(obama, &["Barry", " Mr  President "]));
    assert_eq!(
        outcome.said.to_string(),
        "Barack Obama is also called Barry, Mr President"
    );
    let by_name = library.search("obama").unwrap().photos;
    assert_eq!(library.search("barry").unwrap().photos, by_name);
    assert_eq!(library.search("\"mr president\"").unwrap().photos, by_name);
    let person = |person| {
        let people = library.people().unwrap();
        people.into_iter().find(|of| of.person == person).unwrap()
    };
    assert_eq!(person(obama).aliases, ["Barry", "Mr President"]);
    assert!(matches!(
        library.decide(aliases(biden, &["barry"]), NOW),
        Err(Error::NameInUse(name)) if name == "Barack Obama"
    ));
    // Whoever is called so by another name is meant.
    let (_, group) = on(&library, "/astronaut.png");
    let name = "barry".into();
    let outcome = say(
        &library,
        Action::Name {
            person: group,
            name,
        },
    );
    assert_eq!(outcome.person, Some(obama));
    say(&library, Action::Undo);
    say(&library, Action::Undo);
    assert!(person(obama).aliases.is_empty());
    assert!(library.search("barry").is_err());
}

#[test]
fn a_birthday_gives_the_age_on_photos_that_tell_their_date() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let faces = library.faces().unwrap();
    let dated = faces.iter().find_map(|face| {
        let photo = library.photo(face.photo).unwrap();
        let (_, facts) = photo::read(Path::new(&photo.path), 300).ok()?;
        facts.taken_at?;
        Some((photo, face.person?))
    });
    let (photo, person) = dated.expect("a sample photo tells its date");
    let year: u32 = photo.date[..4].parse().unwrap();
    let birthday = |day: &str| Action::Birthday {
        person,
        birthday: Some(day.into()),
    };
    assert!(matches!(
        library.decide(birthday("in May"), NOW),
        Err(Error::NoDay(_))
    ));
    let born = format!("{}{}", year - 30, &photo.date[4..10]);
    say(&library, birthday(&born));
    let ages = library.photo(photo.photo).unwrap().ages;
    assert_eq!((ages[0].years, ages[0].months), (30, 0));
    // Nobody is on a photo before they were born.
    say(&library, birthday(&format!("{}-01-01", year + 1)));
    assert!(library.photo(photo.photo).unwrap().ages.is_empty());
    say(&library, Action::Undo);
    assert_eq!(library.photo(photo.photo).unwrap().ages, ages);
}

#[test]
fn redo_says_again_what_was_taken_back_until_something_new_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    assert!(matches!(
        library.decide(Action::Redo, NOW),
        Err(Error::NothingToRedo)
    ));
    let (photo, person) = named(&library, "/biden.jpg", "Joe");
    let stars = Action::Stars {
        photos: vec![photo],
        stars: 4,
    };
    say(&library, stars);
    let before = (library.people().unwrap(), library.photos().unwrap());
    say(&library, Action::Undo);
    say(&library, Action::Undo);
    assert!(library.names().unwrap().is_empty());
    let outcome = say(&library, Action::Redo);
    assert!(
        outcome.said.to_string().starts_with("Again: "),
        "{}",
        outcome.said
    );
    assert_eq!(outcome.person, Some(person));
    assert_eq!(library.names().unwrap(), ["Joe"]);
    say(&library, Action::Redo);
    assert_eq!(
        (library.people().unwrap(), library.photos().unwrap()),
        before
    );
    assert!(matches!(
        library.decide(Action::Redo, NOW),
        Err(Error::NothingToRedo)
    ));
    say(&library, Action::Undo);
    say(
        &library,
        Action::Hide {
            person,
            hidden: true,
        },
    );
    assert!(matches!(
        library.decide(Action::Redo, NOW),
        Err(Error::NothingToRedo)
    ));
}

#[test]
fn another_program_is_seen_to_have_decided() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    assert!(library.names().unwrap().is_empty());
    let other = Library::open(dir.path()).unwrap();
    let (photo, _) = named(&other, "/biden.jpg", "Joe");
    assert_eq!(library.names().unwrap(), ["Joe"]);
    let favourite = Action::Favourite {
        photos: vec![photo],
        favourite: true,
    };
    say(&library, favourite);
    assert_eq!(other.search("favourite joe").unwrap().photos.len(), 1);
    assert_eq!(other.people().unwrap(), library.people().unwrap());
}

#[test]
fn a_backup_brings_back_all_that_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("kith.backup");
    let library = indexed(dir.path());
    let (_, person) = named(&library, "/biden.jpg", "Joe");
    let state = |library: &Library| {
        (
            library.people().unwrap(),
            library.faces().unwrap(),
            library.history().unwrap(),
        )
    };
    let kept = state(&library);
    library.backup(&file).unwrap();
    let name = "Not Joe".into();
    say(&library, Action::Name { person, name });
    // A file that is no backup changes nothing.
    let wrong = elsewhere.path().join("photo.jpg");
    std::fs::write(&wrong, "no catalog").unwrap();
    let before = state(&library);
    for file in [wrong.clone(), elsewhere.path().join("missing")] {
        let refused = library.restore(&file).unwrap_err();
        assert!(matches!(refused, Error::NoBackup { .. }), "{refused}");
    }
    assert_eq!(state(&library), before);

    library.restore(&file).unwrap();
    assert_eq!(state(&library), kept);
    assert_eq!(state(&Library::open(dir.path()).unwrap()), kept);
    // What was there before is kept, and can be restored as well.
    let copies = library.backups().unwrap().into_iter();
    let mut before = copies.filter(|copy| copy.reason == BackupReason::BeforeRestore);
    let before = before.next().unwrap();
    library.restore(&before.path).unwrap();
    assert_eq!(library.names().unwrap(), ["Not Joe"]);
    assert_eq!(
        library.backups().unwrap().len(),
        3,
        "none took another's place"
    );
    // Into a library that is empty, on another computer.
    let new = Library::open(&elsewhere.path().join("library")).unwrap();
    new.restore(&file).unwrap();
    assert_eq!(state(&new), kept);
    new.backup(&file).unwrap();
}

/// Taking out the only folder failed when nobody had a name: an index of nothing cannot be written.
#[test]
fn the_last_folder_can_be_taken_out_of_a_library_without_names() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let folder = library.folders().unwrap()[0].path.clone();
    say(&library, Action::RemoveFolder { path: folder });
    assert!(library.photos().unwrap().is_empty() && library.people().unwrap().is_empty());
    let library = indexed(dir.path());
    assert!(library.people().unwrap().len() >= 3);
}

#[test]
fn forgotten_faces_leave_no_trace_and_what_was_said_of_photos_stays() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (photo, _) = named(&library, "/biden.jpg", "Josephine Unmistakable");
    say(
        &library,
        Action::Stars {
            photos: vec![photo],
            stars: 5,
        },
    );
    let name = "Best".into();
    let photos = vec![photo];
    say(&library, Action::AddToAlbum { photos, name });
    let all = library.photos().unwrap();
    library.forget_faces().unwrap();
    assert!(library.faces().unwrap().is_empty() && library.people().unwrap().is_empty());
    assert_eq!(library.photos().unwrap(), all);
    assert_eq!(library.albums().unwrap()[0].photos, 1);
    let history = library.history().unwrap();
    assert_eq!(history.len(), 2, "{history:?}");
    assert!(!dir.path().join("cache/thumbnails/faces").exists());
    drop(library);
    let files = std::fs::read_dir(dir.path()).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        if file.is_file() {
            let bytes = std::fs::read(&file).unwrap();
            let traces = bytes.windows(12).filter(|bytes| bytes == b"Unmistakable");
            assert_eq!(traces.count(), 0, "{}", file.display());
        }
    }
    // The next look finds the faces anew, without names.
    let library = indexed(dir.path());
    assert!(library.people().unwrap().len() >= 3);
    assert!(library.names().unwrap().is_empty());
    assert_eq!(library.photos().unwrap(), all);
}
