//! CenterFace as a network: one pass from pixels to maps of faces at a quarter of the size.
//!
//! Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point". A
//! MobileNetV2 trunk, a neck that carries the coarse maps up to stride 4, and four heads that are
//! run as one 1x1 convolution.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::{
    ops::{
        Conv, Depthwise, InvertedResidual, Padding, Precision, Upsample, conv, inverted_residual,
        upsample,
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
    stages: Vec<Vec<InvertedResidual>>,
    top: Conv,
    /// From the coarsest map to the finest.
    levels: Vec<Level>,
    shared: Conv,
    heads: Conv,
}

/// One doubling of the neck: what comes from above, enlarged, plus the trunk's map of that size.
struct Level {
    up: Upsample,
    lateral: Conv,
}

impl Centerface {
    /// The network with the parameters of `centerface.safetensors`.
    pub(crate) fn new(parameters: &VarBuilder) -> Result<Self> {
        let p = Parameters(parameters);
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
            top: p.conv("neck.top", [1, 1, trunk_channels(coarsest), NECK], 1, true)?,
            levels: levels.collect::<Result<_>>()?,
            shared: p.conv("head.shared", [3, 3, NECK, NECK], 1, true)?,
            heads: p.heads()?,
        })
    }

    /// `[n, height, width, 3]`, RGB 0 to 255 with sides that are multiples of 32, to
    /// `[n, height / 4, width / 4, 15]`, see [`CELL_LEN`].
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        let mut maps = Vec::new();
        for (stage, blocks) in self.stages.iter().enumerate() {
            for block in blocks {
                x = inverted_residual(&x, block)?;
            }
            if NECK_STAGES.contains(&stage) {
                maps.push(x.clone());
            }
        }
        let mut x = conv(&x, &self.top)?;
        for (level, map) in self.levels.iter().zip(maps.iter().rev().skip(1)) {
            x = (upsample(&x, &level.up)? + conv(map, &level.lateral)?)?;
        }
        conv(&conv(&x, &self.shared)?, &self.heads)
    }
}

/// Layers from the parameters of the file.
struct Parameters<'a>(&'a VarBuilder<'a>);

impl Parameters<'_> {
    fn conv(&self, name: &str, shape: [usize; 4], stride: usize, relu: bool) -> Result<Conv> {
        let p = self.0.pp(name);
        Conv::new(
            &p.get(&shape, "kernel")?,
            &p.get(shape[3], "bias")?,
            stride,
            Padding::Same,
            relu,
            Precision::F32,
        )
    }

    /// What follows `expand`, whose result has `inner` channels.
    fn block(
        &self,
        name: &str,
        expand: Conv,
        [inner, channels_out]: [usize; 2],
        stride: usize,
        residual: bool,
    ) -> Result<InvertedResidual> {
        let p = self.0.pp(format!("{name}.depthwise"));
        let depthwise = Depthwise::new(
            &p.get((3, 3, inner), "kernel")?,
            &p.get(inner, "bias")?,
            stride,
        )?;
        let shape = [1, 1, inner, channels_out];
        let project = self.conv(&format!("{name}.project"), shape, 1, false)?;
        InvertedResidual::new(expand, depthwise, project, residual)
    }

    fn level(&self, level: usize, channels_in: usize) -> Result<Level> {
        let p = self.0.pp(format!("neck.up.{level}"));
        let norm = |name: &str| p.get(NECK, &format!("batchnorm.{name}"));
        let factor = (norm("gamma")? / (norm("variance")? + BATCHNORM_EPSILON)?.sqrt()?)?;
        let bias = (norm("beta")? - (norm("mean")? * &factor)?)?;
        let kernel = p
            .get((2, 2, NECK, NECK), "kernel")?
            .broadcast_mul(&factor)?;
        Ok(Level {
            up: Upsample::new(&kernel, &bias)?,
            lateral: self.conv(
                &format!("neck.lateral.{level}"),
                [1, 1, channels_in, NECK],
                1,
                true,
            )?,
        })
    }

    /// The four heads side by side.
    fn heads(&self) -> Result<Conv> {
        let (mut kernels, mut biases) = (Vec::new(), Vec::new());
        for (name, channels) in [("heat", 1), ("size", 2), ("offset", 2), ("landmarks", 10)] {
            let p = self.0.pp(format!("head.{name}"));
            kernels.push(p.get((1, 1, NECK, channels), "kernel")?);
            biases.push(p.get(channels, "bias")?);
        }
        let (kernel, bias) = (Tensor::cat(&kernels, 3)?, Tensor::cat(&biases, 0)?);
        Conv::new(&kernel, &bias, 1, Padding::Same, false, Precision::F32)
    }
}
