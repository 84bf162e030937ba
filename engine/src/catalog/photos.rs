//! Table `photos`: every file that was read or tried, with what its header says.
//!
//! A photo whose file is gone keeps its row (`gone`), so that its faces and names are there again
//! when the file comes back or turns up elsewhere.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::gathered;
use crate::photo::PhotoError;
use crate::{PhotoId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,          -- bytes as the system gives them
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,       -- since 1970, UTC
        model TEXT,                         -- which networks read it
        content BLOB,                       -- BLAKE3 of the file; null when it could not be read
        width INTEGER NOT NULL DEFAULT 0,   -- upright, of the file
        height INTEGER NOT NULL DEFAULT 0,
        taken_at TEXT,                      -- local time, ISO 8601, from the header
        latitude REAL,
        longitude REAL,
        camera TEXT,
        failed TEXT,                        -- why it could not be read; null when it could
        gone INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX photos_by_content ON photos (content);";

/// `failed` in parts: JSON of [`PhotoError`]; null in rows that an older version wrote.
pub(super) const ADD_WHY: &str = "ALTER TABLE photos ADD COLUMN why TEXT;";

/// What identifies a version of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970 in UTC.
    pub modified_ns: i64,
}

/// What a scan needs to know of a row.
#[derive(Debug, Clone)]
pub struct Known {
    /// The photo.
    pub id: PhotoId,
    /// Where it is, or was.
    pub path: PathBuf,
    /// The version that was read.
    pub stamp: Stamp,
    /// Which networks read it; none if it could not be read.
    pub model: Option<String>,
    /// Whether the file was missing at the last scan.
    pub gone: bool,
}

/// What reading a file gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// BLAKE3 of the file.
    pub content: [u8; 32],
    /// Upright width in pixels of the file.
    pub width: u32,
    /// Upright height in pixels of the file.
    pub height: u32,
    /// Local time it was taken, ISO 8601.
    pub taken_at: Option<String>,
    /// Latitude and longitude in degrees, WGS 84.
    pub place: Option<[f64; 2]>,
    /// Maker and model.
    pub camera: Option<String>,
}

/// A photo that could be read and is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// The photo.
    pub id: PhotoId,
    /// Its file.
    pub path: PathBuf,
    /// What its header says.
    pub header: Header,
    /// When the file changed last, in UTC and written as a header would; of a photo whose header does not
    /// say when it was taken.
    pub changed: Option<String>,
}

impl Photo {
    /// Local time it was taken, or else when the file changed last; `YYYY-MM-DDTHH:MM:SS`.
    #[must_use]
    pub fn date(&self) -> &str {
        let taken_at = self.header.taken_at.as_ref();
        taken_at.or(self.changed.as_ref()).map_or("", |date| date)
    }
}

/// A path as the bytes that name it on this system.
#[must_use]
pub fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The path that [`bytes_of`] was made of.
#[must_use]
pub fn path_of(bytes: Vec<u8>) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        std::ffi::OsString::from_vec(bytes).into()
    }
    #[cfg(not(unix))]
    {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }
}

/// Every row, for a scan to compare with the files.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn known(connection: &Connection) -> Result<Vec<Known>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, path, size, modified_ns, model, gone FROM photos ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Known {
            id: row.get(0)?,
            path: path_of(row.get(1)?),
            stamp: Stamp {
                size: row.get::<_, i64>(2)? as u64,
                modified_ns: row.get(3)?,
            },
            model: row.get(4)?,
            gone: row.get(5)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

const PHOTO_COLUMNS: &str =
    "id, path, modified_ns, content, width, height, taken_at, latitude, longitude, camera";

fn photo_from(row: &Row<'_>) -> rusqlite::Result<Photo> {
    let latitude: Option<f64> = row.get(7)?;
    let longitude: Option<f64> = row.get(8)?;
    let modified_ns: i64 = row.get(2)?;
    let taken_at: Option<String> = row.get(6)?;
    Ok(Photo {
        id: row.get(0)?,
        path: path_of(row.get(1)?),
        changed: taken_at.is_none().then(|| date_of(modified_ns)),
        header: Header {
            content: row.get(3)?,
            width: row.get(4)?,
            height: row.get(5)?,
            taken_at,
            place: latitude
                .zip(longitude)
                .map(|(latitude, longitude)| [latitude, longitude]),
            camera: row.get(9)?,
        },
    })
}

/// A time in nanoseconds since 1970, as headers write theirs.
fn date_of(modified_ns: i64) -> String {
    let at = Timestamp::from_nanosecond(modified_ns.max(0).into()).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// All photos that are there and could be read, in the order of their numbers.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn present(connection: &Connection) -> Result<Vec<Photo>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {PHOTO_COLUMNS} FROM photos
         WHERE gone = 0 AND failed IS NULL AND content IS NOT NULL ORDER BY id"
    ))?;
    gathered(
        statement.query_map([], photo_from)?,
        count_present(connection)?,
    )
}

/// How many photos are there and could be read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn count_present(connection: &Connection) -> Result<u32> {
    let sql = "SELECT count(*) FROM photos WHERE gone = 0 AND failed IS NULL";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// One photo that could be read, gone or not.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn get(connection: &Connection, id: PhotoId) -> Result<Option<Photo>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {PHOTO_COLUMNS} FROM photos
         WHERE id = ?1 AND failed IS NULL AND content IS NOT NULL"
    ))?;
    Ok(statement.query_row([id], photo_from).optional()?)
}

