//! Dense convolution as matrix products over tiles of output pixels.
//!
//! A tile's patches are laid out as matrix rows (im2col) and multiplied at once, while they are in
//! the cache; the im2col matrix of a whole image never exists. A 1x1 convolution of stride 1 reads
//! the image itself.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::{
    Narrow, Precision,
    bf16::Bf16Product,
    columns::Columns,
    fixed::FixedProduct,
    image, plain,
    product::Product,
    scratch::scratch,
    winograd::{Images, Winograd},
};

/// Numbers in the patches of one tile: 256 KB, which a second-level cache holds beside the kernel.
const TILE_FLOATS: usize = 64 * 1024;
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
    product: Factors,
    /// The quicker way for large images, where there is one: 3x3, stride 1, and not bf16.
    winograd: Option<Box<Winograd>>,
    /// Height and width of the kernel.
    size: [usize; 2],
    channels_in: usize,
    stride: usize,
    padding: Padding,
}

/// The product in the precision of its factors.
#[derive(Debug)]
enum Factors {
    F32(Product),
    Fixed(FixedProduct),
    Bf16(Bf16Product),
}

/// What a convolution is computed with.
#[derive(Clone, Copy)]
struct Instructions {
    arch: Arch,
    /// For shorter factors; without it they are f32.
    narrow: Option<Narrow>,
}

/// The sizes of one application of a convolution.
pub(super) struct Shapes {
    /// Input `[n, height, width, channels]`.
    input: [usize; 4],
    /// Height and width of the output.
    pub(super) output: [usize; 2],
    /// Rows and columns of zeros above and left of the input.
    pad: [usize; 2],
}

impl Conv {
    /// The same layer, fast on this processor.
    pub(super) fn of(layer: &plain::Conv, precision: Precision) -> Result<Self> {
        let instructions = Instructions {
            arch: Arch::new(),
            narrow: precision.narrow(),
        };
        Self::with(layer, instructions)
    }

    /// [`of`](Self::of) with the instructions given.
    fn with(layer: &plain::Conv, Instructions { arch, narrow }: Instructions) -> Result<Self> {
        let (kernel, bias) = layer.kernel_and_bias()?;
        let (height, width, channels_in, _) = kernel.dims4()?;
        let (stride, relu) = (layer.stride, layer.relu);
        let matrix = kernel.flatten_all()?.to_vec1()?;
        let bias = bias.to_vec1()?;
        let fixed = match narrow {
            Some(Narrow::Fixed(kernel)) => Some(kernel),
            None | Some(Narrow::Bf16(_)) => None,
        };
        let winograd = (!matches!(narrow, Some(Narrow::Bf16(_)))
            && [height, width, stride] == [3, 3, 1])
        .then(|| Box::new(Winograd::new((arch, fixed), &matrix, &bias, relu)));
        Ok(Self {
            winograd,
            product: match narrow {
                None => Factors::F32(Product::new(arch, &matrix, &bias, relu)),
                Some(Narrow::Fixed(kernel)) => {
                    Factors::Fixed(FixedProduct::new(kernel, &matrix, &bias, relu))
                }
                Some(Narrow::Bf16(kernel)) => {
                    Factors::Bf16(Bf16Product::new(kernel, &matrix, &bias, relu))
                }
            },
            size: [height, width],
            channels_in,
            stride,
            padding: layer.padding,
        })
    }

