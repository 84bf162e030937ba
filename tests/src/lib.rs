//! A photo library for tests, made out of a few portraits: every orientation, size, format, date
//! and kind of damage that a real one has, with the truth about each file.

mod build;
mod crowd;
pub mod life;
mod network;
pub mod processes;
pub mod webdriver;

pub use build::{built, target_dir};
pub use crowd::{Crowd, make_crowd, name_of};
pub use network::make_network;

use std::{
    fs::{self, File},
    io::{BufWriter, Cursor},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
use image::{
    DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage,
    codecs::jpeg::JpegEncoder,
    imageops::{self, FilterType},
};

/// A photo that was made, and what is true about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// The file.
    pub path: PathBuf,
    /// Who is on it, from left to right.
    pub people: Vec<&'static str>,
    /// The EXIF orientation that its pixels need, 1 to 8.
    pub orientation: u16,
    /// Width of the upright photo in pixels.
    pub width: u32,
    /// Height of the upright photo in pixels.
    pub height: u32,
    /// What its header says, if it has one.
    pub shot: Option<Shot>,
}

/// When, where and with what a photo claims to have been taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shot {
    /// Local time, `YYYY:MM:DD HH:MM:SS` as in EXIF.
    pub taken_at: &'static str,
    /// Latitude and longitude in whole seconds of arc, north and east positive.
    pub place_seconds: Option<[i32; 2]>,
    /// Model of the camera.
    pub camera: &'static str,
}

/// What is wrong with a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// No bytes.
    Empty,
    /// A text called `.jpg`.
    Text,
    /// The first half of a JPEG.
    CutOff,
    /// A sound PNG of 30,000 × 30,000 pixels.
    Huge,
    /// A folder that only the superuser may read, with one photo in it.
    Locked,
    /// A symbolic link to the folder that it lies in.
    Loop,
}

/// A library that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Good photos, in the order in which they were made.
    pub photos: Vec<Photo>,
    /// What cannot be read, or must not be followed.
    pub broken: Vec<(PathBuf, Flaw)>,
}

