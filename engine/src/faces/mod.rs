//! Faces on a picture: proposed at two sizes, looked at again one by one, aligned by their
//! landmarks, and embedded.

mod boxes;
mod look;
mod networks;
mod quality;

use std::sync::{Arc, LazyLock};

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use kith_models::training::Harmonic;
use kith_models::{AddedEmbedder, Crop, Detection, Detector, Embedder, Embedding, RgbView, views};

pub(crate) use self::boxes::overlap;
use self::boxes::same_face;
use self::look::look_again;
pub(crate) use self::networks::Networks;
use self::quality::quality;
use crate::catalog::maps::MapId;
use crate::{Error, Result};

/// Long side in pixels of the picture in which small faces are looked for.
const FINE_SIDE: u32 = 1280;
/// Long side in pixels of the picture in which faces that fill the frame are looked for.
const COARSE_SIDE: u32 = 320;
/// Least score with which a face is proposed: low, as the second look decides. Of 150 faces of LFW
/// that were turned by 90°, 180° and 270°, 95 to 98 % score 0.15 or more.
const LEAST_PROPOSED: f32 = 0.15;
/// Most proposals of one photo, the best first: bounds the time that foliage and tiles can take.
const MOST_PROPOSALS: usize = 256;

/// Score of a face that was drawn where the detector sees none: it founds no group.
const UNSEEN_SCORE: f32 = 0.2;
/// A face seen at the second look is the one that was drawn when their boxes share this much.
const SEEN_IN_BOX: f32 = 0.3;
/// Where eyes, nose and mouth lie in the box of an upright face, as fractions of it: the mean over
/// six of the sample portraits, made symmetric.
const USUAL_LANDMARKS: [[f32; 2]; 5] = [
    [0.3, 0.36],
    [0.7, 0.36],
    [0.5, 0.55],
    [0.33, 0.71],
    [0.67, 0.71],
];

/// The way in which the networks are used: proposals, second look, views, quality. Counted up when it
/// changes.
const PROCEDURE: &str = "looks-3-views-2-quality-2";

/// What made a face and its embedding: both networks and the way they are used. Stored with each
/// face; photos that another model read are read again.
pub static MODEL: LazyLock<String> =
    LazyLock::new(|| format!("{}+{}+{PROCEDURE}", Detector::NAME, Embedder::NAME));

/// Of which models codes can be compared: those whose network is this program's, whichever detector
/// and procedure they are of. A pattern of SQL's `LIKE`.
pub static SPACE: LazyLock<String> = LazyLock::new(|| format!("%+{}+%", Embedder::NAME));

/// A face that was found on a picture.
#[derive(Clone)]
pub struct FoundFace {
    /// `[x, y, w, h]` as fractions of the upright picture; inside of it.
    pub box_upright: [f32; 4],
    /// Left eye, right eye, nose, left and right corner of the mouth, as the viewer sees them;
    /// fractions of the upright picture.
    pub landmarks_upright: [[f32; 2]; 5],
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// How well it can be recognised, 0 to 1: the score, less for a face that is small, blurred or
    /// turned away.
    pub quality: f32,
    /// The face as the embedder wants it.
    pub views: [Crop; 2],
}

/// A network that was added, and the map that brings what it sees to the space of Kith's own.
pub(crate) struct Mapped {
    /// The map's number in the catalog.
    pub id: MapId,
    /// The network.
    pub network: AddedEmbedder,
    /// The map.
    pub map: Harmonic,
}

/// The two networks, ready to run. A clone shares them.
#[derive(Clone)]
pub struct FaceFinder {
    networks: Networks,
    /// Embeds instead of Kith's own.
    mapped: Option<Arc<Mapped>>,
}

impl FaceFinder {
    /// Loads both networks.
    ///
    /// # Errors
    /// [`Error::Models`] when the weights are missing or damaged.
    pub fn load() -> Result<Self> {
        Ok(Self {
            networks: Networks::load()?,
            mapped: None,
        })
    }

    /// The same networks for a long job: on a graphics processor as soon as one is ready, where there
    /// is one, and as before where there is none or it is lost. It is given back with what is returned.
    pub(crate) fn with_worker(&self) -> Self {
        Self {
            networks: self.networks.with_worker(),
            mapped: self.mapped.clone(),
        }
    }

    /// How many faces are best embedded together now.
    pub(crate) fn faces_together(&self) -> usize {
        self.networks.faces_together()
    }

    /// The same, but embedding with a network that was added.
    pub(crate) fn with(self, mapped: Mapped) -> Self {
        Self {
            mapped: Some(Arc::new(mapped)),
            ..self
        }
    }

    /// The map that embeddings go through; none of Kith's own network.
    #[must_use]
    pub fn map(&self) -> Option<MapId> {
        self.mapped.as_ref().map(|mapped| mapped.id)
    }

    /// All faces on an upright picture, best score first. A face that lies on its side or upside
    /// down is found, too.
    ///
    /// # Errors
    /// [`Error::Models`] when a network fails.
    pub fn find(&self, pixels: &RgbImage) -> Result<Vec<FoundFace>> {
        let long_side = pixels.width().max(pixels.height());
        let mut proposed = self.detect_at(pixels, COARSE_SIDE)?;
        if long_side > COARSE_SIDE * 5 / 4 {
            proposed.extend(self.detect_at(pixels, FINE_SIDE.min(long_side))?);
        }
        let mut proposed = best_of_each_face(proposed);
        proposed.truncate(MOST_PROPOSALS);
        let seen = look_again(&self.networks, pixels, &proposed)?;
        let view = view_of(pixels)?;
        Ok(best_of_each_face(seen.into_iter().flatten().collect())
            .iter()
            .map(|face| found_face(face, pixels, view))
            .collect())
    }

