//! Table `photos`: every file that was read or tried, with what its header says.
//!
//! A row belongs to a picture first, known by two hashes, and to a path second: the path is where it
//! was seen last. A photo whose file is gone keeps its row (`gone`), so that its faces and names are there
//! again when the file comes back or turns up elsewhere. One whose drive or folder cannot be reached is
//! `away`: it is listed as before.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::gathered;
use crate::photo::PhotoError;
use crate::scan::FileStamp;
use crate::{PhotoId, Result};

/// As the first version had it; [`BY_CONTENT_FIRST`] is today's.
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

/// The table made anew: only photos that are there have a path of their own, so that a path can pass from
/// one picture to another. What failed for a passing reason is tried again at each look.
pub(super) const BY_CONTENT_FIRST: &str = "
    CREATE TABLE photos_new (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL,                 -- bytes as the system gives them; where it was seen last
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,       -- since 1970, UTC
        changed_ns INTEGER,                 -- the same, of the file's inode; null where not kept
        inode INTEGER,                      -- null where the file system has none that last
        model TEXT,                         -- which networks read it
        content BLOB,                       -- BLAKE3 of the file; null when it could not be read
        picture BLOB,                       -- BLAKE3 of the picture data; null where not told apart
        orientation INTEGER,                -- EXIF orientation, 1 to 8; null in rows of an older version
        width INTEGER NOT NULL DEFAULT 0,   -- upright, of the file
        height INTEGER NOT NULL DEFAULT 0,
        taken_at TEXT,                      -- local time, ISO 8601, from the header
        latitude REAL,
        longitude REAL,
        camera TEXT,
        failed TEXT,                        -- why its content cannot be read; null when it could
        why TEXT,                           -- the same in parts: JSON; null in rows of an older version
        passing TEXT,                       -- why it could not be reached at the last look: JSON
        gone INTEGER NOT NULL DEFAULT 0,    -- deleted, or nobody knows where it is
        away INTEGER NOT NULL DEFAULT 0,    -- on a drive or folder that cannot be reached
        inherited INTEGER NOT NULL DEFAULT 0 -- of a gone one: a copy has taken over its answers
    ) STRICT;
    INSERT INTO photos_new
        (id, path, size, modified_ns, model, content, width, height, taken_at, latitude, longitude, camera,
         failed, why, gone)
        SELECT id, path, size, modified_ns, model, content, width, height, taken_at, latitude, longitude, camera,
            failed, why, gone
        FROM photos;
    DROP TABLE photos;
    ALTER TABLE photos_new RENAME TO photos;
    CREATE UNIQUE INDEX photos_by_path ON photos (path) WHERE gone = 0;
    CREATE INDEX photos_by_content ON photos (content);
    CREATE INDEX photos_by_picture ON photos (picture);
    UPDATE photos SET passing = why, failed = NULL, why = NULL, modified_ns = -1
        WHERE why IS NOT NULL AND json_extract(why, '$.kind') IN ('gone', 'not_allowed', 'unreadable', 'dead_link');
    -- Their reason was not kept in parts: it may have passed.
    UPDATE photos SET modified_ns = -1 WHERE failed IS NOT NULL AND why IS NULL;";

/// Whether a photo is gone only because its folder was removed from the library.
pub(super) const ADD_REMOVED: &str =
    "ALTER TABLE photos ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;";

/// What a scan needs to know of a row.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Columns of the table, each with its own meaning.
pub struct Known {
    /// The photo.
    pub id: PhotoId,
    /// Where it is, or was.
    pub path: PathBuf,
    /// The version that was read.
    pub stamp: FileStamp,
    /// Which networks read it; none if it could not be read.
    pub model: Option<String>,
    /// BLAKE3 of the file; none if it could not be read.
    pub content: Option<[u8; 32]>,
    /// BLAKE3 of its picture data, as [`crate::photo::Facts::picture`]; none in rows of an older version.
    pub picture: Option<[u8; 32]>,
    /// Whether its content could not be read.
    pub failed: bool,
    /// Whether it could not be reached at the last look.
    pub passing: bool,
    /// Whether the file was missing at the last look.
    pub gone: bool,
    /// Whether its drive or folder could not be reached at the last look.
    pub away: bool,
}

