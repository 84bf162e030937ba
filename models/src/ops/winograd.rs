//! 3x3 convolution of stride 1 with a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3), after Lavin and Gray 2016, "Fast Algorithms for
//! Convolutional Neural Networks", with their matrices: a tile of 6x6 pixels and the kernel are
//! transformed, multiplied number by number, which over the channels is 36 matrix products, and the
//! result transformed back gives 4x4 pixels. The constants up to 8 in between cost about a decimal
//! digit of f32's seven.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    columns::Columns,
    fixed::{self, FixedProduct},
    product::Product,
    scratch::scratch,
    vectors::{load, store},
};

/// Sides of a tile of output and of the input under it.
const OUT: usize = 4;
const IN: usize = 6;
/// Numbers in the transformed tiles that are worked on together: 1 MB, half of the second-level
/// cache of today's processors.
const BAND_FLOATS: usize = 256 * 1024;
/// Transforms the kernel: Lavin and Gray's G.
const KERNEL: [[f64; 3]; IN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// A 3x3 convolution with bias and, if `relu`, a ReLU.
#[derive(Debug)]
pub(super) struct Winograd {
    arch: Arch,
    /// One for each number of a transformed tile.
    products: Products,
    channels_in: usize,
    bias: Vec<f32>,
    relu: bool,
}

/// The products in the precision of their factors.
#[derive(Debug)]
enum Products {
    F32(Vec<Product>),
    Fixed(Vec<FixedProduct>),
}

/// The images of one application.
pub(super) struct Images<'a> {
    /// `[n, height, width, channels]`.
    pub x: &'a [f32],
    pub height: usize,
    pub width: usize,
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Rows and columns of zeros above and left of the input.
    pub pad: usize,
}

impl Winograd {
    /// `kernel` is row-major `[3, 3, in, out]`, with as many outputs as there are biases. With `fixed` what
    /// is transformed is multiplied in whole numbers.
    pub(super) fn new(
        (arch, fixed): (Arch, Option<fixed::Kernel>),
        kernel: &[f32],
        bias: &[f32],
        relu: bool,
    ) -> Self {
        let len = kernel.len() / 9;
        let zeros = vec![0.0; bias.len()];
        let matrix = |i: usize| -> Vec<f32> {
            let (row, column) = (i / IN, i % IN);
            (0..len)
                .map(|i| {
                    let taps = (0..9).map(|tap| {
                        KERNEL[row][tap / 3]
                            * KERNEL[column][tap % 3]
                            * f64::from(kernel[tap * len + i])
                    });
                    taps.sum::<f64>() as f32
                })
                .collect()
        };
        let matrices = (0..IN * IN).map(matrix);
        let products = match fixed {
            None => {
                let product = |matrix: Vec<f32>| Product::new(arch, &matrix, &zeros, false);
                Products::F32(matrices.map(product).collect())
            }
            Some(kernel) => {
                let product = |matrix: Vec<f32>| FixedProduct::new(kernel, &matrix, &zeros, false);
                Products::Fixed(matrices.map(product).collect())
            }
        };
        Self {
            arch,
            products,
            channels_in: len / bias.len(),
            bias: bias.to_vec(),
            relu,
        }
    }

    /// Whether it is worth it for an image with an output of this size: a small one has too few
    /// tiles for the kernel, which is four times as long once transformed. It depends on no other
    /// image, so that none has a part in another's result.
    pub(super) fn suits(output: [usize; 2]) -> bool {
        output[0] * output[1] >= 256
    }

