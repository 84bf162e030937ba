//! What went wrong, in parts: the window makes a sentence of them in its language.

use std::path::Path;

use kith_engine::photo::PhotoError;
use kith_engine::search::Misunderstood;
use kith_engine::{Error, ReadOnly};
use serde::Serialize;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Problem {
    /// The catalog cannot be read or written.
    Catalog {
        /// What the database said.
        said: String,
    },
    /// The catalog is damaged.
    Damaged {
        /// What is wrong with it.
        said: String,
        /// The file.
        path: String,
    },
    /// A newer version wrote the catalog.
    TooNew {
        /// The file.
        path: String,
    },
    /// The library can only be read.
    ReadOnly {
        /// Why.
        why: ReadOnly,
    },
    /// The library is encrypted, and nobody gave its passphrase yet.
    PassphraseNeeded,
    /// It is not the passphrase.
    WrongPassphrase,
    /// The file with the key of the library is damaged.
    KeyFile {
        /// The file.
        path: String,
    },
    /// Somebody else has the library open.
    InUse,
    /// A file that a backup would replace, and that is none.
    FileInTheWay {
        /// The file.
        path: String,
    },
    /// There is no such folder.
    NoFolder {
        /// Where it was looked for.
        path: String,
    },
    /// The library has no folders.
    NoFolders,
    /// Another process reads photos into the library.
    Busy,
    /// A photo, a face, a person or an album that is not there any more.
    NotThere,
    /// A name without a letter.
    EmptyName,
    /// A name that somebody else has.
    NameInUse {
        /// The name.
        name: String,
    },
    /// Somebody is to be joined with themselves, or told apart from themselves.
    SamePerson,
    /// There are no two people in these faces.
    NothingToSplit,
    /// Too little was said to learn from.
    NothingToLearn,
    /// A version of what was learned that is not kept any more.
    NoVersion,
    /// An outline that is no face's.
    FaceOutline,
    /// An album has the name already.
    AlbumNameInUse {
        /// The name.
        name: String,
    },
    /// A birthday that is no day.
    NoDay {
        /// As it was typed.
        text: String,
    },
    /// A line that is no pattern for files and folders.
    IgnorePattern {
        /// The line.
        pattern: String,
        /// What is wrong with it, in English.
        said: String,
    },
    /// A file that is no backup.
    NoBackup {
        /// The file.
        path: String,
    },
    /// Nothing can be done again.
    NothingToRedo,
    /// Nothing can be taken back.
    NothingToUndo,
    /// It was taken back before.
    TakenBack,
    /// A search that was not understood.
    Query {
        /// Why.
        why: Misunderstood,
    },
    /// A photo that cannot be read.
    Photo {
        /// Why.
        why: PhotoError,
        /// The file.
        path: String,
    },
    /// The user's folder for pictures is gone.
    NoPictures,
    /// The system's chooser did not open.
    NoChooser,
    /// The file manager did not open.
    NoFileManager {
        /// The file it was to show.
        path: String,
    },
    /// Something panicked.
    Stumbled,
    /// Something that is seldom met: an English sentence.
    Other {
        /// The sentence.
        message: String,
    },
}

impl Problem {
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let shown = |path: &Path| path.display().to_string();
        match error {
            Error::Catalog { source } => Self::Catalog {
                said: source.to_string(),
            },
            Error::CatalogDamaged { reason, path } => Self::Damaged {
                said: reason,
                path: shown(&path),
            },
            Error::CatalogTooNew { path, .. } => Self::TooNew { path: shown(&path) },
            Error::ReadOnly { why, .. } => Self::ReadOnly { why },
            Error::PassphraseNeeded { .. } => Self::PassphraseNeeded,
            Error::WrongPassphrase => Self::WrongPassphrase,
            Error::KeyFile { path } => Self::KeyFile { path: shown(&path) },
            Error::InUse { .. } => Self::InUse,
            Error::FileInTheWay { path } => Self::FileInTheWay { path: shown(&path) },
            Error::NoFolder { path } => Self::NoFolder { path: shown(&path) },
            Error::NoFolders => Self::NoFolders,
            Error::Busy => Self::Busy,
            Error::NoPhoto(_)
            | Error::NoFace(_)
            | Error::NoPerson(_)
            | Error::NoAlbum(_)
            | Error::NoDecision(_) => Self::NotThere,
            Error::EmptyName => Self::EmptyName,
            Error::NameInUse(name) => Self::NameInUse { name },
            Error::SamePerson(_) => Self::SamePerson,
            Error::NothingToSplit => Self::NothingToSplit,
            Error::NothingToLearn => Self::NothingToLearn,
            Error::NoVersion(_) => Self::NoVersion,
            Error::FaceOutline => Self::FaceOutline,
            Error::AlbumNameInUse(name) => Self::AlbumNameInUse { name },
            Error::NoDay(text) => Self::NoDay { text },
            Error::IgnorePattern { pattern, reason } => Self::IgnorePattern {
                pattern,
                said: reason,
            },
            Error::NoBackup { path, .. } => Self::NoBackup { path: shown(&path) },
            Error::NothingToRedo => Self::NothingToRedo,
            Error::NothingToUndo => Self::NothingToUndo,
            Error::TakenBack(_) | Error::NotUndoable(_) => Self::TakenBack,
            Error::Query(why) => Self::Query { why },
            Error::Photo { source, path } => Self::Photo {
                why: source,
                path: shown(&path),
            },
            other => Self::other(other.to_string()),
        }
    }
}
