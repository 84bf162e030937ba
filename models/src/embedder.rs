//! From crops to embeddings: each crop and its mirror image through `FaceNet`, a few at a time.

use candle_core::{Device, Tensor};

use crate::{
    CROP_SIDE, Crop, EMBEDDING_LEN, Embedding, Error, Weights,
    embedding::unit,
    facenet::{self, Facenet},
};

/// Crops that go through the network together. More are no faster, and a batch needs about 10 MB
/// a crop.
const BATCH: usize = 8;

/// `FaceNet`, which turns a face into an embedding.
pub struct Embedder {
    network: Facenet,
}

impl Embedder {
    /// The name and version of the model, stamped on what it makes.
    pub const NAME: &'static str = facenet::FILE.network;

    /// The embedder with the weights in the folder.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version.
    pub fn load(weights: &Weights) -> Result<Self, Error> {
        let network = Facenet::new(&weights.open(&facenet::FILE)?).map_err(failed)?;
        Ok(Self { network })
    }

    /// One embedding a crop: the mean of the crop's and of its mirror image's, of unit length.
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn embed(&self, crops: &[Crop]) -> Result<Vec<Embedding>, Error> {
        let mut embeddings = Vec::with_capacity(crops.len());
        for crops in crops.chunks(BATCH) {
            embed_batch(&self.network, crops, &mut embeddings).map_err(failed)?;
        }
        Ok(embeddings)
    }
}

fn failed(source: candle_core::Error) -> Error {
    Error::Network { network: Embedder::NAME, source }
}

/// Appends the embeddings of a batch.
pub(crate) fn embed_batch(
    network: &Facenet,
    crops: &[Crop],
    embeddings: &mut Vec<Embedding>,
) -> candle_core::Result<()> {
    let mut values = Vec::with_capacity(2 * crops.len() * 3 * CROP_SIDE * CROP_SIDE);
    for crop in crops {
        standardise(crop, &mut values);
        standardise(&crop.mirrored(), &mut values);
    }
    let input =
        Tensor::from_vec(values, (2 * crops.len(), CROP_SIDE, CROP_SIDE, 3), &Device::Cpu)?;
    let output = network.forward(&input)?.flatten_all()?.to_vec1::<f32>()?;
    let (output, _) = output.as_chunks::<EMBEDDING_LEN>();
    let (pairs, _) = output.as_chunks::<2>();
    embeddings.extend(pairs.iter().map(|[plain, mirrored]| {
        let [plain, mirrored] = [unit(plain), unit(mirrored)];
        unit(&std::array::from_fn(|i| plain[i] + mirrored[i]))
    }));
    Ok(())
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
    values.extend(pixels.iter().map(|p| ((f64::from(*p) - mean) / deviation) as f32));
}