    pub(super) fn shapes(&self, input: [usize; 4]) -> Result<Shapes> {
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

    /// Numbers of a patch.
    fn depth(&self) -> usize {
        match &self.product {
            Factors::F32(product) => product.depth(),
            Factors::Fixed(product) => product.depth(),
            Factors::Bf16(product) => product.depth(),
        }
    }

    /// The most rows that the product takes at once; the pixels of a tile are a multiple of it.
    fn step(&self) -> usize {
        match &self.product {
            Factors::F32(_) => Product::ROWS,
            Factors::Fixed(_) => FixedProduct::ROWS,
            Factors::Bf16(_) => Bf16Product::ROWS,
        }
    }

    pub(super) fn channels_in(&self) -> usize {
        self.channels_in
    }

    pub(super) fn channels_out(&self) -> usize {
        match &self.product {
            Factors::F32(product) => product.columns(),
            Factors::Fixed(product) => product.columns(),
            Factors::Bf16(product) => product.columns(),
        }
    }

    /// The product, where it takes the pixels themselves, rounded to whole numbers: several convolutions of
    /// one image can share these.
    pub(super) fn of_rounded_pixels(&self) -> Option<&FixedProduct> {
        match &self.product {
            Factors::Fixed(product) if self.is_pointwise() => Some(product),
            _ => None,
        }
    }

    fn is_pointwise(&self) -> bool {
        self.size == [1, 1] && self.stride == 1
    }

    /// Pixels of a tile.
    fn tile_pixels(&self) -> usize {
        (TILE_FLOATS / self.depth()).max(1)
    }

    /// Writes the convolution of pixels that were rounded for
    /// [`of_rounded_pixels`](Self::of_rounded_pixels), and of which one is worth so much in each, to
    /// columns, on this thread.
    pub(super) fn run_rounded(
        &self,
        product: &FixedProduct,
        pixels: &[i16],
        worths: &[f32],
        mut out: Columns,
    ) {
        let step = self.tile_pixels().next_multiple_of(self.step());
        let tiles = pixels
            .chunks(step * product.row_len())
            .zip(worths.chunks(step));
        for (tile, (pixels, worths)) in tiles.enumerate() {
            product.run(pixels, worths, out.part(tile * step, worths.len()));
        }
    }

    /// Writes the convolution of the pixels to columns.
    pub(super) fn run(&self, x: &[f32], shapes: &Shapes, out: Columns) {
        if let Some(winograd) = &self.winograd
            && Winograd::suits(shapes.output)
        {
            let [_, height, width, _] = shapes.input;
            let images = Images {
                x,
                height,
                width,
                output: shapes.output,
                pad: shapes.pad[0],
            };
            winograd.run(&images, out);
            return;
        }
        let fair_share = out.rows().div_ceil(rayon::current_num_threads());
        let tile_pixels = self.tile_pixels().min(fair_share);
        let tile_pixels = tile_pixels.next_multiple_of(self.step());
        out.parts(tile_pixels).enumerate().for_each(|(tile, out)| {
            self.tile(x, shapes, tile * tile_pixels, out);
        });
    }

    /// Writes the convolution at the output pixels from one on to columns, on this thread.
    pub(super) fn tile(&self, x: &[f32], shapes: &Shapes, start: usize, out: Columns) {
        let depth = self.depth();
        let pointwise = self.is_pointwise();
        let count = out.rows();
        let pixels = || &x[start * depth..][..count * depth];
        match &self.product {
            Factors::F32(product) if pointwise => product.run(pixels(), out),
            Factors::F32(product) => scratch(count * depth, |rows| {
                self.copy_patches(x, shapes, start, rows.chunks_exact_mut(depth), copy_run);
                product.run(rows, out);
            }),
            Factors::Fixed(product) => {
                let row_len = product.row_len();
                scratch(count * row_len, |rows| {
                    scratch(count, |worths| {
                        if pointwise {
                            product.round(pixels(), rows, worths);
                        } else {
                            let places = rows.chunks_exact_mut(row_len).zip(worths.chunks_mut(1));
                            scratch(depth, |patch| {
                                for (i, (row, worth)) in places.enumerate() {
                                    let place = std::iter::once(&mut *patch);
                                    self.copy_patches(x, shapes, start + i, place, copy_run);
                                    product.round(patch, row, worth);
                                }
                            });
                        }
                        product.run(rows, worths, out);
                    });
                });
            }
            Factors::Bf16(product) => {
                let row_len = product.row_len();
                scratch(Bf16Product::padded_rows(count) * row_len, |rows| {
                    let round = |to: &mut [u16], from: &[f32]| product.round(from, to);
                    if pointwise && row_len == depth {
                        round(&mut rows[..count * depth], pixels());
                    } else {
                        let rows = rows.chunks_exact_mut(row_len).take(count).map(|row| {
                            let (patch, rest) = row.split_at_mut(depth);
                            rest.fill(0);
                            patch
                        });
                        self.copy_patches(x, shapes, start, rows, round);
                    }
                    product.run(rows, out);
                });
            }
        }
    }

    /// Fills the patches `[height * width * channels]` with what the kernel covers at the output
    /// pixels from `start` on; `copy` writes its second slice to its first.
    #[inline]
    fn copy_patches<'a, T: Copy + Default + 'a>(
        &self,
        x: &[f32],
        shapes: &Shapes,
        start: usize,
        patches: impl Iterator<Item = &'a mut [T]>,
        copy: impl Fn(&mut [T], &[f32]),
    ) {
        let [_, height, width, channels] = shapes.input;
        let [out_height, out_width] = shapes.output;
        let [_, kernel_width] = self.size;
        let run = kernel_width * channels;
        let (mut line, mut column) = (start / out_width, start % out_width);
        for patch in patches {
            let picture = line / out_height;
            let top = (line % out_height * self.stride) as isize - shapes.pad[0] as isize;
            let left = (column * self.stride) as isize - shapes.pad[1] as isize;
            // The part of the run that lies inside the image, in pixels of the run.
            let from = (-left).clamp(0, kernel_width as isize) as usize;
            let to = (width as isize - left).clamp(from as isize, kernel_width as isize) as usize;
            for (dy, patch) in patch.chunks_exact_mut(run).enumerate() {
                let y = top + dy as isize;
                if y < 0 || y >= height as isize || from == to {
                    patch.fill(T::default());
                    continue;
                }
                let x_from = (left + from as isize) as usize;
                let start = ((picture * height + y as usize) * width + x_from) * channels;
                patch[..from * channels].fill(T::default());
                copy(
                    &mut patch[from * channels..to * channels],
                    &x[start..][..(to - from) * channels],
                );
                patch[to * channels..].fill(T::default());
            }
            column += 1;
            if column == out_width {
                (line, column) = (line + 1, 0);
            }
        }
    }
}

/// Copies part of a patch. The runs of the first layers, three pixels of RGB, are too short for a call.
#[inline]
fn copy_run(to: &mut [f32], from: &[f32]) {
    const RGB_RUN: usize = 9;
    match (<&mut [f32; RGB_RUN]>::try_from(&mut *to), from.try_into()) {
        (Ok(to), Ok(from)) => *to = from,
        _ => to.copy_from_slice(from),
    }
}

impl CustomOp1 for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, input) = image(storage, layout)?;
        let shapes = self.shapes(input)?;
        let (n, channels_out) = (input[0], self.channels_out());
        let [height, width] = shapes.output;
        let mut out = vec![0.0; n * height * width * channels_out];
        self.run(x, &shapes, Columns::all(&mut out, channels_out));
        Ok((
            CpuStorage::F32(out),
            (n, height, width, channels_out).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Tensor};
    use proptest::prelude::*;

    use super::*;
    use crate::ops::{
        against_candle::{TOLERANCE, archs, channels_first, channels_last, difference, random},
        bf16, fixed,
    };

    fn in_f32(arch: Arch) -> Instructions {
        Instructions { arch, narrow: None }
    }

    fn narrow(narrow: Narrow) -> Instructions {
        Instructions {
            arch: Arch::new(),
            narrow: Some(narrow),
        }
    }

    /// All factors shorter than f32 that this processor multiplies, in every way that it can.
    fn all_narrow() -> impl Iterator<Item = Instructions> {
        let fixed = fixed::Kernel::available().into_iter().map(Narrow::Fixed);
        let bf16 = bf16::Kernel::here().map(Narrow::Bf16);
        fixed.chain(bf16).map(narrow)
    }

    /// What lies beside the columns that a convolution writes.
    const BESIDE: f32 = 7.0;

    /// A convolution that a test makes, with random numbers.
    #[derive(Debug)]
    struct Case {
        n: usize,
        image: [usize; 2],
        size: [usize; 2],
        channels: [usize; 2],
        stride: usize,
        same: bool,
        relu: bool,
        /// Columns beside those that are written, before and after them.
        beside: [usize; 2],
        onto: bool,
        seed: u64,
    }

    prop_compose! {
        fn cases()(
            n in 1usize..4,
            image in [1usize..16, 1usize..16],
            size in prop_oneof![
                Just([1, 1]), Just([3, 3]), Just([1, 7]), Just([7, 1]), Just([1, 3]), Just([5, 3])
            ],
            channels in [1usize..40, 1usize..40],
            stride in 1usize..3,
            same: bool,
            relu: bool,
            beside in [0usize..20, 0usize..20],
            onto: bool,
            seed: u64,
        ) -> Case {
            Case { n, image, size, channels, stride, same, relu, beside, onto, seed }
        }
    }

    impl Case {
        fn fits(&self) -> bool {
            self.same || (self.image[0] >= self.size[0] && self.image[1] >= self.size[1])
        }

        /// How far the operation is from Candle's, with numbers that went through `rounded`.
        fn difference(
            &self,
            instructions: Instructions,
            rounded: impl Fn(Tensor) -> Tensor,
        ) -> f32 {
            let Self {
                n,
                image,
                size,
                channels,
                seed,
                ..
            } = *self;
            let x = rounded(random(&[n, image[0], image[1], channels[0]], seed));
            let kernel = rounded(random(
                &[size[0], size[1], channels[0], channels[1]],
                seed ^ 1,
            ));
            let bias = random(&[channels[1]], seed ^ 2);
            let padding = if self.same {
                Padding::Same
            } else {
                Padding::Valid
            };
            let plain =
                |relu| plain::Conv::new(&kernel, &bias, self.stride, padding, relu).unwrap();
            let sums = plain(false).forward(&channels_first(&x)).unwrap();
            let mut expected = channels_last(&sums);
            let trunk = random(expected.dims(), seed ^ 3);
            if self.onto {
                expected = (expected + &trunk).unwrap();
            }
            if self.relu {
                expected = expected.relu().unwrap();
            }
            let layer = Conv::with(&plain(self.relu), instructions).unwrap();
            difference(&self.written(&layer, &x, &trunk), &expected)
        }

        /// What the layer writes onto the trunk, or over it, between other columns.
        fn written(&self, layer: &Conv, x: &Tensor, trunk: &Tensor) -> Tensor {
            let beside = |columns: usize| {
                let mut dims = trunk.dims().to_vec();
                dims[3] = columns;
                Tensor::full(BESIDE, dims, x.device()).unwrap()
            };
            let [before, after] = self.beside.map(beside);
            let whole = Tensor::cat(&[&before, trunk, &after], 3).unwrap();
            let dims = whole.dims4().unwrap();
            let mut numbers = whole.flatten_all().unwrap().to_vec1().unwrap();
            let shapes = layer.shapes(x.dims4().unwrap().into()).unwrap();
            let columns = Columns {
                numbers: &mut numbers,
                stride: dims.3,
                first: self.beside[0],
                onto: self.onto,
            };
            let x = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            layer.run(&x, &shapes, columns);
            let whole = Tensor::from_vec(numbers, dims, trunk.device()).unwrap();
            for (first, beside) in [(0, &before), (dims.3 - self.beside[1], &after)] {
                let found = whole.narrow(3, first, beside.dims()[3]).unwrap();
                let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert!(found.iter().all(|number| *number == BESIDE));
            }
            let columns = whole.narrow(3, self.beside[0], self.channels[1]);
            columns.unwrap().contiguous().unwrap()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn equals_candles_convolution(case in cases()) {
            prop_assume!(case.fits());
            for arch in archs() {
                let difference = case.difference(in_f32(arch), |x| x);
                prop_assert!(difference < TOLERANCE, "{:?}: {}", arch, difference);
            }
        }

        /// Large enough for Winograd's way, which loses a digit. A wrong constant would show in the
        /// first. In whole numbers the error of a product is as below; of the products that the way
        /// back multiplies by 8 in both directions, transforms have made numbers larger by 3.2 and
        /// smaller by 0.19, and four of them are added. That is 46 times the error of one channel.
        /// What is multiplied is nearly normal then, and of few such numbers the length is often twice
        /// the usual one, and the error with it: as of four channels more. Of 40,000 cases none passed
        /// three quarters of this.
        #[test]
        fn of_3x3_on_large_images_equals_candles_convolution(
            mut case in cases(),
            image in [18usize..45, 18usize..45],
        ) {
            case.image = image;
            case.size = [3, 3];
            case.stride = 1;
            for arch in archs() {
                let difference = case.difference(in_f32(arch), |x| x);
                prop_assert!(difference < 10.0 * TOLERANCE, "{:?}: {}", arch, difference);
            }
            let tolerance = 46.0 * 5e-5 * (case.channels[0] + 4) as f32 + 10.0 * TOLERANCE;
            for kernel in fixed::Kernel::available() {
                let difference = case.difference(narrow(Narrow::Fixed(kernel)), |x| x);
                prop_assert!(difference < tolerance, "{:?}: {}", kernel, difference);
            }
        }

        /// Of factors that are bf16 numbers already nothing is rounded off, and their products are
        /// exact in f32, so the tolerance is the same.
        #[test]
        fn in_bf16_equals_candles_convolution_of_rounded_numbers(case in cases()) {
            prop_assume!(case.fits());
            let rounded = |x: Tensor| {
                x.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap()
            };
            if let Some(kernel) = bf16::Kernel::here() {
                let difference = case.difference(narrow(Narrow::Bf16(kernel)), rounded);
                prop_assert!(difference < TOLERANCE, "{}", difference);
            }
        }

        /// The numbers are spread evenly between -1 and 1. Rounding a row of `depth` of them takes a
        /// step of 0.58 √depth / 32,700, a column half of that, or 1 / 32,767 where it is short. The
        /// error of a sum of so many products then has a deviation below 8e-6 depth, and six
        /// deviations are not passed by chance.
        #[test]
        fn in_whole_numbers_nearly_equals_candles_convolution(case in cases()) {
            prop_assume!(case.fits());
            let depth = case.size[0] * case.size[1] * case.channels[0];
            let tolerance = 5e-5 * depth as f32 + TOLERANCE;
            for kernel in fixed::Kernel::available() {
                let difference = case.difference(narrow(Narrow::Fixed(kernel)), |x| x);
                prop_assert!(difference < tolerance, "{:?}: {}", kernel, difference);
            }
        }
    }

    #[test]
    fn a_pixel_does_not_depend_on_its_batch() {
        for instructions in all_narrow().chain(archs().into_iter().map(in_f32)) {
            let weights = random(&[3, 3, 40, 50], 1);
            let bias = random(&[50], 2);
            let layer = plain::Conv::new(&weights, &bias, 1, Padding::Same, true).unwrap();
            let layer = Conv::with(&layer, instructions).unwrap();
            let x = random(&[5, 17, 19, 40], 3);
            let together = x.apply_op1_no_bwd(&layer).unwrap();
            for i in 0..5 {
                let alone = x.narrow(0, i, 1).unwrap();
                let alone = alone.apply_op1_no_bwd(&layer).unwrap();
                let same = together.narrow(0, i, 1).unwrap();
                assert_eq!(
                    alone.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                    same.flatten_all().unwrap().to_vec1::<f32>().unwrap()
                );
            }
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        let kernel = random(&[3, 3, 4, 5], 1);
        let plain =
            |biases, padding| plain::Conv::new(&kernel, &random(&[biases], 2), 1, padding, true);
        assert!(plain(4, Padding::Same).is_err());
        let refused = |x: Tensor, padding| {
            let layer = Conv::of(&plain(5, padding).unwrap(), Precision::F32).unwrap();
            x.apply_op1_no_bwd(&layer).is_err()
        };
        assert!(refused(random(&[1, 9, 9, 3], 3), Padding::Same));
        assert!(refused(random(&[1, 2, 9, 4], 3), Padding::Valid));
        let turned = random(&[1, 9, 9, 4], 3).transpose(1, 2).unwrap();
        assert!(refused(turned, Padding::Same));
    }
}
