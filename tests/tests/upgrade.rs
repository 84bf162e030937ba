//! The upgrade to another network, by the built command: killed on its way, gone on with, taken back;
//! and what was said and can be searched at every moment of it.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use kith_engine::catalog::{Catalog, faces};
use kith_engine::{Action, Control, Error, Face, Library};
use kith_journeys::{built, make_network};

const NETWORK: &str = "other";

fn kith() -> Command {
    Command::new(built("kith").unwrap())
}

fn upgrading(library: &Path, arguments: &[&str]) -> Child {
    kith()
        .args(["model", "upgrade", "--json", "--library"])
        .arg(library)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Heads of three people.
fn heads() -> Vec<RgbImage> {
    let photos = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/photos"));
    let names = ["obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"];
    let library = tempfile::tempdir().unwrap();
    let opened = Library::open(library.path()).unwrap();
    opened
        .index(&[photos.to_owned()], &Control::new(), &mut |_| {})
        .unwrap();
    let faces = opened.faces().unwrap();
    let head = |name: &&str| {
        let image = image::open(photos.join(name)).unwrap().into_rgb8();
        let face = faces.iter().find(|face| face.path.ends_with(name)).unwrap();
        let [x, y, w, h] = face.box_upright;
        let (width, height) = (image.width() as f32, image.height() as f32);
        let side = 2.2 * (w * width).max(h * height);
        let (middle, down) = ((x + w / 2.0) * width, (y + h / 2.0) * height);
        let left = (middle - side / 2.0).max(0.0) as u32;
        let top = (down - side / 2.0).max(0.0) as u32;
        let head = imageops::crop_imm(&image, left, top, side as u32, side as u32);
        imageops::resize(&head.to_image(), 220, 220, FilterType::Triangle)
    };
    names.iter().map(head).collect()
}

/// Three people side by side, so many times, each time in another light.
fn make_photos(folder: &Path, heads: &[RgbImage], numbers: std::ops::Range<u32>) {
    for number in numbers {
        let mut photo = RgbImage::new(660, 220);
        let three = [&heads[number as usize % 2], &heads[2], &heads[3]];
        for (at, head) in (0..).zip(three) {
            let light = (number * 7 + at * 5) % 13;
            let mut head = DynamicImage::from(head.clone())
                .brighten(light as i32 * 8 - 48)
                .adjust_contrast((number * 5 % 11) as f32 * 4.0 - 20.0)
                .into_rgb8();
            if (number + at) % 3 == 0 {
                imageops::flip_horizontal_in_place(&mut head);
            }
            imageops::replace(&mut photo, &head, i64::from(at) * 220, 0);
        }
        photo.save(folder.join(format!("{number:03}.jpg"))).unwrap();
    }
}

/// A library in a folder, with photos in another and a second network in a third.
struct Place {
    dir: tempfile::TempDir,
    heads: Vec<RgbImage>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("photos")).unwrap();
        let heads = heads();
        Self { dir, heads }
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("library")
    }

    fn open(&self) -> Library {
        Library::open(&self.library()).unwrap()
    }

    fn photos(&self) -> PathBuf {
        self.dir.path().join("photos")
    }

    fn add_photos(&self, library: &Library, numbers: std::ops::Range<u32>) {
        make_photos(&self.photos(), &self.heads, numbers);
        library
            .index(&[self.photos()], &Control::new(), &mut |_| {})
            .unwrap();
    }

    fn add_network(&self, library: &Library, numbers: usize) {
        let file = self.dir.path().join(format!("{NETWORK}.safetensors"));
        make_network(&file, numbers, true).unwrap();
        library.add_network(&file).unwrap();
    }
}

fn say(library: &Library, action: Action) {
    library.decide(action, SystemTime::now()).unwrap();
}

/// Who is known to be on which photo, what was said, and what searches find.
#[derive(Debug, PartialEq)]
struct Known {
    faces: BTreeMap<u32, Face>,
    said: Vec<String>,
    found: Vec<Vec<u32>>,
}

fn known(library: &Library) -> Known {
    // Before anybody is named there is nobody to look for.
    let found = |query: &&str| Some(library.find(query).ok()?.photos);
    let faces = library.faces().unwrap().into_iter();
    Known {
        faces: faces.map(|face| (face.face, face)).collect(),
        said: library
            .history()
            .unwrap()
            .into_iter()
            .map(|entry| format!("{} {}", entry.said, entry.stands))
            .collect(),
        found: ["anna", "ben -anna", "anna carla"]
            .iter()
            .filter_map(found)
            .collect(),
    }
}

