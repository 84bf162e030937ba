//! The library as a whole, kept in one file and brought back.

use std::path::PathBuf;

use clap::Args;
use kith_engine::Library;
use serde::Serialize;

use crate::output::{Output, count};

/// What a command says of the file.
#[derive(Serialize)]
struct FileLine {
    file: String,
}

/// Write all that Kith knows into one file
///
/// Names, answers, albums and what was found on the photos; not the photos themselves. A file that
/// is there is replaced. Works while Kith runs.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith backup /media/stick/kith.backup
  kith backup kith.backup --library ~/shoot")]
pub struct Backup {
    /// Where to write it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        library.backup(&self.file)?;
        let file = self.file.display().to_string();
        if out.is_json() {
            out.object(&FileLine { file })
        } else {
            out.line(&format!("All that Kith knows is in {file}."))
        }
    }
}

/// Take a backup in the place of what Kith knows now
///
/// What Kith knew before is kept beside it, as catalog-before-restore.sqlite in the library's
/// folder: `kith restore` takes that, too. Photos that moved since are found again by `kith index`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith restore /media/stick/kith.backup
  kith restore kith.backup --library ~/new     into a library of its own")]
pub struct Restore {
    /// A file that `kith backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Restore {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        library.restore(&self.file)?;
        let file = self.file.display().to_string();
        if out.is_json() {
            return out.object(&FileLine { file });
        }
        let photos = library.photos()?.len() as u32;
        let names = library.names()?.len() as u32;
        out.line(&format!(
            "Restored: {} with {}.",
            count(photos, "photo", "photos"),
            count(names, "name", "names")
        ))
    }
}
