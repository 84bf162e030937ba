//! [`Product`](super::product::Product) with both factors rounded to bf16, for processors that
//! multiply whole tiles of such numbers at a time (Intel AMX-BF16).
//!
//! Products of bf16 numbers and their sums are f32, so what is lost is the rounding of each factor
//! to eight bits, to the nearest, ties to even. The code is unsafe: what these instructions need is
//! checked when a [`Kernel`] is found and when a product is run.

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Bf16Product, Kernel};

#[cfg(not(target_arch = "x86_64"))]
pub(super) use elsewhere::{Bf16Product, Kernel};

/// Processors for which there is no such product yet.
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use crate::ops::columns::Columns;

    /// No value of this type exists.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in crate::ops) enum Kernel {}

    impl Kernel {
        pub(in crate::ops) fn here() -> Option<Self> {
            None
        }
    }

    #[derive(Debug)]
    pub(in crate::ops) struct Bf16Product(Kernel);

    impl Bf16Product {
        pub(in crate::ops) const ROWS: usize = 1;

        pub(in crate::ops) fn new(kernel: Kernel, _: &[f32], _: &[f32], _: bool) -> Self {
            Self(kernel)
        }

        pub(in crate::ops) fn depth(&self) -> usize {
            match self.0 {}
        }

        pub(in crate::ops) fn columns(&self) -> usize {
            match self.0 {}
        }

        pub(in crate::ops) fn row_len(&self) -> usize {
            match self.0 {}
        }

        pub(in crate::ops) fn padded_rows(_: usize) -> usize {
            0
        }

        pub(in crate::ops) fn round(&self, _: &[f32], _: &mut [u16]) {
            match self.0 {}
        }

        pub(in crate::ops) fn run(&self, _: &[u16], _: Columns) {
            match self.0 {}
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::{
        arch::{
            asm,
            x86_64::{
                __cpuid, __cpuid_count, __m256bh, __m256i, __m512, _mm256_mask_storeu_epi16,
                _mm512_add_ps, _mm512_cvtneps_pbh, _mm512_loadu_ps, _mm512_mask_storeu_ps,
                _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_setzero_ps,
            },
        },
        sync::OnceLock,
    };

    use crate::ops::columns::Columns;

    /// Columns of a panel: two vectors, or two tiles, of 16 sums.
    const PANEL: usize = 32;
    const LANES: usize = 16;
    /// Numbers in a cache line.
    const LINE: usize = 32;
    /// What a row's length is filled up to: the depth of a tile.
    const STEP: usize = 32;
    /// Rows that a pair of tiles holds.
    const TILE_ROWS: usize = 32;

    /// That this processor and system have the instructions.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in crate::ops) struct Kernel(());

    impl Kernel {
        pub(in crate::ops) fn here() -> Option<Self> {
            static HERE: OnceLock<bool> = OnceLock::new();
            HERE.get_or_init(|| {
                // It rounds and finishes with AVX-512.
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bf16")
                    && amx_is_granted()
            })
            .then_some(Self(()))
        }
    }

    /// Whether the processor has AMX-BF16 and the system lets this process use its registers.
    fn amx_is_granted() -> bool {
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        __cpuid(0).eax >= 7
            && __cpuid_count(7, 0).edx & (AMX_BF16 | AMX_TILE) == AMX_BF16 | AMX_TILE
            && ask_for_tiles()
    }

    /// Linux gives a process the 8 KB of tile registers when it asks for them (its documentation,
    /// `arch/x86/xstate.rst`).
    #[cfg(target_os = "linux")]
    fn ask_for_tiles() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_ulong = 18;
        // SAFETY: the call takes two numbers and touches no memory of this process.
        let status = unsafe {
            libc::syscall(
                libc::SYS_arch_prctl,
                ARCH_REQ_XCOMP_PERM,
                XFEATURE_XTILEDATA,
            )
        };
        status == 0
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_for_tiles() -> bool {
        false
    }

    /// `rows · matrix + bias`, then ReLU if it is asked for, factors rounded to bf16.
    #[derive(Debug)]
    pub(in crate::ops) struct Bf16Product {
        /// The panels one after the other, each `[row_len / 2, PANEL, 2]`: the two numbers of a
        /// column that are multiplied at once lie side by side. Filled up with zeros.
        panels: Vec<u16>,
        /// Where the first begins: at the start of a cache line, so that no load reaches into two.
        start: usize,
        /// Filled up with zeros to full panels.
        bias: Vec<f32>,
        depth: usize,
        columns: usize,
        relu: bool,
    }

    impl Bf16Product {
        /// The most rows that are multiplied at once.
        pub(in crate::ops) const ROWS: usize = TILE_ROWS;

        /// `matrix` is row-major `[depth, columns]` with as many columns as there are biases.
        pub(in crate::ops) fn new(_: Kernel, matrix: &[f32], bias: &[f32], relu: bool) -> Self {
            let columns = bias.len();
            let depth = matrix.len() / columns;
            let padded_columns = columns.next_multiple_of(PANEL);
            let row_len = depth.next_multiple_of(STEP);
            let mut rounded = vec![0; matrix.len()];
            // SAFETY: a kernel exists, so the processor has these instructions.
            unsafe { round(matrix, &mut rounded) };
            let mut panels = vec![0; row_len * padded_columns + LINE];
            let start = panels.as_ptr().align_offset(LINE * size_of::<u16>());
            for (k, row) in rounded.chunks_exact(columns).enumerate() {
                for (column, value) in row.iter().enumerate() {
                    let panel = column / PANEL * row_len * PANEL;
                    panels[start + panel + (k / 2 * PANEL + column % PANEL) * 2 + k % 2] = *value;
                }
            }
            let mut bias = bias.to_vec();
            bias.resize(padded_columns, 0.0);
            Self {
                panels,
                start,
                bias,
                depth,
                columns,
                relu,
            }
        }

        /// Numbers in a row that goes in.
        pub(in crate::ops) fn depth(&self) -> usize {
            self.depth
        }

        /// Numbers in a row that comes out.
        pub(in crate::ops) fn columns(&self) -> usize {
            self.columns
        }

        /// The length of a row as [`run`](Self::run) takes it: [`depth`](Self::depth) and zeros.
        pub(in crate::ops) fn row_len(&self) -> usize {
            self.depth.next_multiple_of(STEP)
        }

        /// The rows that there must be room for, of which `count` are multiplied.
        pub(in crate::ops) fn padded_rows(count: usize) -> usize {
            count.next_multiple_of(TILE_ROWS)
        }

        /// Writes numbers as bf16.
        #[allow(
            clippy::unused_self,
            reason = "that there is a product says that the processor can"
        )]
        pub(in crate::ops) fn round(&self, from: &[f32], to: &mut [u16]) {
            assert_eq!(from.len(), to.len());
            // SAFETY: a kernel exists, so the processor has these instructions.
            unsafe { round(from, to) }
        }

        /// Writes the product of the first of `rows [padded_rows(count), row_len]` to as many rows of
        /// `out` as there are.
        pub(in crate::ops) fn run(&self, rows: &[u16], mut out: Columns) {
            assert!(rows.len() >= Self::padded_rows(out.rows()) * self.row_len());
            // SAFETY: a kernel exists, so the processor has the instructions, and the system has
            // granted the tiles; the lengths were checked above.
            unsafe { self.run_tiles(rows, &mut out) }
        }

        /// The panels with their biases and first columns.
        fn panels(&self) -> impl Iterator<Item = (&[u16], &[f32], usize)> {
            self.panels[self.start..]
                .chunks_exact(self.row_len() * PANEL)
                .zip(self.bias.chunks_exact(PANEL))
                .zip((0..).step_by(PANEL))
                .map(|((panel, bias), first)| (panel, bias, first))
        }

        /// # Safety
        /// The processor has AVX-512 and AMX-BF16 and the system has granted the tiles; `rows`
        /// holds `padded_rows` rows of `row_len`.
        #[target_feature(enable = "avx512f")]
        unsafe fn run_tiles(&self, rows: &[u16], out: &mut Columns) {
            let count = out.rows();
            let row_len = self.row_len();
            let mut sums = [0.0; TILE_ROWS * PANEL];
            // SAFETY: the tiles are granted. They belong to no code but this, and are given back
            // below.
            unsafe { configure_tiles() };
            for (panel, bias, first) in self.panels() {
                for row in (0..count).step_by(TILE_ROWS) {
                    let rows = &rows[row * row_len..];
                    let some = TILE_ROWS.min(count - row);
                    // SAFETY: `rows` has 32 rows from here on, `panel` `row_len` times 32 numbers,
                    // `sums` 32 x 32.
                    unsafe {
                        multiply_tiles(rows, row_len, panel, &mut sums, some > TILE_ROWS / 2);
                    }
                    for (i, sums) in sums.chunks_exact(PANEL).take(some).enumerate() {
                        for half in 0..2 {
                            let sums = load(&sums[half * LANES..]);
                            self.finish(sums, bias, half, first, row + i, out);
                        }
                    }
                }
            }
            // SAFETY: no tile is used after this.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }

        /// Adds bias and what is to be added to the sums of 16 columns of one row, and writes those
        /// that exist.
        #[allow(
            clippy::too_many_arguments,
            reason = "it is called for single vectors and wholly inlined"
        )]
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn finish(
            &self,
            sums: __m512,
            bias: &[f32],
            half: usize,
            first: usize,
            row: usize,
            out: &mut Columns,
        ) {
            let column = first + half * LANES;
            let Some(left) = self.columns.checked_sub(column).filter(|left| *left > 0) else {
                return;
            };
            let some = left.min(LANES);
            let mask = u16::MAX >> (LANES - some);
            let onto = out.onto;
            let out = &mut out.row(row, self.columns)[column..column + some];
            let mut sums = _mm512_add_ps(sums, load(&bias[half * LANES..]));
            if onto {
                // SAFETY: the mask has as many bits as `out` has numbers.
                let addend = unsafe { _mm512_maskz_loadu_ps(mask, out.as_ptr()) };
                sums = _mm512_add_ps(sums, addend);
            }
            if self.relu {
                sums = _mm512_max_ps(sums, _mm512_setzero_ps());
            }
            // SAFETY: the mask has as many bits as `out` has numbers.
            unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, sums) };
        }
    }

    /// The first 16 numbers of a slice that has as many.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(slice: &[f32]) -> __m512 {
        let slice = &slice[..LANES];
        // SAFETY: there are 16 numbers.
        unsafe { _mm512_loadu_ps(slice.as_ptr()) }
    }

    /// # Safety
    /// The processor has these features; `to` is as long as `from`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn round(from: &[f32], to: &mut [u16]) {
        for (from, to) in from.chunks(LANES).zip(to.chunks_mut(LANES)) {
            let mask = u16::MAX >> (LANES - from.len());
            // SAFETY: the mask has as many bits as both slices have numbers.
            unsafe {
                let values = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from.as_ptr()));
                _mm256_mask_storeu_epi16(
                    to.as_mut_ptr().cast(),
                    mask,
                    std::mem::transmute::<__m256bh, __m256i>(values),
                );
            }
        }
    }

    /// Eight tiles of 16 rows of 64 bytes, in the layout that `LDTILECFG` reads.
    #[repr(C, align(64))]
    struct TileConfiguration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        bytes_a_row: [u16; 16],
        rows: [u8; 16],
    }

    /// # Safety
    /// The processor has AMX and the system has granted the tiles.
    unsafe fn configure_tiles() {
        static EIGHT: TileConfiguration = {
            let mut configuration = TileConfiguration {
                palette: 1,
                start_row: 0,
                reserved: [0; 14],
                bytes_a_row: [0; 16],
                rows: [0; 16],
            };
            let mut tile = 0;
            while tile < 8 {
                configuration.bytes_a_row[tile] = 64;
                configuration.rows[tile] = 16;
                tile += 1;
            }
            configuration
        };
        // SAFETY: the instruction reads 64 bytes there.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const EIGHT, options(nostack, readonly)) };
    }

    /// 32 rows times a panel: sums 0 to 3 are those of the upper and the lower 16 rows with the
    /// left and the right 16 columns. Without `lower`, only the upper ones are made.
    ///
    /// # Safety
    /// The tiles are configured; `rows` has 32 rows of `row_len` numbers, `panel` has `row_len / 2`
    /// times 64.
    unsafe fn multiply_tiles(
        rows: &[u16],
        row_len: usize,
        panel: &[u16],
        sums: &mut [f32; TILE_ROWS * PANEL],
        lower: bool,
    ) {
        let upper_rows = rows.as_ptr();
        let steps = row_len / STEP;
        let row_bytes = row_len * size_of::<u16>();
        // SAFETY: tile loads reach 16 rows down from their first, and the pointers move on by the
        // 64 bytes or 32 pairs of rows of one step; all of it is inside the slices.
        unsafe {
            if lower {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{upper} + {row_bytes}]",
                    "tileloadd tmm6, [{panel} + {pair_bytes}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{panel} + {pair_bytes} + 64]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{lower} + {row_bytes}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {upper}, 64",
                    "add {lower}, 64",
                    "add {panel}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {pair_bytes}], tmm0",
                    "tilestored [{sums} + {pair_bytes} + 64], tmm1",
                    "tilestored [{sums} + {pair_bytes} + 2048], tmm2",
                    "tilestored [{sums} + {pair_bytes} + 2112], tmm3",
                    upper = inout(reg) upper_rows => _,
                    lower = inout(reg) upper_rows.add(row_len * TILE_ROWS / 2) => _,
                    panel = inout(reg) panel.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    sums = in(reg) sums.as_mut_ptr(),
                    row_bytes = in(reg) row_bytes,
                    // Of a pair of rows of a panel, and of a row of sums.
                    pair_bytes = in(reg) 2 * PANEL * size_of::<u16>(),
                    options(nostack),
                );
            } else {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "2:",
                    "tileloadd tmm4, [{upper} + {row_bytes}]",
                    "tileloadd tmm6, [{panel} + {pair_bytes}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{panel} + {pair_bytes} + 64]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {upper}, 64",
                    "add {panel}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {pair_bytes}], tmm0",
                    "tilestored [{sums} + {pair_bytes} + 64], tmm1",
                    upper = inout(reg) upper_rows => _,
                    panel = inout(reg) panel.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    sums = in(reg) sums.as_mut_ptr(),
                    row_bytes = in(reg) row_bytes,
                    pair_bytes = in(reg) 2 * PANEL * size_of::<u16>(),
                    options(nostack),
                );
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
            if Kernel::here().is_none() {
                return;
            }
            let from: Vec<f32> = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -2.7, 0.0]
                .into_iter()
                .cycle()
                .take(37)
                .collect();
            let mut to = vec![0; from.len()];
            // SAFETY: there is a kernel.
            unsafe { round(&from, &mut to) };
            let nearest = |value: f32| {
                let bits = value.to_bits();
                ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
            };
            let expected: Vec<u16> = from.iter().map(|value| nearest(*value)).collect();
            assert_eq!(to, expected);
        }
    }
}
