//! Who is who: the groups that [`linkage`](super::linkage) makes, with their numbers, what to ask of
//! them, and whose each face is.
//!
//! Groups are made twice: first with the network's own distance and a strict threshold, which gives
//! those that the metric is learned from, then with the metric. The first time nothing that was
//! decided counts, so it is only done again when the faces change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use kith_models::training::Head;
use kith_models::{Code, Embedding};
use rayon::prelude::*;

use super::days::Days;
use super::limits::Limits;
use super::linkage::{Candidate, Graph, Group, Linkage, Told};
use super::numbers::Numbers;
use super::{Decided, FOUNDING_QUALITY, Lessons, Metric, MetricKind};
use crate::catalog::placements::Placement;
use crate::index::FaceIndex;
use crate::{FaceId, FaceState, PersonId, PhotoId, Result, Sureness};

/// A face as grouping sees it.
#[derive(Debug, Clone, PartialEq)]
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

/// What the faces teach, whatever was decided of them, and the groups of the last time: kept from
/// one derivation to the next.
#[derive(Debug)]
pub(super) struct Taught {
    faces: Vec<GroupFace>,
    head: Option<Head>,
    seen: Seen,
    metric: Metric,
    last: Option<Last>,
}

/// The groups of the last time, which the next one begins with.
#[derive(Debug)]
struct Last {
    sureness: Sureness,
    near: Vec<Candidate>,
    told: Told,
}

impl Taught {
    /// `faces` are in the order of their numbers, ignored ones among them, and their points in the
    /// index; `head` is what the library learned, if it did.
    pub(super) fn by(faces: Vec<GroupFace>, index: &FaceIndex, head: Option<Head>) -> Self {
        let seen = Seen::of(&faces, index);
        let metric = seen.metric(&faces, index, head.as_ref());
        Self {
            faces,
            head,
            seen,
            metric,
            last: None,
        }
    }

    /// Whether it is what these faces teach, seen through that head.
    pub(super) fn is_of(&self, faces: &[GroupFace], head: Option<&Head>) -> bool {
        self.faces == faces && self.head.as_ref() == head
    }

    /// Says whose each face is. The result depends on the faces, the head and `decided`, and not on
    /// what was asked before.
    pub(super) fn group(&mut self, decided: &Decided) -> Grouped {
        let sureness = decided.sureness;
        let last = self.last.take().filter(|last| last.sureness == sureness);
        let of = self.of();
        let (near, told) = match last {
            Some(last) => (last.near, Some(last.told)),
            None => (of.near(sureness), None),
        };
        let (grouped, told) = of.group(&near, decided, told.as_ref());
        self.last = Some(Last {
            sureness,
            near,
            told,
        });
        grouped
    }

    /// The same without being the last time: what would be, if that were decided.
    pub(super) fn try_out(&self, decided: &Decided) -> Grouped {
        let of = self.of();
        of.group(&of.near(decided.sureness), decided, None).0
    }

    fn of(&self) -> Of<'_> {
        Of {
            faces: &self.faces,
            seen: &self.seen,
            metric: &self.metric,
        }
    }
}

/// What the faces say by themselves, whatever was decided of them.
#[derive(Debug)]
struct Seen {
    graph: Graph,
    /// The group that each face surely belongs to; none for faces that found none.
    group_of: Vec<Option<usize>>,
    days: Days,
    poor: Vec<PoorFace>,
}

/// A face that founds no group, by its position, and the good ones that look most like it.
#[derive(Debug)]
struct PoorFace {
    position: usize,
    near: Vec<u32>,
}

impl Seen {
    fn of(faces: &[GroupFace], index: &FaceIndex) -> Self {
        let graph = Graph::of(faces, index);
        let (nothing, no_days) = (Decided::default(), Days::default());
        let plain = Metric::plain(&codes(faces), 0);
        let limits = Limits::sure(&plain, &no_days);
        let mut linkage = Linkage::new(faces, &nothing, limits, &graph);
        linkage.run(&graph.near(faces, limits), faces, &nothing, None);
        let group_of = linkage.group_of;
        let days = Days::of(faces, &group_of);
        Self {
            graph,
            group_of,
            days,
            poor: poor_faces(faces, index),
        }
    }

    /// The metric that they teach, as the head sees them that the library learned, if there is one.
    fn metric(&self, faces: &[GroupFace], index: &FaceIndex, head: Option<&Head>) -> Metric {
        let (codes, neighbours) = (codes(faces), neighbours(faces, index));
        match head {
            Some(head) => Metric::learn_with(head, &codes, &self.group_of, &neighbours),
            None => Metric::learn(&codes, &self.group_of, &neighbours),
        }
    }
}

