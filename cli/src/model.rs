//! `kith model`: what the library learned of your people, and networks that you add.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};
use kith_engine::{Control, LearnedVersion, Library, Network, UpgradePhase, UpgradeProgress};
use serde::Serialize;

use crate::index::stop_on_ctrl_c;
use crate::output::{Output, count};
use crate::progress::Shown;
use crate::train::Train;

/// Let Kith learn to tell your people apart, from what you said; and add other networks
///
/// What is learned stays in the library. It is tried on answers that were held back, and used only
/// where it makes fewer mistakes on them.
#[derive(Subcommand)]
pub enum Model {
    Train(Train),
    List(ModelList),
    Use(ModelUse),
    Add(ModelAdd),
    Remove(ModelRemove),
    Upgrade(ModelUpgrade),
}

impl Model {
    pub fn run(
        self,
        library: impl FnOnce() -> anyhow::Result<Library>,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        match self {
            Self::Train(command) => command.run(library, out),
            Self::List(ModelList {}) => list(&library()?, out),
            Self::Use(command) => command.run(&library()?, out),
            Self::Add(command) => command.run(&library()?, out),
            Self::Remove(command) => command.run(&library()?, out),
            Self::Upgrade(command) => command.run(&library()?, out),
        }
    }
}

/// List what was learned, and the networks that you added
#[derive(Args)]
pub struct ModelList {}

fn list(library: &Library, out: &mut Output) -> anyhow::Result<()> {
    let (versions, networks) = (library.learned()?, library.networks()?);
    if out.is_json() {
        versions
            .iter()
            .try_for_each(|version| out.object(version))?;
        return networks.iter().try_for_each(|network| out.object(network));
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
    out.table(["VERSION", "", "WHAT"], &rows)?;
    if networks.is_empty() {
        return Ok(());
    }
    let row = |network: &Network| {
        [
            network.name.clone(),
            if network.used { "in use" } else { "" }.to_owned(),
            network.faces.to_string(),
            network.numbers.to_string(),
            network.sha256.clone(),
        ]
    };
    let rows: Vec<_> = networks.iter().map(row).collect();
    out.line("")?;
    out.table(["NETWORK", "", "FACES", "NUMBERS", "SHA-256"], &rows)
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

/// Add a network of your own
///
/// Kith comes with one network that turns faces into numbers. Other weights for it go around, as
/// those of facenet-pytorch; a file of them is copied into the library and called by its name.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith model add 20180402-114759-vggface2.pt
  kith eval paper --images lfw --pairs pairs.txt --new 20180402-114759-vggface2.pt
                                     measure it first

The file is safetensors or a PyTorch file, and holds the parameters of facenet-pytorch's
InceptionResnetV1.")]
pub struct ModelAdd {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl ModelAdd {
    fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let network = library.add_network(&self.file)?;
        if out.is_json() {
            return out.object(&network);
        }
        out.line(&format!(
            "{} is in the library: {} numbers a face. To use it: kith model upgrade {0}",
            network.name, network.numbers
        ))
    }
}

/// Take a network that you added out of the library
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith model remove 20180402-114759-vggface2

The copy in the library is deleted; the file that you added is not touched.")]
pub struct ModelRemove {
    /// The network, as `kith model list` shows it
    #[arg(value_name = "NETWORK")]
    name: String,
}

impl ModelRemove {
    fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let network = library.remove_network(&self.name)?;
        if out.is_json() {
            return out.object(&network);
        }
        out.line(&format!("{} is no longer in the library.", network.name))
    }
}

/// Let a network that you added look at all faces, without losing a name
///
/// First Kith looks at some faces with both networks, and learns how to compare what they see. From
/// then on new photos are seen by the new network, and the photos that are there are looked at again,
/// the newest first. All the time people keep their names, and searches work.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith model upgrade 20180402-114759-vggface2
  kith model upgrade --undo                    back to the network that Kith came with

Ctrl+C stops it after the faces in hand; the same command goes on from there.")]
pub struct ModelUpgrade {
    /// The network, as `kith model list` shows it
    #[arg(value_name = "NETWORK", required_unless_present = "undo")]
    name: Option<String>,
    /// Go back to the network that Kith came with
    #[arg(long, conflicts_with = "name")]
    undo: bool,
}

impl ModelUpgrade {
    fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let control = Arc::new(Control::new());
        stop_on_ctrl_c(Arc::clone(&control))?;
        let mut shown = Shown::new();
        let (mut failed, mut is_learned) = (0, false);
        let mut on_progress = |progress: UpgradeProgress| {
            failed = progress.failed;
            let doing = match progress.phase {
                UpgradePhase::Learning => "Comparing the networks",
                UpgradePhase::Embedding => "Looking at faces",
            };
            if progress.phase == UpgradePhase::Embedding && !is_learned {
                (shown, is_learned) = (Shown::new(), true);
            }
            let UpgradeProgress { done, total, .. } = progress;
            shown.at(doing, done, total, " faces", progress.seconds_left);
        };
        let summary = match &self.name {
            Some(name) => library.upgrade(name, &control, &mut on_progress)?,
            None => library.undo_upgrade(&control, &mut on_progress)?,
        };
        drop(shown);
        if out.is_json() {
            out.object(&summary)?;
        } else {
            let by = summary.network.as_deref();
            out.line(&format!(
                "{} of {} are as {} sees them. {:.1} s",
                summary.embedded,
                count(summary.faces, "face", "faces"),
                by.unwrap_or("the network that Kith came with"),
                summary.seconds
            ))?;
            if failed > 0 {
                out.line(&format!(
                    "{} are on photos that cannot be read now, or were changed since; they stay as \
                     they are. The same command tries them again.",
                    count(failed, "face", "faces")
                ))?;
            }
        }
        if summary.cancelled {
            bail!("Stopped. Everybody keeps their name, and the same command goes on from there.");
        }
        Ok(())
    }
}