impl Made {
    /// Makes the locked folder readable again, so that the library can be deleted.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn unlock(&self) -> Result<()> {
        for (path, _) in self.broken.iter().filter(|(_, flaw)| *flaw == Flaw::Locked) {
            set_mode(path, 0o755)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        path: PathBuf,
        people: &[&'static str],
        upright: &RgbImage,
        orientation: u16,
        shot: Option<Shot>,
    ) -> Result<()> {
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        write(&path, upright, orientation, shot)
            .with_context(|| format!("writing {}", path.display()))?;
        let (width, height) = upright.dimensions();
        let people = people.to_vec();
        self.photos.push(Photo {
            path,
            people,
            orientation,
            width,
            height,
            shot,
        });
        Ok(())
    }
}

const OBAMA: &str = "Barack Obama";
const BIDEN: &str = "Joe Biden";
const COLLINS: &str = "Eileen Collins";

/// Side of the square that is not opened: 900 megapixels.
const HUGE_SIDE: u32 = 30_000;

/// Makes a library of about thirty photos in the empty folder `dir`, out of the portraits in the
/// folder `portraits` (`tests/photos` of this repository). The same portraits give the same bytes.
///
/// - `orientations`: one portrait in the eight EXIF orientations;
/// - `sizes`: one portrait in four sizes;
/// - `formats`: one portrait in each format;
/// - `years`: portraits and groups with dates, places and cameras;
/// - `copies`: some of them once more, byte for byte;
/// - `broken`: one of each [`Flaw`], and a good photo whose name is not UTF-8.
///
/// # Errors
/// When a portrait is missing or `dir` cannot be written.
pub fn make_library(dir: &Path, portraits: &Path) -> Result<Made> {
    let portraits = Portraits::read(portraits)?;
    let mut made = Made {
        photos: Vec::new(),
        broken: Vec::new(),
    };
    for orientation in 1..=8 {
        let path = dir.join(format!("orientations/{orientation}.jpg"));
        made.add(path, &[OBAMA], &portraits.obama, orientation, None)?;
    }
    for side in [250, 500, 1000, 2000] {
        let path = dir.join(format!("sizes/{side}.JPG"));
        made.add(path, &[BIDEN], &scaled(&portraits.biden, side), 1, None)?;
    }
    for extension in ["jpeg", "png", "webp", "tif", "gif", "bmp"] {
        let path = dir.join(format!("formats/collins.{extension}"));
        made.add(path, &[COLLINS], &portraits.collins, 1, None)?;
    }
    make_years(&dir.join("years"), &portraits, &mut made)?;
    make_groups(&dir.join("years/2019"), &portraits, &mut made)?;
    make_copies(&dir.join("copies"), &mut made)?;
    break_things(&dir.join("broken"), &portraits.obama, &mut made)?;
    Ok(made)
}

/// Makes six photos of journeys in the empty folder `dir`: two of Oslo, and one each of Bergen, of New
/// York, of the middle of the Atlantic, and one that does not say where it was taken.
///
/// # Errors
/// When a portrait is missing or `dir` cannot be written.
pub fn make_journeys(dir: &Path, portraits: &Path) -> Result<Made> {
    let portraits = Portraits::read(portraits)?;
    let mut made = Made {
        photos: Vec::new(),
        broken: Vec::new(),
    };
    let side = side_by_side(&[&portraits.collins, &portraits.biden]);
    for (name, people, portrait, place_seconds) in [
        ("opera.jpg", [OBAMA].as_slice(), &portraits.obama, OPERA),
        ("park.jpg", &[OBAMA], &portraits.obama_speaks, PARK),
        ("harbour.jpg", &[OBAMA], &portraits.obama_stands, HARBOUR),
        ("lawn.jpg", &[BIDEN], &portraits.biden, LAWN),
        ("sea.jpg", &[COLLINS], &portraits.collins, SEA),
        ("indoors.jpg", &[COLLINS, BIDEN], &side, None),
    ] {
        let shot = Shot {
            taken_at: "2019:07:14 18:05:59",
            place_seconds,
            camera: "Pixel 3",
        };
        made.add(dir.join(name), people, portrait, 1, Some(shot))?;
    }
    Ok(made)
}

/// The Oslo Opera House, 59° 54′ 27″ N 10° 45′ 11″ E.
const OPERA: Option<[i32; 2]> = Some([215_667, 38_711]);
/// The Vigeland installation in Frogner Park, Oslo, 59° 55′ 37″ N 10° 42′ 2″ E.
const PARK: Option<[i32; 2]> = Some([215_737, 38_522]);
/// Bryggen in Bergen, 60° 23′ 51″ N 5° 19′ 24″ E.
const HARBOUR: Option<[i32; 2]> = Some([217_431, 19_164]);
/// Central Park in New York, 40° 46′ 56″ N 73° 57′ 55″ W.
const LAWN: Option<[i32; 2]> = Some([146_816, -266_275]);
/// In the Atlantic, 30° N 40° W.
const SEA: Option<[i32; 2]> = Some([108_000, -144_000]);

/// The portraits, cut and scaled so that a test reads them quickly.
struct Portraits {
    obama: RgbImage,
    obama_speaks: RgbImage,
    obama_stands: RgbImage,
    biden: RgbImage,
    collins: RgbImage,
}

impl Portraits {
    fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            let image =
                image::open(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok::<_, anyhow::Error>(image.into_rgb8())
        };
        Ok(Self {
            obama: scaled(&read("obama.jpg")?, 800),
            obama_speaks: scaled(&read("obama2.jpg")?, 800),
            obama_stands: scaled(&head_and_shoulders(&read("obama3.jpg")?), 1000),
            biden: scaled(&head_and_shoulders(&read("biden.jpg")?), 1000),
            collins: read("astronaut.png")?,
        })
    }
}

/// The Kennedy Space Center, 28° 35′ 6″ N 80° 39′ 4″ W.
const FLORIDA: Option<[i32; 2]> = Some([102_906, -290_344]);
/// The Sydney Opera House, 33° 51′ 25″ S 151° 12′ 54″ E.
const SYDNEY: Option<[i32; 2]> = Some([-121_885, 544_374]);

/// Portraits that say when and with what they were taken, about as it was.
fn make_years(dir: &Path, portraits: &Portraits, made: &mut Made) -> Result<()> {
    let taken = |taken_at, place_seconds, camera| {
        Some(Shot {
            taken_at,
            place_seconds,
            camera,
        })
    };
    let launch = taken("1999:07:22 12:30:00", FLORIDA, "Nikon F5");
    let speech = taken("2009:09:09 20:16:00", None, "EOS 5D Mark II");
    let stands = taken("2010:05:10 09:41:10", None, "EOS 5D Mark II");
    let beside = taken("2010:05:10 09:41:12", None, "EOS 5D Mark II");
    let office = taken("2012:12:06 13:02:33", None, "EOS 5D Mark III");
    for (name, person, portrait, orientation, shot) in [
        ("1999/launch.jpg", COLLINS, &portraits.collins, 1, launch),
        ("2009/speech.jpg", OBAMA, &portraits.obama_speaks, 1, speech),
        ("2010/stands.jpg", OBAMA, &portraits.obama_stands, 8, stands),
        ("2010/beside.jpg", BIDEN, &portraits.biden, 6, beside),
        ("2012/office.png", OBAMA, &portraits.obama, 3, office),
    ] {
        made.add(dir.join(name), &[person], portrait, orientation, shot)?;
    }
    Ok(())
}

