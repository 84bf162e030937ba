//! The library as a whole, kept in one file and brought back.

use std::path::{Path, PathBuf};

use clap::Args;
use kith_engine::{BackupEntry, BackupReason, Error, Library};
use serde::Serialize;

use crate::encryption::{PassphraseSource, can_ask, first_line, text, typed};
use crate::output::{Output, count};

/// What a command says of the file.
#[derive(Serialize)]
struct FileLine {
    file: String,
}

/// Write all that Kith knows into one file
///
/// Names, answers, albums and what was found on the photos; not the photos themselves. An older backup
/// of that name is replaced, any other file is left as it is. Works while Kith runs. The library keeps
/// copies by itself, too: daily while it is used, and before an upgrade or a restore; --list shows them.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith backup /media/stick/kith.backup
  kith backup kith.backup --library ~/shoot
  kith backup --list               the copies that the library keeps

JSON of --list, one line a copy, the newest first: name, number, date, reason (daily, before-upgrade,
before-restore, damaged), kb, file.")]
pub struct Backup {
    /// Where to write it
    #[arg(value_name = "FILE", required_unless_present = "list")]
    file: Option<PathBuf>,
    /// List the copies that the library keeps by itself
    #[arg(long, conflicts_with = "file")]
    list: bool,
}

/// A copy that the library keeps.
#[derive(Serialize)]
struct CopyLine<'a> {
    name: &'a str,
    number: u32,
    date: &'a str,
    reason: BackupReason,
    kb: u32,
    file: String,
}

impl Backup {
    pub fn run(
        self,
        dir: &Path,
        library: impl FnOnce() -> anyhow::Result<Library>,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let Some(file) = self.file else {
            // Also of a library that cannot be opened: that is when they are needed.
            return list(&Library::backups_of(dir)?, out);
        };
        library()?.backup(&file)?;
        let file = file.display().to_string();
        if out.is_json() {
            out.object(&FileLine { file })
        } else {
            out.line(&format!(
                "Names, answers, albums and what was found on the photos are in {file}."
            ))
        }
    }
}

fn list(copies: &[BackupEntry], out: &mut Output) -> anyhow::Result<()> {
    if out.is_json() {
        return copies.iter().try_for_each(|copy| {
            out.object(&CopyLine {
                name: &copy.name,
                number: copy.number,
                date: &copy.date,
                reason: copy.reason,
                kb: copy.kb,
                file: copy.path.display().to_string(),
            })
        });
    }
    if copies.is_empty() {
        return out.line("This library has kept no copies yet.");
    }
    let rows: Vec<_> = copies
        .iter()
        .map(|copy| {
            let why = match copy.reason {
                BackupReason::Daily => "kept daily",
                BackupReason::BeforeUpgrade => "before an upgrade of Kith",
                BackupReason::BeforeRestore => "before a restore",
                BackupReason::Damaged => "could not be opened, set aside",
            };
            let kb = format!("{} kB", copy.kb);
            [copy.name.clone(), copy.date.clone(), kb, why.to_owned()]
        })
        .collect();
    out.table(["NAME", "DAY", "SIZE", "WHY"], &rows)?;
    out.line("")?;
    out.line("`kith restore NAME` brings one back.")
}

/// Take a backup in the place of what Kith knows now
///
/// The backup is checked first; one that is damaged is refused. What Kith knew before is kept among the
/// library's copies (`kith backup --list`). Works while Kith runs, and for a library that is damaged.
/// Photos that moved since are found again by `kith index`.
///
/// A backup of an encrypted library needs the passphrase that the library had then, unless it goes back into
/// the same library. A new library that is made of it is encrypted with that passphrase; any other stays as it
/// is, encrypted or not.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith restore /media/stick/kith.backup
  kith restore kith.backup --library ~/new     into a library of its own
  kith restore 0012-2026-11-30-daily           a copy that the library kept")]
pub struct Restore {
    /// A file that `kith backup` wrote, or the name or number of a copy that the library kept
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the passphrase of the backup is, if it is not that of the library: the first line of a file
    #[arg(long, value_name = "FILE")]
    backup_passphrase_file: Option<PathBuf>,
}

impl Restore {
    pub fn run(
        self,
        dir: &Path,
        source: &PassphraseSource,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let name = self.file.to_str().filter(|_| !self.file.exists());
        let kept = match name {
            Some(name) => Library::backup_called(dir, name)?,
            None => None,
        };
        let file = kept.unwrap_or(self.file);
        let of_library = source.of_library(dir)?;
        // What is no file is told below.
        let is_encrypted = Library::backup_needs_passphrase(&file).unwrap_or(false);
        let of_backup = match &self.backup_passphrase_file {
            Some(file) => Some(first_line(file)?),
            None if is_encrypted && of_library.is_none() => source.read()?,
            None => of_library.clone(),
        };
        let restore = |of_backup| {
            Library::restore_into_with(dir, &file, text(of_library.as_ref()), text(of_backup))
        };
        let is_given = self.backup_passphrase_file.is_some();
        let library = match restore(of_backup.as_ref()) {
            // It opened the library.
            Err(Error::WrongPassphrase) if of_library.is_some() && !is_given && can_ask() => {
                restore(Some(&typed("Passphrase of the backup: ")?))?
            }
            other => other?,
        };
        let file = file.display().to_string();
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
