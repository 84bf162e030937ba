//! How well a folder falls into groups: faces misplaced, people whole, pairwise and B-cubed
//! precision and recall; how often the answer to a question would be yes; and what becomes of the
//! rest when the first photos of each person are named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kith_models::Embedder;
use serde::Serialize;

use super::labels::LabelledFolder;
use super::read::{Framing, read_labelled, sightings};
use super::{EvalError, OnPhoto};
use crate::faces::FaceFinder;
use crate::people::{Calibration, Grouped, MetricKind, Question, Unlabelled};
use crate::{FailedFile, PersonId};

/// How well a folder of known people was grouped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterReport {
    /// Faces grouped: one a photo.
    pub faces: u32,
    /// People they are of; the same name in two families counts twice.
    pub people: u32,
    /// How many groups came out.
    pub groups: u32,
    /// How good the groups are.
    #[serde(flatten)]
    pub score: GroupingScore,
    /// What became of the faces that were not named, where some were.
    #[serde(flatten)]
    pub named: Option<NamedScore>,
    /// The questions that would be asked, by their certainty.
    pub questions: Vec<Questions>,
    /// Photos in which no face was found; see [`Framing`] for what is used then.
    pub undetected: u32,
    /// Photos that could not be decoded; they are in no figure.
    pub unreadable: Vec<FailedFile>,
    /// Whether each folder was grouped for itself, or all together.
    pub grouping: Grouping,
    /// The network.
    pub model: &'static str,
    /// See [`Framing::name`].
    pub crop: String,
    /// See [`MetricKind::name`].
    pub metric: &'static str,
}

/// What became of the faces that were not named, when the first ones of each person were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NamedScore {
    /// Faces that were named: the first of everyone with more.
    pub named: u32,
    /// The other faces of these people.
    pub to_place: u32,
    /// Of those, how many were placed with their person.
    pub placed_right: u32,
    /// Faces of anyone that were placed with a named person that they are not.
    pub placed_wrong: u32,
    /// Faces in groups that the user is asked about: is it this named person?
    pub asked: u32,
    /// Of those, how many are that person.
    pub asked_right: u32,
}

/// Questions of about the same certainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Questions {
    /// The mean of what is said to the user.
    pub certainty: f64,
    /// How many.
    pub asked: u32,
    /// To how many the answer is yes.
    pub yes: u32,
}

/// What is grouped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// All photos of the folder, as one library.
    Together,
    /// Each folder right below, as a library of its own. The figures are then taken over the
    /// faces of all: no pair spans two folders, and a large family weighs more than a small one.
    PerFolder,
}

/// How well groups agree with people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GroupingScore {
    /// Faces in a group that is mostly someone else: all faces of a group but those of the person
    /// who has most in it (of two with equally many, one is at home and the other is not).
    pub misplaced: u32,
    /// People with two or more faces, all of them in one group.
    pub whole: u32,
    /// Of the pairs of faces grouped together, the share that is one person.
    pub pairwise_precision: f64,
    /// Of the pairs of faces of one person, the share that is grouped together.
    pub pairwise_recall: f64,
    /// The harmonic mean of the two.
    pub pairwise_f: f64,
    /// For each face the share of its group that is the same person, itself included; averaged
    /// over faces (B-cubed: Bagga and Baldwin 1998; Amigó et al. 2009, section 3.4).
    pub bcubed_precision: f64,
    /// For each face the share of its person that is in its group, averaged over faces.
    pub bcubed_recall: f64,
    /// The harmonic mean of the two.
    pub bcubed_f: f64,
}

