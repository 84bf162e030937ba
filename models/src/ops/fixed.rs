//! [`Product`](super::product::Product) in whole numbers of 16 bits, of which a processor multiplies
//! twice as many at a time as of f32.
//!
//! Each row is scaled to a length, as a vector, of nearly 2^15, each column of the matrix to one of
//! nearly 2^16, and both are rounded. By Cauchy and Schwarz no sum of their products, whole or in
//! part, leaves 32 bits. So the sums are exact and the same on every processor, and what is lost is
//! the rounding: of each of 1,024 equal numbers, one part in 2,000 at most.

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
/// A panel has as many columns or twice as many.
const LANES: usize = 16;
/// Numbers in a cache line.
const LINE: usize = 32;

/// What multiplies some rows, one after the other, by a panel, and writes the results to as many columns.
/// The rows of `out` are [`Finish::stride`] apart.
type Multiply = unsafe fn(rows: &[i16], panel: &[i16], finish: &Finish, out: &mut [f32]);

/// What becomes of the sums of a few rows and the columns of a panel.
struct Finish<'a> {
    /// What one is worth in each row, and in each column of the panel that is written.
    rows: &'a [f32],
    columns: &'a [f32],
    /// Of each column.
    bias: &'a [f32],
    /// Whether results are added to what stands there, and whether a ReLU follows.
    onto: bool,
    relu: bool,
    /// From a row of results to the next.
    stride: usize,
}

impl Finish<'_> {
    /// Turns the sums of some rows into results. Few are finished so, and inlined it would take registers
    /// from what multiplies.
    #[inline(never)]
    fn rows(&self, sums: &[[i32; LANES]], out: &mut [f32]) {
        for (row, sums) in sums.iter().enumerate() {
            self.row(row, sums, out);
        }
    }

    /// Turns the sums of a row into results.
    #[inline(always)]
    fn row(&self, row: usize, sums: &[i32], out: &mut [f32]) {
        let worth = self.rows[row];
        let out = &mut out[row * self.stride..][..self.columns.len()];
        let columns = self.columns.iter().zip(self.bias);
        for ((out, sum), (column, bias)) in out.iter_mut().zip(sums).zip(columns) {
            let mut result = *sum as f32 * (worth * column) + bias;
            if self.onto {
                result += *out;
            }
            *out = if self.relu { result.max(0.0) } else { result };
        }
    }
}

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
    /// The panels one after the other, each `[row_len / 2, width, 2]`: the two numbers of a column
    /// that are multiplied at once lie side by side. Filled up with zeros.
    panels: Vec<i16>,
    /// Where the first begins: at the start of a cache line, so that no load reaches into two.
    start: usize,
    /// What one is worth in each column.
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
        let mut worths = vec![0.0; columns];
        for (column, worth) in worths.iter_mut().enumerate() {
            let numbers: Vec<f32> = matrix
                .iter()
                .skip(column)
                .step_by(columns)
                .copied()
                .collect();
            let mut whole = vec![0; row_len];
            *worth = scale_and_round(&numbers, COLUMN, &mut whole);
            let panel = &mut panels[start + column / width * row_len * width..];
            for (k, number) in whole.into_iter().enumerate() {
                panel[(k / 2 * width + column % width) * 2 + k % 2] = number;
            }
        }
        Self {
            kernel,
            panels,
            start,
            worths,
            bias: bias.to_vec(),
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

    /// Writes rows `[_, depth]` as [`run`](Self::run) takes them, `[_, row_len]`, and what one is worth
    /// in each.
    pub(super) fn round(&self, from: &[f32], to: &mut [i16], worths: &mut [f32]) {
        let rows = from.chunks_exact(self.depth);
        let rows = rows.zip(to.chunks_exact_mut(self.row_len())).zip(worths);
        match self.kernel {
            Kernel::Portable => {
                for ((from, to), worth) in rows {
                    *worth = scale_and_round(from, ROW, to);
                }
            }
            // SAFETY: whoever has this kernel has AVX2; the slices are as long as they are to be.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { x86::round_avx2(rows) },
            // SAFETY: as above, with AVX-512.
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => unsafe { x86::round_avx512(rows) },
        }
    }

    /// Writes the product of `rows [_, row_len]`, in which one is worth `worths [_]`, to some columns.
    pub(super) fn run(&self, rows: &[i16], worths: &[f32], out: Columns) {
        let count = out.rows();
        let Columns {
            numbers,
            stride,
            first: before,
            onto,
        } = out;
        let row_len = self.row_len();
        let width = self.kernel.width();
        let multiply = self.kernel.multiply();
        let panels = self.panels[self.start..].chunks_exact(row_len * width);
        for (panel, first) in panels.zip((0..self.columns).step_by(width)) {
            let filled = width.min(self.columns - first);
            let mut row = 0;
            while row < count {
                // Blocks of nearly equal height: one of a few rows takes as long as a higher one.
                let left = count - row;
                let some = left.div_ceil(left.div_ceil(multiply.len()));
                let rows = &rows[row * row_len..][..some * row_len];
                let finish = Finish {
                    rows: &worths[row..][..some],
                    columns: &self.worths[first..][..filled],
                    bias: &self.bias[first..][..filled],
                    onto,
                    relu: self.relu,
                    stride,
                };
                let out = &mut numbers[row * stride + before + first..];
                // SAFETY: the kernel exists, so the processor has its instructions; there are as many
                // rows as this one multiplies, as long as the panel.
                unsafe { multiply[some - 1](rows, panel, &finish, out) };
                row += some;
            }
        }
    }
}

