//! `kith forget`: a person is taken out of the library for good.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::SystemTime;

use anyhow::bail;
use clap::Args;
use kith_engine::Library;

use crate::decisions::person_called;
use crate::output::{Output, count};

/// Forget a person for good
///
/// Takes their names, birthday and everything you said about them out of the library, with what Kith
/// knows of their faces: where they are, how they look, and the small pictures of them. The copies of the
/// library that Kith makes by itself are deleted too, as is what Kith learned from your answers. Your
/// photos stay as they are, and Kith does not find these faces again.
///
/// This cannot be undone.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith forget Anna                asks first
  kith forget 12 --yes            for scripts

A person is given by number (see `kith people`) or by name. Not touched: backups and exports that you
made yourself, names of folders and files, and names inside photos. Faces of the person that Kith took
for somebody else are theirs until you forget these, too.")]
pub struct Forget {
    /// The person, by number or by name
    #[arg(value_name = "PERSON")]
    person: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Forget {
    pub fn run(self, library: &Library, out: &mut Output) -> anyhow::Result<()> {
        let person = person_called(library, &self.person)?;
        if !self.yes && !is_sure(&self.person)? {
            bail!("Nothing was forgotten.");
        }
        let summary = library.forget_person(person, SystemTime::now())?;
        if out.is_json() {
            return out.object(&summary);
        }
        out.line(&format!(
            "Forgotten, with {} on {}. Delete the backups and exports that you made yourself, if they are \
             to forget, too.",
            count(summary.faces, "face", "faces"),
            count(summary.photos, "photo", "photos")
        ))
    }
}

/// Asks on the terminal. Where nobody can be asked, the answer is in the arguments.
fn is_sure(person: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("Forgetting a person cannot be undone. Say that you are sure: kith forget … --yes");
    }
    let mut error = io::stderr();
    write!(
        error,
        "Forget {person}? Their name, your answers about them and their faces are deleted, and so are \
         the copies of the library that Kith made by itself. This cannot be undone. Type “yes”: "
    )?;
    error.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
