//! Runs the programs where there is no network, and counts the sockets that they open all the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Sockets that were opened, by their family (`AF_INET`, …), without those within this computer
/// (`AF_UNIX`): the display's, the bus's and the web view's.
pub type Sockets = BTreeMap<String, u32>;

/// Opens the window ($1) on a virtual screen, with a library and photos ($2, $3), until the command ($4)
/// tells of people; everything in the folder that it is started in.
const WINDOW: &str = r#"
set -eu
Xvfb -displayfd 3 -screen 0 1000x700x24 -nolisten tcp 3>display 2>/dev/null &
screen=$!
trap 'kill $screen' EXIT
until [ -s display ]; do sleep 0.1; done
export DISPLAY=":$(cat display)" GDK_BACKEND=x11 LIBGL_ALWAYS_SOFTWARE=1 HOME="$PWD"
$COUNT sh -c 'echo $$ >pid; exec "$@"' - "$1" --library "$2" "$3" 2>window.log &
window=$!
tries=0
# On a busy machine it takes minutes. A window that has ended finds nobody any more.
until "$4" --library "$2" people --json 2>people.log | grep -q . || [ $tries -ge 3000 ] || ! kill -0 $window; do
    sleep 0.1
    tries=$((tries + 1))
done
kill "$(cat pid)" || true
wait $window || true
"#;

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

/// Whether there is a virtual screen for a window, and a bus.
#[must_use]
pub fn can_show_a_window() -> bool {
    worked(Command::new("sh").args(["-c", "command -v Xvfb && command -v dbus-run-session"]))
}

fn worked(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs the command without a network and says which sockets it opened.
///
/// # Errors
/// When it cannot be started, or does not go well.
pub fn sockets_of_command(kith: &Path, arguments: &[&str], dir: &Path) -> Result<Sockets> {
    let mut all = vec!["sh", "-c", "exec $COUNT \"$@\"", "-"];
    let kith = kith.display().to_string();
    all.push(&kith);
    all.extend(arguments);
    sockets_of(&all, dir)
}

/// Opens the window without a network, lets it read photos, and says which sockets it opened.
///
/// # Errors
/// When it cannot be started, or nobody is found.
pub fn sockets_of_window(window: &Path, kith: &Path, photos: &Path, dir: &Path) -> Result<Sockets> {
    let library = dir.join("library");
    let [window, library, photos, kith] =
        [window, &library, photos, kith].map(|path| path.display().to_string());
    let all = [
        "dbus-run-session",
        "--",
        "sh",
        "-c",
        WINDOW,
        "-",
        &window,
        &library,
        &photos,
        &kith,
    ];
    let sockets = sockets_of(&all, dir)?;
    let people = Command::new(&kith)
        .args(["people", "--json", "--library", &library])
        .output()?;
    let log = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    ensure!(
        !people.stdout.is_empty(),
        "the window found nobody (is it of the same build as the command?): {} {}",
        log("window.log"),
        log("people.log"),
    );
    Ok(sockets)
}

/// `program` begins what `$COUNT` stands before.
fn sockets_of(program: &[&str], dir: &Path) -> Result<Sockets> {
    let log = dir.join("calls");
    let count = format!("strace -f -e trace=socket,connect -o {}", log.display());
    let output = Command::new("unshare")
        .arg("-rn")
        .args(program)
        .current_dir(dir)
        .env("COUNT", count)
        .env_remove("GIO_USE_NETWORK_MONITOR")
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "{}, {}",
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
