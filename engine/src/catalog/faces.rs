//! Table `faces`: every face that was found, where it is, and its 128 bytes.
//!
//! A face keeps its number for ever, because decisions name it. One that is no longer found when
//! its photo changes is marked `gone`: it is shown nowhere, and what the user said of it stays.

use jiff::civil::DateTime;
use kith_models::{Code, EMBEDDING_LEN};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::maps::MapId;
use super::{embeddings, gathered};
use crate::faces::SPACE;
use crate::{FaceId, PhotoId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE faces (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo INTEGER NOT NULL REFERENCES photos (id),
        x REAL NOT NULL,                    -- fractions of the upright photo
        y REAL NOT NULL,
        w REAL NOT NULL,
        h REAL NOT NULL,
        landmarks BLOB NOT NULL,            -- five (x, y) as f32, little endian, fractions of the upright photo
        score REAL NOT NULL,
        quality REAL NOT NULL,
        model TEXT NOT NULL,                -- which networks made it
        code BLOB NOT NULL,                 -- 128 bytes
        gone INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX faces_by_photo ON faces (photo);";

/// A face that the networks missed and the user drew. It is shown while the log says so.
pub(super) const ADD_DRAWN: &str = "ALTER TABLE faces ADD COLUMN drawn INTEGER NOT NULL DEFAULT 0;";

/// The map that the code went through: it was made by a network that was added. Null where it is Kith's
/// own network's.
pub(super) const ADD_MAP: &str = "ALTER TABLE faces ADD COLUMN map INTEGER REFERENCES maps (id);";

/// A face as it was found, before it has a number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFace {
    /// `[x, y, w, h]` as fractions of the upright photo.
    pub box_upright: [f32; 4],
    /// Left eye, right eye, nose, left and right corner of the mouth, as the viewer sees them; fractions
    /// of the upright photo.
    pub landmarks_upright: [[f32; 2]; 5],
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// How well it can be recognised, 0 to 1 ([`crate::faces::FoundFace::quality`]).
    pub quality: f32,
    /// Its embedding in 128 bytes, in the space of Kith's own network.
    pub code: Code,
    /// The map that it went through, where another network made it.
    pub map: Option<MapId>,
}

/// A face of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFace {
    /// The face.
    pub id: FaceId,
    /// The photo it is on.
    pub photo: PhotoId,
    /// Local time the photo was taken, if its header tells.
    pub taken_at: Option<DateTime>,
    /// What was found.
    pub found: NewFace,
    /// Whether it is shown: neither the face nor its photo is gone.
    pub present: bool,
    /// Whether it is not on its photo any more.
    pub gone: bool,
    /// Whether the user drew it; such a face counts while the decision to draw it holds.
    pub drawn: bool,
}

const COLUMNS: &str = "faces.id, faces.photo, x, y, w, h, landmarks, score, quality, code,
    faces.gone = 0 AND photos.gone = 0 AND photos.failed IS NULL, photos.taken_at, drawn, map, faces.gone";

fn face_from(row: &Row<'_>) -> rusqlite::Result<StoredFace> {
    let landmarks: [u8; 40] = row.get(6)?;
    let code: [u8; EMBEDDING_LEN] = row.get(9)?;
    let taken_at = row.get_ref(11)?.as_str_or_null()?;
    Ok(StoredFace {
        id: row.get(0)?,
        photo: row.get(1)?,
        taken_at: taken_at.and_then(|at| at.parse().ok()),
        found: NewFace {
            box_upright: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
            landmarks_upright: landmarks_from(&landmarks),
            score: row.get(7)?,
            quality: row.get(8)?,
            code: Code::from_bytes(code),
            map: row.get(13)?,
        },
        present: row.get(10)?,
        drawn: row.get(12)?,
        gone: row.get(14)?,
    })
}

pub(super) fn landmarks_from(bytes: &[u8; 40]) -> [[f32; 2]; 5] {
    let number =
        |at: usize| f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    std::array::from_fn(|point| [number(point * 8), number(point * 8 + 4)])
}