/// Numbers whose squares are added up side by side.
const SIDE_BY_SIDE: usize = 8;

/// The length of a vector. The order of the sums is that of [`x86::round_avx2`].
fn length(numbers: &[f32]) -> f32 {
    let (chunks, rest) = numbers.as_chunks::<SIDE_BY_SIDE>();
    let mut last = [0.0; SIDE_BY_SIDE];
    last[..rest.len()].copy_from_slice(rest);
    let mut sums = [[0.0; SIDE_BY_SIDE]; 2];
    for (turn, chunk) in chunks.iter().chain([&last]).enumerate() {
        for (sum, number) in sums[turn % 2].iter_mut().zip(chunk) {
            *sum += number * number;
        }
    }
    let [mut sums, others] = sums;
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
    // Halves onto each other.
    for half in [4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
    }
    sums[0].sqrt()
}

/// By what a row of this length is multiplied. Of numbers whose squares f32 does not hold nothing is
/// left.
#[inline]
fn scale(length: f32, to: f32) -> f32 {
    if length > 1e-15 { to / length } else { 0.0 }
}

/// Writes numbers as whole ones, scaled to a vector of this length but not above 2^15, and returns
/// what one is worth. `to` may be longer and is filled up with zeros.
fn scale_and_round(from: &[f32], to_length: f32, to: &mut [i16]) -> f32 {
    let mut length = length(from);
    if to_length > f32::from(i16::MAX) {
        let largest = from
            .iter()
            .fold(0.0, |largest: f32, number| largest.max(number.abs()));
        length = length.max(largest * (to_length / f32::from(i16::MAX)));
    }
    let scale = scale(length, to_length);
    for (to, from) in to.iter_mut().zip(from) {
        *to = (from * scale).round_ties_even() as i16;
    }
    to[from.len()..].fill(0);
    length / to_length
}

