//! What the user's answers teach: a head on top of the network, tried on answers that were held
//! back, and used only where it makes fewer mistakes on them.

use std::collections::{BTreeMap, BTreeSet};

use kith_models::training::{Head, Lesson};
use kith_models::{EMBEDDING_LEN, Embedding, distance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Calibration, Decided, GroupFace};
use crate::{PersonId, PhotoId, Result};

/// The answers are cut into so many parts, and each is held back once.
const PARTS: u32 = 5;
/// Photos with neighbouring numbers are held back together: they often show the same moment.
const NEIGHBOURING: u32 = 8;
/// Fewer faces held back, of people it knows or of others, show nothing.
const FEWEST_FACES: u32 = 20;
/// More faces of known people are not learned from: the work of comparing those that are held back
/// with the others grows with the square of their number.
const MOST_FACES: usize = 4_000;
/// The same of faces of whom it is only known that they are not one of these people.
const MOST_OTHERS: usize = 1_000;
/// People nobody was asked about may be mistaken more often by this share of their faces, by chance.
const BY_CHANCE: f64 = 0.02;

/// Mistakes on faces that were held back: the nearest of the other faces is another person's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistakes {
    /// Faces held back.
    pub faces: u32,
    /// Mistakes as the network came.
    pub before: u32,
    /// Mistakes with the head.
    pub after: u32,
}

/// What was learned, and how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The head, learned from all answers.
    pub head: Head,
    /// How good it is.
    pub trial: Trial,
}

/// How a head did on answers that it had not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Faces that were learned from, of which it was said who they are, or are not.
    pub answers: u32,
    /// All faces of which that had been said by then; not known of versions that are older than the
    /// limit on those that are learned from.
    #[serde(default)]
    pub said: u32,
    /// People they are of.
    pub people: u32,
    /// New faces of people whom it knows.
    pub known: Mistakes,
    /// Faces of people whom it does not know, held back altogether.
    pub unknown: Mistakes,
}

impl Trial {
    /// Whether it is worth using: fewer mistakes on new faces of the people it knows, by more than
    /// chance moves their number (its root, as of a count), and no more on people it does not know
    /// than chance may make; never where too few faces tell.
    #[must_use]
    pub fn is_better(&self) -> bool {
        if self.known.faces.min(self.unknown.faces) < FEWEST_FACES {
            return false;
        }
        let allowed = f64::from(self.unknown.before) + BY_CHANCE * f64::from(self.unknown.faces);
        let fewer = f64::from(self.known.before) - f64::from(self.known.after);
        fewer > f64::from(self.known.before).sqrt() && f64::from(self.unknown.after) <= allowed
    }
}

/// What a library's answers say of its faces.
#[derive(Debug, Clone, PartialEq)]
pub struct Lessons {
    faces: Vec<Lesson>,
    /// The photo of each.
    photos: Vec<PhotoId>,
    /// How many of them the user said something of; the others share a photo with one.
    answers: u32,
    /// Of how many faces the user said something, whether they are learned from or not.
    said: u32,
    /// The mean of all of the library's embeddings.
    middle: Embedding,
}

