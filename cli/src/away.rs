//! Says which photos cannot be reached because their drive or folder is not connected.

use std::collections::HashSet;

use kith_engine::{AwayFolder, Library, PhotoId};

use crate::output::{Output, count};

/// A line for each folder with photos that are away.
pub fn tell(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    for folder in library.away()? {
        let photos = count(folder.photos.len() as u32, "photo", "photos");
        line(&photos, folder.photos.len(), &folder, out)?;
    }
    Ok(())
}

/// The same of the photos that a search found.
pub fn tell_of(found: &[PhotoId], library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let found: HashSet<PhotoId> = found.iter().copied().collect();
    for folder in library.away()? {
        let inside = folder.photos.iter();
        let inside = inside.filter(|photo| found.contains(photo)).count();
        if inside > 0 {
            line(&format!("{inside} of these photos"), inside, &folder, out)?;
        }
    }
    Ok(())
}

fn line(photos: &str, number: usize, folder: &AwayFolder, out: &mut Output) -> anyhow::Result<()> {
    let are = if number == 1 { "is" } else { "are" };
    let AwayFolder { name, path, .. } = folder;
    out.line(&format!(
        "{photos} {are} on {name}, which is not connected; all that is known of them is kept: {path}"
    ))
}