/// [`Kernel::Portable`]: one row.
fn multiply(row: &[i16], panel: &[i16], finish: &Finish, out: &mut [f32]) {
    let mut sums = [0; LANES];
    let columns = panel.as_chunks::<2>().0.chunks_exact(LANES);
    for (factors, columns) in row.as_chunks::<2>().0.iter().zip(columns) {
        for (sum, column) in sums.iter_mut().zip(columns) {
            for (factor, number) in factors.iter().zip(column) {
                *sum += i32::from(*factor) * i32::from(*number);
            }
        }
    }
    finish.row(0, &sums, out);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps,
        _mm_packs_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_castps256_ps128,
        _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_extractf128_ps,
        _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_max_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_add_ps,
        _mm512_castps512_ps256, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_cvtsepi32_epi16,
        _mm512_dpwssd_epi32, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_mask_cvtsepi32_storeu_epi16, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
        _mm512_max_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
        _mm512_setzero_si512, _mm512_shuffle_f32x4,
    };

    use super::{Finish, HEIGHT, LANES, Multiply, ROW, SIDE_BY_SIDE, WIDTH, scale};
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

    /// As [`scale_and_round`](super::scale_and_round) to the length of a row, the same to the bit.
    ///
    /// # Safety
    /// The processor has AVX2; a row that is written is as long as what it is made of, or one longer
    /// where that is odd.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "these loads and stores need none"
    )]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn round_avx2<'a>(
        rows: impl Iterator<Item = ((&'a [f32], &'a mut [i16]), &'a mut f32)>,
    ) {
        for ((from, to), worth) in rows {
            let (chunks, rest) = from.as_chunks::<SIDE_BY_SIDE>();
            let mut last = [0.0; SIDE_BY_SIDE];
            if !rest.is_empty() {
                last[..rest.len()].copy_from_slice(rest);
            }
            // SAFETY: a chunk has eight numbers.
            let load = |chunk: &[f32; SIDE_BY_SIDE]| unsafe { _mm256_loadu_ps(chunk.as_ptr()) };
            let mut sums = [_mm256_setzero_ps(); 2];
            let (pairs, single) = chunks.as_chunks::<2>();
            for pair in pairs {
                for (sum, chunk) in sums.iter_mut().zip(pair) {
                    let numbers = load(chunk);
                    *sum = _mm256_add_ps(*sum, _mm256_mul_ps(numbers, numbers));
                }
            }
            for (sum, chunk) in sums.iter_mut().zip(single.iter().chain([&last])) {
                let numbers = load(chunk);
                *sum = _mm256_add_ps(*sum, _mm256_mul_ps(numbers, numbers));
            }
            let length = root_of_sum(_mm256_add_ps(sums[0], sums[1]));
            *worth = length / ROW;
            let scale = _mm256_set1_ps(scale(length, ROW));
            let rounded = |chunk| {
                let whole = _mm256_cvtps_epi32(_mm256_mul_ps(load(chunk), scale));
                _mm_packs_epi32(
                    _mm256_castsi256_si128(whole),
                    _mm256_extracti128_si256::<1>(whole),
                )
            };
            let (places, end) = to.split_at_mut(from.len() - rest.len());
            let places = places.as_chunks_mut::<SIDE_BY_SIDE>().0;
            for (chunk, place) in chunks.iter().zip(places) {
                // SAFETY: a place has room for eight numbers.
                unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), rounded(chunk)) };
            }
            if !end.is_empty() {
                let mut place = [0; SIDE_BY_SIDE];
                // SAFETY: as above.
                unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), rounded(&last)) };
                end.copy_from_slice(&place[..end.len()]);
            }
        }
    }

    /// As [`round_avx2`], sixteen numbers at a time: the sums of both chunks of a pair are one vector.
    ///
    /// # Safety
    /// The processor has AVX-512; a row that is written is as long as what it is made of, or one longer
    /// where that is odd.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "these loads and stores need none"
    )]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn round_avx512<'a>(
        rows: impl Iterator<Item = ((&'a [f32], &'a mut [i16]), &'a mut f32)>,
    ) {
        for ((from, to), worth) in rows {
            let (chunks, rest) = from.as_chunks::<LANES>();
            // SAFETY: a chunk has sixteen numbers.
            let load = |chunk: &[f32; LANES]| unsafe { _mm512_loadu_ps(chunk.as_ptr()) };
            // SAFETY: the mask lets through no more numbers than the rest has.
            let last = unsafe { _mm512_maskz_loadu_ps(first_lanes(rest.len()), rest.as_ptr()) };
            let mut sums = _mm512_setzero_ps();
            for chunk in chunks {
                let numbers = load(chunk);
                sums = _mm512_add_ps(sums, _mm512_mul_ps(numbers, numbers));
            }
            sums = _mm512_add_ps(sums, _mm512_mul_ps(last, last));
            let others = _mm512_shuffle_f32x4::<0b11_10>(sums, sums);
            let length = root_of_sum(_mm256_add_ps(
                _mm512_castps512_ps256(sums),
                _mm512_castps512_ps256(others),
            ));
            *worth = length / ROW;
            let scale = _mm512_set1_ps(scale(length, ROW));
            let (places, end) = to.split_at_mut(from.len() - rest.len());
            let places = places.as_chunks_mut::<LANES>().0;
            for (chunk, place) in chunks.iter().zip(places) {
                let whole = _mm512_cvtps_epi32(_mm512_mul_ps(load(chunk), scale));
                let whole = _mm512_cvtsepi32_epi16(whole);
                // SAFETY: a place has room for sixteen numbers.
                unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), whole) };
            }
            let whole = _mm512_cvtps_epi32(_mm512_mul_ps(last, scale));
            // SAFETY: the mask lets through no more than there is room for.
            unsafe {
                let mask = first_lanes(end.len());
                _mm512_mask_cvtsepi32_storeu_epi16(end.as_mut_ptr().cast(), mask, whole);
            };
        }
    }

    /// The square root of the sum of eight numbers, halves onto each other.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn root_of_sum(sums: __m256) -> f32 {
        let sums = _mm_add_ps(
            _mm256_castps256_ps128(sums),
            _mm256_extractf128_ps::<1>(sums),
        );
        let sums = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
        _mm_cvtss_f32(_mm_add_ss(sums, _mm_movehdup_ps(sums))).sqrt()
    }

    /// # Safety
    /// The processor has AVX2; there are `ROWS` rows; `panel` has 16 columns as long as each.
    #[allow(
        clippy::cast_ptr_alignment,
        reason = "these loads and stores need none"
    )]
    #[target_feature(enable = "avx2")]
    unsafe fn avx2<const ROWS: usize>(
        rows: &[i16],
        panel: &[i16],
        finish: &Finish,
        out: &mut [f32],
    ) {
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
        match finish.columns.len() {
            LANES => write::<ROWS, 2>(registers, finish, out),
            SIDE_BY_SIDE => write::<ROWS, 1>(registers, finish, out),
            _ => {
                let mut sums = [[0; LANES]; ROWS];
                for (sums, [left, right]) in sums.iter_mut().zip(registers) {
                    let sums = sums.as_mut_ptr();
                    // SAFETY: there is room for 16 sums.
                    unsafe {
                        _mm256_storeu_si256(sums.cast(), left);
                        _mm256_storeu_si256(sums.add(SIDE_BY_SIDE).cast(), right);
                    }
                }
                finish.rows(&sums, out);
            }
        }
    }

    /// As [`Finish::row`], the same to the bit, without a way through memory: of each row the first
    /// vectors, which are all columns that are written.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn write<const ROWS: usize, const VECTORS: usize>(
        registers: [[__m256i; 2]; ROWS],
        finish: &Finish,
        out: &mut [f32],
    ) {
        let (columns, bias) = (finish.columns.as_chunks().0, finish.bias.as_chunks().0);
        let (columns, bias) = (&columns[..VECTORS], &bias[..VECTORS]);
        // SAFETY: it has eight numbers.
        let load = |from: &[f32; SIDE_BY_SIDE]| unsafe { _mm256_loadu_ps(from.as_ptr()) };
        for (row, sums) in registers.into_iter().enumerate() {
            let worth = _mm256_set1_ps(finish.rows[row]);
            let out = &mut out[row * finish.stride..][..VECTORS * SIDE_BY_SIDE];
            for (vector, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                let worth = _mm256_mul_ps(worth, load(&columns[vector]));
                let result = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[vector]), worth);
                let mut result = _mm256_add_ps(result, load(&bias[vector]));
                if finish.onto {
                    result = _mm256_add_ps(result, load(out));
                }
                if finish.relu {
                    result = _mm256_max_ps(result, _mm256_setzero_ps());
                }
                // SAFETY: there is room for eight numbers.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr(), result) };
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
    unsafe fn vnni<const ROWS: usize>(
        rows: &[i16],
        panel: &[i16],
        finish: &Finish,
        out: &mut [f32],
    ) {
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
        // As Finish::row, the same to the bit, without a way through memory.
        let columns = finish.columns.len();
        let firsts = [0, LANES.min(columns)];
        let masks = firsts.map(|first| first_lanes(columns - first));
        // SAFETY: a mask lets through no more numbers than there are from its first on.
        let load = |from: &[f32], vector: usize| unsafe {
            let place = from.as_ptr().wrapping_add(firsts[vector]);
            _mm512_maskz_loadu_ps(masks[vector], place)
        };
        let worths = [0, 1].map(|vector| load(finish.columns, vector));
        let bias = [0, 1].map(|vector| load(finish.bias, vector));
        for (row, sums) in registers.into_iter().enumerate() {
            let worth = _mm512_set1_ps(finish.rows[row]);
            let out = &mut out[row * finish.stride..][..columns];
            for (vector, sums) in sums.into_iter().enumerate() {
                let worth = _mm512_mul_ps(worth, worths[vector]);
                let result = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), worth);
                let mut result = _mm512_add_ps(result, bias[vector]);
                if finish.onto {
                    result = _mm512_add_ps(result, load(out, vector));
                }
                if finish.relu {
                    result = _mm512_max_ps(result, _mm512_setzero_ps());
                }
                let place = out.as_mut_ptr().wrapping_add(firsts[vector]);
                // SAFETY: as for what is loaded.
                unsafe { _mm512_mask_storeu_ps(place, masks[vector], result) };
            }
        }
    }

    /// Lets through so many numbers of a vector, or all.
    #[inline]
    fn first_lanes(count: usize) -> u16 {
        let all = u32::from(u16::MAX);
        (all >> LANES.saturating_sub(count)) as u16
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
        let count = rows.len() / product.depth();
        let (mut whole, mut worths) = (vec![1; count * product.row_len()], vec![0.0; count]);
        product.round(rows, &mut whole, &mut worths);
        let columns = Columns {
            onto,
            ..Columns::all(out, product.columns())
        };
        product.run(&whole, &worths, columns);
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
