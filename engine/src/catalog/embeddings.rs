//! Table `embeddings`: what Kith's own network made of the faces whose code is another's, mapped.
//!
//! The codes of `faces` are all in one space, whichever network saw a face, so that they can be
//! compared at every moment of an upgrade; this table is the way back.

use std::path::PathBuf;

use kith_models::{Code, EMBEDDING_LEN};
use rusqlite::{Connection, Row, params};

use super::faces::landmarks_from;
use super::maps::MapId;
use super::photos::path_of;
use crate::faces::SPACE;
use crate::{FaceId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE embeddings (
        face INTEGER PRIMARY KEY REFERENCES faces (id),
        code BLOB NOT NULL                  -- 128 bytes
    ) STRICT;";

/// A face that is there, and what is needed to embed it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The face.
    pub face: FaceId,
    /// The file of its photo.
    pub path: PathBuf,
    /// BLAKE3 of that file.
    pub content: [u8; 32],
    /// As in [`super::faces::NewFace`].
    pub box_upright: [f32; 4],
    /// As in [`super::faces::NewFace`].
    pub landmarks_upright: [[f32; 2]; 5],
    /// How well it can be recognised.
    pub quality: f32,
    /// The map that its code went through; none where Kith's own network made it.
    pub map: Option<MapId>,
    /// What Kith's own network made of it, if it saw it.
    pub own: Option<Code>,
}

/// All faces that are there, those on the newest photos first.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<Embedded>> {
    let mut statement = connection.prepare_cached(
        "SELECT faces.id, photos.path, photos.content, x, y, w, h, landmarks, quality, map,
            CASE WHEN map IS NULL THEN faces.code ELSE embeddings.code END
         FROM faces JOIN photos ON photos.id = faces.photo
            LEFT JOIN embeddings ON embeddings.face = faces.id
         WHERE faces.model LIKE ?1 AND faces.gone = 0 AND photos.gone = 0 AND photos.failed IS NULL
            AND photos.content IS NOT NULL
         ORDER BY coalesce(taken_at, strftime('%Y-%m-%dT%H:%M:%S', modified_ns / 1000000000, 'unixepoch'))
            DESC, photos.id DESC, faces.id",
    )?;
    let rows = statement.query_map([&*SPACE], embedded_from)?;
    rows.map(|row| Ok(row?)).collect()
}

fn embedded_from(row: &Row<'_>) -> rusqlite::Result<Embedded> {
    let landmarks: [u8; 40] = row.get(7)?;
    let own: Option<[u8; EMBEDDING_LEN]> = row.get(10)?;
    Ok(Embedded {
        face: row.get(0)?,
        path: path_of(row.get(1)?),
        content: row.get(2)?,
        box_upright: [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
        landmarks_upright: landmarks_from(&landmarks),
        quality: row.get(8)?,
        map: row.get(9)?,
        own: own.map(Code::from_bytes),
    })
}

/// A face was embedded again: by Kith's own network, or by another one and a map.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(connection: &Connection, face: FaceId, code: &Code, map: Option<MapId>) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO embeddings (face, code)
                SELECT id, code FROM faces WHERE id = ?1 AND map IS NULL AND ?2 IS NOT NULL
             ON CONFLICT (face) DO UPDATE SET code = excluded.code",
        )?
        .execute(params![face, map])?;
    connection
        .prepare_cached("UPDATE faces SET code = ?2, map = ?3 WHERE id = ?1")?
        .execute(params![face, code.as_bytes(), map])?;
    if map.is_none() {
        forget(connection, face)?;
    }
    Ok(())
}

/// Gives each face the code back that Kith's own network made of it, where it saw it.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn take_back(connection: &Connection) -> Result<()> {
    connection.execute(
        "UPDATE faces SET code = embeddings.code, map = NULL
         FROM embeddings WHERE embeddings.face = faces.id",
        [],
    )?;
    connection.execute("DELETE FROM embeddings", [])?;
    Ok(())
}

/// The face looks otherwise now: what Kith's own network made of it is of before.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn forget(connection: &Connection, face: FaceId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM embeddings WHERE face = ?1")?
        .execute([face])?;
    Ok(())
}

/// How many faces that are there went through a map, and through none: `(faces, map)`.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn counts(connection: &Connection) -> Result<Vec<(u32, Option<MapId>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), map FROM faces JOIN photos ON photos.id = faces.photo
         WHERE faces.model LIKE ?1 AND faces.gone = 0 AND photos.gone = 0 AND photos.failed IS NULL
         GROUP BY map",
    )?;
    let rows = statement.query_map([&*SPACE], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}
