//! Runs the built command `kith` on a library, and ends it when it should be ended.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The command and the library that it works on.
#[derive(Debug, Clone)]
pub struct Program {
    kith: PathBuf,
    library: PathBuf,
    passphrase: Option<String>,
}

impl Program {
    /// The command at `kith`, with this library.
    #[must_use]
    pub fn new(kith: &Path, library: &Path) -> Self {
        Self {
            kith: kith.to_owned(),
            library: library.to_owned(),
            passphrase: None,
        }
    }

    /// The same with the passphrase of a library that is encrypted, or will be.
    #[must_use]
    pub fn with_passphrase(self, passphrase: &str) -> Self {
        Self {
            passphrase: Some(passphrase.to_owned()),
            ..self
        }
    }

    /// The command.
    #[must_use]
    pub fn kith(&self) -> &Path {
        &self.kith
    }

    /// The library's folder.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The command with these arguments, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kith);
        command
            .args(arguments)
            .arg("--library")
            .arg(&self.library)
            .arg("--json")
            .stdin(Stdio::null());
        if let Some(passphrase) = &self.passphrase {
            command.env("KITH_PASSPHRASE", passphrase);
        }
        command
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments)
            .output()
            .with_context(|| format!("starting {}", self.kith.display()))
    }

    /// The lines that it prints; it must go well.
    ///
    /// # Errors
    /// When it does not.
    pub fn lines(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.success(),
            "kith {}: {}, {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text = String::from_utf8(output.stdout)?;
        let lines = text.lines().map(serde_json::from_str);
        Ok(lines.collect::<serde_json::Result<_>>()?)
    }

    /// The last line that it prints; none where it refuses what it was asked (exit status 1).
    ///
    /// # Errors
    /// When it ends in another way.
    pub fn asked(&self, arguments: &[&str]) -> Result<std::result::Result<Value, String>> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => {
                let text = String::from_utf8(output.stdout)?;
                let line = text.lines().last().context("no answer")?;
                Ok(Ok(serde_json::from_str(line)?))
            }
            Some(1) => Ok(Err(said)),
            _ => bail!("kith {}: {}, {said}", arguments.join(" "), output.status),
        }
    }

    /// Starts it and kills it (SIGKILL) after this time; says whether it had ended before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn killed_after(&self, arguments: &[&str], time: Duration) -> Result<bool> {
        let mut child = self.quiet_child(arguments)?;
        let begun = Instant::now();
        while begun.elapsed() < time {
            if child.try_wait()?.is_some() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(1));
        }
        child.kill()?;
        child.wait()?;
        Ok(false)
    }

    /// Starts it, without an ear for what it says.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn quiet_child(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.spawn()?)
    }
}
