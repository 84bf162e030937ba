//! The user's own patterns of what is left out, in gitignore's syntax: files `.kithignore` and the
//! settings of a library.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::SkipRule;

/// Name of the files with patterns, which hold for the folder they lie in and all below it.
pub const IGNORE_FILE: &str = ".kithignore";
/// Longest such file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// The patterns that hold in a folder: those of the folder itself, and of the folders around it.
#[derive(Debug)]
pub(super) struct Patterns {
    here: Gitignore,
    rule: SkipRule,
    around: Option<Arc<Patterns>>,
}

impl Patterns {
    /// Adds the patterns of the library's settings, which count from the root `root` on.
    pub(super) fn of_settings(
        root: &Path,
        lines: &[String],
        around: Option<Arc<Self>>,
    ) -> Option<Arc<Self>> {
        let (here, _) = built(root, lines.iter().map(String::as_str));
        Self::inside(here, SkipRule::Pattern, around)
    }

    /// Adds the patterns of the file `.kithignore` in `folder`, and says what is wrong with its first
    /// line that makes no sense; such lines are left out.
    ///
    /// # Errors
    /// When the file cannot be read, or is too long.
    pub(super) fn of_file(
        folder: &Path,
        around: Option<Arc<Self>>,
    ) -> io::Result<(Option<Arc<Self>>, Option<String>)> {
        let file = folder.join(IGNORE_FILE);
        if !fs::metadata(&file)?.is_file() {
            return Ok((around, None));
        }
        let mut text = Vec::new();
        File::open(file)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut text)?;
        if text.len() as u64 > MAX_BYTES {
            let said = format!("{IGNORE_FILE} is longer than {} KB", MAX_BYTES >> 10);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, said));
        }
        let text = String::from_utf8_lossy(&text);
        let (here, wrong) = built(folder, text.trim_start_matches('\u{feff}').lines());
        Ok((Self::inside(here, SkipRule::Kithignore, around), wrong))
    }

    fn inside(here: Gitignore, rule: SkipRule, around: Option<Arc<Self>>) -> Option<Arc<Self>> {
        if here.is_empty() {
            return around;
        }
        Some(Arc::new(Self { here, rule, around }))
    }

    /// The rule by which a file or folder is left out: that of the innermost patterns that say
    /// anything of it, and there of the last.
    pub(super) fn rule_for(&self, path: &Path, is_dir: bool) -> Option<SkipRule> {
        let mut patterns = Some(self);
        while let Some(of) = patterns {
            match of.here.matched(path, is_dir) {
                Match::Ignore(_) => return Some(of.rule),
                Match::Whitelist(_) => return None,
                Match::None => patterns = of.around.as_deref(),
            }
        }
        None
    }
}

/// What is wrong with a pattern, if anything is.
#[must_use]
pub fn wrong_pattern(line: &str) -> Option<String> {
    built(Path::new("/"), std::iter::once(line)).1
}

fn built<'a>(root: &Path, lines: impl Iterator<Item = &'a str>) -> (Gitignore, Option<String>) {
    let mut builder = GitignoreBuilder::new(root);
    let mut wrong = None;
    for line in lines {
        if let Err(error) = builder.add_line(None, line) {
            wrong.get_or_insert_with(|| error.to_string());
        }
    }
    let built = builder.build().unwrap_or_else(|error| {
        wrong.get_or_insert_with(|| error.to_string());
        Gitignore::empty()
    });
    (built, wrong)
}
