//! The operations the networks are written in.
//!
//! A network is put together from the blocks of [`plain`], in Candle's own operations, and each
//! [`Place`] makes of them what it runs. Where there is nothing better they run as they are. For the
//! processor each becomes a Candle custom operation of this folder, fused with its bias and
//! activation; so does each for NVIDIA's graphics processors.
//!
//! There an image is a contiguous f32 tensor `[n, height, width, channels]`: with the channel last, a
//! 1x1 convolution is one matrix product over all pixels of the batch, a row of an im2col matrix is
//! a few copies of whole pixel runs, and pooling and depthwise kernels run along the channels.
//! A layer holds its parameters ready for its operation.

#![allow(
    clippy::inline_always,
    reason = "vector code must be inlined into the function that pulp compiles for the processor"
)]

mod bf16;
mod branches;
mod columns;
mod conv;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod depthwise;
mod fixed;
mod inverted_residual;
mod max_pool;
pub(crate) mod plain;
mod product;
mod scratch;
mod upsample;
mod vectors;
mod winograd;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Tensor, bail};

pub(crate) use columns::Columns;
pub(crate) use conv::Padding;
pub(crate) use product::Product;
pub(crate) use scratch::scratch;

use branches::{Branches, Residual};
use conv::Conv;
use inverted_residual::InvertedResidual;
use upsample::Upsample;

/// What a network may lose of the numbers that it multiplies. What lies between its layers is f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Precision {
    /// Nothing: f32, on every processor.
    F32,
    /// Little: whole numbers of 16 bits where this processor multiplies them faster, and else f32.
    I16,
    /// More where that is faster still: bf16 on AMX, and else as [`I16`](Self::I16).
    Fastest,
}

/// Factors shorter than f32, and the instructions for them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Narrow {
    Fixed(fixed::Kernel),
    Bf16(bf16::Kernel),
}

impl Precision {
    /// As the environment variable `KITH_PRECISION` says. Without it whole numbers where they are the faster,
    /// as they recognise as well (docs/speed.md).
    pub(crate) fn wanted() -> Self {
        Self::asked().unwrap_or(Self::I16)
    }

    /// The same of the detector, which was not tried in bf16. Whole numbers move its landmarks by thousandths
    /// of a pixel, and with them what is recognised by more than it may by default (docs/speed.md), so
    /// nobody gets them who did not ask.
    pub(crate) fn wanted_for_detector() -> Self {
        match Self::asked() {
            None | Some(Self::F32) => Self::F32,
            Some(Self::I16 | Self::Fastest) => Self::I16,
        }
    }

    /// `KITH_PRECISION`: `f32`, `i16` or `fastest`.
    fn asked() -> Option<Self> {
        match std::env::var("KITH_PRECISION").ok()?.as_str() {
            "f32" => Some(Self::F32),
            "i16" => Some(Self::I16),
            "fastest" => Some(Self::Fastest),
            _ => None,
        }
    }

    /// What this processor multiplies then, by name.
    pub(crate) fn numbers(self) -> &'static str {
        match self.narrow() {
            None => "f32",
            Some(Narrow::Fixed(_)) => "i16",
            Some(Narrow::Bf16(_)) => "bf16",
        }
    }

    /// The factors on this processor, where they are not f32.
    fn narrow(self) -> Option<Narrow> {
        let fixed = || fixed::Kernel::fastest().map(Narrow::Fixed);
        match self {
            Self::F32 => None,
            Self::I16 => fixed(),
            Self::Fastest => bf16::Kernel::here().map(Narrow::Bf16).or_else(fixed),
        }
    }
}

/// Where a network runs, and in which numbers.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// On this processor, by the operations of this folder.
    Processor(Precision),
    /// On a device, by Candle's own operations, in numbers of this type.
    Device(Device, DType),
    /// On NVIDIA's tensor cores, by the kernels of this folder, in f16.
    #[cfg(feature = "cuda")]
    TensorCores(cuda::Kernels),
}

/// A block of a network, ready to run at its place.
pub(crate) enum Block {
    Conv(Conv),
    Branches(Branches),
    Residual(Residual),
    InvertedResidual(Box<InvertedResidual>),
    Upsample(Upsample),
    Mean,
    Plain(plain::Block),
    #[cfg(feature = "cuda")]
    TensorCores(Box<cuda::Block>),
}

