//! `kith sureness`: how sure Kith must be before it puts faces together.

use clap::{Args, ValueEnum};
use kith_engine::{Action, Library, Sureness, SurenessPreview};

use crate::decisions::decide;
use crate::output::Output;

/// Show or set how sure Kith must be before it puts faces together
///
/// Without a step, says for each what your people would be: how many there are, how many groups would
/// be put together with another, and how many would come apart. Careful steps leave more for you to
/// put together; generous ones put more strangers together. What you said of faces holds at every
/// step.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith sureness                  what each step would change
  kith sureness careful          fewer strangers in one group
  kith sureness balanced         as it was measured to be best

JSON, without a step, one line a step: sureness, used, people, joined, joined_faces (pairs of faces),
parted, parted_faces. `kith undo` takes it back.")]
pub struct SurenessCommand {
    /// How sure
    #[arg(value_enum, value_name = "STEP")]
    step: Option<Step>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Step {
    VeryCareful,
    Careful,
    Balanced,
    Generous,
    VeryGenerous,
}

impl From<Step> for Sureness {
    fn from(step: Step) -> Self {
        match step {
            Step::VeryCareful => Self::VeryCareful,
            Step::Careful => Self::Careful,
            Step::Balanced => Self::Balanced,
            Step::Generous => Self::Generous,
            Step::VeryGenerous => Self::VeryGenerous,
        }
    }
}

impl SurenessCommand {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        match self.step {
            Some(step) => {
                let sureness = step.into();
                decide(library, Action::Sureness { sureness }, out)
            }
            None => list(library, out),
        }
    }
}

fn list(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for step in Step::value_variants() {
        let preview = library.try_sureness((*step).into())?;
        if out.is_json() {
            out.object(&preview)?;
            continue;
        }
        let SurenessPreview {
            used,
            people,
            joined,
            parted,
            ..
        } = preview;
        let name = step.to_possible_value();
        rows.push([
            name.map_or_else(String::new, |name| name.get_name().to_owned()),
            people.to_string(),
            joined.to_string(),
            parted.to_string(),
            if used { "in use".into() } else { String::new() },
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    out.table(["STEP", "PEOPLE", "JOINED", "PARTED", ""], &rows)
}
