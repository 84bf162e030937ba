//! FaceNet as a network: Inception-ResNet-v1, 160x160 RGB to 128 numbers, or as many as its last
//! layer has.
//!
//! The graph is the one that `facenet_keras.h5` describes and its layers keep their names there
//! (Schroff et al. 2015 for the embedding; Szegedy et al. 2016, section 3, for the network).
//! BatchNorm, which has no gamma in that file, is folded into the convolution before it; the scale
//! of a residual branch is folded into the branch's last convolution.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use crate::{
    ops::{
        Block, Padding,
        Padding::{Same, Valid},
        Place, plain,
        plain::{Branches, Conv, Layer, Residual},
    },
    weights::WeightFile,
};

/// The weight file that [`Facenet::new`] reads.
pub(crate) const FILE: WeightFile = WeightFile {
    network: "facenet-irv1-128-1",
    name: "facenet.safetensors",
    sha256: "458a6bb5fa4ca6d0ad12987225bf14b5fc0d1a73dbe054310bcff32f82eb5622",
};

const BATCHNORM_EPSILON: f64 = 1e-3;

/// The network, ready to run.
pub(crate) struct Facenet {
    /// One after the other.
    blocks: Vec<Block>,
    place: Place,
}

/// Channels before the last layer.
pub(crate) const FEATURES: usize = 1792;

impl Facenet {
    /// The network with parameters that are named as in `facenet.safetensors`, and an embedding of so
    /// many numbers; without its last layer where there are none.
    pub(crate) fn new(
        parameters: &VarBuilder,
        numbers: Option<usize>,
        place: Place,
    ) -> Result<Self> {
        let p = Parameters(parameters);
        let stem = std::iter::once_with(|| p.stem().map(plain::Block::Branches));
        let blocks35 = (1..=5).map(|i| p.block35(i).map(plain::Block::Residual));
        let mixed_6a = std::iter::once_with(|| p.mixed_6a().map(plain::Block::Branches));
        let blocks17 = (1..=10).map(|i| p.block17(i).map(plain::Block::Residual));
        let mixed_7a = std::iter::once_with(|| p.mixed_7a().map(plain::Block::Branches));
        let blocks8 = (1..=6).map(|i| p.block8(i).map(plain::Block::Residual));
        let mean = std::iter::once(Ok(plain::Block::Mean));
        let bottleneck = numbers.map(|numbers| p.bottleneck(numbers).map(plain::Block::Conv));
        let blocks = stem
            .chain(blocks35)
            .chain(mixed_6a)
            .chain(blocks17)
            .chain(mixed_7a)
            .chain(blocks8)
            .chain(mean)
            .chain(bottleneck)
            .map(|block| place.block(&block?))
            .collect::<Result<_>>()?;
        Ok(Self { blocks, place })
    }

    /// `[n, 160, 160, 3]` in f32 on the processor (for [`Place::TensorCores`] as its kernels make them of
    /// bytes), each image standardised, to `[n, numbers]`, not normalised; to `[n, 1792]` without the
    /// last layer.
    ///
    /// On the processor each thread takes its share of the images through the whole network, so that
    /// none waits for another between layers; where there are fewer images than threads, layers are
    /// shared too.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(0)?;
        let share = if let Place::Processor(_) = self.place {
            n.div_ceil(rayon::current_num_threads()).max(1)
        } else {
            n.max(1)
        };
        let results = (0..n.div_ceil(share))
            .into_par_iter()
            .map(|i| self.forward_some(x.narrow(0, i * share, share.min(n - i * share))?))
            .collect::<Result<Vec<_>>>()?;
        Tensor::cat(&results, 0)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn forward_some(&self, x: Tensor) -> Result<Tensor> {
        let x = self.place.take(x)?;
        let x = self
            .blocks
            .iter()
            .try_fold(x, |x, block| block.forward(x))?;
        self.place.give(x)?.flatten_from(1)
    }
}