pub(super) fn landmark_bytes(landmarks: &[[f32; 2]; 5]) -> Vec<u8> {
    landmarks
        .iter()
        .flatten()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// Every face whose code is in the space of Kith's own network, in the order of their numbers, gone
/// ones included.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<StoredFace>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM faces JOIN photos ON photos.id = faces.photo
         WHERE faces.model LIKE ?1 ORDER BY faces.id"
    ))?;
    let count = connection.query_row("SELECT count(*) FROM faces", [], |row| row.get(0))?;
    gathered(statement.query_map([&*SPACE], face_from)?, count)
}

/// The smallest and the largest number of a face, whatever made it.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn number_range(connection: &Connection) -> Result<Option<(FaceId, FaceId)>> {
    let sql = "SELECT min(id), max(id) FROM faces";
    let range: (Option<FaceId>, Option<FaceId>) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(range.0.zip(range.1))
}

/// The faces on one photo, in the order of their numbers, gone ones included.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn on_photo(connection: &Connection, photo: PhotoId) -> Result<Vec<StoredFace>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM faces JOIN photos ON photos.id = faces.photo
         WHERE photo = ?1 ORDER BY faces.id"
    ))?;
    let rows = statement.query_map([photo], face_from)?;
    rows.map(|row| Ok(row?)).collect()
}

/// Every face with the photo that it is on.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn photo_of_each(connection: &Connection) -> Result<Vec<(FaceId, PhotoId)>> {
    let mut statement = connection.prepare_cached("SELECT id, photo FROM faces")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// One face, gone or not.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn get(connection: &Connection, id: FaceId) -> Result<Option<StoredFace>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM faces JOIN photos ON photos.id = faces.photo WHERE faces.id = ?1"
    ))?;
    Ok(statement.query_row([id], face_from).optional()?)
}

/// Stores a face under a new number.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, photo: PhotoId, face: &NewFace, model: &str) -> Result<FaceId> {
    let [x, y, w, h] = face.box_upright;
    let mut statement = connection.prepare_cached(
        "INSERT INTO faces (photo, x, y, w, h, landmarks, score, quality, model, code, map)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
    )?;
    let landmarks = landmark_bytes(&face.landmarks_upright);
    let values = params![
        photo,
        x,
        y,
        w,
        h,
        landmarks,
        face.score,
        face.quality,
        model,
        face.code.as_bytes(),
        face.map
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// Marks a face as one that the user drew and the networks do not find, or that they do find.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_drawn(connection: &Connection, id: FaceId, drawn: bool) -> Result<()> {
    connection
        .prepare_cached("UPDATE faces SET drawn = ?2 WHERE id = ?1")?
        .execute(params![id, drawn])?;
    Ok(())
}

/// Replaces what is known of a face that was found again.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn replace(connection: &Connection, id: FaceId, face: &NewFace, model: &str) -> Result<()> {
    let [x, y, w, h] = face.box_upright;
    let landmarks = landmark_bytes(&face.landmarks_upright);
    connection
        .prepare_cached(
            "UPDATE faces SET x = ?2, y = ?3, w = ?4, h = ?5, landmarks = ?6, score = ?7,
                quality = ?8, model = ?9, code = ?10, map = ?11, gone = 0 WHERE id = ?1",
        )?
        .execute(params![
            id,
            x,
            y,
            w,
            h,
            landmarks,
            face.score,
            face.quality,
            model,
            face.code.as_bytes(),
            face.map
        ])?;
    embeddings::forget(connection, id)
}

/// Marks a face as no longer on its photo.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_gone(connection: &Connection, id: FaceId) -> Result<()> {
    connection
        .prepare_cached("UPDATE faces SET gone = 1 WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Deletes a face for good, with all that was derived of it. Its number is not used again.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove(connection: &Connection, id: FaceId) -> Result<()> {
    for sql in [
        "DELETE FROM placements WHERE face = ?1",
        "DELETE FROM embeddings WHERE face = ?1",
        "DELETE FROM faces WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}
