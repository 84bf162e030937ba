//! The second look: what may be a face is cut out, brought to one size, turned if need be, and
//! shown to the detector again.
//!
//! The detector is sure of faces that are upright, not too small and not too large. Seen so, a face
//! scores 0.8 and more whatever it scored in the photo, a doll or a print on a shirt stays below
//! 0.5, and the landmarks of a face that lies on its side come out right.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, imageops};
use kith_models::{Detection, RgbView};

use super::networks::Networks;
use crate::{Error, Result};

/// Width and height of a cut, in pixels.
const SIDE: u32 = 160;
/// How many times as wide as the proposed box a cut is.
const ROOM: f32 = 2.5;
/// The face in a cut has its middle within this part of the cut's side from the cut's middle.
const OFF_CENTRE: f32 = 0.18;
/// From this score on, an upright face needs no look at its turned cuts.
const SURELY_UPRIGHT: f32 = 0.8;
/// Least score of an upright face.
const LEAST_SCORE: f32 = 0.55;
/// Least score of a face that is turned: there are three more ways in which chance can look like
/// a face, and right ones score 0.9.
const LEAST_TURNED_SCORE: f32 = 0.75;
/// A turned look has to be better than the upright one by this much.
const TURNED_BETTER: f32 = 0.1;
/// Width and height in pixels that a face has at least: of a smaller one nobody could tell whose it is,
/// and most of what looks like one is none.
const LEAST_SIDE_PX: f32 = 12.0;
/// Cuts that the detector sees together.
const BATCH: usize = 16;

/// A square of the picture, in its pixels; it may reach beyond the border.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Square {
    left: f32,
    top: f32,
    side: f32,
}

/// How a cut was turned before it was looked at: quarter turns, clockwise.
type Turns = u8;

impl Square {
    /// The square around the middle of a box.
    fn around(box_px: &[f32; 4]) -> Self {
        let [x, y, w, h] = *box_px;
        let side = (w.max(h) * ROOM).max(1.0);
        Self {
            left: x + (w - side) / 2.0,
            top: y + (h - side) / 2.0,
            side,
        }
    }

    /// From pixels of the turned cut to pixels of the picture.
    fn picture_from_cut(self, [x, y]: [f32; 2], turns: Turns) -> [f32; 2] {
        let side = SIDE as f32;
        let [x, y] = match turns {
            0 => [x, y],
            1 => [y, side - x],
            2 => [side - x, side - y],
            _ => [side - y, x],
        };
        let scale = self.side / side;
        [self.left + x * scale, self.top + y * scale]
    }

    /// A face found in the turned cut, in pixels of the picture. The box is upright in the picture.
    fn face_from_cut(self, face: &Detection, turns: Turns) -> Detection {
        let [x, y, w, h] = face.box_px;
        let a = self.picture_from_cut([x, y], turns);
        let b = self.picture_from_cut([x + w, y + h], turns);
        let corner = [a[0].min(b[0]), a[1].min(b[1])];
        Detection {
            box_px: [
                corner[0],
                corner[1],
                (a[0] - b[0]).abs(),
                (a[1] - b[1]).abs(),
            ],
            score: face.score,
            landmarks_px: face
                .landmarks_px
                .map(|point| self.picture_from_cut(point, turns)),
        }
    }

    /// The square at [`SIDE`] pixels, antialiased; black beyond the picture, as the detector sees
    /// what lies beyond a border.
    fn cut(self, picture: &RgbImage) -> Result<RgbImage> {
        let mut cut = RgbImage::new(SIDE, SIDE);
        let scale = self.side / SIDE as f32;
        // The part inside the picture, in whole pixels of the cut.
        let inside = |start: f32, length: u32| {
            let first = (-start / scale).ceil().clamp(0.0, SIDE as f32);
            let last = ((length as f32 - start) / scale)
                .floor()
                .clamp(0.0, SIDE as f32);
            (first, (last - first).max(0.0))
        };
        let (x, width) = inside(self.left, picture.width());
        let (y, height) = inside(self.top, picture.height());
        if width < 1.0 || height < 1.0 {
            return Ok(cut);
        }
        let from = |start: f32, at: f32| f64::from((start + at * scale).max(0.0));
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(
                from(self.left, x),
                from(self.top, y),
                f64::from(width * scale).min(f64::from(picture.width()) - from(self.left, x)),
                f64::from(height * scale).min(f64::from(picture.height()) - from(self.top, y)),
            );
        let mut part = RgbImage::new(width as u32, height as u32);
        Resizer::new()
            .resize(picture, &mut part, &options)
            .map_err(|error| Error::Resize(error.to_string()))?;
        imageops::replace(&mut cut, &part, x as i64, y as i64);
        Ok(cut)
    }
}

