//! Does with files what people do: rename, renumber, swap, move, copy, delete, edit, replace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Life;
use super::pictures::Edit;

impl Life {
    /// A path where nothing lies, in one of the folders.
    pub(super) fn new_path(&mut self, extension: &str) -> PathBuf {
        let roots = self.readable_roots();
        let root = self.dice.pick(&roots).clone();
        let folder = *self.dice.pick(&["", "2019", "2020", "2020/summer"]);
        let number = self.disk.number();
        root.join(folder)
            .join(format!("IMG_{number:04}.{extension}"))
    }

    /// A new name for a file: in its folder, below it, above it, or in another root.
    fn another_place(&mut self, path: &Path) -> PathBuf {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let number = self.disk.number();
        let name = format!("{number:04}.{extension}");
        let folder = path.parent().unwrap_or(path).to_path_buf();
        let root = self
            .disk
            .root_of(path)
            .map(|root| self.disk.roots[root].path.clone());
        match self.dice.below(4) {
            0 => folder.join(name),
            1 => folder.join("sorted").join(name),
            2 if root.as_ref() != Some(&folder) => folder
                .parent()
                .unwrap_or(&folder)
                .join(path.file_name().unwrap_or_default()),
            _ => self.new_path(&extension),
        }
    }

    /// Files that may be renamed, moved or copied: what was edited is looked at first, as nobody could tell
    /// an edit of a picture at another place from a new picture.
    fn movable(&self) -> Vec<PathBuf> {
        let files = self.disk.readable().into_keys();
        files.filter(|path| !self.edited.contains(path)).collect()
    }

    /// Whether a root keeps a file without this one; an empty one would count as away.
    fn not_the_last(&self, path: &Path) -> bool {
        let Some(root) = self.disk.root_of(path) else {
            return false;
        };
        let root = &self.disk.roots[root].path;
        let files = self.disk.files.keys();
        files.filter(|other| other.starts_with(root)).count() > 1
    }

    fn moved(&mut self, to: &[PathBuf]) {
        self.touched.extend(to.iter().cloned());
    }

    /// One of what people do with files.
    pub(super) fn file_operation(&mut self) -> Result<()> {
        let files = self.movable();
        if files.is_empty() {
            return self.add_photo();
        }
        let path = self.dice.pick(&files).clone();
        let kind = match self.dice.below(20) {
            0 | 1 => "rename",
            2 => "rename-over",
            3 | 4 => "ring",
            5 => "number",
            6 | 7 => "folders",
            8 | 9 => "copy",
            10 => "delete",
            11 => "delete-original",
            12 | 13 => "edit",
            14 => "touch",
            15 => "replace",
            16 => "all-at-once",
            _ => "new",
        };
        if self.is_without(kind) {
            return Ok(());
        }
        match kind {
            "rename" => {
                let to = self.another_place(&path);
                if self.not_the_last(&path) && !self.disk.files.contains_key(&to) {
                    self.note(format!(
                        "rename {} to {}",
                        self.short(&path),
                        self.short(&to)
                    ));
                    self.disk.rename(&path, &to)?;
                    self.moved(&[to]);
                }
            }
            "rename-over" => self.rename_over(&path)?,
            "ring" => {
                let ring = self.dice.some(&files, 4);
                if ring.len() > 1 && same_extension(&ring) {
                    let names: Vec<String> = ring.iter().map(|path| self.short(path)).collect();
                    self.note(format!("in a ring: {}", names.join(" → ")));
                    self.disk.rotate(&ring)?;
                    self.moved(&ring);
                }
            }
            "number" => self.number_anew(&path)?,
            "folders" => self.rename_folder()?,
            "copy" => {
                let to = self.another_place(&path);
                let room = self.disk.files.len() < super::MOST_PHOTOS;
                if room && !self.disk.files.contains_key(&to) {
                    self.note(format!("copy {} to {}", self.short(&path), self.short(&to)));
                    self.disk.copy(&path, &to)?;
                    self.moved(&[to]);
                }
            }
            "delete" => {
                if self.not_the_last(&path) {
                    self.note(format!("delete {}", self.short(&path)));
                    self.disk.delete(&path)?;
                }
            }
            "delete-original" => self.delete_an_original()?,
            "edit" => self.edit(&path)?,
            "touch" => {
                let time = self.dice.below(1 << 24);
                self.note(format!("touch {}", self.short(&path)));
                self.disk.touch(&path, u64::from(time))?;
            }
            "replace" => self.replace(&path)?,
            "all-at-once" => self.metadata_name_and_folder(&path)?,
            _ => {
                if self.disk.files.len() < super::MOST_PHOTOS {
                    self.add_photo()?;
                }
            }
        }
        Ok(())
    }

