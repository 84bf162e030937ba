//! Photos that are nearly one: found on real photographs, in a new library and in an old one.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use exif::{Field, In, Tag, Value, experimental::Writer};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, crop_imm, resize};
use image::{ImageEncoder, RgbImage};
use kith_engine::{Action, Control, IndexSummary, Library, PhotoId};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");

fn portrait(name: &str) -> RgbImage {
    image::open(Path::new(PHOTOS).join(name))
        .unwrap()
        .into_rgb8()
}

/// Writes a JPEG, taken at that time with that camera.
fn shot(path: &Path, pixels: &RgbImage, quality: u8, taken_at: Option<&str>) {
    let mut jpeg = Cursor::new(Vec::new());
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, quality);
    if let Some(taken_at) = taken_at {
        let text = |tag, text: &str| Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Ascii(vec![text.as_bytes().to_vec()]),
        };
        let fields = [
            text(Tag::DateTimeOriginal, taken_at),
            text(Tag::Model, "Box camera"),
        ];
        let mut writer = Writer::new();
        for field in &fields {
            writer.push_field(field);
        }
        let mut block = Cursor::new(Vec::new());
        writer.write(&mut block, true).unwrap();
        encoder.set_exif_metadata(block.into_inner()).unwrap();
    }
    let (width, height) = pixels.dimensions();
    encoder
        .write_image(pixels, width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    std::fs::write(path, jpeg.into_inner()).unwrap();
}

/// Copies of one portrait in other sizes, formats and qualities, three shots of one moment of another,
/// and photos that are neither.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let obama = portrait("obama.jpg");
    std::fs::copy(Path::new(PHOTOS).join("obama.jpg"), at("original.jpg")).unwrap();
    std::fs::copy(Path::new(PHOTOS).join("obama.jpg"), at("again.jpg")).unwrap();
    let (width, height) = obama.dimensions();
    let small = |by| resize(&obama, width / by, height / by, FilterType::Triangle);
    shot(&at("sent.jpg"), &small(2), 60, None);
    shot(&at("coarse.jpg"), &obama, 25, None);
    small(3).save(at("drawn.png")).unwrap();

    let biden = portrait("biden.jpg");
    let (width, height) = (biden.width() * 9 / 10, biden.height() * 9 / 10);
    for (name, hand, second) in [("a.jpg", 0, 1), ("b.jpg", 2, 2), ("c.jpg", 4, 4)] {
        // A hand that moves by hundredths of the picture.
        let (x, y) = (biden.width() * hand / 100, biden.height() * hand / 200);
        let pixels = crop_imm(&biden, x, y, width, height).to_image();
        let taken_at = format!("2019:07:14 18:05:{second:02}");
        shot(&at(name), &pixels, 90, Some(&taken_at));
    }
    // Another picture of the same moment, and the same place a minute later.
    let other = resize(&portrait("obama2.jpg"), width, height, FilterType::Triangle);
    shot(
        &at("turned-away.jpg"),
        &other,
        90,
        Some("2019:07:14 18:05:03"),
    );
    let pixels = crop_imm(&biden, biden.width() / 20, 0, width, height).to_image();
    shot(&at("later.jpg"), &pixels, 90, Some("2019:07:14 18:07:00"));
    dir
}

fn index(library: &Library, folder: &Path) -> IndexSummary {
    let folders = [PathBuf::from(folder)];
    library
        .index(&folders, &Control::new(), &mut |_| {})
        .unwrap()
}

