//! The memory that indexing takes does not grow with the number of photos.

#![cfg(target_os = "linux")] // Which says how much it was at most.
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

mod common;

use std::{fs, thread};

use common::memory_mb;
use image::{Rgb, RgbImage};
use kith_engine::{Control, Library, keep_freed_memory_a_while, photo};

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Photos of 9 MB each once they are decoded, for each thread.
const PHOTOS: u32 = 25;
/// The networks.
const NETWORKS_MB: u32 = 150;
/// What each thread has under way.
const UNDER_WAY_MB: u32 = 150;

#[test]
fn decoded_photos_do_not_pile_up() {
    keep_freed_memory_a_while();
    let threads = thread::available_parallelism().unwrap().get() as u32;
    let dir = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(2000, 1500, |x, y| Rgb([x as u8, y as u8, (x / 8) as u8]));
    let file = photo::encode_jpeg(&picture).unwrap();
    drop(picture);
    let photos = dir.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for number in 0..threads * PHOTOS {
        // Each a photo of its own: what follows the picture is no part of it.
        let bytes = [file.as_slice(), number.to_string().as_bytes()].concat();
        fs::write(photos.join(format!("{number}.jpg")), bytes).unwrap();
    }
    let library = Library::open(&dir.path().join("library")).unwrap();
    let report = library.index(&[photos], &Control::new(), &mut |_| {});
    assert_eq!(report.unwrap().photos, threads * PHOTOS);
    let most = memory_mb("VmHWM");
    assert!(most < NETWORKS_MB + threads * UNDER_WAY_MB, "{most} MB");
}