fn codes(library: &Path) -> Vec<faces::StoredFace> {
    let catalog = Catalog::open(&library.join("catalog.sqlite")).unwrap();
    faces::all(catalog.connection()).unwrap()
}

fn embedded(library: &Library) -> u32 {
    library.networks().unwrap()[0].faces
}

/// Three people are named on 55 photos, and seen on 15 more.
fn named_library(place: &Place) -> Library {
    let library = place.open();
    place.add_photos(&library, 0..55);
    let faces = library.faces().unwrap();
    assert_eq!(faces.len(), 165);
    let mut on_first: Vec<&Face> = faces
        .iter()
        .filter(|face| face.path.ends_with("000.jpg"))
        .collect();
    on_first.sort_by(|a, b| a.box_upright[0].total_cmp(&b.box_upright[0]));
    for (face, name) in on_first.iter().zip(["Anna", "Ben", "Carla"]) {
        let name = name.to_owned();
        let person = face.person.unwrap();
        say(&library, Action::Name { person, name });
    }
    let (person, faces) = (on_first[0].person.unwrap(), vec![on_first[2].face]);
    say(&library, Action::Reject { faces, person });
    place.add_photos(&library, 55..70);
    library
}

#[test]
fn killed_again_and_again_nothing_is_wrong_at_any_moment_and_all_can_be_taken_back() {
    let place = Place::new();
    let library = named_library(&place);
    place.add_network(&library, 160);
    let (before, old_codes) = (known(&library), codes(&place.library()));
    let named = before.faces.values().filter(|face| face.name.is_some());
    assert!(named.count() > 200, "{before:?}");

    // Killed twice while the networks are compared: then nothing has changed yet.
    for after in [300, 1200] {
        let mut child = upgrading(&place.library(), &[NETWORK]);
        std::thread::sleep(Duration::from_millis(after));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(known(&library), before);
    }
    // Killed as soon as some more faces are stored, until none are left.
    let mut kills = 0;
    loop {
        let (mut child, had) = (upgrading(&place.library(), &[NETWORK]), embedded(&library));
        let ended = loop {
            assert_eq!(known(&library), before);
            if embedded(&library) > had + kills {
                child.kill().unwrap();
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(known(&library), before);
        assert!(embedded(&library) >= had);
        if ended.success() {
            break;
        }
        kills += 1;
        assert!(kills < 40, "it never comes to its end");
    }
    assert!(kills >= 3, "{kills}");
    let new_codes = codes(&place.library());
    assert!(new_codes.iter().all(|face| face.found.map.is_some()));

    // New photos are seen by the new network, and whom it sees is known.
    place.add_photos(&library, 70..72);
    assert_eq!(embedded(&library), 216);
    assert_eq!(library.find("anna, ben").unwrap().photos.len(), 72);
    assert!(matches!(
        library.remove_network(NETWORK),
        Err(Error::NetworkInUse(_))
    ));

    let after = known(&library);
    let undone = library.undo_upgrade(&Control::new(), &mut |_| {}).unwrap();
    assert_eq!(
        (undone.network, undone.embedded, undone.faces),
        (None, 216, 216)
    );
    assert_eq!(codes(&place.library())[..old_codes.len()], old_codes);
    assert_eq!(embedded(&library), 0);
    assert_eq!(known(&library), after);
    let again = library.undo_upgrade(&Control::new(), &mut |_| {});
    assert!(matches!(again, Err(Error::NothingToUndo)));
    library.remove_network(NETWORK).unwrap();
}

#[test]
fn it_is_stopped_and_gone_on_with_and_a_lost_file_is_told() {
    let place = Place::new();
    let library = named_library(&place);
    place.add_network(&library, 128);
    let before = known(&library);
    let control = Control::new();
    let stopped = library
        .upgrade(NETWORK, &control, &mut |progress| {
            if progress.phase == kith_engine::UpgradePhase::Embedding && progress.done > 60 {
                control.cancel();
            }
        })
        .unwrap();
    assert!(stopped.cancelled && stopped.embedded > 60, "{stopped:?}");
    assert!(stopped.embedded < stopped.faces, "{stopped:?}");
    assert_eq!(known(&library), before);

    let copy = place.library().join("networks/other.network");
    let kept = fs::read(&copy).unwrap();
    fs::write(&copy, &kept[..kept.len() / 2]).unwrap();
    let opened = place.open();
    // Where there is nothing to read, nobody needs the network.
    let same = opened.index(&[], &Control::new(), &mut |_| {}).unwrap();
    assert_eq!(same.photos, same.unchanged);
    let (photo, new) = (
        place.photos().join("003.jpg"),
        place.photos().join("new.jpg"),
    );
    fs::copy(&photo, &new).unwrap();
    for result in [
        opened
            .upgrade(NETWORK, &Control::new(), &mut |_| {})
            .map(drop),
        opened.index(&[], &Control::new(), &mut |_| {}).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::NetworkChanged(_)), "{error}");
    }
    assert_eq!(known(&opened), before);
    fs::write(&copy, &kept).unwrap();
    fs::remove_file(&new).unwrap();

    // A photo that cannot be read stays as it was, and is looked at once it is back.
    let aside = place.dir.path().join("aside");
    fs::rename(&photo, &aside).unwrap();
    let without = opened.upgrade(NETWORK, &Control::new(), &mut |_| {});
    assert_eq!(without.unwrap().embedded, stopped.faces - 3);
    fs::rename(&aside, &photo).unwrap();
    let all = opened
        .upgrade(NETWORK, &Control::new(), &mut |_| {})
        .unwrap();
    assert_eq!((all.embedded, all.cancelled), (stopped.faces, false));
    assert_eq!(known(&library), before);
}

