//! Harmonic embeddings (the paper's appendix): what a new network sees, brought to the space of an
//! old one, so that new embeddings can be compared with old ones.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};

use super::{MARGIN, Mining, Optimiser, Rule, mine, squared_distances, triplet_loss, unit_rows};
use crate::{EMBEDDING_LEN, Embedding, embedding::unit};

/// Faces in a batch; each is in it twice, as the new and as the old network see it.
const FACES_AT_ONCE: usize = 128;
const STEPS: u32 = 200;
const RULE: Rule = Rule::AdamW {
    learning_rate: 1e-3,
    decay: 0.0,
};
/// How strongly the first map is held small, as a share of the mean square of the new numbers.
const RIDGE: f64 = 1e-2;
/// Chance is the same every time.
const SEED: u64 = 20_150_617;

/// A face as two networks see it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenTwice {
    /// The new network's numbers; as many for all faces, of unit length.
    pub new: Vec<f32>,
    /// The old network's embedding.
    pub old: Embedding,
    /// Who it is. A library that was told nothing gives each face a number of its own: then only
    /// the two views of one face are one person.
    pub person: u32,
}

/// A declared map: what a new network sees, in the space of an old one.
#[derive(Debug, Clone, PartialEq)]
pub struct Harmonic {
    /// Row after row, as many numbers each as the new network has.
    matrix: Vec<f32>,
    numbers: usize,
}

impl Harmonic {
    /// Learns the map. It begins as the linear one that brings each new embedding nearest to the
    /// old one of the same face (least squares), and is then trained with the harmonic triplet
    /// loss: triplets are mined among the faces as both networks see them, with the nearest
    /// negatives, and those of three old embeddings, which nothing can move, are left out.
    ///
    /// # Errors
    /// What Candle says.
    ///
    /// # Panics
    /// When the faces do not all have as many new numbers.
    pub fn train(faces: &[SeenTwice]) -> Result<Self> {
        let numbers = faces.first().map_or(EMBEDDING_LEN, |face| face.new.len());
        assert!(faces.iter().all(|face| face.new.len() == numbers));
        let device = Device::Cpu;
        let new: Vec<f32> = faces.iter().flat_map(|face| face.new.clone()).collect();
        let new = Tensor::from_vec(new, (faces.len(), numbers), &device)?;
        let old: Vec<f32> = faces.iter().flat_map(|face| face.old).collect();
        let old = Tensor::from_vec(old, (faces.len(), EMBEDDING_LEN), &device)?;
        let map = Var::from_tensor(&least_squares(faces, numbers)?)?;
        let parameters = BTreeMap::from([("map".to_owned(), map.clone())]);
        let mut optimiser = Optimiser::new(&parameters, RULE)?;
        let mut random = fastrand::Rng::with_seed(SEED);
        for _ in 0..STEPS {
            let batch = batch(faces, &mut random);
            let rows = Tensor::new(&*batch, &device)?;
            let mapped = unit_rows(&new.index_select(&rows, 0)?.matmul(&map)?)?;
            let both = Tensor::cat(&[&mapped, &old.index_select(&rows, 0)?], 0)?;
            let distances = squared_distances(&both.detach())?.flatten_all()?;
            let person = |row: usize| faces[batch[row % batch.len()] as usize].person;
            let mut triplets = mine(
                &distances.to_vec1()?,
                2 * batch.len(),
                Mining::Hard,
                |a, b| Some(person(a) == person(b)),
            );
            let is_new = |row: u32| (row as usize) < batch.len();
            triplets.retain(|of| {
                [of.anchor, of.positive, of.negative]
                    .into_iter()
                    .any(is_new)
            });
            if !triplets.is_empty() {
                optimiser.step(&triplet_loss(&both, &triplets, MARGIN)?)?;
            }
        }
        Ok(Self {
            matrix: map.t()?.flatten_all()?.to_vec1()?,
            numbers,
        })
    }