impl Place {
    /// The same, with nothing lost of the numbers that this processor multiplies.
    pub(crate) fn exact(&self) -> Self {
        if let Self::Processor(_) = self {
            Self::Processor(Precision::F32)
        } else {
            self.clone()
        }
    }

    /// The block as it runs here. Its parameters are f32, on the processor.
    pub(crate) fn block(&self, block: &plain::Block) -> Result<Block> {
        let precision = match self {
            Self::Device(device, numbers) => {
                return block.on(device, *numbers).map(Block::Plain);
            }
            #[cfg(feature = "cuda")]
            Self::TensorCores(kernels) => {
                let block = kernels.block(block)?;
                return Ok(Block::TensorCores(Box::new(block)));
            }
            Self::Processor(precision) => *precision,
        };
        Ok(match block {
            plain::Block::Conv(block) => Block::Conv(Conv::of(block, precision)?),
            plain::Block::Branches(block) => Block::Branches(Branches::of(block, precision)?),
            plain::Block::Residual(block) => Block::Residual(Residual::of(block, precision)?),
            plain::Block::InvertedResidual(block) => {
                Block::InvertedResidual(Box::new(InvertedResidual::of(block, precision)?))
            }
            plain::Block::Upsample(block) => Block::Upsample(Upsample::of(block)?),
            plain::Block::Mean => Block::Mean,
        })
    }

    /// An image `[n, height, width, channels]` of f32 numbers on the processor, as the blocks here take
    /// it.
    pub(crate) fn take(&self, image: Tensor) -> Result<Tensor> {
        match self {
            Self::Processor(_) => Ok(image),
            // Moved as it is: the device is quicker at bringing it in order.
            Self::Device(device, numbers) => image
                .to_device(device)?
                .to_dtype(*numbers)?
                .permute((3, 0, 1, 2))?
                .contiguous(),
            // Where its kernels have brought it already.
            #[cfg(feature = "cuda")]
            Self::TensorCores(_) => Ok(image),
        }
    }

    /// What [`take`](Self::take) takes, from what the blocks here gave.
    pub(crate) fn give(&self, image: Tensor) -> Result<Tensor> {
        match self {
            Self::Processor(_) => Ok(image),
            Self::Device(..) => image
                .permute((1, 2, 3, 0))?
                .contiguous()?
                .to_dtype(DType::F32)?
                .to_device(&Device::Cpu),
            #[cfg(feature = "cuda")]
            Self::TensorCores(_) => image.to_dtype(DType::F32)?.to_device(&Device::Cpu),
        }
    }
}

impl Block {
    /// The block's result for an image.
    pub(crate) fn forward(&self, x: Tensor) -> Result<Tensor> {
        match self {
            Self::Conv(block) => x.apply_op1_no_bwd(block),
            Self::Branches(block) => x.apply_op1_no_bwd(block),
            Self::Residual(block) => {
                x.inplace_op1(block)?;
                Ok(x)
            }
            Self::InvertedResidual(block) => x.apply_op1_no_bwd(block.as_ref()),
            Self::Upsample(block) => x.apply_op1_no_bwd(block),
            Self::Mean => x.mean_keepdim((1, 2)),
            Self::Plain(block) => block.forward(&x),
            #[cfg(feature = "cuda")]
            Self::TensorCores(block) => block.forward(&x),
        }
    }
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
    use candle_core::{Device, Tensor};

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

    /// `[n, height, width, channels]` in the order of [`plain`](super::plain).
    pub(super) fn channels_first(x: &Tensor) -> Tensor {
        x.permute((3, 0, 1, 2)).unwrap().contiguous().unwrap()
    }

    /// The other way round.
    pub(super) fn channels_last(x: &Tensor) -> Tensor {
        x.permute((1, 2, 3, 0)).unwrap().contiguous().unwrap()
    }

    /// The largest difference between the numbers of two tensors of one shape.
    pub(super) fn difference(found: &Tensor, expected: &Tensor) -> f32 {
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected).unwrap().abs().unwrap();
        let difference = difference.flatten_all().unwrap().max(0).unwrap();
        difference.to_scalar().unwrap()
    }

    /// Sums of up to a thousand products of numbers below 1, added in another order.
    pub(super) const TOLERANCE: f32 = 5e-5;
}
