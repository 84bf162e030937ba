//! A library of many people, made without reading many photos: the portraits are copied as links,
//! each said to be a photo of its own, and the faces on the copies get embeddings that were drawn by
//! lot, one point a person with some scatter around it. Real are the catalog, the groups, the
//! questions and the pictures.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use kith_engine::{
    Action, Control, FaceId, Library,
    alike::Look,
    catalog::{Catalog, decisions, faces, faces::StoredFace, looks, photos},
    faces::MODEL,
    people::Decision,
};
use kith_models::{Code, Embedding, unit};

/// How many of everything a crowd has.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// People; the first ones are named.
    pub people: usize,
    /// Photos with one face of each of them.
    pub faces_each: usize,
    /// How many of them have a name.
    pub named: usize,
    /// Small groups that are near to a named person, at distances around which Kith asks.
    pub doubtful: usize,
    /// Photos in all; those beyond the faces show nobody.
    pub photos: usize,
    /// Whether people differ in a few numbers of an embedding only and are seen with much noise in others:
    /// the network alone mistakes many of their faces, and answers teach to look away from the noise.
    pub noisy: bool,
}

/// Where the photos of a crowd were taken: middles of towns, with latitude and longitude in degrees;
/// the first ones more often.
const TOWNS: [[f64; 2]; 24] = [
    [59.913, 10.746],   // Oslo
    [52.524, 13.411],   // Berlin
    [48.137, 11.575],   // Munich
    [60.393, 5.324],    // Bergen
    [48.853, 2.349],    // Paris
    [41.894, 12.483],   // Rome
    [69.649, 18.956],   // Tromsø
    [53.551, 9.993],    // Hamburg
    [40.714, -74.006],  // New York
    [47.367, 8.550],    // Zürich
    [38.717, -9.133],   // Lisbon
    [-33.868, 151.207], // Sydney
    [35.690, 139.692],  // Tokyo
    [45.438, 12.335],   // Venice
    [64.135, -21.895],  // Reykjavik
    [37.775, -122.419], // San Francisco
    [-33.926, 18.423],  // Cape Town
    [28.623, 77.209],   // New Delhi
    [50.088, 14.421],   // Prague
    [-22.906, -43.182], // Rio de Janeiro
    [31.634, -7.999],   // Marrakesh
    [41.012, 28.950],   // Istanbul
    [-36.853, 174.763], // Auckland
    [55.953, -3.197],   // Edinburgh
];

/// Cosine of the angle between a face and the point of its person: two faces of one person are 0.2
/// apart, as sharp photos of a grown-up are.
const TOGETHER: f32 = 0.95;
/// Squared distances of the doubtful groups, from the nearest to the farthest.
const DOUBTFUL: [f32; 2] = [0.88, 1.0];
/// Faces of a doubtful group.
const DOUBTFUL_FACES: usize = 2;
/// In so many numbers the people of a noisy crowd differ; in as many is the noise.
const LOOK: usize = 24;

const GIVEN: [&str; 12] = [
    "Anna", "Ben", "Carl", "Dora", "Emil", "Frida", "Gustav", "Hanna", "Ivar", "Johanna", "Karim",
    "Lin",
];
const FAMILY: [&str; 7] = [
    "Berg",
    "de Vries",
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Petrov",
];

/// The name of the person of that number: `Anna Berg`, `Ben de Vries`, …
#[must_use]
pub fn name_of(person: usize) -> String {
    let round = person / (GIVEN.len() * FAMILY.len());
    let name = format!(
        "{} {}",
        GIVEN[person % GIVEN.len()],
        FAMILY[person % FAMILY.len()]
    );
    match round {
        0 => name,
        _ => format!("{name} {}", round + 1),
    }
}

