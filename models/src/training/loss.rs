//! The triplet loss on squared distances of unit vectors, and what it is computed from.

use candle_core::{D, Result, Tensor};

use super::Triplet;

/// How much farther than the positive the negative must be: FaceNet, section 3.1 and section 5.
pub const MARGIN: f64 = 0.2;

/// Each row divided by its length: the last layer of FaceNet ("L2" in figure 2).
///
/// `rows` has the shape (faces, numbers), and no row is zero.
///
/// # Errors
/// What Candle says.
pub fn unit_rows(rows: &Tensor) -> Result<Tensor> {
    rows.broadcast_div(&rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)
}

/// The squared Euclidean distance of each row to each: (faces, numbers) to (faces, faces).
///
/// `rows` are of unit length, so it is `2 - 2ab`.
///
/// # Errors
/// What Candle says.
pub fn squared_distances(rows: &Tensor) -> Result<Tensor> {
    rows.matmul(&rows.t()?)?.affine(-2.0, 2.0)
}

/// The mean over the triplets of `max(0, |a - p|² - |a - n|² + margin)`: equation 3 of FaceNet,
/// divided by the number of triplets so that its size does not depend on how many were found.
///
/// `embeddings` has the shape (faces, numbers), its rows of unit length; the triplets name rows,
/// and there is one at least. With the rows of an old and a new network one below the other, and
/// triplets that mix them, it is the harmonic triplet loss of the paper's appendix: see
/// [`mine`](super::mine).
///
/// # Errors
/// What Candle says.
pub fn triplet_loss(embeddings: &Tensor, triplets: &[Triplet], margin: f64) -> Result<Tensor> {
    let rows = |of: fn(&Triplet) -> u32| {
        let rows: Vec<u32> = triplets.iter().map(of).collect();
        let rows = Tensor::from_vec(rows, triplets.len(), embeddings.device())?;
        embeddings.index_select(&rows, 0)
    };
    let anchors = rows(|triplet| triplet.anchor)?;
    let positives = rows(|triplet| triplet.positive)?;
    let negatives = rows(|triplet| triplet.negative)?;
    let to = |others: Tensor| (&anchors - others)?.sqr()?.sum(D::Minus1);
    ((to(positives)? - to(negatives)?)? + margin)?
        .relu()?
        .mean_all()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::super::{Mining, mine};
    use super::*;

    const FACES: usize = 12;
    const INPUTS: usize = 10;
    const NUMBERS: usize = 6;

    fn random(rows: usize, columns: usize, seed: u64) -> Tensor {
        let mut random = fastrand::Rng::with_seed(seed);
        let values: Vec<f64> = (0..rows * columns)
            .map(|_| random.f64() * 2.0 - 1.0)
            .collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    /// Three faces a person.
    fn same(a: usize, b: usize) -> bool {
        a % FACES / 3 == b % FACES / 3
    }

    fn mined(embeddings: &Tensor, mining: Mining, mixed: bool) -> Vec<Triplet> {
        let faces = embeddings.dim(0).unwrap();
        let distances = squared_distances(embeddings).unwrap();
        let distances = distances.to_dtype(DType::F32).unwrap();
        let distances = distances.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let mut triplets = mine(&distances, faces, mining, |a, b| Some(same(a, b)));
        if mixed {
            triplets.retain(|of| {
                [of.anchor, of.positive, of.negative]
                    .iter()
                    .any(|row| *row < FACES as u32)
            });
        }
        triplets
    }

    /// The gradient of the loss by every weight of a linear layer, by Candle and by the difference
    /// of two losses (central, f64, step 1e-6: its error is about 1e-10 relative to the values).
    fn check(mining: Mining, old: Option<&Tensor>) {
        let faces = random(FACES, INPUTS, 1);
        let weights = random(INPUTS, NUMBERS, 2);
        let embed = |weights: &Tensor| {
            let new = unit_rows(&faces.matmul(weights).unwrap()).unwrap();
            match old {
                Some(old) => Tensor::cat(&[&new, old], 0).unwrap(),
                None => new,
            }
        };
        let triplets = mined(&embed(&weights), mining, old.is_some());
        assert!(triplets.len() > 5, "{} triplets", triplets.len());
        let loss = |weights: &Tensor| triplet_loss(&embed(weights), &triplets, MARGIN).unwrap();

        let var = Var::from_tensor(&weights).unwrap();
        let gradients = loss(var.as_tensor()).backward().unwrap();
        let by_candle = gradients.get(&var).unwrap().flatten_all().unwrap();
        let by_candle = by_candle.to_vec1::<f64>().unwrap();

        let values = weights.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let step = 1e-6;
        let (mut off, mut length) = (0.0, 0.0);
        for at in 0..values.len() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                let weights = Tensor::from_vec(values, (INPUTS, NUMBERS), &Device::Cpu).unwrap();
                loss(&weights).to_scalar::<f64>().unwrap()
            };
            let by_difference = (moved(step) - moved(-step)) / (2.0 * step);
            off += (by_candle[at] - by_difference).powi(2);
            length += by_difference.powi(2);
        }
        assert!(length > 1e-4, "the loss does not depend on the weights");
        let relative = (off / length).sqrt();
        assert!(relative <= 1e-6, "{mining:?}: {relative:e}");
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for mining in [Mining::SemiHard, Mining::Hard, Mining::BatchHard] {
            check(mining, None);
        }
    }

    #[test]
    fn gradients_with_an_old_network_are_those_of_finite_differences() {
        let old = unit_rows(&random(FACES, NUMBERS, 3)).unwrap();
        for mining in [Mining::SemiHard, Mining::Hard, Mining::BatchHard] {
            check(mining, Some(&old));
        }
    }

    #[test]
    fn the_loss_of_a_case_worked_out_by_hand() {
        let rows = Tensor::new(&[[1.0_f32, 0.0], [0.0, 1.0], [-1.0, 0.0]], &Device::Cpu).unwrap();
        let triplet = |anchor, positive, negative| Triplet {
            anchor,
            positive,
            negative,
        };
        // Squared distances: 2 from the first to the second and from that to the third, 4 from the
        // first to the third.
        let of = |triplets: &[Triplet]| {
            let loss = triplet_loss(&rows, triplets, MARGIN).unwrap();
            loss.to_scalar::<f32>().unwrap()
        };
        assert_eq!(of(&[triplet(0, 1, 2)]), 0.0);
        assert!((of(&[triplet(0, 2, 1)]) - 2.2).abs() < 1e-6);
        assert!((of(&[triplet(1, 0, 2)]) - 0.2).abs() < 1e-6);
        assert!((of(&[triplet(0, 1, 2), triplet(0, 2, 1)]) - 1.1).abs() < 1e-6);
        let distances = squared_distances(&rows).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(
            distances,
            [[0.0, 2.0, 4.0], [2.0, 0.0, 2.0], [4.0, 2.0, 0.0]]
        );
    }
}
