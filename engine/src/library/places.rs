//! Where the photos were taken: all places of a library, and those that a search means.

use std::collections::{BTreeMap, BTreeSet};

use super::Library;
use super::rows::{Facts, spot_of};
use crate::places::{Place, Spot, called};
use crate::search::Meant;
use crate::{PhotoId, PhotosOfPlace, Result};

impl Library {
    /// All places where photos were taken, those with most photos first.
    ///
    /// # Errors
    /// [`crate::Error::Catalog`].
    pub fn places(&self) -> Result<Vec<PhotosOfPlace>> {
        let rows = self.rows()?;
        let places = rows.facts.places();
        let mut found: BTreeMap<_, Vec<(Spot, PhotoId)>> = BTreeMap::new();
        for photo in &rows.facts.photos {
            let Some(spot) = spot_of(photo) else {
                continue;
            };
            let place = places.get(&spot).copied();
            // Where there is no town, photos are together that are near each other.
            let near = match place {
                Some(Place::Town(_)) => [0, 0],
                _ => spot.degrees().map(|degrees| degrees.floor() as i32),
            };
            let there = found.entry((place, near)).or_default();
            there.push((spot, photo.id));
        }
        let placed = found.into_iter().map(|((place, _), there)| {
            let (spots, photos): (Vec<Spot>, Vec<PhotoId>) = there.into_iter().unzip();
            PhotosOfPlace {
                name: place.map(Place::name),
                at: Spot::middle(&spots),
                photos,
            }
        });
        let mut all: Vec<PhotosOfPlace> = placed.collect();
        all.sort_by_key(|of| std::cmp::Reverse(of.photos.len()));
        Ok(all)
    }
}

impl Facts {
    /// The spots of photos that a text means; none where it means no place of the library.
    pub(super) fn spots_called(&self, text: &str) -> Option<Meant> {
        let places = self.places();
        let all: BTreeSet<Place> = places.values().copied().collect();
        let (meant, names) = called(text, all);
        let spots = places.iter().filter(|(_, place)| meant.contains(place));
        (!meant.is_empty()).then(|| Meant {
            spots: spots.map(|(spot, _)| *spot).collect(),
            names: names.into_iter().map(str::to_owned).collect(),
        })
    }
}
