//! CenterFace as a network: one pass from pixels to maps of faces at a quarter of the size.
//!
//! Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point". A
//! MobileNetV2 trunk, a neck that carries the coarse maps up to stride 4, and four heads that are
//! run as one 1x1 convolution.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::{
    ops::{
        Block, Padding, Place, plain,
        plain::{Conv, Depthwise, InvertedResidual, Upsample},
    },
    weights::WeightFile,
};

/// The weight file that [`Centerface::new`] reads.
pub(crate) const FILE: WeightFile = WeightFile {
    network: "centerface-1",
    name: "centerface.safetensors",
    sha256: "7cb5aa54f3fd4c60bcacc6ae93aa5845b2c1a56032e142c4efbc14519cd1344f",
};

/// The sides of the input are multiples of this.
pub(crate) const INPUT_MULTIPLE: usize = 32;
/// The pixels of the input along one side of a cell of the output.
pub(crate) const STRIDE: usize = 4;
/// The numbers of a cell: logit of the score; log of height and width, in cells; offset of the
/// centre, y and x, in cells; five landmarks, y and x, in heights and widths of the box from its
/// corner.
pub(crate) const CELL_LEN: usize = 1 + 2 + 2 + 10;

const BATCHNORM_EPSILON: f64 = 1e-3;
/// Output channels, stride and number of the blocks of each stage of MobileNetV2
/// (Sandler et al. 2018, table 2); all but the very first block expand sixfold.
const STAGES: [(usize, usize, usize); 7] = [
    (16, 1, 1),
    (24, 2, 2),
    (32, 2, 3),
    (64, 2, 4),
    (96, 1, 3),
    (160, 2, 3),
    (320, 1, 1),
];
/// The stages whose results the neck takes in, from the finest map to the coarsest.
const NECK_STAGES: [usize; 4] = [1, 2, 4, 6];
/// Channels of the neck and of what the heads see.
const NECK: usize = 24;

/// The network, ready to run.
pub(crate) struct Centerface {
    /// The very first block begins with the network's first convolution.
    stages: Vec<Vec<Block>>,
    top: Block,
    /// From the coarsest map to the finest.
    levels: Vec<Level>,
    shared: Block,
    heads: Block,
    place: Place,
}

/// One doubling of the neck: what comes from above, enlarged, plus the trunk's map of that size.
struct Level {
    up: Block,
    lateral: Block,
}

impl Centerface {
    /// The network with the parameters of `centerface.safetensors`.
    pub(crate) fn new(parameters: &VarBuilder, place: Place) -> Result<Self> {
        let p = Parameters {
            file: parameters,
            place: &place,
            exact: &place.exact(),
        };
        let mut channels = 32;
        let mut names = 1..;
        let mut stages = Vec::new();
        for (channels_out, stage_stride, count) in STAGES {
            let mut stage = Vec::new();
            for (position, name) in (0..count).zip(&mut names) {
                let name = format!("trunk.{name}");
                let stride = if position == 0 { stage_stride } else { 1 };
                let inner = if stages.is_empty() {
                    channels
                } else {
                    6 * channels
                };
                let expand = if stages.is_empty() {
                    p.conv("trunk.0", [3, 3, 3, inner], 2, true)?
                } else {
                    p.conv(&format!("{name}.expand"), [1, 1, channels, inner], 1, true)?
                };
                let residual = stride == 1 && channels == channels_out;
                stage.push(p.block(&name, expand, [inner, channels_out], stride, residual)?);
                channels = channels_out;
            }
            stages.push(stage);
        }
        let trunk_channels = |stage: usize| STAGES[stage].0;
        let [fine @ .., coarsest] = NECK_STAGES;
        let levels = fine
            .iter()
            .enumerate()
            .rev()
            .map(|(level, &stage)| p.level(level, trunk_channels(stage)));
        Ok(Self {
            stages,
            top: p.layer("neck.top", [1, 1, trunk_channels(coarsest), NECK])?,
            levels: levels.collect::<Result<_>>()?,
            shared: p.layer("head.shared", [3, 3, NECK, NECK])?,
            heads: p.heads()?,
            place,
        })
    }

