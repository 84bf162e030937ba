//! `kith folders`: lists the folders of the library, and removes one from it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::bail;
use clap::{Args, Subcommand};
use kith_engine::{Action, Folder, Library};
use serde::Serialize;

use crate::decisions::Told;
use crate::output::{Output, count};

/// List the folders of the library, or remove one from it
///
/// A folder is added with `kith index FOLDER`. A folder that is away is not connected or not there; all that
/// is known of its photos is kept.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith folders                          the folders, and how many photos are in each
  kith folders remove ~/Pictures/Old    its photos leave the library; the files stay where they are
  kith folders --json                   for scripts

JSON, one line a folder: folder, photos, state (present or away), away (photos that could not be reached
when the folder was last read).")]
pub struct Folders {
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Subcommand)]
enum Change {
    Remove(Remove),
}

/// Remove a folder from the library; its files stay where they are
///
/// The photos in it are no longer shown, and `kith index` no longer reads it. No photo file is touched, and
/// what you said of the photos is kept: `kith undo` brings folder and photos back with it, and so does adding
/// the folder again.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith folders remove ~/Pictures/Old    its photos leave the library
  kith undo                             they are back, with names and stars")]
struct Remove {
    /// A folder of the library: see `kith folders`
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct FolderLine {
    folder: String,
    photos: u32,
    state: &'static str,
    away: u32,
}

impl Folders {
    /// Whether it changes the library.
    pub fn changes(&self) -> bool {
        self.change.is_some()
    }

    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        match self.change {
            None => list(library, out),
            Some(Change::Remove(Remove { folder })) => remove(library, &folder, out),
        }
    }
}

fn list(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let lines = library.folders()?.into_iter().map(|of| FolderLine {
        folder: of.path,
        photos: of.photos,
        state: if of.present { "present" } else { "away" },
        away: of.away,
    });
    if out.is_json() {
        return lines.into_iter().try_for_each(|line| out.object(&line));
    }
    let rows: Vec<_> = lines
        .map(|of| [of.photos.to_string(), of.state.to_owned(), of.folder])
        .collect();
    if rows.is_empty() {
        return out.line("No folder yet. `kith index FOLDER` adds one.");
    }
    out.table(["PHOTOS", "STATE", "FOLDER"], &rows)
}

fn remove(library: &Library, folder: &Path, out: &mut Output) -> anyhow::Result<()> {
    let Folder { path, .. } = folder_at(library, folder)?;
    let outcome = library.decide(Action::RemoveFolder { path }, SystemTime::now())?;
    let photos = count(outcome.photos_changed, "photo", "photos");
    let told = Told::from(outcome);
    if out.is_json() {
        return out.object(&told);
    }
    out.line(&told.said)?;
    out.line(&format!(
        "{photos} left the library; no photo file was touched. `kith undo` brings them back, with all that you \
         said of them."
    ))
}

/// The library's folder at a path: as it was typed, or where links lead. A folder that is away is known by
/// its path alone.
fn folder_at(library: &Library, typed: &Path) -> anyhow::Result<Folder> {
    let absolute = std::path::absolute(typed).unwrap_or_else(|_| typed.to_owned());
    let resolved = absolute.canonicalize().unwrap_or_else(|_| absolute.clone());
    // The library gives its paths for reading.
    let shown = [absolute, resolved].map(|path| PathBuf::from(path.display().to_string()));
    let folders = library.folders()?;
    let mut around = None;
    for of in folders {
        let root = Path::new(&of.path);
        if shown.iter().any(|path| path == root) {
            return Ok(of);
        }
        if shown.iter().any(|path| path.starts_with(root)) {
            around = Some(of.path);
        }
    }
    let typed = typed.display();
    match around {
        Some(root) => bail!(
            "{typed} is only a part of the library's folder {root}: `kith skipped --add PATTERN` leaves out parts \
             of a folder. Nothing was changed."
        ),
        None => bail!(
            "{typed} is no folder of the library; `kith folders` lists them. Nothing was changed."
        ),
    }
}