/// Layers from the parameters of the file, with what can be folded folded.
struct Parameters<'a>(&'a VarBuilder<'a>);

impl Parameters<'_> {
    fn stem(&self) -> Result<Branches> {
        Ok(Branches(vec![vec![
            self.conv("Conv2d_1a_3x3", [3, 3, 3, 32], 2, Valid)?,
            self.conv("Conv2d_2a_3x3", [3, 3, 32, 32], 1, Valid)?,
            self.conv("Conv2d_2b_3x3", [3, 3, 32, 64], 1, Same)?,
            Layer::MaxPool,
            self.conv("Conv2d_3b_1x1", [1, 1, 64, 80], 1, Valid)?,
            self.conv("Conv2d_4a_3x3", [3, 3, 80, 192], 1, Valid)?,
            self.conv("Conv2d_4b_3x3", [3, 3, 192, 256], 2, Valid)?,
        ]]))
    }

    fn block35(&self, i: usize) -> Result<Residual> {
        let conv =
            |name: &str, shape| self.conv(&format!("Block35_{i}_Branch_{name}"), shape, 1, Same);
        let branches = vec![
            vec![conv("0_Conv2d_1x1", [1, 1, 256, 32])?],
            vec![
                conv("1_Conv2d_0a_1x1", [1, 1, 256, 32])?,
                conv("1_Conv2d_0b_3x3", [3, 3, 32, 32])?,
            ],
            vec![
                conv("2_Conv2d_0a_1x1", [1, 1, 256, 32])?,
                conv("2_Conv2d_0b_3x3", [3, 3, 32, 32])?,
                conv("2_Conv2d_0c_3x3", [3, 3, 32, 32])?,
            ],
        ];
        Ok(Residual {
            branches: Branches(branches),
            up: self.up(&format!("Block35_{i}"), [96, 256], 0.17, true)?,
        })
    }

    fn mixed_6a(&self) -> Result<Branches> {
        Ok(Branches(vec![
            vec![self.conv(
                "Mixed_6a_Branch_0_Conv2d_1a_3x3",
                [3, 3, 256, 384],
                2,
                Valid,
            )?],
            vec![
                self.conv("Mixed_6a_Branch_1_Conv2d_0a_1x1", [1, 1, 256, 192], 1, Same)?,
                self.conv("Mixed_6a_Branch_1_Conv2d_0b_3x3", [3, 3, 192, 192], 1, Same)?,
                self.conv(
                    "Mixed_6a_Branch_1_Conv2d_1a_3x3",
                    [3, 3, 192, 256],
                    2,
                    Valid,
                )?,
            ],
            vec![Layer::MaxPool],
        ]))
    }

    fn block17(&self, i: usize) -> Result<Residual> {
        let conv =
            |name: &str, shape| self.conv(&format!("Block17_{i}_Branch_{name}"), shape, 1, Same);
        let branches = vec![
            vec![conv("0_Conv2d_1x1", [1, 1, 896, 128])?],
            vec![
                conv("1_Conv2d_0a_1x1", [1, 1, 896, 128])?,
                conv("1_Conv2d_0b_1x7", [1, 7, 128, 128])?,
                conv("1_Conv2d_0c_7x1", [7, 1, 128, 128])?,
            ],
        ];
        Ok(Residual {
            branches: Branches(branches),
            up: self.up(&format!("Block17_{i}"), [256, 896], 0.1, true)?,
        })
    }

    fn mixed_7a(&self) -> Result<Branches> {
        Ok(Branches(vec![
            vec![
                self.conv("Mixed_7a_Branch_0_Conv2d_0a_1x1", [1, 1, 896, 256], 1, Same)?,
                self.conv(
                    "Mixed_7a_Branch_0_Conv2d_1a_3x3",
                    [3, 3, 256, 384],
                    2,
                    Valid,
                )?,
            ],
            vec![
                self.conv("Mixed_7a_Branch_1_Conv2d_0a_1x1", [1, 1, 896, 256], 1, Same)?,
                self.conv(
                    "Mixed_7a_Branch_1_Conv2d_1a_3x3",
                    [3, 3, 256, 256],
                    2,
                    Valid,
                )?,
            ],
            vec![
                self.conv("Mixed_7a_Branch_2_Conv2d_0a_1x1", [1, 1, 896, 256], 1, Same)?,
                self.conv("Mixed_7a_Branch_2_Conv2d_0b_3x3", [3, 3, 256, 256], 1, Same)?,
                self.conv(
                    "Mixed_7a_Branch_2_Conv2d_1a_3x3",
                    [3, 3, 256, 256],
                    2,
                    Valid,
                )?,
            ],
            vec![Layer::MaxPool],
        ]))
    }

    fn block8(&self, i: usize) -> Result<Residual> {
        let conv =
            |name: &str, shape| self.conv(&format!("Block8_{i}_Branch_{name}"), shape, 1, Same);
        let branches = vec![
            vec![conv("0_Conv2d_1x1", [1, 1, 1792, 192])?],
            vec![
                conv("1_Conv2d_0a_1x1", [1, 1, 1792, 192])?,
                conv("1_Conv2d_0b_1x3", [1, 3, 192, 192])?,
                conv("1_Conv2d_0c_3x1", [3, 1, 192, 192])?,
            ],
        ];
        // The last block adds its branches in full and has no ReLU.
        let last = i == 6;
        let scale = if last { 1.0 } else { 0.2 };
        Ok(Residual {
            branches: Branches(branches),
            up: self.up(&format!("Block8_{i}"), [384, 1792], scale, !last)?,
        })
    }

    /// Convolution, BatchNorm, ReLU.
    fn conv(
        &self,
        name: &str,
        shape: [usize; 4],
        stride: usize,
        padding: Padding,
    ) -> Result<Layer> {
        let kernel = self.0.get(&shape, &format!("{name}.kernel"))?;
        let (factor, bias) = self.batchnorm(&format!("{name}_BatchNorm"), shape[3])?;
        let kernel = kernel.broadcast_mul(&factor)?;
        Conv::new(&kernel, &bias, stride, padding, true).map(Layer::Conv)
    }

    /// The last, 1x1 convolution of a residual block, its result scaled.
    fn up(&self, block: &str, channels: [usize; 2], scale: f64, relu: bool) -> Result<Conv> {
        let p = self.0.pp(format!("{block}_Conv2d_1x1"));
        let kernel = (p.get((1, 1, channels[0], channels[1]), "kernel")? * scale)?;
        let bias = (p.get(channels[1], "bias")? * scale)?;
        Conv::new(&kernel, &bias, 1, Same, relu)
    }

    /// The product that makes the embedding, and its BatchNorm, as a 1x1 convolution.
    fn bottleneck(&self, numbers: usize) -> Result<Conv> {
        let kernel = self.0.get((FEATURES, numbers), "Bottleneck.kernel")?;
        let (factor, bias) = self.batchnorm("Bottleneck_BatchNorm", numbers)?;
        let kernel = kernel.broadcast_mul(&factor)?;
        let kernel = kernel.reshape((1, 1, FEATURES, numbers))?;
        Conv::new(&kernel, &bias, 1, Valid, false)
    }

    /// BatchNorm as `x * factor + bias`. Where the file has no gamma it is 1.
    fn batchnorm(&self, name: &str, channels: usize) -> Result<(Tensor, Tensor)> {
        let p = self.0.pp(name);
        let mut factor = (p.get(channels, "variance")? + BATCHNORM_EPSILON)?
            .sqrt()?
            .recip()?;
        if p.contains_tensor("gamma") {
            factor = (factor * p.get(channels, "gamma")?)?;
        }
        let bias = (p.get(channels, "beta")? - (p.get(channels, "mean")? * &factor)?)?;
        Ok((factor, bias))
    }
}
