//! A library is exported and comes back: people, names, answers, albums and stars, on another computer
//! with other paths, in any order of reading and importing.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kith_engine::{
    Action, Conflict, Control, Error, FaceState, ImportSummary, Library, PersonId, PhotoId,
};
use serde_json::Value;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn index(library: &Library, folder: &Path) {
    let folders = [folder.to_owned()];
    library
        .index(&folders, &Control::new(), &mut |_| {})
        .unwrap();
}

fn indexed(dir: &Path, folder: &Path) -> Library {
    let library = Library::open(dir).unwrap();
    index(&library, folder);
    library
}

fn say(library: &Library, action: Action) {
    library.decide(action, NOW).unwrap();
}

fn export(library: &Library, file: &Path) -> kith_engine::Exported {
    library.export(file, &Control::new(), &mut |_| {}).unwrap()
}

fn try_import(
    library: &Library,
    file: &Path,
) -> kith_engine::Result<(ImportSummary, Vec<Conflict>)> {
    library.import(file, false, NOW, &Control::new(), &mut |_| {})
}

fn import(library: &Library, file: &Path) -> (ImportSummary, Vec<Conflict>) {
    try_import(library, file).unwrap()
}

/// The photo of that name, and the person on it.
fn on(library: &Library, file: &str) -> (PhotoId, PersonId) {
    let face = face_on(library, file);
    (face.photo, face.person.unwrap())
}

fn face_on(library: &Library, file: &str) -> kith_engine::Face {
    let faces = library.faces().unwrap();
    let mut faces = faces.into_iter().filter(|face| face.path.ends_with(file));
    faces.next().unwrap()
}

fn photo_called(library: &Library, file: &str) -> PhotoId {
    let photos = library.photos().unwrap();
    let path = |photo: &PhotoId| library.path_of(*photo).unwrap();
    let mut photos = photos.iter().map(|photo| photo.photo);
    photos.find(|photo| path(photo).ends_with(file)).unwrap()
}

/// Every kind of answer.
fn say_all(library: &Library) {
    let (obama, person) = on(library, "obama.jpg");
    let name = "Barack Obama".into();
    say(library, Action::Name { person, name });
    let aliases = vec!["Barry".into()];
    say(library, Action::Aliases { person, aliases });
    let birthday = Some("1961-08-04".into());
    say(library, Action::Birthday { person, birthday });
    let face = face_on(library, "obama2.jpg").face;
    say(library, Action::BestFace { face });
    let (biden, joe) = on(library, "biden.jpg");
    let name = "Joe".into();
    say(library, Action::Name { person: joe, name });
    let faces = vec![face_on(library, "obama3.jpg").face];
    let person = joe;
    say(library, Action::Reject { faces, person });
    let faces = vec![face_on(library, "obama_partial_face2.jpg").face];
    say(library, Action::Unsure { faces, person });
    let (astronaut, person) = on(library, "astronaut.png");
    let hidden = true;
    say(library, Action::Hide { person, hidden });
    let photos = vec![obama, biden];
    let name = "White House".into();
    say(library, Action::AddToAlbum { photos, name });
    let (name, query) = ("Only Joe".into(), "only joe".into());
    say(library, Action::SaveSearch { name, query });
    let (photos, stars) = (vec![biden], 4);
    say(library, Action::Stars { photos, stars });
    let (photos, favourite) = (vec![astronaut], true);
    say(library, Action::Favourite { photos, favourite });
    let sureness = kith_engine::Sureness::Careful;
    say(library, Action::Sureness { sureness });
    let screen = photo_called(library, "32bit.png");
    library
        .draw_face(screen, [0.3, 0.3, 0.2, 0.2], Some("Drawn"), NOW)
        .unwrap();
}

