//! Tells whether one picture is an edit of another (cropped, turned, mirrored, resized or recoloured), and maps
//! points of one to the other.
//!
//! The smaller view is searched in the larger one by normalised cross-correlation (Lewis, "Fast Normalized
//! Cross-Correlation", 1995) over scales and places, first coarsely and then more finely around the best.

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::Orientation;

/// Long side in cells of the picture that is searched, coarsely.
const COARSE: u32 = 40;
/// The same where the best place is looked at again.
const FINE: u32 = 120;
/// Long side in pixels to which both are brought first: twice [`FINE`].
const SHRUNK: u32 = 240;
/// A crop shows at least this share of the long side of what it was cut from.
const LEAST_SHARE: f32 = 0.3;
/// Scales tried, each so much smaller than the one before.
const SCALE_STEP: f32 = 0.94;
/// Edits correlate by at least so much at the fine size. Measured on press portraits of 250 pixels
/// (`cargo run --release --example measure_edits`): of crops to 60 to 95 % of each side, in other brightness and
/// contrast, saved anew, 100 of 100 are above, and as many of those turned by a quarter; of pairs of different
/// photos of one person, which all show a face in the middle, 0 of 60.
const LEAST_CORRELATION: f32 = 0.9;
/// Places of the coarse search that are looked at again.
const LOOKED_AT_AGAIN: usize = 3;
/// Places that correlate less coarsely are not looked at again.
const LEAST_COARSE_CORRELATION: f32 = 0.65;

/// Brightness in cells, row by row.
#[derive(Clone)]
struct Grey {
    width: usize,
    height: usize,
    cells: Vec<f32>,
}

impl Grey {
    /// A picture with a long side of so many cells, at least 2 on the short one.
    fn of(pixels: &RgbImage, long_side: u32) -> Self {
        let (width, height) = pixels.dimensions();
        let scale = long_side as f32 / width.max(height).max(1) as f32;
        let cells = |side: u32| ((side as f32 * scale).round() as u32).max(2);
        Self::sized(pixels, cells(width), cells(height))
    }