/// Numbers drawn by lot, the same ones each time (`SplitMix64`, Steele et al. 2014).
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// What the content of a file might be called.
    fn content(&mut self) -> [u8; 32] {
        let mut content = [0; 32];
        for part in content.chunks_exact_mut(8) {
            part.copy_from_slice(&self.draw().to_le_bytes());
        }
        content
    }

    /// How a photo may look from far away.
    fn far_look(&mut self) -> Look {
        Look(std::array::from_fn(|_| (self.draw() >> 56) as u8))
    }

    /// A number from -0.5 to 0.5.
    fn even(&mut self) -> f32 {
        (self.draw() >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    }

    /// A normal number, nearly: the sum of twelve uniform ones.
    pub(crate) fn normal(&mut self) -> f32 {
        let uniform = |bits: u64| (bits >> 40) as f32 / (1_u32 << 24) as f32;
        (0..12).map(|_| uniform(self.draw())).sum::<f32>() - 6.0
    }

    /// What a person of a noisy crowd looks like.
    fn look(&mut self) -> Embedding {
        std::array::from_fn(|i| if i < LOOK { self.even() } else { 0.0 })
    }

    /// A face of theirs.
    fn seen(&mut self, look: &Embedding) -> Embedding {
        unit(&std::array::from_fn(|i| match i / LOOK {
            0 => look[i] + 0.2 * self.even(),
            1 => 2.2 * self.even(),
            _ => 0.0,
        }))
    }

    /// Some kilometres from one of the towns; nowhere for a third of the photos, as of a camera
    /// that does not tell.
    fn place(&mut self) -> Option<[f64; 2]> {
        let place = self.draw();
        if place.is_multiple_of(3) {
            return None;
        }
        let share = (place >> 40) as f64 / f64::from(1_u32 << 24);
        let [latitude, longitude] = TOWNS[(share * share * TOWNS.len() as f64) as usize];
        let mut away = || f64::from(self.normal()) * 0.02;
        Some([latitude + away(), longitude + away()])
    }

    /// A point on the unit sphere.
    fn point(&mut self) -> Embedding {
        unit(&std::array::from_fn(|_| self.normal()))
    }

    /// A point at that cosine from `middle`.
    fn near(&mut self, middle: &Embedding, cosine: f32) -> Embedding {
        let away = self.point();
        let along: f32 = middle.iter().zip(&away).map(|(a, b)| a * b).sum();
        let across = unit(&std::array::from_fn(|i| away[i] - along * middle[i]));
        let sine = (1.0 - cosine * cosine).sqrt();
        std::array::from_fn(|i| cosine * middle[i] + sine * across[i])
    }
}

/// Makes the crowd in `library`, with its photos as links in `folder`, out of the portraits.
///
/// # Errors
/// When a file or the catalog cannot be written.
pub fn make_crowd(library: &Path, folder: &Path, portraits: &Path, crowd: &Crowd) -> Result<()> {
    fs::create_dir_all(folder)?;
    let originals = copied(portraits, folder)?;
    let opened = Library::open(library)?;
    opened.index(&[folder.to_owned()], &Control::new(), &mut |_| {})?;
    let mut lot = Lot(1);
    let mut catalog = Catalog::open(&library.join("catalog.sqlite"))?;
    let models = known(&catalog, &originals)?;
    let point = |lot: &mut Lot| if crowd.noisy { lot.look() } else { lot.point() };
    let people: Vec<Embedding> = (0..crowd.people).map(|_| point(&mut lot)).collect();
    let with_faces = crowd.people * crowd.faces_each + crowd.doubtful * DOUBTFUL_FACES;
    ensure!(
        with_faces <= crowd.photos,
        "more faces than photos in {crowd:?}"
    );
    ensure!(
        !crowd.noisy || crowd.doubtful == 0,
        "in a noisy crowd nobody knows how far apart two are"
    );
    let mut made = 0;
    let mut faces_of: Vec<Vec<FaceId>> = vec![Vec::new(); crowd.named];
    let mut links = Vec::new();
    let mut contents = Lot(2);
    let mut places = Lot(3);
    let mut far = Lot(4);
    let mut thumbnails = Vec::new();
    let mut last = None;
    catalog.transaction(|connection| {
        let mut photo = |kind: usize, face: Option<Embedding>| {
            // A person looks like one of the men on the portraits, on each photo like another one of his.
            let (original, stored, stamp) = &models[kind % models.len()];
            let path = folder
                .join(format!("{}", made / 1000))
                .join(format!("{made:06}.jpg"));
            links.push((originals[kind % originals.len()].clone(), path.clone()));
            let mut header = original.header.clone();
            header.content = contents.content();
            header.picture = None;
            thumbnails.push((original.header.content, header.content));
            header.taken_at = Some(date(made, crowd.photos));
            header.place = places.place();
            made += 1;
            // No two are copies of one, as their thumbnails would say.
            looks::store(connection, &header.content, &far.far_look())?;
            let id = photos::store(connection, None, &path, *stamp, &header, &MODEL)?;
            let Some(embedding) = face else {
                return kith_engine::Result::Ok(0);
            };
            let face = faces::NewFace {
                code: Code::of(&embedding),
                ..stored.found.clone()
            };
            faces::add(connection, id, &face, &MODEL)
        };
        // Year after year, everybody once.
        for _ in 0..crowd.faces_each {
            for (number, point) in people.iter().enumerate() {
                let face = if crowd.noisy {
                    lot.seen(point)
                } else {
                    lot.near(point, TOGETHER)
                };
                let face = photo(number, Some(face))?;
                if let Some(faces) = faces_of.get_mut(number) {
                    faces.push(face);
                }
            }
        }
        for number in 0..crowd.doubtful {
            let [first, last] = DOUBTFUL;
            let distance = first + (last - first) * number as f32 / crowd.doubtful as f32;
            let person = number % crowd.named.max(1);
            // The mean of two groups' distances is 2 − 2·cosine·TOGETHER².
            let cosine = (2.0 - distance) / (2.0 * TOGETHER * TOGETHER);
            let point = lot.near(&people[person], cosine);
            for _ in 0..DOUBTFUL_FACES {
                photo(person, Some(lot.near(&point, TOGETHER)))?;
            }
        }
        for number in with_faces..crowd.photos {
            photo(number, None)?;
        }
        last = faces_of.pop();
        for (number, faces) in faces_of.into_iter().enumerate() {
            let named = Decision::Name {
                person: faces.first().copied().unwrap_or_default(),
                name: name_of(number),
                faces,
            };
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(50 * 365 * 24 * 3600);
            decisions::add(connection, at, &named)?;
        }
        Ok(())
    })?;
    link(&links)?;
    link_thumbnails(&library.join("cache/thumbnails"), &thumbnails)?;
    drop(catalog);
    // The last name is given as a user gives it, and with it who is who is worked out.
    if let Some(faces) = last {
        let name = name_of(crowd.named - 1);
        opened.decide(Action::NameFaces { faces, name }, SystemTime::UNIX_EPOCH)?;
    }
    Ok(())
}

