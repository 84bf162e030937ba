//! Compares the answers of an export with those of this library: what is new is added, what is there
//! already is counted, and what contradicts is left out and listed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::Connection;

use crate::catalog::decisions::Entry;
use crate::catalog::transfer;
use crate::people::{
    AlbumAnswers, AnswerSet, Apart, Decided, Decision, PersonAnswers, Stars, folded, free_number,
    standing,
};
use crate::{AlbumId, Conflict, FaceId, PersonId, PhotoId, Result, Sureness};

/// People of whom no face is here are numbered from this on, above all faces.
const NUMBERS_WITHOUT_FACES: PersonId = 2_000_000_000;

/// The numbers of this library for those of the file.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) faces: HashMap<FaceId, FaceId>,
    pub(super) photos: HashMap<PhotoId, PhotoId>,
    /// Faces of the file that the user wanted forgotten here.
    pub(super) forgotten: HashSet<FaceId>,
    /// Faces of this library that the user drew there.
    pub(super) drawn: Vec<FaceId>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// What is new, in the numbers of this library.
    pub(super) answers: AnswerSet,
    /// People of the file who are in this library now.
    pub(super) people: u32,
    /// Answers that are new.
    pub(super) added: u32,
    /// Answers that were there already.
    pub(super) unchanged: u32,
    pub(super) conflicts: Vec<Conflict>,
}

/// What was said here and left nothing behind: a star that was taken away, a name, an album.
#[derive(Debug, Default)]
struct Withdrawn {
    stars: BTreeSet<PhotoId>,
    favourites: BTreeSet<PhotoId>,
    names: BTreeSet<PersonId>,
    birthdays: BTreeSet<PersonId>,
    shown: BTreeSet<PersonId>,
    aliases: BTreeSet<(PersonId, String)>,
    albums: BTreeSet<String>,
    from_albums: BTreeSet<(AlbumId, PhotoId)>,
    sureness: bool,
    album_names: BTreeMap<AlbumId, String>,
}

impl Withdrawn {
    fn of(log: &[Entry]) -> Self {
        let mut withdrawn = Self::default();
        for entry in standing(log).into_iter().rev() {
            withdrawn.note(&entry.decision);
        }
        withdrawn
    }

    /// Notes what is mentioned; whether it is still there says the state.
    fn note(&mut self, decision: &Decision) {
        match decision {
            Decision::Stars { photos, .. } => self.stars.extend(photos),
            Decision::Favourite { photos, .. } => self.favourites.extend(photos),
            Decision::Unname { person, .. } => {
                self.names.insert(*person);
            }
            Decision::Birthday { person, .. } => {
                self.birthdays.insert(*person);
            }
            Decision::Hide { person, .. } => {
                self.shown.insert(*person);
            }
            Decision::Aliases {
                person, aliases, ..
            } => {
                let folded = aliases.iter().map(|alias| (*person, folded(alias)));
                self.aliases.extend(folded);
            }
            Decision::Album { album, name } | Decision::SavedSearch { album, name, .. } => {
                self.album_names.insert(*album, folded(name));
            }
            Decision::DropAlbum { album } => {
                self.albums.extend(self.album_names.get(album).cloned());
            }
            Decision::RemoveFromAlbum { album, photos } => {
                let pairs = photos.iter().map(|photo| (*album, *photo));
                self.from_albums.extend(pairs);
            }
            Decision::Sureness { .. } => self.sureness = true,
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.note(decision);
                }
            }
            Decision::Import { answers } => {
                for of in &answers.albums {
                    self.album_names.insert(of.album, folded(&of.name));
                }
                for of in &answers.people {
                    let folded = of.aliases.iter().map(|alias| (of.person, folded(alias)));
                    self.aliases.extend(folded);
                }
            }
            _ => {}
        }
    }
}

