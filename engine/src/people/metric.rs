//! The metric of a library: the network's distance between faces that their neighbours have
//! steadied, corrected by how near strangers come to each of the two.
//!
//! A network crowds some faces together (babies, old prints, blurred ones): between those a small
//! distance says little. How crowded it is around a face is the mean distance to the nearest
//! groups that are surely not its own; what it differs from the library's average is taken off the
//! distance. This is the local scaling of Jégou et al. 2007 ("A contextual dissimilarity measure")
//! and of Conneau et al. 2018 (section 2.3, CSLS), with groups instead of points as neighbours, so
//! that a person with thousands of photos counts once.
//!
//! One photo says less of a face than several. So each embedding is drawn towards those of its
//! neighbours that are likely the same person, the more the nearer they are: a child of four and
//! one of eight meet at the photos of six. This is the database augmentation of Turcot and Lowe
//! 2009 and Arandjelović and Zisserman 2012 (section 4), with weights as in Gordo et al. 2017.
//!
//! Nobody has to name anyone for either.

use kith_models::training::Head;
use kith_models::{Code, EMBEDDING_LEN, Embedding, distance, nearest, unit};
use rayon::prelude::*;

/// How many of the nearest other groups say how crowded it is around a face.
const NEAREST: usize = 20;
/// Groups that are looked at, chosen by chance that is the same every time: bounds the work, and
/// 1,000 say as much as 3,259 did on LFW.
const MOST_GROUPS: usize = 1000;
/// Faces whose nearest groups are looked for together: bounds the memory for what is found.
const TOGETHER: usize = 4096;
/// Part of the difference that is taken off. 0.3 to 0.6 is as good on LFW; on families more finds
/// more of the same people among strangers, and less lets fewer relatives through.
const SHARE: f32 = 0.4;
/// With this many groups half of the correction is believed; with few, the network's distance
/// stays what it is.
const BELIEVED_FROM: f32 = 20.0;
/// A neighbour below this corrected distance steadies a face.
const STEADIED_BELOW: f32 = 0.9;
/// How much a neighbour at distance 0 weighs against the face itself.
const WEIGHT: f32 = 2.0;
/// Most neighbours that steady a face: more change nothing.
const MOST_STEADYING: usize = 8;

/// With a head, distances are brought to the same scale where this share of strangers is nearer...
const NEAR_STRANGERS: f64 = 0.05;
/// ...if there are so many groups; and by no more than this.
const FEWEST_STRANGERS: usize = 10;
const MOST_STRETCH: f32 = 2.0;

/// How far apart two faces are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// The network's own distance.
    Plain,
    /// Corrected by what the library teaches: what the program uses.
    Library,
}

impl MetricKind {
    /// The name and version, stamped on what was measured with it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Library => "library-2",
        }
    }
}

/// The distances of a library's faces. A corrected one may be a little below 0.
#[derive(Debug, Clone)]
pub struct Metric {
    kind: MetricKind,
    /// Each face's point: on the unit sphere, or a little in or out of it, see `bring_to_scale_of`.
    points: Vec<Embedding>,
    /// For each face what is taken off its distances.
    offsets: Vec<f32>,
    /// How many groups the faces surely form.
    groups: usize,
}

impl Metric {
    /// Learned from faces and the groups that they surely form: `group_of` gives each face's group,
    /// none for faces that are in no group. `neighbours` are, for each face, others that look like
    /// it and are not on the same photo, the nearest first.
    #[must_use]
    pub fn learn(codes: &[Code], group_of: &[Option<usize>], neighbours: &[Vec<usize>]) -> Self {
        Self::of(&embeddings(codes), codes, group_of, neighbours)
    }

    /// The same for a library that learned a head from its user's answers: distances are those
    /// between the faces as the head sees them, brought to the scale of those without it, so that
    /// what was calibrated holds.
    #[must_use]
    pub fn learn_with(
        head: &Head,
        codes: &[Code],
        group_of: &[Option<usize>],
        neighbours: &[Vec<usize>],
    ) -> Self {
        let seen = |code: &Code| head.embed(&code.embedding());
        let seen: Vec<Embedding> = codes.par_iter().map(seen).collect();
        let mut metric = Self::of(&seen, codes, group_of, neighbours);
        let without = Self::learn(codes, group_of, neighbours);
        metric.bring_to_scale_of(&without, &one_of_each_group(codes, group_of));
        metric
    }

