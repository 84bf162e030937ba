//! What the user says becomes a decision: with the faces it is about, as they are at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use kith_models::Code;

use super::MOST_STARS;
use super::rows::Rows;
use crate::catalog::decisions;
use crate::people::{Decided, DecidedAlbum, Decision, Numbers, face_of, halves, standing, to_redo};
use crate::{Action, AlbumId, DecisionId, Error, FaceId, Halves, PersonId, PhotoId, Result};

/// The library as it is before a decision.
pub(super) struct Before<'a> {
    rows: &'a Rows,
    decided: &'a Decided,
    faces_of: BTreeMap<PersonId, Vec<FaceId>>,
    /// Faces that were added just now, and their photos: the rows do not know them yet.
    added: BTreeMap<FaceId, PhotoId>,
}

impl<'a> Before<'a> {
    pub(super) fn of(rows: &'a Rows) -> Self {
        let mut faces_of: BTreeMap<PersonId, Vec<FaceId>> = BTreeMap::new();
        for (face, placement) in &rows.placements {
            if let Some(person) = placement.person {
                faces_of.entry(person).or_default().push(*face);
            }
        }
        Self {
            rows,
            decided: &rows.decided,
            faces_of,
            added: BTreeMap::new(),
        }
    }

    /// Knows a face that was added just now.
    pub(super) fn add(&mut self, face: FaceId, photo: PhotoId) {
        self.added.insert(face, photo);
    }

    /// Whether there is a face that the rows do not know.
    pub(super) fn has_added(&self) -> bool {
        !self.added.is_empty()
    }

    /// The photo that a face is on.
    pub(super) fn photo_of(&self, face: FaceId) -> Option<PhotoId> {
        let added = self.added.get(&face).copied();
        added.or_else(|| self.rows.facts.face(face).map(|face| face.photo))
    }

    /// Whether a person has a face.
    pub(super) fn has_faces(&self, person: PersonId) -> bool {
        self.faces_of.contains_key(&person)
    }

    /// What the action comes to, with the faces it is about.
    ///
    /// # Errors
    /// When it cannot be meant.
    pub(super) fn decision(&self, action: Action) -> Result<Decision> {
        Ok(self.keeping_numbers(self.said_by(action)?))
    }

    /// A name that two people would have if that were said, and do not share already.
    pub(super) fn name_shared_by(&self, decided: &Decided) -> Option<String> {
        let before = self.decided.shared_names();
        let mut after = decided.shared_names().into_iter();
        after
            .find(|(folded, _)| !before.contains_key(folded))
            .map(|(_, name)| name)
    }

