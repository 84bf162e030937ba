//! The truth: who is on a photo according to the folder it is in, and which pairs a file asks
//! about.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::EvalError;
use crate::PhotoId;

/// A folder of people, each a folder of photos, with or without a level of families above.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LabelledFolder {
    /// All photos, ordered by path.
    pub photos: Vec<LabelledPhoto>,
    /// How many families there are; `None` where the folders right below are people.
    pub families: Option<u32>,
}

/// A photo, and whom its folder says it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabelledPhoto {
    pub path: PathBuf,
    /// Counted from 0 over all families.
    pub person: u32,
    /// Counted from 0; always 0 where there are no families.
    pub family: u32,
}

impl LabelledFolder {
    /// The number of the photo that each file is from: crops that are called `PHOTO_face0.jpg` and
    /// `PHOTO_face1.jpg`, in folders of one family, are from one.
    pub fn numbered_photos(&self) -> Vec<PhotoId> {
        let mut numbers: BTreeMap<(u32, &str), PhotoId> = BTreeMap::new();
        self.photos
            .iter()
            .zip(1..)
            .map(|(photo, new)| match cut_from(&photo.path) {
                Some(whole) => *numbers.entry((photo.family, whole)).or_insert(new),
                None => new,
            })
            .collect()
    }

    /// Lists `dir/person/photo` or `dir/family/person/photo`. Files that are no photos by their
    /// ending are passed over, and so are folders without a photo.
    pub fn list(dir: &Path) -> Result<Self, EvalError> {
        let (mut flat, mut nested) = (Vec::new(), Vec::new());
        for outer in entries(dir)?.folders {
            let below = entries(&outer)?;
            if !below.photos.is_empty() {
                flat.push(below.photos);
            }
            let mut people = Vec::new();
            for inner in below.folders {
                let photos = entries(&inner)?.photos;
                if !photos.is_empty() {
                    people.push(photos);
                }
            }
            if !people.is_empty() {
                nested.push(people);
            }
        }
        let layout = |problem| EvalError::Layout {
            path: dir.to_owned(),
            problem,
        };
        let families = nested.len() as u32;
        match (flat.is_empty(), nested.is_empty()) {
            (true, true) => Err(layout(
                "There are no photos that are sorted into one folder for each person",
            )),
            (false, false) => Err(layout(
                "Some photos lie in FOLDER/PERSON and some in FOLDER/FAMILY/PERSON; it must be \
                 the one or the other for all",
            )),
            (false, true) => Ok(Self {
                photos: numbered(vec![flat]),
                families: None,
            }),
            (true, false) => Ok(Self {
                photos: numbered(nested),
                families: Some(families),
            }),
        }
    }
}

fn numbered(families: Vec<Vec<Vec<PathBuf>>>) -> Vec<LabelledPhoto> {
    let mut labelled = Vec::new();
    let mut person = 0;
    for (family, people) in (0..).zip(families) {
        for photos in people {
            labelled.extend(photos.into_iter().map(|path| LabelledPhoto {
                path,
                person,
                family,
            }));
            person += 1;
        }
    }
    labelled
}

struct Entries {
    folders: Vec<PathBuf>,
    photos: Vec<PathBuf>,
}

fn entries(dir: &Path) -> Result<Entries, EvalError> {
    let failed = |reason| EvalError::Io {
        what: "The folder",
        path: dir.to_owned(),
        reason,
    };
    let mut found = Entries {
        folders: Vec::new(),
        photos: Vec::new(),
    };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.folders.push(path);
        } else if crate::photo::is_supported(&path) {
            found.photos.push(path);
        }
    }
    found.folders.sort();
    found.photos.sort();
    Ok(found)
}

/// The name of the photo that a crop called `PHOTO_face0.jpg` is from.
fn cut_from(path: &Path) -> Option<&str> {
    let (photo, number) = path.file_stem()?.to_str()?.rsplit_once("_face")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !photo.is_empty()).then_some(photo)
}

/// The pairs that a file asks about, with the photos that they name.
#[derive(Debug)]
pub(super) struct PairList {
    /// Each photo once.
    pub photos: Vec<PathBuf>,
    /// In the order of the file.
    pub pairs: Vec<Pair>,
    /// How many folds the pairs are in.
    pub folds: u32,
    /// Whether the file itself says so.
    pub folds_from_file: bool,
}

/// Two photos, and whether they show the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// Places in [`PairList::photos`].
    pub photos: [usize; 2],
    pub same: bool,
    pub fold: u32,
}

/// Into how many folds a file that has none is cut, as View 2 of LFW has ten.
const FOLDS: u32 = 10;

