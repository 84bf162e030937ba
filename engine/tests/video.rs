//! The video protocol on frames made of the sample portraits.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::fs;
use std::path::Path;

use image::{RgbImage, imageops};
use kith_engine::eval::{EvalError, video};
use kith_engine::faces::FaceFinder;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");

/// A video of a portrait that comes nearer, with `empty` frames of nothing before it.
fn film(dir: &Path, video: &str, portrait: &str, empty: u32) {
    let dir = dir.join(video);
    fs::create_dir_all(&dir).unwrap();
    let photo = image::open(Path::new(PHOTOS).join(portrait))
        .unwrap()
        .to_rgb8();
    for number in 0..empty + 3 {
        let width = 240 + 40 * number;
        let height = width * photo.height() / photo.width();
        let frame = if number < empty {
            RgbImage::new(width, height)
        } else {
            imageops::resize(&photo, width, height, imageops::FilterType::Triangle)
        };
        frame
            .save(dir.join(format!("0.{}.jpg", 8 + number)))
            .unwrap();
    }
}

#[test]
fn videos_are_compared_by_the_frames_with_a_face() {
    let dir = tempfile::tempdir().unwrap();
    let frames = dir.path().join("frames");
    film(&frames, "Obama/0", "obama.jpg", 0);
    film(&frames, "Obama/1", "obama2.jpg", 2);
    film(&frames, "Obama/2", "obama3.jpg", 0);
    film(&frames, "Biden/0", "biden.jpg", 0);
    film(&frames, "Collins/0", "astronaut.png", 0);
    fs::write(frames.join("Obama/0/0.7.jpg"), b"not a picture").unwrap();
    let pairs = dir.path().join("splits.txt");
    let lines = "1, Obama/0, Obama/1, 1\n1, Obama/0, Biden/0, 0\n\
                 2, Obama/1, Obama/2, 1\n2, Obama/2, Collins/0, 0\n";
    fs::write(&pairs, lines).unwrap();
    let finder = FaceFinder::load().unwrap();
    let report = video(&finder, &frames, &pairs, &mut |_, _| ()).unwrap();
    assert_eq!((report.pairs, report.videos, report.folds), (4, 5, 2));
    assert_eq!((report.frames, report.unreadable), (15, 1));
    assert_eq!(report.undetected, 0);
    assert!((report.accuracy.share - 1.0).abs() < 1e-9, "{report:?}");

    // With the truth turned round everything is wrong at the other split's threshold, or half is.
    let turned = lines.replace(", 1\n", ", x\n").replace(", 0\n", ", 1\n");
    fs::write(&pairs, turned.replace(", x\n", ", 0\n")).unwrap();
    let report = video(&finder, &frames, &pairs, &mut |_, _| ()).unwrap();
    assert!(report.accuracy.share < 0.75, "{report:?}");

    fs::write(&pairs, "1, Obama/0, Nobody/3, 0\n").unwrap();
    let error = video(&finder, &frames, &pairs, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, EvalError::Pairs { line: 1, .. }), "{error}");
}
