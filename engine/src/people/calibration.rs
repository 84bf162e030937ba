//! What a distance means: measured rates of error, in a file that `kith eval calibrate` writes and
//! the program reads. No threshold is chosen anywhere else.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Metric, MetricKind, Question};
use crate::Sureness;

/// The share of pairs of strangers that `kith verify` takes for one person.
const VERIFY_RATE: f64 = 1e-3;
/// The share of pairs of strangers that are near enough to be surely one person, so that nobody
/// needs to look.
const SURE_RATE: f64 = 2e-5;
/// How many pairs of strangers may be joined by chance in a whole library, whatever its size: the
/// rate is this over the number of pairs of groups. Five are looked through in a minute, in the
/// library of a family as in that of a photographer.
const CHANCE_JOINS: f64 = 5.0;
/// The largest rate that groups are joined at, however few there are: among forty strangers two or
/// three pairs.
const LARGEST_RATE: f64 = 3e-3;

/// The share of pairs of strangers that are as near as one face seen twice on a photo (a mirror, a
/// collage): the smallest that is measured.
const TWICE_RATE: f64 = 1e-6;
/// Nobody is asked whether two are one person when it is likelier than this that they are not.
const LEAST_CERTAINTY: f64 = 0.2;

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
    /// How often the answer to a question was yes: see [`Question::chance`].
    pub questions: Vec<Answers>,
}

/// How often the answer was yes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// How many groups of strangers are expected to be as near: see [`Question::chance`].
    pub chance: f64,
    /// Questions asked.
    pub asked: u32,
    /// The share of those that were one person.
    pub yes: f64,
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
    serde_json::from_str(Calibration::TEXT).expect("rates as the command wrote them")
});

impl Calibration {
    /// The one of the model that this program runs, as `kith eval calibrate` wrote it.
    pub(super) const TEXT: &str = include_str!("calibration.json");

    /// The same, read.
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
    pub fn same_group(&self, metric: &Metric, sureness: Sureness) -> f32 {
        self.same_group_among(metric.groups() as f64 - 1.0, metric, sureness)
    }

    /// The same of two that have so many groups to be told from, and not the whole library.
    #[must_use]
    pub fn same_group_among(&self, others: f64, metric: &Metric, sureness: Sureness) -> f32 {
        let pairs = metric.groups() as f64 * others.max(1.0) / 2.0;
        let rate = (CHANCE_JOINS / pairs).min(LARGEST_RATE);
        joined_below(self.rates(metric), rate, sureness)
    }

    /// The largest of these distances, however few there are to be told from.
    #[must_use]
    pub fn same_group_at_most(&self, metric: &Metric, sureness: Sureness) -> f32 {
        joined_below(self.rates(metric), LARGEST_RATE, sureness)
    }

    /// Below this mean distance two are one person even when both are on one photo.
    #[must_use]
    pub fn twice_on_a_photo(&self, metric: &Metric) -> f32 {
        distance_at(self.rates(metric), TWICE_RATE)
    }

    /// How many strangers are expected to be as near to a face: of so many groups, or of all that
    /// the library has.
    #[must_use]
    pub fn strangers_within(&self, distance: f32, metric: &Metric, among: Option<f64>) -> f64 {
        let all = metric.groups() as f64;
        rate_at(self.rates(metric), distance) * among.map_or(all, |among| among.min(all))
    }

    /// How sure it is that the answer to the question is yes, 0 to 1; none where it is too unlikely
    /// to be asked.
    #[must_use]
    pub fn certainty(&self, question: &Question) -> Option<f32> {
        let yes = |chance: f64| {
            let points = self.questions.iter().map(|of| (of.chance.ln(), of.yes));
            between(points, chance.max(f64::MIN_POSITIVE).ln())
        };
        let odds = |chance: f64| yes(chance) / (1.0 - yes(chance)).max(f64::EPSILON);
        // Of two people it is one, the other or neither: the odds of the three add up.
        let it = odds(question.chance);
        let certainty = it / (1.0 + it + question.rival.map_or(0.0, odds));
        (certainty >= LEAST_CERTAINTY).then_some(certainty as f32)
    }

