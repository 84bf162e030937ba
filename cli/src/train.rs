//! `kith model train`: what is learned from your answers, or from a folder of known people.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use kith_engine::eval::{Told, TrainPlan, TrainReport, train};
use kith_engine::faces::FaceFinder;
use kith_engine::{Control, Library};

use crate::eval::{framing, list_unreadable, percent};
use crate::output::Output;
use crate::progress::Shown;

/// Learn from everything you said so far, or from a folder of known people
///
/// Without a folder it takes some seconds. The faces that you confirmed and rejected are learned from;
/// parts of them are held back in turn, to count the mistakes on faces that were not learned from.
///
/// With a folder a network is trained by the method of the FaceNet paper: a small one from nothing, or
/// FaceNet's last layer. A quarter of the people, or of the families, is held back and the network
/// tried on them, before and after. Each batch has 16 people with up to 4 faces, and triplets with
/// semi-hard negatives are mined in it. The library learns nothing from that.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith model train
  Learned from 212 answers of yours; mistakes on 188 answers it had not seen: 9 \u{2192} 4

  kith model train DIR --write OUT                             DIR/PERSON/photo
  kith model train DIR --write OUT --last-layer --numbers 64,128,256,512

`kith model use 0` takes back what was learned from your answers.

OUT gets a folder for each size of an embedding, with curve.csv and curve.svg, the loss of each step,
and checkpoint.safetensors, written every 50 steps. Where there is a checkpoint already, the training
goes on from there.")]
pub struct Train {
    /// Folder with a folder of photos for each person, or families of such
    #[arg(value_name = "DIR", requires = "write")]
    dir: Option<PathBuf>,
    /// Folder for curves and checkpoints
    #[arg(long, value_name = "OUT", requires = "dir")]
    write: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// How a folder of people is learned from.
#[derive(Args)]
struct How {
    /// Train FaceNet's last layer anew, on the rest of it as it is
    #[arg(long, requires = "dir")]
    last_layer: bool,
    /// Steps in all
    #[arg(long, requires = "dir", value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
    /// Numbers of an embedding; one training for each
    #[arg(long, requires = "dir", value_name = "N,…", value_delimiter = ',', default_value = "128", value_parser = clap::value_parser!(u16).range(2..=2048))]
    numbers: Vec<u16>,
    /// How a step follows from the gradients
    #[arg(long, requires = "dir", value_enum, default_value_t = RuleArg::Adagrad)]
    optimiser: RuleArg,
    /// Multiply in 16 bits, add up in 32
    #[arg(long, requires = "dir")]
    mixed: bool,
    /// The photos are tight crops of one face each
    #[arg(long, requires = "dir")]
    cropped: bool,
}

/// How a step follows from the gradients.
#[derive(Clone, Copy, ValueEnum)]
enum RuleArg {
    /// As in the paper
    Adagrad,
    /// With a decay of the weights
    Adamw,
}

impl Train {
    pub fn run(
        self,
        library: impl FnOnce() -> anyhow::Result<Library>,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        match (self.dir, self.write) {
            (Some(dir), Some(into)) => from_folder(&dir, &into, &self.how, out),
            _ => from_answers(&library()?, out),
        }
    }
}

fn from_answers(library: &Library, out: &mut Output) -> anyhow::Result<()> {
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

fn from_folder(dir: &Path, into: &Path, how: &How, out: &mut Output) -> anyhow::Result<()> {
    let finder = FaceFinder::load()?;
    let plan = TrainPlan {
        last_layer: how.last_layer,
        steps: how.steps,
        numbers: how.numbers.iter().copied().map(usize::from).collect(),
        adagrad: matches!(how.optimiser, RuleArg::Adagrad),
        mixed: how.mixed,
    };
    let mut shown = Shown::new();
    let photos = (dir, framing(how.cropped));
    let mut on_training = |training, done, total| {
        let doing = if training {
            "Training"
        } else {
            "Reading photos"
        };
        shown.at(doing, done as u32, total as u32, "", None);
    };
    let reports = train(&finder, photos, &plan, into, &mut on_training)?;
    drop(shown);
    let Some(first) = reports.first() else {
        return Ok(());
    };
    list_unreadable(&first.unreadable);
    if out.is_json() {
        return reports.iter().try_for_each(|report| out.object(report));
    }
    let both = |told: Told| format!("{}, {}", percent(told.accuracy), percent(told.val));
    let row = |report: &TrainReport| {
        [
            report.numbers.to_string(),
            format!("{:.4}, {:.4}", report.first_loss, report.last_loss),
            both(report.untrained),
            both(report.trained),
            both(report.trained_in_bytes),
            format!("{:.0}", report.seconds),
        ]
    };
    let rows: Vec<_> = reports.iter().map(row).collect();
    let head = [
        "NUMBERS",
        "LOSS",
        "UNTRAINED",
        "TRAINED",
        "IN BYTES",
        "SECONDS",
    ];
    out.table(head, &rows)?;
    if let Some(published) = first.published {
        out.line(&format!(
            "FaceNet's own last layer, 128 numbers: {}.",
            both(published)
        ))?;
    }
    out.line(&format!(
        "Learned from {} faces of {} people, tried on {} faces of {} others. It ran on the {}.",
        first.faces, first.people, first.unseen_faces, first.unseen_people, first.device
    ))?;
    out.line(
        "Loss: the mean of the first and of the last 20 steps. The others: the mean accuracy over pairs \
         of one person and pairs of two, 50 % by chance, and VAL at FAR 1e-3.",
    )
}
