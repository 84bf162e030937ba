//! Looks at the folders: whole, one folder, cancelled, killed, beside another process, with files that may
//! not be read, with disks that are unplugged; and backups of the library.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kith_engine::{Action, Control};

use super::check::{Violation, wrong_names};
use super::model::{Row, Said, Sight};
use super::pictures::Content;
use super::{Backup, Life};

impl Life {
    pub(super) fn readable_roots(&self) -> Vec<PathBuf> {
        let roots = self.disk.roots.iter();
        roots
            .filter(|root| root.unplugged.is_none())
            .map(|root| root.path.clone())
            .collect()
    }

    /// A whole look, by this process or by the command.
    pub(super) fn look(&mut self) -> Result<Vec<Violation>> {
        let roots = self.readable_roots();
        // Without a folder named, all that the library knows are looked at.
        let named = self.model.rows.is_empty()
            || self.restored
            || self.disk.roots.iter().any(|root| {
                !self
                    .model
                    .present()
                    .any(|(_, row)| row.path.starts_with(&root.path))
            })
            || self.dice.chance(0.3);
        let folders = if named { roots } else { Vec::new() };
        if self.dice.chance(0.3) {
            self.note(format!("kith index, {} folders named", folders.len()));
            let folders: Vec<String> = folders.iter().map(|of| of.display().to_string()).collect();
            let mut arguments = vec!["index"];
            arguments.extend(folders.iter().map(String::as_str));
            self.program.lines(&arguments)?;
        } else {
            self.note(format!("look, {} folders named", folders.len()));
            self.library()?
                .index(&folders, &Control::new(), &mut |_| {})
                .context("looking")?;
        }
        self.seen_all();
        let mut wrong = self.check()?;
        if wrong.is_empty() && self.dice.chance(0.2) {
            wrong = self.integrity()?;
        }
        Ok(wrong)
    }

    /// Tells the model that the library has seen all files that can be read.
    pub(super) fn seen_all(&mut self) {
        let files = self.disk.readable();
        if self.restored {
            let rows = self.model.present().map(|(_, row)| row.path.clone());
            let left = rows.filter(|path| self.disk.root_of(path).is_none());
            self.left_behind.extend(left);
        }
        self.follow_roots(None);
        let disk = &self.disk;
        self.model.look(&Sight {
            files: &files,
            covers: &|path| disk.is_readable(path),
            elsewhere: &|path| disk.files.get(path).cloned(),
            touched: &self.touched,
            restored: self.restored,
        });
        self.touched.clear();
        self.edited.clear();
        (self.stale, self.restored) = (false, false);
    }

    /// A root that is at another place is known again as a whole.
    fn follow_roots(&mut self, only: Option<&Path>) {
        for row in self.model.rows.iter_mut().filter(|row| !row.gone) {
            let now = self.disk.now(&row.path);
            if only.is_none_or(|only| now.starts_with(only)) && self.disk.is_readable(&now) {
                row.path = now;
            }
        }
    }

    /// A look at one folder, as after *Add folder*.
    pub(super) fn look_at_one(&mut self) -> Result<Vec<Violation>> {
        let roots = self.readable_roots();
        let root = self.dice.pick(&roots).clone();
        self.note(format!("look at {}", self.short(&root)));
        let named = [root.clone()];
        self.library()?
            .index(&named, &Control::new(), &mut |_| {})?;
        let all = self.disk.readable().into_iter();
        let files = all.filter(|(path, _)| path.starts_with(&root)).collect();
        self.follow_roots(Some(&root));
        let disk = &self.disk;
        self.model.look(&Sight {
            files: &files,
            covers: &|path| path.starts_with(&root) && disk.is_readable(path),
            elsewhere: &|path| disk.files.get(path).cloned(),
            touched: &self.touched,
            restored: false,
        });
        let here = |path: &PathBuf| !path.starts_with(&root);
        self.touched.retain(here);
        self.edited.retain(here);
        self.check()
    }

    /// Rows that a path may stand for while the library has not seen all files.
    fn wrong_meanwhile(&mut self) -> Result<Vec<Violation>> {
        let seen = self.observed()?;
        let on_disk = self.disk.files.clone();
        let rows = self.model.rows.clone();
        let of = |path: &Path, content: &Arc<Content>| -> Vec<Row> {
            rows.iter()
                .filter(|row| row.content.scene == content.scene || row.path == path)
                .cloned()
                .map(|mut row| {
                    row.content = Arc::clone(content);
                    row
                })
                .collect()
        };
        let at = |path: &Path| -> Vec<Row> {
            let mut all: Vec<Row> = rows
                .iter()
                .filter(|row| row.path == path)
                .cloned()
                .collect();
            all.extend(
                on_disk
                    .get(path)
                    .into_iter()
                    .flat_map(|content| of(path, content)),
            );
            all
        };
        Ok(wrong_names(&self.model, &mut self.scenes, &seen, &at))
    }

