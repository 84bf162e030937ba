//! Gives people and groups their numbers, and no number twice.
//!
//! A number is made of a face's number, because faces keep theirs for ever: a group of which nothing is
//! decided goes by its first face that can give one. The result depends on the groups and the log
//! alone, so the same photos and decisions have the same numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::Decided;
use crate::{FaceId, PersonId};

/// Where the numbers of all faces of a group are used up, its first face is counted up by this.
const NEXT_NUMBERS: u32 = 1_000_000_000;

/// The face that a number was made of.
pub(crate) fn face_of(number: PersonId) -> FaceId {
    number % NEXT_NUMBERS
}

/// A number for another person, made of the same face.
pub(super) fn next_number(number: PersonId) -> PersonId {
    number.wrapping_add(NEXT_NUMBERS)
}

/// A number that is not `taken`, for a person with these faces.
pub(crate) fn free_number(faces: &[FaceId], taken: &BTreeSet<PersonId>) -> PersonId {
    first_free(faces, &|number| !taken.contains(number))
}

/// That of the first face that can give one, or else one made of the first face.
fn first_free(faces: &[FaceId], is_free: &dyn Fn(&PersonId) -> bool) -> PersonId {
    let own = faces.iter().copied().find(is_free);
    own.unwrap_or_else(|| {
        let mut number = faces.first().copied().unwrap_or_default();
        while !is_free(&number) {
            number = next_number(number);
        }
        number
    })
}

/// The numbers that are used, or were.
pub(crate) struct Numbers<'a> {
    decided: &'a Decided,
    /// People for whom a face was rejected.
    refused: BTreeSet<PersonId>,
    taken: BTreeSet<PersonId>,
}

impl<'a> Numbers<'a> {
    /// The numbers that the log speaks of.
    pub(crate) fn of(decided: &'a Decided) -> Self {
        Self {
            decided,
            refused: decided.rejected.iter().map(|pair| pair.1).collect(),
            taken: BTreeSet::new(),
        }
    }

    /// The same without numbers that groups have now.
    pub(crate) fn without(mut self, numbers: impl IntoIterator<Item = PersonId>) -> Self {
        self.taken.extend(numbers);
        self
    }

    /// A number that nobody had, for a person or a group of these faces, which are in order.
    pub(crate) fn free(&mut self, faces: &[FaceId]) -> PersonId {
        let is_free = |number: &PersonId| {
            !self.taken.contains(number)
                && !self.decided.people.contains_key(number)
                && !self.decided.merged.contains(number)
                && !self.decided.group_numbers.contains_key(number)
                && !self.refuses(faces, *number)
        };
        let number = first_free(faces, &is_free);
        self.taken.insert(number);
        number
    }

    /// The numbers of groups of which nothing is decided; the faces of each are in order.
    pub(crate) fn of_groups(mut self, groups: &[Vec<FaceId>]) -> Vec<PersonId> {
        let kept = self.kept_by(groups);
        self.taken.extend(kept.values());
        let number = |(at, faces): (usize, &Vec<FaceId>)| {
            let kept = kept.get(&at).copied();
            kept.unwrap_or_else(|| self.free(faces))
        };
        groups.iter().enumerate().map(number).collect()
    }

    /// The groups that keep a number which the face of that number has left: those with most of the
    /// faces that it left behind.
    fn kept_by(&self, groups: &[Vec<FaceId>]) -> BTreeMap<usize, PersonId> {
        let Decided {
            people,
            merged,
            group_numbers,
            ..
        } = self.decided;
        if group_numbers.is_empty() {
            return BTreeMap::new();
        }
        let remained: BTreeSet<FaceId> = group_numbers.values().flatten().copied().collect();
        let mut group_of: BTreeMap<FaceId, usize> = BTreeMap::new();
        for (at, faces) in groups.iter().enumerate() {
            let theirs = faces.iter().filter(|face| remained.contains(face));
            group_of.extend(theirs.map(|face| (*face, at)));
        }
        let mut claims: Vec<(usize, PersonId, usize)> = Vec::new();
        for (number, faces) in group_numbers {
            if people.contains_key(number) || merged.contains(number) {
                continue;
            }
            let mut shares: BTreeMap<usize, usize> = BTreeMap::new();
            for at in faces.iter().filter_map(|face| group_of.get(face)) {
                *shares.entry(*at).or_default() += 1;
            }
            shares.retain(|at, _| !self.refuses(&groups[*at], *number));
            // Of equal shares the first group.
            let most = shares.into_iter().rev().max_by_key(|(_, share)| *share);
            claims.extend(most.map(|(at, share)| (share, *number, at)));
        }
        // A group that has the remains of two keeps the number of the larger ones.
        claims.sort_by_key(|(share, number, _)| (std::cmp::Reverse(*share), *number));
        let mut kept = BTreeMap::new();
        for (_, number, at) in claims {
            kept.entry(at).or_insert(number);
        }
        kept
    }

    /// Whether one of these faces was said not to be the person of that number.
    fn refuses(&self, faces: &[FaceId], number: PersonId) -> bool {
        let rejected = &self.decided.rejected;
        self.refused.contains(&number)
            && faces.iter().any(|face| rejected.contains(&(*face, number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(decided: &Decided, groups: &[&[FaceId]]) -> Vec<PersonId> {
        let groups: Vec<Vec<FaceId>> = groups.iter().map(|faces| faces.to_vec()).collect();
        Numbers::of(decided).of_groups(&groups)
    }

    #[test]
    fn a_group_goes_by_its_first_face_whose_number_nobody_had() {
        let mut decided = Decided::default();
        assert_eq!(numbers(&decided, &[&[1, 3], &[2]]), [1, 2]);
        decided.people.entry(1).or_default();
        decided.merged.insert(2);
        assert_eq!(numbers(&decided, &[&[1, 3], &[2]]), [3, 2 + NEXT_NUMBERS]);
        assert_eq!(face_of(2 + NEXT_NUMBERS), 2);
    }

    #[test]
    fn a_number_stays_with_most_of_those_who_remained() {
        let mut decided = Decided::default();
        decided.group_numbers.insert(1, [2, 3, 4].into());
        assert_eq!(
            numbers(&decided, &[&[1], &[2], &[3, 4, 9]]),
            [1 + NEXT_NUMBERS, 2, 1]
        );
        // Of two equal parts the first; and a person of that number is no group.
        assert_eq!(numbers(&decided, &[&[1, 2], &[3]]), [1, 3]);
        decided.people.entry(1).or_default();
        assert_eq!(numbers(&decided, &[&[2], &[3, 4]]), [2, 3]);
    }

    #[test]
    fn no_group_has_the_number_of_whom_its_face_was_said_not_to_be() {
        let mut decided = Decided::default();
        decided.rejected.insert((2, 1));
        assert_eq!(numbers(&decided, &[&[1, 2], &[3]]), [2, 3]);
        decided.group_numbers.insert(1, [1].into());
        assert_eq!(numbers(&decided, &[&[1, 2], &[3]]), [2, 3]);
    }
}