/// What reading a file gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// BLAKE3 of the file.
    pub content: [u8; 32],
    /// BLAKE3 of its picture data, as [`crate::photo::Facts::picture`].
    pub picture: Option<[u8; 32]>,
    /// How its pixels lie in the file: EXIF orientation, 1 to 8. None in rows of an older version.
    pub orientation: Option<u8>,
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
    /// Whether its drive or folder could not be reached at the last look.
    pub away: bool,
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
    let mut statement =
        connection.prepare_cached(&format!("SELECT {KNOWN_COLUMNS} FROM photos ORDER BY id"))?;
    let rows = statement.query_map([], known_from)?;
    rows.map(|row| Ok(row?)).collect()
}

/// The row of one photo, as a scan compares it.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read, or there is no such row.
pub fn known_one(connection: &Connection, id: PhotoId) -> Result<Known> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {KNOWN_COLUMNS} FROM photos WHERE id = ?1"))?;
    Ok(statement.query_row([id], known_from)?)
}

const KNOWN_COLUMNS: &str =
    "id, path, size, modified_ns, changed_ns, inode, model, content, picture,
    failed IS NOT NULL, passing IS NOT NULL, gone, away";

fn known_from(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        path: path_of(row.get(1)?),
        stamp: FileStamp {
            size: row.get::<_, i64>(2)? as u64,
            modified_ns: row.get(3)?,
            changed_ns: row.get(4)?,
            inode: row.get::<_, Option<i64>>(5)?.map(|inode| inode as u64),
        },
        model: row.get(6)?,
        content: row.get(7)?,
        picture: row.get(8)?,
        failed: row.get(9)?,
        passing: row.get(10)?,
        gone: row.get(11)?,
        away: row.get(12)?,
    })
}

/// The row of the file at `path`, if no version of it could ever be read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn never_read(connection: &Connection, path: &Path) -> Result<Option<PhotoId>> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM photos WHERE path = ?1 AND gone = 0 AND content IS NULL")?;
    Ok(statement
        .query_row([bytes_of(path)], |row| row.get(0))
        .optional()?)
}

const PHOTO_COLUMNS: &str =
    "id, path, modified_ns, content, width, height, taken_at, latitude, longitude, camera, picture,
    orientation, away";

