//! Sound inputs, made by code.

use std::io::Cursor;

use anyhow::Context as _;
use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
use image::{
    DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([x as u8 * 5, y as u8 * 7, (x * y) as u8])
    })
}

/// An EXIF block with date, place, camera and orientation.
pub fn exif_block(little_endian: bool) -> anyhow::Result<Vec<u8>> {
    let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let degrees =
        |parts: [u32; 3]| Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec());
    let fields = [
        (Tag::Orientation, Value::Short(vec![6])),
        (Tag::Make, text("NIKON CORPORATION")),
        (Tag::Model, text("NIKON D70")),
        (Tag::DateTime, text("2010:07:24 17:45:09")),
        (Tag::DateTimeOriginal, text("2010:07:24 17:45:09")),
        (Tag::DateTimeDigitized, text("2010:07:24 17:45:09")),
        (Tag::GPSLatitude, degrees([33, 51, 21])),
        (Tag::GPSLatitudeRef, text("S")),
        (Tag::GPSLongitude, degrees([151, 12, 34])),
        (Tag::GPSLongitudeRef, text("E")),
    ]
    .map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, little_endian)?;
    Ok(block.into_inner())
}

fn encoded(mut encoder: impl ImageEncoder, pixels: &RgbImage, exif: &[u8]) -> anyhow::Result<()> {
    encoder.set_exif_metadata(exif.to_vec())?;
    let (width, height) = pixels.dimensions();
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(())
}

fn turbo(pixels: &RgbImage, progressive: bool, arithmetic: bool) -> anyhow::Result<Vec<u8>> {
    let mut compressor = turbojpeg::Compressor::new()?;
    compressor.set_progressive(progressive)?;
    compressor.set_subsamp(turbojpeg::Subsamp::Sub2x2)?;
    if arithmetic {
        // Where the library was built with it.
        let _not_built = compressor.set_optimize(false);
    }
    Ok(compressor.compress_to_vec(turbojpeg::Image {
        pixels: pixels.as_raw().as_slice(),
        width: pixels.width() as usize,
        pitch: pixels.width() as usize * 3,
        height: pixels.height() as usize,
        format: turbojpeg::PixelFormat::RGB,
    })?)
}

/// The same picture around an EXIF block in each format that holds one.
pub fn around(exif: &[u8]) -> anyhow::Result<[Vec<u8>; 4]> {
    let pixels = picture(24, 16);
    let mut files = [const { Vec::new() }; 4];
    let [jpeg, png, webp, tiff] = &mut files;
    let in_segment = &exif[..exif.len().min(65_000)];
    encoded(JpegEncoder::new_with_quality(jpeg, 90), &pixels, in_segment)?;
    encoded(PngEncoder::new(png), &pixels, exif)?;
    encoded(WebPEncoder::new_lossless(webp), &pixels, exif)?;
    tiff.extend(exif);
    Ok(files)
}

/// JPEG files.
pub fn jpegs() -> anyhow::Result<Vec<Vec<u8>>> {
    let pixels = picture(48, 32);
    let mut grey = Vec::new();
    DynamicImage::from(pixels.clone())
        .into_luma8()
        .write_to(&mut Cursor::new(&mut grey), ImageFormat::Jpeg)?;
    let [with_exif, ..] = around(&exif_block(false)?)?;
    Ok(vec![
        turbo(&pixels, false, false)?,
        turbo(&pixels, true, false)?,
        turbo(&picture(300, 200), true, false)?,
        grey,
        with_exif,
    ])
}

/// Files of every format that is read.
pub fn photos() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut files = jpegs()?;
    files.extend(around(&exif_block(true)?)?);
    let pixels = DynamicImage::from(picture(40, 30));
    let kinds = [
        pixels.clone(),
        pixels.to_luma8().into(),
        pixels.to_luma_alpha8().into(),
        pixels.to_rgba8().into(),
        pixels.to_rgb16().into(),
    ];
    for format in [
        ImageFormat::Png,
        ImageFormat::Tiff,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ] {
        for kind in &kinds {
            let mut file = Cursor::new(Vec::new());
            // Not every format has every kind.
            if kind.write_to(&mut file, format).is_ok() {
                files.push(file.into_inner());
            }
        }
    }
    files.push(tiled_tiff());
    files.push(rle_bmp());
    for file in &jpegs()?[..2] {
        files.push(jpeg_in_tiff(file));
    }
    for start in [
        &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..],
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"8BPS\0\x01",
    ] {
        files.push(start.to_vec());
    }
    Ok(files)
}

