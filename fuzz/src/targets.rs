//! What reads bytes.

use std::{fs, path::Path};

use kith_engine::{
    AddedEmbedder, Library,
    index::FaceIndex,
    photo::{self, PhotoError},
    search::{Known, Meant, Query},
};

use crate::corpus;

/// Long side that photos are brought to.
const SIDE: u32 = 500;

/// Something that reads bytes.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Reads an input. Panics where it finds something wrong.
    pub run: fn(&[u8]),
    /// Makes sound inputs.
    pub corpus: fn() -> anyhow::Result<Vec<Vec<u8>>>,
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "photo",
        run: |bytes| read_photo(bytes, false),
        corpus: corpus::photos,
    },
    Target {
        name: "jpeg",
        run: |bytes| read_photo(bytes, false),
        corpus: corpus::jpegs,
    },
    Target {
        name: "raw",
        run: |bytes| read_photo(bytes, true),
        corpus: corpus::raws,
    },
    Target {
        name: "header",
        run: read_header,
        corpus: || Ok(vec![corpus::exif_block(true)?, corpus::exif_block(false)?]),
    },
    Target {
        name: "network",
        run: |bytes| drop(AddedEmbedder::parse(bytes)),
        corpus: || Ok(corpus::networks()),
    },
    Target {
        name: "frames",
        run: kith_worker::read_frames,
        corpus: || Ok(corpus::frames()),
    },
    Target {
        name: "query",
        run: parse_query,
        corpus: || Ok(corpus::queries()),
    },
    Target {
        name: "index",
        run: load_index,
        corpus: corpus::indexes,
    },
    Target {
        name: "catalog",
        run: open_catalog,
        corpus: corpus::catalogs,
    },
];

fn read_photo(bytes: &[u8], is_raw: bool) {
    match photo::read_bytes(&mut bytes.to_vec(), is_raw, SIDE) {
        Ok((upright, facts)) => {
            let (width, height) = upright.pixels.dimensions();
            assert!(width > 0 && height > 0 && width.max(height) <= SIDE);
            assert_eq!(
                (upright.full_width, upright.full_height),
                (facts.width, facts.height)
            );
            let camera = facts.camera.unwrap_or_default();
            assert!(
                !camera.contains(kith_engine::text::is_invisible),
                "{camera:?}"
            );
            if let Some(place) = facts.place {
                assert!(place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0);
            }
        }
        Err(error) => assert_ne!(error.to_string(), ""),
    }
}

/// The block alone is changed; the files around it are sound.
fn read_header(bytes: &[u8]) {
    let files = corpus::around(bytes).expect("the formats hold any block");
    for (number, file) in files.iter().enumerate() {
        read_photo(file, false);
        // A picture with any header is read all the same; the fourth file is but a header.
        let outcome = photo::read_bytes(&mut file.clone(), false, SIDE);
        let is_read = !matches!(
            outcome,
            Err(PhotoError::Damaged { .. } | PhotoError::CutOff | PhotoError::NotAPhoto)
        );
        assert!(number == 3 || is_read, "file {number}: {:?}", outcome.err());
    }
}

fn parse_query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let people: Vec<(u32, String)> = (1..)
        .zip(["Anna", "Anna Lee", "Ben", "Zoë de Vries", "June"])
        .map(|(person, name)| (person, name.to_owned()))
        .collect();
    let known = Known {
        people: &people,
        places: &|text| {
            (text.len() % 2 == 0).then(|| Meant {
                spots: [].into(),
                names: vec![text.to_owned()],
            })
        },
    };
    if let Ok(query) = Query::parse(&text, &known) {
        assert_eq!(query.terms.len(), query.without.len());
    }
}

/// The checksum at its end is set right, or nothing would be read behind it.
fn load_index(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = bytes.to_vec();
    bytes.truncate(bytes.len().saturating_sub(32));
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    fs::write(folder.path().join("neighbours.bin"), bytes).expect("written");
    let index = FaceIndex::load(folder.path());
    for point in 0..index.len() as u32 {
        let known = |neighbour: &(u32, f32)| (neighbour.0 as usize) < index.len();
        assert!(index.neighbours(point).iter().all(known));
    }
}

/// A damaged catalog is refused, or all that it holds can be listed or not without a panic; restored as a
/// backup it is refused, or the library can be opened again.
fn open_catalog(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let damaged = folder.path().join("damaged");
    fs::create_dir(&damaged).expect("made");
    fs::write(damaged.join("catalog.sqlite"), bytes).expect("written");
    if let Ok(library) = Library::open(&damaged) {
        list(&library);
    }
    let backup = folder.path().join("backup.kith");
    fs::write(&backup, bytes).expect("written");
    let sound = folder.path().join("sound");
    let library = Library::open(&sound).expect("an empty library");
    let is_restored = library.restore(&backup).is_ok();
    drop(library);
    let library = Library::open(Path::new(&sound)).expect("what was restored was checked");
    let lists = list(&library);
    assert!(
        lists || !is_restored,
        "a backup was restored that cannot be listed"
    );
}

/// Whether everything can be listed.
fn list(library: &Library) -> bool {
    let photos = library.photos().map(|photos| photos.len());
    let people = library.people().map(|people| people.len());
    photos.is_ok()
        && people.is_ok()
        && library.faces().is_ok()
        && library.history().is_ok()
        && library.failed().is_ok()
}
