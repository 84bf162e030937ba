//! Encrypted libraries: what can be read without the passphrase, and what becomes of kills, backups, damage
//! and other passphrases.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::files_below;
use kith_engine::catalog::{Catalog, faces};
use kith_engine::{
    Action, BackupReason, Control, Error, Face, HistoryEntry, Library, Person, Result,
};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const SECRET: &str = "correct horse";
const NAME: &str = "Quincy Quartz";

/// A library of three portraits, one of them named.
struct Place {
    dir: tempfile::TempDir,
    /// What must not be read: names, paths of photos, and codes.
    secrets: Vec<Vec<u8>>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let photos = dir.path().join("photos-of-the-family");
        fs::create_dir(&photos).unwrap();
        for name in ["obama.jpg", "obama2.jpg", "biden.jpg"] {
            fs::copy(Path::new(PHOTOS).join(name), photos.join(name)).unwrap();
        }
        let mut place = Self {
            dir,
            secrets: vec![NAME.into(), "photos-of-the-family".into()],
        };
        let library = Library::open(&place.library()).unwrap();
        index(&library, &photos);
        name(&library, "/biden.jpg", NAME);
        library.face_thumbnail(1).unwrap();
        library.back_up_daily().unwrap();
        drop(library);
        let catalog = Catalog::open(&place.library().join("catalog.sqlite")).unwrap();
        let all = faces::all(catalog.connection()).unwrap();
        let codes = all.iter().map(|face| face.found.code.as_bytes().to_vec());
        place.secrets.extend(codes);
        assert!(place.secrets.len() >= 5);
        drop(catalog);
        assert_ne!(place.told(&place.library()), Vec::<PathBuf>::new());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("library")
    }

    fn encrypted() -> Self {
        let place = Self::new();
        encrypt(&place.library(), SECRET).unwrap();
        place
    }

    fn open(&self) -> Library {
        Library::open_with(&self.library(), Some(SECRET)).unwrap()
    }

    /// The files below a folder that tell something.
    fn told(&self, folder: &Path) -> Vec<PathBuf> {
        let tells = |file: &PathBuf| {
            let bytes = fs::read(file).unwrap();
            let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            self.secrets.iter().any(|secret| has(secret))
                || bytes.starts_with(b"SQLite format 3")
                || bytes.starts_with(&[0xFF, 0xD8])
        };
        files_below(folder).into_iter().filter(tells).collect()
    }

    fn copy(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        copy_all(&self.library(), &to);
        to
    }
}

