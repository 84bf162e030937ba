//! Another network, made of Kith's own: it sees the same in faces, and says so in a space of its own; or
//! it sees nothing in them.

use std::path::Path;

use anyhow::{Context as _, Result};
use candle_core::{DType, Device, Tensor, safetensors};

use crate::crowd::Lot;

/// As in `models/src/facenet.rs`.
const BATCHNORM_EPSILON: f64 = 1e-3;

/// Writes a network to `file` whose embeddings have so many numbers: Kith's 128, turned into a space
/// of that size by a matrix that is drawn by lot. One that does not see gives every face the same.
///
/// # Errors
/// When Kith's own network cannot be read, or the file cannot be written.
pub fn make_network(file: &Path, numbers: usize, sees: bool) -> Result<()> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/weights/facenet.safetensors");
    let mut tensors = safetensors::load(own, &Device::Cpu)?;
    let mut take = |name: &str| -> Result<Tensor> {
        let tensor = tensors.remove(name).context("Kith's network has it")?;
        Ok(tensor.to_dtype(DType::F32)?)
    };
    let kernel = take("Bottleneck.kernel")?;
    let norm = |part: &str| format!("Bottleneck_BatchNorm.{part}");
    let (beta, mean) = (take(&norm("beta"))?, take(&norm("mean"))?);
    let factor = (take(&norm("variance"))? + BATCHNORM_EPSILON)?
        .sqrt()?
        .recip()?;
    let mut lot = Lot(7);
    let old = kernel.dim(1)?;
    let drawn: Vec<f32> = (0..old * numbers).map(|_| lot.normal()).collect();
    let turn = Tensor::from_vec(drawn, (old, numbers), &Device::Cpu)?;
    let turn = (turn / (numbers as f64).sqrt())?;
    // What the old norm did comes into the product, and the new one does nothing but add.
    let kernel = kernel.broadcast_mul(&factor)?.matmul(&turn)?;
    let kernel = if sees { kernel } else { kernel.zeros_like()? };
    let beta = (beta - (mean * factor)?)?
        .reshape((1, old))?
        .matmul(&turn)?;
    let plain = Tensor::ones(numbers, DType::F32, &Device::Cpu)?;
    tensors.extend([
        ("Bottleneck.kernel".to_owned(), kernel),
        (norm("beta"), beta.flatten_all()?),
        (norm("mean"), plain.zeros_like()?),
        (norm("variance"), (plain * (1.0 - BATCHNORM_EPSILON))?),
    ]);
    safetensors::save(&tensors, file)?;
    Ok(())
}
