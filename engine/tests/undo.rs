//! Undo in any order, numbers of people, and rejections, on a library whose faces were drawn by lot.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kith_engine::catalog::decisions::Entry;
use kith_engine::catalog::faces::NewFace;
use kith_engine::catalog::photos::Header;
use kith_engine::catalog::{Catalog, decisions, faces, photos};
use kith_engine::faces::MODEL;
use kith_engine::people::{Decided, Decision, standing};
use kith_engine::scan::FileStamp;
use kith_engine::{Action, DecisionId, Error, Face, FaceId, FaceState, Library, Person, PersonId};
use kith_models::{Code, Embedding, unit};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// Numbers drawn by lot, the same ones for a seed (`SplitMix64`, Steele et al. 2014).
struct Lot(u64);

impl Lot {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.draw() % count.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        let at = self.below(some.len());
        some.get(at).copied()
    }

    /// A point of the unit sphere.
    fn point(&mut self) -> Embedding {
        let mut even = || (self.draw() >> 40) as f32 / (1_u32 << 24) as f32 - 0.5;
        unit(&std::array::from_fn(|_| even()))
    }

    /// A point at that cosine from `middle`.
    fn near(&mut self, middle: &Embedding, cosine: f32) -> Embedding {
        let away = self.point();
        let along: f32 = middle.iter().zip(&away).map(|(a, b)| a * b).sum();
        let across = unit(&std::array::from_fn(|i| away[i] - along * middle[i]));
        let sine = (1.0 - cosine * cosine).sqrt();
        std::array::from_fn(|i| cosine * middle[i] + sine * across[i])
    }
}

/// Adds faces to a library, each on a photo of its own.
fn add(dir: &Path, embeddings: &[Embedding]) {
    let mut catalog = Catalog::open(&dir.join("catalog.sqlite")).unwrap();
    catalog
        .transaction(|connection| {
            let first = photos::known(connection)?.len();
            for (number, embedding) in (first..).zip(embeddings) {
                let stamp = FileStamp::default();
                let mut content = [0; 32];
                content[..8].copy_from_slice(&number.to_le_bytes());
                let header = Header {
                    content,
                    ..Header::default()
                };
                let path = PathBuf::from(format!("/nowhere/{number}.jpg"));
                let photo = photos::store(connection, None, &path, stamp, &header, &MODEL)?;
                let face = NewFace {
                    box_upright: [0.4, 0.4, 0.2, 0.2],
                    landmarks_upright: [[0.5; 2]; 5],
                    score: 0.9,
                    quality: 0.9,
                    code: Code::of(embedding),
                    map: None,
                };
                faces::add(connection, photo, &face, &MODEL)?;
            }
            Ok(())
        })
        .unwrap();
}

/// Who is who is worked out anew, as after photos were read.
fn regroup(library: &Library) {
    library.use_learned(None).unwrap();
}

/// A library in which each number says who a face shows: faces 1, 2, … in this order.
fn library_of(dir: &Path, people: &[usize]) -> Library {
    let library = Library::open(dir).unwrap();
    let mut lot = Lot(1);
    let middles: Vec<Embedding> = (0..20).map(|_| lot.point()).collect();
    let embeddings: Vec<Embedding> = people
        .iter()
        .map(|person| lot.near(&middles[*person], 0.97))
        .collect();
    add(dir, &embeddings);
    regroup(&library);
    library
}

/// The faces of each person and each group.
fn groups(library: &Library) -> BTreeMap<PersonId, Vec<FaceId>> {
    let mut groups: BTreeMap<PersonId, Vec<FaceId>> = BTreeMap::new();
    for face in library.faces().unwrap() {
        if let Some(person) = face.person {
            groups.entry(person).or_default().push(face.face);
        }
    }
    groups
}

fn number_of(library: &Library, face: FaceId) -> PersonId {
    let faces = library.faces().unwrap();
    let face = faces.iter().find(|of| of.face == face).unwrap();
    face.person.unwrap()
}

