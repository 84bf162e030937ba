//! The copies of the catalog that a library keeps by itself: before each migration and restore, and
//! daily while it is used; each under a number of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;

use super::Library;
use super::folder::CATALOG;
use crate::catalog::Catalog;
use crate::catalog::file::{Existing, beside, write_copy};
use crate::encryption::{BACKUPS, DataKey};
use crate::{BackupEntry, BackupReason, Error, Result, private};

const EXTENSION: &str = "kith";

/// Daily copies that are kept: of so many days, …
const DAYS: usize = 7;
/// … and of so many weeks before, the newest of each.
const WEEKS: usize = 4;
/// Copies of each other kind that are kept.
const OTHERS: usize = 5;

impl BackupReason {
    fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::BeforeUpgrade => "before-upgrade",
            Self::BeforeRestore => "before-restore",
            Self::Damaged => "damaged",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [
            Self::Daily,
            Self::BeforeUpgrade,
            Self::BeforeRestore,
            Self::Damaged,
        ];
        all.into_iter().find(|reason| reason.word() == word)
    }
}

/// The day in UTC.
fn today() -> String {
    Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// A name in parts: `0007-2026-11-30-daily.kith`.
struct Named {
    number: u32,
    date: Date,
    reason: BackupReason,
}

impl Named {
    fn of(path: &Path) -> Option<Self> {
        if path.extension()? != EXTENSION {
            return None;
        }
        let name = path.file_stem()?.to_str()?;
        let (number, rest) = name.split_once('-')?;
        let (date, reason) = rest.split_at_checked("2026-11-30".len())?;
        Some(Self {
            number: number.parse().ok()?,
            date: date.parse().ok()?,
            reason: BackupReason::of(reason.strip_prefix('-')?)?,
        })
    }
}

/// All copies that a library keeps, the newest first.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be read.
pub(super) fn all(folder: &Path) -> Result<Vec<BackupEntry>> {
    let folder = folder.join(BACKUPS);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("Looking at the backups", &folder))?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("Looking at the backups", &folder))?;
        let path = entry.path();
        let (Some(named), Ok(metadata)) = (Named::of(&path), entry.metadata()) else {
            continue;
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        all.push(BackupEntry {
            name: name.into_owned(),
            number: named.number,
            date: named.date.to_string(),
            at: super::seconds_since_1970(at),
            reason: named.reason,
            kb: super::keeping::kilobytes(metadata.len()),
            path,
        });
    }
    all.sort_by_key(|entry| std::cmp::Reverse(entry.number));
    Ok(all)
}

/// A name for the next copy, which no file has.
pub(super) fn next(folder: &Path, reason: BackupReason) -> Result<PathBuf> {
    let newest = all(folder)?.first().map_or(0, |entry| entry.number);
    let folder = folder.join(BACKUPS);
    private::create_folders(&folder).map_err(Error::io("Making the backups' folder", &folder))?;
    let name = format!(
        "{:04}-{}-{}.{EXTENSION}",
        newest + 1,
        today(),
        reason.word()
    );
    Ok(folder.join(name))
}

/// Keeps a copy of what a connection reads, and forgets those that are old enough.
///
/// # Errors
/// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
pub(super) fn keep(
    folder: &Path,
    connection: &rusqlite::Connection,
    reason: BackupReason,
) -> Result<PathBuf> {
    loop {
        let file = next(folder, reason)?;
        match write_copy(connection, &file, Existing::Keep) {
            // Another process was sooner to use that number.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error),
            Ok(()) => {
                forget_old(folder)?;
                return Ok(file);
            }
        }
    }
}

/// Keeps a copy of the catalog in a folder, whoever has it open.
pub(super) fn keep_catalog(
    folder: &Path,
    key: Option<&DataKey>,
    reason: BackupReason,
) -> Result<PathBuf> {
    let reader = Catalog::reader(&folder.join(CATALOG), key)?;
    keep(folder, &reader, reason)
}

/// Deletes all copies that a library keeps.
pub(super) fn remove_all(folder: &Path) -> Result<()> {
    all(folder)?.iter().try_for_each(remove)
}

fn forget_old(folder: &Path) -> Result<()> {
    let all = all(folder)?;
    for old in superfluous(&all) {
        remove(old)?;
    }
    Ok(())
}

fn remove(entry: &BackupEntry) -> Result<()> {
    for suffix in ["", "-wal"] {
        let file = beside(&entry.path, suffix);
        private::remove_if_there(&file).map_err(Error::io("Deleting an old backup", &file))?;
    }
    Ok(())
}