/// Groups the faces of `dir/person/photo` or `dir/family/person/photo` as the program groups
/// those of a library, and compares the groups with the folders. Nothing was decided in it, or the
/// first `named` faces of each person were named who has more.
pub fn cluster(
    finder: &FaceFinder,
    dir: &Path,
    (grouping, framing, metric): (Grouping, Framing, MetricKind),
    named: Option<u32>,
    on_photo: OnPhoto<'_>,
) -> Result<ClusterReport, EvalError> {
    let folder = LabelledFolder::list(dir)?;
    if grouping == Grouping::PerFolder && folder.families.is_none() {
        return Err(EvalError::Layout {
            path: dir.to_owned(),
            problem: "To group each folder for itself the photos must lie in \
                      FOLDER/FAMILY/PERSON, and these lie in FOLDER/PERSON",
        });
    }
    let read = read_labelled(finder, folder, framing, on_photo)?;
    let person_of: Vec<u32> = read.faces.iter().map(|face| face.person).collect();
    let mut group_of = Vec::with_capacity(read.faces.len());
    let library = |family: u32| match grouping {
        Grouping::Together => 0,
        Grouping::PerFolder => family,
    };
    let mut groups = 0;
    let mut score = NamedScore::default();
    let mut questions = Vec::new();
    for together in read
        .faces
        .chunk_by(|a, b| library(a.family) == library(b.family))
    {
        let people: Vec<u32> = together.iter().map(|face| face.person).collect();
        let library = Unlabelled::new(&sightings(together))?;
        let said = named.map_or_else(Vec::new, |first| first_of_each(&people, first));
        let grouped = library.group(&library.metric(metric), &said);
        let answered = Answered::of(&people, &said, &grouped);
        score.add(&answered, &said);
        questions.extend(answered.questions());
        let mut numbers: BTreeMap<PersonId, u32> = BTreeMap::new();
        for group in &answered.group_of {
            let number = *numbers.entry(*group).or_insert_with(|| {
                groups += 1;
                groups
            });
            group_of.push(number);
        }
    }
    Ok(ClusterReport {
        faces: person_of.len() as u32,
        people: distinct(&person_of),
        groups: distinct(&group_of),
        score: score_grouping(&person_of, &group_of),
        named: named.map(|_| score),
        questions: by_certainty(questions),
        undetected: read.undetected,
        unreadable: read.unreadable,
        grouping,
        model: Embedder::NAME,
        crop: framing.name(),
        metric: metric.name(),
    })
}

/// A person who was named has the number of their folder and this.
const NAMED_FROM: u32 = 1 << 24;
/// The questions are put together by their certainty, in so many equal parts.
const PARTS: f64 = 5.0;

/// The positions of the first faces of each person who has more, and who they are said to be.
fn first_of_each(people: &[u32], first: u32) -> Vec<(usize, PersonId)> {
    let counts = count_by(people.iter().copied());
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    let mut said = Vec::new();
    for (position, person) in people.iter().enumerate() {
        let before = seen.entry(*person).or_default();
        if counts[person] > u64::from(first) && *before < first {
            said.push((position, NAMED_FROM + person));
        }
        *before += 1;
    }
    said
}

/// What a library made of faces whose people are known.
pub(super) struct Answered<'a> {
    people: &'a [u32],
    grouped: &'a Grouped,
    pub group_of: Vec<PersonId>,
    /// Who most of each group is.
    mostly: BTreeMap<PersonId, u32>,
}

impl<'a> Answered<'a> {
    pub fn of(people: &'a [u32], said: &[(usize, PersonId)], grouped: &'a Grouped) -> Self {
        let group_of: Vec<PersonId> = grouped
            .placements
            .iter()
            .map(|(face, of)| of.person.unwrap_or(*face))
            .collect();
        let shared = count_by(group_of.iter().copied().zip(people.iter().copied()));
        let mut mostly: BTreeMap<PersonId, (u64, u32)> = BTreeMap::new();
        for ((group, person), count) in shared {
            let most = mostly.entry(group).or_insert((count, person));
            if count > most.0 {
                *most = (count, person);
            }
        }
        let mut mostly: BTreeMap<PersonId, u32> = mostly
            .into_iter()
            .map(|(group, (_, person))| (group, person))
            .collect();
        for (position, group) in said {
            mostly.insert(*group, people[*position]);
        }
        Self {
            people,
            grouped,
            group_of,
            mostly,
        }
    }

