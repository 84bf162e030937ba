//! The eight ways in which a file's pixels can lie, and the way from the file to upright and back.
//!
//! Tag 0x0112 of EXIF 2.32, section 4.6.5: it names the side of the scene at which the file's row 0
//! and column 0 lie. As a map of fractions of the picture (x to the right, y down, 0 to 1), each of
//! the eight is an exchange of x and y followed by mirrored axes:
//!
//! | tag | row 0 | column 0 | upright (x, y) of file (x, y) |
//! | --- | --- | --- | --- |
//! | 1 | top | left | x, y |
//! | 2 | top | right | 1−x, y |
//! | 3 | bottom | right | 1−x, 1−y |
//! | 4 | bottom | left | x, 1−y |
//! | 5 | left | top | y, x |
//! | 6 | right | top | 1−y, x |
//! | 7 | right | bottom | 1−y, 1−x |
//! | 8 | left | bottom | y, 1−x |

use image::{RgbImage, imageops};

/// How a file's pixels lie: an EXIF orientation, 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// The file's pixels are upright as they are.
    pub const UPRIGHT: Self = Self(1);

    /// The orientation of an EXIF tag; a value that the standard does not know is upright.
    #[must_use]
    pub fn from_tag(tag: u32) -> Self {
        match u8::try_from(tag) {
            Ok(tag @ 1..=8) => Self(tag),
            _ => Self::UPRIGHT,
        }
    }

    /// The value of the EXIF tag, 1 to 8.
    #[must_use]
    pub fn tag(self) -> u8 {
        self.0
    }

    /// Whether width and height of the file are height and width of the upright photo.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    fn mirrors_upright_x(self) -> bool {
        matches!(self.0, 2 | 3 | 6 | 7)
    }

    fn mirrors_upright_y(self) -> bool {
        matches!(self.0, 3 | 4 | 7 | 8)
    }

    /// Width and height of the upright photo from those of the file, and the other way round.
    #[must_use]
    pub fn upright_size_from_file(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Where a point of the file lies on the upright photo. Both are `[x, y]` in fractions.
    #[must_use]
    pub fn upright_from_file(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [x, y] = if self.swaps_sides() { [y, x] } else { [x, y] };
        [
            if self.mirrors_upright_x() { 1.0 - x } else { x },
            if self.mirrors_upright_y() { 1.0 - y } else { y },
        ]
    }

    /// Where a point of the upright photo lies in the file. Both are `[x, y]` in fractions.
    #[must_use]
    pub fn file_from_upright(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let x = if self.mirrors_upright_x() { 1.0 - x } else { x };
        let y = if self.mirrors_upright_y() { 1.0 - y } else { y };
        if self.swaps_sides() { [y, x] } else { [x, y] }
    }

    /// The upright box of a box in the file. Both are `[x, y, w, h]` in fractions.
    #[must_use]
    pub fn upright_box_from_file(self, box_in_file: [f32; 4]) -> [f32; 4] {
        box_through(box_in_file, |point| self.upright_from_file(point))
    }

    /// The box in the file of an upright box. Both are `[x, y, w, h]` in fractions.
    #[must_use]
    pub fn file_box_from_upright(self, box_upright: [f32; 4]) -> [f32; 4] {
        box_through(box_upright, |point| self.file_from_upright(point))
    }

    /// The upright pixels of the pixels of a file.
    #[must_use]
    pub fn upright(self, pixels_in_file: RgbImage) -> RgbImage {
        let mut pixels = pixels_in_file;
        match self.0 {
            2 => imageops::flip_horizontal_in_place(&mut pixels),
            3 => imageops::rotate180_in_place(&mut pixels),
            4 => imageops::flip_vertical_in_place(&mut pixels),
            5 => {
                pixels = imageops::rotate90(&pixels);
                imageops::flip_horizontal_in_place(&mut pixels);
            }
            6 => pixels = imageops::rotate90(&pixels),
            7 => {
                pixels = imageops::rotate270(&pixels);
                imageops::flip_horizontal_in_place(&mut pixels);
            }
            8 => pixels = imageops::rotate270(&pixels),
            _ => {}
        }
        pixels
    }
}

/// A box through a map that keeps boxes upright, by two opposite corners.
fn box_through([x, y, w, h]: [f32; 4], map: impl Fn([f32; 2]) -> [f32; 2]) -> [f32; 4] {
    let [x0, y0] = map([x, y]);
    let [x1, y1] = map([x + w, y + h]);
    [x0.min(x1), y0.min(y1), (x1 - x0).abs(), (y1 - y0).abs()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_tags_are_upright() {
        for tag in [0, 9, 255, 256, 257, u32::MAX] {
            assert_eq!(Orientation::from_tag(tag), Orientation::UPRIGHT);
        }
    }

    #[test]
    fn corner_of_the_file_lies_where_the_standard_says() {
        // The corner at row 0 and column 0, in upright fractions, from the standard's table.
        let corners = [
            [0., 0.],
            [1., 0.],
            [1., 1.],
            [0., 1.],
            [0., 0.],
            [1., 0.],
            [1., 1.],
            [0., 1.],
        ];
        for (tag, corner) in (1..).zip(corners) {
            assert_eq!(
                Orientation::from_tag(tag).upright_from_file([0., 0.]),
                corner,
                "{tag}"
            );
        }
    }

    /// The pixels are turned by `image`, the points by the formulas here: each checks the other.
    #[test]
    fn pixels_and_points_turn_alike() {
        let (width, height) = (5, 3);
        let file = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 0]));
        for tag in 1..=8 {
            let orientation = Orientation::from_tag(tag);
            let upright = orientation.upright(file.clone());
            assert_eq!(
                upright.dimensions(),
                orientation.upright_size_from_file((width, height))
            );
            for (x, y, pixel) in file.enumerate_pixels() {
                let centre = [
                    (x as f32 + 0.5) / width as f32,
                    (y as f32 + 0.5) / height as f32,
                ];
                let [u, v] = orientation.upright_from_file(centre);
                let (u, v) = (u * upright.width() as f32, v * upright.height() as f32);
                assert_eq!(
                    upright.get_pixel(u as u32, v as u32),
                    pixel,
                    "{tag}: {x}, {y}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn there_and_back(tag in 1_u32..=8, x in 0_f32..1., y in 0_f32..1., w in 0_f32..1., h in 0_f32..1.) {
            let orientation = Orientation::from_tag(tag);
            let point = orientation.file_from_upright(orientation.upright_from_file([x, y]));
            let back = orientation.file_box_from_upright(orientation.upright_box_from_file([x, y, w, h]));
            // Two subtractions of numbers below 2 in f32 lose at most 2 × 2⁻²³ each.
            for (a, b) in [x, y, x, y, w, h].into_iter().zip(point.into_iter().chain(back)) {
                prop_assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }

        #[test]
        fn a_box_holds_its_points(tag in 1_u32..=8, x in 0_f32..0.5, y in 0_f32..0.5, w in 0.01_f32..0.5, h in 0.01_f32..0.5, s in 0_f32..1., t in 0_f32..1.) {
            let orientation = Orientation::from_tag(tag);
            let [u, v] = orientation.upright_from_file([x + s * w, y + t * h]);
            let [bx, by, bw, bh] = orientation.upright_box_from_file([x, y, w, h]);
            prop_assert!(u >= bx - 1e-6 && u <= bx + bw + 1e-6);
            prop_assert!(v >= by - 1e-6 && v <= by + bh + 1e-6);
            prop_assert!((bw * bh - w * h).abs() < 1e-6);
        }
    }
}