impl PairList {
    /// Reads a pair file of Labeled Faces in the Wild (<http://vis-www.cs.umass.edu/lfw/>,
    /// README): the first line says `folds TAB n`, or `n` alone where there are no folds; then,
    /// for each fold, `n` lines `NAME TAB i TAB j` of the same person and `n` lines
    /// `NAME TAB i TAB NAME TAB j` of different people. Photo `i` of `NAME` is
    /// `images/NAME/NAME_000i.jpg` (or another ending that a photo has).
    ///
    /// A file without folds is cut into ten of equal size and balance, each a run of lines that
    /// follow each other: the files are ordered by name, so that few people are in two folds.
    pub fn read(images: &Path, pairs_file: &Path) -> Result<Self, EvalError> {
        let text = fs::read_to_string(pairs_file).map_err(|reason| EvalError::Io {
            what: "The pair file",
            path: pairs_file.to_owned(),
            reason,
        })?;
        let mut listed = parse(&text).map_err(|(line, problem)| EvalError::Pairs {
            path: pairs_file.to_owned(),
            line,
            problem,
        })?;
        let folds_from_file = listed.folds.is_some();
        let folds = match listed.folds {
            Some(folds) => folds,
            None => cut_into_folds(&mut listed.pairs),
        };
        if folds < 2 {
            return Err(EvalError::TooLittle(
                "the threshold is chosen on other pairs than those it is judged on, and that \
                 needs two pairs of each kind at least",
            ));
        }
        let photos = listed
            .photos
            .iter()
            .map(|(name, number)| photo_path(images, name, *number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            photos,
            pairs: listed.pairs,
            folds,
            folds_from_file,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Listed {
    photos: Vec<(String, u32)>,
    pairs: Vec<Pair>,
    /// `None` where the first line is one number.
    folds: Option<u32>,
}

fn parse(text: &str) -> Result<Listed, (usize, String)> {
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    let (_, first) = lines
        .next()
        .ok_or((1, "is missing: the file is empty".to_owned()))?;
    let head: Option<Vec<u32>> = first
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect();
    let (folds, per_kind) = match head.as_deref() {
        Some(&[count]) => (None, count),
        Some(&[folds, count]) => (Some(folds), count),
        _ => {
            return Err((
                1,
                "should be the number of pairs, or folds and pairs".to_owned(),
            ));
        }
    };
    let mut photos = Photos::default();
    let mut pairs = Vec::new();
    let mut last_line = 1;
    for (line, words) in lines {
        last_line = line;
        let words: Vec<&str> = words.split_whitespace().collect();
        let (first, second) = match words[..] {
            [name, i, j] => ((name, i), (name, j)),
            [name, i, other, j] => ((name, i), (other, j)),
            _ => return Err((line, "should be NAME N M, or NAME N NAME M".to_owned())),
        };
        let mut place = |(name, number): (&str, &str)| {
            let number = number
                .parse()
                .map_err(|_| (line, format!("has `{number}` where a number should be")))?;
            Ok(photos.place(name, number))
        };
        let place_of_pair = pairs.len() as u32 / per_kind.max(1);
        pairs.push(Pair {
            photos: [place(first)?, place(second)?],
            same: words.len() == 3,
            fold: place_of_pair / 2,
        });
        if (words.len() == 3) != place_of_pair.is_multiple_of(2) {
            let kind = if words.len() == 3 {
                "the same person"
            } else {
                "different people"
            };
            return Err((
                line,
                format!("is a pair of {kind} among pairs of the other kind"),
            ));
        }
    }
    let expected = 2 * u64::from(per_kind) * u64::from(folds.unwrap_or(1));
    if pairs.len() as u64 != expected {
        let found = pairs.len();
        return Err((
            last_line,
            format!("is the last, after {found} pairs instead of {expected}"),
        ));
    }
    Ok(Listed {
        photos: photos.list,
        pairs,
        folds,
    })
}

/// Numbers photos in the order in which they are named first.
#[derive(Default)]
struct Photos {
    list: Vec<(String, u32)>,
    places: std::collections::HashMap<(String, u32), usize>,
}

impl Photos {
    fn place(&mut self, name: &str, number: u32) -> usize {
        let key = (name.to_owned(), number);
        *self.places.entry(key).or_insert_with_key(|key| {
            self.list.push(key.clone());
            self.list.len() - 1
        })
    }
}

/// Gives each pair its fold and says how many there are: ten, or fewer where there are fewer
/// pairs of one kind.
fn cut_into_folds(pairs: &mut [Pair]) -> u32 {
    let count = |same| pairs.iter().filter(|pair| pair.same == same).count();
    let counts = [count(false), count(true)];
    let folds = (FOLDS as usize).min(counts[0]).min(counts[1]);
    let mut seen = [0; 2];
    for pair in pairs {
        let kind = usize::from(pair.same);
        pair.fold = (seen[kind] * folds / counts[kind]) as u32;
        seen[kind] += 1;
    }
    folds as u32
}

fn photo_path(images: &Path, name: &str, number: u32) -> Result<PathBuf, EvalError> {
    let path = |ending| {
        images
            .join(name)
            .join(format!("{name}_{number:04}.{ending}"))
    };
    ["jpg", "png", "jpeg", "webp"]
        .into_iter()
        .map(path)
        .find(|path| path.is_file())
        .ok_or_else(|| EvalError::NoPhoto { path: path("jpg") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_view_2_keep_their_folds() {
        let listed =
            parse("2\t1\nAnna\t1\t2\nAnna\t1\tBen\t3\nBen\t3\t4\nCarl\t1\tBen\t3\n").unwrap();
        assert_eq!(listed.folds, Some(2));
        let photo = |name: &str, number| (name.to_owned(), number);
        assert_eq!(
            listed.photos,
            [
                photo("Anna", 1),
                photo("Anna", 2),
                photo("Ben", 3),
                photo("Ben", 4),
                photo("Carl", 1)
            ]
        );
        assert_eq!(
            listed.pairs,
            [
                Pair {
                    photos: [0, 1],
                    same: true,
                    fold: 0
                },
                Pair {
                    photos: [0, 2],
                    same: false,
                    fold: 0
                },
                Pair {
                    photos: [2, 3],
                    same: true,
                    fold: 1
                },
                Pair {
                    photos: [4, 2],
                    same: false,
                    fold: 1
                },
            ]
        );
    }

    #[test]
    fn pairs_of_view_1_are_cut_into_ten_balanced_folds_of_neighbours() {
        let same = "Anna	1	2
"
        .repeat(25);
        let different = "Anna	1	Ben	1
"
        .repeat(25);
        let mut listed = parse(&format!("25\n{same}{different}")).unwrap();
        assert_eq!(listed.folds, None);
        assert_eq!(cut_into_folds(&mut listed.pairs), 10);
        for kind in [true, false] {
            let folds: Vec<u32> = listed
                .pairs
                .iter()
                .filter(|p| p.same == kind)
                .map(|p| p.fold)
                .collect();
            assert!(folds.is_sorted());
            for fold in 0..10 {
                let size = folds.iter().filter(|f| **f == fold).count();
                assert!(size == 2 || size == 3, "fold {fold} has {size} pairs");
            }
        }
    }

    #[test]
    fn a_wrong_pair_file_says_where() {
        let line_of = |text: &str| parse(text).unwrap_err().0;
        assert_eq!(line_of(""), 1);
        assert_eq!(line_of("ten\n"), 1);
        assert_eq!(line_of("1\nAnna\t1\n"), 2);
        assert_eq!(line_of("1\nAnna\t1\ttwo\n"), 2);
        assert_eq!(line_of("1\nAnna\t1\t2\nBen\t1\t2\n"), 3);
        assert_eq!(line_of("1\nAnna\t1\t2\n"), 2);
    }

    #[test]
    fn folders_are_people_or_families_of_people() {
        let dir = tempfile::tempdir().unwrap();
        let touch = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        };
        assert!(LabelledFolder::list(dir.path()).is_err(), "no photos");
        touch("flat/anna/2.jpg");
        touch("flat/anna/1.png");
        touch("flat/anna/notes.txt");
        touch("flat/ben/1.jpg");
        touch("flat/loose.jpg");
        fs::create_dir(dir.path().join("flat/empty")).unwrap();
        let flat = LabelledFolder::list(&dir.path().join("flat")).unwrap();
        assert_eq!(flat.families, None);
        let photo = |path: &str, person, family| LabelledPhoto {
            path: dir.path().join(path),
            person,
            family,
        };
        assert_eq!(
            flat.photos,
            [
                photo("flat/anna/1.png", 0, 0),
                photo("flat/anna/2.jpg", 0, 0),
                photo("flat/ben/1.jpg", 1, 0)
            ]
        );
        touch("nested/f1/anna/1.jpg");
        touch("nested/f2/anna/1.jpg");
        touch("nested/f2/ben/1.jpg");
        let nested = LabelledFolder::list(&dir.path().join("nested")).unwrap();
        assert_eq!(nested.families, Some(2));
        let labels: Vec<_> = nested.photos.iter().map(|p| (p.person, p.family)).collect();
        assert_eq!(labels, [(0, 0), (1, 1), (2, 1)]);
        touch("nested/f2/loose.jpg");
        assert!(
            LabelledFolder::list(&dir.path().join("nested")).is_err(),
            "mixed"
        );
    }
}
