//! Depthwise 3x3 convolution: each channel with its own kernel, one row of output at a time.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    image,
    vectors::{load, store},
};

const SIDE: usize = 3;

/// A 3x3 depthwise convolution with one row of zeros around the image, bias and ReLU.
#[derive(Debug)]
pub(crate) struct Depthwise {
    /// Row-major `[3, 3, channels]`.
    kernel: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
}

impl Depthwise {
    /// `kernel` is `[3, 3, channels]`, `bias` is `[channels]`.
    pub(crate) fn new(kernel: &Tensor, bias: &Tensor, stride: usize) -> Result<Self> {
        let channels = bias.dims1()?;
        if kernel.dims3()? != (SIDE, SIDE, channels) {
            bail!(
                "a depthwise kernel of {channels} channels is not {:?}",
                kernel.shape()
            );
        }
        Ok(Self {
            kernel: kernel.flatten_all()?.to_vec1()?,
            bias: bias.to_vec1()?,
            stride,
        })
    }
}

/// Writes one row of output pixels.
struct Row<'a> {
    layer: &'a Depthwise,
    /// The input rows above, at and below it, where the image has them.
    rows: [Option<&'a [f32]>; SIDE],
    out: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Depthwise {
            kernel,
            bias,
            stride,
        } = self.layer;
        let channels = bias.len();
        for (column, out) in self.out.chunks_exact_mut(channels).enumerate() {
            // The pixels under the kernel that lie inside the image, each with its factors.
            let mut taps: [(&[f32], &[f32]); SIDE * SIDE] = [(&[], &[]); SIDE * SIDE];
            let mut count = 0;
            for (dy, row) in self.rows.iter().enumerate() {
                let Some(row) = row else { continue };
                for dx in 0..SIDE {
                    let Some(x) = (column * stride + dx).checked_sub(1) else {
                        continue;
                    };
                    let Some(pixel) = row.get(x * channels..(x + 1) * channels) else {
                        continue;
                    };
                    taps[count] = (pixel, &kernel[(dy * SIDE + dx) * channels..][..channels]);
                    count += 1;
                }
            }
            for channel in (0..channels).step_by(S::F32_LANES) {
                let mut sum = load(simd, bias, channel);
                for (pixel, factors) in &taps[..count] {
                    let (pixel, factors) =
                        (load(simd, pixel, channel), load(simd, factors, channel));
                    sum = simd.mul_add_e_f32s(pixel, factors, sum);
                }
                store(simd, out, channel, simd.max_f32s(sum, simd.splat_f32s(0.0)));
            }
        }
    }
}

impl CustomOp1 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, [n, height, width, channels]) = image(storage, layout)?;
        if channels != self.bias.len() {
            bail!(
                "a depthwise kernel of {} channels got {channels}",
                self.bias.len()
            );
        }
        let [out_height, out_width] = [height, width].map(|side| side.div_ceil(self.stride));
        let mut out = vec![0.0; n * out_height * out_width * channels];
        let stride_y = width * channels;
        let arch = Arch::new();
        out.par_chunks_mut(out_width * channels)
            .enumerate()
            .for_each(|(line, out)| {
                let picture = &x[line / out_height * height * stride_y..][..height * stride_y];
                let middle = line % out_height * self.stride;
                let row = |y: usize| (y < height).then(|| &picture[y * stride_y..][..stride_y]);
                let rows = [
                    middle.checked_sub(1).and_then(row),
                    row(middle),
                    row(middle + 1),
                ];
                arch.dispatch(Row {
                    layer: self,
                    rows,
                    out,
                });
            });
        Ok((
            CpuStorage::F32(out),
            (n, out_height, out_width, channels).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::{
        against_candle::{TOLERANCE, channels_first, difference, random},
        depthwise,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_candles_grouped_convolution(
            n in 1usize..3,
            image in [1usize..20, 1usize..20],
            channels in 1usize..40,
            stride in 1usize..3,
            seed: u64,
        ) {
            let x = random(&[n, image[0], image[1], channels], seed);
            let kernel = random(&[3, 3, channels], seed ^ 1);
            let bias = random(&[channels], seed ^ 2);
            let found =
                depthwise(&x, &Depthwise::new(&kernel, &bias, stride).unwrap()).unwrap();

            let weight = kernel.permute((2, 0, 1)).unwrap().unsqueeze(1).unwrap();
            let sums = channels_first(&x)
                .unwrap()
                .conv2d(&weight.contiguous().unwrap(), 1, stride, 1, channels)
                .unwrap();
            let bias = bias.reshape((1, channels, 1, 1)).unwrap();
            let expected = sums.broadcast_add(&bias).unwrap().relu().unwrap();
            let difference = difference(&found, &expected);
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        assert!(Depthwise::new(&random(&[3, 3, 4], 1), &random(&[5], 2), 1).is_err());
        let layer = Depthwise::new(&random(&[3, 3, 4], 1), &random(&[4], 2), 1).unwrap();
        assert!(depthwise(&random(&[1, 9, 9, 5], 3), &layer).is_err());
    }
}
