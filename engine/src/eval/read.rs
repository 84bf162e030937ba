//! From labelled photos to one embedding each: the program's own decoding, detection and
//! embedding, a bounded number of photos at a time.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, imageops};
use jiff::civil::{Date, DateTime};
use kith_models::{AddedEmbedder, CROP_SIDE, Code, Crop, Embedding};
use rayon::prelude::*;
use serde::Serialize;

use super::labels::LabelledFolder;
use super::{EvalError, OnPhoto};
use crate::faces::{FaceFinder, FoundFace, resized};
use crate::indexing::DECODED_SIDE;
use crate::people::Sighting;
use crate::photo::{self, PhotoError};
use crate::{FailedFile, PhotoId};

/// How the photos show their faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Framing {
    /// Photographs: the face is the one nearest to the centre. Where none is found, a square in
    /// the centre, half as wide as the shorter side, is taken for it.
    Photo,
    /// Photographs of which the same square in the centre is taken, half as wide as the shorter
    /// side, whether there is a face in it or not: section 5.6 of the FaceNet paper.
    Centre,
    /// Tight crops of one face each: the crop is put in the middle of a larger picture in which
    /// its landmarks are looked for. Where none are found, the whole crop is taken for the face.
    Cropped,
    /// Photographs, each shrunk until its most central face is so many pixels wide, and put in the
    /// middle of a grey picture of 1,600 × 1,200: what becomes of small faces in group photos.
    Small(u32),
}

impl Framing {
    /// How the pixels that are embedded were cut out, for the reports.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Photo => "landmarks and box, or the centre".to_owned(),
            Self::Centre => "a fixed square in the centre".to_owned(),
            Self::Cropped => "landmarks and box in the padded crop, or the whole crop".to_owned(),
            Self::Small(pixels) => format!(
                "landmarks and box of a face {pixels} pixels wide in a picture of 1600 x 1200, or \
                 the centre"
            ),
        }
    }
}

/// What was read from one photo.
#[derive(Debug, Clone)]
pub(super) struct ReadFace {
    /// As a library keeps it: after it went through its 128 bytes.
    pub embedding: Embedding,
    /// As the network gave it.
    pub exact: Embedding,
    /// As somebody else sees it.
    pub second: Vec<f32>,
    /// The day its photo was taken, if that is known.
    pub day: Option<Date>,
    /// Whether a face was found on it.
    pub detected: bool,
}

/// A face, and whom its folder says it shows.
#[derive(Debug, Clone)]
pub(super) struct LabelledFace {
    pub person: u32,
    pub family: u32,
    /// The photo it is on; several crops may be of one.
    pub photo: PhotoId,
    /// The day it was taken, if that is known.
    pub day: Option<Date>,
    pub embedding: Embedding,
}

/// The faces as a library has them.
pub(super) fn sightings(faces: &[LabelledFace]) -> Vec<Sighting> {
    let sighting = |face: &LabelledFace| Sighting {
        embedding: face.embedding,
        photo: face.photo,
        day: face.day,
    };
    faces.iter().map(sighting).collect()
}

/// The faces of a folder, in its order.
pub(super) struct LabelledFaces {
    pub faces: Vec<LabelledFace>,
    pub undetected: u32,
    pub unreadable: Vec<FailedFile>,
}

/// Reads each photo of a folder; one that cannot be decoded is listed, and the rest goes on.
pub(super) fn read_labelled(
    finder: &FaceFinder,
    folder: LabelledFolder,
    framing: Framing,
    on_photo: OnPhoto<'_>,
) -> Result<LabelledFaces, EvalError> {
    let paths: Vec<PathBuf> = folder
        .photos
        .iter()
        .map(|photo| photo.path.clone())
        .collect();
    let read = read_photos(finder, Second::Nobody, &paths, framing, on_photo)?;
    let mut labelled = LabelledFaces {
        faces: Vec::new(),
        undetected: 0,
        unreadable: Vec::new(),
    };
    let photo_of = folder.numbered_photos();
    for ((photo, number), face) in folder.photos.into_iter().zip(photo_of).zip(read) {
        match face {
            Ok(face) => {
                labelled.undetected += u32::from(!face.detected);
                labelled.faces.push(LabelledFace {
                    person: photo.person,
                    family: photo.family,
                    photo: number,
                    day: face.day,
                    embedding: face.embedding,
                });
            }
            Err(error) => labelled.unreadable.push(FailedFile {
                path: photo.path.to_string_lossy().into_owned(),
                reason: error.to_string(),
            }),
        }
    }
    Ok(labelled)
}

