//! Photos made on the spot, in every format, orientation and kind of damage.

use std::{io::Cursor, path::PathBuf, process::Command};

use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
use image::{
    ColorType, ExtendedColorType, GrayAlphaImage, ImageBuffer, ImageEncoder, LumaA, Rgb, Rgba,
    RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use super::*;

/// Smooth, and different along every axis and diagonal.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
        Rgb([255.0 * x, 255.0 * y, 255.0 * (x - 0.3).abs() * y].map(|value| value as u8))
    })
}

/// The largest difference of a channel, averaged over the pixels.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

/// The file's pixels of an upright picture, turned by the inverse of each orientation.
fn lying(upright: &RgbImage, orientation: Orientation) -> RgbImage {
    let inverse = match orientation.tag() {
        6 => 8,
        8 => 6,
        own_inverse => u32::from(own_inverse),
    };
    Orientation::from_tag(inverse).upright(upright.clone())
}

fn field(tag: Tag, value: Value) -> Field {
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    }
}

fn text(tag: Tag, text: &str) -> Field {
    field(tag, Value::Ascii(vec![text.as_bytes().to_vec()]))
}

fn degrees(tag: Tag, parts: &[(u32, u32)]) -> Field {
    field(
        tag,
        Value::Rational(
            parts
                .iter()
                .map(|&(num, denom)| Rational { num, denom })
                .collect(),
        ),
    )
}

fn oriented(orientation: Orientation) -> Field {
    field(
        Tag::Orientation,
        Value::Short(vec![u16::from(orientation.tag())]),
    )
}

fn exif_block(fields: &[Field]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, false).expect("writes to memory");
    block.into_inner()
}

fn encoded(mut encoder: impl ImageEncoder, pixels: &RgbImage, fields: &[Field]) {
    if !fields.is_empty() {
        encoder
            .set_exif_metadata(exif_block(fields))
            .expect("the format holds EXIF");
    }
    let (width, height) = pixels.dimensions();
    encoder
        .write_image(pixels, width, height, ExtendedColorType::Rgb8)
        .expect("encodes");
}

fn jpeg(pixels: &RgbImage, fields: &[Field]) -> Vec<u8> {
    let mut file = Vec::new();
    encoded(JpegEncoder::new_with_quality(&mut file, 95), pixels, fields);
    file
}

fn png(pixels: &RgbImage, fields: &[Field]) -> Vec<u8> {
    let mut file = Vec::new();
    encoded(PngEncoder::new(&mut file), pixels, fields);
    file
}

fn webp(pixels: &RgbImage, fields: &[Field]) -> Vec<u8> {
    let mut file = Vec::new();
    encoded(WebPEncoder::new_lossless(&mut file), pixels, fields);
    file
}

/// An uncompressed RGB TIFF, in which picture and EXIF share a directory.
fn tiff(pixels: &RgbImage, extra: Field) -> Vec<u8> {
    let (width, height) = pixels.dimensions();
    let fields = [
        field(Tag::ImageWidth, Value::Long(vec![width])),
        field(Tag::ImageLength, Value::Long(vec![height])),
        field(Tag::BitsPerSample, Value::Short(vec![8, 8, 8])),
        field(Tag::Compression, Value::Short(vec![1])),
        field(Tag::PhotometricInterpretation, Value::Short(vec![2])),
        field(Tag::SamplesPerPixel, Value::Short(vec![3])),
        field(Tag::RowsPerStrip, Value::Long(vec![height])),
        extra,
    ];
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let strips = [pixels.as_raw().as_slice()];
    writer.set_strips(&strips, In::PRIMARY);
    let mut file = Cursor::new(Vec::new());
    writer.write(&mut file, true).expect("writes to memory");
    file.into_inner()
}

fn saved(pixels: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, format).expect("encodes");
    file.into_inner()
}

fn read_here(file: impl Into<Vec<u8>>) -> Result<(Upright, Facts), PhotoError> {
    read_bytes(&mut file.into(), false, 10_000)
}

fn on_disk(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("writes");
    (folder, path)
}

