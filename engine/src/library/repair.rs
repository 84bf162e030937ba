//! Repairs a library: caches are made again, who is who is derived again, and a damaged catalog is put
//! together from what can be read of it and from the newest backup.

use std::path::Path;

use super::encryption::unlocked;
use super::folder::{self, CATALOG};
use super::{Library, backups, keeping};
use crate::catalog::Catalog;
use crate::catalog::salvage::{Readable, Salvaged};
use crate::encryption::DataKey;
use crate::people::Groups;
use crate::{BackupReason, Error, RepairSummary, Result};

impl Library {
    /// Checks all that the catalog holds: every page, table and row.
    ///
    /// # Errors
    /// [`Error::CatalogDamaged`] with what is wrong first.
    pub fn check(&self) -> Result<()> {
        self.catalog().check()
    }

    /// Repairs what can be repaired. A damaged catalog is set aside among the
    /// [`backups`](Self::backups_of), and its place is taken by one with every row of it that can be
    /// read; what is missing then comes from the newest sound backup that the library kept.
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::InUse`] when somebody has the library open,
    /// [`Error::BeyondRepair`] when nothing of the catalog can be read, [`Error::CatalogTooNew`],
    /// [`Error::Io`] and [`Error::Catalog`] when the disk does not let us.
    pub fn repair(dir: &Path) -> Result<RepairSummary> {
        Self::repair_with(dir, None)
    }

    /// The same, with the passphrase of an encrypted library.
    ///
    /// # Errors
    /// As [`repair`](Self::repair) and [`open_with`](Self::open_with).
    pub fn repair_with(dir: &Path, passphrase: Option<&str>) -> Result<RepairSummary> {
        let dir = std::path::absolute(dir).map_err(Error::io("Finding the library", dir))?;
        if !Self::is_in(&dir) {
            return Err(Error::NoLibrary { path: dir });
        }
        let mut summary = RepairSummary::default();
        let opened = Self::open_with(&dir, passphrase).and_then(|library| library.check());
        match opened {
            Ok(()) => (),
            Err(Error::CatalogDamaged { reason, .. }) => {
                summary.damage = Some(reason);
                let key = unlocked(&dir, passphrase)?;
                salvage_catalog(&dir, key.as_ref(), &mut summary)?;
            }
            Err(error) => return Err(error),
        }
        let library = Self::open_with(&dir, passphrase)?;
        library.check()?;
        {
            let _reading = library.lock_reading()?;
            let mut groups = library.groups();
            library.remove_index()?;
            groups.forget();
            let mut catalog = library.catalog();
            catalog.transaction(|connection| groups.derive_again(connection))?;
        }
        summary.thumbnails = library.thumbnails.remove_damaged()?;
        summary.photos = library.photos()?.len() as u32;
        summary.faces = library.faces()?.len() as u32;
        summary.named = library.names()?.len() as u32;
        Ok(summary)
    }
}

fn salvage_catalog(dir: &Path, key: Option<&DataKey>, summary: &mut RepairSummary) -> Result<()> {
    let path = dir.join(CATALOG);
    let readable = {
        let _alone = folder::lock_alone(dir)?;
        if path.exists() {
            Readable::of(&path, key)?
        } else {
            None
        }
    };
    let backup = newest_sound_backup(dir, key, readable.as_ref())?;
    let Some(readable) = readable else {
        return Err(Error::BeyondRepair {
            backup: backup.map(|(name, _)| name),
            path,
        });
    };
    let Salvaged {
        mut catalog,
        decisions,
        all,
    } = readable.completed(&path, backup.as_ref().map(|(_, catalog)| catalog))?;
    catalog.check()?;
    let mut groups = Groups::of(&dir.join("cache/index"), key);
    catalog.transaction(|connection| groups.derive_again(connection))?;
    catalog.seal()?;
    keeping::put_in_place(dir, &catalog)?;
    summary.decisions_lost = decisions.lost as u32;
    summary.rows_lost = all.lost as u32;
    summary.rows_from_backup = all.from_backup as u32;
    summary.set_aside = backups::all(dir)?
        .into_iter()
        .find(|entry| entry.reason == BackupReason::Damaged)
        .map(|entry| entry.name);
    Ok(())
}

/// The newest copy that the library kept and that is sound, with its name. One of another history, which the
/// user left by restoring a backup, is none.
fn newest_sound_backup(
    dir: &Path,
    key: Option<&DataKey>,
    readable: Option<&Readable>,
) -> Result<Option<(String, Catalog)>> {
    for entry in backups::all(dir)? {
        if entry.reason == BackupReason::Damaged {
            continue;
        }
        let sound = Catalog::copy_of(&entry.path, key).and_then(|copy| {
            copy.check()?;
            let is_other = readable.map_or(Ok(false), |readable| readable.contradicts(&copy))?;
            Ok((!is_other).then_some(copy))
        });
        if let Ok(Some(copy)) = sound {
            return Ok(Some((entry.name, copy)));
        }
    }
    Ok(None)
}
