//! Training a small network from nothing on a folder of people, and trying it on people it never
//! saw.

use std::path::Path;
use std::time::Instant;

use image::RgbImage;
use image::imageops::{self, FilterType};
use kith_models::training::{
    Mining, Network, Pictures, Plan, Rule, SMALL, Trainer, curve_as_csv, curve_as_svg,
};
use kith_models::{CROP_SIDE, Crop};
use rayon::prelude::*;
use serde::Serialize;

use super::labels::LabelledFolder;
use super::paper::{Told, told};
use super::read::{Framing, find_one};
use super::{EvalError, chance};
use crate::FailedFile;
use crate::faces::FaceFinder;

/// Of so many people one is held back.
const ONE_HELD_BACK_OF: u64 = 4;
const PEOPLE_AT_ONCE: usize = 16;
const FACES_OF_EACH: usize = 4;
/// The learning rate of the paper lets so small a network collapse to one point.
const ADAGRAD: Rule = Rule::AdaGrad {
    learning_rate: 0.01,
};
const ADAMW: Rule = Rule::AdamW {
    learning_rate: 1e-3,
    decay: 1e-2,
};
const SEED: u64 = 20_150_617;
/// A checkpoint is written after so many steps.
const STEPS_BETWEEN: u32 = 50;
/// The mean of so many steps is the first loss, and the last.
const LOSSES: usize = 20;
/// How many photos are searched for their face at once.
const PHOTOS_AT_ONCE: usize = 16;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainPlan {
    /// Steps in all, those before a checkpoint included.
    pub steps: u32,
    /// Numbers of an embedding.
    pub numbers: usize,
    /// `AdaGrad`, as in the paper, or else `AdamW`.
    pub adagrad: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// Faces learned from.
    pub faces: u32,
    /// People they are of.
    pub people: u32,
    /// Faces of the people held back.
    pub unseen_faces: u32,
    /// How many people that is.
    pub unseen_people: u32,
    /// Steps in all.
    pub steps: u32,
    /// The mean loss of the first 20 steps.
    pub first_loss: f64,
    /// The mean loss of the last 20.
    pub last_loss: f64,
    /// The faces held back, as the network saw them before the first step.
    pub untrained: Told,
    /// The same after the last.
    pub trained: Told,
    /// Numbers of an embedding.
    pub numbers: u32,
    /// `adagrad` or `adamw`.
    pub optimiser: &'static str,
    /// Parameters of the network, without biases.
    pub parameters: u64,
    /// Time for the steps of this run.
    pub seconds: f64,
    /// Photos that could not be decoded; they are in no figure.
    pub unreadable: Vec<FailedFile>,
    /// See [`Framing::name`].
    pub crop: String,
}

/// Called with whether it is training, what is done and of how much.
pub type OnTraining<'a> = &'a mut dyn FnMut(bool, usize, usize);

/// Trains on three quarters of the people of `dir/person/photo` or `dir/family/person/photo`, and
/// tries it on the others. `into` gets the curve and checkpoints; where it has a checkpoint, the
/// training goes on from there.
pub fn train(
    finder: &FaceFinder,
    (dir, framing): (&Path, Framing),
    plan: &TrainPlan,
    into: &Path,
    on_training: OnTraining<'_>,
) -> Result<TrainReport, EvalError> {
    let network = Network {
        numbers: plan.numbers,
        ..SMALL
    };
    let failed = |source| {
        let network = network.name;
        EvalError::Engine(crate::Error::Models(kith_models::Error::Network {
            network,
            source,
        }))
    };
    let folder = LabelledFolder::list(dir)?;
    let (faces, unreadable) = faces_of(finder, &folder, framing, on_training)?;
    let (unseen, seen): (Vec<_>, Vec<_>) =
        faces.iter().partition(|(person, _)| is_held_back(*person));
    let pictures = |faces: &[&(u32, Crop)]| {
        let values: Vec<f32> = faces
            .iter()
            .flat_map(|of| values(&of.1, &network))
            .collect();
        let people = faces.iter().map(|of| of.0).collect();
        Pictures::new(values, &network, people).map_err(failed)
    };
    let (seen, unseen) = (pictures(&seen)?, pictures(&unseen)?);
    let as_told = |trainer: &Trainer| -> Result<Told, EvalError> {
        let embeddings = trainer.embed(&unseen).map_err(failed)?;
        let positions: Vec<usize> = (0..embeddings.len()).collect();
        told(&embeddings, &embeddings, &unseen.people, &positions).ok_or(EvalError::TooLittle(
            "the people held back, a quarter, make fewer than a thousand pairs of different \
             people, or no pair of one",
        ))
    };
    let rule = if plan.adagrad { ADAGRAD } else { ADAMW };
    let settings = Plan {
        people: PEOPLE_AT_ONCE,
        pictures: FACES_OF_EACH,
        mining: Mining::SemiHard,
        rule,
        seed: SEED,
    };
    let written = |path: &Path| {
        let path = path.to_owned();
        move |reason| EvalError::Io {
            what: "The curve",
            path,
            reason,
        }
    };
    std::fs::create_dir_all(into).map_err(written(into))?;
    let checkpoint = into.join("checkpoint.safetensors");
    let new = Trainer::new(&network, settings).map_err(failed)?;
    let untrained = as_told(&new)?;
    let mut trainer = if checkpoint.is_file() {
        Trainer::resume(&network, settings, &checkpoint).map_err(failed)?
    } else {
        new
    };
    let started = Instant::now();
    for step in trainer.losses().len() as u32 + 1..=plan.steps {
        trainer.step(&seen).map_err(failed)?;
        if step.is_multiple_of(STEPS_BETWEEN) || step == plan.steps {
            trainer.save(&checkpoint).map_err(failed)?;
        }
        on_training(true, step as usize, plan.steps as usize);
    }
    let seconds = started.elapsed().as_secs_f64();
    let losses = trainer.losses();
    for (name, text) in [
        ("curve.csv", curve_as_csv(losses)),
        ("curve.svg", curve_as_svg(losses)),
    ] {
        let path = into.join(name);
        std::fs::write(&path, text).map_err(written(&path))?;
    }
    let mean = |losses: &[f32]| {
        losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len().max(1) as f64
    };
    let some = LOSSES.min(losses.len());
    Ok(TrainReport {
        faces: seen.people.len() as u32,
        people: distinct(&seen.people),
        unseen_faces: unseen.people.len() as u32,
        unseen_people: distinct(&unseen.people),
        steps: losses.len() as u32,
        first_loss: mean(&losses[..some]),
        last_loss: mean(&losses[losses.len() - some..]),
        untrained,
        trained: as_told(&trainer)?,
        numbers: plan.numbers as u32,
        optimiser: rule.name(),
        parameters: network.cost().parameters as u64,
        seconds,
        unreadable,
        crop: framing.name(),
    })
}

