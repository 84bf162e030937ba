//! The made library is what it claims to be, and the engine reads it so.

use std::{fs, path::Path};

use kith_engine::{
    photo::{self, Orientation, PhotoError},
    scan,
};
use kith_journeys::{Flaw, Made, make_library};

fn portraits() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"))
}

fn flawed(made: &Made, flaw: Flaw) -> &Path {
    let found = made.broken.iter().find(|(_, found)| *found == flaw);
    &found.expect("one of each flaw").0
}

/// One library for all, since the making takes a second.
#[test]
fn the_engine_reads_what_was_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().canonicalize().expect("it is there");
    let made = make_library(&dir, portraits()).expect("a library");

    let again = tempfile::tempdir().expect("a temporary folder");
    let twin = make_library(again.path(), portraits()).expect("a library");
    same_bytes(&made, &twin);
    twin.unlock().expect("unlocks");

    let facts: Vec<_> = made.photos.iter().map(check_photo).collect();
    let content = |name: &str| {
        let at = made
            .photos
            .iter()
            .position(|photo| photo.path == dir.join(name));
        facts[at.expect("it was made")].content
    };
    assert_eq!(content("orientations/6.jpg"), content("copies/6.jpg"));
    assert_eq!(content("years/2019/two.jpg"), content("copies/two.jpg"));
    orientations_look_alike(&dir);
    flaws_are_told(&made);
    scan_finds_all(&made, &dir);
    made.unlock().expect("unlocks");
}

fn same_bytes(made: &Made, twin: &Made) {
    assert_eq!(made.photos.len(), twin.photos.len());
    let files = |made: &Made| {
        let broken = made
            .broken
            .iter()
            .map(|(path, _)| path.clone())
            .filter(|path| path.is_file());
        made.photos
            .iter()
            .map(|photo| photo.path.clone())
            .chain(broken)
            .collect::<Vec<_>>()
    };
    for (one, other) in files(made).into_iter().zip(files(twin)) {
        assert!(
            fs::read(&one).expect("reads") == fs::read(other).expect("reads"),
            "{}",
            one.display()
        );
    }
}

fn check_photo(truth: &kith_journeys::Photo) -> photo::Facts {
    let path = truth.path.display();
    let (upright, facts) =
        photo::read(&truth.path, 300).unwrap_or_else(|error| panic!("{error}: {path}"));
    assert_eq!(
        (upright.full_width, upright.full_height),
        (truth.width, truth.height),
        "{path}"
    );
    assert_eq!(
        facts.orientation,
        Orientation::from_tag(truth.orientation.into()),
        "{path}"
    );

    let shot = truth.shot;
    // EXIF separates the parts of a date by colons, ISO 8601 by hyphens and a T.
    let taken_at = shot.map(|shot| {
        format!(
            "{}T{}",
            shot.taken_at[..10].replace(':', "-"),
            &shot.taken_at[11..]
        )
    });
    assert_eq!(
        facts.taken_at.map(|date| date.to_string()),
        taken_at,
        "{path}"
    );
    assert_eq!(
        facts.camera.as_deref(),
        shot.map(|shot| shot.camera),
        "{path}"
    );
    let seconds = facts.place.map(|place| {
        [place.latitude, place.longitude].map(|degrees| (degrees * 3600.0).round() as i32)
    });
    assert_eq!(seconds, shot.and_then(|shot| shot.place_seconds), "{path}");
    facts
}

fn orientations_look_alike(dir: &Path) {
    let upright = |tag: u32| {
        let path = dir.join(format!("orientations/{tag}.jpg"));
        photo::decode(&path, 400).expect("a sound photo").pixels
    };
    let first = upright(1);
    for tag in 2..=8 {
        let sum: u64 = upright(tag)
            .iter()
            .zip(first.iter())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        let mean = sum as f64 / first.len() as f64;
        // The same pixels, through JPEG in another direction; a wrong turn differs by more than 30.
        assert!(mean < 2.0, "orientation {tag}: {mean}");
    }
}

fn flaws_are_told(made: &Made) {
    let outcome = |flaw| photo::decode(flawed(made, flaw), 300).expect_err("it is broken");
    assert!(matches!(outcome(Flaw::Empty), PhotoError::Empty));
    assert!(matches!(outcome(Flaw::Text), PhotoError::NotAPhoto));
    assert!(matches!(outcome(Flaw::CutOff), PhotoError::CutOff));
    assert!(matches!(
        outcome(Flaw::Huge),
        PhotoError::TooLarge {
            width: 30_000,
            height: 30_000
        }
    ));
    let huge = fs::metadata(flawed(made, Flaw::Huge))
        .expect("it is there")
        .len();
    assert!(huge < 2_000_000, "{huge} bytes");
}

fn scan_finds_all(made: &Made, dir: &Path) {
    let scan::Walked {
        found, troubles, ..
    } = scan::walk(&[dir.to_owned()], &scan::Chosen::default(), &|| false);
    let broken = made.broken.iter().filter(|(path, _)| path.is_file());
    let mut expected: Vec<_> = made
        .photos
        .iter()
        .map(|photo| &photo.path)
        .chain(broken.map(|(path, _)| path))
        .collect();
    expected.sort_by_key(|path| path.as_os_str().as_encoded_bytes());
    let locked = flawed(made, Flaw::Locked);
    let found: Vec<_> = found
        .iter()
        .map(|found| &found.path)
        .filter(|path| !path.starts_with(locked))
        .collect();
    assert_eq!(found, expected);
    // The superuser meets no locked doors.
    if fs::read_dir(locked).is_err() {
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert_eq!(troubles[0].path, locked);
    } else {
        assert_eq!(troubles, []);
    }
}