pub(super) fn codes(faces: &[GroupFace]) -> Vec<Code> {
    faces.iter().map(|face| face.code).collect()
}

/// The positions of the good faces at each point of the index.
fn good_at_points(faces: &[GroupFace], index: &FaceIndex) -> HashMap<u32, Vec<usize>> {
    let mut faces_at: HashMap<u32, Vec<usize>> = HashMap::new();
    for (position, face) in faces.iter().enumerate() {
        if let Some(point) = index.point(&face.code)
            && face.quality >= FOUNDING_QUALITY
        {
            faces_at.entry(point).or_default().push(position);
        }
    }
    faces_at
}

/// For each face the good ones that look most like it and are on other photos, the nearest first;
/// of several that look the same one.
fn neighbours(faces: &[GroupFace], index: &FaceIndex) -> Vec<Vec<usize>> {
    let faces_at = good_at_points(faces, index);
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

/// The faces that are too poor to found a group, in their order.
fn poor_faces(faces: &[GroupFace], index: &FaceIndex) -> Vec<PoorFace> {
    let faces_at = good_at_points(faces, index);
    let poor = |(position, face): (usize, &GroupFace)| {
        let point = index.point(&face.code)?;
        let near = std::iter::once(point).chain(index.neighbours(point).iter().map(|of| of.0));
        let near = near.filter_map(|point| faces_at.get(&point)).flatten();
        (face.quality < FOUNDING_QUALITY).then(|| PoorFace {
            position,
            near: near.map(|position| *position as u32).collect(),
        })
    };
    faces.iter().enumerate().filter_map(poor).collect()
}

/// Faces with all that grouping them needs to know.
struct Of<'a> {
    faces: &'a [GroupFace],
    seen: &'a Seen,
    metric: &'a Metric,
}

impl Of<'_> {
    fn near(&self, sureness: Sureness) -> Vec<Candidate> {
        let limits = Limits::of(self.metric, &self.seen.days, sureness);
        self.seen.graph.near(self.faces, limits)
    }

    /// `near` are the pairs below the threshold, `told` is an earlier run over the same faces.
    fn group(&self, near: &[Candidate], decided: &Decided, told: Option<&Told>) -> (Grouped, Told) {
        let limits = Limits::of(self.metric, &self.seen.days, decided.sureness);
        let mut linkage = Linkage::new(self.faces, decided, limits, &self.seen.graph);
        linkage.run(near, self.faces, decided, told);
        let told = linkage.told(decided);
        let mut groups = Named { linkage };
        groups.attach_poor_faces(self.faces, &self.seen.poor, decided);
        let number_of = groups.numbers(decided);
        let grouped = Grouped {
            questions: groups.questions(&number_of, decided),
            placements: groups.placements(&number_of, self.faces, decided),
        };
        (grouped, told)
    }
}

/// A good face, where measurements have nothing else of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Its embedding.
    pub embedding: Embedding,
    /// The photo it is on.
    pub photo: PhotoId,
    /// The day it was taken, if that is known.
    pub day: Option<Date>,
}

/// Faces without numbers or decisions, as measurements have them.
#[derive(Debug)]
pub struct Unlabelled {
    faces: Vec<GroupFace>,
    index: FaceIndex,
    seen: Seen,
}

impl Unlabelled {
    /// A library of these faces.
    ///
    /// # Errors
    /// [`crate::Error::Index`] when the neighbour index cannot be built.
    pub fn new(seen: &[Sighting]) -> Result<Self> {
        let faces: Vec<GroupFace> = seen
            .iter()
            .zip(1..)
            .map(|(seen, id)| GroupFace {
                id,
                photo: seen.photo,
                day: seen.day,
                code: Code::of(&seen.embedding),
                quality: 1.0,
            })
            .collect();
        let mut index = FaceIndex::in_memory();
        index.update(&codes(&faces))?;
        let seen = Seen::of(&faces, &index);
        Ok(Self { faces, index, seen })
    }

    /// The metric of a library that holds these faces.
    #[must_use]
    pub fn metric(&self, kind: MetricKind) -> Metric {
        let learned = self.seen.metric(&self.faces, &self.index, None);
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
        self.seen.metric(&self.faces, &self.index, Some(head))
    }

