//! Average linkage on the neighbour graph, and the same again after a decision, from where it
//! changes anything.
//!
//! Groups start as single faces. Again and again the two groups with the smallest mean squared
//! distance between their faces are joined, as long as that mean stays below the threshold and
//! nothing speaks against it. For unit vectors the mean over all pairs of two groups is
//! `2 − 2·S_a·S_b / (n_a·n_b)` with `S` the sum of a group's vectors, so that one product of 128
//! numbers gives it exactly, whatever the groups' size; the mean of the metric's corrections is
//! taken off. Only groups that are linked in the graph are compared.
//!
//! A person of whom the user said something may have several groups, one for each of their looks:
//! the child of two and of twelve. A new face joins the nearest look, not the middle of all. Where
//! a second person is nearly as near, it joins neither, and the user is asked.
//!
//! A decision is about a few faces, while a library has a hundred thousand. So the joins of a run
//! are kept ([`Told`]), and the next run repeats them without comparing anything, except around the
//! faces of which something else is said now: these groups are *awake*, and compared as in a first
//! run. A group wakes when it could be treated otherwise than it is told, so that the outcome is
//! that of a first run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use jiff::civil::Date;
use kith_models::{EMBEDDING_LEN, Embedding};
use rayon::prelude::*;

use super::grouping::{GroupFace, founds};
use super::{Decided, FOUNDING_QUALITY, Metric};
use crate::index::FaceIndex;
use crate::{FaceId, PersonId, PhotoId};

/// A face that is nearer to one person than to another by less than this is neither's: it is asked
/// about.
const NEARLY_AS_NEAR: f32 = 0.1;

/// Groups of one person are one look below this mean distance.
const ANOTHER_LOOK: f32 = 1.3;

/// A corrected distance is never below the negative of this.
const LOWEST: f32 = 8.0;

/// A group in the making. Its number is the position of its first face.
#[derive(Debug, Clone)]
pub(super) struct Group {
    sum: [f32; EMBEDDING_LEN],
    /// Sum of what is taken off its faces' distances.
    offset: f32,
    pub(super) members: Vec<usize>,
    pub(super) person: Option<PersonId>,
    /// The photos it is on, in order.
    photos: Vec<PhotoId>,
    /// The days that its photos were taken on, in order.
    pub(super) days: Vec<Date>,
    /// People that a member is surely not.
    not_people: BTreeSet<PersonId>,
    /// Faces that a member is surely not the same person as.
    not_faces: BTreeSet<FaceId>,
    /// The groups it is compared with, in order.
    pub(super) linked: Vec<u32>,
    /// Rises with each join, so that older comparisons are known to be out of date.
    version: u32,
    /// How many joins had been made when it came to be as it is.
    since: usize,
}

impl Group {
    pub(super) fn mean_distance(&self, other: &Self) -> f32 {
        mean_distance(
            (&self.sum, self.members.len(), self.offset),
            (&other.sum, other.members.len(), other.offset),
        )
    }
}

/// The mean distance of two groups, each given by its sum, its size and the sum of what is taken
/// off.
fn mean_distance(a: (&Embedding, usize, f32), b: (&Embedding, usize, f32)) -> f32 {
    let (count, others) = (a.1 as f32, b.1 as f32);
    2.0 - 2.0 * dot(a.0, b.0) / (count * others) - (a.2 / count + b.2 / others)
}

pub(super) fn dot(a: &Embedding, b: &Embedding) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Two groups to compare; the smallest distance comes first, then the oldest faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Bits of [`LOWEST`] and a distance, which is not negative: they sort as the number does.
    distance: u32,
    groups: [u32; 2],
    versions: [u32; 2],
}

impl Candidate {
    fn new(distance: f32, groups: [u32; 2], versions: [u32; 2]) -> Self {
        Self {
            distance: (distance + LOWEST).max(0.0).to_bits(),
            groups,
            versions,
        }
    }
}