    fn of(
        plain: &[Embedding],
        codes: &[Code],
        group_of: &[Option<usize>],
        neighbours: &[Vec<usize>],
    ) -> Self {
        let (offsets, groups) = learned_offsets(codes, plain, group_of);
        let steadied = |face: usize| steadied(face, plain, &offsets, &neighbours[face]);
        let points: Vec<Embedding> = (0..plain.len()).into_par_iter().map(steadied).collect();
        let (offsets, _) = learned_offsets(codes, &points, group_of);
        Self {
            kind: MetricKind::Library,
            points,
            offsets,
            groups,
        }
    }

    /// The network's own distance, for a library of so many groups.
    #[must_use]
    pub fn plain(codes: &[Code], groups: usize) -> Self {
        Self {
            kind: MetricKind::Plain,
            points: embeddings(codes),
            offsets: vec![0.0; codes.len()],
            groups,
        }
    }

    /// Stretches and shifts all distances, so that those of strangers are as in `other`: at their
    /// median, and where the nearest [`NEAR_STRANGERS`] end. Among the pairs of faces of different
    /// groups some are of one person, but too few to move these two.
    fn bring_to_scale_of(&mut self, other: &Self, strangers: &[usize]) {
        let [Some([near, median]), Some([near_there, median_there])] =
            [&*self, other].map(|metric| metric.landmarks(strangers))
        else {
            return;
        };
        let stretch = (median_there - near_there) / (median - near).max(f32::EPSILON);
        let stretch = stretch.clamp(1.0 / MOST_STRETCH, MOST_STRETCH);
        let shift = median_there - stretch * median;
        // Of two points of length √stretch, 2 less twice their product is the stretched distance
        // and 2 - 2·stretch: that, and the shift, is taken off by halves.
        for point in self.points.iter_mut().flatten() {
            *point *= stretch.sqrt();
        }
        for offset in &mut self.offsets {
            *offset = stretch * *offset + 1.0 - stretch - shift / 2.0;
        }
    }

    /// The distance below which [`NEAR_STRANGERS`] of the pairs lie, and the median; none for too
    /// few faces.
    fn landmarks(&self, strangers: &[usize]) -> Option<[f32; 2]> {
        if strangers.len() < FEWEST_STRANGERS {
            return None;
        }
        let row = |at: usize| {
            let others = strangers[..at].iter();
            others.map(move |other| self.distance(strangers[at], *other))
        };
        let mut distances: Vec<f32> = (0..strangers.len())
            .into_par_iter()
            .flat_map_iter(row)
            .collect();
        let mut at = |share: f64| {
            let place = (share * distances.len() as f64) as usize;
            *distances.select_nth_unstable_by(place, f32::total_cmp).1
        };
        Some([at(NEAR_STRANGERS), at(0.5)])
    }

    /// Which it is.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// The distance of two faces, by their positions.
    #[must_use]
    pub fn distance(&self, a: usize, b: usize) -> f32 {
        let points = self.points[a].iter().zip(&self.points[b]);
        let product: f32 = points.map(|(a, b)| a * b).sum();
        2.0 - 2.0 * product - self.offsets[a] - self.offsets[b]
    }

    /// The point of a face, by its position: 2 less twice the product of two is their distance,
    /// before what is taken off.
    #[must_use]
    pub fn point(&self, face: usize) -> &Embedding {
        &self.points[face]
    }

    /// What is taken off the distances of a face, by its position.
    #[must_use]
    pub fn offset(&self, face: usize) -> f32 {
        self.offsets[face]
    }

    /// How many groups the faces surely form: how many strangers each has to meet.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }
}

fn embeddings(codes: &[Code]) -> Vec<Embedding> {
    codes.iter().map(Code::embedding).collect()
}

/// What is taken off the distances of each point, and how many groups there are.
fn learned_offsets(
    codes: &[Code],
    points: &[Embedding],
    group_of: &[Option<usize>],
) -> (Vec<f32>, usize) {
    let groups = groups(codes, points, group_of);
    let looked_at = &groups[..groups.len().min(MOST_GROUPS)];
    let nearness = means_to_nearest(points, group_of, looked_at);
    let average = average_of_groups(&nearness, group_of, groups.len());
    let believed = groups.len() as f32 / (groups.len() as f32 + BELIEVED_FROM);
    let offset = |near: &f32| SHARE * believed * (near - average);
    (nearness.iter().map(offset).collect(), groups.len())
}

/// The point of a face, drawn towards those of its neighbours that are near enough.
fn steadied(face: usize, plain: &[Embedding], offsets: &[f32], neighbours: &[usize]) -> Embedding {
    let corrected =
        |other: usize| distance(&plain[face], &plain[other]) - offsets[face] - offsets[other];
    let mut near: Vec<(f32, usize)> = neighbours
        .iter()
        .map(|other| (corrected(*other), *other))
        .filter(|(distance, _)| *distance < STEADIED_BELOW)
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    near.truncate(MOST_STEADYING);
    let mut sum = plain[face];
    for (distance, other) in near {
        let weight = WEIGHT * (1.0 - distance / STEADIED_BELOW);
        for (sum, value) in sum.iter_mut().zip(&plain[other]) {
            *sum += weight * value;
        }
    }
    unit(&sum)
}

