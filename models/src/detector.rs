//! Faces from maps: every cell that is sure enough proposes a face, and of those that overlap the
//! best one stays.

use candle_core::{Device, Tensor};

use crate::{
    Accelerator, Error, Precision, RgbView, Weights,
    centerface::{self, CELL_LEN, Centerface, INPUT_MULTIPLE, STRIDE},
    ops::Place,
};

/// Two boxes whose intersection is this share of their union are one face (CenterFace's own value).
const SAME_FACE_IOU: f32 = 0.3;
/// Sizes beyond this factor of a cell are no face that an image could hold; it keeps boxes finite.
const LARGEST_LOG_SIZE: f32 = 10.0;

/// One face, in pixels of the image given; the first pixel covers 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// `[x, y, w, h]`; where the face leaves the image, the box is cut off at its border.
    pub box_px: [f32; 4],
    /// 0 to 1.
    pub score: f32,
    /// `[x, y]` of the left eye (left in the image), right eye, nose, left and right mouth corner.
    pub landmarks_px: [[f32; 2]; 5],
}

/// CenterFace, which finds the faces of an image.
pub struct Detector {
    network: Centerface,
}

impl Detector {
    /// The name and version of the model, stamped on what it finds.
    pub const NAME: &'static str = centerface::FILE.network;

    /// The detector with the weights in the folder; in f32, or where `KITH_PRECISION` asks for it with its trunk
    /// in whole numbers of 16 bits, which move a landmark by thousandths of a pixel.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version.
    pub fn load(weights: &Weights) -> Result<Self, Error> {
        Self::load_at(weights, Place::Processor(Precision::wanted_for_detector()))
    }

    /// The detector on an accelerator, in f32 or with kernels of its own in f16, which move a face by a
    /// fraction of a pixel.
    ///
    /// # Errors
    /// When the weight file is missing, damaged or of another version, or does not fit on the device.
    pub fn load_on(weights: &Weights, accelerator: &Accelerator) -> Result<Self, Error> {
        Self::load_at(weights, accelerator.detecting())
    }

    fn load_at(weights: &Weights, place: Place) -> Result<Self, Error> {
        let network = Centerface::new(&weights.open(&centerface::FILE)?, place).map_err(failed)?;
        Ok(Self { network })
    }

