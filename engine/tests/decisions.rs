//! Decisions on a real library: what was said holds, and all of it can be taken back.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kith_engine::{Action, Control, Error, Face, FaceState, Library, Outcome, PersonId, Sureness};
use proptest::prelude::*;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// A library of the sample portraits.
fn indexed(dir: &Path) -> Library {
    let library = Library::open(dir).unwrap();
    library
        .index(&[PathBuf::from(PHOTOS)], &Control::new(), &mut |_| {})
        .unwrap();
    library
}

fn person_on(library: &Library, file: &str) -> (Face, PersonId) {
    let faces = library.faces().unwrap();
    let face = faces
        .into_iter()
        .find(|face| face.path.ends_with(file))
        .unwrap();
    let person = face.person.unwrap();
    (face, person)
}

fn say(library: &Library, action: Action) -> Outcome {
    library.decide(action, NOW).unwrap()
}

fn name(library: &Library, person: PersonId, name: &str) {
    let name = name.into();
    say(library, Action::Name { person, name });
}

#[test]
fn a_name_holds_and_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    name(&library, obama, " Barack  Obama ");
    let found = library.search("obama").unwrap();
    assert!(
        found
            .photos
            .iter()
            .any(|photo| photo.path.ends_with("/obama2.jpg"))
    );
    assert!(
        found
            .photos
            .iter()
            .all(|photo| photo.people.contains(&"Barack Obama".to_owned()))
    );
    assert_eq!(found.understood, ["with Barack Obama"]);
    assert_eq!(library.names().unwrap(), ["Barack Obama"]);
    // Opened again, by another run of the program.
    drop(library);
    let library = Library::open(dir.path()).unwrap();
    assert_eq!(library.search("obama").unwrap(), found);
}

#[test]
fn a_rejected_face_stays_away_and_a_confirmed_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (face, obama) = person_on(&library, "/obama2.jpg");
    name(&library, obama, "Barack");
    library
        .decide(
            Action::Reject {
                faces: vec![face.face],
                person: obama,
            },
            NOW,
        )
        .unwrap();
    assert_ne!(person_on(&library, "/obama2.jpg").0.person, Some(obama));
    // Reading everything again changes nothing about it.
    library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    assert_ne!(person_on(&library, "/obama2.jpg").0.person, Some(obama));

    let (other, biden) = person_on(&library, "/biden.jpg");
    library
        .decide(
            Action::Confirm {
                faces: vec![other.face],
                person: obama,
            },
            NOW,
        )
        .unwrap();
    library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    let (other, person) = person_on(&library, "/biden.jpg");
    assert_eq!((person, other.state), (obama, FaceState::Confirmed));
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(person_on(&library, "/biden.jpg").1, biden);
}

#[test]
fn a_known_name_joins_and_a_face_can_be_named_alone() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let (biden_face, biden) = person_on(&library, "/biden.jpg");
    name(&library, obama, "Anna");
    let outcome = library
        .decide(
            Action::Name {
                person: biden,
                name: "ANNA".into(),
            },
            NOW,
        )
        .unwrap();
    assert_eq!(outcome.person, Some(obama));
    assert_eq!(person_on(&library, "/biden.jpg").1, obama);

    let alone = Action::NameFaces {
        faces: vec![biden_face.face],
        name: "Joe".into(),
    };
    let outcome = library.decide(alone, NOW).unwrap();
    let (face, joe) = person_on(&library, "/biden.jpg");
    assert_eq!(
        (outcome.person, face.name.as_deref()),
        (Some(joe), Some("Joe"))
    );
    assert_ne!(joe, obama);
    assert_eq!(library.names().unwrap(), ["Anna", "Joe"]);
}

#[test]
fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (face, person) = person_on(&library, "/biden.jpg");
    let faces = vec![face.face];
    let refuse = |action| library.decide(action, NOW).unwrap_err();
    assert!(matches!(refuse(Action::Undo), Error::NothingToUndo));
    assert!(matches!(
        refuse(Action::Name {
            person,
            name: " - ".into()
        }),
        Error::EmptyName
    ));
    assert!(matches!(
        refuse(Action::Hide {
            person: 999_999,
            hidden: true
        }),
        Error::NoPerson(_)
    ));
    assert!(matches!(
        refuse(Action::Confirm {
            faces,
            person: 999_999
        }),
        Error::NoPerson(_)
    ));
    assert!(matches!(
        refuse(Action::Ignore {
            faces: vec![999_999]
        }),
        Error::NoFace(_)
    ));
    assert!(matches!(
        refuse(Action::Ignore { faces: vec![] }),
        Error::NoFaces
    ));
    assert!(matches!(
        refuse(Action::Merge {
            person,
            into: person
        }),
        Error::SamePerson(_)
    ));
    assert_eq!(library.history().unwrap(), []);
}

