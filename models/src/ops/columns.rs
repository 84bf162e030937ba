//! Where an operation writes: some columns of the rows of a matrix, which are pixels of an image.
//!
//! Branches of a network write their results side by side into one image, and a residual branch adds
//! its result to the trunk where that lies, so nothing is copied afterwards.

use rayon::prelude::*;

/// Columns of a row-major matrix, from one on; the operation knows how many.
pub(crate) struct Columns<'a> {
    /// The rows, whole.
    pub(crate) numbers: &'a mut [f32],
    /// Numbers in a row.
    pub(crate) stride: usize,
    /// The first column that is written.
    pub(crate) first: usize,
    /// Whether the result is added to what stands there (before a ReLU) or takes its place.
    pub(crate) onto: bool,
}

impl<'a> Columns<'a> {
    /// All columns of `numbers [_, stride]`.
    pub(crate) fn all(numbers: &'a mut [f32], stride: usize) -> Self {
        Self {
            numbers,
            stride,
            first: 0,
            onto: false,
        }
    }

    /// The rows in parts of so many, the last one with what is left.
    pub(crate) fn parts(self, rows: usize) -> impl IndexedParallelIterator<Item = Columns<'a>> {
        let Self {
            numbers,
            stride,
            first,
            onto,
        } = self;
        let parts = numbers.par_chunks_mut(rows * stride);
        parts.map(move |numbers| Columns {
            numbers,
            stride,
            first,
            onto,
        })
    }

    pub(crate) fn rows(&self) -> usize {
        self.numbers.len() / self.stride
    }

    /// The same columns of the rows from one on.
    #[inline(always)]
    pub(crate) fn below(&mut self, row: usize) -> Columns<'_> {
        Columns {
            numbers: &mut self.numbers[row * self.stride..],
            ..*self
        }
    }

    /// The same columns of so many of the rows from one on.
    pub(crate) fn part(&mut self, row: usize, count: usize) -> Columns<'_> {
        Columns {
            numbers: &mut self.numbers[row * self.stride..][..count * self.stride],
            ..*self
        }
    }

    /// The first `count` of the columns in one row.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize, count: usize) -> &mut [f32] {
        &mut self.numbers[row * self.stride + self.first..][..count]
    }
}
