//! The log of decisions, replayed: what the user's words come to as a whole.
//!
//! A decision lists the faces it is about, so that it means the same whatever the groups are later.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::AnswerSet;
use crate::catalog::decisions::Entry;
use crate::{AlbumId, DecisionId, FaceId, PersonId, PhotoId, Sureness};

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// The person is called so, and these faces are that person.
    Name {
        /// The person.
        person: PersonId,
        /// The name.
        name: String,
        /// The faces of the group that was named.
        faces: Vec<FaceId>,
    },
    /// The person has no name any more.
    Unname {
        /// The person.
        person: PersonId,
        /// The name until then.
        name: String,
    },
    /// These faces are this person.
    Confirm {
        /// The person.
        person: PersonId,
        /// The faces.
        faces: Vec<FaceId>,
    },
    /// These faces are not this person.
    Reject {
        /// The person.
        person: PersonId,
        /// The faces.
        faces: Vec<FaceId>,
        /// The other faces of the person, where nothing was decided of the person before.
        others: Vec<FaceId>,
    },
    /// The two are one person, called `into` from now on.
    Merge {
        /// Who is joined to the other.
        person: PersonId,
        /// Who stays.
        into: PersonId,
        /// The faces of both.
        faces: Vec<FaceId>,
    },
    /// The person is not shown, or shown again; these faces are that person.
    Hide {
        /// The person.
        person: PersonId,
        /// Hidden or shown.
        hidden: bool,
        /// The faces of the group that was hidden.
        faces: Vec<FaceId>,
    },
    /// These are not faces, or not faces to care about.
    Ignore {
        /// The faces.
        faces: Vec<FaceId>,
    },
    /// Whether these faces are this person cannot be told.
    Unsure {
        /// The person.
        person: PersonId,
        /// The faces.
        faces: Vec<FaceId>,
        /// The faces of the person, where nothing was decided of the person before.
        others: Vec<FaceId>,
    },
    /// This face stands for the person.
    BestFace {
        /// The person.
        person: PersonId,
        /// The face; it is that person's.
        face: FaceId,
        /// The other faces of the person, where nothing was decided of the person before.
        others: Vec<FaceId>,
    },
    /// The user drew this face.
    Draw {
        /// The face.
        face: FaceId,
    },
    /// These photos are favourites, or are not.
    Favourite {
        /// The photos.
        photos: Vec<PhotoId>,
        /// Whether they are.
        favourite: bool,
    },
    /// These photos have so many stars.
    Stars {
        /// The photos.
        photos: Vec<PhotoId>,
        /// 0 (none) to 5.
        stars: u8,
    },
    /// The person is also called so.
    Aliases {
        /// The person.
        person: PersonId,
        /// All other names of theirs.
        aliases: Vec<String>,
        /// The faces of the person, where nothing was decided of the person before.
        faces: Vec<FaceId>,
    },
    /// The day that the person was born.
    Birthday {
        /// The person.
        person: PersonId,
        /// `YYYY-MM-DD`; none where it is not known any more.
        birthday: Option<String>,
        /// The faces of the person, where nothing was decided of the person before.
        faces: Vec<FaceId>,
    },
    /// An album begins, or is called otherwise from now on.
    Album {
        /// The album.
        album: AlbumId,
        /// Its name.
        name: String,
    },
    /// An album that holds what a search finds, whenever one looks.
    SavedSearch {
        /// The album.
        album: AlbumId,
        /// Its name.
        name: String,
        /// The search, as it was typed.
        query: String,
    },
    /// These photos are in the album.
    AddToAlbum {
        /// The album.
        album: AlbumId,
        /// The photos.
        photos: Vec<PhotoId>,
    },
    /// These photos are not in the album any more.
    RemoveFromAlbum {
        /// The album.
        album: AlbumId,
        /// The photos.
        photos: Vec<PhotoId>,
    },
    /// The album is no more; its photos are where they were.
    DropAlbum {
        /// The album.
        album: AlbumId,
    },
    /// Kith is so sure before it puts faces together.
    Sureness {
        /// How sure.
        sureness: Sureness,
    },
    /// The photo `from` is gone and `to` is a copy of it, for which all holds from now on that was said of
    /// the other. Kith writes it, not the user.
    Inherit {
        /// The photo that is gone.
        from: PhotoId,
        /// The copy.
        to: PhotoId,
        /// Faces of the first, and the same faces on the copy.
        faces: Vec<(FaceId, FaceId)>,
    },
    /// Said at once, and taken back at once.
    Several {
        /// What was said, in this order.
        decisions: Vec<Decision>,
    },
    /// Answers that came from another library, or from another program.
    Import {
        /// What of them was new.
        answers: AnswerSet,
    },
    /// A person was forgotten: nothing of them is left in the log. Cannot be taken back.
    Forget {
        /// How many faces they had.
        faces: usize,
    },
    /// That decision is taken back.
    Undo {
        /// The decision.
        decision: DecisionId,
    },
    /// That decision, which was taken back, holds again, at its old place in the log.
    Redo {
        /// The decision.
        decision: DecisionId,
    },
}

