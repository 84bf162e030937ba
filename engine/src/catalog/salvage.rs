//! Reads what can be read of a damaged catalog into a new one, row by row.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, params, params_from_iter};
use tempfile::TempDir;

use super::check::{DECODERS, Decode};
use super::{
    APPLICATION_ID, Catalog, MIGRATIONS, damaged_or_busy, decisions, file, run_migrations,
};
use crate::encryption::DataKey;
use crate::people::face_of;
use crate::{Error, Result};

/// Numbers of rows between two readable ones that are looked up one by one.
const LONGEST_GAP: i64 = 5_000_000;
/// Tables that are worked out from others: nothing is lost with them.
const DERIVED: [&str; 4] = ["placements", "derived", "questions", "seals"];
/// Tables whose rows are never deleted, but with a forgotten person: a row that a backup has and this catalog
/// has not is missing. Of the others a row may have been deleted since.
const ONLY_GROW: [&str; 5] = ["photos", "faces", "decisions", "embeddings", "looks"];

/// Rows that were read, and that were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    /// Damaged beyond reading and in no backup, as far as they can be counted: 1 at least where a part of a
    /// table could not be read.
    pub(crate) lost: u64,
    /// Copied from a backup.
    pub(crate) from_backup: u64,
}

/// What came of a salvage.
#[derive(Debug)]
pub(crate) struct Salvaged {
    /// In memory.
    pub(crate) catalog: Catalog,
    /// Of the log.
    pub(crate) decisions: Rows,
    /// Of all tables that are not derived from others.
    pub(crate) all: Rows,
}

/// What could be read of a damaged catalog.
#[derive(Debug)]
pub(crate) struct Readable {
    /// In memory, of today's layout; rows may refer to missing ones.
    connection: Connection,
    key: Option<DataKey>,
    tables: Vec<Table>,
    /// The largest numbers that were ever used, as far as they could be read.
    numbers: Vec<(String, i64)>,
    /// Photos of whose faces some could not be read; none where that cannot be told.
    incomplete_photos: Option<HashSet<i64>>,
}

/// How a table was read.
#[derive(Debug, Clone, Copy)]
struct Table {
    name: &'static str,
    decode: Decode,
    is_whole: bool,
    rows: Rows,
}

impl Readable {
    /// Reads the catalog at `path`, which nobody has open. None where not even its layout can be read, or no row.
    ///
    /// # Errors
    /// [`Error::CatalogTooNew`], [`Error::Io`] and [`Error::Catalog`] when it cannot be copied.
    pub(crate) fn of(path: &Path, key: Option<&DataKey>) -> Result<Option<Self>> {
        let (copy, folder) = file::private_copy(path, key)?;
        let Some(copy) = tolerant(copy) else {
            return Ok(None);
        };
        let mut damaged = Damaged {
            connection: copy,
            key,
            folder,
        };
        let known = MIGRATIONS.len();
        let version = damaged
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
        let version = match version.map(|version| version as usize) {
            Err(_) => return Ok(None),
            Ok(0) => known,
            Ok(version) if version > known => {
                return Err(Error::CatalogTooNew {
                    found: version as u32,
                    known: known as u32,
                    path: path.to_owned(),
                });
            }
            Ok(version) => version,
        };
        let connection = file::memory(key)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        for statement in MIGRATIONS[..version].iter().copied().flatten() {
            connection.execute_batch(statement)?;
        }
        let numbers = numbers_of(&damaged.connection);
        damaged.reopen()?;
        let mut tables = Vec::new();
        let mut read = 0;
        for (name, decode) in DECODERS {
            let mut table = Table {
                name,
                decode: *decode,
                is_whole: true,
                rows: Rows::default(),
            };
            if *name != "seals" && connection.table_exists(None, *name)? {
                let mut copying = Copying::new(&table, &connection);
                table.is_whole = copying.copy_all(&mut damaged, largest(&numbers, name))?;
                table.rows.lost = copying.lost;
                read += copying.copied;
            }
            tables.push(table);
        }
        if read == 0 {
            return Ok(None);
        }
        damaged.reopen()?;
        let incomplete_photos = incomplete_photos(&damaged.connection, &connection);
        run_migrations(&connection, version).map_err(|error| damaged_or_busy(error, path))?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", known as u32)?;
        Ok(Some(Self {
            connection,
            key: key.cloned(),
            tables,
            numbers,
            incomplete_photos,
        }))
    }

