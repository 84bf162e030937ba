//! Why a photo could not be read, in words for the person whose photo it is.

use std::io;

use super::{MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_PIXELS};

/// Why a photo could not be read. The text says what happened and what would help; whoever shows
/// it adds the path.
#[derive(Debug, thiserror::Error)]
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
    /// A picture of a format, or a kind of one, that is not read yet.
    #[error("Kith cannot read this kind of picture yet ({0}); save a copy of it as JPEG")]
    NotYet(String),
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
    /// A file longer than [`MAX_FILE_BYTES`].
    #[error(
        "the file has {megabytes} MB, too large to open safely (at most {} MB); \
         save a smaller copy of it",
        MAX_FILE_BYTES >> 20
    )]
    TooHeavy {
        /// Its length in units of 2²⁰ bytes.
        megabytes: u64,
    },
    /// The system would not hand out the bytes.
    #[error("{}", reason(.0))]
    Unreadable(io::Error),
    /// The picture makes no sense to its decoder.
    #[error("the picture is damaged ({0}); copy it again from where it came from")]
    Damaged(String),
}

/// What the system said, in words.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there any more".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "there is no permission to read it; allow it to your user and scan again".to_owned()
        }
        _ => format!("the system could not read it ({error}); is the drive connected and sound?"),
    }
}
