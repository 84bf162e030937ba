//! From faces to embeddings: the two views of each face through FaceNet, a few faces at a time.

use candle_core::{Device, Tensor};

use crate::{
    CROP_SIDE, Crop, EMBEDDING_LEN, Embedding, Error, Precision, Weights,
    embedding::make_unit,
    facenet::{self, Facenet},
};

/// Faces that go through the network together. More are no faster.
const BATCH: usize = 16;

/// FaceNet, which turns a face into an embedding.
pub struct Embedder {
    network: Facenet,
}

impl Embedder {
    /// The name and version of the model, stamped on what it makes.
    pub const NAME: &'static str = facenet::FILE.network;

    /// The embedder with the weights in the folder, in f32; with the environment variable
    /// `KITH_PRECISION=fastest`, in bf16 where this processor is faster so.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version.
    pub fn load(weights: &Weights) -> Result<Self, Error> {
        Self::load_with(weights, Precision::wanted())
    }

    /// [`load`](Self::load), whatever the environment says.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version.
    pub fn load_with(weights: &Weights, precision: Precision) -> Result<Self, Error> {
        let parameters = weights.open(&facenet::FILE)?;
        let network = Facenet::new(&parameters, EMBEDDING_LEN, precision);
        Ok(Self::of(network.map_err(failed)?))
    }

    pub(crate) fn of(network: Facenet) -> Self {
        Self { network }
    }

    /// One embedding a face: the mean of its two views', of unit length. See
    /// [`views`](crate::views); a crop that was made otherwise goes with its mirror image.
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn embed(&self, faces: &[[Crop; 2]]) -> Result<Vec<Embedding>, Error> {
        let numbers = embedded(&self.network, Scaled::ByItself, faces);
        let numbers = numbers.map_err(failed)?;
        Ok(numbers.as_chunks::<EMBEDDING_LEN>().0.to_vec())
    }
}

fn failed(source: candle_core::Error) -> Error {
    Error::Network {
        network: Embedder::NAME,
        source,
    }
}

/// What a network wants done to the pixels of a crop first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaled {
    /// Its own mean taken off, divided by its own deviation: how Kith's weights were trained.
    ByItself,
    /// `(x - 127.5) / 128`: how those of facenet-pytorch were.
    Fixed,
}

/// The embeddings of the faces one after the other: each the mean of its two views', of unit length.
pub(crate) fn embedded(
    network: &Facenet,
    scaled: Scaled,
    faces: &[[Crop; 2]],
) -> candle_core::Result<Vec<f32>> {
    let mut embeddings = Vec::new();
    for faces in faces.chunks(BATCH) {
        let views = faces.as_flattened();
        let mut values = Vec::with_capacity(views.len() * 3 * CROP_SIDE * CROP_SIDE);
        for view in views {
            match scaled {
                Scaled::ByItself => standardise(view, &mut values),
                Scaled::Fixed => {
                    values.extend(
                        view.pixels()
                            .iter()
                            .map(|p| (f32::from(*p) - 127.5) / 128.0),
                    );
                }
            }
        }
        let shape = (views.len(), CROP_SIDE, CROP_SIDE, 3);
        let input = Tensor::from_vec(values, shape, &Device::Cpu)?;
        let output = network.forward(&input)?;
        let numbers = output.dim(1)?;
        let mut output = output.flatten_all()?.to_vec1::<f32>()?;
        output.chunks_exact_mut(numbers).for_each(make_unit);
        for both in output.chunks_exact(2 * numbers) {
            let (first, second) = both.split_at(numbers);
            let mut mean: Vec<f32> = first.iter().zip(second).map(|(a, b)| a + b).collect();
            make_unit(&mut mean);
            embeddings.extend(mean);
        }
    }
    Ok(embeddings)
}

/// Appends the crop's values with their mean taken off, divided by their deviation:
/// `(x - mean) / max(std, 1 / sqrt(n))`, as the network was trained.
fn standardise(crop: &Crop, values: &mut Vec<f32>) {
    let pixels = crop.pixels();
    let count = pixels.len() as f64;
    let sum: u64 = pixels.iter().map(|p| u64::from(*p)).sum();
    let squares: u64 = pixels.iter().map(|p| u64::from(*p) * u64::from(*p)).sum();
    let mean = sum as f64 / count;
    let variance = (squares as f64 / count - mean * mean).max(0.0);
    let deviation = variance.sqrt().max(count.sqrt().recip());
    values.extend(
        pixels
            .iter()
            .map(|p| ((f64::from(*p) - mean) / deviation) as f32),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;

    /// A crop of two slanted waves.
    fn crop(step: usize) -> Crop {
        let side = 0..CROP_SIDE;
        let pixels = side.clone().flat_map(|y| {
            side.clone()
                .flat_map(move |x| [x * step + y, x + y * step, x * y / 9].map(|v| (v % 256) as u8))
        });
        Crop::from_rgb(pixels.collect()).unwrap()
    }

    #[test]
    fn a_batch_gives_what_its_faces_give_alone() {
        let embedder = Embedder::load(&Weights::find().unwrap()).unwrap();
        let faces: Vec<[Crop; 2]> = (1..=BATCH + 1)
            .map(|step| [crop(step), crop(step + 3)])
            .collect();
        let together = embedder.embed(&faces).unwrap();
        assert_eq!(together.len(), faces.len());
        for (index, [first, second]) in [(0, &faces[0]), (BATCH, &faces[BATCH])] {
            // Which view comes first says nothing.
            for face in [[first, second], [second, first]] {
                let alone = embedder.embed(&[face.map(Clone::clone)]).unwrap();
                let difference = distance(&alone[0], &together[index]);
                assert!(difference < 1e-9, "face {index}: {difference}");
            }
        }
        assert!(
            distance(&together[0], &together[1]) > 1e-3,
            "all crops look the same"
        );
        assert_eq!(embedder.embed(&[]).unwrap().len(), 0);
    }

    #[test]
    fn standardised_values_have_mean_zero_and_deviation_one() {
        let mut values = Vec::new();
        standardise(&crop(3), &mut values);
        let count = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        let squares = values
            .iter()
            .map(|v| f64::from(*v) * f64::from(*v))
            .sum::<f64>()
            / count;
        assert!(
            mean.abs() < 1e-6 && (squares - 1.0).abs() < 1e-5,
            "{mean} {squares}"
        );
    }

    #[test]
    fn a_crop_of_one_colour_becomes_zeros() {
        let mut values = Vec::new();
        let crop = Crop::from_rgb(vec![77; 3 * CROP_SIDE * CROP_SIDE]).unwrap();
        standardise(&crop, &mut values);
        assert!(values.iter().all(|v| *v == 0.0));
    }
}
