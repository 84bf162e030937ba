//! What a library learns of its people, on a real library: tried, listed, used, taken back.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kith_engine::{Action, Control, Error, Face, LearnedVersion, Learner, LearnerNews, Library};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// A library of the sample portraits.
fn indexed(dir: &Path) -> Library {
    let library = Library::open(dir).unwrap();
    library
        .index(&[PathBuf::from(PHOTOS)], &Control::new(), &mut |_| {})
        .unwrap();
    library
}

fn name(library: &Library, file: &str, name: &str) {
    let faces = library.faces().unwrap();
    let face = faces.iter().find(|face| face.path.ends_with(file)).unwrap();
    let action = Action::Name {
        person: face.person.unwrap(),
        name: name.into(),
    };
    library.decide(action, NOW).unwrap();
}

fn learn(library: &Library) -> LearnedVersion {
    let at = NOW + Duration::from_secs(7);
    let version = library.learn(at, &Control::new(), &mut |_, _| {});
    version.unwrap().unwrap()
}

fn named(library: &Library) -> Vec<Face> {
    let mut faces = library.faces().unwrap();
    faces.retain(|face| face.name.is_some());
    faces
}

#[test]
fn too_little_is_said_and_too_few_answers_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    name(&library, "/obama.jpg", "Barack");
    let nothing = library.learn(NOW, &Control::new(), &mut |_, _| {});
    assert!(matches!(nothing, Err(Error::NothingToLearn)), "{nothing:?}");
    assert!(library.learned().unwrap().is_empty());

    name(&library, "/biden.jpg", "Joe");
    let before = library.faces().unwrap();
    let version = learn(&library);
    assert_eq!((version.version, version.at), (1, 7.0));
    assert!(!version.better && !version.used, "{version:?}");
    assert_eq!(version.answers as usize, named(&library).len());
    assert!(
        version.said.starts_with("Learned from "),
        "{}",
        version.said
    );
    assert_eq!(library.learned().unwrap(), [version]);
    assert_eq!(library.faces().unwrap(), before);
}

#[test]
fn a_version_is_put_to_use_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    name(&library, "/obama.jpg", "Barack");
    name(&library, "/biden.jpg", "Joe");
    let (before, said) = (library.faces().unwrap(), named(&library));
    learn(&library);
    learn(&library);

    library.use_learned(Some(1)).unwrap();
    // Opened again, by another run of the program.
    drop(library);
    let library = Library::open(dir.path()).unwrap();
    let used = |library: &Library| -> Vec<bool> {
        library
            .learned()
            .unwrap()
            .iter()
            .map(|of| of.used)
            .collect()
    };
    assert_eq!(used(&library), [false, true]);
    assert_eq!(named(&library), said, "what was said holds");
    // New decisions and a new scan go by it, too.
    library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    name(&library, "/astronaut.png", "Eileen");
    library.decide(Action::Undo, NOW).unwrap();
    assert_eq!(named(&library), said);

    assert!(matches!(
        library.use_learned(Some(9)),
        Err(Error::NoVersion(9))
    ));
    assert_eq!(used(&library), [false, true], "nothing was changed");
    library.use_learned(None).unwrap();
    assert_eq!(used(&library), [false, false]);
    assert_eq!(library.faces().unwrap(), before);
}

#[test]
fn only_the_newest_versions_are_kept_and_a_cancelled_run_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let library = indexed(dir.path());
    name(&library, "/obama.jpg", "Barack");
    name(&library, "/biden.jpg", "Joe");
    let control = Control::new();
    control.cancel();
    assert_eq!(library.learn(NOW, &control, &mut |_, _| {}).unwrap(), None);
    assert!(library.learned().unwrap().is_empty());

    learn(&library);
    library.use_learned(Some(1)).unwrap();
    for _ in 0..4 {
        learn(&library);
    }
    let kept: Vec<u32> = library
        .learned()
        .unwrap()
        .iter()
        .map(|of| of.version)
        .collect();
    assert_eq!(kept, [5, 4, 3, 1]);
}

#[test]
fn it_learns_in_the_background_when_told_and_not_where_nothing_could_be_better() {
    let dir = tempfile::tempdir().unwrap();
    let library = Arc::new(indexed(dir.path()));
    let (sender, news) = std::sync::mpsc::channel();
    let learner = Learner::start(Arc::clone(&library), move |news| {
        let _ = sender.send(news);
    });
    name(&library, "astronaut.png", "Eileen Collins");
    name(&library, "obama.jpg", "Barack Obama");
    name(&library, "biden.jpg", "Joe Biden");
    learner.answered();
    // So few faces show nothing: no head could pass its trial.
    assert!(news.recv_timeout(Duration::from_secs(6)).is_err());

    // It waits as long as it is held, and then learns.
    learner.hold(true);
    learner.now();
    assert!(news.recv_timeout(Duration::from_secs(2)).is_err());
    learner.hold(false);
    let (mut steps, mut total) = (0, 0);
    let version = loop {
        match news.recv_timeout(Duration::from_secs(300)).unwrap() {
            LearnerNews::Progress(done, of) => (steps, total) = (steps.max(done), of),
            LearnerNews::Learned(version) => break version,
            other => panic!("{other:?}"),
        }
    };
    assert!(steps == total && total > 0, "{steps} of {total}");
    assert!(
        version.said.starts_with("Learned from "),
        "{}",
        version.said
    );
    assert_eq!(library.learned().unwrap(), [version]);
    // Nothing new was said.
    learner.answered();
    assert!(news.recv_timeout(Duration::from_secs(6)).is_err());
    drop(learner);
    assert_eq!(library.learned().unwrap().len(), 1);
}

#[test]
fn what_is_stopped_in_the_background_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let library = Arc::new(indexed(dir.path()));
    for (file, who) in [("obama.jpg", "Barack Obama"), ("biden.jpg", "Joe Biden")] {
        name(&library, file, who);
    }
    let (sender, news) = std::sync::mpsc::channel();
    let learner = Learner::start(Arc::clone(&library), move |news| {
        let _ = sender.send(news);
    });
    let next = || news.recv_timeout(Duration::from_secs(60)).unwrap();
    learner.now();
    let first = next();
    assert!(matches!(first, LearnerNews::Progress(1, _)), "{first:?}");
    learner.stop();
    let last = std::iter::repeat_with(next).find(|of| !matches!(of, LearnerNews::Progress(..)));
    assert!(matches!(last, Some(LearnerNews::Stopped)), "{last:?}");
    learner.now();
    next();
    drop(learner);
    let versions = library.learned().unwrap();
    assert!(versions.is_empty(), "{versions:?}");
}