/// Which faces are compared at first: each good one with its neighbours.
#[derive(Debug)]
pub(super) struct Graph {
    /// For each face the others, in order; by position.
    linked: Vec<Vec<u32>>,
    /// Faces with the same code share a point of the index: they are chained to the first, which
    /// speaks for all.
    copies: BTreeMap<u32, Vec<u32>>,
}

impl Graph {
    pub(super) fn of(faces: &[GroupFace], index: &FaceIndex) -> Self {
        let mut first_at: HashMap<u32, u32> = HashMap::new();
        let mut copies: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut points: Vec<(u32, u32)> = Vec::new();
        let mut linked: Vec<Vec<u32>> = vec![Vec::new(); faces.len()];
        let good = |face: &GroupFace| face.quality >= FOUNDING_QUALITY;
        for (position, face) in faces.iter().enumerate().filter(|(_, face)| good(face)) {
            let Some(point) = index.point(&face.code) else {
                continue;
            };
            if let Some(first) = first_at.get(&point) {
                copies.entry(*first).or_default().push(position as u32);
                linked[*first as usize].push(position as u32);
                linked[position].push(*first);
            } else {
                first_at.insert(point, position as u32);
                points.push((point, position as u32));
            }
        }
        for (point, position) in points {
            for (neighbour, _) in index.neighbours(point) {
                if let Some(other) = first_at.get(neighbour) {
                    linked[position as usize].push(*other);
                    linked[*other as usize].push(position);
                }
            }
        }
        linked.par_iter_mut().for_each(|linked| {
            linked.sort_unstable();
            linked.dedup();
            linked.shrink_to_fit();
        });
        Self { linked, copies }
    }

    /// The pairs of faces that are nearer than `threshold`.
    pub(super) fn near(&self, metric: &Metric, threshold: f32) -> Vec<Candidate> {
        let single = |face: u32| (metric.point(face as usize), 1, metric.offset(face as usize));
        let near = |face: usize| {
            let face = face as u32;
            let others = self.linked[face as usize].iter();
            others
                .filter(move |other| face < **other)
                .filter_map(move |other| {
                    let distance = mean_distance(single(face), single(*other));
                    (distance < threshold).then(|| Candidate::new(distance, [face, *other], [0, 0]))
                })
        };
        (0..self.linked.len())
            .into_par_iter()
            .flat_map_iter(near)
            .collect()
    }

    /// The faces with the same code, with itself.
    fn copies_of(&self, face: u32) -> Vec<u32> {
        let first = self.linked[face as usize].iter().find(|first| {
            let copies = self.copies.get(first);
            copies.is_some_and(|copies| copies.contains(&face))
        });
        let first = first.copied().unwrap_or(face);
        let mut all = self.copies.get(&first).cloned().unwrap_or_default();
        all.push(first);
        all
    }

    /// The links without the faces at `left_out`; where one of them spoke for its copies, the next
    /// of these does. These new links are returned, too.
    fn without(&self, left_out: &BTreeSet<u32>) -> (Vec<Vec<u32>>, Vec<[u32; 2]>) {
        let mut linked = self.linked.clone();
        let mut new = Vec::new();
        for face in left_out {
            let others = std::mem::take(&mut linked[*face as usize]);
            for other in &others {
                remove(&mut linked[*other as usize], *face);
            }
            let Some(copies) = self.copies.get(face) else {
                continue;
            };
            let mut copies = copies.iter().filter(|copy| !left_out.contains(copy));
            let Some(first) = copies.next() else { continue };
            for other in others {
                if other != *first && !left_out.contains(&other) {
                    insert(&mut linked[*first as usize], other);
                    insert(&mut linked[other as usize], *first);
                    new.push([*first, other]);
                }
            }
        }
        (linked, new)
    }
}

/// A run that was made: what was decided then, and the joins in their order.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    decided: Decided,
    joins: Vec<Candidate>,
}

