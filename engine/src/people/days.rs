//! Dates as evidence: whoever looks alike and was there on the same day is one of the few who were.
//!
//! Among all people of a library some stranger looks like anybody; among those seen on one day
//! hardly one does. So how many there are to be mistaken for is counted by the days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::GroupFace;

/// How many there were on each day, by the groups that the faces surely form.
#[derive(Debug, Default)]
pub(super) struct Days {
    groups_on: BTreeMap<Date, u32>,
}

impl Days {
    /// `group_of` gives each face's group, none for faces that are in no group.
    pub(super) fn of(faces: &[GroupFace], group_of: &[Option<usize>]) -> Self {
        let seen: BTreeSet<(Date, usize)> = faces
            .iter()
            .zip(group_of)
            .filter_map(|(face, group)| Some((face.day?, (*group)?)))
            .collect();
        let mut groups_on: BTreeMap<Date, u32> = BTreeMap::new();
        for (day, _) in seen {
            *groups_on.entry(day).or_default() += 1;
        }
        Self { groups_on }
    }

    /// How many groups two have to be told from who were there on one day: those that were seen on
    /// the days of the one with fewer. None where no day is known that both were there. The days
    /// are in order.
    pub(super) fn among(&self, a: &[Date], b: &[Date]) -> Option<f64> {
        let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
        let shared = few.iter().any(|day| many.binary_search(day).is_ok());
        let seen = |days: &[Date]| -> u32 {
            let on = days.iter().filter_map(|day| self.groups_on.get(day));
            on.sum()
        };
        shared.then(|| f64::from(seen(a).min(seen(b))))
    }
}
