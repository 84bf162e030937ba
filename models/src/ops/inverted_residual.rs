//! A block of `MobileNetV2` in one go: 1x1 to many channels, depthwise 3x3, 1x1 to few.
//!
//! The many channels in the middle are six times the image, and writing them to memory costs more
//! than computing them. Here three rows of them exist at a time, in the cache of the processor that
//! makes them and uses them up.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    columns::Columns,
    depthwise::{Depthwise, SIDE},
    image,
    product::Product,
    scratch::scratch,
};

/// Rows of output that one thread makes in turn, at least: the two rows around them are expanded
/// twice.
const ROWS_AT_LEAST: usize = 8;

/// An inverted residual block (Sandler et al. 2018), without the upper limit of its activations.
#[derive(Debug)]
pub(crate) struct InvertedResidual {
    /// To the channels of `depthwise`, with ReLU; without it the input has as many already.
    expand: Option<Product>,
    depthwise: Depthwise,
    /// Without ReLU.
    project: Product,
    /// Whether the input is added to the result.
    residual: bool,
}

/// A 1x1 convolution: its kernel `[1, 1, in, out]` and its bias `[out]`.
pub(crate) struct Pointwise {
    pub(crate) kernel: Tensor,
    pub(crate) bias: Tensor,
}

impl Pointwise {
    fn product(&self, relu: bool) -> Result<Product> {
        let bias = self.bias.to_vec1()?;
        if self.kernel.dims4()?.3 != bias.len() {
            bail!("{:?} needs another bias", self.kernel.shape());
        }
        let kernel = self.kernel.flatten_all()?.to_vec1()?;
        Ok(Product::new(&kernel, &bias, relu))
    }
}

/// Room for the rows that a thread makes.
struct Room<'a> {
    /// Expanded rows of the input, row `y` at place `y % 3`.
    expanded: [&'a mut [f32]; SIDE],
    /// Zeros, of the size of an expanded row.
    zeros: &'a [f32],
    /// A row after the depthwise convolution.
    filtered: &'a mut [f32],
}

fn with_room(expanded: usize, filtered: usize, zeros: &[f32], run: impl FnOnce(&mut Room)) {
    scratch(expanded, |first| {
        scratch(expanded, |second| {
            scratch(expanded, |third| {
                scratch(filtered, |filtered| {
                    run(&mut Room {
                        expanded: [first, second, third],
                        zeros,
                        filtered,
                    });
                });
            });
        });
    });
}

impl InvertedResidual {
    pub(crate) fn new(
        expand: Option<&Pointwise>,
        depthwise: Depthwise,
        project: &Pointwise,
        residual: bool,
    ) -> Result<Self> {
        let expand = expand.map(|expand| expand.product(true)).transpose()?;
        let project = project.product(false)?;
        let channels = depthwise.channels();
        let expanded = expand.as_ref().map_or(channels, Product::columns);
        if expanded != channels || project.depth() != channels {
            bail!(
                "{expanded}, {channels} and {} channels do not fit",
                project.depth()
            );
        }
        Ok(Self {
            expand,
            depthwise,
            project,
            residual,
        })
    }

    fn channels_in(&self) -> usize {
        self.expand
            .as_ref()
            .map_or(self.depthwise.channels(), Product::depth)
    }

    /// Fills `out`, the rows from `first` on of the result for one `picture [height, row_len]`.
    fn rows(
        &self,
        picture: &[f32],
        row_len: usize,
        first: usize,
        room: &mut Room,
        out: &mut [f32],
    ) {
        let stride = self.depthwise.stride();
        let height = picture.len() / row_len;
        let row_of_picture = |y: usize| &picture[y * row_len..][..row_len];
        let out_width = (row_len / self.channels_in()).div_ceil(stride);
        let mut expanded_until = (first * stride).saturating_sub(1);
        let rows = out.chunks_exact_mut(out_width * self.project.columns());
        for (y, out) in (first..).zip(rows) {
            let middle = y * stride;
            if let Some(expand) = &self.expand {
                let until = (middle + 2).min(height);
                for y in expanded_until..until {
                    let row = Columns::all(room.expanded[y % SIDE], expand.columns());
                    expand.run(row_of_picture(y), row);
                }
                expanded_until = until;
            }
            let row = |y: Option<usize>| match (y, &self.expand) {
                (Some(y), Some(_)) if y < height => &*room.expanded[y % SIDE],
                (Some(y), None) if y < height => row_of_picture(y),
                _ => room.zeros,
            };
            let rows = [
                row(middle.checked_sub(1)),
                row(Some(middle)),
                row(Some(middle + 1)),
            ];
            self.depthwise.run(rows, room.filtered);
            if self.residual {
                out.copy_from_slice(row_of_picture(y));
            }
            let out = Columns {
                onto: self.residual,
                ..Columns::all(out, self.project.columns())
            };
            self.project.run(room.filtered, out);
        }
    }
}