fn copy_all(from: &Path, to: &Path) {
    for file in files_below(from) {
        let copy = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
}

/// The key file and its copy.
fn key_files(library: &Path) -> [PathBuf; 2] {
    ["", "backups"].map(|folder| library.join(folder).join("encryption.json"))
}

fn encrypt(library: &Path, passphrase: &str) -> Result<()> {
    Library::encrypt(library, passphrase, &mut |_, _| ())
}

fn decrypt(library: &Path, passphrase: &str) -> Result<()> {
    Library::decrypt(library, passphrase, &mut |_, _| ())
}

fn index(library: &Library, folder: &Path) {
    let folders = [folder.to_owned()];
    library
        .index(&folders, &Control::new(), &mut |_| {})
        .unwrap();
}

fn name(library: &Library, file: &str, name: &str) {
    let faces = library.faces().unwrap();
    let face = faces.iter().find(|face| face.path.ends_with(file)).unwrap();
    let (person, name) = (face.person.unwrap(), name.into());
    let action = Action::Name { person, name };
    library.decide(action, SystemTime::UNIX_EPOCH).unwrap();
}

fn state(library: &Library) -> (Vec<Person>, Vec<Face>, Vec<HistoryEntry>) {
    let history = library.history().unwrap();
    (library.people().unwrap(), library.faces().unwrap(), history)
}

fn nothing() -> Vec<PathBuf> {
    Vec::new()
}

#[test]
fn nothing_can_be_read_of_an_encrypted_library() {
    let place = Place::new();
    let library = Library::open(&place.library()).unwrap();
    let kept = state(&library);
    let in_use = encrypt(&place.library(), SECRET).unwrap_err();
    assert!(matches!(in_use, Error::InUse { .. }), "{in_use}");
    drop(library);
    let empty = encrypt(&place.library(), "").unwrap_err();
    assert!(matches!(empty, Error::EmptyPassphrase), "{empty}");

    encrypt(&place.library(), SECRET).unwrap();
    assert_eq!(place.told(&place.library()), nothing());
    let again = encrypt(&place.library(), SECRET).unwrap_err();
    assert!(matches!(again, Error::Encrypted), "{again}");
    let without = Library::open(&place.library()).unwrap_err();
    assert!(
        matches!(without, Error::PassphraseNeeded { .. }),
        "{without}"
    );
    let wrong = Library::open_with(&place.library(), Some("wrong")).unwrap_err();
    assert!(matches!(wrong, Error::WrongPassphrase), "{wrong}");

    // It is used like any other, and what is written then is encrypted, too.
    let library = place.open();
    assert!(library.is_encrypted());
    assert_eq!(state(&library), kept);
    let photos = place.path("photos-of-the-family");
    fs::copy(Path::new(PHOTOS).join("obama.jpg"), photos.join("new.jpg")).unwrap();
    index(&library, &photos);
    name(&library, "/obama.jpg", "Quincy Quartz the Second");
    let picture = library.face_thumbnail(1).unwrap();
    assert!(picture.starts_with(&[0xFF, 0xD8]));
    library.back_up_daily().unwrap();
    let log = fs::metadata(place.library().join("catalog.sqlite-wal"));
    assert!(log.unwrap().len() > 0, "its log is looked through, too");
    assert_eq!(place.told(&place.library()), nothing());
    assert!(place.library().join("cache/index/neighbours.bin").exists());
    let export = place.path("kith.jsonl");
    library
        .export(&export, &Control::new(), &mut |_| {})
        .unwrap();
    library.check().unwrap();
    let kept = state(&library);
    drop(library);
    assert_eq!(place.told(&place.library()), nothing());
    let library = place.open();
    assert_eq!(library.face_thumbnail(1).unwrap(), picture);
    assert_eq!(state(&library), kept);
    drop(library);

    let wrong = decrypt(&place.library(), "wrong").unwrap_err();
    assert!(matches!(wrong, Error::WrongPassphrase), "{wrong}");
    decrypt(&place.library(), SECRET).unwrap();
    let library = Library::open(&place.library()).unwrap();
    assert_eq!(state(&library), kept);
    library.check().unwrap();
    let not = decrypt(&place.library(), SECRET).unwrap_err();
    assert!(matches!(not, Error::NotEncrypted), "{not}");
}

/// As kills leave it at each of the steps.
#[test]
fn encrypting_that_was_interrupted_is_finished_or_undone() {
    let place = Place::new();
    let plain = place.copy("plain");
    let kept = state(&Library::open(&plain).unwrap());
    encrypt(&place.library(), SECRET).unwrap();
    let read = |name: &str| fs::read(place.library().join(name)).unwrap();
    let (key_file, catalog) = (read("encryption.json"), read("catalog.sqlite"));
    let write = |name: &str, bytes: &[u8]| fs::write(plain.join(name), bytes).unwrap();
    let draft = plain.join(".kith-abc.part");

    // Before the encrypted catalog was whole.
    write("encryption.new", &key_file);
    write(".kith-abc.part", &catalog[..5000]);
    let library = Library::open(&plain).unwrap();
    assert_eq!(state(&library), kept);
    assert!(!plain.join("encryption.new").exists());
    assert_eq!(library.backups().unwrap().len(), 1);
    assert!(!draft.exists());
    let picture = library.face_thumbnail(1).unwrap();
    drop(library);

    // After it was whole, and after the key file was written.
    for has_key_file in [false, true] {
        let folder = place.path(&format!("interrupted-{has_key_file}"));
        fs::rename(&plain, &folder).unwrap();
        let whole = place.path("whole");
        copy_all(&folder, &whole);
        fs::write(folder.join("encryption.new"), &key_file).unwrap();
        fs::write(folder.join("catalog.replacement"), &catalog).unwrap();
        let new_thumbnails = folder.join("cache/thumbnails.new");
        copy_all(&place.library().join("cache/thumbnails"), &new_thumbnails);
        if has_key_file {
            fs::write(folder.join("encryption.json"), &key_file).unwrap();
        }
        let library = Library::open_with(&folder, Some(SECRET)).unwrap();
        assert_eq!(state(&library), kept);
        assert_eq!(library.backups().unwrap(), []);
        assert_eq!(library.face_thumbnail(1).unwrap(), picture);
        drop(library);
        assert_eq!(place.told(&folder), nothing());
        assert!(!new_thumbnails.exists());
        assert!(!folder.join("encryption.new").exists());
        fs::rename(&whole, &plain).unwrap();
    }

    // After the catalog was replaced, before what could be read was deleted.
    let folder = &plain;
    write("encryption.new", &key_file);
    write("encryption.json", &key_file);
    write("catalog.sqlite", &catalog);
    copy_all(
        &place.library().join("cache/thumbnails"),
        &folder.join("cache/thumbnails.new"),
    );
    assert_ne!(place.told(folder), nothing());
    let library = Library::open_with(folder, Some(SECRET)).unwrap();
    assert_eq!(state(&library), kept);
    assert_eq!(place.told(folder), nothing());
    assert!(!draft.exists());
    drop(library);

    // Decrypting, the same way.
    decrypt(folder, SECRET).unwrap();
    let plain_catalog = fs::read(folder.join("catalog.sqlite")).unwrap();
    encrypt(folder, SECRET).unwrap();
    write("encryption.new", b"null");
    write("catalog.replacement", &plain_catalog);
    let library = Library::open(folder).unwrap();
    assert_eq!(state(&library), kept);
}

#[test]
fn another_passphrase_changes_nothing_else() {
    let place = Place::encrypted();
    let library = place.open();
    library.back_up_daily().unwrap();
    let backup = place.path("kith.backup");
    library.backup(&backup).unwrap();
    // It replaces its own.
    library.backup(&backup).unwrap();
    assert_eq!(place.told(&place.library()), nothing());
    let kept = state(&library);
    drop(library);
    let copy = place.library().join("catalog.sqlite");
    let before = fs::read(&copy).unwrap();
    let change = |old, new| Library::change_passphrase(&place.library(), old, new);
    assert!(matches!(change("wrong", "x"), Err(Error::WrongPassphrase)));
    assert!(matches!(change(SECRET, ""), Err(Error::EmptyPassphrase)));
    change(SECRET, "battery staple").unwrap();
    assert_eq!(fs::read(&copy).unwrap(), before);
    let wrong = Library::open_with(&place.library(), Some(SECRET));
    assert!(matches!(wrong, Err(Error::WrongPassphrase)));
    let library = Library::open_with(&place.library(), Some("battery staple")).unwrap();
    assert_eq!(state(&library), kept);
    // Its own backups open as ever, those elsewhere too.
    name(&library, "/biden.jpg", "Somebody");
    let daily = library.backups().unwrap().remove(0);
    assert_eq!(daily.reason, BackupReason::Daily);
    library.restore(&daily.path).unwrap();
    assert_eq!(state(&library), kept);
    name(&library, "/biden.jpg", "Somebody");
    library.restore(&backup).unwrap();
    assert_eq!(state(&library), kept);
}

#[test]
fn backups_go_between_libraries_with_other_keys() {
    let place = Place::new();
    let plain = place.path("plain.backup");
    let library = Library::open(&place.library()).unwrap();
    library.backup(&plain).unwrap();
    let kept = state(&library);
    drop(library);
    encrypt(&place.library(), SECRET).unwrap();
    let library = place.open();
    name(&library, "/biden.jpg", "Somebody");
    // A plain one into the encrypted library.
    library.restore(&plain).unwrap();
    assert_eq!(state(&library), kept);
    assert_eq!(place.told(&place.library()), nothing());
    let encrypted = place.path("encrypted.backup");
    library.backup(&encrypted).unwrap();
    assert!(Library::backup_needs_passphrase(&encrypted).unwrap());
    assert!(!Library::backup_needs_passphrase(&plain).unwrap());
    drop(library);
    let bytes = fs::read(&encrypted).unwrap();
    let has = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(!place.secrets.iter().any(|secret| has(secret)));

    // Into a new folder: that is encrypted with the backup's passphrase.
    let new = place.path("new");
    let restore = |passphrase| Library::restore_into_with(&new, &encrypted, None, passphrase);
    let without = restore(None).unwrap_err();
    assert!(
        matches!(without, Error::PassphraseNeeded { .. }),
        "{without}"
    );
    assert!(matches!(
        restore(Some("wrong")),
        Err(Error::WrongPassphrase)
    ));
    assert!(!Library::is_in(&new));
    assert_eq!(state(&restore(Some(SECRET)).unwrap()), kept);
    assert_eq!(place.told(&new), nothing());
    assert_eq!(
        state(&Library::open_with(&new, Some(SECRET)).unwrap()),
        kept
    );

    // Into a library with another passphrase, and into one without: these stay as they are.
    let other = place.path("other");
    drop(Library::open(&other).unwrap());
    encrypt(&other, "another").unwrap();
    let library = Library::open_with(&other, Some("another")).unwrap();
    let without = library.restore(&encrypted).unwrap_err();
    assert!(
        matches!(without, Error::PassphraseNeeded { .. }),
        "{without}"
    );
    library.restore_with(&encrypted, Some(SECRET)).unwrap();
    assert_eq!(state(&library), kept);
    assert_eq!(place.told(&other), nothing());
    let open = Library::open(&place.path("open")).unwrap();
    open.restore_with(&encrypted, Some(SECRET)).unwrap();
    assert_eq!(state(&open), kept);
    assert!(!open.is_encrypted());

    // Where the key file is damaged, a backup brings it back.
    for place in key_files(&place.library()) {
        fs::write(place, "damaged").unwrap();
    }
    let damaged = Library::open_with(&place.library(), Some(SECRET)).unwrap_err();
    assert!(matches!(damaged, Error::KeyFile { .. }), "{damaged}");
    let library =
        Library::restore_into_with(&place.library(), &encrypted, Some(SECRET), Some(SECRET));
    assert_eq!(state(&library.unwrap()), kept);
    // One that is cut is none.
    fs::write(&encrypted, &bytes[..3 * 4096 + 5]).unwrap();
    let cut = place.open().restore(&encrypted).unwrap_err();
    assert!(matches!(cut, Error::NoBackup { .. }), "{cut}");
}

#[test]
fn a_damaged_encrypted_library_is_repaired() {
    let place = Place::encrypted();
    let library = place.open();
    let kept = state(&library);
    library.back_up_daily().unwrap();
    drop(library);
    let catalog = place.library().join("catalog.sqlite");
    let mut bytes = fs::read(&catalog).unwrap();
    // Not the first page: without its salt nothing can be read.
    for at in [3 * 4096 + 100, 8 * 4096 + 100] {
        bytes[at] ^= 1;
    }
    fs::write(&catalog, bytes).unwrap();
    let opened = Library::open_with(&place.library(), Some(SECRET));
    let opened = opened.and_then(|library| library.check());
    assert!(
        matches!(opened, Err(Error::CatalogDamaged { .. })),
        "{opened:?}"
    );
    let summary = Library::repair_with(&place.library(), Some(SECRET)).unwrap();
    assert!(summary.damage.is_some(), "{summary:?}");
    assert_eq!(summary.decisions_lost, 0, "{summary:?}");
    assert_eq!(state(&place.open()), kept);
    assert_eq!(place.told(&place.library()), nothing());
    // With nothing that can be read, a copy is restored.
    fs::write(&catalog, [7; 9000]).unwrap();
    let error = Library::repair_with(&place.library(), Some(SECRET)).unwrap_err();
    assert!(matches!(error, Error::BeyondRepair { .. }), "{error}");
    let copies = Library::backups_of(&place.library()).unwrap().into_iter();
    let mut sound = copies.filter(|copy| copy.reason == BackupReason::Daily);
    let sound = sound.next().unwrap().path;
    let library = Library::restore_into_with(&place.library(), &sound, Some(SECRET), None).unwrap();
    assert_eq!(state(&library), kept);
}

#[test]
fn a_person_is_forgotten_in_an_encrypted_library() {
    let place = Place::encrypted();
    let library = place.open();
    let person = library.people_called(NAME).unwrap()[0];
    library.forget_person(person, SystemTime::now()).unwrap();
    assert!(library.names().unwrap().is_empty());
    library.forget_faces().unwrap();
    assert!(library.faces().unwrap().is_empty());
    library.check().unwrap();
}

/// Two libraries with one passphrase have different keys, and files that are written twice differ.
#[test]
fn one_passphrase_makes_two_keys() {
    let place = Place::new();
    let other = place.copy("other");
    encrypt(&place.library(), SECRET).unwrap();
    encrypt(&other, SECRET).unwrap();
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).unwrap();
    for name in ["encryption.json", "catalog.sqlite"] {
        assert_ne!(read(&place.library(), name), read(&other, name), "{name}");
    }
    // The catalog of one is not opened with the key of the other.
    for file in key_files(&place.library()) {
        fs::copy(other.join("encryption.json"), file).unwrap();
    }
    let before = read(&place.library(), "catalog.sqlite");
    let mixed = Library::open_with(&place.library(), Some(SECRET)).unwrap_err();
    assert!(matches!(mixed, Error::CatalogDamaged { .. }), "{mixed}");
    assert_eq!(read(&place.library(), "catalog.sqlite"), before);
}

