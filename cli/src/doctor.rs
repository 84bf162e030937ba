//! `kith doctor`: what runs, and whether everything is sound.

use std::path::Path;

use clap::Args;
use kith_engine::{Library, check};

use crate::encryption::{PassphraseSource, text};
use crate::output::{Output, count};

/// See whether everything that Kith needs is there and sound
///
/// Says what runs the networks and how fast, and looks at the weights and the library, with every row of
/// its catalog. Exit status 1 when something is wrong. With --repair, what can be made again is made
/// again, and a damaged catalog is put together from what can be read of it and from the newest copy that
/// the library kept; the damaged file is set aside.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith doctor
  kith doctor --repair

JSON of --repair: damage (what was wrong, or null), set_aside (name of the copy of the damaged catalog,
or null), decisions_lost, rows_lost, rows_from_backup, thumbnails, photos, faces, named.")]
pub struct Doctor {
    /// Repair the library
    #[arg(long)]
    repair: bool,
}

impl Doctor {
    pub fn run(
        self,
        library: &Path,
        source: &PassphraseSource,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let passphrase = source.of_library(library)?;
        if self.repair {
            return repair(library, text(passphrase.as_ref()), out);
        }
        let found = check(library, text(passphrase.as_ref()))?;
        if out.is_json() {
            return out.object(&found);
        }
        let faster = if found.precision == found.fastest {
            ""
        } else {
            "; KITH_PRECISION=fastest would be faster and round more"
        };
        let many = if found.device == "processor" {
            ""
        } else {
            " when many photos are read"
        };
        let line = |name: &str, words: String| [name.to_owned(), words];
        let mut rows = vec![
            line(
                "Networks",
                format!("run on the {}{many}: {}", found.device, found.why),
            ),
            line(
                "Processor",
                format!(
                    "{} threads, {}, {}{faster}",
                    found.threads, found.vectors, found.precision
                ),
            ),
            line("Speed", format!("{:.1} ms a face", found.face_ms)),
            line("Weights", format!("sound: {}", found.weights.display())),
            line(
                "Library",
                match found.read_only {
                    None if !found.made => format!(
                        "there is none yet in {}; `kith index FOLDER` makes one",
                        found.library.display()
                    ),
                    None => format!("sound: {}", found.library.display()),
                    Some(why) => format!(
                        "sound, but can only be read, because {why}: {}",
                        found.library.display()
                    ),
                },
            ),
            line(
                "",
                format!(
                    "{} photos, {} faces, {} people with names",
                    found.photos, found.faces, found.named
                ),
            ),
        ];
        if found.encrypted {
            rows.push(line("", "encrypted with a passphrase".to_owned()));
        }
        if found.failed > 0 {
            let failed = format!(
                "{} files could not be read; `kith failed` says why",
                found.failed
            );
            rows.push(line("", failed));
        }
        for folder in found.folders {
            let there = if folder.there {
                "there"
            } else {
                "not there now: is its drive unplugged?"
            };
            rows.push(line("Folder", format!("{}, {there}", folder.path)));
        }
        out.table(["", ""], &rows)
    }
}

fn repair(library: &Path, passphrase: Option<&str>, out: &mut Output) -> anyhow::Result<()> {
    let summary = Library::repair_with(library, passphrase)?;
    if out.is_json() {
        return out.object(&summary);
    }
    match &summary.damage {
        None => out.line("The catalog is sound. Who is who was derived again.")?,
        Some(damage) => {
            out.line(&format!("The catalog was damaged ({damage})."))?;
            if let Some(name) = &summary.set_aside {
                out.line(&format!("It was set aside as {name}."))?;
            }
            let lost = match (summary.decisions_lost, summary.rows_lost) {
                (0, 0) => "Nothing is known to be lost".to_owned(),
                (0, rows) => format!(
                    "Your answers are whole. Lost: {} about photos, faces and folders; `kith index FOLDER` reads them again",
                    count(rows, "entry", "entries")
                ),
                (answers, rows) => format!(
                    "Lost: {}, and {} about photos, faces and folders. They could not be read, and no sound copy has them; `kith index FOLDER` reads the photos again",
                    count(answers, "answer of yours", "answers of yours"),
                    count(rows.saturating_sub(answers), "entry", "entries")
                ),
            };
            out.line(&format!("{lost}."))?;
            if summary.rows_from_backup > 0 {
                let rows = count(summary.rows_from_backup, "entry", "entries");
                out.line(&format!(
                    "{rows} came from the newest sound copy that the library kept."
                ))?;
            }
        }
    }
    if summary.thumbnails > 0 {
        let pictures = count(summary.thumbnails, "small picture", "small pictures");
        out.line(&format!(
            "{pictures} were damaged and are made again when needed."
        ))?;
    }
    out.line(&format!(
        "Library: {}, {}, {}",
        count(summary.photos, "photo", "photos"),
        count(summary.faces, "face", "faces"),
        count(summary.named, "person with a name", "people with names"),
    ))
}
