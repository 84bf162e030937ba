//! `kith eval`: the figures of published protocols on labelled photos.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use kith_engine::eval::{
    AfterAnswers, ClusterReport, Figure, Framing, Grouping, PairsReport, PaperReport, PeopleReport,
    Told, calibrate, cluster, detect, learn, paper, verify_pairs, verify_people, video,
};
use kith_engine::faces::FaceFinder;
use kith_engine::people::{MetricKind, Rate};
use kith_engine::{AddedEmbedder, FailedFile};

use crate::output::{Output, complain, count};
use crate::progress::Shown;

/// Measure how well faces are recognised, on photos of known people
#[derive(Subcommand)]
pub enum Eval {
    Verify(EvalVerify),
    Cluster(EvalCluster),
    Detect(EvalDetect),
    Learn(EvalLearn),
    Paper(EvalPaper),
    Video(EvalVideo),
    Calibrate(EvalCalibrate),
}

impl Eval {
    pub fn run(self, out: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Verify(command) => command.run(out),
            Self::Cluster(command) => command.run(out),
            Self::Detect(command) => command.run(out),
            Self::Learn(command) => command.run(out),
            Self::Paper(command) => command.run(out),
            Self::Video(command) => command.run(out),
            Self::Calibrate(command) => command.run(out),
        }
    }
}

/// Measure whether two photos are rightly judged to show one person
///
/// Either on the pairs of a file of Labeled Faces in the Wild, or on all pairs of a folder. A pair
/// is accepted when its distance is below a threshold; the figures say which share of the pairs
/// of one person is accepted (TAR) where at most a given share of the pairs of different people
/// is (FAR), without interpolation.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith eval verify --images lfw --pairs pairs.txt
  kith eval verify --people DIR             DIR/PERSON/photo
  kith eval verify --people DIR --cropped   DIR/FAMILY/PERSON/crop

With --pairs the accuracy is that of LFW's View 2: each of ten folds is judged at the threshold
that is best on the other nine; std is the deviation of the ten. A file without folds is cut into
ten runs of neighbouring lines (folds_from: cut). Photos without a face are counted as undetected,
their centre is taken for the face, and their pairs count all the same.

With --people every photo is compared with every other. Where the folders are families of people,
only pairs across families count as different people, and what becomes of relatives is said apart:
kin_at_far_1e-3 is the share of pairs of relatives taken for one person at that threshold, and
tar_at_kin_1.5e-2 the share of pairs of one person accepted where 1.5 % of relatives are.")]
pub struct EvalVerify {
    /// Folder of photos, laid out as `NAME/NAME_0001.jpg`
    #[arg(
        long,
        value_name = "DIR",
        requires = "pairs",
        required_unless_present = "people"
    )]
    images: Option<PathBuf>,
    /// Pair file of LFW: pairs.txt, pairsDevTrain.txt or pairsDevTest.txt
    #[arg(long, value_name = "FILE", requires = "images")]
    pairs: Option<PathBuf>,
    /// Folder with a folder of photos for each person, or families of such
    #[arg(long, value_name = "DIR", conflicts_with_all = ["images", "pairs"])]
    people: Option<PathBuf>,
    /// The photos are tight crops of one face each
    #[arg(long)]
    cropped: bool,
    /// Shrink each photo until its face is so many pixels wide, in a picture of 1600 x 1200
    #[arg(long, value_name = "PIXELS", conflicts_with = "cropped", value_parser = clap::value_parser!(u32).range(8..=400))]
    small: Option<u32>,
    /// How distances are measured
    #[arg(long, value_enum, default_value_t = MetricArg::Library)]
    metric: MetricArg,
}

