//! How well faces are found: photos with the right number of faces, faces missed, and false ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::{EvalError, OnPhoto};
use crate::FailedFile;
use crate::faces::{FaceFinder, MODEL, overlap};
use crate::indexing::DECODED_SIDE;
use crate::photo;

/// Two boxes are one face from this overlap on, as in FDDB (Jain and Learned-Miller 2010).
const SAME_FACE: f32 = 0.5;
/// Photos decoded and looked at together: bounds the pixels held in memory to 200 MB.
const PHOTOS_AT_ONCE: usize = 16;

/// What is known about a photo.
#[derive(Debug, Clone, PartialEq)]
enum Truth {
    Count(u32),
    /// `[x, y, w, h]`, fractions of the upright photo.
    Boxes(Vec<[f32; 4]>),
}

/// How well faces were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectReport {
    /// Photos looked at.
    pub photos: u32,
    /// Faces that are on them.
    pub faces: u32,
    /// Faces that were found.
    pub found: u32,
    /// Photos with the right number of faces found.
    pub right: u32,
    /// Faces that were not found; where only their number is known, as many as are too few.
    pub missed: u32,
    /// Faces found that are none; where only the number is known, as many as are too many.
    #[serde(rename = "false")]
    pub false_faces: u32,
    /// Photos with faces missed or false ones.
    pub wrong: Vec<WrongPhoto>,
    /// Photos that could not be decoded; they are in no figure.
    pub unreadable: Vec<FailedFile>,
    /// What found the faces; see [`MODEL`].
    pub model: &'static str,
}

/// A photo on which not the right faces were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongPhoto {
    /// The photo.
    pub photo: String,
    /// Faces that are on it.
    pub faces: u32,
    /// Faces found.
    pub found: u32,
    /// Faces missed.
    pub missed: u32,
    /// False faces.
    #[serde(rename = "false")]
    pub false_faces: u32,
}

/// Looks for faces on the photos that a file names.
///
/// Each line of `truth` is `photo,faces` with their number, or `photo,x,y,w,h` with the box of one
/// face as fractions of the upright photo; a photo with no more than its name has none. Photos are
/// named from `dir`. All lines are of one kind.
pub fn detect(
    finder: &FaceFinder,
    dir: &Path,
    truth: &Path,
    on_photo: OnPhoto<'_>,
) -> Result<DetectReport, EvalError> {
    let text = std::fs::read_to_string(truth).map_err(|reason| EvalError::Io {
        what: "The file that says where faces are",
        path: truth.to_owned(),
        reason,
    })?;
    let known = parse(&text).map_err(|(line, problem)| EvalError::Truth {
        path: truth.to_owned(),
        line,
        problem,
    })?;
    let photos: Vec<(PathBuf, &Truth)> = known
        .iter()
        .map(|(name, truth)| (dir.join(name), truth))
        .collect();
    let mut report = DetectReport {
        photos: 0,
        faces: 0,
        found: 0,
        right: 0,
        missed: 0,
        false_faces: 0,
        wrong: Vec::new(),
        unreadable: Vec::new(),
        model: &MODEL,
    };
    for (at, together) in photos.chunks(PHOTOS_AT_ONCE).enumerate() {
        let found = together
            .par_iter()
            .map(|(path, _)| match photo::decode(path, DECODED_SIDE) {
                Ok(upright) => finder.find(&upright.pixels).map(Ok),
                Err(error) => Ok(Err(error)),
            })
            .collect::<crate::Result<Vec<_>>>()?;
        for ((path, truth), found) in together.iter().zip(found) {
            match found {
                Ok(found) => {
                    let boxes: Vec<[f32; 4]> = found.iter().map(|face| face.box_upright).collect();
                    report.add(path, truth, &boxes);
                }
                Err(error) => report.unreadable.push(FailedFile {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                }),
            }
        }
        on_photo(at * PHOTOS_AT_ONCE + together.len(), photos.len());
    }
    Ok(report)
}

impl DetectReport {
    fn add(&mut self, path: &Path, truth: &Truth, found: &[[f32; 4]]) {
        let (faces, hits) = match truth {
            Truth::Count(faces) => (*faces, (found.len() as u32).min(*faces)),
            Truth::Boxes(boxes) => (boxes.len() as u32, matched(boxes, found)),
        };
        let wrong = WrongPhoto {
            photo: path.display().to_string(),
            faces,
            found: found.len() as u32,
            missed: faces - hits,
            false_faces: found.len() as u32 - hits,
        };
        self.photos += 1;
        self.faces += faces;
        self.found += wrong.found;
        self.right += u32::from(wrong.found == faces);
        self.missed += wrong.missed;
        self.false_faces += wrong.false_faces;
        if wrong.missed + wrong.false_faces > 0 {
            self.wrong.push(wrong);
        }
    }
}