    /// Whether a backup is of another history: an entry of the log has another time and another text there.
    /// Where only one of these differs, the entry is damaged.
    ///
    /// # Errors
    /// [`Error::Catalog`] when the backup cannot be read.
    pub(crate) fn contradicts(&self, backup: &Catalog) -> Result<bool> {
        let sql = "SELECT 1 FROM decisions WHERE id = ?1 AND at_ms <> ?2 AND decision <> ?3";
        let mut other = self.connection.prepare(sql)?;
        let sql = "SELECT id, at_ms, decision FROM decisions";
        let mut theirs = backup.connection().prepare(sql)?;
        let mut rows = theirs.query([])?;
        while let Some(row) = rows.next()? {
            let entry: (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if other.exists(entry)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A sound catalog: what is missing is filled in from a backup, and rows that refer to missing ones go.
    ///
    /// # Errors
    /// [`Error::Catalog`] when it cannot be made.
    pub(crate) fn completed(self, path: &Path, backup: Option<&Catalog>) -> Result<Salvaged> {
        let Self {
            connection,
            key,
            mut tables,
            mut numbers,
            incomplete_photos,
        } = self;
        if let Some(backup) = backup {
            for table in &mut tables {
                fill(table, backup.connection(), &connection)?;
            }
            numbers.extend(numbers_of(backup.connection()));
        }
        drop_unknown_maps(&connection)?;
        let faces_lost = tables
            .iter()
            .any(|table| table.name == "faces" && table.rows.lost > 0);
        let dropped = drop_dangling(&connection)?;
        if faces_lost || dropped.contains("faces") {
            read_again(&connection, incomplete_photos.as_ref())?;
        }
        for table in &mut tables {
            table.rows.lost += dropped.count(table.name);
        }
        numbers.extend(numbers_in_log(&connection)?);
        use_no_number_again(&connection, &numbers)?;
        let catalog = Catalog::in_memory(connection, path, key.as_ref())?;
        let (mut all, mut of_log) = (Rows::default(), Rows::default());
        for table in tables.iter().filter(|table| !DERIVED.contains(&table.name)) {
            all.lost += table.rows.lost;
            all.from_backup += table.rows.from_backup;
            if table.name == "decisions" {
                of_log = table.rows;
            }
        }
        Ok(Salvaged {
            catalog,
            decisions: of_log,
            all,
        })
    }
}

/// A copy of a damaged catalog, in a folder of its own.
struct Damaged<'a> {
    connection: Connection,
    key: Option<&'a DataKey>,
    folder: TempDir,
}

impl Damaged<'_> {
    /// Opens an encrypted one anew: after a damaged page `SQLCipher` reads no other on the same connection.
    fn reopen(&mut self) -> Result<()> {
        if self.key.is_some() {
            let opened = file::open_private_copy(&self.folder, self.key)?;
            if let Some(connection) = tolerant(opened) {
                self.connection = connection;
            }
        }
        Ok(())
    }
}

/// Has `SQLite` read a file that is shorter than its header says; none where not even its layout can be read.
fn tolerant(damaged: Connection) -> Option<Connection> {
    let set = damaged.pragma_update(None, "writable_schema", true);
    set.is_ok().then_some(damaged)
}

/// Copies rows of a backup that are missing.
fn fill(table: &mut Table, backup: &Connection, to: &Connection) -> Result<()> {
    if DERIVED.contains(&table.name) || table.is_whole && !ONLY_GROW.contains(&table.name) {
        return Ok(());
    }
    let mut copying = Copying::new(table, to);
    copying.copy(backup, &format!("SELECT * FROM {}", table.name), []);
    let filled = copying.copied;
    table.rows.lost = table.rows.lost.saturating_sub(filled);
    table.rows.from_backup = filled;
    if table.name == "decisions" {
        table.rows.from_backup += replace_changed(backup, to)?;
    }
    Ok(())
}

/// Takes the entries of the log that a backup has otherwise, and says how many these are: an entry never
/// changes, so that the damaged one is wrong.
fn replace_changed(backup: &Connection, to: &Connection) -> Result<u64> {
    let mut theirs = backup.prepare("SELECT id, at_ms, decision FROM decisions")?;
    let mut rows = theirs.query([])?;
    // Replacing a row fires no trigger of deleting.
    let mut replace = to.prepare(
        "INSERT OR REPLACE INTO decisions (id, at_ms, decision) SELECT ?1, ?2, ?3
         WHERE EXISTS (SELECT 1 FROM decisions WHERE id = ?1 AND (at_ms <> ?2 OR decision <> ?3))",
    )?;
    let mut replaced = 0;
    while let Some(row) = rows.next()? {
        let (id, at_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        let decision: String = row.get(2)?;
        replaced += replace.execute(params![id, at_ms, decision])?;
    }
    Ok(replaced as u64)
}

/// The largest number that each table ever used; empty where that cannot be read.
fn numbers_of(connection: &Connection) -> Vec<(String, i64)> {
    let Ok(mut statement) = connection.prepare("SELECT name, seq FROM sqlite_sequence") else {
        return Vec::new();
    };
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.map_or_else(
        |_| Vec::new(),
        |rows| rows.filter_map(rusqlite::Result::ok).collect(),
    )
}

/// The largest number of a table; of one without numbers of its own, the largest that it can refer to.
fn largest(numbers: &[(String, i64)], table: &str) -> i64 {
    let own = numbers.iter().filter(|(name, _)| name == table);
    let own = own.map(|(_, number)| *number).max();
    own.or_else(|| numbers.iter().map(|(_, number)| *number).max())
        .unwrap_or(0)
}

/// The largest numbers of faces and photos that the log speaks of.
fn numbers_in_log(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let (mut faces, mut photos) = (HashSet::new(), BTreeSet::new());
    for entry in decisions::all(connection)? {
        entry.decision.mentions(&mut faces, &mut photos);
        faces.extend(entry.decision.people().into_iter().map(face_of));
    }
    let face = faces.into_iter().max().unwrap_or(0);
    let photo = photos.last().copied().unwrap_or(0);
    Ok(vec![
        ("faces".to_owned(), face.into()),
        ("photos".to_owned(), photo.into()),
    ])
}

/// Counts the numbers of tables on from the largest that was ever used.
fn use_no_number_again(connection: &Connection, numbers: &[(String, i64)]) -> Result<()> {
    for (table, number) in numbers {
        if !DECODERS.iter().any(|(name, _)| name == table) {
            continue;
        }
        let update = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
        if connection.execute(update, params![table, number])? == 0 {
            let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
            connection.execute(insert, params![table, number])?;
        }
    }
    Ok(())
}

/// The photos of faces that were not read, by the index of faces; none where that is damaged, too.
fn incomplete_photos(damaged: &Connection, read: &Connection) -> Option<HashSet<i64>> {
    let sql = "SELECT photo, rowid FROM faces INDEXED BY faces_by_photo";
    let mut statement = damaged.prepare(sql).ok()?;
    let mut is_read = read.prepare("SELECT 1 FROM faces WHERE id = ?1").ok()?;
    let mut rows = statement.query([]).ok()?;
    let mut photos = HashSet::new();
    loop {
        match rows.next().ok()? {
            None => return Some(photos),
            Some(row) => {
                let (photo, face): (i64, i64) = (row.get(0).ok()?, row.get(1).ok()?);
                if !is_read.exists([face]).ok()? {
                    photos.insert(photo);
                }
            }
        }
    }
}

/// Has photos read again at the next look, all where it is not known which.
fn read_again(connection: &Connection, photos: Option<&HashSet<i64>>) -> Result<()> {
    let Some(photos) = photos.filter(|photos| !photos.is_empty()) else {
        let sql = "UPDATE photos SET model = 'none' WHERE model IS NOT NULL";
        connection.execute(sql, [])?;
        return Ok(());
    };
    let sql = "UPDATE photos SET model = 'none' WHERE id = ?1 AND model IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    for photo in photos {
        statement.execute([photo])?;
    }
    Ok(())
}

/// Faces whose code went through a map that is lost get the one of Kith's own network back; where there is
/// none, their photos are read again.
fn drop_unknown_maps(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE unmapped AS SELECT id, photo FROM faces
            WHERE map IS NOT NULL AND map NOT IN (SELECT id FROM maps);
         UPDATE photos SET model = 'none' WHERE model IS NOT NULL AND id IN (
            SELECT photo FROM unmapped WHERE id NOT IN (SELECT face FROM embeddings));
         UPDATE faces SET map = NULL,
            code = coalesce((SELECT code FROM embeddings WHERE face = faces.id), code)
            WHERE id IN (SELECT id FROM unmapped);
         DELETE FROM embeddings WHERE face IN (SELECT id FROM unmapped);
         DROP TABLE unmapped;",
    )?;
    Ok(())
}

