//! What can go wrong in this crate, each with what was looked at and what would help.

use std::path::PathBuf;

/// An error of the networks, their weights or the pixels given to them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No folder with the weight files was found.
    #[error(
        "the weight files of the networks were not found; reinstall Kith, or set KITH_WEIGHTS to \
         the folder that holds them; looked in {}",
        .looked_in.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    WeightsMissing {
        /// The folders, in the order in which they were tried.
        looked_in: Vec<PathBuf>,
    },
    /// A weight file could not be read.
    #[error("a weight file cannot be read; reinstall Kith, or check the folder's rights: {}", .path.display())]
    WeightsUnreadable {
        /// The weight file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A weight file is not the one this version of Kith was made with: damaged, cut short, or of
    /// another version.
    #[error(
        "a weight file is damaged or of another version; reinstall Kith; its SHA-256 is {found}, \
         expected {expected}: {}",
        .path.display()
    )]
    WeightsDamaged {
        /// The weight file.
        path: PathBuf,
        /// The SHA-256 that is pinned in the program, in hexadecimal.
        expected: &'static str,
        /// The SHA-256 of the file as it is.
        found: String,
    },
    /// A file that the user gave holds no network that Kith can run.
    #[error(
        "no network could be read from this file ({reason}); give safetensors or a PyTorch file with \
         the parameters of facenet-pytorch's InceptionResnetV1: {}",
        .path.display()
    )]
    NoNetwork {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// No graphics processor can run the networks.
    #[error("no graphics processor can be used: {reason}")]
    NoAccelerator {
        /// Why.
        reason: String,
    },
    /// The number of bytes is not three for each pixel, or a side is zero.
    #[error("{bytes} bytes are no RGB image of {width} x {height} pixels")]
    PixelCount {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes given.
        bytes: usize,
    },
    /// A network could not be built or run.
    #[error("the network {network} failed")]
    Network {
        /// The name of the model, as it is stamped on what it makes.
        network: &'static str,
        /// What Candle said.
        source: candle_core::Error,
    },
}