fn is_held_back(person: u32) -> bool {
    chance(0, "held back", person).is_multiple_of(ONE_HELD_BACK_OF)
}

/// How many people; the faces are in their order.
fn distinct(people: &[u32]) -> u32 {
    people.chunk_by(|a, b| a == b).count() as u32
}

/// Faces with their people, and files that could not be read.
type Faces = (Vec<(u32, Crop)>, Vec<FailedFile>);

fn faces_of(
    finder: &FaceFinder,
    folder: &LabelledFolder,
    framing: Framing,
    on_training: OnTraining<'_>,
) -> Result<Faces, EvalError> {
    let (mut faces, mut unreadable) = (Vec::new(), Vec::new());
    let total = folder.photos.len();
    let mut done = 0;
    for together in folder.photos.chunks(PHOTOS_AT_ONCE) {
        let found = together
            .par_iter()
            .map(|photo| find_one(finder, &photo.path, framing))
            .collect::<crate::Result<Vec<_>>>()?;
        for (photo, found) in together.iter().zip(found) {
            match found {
                Ok(found) => {
                    let [by_landmarks, _] = found.views;
                    faces.push((photo.person, by_landmarks));
                }
                Err(error) => unreadable.push(FailedFile {
                    path: photo.path.to_string_lossy().into_owned(),
                    reason: error.to_string(),
                }),
            }
        }
        done += together.len();
        on_training(false, done, total);
    }
    Ok((faces, unreadable))
}

/// The crop at the size of the network's input, one channel after the other, its mean taken off and
/// divided by its deviation.
fn values(crop: &Crop, network: &Network) -> Vec<f32> {
    let side = CROP_SIDE as u32;
    let [height, width] = network.input.map(|side| side as u32);
    let pixels = RgbImage::from_raw(side, side, crop.pixels().to_vec()).unwrap_or_default();
    let small = imageops::resize(&pixels, width, height, FilterType::Triangle);
    let count = small.as_raw().len() as f32;
    let mean = small.as_raw().iter().map(|of| f32::from(*of)).sum::<f32>() / count;
    let off = |of: &u8| f32::from(*of) - mean;
    let variance = small.as_raw().iter().map(|of| off(of).powi(2)).sum::<f32>() / count;
    let deviation = variance.sqrt().max(count.sqrt().recip());
    (0..3)
        .flat_map(|channel| {
            let of_channel = small.as_raw().iter().skip(channel).step_by(3);
            of_channel.map(|of| off(of) / deviation).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_learned_from_who_is_held_back() {
        let held_back = (0..400).filter(|person| is_held_back(*person)).count();
        assert!((80..120).contains(&held_back), "{held_back}");
        // A person is on one side whatever their faces are, so both sides share nobody.
        assert_eq!(is_held_back(17), is_held_back(17));
    }

    #[test]
    fn values_are_one_channel_after_the_other_and_standardised() {
        let pixels = (0..CROP_SIDE * CROP_SIDE).flat_map(|at| [200, 100, (at % CROP_SIDE) as u8]);
        let crop = Crop::from_rgb(pixels.collect()).unwrap();
        let values = values(&crop, &SMALL);
        let plane = SMALL.input[0] * SMALL.input[1];
        assert_eq!(values.len(), 3 * plane);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = values.iter().map(|of| of * of).sum::<f32>() / values.len() as f32;
        assert!(
            mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3,
            "{mean} {square}"
        );
        assert!(
            values[..plane]
                .iter()
                .all(|of| (of - values[0]).abs() < 1e-5)
        );
        assert!(values[0] > values[plane]);
        // The third channel rises from left to right.
        let row = &values[2 * plane..][..SMALL.input[1]];
        assert!(row.is_sorted() && row[0] < row[40], "{row:?}");
    }
}