    fn metadata_name_and_folder(&mut self, path: &Path) -> Result<()> {
        let content = self.disk.files[path].clone();
        let new = self
            .studio
            .edited(&mut self.dice, &content, Edit::Metadata)?;
        let to = self.another_place(path);
        if self.not_the_last(path) && !self.disk.files.contains_key(&to) {
            self.note(format!(
                "metadata of {}, which moves to {}",
                self.short(path),
                self.short(&to)
            ));
            self.disk.write(path, &new)?;
            self.disk.rename(path, &to)?;
            self.moved(&[to]);
        }
        Ok(())
    }

    fn rename_over(&mut self, path: &Path) -> Result<()> {
        let others: Vec<PathBuf> = self.movable();
        let others: Vec<PathBuf> = others
            .into_iter()
            .filter(|other| other != path && other.extension() == path.extension())
            .collect();
        if others.is_empty() || !self.not_the_last(path) {
            return Ok(());
        }
        let over = self.dice.pick(&others).clone();
        self.note(format!(
            "rename {} over {}",
            self.short(path),
            self.short(&over)
        ));
        self.disk.rename(path, &over)?;
        self.moved(&[over]);
        Ok(())
    }

    /// All files of a folder get numbers in the order of their names, as after one was deleted.
    fn number_anew(&mut self, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(path).to_path_buf();
        let mut files = self.movable();
        files.retain(|file| file.parent() == Some(&folder));
        let all = self
            .disk
            .files
            .keys()
            .filter(|file| file.parent() == Some(&folder));
        if all.count() != files.len() || files.len() < 2 || !self.not_the_last(&files[0]) {
            return Ok(());
        }
        self.note(format!(
            "delete the first in {} and number anew",
            self.short(&folder)
        ));
        let first = files.remove(0);
        self.disk.delete(&first)?;
        let mut names: Vec<PathBuf> = vec![first];
        for file in files {
            let extension = file.extension().map(|of| of.to_string_lossy().into_owned());
            let free = names.iter().position(|name| {
                name.extension().map(|of| of.to_string_lossy().into_owned()) == extension
            });
            if let Some(free) = free {
                let to = names.remove(free);
                self.disk.rename(&file, &to)?;
                self.moved(&[to]);
                names.push(file);
            }
        }
        Ok(())
    }

    fn rename_folder(&mut self) -> Result<()> {
        let roots: Vec<PathBuf> = self.readable_roots();
        let mut folders = self.disk.folders();
        folders.retain(|folder| {
            !roots.contains(folder) && !self.edited.iter().any(|path| path.starts_with(folder))
        });
        folders.sort();
        folders.dedup();
        if folders.is_empty() {
            return Ok(());
        }
        let from = self.dice.pick(&folders).clone();
        let to = if self.dice.chance(0.5) {
            self.dice.pick(&folders).clone()
        } else {
            let number = self.disk.number();
            let root = self.dice.pick(&roots).clone();
            root.join(format!("folder {number}"))
        };
        if to.starts_with(&from) || from.starts_with(&to) {
            return Ok(());
        }
        // No root may be left without a file.
        let root = self.disk.root_of(&from);
        let stays = self
            .disk
            .files
            .keys()
            .any(|path| self.disk.root_of(path) == root && !path.starts_with(&from));
        if !stays {
            return Ok(());
        }
        self.note(format!(
            "folder {} ⇄ {}",
            self.short(&from),
            self.short(&to)
        ));
        self.disk.rename_folder(&from, &to)?;
        let inside: Vec<PathBuf> = self
            .disk
            .files
            .keys()
            .filter(|path| path.starts_with(&from) || path.starts_with(&to))
            .cloned()
            .collect();
        self.moved(&inside);
        Ok(())
    }

