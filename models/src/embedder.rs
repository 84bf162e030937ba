//! From faces to embeddings: the two views of each face through FaceNet, a few faces at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Tensor};

use crate::{
    Accelerator, CROP_SIDE, Crop, EMBEDDING_LEN, Embedding, Error, Precision, Weights,
    embedding::make_unit,
    facenet::{self, Facenet},
    ops::Place,
};

/// Faces that go through the network together on the processor. More are no faster.
pub(crate) const BATCH: usize = 16;

/// FaceNet, which turns a face into an embedding.
pub struct Embedder {
    network: Facenet,
    /// Faces that go through it together; fewer once they did not fit.
    batch: AtomicUsize,
}

impl Embedder {
    /// The name and version of the model, stamped on what it makes.
    pub const NAME: &'static str = facenet::FILE.network;

    /// The embedder with the weights in the folder, in whole numbers of 16 bits where the processor
    /// multiplies them faster (AVX2 alone, AVX512-VNNI) and else in f32, or as the environment variable
    /// `KITH_PRECISION` says: `f32`, `i16` or `fastest`.
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
        Self::load_at(weights, Place::Processor(precision), BATCH)
    }

    /// The embedder on an accelerator. At most [`Accelerator::FACES`] go through it together.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version, or does not fit on the device.
    pub fn load_on(weights: &Weights, accelerator: &Accelerator) -> Result<Self, Error> {
        Self::load_at(weights, accelerator.embedding(), Accelerator::FACES)
    }

    fn load_at(weights: &Weights, place: Place, batch: usize) -> Result<Self, Error> {
        let parameters = weights.open(&facenet::FILE)?;
        let network = Facenet::new(&parameters, Some(EMBEDDING_LEN), place).map_err(failed)?;
        Ok(Self::of(network, batch))
    }

    /// A network whose embeddings have 128 numbers.
    pub(crate) fn of(network: Facenet, batch: usize) -> Self {
        Self {
            network,
            batch: batch.into(),
        }
    }

    /// One embedding a face: the mean of its two views', of unit length. See
    /// [`views`](crate::views); a crop that was made otherwise goes with its mirror image. Faces that
    /// do not fit into memory together are tried fewer at a time.
    ///
    /// # Errors
    /// When Candle fails with one face alone.
    pub fn embed(&self, faces: &[[Crop; 2]]) -> Result<Vec<Embedding>, Error> {
        let numbers = embedded(&self.network, Scaled::ByItself, &self.batch, faces);
        let numbers = numbers.map_err(failed)?;
        Ok(numbers.as_chunks::<EMBEDDING_LEN>().0.to_vec())
    }
}

/// FaceNet without its last layer, on which another one can be trained
/// ([`training::LAST_LAYER`](crate::training::LAST_LAYER)).
pub struct Trunk(Facenet);

impl Trunk {
    /// The network with the weights in the folder, on the processor, in f32.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version.
    pub fn load(weights: &Weights) -> Result<Self, Error> {
        let parameters = weights.open(&facenet::FILE)?;
        let place = Place::Processor(Precision::F32);
        Facenet::new(&parameters, None, place)
            .map(Self)
            .map_err(failed)
    }

    /// 1,792 numbers a face: the mean of its two views', not brought to unit length.
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn features(&self, faces: &[[Crop; 2]]) -> Result<Vec<Vec<f32>>, Error> {
        let mut features = Vec::with_capacity(faces.len());
        for faces in faces.chunks(BATCH) {
            let (output, numbers) =
                through(&self.0, Scaled::ByItself, faces.as_flattened()).map_err(failed)?;
            features.extend(output.chunks_exact(2 * numbers).map(|both| {
                let (first, second) = both.split_at(numbers);
                let pairs = first.iter().zip(second);
                pairs.map(|(a, b)| f32::midpoint(*a, *b)).collect()
            }));
        }
        Ok(features)
    }
}

