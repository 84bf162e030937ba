//! Table `forgotten`: where on which photos faces were that the user wants forgotten. Neither a name nor
//! a code is kept, only the box, so that a look does not find the face anew.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::faces::overlap;
use crate::{FaceId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE forgotten (
        content BLOB NOT NULL,              -- BLAKE3 of the photo's file
        picture BLOB,                       -- BLAKE3 of its picture data, where that is told apart
        orientation INTEGER,                -- EXIF orientation, 1 to 8, where it is known
        x REAL NOT NULL,                    -- fractions of the upright photo
        y REAL NOT NULL,
        w REAL NOT NULL,
        h REAL NOT NULL
    ) STRICT;
    CREATE INDEX forgotten_by_content ON forgotten (content);";

/// A face is the forgotten one if the boxes share this part of their union: less than is asked of a face
/// that is to keep its name, as another network may draw its box otherwise.
const SAME_PLACE: f32 = 0.3;

/// Boxes of forgotten faces.
#[derive(Debug, Default)]
pub struct Forgotten {
    by_content: HashMap<[u8; 32], Vec<[f32; 4]>>,
    by_picture: HashMap<Picture, Vec<[f32; 4]>>,
}

/// BLAKE3 of a photo's picture data, and how its pixels lie: EXIF orientation, 1 to 8.
pub type Picture = ([u8; 32], u8);

impl Forgotten {
    /// Whether a face of a photo is a forgotten one: the file has this content, or else shows this picture.
    #[must_use]
    pub fn covers(
        &self,
        content: &[u8; 32],
        picture: Option<Picture>,
        box_upright: &[f32; 4],
    ) -> bool {
        let of_picture = picture.and_then(|picture| self.by_picture.get(&picture));
        let boxes = self.by_content.get(content).into_iter().chain(of_picture);
        boxes
            .flatten()
            .any(|of| overlap(of, box_upright) > SAME_PLACE)
    }

    /// Each content with its boxes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], &[f32; 4])> {
        self.by_content
            .iter()
            .flat_map(|(content, boxes)| boxes.iter().map(move |of| (content, of)))
    }
}

/// All boxes.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Forgotten> {
    let mut statement = connection
        .prepare_cached("SELECT content, picture, orientation, x, y, w, h FROM forgotten")?;
    let mut rows = statement.query([])?;
    let mut forgotten = Forgotten::default();
    while let Some(row) = rows.next()? {
        let box_upright = [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?];
        let of_content = forgotten.by_content.entry(row.get(0)?);
        of_content.or_default().push(box_upright);
        let picture: Option<[u8; 32]> = row.get(1)?;
        let orientation: Option<u8> = row.get(2)?;
        if let Some(picture) = picture.zip(orientation) {
            let of_picture = forgotten.by_picture.entry(picture);
            of_picture.or_default().push(box_upright);
        }
    }
    Ok(forgotten)
}

/// Notes where a face is.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, face: FaceId) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO forgotten (content, picture, orientation, x, y, w, h)
             SELECT content, picture, orientation, x, y, w, h
             FROM faces JOIN photos ON photos.id = faces.photo
             WHERE faces.id = ?1 AND content IS NOT NULL",
        )?
        .execute([face])?;
    Ok(())
}

/// The user draws a face there: it is no longer a forgotten one.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove_at(
    connection: &Connection,
    content: &[u8; 32],
    box_upright: &[f32; 4],
) -> Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT rowid, x, y, w, h FROM forgotten WHERE content = ?1")?;
    let rows = statement.query_map([content], |row| {
        let of = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
        Ok((row.get(0)?, of))
    })?;
    let rows: Vec<(i64, [f32; 4])> = rows.collect::<rusqlite::Result<_>>()?;
    for (id, of) in rows {
        if overlap(&of, box_upright) > SAME_PLACE {
            connection.execute("DELETE FROM forgotten WHERE rowid = ?1", params![id])?;
        }
    }
    Ok(())
}
