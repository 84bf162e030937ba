//! How sure Kith must be before it puts faces together: what each step would change, shown by faces of
//! the library itself.

use std::collections::BTreeMap;

use kith_models::distance;

use super::Library;
use super::rows::{Rows, best_first};
use crate::catalog::faces::StoredFace;
use crate::catalog::learned;
use crate::catalog::placements::Placement;
use crate::faces::MODEL;
use crate::people::{Decided, group_faces};
use crate::{FaceId, FaceState, PersonId, Result, Sureness, SurenessPreview};

/// Examples of what would be put together or come apart.
const EXAMPLES: usize = 6;
/// Of two groups the two faces that look most alike are shown, of so many of the best of each.
const LOOKED_AT: usize = 8;

/// Where a face is: with a person, or with nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Home {
    With(PersonId),
    Alone(FaceId),
}

impl Library {
    /// How sure Kith must be before it puts faces together.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`].
    pub fn sureness(&self) -> Result<Sureness> {
        Ok(self.rows()?.decided.sureness)
    }

    /// What the groups would be if Kith were so sure, beside what they are. Changes nothing; see
    /// [`Action::Sureness`](crate::Action::Sureness).
    ///
    /// # Errors
    /// [`crate::Error::Catalog`], [`crate::Error::Index`].
    pub fn try_sureness(&self, sureness: Sureness) -> Result<SurenessPreview> {
        let mut groups = self.groups();
        let rows = self.rows()?;
        let head = learned::in_use(self.catalog().connection(), &MODEL)?;
        let decided = Decided {
            sureness,
            ..rows.decided.clone()
        };
        let faces = group_faces(&rows.facts.faces, &decided);
        let grouped = groups.try_out(faces, &decided, head)?;
        drop(groups);
        let mut shown: Vec<&StoredFace> = rows
            .shown()
            .filter(|face| rows.facts.photo(face.photo).is_some())
            .collect();
        best_first(&mut shown);
        let (now, then) = (
            homes(&shown, &rows.placements),
            homes(&shown, &grouped.placements),
        );
        let people = then.iter().filter_map(|(_, home)| match home {
            Home::With(person) => Some(*person),
            Home::Alone(_) => None,
        });
        let people: std::collections::BTreeSet<PersonId> = people.collect();
        let (joined, joined_faces) = brought_together(&rows, &now, &then);
        let (parted, parted_faces) = brought_together(&rows, &then, &now);
        Ok(SurenessPreview {
            sureness,
            used: sureness == rows.decided.sureness,
            people: people.len() as u32,
            joined,
            joined_faces,
            parted,
            parted_faces,
        })
    }
}

/// Where each face is that is not left out, in the order given.
fn homes(faces: &[&StoredFace], placements: &BTreeMap<FaceId, Placement>) -> Vec<(FaceId, Home)> {
    let home = |face: &&StoredFace| {
        let placement = placements.get(&face.id);
        let ignored = placement.is_some_and(|of| of.state == FaceState::Ignored);
        let person = placement.and_then(|of| of.person);
        (!ignored).then(|| (face.id, person.map_or(Home::Alone(face.id), Home::With)))
    };
    faces.iter().filter_map(home).collect()
}

/// How many homes of `from` share one in `to` with a larger one, and faces of some of these pairs.
/// Both list the same faces, the best first.
fn brought_together(
    rows: &Rows,
    from: &[(FaceId, Home)],
    to: &[(FaceId, Home)],
) -> (u32, Vec<[FaceId; 2]>) {
    let mut parts: BTreeMap<Home, BTreeMap<Home, Vec<FaceId>>> = BTreeMap::new();
    for ((face, was), (_, is)) in from.iter().zip(to) {
        let faces = parts.entry(*is).or_default().entry(*was).or_default();
        faces.push(*face);
    }
    let mut pairs: Vec<(Vec<FaceId>, Vec<FaceId>)> = Vec::new();
    for parts in parts.into_values().filter(|parts| parts.len() > 1) {
        let mut parts: Vec<Vec<FaceId>> = parts.into_values().collect();
        parts.sort_by_key(|faces| (std::cmp::Reverse(faces.len()), faces[0]));
        let largest = parts.remove(0);
        pairs.extend(parts.into_iter().map(|part| (largest.clone(), part)));
    }
    pairs.sort_by_key(|(_, part)| (std::cmp::Reverse(part.len()), part[0]));
    let most_alike = |(largest, part): &(Vec<FaceId>, Vec<FaceId>)| {
        let some = |faces: &[FaceId]| {
            let codes = faces.iter().filter_map(|face| rows.facts.face(*face));
            let codes = codes.take(LOOKED_AT);
            let codes = codes.map(|face| (face.id, face.found.code.embedding()));
            codes.collect::<Vec<_>>()
        };
        let others = some(part);
        let pairs = some(largest).into_iter().flat_map(|(a, code)| {
            let apart = |(b, other): &(FaceId, _)| (distance(&code, other), [a, *b]);
            others.iter().map(apart).collect::<Vec<_>>()
        });
        pairs
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, pair)| pair)
    };
    let examples = pairs.iter().take(EXAMPLES).filter_map(most_alike).collect();
    (pairs.len() as u32, examples)
}
