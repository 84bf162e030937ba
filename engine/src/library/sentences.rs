//! Decisions as the user reads them after each and in the history.

use super::before::{entry_of, faces_in, person_of};
use crate::catalog::decisions;
use crate::people::{Decided, Decision};
use crate::{AlbumId, PersonId, Said};

/// What the decision says; `log` has the one that it may take back, `decided` the names.
#[allow(clippy::too_many_lines)] // One arm for each kind of decision.
pub(super) fn said(decision: &Decision, log: &[decisions::Entry], decided: &Decided) -> Said {
    let name_of = |person: &PersonId| name_of_person(*person, log, decided);
    match decision {
        Decision::Name { name, faces, .. } if faces.is_empty() => {
            Said::Renamed { name: name.clone() }
        }
        Decision::Name { name, faces, .. } => Said::Named {
            faces: number(faces.len()),
            name: Some(name.clone()),
        },
        Decision::Unname { name, .. } => Said::Unnamed { name: name.clone() },
        // The second is never said alone.
        Decision::Confirm { person, faces }
        | Decision::KeepNumber {
            group: person,
            faces,
        } => Said::Named {
            faces: number(faces.len()),
            name: name_of(person),
        },
        Decision::Reject { person, faces, .. } => Said::Rejected {
            faces: number(faces.len()),
            name: name_of(person),
        },
        Decision::Merge { into, faces, .. } => Said::Joined {
            faces: number(faces.len()),
            name: name_of(into),
        },
        Decision::Hide { person, hidden, .. } => Said::Hidden {
            name: name_of(person),
            hidden: *hidden,
        },
        Decision::Ignore { faces } => Said::LeftOut {
            faces: number(faces.len()),
        },
        Decision::Unsure { person, faces, .. } => Said::Unsure {
            faces: number(faces.len()),
            name: name_of(person),
        },
        Decision::Favourite { photos, favourite } => Said::Favourite {
            photos: number(photos.len()),
            favourite: *favourite,
        },
        Decision::Stars { photos, stars } => Said::Stars {
            photos: number(photos.len()),
            stars: *stars,
        },
        Decision::BestFace { person, .. } => Said::BestFace {
            name: name_of(person),
        },
        Decision::Draw { .. } => Said::Drawn,
        Decision::Sureness { sureness } => Said::Sureness {
            sureness: *sureness,
        },
        Decision::Several { decisions } => of_several(decision, decisions, log, decided),
        Decision::Aliases {
            person, aliases, ..
        } => Said::Aliases {
            name: name_of(person),
            aliases: aliases.clone(),
        },
        Decision::Birthday {
            person, birthday, ..
        } => Said::Birthday {
            name: name_of(person),
            birthday: birthday.clone(),
        },
        Decision::Album { name, .. } => Said::Album {
            album: name.clone(),
        },
        Decision::SavedSearch { name, query, .. } => Said::SavedSearch {
            album: name.clone(),
            query: query.clone(),
        },
        Decision::AddToAlbum { album, photos } => Said::AddedToAlbum {
            photos: number(photos.len()),
            album: name_in_log(log, *album),
        },
        Decision::RemoveFromAlbum { album, photos } => Said::TakenOut {
            photos: number(photos.len()),
            album: name_in_log(log, *album),
        },
        Decision::DropAlbum { album } => Said::AlbumRemoved {
            album: name_in_log(log, *album),
        },
        Decision::RemoveFolder { folder } => Said::FolderRemoved {
            folder: folder.display().to_string(),
        },
        Decision::Inherit { .. } => Said::Inherited,
        Decision::Import { answers } => Said::Imported {
            people: number(answers.people.iter().filter(|of| of.known).count()),
            faces: number(answers.people.iter().map(|of| of.confirmed.len()).sum()),
            photos: number(answers.photos().len()),
        },
        Decision::Forget { faces } => Said::Forgotten {
            faces: number(*faces),
        },
        Decision::Redo { decision } => Said::Again {
            said: entry_of(log, *decision)
                .map(|entry| Box::new(said(&entry.decision, log, decided))),
        },
        Decision::Undo { decision } => Said::TakenBack {
            said: entry_of(log, *decision)
                .map(|entry| Box::new(said(&entry.decision, log, decided))),
        },
    }
}

/// What several decisions say that were made at once; `all` holds them.
fn of_several(
    all: &Decision,
    decisions: &[Decision],
    log: &[decisions::Entry],
    decided: &Decided,
) -> Said {
    let name_of = |person: &PersonId| name_of_person(*person, log, decided);
    // What a group's number is concerns nobody who reads this.
    let told = |each: &&Decision| !matches!(each, Decision::KeepNumber { .. });
    let decisions: Vec<&Decision> = decisions.iter().filter(told).collect();
    if let [only] = decisions[..] {
        return said(only, log, decided);
    }
    let into = || decisions.last().copied().and_then(person_of);
    match (decisions.first().copied(), decisions.last().copied()) {
        (Some(Decision::Draw { .. }), _) => Said::DrawnOf {
            name: into().as_ref().and_then(name_of),
        },
        (_, Some(added @ Decision::AddToAlbum { .. })) => said(added, log, decided),
        (Some(Decision::Reject { .. }), Some(named)) => said(named, log, decided),
        (_, Some(Decision::Hide { hidden, .. })) => Said::AllHidden {
            people: number(decisions.len()),
            hidden: *hidden,
        },
        _ => Said::Joined {
            faces: number(faces_in(all).len()),
            name: into().as_ref().and_then(name_of),
        },
    }
}

/// What a person is called; of one who was merged into another what they were called last.
fn name_of_person(person: PersonId, log: &[decisions::Entry], decided: &Decided) -> Option<String> {
    if !decided.merged.contains(&person) {
        return decided.people.get(&person)?.name.clone();
    }
    let mut entries = log.iter().rev();
    entries.find_map(|entry| name_given(&entry.decision, person).map(str::to_owned))
}

/// The name that a decision gives a person.
fn name_given(decision: &Decision, to: PersonId) -> Option<&str> {
    match decision {
        Decision::Name { person, name, .. } => (*person == to).then_some(name.as_str()),
        Decision::Several { decisions } => decisions.iter().find_map(|each| name_given(each, to)),
        _ => None,
    }
}

/// The newest name that the log gives an album.
fn name_in_log(log: &[decisions::Entry], album: AlbumId) -> Option<String> {
    log.iter()
        .rev()
        .find_map(|entry| name_in(&entry.decision, album))
        .map(str::to_owned)
}

/// The name that a decision gives an album.
fn name_in(decision: &Decision, of: AlbumId) -> Option<&str> {
    match decision {
        Decision::Album { album, name } | Decision::SavedSearch { album, name, .. } => {
            (*album == of).then_some(name.as_str())
        }
        Decision::Several { decisions } => decisions.iter().find_map(|each| name_in(each, of)),
        Decision::Import { answers } => {
            let album = answers.albums.iter().find(|album| album.album == of)?;
            Some(&album.name)
        }
        _ => None,
    }
}

/// What is counted here is held in memory: there are never so many.
fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
