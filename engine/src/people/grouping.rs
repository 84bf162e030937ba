//! Average linkage on the neighbour graph, under what the user decided.
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
//! This is done twice: first with the network's own distance and a strict threshold, which gives
//! the groups that the metric is learned from, then with the metric.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use jiff::civil::Date;
use kith_models::training::Head;
use kith_models::{Code, EMBEDDING_LEN, Embedding};

use super::{Calibration, Decided, FOUNDING_QUALITY, Lessons, Metric, MetricKind};
use crate::catalog::placements::Placement;
use crate::index::FaceIndex;
use crate::{FaceId, FaceState, PersonId, PhotoId, Result};

/// A face as grouping sees it.
#[derive(Debug, Clone)]
pub struct GroupFace {
    /// The face.
    pub id: FaceId,
    /// The photo it is on.
    pub photo: PhotoId,
    /// The day it was taken, if that is known.
    pub day: Option<Date>,
    /// Its embedding in 128 bytes; its point must be in the index.
    pub code: Code,
    /// How well it can be recognised, 0 to 1.
    pub quality: f32,
}

/// Where a person's number is taken already and all the group's faces' numbers are, too, the
/// group's first face is counted up by this.
const NEXT_NUMBERS: u32 = 1_000_000_000;

/// Says whose each face is. `faces` are in the order of their numbers; ignored ones may be among
/// them. The result depends on nothing but the arguments.
#[must_use]
pub fn group(
    faces: &[GroupFace],
    index: &FaceIndex,
    decided: &Decided,
    head: Option<&Head>,
) -> Grouped {
    group_in(&learn(faces, index, head), faces, index, decided)
}

/// Who is who, and what to ask.
#[derive(Debug, Default)]
pub struct Grouped {
    /// Whose each face is.
    pub placements: BTreeMap<FaceId, Placement>,
    /// Groups that are near to a person or another group, but not near enough to be joined to it:
    /// one question a group, in the order of their numbers.
    pub questions: Vec<Question>,
}

/// Is this group that person? What is known says neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The group that is asked about; the user has said nothing of it.
    pub group: PersonId,
    /// The person, or the larger group.
    pub person: PersonId,
    /// How many groups of strangers are expected to be as near as this; of those seen on the same
    /// days, where both were seen on one.
    pub chance: f64,
    /// The same of the second nearest person, if both are people of whom the user said something:
    /// the group cannot be both.
    pub rival: Option<f64>,
}

/// What the faces teach about distances, whatever was decided of them, as the head sees them that
/// the library learned, if there is one.
fn learn(faces: &[GroupFace], index: &FaceIndex, head: Option<&Head>) -> Metric {
    let nothing = Decided::default();
    let codes = codes(faces);
    let plain = Metric::plain(&codes, 0);
    let mut linkage = Linkage::new(faces, &nothing, &plain);
    linkage.threshold = Calibration::built_in().surely_same();
    linkage.link(faces, index, &nothing);
    linkage.run();
    let (group_of, neighbours) = (&linkage.group_of, neighbours(faces, index));
    match head {
        Some(head) => Metric::learn_with(head, &codes, group_of, &neighbours),
        None => Metric::learn(&codes, group_of, &neighbours),
    }
}

fn codes(faces: &[GroupFace]) -> Vec<Code> {
    faces.iter().map(|face| face.code).collect()
}

/// For each face the good ones that look most like it and are on other photos, the nearest first;
/// of several that look the same one.
fn neighbours(faces: &[GroupFace], index: &FaceIndex) -> Vec<Vec<usize>> {
    let mut faces_at: HashMap<u32, Vec<usize>> = HashMap::new();
    for (position, face) in faces.iter().enumerate() {
        if let Some(point) = index.point(&face.code)
            && face.quality >= FOUNDING_QUALITY
        {
            faces_at.entry(point).or_default().push(position);
        }
    }
    let on_another_photo = |face: &GroupFace, point: u32| {
        let others = faces_at.get(&point)?;
        let other = |other: &&usize| faces[**other].photo != face.photo;
        others.iter().find(other).copied()
    };
    faces
        .iter()
        .map(|face| {
            let Some(point) = index.point(&face.code) else {
                return Vec::new();
            };
            let near = index.neighbours(point).iter();
            near.filter_map(|(point, _)| on_another_photo(face, *point))
                .collect()
        })
        .collect()
}

