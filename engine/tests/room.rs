//! A thread that reads no photo any more has given back the memory in which it read them.

#![cfg(target_os = "linux")] // Which says how much memory a process has.
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

mod common;

use std::fs;

use common::memory_mb;
use image::{Rgb, RgbImage};
use kith_engine::photo;

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pixels of 2,000 × 1,500, in which a photo of 12 megapixels is decoded, and what shrinking them takes.
const ROOM_MB: u32 = 9 + 5;

#[test]
fn a_thread_at_rest_keeps_no_memory_for_photos() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.jpg");
    let picture = RgbImage::from_fn(4000, 3000, |x, y| Rgb([x as u8, y as u8, (x / 8) as u8]));
    fs::write(&path, photo::encode_jpeg(&picture).unwrap()).unwrap();
    drop(picture);
    photo::let_room_go();
    let before = memory_mb("VmRSS");
    for _ in 0..3 {
        photo::decode(&path, 1200).unwrap();
    }
    let kept = memory_mb("VmRSS");
    assert!(kept > before + ROOM_MB / 2, "{before} and {kept} MB");
    photo::let_room_go();
    let after = memory_mb("VmRSS");
    assert!(after + ROOM_MB * 3 / 4 < kept, "{kept} and {after} MB");
}
