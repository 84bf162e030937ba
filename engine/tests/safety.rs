//! The catalog on disk: backups that are none, restoring while others have the library open, disks that
//! cannot be written, damaged catalogs, and who may read the files.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kith_engine::{
    Action, BackupReason, Control, DecisionId, Error, Face, HistoryEntry, Library, Notice, Person,
    PhotoTile,
};
use proptest::test_runner::{RngAlgorithm, TestRng};
use rusqlite::Connection;
use tempfile::TempDir;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");

/// A library of a few portraits with a name, a star and an album.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let photos = place.path("photos");
        fs::create_dir(&photos).unwrap();
        for name in ["obama.jpg", "obama2.jpg", "biden.jpg"] {
            fs::copy(Path::new(PHOTOS).join(name), photos.join(name)).unwrap();
        }
        let library = place.open();
        library
            .index(&[photos], &Control::new(), &mut |_| {})
            .unwrap();
        name(&library, "/biden.jpg", "Joe");
        let photos = vec![library.photos().unwrap()[0].photo];
        say(
            &library,
            Action::Stars {
                photos: photos.clone(),
                stars: 4,
            },
        );
        let name = "Best".into();
        say(&library, Action::AddToAlbum { photos, name });
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("library")
    }

    fn catalog(&self) -> PathBuf {
        self.library().join("catalog.sqlite")
    }

    fn open(&self) -> Library {
        Library::open(&self.library()).unwrap()
    }

    /// A copy of the library's folder, as a test may damage it.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        copy_folder(&self.library(), &to);
        to
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn say(library: &Library, action: Action) -> DecisionId {
    library
        .decide(action, SystemTime::UNIX_EPOCH)
        .unwrap()
        .decision
}

fn name(library: &Library, file: &str, name: &str) {
    let faces = library.faces().unwrap();
    let face = faces.iter().find(|face| face.path.ends_with(file)).unwrap();
    let (person, name) = (face.person.unwrap(), name.into());
    say(library, Action::Name { person, name });
}

type State = (Vec<Person>, Vec<Face>, Vec<HistoryEntry>, Vec<PhotoTile>);

fn state(library: &Library) -> State {
    (
        library.people().unwrap(),
        library.faces().unwrap(),
        library.history().unwrap(),
        library.photos().unwrap(),
    )
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Restoring renamed the catalog beside its write-ahead log: the window's next answer destroyed it.
#[test]
fn a_backup_is_restored_while_others_have_the_library_open() {
    let place = Place::new();
    let window = place.open();
    let backup = place.path("kith.backup");
    window.backup(&backup).unwrap();
    let kept = state(&window);
    name(&window, "/obama.jpg", "Barack");
    // An older Kith, or any other program, that reads and writes.
    let older = Connection::open(place.catalog()).unwrap();
    let count = || -> u32 {
        let sql = "SELECT count(*) FROM decisions";
        older.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), 4);

    let command = place.open();
    command.restore(&backup).unwrap();
    assert_eq!(count(), 3);
    for library in [&window, &command, &place.open()] {
        assert_eq!(state(library), kept);
    }
    name(&window, "/obama2.jpg", "Barry");
    assert_eq!(command.names().unwrap(), ["Barry", "Joe"]);
    assert_eq!(count(), 4);
    drop((older, window, command));
    let library = place.open();
    library.check().unwrap();
    assert_eq!(library.names().unwrap(), ["Barry", "Joe"]);
    // What was said since the backup is in the copy that was kept.
    let copies = library.backups().unwrap();
    let [restored, before] = &copies[..] else {
        panic!("{copies:?}");
    };
    assert_eq!(restored.reason, BackupReason::Daily);
    assert_eq!(before.reason, BackupReason::BeforeRestore);
    library.restore(&before.path).unwrap();
    assert_eq!(library.names().unwrap(), ["Barack", "Joe"]);
}

/// The same for all face data.
#[test]
fn face_data_is_deleted_while_others_have_the_library_open() {
    let place = Place::new();
    let window = place.open();
    assert_eq!(window.names().unwrap(), ["Joe"]);
    place.open().forget_faces().unwrap();
    assert!(window.people().unwrap().is_empty());
    assert_eq!(window.history().unwrap().len(), 2);
    let photos = vec![window.photos().unwrap()[0].photo];
    say(&window, Action::Stars { photos, stars: 2 });
    drop(window);
    let library = place.open();
    library.check().unwrap();
    assert_eq!(library.history().unwrap().len(), 3);
}

