//! What answers teach: mistakes on new faces of the people a user was asked about, and of everyone
//! else, with and without what the library learned from the answers.
//!
//! The split is by person: one half is asked about, the other is not. Of each person asked about,
//! a third of the faces is new and never answered; of the others one was named at the start, and
//! the rest may be asked about. So three things are told apart: what was known before any question,
//! what the answers give as faces that show how their people look, and what the head that was
//! trained on them adds. With families there is a split by family, too: one half is learned from,
//! the other measured.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use kith_models::Embedder;
use serde::Serialize;

use super::labels::LabelledFolder;
use super::read::{Framing, LabelledFace, read_labelled, sightings};
use super::verify::compare_all;
use super::{EvalError, OnPhoto, chance};
use crate::faces::FaceFinder;
use crate::people::{Learned, Metric, MetricKind, Unlabelled, wrong};
use crate::{FailedFile, PersonId};

/// How many questions a user answers.
const ANSWERS: [usize; 4] = [10, 50, 200, 1000];
/// The figures are means over so many splits.
const SPLITS: u32 = 3;

/// What answers teach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnReport {
    /// Faces, one a photo.
    pub faces: u32,
    /// People they are of.
    pub people: u32,
    /// After so many answers.
    pub after: Vec<AfterAnswers>,
    /// One half of the families measured with what was learned from the other, where there are
    /// families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// Photos that could not be decoded; they are in no figure.
    pub unreadable: Vec<FailedFile>,
    /// The network.
    pub model: &'static str,
    /// See [`Framing::name`].
    pub crop: String,
    /// The metric without what was learned; see [`MetricKind::name`].
    pub metric: &'static str,
}

/// What becomes of faces after so many answers: shares of faces to which the nearest known face is
/// somebody else's; means over the splits. Known are one face of everyone in the half asked about,
/// and those answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AfterAnswers {
    /// Questions answered. Fewer than asked for where the people have no more faces.
    pub answers: u32,
    /// In how many of the splits what was learned was found better, and so was used.
    pub used: u32,
    /// How many splits.
    pub splits: u32,
    /// New faces of people with an answer, of all splits.
    pub new_faces: u32,
    /// Mistakes on these when nothing was answered yet: one face of each person is known.
    pub error_unanswered: f64,
    /// Mistakes on these with the answers, but without the head that was learned from them.
    pub error_before: f64,
    /// Mistakes on these with what the program would use.
    pub error: f64,
    /// Mistakes on the faces of people who were not asked about, without what was learned.
    pub others_error_before: f64,
    /// The same with what the program would use.
    pub others_error: f64,
    /// Mean time to learn and to try it, in seconds.
    pub seconds: f64,
}

/// One half of the families with what was learned from the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Transfer {
    /// Faces learned from.
    pub answers: u32,
    /// Whether what was learned was found better on answers held back.
    pub used: bool,
    /// Share of the pairs of one person accepted where at most 0.1 % of those across families are,
    /// without what was learned.
    #[serde(rename = "tar_at_far_1e-3_before")]
    pub tar_at_far_1e_3_before: f64,
    /// The same with it.
    #[serde(rename = "tar_at_far_1e-3")]
    pub tar_at_far_1e_3: f64,
    /// Share of the pairs of one person accepted where at most 1.5 % of relatives are, without it.
    #[serde(rename = "tar_at_kin_1.5e-2_before")]
    pub tar_at_kin_1_5e_2_before: Option<f64>,
    /// The same with it.
    #[serde(rename = "tar_at_kin_1.5e-2")]
    pub tar_at_kin_1_5e_2: Option<f64>,
}

