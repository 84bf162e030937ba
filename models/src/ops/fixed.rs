//! [`Product`](super::product::Product) in whole numbers of 16 bits, of which a processor multiplies
//! twice as many at a time as of f32.
//!
//! Each row is scaled to a length, as a vector, of nearly 2^15, each column of the matrix to one of
//! nearly 2^16, and both are rounded. By Cauchy and Schwarz no sum of their products, whole or in
//! part, leaves 32 bits. So the sums are exact and the same on every processor, and what is lost is
//! the rounding: of each of 1,024 equal numbers, one part in 2,000 at most.

use pulp::{Arch, Simd, WithSimd};

use super::columns::Columns;

/// Lengths, as vectors, of rows and of columns before they are rounded.
const ROW: f32 = 32_700.0;
const COLUMN: f32 = 65_400.0;
/// Rounding so many numbers makes a vector longer by 64 at most, and (32,700 + 64) · (65,400 + 64) is
/// below 2^31.
const DEPTH: usize = 1 << 14;

/// The most rows that are multiplied at once, and the most columns.
const HEIGHT: usize = 12;
const WIDTH: usize = 32;
/// Columns that are finished together. A panel has as many or twice as many.
const LANES: usize = 16;
/// Numbers in a cache line.
const LINE: usize = 32;

/// The sums of a few rows and the columns of a panel.
type Sums = [[i32; WIDTH]; HEIGHT];

/// What multiplies some rows, one after the other, by a panel.
type Multiply = unsafe fn(rows: &[i16], panel: &[i16], sums: &mut Sums);

/// The instructions that multiply. A value of this type exists only where they can be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kernel {
    /// `VPDPWSSD` on vectors of 512 bits: two products are added to each lane (AVX512-VNNI).
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// `VPMADDWD` on vectors of 256 bits: the sum of two products in each lane (AVX2).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// One number at a time: what the others are compared with.
    Portable,
}

impl Kernel {
    /// All that this processor can run, the fastest first.
    pub(super) fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                available.push(Self::Vnni);
            }
            available.push(Self::Avx2);
        }
        available.push(Self::Portable);
        available
    }

    /// What is faster than f32 here.
    pub(super) fn fastest() -> Option<Self> {
        match Self::available()[0] {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Some(Self::Vnni),
            // With vectors of 512 bits f32 is as fast.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => (!is_x86_feature_detected!("avx512f")).then_some(Self::Avx2),
            Self::Portable => None,
        }
    }

    /// Whether recognition was measured with it on such a processor (docs/speed.md).
    pub(super) fn was_measured(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => false,
            Self::Portable => false,
        }
    }

    /// Columns of a panel.
    fn width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => 2 * LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => LANES,
            Self::Portable => LANES,
        }
    }

    /// What multiplies one row, two, and so on. To be called with a panel of this kernel and as many
    /// rows as long as it is.
    fn multiply(self) -> &'static [Multiply] {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => &x86::VNNI,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => &x86::AVX2,
            Self::Portable => &[multiply],
        }
    }
}

/// `rows · matrix + bias`, then ReLU if it is asked for, factors rounded to whole numbers.
#[derive(Debug)]
pub(super) struct FixedProduct {
    kernel: Kernel,
    /// For what is around the multiplications.
    arch: Arch,
    /// The panels one after the other, each `[row_len / 2, width, 2]`: the two numbers of a column
    /// that are multiplied at once lie side by side. Filled up with zeros.
    panels: Vec<i16>,
    /// Where the first begins: at the start of a cache line, so that no load reaches into two.
    start: usize,
    /// What one is worth in each column. Filled up with zeros to full panels, as the biases are.
    worths: Vec<f32>,
    bias: Vec<f32>,
    depth: usize,
    columns: usize,
    relu: bool,
}

impl FixedProduct {
    /// The most rows that are multiplied at once.
    pub(super) const ROWS: usize = HEIGHT;

