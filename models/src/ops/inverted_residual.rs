//! A block of `MobileNetV2` in one go: a convolution to many channels, depthwise 3x3, 1x1 to few.
//!
//! The many channels in the middle are six times the image, and writing them to memory costs more
//! than computing them. Here some rows of them exist at a time, in the cache of the processor that
//! makes them and uses them up.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::{
    Conv, Precision,
    columns::Columns,
    conv::Shapes,
    depthwise::{Depthwise, SIDE},
    image, plain,
    scratch::scratch,
};

/// Rows of output that one thread makes in turn, at least: the two rows around them are expanded
/// twice.
const ROWS_AT_LEAST: usize = 8;

/// Numbers of the middle that are worked on together, about: the more rows, the better a product with few
/// pixels a row fills the processor.
const STRIP_FLOATS: usize = 32 * 1024;

/// An inverted residual block (Sandler et al. 2018), without the upper limit of its activations.
#[derive(Debug)]
pub(crate) struct InvertedResidual {
    /// To the channels of `depthwise`.
    expand: Conv,
    depthwise: Depthwise,
    project: Conv,
    /// Whether the input is added to the result.
    residual: bool,
}

/// The sizes of one application of a block to one picture.
struct Sizes {
    expand: Shapes,
    project: Shapes,
}

/// The rows of the middle that a thread has at a time.
struct Strip<'a> {
    /// Expanded rows of the input, row `y` at place `y` modulo their number.
    expanded: &'a mut [f32],
    /// Numbers in an expanded row.
    row_len: usize,
    /// As many zeros.
    zeros: &'a [f32],
    /// Rows after the depthwise convolution.
    filtered: &'a mut [f32],
}

impl InvertedResidual {
    /// The same block, fast on this processor.
    pub(super) fn of(block: &plain::InvertedResidual, precision: Precision) -> Result<Self> {
        Self::with(Arch::new(), block, precision)
    }

    /// [`of`](Self::of), its depthwise convolution with the vector instructions given.
    fn with(arch: Arch, block: &plain::InvertedResidual, precision: Precision) -> Result<Self> {
        // Of the few factors of a patch of the image itself, rounding would cost what it gains.
        let is_first = block.expand.stride > 1;
        let of_expand = if is_first { Precision::F32 } else { precision };
        let expand = Conv::of(&block.expand, of_expand)?;
        let depthwise = Depthwise::with(arch, &block.depthwise)?;
        let project = Conv::of(&block.project, precision)?;
        let channels = depthwise.channels();
        let expanded = expand.channels_out();
        if expanded != channels || project.channels_in() != channels {
            bail!(
                "{expanded}, {channels} and {} channels do not fit",
                project.channels_in()
            );
        }
        Ok(Self {
            expand,
            depthwise,
            project,
            residual: block.residual,
        })
    }

    /// For a picture `[height, width, channels]`.
    fn sizes(&self, [height, width, channels]: [usize; 3]) -> Result<Sizes> {
        let picture = [1, height, width, channels];
        let inner = self.depthwise.channels();
        let expand = self.expand.shapes(picture)?;
        let filtered = expand
            .output
            .map(|side| side.div_ceil(self.depthwise.stride()));
        let project = self.project.shapes([1, filtered[0], filtered[1], inner])?;
        let output = [1, filtered[0], filtered[1], self.project.channels_out()];
        if project.output != filtered || self.residual && output != picture {
            bail!("{picture:?} cannot be added to {output:?}");
        }
        Ok(Sizes { expand, project })
    }

    /// Fills `out`, the rows from `first` on of the result for one picture.
    fn rows(
        &self,
        picture: &[f32],
        sizes: &Sizes,
        first: usize,
        strip: &mut Strip,
        out: &mut [f32],
    ) {
        let stride = self.depthwise.stride();
        let [height, width] = sizes.expand.output;
        let out_width = sizes.project.output[1];
        let channels_out = self.project.channels_out();
        let out_len = out_width * channels_out;
        let filtered_len = out_width * self.depthwise.channels();
        let together = strip.filtered.len() / filtered_len;
        let places = strip.expanded.len() / strip.row_len;
        let mut expanded_until = (first * stride).saturating_sub(1);
        for (y, out) in (first..)
            .step_by(together)
            .zip(out.chunks_mut(together * out_len))
        {
            let count = out.len() / out_len;
            let until = ((y + count - 1) * stride + 2).min(height);
            while expanded_until < until {
                let place = expanded_until % places;
                let some = (until - expanded_until).min(places - place);
                let rows = &mut strip.expanded[place * strip.row_len..][..some * strip.row_len];
                let rows = Columns::all(rows, self.expand.channels_out());
                let start = expanded_until * width;
                self.expand.tile(picture, &sizes.expand, start, rows);
                expanded_until += some;
            }
            let row = |y: Option<usize>| match y {
                Some(y) if y < height => {
                    &strip.expanded[y % places * strip.row_len..][..strip.row_len]
                }
                _ => strip.zeros,
            };
            let filtered = strip.filtered.chunks_exact_mut(filtered_len).take(count);
            for (middle, filtered) in (y * stride..).step_by(stride).zip(filtered) {
                let rows = [
                    row(middle.checked_sub(1)),
                    row(Some(middle)),
                    row(Some(middle + 1)),
                ];
                self.depthwise.run(rows, filtered);
            }
            if self.residual {
                out.copy_from_slice(&picture[y * out_len..][..out.len()]);
            }
            let out = Columns {
                onto: self.residual,
                ..Columns::all(out, channels_out)
            };
            self.project.tile(
                &strip.filtered[..count * filtered_len],
                &sizes.project,
                0,
                out,
            );
        }
    }
}

