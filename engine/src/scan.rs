//! Which photos lie in some folders.
//!
//! A photo is named by its canonical path: absolute, without symbolic links. So the same file is
//! the same photo however it was reached, and each folder is entered once even if links lead to it
//! again or the folders that were asked for overlap.

use std::{
    collections::HashSet,
    fs::{self, FileType, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::photo;

/// Folders of programs and systems, in which pictures are not the user's photos: previews of
/// Synology, recycle bins of QNAP and Windows, packed resource forks of macOS. Hidden ones
/// (`.thumbnails`, `.dtrash`, `.Trash-1000`) are left out by their dot.
const NOT_PHOTOS: [&str; 8] = [
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__MACOSX",
];

/// A file that is named like a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its canonical path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// When it was changed last, in nanoseconds since 1970 (UTC).
    pub modified_ns: i64,
}

/// Something that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub path: PathBuf,
    /// What happened and what would help.
    pub reason: String,
}

/// Looks for photos in folders and below them; a folder may also be a single file. Both lists are
/// sorted by the bytes of the paths. When cancelled, what was found so far is returned.
#[must_use]
pub fn walk(folders: &[PathBuf], cancelled: &dyn Fn() -> bool) -> (Vec<Found>, Vec<Trouble>) {
    let mut walk = Walk::default();
    for folder in folders {
        match canonical(folder) {
            Ok((path, metadata)) if metadata.is_dir() => walk.waiting.push(path),
            Ok((path, metadata)) => walk.file(path, &metadata),
            Err(error) => walk.trouble(folder, photo::reason(&error)),
        }
    }
    while let Some(folder) = walk.waiting.pop() {
        if cancelled() {
            break;
        }
        if walk.seen.insert(folder.clone())
            && let Err(error) = walk.folder(&folder)
        {
            walk.trouble(&folder, photo::reason(&error));
        }
    }
    walk.found
        .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    walk.troubles
        .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    (walk.found, walk.troubles)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn canonical(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    Ok((path, metadata))
}

#[derive(Default)]
struct Walk {
    /// Canonical paths of folders to look into.
    waiting: Vec<PathBuf>,
    /// Canonical paths of the folders and files that were met.
    seen: HashSet<PathBuf>,
    found: Vec<Found>,
    troubles: Vec<Trouble>,
}

impl Walk {
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".")
                || NOT_PHOTOS.iter().any(|skipped| name == *skipped)
            {
                continue;
            }
            let path = entry.path();
            match entry.file_type().and_then(|kind| self.entry(&path, kind)) {
                Ok(()) => {}
                // A link to nothing is worth a word only if it is named like a photo.
                Err(_) if path.is_symlink() && !photo::is_supported(&path) => {}
                Err(_) if path.is_symlink() => {
                    self.trouble(
                        &path,
                        "this link leads nowhere; what it stood for was moved or deleted"
                            .to_owned(),
                    );
                }
                Err(error) => self.trouble(&path, photo::reason(&error)),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, kind: FileType) -> io::Result<()> {
        if kind.is_symlink() {
            let (path, metadata) = canonical(path)?;
            if metadata.is_dir() {
                self.waiting.push(path);
            } else if photo::is_supported(&path) {
                self.file(path, &metadata);
            }
        } else if kind.is_dir() {
            self.waiting.push(path.to_owned());
        } else if photo::is_supported(path) {
            self.file(path.to_owned(), &fs::metadata(path)?);
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        if !photo::is_supported(&path) {
            self.trouble(&path, photo::PhotoError::NotAPhoto.to_string());
        } else if metadata.is_file() {
            self.found.push(Found {
                path,
                size: metadata.len(),
                modified_ns: modified_ns(metadata),
            });
        } else {
            self.trouble(&path, photo::PhotoError::NotAFile.to_string());
        }
    }

    fn trouble(&mut self, path: &Path, reason: String) {
        self.troubles.push(Trouble {
            path: path.to_owned(),
            reason,
        });
    }
}

/// A file system that keeps no times says 1970 for every file.
fn modified_ns(metadata: &Metadata) -> i64 {
    let Ok(modified) = metadata.modified() else {
        return 0;
    };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