/// A file of 0 bytes, without tables, with a row that does not decode, or of a newer Kith was taken for a
/// backup, and the library was gone.
#[test]
fn what_is_no_backup_is_refused_and_changes_nothing() {
    let place = Place::new();
    let library = place.open();
    let kept = state(&library);
    let good = place.path("good.backup");
    library.backup(&good).unwrap();
    let before = fs::read(&good).unwrap();
    let spoilt = |sql: &str| {
        let file = place.path("spoilt.backup");
        fs::copy(&good, &file).unwrap();
        let connection = Connection::open(&file).unwrap();
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection
            .pragma_update(None, "ignore_check_constraints", true)
            .unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        file
    };
    let refused = |file: &Path, word: &str| {
        let error = library.restore(file).unwrap_err();
        assert!(error.to_string().contains(word), "{word}: {error}");
        assert!(
            matches!(error, Error::NoBackup { .. } | Error::CatalogTooNew { .. }),
            "{error}"
        );
        assert_eq!(state(&library), kept);
        assert!(library.backups().unwrap().is_empty());
    };
    let empty = place.path("empty.backup");
    fs::write(&empty, []).unwrap();
    refused(&empty, "empty");
    let photo = place.path("photo.jpg");
    fs::copy(Path::new(PHOTOS).join("biden.jpg"), &photo).unwrap();
    refused(&photo, "not a catalog");
    refused(&place.path("missing"), "No such file");
    refused(&place.path("photos"), "not a file");
    refused(&place.catalog(), "own catalog");
    for (sql, word) in [
        (
            "DROP TABLE placements; DROP TABLE questions; DROP TABLE stacks; DROP TABLE looks;",
            "missing",
        ),
        ("DROP TRIGGER decisions_stay", "decisions_stay is missing"),
        ("DROP INDEX faces_by_photo", "faces_by_photo is missing"),
        ("CREATE TABLE more (x)", "not Kith's"),
        (
            "CREATE TRIGGER more AFTER INSERT ON decisions BEGIN SELECT 1; END",
            "not Kith's",
        ),
        ("PRAGMA user_version = 999", "newer Kith"),
        ("PRAGMA user_version = 0", "no version"),
        ("PRAGMA application_id = 1", "not a catalog"),
        (
            "INSERT INTO decisions (at_ms, decision) VALUES (1, 'not JSON')",
            "row 4 of its table decisions",
        ),
        (
            "INSERT INTO decisions (at_ms, decision) VALUES (1, '{\"kind\":\"unheard_of\"}')",
            "row 4 of its table decisions",
        ),
        ("UPDATE faces SET code = x'00'", "code has 1 bytes"),
        (
            "UPDATE faces SET landmarks = zeroblob(39)",
            "landmarks has 39",
        ),
        ("UPDATE faces SET quality = 9e999", "quality"),
        (
            "UPDATE photos SET content = x'12' WHERE id = 1",
            "content has 1",
        ),
        ("UPDATE photos SET path = x'' WHERE id = 2", "path is empty"),
        ("UPDATE photos SET width = -1", "width is -1"),
        ("DELETE FROM photos WHERE id = 1", "refers to"),
        ("UPDATE placements SET state = 'odd'", "odd"),
        ("UPDATE looks SET look = zeroblob(3)", "look has 3"),
    ] {
        refused(&spoilt(sql), word);
    }
    for cut in [1, 100, 4096, before.len() / 2, before.len() - 1] {
        let file = place.path("cut.backup");
        fs::write(&file, &before[..cut]).unwrap();
        refused(&file, "backup");
    }
    // The backup itself is as it was, and still one.
    assert_eq!(fs::read(&good).unwrap(), before);
    library.restore(&good).unwrap();
    assert_eq!(state(&library), kept);
}

/// People follow from faces and decisions, whatever a backup says of them.
#[test]
fn people_are_derived_when_a_backup_is_restored() {
    let place = Place::new();
    let library = place.open();
    let kept = state(&library);
    let file = place.path("kith.backup");
    library.backup(&file).unwrap();
    let connection = Connection::open(&file).unwrap();
    let source: i64 = connection
        .query_row("SELECT source FROM derived", [], |row| row.get(0))
        .unwrap();
    connection
        .execute("UPDATE placements SET person = 1, state = 'automatic'", [])
        .unwrap();
    connection
        .execute("INSERT INTO derived (source) VALUES (?1)", [source])
        .unwrap();
    connection.close().unwrap();
    library.restore(&file).unwrap();
    assert_eq!(state(&library), kept);
}