    /// The matrix as little-endian `f32`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.matrix.iter();
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// A map from its stored bytes; none when there are not as many as of whole rows, or a number is
    /// not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let matrix: Vec<f32> = numbers.iter().map(|of| f32::from_le_bytes(*of)).collect();
        let is_whole = rest.is_empty() && matrix.len().is_multiple_of(EMBEDDING_LEN);
        let is_finite = matrix.iter().all(|number| number.is_finite());
        (is_whole && is_finite && !matrix.is_empty()).then_some(Self {
            numbers: matrix.len() / EMBEDDING_LEN,
            matrix,
        })
    }

    /// How many numbers a new embedding has.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// A new embedding in the old space, of unit length.
    #[must_use]
    pub fn embed(&self, new: &[f32]) -> Embedding {
        unit(&std::array::from_fn(|row| {
            let row = &self.matrix[row * self.numbers..][..self.numbers];
            row.iter().zip(new).map(|(a, b)| a * b).sum()
        }))
    }
}

/// People by lot, with all their faces, until the batch is full.
fn batch(faces: &[SeenTwice], random: &mut fastrand::Rng) -> Vec<u32> {
    let mut rows_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, face) in (0..).zip(faces) {
        rows_of.entry(face.person).or_default().push(row);
    }
    let mut rows_of: Vec<Vec<u32>> = rows_of.into_values().collect();
    random.shuffle(&mut rows_of);
    let rows = rows_of.into_iter().flatten();
    rows.take(FACES_AT_ONCE).collect()
}

