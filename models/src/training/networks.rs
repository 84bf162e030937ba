//! The networks of the FaceNet paper as tables of layers, what they cost, and the one builder that
//! makes them.
//!
//! NN1 and NN2 are tables 1 and 2 of the paper. Of NNS1 and NNS2 it prints the size of the input,
//! the parameters and the operations only (section 3.3, table 3), so their layers here are Kith's
//! own, in the manner of NN2, to that budget: `docs/paper.md` says how.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear, VarBuilder, conv2d, linear};

use super::unit_rows;

/// A row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A square convolution and a `ReLU`. The output is the input's size over the stride, rounded
    /// up, as for all layers.
    Convolution {
        /// Side of the kernel.
        kernel: usize,
        /// Step in rows and columns.
        stride: usize,
        /// Channels of the output.
        filters: usize,
    },
    /// Maximum over 3×3, stride 2.
    MaxPool,
    /// Local response normalisation over five channels (Krizhevsky et al. 2012, section 3.3).
    Normalise,
    /// Branches side by side, their channels one after the other.
    Inception(Inception),
    /// The mean over all positions.
    AveragePool,
    /// A fully connected layer of two pieces, of which the larger counts (Goodfellow et al. 2013).
    Maxout {
        /// Numbers of the output.
        outputs: usize,
    },
    /// A fully connected layer and a `ReLU`.
    Connected {
        /// Numbers of the output.
        outputs: usize,
    },
}

/// The branches of an Inception module, in the order of the columns of table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inception {
    /// Filters of the 1×1 branch; 0 for none.
    pub one: usize,
    /// Filters of the 1×1 convolution before the 3×3 one, and of that.
    pub three: [usize; 2],
    /// Filters of the 1×1 convolution before the 5×5 one, and of that.
    pub five: [usize; 2],
    /// How the 3×3 pooling branch pools.
    pub pool: Pool,
    /// Filters of the 1×1 convolution after pooling; 0 for none.
    pub projection: usize,
    /// Stride of the 3×3 and 5×5 convolutions and of the pooling.
    pub stride: usize,
}

/// How an Inception module pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The largest value.
    Max,
    /// The root of the sum of the squares: "L2" in table 2.
    L2,
}

/// A network. After its layers come its linear numbers, brought to unit length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// The paper's name for it, if it has one.
    pub name: &'static str,
    /// Channels, height and width of the input: RGB for a network that sees pixels.
    pub input: [usize; 3],
    /// The table.
    pub layers: &'static [Layer],
    /// Numbers of the embedding: 128 in the paper's networks.
    pub numbers: usize,
    /// What the paper says that it costs; none for a network that is not the paper's.
    pub stated: Option<Cost>,
}

/// What a network costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Weights. Biases, which the paper does not count, are a thousandth of them.
    pub parameters: usize,
    /// Multiplications with an addition, for one image.
    pub operations: usize,
}

const fn convolution(kernel: usize, stride: usize, filters: usize) -> Layer {
    Layer::Convolution {
        kernel,
        stride,
        filters,
    }
}

const fn inception(
    one: usize,
    three: [usize; 2],
    five: [usize; 2],
    pool: Pool,
    projection: usize,
) -> Layer {
    Layer::Inception(Inception {
        one,
        three,
        five,
        pool,
        projection,
        stride: 1,
    })
}

/// A module that halves the picture: no 1×1 branch, and the pooled channels as they are.
const fn reduction(three: [usize; 2], five: [usize; 2]) -> Layer {
    Layer::Inception(Inception {
        one: 0,
        three,
        five,
        pool: Pool::Max,
        projection: 0,
        stride: 2,
    })
}

/// Table 1: the network of Zeiler and Fergus with 1×1 convolutions between.
pub const NN1: Network = Network {
    name: "NN1",
    input: [3, 220, 220],
    layers: &[
        convolution(7, 2, 64),
        Layer::MaxPool,
        Layer::Normalise,
        convolution(1, 1, 64),
        convolution(3, 1, 192),
        Layer::Normalise,
        Layer::MaxPool,
        convolution(1, 1, 192),
        convolution(3, 1, 384),
        Layer::MaxPool,
        convolution(1, 1, 384),
        convolution(3, 1, 256),
        convolution(1, 1, 256),
        convolution(3, 1, 256),
        convolution(1, 1, 256),
        convolution(3, 1, 256),
        Layer::MaxPool,
        Layer::Maxout { outputs: 32 * 128 },
        Layer::Maxout { outputs: 32 * 128 },
    ],
    numbers: crate::EMBEDDING_LEN,
    stated: Some(Cost {
        parameters: 140_000_000,
        operations: 1_600_000_000,
    }),
};

