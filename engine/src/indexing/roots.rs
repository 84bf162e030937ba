//! Tells which of the library's folders cannot be reached, and recognises those that are at a new place.
//!
//! A folder that is not there, or that is empty where photos were (an unmounted drive's mount point), is
//! *away*: nothing is concluded from it. A volume is known by its UUID wherever it is mounted; another folder
//! is recognised by its files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::Job;
use crate::catalog::folders;
use crate::catalog::photos::{self, Known};
use crate::photo;
use crate::scan::Found;
use crate::volume::{self, Mount};
use crate::{MovedFolder, Result};

/// Files by which a folder is recognised, and photos that are looked for in it.
const SAMPLE: usize = 100;

/// The folders of a look.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// Below these nothing can be reached.
    away: Vec<PathBuf>,
    /// Folders that were recognised at a new place.
    pub(super) moved: Vec<MovedFolder>,
    /// Folders of which the user said that another folder with the same photos is not them.
    separate: Vec<PathBuf>,
}

impl Roots {
    pub(super) fn is_away(&self, path: &Path) -> bool {
        self.away.iter().any(|away| path.starts_with(away))
    }

    /// Whether a photo is away and stays what it is, though the same content is found elsewhere.
    pub(super) fn is_kept_apart(&self, photo: &Path) -> bool {
        self.is_away(photo) && self.separate.iter().any(|away| photo.starts_with(away))
    }
}

/// The folder of the library that a new folder is at a new place, as its files tell; none where the user
/// said that it is another folder, or where its volume says as much. Changes nothing.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub(crate) fn moved_root(
    connection: &Connection,
    new: &Path,
    find: &dyn Fn() -> Vec<Found>,
) -> Result<Option<(PathBuf, u32)>> {
    let all = folders::all(connection)?;
    if all.iter().any(|folder| new.starts_with(folder)) {
        return Ok(None);
    }
    let known = photos::known(connection)?;
    let volumes = moved_volumes(connection, &volume::mounts())?;
    let follows_volume = |folder: &Path| {
        let mut moved = volumes.iter();
        moved.any(|(from, to)| folder.starts_with(from) && new.starts_with(to))
    };
    let separate = folders::separate(connection)?;
    let away: Vec<&PathBuf> = all
        .iter()
        .filter(|folder| holds_photos(folder, &known) && !is_reachable(folder))
        .filter(|folder| !follows_volume(folder) && !are_separate(&separate, folder, new))
        .collect();
    if away.is_empty() {
        return Ok(None);
    }
    let found = find();
    let inside: Vec<&Found> = found.iter().collect();
    let was = away
        .into_iter()
        .find(|folder| is_at_new_place(folder, &inside, &known));
    Ok(was.map(|was| {
        let photos = known.iter().filter(|photo| !photo.gone);
        let photos = photos.filter(|photo| photo.path.starts_with(was)).count();
        (was.clone(), photos as u32)
    }))
}

fn are_separate(separate: &[(PathBuf, PathBuf)], away: &Path, other: &Path) -> bool {
    separate
        .iter()
        .any(|pair| pair.0 == away && pair.1 == other)
}

fn holds_photos(folder: &Path, known: &[Known]) -> bool {
    known
        .iter()
        .any(|photo| !photo.gone && photo.path.starts_with(folder))
}

/// Volumes with photos that are mounted elsewhere by now: where they were, and where they are.
fn moved_volumes(connection: &Connection, mounted: &[Mount]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut moved = Vec::new();
    for (path, volume) in folders::mounts(connection)? {
        if !is_mounted_at(mounted, &path, volume.as_ref())
            && let Some(mount) = mount_of(mounted, volume.as_ref())
        {
            moved.push((path, mount.path.clone()));
        }
    }
    Ok(moved)
}

/// Whether a volume, or any where its UUID is not known, is mounted at this path.
fn is_mounted_at(mounted: &[Mount], path: &Path, volume: Option<&String>) -> bool {
    let mut here = mounted.iter().filter(|mount| mount.path == path);
    here.any(|mount| volume.is_none() || mount.volume.as_ref() == volume)
}

/// Where a volume is mounted.
fn mount_of<'a>(mounted: &'a [Mount], volume: Option<&String>) -> Option<&'a Mount> {
    let mut mounted = mounted.iter();
    mounted.find(|mount| volume.is_some() && mount.volume.as_ref() == volume)
}