impl Decision {
    /// Every person that it mentions.
    #[must_use]
    pub fn people(&self) -> Vec<PersonId> {
        match self {
            Self::Name { person, .. }
            | Self::Unname { person, .. }
            | Self::Confirm { person, .. }
            | Self::Reject { person, .. }
            | Self::Hide { person, .. }
            | Self::Unsure { person, .. }
            | Self::BestFace { person, .. }
            | Self::Aliases { person, .. }
            | Self::Birthday { person, .. } => vec![*person],
            Self::Merge { person, into, .. } => vec![*person, *into],
            Self::Several { decisions } => decisions.iter().flat_map(Self::people).collect(),
            Self::Import { answers } => answers.people.iter().map(|of| of.person).collect(),
            _ => Vec::new(),
        }
    }

    /// Every album that it mentions.
    #[must_use]
    pub fn albums(&self) -> Vec<AlbumId> {
        match self {
            Self::Album { album, .. }
            | Self::SavedSearch { album, .. }
            | Self::AddToAlbum { album, .. }
            | Self::RemoveFromAlbum { album, .. }
            | Self::DropAlbum { album } => vec![*album],
            Self::Several { decisions } => decisions.iter().flat_map(Self::albums).collect(),
            Self::Import { answers } => answers.albums.iter().map(|of| of.album).collect(),
            _ => Vec::new(),
        }
    }

    /// The photos that it is about as such; none where it is about faces and people, who then have
    /// to be derived anew.
    #[must_use]
    pub fn photos(&self) -> Option<Vec<PhotoId>> {
        match self {
            Self::Favourite { photos, .. }
            | Self::Stars { photos, .. }
            | Self::AddToAlbum { photos, .. }
            | Self::RemoveFromAlbum { photos, .. } => Some(photos.clone()),
            Self::Album { .. } | Self::SavedSearch { .. } | Self::DropAlbum { .. } => {
                Some(Vec::new())
            }
            Self::Several { decisions } => {
                let photos: Option<Vec<_>> = decisions.iter().map(Self::photos).collect();
                Some(photos?.concat())
            }
            _ => None,
        }
    }
}

impl Decision {
    /// Whether it is a word of the user's own, which can be taken back.
    #[must_use]
    pub fn is_undoable(&self) -> bool {
        !matches!(
            self,
            Self::Undo { .. } | Self::Redo { .. } | Self::Inherit { .. } | Self::Forget { .. }
        )
    }

