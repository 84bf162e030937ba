//! What was said, in parts: the window makes a sentence of them in its language, and `Display` an
//! English one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Sureness;

/// A decision as its user reads it: after it was made, and in the history. `name` is that of a
/// person; none where nobody gave one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Said {
    /// `Renamed to Anna`
    Renamed {
        /// The new name.
        name: String,
    },
    /// `Name removed: Anna`
    Unnamed {
        /// The name until then.
        name: String,
    },
    /// `12 faces are now Anna`
    Named {
        /// How many faces.
        faces: u32,
        /// Whose they are.
        name: Option<String>,
    },
    /// `1 face is not Anna`
    Rejected {
        /// How many faces.
        faces: u32,
        /// Whose they are not.
        name: Option<String>,
    },
    /// `Joined: 12 faces are now Anna`
    Joined {
        /// How many faces.
        faces: u32,
        /// Whose they are.
        name: Option<String>,
    },
    /// `Hidden: Anna`, `Shown again: Anna`
    Hidden {
        /// Who.
        name: Option<String>,
        /// Whether they are hidden.
        hidden: bool,
    },
    /// `Hidden: 3 people`
    AllHidden {
        /// How many people.
        people: u32,
        /// Whether they are hidden.
        hidden: bool,
    },
    /// `2 faces are left out`
    LeftOut {
        /// How many faces.
        faces: u32,
    },
    /// `Unsure whether 2 faces are Anna`
    Unsure {
        /// How many faces.
        faces: u32,
        /// Whose they may be.
        name: Option<String>,
    },
    /// `1 photo is a favourite`
    Favourite {
        /// How many photos.
        photos: u32,
        /// Whether they are favourites now.
        favourite: bool,
    },
    /// `3 photos with 2 stars`
    Stars {
        /// How many photos.
        photos: u32,
        /// How many stars each has now.
        stars: u8,
    },
    /// `This face stands for Anna`
    BestFace {
        /// For whom.
        name: Option<String>,
    },
    /// `1 face drawn`
    Drawn,
    /// `1 face drawn: Anna`
    DrawnOf {
        /// Whose it is.
        name: Option<String>,
    },
    /// `Faces are put together carefully`
    Sureness {
        /// How sure Kith must be from now on.
        sureness: Sureness,
    },
    /// `Anna is also called Annie`
    Aliases {
        /// Who.
        name: Option<String>,
        /// All their other names; none any more if empty.
        aliases: Vec<String>,
    },
    /// `Anna was born on 2012-05-31`
    Birthday {
        /// Who.
        name: Option<String>,
        /// `YYYY-MM-DD`; none if it was forgotten.
        birthday: Option<String>,
    },
    /// `Album “Holiday”`: made, or renamed
    Album {
        /// Its name.
        album: String,
    },
    /// `Album “Anna” holds what “only anna” finds`
    SavedSearch {
        /// The album's name.
        album: String,
        /// The search.
        query: String,
    },
    /// `3 photos added to “Holiday”`
    AddedToAlbum {
        /// How many photos.
        photos: u32,
        /// The album's name, as far as it is known.
        album: Option<String>,
    },
    /// `3 photos taken out of “Holiday”`
    TakenOut {
        /// How many photos.
        photos: u32,
        /// The album's name, as far as it is known.
        album: Option<String>,
    },
    /// `Album “Holiday” removed`
    AlbumRemoved {
        /// The album's name, as far as it is known.
        album: Option<String>,
    },
    /// `Folder removed: /home/anna/Pictures`
    FolderRemoved {
        /// Its path, for reading.
        folder: String,
    },
    /// `A copy took the place of a deleted photo`
    Inherited,
    /// `Imported: 3 people, 12 faces, 4 photos`
    Imported {
        /// People about whom something is new.
        people: u32,
        /// Faces that are theirs now.
        faces: u32,
        /// Photos with stars, marks and albums.
        photos: u32,
    },
    /// `A person with 12 faces was forgotten`
    Forgotten {
        /// How many faces.
        faces: u32,
    },
    /// `Again: 12 faces are now Anna`
    Again {
        /// What is said again.
        said: Option<Box<Said>>,
    },
    /// `Taken back: 12 faces are now Anna`
    TakenBack {
        /// What was taken back.
        said: Option<Box<Said>>,
    },
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { name } => write!(f, "Renamed to {name}"),
            Self::Unnamed { name } => write!(f, "Name removed: {name}"),
            Self::Named { faces, name } => {
                write!(f, "{} now {}", are(*faces), who(name.as_deref()))
            }
            Self::Rejected { faces, name } => {
                write!(f, "{} not {}", are(*faces), who(name.as_deref()))
            }
            Self::Joined { faces, name } => {
                write!(f, "Joined: {} now {}", are(*faces), who(name.as_deref()))
            }
            Self::Hidden { name, hidden } => {
                write!(f, "{}: {}", shown(*hidden), who(name.as_deref()))
            }
            Self::AllHidden { people, hidden } => {
                write!(f, "{}: {people} people", shown(*hidden))
            }
            Self::LeftOut { faces } => write!(f, "{} left out", are(*faces)),
            Self::Unsure { faces, name } => {
                write!(f, "Unsure whether {} {}", are(*faces), who(name.as_deref()))
            }
            Self::Favourite { photos, favourite } => {
                let are = if *photos == 1 { "is" } else { "are each" };
                let what = if *favourite { "a" } else { "no" };
                write!(f, "{} {are} {what} favourite", some_photos(*photos))
            }
            Self::Stars { photos, stars } => match stars {
                0 => write!(f, "{} without stars", some_photos(*photos)),
                1 => write!(f, "{} with 1 star", some_photos(*photos)),
                stars => write!(f, "{} with {stars} stars", some_photos(*photos)),
            },
            Self::BestFace { name } => write!(f, "This face stands for {}", who(name.as_deref())),
            Self::Drawn => write!(f, "1 face drawn"),
            Self::DrawnOf { name } => write!(f, "1 face drawn: {}", who(name.as_deref())),
            Self::Sureness { sureness } => {
                write!(f, "Faces are put together {}", how_sure(*sureness))
            }
            Self::Aliases { name, aliases } if aliases.is_empty() => {
                write!(f, "{} has no other name", who(name.as_deref()))
            }
            Self::Aliases { name, aliases } => {
                write!(
                    f,
                    "{} is also called {}",
                    who(name.as_deref()),
                    aliases.join(", ")
                )
            }
            Self::Birthday {
                name,
                birthday: Some(day),
            } => write!(f, "{} was born on {day}", who(name.as_deref())),
            Self::Birthday { name, .. } => write!(f, "No birthday of {}", who(name.as_deref())),
            Self::Album { album } => write!(f, "Album “{album}”"),
            Self::SavedSearch { album, query } => {
                write!(f, "Album “{album}” holds what “{query}” finds")
            }
            Self::AddedToAlbum { photos, album } => {
                write!(
                    f,
                    "{} added to {}",
                    some_photos(*photos),
                    called(album.as_deref())
                )
            }
            Self::TakenOut { photos, album } => {
                write!(
                    f,
                    "{} taken out of {}",
                    some_photos(*photos),
                    called(album.as_deref())
                )
            }
            Self::AlbumRemoved { album } => write!(f, "Album {} removed", called(album.as_deref())),
            Self::FolderRemoved { folder } => write!(f, "Folder removed: {folder}"),
            Self::Inherited => write!(f, "A copy took the place of a deleted photo"),
            Self::Imported {
                people,
                faces,
                photos,
            } => {
                let people = counted(*people, "person", "people");
                let faces = counted(*faces, "face", "faces");
                write!(f, "Imported: {people}, {faces}, {}", some_photos(*photos))
            }
            Self::Forgotten { faces } => {
                let faces = counted(*faces, "face", "faces");
                write!(f, "A person with {faces} was forgotten")
            }
            Self::Again { said: Some(said) } => write!(f, "Again: {said}"),
            Self::Again { said: None } => write!(f, "Again"),
            Self::TakenBack { said: Some(said) } => write!(f, "Taken back: {said}"),
            Self::TakenBack { said: None } => write!(f, "Taken back"),
        }
    }
}

fn who(name: Option<&str>) -> &str {
    name.unwrap_or("this person")
}

fn called(album: Option<&str>) -> String {
    album.map_or_else(|| "an album".into(), |name| format!("“{name}”"))
}

fn shown(hidden: bool) -> &'static str {
    if hidden { "Hidden" } else { "Shown again" }
}

fn are(faces: u32) -> String {
    if faces == 1 {
        "1 face is".into()
    } else {
        format!("{faces} faces are")
    }
}

fn some_photos(photos: u32) -> String {
    counted(photos, "photo", "photos")
}

fn counted(number: u32, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{number} {word}")
}

fn how_sure(sureness: Sureness) -> &'static str {
    match sureness {
        Sureness::VeryCareful => "very carefully",
        Sureness::Careful => "carefully",
        Sureness::Balanced => "as measured best",
        Sureness::Generous => "generously",
        Sureness::VeryGenerous => "very generously",
    }
}