    fn sized(pixels: &RgbImage, width: u32, height: u32) -> Self {
        let small = imageops::resize(pixels, width, height, FilterType::Triangle);
        // Rec. 601.
        let brightness = |pixel: &image::Rgb<u8>| {
            let [r, g, b] = pixel.0.map(f32::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        Self {
            width: width as usize,
            height: height as usize,
            cells: small.pixels().map(brightness).collect(),
        }
    }

    /// Correlation of `part` with this picture where the part's top left cell lies at (`x`, `y`), −1 to 1.
    fn correlation(&self, part: &Self, x: usize, y: usize) -> f32 {
        let mut sums = [0.0_f32; 5];
        for row in 0..part.height {
            let start = (y + row) * self.width + x;
            let here = &self.cells[start..start + part.width];
            let there = &part.cells[row * part.width..(row + 1) * part.width];
            for (a, b) in here.iter().zip(there) {
                sums[0] += a;
                sums[1] += b;
                sums[2] += a * a;
                sums[3] += b * b;
                sums[4] += a * b;
            }
        }
        let count = (part.width * part.height) as f32;
        let [a, b, aa, bb, ab] = sums.map(|sum| sum / count);
        let spread = ((aa - a * a).max(0.0) * (bb - b * b).max(0.0)).sqrt();
        // A plain wall correlates with anything.
        if spread < 1.0 {
            0.0
        } else {
            (ab - a * b) / spread
        }
    }
}

/// An affine map from points of one picture to points of another, both as fractions of the upright picture:
/// `x' = a·x + b·y + c` and `y' = d·x + e·y + f`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alignment([f32; 6]);

impl Alignment {
    /// Maps a picture that was rotated clockwise by so many quarter turns, and then mirrored if `mirrored`, to the
    /// picture as it was before.
    fn turned(quarters: usize, mirrored: bool) -> Self {
        let [a, b, c, d, e, f] = match quarters {
            0 => [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            1 => [0.0, 1.0, 0.0, -1.0, 0.0, 1.0],
            2 => [-1.0, 0.0, 1.0, 0.0, -1.0, 1.0],
            _ => [0.0, -1.0, 1.0, 1.0, 0.0, 0.0],
        };
        if mirrored {
            // Undoing the mirror comes first: `x` becomes `1 - x`.
            Self([-a, b, a + c, -d, e, d + f])
        } else {
            Self([a, b, c, d, e, f])
        }
    }

    /// Maps a picture with the orientation `now` to the same picture as it was with the orientation `before`.
    #[must_use]
    pub fn of_orientations(now: Orientation, before: Orientation) -> Self {
        let map = |point| before.upright_from_file(now.file_from_upright(point));
        let ([c, f], [ac, df], [bc, ef]) = (map([0.0, 0.0]), map([1.0, 0.0]), map([0.0, 1.0]));
        Self([ac - c, bc - c, c, df - f, ef - f, f])
    }

    /// Maps the box `from` to the box `to`, both `[x, y, w, h]`, by scaling and shifting.
    #[must_use]
    pub fn of_boxes(from: [f32; 4], to: [f32; 4]) -> Self {
        let (a, e) = (to[2] / from[2], to[3] / from[3]);
        Self([a, 0.0, to[0] - a * from[0], 0.0, e, to[1] - e * from[1]])
    }

    /// The composition: this map first, then the other.
    fn then(&self, other: &Self) -> Self {
        let Self([a, b, c, d, e, f]) = *self;
        let Self([g, h, i, j, k, l]) = *other;
        Self([
            g * a + h * d,
            g * b + h * e,
            g * c + h * f + i,
            j * a + k * d,
            j * b + k * e,
            j * c + k * f + l,
        ])
    }

    /// The inverse map.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let Self([a, b, c, d, e, f]) = *self;
        let size = a * e - b * d;
        let [a, b, d, e] = [e / size, -b / size, -d / size, a / size];
        Self([a, b, -(a * c + b * f), d, e, -(d * c + e * f)])
    }

    /// Maps a box `[x, y, w, h]`.
    #[must_use]
    pub fn map(&self, [x, y, w, h]: [f32; 4]) -> [f32; 4] {
        let Self([a, b, c, d, e, f]) = *self;
        let (x1, y1) = (a * x + b * y + c, d * x + e * y + f);
        let (w, h) = (a * w + b * h, d * w + e * h);
        [x1 + w.min(0.0), y1 + h.min(0.0), w.abs(), h.abs()]
    }
}

/// Maps the upright picture `other` to `one`, if one of the two shows the other, or a part of it.
#[must_use]
pub fn alignment(one: &RgbImage, other: &RgbImage) -> Option<Alignment> {
    let shrunk = |pixels: &RgbImage| {
        let (width, height) = pixels.dimensions();
        let scale = (SHRUNK as f32 / width.max(height).max(1) as f32).min(1.0);
        let scaled = |side: u32| ((side as f32 * scale) as u32).max(2);
        imageops::thumbnail(pixels, scaled(width), scaled(height))
    };
    let (one, other) = (&shrunk(one), &shrunk(other));
    // Each orientation of `other` is tried; the map goes from `other` over its rotated copy to `one`.
    let turned = [
        (other.clone(), 0),
        (imageops::rotate90(other), 1),
        (imageops::rotate180(other), 2),
        (imageops::rotate270(other), 3),
    ];
    [false, true].into_iter().find_map(|mirrored| {
        turned.iter().find_map(|(picture, quarters)| {
            let flipped;
            let picture = if mirrored {
                flipped = imageops::flip_horizontal(picture);
                &flipped
            } else {
                picture
            };
            let back = Alignment::turned(*quarters, mirrored).inverse();
            let placed = place(one, picture);
            let placed = placed.or_else(|| Some(place(picture, one)?.inverse()))?;
            Some(back.then(&placed))
        })
    })
}

/// Maps `part` to `whole`, if it shows a part of it, or all of it.
fn place(whole: &RgbImage, part: &RgbImage) -> Option<Alignment> {
    let coarse = Grey::of(whole, COARSE);
    let mut places: Vec<(f32, f32, f32, f32)> = Vec::new();
    let mut scale = 1.0_f32;
    while scale >= LEAST_SHARE {
        if let Some(small) = fitting(&coarse, part, scale, COARSE) {
            for y in 0..=coarse.height - small.height {
                for x in 0..=coarse.width - small.width {
                    let found = coarse.correlation(&small, x, y);
                    let at = |cell: usize| cell as f32 / COARSE as f32;
                    places.push((found, scale, at(x), at(y)));
                }
            }
        }
        scale *= SCALE_STEP;
    }
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    places.truncate(LOOKED_AT_AGAIN);
    let fine = Grey::of(whole, FINE);
    let best = places
        .iter()
        .filter(|(found, ..)| *found > LEAST_COARSE_CORRELATION)
        .map(|(_, scale, x, y)| best_near(&fine, part, *scale, *x, *y))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LEAST_CORRELATION).then_some(best.1)
}

/// The part with a long side of `scale` times that of the whole, where it fits into `whole` at all.
fn fitting(whole: &Grey, part: &RgbImage, scale: f32, long_side: u32) -> Option<Grey> {
    let (width, height) = part.dimensions();
    let long = width.max(height).max(1) as f32;
    let cells = |side: u32| ((side as f32 / long * scale * long_side as f32).round() as u32).max(2);
    let (width, height) = (cells(width), cells(height));
    let fits = width as usize <= whole.width && height as usize <= whole.height;
    // Of fewer cells, any two pictures correlate.
    (fits && width * height >= 36).then(|| Grey::sized(part, width, height))
}

/// The best correlation at scales and places near to those of the coarse search, with the map of the part to the
/// whole there.
fn best_near(whole: &Grey, part: &RgbImage, scale: f32, x: f32, y: f32) -> (f32, Alignment) {
    const AROUND: isize = (FINE / COARSE) as isize;
    let mut best = (0.0, Alignment([0.0; 6]));
    for step in -2..=2 {
        let scale = scale * (1.0 + 0.01 * step as f32);
        let Some(small) = fitting(whole, part, scale, FINE) else {
            continue;
        };
        let middle = |at: f32| (at * FINE as f32).round() as isize;
        for dy in -AROUND..=AROUND {
            for dx in -AROUND..=AROUND {
                let (x, y) = (middle(x) + dx, middle(y) + dy);
                let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
                    continue;
                };
                if x + small.width > whole.width || y + small.height > whole.height {
                    continue;
                }
                let found = whole.correlation(&small, x, y);
                if found > best.0 {
                    let share = |cells: usize, of: usize| cells as f32 / of as f32;
                    let (w, h) = (whole.width, whole.height);
                    let place = [
                        share(x, w),
                        share(y, h),
                        share(small.width, w),
                        share(small.height, h),
                    ];
                    best = (found, Alignment::of_boxes([0.0, 0.0, 1.0, 1.0], place));
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with a different grey everywhere.
    fn picture() -> RgbImage {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos/obama.jpg");
        image::open(sample).unwrap().into_rgb8()
    }

    fn near(one: [f32; 4], other: [f32; 4]) {
        let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 0.02, "{one:?} {other:?}");
    }

    #[test]
    fn boxes_are_found_in_edits_of_every_kind() {
        let whole = picture();
        let (width, height) = whole.dimensions();
        let face = [0.411, 0.077, 0.266, 0.297];
        // A tenth is cut off on the left, a fifth below.
        let (left, below) = (width / 10, height / 5);
        let crop = imageops::crop_imm(&whole, left, 0, width - left, height - below).to_image();
        let [x, y, w, h] = face;
        let (wide, high) = (
            1.0 - left as f32 / width as f32,
            1.0 - below as f32 / height as f32,
        );
        let in_crop = [(x - (1.0 - wide)) / wide, y / high, w / wide, h / high];
        near(alignment(&whole, &crop).unwrap().map(in_crop), face);
        near(alignment(&crop, &whole).unwrap().map(face), in_crop);
        let back = alignment(&crop, &whole).unwrap().inverse();
        near(back.map(in_crop), face);
        let turned = [
            (imageops::rotate90(&whole), [1.0 - y - h, x, h, w]),
            (
                imageops::rotate180(&whole),
                [1.0 - x - w, 1.0 - y - h, w, h],
            ),
            (imageops::rotate270(&whole), [y, 1.0 - x - w, h, w]),
            (imageops::flip_horizontal(&whole), [1.0 - x - w, y, w, h]),
            (
                imageops::flip_horizontal(&imageops::rotate90(&whole)),
                [y, x, h, w],
            ),
        ];
        for (edit, there) in turned {
            near(alignment(&whole, &edit).unwrap().map(there), face);
            near(alignment(&edit, &whole).unwrap().map(face), there);
        }
    }

    #[test]
    fn another_orientation_maps_faces_to_where_they_were() {
        let in_file = [0.1, 0.2, 0.3, 0.1];
        for (now, before) in (1..=8).flat_map(|now| (1..=8).map(move |before| (now, before))) {
            let (now, before) = (Orientation::from_tag(now), Orientation::from_tag(before));
            let map = Alignment::of_orientations(now, before);
            let there = before.upright_box_from_file(in_file);
            near(map.map(now.upright_box_from_file(in_file)), there);
        }
    }
}