/// `kith backup` replaced any file, a photo too, and deleted the user's FILE.part.
#[test]
fn a_backup_replaces_nothing_but_a_backup() {
    let place = Place::new();
    let library = place.open();
    let photo = place.path("photo.jpg");
    fs::copy(Path::new(PHOTOS).join("biden.jpg"), &photo).unwrap();
    let other = place.path("other.sqlite");
    let connection = Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE mine (x)").unwrap();
    connection.close().unwrap();
    let link = place.path("link");
    std::os::unix::fs::symlink(&photo, &link).unwrap();
    for file in [
        &photo,
        &other,
        &link,
        &place.path("photos"),
        &place.catalog(),
    ] {
        let before = fs::read(file).ok();
        let error = library.backup(file).unwrap_err();
        assert!(matches!(error, Error::FileInTheWay { .. }), "{error}");
        assert_eq!(fs::read(file).ok(), before);
    }
    let file = place.path("kith.backup");
    let part = place.path("kith.backup.part");
    fs::write(&part, "mine").unwrap();
    let there = files_below(place.dir.path());
    library.backup(&file).unwrap();
    name(&library, "/obama.jpg", "Barack");
    library.backup(&file).unwrap();
    assert_eq!(fs::read(&part).unwrap(), b"mine");
    let mut expected = there;
    expected.push(file.clone());
    expected.sort();
    assert_eq!(files_below(place.dir.path()), expected);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(
        library.backup(&place.path("missing/kith.backup")),
        Err(Error::Io { .. })
    ));
    let new = Library::open(&place.path("new")).unwrap();
    new.restore(&file).unwrap();
    assert_eq!(state(&new), state(&library));
}

/// A name that `SQLite` would take for an address with options, and one that is no text.
#[test]
fn paths_are_paths() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    for odd in [
        "file:x?mode=ro",
        "file:%41",
        ":memory:",
        "a'b\"c",
        "what?",
        "#1",
    ] {
        let dir = place.path(odd);
        let library = Library::open(&dir).unwrap();
        library.backup(&dir.join(odd)).unwrap();
        assert!(dir.join("catalog.sqlite").exists() && dir.join(odd).exists());
        library.restore(&dir.join(odd)).unwrap();
    }
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe kith.backup");
    let file = place.dir.path().join(odd);
    place.open().backup(&file).unwrap();
    assert!(file.exists());
    place.open().restore(&file).unwrap();
}

/// An older Kith was killed between two renames: an empty library came of it, called sound.
#[test]
fn what_an_older_kith_left_between_two_renames_is_finished() {
    let place = Place::new();
    let kept = state(&place.open());
    let left = |names: &[(&str, &str)]| {
        let dir = place.copy("left");
        for (from, to) in names {
            fs::rename(dir.join(from), dir.join(to)).unwrap();
        }
        let library = Library::open(&dir).unwrap();
        assert_eq!(state(&library), kept);
        library.check().unwrap();
        drop(library);
        assert!(!dir.join("catalog-before-restore.sqlite").exists());
        fs::remove_dir_all(&dir).unwrap();
    };
    left(&[("catalog.sqlite", "catalog-before-restore.sqlite")]);
    left(&[("catalog.sqlite", "catalog.restored")]);
    left(&[("catalog.sqlite", "catalog.old")]);
    // Without any of them the library is not begun anew beside its copies.
    place.open().back_up_daily().unwrap();
    let dir = place.copy("missing");
    fs::remove_file(dir.join("catalog.sqlite")).unwrap();
    let error = Library::open(&dir).unwrap_err();
    assert!(matches!(error, Error::CatalogDamaged { .. }), "{error}");
    let newest = Library::backups_of(&dir).unwrap().remove(0);
    let library = Library::restore_into(&dir, &newest.path).unwrap();
    assert_eq!(state(&library), kept);
}

/// A catalog whose restore was noted and never ended.
#[test]
fn an_interrupted_restore_is_told() {
    let place = Place::new();
    let note = place.library().join("restoring.json");
    fs::write(&note, "{\"log\":\"another\"}").unwrap();
    assert_eq!(place.open().notices(), [Notice::RestoreUndone]);
    assert!(place.open().notices().is_empty());
}

