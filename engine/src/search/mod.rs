//! A query becomes photos: `anna ben -carl summer 2019`.

mod query;

use std::collections::{BTreeMap, BTreeSet};

pub use query::{Dates, Query, Term};

use crate::{PersonId, PhotoId};

/// Whether a photo answers the query.
#[must_use]
pub fn matches(
    query: &Query,
    photo: PhotoId,
    date: &str,
    people_on: &BTreeMap<PhotoId, BTreeSet<PersonId>>,
) -> bool {
    let nobody = BTreeSet::new();
    let people = people_on.get(&photo).unwrap_or(&nobody);
    query.terms.iter().all(|term| match term {
        Term::With { people: wanted, .. } => wanted.iter().any(|person| people.contains(person)),
        Term::Without {
            people: unwanted, ..
        } => !unwanted.iter().any(|person| people.contains(person)),
        Term::During { dates, .. } => dates.contain(date),
    })
}
