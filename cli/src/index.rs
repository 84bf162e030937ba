//! `kith index`: reads folders, shows how far it is, and says who was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use kith_engine::{Control, IndexSummary, Library, MovedFolder, Person, Phase, Progress, Speed};
use serde::Serialize;

use crate::away;
use crate::output::{Output, count};
use crate::progress::Shown;
use crate::skipped;

/// Find the faces on the photos of some folders
///
/// Reads every photo below the folders given, and remembers the folders. Without a folder, those
/// that were given before are read again. Photos that have not changed since the last time are
/// not opened again. Ctrl+C stops after the photo in hand; the same command goes on from there.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith index ~/Pictures                     read all photos below a folder
  kith index /media/camera ~/Scans          read two folders
  kith index                                look for what is new in all of them
  kith index --keep-apart /media/copy       a copy of a folder that is not connected, not its new place
  kith --library /tmp/try index ~/Pictures  try it without touching your library

A folder of the library that is found at a new place is taken over, with all you said of its photos.
`kith folders` lists the folders, and `kith folders remove` removes one.

Photos: JPEG, PNG, WebP, TIFF, GIF, BMP, cameras' raw files (the picture inside). `kith failed` lists those that could not be read,
`kith skipped` what was left out: caches and trash of other programs, hidden files, what your patterns say.")]
pub struct Index {
    /// Folders of photos
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Add the folders as folders of their own, even where one looks like a folder of the library at a new
    /// place; must be said when it is first read
    #[arg(long, requires = "folders")]
    keep_apart: bool,
    /// Wait whenever the computer runs on its battery
    #[arg(long)]
    wait_for_mains: bool,
}

/// Exit status of a program that Ctrl+C ended.
const KILLED: i32 = 130;

const ON_BATTERY: &str = "On the battery: waiting for the mains. Ctrl+C stops.";
const ON_MAINS: &str = "On the mains again.";

/// The summary as the contract has it.
#[derive(Serialize)]
pub struct Summary {
    photos: u32,
    faces: u32,
    groups: u32,
    failed: u32,
    unchanged: u32,
    away: u32,
    moved_folders: Vec<MovedFolder>,
    skipped: BTreeMap<String, u32>,
    seconds: f64,
}

impl From<&IndexSummary> for Summary {
    fn from(of: &IndexSummary) -> Self {
        Self {
            photos: of.photos,
            faces: of.faces,
            groups: of.groups,
            failed: of.failed,
            unchanged: of.unchanged,
            away: of.away,
            moved_folders: of.moved_folders.clone(),
            skipped: of.skipped.clone(),
            seconds: of.seconds,
        }
    }
}

impl Index {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let control = Arc::new(Control::new());
        stop_on_ctrl_c(Arc::clone(&control))?;
        if self.wait_for_mains {
            control.wait_for_mains(Arc::new(true.into()), |waits| {
                eprintln!("{}", if waits { ON_BATTERY } else { ON_MAINS });
            });
        }
        if self.keep_apart {
            for folder in &self.folders {
                keep_apart(library, folder, &control, out)?;
            }
        }
        let mut shown = Shown::new();
        let summary = library.index(&self.folders, &control, &mut |progress| {
            show(&mut shown, &progress);
        })?;
        drop(shown);
        if out.is_json() {
            out.object(&Summary::from(&summary))?;
        } else {
            tell(library, &summary, out)?;
        }
        if summary.cancelled {
            bail!(
                "Stopped. {} and {} are in the library, and the same command goes on from there.",
                count(summary.photos, "photo", "photos"),
                count(summary.faces, "face", "faces"),
            );
        }
        Ok(())
    }
}

/// Says of a folder that it is none of the library's at a new place.
fn keep_apart(
    library: &Library,
    folder: &Path,
    control: &Control,
    out: &mut Output,
) -> anyhow::Result<()> {
    // More than one folder that is not connected may hold these photos.
    while let Some(moved) = library.moved_folder(folder, control)? {
        library.keep_apart(&moved)?;
        if !out.is_json() {
            let MovedFolder { from, to, .. } = moved;
            out.line(&format!(
                "Kept apart from {from}, which is not connected: {to}"
            ))?;
        }
    }
    Ok(())
}