#[test]
fn a_folder_taken_out_and_added_again_brings_its_names_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    name(&library, obama, "Barack");
    let before = (library.faces().unwrap(), library.people().unwrap());
    let path = library.folders().unwrap().remove(0).path;
    let removal = say(&library, Action::RemoveFolder { path });
    assert!(library.faces().unwrap().is_empty() && library.photos().unwrap().is_empty());
    library
        .index(&[PathBuf::from(PHOTOS)], &Control::new(), &mut |_| {})
        .unwrap();
    assert_eq!(
        (library.faces().unwrap(), library.people().unwrap()),
        before
    );
    // To add it again takes the removal back.
    let history = library.history().unwrap();
    let entry = history.iter().find(|of| of.decision == removal.decision);
    assert!(entry.unwrap().undone);
}

#[test]
fn removing_a_folder_is_undone_and_redone_at_once() {
    let photos = tempfile::tempdir().unwrap();
    let disk = photos.path().join("disk");
    let home = photos.path().join("home");
    for (file, folder) in [
        ("obama.jpg", &disk),
        ("obama2.jpg", &home),
        ("biden.jpg", &disk),
    ] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::copy(Path::new(PHOTOS).join(file), folder.join(file)).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(dir.path()).unwrap();
    let look = |folders: &[PathBuf]| {
        library
            .index(folders, &Control::new(), &mut |_| {})
            .unwrap()
    };
    look(&[disk.clone(), home.clone()]);
    let (_, biden) = person_on(&library, "/biden.jpg");
    name(&library, biden, "Joe");
    // The disk is not connected when it is removed, and still is not when that is undone.
    std::fs::rename(&disk, photos.path().join("unplugged")).unwrap();
    assert_eq!(look(&[]).away, 2);
    let state = |library: &Library| {
        (
            library.folders().unwrap(),
            library.photos().unwrap(),
            library.faces().unwrap(),
            library.people().unwrap(),
        )
    };
    let before = state(&library);
    let path = before.0[0].path.clone();
    let removal = say(&library, Action::RemoveFolder { path: path.clone() });
    assert_eq!(removal.said.to_string(), format!("Folder removed: {path}"));
    assert_eq!(removal.photos_changed, 2);
    let without = state(&library);
    assert_eq!((without.0.len(), without.1.len()), (1, 1));
    for _ in 0..2 {
        let back = say(&library, Action::Undo);
        assert_eq!(back.photos_changed, 2);
        assert_eq!(state(&library), before);
        assert_eq!(state(&Library::open(dir.path()).unwrap()), before);
        say(&library, Action::Redo);
        assert_eq!(state(&library), without);
    }
    // Looks at the other folders change nothing, and an answer that was given since stays.
    look(&[]);
    assert_eq!(state(&library), without);
    let (_, barack) = person_on(&library, "/obama2.jpg");
    name(&library, barack, "Barack");
    let decision = removal.decision;
    say(&library, Action::TakeBack { decision });
    assert_eq!(library.photos().unwrap(), before.1);
    assert_eq!(library.names().unwrap(), ["Barack", "Joe"]);
    assert!(matches!(
        library.decide(
            Action::RemoveFolder {
                path: "/elsewhere".into()
            },
            NOW
        ),
        Err(Error::NoFolder { .. })
    ));
}

#[test]
fn a_cancelled_run_keeps_what_it_stored_and_goes_on_later() {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(dir.path()).unwrap();
    let control = Control::new();
    let summary = library
        .index(&[PathBuf::from(PHOTOS)], &control, &mut |progress| {
            if progress.done > 0 {
                control.cancel();
            }
        })
        .unwrap();
    assert!(summary.cancelled && summary.photos > 0, "{summary:?}");
    let rest = library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    assert_eq!(rest.unchanged, summary.photos);
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(
        library.faces().unwrap(),
        indexed(whole.path()).faces().unwrap()
    );
}