    /// A look that is cancelled, killed, or goes on beside other work.
    pub(super) fn trouble_while_looking(&mut self) -> Result<Vec<Violation>> {
        let kind = self.dice.below(4);
        if kind == 3 {
            // Decisions beside it are about photos that do not change meanwhile.
            let wrong = self.look()?;
            if !wrong.is_empty() {
                return Ok(wrong);
            }
        }
        for _ in 0..self.dice.below(3) {
            if self.disk.files.len() < super::MOST_PHOTOS {
                self.add_photo()?;
            }
        }
        let roots = self.readable_roots();
        let folders: Vec<String> = roots.iter().map(|of| of.display().to_string()).collect();
        let mut arguments = vec!["index"];
        arguments.extend(folders.iter().map(String::as_str));
        match kind {
            0 => {
                let photos = self.dice.below(3);
                self.note(format!("look, cancelled after {photos} photos"));
                let control = Control::new();
                self.library()?.index(&roots, &control, &mut |progress| {
                    if progress.done >= photos {
                        control.cancel();
                    }
                })?;
                self.stale = true;
            }
            1 | 2 => {
                let time = Duration::from_millis(u64::from(self.dice.below(900)));
                self.note(format!("kith index, killed after {time:?}"));
                let ended = self.program.killed_after(&arguments, time)?;
                self.stale = true;
                if ended {
                    self.note("it had ended before".into());
                }
                let wrong = self.integrity()?;
                if !wrong.is_empty() {
                    return Ok(wrong);
                }
            }
            _ => {
                self.note("kith index beside this process".into());
                let mut child = self.program.quiet_child(&arguments)?;
                let mut wrong = Vec::new();
                for _ in 0..3 {
                    wrong.extend(self.favourite()?);
                }
                let status = child.wait()?;
                ensure!(status.success(), "kith index beside decisions: {status}");
                if !wrong.is_empty() {
                    return Ok(wrong);
                }
                self.seen_all();
                return self.check();
            }
        }
        self.wrong_meanwhile()
    }

    /// A look while some files and folders may not be read, and one after.
    pub(super) fn locked_look(&mut self) -> Result<Vec<Violation>> {
        let wrong = self.look()?;
        if !wrong.is_empty() {
            return Ok(wrong);
        }
        let files: Vec<PathBuf> = self.disk.readable().into_keys().collect();
        let folders = self.disk.folders();
        let folder = self
            .dice
            .chance(0.3)
            .then(|| self.dice.pick(&folders).clone());
        let path = folder.unwrap_or_else(|| self.dice.pick(&files).clone());
        if self.disk.roots.iter().any(|root| root.path == path) {
            return Ok(Vec::new());
        }
        // A file that was touched has to be read again, and cannot be.
        let changed = path.extension().is_some() && self.dice.chance(0.5);
        if changed {
            let seconds = self.dice.below(1 << 20);
            self.disk.touch(&path, u64::from(seconds))?;
        }
        self.note(format!(
            "no permission for {}{}",
            self.short(&path),
            if changed { ", which was touched" } else { "" }
        ));
        self.disk.lock(&path)?;
        if std::fs::read(&path).is_ok() || std::fs::read_dir(&path).is_ok() {
            // The superuser may read everything.
            self.disk.unlock()?;
            return Ok(Vec::new());
        }
        let wrong = if changed {
            let named = self.readable_roots();
            self.library()?
                .index(&named, &Control::new(), &mut |_| {})?;
            self.wrong_meanwhile()?
        } else {
            self.look()?
        };
        self.disk.unlock()?;
        if !wrong.is_empty() {
            return Ok(wrong);
        }
        self.note("permission given back".into());
        self.look()
    }

