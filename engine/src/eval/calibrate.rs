//! What a distance means: the rates of error that the program's thresholds are made of, measured on
//! people of whom no two are related.

use std::path::Path;

use super::cluster::Answered;
use super::labels::LabelledFolder;
use super::read::{Framing, LabelledFace, read_labelled, sightings};
use super::scores::{Smallest, share_below};
use super::{EvalError, OnPhoto};
use crate::faces::{FaceFinder, MODEL};
use crate::people::{Answers, Calibration, Metric, MetricKind, Question, Rate, Unlabelled};

/// The largest rate that is measured.
const LARGEST_RATE: f64 = 0.1;
/// Rates measured for each factor of ten.
const RATES_A_DECADE: i32 = 4;
/// Factors of ten that are tried: more than any folder has pairs for.
const DECADES: i32 = 20;
/// Questions of about the same certainty that are counted together.
const QUESTIONS_A_RUN: usize = 50;
/// A rate that so few pairs of strangers make up is chance.
const LEAST_PAIRS: f64 = 10.0;

/// Measures the distances of all pairs of faces of `dir/person/photo`. The face of each photo is
/// the most central one.
pub fn calibrate(
    finder: &FaceFinder,
    dir: &Path,
    on_photo: OnPhoto<'_>,
) -> Result<Calibration, EvalError> {
    let folder = LabelledFolder::list(dir)?;
    if folder.families.is_some() {
        return Err(EvalError::Layout {
            path: dir.to_owned(),
            problem: "Rates are measured between strangers, so the photos must lie in \
                      FOLDER/PERSON, and these lie in FOLDER/FAMILY/PERSON",
        });
    }
    let read = read_labelled(finder, folder, Framing::Photo, on_photo)?;
    let unlabelled = Unlabelled::new(&sightings(&read.faces))?;
    let metric = unlabelled.metric(MetricKind::Library);
    let plain = Measured::of(&read.faces, &unlabelled.metric(MetricKind::Plain))?;
    let library = Measured::of(&read.faces, &metric)?;
    let grouped = unlabelled.group(&metric, &[]);
    let of_faces: Vec<u32> = read.faces.iter().map(|face| face.person).collect();
    let questions = Answered::of(&of_faces, &[], &grouped).questions();
    let mut people: Vec<u32> = read.faces.iter().map(|face| face.person).collect();
    people.dedup();
    Ok(Calibration {
        model: MODEL.clone(),
        metric: MetricKind::Library.name().to_owned(),
        faces: read.faces.len() as u32,
        people: people.len() as u32,
        genuine_pairs: plain.genuine.len() as u64,
        impostor_pairs: plain.impostors,
        plain: plain.rates(),
        library: library.rates(),
        questions: answers(questions),
    })
}

/// How often the answer was yes, in runs of questions of which about as many strangers are expected
/// to be as near: never more often than in the run before.
fn answers(mut questions: Vec<(Question, bool)>) -> Vec<Answers> {
    questions.sort_by(|a, b| a.0.chance.total_cmp(&b.0.chance));
    let mut runs: Vec<(Vec<f64>, u32)> = Vec::new();
    for run in questions.chunks(QUESTIONS_A_RUN) {
        let chances = run.iter().map(|of| of.0.chance).collect();
        runs.push((chances, run.iter().filter(|of| of.1).count() as u32));
        // Pools neighbours that violate the order (isotonic regression, Ayer et al. 1955).
        while let [.., before, last] = runs.as_mut_slice()
            && f64::from(last.1) * before.0.len() as f64
                >= f64::from(before.1) * last.0.len() as f64
        {
            before.0.append(&mut last.0);
            before.1 += last.1;
            runs.pop();
        }
    }
    runs.into_iter()
        .map(|(chances, yes)| Answers {
            chance: chances[chances.len() / 2],
            asked: chances.len() as u32,
            yes: f64::from(yes) / chances.len() as f64,
        })
        .collect()
}

struct Measured {
    genuine: Vec<f32>,
    impostors: u64,
    closest: Smallest,
}

impl Measured {
    fn of(faces: &[LabelledFace], metric: &Metric) -> Result<Self, EvalError> {
        let pairs = || (0..faces.len()).flat_map(|i| (i + 1..faces.len()).map(move |j| (i, j)));
        let impostors = pairs()
            .filter(|(i, j)| faces[*i].person != faces[*j].person)
            .count() as u64;
        let mut measured = Self {
            genuine: Vec::new(),
            impostors,
            closest: Smallest::new(impostors, LARGEST_RATE),
        };
        for (i, j) in pairs() {
            let distance = metric.distance(i, j);
            if faces[i].person == faces[j].person {
                measured.genuine.push(distance);
            } else {
                measured.closest.push(distance);
            }
        }
        if measured.genuine.is_empty() {
            return Err(EvalError::TooLittle("nobody here has two photos"));
        }
        if (impostors as f64) * LARGEST_RATE < LEAST_PAIRS {
            return Err(EvalError::TooLittle("there are too few strangers here"));
        }
        Ok(measured)
    }

    /// From the smallest rate that is no chance to the largest.
    fn rates(mut self) -> Vec<Rate> {
        let mut rates: Vec<Rate> = (0..DECADES * RATES_A_DECADE)
            .map(|step| LARGEST_RATE * 10_f64.powf(-f64::from(step) / f64::from(RATES_A_DECADE)))
            .take_while(|rate| rate * self.impostors as f64 >= LEAST_PAIRS)
            .map(|false_accept| {
                let distance = self.closest.threshold_at(false_accept);
                Rate {
                    false_accept,
                    distance,
                    true_accept: share_below(&self.genuine, distance),
                }
            })
            .collect();
        rates.reverse();
        rates
    }
}