#[test]
fn face_data_that_is_deleted_after_an_upgrade_leaves_no_code_and_no_map() {
    let place = Place::new();
    let library = named_library(&place);
    place.add_network(&library, 128);
    let upgraded = library.upgrade(NETWORK, &Control::new(), &mut |_| {});
    assert_eq!(upgraded.unwrap().embedded, 210);
    let catalog = Catalog::open(&place.library().join("catalog.sqlite")).unwrap();
    let mut traces: Vec<Vec<u8>> = Vec::new();
    for table in ["faces", "embeddings"] {
        let all = format!("SELECT code FROM {table}");
        let mut rows = catalog.connection().prepare(&all).unwrap();
        let codes = rows.query_map([], |row| row.get(0)).unwrap();
        traces.extend(codes.map(Result::unwrap));
    }
    assert_eq!(traces.len(), 420);
    drop(catalog);

    library.forget_faces().unwrap();
    assert!(library.faces().unwrap().is_empty());
    let network = &library.networks().unwrap()[0];
    assert_eq!((network.used, network.faces), (false, 0));
    drop(library);
    let networks = place.library().join("networks");
    let mut files = files_below(&place.library());
    files.retain(|file| !file.starts_with(&networks));
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let found = |code: &&Vec<u8>| bytes.windows(16).any(|of| of == &code[..16]);
        assert_eq!(traces.iter().filter(found).count(), 0, "{}", file.display());
    }

    let library = place.open();
    library.index(&[], &Control::new(), &mut |_| {}).unwrap();
    let again = codes(&place.library());
    assert_eq!(again.len(), 210);
    assert!(again.iter().all(|face| face.found.map.is_none()));
    assert!(library.names().unwrap().is_empty());
}

#[test]
fn too_few_faces_and_a_network_that_tells_nobody_apart_are_refused() {
    let place = Place::new();
    let library = place.open();
    place.add_photos(&library, 0..5);
    place.add_network(&library, 160);
    let refused = library.upgrade(NETWORK, &Control::new(), &mut |_| {});
    assert!(matches!(refused, Err(Error::TooFewFaces { found: 15, .. })));
    assert!(matches!(
        library.upgrade("nothing", &Control::new(), &mut |_| {}),
        Err(Error::NoNetwork(_))
    ));
    library.remove_network(NETWORK).unwrap();

    place.add_photos(&library, 5..70);
    let file = place.dir.path().join(format!("{NETWORK}.safetensors"));
    make_network(&file, 160, false).unwrap();
    library.add_network(&file).unwrap();
    let before = known(&library);
    let refused = library.upgrade(NETWORK, &Control::new(), &mut |_| {});
    assert!(
        matches!(refused, Err(Error::NetworkUnlike { .. })),
        "{refused:?}"
    );
    assert!(!library.networks().unwrap()[0].used);
    assert_eq!(known(&library), before);
}