/// How many rows of which table were deleted.
#[derive(Debug, Default)]
struct Dropped(Vec<String>);

impl Dropped {
    fn count(&self, table: &str) -> u64 {
        self.0.iter().filter(|name| *name == table).count() as u64
    }

    fn contains(&self, table: &str) -> bool {
        self.count(table) > 0
    }
}

/// Deletes rows that refer to rows that are not there, until there is none.
fn drop_dangling(connection: &Connection) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    loop {
        let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
        })?;
        // A row may refer to several that are missing.
        let dangling: BTreeSet<_> = rows.collect::<rusqlite::Result<_>>()?;
        if dangling.is_empty() {
            return Ok(dropped);
        }
        for (table, row) in dangling {
            connection.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [row])?;
            dropped.0.push(table);
        }
    }
}

/// Copies the rows of one table.
struct Copying<'a> {
    table: &'a str,
    decode: Decode,
    to: &'a Connection,
    /// Rows that were made.
    copied: u64,
    lost: u64,
}

impl<'a> Copying<'a> {
    fn new(table: &Table, to: &'a Connection) -> Self {
        Self {
            table: table.name,
            decode: table.decode,
            to,
            copied: 0,
            lost: 0,
        }
    }

    /// From both ends to where it is damaged, then row by row between; `largest` is the largest number that a
    /// row can have, 0 where that is not known. Says whether all was read.
    fn copy_all(&mut self, from: &mut Damaged<'_>, largest: i64) -> Result<bool> {
        let is_whole = self.copy_both_ways(from, largest)? && self.lost == 0;
        if !is_whole && self.lost == 0 {
            self.lost += 1;
        }
        Ok(is_whole)
    }

