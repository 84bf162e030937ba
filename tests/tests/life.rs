//! Lives with photographs: random ones, a library that moves, kills, full disks, no network. The command
//! `./dev life` does the same for hours.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::Path;
use std::process::Command;

use kith_journeys::{built, life};

fn portraits() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"))
}

/// The program that lives lives, beside the command.
fn lives(arguments: &[&str]) {
    let program = built("life").unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    assert!(
        output.status.success(),
        "{arguments:?}: {said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn nothing_that_was_said_is_lost_in_random_lives() {
    lives(&["--seed", "1", "--seeds", "3", "--steps", "60"]);
}

#[test]
fn no_answer_is_lost_when_a_library_moves() {
    lives(&["--moved", "30"]);
}

#[test]
fn no_program_opens_a_socket() {
    if !life::can_take_network_away() || !life::can_count_calls() {
        println!("Not tried: it needs unshare with a network namespace, and strace.");
        return;
    }
    let kith = built("kith").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("library").display().to_string();
    let backup = dir.path().join("all.kith").display().to_string();
    let photos = portraits().display().to_string();
    let commands: [&[&str]; 7] = [
        &["index", &photos],
        &["people"],
        &["name", "1", "Anna"],
        &["search", "anna"],
        &["backup", &backup],
        &["restore", &backup],
        &["doctor"],
    ];
    for command in commands {
        let arguments = [command, &["--library", &library]].concat();
        let sockets = life::sockets_of_command(&kith, &arguments, dir.path()).unwrap();
        assert!(sockets.is_empty(), "kith {command:?}: {sockets:?}");
    }
}

#[test]
fn the_window_opens_no_socket() {
    if !life::can_take_network_away() || !life::can_count_calls() || !life::can_show_a_window() {
        println!(
            "Not tried: it needs unshare with a network namespace, strace, Xvfb and dbus-run-session."
        );
        return;
    }
    let (window, kith) = (built("kith-app").unwrap(), built("kith").unwrap());
    let dir = tempfile::tempdir().unwrap();
    let sockets = life::sockets_of_window(&window, &kith, portraits(), dir.path()).unwrap();
    assert!(sockets.is_empty(), "{sockets:?}");
}
