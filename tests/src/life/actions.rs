//! Says things about people and photos, by the calls of the window and by the command, and tells the model
//! what was said.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use kith_engine::{Action, DecisionId, Error, FaceId, FaceState, PersonId, PhotoId, Sureness};
use serde_json::Value;

use super::Life;
use super::check::{Violation, keyed};
use super::model::{Answers, FaceKey, Said, Took};
use super::observed::Observed;

const NAMES: [&str; 7] = [
    "Anna",
    "Ben",
    "Carl",
    "Dora",
    "Émile",
    "anna",
    "Frau Müller",
];
const ALBUMS: [&str; 3] = ["Holiday", "Best of 2019", "holiday"];
const QUERIES: [&str; 4] = ["favourite", "stars:2+", "faces:1", "unnamed"];

/// What the library shows, with the keys of its faces.
struct Shown {
    seen: Observed,
    faces: Vec<(FaceKey, FaceId, Option<PersonId>, FaceState)>,
    answers: Answers,
    /// Who the faces that are listed are not.
    rejected: BTreeSet<(FaceKey, PersonId)>,
    /// The same where it cannot be told, as copies were mixed.
    may_be_rejected: BTreeSet<(FaceKey, PersonId)>,
}

impl Shown {
    fn key(&self, face: FaceId) -> Result<FaceKey> {
        let found = self.faces.iter().find(|(_, id, ..)| *id == face);
        Ok(found
            .with_context(|| format!("face {face} is not listed"))?
            .0)
    }

    fn keys(&self, faces: &[FaceId]) -> Result<Vec<FaceKey>> {
        faces.iter().map(|face| self.key(*face)).collect()
    }

    /// The faces of a group of which nothing was said: the first word about it is about them all.
    fn group(&self, person: PersonId) -> Vec<FaceKey> {
        if self.answers.people.contains_key(&person) {
            return Vec::new();
        }
        self.of_person(person)
    }

    fn of_person(&self, person: PersonId) -> Vec<FaceKey> {
        let faces = self.faces.iter();
        faces
            .filter(|(.., of, state)| *of == Some(person) && *state != FaceState::Ignored)
            .map(|(key, ..)| *key)
            .collect()
    }

    /// The faces that become `into`'s when the person is joined to it. One that was said not to be `into`, and
    /// that is only thought to be the person, stays out; unless there is no other. None where that cannot be told.
    fn merged(&self, person: PersonId, into: PersonId) -> Option<Said> {
        let without = |faces: Vec<FaceKey>, of: PersonId, other: PersonId| {
            let is_confirmed = |key: &FaceKey| {
                let mut of = self.faces.iter();
                of.any(|(of, _, _, state)| of == key && *state == FaceState::Confirmed)
            };
            let mut some = faces.clone();
            some.retain(|key| !self.rejected.contains(&(*key, other)) || is_confirmed(key));
            // Faces of photos that are gone are not listed, and are the person's all the same.
            let mut confirmed = self.answers.confirmed.values();
            if some.is_empty() && !confirmed.any(|whose| *whose == of) {
                faces
            } else {
                some
            }
        };
        let (brought, own) = (self.of_person(person), self.group(into));
        let is_doubtful = |faces: &[FaceKey], other: PersonId| {
            let mut faces = faces.iter();
            faces.any(|key| self.may_be_rejected.contains(&(*key, other)))
        };
        if is_doubtful(&brought, into) || is_doubtful(&own, person) {
            return None;
        }
        let (brought, own) = (without(brought, person, into), without(own, into, person));
        Some(Said::Merge(person, into, brought, own))
    }
}

/// What came of an action.
struct Told {
    decision: DecisionId,
    person: Option<PersonId>,
}