/// Meetings of several people in 2019, which never were.
fn make_groups(dir: &Path, portraits: &Portraits, made: &mut Made) -> Result<()> {
    let Portraits {
        obama,
        biden,
        collins,
        ..
    } = portraits;
    let two = side_by_side(&[obama, biden]);
    let three = side_by_side(&[biden, collins, obama]);
    let taken = |taken_at, place_seconds| {
        Some(Shot {
            taken_at,
            place_seconds,
            camera: "Pixel 3",
        })
    };
    let july = taken("2019:07:14 18:05:59", SYDNEY);
    let august = taken("2019:08:02 11:00:00", FLORIDA);
    let december = taken("2019:12:24 16:00:00", None);
    made.add(dir.join("two.jpg"), &[OBAMA, BIDEN], &two, 1, july)?;
    made.add(
        dir.join("three.jpg"),
        &[BIDEN, COLLINS, OBAMA],
        &three,
        6,
        august,
    )?;
    made.add(dir.join("winter.webp"), &[OBAMA, BIDEN], &two, 1, december)
}

/// Two photos once more, byte for byte.
fn make_copies(dir: &Path, made: &mut Made) -> Result<()> {
    fs::create_dir_all(dir)?;
    let turned = made.photos.iter().find(|photo| photo.orientation == 6);
    let group = made.photos.iter().find(|photo| photo.people.len() == 2);
    for original in [turned, group]
        .map(Option::<&Photo>::cloned)
        .into_iter()
        .flatten()
    {
        let path = dir.join(original.path.file_name().context("a file has a name")?);
        fs::copy(&original.path, &path)?;
        made.photos.push(Photo { path, ..original });
    }
    Ok(())
}

/// One of each flaw in an own folder, with a good photo among them.
fn break_things(dir: &Path, portrait: &RgbImage, made: &mut Made) -> Result<()> {
    fs::create_dir_all(dir)?;
    let mut whole = Cursor::new(Vec::new());
    encode_jpeg(&mut whole, portrait, &[])?;
    let whole = whole.into_inner();

    for (name, flaw, content) in [
        ("empty.jpg", Flaw::Empty, &b""[..]),
        (
            "text.jpg",
            Flaw::Text,
            b"Dear diary, today I took no photo.\n",
        ),
        ("half.jpg", Flaw::CutOff, &whole[..whole.len() / 2]),
    ] {
        fs::write(dir.join(name), content)?;
        made.broken.push((dir.join(name), flaw));
    }
    write_huge_png(&dir.join("huge.png"))?;
    made.broken.push((dir.join("huge.png"), Flaw::Huge));

    #[cfg(unix)]
    {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

        std::os::unix::fs::symlink("..", dir.join("up"))?;
        made.broken.push((dir.join("up"), Flaw::Loop));

        let locked = dir.join("locked");
        fs::create_dir(&locked)?;
        fs::write(locked.join("behind a lock.jpg"), &whole)?;
        set_mode(&locked, 0o000)?;
        made.broken.push((locked, Flaw::Locked));

        let path = dir.join(OsStr::from_bytes(b"caf\xe9.jpg"));
        fs::write(&path, &whole)?;
        let (width, height) = portrait.dimensions();
        made.photos.push(Photo {
            path,
            people: vec![OBAMA],
            orientation: 1,
            width,
            height,
            shot: None,
        });
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

/// A black picture of one bit a pixel: 112 MB of rows, 110 kB in the file, a row at a time.
fn write_huge_png(path: &Path) -> Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), HUGE_SIDE, HUGE_SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer()?;
    let row = vec![0; HUGE_SIDE.div_ceil(8) as usize];
    for _ in 0..HUGE_SIDE {
        std::io::Write::write_all(&mut rows, &row)?;
    }
    rows.finish()?;
    Ok(writer.finish()?)
}

/// The whole picture with this long side.
fn scaled(picture: &RgbImage, long_side: u32) -> RgbImage {
    let scale = f64::from(long_side) / f64::from(picture.width().max(picture.height()));
    let side = |side: u32| (f64::from(side) * scale).round() as u32;
    imageops::resize(
        picture,
        side(picture.width()),
        side(picture.height()),
        FilterType::CatmullRom,
    )
}