fn group_in(metric: &Metric, faces: &[GroupFace], index: &FaceIndex, decided: &Decided) -> Grouped {
    let mut linkage = Linkage::new(faces, decided, metric);
    linkage.link(faces, index, decided);
    linkage.run();
    linkage.attach_poor_faces(faces, index, decided);
    let number_of = linkage.numbers(decided);
    Grouped {
        questions: linkage.questions(&number_of, decided),
        placements: linkage.placements(&number_of, faces, decided),
    }
}

/// Faces without numbers or decisions, as measurements have them.
#[derive(Debug)]
pub struct Unlabelled {
    faces: Vec<GroupFace>,
    index: FaceIndex,
}

impl Unlabelled {
    /// Each embedding is a good face, on the photo of that number.
    ///
    /// # Errors
    /// [`crate::Error::Index`] when the neighbour index cannot be built.
    pub fn new(embeddings: &[(Embedding, PhotoId)]) -> Result<Self> {
        let faces: Vec<GroupFace> = embeddings
            .iter()
            .zip(1..)
            .map(|((embedding, photo), id)| GroupFace {
                id,
                photo: *photo,
                day: None,
                code: Code::of(embedding),
                quality: 1.0,
            })
            .collect();
        let mut index = FaceIndex::in_memory();
        index.update(&codes(&faces))?;
        Ok(Self { faces, index })
    }

    /// The metric of a library that holds these faces.
    #[must_use]
    pub fn metric(&self, kind: MetricKind) -> Metric {
        let learned = learn(&self.faces, &self.index, None);
        match kind {
            MetricKind::Plain => Metric::plain(&codes(&self.faces), learned.groups()),
            MetricKind::Library => learned,
        }
    }

    /// What is learned from, when the faces at some positions were said to be people.
    #[must_use]
    pub fn lessons(&self, named: &[(usize, PersonId)]) -> Lessons {
        Lessons::gather(&self.faces, &self.decided(named))
    }

    /// The metric of a library that holds these faces and learned that head.
    #[must_use]
    pub fn metric_with(&self, head: &Head) -> Metric {
        learn(&self.faces, &self.index, Some(head))
    }

    /// Groups them as [`group`] does, when the faces at some positions were said to be people; the
    /// number of a face is its position and 1.
    #[must_use]
    pub fn group(&self, metric: &Metric, named: &[(usize, PersonId)]) -> Grouped {
        group_in(metric, &self.faces, &self.index, &self.decided(named))
    }

    fn decided(&self, named: &[(usize, PersonId)]) -> Decided {
        let mut decided = Decided::default();
        for (position, person) in named {
            decided.confirmed.insert(self.faces[*position].id, *person);
            decided.people.entry(*person).or_default();
        }
        decided
    }
}

/// A group in the making. Its number is the position of its first face.
#[derive(Debug)]
struct Group {
    sum: [f32; EMBEDDING_LEN],
    /// Sum of what is taken off its faces' distances.
    offset: f32,
    members: Vec<usize>,
    person: Option<PersonId>,
    photos: BTreeSet<PhotoId>,
    /// The days that its photos were taken on.
    days: BTreeSet<Date>,
    /// People that a member is surely not.
    not_people: BTreeSet<PersonId>,
    /// Faces that a member is surely not the same person as.
    not_faces: BTreeSet<FaceId>,
    linked: BTreeSet<usize>,
    /// Rises with each join, so that older comparisons are known to be out of date.
    version: u32,
}

