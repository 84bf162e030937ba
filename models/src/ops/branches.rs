//! Chains of layers over the same image, their results side by side, channel after channel.
//!
//! The blocks of an Inception network. A few images at a time go through the whole of a block, and
//! what lies between its layers stays in the cache of the processor that works on them: it is never
//! a tensor, and nothing is copied to lie side by side.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::{
    Conv, Precision, columns::Columns, fixed::FixedProduct, image, max_pool, plain,
    scratch::scratch,
};

/// Pixels of the input that go through a block together, at least: with fewer, its parameters are
/// read too often.
const PIXELS: usize = 512;

/// A step of a chain.
#[derive(Debug)]
enum Layer {
    Conv(Conv),
    MaxPool,
}

/// Chains over one image, side by side.
#[derive(Debug)]
pub(crate) struct Branches(Vec<Vec<Layer>>);

/// `x + up(branches of x)`, in place of `x`.
#[derive(Debug)]
pub(crate) struct Residual {
    branches: Branches,
    up: Conv,
}

impl Layer {
    fn of(layer: &plain::Layer, precision: Precision) -> Result<Self> {
        Ok(match layer {
            plain::Layer::Conv(conv) => Self::Conv(Conv::of(conv, precision)?),
            plain::Layer::MaxPool => Self::MaxPool,
        })
    }

    fn output(&self, input: [usize; 4]) -> Result<[usize; 4]> {
        let [n, height, width, channels] = input;
        let ([height, width], channels) = match self {
            Self::Conv(conv) => (conv.shapes(input)?.output, conv.channels_out()),
            Self::MaxPool => (max_pool::output([height, width])?, channels),
        };
        Ok([n, height, width, channels])
    }

    /// See [`Conv::of_rounded_pixels`].
    fn of_rounded_pixels(&self) -> Option<(&Conv, &FixedProduct)> {
        match self {
            Self::Conv(conv) => Some((conv, conv.of_rounded_pixels()?)),
            Self::MaxPool => None,
        }
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
    /// The same block, fast on this processor.
    pub(super) fn of(block: &plain::Branches, precision: Precision) -> Result<Self> {
        let chain = |chain: &Vec<plain::Layer>| {
            chain
                .iter()
                .map(|layer| Layer::of(layer, precision))
                .collect::<Result<_>>()
        };
        block.0.iter().map(chain).collect::<Result<_>>().map(Self)
    }

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
        // What several chains begin with rounding is rounded once for all.
        let mut roundings = self
            .0
            .iter()
            .filter_map(|chain| chain.first()?.of_rounded_pixels());
        let (Some((_, product)), Some(_)) = (roundings.next(), roundings.next()) else {
            return self.run_all(x, None, input, out);
        };
        let count = x.len() / product.depth();
        scratch(count * product.row_len(), |pixels| {
            scratch(count, |worths| {
                product.round(x, pixels, worths);
                self.run_all(x, Some((pixels, worths)), input, out)
            })
        })
    }

    fn run_all(
        &self,
        x: &[f32],
        rounded: Option<Rounded>,
        input: [usize; 4],
        out: &mut [f32],
    ) -> Result<()> {
        let stride = self.output(input)?[3];
        let mut first = 0;
        for chain in &self.0 {
            let columns = Columns {
                numbers: &mut *out,
                stride,
                first,
                onto: false,
            };
            first += run_chain(chain, x, rounded, input, columns)?;
        }
        Ok(())
    }
}

/// The pixels of an image in whole numbers, and what one is worth in each.
type Rounded<'a> = (&'a [i16], &'a [f32]);

/// Writes the result of the chain to columns and returns their number.
fn run_chain(
    chain: &[Layer],
    x: &[f32],
    rounded: Option<Rounded>,
    input: [usize; 4],
    out: Columns,
) -> Result<usize> {
    let Some((layer, rest)) = chain.split_first() else {
        bail!("a branch without layers");
    };
    let output = layer.output(input)?;
    let run = |out: Columns| match (layer.of_rounded_pixels(), rounded) {
        (Some((conv, product)), Some((pixels, worths))) => {
            conv.run_rounded(product, pixels, worths, out);
            Ok(())
        }
        _ => layer.run(x, input, out),
    };
    if rest.is_empty() {
        run(out)?;
        return Ok(output[3]);
    }
    scratch(output.iter().product(), |between| {
        run(Columns::all(between, output[3]))?;
        run_chain(rest, between, None, output, out)
    })
}

/// Images of this shape that go through a block together.
fn together([_, height, width, _]: [usize; 4]) -> usize {
    PIXELS.div_ceil(height * width)
}

