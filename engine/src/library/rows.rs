//! The catalog's rows put together: what lists of faces, people and photos are made of.
//!
//! Reading a hundred thousand rows takes longer than anybody waits for a list or a search, so they
//! stay in memory until the catalog changes. `SQLite` says when it did: it counts the changes of
//! this connection and of all others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Unit;
use jiff::civil::{Date, DateTime};
use rayon::prelude::*;
use rusqlite::Connection;

use super::BEST_FACES;
use crate::catalog::faces::StoredFace;
use crate::catalog::photos::Photo;
use crate::catalog::placements::{self, Placement};
use crate::catalog::{decisions, faces, folders, photos, stacks};
use crate::people::{Decided, DecidedPerson};
use crate::places::{Place, Spot};
use crate::search::Searched;
use crate::{Age, Face, FaceId, FaceState, PersonId, PhotoId, PhotoTile, Result};

/// A state of the catalog, as its connection sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Rises when another connection changed something.
    others: i64,
    /// Rows that this connection changed.
    own: u64,
}

impl Stamp {
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        Ok(Self {
            others: connection.query_row("PRAGMA data_version", [], |row| row.get(0))?,
            own: connection.total_changes(),
        })
    }
}

/// What folders and photos hold: no decision changes it.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) folders: Vec<PathBuf>,
    /// By number, gone ones included.
    pub(super) faces: Vec<StoredFace>,
    /// The photos that are there and could be read, the newest first.
    pub(super) photos: Vec<Photo>,
    /// The number of each and where it is among them, in the order of the numbers.
    by_number: Vec<(PhotoId, u32)>,
    /// Photos that are nearly one: two and more, in the order of their numbers.
    stacks: Vec<Vec<PhotoId>>,
    /// What a search reads of each of them, in the same order; made when it is asked for first.
    texts: OnceLock<Vec<Texts>>,
    /// What the spots of the photos belong to; the same.
    places: OnceLock<BTreeMap<Spot, Place>>,
}

/// What a search looks into of a photo, texts in small letters.
#[derive(Debug)]
pub(super) struct Texts {
    camera: Arc<str>,
    path: Box<str>,
    spot: Option<Spot>,
}

impl Facts {
    fn read(connection: &Connection) -> Result<Self> {
        let mut facts = Self::of(
            folders::all(connection)?,
            photos::present(connection)?,
            faces::all(connection)?,
        );
        let mut stacks: BTreeMap<PhotoId, Vec<PhotoId>> = BTreeMap::new();
        for (photo, stack) in stacks::all(connection)? {
            if facts.photo(photo).is_some() {
                stacks.entry(stack).or_default().push(photo);
            }
        }
        facts.stacks = stacks.into_values().filter(|of| of.len() > 1).collect();
        Ok(facts)
    }

    /// Of photos and faces in the order of their numbers.
    fn of(folders: Vec<PathBuf>, mut photos: Vec<Photo>, faces: Vec<StoredFace>) -> Self {
        photos.sort_by_cached_key(|photo| (Reverse(photo.date().to_owned()), photo.id));
        let numbers = photos.iter().map(|photo| photo.id);
        let mut by_number: Vec<(PhotoId, u32)> = numbers.zip(0..).collect();
        by_number.sort_unstable();
        Self {
            folders,
            faces,
            photos,
            by_number,
            stacks: Vec::new(),
            texts: OnceLock::new(),
            places: OnceLock::new(),
        }
    }

    /// What the spots of the photos belong to, where that can be said.
    pub(super) fn places(&self) -> &BTreeMap<Spot, Place> {
        self.places.get_or_init(|| {
            let mut spots: Vec<Spot> = self.photos.iter().filter_map(spot_of).collect();
            spots.par_sort_unstable();
            spots.dedup();
            let named = spots.into_par_iter();
            let named = named.filter_map(|spot| Some((spot, spot.place()?)));
            named.collect::<Vec<_>>().into_iter().collect()
        })
    }

    /// A photo that is there and could be read.
    pub(super) fn photo(&self, photo: PhotoId) -> Option<&Photo> {
        Some(&self.photos[self.place_of(photo)?])
    }

    /// Where it is among [`photos`](Self::photos).
    fn place_of(&self, photo: PhotoId) -> Option<usize> {
        let at = self.by_number.binary_search_by_key(&photo, |of| of.0);
        Some(self.by_number[at.ok()?].1 as usize)
    }

