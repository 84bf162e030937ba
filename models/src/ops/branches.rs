//! Chains of layers over the same image, their results side by side, channel after channel.
//!
//! The blocks of an Inception network. A few images at a time go through the whole of a block, and
//! what lies between its layers stays in the cache of the processor that works on them: it is never
//! a tensor, and nothing is copied to lie side by side.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::{Conv, columns::Columns, image, max_pool, scratch::scratch};

/// Pixels of the input that go through a block together, at least: with fewer, its parameters are
/// read too often.
const PIXELS: usize = 512;

/// A step of a chain.
#[derive(Debug)]
pub(crate) enum Layer {
    Conv(Conv),
    /// Maximum over 3x3 pixels, stride 2, without padding.
    MaxPool,
}

/// Chains over one image, side by side.
#[derive(Debug)]
pub(crate) struct Branches(pub(crate) Vec<Vec<Layer>>);

/// `x + up(branches of x)`, in place of `x`.
#[derive(Debug)]
pub(crate) struct Residual {
    pub(crate) branches: Branches,
    pub(crate) up: Conv,
}

impl Layer {
    fn output(&self, input: [usize; 4]) -> Result<[usize; 4]> {
        let [n, height, width, channels] = input;
        let ([height, width], channels) = match self {
            Self::Conv(conv) => (conv.shapes(input)?.output, conv.channels_out()),
            Self::MaxPool => (max_pool::output([height, width])?, channels),
        };
        Ok([n, height, width, channels])
    }

    fn run(&self, x: &[f32], input: [usize; 4], out: Columns) -> Result<()> {
        match self {
            Self::Conv(conv) => conv.run(x, &conv.shapes(input)?, out),
            Self::MaxPool => max_pool::run(x, input, out),
        }
        Ok(())
    }
}

impl Branches {
    /// The shape of the result for an input of this shape.
    fn output(&self, input: [usize; 4]) -> Result<[usize; 4]> {
        let mut outputs = self.0.iter().map(|chain| {
            chain
                .iter()
                .try_fold(input, |shape, layer| layer.output(shape))
        });
        let Some(first) = outputs.next() else {
            bail!("a block without branches");
        };
        outputs.try_fold(first?, |whole, next| {
            let next = next?;
            if whole[..3] != next[..3] {
                bail!("{whole:?} and {next:?} do not fit side by side");
            }
            Ok([whole[0], whole[1], whole[2], whole[3] + next[3]])
        })
    }

    /// Fills `out`, of the shape that [`output`](Self::output) gives.
    fn run(&self, x: &[f32], input: [usize; 4], out: &mut [f32]) -> Result<()> {
        let stride = self.output(input)?[3];
        let mut first = 0;
        for chain in &self.0 {
            let columns = Columns {
                numbers: &mut *out,
                stride,
                first,
                onto: false,
            };
            first += run_chain(chain, x, input, columns)?;
        }
        Ok(())
    }
}

/// Writes the result of the chain to columns and returns their number.
fn run_chain(chain: &[Layer], x: &[f32], input: [usize; 4], out: Columns) -> Result<usize> {
    let Some((layer, rest)) = chain.split_first() else {
        bail!("a branch without layers");
    };
    let output = layer.output(input)?;
    if rest.is_empty() {
        layer.run(x, input, out)?;
        return Ok(output[3]);
    }
    scratch(output.iter().product(), |between| {
        layer.run(x, input, Columns::all(between, output[3]))?;
        run_chain(rest, between, output, out)
    })
}

/// Images of this shape that go through a block together.
fn together([_, height, width, _]: [usize; 4]) -> usize {
    PIXELS.div_ceil(height * width)
}

impl CustomOp1 for Branches {
    fn name(&self) -> &'static str {
        "branches"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, input) = image(storage, layout)?;
        let output = self.output(input)?;
        let [n, height, width, channels] = input;
        let together = together(input);
        let mut out = vec![0.0; output.iter().product()];
        out.par_chunks_mut(together * output.iter().skip(1).product::<usize>())
            .zip(x.par_chunks(together * height * width * channels))
            .try_for_each(|(out, x)| {
                let n = x.len() / (height * width * channels);
                self.run(x, [n, height, width, channels], out)
            })?;
        let [_, height, width, channels] = output;
        Ok((CpuStorage::F32(out), (n, height, width, channels).into()))
    }
}

