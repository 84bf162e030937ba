//! What verification is judged by: accuracy over folds, and pairs accepted at a given rate of
//! errors.
//!
//! A pair is accepted as the same person when its distance is below a threshold. The *true
//! accept rate* (TAR, or validation rate in the FaceNet paper, section 4) is the share of pairs
//! of one person that are accepted; the *false accept rate* (FAR) the share of pairs of different
//! people that are.

/// The share of `distances` below `threshold`.
pub(super) fn share_below(distances: &[f32], threshold: f32) -> f64 {
    let below = distances
        .iter()
        .filter(|distance| **distance < threshold)
        .count();
    below as f64 / distances.len() as f64
}

/// The smallest of very many distances: enough of them to find the threshold at which a given
/// share of all is accepted, without keeping all.
pub(super) struct Smallest {
    keep: usize,
    total: u64,
    largest_kept: f32,
    kept: Vec<f32>,
}

impl Smallest {
    /// For thresholds that accept at most `largest_rate` of `total` distances.
    pub fn new(total: u64, largest_rate: f64) -> Self {
        let keep = accepted(total, largest_rate) as usize + 1;
        Self {
            keep,
            total,
            largest_kept: f32::INFINITY,
            kept: Vec::new(),
        }
    }

    pub fn push(&mut self, distance: f32) {
        if distance < self.largest_kept {
            self.kept.push(distance);
            if self.kept.len() >= 2 * self.keep {
                let (_, largest, _) = self
                    .kept
                    .select_nth_unstable_by(self.keep - 1, f32::total_cmp);
                self.largest_kept = *largest;
                self.kept.truncate(self.keep);
            }
        }
    }

    /// The largest threshold at which at most `rate` of all distances are below it: with
    /// `n = floor(rate × total)`, the `n + 1`-th smallest distance. No interpolation.
    pub fn threshold_at(&mut self, rate: f64) -> f32 {
        let place = accepted(self.total, rate) as usize;
        if place >= self.kept.len() {
            return f32::INFINITY;
        }
        *self.kept.select_nth_unstable_by(place, f32::total_cmp).1
    }
}

/// `floor(rate × total)`, safe against `0.001 × 3000` being a hair below 3.
fn accepted(total: u64, rate: f64) -> u64 {
    (rate * total as f64 + 1e-6).floor() as u64
}

/// A pair that was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoredPair {
    pub distance: f32,
    pub same: bool,
    pub fold: u32,
}

/// Accuracy as View 2 of LFW defines it: each fold is judged at the threshold that is best on all
/// the others (Huang et al. 2007, section 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Folded {
    /// Mean of the folds' accuracies.
    pub accuracy: f64,
    /// Standard deviation of the folds' accuracies, with `folds - 1` below the line.
    pub std: f64,
    /// `std / sqrt(folds)`: what LFW's tables and the FaceNet paper print behind the ±.
    pub standard_error: f64,
    /// Mean of the folds' thresholds.
    pub threshold: f64,
}

/// Needs two folds at least, and a pair in each.
pub(super) fn folded(pairs: &[ScoredPair], folds: u32) -> Folded {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let judged: Vec<(f64, f64)> = (0..folds)
        .map(|fold| {
            let (own, others): (Vec<_>, Vec<_>) = sorted.iter().partition(|p| p.fold == fold);
            let threshold = best_threshold(&others);
            let right = own
                .iter()
                .filter(|p| (p.distance < threshold) == p.same)
                .count();
            (right as f64 / own.len() as f64, f64::from(threshold))
        })
        .collect();
    let count = f64::from(folds);
    // Tenths do not add up exactly in floating point; an accuracy of 0.99 is to read so.
    let exact = |share: f64| (share * 1e12).round() / 1e12;
    let accuracy = exact(judged.iter().map(|fold| fold.0).sum::<f64>() / count);
    let threshold = judged.iter().map(|fold| fold.1).sum::<f64>() / count;
    let squares: f64 = judged.iter().map(|fold| (fold.0 - accuracy).powi(2)).sum();
    let std = (squares / (count - 1.0)).sqrt();
    Folded {
        accuracy,
        std,
        standard_error: std / count.sqrt(),
        threshold,
    }
}

/// The threshold that judges most of the pairs rightly. With few errors many do equally well, and
/// each end of their range hangs on a single pair: so the middle of the range is taken, between
/// the smallest and the largest of them. Pairs come with the smallest distance first.
fn best_threshold(sorted: &[ScoredPair]) -> f32 {
    let mut right = sorted.iter().filter(|pair| !pair.same).count();
    let mut most = right;
    // How many pairs the smallest and the largest of the best thresholds accept.
    let mut best = [0, 0];
    for accepted in 1..=sorted.len() {
        if sorted[accepted - 1].same {
            right += 1;
        } else {
            right -= 1;
        }
        let between_equals = sorted
            .get(accepted)
            .is_some_and(|next| next.distance == sorted[accepted - 1].distance);
        if between_equals || right < most {
            continue;
        }
        if right > most {
            best[0] = accepted;
        }
        most = right;
        best[1] = accepted;
    }
    let [smallest, largest] = best.map(|accepted| threshold_accepting(sorted, accepted));
    if smallest == largest {
        smallest
    } else {
        f32::midpoint(smallest, largest)
    }
}

