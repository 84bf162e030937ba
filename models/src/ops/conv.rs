//! Dense convolution as matrix products over tiles of output pixels.
//!
//! A tile's patches are laid out as matrix rows (im2col), its output starts as the bias, the
//! product is added, and the activation follows while the tile is still in the cache. The im2col
//! matrix of a whole image never exists. A 1x1 convolution of stride 1 reads the image itself.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::{image, product::add_product};

/// Floats in the patches of one tile: half of a 1 MB second-level cache.
const TILE_FLOATS: usize = 128 * 1024;
/// Fewer pixels than this in a tile waste the product; more give no more.
const TILE_PIXELS: std::ops::RangeInclusive<usize> = 48..=1024;

/// What surrounds the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Padding {
    /// Nothing: the kernel stays inside.
    Valid,
    /// Zeros, `(side - 1) / 2` of the kernel on each side: at stride 1 the size stays.
    Same,
}

/// A convolution with bias and, if `relu`, a ReLU.
#[derive(Debug)]
pub(crate) struct Conv {
    /// Row-major `[height * width * channels_in, channels_out]`.
    kernel: Vec<f32>,
    bias: Vec<f32>,
    /// Height and width of the kernel.
    size: [usize; 2],
    channels_in: usize,
    stride: usize,
    padding: Padding,
    relu: bool,
}

/// The sizes of one application of a convolution.
struct Shapes {
    /// Input `[n, height, width, channels]`.
    input: [usize; 4],
    /// Height and width of the output.
    output: [usize; 2],
    /// Rows and columns of zeros above and left of the input.
    pad: [usize; 2],
}

impl Conv {
    /// `kernel` is `[height, width, in, out]`, `bias` is `[out]`.
    pub(crate) fn new(
        kernel: &Tensor,
        bias: &Tensor,
        stride: usize,
        padding: Padding,
        relu: bool,
    ) -> Result<Self> {
        let (height, width, channels_in, channels_out) = kernel.dims4()?;
        if bias.dims1()? != channels_out {
            bail!("{channels_out} channels need as many biases, not {:?}", bias.shape());
        }
        Ok(Self {
            kernel: kernel.flatten_all()?.to_vec1()?,
            bias: bias.to_vec1()?,
            size: [height, width],
            channels_in,
            stride,
            padding,
            relu,
        })
    }

    fn shapes(&self, input: [usize; 4]) -> Result<Shapes> {
        let [_, height, width, channels] = input;
        let pad = match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => self.size.map(|side| (side - 1) / 2),
        };
        let [padded_height, padded_width] = [height + 2 * pad[0], width + 2 * pad[1]];
        if channels != self.channels_in
            || padded_height < self.size[0]
            || padded_width < self.size[1]
        {
            bail!(
                "a {:?} convolution of {} channels got an image of {input:?}",
                self.size,
                self.channels_in
            );
        }
        let output = [
            (padded_height - self.size[0]) / self.stride + 1,
            (padded_width - self.size[1]) / self.stride + 1,
        ];
        Ok(Shapes { input, output, pad })
    }

    fn forward(&self, x: &[f32], shapes: &Shapes, trunk: Option<&[f32]>) -> Vec<f32> {
        let channels_out = self.bias.len();
        let depth = self.kernel.len() / channels_out;
        let pixels = shapes.input[0] * shapes.output[0] * shapes.output[1];
        let pointwise = self.size == [1, 1] && self.stride == 1;

        let fair_share = pixels.div_ceil(rayon::current_num_threads());
        let tile_pixels = (TILE_FLOATS / depth)
            .min(fair_share)
            .clamp(*TILE_PIXELS.start(), *TILE_PIXELS.end());
        // One tile alone is shared between the threads inside the product.
        let parallelism =
            if pixels <= tile_pixels { Parallelism::Rayon(0) } else { Parallelism::None };

        let mut out = vec![0.0; pixels * channels_out];
        out.par_chunks_mut(tile_pixels * channels_out).enumerate().for_each_init(
            Vec::new,
            |patches, (tile, out)| {
                let first = tile * tile_pixels;
                let count = out.len() / channels_out;
                match trunk {
                    Some(trunk) => {
                        let trunk = &trunk[first * channels_out..][..out.len()];
                        for (out, trunk) in
                            out.chunks_exact_mut(channels_out).zip(trunk.chunks_exact(channels_out))
                        {
                            for ((out, trunk), bias) in out.iter_mut().zip(trunk).zip(&self.bias) {
                                *out = trunk + bias;
                            }
                        }
                    }
                    None => {
                        for out in out.chunks_exact_mut(channels_out) {
                            out.copy_from_slice(&self.bias);
                        }
                    }
                }
                let rows = if pointwise {
                    &x[first * depth..][..count * depth]
                } else {
                    patches.resize(count * depth, 0.0);
                    self.copy_patches(x, shapes, first, patches);
                    patches
                };
                add_product(out, rows, &self.kernel, depth, parallelism);
                if self.relu {
                    for value in out {
                        *value = value.max(0.0);
                    }
                }
            },
        );
        out
    }

    /// Fills `patches [_, height * width * channels]` with what the kernel covers at the output
    /// pixels from `first` on.
    fn copy_patches(&self, x: &[f32], shapes: &Shapes, first: usize, patches: &mut [f32]) {
        let [_, height, width, channels] = shapes.input;
        let [out_height, out_width] = shapes.output;
        let [kernel_height, kernel_width] = self.size;
        let run = kernel_width * channels;
        for (row, patch) in patches.chunks_exact_mut(kernel_height * run).enumerate() {
            let pixel = first + row;
            let column = pixel % out_width;
            let line = pixel / out_width;
            let picture = line / out_height;
            let top = (line % out_height * self.stride) as isize - shapes.pad[0] as isize;
            let left = (column * self.stride) as isize - shapes.pad[1] as isize;
            // The part of the run that lies inside the image, in pixels of the run.
            let from = (-left).clamp(0, kernel_width as isize) as usize;
            let to = (width as isize - left).clamp(from as isize, kernel_width as isize) as usize;
            for (dy, patch) in patch.chunks_exact_mut(run).enumerate() {
                let y = top + dy as isize;
                if y < 0 || y >= height as isize || from == to {
                    patch.fill(0.0);
                    continue;
                }
                let x_from = (left + from as isize) as usize;
                let start = ((picture * height + y as usize) * width + x_from) * channels;
                patch[..from * channels].fill(0.0);
                patch[from * channels..to * channels]
                    .copy_from_slice(&x[start..][..(to - from) * channels]);
                patch[to * channels..].fill(0.0);
            }
        }
    }

    fn output_shape(&self, shapes: &Shapes) -> Shape {
        (shapes.input[0], shapes.output[0], shapes.output[1], self.bias.len()).into()
    }
}

impl CustomOp1 for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, input) = image(storage, layout)?;
        let shapes = self.shapes(input)?;
        let out = self.forward(x, &shapes, None);
        Ok((CpuStorage::F32(out), self.output_shape(&shapes)))
    }
}

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        "conv_add"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        trunk_storage: &CpuStorage,
        trunk_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, input) = image(storage, layout)?;
        let (trunk, _) = image(trunk_storage, trunk_layout)?;
        let shapes = self.shapes(input)?;
        let shape = self.output_shape(&shapes);
        if trunk_layout.shape() != &shape {
            bail!("{:?} cannot be added to a result of {shape:?}", trunk_layout.shape());
        }
        let out = self.forward(x, &shapes, Some(trunk));
        Ok((CpuStorage::F32(out), shape))
    }
}