impl InplaceOp1 for Residual {
    fn name(&self) -> &'static str {
        "residual"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (_, input) = image(storage, layout)?;
        let [_, height, width, channels] = input;
        let side = self.branches.output(input)?;
        let up = self.up.shapes(side)?;
        if [up.output[0], up.output[1], self.up.channels_out()] != [height, width, channels] {
            bail!("{side:?} cannot be added to {input:?}");
        }
        let CpuStorage::F32(numbers) = storage else {
            bail!("an image is of f32");
        };
        let start = layout.start_offset();
        let image_len = height * width * channels;
        numbers[start..start + input[0] * image_len]
            .par_chunks_mut(together(input) * image_len)
            .try_for_each(|x| {
                let n = x.len() / image_len;
                let side = [n, side[1], side[2], side[3]];
                scratch(side.iter().product(), |results| {
                    self.branches
                        .run(x, [n, height, width, channels], results)?;
                    let trunk = Columns {
                        onto: true,
                        ..Columns::all(x, channels)
                    };
                    self.up.run(results, &self.up.shapes(side)?, trunk);
                    Ok(())
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::{
        Padding, Precision,
        against_candle::{TOLERANCE, random},
        branches, conv, residual,
    };

    fn layer(size: [usize; 2], channels: [usize; 2], seed: u64) -> Conv {
        let kernel = random(&[size[0], size[1], channels[0], channels[1]], seed);
        let bias = random(&[channels[1]], seed ^ 1);
        Conv::new(&kernel, &bias, 1, Padding::Same, true, Precision::F32).unwrap()
    }

    fn difference(found: &Tensor, expected: &Tensor) -> f32 {
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected).unwrap().abs().unwrap();
        difference
            .flatten_all()
            .unwrap()
            .max(0)
            .unwrap()
            .to_scalar()
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Enough images for several to go together, and for some to be left over.
        #[test]
        fn a_block_equals_its_layers_one_by_one(
            n in 1usize..12,
            image in [1usize..14, 1usize..14],
            channels in 1usize..40,
            branch in [1usize..40, 1usize..40],
            seed: u64,
        ) {
            let x = random(&[n, image[0], image[1], channels], seed);
            let [first, last] = branch;
            let chains = || {
                [
                    vec![layer([1, 1], [channels, first], seed ^ 2)],
                    vec![
                        layer([1, 1], [channels, first], seed ^ 3),
                        layer([1, 7], [first, first], seed ^ 4),
                        layer([3, 3], [first, last], seed ^ 5),
                    ],
                ]
            };
            let up = || layer([1, 1], [first + last, channels], seed ^ 6);
            let one_by_one: Vec<Tensor> = chains()
                .iter()
                .map(|chain| chain.iter().try_fold(x.clone(), |x, layer| conv(&x, layer)).unwrap())
                .collect();
            let side = Tensor::cat(&one_by_one, 3).unwrap();
            let block = || {
                let chain = |chain: Vec<Conv>| chain.into_iter().map(Layer::Conv).collect();
                Branches(chains().map(chain).into())
            };
            let found = branches(&x, &block()).unwrap();
            prop_assert_eq!(difference(&found, &side), 0.0);

            let added = x.copy().unwrap();
            residual(&added, &Residual { branches: block(), up: up() }).unwrap();
            // A layer without ReLU would do, were there one: its sum is what the trunk is added to.
            let kernel = random(&[1, 1, first + last, channels], seed ^ 6);
            let bias = random(&[channels], seed ^ 6 ^ 1);
            let up = Conv::new(&kernel, &bias, 1, Padding::Same, false, Precision::F32).unwrap();
            let expected = (conv(&side, &up).unwrap() + &x).unwrap().relu().unwrap();
            prop_assert!(difference(&added, &expected) < TOLERANCE);
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let x = random(&[1, 9, 9, 4], 1);
        let conv = |channels| Layer::Conv(layer([3, 3], channels, 2));
        let side_by_side = Branches(vec![vec![conv([4, 5])], vec![Layer::MaxPool]]);
        assert!(branches(&x, &side_by_side).is_err());
        assert!(branches(&x, &Branches(vec![vec![conv([3, 5])]])).is_err());
        assert!(branches(&x, &Branches(Vec::new())).is_err());
        let block = Residual {
            branches: Branches(vec![vec![conv([4, 5])]]),
            up: layer([1, 1], [5, 3], 3),
        };
        assert!(residual(&x, &block).is_err());
    }
}