    fn said_by(&self, action: Action) -> Result<Decision> {
        match action {
            Action::Name { person, name } => {
                let faces = self.undecided_faces(self.known(person)?);
                match self.decided.named(&name) {
                    Some(same) if same != person => Ok(Decision::Merge {
                        person,
                        into: same,
                        faces: self.joining(person, same),
                    }),
                    _ => Ok(Decision::Name {
                        person,
                        name: tidy(&name)?,
                        faces,
                    }),
                }
            }
            Action::Unname { person } => self.unname(person),
            Action::NameFaces { faces, name } => {
                let faces = self.known_faces(faces)?;
                let name = tidy(&name)?;
                if let Some(person) = self.decided.named(&name) {
                    return Ok(Decision::Confirm { person, faces });
                }
                Ok(Decision::Name {
                    person: self.new_person(&faces),
                    name,
                    faces,
                })
            }
            Action::Confirm { faces, person } => {
                let mut faces = self.known_faces(faces)?;
                // A group becomes a person by the first word about it, and keeps its faces.
                faces.extend(self.undecided_faces(self.known(person)?));
                Ok(Decision::Confirm { person, faces })
            }
            Action::Reject { faces, person } => {
                let faces = self.known_faces(faces)?;
                let mut others = self.undecided_faces(self.known(person)?);
                others.retain(|other| !faces.contains(other));
                Ok(Decision::Reject {
                    person,
                    faces,
                    others,
                })
            }
            Action::SomeoneElse {
                faces,
                person,
                name,
            } => self.someone_else(faces, person, name),
            Action::Merge { person, into } => {
                self.known(person)?;
                if person == into {
                    return Err(Error::SamePerson(person));
                }
                Ok(Decision::Merge {
                    person,
                    into,
                    faces: self.joining(person, self.known(into)?),
                })
            }
            Action::Split { person } => self.split(person),
            Action::Join { people, name } => self.join(people, name.as_deref()),
            Action::HideAll { people, hidden } => {
                let people: BTreeSet<PersonId> = people.into_iter().collect();
                let hide = |person| self.hide(person, hidden);
                several(people.into_iter().map(hide).collect::<Result<_>>()?)
            }
            Action::Hide { person, hidden } => self.hide(person, hidden),
            Action::BestFace { face } => self.best_face(face),
            Action::Ignore { faces } => Ok(Decision::Ignore {
                faces: self.known_faces(faces)?,
            }),
            Action::Unsure { faces, person } => Ok(Decision::Unsure {
                person,
                faces: self.known_faces(faces)?,
                others: self.undecided_faces(self.known(person)?),
            }),
            Action::Aliases { person, aliases } => self.aliases(person, &aliases),
            Action::Birthday { person, birthday } => self.birthday(person, birthday.as_deref()),
            Action::Sureness { sureness } => Ok(Decision::Sureness { sureness }),
            Action::RemoveFolder { path } => self.remove_folder(path),
            Action::TakeBack { decision } => self.take_back(decision),
            Action::Redo => Ok(Decision::Redo {
                decision: to_redo(&self.rows.log).ok_or(Error::NothingToRedo)?,
            }),
            Action::Undo => self.undo(),
            of_photos => self.of_photos(of_photos),
        }
    }

    fn of_photos(&self, action: Action) -> Result<Decision> {
        match action {
            Action::Favourite { photos, favourite } => Ok(Decision::Favourite {
                photos: self.known_photos(photos)?,
                favourite,
            }),
            Action::Stars { photos, stars } => Ok(Decision::Stars {
                photos: self.known_photos(photos)?,
                stars: stars.min(MOST_STARS),
            }),
            Action::AddToAlbum { photos, name } => {
                let photos = self.known_photos(photos)?;
                let name = tidy(&name)?;
                match self.decided.album_named(&name) {
                    Some(album) if self.album(album)?.query.is_some() => {
                        Err(Error::AlbumNameInUse(name))
                    }
                    Some(album) => Ok(Decision::AddToAlbum { album, photos }),
                    None => {
                        let album = self.new_album();
                        several(vec![
                            Decision::Album { album, name },
                            Decision::AddToAlbum { album, photos },
                        ])
                    }
                }
            }
            Action::RemoveFromAlbum { album, photos } => {
                self.album(album)?;
                let photos = self.known_photos(photos)?;
                Ok(Decision::RemoveFromAlbum { album, photos })
            }
            Action::RenameAlbum { album, name } => {
                let was = self.album(album)?;
                let name = tidy(&name)?;
                match (self.decided.album_named(&name), was.query.clone()) {
                    (Some(other), _) if other != album => Err(Error::AlbumNameInUse(name)),
                    (_, Some(query)) => Ok(Decision::SavedSearch { album, name, query }),
                    (_, None) => Ok(Decision::Album { album, name }),
                }
            }
            Action::SaveSearch { name, query } => {
                let name = tidy(&name)?;
                self.rows.find(&query)?;
                let album = self.decided.album_named(&name);
                match album {
                    Some(album) if self.album(album)?.query.is_none() => {
                        Err(Error::AlbumNameInUse(name))
                    }
                    album => Ok(Decision::SavedSearch {
                        album: album.unwrap_or_else(|| self.new_album()),
                        name,
                        query: query.trim().to_owned(),
                    }),
                }
            }
            Action::DropAlbum { album } => {
                self.album(album)?;
                Ok(Decision::DropAlbum { album })
            }
            _ => Err(Error::NoFaces),
        }
    }