impl EvalVerify {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let framing = self.small.map_or(framing(self.cropped), Framing::Small);
        let metric = self.metric.into();
        let mut shown = Shown::new();
        let mut on_photo = |done, total| show(&mut shown, done, total);
        if let Some(people) = self.people {
            let report = verify_people(&finder, &people, framing, metric, &mut on_photo)?;
            drop(shown);
            list_unreadable(&report.unreadable);
            return if out.is_json() {
                out.object(&report)
            } else {
                tell_people(&report, out)
            };
        }
        let (images, pairs) = self
            .images
            .zip(self.pairs)
            .context("--images and --pairs belong together")?;
        let report = verify_pairs(&finder, &images, &pairs, framing, metric, &mut on_photo)?;
        drop(shown);
        if out.is_json() {
            out.object(&report)
        } else {
            tell_pairs(&report, out)
        }
    }
}

/// Measure whether a folder of known people falls into the right groups
///
/// Groups the faces as an index does, one face a photo, and compares the groups with the folders.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith eval cluster DIR                            DIR/PERSON/photo
  kith eval cluster DIR --per-folder --cropped     DIR/FAMILY/PERSON/crop, each family by itself

misplaced: faces in a group that is mostly someone else. whole: people with two or more faces, all
of them in one group. pairwise: over pairs of faces, precision is the share of the pairs grouped
together that are one person, recall the share of the pairs of one person that are grouped
together. bcubed: the same for each face and its group, averaged over faces. f: their harmonic
mean. With --per-folder each family is grouped as a library of its own and the figures are taken
over the faces of all of them.")]
pub struct EvalCluster {
    /// Folder with a folder of photos for each person, or families of such
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Group each family as a library of its own
    #[arg(long)]
    per_folder: bool,
    /// As if the first N photos of each person had been named: what becomes of the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    named: Option<u32>,
    /// The photos are tight crops of one face each
    #[arg(long)]
    cropped: bool,
    /// How distances are measured
    #[arg(long, value_enum, default_value_t = MetricArg::Library)]
    metric: MetricArg,
}

impl EvalCluster {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let grouping = if self.per_folder {
            Grouping::PerFolder
        } else {
            Grouping::Together
        };
        let mut shown = Shown::new();
        let report = cluster(
            &finder,
            &self.dir,
            (grouping, framing(self.cropped), self.metric.into()),
            self.named,
            &mut |done, total| {
                show(&mut shown, done, total);
            },
        )?;
        drop(shown);
        list_unreadable(&report.unreadable);
        if out.is_json() {
            out.object(&report)
        } else {
            tell_cluster(&report, out)
        }
    }
}

/// Measure how many faces are found, missed and false
///
/// The file says for each photo how many faces are on it, or where they are. A face is found when
/// its box and the one in the file share half of their union.
#[derive(Args)]
#[command(after_long_help = "\
Example:
  kith eval detect DIR --truth faces.csv

Lines of the file, all of one kind; photos are named from DIR:
  group.jpg,5                   five faces are on it
  group.jpg,0.1,0.2,0.05,0.08   a face: x, y, width and height as parts of the upright photo
  forest.jpg                    nobody is on it")]
pub struct EvalDetect {
    /// Folder that the photos are named from
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// File that says where faces are
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
}

impl EvalDetect {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let mut shown = Shown::new();
        let report = detect(&finder, &self.dir, &self.truth, &mut |done, total| {
            show(&mut shown, done, total);
        })?;
        drop(shown);
        list_unreadable(&report.unreadable);
        if out.is_json() {
            return out.object(&report);
        }
        let rows = [
            ("Photos", report.photos),
            ("With the right number of faces", report.right),
            ("Faces on them", report.faces),
            ("Found", report.found),
            ("Missed", report.missed),
            ("False", report.false_faces),
        ];
        out.table(
            ["", ""],
            &rows.map(|(name, count)| [name.to_owned(), count.to_string()]),
        )?;
        for wrong in &report.wrong {
            out.line(&format!(
                "{} missed, {} false: {}",
                wrong.missed, wrong.false_faces, wrong.photo
            ))?;
        }
        out.line(&format!("Model {}.", report.model))
    }
}

