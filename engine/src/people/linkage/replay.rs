//! A run that is told and repeated: what of it a decision leaves as it was is not compared again.
//!
//! A decision is about a few faces, while a library has a hundred thousand. So the joins of a run
//! are kept, and the next run makes them without comparing anything, except around the faces of
//! which something else is said now: these groups are *awake*, and compared as in a first run. A
//! group wakes when it could be treated otherwise than it is told:
//!
//! - something else is said of one of its faces, or of its person, so that it is compared with
//!   others, or is on other photos;
//! - it is told to be joined with a group that is awake, and the two are not joined now;
//! - it is linked with a group that is other than it is told and belongs to a person, now or as it
//!   is told: whether that one is nearly as near decides whom it may join.
//!
//! When it wakes, the candidates that have had their turn stay refused: all that come before what
//! comes next, and before any join since both groups are as they are. So the outcome is that of a
//! first run, to the order of the joins; a property test of `grouping` says so.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::super::grouping::{GroupFace, founds};
use super::{Candidate, Linkage};
use crate::people::Decided;
use crate::{FaceId, PersonId};

/// A run that was made: what was decided then, and the joins in their order.
#[derive(Debug, PartialEq)]
pub(in crate::people) struct Told {
    pub(super) decided: Decided,
    pub(super) joins: Vec<Candidate>,
}

/// What of a run goes otherwise than it is told; by the groups' numbers.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Compared as in a first run.
    pub(super) awake: Vec<bool>,
    /// Other than the group of that number is told to be.
    pub(super) other: Vec<bool>,
    /// Linked with a group that is awake.
    pub(super) beside: Vec<bool>,
    /// The person it is told to be.
    pub(super) told_person: Vec<Option<PersonId>>,
    /// All groups of these people are awake.
    people: BTreeSet<PersonId>,
}