/// Runs the items in batches, in order. A batch that fails is tried again in halves, and no later one
/// is larger: what a device says when its memory is full differs, so any failure counts as that.
fn in_batches<T, E>(
    items: &[T],
    batch: &AtomicUsize,
    mut run: impl FnMut(&[T]) -> Result<(), E>,
) -> Result<(), E> {
    let mut left = items;
    while !left.is_empty() {
        let (some, rest) = left.split_at(batch.load(Ordering::Relaxed).clamp(1, left.len()));
        match run(some) {
            Ok(()) => left = rest,
            Err(error) if some.len() == 1 => return Err(error),
            Err(_) => batch.store(some.len() / 2, Ordering::Relaxed),
        }
    }
    Ok(())
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
    batch: &AtomicUsize,
    faces: &[[Crop; 2]],
) -> candle_core::Result<Vec<f32>> {
    let mut embeddings = Vec::new();
    in_batches(faces, batch, |faces| {
        embedded_together(network, scaled, faces).map(|some| embeddings.extend(some))
    })?;
    Ok(embeddings)
}

fn embedded_together(
    network: &Facenet,
    scaled: Scaled,
    faces: &[[Crop; 2]],
) -> candle_core::Result<Vec<f32>> {
    let (mut output, numbers) = through(network, scaled, faces.as_flattened())?;
    output.chunks_exact_mut(numbers).for_each(make_unit);
    let mut embeddings = Vec::with_capacity(faces.len() * numbers);
    for both in output.chunks_exact(2 * numbers) {
        let (first, second) = both.split_at(numbers);
        let start = embeddings.len();
        embeddings.extend(first.iter().zip(second).map(|(a, b)| a + b));
        make_unit(&mut embeddings[start..]);
    }
    Ok(embeddings)
}

/// What the network makes of the views one after the other, and how many numbers of each.
fn through(
    network: &Facenet,
    scaled: Scaled,
    views: &[Crop],
) -> candle_core::Result<(Vec<f32>, usize)> {
    let input = match network.place() {
        #[cfg(feature = "cuda")]
        Place::TensorCores(kernels) => prepared_by(kernels, scaled, views)?,
        _ => prepared(scaled, views)?,
    };
    let output = network.forward(&input)?;
    Ok((output.flatten_all()?.to_vec1()?, output.dim(1)?))
}