/// The threshold that accepts the first so many pairs, halfway to the next.
fn threshold_accepting(sorted: &[ScoredPair], accepted: usize) -> f32 {
    let below = accepted.checked_sub(1).map(|last| sorted[last].distance);
    let above = sorted.get(accepted).map(|first| first.distance);
    match (below, above) {
        (Some(below), Some(above)) => {
            let middle = f32::midpoint(below, above);
            // Between two neighbouring floats there is none: the upper one accepts the lower.
            if middle > below { middle } else { above }
        }
        (None, Some(above)) => above,
        (Some(below), None) => below.next_up(),
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(distances: &[(f32, bool, u32)]) -> Vec<ScoredPair> {
        distances
            .iter()
            .map(|&(distance, same, fold)| ScoredPair {
                distance,
                same,
                fold,
            })
            .collect()
    }

    #[test]
    fn rates_of_a_case_worked_out_by_hand() {
        // 200 strangers at 1.00, 1.01, … 2.99; at FAR 1e-2 two may pass, so the threshold is the
        // third smallest; at 1e-3 none may, so it is the smallest.
        let mut strangers = Smallest::new(200, 1e-2);
        for i in (0..200).rev() {
            strangers.push(1.0 + i as f32 / 100.0);
        }
        assert_eq!(strangers.threshold_at(1e-2), 1.02);
        assert_eq!(strangers.threshold_at(1e-3), 1.0);
        let same = [0.5, 0.9, 1.0, 1.015, 1.02];
        assert_eq!(share_below(&same, 1.02), 0.8);
        assert_eq!(share_below(&same, 1.0), 0.4);
    }

    #[test]
    fn everything_may_pass_at_a_rate_of_one() {
        let mut few = Smallest::new(2, 1.0);
        few.push(1.0);
        few.push(3.9);
        assert_eq!(few.threshold_at(1.0), f32::INFINITY);
        assert_eq!(few.threshold_at(0.5), 3.9);
    }

    #[test]
    fn a_rate_that_floats_cannot_hold_is_not_rounded_down() {
        assert_eq!(accepted(3000, 1e-3), 3);
        assert_eq!(accepted(29_000, 1e-3), 29);
        assert_eq!(accepted(999, 1e-3), 0);
    }

    #[test]
    fn accuracy_of_a_case_worked_out_by_hand() {
        // Fold 0 is judged at the threshold of fold 1, halfway between 0.8 and 1.6: its stranger
        // at 1.1 is taken for the same person. Fold 1 is judged at 1.0, between 0.9 and 1.1, and
        // is all right.
        let pairs = pairs(&[
            (0.9, true, 0),
            (1.1, false, 0),
            (0.8, true, 1),
            (1.6, false, 1),
        ]);
        let folded = folded(&pairs, 2);
        assert_eq!(folded.accuracy, 0.75);
        // Deviations ±0.25 from the mean: sqrt((0.0625 + 0.0625) / 1).
        assert!((folded.std - 0.125_f64.sqrt()).abs() < 1e-12);
        assert!((folded.standard_error - 0.25).abs() < 1e-12);
        assert!((folded.threshold - 1.1).abs() < 1e-6);
    }

    #[test]
    fn equal_distances_are_accepted_together() {
        let pairs = pairs(&[
            (0.5, true, 0),
            (0.5, false, 0),
            (0.5, true, 0),
            (0.7, false, 0),
        ]);
        let threshold = best_threshold(&pairs);
        assert!(threshold > 0.5 && threshold <= 0.7, "{threshold}");
    }

    proptest! {
        /// Keeping few distances gives the threshold that keeping and sorting all would give.
        #[test]
        fn the_smallest_are_the_smallest(
            distances in prop::collection::vec(0.0_f32..4.0, 1..300), rate in 0.0..0.5_f64
        ) {
            let mut smallest = Smallest::new(distances.len() as u64, 0.5);
            for distance in &distances {
                smallest.push(*distance);
            }
            let threshold = smallest.threshold_at(rate);
            let mut sorted = distances.clone();
            sorted.sort_by(f32::total_cmp);
            let place = accepted(distances.len() as u64, rate) as usize;
            prop_assert_eq!(threshold, sorted[place]);
            prop_assert!(share_below(&distances, threshold) <= rate + 1e-6);
        }

        /// Between the smallest and the largest of the best among thresholds tried one by one.
        #[test]
        fn the_threshold_is_amid_the_best(
            drawn in prop::collection::vec((0_u8..20, any::<bool>()), 1..60)
        ) {
            let mut pairs: Vec<ScoredPair> = drawn
                .iter()
                .map(|&(tenths, same)| ScoredPair {
                    distance: f32::from(tenths) / 10.0, same, fold: 0,
                })
                .collect();
            pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            let right = |t: f32| pairs.iter().filter(|p| (p.distance < t) == p.same).count();
            // One between each two tenths, one below all and one above all.
            let tried: Vec<f32> = (0..=20).map(|tenths| tenths as f32 / 10.0 - 0.05).collect();
            let most = tried.iter().map(|t| right(*t)).max().unwrap();
            let best: Vec<f32> = tried.into_iter().filter(|t| right(*t) == most).collect();
            let chosen = best_threshold(&pairs);
            prop_assert!(right(chosen) <= most);
            let (first, last) = (best[0], best[best.len() - 1]);
            if first == last {
                prop_assert_eq!(right(chosen), most);
            }
            // Distances have gaps, so equally good tries may lie up to a gap further out.
            let gap = |t: f32| pairs.iter().all(|p| (p.distance < t) == (p.distance < chosen));
            prop_assert!((first..=last).contains(&chosen) || gap(first) || gap(last));
        }
    }
}