/// Measure what a user's answers teach
///
/// Answers 10, 50, 200 and 1,000 questions about half of the people, learns from the answers, and
/// counts the mistakes on faces that were not asked about, with and without what was learned.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith eval learn DIR                DIR/PERSON/photo
  kith eval learn DIR --cropped      DIR/FAMILY/PERSON/crop

A face is mistaken when the known face nearest to it is somebody else's. Half of the people are
asked about. One face of each of these is named at the start, a third is new and never asked about,
and the questions are about the rest; the figures are means over three such splits, over the new
faces of people with an answer. UNASKED is the share mistaken when only the named faces are known,
ANSWERED with the answers, HEAD with the head that was learned from them, which is used only where
it makes fewer mistakes on answers that were held back, as in the program. The last two columns
are the same for the people who were not asked about, all of whose other faces are known. Where the
folders are families, one half of them is also measured with the head of the other.")]
pub struct EvalLearn {
    /// Folder with a folder of photos for each person, or families of such
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The photos are tight crops of one face each
    #[arg(long)]
    cropped: bool,
}

impl EvalLearn {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let mut shown = Shown::new();
        let framing = framing(self.cropped);
        let report = learn(&finder, &self.dir, framing, &mut |done, total| {
            show(&mut shown, done, total);
        })?;
        drop(shown);
        list_unreadable(&report.unreadable);
        if out.is_json() {
            return out.object(&report);
        }
        let row = |after: &AfterAnswers| {
            [
                after.answers.to_string(),
                format!("{} of {}", after.used, after.splits),
                after.new_faces.to_string(),
                percent(after.error_unanswered),
                percent(after.error_before),
                percent(after.error),
                percent(after.others_error_before),
                percent(after.others_error),
                format!("{:.1}", after.seconds),
            ]
        };
        out.table(
            [
                "ANSWERS",
                "USED",
                "NEW FACES",
                "UNASKED",
                "ANSWERED",
                "HEAD",
                "OTHERS",
                "HEAD",
                "SECONDS",
            ],
            &report.after.iter().map(row).collect::<Vec<_>>(),
        )?;
        if let Some(transfer) = report.transfer {
            let kin = |tar: Option<f64>| tar.map_or_else(String::new, percent);
            out.line(&format!(
                "Half of the families, learned from {} faces of the other half: TAR at FAR 1e-3 \
                 {} to {}, TAR where 1.5 % of relatives are accepted {} to {}.",
                transfer.answers,
                percent(transfer.tar_at_far_1e_3_before),
                percent(transfer.tar_at_far_1e_3),
                kin(transfer.tar_at_kin_1_5e_2_before),
                kin(transfer.tar_at_kin_1_5e_2),
            ))?;
        }
        out.line(&ran_with(report.model, &report.crop, report.metric))
    }
}

/// Repeat the FaceNet paper's measurements on photos, beside its figures
///
/// Labeled Faces in the Wild with a fixed crop of the centre and with detection and alignment
/// (section 5.6), VAL at FAR 1e-3 (section 4), and 128 bytes a face against 128 numbers in f32.
/// Distances are the network's own.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith eval paper --images lfw --pairs pairs.txt
  kith eval paper --images lfw --pairs pairs.txt --new vggface2.pt

With --new the network in that file is the new one of the harmonic embeddings (the appendix), and
Kith's the old one; without, both are Kith's, on two crops.

VAL is the share of the pairs of one person accepted at the largest distance at which at most one
in a thousand pairs of different people is; over all pairs of the photos, people cut into five
splits, with the standard error of their mean. The paper's VAL is on photos of its own, so the two
say little about each other.")]
pub struct EvalPaper {
    /// Folder of photos, laid out as `NAME/NAME_0001.jpg`
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Pair file of LFW: pairs.txt, pairsDevTrain.txt or pairsDevTest.txt
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// A network to compare with Kith's: see `kith model add`
    #[arg(long, value_name = "NETWORK")]
    new: Option<PathBuf>,
}

