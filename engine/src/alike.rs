//! Photos that are nearly one: copies in another size, format or quality, and shots taken within
//! seconds of each other.
//!
//! A [`Look`] is a photo seen from far away, as 16×16 grey cells. Copies have the same look, to a grey
//! level; two shots of one moment have nearly the same. Never are all pairs compared: shots are
//! compared with the few taken just before, and copies with those that share a part of the look in
//! coarse strokes, of these with those that are as bright.

use std::collections::{BTreeMap, HashMap};

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use jiff::civil::DateTime;

use crate::PhotoId;
use crate::photo::Alignment;

/// Cells along each side of a look.
const CELLS: usize = 16;
/// Two photos are copies when their cells differ by at most this on average, in grey levels, …
const COPY: f32 = 3.0;
/// … and by at most this share of the photo's own contrast: two pages of text are both white.
const COPY_OF_CONTRAST: f32 = 0.08;
/// Widths over heights of copies differ by at most this share: what rounding to pixels makes of a
/// small picture.
const SAME_SHAPE: f32 = 0.02;
/// Shots of one moment are at most so many seconds apart, …
const MOMENT: i64 = 5;
/// … with less than so many shots between them, of something else perhaps, …
const SHOTS_BEFORE: usize = 4;
/// … and differ by at most this on average, in grey levels, …
const SHOT: f32 = 18.0;
/// … and by this share of the contrast.
const SHOT_OF_CONTRAST: f32 = 0.5;

/// The parts of a look that are compared in coarse strokes.
const BANDS: usize = 4;
/// A stroke is seen where two halves differ by more than this: less changes from copy to copy.
const STROKE: i32 = 4;
/// Of those that share a part, so many are compared with each, those as bright first.
const MOST_COMPARED: usize = 64;

/// How a photo looks from far away.
#[derive(Clone, PartialEq, Eq)]
pub struct Look(pub [u8; CELLS * CELLS]);

impl Look {
    /// That of upright pixels; none where there are none.
    #[must_use]
    pub fn of(pixels: &RgbImage) -> Option<Self> {
        let mut small = RgbImage::new(CELLS as u32, CELLS as u32);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
        Resizer::new().resize(pixels, &mut small, &options).ok()?;
        // Rec. 601: how bright red, green and blue are seen, of 256.
        let grey = |pixel: &image::Rgb<u8>| {
            let [r, g, b] = pixel.0.map(u32::from);
            ((77 * r + 150 * g + 29 * b + 128) >> 8) as u8
        };
        let mut cells = [0; CELLS * CELLS];
        for (cell, pixel) in cells.iter_mut().zip(small.pixels()) {
            *cell = grey(pixel);
        }
        Some(Self(cells))
    }

    /// Correlation of brightness with another look, −1 to 1, where `alignment` maps that to this one; none where less
    /// than half of it lies inside, or one of them is plain.
    #[must_use]
    pub fn correlation(&self, other: &Self, alignment: &Alignment) -> Option<f32> {
        let side = CELLS as f32;
        let mut pairs: Vec<[f32; 2]> = Vec::with_capacity(CELLS * CELLS);
        for (at, cell) in other.0.iter().enumerate() {
            let [x, y] = [at % CELLS, at / CELLS].map(|at| at as f32 / side);
            let [x, y, w, h] = alignment.map([x, y, 1.0 / side, 1.0 / side]);
            let [x, y] = [x + w / 2.0, y + h / 2.0].map(|at| at * side - 0.5);
            let inside = -0.5..side - 0.5;
            if inside.contains(&x) && inside.contains(&y) {
                pairs.push([self.at(x, y), f32::from(*cell)]);
            }
        }
        if pairs.len() * 2 < CELLS * CELLS {
            return None;
        }
        let count = pairs.len() as f32;
        let mean = [0, 1].map(|of| pairs.iter().map(|pair| pair[of]).sum::<f32>() / count);
        let sum = |one: usize, other: usize| -> f32 {
            let products = pairs
                .iter()
                .map(|pair| (pair[one] - mean[one]) * (pair[other] - mean[other]));
            products.sum::<f32>() / count
        };
        let spread = (sum(0, 0) * sum(1, 1)).sqrt();
        // A plain wall correlates with anything.
        (spread >= 1.0).then(|| sum(0, 1) / spread)
    }