fn tiff(entries: &[(u16, u16, u32, u32)], data: &[u8]) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.resize(512, 0);
    file.extend(data);
    file
}

/// Four tiles of 16 × 16, of a picture of 20 × 20, where the same bytes are all of them.
fn tiled_tiff() -> Vec<u8> {
    let mut file = tiff(
        &[
            (0x100, 4, 1, 20),
            (0x101, 4, 1, 20),
            (0x102, 3, 1, 8),
            (0x103, 3, 1, 1),
            (0x106, 3, 1, 1),
            (0x112, 3, 1, 3),
            (0x115, 3, 1, 1),
            (0x142, 4, 1, 16),
            (0x143, 4, 1, 16),
            (0x144, 4, 4, 300),
            (0x145, 4, 4, 316),
        ],
        &[77; 256],
    );
    for tile in 0..4 {
        file[300 + 4 * tile..][..4].copy_from_slice(&512_u32.to_le_bytes());
        file[316 + 4 * tile..][..4].copy_from_slice(&256_u32.to_le_bytes());
    }
    file
}

fn jpeg_in_tiff(jpeg: &[u8]) -> Vec<u8> {
    let mut file = tiff(
        &[
            (0x100, 4, 1, 48),
            (0x101, 4, 1, 32),
            (0x102, 3, 3, 300),
            (0x103, 3, 1, 7),
            (0x106, 3, 1, 2),
            (0x111, 4, 1, 512),
            (0x115, 3, 1, 3),
            (0x116, 4, 1, 32),
            (0x117, 4, 1, jpeg.len() as u32),
        ],
        jpeg,
    );
    file[300..306].copy_from_slice(&[8, 0, 8, 0, 8, 0]);
    file
}

fn rle_bmp() -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    for number in [32_u32, 8, 1 | 8 << 16, 1, 0, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.resize(0x436, 60);
    file.extend([32, 1, 0, 0].repeat(6));
    file.extend([0, 3, 1, 2, 3, 0, 5, 7, 0, 2, 1, 1, 0, 1]);
    file
}

/// Raw files: a header, a small picture and a larger one, as cameras write them.
pub fn raws() -> anyhow::Result<Vec<Vec<u8>>> {
    let (small, large) = (
        turbo(&picture(160, 120), false, false)?,
        turbo(&picture(640, 400), false, false)?,
    );
    let mut files = Vec::new();
    for little_endian in [true, false] {
        let header = exif_block(little_endian)?;
        files.push([header, small.clone(), vec![7; 999], large.clone()].concat());
    }
    let header = exif_block(true)?;
    let length = u32::try_from(header.len() + 8)?.to_be_bytes();
    files.push(
        [
            b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\x10\0moov".as_slice(),
            &length,
            b"CMT1",
            &header,
            &large,
        ]
        .concat(),
    );
    files.push(
        [
            b"FUJIFILMCCD-RAW 0201".as_slice(),
            &around(&header)?[0],
            &large,
        ]
        .concat(),
    );
    files.push([b"IIRO".as_slice(), &header[4..], &large].concat());
    Ok(files)
}

