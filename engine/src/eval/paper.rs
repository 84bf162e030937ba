//! The measurements of the FaceNet paper, with its own definitions, beside what it reports.
//!
//! Distances are the network's own, as in the paper: no library corrects them.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kith_models::training::{Harmonic, SeenTwice};
use kith_models::{AddedEmbedder, Code, Embedder, Embedding, distance};
use serde::Serialize;

use super::labels::{Pair, PairList};
use super::read::{Framing, ReadFace, Second, read_photos};
use super::scores::{Folded, ScoredPair, Smallest, folded, share_below};
use super::{EvalError, OnPhoto};
use crate::faces::FaceFinder;

/// People are cut into so many splits for VAL, as in section 4.1.
const SPLITS: u32 = 5;
/// The false accept rate of table 3.
const FAR: f64 = 1e-3;
/// So many faces a map is also learned from, to see how few are enough: an upgrade learns from 160 at least, four
/// fifths of 200.
const FACES: [usize; 6] = [160, 240, 400, 600, 800, 1600];

/// A share in percent with its standard error, as the paper prints them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// 0 to 1.
    pub share: f64,
    /// The standard deviation of the folds or splits over the root of their number.
    pub standard_error: f64,
}

impl From<Folded> for Figure {
    fn from(folded: Folded) -> Self {
        Self {
            share: folded.accuracy,
            standard_error: folded.standard_error,
        }
    }
}

/// What the paper reports, and what was measured here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaperRow {
    /// What was measured.
    pub what: &'static str,
    /// Where it stands in the paper.
    pub section: &'static str,
    /// What stands there.
    pub paper: Figure,
    /// What was measured here; none where there are too few photos.
    pub kith: Option<Figure>,
}

/// The paper's rows for Labeled Faces in the Wild.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaperReport {
    /// Pairs judged.
    pub pairs: u32,
    /// Photos they are of.
    pub photos: u32,
    /// People on them.
    pub people: u32,
    /// Photos in which no face was found: their centre is taken, as the paper takes LFW's own
    /// alignment.
    pub undetected: u32,
    /// The paper's figures beside these.
    pub rows: Vec<PaperRow>,
    /// 128 bytes a face against 128 numbers in f32.
    pub codes: CodesReport,
    /// The appendix: a new network compared with an old one.
    pub harmonic: HarmonicReport,
    /// `file`, or `cut` where the file has no folds and was cut into ten of neighbouring lines.
    pub folds_from: &'static str,
    /// The network.
    pub model: &'static str,
}

/// What is lost when an embedding is kept in 128 bytes (section 5.3: "without loss of accuracy").
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CodesReport {
    /// Accuracy with embeddings as the network gives them.
    pub accuracy_f32: f64,
    /// The same after they went through 128 bytes.
    pub accuracy_codes: f64,
    /// [`Told::accuracy`] over all pairs of the photos, f32: many more pairs than the file names.
    pub all_pairs_f32: f64,
    /// The same through 128 bytes.
    pub all_pairs_codes: f64,
    /// VAL at FAR 1e-3 over all pairs of the photos, f32.
    pub val_f32: f64,
    /// The same through 128 bytes.
    pub val_codes: f64,
    /// Bytes a face in f32.
    pub bytes_f32: u32,
    /// Bytes of a code.
    pub bytes_codes: u32,
    /// Nanoseconds to compare two embeddings in f32.
    pub compare_ns: f64,
    /// Nanoseconds to read an embedding from its code.
    pub decode_ns: f64,
}

/// New embeddings against old ones (the appendix), on the half of the people that no map was learned
/// from. Old is Kith's network and new one that was added; where none was added, old is Kith's network
/// on one crop by the box, and new the same one on both views, as the program has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HarmonicReport {
    /// Numbers of a new embedding.
    pub numbers: u32,
    /// People whose faces the map was learned from.
    pub people_learned_from: u32,
    /// The other people, who are measured.
    pub people_measured: u32,
    /// Old against old.
    pub old_to_old: Told,
    /// New against old, as the networks are; none of an added network, as it has a space of its own.
    pub new_to_old: Option<Told>,
    /// New through the map, against old.
    pub mapped_to_old: Told,
    /// The same where the map was learned without names: only that both saw the same face.
    pub nameless_to_old: Told,
    /// The same from some of the faces only.
    pub by_faces: Vec<LearnedFrom>,
    /// New against new, as the network is.
    pub new_to_new: Told,
    /// New against new, both through the map.
    pub mapped_to_mapped: Told,
}