    /// All faces with a score of at least `threshold` (0 to 1), the best score first.
    ///
    /// The image is looked at in the size given; what is smaller than about 8 pixels or larger than
    /// about 600 is not found well.
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn detect(&self, image: RgbView, threshold: f32) -> Result<Vec<Detection>, Error> {
        let mut found = self.detect_batch(&[image], threshold)?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The faces of each of several images of one size, looked at together.
    ///
    /// # Errors
    /// When the images differ in size, or Candle fails.
    pub fn detect_batch(
        &self,
        images: &[RgbView],
        threshold: f32,
    ) -> Result<Vec<Vec<Detection>>, Error> {
        let Some(first) = images.first() else {
            return Ok(Vec::new());
        };
        let input = match self.network.place() {
            #[cfg(feature = "cuda")]
            Place::TensorCores(kernels) => input_by(kernels, images),
            _ => input(images),
        };
        let maps = input
            .and_then(|input| self.network.forward(input))
            .map_err(failed)?;
        let (_, rows, columns, _) = maps.dims4().map_err(failed)?;
        let cells = maps
            .flatten_all()
            .and_then(|maps| maps.to_vec1::<f32>())
            .map_err(failed)?;
        let (cells, _) = cells.as_chunks::<CELL_LEN>();
        let size = [first.width() as f32, first.height() as f32];
        let faces_of = |cells: &[[f32; CELL_LEN]]| {
            let candidates = cells.iter().enumerate().filter_map(|(index, cell)| {
                decode(cell, index % columns, index / columns, threshold, size)
            });
            best_of_each_face(candidates.collect())
        };
        Ok(cells.chunks_exact(rows * columns).map(faces_of).collect())
    }
}

fn failed(source: candle_core::Error) -> Error {
    Error::Network {
        network: Detector::NAME,
        source,
    }
}

/// `[n, height, width, 3]`, RGB 0 to 255, with zeros to the right and below up to full multiples:
/// the same zeros that the network's own convolutions see beyond a border.
pub(crate) fn input(images: &[RgbView]) -> candle_core::Result<Tensor> {
    let [width, height] = input_size(images)?;
    let mut values = vec![0.0; images.len() * 3 * width * height];
    for_each_row(images, [width, height], &mut values, |values, pixels| {
        for (value, pixel) in values.iter_mut().zip(pixels) {
            *value = f32::from(*pixel);
        }
    });
    Tensor::from_vec(values, (images.len(), height, width, 3), &Device::Cpu)
}

/// The same as the kernels of a graphics processor make it.
#[cfg(feature = "cuda")]
fn input_by(
    kernels: &crate::ops::cuda::Kernels,
    images: &[RgbView],
) -> candle_core::Result<Tensor> {
    let [width, height] = input_size(images)?;
    kernels.images([images.len(), height, width], false, |bytes| {
        bytes.fill(0);
        for_each_row(images, [width, height], bytes, |bytes, pixels| {
            bytes[..pixels.len()].copy_from_slice(pixels);
        });
    })
}

/// Width and height of the images in the input.
fn input_size(images: &[RgbView]) -> candle_core::Result<[usize; 2]> {
    let Some(first) = images.first() else {
        candle_core::bail!("no image to look at");
    };
    let different =
        |image: &&RgbView| (image.width(), image.height()) != (first.width(), first.height());
    if images.iter().any(|image| different(&image)) {
        candle_core::bail!("images of different sizes in one batch");
    }
    Ok([first.width(), first.height()].map(|side| side.next_multiple_of(INPUT_MULTIPLE)))
}

/// Each row of the images, and where it goes.
fn for_each_row<N>(
    images: &[RgbView],
    [width, height]: [usize; 2],
    values: &mut [N],
    copy: impl Fn(&mut [N], &[u8]),
) {
    for (image, values) in images
        .iter()
        .zip(values.chunks_exact_mut(width * height * 3))
    {
        let rows = image.pixels().chunks_exact(3 * image.width());
        for (row, pixels) in values.chunks_exact_mut(3 * width).zip(rows) {
            copy(row, pixels);
        }
    }
}

/// The face that the cell at `column`, `row` proposes in an image of `size` (width, height), or
/// `None` when it scores less than `threshold` or lies outside.
fn decode(
    cell: &[f32; CELL_LEN],
    column: usize,
    row: usize,
    threshold: f32,
    size: [f32; 2],
) -> Option<Detection> {
    let [
        logit,
        log_height,
        log_width,
        offset_y,
        offset_x,
        landmarks @ ..,
    ] = cell;
    let score = 1.0 / (1.0 + (-logit).exp());
    if score.is_nan() || score < threshold {
        return None;
    }
    let stride = STRIDE as f32;
    let height = log_height.min(LARGEST_LOG_SIZE).exp() * stride;
    let width = log_width.min(LARGEST_LOG_SIZE).exp() * stride;
    let left = (column as f32 + 0.5 + offset_x) * stride - width / 2.0;
    let top = (row as f32 + 0.5 + offset_y) * stride - height / 2.0;
    let landmarks_px =
        [0, 2, 4, 6, 8].map(|i| [left + landmarks[i + 1] * width, top + landmarks[i] * height]);
    let [x, y] = [left.max(0.0), top.max(0.0)];
    let [w, h] = [
        (left + width).min(size[0]) - x,
        (top + height).min(size[1]) - y,
    ];
    let finite = landmarks_px.as_flattened().iter().all(|v| v.is_finite());
    (w > 0.0 && h > 0.0 && finite).then_some(Detection {
        box_px: [x, y, w, h],
        score,
        landmarks_px,
    })
}

/// Non-maximum suppression: the best first, without those that overlap a better one.
fn best_of_each_face(mut candidates: Vec<Detection>) -> Vec<Detection> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in candidates {
        if kept
            .iter()
            .all(|better| iou(better.box_px, candidate.box_px) < SAME_FACE_IOU)
        {
            kept.push(candidate);
        }
    }
    kept
}