    /// Adds the faces and photos that it is about.
    pub fn mentions(&self, faces: &mut HashSet<FaceId>, photos: &mut BTreeSet<PhotoId>) {
        match self {
            Self::Name { faces: of, .. }
            | Self::Confirm { faces: of, .. }
            | Self::Merge { faces: of, .. }
            | Self::Hide { faces: of, .. }
            | Self::Aliases { faces: of, .. }
            | Self::Birthday { faces: of, .. }
            | Self::Ignore { faces: of } => faces.extend(of),
            Self::Reject {
                faces: of, others, ..
            }
            | Self::Unsure {
                faces: of, others, ..
            } => faces.extend(of.iter().chain(others)),
            Self::BestFace { face, others, .. } => {
                faces.insert(*face);
                faces.extend(others);
            }
            Self::Draw { face } => {
                faces.insert(*face);
            }
            Self::Favourite { photos: of, .. }
            | Self::Stars { photos: of, .. }
            | Self::AddToAlbum { photos: of, .. }
            | Self::RemoveFromAlbum { photos: of, .. } => photos.extend(of),
            Self::Inherit { to, faces: of, .. } => {
                photos.insert(*to);
                faces.extend(of.iter().map(|(_, to)| to));
            }
            Self::Several { decisions } => {
                for decision in decisions {
                    decision.mentions(faces, photos);
                }
            }
            Self::Import { answers } => {
                faces.extend(answers.faces());
                photos.extend(answers.photos());
            }
            Self::Unname { .. }
            | Self::Forget { .. }
            | Self::Album { .. }
            | Self::SavedSearch { .. }
            | Self::DropAlbum { .. }
            | Self::Sureness { .. }
            | Self::Undo { .. }
            | Self::Redo { .. } => {}
        }
    }
}

/// What was decided of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DecidedPerson {
    /// The name, if there is one.
    pub name: Option<String>,
    /// Whether the user does not want to see them.
    pub hidden: bool,
    /// The face that stands for them, if the user chose one.
    pub best_face: Option<FaceId>,
    /// What else they are called.
    pub aliases: Vec<String>,
    /// `YYYY-MM-DD`, if it is known.
    pub birthday: Option<String>,
}

/// An album, as it is by now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecidedAlbum {
    /// Its name.
    pub name: String,
    /// The search that it holds; none where the user puts photos into it.
    pub query: Option<String>,
    /// The photos that the user put into it.
    pub photos: BTreeSet<PhotoId>,
}

/// All that the log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// People of whom something was decided.
    pub people: BTreeMap<PersonId, DecidedPerson>,
    /// Faces that are surely this person.
    pub confirmed: BTreeMap<FaceId, PersonId>,
    /// Faces that are surely not this person.
    pub rejected: BTreeSet<(FaceId, PersonId)>,
    /// Pairs of faces that are surely not the same person; the smaller number first.
    pub apart: BTreeSet<(FaceId, FaceId)>,
    /// Faces to leave out.
    pub ignored: BTreeSet<FaceId>,
    /// How sure Kith must be before it puts faces together.
    pub sureness: Sureness,
    /// Photos that the user marked.
    pub favourites: BTreeSet<PhotoId>,
    /// Photos with stars, 1 to 5.
    pub stars: BTreeMap<PhotoId, u8>,
    /// The albums.
    pub albums: BTreeMap<AlbumId, DecidedAlbum>,
    /// Faces that the user drew.
    pub drawn: BTreeSet<FaceId>,
    /// Faces of which the user could not tell whether they are this person.
    pub unsure: BTreeSet<(FaceId, PersonId)>,
    /// The same of two groups of which nothing was decided: the faces of either.
    pub unsure_groups: Vec<[BTreeSet<FaceId>; 2]>,
}

impl Decided {
    /// Replays the log, oldest entry first. Later words win over earlier ones.
    #[must_use]
    pub fn replay(log: &[Entry]) -> Self {
        let undone = undone(log);
        let mut decided = Self::default();
        for entry in log.iter().filter(|entry| !undone.contains(&entry.id)) {
            decided.apply(&entry.decision);
        }
        decided
    }