#[test]
fn all_eight_orientations_of_every_format_come_out_upright() {
    let upright = picture(96, 64);
    for orientation in (1..=8).map(Orientation::from_tag) {
        let file = lying(&upright, orientation);
        let tag = || oriented(orientation);
        let files = [
            // JPEG at quality 95 differs by less than two levels on a smooth picture.
            (jpeg(&file, &[tag()]), 2.0),
            (png(&file, &[tag()]), 0.0),
            (webp(&file, &[tag()]), 0.0),
            (tiff(&file, tag()), 0.0),
        ];
        for (number, (bytes, tolerance)) in files.into_iter().enumerate() {
            let (read, facts) = read_here(bytes).expect("a sound file");
            assert_eq!(facts.orientation, orientation, "format {number}");
            assert_eq!((facts.width, facts.height), (96, 64));
            assert_eq!((read.full_width, read.full_height), (96, 64));
            let found = difference(&read.pixels, &upright);
            assert!(
                found <= tolerance,
                "format {number}, {orientation:?}: {found}"
            );
        }
    }
}

#[test]
fn every_format_is_told_by_its_content() {
    let pixels = picture(40, 30);
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ] {
        let (_folder, path) = on_disk("called.jpg", &saved(&pixels, format));
        let upright = decode(&path, 10_000).expect("a sound file");
        // GIF has 256 colours.
        let tolerance = if format == ImageFormat::Gif { 8.0 } else { 0.0 };
        assert!(
            difference(&upright.pixels, &pixels) <= tolerance,
            "{format:?}"
        );
    }
}

#[test]
fn names_of_photos() {
    for name in [
        "a.jpg", "a.JPG", "a.b.JpEg", "a.jpe", "a.png", "a.webp", "a.tif", "a.TIFF", "a.gif",
        "a.bmp", "a.CR2", "a.nef", "a.dng", "a.cr3",
    ] {
        assert!(is_supported(Path::new(name)), "{name}");
    }
    for name in ["jpg", ".jpg", "a.jpg.txt", "a.mp4", "a.heic", "a"] {
        assert!(!is_supported(Path::new(name)), "{name}");
    }
}

#[test]
fn a_large_jpeg_is_scaled_and_keeps_its_proportions() {
    let pixels = picture(1601, 1203);
    let bytes = jpeg(&pixels, &[]);
    // 1/8, 1/4, 1/2 and full size while decoding, and none at all.
    for (asked, expected) in [
        (150, (150, 113)),
        (300, (300, 225)),
        (700, (700, 526)),
        (1600, (1600, 1202)),
        (9000, (1601, 1203)),
    ] {
        let (read, _) = read_bytes(&mut bytes.clone(), false, asked).expect("a sound file");
        assert_eq!(read.pixels.dimensions(), expected);
        assert_eq!((read.full_width, read.full_height), (1601, 1203));
        let reference = image::imageops::resize(
            &pixels,
            expected.0,
            expected.1,
            image::imageops::FilterType::Triangle,
        );
        // Two ways to shrink a smooth picture, half a source pixel apart at most, and JPEG.
        assert!(difference(&read.pixels, &reference) < 2.5, "{asked}");
    }
}

#[test]
fn thin_photos_keep_a_pixel() {
    let (read, _) = read_bytes(&mut saved(&picture(2000, 3), ImageFormat::Png), false, 100)
        .expect("a sound file");
    assert_eq!(read.pixels.dimensions(), (100, 1));
}

