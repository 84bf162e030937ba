//! Files made to take long or much memory cost one photo: little time, and little memory beside the file.

#![cfg(target_os = "linux")] // Which says how much memory was taken at most.
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

mod common;

use std::{
    fs,
    io::Cursor,
    sync::{Mutex, PoisonError},
};

use common::{memory_mb, processor_seconds};
use image::{
    ImageEncoder, ImageFormat, RgbImage,
    codecs::{png::PngEncoder, webp::WebPEncoder},
};
use kith_engine::photo::{self, Facts, PhotoError, Upright};

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Most memory beside the file and what is said to be needed, in MB.
const BESIDE_MB: u32 = 48;
/// Most seconds of a processor.
const MAX_SECONDS: f32 = 5.0;
const MB: usize = 1 << 20;

type Outcome = Result<(Upright, Facts), PhotoError>;

/// Reads a file of that name, and fails where it took too long, or more MB beside the file than `needed`.
fn read(name: &str, file: &[u8], needed: u32) -> Outcome {
    // How much was taken at most is known of the whole process.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, file).unwrap();
    photo::let_room_go();
    // Sets the most that was taken back to what is taken now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory_mb("VmHWM");
    let begin = processor_seconds();
    let outcome = photo::read(&path, 2000);
    let took = processor_seconds() - begin;
    let most = memory_mb("VmHWM").saturating_sub(before);
    let of_file = (file.len() / MB) as u32;
    println!("{name}: {took:.2} s, {most} MB, of which the file has {of_file}");
    assert!(took < MAX_SECONDS, "{name} took {took} s");
    assert!(most < of_file + needed + BESIDE_MB, "{name} took {most} MB");
    outcome
}

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x as u8, y as u8, (x ^ y) as u8])
    })
}

