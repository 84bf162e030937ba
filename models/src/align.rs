//! A face is shown to the network in two ways that err differently: cut out by its landmarks, and
//! cut out by its box and mirrored.

use crate::{CROP_SIDE, Crop, RgbView};

/// The landmarks of ArcFace's template, at pixel centres of 112 x 112 (insightface,
/// `arcface_dst`).
const ARCFACE_112: [[f64; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];
/// The share of the crop that the template spans. 0.95 gave FaceNet its best accuracy on LFW of
/// the crops by landmarks that were tried.
const TEMPLATE_SHARE: f64 = 0.95;
/// How many times as wide and high as the box the crop by the box is.
const BOX_ROOM: f64 = 1.15;
/// The most samples along a side of a crop's pixel: a face of 5,000 pixels.
const MOST_SAMPLES: f64 = 32.0;

/// The two views of a face of which the [`Embedder`](crate::Embedder) takes the mean: cut out by
/// the landmarks, and by the box and mirrored. On LFW View 1 (`pairsDevTrain`, onnxruntime) they
/// give 99.68 %, a crop by landmarks and its own mirror image 99.50 %, at the same cost.
///
/// `box_px` is `[x, y, w, h]`, and `landmarks_px` are `[x, y]`: left eye, right eye, nose, left
/// and right mouth corner; both in pixels of the image (the first pixel covers 0 to 1).
#[must_use]
pub fn views(image: RgbView, box_px: &[f32; 4], landmarks_px: &[[f32; 2]; 5]) -> [Crop; 2] {
    [
        by_landmarks(image, landmarks_px),
        by_box(image, box_px, quarter_turns(landmarks_px)).mirrored(),
    ]
}

/// Cuts a face out: the similarity transform (turn, uniform scale, shift) that brings its landmarks
/// nearest to the template in the least squares (Umeyama 1991). Where they all coincide the scale
/// is kept and the crop lies around them; where one is no finite number, the crop shows nothing.
fn by_landmarks(image: RgbView, landmarks_px: &[[f32; 2]; 5]) -> Crop {
    let image_from_crop = Similarity::fit(&template(), &landmarks_px.map(|p| p.map(f64::from)));
    let step = image_from_crop.scale();
    cut(image, [step, step], |point| image_from_crop.apply(point))
}

/// Cuts the box out with some room around it, stretched to a square, and turned upright.
fn by_box(image: RgbView, box_px: &[f32; 4], quarter_turns: u8) -> Crop {
    let [x, y, w, h] = box_px.map(f64::from);
    let step = [w, h].map(|side| side * BOX_ROOM / CROP_SIDE as f64);
    let middle = [x + w / 2.0, y + h / 2.0];
    cut(image, step, |point| {
        let [right, down] = point.map(|v| v - CROP_SIDE as f64 / 2.0);
        let [right, down] = match quarter_turns {
            0 => [right, down],
            1 => [-down, right],
            2 => [-right, -down],
            _ => [down, -right],
        };
        [middle[0] + right * step[0], middle[1] + down * step[1]]
    })
}

/// How often the face is turned clockwise by 90 degrees, to the nearest.
fn quarter_turns(landmarks_px: &[[f32; 2]; 5]) -> u8 {
    let [left_eye, right_eye, _, left_mouth, right_mouth] = landmarks_px;
    let down =
        [0, 1].map(|axis| left_mouth[axis] + right_mouth[axis] - left_eye[axis] - right_eye[axis]);
    // Upright, the mouth is below the eyes; turned clockwise by 90 degrees, to their left.
    if down[1].abs() >= down[0].abs() {
        if down[1] >= 0.0 { 0 } else { 2 }
    } else if down[0] < 0.0 {
        1
    } else {
        3
    }
}

/// The crop whose points lie in the image where `image_from_crop` says, with the mean over each of
/// the crop's pixels where the image is shrunk. Beyond the border the border's pixels are repeated.
/// `step` is how wide and high one of the crop's pixels is in the image.
fn cut(image: RgbView, step: [f64; 2], image_from_crop: impl Fn([f64; 2]) -> [f64; 2]) -> Crop {
    // Where within a pixel the samples lie: evenly, around its centre. As many along both sides,
    // so that a quarter turn changes nothing.
    let samples = step[0].max(step[1]).ceil().clamp(1.0, MOST_SAMPLES) as usize;
    let within: Vec<f64> = (0..samples)
        .map(|i| (i as f64 + 0.5) / samples as f64)
        .collect();
    let mut pixels = Vec::with_capacity(3 * CROP_SIDE * CROP_SIDE);
    for y in 0..CROP_SIDE {
        for x in 0..CROP_SIDE {
            let mut sum = [0.0f32; 3];
            for dy in &within {
                for dx in &within {
                    let point = image_from_crop([x as f64 + dx, y as f64 + dy]);
                    add_bilinear(image, point, &mut sum);
                }
            }
            let count = (samples * samples) as f32;
            pixels.extend(sum.map(|v| (v / count).round() as u8));
        }
    }
    Crop::of_side(pixels)
}

/// The template in pixels of the crop.
fn template() -> [[f64; 2]; 5] {
    let side = CROP_SIDE as f64;
    ARCFACE_112.map(|p| p.map(|v| ((v + 0.5) / 112.0 - 0.5) * TEMPLATE_SHARE * side + side / 2.0))
}

/// `[x, y]` to `[a x - b y, b x + a y] + shift`.
#[derive(Clone, Copy, Debug)]
struct Similarity {
    a: f64,
    b: f64,
    shift: [f64; 2],
}

impl Similarity {
    /// The one that brings `from` nearest to `to` in the least squares.
    ///
    /// In the plane Umeyama's singular value decomposition has this closed form, and a reflection
    /// cannot come out of it.
    fn fit(from: &[[f64; 2]; 5], to: &[[f64; 2]; 5]) -> Self {
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (from, to) in from.iter().zip(to) {
            let [x, y] = [from[0] - from_mean[0], from[1] - from_mean[1]];
            let [u, v] = [to[0] - to_mean[0], to[1] - to_mean[1]];
            dot += x * u + y * v;
            cross += x * v - y * u;
            spread += x * x + y * y;
        }
        let (a, b) = if dot == 0.0 && cross == 0.0 {
            (1.0, 0.0)
        } else {
            (dot / spread, cross / spread)
        };
        let turned = [
            a * from_mean[0] - b * from_mean[1],
            b * from_mean[0] + a * from_mean[1],
        ];
        Self {
            a,
            b,
            shift: [to_mean[0] - turned[0], to_mean[1] - turned[1]],
        }
    }

    fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            self.a * x - self.b * y + self.shift[0],
            self.b * x + self.a * y + self.shift[1],
        ]
    }

    fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }
}

