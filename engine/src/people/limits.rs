//! How near is near enough: the calibrated distances below which groups are joined.

use jiff::civil::Date;

use super::days::Days;
use super::{Calibration, Metric};
use crate::Sureness;

/// The mean distances below which two groups are one person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) metric: &'a Metric,
    days: &'a Days,
    sureness: Sureness,
    /// Any two.
    same: f32,
    /// At most, two who were there on one day.
    same_of_a_day: f32,
    /// Even two that are on one photo.
    pub(super) twice_on_a_photo: f32,
}

impl<'a> Limits<'a> {
    /// Those for a library, as sure as the user wants it.
    pub(super) fn of(metric: &'a Metric, days: &'a Days, sureness: Sureness) -> Self {
        let calibration = Calibration::built_in();
        Self {
            metric,
            days,
            sureness,
            same: calibration.same_group(metric, sureness),
            same_of_a_day: calibration.same_group_at_most(metric, sureness),
            twice_on_a_photo: calibration.twice_on_a_photo(metric),
        }
    }

    /// Those for groups that nobody needs to look at, in the network's own distance.
    pub(super) fn sure(plain: &'a Metric, days: &'a Days) -> Self {
        let surely = Calibration::built_in().surely_same();
        Self {
            same: surely,
            same_of_a_day: surely,
            ..Self::of(plain, days, Sureness::Balanced)
        }
    }

    /// Whether two that were seen on these days, in order, are near enough.
    pub(super) fn hold(&self, distance: f32, a: &[Date], b: &[Date]) -> bool {
        if distance < self.same || distance >= self.same_of_a_day {
            return distance < self.same;
        }
        let among = self.days.among(a, b);
        among.is_some_and(|others| {
            let calibration = Calibration::built_in();
            distance < calibration.same_group_among(others, self.metric, self.sureness)
        })
    }

    /// How many strangers are expected to be as near to one that was seen on these days, in order.
    pub(super) fn strangers_within(&self, distance: f32, a: &[Date], b: &[Date]) -> f64 {
        let among = self.days.among(a, b);
        Calibration::built_in().strangers_within(distance, self.metric, among)
    }
}