/// How many of the boxes were found, each by another one; the best pairs first.
fn matched(boxes: &[[f32; 4]], found: &[[f32; 4]]) -> u32 {
    let mut pairs: Vec<(f32, usize, usize)> = boxes
        .iter()
        .enumerate()
        .flat_map(|(i, a)| {
            let shared = move |(j, b)| (overlap(a, b), i, j);
            found.iter().enumerate().map(shared)
        })
        .filter(|pair| pair.0 >= SAME_FACE)
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut taken, mut used) = (vec![false; boxes.len()], vec![false; found.len()]);
    let mut count = 0;
    for (_, i, j) in pairs {
        if !taken[i] && !used[j] {
            (taken[i], used[j]) = (true, true);
            count += 1;
        }
    }
    count
}

/// The truth a photo, by name; or the line, counted from 1, and what is wrong with it.
fn parse(text: &str) -> Result<BTreeMap<String, Truth>, (usize, &'static str)> {
    let mut known: BTreeMap<String, Truth> = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let problem = |problem| (number, problem);
        let (name, values) = fields(line);
        match *values {
            [] if !known.contains_key(name) => {
                known.insert(name.to_owned(), Truth::Boxes(Vec::new()));
            }
            [count] => {
                let count = count
                    .parse()
                    .map_err(|_| problem("has no number of faces"))?;
                if known.insert(name.to_owned(), Truth::Count(count)).is_some() {
                    return Err(problem("names a photo that was named before"));
                }
            }
            [x, y, w, h] => {
                let mut face = [0.0; 4];
                for (value, text) in face.iter_mut().zip([x, y, w, h]) {
                    let fraction = text.parse().ok().filter(|v| (0.0..=1.0).contains(v));
                    *value = fraction.ok_or(problem("has a box that is no fractions"))?;
                }
                match known
                    .entry(name.to_owned())
                    .or_insert_with(|| Truth::Boxes(Vec::new()))
                {
                    Truth::Boxes(boxes) => boxes.push(face),
                    Truth::Count(_) => {
                        return Err(problem("names a photo that was named before"));
                    }
                }
            }
            _ => {
                return Err(problem(
                    "is neither a photo, nor photo,faces, nor photo,x,y,w,h",
                ));
            }
        }
    }
    Ok(known)
}

/// The name, which may hold commas, and the numbers after it: four, one or none.
fn fields(line: &str) -> (&str, Vec<&str>) {
    let is_number = |text: &&str| text.trim().parse::<f32>().is_ok();
    let parts: Vec<&str> = line.split(',').collect();
    let numbers = parts[1..]
        .iter()
        .rev()
        .take_while(|text| is_number(text))
        .count();
    let numbers = if numbers >= 4 { 4 } else { numbers.min(1) };
    let values: Vec<&str> = parts[parts.len() - numbers..]
        .iter()
        .map(|text| text.trim())
        .collect();
    let tail: usize = parts[parts.len() - numbers..]
        .iter()
        .map(|text| text.len() + 1)
        .sum();
    (&line[..line.len() - tail], values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_say_numbers_boxes_or_nothing() {
        let known = parse("a.jpg,2\nb, c.jpg,0.1,0.2,0.3,0.4\nb, c.jpg,0.5,0.5,0.1,0.1\n\nd.jpg\n");
        let expected = [
            ("a.jpg", Truth::Count(2)),
            (
                "b, c.jpg",
                Truth::Boxes(vec![[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.1, 0.1]]),
            ),
            ("d.jpg", Truth::Boxes(vec![])),
        ]
        .map(|(name, truth)| (name.to_owned(), truth));
        assert_eq!(known, Ok(BTreeMap::from(expected)));
        assert_eq!(parse("a.jpg,1\na.jpg,2").unwrap_err().0, 2);
        assert_eq!(parse("a.jpg\n\na.jpg,0.1,7,0.3,0.4").unwrap_err().0, 3);
        assert!(parse("a.jpg,1.5").is_err());
    }

    #[test]
    fn a_face_is_found_once_and_the_rest_is_false() {
        let known = [[0.1, 0.1, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]];
        let found = [
            [0.1, 0.1, 0.2, 0.2],
            [0.11, 0.1, 0.2, 0.2],
            [0.4, 0.1, 0.1, 0.1],
        ];
        assert_eq!(matched(&known, &found), 1);
        assert_eq!(matched(&known, &known), 2);
        assert_eq!(matched(&[], &found), 0);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c,.0-9 \n]{0,60}") {
            let _ = parse(&text);
        }
    }
}
