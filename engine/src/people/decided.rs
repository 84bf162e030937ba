//! Replays the log of decisions: which people there are, and whose each face surely is or is not.
//!
//! A decision lists the faces it is about, so that it means the same whatever the groups are later.
//!
//! # What undo means
//!
//! Any entry can be undone, in any order. The entries that are not undone are applied in their order,
//! later ones before earlier ones; an undone entry confirms, names and rejects nothing. So undoing
//! everything gives the empty state, and undoing some entries gives the names, confirmations and
//! rejections that the others say. Three rules are for entries that were said *while an undone one held*
//! (after it, and before it was undone), because they lean on it:
//!
//! - **A person keeps the faces of their founding.** The first decision about a group lists the group's
//!   faces, later ones (another name, a birthday) do not. When the first is undone and a later one is
//!   not, the faces are [`presumed`](Decided::presumed) to be that person's: shown as automatic, and
//!   given up as soon as an entry that holds says otherwise.
//! - **A rejection keeps its faces.** "Face 9 is not Anna" still keeps face 9 from the faces that Anna
//!   was founded with when her name is undone.
//! - **A merge leaves behind whom an undone merge had brought.** It lists all faces of the person, also
//!   those of others who had been merged into that person: these stay with the others.
//!
//! # Numbers of people
//!
//! A person's number names no other person later: that of a person who was merged into another stays
//! unused ([`Decided::merged`]). A group of which nothing is decided goes by the number of its first
//! face; when that face is rejected or taken elsewhere, the number stays with the faces that remain
//! ([`Decided::group_numbers`]). Numbers are computed from faces and log alone, so they do not depend
//! on how often or by how many threads people were grouped.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AnswerSet, face_of, next_number};
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
    /// The folder is no folder of the library any more; its photos are not shown.
    RemoveFolder {
        /// The folder.
        #[serde(with = "path_json")]
        folder: PathBuf,
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
    /// The group of these faces, of which nothing is decided, keeps its number although the face of
    /// that number has left it.
    KeepNumber {
        /// The group's number.
        group: PersonId,
        /// The faces that remain.
        faces: Vec<FaceId>,
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
            | Self::Birthday { person, .. }
            | Self::KeepNumber { group: person, .. } => vec![*person],
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

    /// The numbers of the people that it is about.
    fn people_mut(&mut self) -> Vec<&mut PersonId> {
        match self {
            Self::Name { person, .. }
            | Self::Unname { person, .. }
            | Self::Confirm { person, .. }
            | Self::Reject { person, .. }
            | Self::Hide { person, .. }
            | Self::Unsure { person, .. }
            | Self::BestFace { person, .. }
            | Self::Aliases { person, .. }
            | Self::Birthday { person, .. } => vec![person],
            Self::Merge { person, into, .. } => vec![person, into],
            Self::Several { decisions } => {
                decisions.iter_mut().flat_map(Self::people_mut).collect()
            }
            _ => Vec::new(),
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
            | Self::KeepNumber { .. }
            | Self::Album { .. }
            | Self::SavedSearch { .. }
            | Self::DropAlbum { .. }
            | Self::RemoveFolder { .. }
            | Self::Sureness { .. }
            | Self::Undo { .. }
            | Self::Redo { .. } => {}
        }
    }
}

/// A path in the log: JSON text, or an array of the bytes that name it where these are not UTF-8.
mod path_json {
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::catalog::photos::{bytes_of, path_of};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum PathJson {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(to),
            None => bytes_of(path).serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match PathJson::deserialize(from)? {
            PathJson::Text(path) => path,
            PathJson::Bytes(bytes) => path_of(bytes),
        })
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
    /// Faces of people whose founding is undone while something else about them holds: theirs, as
    /// automatic ones. None of them is confirmed, ignored, or rejected for that person.
    pub presumed: BTreeMap<FaceId, PersonId>,
    /// Numbers of groups that were left by the face of that number, and the faces that remained.
    pub group_numbers: BTreeMap<PersonId, BTreeSet<FaceId>>,
    /// Numbers of people who were merged into others; no group may have them.
    pub merged: BTreeSet<PersonId>,
    /// Folders that were removed from the library.
    pub removed_folders: BTreeSet<PathBuf>,
}

impl Decided {
    /// Replays the log, oldest entry first. Later words win over earlier ones.
    #[must_use]
    pub fn replay(log: &[Entry]) -> Self {
        let undone = undone(log);
        let mut decided = Self::default();
        let mut gone = Undone::default();
        for entry in log {
            if let Some(until) = undone.get(&entry.id) {
                gone.note(&entry.decision, entry.id, *until, &decided);
            } else {
                let decision = Self::renumbered(&entry.decision, &gone.merged_at(entry.id));
                let held = gone.held_at(entry.id);
                decided.lean(&decision, &held);
                decided.apply(&decision, &held);
                if let Decision::Inherit { faces, .. } = &entry.decision {
                    gone.inherit(faces);
                }
            }
        }
        decided.presume();
        decided
    }

    /// The person that a face belongs to before any grouping: confirmed or presumed.
    #[must_use]
    pub fn person_of(&self, face: FaceId) -> Option<PersonId> {
        let confirmed = self.confirmed.get(&face);
        confirmed.or_else(|| self.presumed.get(&face)).copied()
    }

    /// The people of that name, compared as a person would: without case and doubled spaces. If
    /// nobody has it, whoever is also called so.
    #[must_use]
    pub fn called(&self, name: &str) -> Vec<PersonId> {
        let wanted = folded(name);
        let is_wanted = |name: &String| folded(name) == wanted;
        let with = |called: &dyn Fn(&DecidedPerson) -> bool| -> Vec<PersonId> {
            let people = self.people.iter().filter(|(_, person)| called(person));
            people.map(|(id, _)| *id).collect()
        };
        let named = with(&|person| person.name.iter().any(is_wanted));
        if named.is_empty() {
            with(&|person| person.name.is_some() && person.aliases.iter().any(is_wanted))
        } else {
            named
        }
    }

    /// The first of these; two people have one name only where an older version let them.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<PersonId> {
        self.called(name).first().copied()
    }

    /// The names by which two people are called, compared in the same way: as they are compared, and
    /// as one of the two is called.
    #[must_use]
    pub fn shared_names(&self) -> BTreeMap<String, String> {
        let mut called: BTreeMap<String, PersonId> = BTreeMap::new();
        let mut shared = BTreeMap::new();
        for (person, of) in &self.people {
            let aliases = of.name.iter().flat_map(|_| &of.aliases);
            for name in of.name.iter().chain(aliases) {
                let other = called.insert(folded(name), *person);
                if other.is_some_and(|other| other != *person) {
                    shared.insert(folded(name), name.clone());
                }
            }
        }
        shared
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

    /// The decision as it is, but for people whose number belonged to somebody who was `merged` into
    /// another then and is not any more: an older version used numbers again. They get another one.
    fn renumbered<'d>(decision: &'d Decision, merged: &BTreeSet<PersonId>) -> Cow<'d, Decision> {
        if merged.is_empty() {
            return Cow::Borrowed(decision);
        }
        let mut decision = decision.clone();
        for person in decision.people_mut() {
            if merged.contains(person) {
                *person = next_number(*person);
            }
        }
        Cow::Owned(decision)
    }

    /// Takes from undone entries what a decision that was said while they held leans on.
    fn lean(&mut self, decision: &Decision, held: &Held<'_>) {
        if held.is_empty() {
            return;
        }
        match decision {
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.lean(decision, held);
                }
            }
            Decision::Reject { person, faces, .. } => {
                let others: BTreeSet<FaceId> = held
                    .founding(*person)
                    .filter(|other| !faces.contains(other))
                    .collect();
                if !others.is_empty() {
                    self.hold_apart(faces, &others);
                    self.group_numbers.insert(*person, others);
                }
            }
            Decision::Name { person, .. }
            | Decision::Unname { person, .. }
            | Decision::Confirm { person, .. }
            | Decision::Hide { person, .. }
            | Decision::BestFace { person, .. }
            | Decision::Aliases { person, .. }
            | Decision::Birthday { person, .. }
            | Decision::Merge { into: person, .. } => {
                let faces = held.founding(*person);
                self.presumed.extend(faces.map(|face| (face, *person)));
            }
            _ => {}
        }
    }

    /// Drops what was presumed and is said otherwise by an entry that holds.
    fn presume(&mut self) {
        let mut presumed = std::mem::take(&mut self.presumed);
        presumed.retain(|face, person| {
            self.people.contains_key(person)
                && !self.confirmed.contains_key(face)
                && !self.ignored.contains(face)
                && !self.rejected.contains(&(*face, *person))
        });
        for (one, other) in &self.apart {
            // Of two faces that are both presumed, the later one gives way.
            for (face, from) in [(other, one), (one, other)] {
                let of = presumed.get(face).copied();
                let theirs = self.confirmed.get(from).or_else(|| presumed.get(from));
                if of.is_some() && of == theirs.copied() {
                    presumed.remove(face);
                }
            }
        }
        self.presumed = presumed;
    }

    fn hold_apart(&mut self, faces: &[FaceId], others: &BTreeSet<FaceId>) {
        for face in faces {
            let pairs = others.iter().filter(|other| *other != face);
            self.apart
                .extend(pairs.map(|other| (*face.min(other), *face.max(other))));
        }
    }

    /// The person of that number; made where there is none.
    fn person(&mut self, person: PersonId) -> &mut DecidedPerson {
        self.merged.remove(&person);
        self.people.entry(person).or_default()
    }

    fn apply(&mut self, decision: &Decision, held: &Held<'_>) {
        match decision {
            Decision::Name {
                person,
                name,
                faces,
            } => {
                self.person(*person).name = Some(name.clone());
                self.confirm(faces, *person);
            }
            Decision::Confirm { person, faces } => {
                self.person(*person);
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
                }
                if !others.is_empty() {
                    let others = others.iter().copied().collect();
                    self.hold_apart(faces, &others);
                    self.group_numbers.insert(*person, others);
                }
            }
            Decision::KeepNumber { group, faces } => {
                let faces = faces.iter().copied().collect();
                self.group_numbers.insert(*group, faces);
            }
            Decision::Merge {
                person,
                into,
                faces,
            } => self.merge(*person, *into, faces, held),
            Decision::Hide {
                person,
                hidden,
                faces,
            } => {
                self.person(*person).hidden = *hidden;
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
            Decision::RemoveFolder { folder } => {
                self.removed_folders.insert(folder.clone());
            }
            Decision::BestFace { .. }
            | Decision::Aliases { .. }
            | Decision::Birthday { .. }
            | Decision::Unname { .. } => {
                self.apply_to_person(decision);
            }
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.apply(decision, held);
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
        if let Some(person) = self.presumed.get(&from).copied() {
            self.presumed.insert(to, person);
        }
        for remained in self.group_numbers.values_mut() {
            if remained.contains(&from) {
                remained.insert(to);
            }
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
                self.person(*person).best_face = Some(*face);
                self.confirm(&[*face], *person);
                self.confirm(others, *person);
            }
            Decision::Aliases {
                person,
                aliases,
                faces,
            } => {
                self.person(*person).aliases.clone_from(aliases);
                self.confirm(faces, *person);
            }
            Decision::Birthday {
                person,
                birthday,
                faces,
            } => {
                self.person(*person).birthday.clone_from(birthday);
                self.confirm(faces, *person);
            }
            Decision::Unname { person, .. } => {
                // Other names are of no use without the one that is shown.
                let of = self.person(*person);
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
                let person = self.person(of.person);
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

    fn merge(&mut self, person: PersonId, into: PersonId, faces: &[FaceId], held: &Held<'_>) {
        let moved = faces.iter().copied();
        let faces: Vec<FaceId> = moved.filter(|face| !held.was_brought(*face)).collect();
        let from = self.people.remove(&person).unwrap_or_default();
        self.merged.insert(person);
        let stays = self.person(into);
        if stays.name.is_none() {
            stays.name = from.name;
        }
        stays.best_face = stays.best_face.or(from.best_face);
        stays.birthday = stays.birthday.take().or(from.birthday);
        let new = from.aliases.into_iter();
        let new: Vec<String> = new.filter(|of| !stays.aliases.contains(of)).collect();
        stays.aliases.extend(new);
        for faces in [&mut self.confirmed, &mut self.presumed] {
            for of in faces.values_mut().filter(|of| **of == person) {
                *of = into;
            }
        }
        for pairs in [&mut self.rejected, &mut self.unsure] {
            *pairs = std::mem::take(pairs)
                .into_iter()
                .map(|(face, of)| (face, if of == person { into } else { of }))
                .collect();
        }
        self.confirm(&faces, into);
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
        .filter(|entry| !undone.contains_key(&entry.id))
        .filter(|entry| entry.decision.is_undoable())
        .collect()
}

/// The entries that are undone, with the entry that undid each.
fn undone(log: &[Entry]) -> BTreeMap<DecisionId, DecisionId> {
    let mut undone = BTreeMap::new();
    for entry in log {
        match entry.decision {
            Decision::Undo { decision } => {
                undone.insert(decision, entry.id);
            }
            Decision::Redo { decision } => {
                undone.remove(&decision);
            }
            _ => {}
        }
    }
    undone
}

/// What undone entries said, for later ones that were said while they held.
#[derive(Debug, Default)]
struct Undone {
    /// The faces that a group had when it became a person, and until when that held.
    founded: BTreeMap<PersonId, Vec<(DecisionId, Vec<FaceId>)>>,
    /// Until when faces were with a person into whom theirs was merged.
    brought: BTreeMap<FaceId, DecisionId>,
    /// Until when people were merged into others.
    merged: BTreeMap<PersonId, DecisionId>,
}

/// The same, as an entry found it.
struct Held<'a> {
    undone: &'a Undone,
    at: DecisionId,
}

impl Undone {
    fn held_at(&self, at: DecisionId) -> Held<'_> {
        Held { undone: self, at }
    }

    /// The people who were merged into others then.
    fn merged_at(&self, at: DecisionId) -> BTreeSet<PersonId> {
        let merged = self.merged.iter().filter(|(_, until)| **until > at);
        merged.map(|(person, _)| *person).collect()
    }

    /// A merge that held until then had brought the face.
    fn bring(&mut self, face: FaceId, until: DecisionId) {
        let last = self.brought.entry(face).or_insert(until);
        *last = until.max(*last);
    }

    /// The faces of a copy, the second of each pair, were where those of its original were.
    fn inherit(&mut self, faces: &[(FaceId, FaceId)]) {
        for (from, to) in faces {
            if let Some(until) = self.brought.get(from).copied() {
                self.bring(*to, until);
            }
            for (_, founded) in self.founded.values_mut().flatten() {
                if founded.contains(from) {
                    founded.push(*to);
                }
            }
        }
    }

    /// `decided` is what the entries before it say that hold.
    fn note(&mut self, decision: &Decision, at: DecisionId, until: DecisionId, decided: &Decided) {
        if let Decision::Merge { person, .. } = decision {
            self.merged.insert(*person, until);
        }
        let (person, faces) = match decision {
            Decision::Several { decisions } => {
                for decision in decisions {
                    self.note(decision, at, until, decided);
                }
                return;
            }
            Decision::Name { person, faces, .. }
            | Decision::Hide { person, faces, .. }
            | Decision::Aliases { person, faces, .. }
            | Decision::Birthday { person, faces, .. } => (*person, faces.clone()),
            Decision::BestFace {
                person,
                face,
                others,
            } if !others.is_empty() || *face == face_of(*person) => {
                let others = others.iter().copied();
                (*person, others.chain([*face]).collect())
            }
            Decision::Confirm { person, faces }
            | Decision::Merge {
                into: person,
                faces,
                ..
            } => {
                let founded = self.founded.get(person).into_iter().flatten();
                let was_known = decided.people.contains_key(person)
                    || founded.into_iter().any(|(until, _)| *until > at);
                // The faces of a group that became a person so come last, in order: the one that the
                // number was made of begins them.
                let is_first = |face: &FaceId| !was_known && *face == face_of(*person);
                let group = faces.iter().rposition(is_first);
                let (brought, group) = faces.split_at(group.unwrap_or(faces.len()));
                let is_merge = matches!(decision, Decision::Merge { .. });
                // Of several that are merged at once into a group, each merge lists the group's faces.
                let founded = self.founded.get(person).into_iter().flatten();
                let own = founded.filter(|(of, _)| *of == until);
                let own: Vec<FaceId> = own.flat_map(|(_, faces)| faces.clone()).collect();
                let brought = brought.iter().filter(|face| !own.contains(face));
                for face in brought.filter(|_| is_merge) {
                    self.bring(*face, until);
                }
                (*person, group.to_vec())
            }
            _ => return,
        };
        if !faces.is_empty() {
            self.founded.entry(person).or_default().push((until, faces));
        }
    }
}

impl Held<'_> {
    fn is_empty(&self) -> bool {
        self.undone.founded.is_empty()
    }

    /// The faces with which a person was founded by entries that held then.
    fn founding(&self, person: PersonId) -> impl Iterator<Item = FaceId> {
        let founded = self.undone.founded.get(&person).into_iter().flatten();
        let held = founded.filter(|(until, _)| *until > self.at);
        held.flat_map(|(_, faces)| faces.iter().copied())
    }

    /// Whether a merge that held then had brought a face to the person whose it was.
    fn was_brought(&self, face: FaceId) -> bool {
        let until = self.undone.brought.get(&face);
        until.is_some_and(|until| *until > self.at)
    }
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
            "/[a-c]".prop_map(|folder| Decision::RemoveFolder {
                folder: folder.into()
            }),
            (0_usize..5).prop_map(|step| Decision::Sureness {
                sureness: Sureness::ALL[step]
            }),
        ]
    }

    /// What a user does with the log.
    #[derive(Debug, Clone)]
    enum Step {
        Say(Decision),
        /// Undoes one of the entries that hold, of so many as there are.
        TakeBack(usize),
        Redo,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => any_decision().prop_map(Step::Say),
            3 => any::<usize>().prop_map(Step::TakeBack),
            1 => Just(Step::Redo),
        ]
    }

    fn take(step: Step, said: &mut Vec<Decision>) {
        match step {
            Step::Say(mut decision) => {
                // Nobody speaks of a person who was merged into another.
                let merged = Decided::replay(&log(said)).merged;
                if decision.people_mut().iter().all(|of| !merged.contains(of)) {
                    said.push(decision);
                }
            }
            Step::TakeBack(which) => {
                let log = log(said);
                let holds = standing(&log);
                if let Some(entry) = holds.get(which % holds.len().max(1)) {
                    said.push(Decision::Undo { decision: entry.id });
                }
            }
            Step::Redo => {
                if let Some(decision) = to_redo(&log(said)) {
                    said.push(Decision::Redo { decision });
                }
            }
        }
    }

    /// The entries that hold, as a log without any undo.
    fn without_undone(said: &[Decision]) -> Vec<Decision> {
        let log = log(said);
        let holds = standing(&log).into_iter().rev();
        holds.map(|entry| entry.decision.clone()).collect()
    }

    fn check_validity(decided: &Decided) {
        for (face, person) in &decided.confirmed {
            assert!(!decided.rejected.contains(&(*face, *person)));
            assert!(!decided.ignored.contains(face));
            assert!(decided.people.contains_key(person));
        }
        for (face, person) in &decided.presumed {
            assert!(!decided.rejected.contains(&(*face, *person)));
            assert!(!decided.ignored.contains(face) && !decided.confirmed.contains_key(face));
            assert!(decided.people.contains_key(person));
        }
        assert!(
            decided
                .merged
                .iter()
                .all(|of| !decided.people.contains_key(of))
        );
    }

    proptest! {
        #[test]
        fn undoing_everything_in_any_order_gives_the_empty_state(
            steps in prop::collection::vec(any_step(), 1..40),
            order in prop::collection::vec(any::<usize>(), 40),
        ) {
            let mut said = Vec::new();
            for step in steps {
                take(step, &mut said);
                check_validity(&Decided::replay(&log(&said)));
            }
            for which in order {
                take(Step::TakeBack(which), &mut said);
                check_validity(&Decided::replay(&log(&said)));
            }
            prop_assert_eq!(Decided::replay(&log(&said)), Decided::default());
        }

        /// Undoing some entries is replaying the others, in whatever order they were undone; what an
        /// undone entry leaves behind is presumed or keeps faces apart, and says nothing for sure.
        #[test]
        fn undoing_some_entries_leaves_what_the_others_say(
            steps in prop::collection::vec(any_step(), 1..40),
        ) {
            let mut said = Vec::new();
            for step in steps {
                take(step, &mut said);
            }
            let mut decided = Decided::replay(&log(&said));
            let others = without_undone(&said);
            let mut expected = Decided::replay(&log(&others));
            prop_assert!(expected.presumed.is_empty());
            prop_assert_eq!(&decided.people, &expected.people);
            prop_assert_eq!(&decided.ignored, &expected.ignored);
            prop_assert_eq!(&decided.merged, &expected.merged);
            prop_assert_eq!(&decided.albums, &expected.albums);
            prop_assert_eq!(&decided.removed_folders, &expected.removed_folders);
            if others.iter().any(|of| matches!(of, Decision::Merge { .. })) {
                // A merge does not move what an undone one had brought.
                return Ok(());
            }
            prop_assert!(expected.apart.is_subset(&decided.apart));
            for decided in [&mut decided, &mut expected] {
                decided.presumed.clear();
                decided.group_numbers.clear();
                decided.apart.clear();
            }
            prop_assert_eq!(decided, expected);
        }

        #[test]
        fn the_order_of_undoing_changes_nothing(
            said in prop::collection::vec(any_decision(), 1..20),
            undone in prop::collection::btree_set(0_usize..20, 1..8),
        ) {
            let undo = |at: usize| Decision::Undo { decision: (at % said.len() + 1) as u32 };
            let undone: BTreeSet<usize> = undone.into_iter().map(|at| at % said.len()).collect();
            let mut forwards = said.clone();
            forwards.extend(undone.iter().map(|at| undo(*at)));
            let mut backwards = said.clone();
            backwards.extend(undone.iter().rev().map(|at| undo(*at)));
            prop_assert_eq!(Decided::replay(&log(&forwards)), Decided::replay(&log(&backwards)));
        }

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

    fn name(person: PersonId, name: &str, faces: &[FaceId]) -> Decision {
        Decision::Name {
            person,
            name: name.into(),
            faces: faces.to_vec(),
        }
    }

    fn merge(person: PersonId, into: PersonId, faces: &[FaceId]) -> Decision {
        Decision::Merge {
            person,
            into,
            faces: faces.to_vec(),
        }
    }

    fn undo(decision: DecisionId) -> Decision {
        Decision::Undo { decision }
    }

    /// The faces that are surely each person's.
    fn confirmed(decided: &Decided) -> BTreeMap<PersonId, Vec<FaceId>> {
        let mut of: BTreeMap<PersonId, Vec<FaceId>> = BTreeMap::new();
        for (face, person) in &decided.confirmed {
            of.entry(*person).or_default().push(*face);
        }
        of
    }

    #[test]
    fn an_undone_merge_gives_back_its_people_though_the_joint_person_was_merged_again() {
        let said = [
            name(1, "Anna", &[1, 2]),
            name(5, "Bea", &[5, 6]),
            // A group of which nothing is decided, into Bea.
            merge(8, 5, &[8, 9]),
            merge(1, 5, &[1, 2]),
            name(7, "Carl", &[7]),
            merge(5, 7, &[1, 2, 5, 6, 8, 9]),
        ];
        let with = |undone: &[DecisionId]| {
            let undone = undone.iter().map(|entry| undo(*entry));
            Decided::replay(&log(&[said.to_vec(), undone.collect()].concat()))
        };
        let all = vec![1, 2, 5, 6, 7, 8, 9];
        assert_eq!(confirmed(&with(&[])), [(7, all)].into());
        let anna = with(&[4]);
        assert_eq!(anna.people[&1].name.as_deref(), Some("Anna"));
        let expected = [(1, vec![1, 2]), (7, vec![5, 6, 7, 8, 9])];
        assert_eq!(confirmed(&anna), expected.into());
        let expected = [(7, vec![1, 2, 5, 6, 7])];
        assert_eq!(confirmed(&with(&[3])), expected.into());
        let expected = [(1, vec![1, 2]), (5, vec![5, 6]), (7, vec![7])];
        assert_eq!(confirmed(&with(&[3, 4, 6])), expected.into());
    }

    /// As commit 727f5ec wrote it: Zoe has the number that Anna had.
    #[test]
    fn a_number_that_an_older_version_used_again_gives_two_people() {
        let mut said = vec![
            name(1, "Anna", &[1, 2, 3]),
            name(5, "Bea", &[5]),
            merge(1, 5, &[1, 2, 3]),
            Decision::Reject {
                person: 5,
                faces: vec![1],
                others: vec![],
            },
            name(1, "Zoe", &[1]),
        ];
        let before = Decided::replay(&log(&said));
        assert_eq!(
            confirmed(&before),
            [(1, vec![1]), (5, vec![2, 3, 5])].into()
        );
        said.push(undo(3));
        let decided = Decided::replay(&log(&said));
        assert_eq!(decided.people[&1].name.as_deref(), Some("Anna"));
        let zoe = decided.named("Zoe").unwrap();
        let expected = [(1, vec![2, 3]), (5, vec![5]), (zoe, vec![1])];
        assert_eq!(confirmed(&decided), expected.into());
    }

    #[test]
    fn a_person_keeps_the_faces_of_an_undone_founding_while_something_holds() {
        let said = [
            name(1, "Anna", &[1, 2, 3]),
            Decision::Reject {
                person: 1,
                faces: vec![9, 3],
                others: vec![],
            },
            name(1, "Annabel", &[]),
            undo(1),
        ];
        let decided = Decided::replay(&log(&said));
        assert_eq!(decided.people[&1].name.as_deref(), Some("Annabel"));
        assert_eq!(decided.presumed, [(1, 1), (2, 1)].into());
        assert!(decided.confirmed.is_empty());
        // What was rejected stays away from these faces, whatever they are called.
        let apart = [(1, 3), (2, 3), (1, 9), (2, 9)];
        assert_eq!(decided.apart, apart.into());

        // A group that was named anew does not lean on a name that was undone before.
        let said = [
            name(1, "Anna", &[1, 2, 3]),
            undo(1),
            name(1, "Zoe", &[1, 2]),
        ];
        assert!(Decided::replay(&log(&said)).presumed.is_empty());
    }

    /// They were shown as one person, which the user had said they are not.
    #[test]
    fn faces_of_an_undone_founding_give_way_to_whom_they_are_held_apart_from() {
        let said = [
            Decision::Reject {
                person: 1,
                faces: vec![5],
                others: vec![1, 2],
            },
            name(1, "Carl", &[1, 2, 3]),
            Decision::Confirm {
                person: 1,
                faces: vec![5],
            },
            undo(2),
        ];
        let decided = Decided::replay(&log(&said));
        assert_eq!(decided.confirmed, [(5, 1)].into());
        assert_eq!(decided.presumed, [(3, 1)].into());
    }

    /// The face that the number of 5 was made of was another's by then, and all after it counted as those of 5.
    #[test]
    fn an_undone_merge_had_brought_all_faces_where_the_other_was_known() {
        let said = [
            name(1, "Anna", &[1, 5, 8]),
            name(5, "Bea", &[6, 7]),
            merge(1, 5, &[1, 5, 8]),
            merge(5, 9, &[1, 5, 6, 7, 8, 9]),
            undo(3),
        ];
        let decided = Decided::replay(&log(&said));
        let annas = decided.confirmed.iter().filter(|(_, of)| **of == 1);
        let annas: Vec<FaceId> = annas.map(|(face, _)| *face).collect();
        assert_eq!(annas, [1, 5, 8]);
    }

    #[test]
    fn several_undone_merges_into_a_group_had_not_brought_its_own_faces() {
        let join = Decision::Several {
            decisions: vec![merge(4, 7, &[4, 7, 13]), merge(15, 7, &[15, 7, 13])],
        };
        let confirm = Decision::Confirm {
            person: 16,
            faces: vec![13, 16],
        };
        let said = [
            name(14, "Ben", &[14]),
            join,
            confirm,
            merge(16, 14, &[13, 16]),
            undo(2),
        ];
        let confirmed = confirmed(&Decided::replay(&log(&said)));
        assert_eq!(confirmed[&14], [13, 14, 16]);
    }

    #[test]
    fn an_undone_merge_had_brought_the_faces_of_copies_too() {
        let inherit = Decision::Inherit {
            from: 1,
            to: 2,
            faces: vec![(10, 21)],
        };
        let said = [
            name(1, "Anna", &[1]),
            name(13, "Ben", &[13]),
            merge(1, 13, &[1, 10]),
            inherit,
            name(8, "Carl", &[8]),
            merge(13, 8, &[1, 10, 13, 21]),
            undo(3),
        ];
        let confirmed = confirmed(&Decided::replay(&log(&said)));
        assert_eq!(confirmed[&8], [8, 13]);
        assert_eq!(confirmed[&1], [1]);
    }

    #[test]
    fn a_group_that_became_a_person_by_a_merge_that_is_undone_keeps_its_faces() {
        let said = [merge(1, 5, &[1, 2, 5, 6]), name(5, "Bea", &[]), undo(1)];
        let decided = Decided::replay(&log(&said));
        assert_eq!(decided.presumed, [(5, 5), (6, 5)].into());
    }
}
