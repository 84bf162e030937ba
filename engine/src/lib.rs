//! A photo library that knows people: from folders of files to names and searches.
//!
//! [`Library`] is the front door. Behind it a photograph walks through the rooms in this order:
//! [`scan`] finds it, [`photo`] decodes it upright, [`faces`] finds and embeds the faces on it,
//! [`catalog`] stores them, [`index`] finds each face's neighbours, [`people`] groups them under
//! the user's decisions, [`places`] names where photos were taken, and [`search`] answers queries. [`eval`] measures all of it on labelled
//! photographs. Nothing in this crate opens a socket, and nothing in it writes to a photograph.

pub mod alike;
pub mod catalog;
mod control;
mod doctor;
mod encryption;
mod error;
pub mod eval;
pub mod faces;
pub mod index;
mod indexing;
mod learner;
mod library;
mod memory;
mod outside;
pub mod people;
pub mod photo;
pub mod places;
mod power;
mod private;
mod quiet;
mod regrouping;
mod said;
pub mod scan;
pub mod search;
pub mod text;
mod thumbnails;
mod transfer;
mod types;
mod upgrade;
mod volume;
mod watch;

pub use control::Control;
pub use doctor::{Checkup, Device, FolderCheck, Why, check, device};
pub use error::Error;
pub use kith_models::{AddedEmbedder, distance};
pub use learner::{Learner, LearnerNews};
pub use library::Library;
pub use memory::keep_freed_memory_a_while;
pub use outside::embed_photo;
pub use said::Said;
pub use types::*;
pub use watch::{Due, FolderWatch, PollReason, WatchStopper};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
