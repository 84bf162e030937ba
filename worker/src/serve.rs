//! The worker's end: answers one question after the other, while the next is read.

use std::io::{self, Read, Write};

use crossbeam_channel::bounded;
use kith_models::{Accelerator, Crop, Detector, EMBEDDING_LEN, Embedder, Error, RgbView, Weights};

use crate::frames::{self, Answer, Ask, Hello, What};

/// Questions that were read and wait.
const WAITING: usize = 2;

/// Loads the networks on the accelerator, says what it is or why there is none, and answers what is
/// asked until the input ends or is no question.
///
/// # Errors
/// When the output takes nothing more.
pub fn serve(
    accelerator: Result<Accelerator, Error>,
    input: impl Read + Send,
    output: &mut impl Write,
) -> io::Result<()> {
    let networks = accelerator.and_then(|accelerator| Networks::load(&accelerator));
    let hello = Hello {
        version: frames::version(),
        device: match &networks {
            Ok(networks) => Ok(networks.device.clone()),
            Err(error) => Err(error.to_string()),
        },
    };
    frames::write(output, &hello, &[])?;
    let Ok(networks) = networks else {
        return Ok(());
    };
    let (give, asked) = bounded(WAITING);
    std::thread::scope(|scope| {
        let mut input = input;
        scope.spawn(move || {
            while let Ok(frame) = frames::read::<Ask>(&mut input)
                && give.send(frame).is_ok()
            {}
        });
        for (ask, pixels) in asked {
            let (rows, bytes) = match networks.answer(&ask.what, &pixels) {
                Ok((rows, bytes)) => (Ok(rows), bytes),
                Err(error) => (Err(reason(&error)), Vec::new()),
            };
            let answer = Answer {
                number: ask.number,
                rows,
            };
            frames::write(output, &answer, &bytes)?;
        }
        Ok(())
    })
}

struct Networks {
    device: String,
    detector: Detector,
    embedder: Embedder,
}

impl Networks {
    fn load(accelerator: &Accelerator) -> Result<Self, Error> {
        let weights = Weights::find()?;
        Ok(Self {
            device: accelerator.to_string(),
            detector: Detector::load_on(&weights, accelerator)?,
            embedder: Embedder::load_on(&weights, accelerator)?,
        })
    }

    /// How many rows belong to each image or face, and the bytes of the rows.
    fn answer(&self, what: &What, pixels: &[u8]) -> Result<(Vec<usize>, Vec<u8>), Error> {
        match *what {
            What::Detect {
                width,
                height,
                threshold,
            } => {
                // The view refuses a size that does not fit.
                let images =
                    pixels.chunks(3usize.saturating_mul(width).saturating_mul(height).max(1));
                let images = images
                    .map(|pixels| RgbView::new(width, height, pixels))
                    .collect::<Result<Vec<_>, _>>()?;
                let found = self.detector.detect_batch(&images, threshold)?;
                let numbers = found.iter().flatten().flat_map(|face| {
                    let [x, y, w, h] = face.box_px;
                    let landmarks = face.landmarks_px.into_iter().flatten();
                    [x, y, w, h, face.score].into_iter().chain(landmarks)
                });
                let bytes = frames::bytes_of(numbers);
                Ok((found.iter().map(Vec::len).collect(), bytes))
            }
            What::Embed => {
                let crops = pixels
                    .chunks(3 * kith_models::CROP_SIDE * kith_models::CROP_SIDE)
                    .map(|pixels| Crop::from_rgb(pixels.to_vec()))
                    .collect::<Result<Vec<_>, _>>()?;
                let (faces, _) = crops.as_chunks::<2>();
                let embeddings = self.embedder.embed(faces)?;
                let bytes = frames::bytes_of(embeddings.iter().flatten().copied());
                debug_assert_eq!(bytes.len(), faces.len() * EMBEDDING_LEN * 4);
                Ok((vec![1; faces.len()], bytes))
            }
        }
    }
}

/// The error with what caused it.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