/// Table 2: Inception modules, some with L2 pooling.
pub const NN2: Network = Network {
    name: "NN2",
    input: [3, 224, 224],
    layers: &[
        convolution(7, 2, 64),
        Layer::MaxPool,
        Layer::Normalise,
        convolution(1, 1, 64),
        convolution(3, 1, 192),
        Layer::Normalise,
        Layer::MaxPool,
        inception(64, [96, 128], [16, 32], Pool::Max, 32),
        inception(64, [96, 128], [32, 64], Pool::L2, 64),
        reduction([128, 256], [32, 64]),
        inception(256, [96, 192], [32, 64], Pool::L2, 128),
        inception(224, [112, 224], [32, 64], Pool::L2, 128),
        inception(192, [128, 256], [32, 64], Pool::L2, 128),
        inception(160, [144, 288], [32, 64], Pool::L2, 128),
        reduction([160, 256], [64, 128]),
        inception(384, [192, 384], [48, 128], Pool::L2, 128),
        inception(384, [192, 384], [48, 128], Pool::Max, 128),
        Layer::AveragePool,
    ],
    numbers: crate::EMBEDDING_LEN,
    stated: Some(Cost {
        parameters: 7_500_000,
        operations: 1_600_000_000,
    }),
};

/// "Mini Inception", to the paper's budget: so many parameters at so few operations leave room for
/// a large fully connected layer only.
pub const NNS1: Network = Network {
    name: "NNS1",
    input: [3, 165, 165],
    layers: &[
        convolution(7, 2, 32),
        Layer::MaxPool,
        Layer::Normalise,
        convolution(1, 1, 32),
        convolution(3, 1, 48),
        Layer::Normalise,
        Layer::MaxPool,
        inception(32, [48, 64], [8, 16], Pool::Max, 16),
        inception(32, [48, 64], [16, 32], Pool::L2, 32),
        reduction([64, 128], [16, 32]),
        inception(128, [64, 128], [16, 32], Pool::L2, 64),
        inception(128, [64, 128], [16, 32], Pool::L2, 64),
        reduction([96, 192], [32, 64]),
        inception(192, [96, 224], [24, 64], Pool::L2, 64),
        inception(192, [96, 224], [24, 64], Pool::Max, 64),
        Layer::Connected { outputs: 1232 },
    ],
    numbers: crate::EMBEDDING_LEN,
    stated: Some(Cost {
        parameters: 26_000_000,
        operations: 220_000_000,
    }),
};

/// "Tiny Inception", to the paper's budget.
pub const NNS2: Network = Network {
    name: "NNS2",
    input: [3, 140, 116],
    layers: &[
        convolution(7, 2, 12),
        Layer::MaxPool,
        Layer::Normalise,
        convolution(1, 1, 12),
        convolution(3, 1, 24),
        Layer::Normalise,
        Layer::MaxPool,
        inception(16, [16, 24], [4, 8], Pool::L2, 8),
        Layer::MaxPool,
        inception(32, [32, 64], [8, 16], Pool::L2, 16),
        reduction([48, 96], [12, 32]),
        inception(64, [48, 96], [12, 32], Pool::Max, 32),
        Layer::Connected { outputs: 880 },
    ],
    numbers: crate::EMBEDDING_LEN,
    stated: Some(Cost {
        parameters: 4_300_000,
        operations: 20_000_000,
    }),
};

/// A small network of the same parts, which a processor trains from nothing in minutes; not the
/// paper's.
pub const SMALL: Network = Network {
    name: "small",
    input: [3, 48, 48],
    layers: &[
        convolution(5, 2, 16),
        Layer::MaxPool,
        convolution(3, 1, 32),
        inception(16, [16, 32], [8, 16], Pool::Max, 16),
        Layer::MaxPool,
        inception(32, [24, 48], [8, 24], Pool::Max, 24),
    ],
    numbers: crate::EMBEDDING_LEN,
    stated: None,
};

/// FaceNet's last layer alone, to be trained anew on what the rest of the network makes of a face
/// ([`Trunk`](crate::Trunk)).
pub const LAST_LAYER: Network = Network {
    name: "last layer",
    input: [crate::facenet::FEATURES, 1, 1],
    layers: &[],
    numbers: crate::EMBEDDING_LEN,
    stated: None,
};