#[test]
fn transparent_pixels_lie_on_white() {
    let pixels = RgbaImage::from_fn(2, 1, |x, _| {
        Rgba([0, 100, 200, if x == 0 { 0 } else { 128 }])
    });
    let mut file = Cursor::new(Vec::new());
    pixels
        .write_to(&mut file, ImageFormat::Png)
        .expect("encodes");
    let (read, _) = read_here(file.into_inner()).expect("a sound file");
    assert_eq!(*read.pixels.get_pixel(0, 0), Rgb([255, 255, 255]));
    // 255 − 128/255 × (255 − ink), to the nearest.
    assert_eq!(*read.pixels.get_pixel(1, 0), Rgb([127, 177, 227]));

    // An invisible half must not darken its neighbour when the photo shrinks.
    let pixels = RgbaImage::from_fn(64, 64, |x, _| {
        if x % 2 == 0 {
            Rgba([0, 0, 0, 0])
        } else {
            Rgba([255, 0, 0, 255])
        }
    });
    let mut file = Cursor::new(Vec::new());
    pixels
        .write_to(&mut file, ImageFormat::Png)
        .expect("encodes");
    let (read, _) = read_bytes(&mut file.into_inner(), false, 8).expect("a sound file");
    let Rgb([r, g, b]) = *read.pixels.get_pixel(4, 4);
    assert!(
        r >= 254 && g.abs_diff(127) < 3 && b.abs_diff(127) < 3,
        "{r} {g} {b}"
    );
}

#[test]
fn grey_and_16_bits_become_rgb() {
    let deep = ImageBuffer::from_pixel(3, 2, Rgb([65_535_u16, 32_896, 257]));
    let grey = GrayAlphaImage::from_pixel(3, 2, LumaA([80, 255]));
    for (image, expected) in [
        (DynamicImage::ImageRgb16(deep), Rgb([255, 128, 1])),
        (DynamicImage::ImageLumaA8(grey), Rgb([80, 80, 80])),
    ] {
        let mut file = Cursor::new(Vec::new());
        image
            .write_to(&mut file, ImageFormat::Png)
            .expect("encodes");
        let (read, _) = read_here(file.into_inner()).expect("a sound file");
        assert_eq!(*read.pixels.get_pixel(1, 1), expected);
    }

    let mut file = Vec::new();
    JpegEncoder::new(&mut file)
        .encode(&[90; 256], 16, 16, ExtendedColorType::L8)
        .expect("encodes");
    let (read, _) = read_here(file).expect("a sound file");
    assert!(
        read.pixels
            .pixels()
            .all(|Rgb(pixel)| pixel.iter().all(|value| value.abs_diff(90) <= 1))
    );
}

/// Printers' JPEGs hold ink, stored inverted as Adobe does: 255 is none.
#[test]
fn cmyk_jpegs_become_rgb() {
    let inks = [[255, 255, 255, 255], [255, 0, 0, 255], [255, 255, 255, 0]];
    for (ink, expected) in inks
        .into_iter()
        .zip([[255, 255, 255], [255, 0, 0], [0, 0, 0]])
    {
        let mut compressor = turbojpeg::Compressor::new().expect("a compressor");
        compressor.set_quality(95).expect("a quality");
        compressor
            .set_subsamp(turbojpeg::Subsamp::None)
            .expect("a subsampling");
        let file = compressor
            .compress_to_vec(turbojpeg::Image {
                pixels: ink.repeat(256).as_slice(),
                width: 16,
                pitch: 64,
                height: 16,
                format: turbojpeg::PixelFormat::CMYK,
            })
            .expect("encodes");
        let (read, _) = read_here(file).expect("a sound file");
        let Rgb(found) = *read.pixels.get_pixel(8, 8);
        assert!(
            found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3),
            "{ink:?}: {found:?}"
        );
    }
}

#[test]
fn date_place_and_camera_are_read() {
    let (_, facts) = read_here(jpeg(
        &picture(16, 16),
        &[
            text(Tag::DateTime, "2020:01:01 00:00:00"),
            text(Tag::DateTimeDigitized, "2011:02:03 04:05:06"),
            text(Tag::DateTimeOriginal, "2010:07:24 17:45:09"),
            text(Tag::Make, "NIKON CORPORATION "),
            text(Tag::Model, "NIKON D70\0\0"),
            degrees(Tag::GPSLatitude, &[(33, 1), (51, 1), (2184, 100)]),
            text(Tag::GPSLatitudeRef, "S"),
            degrees(Tag::GPSLongitude, &[(151, 1), (12, 1), (3456, 100)]),
            text(Tag::GPSLongitudeRef, "E"),
        ],
    ))
    .expect("a sound file");
    assert_eq!(
        facts.taken_at.expect("a date").to_string(),
        "2010-07-24T17:45:09"
    );
    assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
    let place = facts.place.expect("a place");
    assert!((place.latitude + 33.856_067).abs() < 1e-6, "{place:?}");
    assert!((place.longitude - 151.209_6).abs() < 1e-6, "{place:?}");
}

