//! Faces of a photo that is in no library.

use std::path::Path;

use crate::faces::FaceFinder;
use crate::indexing::DECODED_SIDE;
use crate::photo;
use crate::{EmbeddedFace, Error, Result};

/// Finds and embeds all faces of one photo, as indexing does, and stores nothing; the best score
/// first.
///
/// # Errors
/// [`Error::Photo`] when the file cannot be read, [`Error::Models`] when a network fails.
pub fn embed_photo(finder: &FaceFinder, path: &Path) -> Result<Vec<EmbeddedFace>> {
    let pixels = photo::decode(path, DECODED_SIDE)
        .map_err(|source| Error::Photo {
            source,
            path: path.to_owned(),
        })?
        .pixels;
    let (views, boxes): (Vec<_>, Vec<_>) = finder
        .find(&pixels)?
        .into_iter()
        .map(|face| (face.views, face.box_upright))
        .unzip();
    let embeddings = finder.embed(&views)?;
    Ok(boxes
        .into_iter()
        .zip(embeddings)
        .map(|(box_upright, embedding)| EmbeddedFace {
            path: path.to_owned(),
            box_upright,
            embedding,
        })
        .collect())
}
