//! Takes a person out of the log of decisions: their names, their faces and all that was said of them,
//! while everything else that the log says stays.

use std::collections::BTreeSet;

use super::decided::folded;
use super::{AnswerSet, Decided, Decision, standing};
use crate::catalog::decisions::Entry;
use crate::{DecisionId, FaceId, PersonId};

/// What stands where a name was.
const NAMELESS: &str = "…";

/// A person who is to be forgotten, or everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Their number, and those of all who were joined with them.
    people: BTreeSet<PersonId>,
    /// Their faces.
    faces: BTreeSet<FaceId>,
    /// What they were ever called, folded, as words; what somebody else is called is not among them.
    names: Vec<Vec<String>>,
    /// Faces that somebody else's word holds again once the words about the person are gone, though a
    /// later word took them from there.
    stale: BTreeSet<FaceId>,
}

impl Forgotten {
    /// The person, with the faces that are theirs now.
    #[must_use]
    pub fn person(log: &[Entry], person: PersonId, faces: BTreeSet<FaceId>) -> Self {
        let mut people = BTreeSet::from([person]);
        let holds = standing(log);
        // Whoever was joined with one who was joined with them, and so on.
        loop {
            let before = people.len();
            for entry in &holds {
                each(&entry.decision, &mut |decision| {
                    if let Decision::Merge { person, into, .. } = decision
                        && people.contains(into)
                    {
                        people.insert(*person);
                    }
                });
            }
            if people.len() == before {
                break;
            }
        }
        let mut forgotten = Self {
            people,
            faces,
            ..Self::default()
        };
        forgotten.names = forgotten.names_in(log);
        forgotten.stale = forgotten.stale_in(log);
        forgotten
    }

    /// Everybody whom the log knows, with all faces.
    #[must_use]
    pub fn everybody(log: &[Entry]) -> Self {
        let people = log.iter().flat_map(|entry| entry.decision.people());
        let mut forgotten = Self {
            people: people.collect(),
            ..Self::default()
        };
        forgotten.names = forgotten.names_in(log);
        forgotten
    }

    /// What a decision says of photos as such, without a name of the forgotten.
    #[must_use]
    pub fn of_photos(&self, decision: &Decision) -> Option<Decision> {
        let of_photos = match decision {
            Decision::Import { answers } => Decision::Import {
                answers: AnswerSet {
                    favourites: answers.favourites.clone(),
                    stars: answers.stars.clone(),
                    albums: answers.albums.clone(),
                    ..AnswerSet::default()
                },
            },
            Decision::Inherit { from, to, .. } => Decision::Inherit {
                from: *from,
                to: *to,
                faces: Vec::new(),
            },
            Decision::RemoveFolder { .. } => decision.clone(),
            decision => decision.photos().map(|_| decision.clone())?,
        };
        self.without(&of_photos)
    }

    /// Somebody else's faces that were said to be the person's and then not to be: without these words
    /// they would be back where they were before.
    fn stale_in(&self, log: &[Entry]) -> BTreeSet<FaceId> {
        let before = Decided::replay(log);
        let after = Decided::replay(&self.log_without(log));
        let back = after.confirmed.into_iter();
        let back = back.filter(|(face, person)| before.confirmed.get(face) != Some(person));
        let ignored = after.ignored.into_iter();
        let ignored = ignored.filter(|face| !before.ignored.contains(face));
        back.map(|(face, _)| face).chain(ignored).collect()
    }

    /// The log as it is afterwards.
    fn log_without(&self, log: &[Entry]) -> Vec<Entry> {
        let mut rewritten = self.rewritten(log).into_iter().peekable();
        let mut left = Vec::new();
        for entry in log {
            match rewritten.next_if(|(id, _)| *id == entry.id) {
                None => left.push(entry.clone()),
                Some((_, None)) => {}
                Some((_, Some(decision))) => left.push(Entry {
                    decision,
                    ..entry.clone()
                }),
            }
        }
        left
    }