    fn album(&self, album: AlbumId) -> Result<&DecidedAlbum> {
        self.decided.albums.get(&album).ok_or(Error::NoAlbum(album))
    }

    /// A number that no album ever had.
    fn new_album(&self) -> AlbumId {
        let log = self.rows.log.iter();
        let albums = log.flat_map(|entry| entry.decision.albums());
        albums.max().unwrap_or_default() + 1
    }

    fn birthday(&self, person: PersonId, birthday: Option<&str>) -> Result<Decision> {
        let day = birthday.map(str::trim).filter(|day| !day.is_empty());
        Ok(Decision::Birthday {
            person,
            birthday: day.map(day_of).transpose()?,
            faces: self.undecided_faces(self.known(person)?),
        })
    }

    fn aliases(&self, person: PersonId, aliases: &[String]) -> Result<Decision> {
        let mut all: Vec<String> = Vec::new();
        for alias in aliases {
            let alias = tidy(alias)?;
            if let Some(other) = self.decided.named(&alias).filter(|of| *of != person) {
                let name = self.decided.people[&other].name.clone();
                return Err(Error::NameInUse(name.unwrap_or(alias)));
            }
            if !all.contains(&alias) {
                all.push(alias);
            }
        }
        Ok(Decision::Aliases {
            person,
            aliases: all,
            faces: self.undecided_faces(self.known(person)?),
        })
    }

    fn someone_else(&self, faces: Vec<FaceId>, person: PersonId, name: String) -> Result<Decision> {
        if self.decided.named(&name) == Some(person) {
            return Err(Error::SamePerson(person));
        }
        let not = Action::Reject {
            faces: faces.clone(),
            person,
        };
        let but = Action::NameFaces { faces, name };
        several(vec![self.said_by(not)?, self.said_by(but)?])
    }

    fn unname(&self, person: PersonId) -> Result<Decision> {
        let of = self.decided.people.get(&self.known(person)?);
        let name = of.and_then(|of| of.name.clone());
        let name = name.ok_or(Error::NoName(person))?;
        Ok(Decision::Unname { person, name })
    }

    /// The half of a person's faces that differ most from the others are not that person.
    fn split(&self, person: PersonId) -> Result<Decision> {
        let Halves { stay, leave } = self.halves(person)?;
        let known = self.decided.people.contains_key(&person);
        Ok(Decision::Reject {
            person,
            faces: leave,
            others: if known { Vec::new() } else { stay },
        })
    }

    /// The two halves of a person's faces that differ most; of the faces that are shown, as nobody could see
    /// where the others go.
    pub(super) fn halves(&self, person: PersonId) -> Result<Halves> {
        let faces = self.faces(self.known(person)?).into_iter();
        let of: Vec<(FaceId, Code)> = faces
            .filter_map(|face| self.rows.facts.face(face))
            .filter(|face| self.rows.shows(face))
            .map(|face| (face.id, face.found.code))
            .collect();
        let (stay, leave) = halves(&of).ok_or(Error::NothingToSplit)?;
        Ok(Halves { stay, leave })
    }

    fn hide(&self, person: PersonId, hidden: bool) -> Result<Decision> {
        Ok(Decision::Hide {
            person,
            hidden,
            faces: self.undecided_faces(self.known(person)?),
        })
    }

    fn best_face(&self, face: FaceId) -> Result<Decision> {
        let owner = self
            .faces_of
            .iter()
            .find(|(_, faces)| faces.contains(&face));
        let (person, _) = owner.ok_or(Error::NoFace(face))?;
        let mut others = self.undecided_faces(*person);
        others.retain(|other| *other != face);
        Ok(Decision::BestFace {
            person: *person,
            face,
            others,
        })
    }