/// All that a user sees, in words that do not depend on numbers and paths.
fn told(library: &Library) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tell = |what: &str, of: String| {
        told.entry(what.into()).or_default().insert(of);
    };
    let file = |path: &str| {
        Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    for person in library.people().unwrap() {
        let best = person.best_faces.first().map(|face| {
            let faces = library.faces().unwrap();
            file(&faces.iter().find(|of| of.face == *face).unwrap().path)
        });
        let who = person.name.clone().unwrap_or_default();
        let (birthday, aliases) = (&person.birthday, &person.aliases);
        let hidden = person.hidden;
        tell(
            "person",
            format!(
                "{who} {aliases:?} {birthday:?} {hidden} {} {best:?}",
                person.faces
            ),
        );
    }
    for face in library.faces().unwrap() {
        let name = face.name.unwrap_or_default();
        let at = face.box_upright.map(|part| (part * 100.0).round());
        tell(
            "face",
            format!("{} {at:?} {name} {:?}", file(&face.path), face.state),
        );
    }
    for album in library.albums().unwrap() {
        let photos = library.album(album.album).unwrap_or_default();
        let mut files: Vec<String> = photos
            .iter()
            .map(|photo| file(&library.path_of(*photo).unwrap().display().to_string()))
            .collect();
        files.sort();
        tell(
            "album",
            format!("{} {:?} {files:?}", album.name, album.query),
        );
    }
    for photo in library.photos().unwrap() {
        let path = library.path_of(photo.photo).unwrap();
        let name = file(&path.display().to_string());
        tell(
            "photo",
            format!("{name} {} {}", photo.favourite, photo.stars),
        );
    }
    told
}

/// The portraits in folders and under names of their own.
fn elsewhere() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(PHOTOS).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        if name.to_string_lossy() != "README.md" {
            let folder = dir
                .path()
                .join("2019")
                .join(name.to_string_lossy().replace('.', "_"));
            fs::create_dir_all(&folder).unwrap();
            fs::copy(file.path(), folder.join(name)).unwrap();
        }
    }
    dir
}

/// The lines of an export without those that say when and where.
fn answers_in(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["kind"] != "header" && line["kind"] != "decision")
        .collect()
}

#[test]
fn what_was_exported_is_equal_in_a_library_with_the_photos_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let library = indexed(&at("one"), Path::new(PHOTOS));
    say_all(&library);
    let file = at("kith.jsonl");
    let exported = export(&library, &file);
    assert!(!exported.unchanged && exported.photos == 8, "{exported:?}");
    let before = told(&library);

    let elsewhere = elsewhere();
    // The photos were read before.
    let other = indexed(&at("two"), elsewhere.path());
    let (tried, _) = other
        .import(&file, true, NOW, &Control::new(), &mut |_| {})
        .unwrap();
    assert_eq!((tried.decision, tried.photos_waiting), (None, 0));
    assert_eq!(other.history().unwrap().len(), 0);
    let (summary, conflicts) = import(&other, &file);
    assert_eq!(told(&other), before);
    assert_eq!(conflicts, []);
    assert_eq!((summary.faces_drawn, summary.unchanged), (1, 0));
    assert_eq!(summary.added, tried.added);
    assert_eq!(summary.decision, Some(1));
    // It says nothing new a second time, and is taken back at once.
    let (again, conflicts) = import(&other, &file);
    assert_eq!((again.decision, again.added), (None, 0));
    assert_eq!((again.unchanged, conflicts.len()), (summary.added, 0));
    say(&other, Action::Undo);
    assert!(other.names().unwrap().is_empty() && other.albums().unwrap().is_empty());
    say(&other, Action::Redo);
    assert_eq!(told(&other), before);
    // Back to the first: all of it is there.
    let back = at("back.jsonl");
    export(&other, &back);
    let (summary, conflicts) = import(&library, &back);
    assert_eq!(
        (summary.decision, summary.added, conflicts.len()),
        (None, 0, 0)
    );
    assert_eq!(told(&library), before);

    // The photos are read afterwards.
    let third = Library::open(&at("three")).unwrap();
    let (summary, _) = import(&third, &file);
    assert_eq!((summary.photos_matched, summary.faces_matched), (0, 0));
    assert!(summary.photos_waiting > 0 && summary.decision.is_some());
    assert_eq!(third.photos().unwrap().len(), 0);
    index(&third, elsewhere.path());
    assert_eq!(told(&third), before);
    let (again, _) = import(&third, &file);
    assert_eq!((again.decision, again.photos_waiting), (None, 0));
    // And an export of it is the same but for numbers.
    let third_file = at("third.jsonl");
    export(&third, &third_file);
    let kinds = |file: &Path| {
        let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
        for line in answers_in(file) {
            *kinds
                .entry(line["kind"].as_str().unwrap().into())
                .or_default() += 1;
        }
        kinds
    };
    assert_eq!(kinds(&third_file), kinds(&file));
}