/// The faces of a person of that name.
fn faces_of(library: &Library, name: &str) -> Vec<FaceId> {
    let faces = library.faces().unwrap().into_iter();
    let theirs = faces.filter(|face| face.name.as_deref() == Some(name));
    theirs.map(|face| face.face).collect()
}

fn say(library: &Library, action: Action) -> DecisionId {
    library.decide(action, NOW).unwrap().decision
}

fn name(library: &Library, person: PersonId, name: &str) -> DecisionId {
    let name = name.into();
    say(library, Action::Name { person, name })
}

fn reject(library: &Library, faces: &[FaceId], person: PersonId) -> DecisionId {
    let faces = faces.to_vec();
    say(library, Action::Reject { faces, person })
}

fn take_back(library: &Library, decision: DecisionId) {
    say(library, Action::TakeBack { decision });
}

fn state(library: &Library) -> (Vec<Face>, Vec<Person>) {
    (library.faces().unwrap(), library.people().unwrap())
}

/// Case 09.
#[test]
fn the_number_of_a_group_stays_with_those_who_remain_when_a_face_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 1]);
    let before = state(&library);
    assert_eq!(groups(&library), [(1, vec![1, 2, 3]), (4, vec![4])].into());
    reject(&library, &[1], 1);
    assert_eq!(groups(&library)[&1], [2, 3]);
    let alone = number_of(&library, 1);
    assert!(alone != 1 && alone != 4);
    // And once more: the next face that the number could be of leaves, too.
    reject(&library, &[2], 1);
    assert_eq!(groups(&library)[&1], [3]);
    say(&library, Action::Undo);
    name(&library, 1, "Xenia");
    assert_eq!(faces_of(&library, "Xenia"), [2, 3]);
    assert_ne!(number_of(&library, 1), 1);
    for _ in 0..2 {
        say(&library, Action::Undo);
    }
    assert_eq!(state(&library), before);
}

#[test]
fn the_number_of_a_group_stays_with_those_who_remain_when_it_is_split() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 0]);
    let stay = library.halves(1).unwrap().stay;
    say(&library, Action::Split { person: 1 });
    assert_eq!(groups(&library)[&1], stay);
    name(&library, 1, "Xenia");
    assert_eq!(faces_of(&library, "Xenia"), stay);
}

#[test]
fn the_number_of_a_group_stays_with_those_who_remain_when_faces_go_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 1]);
    let before = state(&library);
    let faces = vec![1];
    let leave: [&dyn Fn() -> Action; 4] = [
        &|| Action::Ignore { faces: vec![1] },
        &|| Action::Confirm {
            faces: vec![1],
            person: 4,
        },
        &|| Action::NameFaces {
            faces: vec![1],
            name: "Carl".into(),
        },
        &|| Action::SomeoneElse {
            faces: faces.clone(),
            person: 1,
            name: "Carl".into(),
        },
    ];
    for leave in leave {
        let outcome = library.decide(leave(), NOW).unwrap();
        assert!(
            !outcome.said.to_string().contains("Joined"),
            "{}",
            outcome.said
        );
        // What else is grouped with the one who left is another matter.
        let remain = groups(&library).get(&1).cloned().unwrap_or_default();
        assert!(!remain.contains(&1), "{:?}", leave());
        if matches!(leave(), Action::Ignore { .. } | Action::SomeoneElse { .. }) {
            assert_eq!(remain, [2, 3], "{:?}", leave());
        }
        say(&library, Action::Undo);
        assert_eq!(state(&library), before, "{:?}", leave());
    }
    // All of them are another: the group as it is.
    let everybody = Action::NameFaces {
        faces: vec![1, 2, 3],
        name: "Carl".into(),
    };
    say(&library, everybody);
    assert_eq!(groups(&library)[&1], [1, 2, 3]);
}