impl EvalPaper {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let added = self.new.as_deref().map(AddedEmbedder::read).transpose()?;
        let finder = FaceFinder::load()?;
        let mut shown = Shown::new();
        let report = paper(
            &finder,
            added.as_ref(),
            &self.images,
            &self.pairs,
            &mut |done, total| show(&mut shown, done, total),
        )?;
        drop(shown);
        if out.is_json() {
            out.object(&report)
        } else {
            tell_paper(&report, out)
        }
    }
}

/// Measure whether two videos show one person, as the FaceNet paper does for `YouTube` Faces
///
/// Each video is a folder of frames. The mean distance over all pairs of the first hundred frames
/// in which a face is found says whether two videos show one person (section 5.7).
#[derive(Args)]
#[command(after_long_help = "\
Example:
  kith eval video DIR --pairs splits.txt     DIR/PERSON/VIDEO/frame

Lines of the file, as in that of `YouTube` Faces; what stands before the last comma is passed over:
  1, Anna/0, Anna/2, 0.7, 1     split 1, two videos, one person
  1, Anna/0, Ben/1, 0           split 1, two videos, two people")]
pub struct EvalVideo {
    /// Folder of people, each a folder of videos, each a folder of frames
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// File of pairs of videos
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
}

impl EvalVideo {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let mut shown = Shown::new();
        let report = video(&finder, &self.dir, &self.pairs, &mut |done, total| {
            show(&mut shown, done, total);
        })?;
        drop(shown);
        if out.is_json() {
            return out.object(&report);
        }
        let rows = [
            ("Pairs of videos", report.pairs.to_string()),
            ("Videos", report.videos.to_string()),
            ("Frames that count", report.frames.to_string()),
            ("Videos without a face", report.undetected.to_string()),
            ("Frames that cannot be read", report.unreadable.to_string()),
            ("Accuracy", figure(report.accuracy)),
            ("The paper, YouTube Faces", figure(report.paper)),
        ];
        out.table(
            ["", ""],
            &rows.map(|(name, value)| [name.to_owned(), value]),
        )?;
        out.line(&ran_with(report.model, &report.crop, "plain"))
    }
}

/// Measure what distances mean, and write the rates that the program's thresholds are made of
///
/// Compares every photo with every other, in the network's own distance and in the metric that is
/// learned without labels from these very faces, and writes for a row of false-accept rates the
/// distance and the share of the pairs of one person that it accepts. The people must not be
/// related, and one should have two photos at least. The program is built with the file
/// `engine/src/people/calibration.json`.
#[derive(Args)]
#[command(after_long_help = "\
Example:
  kith eval calibrate DIR --write engine/src/people/calibration.json      DIR/PERSON/photo")]