impl Layer {
    /// Channels, height and width of the output, and what the layer costs.
    fn after(self, [channels, height, width]: [usize; 3]) -> ([usize; 3], Cost) {
        let halved = |side: usize, stride: usize| side.div_ceil(stride);
        let connected = |outputs: usize, pieces: usize| {
            let weights = channels * height * width * outputs * pieces;
            let cost = Cost {
                parameters: weights,
                operations: weights,
            };
            ([outputs, 1, 1], cost)
        };
        match self {
            Self::Convolution {
                kernel,
                stride,
                filters,
            } => {
                let (height, width) = (halved(height, stride), halved(width, stride));
                let parameters = kernel * kernel * channels * filters;
                let operations = parameters * height * width;
                (
                    [filters, height, width],
                    Cost {
                        parameters,
                        operations,
                    },
                )
            }
            Self::MaxPool => (
                [channels, halved(height, 2), halved(width, 2)],
                Cost::default(),
            ),
            Self::Normalise => ([channels, height, width], Cost::default()),
            Self::AveragePool => ([channels, 1, 1], Cost::default()),
            Self::Maxout { outputs } => connected(outputs, 2),
            Self::Connected { outputs } => connected(outputs, 1),
            Self::Inception(module) => {
                let before = height * width;
                let (height, width) = (halved(height, module.stride), halved(width, module.stride));
                let narrow = channels * (module.one + module.three[0] + module.five[0]);
                let wide =
                    9 * module.three[0] * module.three[1] + 25 * module.five[0] * module.five[1];
                let projection = channels * module.projection;
                let pooled = if module.projection == 0 {
                    channels
                } else {
                    module.projection
                };
                let cost = Cost {
                    parameters: narrow + wide + projection,
                    operations: narrow * before + (wide + projection) * height * width,
                };
                let filters = module.one + module.three[1] + module.five[1] + pooled;
                ([filters, height, width], cost)
            }
        }
    }
}

impl Network {
    /// Weights and operations, added up over the table.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let last = Layer::Connected {
            outputs: self.numbers,
        };
        let layers = self.layers.iter().chain([&last]);
        let (mut shape, mut total) = (self.input, Cost::default());
        for layer in layers {
            let (next, cost) = layer.after(shape);
            shape = next;
            total.parameters += cost.parameters;
            total.operations += cost.operations;
        }
        total
    }

    /// The network with the parameters of `parameters`, which makes them when they are to be
    /// trained. All operations are Candle's own and have a backward pass. Factors of products, in
    /// convolutions and connected layers, are rounded to `factors`; all else is as `parameters` are.
    ///
    /// # Errors
    /// When a parameter is missing or has another shape.
    pub fn build(&self, parameters: &VarBuilder<'_>, factors: DType) -> Result<Built> {
        let mut shape = self.input;
        let mut steps = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            steps.push(Step::new(*layer, shape, &parameters.pp(number))?);
            shape = layer.after(shape).0;
        }
        let last = linear(shape.iter().product(), self.numbers, parameters.pp("last"))?;
        Ok(Built {
            steps,
            last,
            factors,
        })
    }
}

/// A network that can be run and trained.
#[derive(Debug)]
pub struct Built {
    steps: Vec<Step>,
    last: Linear,
    factors: DType,
}

impl Built {
    /// Images to embeddings of unit length: (images, channels, height, width) to (images, numbers).
    ///
    /// # Errors
    /// What Candle says.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut values = images.clone();
        for step in &self.steps {
            values = step.forward(&values, self.factors)?;
        }
        unit_rows(&connected(&self.last, &values, self.factors)?)
    }
}

#[derive(Debug)]
enum Step {
    Convolution(Conv2d),
    MaxPool,
    Normalise,
    Inception(Box<Branches>),
    AveragePool,
    Maxout(Linear),
    Connected(Linear),
}

#[derive(Debug)]
struct Branches {
    module: Inception,
    one: Option<Conv2d>,
    three: [Conv2d; 2],
    five: [Conv2d; 2],
    projection: Option<Conv2d>,
}

fn same(
    kernel: usize,
    stride: usize,
    channels: [usize; 2],
    parameters: &VarBuilder<'_>,
) -> Result<Conv2d> {
    let settings = Conv2dConfig {
        padding: kernel / 2,
        stride,
        ..Conv2dConfig::default()
    };
    conv2d(
        channels[0],
        channels[1],
        kernel,
        settings,
        parameters.clone(),
    )
}