    /// Several people who are one.
    fn join(&self, people: Vec<PersonId>, name: Option<&str>) -> Result<Decision> {
        let mut people: Vec<PersonId> = people
            .into_iter()
            .map(|person| self.known(person))
            .collect::<Result<BTreeSet<_>>>()?
            .into_iter()
            .collect();
        // The first named one first, then the one with most faces, then the oldest.
        people.sort_by_key(|person| {
            let of = self.decided.people.get(person);
            let named = of.is_some_and(|of| of.name.is_some());
            (!named, std::cmp::Reverse(self.faces(*person).len()))
        });
        let known = name.and_then(|name| self.decided.named(name));
        let into = known.or(people.first().copied()).ok_or(Error::NoFaces)?;
        let mut decisions: Vec<Decision> = people
            .iter()
            .filter(|person| **person != into)
            .map(|person| Decision::Merge {
                person: *person,
                into,
                faces: self.joining(*person, into),
            })
            .collect();
        if let Some(name) = name
            && known.is_none()
        {
            decisions.push(Decision::Name {
                person: into,
                name: tidy(name)?,
                faces: self.undecided_faces(into),
            });
        }
        if decisions.is_empty() {
            return Err(Error::SamePerson(into));
        }
        several(decisions)
    }

    /// Any decision that holds can be taken back, whatever was said later.
    fn take_back(&self, decision: DecisionId) -> Result<Decision> {
        let log = &self.rows.log;
        let entry = entry_of(log, decision).ok_or(Error::NoDecision(decision))?;
        if !entry.decision.is_undoable() {
            return Err(Error::NotUndoable(decision));
        }
        if standing(log).iter().any(|entry| entry.id == decision) {
            Ok(Decision::Undo { decision })
        } else {
            Err(Error::TakenBack(decision))
        }
    }

    /// Takes back the newest decision that holds. One that would leave two people of one name, as it
    /// may where older ones were taken back before, waits for those before it.
    fn undo(&self) -> Result<Decision> {
        let entries = standing(&self.rows.log);
        let newest = entries.first().ok_or(Error::NothingToUndo)?.id;
        let undo = |decision| Decision::Undo { decision };
        let leaves_names = |decision: &DecisionId| {
            let after = self.after(&undo(*decision));
            self.name_shared_by(&after).is_none()
        };
        let mut decisions = entries.iter().map(|entry| entry.id);
        Ok(undo(decisions.find(leaves_names).unwrap_or(newest)))
    }

    fn remove_folder(&self, path: String) -> Result<Decision> {
        let mut folders = self.rows.facts.folders.iter();
        let folder = folders.find(|folder| folder.display().to_string() == path);
        let folder = folder.ok_or_else(|| Error::NoFolder { path: path.into() })?;
        Ok(Decision::RemoveFolder {
            folder: folder.clone(),
        })
    }

    /// What the log says with that at its end.
    pub(super) fn after(&self, decision: &Decision) -> Decided {
        let mut log = self.rows.log.clone();
        log.push(decisions::Entry {
            id: log.last().map_or(1, |last| last.id + 1),
            at: SystemTime::UNIX_EPOCH,
            decision: decision.clone(),
        });
        Decided::replay(&log)
    }

    /// The number of a person founded on these faces. A group that they are keeps its own.
    fn new_person(&self, faces: &[FaceId]) -> PersonId {
        let group = |face: &FaceId| self.group_of(*face);
        let of_all = |group: &PersonId| self.faces(*group).iter().all(|face| faces.contains(face));
        let own = faces.iter().filter_map(group).find(of_all);
        own.unwrap_or_else(|| {
            let groups = self.faces_of.keys().copied();
            Numbers::of(self.decided).without(groups).free(faces)
        })
    }

    /// The group of a face, if nothing is decided of it.
    fn group_of(&self, face: FaceId) -> Option<PersonId> {
        let group = self.rows.placements.get(&face)?.person?;
        (!self.decided.people.contains_key(&group)).then_some(group)
    }

