//! `kith model`: what the library learned of your people.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use kith_engine::{Control, LearnedVersion, Library};
use serde::Serialize;

use crate::output::Output;
use crate::progress::Shown;

/// Let Kith learn to tell your people apart, from what you said
///
/// What is learned stays in the library. It is tried on answers that were held back, and used only
/// where it makes fewer mistakes on them.
#[derive(Subcommand)]
pub enum Model {
    Train(ModelTrain),
    List(ModelList),
    Use(ModelUse),
}

impl Model {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Train(ModelTrain {}) => train(library, out),
            Self::List(ModelList {}) => list(library, out),
            Self::Use(command) => command.run(library, out),
        }
    }
}

/// Learn from everything you said so far
///
/// Takes some seconds. The faces that you confirmed and rejected are learned from; parts of them
/// are held back in turn, to count the mistakes on faces that were not learned from.
#[derive(Args)]
#[command(after_long_help = "\
Example:
  kith model train
  Learned from 212 answers of yours; mistakes on 188 answers it had not seen: 9 \u{2192} 4

`kith model use 0` takes it back.")]
pub struct ModelTrain {}

fn train(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let mut shown = Shown::new();
    let version = library.learn(SystemTime::now(), &Control::new(), &mut |done, total| {
        shown.at("Learning", done, total, "", None);
    })?;
    drop(shown);
    let Some(version) = version else {
        return Ok(());
    };
    if out.is_json() {
        return out.object(&version);
    }
    out.line(&version.said)?;
    out.line(if version.used {
        "It is used from now on. `kith model use 0` takes it back."
    } else {
        "That is no better than before, so it is not used. More answers may help."
    })
}

/// List what was learned
#[derive(Args)]
pub struct ModelList {}

fn list(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let versions = library.learned()?;
    if out.is_json() {
        return versions.iter().try_for_each(|version| out.object(version));
    }
    let row = |version: &LearnedVersion| {
        [
            version.version.to_string(),
            if version.used { "in use" } else { "" }.to_owned(),
            version.said.clone(),
        ]
    };
    let none_used = !versions.iter().any(|version| version.used);
    let mut rows: Vec<_> = versions.iter().map(row).collect();
    rows.push([
        "0".to_owned(),
        if none_used { "in use" } else { "" }.to_owned(),
        "As Kith came, nothing learned".to_owned(),
    ]);
    out.table(["VERSION", "", "WHAT"], &rows)
}

/// Use a version of what was learned, or none
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith model use 3     what was learned third
  kith model use 0     as Kith came, nothing learned

What you said about people stays as it is either way.")]
pub struct ModelUse {
    /// The version, as `kith model list` shows it; 0 for none
    #[arg(value_name = "VERSION")]
    version: u32,
}

#[derive(Serialize)]
struct Used {
    version: Option<u32>,
}

impl ModelUse {
    fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let version = (self.version > 0).then_some(self.version);
        library.use_learned(version)?;
        if out.is_json() {
            return out.object(&Used { version });
        }
        match version {
            Some(version) => out.line(&format!("Version {version} is in use.")),
            None => out.line("Nothing that was learned is in use."),
        }
    }
}