impl Step {
    fn new(layer: Layer, shape: [usize; 3], parameters: &VarBuilder<'_>) -> Result<Self> {
        let channels = shape[0];
        let inputs = shape.iter().product();
        Ok(match layer {
            Layer::Convolution {
                kernel,
                stride,
                filters,
            } => Self::Convolution(same(kernel, stride, [channels, filters], parameters)?),
            Layer::MaxPool => Self::MaxPool,
            Layer::Normalise => Self::Normalise,
            Layer::AveragePool => Self::AveragePool,
            Layer::Maxout { outputs } => {
                Self::Maxout(linear(inputs, 2 * outputs, parameters.clone())?)
            }
            Layer::Connected { outputs } => {
                Self::Connected(linear(inputs, outputs, parameters.clone())?)
            }
            Layer::Inception(module) => {
                let pair = |kernel, filters: [usize; 2], name: &str| -> Result<[Conv2d; 2]> {
                    let reduce = parameters.pp(format!("{name}_reduce"));
                    Ok([
                        same(1, 1, [channels, filters[0]], &reduce)?,
                        same(kernel, module.stride, filters, &parameters.pp(name))?,
                    ])
                };
                let narrow = |filters: usize, name: &str| {
                    (filters > 0)
                        .then(|| same(1, 1, [channels, filters], &parameters.pp(name)))
                        .transpose()
                };
                Self::Inception(Box::new(Branches {
                    module,
                    one: narrow(module.one, "one")?,
                    three: pair(3, module.three, "three")?,
                    five: pair(5, module.five, "five")?,
                    projection: narrow(module.projection, "projection")?,
                }))
            }
        })
    }

    fn forward(&self, values: &Tensor, factors: DType) -> Result<Tensor> {
        match self {
            Self::Convolution(layer) => convolved(layer, values, factors)?.relu(),
            Self::MaxPool => pooled(values, Pool::Max, 2),
            Self::Normalise => normalised(values),
            Self::AveragePool => values.mean_keepdim((2, 3)),
            Self::Maxout(layer) => {
                let pieces = connected(layer, values, factors)?.chunk(2, D::Minus1)?;
                pieces[0].maximum(&pieces[1])
            }
            Self::Connected(layer) => connected(layer, values, factors)?.relu(),
            Self::Inception(branches) => branches.forward(values, factors),
        }
    }
}

impl Branches {
    fn forward(&self, values: &Tensor, factors: DType) -> Result<Tensor> {
        let through = |layers: &[Conv2d]| {
            layers.iter().try_fold(values.clone(), |values, layer| {
                convolved(layer, &values, factors)?.relu()
            })
        };
        let mut outputs = Vec::new();
        if let Some(one) = &self.one {
            outputs.push(convolved(one, values, factors)?.relu()?);
        }
        outputs.push(through(&self.three)?);
        outputs.push(through(&self.five)?);
        let pooled = pooled(values, self.module.pool, self.module.stride)?;
        outputs.push(match &self.projection {
            Some(projection) => convolved(projection, &pooled, factors)?.relu()?,
            None => pooled,
        });
        Tensor::cat(&outputs, 1)
    }
}

/// A convolution whose output has the input's sides over the stride, rounded up: a copy of the input
/// for each place in the kernel, and one product with the weights. Candle's own backward pass of a
/// convolution takes many times as long, and refuses some odd sides.
fn convolved(layer: &Conv2d, values: &Tensor, factors: DType) -> Result<Tensor> {
    let (images, channels, height, width) = values.dims4()?;
    let (filters, kernel) = (layer.weight().dim(0)?, layer.weight().dim(2)?);
    let stride = layer.config().stride;
    let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
    let padded = values
        .to_dtype(factors)?
        .pad_with_zeros(2, kernel / 2, kernel / 2)?
        .pad_with_zeros(3, kernel / 2, kernel / 2)?;
    let every = |values: &Tensor, axis: usize, first: usize, count: usize| {
        if stride == 1 {
            return values.narrow(axis, first, count);
        }
        let at: Vec<u32> = (0..count)
            .map(|step| (first + step * stride) as u32)
            .collect();
        values.index_select(&Tensor::new(at, values.device())?, axis)
    };
    let mut shifted = Vec::with_capacity(kernel * kernel);
    for down in 0..kernel {
        let of_rows = every(&padded, 2, down, rows)?;
        for right in 0..kernel {
            shifted.push(every(&of_rows, 3, right, columns)?);
        }
    }
    let patches = Tensor::cat(&shifted, 1)?;
    let patches = patches.reshape((images, kernel * kernel * channels, rows * columns))?;
    let weights = layer.weight().permute((0, 2, 3, 1))?.contiguous()?;
    let weights = weights.reshape((filters, kernel * kernel * channels))?;
    let sums = weights
        .to_dtype(factors)?
        .broadcast_matmul(&patches)?
        .to_dtype(values.dtype())?
        .reshape((images, filters, rows, columns))?;
    match layer.bias() {
        Some(bias) => sums.broadcast_add(&bias.reshape((1, filters, 1, 1))?),
        None => Ok(sums),
    }
}

