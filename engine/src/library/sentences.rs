//! Decisions as sentences, as the user reads them after each and in the history.

use super::before::{entry_of, faces_in, person_of};
use crate::PersonId;
use crate::catalog::decisions;
use crate::people::Decision;

/// The decision as a sentence; `log` has the one that it may take back, `name` the names of people.
pub(super) fn sentence(
    decision: &Decision,
    log: &[decisions::Entry],
    name: &dyn Fn(PersonId) -> Option<String>,
) -> String {
    let who = |person: &PersonId| name(*person).unwrap_or_else(|| "this person".into());
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
            let photos = match photos.len() {
                1 => "1 photo".into(),
                more => format!("{more} photos"),
            };
            match stars {
                0 => format!("{photos} without stars"),
                1 => format!("{photos} with 1 star"),
                stars => format!("{photos} with {stars} stars"),
            }
        }
        Decision::BestFace { person, .. } => format!("This face stands for {}", who(person)),
        Decision::Draw { .. } => "1 face drawn".into(),
        Decision::Several { decisions }
            if matches!(decisions.first(), Some(Decision::Draw { .. })) =>
        {
            let into = decisions.last().and_then(person_of);
            let into = into.map_or_else(|| "this person".into(), |into| who(&into));
            format!("1 face drawn: {into}")
        }
        Decision::Several { decisions } => match decisions.last() {
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
        Decision::Undo { decision } => match entry_of(log, *decision) {
            Some(entry) => format!("Taken back: {}", sentence(&entry.decision, log, name)),
            None => "Taken back".into(),
        },
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