    /// `[n, height, width, 3]` in f32 on the processor (for [`Place::TensorCores`] as its kernels make them
    /// of bytes), RGB 0 to 255 with sides that are multiples of 32, to `[n, height / 4, width / 4, 15]`, see [`CELL_LEN`].
    pub(crate) fn forward(&self, x: Tensor) -> Result<Tensor> {
        let mut x = self.place.take(x)?;
        let mut maps = Vec::new();
        for (stage, blocks) in self.stages.iter().enumerate() {
            x = blocks.iter().try_fold(x, |x, block| block.forward(x))?;
            if NECK_STAGES.contains(&stage) {
                maps.push(x.clone());
            }
        }
        let mut x = self.top.forward(x)?;
        for (level, map) in self.levels.iter().zip(maps.into_iter().rev().skip(1)) {
            x = (level.up.forward(x)? + level.lateral.forward(map)?)?;
        }
        let cells = self
            .place
            .give(self.heads.forward(self.shared.forward(x)?)?)?;
        // Where channels come in eights there is one more.
        cells.narrow(3, 0, CELL_LEN)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// Layers from the parameters of the file.
struct Parameters<'a> {
    file: &'a VarBuilder<'a>,
    place: &'a Place,
    /// For the neck and the heads: they are little of the work, and what they round moves landmarks more
    /// than all of the trunk does.
    exact: &'a Place,
}

impl Parameters<'_> {
    fn conv(&self, name: &str, shape: [usize; 4], stride: usize, relu: bool) -> Result<Conv> {
        let p = self.file.pp(name);
        Conv::new(
            &p.get(&shape, "kernel")?,
            &p.get(shape[3], "bias")?,
            stride,
            Padding::Same,
            relu,
        )
    }

    /// A convolution of stride 1 with a ReLU, ready to run.
    fn layer(&self, name: &str, shape: [usize; 4]) -> Result<Block> {
        let layer = self.conv(name, shape, 1, true)?;
        self.exact.block(&plain::Block::Conv(layer))
    }

    /// What follows `expand`, whose result has `inner` channels.
    fn block(
        &self,
        name: &str,
        expand: Conv,
        [inner, channels_out]: [usize; 2],
        stride: usize,
        residual: bool,
    ) -> Result<Block> {
        let p = self.file.pp(format!("{name}.depthwise"));
        let depthwise = Depthwise::new(
            &p.get((3, 3, inner), "kernel")?,
            &p.get(inner, "bias")?,
            stride,
        )?;
        let shape = [1, 1, inner, channels_out];
        let project = self.conv(&format!("{name}.project"), shape, 1, false)?;
        self.place
            .block(&plain::Block::InvertedResidual(InvertedResidual {
                expand,
                depthwise,
                project,
                residual,
            }))
    }

    fn level(&self, level: usize, channels_in: usize) -> Result<Level> {
        let p = self.file.pp(format!("neck.up.{level}"));
        let norm = |name: &str| p.get(NECK, &format!("batchnorm.{name}"));
        let factor = (norm("gamma")? / (norm("variance")? + BATCHNORM_EPSILON)?.sqrt()?)?;
        let bias = (norm("beta")? - (norm("mean")? * &factor)?)?;
        let kernel = p
            .get((2, 2, NECK, NECK), "kernel")?
            .broadcast_mul(&factor)?;
        let up = plain::Block::Upsample(Upsample::new(&kernel, &bias)?);
        let lateral = format!("neck.lateral.{level}");
        Ok(Level {
            up: self.exact.block(&up)?,
            lateral: self.layer(&lateral, [1, 1, channels_in, NECK])?,
        })
    }

    /// The four heads side by side.
    fn heads(&self) -> Result<Block> {
        let (mut kernels, mut biases) = (Vec::new(), Vec::new());
        for (name, channels) in [("heat", 1), ("size", 2), ("offset", 2), ("landmarks", 10)] {
            let p = self.file.pp(format!("head.{name}"));
            kernels.push(p.get((1, 1, NECK, channels), "kernel")?);
            biases.push(p.get(channels, "bias")?);
        }
        let (kernel, bias) = (Tensor::cat(&kernels, 3)?, Tensor::cat(&biases, 0)?);
        let heads = Conv::new(&kernel, &bias, 1, Padding::Same, false)?;
        self.exact.block(&plain::Block::Conv(heads))
    }
}
