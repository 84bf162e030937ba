//! Training by triplets on a folder of people, and trying what was trained on people it never saw: a
//! small network from nothing, or FaceNet's last layer on the rest of it.

use std::path::Path;
use std::time::Instant;

use image::RgbImage;
use image::imageops::{self, FilterType};
use kith_models::training::{
    LAST_LAYER, Mining, Network, Pictures, Plan, Rule, SMALL, Trainer, curve_as_csv, curve_as_svg,
};
use kith_models::{Accelerator, CROP_SIDE, Crop, Embedding, Trunk, Weights};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainPlan {
    /// `FaceNet`'s last layer, and not a small network.
    pub last_layer: bool,
    /// Steps in all, those before a checkpoint included.
    pub steps: u32,
    /// Numbers of an embedding; one training for each.
    pub numbers: Vec<usize>,
    /// `AdaGrad`, as in the paper, or else `AdamW`.
    pub adagrad: bool,
    /// Factors of products in f16.
    pub mixed: bool,
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
    /// The same with each number in one byte.
    pub trained_in_bytes: Told,
    /// What the published last layer makes of them, with 128 numbers; none beside a small network.
    pub published: Option<Told>,
    /// Numbers of an embedding.
    pub numbers: u32,
    /// `adagrad` or `adamw`.
    pub optimiser: &'static str,
    /// Whether factors of products were in f16.
    pub mixed: bool,
    /// What it ran on: `processor` or a graphics processor.
    pub device: String,
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

/// Trains on three quarters of the people of `dir/person/photo`, or of the families of
/// `dir/family/person/photo`, and tries it on the others. For each size of an embedding a folder in
/// `into`, named by it, gets the curve and checkpoints; where that has a checkpoint, the training goes
/// on from there.
pub fn train(
    finder: &FaceFinder,
    (dir, framing): (&Path, Framing),
    plan: &TrainPlan,
    into: &Path,
    on_training: OnTraining<'_>,
) -> Result<Vec<TrainReport>, EvalError> {
    let network = if plan.last_layer { LAST_LAYER } else { SMALL };
    let folder = LabelledFolder::list(dir)?;
    let sight = if plan.last_layer {
        let trunk = Weights::find().and_then(|weights| Trunk::load(&weights));
        Sight::Trunk(trunk.map_err(crate::Error::from)?)
    } else {
        Sight::Pixels(network)
    };
    let (faces, unreadable) = faces_of(finder, &sight, &folder, framing, on_training)?;
    let several_families = faces.windows(2).any(|two| two[0].family != two[1].family);
    let (mut unseen, mut seen): (Vec<_>, Vec<_>) = faces.into_iter().partition(|face| {
        is_held_back(if several_families {
            face.family
        } else {
            face.person
        })
    });
    if plan.last_layer {
        standardise(&mut seen, &mut unseen);
    }
    let faces = Faces {
        unreadable,
        crop: framing.name(),
        published: published(&unseen),
        seen: pictures(seen, &network)?,
        unseen: pictures(unseen, &network)?,
    };
    let sizes = plan.numbers.iter().map(|numbers| {
        let network = Network {
            numbers: *numbers,
            ..network
        };
        faces.train(&network, plan, &into.join(numbers.to_string()), on_training)
    });
    sizes.collect()
}

/// Those that are learned from, and those that are not.
struct Faces {
    seen: Pictures,
    unseen: Pictures,
    unreadable: Vec<FailedFile>,
    /// See [`Framing::name`].
    crop: String,
    /// What the published last layer makes of the unseen ones.
    published: Option<Told>,
}

impl Faces {
    fn train(
        &self,
        network: &Network,
        plan: &TrainPlan,
        into: &Path,
        on_training: &mut dyn FnMut(bool, usize, usize),
    ) -> Result<TrainReport, EvalError> {
        let failed = |source| {
            let network = network.name;
            crate::Error::Models(kith_models::Error::Network { network, source })
        };
        let rule = if plan.adagrad { ADAGRAD } else { ADAMW };
        let settings = Plan {
            people: PEOPLE_AT_ONCE,
            pictures: FACES_OF_EACH,
            mining: Mining::SemiHard,
            rule,
            mixed: plan.mixed,
            seed: SEED,
        };
        std::fs::create_dir_all(into).map_err(unwritten(into))?;
        let checkpoint = into.join("checkpoint.safetensors");
        let accelerator = Accelerator::find().ok();
        let on = accelerator.as_ref();
        let new = Trainer::new(network, settings, on).map_err(failed)?;
        let untrained = self.told(&new.embed(&self.unseen).map_err(failed)?)?;
        let mut trainer = if checkpoint.is_file() {
            Trainer::resume(network, settings, on, &checkpoint).map_err(failed)?
        } else {
            new
        };
        let started = Instant::now();
        for step in trainer.losses().len() as u32 + 1..=plan.steps {
            trainer.step(&self.seen).map_err(failed)?;
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
            std::fs::write(&path, text).map_err(unwritten(&path))?;
        }
        let mean = |losses: &[f32]| {
            losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len().max(1) as f64
        };
        let some = LOSSES.min(losses.len());
        let embeddings = trainer.embed(&self.unseen).map_err(failed)?;
        let in_bytes: Vec<Vec<f32>> = embeddings.iter().map(|of| in_bytes(of)).collect();
        Ok(TrainReport {
            faces: self.seen.people.len() as u32,
            people: distinct(&self.seen.people),
            unseen_faces: self.unseen.people.len() as u32,
            unseen_people: distinct(&self.unseen.people),
            steps: losses.len() as u32,
            first_loss: mean(&losses[..some]),
            last_loss: mean(&losses[losses.len() - some..]),
            untrained,
            trained: self.told(&embeddings)?,
            trained_in_bytes: self.told(&in_bytes)?,
            published: self.published,
            numbers: network.numbers as u32,
            optimiser: rule.name(),
            mixed: plan.mixed,
            device: on.map_or_else(|| "processor".to_owned(), ToString::to_string),
            parameters: network.cost().parameters as u64,
            seconds,
            unreadable: self.unreadable.clone(),
            crop: self.crop.clone(),
        })
    }

    /// How well embeddings tell the unseen people apart.
    fn told(&self, embeddings: &[Vec<f32>]) -> Result<Told, EvalError> {
        let positions: Vec<usize> = (0..embeddings.len()).collect();
        told(embeddings, embeddings, &self.unseen.people, &positions).ok_or(EvalError::TooLittle(
            "the people held back, a quarter, make fewer than a thousand pairs of different \
             people, or no pair of one",
        ))
    }
}

fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> EvalError + use<> {
    let path = path.to_owned();
    move |reason| EvalError::Io {
        what: "The curve",
        path,
        reason,
    }
}

fn pictures(faces: Vec<Face>, network: &Network) -> Result<Pictures, EvalError> {
    let people = faces.iter().map(|face| face.person).collect();
    let values = faces.into_iter().flat_map(|face| face.values).collect();
    Pictures::new(values, network, people).map_err(|source| {
        let network = network.name;
        EvalError::Engine(crate::Error::Models(kith_models::Error::Network {
            network,
            source,
        }))
    })
}

/// Whether nothing is learned from this person or family.
fn is_held_back(whom: u32) -> bool {
    chance(0, "held back", whom).is_multiple_of(ONE_HELD_BACK_OF)
}

/// How many people; the faces are in their order.
fn distinct(people: &[u32]) -> u32 {
    people.chunk_by(|a, b| a == b).count() as u32
}

/// What is made of a face before the network that is trained sees it.
enum Sight {
    /// Its pixels at the size of that network's input.
    Pixels(Network),
    /// What `FaceNet` makes of it up to its last layer.
    Trunk(Trunk),
}

/// A face, and whom its folder says it shows.
struct Face {
    person: u32,
    family: u32,
    /// As the network that is trained is to see it.
    values: Vec<f32>,
    /// As `FaceNet` sees it; only beside its last layer.
    published: Option<Embedding>,
}

fn faces_of(
    finder: &FaceFinder,
    sight: &Sight,
    folder: &LabelledFolder,
    framing: Framing,
    on_training: OnTraining<'_>,
) -> Result<(Vec<Face>, Vec<FailedFile>), EvalError> {
    let (mut faces, mut unreadable) = (Vec::new(), Vec::new());
    let total = folder.photos.len();
    let mut done = 0;
    for together in folder.photos.chunks(PHOTOS_AT_ONCE) {
        let found = together
            .par_iter()
            .map(|photo| find_one(finder, &photo.path, framing))
            .collect::<crate::Result<Vec<_>>>()?;
        let (mut whose, mut views) = (Vec::new(), Vec::new());
        for (photo, found) in together.iter().zip(found) {
            match found {
                Ok(found) => {
                    whose.push((photo.person, photo.family));
                    views.push(found.views);
                }
                Err(error) => unreadable.push(FailedFile {
                    path: photo.path.to_string_lossy().into_owned(),
                    reason: error.to_string(),
                }),
            }
        }
        let (values, published) = match sight {
            Sight::Pixels(network) => {
                let values = views
                    .iter()
                    .map(|[by_landmarks, _]| values(by_landmarks, network));
                (values.collect(), vec![None; views.len()])
            }
            Sight::Trunk(trunk) => {
                let published = finder.embed(&views)?.into_iter().map(Some);
                let features = trunk.features(&views).map_err(crate::Error::from)?;
                (features, published.collect())
            }
        };
        let seen = whose.into_iter().zip(values).zip(published);
        faces.extend(seen.map(|(((person, family), values), published)| Face {
            person,
            family,
            values,
            published,
        }));
        done += together.len();
        on_training(false, done, total);
    }
    Ok((faces, unreadable))
}

/// Each of the values less its mean over the faces learned from, divided by its deviation there.
fn standardise(seen: &mut [Face], unseen: &mut [Face]) {
    let length = seen.first().map_or(0, |face| face.values.len());
    for at in 0..length {
        let count = seen.len() as f32;
        let mean = seen.iter().map(|face| face.values[at]).sum::<f32>() / count;
        let off = |face: &Face| (face.values[at] - mean).powi(2);
        let deviation = (seen.iter().map(off).sum::<f32>() / count).sqrt();
        for face in seen.iter_mut().chain(&mut *unseen) {
            face.values[at] = (face.values[at] - mean) / deviation.max(1e-6);
        }
    }
}

fn published(faces: &[Face]) -> Option<Told> {
    let embeddings: Option<Vec<Embedding>> = faces.iter().map(|face| face.published).collect();
    let embeddings = embeddings?;
    let people: Vec<u32> = faces.iter().map(|face| face.person).collect();
    let positions: Vec<usize> = (0..faces.len()).collect();
    told(&embeddings, &embeddings, &people, &positions)
}

/// Each number rounded to one of 255 steps, as a library's codes are. The longer the embedding, the
/// smaller its numbers: their range is that of the codes at 128.
fn in_bytes(embedding: &[f32]) -> Vec<f32> {
    let range = 0.5 * (128.0 / embedding.len() as f32).sqrt();
    let step = range / 127.0;
    let rounded = |number: &f32| (number / step).round().clamp(-127.0, 127.0) * step;
    embedding.iter().map(rounded).collect()
}

/// The crop at the size of the network's input, one channel after the other, its mean taken off and
/// divided by its deviation.
fn values(crop: &Crop, network: &Network) -> Vec<f32> {
    let side = CROP_SIDE as u32;
    let [_, height, width] = network.input.map(|side| side as u32);
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
    use kith_models::{Code, distance};

    use super::*;

    #[test]
    fn nobody_is_learned_from_who_is_held_back() {
        let held_back = (0..400).filter(|person| is_held_back(*person)).count();
        assert!((80..120).contains(&held_back), "{held_back}");
        // A person is on one side whatever their faces are, so both sides share nobody.
        assert_eq!(is_held_back(17), is_held_back(17));
    }

    #[test]
    fn a_byte_a_number_moves_an_embedding_little() {
        for numbers in [64, 128, 512] {
            let embedding: Vec<f32> = (0..numbers).map(|at| (at as f32).sin()).collect();
            let length = embedding.iter().map(|of| of * of).sum::<f32>().sqrt();
            let embedding: Vec<f32> = embedding.iter().map(|of| of / length).collect();
            let pairs = embedding.iter().zip(in_bytes(&embedding));
            let moved: f32 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
            // A third of half a step's square for each number: 128 * (0.5 / 127 / 2)^2 / 3.
            assert!(moved > 0.0 && moved < 5e-4, "{numbers}: {moved}");
        }
    }

    #[test]
    fn a_byte_a_number_is_what_a_code_keeps() {
        let numbers: Embedding = std::array::from_fn(|at| (at as f32).sin());
        let embedding = kith_models::unit(&numbers);
        let code = Code::of(&embedding).embedding();
        let rounded: Embedding = in_bytes(&embedding).try_into().unwrap();
        // A code is brought to unit length again.
        assert!(distance(&kith_models::unit(&rounded), &code) < 1e-10);
    }

    #[test]
    fn people_held_back_do_not_change_how_others_are_standardised() {
        let face = |value: f32| Face {
            person: 0,
            family: 0,
            values: vec![value, 7.0],
            published: None,
        };
        let mut seen = [face(1.0), face(3.0)];
        let mut unseen = [face(102.0)];
        standardise(&mut seen, &mut unseen);
        let values = |face: &Face| face.values.clone();
        assert_eq!(
            seen.each_ref().map(values),
            [vec![-1.0, 0.0], vec![1.0, 0.0]]
        );
        assert_eq!(unseen[0].values, [100.0, 0.0]);
    }

    #[test]
    fn values_are_one_channel_after_the_other_and_standardised() {
        let pixels = (0..CROP_SIDE * CROP_SIDE).flat_map(|at| [200, 100, (at % CROP_SIDE) as u8]);
        let crop = Crop::from_rgb(pixels.collect()).unwrap();
        let values = values(&crop, &SMALL);
        let plane = SMALL.input[1] * SMALL.input[2];
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
        let row = &values[2 * plane..][..SMALL.input[2]];
        assert!(row.is_sorted() && row[0] < row[40], "{row:?}");
    }
}