fn saved(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture(64, 48).write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A TIFF directory, little-endian, that begins at `at`.
fn directory(at: usize, entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut bytes = vec![0; at];
    bytes[..8].copy_from_slice(b"II*\0\x08\0\0\0");
    bytes[4..8].copy_from_slice(&(at as u32).to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// An uncompressed grey TIFF of 64 × 64 pixels, with more entries.
fn tiff(more: &[(u16, u16, u32, u32)], length: usize) -> Vec<u8> {
    let mut entries = vec![
        (0x100, LONG, 1, 64),
        (0x101, LONG, 1, 64),
        (0x102, SHORT, 1, 8),
        (0x103, SHORT, 1, 1),
        (0x106, SHORT, 1, 1),
        (0x111, LONG, 1, 1000),
        (0x115, SHORT, 1, 1),
        (0x116, LONG, 1, 64),
        (0x117, LONG, 1, 4096),
    ];
    for entry in more {
        entries.retain(|(tag, ..)| *tag != entry.0);
        entries.push(*entry);
    }
    entries.sort_unstable();
    let mut file = directory(8, &entries);
    file.resize(length, 0);
    file
}

/// Case 12: 4 MB took eight minutes.
#[test]
fn jpegs_that_begin_in_one_another_are_looked_at_once() {
    for pattern in [
        &b"\xff\xe0\0\x05\xff\xd8\xff"[..],
        b"\xff\xd8\xff\xe0\0\x02",
        b"\xff\xd8\xff\xff\xff\xff",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe1\xff\xff",
        b"\xff\xd8\xff\xc0\0\x11\x08\x40\0\x40\0\x03",
    ] {
        let file = pattern.repeat(40 * MB / pattern.len());
        let outcome = read("raw.dng", &file, 16);
        assert!(outcome.is_err());
    }
}

#[test]
fn markers_of_a_jpeg_are_looked_at_once() {
    for pattern in [
        &b"\xff"[..],
        b"\xff\xd8",
        b"\xff\xe0\0\0",
        b"\xff\xe0\0\x02",
        b"\xff\xda\0\x02",
    ] {
        let file = [
            b"\xff\xd8",
            pattern.repeat(40 * MB / pattern.len()).as_slice(),
        ]
        .concat();
        assert!(read("a.jpg", &file, 16).is_err());
    }
}

/// Case 13: 10 MB took 1.3 GB, 50 MB took 5.4 GB.
#[test]
fn a_long_text_in_a_header_costs_no_memory() {
    let texts = |length: u32| [0x10f, 0x110, 0x132].map(|tag| (tag, 2, length, 6000));
    let length = 60 * MB;
    let file = tiff(&texts(length as u32), 6000 + length);
    let (_, facts) = read("a.tif", &file, 16).unwrap();
    assert_eq!(facts.camera, None);
    let block = directory(8, &texts(length as u32));
    let block = [block.as_slice(), &vec![0; 6000 + length]].concat();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(block.clone()).unwrap();
    let pixels = picture(64, 48);
    let rgb = image::ExtendedColorType::Rgb8;
    encoder.write_image(&pixels, 64, 48, rgb).unwrap();
    read("a.png", &png, 16).unwrap();
    let mut webp = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata(block).unwrap();
    encoder.write_image(&pixels, 64, 48, rgb).unwrap();
    read("a.webp", &webp, 16).unwrap();
}

#[test]
fn many_entries_of_one_long_value_cost_no_memory() {
    // 65,535 entries of the EXIF directory, each with the same 60,000 bytes.
    let mut file = tiff(&[(0x8769, LONG, 1, 100_000)], 2 * MB);
    let entries: Vec<_> = (0..u16::MAX).map(|tag| (tag, 2, 60_000, 8)).collect();
    let exif = directory(8, &entries)[8..].to_vec();
    file[100_000..100_000 + exif.len()].copy_from_slice(&exif);
    read("a.tif", &file, 16).unwrap();
    // A directory that is its own child and its own successor.
    let mut file = tiff(
        &[
            (0x8769, LONG, 1, 8),
            (0x8825, LONG, 1, 8),
            (0x14a, LONG, 1, 8),
        ],
        8192,
    );
    let next = 8 + 2 + 12 * 12;
    file[next..next + 4].copy_from_slice(&8_u32.to_le_bytes());
    assert!(read("a.tif", &file, 16).is_err());
    assert!(read("a.dng", &file, 16).is_err());
}

/// Case iccp-bomb: a profile of 300 MB in 0.3 MB took 1.1 GB a thread.
#[test]
fn a_colour_profile_is_not_inflated() {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder.set_icc_profile(vec![0; 300 * MB]).unwrap();
    let pixels = picture(64, 48);
    encoder
        .write_image(&pixels, 64, 48, image::ExtendedColorType::Rgb8)
        .unwrap();
    assert!(file.len() < MB);
    let (upright, _) = read("a.png", &file, 16).unwrap();
    assert_eq!(upright.pixels, pixels);
}

/// A progressive JPEG that claims a size, whose last scan is there `times` times more.
fn scans(side: u16, times: usize) -> Vec<u8> {
    let pixels = picture(64, 64);
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    let image = turbojpeg::Image {
        pixels: pixels.as_raw().as_slice(),
        width: 64,
        pitch: 64 * 3,
        height: 64,
        format: turbojpeg::PixelFormat::RGB,
    };
    let mut file = compressor.compress_to_vec(image).unwrap();
    let find = |code: u8| {
        let mut places = file.windows(2).enumerate();
        places
            .rfind(|(_, marker)| *marker == [0xff, code])
            .unwrap()
            .0
    };
    let (frame, scan) = (find(0xc2), find(0xda));
    let side = side.to_be_bytes();
    file[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
    let scan = file[scan..file.len() - 2].to_vec();
    file.truncate(file.len() - 2);
    for _ in 0..times {
        file.extend(&scan);
    }
    file.extend(b"\xff\xd9");
    file
}

/// Cases scanbomb: 0.5 MB took half a minute, and all other large photos waited.
#[test]
fn the_scans_of_a_jpeg_are_counted() {
    for (side, times) in [(13_000, 190), (6_000, 150), (64, 5_000), (65_000, 2)] {
        let outcome = read("a.jpg", &scans(side, times), 16);
        assert!(
            matches!(
                outcome,
                Err(PhotoError::TooManyScans { .. } | PhotoError::TooLarge { .. })
            ),
            "{side}, {times}: {:?}",
            outcome.err()
        );
    }
    // The most that is decoded: 2.5 thousand million pixels, visited again and again. Until the last scan
    // three coefficients a pixel are kept, of two bytes each.
    let outcome = read(
        "a.jpg",
        &scans(3_600, 170),
        9 * 3600 * 3600 / MB as u32 + 32,
    );
    assert!(!matches!(outcome, Err(PhotoError::TooManyScans { .. })));
}

/// Case rle8: a BMP of 1 KB took 736 MB.
#[test]
fn a_picture_is_not_much_larger_than_its_file() {
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    for number in [13_000_u32, 13_000, 1 | 8 << 16, 1, 0, 0, 0, 0, 0] {
        bmp.extend(number.to_le_bytes());
    }
    bmp.resize(0x436, 0);
    bmp.extend([0, 1]);
    assert!(matches!(
        read("a.bmp", &bmp, 16),
        Err(PhotoError::TooLarge { .. })
    ));
    let mut gif = b"GIF89a".to_vec();
    gif.extend([10, 0, 10, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    gif.extend([
        0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 1, 0x44, 0, b';',
    ]);
    assert!(read("a.gif", &gif, 16).is_err());
}

#[test]
fn parts_of_a_tiff_are_no_larger_than_the_whole() {
    let jpeg = photo::encode_jpeg(&picture(640, 640)).unwrap();
    let count = 200_000_u32;
    let mut shared = tiff(
        &[
            (0x101, LONG, 1, count),
            (0x103, SHORT, 1, 7),
            (0x111, LONG, count, 10_000),
            (0x116, LONG, 1, 1),
            (0x117, LONG, count, 10_000 + 4 * count),
        ],
        10_000 + 8 * count as usize,
    );
    for strip in 0..count as usize {
        let at = 10_000 + 4 * strip;
        let start = shared.len() as u32;
        shared[at..at + 4].copy_from_slice(&start.to_le_bytes());
        let at = at + 4 * count as usize;
        shared[at..at + 4].copy_from_slice(&(jpeg.len() as u32).to_le_bytes());
    }
    shared.extend(&jpeg);
    let tiles = |width: u32, height: u32| {
        let tile = [(0x142, LONG, 1, width), (0x143, LONG, 1, height)];
        let place = [(0x144, LONG, 1, 1000), (0x145, LONG, 1, 4096)];
        let mut file = tiff(&[tile, place].concat(), 8192);
        // No strips.
        for tag in [0x111_u16, 0x116, 0x117] {
            let at = file
                .windows(2)
                .position(|two| two == tag.to_le_bytes())
                .unwrap();
            file[at] = 0;
            file[at + 1] = 0xff;
        }
        file
    };
    for (name, file) in [
        ("shared strips", shared),
        ("wide tiles", tiles(u32::MAX, 64)),
        ("high tiles", tiles(64, u32::MAX)),
        ("many channels", tiff(&[(0x115, SHORT, 1, 65_535)], 8192)),
        (
            "values beyond the end",
            tiff(&[(0x102, 2, u32::MAX, 0)], 8192),
        ),
        ("many strips", tiff(&[(0x111, LONG, 200 << 20, 0)], 8192)),
    ] {
        let outcome = read("a.tif", &file, 16);
        assert!(outcome.is_err(), "{name}");
    }
}

/// Bombs of many kinds in one folder cost themselves and nothing else.
#[test]
fn sound_files_of_kinds_that_are_not_read_are_not_called_damaged() {
    let jpeg = saved(ImageFormat::Jpeg);
    let frame = jpeg
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    let with = |place: usize, byte: u8| {
        let mut file = jpeg.clone();
        file[frame + place] = byte;
        file
    };
    let files: [(&str, Vec<u8>); 6] = [
        ("12 bits.jpg", with(4, 12)),
        ("hierarchical.jpg", with(1, 0xc5)),
        ("arithmetic lossless.jpg", with(1, 0xcb)),
        ("palette.tif", tiff(&[(0x106, SHORT, 1, 3)], 8192)),
        ("old jpeg.tif", tiff(&[(0x103, SHORT, 1, 6)], 8192)),
        (
            "radiance.jpg",
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n....".to_vec(),
        ),
    ];
    for (name, file) in files {
        let outcome = read(name, &file, 16);
        assert!(
            matches!(
                outcome,
                Err(PhotoError::Unusual { .. } | PhotoError::NotYet { .. })
            ),
            "{name}: {:?}",
            outcome.err()
        );
    }
}

/// `BigTIFF`, whose counts and offsets have 64 bits.
#[test]
fn bigtiff_is_read_with_its_header() {
    let entries: [(u16, u16, u64, u64); 11] = [
        (0x100, LONG, 1, 64),
        (0x101, LONG, 1, 32),
        (0x102, SHORT, 1, 8),
        (0x103, SHORT, 1, 1),
        (0x106, SHORT, 1, 1),
        (0x110, 2, 11, 900),
        (0x111, LONG, 1, 1000),
        (0x112, SHORT, 1, 6),
        (0x115, SHORT, 1, 1),
        (0x116, LONG, 1, 32),
        (0x117, LONG, 1, 2048),
    ];
    let mut file = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    file.extend((entries.len() as u64).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.resize(1000 + 2048, 0);
    file[900..911].copy_from_slice(b"Scanner 64\0");
    let (upright, facts) = read("a.tif", &file, 16).unwrap();
    assert_eq!(upright.pixels.dimensions(), (32, 64));
    assert_eq!(facts.camera.as_deref(), Some("Scanner 64"));
}
