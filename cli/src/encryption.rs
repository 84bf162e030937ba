//! `kith encrypt`, `decrypt` and `passphrase`, and where a passphrase comes from.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use kith_engine::{Error, Library};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::output::Output;
use crate::progress::Shown;

const VARIABLE: &str = "KITH_PASSPHRASE";
/// Longest passphrase file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// What is said before a passphrase is chosen.
const NO_WAY_BACK: &str =
    "If you forget the passphrase, nobody can open the library again, not even with a backup.";

/// A passphrase, which is wiped from memory after use.
pub type Passphrase = Zeroizing<String>;

/// As the engine takes it.
pub fn text(passphrase: Option<&Passphrase>) -> Option<&str> {
    passphrase.map(|text| text.as_str())
}

/// Where the passphrase of a library comes from: a file, the environment, or whoever sits at the terminal.
pub struct PassphraseSource {
    file: Option<PathBuf>,
}

impl PassphraseSource {
    pub fn of(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// The passphrase of the library in a folder; none where it is not encrypted, or nobody can be asked.
    pub fn of_library(&self, dir: &Path) -> anyhow::Result<Option<Passphrase>> {
        if Library::needs_passphrase(dir)? {
            self.read()
        } else {
            Ok(None)
        }
    }

    /// A passphrase; none where nobody can be asked.
    pub fn read(&self) -> anyhow::Result<Option<Passphrase>> {
        if let Some(given) = self.given()? {
            return Ok(Some(given));
        }
        if !can_ask() {
            return Ok(None);
        }
        typed("Passphrase: ").map(Some)
    }

    /// The passphrase in the file or the environment.
    fn given(&self) -> anyhow::Result<Option<Passphrase>> {
        if let Some(file) = &self.file {
            return first_line(file).map(Some);
        }
        let given = std::env::var(VARIABLE).ok();
        Ok(given.filter(|text| !text.is_empty()).map(Zeroizing::new))
    }
}

/// Whether somebody sits at the terminal.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

pub fn typed(question: &str) -> anyhow::Result<Passphrase> {
    let typed = rpassword::prompt_password(question);
    typed
        .map(Zeroizing::new)
        .context("The passphrase could not be read")
}

/// The first line of a file, without what ends it.
pub fn first_line(path: &Path) -> anyhow::Result<Passphrase> {
    let read = || -> io::Result<Passphrase> {
        let mut text = Zeroizing::new(String::new());
        File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
        let line = text.lines().next().unwrap_or_default();
        Ok(Zeroizing::new(line.to_owned()))
    };
    read().with_context(|| format!("The passphrase could not be read from {}", path.display()))
}

/// Asks for a new passphrase twice.
fn typed_twice(file_option: &str) -> anyhow::Result<Passphrase> {
    if !can_ask() {
        bail!("Give the new passphrase in a file: {file_option} FILE");
    }
    let first = typed("New passphrase: ")?;
    if typed("The same again: ")? != first {
        bail!("These were two different passphrases. Nothing was changed.");
    }
    Ok(first)
}

/// Shows how many thumbnails are done.
fn with_progress<T>(doing: &str, work: impl FnOnce(&mut dyn FnMut(usize, usize)) -> T) -> T {
    let mut shown = Shown::new();
    work(&mut |done, total| shown.at(doing, done as u32, total as u32, " thumbnails", None))
}

/// Whether the library is encrypted now.
#[derive(Serialize)]
struct EncryptionLine {
    encrypted: bool,
}

fn tell(encrypted: bool, sentence: &str, out: &mut Output) -> anyhow::Result<()> {
    if out.is_json() {
        out.object(&EncryptionLine { encrypted })
    } else {
        out.line(sentence)
    }
}

/// Encrypt the library with a passphrase
///
/// Everything in the library's folder can then only be read with the passphrase: names, answers, faces, places
/// and paths of your photos, the backups that Kith makes by itself, and all small pictures. Only networks that
/// you added stay as they are. The photos themselves are not touched. Close Kith first.
///
/// The backups that Kith made before are deleted, as anybody can read them. Those that you made yourself, and
/// what you exported, stay as they are: delete them, or keep them safe. A disk may keep blocks of deleted files
/// for a while.
///
/// If you forget the passphrase, nobody can open the library again, not even with a backup. Your photos stay
/// untouched, but names and answers are lost.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith encrypt                                asks for a passphrase, twice
  kith encrypt --passphrase-file ~/secret     for scripts: the first line of the file
  KITH_PASSPHRASE=… kith people               opens an encrypted library, as --passphrase-file does

JSON: encrypted (true).")]
pub struct Encrypt {}

impl Encrypt {
    pub fn run(dir: &Path, source: &PassphraseSource, out: &mut Output) -> anyhow::Result<()> {
        if Library::needs_passphrase(dir)? {
            return Err(Error::Encrypted.into());
        }
        let passphrase = if let Some(given) = source.given()? {
            given
        } else {
            if can_ask() {
                eprintln!("{NO_WAY_BACK}");
            }
            typed_twice("--passphrase-file")?
        };
        with_progress("Encrypting", |on_progress| {
            Library::encrypt(dir, &passphrase, on_progress)
        })?;
        let sentence = "The library is encrypted. Keep the passphrase: nobody can open the library without it. \
                        Backups that you made yourself before can still be read by anybody.";
        tell(true, sentence, out)
    }
}

/// Decrypt the library, so that it needs no passphrase
///
/// The backups that Kith made by itself are deleted, as they are encrypted. Close Kith first.
#[derive(Args)]
#[command(after_long_help = "\
JSON: encrypted (false).")]
pub struct Decrypt {}

impl Decrypt {
    pub fn run(dir: &Path, source: &PassphraseSource, out: &mut Output) -> anyhow::Result<()> {
        let passphrase = current(dir, source)?;
        with_progress("Decrypting", |on_progress| {
            Library::decrypt(dir, &passphrase, on_progress)
        })?;
        tell(false, "The library is no longer encrypted.", out)
    }
}

/// Change the passphrase of an encrypted library
///
/// Backups that you made yourself keep the passphrase that the library had then.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kith passphrase                             asks for the old one and the new one
  kith passphrase --passphrase-file old --new-passphrase-file new

JSON: encrypted (true).")]
pub struct ChangePassphrase {
    /// Where the new passphrase is: the first line of a file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl ChangePassphrase {
    pub fn run(
        self,
        dir: &Path,
        source: &PassphraseSource,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let old = current(dir, source)?;
        let new = match &self.new_passphrase_file {
            Some(file) => first_line(file)?,
            None => typed_twice("--new-passphrase-file")?,
        };
        Library::change_passphrase(dir, &old, &new)?;
        tell(true, "The library has a new passphrase.", out)
    }
}

/// The passphrase of an encrypted library.
fn current(dir: &Path, source: &PassphraseSource) -> anyhow::Result<Passphrase> {
    if !Library::needs_passphrase(dir)? {
        return Err(Error::NotEncrypted.into());
    }
    let needed = || Error::PassphraseNeeded {
        path: dir.to_owned(),
    };
    Ok(source.read()?.ok_or_else(needed)?)
}