    /// The faces that become `into`'s in a merge: all of the person's, and those of `into` where nothing
    /// was decided of it. A face that was said not to be the other stays out, where it was only grouped
    /// with the rest and not said to be one of them; unless there is no rest.
    fn joining(&self, person: PersonId, into: PersonId) -> Vec<FaceId> {
        let stays_out = |face: &FaceId, other: PersonId| {
            !self.decided.confirmed.contains_key(face)
                && self.decided.rejected.contains(&(*face, other))
        };
        let joining = |faces: Vec<FaceId>, other: PersonId| {
            let some = faces.iter().copied();
            let some: Vec<FaceId> = some.filter(|face| !stays_out(face, other)).collect();
            if some.is_empty() { faces } else { some }
        };
        let mut faces = joining(self.faces(person), into);
        faces.extend(joining(self.undecided_faces(into), person));
        faces
    }

    /// The decision, together with the numbers of groups that the face of that number leaves by it
    /// while others remain.
    fn keeping_numbers(&self, decision: Decision) -> Decision {
        let mut leaving = BTreeSet::new();
        let mut settled = BTreeSet::new();
        leave_by(&decision, &mut leaving, &mut settled);
        let groups = leaving.iter().filter_map(|face| self.group_of(*face));
        let groups: BTreeSet<PersonId> = groups.filter(|group| !settled.contains(group)).collect();
        let keeps = |group: PersonId| {
            let mut faces = self.faces(group);
            faces.retain(|face| !leaving.contains(face));
            let carries = |face: &FaceId| match self.decided.group_numbers.get(&group) {
                Some(remained) => remained.contains(face),
                None => *face == face_of(group),
            };
            let lost = !faces.is_empty() && !faces.iter().any(carries);
            lost.then_some(Decision::KeepNumber { group, faces })
        };
        let mut decisions: Vec<Decision> = groups.into_iter().filter_map(keeps).collect();
        if decisions.is_empty() {
            return decision;
        }
        match decision {
            Decision::Several { decisions: said } => decisions.extend(said),
            said => decisions.push(said),
        }
        Decision::Several { decisions }
    }

    fn known(&self, person: PersonId) -> Result<PersonId> {
        let known =
            self.faces_of.contains_key(&person) || self.decided.people.contains_key(&person);
        if known {
            Ok(person)
        } else {
            Err(Error::NoPerson(person))
        }
    }

    fn known_faces(&self, mut faces: Vec<FaceId>) -> Result<Vec<FaceId>> {
        faces.sort_unstable();
        faces.dedup();
        match faces.iter().find(|face| self.photo_of(**face).is_none()) {
            Some(face) => Err(Error::NoFace(*face)),
            None if faces.is_empty() => Err(Error::NoFaces),
            None => Ok(faces),
        }
    }

    fn known_photos(&self, photos: Vec<PhotoId>) -> Result<Vec<PhotoId>> {
        let photos: BTreeSet<PhotoId> = photos.into_iter().collect();
        let facts = &self.rows.facts;
        match photos.iter().find(|photo| facts.photo(**photo).is_none()) {
            Some(photo) => Err(Error::NoPhoto(*photo)),
            None => Ok(photos.into_iter().collect()),
        }
    }

    /// The photos that a decision, or the one that it takes back or says again, is about as such.
    pub(super) fn photos_of(&self, decision: &Decision) -> Option<Vec<PhotoId>> {
        match decision {
            Decision::Undo { decision } | Decision::Redo { decision } => {
                self.entry(*decision)?.decision.photos()
            }
            decision => decision.photos(),
        }
    }

    fn faces(&self, person: PersonId) -> Vec<FaceId> {
        self.faces_of.get(&person).cloned().unwrap_or_default()
    }

    /// The faces of a group of which nothing was decided; none for a person.
    fn undecided_faces(&self, person: PersonId) -> Vec<FaceId> {
        if self.decided.people.contains_key(&person) {
            Vec::new()
        } else {
            self.faces(person)
        }
    }

