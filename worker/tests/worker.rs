//! The built worker, with the processor in place of a graphics processor: what it answers, and what is
//! left of it when it is killed.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use kith_models::{Crop, Detector, Embedder, Precision, RgbView, Weights, distance};
use kith_worker::{Client, Unusable};

const WORKER: &str = env!("CARGO_BIN_EXE_kith-worker");

fn networks() -> (Detector, Embedder) {
    let weights = Weights::find().unwrap();
    // In f32, as the worker runs it then.
    let embedder = Embedder::load_with(&weights, Precision::F32).unwrap();
    (Detector::load(&weights).unwrap(), embedder)
}

fn data(name: &str) -> image::RgbImage {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/data");
    image::open(Path::new(dir).join(name)).unwrap().into_rgb8()
}

fn face(name: &str) -> [Crop; 2] {
    let crop = Crop::from_rgb(data(name).into_raw()).unwrap();
    [crop.mirrored(), crop]
}

#[test]
fn the_worker_gives_the_processors_answers() {
    let (detector, embedder) = networks();
    let mut command = Command::new(WORKER);
    let worker = Client::start(command.arg("--stand-in"), &detector, &embedder).unwrap();
    assert_eq!(
        worker.device(),
        "processor in place of a graphics processor"
    );

    let faces = ["crop-biden.png", "crop-obama2.png"].map(face);
    let seen = worker.embed(&faces).unwrap();
    let expected = embedder.embed(&faces).unwrap();
    assert_eq!(seen.len(), 2);
    for (seen, expected) in seen.iter().zip(&expected) {
        assert!(distance(seen, expected) < 1e-8);
    }
    assert!(distance(&seen[0], &seen[1]) > 0.1);

    let picture = data("portrait.png");
    let grey = vec![128; picture.as_raw().len()];
    let [picture, grey] = [picture.as_raw(), &grey].map(|pixels| {
        let (width, height) = picture.dimensions();
        RgbView::new(width as usize, height as usize, pixels).unwrap()
    });
    let images = [picture, grey, picture];
    let seen = worker.detect(&images, 0.5).unwrap();
    let expected = detector.detect_batch(&images, 0.5).unwrap();
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
    for (seen, expected) in seen.iter().flatten().zip(expected.iter().flatten()) {
        for (a, b) in seen.box_px.iter().zip(&expected.box_px) {
            assert!((a - b).abs() < 1e-2, "{seen:?} {expected:?}");
        }
    }
    assert_eq!(worker.lost(), None);
}

#[test]
fn a_killed_worker_answers_nobody_and_keeps_nobody_waiting() {
    let (detector, embedder) = networks();
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo $$ > \"$0\"; exec \"$1\" --stand-in"])
        .args([&pid_file, Path::new(WORKER)]);
    let worker = Client::start(&mut command, &detector, &embedder).unwrap();
    let pid = fs::read_to_string(&pid_file).unwrap();
    let faces = vec![face("crop-biden.png"); 64];
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(worker.embed(&faces).is_none()));
        }
        // So many faces take it some seconds.
        thread::sleep(Duration::from_millis(500));
        let kill = Command::new("kill").args(["-9", pid.trim()]).status();
        assert!(kill.unwrap().success());
    });
    let reason = worker.lost().unwrap();
    assert!(!reason.contains("did not answer"), "{reason}");
    assert!(worker.embed(&faces[..1]).is_none());
}

#[test]
fn a_worker_that_was_built_for_no_device_says_so() {
    let (detector, embedder) = networks();
    match Client::start(&mut Command::new(WORKER), &detector, &embedder) {
        // Whoever builds the tests for a device has one.
        Ok(worker) => assert!(worker.device().starts_with("graphics processor")),
        Err(error) => assert!(matches!(error, Unusable::NoDevice(_)), "{error}"),
    }
}

#[test]
fn whoever_starts_it_by_hand_reads_what_it_is_for() {
    let output = Command::new(WORKER)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Kith starts this program"));
}

/// It was left behind by a Kith that was killed, where it did not see the end of its input.
#[test]
fn the_worker_ends_with_whoever_started_it() {
    use std::io::Read as _;
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" --stand-in; :", WORKER]);
    let mut parent = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open: the worker's input does not end.
    let _input = parent.stdin.take().unwrap();
    let mut output = parent.stdout.take().unwrap();
    let mut first = [0];
    output.read_exact(&mut first).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Ends once nobody holds it any more.
    output.read_to_end(&mut Vec::new()).unwrap();
}