    /// Writes `[n, height, width]` pixels to columns.
    pub(super) fn run(&self, images: &Images, out: Columns) {
        let (channels_in, channels_out) = (self.channels_in, self.bias.len());
        let [out_height, out_width] = images.output;
        let image_len = images.height * images.width * channels_in;
        let tiles_a_row = out_width.div_ceil(OUT);
        let tile_floats = IN * IN * (channels_in + channels_out);
        let tile_rows = (BAND_FLOATS / (tile_floats * tiles_a_row)).max(1);
        // As many bands as there are anyway, but of equal height.
        let tile_rows_in_all = out_height.div_ceil(OUT);
        let tile_rows = tile_rows_in_all.div_ceil(tile_rows_in_all.div_ceil(tile_rows));
        let pictures = out.parts(out_height * out_width).enumerate();
        pictures.for_each(|(image, out)| {
            let x = &images.x[image * image_len..][..image_len];
            let bands = out.parts(tile_rows * OUT * out_width).enumerate();
            bands.for_each(|(number, out)| {
                let band = Band {
                    winograd: self,
                    images,
                    x,
                    first_row: number * tile_rows * OUT,
                    tiles_a_row,
                    tiles: tiles_a_row * (out.rows() / out_width).div_ceil(OUT),
                };
                let len = IN * IN * band.tiles;
                scratch(len * channels_in, |factors| {
                    scratch(len * channels_out, |sums| {
                        self.band(&band, factors, sums, out);
                    });
                });
            });
        });
    }

    /// The convolution of one band; `factors [36, tiles, in]` and `sums [36, tiles, out]` are room
    /// for what is between.
    fn band(&self, band: &Band, factors: &mut [f32], sums: &mut [f32], out: Columns) {
        let (channels_in, channels_out) = (self.channels_in, self.bias.len());
        self.arch.dispatch(Forth { band, factors });
        let parts = factors
            .chunks_exact(band.tiles * channels_in)
            .zip(sums.chunks_exact_mut(band.tiles * channels_out));
        match &self.products {
            Products::F32(products) => {
                for (product, (factors, sums)) in products.iter().zip(parts) {
                    product.run(factors, Columns::all(sums, channels_out));
                }
            }
            Products::Fixed(products) => {
                for (product, (factors, sums)) in products.iter().zip(parts) {
                    let out = Columns::all(sums, channels_out);
                    scratch(band.tiles * product.row_len(), |rows| {
                        scratch(band.tiles, |worths| {
                            product.round(factors, rows, worths);
                            product.run(rows, worths, out);
                        });
                    });
                }
            }
        }
        self.arch.dispatch(Back { band, sums, out });
    }
}

/// Some rows of tiles of one image.
struct Band<'a> {
    winograd: &'a Winograd,
    images: &'a Images<'a>,
    x: &'a [f32],
    /// Of the output.
    first_row: usize,
    tiles_a_row: usize,
    tiles: usize,
}

impl Band<'_> {
    /// Row and column of a tile's first pixel in the output.
    fn corner(&self, tile: usize) -> [usize; 2] {
        [
            self.first_row + tile / self.tiles_a_row * OUT,
            tile % self.tiles_a_row * OUT,
        ]
    }
}

/// Transforms the pixels under each tile into `factors [36, tiles, channels]`.
struct Forth<'a> {
    band: &'a Band<'a>,
    factors: &'a mut [f32],
}

/// `factor * a + b`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, factor: f32, a: S::f32s, b: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), a, b)
}

/// Lavin and Gray's transposed B times a column of six.
#[inline(always)]
fn forth<S: Simd>(simd: S, d: [S::f32s; IN]) -> [S::f32s; IN] {
    let even = scaled(simd, -4.0, d[2], d[4]);
    let odd = scaled(simd, -4.0, d[1], d[3]);
    let far_even = simd.sub_f32s(d[4], d[2]);
    let far_odd = simd.sub_f32s(d[3], d[1]);
    [
        scaled(simd, 4.0, d[0], scaled(simd, -5.0, d[2], d[4])),
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        scaled(simd, 2.0, far_odd, far_even),
        scaled(simd, -2.0, far_odd, far_even),
        scaled(simd, 4.0, d[1], scaled(simd, -5.0, d[3], d[5])),
    ]
}

