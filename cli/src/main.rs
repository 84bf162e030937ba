//! Kith from a terminal: what was typed becomes calls of the engine, and their answers lines.

mod away;
mod decisions;
mod doctor;
mod encryption;
mod eval;
mod folders;
mod forget;
mod index;
mod keeping;
mod lists;
mod model;
mod output;
mod photos;
mod progress;
mod search;
mod skipped;
mod sureness;
mod train;
mod transfer;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kith_engine::Library;

use crate::encryption::{PassphraseSource, text};
use crate::output::Output;

/// Keeps the memory of large images from one use to the next; the system's allocator gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Knows the people in your photographs and tells no one.
///
/// Kith reads the folders where your photos are, finds the faces, and groups them by person. You
/// give the groups names, and find photos by who is on them. Nothing leaves this computer, and no
/// photo is ever changed.
#[derive(Parser)]
#[command(name = "kith", version, arg_required_else_help = true)]
#[command(after_long_help = "\
From a folder to a name and a search:

  kith index ~/Pictures        find the faces on all photos below the folder
  kith people                  see who was found, with a number for each
  kith name 12 \"Anna\"          say that person 12 is Anna
  kith search anna             list the photos with Anna

`kith help COMMAND` explains a command and shows examples.
Exit status: 0 when all went well, 1 when something did not, 2 when the command was mistyped.")]
struct Cli {
    /// Where Kith keeps what it knows (not the photos) [default: your data folder]
    #[arg(long, global = true, value_name = "DIR")]
    library: Option<PathBuf>,
    /// Where the passphrase of an encrypted library is: the first line of a file [default: the environment's
    /// `KITH_PASSPHRASE`, else it is asked for]
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Write one JSON object a line, for scripts
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Index(index::Index),
    Watch(watch::Watch),
    Folders(folders::Folders),
    People(lists::People),
    Faces(lists::Faces),
    Failed(lists::Failed),
    Skipped(skipped::Skipped),
    Alike(lists::Alike),
    Places(lists::Places),
    Suggest(lists::Suggest),
    Name(decisions::Name),
    Confirm(decisions::Confirm),
    Reject(decisions::Reject),
    Merge(decisions::Merge),
    Split(decisions::Split),
    Hide(decisions::Hide),
    Ignore(decisions::Ignore),
    Forget(forget::Forget),
    History(decisions::History),
    Undo(decisions::Undo),
    Redo(decisions::Redo),
    Search(search::Search),
    Sureness(sureness::SurenessCommand),
    Embed(photos::Embed),
    Verify(photos::Verify),
    Backup(keeping::Backup),
    Restore(keeping::Restore),
    Encrypt(encryption::Encrypt),
    Decrypt(encryption::Decrypt),
    Passphrase(encryption::ChangePassphrase),
    #[command(subcommand)]
    Export(transfer::Export),
    Import(transfer::Import),
    #[command(subcommand)]
    Model(model::Model),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Eval(eval::Eval),
}

fn main() -> ExitCode {
    kith_engine::keep_freed_memory_a_while();
    let cli = Cli::parse_from(search::with_minus_names(std::env::args_os()));
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let mut out = Output::new(cli.json);
    let dir = || library_dir(cli.library.clone());
    let source = PassphraseSource::of(cli.passphrase_file.clone());
    let open = |path: &Path| {
        let passphrase = source.of_library(path)?;
        let library = Library::open_with(path, text(passphrase.as_ref()))?;
        anyhow::Ok(opened(library))
    };
    // A mistyped folder gets no library: only what fills one makes it.
    let library = || {
        let path = dir()?;
        if Library::is_in(&path) {
            open(&path)
        } else {
            Err(kith_engine::Error::NoLibrary { path }.into())
        }
    };
    match cli.command {
        Command::Index(command) => {
            let library = open(&dir()?)?;
            changing(&library, |library| command.run(library, &mut out))
        }
        Command::Watch(command) => command.run(&library()?, &mut out),
        Command::Folders(command) if command.changes() => {
            changing(&library()?, |library| command.run(library, &mut out))
        }
        Command::Folders(command) => command.run(&library()?, &mut out),
        Command::People(lists::People {}) => lists::People::run(&library()?, &mut out),
        Command::Faces(lists::Faces {}) => lists::Faces::run(&library()?, &mut out),
        Command::Failed(lists::Failed {}) => lists::Failed::run(&library()?, &mut out),
        Command::Skipped(command) if command.changes() => {
            changing(&library()?, |library| command.run(library, &mut out))
        }
        Command::Skipped(command) => command.run(&library()?, &mut out),
        Command::Alike(lists::Alike {}) => lists::Alike::run(&library()?, &mut out),
        Command::Places(lists::Places {}) => lists::Places::run(&library()?, &mut out),
        Command::Suggest(lists::Suggest {}) => lists::Suggest::run(&library()?, &mut out),
        Command::Name(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Confirm(command) => {
            changing(&library()?, |library| command.run(library, &mut out))
        }
        Command::Reject(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Merge(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Split(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Hide(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Ignore(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Forget(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::History(decisions::History {}) => decisions::History::run(&library()?, &mut out),
        Command::Undo(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Redo(decisions::Redo {}) => changing(&library()?, |library| {
            decisions::Redo::run(library, &mut out)
        }),
        Command::Backup(command) => command.run(&dir()?, library, &mut out),
        Command::Restore(command) => command.run(&dir()?, &source, &mut out),
        Command::Encrypt(encryption::Encrypt {}) => {
            encryption::Encrypt::run(&dir()?, &source, &mut out)
        }
        Command::Decrypt(encryption::Decrypt {}) => {
            encryption::Decrypt::run(&dir()?, &source, &mut out)
        }
        Command::Passphrase(command) => command.run(&dir()?, &source, &mut out),
        Command::Export(command) => command.run(&library()?, &mut out),
        Command::Import(command) if command.dry_run => command.run(&library()?, &mut out),
        Command::Import(command) => changing(&library()?, |library| command.run(library, &mut out)),
        Command::Search(command) => command.run(&library()?, &mut out),
        Command::Sureness(command) => command.run(&library()?, &mut out),
        Command::Embed(command) => command.run(&mut out),
        Command::Verify(command) => command.run(&mut out),
        Command::Model(command) => command.run(library, &mut out),
        Command::Doctor(command) => command.run(&dir()?, &source, &mut out),
        Command::Eval(command) => command.run(&mut out),
    }
}

/// Says what its user should know of a library that was just opened.
fn opened(library: Library) -> Library {
    for notice in library.notices() {
        output::complain(&notice.to_string());
    }
    if let Some(why) = library.read_only() {
        output::complain(&format!("This library can only be read, because {why}."));
    }
    library
}

/// Runs a command that changes the library, and then keeps the copy of the day.
fn changing(
    library: &Library,
    run: impl FnOnce(&Library) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    run(library)?;
    if let Err(error) = library.back_up_daily() {
        output::complain(&format!(
            "All is stored, but today's backup could not be kept. {error}"
        ));
    }
    Ok(())
}

fn library_dir(dir: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let dir = dir.or_else(Library::default_dir);
    Ok(dir.ok_or(kith_engine::Error::NoDataFolder)?)
}

/// Whoever read our lines has seen enough (`kith faces | head`): no error of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_declared_without_contradictions() {
        super::Cli::command().debug_assert();
    }
}
