//! Who is who: groups of faces, derived from their embeddings under what the user decided.
//!
//! [`Decision`] is what the log holds, [`Decided`] what the log says as a whole, and [`group`] the
//! one function that turns faces, neighbours and decisions into placements. It has no state and
//! no randomness: the same input gives the same people.

mod decided;
mod derive;
mod grouping;

pub use decided::{Decided, DecidedPerson, Decision, standing};
pub use derive::{Derived, derive};
pub(crate) use grouping::free_number;
pub use grouping::{GroupFace, group, group_plain};

/// Squared distance below which two faces are taken for the same person when only these two are
/// compared (`kith verify`).
///
/// Measured in onnxruntime with the same crop and weights, over all pairs of 1,100 photos of LFW
/// View 1's `pairsDevTrain` (449 of one person, 604,001 of two): 1.1 accepts 98.9 % of the former
/// and 0.34 % of the latter, 0.97 accepts 97.3 % and 0.10 %.
pub const SAME_PERSON_DISTANCE: f32 = 1.1;

/// Mean squared distance between the faces of two groups below which they are one.
///
/// Measured in onnxruntime with the same crop and weights, plain average linkage, on 1,938 LFW
/// View 1 faces (500 people with two or more photos, 700 with one): 0.64 misplaces 9 faces and
/// leaves 408 people whole, 0.72 does 22 and 433, 0.80 does 57 and 455, 0.88 does 117 and 471.
/// A pile of strangers is worse than a person in two groups, which one name joins.
pub const SAME_GROUP_DISTANCE: f32 = 0.64;

/// Faces below this quality found no group; they may join one.
pub const FOUNDING_QUALITY: f32 = 0.3;
