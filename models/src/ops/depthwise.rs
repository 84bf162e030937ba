//! Depthwise 3x3 convolution: each channel with its own kernel, one row of output at a time.

use candle_core::Result;
use pulp::{Arch, Simd, WithSimd};

use super::{
    plain,
    vectors::{load, store},
};

pub(super) const SIDE: usize = 3;

/// A 3x3 depthwise convolution with one row of zeros around the image, bias and ReLU.
#[derive(Debug)]
pub(crate) struct Depthwise {
    arch: Arch,
    /// Row-major `[3, 3, channels]`.
    kernel: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
}

impl Depthwise {
    /// The same layer, with the vector instructions given.
    pub(super) fn with(arch: Arch, layer: &plain::Depthwise) -> Result<Self> {
        let (kernel, bias) = layer.kernel_and_bias()?;
        Ok(Self {
            arch,
            kernel: kernel.flatten_all()?.to_vec1()?,
            bias: bias.to_vec1()?,
            stride: layer.stride,
        })
    }

    pub(super) fn channels(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Fills `out [_, channels]`, a row of pixels, from the rows above, at and below its middle,
    /// each `[width, channels]`.
    pub(super) fn run(&self, rows: [&[f32]; SIDE], out: &mut [f32]) {
        self.arch.dispatch(Row {
            layer: self,
            rows,
            out,
        });
    }
}

struct Row<'a> {
    layer: &'a Depthwise,
    rows: [&'a [f32]; SIDE],
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
            ..
        } = self.layer;
        let channels = bias.len();
        let zero = simd.splat_f32s(0.0);
        for channel in (0..channels).step_by(S::F32_LANES) {
            // The kernel of these channels stays in registers along the row, column after column.
            let factors: [[S::f32s; SIDE]; SIDE] = std::array::from_fn(|dx| {
                std::array::from_fn(|dy| {
                    let tap = dy * SIDE + dx;
                    load(simd, &kernel[tap * channels..][..channels], channel)
                })
            });
            let bias = load(simd, bias, channel);
            let mut out = self.out.chunks_exact_mut(channels);
            let [above, at, below] = self.rows.map(|row| row.chunks_exact(channels));
            // Sums of the outputs whose left or middle column was the last pixel; what is beyond
            // the left and the right border is zero and adds nothing.
            let [mut left, mut middle] = [bias; 2];
            for (x, ((above, at), below)) in above.zip(at).zip(below).enumerate() {
                let pixels = [
                    load(simd, above, channel),
                    load(simd, at, channel),
                    load(simd, below, channel),
                ];
                let mut finished = None;
                if *stride == 1 {
                    if x > 0 {
                        finished = Some(add_column(simd, left, pixels, factors[2]));
                    }
                    left = add_column(simd, middle, pixels, factors[1]);
                    middle = add_column(simd, bias, pixels, factors[0]);
                } else if x % 2 == 0 {
                    left = add_column(simd, middle, pixels, factors[1]);
                } else {
                    finished = Some(add_column(simd, left, pixels, factors[2]));
                    middle = add_column(simd, bias, pixels, factors[0]);
                }
                if let Some(sum) = finished
                    && let Some(out) = out.next()
                {
                    store(simd, out, channel, simd.max_f32s(sum, zero));
                }
            }
            if let Some(out) = out.next() {
                store(simd, out, channel, simd.max_f32s(left, zero));
            }
        }
    }
}

/// `sum` and three pixels, one below the other, times their factors.
#[inline(always)]
fn add_column<S: Simd>(
    simd: S,
    mut sum: S::f32s,
    pixels: [S::f32s; SIDE],
    factors: [S::f32s; SIDE],
) -> S::f32s {
    for (pixel, factor) in pixels.into_iter().zip(factors) {
        sum = simd.mul_add_e_f32s(pixel, factor, sum);
    }
    sum
}
