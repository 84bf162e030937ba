//! Lives with photographs: random ones, a library that moves, kills, full disks, no network. The command
//! `./dev life` does the same for hours.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::Path;

use kith_journeys::{built, life};

fn portraits() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"))
}

#[test]
fn random_lives_lose_nothing() {
    let kith = built("kith").unwrap();
    life::live_many(portraits(), &kith, 1..4, 60, None, false, &[]).unwrap();
}

#[test]
fn a_moved_library_keeps_every_answer() {
    let kith = built("kith").unwrap();
    for by in [life::By::Renaming, life::By::Restoring] {
        let moved = life::moved_library(portraits(), &kith, 1, 60, by).unwrap();
        assert!(moved.confirmed > 20, "{} answers", moved.confirmed);
        assert!(
            moved.wrong.is_empty(),
            "{by:?}: {:#?}\n{:#?}",
            moved.wrong,
            moved.trace
        );
    }
}

#[test]
fn kills_lose_nothing() {
    let kith = built("kith").unwrap();
    let kills = life::kills(portraits(), &kith, 1, 24).unwrap();
    println!("{:?}, {} had ended before", kills.killed, kills.ended);
    assert!(
        kills.wrong.is_empty(),
        "{:#?}\n{:#?}",
        kills.wrong,
        kills.trace
    );
}

#[test]
fn a_full_disk_loses_nothing() {
    let kith = built("kith").unwrap();
    let Some(full) = life::full_disk(portraits(), &kith, 12).unwrap() else {
        println!("Not tried: there is no C compiler.");
        return;
    };
    println!(
        "{} places of {:?}, {} were told",
        full.places, full.all, full.told
    );
    assert!(full.wrong.is_empty(), "{:#?}", full.wrong);
}

#[test]
fn nothing_opens_a_socket() {
    if !life::can_take_network_away() || !life::can_count_calls() {
        println!("Not tried: it needs unshare with a network namespace, and strace.");
        return;
    }
    let kith = built("kith").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let commands = [
        format!("index '{}'", portraits().display()),
        "people".into(),
        "name 1 Anna".into(),
        "search anna".into(),
        format!("backup '{}'", dir.path().join("all.kith").display()),
        "doctor".into(),
    ];
    for command in commands {
        let library = dir.path().join("library");
        let shell = format!(
            "'{}' --library '{}' {command}",
            kith.display(),
            library.display()
        );
        let sockets = life::sockets_of(&shell, dir.path()).unwrap();
        assert!(sockets.is_empty(), "kith {command}: {sockets:?}");
    }
}