#[test]
fn what_was_said_here_wins_and_the_rest_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let library = indexed(&at("one"), Path::new(PHOTOS));
    say_all(&library);
    let file = at("kith.jsonl");
    export(&library, &file);

    let other = indexed(&at("two"), Path::new(PHOTOS));
    // Another name for two of the faces, other stars, and a star taken away.
    let faces = vec![face_on(&other, "biden.jpg").face];
    let name = "Somebody".into();
    say(&other, Action::NameFaces { faces, name });
    let biden = photo_called(&other, "biden.jpg");
    let photos = vec![biden];
    say(&other, Action::Stars { photos, stars: 1 });
    let astronaut = photo_called(&other, "astronaut.png");
    for favourite in [true, false] {
        let photos = vec![astronaut];
        say(&other, Action::Favourite { photos, favourite });
    }
    let (summary, conflicts) = import(&other, &file);
    assert_eq!(
        face_on(&other, "biden.jpg").name.as_deref(),
        Some("Somebody")
    );
    let tile = |photo| {
        let photos = other.photos().unwrap();
        photos.into_iter().find(|of| of.photo == photo).unwrap()
    };
    assert_eq!(tile(biden).stars, 1);
    assert!(!tile(astronaut).favourite);
    let what: BTreeSet<&str> = conflicts.iter().map(|of| of.conflict.as_str()).collect();
    assert!(
        what.contains("stars") && what.contains("favourite"),
        "{conflicts:?}"
    );
    assert!(
        what.contains("name") || what.contains("face"),
        "{conflicts:?}"
    );
    assert_eq!(summary.conflicts as usize, conflicts.len());
    assert_eq!(
        face_on(&other, "obama.jpg").name.as_deref(),
        Some("Barack Obama")
    );
    assert_eq!(face_on(&other, "obama.jpg").state, FaceState::Confirmed);
}

#[test]
fn an_export_replaces_exports_only_and_is_left_alone_where_nothing_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let library = indexed(&at("one"), Path::new(PHOTOS));
    let file = at("kith.jsonl");
    fs::write(&file, "a shopping list").unwrap();
    let refused = library.export(&file, &Control::new(), &mut |_| {});
    assert!(
        matches!(refused, Err(Error::FileInTheWay { .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "a shopping list");
    fs::remove_file(&file).unwrap();
    assert!(!export(&library, &file).unchanged);
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    assert!(export(&library, &file).unchanged);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
    say_all(&library);
    assert!(!export(&library, &file).unchanged);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let stopped = Control::new();
    stopped.cancel();
    let text = fs::read(&file).unwrap();
    let refused = library.export(&file, &stopped, &mut |_| {});
    assert!(matches!(refused, Err(Error::Stopped)), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), text);
    let files: Vec<PathBuf> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 2, "no draft is left: {files:?}");
}

