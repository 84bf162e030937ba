//! `kith export` and `kith import`: what the library knows leaves as one file, and comes back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::bail;
use clap::{Args, Subcommand};
use kith_engine::{Conflict, Control, ImportSummary, Library};
use serde::Serialize;

use crate::index::stop_on_ctrl_c;
use crate::output::{Output, count};
use crate::progress::Shown;

/// Conflicts that are shown on a terminal; `--json` lists all.
const SHOWN_CONFLICTS: usize = 20;

/// Write what Kith knows into files of an open format
#[derive(Subcommand)]
pub enum Export {
    Library(ExportLibrary),
}

impl Export {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Library(command) => command.run(library, out),
        }
    }
}

/// Write people, names, answers, albums and stars into one file
///
/// The file is JSON Lines: plain text that other programs can read, too. `kith import` takes it into
/// another library, also on another computer where the photos have other paths. The photos
/// themselves are not in it. It holds names and faces: keep it as safe as the library.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith export library kith.jsonl
  kith export library /media/stick/kith.jsonl --library ~/shoot

An export that is there is replaced; anything else is not touched. `kith backup` copies a whole
library for the same computer.")]
pub struct ExportLibrary {
    /// Where to write it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What became of a file.
#[derive(Serialize)]
struct FileLine {
    file: String,
    state: &'static str,
}

/// What became of all files, and what is in them.
#[derive(Serialize)]
struct ExportSummary {
    written: u32,
    unchanged: u32,
    failed: u32,
    people: u32,
    photos: u32,
    faces: u32,
}

impl ExportLibrary {
    fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let control = Arc::new(Control::new());
        stop_on_ctrl_c(Arc::clone(&control))?;
        let mut shown = Shown::new();
        let exported = library.export(&self.file, &control, &mut |progress| {
            shown.at("Writing", progress.done, progress.total, " photos", None);
        })?;
        drop(shown);
        let file = self.file.display().to_string();
        if out.is_json() {
            let state = if exported.unchanged {
                "unchanged"
            } else {
                "written"
            };
            out.object(&FileLine { file, state })?;
            return out.object(&ExportSummary {
                written: u32::from(!exported.unchanged),
                unchanged: u32::from(exported.unchanged),
                failed: 0,
                people: exported.people,
                photos: exported.photos,
                faces: exported.faces,
            });
        }
        let holds = format!(
            "{}, {} and {}",
            count(exported.people, "person", "people"),
            count(exported.photos, "photo", "photos"),
            count(exported.faces, "face", "faces")
        );
        if exported.unchanged {
            out.line(&format!("{file} has all of it already: {holds}."))
        } else {
            out.line(&format!("{file} has {holds}."))
        }
    }
}

/// Take over people, names, answers, albums and stars from an export
///
/// Photos are recognised by their content, wherever they are. What the file says of photos that are
/// not in this library yet holds as soon as `kith index` finds them. What you said in this library
/// stays: where the file says otherwise, that is listed. `kith undo` takes an import back.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith import kith.jsonl
  kith import kith.jsonl --dry-run           only say what it would do
  kith import kith.jsonl --library ~/new     into a library of its own")]
pub struct Import {
    /// A file that `kith export library` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who wrote it: kith, or auto to find out
    #[arg(long, value_name = "PROGRAM", default_value = "auto")]
    from: String,
    /// Say what it would do, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Import {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        if !["auto", "kith"].contains(&self.from.as_str()) {
            bail!(
                "Kith cannot import from “{}” yet. It imports what `kith export library` wrote: \
                 leave --from out, or say --from kith.",
                self.from
            );
        }
        let control = Arc::new(Control::new());
        stop_on_ctrl_c(Arc::clone(&control))?;
        let mut shown = Shown::new();
        let (summary, conflicts) = library.import(
            &self.file,
            self.dry_run,
            SystemTime::now(),
            &control,
            &mut |progress| {
                shown.at("Comparing", progress.done, progress.total, " photos", None);
            },
        )?;
        drop(shown);
        if out.is_json() {
            conflicts
                .iter()
                .try_for_each(|conflict| out.object(conflict))?;
            return out.object(&summary);
        }
        tell(&summary, &conflicts, self.dry_run, out)
    }
}

fn tell(
    summary: &ImportSummary,
    conflicts: &[Conflict],
    dry_run: bool,
    out: &mut Output,
) -> anyhow::Result<()> {
    for of in conflicts.iter().take(SHOWN_CONFLICTS) {
        let about = [of.photo.as_deref(), of.about.as_deref()];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        let about = if about.is_empty() {
            String::new()
        } else {
            format!(" ({})", about.join(", "))
        };
        out.line(&format!(
            "Kept the {}{about}: here “{}”, in the file “{}”.",
            of.conflict, of.here, of.file
        ))?;
    }
    let rest = conflicts.len().saturating_sub(SHOWN_CONFLICTS);
    if rest > 0 {
        out.line(&format!("… and {rest} more: kith import --json lists all."))?;
    }
    let answers = count(summary.added, "new answer", "new answers");
    let people = count(summary.people, "person", "people");
    let unchanged = match summary.unchanged {
        0 => String::new(),
        unchanged => format!("; {unchanged} were here already"),
    };
    let found = format!(
        "{} found and {} drawn",
        count(summary.faces_matched, "face", "faces"),
        summary.faces_drawn
    );
    let verb = if dry_run { "Would import" } else { "Imported" };
    out.line(&format!(
        "{verb}: {answers} about {people}{unchanged}. {found}."
    ))?;
    if summary.photos_waiting > 0 {
        out.line(&format!(
            "{} with answers {} not in this library yet. Add the folder they are in, and the answers \
             hold: kith index FOLDER",
            count(summary.photos_waiting, "photo", "photos"),
            if summary.photos_waiting == 1 { "is" } else { "are" }
        ))?;
    }
    Ok(())
}