pub(super) struct Comparison<'a> {
    connection: &'a Connection,
    here: &'a Decided,
    log: &'a [Entry],
    numbers: &'a Numbers,
    withdrawn: Withdrawn,
    /// Names and other names in use, with those that are new.
    names: HashMap<String, PersonId>,
    taken: BTreeSet<PersonId>,
    compared: Compared,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(
        connection: &'a Connection,
        here: &'a Decided,
        log: &'a [Entry],
        numbers: &'a Numbers,
    ) -> Self {
        let mut names = HashMap::new();
        for (person, of) in &here.people {
            for alias in of.aliases.iter().filter(|_| of.name.is_some()) {
                names.entry(folded(alias)).or_insert(*person);
            }
        }
        for (person, of) in &here.people {
            names.extend(of.name.as_deref().map(|name| (folded(name), *person)));
        }
        let mut taken: BTreeSet<PersonId> = here.people.keys().copied().collect();
        taken.extend(here.rejected.iter().chain(&here.unsure).map(|of| of.1));
        for entry in log {
            taken.extend(entry.decision.people());
        }
        Self {
            connection,
            here,
            log,
            numbers,
            withdrawn: Withdrawn::of(log),
            names,
            taken,
            compared: Compared::default(),
        }
    }

    pub(super) fn run(mut self, file: &AnswerSet) -> Result<Compared> {
        let mapped: Vec<PersonAnswers> = file.people.iter().map(|of| self.mapped(of)).collect();
        let mut who: Vec<Option<PersonId>> = vec![None; mapped.len()];
        self.by_name(&mapped, &mut who);
        self.by_faces(&mapped, &mut who);
        for (at, of) in mapped.into_iter().enumerate() {
            let nobody = of.name.is_none()
                && of.confirmed.is_empty()
                && of.rejected.is_empty()
                && of.unsure.is_empty();
            if nobody {
                continue;
            }
            let in_file = &file.people[at].confirmed;
            let forgotten = |face: &FaceId| self.numbers.forgotten.contains(face);
            if !in_file.is_empty() && in_file.iter().all(forgotten) {
                let name = of.name.as_deref();
                self.conflict("person", name, "forgotten", "not forgotten");
                continue;
            }
            self.compared.people += u32::from(of.known);
            let person = who[at].unwrap_or_else(|| self.new_person(&file.people[at], &of));
            self.person(person, of)?;
        }
        self.faces(file)?;
        self.photos(file)?;
        self.albums(file)?;
        if let Some(sureness) = file.sureness {
            if self.here.sureness == sureness {
                self.compared.unchanged += 1;
            } else if self.withdrawn.sureness {
                self.conflict("sureness", None, how(self.here.sureness), how(sureness));
            } else {
                self.compared.added += 1;
                self.compared.answers.sureness = Some(sureness);
            }
        }
        Ok(self.compared)
    }

    /// The same in the numbers of this library, without faces that are not in it.
    fn mapped(&self, of: &PersonAnswers) -> PersonAnswers {
        PersonAnswers {
            best_face: of.best_face.and_then(|face| self.face(face)),
            confirmed: self.known_faces(&of.confirmed),
            rejected: self.known_faces(&of.rejected),
            unsure: self.known_faces(&of.unsure),
            ..of.clone()
        }
    }

    fn face(&self, face: FaceId) -> Option<FaceId> {
        self.numbers.faces.get(&face).copied()
    }

    fn known_faces(&self, faces: &[FaceId]) -> Vec<FaceId> {
        let mut known: Vec<FaceId> = faces.iter().filter_map(|face| self.face(*face)).collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    fn known_photos(&self, photos: &[PhotoId]) -> Vec<PhotoId> {
        let known = photos
            .iter()
            .filter_map(|photo| self.numbers.photos.get(photo));
        let known: BTreeSet<PhotoId> = known.copied().collect();
        known.into_iter().collect()
    }

    /// People of one name are one person; then those of whom one is called as the other is also.
    fn by_name(&self, mapped: &[PersonAnswers], who: &mut [Option<PersonId>]) {
        for (at, of) in mapped.iter().enumerate() {
            let name = of.name.as_deref();
            who[at] = name.and_then(|name| self.named(name));
        }
        for (at, of) in mapped.iter().enumerate() {
            if who[at].is_none() && of.name.is_some() {
                let mut aliases = of.aliases.iter().filter_map(|alias| self.named(alias));
                who[at] = aliases.find(|person| !who.contains(&Some(*person)));
            }
        }
    }

    fn named(&self, name: &str) -> Option<PersonId> {
        self.names.get(&folded(name)).copied()
    }

    /// People of the same faces are one person, unless both have a name and it is few faces. Of groups
    /// of which only rejections are known, those with the same ones are one.
    fn by_faces(&self, mapped: &[PersonAnswers], who: &mut [Option<PersonId>]) {
        let groups = self.groups_here();
        for (at, of) in mapped.iter().enumerate() {
            if who[at].is_some() {
                continue;
            }
            let free = |person: &PersonId| !who.contains(&Some(*person));
            if of.confirmed.is_empty() {
                let told: BTreeSet<FaceId> =
                    of.rejected.iter().chain(&of.unsure).copied().collect();
                let alike = |faces: &BTreeSet<FaceId>| {
                    let both = told.intersection(faces).count();
                    // A share of the union, in whole numbers that can be compared.
                    both * 1_000_000 / told.union(faces).count().max(1)
                };
                let shares = groups.iter().map(|(person, faces)| (*person, alike(faces)));
                let most = shares
                    .filter(|(person, share)| *share > 0 && free(person))
                    .max_by_key(|(person, share)| (*share, Reverse(*person)));
                who[at] = most.map(|(person, _)| person);
                continue;
            }
            let mut votes: BTreeMap<PersonId, usize> = BTreeMap::new();
            for face in &of.confirmed {
                if let Some(person) = self.here.confirmed.get(face) {
                    *votes.entry(*person).or_default() += 1;
                }
            }
            let most = votes
                .into_iter()
                .filter(|(person, _)| free(person))
                .max_by_key(|(person, count)| (*count, Reverse(*person)));
            who[at] = most.and_then(|(person, count)| {
                let here = self.here.people.get(&person);
                let two_names = here.is_some_and(|of| of.name.is_some()) && of.name.is_some();
                (!two_names || count * 2 > of.confirmed.len()).then_some(person)
            });
        }
    }

    /// Unnamed people and groups of this library without a confirmed face, with the faces that are not
    /// theirs or may be.
    fn groups_here(&self) -> BTreeMap<PersonId, BTreeSet<FaceId>> {
        let mut groups: BTreeMap<PersonId, BTreeSet<FaceId>> = BTreeMap::new();
        for (face, person) in self.here.rejected.iter().chain(&self.here.unsure) {
            groups.entry(*person).or_default().insert(*face);
        }
        for person in self.here.confirmed.values() {
            groups.remove(person);
        }
        let named = |person: &PersonId| {
            self.here
                .people
                .get(person)
                .is_some_and(|of| of.name.is_some())
        };
        groups.retain(|person, _| !named(person));
        groups
    }

    /// A number that nobody has or had: where it can be, that of the same face as in the file.
    fn new_person(&mut self, of_file: &PersonAnswers, of: &PersonAnswers) -> PersonId {
        let founded_on = self.face(of_file.person);
        let faces: Vec<FaceId> = founded_on
            .into_iter()
            .chain(of.confirmed.iter().copied())
            .collect();
        let person = if faces.is_empty() {
            let highest = self.taken.last().copied().unwrap_or_default();
            highest.max(NUMBERS_WITHOUT_FACES) + 1
        } else {
            free_number(&faces, &self.taken)
        };
        self.taken.insert(person);
        person
    }

    fn person(&mut self, person: PersonId, of: PersonAnswers) -> Result<()> {
        let here = self.here.people.get(&person).cloned();
        let known = here.is_some();
        let here = here.unwrap_or_default();
        let mut new = PersonAnswers {
            person,
            ..PersonAnswers::default()
        };
        let called = here.name.clone().or(of.name.clone());
        let who = called.as_deref();
        if let Some(name) = of.name {
            match &here.name {
                Some(same) if folded(same) == folded(&name) => self.compared.unchanged += 1,
                Some(_) if here.aliases.iter().any(|of| folded(of) == folded(&name)) => {
                    self.compared.unchanged += 1;
                }
                Some(other) => self.conflict("name", who, other, &name),
                None if self.withdrawn.names.contains(&person) => {
                    self.conflict("name", who, "no name", &name);
                }
                None if self.named(&name).is_some_and(|of| of != person) => {
                    self.conflict("name", who, "somebody else’s name", &name);
                }
                None => {
                    self.names.insert(folded(&name), person);
                    self.compared.added += 1;
                    new.name = Some(name);
                }
            }
        }
        for alias in of.aliases {
            let key = folded(&alias);
            let has = here.aliases.iter().chain(&here.name);
            if has.clone().any(|of| folded(of) == key) {
                self.compared.unchanged += 1;
            } else if self.withdrawn.aliases.contains(&(person, key.clone())) {
                self.conflict("other name", who, "taken away", &alias);
            } else if self.named(&alias).is_some_and(|of| of != person) {
                self.conflict("other name", who, "somebody else’s name", &alias);
            } else {
                self.names.insert(key, person);
                self.compared.added += 1;
                new.aliases.push(alias);
            }
        }
        if let Some(day) = of.birthday {
            match &here.birthday {
                Some(same) if *same == day => self.compared.unchanged += 1,
                Some(other) => self.conflict("birthday", who, other, &day),
                None if self.withdrawn.birthdays.contains(&person) => {
                    self.conflict("birthday", who, "none", &day);
                }
                None => {
                    self.compared.added += 1;
                    new.birthday = Some(day);
                }
            }
        }
        if of.hidden {
            if here.hidden {
                self.compared.unchanged += 1;
            } else if self.withdrawn.shown.contains(&person) {
                self.conflict("hidden", who, "shown", "hidden");
            } else {
                self.compared.added += 1;
                new.hidden = true;
            }
        }
        new.confirmed = self.confirmed(person, who, &of.confirmed)?;
        new.rejected = self.rejected(person, who, &of.rejected)?;
        new.unsure = self.unsure(person, &of.unsure);
        if let Some(face) = of.best_face {
            let theirs = self.here.confirmed.get(&face) == Some(&person)
                || new.confirmed.contains(&face)
                || !known;
            match here.best_face {
                Some(same) if same == face => self.compared.unchanged += 1,
                Some(_) => self.conflict("best face", who, "another face", "this face"),
                None if theirs => {
                    self.compared.added += 1;
                    new.best_face = Some(face);
                }
                None => {}
            }
        }
        new.known = of.known && (!known || !new.is_empty());
        if !new.is_empty() {
            self.compared.answers.people.push(new);
        }
        Ok(())
    }

    fn confirmed(
        &mut self,
        person: PersonId,
        who: Option<&str>,
        faces: &[FaceId],
    ) -> Result<Vec<FaceId>> {
        let mut new = Vec::new();
        for face in faces {
            let in_file = who.unwrap_or("this person");
            match self.here.confirmed.get(face) {
                Some(same) if *same == person => self.compared.unchanged += 1,
                Some(other) => {
                    let other = self.name_here(*other);
                    self.face_conflict(*face, who, &other, in_file)?;
                }
                None if self.here.rejected.contains(&(*face, person)) => {
                    self.face_conflict(*face, who, &format!("not {in_file}"), in_file)?;
                }
                None if self.here.ignored.contains(face) => {
                    self.face_conflict(*face, who, "left out", in_file)?;
                }
                None => {
                    self.compared.added += 1;
                    new.push(*face);
                }
            }
        }
        Ok(new)
    }

    fn rejected(
        &mut self,
        person: PersonId,
        who: Option<&str>,
        faces: &[FaceId],
    ) -> Result<Vec<FaceId>> {
        let mut new = Vec::new();
        for face in faces {
            if self.here.rejected.contains(&(*face, person)) {
                self.compared.unchanged += 1;
            } else if self.here.confirmed.get(face) == Some(&person) {
                let name = who.unwrap_or("this person");
                self.face_conflict(*face, who, name, &format!("not {name}"))?;
            } else {
                self.compared.added += 1;
                new.push(*face);
            }
        }
        Ok(new)
    }

    /// Whoever answered here was not unsure.
    fn unsure(&mut self, person: PersonId, faces: &[FaceId]) -> Vec<FaceId> {
        let (here, mut new) = (self.here, Vec::new());
        for face in faces {
            let answered = here.unsure.contains(&(*face, person))
                || here.rejected.contains(&(*face, person))
                || here.confirmed.contains_key(face);
            if answered {
                self.compared.unchanged += 1;
            } else {
                self.compared.added += 1;
                new.push(*face);
            }
        }
        new
    }

    /// What was said of faces and no person.
    fn faces(&mut self, file: &AnswerSet) -> Result<()> {
        for face in self.known_faces(&file.ignored) {
            if self.here.ignored.contains(&face) {
                self.compared.unchanged += 1;
            } else if let Some(person) = self.here.confirmed.get(&face) {
                let name = self.name_here(*person);
                self.face_conflict(face, Some(&name), &name, "left out")?;
            } else {
                self.compared.added += 1;
                self.compared.answers.ignored.push(face);
            }
        }
        for of in &file.apart {
            let Some(face) = self.face(of.face) else {
                continue;
            };
            let mut from = Vec::new();
            for other in self.known_faces(&of.from) {
                let pair = (face.min(other), face.max(other));
                let confirmed = &self.here.confirmed;
                if self.here.apart.contains(&pair) {
                    self.compared.unchanged += 1;
                } else if confirmed.contains_key(&face)
                    && confirmed.get(&face) == confirmed.get(&other)
                {
                    self.face_conflict(face, None, "one person", "two people")?;
                } else {
                    self.compared.added += 1;
                    from.push(other);
                }
            }
            if !from.is_empty() {
                self.compared.answers.apart.push(Apart { face, from });
            }
        }
        for [one, other] in &file.unsure_groups {
            let groups = [self.known_faces(one), self.known_faces(other)];
            let set = |faces: &Vec<FaceId>| faces.iter().copied().collect::<BTreeSet<_>>();
            let sets = groups.each_ref().map(set);
            if groups.iter().any(Vec::is_empty) {
                continue;
            }
            if self.here.unsure_groups.contains(&sets) {
                self.compared.unchanged += 1;
            } else {
                self.compared.added += 1;
                self.compared.answers.unsure_groups.push(groups);
            }
        }
        let drawn: BTreeSet<FaceId> = self.numbers.drawn.iter().copied().collect();
        for face in drawn {
            if self.here.drawn.contains(&face) {
                self.compared.unchanged += 1;
            } else {
                self.compared.added += 1;
                self.compared.answers.drawn.push(face);
            }
        }
        Ok(())
    }

    fn photos(&mut self, file: &AnswerSet) -> Result<()> {
        for photo in self.known_photos(&file.favourites) {
            if self.here.favourites.contains(&photo) {
                self.compared.unchanged += 1;
            } else if self.withdrawn.favourites.contains(&photo) {
                self.photo_conflict("favourite", photo, "no favourite", "favourite")?;
            } else {
                self.compared.added += 1;
                self.compared.answers.favourites.push(photo);
            }
        }
        for of in &file.stars {
            let mut new = Vec::new();
            for photo in self.known_photos(&of.photos) {
                let here = self.here.stars.get(&photo).copied();
                if here == Some(of.stars) {
                    self.compared.unchanged += 1;
                } else if here.is_some() || self.withdrawn.stars.contains(&photo) {
                    let here = here.unwrap_or_default().to_string();
                    self.photo_conflict("stars", photo, &here, &of.stars.to_string())?;
                } else {
                    self.compared.added += 1;
                    new.push(photo);
                }
            }
            if !new.is_empty() {
                let stars = of.stars;
                let new = Stars { stars, photos: new };
                self.compared.answers.stars.push(new);
            }
        }
        Ok(())
    }

    fn albums(&mut self, file: &AnswerSet) -> Result<()> {
        let mut next = self.new_album();
        for of in &file.albums {
            let photos = self.known_photos(&of.photos);
            let Some(album) = self.here.album_named(&of.name) else {
                if self.withdrawn.albums.contains(&folded(&of.name)) {
                    self.conflict("album", Some(&of.name), "removed", "album");
                    continue;
                }
                self.compared.added += 1 + photos.len() as u32;
                self.compared.answers.albums.push(AlbumAnswers {
                    album: next,
                    photos,
                    ..of.clone()
                });
                next += 1;
                continue;
            };
            let here = &self.here.albums[&album];
            if here.query != of.query {
                let what = |query: &Option<String>| match query {
                    Some(query) => format!("the search “{query}”"),
                    None => "photos".to_owned(),
                };
                self.conflict(
                    "album",
                    Some(&of.name),
                    &what(&here.query),
                    &what(&of.query),
                );
                continue;
            }
            self.compared.unchanged += 1;
            let mut new = Vec::new();
            for photo in photos {
                if here.photos.contains(&photo) {
                    self.compared.unchanged += 1;
                } else if self.withdrawn.from_albums.contains(&(album, photo)) {
                    self.photo_conflict("album", photo, "taken out", &of.name)?;
                } else {
                    self.compared.added += 1;
                    new.push(photo);
                }
            }
            if !new.is_empty() {
                self.compared.answers.albums.push(AlbumAnswers {
                    album,
                    name: here.name.clone(),
                    query: here.query.clone(),
                    photos: new,
                });
            }
        }
        Ok(())
    }

    /// A number that no album ever had.
    fn new_album(&self) -> AlbumId {
        let albums = self.log.iter().flat_map(|entry| entry.decision.albums());
        albums.max().unwrap_or_default() + 1
    }

    fn name_here(&self, person: PersonId) -> String {
        let name = self.here.people.get(&person).and_then(|of| of.name.clone());
        name.unwrap_or_else(|| format!("person {person}"))
    }

    fn face_conflict(
        &mut self,
        face: FaceId,
        who: Option<&str>,
        here: &str,
        file: &str,
    ) -> Result<()> {
        let photo = transfer::path_of_face(self.connection, face)?;
        self.add_conflict("face", photo, who, here, file);
        Ok(())
    }

    fn photo_conflict(&mut self, what: &str, photo: PhotoId, here: &str, file: &str) -> Result<()> {
        let photo = transfer::path_of_photo(self.connection, photo)?;
        self.add_conflict(what, photo, None, here, file);
        Ok(())
    }

    fn conflict(&mut self, what: &str, who: Option<&str>, here: &str, file: &str) {
        self.add_conflict(what, None, who, here, file);
    }

    fn add_conflict(
        &mut self,
        conflict: &str,
        photo: Option<String>,
        about: Option<&str>,
        here: &str,
        file: &str,
    ) {
        self.compared.conflicts.push(Conflict {
            conflict: conflict.to_owned(),
            photo,
            about: about.map(str::to_owned),
            here: here.to_owned(),
            file: file.to_owned(),
        });
    }
}

fn how(sureness: Sureness) -> &'static str {
    match sureness {
        Sureness::VeryCareful => "very careful",
        Sureness::Careful => "careful",
        Sureness::Balanced => "balanced",
        Sureness::Generous => "generous",
        Sureness::VeryGenerous => "very generous",
    }
}