/// Case 10.
#[test]
fn taking_back_a_join_gives_anna_back_and_zoe_keeps_hers() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 0, 1, 1]);
    name(&library, 1, "Anna");
    name(&library, 5, "Bea");
    let joined = say(&library, Action::Merge { person: 1, into: 5 });
    reject(&library, &[1], 5);
    let zoe = number_of(&library, 1);
    assert_ne!(zoe, 1, "Anna's number is used again");
    assert!(matches!(
        library.decide(
            Action::Name {
                person: 1,
                name: "Zoe".into()
            },
            NOW
        ),
        Err(Error::NoPerson(1))
    ));
    name(&library, zoe, "Zoe");
    take_back(&library, joined);
    assert_eq!(faces_of(&library, "Anna"), [2, 3, 4]);
    assert_eq!(faces_of(&library, "Bea"), [5, 6]);
    assert_eq!(faces_of(&library, "Zoe"), [1]);
    assert_eq!(number_of(&library, 2), 1);
    // The join is not lost, either.
    say(&library, Action::Redo);
    assert_eq!(faces_of(&library, "Bea"), [2, 3, 4, 5, 6]);
}

#[test]
fn the_first_of_two_joins_is_taken_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 1, 1, 2, 2]);
    let merge = |person, into| say(&library, Action::Merge { person, into });
    name(&library, 1, "Anna");
    let first = merge(1, 3);
    name(&library, 5, "Carl");
    let second = merge(3, 5);
    take_back(&library, first);
    assert_eq!(faces_of(&library, "Anna"), [1, 2]);
    assert_eq!(faces_of(&library, "Carl"), [3, 4, 5, 6]);
    take_back(&library, second);
    assert_eq!(faces_of(&library, "Anna"), [1, 2]);
    assert_eq!(faces_of(&library, "Carl"), [5, 6]);
    assert_eq!(groups(&library)[&3], [3, 4]);
}

#[test]
fn what_was_said_of_a_person_outlives_the_name_that_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 1, 1]);
    let named = name(&library, 1, "Anna");
    name(&library, 1, "Annabel");
    let born = Action::Birthday {
        person: 1,
        birthday: Some("2012-05-31".into()),
    };
    say(&library, born);
    reject(&library, &[3], 1);
    take_back(&library, named);
    assert_eq!(faces_of(&library, "Annabel"), [1, 2]);
    let people = library.people().unwrap();
    assert_eq!(people[0].birthday.as_deref(), Some("2012-05-31"));
    assert_ne!(number_of(&library, 3), 1, "a rejected face comes back");
    // They are hers by what was said of the group, not by a word about them.
    let faces = library.faces().unwrap();
    assert_eq!(faces[0].state, FaceState::Automatic);
    assert_eq!(number_of(&library, 4), 4);
}

#[test]
fn a_rejected_face_stays_away_though_all_that_named_the_person_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0]);
    let named = name(&library, 1, "Anna");
    reject(&library, &[1], 1);
    take_back(&library, named);
    assert_eq!(groups(&library)[&1], [2, 3]);
    assert_ne!(number_of(&library, 1), 1);
    assert!(library.suggestions().unwrap().is_empty());
    // The group is named, grows, and is joined with another.
    name(&library, 1, "Anna");
    assert_eq!(faces_of(&library, "Anna"), [2, 3]);
}

#[test]
fn what_a_group_is_not_holds_when_it_is_named_grows_and_is_joined() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 0, 1]);
    reject(&library, &[2], 1);
    let away = || {
        let anna = number_of(&library, 1);
        assert_ne!(number_of(&library, 2), anna);
        let asked = library.suggestions().unwrap();
        let again = |of: &kith_engine::Suggestion| of.person == anna && of.faces.contains(&2);
        assert!(!asked.iter().any(again));
    };
    away();
    let mut lot = Lot(1);
    let middle = lot.point();
    let more: Vec<Embedding> = (0..5).map(|_| lot.near(&middle, 0.97)).collect();
    add(dir.path(), &more);
    regroup(&library);
    assert_eq!(number_of(&library, 1), 1);
    assert!(groups(&library)[&1].len() > 3);
    away();
    name(&library, 1, "Anna");
    away();
    say(&library, Action::Merge { person: 1, into: 4 });
    assert_eq!(number_of(&library, 1), 4);
    away();
    regroup(&library);
    away();
    // A group that it is in is said to be Anna: what was said of it alone holds.
    let alone = number_of(&library, 2);
    let with = vec![2, 6];
    let named = Action::NameFaces {
        faces: with,
        name: "Bea".into(),
    };
    say(&library, named);
    assert_ne!(number_of(&library, 2), 4);
    say(&library, Action::Undo);
    assert_eq!(number_of(&library, 2), alone);
    // To say that it is Anna after all needs nothing but to say it.
    let after_all = Action::Confirm {
        faces: vec![2],
        person: 4,
    };
    say(&library, after_all);
    assert_eq!(number_of(&library, 2), 4);
}