/// The groups in the making.
pub(super) struct Linkage<'a> {
    metric: &'a Metric,
    graph: &'a Graph,
    /// Groups are joined below this mean distance.
    pub(super) threshold: f32,
    /// Below this one, even two that are on one photo.
    twice_on_a_photo: f32,
    pub(super) groups: Vec<Option<Group>>,
    /// The group of each face, by position; none for faces left out so far.
    pub(super) group_of: Vec<Option<usize>>,
    /// The photos that each person of whom the user said something is on, in any of their groups,
    /// in order.
    photos_of: BTreeMap<PersonId, Vec<PhotoId>>,
    /// Faces that each face is surely not the same person as.
    apart: BTreeMap<FaceId, BTreeSet<FaceId>>,
    face_ids: Vec<FaceId>,
    heap: BinaryHeap<Reverse<Candidate>>,
    /// The joins made so far.
    joins: Vec<Candidate>,
    /// Of these the largest since each moment: places in `joins`, falling candidates.
    peaks: Vec<(usize, Candidate)>,
    /// Links that are there only because a face is left out.
    new_links: Vec<[u32; 2]>,
    replay: Replay,
}

/// What of a run goes otherwise than it is told; by the groups' numbers.
#[derive(Debug, Default)]
struct Replay {
    /// Compared as in a first run.
    awake: Vec<bool>,
    /// Other than the group of that number is told to be.
    other: Vec<bool>,
    /// The person it is told to be.
    told_person: Vec<Option<PersonId>>,
    /// All groups of these people are awake.
    people: BTreeSet<PersonId>,
}

impl<'a> Linkage<'a> {
    /// A group for each face that is neither ignored nor too poor to found one.
    pub(super) fn new(
        faces: &[GroupFace],
        decided: &Decided,
        metric: &'a Metric,
        graph: &'a Graph,
        [threshold, twice_on_a_photo]: [f32; 2],
    ) -> Self {
        let left_out = |(_, face): &(u32, &GroupFace)| decided.ignored.contains(&face.id);
        let left_out: BTreeSet<u32> = if decided.ignored.is_empty() {
            BTreeSet::new()
        } else {
            (0..).zip(faces).filter(left_out).map(|of| of.0).collect()
        };
        let (linked, new_links) = graph.without(&left_out);
        let mut linkage = Self {
            metric,
            graph,
            threshold,
            twice_on_a_photo,
            groups: Vec::with_capacity(faces.len()),
            group_of: vec![None; faces.len()],
            photos_of: BTreeMap::new(),
            apart: partners(decided),
            face_ids: faces.iter().map(|face| face.id).collect(),
            heap: BinaryHeap::new(),
            joins: Vec::new(),
            peaks: Vec::new(),
            new_links,
            replay: Replay::default(),
        };
        for (position, (face, linked)) in faces.iter().zip(linked).enumerate() {
            let person = decided.confirmed.get(&face.id).copied();
            if let Some(person) = person {
                linkage
                    .photos_of
                    .entry(person)
                    .or_default()
                    .push(face.photo);
            }
            let single = founds(face, decided).then(|| {
                linkage.group_of[position] = Some(position);
                Group {
                    linked,
                    ..linkage.single(position, face, person, decided)
                }
            });
            linkage.groups.push(single);
        }
        for photos in linkage.photos_of.values_mut() {
            photos.sort_unstable();
            photos.dedup();
        }
        linkage
    }

    /// A group of one face.
    pub(super) fn single(
        &self,
        position: usize,
        face: &GroupFace,
        person: Option<PersonId>,
        decided: &Decided,
    ) -> Group {
        let id = face.id;
        let rejected = decided.rejected.range((id, 0)..=(id, u32::MAX));
        let mut not_people: BTreeSet<PersonId> = rejected.map(|pair| pair.1).collect();
        let not_faces = self.apart.get(&id).cloned().unwrap_or_default();
        // Held apart from a face is held apart from its person, whatever they look like elsewhere.
        let of_faces = not_faces.iter().filter_map(|of| decided.confirmed.get(of));
        not_people.extend(of_faces.filter(|of| Some(**of) != person));
        Group {
            sum: *self.metric.point(position),
            offset: self.metric.offset(position),
            members: vec![position],
            person,
            photos: vec![face.photo],
            days: face.day.into_iter().collect(),
            not_people,
            not_faces,
            linked: Vec::new(),
            version: 0,
            since: 0,
        }
    }