    /// Each question, and whether the answer is yes: both are mostly the same person.
    pub fn questions(&self) -> Vec<(Question, bool)> {
        let answer = |question: &Question| {
            let yes = self.mostly[&question.group] == self.mostly[&question.person];
            (*question, yes)
        };
        self.grouped.questions.iter().map(answer).collect()
    }
}

impl NamedScore {
    fn add(&mut self, answered: &Answered<'_>, said: &[(usize, PersonId)]) {
        let asked: BTreeMap<PersonId, PersonId> = answered
            .grouped
            .questions
            .iter()
            .filter(|question| Calibration::built_in().certainty(question).is_some())
            .map(|question| (question.group, question.person))
            .collect();
        let people: BTreeSet<PersonId> = said.iter().map(|of| of.1).collect();
        let positions: BTreeSet<usize> = said.iter().map(|of| of.0).collect();
        self.named += said.len() as u32;
        for (position, group) in answered.group_of.iter().enumerate() {
            if positions.contains(&position) {
                continue;
            }
            let own = NAMED_FROM + answered.people[position];
            self.to_place += u32::from(people.contains(&own));
            if people.contains(group) {
                self.placed_right += u32::from(*group == own);
                self.placed_wrong += u32::from(*group != own);
            } else if let Some(person) = asked.get(group).filter(|of| people.contains(of)) {
                self.asked += 1;
                self.asked_right += u32::from(*person == own);
            }
        }
    }
}

/// The questions that are likely enough to be asked.
fn by_certainty(questions: Vec<(Question, bool)>) -> Vec<Questions> {
    let mut parts: BTreeMap<u32, (f64, u32, u32)> = BTreeMap::new();
    for (question, yes) in questions {
        if let Some(certainty) = Calibration::built_in().certainty(&question) {
            let certainty = f64::from(certainty);
            let part = (certainty * PARTS).min(PARTS - 1.0) as u32;
            let (sum, asked, answers) = parts.entry(part).or_default();
            *sum += certainty;
            *asked += 1;
            *answers += u32::from(yes);
        }
    }
    parts
        .into_values()
        .map(|(sum, asked, yes)| Questions {
            certainty: sum / f64::from(asked),
            asked,
            yes,
        })
        .collect()
}

fn distinct(numbers: &[u32]) -> u32 {
    count_by(numbers.iter().copied()).len() as u32
}

fn count_by<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// Compares groups with people; the two lists say for each face whose it is and where it went.
/// A measure over nothing (no pair grouped, no pair of one person, no face) is 1.
///
/// # Panics
///
/// When the lists are not equally long.
#[must_use]
pub fn score_grouping(person_of: &[u32], group_of: &[u32]) -> GroupingScore {
    assert_eq!(
        person_of.len(),
        group_of.len(),
        "a person and a group for each face"
    );
    let people = count_by(person_of.iter().copied());
    let groups = count_by(group_of.iter().copied());
    // How many faces of each person are in each group, group by group.
    let shared = count_by(group_of.iter().copied().zip(person_of.iter().copied()));

    let mut most_in_group = BTreeMap::new();
    let mut whole = 0;
    let (mut precision, mut recall) = (0.0, 0.0);
    for ((group, person), count) in &shared {
        let most = most_in_group.entry(group).or_insert(0);
        *most = (*most).max(*count);
        whole += u32::from(*count >= 2 && *count == people[person]);
        let squared = (count * count) as f64;
        precision += squared / groups[group] as f64;
        recall += squared / people[person] as f64;
    }
    let faces = person_of.len() as u64;
    let at_home: u64 = most_in_group.values().sum();
    let pairs = |counts: &mut dyn Iterator<Item = &u64>| -> u64 {
        counts.map(|count| count * (count - 1) / 2).sum()
    };
    let right = pairs(&mut shared.values()) as f64;
    let share = |part: f64, of: u64| if of == 0 { 1.0 } else { part / of as f64 };
    let pairwise_precision = share(right, pairs(&mut groups.values()));
    let pairwise_recall = share(right, pairs(&mut people.values()));
    let bcubed_precision = share(precision, faces);
    let bcubed_recall = share(recall, faces);
    GroupingScore {
        misplaced: (faces - at_home) as u32,
        whole,
        pairwise_precision,
        pairwise_recall,
        pairwise_f: harmonic_mean(pairwise_precision, pairwise_recall),
        bcubed_precision,
        bcubed_recall,
        bcubed_f: harmonic_mean(bcubed_precision, bcubed_recall),
    }
}

