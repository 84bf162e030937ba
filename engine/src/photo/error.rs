//! Why a photo could not be read, in parts: the window makes a sentence of them in its language, and
//! `Display` an English one.

use std::io;

use serde::{Deserialize, Serialize};

use super::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_PIXELS};

/// Why a photo could not be read. The text says what happened and what would help; whoever shows
/// it adds the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum PhotoError {
    /// No bytes at all.
    #[error("the file is empty; copy it again from where it came from")]
    Empty,
    /// A folder, a pipe, a device.
    #[error("this is not an ordinary file, so it was not opened")]
    NotAFile,
    /// The content is of no picture format.
    #[error(
        "this is not a picture, whatever its name says; \
         if it should be one, copy it again from where it came from"
    )]
    NotAPhoto,
    /// A picture of a format that is not read yet.
    #[error("Kith cannot read this kind of picture yet ({format}); save a copy of it as JPEG")]
    NotYet {
        /// The format.
        format: String,
    },
    /// A film.
    #[error("Kith cannot read this kind of picture yet (a video); save a copy of it as JPEG")]
    Video,
    /// A picture of a format that is read, but of a kind that is not.
    #[error(
        "Kith cannot read this kind of picture yet (an unusual kind of {format}); \
         save a copy of it as JPEG"
    )]
    Unusual {
        /// The format.
        format: String,
    },
    /// A camera's raw file with nothing in it that could be shown.
    #[error(
        "this raw file holds no picture that could be shown, or only a tiny one; \
         develop it and save a copy as JPEG"
    )]
    NoPictureInRaw,
    /// The file ends before the picture does.
    #[error("the file ends in the middle of the picture; copy it again from where it came from")]
    CutOff,
    /// More pixels, or more memory for them, than [`MAX_PIXELS`] and [`MAX_DECODED_BYTES`] allow.
    #[error(
        "the picture is {width} × {height} pixels, too large to open safely (at most {} megapixels \
         and {} MB of memory); save a smaller copy of it",
        MAX_PIXELS / 1_000_000, MAX_DECODED_BYTES >> 20
    )]
    TooLarge {
        /// Width in pixels as the file stores it.
        width: u32,
        /// Height in pixels as the file stores it.
        height: u32,
    },
    /// A JPEG that is drawn in so many passes over its pixels that it would take very long.
    #[error(
        "the picture is {width} × {height} pixels, stored in {scans} passes, so that opening it would \
         take too long; save a copy of it with another program"
    )]
    TooManyScans {
        /// Scans, as JPEG calls them.
        scans: u32,
        /// Width in pixels as the file stores it.
        width: u32,
        /// Height in pixels as the file stores it.
        height: u32,
    },
    /// A file longer than [`MAX_FILE_BYTES`].
    #[error(
        "the file has {megabytes} MB, too large to open safely (at most {} MB); \
         save a smaller copy of it",
        MAX_FILE_BYTES >> 20
    )]
    TooHeavy {
        /// Its length in units of 2²⁰ bytes.
        megabytes: u32,
    },
    /// There is no such file or folder.
    #[error("it is not there any more")]
    Gone,
    /// A link to nothing.
    #[error("this link leads nowhere; what it stood for was moved or deleted")]
    DeadLink,
    /// The system does not let this user read it.
    #[error("there is no permission to read it; allow it to your user and scan again")]
    NotAllowed,
    /// The system would not hand out the bytes.
    #[error("the system could not read it ({said}); is the drive connected and sound?")]
    Unreadable {
        /// What the system said.
        said: String,
    },
    /// What was found could not be kept: a fault of Kith's own.
    #[error("Kith could not keep what it found on it ({said}); it tries again at the next look")]
    NotStored {
        /// What the catalog or the networks said, in English.
        said: String,
    },
    /// A file `.kithignore` with a line that is no pattern.
    #[error("a line of this file is no pattern ({said}); mend it, all other lines hold")]
    IgnoreFile {
        /// What is wrong with it, in English.
        said: String,
    },
    /// The picture makes no sense to its decoder.
    #[error("the picture is damaged ({said}); copy it again from where it came from")]
    Damaged {
        /// What the decoder said, in English.
        said: String,
    },
}

impl PhotoError {
    /// Whether the reason may pass without a change of the file: such a photo is tried again at each look.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Gone
                | Self::DeadLink
                | Self::NotAllowed
                | Self::Unreadable { .. }
                | Self::NotStored { .. }
        )
    }

    /// [`Damaged`](Self::Damaged) by what a decoder said.
    pub(crate) fn damaged(said: impl std::fmt::Display) -> Self {
        Self::Damaged {
            said: said.to_string(),
        }
    }
}

impl From<io::Error> for PhotoError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Gone,
            io::ErrorKind::PermissionDenied => Self::NotAllowed,
            _ => Self::Unreadable {
                said: error.to_string(),
            },
        }
    }
}
