//! `kith index` beside a worker for graphics processors that is killed, stopped, or none at all: it
//! costs time and not a photo. In place of a graphics processor the processor runs the networks as one
//! would.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use kith_journeys::built;
use serde_json::Value;
use tempfile::TempDir;

/// From so many photos on a worker is started.
const LONG_RUN: usize = 50;

/// The built command alone in a folder, photos and a library.
struct Place {
    dir: TempDir,
    photos: usize,
    /// How many faces are on the photos of these names.
    faces: BTreeMap<String, usize>,
}

impl Place {
    /// With this many photos. Some are the sample portraits, the others show nothing.
    fn with(photos: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::hard_link(built("kith").unwrap(), dir.path().join("kith"))
            .or_else(|_| fs::copy(built("kith").unwrap(), dir.path().join("kith")).map(drop))
            .unwrap();
        let folder = dir.path().join("photos");
        fs::create_dir(&folder).unwrap();
        let mut faces = BTreeMap::new();
        let portraits = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"));
        for at in 0..photos {
            if at % (photos / 4) == photos / 8 {
                let name = format!("{at:03}.jpg");
                fs::copy(portraits.join("obama.jpg"), folder.join(&name)).unwrap();
                // Each is a photo of its own.
                let mut bytes = fs::read(folder.join(&name)).unwrap();
                bytes.extend(at.to_le_bytes());
                fs::write(folder.join(&name), bytes).unwrap();
                faces.insert(name, 1);
                continue;
            }
            let slope = |x: u32, y: u32| Rgb([(x / 3) as u8, (y / 2) as u8, at as u8]);
            let picture = RgbImage::from_fn(600, 450, slope);
            picture.save(folder.join(format!("{at:03}.png"))).unwrap();
        }
        Self { dir, photos, faces }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Lays a shell script beside the command, in place of the worker.
    fn worker(&self, script: &str) {
        let path = self.path("kith-worker");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lays the built worker there, which runs the networks on the processor.
    fn stand_in(&self) {
        let pid = self.path("pid");
        self.worker(&format!(
            "echo $$ > '{0}.new'; mv '{0}.new' '{0}'; unset RAYON_NUM_THREADS; exec '{1}' --stand-in",
            pid.display(),
            built("kith-worker").unwrap().display()
        ));
    }

    fn kith(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("kith"));
        command.args(arguments).arg("--json").arg("--library");
        command.arg(self.path("library"));
        command
    }

    fn start(&self) -> Child {
        let photos = self.path("photos");
        let mut index = self.kith(&["index", photos.to_str().unwrap()]);
        // So that the worker has started before it is done.
        index
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Every photo is there, with its faces, and nothing failed.
    fn is_whole(&self, output: &Output) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let summary = objects(output).pop().unwrap();
        assert_eq!(summary["photos"], self.photos, "{summary}");
        assert_eq!(summary["failed"], 0, "{summary}");
        let mut faces = BTreeMap::new();
        for face in objects(&self.kith(&["faces"]).output().unwrap()) {
            let photo = Path::new(face["photo"].as_str().unwrap());
            let name = photo.file_name().unwrap().to_str().unwrap();
            *faces.entry(name.to_owned()).or_default() += 1;
        }
        assert_eq!(faces, self.faces);
    }

    /// Reads the photos, and sends the worker this signal while it looks at them.
    fn signalled(&self, signal: &str) -> Output {
        let mut index = self.start();
        let began = Instant::now();
        let pid = loop {
            assert!(index.try_wait().unwrap().is_none(), "it was never used");
            assert!(began.elapsed() < Duration::from_secs(300), "it hangs");
            let pid = fs::read_to_string(self.path("pid")).unwrap_or_default();
            if answers(pid.trim()) > ANSWERS_OF_A_START {
                break pid;
            }
            sleep(Duration::from_millis(5));
        };
        let pid = pid.trim();
        let kill = Command::new("kill").args([signal, pid]).status();
        assert!(kill.unwrap().success());
        let output = index.wait_with_output().unwrap();
        let process = Path::new("/proc").join(pid);
        assert!(!process.exists(), "the worker is still there");
        output
    }
}

/// What a worker says before it is used: hello and the two answers of its trial.
const ANSWERS_OF_A_START: u64 = 3;

/// How often a process has written something.
fn answers(pid: &str) -> u64 {
    let counts = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let writes = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
    writes.map_or(0, |count| count.parse().unwrap())
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_worker_that_is_killed_costs_no_photo() {
    let place = Place::with(300);
    place.stand_in();
    place.is_whole(&place.signalled("-KILL"));
}

#[test]
fn a_worker_that_is_stopped_costs_no_photo() {
    let place = Place::with(300);
    place.stand_in();
    let began = Instant::now();
    place.is_whole(&place.signalled("-STOP"));
    // One waits for it once, not once a photo.
    assert!(began.elapsed() < Duration::from_secs(600));
}

#[test]
fn what_is_no_worker_costs_no_photo() {
    for script in [
        "echo This is no worker.; exec cat",
        "exit 127",
        "kill -9 $$",
        "head -c 1000000 /dev/zero",
        "exec sleep 60",
    ] {
        let place = Place::with(LONG_RUN + 2);
        place.worker(script);
        let began = Instant::now();
        let output = place.start().wait_with_output().unwrap();
        place.is_whole(&output);
        assert!(began.elapsed() < Duration::from_secs(50), "{script}");
    }
}

#[test]
fn a_short_run_starts_no_worker() {
    let place = Place::with(LONG_RUN - 1);
    place.worker("touch \"$(dirname \"$0\")/started\"");
    let output = place.start().wait_with_output().unwrap();
    place.is_whole(&output);
    assert!(!place.path("started").exists());
}

#[test]
fn the_doctor_says_which_device_runs_and_why() {
    let place = Place::with(8);
    let found = || objects(&place.kith(&["doctor"]).output().unwrap()).remove(0);
    let processor = found();
    assert_eq!(processor["device"], "processor");
    assert_eq!(
        processor["why"],
        "there is no kith-worker beside this program"
    );
    place.worker("exit 127");
    let why = found()["why"].to_string();
    assert!(why.contains("ended before it said"), "{why}");
    place.stand_in();
    let stand_in = found();
    assert_eq!(
        stand_in["device"],
        "processor in place of a graphics processor"
    );
    assert!(stand_in["face_ms"].as_f64() > processor["face_ms"].as_f64());
}