#[test]
fn a_key_file_that_is_damaged_or_lost_is_replaced_by_its_copy() {
    let place = Place::encrypted();
    let kept = state(&place.open());
    let [file, copy] = key_files(&place.library());
    let sound = fs::read(&file).unwrap();
    for damaged in [None, Some("{}"), Some("")] {
        for which in [&copy, &file] {
            fs::remove_file(which).unwrap();
            if let Some(text) = damaged {
                fs::write(which, text).unwrap();
            }
            assert!(Library::needs_passphrase(&place.library()).unwrap());
            assert_eq!(state(&place.open()), kept);
            assert_eq!(fs::read(&copy).unwrap(), sound);
            assert_eq!(fs::read(&file).unwrap(), sound);
        }
    }
    // With another passphrase the copy is another, too.
    Library::change_passphrase(&place.library(), SECRET, "battery").unwrap();
    assert_eq!(fs::read(&copy).unwrap(), fs::read(&file).unwrap());
    // A copy of before a kill does not bring the old passphrase back.
    fs::write(&copy, &sound).unwrap();
    assert!(Library::open_with(&place.library(), Some(SECRET)).is_err());
    Library::open_with(&place.library(), Some("battery")).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), fs::read(&file).unwrap());

    // Both lost: it is said, and nothing is written over the catalog.
    let catalog = place.library().join("catalog.sqlite");
    let before = fs::read(&catalog).unwrap();
    for which in [&copy, &file] {
        fs::remove_file(which).unwrap();
    }
    let lost = Library::open_with(&place.library(), Some("battery")).unwrap_err();
    assert!(lost.to_string().contains("encryption.json"), "{lost}");
    let lost = Library::repair_with(&place.library(), Some("battery")).unwrap_err();
    assert!(matches!(lost, Error::BeyondRepair { .. }), "{lost}");
    let lost = encrypt(&place.library(), SECRET).unwrap_err();
    assert!(matches!(lost, Error::CatalogDamaged { .. }), "{lost}");
    assert_eq!(fs::read(&catalog).unwrap(), before);
}

