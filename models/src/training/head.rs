//! What a library learns of its own people: a linear map on top of the frozen network's embedding,
//! trained with triplets.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Device, Result, Tensor, Var};

use super::{MARGIN, Mining, Optimiser, Rule, mine, squared_distances, triplet_loss, unit_rows};
use crate::{EMBEDDING_LEN, Embedder, Embedding, Error, embedding::unit};

/// People in a batch, and faces of each: P and K.
const PEOPLE_AT_ONCE: usize = 32;
const FACES_OF_EACH: usize = 4;
/// Faces of nobody known in a batch, of whom it is known that they are not one of its people.
const OTHERS_AT_ONCE: usize = 32;
const LEARNING_RATE: f64 = 1e-3;
/// How strongly the map is drawn back to the identity in each step, times the learning rate.
const BACK_TO_IDENTITY: f64 = 5.0;
/// Chance is the same every time.
const SEED: u64 = 20_150_607;

/// A face that the user said something of.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The network's embedding.
    pub embedding: Embedding,
    /// Whose it is, if that was said.
    pub person: Option<u32>,
    /// Whose it is surely not.
    pub not: BTreeSet<u32>,
}

impl Lesson {
    /// Whether two faces are one person, if that is known.
    fn same(&self, other: &Self) -> Option<bool> {
        match (self.person, other.person) {
            (Some(person), Some(of)) => Some(person == of),
            (Some(person), None) => other.not.contains(&person).then_some(false),
            (None, Some(of)) => self.not.contains(&of).then_some(false),
            (None, None) => None,
        }
    }
}

/// A learned map: an embedding less the middle of the library, times a matrix near the identity,
/// brought to unit length again.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    middle: Embedding,
    /// Row after row: the number at `i` of the result is row `i` times the embedding.
    matrix: Vec<f32>,
}

impl Head {
    /// Steps of the optimiser: from 100 to 400 the figures are about the same.
    pub const STEPS: u32 = 200;
    /// The length of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = 4 * EMBEDDING_LEN * (EMBEDDING_LEN + 1);

    /// Learns from faces. `middle` is the mean of the library's embeddings.
    ///
    /// Triplets are mined with the nearest negatives: the network under the head is trained, so
    /// that they cannot let it collapse (see [`Mining`]). The optimiser is `AdamW`, whose decay
    /// draws the map back to the identity instead of to zero: few faces change it little. The
    /// result is the same every time, whatever the number of threads.
    ///
    /// Calls `on_step` after each step with the loss, and stops where that says false: the result
    /// is none then. It is the identity where the faces make no triplet.
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn train(
        lessons: &[Lesson],
        middle: &Embedding,
        on_step: &mut dyn FnMut(f32) -> bool,
    ) -> std::result::Result<Option<Self>, Error> {
        train(lessons, middle, on_step).map_err(|source| Error::Network {
            network: Embedder::NAME,
            source,
        })
    }

    /// The embedding as the library sees it, of unit length.
    #[must_use]
    pub fn embed(&self, embedding: &Embedding) -> Embedding {
        let centred: Embedding = std::array::from_fn(|i| embedding[i] - self.middle[i]);
        let (rows, _) = self.matrix.as_chunks::<EMBEDDING_LEN>();
        unit(&std::array::from_fn(|i| {
            rows[i].iter().zip(&centred).map(|(a, b)| a * b).sum()
        }))
    }

    /// The middle and the matrix as little-endian `f32`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.middle.iter().chain(&self.matrix);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// A head from its stored bytes; none when they are not [`BYTES`](Self::BYTES) or hold a
    /// number that is not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let (numbers, _) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|of| f32::from_le_bytes(*of)).collect();
        let (middle, matrix) = numbers.split_first_chunk::<EMBEDDING_LEN>()?;
        numbers
            .iter()
            .all(|number| number.is_finite())
            .then(|| Self {
                middle: *middle,
                matrix: matrix.to_vec(),
            })
    }
}

