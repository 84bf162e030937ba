//! `kith people`, `kith faces`, `kith failed`, `kith alike`, `kith places`, `kith suggest`: what the
//! library holds.

use clap::Args;
use kith_engine::{FaceId, FaceState, Library, PersonId, PhotosOfPlace, PlaceName};
use serde::Serialize;

use crate::away;
use crate::output::Output;

/// List the people found, named or not
///
/// Each has a number, which other commands take. Those without a name are groups of faces that
/// look like one person.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith people                    everyone, named first, then the largest groups
  kith people --json | head -3   for scripts

JSON, one line a person: person, name (or null), faces, photos, hidden.
See also: kith name, kith merge, kith hide.")]
pub struct People {}

#[derive(Serialize)]
struct PersonLine {
    person: PersonId,
    name: Option<String>,
    faces: u32,
    photos: u32,
    hidden: bool,
}

impl People {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let people = library.people()?;
        if out.is_json() {
            for person in people {
                out.object(&PersonLine {
                    person: person.person,
                    name: person.name,
                    faces: person.faces,
                    photos: person.photos,
                    hidden: person.hidden,
                })?;
            }
            return Ok(());
        }
        if people.is_empty() {
            out.line("Nobody yet. `kith index FOLDER` finds the people on your photos.")?;
            return away::tell(library, out);
        }
        let rows: Vec<_> = people
            .into_iter()
            .map(|person| {
                [
                    person.person.to_string(),
                    person.name.unwrap_or_else(|| "not named yet".to_owned()),
                    person.faces.to_string(),
                    person.photos.to_string(),
                    if person.hidden {
                        "hidden".to_owned()
                    } else {
                        String::new()
                    },
                ]
            })
            .collect();
        out.table(["PERSON", "NAME", "FACES", "PHOTOS", ""], &rows)?;
        away::tell(library, out)
    }
}

/// List every face, where it is and whose it is
///
/// Each has a number, which `confirm`, `reject` and `ignore` take.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith faces                 every face of the library
  kith faces --json          for scripts

JSON, one line a face: face, photo, box ([x, y, width, height] as fractions of the upright photo),
score (how sure the detector is, 0 to 1), person (or null), name (or null), state.
States: confirmed (you said so), automatic (Kith thinks so), unassigned (too unclear), ignored.")]
pub struct Faces {}

#[derive(Serialize)]
struct FaceLine {
    face: FaceId,
    photo: String,
    #[serde(rename = "box")]
    box_upright: [f32; 4],
    score: f32,
    person: Option<PersonId>,
    name: Option<String>,
    state: FaceState,
}

impl Faces {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let faces = library.faces()?;
        if out.is_json() {
            for face in faces {
                out.object(&FaceLine {
                    face: face.face,
                    photo: face.path,
                    box_upright: face.box_upright,
                    score: face.score,
                    person: face.person,
                    name: face.name,
                    state: face.state,
                })?;
            }
            return Ok(());
        }
        if faces.is_empty() {
            return out.line("No faces yet. `kith index FOLDER` finds those on your photos.");
        }
        let rows: Vec<_> = faces
            .into_iter()
            .map(|face| {
                [
                    face.face.to_string(),
                    face.person
                        .map_or_else(String::new, |person| person.to_string()),
                    face.name.unwrap_or_default(),
                    state_in_words(face.state).to_owned(),
                    face.path,
                ]
            })
            .collect();
        out.table(["FACE", "PERSON", "NAME", "STATE", "PHOTO"], &rows)
    }
}

fn state_in_words(state: FaceState) -> &'static str {
    match state {
        FaceState::Confirmed => "confirmed",
        FaceState::Automatic => "automatic",
        FaceState::Unassigned => "unassigned",
        FaceState::Ignored => "ignored",
    }
}

/// List the files that could not be read, and why
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith failed
  kith failed --json         for scripts

JSON, one line a file: photo, reason. The next `kith index` tries them again once they changed.")]
pub struct Failed {}

#[derive(Serialize)]
struct FailedLine {
    photo: String,
    reason: String,
}