impl Linkage<'_> {
    /// What a next run can be told.
    pub(in crate::people) fn told(&mut self, decided: &Decided) -> Told {
        Told {
            decided: decided.clone(),
            joins: std::mem::take(&mut self.joins),
        }
    }

    /// Makes a join that is told, where nothing changed; where something did, the groups wake.
    pub(super) fn repeat(&mut self, candidate: Candidate) {
        let [a, b] = candidate.groups.map(|group| group as usize);
        let told = self.replay.told_person[a].or(self.replay.told_person[b]);
        self.replay.told_person[a] = told;
        if !self.replay.awake[a] && !self.replay.awake[b] {
            self.join(candidate);
            self.replay.beside[a] |= self.replay.beside[b];
            if self.replay.beside[a] {
                for with in self.relink(a) {
                    if self.replay.awake[with as usize] {
                        self.compare(a, with as usize);
                    }
                }
            }
            return;
        }
        for number in [a, b] {
            // It may have been joined to another group already.
            let Some(home) = self.group_of[number] else {
                continue;
            };
            self.wake(home, candidate);
            self.replay.other[number] = true;
            self.replay.other[home] = true;
            self.wake_around(home, candidate);
            if let Some(told) = told {
                self.wake_linked(home, candidate);
                self.wake_person(told, candidate);
            }
        }
    }

    /// What depends on a group that is other than it is told: all groups of its person, and all
    /// that could be kept from another person by being nearly as near to this one.
    pub(super) fn wake_around(&mut self, number: usize, now: Candidate) {
        let person = self.groups[number].as_ref().and_then(|group| group.person);
        if person.is_some() {
            self.wake_linked(number, now);
        }
        let told = self.replay.told_person[number];
        for person in [person, told].into_iter().flatten() {
            self.wake_person(person, now);
        }
    }

    fn wake_linked(&mut self, number: usize, now: Candidate) {
        for other in self.relink(number) {
            let group = self.groups[other as usize].as_ref();
            if group.is_some_and(|group| group.person.is_none()) {
                self.wake(other as usize, now);
            }
        }
    }

    fn wake_person(&mut self, person: PersonId, now: Candidate) {
        if !self.replay.people.insert(person) {
            return;
        }
        let is_theirs = |at: &usize| {
            let group = self.groups[*at].as_ref();
            !self.replay.awake[*at] && group.is_some_and(|group| group.person == Some(person))
        };
        let theirs: Vec<usize> = (0..self.groups.len()).filter(is_theirs).collect();
        for group in theirs {
            self.wake(group, now);
        }
    }

    /// Compares a group from now on; `now` is what comes next, or came last.
    fn wake(&mut self, number: usize, now: Candidate) {
        if self.replay.awake[number] {
            return;
        }
        self.replay.awake[number] = true;
        let linked = self.relink(number);
        for other in &linked {
            self.replay.beside[*other as usize] = true;
        }
        let asleep = |other: &&u32| !self.replay.awake[**other as usize];
        let candidates: Vec<Candidate> = linked
            .iter()
            .filter(asleep)
            .filter_map(|other| self.candidate(number, *other as usize))
            .filter(|candidate| !self.came_before(*candidate, now))
            .collect();
        self.heap.extend(candidates.into_iter().map(Reverse));
    }

    /// Whether a candidate of two groups that slept had its turn: all that is smaller than what
    /// comes next had, and all that is smaller than what came since both are as they are.
    fn came_before(&self, candidate: Candidate, now: Candidate) -> bool {
        let since = |group: u32| {
            self.groups[group as usize]
                .as_ref()
                .map(|group| group.since)
        };
        let since = candidate.groups.map(since).into_iter().flatten().max();
        let peak = self.peaks.iter().find(|(at, _)| Some(*at) >= since);
        candidate < now || peak.is_some_and(|(_, peak)| candidate < *peak)
    }

    /// What is said otherwise than when the run was made that is told.
    pub(super) fn wake_what_changed(
        &mut self,
        faces: &[GroupFace],
        decided: &Decided,
        told: &Told,
    ) {
        let before = &told.decided;
        let mut people = BTreeSet::new();
        let mut changed: BTreeSet<FaceId> = BTreeSet::new();
        for face in faces {
            let person = |decided: &Decided| decided.person_of(face.id);
            let (was, is) = (person(before), person(decided));
            if was != is {
                people.extend(was.into_iter().chain(is));
                changed.insert(face.id);
            }
        }
        changed.extend(before.ignored.symmetric_difference(&decided.ignored));
        let rejected = before.rejected.symmetric_difference(&decided.rejected);
        changed.extend(rejected.map(|(face, _)| face));
        let pairs: Vec<&(FaceId, FaceId)> = before.apart.union(&decided.apart).collect();
        let said_again = |pair: &(FaceId, FaceId)| {
            let holds = before.apart.contains(pair) && decided.apart.contains(pair);
            !holds || changed.contains(&pair.0) || changed.contains(&pair.1)
        };
        let of_pairs: Vec<FaceId> = pairs
            .into_iter()
            .filter(|pair| said_again(pair))
            .flat_map(|(a, b)| [*a, *b])
            .collect();
        changed.extend(of_pairs);

        let person_before =
            |face: &GroupFace| founds(face, before).then(|| before.person_of(face.id))?;
        self.replay.told_person = faces.iter().map(person_before).collect();
        self.replay.other = faces
            .iter()
            .map(|face| changed.contains(&face.id))
            .collect();
        let left_out = before.ignored.symmetric_difference(&decided.ignored);
        let left_out: Vec<FaceId> = left_out.copied().collect();
        let mut awake = vec![false; faces.len()];
        let position = |face: &FaceId| self.position(*face);
        let left_out: Vec<usize> = left_out.iter().filter_map(position).collect();
        for at in left_out {
            // With it, all that its copies are linked with.
            let graph = self.links.graph;
            for copy in graph.copies_of(at as u32) {
                self.replay.other[copy as usize] = true;
                for other in &graph.linked[copy as usize] {
                    awake[*other as usize] = true;
                }
            }
        }
        for at in (0..faces.len()).filter(|at| self.replay.other[*at]) {
            awake[at] = true;
            let group = self.groups[at].as_ref();
            let has_person = group.is_some_and(|group| group.person.is_some());
            if has_person || self.replay.told_person[at].is_some() {
                for other in group.into_iter().flat_map(|group| self.links.noted(group)) {
                    awake[other as usize] = true;
                }
            }
        }
        for (face, awake) in faces.iter().zip(&mut awake) {
            let of = [before, decided].map(|decided| decided.person_of(face.id));
            *awake |= of
                .into_iter()
                .flatten()
                .any(|person| people.contains(&person));
        }
        self.replay.people = people;
        self.replay.beside = vec![false; faces.len()];
        for at in (0..faces.len()).filter(|at| awake[*at]) {
            let group = self.groups[at].as_ref();
            for other in group.into_iter().flat_map(|group| self.links.noted(group)) {
                self.replay.beside[other as usize] = true;
            }
        }
        self.replay.awake = awake;
    }

    fn position(&self, face: FaceId) -> Option<usize> {
        self.face_ids.binary_search(&face).ok()
    }
}