fn train(
    lessons: &[Lesson],
    middle: &Embedding,
    on_step: &mut dyn FnMut(f32) -> bool,
) -> Result<Option<Head>> {
    let device = Device::Cpu;
    let centred: Vec<f32> = lessons
        .iter()
        .flat_map(|of| of.embedding.iter().zip(middle).map(|(a, b)| a - b))
        .collect();
    let faces = Tensor::from_vec(centred, (lessons.len(), EMBEDDING_LEN), &device)?;
    let identity = Tensor::eye(EMBEDDING_LEN, faces.dtype(), &device)?;
    // What is added to the identity, transposed: faces are rows.
    let change = Var::from_tensor(&identity.zeros_like()?)?;
    let rule = Rule::AdamW {
        learning_rate: LEARNING_RATE,
        decay: BACK_TO_IDENTITY,
    };
    let parameters = BTreeMap::from([("change".to_owned(), change.clone())]);
    let mut optimiser = Optimiser::new(&parameters, rule)?;
    let mut batches = Batches::new(lessons);
    for _ in 0..Head::STEPS {
        let batch = batches.next();
        let rows = Tensor::from_vec(batch.clone(), batch.len(), &device)?;
        let map = (change.as_tensor() + &identity)?;
        let embeddings = unit_rows(&faces.index_select(&rows, 0)?.matmul(&map)?)?;
        let distances = squared_distances(&embeddings.detach())?.flatten_all()?;
        let same =
            |a: usize, b: usize| lessons[batch[a] as usize].same(&lessons[batch[b] as usize]);
        let triplets = mine(&distances.to_vec1()?, batch.len(), Mining::Hard, same);
        let mut lost = 0.0;
        if !triplets.is_empty() {
            let loss = triplet_loss(&embeddings, &triplets, MARGIN)?;
            optimiser.step(&loss)?;
            lost = loss.to_scalar()?;
        }
        if !on_step(lost) {
            return Ok(None);
        }
    }
    let matrix = (change.as_tensor() + identity)?.t()?.flatten_all()?;
    Ok(Some(Head {
        middle: *middle,
        matrix: matrix.to_vec1()?,
    }))
}

/// Batches of P people with K faces each, and of others who are not these people.
struct Batches {
    random: fastrand::Rng,
    faces_of: Vec<(u32, Vec<u32>)>,
    others: Vec<(u32, BTreeSet<u32>)>,
}

impl Batches {
    fn new(lessons: &[Lesson]) -> Self {
        let mut faces_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut others = Vec::new();
        for (row, lesson) in (0..).zip(lessons) {
            match lesson.person {
                Some(person) => faces_of.entry(person).or_default().push(row),
                None => others.push((row, lesson.not.clone())),
            }
        }
        Self {
            random: fastrand::Rng::with_seed(SEED),
            faces_of: faces_of.into_iter().collect(),
            others,
        }
    }

    /// The rows of the next batch.
    fn next(&mut self) -> Vec<u32> {
        let mut batch = Vec::new();
        let chosen = self.faces_of.len().min(PEOPLE_AT_ONCE);
        for at in 0..chosen {
            let other = self.random.usize(at..self.faces_of.len());
            self.faces_of.swap(at, other);
            let faces = &mut self.faces_of[at].1;
            self.random.shuffle(faces);
            batch.extend(faces.iter().take(FACES_OF_EACH));
        }
        let people = &self.faces_of[..chosen];
        let strange = |not: &BTreeSet<u32>| people.iter().any(|(of, _)| not.contains(of));
        self.random.shuffle(&mut self.others);
        let others = self.others.iter().filter(|(_, not)| strange(not));
        batch.extend(others.take(OTHERS_AT_ONCE).map(|(row, _)| row));
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;

    /// Faces of people who differ in 24 directions, seen with much noise in 24 others: a map that
    /// looks away from those tells them apart.
    fn noisy(people: std::ops::Range<u32>, faces: u32) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        for person in people {
            let mut own = fastrand::Rng::with_seed(u64::from(person));
            let look: Vec<f32> = (0..24).map(|_| own.f32() - 0.5).collect();
            for _ in 0..faces {
                let mut numbers = [0.0; EMBEDDING_LEN];
                numbers[..24].copy_from_slice(&look);
                for number in &mut numbers[..24] {
                    *number += 0.2 * (own.f32() - 0.5);
                }
                for number in &mut numbers[24..48] {
                    *number = 1.4 * (own.f32() - 0.5);
                }
                lessons.push(Lesson {
                    embedding: unit(&numbers),
                    person: Some(person),
                    not: BTreeSet::new(),
                });
            }
        }
        lessons
    }

