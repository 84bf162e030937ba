//! The video protocol of section 5.7 of the FaceNet paper: two videos are compared by the mean over
//! all pairs of the first hundred frames in which a face is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kith_models::{EMBEDDING_LEN, Embedder, Embedding};
use serde::Serialize;

use super::labels::LabelledFolder;
use super::paper::{Figure, stated};
use super::read::{Framing, PHOTOS_AT_ONCE, Second, read_photos};
use super::scores::{ScoredPair, folded};
use super::{EvalError, OnPhoto};
use crate::faces::FaceFinder;

/// How many frames of a video with a face count.
const FRAMES: usize = 100;

/// The figures of a folder of videos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoReport {
    /// Videos that the pairs name.
    pub videos: u32,
    /// Frames that count, of all of them.
    pub frames: u32,
    /// Videos without a face in any frame: the centre of their frames is taken.
    pub undetected: u32,
    /// Frames that cannot be decoded; they are in no figure.
    pub unreadable: u32,
    /// Pairs of videos judged.
    pub pairs: u32,
    /// Mean accuracy over the splits, each judged at the threshold that is best on the others.
    pub accuracy: Figure,
    /// What the paper reports for `YouTube` Faces.
    pub paper: Figure,
    /// How many splits.
    pub folds: u32,
    /// The network.
    pub model: &'static str,
    /// See [`Framing::name`].
    pub crop: String,
}

/// Judges the pairs of videos of a file laid out as the `splits.txt` of `YouTube` Faces: lines of
/// `SPLIT, PERSON/VIDEO, PERSON/VIDEO, …, 1` for one person, 0 for two. The frames are
/// `dir/PERSON/VIDEO/frame`, in the order of the numbers in their names.
pub fn video(
    finder: &FaceFinder,
    dir: &Path,
    pairs_file: &Path,
    on_photo: OnPhoto<'_>,
) -> Result<VideoReport, EvalError> {
    let text = fs::read_to_string(pairs_file).map_err(|reason| EvalError::Io {
        what: "The pair file",
        path: pairs_file.to_owned(),
        reason,
    })?;
    let failed = |(line, problem): (usize, &str)| EvalError::Pairs {
        path: pairs_file.to_owned(),
        line,
        problem: problem.to_owned(),
    };
    let asked = parse(&text).map_err(failed)?;
    let all = videos(dir)?;
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    let named: BTreeMap<&str, usize> = asked
        .iter()
        .flat_map(|pair| pair.videos.iter().map(|video| (video.as_str(), pair.line)))
        .collect();
    let frames_of = |(video, line): (&&str, &usize)| {
        let frames = all.get(*video).map(Vec::as_slice);
        frames.ok_or_else(|| failed((*line, "names a video of which there is no frame")))
    };
    let frames = named.iter().map(frames_of).collect::<Result<Vec<_>, _>>()?;
    let total: usize = frames.iter().map(|frames| frames.len()).sum();
    let mut before = 0;
    for (video, frames) in named.keys().zip(frames) {
        seen.insert(
            video,
            look_at(finder, frames, &mut || on_photo(before, total))?,
        );
        before += frames.len();
    }
    let scored: Vec<ScoredPair> = asked
        .iter()
        .map(|pair| ScoredPair {
            distance: mean_distance(&seen[&*pair.videos[0]], &seen[&*pair.videos[1]]),
            same: pair.same,
            fold: pair.fold,
        })
        .collect();
    let folds = asked.iter().map(|pair| pair.fold + 1).max().unwrap_or(0);
    if folds < 2 {
        return Err(EvalError::TooLittle(
            "the threshold is chosen on other splits than the one it is judged on, and that needs \
             two splits at least",
        ));
    }
    Ok(VideoReport {
        videos: seen.len() as u32,
        frames: seen.values().map(|of| of.frames).sum(),
        undetected: seen.values().filter(|of| !of.detected).count() as u32,
        unreadable: seen.values().map(|of| of.unreadable).sum(),
        pairs: scored.len() as u32,
        accuracy: folded(&scored, folds).into(),
        paper: stated(95.12, 0.39),
        folds,
        model: Embedder::NAME,
        crop: Framing::Photo.name(),
    })
}

/// A video as it is compared.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The mean of the embeddings of its frames.
    mean: Embedding,
    frames: u32,
    detected: bool,
    unreadable: u32,
}

/// The mean distance over all pairs of a frame of one and a frame of the other: for unit vectors
/// that is 2 less twice the product of the means.
fn mean_distance(a: &Seen, b: &Seen) -> f32 {
    let product: f32 = a.mean.iter().zip(&b.mean).map(|(a, b)| a * b).sum();
    2.0 - 2.0 * product
}

/// Reads frames until there are enough with a face.
fn look_at(
    finder: &FaceFinder,
    frames: &[PathBuf],
    on_frames: &mut dyn FnMut(),
) -> Result<Seen, EvalError> {
    let (mut with_face, mut without) = (Vec::new(), Vec::new());
    let mut unreadable = 0;
    for together in frames.chunks(PHOTOS_AT_ONCE) {
        for frame in read_photos(
            finder,
            Second::Nobody,
            together,
            Framing::Photo,
            &mut |_, _| (),
        )? {
            match frame {
                Ok(face) if face.detected => with_face.push(face.embedding),
                Ok(face) => without.push(face.embedding),
                Err(_) => unreadable += 1,
            }
        }
        on_frames();
        if with_face.len() >= FRAMES {
            break;
        }
    }
    let detected = !with_face.is_empty();
    let mut counted = if detected { with_face } else { without };
    counted.truncate(FRAMES);
    if counted.is_empty() {
        return Err(EvalError::TooLittle(
            "no frame of one of the videos can be read",
        ));
    }
    let mut mean = [0.0; EMBEDDING_LEN];
    for embedding in &counted {
        for (mean, number) in mean.iter_mut().zip(embedding) {
            *mean += number / counted.len() as f32;
        }
    }
    Ok(Seen {
        mean,
        frames: counted.len() as u32,
        detected,
        unreadable,
    })
}

