//! What can go wrong in the library, said so that its user knows what happened and what would help.

use std::path::PathBuf;

use crate::search::Misunderstood;
use crate::{AlbumId, DecisionId, FaceId, PersonId, PhotoId, ReadOnly};

/// An error of the library. Its text is meant for the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `SQLite` refused: the disk is full, the file is locked or cannot be written.
    #[error(
        "The library's catalog could not be read or written ({source}). {}",
        what_helps_catalog(source)
    )]
    Catalog {
        /// What `SQLite` said.
        #[from]
        source: rusqlite::Error,
    },
    /// The file is not a sound catalog.
    #[error("The library's catalog is damaged ({reason}). It was not touched. `kith doctor --repair` saves what can be read of it, and `kith restore` brings back a backup: {}", path.display())]
    CatalogDamaged {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The catalog was written by a newer version.
    #[error("This library was made by a newer Kith (version {found} of the catalog, this program knows {known}). Install the newer Kith to open it: {}", path.display())]
    CatalogTooNew {
        /// The catalog's version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
        /// The file.
        path: PathBuf,
    },
    /// A library that cannot be written.
    #[error("This library can only be read, because {why}. Nothing was changed: {}", path.display())]
    ReadOnly {
        /// Why.
        why: ReadOnly,
        /// The library or its catalog.
        path: PathBuf,
    },
    /// An encrypted library, opened without a passphrase.
    #[error("This is encrypted. Give its passphrase to open it (--passphrase-file FILE, or KITH_PASSPHRASE): {}", path.display())]
    PassphraseNeeded {
        /// The library's folder, or the backup.
        path: PathBuf,
    },
    /// A passphrase that does not open the library.
    #[error(
        "This is not the passphrase. Nothing was changed. Mind capital letters and the keyboard's language. If it is forgotten, nobody can open what Kith knows; the photos themselves are untouched, and `kith index` in a new library reads them again."
    )]
    WrongPassphrase,
    /// A passphrase without a letter.
    #[error("A passphrase needs at least one letter. Nothing was changed.")]
    EmptyPassphrase,
    /// The file with the wrapped key is damaged.
    #[error("The key file of this library is damaged, and without it the passphrase opens nothing. Copy it back from a copy of the library's folder, or restore a backup with `kith restore FILE`: {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
    },
    /// A library that is encrypted already.
    #[error("This library is encrypted already. `kith passphrase` changes its passphrase.")]
    Encrypted,
    /// A library that is not encrypted.
    #[error("This library is not encrypted. `kith encrypt` does that.")]
    NotEncrypted,
    /// No library is in a folder.
    #[error("There is no library in {}. `kith index FOLDER` makes one.", path.display())]
    NoLibrary {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else has the library open.
    #[error("Another Kith has this library open. Close it, then try again: {}", path.display())]
    InUse {
        /// The library's folder.
        path: PathBuf,
    },
    /// A damaged catalog of which nothing can be read.
    #[error("Nothing can be read of the damaged catalog, and it was not touched. {}: {}", newest_backup(backup.as_deref()), path.display())]
    BeyondRepair {
        /// The newest sound copy that the library kept.
        backup: Option<String>,
        /// The catalog.
        path: PathBuf,
    },
    /// What a backup or an export would replace, and that is none.
    #[error("There is something else of this name, which Kith did not write. It was left as it is. Choose another name: {}", path.display())]
    FileInTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder of the library itself.
    #[error("{doing} failed ({source}){}: {}", what_helps(source), path.display())]
    Io {
        /// What was being done, as a noun phrase.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The platform tells no data folder.
    #[error(
        "This system names no folder for programs' data. Say where the library is to be with --library DIR."
    )]
    NoDataFolder,
    /// A folder to index is not there.
    #[error("There is no folder to read here: {}", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// Nothing to index.
    #[error("The library has no folders yet. Name a folder with photos.")]
    NoFolders,
    /// Another process is indexing the same library.
    #[error(
        "Another Kith is reading photos into this library just now. Wait until it is done, or stop it."
    )]
    Busy,
    /// A photo that is not in the catalog.
    #[error("There is no photo number {0} in this library.")]
    NoPhoto(PhotoId),
    /// A face that is not in the catalog.
    #[error("There is no face number {0} in this library.")]
    NoFace(FaceId),
    /// A person whom nothing knows.
    #[error("There is no person number {0} in this library.")]
    NoPerson(PersonId),
    /// A name that is to be taken away from somebody who has none.
    #[error("Person number {0} has no name.")]
    NoName(PersonId),
    /// A name without a letter.
    #[error("A name needs at least one letter or digit.")]
    EmptyName,
    /// A box that no face can be in.
    #[error("Draw the outline around the whole face, inside the photo.")]
    FaceOutline,
    /// A decision about no face at all.
    #[error("Say which faces are meant.")]
    NoFaces,
    /// Someone joined with themselves.
    #[error("Person number {0} cannot be joined with themselves.")]
    SamePerson(PersonId),
    /// A person of one face, or of copies of one.
    #[error("These faces are all alike: there are no two people to tell apart.")]
    NothingToSplit,
    /// No two people with names, or with other decisions.
    #[error(
        "There is nothing to learn from yet. Name two people at least, then answer some questions about their photos."
    )]
    NothingToLearn,
    /// A learned version that is not kept, or was learned for another network.
    #[error("There is no version {0} of what was learned. `kith model list` shows them.")]
    NoVersion(u32),
    /// A file whose name cannot be that of a network.
    #[error(
        "A network is called by the name of its file, and “{0}” has more in it than letters, digits, - and _. Rename the file."
    )]
    NetworkName(String),
    /// The network, or one of its name, was added before.
    #[error("This network, or another of its name, is in this library already: {0}.")]
    NetworkKnown(String),
    /// A network that was not added.
    #[error(
        "There is no network {0} in this library. `kith model list` shows them, and `kith model add FILE` adds one."
    )]
    NoNetwork(String),
    /// The copy of a network's file is gone or another.
    #[error(
        "The file of the network {0} in the library is missing or damaged. Add it again with `kith model add FILE`."
    )]
    NetworkChanged(String),
    /// Faces that are embedded by the network.
    #[error(
        "Faces of this library are as the network {0} sees them. Take that back first: kith model upgrade --undo"
    )]
    NetworkInUse(String),
    /// A map cannot be learned from so few.
    #[error(
        "The library has too few clear faces for this: {found} of them can be read, and {needed} are needed to learn how another network sees them. Nothing was changed. Read more photos first: kith index FOLDER"
    )]
    TooFewFaces {
        /// Faces that could be used.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// No map leads from the new network to Kith's own.
    #[error(
        "This network sees people too differently from Kith's: of {of} faces that it was tried on, {unlike} might be somebody else to it. Nothing was changed. With more photos Kith may learn how it sees them: kith index FOLDER"
    )]
    NetworkUnlike {
        /// Faces that are not surely the same person to both networks.
        unlike: usize,
        /// Faces it was tried on.
        of: usize,
    },
    /// A line that is no pattern of gitignore.
    #[error("“{pattern}” is no pattern for files and folders ({reason}). Nothing was changed.")]
    IgnorePattern {
        /// The line.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More patterns than a library takes.
    #[error(
        "A library takes {0} patterns at most. Nothing was changed. Put more into files .kithignore."
    )]
    TooManyPatterns(usize),
    /// An album that is not there.
    #[error("There is no album number {0} in this library.")]
    NoAlbum(AlbumId),
    /// Two albums cannot have one name.
    #[error("There is an album called {0} already. Choose another name.")]
    AlbumNameInUse(String),
    /// A birthday that is no day.
    #[error("“{0}” is no day. Write it as year, month and day: 2012-05-31.")]
    NoDay(String),
    /// A file that is no backup.
    #[error("This file is no backup of a Kith library ({reason}). Nothing was changed. Choose a file that Kith wrote: {}", path.display())]
    NoBackup {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A file that is no export.
    #[error("This file is no library that Kith exported ({reason}). Nothing was changed. Choose a file that `kith export library` wrote: {}", path.display())]
    NoExport {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The export was written by a newer version.
    #[error("This file was exported by a newer Kith (version {found} of the format, this program knows {known}). Install the newer Kith to import it: {}", path.display())]
    ExportTooNew {
        /// The format's version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
        /// The file.
        path: PathBuf,
    },
    /// The user stopped it before the end.
    #[error("Stopped. Nothing was changed.")]
    Stopped,
    /// Nothing was taken back since something new was said.
    #[error("There is nothing to do again.")]
    NothingToRedo,
    /// The log has no decision that still holds.
    #[error("There is nothing to take back.")]
    NothingToUndo,
    /// An entry that is not in the history.
    #[error("There is no entry {0} in the history. `kith history` lists them all.")]
    NoDecision(DecisionId),
    /// A decision that is undone already.
    #[error(
        "Entry {0} of the history is undone already. `kith redo` brings back what was undone last, as long as nothing new was said since."
    )]
    TakenBack(DecisionId),
    /// An entry that is no decision of the user's: it undid another one, or brought it back.
    #[error(
        "Entry {0} is nothing that you said: it undid another entry, or brought it back. Undo or redo that one: `kith history` shows its number."
    )]
    NotUndoable(DecisionId),
    /// Two people would have one name.
    #[error("Somebody else is called {0} by now. Give them another name first, or join the two.")]
    NameInUse(String),
    /// A query with a word that is not understood.
    #[error("{0}")]
    Query(Misunderstood),
    /// A photo that cannot be read.
    #[error("{source}: {}", path.display())]
    Photo {
        /// What is wrong with it.
        source: crate::photo::PhotoError,
        /// The photo.
        path: PathBuf,
    },
    /// A picture that cannot be brought to another size.
    #[error("A picture could not be resized ({0}).")]
    Resize(String),
    /// A thumbnail that cannot be encoded.
    #[error("A small picture could not be made ({0}).")]
    Thumbnail(String),
    /// The networks.
    #[error(transparent)]
    Models(#[from] kith_models::Error),
    /// The neighbour index refused its own points.
    #[error(
        "The index of faces could not be built ({0}). It is only a cache: delete the folder `cache` in the library and try again."
    )]
    Index(String),
}