#[test]
fn a_face_that_is_not_anna_stays_out_when_its_group_is_joined_with_her() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 1, 1, 1]);
    name(&library, 1, "Anna");
    reject(&library, &[4], 1);
    assert_eq!(groups(&library)[&3], [3, 4, 5]);
    name(&library, 3, "Anna");
    assert_eq!(faces_of(&library, "Anna"), [1, 2, 3, 5]);
    let alone = number_of(&library, 4);
    assert!(alone != 3 && alone != 1);
    // Where there is no other face in the group, it is what is meant.
    name(&library, alone, "Anna");
    assert_eq!(faces_of(&library, "Anna"), [1, 2, 3, 4, 5]);
}

#[test]
fn undo_in_any_order_leaves_no_two_people_of_one_name() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 1, 1]);
    let before = state(&library);
    name(&library, 1, "Anna");
    let renamed = name(&library, 1, "Annabel");
    name(&library, 3, "Anna");
    name(&library, 3, "Bea");
    take_back(&library, renamed);
    assert_eq!(library.names().unwrap(), ["Anna", "Bea"]);
    // To undo the newest would make a second Anna of Bea: the one before it is undone first.
    say(&library, Action::Undo);
    assert_eq!(library.names().unwrap(), ["Anna", "Bea"]);
    say(&library, Action::Undo);
    assert_eq!(library.names().unwrap(), ["Anna"]);
    say(&library, Action::Undo);
    assert_eq!(state(&library), before);
    assert!(matches!(
        library.decide(Action::Undo, NOW),
        Err(Error::NothingToUndo)
    ));
    for _ in 0..4 {
        say(&library, Action::Redo);
    }
    assert_eq!(library.names().unwrap(), ["Annabel", "Bea"]);
}

#[test]
fn another_name_of_somebody_is_nobodys_name() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0, 1, 1]);
    let also = |person: PersonId| Action::Aliases {
        person,
        aliases: vec!["Annie".into()],
    };
    // Nobody is found by another name as long as there is none to be shown.
    say(&library, also(1));
    name(&library, 3, "Annie");
    let named = Action::Name {
        person: 1,
        name: "Anna".into(),
    };
    assert!(matches!(
        library.decide(named, NOW),
        Err(Error::NameInUse(name)) if name == "Annie"
    ));
    assert_eq!(library.names().unwrap(), ["Annie"]);
}

#[test]
fn what_cannot_be_undone_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &[0, 0]);
    let named = name(&library, 1, "Anna");
    let refused = |decision| {
        library
            .decide(Action::TakeBack { decision }, NOW)
            .unwrap_err()
    };
    assert!(matches!(refused(99), Error::NoDecision(99)));
    let undo = say(&library, Action::Undo);
    assert!(matches!(refused(named), Error::TakenBack(entry) if entry == named));
    assert!(matches!(refused(undo), Error::NotUndoable(entry) if entry == undo));
}

/// What is checked after every step of a random sequence.
struct Watch {
    dir: PathBuf,
    library: Library,
    untouched: (Vec<Face>, Vec<Person>),
}

