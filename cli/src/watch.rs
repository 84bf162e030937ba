//! `kith watch`: waits for changes in the library's folders and reads what is new.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kith_engine::{Control, Error, FolderWatch, IndexSummary, Library, PollReason};

use crate::index::{Summary, on_ctrl_c};
use crate::output::{Output, complain, count};
use crate::skipped;

/// Watch the library's folders and read what is new as soon as it is there
///
/// First looks through all folders, as `kith index` does, then waits for the system to tell of changes
/// and looks where they were. Files that are still being copied are waited for. Folders on network
/// drives, and those that the system will not watch, are looked over every so often instead; that is
/// said. Every six hours everything is looked at once more. Ctrl+C ends it.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith watch                  until Ctrl+C
  kith watch --json           one line a look, for scripts
  kith watch --poll 60        look all folders over every minute, whatever the system tells

JSON, one line a look: photos, faces, groups, failed, unchanged, skipped, seconds, as of `kith index`.
Folders are added to the library with `kith index FOLDER`, also while this runs.")]
pub struct Watch {
    /// Look all folders over every so many seconds instead of waiting for the system
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    poll: Option<u64>,
}

impl Watch {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        if library.folders()?.is_empty() {
            return Err(Error::NoFolders.into());
        }
        let mut watch = FolderWatch::new(self.poll.map(Duration::from_secs));
        let control = Arc::new(Control::in_the_background());
        let stopper = watch.stopper();
        on_ctrl_c(Arc::clone(&control), move || stopper.stop())?;
        let mut told: Vec<(PathBuf, PollReason)> = Vec::new();
        let mut before: Option<IndexSummary> = None;
        while let Some(due) = library.next_look(&mut watch, |watch| tell(watch, &mut told))? {
            let summary = match library.look(&due, &control, &mut |_| ()) {
                Ok(summary) => summary,
                // It reads what is new, too; what it does not see is looked at when it is done.
                Err(Error::Busy) => {
                    watch.put_back(due);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if out.is_json() {
                out.object(&Summary::from(&summary))?;
            } else if before
                .as_ref()
                .is_none_or(|before| is_news(before, &summary))
            {
                line(&summary, out)?;
            }
            before = Some(summary);
            if let Err(error) = library.back_up_daily() {
                complain(&format!(
                    "All is stored, but today's backup could not be kept. {error}"
                ));
            }
        }
        Ok(())
    }
}

/// Says of which folders it is not told when they change.
fn tell(watch: &FolderWatch, told: &mut Vec<(PathBuf, PollReason)>) {
    let polled = watch.polled();
    for (folder, why) in polled.iter().filter(|new| !told.contains(new)) {
        let why = match why {
            PollReason::Asked => "as you asked".to_owned(),
            PollReason::Network => "nobody tells when others change a network drive".to_owned(),
            PollReason::Limit => "the system watches no more folders for you \
                (fs.inotify.max_user_watches)"
                .to_owned(),
            PollReason::Refused(why) => format!("the system does not watch it: {why}"),
        };
        complain(&format!(
            "{} is looked over every so often: {why}.",
            folder.display()
        ));
    }
    *told = polled;
}

fn is_news(before: &IndexSummary, now: &IndexSummary) -> bool {
    let of = |summary: &IndexSummary| {
        (
            summary.photos,
            summary.faces,
            summary.groups,
            summary.failed,
        )
    };
    of(before) != of(now)
}

fn line(summary: &IndexSummary, out: &mut Output) -> anyhow::Result<()> {
    let failed = match summary.failed {
        0 => String::new(),
        failed => format!(" {} could not be read.", count(failed, "file", "files")),
    };
    out.line(&format!(
        "{}, {}, {}.{failed}",
        count(summary.photos, "photo", "photos"),
        count(summary.faces, "face", "faces"),
        count(summary.groups, "person", "people"),
    ))?;
    match skipped::told(&summary.skipped) {
        Some(sentence) => out.line(&sentence),
        None => Ok(()),
    }
}