/// The top of a portrait, five wide and six high.
fn head_and_shoulders(picture: &RgbImage) -> RgbImage {
    let height = picture.height().min(picture.width() * 6 / 5);
    imageops::crop_imm(picture, 0, 0, picture.width(), height).to_image()
}

/// Portraits in a row on a grey wall, each 600 pixels high.
fn side_by_side(portraits: &[&RgbImage]) -> RgbImage {
    const HEIGHT: u32 = 600;
    const GAP: u32 = 40;
    let row: Vec<RgbImage> = portraits
        .iter()
        .map(|portrait| {
            let width = portrait.width() * HEIGHT / portrait.height();
            imageops::resize(*portrait, width, HEIGHT, FilterType::CatmullRom)
        })
        .collect();
    let width = row
        .iter()
        .map(|portrait| portrait.width() + GAP)
        .sum::<u32>()
        + GAP;
    let mut wall = RgbImage::from_pixel(width, HEIGHT + 2 * GAP, Rgb([150, 148, 145]));
    let mut left = GAP;
    for portrait in &row {
        imageops::replace(&mut wall, portrait, i64::from(left), i64::from(GAP));
        left += portrait.width() + GAP;
    }
    wall
}

/// The pixels that a file of this EXIF orientation holds for an upright photo: what a camera held
/// that way sees.
fn in_file(upright: &RgbImage, orientation: u16) -> RgbImage {
    match orientation {
        2 => imageops::flip_horizontal(upright),
        3 => imageops::rotate180(upright),
        4 => imageops::flip_vertical(upright),
        5 => imageops::flip_horizontal(&imageops::rotate90(upright)),
        6 => imageops::rotate270(upright),
        7 => imageops::flip_horizontal(&imageops::rotate270(upright)),
        8 => imageops::rotate90(upright),
        _ => upright.clone(),
    }
}

/// Writes a photo in the format of its name, with an EXIF block where there is something to say.
fn write(path: &Path, upright: &RgbImage, orientation: u16, shot: Option<Shot>) -> Result<()> {
    let pixels = in_file(upright, orientation);
    let mut fields = Vec::new();
    if orientation != 1 {
        fields.push(field(Tag::Orientation, Value::Short(vec![orientation])));
    }
    if let Some(Shot {
        taken_at,
        place_seconds,
        camera,
    }) = shot
    {
        fields.extend([
            text(Tag::DateTimeOriginal, taken_at),
            text(Tag::Model, camera),
        ]);
        if let Some([latitude, longitude]) = place_seconds {
            fields.extend([
                text(Tag::GPSLatitudeRef, if latitude < 0 { "S" } else { "N" }),
                degrees(Tag::GPSLatitude, latitude),
                text(Tag::GPSLongitudeRef, if longitude < 0 { "W" } else { "E" }),
                degrees(Tag::GPSLongitude, longitude),
            ]);
        }
    }
    let mut file = BufWriter::new(File::create(path)?);
    match ImageFormat::from_path(path)? {
        ImageFormat::Jpeg => encode_jpeg(&mut file, &pixels, &fields),
        ImageFormat::Png => encode(image::codecs::png::PngEncoder::new(file), &pixels, &fields),
        ImageFormat::WebP => encode(
            image::codecs::webp::WebPEncoder::new_lossless(file),
            &pixels,
            &fields,
        ),
        format => Ok(DynamicImage::from(pixels).write_to(&mut file, format)?),
    }
}

fn encode_jpeg(file: impl std::io::Write, pixels: &RgbImage, fields: &[Field]) -> Result<()> {
    encode(JpegEncoder::new_with_quality(file, 92), pixels, fields)
}

fn encode(mut encoder: impl ImageEncoder, pixels: &RgbImage, fields: &[Field]) -> Result<()> {
    if !fields.is_empty() {
        let mut writer = Writer::new();
        for field in fields {
            writer.push_field(field);
        }
        let mut block = Cursor::new(Vec::new());
        writer.write(&mut block, true)?;
        encoder.set_exif_metadata(block.into_inner())?;
    }
    let (width, height) = pixels.dimensions();
    Ok(encoder.write_image(pixels, width, height, image::ExtendedColorType::Rgb8)?)
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

fn degrees(tag: Tag, seconds: i32) -> Field {
    let seconds = seconds.unsigned_abs();
    let whole = |num| Rational { num, denom: 1 };
    let parts = vec![
        whole(seconds / 3600),
        whole(seconds / 60 % 60),
        whole(seconds % 60),
    ];
    field(tag, Value::Rational(parts))
}