/// The sound portraits, in the folder of the library.
fn copied(portraits: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    ["obama.jpg", "biden.jpg", "astronaut.png"]
        .map(|name| -> Result<PathBuf> {
            let copy = folder.join(name);
            fs::copy(portraits.join(name), &copy)
                .with_context(|| format!("the sample photo {name} is missing"))?;
            Ok(copy.canonicalize()?)
        })
        .into_iter()
        .collect()
}

/// What the catalog knows of the portraits: the photo, the face on it, and the stamp of the file,
/// which its links have, too.
fn known(
    catalog: &Catalog,
    originals: &[PathBuf],
) -> Result<Vec<(photos::Photo, StoredFace, kith_engine::scan::FileStamp)>> {
    let present = photos::present(catalog.connection())?;
    let files = photos::known(catalog.connection())?;
    originals
        .iter()
        .map(|path| -> Result<_> {
            let photo = present.iter().find(|photo| photo.path == *path);
            let photo = photo.context("a portrait was not read")?.clone();
            let faces = faces::on_photo(catalog.connection(), photo.id)?;
            let face = faces.into_iter().next().context("a portrait has no face")?;
            let file = files.iter().find(|file| file.id == photo.id);
            let file = file.context("a portrait has no file")?;
            // A link to it changes its inode.
            let stamp = kith_engine::scan::FileStamp {
                changed_ns: None,
                inode: None,
                ..file.stamp
            };
            Ok((photo, face, stamp))
        })
        .collect()
}

fn link(links: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (original, path) in links {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::hard_link(original, path).or_else(|_| fs::copy(original, path).map(drop))?;
    }
    Ok(())
}

/// Each photo has the small pictures of its original: of itself and of its face, named by its
/// content as the engine names them.
fn link_thumbnails(folder: &Path, of: &[([u8; 32], [u8; 32])]) -> Result<()> {
    let mut links = Vec::new();
    for kind in ["photos", "faces"] {
        let kind = folder.join(kind);
        let mut names: Vec<(String, PathBuf)> = Vec::new();
        for shelf in fs::read_dir(&kind)? {
            for file in fs::read_dir(shelf?.path())? {
                let path = file?.path();
                let name = path.file_name().context("a file has a name")?;
                names.push((name.to_string_lossy().into_owned(), path));
            }
        }
        for (original, copy) in of {
            let (original, copy) = (hex(original), hex(copy));
            let its = names.iter().filter(|(name, _)| name.starts_with(&original));
            links.extend(its.map(|(name, path)| {
                let name = name.replacen(&original, &copy, 1);
                (path.clone(), kind.join(&copy[..2]).join(name))
            }));
        }
    }
    link(&links)
}

/// The first half of a content, as the names of thumbnails begin.
fn hex(content: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    content[..16].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// One after the other over twenty years.
fn date(number: usize, of: usize) -> String {
    let day = number * 20 * 336 / of.max(1);
    let (year, month, day) = (2004 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    format!("{year:04}-{month:02}-{day:02}T12:{:02}:00", number % 60)
}
