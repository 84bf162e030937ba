//! Makes files and folders that only their owner can read, whatever the process's umask.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempPath;

/// Begins the names of files that are not whole yet. A killed process leaves them behind.
const DRAFT_PREFIX: &str = ".kith-";
const DRAFT_SUFFIX: &str = ".part";

/// A new empty file in a folder, which is deleted when it is dropped unless it is renamed before.
pub(crate) fn draft_in(folder: &Path) -> io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(DRAFT_PREFIX).suffix(DRAFT_SUFFIX);
    Ok(builder.tempfile_in(folder)?.into_temp_path())
}

/// Which drafts are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drafts {
    /// Those that killed processes left.
    Old,
    /// All: who is writing one fails.
    All,
}

/// Deletes drafts in a folder.
pub(crate) fn remove_drafts(folder: &Path, which: Drafts) -> io::Result<()> {
    /// Nobody writes one file for so long.
    const OLD: std::time::Duration = std::time::Duration::from_secs(60 * 60);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_old = |file: fs::Metadata| {
            let age = file.modified().ok().and_then(|at| at.elapsed().ok());
            file.is_file() && (which == Drafts::All || age.is_some_and(|age| age > OLD))
        };
        if name.starts_with(DRAFT_PREFIX)
            && name.ends_with(DRAFT_SUFFIX)
            && entry.metadata().is_ok_and(is_old)
        {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Deletes a file; nothing happens when there is none.
pub(crate) fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it that are missing.
pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file to write, and makes it when there is none; what is in it stays.
pub(crate) fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Writes a file under a fresh name in `drafts` first, so that a kill or a full disk leaves no half of it.
/// Not synced: after a power loss it may be cut.
pub(crate) fn write(drafts: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    written(drafts, file, bytes, false)
}

/// The same beside the file, and on the disk when this returns.
pub(crate) fn write_synced(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(file);
    written(folder, file, bytes, true)?;
    sync_folder(folder)
}

fn written(drafts: &Path, file: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let draft = draft_in(drafts)?;
    let mut to = OpenOptions::new().write(true).open(&draft)?;
    to.write_all(bytes)?;
    if synced {
        to.sync_all()?;
    }
    drop(to);
    draft.persist(file).map_err(|error| error.error)
}

/// Copies a file, without its permissions, under a fresh name beside the new one first.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    let draft = draft_in(folder)?;
    let mut copy = OpenOptions::new().write(true).open(&draft)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()?;
    drop(copy);
    draft.persist(to).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Waits until the names in a folder are on the disk; where the system has no such call, nothing happens.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Err(error) = File::open(folder)?.sync_all() {
        // Some file systems (FAT, shares) cannot.
        let cannot = [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported];
        if !cannot.contains(&error.kind()) {
            return Err(error);
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Lets the owner write the files in a folder: copies from a disk that can only be read came without that.
pub(crate) fn make_writable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    for entry in fs::read_dir(folder)? {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(entry?.path(), fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Takes a file, or a folder with all that is in it, from everybody but its owner. What is closed
/// already is not looked into. Links are not followed.
pub(crate) fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if metadata.is_symlink() || metadata.permissions().mode().trailing_zeros() >= 6 {
            return Ok(());
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                close_to_others(&entry?.path())?;
            }
        }
        // A folder last: where this is interrupted, the next time begins anew.
        let mode = metadata.permissions().mode() & 0o700;
        let changed = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        match changed {
            // It went meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}
