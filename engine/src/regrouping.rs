//! Grouping while a job goes on: now and then, so that people keep up with what is stored, and seldom
//! enough to take a small part of the time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Result;
use crate::catalog::Catalog;
use crate::people::Groups;

/// People are grouped again after at least this long…
const PAUSE: Duration = Duration::from_secs(2);
/// …and after this many times as long as the last grouping took.
const SHARE: u32 = 10;

/// Groups the people of a catalog that a job writes to.
pub(crate) struct Regrouping<'a> {
    groups: &'a Mutex<Groups>,
    next: Instant,
}

impl<'a> Regrouping<'a> {
    pub(crate) fn of(groups: &'a Mutex<Groups>) -> Self {
        Self {
            groups,
            next: Instant::now() + PAUSE,
        }
    }

    /// Groups them if the last time is long enough ago.
    pub(crate) fn if_due(&mut self, catalog: &mut Catalog) -> Result<()> {
        if Instant::now() < self.next {
            return Ok(());
        }
        self.at_once(catalog)
    }

    /// Groups them, unless they are.
    pub(crate) fn at_once(&mut self, catalog: &mut Catalog) -> Result<()> {
        let began = Instant::now();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        catalog.transaction(|connection| groups.bring_up_to_date(connection))?;
        self.next = Instant::now() + PAUSE.max(began.elapsed() * SHARE);
        Ok(())
    }
}