fn photo_from(row: &Row<'_>) -> rusqlite::Result<Photo> {
    let latitude: Option<f64> = row.get(7)?;
    let longitude: Option<f64> = row.get(8)?;
    let modified_ns: i64 = row.get(2)?;
    let taken_at: Option<String> = row.get(6)?;
    Ok(Photo {
        id: row.get(0)?,
        path: path_of(row.get(1)?),
        changed: taken_at.is_none().then(|| date_of(modified_ns)),
        away: row.get(12)?,
        header: Header {
            content: row.get(3)?,
            picture: row.get(10)?,
            orientation: row.get(11)?,
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
    let sql =
        "SELECT count(*) FROM photos WHERE gone = 0 AND failed IS NULL AND content IS NOT NULL";
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

/// How many photos that could be read are away.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn count_away(connection: &Connection) -> Result<u32> {
    let sql = "SELECT count(*) FROM photos WHERE gone = 0 AND away = 1 AND failed IS NULL AND content IS NOT NULL";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// A photo with a content or picture, as it may be taken over or copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The photo.
    pub id: PhotoId,
    /// Where it is, or was.
    pub path: PathBuf,
    /// BLAKE3 of its file.
    pub content: [u8; 32],
    /// How its pixels lie in the file; none in rows of an older version.
    pub orientation: Option<u8>,
    /// Whether `model` read it.
    pub is_current: bool,
    /// Whether its file was missing at the last look.
    pub gone: bool,
}

/// The photos of one content, whichever networks read them, those that are gone first.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn with_content(
    connection: &Connection,
    content: &[u8; 32],
    model: &str,
) -> Result<Vec<Alike>> {
    alike(connection, "content", content, model)
}

/// The photos of one picture, whatever metadata their files have; as [`with_content`].
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn with_picture(
    connection: &Connection,
    picture: &[u8; 32],
    model: &str,
) -> Result<Vec<Alike>> {
    alike(connection, "picture", picture, model)
}

fn alike(
    connection: &Connection,
    column: &str,
    hash: &[u8; 32],
    model: &str,
) -> Result<Vec<Alike>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, path, content, orientation, model = ?2, gone FROM photos
         WHERE {column} = ?1 AND content IS NOT NULL AND failed IS NULL ORDER BY gone DESC, id",
    ))?;
    let rows = statement.query_map(params![hash, model], |row| {
        Ok(Alike {
            id: row.get(0)?,
            path: path_of(row.get(1)?),
            content: row.get(2)?,
            orientation: row.get(3)?,
            is_current: row.get(4)?,
            gone: row.get(5)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// The contents of the photos that `model` read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn contents(connection: &Connection, model: &str) -> Result<HashSet<[u8; 32]>> {
    let mut statement = connection.prepare(
        "SELECT content FROM photos WHERE model = ?1 AND failed IS NULL AND content IS NOT NULL",
    )?;
    let rows = statement.query_map([model], |row| row.get(0))?;
    rows.map(|row| Ok(row?)).collect()
}

/// The pictures of the photos that `model` read, with how their pixels lie in the file.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn pictures(connection: &Connection, model: &str) -> Result<HashSet<([u8; 32], u8)>> {
    let mut statement = connection.prepare(
        "SELECT picture, orientation FROM photos
         WHERE model = ?1 AND failed IS NULL AND picture IS NOT NULL AND orientation IS NOT NULL",
    )?;
    let rows = statement.query_map([model], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// The photo that is at `path`.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn at_path(connection: &Connection, path: &Path) -> Result<Option<PhotoId>> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM photos WHERE path = ?1 AND gone = 0")?;
    Ok(statement
        .query_row([bytes_of(path)], |row| row.get(0))
        .optional()?)
}

/// Stores what reading a file gave: in the row `photo`, or in a new one. Another photo that was at its
/// path is gone.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(
    connection: &Connection,
    photo: Option<PhotoId>,
    path: &Path,
    stamp: FileStamp,
    header: &Header,
    model: &str,
) -> Result<PhotoId> {
    free_path(connection, path, photo)?;
    let [latitude, longitude] = header.place.map_or([None, None], |place| place.map(Some));
    let mut statement = connection.prepare_cached(
        "INSERT INTO photos (id, path, size, modified_ns, changed_ns, inode, content, picture, orientation,
            width, height, taken_at, latitude, longitude, camera, model)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET
            path = excluded.path, size = excluded.size, modified_ns = excluded.modified_ns,
            changed_ns = excluded.changed_ns, inode = excluded.inode, content = excluded.content,
            picture = excluded.picture, orientation = excluded.orientation,
            width = excluded.width, height = excluded.height, taken_at = excluded.taken_at,
            latitude = excluded.latitude, longitude = excluded.longitude, camera = excluded.camera,
            model = excluded.model, failed = NULL, why = NULL, passing = NULL, gone = 0, away = 0, inherited = 0,
            removed = 0
         RETURNING id",
    )?;
    let values = params![
        photo,
        bytes_of(path),
        stamp.size as i64,
        stamp.modified_ns,
        stamp.changed_ns,
        stamp.inode.map(|inode| inode as i64),
        header.content,
        header.picture,
        header.orientation,
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

/// Another photo than `photo` that was at `path` is not there any more.
fn free_path(connection: &Connection, path: &Path, photo: Option<PhotoId>) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE photos SET gone = 1, away = 0 WHERE path = ?1 AND gone = 0 AND id IS NOT ?2",
        )?
        .execute(params![bytes_of(path), photo])?;
    Ok(())
}

/// Stores that the file at `path` cannot be read: `why` says whether it is tried again at each look. Faces
/// of an earlier version stay; a photo that could be read and cannot be reached now is away.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store_failed(
    connection: &Connection,
    path: &Path,
    stamp: FileStamp,
    why: &PhotoError,
) -> Result<()> {
    let parts = serde_json::to_string(why)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    if why.is_passing() {
        connection
            .prepare_cached(
                "INSERT INTO photos (path, size, modified_ns, passing) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (path) WHERE gone = 0 DO UPDATE SET passing = excluded.passing, away = content IS NOT NULL",
            )?
            .execute(params![bytes_of(path), stamp.size as i64, stamp.modified_ns, parts])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO photos (path, size, modified_ns, changed_ns, inode, failed, why)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (path) WHERE gone = 0 DO UPDATE SET
                size = excluded.size, modified_ns = excluded.modified_ns, changed_ns = excluded.changed_ns,
                inode = excluded.inode, failed = excluded.failed, why = excluded.why, passing = NULL, away = 0,
                model = NULL",
        )?
        .execute(params![
            bytes_of(path),
            stamp.size as i64,
            stamp.modified_ns,
            stamp.changed_ns,
            stamp.inode.map(|inode| inode as i64),
            why.to_string(),
            parts
        ])?;
    Ok(())
}

