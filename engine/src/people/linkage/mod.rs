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
//! After a decision the run before is repeated, but for what the decision changes: see [`replay`].

mod replay;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use jiff::civil::Date;
use kith_models::{EMBEDDING_LEN, Embedding};
use rayon::prelude::*;

use self::replay::Replay;
pub(super) use self::replay::Told;
use super::grouping::{GroupFace, founds};
use super::limits::Limits;
use super::{Decided, FOUNDING_QUALITY};
use crate::index::FaceIndex;
use crate::{FaceId, PersonId, PhotoId};

/// A face that is nearer to one person than to another by less than this is neither's: it is asked
/// about.
const NEARLY_AS_NEAR: f32 = 0.1;

/// Groups of one person are one look below this mean distance. The smaller it is, the more the
/// single faces of a person count when it is asked who a group is: on families, 92 of 193 questions
/// about people with answers named the right one with 0.6, and 82 with 1.3.
const ANOTHER_LOOK: f32 = 0.6;

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
    /// The groups it is compared with, by their numbers when that was noted: some are joined to
    /// others since, or to this one. None while it was never noted: then they are those of its faces.
    /// See [`Linkage::linked`].
    noted: Option<Vec<u32>>,
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

    /// The pairs of faces that are near enough to be joined, the nearest first.
    pub(super) fn near(&self, faces: &[GroupFace], limits: Limits<'_>) -> Vec<Candidate> {
        let metric = limits.metric;
        let single = |face: u32| (metric.point(face as usize), 1, metric.offset(face as usize));
        let day = |face: u32| faces[face as usize].day;
        let near = |face: usize| {
            let face = face as u32;
            let others = self.linked[face as usize].iter();
            others
                .filter(move |other| face < **other)
                .filter_map(move |other| {
                    let distance = mean_distance(single(face), single(*other));
                    let days = [face, *other].map(day);
                    let near = limits.hold(distance, days[0].as_slice(), days[1].as_slice());
                    near.then(|| Candidate::new(distance, [face, *other], [0, 0]))
                })
        };
        let near = (0..self.linked.len()).into_par_iter().flat_map_iter(near);
        let mut near: Vec<Candidate> = near.collect();
        near.shrink_to_fit();
        near.par_sort_unstable();
        near
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
    fn without(&self, left_out: &BTreeSet<u32>) -> (Links<'_>, Vec<[u32; 2]>) {
        let mut links = Links {
            graph: self,
            instead: BTreeMap::new(),
        };
        let mut new = Vec::new();
        for face in left_out {
            let others = std::mem::take(links.of_mut(*face));
            for other in &others {
                remove(links.of_mut(*other), *face);
            }
            let Some(copies) = self.copies.get(face) else {
                continue;
            };
            let mut copies = copies.iter().filter(|copy| !left_out.contains(copy));
            let Some(first) = copies.next() else { continue };
            for other in others {
                if other != *first && !left_out.contains(&other) {
                    insert(links.of_mut(*first), other);
                    insert(links.of_mut(other), *first);
                    new.push([*first, other]);
                }
            }
        }
        (links, new)
    }
}

/// The graph as it is without some faces.
#[derive(Debug)]
struct Links<'a> {
    graph: &'a Graph,
    /// The others of those faces that have not the same as in the graph.
    instead: BTreeMap<u32, Vec<u32>>,
}

impl Links<'_> {
    /// The faces that a face is compared with, in order.
    fn of(&self, face: u32) -> &[u32] {
        let own = self.instead.get(&face);
        own.unwrap_or_else(|| &self.graph.linked[face as usize])
    }

    fn of_mut(&mut self, face: u32) -> &mut Vec<u32> {
        let own = || self.graph.linked[face as usize].clone();
        self.instead.entry(face).or_insert_with(own)
    }

    /// The groups that a group is compared with, as it was noted, or else its faces' links.
    fn noted<'g>(&'g self, group: &'g Group) -> impl Iterator<Item = u32> + 'g {
        let members = if group.noted.is_none() {
            &group.members[..]
        } else {
            &[]
        };
        let of_members = members.iter().flat_map(|member| self.of(*member as u32));
        let noted = group.noted.iter().flatten();
        noted.chain(of_members).copied()
    }
}

/// The groups in the making.
pub(super) struct Linkage<'a> {
    pub(super) limits: Limits<'a>,
    links: Links<'a>,
    pub(super) groups: Vec<Option<Group>>,
    /// The group of each face, by position; none for faces left out so far.
    pub(super) group_of: Vec<Option<usize>>,
    /// The photos that each person of whom the user said something is on, in any of their groups,
    /// in order.
    photos_of: BTreeMap<PersonId, Vec<PhotoId>>,
    /// The faces that a face in any of their groups is held apart from.
    not_faces_of: BTreeMap<PersonId, BTreeSet<FaceId>>,
    /// Faces that each face is surely not the same person as.
    apart: BTreeMap<FaceId, BTreeSet<FaceId>>,
    face_ids: Vec<FaceId>,
    /// What is compared at first, the last first.
    first: Vec<Candidate>,
    /// What is compared since: apart, as a heap of all would not fit into the processor's cache.
    heap: BinaryHeap<Reverse<Candidate>>,
    /// The joins made so far.
    joins: Vec<Candidate>,
    /// Of these the largest since each moment: places in `joins`, falling candidates.
    peaks: Vec<(usize, Candidate)>,
    /// Links that are there only because a face is left out.
    new_links: Vec<[u32; 2]>,
    replay: Replay,
}