    /// The face in a box that somebody drew on an upright picture (fractions of it). Landmarks are
    /// those of the second look; where it sees no face, they are where they lie in most faces, and
    /// the quality says that little can be told.
    ///
    /// # Errors
    /// [`Error::Models`] when a network fails.
    pub fn face_in(&self, pixels: &RgbImage, box_upright: [f32; 4]) -> Result<FoundFace> {
        let (width, height) = (pixels.width() as f32, pixels.height() as f32);
        let [x, y, w, h] = box_upright;
        let box_px = [x * width, y * height, w * width, h * height];
        let drawn = Detection {
            box_px,
            score: UNSEEN_SCORE,
            landmarks_px: USUAL_LANDMARKS.map(|[across, down]| {
                [box_px[0] + across * box_px[2], box_px[1] + down * box_px[3]]
            }),
        };
        let seen = look_again(&self.networks, pixels, std::slice::from_ref(&drawn))?;
        let seen = seen.into_iter().flatten().next();
        let face = match seen.filter(|seen| overlap(&seen.box_px, &box_px) > SEEN_IN_BOX) {
            // The box stays as it was drawn.
            Some(seen) => Detection { box_px, ..seen },
            None => drawn,
        };
        Ok(found_face(&face, pixels, view_of(pixels)?))
    }

    /// One embedding a face, unit length, in the space of Kith's own network.
    ///
    /// # Errors
    /// [`Error::Models`] when the network fails.
    pub fn embed(&self, faces: &[[Crop; 2]]) -> Result<Vec<Embedding>> {
        let Some(mapped) = &self.mapped else {
            return self.networks.embed(faces);
        };
        let seen = mapped.network.embed(faces)?;
        let mapped = seen.iter().map(|numbers| mapped.map.embed(numbers));
        Ok(mapped.collect())
    }

    /// Faces found on the picture as it is.
    fn detect(&self, pixels: &RgbImage) -> Result<Vec<Detection>> {
        let found = self.networks.detect(&[view_of(pixels)?], LEAST_PROPOSED)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Faces found on the picture resized to a long side of `side`, in pixels of the picture given.
    fn detect_at(&self, pixels: &RgbImage, side: u32) -> Result<Vec<Detection>> {
        let long_side = pixels.width().max(pixels.height());
        if side == long_side {
            return self.detect(pixels);
        }
        let scaled = |length: u32| {
            (f64::from(length) * f64::from(side) / f64::from(long_side))
                .round()
                .max(1.0) as u32
        };
        let small = resized(pixels, scaled(pixels.width()), scaled(pixels.height()))?;
        let to_picture = [
            pixels.width() as f32 / small.width() as f32,
            pixels.height() as f32 / small.height() as f32,
        ];
        let mut found = self.detect(&small)?;
        for face in &mut found {
            for (at, value) in face.box_px.iter_mut().enumerate() {
                *value *= to_picture[at % 2];
            }
            for point in &mut face.landmarks_px {
                *point = [point[0] * to_picture[0], point[1] * to_picture[1]];
            }
        }
        Ok(found)
    }
}

impl std::fmt::Debug for FaceFinder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FaceFinder")
            .field("model", &*MODEL)
            .finish_non_exhaustive()
    }
}

fn found_face(face: &Detection, pixels: &RgbImage, view: RgbView<'_>) -> FoundFace {
    let (width, height) = (pixels.width() as f32, pixels.height() as f32);
    let [x, y, w, h] = face.box_px;
    let (left, right) = (x.clamp(0.0, width), (x + w).clamp(0.0, width));
    let (top, bottom) = (y.clamp(0.0, height), (y + h).clamp(0.0, height));
    let views = views(
        view,
        &[left, top, right - left, bottom - top],
        &face.landmarks_px,
    );
    FoundFace {
        box_upright: [
            left / width,
            top / height,
            (right - left) / width,
            (bottom - top) / height,
        ],
        landmarks_upright: face.landmarks_px.map(|[x, y]| [x / width, y / height]),
        score: face.score,
        quality: quality(face.score, w.min(h), &face.landmarks_px, &views[0]),
        views,
    }
}

/// A face cut out again, where it was found on this picture.
///
/// # Errors
/// [`Error::Models`] for a picture without pixels.
pub(crate) fn views_at(
    pixels: &RgbImage,
    box_upright: &[f32; 4],
    landmarks_upright: &[[f32; 2]; 5],
) -> Result<[Crop; 2]> {
    let (width, height) = (pixels.width() as f32, pixels.height() as f32);
    let [x, y, w, h] = *box_upright;
    Ok(views(
        view_of(pixels)?,
        &[x * width, y * height, w * width, h * height],
        &landmarks_upright.map(|[x, y]| [x * width, y * height]),
    ))
}

/// The pixels at another size, antialiased.
///
/// # Errors
/// [`Error::Resize`] when a side is zero.
pub(crate) fn resized(pixels: &RgbImage, width: u32, height: u32) -> Result<RgbImage> {
    let mut small = RgbImage::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(pixels, &mut small, &options)
        .map_err(|error| Error::Resize(error.to_string()))?;
    Ok(small)
}

fn view_of(pixels: &RgbImage) -> Result<RgbView<'_>> {
    Ok(RgbView::new(
        pixels.width() as usize,
        pixels.height() as usize,
        pixels.as_raw(),
    )?)
}

/// The faces, best score first, without those that are one with a better one.
fn best_of_each_face(mut faces: Vec<Detection>) -> Vec<Detection> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for face in faces {
        if !kept
            .iter()
            .any(|better| same_face(&better.box_px, &face.box_px))
        {
            kept.push(face);
        }
    }
    kept
}
