//! Runs the programs where there is no network, and counts the sockets that they open all the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Sockets that were opened, by their family (`AF_INET`, …), without those within this computer
/// (`AF_UNIX`): the display's, the bus's and the web view's.
pub type Sockets = BTreeMap<String, u32>;

/// Whether the system lets us take the network away from a program.
#[must_use]
pub fn can_take_network_away() -> bool {
    worked(Command::new("unshare").args(["-rn", "true"]))
}

/// Whether system calls can be counted.
#[must_use]
pub fn can_count_calls() -> bool {
    worked(Command::new("strace").args(["-f", "-o", "/dev/null", "true"]))
}

fn worked(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a program without a network and says which sockets it opened. `shell` is a shell command.
///
/// # Errors
/// When it cannot be started, or does not go well.
pub fn sockets_of(shell: &str, dir: &Path) -> Result<Sockets> {
    let log = dir.join("calls");
    let output = Command::new("unshare")
        .args(["-rn", "strace", "-f", "-e", "trace=socket,connect", "-o"])
        .arg(&log)
        .args(["sh", "-c", shell])
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "{shell}: {}, {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let calls = fs::read_to_string(&log).context("nothing was counted")?;
    let mut sockets = Sockets::new();
    for call in calls.lines() {
        let Some((_, arguments)) = call.split_once("socket(") else {
            continue;
        };
        let family = arguments.split([',', ')']).next().unwrap_or(arguments);
        if !matches!(family, "AF_UNIX" | "AF_LOCAL") {
            *sockets.entry(family.to_owned()).or_default() += 1;
        }
    }
    Ok(sockets)
}
