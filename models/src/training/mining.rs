//! Which triplets of a batch teach something: FaceNet, section 3.2.

/// Three rows of a batch: the positive is the anchor's person, the negative is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triplet {
    /// The face that the other two are compared with.
    pub anchor: u32,
    /// Another face of the same person.
    pub positive: u32,
    /// A face that is surely not that person.
    pub negative: u32,
}

/// How the negatives, and the positives, are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// All pairs of anchor and positive, each with the nearest negative that is farther than the
    /// positive: the paper's choice, as the hardest ones of all let a network that is trained from
    /// nothing collapse to one point. A pair without such a negative gives no triplet.
    SemiHard,
    /// All pairs of anchor and positive, each with the nearest negative.
    Hard,
    /// Each anchor with its farthest positive and its nearest negative (Hermans et al. 2017, "In
    /// Defense of the Triplet Loss", equation 5).
    BatchHard,
}

/// The triplets of a batch of `faces` rows, in the order of anchor and positive.
///
/// `distances` holds the squared distance of each row to each, row after row. `same` says of two
/// rows whether they are one person, and nothing where that is not known; of equally near faces
/// the first is taken, so the result depends on nothing but the arguments.
///
/// For the harmonic triplet loss the batch is the faces as the new network sees them, followed by
/// the same faces as the old one does: the triplets then mix both.
///
/// # Panics
/// When there are not `faces` times `faces` distances.
#[must_use]
pub fn mine(
    distances: &[f32],
    faces: usize,
    mining: Mining,
    same: impl Fn(usize, usize) -> Option<bool>,
) -> Vec<Triplet> {
    assert_eq!(distances.len(), faces * faces, "one distance a pair");
    let mut triplets = Vec::new();
    for (anchor, distances) in distances.chunks(faces.max(1)).enumerate() {
        let of_kind = |wanted: bool| -> Vec<usize> {
            (0..faces)
                .filter(|other| *other != anchor && same(anchor, *other) == Some(wanted))
                .collect()
        };
        let (mut positives, negatives) = (of_kind(true), of_kind(false));
        if mining == Mining::BatchHard {
            let farthest = positives
                .iter()
                .copied()
                .rev()
                .max_by(|a, b| distances[*a].total_cmp(&distances[*b]));
            positives = farthest.into_iter().collect();
        }
        for positive in positives {
            let farther_than = match mining {
                Mining::SemiHard => distances[positive],
                Mining::Hard | Mining::BatchHard => f32::NEG_INFINITY,
            };
            let nearest = negatives
                .iter()
                .copied()
                .filter(|other| distances[*other] > farther_than)
                .min_by(|a, b| distances[*a].total_cmp(&distances[*b]));
            triplets.extend(nearest.map(|negative| Triplet {
                anchor: anchor as u32,
                positive: positive as u32,
                negative: negative as u32,
            }));
        }
    }
    triplets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five faces on a line at 0, 1, 2, 3 and 10; the first, fourth and fifth are one person.
    fn mined(mining: Mining) -> Vec<[u32; 3]> {
        let at: [f32; 5] = [0.0, 1.0, 2.0, 3.0, 10.0];
        let person = [0, 1, 1, 0, 0];
        let distances: Vec<f32> = at
            .iter()
            .flat_map(|a| at.iter().map(move |b| (a - b) * (a - b)))
            .collect();
        mine(&distances, 5, mining, |a, b| Some(person[a] == person[b]))
            .iter()
            .map(|of| [of.anchor, of.positive, of.negative])
            .collect()
    }

    #[test]
    fn semi_hard_negatives_are_the_nearest_beyond_the_positive() {
        // From 0 both strangers are nearer than the positives at 3 and 10: no triplet. From 1 and
        // 2, one apart, the nearest beyond the positive are 3 and 0 (from 2: 0 is 4 away).
        // From 3 the positive at 0 has none beyond it, nor has that at 10. From 10 the positive at
        // 3 has the stranger at 2 beyond it, and that at 0 none.
        assert_eq!(mined(Mining::SemiHard), [[1, 2, 3], [2, 1, 0], [4, 3, 2]]);
    }

    #[test]
    fn hard_negatives_are_the_nearest() {
        assert_eq!(
            mined(Mining::Hard),
            [
                [0, 3, 1],
                [0, 4, 1],
                [1, 2, 0],
                [2, 1, 3],
                [3, 0, 2],
                [3, 4, 2],
                [4, 0, 2],
                [4, 3, 2]
            ]
        );
    }

    #[test]
    fn batch_hard_takes_the_farthest_positive_of_each() {
        assert_eq!(
            mined(Mining::BatchHard),
            [[0, 4, 1], [1, 2, 0], [2, 1, 3], [3, 4, 2], [4, 0, 2]]
        );
    }

    #[test]
    fn what_is_not_known_is_neither_positive_nor_negative() {
        let distances = [0.0; 16];
        assert!(mine(&distances, 4, Mining::Hard, |_, _| None).is_empty());
        let only_apart = |_, _| Some(false);
        assert!(mine(&distances, 4, Mining::Hard, only_apart).is_empty());
        assert!(mine(&[], 0, Mining::SemiHard, |_, _| None).is_empty());
    }
}
