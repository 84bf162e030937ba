//! What the user says about faces and people: name, confirm, reject, merge, split, hide, ignore; its
//! history, undo and redo.

use std::time::SystemTime;

use anyhow::{Context as _, bail};
use clap::Args;
use kith_engine::{Action, DecisionId, FaceId, Library, Outcome, PersonId};
use serde::Serialize;

use crate::output::Output;

const WHO: &str = "A person is given by number (see `kith people`) or by name.";

/// Say who a person is
///
/// Gives a group a name, or a named person another one. If someone has that name already, the two
/// become one person. With --remove they have none any more, and the faces stay together.
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith name 12 Anna               person 12 is Anna
  kith name 12 \"Anna Maria\"       names with spaces in quotes
  kith name Anna \"Anna Berg\"      another name for Anna
  kith name --remove Anna         no name

A person is given by number (see `kith people`) or by name. `kith undo` takes it back.")]
pub struct Name {
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
    /// The name
    #[arg(value_name = "NAME", required_unless_present = "remove")]
    called: Option<String>,
    /// Take the person's name away
    #[arg(long, conflicts_with = "called")]
    remove: bool,
}

impl Name {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        let action = match self.called {
            Some(name) => Action::Name { person, name },
            None => Action::Unname { person },
        };
        decide(library, action, out)
    }
}

/// Say that faces are a person
///
/// Kith never moves a face that you confirmed.
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith confirm 31 Anna            face 31 is Anna
  kith confirm 31 32 40 Anna      so are 32 and 40

Faces are given by number: see `kith faces`. A person is given by number (see `kith people`) or by
name.")]
pub struct Confirm {
    /// The faces, by number
    #[arg(value_name = "FACE", required = true)]
    faces: Vec<FaceId>,
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
}

impl Confirm {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        decide(
            library,
            Action::Confirm {
                faces: self.faces,
                person,
            },
            out,
        )
    }
}

/// Say that faces are not a person
///
/// They become someone else's or nobody's, and Kith never offers them for that person again.
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith reject 31 Anna             face 31 is not Anna
  kith reject 31 32 40 12         none of these three is person 12

Faces are given by number: see `kith faces`. A person is given by number (see `kith people`) or by
name.")]
pub struct Reject {
    /// The faces, by number
    #[arg(value_name = "FACE", required = true)]
    faces: Vec<FaceId>,
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
}

impl Reject {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        decide(
            library,
            Action::Reject {
                faces: self.faces,
                person,
            },
            out,
        )
    }
}

/// Say that two people are one
///
/// All faces of the first go to the second, who keeps number and name.
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith merge 31 12                person 31 is person 12
  kith merge 31 Anna              person 31 is Anna

A person is given by number (see `kith people`) or by name. `kith undo` takes it back.")]
pub struct Merge {
    /// The person who goes, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
    /// The person who stays, by number or by name
    #[arg(value_name = "INTO")]
    into: String,
}

impl Merge {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        let into = person_called(library, &self.into)?;
        decide(library, Action::Merge { person, into }, out)
    }
}

/// Say that a person is two people
///
/// The faces that look least like the others leave: they become someone else's or nobody's, and
/// Kith never offers them for that person again. For three people, say it twice.
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith split 12                   person 12 is two people
  kith split Anna                 some of these are not Anna

A person is given by number (see `kith people`) or by name. `kith undo` takes it back.")]
pub struct Split {
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
}

impl Split {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        decide(library, Action::Split { person }, out)
    }
}

/// Leave a person out of view, or show them again
#[derive(Args)]
#[command(after_help = WHO, after_long_help = "\
Examples:
  kith hide 44                    a passer-by
  kith hide --show 44             show them again

A person is given by number (see `kith people`) or by name.")]
pub struct Hide {
    /// Show the person again
    #[arg(long)]
    show: bool,
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
}

impl Hide {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        decide(
            library,
            Action::Hide {
                person,
                hidden: !self.show,
            },
            out,
        )
    }
}

/// Say that faces are no faces, or none to care about
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith ignore 31                  a face on a poster
  kith ignore 31 32 33            three of them