impl CustomOp1 for InvertedResidual {
    fn name(&self) -> &'static str {
        "inverted_residual"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, [n, height, width, channels]) = image(storage, layout)?;
        let sizes = self.sizes([height, width, channels])?;
        let [out_height, out_width] = sizes.project.output;
        let channels_out = self.project.channels_out();
        let inner = self.depthwise.channels();
        let row_len = sizes.expand.output[1] * inner;
        let zeros = vec![0.0; row_len];
        let rows = out_height
            .div_ceil(2 * rayon::current_num_threads())
            .max(ROWS_AT_LEAST);
        let filtered_len = out_width * inner;
        let together = (STRIP_FLOATS / filtered_len).clamp(1, rows);
        // What a strip needs, with a row above and one below.
        let places = (together - 1) * self.depthwise.stride() + SIDE;
        let mut out = vec![0.0; n * out_height * out_width * channels_out];
        out.par_chunks_mut(out_height * out_width * channels_out)
            .zip(x.par_chunks(height * width * channels))
            .for_each(|(out, picture)| {
                out.par_chunks_mut(rows * out_width * channels_out)
                    .enumerate()
                    .for_each(|(part, out)| {
                        scratch(places * row_len, |expanded| {
                            scratch(together * filtered_len, |filtered| {
                                let mut strip = Strip {
                                    expanded,
                                    row_len,
                                    zeros: &zeros,
                                    filtered,
                                };
                                self.rows(picture, &sizes, part * rows, &mut strip, out);
                            });
                        });
                    });
            });
        Ok((
            CpuStorage::F32(out),
            (n, out_height, out_width, channels_out).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::{
        Padding,
        against_candle::{archs, channels_first, channels_last, difference, random},
    };

    /// Two sums in a row of numbers that reach to about 10.
    const TOLERANCE: f32 = 2e-4;

    fn dense(side: usize, channels: [usize; 2], stride: usize, relu: bool) -> plain::Conv {
        let kernel = random(&[side, side, channels[0], channels[1]], 11);
        let bias = random(&[channels[1]], 12);
        plain::Conv::new(&kernel, &bias, stride, Padding::Same, relu).unwrap()
    }

    fn depthwise(channels: usize, stride: usize) -> plain::Depthwise {
        let bias = random(&[channels], 14);
        plain::Depthwise::new(&random(&[3, 3, channels], 13), &bias, stride).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_candles_operations(
            n in 1usize..3,
            image in [1usize..40, 1usize..20],
            channels in [1usize..20, 1usize..40, 1usize..20],
            // The side of the first kernel and its stride.
            expand in prop_oneof![Just([1, 1]), Just([3, 2])],
            stride in 1usize..3,
            residual: bool,
            seed: u64,
        ) {
            let [channels_in, inner, mut channels_out] = channels;
            let residual = residual && stride == 1 && expand == [1, 1];
            if residual {
                channels_out = channels_in;
            }
            let x = random(&[n, image[0], image[1], channels_in], seed);
            let plain = plain::InvertedResidual {
                expand: dense(expand[0], [channels_in, inner], expand[1], true),
                depthwise: depthwise(inner, stride),
                project: dense(1, [inner, channels_out], 1, false),
                residual,
            };
            let expected = channels_last(&plain.forward(&channels_first(&x))?);
            let largest = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            // Factors are rounded to one part in 2,048 at worst, twice one after the other.
            for (precision, rounding) in [(Precision::F32, 1.0), (Precision::I16, 20.0)] {
              for arch in archs() {
                let layer = InvertedResidual::with(arch, &plain, precision)?;
                let difference = difference(&x.apply_op1_no_bwd(&layer)?, &expected);
                let tolerance = rounding * TOLERANCE * largest.max(10.0) / 10.0;
                prop_assert!(difference < tolerance, "{:?}: {}", precision, difference);
              }
            }
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        assert!(plain::Depthwise::new(&random(&[3, 3, 4], 1), &random(&[5], 2), 1).is_err());
        let block = |expand, project, residual| {
            let block = plain::InvertedResidual {
                expand: dense(1, expand, 1, false),
                depthwise: depthwise(4, 1),
                project: dense(1, project, 1, false),
                residual,
            };
            InvertedResidual::of(&block, Precision::F32)
        };
        assert!(block([2, 5], [4, 3], false).is_err());
        assert!(block([2, 4], [5, 3], false).is_err());
        let layer = block([2, 4], [4, 3], false).unwrap();
        assert!(random(&[1, 9, 9, 5], 5).apply_op1_no_bwd(&layer).is_err());
        let layer = block([2, 4], [4, 3], true).unwrap();
        assert!(random(&[1, 9, 9, 2], 5).apply_op1_no_bwd(&layer).is_err());
    }
}