#[test]
fn senseless_headers_say_nothing() {
    let facts = |fields: &[Field]| {
        read_here(jpeg(&picture(16, 16), fields))
            .expect("a sound file")
            .1
    };
    for date in [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "",
        "yesterday",
        "2010:13:01 00:00:00",
        "2010:02:30 00:00:00",
        "2010:02:03 25:00:00",
    ] {
        assert_eq!(
            facts(&[text(Tag::DateTimeOriginal, date)]).taken_at,
            None,
            "{date}"
        );
    }
    let second_best = facts(&[
        text(Tag::DateTimeOriginal, "0000:00:00 00:00:00"),
        text(Tag::DateTime, "1999:12:31 23:59:59"),
    ]);
    assert_eq!(
        second_best.taken_at.expect("a date").to_string(),
        "1999-12-31T23:59:59"
    );

    let place = |latitude: &[(u32, u32)], letter| {
        facts(&[
            degrees(Tag::GPSLatitude, latitude),
            text(Tag::GPSLatitudeRef, letter),
            degrees(Tag::GPSLongitude, &[(0, 1), (0, 1), (0, 1)]),
            text(Tag::GPSLongitudeRef, "W"),
        ])
        .place
    };
    assert_eq!(
        place(&[(51, 1), (28, 1), (38, 1)], "N").map(|place| place.longitude),
        Some(0.0)
    );
    assert_eq!(place(&[(0, 0), (0, 0), (0, 0)], "N"), None);
    assert_eq!(place(&[(51, 1), (28, 1), (0, 0)], "N"), None);
    assert_eq!(place(&[(0, 1), (0, 1), (0, 1)], "N"), None);
    assert_eq!(place(&[(91, 1), (0, 1), (0, 1)], "N"), None);
    assert_eq!(place(&[(51, 1), (28, 1), (38, 1)], ""), None);
    assert_eq!(
        facts(&[text(Tag::Make, "  "), text(Tag::Model, "\0")]).camera,
        None
    );
    let nokia = facts(&[
        field(
            Tag::GPSLatitude,
            Value::SRational(vec![(60, 1).into(), (8, 1).into(), (4814, 100).into()]),
        ),
        text(Tag::GPSLatitudeRef, "N"),
        degrees(Tag::GPSLongitude, &[(24, 1), (54, 1), (0, 1)]),
        text(Tag::GPSLongitudeRef, "E"),
    ]);
    assert!((nokia.place.expect("a place").latitude - 60.146_706).abs() < 1e-6);
    assert_eq!(
        facts(&[text(Tag::Make, "Canon"), text(Tag::Model, "EOS R5")])
            .camera
            .as_deref(),
        Some("Canon EOS R5")
    );
}

#[test]
fn what_is_no_photo_is_told_from_what_is_not_read_yet() {
    assert!(matches!(
        read_here(*b"Dear diary, this is a text."),
        Err(PhotoError::NotAPhoto)
    ));
    assert!(matches!(read_here([0; 4096]), Err(PhotoError::NotAPhoto)));
    assert!(
        matches!(read_here(*b"\0\0\0\x18ftypheic\0\0\0\0"), Err(PhotoError::NotYet { format }) if format == "HEIC")
    );
    let (_folder, path) = on_disk("empty.jpg", b"");
    assert!(matches!(read(&path, 100), Err(PhotoError::Empty)));
    assert!(matches!(
        read(&path.with_file_name("gone.jpg"), 100),
        Err(PhotoError::Gone)
    ));
    assert!(matches!(
        read(path.parent().expect("a folder"), 100),
        Err(PhotoError::NotAFile)
    ));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = TempDir::new().expect("a temporary folder");
    let pipe = folder.path().join("pipe.jpg");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo runs")
            .success()
    );
    assert!(matches!(read(&pipe, 100), Err(PhotoError::NotAFile)));
}