/// `(N'N + λ)⁻¹ N'O` for the new embeddings N and the old ones O, one a row: (numbers, 128). By
/// the factors of Cholesky, in f64.
fn least_squares(faces: &[SeenTwice], numbers: usize) -> Result<Tensor> {
    let mut gram = vec![0.0_f64; numbers * numbers];
    let mut right = vec![0.0_f64; numbers * EMBEDDING_LEN];
    for face in faces {
        for (i, a) in face.new.iter().enumerate() {
            let a = f64::from(*a);
            for (sum, b) in gram[i * numbers..].iter_mut().zip(&face.new) {
                *sum += a * f64::from(*b);
            }
            for (sum, b) in right[i * EMBEDDING_LEN..].iter_mut().zip(&face.old) {
                *sum += a * f64::from(*b);
            }
        }
    }
    // The rows are of unit length, so the mean of the diagonal is their number over `numbers`.
    let ridge = RIDGE * faces.len().max(1) as f64 / numbers as f64;
    for i in 0..numbers {
        gram[i * numbers + i] += ridge;
    }
    for i in 0..numbers {
        for j in 0..=i {
            let before = (0..j).map(|k| gram[i * numbers + k] * gram[j * numbers + k]);
            let rest = gram[i * numbers + j] - before.sum::<f64>();
            gram[i * numbers + j] = if i == j {
                rest.sqrt()
            } else {
                rest / gram[j * numbers + j]
            };
        }
    }
    let at = |i: usize, column: usize| i * EMBEDDING_LEN + column;
    for column in 0..EMBEDDING_LEN {
        for i in 0..numbers {
            let before = (0..i).map(|k| gram[i * numbers + k] * right[at(k, column)]);
            let rest = right[at(i, column)] - before.sum::<f64>();
            right[at(i, column)] = rest / gram[i * numbers + i];
        }
        for i in (0..numbers).rev() {
            let after = (i + 1..numbers).map(|k| gram[k * numbers + i] * right[at(k, column)]);
            let rest = right[at(i, column)] - after.sum::<f64>();
            right[at(i, column)] = rest / gram[i * numbers + i];
        }
    }
    let map: Vec<f32> = right.into_iter().map(|value| value as f32).collect();
    Tensor::from_vec(map, (numbers, EMBEDDING_LEN), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;

    const NEW_NUMBERS: usize = 40;

    /// Faces of people who differ in 24 directions. The old network adds much noise in these and 24
    /// others; the new one little, and has its 40 numbers in a base of its own.
    fn faces(people: std::ops::Range<u32>, each: u32) -> Vec<SeenTwice> {
        let mut base = fastrand::Rng::with_seed(99);
        let base: Vec<f32> = (0..NEW_NUMBERS * 24).map(|_| base.f32() - 0.5).collect();
        let mut seen = Vec::new();
        for person in people {
            let mut own = fastrand::Rng::with_seed(u64::from(person));
            let look: Vec<f32> = (0..24).map(|_| own.f32() - 0.5).collect();
            for _ in 0..each {
                let mut old = [0.0; EMBEDDING_LEN];
                for (at, number) in old[..48].iter_mut().enumerate() {
                    let of_person = if at < 24 { look[at] } else { 0.0 };
                    *number = of_person + 0.9 * (own.f32() - 0.5);
                }
                let clear: Vec<f32> = look.iter().map(|of| of + 0.3 * (own.f32() - 0.5)).collect();
                let rows = base.chunks(24);
                let new: Vec<f32> = rows
                    .map(|row| row.iter().zip(&clear).map(|(a, b)| a * b).sum())
                    .collect();
                let length = new.iter().map(|of| of * of).sum::<f32>().sqrt();
                seen.push(SeenTwice {
                    new: new.iter().map(|of| of / length).collect(),
                    old: unit(&old),
                    person,
                });
            }
        }
        seen
    }

    /// The share of faces to which, of the others as another network sees them, a stranger's is
    /// nearest.
    fn mistaken(people: &[u32], faces: &[Embedding], others: &[Embedding]) -> f64 {
        let wrong = |at: &usize| {
            let rest = (0..faces.len()).filter(|other| other != at);
            let nearest = rest.min_by(|a, b| {
                let to = |other: usize| distance(&faces[*at], &others[other]);
                to(*a).total_cmp(&to(*b))
            });
            nearest.is_some_and(|other| people[other] != people[*at])
        };
        (0..faces.len()).filter(wrong).count() as f64 / faces.len() as f64
    }

    #[test]
    fn new_embeddings_find_old_ones_better_than_old_ones_do() {
        let map = Harmonic::train(&faces(0..60, 5)).unwrap();
        let unseen = faces(100..140, 5);
        let people: Vec<u32> = unseen.iter().map(|of| of.person).collect();
        let old: Vec<Embedding> = unseen.iter().map(|of| of.old).collect();
        let new: Vec<Embedding> = unseen.iter().map(|of| map.embed(&of.new)).collect();
        let old_to_old = mistaken(&people, &old, &old);
        let new_to_old = mistaken(&people, &new, &old);
        let new_to_new = mistaken(&people, &new, &new);
        assert!(old_to_old > 0.1, "{old_to_old}");
        assert!(new_to_old < 0.8 * old_to_old, "{old_to_old} {new_to_old}");
        assert!(new_to_new <= new_to_old, "{new_to_old} {new_to_new}");
    }

    /// Nobody is known: only that both networks saw the same face.
    #[test]
    fn it_is_learned_without_a_name_too() {
        let mut nameless = faces(0..60, 5);
        for (number, face) in (0..).zip(&mut nameless) {
            face.person = number;
        }
        let map = Harmonic::train(&nameless).unwrap();
        let unseen = faces(100..140, 5);
        let people: Vec<u32> = unseen.iter().map(|of| of.person).collect();
        let old: Vec<Embedding> = unseen.iter().map(|of| of.old).collect();
        let new: Vec<Embedding> = unseen.iter().map(|of| map.embed(&of.new)).collect();
        let (old_to_old, new_to_old) =
            (mistaken(&people, &old, &old), mistaken(&people, &new, &old));
        assert!(new_to_old <= old_to_old, "{old_to_old} {new_to_old}");
    }

    #[test]
    fn a_turned_space_is_turned_back() {
        let mut random = fastrand::Rng::with_seed(5);
        let turned: Vec<SeenTwice> = (0..400)
            .map(|person| {
                let old = unit(&std::array::from_fn(|_| random.f32() - 0.5));
                let new = old.iter().rev().map(|of| -of).collect();
                SeenTwice { new, old, person }
            })
            .collect();
        let map = Harmonic::train(&turned).unwrap();
        let farthest = turned
            .iter()
            .map(|of| distance(&map.embed(&of.new), &of.old));
        let farthest = farthest.fold(0.0, f32::max);
        assert!(farthest < 1e-2, "{farthest}");
    }
}
