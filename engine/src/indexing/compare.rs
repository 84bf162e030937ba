//! Compares the files of a look with the catalog: what is unchanged, moved, gone or away is stored at once,
//! in one transaction, and what must be read is returned.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::identity::{self, File, Match, Unplaced};
use super::roots::Roots;
use super::{Job, Replaced, ToRead, store_skipped};
use crate::catalog::folders;
use crate::catalog::photos::{self, Known};
use crate::faces::MODEL;
use crate::photo::{self, Hashes, PhotoError};
use crate::scan::{FileStamp, Found, Walked};
use crate::{PhotoId, Progress, Result};

/// A new file is hashed ahead if it is so much longer or shorter than a missing photo at most: editing
/// metadata changes the length by less.
const METADATA_BYTES: u64 = 1 << 20;

/// What a look has to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order of the paths.
    pub(super) to_read: Vec<ToRead>,
    /// Files whose content the catalog knows.
    pub(super) unchanged: u32,
}

/// What is to be stored before anything is read.
#[derive(Default)]
struct Changes {
    /// The file of a photo is as it was, with this stamp.
    stamped: Vec<(PhotoId, FileStamp)>,
    /// A photo lies elsewhere; with a stamp that is no file's where it must be read again.
    moved: Vec<(PhotoId, PathBuf, FileStamp)>,
    gone: Vec<PhotoId>,
    /// Photos that could be reached, and cannot be now.
    away: Vec<PhotoId>,
    /// Files that could not be hashed.
    unread: Vec<(PathBuf, FileStamp, PhotoError)>,
}

/// A file that is new at its path, or changed.
struct Changed<'a> {
    path: &'a Path,
    stamp: FileStamp,
    at_path: Option<&'a Known>,
    hashes: Option<Hashes>,
}

impl Job<'_> {
    /// Compares what was found below the folders `read` with the catalog.
    pub(super) fn compare(
        &mut self,
        read: &[PathBuf],
        roots: &Roots,
        walked: &Walked,
        progress: &mut Progress,
    ) -> Result<Plan> {
        let Walked {
            found,
            troubles,
            skipped,
        } = walked;
        let known = photos::known(self.catalog.connection())?;
        let mut plan = Plan::default();
        let mut changes = Changes::default();
        let changed = sorted_out(found, &known, &mut plan, &mut changes);
        let there: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
        let mut missing: Vec<&Known> = Vec::new();
        for photo in known.iter().filter(|photo| !photo.gone) {
            let was_read = read.iter().any(|folder| photo.path.starts_with(folder));
            let unreadable = || troubles.iter().any(|of| photo.path.starts_with(&of.path));
            if there.contains(photo.path.as_path()) {
                continue;
            }
            if roots.is_away(&photo.path) {
                if !photo.away {
                    changes.away.push(photo.id);
                }
            } else if was_read && !unreadable() {
                missing.push(photo);
            } else if was_read && !photo.away && photo.content.is_some() {
                changes.away.push(photo.id);
            }
        }
        let changed = self.hashed(changed, &missing, &mut changes, progress)?;
        if self.control.is_cancelled() {
            // What was not hashed cannot be told from what is gone.
            return Ok(Plan::default());
        }
        place(
            &changed,
            &known,
            &missing,
            read,
            roots,
            &mut plan,
            &mut changes,
        );
        self.catalog.transaction(|connection| {
            for folder in self.named {
                folders::add(connection, folder)?;
            }
            store_skipped(connection, read, &self.chosen.roots, troubles, skipped)?;
            for trouble in troubles.iter().filter(|of| !roots.is_away(&of.path)) {
                photos::store_failed(
                    connection,
                    &trouble.path,
                    FileStamp::default(),
                    &trouble.why,
                )?;
            }
            // All leave their paths before one takes another's.
            let leave = changes.moved.iter().map(|(photo, ..)| photo);
            for photo in changes.gone.iter().chain(leave) {
                photos::set_gone(connection, *photo, true)?;
            }
            for (photo, path, stamp) in &changes.moved {
                photos::store_moved(connection, *photo, path, *stamp)?;
            }
            for (photo, stamp) in &changes.stamped {
                photos::set_stamp(connection, *photo, *stamp)?;
            }
            for (path, stamp, why) in &changes.unread {
                photos::store_failed(connection, path, *stamp, why)?;
            }
            for photo in &changes.away {
                photos::set_away(connection, *photo, true)?;
            }
            Ok(())
        })?;
        Ok(plan)
    }

    /// Hashes the changed files, and of the new ones those in which a photo may be that is not where it
    /// was. One that cannot be read now is left out.
    fn hashed<'a>(
        &mut self,
        mut changed: Vec<Changed<'a>>,
        missing: &[&Known],
        changes: &mut Changes,
        progress: &mut Progress,
    ) -> Result<Vec<Changed<'a>>> {
        let displaced = changed.iter().filter_map(|file| file.at_path);
        let unplaced = missing.iter().copied().chain(displaced);
        let mut sizes: Vec<u64> = unplaced
            .filter(|photo| photo.content.is_some())
            .map(|photo| photo.stamp.size)
            .collect();
        sizes.sort_unstable();
        let may_hold_one = |size: u64| {
            let nearest = sizes.partition_point(|of| *of < size.saturating_sub(METADATA_BYTES));
            sizes
                .get(nearest)
                .is_some_and(|of| *of <= size + METADATA_BYTES)
        };
        let to_hash: Vec<usize> = (0..changed.len())
            .filter(|at| changed[*at].at_path.is_some() || may_hold_one(changed[*at].stamp.size))
            .collect();
        let mut unread: HashSet<usize> = HashSet::new();
        self.in_chunks(&to_hash, progress, |_, some| {
            let hashed: Vec<_> = some
                .par_iter()
                .map(|at| photo::hashes(changed[*at].path))
                .collect();
            for (at, hashed) in some.iter().zip(hashed) {
                match hashed {
                    Ok(hashes) => changed[*at].hashes = Some(hashes),
                    Err(why) if why.is_passing() => {
                        let Changed { path, stamp, .. } = changed[*at];
                        changes.unread.push((path.to_owned(), stamp, why));
                        unread.insert(*at);
                    }
                    // Reading it says the same, and that is stored.
                    Err(_) => {}
                }
            }
            Ok(())
        })?;
        let left = changed.into_iter().enumerate();
        let left = left.filter(|(at, _)| !unread.contains(at));
        Ok(left.map(|(_, file)| file).collect())
    }
}