    /// `matrix` is row-major `[depth, columns]` with as many columns as there are biases.
    pub(super) fn new(kernel: Kernel, matrix: &[f32], bias: &[f32], relu: bool) -> Self {
        let columns = bias.len();
        let depth = matrix.len() / columns;
        assert!(depth <= DEPTH, "a sum of {depth} products may not fit");
        let width = kernel.width();
        let padded_columns = columns.next_multiple_of(width);
        let row_len = depth.next_multiple_of(2);
        let mut panels = vec![0; row_len * padded_columns + LINE];
        let start = panels.as_ptr().align_offset(LINE * size_of::<i16>());
        let mut worths = vec![0.0; padded_columns];
        for (column, worth) in worths.iter_mut().enumerate().take(columns) {
            let numbers: Vec<f32> = matrix
                .iter()
                .skip(column)
                .step_by(columns)
                .copied()
                .collect();
            let mut whole = vec![0; row_len];
            *worth = round(&numbers, COLUMN, &mut whole);
            let panel = &mut panels[start + column / width * row_len * width..];
            for (k, number) in whole.into_iter().enumerate() {
                panel[(k / 2 * width + column % width) * 2 + k % 2] = number;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(padded_columns, 0.0);
        Self {
            kernel,
            arch: Arch::new(),
            panels,
            start,
            worths,
            bias,
            depth,
            columns,
            relu,
        }
    }

    /// Numbers in a row that goes in.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Numbers in a row that comes out.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The length of a row as [`run`](Self::run) takes it: [`depth`](Self::depth), and a zero where that
    /// is odd.
    pub(super) fn row_len(&self) -> usize {
        self.depth.next_multiple_of(2)
    }

    /// Writes a row `[depth]` as [`run`](Self::run) takes it, `[row_len]`, and returns what one is
    /// worth in it.
    pub(super) fn round(&self, from: &[f32], to: &mut [i16]) -> f32 {
        self.arch.dispatch(Round { from, to })
    }

    /// Writes the product of `rows [_, row_len]`, in which one is worth `worths [_]`, to some columns.
    pub(super) fn run(&self, rows: &[i16], worths: &[f32], out: Columns) {
        let product = self;
        self.arch.dispatch(Run {
            product,
            rows,
            worths,
            out,
        });
    }

    #[inline(always)]
    fn run_blocks(&self, rows: &[i16], row_worths: &[f32], mut out: Columns) {
        let count = out.rows();
        let row_len = self.row_len();
        let width = self.kernel.width();
        let multiply = self.kernel.multiply();
        let panels = self.panels[self.start..].chunks_exact(row_len * width);
        let mut sums = [[0; WIDTH]; HEIGHT];
        for (panel, first) in panels.zip((0..self.columns).step_by(width)) {
            let mut row = 0;
            while row < count {
                // Blocks of nearly equal height: one of a few rows takes as long as a higher one.
                let left = count - row;
                let some = left.div_ceil(left.div_ceil(multiply.len()));
                let rows = &rows[row * row_len..][..some * row_len];
                // SAFETY: the kernel exists, so the processor has its instructions; there are as many
                // rows as this one multiplies, as long as the panel.
                unsafe { multiply[some - 1](rows, panel, &mut sums) };
                let out = &mut out.below(row);
                for (i, sums) in sums.iter().enumerate().take(some) {
                    let worth = row_worths[row + i];
                    let (sums, _) = sums[..width].as_chunks();
                    for (sums, first) in sums.iter().zip((first..self.columns).step_by(LANES)) {
                        self.finish(sums, worth, first, out.onto, out.row(i, self.columns));
                    }
                }
                row += some;
            }
        }
    }

    /// Turns the sums of a row, from the column `first` on, into results in `out [columns]`.
    #[inline(always)]
    fn finish(&self, sums: &[i32; LANES], worth: f32, first: usize, onto: bool, out: &mut [f32]) {
        let (worths, bias) = (&self.worths[first..][..LANES], &self.bias[first..][..LANES]);
        let mut results: [f32; LANES] =
            std::array::from_fn(|i| sums[i] as f32 * (worth * worths[i]) + bias[i]);
        let out = &mut out[first..];
        if let Some(out) = out.first_chunk_mut::<LANES>() {
            self.complete(&mut results, onto.then_some(&out[..]));
            *out = results;
        } else {
            self.complete(&mut results, onto.then_some(&*out));
            out.copy_from_slice(&results[..out.len()]);
        }
    }

    /// Adds what is to be added, then ReLU if it is asked for.
    #[inline(always)]
    fn complete(&self, results: &mut [f32; LANES], addend: Option<&[f32]>) {
        for (result, addend) in results.iter_mut().zip(addend.unwrap_or_default()) {
            *result += addend;
        }
        if self.relu {
            for result in results {
                *result = result.max(0.0);
            }
        }
    }
}

/// [`FixedProduct::round`] with the vector instructions of a processor, which only what is inlined
/// gets.
struct Round<'a> {
    from: &'a [f32],
    to: &'a mut [i16],
}

impl WithSimd for Round<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        round(self.from, ROW, self.to)
    }
}

/// [`FixedProduct::run`] likewise.
struct Run<'a> {
    product: &'a FixedProduct,
    rows: &'a [i16],
    worths: &'a [f32],
    out: Columns<'a>,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.product.run_blocks(self.rows, self.worths, self.out);
    }
}

