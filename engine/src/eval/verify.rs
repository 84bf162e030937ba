//! Do two photos show the same person: the figures of Labeled Faces in the Wild, and those of
//! whole folders of people and families.

use std::path::Path;

use kith_models::Embedder;
use serde::Serialize;

use super::labels::{LabelledFolder, PairList};
use super::read::{Framing, LabelledFace, Second, read_labelled, read_photos, sightings};
use super::scores::{ScoredPair, Smallest, folded, share_below};
use super::{EvalError, OnPhoto};
use crate::FailedFile;
use crate::faces::FaceFinder;
use crate::people::{Metric, MetricKind, Sighting, Unlabelled};

const FAR_1E_2: f64 = 1e-2;
const FAR_1E_3: f64 = 1e-3;
const FAR_1E_4: f64 = 1e-4;
/// The share of pairs of relatives that may be taken for the same person.
const KIN_1_5E_2: f64 = 1.5e-2;

/// The figures of a pair file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairsReport {
    /// Pairs judged, half of them of the same person.
    pub pairs: u32,
    /// Mean accuracy over the folds, each judged at the threshold that is best on the others.
    pub accuracy: f64,
    /// Standard deviation of the folds' accuracies.
    pub std: f64,
    /// `std / sqrt(folds)`, the ± of LFW's own tables.
    pub standard_error: f64,
    /// Mean of the folds' thresholds.
    pub threshold: f64,
    /// Share of the pairs of one person accepted where at most 1 % of the others are; the
    /// threshold is the closest pair of different people that may not pass, so nothing is
    /// interpolated.
    #[serde(rename = "tar_at_far_1e-2")]
    pub tar_at_far_1e_2: f64,
    /// The same at 0.1 %.
    #[serde(rename = "tar_at_far_1e-3")]
    pub tar_at_far_1e_3: f64,
    /// The threshold at 0.1 %.
    #[serde(rename = "threshold_at_far_1e-3")]
    pub threshold_at_far_1e_3: f64,
    /// Photos in which no face was found. Their pairs count all the same; see [`Framing`] for
    /// what is used then.
    pub undetected: u32,
    /// How many folds.
    pub folds: u32,
    /// `file`, or `cut` where the file has none and was cut into folds of neighbouring lines.
    pub folds_from: &'static str,
    /// The network.
    pub model: &'static str,
    /// See [`Framing::name`].
    pub crop: String,
    /// See [`MetricKind::name`].
    pub metric: &'static str,
}

/// Judges the pairs of an LFW pair file on photos laid out as `images/NAME/NAME_0001.jpg`. The
/// face of each photo is the most central one.
pub fn verify_pairs(
    finder: &FaceFinder,
    images: &Path,
    pairs_file: &Path,
    framing: Framing,
    metric: MetricKind,
    on_photo: OnPhoto<'_>,
) -> Result<PairsReport, EvalError> {
    let list = PairList::read(images, pairs_file)?;
    let mut faces = Vec::with_capacity(list.photos.len());
    for (path, face) in list.photos.iter().zip(read_photos(
        finder,
        Second::Nobody,
        &list.photos,
        framing,
        on_photo,
    )?) {
        faces.push(face.map_err(|reason| EvalError::Photo {
            path: path.clone(),
            reason,
        })?);
    }
    let seen = faces.iter().zip(1..).map(|(face, photo)| Sighting {
        embedding: face.embedding,
        photo,
        day: face.day,
    });
    let metric = Unlabelled::new(&seen.collect::<Vec<_>>())?.metric(metric);
    let scored: Vec<ScoredPair> = list
        .pairs
        .iter()
        .map(|pair| {
            let [a, b] = pair.photos;
            ScoredPair {
                distance: metric.distance(a, b),
                same: pair.same,
                fold: pair.fold,
            }
        })
        .collect();
    let of_kind = |same| -> Vec<f32> {
        scored
            .iter()
            .filter(|pair| pair.same == same)
            .map(|pair| pair.distance)
            .collect()
    };
    let (genuine, impostor) = (of_kind(true), of_kind(false));
    let mut closest = Smallest::new(impostor.len() as u64, FAR_1E_2);
    for distance in &impostor {
        closest.push(*distance);
    }
    let folded = folded(&scored, list.folds);
    let threshold_at_far_1e_3 = closest.threshold_at(FAR_1E_3);
    Ok(PairsReport {
        pairs: scored.len() as u32,
        accuracy: folded.accuracy,
        std: folded.std,
        standard_error: folded.standard_error,
        threshold: folded.threshold,
        tar_at_far_1e_2: share_below(&genuine, closest.threshold_at(FAR_1E_2)),
        tar_at_far_1e_3: share_below(&genuine, threshold_at_far_1e_3),
        threshold_at_far_1e_3: f64::from(threshold_at_far_1e_3),
        undetected: faces.iter().filter(|face| !face.detected).count() as u32,
        folds: list.folds,
        folds_from: if list.folds_from_file { "file" } else { "cut" },
        model: Embedder::NAME,
        crop: framing.name(),
        metric: metric.kind().name(),
    })
}