pub struct EvalCalibrate {
    /// Folder with a folder of photos for each person
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// File to write; without it the rates are printed
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl EvalCalibrate {
    fn run(self, out: &mut Output) -> anyhow::Result<()> {
        let finder = FaceFinder::load()?;
        let mut shown = Shown::new();
        let measured = calibrate(&finder, &self.dir, &mut |done, total| {
            show(&mut shown, done, total);
        })?;
        drop(shown);
        if let Some(path) = &self.write {
            let text = serde_json::to_string_pretty(&measured)? + "\n";
            std::fs::write(path, text)
                .with_context(|| format!("The rates cannot be written: {}", path.display()))?;
        }
        if out.is_json() {
            return out.object(&measured);
        }
        let row = |(plain, library): (&Rate, &Rate)| {
            [
                format!("{:.1e}", plain.false_accept),
                format!("{:.3}", plain.distance),
                percent(plain.true_accept),
                format!("{:.3}", library.distance),
                percent(library.true_accept),
            ]
        };
        let rates = measured.plain.iter().zip(&measured.library);
        out.table(
            ["FAR", "plain", "TAR", "library", "TAR"],
            &rates.map(row).collect::<Vec<_>>(),
        )
    }
}

/// How distances are measured.
#[derive(Clone, Copy, ValueEnum)]
enum MetricArg {
    /// The network's own distance
    Plain,
    /// Corrected by what the faces given teach, without labels: what the program uses
    Library,
}

impl From<MetricArg> for MetricKind {
    fn from(metric: MetricArg) -> Self {
        match metric {
            MetricArg::Plain => Self::Plain,
            MetricArg::Library => Self::Library,
        }
    }
}

pub fn framing(cropped: bool) -> Framing {
    if cropped {
        Framing::Cropped
    } else {
        Framing::Photo
    }
}

fn show(shown: &mut Shown, done: usize, total: usize) {
    shown.at("Reading photos", done as u32, total as u32, "", None);
}

pub fn list_unreadable(unreadable: &[FailedFile]) {
    for file in unreadable {
        complain(&format!("left out, {}: {}", file.reason, file.path));
    }
}

fn tell_pairs(report: &PairsReport, out: &mut Output) -> anyhow::Result<()> {
    let folds = if report.folds_from == "file" {
        "folds of the file"
    } else {
        "folds cut here"
    };
    out.table(
        ["", ""],
        &[
            ["Pairs".to_owned(), report.pairs.to_string()],
            [
                "Accuracy".to_owned(),
                format!(
                    "{} ± {} ({} {folds})",
                    percent(report.accuracy),
                    percent(report.std),
                    report.folds
                ),
            ],
            ["Threshold".to_owned(), format!("{:.3}", report.threshold)],
            [
                "TAR at FAR 1e-2".to_owned(),
                percent(report.tar_at_far_1e_2),
            ],
            [
                "TAR at FAR 1e-3".to_owned(),
                format!(
                    "{} (threshold {:.3})",
                    percent(report.tar_at_far_1e_3),
                    report.threshold_at_far_1e_3
                ),
            ],
            [
                "Photos without a face".to_owned(),
                report.undetected.to_string(),
            ],
        ],
    )?;
    out.line(&ran_with(report.model, &report.crop, report.metric))
}

fn tell_people(report: &PeopleReport, out: &mut Output) -> anyhow::Result<()> {
    let mut rows = vec![
        [
            "Faces".to_owned(),
            format!(
                "{} of {}",
                report.faces,
                count(report.people, "person", "people")
            ),
        ],
        [
            "Pairs of one person".to_owned(),
            report.genuine_pairs.to_string(),
        ],
        [
            "Pairs of strangers".to_owned(),
            report.impostor_pairs.to_string(),
        ],
        [
            "TAR at FAR 1e-2".to_owned(),
            percent(report.tar_at_far_1e_2),
        ],
        [
            "TAR at FAR 1e-3".to_owned(),
            format!(
                "{} (threshold {:.3})",
                percent(report.tar_at_far_1e_3),
                report.threshold_at_far_1e_3
            ),
        ],
        [
            "TAR at FAR 1e-4".to_owned(),
            percent(report.tar_at_far_1e_4),
        ],
    ];
    if let Some(kin) = report.kin {
        rows.extend([
            ["Pairs of relatives".to_owned(), kin.kin_pairs.to_string()],
            [
                "Relatives accepted at FAR 1e-3".to_owned(),
                percent(kin.kin_at_far_1e_3),
            ],
            [
                "TAR where 1.5 % of relatives are".to_owned(),
                percent(kin.tar_at_kin_1_5e_2),
            ],
        ]);
    }
    rows.push([
        "Photos without a face".to_owned(),
        report.undetected.to_string(),
    ]);
    out.table(["", ""], &rows)?;
    out.line(&ran_with(report.model, &report.crop, report.metric))
}

fn tell_paper(report: &PaperReport, out: &mut Output) -> anyhow::Result<()> {
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            let kith = row.kith.map_or_else(|| "too few photos".to_owned(), figure);
            [row.what.to_owned(), figure(row.paper), kith]
        })
        .collect();
    out.table(["", "PAPER", "KITH"], &rows)?;
    let codes = &report.codes;
    let fine = |share: f64| format!("{:.3} %", 100.0 * share);
    out.table(
        [
            "A FACE IN",
            "BYTES",
            "ACCURACY",
            "OVER ALL PAIRS",
            "VAL",
            "NANOSECONDS",
        ],
        &[
            [
                "f32".to_owned(),
                codes.bytes_f32.to_string(),
                percent(codes.accuracy_f32),
                fine(codes.all_pairs_f32),
                percent(codes.val_f32),
                format!("{:.0} to compare two", codes.compare_ns),
            ],
            [
                "code".to_owned(),
                codes.bytes_codes.to_string(),
                percent(codes.accuracy_codes),
                fine(codes.all_pairs_codes),
                percent(codes.val_codes),
                format!("{:.0} to read one", codes.decode_ns),
            ],
        ],
    )?;
    let harmonic = &report.harmonic;
    let row =
        |what: &str, told: &Told| [what.to_owned(), percent(told.accuracy), percent(told.val)];
    let mut rows = vec![row("old against old", &harmonic.old_to_old)];
    rows.extend(
        harmonic
            .new_to_old
            .map(|told| row("new against old", &told)),
    );
    rows.extend([
        row("new through the map against old", &harmonic.mapped_to_old),
        row("the same, learned without names", &harmonic.nameless_to_old),
    ]);
    rows.extend(harmonic.by_faces.iter().map(|of| {
        let what = format!("the same from {} faces", of.faces);
        row(&what, &of.to_old)
    }));
    rows.extend([
        row("new against new", &harmonic.new_to_new),
        row(
            "new against new, both through the map",
            &harmonic.mapped_to_mapped,
        ),
    ]);
    out.table(["HARMONIC", "ACCURACY", "VAL"], &rows)?;
    let pair = if harmonic.new_to_old.is_some() {
        "Old: one crop by the box; new: both views of a face.".to_owned()
    } else {
        format!(
            "Old: Kith's network; new: the one that was given, {} numbers a face.",
            harmonic.numbers
        )
    };
    out.line(&format!(
        "{pair} The map was learned from {} people and measured on {} others.",
        harmonic.people_learned_from, harmonic.people_measured
    ))?;
    out.line(&format!(
        "{} pairs of {} photos of {}; in {} no face was found. Model {}.",
        report.pairs,
        report.photos,
        count(report.people, "person", "people"),
        report.undetected,
        report.model
    ))
}

