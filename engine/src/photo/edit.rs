//! Tells whether one picture is an edit of another: cropped, turned, mirrored, resized or recoloured.
//!
//! The smaller view is searched in the larger one by normalised cross-correlation (Lewis, "Fast Normalized
//! Cross-Correlation", 1995) over scales and places, first coarsely and then more finely around the best.

use image::RgbImage;
use image::imageops::{self, FilterType};

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

/// Whether one of two upright pictures shows the other, or a part of it.
#[must_use]
pub fn is_edit(one: &RgbImage, other: &RgbImage) -> bool {
    let shrunk = |pixels: &RgbImage| {
        let (width, height) = pixels.dimensions();
        let scale = (SHRUNK as f32 / width.max(height).max(1) as f32).min(1.0);
        let scaled = |side: u32| ((side as f32 * scale) as u32).max(2);
        imageops::thumbnail(pixels, scaled(width), scaled(height))
    };
    let (one, other) = (&shrunk(one), &shrunk(other));
    let turned = [
        other.clone(),
        imageops::rotate90(other),
        imageops::rotate180(other),
        imageops::rotate270(other),
    ];
    let mirrored = turned.iter().map(imageops::flip_horizontal);
    turned
        .iter()
        .cloned()
        .chain(mirrored)
        .any(|other| is_part(one, &other) || is_part(&other, one))
}

/// Whether `part` shows a part of `whole`, or all of it.
fn is_part(whole: &RgbImage, part: &RgbImage) -> bool {
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
    places.iter().any(|(found, scale, x, y)| {
        *found > LEAST_COARSE_CORRELATION
            && best_near(&fine, part, *scale, *x, *y) >= LEAST_CORRELATION
    })
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

/// The best correlation at scales and places near to those of the coarse search.
fn best_near(whole: &Grey, part: &RgbImage, scale: f32, x: f32, y: f32) -> f32 {
    const AROUND: isize = (FINE / COARSE) as isize;
    let mut best = 0.0_f32;
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
                if x + small.width <= whole.width && y + small.height <= whole.height {
                    best = best.max(whole.correlation(&small, x, y));
                }
            }
        }
    }
    best
}
