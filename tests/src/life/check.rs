//! Compares what a library shows with what the model says must be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kith_engine::{Face, FaceState, PersonId};

use super::model::{Answers, FaceKey, Model, Row, Said, Took};
use super::observed::{Observed, SeenPhoto};

/// A face of a scene is found again within this share of its size.
const SAME_FACE: f32 = 0.5;

/// Tells faces by their place in the scene that was photographed.
#[derive(Debug, Clone, Default)]
pub struct Scenes {
    /// Middle and size of the faces of each scene.
    faces: BTreeMap<u32, Vec<([f32; 2], f32)>>,
    /// Faces that were found in a picture (by its data and orientation) when it was read first.
    found: BTreeMap<(u32, u16), BTreeSet<u32>>,
    /// Faces of each scene that somebody drew once: after a restored backup no entry of the log says so.
    drawn: BTreeSet<(u32, u32)>,
}

impl Scenes {
    /// How many faces its scene is known to have.
    #[must_use]
    pub fn count(&self, row: &Row) -> u32 {
        let faces = self.faces.get(&row.content.scene);
        faces.map_or(0, |faces| faces.len() as u32)
    }

    /// The number of a face among those of its scene.
    pub fn number(&mut self, row: &Row, box_upright: [f32; 4]) -> u32 {
        let (middle, size) = row.content.to_scene.middle_and_size(box_upright);
        let faces = self.faces.entry(row.content.scene).or_default();
        let apart = |at: &([f32; 2], f32)| {
            let (x, y) = (at.0[0] - middle[0], at.0[1] - middle[1]);
            (x * x + y * y).sqrt() / at.1.max(size)
        };
        let nearest = faces.iter().map(apart).enumerate();
        let nearest = nearest.min_by(|one, other| one.1.total_cmp(&other.1));
        if let Some((at, apart)) = nearest
            && apart < SAME_FACE
        {
            return at as u32;
        }
        faces.push((middle, size));
        faces.len() as u32 - 1
    }
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Its kind, the same for the same bug more or less.
    pub kind: &'static str,
    /// What it is.
    pub what: String,
}

fn violation(kind: &'static str, what: String) -> Violation {
    Violation { kind, what }
}

/// What is not as it must be.
pub fn violations(model: &mut Model, scenes: &mut Scenes, seen: &Observed) -> Vec<Violation> {
    let mut wrong = Vec::new();
    for path in &seen.twice {
        wrong.push(violation("listed twice", path.display().to_string()));
    }
    for (_, row) in model.present() {
        if !seen.photos.contains_key(&row.path) {
            let failed = if seen.failed.contains(&row.path) {
                " (failed)"
            } else {
                ""
            };
            wrong.push(violation(
                "photo missing",
                format!("{}{failed}", row.path.display()),
            ));
        }
    }
    for path in seen.photos.keys() {
        if model.at(path).is_none() {
            wrong.push(violation("photo too many", path.display().to_string()));
        }
    }
    settle(model, scenes, seen);
    let plain = model.log.replay(&[]);
    for (_, row) in model.present() {
        if let Some(photo) = seen.photos.get(&row.path) {
            wrong.extend(of_photo(model, scenes, &plain, row, photo));
        }
    }
    of_people(model, scenes, &plain, seen, &mut wrong);
    of_apart(model, scenes, &plain, seen, &mut wrong);
    // What Kith wrote itself, when a copy took over, is no word of the user's.
    let known = model.log.0.len();
    for (id, _, said) in seen.history.iter().skip(known) {
        if said.starts_with("A copy took") {
            model.log.0.push((*id, Said::ByKith));
        }
    }
    let undone = model.log.undone();
    let entries = model.log.0.iter();
    let said: Vec<_> = entries.map(|(id, _)| (*id, undone.contains(id))).collect();
    let shown: Vec<_> = seen
        .history
        .iter()
        .map(|(id, undone, _)| (*id, *undone))
        .collect();
    if said != shown {
        wrong.push(violation(
            "history",
            format!("got {shown:?}, want {said:?}"),
        ));
    }
    let mut albums: Vec<(String, Option<String>)> = plain
        .albums
        .values()
        .map(|album| (album.name.clone(), album.query.clone()))
        .collect();
    let mut seen_albums: Vec<(String, Option<String>)> = seen
        .albums
        .iter()
        .map(|album| (album.name.clone(), album.query.clone()))
        .collect();
    albums.sort();
    seen_albums.sort();
    if albums != seen_albums {
        wrong.push(violation(
            "albums",
            format!("got {seen_albums:?}, want {albums:?}"),
        ));
    }
    wrong
}