impl Group {
    fn mean_distance(&self, other: &Self) -> f32 {
        let product: f32 = dot(&self.sum, &other.sum);
        let (count, others) = (self.members.len() as f32, other.members.len() as f32);
        2.0 - 2.0 * product / (count * others) - self.offset / count - other.offset / others
    }
}

fn dot(a: &[f32; EMBEDDING_LEN], b: &[f32; EMBEDDING_LEN]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Two groups to compare; the smallest distance comes first, then the oldest faces.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Bits of [`LOWEST`] and a distance, which is not negative: they sort as the number does.
    distance: u32,
    groups: [usize; 2],
    versions: [u32; 2],
}

/// A face that is nearer to one person than to another by less than this is neither's: it is asked
/// about.
const NEARLY_AS_NEAR: f32 = 0.1;

/// Groups of one person are one look below this mean distance. The smaller it is, the more the
/// single faces of a person count when it is asked who a group is: on families, 92 of 193 questions
/// about people with answers named the right one with 0.6, and 82 with 1.3.
const ANOTHER_LOOK: f32 = 0.6;

/// A corrected distance is never below the negative of this.
const LOWEST: f32 = 8.0;

struct Linkage<'a> {
    metric: &'a Metric,
    /// Groups are joined below this mean distance.
    threshold: f32,
    /// Below this one, even two that are on one photo.
    twice_on_a_photo: f32,
    groups: HashMap<usize, Group>,
    /// The group of each face, by position; none for faces left out so far.
    group_of: Vec<Option<usize>>,
    /// The photos that each person of whom the user said something is on, in any of their groups.
    photos_of: BTreeMap<PersonId, BTreeSet<PhotoId>>,
    face_ids: Vec<FaceId>,
    heap: BinaryHeap<Reverse<Candidate>>,
}

impl<'a> Linkage<'a> {
    /// A group for each face that is neither ignored nor too poor to found one.
    fn new(faces: &[GroupFace], decided: &Decided, metric: &'a Metric) -> Self {
        let mut linkage = Self {
            metric,
            threshold: Calibration::built_in().same_group(metric),
            twice_on_a_photo: Calibration::built_in().twice_on_a_photo(metric),
            groups: HashMap::new(),
            group_of: vec![None; faces.len()],
            photos_of: BTreeMap::new(),
            face_ids: faces.iter().map(|face| face.id).collect(),
            heap: BinaryHeap::new(),
        };
        for (position, face) in faces.iter().enumerate() {
            let person = decided.confirmed.get(&face.id).copied();
            if let Some(person) = person {
                linkage
                    .photos_of
                    .entry(person)
                    .or_default()
                    .insert(face.photo);
            }
            if founds(face, decided) {
                linkage.group_of[position] = Some(position);
                let single = linkage.single(position, face, person, decided);
                linkage.groups.insert(position, single);
            }
        }
        linkage
    }

    /// A group of one face.
    fn single(
        &self,
        position: usize,
        face: &GroupFace,
        person: Option<PersonId>,
        decided: &Decided,
    ) -> Group {
        let id = face.id;
        let mut not_people: BTreeSet<PersonId> = decided
            .rejected
            .range((id, 0)..=(id, u32::MAX))
            .map(|pair| pair.1)
            .collect();
        let not_faces: BTreeSet<FaceId> = if decided.apart.is_empty() {
            BTreeSet::new()
        } else {
            let other = |&(a, b): &(FaceId, FaceId)| match id {
                _ if a == id => Some(b),
                _ if b == id => Some(a),
                _ => None,
            };
            decided.apart.iter().filter_map(other).collect()
        };
        // Held apart from a face is held apart from its person, whatever they look like elsewhere.
        let of_faces = not_faces.iter().filter_map(|of| decided.confirmed.get(of));
        not_people.extend(of_faces.filter(|of| Some(**of) != person));
        Group {
            sum: *self.metric.point(position),
            offset: self.metric.offset(position),
            members: vec![position],
            person,
            photos: BTreeSet::from([face.photo]),
            days: face.day.into_iter().collect(),
            not_people,
            not_faces,
            linked: BTreeSet::new(),
            version: 0,
        }
    }

