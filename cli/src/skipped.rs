//! `kith skipped`: lists what looks through the folders left out, and keeps the user's own patterns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use kith_engine::Library;
use serde::Serialize;

use crate::output::{Output, count};

/// List what `kith index` left out, and say what else it is to leave out
///
/// Kith leaves out its own cache, caches and trash of other programs, hidden files and folders, and
/// folders with a file `.nomedia` or a valid `CACHEDIR.TAG`. A folder that you give to `kith index`
/// yourself is read all the same. Files `.kithignore` in any folder, and the patterns that --add keeps
/// in the library, leave out more; both are written as in a `.gitignore`.
///
/// Photos that are left out are no longer shown. What you said about them is kept, and holds again
/// when the pattern is gone.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith skipped                           what the last look left out, and why
  kith skipped --add 'Screenshots/'      leave out all folders of that name from the next look on
  kith skipped --add '*.png' --add '!keep.png'
  kith skipped --remove '*.png'          let them in again
  kith skipped --patterns                the patterns kept in the library
  kith skipped --json                    for scripts

JSON, one line a file or folder: path, rule, files (pictures and videos in it, by their names).
Rules: library, cachedir-tag, nomedia, hidden, kithignore, pattern, trash; apple-photos, lightroom,
immich, photoprism, digikam, nextcloud, synology, qnap, windows, macos; for pictures and videos that
Kith does not read, their extension (heic, mov, …), no-extension and other-extension.
With --patterns, --add or --remove, one line a pattern: pattern.")]
pub struct Skipped {
    /// Leave out files and folders that match this pattern
    #[arg(long, value_name = "PATTERN")]
    add: Vec<String>,
    /// No longer leave out what matches this pattern
    #[arg(long, value_name = "PATTERN")]
    remove: Vec<String>,
    /// List the patterns instead
    #[arg(long)]
    patterns: bool,
}

#[derive(Serialize)]
struct SkippedLine {
    path: String,
    rule: String,
    files: u32,
}

#[derive(Serialize)]
struct PatternLine {
    pattern: String,
}

impl Skipped {
    /// Whether it changes the library.
    pub fn changes(&self) -> bool {
        !self.add.is_empty() || !self.remove.is_empty()
    }

    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let changes = self.changes();
        if !changes && !self.patterns {
            return list(library, out);
        }
        let mut patterns = library.ignore_patterns()?;
        for gone in &self.remove {
            let before = patterns.len();
            patterns.retain(|pattern| pattern != gone);
            if patterns.len() == before {
                bail!(
                    "This library has no pattern “{gone}”; `kith skipped --patterns` lists them. \
                     Nothing was changed."
                );
            }
        }
        for new in self.add {
            // The last line that matches counts.
            patterns.retain(|pattern| *pattern != new);
            patterns.push(new);
        }
        if changes {
            library.set_ignore_patterns(&patterns)?;
        }
        let patterns = library.ignore_patterns()?;
        if !out.is_json() && patterns.is_empty() {
            return out.line("This library has no patterns.");
        }
        for pattern in patterns {
            if out.is_json() {
                out.object(&PatternLine { pattern })?;
            } else {
                out.line(&pattern)?;
            }
        }
        Ok(())
    }
}

fn list(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let skipped = library.skipped()?;
    if out.is_json() {
        for of in skipped {
            out.object(&SkippedLine {
                path: of.path,
                rule: of.rule,
                files: of.files,
            })?;
        }
        return Ok(());
    }
    if skipped.is_empty() {
        return out.line("The last look left nothing out.");
    }
    let rows: Vec<_> = skipped
        .into_iter()
        .map(|of| [of.files.to_string(), what(&of.rule), of.path])
        .collect();
    out.table(["FILES", "WHAT", "PATH"], &rows)
}

/// What the files are that a rule leaves out.
fn what(rule: &str) -> String {
    let what = match rule {
        "library" => "cache of Kith",
        "cachedir-tag" => "cache (CACHEDIR.TAG)",
        "nomedia" => "marked .nomedia",
        "apple-photos" => "previews of Apple Photos",
        "lightroom" => "previews of Lightroom",
        "immich" => "thumbnails of Immich",
        "photoprism" => "cache of PhotoPrism",
        "digikam" => "trash of digiKam",
        "nextcloud" => "previews and trash of Nextcloud",
        "synology" => "previews and trash of Synology",
        "qnap" => "previews and trash of QNAP",
        "windows" => "recycle bin of Windows",
        "macos" => "system files of macOS",
        "trash" => "trash",
        "hidden" => "hidden",
        "kithignore" => "in a .kithignore",
        "pattern" => "by your patterns",
        "no-extension" => "picture without an extension",
        "other-extension" => "picture with another extension",
        extension => return format!(".{extension}, not read yet"),
    };
    what.to_owned()
}

/// One sentence about what a look left out; none if it left nothing out.
pub fn told(skipped: &BTreeMap<String, u32>) -> Option<String> {
    /// So many rules are named.
    const NAMED: usize = 4;
    if skipped.is_empty() {
        return None;
    }
    let mut rules: Vec<(&String, &u32)> = skipped.iter().collect();
    rules.sort_by_key(|(_, files)| std::cmp::Reverse(**files));
    let all: u32 = skipped.values().sum();
    let mut sentence = format!("Left out {}: ", count(all, "file", "files"));
    for (at, (rule, files)) in rules.iter().take(NAMED).enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(sentence, "{comma}{files} {}", what(rule));
    }
    if rules.len() > NAMED {
        sentence += ", …";
    }
    Some(sentence + "; `kith skipped` lists them.")
}