/// One of the things a user can say, about one of the faces and people there are.
fn action(kind: u8, at: usize, other: usize, library: &Library) -> Option<Action> {
    let faces = library.faces().unwrap();
    let face = faces[at % faces.len()].face;
    let people = library.people().unwrap();
    let person = people.get(at % people.len().max(1))?.person;
    let into = people.get(other % people.len().max(1))?.person;
    Some(match kind % 14 {
        0 => Action::Name {
            person,
            name: ["Anna", "Ben"][other % 2].into(),
        },
        1 => Action::NameFaces {
            faces: vec![face],
            name: ["Carl", "Anna"][other % 2].into(),
        },
        2 => Action::Confirm {
            faces: vec![face],
            person: into,
        },
        3 => Action::Reject {
            faces: vec![face],
            person: into,
        },
        4 => Action::Merge { person, into },
        5 => Action::Hide {
            person,
            hidden: other.is_multiple_of(2),
        },
        6 => Action::Ignore { faces: vec![face] },
        7 => Action::Unsure {
            faces: vec![face],
            person: into,
        },
        8 => Action::Join {
            people: vec![person, into],
            name: other.is_multiple_of(2).then(|| "Anna".into()),
        },
        9 => Action::HideAll {
            people: vec![person, into],
            hidden: other.is_multiple_of(2),
        },
        10 => Action::BestFace { face },
        11 => Action::Unname { person },
        12 => Action::SomeoneElse {
            faces: vec![face],
            person: into,
            name: ["Anna", "Dora"][other % 2].into(),
        },
        _ => Action::Undo,
    })
}

#[test]
fn undo_takes_back_whatever_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let untouched = (library.faces().unwrap(), library.people().unwrap());
    let strategy = prop::collection::vec((any::<u8>(), 0_usize..9, 0_usize..9), 1..12);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 25,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&strategy, |said| {
        // Each answer is followed by the state it led to; undo walks back through them all.
        let mut states = vec![untouched.clone()];
        for (kind, at, other) in said {
            let Some(action) = action(kind, at, other, &library) else {
                continue;
            };
            let undo = action == Action::Undo;
            if library.decide(action, NOW).is_ok() {
                let now = (library.faces().unwrap(), library.people().unwrap());
                if undo {
                    states.pop();
                    prop_assert_eq!(&now, states.last().unwrap());
                } else {
                    states.push(now);
                }
            }
        }
        while states.len() > 1 {
            states.pop();
            library.decide(Action::Undo, NOW).unwrap();
            let now = (library.faces().unwrap(), library.people().unwrap());
            prop_assert_eq!(&now, states.last().unwrap());
        }
        prop_assert!(matches!(
            library.decide(Action::Undo, NOW),
            Err(Error::NothingToUndo)
        ));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_person_who_is_two_comes_apart_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    name(&library, obama, "Barack");
    let before = library.person_faces(obama).unwrap();
    assert!(before.len() > 1);
    let shown = library.halves(obama).unwrap();
    library
        .decide(Action::Split { person: obama }, NOW)
        .unwrap();
    let after = library.person_faces(obama).unwrap();
    let stays = |face: &Face| after.iter().any(|of| of.face == face.face);
    let left: Vec<&Face> = before.iter().filter(|face| !stays(face)).collect();
    assert_eq!(after.len() + left.len(), before.len());
    assert!(!left.is_empty() && left.len() <= after.len());
    assert_eq!(
        left.iter().map(|of| of.face).collect::<Vec<_>>(),
        shown.leave
    );
    assert_eq!(shown.stay.len(), after.len());
    let again = |asked: &kith_engine::Suggestion| {
        asked.person == obama && left.iter().any(|face| asked.faces.contains(&face.face))
    };
    let asked = library.suggestions().unwrap();
    assert!(
        !asked.iter().any(again),
        "what was refused is never offered: {asked:?}"
    );
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(library.person_faces(obama).unwrap(), before);

    let (_, alone) = person_on(&library, "/astronaut.png");
    assert!(matches!(
        library.decide(Action::Split { person: alone }, NOW),
        Err(Error::NothingToSplit)
    ));
}

