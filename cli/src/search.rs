//! `kith search`: photos by who is on them, when and where they were taken, and what else is known of
//! them.

use std::ffi::OsString;

use clap::Args;
use kith_engine::{Library, PhotoId};
use serde::Serialize;

use crate::away;
use crate::output::{Output, count};

/// Find photos by who is on them
///
/// Names together mean all of them on one photo; a minus before a name means without that person;
/// a year, a month, a day or a range of them means taken then.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith search anna                          photos with Anna
  kith search anna ben                      photos with both
  kith search anna -carl                    with Anna, without Carl
  kith search '\"Anna Maria\" ben'            names with spaces in quotes of their own
  kith search anna 2019                     taken in 2019
  kith search anna ben -carl 2019-06..2019-08
  kith search anna or ben                   with one of the two
  kith search only anna                     nobody else on the photo
  kith search unnamed faces:2+              two faces or more, somebody without a name
  kith search anna in:norway                taken in that country, region or town
  kith search camera:nikon stars:3+         taken with a Nikon, three stars or more
  kith search beach                         in the name of the file or a folder, if it is nobody's

JSON, one line a photo, newest first: photo, date, people.")]
pub struct Search {
    /// Names, names with a minus, dates
    #[arg(value_name = "QUERY", required = true)]
    words: Vec<String>,
}

/// The arguments, with a space before each `-name` of a search: `-carl` is somebody to leave out
/// and no option, while `--json` may still stand anywhere.
pub fn with_minus_names(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut in_search = false;
    let shield = |word: OsString| {
        let text = word.to_string_lossy();
        let is_name = text.len() > 1 && text.starts_with('-') && !text.starts_with("--");
        if in_search && is_name && !["-h", "-V"].contains(&text.as_ref()) {
            return format!(" {text}").into();
        }
        in_search |= text == "search";
        word
    };
    typed.map(shield).collect()
}

#[derive(Serialize)]
struct FoundLine {
    photo: String,
    date: String,
    people: Vec<String>,
}

impl Search {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let found = library.search(&self.words.join(" "))?;
        if out.is_json() {
            for photo in found.photos {
                out.object(&FoundLine {
                    photo: photo.path,
                    date: photo.tile.date,
                    people: photo.people,
                })?;
            }
            return Ok(());
        }
        let photos = count(found.photos.len() as u32, "photo", "photos");
        out.line(&format!("{photos} {}", found.understood.join(" and ")))?;
        if found.photos.is_empty() {
            return Ok(());
        }
        let numbers: Vec<PhotoId> = found.photos.iter().map(|photo| photo.tile.photo).collect();
        let rows: Vec<_> = found
            .photos
            .into_iter()
            .map(|photo| {
                let day = photo
                    .tile
                    .date
                    .split('T')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                [day, photo.people.join(", "), photo.path]
            })
            .collect();
        out.line("")?;
        out.table(["DATE", "PEOPLE", "PHOTO"], &rows)?;
        away::tell_of(&numbers, library, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_name_is_no_option_and_options_may_follow() {
        let typed = ["kith", "search", "anna", "-carl", "--json", "-h"];
        let kept = with_minus_names(typed.iter().map(OsString::from));
        assert_eq!(
            kept,
            ["kith", "search", "anna", " -carl", "--json", "-h"].map(OsString::from)
        );
    }
}
