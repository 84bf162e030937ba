//! Decisions as sentences, as the user reads them after each and in the history.

use super::before::{entry_of, faces_in, person_of};
use crate::catalog::decisions;
use crate::people::{Decided, Decision};
use crate::{AlbumId, PersonId, Sureness};

/// The decision as a sentence; `log` has the one that it may take back, `decided` the names.
pub(super) fn sentence(decision: &Decision, log: &[decisions::Entry], decided: &Decided) -> String {
    let name = |person: &PersonId| decided.people.get(person)?.name.clone();
    let who = |person: &PersonId| name(person).unwrap_or_else(|| "this person".into());
    match decision {
        Decision::Name { name, faces, .. } if faces.is_empty() => format!("Renamed to {name}"),
        Decision::Name { name, faces, .. } => format!("{} now {name}", are(faces.len())),
        Decision::Confirm { person, faces } => {
            format!("{} now {}", are(faces.len()), who(person))
        }
        Decision::Reject { person, faces, .. } => {
            format!("{} not {}", are(faces.len()), who(person))
        }
        Decision::Merge { into, faces, .. } => {
            format!("Joined: {} now {}", are(faces.len()), who(into))
        }
        Decision::Hide {
            person,
            hidden: true,
            ..
        } => format!("Hidden: {}", who(person)),
        Decision::Hide {
            person,
            hidden: false,
            ..
        } => format!("Shown again: {}", who(person)),
        Decision::Ignore { faces } if faces.len() == 1 => "1 face is left out".into(),
        Decision::Ignore { faces } => format!("{} faces are left out", faces.len()),
        Decision::Unsure { person, faces, .. } => {
            format!("Unsure whether {} {}", are(faces.len()), who(person))
        }
        Decision::Favourite { photos, favourite } => {
            let are = are_photos(photos.len());
            format!(
                "{are} {}",
                if *favourite {
                    "a favourite"
                } else {
                    "no favourite"
                }
            )
        }
        Decision::Stars { photos, stars } => {
            let photos = photos_in_words(photos.len());
            match stars {
                0 => format!("{photos} without stars"),
                1 => format!("{photos} with 1 star"),
                stars => format!("{photos} with {stars} stars"),
            }
        }
        Decision::BestFace { person, .. } => format!("This face stands for {}", who(person)),
        Decision::Draw { .. } => "1 face drawn".into(),
        Decision::Sureness { sureness } => {
            format!("Faces are put together {}", how_sure(*sureness))
        }
        Decision::Several { decisions }
            if matches!(decisions.first(), Some(Decision::Draw { .. })) =>
        {
            let into = decisions.last().and_then(person_of);
            let into = into.map_or_else(|| "this person".into(), |into| who(&into));
            format!("1 face drawn: {into}")
        }
        Decision::Several { decisions } => match decisions.last() {
            Some(added @ Decision::AddToAlbum { .. }) => of_album(added, log),
            Some(Decision::Hide { hidden, .. }) => {
                let what = if *hidden { "Hidden" } else { "Shown again" };
                format!("{what}: {} people", decisions.len())
            }
            last => {
                let into = last.and_then(person_of);
                let into = into.map_or_else(|| "this person".into(), |into| who(&into));
                format!("Joined: {} now {into}", are(faces_in(decision).len()))
            }
        },
        Decision::Aliases {
            person, aliases, ..
        } if aliases.is_empty() => format!("{} has no other name", who(person)),
        Decision::Aliases {
            person, aliases, ..
        } => format!("{} is also called {}", who(person), aliases.join(", ")),
        Decision::Birthday {
            person,
            birthday: Some(day),
            ..
        } => format!("{} was born on {day}", who(person)),
        Decision::Birthday { person, .. } => format!("No birthday of {}", who(person)),
        Decision::Redo { decision } => match entry_of(log, *decision) {
            Some(entry) => format!("Again: {}", sentence(&entry.decision, log, decided)),
            None => "Again".into(),
        },
        Decision::Undo { decision } => match entry_of(log, *decision) {
            Some(entry) => format!("Taken back: {}", sentence(&entry.decision, log, decided)),
            None => "Taken back".into(),
        },
        of_an_album => of_album(of_an_album, log),
    }
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

fn are(faces: usize) -> String {
    if faces == 1 {
        "1 face is".into()
    } else {
        format!("{faces} faces are")
    }
}

fn are_photos(photos: usize) -> String {
    if photos == 1 {
        "1 photo is".into()
    } else {
        format!("{photos} photos are each")
    }
}

fn of_album(decision: &Decision, log: &[decisions::Entry]) -> String {
    let called = |album: AlbumId| {
        let name = log
            .iter()
            .rev()
            .find_map(|entry| name_in(&entry.decision, album));
        name.map_or_else(|| "an album".into(), |name| format!("“{name}”"))
    };
    match decision {
        Decision::Album { name, .. } => format!("Album “{name}”"),
        Decision::SavedSearch { name, query, .. } => {
            format!("Album “{name}” holds what “{query}” finds")
        }
        Decision::AddToAlbum { album, photos } => {
            format!(
                "{} added to {}",
                photos_in_words(photos.len()),
                called(*album)
            )
        }
        Decision::RemoveFromAlbum { album, photos } => {
            format!(
                "{} taken out of {}",
                photos_in_words(photos.len()),
                called(*album)
            )
        }
        Decision::DropAlbum { album } => format!("Album {} removed", called(*album)),
        _ => String::new(),
    }
}

/// The name that a decision gives an album.
fn name_in(decision: &Decision, of: AlbumId) -> Option<&str> {
    match decision {
        Decision::Album { album, name } | Decision::SavedSearch { album, name, .. } => {
            (*album == of).then_some(name.as_str())
        }
        Decision::Several { decisions } => decisions.iter().find_map(|each| name_in(each, of)),
        _ => None,
    }
}

fn photos_in_words(photos: usize) -> String {
    if photos == 1 {
        "1 photo".into()
    } else {
        format!("{photos} photos")
    }
}