#[test]
fn faces_that_are_somebody_else_are_never_offered_again() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (face, obama) = person_on(&library, "/obama2.jpg");
    name(&library, obama, "Barack");
    let before = library.faces().unwrap();
    let someone_else = |name: &str| {
        let action = Action::SomeoneElse {
            faces: vec![face.face],
            person: obama,
            name: name.into(),
        };
        library.decide(action, NOW)
    };
    assert!(matches!(someone_else("barack"), Err(Error::SamePerson(_))));
    let outcome = someone_else("Carl").unwrap();
    assert_eq!(outcome.said.to_string(), "1 face is now Carl");
    assert_eq!(
        person_on(&library, "/obama2.jpg").0.name.as_deref(),
        Some("Carl")
    );
    // Nobody again, it is still not Barack's.
    let carl = outcome.person.unwrap();
    let reject = Action::Reject {
        faces: vec![face.face],
        person: carl,
    };
    library.decide(reject, NOW).unwrap();
    assert_ne!(person_on(&library, "/obama2.jpg").1, obama);
    library.decide(Action::Undo, NOW).unwrap();
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(
        library.faces().unwrap(),
        before,
        "both are taken back at once"
    );
}

#[test]
fn a_name_is_taken_away_and_the_faces_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let unname = || library.decide(Action::Unname { person: obama }, NOW);
    assert!(matches!(unname(), Err(Error::NoName(person)) if person == obama));
    name(&library, obama, "Barack");
    let also = Action::Aliases {
        person: obama,
        aliases: vec!["Barry".into()],
    };
    library.decide(also, NOW).unwrap();
    let named = library.people().unwrap();

    let said = unname().unwrap().said;
    assert_eq!(said.to_string(), "Name removed: Barack");
    let faces = library.person_faces(obama).unwrap();
    assert!(faces.len() > 1 && faces.iter().all(|face| face.name.is_none()));
    assert!(library.names().unwrap().is_empty());
    // Nobody is found by it, and a new scan leaves them together.
    assert!(library.search("barry").is_err());
    library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    assert_eq!(library.person_faces(obama).unwrap(), faces);
    // Somebody else may have the name now; then it cannot come back by undoing.
    let (_, biden) = person_on(&library, "/biden.jpg");
    name(&library, biden, "Barack");
    let removed = library.history().unwrap()[1].decision;
    let take_back = Action::TakeBack { decision: removed };
    assert!(matches!(
        library.decide(take_back, NOW),
        Err(Error::NameInUse(name)) if name == "Barack"
    ));
    library.decide(Action::Undo, NOW).unwrap();
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(library.people().unwrap(), named);
}

#[test]
fn any_decision_that_holds_can_be_taken_back_but_not_twice() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let (_, biden) = person_on(&library, "/biden.jpg");
    name(&library, obama, "Anna");
    name(&library, biden, "Ben");
    let history = library.history().unwrap();
    assert!(history.iter().all(|entry| entry.stands && !entry.undone));
    assert_eq!(history[0].person, Some(biden));
    let first = history[1].decision;
    assert!(!history[1].faces.is_empty());
    let take_back = || library.decide(Action::TakeBack { decision: first }, NOW);
    take_back().unwrap();
    assert_eq!(library.names().unwrap(), ["Ben"]);
    assert!(matches!(take_back(), Err(Error::TakenBack(_))));
    let history = library.history().unwrap();
    let of = |decision| {
        history
            .iter()
            .find(|entry| entry.decision == decision)
            .unwrap()
    };
    assert!(of(first).undone && !of(first).stands);
    // What took it back is no decision that could be taken back itself.
    assert!(!history[0].stands && !history[0].undone);
}

#[test]
fn taking_back_gives_no_two_people_one_name() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let (_, biden) = person_on(&library, "/biden.jpg");
    name(&library, obama, "Anna");
    name(&library, obama, "Annabel");
    let renamed = library.history().unwrap()[0].decision;
    name(&library, biden, "Anna");
    let take_back = Action::TakeBack { decision: renamed };
    assert!(matches!(
        library.decide(take_back, NOW),
        Err(Error::NameInUse(name)) if name == "Anna"
    ));
    assert_eq!(library.names().unwrap(), ["Anna", "Annabel"]);
}