/// A map that was learned without names from so many faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearnedFrom {
    /// The faces.
    pub faces: u32,
    /// New through the map, against old.
    pub to_old: Told,
}

/// How well people are told apart, over all pairs of photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Told {
    /// VAL at FAR 1e-3.
    pub val: f64,
    /// The mean of the shares of both kinds of pairs that are judged rightly, at the best threshold.
    pub accuracy: f64,
}

/// Measures the pairs of an LFW pair file as section 5.6 does: with a fixed crop of the centre, and
/// with detection and alignment; and VAL at FAR 1e-3 as section 4 defines it, over all pairs of
/// these photos. The new network of the harmonic embeddings is `added`, if there is one.
pub fn paper(
    finder: &FaceFinder,
    added: Option<&AddedEmbedder>,
    images: &Path,
    pairs_file: &Path,
    on_photo: OnPhoto<'_>,
) -> Result<PaperReport, EvalError> {
    let list = PairList::read(images, pairs_file)?;
    let total = 2 * list.photos.len();
    let mut read = |second, framing, before: usize| {
        let mut on_photo = |done, _| on_photo(before + done, total);
        all_read(finder, second, &list.photos, framing, &mut on_photo)
    };
    let centre = read(Second::Nobody, Framing::Centre, 0)?;
    let second = added.map_or(Second::ByBox, Second::Added);
    let mut aligned = read(second, Framing::Photo, list.photos.len())?;
    let rounded = |faces: &[ReadFace]| -> Vec<Embedding> {
        faces.iter().map(|face| face.embedding).collect()
    };
    let exact: Vec<Embedding> = aligned.iter().map(|face| face.exact).collect();
    let second: Vec<Vec<f32>> = aligned
        .iter_mut()
        .map(|face| std::mem::take(&mut face.second))
        .collect();
    let (centre, codes) = (rounded(&centre), rounded(&aligned));
    let people = people_of(&list.photos);
    let judged = |faces: &[Embedding]| judged(faces, &list.pairs, list.folds);
    let at_once = |faces: &[Embedding]| {
        let all: Vec<usize> = (0..faces.len()).collect();
        told(faces, faces, &people, &all).ok_or(EvalError::TooLittle(
            "for VAL at FAR 1e-3 there must be a thousand pairs of different people, and a pair of \
             one",
        ))
    };
    let (all_f32, all_codes) = (at_once(&exact)?, at_once(&codes)?);
    let (in_f32, in_codes) = (judged(&exact), judged(&codes));
    let harmonic = if added.is_some() {
        harmonic(&codes, &second, &people)?
    } else {
        let numbers = second.iter().filter_map(|of| of.as_slice().try_into().ok());
        let by_box: Vec<Embedding> = numbers.map(|of| Code::of(&of).embedding()).collect();
        HarmonicReport {
            new_to_old: Some(among_the_measured(&codes, &by_box, &people)?),
            ..harmonic(&by_box, &codes, &people)?
        }
    };
    Ok(PaperReport {
        pairs: list.pairs.len() as u32,
        photos: list.photos.len() as u32,
        people: people.iter().max().map_or(0, |last| last + 1),
        undetected: aligned.iter().filter(|face| !face.detected).count() as u32,
        rows: vec![
            PaperRow {
                what: "LFW, fixed centre crop",
                section: "5.6",
                paper: stated(98.87, 0.15),
                kith: Some(judged(&centre).into()),
            },
            PaperRow {
                what: "LFW, detected and aligned",
                section: "5.6",
                paper: stated(99.63, 0.09),
                kith: Some(in_codes.into()),
            },
            PaperRow {
                what: "VAL at FAR 1e-3, all pairs of a split (the paper: its own photos, NN2)",
                section: "5.1",
                paper: stated(89.4, 1.6),
                kith: val_of_splits(&codes, &people),
            },
        ],
        codes: CodesReport {
            accuracy_f32: in_f32.accuracy,
            accuracy_codes: in_codes.accuracy,
            all_pairs_f32: all_f32.accuracy,
            all_pairs_codes: all_codes.accuracy,
            val_f32: all_f32.val,
            val_codes: all_codes.val,
            bytes_f32: size_of::<Embedding>() as u32,
            bytes_codes: size_of::<Code>() as u32,
            compare_ns: time_to_compare(&exact),
            decode_ns: time_to_decode(&exact),
        },
        harmonic,
        folds_from: if list.folds_from_file { "file" } else { "cut" },
        model: Embedder::NAME,
    })
}

