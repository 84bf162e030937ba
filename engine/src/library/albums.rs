//! Albums: photos that the user put together, and searches that were saved.

use super::Library;
use super::rows::Rows;
use crate::people::DecidedAlbum;
use crate::{Album, AlbumId, Error, PhotoId, Result};

impl Library {
    /// All albums, by name.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn albums(&self) -> Result<Vec<Album>> {
        let rows = self.rows()?;
        let album = |(id, album): (&AlbumId, &DecidedAlbum)| {
            let (photos, problem) = match rows.photos_in(album) {
                Ok(photos) => (photos, None),
                Err(problem) => (Vec::new(), Some(problem.to_string())),
            };
            Album {
                album: *id,
                name: album.name.clone(),
                query: album.query.clone(),
                photos: photos.len() as u32,
                cover: photos.first().copied(),
                problem,
            }
        };
        let mut albums: Vec<Album> = rows.decided.albums.iter().map(album).collect();
        albums.sort_by_cached_key(|album| album.name.to_lowercase());
        Ok(albums)
    }

    /// The photos of an album, the newest first.
    ///
    /// # Errors
    /// [`Error::NoAlbum`], [`Error::Query`] when its search is not understood any more,
    /// [`Error::Catalog`].
    pub fn album(&self, album: AlbumId) -> Result<Vec<PhotoId>> {
        let rows = self.rows()?;
        let found = rows.decided.albums.get(&album);
        rows.photos_in(found.ok_or(Error::NoAlbum(album))?)
    }
}

impl Rows {
    fn photos_in(&self, album: &DecidedAlbum) -> Result<Vec<PhotoId>> {
        if let Some(query) = &album.query {
            return Ok(self.find(query)?.photos);
        }
        let photos = self.facts.photos.iter().map(|photo| photo.id);
        Ok(photos
            .filter(|photo| album.photos.contains(photo))
            .collect())
    }
}
