//! Lists the files that a look through the folders left out, and stores the user's ignore patterns.

use super::Library;
use crate::catalog::{folders, skipped};
use crate::scan::{Chosen, wrong_pattern};
use crate::{Error, Result, Skipped};

/// Most patterns in the settings of a library.
const MOST_PATTERNS: usize = 1_000;
/// Longest pattern in bytes.
const LONGEST_PATTERN: usize = 1_000;

impl Library {
    /// What the last looks through the folders left out, by path.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn skipped(&self) -> Result<Vec<Skipped>> {
        let rows = skipped::all(self.catalog().connection())?;
        let skipped = |row: skipped::Skipped| Skipped {
            path: row.path.display().to_string(),
            rule: row.rule,
            files: row.files,
        };
        Ok(rows.into_iter().map(skipped).collect())
    }

    /// The patterns of what the user wants left out, in gitignore's syntax, in their order.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn ignore_patterns(&self) -> Result<Vec<String>> {
        skipped::patterns(self.catalog().connection())
    }

    /// Takes other patterns, which hold from the next look on. Photos that are left out are no longer
    /// shown; what was said about them stays, and holds again when they are let in.
    ///
    /// # Errors
    /// [`Error::IgnorePattern`] and [`Error::TooManyPatterns`] when one is none, or they are too many;
    /// nothing is changed then. [`Error::ReadOnly`], [`Error::Catalog`].
    pub fn set_ignore_patterns(&self, patterns: &[String]) -> Result<()> {
        let lines: Vec<String> = patterns
            .iter()
            .map(|line| line.trim_end_matches(['\r', '\n']).to_owned())
            .filter(|line| !line.trim().is_empty())
            .collect();
        if lines.len() > MOST_PATTERNS {
            return Err(Error::TooManyPatterns(MOST_PATTERNS));
        }
        for line in &lines {
            let too_long = (line.len() > LONGEST_PATTERN)
                .then(|| format!("it is longer than {LONGEST_PATTERN} bytes"));
            if let Some(reason) = too_long.or_else(|| wrong_pattern(line)) {
                let pattern = line.chars().take(80).collect();
                return Err(Error::IgnorePattern { pattern, reason });
            }
        }
        self.check_writable()?;
        self.catalog()
            .transaction(|connection| skipped::set_patterns(connection, &lines))
    }

    /// What the user chose: the folders, and what is left out of them.
    pub(super) fn chosen(&self) -> Result<Chosen> {
        let catalog = self.catalog();
        Ok(Chosen {
            roots: folders::all(catalog.connection())?,
            patterns: skipped::patterns(catalog.connection())?,
            // As the walk and the system name it: without links.
            library: Some(
                self.folder
                    .canonicalize()
                    .unwrap_or_else(|_| self.folder.clone()),
            ),
        })
    }
}