#[test]
fn a_file_that_is_cut_off_or_changed_is_refused_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let library = indexed(&at("one"), Path::new(PHOTOS));
    say_all(&library);
    let file = at("kith.jsonl");
    export(&library, &file);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let other = indexed(&at("two"), Path::new(PHOTOS));
    let broken = at("broken.jsonl");
    let mut tried = vec![
        String::new(),
        "{}\n".to_owned(),
        lines[1..].join("\n"),
        text.replacen("Barack", "Boris", 1),
        text.replacen("\"version\":1", "\"version\":99", 1),
        text.replacen("kith-library", "other-library", 1),
    ];
    for end in 1..lines.len() {
        tried.push(lines[..end].join("\n") + "\n");
    }
    for cut in [text.len() - 2, text.len() / 2, 20] {
        tried.push(text[..cut].to_owned());
    }
    for text in tried {
        fs::write(&broken, &text).unwrap();
        let refused = try_import(&other, &broken);
        assert!(
            matches!(
                refused,
                Err(Error::NoExport { .. } | Error::ExportTooNew { .. })
            ),
            "{refused:?}: {text:.200}"
        );
    }
    assert!(other.history().unwrap().is_empty() && other.names().unwrap().is_empty());
    let missing = try_import(&other, &at("missing.jsonl"));
    assert!(
        matches!(missing, Err(Error::NoExport { .. })),
        "{missing:?}"
    );
}

/// A library that is made without photos: contents, faces with codes drawn by lot, and a log.
mod made {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use kith_engine::catalog::photos::{self, Header};
    use kith_engine::catalog::{Catalog, decisions, faces, transfer};
    use kith_engine::faces::MODEL;
    use kith_engine::people::{AnswerSet, Decided, Decision, PersonAnswers};
    use kith_engine::scan::FileStamp;
    use kith_engine::{FaceId, PhotoId, Sureness};
    use kith_models::{Code, EMBEDDING_LEN, unit};
    use proptest::prelude::*;

    pub const PHOTOS: u32 = 9;
    const FACES_EACH: u32 = 2;
    /// The last face of every third photo is one that the user drew.
    const DRAWN_EACH: u32 = 3;