/// Everybody on the computer could read who is on the photos.
#[test]
fn only_the_owner_can_read_a_librarys_files() {
    let place = Place::new();
    let library = place.open();
    library.back_up_daily().unwrap();
    name(&library, "/obama.jpg", "Barack");
    let is_private = |file: &PathBuf| {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        let expected = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{mode:o} {}", file.display());
    };
    let files = files_below(&place.library());
    assert!(
        files
            .iter()
            .any(|file| file.ends_with("catalog.sqlite-wal"))
    );
    files.iter().for_each(is_private);
    drop(library);
    // One that an older version made.
    for file in files.iter().filter(|file| file.exists()) {
        let mode = if file.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }
    let _library = place.open();
    files_below(&place.library()).iter().for_each(is_private);
    // What is not Kith's is left alone.
    let mine = place.library().join("mine.jpg");
    fs::write(&mine, "mine").unwrap();
    for file in [&mine, &place.library()] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let _library = place.open();
    for file in [&mine, &place.library()] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}

#[test]
fn a_copy_is_kept_daily() {
    let place = Place::new();
    let library = place.open();
    library.back_up_daily().unwrap();
    library.back_up_daily().unwrap();
    let copies = library.backups().unwrap();
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].reason, BackupReason::Daily);
    let found = |name: &str| Library::backup_called(&place.library(), name).unwrap();
    assert_eq!(found("1").as_ref(), Some(&copies[0].path));
    assert_eq!(found(&copies[0].name), found("0001"));
    assert_eq!(found("2"), None);
}

fn seals(catalog: &Path) -> u32 {
    let connection = Connection::open(catalog).unwrap();
    let sql = "SELECT count(*) FROM seals";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The window ended without sealing its catalog, and its daily copy was made of one without seals.
#[test]
fn a_library_is_sealed_without_being_dropped() {
    let place = Place::new();
    let library = place.open();
    let all = seals(&place.catalog());
    name(&library, "/obama.jpg", "Barack");
    assert!(seals(&place.catalog()) < all);
    library.back_up_daily().unwrap();
    assert_eq!(seals(&library.backups().unwrap()[0].path), all);
    name(&library, "/obama.jpg", "Barry");
    library.seal();
    assert_eq!(seals(&place.catalog()), all);
}

/// A catalog that cannot be sealed just now could not be opened.
#[test]
fn a_library_that_cannot_be_sealed_opens() {
    let place = Place::new();
    let connection = Connection::open(place.catalog()).unwrap();
    connection
        .execute_batch(
            "DELETE FROM seals;
             CREATE TRIGGER full BEFORE INSERT ON seals BEGIN SELECT raise(ABORT, 'full'); END;",
        )
        .unwrap();
    drop(connection);
    let library = place.open();
    assert_eq!(library.names().unwrap(), ["Joe"]);
    let photos = place.path("photos");
    library
        .index(&[photos], &Control::new(), &mut |_| {})
        .unwrap();
}

/// What is damaged in a catalog: none may be opened wrongly in silence, and none may end in a panic.
#[test]
fn damaged_catalogs_are_noticed() {
    let rounds = std::env::var("KITH_DAMAGES").map_or(40, |text| text.parse().unwrap());
    let place = Place::new();
    let library = place.open();
    let kept = state(&library);
    drop(library);
    let whole = fs::read(place.catalog()).unwrap();
    let dir = place.copy("damaged");
    let catalog = dir.join("catalog.sqlite");
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut noticed = 0;
    for round in 0..rounds {
        let bytes = damaged(&whole, round, &mut random);
        for beside in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
            if dir.join(beside).exists() {
                fs::remove_file(dir.join(beside)).unwrap();
            }
        }
        fs::write(&catalog, &bytes).unwrap();
        let seen = Library::open(&dir).and_then(|library| {
            library.check()?;
            Ok((
                library.people()?,
                library.faces()?,
                library.history()?,
                library.photos()?,
            ))
        });
        match seen {
            Err(_) => noticed += 1,
            Ok(seen) => assert!(seen == kept, "round {round} was opened wrongly in silence"),
        }
    }
    println!("{noticed} of {rounds} were noticed, the others changed nothing that is read");
    assert!(noticed > rounds / 2);
}

fn below(random: &mut TestRng, end: usize) -> usize {
    use proptest::prelude::Rng;
    random.next_u64() as usize % end
}

/// Cut off, with a page of zeros, or with flipped bits.
fn damaged(whole: &[u8], round: usize, random: &mut TestRng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match round % 4 {
        0 => bytes.truncate(below(random, whole.len())),
        1 => {
            let page = below(random, whole.len() / 4096) * 4096;
            bytes[page..page + 4096].fill(0);
        }
        2 => {
            let at = below(random, whole.len() - 64);
            for byte in &mut bytes[at..at + 64] {
                *byte = below(random, 256) as u8;
            }
        }
        _ => {
            for _ in 0..8 {
                let at = below(random, whole.len());
                bytes[at] ^= 1 << below(random, 8);
            }
        }
    }
    bytes
}