impl From<Misunderstood> for Error {
    fn from(why: Misunderstood) -> Self {
        Self::Query(why)
    }
}

/// The advice for the trouble that users can mend themselves; the photos read so far are kept.
fn what_helps(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "; make some room on that disk and run it again, what was read so far is kept"
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "; allow your user to write there, or choose another place with --library"
        }
        _ => "",
    }
}

fn newest_backup(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("The newest sound backup comes back with `kith restore {name}`"),
        None => {
            "The library kept no sound backup; restore one of your own with `kith restore FILE`"
                .into()
        }
    }
}

fn what_helps_catalog(source: &rusqlite::Error) -> &'static str {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => {
            "Its disk is full. Make some room there and try again; all that was stored before is there."
        }
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "Another program is using it. Try again in a moment."
        }
        Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied) => {
            "Allow your user to write there, or choose another place with --library."
        }
        Some(rusqlite::ErrorCode::SystemIoFailure | rusqlite::ErrorCode::CannotOpen) => {
            "Its disk does not answer as it should: is it still connected?"
        }
        _ => "`kith doctor` looks at the library and says what is wrong with it.",
    }
}

impl Error {
    /// Whether it concerns what is stored or seen of one photo: the next one may go well. A full disk, a
    /// catalog that cannot be written and missing networks concern all.
    pub(crate) fn is_of_one_photo(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        match self {
            Self::Catalog { source } => match source.sqlite_error_code() {
                Some(code) => matches!(
                    code,
                    Code::ConstraintViolation
                        | Code::TypeMismatch
                        | Code::TooBig
                        | Code::ParameterOutOfRange
                ),
                // Conversions of values, not SQLite itself.
                None => true,
            },
            Self::Io { source, .. } => !matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull
                    | std::io::ErrorKind::QuotaExceeded
                    | std::io::ErrorKind::ReadOnlyFilesystem
                    | std::io::ErrorKind::PermissionDenied
            ),
            Self::Photo { .. } | Self::Resize(_) | Self::Models(_) => true,
            _ => false,
        }
    }

    /// An [`Error::Io`] for `map_err`.
    pub(crate) fn io(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