/// How many photos are decoded and searched for faces at once, and embedded as one batch: with
/// [`DECODED_SIDE`] this bounds the pixels held in memory to 200 MB.
pub(super) const PHOTOS_AT_ONCE: usize = 16;

/// Who else embeds the faces that Kith embeds.
#[derive(Clone, Copy)]
pub(super) enum Second<'a> {
    /// Nobody: no numbers.
    Nobody,
    /// A network that was added.
    Added(&'a AddedEmbedder),
    /// Kith's own network, of the crop by the box alone.
    ByBox,
}

impl Second<'_> {
    fn embed(self, finder: &FaceFinder, views: &[[Crop; 2]]) -> crate::Result<Vec<Vec<f32>>> {
        match self {
            Self::Nobody => Ok(vec![Vec::new(); views.len()]),
            Self::Added(network) => Ok(network.embed(views)?),
            Self::ByBox => {
                let twice = |[_, by_box]: &[Crop; 2]| [by_box.clone(), by_box.clone()];
                let views: Vec<[Crop; 2]> = views.iter().map(twice).collect();
                let embeddings = finder.embed(&views)?;
                Ok(embeddings.iter().map(|of| of.to_vec()).collect())
            }
        }
    }
}

/// One face of each photo, in the order given, also as `second` sees it.
pub(super) fn read_photos(
    finder: &FaceFinder,
    second: Second<'_>,
    paths: &[PathBuf],
    framing: Framing,
    on_photo: OnPhoto<'_>,
) -> Result<Vec<Result<ReadFace, PhotoError>>, EvalError> {
    let mut read = Vec::with_capacity(paths.len());
    for together in paths.chunks(PHOTOS_AT_ONCE) {
        let found = together
            .par_iter()
            .map(|path| find_one(finder, path, framing))
            .collect::<crate::Result<Vec<_>>>()?;
        let (mut views, mut readable) = (Vec::new(), Vec::new());
        for found in found {
            readable.push(found.map(|found| {
                views.push(found.views);
                (found.day, found.detected)
            }));
        }
        let embeddings = finder.embed(&views)?;
        let second = second.embed(finder, &views)?;
        let mut embeddings = embeddings.into_iter().zip(second);
        for found in readable {
            match found {
                Ok((day, detected)) => {
                    read.extend(embeddings.next().map(|(exact, second)| {
                        Ok(ReadFace {
                            embedding: Code::of(&exact).embedding(),
                            exact,
                            second,
                            day,
                            detected,
                        })
                    }));
                }
                Err(error) => read.push(Err(error)),
            }
        }
        on_photo(read.len(), paths.len());
    }
    Ok(read)
}

pub(super) struct FoundOne {
    /// The face as the embedder wants it: by its landmarks, and by its box, mirrored.
    pub views: [Crop; 2],
    day: Option<Date>,
    detected: bool,
}

/// The outer error is that of the networks, the inner one that of the photo.
pub(super) fn find_one(
    finder: &FaceFinder,
    path: &Path,
    framing: Framing,
) -> crate::Result<Result<FoundOne, PhotoError>> {
    let (pixels, taken_at) = match photo::read(path, DECODED_SIDE) {
        Ok((upright, facts)) => (upright.pixels, facts.taken_at),
        Err(error) => return Ok(Err(error)),
    };
    let pixels = match framing {
        Framing::Small(width) => shrunk(finder, &pixels, width)?,
        Framing::Photo | Framing::Centre | Framing::Cropped => pixels,
    };
    let found = match framing {
        Framing::Photo | Framing::Small(_) => finder.find(&pixels)?,
        Framing::Cropped => finder.find(&padded(&pixels))?,
        Framing::Centre => Vec::new(),
    };
    let found = most_central(found).map(|face| face.views);
    let detected = found.is_some();
    let views = match (found, framing) {
        (Some(views), _) => views,
        (None, Framing::Photo | Framing::Centre | Framing::Small(_)) => whole(&centre(&pixels))?,
        (None, Framing::Cropped) => whole(&pixels)?,
    };
    Ok(Ok(FoundOne {
        views,
        day: taken_at.map(DateTime::date),
        detected,
    }))
}