/// The frames of each video, called `PERSON/VIDEO`, in their order.
fn videos(dir: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, EvalError> {
    let folder = LabelledFolder::list(dir)?;
    if folder.families.is_none() {
        return Err(EvalError::Layout {
            path: dir.to_owned(),
            problem: "Frames must lie in PERSON/VIDEO/frame",
        });
    }
    let mut videos: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for photo in folder.photos {
        let name = photo.path.parent().and_then(|of| of.strip_prefix(dir).ok());
        if let Some(name) = name {
            let name = name.to_string_lossy().replace('\\', "/");
            videos.entry(name).or_default().push(photo.path);
        }
    }
    for frames in videos.values_mut() {
        frames.sort_by_cached_key(|frame| {
            let name = frame.file_stem().unwrap_or_default().to_string_lossy();
            (numbers_in(&name), frame.clone())
        });
    }
    Ok(videos)
}

/// The numbers in a name: frames are called `0.9.jpg`, `0.10.jpg` and so on.
fn numbers_in(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct VideoPair {
    /// Where it stands in the file, counted from 1.
    line: usize,
    videos: [String; 2],
    same: bool,
    fold: u32,
}

/// The pairs, or the line that is wrong and what is wrong with it. A first line of headings is
/// passed over.
fn parse(text: &str) -> Result<Vec<VideoPair>, (usize, &'static str)> {
    let mut pairs = Vec::new();
    let mut folds: BTreeMap<u32, u32> = BTreeMap::new();
    for (line, words) in (1..).zip(text.lines()) {
        let words: Vec<&str> = words.split(',').map(str::trim).collect();
        if words == [""] {
            continue;
        }
        let [split, first, second, .., same] = words[..] else {
            return Err((line, "should be SPLIT, PERSON/VIDEO, PERSON/VIDEO, 0 or 1"));
        };
        let Ok(split) = split.parse::<u32>() else {
            if line == 1 {
                continue;
            }
            return Err((line, "should begin with the number of its split"));
        };
        let same = match same {
            "0" => false,
            "1" => true,
            _ => return Err((line, "should end with 0 or 1")),
        };
        let next = folds.len() as u32;
        pairs.push(VideoPair {
            line,
            videos: [first.to_owned(), second.to_owned()],
            same,
            fold: *folds.entry(split).or_insert(next),
        });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_splits() {
        let text = "split number, first name, second name, score, is same\n\
                    3, Ann/0, Ann/2, 0.4, 1\n\n7, Ann/0, Ben/1, 0\n3, Ben/1, Cy/0, 0.1, 0\n";
        let pair = |line, first: &str, second: &str, same, fold| VideoPair {
            line,
            videos: [first.to_owned(), second.to_owned()],
            same,
            fold,
        };
        assert_eq!(
            parse(text).unwrap(),
            [
                pair(2, "Ann/0", "Ann/2", true, 0),
                pair(4, "Ann/0", "Ben/1", false, 1),
                pair(5, "Ben/1", "Cy/0", false, 0)
            ]
        );
        for (wrong, line) in [
            ("1, Ann/0, Ben/1", 1),
            ("1, A/0, B/1, 0\nx, A/0, B/1, 0", 2),
            ("1, Ann/0, Ben/1, yes", 1),
        ] {
            assert_eq!(parse(wrong).unwrap_err().0, line, "{wrong}");
        }
    }

    #[test]
    fn frames_are_in_the_order_of_their_numbers() {
        let mut names = ["0.100", "0.20", "1.3", "0.9"];
        names.sort_by_key(|name| numbers_in(name));
        assert_eq!(names, ["0.9", "0.20", "0.100", "1.3"]);
    }

    #[test]
    fn the_mean_over_all_pairs_is_that_of_the_means() {
        let unit = |degrees: f32| {
            let mut embedding = [0.0; EMBEDDING_LEN];
            let (sin, cos) = degrees.to_radians().sin_cos();
            embedding[..2].copy_from_slice(&[cos, sin]);
            embedding
        };
        let (a, b) = ([10.0, 30.0, 55.0], [80.0, 100.0]);
        let seen = |angles: &[f32]| {
            let mut mean = [0.0; EMBEDDING_LEN];
            for angle in angles {
                for (mean, number) in mean.iter_mut().zip(unit(*angle)) {
                    *mean += number / angles.len() as f32;
                }
            }
            Seen {
                mean,
                frames: angles.len() as u32,
                detected: true,
                unreadable: 0,
            }
        };
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        let one_by_one: f32 = pairs
            .map(|(a, b)| kith_models::distance(&unit(*a), &unit(*b)) / 6.0)
            .sum();
        assert!((mean_distance(&seen(&a), &seen(&b)) - one_by_one).abs() < 1e-5);
    }
}
