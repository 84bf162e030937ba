//! Reads what a library shows: photos, faces, people, albums, history.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use kith_engine::{Album, DecisionId, Face, Library, Person, PersonId, PhotoId, PhotoTile};

/// A photo as the library shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPhoto {
    /// Its number.
    pub photo: PhotoId,
    /// The mark.
    pub favourite: bool,
    /// The stars.
    pub stars: u8,
    /// Its folder is not there.
    pub away: bool,
    /// Albums that the user put it into.
    pub albums: Vec<String>,
    /// Its faces, also those to be left out.
    pub faces: Vec<Face>,
}

/// All that a library shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// By path.
    pub photos: BTreeMap<PathBuf, SeenPhoto>,
    /// By number.
    pub people: BTreeMap<PersonId, Person>,
    /// By name.
    pub albums: Vec<Album>,
    /// Entries of the log, the oldest first, whether each was taken back, and what it says.
    pub history: Vec<(DecisionId, bool, String)>,
    /// Paths that are listed twice.
    pub twice: Vec<PathBuf>,
    /// Files that could not be read.
    pub failed: Vec<PathBuf>,
}

impl Observed {
    /// Asks the library.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn of(library: &Library) -> Result<Self> {
        let mut photos = BTreeMap::new();
        let mut twice = Vec::new();
        for PhotoTile { photo, away, .. } in library.photos()? {
            let detail = library.photo(photo)?;
            let path = PathBuf::from(detail.path);
            let seen = SeenPhoto {
                photo,
                favourite: detail.favourite,
                stars: detail.stars,
                away,
                albums: detail.albums,
                faces: Vec::new(),
            };
            if photos.insert(path.clone(), seen).is_some() {
                twice.push(path);
            }
        }
        for face in library.faces()? {
            let photo = photos.get_mut(&PathBuf::from(&face.path));
            let photo =
                photo.with_context(|| format!("{} has a face and is not listed", face.path))?;
            photo.faces.push(face);
        }
        let people = library.people()?.into_iter();
        let history = library.history()?.into_iter().rev();
        let failed = library.failed()?.into_iter();
        Ok(Self {
            photos,
            people: people.map(|person| (person.person, person)).collect(),
            albums: library.albums()?,
            history: history
                .map(|entry| (entry.decision, entry.undone, entry.said.to_string()))
                .collect(),
            twice,
            failed: failed.map(|file| PathBuf::from(file.path)).collect(),
        })
    }

    /// Groups of faces, each face told by its photo and the middle of its box: two libraries with the same
    /// files and answers show the same.
    #[must_use]
    pub fn partition(&self) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<Option<PersonId>, Vec<String>> = BTreeMap::new();
        for (path, photo) in &self.photos {
            for face in &photo.faces {
                let [x, y, w, h] = face.box_upright;
                let (x, y) = (x + w / 2.0, y + h / 2.0);
                let face_at = format!("{} {x:.1} {y:.1}", path.display());
                groups.entry(face.person).or_default().push(face_at);
            }
        }
        let mut groups: Vec<Vec<String>> = groups.into_values().collect();
        for group in &mut groups {
            group.sort();
        }
        groups.sort();
        groups
    }
}
