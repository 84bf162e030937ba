//! Pixels as this crate takes them: RGB, 8 bits a channel, interleaved, rows from the top.

use crate::Error;

/// The width and height of a [`Crop`] in pixels.
pub const CROP_SIDE: usize = 160;

/// Borrowed RGB pixels: 8 bits a channel, interleaved, rows from the top, no padding.
#[derive(Clone, Copy)]
pub struct RgbView<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

impl<'a> RgbView<'a> {
    /// Pixels of an image of `width` x `height`; `pixels` holds `3 * width * height` bytes.
    ///
    /// # Errors
    /// [`Error::PixelCount`] when the number of bytes is another or a side is zero.
    pub fn new(width: usize, height: usize, pixels: &'a [u8]) -> Result<Self, Error> {
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(3));
        if width == 0 || height == 0 || expected != Some(pixels.len()) {
            return Err(Error::PixelCount {
                width,
                height,
                bytes: pixels.len(),
            });
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes: `3 * width * height`.
    #[must_use]
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }
}

/// A face cut out for the [`Embedder`](crate::Embedder): 160 x 160 RGB pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Crop(Vec<u8>);

impl std::fmt::Debug for Crop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Crop({CROP_SIDE} x {CROP_SIDE})")
    }
}

impl Crop {
    /// A crop from `3 * 160 * 160` bytes of interleaved RGB, rows from the top.
    ///
    /// # Errors
    /// [`Error::PixelCount`] when the number of bytes is another.
    pub fn from_rgb(pixels: Vec<u8>) -> Result<Self, Error> {
        RgbView::new(CROP_SIDE, CROP_SIDE, &pixels)?;
        Ok(Self(pixels))
    }

    /// A crop of pixels whose number is known to be right.
    pub(crate) fn of_side(pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), 3 * CROP_SIDE * CROP_SIDE);
        Self(pixels)
    }

    /// Interleaved RGB, rows from the top.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.0
    }

    /// The crop with left and right exchanged.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let (pixels, _) = self.0.as_chunks::<3>();
        let (rows, _) = pixels.as_chunks::<CROP_SIDE>();
        Self(
            rows.iter()
                .flat_map(|row| row.iter().rev().flatten().copied())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_number_of_bytes_is_an_image() {
        assert!(RgbView::new(2, 3, &[0; 18]).is_ok());
        assert!(RgbView::new(2, 3, &[0; 17]).is_err());
        assert!(RgbView::new(0, 3, &[]).is_err());
        assert!(RgbView::new(usize::MAX, 3, &[0; 9]).is_err());
        assert!(Crop::from_rgb(vec![0; 3 * CROP_SIDE * CROP_SIDE - 1]).is_err());
    }

    #[test]
    fn mirroring_exchanges_left_and_right() {
        let bytes: Vec<u8> = (0..3 * CROP_SIDE * CROP_SIDE)
            .map(|i| (i % 251) as u8)
            .collect();
        let crop = Crop::from_rgb(bytes).unwrap();
        let mirrored = crop.mirrored();
        let last = 3 * (CROP_SIDE - 1);
        assert_eq!(mirrored.pixels()[..3], crop.pixels()[last..last + 3]);
        assert_eq!(mirrored.mirrored().pixels(), crop.pixels());
    }
}
