//! Rows of numbers times a matrix that is kept in the order in which the product reads it.
//!
//! The matrix is cut into panels as wide as two vector registers. A block of rows times a panel
//! stays in registers while the depth is walked once, and leaves them with bias, addend and ReLU
//! done (Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication", without
//! the blocking over the depth, which no layer here is long enough to need). `pulp` picks the
//! widest vectors that the processor has when the program runs.

use pulp::{Arch, Simd, WithSimd};

use super::{
    columns::Columns,
    vectors::{load, prefetch, store},
};

/// Vector registers that one row of a panel fills.
const PANEL_REGISTERS: usize = 2;

/// Numbers in a cache line.
const LINE: usize = 16;

/// `rows · matrix + bias`, then ReLU if it is asked for.
#[derive(Debug)]
pub(crate) struct Product {
    /// The vector instructions, for whose width the panels are made.
    arch: Arch,
    /// The panels one after the other, each `[depth, panel width]`, the last filled up with zeros.
    panels: Vec<f32>,
    /// Where the first begins: at the start of a cache line, so that no load reaches into two.
    start: usize,
    /// Filled up with zeros to full panels.
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
        let width = arch.dispatch(PanelWidth);
        let padded_columns = columns.next_multiple_of(width);
        let mut panels = vec![0.0; depth * padded_columns + LINE];
        let start = panels.as_ptr().align_offset(LINE * size_of::<f32>());
        for (first, panel) in (0..columns)
            .step_by(width)
            .zip(panels[start..].chunks_exact_mut(depth * width))
        {
            let filled = width.min(columns - first);
            for (to, from) in panel
                .chunks_exact_mut(width)
                .zip(matrix.chunks_exact(columns))
            {
                to[..filled].copy_from_slice(&from[first..first + filled]);
            }
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

/// The width of a panel on this processor.
struct PanelWidth;

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        PANEL_REGISTERS * S::F32_LANES
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
        let most = if S::REGISTER_COUNT >= 32 {
            Product::ROWS
        } else {
            6
        };
        let width = PANEL_REGISTERS * S::F32_LANES;
        let panels = product.panels[product.start..].chunks_exact(depth * width);
        for ((panel, bias), first) in panels
            .zip(product.bias.chunks_exact(width))
            .zip((0..columns).step_by(width))
        {
            let mut row = 0;
            while row < count {
                let block = Block {
                    rows: &rows[row * depth..],
                    panel,
                    bias,
                    relu: product.relu,
                    columns,
                    first,
                };
                let out = &mut out.below(row);
                // Blocks of nearly equal height: one of a few rows takes as long as a higher one.
                let left = count - row;
                row += match left.div_ceil(left.div_ceil(most)) {
                    14 => block.run::<S, 14>(simd, out),
                    13 => block.run::<S, 13>(simd, out),
                    12 => block.run::<S, 12>(simd, out),
                    11 => block.run::<S, 11>(simd, out),
                    10 => block.run::<S, 10>(simd, out),
                    9 => block.run::<S, 9>(simd, out),
                    8 => block.run::<S, 8>(simd, out),
                    7 => block.run::<S, 7>(simd, out),
                    6 => block.run::<S, 6>(simd, out),
                    5 => block.run::<S, 5>(simd, out),
                    4 => block.run::<S, 4>(simd, out),
                    3 => block.run::<S, 3>(simd, out),
                    2 => block.run::<S, 2>(simd, out),
                    _ => block.run::<S, 1>(simd, out),
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
    /// Computes the first `ROWS` rows and returns their number.
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(&self, simd: S, out: &mut Columns) -> usize {
        let (panel, _) = S::as_simd_f32s(self.panel);
        let (panel, _) = panel.as_chunks::<PANEL_REGISTERS>();
        let (bias, _) = S::as_simd_f32s(self.bias);
        let depth = panel.len();
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &self.rows[row * depth..][..depth]);

        // The panel that comes next is fetched meanwhile: with few rows, memory is what one waits for.
        let mut sums = [[simd.splat_f32s(0.0); PANEL_REGISTERS]; ROWS];
        let next = self.panel.as_ptr_range().end;
        for (k, factors) in panel.iter().enumerate() {
            for register in 0..PANEL_REGISTERS {
                prefetch(next.wrapping_add((k * PANEL_REGISTERS + register) * S::F32_LANES));
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
