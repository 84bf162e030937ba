//! Faces on a picture: found at two sizes, aligned by their landmarks, and embedded.

use std::sync::LazyLock;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use kith_models::{Crop, Detection, Detector, Embedder, Embedding, RgbView, Weights, align};

use crate::{Error, Result};

/// Long side in pixels of the picture in which small faces are looked for.
const FINE_SIDE: u32 = 1280;
/// Long side in pixels of the picture in which faces that fill the frame are looked for.
const COARSE_SIDE: u32 = 320;
/// Least score of a face. Measured: 16 of 18 photos of a public set are counted right at 0.55.
const LEAST_SCORE: f32 = 0.55;
/// Two boxes that share more than this part of their union are one face.
const SAME_BOX: f32 = 0.4;
/// Two boxes of which the smaller lies in the larger by more than this are one face.
const INSIDE: f32 = 0.7;
/// From this size on, a face loses nothing by being small; side of the box in pixels.
const CLEAR_SIDE: f32 = 50.0;

/// What made a face and its embedding: both networks, the crop and the way they are used. Stored
/// with each face; photos that another model read are read again.
pub static MODEL: LazyLock<String> =
    LazyLock::new(|| format!("{}+{}", Detector::NAME, Embedder::NAME));

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
    /// How well it can be recognised, 0 to 1: the score, less for a face of few pixels.
    pub quality: f32,
    /// The face as the embedder wants it.
    pub crop: Crop,
}

/// The two networks, ready to run.
pub struct FaceFinder {
    detector: Detector,
    embedder: Embedder,
}

impl FaceFinder {
    /// Loads both networks.
    ///
    /// # Errors
    /// [`Error::Models`] when the weights are missing or damaged.
    pub fn load() -> Result<Self> {
        let weights = Weights::find()?;
        Ok(Self {
            detector: Detector::load(&weights)?,
            embedder: Embedder::load(&weights)?,
        })
    }

    /// All faces on an upright picture, best score first.
    ///
    /// # Errors
    /// [`Error::Models`] when a network fails.
    pub fn find(&self, pixels: &RgbImage) -> Result<Vec<FoundFace>> {
        let long_side = pixels.width().max(pixels.height());
        let mut found = self.detect_at(pixels, COARSE_SIDE)?;
        if long_side > COARSE_SIDE * 5 / 4 {
            found.extend(self.detect_at(pixels, FINE_SIDE.min(long_side))?);
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut kept: Vec<Detection> = Vec::new();
        for face in found {
            if !kept
                .iter()
                .any(|better| same_face(&better.box_px, &face.box_px))
            {
                kept.push(face);
            }
        }
        let view = view_of(pixels)?;
        Ok(kept
            .iter()
            .map(|face| found_face(face, pixels, view))
            .collect())
    }

    /// One embedding a crop, unit length.
    ///
    /// # Errors
    /// [`Error::Models`] when the network fails.
    pub fn embed(&self, crops: &[Crop]) -> Result<Vec<Embedding>> {
        Ok(self.embedder.embed(crops)?)
    }

    /// Faces found on the picture resized to a long side of `side`, in pixels of the picture given.
    fn detect_at(&self, pixels: &RgbImage, side: u32) -> Result<Vec<Detection>> {
        let long_side = pixels.width().max(pixels.height());
        if side == long_side {
            return Ok(self.detector.detect(view_of(pixels)?, LEAST_SCORE)?);
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
        let mut found = self.detector.detect(view_of(&small)?, LEAST_SCORE)?;
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
    let side = w.min(h);
    FoundFace {
        box_upright: [
            left / width,
            top / height,
            (right - left) / width,
            (bottom - top) / height,
        ],
        landmarks_upright: face.landmarks_px.map(|[x, y]| [x / width, y / height]),
        score: face.score,
        quality: face.score * (side / CLEAR_SIDE).min(1.0),
        crop: align(view, &face.landmarks_px),
    }
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

/// Part of the union of two boxes `[x, y, w, h]` that both cover, 0 to 1.
pub(crate) fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let shared = shared_area(a, b);
    let union = a[2] * a[3] + b[2] * b[3] - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

fn shared_area(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let along = |at: usize| {
        let end = (a[at] + a[at + 2]).min(b[at] + b[at + 2]);
        (end - a[at].max(b[at])).max(0.0)
    };
    along(0) * along(1)
}

/// Whether two boxes found at two sizes are one face. A box around the whole head and one around
/// its middle share less of their union than two boxes of one size do, so being inside counts too.
fn same_face(a: &[f32; 4], b: &[f32; 4]) -> bool {
    let smaller = (a[2] * a[3]).min(b[2] * b[3]);
    overlap(a, b) > SAME_BOX || shared_area(a, b) > INSIDE * smaller
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_between_0_and_1(
            a in [0.0_f32..50.0, 0.0..50.0, 0.1..50.0, 0.1..50.0],
            b in [0.0_f32..50.0, 0.0..50.0, 0.1..50.0, 0.1..50.0],
        ) {
            let ab = overlap(&a, &b);
            prop_assert!((0.0..=1.0 + 1e-5).contains(&ab));
            prop_assert!((ab - overlap(&b, &a)).abs() < 1e-5);
            prop_assert!((overlap(&a, &a) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn boxes_inside_one_another_are_one_face() {
        assert!(same_face(
            &[0.0, 0.0, 100.0, 100.0],
            &[20.0, 20.0, 50.0, 50.0]
        ));
        assert!(!same_face(
            &[0.0, 0.0, 100.0, 100.0],
            &[80.0, 0.0, 100.0, 100.0]
        ));
    }
}
