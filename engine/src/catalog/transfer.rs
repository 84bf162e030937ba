//! Rows of photos and faces as an export writes them and an import makes them, gone ones included.

use kith_models::EMBEDDING_LEN;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::faces::{landmark_bytes, landmarks_from};
use crate::scan::FileStamp;
use crate::{FaceId, PhotoId, Result};

/// A photo that was read at some time.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoRow {
    /// The photo; not used where it is made.
    pub id: PhotoId,
    /// Path as the system's bytes; see [`file_path`].
    pub path: Vec<u8>,
    /// The version of the file that was read.
    pub stamp: FileStamp,
    /// BLAKE3 of the file.
    pub content: [u8; 32],
    /// BLAKE3 of the picture's data without metadata, where it is told apart.
    pub picture: Option<[u8; 32]>,
    /// Upright width and height in pixels of the file.
    pub size: [u32; 2],
    /// Local time it was taken, ISO 8601.
    pub taken_at: Option<String>,
    /// Latitude and longitude in degrees, WGS 84.
    pub place: Option<[f64; 2]>,
    /// Maker and model.
    pub camera: Option<String>,
    /// How the pixels lie in the file: EXIF orientation, 1 to 8; none in rows of an older version.
    pub orientation: Option<u8>,
    /// Which networks read it.
    pub model: Option<String>,
    /// Whether the file was missing at the last scan.
    pub gone: bool,
}

/// A face, in whichever space its code is.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceRow {
    /// The face; not used where it is made.
    pub id: FaceId,
    /// `[x, y, w, h]` as fractions of the upright photo.
    pub box_upright: [f32; 4],
    /// As in [`super::faces::NewFace`].
    pub landmarks_upright: [[f32; 2]; 5],
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// How well it can be recognised, 0 to 1.
    pub quality: f32,
    /// Which networks made it.
    pub model: String,
    /// Its embedding; that of Kith's own network where there is one.
    pub code: [u8; EMBEDDING_LEN],
    /// Whether the user drew it.
    pub drawn: bool,
    /// Whether it is no longer found on its photo.
    pub gone: bool,
}

/// The path of a file, without what an older version put behind a NUL where another file had taken its place.
#[must_use]
pub fn file_path(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// How many photos [`each_photo`] gives.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn count_photos(connection: &Connection) -> Result<u32> {
    let sql = "SELECT count(*) FROM photos WHERE content IS NOT NULL";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Calls `take` with every photo that was read at some time, in the order of their numbers.
///
/// # Errors
/// What `take` returns, [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn each_photo(
    connection: &Connection,
    take: &mut dyn FnMut(PhotoRow) -> Result<()>,
) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT id, path, size, modified_ns, content, picture, width, height, taken_at, latitude,
            longitude, camera, model, gone, orientation
         FROM photos WHERE content IS NOT NULL ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(photo_from(row)?)?;
    }
    Ok(())
}

fn photo_from(row: &Row<'_>) -> rusqlite::Result<PhotoRow> {
    let latitude: Option<f64> = row.get(9)?;
    let longitude: Option<f64> = row.get(10)?;
    Ok(PhotoRow {
        id: row.get(0)?,
        path: row.get(1)?,
        stamp: FileStamp {
            size: row.get::<_, i64>(2)?.cast_unsigned(),
            modified_ns: row.get(3)?,
            ..FileStamp::default()
        },
        content: row.get(4)?,
        picture: row.get(5)?,
        size: [row.get(6)?, row.get(7)?],
        taken_at: row.get(8)?,
        place: latitude.zip(longitude).map(<[f64; 2]>::from),
        camera: row.get(11)?,
        model: row.get(12)?,
        gone: row.get(13)?,
        orientation: row.get(14)?,
    })
}

/// The faces on a photo, in the order of their numbers.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn faces_on(connection: &Connection, photo: PhotoId) -> Result<Vec<FaceRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, x, y, w, h, landmarks, score, quality, model,
            coalesce(embeddings.code, faces.code), drawn, gone
         FROM faces LEFT JOIN embeddings ON embeddings.face = faces.id
         WHERE photo = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([photo], |row| {
        let landmarks: [u8; 40] = row.get(5)?;
        Ok(FaceRow {
            id: row.get(0)?,
            box_upright: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?],
            landmarks_upright: landmarks_from(&landmarks),
            score: row.get(6)?,
            quality: row.get(7)?,
            model: row.get(8)?,
            code: row.get(9)?,
            drawn: row.get(10)?,
            gone: row.get(11)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// A photo of the same content or picture: its number, where it is or was, and whether it is gone.
pub type Same = (PhotoId, Vec<u8>, bool);

/// The photos of this content, in the order of their numbers.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn with_content(connection: &Connection, content: &[u8; 32]) -> Result<Vec<Same>> {
    same(
        connection,
        "SELECT id, path, gone FROM photos WHERE content = ?1 ORDER BY id",
        content,
    )
}

/// The photos of this picture, in the order of their numbers.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn with_picture(connection: &Connection, picture: &[u8; 32]) -> Result<Vec<Same>> {
    same(
        connection,
        "SELECT id, path, gone FROM photos WHERE picture = ?1 ORDER BY id",
        picture,
    )
}

fn same(connection: &Connection, sql: &str, hash: &[u8; 32]) -> Result<Vec<Same>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// The path of a photo, for reading.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn path_of_photo(connection: &Connection, photo: PhotoId) -> Result<Option<String>> {
    readable(connection, "SELECT path FROM photos WHERE id = ?1", photo)
}

/// The path of the photo that a face is on, for reading.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn path_of_face(connection: &Connection, face: FaceId) -> Result<Option<String>> {
    let sql = "SELECT path FROM photos JOIN faces ON faces.photo = photos.id WHERE faces.id = ?1";
    readable(connection, sql, face)
}

fn readable(connection: &Connection, sql: &str, id: u32) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached(sql)?;
    let path: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
    Ok(path.map(|path| String::from_utf8_lossy(file_path(&path)).into_owned()))
}

/// Makes the row of a photo whose file is not in the library yet. It is gone until a look finds its content.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add_waiting(connection: &Connection, photo: &PhotoRow) -> Result<PhotoId> {
    let [latitude, longitude] = photo.place.map_or([None, None], |place| place.map(Some));
    let mut statement = connection.prepare_cached(
        "INSERT INTO photos (path, size, modified_ns, content, picture, orientation, width, height, taken_at,
            latitude, longitude, camera, model, gone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1) RETURNING id",
    )?;
    let values = params![
        photo.path,
        photo.stamp.size.cast_signed(),
        photo.stamp.modified_ns,
        photo.content,
        photo.picture,
        photo.orientation,
        photo.size[0],
        photo.size[1],
        photo.taken_at,
        latitude,
        longitude,
        photo.camera,
        photo.model,
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// Makes a face on a photo.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add_face(connection: &Connection, photo: PhotoId, face: &FaceRow) -> Result<FaceId> {
    let [x, y, w, h] = face.box_upright;
    let mut statement = connection.prepare_cached(
        "INSERT INTO faces (photo, x, y, w, h, landmarks, score, quality, model, code, drawn, gone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id",
    )?;
    let values = params![
        photo,
        x,
        y,
        w,
        h,
        landmark_bytes(&face.landmarks_upright),
        face.score,
        face.quality,
        face.model,
        face.code,
        face.drawn,
        face.gone,
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}
