//! Who is who: groups of faces, derived from their embeddings under what the user decided.
//!
//! [`Decision`] is what the log holds, [`Decided`] what the log says as a whole, and [`Groups`] turns
//! faces, neighbours and decisions into placements. There is no randomness, and what it keeps from
//! one time to the next changes no outcome: the same input gives the same people. Distances are those of the library's
//! [`Metric`], and what they mean stands in the [`Calibration`].

mod answers;
mod calibration;
mod days;
mod decided;
mod derive;
mod forget;
mod grouping;
mod learning;
mod limits;
mod linkage;
mod metric;
mod numbers;
mod split;

pub use answers::{AlbumAnswers, AnswerSet, Apart, PersonAnswers, Stars};
pub use calibration::{Answers, Calibration, Rate};
pub(crate) use decided::folded;
pub use decided::{Decided, DecidedAlbum, DecidedPerson, Decision, standing, to_redo};
pub use derive::{Groups, every_face, group_faces};
pub(crate) use forget::Forgotten;
pub use grouping::{GroupFace, Grouped, Question, Sighting, Unlabelled};
pub(crate) use learning::wrong;
pub use learning::{Learned, Lessons, Mistakes, Trial};
pub use metric::{Metric, MetricKind};
use numbers::next_number;
pub(crate) use numbers::{Numbers, face_of, free_number};
pub(crate) use split::halves;

/// Faces below this quality found no group; they may join one.
pub const FOUNDING_QUALITY: f32 = 0.3;