    /// A path counts from the library's folder on: what that is called is true of all its photos.
    pub(super) fn texts(&self) -> &[Texts] {
        self.texts.get_or_init(|| {
            let mut folders: HashMap<&OsStr, String> = HashMap::new();
            let mut cameras: HashMap<&str, Arc<str>> = HashMap::new();
            let texts = self.photos.iter().map(|photo| {
                let folder = photo.path.parent().unwrap_or(Path::new(""));
                let folder = folders
                    .entry(folder.as_os_str())
                    .or_insert_with(|| self.below(folder));
                let name = photo.path.file_name().unwrap_or_default();
                let name = name.to_string_lossy().to_lowercase();
                let camera = photo.header.camera.as_deref().unwrap_or_default();
                let camera = cameras
                    .entry(camera)
                    .or_insert_with(|| camera.to_lowercase().into());
                Texts {
                    camera: Arc::clone(camera),
                    path: [folder, name.as_str()].concat().into(),
                    spot: spot_of(photo),
                }
            });
            texts.collect()
        })
    }

    /// What the paths of the photos in a folder begin with, from the library's folder on, in small letters.
    fn below(&self, folder: &Path) -> String {
        let inside = self
            .folders
            .iter()
            .filter_map(|of| folder.strip_prefix(of).ok());
        let shortest = inside.min_by_key(|path| path.as_os_str().len());
        let below = shortest.unwrap_or(folder).join("");
        below.to_string_lossy().to_lowercase()
    }

    pub(super) fn face(&self, face: FaceId) -> Option<&StoredFace> {
        let at = self.faces.binary_search_by_key(&face, |face| face.id);
        Some(&self.faces[at.ok()?])
    }
}

/// The facts, what was decided, and who is who.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) facts: Arc<Facts>,
    pub(super) log: Vec<decisions::Entry>,
    pub(super) decided: Decided,
    pub(super) placements: BTreeMap<FaceId, Placement>,
    /// What a search asks of each photo, in the order of [`Facts::photos`]; made when it is asked for first.
    on_photos: OnceLock<Vec<OnPhoto>>,
    /// The same.
    stacks: OnceLock<Vec<Vec<PhotoId>>>,
    /// The photo that stands for each that is in a stack; the same.
    stands_for: OnceLock<HashMap<PhotoId, PhotoId>>,
}

/// Who is on a photo, and how the user likes it.
#[derive(Debug, Clone, Default)]
pub(super) struct OnPhoto {
    pub(super) people: Vec<PersonId>,
    faces: u32,
    nobodys: u32,
    unnamed: bool,
    favourite: bool,
    stars: u8,
}

