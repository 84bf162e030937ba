//! Writes what the library knows into one file, and brings such a file in as one decision.

use std::path::Path;
use std::time::SystemTime;

use super::before::Before;
use super::{Library, add_to_log};
use crate::catalog::Catalog;
use crate::people::Decision;
use crate::transfer::{self, Imported};
use crate::{Conflict, Control, Exported, ImportSummary, Result, TransferProgress};

impl Library {
    /// Writes people, answers, albums, photos and faces into one JSON-Lines file, from which another
    /// library takes them over, also where the photos have other paths. An export that is there is
    /// replaced once the new one is whole.
    ///
    /// # Errors
    /// [`crate::Error::FileInTheWay`] when something else is there, [`crate::Error::Stopped`],
    /// [`crate::Error::Io`] and [`crate::Error::Catalog`] when it cannot be written.
    pub fn export(
        &self,
        file: &Path,
        control: &Control,
        on_progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Exported> {
        let catalog = self.catalog();
        if catalog.read_only().is_some() {
            // A copy in memory, which nobody writes to.
            return transfer::write(catalog.connection(), file, control, on_progress);
        }
        drop(catalog);
        let mut reader = Catalog::reader(&self.catalog_path(), self.key.as_ref())?;
        // One state of the catalog, whatever others write meanwhile.
        let snapshot = reader.transaction()?;
        transfer::write(&snapshot, file, control, on_progress)
    }

    /// Takes over what another library exported. Photos are recognised by their content; answers about
    /// photos that are not here yet hold as soon as they are read. What was said in this library stays:
    /// contradictions are left out and given back. One decision, which can be taken back. With
    /// `dry_run` nothing is changed.
    ///
    /// # Errors
    /// [`crate::Error::NoExport`] and [`crate::Error::ExportTooNew`] when it is none that this Kith can
    /// read, [`crate::Error::Busy`] while photos are read, [`crate::Error::Stopped`],
    /// [`crate::Error::Catalog`]; nothing is changed then.
    pub fn import(
        &self,
        file: &Path,
        dry_run: bool,
        at: SystemTime,
        control: &Control,
        on_progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<(ImportSummary, Vec<Conflict>)> {
        let _reading = self.lock_reading()?;
        let mut groups = self.groups();
        let mut catalog = self.catalog();
        let (done, now) = catalog.transaction(|connection| {
            let rows = self.rows_of(connection)?;
            if dry_run {
                connection.execute_batch("SAVEPOINT dry_run")?;
            }
            let (decided, log) = (&rows.decided, &rows.log);
            let imported =
                transfer::bring_in(connection, decided, log, file, control, on_progress)?;
            if dry_run {
                connection.execute_batch("ROLLBACK TO dry_run; RELEASE dry_run")?;
            }
            let Imported {
                answers,
                added,
                mut summary,
                conflicts,
            } = imported;
            if dry_run || answers.is_empty() {
                return Ok(((summary, conflicts), None));
            }
            let mut before = Before::of(&rows);
            for (face, photo) in added {
                before.add(face, photo);
            }
            let decision = Decision::Import { answers };
            let (outcome, now) =
                add_to_log(connection, &mut groups, &rows, &before, &decision, at)?;
            summary.decision = Some(outcome.decision);
            Ok(((summary, conflicts), now))
        })?;
        *self.kept_rows() = now.map(|(rows, stamp)| (stamp, rows));
        Ok(done)
    }
}