/// Writes numbers as whole ones, scaled to a vector of this length but not above 2^15, and returns
/// what one is worth. `to` may be longer and is filled up with zeros.
#[inline(always)]
fn round(from: &[f32], length: f32, to: &mut [i16]) -> f32 {
    /// Added to a number between -2^22 and 2^22 it rounds it, ties to even, and leaves it in the
    /// lower bits.
    const ROUNDING: f32 = 12_582_912.0;
    const SUMS: usize = 32;
    let (chunks, rest) = from.as_chunks::<SUMS>();
    let mut squares = [0.0; SUMS];
    for chunk in chunks {
        for (sum, number) in squares.iter_mut().zip(chunk) {
            *sum += number * number;
        }
    }
    for (sum, number) in squares.iter_mut().zip(rest) {
        *sum += number * number;
    }
    let mut norm = squares.iter().sum::<f32>().sqrt();
    if length > f32::from(i16::MAX) {
        let largest = from
            .iter()
            .fold(0.0, |largest: f32, number| largest.max(number.abs()));
        norm = norm.max(largest * (length / f32::from(i16::MAX)));
    }
    // Of numbers whose squares f32 does not hold nothing is left.
    let scale = if norm > 1e-15 { length / norm } else { 0.0 };
    for (to, from) in to.iter_mut().zip(from) {
        *to = (from * scale + ROUNDING).to_bits() as i16;
    }
    to[from.len()..].fill(0);
    norm / length
}