fn figure(figure: Figure) -> String {
    format!(
        "{} \u{b1} {}",
        percent(figure.share),
        percent(figure.standard_error)
    )
}

fn tell_cluster(report: &ClusterReport, out: &mut Output) -> anyhow::Result<()> {
    let score = &report.score;
    let three = |precision, recall, f| {
        format!(
            "precision {}, recall {}, F {}",
            percent(precision),
            percent(recall),
            percent(f)
        )
    };
    out.table(
        ["", ""],
        &[
            [
                "Faces".to_owned(),
                format!(
                    "{} of {}",
                    report.faces,
                    count(report.people, "person", "people")
                ),
            ],
            ["Groups".to_owned(), report.groups.to_string()],
            ["Misplaced faces".to_owned(), score.misplaced.to_string()],
            ["People whole".to_owned(), score.whole.to_string()],
            [
                "Pairwise".to_owned(),
                three(
                    score.pairwise_precision,
                    score.pairwise_recall,
                    score.pairwise_f,
                ),
            ],
            [
                "B-cubed".to_owned(),
                three(score.bcubed_precision, score.bcubed_recall, score.bcubed_f),
            ],
            [
                "Photos without a face".to_owned(),
                report.undetected.to_string(),
            ],
        ],
    )?;
    out.line(&ran_with(report.model, &report.crop, report.metric))
}

pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn ran_with(model: &str, crop: &str, metric: &str) -> String {
    format!("Model {model}; crop: {crop}; metric: {metric}.")
}
