//! Says which photos cannot be reached because their drive or folder is not there now.

use kith_engine::Library;

use crate::output::{Output, count};

/// A line for each folder of the library with such photos.
pub fn tell(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    for folder in library.folders()?.iter().filter(|folder| folder.away > 0) {
        out.line(&format!(
            "{} not connected now; all that is known of them is kept: {}",
            are(folder.away),
            folder.path
        ))?;
    }
    Ok(())
}

/// The same of what a search found: `photos` are the paths of those that cannot be reached.
pub fn tell_of(
    photos: &[String],
    what: &str,
    library: &Library,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut left: Vec<&String> = photos.iter().collect();
    for folder in library.folders()?.iter().filter(|folder| folder.away > 0) {
        let before = left.len();
        left.retain(|photo| !std::path::Path::new(photo).starts_with(&folder.path));
        let inside = (before - left.len()) as u32;
        if inside > 0 {
            out.line(&format!(
                "{} {what} {} on a drive or folder that is not connected now: {}",
                count(inside, "photo", "photos"),
                if inside == 1 { "is" } else { "are" },
                folder.path
            ))?;
        }
    }
    Ok(())
}

fn are(photos: u32) -> String {
    let verb = if photos == 1 { "is" } else { "are" };
    format!("{} {verb}", count(photos, "photo", "photos"))
}
