//! Watches the folders of a library, and indexes those that changed.

use super::Library;
use crate::watch::{Due, FolderWatch};
use crate::{Control, IndexSummary, Progress, Result};

impl Library {
    /// Follows the folders of the library until a look is due; the first one is at once, at everything.
    /// `None` when the watch was ended. `told` hears each time that the folders were looked over: which
    /// of them are walked every so often ([`FolderWatch::polled`]) may have changed.
    ///
    /// # Errors
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn next_look(
        &self,
        watch: &mut FolderWatch,
        mut told: impl FnMut(&FolderWatch),
    ) -> Result<Option<Due>> {
        while !watch.is_stopped() {
            watch.follow(self.chosen()?);
            told(watch);
            let due = watch.wait();
            if due.is_some() {
                return Ok(due);
            }
        }
        Ok(None)
    }

    /// Makes a look that is due.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    pub fn look(
        &self,
        due: &Due,
        control: &Control,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<IndexSummary> {
        match due {
            Due::Everything => self.index(&[], control, on_progress),
            Due::Folders(folders) => self.look_at(folders, control, on_progress),
        }
    }
}
