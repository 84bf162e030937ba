//! Moves people and answers between libraries through one JSON-Lines file: `docs/library-format.md`
//! describes it.
//!
//! Photos are recognised by their content, so that the two libraries may be on different computers
//! with different paths.

mod compare;
mod export;
mod format;
mod import;

pub(crate) use export::write;
pub(crate) use import::{Imported, bring_in};
