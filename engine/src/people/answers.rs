//! A set of answers is what a log of decisions comes to, as plain values that can be written to a file
//! and logged as one decision.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Decided;
use crate::{AlbumId, FaceId, PersonId, PhotoId, Sureness};

/// What the user said about people, faces and photos. Numbers are those of one library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerSet {
    /// People, by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonAnswers>,
    /// Faces to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<FaceId>,
    /// Faces that are not one person: the first of each pair, and all it is paired with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Apart>,
    /// Pairs of unnamed groups of which the user could not tell whether they are one person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsure_groups: Vec<[Vec<FaceId>; 2]>,
    /// Faces that the user drew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<FaceId>,
    /// Photos that the user marked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub favourites: Vec<PhotoId>,
    /// Photos by their stars.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stars: Vec<Stars>,
    /// Albums and saved searches, by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub albums: Vec<AlbumAnswers>,
    /// How sure Kith must be before it puts faces together, where it is not the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sureness: Option<Sureness>,
}

/// What the user said about one person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonAnswers {
    /// The person.
    pub person: PersonId,
    /// Whether there are answers about the person as such; else it is an unnamed group, and only
    /// some faces are known not to be of it.
    pub known: bool,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What else they are called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
    /// Whether the user does not want to see them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// The face that the user chose to stand for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_face: Option<FaceId>,
    /// Faces that are surely theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<FaceId>,
    /// Faces that are surely not theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<FaceId>,
    /// Faces of which the user could not tell whether they are theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<FaceId>,
}

impl PersonAnswers {
    /// Whether it says nothing about the person.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nobody = Self {
            person: self.person,
            ..Self::default()
        };
        *self == nobody
    }
}

/// Faces that are not of one person with `face`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The face with the smaller number.
    pub face: FaceId,
    /// The other faces.
    pub from: Vec<FaceId>,
}

/// Photos with so many stars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stars {
    /// 1 to 5.
    pub stars: u8,
    /// The photos.
    pub photos: Vec<PhotoId>,
}

/// An album or a saved search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlbumAnswers {
    /// The album.
    pub album: AlbumId,
    /// Its name.
    pub name: String,
    /// The search that it holds, as it was typed; none where the user puts photos into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The photos that the user put into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<PhotoId>,
}

impl AnswerSet {
    /// All that the log says.
    #[must_use]
    pub fn of(decided: &Decided) -> Self {
        let Decided {
            people,
            confirmed,
            rejected,
            apart,
            ignored,
            sureness,
            favourites,
            stars,
            albums,
            drawn,
            unsure,
            unsure_groups,
            presumed,
            group_numbers: _,
            merged: _,
            removed_folders: _,
        } = decided;
        let mut answers: BTreeMap<PersonId, PersonAnswers> = BTreeMap::new();
        for (person, of) in people {
            let known = PersonAnswers {
                person: *person,
                known: true,
                name: of.name.clone(),
                aliases: of.aliases.clone(),
                birthday: of.birthday.clone(),
                hidden: of.hidden,
                best_face: of.best_face,
                ..PersonAnswers::default()
            };
            answers.insert(*person, known);
        }
        let mut about = |person: PersonId, add: &dyn Fn(&mut PersonAnswers)| {
            let of = answers.entry(person).or_default();
            of.person = person;
            add(of);
        };
        for (face, person) in confirmed.iter().chain(presumed) {
            about(*person, &|of| of.confirmed.push(*face));
        }
        for (face, person) in rejected {
            about(*person, &|of| of.rejected.push(*face));
        }
        for (face, person) in unsure {
            about(*person, &|of| of.unsure.push(*face));
        }
        let mut pairs: BTreeMap<FaceId, Vec<FaceId>> = BTreeMap::new();
        for (face, from) in apart {
            pairs.entry(*face).or_default().push(*from);
        }
        let mut by_stars: BTreeMap<u8, Vec<PhotoId>> = BTreeMap::new();
        for (photo, stars) in stars {
            by_stars.entry(*stars).or_default().push(*photo);
        }
        let list = |faces: &BTreeSet<FaceId>| faces.iter().copied().collect::<Vec<_>>();
        Self {
            people: answers.into_values().collect(),
            ignored: list(ignored),
            apart: pairs
                .into_iter()
                .map(|(face, from)| Apart { face, from })
                .collect(),
            unsure_groups: unsure_groups
                .iter()
                .map(|[one, other]| [list(one), list(other)])
                .collect(),
            drawn: list(drawn),
            favourites: list(favourites),
            stars: by_stars
                .into_iter()
                .map(|(stars, photos)| Stars { stars, photos })
                .collect(),
            albums: albums
                .iter()
                .map(|(album, of)| AlbumAnswers {
                    album: *album,
                    name: of.name.clone(),
                    query: of.query.clone(),
                    photos: list(&of.photos),
                })
                .collect(),
            sureness: (*sureness != Sureness::default()).then_some(*sureness),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every face that an answer is about.
    #[must_use]
    pub fn faces(&self) -> BTreeSet<FaceId> {
        let mut faces: BTreeSet<FaceId> = BTreeSet::new();
        for person in &self.people {
            faces.extend(&person.best_face);
            for of in [&person.confirmed, &person.rejected, &person.unsure] {
                faces.extend(of);
            }
        }
        faces.extend(&self.ignored);
        faces.extend(&self.drawn);
        for Apart { face, from } in &self.apart {
            faces.insert(*face);
            faces.extend(from);
        }
        faces.extend(self.unsure_groups.iter().flatten().flatten());
        faces
    }

    /// Every photo that an answer is about as such.
    #[must_use]
    pub fn photos(&self) -> BTreeSet<PhotoId> {
        let mut photos: BTreeSet<PhotoId> = self.favourites.iter().copied().collect();
        photos.extend(self.stars.iter().flat_map(|of| &of.photos));
        photos.extend(self.albums.iter().flat_map(|of| &of.photos));
        photos
    }
}