/// Learns maps on one half of the people and measures the other.
fn harmonic<E: AsRef<[f32]>>(
    old: &[Embedding],
    new: &[E],
    people: &[u32],
) -> Result<HarmonicReport, EvalError> {
    let (from, measured) = halves(people);
    let through = |from: &[usize], named: bool| -> Result<Vec<Embedding>, EvalError> {
        let seen = |at: &usize| SeenTwice {
            new: new[*at].as_ref().to_vec(),
            old: old[*at],
            person: if named { people[*at] } else { *at as u32 },
        };
        let pairs: Vec<SeenTwice> = from.iter().map(seen).collect();
        let failed = |source| {
            let network = Embedder::NAME;
            crate::Error::Models(kith_models::Error::Network { network, source })
        };
        let map = Harmonic::train(&pairs).map_err(failed)?;
        let mapped = new.iter().map(|embedding| map.embed(embedding.as_ref()));
        Ok(mapped.collect())
    };
    let (mapped, nameless) = (through(&from, true)?, through(&from, false)?);
    let told = |a: &[Embedding], b: &[Embedding]| among_the_measured(a, b, people);
    let number_of = |positions: &[usize]| {
        let people: BTreeSet<u32> = positions.iter().map(|at| people[*at]).collect();
        people.len() as u32
    };
    let by_faces = FACES.into_iter().filter(|faces| *faces < from.len());
    let by_faces = by_faces.map(|faces| {
        let some: Vec<usize> = (0..faces).map(|of| from[of * from.len() / faces]).collect();
        Ok(LearnedFrom {
            faces: faces as u32,
            to_old: told(&through(&some, false)?, old)?,
        })
    });
    let by_faces = by_faces.collect::<Result<_, EvalError>>()?;
    Ok(HarmonicReport {
        numbers: new.first().map_or(0, |of| of.as_ref().len()) as u32,
        people_learned_from: number_of(&from),
        people_measured: number_of(&measured),
        old_to_old: told(old, old)?,
        new_to_old: None,
        mapped_to_old: told(&mapped, old)?,
        nameless_to_old: told(&nameless, old)?,
        by_faces,
        new_to_new: among_the_measured(new, new, people)?,
        mapped_to_mapped: told(&mapped, &mapped)?,
    })
}

/// The positions of the people that maps are learned from, and of those who are measured.
fn halves(people: &[u32]) -> (Vec<usize>, Vec<usize>) {
    (0..people.len()).partition(|at| people[*at].is_multiple_of(2))
}

/// [`told`] of the people who are measured.
fn among_the_measured<E: AsRef<[f32]>>(
    a: &[E],
    b: &[E],
    people: &[u32],
) -> Result<Told, EvalError> {
    told(a, b, people, &halves(people).1).ok_or(EvalError::TooLittle(
        "half of the people make fewer than a thousand pairs of different people, or no pair of one",
    ))
}

/// Compares each of the photos at some positions, as `a` sees them, with each other one, as `b`
/// does. None where there are too few pairs.
pub(super) fn told<E: AsRef<[f32]>>(
    a: &[E],
    b: &[E],
    people: &[u32],
    positions: &[usize],
) -> Option<Told> {
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    for one in positions {
        for other in positions.iter().filter(|other| *other != one) {
            let pairs = a[*one].as_ref().iter().zip(b[*other].as_ref());
            let distance: f32 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
            if people[*one] == people[*other] {
                genuine.push(distance);
            } else {
                impostor.push(distance);
            }
        }
    }
    if genuine.is_empty() || (impostor.len() as f64) * FAR < 1.0 {
        return None;
    }
    genuine.sort_unstable_by(f32::total_cmp);
    impostor.sort_unstable_by(f32::total_cmp);
    let share = |count: usize, of: &[f32]| count as f64 / of.len() as f64;
    let right_at = |(accepted, distance): (usize, &f32)| {
        let false_accepts = impostor.partition_point(|of| of <= distance);
        (share(accepted + 1, &genuine) + 1.0 - share(false_accepts, &impostor)) / 2.0
    };
    let accuracy = genuine.iter().enumerate().map(right_at).fold(0.5, f64::max);
    // The distance that one more pair of different people would pass at.
    let threshold = impostor[(FAR * impostor.len() as f64) as usize];
    Some(Told {
        val: share_below(&genuine, threshold),
        accuracy,
    })
}

