//! Albums: photos that the user put together, and searches that were saved.

use std::collections::BTreeSet;

use super::rows::{Rows, sort_newest_first, tile_of};
use super::{Library, check_understood};
use crate::people::DecidedAlbum;
use crate::search::{Query, matches};
use crate::{Album, AlbumId, Error, PhotoId, PhotoTile, Result};

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
                Err(problem) => (BTreeSet::new(), Some(problem.to_string())),
            };
            let tiles = rows.tiles(&photos);
            Album {
                album: *id,
                name: album.name.clone(),
                query: album.query.clone(),
                photos: tiles.len() as u32,
                cover: tiles.first().map(|tile| tile.photo),
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
    pub fn album(&self, album: AlbumId) -> Result<Vec<PhotoTile>> {
        let rows = self.rows()?;
        let found = rows.decided.albums.get(&album);
        let photos = rows.photos_in(found.ok_or(Error::NoAlbum(album))?)?;
        Ok(rows.tiles(&photos))
    }
}

impl Rows {
    fn photos_in(&self, album: &DecidedAlbum) -> Result<BTreeSet<PhotoId>> {
        let Some(query) = &album.query else {
            return Ok(album.photos.clone());
        };
        let names = self.known_as();
        let query = Query::parse(query, &names)?;
        let searched = self.searched();
        check_understood(&query, searched, &names)?;
        let found = searched.iter().filter(|(_, photo)| matches(&query, photo));
        Ok(found.map(|(photo, _)| *photo).collect())
    }

    /// Those of the photos that are there, the newest first.
    fn tiles(&self, photos: &BTreeSet<PhotoId>) -> Vec<PhotoTile> {
        let there = photos
            .iter()
            .filter_map(|photo| self.facts.photos.get(photo));
        let mut tiles: Vec<PhotoTile> = there.map(|photo| tile_of(photo, &self.decided)).collect();
        sort_newest_first(&mut tiles, |tile| tile);
        tiles
    }
}