    fn rates(&self, metric: &Metric) -> &[Rate] {
        match metric.kind() {
            MetricKind::Plain => &self.plain,
            MetricKind::Library => &self.library,
        }
    }
}

/// How many times as many pairs of strangers may be joined by chance.
fn times(sureness: Sureness) -> f64 {
    match sureness {
        Sureness::VeryCareful => 0.1,
        Sureness::Careful => 0.3,
        Sureness::Balanced => 1.0,
        Sureness::Generous => 3.0,
        Sureness::VeryGenerous => 10.0,
    }
}

/// The distance at that rate, or at one that is so many times as large or small. Careful steps go on
/// below the smallest measured rate, on the line through the two smallest: the rates of a large
/// library begin there.
fn joined_below(rates: &[Rate], rate: f64, sureness: Sureness) -> f32 {
    let (Some(smallest), Some(next)) = (rates.first(), rates.get(1)) else {
        return 0.0;
    };
    let rate = rate.max(smallest.false_accept) * times(sureness);
    if rate >= smallest.false_accept {
        return distance_at(rates, rate);
    }
    let slope = f64::from(next.distance - smallest.distance)
        / (next.false_accept / smallest.false_accept).ln();
    (f64::from(smallest.distance) + slope * (rate / smallest.false_accept).ln()) as f32
}

/// The distance below which that share of strangers is accepted, between the measured rates by
/// their logarithms; that of the smallest measured rate for smaller ones, and so at the other end.
fn distance_at(rates: &[Rate], false_accept: f64) -> f32 {
    let points = rates
        .iter()
        .map(|rate| (rate.false_accept.ln(), f64::from(rate.distance)));
    between(points, false_accept.ln()) as f32
}

/// The share of strangers that is accepted below that distance: the other way round.
fn rate_at(rates: &[Rate], distance: f32) -> f64 {
    let points = rates
        .iter()
        .map(|rate| (f64::from(rate.distance), rate.false_accept.ln()));
    between(points, f64::from(distance)).exp()
}

/// The value at `at` on the line through points of rising `x`; that of the last point beyond it,
/// and 0 where there are none.
fn between(points: impl Iterator<Item = (f64, f64)>, at: f64) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    for (x, y) in points {
        if x >= at {
            return before.map_or(y, |(x0, y0)| y0 + (y - y0) * (at - x0) / (x - x0));
        }
        before = Some((x, y));
    }
    before.map_or(0.0, |(_, y)| y)
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

    fn limit(groups: usize, sureness: Sureness) -> f32 {
        let codes: Vec<_> = (0..groups).map(code).collect();
        let group_of: Vec<_> = (0..groups).map(Some).collect();
        let metric = Metric::learn(&codes, &group_of, &vec![Vec::new(); groups]);
        Calibration::built_in().same_group(&metric, sureness)
    }

    #[test]
    fn more_groups_need_closer_faces() {
        let of = |groups| limit(groups, Sureness::Balanced);
        assert!(of(5) > of(100) && of(100) > of(1000));
    }

    #[test]
    fn each_step_towards_generous_joins_what_is_farther_apart() {
        // Also where the library is so large that its rate is below the smallest measured.
        for groups in [5, 100, 1000, 5000] {
            let limits = Sureness::ALL.map(|sureness| limit(groups, sureness));
            assert!(limits.is_sorted_by(|a, b| a < b), "{groups}: {limits:?}");
        }
    }

    fn code(number: usize) -> kith_models::Code {
        let mut bytes = [1; kith_models::EMBEDDING_LEN];
        bytes[number % 128] = 90;
        bytes[(number / 128 + number + 1) % 128] = 40;
        kith_models::Code::from_bytes(bytes)
    }
}
