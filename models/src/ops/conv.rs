//! Dense convolution as matrix products over tiles of output pixels.
//!
//! A tile's patches are laid out as matrix rows (im2col) and multiplied at once, while they are in
//! the cache; the im2col matrix of a whole image never exists. A 1x1 convolution of stride 1 reads
//! the image itself.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{image, product::Product};

/// Numbers in the patches of one tile: 256 KB, which a second-level cache holds beside the kernel.
const TILE_FLOATS: usize = 64 * 1024;
/// The pixels of a tile are a multiple of this, the most rows that the product takes at once.
const TILE_STEP: usize = 12;

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
    /// `[height * width * channels_in]` numbers of a patch to `[channels_out]`, with bias and ReLU.
    product: Product,
    /// Height and width of the kernel.
    size: [usize; 2],
    channels_in: usize,
    stride: usize,
    padding: Padding,
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
            bail!(
                "{channels_out} channels need as many biases, not {:?}",
                bias.shape()
            );
        }
        Ok(Self {
            product: Product::new(&kernel.flatten_all()?.to_vec1()?, &bias.to_vec1()?, relu),
            size: [height, width],
            channels_in,
            stride,
            padding,
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
        let (depth, channels_out) = (self.product.depth(), self.product.columns());
        let pixels = shapes.input[0] * shapes.output[0] * shapes.output[1];
        let pointwise = self.size == [1, 1] && self.stride == 1;
        let fair_share = pixels.div_ceil(rayon::current_num_threads());
        let tile_pixels = (TILE_FLOATS / depth)
            .clamp(1, fair_share)
            .next_multiple_of(TILE_STEP);

        let mut out = vec![0.0; pixels * channels_out];
        out.par_chunks_mut(tile_pixels * channels_out)
            .enumerate()
            .for_each_init(Vec::new, |patches, (tile, out)| {
                let first = tile * tile_pixels;
                let count = out.len() / channels_out;
                let rows = if pointwise {
                    &x[first * depth..][..count * depth]
                } else {
                    patches.resize(count * depth, 0.0);
                    self.copy_patches(x, shapes, first, patches);
                    patches
                };
                let trunk = trunk.map(|trunk| &trunk[first * channels_out..][..out.len()]);
                self.product.run(rows, trunk, out);
            });
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
        (
            shapes.input[0],
            shapes.output[0],
            shapes.output[1],
            self.product.columns(),
        )
            .into()
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
            bail!(
                "{:?} cannot be added to a result of {shape:?}",
                trunk_layout.shape()
            );
        }
        let out = self.forward(x, &shapes, Some(trunk));
        Ok((CpuStorage::F32(out), shape))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::{
        against_candle::{TOLERANCE, channels_first, difference, random},
        conv, conv_add,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn equals_candles_convolution(
            n in 1usize..4,
            image in [1usize..20, 1usize..20],
            size in prop_oneof![
                Just([1, 1]), Just([3, 3]), Just([1, 7]), Just([7, 1]), Just([1, 3]), Just([5, 3])
            ],
            channels in [1usize..40, 1usize..40],
            stride in 1usize..3,
            same: bool,
            relu: bool,
            with_trunk: bool,
            seed: u64,
        ) {
            prop_assume!(same || (image[0] >= size[0] && image[1] >= size[1]));
            let x = random(&[n, image[0], image[1], channels[0]], seed);
            let kernel = random(&[size[0], size[1], channels[0], channels[1]], seed ^ 1);
            let bias = random(&[channels[1]], seed ^ 2);
            let padding = if same { Padding::Same } else { Padding::Valid };
            let layer = Conv::new(&kernel, &bias, stride, padding, relu).unwrap();

            let mut padded = channels_first(&x).unwrap();
            if same {
                let pad = size.map(|side| (side - 1) / 2);
                padded = padded.pad_with_zeros(2, pad[0], pad[0]).unwrap();
                padded = padded.pad_with_zeros(3, pad[1], pad[1]).unwrap();
            }
            let weight = kernel.permute((3, 2, 0, 1)).unwrap().contiguous().unwrap();
            let bias = bias.reshape((1, channels[1], 1, 1)).unwrap();
            let mut expected =
                padded.conv2d(&weight, 0, stride, 1, 1).unwrap().broadcast_add(&bias).unwrap();
            let found = if with_trunk {
                let dims = expected.permute((0, 2, 3, 1)).unwrap().dims().to_vec();
                let trunk = random(&dims, seed ^ 3);
                expected = (expected + channels_first(&trunk).unwrap()).unwrap();
                conv_add(&x, &layer, &trunk).unwrap()
            } else {
                conv(&x, &layer).unwrap()
            };
            if relu {
                expected = expected.relu().unwrap();
            }
            let difference = difference(&found, &expected);
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        let kernel = random(&[3, 3, 4, 5], 1);
        let layer = |padding| Conv::new(&kernel, &random(&[5], 2), 1, padding, true).unwrap();
        assert!(Conv::new(&kernel, &random(&[4], 2), 1, Padding::Same, true).is_err());
        assert!(conv(&random(&[1, 9, 9, 3], 3), &layer(Padding::Same)).is_err());
        assert!(conv(&random(&[1, 2, 9, 4], 3), &layer(Padding::Valid)).is_err());
        let x = random(&[1, 9, 9, 4], 3);
        assert!(conv_add(&x, &layer(Padding::Same), &random(&[1, 9, 8, 5], 3)).is_err());
        assert!(conv(&x.transpose(1, 2).unwrap(), &layer(Padding::Same)).is_err());
    }
}