    /// The person of that name, compared as a person would: without case and doubled spaces. If
    /// nobody has it, whoever is also called so.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<PersonId> {
        let wanted = folded(name);
        let mut people = self.people.iter();
        let named = people.find(|(_, person)| {
            let name = person.name.as_deref();
            name.is_some_and(|name| folded(name) == wanted)
        });
        let mut people = self.people.iter();
        let also_called = || {
            people.find(|(_, person)| {
                let mut aliases = person.aliases.iter();
                person.name.is_some() && aliases.any(|alias| folded(alias) == wanted)
            })
        };
        named.or_else(also_called).map(|(id, _)| *id)
    }

    /// The album of that name, compared in the same way.
    #[must_use]
    pub fn album_named(&self, name: &str) -> Option<AlbumId> {
        let wanted = folded(name);
        let mut albums = self.albums.iter();
        let album = albums.find(|(_, album)| folded(&album.name) == wanted);
        album.map(|(id, _)| *id)
    }

    /// Whether the user could not tell if a group is that person, or that other group.
    #[must_use]
    pub fn is_unsure(&self, group: &[FaceId], person: PersonId, faces_of: &[FaceId]) -> bool {
        let holds = |known: &BTreeSet<FaceId>, faces: &[FaceId]| {
            faces.iter().any(|face| known.contains(face))
        };
        let of_person = group
            .iter()
            .any(|face| self.unsure.contains(&(*face, person)));
        of_person
            || self.unsure_groups.iter().any(|[one, other]| {
                (holds(one, group) && holds(other, faces_of))
                    || (holds(other, group) && holds(one, faces_of))
            })
    }

    fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::Name {
                person,
                name,
                faces,
            } => {
                self.people.entry(*person).or_default().name = Some(name.clone());
                self.confirm(faces, *person);
            }
            Decision::Confirm { person, faces } => {
                self.people.entry(*person).or_default();
                self.confirm(faces, *person);
            }
            Decision::Reject {
                person,
                faces,
                others,
            } => {
                for face in faces {
                    self.rejected.insert((*face, *person));
                    if self.confirmed.get(face) == Some(person) {
                        self.confirmed.remove(face);
                    }
                    for other in others {
                        self.apart.insert((*face.min(other), *face.max(other)));
                    }
                }
            }
            Decision::Merge {
                person,
                into,
                faces,
            } => self.merge(*person, *into, faces),
            Decision::Hide {
                person,
                hidden,
                faces,
            } => {
                self.people.entry(*person).or_default().hidden = *hidden;
                self.confirm(faces, *person);
            }
            Decision::Ignore { faces } => {
                for face in faces {
                    self.confirmed.remove(face);
                    self.ignored.insert(*face);
                }
            }
            Decision::Unsure {
                person,
                faces,
                others,
            } => {
                if others.is_empty() {
                    self.unsure
                        .extend(faces.iter().map(|face| (*face, *person)));
                } else {
                    let set = |faces: &[FaceId]| faces.iter().copied().collect();
                    self.unsure_groups.push([set(faces), set(others)]);
                }
            }
            Decision::Draw { face } => {
                self.drawn.insert(*face);
            }
            Decision::Sureness { sureness } => self.sureness = *sureness,
            Decision::BestFace { .. }
            | Decision::Aliases { .. }
            | Decision::Birthday { .. }
            | Decision::Unname { .. } => {
                self.apply_to_person(decision);
            }
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.apply(decision);
                }
            }
            Decision::Inherit { from, to, faces } => {
                self.inherit_photo(*from, *to);
                for (from, to) in faces {
                    self.inherit_face(*from, *to);
                }
            }
            Decision::Import { answers } => self.adopt(answers),
            Decision::Forget { .. } | Decision::Undo { .. } | Decision::Redo { .. } => {}
            of_photos => self.apply_to_photos(of_photos),
        }
    }

    /// What was said of one photo holds for its copy, too, where nothing else was said of that.
    fn inherit_photo(&mut self, from: PhotoId, to: PhotoId) {
        if self.favourites.contains(&from) {
            self.favourites.insert(to);
        }
        if let Some(stars) = self.stars.get(&from).copied() {
            self.stars.entry(to).or_insert(stars);
        }
        for album in self.albums.values_mut() {
            if album.photos.contains(&from) {
                album.photos.insert(to);
            }
        }
    }

    /// The same of a face.
    fn inherit_face(&mut self, from: FaceId, to: FaceId) {
        if self.drawn.contains(&from) {
            self.drawn.insert(to);
        }
        let is_said = self.confirmed.contains_key(&to) || self.ignored.contains(&to);
        if !is_said && self.ignored.contains(&from) {
            self.ignored.insert(to);
        }
        let refused: Vec<PersonId> = of_face(&self.rejected, from).collect();
        for person in refused {
            if self.confirmed.get(&to) != Some(&person) {
                self.rejected.insert((to, person));
            }
        }
        if let Some(person) = self.confirmed.get(&from).copied()
            && !is_said
            && !self.rejected.contains(&(to, person))
        {
            self.confirmed.insert(to, person);
        }
        let unsure: Vec<PersonId> = of_face(&self.unsure, from).collect();
        self.unsure
            .extend(unsure.into_iter().map(|person| (to, person)));
        for group in self.unsure_groups.iter_mut().flatten() {
            if group.contains(&from) {
                group.insert(to);
            }
        }
        let confirmed = &self.confirmed;
        let are_one = |other: &FaceId| {
            let person = confirmed.get(&to);
            person.is_some() && confirmed.get(other) == person
        };
        let pairs = self.apart.iter();
        let others = pairs.filter_map(|(a, b)| match (*a == from, *b == from) {
            (true, _) => Some(*b),
            (_, true) => Some(*a),
            _ => None,
        });
        let others: Vec<FaceId> = others
            .filter(|other| *other != to && !are_one(other))
            .collect();
        for other in others {
            self.apart.insert((to.min(other), to.max(other)));
        }
        for person in self.people.values_mut() {
            if person.best_face == Some(from) {
                person.best_face = Some(to);
            }
        }
    }

    fn apply_to_person(&mut self, decision: &Decision) {
        match decision {
            Decision::BestFace {
                person,
                face,
                others,
            } => {
                self.people.entry(*person).or_default().best_face = Some(*face);
                self.confirm(&[*face], *person);
                self.confirm(others, *person);
            }
            Decision::Aliases {
                person,
                aliases,
                faces,
            } => {
                self.people
                    .entry(*person)
                    .or_default()
                    .aliases
                    .clone_from(aliases);
                self.confirm(faces, *person);
            }
            Decision::Birthday {
                person,
                birthday,
                faces,
            } => {
                self.people
                    .entry(*person)
                    .or_default()
                    .birthday
                    .clone_from(birthday);
                self.confirm(faces, *person);
            }
            Decision::Unname { person, .. } => {
                // Other names are of no use without the one that is shown.
                let of = self.people.entry(*person).or_default();
                (of.name, of.aliases) = (None, Vec::new());
            }
            _ => {}
        }
    }

    fn apply_to_photos(&mut self, decision: &Decision) {
        match decision {
            Decision::Favourite { photos, favourite } => {
                for photo in photos {
                    if *favourite {
                        self.favourites.insert(*photo);
                    } else {
                        self.favourites.remove(photo);
                    }
                }
            }
            Decision::Stars { photos, stars } => {
                for photo in photos {
                    if *stars > 0 {
                        self.stars.insert(*photo, *stars);
                    } else {
                        self.stars.remove(photo);
                    }
                }
            }
            Decision::Album { album, name } => {
                self.albums.entry(*album).or_default().name.clone_from(name);
            }
            Decision::SavedSearch { album, name, query } => {
                let album = self.albums.entry(*album).or_default();
                album.name.clone_from(name);
                album.query = Some(query.clone());
            }
            Decision::AddToAlbum { album, photos } => {
                if let Some(album) = self.albums.get_mut(album) {
                    album.photos.extend(photos);
                }
            }
            Decision::RemoveFromAlbum { album, photos } => {
                if let Some(album) = self.albums.get_mut(album) {
                    album.photos.retain(|photo| !photos.contains(photo));
                }
            }
            Decision::DropAlbum { album } => {
                self.albums.remove(album);
            }
            _ => {}
        }
    }

    /// Takes over what was said elsewhere. A name, a birthday or a best face that is there already
    /// gives way: an import lists only what it changes.
    fn adopt(&mut self, answers: &AnswerSet) {
        self.drawn.extend(&answers.drawn);
        for of in &answers.people {
            if of.known || !of.confirmed.is_empty() {
                let person = self.people.entry(of.person).or_default();
                if of.name.is_some() {
                    person.name.clone_from(&of.name);
                }
                if of.birthday.is_some() {
                    person.birthday.clone_from(&of.birthday);
                }
                person.best_face = of.best_face.or(person.best_face);
                person.hidden |= of.hidden;
                for alias in &of.aliases {
                    if !person.aliases.contains(alias) {
                        person.aliases.push(alias.clone());
                    }
                }
            }
            self.confirm(&of.confirmed, of.person);
        }
        for of in &answers.people {
            for face in &of.rejected {
                if self.confirmed.get(face) != Some(&of.person) {
                    self.rejected.insert((*face, of.person));
                }
            }
            let unsure = of.unsure.iter().map(|face| (*face, of.person));
            self.unsure.extend(unsure);
        }
        for of in &answers.apart {
            let pair = |other: &FaceId| (of.face.min(*other), of.face.max(*other));
            self.apart.extend(of.from.iter().map(pair));
        }
        let groups = answers.unsure_groups.iter();
        let set = |faces: &Vec<FaceId>| faces.iter().copied().collect();
        self.unsure_groups
            .extend(groups.map(|[one, other]| [set(one), set(other)]));
        let confirmed = &self.confirmed;
        let ignored = answers.ignored.iter();
        self.ignored
            .extend(ignored.filter(|face| !confirmed.contains_key(face)));
        self.favourites.extend(&answers.favourites);
        for of in &answers.stars {
            self.stars
                .extend(of.photos.iter().map(|photo| (*photo, of.stars)));
        }
        for of in &answers.albums {
            let album = self.albums.entry(of.album).or_default();
            album.name.clone_from(&of.name);
            if of.query.is_some() {
                album.query.clone_from(&of.query);
            }
            album.photos.extend(&of.photos);
        }
        self.sureness = answers.sureness.unwrap_or(self.sureness);
    }

    fn confirm(&mut self, faces: &[FaceId], person: PersonId) {
        for face in faces {
            self.confirmed.insert(*face, person);
            self.rejected.remove(&(*face, person));
            self.ignored.remove(face);
        }
        // Faces that are now said to be one person are no longer held apart.
        let confirmed = &self.confirmed;
        self.apart.retain(|(a, b)| {
            confirmed
                .get(a)
                .is_none_or(|of| confirmed.get(b) != Some(of))
        });
    }

    fn merge(&mut self, person: PersonId, into: PersonId, faces: &[FaceId]) {
        let from = self.people.remove(&person).unwrap_or_default();
        let stays = self.people.entry(into).or_default();
        if stays.name.is_none() {
            stays.name = from.name;
        }
        stays.best_face = stays.best_face.or(from.best_face);
        stays.birthday = stays.birthday.take().or(from.birthday);
        let new = from.aliases.into_iter();
        let new: Vec<String> = new.filter(|of| !stays.aliases.contains(of)).collect();
        stays.aliases.extend(new);
        for of in self.confirmed.values_mut().filter(|of| **of == person) {
            *of = into;
        }
        for pairs in [&mut self.rejected, &mut self.unsure] {
            *pairs = std::mem::take(pairs)
                .into_iter()
                .map(|(face, of)| (face, if of == person { into } else { of }))
                .collect();
        }
        self.confirm(faces, into);
        // Said to be one and said not to be the other, before the two were one: the yes stays.
        let confirmed = &self.confirmed;
        self.rejected
            .retain(|(face, of)| confirmed.get(face) != Some(of));
    }
}