impl<'a> Linkage<'a> {
    /// A group for each face that is neither ignored nor too poor to found one.
    pub(super) fn new(
        faces: &[GroupFace],
        decided: &Decided,
        limits: Limits<'a>,
        graph: &'a Graph,
    ) -> Self {
        let left_out = |(_, face): &(u32, &GroupFace)| decided.ignored.contains(&face.id);
        let left_out: BTreeSet<u32> = if decided.ignored.is_empty() {
            BTreeSet::new()
        } else {
            (0..).zip(faces).filter(left_out).map(|of| of.0).collect()
        };
        let (links, new_links) = graph.without(&left_out);
        let mut linkage = Self {
            limits,
            links,
            groups: Vec::new(),
            group_of: Vec::new(),
            photos_of: BTreeMap::new(),
            not_faces_of: BTreeMap::new(),
            apart: partners(decided),
            face_ids: faces.iter().map(|face| face.id).collect(),
            first: Vec::new(),
            heap: BinaryHeap::new(),
            joins: Vec::new(),
            peaks: Vec::new(),
            new_links,
            replay: Replay::default(),
        };
        let person = |face: &GroupFace| decided.person_of(face.id);
        for face in faces {
            if let Some(person) = person(face) {
                let photos = linkage.photos_of.entry(person).or_default();
                photos.push(face.photo);
            }
        }
        for photos in linkage.photos_of.values_mut() {
            photos.sort_unstable();
            photos.dedup();
        }
        let single = |(position, face)| {
            founds(face, decided).then(|| linkage.single(position, face, person(face), decided))
        };
        let singles = faces.par_iter().enumerate();
        let groups: Vec<Option<Group>> = singles.map(single).collect();
        let numbers = groups.iter().zip(0..);
        linkage.group_of = numbers
            .map(|(group, at)| group.as_ref().map(|_| at))
            .collect();
        linkage.groups = groups;
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
        let of_faces = not_faces.iter().filter_map(|of| decided.person_of(*of));
        not_people.extend(of_faces.filter(|of| Some(*of) != person));
        Group {
            sum: *self.limits.metric.point(position),
            offset: self.limits.metric.offset(position),
            members: vec![position],
            person,
            photos: vec![face.photo],
            days: face.day.into_iter().collect(),
            not_people,
            not_faces,
            noted: None,
            version: 0,
            since: 0,
        }
    }