/// Leaves of each doubt what agrees with what is shown.
fn settle(model: &mut Model, scenes: &mut Scenes, seen: &Observed) {
    for mut doubt in std::mem::take(&mut model.doubts) {
        let mut row = model.rows[doubt.row].clone();
        let Some(photo) = seen.photos.get(&row.path).filter(|_| !row.gone) else {
            model.doubts.push(doubt);
            continue;
        };
        let mut agrees = |took: &Vec<Took>| {
            row.took.clone_from(took);
            let answers = model.log.replay(took);
            of_photo(model, scenes, &answers, &row, photo).is_empty()
        };
        let agree: Vec<Vec<Took>> = doubt
            .either
            .iter()
            .filter(|took| agrees(took))
            .cloned()
            .collect();
        if !agree.is_empty() {
            doubt.either = agree;
        }
        model.rows[doubt.row].took.clone_from(&doubt.either[0]);
        if doubt.either.len() > 1 {
            model.doubts.push(doubt);
        }
    }
}

/// The face's key, and the face.
pub fn keyed<'a>(scenes: &mut Scenes, row: &Row, photo: &'a SeenPhoto) -> Vec<(FaceKey, &'a Face)> {
    let faces = photo.faces.iter();
    faces
        .map(|face| {
            let number = scenes.number(row, face.box_upright);
            ((row.photo, number), face)
        })
        .collect()
}

fn of_photo(
    model: &Model,
    scenes: &mut Scenes,
    plain: &Answers,
    row: &Row,
    photo: &SeenPhoto,
) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let path = row.path.display();
    let own;
    let answers = if row.took.is_empty() {
        plain
    } else {
        own = model.log.replay(&row.took);
        &own
    };
    let number = row.photo;
    let favourite = answers.favourites.contains(&number);
    if favourite != photo.favourite {
        wrong.push(violation(
            "favourite",
            format!("{path}: got {}, want {favourite}", photo.favourite),
        ));
    }
    let stars = answers.stars.get(&number).copied().unwrap_or_default();
    if stars != photo.stars {
        wrong.push(violation(
            "stars",
            format!("{path}: got {}, want {stars}", photo.stars),
        ));
    }
    let mut albums: Vec<&String> = answers
        .albums
        .values()
        .filter(|album| album.query.is_none() && album.photos.contains(&number))
        .map(|album| &album.name)
        .collect();
    albums.sort();
    let mut seen_albums: Vec<&String> = photo.albums.iter().collect();
    seen_albums.sort();
    if albums != seen_albums {
        wrong.push(violation(
            "photo's albums",
            format!("{path}: got {seen_albums:?}, want {albums:?}"),
        ));
    }
    let faces = keyed(scenes, row, photo);
    for (key, face) in &faces {
        if let Some(what) = of_face(answers, *key, face) {
            wrong.push(violation(
                what.0,
                format!("{path} face {}: {}", face.face, what.1),
            ));
        }
    }
    let now: BTreeSet<u32> = faces.iter().map(|((_, number), _)| *number).collect();
    let found = scenes
        .found
        .entry((row.content.data, row.content.orientation))
        .or_insert_with(|| now.clone());
    // What was drawn is there only while it is said.
    let said = model.log.0.iter().flat_map(|(_, said)| said.drawn());
    let said = said.map(|(_, face)| (row.content.scene, face));
    scenes.drawn.extend(said);
    for face in found.clone().difference(&now) {
        if !scenes.drawn.contains(&(row.content.scene, *face)) {
            wrong.push(violation(
                "face missing",
                format!("{path}: face {face} of scene {}", row.content.scene),
            ));
        }
    }
    for (photo, face) in &answers.drawn {
        if *photo == number && !now.contains(face) && found.contains(face) {
            wrong.push(violation(
                "drawn face missing",
                format!("{path}: face {face} of scene {}", row.content.scene),
            ));
        }
    }
    wrong
}