impl Watch {
    fn log(&self) -> Vec<Entry> {
        let catalog = Catalog::open(&self.dir.join("catalog.sqlite")).unwrap();
        decisions::all(catalog.connection()).unwrap()
    }

    fn check(&self) {
        let log = self.log();
        let holds: Vec<&Decision> = standing(&log).iter().rev().map(|of| &of.decision).collect();
        let mut said = Said::default();
        for decision in &holds {
            said.take(decision);
        }
        let faces = self.library.faces().unwrap();
        let of: BTreeMap<FaceId, &Face> = faces.iter().map(|face| (face.face, face)).collect();

        // Names are those that were given, each to one person.
        let mut names: Vec<String> = said.names.values().cloned().collect();
        names.sort_by_key(|name| name.to_lowercase());
        assert_eq!(self.library.names().unwrap(), names);
        let once: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(once.len(), names.len(), "two people of one name: {names:?}");
        for face in &faces {
            let name = face.person.and_then(|person| said.names.get(&person));
            assert_eq!(face.name.as_ref(), name);
        }

        // A face of which the last word was that it is somebody is theirs.
        for (face, person) in &said.confirmed {
            assert_eq!(of[face].person, Some(*person), "face {face}");
            assert_eq!(of[face].state, FaceState::Confirmed, "face {face}");
        }
        // And one of which it was that it is not, is not, nor is it asked about.
        for (face, person) in &said.rejected {
            assert_ne!(of[face].person, Some(*person), "face {face} is back");
        }
        for asked in self.library.suggestions().unwrap() {
            let back = |face: &FaceId| said.rejected.contains(&(*face, asked.person));
            assert!(!asked.faces.iter().any(back), "{asked:?} was answered");
        }
        let presumed = Decided::replay(&log).presumed;
        for (a, b) in &said.apart {
            let same = of[a].person.is_some() && of[a].person == of[b].person;
            // Somebody may be said to be a person who has the other one by an undone decision.
            let leans = [a, b].iter().any(|face| presumed.contains_key(face));
            assert!(!same || leans, "{a} and {b} are together");
        }
        // Nobody has the number of a person who went into another.
        for face in &faces {
            assert!(
                !face
                    .person
                    .is_some_and(|person| said.merged.contains(&person))
            );
        }
        // A number that is given to a person was theirs, or nobody's.
        let mut founded: BTreeMap<PersonId, BTreeSet<FaceId>> = BTreeMap::new();
        for entry in &log {
            for (person, faces) in foundings(&entry.decision) {
                let before = founded.entry(person).or_default();
                let again = before.is_empty() || faces.iter().any(|face| before.contains(face));
                assert!(again, "{person} was {before:?}, is {faces:?}");
                before.extend(faces);
            }
        }
    }
}

/// The names of people with their faces, as a decision gives them.
fn foundings(decision: &Decision) -> Vec<(PersonId, Vec<FaceId>)> {
    match decision {
        Decision::Name { person, faces, .. } | Decision::Hide { person, faces, .. }
            if !faces.is_empty() =>
        {
            vec![(*person, faces.clone())]
        }
        Decision::Several { decisions } => decisions.iter().flat_map(foundings).collect(),
        _ => Vec::new(),
    }
}

/// What the entries that hold say for sure, gathered another way than the engine does.
#[derive(Default)]
struct Said {
    names: BTreeMap<PersonId, String>,
    confirmed: BTreeMap<FaceId, PersonId>,
    /// Faces that a merge lists, and of which nothing else is said: they may be that person's.
    joined: BTreeMap<FaceId, PersonId>,
    rejected: BTreeSet<(FaceId, PersonId)>,
    apart: BTreeSet<(FaceId, FaceId)>,
    merged: BTreeSet<PersonId>,
}