impl Residual {
    /// The same block, fast on this processor.
    pub(super) fn of(block: &plain::Residual, precision: Precision) -> Result<Self> {
        Ok(Self {
            branches: Branches::of(&block.branches, precision)?,
            up: Conv::of(&block.up, precision)?,
        })
    }
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
        Padding,
        against_candle::{channels_first, channels_last, difference, random},
    };

    /// Up to four sums in a row, of numbers that grow to about a hundred.
    const TOLERANCE: f32 = 1e-5;

    fn layer(size: [usize; 2], channels: [usize; 2], seed: u64) -> plain::Conv {
        let kernel = random(&[size[0], size[1], channels[0], channels[1]], seed);
        let bias = random(&[channels[1]], seed ^ 1);
        plain::Conv::new(&kernel, &bias, 1, Padding::Same, true).unwrap()
    }

    fn conv(size: [usize; 2], channels: [usize; 2], seed: u64) -> plain::Layer {
        plain::Layer::Conv(layer(size, channels, seed))
    }

    fn branches(block: &plain::Branches) -> Branches {
        Branches::of(block, Precision::F32).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Enough images for several to go together, and for some to be left over.
        #[test]
        fn a_block_equals_candles_operations(
            n in 1usize..12,
            image in [1usize..14, 1usize..14],
            channels in 1usize..40,
            branch in [1usize..40, 1usize..40],
            pooled: bool,
            seed: u64,
        ) {
            let x = random(&[n, image[0], image[1], channels], seed);
            let [first, last] = branch;
            let mut chains = vec![
                vec![conv([1, 1], [channels, first], seed ^ 2)],
                vec![
                    conv([1, 1], [channels, first], seed ^ 3),
                    conv([1, 7], [first, first], seed ^ 4),
                    conv([3, 3], [first, last], seed ^ 5),
                ],
            ];
            if pooled && image.iter().all(|side| *side >= 3) {
                for chain in &mut chains {
                    chain.push(plain::Layer::MaxPool);
                }
            }
            let is_pooled = chains[0].len() > 1;
            let plain = plain::Branches(chains);
            let expected = channels_last(&plain.forward(&channels_first(&x))?);
            let found = x.apply_op1_no_bwd(&branches(&plain))?;
            let largest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
            let allowed = TOLERANCE * largest(&expected)?.max(1.0);
            let apart = difference(&found, &expected);
            prop_assert!(apart < allowed, "{} of {}", apart, allowed);
            if is_pooled {
                return Ok(());
            }

            let up = layer([1, 1], [first + last, channels], seed ^ 6);
            let plain = plain::Residual { branches: plain, up };
            let expected = channels_last(&plain.forward(&channels_first(&x))?);
            let added = x.copy()?;
            added.inplace_op1(&Residual::of(&plain, Precision::F32)?)?;
            let allowed = TOLERANCE * largest(&expected)?.max(1.0);
            let apart = difference(&added, &expected);
            prop_assert!(apart < allowed, "{} of {}", apart, allowed);
        }
    }

    #[test]
    fn an_image_rounded_once_for_all_branches_gives_what_each_gives_by_itself() {
        // Longer than a tile, and odd.
        let x = random(&[9, 13, 11, 135], 1);
        let chains = || {
            [
                vec![conv([1, 1], [135, 20], 2)],
                vec![conv([3, 1], [135, 7], 3)],
                vec![conv([1, 1], [135, 9], 4), conv([1, 7], [9, 24], 5)],
            ]
        };
        let of = |chains| {
            let block = Branches::of(&plain::Branches(chains), Precision::I16).unwrap();
            x.apply_op1_no_bwd(&block).unwrap()
        };
        let together = of(chains().into());
        let alone = chains().map(|chain| of(vec![chain]));
        assert_eq!(difference(&together, &Tensor::cat(&alone, 3).unwrap()), 0.0);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let x = random(&[1, 9, 9, 4], 1);
        let refused = |chains| {
            x.apply_op1_no_bwd(&branches(&plain::Branches(chains)))
                .is_err()
        };
        let conv = |channels| conv([3, 3], channels, 2);
        assert!(refused(vec![
            vec![conv([4, 5])],
            vec![plain::Layer::MaxPool]
        ]));
        assert!(refused(vec![vec![conv([3, 5])]]));
        assert!(refused(Vec::new()));
        let block = plain::Residual {
            branches: plain::Branches(vec![vec![conv([4, 5])]]),
            up: layer([1, 1], [5, 3], 3),
        };
        let block = Residual::of(&block, Precision::F32).unwrap();
        assert!(x.inplace_op1(&block).is_err());
    }
}
