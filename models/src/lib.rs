//! The networks of Kith: pixels in, faces and embeddings out.
//!
//! [`Detector`] (CenterFace) finds faces and their five landmarks, [`views`] cuts a face out in
//! two ways, upright and at the size that the network expects, [`Embedder`] (FaceNet) turns them
//! into 128 numbers on the unit sphere, and [`Code`] keeps those in 128 bytes. Two faces are
//! compared by their [`distance`]. This crate knows pixels and faces, and nothing of photos,
//! folders or people.

mod accelerator;
mod added;
mod align;
mod centerface;
mod detector;
mod embedder;
mod embedding;
mod error;
mod facenet;
mod nearest;
mod ops;
mod pickle;
mod pixels;
mod processor;
#[cfg(test)]
mod references;
pub mod training;
mod weights;

pub use accelerator::Accelerator;
pub use added::AddedEmbedder;
pub use align::views;
pub use detector::{Detection, Detector};
pub use embedder::{Embedder, Trunk};
pub use embedding::{Code, EMBEDDING_LEN, Embedding, distance, unit};
pub use error::Error;
pub use nearest::nearest;
pub use ops::Precision;
pub use pixels::{CROP_SIDE, Crop, RgbView};
pub use processor::Processor;
pub use weights::Weights;