impl Failed {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let failed = library.failed()?;
        if out.is_json() {
            for file in failed {
                out.object(&FailedLine {
                    photo: file.path,
                    reason: file.reason,
                })?;
            }
            return Ok(());
        }
        if failed.is_empty() {
            let said = if library.skipped()?.is_empty() {
                "Every file could be read."
            } else {
                "Every photo could be read; `kith skipped` lists the files that were left out."
            };
            return out.line(said);
        }
        for file in failed {
            out.line(&format!("{}: {}", file.path, file.reason))?;
        }
        Ok(())
    }
}

/// List the photos that are nearly one
///
/// Copies in another size, format or quality, and shots taken within seconds of each other. The first
/// of each stands for all: the one with most stars, or else the largest, or else the one with the best
/// faces.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith alike                     each lot of copies and look-alikes under the one that stands for it
  kith alike --json              for scripts

JSON, one line a lot: photos, paths; the first stands for all. Nothing is deleted: Kith never changes a
photo.")]
pub struct Alike {}

impl Alike {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let stacks = library.stacks()?;
        if !out.is_json() && stacks.is_empty() {
            return out.line("No two photos are nearly the same.");
        }
        for stack in stacks {
            if out.is_json() {
                out.object(&stack)?;
                continue;
            }
            for (at, path) in stack.paths.iter().enumerate() {
                out.line(&format!("{}{path}", if at == 0 { "" } else { "  " }))?;
            }
        }
        Ok(())
    }
}

/// List where the photos were taken
///
/// Photos tell their place where the camera knew it, as most phones do. Kith names it from a table of
/// its own: the town, region and country.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith places                    every town, those with most photos first
  kith search in:norway          the photos of a country, a region or a town

JSON, one line a place: country and code (ISO 3166), region, town (each may be null), at ([latitude,
longitude] in degrees), photos (how many).")]
pub struct Places {}

#[derive(Serialize)]
struct PlaceLine {
    country: Option<String>,
    code: Option<String>,
    region: Option<String>,
    town: Option<String>,
    at: [f64; 2],
    photos: usize,
}

impl Places {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let places: Vec<PlaceLine> = library.places()?.into_iter().map(place_line).collect();
        if out.is_json() {
            return places.iter().try_for_each(|place| out.object(place));
        }
        if places.is_empty() {
            return out.line("No photo tells where it was taken.");
        }
        let rows: Vec<_> = places
            .into_iter()
            .map(|place| {
                let [latitude, longitude] = place.at;
                let far = || format!("at {latitude:.1}, {longitude:.1}");
                [
                    place.country.unwrap_or_default(),
                    place.region.unwrap_or_default(),
                    place.town.unwrap_or_else(far),
                    place.photos.to_string(),
                ]
            })
            .collect();
        out.table(["COUNTRY", "REGION", "TOWN", "PHOTOS"], &rows)
    }
}

fn place_line(place: PhotosOfPlace) -> PlaceLine {
    let PhotosOfPlace { name, at, photos } = place;
    // A ten-thousandth of a degree is ten metres.
    let at = at.map(|degrees| (degrees * 1e4).round() / 1e4);
    let named = |name: PlaceName| {
        let (country, code) = (Some(name.country), Some(name.country_code));
        (country, code, name.region, name.town)
    };
    let (country, code, region, town) = name.map(named).unwrap_or_default();
    PlaceLine {
        country,
        code,
        region,
        town,
        at,
        photos: photos.len(),
    }
}

/// List what Kith is not sure of: is this group that person?
///
/// The first answers teach it most. The certainty says how often the answer to such a question was
/// yes when it was measured.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith suggest                   31 may be Anna, 84 %
  kith merge 31 Anna             yes
  kith reject 40 41 Anna         no: these faces are not Anna

JSON, one line a question: group, faces, person, name (or null), best_faces, certainty.
See also: kith merge, kith reject.")]
pub struct Suggest {}

impl Suggest {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let suggestions = library.suggestions()?;
        if out.is_json() {
            for suggestion in &suggestions {
                out.object(suggestion)?;
            }
            return Ok(());
        }
        if suggestions.is_empty() {
            return out.line("Nothing to ask.");
        }
        let rows: Vec<_> = suggestions
            .into_iter()
            .map(|asked| {
                [
                    asked.group.to_string(),
                    asked.faces.len().to_string(),
                    asked.name.unwrap_or_else(|| asked.person.to_string()),
                    format!("{:.0} %", asked.certainty * 100.0),
                ]
            })
            .collect();
        out.table(["group", "faces", "may be", "certainty"], &rows)
    }
}
