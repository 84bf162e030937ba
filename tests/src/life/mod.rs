//! Lives random lives with photographs and checks after each step that no answer is lost or wrong:
//! names, renames, moves, edits, copies, deletions, unplugged disks, kills, backups.

mod actions;
mod check;
mod damage;
mod dice;
mod disk;
mod files;
mod full_disk;
mod kills;
mod looks;
mod metadata;
mod model;
mod moved;
mod no_network;
mod observed;
mod pictures;
mod program;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kith_engine::Library;

pub use self::check::Violation;
use self::check::{Scenes, violations};
pub use self::damage::{Damages, damages};
pub use self::dice::Dice;
use self::disk::Disk;
pub use self::full_disk::{FullDisk, full_disk, read_only_disk};
pub use self::kills::{Kills, kills};
use self::model::{Model, Row};
pub use self::moved::{By, Moved, moved_library};
pub use self::no_network::{
    Sockets, can_count_calls, can_show_a_window, can_take_network_away, sockets_of_command,
    sockets_of_window,
};
use self::observed::{Observed, SeenPhoto};
pub use self::pictures::{Content, Edit, Studio};
pub use self::program::Program;

/// Photos at the beginning.
const FIRST_PHOTOS: u32 = 10;
/// Photos at most: each look reads what is new.
const MOST_PHOTOS: usize = 26;

/// What a life came to.
#[derive(Debug)]
pub struct Report {
    /// What was done, a line a step.
    pub trace: Vec<String>,
    /// What was not as it must be; the life ends with the first step that shows any.
    pub wrong: Vec<Violation>,
    /// What differs from a library that reads the same files for the first time, after everything
    /// was undone.
    pub differs: Vec<String>,
    /// Steps that were lived; fewer than asked for where something was wrong, or copies were mixed so often
    /// that nothing more can be told.
    pub steps: u32,
    /// Decisions in the log.
    pub decisions: usize,
}

/// A backup, and what was known when it was made.
struct Backup {
    file: PathBuf,
    model: Model,
}

/// A library, its files, and what must be.
struct Life {
    dice: Dice,
    studio: Studio,
    disk: Disk,
    model: Model,
    scenes: Scenes,
    program: Program,
    /// The library in this process, while it is open.
    library: Option<Library>,
    backups: Vec<Backup>,
    /// Paths that a file was moved to since the last whole look.
    touched: BTreeSet<PathBuf>,
    /// Paths whose pixels were changed since then.
    edited: BTreeSet<PathBuf>,
    /// The library has not seen all files as they are.
    stale: bool,
    /// The catalog is older than the model's last look: a backup was restored.
    restored: bool,
    /// Paths in folders that moved since a backup was made which is restored: a photo that was deleted or edited
    /// since is on a drive that is away, for all that the library can know.
    left_behind: BTreeSet<PathBuf>,
    trace: Vec<String>,
    /// Kinds of steps that are left out.
    without: Vec<String>,
}

/// Kinds of steps, which can be left out of a life.
pub const KINDS: [&str; 23] = [
    "actions",
    "files",
    "looks",
    "trouble",
    "locked",
    "unplug",
    "folder",
    "backup",
    "reject",
    "undo",
    "rename",
    "rename-over",
    "ring",
    "number",
    "folders",
    "copy",
    "delete",
    "delete-original",
    "edit",
    "touch",
    "replace",
    "same-size",
    "all-at-once",
];