    pub(super) fn person_taken_back(&self, decision: &Decision) -> Option<PersonId> {
        let (Decision::Undo { decision } | Decision::Redo { decision }) = decision else {
            return None;
        };
        self.entry(*decision)
            .and_then(|entry| person_of(&entry.decision))
    }

    fn entry(&self, id: DecisionId) -> Option<&decisions::Entry> {
        entry_of(&self.rows.log, id)
    }
}

/// The faces that a decision takes out of their groups, and the groups whose numbers it settles
/// itself.
fn leave_by(decision: &Decision, leaving: &mut BTreeSet<FaceId>, settled: &mut BTreeSet<PersonId>) {
    match decision {
        Decision::Name { person, faces, .. } | Decision::Confirm { person, faces } => {
            leaving.extend(faces);
            settled.insert(*person);
        }
        Decision::Ignore { faces } => leaving.extend(faces),
        Decision::Reject { person, others, .. } if !others.is_empty() => {
            settled.insert(*person);
        }
        Decision::Several { decisions } => {
            for decision in decisions {
                leave_by(decision, leaving, settled);
            }
        }
        _ => {}
    }
}

/// One decision as it is, more as one that is taken back at once.
pub(super) fn several(mut decisions: Vec<Decision>) -> Result<Decision> {
    match decisions.len() {
        0 => Err(Error::NoFaces),
        1 => Ok(decisions.remove(0)),
        _ => Ok(Decision::Several { decisions }),
    }
}

/// The faces that a decision lists.
pub(super) fn faces_in(decision: &Decision) -> Vec<FaceId> {
    match decision {
        Decision::Name { faces, .. }
        | Decision::Confirm { faces, .. }
        | Decision::Reject { faces, .. }
        | Decision::Merge { faces, .. }
        | Decision::Hide { faces, .. }
        | Decision::Unsure { faces, .. }
        | Decision::Aliases { faces, .. }
        | Decision::Birthday { faces, .. }
        | Decision::Ignore { faces } => faces.clone(),
        Decision::Draw { face } | Decision::BestFace { face, .. } => vec![*face],
        Decision::Several { decisions } => {
            let all: BTreeSet<FaceId> = decisions.iter().flat_map(faces_in).collect();
            all.into_iter().collect()
        }
        Decision::Import { answers } => {
            let people = answers.people.iter();
            people.flat_map(|of| of.confirmed.clone()).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn person_of(decision: &Decision) -> Option<PersonId> {
    match decision {
        Decision::Name { person, .. }
        | Decision::Unname { person, .. }
        | Decision::Confirm { person, .. }
        | Decision::Reject { person, .. }
        | Decision::Unsure { person, .. }
        | Decision::BestFace { person, .. }
        | Decision::Aliases { person, .. }
        | Decision::Birthday { person, .. }
        | Decision::Hide { person, .. } => Some(*person),
        Decision::Merge { into, .. } => Some(*into),
        // Of several, all joined into one are about that one; hidden ones are not about one person.
        Decision::Several { decisions } => match decisions.last() {
            Some(Decision::Hide { .. }) | None => None,
            Some(last) => person_of(last),
        },
        _ => None,
    }
}

pub(super) fn tidy(name: &str) -> Result<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().any(char::is_alphanumeric) {
        Ok(name)
    } else {
        Err(Error::EmptyName)
    }
}

/// A day as it is kept, `YYYY-MM-DD`.
fn day_of(text: &str) -> Result<String> {
    let day: std::result::Result<jiff::civil::Date, _> = text.parse();
    day.map(|day| day.to_string())
        .map_err(|_| Error::NoDay(text.into()))
}

/// The entry of that number.
pub(super) fn entry_of(log: &[decisions::Entry], id: DecisionId) -> Option<&decisions::Entry> {
    let at = log.binary_search_by_key(&id, |entry| entry.id);
    Some(&log[at.ok()?])
}