/// As somebody does whose library is lost but for a copy of it.
#[test]
fn a_copy_that_an_encrypted_library_kept_is_restored_elsewhere() {
    let place = Place::encrypted();
    let library = place.open();
    let kept = state(&library);
    library.back_up_daily().unwrap();
    drop(library);
    let old = place.copy("old").join("backups");
    let daily = files_below(&old);
    let daily = daily
        .iter()
        .find(|file| file.extension().is_some_and(|of| of == "kith"));
    let restore = |name: &str, passphrase| {
        Library::restore_into_with(&place.path(name), daily.unwrap(), None, passphrase)
    };
    assert!(matches!(
        restore("new", Some("wrong")),
        Err(Error::WrongPassphrase)
    ));
    assert!(!Library::is_in(&place.path("new")));
    assert_eq!(state(&restore("new", Some(SECRET)).unwrap()), kept);
    assert_eq!(place.told(&place.path("new")), nothing());
    // Not a backup: no key is left of it.
    let damaged = old.join("damaged");
    fs::write(&damaged, [7; 9000]).unwrap();
    let no_backup = Library::restore_into_with(&place.path("none"), &damaged, None, Some(SECRET));
    assert!(
        matches!(no_backup, Err(Error::NoBackup { .. })),
        "{no_backup:?}"
    );
    assert!(!place.path("none/encryption.json").exists());
}

#[test]
fn thumbnails_and_numbers_stay_when_the_key_changes() {
    let place = Place::new();
    let pictures = |library: &Library| {
        let photos = library.photos().unwrap();
        let photos = photos
            .iter()
            .map(|photo| library.thumbnail(photo.photo).unwrap());
        photos.collect::<Vec<_>>()
    };
    let library = Library::open(&place.library()).unwrap();
    let (before, face) = (pictures(&library), library.face_thumbnail(1).unwrap());
    drop(library);
    // So that they cannot be made again.
    fs::remove_dir_all(place.path("photos-of-the-family")).unwrap();
    let mut told = Vec::new();
    Library::encrypt(&place.library(), SECRET, &mut |done, of| {
        told.push((done, of));
    })
    .unwrap();
    assert_eq!(told.last().map(|(done, of)| done == of), Some(true));
    let library = place.open();
    assert_eq!(pictures(&library), before);
    assert_eq!(library.face_thumbnail(1).unwrap(), face);
    drop(library);
    decrypt(&place.library(), SECRET).unwrap();
    let library = Library::open(&place.library()).unwrap();
    assert_eq!(pictures(&library), before);
    assert_eq!(library.face_thumbnail(1).unwrap(), face);
}