    fn copy_both_ways(&mut self, from: &mut Damaged<'_>, largest: i64) -> Result<bool> {
        let table = self.table;
        let sql = format!("SELECT *, rowid AS row_number FROM {table} ORDER BY rowid");
        let up = match self.copy_from(from, &sql, [])? {
            Scan::Whole => return Ok(true),
            Scan::UpTo(row) => row.unwrap_or(0),
            // A table without row numbers.
            Scan::Refused => {
                let sql = format!("SELECT * FROM {table}");
                if matches!(self.copy_from(from, &sql, [])?, Scan::Whole) {
                    return Ok(true);
                }
                self.copy_from(from, &format!("{sql} ORDER BY 1 DESC"), [])?;
                return Ok(false);
            }
        };
        let sql = format!(
            "SELECT *, rowid AS row_number FROM {table} WHERE rowid > ?1 ORDER BY rowid DESC"
        );
        let down = match self.copy_from(from, &sql, [up])? {
            Scan::UpTo(Some(row)) => row,
            _ => largest + 1,
        };
        if down - up <= LONGEST_GAP {
            let sql = format!("SELECT *, rowid AS row_number FROM {table} WHERE rowid = ?1");
            for row in up + 1..down {
                if !matches!(self.copy_from(from, &sql, [row])?, Scan::Whole) {
                    self.lost += 1;
                }
            }
        }
        Ok(false)
    }