    fn code_of(face: u32) -> Code {
        let mut state = u64::from(face) + 1;
        let numbers = std::array::from_fn::<f32, EMBEDDING_LEN, _>(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
        });
        Code::of(&unit(&numbers))
    }

    /// These photos, in this order and below this folder.
    pub fn library(dir: &Path, folder: &str, order: &[u32], with_drawn: bool) {
        std::fs::create_dir_all(dir).unwrap();
        let mut catalog = Catalog::open(&dir.join("catalog.sqlite")).unwrap();
        catalog
            .transaction(|connection| {
                for photo in order {
                    let mut content = [7; 32];
                    content[0] = *photo as u8;
                    let header = Header {
                        content,
                        width: 400,
                        height: 300,
                        ..Header::default()
                    };
                    let stamp = FileStamp {
                        size: 1,
                        modified_ns: 1,
                        ..FileStamp::default()
                    };
                    let path = PathBuf::from(format!("{folder}/{photo}.jpg"));
                    let id = photos::store(connection, None, &path, stamp, &header, &MODEL)?;
                    for at in 0..FACES_EACH {
                        let drawn = at + 1 == FACES_EACH && photo % DRAWN_EACH == 0;
                        if drawn && !with_drawn {
                            continue;
                        }
                        let face = faces::NewFace {
                            box_upright: [0.1 + 0.4 * at as f32, 0.2, 0.2, 0.3],
                            landmarks_upright: [[0.5; 2]; 5],
                            score: 0.9,
                            quality: 0.9,
                            code: code_of(photo * FACES_EACH + at),
                            map: None,
                        };
                        let id = faces::add(connection, id, &face, &MODEL)?;
                        if drawn {
                            faces::set_drawn(connection, id, true)?;
                        }
                    }
                }
                Ok(())
            })
            .unwrap();
    }

    pub fn say(dir: &Path, said: &[Decision]) {
        let mut catalog = Catalog::open(&dir.join("catalog.sqlite")).unwrap();
        let all = |connection: &rusqlite::Connection| {
            for decision in said {
                decisions::add(connection, super::NOW, decision)?;
            }
            Ok(())
        };
        catalog.transaction(all).unwrap();
    }

    /// The drawings that the faces are there by.
    pub fn drawings() -> Vec<Decision> {
        let photos = (1..=PHOTOS).filter(|photo| photo % DRAWN_EACH == 0);
        photos
            .map(|photo| Decision::Draw {
                face: photo * FACES_EACH,
            })
            .collect()
    }

    pub fn any_decision() -> impl Strategy<Value = Decision> {
        let face = || 1..=PHOTOS * FACES_EACH;
        let faces = move || prop::collection::vec(face(), 1..5);
        let photos = || prop::collection::vec(1..=PHOTOS, 1..4);
        let person = || 1_u32..6;
        let others = move || prop::collection::vec(face(), 0..3);
        prop_oneof![
            (person(), 0..3_u8, faces()).prop_map(|(person, name, faces)| Decision::Name {
                person,
                name: format!("Name {person}{name}"),
                faces,
            }),
            (person(), faces()).prop_map(|(person, faces)| Decision::Confirm { person, faces }),
            (person(), faces(), others()).prop_map(|(person, faces, others)| Decision::Reject {
                person,
                faces,
                others,
            }),
            (1_u32..3, 3_u32..6, faces()).prop_map(|(person, into, faces)| Decision::Merge {
                person,
                into,
                faces,
            }),
            (person(), any::<bool>(), faces()).prop_map(|(person, hidden, faces)| Decision::Hide {
                person,
                hidden,
                faces,
            }),
            faces().prop_map(|faces| Decision::Ignore { faces }),
            (person(), faces(), others()).prop_map(|(person, faces, others)| Decision::Unsure {
                person,
                faces,
                others,
            }),
            (person(), face()).prop_map(|(person, face)| Decision::BestFace {
                person,
                face,
                others: Vec::new(),
            }),
            (person(), 0..3_u8).prop_map(|(person, alias)| Decision::Aliases {
                person,
                aliases: vec![format!("Alias {person}{alias}")],
                faces: Vec::new(),
            }),
            (person(), 1..9_u8).prop_map(|(person, day)| Decision::Birthday {
                person,
                birthday: Some(format!("2001-01-0{day}")),
                faces: Vec::new(),
            }),
            (photos(), any::<bool>())
                .prop_map(|(photos, favourite)| Decision::Favourite { photos, favourite }),
            (photos(), 0..6_u8).prop_map(|(photos, stars)| Decision::Stars { photos, stars }),
            (1_u32..4).prop_map(|album| Decision::Album {
                album,
                name: format!("Album {album}"),
            }),
            (1_u32..4, photos()).prop_map(|(album, photos)| Decision::AddToAlbum { album, photos }),
            (1_u32..4, photos())
                .prop_map(|(album, photos)| Decision::RemoveFromAlbum { album, photos }),
            (4_u32..6, "[a-c]").prop_map(|(album, query)| Decision::SavedSearch {
                album,
                name: format!("Search {album}"),
                query,
            }),
            (0_usize..5).prop_map(|step| Decision::Sureness {
                sureness: Sureness::ALL[step],
            }),
            (4_u32..16).prop_map(|decision| Decision::Undo { decision }),
        ]
    }

    /// The answers of a library in words that do not depend on its numbers.
    pub fn answers(dir: &Path) -> BTreeMap<String, u32> {
        let catalog = Catalog::open(&dir.join("catalog.sqlite")).unwrap();
        let connection = catalog.connection();
        let mut photos: BTreeMap<PhotoId, String> = BTreeMap::new();
        let mut faces: BTreeMap<FaceId, String> = BTreeMap::new();
        transfer::each_photo(connection, &mut |photo| {
            let name = format!("photo {}", photo.content[0]);
            for face in transfer::faces_on(connection, photo.id)? {
                faces.insert(face.id, format!("{name} {:.1}", face.box_upright[0]));
            }
            photos.insert(photo.id, name);
            Ok(())
        })
        .unwrap();
        let some = |ids: &[FaceId]| -> BTreeSet<String> {
            ids.iter().map(|face| faces[face].clone()).collect()
        };
        let of_photos = |ids: &[PhotoId]| -> BTreeSet<String> {
            ids.iter().map(|photo| photos[photo].clone()).collect()
        };
        let log = decisions::all(connection).unwrap();
        let answers = AnswerSet::of(&Decided::replay(&log));
        let mut told = Vec::new();
        for of in &answers.people {
            let PersonAnswers {
                known,
                name,
                aliases,
                birthday,
                hidden,
                best_face,
                ..
            } = of;
            let sets = [&of.confirmed, &of.rejected, &of.unsure].map(|ids| some(ids));
            // Of whom there is neither a name nor a face, nothing can be told.
            if name.is_some() || sets.iter().any(|set| !set.is_empty()) {
                let best = best_face.map(|face| faces[&face].clone());
                told.push(format!(
                    "{known} {name:?} {aliases:?} {birthday:?} {hidden} {best:?} {sets:?}"
                ));
            }
        }
        told.push(format!("ignored {:?}", some(&answers.ignored)));
        told.push(format!("drawn {:?}", some(&answers.drawn)));
        for of in &answers.apart {
            for other in &of.from {
                told.push(format!("apart {:?}", some(&[of.face, *other])));
            }
        }
        for [one, other] in &answers.unsure_groups {
            told.push(format!("unsure {:?} {:?}", some(one), some(other)));
        }
        told.push(format!("favourites {:?}", of_photos(&answers.favourites)));
        for of in &answers.stars {
            told.push(format!("{} stars {:?}", of.stars, of_photos(&of.photos)));
        }
        for of in &answers.albums {
            let photos = of_photos(&of.photos);
            told.push(format!("album {} {:?} {photos:?}", of.name, of.query));
        }
        told.push(format!("{:?}", answers.sureness));
        let mut counted = BTreeMap::new();
        for of in told {
            *counted.entry(of).or_default() += 1;
        }
        counted
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever was said, and whichever photos the other library has, in whatever order.
    #[test]
    fn any_library_comes_back_equal(
        said in proptest::collection::vec(made::any_decision(), 0..14),
        order in proptest::sample::subsequence((1..=made::PHOTOS).collect::<Vec<_>>(), 0..=9),
    ) {
        // What an undone founding leaves as presumed is not exported yet.
        let mut said = said;
        said.retain(kith_engine::people::Decision::is_undoable);
        // Commands say nothing more of somebody who went into another.
        let mut merged = BTreeSet::new();
        said.retain(|said| {
            let is_known = said.people().into_iter().all(|of| !merged.contains(&of));
            if let kith_engine::people::Decision::Merge { person, .. } = said
                && is_known
            {
                merged.insert(*person);
            }
            is_known
        });
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let all: Vec<u32> = (1..=made::PHOTOS).collect();
        made::library(&at("one"), "/there", &all, true);
        made::say(&at("one"), &[made::drawings(), said].concat());
        let reversed: Vec<u32> = order.into_iter().rev().collect();
        made::library(&at("two"), "/elsewhere", &reversed, false);
        let (one, two) = (Library::open(&at("one")).unwrap(), Library::open(&at("two")).unwrap());
        let before = made::answers(&at("one"));
        let (file, back) = (at("one.jsonl"), at("two.jsonl"));
        export(&one, &file);
        let (summary, conflicts) = import(&two, &file);
        proptest::prop_assert_eq!(conflicts, vec![]);
        proptest::prop_assert_eq!(&made::answers(&at("two")), &before);
        // There and back, a second time and undone: nothing is new, nothing is lost.
        let (again, conflicts) = import(&two, &file);
        proptest::prop_assert_eq!((again.added, conflicts), (0, vec![]));
        export(&two, &back);
        let (again, conflicts) = import(&one, &back);
        proptest::prop_assert_eq!((again.added, conflicts), (0, vec![]));
        if summary.decision.is_some() {
            two.decide(Action::Undo, NOW).unwrap();
            let nothing = made::answers(&at("two"));
            proptest::prop_assert!(nothing.values().all(|count| *count == 1) && nothing.len() <= 5);
            import(&two, &file);
            proptest::prop_assert_eq!(&made::answers(&at("two")), &before);
        }
    }
}