impl Said {
    fn take(&mut self, decision: &Decision) {
        match decision {
            Decision::Name {
                person,
                name,
                faces,
            } => {
                self.names.insert(*person, name.clone());
                self.is(faces, *person);
            }
            Decision::Unname { person, .. } => drop(self.names.remove(person)),
            Decision::Confirm { person, faces }
            | Decision::Hide { person, faces, .. }
            | Decision::Aliases { person, faces, .. }
            | Decision::Birthday { person, faces, .. } => self.is(faces, *person),
            Decision::BestFace {
                person,
                face,
                others,
            } => {
                self.is(&[*face], *person);
                self.is(others, *person);
            }
            Decision::Reject {
                person,
                faces,
                others,
            } => {
                for face in faces {
                    self.rejected.insert((*face, *person));
                    self.joined.remove(face);
                    if self.confirmed.get(face) == Some(person) {
                        self.confirmed.remove(face);
                    }
                }
                let pairs = faces
                    .iter()
                    .flat_map(|a| others.iter().map(move |b| (*a, *b)));
                self.apart.extend(pairs);
            }
            Decision::Ignore { faces } => {
                for face in faces {
                    self.confirmed.remove(face);
                }
            }
            Decision::Merge { person, into, .. } => {
                self.merged.insert(*person);
                if let Some(name) = self.names.remove(person) {
                    self.names.entry(*into).or_insert(name);
                }
                for faces in [&mut self.confirmed, &mut self.joined] {
                    for of in faces.values_mut().filter(|of| **of == *person) {
                        *of = *into;
                    }
                }
                let rejected = std::mem::take(&mut self.rejected).into_iter();
                let moved = |of: PersonId| if of == *person { *into } else { of };
                self.rejected = rejected.map(|(face, of)| (face, moved(of))).collect();
                self.merge_confirms(decision);
            }
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.take(decision);
                }
            }
            _ => {}
        }
    }

    fn merge_confirms(&mut self, decision: &Decision) {
        if let Decision::Merge { into, faces, .. } = decision {
            for face in faces {
                if self.confirmed.get(face) != Some(into) {
                    self.confirmed.remove(face);
                    self.joined.insert(*face, *into);
                }
            }
            let (confirmed, joined) = (&self.confirmed, &self.joined);
            let may_be = |face: &FaceId| confirmed.get(face).or(joined.get(face)) == Some(into);
            self.rejected
                .retain(|(face, of)| of != into || !may_be(face));
            self.apart.retain(|(a, b)| !(may_be(a) && may_be(b)));
        }
    }

    fn is(&mut self, faces: &[FaceId], person: PersonId) {
        for face in faces {
            self.confirmed.insert(*face, person);
            self.joined.remove(face);
            self.rejected.remove(&(*face, person));
        }
        let (confirmed, joined) = (&self.confirmed, &self.joined);
        let theirs = |face: &FaceId| confirmed.get(face).or(joined.get(face)) == Some(&person);
        self.apart.retain(|(a, b)| !(theirs(a) && theirs(b)));
    }
}