    fn copy_from(
        &mut self,
        from: &mut Damaged<'_>,
        sql: &str,
        params: impl Params,
    ) -> Result<Scan> {
        let scan = self.copy(&from.connection, sql, params);
        if !matches!(scan, Scan::Whole) {
            from.reopen()?;
        }
        Ok(scan)
    }

    /// Copies what a statement gives, until it ends or fails.
    fn copy(&mut self, from: &Connection, sql: &str, params: impl Params) -> Scan {
        let Ok(mut statement) = from.prepare_cached(sql) else {
            return Scan::Refused;
        };
        let names: Vec<String> = statement
            .column_names()
            .filter(|name| *name != "row_number")
            .map(str::to_owned)
            .collect();
        let has_number = statement.column_count() > names.len();
        let Ok(mut rows) = statement.query(params) else {
            return Scan::Refused;
        };
        let mut last = None;
        loop {
            match rows.next() {
                Ok(None) => return Scan::Whole,
                Err(_) => return Scan::UpTo(last),
                Ok(Some(row)) => {
                    if has_number && let Ok(number) = row.get(names.len()) {
                        last = Some(number);
                    }
                    match self.insert(row, &names) {
                        Some(inserted) => self.copied += u64::from(inserted),
                        None => self.lost += 1,
                    }
                }
            }
        }
    }

    /// Whether it made a row; none where the row cannot be decoded.
    fn insert(&self, row: &Row<'_>, names: &[String]) -> Option<bool> {
        (self.decode)(row).ok()?;
        let values = (0..names.len()).map(|column| row.get::<_, Value>(column));
        let mut values: Vec<Value> = values.collect::<rusqlite::Result<_>>().ok()?;
        if self.add(names, &values).ok()? {
            return Some(true);
        }
        // Another photo is at its path by now.
        if self.table == "photos" && !self.has(row.get("id").ok()?).ok()? {
            let gone = names.iter().position(|name| name == "gone")?;
            values[gone] = Value::Integer(1);
            return self.add(names, &values).ok();
        }
        Some(false)
    }

    fn has(&self, photo: i64) -> rusqlite::Result<bool> {
        let mut statement = self
            .to
            .prepare_cached("SELECT 1 FROM photos WHERE id = ?1")?;
        statement.exists([photo])
    }

    /// Adds a row that is not there yet.
    fn add(&self, names: &[String], values: &[Value]) -> rusqlite::Result<bool> {
        let list = |of: &dyn Fn(usize, &str) -> String, separator: &str| -> String {
            let parts = names.iter().enumerate();
            let parts = parts.map(|(at, name)| of(at + 1, name));
            parts.collect::<Vec<_>>().join(separator)
        };
        let columns = list(&|_, name| format!("\"{name}\""), ", ");
        let places = list(&|at, _| format!("?{at}"), ", ");
        // This table has no key.
        let unless = match self.table {
            "forgotten" => {
                let same = list(&|at, name| format!("\"{name}\" IS ?{at}"), " AND ");
                format!(" WHERE NOT EXISTS (SELECT 1 FROM forgotten WHERE {same})")
            }
            _ => String::new(),
        };
        let table = self.table;
        let sql = format!("INSERT OR IGNORE INTO {table} ({columns}) SELECT {places}{unless}");
        let mut statement = self.to.prepare_cached(&sql)?;
        Ok(statement.execute(params_from_iter(values))? > 0)
    }
}