/// Lives `steps` steps drawn from `seed` in the empty folder `dir`; only those of `only` where it is
/// given, so that a failure can be made smaller; and none of the kinds in `without` ([`KINDS`]).
///
/// # Errors
/// When the harness itself fails: a step that could not be done is a [`Violation`].
pub fn live(
    dir: &Path,
    portraits: &Path,
    kith: &Path,
    seed: u64,
    steps: u32,
    only: Option<&BTreeSet<u32>>,
    without: &[String],
) -> Result<Report> {
    let mut life = Life::new(&dir.canonicalize()?, portraits, kith, seed)?;
    life.without = without.to_vec();
    let mut report = Report {
        trace: Vec::new(),
        wrong: Vec::new(),
        differs: Vec::new(),
        steps: 0,
        decisions: 0,
    };
    let mut wrong = life.look()?;
    for step in 0..steps {
        if !wrong.is_empty() || life.model.is_in_the_dark() {
            break;
        }
        report.steps = step + 1;
        if only.is_some_and(|only| !only.contains(&step)) {
            continue;
        }
        // Each step has numbers of its own, so that others can be left out.
        life.dice = Dice::new(seed ^ (u64::from(step) + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        wrong = match life.step(step) {
            Ok(wrong) => wrong,
            Err(error) => vec![Violation {
                kind: "the step failed",
                what: format!("{error:#}"),
            }],
        };
    }
    report.decisions = life.model.log.0.len();
    let is_known = !life.model.is_in_the_dark();
    if is_known && wrong.is_empty() {
        wrong = life.undo_everything()?;
    }
    if is_known && wrong.is_empty() {
        report.differs = life.compare_with_new()?;
    }
    life.disk.unlock()?;
    // What the model holds of these photos and of their copies.
    let is_wrong = |row: &Row| {
        let path = row.path.display().to_string();
        wrong.iter().any(|wrong| wrong.what.contains(&path))
    };
    let of: Vec<&Row> = life.model.rows.iter().filter(|row| is_wrong(row)).collect();
    let of: BTreeSet<u32> = of.iter().map(|row| row.content.data).collect();
    for (at, row) in life.model.rows.iter().enumerate() {
        if of.contains(&row.content.data) {
            let path = life.short(&row.path);
            let doubts = life.model.doubts.iter().filter(|doubt| doubt.row == at);
            let either: Vec<_> = doubts.map(|doubt| &doubt.either).collect();
            let (photo, data) = (row.photo, row.content.data);
            let held = format!(
                "{path}: photo {photo}, picture {data}, {:?}, {either:?}",
                row.took
            );
            life.trace.push(held);
        }
    }
    report.wrong = wrong;
    report.trace = life.trace;
    Ok(report)
}

impl Life {
    /// A library that does not know its first photos yet.
    fn new(dir: &Path, portraits: &Path, kith: &Path, seed: u64) -> Result<Self> {
        let mut life = Self {
            dice: Dice::new(seed),
            studio: Studio::open(portraits)?,
            disk: Disk::new(&dir.join("disk"))?,
            model: Model::default(),
            scenes: Scenes::default(),
            program: Program::new(kith, &dir.join("library")),
            library: None,
            backups: Vec::new(),
            touched: BTreeSet::new(),
            edited: BTreeSet::new(),
            stale: false,
            restored: false,
            left_behind: BTreeSet::new(),
            trace: Vec::new(),
            without: Vec::new(),
        };
        for _ in 0..FIRST_PHOTOS {
            life.add_photo()?;
        }
        Ok(life)
    }

    fn note(&mut self, what: String) {
        self.trace.push(what);
    }

    fn add_photo(&mut self) -> Result<()> {
        let content = self.studio.photo(&mut self.dice)?;
        let path = self.new_path(content.extension);
        self.note(format!("new photo {}", self.short(&path)));
        self.disk.write(&path, &content)
    }

    /// A path without its beginning.
    fn short(&self, path: &Path) -> String {
        let base = self.program.library().parent().map(|dir| dir.join("disk"));
        let short = base.and_then(|base| path.strip_prefix(base).ok().map(Path::to_path_buf));
        short
            .unwrap_or_else(|| path.to_owned())
            .display()
            .to_string()
    }

    fn step(&mut self, step: u32) -> Result<Vec<Violation>> {
        self.note(format!("step {step}"));
        if self.stale {
            return self.look();
        }
        let kind = match self.dice.below(100) {
            0..54 => "actions",
            54..80 => "files",
            80..88 => "looks",
            88..91 => "trouble",
            91..93 => "locked",
            93..95 => "unplug",
            95..96 => "folder",
            96..98 => "backup",
            _ => "close",
        };
        if self.is_without(kind) {
            return Ok(Vec::new());
        }
        match kind {
            "actions" => self.action(),
            "files" => {
                self.file_operation()?;
                if self.dice.chance(0.4) {
                    self.look()
                } else {
                    Ok(Vec::new())
                }
            }
            "looks" => self.look(),
            "trouble" => self.trouble_while_looking(),
            "locked" => self.locked_look(),
            "unplug" => self.unplug(),
            "folder" => self.forget_folder(),
            "backup" => self.backup_or_restore(),
            _ => {
                self.note("the window is closed".into());
                self.library = None;
                self.check()
            }
        }
    }

    /// Whether a kind of step is left out.
    fn is_without(&self, kind: &str) -> bool {
        self.without.iter().any(|without| without == kind)
    }

    /// The library in this process.
    fn library(&mut self) -> Result<&Library> {
        if self.library.is_none() {
            let library = Library::open(self.program.library());
            self.library = Some(library.context("opening the library")?);
        }
        self.library.as_ref().context("it was opened just now")
    }

    fn observed(&mut self) -> Result<Observed> {
        let mut seen = Observed::of(self.library()?)?;
        let left = &self.left_behind;
        seen.photos
            .retain(|path, photo| !photo.away || !left.contains(path));
        Ok(seen)
    }

    /// What is not as it must be now.
    fn check(&mut self) -> Result<Vec<Violation>> {
        let seen = self.observed()?;
        Ok(violations(&mut self.model, &mut self.scenes, &seen))
    }

    /// Takes everything back, one entry after the other, and says what is left of it.
    fn undo_everything(&mut self) -> Result<Vec<Violation>> {
        let mut wrong = self.look()?;
        let mut steps = 0;
        while wrong.is_empty() && !self.model.log.standing().is_empty() {
            wrong = self.undo()?;
            steps += 1;
            if wrong.is_empty() && steps % 10 == 0 {
                wrong = self.check()?;
            }
        }
        if wrong.is_empty() {
            wrong = self.check()?;
        }
        Ok(wrong)
    }

    /// Groups of faces that a library has which sees these files for the first time, and this one has
    /// otherwise.
    fn compare_with_new(&mut self) -> Result<Vec<String>> {
        let ours = Observed::of(self.library()?)?;
        let away =
            |(path, photo): (&PathBuf, &SeenPhoto)| photo.away && self.left_behind.contains(path);
        if ours.photos.iter().any(away) {
            // Faces of photos that no new library can know take part in the groups.
            return Ok(Vec::new());
        }
        let ours = ours.partition();
        let library = Library::open(&self.program.library().with_file_name("new library"))?;
        let roots: Vec<PathBuf> = self.readable_roots();
        library.index(&roots, &kith_engine::Control::new(), &mut |_| {})?;
        let theirs = Observed::of(&library)?.partition();
        let lines = |one: &[Vec<String>], other: &[Vec<String>], who: &str| {
            one.iter()
                .filter(|group| !other.contains(group))
                .map(|group| format!("{who}: {}", group.join(", ")))
                .collect::<Vec<_>>()
        };
        let mut differs = lines(&ours, &theirs, "this library");
        differs.extend(lines(&theirs, &ours, "a new library"));
        Ok(differs)
    }
}

/// Lives lives until one goes wrong, the seeds are used up or the time is over. Prints the seeds, and
/// of the life that went wrong the fewest steps that still show it.
///
/// # Errors
/// When a life went wrong, or the harness itself fails.
pub fn live_many(
    portraits: &Path,
    kith: &Path,
    seeds: std::ops::Range<u64>,
    steps: u32,
    time: Option<Duration>,
    shrink: bool,
    without: &[String],
) -> Result<()> {
    let begun = Instant::now();
    let mut failed = Vec::new();
    for seed in seeds {
        if time.is_some_and(|time| begun.elapsed() >= time) {
            break;
        }
        let one = Instant::now();
        let report = live_in_temporary(portraits, kith, seed, steps, None, without)?;
        println!(
            "seed {seed}: {} steps, {} decisions, {} wrong, {} groups differ from a new library, {:.0} s",
            report.steps,
            report.decisions,
            report.wrong.len(),
            report.differs.len(),
            one.elapsed().as_secs_f64()
        );
        for line in &report.differs {
            println!("    {line}");
        }
        if let Some(first) = report.wrong.first() {
            failed.push(seed);
            let report = if shrink {
                shrunk(portraits, kith, seed, report.steps, first.kind, without)?.unwrap_or(report)
            } else {
                report
            };
            for line in &report.trace {
                println!("    {line}");
            }
            for wrong in &report.wrong {
                println!("  {}: {}", wrong.kind, wrong.what);
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "lives that went wrong: {failed:?}");
    Ok(())
}

fn live_in_temporary(
    portraits: &Path,
    kith: &Path,
    seed: u64,
    steps: u32,
    only: Option<&BTreeSet<u32>>,
    without: &[String],
) -> Result<Report> {
    let mut dir = tempfile::Builder::new().prefix("kith-life-").tempdir()?;
    let mut report = live(dir.path(), portraits, kith, seed, steps, only, without)?;
    let fails = !report.wrong.is_empty() || !report.differs.is_empty();
    if fails && only.is_none() {
        dir.disable_cleanup(true);
        report
            .trace
            .push(format!("its folder stays: {}", dir.path().display()));
    }
    Ok(report)
}

/// The life with the steps left out that its failure does not need.
fn shrunk(
    portraits: &Path,
    kith: &Path,
    seed: u64,
    steps: u32,
    kind: &str,
    without: &[String],
) -> Result<Option<Report>> {
    let mut needed: BTreeSet<u32> = (0..steps).collect();
    let mut best = None;
    let mut part = needed.len() / 2;
    while part > 0 {
        let all: Vec<u32> = needed.iter().copied().collect();
        for some in all.chunks(part) {
            let fewer: BTreeSet<u32> = needed
                .iter()
                .copied()
                .filter(|step| !some.contains(step))
                .collect();
            let report = live_in_temporary(portraits, kith, seed, steps, Some(&fewer), without)?;
            if report.wrong.first().is_some_and(|wrong| wrong.kind == kind) {
                needed = fewer;
                best = Some(report);
            }
        }
        part /= 2;
    }
    Ok(best)
}

/// Writes a catalog of an older version to an empty library, with photos beside it, and says the names
/// in it.
///
/// # Errors
/// When it cannot be written.
pub fn old_catalog(library: &Path, portraits: &Path) -> Result<Vec<String>> {
    let photos = library.with_file_name("photos of an older library");
    std::fs::create_dir_all(library)?;
    std::fs::create_dir_all(&photos)?;
    for name in ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg"] {
        std::fs::copy(portraits.join(name), photos.join(name))?;
    }
    let rows = include_str!("../../catalogs/layout-9.sql");
    let folder = photos.display().to_string().replace('\'', "''");
    let catalog = rusqlite::Connection::open(library.join("catalog.sqlite"))?;
    catalog.execute_batch(&rows.replace("{photos}", &folder))?;
    Ok(["Barack", "Eileen", "Joe"].map(str::to_owned).to_vec())
}