    /// Joins what belongs together. `near` are the pairs of single faces below the threshold;
    /// `told` a run over the same faces.
    pub(super) fn run(
        &mut self,
        near: &[Candidate],
        faces: &[GroupFace],
        decided: &Decided,
        told: Option<&Told>,
    ) {
        match told {
            None => {
                self.replay.awake = vec![true; faces.len()];
                self.replay.other = vec![true; faces.len()];
                self.replay.told_person = vec![None; faces.len()];
            }
            Some(told) => self.wake_what_changed(faces, decided, told),
        }
        self.begin(near);
        let mut told = told.map_or(&[][..], |told| &told.joins).iter().peekable();
        loop {
            let awake = self.heap.peek().map(|next| next.0);
            match (told.peek().copied().copied(), awake) {
                (None, None) => break,
                (Some(next), awake) if awake.is_none_or(|awake| next < awake) => {
                    told.next();
                    self.repeat(next);
                }
                (next, _) => {
                    let Some(Reverse(candidate)) = self.heap.pop() else {
                        break;
                    };
                    // The same as it is told: not another join.
                    let is_told = next == Some(candidate);
                    if self.try_join(candidate, is_told) && is_told {
                        told.next();
                    }
                }
            }
        }
    }

    /// What a next run can be told.
    pub(super) fn told(&mut self, decided: &Decided) -> Told {
        Told {
            decided: decided.clone(),
            joins: std::mem::take(&mut self.joins),
        }
    }

    /// The first candidates: all pairs with a group that is awake.
    fn begin(&mut self, near: &[Candidate]) {
        let awake = &self.replay.awake;
        let there = |face: u32| self.groups[face as usize].is_some();
        let first = near.iter().filter(|candidate| {
            let [a, b] = candidate.groups;
            (awake[a as usize] || awake[b as usize]) && there(a) && there(b)
        });
        self.heap = first.copied().map(Reverse).collect();
        for [a, b] in std::mem::take(&mut self.new_links) {
            self.compare(a as usize, b as usize);
        }
        // Looks of one person are compared beyond the threshold.
        for at in 0..self.groups.len() {
            let Some(group) = &self.groups[at] else {
                continue;
            };
            if group.person.is_none() || !self.replay.awake[at] {
                continue;
            }
            let one_person = |other: &&u32| {
                let other = self.groups[**other as usize].as_ref();
                other.is_some_and(|other| other.person == group.person)
            };
            let looks: Vec<u32> = group.linked.iter().filter(one_person).copied().collect();
            for other in looks {
                self.compare(at, other as usize);
            }
        }
    }

    fn candidate(&self, a: usize, b: usize) -> Option<Candidate> {
        let (a, b) = (a.min(b), a.max(b));
        let (group_a, group_b) = (self.groups[a].as_ref()?, self.groups[b].as_ref()?);
        let distance = group_a.mean_distance(group_b);
        let one_person = group_a.person.is_some() && group_a.person == group_b.person;
        let threshold = if one_person {
            ANOTHER_LOOK
        } else {
            self.threshold
        };
        let versions = [group_a.version, group_b.version];
        (distance < threshold).then(|| Candidate::new(distance, [a as u32, b as u32], versions))
    }

    fn compare(&mut self, a: usize, b: usize) {
        self.heap.extend(self.candidate(a, b).map(Reverse));
    }

    /// Joins the two of a candidate that came first, if they may be joined; says whether they were.
    fn try_join(&mut self, candidate: Candidate, is_told: bool) -> bool {
        let [a, b] = candidate.groups.map(|group| group as usize);
        let (Some(group_a), Some(group_b)) = (&self.groups[a], &self.groups[b]) else {
            return false;
        };
        let up_to_date = [group_a.version, group_b.version] == candidate.versions;
        if !up_to_date || !self.may_join(group_a, group_b) {
            return false;
        }
        let other = !is_told || self.replay.other[a] || self.replay.other[b];
        if is_told {
            let told = self.replay.told_person[b];
            self.replay.told_person[a] = self.replay.told_person[a].or(told);
        }
        self.join(candidate);
        self.replay.awake[a] = true;
        self.replay.awake[b] = true;
        self.replay.other[a] = other;
        self.replay.other[b] = true;
        let linked = self.groups[a].as_ref().map(|group| group.linked.clone());
        for with in linked.into_iter().flatten() {
            self.compare(a, with as usize);
        }
        if other {
            self.wake_around(a, candidate);
        }
        true
    }