/// The figures of a folder of people, over all pairs of its faces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeopleReport {
    /// Faces compared: one a photo.
    pub faces: u32,
    /// People they are of; the same name in two families counts twice.
    pub people: u32,
    /// Families, where the folder has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub families: Option<u32>,
    /// Pairs of faces of one person.
    pub genuine_pairs: u64,
    /// Pairs of faces of different people; with families, of different families.
    pub impostor_pairs: u64,
    /// Share of the genuine pairs accepted where at most 1 % of the impostor pairs are.
    #[serde(rename = "tar_at_far_1e-2")]
    pub tar_at_far_1e_2: f64,
    /// The same at 0.1 %.
    #[serde(rename = "tar_at_far_1e-3")]
    pub tar_at_far_1e_3: f64,
    /// The same at 0.01 %.
    #[serde(rename = "tar_at_far_1e-4")]
    pub tar_at_far_1e_4: f64,
    /// The threshold at 0.1 %.
    #[serde(rename = "threshold_at_far_1e-3")]
    pub threshold_at_far_1e_3: f64,
    /// What becomes of relatives, where the folder has families with more than one person.
    #[serde(flatten)]
    pub kin: Option<KinFigures>,
    /// Photos in which no face was found; see [`Framing`] for what is used then.
    pub undetected: u32,
    /// Photos that could not be decoded; they are in no figure.
    pub unreadable: Vec<FailedFile>,
    /// The network.
    pub model: &'static str,
    /// See [`Framing::name`].
    pub crop: String,
    /// See [`MetricKind::name`].
    pub metric: &'static str,
}

/// What becomes of relatives: pairs of different people of one family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KinFigures {
    /// How many such pairs.
    pub kin_pairs: u64,
    /// The share of them taken for the same person where 0.1 % of the impostor pairs are.
    #[serde(rename = "kin_at_far_1e-3")]
    pub kin_at_far_1e_3: f64,
    /// Share of the genuine pairs accepted where at most 1.5 % of the kin pairs are.
    #[serde(rename = "tar_at_kin_1.5e-2")]
    pub tar_at_kin_1_5e_2: f64,
}