    /// How many faces have a stranger nearest.
    fn mistaken(faces: &[Lesson], as_seen: impl Fn(&Embedding) -> Embedding) -> usize {
        let seen: Vec<Embedding> = faces.iter().map(|of| as_seen(&of.embedding)).collect();
        let nearest_is_strange = |at: &usize| {
            let others = (0..seen.len()).filter(|other| other != at);
            let nearest = others.min_by(|a, b| {
                distance(&seen[*at], &seen[*a]).total_cmp(&distance(&seen[*at], &seen[*b]))
            });
            nearest.is_some_and(|of| faces[of].person != faces[*at].person)
        };
        (0..seen.len()).filter(nearest_is_strange).count()
    }

    fn trained(lessons: &[Lesson]) -> (Head, Vec<f32>) {
        let mut curve = Vec::new();
        let head = Head::train(lessons, &[0.0; EMBEDDING_LEN], &mut |loss| {
            curve.push(loss);
            true
        });
        (head.unwrap().unwrap(), curve)
    }

    #[test]
    fn it_learns_to_tell_people_apart_whom_it_never_saw() {
        let (head, curve) = trained(&noisy(0..40, 6));
        let ends = |of: &[f32]| of.iter().sum::<f32>();
        assert!(ends(&curve[190..]) < 0.5 * ends(&curve[..10]), "{curve:?}");
        let strangers = noisy(100..130, 6);
        let before = mistaken(&strangers, |embedding| *embedding);
        let after = mistaken(&strangers, |embedding| head.embed(embedding));
        assert!(before > 20 && 2 * after < before, "{before} -> {after}");
    }

    #[test]
    fn the_same_answers_give_the_same_head_in_any_number_of_threads() {
        let lessons = noisy(0..20, 4);
        let (head, _) = trained(&lessons);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let again = pool.build().unwrap().install(|| trained(&lessons).0);
            assert_eq!(head, again);
        }
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let one_person: Vec<Lesson> = noisy(3..4, 5);
        let embedding = one_person[0].embedding;
        for lessons in [&[][..], &one_person[..]] {
            let (head, _) = trained(lessons);
            assert!(distance(&head.embed(&embedding), &embedding) < 1e-9);
        }
    }

    /// Nobody said who the others are, only that they are not the first person.
    #[test]
    fn a_rejected_face_is_pushed_away() {
        let mut lessons = noisy(0..2, 6);
        for lesson in &mut lessons[6..] {
            lesson.person = None;
            lesson.not.insert(0);
        }
        let apart = |head: Option<&Head>| -> f32 {
            let seen = |of: &Lesson| head.map_or(of.embedding, |head| head.embed(&of.embedding));
            let own = distance(&seen(&lessons[0]), &seen(&lessons[1]));
            distance(&seen(&lessons[0]), &seen(&lessons[7])) - own
        };
        let (head, _) = trained(&lessons);
        assert!(apart(Some(&head)) > apart(None) + 0.1);
    }

    #[test]
    fn it_can_be_stopped() {
        let mut steps = 0;
        let stopped = Head::train(&noisy(0..4, 4), &[0.0; EMBEDDING_LEN], &mut |_| {
            steps += 1;
            steps < 7
        });
        assert_eq!((stopped.unwrap(), steps), (None, 7));
    }

    #[test]
    fn stored_bytes_give_the_same_head_and_damaged_ones_none() {
        let (head, _) = trained(&noisy(0..6, 3));
        let mut bytes = head.to_bytes();
        assert_eq!(Head::from_bytes(&bytes), Some(head));
        assert_eq!(Head::from_bytes(&bytes[1..]), None);
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(Head::from_bytes(&bytes), None);
    }
}