/// The file of a photo is at `path` now, with the same content. Another photo that was there is gone.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store_moved(
    connection: &Connection,
    id: PhotoId,
    path: &Path,
    stamp: FileStamp,
) -> Result<()> {
    free_path(connection, path, Some(id))?;
    connection
        .prepare_cached(
            "UPDATE photos SET path = ?2, size = ?3, modified_ns = ?4, changed_ns = ?5, inode = ?6,
                gone = 0, away = 0, inherited = 0, removed = 0, passing = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            bytes_of(path),
            stamp.size as i64,
            stamp.modified_ns,
            stamp.changed_ns,
            stamp.inode.map(|inode| inode as i64)
        ])?;
    Ok(())
}

/// The file of a photo, as it is where it was, has this stamp and can be reached.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_stamp(connection: &Connection, id: PhotoId, stamp: FileStamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE photos SET size = ?2, modified_ns = ?3, changed_ns = ?4, inode = ?5, away = 0, passing = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            stamp.size as i64,
            stamp.modified_ns,
            stamp.changed_ns,
            stamp.inode.map(|inode| inode as i64)
        ])?;
    Ok(())
}

/// A photo lies below another folder now, at `path`; its file was not looked at.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written, or `path` is another photo's.
pub fn set_path(connection: &Connection, id: PhotoId, path: &Path) -> Result<()> {
    connection
        .prepare_cached("UPDATE photos SET path = ?2 WHERE id = ?1")?
        .execute(params![id, bytes_of(path)])?;
    Ok(())
}

/// The file is missing, or there again.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_gone(connection: &Connection, id: PhotoId, gone: bool) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE photos SET gone = ?2, away = 0, passing = NULL, inherited = inherited AND ?2, removed = 0
             WHERE id = ?1",
        )?
        .execute(params![id, gone])?;
    Ok(())
}

/// The photos below a folder that `is_left` says are in no folder of the library any more are gone, until
/// [`bring_back`]; says how many could be read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn remove_below(connection: &Connection, is_left: impl Fn(&Path) -> bool) -> Result<u32> {
    let mut removed = 0;
    for photo in known(connection)?.iter().filter(|photo| !photo.gone) {
        if is_left(&photo.path) {
            // Whether it is away is as true when it comes back.
            connection
                .prepare_cached("UPDATE photos SET gone = 1, removed = 1 WHERE id = ?1")?
                .execute([photo.id])?;
            removed += u32::from(photo.content.is_some() && !photo.failed);
        }
    }
    Ok(removed)
}

