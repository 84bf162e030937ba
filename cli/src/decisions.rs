//! What the user says about faces and people: name, confirm, reject, merge, split, hide, ignore, undo, redo.

use std::time::SystemTime;

use anyhow::bail;
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

/// Take back the last thing you said
///
/// Again takes back the one before it, and so on to the first.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith undo
  kith undo; kith undo            the last two")]
pub struct Undo {}

impl Undo {
    pub fn run(library: &Library, out: &mut Output) -> anyhow::Result<()> {
        decide(library, Action::Undo, out)
    }
}

/// Say again what you took back last
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
struct Told {
    decision: DecisionId,
    person: Option<PersonId>,
    faces_changed: u32,
    photos_changed: u32,
    said: String,
}

/// Decides, and tells what that changed.
pub fn decide(library: &Library, action: Action, out: &mut Output) -> anyhow::Result<()> {
    let Outcome {
        decision,
        person,
        faces_changed,
        photos_changed,
        said,
    } = library.decide(action, SystemTime::now())?;
    let said = said.to_string();
    if out.is_json() {
        out.object(&Told {
            decision,
            person,
            faces_changed,
            photos_changed,
            said,
        })
    } else {
        out.line(&said)
    }
}

/// A number is a person's number; anything else is a name, in any case where that is enough to
/// tell.
pub fn person_called(library: &Library, person: &str) -> anyhow::Result<PersonId> {
    if let Ok(number) = person.parse() {
        return Ok(number);
    }
    let people = library.people()?;
    let named: Vec<(String, PersonId)> = people
        .into_iter()
        .filter_map(|known| {
            let names = std::iter::once(known.name?).chain(known.aliases);
            Some(names.map(move |name| (name, known.person)))
        })
        .flatten()
        .collect();
    if let Some((_, number)) = named.iter().find(|(name, _)| name == person) {
        return Ok(*number);
    }
    let wanted = person.to_lowercase();
    let mut alike = named
        .iter()
        .filter(|(name, _)| name.to_lowercase() == wanted);
    match (alike.next(), alike.next()) {
        (Some((_, number)), None) => Ok(*number),
        (Some(_), Some(_)) => bail!("More than one person is called “{person}”: give the number."),
        (None, _) => bail!("Nobody is called “{person}”. `kith people` lists everyone."),
    }
}