/// A figure in percent, as the paper prints it.
pub(super) fn stated(percent: f64, standard_error: f64) -> Figure {
    Figure {
        share: percent / 100.0,
        standard_error: standard_error / 100.0,
    }
}

fn all_read(
    finder: &FaceFinder,
    second: Second<'_>,
    photos: &[PathBuf],
    framing: Framing,
    on_photo: OnPhoto<'_>,
) -> Result<Vec<ReadFace>, EvalError> {
    let read = read_photos(finder, second, photos, framing, on_photo)?;
    let faces = photos.iter().zip(read).map(|(path, face)| {
        face.map_err(|reason| EvalError::Photo {
            path: path.clone(),
            reason,
        })
    });
    faces.collect()
}

/// The person of each photo, by the folder that it is in, counted from 0.
fn people_of(photos: &[PathBuf]) -> Vec<u32> {
    let mut numbers: BTreeMap<Option<&Path>, u32> = BTreeMap::new();
    let mut people = Vec::with_capacity(photos.len());
    for photo in photos {
        let next = numbers.len() as u32;
        people.push(*numbers.entry(photo.parent()).or_insert(next));
    }
    people
}

fn judged(faces: &[Embedding], pairs: &[Pair], folds: u32) -> Folded {
    let scored: Vec<ScoredPair> = pairs
        .iter()
        .map(|pair| ScoredPair {
            distance: distance(&faces[pair.photos[0]], &faces[pair.photos[1]]),
            same: pair.same,
            fold: pair.fold,
        })
        .collect();
    folded(&scored, folds)
}

/// VAL(d) for the largest d with FAR(d) of at most [`FAR`], over all pairs of the photos at some
/// positions: `|TA(d)| / |P_same|` and `|FA(d)| / |P_diff|` of section 4. None where there are too
/// few pairs.
fn val_at_far(faces: &[Embedding], people: &[u32], positions: &[usize]) -> Option<f64> {
    let pairs = || {
        let pair = |(i, a): (usize, &usize)| {
            let a = *a;
            positions[i + 1..].iter().map(move |b| (a, *b))
        };
        positions.iter().enumerate().flat_map(pair)
    };
    let different = pairs().filter(|(a, b)| people[*a] != people[*b]).count();
    let mut closest = Smallest::new(different as u64, FAR);
    let mut genuine = Vec::new();
    for (a, b) in pairs() {
        let distance = distance(&faces[a], &faces[b]);
        if people[a] == people[b] {
            genuine.push(distance);
        } else {
            closest.push(distance);
        }
    }
    let enough = different as f64 * FAR >= 1.0 && !genuine.is_empty();
    enough.then(|| share_below(&genuine, closest.threshold_at(FAR)))
}

/// The mean of VAL over splits of the people, and its standard error (section 4.1); none where a
/// split is too small.
fn val_of_splits(faces: &[Embedding], people: &[u32]) -> Option<Figure> {
    let of_split = |split: u32| {
        let inside = |at: &usize| people[*at] % SPLITS == split;
        let positions: Vec<usize> = (0..faces.len()).filter(inside).collect();
        val_at_far(faces, people, &positions)
    };
    let values = (0..SPLITS).map(of_split).collect::<Option<Vec<f64>>>()?;
    let count = f64::from(SPLITS);
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(Figure {
        share: mean,
        standard_error: (squares / (count - 1.0) / count).sqrt(),
    })
}

/// How often a time is taken; the smallest counts.
const TURNS: usize = 20;