    /// Joins what belongs together. `near` are the pairs of single faces below the threshold, in order;
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
                self.replay.beside = vec![true; faces.len()];
                self.replay.told_person = vec![None; faces.len()];
            }
            Some(told) => self.wake_what_changed(faces, decided, told),
        }
        self.begin(near);
        let mut told = told.map_or(&[][..], |told| &told.joins).iter().peekable();
        loop {
            let awake = self.next();
            match (told.peek().copied().copied(), awake) {
                (None, None) => break,
                (Some(next), awake) if awake.is_none_or(|awake| next < awake) => {
                    told.next();
                    self.repeat(next);
                }
                (next, _) => {
                    let Some(candidate) = self.take_next() else {
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

    /// The first candidates: all pairs with a group that is awake. Looks of one person have a
    /// threshold of their own.
    fn begin(&mut self, near: &[Candidate]) {
        let awake = &self.replay.awake;
        let group = |face: u32| self.groups[face as usize].as_ref();
        let first = near.iter().filter(|candidate| {
            let [a, b] = candidate.groups;
            let (Some(group_a), Some(group_b)) = (group(a), group(b)) else {
                return false;
            };
            let one_person = group_a.person.is_some() && group_a.person == group_b.person;
            !one_person && (awake[a as usize] || awake[b as usize])
        });
        self.first = first.rev().copied().collect();
        for [a, b] in std::mem::take(&mut self.new_links) {
            self.compare(a as usize, b as usize);
        }
        for at in 0..self.groups.len() {
            let Some(group) = &self.groups[at] else {
                continue;
            };
            if group.person.is_none() || !self.replay.awake[at] {
                continue;
            }
            let one_person = |other: &u32| {
                let other = self.groups[*other as usize].as_ref();
                other.is_some_and(|other| other.person == group.person)
            };
            let looks: Vec<u32> = self.links.noted(group).filter(one_person).collect();
            for other in looks {
                self.compare(at, other as usize);
            }
        }
    }

    /// The candidate that comes next.
    fn next(&self) -> Option<Candidate> {
        let (first, since) = (self.first.last(), self.heap.peek());
        first
            .into_iter()
            .chain(since.map(|of| &of.0))
            .min()
            .copied()
    }

    fn take_next(&mut self) -> Option<Candidate> {
        let next = self.next()?;
        if self.first.last() == Some(&next) {
            return self.first.pop();
        }
        self.heap.pop().map(|of| of.0)
    }

    fn candidate(&self, a: usize, b: usize) -> Option<Candidate> {
        let (a, b) = (a.min(b), a.max(b));
        let (group_a, group_b) = (self.groups[a].as_ref()?, self.groups[b].as_ref()?);
        let distance = group_a.mean_distance(group_b);
        let one_person = group_a.person.is_some() && group_a.person == group_b.person;
        let near = if one_person {
            distance < ANOTHER_LOOK
        } else {
            self.near_enough(group_a, group_b, distance)
        };
        let versions = [group_a.version, group_b.version];
        near.then(|| Candidate::new(distance, [a as u32, b as u32], versions))
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
        for with in self.relink(a) {
            self.replay.beside[with as usize] = true;
            self.compare(a, with as usize);
        }
        if other {
            self.wake_around(a, candidate);
        }
        true
    }

    /// Whether two groups at that mean distance are near enough to be one person.
    pub(super) fn near_enough(&self, a: &Group, b: &Group, distance: f32) -> bool {
        self.limits.hold(distance, &a.days, &b.days)
    }

    pub(super) fn may_join(&self, a: &Group, b: &Group) -> bool {
        if let (Some(person), Some(other)) = (a.person, b.person) {
            return person == other;
        }
        let distance = a.mean_distance(b);
        let twice = distance >= self.limits.twice_on_a_photo && self.on_one_photo(a, b);
        !twice && !self.barred(a, b) && !self.between_people(a, b, distance)
    }

    /// Whether the user said that they are not one person.
    pub(super) fn barred(&self, a: &Group, b: &Group) -> bool {
        let has_any = |faces: &BTreeSet<FaceId>, group: &Group| {
            let mut members = group.members.iter();
            !faces.is_empty() && members.any(|at| faces.contains(&self.face_ids[*at]))
        };
        let bars = |a: &Group, b: &Group| {
            let of_person = b.person.is_some_and(|person| {
                let held_apart = self.not_faces_of.get(&person);
                a.not_people.contains(&person) || held_apart.is_some_and(|of| has_any(of, a))
            });
            of_person || has_any(&a.not_faces, b)
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
        let homes = self.links.noted(alone);
        let homes = homes.filter_map(|other| self.group_of[other as usize]);
        let mut others = homes.filter_map(|home| self.groups[home].as_ref());
        others.any(|other| {
            other.person.is_some_and(|other| other != person)
                && alone.mean_distance(other) < distance + NEARLY_AS_NEAR
                && !self.barred(alone, other)
        })
    }

    /// Joins the second group to the first, which has the older first face.
    fn join(&mut self, candidate: Candidate) {
        let [a, b] = candidate.groups.map(|group| group as usize);
        let Some(gone) = self.groups[b].take() else {
            return;
        };
        // Where it is: it is too large to be moved 100,000 times a run.
        let Some(joined) = &mut self.groups[a] else {
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
            if !joined.not_faces.is_empty() || !gone.not_faces.is_empty() {
                let held_apart = self.not_faces_of.entry(person).or_default();
                held_apart.extend(joined.not_faces.iter().chain(&gone.not_faces));
            }
        }
        absorb(joined, gone, &self.links);
        joined.since = self.joins.len();
    }

    /// The groups that a group is linked with now, in order.
    pub(super) fn linked(&self, number: usize) -> Vec<u32> {
        let mut linked = Vec::new();
        if let Some(group) = &self.groups[number] {
            // Several times as quick as to collect it.
            self.links.noted(group).for_each(|of| {
                let home = self.group_of[of as usize];
                linked.extend(home.filter(|home| *home != number).map(|home| home as u32));
            });
        }
        linked.sort_unstable();
        linked.dedup();
        linked
    }

    /// The same, noted anew.
    fn relink(&mut self, number: usize) -> Vec<u32> {
        let linked = self.linked(number);
        if let Some(group) = &mut self.groups[number] {
            group.noted = Some(linked.clone());
        }
        linked
    }

    /// Notes that a face that founds nothing belongs to the group: it is on a photo, and held apart from others.
    pub(super) fn note_attached(&mut self, home: usize, face: &Group) {
        if let Some(group) = &mut self.groups[home] {
            let (photos, not_faces) = match group.person {
                Some(person) => (
                    self.photos_of.entry(person).or_default(),
                    self.not_faces_of.entry(person).or_default(),
                ),
                None => (&mut group.photos, &mut group.not_faces),
            };
            merge(photos, &face.photos);
            not_faces.extend(&face.not_faces);
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

fn absorb(group: &mut Group, mut other: Group, links: &Links<'_>) {
    if group.noted.is_some() || other.noted.is_some() {
        let mut noted: Vec<u32> = links.noted(group).collect();
        noted.extend(links.noted(&other));
        group.noted = Some(noted);
    }
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