    /// Links the groups of neighbouring faces, and compares them.
    fn link(&mut self, faces: &[GroupFace], index: &FaceIndex, decided: &Decided) {
        // Faces with the same code share a point: they are chained, and the first speaks for all.
        let mut first_at: HashMap<u32, usize> = HashMap::new();
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        let mut points: Vec<(u32, usize)> = Vec::new();
        for (position, face) in faces
            .iter()
            .enumerate()
            .filter(|(_, face)| founds(face, decided))
        {
            let Some(point) = index.point(&face.code) else {
                continue;
            };
            if let Some(first) = first_at.get(&point) {
                pairs.push((*first, position));
            } else {
                first_at.insert(point, position);
                points.push((point, position));
            }
        }
        for (point, position) in points {
            for (neighbour, _) in index.neighbours(point) {
                if let Some(other) = first_at.get(neighbour) {
                    pairs.push((position, *other));
                }
            }
        }
        for (a, b) in pairs {
            if let (Some(a), Some(b)) = (self.group_of[a], self.group_of[b])
                && a != b
                && self
                    .groups
                    .get_mut(&a)
                    .is_some_and(|group| group.linked.insert(b))
                && let Some(group) = self.groups.get_mut(&b)
            {
                group.linked.insert(a);
                self.compare(a, b);
            }
        }
    }

    fn compare(&mut self, a: usize, b: usize) {
        let (Some(group_a), Some(group_b)) = (self.groups.get(&a), self.groups.get(&b)) else {
            return;
        };
        let distance = group_a.mean_distance(group_b);
        let one_person = group_a.person.is_some() && group_a.person == group_b.person;
        let threshold = if one_person {
            ANOTHER_LOOK
        } else {
            self.threshold
        };
        if distance < threshold {
            let (a, group_a, b, group_b) = if a < b {
                (a, group_a, b, group_b)
            } else {
                (b, group_b, a, group_a)
            };
            self.heap.push(Reverse(Candidate {
                distance: (distance + LOWEST).max(0.0).to_bits(),
                groups: [a, b],
                versions: [group_a.version, group_b.version],
            }));
        }
    }

    fn run(&mut self) {
        while let Some(Reverse(candidate)) = self.heap.pop() {
            let [a, b] = candidate.groups;
            let up_to_date = |group: usize, version: u32| {
                self.groups
                    .get(&group)
                    .is_some_and(|group| group.version == version)
            };
            if up_to_date(a, candidate.versions[0])
                && up_to_date(b, candidate.versions[1])
                && self.may_join(&self.groups[&a], &self.groups[&b])
            {
                self.join(a, b);
            }
        }
    }

    fn may_join(&self, a: &Group, b: &Group) -> bool {
        if let (Some(person), Some(other)) = (a.person, b.person) {
            return person == other;
        }
        let distance = a.mean_distance(b);
        let twice = distance >= self.twice_on_a_photo && self.on_one_photo(a, b);
        !twice && !self.barred(a, b) && !self.between_people(a, b, distance)
    }