Faces are given by number: see `kith faces`. `kith undo` takes it back.")]
pub struct Ignore {
    /// The faces, by number
    #[arg(value_name = "FACE", required = true)]
    faces: Vec<FaceId>,
}

impl Ignore {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        decide(library, Action::Ignore { faces: self.faces }, out)
    }
}

/// List what you said, newest first
///
/// Each entry has a number, which `kith undo` takes.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith history                    all entries
  kith history --json             for scripts
  kith undo 3                     undo entry 3, whatever was said since

JSON, one line an entry: entry, time (ISO 8601, UTC), text, undone.")]
pub struct History {}

/// An entry of the history as the contract has it.
#[derive(Serialize)]
struct EntryLine {
    entry: DecisionId,
    time: String,
    text: String,
    undone: bool,
}

impl History {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        // That an entry was undone is seen on the entry itself.
        for entry in library
            .history()?
            .into_iter()
            .filter(|of| of.stands || of.undone)
        {
            lines.push(EntryLine {
                entry: entry.decision,
                time: iso_8601(entry.at)?,
                text: entry.said.to_string(),
                undone: entry.undone,
            });
        }
        if out.is_json() {
            return lines.iter().try_for_each(|line| out.object(line));
        }
        if lines.is_empty() {
            return out.line("Nothing yet. `kith name PERSON NAME` says who somebody is.");
        }
        let undone = |undone| {
            if undone {
                "undone".to_owned()
            } else {
                String::new()
            }
        };
        let rows: Vec<_> = lines
            .into_iter()
            .map(|of| [of.entry.to_string(), of.time, of.text, undone(of.undone)])
            .collect();
        out.table(["ENTRY", "TIME", "WHAT YOU SAID", ""], &rows)
    }
}

/// Seconds since 1970 as `2026-11-30T17:05:09Z`.
fn iso_8601(seconds: f64) -> anyhow::Result<String> {
    let time = jiff::Timestamp::from_second(seconds as i64);
    Ok(time.context("An entry has no time")?.to_string())
}

/// Undo the last thing you said, or an earlier one
///
/// Without a number the newest entry of the history that holds; once more, the one before it, and so
/// on to the first. With a number that entry, whatever was said since.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith undo                       the last one
  kith undo; kith undo            the last two
  kith undo 3                     entry 3: see `kith history`

`kith redo` brings it back.")]
pub struct Undo {
    /// The entry, by number
    #[arg(value_name = "ENTRY")]
    entry: Option<DecisionId>,
}

impl Undo {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let action = match self.entry {
            Some(decision) => Action::TakeBack { decision },
            None => Action::Undo,
        };
        decide(library, action, out)
    }
}

/// Bring back what you undid last
///
/// Works until you say something new.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith undo; kith redo            as it was")]
pub struct Redo {}

impl Redo {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        decide(library, Action::Redo, out)
    }
}

/// An outcome as the contract has it: what was said is a sentence.
#[derive(Serialize)]
pub struct Told {
    decision: DecisionId,
    person: Option<PersonId>,
    faces_changed: u32,
    photos_changed: u32,
    pub said: String,
}

impl From<Outcome> for Told {
    fn from(of: Outcome) -> Self {
        Self {
            decision: of.decision,
            person: of.person,
            faces_changed: of.faces_changed,
            photos_changed: of.photos_changed,
            said: of.said.to_string(),
        }
    }
}

/// Decides, and tells what that changed.
pub fn decide(library: &Library, action: Action, out: &mut Output) -> anyhow::Result<()> {
    let told = Told::from(library.decide(action, SystemTime::now())?);
    if out.is_json() {
        out.object(&told)
    } else {
        out.line(&told.said)
    }
}

/// A number is a person's number; anything else is a name, in any case.
pub fn person_called(library: &Library, person: &str) -> anyhow::Result<PersonId> {
    if let Ok(number) = person.parse() {
        return Ok(number);
    }
    match library.people_called(person)?[..] {
        [number] => Ok(number),
        [] => bail!("Nobody is called “{person}”. `kith people` lists everyone."),
        _ => bail!("More than one person is called “{person}”: give the number."),
    }
}