/// Answers questions about the faces of `dir/person/photo` or `dir/family/person/photo`, as one
/// library, and measures what they teach.
pub fn learn(
    finder: &FaceFinder,
    dir: &Path,
    framing: Framing,
    on_photo: OnPhoto<'_>,
) -> Result<LearnReport, EvalError> {
    let folder = LabelledFolder::list(dir)?;
    let families = folder.families.is_some();
    let read = read_labelled(finder, folder, framing, on_photo)?;
    let library = unlabelled(&read.faces)?;
    let before = library.metric(MetricKind::Library);
    let mut after = Vec::new();
    for answers in ANSWERS {
        after.push(after_answers(&read.faces, &library, &before, answers)?);
    }
    let mut people: Vec<u32> = read.faces.iter().map(|face| face.person).collect();
    people.dedup();
    Ok(LearnReport {
        faces: read.faces.len() as u32,
        people: people.len() as u32,
        after,
        transfer: families.then(|| transfer(&read.faces)).transpose()?,
        unreadable: read.unreadable,
        model: Embedder::NAME,
        crop: framing.name(),
        metric: MetricKind::Library.name(),
    })
}

fn unlabelled(faces: &[LabelledFace]) -> Result<Unlabelled, EvalError> {
    Ok(Unlabelled::new(&sightings(faces))?)
}

/// Positions of faces, each with their person.
type Faces = Vec<(usize, PersonId)>;

/// Which faces are for what.
#[derive(Debug, Default)]
struct Split {
    /// A face of each person asked about, named before the first question.
    named: Faces,
    /// Their faces that may be asked about, in the order of the questions.
    askable: Faces,
    /// The other faces of these people.
    new: Faces,
    /// The faces of everyone else.
    others: Faces,
}

impl Split {
    fn of(faces: &[LabelledFace], split: u32) -> Self {
        let mut parts = Self::default();
        let positions: Faces = (0..)
            .zip(faces)
            .map(|(at, face)| (at, face.person))
            .collect();
        for of_person in positions.chunk_by(|a, b| a.1 == b.1) {
            let mut of_person = of_person.to_vec();
            if chance(split, "person", of_person[0].1) % 2 == 1 {
                parts.others.append(&mut of_person);
                continue;
            }
            of_person.sort_by_key(|of| chance(split, "face", of.0 as u32));
            let new = of_person.len() / 3;
            parts.new.extend(of_person.drain(..new));
            parts.named.extend(of_person.pop());
            parts.askable.append(&mut of_person);
        }
        parts
            .askable
            .sort_by_key(|of| chance(split, "question", of.0 as u32));
        parts
    }
}

fn after_answers(
    faces: &[LabelledFace],
    library: &Unlabelled,
    before: &Metric,
    wanted: usize,
) -> Result<AfterAnswers, EvalError> {
    let mut mean = AfterAnswers {
        answers: 0,
        used: 0,
        splits: SPLITS,
        new_faces: 0,
        error_unanswered: 0.0,
        error_before: 0.0,
        error: 0.0,
        others_error_before: 0.0,
        others_error: 0.0,
        seconds: 0.0,
    };
    for split in 0..SPLITS {
        let parts = Split::of(faces, split);
        let answered = &parts.askable[..wanted.min(parts.askable.len())];
        let known = [&parts.named, answered].concat();
        let asked_about: BTreeSet<PersonId> = answered.iter().map(|of| of.1).collect();
        let mut new = parts.new.clone();
        new.retain(|of| asked_about.contains(&of.1));
        let started = Instant::now();
        let learned = learned(library, &known)?;
        let share = 1.0 / f64::from(SPLITS);
        mean.seconds += share * started.elapsed().as_secs_f64();
        mean.answers = answered.len() as u32;
        let used = learned.filter(|of| of.trial.is_better());
        mean.used += u32::from(used.is_some());
        let with = used.map(|of| library.metric_with(&of.head));
        let with = with.as_ref().unwrap_or(before);
        let error = |metric: &Metric, faces: &Faces, known: &[(usize, PersonId)]| {
            let as_seen = |at: usize| (*metric.point(at), metric.offset(at));
            let judged: Vec<bool> = wrong(faces, known, &as_seen)
                .into_iter()
                .flatten()
                .collect();
            let wrong = judged.iter().filter(|wrong| **wrong).count();
            (wrong as f64 / judged.len().max(1) as f64, judged.len())
        };
        let (error_before, new_faces) = error(before, &new, &known);
        mean.new_faces += new_faces as u32;
        mean.error_unanswered += share * error(before, &new, &parts.named).0;
        mean.error_before += share * error_before;
        mean.error += share * error(with, &new, &known).0;
        mean.others_error_before += share * error(before, &parts.others, &parts.others).0;
        mean.others_error += share * error(with, &parts.others, &parts.others).0;
    }
    Ok(mean)
}

