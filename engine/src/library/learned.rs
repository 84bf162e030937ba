//! What the library learns of its people, as it is asked for and told.

use std::time::SystemTime;

use rayon::ThreadPool;

use super::{Library, seconds_since_1970};
use crate::catalog::learned;
use crate::faces::MODEL;
use crate::people::{Lessons, group_faces};
use crate::{Control, Error, LearnedVersion, Result, quiet};

impl Library {
    /// Learns from what the user said, and uses it where it makes fewer mistakes on answers that
    /// were held back. Takes seconds; other calls are answered meanwhile. `on_step` gets how many
    /// steps of how many are done. None when it was cancelled; nothing is changed then.
    ///
    /// # Errors
    /// [`Error::NothingToLearn`], [`Error::Models`], [`Error::Catalog`], [`Error::Index`].
    pub fn learn(
        &self,
        at: SystemTime,
        control: &Control,
        on_step: &mut (dyn FnMut(u32, u32) + Send),
    ) -> Result<Option<LearnedVersion>> {
        self.learn_on(None, at, control, on_step)
    }

    /// The same on these threads, where there are any. What follows, which others wait for, is done on
    /// those of all.
    pub(crate) fn learn_on(
        &self,
        pool: Option<&ThreadPool>,
        at: SystemTime,
        control: &Control,
        on_step: &mut (dyn FnMut(u32, u32) + Send),
    ) -> Result<Option<LearnedVersion>> {
        let lessons = self.lessons()?;
        if lessons.people() < 2 {
            return Err(Error::NothingToLearn);
        }
        let learned = quiet::on(pool, || {
            lessons.learn(&mut |done, total| {
                on_step(done, total);
                control.go_on()
            })
        })?;
        let Some(learned) = learned else {
            return Ok(None);
        };
        let mut groups = self.groups();
        if control.is_cancelled() {
            // What it learned from may be gone by now.
            return Ok(None);
        }
        self.catalog().transaction(|connection| {
            let version = learned::add(connection, at, &MODEL, &learned)?;
            if learned.trial.is_better() {
                learned::put_to_use(connection, Some(version), &MODEL)?;
                groups.bring_up_to_date(connection)?;
            }
            let all = learned::all(connection, &MODEL)?;
            Ok(all.iter().find(|of| of.version == version).map(told))
        })
    }

    /// What the answers so far teach.
    pub(crate) fn lessons(&self) -> Result<Lessons> {
        let rows = self.rows()?;
        let faces = group_faces(&rows.facts.faces, &rows.decided);
        Ok(Lessons::gather(&faces, &rows.decided))
    }

    /// Of how many faces something had been said when the newest version was learned.
    pub(crate) fn said_before(&self) -> Result<u32> {
        let versions = learned::all(self.catalog().connection(), &MODEL)?;
        let newest = versions.first().map(|of| of.trial);
        Ok(newest.map_or(0, |trial| trial.said.max(trial.answers)))
    }

    /// What was learned so far, the newest first.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn learned(&self) -> Result<Vec<LearnedVersion>> {
        let all = learned::all(self.catalog().connection(), &MODEL)?;
        Ok(all.iter().map(told).collect())
    }

    /// Uses a version of what was learned, or the network as it came, and derives who is who anew.
    ///
    /// # Errors
    /// [`Error::NoVersion`], [`Error::Catalog`], [`Error::Index`].
    pub fn use_learned(&self, version: Option<u32>) -> Result<()> {
        let mut groups = self.groups();
        self.catalog().transaction(|connection| {
            let known = learned::put_to_use(connection, version, &MODEL)?;
            if let (Some(version), false) = (version, known) {
                return Err(Error::NoVersion(version));
            }
            groups.bring_up_to_date(connection)
        })
    }
}

fn told(version: &learned::Version) -> LearnedVersion {
    let trial = &version.trial;
    let mistakes = if trial.known.faces == 0 {
        "too few to try it on answers it had not seen".to_owned()
    } else {
        format!(
            "mistakes on {} it had not seen: {} \u{2192} {}",
            answers(trial.known.faces),
            trial.known.before,
            trial.known.after
        )
    };
    LearnedVersion {
        version: version.version,
        at: seconds_since_1970(version.at),
        used: version.used,
        answers: trial.answers,
        faces: trial.known.faces,
        mistakes_before: trial.known.before,
        mistakes: trial.known.after,
        better: trial.is_better(),
        said: format!(
            "Learned from {} of yours; {mistakes}",
            answers(trial.answers)
        ),
    }
}

fn answers(number: u32) -> String {
    if number == 1 {
        "1 answer".into()
    } else {
        format!("{number} answers")
    }
}