    /// Brightness between the centres of cells, by bilinear interpolation.
    fn at(&self, x: f32, y: f32) -> f32 {
        let last = (CELLS - 1) as f32;
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let cell = |x: f32, y: f32| f32::from(self.0[y as usize * CELLS + x as usize]);
        let (left, top) = (x.floor(), y.floor());
        let (right, below) = (x.ceil(), y.ceil());
        let (along, down) = (x - left, y - top);
        let upper = cell(left, top) * (1.0 - along) + cell(right, top) * along;
        let lower = cell(left, below) * (1.0 - along) + cell(right, below) * along;
        upper * (1.0 - down) + lower * down
    }

    /// Mean difference of the cells, in grey levels.
    #[must_use]
    pub fn apart(&self, other: &Self) -> f32 {
        let pairs = self.0.iter().zip(&other.0);
        let sum: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        sum as f32 / self.0.len() as f32
    }

    fn brightness(&self) -> u32 {
        self.0.iter().map(|cell| u32::from(*cell)).sum()
    }

    /// Mean difference of the cells from their mean, in grey levels.
    fn contrast(&self) -> f32 {
        let mean = self.brightness() as f32 / self.0.len() as f32;
        let off = self.0.iter().map(|cell| (f32::from(*cell) - mean).abs());
        off.sum::<f32>() / self.0.len() as f32
    }

    /// Whether the cells differ by at most so much, in grey levels and of the lesser contrast.
    fn within(&self, other: &Self, levels: f32, of_contrast: f32) -> bool {
        let apart = self.apart(other);
        apart <= levels && apart <= of_contrast * self.contrast().min(other.contrast())
    }

    /// For each part two rows of strokes of the look at half its size: where it grows brighter to
    /// the right.
    fn bands(&self) -> [u16; BANDS] {
        const HALF: usize = CELLS / 2;
        let cell = |x: usize, y: usize| -> i32 {
            let at = |x, y| i32::from(self.0[y * CELLS + x]);
            let (x, y) = (2 * x, 2 * y);
            (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4
        };
        std::array::from_fn(|band| {
            let rows = band * HALF / BANDS..(band + 1) * HALF / BANDS;
            let strokes = rows.flat_map(|y| (1..HALF).map(move |x| (x, y)));
            strokes.fold(0, |bits, (x, y)| {
                bits << 1 | u16::from(cell(x, y) - cell(x - 1, y) > STROKE)
            })
        })
    }
}

impl std::fmt::Debug for Look {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brightness = self.brightness();
        write!(formatter, "Look of brightness {brightness}")
    }
}

/// A photo as it is compared with others.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The photo.
    pub photo: PhotoId,
    /// BLAKE3 of its file.
    pub content: [u8; 32],
    /// Upright width and height in pixels of the file.
    pub size: [u32; 2],
    /// When it was taken, where its header tells.
    pub taken_at: Option<DateTime>,
    /// Maker and model of the camera.
    pub camera: Option<&'a str>,
    /// None where it has not been looked at.
    pub look: Option<&'a Look>,
}

