//! What a distance means: measured rates of error, in a file that `kith eval calibrate` writes and
//! the program reads. No threshold is chosen anywhere else.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Metric, MetricKind};

/// The share of pairs of strangers that `kith verify` takes for one person.
const VERIFY_RATE: f64 = 1e-3;
/// The share of pairs of strangers that are near enough to be surely one person, so that nobody
/// needs to look.
const SURE_RATE: f64 = 2e-5;
/// How many groups of a library may be joined to a stranger by chance, as a share: the rate for a
/// pair is this over the number of groups, as each has that many strangers to meet.
const CHANCE_PER_GROUP: f64 = 0.01;
/// The largest rate that groups are joined at, however few there are.
const LARGEST_RATE: f64 = 1e-3;

/// The measured rates of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model whose distances were measured; see [`crate::faces::MODEL`].
    pub model: String,
    /// The metric that `library` was measured in; see [`MetricKind::name`].
    pub metric: String,
    /// Faces measured.
    pub faces: u32,
    /// People they are of.
    pub people: u32,
    /// Pairs of faces of one person.
    pub genuine_pairs: u64,
    /// Pairs of faces of strangers.
    pub impostor_pairs: u64,
    /// The network's own distance.
    pub plain: Vec<Rate>,
    /// The distance that is corrected by what the library teaches.
    pub library: Vec<Rate>,
}

/// What is accepted below a distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Share of the pairs of strangers.
    pub false_accept: f64,
    /// The distance.
    pub distance: f32,
    /// Share of the pairs of one person.
    pub true_accept: f64,
}

static BUILT_IN: LazyLock<Calibration> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the text is part of the program, and a test reads it"
    )]
    serde_json::from_str(include_str!("calibration.json")).expect("rates as the command wrote them")
});

impl Calibration {
    /// That of the model that this program runs.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Below this plain distance two faces that are compared alone are taken for one person.
    #[must_use]
    pub fn same_person(&self) -> f32 {
        distance_at(&self.plain, VERIFY_RATE)
    }

    /// Below this plain distance two faces are surely one person.
    #[must_use]
    pub fn surely_same(&self) -> f32 {
        distance_at(&self.plain, SURE_RATE)
    }

    /// Below this mean distance two groups are joined.
    #[must_use]
    pub fn same_group(&self, metric: &Metric) -> f32 {
        let rate = CHANCE_PER_GROUP / metric.groups().max(1) as f64;
        let rates = match metric.kind() {
            MetricKind::Plain => &self.plain,
            MetricKind::Library => &self.library,
        };
        distance_at(rates, rate.min(LARGEST_RATE))
    }
}

/// The distance below which that share of strangers is accepted, between the measured rates by
/// their logarithms; that of the smallest measured rate for smaller ones, and so at the other end.
fn distance_at(rates: &[Rate], false_accept: f64) -> f32 {
    let above = rates
        .iter()
        .position(|rate| rate.false_accept >= false_accept);
    match above {
        None => rates.last().map_or(0.0, |rate| rate.distance),
        Some(0) => rates[0].distance,
        Some(at) => {
            let (low, high) = (&rates[at - 1], &rates[at]);
            let along = (false_accept / low.false_accept).ln()
                / (high.false_accept / low.false_accept).ln();
            low.distance + (high.distance - low.distance) * along as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_of_the_model_and_metric_that_run() {
        let built_in = Calibration::built_in();
        assert_eq!(built_in.model, *crate::faces::MODEL);
        assert_eq!(built_in.metric, MetricKind::Library.name());
        for rates in [&built_in.plain, &built_in.library] {
            assert!(rates.len() > 10);
            assert!(rates.is_sorted_by(|a, b| a.false_accept < b.false_accept
                && a.distance <= b.distance
                && a.true_accept <= b.true_accept));
        }
    }

    #[test]
    fn distances_lie_between_the_measured_ones() {
        let rate = |false_accept, distance| Rate {
            false_accept,
            distance,
            true_accept: 0.0,
        };
        let rates = [rate(1e-4, 0.8), rate(1e-2, 1.2)];
        assert!((distance_at(&rates, 1e-3) - 1.0).abs() < 1e-6);
        assert!((distance_at(&rates, 1e-9) - 0.8).abs() < 1e-6);
        assert!((distance_at(&rates, 0.5) - 1.2).abs() < 1e-6);
    }

    #[test]
    fn more_groups_need_closer_faces() {
        let built_in = Calibration::built_in();
        let of = |groups| {
            let codes: Vec<_> = (0..groups).map(code).collect();
            let group_of: Vec<_> = (0..groups).map(Some).collect();
            built_in.same_group(&Metric::learn(&codes, &group_of))
        };
        assert!(of(5) > of(100) && of(100) > of(1000));
    }

    fn code(number: usize) -> kith_models::Code {
        let mut bytes = [1; kith_models::EMBEDDING_LEN];
        bytes[number % 128] = 90;
        bytes[(number / 128 + number + 1) % 128] = 40;
        kith_models::Code::from_bytes(bytes)
    }
}