    /// Whether the user said that they are not one person.
    fn barred(&self, a: &Group, b: &Group) -> bool {
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

    fn on_one_photo(&self, a: &Group, b: &Group) -> bool {
        let (a, b) = (self.photos(a), self.photos(b));
        let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
        few.iter().any(|photo| many.contains(photo))
    }

    /// The photos that the group, or its person, is on.
    fn photos<'g>(&'g self, group: &'g Group) -> &'g BTreeSet<PhotoId> {
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
        alone.linked.iter().any(|other| {
            let other = &self.groups[other];
            other.person.is_some_and(|other| other != person)
                && alone.mean_distance(other) < distance + NEARLY_AS_NEAR
                && !self.barred(alone, other)
        })
    }

    /// Joins `b` to `a`; `a` is the one with the older first face.
    fn join(&mut self, a: usize, b: usize) {
        let (Some(mut joined), Some(gone)) = (self.groups.remove(&a), self.groups.remove(&b))
        else {
            return;
        };
        for member in &gone.members {
            self.group_of[*member] = Some(a);
        }
        if let Some(person) = joined.person.or(gone.person) {
            let photos = self.photos_of.entry(person).or_default();
            photos.extend(joined.photos.iter().chain(&gone.photos));
        }
        absorb(&mut joined, gone);
        joined.linked.remove(&a);
        joined.linked.remove(&b);
        let linked: Vec<usize> = joined.linked.iter().copied().collect();
        self.groups.insert(a, joined);
        for other in linked {
            if let Some(group) = self.groups.get_mut(&other) {
                group.linked.remove(&b);
                group.linked.insert(a);
            }
            self.compare(a, other);
        }
    }

    /// Poor faces found nothing, so that they pull no two people together: each joins the group
    /// it is nearest to, if that is near enough, and changes nothing about the group.
    fn attach_poor_faces(&mut self, faces: &[GroupFace], index: &FaceIndex, decided: &Decided) {
        let mut homes_of_point: HashMap<u32, BTreeSet<usize>> = HashMap::new();
        for (position, face) in faces.iter().enumerate() {
            if let (Some(home), Some(point)) = (self.group_of[position], index.point(&face.code)) {
                homes_of_point.entry(point).or_default().insert(home);
            }
        }
        let mut joins: Vec<(usize, usize)> = Vec::new();
        for (position, face) in faces.iter().enumerate() {
            let known =
                decided.ignored.contains(&face.id) || decided.confirmed.contains_key(&face.id);
            if self.group_of[position].is_some() || known {
                continue;
            }
            let Some(point) = index.point(&face.code) else {
                continue;
            };
            let alone = self.single(position, face, None, decided);
            let near = std::iter::once(point).chain(index.neighbours(point).iter().map(|of| of.0));
            let homes: BTreeSet<usize> = near
                .filter_map(|point| homes_of_point.get(&point))
                .flatten()
                .copied()
                .collect();
            let nearest = homes
                .into_iter()
                .filter_map(|home| self.groups.get(&home).map(|group| (home, group)))
                .filter(|(_, group)| self.may_join(&alone, group))
                .map(|(home, group)| (alone.mean_distance(group), home))
                .filter(|(distance, _)| *distance < self.threshold)
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, home)) = nearest else { continue };
            joins.push((position, home));
            if let Some(group) = self.groups.get_mut(&home) {
                match group.person {
                    Some(person) => self.photos_of.entry(person).or_default(),
                    None => &mut group.photos,
                }
                .insert(face.photo);
            }
        }
        for (position, home) in joins {
            self.group_of[position] = Some(home);
            if let Some(group) = self.groups.get_mut(&home) {
                group.members.push(position);
            }
        }
    }

    /// The person, or the number of a new one, for each group.
    fn numbers(&self, decided: &Decided) -> BTreeMap<usize, PersonId> {
        let mut homes: Vec<usize> = self.groups.keys().copied().collect();
        homes.sort_unstable();
        let mut taken: BTreeSet<PersonId> = decided.people.keys().copied().collect();
        let mut number_of = BTreeMap::new();
        for home in homes {
            let group = &self.groups[&home];
            let person = group.person.unwrap_or_else(|| {
                let mut ids: Vec<FaceId> = group
                    .members
                    .iter()
                    .map(|member| self.face_ids[*member])
                    .collect();
                ids.sort_unstable();
                free_number(&ids, &taken)
            });
            taken.insert(person);
            number_of.insert(home, person);
        }
        number_of
    }

    /// How many groups were seen on each day.
    fn groups_of_days(&self) -> HashMap<Date, usize> {
        let mut seen_on: HashMap<Date, usize> = HashMap::new();
        for day in self.groups.values().flat_map(|group| &group.days) {
            *seen_on.entry(*day).or_default() += 1;
        }
        seen_on
    }

    /// For each group of which the user said nothing, the nearest one that it may belong to.
    fn questions(&self, number_of: &BTreeMap<usize, PersonId>, decided: &Decided) -> Vec<Question> {
        let rank = |home: usize| {
            let group = &self.groups[&home];
            (
                group.person.is_some(),
                group.members.len(),
                std::cmp::Reverse(home),
            )
        };
        let shown = |group: &Group| {
            let person = group.person.and_then(|of| decided.people.get(&of));
            person.is_none_or(|of| !of.hidden)
        };
        let seen_on = self.groups_of_days();
        let chance = |distance: f32, group: &Group, other: &Group| {
            let all = Calibration::built_in().strangers_within(distance, self.metric);
            all * share_of_strangers(group, other, &seen_on, self.groups.len())
        };
        let mut questions = Vec::new();
        for home in number_of.keys() {
            let group = &self.groups[home];
            if group.person.is_some() {
                continue;
            }
            let mut near: Vec<(f32, usize)> = group
                .linked
                .iter()
                .filter(|other| rank(**other) > rank(*home))
                .map(|other| (*other, &self.groups[other]))
                .filter(|(_, to)| !self.on_one_photo(group, to) && !self.barred(group, to))
                .map(|(other, to)| (group.mean_distance(to), other))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((distance, nearest)) = near.first().copied() else {
                continue;
            };
            let person = self.groups[&nearest].person;
            let rival = near.iter().find(|(_, other)| {
                let other = self.groups[other].person;
                person.is_some() && other.is_some() && other != person
            });
            if shown(&self.groups[&nearest]) {
                questions.push(Question {
                    group: number_of[home],
                    person: number_of[&nearest],
                    chance: chance(distance, group, &self.groups[&nearest]),
                    rival: rival
                        .map(|(distance, other)| chance(*distance, group, &self.groups[other])),
                });
            }
        }
        questions
    }

    fn placements(
        &self,
        number_of: &BTreeMap<usize, PersonId>,
        faces: &[GroupFace],
        decided: &Decided,
    ) -> BTreeMap<FaceId, Placement> {
        let place = |position: usize, face: &GroupFace| {
            if decided.ignored.contains(&face.id) {
                return Placement {
                    person: None,
                    state: FaceState::Ignored,
                };
            }
            if let Some(person) = decided.confirmed.get(&face.id) {
                return Placement {
                    person: Some(*person),
                    state: FaceState::Confirmed,
                };
            }
            let person = self.group_of[position].map(|home| number_of[&home]);
            let state = match person {
                None => FaceState::Unassigned,
                Some(_) => FaceState::Automatic,
            };
            Placement { person, state }
        };
        faces
            .iter()
            .enumerate()
            .map(|(position, face)| (face.id, place(position, face)))
            .collect()
    }
}

