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
pub const SAME_PERSON_DISTANCE: f32 = 1.1;

/// Mean squared distance between the faces of two groups below which they are one.
pub const SAME_GROUP_DISTANCE: f32 = 0.72;

/// Faces below this quality found no group; they may join one.
pub const FOUNDING_QUALITY: f32 = 0.3;