/// A fully connected layer of all values of each image.
fn connected(layer: &Linear, values: &Tensor, factors: DType) -> Result<Tensor> {
    let weights = layer.weight().t()?.to_dtype(factors)?;
    let sums = values
        .flatten_from(1)?
        .to_dtype(factors)?
        .matmul(&weights)?
        .to_dtype(values.dtype())?;
    match layer.bias() {
        Some(bias) => sums.broadcast_add(bias),
        None => Ok(sums),
    }
}

/// Added before a root is taken, whose slope at 0 is infinite.
const ABOVE_ZERO: f64 = 1e-6;

/// 3×3 pooling of values that are not negative, from nine shifted copies: Candle's own pooling has
/// no backward pass where windows overlap.
fn pooled(values: &Tensor, pool: Pool, stride: usize) -> Result<Tensor> {
    let (_, _, height, width) = values.dims4()?;
    let values = match pool {
        Pool::Max => values.clone(),
        Pool::L2 => values.sqr()?,
    };
    let joined = |a: &Tensor, b: &Tensor| match pool {
        Pool::Max => a.maximum(b),
        Pool::L2 => a + b,
    };
    // Rows first, then columns.
    let mut pooled = values;
    for (axis, side) in [(2, height), (3, width)] {
        let padded = pooled.pad_with_zeros(axis, 1, 1)?;
        let every = |first: usize| {
            let steps = side.div_ceil(stride) as u32;
            let at: Vec<u32> = (0..steps)
                .map(|step| step * stride as u32 + first as u32)
                .collect();
            padded.index_select(&Tensor::new(at, padded.device())?, axis)
        };
        pooled = joined(&joined(&every(0)?, &every(1)?)?, &every(2)?)?;
    }
    match pool {
        Pool::Max => Ok(pooled),
        Pool::L2 => (pooled + ABOVE_ZERO)?.sqrt(),
    }
}

/// Channels that are normalised together, and how strongly (Krizhevsky et al. 2012, section 3.3).
const TOGETHER: usize = 5;
const STRENGTH: f64 = 1e-4;
const EXPONENT: f64 = 0.75;