fn mean(points: &[[f64; 2]; 5]) -> [f64; 2] {
    [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / points.len() as f64)
}

/// Adds the image's colour at a point, between the four pixel centres around it.
fn add_bilinear(image: RgbView, point: [f64; 2], sum: &mut [f32; 3]) {
    let axis = |v: f64, side: usize| {
        let v = (v - 0.5).clamp(0.0, (side - 1) as f64);
        let low = v as usize;
        (low, (low + 1).min(side - 1), (v - low as f64) as f32)
    };
    let (left, right, fx) = axis(point[0], image.width());
    let (top, bottom, fy) = axis(point[1], image.height());
    let at = |x: usize, y: usize| &image.pixels()[3 * (y * image.width() + x)..][..3];
    let (tl, tr, bl, br) = (
        at(left, top),
        at(right, top),
        at(left, bottom),
        at(right, bottom),
    );
    for (channel, sum) in sum.iter_mut().enumerate() {
        let above = f32::from(tl[channel]) * (1.0 - fx) + f32::from(tr[channel]) * fx;
        let below = f32::from(bl[channel]) * (1.0 - fx) + f32::from(br[channel]) * fx;
        *sum += above * (1.0 - fy) + below * fy;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A similarity transform that turns by `angle` and scales by `scale`.
    fn similarity(angle: f64, scale: f64, shift: [f64; 2]) -> Similarity {
        Similarity {
            a: scale * angle.cos(),
            b: scale * angle.sin(),
            shift,
        }
    }

    fn inverse(of: Similarity, [u, v]: [f64; 2]) -> [f64; 2] {
        let [u, v] = [u - of.shift[0], v - of.shift[1]];
        let square = of.scale().powi(2);
        [
            (of.a * u + of.b * v) / square,
            (of.a * v - of.b * u) / square,
        ]
    }

    /// An image of 400 x 400 whose colour at a point is that of slow waves at the point's place in
    /// the crop.
    fn waves(image_from_crop: Similarity) -> Vec<u8> {
        let side = 0..400;
        let pixels = side.clone().flat_map(|y| {
            side.clone().flat_map(move |x| {
                let [x, y] = inverse(image_from_crop, [f64::from(x) + 0.5, f64::from(y) + 0.5]);
                [(x / 23.0).sin(), (y / 17.0).cos(), ((x + y) / 29.0).sin()]
                    .map(|v| (128.0 + 100.0 * v).round() as u8)
            })
        });
        pixels.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_crop_is_the_same_however_the_face_lies(
            angle in -3.1f64..3.1,
            scale in 0.7f64..1.3,
            shift in [-10.0f64..10.0, -10.0f64..10.0],
        ) {
            // The crop's centre comes to lie near the image's, so that the crop is inside.
            let turned = similarity(angle, scale, [0.0, 0.0]).apply([80.0, 80.0]);
            let centred = [200.0 + shift[0] - turned[0], 200.0 + shift[1] - turned[1]];
            let image_from_crop = similarity(angle, scale, centred);
            let pixels = waves(image_from_crop);
            let image = RgbView::new(400, 400, &pixels).unwrap();
            let landmarks = template().map(|p| image_from_crop.apply(p).map(|v| v as f32));
            let crop = by_landmarks(image, &landmarks);

            let middle = |i: usize| i as f64 + 0.5;
            for y in 0..CROP_SIDE {
                for x in 0..CROP_SIDE {
                    let [px, py] = [middle(x), middle(y)];
                    let expected = [(px / 23.0).sin(), (py / 17.0).cos(), ((px + py) / 29.0).sin()]
                        .map(|v| 128.0 + 100.0 * v);
                    let found = &crop.pixels()[3 * (y * CROP_SIDE + x)..][..3];
                    for (found, expected) in found.iter().zip(expected) {
                        // Half a step of rounding twice, and a little of interpolation.
                        prop_assert!((f64::from(*found) - expected).abs() < 1.6);
                    }
                }
            }
        }

        #[test]
        fn the_fit_of_five_points_finds_their_transform(
            angle in -3.1f64..3.1,
            scale in 0.01f64..50.0,
            shift in [-1e4f64..1e4, -1e4f64..1e4],
        ) {
            let transform = similarity(angle, scale, shift);
            let moved = template().map(|p| transform.apply(p));
            let fit = Similarity::fit(&template(), &moved);
            for (from, to) in template().into_iter().zip(moved) {
                let [u, v] = fit.apply(from);
                prop_assert!((u - to[0]).hypot(v - to[1]) < 1e-7);
            }
        }

        #[test]
        fn no_landmarks_make_it_panic(
            landmarks in prop::array::uniform5(prop::array::uniform2(prop::num::f32::ANY)),
        ) {
            let image = RgbView::new(2, 1, &[0, 50, 100, 0, 50, 100]).unwrap();
            let crop = by_landmarks(image, &landmarks);
            let one_colour = crop.pixels().chunks(3).all(|pixel| pixel == [0, 50, 100]);
            prop_assert!(one_colour || !landmarks.as_flattened().iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn shrinking_gives_the_mean() {
        // A board of single black and white pixels, eight to a pixel of the crop.
        let side = 8 * CROP_SIDE;
        let pixels: Vec<u8> = (0..side * side)
            .flat_map(|i| {
                [if (i / side + i % side).is_multiple_of(2) {
                    0
                } else {
                    255
                }; 3]
            })
            .collect();
        let landmarks = template().map(|p| p.map(|v| 8.0 * v as f32));
        let crop = by_landmarks(RgbView::new(side, side, &pixels).unwrap(), &landmarks);
        assert!(crop.pixels().iter().all(|v| (126..=129).contains(v)));
    }

    #[test]
    fn the_border_is_repeated() {
        let pixels = [[10, 20, 30], [200, 210, 220]].concat();
        // Far right of an image of two pixels.
        let landmarks = template().map(|p| [p[0] as f32 + 1000.0, p[1] as f32]);
        let crop = by_landmarks(RgbView::new(2, 1, &pixels).unwrap(), &landmarks);
        assert!(
            crop.pixels()
                .chunks(3)
                .all(|pixel| pixel == [200, 210, 220])
        );
    }

    /// A face turned by quarters shows the same two views as the upright one.
    #[test]
    fn a_face_on_its_side_looks_as_upright() {
        let side = 400;
        let upright: Vec<[u8; 3]> = (0..side * side)
            .map(|i| {
                let (x, y) = ((i % side) as f64, (i / side) as f64);
                [
                    (x / 31.0).sin(),
                    (y / 23.0).cos(),
                    ((x + 2.0 * y) / 41.0).sin(),
                ]
                .map(|v| (128.0 + 100.0 * v) as u8)
            })
            .collect();
        let landmarks = [
            [170.0, 170.0],
            [230.0, 172.0],
            [201.0, 205.0],
            [178.0, 240.0],
            [225.0, 241.0],
        ];
        let face_box = [150.0, 130.0, 100.0, 140.0];
        let mut pixels = upright;
        let (mut landmarks, mut face_box) = (landmarks, face_box);
        let expected = views(
            RgbView::new(side, side, pixels.as_flattened()).unwrap(),
            &face_box,
            &landmarks,
        );
        for _ in 0..3 {
            // Clockwise: what was at (x, y) is now at (side - y, x).
            pixels = (0..side * side)
                .map(|i| pixels[(side - 1 - i % side) * side + i / side])
                .collect();
            let turned = |[x, y]: [f32; 2]| [side as f32 - y, x];
            landmarks = landmarks.map(turned);
            let [x, y, w, h] = face_box;
            let [right, top] = turned([x, y]);
            face_box = [right - h, top, h, w];
            let found = views(
                RgbView::new(side, side, pixels.as_flattened()).unwrap(),
                &face_box,
                &landmarks,
            );
            for (found, expected) in found.iter().zip(&expected) {
                let furthest = found
                    .pixels()
                    .iter()
                    .zip(expected.pixels())
                    .map(|(a, b)| a.abs_diff(*b))
                    .max();
                // Rounding alone differs.
                assert!(furthest <= Some(1), "{furthest:?}");
            }
        }
    }

    /// Without room around it and unturned, the crop by the box is the box.
    #[test]
    fn the_box_is_stretched_to_the_crop() {
        let (width, height) = (300, 200);
        let pixels: Vec<u8> = (0..width * height)
            .flat_map(|i| [(i % width) as u8, (i / width) as u8, 7])
            .collect();
        let image = RgbView::new(width, height, &pixels).unwrap();
        let crop = by_box(image, &[100.0, 50.0, 80.0, 100.0], 0);
        // The middle of the crop shows the middle of the box, its left end the box's and 7.5 % more.
        let at = |x: usize, y: usize| &crop.pixels()[3 * (y * CROP_SIDE + x)..][..2];
        assert!(at(80, 80)[0].abs_diff(140) <= 1 && at(80, 80)[1].abs_diff(100) <= 1);
        assert!(at(0, 0)[0].abs_diff(94) <= 1 && at(0, 0)[1].abs_diff(43) <= 1);
        assert!(at(159, 159)[0].abs_diff(186) <= 1 && at(159, 159)[1].abs_diff(157) <= 1);
    }
}
