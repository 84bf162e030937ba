//! Moves a whole library to another place at once, as to a new computer: half of the files get new names, a
//! tenth other metadata, a tenth are cropped, a tenth copied. Every answer must be there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Life;
use super::check::Violation;
use super::pictures::Edit;

/// What came of it.
#[derive(Debug)]
pub struct Moved {
    /// Photos before the move.
    pub photos: usize,
    /// Faces that were confirmed.
    pub confirmed: usize,
    /// What was not as it must be.
    pub wrong: Vec<Violation>,
    /// What was done.
    pub trace: Vec<String>,
}

/// How the library comes to its new place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The folder is another one now, the library the same.
    Renaming,
    /// A backup is restored into an empty library.
    Restoring,
}

/// Answers questions about so many photos, moves them, and compares.
///
/// # Errors
/// When the harness itself fails.
pub fn moved_library(
    portraits: &Path,
    kith: &Path,
    seed: u64,
    photos: usize,
    by: By,
) -> Result<Moved> {
    let mut temporary = tempfile::Builder::new().prefix("kith-moved-").tempdir()?;
    let dir = temporary.path().canonicalize()?;
    let mut life = Life::new(&dir, portraits, kith, seed)?;
    while life.disk.files.len() < photos {
        life.add_photo()?;
    }
    let mut wrong = life.look()?;
    for _ in 0..photos {
        if wrong.is_empty() {
            wrong = life.action()?;
        }
    }
    if wrong.is_empty() && by == By::Restoring {
        let file = dir.join("library.kith").display().to_string();
        life.program.lines(&["backup", &file])?;
        life.library = None;
        life.program = super::Program::new(kith, &dir.join("another library"));
        life.program.lines(&["restore", &file])?;
    }
    if wrong.is_empty() {
        life.move_all()?;
        wrong = life.look_at_new_places()?;
    }
    if wrong.is_empty() {
        wrong = life.look()?;
    }
    if !wrong.is_empty() {
        temporary.disable_cleanup(true);
        life.note(format!("its folder stays: {}", dir.display()));
    }
    let answers = life.model.log.replay(&[]);
    Ok(Moved {
        photos,
        confirmed: answers.confirmed.len(),
        wrong,
        trace: life.trace,
    })
}

impl Life {
    fn move_all(&mut self) -> Result<()> {
        for root in 0..self.disk.roots.len() {
            self.disk.unplug(root, false)?;
            self.disk.plug_in(root, true)?;
        }
        let files: Vec<PathBuf> = self.disk.files.keys().cloned().collect();
        for (number, path) in files.iter().enumerate() {
            let content = self.disk.files[path].clone();
            match number % 10 {
                0 => {
                    let new = self
                        .studio
                        .edited(&mut self.dice, &content, Edit::Metadata)?;
                    self.disk.write(path, &new)?;
                }
                // Even numbers are renamed as well: what is cropped keeps its name.
                1 => {
                    let new = self.studio.edited(&mut self.dice, &content, Edit::Crop)?;
                    self.note(format!("Crop of {}", self.short(path)));
                    self.disk.write(path, &new)?;
                }
                3 => {
                    let to = path.with_file_name(format!("copy {number}"));
                    let to = to.with_extension(path.extension().context("an ending")?);
                    self.disk.copy(path, &to)?;
                }
                _ => {}
            }
            if number % 2 == 0 {
                let to = path.with_file_name(format!("renamed {number}"));
                let to = to.with_extension(path.extension().context("an ending")?);
                self.disk.rename(path, &to)?;
            }
        }
        self.note("the library is moved, renamed, edited and copied".into());
        Ok(())
    }

    /// The command looks at the new places.
    fn look_at_new_places(&mut self) -> Result<Vec<Violation>> {
        let roots = self.readable_roots();
        let folders: Vec<String> = roots.iter().map(|of| of.display().to_string()).collect();
        let mut arguments = vec!["index"];
        arguments.extend(folders.iter().map(String::as_str));
        self.program.lines(&arguments)?;
        self.seen_all();
        self.check()
    }
}