impl Lessons {
    /// Gathers what was said about `faces`, which are in the order of their numbers: confirmed
    /// faces, rejected ones, and faces that are on one photo with a confirmed one (unless they are
    /// as near as one person, as in a collage).
    #[must_use]
    pub fn gather(faces: &[GroupFace], decided: &Decided) -> Self {
        let mut people_on: BTreeMap<PhotoId, Vec<(PersonId, &GroupFace)>> = BTreeMap::new();
        let mut not: BTreeMap<u32, BTreeSet<PersonId>> = BTreeMap::new();
        for face in faces {
            if let Some(person) = decided.confirmed.get(&face.id) {
                let on = people_on.entry(face.photo).or_default();
                on.push((*person, face));
            }
        }
        for (face, person) in &decided.rejected {
            not.entry(*face).or_default().insert(*person);
        }
        for (a, b) in &decided.apart {
            for (face, other) in [(a, b), (b, a)] {
                let person = decided.confirmed.get(other);
                not.entry(*face).or_default().extend(person);
            }
        }
        let surely_same = Calibration::built_in().surely_same();
        let mut known = Vec::new();
        for face in faces {
            let person = decided.confirmed.get(&face.id).copied();
            let mut not = not.remove(&face.id).unwrap_or_default();
            let said = person.is_some() || !not.is_empty();
            if person.is_none() {
                let embedding = face.code.embedding();
                let others = people_on.get(&face.photo).into_iter().flatten();
                let apart = others
                    .filter(|(_, of)| distance(&of.code.embedding(), &embedding) >= surely_same);
                not.extend(apart.map(|(person, _)| *person));
            }
            if decided.ignored.contains(&face.id) || (person.is_none() && not.is_empty()) {
                continue;
            }
            known.push(Known {
                face,
                person,
                not,
                said,
            });
        }
        let said = |known: &[Known]| known.iter().filter(|of| of.said).count() as u32;
        let all_said = said(&known);
        let known = as_many_of_each(known);
        Self {
            photos: known.iter().map(|of| of.face.photo).collect(),
            answers: said(&known),
            said: all_said,
            middle: middle(faces),
            faces: known.into_iter().map(Known::lesson).collect(),
        }
    }

    /// Of how many faces the user said something.
    #[must_use]
    pub fn said(&self) -> u32 {
        self.said
    }

    /// Whether a head could be found better at all: it cannot where too few faces tell, or where the
    /// network alone makes hardly a mistake. That is told in a moment, without learning.
    #[must_use]
    pub fn could_teach(&self) -> bool {
        self.untrained().is_better()
    }

