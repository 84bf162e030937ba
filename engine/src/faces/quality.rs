//! How well a found face can be recognised: surely a face, in enough pixels, sharp, turned to the
//! camera.
//!
//! A face of poor quality founds no group, and the face of a person that is shown is the best one.
//! It does not shift distances: on top of the library's metric, which learns of every face how
//! near it comes to strangers, neither score nor sharpness nor pose told more.

use kith_models::{CROP_SIDE, Crop};

/// From this size on, a face loses nothing by being small; side of the box in pixels.
const CLEAR_SIDE: f32 = 50.0;
/// The part of the crop that is face, from this pixel on, at every side.
const MARGIN: usize = 20;
/// Length of the blur that a face is compared with, in pixels of the crop (Crété et al. 2007, 3.1).
const BLUR: usize = 9;
/// From this share of its contrast that a blur takes away, a face is sharp: 98 of 100 faces of LFW
/// are.
const SHARP: f32 = 0.33;

/// 0 to 1. `landmarks` as in [`super::FoundFace`], in any unit that is as long across as down.
pub(super) fn quality(score: f32, side_px: f32, landmarks: &[[f32; 2]; 5], crop: &Crop) -> f32 {
    let small = (side_px / CLEAR_SIDE).min(1.0);
    let blurred = (sharpness(crop) / SHARP).min(1.0);
    // A small face is blurred once it is enlarged: that is one flaw, not two.
    score * small.min(blurred) * (1.0 - turned_away(landmarks))
}

/// The share of the differences between neighbours that a further blur takes away, along the axis
/// where it takes less: what is blurred already loses little (Crété, Dolmiere, Ladret, Nicolas
/// 2007, "The blur effect").
fn sharpness(crop: &Crop) -> f32 {
    let side = CROP_SIDE - 2 * MARGIN;
    let pixels = crop.pixels();
    let luma = |x: usize, y: usize| {
        let at = 3 * ((y + MARGIN) * CROP_SIDE + x + MARGIN);
        f32::from(pixels[at]) + f32::from(pixels[at + 1]) + f32::from(pixels[at + 2])
    };
    let lost = |value: &dyn Fn(usize, usize) -> f32| {
        let (mut all, mut lost) = (0.0, 0.0);
        for line in 0..side {
            let values: Vec<f32> = (0..side).map(|at| value(line, at)).collect();
            let means: Vec<f32> = values
                .windows(BLUR)
                .map(|near| near.iter().sum::<f32>() / BLUR as f32)
                .collect();
            for (sharp, soft) in values[BLUR / 2..].windows(2).zip(means.windows(2)) {
                let before = (sharp[1] - sharp[0]).abs();
                all += before;
                lost += (before - (soft[1] - soft[0]).abs()).max(0.0);
            }
        }
        if all > 0.0 { lost / all } else { 0.0 }
    };
    lost(&|line, at| luma(at, line)).min(lost(&|line, at| luma(line, at)))
}

/// 0 for a face seen from the front, towards 1 for a profile: how far the nose lies beside the line
/// from between the eyes to the middle of the mouth, as a part of that line's length.
fn turned_away([left_eye, right_eye, nose, left_mouth, right_mouth]: &[[f32; 2]; 5]) -> f32 {
    let between = |a: &[f32; 2], b: &[f32; 2]| [0, 1].map(|axis| f32::midpoint(a[axis], b[axis]));
    let eyes = between(left_eye, right_eye);
    let mouth = between(left_mouth, right_mouth);
    let line = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
    let squared = line[0] * line[0] + line[1] * line[1];
    if squared <= 0.0 {
        return 1.0;
    }
    let beside = line[0] * (nose[1] - eyes[1]) - line[1] * (nose[0] - eyes[0]);
    (beside / squared).abs().min(1.0)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage, imageops};

    use super::*;
    use crate::faces::FaceFinder;

    const FRONT: [[f32; 2]; 5] = [
        [30.0, 40.0],
        [70.0, 40.0],
        [50.0, 60.0],
        [35.0, 80.0],
        [65.0, 80.0],
    ];

    fn quality_of_best(finder: &FaceFinder, photo: &RgbImage) -> f32 {
        finder.find(photo).expect("the networks run")[0].quality
    }

    #[test]
    fn a_turned_face_is_turned_however_the_photo_lies() {
        assert!(turned_away(&FRONT) < 1e-6);
        let mut profile = FRONT;
        profile[2][0] = 20.0;
        let lying = profile.map(|[x, y]| [-y, x]);
        assert!((turned_away(&profile) - 0.75).abs() < 1e-6);
        assert!((turned_away(&lying) - 0.75).abs() < 1e-6);
    }

    #[test]
    fn landmarks_in_one_point_have_no_quality() {
        let crop = Crop::from_rgb(vec![7; 3 * CROP_SIDE * CROP_SIDE]).expect("a crop");
        assert!(quality(0.9, 80.0, &[[3.0, 3.0]; 5], &crop).abs() < 1e-6);
    }

    #[test]
    fn a_blurred_or_small_photo_has_less_quality() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos/obama.jpg");
        let photo = image::open(file).expect("a photo").into_rgb8();
        let finder = FaceFinder::load().expect("the networks");
        let clear = quality_of_best(&finder, &photo);
        let blurred = quality_of_best(&finder, &imageops::blur(&photo, 8.0));
        let tiny = DynamicImage::ImageRgb8(photo)
            .thumbnail(100, 100)
            .into_rgb8();
        let small = quality_of_best(&finder, &tiny);
        assert!(clear > 0.7, "{clear}");
        assert!(blurred < 0.75 * clear, "{blurred} of {clear}");
        assert!(small < 0.75 * clear, "{small} of {clear}");
    }
}