/// The entries that still hold and can be taken back, newest first.
#[must_use]
pub fn standing(log: &[Entry]) -> Vec<&Entry> {
    let undone = undone(log);
    log.iter()
        .rev()
        .filter(|entry| !undone.contains(&entry.id))
        .filter(|entry| entry.decision.is_undoable())
        .collect()
}

fn undone(log: &[Entry]) -> BTreeSet<DecisionId> {
    let mut undone = BTreeSet::new();
    for entry in log {
        match entry.decision {
            Decision::Undo { decision } => {
                undone.insert(decision);
            }
            Decision::Redo { decision } => {
                undone.remove(&decision);
            }
            _ => {}
        }
    }
    undone
}

/// The decision that was taken back last, as long as nothing new was said since.
#[must_use]
pub fn to_redo(log: &[Entry]) -> Option<DecisionId> {
    let mut taken_back = Vec::new();
    for entry in log {
        match entry.decision {
            Decision::Undo { decision } => taken_back.push(decision),
            Decision::Redo { decision } => taken_back.retain(|of| *of != decision),
            Decision::Inherit { .. } => {}
            _ => taken_back.clear(),
        }
    }
    taken_back.pop()
}

/// The people that pairs with a face have.
fn of_face(pairs: &BTreeSet<(FaceId, PersonId)>, face: FaceId) -> impl Iterator<Item = PersonId> {
    let pairs = pairs.range((face, PersonId::MIN)..=(face, PersonId::MAX));
    pairs.map(|(_, person)| *person)
}