fn progressive(pixels: &RgbImage) -> Vec<u8> {
    let mut compressor = turbojpeg::Compressor::new().expect("a compressor");
    compressor.set_progressive(true).expect("progressive");
    compressor
        .compress_to_vec(turbojpeg::Image {
            pixels: pixels.as_raw().as_slice(),
            width: pixels.width() as usize,
            pitch: pixels.width() as usize * 3,
            height: pixels.height() as usize,
            format: turbojpeg::PixelFormat::RGB,
        })
        .expect("encodes")
}

#[test]
fn files_that_end_early_say_so() {
    // Noise, so that every part of the file carries a part of the picture.
    let mut state = 1_u32;
    let noise = RgbImage::from_fn(160, 120, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    let files = [
        jpeg(&noise, &[oriented(Orientation::UPRIGHT)]),
        progressive(&noise),
        png(&noise, &[]),
        saved(&noise, ImageFormat::WebP),
        saved(&noise, ImageFormat::Tiff),
        saved(&noise, ImageFormat::Gif),
        saved(&noise, ImageFormat::Bmp),
    ];
    for (number, file) in files.iter().enumerate() {
        for tenths in [1, 5, 9] {
            let cut = &file[..file.len() * tenths / 10];
            let outcome = read_here(cut);
            assert!(
                matches!(outcome, Err(PhotoError::CutOff)),
                "format {number}, {tenths}/10: {:?}",
                outcome.err()
            );
        }
        // A copy that failed half-way often has its full length, filled up with zeros.
        if number < 2 {
            let mut zeroed = file.clone();
            zeroed[file.len() / 2..].fill(0);
            assert!(
                matches!(read_here(zeroed), Err(PhotoError::CutOff)),
                "format {number}"
            );
        }
    }
}

#[test]
fn harmless_flaws_of_a_jpeg_are_forgiven() {
    let pixels = picture(160, 120);
    for sound in [jpeg(&pixels, &[]), progressive(&pixels)] {
        let (expected, _) = read_here(sound.clone()).expect("a sound file");
        let end = sound.len() - 2;
        let without_end = sound[..end].to_vec();
        let rubbish_before_end = [&sound[..end], &[7; 40], &sound[end..]].concat();
        let more_after_end = [sound.as_slice(), b"a motion photo's video"].concat();
        for flawed in [without_end, rubbish_before_end, more_after_end] {
            let (read, _) = read_here(flawed).expect("a whole picture");
            assert_eq!(read.pixels, expected.pixels);
        }
    }
}

#[test]
fn the_coded_data_of_a_jpeg_is_not_searched_for_a_header() {
    let sound = jpeg(&picture(160, 120), &[]);
    let block = exif_block(&[oriented(Orientation::from_tag(6))]);
    let length = u16::try_from(block.len() + 8).expect("short").to_be_bytes();
    let segment = [b"\xff\xe1", length.as_slice(), b"Exif\0\0", &block].concat();
    let with_segment = |at: usize| [&sound[..at], &segment, &sound[at..]].concat();
    let turned = |file| read_here(file).expect("a sound file").1.orientation;
    assert_eq!(turned(with_segment(2)), Orientation::from_tag(6));
    assert_eq!(turned(with_segment(sound.len() - 2)), Orientation::UPRIGHT);
}

/// The first 33 bytes of a PNG: signature and IHDR.
fn png_header(side: u32, depth: u8, color: u8) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    file.extend(side.to_be_bytes());
    file.extend(side.to_be_bytes());
    file.extend([depth, color, 0, 0, 0]);
    let checksum = file[12..].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    file.extend((!checksum).to_be_bytes());
    // An empty IDAT, where the decoder stops reading the header.
    file.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    file
}