/// Cancels the job at the first Ctrl+C, and ends the program at the second.
pub fn stop_on_ctrl_c(control: Arc<Control>) -> anyhow::Result<()> {
    on_ctrl_c(control, || ())
}

/// The same, and runs `then` at the first.
pub fn on_ctrl_c(control: Arc<Control>, then: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        if control.is_cancelled() {
            process::exit(KILLED);
        }
        control.cancel();
        then();
    })
    .context("Cannot listen for Ctrl+C")
}

fn show(shown: &mut Shown, progress: &Progress) {
    let doing = match progress.phase {
        Phase::Scanning => "Looking for photos",
        Phase::Reading => "Finding faces",
        Phase::Comparing => "Comparing photos",
        Phase::Grouping => "Grouping people",
    };
    let unreadable = match progress.failed {
        0 => String::new(),
        failed => format!(" · {failed} not readable"),
    };
    let faces = count(progress.faces, "face", "faces");
    let speed = progress.speed.map_or_else(String::new, |speed| {
        let Speed { photos, faces } = speed;
        format!(" · {photos:.1} photos and {faces:.1} faces a second")
    });
    let details = format!(" · {faces}{unreadable}{speed}");
    shown.at(
        doing,
        progress.done,
        progress.total,
        &details,
        progress.seconds_left,
    );
}

/// How many people the table at the end shows.
const SHOWN_PEOPLE: usize = 12;

fn tell(library: &Library, summary: &IndexSummary, out: &mut Output) -> anyhow::Result<()> {
    let mut people: Vec<Person> = library
        .people()?
        .into_iter()
        .filter(|person| !person.hidden)
        .collect();
    people.sort_by_key(|person| std::cmp::Reverse(person.photos));
    let rest = people.len().saturating_sub(SHOWN_PEOPLE);
    people.truncate(SHOWN_PEOPLE);
    let mut rows = Vec::new();
    for person in &people {
        let example = library.person_faces(person.person)?.into_iter().next();
        rows.push([
            person.person.to_string(),
            person
                .name
                .clone()
                .unwrap_or_else(|| "not named yet".to_owned()),
            person.photos.to_string(),
            example.map_or_else(String::new, |face| face.path),
        ]);
    }
    if !rows.is_empty() {
        out.table(["PERSON", "NAME", "PHOTOS", "FOR EXAMPLE ON"], &rows)?;
        if rest > 0 {
            out.line(&format!("… and {rest} more: kith people"))?;
        }
        out.line("")?;
    }
    let unchanged = match summary.unchanged {
        0 => String::new(),
        unchanged => format!("; {} had not changed", count(unchanged, "file", "files")),
    };
    out.line(&format!(
        "{}, {}, {}{unchanged}. {:.1} s",
        count(summary.photos, "photo", "photos"),
        count(summary.faces, "face", "faces"),
        count(summary.groups, "person", "people"),
        summary.seconds,
    ))?;
    for moved in &summary.moved_folders {
        let photos = count(moved.photos, "photo", "photos");
        out.line(&format!(
            "{} is at a new place, and its {photos} with all you said of them are kept: {}",
            moved.from, moved.to
        ))?;
    }
    away::tell(library, out)?;
    if summary.failed > 0 {
        let files = count(summary.failed, "file", "files");
        out.line(&format!(
            "{files} could not be read; `kith failed` says why."
        ))?;
    }
    if let Some(sentence) = skipped::told(&summary.skipped) {
        out.line(&sentence)?;
    }
    if let Some(person) = people.iter().find(|person| person.name.is_none()) {
        out.line(&format!("Give a name: kith name {} \"…\"", person.person))?;
    }
    Ok(())
}