/// What can be read of a damaged catalog comes back, and what is missing from the newest copy.
#[test]
fn a_damaged_catalog_is_repaired() {
    let place = Place::new();
    let library = place.open();
    library.back_up_daily().unwrap();
    name(&library, "/obama.jpg", "Barack");
    let kept = state(&library);
    drop(library);
    let page_of = |table: &str| -> usize {
        let connection = Connection::open(place.catalog()).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let page: u32 = connection
            .query_row(sql, [table], |row| row.get(0))
            .unwrap();
        page as usize - 1
    };
    // All of the photos are gone, and all of the index of faces.
    let whole = fs::read(place.catalog()).unwrap();
    for tables in [&["photos"][..], &["faces_by_photo"], &["faces", "looks"]] {
        let dir = place.copy("repaired");
        let mut bytes = whole.clone();
        for table in tables {
            let at = page_of(table) * 4096;
            bytes[at..at + 4096].fill(0x5A);
        }
        fs::write(dir.join("catalog.sqlite"), &bytes).unwrap();
        let error = Library::open(&dir).unwrap_err();
        assert!(matches!(error, Error::CatalogDamaged { .. }), "{error}");
        let summary = Library::repair(&dir).unwrap();
        assert!(summary.damage.is_some(), "{summary:?}");
        assert_eq!(summary.decisions_lost, 0, "{summary:?}");
        let library = Library::open(&dir).unwrap();
        assert_eq!(state(&library), kept, "{tables:?}");
        let set_aside = summary.set_aside.unwrap();
        let set_aside = Library::backup_called(&dir, &set_aside).unwrap().unwrap();
        assert_eq!(fs::read(set_aside).unwrap(), bytes);
        drop(library);
        fs::remove_dir_all(&dir).unwrap();
    }
    // Where nothing can be read, the newest sound copy is named.
    let dir = place.copy("beyond");
    fs::write(dir.join("catalog.sqlite"), [7; 9000]).unwrap();
    let error = Library::repair(&dir).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("-daily"), "{said}");
    let copy = Library::backups_of(&dir).unwrap().remove(0);
    let library = Library::restore_into(&dir, &copy.path).unwrap();
    assert_eq!(library.names().unwrap(), ["Joe"]);
    // A sound one stays as it is, and its caches are made again.
    let dir = place.copy("sound");
    let thumbnails = dir.join("cache/thumbnails/photos");
    let thumbnail = files_below(&thumbnails).pop().unwrap();
    fs::write(&thumbnail, "cut").unwrap();
    fs::write(dir.join("cache/index/neighbours.bin"), "cut").unwrap();
    let summary = Library::repair(&dir).unwrap();
    assert_eq!((summary.damage, summary.thumbnails), (None, 1));
    assert_eq!(state(&Library::open(&dir).unwrap()), kept);
}

/// The copy before a restore was the newest one, and a repair took what was missing from it.
#[test]
fn a_repair_after_a_restore_brings_nothing_back_that_was_left() {
    let place = Place::new();
    let backup = place.path("kith.backup");
    let library = place.open();
    library.backup(&backup).unwrap();
    name(&library, "/obama.jpg", "Barack");
    library.back_up_daily().unwrap();
    library.restore(&backup).unwrap();
    assert_eq!(library.backups().unwrap()[0].reason, BackupReason::Daily);
    drop(library);
    let connection = Connection::open(place.catalog()).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = off; DELETE FROM photos WHERE id = 1;")
        .unwrap();
    drop(connection);
    let summary = Library::repair(&place.library()).unwrap();
    assert!(summary.damage.is_some() && summary.rows_from_backup > 0);
    assert_eq!(place.open().names().unwrap(), ["Joe"]);
}

/// Who has it open is not robbed of it.
#[test]
fn a_library_in_use_is_not_replaced() {
    let place = Place::new();
    let window = place.open();
    let connection = Connection::open(place.catalog()).unwrap();
    connection
        .execute(
            "INSERT INTO decisions (at_ms, decision) VALUES (1, '{}')",
            [],
        )
        .unwrap();
    drop(connection);
    assert!(matches!(
        Library::repair(&place.library()),
        Err(Error::InUse { .. })
    ));
    drop(window);
    let summary = Library::repair(&place.library()).unwrap();
    assert_eq!(summary.decisions_lost, 1, "{summary:?}");
    assert_eq!(place.open().names().unwrap(), ["Joe"]);
}