    /// Of two files with one picture, the one that the library knew first is deleted.
    fn delete_an_original(&mut self) -> Result<()> {
        let mut by_data: BTreeMap<u32, Vec<PathBuf>> = BTreeMap::new();
        for (path, content) in self.disk.readable() {
            by_data.entry(content.data).or_default().push(path);
        }
        let copied: Vec<Vec<PathBuf>> = by_data
            .into_values()
            .filter(|paths| paths.len() > 1 && paths.iter().all(|path| !self.edited.contains(path)))
            .collect();
        if copied.is_empty() {
            return Ok(());
        }
        let paths = self.dice.pick(&copied).clone();
        let first = paths.iter().min_by_key(|path| self.model.at(path));
        let Some(first) = first.filter(|path| self.not_the_last(path)).cloned() else {
            return Ok(());
        };
        self.note(format!("delete {}, which has a copy", self.short(&first)));
        self.disk.delete(&first)
    }

    /// Edits a picture where it lies, as editors do: written anew, or beside it and renamed.
    fn edit(&mut self, path: &Path) -> Result<()> {
        let edit = *self.dice.pick(&[
            Edit::Metadata,
            Edit::Metadata,
            Edit::Orientation,
            Edit::Crop,
            Edit::Rotate,
            Edit::Resize,
            Edit::Recolour,
        ]);
        let content = self.disk.files[path].clone();
        if edit.changes_pixels() {
            let known = self.model.at(&path.to_path_buf());
            let same = known.is_some_and(|at| self.model.rows[at].content.data == content.data);
            if !same || self.touched.contains(path) {
                return Ok(());
            }
            self.edited.insert(path.to_owned());
        }
        let new = self.studio.edited(&mut self.dice, &content, edit)?;
        let beside = self.dice.chance(0.5);
        self.note(format!(
            "{edit:?} of {}{}",
            self.short(path),
            if beside { ", renamed over it" } else { "" }
        ));
        if beside {
            let draft = path.with_extension("tmp");
            self.disk.write(&draft, &new)?;
            self.disk.rename(&draft, path)
        } else {
            self.disk.write(path, &new)
        }
    }

    /// Another picture takes the place of a file, by chance with its size and time.
    fn replace(&mut self, path: &Path) -> Result<()> {
        if !self.not_the_last(path) {
            return Ok(());
        }
        let room = fs::metadata(path)?.len() as usize;
        let extension = path.extension().unwrap_or_default().to_owned();
        for _ in 0..4 {
            let new = self.studio.photo(&mut self.dice)?;
            if *new.extension != *extension {
                continue;
            }
            if self.dice.chance(0.3) || self.is_without("same-size") {
                self.note(format!("another picture as {}", self.short(path)));
                self.moved(&[path.to_path_buf()]);
                return self.disk.write(path, &new);
            }
            if let Some(padded) = self.studio.padded(&new, room) {
                self.note(format!(
                    "another picture as {}, of the same size and time",
                    self.short(path)
                ));
                self.moved(&[path.to_path_buf()]);
                return self.disk.write_with_old_time(path, &padded);
            }
        }
        Ok(())
    }
}

fn same_extension(paths: &[PathBuf]) -> bool {
    paths
        .windows(2)
        .all(|pair| pair[0].extension() == pair[1].extension())
}
