//! Keeps the files of a random library: what lies where, and what file operations make of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::pictures::Content;

/// A folder that the library reads.
#[derive(Debug, Clone)]
pub struct Root {
    /// Where it is, or belongs while it is away.
    pub path: PathBuf,
    /// Where its files are while it is unplugged.
    pub unplugged: Option<PathBuf>,
}

/// The files.
#[derive(Debug)]
pub struct Disk {
    base: PathBuf,
    /// The folders that the library reads.
    pub roots: Vec<Root>,
    /// What lies at each path, also in folders that are unplugged: there, by the path it belongs to.
    pub files: BTreeMap<PathBuf, Arc<Content>>,
    /// Places of roots before, and where they went.
    pub moved_roots: Vec<(PathBuf, PathBuf)>,
    /// Folders and files that nobody may read.
    pub locked: Vec<PathBuf>,
    names: u32,
}

impl Disk {
    /// Empty folders below `base`.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn new(base: &Path) -> Result<Self> {
        let mut roots = Vec::new();
        for name in ["pictures", "phone", "backup disk"] {
            let path = base.join(name);
            fs::create_dir_all(path.join("2019"))?;
            fs::create_dir_all(path.join("2020"))?;
            roots.push(Root {
                path,
                unplugged: None,
            });
        }
        Ok(Self {
            base: base.to_owned(),
            roots,
            files: BTreeMap::new(),
            moved_roots: Vec::new(),
            locked: Vec::new(),
            names: 0,
        })
    }

    /// A number that no name had.
    pub fn number(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// Below which root a path lies.
    #[must_use]
    pub fn root_of(&self, path: &Path) -> Option<usize> {
        self.roots
            .iter()
            .position(|root| path.starts_with(&root.path))
    }

    /// Whether the path can be read, as far as folders and locks go.
    #[must_use]
    pub fn is_readable(&self, path: &Path) -> bool {
        let there = self
            .root_of(path)
            .is_some_and(|root| self.roots[root].unplugged.is_none());
        there && !self.locked.iter().any(|locked| path.starts_with(locked))
    }

    /// Where a path is now that lay in a root which is somewhere else by now.
    #[must_use]
    pub fn now(&self, path: &Path) -> PathBuf {
        let moved = |path: PathBuf, (old, new): &(PathBuf, PathBuf)| match path.strip_prefix(old) {
            Ok(rest) => new.join(rest),
            Err(_) => path,
        };
        self.moved_roots.iter().fold(path.to_owned(), moved)
    }

    /// Files that can be read.
    #[must_use]
    pub fn readable(&self) -> BTreeMap<PathBuf, Arc<Content>> {
        let files = self.files.iter();
        files
            .filter(|(path, _)| self.is_readable(path))
            .map(|(path, content)| (path.clone(), Arc::clone(content)))
            .collect()
    }

    /// Folders with files that can be read.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let files = self.readable();
        let mut folders: Vec<PathBuf> = files
            .keys()
            .filter_map(|path| path.parent().map(Path::to_path_buf))
            .collect();
        folders.dedup();
        folders
    }

    /// Writes a file, new or over another.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, path: &Path, content: &Arc<Content>) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, &content.bytes).with_context(|| format!("writing {}", path.display()))?;
        self.files.insert(path.to_owned(), Arc::clone(content));
        Ok(())
    }

    /// Writes a file and leaves its time as it was.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_with_old_time(&mut self, path: &Path, content: &Arc<Content>) -> Result<()> {
        let time = fs::metadata(path)?.modified()?;
        self.write(path, content)?;
        let file = fs::File::options().write(true).open(path)?;
        Ok(file.set_modified(time)?)
    }

    /// Renames a file, over another if there is one.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(from, to).with_context(|| format!("renaming {}", from.display()))?;
        if let Some(content) = self.files.remove(from) {
            self.files.insert(to.to_owned(), content);
        }
        Ok(())
    }

    /// Renames several files at once: each goes to the place of the next.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn rotate(&mut self, ring: &[PathBuf]) -> Result<()> {
        let Some(last) = ring.last() else {
            return Ok(());
        };
        let aside = self.base.join("aside");
        self.rename(last, &aside)?;
        for pair in ring.windows(2).rev() {
            self.rename(&pair[0], &pair[1])?;
        }
        self.rename(&aside, &ring[0])
    }

    /// Renames a folder with all that is in it; two folders exchange names if `to` is one.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn rename_folder(&mut self, from: &Path, to: &Path) -> Result<()> {
        if to.exists() {
            let aside = self.base.join("aside folder");
            fs::rename(to, &aside)?;
            fs::rename(from, to)?;
            fs::rename(&aside, from)?;
        } else {
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(from, to)?;
        }
        let moved = |path: &PathBuf| -> PathBuf {
            match (path.strip_prefix(from), path.strip_prefix(to)) {
                (Ok(rest), _) => to.join(rest),
                (_, Ok(rest)) => from.join(rest),
                _ => path.clone(),
            }
        };
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files
            .map(|(path, content)| (moved(&path), content))
            .collect();
        Ok(())
    }

    /// A copy of a file.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
        let content = self.files.get(from).context("no such file")?.clone();
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
        self.files.insert(to.to_owned(), content);
        Ok(())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn delete(&mut self, path: &Path) -> Result<()> {
        fs::remove_file(path)?;
        self.files.remove(path);
        Ok(())
    }

    /// Gives a file another time and nothing else.
    ///
    /// # Errors
    /// When the system does not let us.
    #[allow(clippy::unused_self)] // An act on the disk like the others.
    pub fn touch(&self, path: &Path, seconds: u64) -> Result<()> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000 + seconds);
        Ok(fs::File::options()
            .write(true)
            .open(path)?
            .set_modified(time)?)
    }

    /// Takes the permission to read a file or folder away.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn lock(&mut self, path: &Path) -> Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000))?;
        self.locked.push(path.to_owned());
        Ok(())
    }

    /// Gives all permissions back.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn unlock(&mut self) -> Result<()> {
        for path in std::mem::take(&mut self.locked).into_iter().rev() {
            let mode = if path.extension().is_some() {
                0o644
            } else {
                0o755
            };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Unplugs a root: its folder is gone, or an empty one is left.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn unplug(&mut self, root: usize, leave_empty: bool) -> Result<()> {
        let number = self.number();
        let aside = self.base.join(format!("unplugged {number}"));
        let root = &mut self.roots[root];
        fs::rename(&root.path, &aside)?;
        if leave_empty {
            fs::create_dir(&root.path)?;
        }
        root.unplugged = Some(aside);
        Ok(())
    }

    /// Plugs a root in again, where it was or at another place.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn plug_in(&mut self, at: usize, elsewhere: bool) -> Result<()> {
        let number = self.number();
        let root = &mut self.roots[at];
        let Some(aside) = root.unplugged.take() else {
            return Ok(());
        };
        let old = root.path.clone();
        if old.exists() {
            fs::remove_dir(&old)?;
        }
        if elsewhere {
            root.path = self.base.join(format!("mounted {number}/disk"));
            fs::create_dir_all(root.path.parent().context("a root has a parent")?)?;
        }
        let new = root.path.clone();
        fs::rename(&aside, &new)?;
        if new != old {
            self.moved_roots.push((old.clone(), new.clone()));
        }
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files
            .map(|(path, content)| match path.strip_prefix(&old) {
                Ok(rest) => (new.join(rest), content),
                Err(_) => (path, content),
            })
            .collect();
        Ok(())
    }
}