/// A group as others see it.
struct Seen {
    group: usize,
    middle: Embedding,
}

/// All groups, in an order that is random but does not depend on that of the faces.
fn groups(codes: &[Code], points: &[Embedding], group_of: &[Option<usize>]) -> Vec<Seen> {
    let mut sums: std::collections::BTreeMap<usize, (Embedding, blake3::Hash)> =
        std::collections::BTreeMap::new();
    for ((code, point), group) in codes.iter().zip(points).zip(group_of) {
        let Some(group) = group else { continue };
        let hash = blake3::hash(code.as_bytes());
        let (sum, least) = sums.entry(*group).or_insert(([0.0; EMBEDDING_LEN], hash));
        for (sum, value) in sum.iter_mut().zip(point) {
            *sum += value;
        }
        if hash.as_bytes() < least.as_bytes() {
            *least = hash;
        }
    }
    let mut groups: Vec<(blake3::Hash, Seen)> = sums
        .into_iter()
        .map(|(group, (sum, hash))| {
            let middle = unit(&sum);
            (hash, Seen { group, middle })
        })
        .collect();
    groups.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A face of each group, by its position: of [`MOST_GROUPS`] of them, in an order that is random but
/// does not depend on that of the faces.
fn one_of_each_group(codes: &[Code], group_of: &[Option<usize>]) -> Vec<usize> {
    let mut by_hash: Vec<([u8; 32], usize)> = (0..codes.len())
        .map(|face| (*blake3::hash(codes[face].as_bytes()).as_bytes(), face))
        .collect();
    by_hash.sort_unstable();
    let mut met = std::collections::BTreeSet::new();
    by_hash
        .into_iter()
        .filter(|(_, face)| group_of[*face].is_some_and(|group| met.insert(group)))
        .map(|(_, face)| face)
        .take(MOST_GROUPS)
        .collect()
}

/// Mean distance from each face to the middles of the nearest groups other than its own; 0 where
/// there is none.
fn means_to_nearest(points: &[Embedding], group_of: &[Option<usize>], groups: &[Seen]) -> Vec<f32> {
    let middles: Vec<Embedding> = groups.iter().map(|group| group.middle).collect();
    let mean = |(found, own): (&Vec<(u32, f32)>, &Option<usize>)| {
        let others = found
            .iter()
            .filter(|(at, _)| Some(groups[*at as usize].group) != *own);
        let (mut sum, mut count) = (0.0, 0_u8);
        for (_, distance) in others.take(NEAREST) {
            (sum, count) = (sum + distance, count + 1);
        }
        sum / f32::from(count.max(1))
    };
    let together = points.chunks(TOGETHER).zip(group_of.chunks(TOGETHER));
    let means = together.flat_map(|(points, group_of)| {
        let found = nearest(points, &middles, NEAREST + 1);
        found.iter().zip(group_of).map(mean).collect::<Vec<f32>>()
    });
    means.collect()
}

/// The mean over groups of the mean over their faces: a large group counts once.
fn average_of_groups(values: &[f32], group_of: &[Option<usize>], groups: usize) -> f32 {
    let mut sums: std::collections::BTreeMap<usize, (f64, u32)> = std::collections::BTreeMap::new();
    for (value, group) in values.iter().zip(group_of) {
        if let Some(group) = group {
            let (sum, count) = sums.entry(*group).or_default();
            *sum += f64::from(*value);
            *count += 1;
        }
    }
    let sum: f64 = sums
        .values()
        .map(|(sum, count)| sum / f64::from(*count))
        .sum();
    (sum / groups.max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code with the given numbers first.
    fn code(first: &[i8]) -> Code {
        let mut bytes = [0; EMBEDDING_LEN];
        for (byte, value) in bytes.iter_mut().zip(first) {
            *byte = value.cast_unsigned();
        }
        Code::from_bytes(bytes)
    }

    /// Without neighbours.
    fn learned(codes: &[Code], group_of: &[Option<usize>]) -> Metric {
        Metric::learn(codes, group_of, &vec![Vec::new(); codes.len()])
    }

    /// Ten groups close together, and ten that are each far from all.
    fn crowded() -> (Vec<Code>, Vec<Option<usize>>) {
        let codes = (0..20)
            .map(|group: usize| {
                let mut numbers = [0_i8; 32];
                if group < 10 {
                    numbers[0] = 100;
                    numbers[group + 1] = 30;
                } else {
                    numbers[group + 1] = 100;
                }
                code(&numbers)
            })
            .collect();
        (codes, (0..20).map(Some).collect())
    }

    #[test]
    fn faces_in_a_crowd_are_farther_apart_than_they_look() {
        let (codes, group_of) = crowded();
        let (plain, metric) = (Metric::plain(&codes, 20), learned(&codes, &group_of));
        assert!(metric.distance(0, 1) > plain.distance(0, 1));
        assert!(metric.distance(15, 16) < plain.distance(15, 16));
    }

    /// A head that turns everything a little and looks more at some numbers than at others.
    fn head() -> Head {
        let mut numbers = vec![0.0_f32; EMBEDDING_LEN * (EMBEDDING_LEN + 1)];
        for at in 0..EMBEDDING_LEN {
            numbers[at] = 0.01;
            let row = &mut numbers[EMBEDDING_LEN * (at + 1)..];
            row[at] = if at % 2 == 0 { 1.5 } else { 0.8 };
            row[(at + 1) % EMBEDDING_LEN] = 0.2;
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|of| of.to_le_bytes()).collect();
        Head::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn with_a_head_strangers_are_as_far_apart_as_without() {
        let (codes, group_of) = crowded();
        let without = learned(&codes, &group_of);
        let neighbours = vec![Vec::new(); codes.len()];
        let with = Metric::learn_with(&head(), &codes, &group_of, &neighbours);
        let all: Vec<usize> = (0..codes.len()).collect();
        let (there, here) = (
            without.landmarks(&all).unwrap(),
            with.landmarks(&all).unwrap(),
        );
        for (there, here) in there.into_iter().zip(here) {
            assert!((there - here).abs() < 1e-4, "{there} {here}");
        }
        let moved = |a, b| (with.distance(a, b) - without.distance(a, b)).abs();
        assert!(moved(0, 1) > 0.01 || moved(15, 16) > 0.01);
        // The grouping adds points up: two less twice the product, and what is taken off.
        let product: f32 = with
            .point(3)
            .iter()
            .zip(with.point(7))
            .map(|(a, b)| a * b)
            .sum();
        let added = 2.0 - 2.0 * product - with.offset(3) - with.offset(7);
        assert!((added - with.distance(3, 7)).abs() < 1e-5);
    }

    /// The child of two and of twelve, and the photos between.
    #[test]
    fn a_face_between_two_brings_them_together() {
        let angle = |degrees: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            code(&[(100.0 * cos) as i8, (100.0 * sin) as i8])
        };
        let codes = [angle(0.0), angle(60.0), angle(30.0), angle(90.0)];
        let group_of: Vec<_> = (0..4).map(Some).collect();
        let between = [vec![2], vec![2], vec![], vec![]];
        let alone = learned(&codes, &group_of).distance(0, 1);
        let together = Metric::learn(&codes, &group_of, &between).distance(0, 1);
        assert!(together < alone - 0.3, "{together} of {alone}");

        let too_far = [vec![3], vec![], vec![], vec![]];
        let unmoved = Metric::learn(&codes, &group_of, &too_far);
        assert!((unmoved.distance(0, 1) - alone).abs() < 1e-5);
    }

    #[test]
    fn the_order_of_the_faces_changes_nothing() {
        let (codes, group_of) = crowded();
        let metric = learned(&codes, &group_of);
        let turned: Vec<Code> = codes.iter().rev().copied().collect();
        let again = learned(&turned, &group_of);
        for face in 0..codes.len() {
            let difference = metric.offset(face) - again.offset(codes.len() - 1 - face);
            assert!(difference.abs() < 1e-6);
        }
    }

    /// A person of whom there are very many photos is one stranger to the others, and is not taken
    /// for a crowd.
    #[test]
    fn many_photos_of_one_person_change_nothing() {
        let (mut codes, mut group_of) = crowded();
        let before = learned(&codes, &group_of);
        codes.extend(vec![codes[3]; 500]);
        group_of.extend(vec![group_of[3]; 500]);
        let after = learned(&codes, &group_of);
        for face in 0..20 {
            assert!((before.offset(face) - after.offset(face)).abs() < 1e-5);
        }
    }

    #[test]
    fn few_faces_or_none_teach_nothing() {
        let (codes, _) = crowded();
        for groups in [vec![None; 1], vec![Some(4); 1]] {
            let metric = learned(&codes[..1], &groups);
            assert_eq!(metric.offset(0), 0.0);
        }
        let two = learned(&codes[..2], &[Some(0), Some(1)]);
        assert!(two.offset(0).abs() < 0.1);
        assert_eq!(learned(&[], &[]).groups(), 0);
    }
}