    /// Groups them as a library does, when the faces at some positions were said to be people; the
    /// number of a face is its position and 1.
    #[must_use]
    pub fn group(&self, metric: &Metric, named: &[(usize, PersonId)]) -> Grouped {
        let of = Of {
            faces: &self.faces,
            seen: &self.seen,
            metric,
        };
        of.group(&of.near(Sureness::Balanced), &self.decided(named), None)
            .0
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

/// The groups as they are told: with a number each.
struct Named<'a> {
    linkage: Linkage<'a>,
}

impl Named<'_> {
    /// Poor faces found nothing, so that they pull no two people together: each joins the group
    /// it is nearest to, if that is near enough, and changes nothing about the group.
    fn attach_poor_faces(&mut self, faces: &[GroupFace], poor: &[PoorFace], decided: &Decided) {
        let mut joins: Vec<(usize, usize)> = Vec::new();
        for PoorFace { position, near } in poor {
            let (position, face) = (*position, &faces[*position]);
            if decided.ignored.contains(&face.id) || decided.person_of(face.id).is_some() {
                continue;
            }
            let alone = self.linkage.single(position, face, None, decided);
            let homes = near
                .iter()
                .filter_map(|of| self.linkage.group_of[*of as usize]);
            let homes: BTreeSet<usize> = homes.collect();
            let nearest = homes
                .into_iter()
                .filter_map(|home| {
                    self.linkage.groups[home]
                        .as_ref()
                        .map(|group| (home, group))
                })
                .filter(|(_, group)| self.linkage.may_join(&alone, group))
                .map(|(home, group)| (alone.mean_distance(group), home, group))
                .filter(|(distance, _, group)| self.linkage.near_enough(&alone, group, *distance))
                .map(|(distance, home, _)| (distance, home))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, home)) = nearest else { continue };
            joins.push((position, home));
            self.linkage.note_attached(home, &alone);
        }
        for (position, home) in joins {
            self.linkage.group_of[position] = Some(home);
            if let Some(group) = &mut self.linkage.groups[home] {
                group.members.push(position);
            }
        }
    }

    /// The number of each group: its person's, or one of its own.
    fn numbers(&self, decided: &Decided) -> BTreeMap<usize, PersonId> {
        let (known, unknown): (Vec<_>, Vec<_>) = self
            .linkage
            .all()
            .partition(|(_, group)| group.person.is_some());
        let faces_of = |(_, group): &(usize, &Group)| {
            let members = group.members.iter();
            let mut ids: Vec<FaceId> = members.map(|of| self.linkage.face_id(*of)).collect();
            ids.sort_unstable();
            ids
        };
        let groups: Vec<Vec<FaceId>> = unknown.iter().map(faces_of).collect();
        let numbers = Numbers::of(decided).of_groups(&groups);
        let known = known
            .into_iter()
            .filter_map(|(home, group)| Some((home, group.person?)));
        let unknown = unknown.into_iter().map(|(home, _)| home);
        known.chain(unknown.zip(numbers)).collect()
    }

    /// For each group of which the user said nothing, the nearest one that it may belong to.
    fn questions(&self, number_of: &BTreeMap<usize, PersonId>, decided: &Decided) -> Vec<Question> {
        let rank = |home: usize, group: &Group| {
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
        let chance = |distance: f32, group: &Group, other: &Group| {
            let limits = self.linkage.limits;
            limits.strangers_within(distance, &group.days, &other.days)
        };
        let question = |(home, group): &(usize, &Group)| {
            let own = rank(*home, group);
            let linked = self.linkage.linked(*home).into_iter();
            let mut near: Vec<(f32, usize)> = linked
                .filter_map(|other| {
                    let other = other as usize;
                    Some((other, self.linkage.groups[other].as_ref()?))
                })
                .filter(|(other, to)| rank(*other, to) > own)
                .filter(|(_, to)| {
                    !self.linkage.on_one_photo(group, to) && !self.linkage.barred(group, to)
                })
                .map(|(other, to)| (group.mean_distance(to), other))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let (distance, nearest) = near.first().copied()?;
            let to = self.linkage.groups[nearest].as_ref()?;
            let rival = near.iter().find_map(|(distance, other)| {
                let other = self.linkage.groups[*other].as_ref()?;
                let both = to.person.is_some() && other.person.is_some();
                (both && other.person != to.person).then_some((*distance, other))
            });
            shown(to).then(|| Question {
                group: number_of[home],
                person: number_of[&nearest],
                chance: chance(distance, group, to),
                rival: rival.map(|(distance, other)| chance(distance, group, other)),
            })
        };
        let all = self.linkage.all();
        let unsaid: Vec<_> = all.filter(|(_, group)| group.person.is_none()).collect();
        unsaid.par_iter().filter_map(question).collect()
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
            let home = self.linkage.group_of[position];
            let person = decided.presumed.get(&face.id).copied();
            let person = person.or_else(|| home.map(|home| number_of[&home]));
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

/// Whether a face is good enough to found a group.
pub(super) fn founds(face: &GroupFace, decided: &Decided) -> bool {
    face.quality >= FOUNDING_QUALITY && !decided.ignored.contains(&face.id)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use kith_models::EMBEDDING_LEN;
    use proptest::prelude::*;

    use super::super::linkage::dot;
    use super::*;
    use crate::catalog::decisions::Entry;
    use crate::people::{Calibration, Decision};

    /// Faces of 150 people, one to nine each, some of them hard to tell from others; every third
    /// photo shows two people, and most say when they were taken. The same every time.
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
                let photo = if id.is_multiple_of(3) { id - 1 } else { id };
                let day = jiff::civil::date(
                    2019,
                    1 + (photo / 28 % 12) as i8,
                    1 + (photo % 28 / 4) as i8,
                );
                faces.push(GroupFace {
                    id,
                    photo,
                    day: (!photo.is_multiple_of(5)).then_some(day),
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
        let mut taught = Taught::by(faces.to_vec(), index, None);
        let placements = taught.group(&Decided::default()).placements;
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
        grouped_apart(faces, confirmed, &[])
    }

    /// The same where some faces are held apart.
    fn grouped_apart(
        faces: &[GroupFace],
        confirmed: &[(FaceId, PersonId)],
        apart: &[(FaceId, FaceId)],
    ) -> Grouped {
        let mut index = FaceIndex::in_memory();
        index.update(&codes(faces)).unwrap();
        let mut decided = Decided::default();
        for (face, person) in confirmed {
            decided.confirmed.insert(*face, *person);
            decided.people.entry(*person).or_default();
        }
        decided.apart.extend(apart);
        // The network's own distance, so that the angles say it all.
        let metric = Metric::plain(&codes(faces), faces.len());
        let of = Of {
            faces,
            seen: &Seen::of(faces, &index),
            metric: &metric,
        };
        of.group(&of.near(Sureness::Balanced), &decided, None).0
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

    /// Each came to another look of the person, and faces too poor to found a group were not compared at all.
    #[test]
    fn faces_that_are_held_apart_come_to_one_person_by_no_way() {
        let poor = |id, photo, code| GroupFace {
            quality: 0.1,
            ..good(id, photo, code)
        };
        let faces = [
            good(1, 1, at([0, 1], 0.0)),
            good(2, 2, at([0, 1], 80.0)),
            good(3, 3, at([0, 1], 10.0)),
            good(4, 4, at([0, 1], 72.0)),
            poor(5, 5, at([0, 1], 4.0)),
            poor(6, 6, at([0, 1], 76.0)),
        ];
        let confirmed = [(1, 1), (2, 1)];
        let all = grouped(&faces, &confirmed).placements;
        assert!((1..=6).all(|face| all[&face].person == Some(1)));
        for apart in [(3, 4), (4, 5), (5, 6)] {
            let placements = grouped_apart(&faces, &confirmed, &[apart]).placements;
            let [one, other] = [apart.0, apart.1].map(|face| placements[&face].person);
            assert!(one.is_none() || one != other, "{apart:?}: {one:?}");
        }
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

    /// Two faces that are too far apart among the hundred people of a library are near enough among
    /// the two who were there on a day.
    #[test]
    fn whoever_was_there_that_day_is_joined_sooner() {
        let groups = 100;
        let mut faces: Vec<GroupFace> = Vec::new();
        for id in 1..=groups {
            let mut vector = [0.01; EMBEDDING_LEN];
            vector[id as usize] = 1.0;
            let length = dot(&vector, &vector).sqrt();
            faces.push(good(id, id, Code::of(&vector.map(|value| value / length))));
        }
        let metric_of = |faces: &[GroupFace]| Metric::plain(&codes(faces), groups as usize);
        let calibration = Calibration::built_in();
        let metric = metric_of(&faces);
        let [strict, loose] = [
            calibration.same_group(&metric, Sureness::Balanced),
            calibration.same_group_among(2.0, &metric, Sureness::Balanced),
        ];
        assert!(strict + 0.02 < loose, "{strict} {loose}");
        // Between the two limits: 2 - 2·cos of the angle.
        let apart = (1.0 - f32::midpoint(strict, loose) / 2.0)
            .acos()
            .to_degrees();
        faces.push(good(groups + 1, 201, at([0, 1], 0.0)));
        faces.push(good(groups + 2, 202, at([0, 1], apart)));
        let joined = |days: [Option<i8>; 2]| {
            let mut faces = faces.clone();
            for (face, day) in faces[groups as usize..].iter_mut().zip(days) {
                face.day = day.map(|day| jiff::civil::date(2019, 7, day));
            }
            let placements = grouped(&faces, &[]).placements;
            placements[&(groups + 1)].person == placements[&(groups + 2)].person
        };
        assert!(joined([Some(1), Some(1)]));
        assert!(!joined([Some(1), Some(2)]));
        assert!(!joined([Some(1), None]));
        assert!(!joined([None, None]));
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

    /// Something said about the faces from `at` on, a few of the library's.
    fn said(kind: u32, at: usize, count: usize, faces: &[GroupFace], newest: u32) -> Decision {
        let some = faces.iter().cycle().skip(at % faces.len()).take(count);
        let some: Vec<FaceId> = some.map(|face| face.id).collect();
        let first = some[0];
        match kind {
            0 | 1 => Decision::Name {
                person: first,
                name: format!("Person {first}"),
                faces: some,
            },
            2 => Decision::Reject {
                person: first,
                faces: some[1..].to_vec(),
                others: vec![first],
            },
            3 => Decision::Confirm {
                person: 1 + first % 40,
                faces: some,
            },
            4 => Decision::Ignore { faces: some },
            5 => Decision::Merge {
                person: 1 + first % 40,
                into: 1 + first % 7,
                faces: some,
            },
            6 => Decision::Reject {
                person: 1 + first % 40,
                faces: some,
                others: Vec::new(),
            },
            7 => Decision::Sureness {
                sureness: Sureness::ALL[at % Sureness::ALL.len()],
            },
            _ => Decision::Undo {
                decision: (1 + first % newest.max(1)).min(newest),
            },
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// What is told and repeated comes to the same as what is worked out from nothing.
        #[test]
        fn after_a_decision_the_groups_are_those_of_a_first_run(
            words in prop::collection::vec((0_u32..9, 0_usize..2000, 1_usize..12), 1..9)
        ) {
            let mut faces = faces();
            // Some are on a copy of the photo as well.
            let copies: Vec<GroupFace> = faces.iter().step_by(9).cloned().collect();
            for copy in copies {
                let id = faces.len() as u32 + 1;
                faces.push(GroupFace { id, photo: 10_000 + id, ..copy });
            }
            let mut index = FaceIndex::in_memory();
            index.update(&codes(&faces)).unwrap();
            let mut taught = Taught::by(faces.clone(), &index, None);
            let mut log: Vec<Entry> = Vec::new();
            for (kind, at, count) in words {
                let newest = log.len() as u32;
                log.push(Entry {
                    id: newest + 1,
                    at: SystemTime::UNIX_EPOCH,
                    decision: said(kind, at, count + 1, &faces, newest),
                });
                let decided = Decided::replay(&log);
                let told = taught.group(&decided);
                let joins = taught.last.take().map(|last| last.told);
                let anew = taught.group(&decided);
                prop_assert_eq!(joins.as_ref(), taught.last.as_ref().map(|last| &last.told));
                prop_assert_eq!(told.placements, anew.placements);
                prop_assert_eq!(told.questions, anew.questions);
            }
        }
    }

    #[test]
    fn each_step_of_sureness_gives_fewer_groups_than_the_one_before() {
        let faces = faces();
        let mut index = FaceIndex::in_memory();
        index.update(&codes(&faces)).unwrap();
        let mut taught = Taught::by(faces.clone(), &index, None);
        let mut at = |sureness| {
            let decided = Decided {
                sureness,
                ..Decided::default()
            };
            let tried = taught.try_out(&decided).placements;
            let grouped = taught.group(&decided).placements;
            assert_eq!(tried, grouped);
            let people: BTreeSet<_> = grouped.values().map(|placed| placed.person).collect();
            people.len()
        };
        let groups = Sureness::ALL.map(&mut at);
        assert!(groups.is_sorted_by(|a, b| a > b), "{groups:?}");
        assert_eq!(at(Sureness::Balanced), groups[2]);
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