    /// Makes a join that is told, where nothing changed; where something did, the groups wake.
    fn repeat(&mut self, candidate: Candidate) {
        let [a, b] = candidate.groups.map(|group| group as usize);
        let told = self.replay.told_person[a].or(self.replay.told_person[b]);
        self.replay.told_person[a] = told;
        if !self.replay.awake[a] && !self.replay.awake[b] {
            self.join(candidate);
            let linked = self.groups[a].as_ref().map(|group| group.linked.clone());
            for with in linked.into_iter().flatten() {
                if self.replay.awake[with as usize] {
                    self.compare(a, with as usize);
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
    fn wake_around(&mut self, number: usize, now: Candidate) {
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
        let linked = self.groups[number]
            .as_ref()
            .map(|group| group.linked.clone());
        for other in linked.into_iter().flatten() {
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
        let Some(group) = &self.groups[number] else {
            return;
        };
        let asleep = |other: &&u32| !self.replay.awake[**other as usize];
        let candidates: Vec<Candidate> = group
            .linked
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
    fn wake_what_changed(&mut self, faces: &[GroupFace], decided: &Decided, told: &Told) {
        let before = &told.decided;
        let mut people = BTreeSet::new();
        let mut changed: BTreeSet<FaceId> = BTreeSet::new();
        for face in faces {
            let person = |decided: &Decided| decided.confirmed.get(&face.id).copied();
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

        let person_before = |face: &GroupFace| {
            founds(face, before).then(|| before.confirmed.get(&face.id).copied())?
        };
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
            let graph = self.graph;
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
                for other in group.into_iter().flat_map(|group| &group.linked) {
                    awake[*other as usize] = true;
                }
            }
        }
        for (face, awake) in faces.iter().zip(&mut awake) {
            let of = [before, decided].map(|decided| decided.confirmed.get(&face.id));
            *awake |= of
                .into_iter()
                .flatten()
                .any(|person| people.contains(person));
        }
        self.replay.people = people;
        self.replay.awake = awake;
    }

    fn position(&self, face: FaceId) -> Option<usize> {
        self.face_ids.binary_search(&face).ok()
    }

    pub(super) fn may_join(&self, a: &Group, b: &Group) -> bool {
        if let (Some(person), Some(other)) = (a.person, b.person) {
            return person == other;
        }
        let distance = a.mean_distance(b);
        let twice = distance >= self.twice_on_a_photo && self.on_one_photo(a, b);
        !twice && !self.barred(a, b) && !self.between_people(a, b, distance)
    }

    /// Whether the user said that they are not one person.
    pub(super) fn barred(&self, a: &Group, b: &Group) -> bool {
        let bars = |a: &Group, b: &Group| {
            b.person
                .is_some_and(|person| a.not_people.contains(&person))
                || (!a.not_faces.is_empty()
                    && b.members
                        .iter()
                        .any(|member| a.not_faces.contains(&self.face_ids[*member])))
        };
        bars(a, b) || bars(b, a)
    }

    pub(super) fn on_one_photo(&self, a: &Group, b: &Group) -> bool {
        let (a, b) = (self.photos(a), self.photos(b));
        let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
        few.iter().any(|photo| many.binary_search(photo).is_ok())
    }

    /// The photos that the group, or its person, is on.
    fn photos<'g>(&'g self, group: &'g Group) -> &'g [PhotoId] {
        group
            .person
            .and_then(|person| self.photos_of.get(&person))
            .unwrap_or(&group.photos)
    }

    /// Whether one of the two belongs to a person, and another person is nearly as near to the
    /// other one.
    fn between_people(&self, a: &Group, b: &Group, distance: f32) -> bool {
        let (person, alone) = match (a.person, b.person) {
            (Some(person), None) => (person, b),
            (None, Some(person)) => (person, a),
            _ => return false,
        };
        let others = alone.linked.iter();
        let mut others = others.filter_map(|other| self.groups[*other as usize].as_ref());
        others.any(|other| {
            other.person.is_some_and(|other| other != person)
                && alone.mean_distance(other) < distance + NEARLY_AS_NEAR
                && !self.barred(alone, other)
        })
    }

    /// Joins the second group to the first, which has the older first face.
    fn join(&mut self, candidate: Candidate) {
        let [a, b] = candidate.groups.map(|group| group as usize);
        let (Some(mut joined), Some(gone)) = (self.groups[a].take(), self.groups[b].take()) else {
            return;
        };
        while self.peaks.pop_if(|(_, peak)| *peak < candidate).is_some() {}
        self.peaks.push((self.joins.len(), candidate));
        self.joins.push(candidate);
        for member in &gone.members {
            self.group_of[*member] = Some(a);
        }
        if let Some(person) = joined.person.or(gone.person) {
            let photos = self.photos_of.entry(person).or_default();
            merge(photos, &joined.photos);
            merge(photos, &gone.photos);
        }
        let (number, gone_number) = (a as u32, b as u32);
        for other in &gone.linked {
            if let Some(group) = &mut self.groups[*other as usize] {
                remove(&mut group.linked, gone_number);
                insert(&mut group.linked, number);
            }
        }
        absorb(&mut joined, gone);
        remove(&mut joined.linked, number);
        remove(&mut joined.linked, gone_number);
        joined.since = self.joins.len();
        self.groups[a] = Some(joined);
    }

    /// Notes that a face that founds nothing is on a photo with the group.
    pub(super) fn note_photo(&mut self, home: usize, photo: PhotoId) {
        if let Some(group) = &mut self.groups[home] {
            let photos = match group.person {
                Some(person) => self.photos_of.entry(person).or_default(),
                None => &mut group.photos,
            };
            merge(photos, &[photo]);
        }
    }

    /// The number of the face at a position.
    pub(super) fn face_id(&self, position: usize) -> FaceId {
        self.face_ids[position]
    }

    /// The groups, by their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Group)> {
        let groups = self.groups.iter().enumerate();
        groups.filter_map(|(number, group)| Some((number, group.as_ref()?)))
    }
}

/// The faces that each face is held apart from.
fn partners(decided: &Decided) -> BTreeMap<FaceId, BTreeSet<FaceId>> {
    let mut partners: BTreeMap<FaceId, BTreeSet<FaceId>> = BTreeMap::new();
    for (a, b) in &decided.apart {
        partners.entry(*a).or_default().insert(*b);
        partners.entry(*b).or_default().insert(*a);
    }
    partners
}

fn absorb(group: &mut Group, mut other: Group) {
    for (sum, more) in group.sum.iter_mut().zip(&other.sum) {
        *sum += more;
    }
    group.offset += other.offset;
    group.members.append(&mut other.members);
    group.person = group.person.or(other.person);
    merge(&mut group.photos, &other.photos);
    merge(&mut group.days, &other.days);
    group.not_people.append(&mut other.not_people);
    group.not_faces.append(&mut other.not_faces);
    merge(&mut group.linked, &other.linked);
    group.version += 1;
}

/// Adds what is not there yet; both are in order, and stay so.
fn merge<T: Ord + Copy>(into: &mut Vec<T>, more: &[T]) {
    if let [one] = more {
        insert(into, *one);
        return;
    }
    into.extend_from_slice(more);
    // Two runs in order: that is what the sort looks for.
    into.sort();
    into.dedup();
}

fn insert<T: Ord + Copy>(into: &mut Vec<T>, one: T) {
    if let Err(at) = into.binary_search(&one) {
        into.insert(at, one);
    }
}

fn remove<T: Ord + Copy>(from: &mut Vec<T>, one: T) {
    if let Ok(at) = from.binary_search(&one) {
        from.remove(at);
    }
}