#[test]
fn several_people_become_one_and_are_hidden_and_it_is_taken_back_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let (_, biden) = person_on(&library, "/biden.jpg");
    let (_, astronaut) = person_on(&library, "/astronaut.png");
    let before = (library.faces().unwrap(), library.people().unwrap());
    name(&library, biden, "Joe");
    let join = |name: Option<&str>| {
        let people = vec![astronaut, biden, obama];
        let name = name.map(Into::into);
        library.decide(Action::Join { people, name }, NOW).unwrap()
    };
    // The one who has a name stays, though another one has more faces.
    assert_eq!(join(None).person, Some(biden));
    assert_eq!(library.people().unwrap().len(), 1);
    assert_eq!(library.names().unwrap(), ["Joe"]);
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(library.people().unwrap().len(), 3);
    let outcome = join(Some("Everybody"));
    assert_eq!(
        outcome.said.to_string(),
        "Joined: 7 faces are now Everybody"
    );
    library.decide(Action::Undo, NOW).unwrap();

    let hide = Action::HideAll {
        people: vec![obama, astronaut],
        hidden: true,
    };
    let outcome = library.decide(hide, NOW).unwrap();
    assert_eq!(outcome.said.to_string(), "Hidden: 2 people");
    let hidden = library.people().unwrap();
    assert_eq!(hidden.iter().filter(|person| person.hidden).count(), 2);
    library.decide(Action::Undo, NOW).unwrap();
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(
        (library.faces().unwrap(), library.people().unwrap()),
        before
    );
}

#[test]
fn a_drawn_face_has_a_name_survives_a_new_look_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let photos = tempfile::tempdir().unwrap();
    // A portrait upside down in a corner would be found; a hand is not: it stays as it was drawn.
    let file = photos.path().join("astronaut.png");
    std::fs::copy(Path::new(PHOTOS).join("astronaut.png"), &file).unwrap();
    let library = Library::open(dir.path()).unwrap();
    let index = || {
        library
            .index(&[photos.path().into()], &Control::new(), &mut |_| {})
            .unwrap()
    };
    index();
    let photo = library.photos().unwrap()[0].photo;
    let faces = || library.photo(photo).unwrap().faces;
    let before = faces();
    let drawn = [0.55, 0.7, 0.2, 0.2];
    for wrong in [[0.9, 0.1, 0.2, 0.2], [0.1, 0.1, 0.0, 0.2], [f32::NAN; 4]] {
        let refused = library.draw_face(photo, wrong, None, NOW);
        assert!(matches!(refused, Err(Error::FaceOutline)), "{wrong:?}");
    }
    let outcome = library
        .draw_face(photo, drawn, Some("Eileen"), NOW)
        .unwrap();
    assert_eq!(outcome.said.to_string(), "1 face drawn: Eileen");
    let with_drawn = faces();
    assert_eq!(with_drawn.len(), before.len() + 1);
    // The box goes through pixels and back.
    let at_drawn = |face: &&Face| {
        let sides = face.box_upright.iter().zip(drawn);
        sides
            .into_iter()
            .all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-5)
    };
    let face = |faces: &[Face]| faces.iter().find(at_drawn).cloned();
    let eileen = face(&with_drawn).unwrap();
    assert_eq!(eileen.name.as_deref(), Some("Eileen"));
    assert_eq!(eileen.state, FaceState::Confirmed);

    // The file is written anew with other bytes and the same picture: everything is looked for
    // again, and the drawn face keeps its number and its name.
    image::open(&file).unwrap().save(&file).unwrap();
    index();
    assert_eq!(face(&faces()), Some(eileen.clone()));

    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(faces(), before);
    assert!(library.names().unwrap().is_empty());
    let known = library.draw_face(photo, drawn, None, NOW).unwrap();
    assert_eq!(known.said.to_string(), "1 face drawn");
    assert_ne!(face(&faces()).unwrap().face, eileen.face);
}

#[test]
fn a_chosen_face_stands_for_its_person() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let best = || library.people().unwrap()[0].best_faces.clone();
    let before = best();
    let worst = library
        .person_faces(obama)
        .unwrap()
        .iter()
        .map(|face| face.face)
        .find(|face| !before.contains(face))
        .unwrap();
    library
        .decide(Action::BestFace { face: worst }, NOW)
        .unwrap();
    assert_eq!(best()[0], worst);
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(best(), before);
}

#[test]
fn who_is_on_a_photo_together_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let (_, obama) = person_on(&library, "/obama.jpg");
    let photo = person_on(&library, "/biden.jpg").0.photo;
    name(&library, obama, "Barack");
    assert_eq!(library.companions(obama).unwrap(), []);
    // Somebody behind the other one on his portrait.
    let beside = [0.02, 0.1, 0.1, 0.1];
    library
        .draw_face(photo, beside, Some("Barack"), NOW)
        .unwrap();
    let (_, biden) = person_on(&library, "/biden.jpg");
    name(&library, biden, "Joe");
    let together = library.companions(obama).unwrap();
    assert_eq!(together.len(), 1);
    assert_eq!((together[0].name.as_str(), together[0].photos), ("Joe", 1));
}