/// A name as it is compared: without case and doubled spaces.
pub(crate) fn folded(name: &str) -> String {
    name.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;

    pub(in crate::people) fn log(decisions: &[Decision]) -> Vec<Entry> {
        decisions
            .iter()
            .zip(1..)
            .map(|(decision, id)| Entry {
                id,
                at: SystemTime::UNIX_EPOCH,
                decision: decision.clone(),
            })
            .collect()
    }

    pub(in crate::people) fn any_decision() -> impl Strategy<Value = Decision> {
        let faces = || prop::collection::vec(1_u32..12, 1..5);
        let person = || 1_u32..6;
        prop_oneof![
            (person(), "[A-C]", faces()).prop_map(|(person, name, faces)| Decision::Name {
                person,
                name,
                faces
            }),
            (person(), faces()).prop_map(|(person, faces)| Decision::Confirm { person, faces }),
            (person(), faces(), prop::collection::vec(12_u32..20, 0..3)).prop_map(
                |(person, faces, others)| Decision::Reject {
                    person,
                    faces,
                    others
                }
            ),
            (1_u32..3, 3_u32..6, faces()).prop_map(|(person, into, faces)| Decision::Merge {
                person,
                into,
                faces
            }),
            (person(), any::<bool>(), faces()).prop_map(|(person, hidden, faces)| Decision::Hide {
                person,
                hidden,
                faces
            }),
            faces().prop_map(|faces| Decision::Ignore { faces }),
            (person(), faces(), prop::collection::vec(12_u32..20, 0..3)).prop_map(
                |(person, faces, others)| Decision::Unsure {
                    person,
                    faces,
                    others
                }
            ),
            (person(), prop::collection::vec("[A-C]", 0..3)).prop_map(|(person, aliases)| {
                Decision::Aliases {
                    person,
                    aliases,
                    faces: Vec::new(),
                }
            }),
            (person(), "[A-C]").prop_map(|(person, name)| Decision::Unname { person, name }),
            (1_u32..3, "[A-C]").prop_map(|(album, name)| Decision::Album { album, name }),
            (1_u32..3, faces()).prop_map(|(album, photos)| Decision::AddToAlbum { album, photos }),
            (1_u32..3, faces())
                .prop_map(|(album, photos)| Decision::RemoveFromAlbum { album, photos }),
            (1_u32..3).prop_map(|album| Decision::DropAlbum { album }),
            (0_usize..5).prop_map(|step| Decision::Sureness {
                sureness: Sureness::ALL[step]
            }),
        ]
    }

    proptest! {
        #[test]
        fn undo_gives_back_what_was(
            before in prop::collection::vec(any_decision(), 0..12),
            taken_back in prop::collection::vec(any_decision(), 1..6),
        ) {
            let mut said = before.clone();
            said.extend(taken_back.clone());
            for at in (0..taken_back.len()).rev() {
                said.push(Decision::Undo { decision: (before.len() + at + 1) as u32 });
            }
            prop_assert_eq!(Decided::replay(&log(&said)), Decided::replay(&log(&before)));
        }

        #[test]
        fn redo_gives_back_what_was_taken_back(
            said in prop::collection::vec(any_decision(), 1..12),
            steps in 1_usize..6,
        ) {
            let mut words = said.clone();
            let steps = steps.min(said.len());
            for _ in 0..steps {
                let newest = standing(&log(&words))[0].id;
                words.push(Decision::Undo { decision: newest });
            }
            for _ in 0..steps {
                let decision = to_redo(&log(&words)).unwrap();
                words.push(Decision::Redo { decision });
            }
            prop_assert_eq!(Decided::replay(&log(&words)), Decided::replay(&log(&said)));
            prop_assert_eq!(to_redo(&log(&words)), None);
            // Undone once more, and something new is said: the way back is closed.
            let newest = standing(&log(&words))[0].id;
            words.push(Decision::Undo { decision: newest });
            prop_assert_eq!(to_redo(&log(&words)), Some(newest));
            words.push(Decision::Ignore { faces: vec![1] });
            prop_assert_eq!(to_redo(&log(&words)), None);
        }

        #[test]
        fn no_face_is_both_confirmed_and_refused(said in prop::collection::vec(any_decision(), 0..30)) {
            let decided = Decided::replay(&log(&said));
            for (face, person) in &decided.confirmed {
                prop_assert!(!decided.rejected.contains(&(*face, *person)));
                prop_assert!(!decided.ignored.contains(face));
                prop_assert!(decided.people.contains_key(person));
            }
        }
    }

    #[test]
    fn a_copy_inherits_what_was_said_of_its_original_and_later_words_win() {
        let inherit = Decision::Inherit {
            from: 1,
            to: 2,
            faces: vec![(1, 11), (2, 12), (3, 13)],
        };
        let said = [
            Decision::Name {
                person: 1,
                name: "Anna".into(),
                faces: vec![1, 3],
            },
            Decision::Reject {
                person: 1,
                faces: vec![2],
                others: vec![],
            },
            Decision::Stars {
                photos: vec![1],
                stars: 4,
            },
            Decision::Confirm {
                person: 7,
                faces: vec![13],
            },
            inherit,
        ];
        let decided = Decided::replay(&log(&said));
        assert_eq!(decided.confirmed[&11], 1);
        assert!(decided.rejected.contains(&(12, 1)));
        assert_eq!(decided.confirmed[&13], 7, "the copy's own answer stays");
        assert_eq!(decided.stars[&2], 4);
        // What is taken back of the original is not the copy's either, and the user takes back their words.
        let mut words = log(&said);
        assert_eq!(standing(&words)[0].id, 4);
        words.push(Entry {
            id: 6,
            at: SystemTime::UNIX_EPOCH,
            decision: Decision::Undo { decision: 1 },
        });
        let decided = Decided::replay(&words);
        assert!(!decided.confirmed.contains_key(&11));
        assert!(decided.rejected.contains(&(12, 1)));
    }

    #[test]
    fn names_are_compared_as_people_do() {
        let decided = Decided::replay(&log(&[Decision::Name {
            person: 3,
            name: "Anna  Müller".into(),
            faces: vec![3],
        }]));
        assert_eq!(decided.named(" anna MÜLLER "), Some(3));
        assert_eq!(decided.named("anna"), None);
    }

    #[test]
    fn what_cannot_be_told_is_remembered_through_a_merge_and_between_groups() {
        let said = [
            Decision::Unsure {
                person: 1,
                faces: vec![9],
                others: vec![],
            },
            Decision::Merge {
                person: 1,
                into: 5,
                faces: vec![1, 5],
            },
            Decision::Unsure {
                person: 20,
                faces: vec![30, 31],
                others: vec![20, 21],
            },
        ];
        let decided = Decided::replay(&log(&said));
        assert!(decided.is_unsure(&[8, 9], 5, &[1, 5]));
        assert!(!decided.is_unsure(&[8], 5, &[1, 5]));
        // Groups have other numbers when they grow: their faces tell.
        assert!(decided.is_unsure(&[31, 40], 19, &[19, 21]));
        assert!(decided.is_unsure(&[21], 30, &[30]));
        assert!(!decided.is_unsure(&[31], 50, &[50]));
    }

    #[test]
    fn a_merge_keeps_the_name_and_what_was_refused() {
        let decided = Decided::replay(&log(&[
            Decision::Name {
                person: 1,
                name: "Anna".into(),
                faces: vec![1, 2],
            },
            Decision::Reject {
                person: 1,
                faces: vec![9],
                others: vec![],
            },
            Decision::Merge {
                person: 1,
                into: 5,
                faces: vec![1, 2, 5],
            },
        ]));
        assert_eq!(decided.people[&5].name.as_deref(), Some("Anna"));
        assert!(!decided.people.contains_key(&1));
        assert!(decided.rejected.contains(&(9, 5)));
        assert_eq!(decided.confirmed.get(&1), Some(&5));
    }
}