impl CustomOp1 for InvertedResidual {
    fn name(&self) -> &'static str {
        "inverted_residual"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, [n, height, width, channels]) = image(storage, layout)?;
        let channels_out = self.project.columns();
        let inner = self.depthwise.channels();
        let [out_height, out_width] =
            [height, width].map(|side| side.div_ceil(self.depthwise.stride()));
        if channels != self.channels_in()
            || self.residual && [out_height, out_width, channels_out] != [height, width, channels]
        {
            bail!(
                "a block of {} channels got {:?}",
                self.channels_in(),
                layout.shape()
            );
        }
        let expanded_len = self.expand.as_ref().map_or(0, |_| width * inner);
        let zeros = vec![0.0; width * inner];
        let rows = out_height
            .div_ceil(2 * rayon::current_num_threads())
            .max(ROWS_AT_LEAST);
        let mut out = vec![0.0; n * out_height * out_width * channels_out];
        out.par_chunks_mut(out_height * out_width * channels_out)
            .zip(x.par_chunks(height * width * channels))
            .for_each(|(out, picture)| {
                out.par_chunks_mut(rows * out_width * channels_out)
                    .enumerate()
                    .for_each(|(part, out)| {
                        with_room(expanded_len, out_width * inner, &zeros, |room| {
                            self.rows(picture, width * channels, part * rows, room, out);
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
        against_candle::{channels_first, difference, random},
        inverted_residual,
    };

    /// Two sums in a row of numbers that reach to about 10.
    const TOLERANCE: f32 = 2e-4;

    fn pointwise(channels: [usize; 2], seed: u64) -> Pointwise {
        Pointwise {
            kernel: random(&[1, 1, channels[0], channels[1]], seed),
            bias: random(&[channels[1]], seed ^ 1),
        }
    }

    /// The same with Candle's own operations, in its order.
    fn candles_pointwise(x: &Tensor, layer: &Pointwise) -> Result<Tensor> {
        let weight = layer.kernel.permute((3, 2, 0, 1))?.contiguous()?;
        let bias = layer.bias.reshape((1, (), 1, 1))?;
        x.conv2d(&weight, 0, 1, 1, 1)?.broadcast_add(&bias)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_candles_convolutions(
            n in 1usize..3,
            image in [1usize..40, 1usize..20],
            channels in [1usize..20, 1usize..40, 1usize..20],
            expands: bool,
            stride in 1usize..3,
            residual: bool,
            seed: u64,
        ) {
            let [mut channels_in, inner, mut channels_out] = channels;
            if !expands {
                channels_in = inner;
            }
            let residual = residual && stride == 1;
            if residual {
                channels_out = channels_in;
            }
            let x = random(&[n, image[0], image[1], channels_in], seed);
            let expand = expands.then(|| pointwise([channels_in, inner], seed ^ 2));
            let kernel = random(&[3, 3, inner], seed ^ 4);
            let bias = random(&[inner], seed ^ 5);
            let project = pointwise([inner, channels_out], seed ^ 6);
            let layer = InvertedResidual::new(
                expand.as_ref(),
                Depthwise::new(&kernel, &bias, stride).unwrap(),
                &project,
                residual,
            );
            let found = inverted_residual(&x, &layer.unwrap()).unwrap();

            let first = channels_first(&x).unwrap();
            let expanded = match &expand {
                Some(expand) => candles_pointwise(&first, expand).unwrap().relu().unwrap(),
                None => first.clone(),
            };
            let weight = kernel.permute((2, 0, 1)).unwrap().unsqueeze(1).unwrap();
            let bias = bias.reshape((1, inner, 1, 1)).unwrap();
            let filtered = expanded
                .conv2d(&weight.contiguous().unwrap(), 1, stride, 1, inner)
                .unwrap()
                .broadcast_add(&bias)
                .unwrap()
                .relu()
                .unwrap();
            let mut expected = candles_pointwise(&filtered, &project).unwrap();
            if residual {
                expected = (expected + first).unwrap();
            }
            let difference = difference(&found, &expected);
            let largest = expected.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            let largest = largest.to_scalar::<f32>().unwrap().max(10.0);
            prop_assert!(difference < TOLERANCE * largest / 10.0, "{}", difference);
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        assert!(Depthwise::new(&random(&[3, 3, 4], 1), &random(&[5], 2), 1).is_err());
        let depthwise = || Depthwise::new(&random(&[3, 3, 4], 1), &random(&[4], 2), 1).unwrap();
        let expand = pointwise([2, 5], 3);
        let project = pointwise([4, 3], 4);
        assert!(InvertedResidual::new(Some(&expand), depthwise(), &project, false).is_err());
        assert!(InvertedResidual::new(None, depthwise(), &expand, false).is_err());
        let layer = InvertedResidual::new(None, depthwise(), &project, false).unwrap();
        assert!(inverted_residual(&random(&[1, 9, 9, 5], 5), &layer).is_err());
        let layer = InvertedResidual::new(None, depthwise(), &project, true).unwrap();
        assert!(inverted_residual(&random(&[1, 9, 9, 4], 5), &layer).is_err());
    }
}