/// Once faces that an older Kith had found otherwise were not shown until their photos were read
/// again.
#[test]
fn faces_of_an_older_procedure_are_shown_before_and_after_they_are_read_again() {
    let place = Place::new();
    let library = place.open();
    place.add_photos(&library, 0..3);
    let person = library.faces().unwrap()[0].person.unwrap();
    let name = "Anna".to_owned();
    say(&library, Action::Name { person, name });
    let before = known(&library);
    let mut catalog = Catalog::open(&place.library().join("catalog.sqlite")).unwrap();
    catalog
        .transaction(|connection| {
            for table in ["faces", "photos"] {
                let older = "centerface-0+facenet-irv1-128-1+looks-0";
                connection.execute(&format!("UPDATE {table} SET model = ?1"), [older])?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(known(&library), before);
    let began = Instant::now();
    let read = library.index(&[], &Control::new(), &mut |_| {
        let faces = library.faces().unwrap();
        assert_eq!(faces.len(), before.faces.len(), "{:?}", began.elapsed());
    });
    assert_eq!(read.unwrap().unchanged, 0);
    assert_eq!(known(&library), before);
}

/// People who are named in the large library.
const NAMED: usize = 100;
/// Photos in it, copies among them, and how often the upgrade is killed.
const PHOTOS: usize = 20_000;
const KILLS: u32 = 20;

/// All files below a folder, in their order.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    let below = |path: PathBuf| {
        if path.is_dir() {
            files_below(&path)
        } else {
            vec![path]
        }
    };
    entries.into_iter().flat_map(below).collect()
}

/// [`PHOTOS`] files: each below `from` in folder `0`, and as often again in others as it takes.
fn link_copies(from: &Path, into: &Path) {
    let files = files_below(from);
    for (number, file) in files.iter().cycle().take(PHOTOS).enumerate() {
        let copy = (number / files.len()).to_string();
        let place = into.join(copy).join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::hard_link(file, &place)
            .or_else(|_| fs::copy(file, &place).map(drop))
            .unwrap();
    }
}

/// The name of each face, what is found for each person, and the log.
type Seen = (
    BTreeMap<u32, Option<String>>,
    Vec<Vec<u32>>,
    Vec<(u32, String, bool)>,
);

/// What the folders say, as `PERSON/photo`: a person is called what most of their faces are.
struct Truth {
    called: BTreeMap<PathBuf, String>,
    folders: BTreeMap<u32, PathBuf>,
    photos: BTreeMap<u32, PathBuf>,
}

impl Truth {
    fn of(faces: &[Face]) -> Self {
        let folder = |face: &Face| {
            let folder = Path::new(&face.path).parent().unwrap();
            PathBuf::from(folder.file_name().unwrap())
        };
        let mut names: BTreeMap<PathBuf, BTreeMap<&String, usize>> = BTreeMap::new();
        for face in faces {
            let of = names.entry(folder(face)).or_default();
            if let Some(name) = &face.name {
                *of.entry(name).or_default() += 1;
            }
        }
        let most = |(folder, names): (PathBuf, BTreeMap<&String, usize>)| {
            let (name, _) = names.into_iter().max_by_key(|of| of.1)?;
            Some((folder, name.clone()))
        };
        Self {
            called: names.into_iter().filter_map(most).collect(),
            folders: faces.iter().map(|of| (of.face, folder(of))).collect(),
            photos: faces.iter().map(|of| (of.photo, folder(of))).collect(),
        }
    }

    /// How many names, answers and logs are wrong that were right before. A face that had no name may
    /// find its own, and is noted.
    fn wrong(&self, before: &Seen, now: &Seen, found_since: &mut BTreeSet<u32>) -> usize {
        let mut wrong = usize::from(before.2 != now.2);
        for (face, old) in &before.0 {
            let new = now.0.get(face);
            if new == Some(old) {
                continue;
            }
            if old.is_none() && self.is_right(*face, new.and_then(Option::as_ref)) {
                found_since.insert(*face);
            } else {
                println!("face {face} was {old:?} and is {new:?}");
                wrong += 1;
            }
        }
        for (number, (old, new)) in before.1.iter().zip(&now.1).enumerate() {
            let [old, new] = [old, new].map(|of| of.iter().collect::<BTreeSet<&u32>>());
            let name = format!("Person {number}");
            let right = |photo: &&&u32| self.is_on(***photo, &name);
            if !old.is_subset(&new) || !new.difference(&old).all(|photo| right(&photo)) {
                println!("another answer for {name}");
                wrong += 1;
            }
        }
        wrong
    }

    fn is_right(&self, face: u32, name: Option<&String>) -> bool {
        name.is_some() && self.called.get(&self.folders[&face]) == name
    }

    fn is_on(&self, photo: u32, name: &str) -> bool {
        self.called
            .get(&self.photos[&photo])
            .is_some_and(|of| of == name)
    }
}

/// Run with a folder of a thousand photographs or more in `KITH_PHOTOS`, as `PERSON/photo`: a library of
/// copies of them, the hundred largest groups named, and an upgrade that is killed twenty times. Faces
/// keep their names; one that had none may find the one that most faces of its folder have, as another
/// network sees it otherwise.
#[test]
#[ignore = "takes long, and needs a folder of photographs"]
fn a_large_library_killed_twenty_times() {
    let from = PathBuf::from(std::env::var("KITH_PHOTOS").expect("a folder of photographs"));
    let dir = tempfile::tempdir().unwrap();
    let (photos, home) = (dir.path().join("photos"), dir.path().join("library"));
    link_copies(&from, &photos);
    let library = Library::open(&home).unwrap();
    // Once the first copies are known, the others have the same faces and are only looked at.
    let index = |folder: PathBuf| {
        library
            .index(&[folder], &Control::new(), &mut |_| {})
            .unwrap()
    };
    index(photos.join("0"));
    let read = index(photos);
    println!(
        "{} faces, {} people, read in {:.0} s",
        read.faces, read.groups, read.seconds
    );
    let mut people = library.people().unwrap();
    people.sort_by_key(|person| std::cmp::Reverse(person.faces));
    for (number, person) in people.iter().take(NAMED).enumerate() {
        let (person, name) = (person.person, format!("Person {number}"));
        say(&library, Action::Name { person, name });
    }
    let file = dir.path().join(format!("{NETWORK}.safetensors"));
    make_network(&file, 512, true).unwrap();
    library.add_network(&file).unwrap();

    let names: Vec<String> = (0..NAMED)
        .map(|number| format!("\"Person {number}\""))
        .collect();
    let found = || -> Vec<Vec<u32>> {
        let find = |name: &String| library.find(name).unwrap().photos;
        names.iter().map(find).collect()
    };
    let named = || -> BTreeMap<u32, Option<String>> {
        let faces = library.faces().unwrap().into_iter();
        faces.map(|face| (face.face, face.name)).collect()
    };
    let said = || -> Vec<(u32, String, bool)> {
        let said = library.history().unwrap().into_iter();
        said.map(|of| (of.decision, of.said.to_string(), of.stands))
            .collect()
    };
    let before: Seen = (named(), found(), said());
    let with_name = before.0.values().filter(|name| name.is_some()).count();
    let truth = Truth::of(&library.faces().unwrap());
    println!("{with_name} faces have a name");
    let (mut kills, mut wrong, mut looks) = (0, 0, 0);
    let mut found_since = BTreeSet::new();
    let mut check = || {
        looks += 1;
        wrong += truth.wrong(&before, &(named(), found(), said()), &mut found_since);
    };
    let began = Instant::now();
    loop {
        let (mut child, had) = (upgrading(&home, &[NETWORK]), embedded(&library));
        let ended = loop {
            check();
            if kills < KILLS && embedded(&library) > had + read.faces / (KILLS + 5) {
                child.kill().unwrap();
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(250));
        };
        check();
        if ended.success() {
            break;
        }
        kills += 1;
        println!(
            "killed at {} faces, {:.0} s",
            embedded(&library),
            began.elapsed().as_secs_f64()
        );
        assert!(kills <= KILLS, "it never comes to its end");
    }
    println!(
        "{kills} kills, {:.0} s in all",
        began.elapsed().as_secs_f64()
    );
    let old: Vec<_> = library.networks().unwrap();
    assert_eq!(old[0].faces, read.faces);
    let undone = library.undo_upgrade(&Control::new(), &mut |_| {}).unwrap();
    assert!(before == (named(), found(), said()), "not as it was");
    println!("taken back in {:.1} s; {looks} looks", undone.seconds);
    println!("{} faces without a name found theirs", found_since.len());
    assert_eq!((wrong, kills), (0, KILLS));
}
