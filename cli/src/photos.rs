//! `kith embed` and `kith verify`: faces of single photos, outside any library.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use kith_engine::faces::FaceFinder;
use kith_engine::people::Calibration;
use kith_engine::{EmbeddedFace, distance, embed_photo};
use serde::Serialize;

use crate::output::{Output, complain, count};

/// Turn the faces of photos into numbers
///
/// Each face becomes 128 numbers: the closer two faces are in them, the more alike they are. Two
/// faces are compared by the sum of the squared differences, 0 to 4. Nothing is stored.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith embed portrait.jpg              what was found on it
  kith embed --json *.jpg > faces.jsonl

JSON, one line a face: photo, box ([x, y, width, height] as fractions of the upright photo),
embedding (128 numbers, of length 1 together).")]
pub struct Embed {
    /// Photos
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct EmbeddedLine<'a> {
    photo: String,
    #[serde(rename = "box")]
    box_upright: [f32; 4],
    embedding: &'a [f32],
}

impl Embed {
    pub fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let mut unread = 0;
        for file in &self.files {
            match embed_photo(&finder, file) {
                Ok(faces) => print_faces(file, &faces, out)?,
                Err(error @ kith_engine::Error::Photo { .. }) => {
                    complain(&error.to_string());
                    unread += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if unread > 0 {
            bail!("{} could not be read.", count(unread, "file", "files"));
        }
        Ok(())
    }
}

fn print_faces(file: &Path, faces: &[EmbeddedFace], out: &mut Output) -> anyhow::Result<()> {
    if !out.is_json() {
        let found = count(faces.len() as u32, "face", "faces");
        out.line(&format!("{}: {found}", file.display()))?;
    }
    for face in faces {
        if out.is_json() {
            out.object(&EmbeddedLine {
                photo: face.path.to_string_lossy().into_owned(),
                box_upright: face.box_upright,
                embedding: &face.embedding,
            })?;
        } else {
            let [x, y, w, h] = face.box_upright;
            let first: Vec<String> = face
                .embedding
                .iter()
                .take(4)
                .map(|value| format!("{value:+.3}"))
                .collect();
            out.line(&format!(
                "  at {x:.3} {y:.3}, size {w:.3} {h:.3}: {} … (all 128 with --json)",
                first.join(" ")
            ))?;
        }
    }
    Ok(())
}

/// Say whether two photos show the same person
///
/// Compares the largest face of each photo.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith verify passport.jpg holiday.jpg

JSON: distance (0 to 4), same (true or false), threshold (the distance below which two faces are
taken for the same person).")]
pub struct Verify {
    /// A photo
    #[arg(value_name = "FILE")]
    first: PathBuf,
    /// Another one
    #[arg(value_name = "FILE")]
    second: PathBuf,
}

#[derive(Serialize)]
struct Verified {
    distance: f32,
    same: bool,
    threshold: f32,
}

impl Verify {
    pub fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let first = largest_face(&finder, &self.first)?;
        let second = largest_face(&finder, &self.second)?;
        let distance = distance(&first.embedding, &second.embedding);
        let threshold = Calibration::built_in().same_person();
        let verified = Verified {
            distance,
            same: distance < threshold,
            threshold,
        };
        if out.is_json() {
            return out.object(&verified);
        }
        let answer = if verified.same {
            "The same person"
        } else {
            "Two different people"
        };
        out.line(&format!(
            "{answer}: the faces are {distance:.2} apart, and one person's are less than {threshold:.2}."
        ))
    }
}

fn largest_face(finder: &FaceFinder, photo: &Path) -> anyhow::Result<EmbeddedFace> {
    let faces = embed_photo(finder, photo)?;
    if faces.len() > 1 {
        let faces = faces.len();
        complain(&format!(
            "{faces} faces found, the largest is compared: {}",
            photo.display()
        ));
    }
    let area = |face: &EmbeddedFace| face.box_upright[2] * face.box_upright[3];
    faces
        .into_iter()
        .max_by(|a, b| area(a).total_cmp(&area(b)))
        .with_context(|| format!("There is no face to be found on {}", photo.display()))
}
