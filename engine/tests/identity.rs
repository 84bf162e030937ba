//! What was said of a photo stays with its picture, whatever happens to its file.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use image::imageops::FilterType;
use kith_engine::{Action, Control, FaceState, IndexSummary, Library, photo};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/photos");
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// A folder with photos and a library of it.
struct Life {
    dir: tempfile::TempDir,
}

/// What was said of a photo: stars, and of each face its name and whether it was confirmed.
type Answers = (u8, Vec<(Option<String>, FaceState)>);

impl Life {
    /// Copies of some sample portraits, below `photos`.
    fn with(files: &[(&str, &str)]) -> Self {
        let life = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (file, as_file) in files {
            life.bring(file, as_file);
        }
        life
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join("photos").join(file)
    }

    fn bring(&self, file: &str, as_file: &str) {
        let path = self.path(as_file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(Path::new(PHOTOS).join(file), path).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn library(&self) -> Library {
        Library::open(&self.dir.path().join("library")).unwrap()
    }

    fn index(&self) -> IndexSummary {
        self.index_folders(&[self.dir.path().join("photos")])
    }

    fn index_folders(&self, folders: &[PathBuf]) -> IndexSummary {
        self.library()
            .index(folders, &Control::new(), &mut |_| {})
            .unwrap()
    }

    fn decide(&self, action: Action) {
        self.library().decide(action, NOW).unwrap();
    }

    /// The face on a file, and whose it is.
    fn face(&self, file: &str) -> kith_engine::Face {
        let faces = self.library().faces().unwrap();
        let path = self.path(file).display().to_string();
        faces.into_iter().find(|face| face.path == path).unwrap()
    }

    fn photo(&self, file: &str) -> u32 {
        self.face(file).photo
    }

    fn name(&self, file: &str, name: &str) {
        let face = self.face(file);
        self.decide(Action::NameFaces {
            faces: vec![face.face],
            name: name.into(),
        });
    }

    fn star(&self, file: &str, stars: u8) {
        let photos = vec![self.photo(file)];
        self.decide(Action::Stars { photos, stars });
    }

    /// By the picture of the file: that is what stays.
    fn answers(&self) -> BTreeMap<[u8; 32], Answers> {
        let library = self.library();
        let faces = library.faces().unwrap();
        let photos = library.photos().unwrap();
        let of = |tile: &kith_engine::PhotoTile| {
            let path = library.path_of(tile.photo).unwrap();
            let picture = photo::hashes(&path).unwrap().picture.unwrap();
            let on_it = faces.iter().filter(|face| face.photo == tile.photo);
            let said = on_it.map(|face| (face.name.clone(), face.state)).collect();
            (picture, (tile.stars, said))
        };
        photos.iter().map(of).collect()
    }
}

/// Four photos of three people, named, with stars and a rejection.
fn four_photos() -> Life {
    let life = Life::with(&[
        ("obama.jpg", "a.jpg"),
        ("biden.jpg", "b.jpg"),
        ("obama3.jpg", "c.jpg"),
        ("obama2.jpg", "d.jpg"),
    ]);
    life.index();
    life.name("a.jpg", "Barack");
    life.name("b.jpg", "Joe");
    life.star("a.jpg", 1);
    life.star("b.jpg", 2);
    life.star("c.jpg", 3);
    life.star("d.jpg", 4);
    let person = life.face("a.jpg").person.unwrap();
    life.decide(Action::Reject {
        faces: vec![life.face("d.jpg").face],
        person,
    });
    life
}

/// Inserts an EXIF segment with an artist, as a program that tags photos does.
fn write_metadata(path: &Path) {
    write_tag(path, *b"\x3b\x01\x02\0\x04\0\0\0Ann\0");
}

/// Inserts an EXIF segment with one tag, as it is in a directory of the file.
fn write_tag(path: &Path, tag: [u8; 12]) {
    let file = fs::read(path).unwrap();
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend(tag);
    exif.extend([0; 4]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let written = [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..]].concat();
    fs::write(path, written).unwrap();
}

#[test]
fn a_photo_renamed_over_another_keeps_its_answers_and_the_run_goes_on() {
    let life = four_photos();
    let mut before = life.answers();
    let lost = photo::hashes(&life.path("a.jpg")).unwrap().picture.unwrap();
    life.rename("b.jpg", "a.jpg");
    life.bring("astronaut.png", "new.png");
    let summary = life.index();
    assert_eq!((summary.photos, summary.failed), (4, 0));
    assert_eq!(life.index().unchanged, 4);
    let mut after = life.answers();
    let new = photo::hashes(&life.path("new.png"))
        .unwrap()
        .picture
        .unwrap();
    assert!(after.remove(&new).is_some());
    before.remove(&lost).unwrap();
    assert_eq!(after, before);
}

#[test]
fn photos_that_exchange_their_names_keep_their_answers() {
    let life = four_photos();
    let before = life.answers();
    life.rename("a.jpg", "t");
    life.rename("b.jpg", "a.jpg");
    life.rename("t", "b.jpg");
    assert_eq!(life.index().unchanged, 4);
    assert_eq!(life.answers(), before);
    // Three in a ring.
    life.rename("a.jpg", "t");
    life.rename("b.jpg", "a.jpg");
    life.rename("c.jpg", "b.jpg");
    life.rename("t", "c.jpg");
    life.index();
    assert_eq!(life.answers(), before);
    // All numbered anew, the first deleted.
    let gone = photo::hashes(&life.path("a.jpg")).unwrap().picture.unwrap();
    life.rename("b.jpg", "a.jpg");
    life.rename("c.jpg", "b.jpg");
    life.rename("d.jpg", "c.jpg");
    life.index();
    let mut left = before;
    left.remove(&gone);
    assert_eq!(life.answers(), left);
}

#[test]
fn folders_that_exchange_their_names_keep_their_answers() {
    let life = Life::with(&[
        ("obama.jpg", "x/1.jpg"),
        ("biden.jpg", "y/1.jpg"),
        ("obama2.jpg", "y/2.jpg"),
    ]);
    life.index();
    life.name("x/1.jpg", "Barack");
    life.name("y/1.jpg", "Joe");
    life.star("y/1.jpg", 5);
    let before = life.answers();
    life.rename("x", "t");
    life.rename("y", "x");
    life.rename("t", "y");
    // In either order of looking.
    life.index_folders(&[life.path("x")]);
    life.index_folders(&[life.path("y")]);
    assert_eq!(life.answers(), before);
    life.rename("x", "t");
    life.rename("y", "x");
    life.rename("t", "y");
    life.index();
    assert_eq!(life.answers(), before);
}

#[test]
fn metadata_edited_and_renamed_and_moved_at_once_keep_their_answers() {
    let life = four_photos();
    let before = life.answers();
    write_metadata(&life.path("a.jpg"));
    life.index();
    assert_eq!(life.answers(), before);
    for file in ["a.jpg", "b.jpg", "d.jpg"] {
        write_metadata(&life.path(file));
    }
    fs::create_dir(life.path("deep")).unwrap();
    life.rename("a.jpg", "deep/z.jpg");
    life.rename("d.jpg", "deep/a.jpg");
    life.rename("c.jpg", "a.jpg");
    let summary = life.index();
    assert_eq!((summary.photos, summary.failed), (4, 0));
    assert_eq!(life.answers(), before);
}

/// The copy, which was read first, took the row of its original, which took it back: the copy was not listed.
/// The other face of two that look alike was at the place of the named one then, and got its name.
#[test]
fn faces_of_a_photo_that_another_program_mirrors_keep_their_answers() {
    let sample = |name| {
        image::open(Path::new(PHOTOS).join(name))
            .unwrap()
            .into_rgb8()
    };
    let one = image::imageops::resize(&sample("obama.jpg"), 400, 500, FilterType::Triangle);
    let mut both = image::RgbImage::new(800, 500);
    image::imageops::replace(&mut both, &one, 0, 0);
    // A little darker, so that the two are not one face.
    let other = image::imageops::brighten(&one, -12);
    image::imageops::replace(&mut both, &other, 400, 0);
    let life = Life::with(&[]);
    fs::create_dir_all(life.path("")).unwrap();
    both.save(life.path("both.jpg")).unwrap();
    life.index();
    let faces = life.library().faces().unwrap();
    let left = faces.iter().find(|face| face.box_upright[0] < 0.4).unwrap();
    assert_eq!(faces.len(), 2);
    life.decide(Action::NameFaces {
        faces: vec![left.face],
        name: "Barack".into(),
    });
    let mirrored = [0x12, 0x01, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0];
    write_tag(&life.path("both.jpg"), mirrored);
    life.index();
    let faces = life.library().faces().unwrap();
    let named = faces.iter().find(|face| face.face == left.face).unwrap();
    assert_eq!(named.state, FaceState::Confirmed);
    assert!(named.box_upright[0] > 0.5, "{:?}", named.box_upright);
}

#[test]
fn a_copy_of_a_photo_with_new_metadata_and_a_new_name_is_listed_at_once() {
    let life = four_photos();
    let original = life.photo("d.jpg");
    life.rename("d.jpg", "z.jpg");
    write_metadata(&life.path("z.jpg"));
    fs::copy(life.path("z.jpg"), life.path("0.jpg")).unwrap();
    assert_eq!(life.index().photos, 5);
    assert_eq!(life.photo("z.jpg"), original);
    assert_ne!(life.photo("0.jpg"), original);
}

#[test]
fn another_picture_in_the_place_of_one_does_not_get_its_answers() {
    let life = four_photos();
    let old = photo::hashes(&life.path("a.jpg")).unwrap().picture.unwrap();
    let mut before = life.answers();
    // The same person: likeness proves nothing.
    let other = image::open(life.path("d.jpg")).unwrap();
    let other = other.crop_imm(0, 0, other.width() * 9 / 10, other.height() * 9 / 10);
    other.save(life.path("a.jpg")).unwrap();
    life.index();
    let mut after = life.answers();
    let new = photo::hashes(&life.path("a.jpg")).unwrap().picture.unwrap();
    let (stars, faces) = after.remove(&new).unwrap();
    assert_eq!(stars, 0);
    assert!(
        faces
            .iter()
            .all(|(_, state)| *state != FaceState::Confirmed)
    );
    let kept = before.remove(&old).unwrap();
    assert_eq!(after, before);
    // And back from a backup.
    life.bring("obama.jpg", "a.jpg");
    life.index();
    before.insert(old, kept);
    assert_eq!(life.answers(), before);
}

#[test]
fn a_cropped_and_brightened_photo_keeps_its_answers() {
    let life = four_photos();
    let picture = image::open(life.path("a.jpg")).unwrap();
    let (width, height) = (picture.width(), picture.height());
    let crop = picture.crop_imm(width / 10, height / 12, width * 4 / 5, height * 4 / 5);
    crop.brighten(20).save(life.path("a.jpg")).unwrap();
    life.index();
    let photo = life.photo("a.jpg");
    let tile = life.library().photos().unwrap();
    let tile = tile.iter().find(|of| of.photo == photo).unwrap();
    assert_eq!(tile.stars, 1);
    let face = life.face("a.jpg");
    assert_eq!(face.name.as_deref(), Some("Barack"));
    assert_eq!(face.state, FaceState::Confirmed);
}

#[test]
fn a_copy_takes_over_the_answers_when_its_original_is_deleted() {
    let life = four_photos();
    fs::copy(life.path("d.jpg"), life.path("copy.jpg")).unwrap();
    fs::copy(life.path("b.jpg"), life.path("copy of b.jpg")).unwrap();
    life.index();
    let copied = life.photo("copy of b.jpg");
    let tiles = life.library().photos().unwrap();
    let stars = |tiles: &[kith_engine::PhotoTile], photo| {
        tiles.iter().find(|of| of.photo == photo).unwrap().stars
    };
    assert_eq!(stars(&tiles, copied), 0, "a photo of its own");
    fs::remove_file(life.path("d.jpg")).unwrap();
    fs::remove_file(life.path("b.jpg")).unwrap();
    life.index();
    let tiles = life.library().photos().unwrap();
    assert_eq!(stars(&tiles, copied), 2);
    assert_eq!(stars(&tiles, life.photo("copy.jpg")), 4);
    let joe = life.face("copy of b.jpg");
    assert_eq!(
        (joe.name.as_deref(), joe.state),
        (Some("Joe"), FaceState::Confirmed)
    );
    assert_ne!(
        life.face("copy.jpg").name.as_deref(),
        Some("Barack"),
        "it was rejected"
    );
    // Once is enough.
    let entries = life.library().history().unwrap().len();
    life.index();
    assert_eq!(life.library().history().unwrap().len(), entries);
}

#[test]
fn a_folder_at_a_new_place_is_recognised_with_all_that_was_said() {
    let life = four_photos();
    let before = life.answers();
    let new_place = life.dir.path().join("other disk");
    fs::rename(life.dir.path().join("photos"), &new_place).unwrap();
    fs::rename(new_place.join("c.jpg"), new_place.join("renamed.jpg")).unwrap();
    let summary = life.index_folders(std::slice::from_ref(&new_place));
    assert_eq!((summary.photos, summary.away), (4, 0));
    assert_eq!(summary.moved_folders.len(), 1);
    assert_eq!(life.answers(), before);
    let folders = life.library().folders().unwrap();
    assert_eq!(folders.len(), 1);
    assert_eq!(
        folders[0].path,
        new_place.canonicalize().unwrap().display().to_string()
    );
}

/// The window asks before a folder is taken over; whoever says no has copies, and the old folder as it was.
#[test]
fn a_folder_at_a_new_place_is_another_folder_if_the_user_says_so() {
    let life = four_photos();
    let moved = |folder: &Path| {
        life.library()
            .moved_folder(folder, &Control::new())
            .unwrap()
    };
    let new_place = life.dir.path().join("other disk");
    fs::create_dir(&new_place).unwrap();
    for file in ["a.jpg", "b.jpg", "c.jpg", "d.jpg"] {
        fs::copy(life.path(file), new_place.join(file)).unwrap();
    }
    assert_eq!(moved(&new_place), None, "what it copies is there");
    let unplugged = life.dir.path().join("unplugged");
    fs::rename(life.dir.path().join("photos"), &unplugged).unwrap();
    let asked = moved(&new_place).unwrap();
    assert_eq!(asked.photos, 4);
    life.library().keep_apart(&asked).unwrap();
    assert_eq!(moved(&new_place), None, "it was said");
    let old: Vec<_> = life.library().photos().unwrap();
    let old: Vec<u32> = old.iter().map(|of| of.photo).collect();
    // Path, stars, and faces of each.
    let state = || -> Vec<_> {
        let library = life.library();
        let of = |photo: &u32| {
            let detail = library.photo(*photo).unwrap();
            (detail.path, detail.stars, detail.faces)
        };
        old.iter().map(of).collect()
    };
    let before = state();
    let summary = life.index_folders(std::slice::from_ref(&new_place));
    assert_eq!((summary.photos, summary.away), (8, 4));
    assert_eq!(summary.moved_folders, []);
    assert_eq!(life.library().folders().unwrap().len(), 2);
    // Another copy that turns up later is one as well.
    fs::copy(unplugged.join("a.jpg"), new_place.join("e.jpg")).unwrap();
    let summary = life.index_folders(&[]);
    assert_eq!((summary.photos, summary.away), (9, 4));
    assert_eq!(state(), before);
    fs::rename(&unplugged, life.dir.path().join("photos")).unwrap();
    let summary = life.index_folders(&[]);
    assert_eq!((summary.photos, summary.away), (9, 0));
    assert_eq!(state(), before);
}

#[test]
fn photos_on_a_drive_that_is_not_connected_are_away_and_still_listed() {
    let life = four_photos();
    let people = life.library().people().unwrap();
    let aside = life.dir.path().join("aside");
    // Once the mount point goes with the drive, once it stays as an empty folder.
    for stays in [false, true] {
        fs::rename(life.dir.path().join("photos"), &aside).unwrap();
        if stays {
            fs::create_dir(life.dir.path().join("photos")).unwrap();
        }
        let summary = life.index_folders(&[]);
        assert_eq!((summary.photos, summary.away, summary.failed), (4, 4, 0));
        assert_eq!(life.library().people().unwrap(), people);
        assert!(
            life.library()
                .photos()
                .unwrap()
                .iter()
                .all(|photo| photo.away)
        );
        let folder = &life.library().folders().unwrap()[0];
        assert_eq!((folder.photos, folder.away, folder.present), (4, 4, false));
        if stays {
            fs::remove_dir(life.dir.path().join("photos")).unwrap();
        }
        fs::rename(&aside, life.dir.path().join("photos")).unwrap();
        let summary = life.index_folders(&[]);
        assert_eq!((summary.photos, summary.away, summary.unchanged), (4, 0, 4));
    }
}

#[test]
fn photos_that_are_away_are_told_by_the_folder_that_is_not_connected() {
    let life = Life::with(&[
        ("obama.jpg", "a/disk/1.jpg"),
        ("obama2.jpg", "a/disk/2.jpg"),
        ("biden.jpg", "b/disk/3.jpg"),
        ("astronaut.png", "home/4.png"),
    ]);
    let roots = ["a/disk", "b/disk", "home"].map(|folder| life.path(folder));
    life.index_folders(&roots);
    assert_eq!(life.library().away().unwrap(), []);
    let told = || -> Vec<(String, usize)> {
        let away = life.library().away().unwrap().into_iter();
        away.map(|of| (of.name, of.photos.len())).collect()
    };
    life.rename("a/disk", "a/unplugged");
    life.index_folders(&[]);
    assert_eq!(told(), [("disk".to_owned(), 2)]);
    // Two of one name are told apart by their paths.
    life.rename("b/disk", "b/unplugged");
    life.index_folders(&[]);
    let path = |folder: &str| {
        let inside = life.path(folder);
        let above = inside.parent().unwrap().canonicalize().unwrap();
        above.join("disk").display().to_string()
    };
    assert_eq!(told(), [(path("a/disk"), 2), (path("b/disk"), 1)]);
}

#[test]
fn a_photo_found_elsewhere_can_be_reached_though_its_drive_cannot() {
    let life = Life::with(&[("obama.jpg", "disk/1.jpg"), ("biden.jpg", "home/2.jpg")]);
    life.index_folders(&[life.path("disk"), life.path("home")]);
    life.name("disk/1.jpg", "Barack");
    fs::copy(life.path("disk/1.jpg"), life.path("home/3.jpg")).unwrap();
    // Something is missing at home, so that what is new there is looked at for it.
    life.rename("home/2.jpg", "home/4.jpg");
    life.rename("disk", "unplugged");
    let summary = life.index_folders(&[life.path("home")]);
    assert_eq!((summary.photos, summary.away), (2, 0));
    assert_eq!(life.face("home/3.jpg").name.as_deref(), Some("Barack"));
}

#[test]
fn a_photo_moved_between_folders_is_the_same_in_every_order_of_looking() {
    for first in ["x", "y"] {
        let life = Life::with(&[
            ("obama.jpg", "x/1.jpg"),
            ("biden.jpg", "y/2.jpg"),
            ("obama2.jpg", "x/3.jpg"),
        ]);
        life.index_folders(&[life.path("x"), life.path("y")]);
        life.name("x/1.jpg", "Barack");
        life.star("x/1.jpg", 5);
        let before = life.answers();
        life.rename("x/1.jpg", "y/1.jpg");
        let second = if first == "x" { "y" } else { "x" };
        life.index_folders(&[life.path(first)]);
        life.index_folders(&[life.path(second)]);
        assert_eq!(life.answers(), before, "{first} first");
    }
}

#[cfg(unix)]
#[test]
fn another_file_of_the_same_size_and_time_is_seen() {
    const SIZE: usize = 1 << 20;
    let life = Life::with(&[]);
    fs::create_dir(life.path("")).unwrap();
    let put = |file: &str, name: &str| {
        let mut bytes = fs::read(Path::new(PHOTOS).join(file)).unwrap();
        bytes.resize(SIZE, 0);
        fs::write(life.path(name), bytes).unwrap();
        let file = fs::File::options()
            .write(true)
            .open(life.path(name))
            .unwrap();
        file.set_modified(NOW).unwrap();
    };
    put("obama.jpg", "a.jpg");
    life.index();
    life.name("a.jpg", "Barack");
    put("biden.jpg", "t");
    life.rename("t", "a.jpg");
    life.index();
    assert_eq!(life.face("a.jpg").name, None);
}

#[cfg(unix)]
#[test]
fn photos_that_could_not_be_reached_are_read_when_they_can_be() {
    let life = Life::with(&[("obama.jpg", "a.jpg"), ("biden.jpg", "b.jpg")]);
    // What a link leads to is missing for a while, as a share is that is not mounted.
    life.rename("b.jpg", "away.jpg_");
    std::os::unix::fs::symlink(life.path("away.jpg"), life.path("b.jpg")).unwrap();
    let summary = life.index();
    assert_eq!((summary.photos, summary.failed), (1, 1));
    life.rename("away.jpg_", "away.jpg");
    let summary = life.index();
    assert_eq!((summary.photos, summary.failed), (2, 0));
}