    /// How many people the answers tell apart.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.numbers().len() as u32
    }

    /// The people, counted from 0.
    fn numbers(&self) -> BTreeMap<PersonId, u32> {
        let people: BTreeSet<PersonId> = self.faces.iter().filter_map(|of| of.person).collect();
        people.into_iter().zip(0..).collect()
    }

    /// Learns from all answers, and tries the same on each part of them that was held back. None
    /// when stopped. `on_step` gets how many steps of how
    /// many are done, and says whether to go on.
    ///
    /// # Errors
    /// [`crate::Error::Models`] when Candle fails.
    pub fn learn(&self, on_step: &mut dyn FnMut(u32, u32) -> bool) -> Result<Option<Learned>> {
        let total = Head::STEPS * (2 * PARTS + 1);
        let mut done = 0;
        let mut train = |keep: &dyn Fn(usize) -> bool| {
            let kept = (0..self.faces.len()).filter(|at| keep(*at));
            let lessons: Vec<Lesson> = kept.map(|at| self.faces[at].clone()).collect();
            Head::train(&lessons, &self.middle, &mut |_| {
                done += 1;
                on_step(done, total)
            })
        };
        let mut trial = self.untrained();
        for part in 0..PARTS {
            let Some(head) = train(&|at| self.part_of_photo(at) != part)? else {
                return Ok(None);
            };
            trial.known.after += self.mistakes_on_photos(part, Some(&head)).1;
        }
        let part_of = self.parts_of_people();
        for part in 0..PARTS {
            let Some(head) = train(&|at| part_of[at] != Some(part))? else {
                return Ok(None);
            };
            trial.unknown.after += self.mistakes_on_people(&part_of, part, Some(&head)).1;
        }
        let head = train(&|_| true)?;
        Ok(head.map(|head| Learned { head, trial }))
    }

    /// The trial of a head that would make no mistake at all, with the mistakes of the network alone.
    fn untrained(&self) -> Trial {
        let mut trial = Trial {
            answers: self.answers,
            said: self.said,
            people: self.people(),
            ..Trial::default()
        };
        let part_of = self.parts_of_people();
        for part in 0..PARTS {
            let known = self.mistakes_on_photos(part, None);
            let unknown = self.mistakes_on_people(&part_of, part, None);
            for (mistakes, (faces, wrong)) in
                [(&mut trial.known, known), (&mut trial.unknown, unknown)]
            {
                mistakes.faces += faces;
                mistakes.before += wrong;
            }
        }
        trial
    }

    /// The part in which the photo of a face is held back.
    fn part_of_photo(&self, at: usize) -> u32 {
        self.photos[at] / NEIGHBOURING % PARTS
    }

    /// The part in which the person of each face is held back; none for faces of nobody known.
    fn parts_of_people(&self) -> Vec<Option<u32>> {
        let number = self.numbers();
        let part = |lesson: &Lesson| Some(number.get(&lesson.person?)? % PARTS);
        self.faces.iter().map(part).collect()
    }

    /// The faces on the photos of a part and the mistakes on them, when they are compared with the
    /// faces on all other photos.
    fn mistakes_on_photos(&self, part: u32, head: Option<&Head>) -> (u32, u32) {
        self.mistakes(
            &|at| self.part_of_photo(at) == part,
            &|at| self.part_of_photo(at) != part,
            head,
        )
    }

    /// The faces of the people of a part and the mistakes on them, when they are compared with each
    /// other.
    fn mistakes_on_people(
        &self,
        part_of: &[Option<u32>],
        part: u32,
        head: Option<&Head>,
    ) -> (u32, u32) {
        let held_back = |at: usize| part_of[at] == Some(part);
        self.mistakes(&held_back, &held_back, head)
    }

    /// How many faces of `held_back` can be compared with the others of `compared`, and how many of
    /// these are mistaken; without a head the network is as it came.
    fn mistakes(
        &self,
        held_back: &dyn Fn(usize) -> bool,
        compared: &dyn Fn(usize) -> bool,
        head: Option<&Head>,
    ) -> (u32, u32) {
        let of_people: Vec<(usize, u32)> = (0..)
            .zip(&self.faces)
            .filter_map(|(at, lesson)| Some((at, lesson.person?)))
            .collect();
        let only = |wanted: &dyn Fn(usize) -> bool| -> Vec<(usize, u32)> {
            let of_people = of_people.iter().copied();
            of_people.filter(|of| wanted(of.0)).collect()
        };
        let as_seen = |at: usize| {
            let embedding = &self.faces[at].embedding;
            (head.map_or(*embedding, |head| head.embed(embedding)), 0.0)
        };
        let judged = wrong(&only(held_back), &only(compared), &as_seen);
        let judged: Vec<bool> = judged.into_iter().flatten().collect();
        let mistaken = judged.iter().filter(|wrong| **wrong).count();
        (judged.len() as u32, mistaken as u32)
    }
}

/// A face of which something is known.
struct Known<'a> {
    face: &'a GroupFace,
    person: Option<PersonId>,
    not: BTreeSet<PersonId>,
    /// Whether the user said it; of the others their photo tells.
    said: bool,
}

impl Known<'_> {
    fn lesson(self) -> Lesson {
        Lesson {
            embedding: self.face.code.embedding(),
            person: self.person,
            not: self.not,
        }
    }
}