/// Nanoseconds for one of `count` things that `work` does in one go.
fn least_time(count: usize, mut work: impl FnMut()) -> f64 {
    let turn = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_nanos() as f64
    };
    (0..TURNS).map(turn).fold(f64::INFINITY, f64::min) / count.max(1) as f64
}

fn time_to_compare(faces: &[Embedding]) -> f64 {
    let Some(first) = faces.first() else {
        return 0.0;
    };
    least_time(faces.len(), || {
        let near = |face: &Embedding| distance(first, face);
        black_box(faces.iter().map(near).fold(f32::INFINITY, f32::min));
    })
}

fn time_to_decode(faces: &[Embedding]) -> f64 {
    let codes: Vec<Code> = faces.iter().map(Code::of).collect();
    least_time(codes.len(), || {
        for code in &codes {
            black_box(black_box(code).embedding());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(degrees: f32) -> Embedding {
        let mut embedding = [0.0; kith_models::EMBEDDING_LEN];
        let (sin, cos) = degrees.to_radians().sin_cos();
        embedding[..2].copy_from_slice(&[cos, sin]);
        embedding
    }

    /// 50 people at 0°, 7°, 14°, … with one photo each, and one more person with three.
    fn people() -> (Vec<Embedding>, Vec<u32>) {
        let mut faces: Vec<Embedding> = (0..50).map(|of| at(7.0 * of as f32)).collect();
        let mut people: Vec<u32> = (0..50).collect();
        // Two photos 5° apart, and one 20° away from the nearest of these.
        faces.extend([at(171.0), at(176.0), at(196.0)]);
        people.extend([50; 3]);
        (faces, people)
    }

    #[test]
    fn val_of_a_case_worked_out_by_hand() {
        let (faces, people) = people();
        let all: Vec<usize> = (0..faces.len()).collect();
        // Of 1,375 pairs of different people one may pass. The nearest are 196° to 196° (person
        // 28), then 176° and 175°, one degree: so of the pairs of one person, 5° and more apart,
        // none is accepted.
        assert_eq!(val_at_far(&faces, &people, &all), Some(0.0));
        // Here one of the three pairs is: 2.5° apart, and of different people only 0° and 1° are
        // nearer than the next, 90° and 93.47°.
        let mut faces: Vec<Embedding> = (0..50).map(|of| at(7.19 * of as f32)).collect();
        faces.extend([at(1.0), at(3.5), at(90.0)]);
        let apart = val_at_far(&faces, &people, &all).unwrap();
        assert!((apart - 1.0 / 3.0).abs() < 1e-12, "{apart}");
        // Fewer than a thousand pairs of different people say nothing of one in a thousand.
        assert_eq!(val_at_far(&faces, &people, &all[20..]), None);
    }

    #[test]
    fn two_networks_of_a_case_worked_out_by_hand() {
        let (old, people) = people();
        let all: Vec<usize> = (0..old.len()).collect();
        // Old against old is one network: each pair is counted twice, and that changes nothing.
        let turned: Vec<Embedding> = (0..50)
            .map(|of| at(3.0 + 7.0 * of as f32))
            .chain([at(174.0), at(179.0), at(199.0)])
            .collect();
        let same = told(&old, &old, &people, &all).unwrap();
        let once = val_at_far(&old, &people, &all).unwrap();
        assert!((same.val - once).abs() < 1e-12, "{same:?}");
        let both = told(&turned, &old, &people, &all).unwrap();
        // Turned by 3°, the nearest of different people are 171° to 171°, 174° to 175° and 178° to
        // 176°; two may pass. Of the pairs of one person 174° to 176° alone is not farther.
        assert!(both.val <= 1.0 / 6.0 + 1e-12, "{both:?}");
        assert!(both.accuracy > 0.8 && both.accuracy < 1.0, "{both:?}");
        assert_eq!(told(&old, &old, &people, &all[..20]), None);
    }

    #[test]
    fn a_person_is_in_one_split_only() {
        let photos: Vec<PathBuf> = ["a/1", "b/1", "a/2", "c/1", "b/2"]
            .iter()
            .map(PathBuf::from)
            .collect();
        assert_eq!(people_of(&photos), [0, 1, 0, 2, 1]);
        assert_eq!(val_of_splits(&[at(0.0), at(1.0)], &[0, 1]), None);
    }
}