/// Each value over `(1 + 1e-4 / 5 · the sum of the squares of five channels)^0.75`.
fn normalised(values: &Tensor) -> Result<Tensor> {
    let channels = values.dim(1)?;
    let padded = values
        .sqr()?
        .pad_with_zeros(1, TOGETHER / 2, TOGETHER / 2)?;
    let mut sum = padded.narrow(1, 0, channels)?;
    for first in 1..TOGETHER {
        sum = (sum + padded.narrow(1, first, channels)?)?;
    }
    values.div(
        &sum.affine(STRENGTH / TOGETHER as f64, 1.0)?
            .powf(EXPONENT)?,
    )
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Module, Var};
    use candle_nn::VarMap;

    use super::*;

    #[test]
    fn parameters_and_operations_are_within_five_per_cent_of_the_papers() {
        for network in [NN1, NN2, NNS1, NNS2] {
            let (cost, stated) = (network.cost(), network.stated.unwrap());
            let off = |found: usize, stated: usize| found as f64 / stated as f64 - 1.0;
            let parameters = off(cost.parameters, stated.parameters);
            let operations = off(cost.operations, stated.operations);
            assert!(parameters.abs() <= 0.05, "{}: {parameters}", network.name);
            assert!(operations.abs() <= 0.05, "{}: {operations}", network.name);
        }
    }

    /// The rows that table 2 prints with three digits or more: parameters in thousands, operations
    /// in millions.
    #[test]
    fn each_module_costs_what_table_2_says() {
        let stated = [
            (164, 128),
            (228, 179),
            (398, 108),
            (545, 107),
            (595, 117),
            (654, 128),
            (722, 142),
            (717, 56),
        ];
        let mut shape = NN2.input;
        let mut costs = Vec::new();
        for layer in NN2.layers {
            let (next, cost) = layer.after(shape);
            if matches!(layer, Layer::Inception(_)) {
                costs.push(cost);
            }
            shape = next;
        }
        assert_eq!(shape, [1024, 1, 1]);
        for (cost, (parameters, operations)) in costs.iter().zip(stated) {
            // The paper rounds up or down, and thousands may be 1,024.
            assert!(
                (cost.parameters as f64 / 1e3 - f64::from(parameters)).abs() < 2.0,
                "{cost:?}"
            );
            assert!(
                (cost.operations as f64 / 1e6 - f64::from(operations)).abs() < 1.5,
                "{cost:?}"
            );
        }
    }

    #[test]
    fn what_is_built_has_the_parameters_of_the_table() {
        for network in [NN2, NNS2] {
            let map = VarMap::new();
            let parameters = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
            network.build(&parameters, DType::F32).unwrap();
            let weights = |var: &Var| {
                if var.dims().len() > 1 {
                    var.elem_count()
                } else {
                    0
                }
            };
            let built: usize = map.all_vars().iter().map(weights).sum();
            assert_eq!(built, network.cost().parameters, "{}", network.name);
        }
    }

    #[test]
    fn every_parameter_of_the_smallest_gets_a_gradient() {
        let map = VarMap::new();
        let parameters = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let network = NNS2.build(&parameters, DType::F32).unwrap();
        let [_, height, width] = NNS2.input;
        let images = Tensor::rand(-1.0_f32, 1.0, (2, 3, height, width), &Device::Cpu).unwrap();
        let embeddings = network.forward(&images).unwrap();
        assert_eq!(embeddings.dims(), [2, 128]);
        let lengths = embeddings
            .sqr()
            .unwrap()
            .sum(1)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert!(lengths.iter().all(|length| (length - 1.0).abs() < 1e-5));
        let first = embeddings.get(0).unwrap().get(0).unwrap();
        let gradients = first.backward().unwrap();
        for var in map.all_vars() {
            let gradient = gradients.get(&var).expect("a gradient");
            let size = gradient
                .abs()
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!(size.is_finite());
        }
    }

    #[test]
    fn convolutions_are_those_of_candle() {
        let map = VarMap::new();
        let parameters = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        for (number, (kernel, stride, height, width)) in [
            (1, 1, 5, 4),
            (3, 1, 6, 7),
            (3, 2, 7, 8),
            (5, 2, 9, 9),
            (7, 2, 12, 11),
        ]
        .into_iter()
        .enumerate()
        {
            let layer = same(kernel, stride, [3, 4], &parameters.pp(number)).unwrap();
            let shape = (2, 3, height, width);
            let values = Tensor::rand(-1.0_f32, 1.0, shape, &Device::Cpu).unwrap();
            let (ours, theirs) = (
                convolved(&layer, &values, DType::F32),
                layer.forward(&values),
            );
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            assert_eq!(ours.dims(), theirs.dims());
            let off = (ours - theirs).unwrap().abs().unwrap();
            let off = off.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(off < 1e-5, "{kernel} {stride}: {off}");
        }
    }

    #[test]
    fn pooling_of_a_case_worked_out_by_hand() {
        let rows = [[1.0_f32, 2.0, 0.0], [0.0, 0.0, 4.0], [2.0, 0.0, 0.0]];
        let values = Tensor::new(&rows, &Device::Cpu)
            .unwrap()
            .reshape((1, 1, 3, 3))
            .unwrap();
        let of = |pool, stride| {
            let pooled = super::pooled(&values, pool, stride).unwrap();
            pooled
                .squeeze(0)
                .unwrap()
                .squeeze(0)
                .unwrap()
                .to_vec2::<f32>()
                .unwrap()
        };
        assert_eq!(of(Pool::Max, 2), [[2.0, 4.0], [2.0, 4.0]]);
        assert_eq!(
            of(Pool::Max, 1),
            [[2.0, 4.0, 4.0], [2.0, 4.0, 4.0], [2.0, 4.0, 4.0]]
        );
        let l2 = of(Pool::L2, 2);
        for (found, squares) in l2.iter().flatten().zip([5.0_f32, 20.0, 4.0, 16.0]) {
            assert!((found - squares.sqrt()).abs() < 1e-5, "{l2:?}");
        }
    }
}
