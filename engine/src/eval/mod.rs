//! Measuring: the figures of the published protocols, computed with the program's own reading,
//! embedding and grouping.
//!
//! [`verify_pairs`] and [`verify_people`] ask whether two photos show the same person,
//! [`cluster`] whether a whole folder falls into the right groups; [`detect`] counts faces
//! found, missed and false; [`learn`] measures what answers teach; [`paper`] and [`video`] repeat the
//! measurements of the FaceNet paper, [`train`] trains a small network by its method; [`calibrate`] measures what a distance means, for the
//! program itself. The truth comes from folder
//! names and from the pair files of Labeled Faces in the Wild. Every embedding goes through the
//! 128-byte [`Code`](kith_models::Code) that a library stores, so a figure printed here is a
//! figure of the program.
//!
//! A *distance* is the squared Euclidean distance between unit vectors, 0 to 4; two faces are
//! accepted as the same person when their distance is **below** a threshold. With the metric of
//! the library it is corrected by what the very faces measured teach, without labels.

use std::path::PathBuf;

use thiserror::Error;

use crate::photo::PhotoError;

mod calibrate;
mod cluster;
mod detect;
mod labels;
mod learn;
mod paper;
mod read;
mod scores;
mod train;
mod verify;
mod video;

pub use calibrate::calibrate;
pub use cluster::{
    ClusterReport, Grouping, GroupingScore, NamedScore, Questions, cluster, score_grouping,
};
pub use detect::{DetectReport, WrongPhoto, detect};
pub use learn::{AfterAnswers, LearnReport, Transfer, learn};
pub use paper::{CodesReport, Figure, HarmonicReport, PaperReport, PaperRow, Told, paper};
pub use read::Framing;
pub use train::{OnTraining, TrainPlan, TrainReport, train};
pub use verify::{KinFigures, PairsReport, PeopleReport, verify_pairs, verify_people};
pub use video::{VideoReport, video};

/// How far a measurement is: photos read, photos to read.
pub type OnPhoto<'a> = &'a mut dyn FnMut(usize, usize);

/// A number that seems random and is the same every time.
fn chance(split: u32, what: &str, number: u32) -> u64 {
    let hash = blake3::hash(format!("{split} {what} {number}").as_bytes());
    hash.as_bytes()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Why something could not be measured.
#[derive(Debug, Error)]
pub enum EvalError {
    /// A folder or a pair file could not be opened.
    #[error("{what} cannot be read ({reason}): {path}", path = path.display())]
    Io {
        /// What was to be read, as the beginning of a sentence.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A pair file is not written as those of Labeled Faces in the Wild are.
    #[error("Line {line} of the pair file {problem}: {path}", path = path.display())]
    Pairs {
        /// The pair file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with the line.
        problem: String,
    },
    /// A file that says where faces are cannot be understood.
    #[error("Line {line} of the file that says where faces are {problem}: {path}", path = path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with the line.
        problem: &'static str,
    },
    /// A pair names a photo that is not in the folder.
    #[error("The pairs name a photo that is not there: {path}", path = path.display())]
    NoPhoto {
        /// Where it should be, as a JPEG.
        path: PathBuf,
    },
    /// A photo of a pair cannot be decoded.
    #[error("A photo that the pairs name cannot be read ({reason}): {path}", path = path.display())]
    Photo {
        /// The photo.
        path: PathBuf,
        /// What is wrong with it.
        reason: PhotoError,
    },
    /// The folders are not laid out as people, or as families of people.
    #[error("{problem}: {path}", path = path.display())]
    Layout {
        /// The folder given.
        path: PathBuf,
        /// What is wrong with it, and what would help.
        problem: &'static str,
    },
    /// Too few photos or pairs for the figure asked for.
    #[error("There is too little to measure: {0}.")]
    TooLittle(&'static str),
    /// The networks could not be run.
    #[error(transparent)]
    Engine(#[from] crate::Error),
}