    /// Everything that the person was ever called, and nobody else is.
    fn names_in(&self, log: &[Entry]) -> Vec<Vec<String>> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for entry in log {
            each(&entry.decision, &mut |decision| {
                names.extend(names_of(decision, &self.people));
            });
        }
        let decided = Decided::replay(log);
        for (person, of) in &decided.people {
            let theirs = of.name.iter().chain(&of.aliases).map(|name| folded(name));
            for name in theirs {
                if !self.people.contains(person) {
                    names.remove(&name);
                }
            }
        }
        let names = names.iter().map(|name| words_of(name));
        let names = names.map(|words| words.into_iter().map(|(_, word)| word).collect());
        names
            .filter(|words: &Vec<String>| !words.is_empty())
            .collect()
    }

    /// Whether a name of the person stands in a text.
    fn is_named_in(&self, text: &str) -> bool {
        self.redacted(text) != text
    }

    /// The entries that the log must hold instead: none where nothing is left of one. Entries that are
    /// not in the list stay.
    #[must_use]
    pub fn rewritten(&self, log: &[Entry]) -> Vec<(DecisionId, Option<Decision>)> {
        let mut dropped: BTreeSet<DecisionId> = BTreeSet::new();
        let mut rewritten = Vec::new();
        for entry in log {
            let now = match &entry.decision {
                Decision::Undo { decision } | Decision::Redo { decision }
                    if dropped.contains(decision) =>
                {
                    None
                }
                decision => self.without(decision),
            };
            if now.is_none() {
                dropped.insert(entry.id);
            }
            if now.as_ref() != Some(&entry.decision) {
                rewritten.push((entry.id, now));
            }
        }
        rewritten
    }

    /// The decision as far as it is not about the person.
    fn without(&self, decision: &Decision) -> Option<Decision> {
        let theirs = |person: &PersonId| self.people.contains(person);
        if !matches!(decision, Decision::Several { .. } | Decision::Import { .. })
            && decision.people().iter().any(theirs)
        {
            return None;
        }
        let mut now = decision.clone();
        let holds = match &mut now {
            Decision::Name {
                person,
                name,
                faces,
            } if self.is_name(name) => {
                let (person, faces) = (*person, self.fresh(faces));
                return (!faces.is_empty()).then_some(Decision::Confirm { person, faces });
            }
            Decision::Name { faces, .. }
            | Decision::Hide { faces, .. }
            | Decision::Merge { faces, .. }
            | Decision::Birthday { faces, .. } => {
                *faces = self.fresh(faces);
                true
            }
            Decision::Unname { name, .. } => {
                if self.is_name(name) {
                    NAMELESS.clone_into(name);
                }
                true
            }
            Decision::Aliases { aliases, faces, .. } => {
                aliases.retain(|alias| !self.is_name(alias));
                *faces = self.fresh(faces);
                true
            }
            Decision::Confirm { faces, .. } | Decision::Ignore { faces } => {
                *faces = self.fresh(faces);
                !faces.is_empty()
            }
            Decision::Reject { faces, others, .. } => {
                (*faces, *others) = (self.others(faces), self.others(others));
                !faces.is_empty()
            }
            Decision::Unsure { faces, others, .. } => {
                let of_groups = !others.is_empty();
                (*faces, *others) = (self.others(faces), self.others(others));
                // Without the other group it would be said of the person of that number.
                !faces.is_empty() && of_groups != others.is_empty()
            }
            Decision::BestFace {
                person,
                face,
                others,
            } => {
                *others = self.fresh(others);
                if self.faces.contains(face) || self.stale.contains(face) {
                    let (person, faces) = (*person, std::mem::take(others));
                    return (!faces.is_empty()).then_some(Decision::Confirm { person, faces });
                }
                true
            }
            Decision::Inherit { faces, .. } => {
                faces.retain(|(from, to)| !self.faces.contains(from) && !self.faces.contains(to));
                true
            }
            Decision::Draw { face } => !self.faces.contains(face),
            Decision::KeepNumber { faces, .. } => {
                *faces = self.others(faces);
                !faces.is_empty()
            }
            Decision::Album { name, .. } => {
                *name = self.redacted(name);
                true
            }
            Decision::SavedSearch { name, query, .. } => {
                *name = self.redacted(name);
                !self.is_named_in(query)
            }
            Decision::Several { decisions } => {
                let left = decisions.iter().filter_map(|each| self.without(each));
                let mut left: Vec<Decision> = left.collect();
                if left.len() == 1 {
                    return left.pop();
                }
                *decisions = left;
                !decisions.is_empty()
            }
            Decision::Import { answers } => {
                self.take_out(answers);
                !answers.is_empty()
            }
            _ => true,
        };
        holds.then_some(now)
    }

    fn take_out(&self, answers: &mut AnswerSet) {
        answers
            .people
            .retain(|of| !self.people.contains(&of.person));
        for of in &mut answers.people {
            of.name = of.name.take().filter(|name| !self.is_name(name));
            of.aliases.retain(|alias| !self.is_name(alias));
            of.best_face = of.best_face.filter(|face| !self.faces.contains(face));
            of.confirmed = self.fresh(&of.confirmed);
            for faces in [&mut of.rejected, &mut of.unsure] {
                *faces = self.others(faces);
            }
        }
        answers.people.retain(|of| !of.is_empty());
        answers.ignored = self.fresh(&answers.ignored);
        answers.drawn = self.others(&answers.drawn);
        answers.apart.retain_mut(|of| {
            of.from = self.others(&of.from);
            !of.from.is_empty() && !self.faces.contains(&of.face)
        });
        for group in answers.unsure_groups.iter_mut().flatten() {
            *group = self.others(group);
        }
        let whole = |groups: &[Vec<FaceId>; 2]| groups.iter().all(|group| !group.is_empty());
        answers.unsure_groups.retain(whole);
        for album in &mut answers.albums {
            album.name = self.redacted(&album.name);
        }
        let named = |query: &String| self.is_named_in(query);
        answers
            .albums
            .retain(|of| !of.query.as_ref().is_some_and(named));
    }

    fn others(&self, faces: &[FaceId]) -> Vec<FaceId> {
        let others = faces.iter().filter(|face| !self.faces.contains(face));
        others.copied().collect()
    }

    /// The same without the stale ones, for words that say whose faces are.
    fn fresh(&self, faces: &[FaceId]) -> Vec<FaceId> {
        let mut faces = self.others(faces);
        faces.retain(|face| !self.stale.contains(face));
        faces
    }

    fn is_name(&self, name: &str) -> bool {
        let words: Vec<String> = words_of(name).into_iter().map(|(_, word)| word).collect();
        self.names.contains(&words)
    }

    /// The text with an ellipsis in the place of each name, also of one with a genitive’s s.
    fn redacted(&self, text: &str) -> String {
        let words = words_of(text);
        let (mut redacted, mut copied, mut at) = (String::new(), 0, 0);
        while at < words.len() {
            let longest = self
                .names
                .iter()
                .filter(|name| begins_with(&words[at..], name))
                .map(Vec::len)
                .max();
            let Some(length) = longest else {
                at += 1;
                continue;
            };
            redacted += &text[copied..words[at].0.start];
            redacted += NAMELESS;
            copied = words[at + length - 1].0.end;
            at += length;
        }
        redacted + &text[copied..]
    }
}

