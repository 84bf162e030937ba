//! Photos by folder: the tree of those that photos are in.

use std::collections::HashMap;
use std::path::Path;

use super::Library;
use super::rows::Rows;
use crate::{Error, PhotoFolder, PhotoId, Result};

impl Library {
    /// The folders that photos are in, those of the library and all below them, each before what is in
    /// it.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn photo_folders(&self) -> Result<Vec<PhotoFolder>> {
        let rows = self.rows()?;
        let mut folders: Vec<(&Path, Held)> = rows.held_by_folders().into_iter().collect();
        folders.sort_unstable_by_key(|(folder, _)| *folder);
        let told = |(folder, held): (&Path, Held)| PhotoFolder {
            path: folder.display().to_string(),
            depth: held.depth,
            photos: held.photos,
            cover: held.newest,
        };
        Ok(folders.into_iter().map(told).collect())
    }

    /// The photos in a folder and below it, the newest first; `path` as [`PhotoFolder`] has it.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when no photos are there, [`Error::Catalog`].
    pub fn folder_photos(&self, path: &str) -> Result<Vec<PhotoId>> {
        let rows = self.rows()?;
        let folders = rows.held_by_folders();
        let mut folders = folders.keys();
        let folder = folders
            .find(|folder| folder.display().to_string() == path)
            .ok_or_else(|| Error::NoFolder { path: path.into() })?;
        let photos = rows.facts.photos.iter();
        let inside = photos.filter(|photo| photo.path.starts_with(folder));
        Ok(inside.map(|photo| photo.id).collect())
    }
}

/// What a folder holds.
struct Held {
    depth: u32,
    photos: u32,
    newest: PhotoId,
}

impl Rows {
    fn held_by_folders(&self) -> HashMap<&Path, Held> {
        let mut held: HashMap<&Path, Held> = HashMap::new();
        for photo in &self.facts.photos {
            // Of folders that lie in each other, the outermost: they are in the order of their paths.
            let mut roots = self.facts.folders.iter();
            let Some(root) = roots.find(|root| photo.path.starts_with(root)) else {
                continue;
            };
            let above = photo.path.ancestors().skip(1);
            let inside: Vec<&Path> = above.take_while(|path| path.starts_with(root)).collect();
            for (depth, folder) in (0..).zip(inside.into_iter().rev()) {
                let of = held.entry(folder).or_insert(Held {
                    depth,
                    photos: 0,
                    newest: photo.id,
                });
                of.photos += 1;
            }
        }
        held
    }
}