    /// A disk is unplugged, looked for, and plugged in again: there, or elsewhere.
    pub(super) fn unplug(&mut self) -> Result<Vec<Violation>> {
        let mut wrong = self.look()?;
        let many = 1 + self.dice.below(2);
        let mut roots: Vec<usize> = (0..self.disk.roots.len()).collect();
        while roots.len() > many as usize {
            let at = self.dice.below(roots.len() as u32) as usize;
            roots.remove(at);
        }
        for root in &roots {
            let leave_empty = self.dice.chance(0.3);
            self.note(format!(
                "unplug {}{}",
                self.short(&self.disk.roots[*root].path.clone()),
                if leave_empty {
                    ", its folder stays"
                } else {
                    ""
                }
            ));
            self.disk.unplug(*root, leave_empty)?;
        }
        for _ in 0..self.dice.below(3) {
            if wrong.is_empty() {
                wrong = match self.dice.below(3) {
                    0 => self.look()?,
                    1 => self.action()?,
                    _ => self.check()?,
                };
            }
        }
        let mut elsewhere = false;
        for root in &roots {
            let moved = self.dice.chance(0.5);
            elsewhere |= moved;
            self.disk.plug_in(*root, moved)?;
            self.note(format!(
                "plug in {}",
                self.short(&self.disk.roots[*root].path.clone())
            ));
        }
        if wrong.is_empty() {
            wrong = if elsewhere && self.dice.chance(0.5) {
                self.look_at_one()?
            } else {
                self.look()?
            };
        }
        if wrong.is_empty() && elsewhere {
            wrong = self.look()?;
        }
        Ok(wrong)
    }

    /// A folder is taken out of the library; that is undone, or the folder is added again.
    pub(super) fn forget_folder(&mut self) -> Result<Vec<Violation>> {
        let wrong = self.look()?;
        if !wrong.is_empty() {
            return Ok(wrong);
        }
        let roots = self.readable_roots();
        let root = self.dice.pick(&roots).clone();
        let is_undone = self.dice.chance(0.5);
        let again = if is_undone {
            "undo that"
        } else {
            "add it again"
        };
        self.note(format!("take {} out and {again}", self.short(&root)));
        let path = root.display().to_string();
        let now = std::time::SystemTime::now();
        let remove = Action::RemoveFolder { path };
        let decision = self.library()?.decide(remove, now)?.decision;
        self.model.log.0.push((decision, Said::ByKith));
        let seen = self.observed()?;
        let left = seen.photos.keys().find(|path| path.starts_with(&root));
        if let Some(left) = left {
            return Ok(vec![Violation {
                kind: "photo of a folder that was taken out",
                what: left.display().to_string(),
            }]);
        }
        let undo = decision + 1;
        if is_undone {
            self.library()?.decide(Action::TakeBack { decision }, now)?;
        } else {
            self.library()?
                .index(&[root], &Control::new(), &mut |_| {})?;
        }
        self.model.log.0.push((undo, Said::Undo(decision)));
        let wrong = self.check()?;
        if !wrong.is_empty() {
            return Ok(wrong);
        }
        // A redo is to be of what the model knows.
        let sureness = self.library()?.sureness()?;
        let same = self
            .library()?
            .decide(Action::Sureness { sureness }, now)?
            .decision;
        self.model.log.0.push((same, Said::Other));
        self.check()
    }

    /// The library is backed up, or an older backup takes its place.
    pub(super) fn backup_or_restore(&mut self) -> Result<Vec<Violation>> {
        let by_command = self.dice.chance(0.5);
        if self.backups.is_empty() || self.dice.chance(0.6) {
            let number = self.disk.number();
            let file = self
                .program
                .library()
                .with_file_name(format!("{number}.kith"));
            self.note(format!("backup {number}"));
            if by_command {
                let path = file.display().to_string();
                self.program.lines(&["backup", &path])?;
            } else {
                self.library()?.backup(&file)?;
            }
            let model = self.model.clone();
            self.backups.push(Backup { file, model });
            return self.check();
        }
        let at = self.dice.below(self.backups.len() as u32) as usize;
        let file = self.backups[at].file.clone();
        self.note(format!("restore {}", file.display()));
        // The window stays open meanwhile.
        self.library()?;
        if by_command {
            let path = file.display().to_string();
            self.program.lines(&["restore", &path])?;
        } else {
            self.library()?.restore(&file)?;
        }
        let now = self.model.clone();
        self.model = self.backups[at].model.clone();
        self.model.numbers_of(&now);
        self.stale = true;
        self.restored = true;
        let mut wrong = self.integrity()?;
        if wrong.is_empty() {
            wrong = self.look()?;
        }
        Ok(wrong)
    }

    /// Whether the catalog is sound.
    pub(super) fn integrity(&mut self) -> Result<Vec<Violation>> {
        let path = self.program.library().join("catalog.sqlite");
        let catalog = kith_engine::catalog::Catalog::open(&path).context("opening the catalog")?;
        let said: String = catalog
            .connection()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        Ok(if said == "ok" {
            Vec::new()
        } else {
            vec![Violation {
                kind: "damaged catalog",
                what: said,
            }]
        })
    }
}
