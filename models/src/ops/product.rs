//! Rows of numbers times a matrix that is kept in the order in which the product reads it.
//!
//! The matrix is cut into panels as wide as two vector registers, the last one perhaps as wide as one. A
//! block of rows times a panel stays in registers while the depth is walked once, and leaves them with bias, addend and ReLU
//! done (Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication", without
//! the blocking over the depth, which no layer here is long enough to need). `pulp` picks the
//! widest vectors that the processor has when the program runs.

use pulp::{Arch, Simd, WithSimd};

use super::{
    columns::Columns,
    vectors::{load, prefetch, store},
};

/// Vector registers that one row of a panel fills; of the last panel perhaps half as many.
const PANEL_REGISTERS: usize = 2;

/// Numbers in a cache line.
const LINE: usize = 16;

/// `rows · matrix + bias`, then ReLU if it is asked for.
#[derive(Debug)]
pub(crate) struct Product {
    /// The vector instructions, for whose width the panels are made.
    arch: Arch,
    /// The panels one after the other, each `[depth, panel width]`, the last filled up with zeros to one
    /// register or two.
    panels: Vec<f32>,
    /// Where the first begins: at the start of a cache line, so that no load reaches into two.
    start: usize,
    /// Filled up with zeros as the panels are.
    bias: Vec<f32>,
    depth: usize,
    columns: usize,
    relu: bool,
}

impl Product {
    /// The most rows that are multiplied at once.
    pub(crate) const ROWS: usize = 14;

    /// `matrix` is row-major `[depth, columns]` with as many columns as there are biases.
    pub(crate) fn new(arch: Arch, matrix: &[f32], bias: &[f32], relu: bool) -> Self {
        let columns = bias.len();
        let depth = matrix.len() / columns;
        let lanes = arch.dispatch(Lanes);
        let padded_columns = columns.next_multiple_of(lanes);
        let mut panels = vec![0.0; depth * padded_columns + LINE];
        let start = panels.as_ptr().align_offset(LINE * size_of::<f32>());
        let mut rest = &mut panels[start..];
        for first in (0..columns).step_by(PANEL_REGISTERS * lanes) {
            let width = (padded_columns - first).min(PANEL_REGISTERS * lanes);
            let filled = width.min(columns - first);
            let (panel, after) = rest.split_at_mut(depth * width);
            for (to, from) in panel
                .chunks_exact_mut(width)
                .zip(matrix.chunks_exact(columns))
            {
                to[..filled].copy_from_slice(&from[first..first + filled]);
            }
            rest = after;
        }
        let mut bias = bias.to_vec();
        bias.resize(padded_columns, 0.0);
        Self {
            arch,
            panels,
            start,
            bias,
            depth,
            columns,
            relu,
        }
    }

    /// Numbers in a row that goes in.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Numbers in a row that comes out.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Writes the product of `rows [_, depth]` to some columns.
    pub(crate) fn run(&self, rows: &[f32], out: Columns) {
        self.arch.dispatch(Run {
            product: self,
            rows,
            out,
        });
    }
}

/// Numbers in a vector register of this processor.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

struct Run<'a> {
    product: &'a Product,
    rows: &'a [f32],
    out: Columns<'a>,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Run {
            product,
            rows,
            mut out,
        } = self;
        let Product { depth, columns, .. } = *product;
        let count = out.rows();
        // As many rows as leave registers for the panel and for one factor.
        let [most, most_of_one] = if S::REGISTER_COUNT >= 32 {
            [Product::ROWS, Product::ROWS]
        } else {
            [6, 12]
        };
        let mut panels = &product.panels[product.start..];
        for first in (0..columns).step_by(PANEL_REGISTERS * S::F32_LANES) {
            let is_full = columns - first > S::F32_LANES;
            let width = if is_full { PANEL_REGISTERS } else { 1 } * S::F32_LANES;
            let (panel, rest) = panels.split_at(depth * width);
            panels = rest;
            let mut row = 0;
            while row < count {
                let block = Block {
                    rows: &rows[row * depth..],
                    panel,
                    bias: &product.bias[first..][..width],
                    relu: product.relu,
                    columns,
                    first,
                };
                let out = &mut out.below(row);
                row += if is_full {
                    block.run_some::<S, PANEL_REGISTERS>(simd, count - row, most, out)
                } else {
                    block.run_some::<S, 1>(simd, count - row, most_of_one, out)
                };
            }
        }
    }
}

/// A few rows times one panel.
struct Block<'a> {
    rows: &'a [f32],
    panel: &'a [f32],
    bias: &'a [f32],
    relu: bool,
    /// Of the whole product.
    columns: usize,
    /// The panel's first column.
    first: usize,
}

impl Block<'_> {
    /// Computes some of the `left` rows, at most `most`, and returns their number.
    #[inline(always)]
    fn run_some<S: Simd, const REGISTERS: usize>(
        &self,
        simd: S,
        left: usize,
        most: usize,
        out: &mut Columns,
    ) -> usize {
        // Blocks of nearly equal height: one of a few rows takes as long as a higher one.
        match left.div_ceil(left.div_ceil(most)) {
            14 => self.run::<S, REGISTERS, 14>(simd, out),
            13 => self.run::<S, REGISTERS, 13>(simd, out),
            12 => self.run::<S, REGISTERS, 12>(simd, out),
            11 => self.run::<S, REGISTERS, 11>(simd, out),
            10 => self.run::<S, REGISTERS, 10>(simd, out),
            9 => self.run::<S, REGISTERS, 9>(simd, out),
            8 => self.run::<S, REGISTERS, 8>(simd, out),
            7 => self.run::<S, REGISTERS, 7>(simd, out),
            6 => self.run::<S, REGISTERS, 6>(simd, out),
            5 => self.run::<S, REGISTERS, 5>(simd, out),
            4 => self.run::<S, REGISTERS, 4>(simd, out),
            3 => self.run::<S, REGISTERS, 3>(simd, out),
            2 => self.run::<S, REGISTERS, 2>(simd, out),
            _ => self.run::<S, REGISTERS, 1>(simd, out),
        }
    }

    /// Computes the first `ROWS` rows and returns their number.
    #[inline(always)]
    fn run<S: Simd, const REGISTERS: usize, const ROWS: usize>(
        &self,
        simd: S,
        out: &mut Columns,
    ) -> usize {
        let (panel, _) = S::as_simd_f32s(self.panel);
        let (panel, _) = panel.as_chunks::<REGISTERS>();
        let (bias, _) = S::as_simd_f32s(self.bias);
        let depth = panel.len();
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &self.rows[row * depth..][..depth]);

        // The panel that comes next is fetched meanwhile: with few rows, memory is what one waits for.
        let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
        let next = self.panel.as_ptr_range().end;
        for (k, factors) in panel.iter().enumerate() {
            for register in 0..REGISTERS {
                prefetch(next.wrapping_add((k * REGISTERS + register) * S::F32_LANES));
            }
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = simd.splat_f32s(row[k]);
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum = simd.mul_add_e_f32s(value, *factor, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let onto = out.onto;
            let out = out.row(row, self.columns);
            for (register, (sum, bias)) in sums.into_iter().zip(bias).enumerate() {
                let first = self.first + register * S::F32_LANES;
                if first >= self.columns {
                    break;
                }
                let mut sum = simd.add_f32s(sum, *bias);
                if onto {
                    sum = simd.add_f32s(sum, load(simd, out, first));
                }
                if self.relu {
                    sum = simd.max_f32s(sum, simd.splat_f32s(0.0));
                }
                store(simd, out, first, sum);
            }
        }
        ROWS
    }
}