#[test]
fn huge_pictures_are_refused_by_their_header() {
    // 30,000² pixels of one bit each; 10,000² of four times 16 bits.
    for (side, depth, color) in [(30_000, 1, 0), (10_000, 16, 6)] {
        let outcome = read_here(png_header(side, depth, color));
        assert!(
            matches!(outcome, Err(PhotoError::TooLarge { width, height }) if width == side && height == side),
            "{:?}",
            outcome.err()
        );
    }
    // The header itself is sound: a small picture gets as far as its missing pixels.
    assert!(matches!(
        read_here(png_header(100, 8, 2)),
        Err(PhotoError::CutOff)
    ));
    // A progressive JPEG is held as coefficients: 16,000² × 3 bytes. SOF's height and width follow
    // its length and precision.
    let mut file = progressive(&picture(64, 64));
    let frame = file
        .windows(2)
        .position(|marker| marker == [0xff, 0xc2])
        .expect("a frame");
    file[frame + 5..frame + 9].copy_from_slice(&[0x3e, 0x80, 0x3e, 0x80]);
    assert!(matches!(
        read_here(file),
        Err(PhotoError::TooLarge {
            width: 16_000,
            height: 16_000
        })
    ));
}

#[test]
fn files_too_heavy_are_not_read() {
    let (_folder, path) = on_disk("heavy.tif", b"II*\0");
    // A file with a hole: long, and nothing on the disk.
    File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(3 << 30))
        .expect("grows");
    assert!(matches!(
        read(&path, 100),
        Err(PhotoError::TooHeavy { megabytes: 3072 })
    ));
}

#[test]
fn thumbnails_are_upright_and_small() {
    let upright = picture(300, 200);
    let (_folder, path) = on_disk(
        "a.jpg",
        &jpeg(
            &lying(&upright, Orientation::from_tag(6)),
            &[oriented(Orientation::from_tag(6))],
        ),
    );
    let small =
        image::load_from_memory(&thumbnail(&path, 60).expect("a sound file")).expect("a JPEG");
    assert_eq!(
        (small.width(), small.height(), small.color()),
        (60, 40, ColorType::Rgb8)
    );
    let reference =
        image::imageops::resize(&upright, 60, 40, image::imageops::FilterType::Triangle);
    assert!(difference(&small.into_rgb8(), &reference) < 4.0);
}