#[test]
fn favourites_and_stars_are_found_and_taken_back_and_move_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let faces = library.faces().unwrap();
    let photo = person_on(&library, "/biden.jpg").0.photo;
    let found = |query: &str| {
        let found = library.search(query).unwrap().photos;
        found.iter().map(|of| of.tile.photo).collect::<Vec<_>>()
    };
    let favourite = Action::Favourite {
        photos: vec![photo],
        favourite: true,
    };
    let outcome = library.decide(favourite, NOW).unwrap();
    assert_eq!(outcome.said.to_string(), "1 photo is a favourite");
    assert_eq!((outcome.photos_changed, outcome.faces_changed), (1, 0));
    let stars = |stars| Action::Stars {
        photos: vec![photo],
        stars,
    };
    library.decide(stars(4), NOW).unwrap();
    assert_eq!(found("favourite stars:3+"), [photo]);
    let tile = library.photos().unwrap();
    let tile = tile.iter().find(|tile| tile.photo == photo).unwrap();
    assert!(tile.favourite && tile.stars == 4);
    assert_eq!(library.faces().unwrap(), faces);
    library.decide(stars(0), NOW).unwrap();
    assert_eq!(found("stars:1+"), [] as [u32; 0]);
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(found("stars:4"), [photo]);
    library.decide(Action::Undo, NOW).unwrap();
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(found("favourite"), [] as [u32; 0]);
    let nowhere = Action::Favourite {
        photos: vec![9999],
        favourite: true,
    };
    assert!(matches!(
        library.decide(nowhere, NOW),
        Err(Error::NoPhoto(9999))
    ));
}

/// Whose each face is, by the faces: numbers of groups may change.
fn groups(library: &Library) -> Vec<Vec<u32>> {
    let mut of = std::collections::BTreeMap::<Option<PersonId>, Vec<u32>>::new();
    for face in library.faces().unwrap() {
        of.entry(face.person).or_default().push(face.face);
    }
    of.into_values().collect()
}

#[test]
fn each_step_of_sureness_does_what_it_showed_and_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    let at_first = (groups(&library), library.suggestions().unwrap());
    let now = library.try_sureness(Sureness::Balanced).unwrap();
    assert!(now.used && now.joined == 0 && now.parted == 0, "{now:?}");
    assert_eq!(now.people as usize, library.people().unwrap().len());
    let mut people = Vec::new();
    for sureness in Sureness::ALL {
        let shown = library.try_sureness(sureness).unwrap();
        assert_eq!(
            (groups(&library), library.suggestions().unwrap()),
            at_first,
            "a look changes nothing"
        );
        assert_eq!(shown.joined_faces.len(), shown.joined.min(6) as usize);
        assert_eq!(shown.parted_faces.len(), shown.parted.min(6) as usize);
        let before = groups(&library);
        let outcome = library.decide(Action::Sureness { sureness }, NOW).unwrap();
        assert!(
            outcome
                .said
                .to_string()
                .starts_with("Faces are put together")
        );
        let after = groups(&library);
        let together = |groups: &[Vec<u32>], pair: &[u32; 2]| {
            groups
                .iter()
                .any(|group| pair.iter().all(|face| group.contains(face)))
        };
        for pair in &shown.joined_faces {
            assert!(!together(&before, pair) && together(&after, pair));
        }
        for pair in &shown.parted_faces {
            assert!(together(&before, pair) && !together(&after, pair));
        }
        assert_eq!(library.people().unwrap().len(), shown.people as usize);
        people.push(shown.people);
        assert!(library.try_sureness(sureness).unwrap().used);
        // What was decided holds in another run of the program, and after another look.
        let again = Library::open(dir.path()).unwrap();
        again.index(&[], &Control::new(), &mut |_| {}).unwrap();
        assert_eq!(groups(&again), after);
        drop(again);
        library.decide(Action::Undo, NOW).unwrap();
        assert_eq!((groups(&library), library.suggestions().unwrap()), at_first);
    }
    assert!(people.is_sorted_by(|a, b| a >= b), "{people:?}");
}
