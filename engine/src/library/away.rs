//! Lists the photos that are away, by the folder or volume that is not connected.

use std::collections::BTreeMap;
use std::path::Path;

use super::Library;
use crate::catalog::folders;
use crate::{AwayFolder, PhotoId, Result};

impl Library {
    /// The photos that could not be reached at the last look, by the folder of the library or the mount
    /// point inside of one that holds them; ordered by path.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`].
    pub fn away(&self) -> Result<Vec<AwayFolder>> {
        let rows = self.rows()?;
        let roots = &rows.facts.folders;
        let mut away: BTreeMap<&Path, Vec<PhotoId>> = BTreeMap::new();
        let mut photos = rows
            .facts
            .photos
            .iter()
            .filter(|photo| photo.away)
            .peekable();
        if photos.peek().is_none() {
            return Ok(Vec::new());
        }
        let mounts = folders::mounts(self.catalog().connection())?;
        let inside = mounts.iter().map(|(mount, _)| mount);
        let inside = inside.filter(|mount| roots.iter().any(|root| mount.starts_with(root)));
        let holders: Vec<&Path> = roots.iter().chain(inside).map(AsRef::as_ref).collect();
        for photo in photos {
            let holds = holders
                .iter()
                .filter(|folder| photo.path.starts_with(folder));
            let innermost = holds.max_by_key(|folder| folder.as_os_str().len());
            if let Some(folder) = innermost.copied().or_else(|| photo.path.parent()) {
                away.entry(folder).or_default().push(photo.id);
            }
        }
        let named = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_owned();
        let has_namesake = |path: &Path| {
            let same = away.keys().filter(|other| named(other) == named(path));
            same.count() > 1
        };
        let folder = |(path, photos): (&&Path, &Vec<PhotoId>)| AwayFolder {
            name: if has_namesake(path) {
                path.display().to_string()
            } else {
                named(path).display().to_string()
            },
            path: path.display().to_string(),
            photos: photos.clone(),
        };
        Ok(away.iter().map(folder).collect())
    }
}