/// Something that a user may say.
fn any_action(lot: &mut Lot, library: &Library, log: &[Entry]) -> Option<Action> {
    let faces = library.faces().unwrap();
    let ids: Vec<FaceId> = faces.iter().map(|face| face.face).collect();
    let people = library.people().unwrap();
    let people: Vec<PersonId> = people.iter().map(|of| of.person).collect();
    let some = |lot: &mut Lot| -> Vec<FaceId> {
        let count = 1 + lot.below(3);
        (0..count).filter_map(|_| lot.of(&ids)).collect()
    };
    let names = [
        "Anna", "Bea", "Carl", "Dora", "Emil", "Fritz", "Gina", "Hugo", "Ines", "Jan",
    ];
    let called = |lot: &mut Lot| lot.of(&names).unwrap_or_default().to_owned();
    let person = lot.of(&people)?;
    let other = lot.of(&people)?;
    Some(match lot.below(20) {
        0..3 => Action::Name {
            person,
            name: called(lot),
        },
        3 => Action::NameFaces {
            faces: some(lot),
            name: called(lot),
        },
        4 | 5 => Action::Confirm {
            faces: some(lot),
            person,
        },
        6 | 7 => {
            let theirs: Vec<FaceId> = faces
                .iter()
                .filter(|face| face.person == Some(person))
                .map(|face| face.face)
                .collect();
            Action::Reject {
                faces: lot.of(&theirs).into_iter().collect(),
                person,
            }
        }
        8 => Action::Merge {
            person,
            into: other,
        },
        9 => Action::Split { person },
        10 => Action::Hide {
            person,
            hidden: lot.below(2) == 0,
        },
        11 => Action::Ignore { faces: some(lot) },
        12 => Action::BestFace {
            face: lot.of(&ids)?,
        },
        13 => Action::SomeoneElse {
            faces: some(lot),
            person,
            name: called(lot),
        },
        14 => Action::Unname { person },
        15 => Action::Join {
            people: vec![person, other],
            name: (lot.below(2) == 0).then(|| called(lot)),
        },
        16 => Action::Aliases {
            person,
            aliases: vec![format!("{}chen", called(lot))],
        },
        17 => Action::Birthday {
            person,
            birthday: Some("2012-05-31".into()),
        },
        _ => {
            let holds = standing(log);
            let holds: Vec<DecisionId> = holds.iter().map(|entry| entry.id).collect();
            Action::TakeBack {
                decision: lot.of(&holds)?,
            }
        }
    })
}

/// A number of the environment, for longer runs by hand.
fn asked_for(what: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(what).ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(otherwise)
}

/// Random decisions with undo and redo in any order; `KITH_SEEDS` and `KITH_STEPS` ask for more.
#[test]
fn whatever_is_said_and_undone_nothing_is_lost_and_no_number_comes_twice() {
    for seed in 0..asked_for("KITH_SEEDS", 2) {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::open(dir.path()).unwrap();
        let mut lot = Lot(seed);
        let middles: Vec<Embedding> = (0..9).map(|_| lot.point()).collect();
        let embeddings: Vec<Embedding> = (0..36)
            .map(|_| {
                let middle = lot.below(middles.len());
                // Some are hard to tell from others.
                let cosine = [0.97, 0.9, 0.8][lot.below(3)];
                lot.near(&middles[middle], cosine)
            })
            .collect();
        add(dir.path(), &embeddings);
        regroup(&library);
        let watch = Watch {
            dir: dir.path().to_owned(),
            untouched: state(&library),
            library,
        };
        let library = &watch.library;
        let mut done = 0;
        for step in 0..asked_for("KITH_STEPS", 120) {
            let at = || format!("seed {seed}, step {step}");
            let Some(action) = any_action(&mut lot, library, &watch.log()) else {
                continue;
            };
            let before = state(library);
            let decided = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let Ok(outcome) = library.decide(action.clone(), NOW) else {
                    assert_eq!(state(library), before, "refused, and yet changed");
                    return false;
                };
                watch.check();
                if !matches!(action, Action::TakeBack { .. }) && outcome.decision % 4 == 0 {
                    let after = state(library);
                    say(library, Action::Undo);
                    assert_eq!(state(library), before, "undone");
                    say(library, Action::Redo);
                    assert_eq!(state(library), after, "redone");
                }
                if outcome.decision % 50 == 0 {
                    let after = state(library);
                    let again = Library::open(&watch.dir).unwrap();
                    regroup(&again);
                    assert_eq!(state(&again), after, "grouped anew");
                }
                true
            }));
            match decided {
                Ok(held) => done += u32::from(held),
                Err(why) => {
                    eprintln!("{}: {action:?}", at());
                    if std::env::var("KITH_LOG").is_ok() {
                        for entry in watch.log() {
                            eprintln!("{} {:?}", entry.id, entry.decision);
                        }
                        eprintln!("{:?}", groups(library));
                    }
                    std::panic::resume_unwind(why);
                }
            }
        }
        while library.decide(Action::Undo, NOW).is_ok() {}
        assert_eq!(state(library), watch.untouched, "seed {seed}: all undone");
        eprintln!("seed {seed}: {done} decisions held, all undone");
    }
}