/// The photos that are nearly one, as stacks of two and more; each in the order given, and so the
/// stacks, by their first photos.
#[must_use]
pub fn stacks(photos: &[Shown<'_>]) -> Vec<Vec<PhotoId>> {
    let mut sets = Sets::of(photos.len());
    same_content(photos, &mut sets);
    shots_of_a_moment(photos, &mut sets);
    copies(photos, &mut sets);
    let mut stacks: BTreeMap<usize, Vec<PhotoId>> = BTreeMap::new();
    for (at, photo) in photos.iter().enumerate() {
        stacks.entry(sets.first(at)).or_default().push(photo.photo);
    }
    stacks
        .into_values()
        .filter(|stack| stack.len() > 1)
        .collect()
}

fn same_content(photos: &[Shown<'_>], sets: &mut Sets) {
    let mut first_with: HashMap<[u8; 32], usize> = HashMap::new();
    for (at, photo) in photos.iter().enumerate() {
        let first = *first_with.entry(photo.content).or_insert(at);
        sets.join(first, at);
    }
}

fn shots_of_a_moment(photos: &[Shown<'_>], sets: &mut Sets) {
    let mut taken: Vec<(Option<&str>, [u32; 2], DateTime, usize)> = photos
        .iter()
        .enumerate()
        .filter_map(|(at, photo)| Some((photo.camera, photo.size, photo.taken_at?, at)))
        .collect();
    taken.sort_unstable();
    for (at, (camera, size, after, b)) in taken.iter().enumerate() {
        for (other, other_size, before, a) in taken[..at].iter().rev().take(SHOTS_BEFORE) {
            let (Some(look_a), Some(look_b)) = (photos[*a].look, photos[*b].look) else {
                continue;
            };
            let since = after.duration_since(*before).as_secs();
            if (camera, size) == (other, other_size)
                && since <= MOMENT
                && look_a.within(look_b, SHOT, SHOT_OF_CONTRAST)
            {
                sets.join(*a, *b);
            }
        }
    }
}

fn copies(photos: &[Shown<'_>], sets: &mut Sets) {
    let mut looks: Vec<(usize, &Look, u32, [u16; BANDS])> = photos
        .iter()
        .enumerate()
        .filter_map(|(at, photo)| {
            let look = photo.look?;
            Some((at, look, look.brightness(), look.bands()))
        })
        .collect();
    // As many cells as there are may each be so much brighter.
    let brighter = (COPY * (CELLS * CELLS) as f32) as u32;
    for band in 0..BANDS {
        looks.sort_unstable_by_key(|(at, _, brightness, bands)| (bands[band], *brightness, *at));
        for (from, (a, look, brightness, bands)) in looks.iter().enumerate() {
            let near = looks[from + 1..].iter().take(MOST_COMPARED);
            let near = near.take_while(|(_, _, other, others)| {
                others[band] == bands[band] && other - brightness <= brighter
            });
            for (b, other, ..) in near {
                if sets.first(*a) != sets.first(*b)
                    && same_shape(photos[*a].size, photos[*b].size)
                    && look.within(other, COPY, COPY_OF_CONTRAST)
                {
                    sets.join(*a, *b);
                }
            }
        }
    }
}

fn same_shape(a: [u32; 2], b: [u32; 2]) -> bool {
    let shape = |[width, height]: [u32; 2]| width as f32 / height.max(1) as f32;
    (shape(a) / shape(b).max(f32::MIN_POSITIVE) - 1.0).abs() <= SAME_SHAPE
}

/// Sets that are joined; each is called by its first member.
struct Sets {
    towards: Vec<usize>,
}

impl Sets {
    fn of(members: usize) -> Self {
        let towards = (0..members).collect();
        Self { towards }
    }

    fn first(&mut self, mut member: usize) -> usize {
        while self.towards[member] != member {
            self.towards[member] = self.towards[self.towards[member]];
            member = self.towards[member];
        }
        member
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.towards[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use image::imageops;

    use super::*;

    #[test]
    fn a_look_correlates_with_that_of_a_crop_where_it_lies_and_not_with_another() {
        let sample = |name: &str| {
            let photos = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos/");
            image::open(format!("{photos}{name}")).unwrap().into_rgb8()
        };
        let whole = sample("obama.jpg");
        let (width, height) = whole.dimensions();
        let crop = imageops::crop_imm(&whole, width / 8, 0, width * 3 / 4, height * 3 / 4);
        let crop = Look::of(&imageops::brighten(&crop.to_image(), 20)).unwrap();
        let at = Alignment::of_boxes([0.0, 0.0, 1.0, 1.0], [0.125, 0.0, 0.75, 0.75]);
        let correlation = |name: &str, at: &Alignment| {
            let look = Look::of(&sample(name)).unwrap();
            look.correlation(&crop, at).unwrap()
        };
        assert!(correlation("obama.jpg", &at) > 0.95);
        let elsewhere = Alignment::of_boxes([0.0, 0.0, 1.0, 1.0], [0.0, 0.25, 0.75, 0.75]);
        assert!(correlation("obama.jpg", &elsewhere) < 0.8);
        assert!(correlation("obama2.jpg", &at) < 0.8);
        // Where it lies beside the other there is nothing to compare.
        let beside = Alignment::of_boxes([0.0, 0.0, 1.0, 1.0], [0.8, 0.8, 0.75, 0.75]);
        assert_eq!(crop.correlation(&crop, &beside), None);
    }
}