/// As cameras write them: a header of TIFF, a picture for a list, the photo, what the sensor saw.
fn raw_file(little_endian: bool, fields: &[Field], pictures: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    // Noise in which a JPEG seems to begin now and then, one of them without loss.
    let mut sensor: Vec<u8> = (0..40_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    sensor[1_000..1_003].copy_from_slice(b"\xff\xd8\xff");
    sensor[9_000..9_013].copy_from_slice(b"\xff\xd8\xff\xc3\0\x11\x0e\x40\0\x40\0\x03\x01");
    let strips = [sensor.as_slice()];
    writer.set_strips(&strips, In::PRIMARY);
    let mut file = Cursor::new(Vec::new());
    writer
        .write(&mut file, little_endian)
        .expect("writes to memory");
    let mut file = file.into_inner();
    for picture in pictures {
        file.extend_from_slice(picture);
        file.extend_from_slice(&sensor);
    }
    file
}

#[test]
fn the_largest_picture_of_a_raw_file_is_the_photo() {
    let (small, large) = (jpeg(&picture(160, 120), &[]), jpeg(&picture(640, 400), &[]));
    let fields = [
        oriented(Orientation::from_tag(6)),
        text(Tag::DateTimeOriginal, "2010:07:24 17:45:09"),
        text(Tag::Model, "NIKON D70"),
    ];
    for (little_endian, pictures) in [(false, [&small, &large]), (true, [&large, &small])] {
        let file = raw_file(little_endian, &fields, &pictures.map(Vec::as_slice));
        let (_folder, path) = on_disk("a.NEF", &file);
        let (upright, facts) = read(&path, 10_000).expect("a raw file");
        let expected = Orientation::from_tag(6).upright(picture(640, 400));
        assert_eq!((facts.width, facts.height), (400, 640));
        assert!(difference(&upright.pixels, &expected) < 2.0);
        assert_eq!(facts.camera.as_deref(), Some("NIKON D70"));
        assert_eq!(
            facts.taken_at.map(|taken| taken.to_string()).as_deref(),
            Some("2010-07-24T17:45:09")
        );
        assert_eq!(facts.content, *blake3::hash(&file).as_bytes());
    }
}

#[test]
fn raw_files_of_every_maker_say_when_and_how() {
    let fields = [
        oriented(Orientation::from_tag(8)),
        text(Tag::DateTime, "2018:02:21 12:08:56"),
    ];
    let large = jpeg(&picture(640, 400), &[]);
    let tiff = raw_file(true, &fields, &[&large]);
    let with_magic = |magic: &[u8; 4]| [magic.as_slice(), &tiff[4..]].concat();

    let block = exif_block(&fields);
    let length = u32::try_from(block.len() + 8).expect("short").to_be_bytes();
    let canon = [
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\x10\0moov".as_slice(),
        &length,
        b"CMT1",
        &block,
        &large,
    ]
    .concat();
    let fuji = [
        b"FUJIFILMCCD-RAW 0201".as_slice(),
        &jpeg(&picture(640, 400), &fields),
    ]
    .concat();

    for (name, mut file) in [
        ("Olympus", with_magic(b"IIRO")),
        ("Panasonic", with_magic(b"IIU\0")),
        ("Canon", canon),
        ("Fujifilm", fuji),
    ] {
        let (upright, facts) = read_bytes(&mut file, true, 10_000).expect(name);
        assert_eq!(upright.pixels.dimensions(), (400, 640), "{name}");
        assert_eq!(facts.orientation, Orientation::from_tag(8), "{name}");
        assert_eq!(
            facts.taken_at.map(|taken| taken.to_string()).as_deref(),
            Some("2018-02-21T12:08:56"),
            "{name}"
        );
    }
}

#[test]
fn raw_files_without_a_picture_and_cut_off_ones_say_so() {
    let small = jpeg(&picture(160, 120), &[]);
    let mut only_small = raw_file(true, &[], &[&small]);
    assert!(matches!(
        read_bytes(&mut only_small, true, 10_000),
        Err(PhotoError::NoPictureInRaw)
    ));
    let large = jpeg(&picture(640, 400), &[]);
    let mut cut = raw_file(true, &[], &[&large]);
    cut.truncate(cut.len() - 40_000 - large.len() / 2);
    assert!(matches!(
        read_bytes(&mut cut, true, 10_000),
        Err(PhotoError::CutOff)
    ));
}

/// Case mkraw: a raw file whose orientation says that it lies on its side, with a picture that is upright.
#[test]
fn an_upright_picture_in_a_raw_file_stays_upright() {
    let (high, wide) = (picture(400, 640), picture(640, 400));
    let sensor = [
        field(Tag::ImageWidth, Value::Long(vec![6000])),
        field(Tag::ImageLength, Value::Long(vec![4000])),
    ];
    let turned = Orientation::from_tag(8);
    for with_sensor in [false, true] {
        let mut fields = vec![oriented(turned), text(Tag::Make, "NIKON")];
        fields.extend(sensor.iter().take(if with_sensor { 2 } else { 0 }).cloned());
        for (preview, expected) in [(&high, high.clone()), (&wide, turned.upright(wide.clone()))] {
            let mut file = raw_file(true, &fields, &[&jpeg(preview, &[])]);
            let (upright, facts) = read_bytes(&mut file, true, 10_000).expect("a raw file");
            assert!(difference(&upright.pixels, &expected) < 2.0);
            assert_eq!((facts.width, facts.height), (400, 640));
        }
    }
    // A scanner whose sensor is high.
    let fields = [
        oriented(turned),
        field(Tag::ImageWidth, Value::Long(vec![4000])),
        field(Tag::ImageLength, Value::Long(vec![6000])),
    ];
    let mut file = raw_file(true, &fields, &[&jpeg(&high, &[])]);
    let (upright, _) = read_bytes(&mut file, true, 10_000).expect("a raw file");
    assert_eq!(upright.pixels.dimensions(), (640, 400));
}

/// Case exif-esc-camera: the name of a camera turned round what a terminal showed.
#[test]
fn the_name_of_a_camera_has_no_invisible_characters() {
    let fields = [
        text(
            Tag::Make,
            "\u{1b}]0;pwned\u{7}Evil\u{202e}gpj\u{2066}\u{200b}",
        ),
        text(Tag::Model, "\u{9b}31m  X\u{200d}100\n\r"),
    ];
    let (_, facts) = read_here(jpeg(&picture(16, 16), &fields)).expect("a sound file");
    assert_eq!(
        facts.camera.as_deref(),
        Some("]0;pwned Evil gpj 31m X\u{200d}100")
    );
    let long = text(Tag::Model, &"X".repeat(50_000));
    let (_, facts) = read_here(jpeg(&picture(16, 16), &[long])).expect("a sound file");
    assert_eq!(facts.camera.map(|camera| camera.len()), Some(100));
}

/// What is read of a header is the same whether it is copied or not.
#[test]
fn a_copied_exif_block_says_what_the_block_says() {
    for little_endian in [false, true] {
        let mut writer = Writer::new();
        let fields = [
            oriented(Orientation::from_tag(6)),
            text(Tag::Make, "A"),
            text(Tag::Model, "NIKON D70"),
            text(Tag::DateTimeOriginal, "2010:07:24 17:45:09"),
            degrees(Tag::GPSLatitude, &[(33, 1), (51, 1), (2184, 100)]),
            text(Tag::GPSLatitudeRef, "S"),
        ];
        for field in &fields {
            writer.push_field(field);
        }
        let mut block = Cursor::new(Vec::new());
        writer
            .write(&mut block, little_endian)
            .expect("writes to memory");
        let block = block.into_inner();
        let copied = tiff::copied_exif_block(&block).expect("a TIFF block");
        let shown = |block: Vec<u8>| {
            let exif = exif::Reader::new().read_raw(block).expect("sound");
            let mut shown: Vec<String> = exif
                .fields()
                .map(|field| format!("{} {:?}", field.tag, field.value))
                .collect();
            shown.sort();
            shown
        };
        assert_eq!(shown(copied), shown(block));
    }
}

/// Neither here nor in the decoders: `read` would catch it, `read_bytes` does not.
#[test]
fn damage_anywhere_never_panics() {
    let pixels = picture(48, 32);
    let fields = [
        oriented(Orientation::from_tag(6)),
        text(Tag::DateTimeOriginal, "2010:07:24 17:45:09"),
        degrees(Tag::GPSLatitude, &[(33, 1), (51, 1), (2184, 100)]),
        text(Tag::GPSLatitudeRef, "S"),
    ];
    let files = [
        jpeg(&pixels, &fields),
        progressive(&pixels),
        png(&pixels, &fields),
        webp(&pixels, &fields),
        tiff(&pixels, oriented(Orientation::from_tag(3))),
        saved(&pixels, ImageFormat::Gif),
        saved(&pixels, ImageFormat::Bmp),
    ];
    let raw = raw_file(
        true,
        &fields,
        &[&jpeg(&picture(320, 24), &fields), &files[0]],
    );
    let files = files.map(|file| (file, false));
    for (file, is_raw) in files.into_iter().chain([(raw, true)]) {
        let length = file.len();
        // Half of the damage is in the header, where it matters most.
        let place = prop_oneof![0..length.min(200), 0..length];
        let damage = (
            vec((place, any::<u8>()), 0..6),
            prop_oneof![Just(length), 0..length],
        );
        let mut runner = TestRunner::deterministic();
        runner
            .run(&damage, |(bytes, end)| {
                let mut damaged = file.clone();
                for (place, byte) in bytes {
                    damaged[place] = byte;
                }
                damaged.truncate(end);
                if let Ok((upright, facts)) = read_bytes(&mut damaged, is_raw, 24) {
                    prop_assert_eq!(
                        (upright.full_width, upright.full_height),
                        (facts.width, facts.height)
                    );
                    prop_assert!(upright.pixels.width().max(upright.pixels.height()) <= 24);
                }
                Ok(())
            })
            .expect("no damage panics");
    }
}