/// Compares all faces of `dir/person/photo` or `dir/family/person/photo` with each other. The
/// face of each photo is the most central one.
pub fn verify_people(
    finder: &FaceFinder,
    dir: &Path,
    framing: Framing,
    metric: MetricKind,
    on_photo: OnPhoto<'_>,
) -> Result<PeopleReport, EvalError> {
    let folder = LabelledFolder::list(dir)?;
    let families = folder.families;
    let read = read_labelled(finder, folder, framing, on_photo)?;
    let metric = Unlabelled::new(&sightings(&read.faces))?.metric(metric);
    let figures = compare_all(&read.faces, families.is_some(), &metric)?;
    let mut people: Vec<u32> = read.faces.iter().map(|face| face.person).collect();
    people.dedup();
    Ok(PeopleReport {
        faces: read.faces.len() as u32,
        people: people.len() as u32,
        families,
        genuine_pairs: figures.genuine_pairs,
        impostor_pairs: figures.impostor_pairs,
        tar_at_far_1e_2: figures.tar[0],
        tar_at_far_1e_3: figures.tar[1],
        tar_at_far_1e_4: figures.tar[2],
        threshold_at_far_1e_3: figures.threshold_at_far_1e_3,
        kin: figures.kin,
        undetected: read.undetected,
        unreadable: read.unreadable,
        model: Embedder::NAME,
        crop: framing.name(),
        metric: metric.kind().name(),
    })
}

pub(super) struct Figures {
    genuine_pairs: u64,
    impostor_pairs: u64,
    /// At [`FAR_1E_2`], [`FAR_1E_3`] and [`FAR_1E_4`].
    pub tar: [f64; 3],
    threshold_at_far_1e_3: f64,
    pub kin: Option<KinFigures>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Kin,
    Strangers,
}

pub(super) fn compare_all(
    faces: &[LabelledFace],
    families: bool,
    metric: &Metric,
) -> Result<Figures, EvalError> {
    let relation = |a: &LabelledFace, b: &LabelledFace| {
        if a.person == b.person {
            Relation::Same
        } else if families && a.family == b.family {
            Relation::Kin
        } else {
            Relation::Strangers
        }
    };
    let pairs = || {
        faces
            .iter()
            .enumerate()
            .flat_map(|(i, a)| (i + 1..faces.len()).map(move |j| (i, j, a, &faces[j])))
    };
    let strangers = pairs()
        .filter(|(_, _, a, b)| relation(a, b) == Relation::Strangers)
        .count() as u64;
    let mut closest = Smallest::new(strangers, FAR_1E_2);
    let (mut genuine, mut kin) = (Vec::new(), Vec::new());
    for (i, j, a, b) in pairs() {
        let distance = metric.distance(i, j);
        match relation(a, b) {
            Relation::Same => genuine.push(distance),
            Relation::Kin => kin.push(distance),
            Relation::Strangers => closest.push(distance),
        }
    }
    if genuine.is_empty() {
        return Err(EvalError::TooLittle("nobody here has two photos"));
    }
    if strangers == 0 {
        return Err(EvalError::TooLittle(
            "there are no two strangers here (with families, strangers are of different ones)",
        ));
    }
    let threshold_at_far_1e_3 = closest.threshold_at(FAR_1E_3);
    let tar = [FAR_1E_2, FAR_1E_3, FAR_1E_4]
        .map(|rate| share_below(&genuine, closest.threshold_at(rate)));
    let kin = (!kin.is_empty()).then(|| {
        let mut closest_kin = Smallest::new(kin.len() as u64, KIN_1_5E_2);
        for distance in &kin {
            closest_kin.push(*distance);
        }
        KinFigures {
            kin_pairs: kin.len() as u64,
            kin_at_far_1e_3: share_below(&kin, threshold_at_far_1e_3),
            tar_at_kin_1_5e_2: share_below(&genuine, closest_kin.threshold_at(KIN_1_5E_2)),
        }
    });
    Ok(Figures {
        genuine_pairs: genuine.len() as u64,
        impostor_pairs: strangers,
        tar,
        threshold_at_far_1e_3: f64::from(threshold_at_far_1e_3),
        kin,
    })
}

#[cfg(test)]
mod tests {
    use kith_models::Code;

    use super::*;

    /// Codes round each number to a step of 0.004: a thirtieth of what is written below.
    const ROUNDING: f64 = 0.04;

    /// A face on a circle, so that the distance of two faces is `2 - 2 cos` of their angle. Both
    /// axes are spread over half of the numbers, as a code ends far below 1.
    fn face(degrees: f32, person: u32, family: u32) -> LabelledFace {
        let mut embedding = [degrees.to_radians().cos() / 8.0; 128];
        embedding[64..].fill(degrees.to_radians().sin() / 8.0);
        LabelledFace {
            person,
            family,
            photo: 0,
            day: None,
            embedding,
        }
    }