/// The intersection of two boxes as a share of their union.
fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let overlap = |i: usize| ((a[i] + a[i + 2]).min(b[i] + b[i + 2]) - a[i].max(b[i])).max(0.0);
    let intersection = overlap(0) * overlap(1);
    intersection / (a[2] * a[3] + b[2] * b[3] - intersection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(box_px: [f32; 4], score: f32) -> Detection {
        Detection {
            box_px,
            score,
            landmarks_px: [[0.0; 2]; 5],
        }
    }

    #[test]
    fn overlap_is_the_share_of_the_union() {
        let a = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(iou(a, a), 1.0);
        assert_eq!(iou(a, [20.0, 0.0, 10.0, 10.0]), 0.0);
        assert_eq!(iou(a, [5.0, 0.0, 10.0, 10.0]), 50.0 / 150.0);
        assert_eq!(iou(a, [0.0, 0.0, 5.0, 5.0]), 0.25);
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let kept = best_of_each_face(vec![
            at([1.0, 0.0, 10.0, 10.0], 0.6),
            at([50.0, 0.0, 10.0, 10.0], 0.7),
            at([0.0, 0.0, 10.0, 10.0], 0.9),
            // Overlaps only a face that was itself dropped.
            at([8.0, 0.0, 10.0, 10.0], 0.5),
        ]);
        let scores: Vec<f32> = kept.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.9, 0.7, 0.5]);
    }

    /// A cell of a face of 8 x 16 pixels in the middle of the cell, with the nose in the middle.
    fn cell() -> [f32; CELL_LEN] {
        let mut cell = [0.0; CELL_LEN];
        cell[1] = 4.0f32.ln();
        cell[2] = 2.0f32.ln();
        cell[9] = 0.5;
        cell[10] = 0.5;
        cell
    }

    /// The faces on the portrait in numbers of two bytes, which is what graphics processors keep between
    /// layers, are those found in four.
    fn finds_nearly_the_same(short: &Detector, most_pixels: f32) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/portrait.png");
        let picture = image::open(file).unwrap().to_rgb8();
        let long = Detector::load(&Weights::find().unwrap()).unwrap();
        for scale in [1, 2, 4] {
            let (width, height) = (picture.width() / scale, picture.height() / scale);
            let picture = image::imageops::thumbnail(&picture, width, height);
            let view = RgbView::new(width as usize, height as usize, picture.as_raw()).unwrap();
            let expected = long.detect_batch(&[view, view], 0.3).unwrap();
            let found = short.detect_batch(&[view, view], 0.3).unwrap();
            assert!(!expected[0].is_empty());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.len(), expected.len(), "{scale}");
                for (found, expected) in found.iter().zip(expected) {
                    let numbers = |face: &Detection| {
                        [&face.box_px[..], face.landmarks_px.as_flattened()].concat()
                    };
                    let (a, b) = (numbers(found), numbers(expected));
                    let pairs = a.iter().zip(&b);
                    let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    let score = (found.score - expected.score).abs();
                    println!(
                        "1/{scale}: {off:.2} pixels of {:.0}, {score:.4}",
                        expected.box_px[3]
                    );
                    assert!(off < most_pixels && score < 0.01, "{off} {score}");
                }
            }
        }
    }

    #[test]
    fn numbers_of_two_bytes_find_nearly_the_same_faces() {
        let place = Place::Device(Device::Cpu, candle_core::DType::F16);
        let short = Detector::load_at(&Weights::find().unwrap(), place).unwrap();
        finds_nearly_the_same(&short, 0.5);
    }

    #[cfg(any(feature = "cuda", feature = "metal"))]
    #[test]
    fn a_graphics_processor_finds_nearly_the_same_faces() {
        let accelerator = Accelerator::find().unwrap();
        let device = Detector::load_on(&Weights::find().unwrap(), &accelerator).unwrap();
        finds_nearly_the_same(&device, 0.5);
    }

    #[test]
    fn a_cell_gives_box_and_landmarks_in_pixels() {
        let face = decode(&cell(), 5, 10, 0.5, [100.0, 100.0]).unwrap();
        for (found, expected) in face.box_px.iter().zip([18.0, 34.0, 8.0, 16.0]) {
            assert!((found - expected).abs() < 1e-4, "{:?}", face.box_px);
        }
        assert_eq!(face.score, 0.5);
        let [nose_x, nose_y] = face.landmarks_px[2];
        assert!((nose_x - 22.0).abs() < 1e-4 && (nose_y - 42.0).abs() < 1e-4);
    }

    #[test]
    fn a_box_ends_at_the_border_and_its_landmarks_stay() {
        let face = decode(&cell(), 0, 0, 0.5, [4.0, 100.0]).unwrap();
        for (found, expected) in face.box_px.iter().zip([0.0, 0.0, 4.0, 10.0]) {
            assert!((found - expected).abs() < 1e-4, "{:?}", face.box_px);
        }
        assert!((face.landmarks_px[0][0] + 2.0).abs() < 1e-4);
    }

    #[test]
    fn no_face_comes_from_a_low_score_the_padding_or_nonsense() {
        let size = [100.0, 100.0];
        assert!(decode(&cell(), 5, 10, 0.51, size).is_none());
        assert!(
            decode(&cell(), 27, 10, 0.5, size).is_none(),
            "right of the image"
        );
        let mut nonsense = [f32::NAN; CELL_LEN];
        assert!(decode(&nonsense, 5, 10, 0.0, size).is_none());
        nonsense[0] = 9.0;
        nonsense[1..].fill(f32::INFINITY);
        assert!(decode(&nonsense, 5, 10, 0.5, size).is_none());
    }

    #[test]
    fn images_of_any_size_are_looked_at() {
        let detector = Detector::load(&Weights::find().unwrap()).unwrap();
        for (width, height) in [(1, 1), (1, 70), (33, 32), (64, 31)] {
            let pixels = vec![128; 3 * width * height];
            let image = RgbView::new(width, height, &pixels).unwrap();
            assert_eq!(
                detector.detect(image, 0.5).unwrap(),
                [],
                "{width} x {height}"
            );
        }
    }
}