/// Files of networks: safetensors, an archive of `PyTorch`, and one as `PyTorch` 1.5 wrote it.
#[must_use]
pub fn networks() -> Vec<Vec<u8>> {
    let mut pickle = b"\x80\x02}q\0(".to_vec();
    for name in ["last_linear.weight", "last_bn.bias"] {
        let text = |text: &str| {
            [
                b"X",
                &(text.len() as u32).to_le_bytes()[..],
                text.as_bytes(),
            ]
            .concat()
        };
        pickle.extend(text(name));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\nq\x01((");
        pickle.extend(text("storage"));
        pickle.extend(b"ctorch\nFloatStorage\nq\x02");
        pickle.extend(text("0"));
        pickle.extend(text("cpu"));
        pickle.extend(b"K\x08tQK\0K\x02K\x04\x86K\x04K\x01\x86\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.extend(b"u}q\x03X\x09\0\0\0_metadatah\0sb.");
    let numbers = [0x3f_u8; 32];

    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in [("net/data.pkl", &pickle[..]), ("net/data/0", &numbers[..])] {
        let at = archive.len() as u32;
        let length = (content.len() as u32).to_le_bytes();
        let names = (name.len() as u16).to_le_bytes();
        let head = [
            &[0, 0, 0, 0, 0, 0, 0, 0],
            &[0; 4][..],
            &length,
            &length,
            &names,
            &[0, 0],
        ]
        .concat();
        archive.extend(
            [
                b"PK\x03\x04\0\0".as_slice(),
                &head,
                name.as_bytes(),
                content,
            ]
            .concat(),
        );
        directory.extend(
            [
                b"PK\x01\x02\0\0\0\0".as_slice(),
                &head,
                &[0; 10],
                &at.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let at = (archive.len() as u32).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    archive.extend(directory);
    archive.extend(
        [
            b"PK\x05\x06\0\0\0\0\x02\0\x02\0".as_slice(),
            &length,
            &at,
            &[0, 0],
        ]
        .concat(),
    );

    let legacy = [
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".as_slice(),
        b"\x80\x02}q\0X\x0d\0\0\0little_endian\x88s.",
        &pickle,
        b"\x80\x02]q\0X\x01\0\0\x000a.",
        &8_u64.to_le_bytes(),
        &numbers,
    ]
    .concat();
    let doubling = [
        b"\x80\x02K\x01K\x01\x86q\0".as_slice(),
        &b"h\0h\0\x86q\0".repeat(40),
        b".",
    ]
    .concat();
    let nested = [
        b"\x80\x02".as_slice(),
        &b"(".repeat(500),
        &b"t".repeat(500),
        b".",
    ]
    .concat();

    let header = br#"{"last_linear.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let safetensors = [length.as_slice(), header, &numbers].concat();
    let alone = |pickle: &[u8]| [&legacy[..22], pickle].concat();
    vec![
        safetensors,
        archive,
        alone(&doubling),
        alone(&nested),
        legacy,
    ]
}

/// Queries.
#[must_use]
pub fn queries() -> Vec<Vec<u8>> {
    [
        "anna ben -carl summer 2019",
        "“anna lee” or zoë not in:oslo camera:\"Canon EOS\" faces:2+ stars:3..5",
        "only anna, june 2019..2020-12-31 favourite file:beach",
        "anna oder ben nicht in:oslo sommer 2019 namenlos ..2020",
    ]
    .map(|query| query.as_bytes().to_vec())
    .to_vec()
}

/// Frames between Kith and its worker.
#[must_use]
pub fn frames() -> Vec<Vec<u8>> {
    let frame = |header: &str, body: &[u8]| {
        let lengths = [header.len() as u32, body.len() as u32].map(u32::to_le_bytes);
        [lengths.concat().as_slice(), header.as_bytes(), body].concat()
    };
    let hello = frame(
        r#"{"version":"0.1.0-1 a b","device":{"Ok":"a device"}}"#,
        &[],
    );
    let detect = r#"{"number":1,"what":{"Detect":{"width":2,"height":1,"threshold":0.5}}}"#;
    let answer = frame(r#"{"number":1,"rows":{"Ok":[1,0]}}"#, &[0x3f; 60]);
    vec![
        [hello, answer].concat(),
        [
            frame(detect, &[9; 6]),
            frame(r#"{"number":2,"what":"Embed"}"#, &[9; 12]),
        ]
        .concat(),
        frame(r#"{"number":1,"rows":{"Err":"out of memory"}}"#, &[]),
    ]
}

/// The catalog of a library with people, names and answers, closed.
pub fn catalogs() -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    let library = kith_engine::Library::open(&folder.path().join("library"))?;
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/photos");
    library.index(&[samples], &kith_engine::Control::new(), &mut |_| {})?;
    let now = std::time::SystemTime::now();
    let people = library.people()?;
    let person = people.first().context("nobody is on the samples")?.person;
    let name = "Anna".to_owned();
    library.decide(kith_engine::Action::Name { person, name }, now)?;
    let backup = folder.path().join("backup.kith");
    library.backup(&backup)?;
    Ok(vec![std::fs::read(backup)?])
}

/// Neighbour lists of faces.
pub fn indexes() -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    let mut index = kith_engine::index::FaceIndex::load(folder.path());
    let codes = (0..20_u8).map(|face| {
        let numbers = std::array::from_fn(|at| face.wrapping_mul(37).wrapping_add(at as u8));
        kith_models::Code::from_bytes(numbers)
    });
    index.update(&codes.collect::<Vec<_>>())?;
    Ok(vec![std::fs::read(folder.path().join("neighbours.bin"))?])
}