    fn plain(faces: &[LabelledFace]) -> Metric {
        let codes: Vec<Code> = faces.iter().map(|face| Code::of(&face.embedding)).collect();
        Metric::plain(&codes, 0)
    }

    #[test]
    fn strangers_are_of_other_families_and_kin_are_apart() {
        // Family 0: person 0 at 0° and 20°, person 1 at 25°; family 1: person 2 at 90° and 93°.
        let faces = [
            face(0.0, 0, 0),
            face(20.0, 0, 0),
            face(25.0, 1, 0),
            face(90.0, 2, 1),
            face(93.0, 2, 1),
        ];
        let figures = compare_all(&faces, true, &plain(&faces)).unwrap();
        assert_eq!(figures.genuine_pairs, 2);
        assert_eq!(figures.impostor_pairs, 6);
        // No stranger may pass: the threshold is the closest, 25° against 90°, 2 - 2 cos 65°.
        assert!((figures.threshold_at_far_1e_3 - 1.154_763).abs() < ROUNDING);
        assert_eq!(figures.tar, [1.0; 3]);
        let kin = figures.kin.unwrap();
        assert_eq!(kin.kin_pairs, 2);
        assert_eq!(kin.kin_at_far_1e_3, 1.0);
        // No kin may pass, the closest being 20° against 25°: of 20° and 3° the latter is nearer.
        assert_eq!(kin.tar_at_kin_1_5e_2, 0.5);
    }

    #[test]
    fn without_families_everyone_else_is_a_stranger() {
        let faces = [face(0.0, 0, 0), face(20.0, 0, 0), face(50.0, 1, 0)];
        let figures = compare_all(&faces, false, &plain(&faces)).unwrap();
        assert_eq!((figures.genuine_pairs, figures.impostor_pairs), (1, 2));
        assert!(figures.kin.is_none());
        // 20° against 50° is the closest: 2 - 2 cos 30°.
        assert!((figures.threshold_at_far_1e_3 - 0.267_949).abs() < ROUNDING);
        assert_eq!(figures.tar, [1.0; 3]);
    }

    fn too_little(faces: &[LabelledFace], families: bool) -> Result<Figures, EvalError> {
        compare_all(faces, families, &plain(faces))
    }

    #[test]
    fn too_little_is_said_and_not_counted() {
        assert!(too_little(&[face(0.0, 0, 0), face(9.0, 1, 0)], false).is_err());
        assert!(too_little(&[face(0.0, 0, 0), face(9.0, 0, 0)], false).is_err());
        assert!(too_little(&[face(0.0, 0, 0), face(1.0, 0, 0), face(9.0, 1, 0)], true).is_err());
    }

    #[test]
    fn fields_are_those_of_the_contract() {
        let report = PeopleReport {
            faces: 2,
            people: 1,
            families: Some(1),
            genuine_pairs: 1,
            impostor_pairs: 1,
            tar_at_far_1e_2: 1.0,
            tar_at_far_1e_3: 1.0,
            tar_at_far_1e_4: 1.0,
            threshold_at_far_1e_3: 1.0,
            kin: Some(KinFigures {
                kin_pairs: 1,
                kin_at_far_1e_3: 0.5,
                tar_at_kin_1_5e_2: 0.5,
            }),
            undetected: 0,
            unreadable: Vec::new(),
            model: "m",
            crop: "c".to_owned(),
            metric: "plain",
        };
        let json = serde_json::to_value(report).unwrap();
        for key in [
            "faces",
            "people",
            "genuine_pairs",
            "impostor_pairs",
            "tar_at_far_1e-2",
            "tar_at_far_1e-3",
            "tar_at_far_1e-4",
            "kin_at_far_1e-3",
            "tar_at_kin_1.5e-2",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }
}