/// The number for a person founded on these faces: that of the first face whose number is free.
pub(crate) fn free_number(faces: &[FaceId], taken: &BTreeSet<PersonId>) -> PersonId {
    let free = |number: &PersonId| !taken.contains(number);
    let first = faces.first().copied().unwrap_or_default();
    faces.iter().copied().find(free).unwrap_or_else(|| {
        let mut number = first;
        while taken.contains(&number) {
            number = number.wrapping_add(NEXT_NUMBERS);
        }
        number
    })
}

/// Whether a face is good enough to found a group.
fn founds(face: &GroupFace, decided: &Decided) -> bool {
    face.quality >= FOUNDING_QUALITY && !decided.ignored.contains(&face.id)
}

/// The share of all groups that `group` has to be told from. Whoever looks alike and was there on
/// the same day is one of the few who were.
fn share_of_strangers(
    group: &Group,
    other: &Group,
    seen_on: &HashMap<Date, usize>,
    all: usize,
) -> f64 {
    if group.days.is_disjoint(&other.days) {
        return 1.0;
    }
    let seen: usize = group.days.iter().filter_map(|day| seen_on.get(day)).sum();
    (seen as f64 / all as f64).min(1.0)
}

fn absorb(group: &mut Group, mut other: Group) {
    for (sum, more) in group.sum.iter_mut().zip(&other.sum) {
        *sum += more;
    }
    group.offset += other.offset;
    group.members.append(&mut other.members);
    group.person = group.person.or(other.person);
    group.photos.append(&mut other.photos);
    group.days.append(&mut other.days);
    group.not_people.append(&mut other.not_people);
    group.not_faces.append(&mut other.not_faces);
    group.linked.append(&mut other.linked);
    group.version += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faces of 150 people, one to nine each, some of them hard to tell from others; every third
    /// photo shows two people. The same every time.
    fn faces() -> Vec<GroupFace> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let mut faces = Vec::new();
        for person in 0..150_u32 {
            let middle: [f32; EMBEDDING_LEN] = std::array::from_fn(|_| next());
            let noise = 0.4 + 0.06 * (person % 7) as f32;
            for _ in 0..=person % 9 {
                let vector = middle.map(|value| value + noise * next());
                let length = dot(&vector, &vector).sqrt();
                let id = faces.len() as u32 + 1;
                faces.push(GroupFace {
                    id,
                    photo: if id.is_multiple_of(3) { id - 1 } else { id },
                    day: None,
                    code: Code::of(&vector.map(|value| value / length)),
                    quality: if id.is_multiple_of(11) { 0.1 } else { 0.9 },
                });
            }
        }
        faces
    }

    /// The groups as sets of codes: the same whatever the faces' numbers are.
    fn groups(faces: &[GroupFace], index: &FaceIndex) -> BTreeSet<BTreeSet<Vec<u8>>> {
        let mut of_person: BTreeMap<Option<PersonId>, BTreeSet<Vec<u8>>> = BTreeMap::new();
        let placements = group(faces, index, &Decided::default(), None).placements;
        for face in faces {
            let person = placements[&face.id].person;
            let code = face.code.as_bytes().to_vec();
            of_person.entry(person).or_default().insert(code);
        }
        of_person.into_values().collect()
    }

    fn at_once(faces: &[GroupFace]) -> BTreeSet<BTreeSet<Vec<u8>>> {
        let mut index = FaceIndex::in_memory();
        index.update(&codes(faces)).unwrap();
        groups(faces, &index)
    }

    #[test]
    fn the_order_of_the_photos_changes_no_group() {
        let faces = faces();
        let expected = at_once(&faces);
        assert!((100..500).contains(&expected.len()), "{}", expected.len());
        assert!(expected.iter().any(|group| group.len() > 3));
        let renumbered = |mut faces: Vec<GroupFace>| {
            for (face, id) in faces.iter_mut().zip(1..) {
                face.id = id;
            }
            faces
        };
        let mut turned = faces.clone();
        turned.reverse();
        assert_eq!(at_once(&renumbered(turned)), expected);
        let mut shuffled = faces;
        shuffled.sort_by_key(|face| (face.id * 7919) % 1009);
        assert_eq!(at_once(&renumbered(shuffled)), expected);
    }

    #[test]
    fn two_halves_give_the_groups_of_one_run() {
        let faces = faces();
        let mut index = FaceIndex::in_memory();
        index.update(&codes(&faces[..faces.len() / 2])).unwrap();
        index.update(&codes(&faces)).unwrap();
        assert_eq!(groups(&faces, &index), at_once(&faces));
    }

    /// A unit vector in the plane of two axes, so that the distance of two is set by their angle.
    /// An axis is spread over 32 numbers: a byte ends far below 1.
    fn at(axes: [usize; 2], degrees: f32) -> Code {
        let mut vector = [0.0; EMBEDDING_LEN];
        vector[axes[0] * 32..][..32].fill(degrees.to_radians().cos());
        vector[axes[1] * 32..][..32].fill(degrees.to_radians().sin());
        Code::of(&vector.map(|value| value / 32.0_f32.sqrt()))
    }

    fn good(id: FaceId, photo: PhotoId, code: Code) -> GroupFace {
        GroupFace {
            id,
            photo,
            day: None,
            code,
            quality: 0.9,
        }
    }

    fn grouped(faces: &[GroupFace], confirmed: &[(FaceId, PersonId)]) -> Grouped {
        let mut index = FaceIndex::in_memory();
        index.update(&codes(faces)).unwrap();
        let mut decided = Decided::default();
        for (face, person) in confirmed {
            decided.confirmed.insert(*face, *person);
            decided.people.entry(*person).or_default();
        }
        // The network's own distance, so that the angles say it all.
        let metric = Metric::plain(&codes(faces), faces.len());
        group_in(&metric, faces, &index, &decided)
    }

    #[test]
    fn a_person_of_two_looks_gets_the_faces_of_both() {
        let child = good(1, 1, at([0, 1], 0.0));
        let adult = good(2, 2, at([0, 1], 80.0));
        let faces = [
            child,
            adult,
            good(3, 3, at([0, 1], 10.0)),
            good(4, 4, at([0, 1], 72.0)),
            good(5, 5, at([2, 3], 0.0)),
        ];
        let placements = grouped(&faces, &[(1, 1), (2, 1)]).placements;
        for face in [3, 4] {
            assert_eq!(placements[&face].person, Some(1), "face {face}");
        }
        assert_eq!(placements[&5].person, Some(5));
    }

    #[test]
    fn a_face_between_two_people_is_asked_about() {
        let faces = [
            good(1, 1, at([0, 1], 0.0)),
            good(2, 2, at([0, 1], 60.0)),
            good(3, 3, at([0, 1], 29.0)),
            good(4, 4, at([0, 1], 8.0)),
        ];
        let grouped = grouped(&faces, &[(1, 1), (2, 2)]);
        assert_eq!(grouped.placements[&3].person, Some(3));
        assert_eq!(grouped.placements[&4].person, Some(1));
        let [question] = grouped.questions[..] else {
            panic!("one question: {:?}", grouped.questions);
        };
        assert_eq!((question.group, question.person), (3, 1));
        assert!(question.rival.is_some());
        let certainty = Calibration::built_in().certainty(&question).unwrap();
        assert!((0.4..0.6).contains(&certainty), "{certainty}");
    }

    /// Of those who were there that day there are fewer to take someone for than of all.
    #[test]
    fn whoever_was_there_that_day_is_likelier() {
        let on = |day, face: GroupFace| GroupFace {
            day: Some(jiff::civil::date(2019, 7, day)),
            ..face
        };
        let faces = [
            on(1, good(1, 1, at([0, 1], 0.0))),
            on(1, good(2, 2, at([0, 1], 70.0))),
            on(2, good(3, 3, at([2, 3], 0.0))),
            on(3, good(4, 4, at([2, 3], 70.0))),
        ];
        let questions = grouped(&faces, &[(1, 1), (3, 3)]).questions;
        let [same_day, other_day] = questions[..] else {
            panic!("two questions: {questions:?}");
        };
        assert_eq!((same_day.group, other_day.group), (2, 4));
        assert!((same_day.chance / other_day.chance - 0.5).abs() < 1e-6);
    }

    #[test]
    fn only_the_same_face_is_twice_on_a_photo() {
        let twice = |degrees| {
            let faces = [good(1, 1, at([0, 1], 0.0)), good(2, 1, at([0, 1], degrees))];
            let placements = grouped(&faces, &[]).placements;
            placements[&1].person == placements[&2].person
        };
        assert!(twice(5.0), "a mirror, a collage");
        assert!(!twice(40.0), "sisters");
        let faces = [good(1, 1, at([0, 1], 0.0)), good(2, 2, at([0, 1], 40.0))];
        let placements = grouped(&faces, &[]).placements;
        assert_eq!(
            placements[&1].person, placements[&2].person,
            "on two photos"
        );
    }

    #[test]
    fn the_number_of_threads_changes_no_group() {
        let faces = faces();
        let expected = at_once(&faces);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(pool.install(|| at_once(&faces)), expected);
        }
    }
}
