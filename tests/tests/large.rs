//! The large library: 100,000 photos of 5,000 people, made once and kept in `target/large`. What it
//! takes is measured and held against what was promised; `./dev bench window` runs it.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use kith_engine::{Action, Library};
use kith_journeys::{Crowd, make_crowd};

const LARGE: Crowd = Crowd {
    people: 5000,
    faces_each: 19,
    named: 400,
    doubtful: 200,
    photos: 100_000,
};

/// `target`, where this test and the program lie.
fn target() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors()
        .nth(3)
        .map(Path::to_path_buf)
        .context("this test lies nowhere")
}

/// The home of the large library, made when it is not there.
fn home() -> Result<PathBuf> {
    let home = target()?.join("large");
    let made = home.join("made");
    if !made.is_file() {
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        let began = Instant::now();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos");
        std::fs::create_dir_all(home.join(".config"))?;
        std::fs::write(
            home.join(".config/user-dirs.dirs"),
            "XDG_PICTURES_DIR=\"$HOME/Pictures\"\n",
        )?;
        let library = home.join(".local/share/kith");
        make_crowd(&library, &home.join("Pictures"), &samples, &LARGE)?;
        std::fs::write(&made, "")?;
        println!("made in {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(home)
}

fn timed<T>(what: &str, work: impl FnOnce() -> kith_engine::Result<T>) -> Result<T> {
    let began = Instant::now();
    let value = work()?;
    println!("{what}: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(value)
}

#[test]
#[ignore = "makes 100,000 photos and takes minutes: ./dev bench window"]
fn the_engine_is_quick_with_a_large_library() -> Result<()> {
    let library = home()?.join(".local/share/kith");
    let opened = timed("open", || Library::open(&library))?;
    let photos = timed("photos", || opened.photos())?;
    let people = timed("people", || opened.people())?;
    timed("suggestions", || opened.suggestions())?;
    timed("folders", || opened.folders())?;
    timed("photos again", || opened.photos())?;
    println!("{} photos, {} people", photos.len(), people.len());
    for query in [
        "anna",
        "anna or ben -carl",
        "2010..2012",
        "faces:1 camera:canon",
        "unnamed",
    ] {
        let found = timed(&format!("search {query}"), || opened.search(query))?;
        println!("  {} photos", found.photos.len());
    }
    for _ in 0..3 {
        let person = people.last().context("nobody")?.person;
        let name = Action::Name {
            person,
            name: "Zelda".into(),
        };
        timed("a name", || opened.decide(name, SystemTime::now()))?;
        timed("people", || opened.people())?;
        timed("suggestions", || opened.suggestions())?;
        timed("taken back", || {
            opened.decide(Action::Undo, SystemTime::now())
        })?;
    }
    Ok(())
}