fn of_face(answers: &Answers, key: FaceKey, face: &Face) -> Option<(&'static str, String)> {
    let confirmed = answers.confirmed.get(&key).copied();
    let ignored = answers.ignored.contains(&key);
    let name = |person: Option<PersonId>| {
        person
            .and_then(|person| answers.people.get(&person))
            .and_then(|of| of.name.clone())
    };
    let shown = format!(
        "got {:?} of {:?} ({:?})",
        face.state, face.person, face.name
    );
    if (face.state == FaceState::Ignored) != ignored {
        return Some(("ignored", format!("{shown}, want ignored: {ignored}")));
    }
    if ignored {
        return None;
    }
    match (face.state, confirmed) {
        (FaceState::Confirmed, None) => {
            return Some(("confirmed without a word", shown));
        }
        (FaceState::Confirmed, Some(person)) if face.person != Some(person) => {
            let want = format!("{shown}, want {person} ({:?})", name(Some(person)));
            return Some(("confirmed as somebody else", want));
        }
        (FaceState::Confirmed, _) | (_, None) => {}
        (_, Some(person)) => {
            let want = format!(
                "{shown}, want confirmed {person} ({:?})",
                name(Some(person))
            );
            return Some(("confirmation lost", want));
        }
    }
    if let Some(person) = face.person
        && answers.rejected.contains(&(key, person))
    {
        return Some(("rejected face is back", format!("{shown} {key:?}")));
    }
    if face.name != name(face.person) {
        let want = format!("{shown}, want the name {:?}", name(face.person));
        return Some(("name of a face", want));
    }
    None
}

fn of_people(
    model: &Model,
    scenes: &mut Scenes,
    answers: &Answers,
    seen: &Observed,
    wrong: &mut Vec<Violation>,
) {
    for (number, person) in &seen.people {
        let said = answers.people.get(number).cloned().unwrap_or_default();
        let shown = (
            &person.name,
            person.hidden,
            &person.aliases,
            &person.birthday,
        );
        let want = (&said.name, said.hidden, &said.aliases, &said.birthday);
        if shown != want {
            wrong.push(violation(
                "person",
                format!("{number}: got {shown:?}, want {want:?}"),
            ));
        }
    }
    for (_, row) in model.present() {
        let Some(photo) = seen.photos.get(&row.path) else {
            continue;
        };
        for (key, face) in keyed(scenes, row, photo) {
            let Some(person) = face.person else { continue };
            let said = answers.people.get(&person);
            let Some(shown) = seen.people.get(&person) else {
                if face.state != FaceState::Ignored {
                    wrong.push(violation("person not listed", format!("{person}")));
                }
                continue;
            };
            let stands = said.is_some_and(|said| said.best_face == Some(key));
            if stands && face.state == FaceState::Confirmed && shown.best_faces[0] != face.face {
                wrong.push(violation(
                    "best face",
                    format!("{person}: got {:?}, want {}", shown.best_faces, face.face),
                ));
            }
        }
    }
}

/// Faces that were told apart are not one person.
fn of_apart(
    model: &Model,
    scenes: &mut Scenes,
    answers: &Answers,
    seen: &Observed,
    wrong: &mut Vec<Violation>,
) {
    let mut person_of: BTreeMap<FaceKey, PersonId> = BTreeMap::new();
    for (_, row) in model.present() {
        if let Some(photo) = seen.photos.get(&row.path) {
            for (key, face) in keyed(scenes, row, photo) {
                if face.state != FaceState::Ignored {
                    person_of.extend(face.person.map(|person| (key, person)));
                }
            }
        }
    }
    for (one, other) in &answers.apart {
        // Said to be one person as well, before, and held apart while that was taken back for some time.
        let said = answers.confirmed.get(one);
        if said.is_some() && said == answers.confirmed.get(other) {
            continue;
        }
        if let (Some(a), Some(b)) = (person_of.get(one), person_of.get(other))
            && a == b
        {
            wrong.push(violation(
                "told apart and together",
                format!("{one:?} and {other:?} are person {a}"),
            ));
        }
    }
}

/// Confirmed faces whose name nobody ever said of that scene's face: what must never be, also while
/// the library has not seen all files yet.
pub fn wrong_names(
    model: &Model,
    scenes: &mut Scenes,
    seen: &Observed,
    at: &dyn Fn(&Path) -> Vec<Row>,
) -> Vec<Violation> {
    let mut wrong = Vec::new();
    for (path, photo) in &seen.photos {
        let rows = at(path);
        for face in photo
            .faces
            .iter()
            .filter(|face| face.state == FaceState::Confirmed)
        {
            let said = rows.iter().any(|row| {
                let key = (row.photo, scenes.number(row, face.box_upright));
                let answers = model.log.replay(&row.took);
                answers.confirmed.get(&key).copied() == face.person
            });
            if !said {
                wrong.push(violation(
                    "wrong name",
                    format!("{} face {}: {:?}", path.display(), face.face, face.name),
                ));
            }
        }
    }
    wrong
}