/// 0 where both are.
fn harmonic_mean(a: f64, b: f64) -> f64 {
    if a + b > 0.0 {
        2.0 * a * b / (a + b)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-12
    }

    #[test]
    fn a_case_worked_out_by_hand() {
        // Three people a a a a, b b, c c c; groups {a a a b}, {a b}, {c c}, {c}.
        let person = [0, 0, 0, 1, 0, 1, 2, 2, 2];
        let group = [7, 7, 7, 7, 8, 8, 9, 9, 3];
        let score = score_grouping(&person, &group);
        // b among the a; one of the two in {a b}.
        assert_eq!(score.misplaced, 2);
        assert_eq!(score.whole, 0);
        // Pairs grouped: 6 + 1 + 1; of one person 6 + 1 + 3; both 3 + 1.
        assert!(close(score.pairwise_precision, 4.0 / 8.0));
        assert!(close(score.pairwise_recall, 4.0 / 10.0));
        assert!(close(score.pairwise_f, 4.0 / 9.0));
        // Precision of each face: 3 × 3/4, 1/4, 1/2, 1/2, 2 × 1, 1.
        assert!(close(
            score.bcubed_precision,
            (9.0 / 4.0 + 0.25 + 0.5 + 0.5 + 2.0 + 1.0) / 9.0
        ));
        // Recall: 3 × 3/4 and 1/4 of a; 2 × 1/2 of b; 2 × 2/3 and 1/3 of c.
        let recall = 9.0 / 4.0 + 0.25 + 1.0 + 4.0 / 3.0 + 1.0 / 3.0;
        assert!(close(score.bcubed_recall, recall / 9.0));
    }

    /// The four constraints of Amigó et al. 2009 (section 2), as pairs of groupings of which the
    /// second must have the better B-cubed F.
    #[test]
    fn bcubed_holds_the_four_published_constraints() {
        let better = |person: &[u32], worse: &[u32], better: &[u32]| {
            let f = |group| score_grouping(person, group).bcubed_f;
            f(worse) < f(better)
        };
        // Homogeneity: do not mix two people in one group.
        assert!(better(&[0, 0, 0, 1, 1], &[5, 5, 5, 5, 5], &[5, 5, 5, 6, 6]));
        // Completeness: do not split a person.
        assert!(better(&[0, 0, 0, 0, 1], &[5, 5, 6, 6, 7], &[5, 5, 5, 5, 7]));
        // Rag bag: a stray face does less harm among strays than among faces of one person.
        assert!(better(
            &[0, 0, 0, 0, 1, 2, 3, 4, 5],
            &[5, 5, 5, 5, 5, 6, 6, 6, 6],
            &[5, 5, 5, 5, 6, 6, 6, 6, 6],
        ));
        // Size against number: one face off a large person is better than many small people
        // split in two.
        assert!(better(
            &[0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
            &[5, 5, 5, 5, 5, 10, 11, 20, 21, 30, 31, 40, 41],
            &[5, 5, 5, 5, 6, 10, 10, 20, 20, 30, 30, 40, 40],
        ));
    }

    #[test]
    fn fields_are_those_of_the_contract() {
        let score = score_grouping(&[0, 0, 1], &[0, 0, 1]);
        let json = serde_json::to_value(score).unwrap();
        let keys: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = [
            "misplaced",
            "whole",
            "pairwise_precision",
            "pairwise_recall",
            "pairwise_f",
            "bcubed_precision",
            "bcubed_recall",
            "bcubed_f",
        ];
        expected.sort_unstable();
        let mut found = keys.clone();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn a_perfect_grouping_is_all_ones(person in prop::collection::vec(0_u32..9, 0..60)) {
            // Groups have other numbers than people.
            let group: Vec<u32> = person.iter().map(|p| 100 - p).collect();
            let score = score_grouping(&person, &group);
            prop_assert_eq!(score.misplaced, 0);
            let repeated = count_by(person.iter().copied()).values().filter(|n| **n > 1).count();
            prop_assert_eq!(score.whole as usize, repeated);
            for share in [
                score.pairwise_precision, score.pairwise_recall, score.pairwise_f,
                score.bcubed_precision, score.bcubed_recall, score.bcubed_f,
            ] {
                prop_assert!(close(share, 1.0));
            }
        }

        /// All in one group: recall is 1, pairwise precision the share of pairs of one person,
        /// and B-cubed precision the sum of squared shares of the people.
        #[test]
        fn one_group_of_all_has_known_figures(person in prop::collection::vec(0_u32..5, 2..60)) {
            let score = score_grouping(&person, &vec![0; person.len()]);
            let faces = person.len() as f64;
            let counts = count_by(person.iter().copied());
            let most = counts.values().max().copied().unwrap();
            prop_assert_eq!(u64::from(score.misplaced), person.len() as u64 - most);
            prop_assert!(close(score.pairwise_recall, 1.0) && close(score.bcubed_recall, 1.0));
            let squares: f64 = counts.values().map(|n| (*n as f64 / faces).powi(2)).sum();
            prop_assert!(close(score.bcubed_precision, squares));
            let same: u64 = counts.values().map(|n| n * (n - 1) / 2).sum();
            prop_assert!(close(score.pairwise_precision, same as f64 * 2.0 / (faces * (faces - 1.0))));
        }

        /// Every figure agrees with its definition written out over faces and pairs.
        #[test]
        fn figures_agree_with_their_definitions(
            faces in prop::collection::vec((0_u32..6, 0_u32..6), 1..40)
        ) {
            let person: Vec<u32> = faces.iter().map(|f| f.0).collect();
            let group: Vec<u32> = faces.iter().map(|f| f.1).collect();
            let score = score_grouping(&person, &group);
            let (mut precision, mut recall) = (0.0, 0.0);
            let (mut together, mut one_person, mut both) = (0.0, 0.0, 0.0);
            for (i, a) in faces.iter().enumerate() {
                let in_group = faces.iter().filter(|b| b.1 == a.1).count() as f64;
                let of_person = faces.iter().filter(|b| b.0 == a.0).count() as f64;
                let shared = faces.iter().filter(|b| *b == a).count() as f64;
                precision += shared / in_group;
                recall += shared / of_person;
                for b in &faces[i + 1..] {
                    together += f64::from(u8::from(a.1 == b.1));
                    one_person += f64::from(u8::from(a.0 == b.0));
                    both += f64::from(u8::from(a == b));
                }
            }
            let count = faces.len() as f64;
            prop_assert!(close(score.bcubed_precision, precision / count));
            prop_assert!(close(score.bcubed_recall, recall / count));
            let share = |part: f64, of: f64| if of == 0.0 { 1.0 } else { part / of };
            prop_assert!(close(score.pairwise_precision, share(both, together)));
            prop_assert!(close(score.pairwise_recall, share(both, one_person)));
            prop_assert!(u64::from(score.misplaced) < faces.len() as u64);
        }
    }
}