/// Sorts the files that are as the catalog knows them from those that are new or changed.
fn sorted_out<'a>(
    found: &'a [Found],
    known: &'a [Known],
    plan: &mut Plan,
    changes: &mut Changes,
) -> Vec<Changed<'a>> {
    let by_path = |gone: bool| -> HashMap<&Path, &Known> {
        let photos = known.iter().filter(|photo| photo.gone == gone);
        photos.map(|photo| (photo.path.as_path(), photo)).collect()
    };
    let (at, was_at) = (by_path(false), by_path(true));
    let mut changed = Vec::new();
    for file in found {
        let stamp = file.stamp;
        let path = file.path.as_path();
        let at_path = at.get(path).copied();
        let came_back = || {
            was_at
                .get(path)
                .copied()
                .filter(|photo| photo.content.is_some())
        };
        let photo = at_path.or_else(came_back);
        match photo.filter(|photo| photo.stamp.is_unchanged(&stamp)) {
            Some(photo) if photo.failed && !photo.gone => plan.unchanged += 1,
            Some(photo) if photo.content.is_some() && !photo.failed => {
                if photo.gone {
                    changes.moved.push((photo.id, path.to_owned(), stamp));
                } else if photo.stamp != stamp || photo.away || photo.passing {
                    changes.stamped.push((photo.id, stamp));
                }
                if photo.model.as_deref() == Some(MODEL.as_str()) {
                    plan.unchanged += 1;
                } else {
                    plan.to_read.push(ToRead::of_photo(path, stamp, photo.id));
                }
            }
            _ => changed.push(Changed {
                path,
                stamp,
                at_path,
                hashes: None,
            }),
        }
    }
    changed
}