/// The photos below a folder that [`remove_below`] made gone are there again, but for those whose place
/// another took; says how many could be read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn bring_back(connection: &Connection, folder: &Path) -> Result<u32> {
    let mut statement = connection.prepare_cached(
        "SELECT id, path, failed IS NULL AND content IS NOT NULL FROM photos WHERE gone = 1 AND removed = 1",
    )?;
    let rows = statement.query_map([], |row| {
        let path: PathBuf = path_of(row.get(1)?);
        Ok((row.get::<_, PhotoId>(0)?, path, row.get::<_, bool>(2)?))
    })?;
    let removed: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let mut back = 0;
    for (photo, path, was_read) in removed {
        if path.starts_with(folder) && at_path(connection, &path)?.is_none() {
            connection
                .prepare_cached(
                    "UPDATE photos SET gone = 0, removed = 0, inherited = 0 WHERE id = ?1",
                )?
                .execute([photo])?;
            back += u32::from(was_read);
        }
    }
    Ok(back)
}

/// The drive or folder of a photo cannot be reached, or can be again.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_away(connection: &Connection, id: PhotoId, away: bool) -> Result<()> {
    connection
        .prepare_cached("UPDATE photos SET away = ?2, passing = NULL WHERE id = ?1")?
        .execute(params![id, away])?;
    Ok(())
}

/// A photo that an older version read: without the hash of its picture data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhashed {
    /// The photo.
    pub id: PhotoId,
    /// Its file.
    pub path: PathBuf,
    /// BLAKE3 of its file.
    pub content: [u8; 32],
}

/// The photos that can be reached and that an older version read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn unhashed(connection: &Connection) -> Result<Vec<Unhashed>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, path, content FROM photos
         WHERE gone = 0 AND away = 0 AND failed IS NULL AND content IS NOT NULL AND orientation IS NULL
         ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Unhashed {
            id: row.get(0)?,
            path: path_of(row.get(1)?),
            content: row.get(2)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// Stores the hash of the picture data and how the pixels lie, of a photo that an older version read.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_picture(
    connection: &Connection,
    id: PhotoId,
    picture: Option<&[u8; 32]>,
    orientation: u8,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE photos SET picture = ?2, orientation = ?3 WHERE id = ?1")?
        .execute(params![id, picture, orientation])?;
    Ok(())
}

/// A photo that is gone, and one that is there with the same content or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heir {
    /// The photo that is gone.
    pub from: PhotoId,
    /// The copy that is there.
    pub to: PhotoId,
}

/// For each photo that is gone and whose answers no copy has taken over, its oldest copy that is there; one
/// with the same content before one with the same picture.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn heirs(connection: &Connection) -> Result<Vec<Heir>> {
    let copy = |column: &str| {
        format!(
            "(SELECT min(copy.id) FROM photos AS copy WHERE copy.{column} = photos.{column}
                AND copy.gone = 0 AND copy.away = 0 AND copy.failed IS NULL)"
        )
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, coalesce({}, {}) AS heir FROM photos
         WHERE gone = 1 AND inherited = 0 AND content IS NOT NULL AND heir IS NOT NULL ORDER BY id",
        copy("content"),
        copy("picture")
    ))?;
    let rows = statement.query_map([], |row| {
        Ok(Heir {
            from: row.get(0)?,
            to: row.get(1)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// A copy has taken over the answers of a photo that is gone.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_inherited(connection: &Connection, id: PhotoId) -> Result<()> {
    connection
        .prepare_cached("UPDATE photos SET inherited = 1 WHERE id = ?1")?
        .execute([id])?;
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
        "SELECT path, coalesce(failed, ''), coalesce(why, passing) FROM photos
         WHERE gone = 0 AND (failed IS NOT NULL OR passing IS NOT NULL) ORDER BY path",
    )?;
    let rows = statement.query_map([], |row| {
        let (reason, parts): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        // What a newer version wrote may not be known; the sentence is there.
        let why: Option<PhotoError> = parts.and_then(|parts| serde_json::from_str(&parts).ok());
        Ok(Failed {
            path: path_of(row.get(0)?),
            reason: match &why {
                Some(why) if reason.is_empty() => why.to_string(),
                _ => reason,
            },
            why,
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
        let stamp = FileStamp {
            size: 1,
            modified_ns: 1,
            ..FileStamp::default()
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
