//! The operations the networks are written in, each fused with its bias and activation.
//!
//! An image is a contiguous f32 tensor `[n, height, width, channels]`: with the channel last, a
//! 1x1 convolution is one matrix product over all pixels of the batch, a row of an im2col matrix is
//! a few copies of whole pixel runs, and pooling and depthwise kernels run along the channels.
//! A layer holds its parameters ready for its operation and is itself a Candle custom operation,
//! so that another device adds its own forward pass beside the CPU's.

#![allow(
    clippy::inline_always,
    reason = "vector code must be inlined into the function that pulp compiles for the processor"
)]

mod bf16;
mod branches;
mod columns;
mod conv;
mod depthwise;
mod inverted_residual;
mod max_pool;
mod product;
mod scratch;
mod upsample;
mod vectors;
mod winograd;

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

pub(crate) use branches::{Branches, Layer, Residual};
pub(crate) use columns::Columns;
pub(crate) use conv::{Conv, Padding};
pub(crate) use depthwise::Depthwise;
pub(crate) use inverted_residual::InvertedResidual;
pub(crate) use product::Product;
pub(crate) use scratch::scratch;
pub(crate) use upsample::Upsample;

/// The numbers that a network multiplies; it adds in f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Precision {
    /// f32, on every processor.
    F32,
    /// bf16 where this processor multiplies such numbers faster, and else f32.
    Fastest,
}

impl Precision {
    /// As the environment variable `KITH_PRECISION` says: `fastest`, and else f32.
    pub(crate) fn wanted() -> Self {
        match std::env::var("KITH_PRECISION").as_deref() {
            Ok("fastest") => Self::Fastest,
            _ => Self::F32,
        }
    }
}

/// Whether this processor multiplies bf16 numbers faster than f32.
pub(crate) fn multiplies_bf16() -> bool {
    bf16::Kernel::fastest().is_some()
}

/// Convolution, bias, and ReLU where the layer has one.
pub(crate) fn conv(x: &Tensor, layer: &Conv) -> Result<Tensor> {
    x.apply_op1_no_bwd(layer)
}

/// Chains of layers, their results side by side.
pub(crate) fn branches(x: &Tensor, block: &Branches) -> Result<Tensor> {
    x.apply_op1_no_bwd(block)
}

/// Adds the branches of a block to `x`, in its place.
pub(crate) fn residual(x: &Tensor, block: &Residual) -> Result<()> {
    x.inplace_op1(block)
}

/// A block of `MobileNetV2`.
pub(crate) fn inverted_residual(x: &Tensor, layer: &InvertedResidual) -> Result<Tensor> {
    x.apply_op1_no_bwd(layer)
}

/// Transposed 2x2 convolution of stride 2, bias and ReLU: twice the height and width.
pub(crate) fn upsample(x: &Tensor, layer: &Upsample) -> Result<Tensor> {
    x.apply_op1_no_bwd(layer)
}

/// The pixels and the shape `[n, height, width, channels]` of an operation's input.
fn image<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<(&'a [f32], [usize; 4])> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("an image must be contiguous, its layout is {layout:?}");
    };
    let (n, height, width, channels) = layout.shape().dims4()?;
    Ok((
        &storage.as_slice::<f32>()?[start..end],
        [n, height, width, channels],
    ))
}

/// Pictures and kernels of random numbers for comparing the operations with Candle's own.
#[cfg(test)]
mod against_candle {
    use candle_core::{Device, Result, Tensor};

    /// All vector instructions of this processor that the operations are compiled for, the portable way
    /// first.
    pub(super) fn archs() -> Vec<pulp::Arch> {
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::{Arch, x86};
            let wider = [
                x86::V3::try_new().map(Arch::V3),
                x86::V4::try_new().map(Arch::V4),
            ];
            [Arch::Scalar]
                .into_iter()
                .chain(wider.into_iter().flatten())
                .collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            vec![pulp::Arch::Scalar, pulp::Arch::new()]
        }
    }

    /// A tensor of numbers between -1 and 1 that depend on the seed only.
    pub(super) fn random(shape: &[usize], seed: u64) -> Tensor {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// `[n, height, width, channels]` in Candle's order, `[n, channels, height, width]`.
    pub(super) fn channels_first(x: &Tensor) -> Result<Tensor> {
        x.permute((0, 3, 1, 2))?.contiguous()
    }

    /// The largest difference from `expected`, which is in Candle's order.
    pub(super) fn difference(found: &Tensor, expected: &Tensor) -> f32 {
        let expected = expected.permute((0, 2, 3, 1)).unwrap();
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected)
            .unwrap()
            .abs()
            .unwrap()
            .flatten_all()
            .unwrap();
        difference.max(0).unwrap().to_scalar().unwrap()
    }

    /// Sums of up to a thousand products of numbers below 1, added in another order.
    pub(super) const TOLERANCE: f32 = 5e-5;
}
