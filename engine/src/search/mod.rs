//! A query becomes photos: `anna ben -carl summer 2019`.

mod query;
mod understood;
mod words;

pub use query::{Dates, Known, Meant, Query, Term};
pub use understood::{Misunderstood, Understood};

use crate::PersonId;
use crate::places::Spot;

/// What a query can ask of a photo.
#[derive(Debug, Clone, Copy)]
pub struct Searched<'a> {
    /// Local date and time, `YYYY-MM-DDTHH:MM:SS`.
    pub date: &'a str,
    /// Everybody on it, named or not.
    pub people: &'a [PersonId],
    /// Faces on it, without those that are left out.
    pub faces: u32,
    /// How many of these are nobody's.
    pub nobodys: u32,
    /// Whether somebody on it has no name.
    pub unnamed: bool,
    /// Where it was taken, if it says so.
    pub spot: Option<Spot>,
    /// Maker and model of the camera, in small letters; empty where it is not known.
    pub camera: &'a str,
    /// Whether it is a favourite.
    pub favourite: bool,
    /// Its stars, 0 to 5.
    pub stars: u8,
    /// The path below the library's folder, in small letters.
    pub path: &'a str,
}

/// Whether a photo answers the query.
#[must_use]
pub fn matches(query: &Query, photo: &Searched) -> bool {
    query.terms.iter().all(|term| holds(term, photo))
}

/// Whether one part of a query is true of a photo.
#[must_use]
pub fn holds(term: &Term, photo: &Searched) -> bool {
    let any = |people: &[PersonId]| people.iter().any(|person| photo.people.contains(person));
    match term {
        Term::With { people, .. } => any(people),
        Term::Without { people, .. } => !any(people),
        Term::During { dates, .. } => dates.contain(photo.date),
        Term::NobodyElse { people } => {
            photo.nobodys == 0 && photo.people.iter().all(|person| people.contains(person))
        }
        Term::Unnamed => photo.unnamed,
        Term::Faces { least, most } => (*least..=*most).contains(&photo.faces),
        Term::In(meant) => photo.spot.is_some_and(|spot| meant.spots.contains(&spot)),
        Term::Camera { text } => photo.camera.contains(&text.to_lowercase()),
        Term::Called { text, .. } => photo.path.contains(&text.to_lowercase()),
        Term::Favourite => photo.favourite,
        Term::Stars { least, most } => (*least..=*most).contains(&u32::from(photo.stars)),
        Term::Not(term) => !holds(term, photo),
        Term::Either(terms) => terms.iter().any(|term| holds(term, photo)),
    }
}