/// Those of the copies, the newest first, that need not be kept.
fn superfluous(all: &[BackupEntry]) -> Vec<&BackupEntry> {
    let mut days: Vec<String> = Vec::new();
    let mut weeks: Vec<(i16, i8)> = Vec::new();
    let mut others: Vec<BackupReason> = Vec::new();
    let mut is_superfluous = |entry: &BackupEntry| {
        if entry.reason != BackupReason::Daily {
            others.push(entry.reason);
            let same = others.iter().filter(|reason| **reason == entry.reason);
            return same.count() > OTHERS;
        }
        if days.contains(&entry.date) {
            return true;
        }
        if days.len() < DAYS {
            days.push(entry.date.clone());
            return false;
        }
        let Ok(date) = entry.date.parse::<Date>() else {
            return false;
        };
        let week = date.iso_week_date();
        let week = (week.year(), week.week());
        if weeks.contains(&week) || weeks.len() == WEEKS {
            return true;
        }
        weeks.push(week);
        false
    };
    all.iter().filter(|entry| is_superfluous(entry)).collect()
}

impl Library {
    /// The copies of the catalog that the library keeps by itself, the newest first.
    ///
    /// # Errors
    /// [`Error::Io`] when their folder cannot be read.
    pub fn backups(&self) -> Result<Vec<BackupEntry>> {
        all(&self.folder)
    }

    /// The same of a library that need not be opened, nor be sound.
    ///
    /// # Errors
    /// [`Error::Io`] when their folder cannot be read.
    pub fn backups_of(folder: &Path) -> Result<Vec<BackupEntry>> {
        all(folder)
    }

    /// Keeps a copy of the catalog if none was made today. Others read and write meanwhile; of a library
    /// of 100,000 photos it takes about a second.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Catalog`] when it cannot be written.
    pub fn back_up_daily(&self) -> Result<()> {
        if self.read_only().is_some() {
            return Ok(());
        }
        let today = today();
        let is_todays =
            |entry: &BackupEntry| entry.reason == BackupReason::Daily && entry.date == today;
        if all(&self.folder)?.iter().any(is_todays) {
            return Ok(());
        }
        self.seal();
        keep_catalog(&self.folder, self.key.as_ref(), BackupReason::Daily).map(drop)
    }

    /// The file of a copy by its name or number; none where there is no such copy.
    ///
    /// # Errors
    /// [`Error::Io`] when their folder cannot be read.
    pub fn backup_called(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
        let number: Option<u32> = name.parse().ok();
        let is_it = |entry: &BackupEntry| entry.name == name || Some(entry.number) == number;
        Ok(all(folder)?.into_iter().find(is_it).map(|entry| entry.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32, date: Date, reason: BackupReason) -> BackupEntry {
        BackupEntry {
            name: String::new(),
            number,
            date: date.to_string(),
            at: 0.0,
            reason,
            kb: 0,
            path: PathBuf::new(),
        }
    }

    #[test]
    fn a_copy_is_kept_before_a_migration() {
        use crate::catalog::tests::{known_versions, of_version};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CATALOG);
        of_version(&path, known_versions() - 1);
        let library = Library::open(dir.path()).unwrap();
        library.check().unwrap();
        let [copy] = &library.backups().unwrap()[..] else {
            panic!("one copy");
        };
        assert_eq!(copy.reason, BackupReason::BeforeUpgrade);
        assert!(Catalog::is_older(&copy.path, None).unwrap());
        library.restore(&copy.path).unwrap();
        drop(library);
        let library = Library::open(dir.path()).unwrap();
        assert_eq!(library.backups().unwrap().len(), 3, "two of the restore");
    }

    #[test]
    fn daily_copies_are_kept_for_days_then_weeks_and_others_by_number() {
        let first = jiff::civil::date(2026, 1, 1);
        let mut all: Vec<BackupEntry> = (0..60)
            .map(|day| {
                let date = first.saturating_add(jiff::Span::new().days(day));
                entry(day as u32, date, BackupReason::Daily)
            })
            .collect();
        all.extend((60..70).map(|number| entry(number, first, BackupReason::BeforeRestore)));
        all.reverse();
        let gone: Vec<u32> = superfluous(&all).iter().map(|entry| entry.number).collect();
        let kept: Vec<u32> = all.iter().map(|entry| entry.number).collect();
        let kept: Vec<u32> = kept.into_iter().filter(|n| !gone.contains(n)).collect();
        assert_eq!(kept.len(), OTHERS + DAYS + WEEKS, "{kept:?}");
        assert_eq!(&kept[..6], [69, 68, 67, 66, 65, 59]);
        assert!(kept[11..].windows(2).all(|two| two[0] - two[1] <= 7));
    }
}
