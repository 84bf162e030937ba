//! `kith doctor`: what runs, and whether everything is sound.

use std::path::Path;

use clap::Args;
use kith_engine::check;

use crate::output::Output;

/// See whether everything that Kith needs is there and sound
///
/// Says what runs the networks and how fast, and looks at the weights and the library. Exit status 1
/// when something is wrong.
#[derive(Args)]
pub struct Doctor {}

impl Doctor {
    pub fn run(library: &Path, out: &mut Output) -> anyhow::Result<()> {
        let found = check(library)?;
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
            line("Library", format!("sound: {}", found.library.display())),
            line(
                "",
                format!(
                    "{} photos, {} faces, {} people with names",
                    found.photos, found.faces, found.named
                ),
            ),
        ];
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