impl Life {
    fn shown(&mut self) -> Result<Shown> {
        let seen = self.observed()?;
        let mut faces = Vec::new();
        let mut rejected = BTreeSet::new();
        let mut may_be_rejected = BTreeSet::new();
        for (path, photo) in &seen.photos {
            let Some(at) = self.model.at(path) else {
                bail!("{} is listed and should not be", path.display());
            };
            let row = self.model.rows[at].clone();
            let rejected_with = |took: &[Took]| -> BTreeSet<(FaceKey, PersonId)> {
                let said = self.model.log.replay(took).rejected.into_iter();
                said.filter(|(key, _)| key.0 == row.photo).collect()
            };
            let said = rejected_with(&row.took);
            let doubt = self.model.doubts.iter().find(|doubt| doubt.row == at);
            for either in doubt.into_iter().flat_map(|doubt| &doubt.either) {
                may_be_rejected.extend(rejected_with(either).symmetric_difference(&said));
            }
            rejected.extend(said);
            let keys = keyed(&mut self.scenes, &row, photo);
            faces.extend(
                keys.into_iter()
                    .map(|(key, face)| (key, face.face, face.person, face.state)),
            );
        }
        faces.sort_by_key(|(_, id, ..)| *id);
        let answers = self.model.log.replay(&[]);
        Ok(Shown {
            seen,
            faces,
            answers,
            rejected,
            may_be_rejected,
        })
    }

    /// One action of any kind, and what is not as it must be then.
    pub(super) fn action(&mut self) -> Result<Vec<Violation>> {
        let shown = self.shown()?;
        let people: Vec<PersonId> = shown.seen.people.keys().copied().collect();
        let faces: Vec<FaceId> = shown.faces.iter().map(|(_, face, ..)| *face).collect();
        if people.is_empty() || faces.is_empty() {
            return self.favourite();
        }
        let person = *self.dice.pick(&people);
        let some = self.dice.some(&faces, 3);
        match self.dice.below(26) {
            0..5 => self.name(&shown, person),
            5 | 6 => self.confirm_or_reject(&shown, person, some),
            7 if self.is_without("reject") => Ok(Vec::new()),
            7 => self.reject_own(&shown, person),
            8 => self.name_faces(&shown, some),
            9 => self.someone_else(&shown, person),
            10 => self.merge(&shown, person, &people),
            11 => self.join(&shown, &people),
            12 => self.split(&shown, person),
            13 => self.of_person(&shown, person),
            14 => {
                let keys = shown.keys(&some)?;
                let arguments = numbers("ignore", &some);
                self.say(Action::Ignore { faces: some }, Some(arguments), |_| {
                    Ok(Said::Ignore(keys))
                })
            }
            15 => self.draw(&shown),
            16..19 => self.of_photos(&shown),
            19 => self.of_albums(&shown),
            20 => {
                let sureness = *self.dice.pick(&Sureness::ALL);
                self.say(Action::Sureness { sureness }, None, |_| Ok(Said::Other))
            }
            21.. if self.is_without("undo") => Ok(Vec::new()),
            21 | 22 => self.undo(),
            23 => match self.model.log.to_redo() {
                Some(entry) => self.say(Action::Redo, Some(vec!["redo".into()]), |_| {
                    Ok(Said::Redo(entry))
                }),
                None => self.undo(),
            },
            _ => {
                let standing = self.model.log.standing();
                if standing.is_empty() {
                    return Ok(Vec::new());
                }
                let decision = *self.dice.pick(&standing);
                self.say(Action::TakeBack { decision }, None, |_| {
                    Ok(Said::Undo(decision))
                })
            }
        }
    }

    /// The newest entry is taken back.
    pub(super) fn undo(&mut self) -> Result<Vec<Violation>> {
        let Some(entry) = self.model.log.to_undo() else {
            return Ok(Vec::new());
        };
        self.say(Action::Undo, Some(vec!["undo".into()]), |_| {
            Ok(Said::Undo(entry))
        })
    }

    /// Some photos become favourites, or are none any more.
    pub(super) fn favourite(&mut self) -> Result<Vec<Violation>> {
        let library = self.library()?;
        let mut all: Vec<(PathBuf, PhotoId)> = Vec::new();
        for tile in library.photos()? {
            all.push((library.path_of(tile.photo)?, tile.photo));
        }
        // Another process may be adding photos meanwhile.
        all.retain(|(path, _)| self.model.at(path).is_some());
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let some = self.dice.some(&all, 3);
        let favourite = self.dice.chance(0.7);
        let photos = some.iter().map(|(_, photo)| *photo).collect();
        let rows = self.photos_at(some.iter().map(|(path, _)| path))?;
        // While another process looks, only what is said can be compared, not what is shown.
        self.said(Action::Favourite { photos, favourite }, None, |_| {
            Ok(Said::Favourite(rows, favourite))
        })
        .map(|_| Vec::new())
    }

