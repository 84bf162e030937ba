//! Depthwise 3x3 convolution: each channel with its own kernel, one row of output at a time.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};

use super::vectors::{load, store};

pub(super) const SIDE: usize = 3;

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

    pub(super) fn channels(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Fills `out [_, channels]`, a row of pixels, from the rows above, at and below its middle,
    /// each `[width, channels]`.
    pub(super) fn run(&self, rows: [&[f32]; SIDE], out: &mut [f32]) {
        Arch::new().dispatch(Row {
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
        } = self.layer;
        let channels = bias.len();
        let width = self.rows[0].len() / channels;
        for channel in (0..channels).step_by(S::F32_LANES) {
            // The kernel of these channels stays in registers along the row.
            let factors: [S::f32s; SIDE * SIDE] = std::array::from_fn(|tap| {
                load(simd, &kernel[tap * channels..][..channels], channel)
            });
            let bias = load(simd, bias, channel);
            for (column, out) in self.out.chunks_exact_mut(channels).enumerate() {
                let mut sum = bias;
                for dx in 0..SIDE {
                    // Beyond the left and the right border are zeros.
                    let Some(x) = (column * stride + dx).checked_sub(1).filter(|x| *x < width)
                    else {
                        continue;
                    };
                    for (dy, row) in self.rows.iter().enumerate() {
                        let pixel = load(simd, &row[x * channels..][..channels], channel);
                        sum = simd.mul_add_e_f32s(pixel, factors[dy * SIDE + dx], sum);
                    }
                }
                store(simd, out, channel, simd.max_f32s(sum, simd.splat_f32s(0.0)));
            }
        }
    }
}