/// The face whose box has its middle nearest to the middle of the picture.
fn most_central(faces: Vec<FoundFace>) -> Option<FoundFace> {
    let off_centre = |face: &FoundFace| {
        let [x, y, w, h] = face.box_upright;
        (x + w / 2.0 - 0.5).hypot(y + h / 2.0 - 0.5)
    };
    faces
        .into_iter()
        .min_by(|a, b| off_centre(a).total_cmp(&off_centre(b)))
}

/// Width and height of the picture that small faces are looked for in.
const GROUP_PHOTO: [u32; 2] = [1600, 1200];

/// The photo shrunk until its most central face is `face_width` pixels wide, in the middle of a
/// grey picture; a photo without a face as if that were 40 % of its width.
fn shrunk(finder: &FaceFinder, photo: &RgbImage, face_width: u32) -> crate::Result<RgbImage> {
    let share = most_central(finder.find(photo)?).map_or(0.4, |face| face.box_upright[2]);
    let scale = face_width as f32 / (share * photo.width() as f32);
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let small = resized(photo, side(photo.width()), side(photo.height()))?;
    let [width, height] = GROUP_PHOTO;
    let mut picture = RgbImage::from_pixel(width, height, Rgb([128; 3]));
    let middle = |length: u32, part: u32| (i64::from(length) - i64::from(part)) / 2;
    imageops::replace(
        &mut picture,
        &small,
        middle(width, small.width()),
        middle(height, small.height()),
    );
    Ok(picture)
}

/// How far the padding goes on each side, as a share of the crop: detectors are trained on faces
/// with something around them, and miss one that fills its picture.
const PADDING: f32 = 0.5;

/// The crop in the middle of a larger picture of its own mean colour. Families in the Wild has
/// crops that end at the hairline, so that part of the padding is embedded: of its border drawn out,
/// mirrored, black and its mean colour, the last accepted most pairs of one person at FAR 1e-3.
fn padded(crop: &RgbImage) -> RgbImage {
    let (width, height) = crop.dimensions();
    let beside = (width as f32 * PADDING) as u32;
    let above = (height as f32 * PADDING) as u32;
    let mut padded =
        RgbImage::from_pixel(width + 2 * beside, height + 2 * above, mean_colour(crop));
    imageops::replace(&mut padded, crop, i64::from(beside), i64::from(above));
    padded
}

fn mean_colour(picture: &RgbImage) -> Rgb<u8> {
    let count = u64::from(picture.width()) * u64::from(picture.height());
    let mut sum = [0_u64; 3];
    for Rgb(pixel) in picture.pixels() {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    Rgb(sum.map(|sum| (sum / count.max(1)) as u8))
}

fn centre(photo: &RgbImage) -> RgbImage {
    let (width, height) = photo.dimensions();
    let side = (width.min(height) / 2).max(1);
    imageops::crop_imm(photo, (width - side) / 2, (height - side) / 2, side, side).to_image()
}

/// All of a picture, stretched to the size that is embedded, and its mirror image.
fn whole(picture: &RgbImage) -> crate::Result<[Crop; 2]> {
    let side = CROP_SIDE as u32;
    let pixels = imageops::resize(picture, side, side, imageops::FilterType::Triangle);
    let crop = Crop::from_rgb(pixels.into_raw())?;
    Ok([crop.mirrored(), crop])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_lies_in_the_middle_of_its_mean_colour() {
        let crop = RgbImage::from_fn(31, 45, |x, y| Rgb([x as u8, y as u8, 7]));
        let padded = padded(&crop);
        assert_eq!(padded.dimensions(), (31 + 2 * 15, 45 + 2 * 22));
        assert_eq!(padded.get_pixel(0, 0), &Rgb([15, 22, 7]));
        assert_eq!(padded.get_pixel(15, 22), crop.get_pixel(0, 0));
        assert_eq!(padded.get_pixel(15 + 30, 22 + 44), crop.get_pixel(30, 44));
        assert_eq!(padded.get_pixel(15 + 31, 22 + 45), &Rgb([15, 22, 7]));
    }

    #[test]
    fn the_centre_is_half_of_the_shorter_side() {
        let photo = RgbImage::from_fn(20, 12, |x, y| Rgb([x as u8, y as u8, 0]));
        let centre = centre(&photo);
        assert_eq!(centre.dimensions(), (6, 6));
        assert_eq!(centre.get_pixel(0, 0), &Rgb([7, 3, 0]));
    }
}