/// What is learned from the answers; none where they are all of one person.
fn learned(
    library: &Unlabelled,
    answered: &[(usize, PersonId)],
) -> Result<Option<Learned>, EvalError> {
    let lessons = library.lessons(answered);
    if lessons.people() < 2 {
        return Ok(None);
    }
    Ok(lessons.learn(&mut |_, _| true)?)
}

/// Which families are learned from.
fn is_learned_from(family: u32) -> bool {
    chance(0, "family", family).is_multiple_of(2)
}

fn transfer(faces: &[LabelledFace]) -> Result<Transfer, EvalError> {
    let (from, measured): (Vec<_>, Vec<_>) = faces
        .iter()
        .cloned()
        .partition(|face| is_learned_from(face.family));
    let said: Faces = (0..)
        .zip(&from)
        .map(|(at, face)| (at, face.person))
        .collect();
    let learned = learned(&unlabelled(&from)?, &said)?.ok_or(EvalError::TooLittle(
        "half of the families are fewer than two people",
    ))?;
    let library = unlabelled(&measured)?;
    let before = compare_all(&measured, true, &library.metric(MetricKind::Library))?;
    let after = compare_all(&measured, true, &library.metric_with(&learned.head))?;
    let kin = |figures: &super::verify::Figures| figures.kin.map(|kin| kin.tar_at_kin_1_5e_2);
    Ok(Transfer {
        answers: said.len() as u32,
        used: learned.trial.is_better(),
        tar_at_far_1e_3_before: before.tar[1],
        tar_at_far_1e_3: after.tar[1],
        tar_at_kin_1_5e_2_before: kin(&before),
        tar_at_kin_1_5e_2: kin(&after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve families of five people with one to seven faces.
    fn faces() -> Vec<LabelledFace> {
        let mut faces = Vec::new();
        for person in 0..60 {
            for _ in 0..=person % 7 {
                faces.push(LabelledFace {
                    person,
                    family: person / 5,
                    photo: faces.len() as u32,
                    day: None,
                    embedding: [0.0; kith_models::EMBEDDING_LEN],
                });
            }
        }
        faces
    }

    #[test]
    fn nobody_is_measured_whom_it_was_asked_about_and_no_face_that_was_answered() {
        let faces = faces();
        for split in 0..SPLITS {
            let parts = Split::of(&faces, split);
            let people = |of: &Faces| of.iter().map(|of| of.1).collect::<BTreeSet<_>>();
            let positions = |of: &Faces| of.iter().map(|of| of.0).collect::<BTreeSet<_>>();
            assert!(people(&parts.askable).is_disjoint(&people(&parts.others)));
            assert!(people(&parts.named).is_disjoint(&people(&parts.others)));
            assert!(people(&parts.new).is_subset(&people(&parts.askable)));
            assert_eq!(people(&parts.named).len(), parts.named.len());
            let all = [&parts.named, &parts.askable, &parts.new, &parts.others].map(Vec::as_slice);
            let all = all.concat();
            assert_eq!(
                positions(&all).len(),
                faces.len(),
                "each face is for one thing"
            );
            assert_eq!(all.len(), faces.len());
            assert!(parts.new.len() > 20 && parts.others.len() > 60, "{parts:?}");
            for (at, person) in all {
                assert_eq!(faces[at].person, person);
            }
        }
    }

    #[test]
    fn splits_differ_and_families_fall_into_two_halves() {
        let [first, second] = [0, 1].map(|split| Split::of(&faces(), split));
        assert_ne!(first.askable, second.askable);
        let learned_from = (0..100).filter(|family| is_learned_from(*family)).count();
        assert!((35..=65).contains(&learned_from), "{learned_from}");
    }
}