    fn photos_at<'a>(&self, paths: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<u32>> {
        paths
            .map(|path| {
                let at = self
                    .model
                    .at(path)
                    .context("a photo that is not expected")?;
                Ok(self.model.rows[at].photo)
            })
            .collect()
    }

    fn name(&mut self, shown: &Shown, person: PersonId) -> Result<Vec<Violation>> {
        let name = (*self.dice.pick(&NAMES)).to_owned();
        let group = shown.group(person);
        let same = shown.answers.named(&name).filter(|same| *same != person);
        let merged = match same.map(|same| shown.merged(person, same)) {
            Some(None) => return Ok(Vec::new()),
            merged => merged.flatten(),
        };
        let arguments = vec!["name".into(), person.to_string(), name.clone()];
        self.say(
            Action::Name {
                person,
                name: name.clone(),
            },
            Some(arguments),
            |_| {
                Ok(match merged {
                    Some(merged) => merged,
                    None => Said::Name(person, name, group),
                })
            },
        )
    }

    fn confirm_or_reject(
        &mut self,
        shown: &Shown,
        person: PersonId,
        faces: Vec<FaceId>,
    ) -> Result<Vec<Violation>> {
        let mut keys = shown.keys(&faces)?;
        let mut group = shown.group(person);
        if self.dice.chance(0.6) || self.is_without("reject") {
            let mut arguments = numbers("confirm", &faces);
            arguments.push(person.to_string());
            keys.extend(group);
            self.say(Action::Confirm { faces, person }, Some(arguments), |_| {
                Ok(Said::Confirm(person, keys))
            })
        } else {
            let mut arguments = numbers("reject", &faces);
            arguments.push(person.to_string());
            group.retain(|key| !keys.contains(key));
            self.say(Action::Reject { faces, person }, Some(arguments), |_| {
                Ok(Said::Reject(person, keys, group))
            })
        }
    }

    /// A face of a person is not that person: the first one, by chance.
    fn reject_own(&mut self, shown: &Shown, person: PersonId) -> Result<Vec<Violation>> {
        let own: Vec<FaceId> = shown
            .faces
            .iter()
            .filter(|(.., of, state)| *of == Some(person) && *state != FaceState::Ignored)
            .map(|(_, face, ..)| *face)
            .collect();
        let Some(first) = own.first() else {
            return Ok(Vec::new());
        };
        let faces = if self.dice.chance(0.5) {
            vec![*first]
        } else {
            self.dice.some(&own, 2)
        };
        let keys = shown.keys(&faces)?;
        let mut group = shown.group(person);
        group.retain(|key| !keys.contains(key));
        let mut arguments = numbers("reject", &faces);
        arguments.push(person.to_string());
        self.say(Action::Reject { faces, person }, Some(arguments), |_| {
            Ok(Said::Reject(person, keys, group))
        })
    }

    fn name_faces(&mut self, shown: &Shown, faces: Vec<FaceId>) -> Result<Vec<Violation>> {
        let name = (*self.dice.pick(&NAMES)).to_owned();
        let keys = shown.keys(&faces)?;
        let known = shown.answers.named(&name);
        self.say(
            Action::NameFaces {
                faces,
                name: name.clone(),
            },
            None,
            |told| {
                Ok(match known {
                    Some(person) => Said::Confirm(person, keys),
                    None => Said::Name(told.person.context("nobody was named")?, name, keys),
                })
            },
        )
    }

    fn someone_else(&mut self, shown: &Shown, person: PersonId) -> Result<Vec<Violation>> {
        let own: Vec<FaceId> = shown
            .faces
            .iter()
            .filter(|(.., of, _)| *of == Some(person))
            .map(|(_, face, ..)| *face)
            .collect();
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let faces = self.dice.some(&own, 2);
        let name = (*self.dice.pick(&NAMES)).to_owned();
        let keys = shown.keys(&faces)?;
        let mut group = shown.group(person);
        group.retain(|key| !keys.contains(key));
        let known = shown.answers.named(&name);
        self.say(
            Action::SomeoneElse {
                faces,
                person,
                name: name.clone(),
            },
            None,
            |told| {
                let but = match known {
                    Some(known) => Said::Confirm(known, keys.clone()),
                    None => {
                        Said::Name(told.person.context("nobody was named")?, name, keys.clone())
                    }
                };
                Ok(Said::Several(vec![Said::Reject(person, keys, group), but]))
            },
        )
    }

    fn merge(
        &mut self,
        shown: &Shown,
        person: PersonId,
        people: &[PersonId],
    ) -> Result<Vec<Violation>> {
        let into = *self.dice.pick(people);
        let Some(said) = shown.merged(person, into) else {
            return Ok(Vec::new());
        };
        let arguments = vec!["merge".into(), person.to_string(), into.to_string()];
        self.say(Action::Merge { person, into }, Some(arguments), |_| {
            Ok(said)
        })
    }

    fn join(&mut self, shown: &Shown, people: &[PersonId]) -> Result<Vec<Violation>> {
        let people = self.dice.some(people, 3);
        let name = self
            .dice
            .chance(0.5)
            .then(|| (*self.dice.pick(&NAMES)).to_owned());
        let known = name.as_ref().and_then(|name| shown.answers.named(name));
        let all: BTreeSet<PersonId> = people.iter().copied().collect();
        let mut pairs = all
            .iter()
            .flat_map(|one| all.iter().chain(&known).map(move |other| (*one, *other)));
        if pairs.any(|(one, other)| one != other && shown.merged(one, other).is_none()) {
            return Ok(Vec::new());
        }
        self.say(
            Action::Join {
                people: people.clone(),
                name: name.clone(),
            },
            None,
            |told| {
                let into = known.or(told.person).context("nobody stayed")?;
                // The first named, then those with most faces: of two birthdays the first one's stays.
                let mut all: Vec<PersonId> = all.into_iter().collect();
                all.sort_by_key(|person| {
                    let named = shown.answers.people.get(person);
                    let named = named.is_some_and(|of| of.name.is_some());
                    let of = shown.seen.people.get(person);
                    (!named, std::cmp::Reverse(of.map_or(0, |of| of.faces)))
                });
                let mut said: Vec<Said> = all
                    .iter()
                    .filter(|person| **person != into)
                    .filter_map(|person| shown.merged(*person, into))
                    .collect();
                if let (Some(name), None) = (name, known) {
                    said.push(Said::Name(into, name, shown.group(into)));
                }
                Ok(Said::Several(said))
            },
        )
    }

    fn split(&mut self, shown: &Shown, person: PersonId) -> Result<Vec<Violation>> {
        let Ok(halves) = self.library()?.halves(person) else {
            return Ok(Vec::new());
        };
        let mut both = halves.leave.iter().chain(&halves.stay);
        if !self.left_behind.is_empty() && both.any(|face| shown.key(*face).is_err()) {
            // Faces of photos on what is away, for all that the library can know.
            return Ok(Vec::new());
        }
        let leave = shown.keys(&halves.leave).context("splitting")?;
        let stay = if shown.answers.people.contains_key(&person) {
            Vec::new()
        } else {
            shown.keys(&halves.stay)?
        };
        let arguments = vec!["split".into(), person.to_string()];
        self.say(Action::Split { person }, Some(arguments), |_| {
            Ok(Said::Reject(person, leave, stay))
        })
    }

    /// Hide, unname, other names, birthday, best face, unsure.
    fn of_person(&mut self, shown: &Shown, person: PersonId) -> Result<Vec<Violation>> {
        let group = shown.group(person);
        match self.dice.below(7) {
            0 | 1 => {
                let hidden = self.dice.chance(0.5);
                let mut arguments = vec!["hide".into(), person.to_string()];
                if !hidden {
                    arguments.push("--show".into());
                }
                self.say(Action::Hide { person, hidden }, Some(arguments), |_| {
                    Ok(Said::Hide(person, hidden, group))
                })
            }
            2 => {
                let arguments = vec!["name".into(), "--remove".into(), person.to_string()];
                self.say(Action::Unname { person }, Some(arguments), |_| {
                    Ok(Said::Unname(person))
                })
            }
            3 => {
                let alias = format!("{} the {}th", *self.dice.pick(&NAMES), self.dice.below(9));
                let aliases = vec![alias];
                self.say(
                    Action::Aliases {
                        person,
                        aliases: aliases.clone(),
                    },
                    None,
                    |_| Ok(Said::Aliases(person, aliases, group)),
                )
            }
            4 => {
                let day = self.dice.chance(0.8).then(|| {
                    format!(
                        "19{:02}-05-{:02}",
                        self.dice.below(100),
                        1 + self.dice.below(28)
                    )
                });
                self.say(
                    Action::Birthday {
                        person,
                        birthday: day.clone(),
                    },
                    None,
                    |_| Ok(Said::Birthday(person, day, group)),
                )
            }
            5 => {
                let own: Vec<(FaceKey, FaceId)> = shown
                    .faces
                    .iter()
                    .filter(|(.., of, state)| *of == Some(person) && *state != FaceState::Ignored)
                    .map(|(key, face, ..)| (*key, *face))
                    .collect();
                let Some((key, face)) = own.get(self.dice.below(4) as usize).copied() else {
                    return Ok(Vec::new());
                };
                let mut others = group;
                others.retain(|other| *other != key);
                self.say(Action::BestFace { face }, None, |_| {
                    Ok(Said::BestFace(person, key, others))
                })
            }
            _ => {
                let faces: Vec<FaceId> = shown.faces.iter().map(|(_, face, ..)| *face).collect();
                let faces = self.dice.some(&faces, 2);
                let keys = shown.keys(&faces)?;
                self.say(Action::Unsure { faces, person }, None, |_| {
                    Ok(Said::Unsure(person, keys))
                })
            }
        }
    }

    /// Draws a face where none is.
    fn draw(&mut self, shown: &Shown) -> Result<Vec<Violation>> {
        let photos: Vec<PathBuf> = shown.seen.photos.keys().cloned().collect();
        let path = self.dice.pick(&photos).clone();
        let at = self
            .model
            .at(&path)
            .context("a photo that is not expected")?;
        let row = self.model.rows[at].clone();
        let as_it_was = self.disk.files.get(&path).is_some_and(|now| {
            now.data == row.content.data && now.orientation == row.content.orientation
        });
        if !as_it_was || !self.disk.is_readable(&path) {
            return Ok(Vec::new());
        }
        let side = 0.15 + 0.1 * self.dice.share();
        let (x, y) = (
            self.dice.share() * (1.0 - side),
            self.dice.share() * (1.0 - side),
        );
        let photo = &shown.seen.photos[&path];
        let free = photo.faces.iter().all(|face| {
            let [fx, fy, fw, fh] = face.box_upright;
            x + side < fx || fx + fw < x || y + side < fy || fy + fh < y
        });
        // Not where one was drawn before, either: that is the same face to the model.
        let before = self.scenes.count(&row);
        let number = self.scenes.number(&row, [x, y, side, side]);
        if !free || number < before {
            return Ok(Vec::new());
        }
        let key = (row.photo, number);
        let name = self
            .dice
            .chance(0.5)
            .then(|| (*self.dice.pick(&NAMES)).to_owned());
        self.note(format!("draw a face on {} ({name:?})", self.short(&path)));
        let photo = photo.photo;
        let known = name.as_ref().and_then(|name| shown.answers.named(name));
        let at = self.next_moment();
        let drawn = [x, y, side, side];
        let outcome = self.library()?.draw_face(photo, drawn, name.as_deref(), at);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return refused(&error),
        };
        let mut said = vec![Said::Draw(key)];
        if let Some(name) = name {
            said.push(match known {
                Some(person) => Said::Confirm(person, vec![key]),
                None => Said::Name(outcome.person.context("nobody was named")?, name, vec![key]),
            });
        }
        self.model
            .log
            .0
            .push((outcome.decision, Said::Several(said)));
        self.check()
    }

    fn of_photos(&mut self, shown: &Shown) -> Result<Vec<Violation>> {
        if self.dice.chance(0.4) {
            let wrong = self.favourite()?;
            return if wrong.is_empty() {
                self.check()
            } else {
                Ok(wrong)
            };
        }
        let all: Vec<(PathBuf, PhotoId)> = shown
            .seen
            .photos
            .iter()
            .map(|(path, photo)| (path.clone(), photo.photo))
            .collect();
        let some = self.dice.some(&all, 3);
        let photos: Vec<PhotoId> = some.iter().map(|(_, photo)| *photo).collect();
        let rows = self.photos_at(some.iter().map(|(path, _)| path))?;
        if self.dice.chance(0.5) {
            let stars = self.dice.below(6) as u8;
            return self.say(Action::Stars { photos, stars }, None, |_| {
                Ok(Said::Stars(rows, stars))
            });
        }
        let name = (*self.dice.pick(&ALBUMS)).to_owned();
        let wanted = name.to_lowercase();
        let mut albums = shown.answers.albums.iter();
        let known = albums.find(|(_, album)| album.name.to_lowercase() == wanted);
        let known = known.map(|(album, _)| *album);
        let action = Action::AddToAlbum {
            photos,
            name: name.clone(),
        };
        let before: BTreeSet<u32> = shown.seen.albums.iter().map(|album| album.album).collect();
        let wrong = self.said(action, None, |_| Ok(Said::Other))?;
        if wrong.is_some() {
            let album = if let Some(album) = known {
                album
            } else {
                let now = self.observed()?;
                let new = now
                    .albums
                    .iter()
                    .find(|album| !before.contains(&album.album));
                new.context("no new album")?.album
            };
            let mut said = vec![Said::AddToAlbum(album, rows)];
            if known.is_none() {
                said.insert(0, Said::Album(album, name));
            }
            if let Some(last) = self.model.log.0.last_mut() {
                last.1 = Said::Several(said);
            }
        }
        self.check()
    }

    fn of_albums(&mut self, shown: &Shown) -> Result<Vec<Violation>> {
        let albums = &shown.seen.albums;
        if albums.is_empty() || self.dice.chance(0.4) {
            let name = format!("found {}", self.dice.below(4));
            let query = (*self.dice.pick(&QUERIES)).to_owned();
            let action = Action::SaveSearch {
                name: name.clone(),
                query: query.clone(),
            };
            if self.said(action, None, |_| Ok(Said::Other))?.is_some() {
                let now = self.observed()?;
                let album = now.albums.iter().find(|album| album.name == name);
                let album = album.context("no new album")?.album;
                if let Some(last) = self.model.log.0.last_mut() {
                    last.1 = Said::SavedSearch(album, name, query);
                }
            }
            return self.check();
        }
        let album = self.dice.pick(albums).clone();
        match self.dice.below(3) {
            0 => {
                let name = format!("album {}", self.dice.below(5));
                self.say(
                    Action::RenameAlbum {
                        album: album.album,
                        name: name.clone(),
                    },
                    None,
                    |_| {
                        Ok(match album.query {
                            Some(query) => Said::SavedSearch(album.album, name, query),
                            None => Said::Album(album.album, name),
                        })
                    },
                )
            }
            1 => self.say(Action::DropAlbum { album: album.album }, None, |_| {
                Ok(Said::DropAlbum(album.album))
            }),
            _ => {
                let inside: Vec<(PathBuf, PhotoId)> = shown
                    .seen
                    .photos
                    .iter()
                    .filter(|(_, photo)| photo.albums.contains(&album.name))
                    .map(|(path, photo)| (path.clone(), photo.photo))
                    .collect();
                if inside.is_empty() {
                    return Ok(Vec::new());
                }
                let some = self.dice.some(&inside, 2);
                let rows = self.photos_at(some.iter().map(|(path, _)| path))?;
                self.say(
                    Action::RemoveFromAlbum {
                        album: album.album,
                        photos: some.iter().map(|(_, photo)| *photo).collect(),
                    },
                    None,
                    |_| Ok(Said::RemoveFromAlbum(album.album, rows)),
                )
            }
        }
    }

    /// Says it, and looks what is not as it must be then.
    fn say(
        &mut self,
        action: Action,
        arguments: Option<Vec<String>>,
        said: impl FnOnce(&Told) -> Result<Said>,
    ) -> Result<Vec<Violation>> {
        self.said(action, arguments, said)?;
        self.check()
    }

    /// Says it: in this process, or by the command where `arguments` are given, which by chance is killed
    /// meanwhile. None where the library refused it.
    fn said(
        &mut self,
        action: Action,
        arguments: Option<Vec<String>>,
        said: impl FnOnce(&Told) -> Result<Said>,
    ) -> Result<Option<()>> {
        let by_command = arguments.filter(|_| self.dice.chance(0.3));
        let told = if let Some(arguments) = by_command {
            self.note(format!("kith {}", arguments.join(" ")));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            self.told_by_command(&arguments)?
        } else {
            self.note(format!("{action:?}"));
            let at = self.next_moment();
            match self.library()?.decide(action, at) {
                Ok(outcome) => Some(Told {
                    decision: outcome.decision,
                    person: outcome.person,
                }),
                Err(error) => {
                    refused(&error)?;
                    None
                }
            }
        };
        let Some(told) = told else {
            self.note("… was refused".into());
            return Ok(None);
        };
        let said = said(&told)?;
        self.model.log.0.push((told.decision, said));
        Ok(Some(()))
    }

    /// What the command says, which by chance is killed meanwhile.
    fn told_by_command(&mut self, arguments: &[&str]) -> Result<Option<Told>> {
        let told = if self.dice.chance(0.3) {
            self.killed(arguments)?
        } else {
            match self.program.asked(arguments)? {
                Ok(told) => Some(told),
                Err(refused) if refused.contains("catalog") || refused.contains("failed (") => {
                    bail!("kith {}: {refused}", arguments.join(" "))
                }
                Err(_) => None,
            }
        };
        let Some(told) = told else {
            return Ok(None);
        };
        let number = |field: &str| told[field].as_u64().map(|number| number as u32);
        Ok(Some(Told {
            decision: number("decision").context("no decision")?,
            person: number("person"),
        }))
    }

    /// The command that names a person is killed after that time; says whether it had ended before.
    pub(super) fn naming_killed(
        &mut self,
        person: PersonId,
        time: Duration,
    ) -> Result<(bool, Vec<Violation>)> {
        let shown = self.shown()?;
        let name = (*self.dice.pick(&NAMES)).to_owned();
        let group = shown.group(person);
        let same = shown.answers.named(&name).filter(|same| *same != person);
        let merged = match same.map(|same| shown.merged(person, same)) {
            Some(None) => return Ok((true, Vec::new())),
            merged => merged.flatten(),
        };
        let number = person.to_string();
        let before = self.library()?.history()?.len();
        let arguments = ["name", &number, &name];
        self.note(format!("kith {}", arguments.join(" ")));
        let ended = self.program.killed_after(&arguments, time)?;
        let history = self.library()?.history()?;
        if history.len() > before {
            let said = merged.unwrap_or(Said::Name(person, name, group));
            self.model.log.0.push((history[0].decision, said));
        }
        let mut wrong = self.integrity()?;
        if wrong.is_empty() {
            wrong = self.check()?;
        }
        Ok((ended, wrong))
    }

    /// The command is killed; it had said it, or it had not.
    fn killed(&mut self, arguments: &[&str]) -> Result<Option<Value>> {
        let before = self.library()?.history()?.len();
        let time = Duration::from_millis(u64::from(self.dice.below(60)));
        self.note(format!("… killed after {time:?}"));
        self.program.killed_after(arguments, time)?;
        let history = self.library()?.history()?;
        let added = history.len() - before;
        if added == 0 {
            return Ok(None);
        }
        let newest = &history[0];
        Ok(Some(serde_json::json!({
            "decision": newest.decision,
            "person": newest.person,
        })))
    }

    /// Seconds do not matter, but time goes on.
    fn next_moment(&self) -> SystemTime {
        let entries = self.model.log.0.len() as u64;
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + entries)
    }
}

/// A refusal is all right where it is about what was asked.
fn refused(error: &Error) -> Result<Vec<Violation>> {
    match error {
        Error::NoPerson(_)
        | Error::NoName(_)
        | Error::SamePerson(_)
        | Error::NothingToSplit
        | Error::NameInUse(_)
        | Error::AlbumNameInUse(_)
        | Error::NoAlbum(_)
        | Error::NothingToUndo
        | Error::NothingToRedo
        | Error::TakenBack(_)
        | Error::FaceOutline
        | Error::NoFaces
        | Error::Query(_) => Ok(Vec::new()),
        error => bail!("refused: {error}"),
    }
}

fn numbers(command: &str, faces: &[FaceId]) -> Vec<String> {
    let mut arguments = vec![command.to_owned()];
    arguments.extend(faces.iter().map(ToString::to_string));
    arguments
}