/// How far a scan came.
enum Scan {
    /// To its end.
    Whole,
    /// To the row of this number, if any; then the file is damaged.
    UpTo(Option<i64>),
    /// It could not begin.
    Refused,
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalog::folders;
    use crate::people::Decision;

    const PAGE: usize = 4096;
    const PHOTOS: i64 = 300;

    /// A catalog of photos with two faces each, and a log about some of them.
    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let place = Self {
                dir: tempfile::tempdir().unwrap(),
            };
            let mut catalog = Catalog::open(&place.path("catalog.sqlite")).unwrap();
            let fill = |connection: &Connection| {
                connection.execute(
                    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
                     INSERT INTO photos (path, size, modified_ns, model, content)
                     SELECT cast('/photos/' || n AS BLOB), n, n, 'seen', randomblob(32) FROM n",
                    [PHOTOS],
                )?;
                connection.execute_batch(
                    "INSERT INTO faces (photo, x, y, w, h, landmarks, score, quality, model, code)
                     SELECT id, side / 4.0, 0.1, 0.2, 0.2, zeroblob(40), 1.0, 1.0, 'seen', randomblob(128)
                     FROM photos, (SELECT 1 AS side UNION ALL SELECT 2) ORDER BY id, side;",
                )?;
                folders::add(connection, Path::new("/photos"))?;
                folders::add(connection, Path::new("/removed"))?;
                connection.execute_batch(
                    "INSERT INTO forgotten (content, x, y, w, h) VALUES (zeroblob(32), 0.1, 0.1, 0.1, 0.1)",
                )?;
                for face in 1..50 {
                    say(connection, &[face])?;
                }
                Ok(())
            };
            catalog.transaction(fill).unwrap();
            place
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }

        fn connection(&self) -> Connection {
            Connection::open(self.path("catalog.sqlite")).unwrap()
        }

        fn backup(&self) -> Catalog {
            Catalog::copy_of(&self.path("catalog.sqlite"), None).unwrap()
        }

        /// Overwrites a page of a table: the one in the middle of its leaves, or its root.
        fn damage(&self, table: &str, is_root: bool) {
            let connection = self.connection();
            let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
            let root: u32 = connection
                .query_row(sql, [table], |row| row.get(0))
                .unwrap();
            let root = root as usize;
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
            drop(connection);
            let file = self.path("catalog.sqlite");
            let mut bytes = std::fs::read(&file).unwrap();
            let page = &bytes[(root - 1) * PAGE..][..PAGE];
            // https://www.sqlite.org/fileformat.html#b_tree_pages
            let damaged = if is_root {
                root
            } else {
                assert_eq!(page[0], 5, "an interior page of a table");
                let cells = usize::from(u16::from_be_bytes([page[3], page[4]]));
                let pointer = &page[12 + 2 * (cells / 2)..];
                let cell = &page[usize::from(u16::from_be_bytes([pointer[0], pointer[1]]))..];
                u32::from_be_bytes([cell[0], cell[1], cell[2], cell[3]]) as usize
            };
            bytes[(damaged - 1) * PAGE..][..PAGE].fill(0x5A);
            std::fs::write(&file, bytes).unwrap();
        }

        fn salvage(&self, backup: Option<&Catalog>) -> Salvaged {
            let path = self.path("catalog.sqlite");
            let readable = Readable::of(&path, None).unwrap().unwrap();
            let salvaged = readable.completed(&path, backup).unwrap();
            salvaged.catalog.check().unwrap();
            salvaged
        }
    }

    fn say(connection: &Connection, faces: &[u32]) -> Result<()> {
        let decision = Decision::Ignore {
            faces: faces.to_vec(),
        };
        decisions::add(connection, SystemTime::now(), &decision).map(drop)
    }

    fn count(catalog: &Catalog, sql: &str) -> i64 {
        let connection = catalog.connection();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The column of numbers was taken for one of the table's: whatever lay behind a damaged page was lost.
    #[test]
    fn rows_on_both_sides_of_a_damaged_page_are_saved() {
        let place = Place::new();
        place.damage("faces", false);
        let salvaged = place.salvage(None);
        let faces = count(&salvaged.catalog, "SELECT count(*) FROM faces");
        assert!(faces > 2 * PHOTOS - 40, "{faces}");
        assert!(count(&salvaged.catalog, "SELECT max(id) FROM faces") == 2 * PHOTOS);
        assert_eq!(salvaged.all.lost as i64, 2 * PHOTOS - faces);
        // The photos of these faces are read again, and no others.
        let again = count(
            &salvaged.catalog,
            "SELECT count(*) FROM photos WHERE model = 'none'",
        );
        let incomplete = count(
            &salvaged.catalog,
            "SELECT count(*) FROM photos WHERE model = 'none'
             AND (SELECT count(*) FROM faces WHERE photo = photos.id) < 2",
        );
        assert!(again > 0 && again == incomplete, "{again} {incomplete}");
    }

    #[test]
    fn a_table_of_which_nothing_can_be_read_is_not_called_whole() {
        let place = Place::new();
        place.damage("folders", true);
        assert!(place.salvage(None).all.lost >= 1);
        let place = Place::new();
        place.damage("faces", true);
        place.damage("faces_by_photo", true);
        let salvaged = place.salvage(None);
        assert_eq!(salvaged.all.lost as i64, 2 * PHOTOS);
        // Which photos had faces is not known: all are read again.
        let sql = "SELECT count(*) FROM photos WHERE model = 'none'";
        assert_eq!(count(&salvaged.catalog, sql), PHOTOS);
    }

    /// A face got the number of one that was lost, and with it what was said of that.
    #[test]
    fn numbers_of_lost_rows_are_not_used_again() {
        let place = Place::new();
        let connection = place.connection();
        say(&connection, &[5_000]).unwrap();
        drop(connection);
        place.damage("faces", true);
        place.damage("sqlite_sequence", true);
        let salvaged = place.salvage(None);
        let sql = "INSERT INTO faces (photo, x, y, w, h, landmarks, score, quality, model, code)
            VALUES (1, 0, 0, 1, 1, zeroblob(40), 1, 1, 'seen', zeroblob(128)) RETURNING id";
        assert_eq!(count(&salvaged.catalog, sql), 5_001);
        let place = Place::new();
        place.damage("faces", true);
        assert_eq!(count(&place.salvage(None).catalog, sql), 2 * PHOTOS + 1);
    }

    /// What was removed since a backup came back, and boxes of forgotten faces were doubled.
    #[test]
    fn a_backup_fills_in_what_is_damaged_and_nothing_else() {
        let place = Place::new();
        let backup = place.backup();
        let connection = place.connection();
        folders::remove(&connection, Path::new("/removed")).unwrap();
        drop(connection);
        place.damage("faces", false);
        let salvaged = place.salvage(Some(&backup));
        assert_eq!(salvaged.all.lost, 0);
        assert!(salvaged.all.from_backup > 0);
        let catalog = &salvaged.catalog;
        assert_eq!(count(catalog, "SELECT count(*) FROM faces"), 2 * PHOTOS);
        assert_eq!(count(catalog, "SELECT count(*) FROM folders"), 1);
        assert_eq!(count(catalog, "SELECT count(*) FROM forgotten"), 1);
        let read_again = "SELECT count(*) FROM photos WHERE model = 'none'";
        assert_eq!(count(catalog, read_again), 0);
        place.damage("folders", true);
        let catalog = place.salvage(Some(&backup)).catalog;
        assert_eq!(count(&catalog, "SELECT count(*) FROM folders"), 2);
    }

    /// Faces whose photo was damaged were dropped before the photo came from the backup.
    #[test]
    fn faces_stay_where_their_photo_comes_from_a_backup() {
        let place = Place::new();
        let backup = place.backup();
        let connection = place.connection();
        connection
            .execute_batch(
                "INSERT INTO faces (photo, x, y, w, h, landmarks, score, quality, model, code, drawn)
                 VALUES (150, 0, 0, 1, 1, zeroblob(40), 1, 1, 'seen', zeroblob(128), 1);
                 UPDATE photos SET path = cast('/moved' AS BLOB) WHERE id = 150;
                 UPDATE photos SET path = cast('/photos/150' AS BLOB) WHERE id = 300;",
            )
            .unwrap();
        drop(connection);
        for is_root in [false, true] {
            place.damage("photos", is_root);
            let salvaged = place.salvage(Some(&backup));
            assert_eq!(salvaged.all.lost, 0);
            let catalog = &salvaged.catalog;
            let faces = count(catalog, "SELECT count(*) FROM faces WHERE photo = 150");
            assert_eq!(faces, 3);
        }
    }

    /// Without its map a face of another network was one that refers to nothing, and was dropped.
    #[test]
    fn a_face_whose_map_is_lost_gets_its_own_code_back() {
        let place = Place::new();
        let connection = place.connection();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = off;
                 INSERT INTO embeddings SELECT id, code FROM faces WHERE id = 1;
                 UPDATE faces SET map = 7, code = zeroblob(128) WHERE id IN (1, 3);",
            )
            .unwrap();
        drop(connection);
        place.damage("faces_by_photo", true);
        let catalog = place.salvage(None).catalog;
        let sql = "SELECT count(*) FROM faces WHERE id IN (1, 3) AND map IS NULL";
        assert_eq!(count(&catalog, sql), 2);
        let sql = "SELECT code = zeroblob(128) FROM faces WHERE id = 1";
        assert_eq!(count(&catalog, sql), 0);
        let sql = "SELECT id FROM photos WHERE model = 'none'";
        assert_eq!(count(&catalog, sql), 2);
    }

    /// A repair brought back what the user had left by restoring a backup.
    #[test]
    fn a_backup_of_another_history_is_not_taken() {
        let place = Place::new();
        place.damage("faces", false);
        let path = place.path("catalog.sqlite");
        let readable = Readable::of(&path, None).unwrap().unwrap();
        let contradicts = |change: &str| {
            let other = Place::new();
            let connection = other.connection();
            connection
                .execute_batch(
                    "DROP TRIGGER decisions_stay; DROP TRIGGER decisions_keep; DELETE FROM decisions;",
                )
                .unwrap();
            let mut add = connection
                .prepare("INSERT INTO decisions (id, at_ms, decision) VALUES (?1, ?2, ?3)")
                .unwrap();
            let mut log = readable
                .connection
                .prepare("SELECT id, at_ms, decision FROM decisions")
                .unwrap();
            let mut rows = log.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let entry: (i64, i64, String) = (
                    row.get(0).unwrap(),
                    row.get(1).unwrap(),
                    row.get(2).unwrap(),
                );
                add.execute(entry).unwrap();
            }
            connection.execute_batch(change).unwrap();
            connection.execute_batch(decisions::PROTECT).unwrap();
            readable.contradicts(&other.backup()).unwrap()
        };
        assert!(!contradicts(""));
        assert!(!contradicts("UPDATE decisions SET at_ms = 1 WHERE id = 40"));
        let text = Decision::Ignore { faces: vec![77] };
        let text = serde_json::to_string(&text).unwrap();
        let text = format!("UPDATE decisions SET decision = '{text}'");
        assert!(!contradicts(&format!("{text} WHERE id = 40")));
        assert!(contradicts(&format!("{text}, at_ms = 1 WHERE id = 40")));
    }
}