/// [`Kernel::Portable`]: one row.
fn multiply(row: &[i16], panel: &[i16], sums: &mut Sums) {
    sums[0].fill(0);
    let columns = panel.as_chunks::<2>().0.chunks_exact(LANES);
    for (factors, columns) in row.as_chunks::<2>().0.iter().zip(columns) {
        for (sum, column) in sums[0].iter_mut().zip(columns) {
            for (factor, number) in factors.iter().zip(column) {
                *sum += i32::from(*factor) * i32::from(*number);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_storeu_si256, _mm512_dpwssd_epi32, _mm512_loadu_si512,
        _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };

    use super::{HEIGHT, LANES, Multiply, Sums, WIDTH};
    use crate::ops::vectors::prefetch;

    /// Six rows: their sums fit into 16 registers beside two factors of the panel and one of a row.
    pub(super) static AVX2: [Multiply; 6] = [
        avx2::<1>, avx2::<2>, avx2::<3>, avx2::<4>, avx2::<5>, avx2::<6>,
    ];

    /// As many as fit into 32 registers, and are as many for both kernels.
    pub(super) static VNNI: [Multiply; HEIGHT] = [
        vnni::<1>, vnni::<2>, vnni::<3>, vnni::<4>, vnni::<5>, vnni::<6>, vnni::<7>, vnni::<8>,
        vnni::<9>, vnni::<10>, vnni::<11>, vnni::<12>,
    ];

    /// # Safety
    /// The processor has AVX2; there are `ROWS` rows; `panel` has 16 columns as long as each.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "these loads and stores need none"
    )]
    #[target_feature(enable = "avx2")]
    unsafe fn avx2<const ROWS: usize>(rows: &[i16], panel: &[i16], sums: &mut Sums) {
        let row_len = rows.len() / ROWS;
        let mut registers = [[_mm256_setzero_si256(); 2]; ROWS];
        // The panel that comes next is fetched meanwhile, as in f32.
        let next = panel.as_ptr_range().end;
        for pair in 0..row_len / 2 {
            prefetch(next.wrapping_add(pair * 2 * LANES));
            // SAFETY: `pair` is below half a row's length, for which both slices have room.
            unsafe {
                let factors: *const __m256i = panel.as_ptr().add(pair * 2 * LANES).cast();
                let factors = [factors, factors.add(1)].map(|place| _mm256_loadu_si256(place));
                for (row, sums) in registers.iter_mut().enumerate() {
                    let value = rows.as_ptr().add(row * row_len + 2 * pair).cast::<i32>();
                    let value = _mm256_set1_epi32(value.read_unaligned());
                    for (sum, factors) in sums.iter_mut().zip(factors) {
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(value, factors));
                    }
                }
            }
        }
        for (sums, [left, right]) in sums.iter_mut().zip(registers) {
            let sums: *mut __m256i = sums.as_mut_ptr().cast();
            // SAFETY: there is room for 32 sums.
            unsafe {
                _mm256_storeu_si256(sums, left);
                _mm256_storeu_si256(sums.add(1), right);
            }
        }
    }

    /// # Safety
    /// The processor has AVX512-VNNI; there are `ROWS` rows; `panel` has 32 columns as long as each.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "these loads and stores need none"
    )]
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn vnni<const ROWS: usize>(rows: &[i16], panel: &[i16], sums: &mut Sums) {
        let row_len = rows.len() / ROWS;
        let mut registers = [[_mm512_setzero_si512(); 2]; ROWS];
        let next = panel.as_ptr_range().end;
        for pair in 0..row_len / 2 {
            for half in 0..2 {
                prefetch(next.wrapping_add((pair * 2 + half) * WIDTH));
            }
            // SAFETY: `pair` is below half a row's length, for which both slices have room.
            unsafe {
                let factors = panel.as_ptr().add(pair * 2 * WIDTH);
                let factors =
                    [factors, factors.add(WIDTH)].map(|place| _mm512_loadu_si512(place.cast()));
                for (row, sums) in registers.iter_mut().enumerate() {
                    let value = rows.as_ptr().add(row * row_len + 2 * pair).cast::<i32>();
                    let value = _mm512_set1_epi32(value.read_unaligned());
                    for (sum, factors) in sums.iter_mut().zip(factors) {
                        *sum = _mm512_dpwssd_epi32(*sum, value, factors);
                    }
                }
            }
        }
        for (sums, [left, right]) in sums.iter_mut().zip(registers) {
            let sums = sums.as_mut_ptr();
            // SAFETY: there is room for 32 sums.
            unsafe {
                _mm512_storeu_si512(sums.cast(), left);
                _mm512_storeu_si512(sums.add(LANES).cast(), right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::against_candle::random;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        random(&[len], seed).to_vec1().unwrap()
    }

    /// The product of rows, one after the other, onto `out [_, columns]`.
    fn run(product: &FixedProduct, rows: &[f32], out: &mut [f32], onto: bool) {
        let (whole, worths): (Vec<_>, Vec<_>) = rows
            .chunks_exact(product.depth())
            .map(|row| {
                let mut whole = vec![1; product.row_len()];
                let worth = product.round(row, &mut whole);
                (whole, worth)
            })
            .unzip();
        let columns = Columns {
            onto,
            ..Columns::all(out, product.columns())
        };
        product.run(&whole.concat(), &worths, columns);
    }

    proptest! {
        /// The sums are whole numbers, so nothing may differ.
        #[test]
        fn all_kernels_write_the_same(
            count in 1usize..40,
            depth in 1usize..300,
            columns in 1usize..70,
            relu: bool,
            onto: bool,
            seed: u64,
        ) {
            let rows = numbers(count * depth, seed);
            let matrix = numbers(depth * columns, seed ^ 1);
            let bias = numbers(columns, seed ^ 2);
            let written = |kernel| {
                let mut out = numbers(count * columns, seed ^ 3);
                run(&FixedProduct::new(kernel, &matrix, &bias, relu), &rows, &mut out, onto);
                out
            };
            let expected = written(Kernel::Portable);
            for kernel in Kernel::available() {
                prop_assert_eq!(&written(kernel), &expected, "{:?}", kernel);
            }
        }

        /// Where a row is a multiple of a column their sum is the largest that there can be.
        #[test]
        fn the_largest_sums_fit(
            depth in prop_oneof![1usize..100, 100..=DEPTH],
            seed: u64,
            even: bool,
            size in -12i32..12,
        ) {
            let scale = 10f32.powi(size);
            let numbers = if even { vec![1.0; depth] } else { numbers(depth, seed) };
            let row: Vec<f32> = numbers.iter().map(|number| number * scale).collect();
            let square: f32 = numbers.iter().map(|number| number * number).sum();
            prop_assume!(square > 1e-3);
            for kernel in Kernel::available() {
                let product = FixedProduct::new(kernel, &numbers, &[0.0], false);
                let mut out = [0.0];
                run(&product, &row, &mut out, false);
                // Half a step of each factor, all the same way.
                let expected = square * scale;
                let steps = (depth as f32).sqrt() / 2.0;
                let allowed = expected * (steps * (1.0 / ROW + 1.0 / 32_767.0) + 1e-3);
                prop_assert!((out[0] - expected).abs() < allowed, "{:?}: {} {}", kernel, out[0], expected);
            }
        }
    }

    #[test]
    fn zeros_and_single_numbers_are_exact() {
        for kernel in Kernel::available() {
            let matrix = [[0.0, 3.0], [0.0, 0.0], [0.0, -0.0]];
            let product = FixedProduct::new(kernel, matrix.as_flattened(), &[1.5, 0.0], false);
            let mut out = [7.0; 6];
            let rows = [[0.0; 3], [2.0, 0.0, 0.0], [0.0, 1e-30, 0.0]];
            run(&product, rows.as_flattened(), &mut out, false);
            let expected = [1.5, 0.0, 1.5, 6.0, 1.5, 0.0];
            for (found, expected) in out.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{kernel:?}: {out:?}");
            }
        }
    }
}