/// The numbers of the views, `[n, 160, 160, 3]`.
fn prepared(scaled: Scaled, views: &[Crop]) -> candle_core::Result<Tensor> {
    let mut values = Vec::with_capacity(views.len() * 3 * CROP_SIDE * CROP_SIDE);
    for view in views {
        let (shift, scale) = scaled.of(view);
        values.extend(
            view.pixels()
                .iter()
                .map(|p| ((f64::from(*p) - shift) / scale) as f32),
        );
    }
    let shape = (views.len(), CROP_SIDE, CROP_SIDE, 3);
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// The same where they are standardised on the device.
#[cfg(feature = "cuda")]
fn prepared_by(
    kernels: &crate::ops::cuda::Kernels,
    scaled: Scaled,
    views: &[Crop],
) -> candle_core::Result<Tensor> {
    use rayon::prelude::*;

    if scaled != Scaled::ByItself {
        candle_core::bail!("only Kith's own network runs on this device");
    }
    kernels.images([views.len(), CROP_SIDE, CROP_SIDE], true, |bytes| {
        let places = bytes.par_chunks_mut(3 * CROP_SIDE * CROP_SIDE);
        places
            .zip(views)
            .for_each(|(place, view)| place.copy_from_slice(view.pixels()));
    })
}

impl Scaled {
    /// What is taken off each byte of the crop, and what the rest is divided by.
    fn of(self, crop: &Crop) -> (f64, f64) {
        match self {
            Self::ByItself => mean_and_deviation(crop),
            Self::Fixed => (127.5, 128.0),
        }
    }
}

/// Of the crop's bytes: the deviation is `max(std, 1 / sqrt(n))`, as the network was trained.
fn mean_and_deviation(crop: &Crop) -> (f64, f64) {
    let pixels = crop.pixels();
    let count = pixels.len() as f64;
    let sum: u64 = pixels.iter().map(|p| u64::from(*p)).sum();
    let squares: u64 = pixels.iter().map(|p| u64::from(*p) * u64::from(*p)).sum();
    let mean = sum as f64 / count;
    let variance = (squares as f64 / count - mean * mean).max(0.0);
    (mean, variance.sqrt().max(count.sqrt().recip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;

    #[test]
    fn what_does_not_fit_together_goes_in_smaller_batches() {
        let items: Vec<u32> = (0..100).collect();
        for fits in [1, 3, 16, 64] {
            let batch = AtomicUsize::new(64);
            let mut done = Vec::new();
            let mut failures = 0;
            in_batches(&items, &batch, |items| {
                if items.len() > fits {
                    failures += 1;
                    return Err("out of memory");
                }
                done.extend_from_slice(items);
                Ok(())
            })
            .unwrap();
            assert_eq!(done, items, "{fits}");
            assert!(failures <= 6, "{fits}: {failures}");
            assert!(batch.into_inner() <= fits);
        }
        let batch = AtomicUsize::new(64);
        assert_eq!(in_batches(&items, &batch, |_| Err("lost")), Err("lost"));
        assert_eq!(
            in_batches::<u32, &str>(&[], &batch, |_| Err("asked")),
            Ok(())
        );
    }

    /// A crop of two slanted waves.
    fn crop(step: usize) -> Crop {
        let side = 0..CROP_SIDE;
        let pixels = side.clone().flat_map(|y| {
            side.clone()
                .flat_map(move |x| [x * step + y, x + y * step, x * y / 9].map(|v| (v % 256) as u8))
        });
        Crop::from_rgb(pixels.collect()).unwrap()
    }

    /// Graphics processors multiply f16 and add f32, as Candle does on the processor.
    #[test]
    fn numbers_of_two_bytes_give_nearly_the_same() {
        let weights = Weights::find().unwrap();
        let place = Place::Device(Device::Cpu, candle_core::DType::F16);
        let short = Embedder::load_at(&weights, place, BATCH).unwrap();
        let long = Embedder::load_with(&weights, Precision::F32).unwrap();
        let faces: Vec<[Crop; 2]> = (1..3).map(|step| [crop(step), crop(step + 3)]).collect();
        let short = short.embed(&faces).unwrap();
        for (short, long) in short.iter().zip(&long.embed(&faces).unwrap()) {
            let difference = distance(short, long);
            println!("f16: {difference:.1e}");
            assert!(difference < 1e-5, "{difference}");
        }
    }

    /// On the device that the program was built for, in a full batch and in one of a single face.
    #[cfg(any(feature = "cuda", feature = "metal"))]
    #[test]
    fn a_graphics_processor_gives_nearly_the_same() {
        let weights = Weights::find().unwrap();
        let device = Embedder::load_on(&weights, &Accelerator::find().unwrap()).unwrap();
        let here = Embedder::load_with(&weights, Precision::F32).unwrap();
        let some: Vec<[Crop; 2]> = (1..8).map(|step| [crop(step), crop(step + 3)]).collect();
        let expected = here.embed(&some).unwrap();
        let many: Vec<[Crop; 2]> = some.iter().cycle().take(150).cloned().collect();
        let found = device.embed(&many).unwrap();
        assert_eq!(found.len(), 150);
        let alone = device.embed(&many[..1]).unwrap();
        let pairs = found
            .iter()
            .chain(&alone)
            .zip(expected.iter().cycle().take(150).chain(&expected));
        let most = pairs.map(|(a, b)| distance(a, b)).fold(0.0, f32::max);
        println!("on the device: {most:.1e}");
        assert!(most < 1e-5, "{most}");
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

    fn numbers(crop: &Crop) -> Vec<f32> {
        let prepared = prepared(Scaled::ByItself, std::slice::from_ref(crop)).unwrap();
        prepared.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn standardised_values_have_mean_zero_and_deviation_one() {
        let values = numbers(&crop(3));
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
        let crop = Crop::from_rgb(vec![77; 3 * CROP_SIDE * CROP_SIDE]).unwrap();
        assert!(numbers(&crop).iter().all(|v| *v == 0.0));
    }
}