/// The names of the files of each stack, the one that stands for all first.
fn stacks(library: &Library) -> Vec<(String, BTreeSet<String>)> {
    let name = |path: &String| {
        let name = Path::new(path).file_name().unwrap();
        name.to_str().unwrap().to_owned()
    };
    let stacks = library.stacks().unwrap();
    let mut named: Vec<_> = stacks
        .iter()
        .map(|stack| {
            let first = name(&stack.paths[0]);
            (first, stack.paths.iter().map(name).collect())
        })
        .collect();
    named.sort();
    named
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn photo(library: &Library, file: &str) -> PhotoId {
    let stacks = library.stacks().unwrap();
    let mut photos = stacks
        .iter()
        .flat_map(|stack| stack.photos.iter().zip(&stack.paths));
    *photos.find(|(_, path)| path.ends_with(file)).unwrap().0
}

#[test]
fn copies_and_shots_of_a_moment_are_one_and_what_one_likes_stands_for_them() {
    let photos = folder();
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(dir.path()).unwrap();
    assert_eq!(index(&library, photos.path()).photos, 10);
    let copies = set(&[
        "again.jpg",
        "coarse.jpg",
        "drawn.png",
        "original.jpg",
        "sent.jpg",
    ]);
    let moment = set(&["a.jpg", "b.jpg", "c.jpg"]);
    let found = stacks(&library);
    let sets: Vec<_> = found.iter().map(|(_, stack)| stack.clone()).collect();
    assert_eq!(sets.len(), 2, "{found:?}");
    assert!(
        sets.contains(&copies) && sets.contains(&moment),
        "{found:?}"
    );

    // The tiles say who stands for whom; a photo of its own stands for itself alone.
    let tiles = library.photos().unwrap();
    assert_eq!(tiles.len(), 10);
    let with = |photo: PhotoId| tiles.iter().filter(move |tile| tile.stack == Some(photo));
    let first = photo(&library, &found.iter().find(|of| of.1 == copies).unwrap().0);
    assert_eq!(with(first).count(), 5);
    assert_eq!(tiles.iter().filter(|tile| tile.stack.is_none()).count(), 2);

    // None of the large ones is a small one; a star changes that, and is taken back.
    let small = photo(&library, "sent.jpg");
    assert_ne!(first, small);
    let stars = Action::Stars {
        photos: vec![small],
        stars: 3,
    };
    library.decide(stars, SystemTime::UNIX_EPOCH).unwrap();
    let tiles = library.photos().unwrap();
    assert_eq!(
        tiles
            .iter()
            .filter(|tile| tile.stack == Some(small))
            .count(),
        5
    );
    library
        .decide(Action::Undo, SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(stacks(&library), found);

    // People are counted as before: on every photo.
    let people = library.people().unwrap();
    let on: u32 = people.iter().map(|person| person.photos).sum();
    assert_eq!(on, 10);
    // What is no longer there leaves its stack.
    std::fs::remove_file(photos.path().join("b.jpg")).unwrap();
    std::fs::remove_file(photos.path().join("c.jpg")).unwrap();
    index(&library, photos.path());
    assert_eq!(stacks(&library).len(), 1);
}

#[test]
fn an_old_library_is_looked_at_by_its_thumbnails() {
    let photos = folder();
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    let found = stacks(&library);
    drop(library);
    // As an older Kith left it.
    let catalog = rusqlite::Connection::open(dir.path().join("catalog.sqlite")).unwrap();
    catalog
        .execute_batch("DELETE FROM looks; DELETE FROM stacks;")
        .unwrap();
    drop(catalog);
    let library = Library::open(dir.path()).unwrap();
    assert!(stacks(&library).is_empty());
    let mut phases = BTreeSet::new();
    let control = Control::new();
    let summary = library.index(&[], &control, &mut |progress| {
        phases.insert(format!("{:?}", progress.phase));
    });
    assert_eq!(summary.unwrap().unchanged, 10);
    assert!(phases.contains("Comparing"), "{phases:?}");
    assert_eq!(stacks(&library), found);
}

/// "Comparing photos" once told how fast the photos before it were read.
#[test]
fn speed_is_told_while_photos_are_read_and_not_after_it() {
    let photos = folder();
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(dir.path()).unwrap();
    index(&library, photos.path());
    drop(library);
    let catalog = rusqlite::Connection::open(dir.path().join("catalog.sqlite")).unwrap();
    catalog.execute_batch("DELETE FROM looks;").unwrap();
    drop(catalog);
    for side in 300..306 {
        let pixels = resize(&portrait("biden.jpg"), side, side, FilterType::Triangle);
        shot(
            &photos.path().join(format!("{side}.jpg")),
            &pixels,
            90,
            None,
        );
    }
    let library = Library::open(dir.path()).unwrap();
    let mut told = BTreeSet::new();
    let control = Control::new();
    let summary = library.index(&[], &control, &mut |progress| {
        told.insert((format!("{:?}", progress.phase), progress.speed.is_some()));
    });
    assert_eq!(summary.unwrap().photos, 16);
    let told_in = |phase: &str| told.contains(&(phase.into(), true));
    assert!(told_in("Reading"), "{told:?}");
    assert!(told.contains(&("Comparing".into(), false)), "{told:?}");
    assert!(!told_in("Comparing") && !told_in("Grouping"), "{told:?}");
}