/// Those that are learned from, in the order in which they came: [`MOST_FACES`] of people at most, of
/// each as many as of any other as far as there are, and [`MOST_OTHERS`] of nobody known. Which ones
/// of a person is left to chance, the same each time.
fn as_many_of_each(known: Vec<Known<'_>>) -> Vec<Known<'_>> {
    // Multiplying by an odd number gives each face a place of its own (Knuth's hashing).
    let lot = |at: usize| known[at].face.id.wrapping_mul(0x9E37_79B1);
    let mut of_each: BTreeMap<Option<PersonId>, Vec<usize>> = BTreeMap::new();
    for (at, face) in known.iter().enumerate() {
        of_each.entry(face.person).or_default().push(at);
    }
    let mut others = of_each.remove(&None).unwrap_or_default();
    others.sort_by_key(|at| lot(*at));
    others.truncate(MOST_OTHERS);
    // The first face of everybody, then the second of everybody, and so on.
    let mut ranked: Vec<(usize, u32, usize)> = Vec::new();
    for of_person in of_each.values_mut() {
        of_person.sort_by_key(|at| lot(*at));
        ranked.extend((0..).zip(of_person).map(|(rank, at)| (rank, lot(*at), *at)));
    }
    ranked.sort_unstable();
    ranked.truncate(MOST_FACES);
    let chosen: BTreeSet<usize> = ranked.iter().map(|of| of.2).chain(others).collect();
    let known = known.into_iter().enumerate();
    let chosen = known.filter(|(at, _)| chosen.contains(at));
    chosen.map(|(_, known)| known).collect()
}

/// For each of the faces whether the `known` face nearest to it is another person's: every face that
/// the user said is somebody shows what they look like. None where their person has no other face,
/// or there is nobody else. `as_seen` gives a face's point and what is taken off its distances, as
/// [`super::Metric`] does.
pub(crate) fn wrong(
    faces: &[(usize, u32)],
    known: &[(usize, u32)],
    as_seen: &(dyn Fn(usize) -> (Embedding, f32) + Sync),
) -> Vec<Option<bool>> {
    let known: Vec<(usize, u32, Embedding, f32)> = known
        .iter()
        .map(|(at, person)| {
            let (point, offset) = as_seen(*at);
            (*at, *person, point, offset)
        })
        .collect();
    let judge = |(at, own): &(usize, u32)| {
        let (point, _) = as_seen(*at);
        // The nearest face of their own, and of anybody else: 2 less the distance, and what all
        // distances of this face have in common left out.
        let (mut nearest_own, mut nearest_other) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        for (_, person, seen, offset) in known.iter().filter(|of| of.0 != *at) {
            let product: f32 = point.iter().zip(seen).map(|(a, b)| a * b).sum();
            let nearest = if person == own {
                &mut nearest_own
            } else {
                &mut nearest_other
            };
            *nearest = nearest.max(2.0 * product + offset);
        }
        (nearest_own.is_finite() && nearest_other.is_finite())
            .then_some(nearest_other >= nearest_own)
    };
    faces.par_iter().map(judge).collect()
}

/// The mean of the embeddings; zero where there is none.
fn middle(faces: &[GroupFace]) -> Embedding {
    let mut sum = [0.0_f64; EMBEDDING_LEN];
    for face in faces {
        for (sum, number) in sum.iter_mut().zip(face.code.embedding()) {
            *sum += f64::from(number);
        }
    }
    sum.map(|sum| (sum / faces.len().max(1) as f64) as f32)
}

#[cfg(test)]
mod tests {
    use kith_models::{Code, unit};

    use super::*;
    use crate::catalog::decisions::Entry;
    use crate::people::Decision;

    /// People who differ in 24 directions, seen with noise in 24 others, one face a photo.
    fn faces(people: u32, each: u32) -> Vec<GroupFace> {
        let mut faces = Vec::new();
        for person in 0..people {
            let mut random = seeded(person);
            let look: Vec<f32> = (0..24).map(|_| random()).collect();
            for _ in 0..each {
                let mut numbers = [0.0; EMBEDDING_LEN];
                for at in 0..24 {
                    numbers[at] = look[at] + 0.2 * random();
                    numbers[at + 24] = 2.2 * random();
                }
                let id = faces.len() as u32 + 1;
                faces.push(GroupFace {
                    id,
                    // Each person's photos are far apart, so that they are not held back together.
                    photo: id % each * (people + 3) + person,
                    day: None,
                    code: Code::of(&unit(&numbers)),
                    quality: 1.0,
                });
            }
        }
        faces
    }

    /// Numbers from -0.5 to 0.5.
    fn seeded(seed: u32) -> impl FnMut() -> f32 {
        let mut hash = blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .finalize_xof();
        move || {
            let mut bytes = [0; 4];
            hash.fill(&mut bytes);
            u32::from_le_bytes(bytes) as f32 / u32::MAX as f32 - 0.5
        }
    }

    fn decided(decisions: &[Decision]) -> Decided {
        let log: Vec<Entry> = decisions
            .iter()
            .zip(1..)
            .map(|(decision, id)| Entry {
                id,
                at: std::time::SystemTime::UNIX_EPOCH,
                decision: decision.clone(),
            })
            .collect();
        Decided::replay(&log)
    }

    /// Everybody's faces confirmed.
    fn all_said(people: u32, each: u32) -> (Vec<GroupFace>, Decided) {
        let confirm = |person: u32| Decision::Confirm {
            person: person + 1,
            faces: (person * each + 1..=(person + 1) * each).collect(),
        };
        let said: Vec<Decision> = (0..people).map(confirm).collect();
        (faces(people, each), decided(&said))
    }

    #[test]
    fn fewer_mistakes_on_answers_it_had_not_seen() {
        let (faces, decided) = all_said(24, 8);
        let lessons = Lessons::gather(&faces, &decided);
        assert_eq!(lessons.people(), 24);
        assert!(lessons.could_teach());
        let mut steps = Vec::new();
        let learned = lessons.learn(&mut |done, total| {
            steps.push((done, total));
            true
        });
        let trial = learned.unwrap().unwrap().trial;
        assert_eq!((trial.answers, trial.said, trial.people), (192, 192, 24));
        assert_eq!([trial.known.faces, trial.unknown.faces], [192, 192]);
        assert!(trial.known.before > 20, "{trial:?}");
        assert!(4 * trial.known.after < 3 * trial.known.before, "{trial:?}");
        assert!(trial.is_better());
        let total = 11 * Head::STEPS;
        assert!(
            steps
                .iter()
                .copied()
                .eq((1..=total).map(|done| (done, total)))
        );
    }

    #[test]
    fn of_many_answers_as_many_are_learned_from_of_each_person() {
        // Of one person 3,000 faces, of forty 60 each.
        let (mut faces, mut said) = (faces(1, 1), Vec::new());
        let face = faces.remove(0);
        for person in 0..41 {
            let first = faces.len() as u32 + 1;
            let last = first + if person == 0 { 2_999 } else { 59 };
            faces.extend((first..=last).map(|id| GroupFace { id, ..face }));
            said.push(Decision::Confirm {
                person: first,
                faces: (first..=last).collect(),
            });
        }
        let decided = decided(&said);
        let lessons = Lessons::gather(&faces, &decided);
        assert_eq!((lessons.answers, lessons.said), (4_000, 5_400));
        let of = |person: u32| {
            let mine = lessons.faces.iter().filter(|of| of.person == Some(person));
            mine.count()
        };
        assert_eq!((of(1), of(3_001), of(5_341)), (1_600, 60, 60));
        assert_eq!(lessons, Lessons::gather(&faces, &decided));
    }

    /// `cargo test --release -p kith-engine as_many_answers -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement of some seconds"]
    fn as_many_answers_as_are_learned_from() {
        for (people, each) in [(100, 10), (400, 10)] {
            let (faces, decided) = all_said(people, each);
            let started = std::time::Instant::now();
            let lessons = Lessons::gather(&faces, &decided);
            let could = (lessons.could_teach(), started.elapsed());
            let trial = lessons.learn(&mut |_, _| true).unwrap().unwrap().trial;
            let whole = started.elapsed();
            println!("{trial:?}: whether it could {could:?}, in all {whole:?}");
        }
    }

    #[test]
    fn ten_answers_are_too_few() {
        let (faces, decided) = all_said(5, 2);
        let lessons = Lessons::gather(&faces, &decided);
        assert!(!lessons.could_teach());
        let learned = lessons.learn(&mut |_, _| true);
        let trial = learned.unwrap().unwrap().trial;
        assert_eq!(trial.answers, 10);
        assert!(!trial.is_better(), "{trial:?}");
    }

    #[test]
    fn it_stops_when_told() {
        let (faces, decided) = all_said(5, 2);
        let lessons = Lessons::gather(&faces, &decided);
        assert_eq!(lessons.learn(&mut |done, _| done < 30).unwrap(), None);
    }

    #[test]
    fn all_kinds_of_answers_are_gathered() {
        let mut faces = faces(3, 2);
        // The faces 2 and 6 are on one photo, and so are 1 and 5, which are as near as one face.
        faces[5].photo = faces[1].photo;
        faces[4].photo = faces[0].photo;
        faces[4].code = faces[0].code;
        let confirm = |person, faces: &[u32]| Decision::Confirm {
            person,
            faces: faces.to_vec(),
        };
        let decided = decided(&[
            confirm(1, &[1, 2]),
            Decision::Reject {
                person: 1,
                faces: vec![3],
                others: vec![],
            },
            Decision::Ignore { faces: vec![4] },
        ]);
        let lessons = Lessons::gather(&faces, &decided);
        let known: Vec<_> = lessons
            .faces
            .iter()
            .map(|of| (of.person, of.not.iter().copied().collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            known,
            [
                (Some(1), vec![]),
                (Some(1), vec![]),
                (None, vec![1]),
                (None, vec![1])
            ]
        );
        assert_eq!((lessons.answers, lessons.said), (3, 3));
        assert_eq!(lessons.photos.last(), Some(&faces[1].photo));
    }

    #[test]
    fn mistakes_of_a_case_worked_out_by_hand() {
        let at = |degrees: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let mut numbers = [0.0; EMBEDDING_LEN];
            numbers[..2].copy_from_slice(&[cos, sin]);
            numbers
        };
        let angles = [0.0, 10.0, 40.0, 50.0, 28.0, 90.0];
        let known = [(0, 7), (1, 7), (2, 9), (3, 9), (4, 7)];
        let as_seen = |face: usize| (at(angles[face]), 0.0);
        // From 28° the nearest but itself is at 40°, the second person's; from 10° it is at 0°.
        // The face at 90° has nobody, and is nearest to the one at 50°.
        let judged = wrong(&[(1, 7), (4, 7), (5, 9), (5, 3)], &known, &as_seen);
        assert_eq!(judged, [Some(false), Some(true), Some(false), None]);
        assert_eq!(wrong(&[(0, 7)], &known[..2], &as_seen), [None]);
        // With so much taken off the distances of the second person's faces they are the nearest.
        let offset = |face: usize| if face == 2 || face == 3 { 3.0 } else { 0.0 };
        let corrected = |face: usize| (at(angles[face]), offset(face));
        assert_eq!(wrong(&[(0, 7)], &known, &corrected), [Some(true)]);
    }

    #[test]
    fn a_head_that_harms_others_is_not_better() {
        let mistakes = |faces, before, after| Mistakes {
            faces,
            before,
            after,
        };
        let trial = |known, unknown| Trial {
            answers: 300,
            said: 300,
            people: 20,
            known,
            unknown,
        };
        let better = mistakes(100, 9, 4);
        assert!(trial(better, mistakes(100, 5, 7)).is_better());
        assert!(!trial(better, mistakes(100, 5, 8)).is_better());
        assert!(!trial(mistakes(100, 4, 4), mistakes(100, 5, 2)).is_better());
        assert!(!trial(mistakes(100, 9, 6), mistakes(100, 5, 2)).is_better());
        assert!(!trial(mistakes(100, 0, 0), mistakes(100, 5, 2)).is_better());
        assert!(!trial(mistakes(19, 9, 4), mistakes(100, 5, 2)).is_better());
        assert!(!trial(better, mistakes(19, 5, 2)).is_better());
        assert!(!Trial::default().is_better());
    }
}