type Word = (std::ops::Range<usize>, String);

/// The words of a text, where they are and in small letters: runs of letters and digits.
fn words_of(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for (at, letter) in text.char_indices() {
        if !letter.is_alphanumeric() {
            continue;
        }
        let end = at + letter.len_utf8();
        match words.last_mut() {
            Some((range, word)) if range.end == at => {
                range.end = end;
                word.extend(letter.to_lowercase());
            }
            _ => words.push((at..end, letter.to_lowercase().collect())),
        }
    }
    words
}

fn begins_with(words: &[Word], name: &[String]) -> bool {
    let same = |word: &str, part: &str, last: bool| {
        word == part || (last && word.strip_prefix(part) == Some("s"))
    };
    words.len() >= name.len()
        && words
            .iter()
            .zip(name)
            .enumerate()
            .all(|(at, ((_, word), part))| same(word, part, at + 1 == name.len()))
}

/// The parts of a decision, itself where it has none.
fn each(decision: &Decision, take: &mut dyn FnMut(&Decision)) {
    match decision {
        Decision::Several { decisions } => decisions.iter().for_each(|of| each(of, take)),
        single => take(single),
    }
}

/// What a decision calls one of these people, folded.
fn names_of(decision: &Decision, people: &BTreeSet<PersonId>) -> Vec<String> {
    match decision {
        Decision::Name { person, name, .. } | Decision::Unname { person, name }
            if people.contains(person) =>
        {
            vec![folded(name)]
        }
        Decision::Aliases {
            person, aliases, ..
        } if people.contains(person) => aliases.iter().map(|alias| folded(alias)).collect(),
        Decision::Import { answers } => {
            let theirs = answers.people.iter();
            let theirs = theirs.filter(|of| people.contains(&of.person));
            let names = theirs.flat_map(|of| of.name.iter().chain(&of.aliases));
            names.map(|name| folded(name)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::super::DecidedPerson;
    use super::super::decided::tests::{any_decision, log};
    use super::*;

    /// What is to be left of what the log says.
    fn without(mut decided: Decided, forgotten: &Forgotten) -> Decided {
        let Forgotten { people, faces, .. } = forgotten;
        let theirs =
            |(face, person): &(FaceId, PersonId)| people.contains(person) || faces.contains(face);
        decided.people.retain(|person, _| !people.contains(person));
        decided
            .confirmed
            .retain(|face, person| !theirs(&(*face, *person)));
        decided.rejected.retain(|pair| !theirs(pair));
        decided.unsure.retain(|pair| !theirs(pair));
        decided.ignored.retain(|face| !faces.contains(face));
        decided.drawn.retain(|face| !faces.contains(face));
        // Said of the person by a number that stood for a group: it goes with the person.
        decided.unsure_groups.clear();
        // A pair that was said to be one person, that one, comes apart again.
        decided.apart.clear();
        // What was not said for sure, and numbers that are free.
        decided.presumed.clear();
        decided.group_numbers.clear();
        decided.merged.clear();
        for of in decided.people.values_mut() {
            of.best_face = None;
        }
        // Somebody without a name or a face is nobody.
        let confirmed: BTreeSet<PersonId> = decided.confirmed.values().copied().collect();
        decided
            .people
            .retain(|person, of| confirmed.contains(person) || *of != DecidedPerson::default());
        for album in decided.albums.values_mut() {
            album.name = forgotten.redacted(&album.name);
        }
        decided
    }

    proptest! {
        #[test]
        fn forgetting_a_person_changes_nothing_of_others(
            said in prop::collection::vec(any_decision(), 0..16),
            undone in prop::collection::vec(1_usize..16, 0..4),
            person in 1_u32..6,
        ) {
            let mut said = said;
            // Commands say nothing more of somebody who went into another.
            let mut merged = BTreeSet::new();
            said.retain(|said| {
                let is_known = said.people().into_iter().all(|of| !merged.contains(&of));
                if let Decision::Merge { person, .. } = said
                    && is_known
                {
                    merged.insert(*person);
                }
                is_known
            });
            // Whom an undone merge had joined is forgotten with the person, whoever they are now.
            let undone = undone.into_iter().filter(|at| {
                said.get(at - 1).is_some_and(|said| !matches!(said, Decision::Merge { .. }))
            });
            for at in undone.collect::<Vec<_>>() {
                said.push(Decision::Undo { decision: at as u32 });
            }
            let log = log(&said);
            let before = Decided::replay(&log);
            if before.merged.contains(&person) {
                // Somebody who went into another is nobody who could be forgotten.
                return Ok(());
            }
            let theirs = before.confirmed.iter().filter(|(_, of)| **of == person);
            let faces = theirs.map(|(face, _)| *face).collect();
            let forgotten = Forgotten::person(&log, person, faces);
            let left = forgotten.log_without(&log);
            let after = Decided::replay(&left);
            prop_assert_eq!(
                without(after, &forgotten),
                without(before, &forgotten)
            );
            for entry in &left {
                for person in entry.decision.people() {
                    prop_assert!(!forgotten.people.contains(&person));
                }
                let text = serde_json::to_string(&entry.decision).unwrap();
                for name in &forgotten.names {
                    let quoted = format!("\"{}\"", name.join(" ").to_uppercase());
                    prop_assert!(!text.contains(&quoted), "{} in {}", quoted, text);
                }
            }
            prop_assert_eq!(forgotten.rewritten(&left), vec![]);
        }
    }

    #[test]
    fn names_are_taken_out_of_texts_and_only_they() {
        let forgotten = Forgotten {
            names: vec![vec!["anna".into()], vec!["anna".into(), "berg".into()]],
            ..Forgotten::default()
        };
        for (text, redacted) in [
            ("Anna", "…"),
            ("Annas Hochzeit", "… Hochzeit"),
            ("Anna’s and Ben’s", "…’s and Ben’s"),
            ("only anna berg, not Annabel", "only …, not Annabel"),
            ("Savannah", "Savannah"),
            ("", ""),
        ] {
            assert_eq!(forgotten.redacted(text), redacted);
        }
    }

    #[test]
    fn somebody_elses_word_holds_no_face_that_was_taken_from_them() {
        let entries = log(&[
            Decision::Name {
                person: 1,
                name: "Zoe".into(),
                faces: vec![1, 9],
            },
            Decision::Name {
                person: 5,
                name: "Anna".into(),
                faces: vec![5, 9],
            },
            Decision::Reject {
                person: 5,
                faces: vec![9],
                others: vec![],
            },
        ]);
        let forgotten = Forgotten::person(&entries, 5, [5].into());
        let left = Decided::replay(&forgotten.log_without(&entries));
        assert_eq!(left.confirmed, [(1, 1)].into());
        assert_eq!(entries[0].at, SystemTime::UNIX_EPOCH);
    }
}
