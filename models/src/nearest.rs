//! The nearest of many embeddings, by comparing all of them.
//!
//! A matrix product of 128 numbers a pair is so quick that for the faces of any home it is done sooner
//! than a graph for searching them is built, and it misses none.

use pulp::Arch;
use rayon::prelude::*;

use crate::{
    EMBEDDING_LEN, Embedding, distance,
    ops::{Columns, Product, scratch},
};

/// Points whose products with a query are made at once: 1 MB of them stays in the cache.
const BLOCK: usize = 2048;
/// Queries that a thread takes through all blocks together.
const QUERIES: usize = 8 * Product::ROWS;
/// Candidates kept beyond those asked for: sums of products are rounded otherwise than distances.
const SPARE: usize = 8;

/// For each query the `count` nearest of the points, as `(its place among the points, squared
/// distance)`; the nearest first, of equally near ones that with the lower place. All are of unit length.
#[must_use]
pub fn nearest(queries: &[Embedding], points: &[Embedding], count: usize) -> Vec<Vec<(u32, f32)>> {
    let blocks: Vec<Product> = points
        .par_chunks(BLOCK)
        .map(|points| {
            let mut matrix = vec![0.0; EMBEDDING_LEN * points.len()];
            for (column, point) in points.iter().enumerate() {
                for (row, value) in matrix.chunks_exact_mut(points.len()).zip(point) {
                    row[column] = *value;
                }
            }
            Product::new(Arch::new(), &matrix, &vec![0.0; points.len()], false)
        })
        .collect();
    queries
        .par_chunks(QUERIES)
        .flat_map_iter(|queries| {
            let mut candidates: Vec<Candidates> = queries
                .iter()
                .map(|_| Candidates::new(count + SPARE))
                .collect();
            for (first, block) in (0..).step_by(BLOCK).zip(&blocks) {
                scratch(queries.len() * block.columns(), |likeness| {
                    let all = Columns::all(likeness, block.columns());
                    block.run(queries.as_flattened(), all);
                    let rows = likeness.chunks_exact(block.columns());
                    for (candidates, likeness) in candidates.iter_mut().zip(rows) {
                        candidates.add(first, likeness);
                    }
                });
            }
            let found = queries.iter().zip(candidates);
            found
                .map(|(query, candidates)| candidates.nearest(query, points, count))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The likest points of one query so far, and some that may be among them.
struct Candidates {
    kept: usize,
    /// Likeness and point; the likest `kept` are always among them.
    some: Vec<(f32, u32)>,
    /// What a point needs to be among the likest.
    least: f32,
}

impl Candidates {
    fn new(kept: usize) -> Self {
        Self {
            kept,
            some: Vec::with_capacity(4 * kept),
            least: f32::NEG_INFINITY,
        }
    }

    /// Takes in the likeness of the points from `first` on.
    fn add(&mut self, first: u32, likeness: &[f32]) {
        for (point, likeness) in (first..).zip(likeness) {
            if *likeness > self.least {
                self.some.push((*likeness, point));
                if self.some.len() == 4 * self.kept {
                    self.select();
                }
            }
        }
    }

    /// Lets go of all but the likest.
    fn select(&mut self) {
        if self.some.len() > self.kept {
            let likest_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0);
            self.some
                .select_nth_unstable_by(self.kept - 1, likest_first);
            self.some.truncate(self.kept);
            self.least = self.some[self.kept - 1].0;
        }
    }

    fn nearest(mut self, query: &Embedding, points: &[Embedding], count: usize) -> Vec<(u32, f32)> {
        self.select();
        let mut nearest: Vec<(u32, f32)> = self
            .some
            .iter()
            .map(|(_, point)| (*point, distance(query, &points[*point as usize])))
            .collect();
        nearest.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        nearest.truncate(count);
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit;

    fn some(count: usize, seed: u64) -> Vec<Embedding> {
        let mut chance = fastrand::Rng::with_seed(seed);
        (0..count)
            .map(|_| unit(&std::array::from_fn(|_| chance.f32() - 0.5)))
            .collect()
    }

    #[test]
    fn they_are_those_that_a_plain_comparison_finds() {
        // More points than a block, more queries than a thread takes at once, and copies.
        let mut points = some(2 * BLOCK + 7, 1);
        points[2 * BLOCK] = points[3];
        let mut queries = some(QUERIES + 3, 2);
        queries[5] = points[3];
        let found = nearest(&queries, &points, 20);
        assert_eq!(found.len(), queries.len());
        for (query, found) in queries.iter().zip(found) {
            let mut all: Vec<(u32, f32)> = (0..)
                .zip(&points)
                .map(|(at, point)| (at, distance(query, point)))
                .collect();
            all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            assert_eq!(found, all[..20]);
        }
    }

    #[test]
    fn there_are_never_more_than_there_are_points() {
        let points = some(3, 1);
        assert_eq!(nearest(&points, &points, 5)[2].len(), 3);
        assert_eq!(nearest(&points, &[], 5), vec![Vec::new(); 3]);
        assert!(nearest(&[], &points, 5).is_empty());
    }
}