impl Rows {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let facts = Facts::read(connection)?;
        let log = decisions::all(connection)?;
        let decided = Decided::replay(&log);
        let placements = placements::all(connection)?;
        Ok(Self::of(Arc::new(facts), log, decided, placements))
    }

    pub(super) fn of(
        facts: Arc<Facts>,
        log: Vec<decisions::Entry>,
        decided: Decided,
        placements: BTreeMap<FaceId, Placement>,
    ) -> Self {
        Self {
            facts,
            log,
            decided,
            placements,
            on_photos: OnceLock::new(),
            stacks: OnceLock::new(),
            stands_for: OnceLock::new(),
        }
    }

    /// The photos that are nearly one, of each stack first the one that stands for all: of those that can
    /// be reached what the user likes best, or else the largest, or else the one with the best faces, or the first.
    pub(super) fn stacks(&self) -> &[Vec<PhotoId>] {
        self.stacks.get_or_init(|| {
            let mut stacks = self.facts.stacks.clone();
            let mut faces: HashMap<PhotoId, (f32, u16)> = HashMap::new();
            for photo in stacks.iter().flatten() {
                faces.insert(*photo, (0.0, 0));
            }
            for face in self.shown() {
                if let Some((sum, count)) = faces.get_mut(&face.photo) {
                    (*sum, *count) = (*sum + face.found.quality, *count + 1);
                }
            }
            for stack in &mut stacks {
                stack.sort_by_cached_key(|photo| {
                    let stars = self.decided.stars.get(photo).copied();
                    let favourite = self.decided.favourites.contains(photo);
                    let stored = self.facts.photo(*photo);
                    let size = stored.map_or(0, |of| {
                        u64::from(of.header.width) * u64::from(of.header.height)
                    });
                    let (sum, count) = faces.get(photo).copied().unwrap_or_default();
                    // Finer differences say nothing of how it is seen.
                    let faces = (20.0 * sum / f32::from(count.max(1))) as u32;
                    // One that can be reached is seen as it is.
                    let there = stored.is_some_and(|of| !of.away);
                    let best = (there, stars.unwrap_or_default(), favourite, size, faces);
                    (Reverse(best), stored.map(Photo::date), *photo)
                });
            }
            stacks
        })
    }

    /// A photo as a grid shows it.
    pub(super) fn tile(&self, photo: &Photo) -> PhotoTile {
        let stands_for = self.stands_for.get_or_init(|| {
            let stacks = self.stacks().iter();
            let of = |stack: &Vec<PhotoId>| {
                let first = stack[0];
                stack.clone().into_iter().map(move |photo| (photo, first))
            };
            stacks.flat_map(of).collect()
        });
        PhotoTile {
            photo: photo.id,
            width: photo.header.width,
            height: photo.header.height,
            date: photo.date().to_owned(),
            favourite: self.decided.favourites.contains(&photo.id),
            stars: self
                .decided
                .stars
                .get(&photo.id)
                .copied()
                .unwrap_or_default(),
            stack: stands_for.get(&photo.id).copied(),
            away: photo.away,
        }
    }

    /// The faces that are there; a drawn one as long as the decision to draw it holds.
    pub(super) fn shown(&self) -> impl Iterator<Item = &StoredFace> {
        self.facts.faces.iter().filter(|face| self.shows(face))
    }

    pub(super) fn shows(&self, face: &StoredFace) -> bool {
        face.present && (!face.drawn || self.decided.drawn.contains(&face.id))
    }

    pub(super) fn face(&self, stored: &StoredFace) -> Option<Face> {
        let photo = self.facts.photo(stored.photo)?;
        let unplaced = Placement {
            person: None,
            state: FaceState::Unassigned,
        };
        let placement = self.placements.get(&stored.id).copied().unwrap_or(unplaced);
        let decided = placement
            .person
            .and_then(|person| self.decided.people.get(&person));
        Some(Face {
            face: stored.id,
            photo: stored.photo,
            path: photo.path.display().to_string(),
            box_upright: stored.found.box_upright,
            score: stored.found.score,
            // Finer differences come from where the box lies between pixels.
            quality: (stored.found.quality * 1000.0).round() / 1000.0,
            person: placement.person,
            name: decided.and_then(|decided| decided.name.clone()),
            state: placement.state,
        })
    }

    pub(super) fn faces_of_people(&self) -> BTreeMap<PersonId, Vec<&StoredFace>> {
        let mut faces_of: BTreeMap<PersonId, Vec<&StoredFace>> = BTreeMap::new();
        for face in self
            .shown()
            .filter(|face| self.facts.photo(face.photo).is_some())
        {
            if let Some(person) = self.placements.get(&face.id).and_then(|of| of.person) {
                faces_of.entry(person).or_default().push(face);
            }
        }
        faces_of
    }

    /// Up to [`BEST_FACES`] of a person's faces that were taken at about the time of a photo:
    /// a child is compared with the child of that age. `faces` are in the order of their quality.
    pub(super) fn sure_faces_near(&self, faces: &[&StoredFace], photo: PhotoId) -> Vec<FaceId> {
        let month = |photo: PhotoId| {
            let date = self.facts.photo(photo).map_or("", Photo::date);
            let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<i32>().ok();
            part(0..4).unwrap_or_default() * 12 + part(5..7).unwrap_or_default()
        };
        let confirmed = |face: &StoredFace| {
            let placement = self.placements.get(&face.id);
            placement.is_some_and(|of| of.state == FaceState::Confirmed)
        };
        let asked = month(photo);
        let mut near: Vec<(bool, i32, FaceId)> = faces
            .iter()
            .map(|face| {
                let apart = (month(face.photo) - asked).abs();
                (!confirmed(face), apart, face.id)
            })
            .collect();
        near.sort_by_key(|(unsure, apart, _)| (*unsure, *apart));
        near.into_iter()
            .take(BEST_FACES)
            .map(|(_, _, face)| face)
            .collect()
    }

    /// What a query can ask of each photo, in the order of [`Facts::photos`].
    pub(super) fn searched(&self) -> impl Iterator<Item = Searched<'_>> {
        let photos = self.facts.photos.iter().zip(self.facts.texts());
        photos
            .zip(self.on_photos())
            .map(|((photo, texts), on_it)| Searched {
                date: photo.date(),
                people: &on_it.people,
                faces: on_it.faces,
                nobodys: on_it.nobodys,
                unnamed: on_it.unnamed,
                spot: texts.spot,
                camera: &texts.camera,
                favourite: on_it.favourite,
                stars: on_it.stars,
                path: &texts.path,
            })
    }

    /// In the order of [`Facts::photos`].
    pub(super) fn on_photos(&self) -> &[OnPhoto] {
        self.on_photos.get_or_init(|| self.put_together())
    }

    fn put_together(&self) -> Vec<OnPhoto> {
        let decided = &self.decided;
        let mut on_photos: Vec<OnPhoto> = self
            .facts
            .photos
            .iter()
            .map(|photo| OnPhoto {
                favourite: decided.favourites.contains(&photo.id),
                stars: decided.stars.get(&photo.id).copied().unwrap_or_default(),
                ..OnPhoto::default()
            })
            .collect();
        let named: HashSet<PersonId> = self.names().into_iter().map(|(id, _)| id).collect();
        // Both by the number of the face.
        let mut placements = self.placements.iter().peekable();
        for face in self.shown() {
            while placements.next_if(|(of, _)| **of < face.id).is_some() {}
            let placement = placements.next_if(|(of, _)| **of == face.id).map(|of| of.1);
            let Some(place) = self.facts.place_of(face.photo) else {
                continue;
            };
            if placement.is_some_and(|of| of.state == FaceState::Ignored) {
                continue;
            }
            let photo = &mut on_photos[place];
            photo.faces += 1;
            let person = placement.and_then(|of| of.person);
            photo.unnamed |= person.is_none_or(|person| !named.contains(&person));
            photo.nobodys += u32::from(person.is_none());
            if let Some(person) = person
                && !photo.people.contains(&person)
            {
                photo.people.push(person);
            }
        }
        on_photos
    }

    /// How old those are whose birthday is known, on a photo taken at that time.
    pub(super) fn ages(&self, faces: &[Face], taken_at: Option<&str>) -> Vec<Age> {
        let age = |face: &Face| {
            let born = self
                .decided
                .people
                .get(&face.person?)?
                .birthday
                .as_deref()?;
            let born: Date = born.parse().ok()?;
            let taken: DateTime = taken_at?.parse().ok()?;
            let lived = (Unit::Year, taken.date());
            let lived = born.until(lived).ok().filter(|_| born <= taken.date())?;
            Some(Age {
                face: face.face,
                years: lived.get_years().unsigned_abs().into(),
                months: lived.get_months().unsigned_abs(),
            })
        };
        faces.iter().filter_map(age).collect()
    }

    /// The names of the albums that the user put a photo into.
    pub(super) fn albums_of(&self, photo: PhotoId) -> Vec<String> {
        let albums = self.decided.albums.values();
        let with_it = albums.filter(|album| album.photos.contains(&photo));
        with_it.map(|album| album.name.clone()).collect()
    }

    /// The names and the other names of all who have a name.
    pub(super) fn known_as(&self) -> Vec<(PersonId, String)> {
        let mut known = self.names();
        let named = self.decided.people.iter();
        let named = named.filter(|(_, person)| person.name.is_some());
        known.extend(named.flat_map(|(id, person)| {
            let aliases = person.aliases.iter().cloned();
            aliases.map(|alias| (*id, alias))
        }));
        known
    }

    pub(super) fn names(&self) -> Vec<(PersonId, String)> {
        let named = |(id, person): (&PersonId, &DecidedPerson)| Some((*id, person.name.clone()?));
        self.decided.people.iter().filter_map(named).collect()
    }
}