/// A photo that `model` read with this content, one whose file is gone first: `(photo, gone)`.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn with_content(
    connection: &Connection,
    content: &[u8; 32],
    model: &str,
) -> Result<Option<(PhotoId, bool)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, gone FROM photos WHERE content = ?1 AND model = ?2 AND failed IS NULL
         ORDER BY gone DESC, id LIMIT 1",
    )?;
    Ok(statement
        .query_row(params![content, model], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

/// The contents of the photos that `model` read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn contents(connection: &Connection, model: &str) -> Result<HashSet<[u8; 32]>> {
    let mut statement =
        connection.prepare("SELECT content FROM photos WHERE model = ?1 AND failed IS NULL")?;
    let rows = statement.query_map([model], |row| row.get(0))?;
    rows.map(|row| Ok(row?)).collect()
}

/// The photo at `path`, if `model` read it with this content.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn at_path(
    connection: &Connection,
    path: &Path,
    content: &[u8; 32],
    model: &str,
) -> Result<Option<PhotoId>> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM photos WHERE path = ?1 AND content = ?2 AND model = ?3")?;
    Ok(statement
        .query_row(params![bytes_of(path), content, model], |row| row.get(0))
        .optional()?)
}

/// Stores what reading a file gave; the row keeps its number when the path is known.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(
    connection: &Connection,
    path: &Path,
    stamp: Stamp,
    header: &Header,
    model: &str,
) -> Result<PhotoId> {
    let [latitude, longitude] = header.place.map_or([None, None], |place| place.map(Some));
    let mut statement = connection.prepare_cached(
        "INSERT INTO photos (path, size, modified_ns, content, width, height, taken_at, latitude, longitude, camera, model)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (path) DO UPDATE SET
            size = excluded.size, modified_ns = excluded.modified_ns, content = excluded.content,
            width = excluded.width, height = excluded.height, taken_at = excluded.taken_at,
            latitude = excluded.latitude, longitude = excluded.longitude, camera = excluded.camera,
            model = excluded.model, failed = NULL, gone = 0
         RETURNING id",
    )?;
    let values = params![
        bytes_of(path),
        stamp.size as i64,
        stamp.modified_ns,
        header.content,
        header.width,
        header.height,
        header.taken_at,
        latitude,
        longitude,
        header.camera,
        model,
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

/// Stores that a file or folder could not be read. Faces of an earlier version stay.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store_failed(
    connection: &Connection,
    path: &Path,
    stamp: Stamp,
    why: &PhotoError,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO photos (path, size, modified_ns, failed, why) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (path) DO UPDATE SET
            size = excluded.size, modified_ns = excluded.modified_ns, failed = excluded.failed,
            why = excluded.why, model = NULL, gone = 0",
    )?;
    let parts = serde_json::to_string(why)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    statement.execute(params![
        bytes_of(path),
        stamp.size as i64,
        stamp.modified_ns,
        why.to_string(),
        parts
    ])?;
    Ok(())
}

/// The file of a photo is at another path now, with the same content.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store_moved(connection: &Connection, id: PhotoId, path: &Path, stamp: Stamp) -> Result<()> {
    // The new path may have a row of its own, of a file that this one has replaced. It keeps its
    // faces under a name that no file can have.
    connection
        .prepare_cached(
            "UPDATE photos SET path = path || x'00' || id, gone = 1 WHERE path = ?1 AND id <> ?2",
        )?
        .execute(params![bytes_of(path), id])?;
    connection
        .prepare_cached(
            "UPDATE photos SET path = ?2, size = ?3, modified_ns = ?4, gone = 0, failed = NULL WHERE id = ?1",
        )?
        .execute(params![id, bytes_of(path), stamp.size as i64, stamp.modified_ns])?;
    Ok(())
}

/// The file is missing, or there again.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_gone(connection: &Connection, id: PhotoId, gone: bool) -> Result<()> {
    connection
        .prepare_cached("UPDATE photos SET gone = ?2 WHERE id = ?1")?
        .execute(params![id, gone])?;
    Ok(())
}

/// Why a file or folder could not be read: the sentence that was stored, and the same in parts where it
/// was stored so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Where it is.
    pub path: PathBuf,
    /// The sentence.
    pub reason: String,
    /// Its parts.
    pub why: Option<PhotoError>,
}

/// Everything that could not be read, in the order of the paths.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn failed(connection: &Connection) -> Result<Vec<Failed>> {
    let mut statement = connection.prepare_cached(
        "SELECT path, failed, why FROM photos WHERE gone = 0 AND failed IS NOT NULL ORDER BY path",
    )?;
    let rows = statement.query_map([], |row| {
        let parts: Option<String> = row.get(2)?;
        Ok(Failed {
            path: path_of(row.get(0)?),
            reason: row.get(1)?,
            // What a newer version wrote may not be known; the sentence is there.
            why: parts.and_then(|parts| serde_json::from_str(&parts).ok()),
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn why_a_file_could_not_be_read_is_told_in_parts_and_of_older_rows_as_it_was_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
        let stamp = Stamp {
            size: 1,
            modified_ns: 1,
        };
        let why = PhotoError::TooLarge {
            width: 30_000,
            height: 20_000,
        };
        let path = Path::new("/photos/huge.png");
        let stored = |connection: &Connection| store_failed(connection, path, stamp, &why);
        catalog.transaction(stored).unwrap();
        let told = failed(catalog.connection()).unwrap().remove(0);
        assert_eq!(told.why, Some(why.clone()));
        assert_eq!(told.reason, why.to_string());
        let connection = catalog.connection();
        for older in ["NULL", "'{\"kind\":\"of_a_newer_version\"}'"] {
            let sql = format!("UPDATE photos SET why = {older}");
            connection.execute(&sql, []).unwrap();
            let told = failed(connection).unwrap().remove(0);
            assert_eq!((told.why, told.reason), (None, why.to_string()));
        }
    }
}