/// What the detector says at the second look: for each proposal the face that it is, in pixels of
/// the picture, or nothing. Scores are those of the second look.
pub(super) fn look_again(
    networks: &Networks,
    picture: &RgbImage,
    proposals: &[Detection],
) -> Result<Vec<Option<Detection>>> {
    let mut found = Vec::with_capacity(proposals.len());
    for proposals in proposals.chunks(BATCH) {
        let squares: Vec<Square> = proposals
            .iter()
            .map(|proposal| Square::around(&proposal.box_px))
            .collect();
        let cuts = squares
            .iter()
            .map(|square| square.cut(picture))
            .collect::<Result<Vec<_>>>()?;
        let upright = central_faces(networks, &cuts)?;
        for ((square, cut), upright) in squares.iter().zip(&cuts).zip(upright) {
            let upright_score = upright.map_or(0.0, |face| face.score);
            let mut best = upright
                .filter(|face| face.score >= LEAST_SCORE)
                .map(|face| (face, 0));
            if upright_score < SURELY_UPRIGHT {
                let turned = [
                    imageops::rotate90(cut),
                    imageops::rotate180(cut),
                    imageops::rotate270(cut),
                ];
                let least = LEAST_TURNED_SCORE.max(upright_score + TURNED_BETTER);
                best = central_faces(networks, &turned)?
                    .into_iter()
                    .zip(1..)
                    .filter_map(|(face, turns)| Some((face?, turns)))
                    .filter(|(face, _)| face.score >= least)
                    .max_by(|a, b| a.0.score.total_cmp(&b.0.score))
                    .or(best);
            }
            let face = best.map(|(face, turns)| square.face_from_cut(&face, turns));
            found.push(face.filter(|face| {
                let [_, _, w, h] = face.box_px;
                w.min(h) >= LEAST_SIDE_PX
            }));
        }
    }
    Ok(found)
}

/// The best face in the middle of each cut.
fn central_faces(networks: &Networks, cuts: &[RgbImage]) -> Result<Vec<Option<Detection>>> {
    let views = cuts
        .iter()
        .map(|cut| RgbView::new(SIDE as usize, SIDE as usize, cut.as_raw()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let is_central = |face: &Detection| {
        let [x, y, w, h] = face.box_px;
        [x + w / 2.0, y + h / 2.0]
            .iter()
            .all(|at| (at / SIDE as f32 - 0.5).abs() < OFF_CENTRE)
    };
    Ok(networks
        .detect(&views, LEAST_SCORE.min(LEAST_TURNED_SCORE) / 2.0)?
        .into_iter()
        .map(|faces| faces.into_iter().find(is_central))
        .collect())
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;

    /// A picture in which every pixel tells where it is.
    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]))
    }

    proptest! {
        /// What a turned cut shows at a point is what the picture shows where the point is said to
        /// lie: the colours of the gradient are its coordinates.
        #[test]
        fn points_of_a_turned_cut_lie_where_the_picture_shows_them(
            left in -40.0_f32..120.0,
            top in -40.0_f32..120.0,
            side in 40.0_f32..160.0,
            turns in 0_u8..4,
            x in 8_u32..SIDE - 8,
            y in 8_u32..SIDE - 8,
        ) {
            let square = Square { left, top, side };
            let cut = square.cut(&gradient(200, 180))?;
            let turned = match turns {
                0 => cut,
                1 => imageops::rotate90(&cut),
                2 => imageops::rotate180(&cut),
                _ => imageops::rotate270(&cut),
            };
            let centre = [x as f32 + 0.5, y as f32 + 0.5];
            let [px, py] = square.picture_from_cut(centre, turns);
            let Rgb([red, green, blue]) = *turned.get_pixel(x, y);
            let inside = (3.0..197.0).contains(&px) && (3.0..177.0).contains(&py);
            let outside = !(-3.0..203.0).contains(&px) || !(-3.0..183.0).contains(&py);
            if inside {
                prop_assert!((f32::from(red) + 0.5 - px).abs() < 1.6, "{red} {px}");
                prop_assert!((f32::from(green) + 0.5 - py).abs() < 1.6, "{green} {py}");
            }
            if outside {
                prop_assert_eq!(blue, 0);
            }
        }
    }

    #[test]
    fn a_square_beyond_the_picture_is_black() {
        let square = Square {
            left: 500.0,
            top: -900.0,
            side: 100.0,
        };
        let cut = square.cut(&gradient(50, 50)).unwrap();
        assert!(cut.pixels().all(|pixel| pixel.0 == [0; 3]));
    }
}