impl Job<'_> {
    /// Follows volumes and folders that are at a new place, and says what cannot be reached. `found` are
    /// the files of this look.
    pub(super) fn place_roots(&mut self, found: &[Found]) -> Result<Roots> {
        let roots = self.named;
        let mounted = volume::mounts();
        let mut placed = Roots::default();
        self.follow_volumes(&mounted, &mut placed)?;
        let connection = self.catalog.connection();
        let known = photos::known(connection)?;
        let all = folders::all(connection)?;
        let separate = folders::separate(connection)?;
        placed.separate = separate.iter().map(|(away, _)| away.clone()).collect();
        for folder in all.iter().chain(roots) {
            if holds_photos(folder, &known) && !is_reachable(folder) {
                placed.away.push(folder.clone());
            }
        }
        for root in roots {
            let is_new = !all.iter().any(|folder| root.starts_with(folder));
            if !is_new || placed.is_away(root) {
                continue;
            }
            let inside: Vec<&Found> = found
                .iter()
                .filter(|file| file.path.starts_with(root))
                .collect();
            let was = all.iter().find(|folder| {
                placed.away.contains(folder)
                    && !are_separate(&separate, folder, root)
                    && is_at_new_place(folder, &inside, &known)
            });
            if let Some(was) = was.cloned() {
                placed.away.retain(|away| *away != was);
                let photos = self
                    .catalog
                    .transaction(|connection| relocate(connection, &was, root))?;
                placed.moved.push(MovedFolder::new(&was, root, photos));
            }
        }
        self.note_mounts(&mounted)?;
        Ok(placed)
    }

    /// Takes the paths of what lay on a volume along to where it is mounted now; what lay on one that is
    /// not mounted is away.
    fn follow_volumes(&mut self, mounted: &[Mount], placed: &mut Roots) -> Result<()> {
        for (path, volume) in folders::mounts(self.catalog.connection())? {
            if is_mounted_at(mounted, &path, volume.as_ref()) {
                continue;
            }
            match mount_of(mounted, volume.as_ref()) {
                Some(mount) => {
                    let photos = self.catalog.transaction(|connection| {
                        let photos = relocate(connection, &path, &mount.path)?;
                        folders::remove_mount(connection, &path)?;
                        folders::add_mount(connection, &mount.path, volume.as_deref())?;
                        Ok(photos)
                    })?;
                    if photos > 0 {
                        placed
                            .moved
                            .push(MovedFolder::new(&path, &mount.path, photos));
                    }
                }
                None if is_reachable(&path) => {
                    // Its files were copied to where it was mounted.
                    self.catalog
                        .transaction(|connection| folders::remove_mount(connection, &path))?;
                }
                None => placed.away.push(path),
            }
        }
        Ok(())
    }

    /// Keeps which volumes the folders lie on, and which are mounted inside of them.
    fn note_mounts(&mut self, mounted: &[Mount]) -> Result<()> {
        self.catalog.transaction(|connection| {
            let roots = folders::all(connection)?;
            for root in self.named.iter().chain(&roots).filter(|root| root.is_dir()) {
                let above = mounted.iter().filter(|mount| root.starts_with(&mount.path));
                let holds = above.max_by_key(|mount| mount.path.as_os_str().len());
                let inside = mounted.iter().filter(|mount| mount.path.starts_with(root));
                for mount in holds.into_iter().chain(inside) {
                    folders::add_mount(connection, &mount.path, mount.volume.as_deref())?;
                }
            }
            Ok(())
        })
    }
}

/// Whether something is in a folder. That of a drive which is not connected is missing, or empty.
fn is_reachable(folder: &Path) -> bool {
    if folder.is_file() {
        return true;
    }
    std::fs::read_dir(folder)
        .is_ok_and(|mut entries| entries.next().is_some_and(|first| first.is_ok()))
}

/// Whether the files `inside` of a folder are what was in the folder `was`: half of a sample of them are
/// photos of it by their content, and half of a sample of its photos have a file of their size.
fn is_at_new_place(was: &Path, inside: &[&Found], known: &[Known]) -> bool {
    let photos: Vec<&Known> = known
        .iter()
        .filter(|photo| !photo.gone && photo.content.is_some() && photo.path.starts_with(was))
        .collect();
    let sizes: HashSet<u64> = inside.iter().map(|file| file.stamp.size).collect();
    let sampled: Vec<_> = sample(&photos).collect();
    let there = sampled
        .iter()
        .filter(|photo| sizes.contains(&photo.stamp.size))
        .count();
    if sampled.is_empty() || there * 2 < sampled.len() {
        return false;
    }
    let contents: HashSet<[u8; 32]> = photos.iter().filter_map(|photo| photo.content).collect();
    let sizes: HashSet<u64> = photos.iter().map(|photo| photo.stamp.size).collect();
    let sampled: Vec<_> = sample(inside).collect();
    let known_ones = sampled.iter().filter(|file| {
        // A file of another size has another content, and need not be opened.
        sizes.contains(&file.stamp.size)
            && photo::hashes(&file.path).is_ok_and(|of| contents.contains(&of.content))
    });
    known_ones.count() * 2 >= sampled.len()
}

/// Up to [`SAMPLE`] of them, spread over all.
fn sample<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(SAMPLE).max(1))
}

/// What lay below one folder lies below another now; says how many photos. A photo whose new path is
/// another's stays: it is matched by its content.
fn relocate(connection: &Connection, from: &Path, to: &Path) -> Result<u32> {
    let moved_path = |path: &Path| -> Option<PathBuf> {
        let below = path.strip_prefix(from).ok()?;
        // Joining nothing would end the path with a separator.
        Some(if below.as_os_str().is_empty() {
            to.to_owned()
        } else {
            to.join(below)
        })
    };
    let mut moved = 0;
    for photo in photos::known(connection)?
        .iter()
        .filter(|photo| !photo.gone)
    {
        let Some(path) = moved_path(&photo.path) else {
            continue;
        };
        if photos::at_path(connection, &path)?.is_none() {
            photos::set_path(connection, photo.id, &path)?;
            moved += 1;
        }
    }
    for folder in folders::all(connection)? {
        if let Some(path) = moved_path(&folder) {
            folders::remove(connection, &folder)?;
            folders::add(connection, &path)?;
        }
    }
    Ok(moved)
}