pub(super) fn best_first(faces: &mut [&StoredFace]) {
    faces.sort_by(|a, b| {
        let better = b.found.quality.total_cmp(&a.found.quality);
        better.then(a.id.cmp(&b.id))
    });
}

/// Where it was taken, if its header says so.
pub(super) fn spot_of(photo: &Photo) -> Option<Spot> {
    photo.header.place.map(Spot::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(id: PhotoId, path: &str) -> Photo {
        Photo {
            id,
            path: path.into(),
            header: photos::Header::default(),
            changed: None,
            away: false,
        }
    }

    /// Folders of the library that lie in one another, and a photo that is in none any more.
    #[test]
    fn a_path_is_searched_from_the_innermost_folder_of_the_library_on() {
        let paths = [
            ("/home/Me/Pictures/Beach/DSC_1.JPG", "beach/dsc_1.jpg"),
            ("/home/Me/Pictures/IMG.jpg", "img.jpg"),
            ("/home/Me/Pictures/Old/Prague/Élan.jpg", "prague/élan.jpg"),
            ("/elsewhere/X.jpg", "/elsewhere/x.jpg"),
        ];
        let photos = (1..).zip(paths).map(|(id, (path, _))| photo(id, path));
        let folders = vec!["/home/Me/Pictures".into(), "/home/Me/Pictures/Old".into()];
        let facts = Facts::of(folders, photos.collect(), Vec::new());
        let found: Vec<&str> = facts.texts().iter().map(|texts| &*texts.path).collect();
        assert_eq!(found, paths.map(|(_, expected)| expected));
    }
}