/// Lavin and Gray's transposed A times a column of six.
#[inline(always)]
fn back<S: Simd>(simd: S, m: [S::f32s; IN]) -> [S::f32s; OUT] {
    let near = [simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2])];
    let far = [simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4])];
    [
        simd.add_f32s(m[0], simd.add_f32s(near[0], far[0])),
        scaled(simd, 2.0, far[1], near[1]),
        scaled(simd, 4.0, far[0], near[0]),
        scaled(simd, 8.0, far[1], simd.add_f32s(near[1], m[5])),
    ]
}

impl WithSimd for Forth<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { band, factors } = self;
        let images = band.images;
        let channels = band.winograd.channels_in;
        let outside = vec![0.0; channels];
        let zero = simd.splat_f32s(0.0);
        let part_len = band.tiles * channels;
        for tile in 0..band.tiles {
            let [top, left] = band.corner(tile);
            let pixels: [[&[f32]; IN]; IN] = std::array::from_fn(|row| {
                std::array::from_fn(|column| {
                    let y = (top + row).wrapping_sub(images.pad);
                    let x = (left + column).wrapping_sub(images.pad);
                    if y < images.height && x < images.width {
                        &band.x[(y * images.width + x) * channels..][..channels]
                    } else {
                        &outside[..]
                    }
                })
            });
            for channel in (0..channels).step_by(S::F32_LANES) {
                // Loops, as closures would not be inlined into the function of this processor.
                let mut columns = [[zero; IN]; IN];
                for (column, values) in columns.iter_mut().enumerate() {
                    let mut d = [zero; IN];
                    for (row, d) in d.iter_mut().enumerate() {
                        *d = load(simd, pixels[row][column], channel);
                    }
                    *values = forth(simd, d);
                }
                for row in 0..IN {
                    let mut d = [zero; IN];
                    for (d, column) in d.iter_mut().zip(&columns) {
                        *d = column[row];
                    }
                    for (column, value) in forth(simd, d).into_iter().enumerate() {
                        let start = (row * IN + column) * part_len + tile * channels;
                        store(simd, &mut factors[start..][..channels], channel, value);
                    }
                }
            }
        }
    }
}

/// Transforms `sums [36, tiles, channels]` into pixels.
struct Back<'a> {
    band: &'a Band<'a>,
    sums: &'a [f32],
    out: Columns<'a>,
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            band,
            sums,
            mut out,
        } = self;
        let Winograd { bias, relu, .. } = band.winograd;
        let channels = bias.len();
        let part_len = band.tiles * channels;
        let width = band.images.output[1];
        let height = out.rows() / width;
        let zero = simd.splat_f32s(0.0);
        for tile in 0..band.tiles {
            let [top, left] = band.corner(tile);
            let top = top - band.first_row;
            for channel in (0..channels).step_by(S::F32_LANES) {
                let mut columns = [[zero; OUT]; IN];
                for (column, values) in columns.iter_mut().enumerate() {
                    let mut m = [zero; IN];
                    for (row, m) in m.iter_mut().enumerate() {
                        let start = (row * IN + column) * part_len + tile * channels;
                        *m = load(simd, &sums[start..][..channels], channel);
                    }
                    *values = back(simd, m);
                }
                let bias = load(simd, bias, channel);
                for row in 0..OUT.min(height - top) {
                    let mut m = [zero; IN];
                    for (m, column) in m.iter_mut().zip(&columns) {
                        *m = column[row];
                    }
                    for (column, value) in back(simd, m).into_iter().enumerate().take(width - left)
                    {
                        let mut value = simd.add_f32s(value, bias);
                        let onto = out.onto;
                        let out = out.row((top + row) * width + left + column, channels);
                        if onto {
                            value = simd.add_f32s(value, load(simd, out, channel));
                        }
                        if *relu {
                            value = simd.max_f32s(value, simd.splat_f32s(0.0));
                        }
                        store(simd, out, channel, value);
                    }
                }
            }
        }
    }
}