/// Matches the changed and new files with the photos that are not where they were.
fn place(
    changed: &[Changed<'_>],
    known: &[Known],
    missing: &[&Known],
    read: &[PathBuf],
    roots: &Roots,
    plan: &mut Plan,
    changes: &mut Changes,
) {
    let by_id: HashMap<PhotoId, &Known> = known.iter().map(|photo| (photo.id, photo)).collect();
    let displaced: HashSet<PhotoId> = changed
        .iter()
        .filter_map(|file| Some(file.at_path?.id))
        .collect();
    let missing: HashSet<PhotoId> = missing.iter().map(|photo| photo.id).collect();
    let back: HashSet<PhotoId> = changes.moved.iter().map(|(photo, ..)| *photo).collect();
    let wanted: HashSet<[u8; 32]> = changed
        .iter()
        .filter_map(|file| file.hashes)
        .flat_map(|hashes| [Some(hashes.content), hashes.picture])
        .flatten()
        .collect();
    let is_wanted = |photo: &Known| {
        let hashes = [photo.content, photo.picture];
        hashes.iter().flatten().any(|hash| wanted.contains(hash))
    };
    let is_free = |photo: &Known| {
        displaced.contains(&photo.id)
            || missing.contains(&photo.id)
            || (is_wanted(photo)
                && !back.contains(&photo.id)
                && !roots.is_kept_apart(&photo.path)
                && (photo.gone || is_elsewhere(photo, read)))
    };
    let unplaced: Vec<Unplaced<'_>> = known
        .iter()
        .filter(|photo| photo.content.is_some() && is_free(photo))
        .map(|photo| Unplaced {
            id: photo.id,
            path: &photo.path,
            content: photo.content,
            picture: photo.picture,
            inode: photo.stamp.inode,
        })
        .collect();
    let files: Vec<File<'_>> = changed
        .iter()
        .map(|file| File {
            path: file.path,
            hashes: file.hashes,
            at_path: file.at_path.map(|photo| photo.id),
            inode: file.stamp.inode,
        })
        .collect();
    let mut placed: HashSet<PhotoId> = HashSet::new();
    for (file, found) in changed.iter().zip(identity::matches(&files, &unplaced)) {
        let &Changed { path, stamp, .. } = file;
        match found {
            Match::Same(photo) | Match::Moved(photo) => {
                placed.insert(photo);
                if matches!(found, Match::Moved(_)) {
                    changes.moved.push((photo, path.to_owned(), stamp));
                } else {
                    changes.stamped.push((photo, stamp));
                }
                let model = by_id[&photo].model.as_deref();
                if model == Some(MODEL.as_str()) {
                    plan.unchanged += 1;
                } else {
                    plan.to_read.push(ToRead::of_photo(path, stamp, photo));
                }
            }
            Match::Rewritten(photo) => {
                placed.insert(photo);
                if file.at_path.map(|of| of.id) != Some(photo) {
                    // Should the run end before it is read, no file has this stamp.
                    changes
                        .moved
                        .push((photo, path.to_owned(), FileStamp::default()));
                }
                plan.to_read.push(ToRead::of_photo(path, stamp, photo));
            }
            Match::Replacing(photo) => {
                placed.insert(photo);
                let content = by_id[&photo].content;
                let replaces = content.map(|content| Replaced { photo, content });
                plan.to_read.push(ToRead {
                    replaces,
                    ..ToRead::new(path, stamp)
                });
            }
            Match::New => plan.to_read.push(ToRead::new(path, stamp)),
        }
    }
    // Those whose picture is found nowhere; what could never be read leaves its row to the file.
    let read_before = |id: &&PhotoId| by_id[*id].content.is_some();
    let lost = displaced.iter().filter(read_before).chain(&missing);
    changes.gone.extend(lost.filter(|id| !placed.contains(id)));
    // One that was found elsewhere can be reached, though its drive cannot.
    changes.away.retain(|id| !placed.contains(id));
    plan.to_read.sort_by(|a, b| {
        let bytes = |file: &ToRead| photos::bytes_of(&file.path).to_owned();
        bytes(a).cmp(&bytes(b))
    });
}

/// Whether the file of a photo outside of the folders `read` is not any more where it was seen last.
fn is_elsewhere(photo: &Known, read: &[PathBuf]) -> bool {
    // Of what lies inside, this look has seen where it is.
    !read.iter().any(|folder| photo.path.starts_with(folder)) && has_left(photo)
}

/// Whether the file of a photo is missing, or another picture is at its path.
pub(super) fn has_left(photo: &Known) -> bool {
    let now = FileStamp::at(&photo.path);
    if now.is_ok_and(|now| photo.stamp.is_unchanged(&now)) {
        return false;
    }
    match photo::hashes(&photo.path) {
        Ok(hashes) => {
            let is_same = |of: Option<[u8; 32]>, now| of.is_some() && of == now;
            photo.content.is_some()
                && !is_same(photo.content, Some(hashes.content))
                && !is_same(photo.picture, hashes.picture)
        }
        Err(why) => matches!(
            why,
            PhotoError::Gone | PhotoError::NotAFile | PhotoError::Empty
        ),
    }
}
