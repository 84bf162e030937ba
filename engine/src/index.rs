//! Which faces look most alike: the neighbour list of each.
//!
//! Up to some hundred thousand faces all pairs are compared, which is sooner done than a graph is built.
//! Beyond that the lists are read off an HNSW graph: Malkov and Yashunin, "Efficient and robust
//! approximate nearest neighbor search using Hierarchical Navigable Small World graphs" (2018), through
//! the crate `hnsw_rs`. The index is a cache: what is missing or damaged is built again from the catalog.
//! Equal codes (copies of a photo) are one point, so that a thousand copies do not crowd out the
//! neighbours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hnsw_rs::api::AnnT;
use hnsw_rs::prelude::{Distance, Hnsw, HnswIo};
use kith_models::{Code, EMBEDDING_LEN, Embedding, nearest};
use rayon::prelude::*;

use crate::encryption::DataKey;
use crate::{Error, Result, private};

/// Neighbours kept for each point.
pub const NEIGHBOURS: usize = 32;
/// Points of which all pairs are compared. Of 20,000 that took a seventieth of the time of a graph; the one
/// grows with the square of their number, the other a little faster than the number itself.
const COMPARED_UP_TO: usize = 300_000;
/// Links of a point in the graph (the paper's M). Measured with the next two on 5,741 faces of LFW
/// against a brute-force search: 0.9999 of the 32 nearest are found, and all of the 8 nearest. With
/// 400 and 200 it is 1.0000, at half as much time again.
const LINKS: usize = 24;
/// Candidates while building (the paper's efConstruction).
const BUILD_WIDTH: usize = 200;
/// Candidates while searching (the paper's ef).
const SEARCH_WIDTH: usize = 100;
/// `hnsw_rs` writes and reads its files only with this many layers.
const LAYERS: usize = 16;
/// The graph has no deletion: with more dead points than this share, it is built anew.
const DEAD_SHARE: f64 = 0.2;
/// New points below this share of all are compared with every old list; above it, every list is
/// searched again, which is then cheaper.
const FEW_NEW: usize = 10;

const LISTS_FILE: &str = "neighbours.bin";
const GRAPH_NAME: &str = "faces";
const GRAPH_FILES: [&str; 2] = ["faces.hnsw.graph", "faces.hnsw.data"];
/// First bytes of the lists' file; the digit is its layout's version.
const MAGIC: &[u8; 8] = b"KITHNN1\n";

/// Squared Euclidean distance for `hnsw_rs` (its own `DistDot` panics on unit vectors).
#[derive(Debug, Clone, Copy, Default)]
struct SquaredEuclidean;

impl Distance<f32> for SquaredEuclidean {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        squared_euclidean(a, b)
    }
}

fn squared_euclidean(a: &[f32], b: &[f32]) -> f32 {
    // Sixteen running sums, so that the compiler can keep them in vector registers.
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    sums.iter().sum()
}

/// A neighbour: the point, and the squared distance to it.
pub type Neighbour = (u32, f32);

/// The neighbour lists of all points, with the graph behind them.
pub struct FaceIndex {
    /// Where it is kept between runs; nowhere for an index that only lives in memory.
    folder: Option<PathBuf>,
    /// Of an encrypted library. The graph is not kept then, only the lists.
    key: Option<DataKey>,
    codes: Vec<Code>,
    point_of: HashMap<[u8; EMBEDDING_LEN], u32>,
    /// Sorted by distance, then point.
    lists: Vec<Vec<Neighbour>>,
    compared_up_to: usize,
    /// Of an index with more points; read from disk only when points are added.
    graph: Option<Hnsw<'static, f32, SquaredEuclidean>>,
    graph_hash: [u8; 32],
}

impl FaceIndex {
    /// An index that is kept nowhere.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            folder: None,
            key: None,
            codes: Vec::new(),
            point_of: HashMap::new(),
            lists: Vec::new(),
            compared_up_to: COMPARED_UP_TO,
            graph: None,
            graph_hash: [0; 32],
        }
    }

    /// The index kept in `folder`; an empty one when it is missing or damaged.
    #[must_use]
    pub fn load(folder: &Path) -> Self {
        Self::load_with(folder, None)
    }

    /// The same of an encrypted library.
    #[must_use]
    pub(crate) fn load_with(folder: &Path, key: Option<&DataKey>) -> Self {
        let mut index = Self::in_memory();
        index.folder = Some(folder.to_owned());
        index.key = key.cloned();
        let bytes = std::fs::read(folder.join(LISTS_FILE)).ok();
        let bytes = bytes.and_then(|bytes| match key {
            Some(key) => key.decrypt(LISTS_FILE.as_bytes(), &bytes),
            None => Some(bytes),
        });
        if let Some((graph_hash, codes, lists)) = bytes.as_deref().and_then(lists_from) {
            index.graph_hash = graph_hash;
            index.point_of = codes
                .iter()
                .zip(0..)
                .map(|(code, point)| (*code.as_bytes(), point))
                .collect();
            index.codes = codes;
            index.lists = lists;
        }
        index
    }

    /// The point of a code that was added.
    #[must_use]
    pub fn point(&self, code: &Code) -> Option<u32> {
        self.point_of.get(code.as_bytes()).copied()
    }

    /// The up to [`NEIGHBOURS`] nearest other points of a point, nearest first.
    #[must_use]
    pub fn neighbours(&self, point: u32) -> &[Neighbour] {
        &self.lists[point as usize]
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Makes the index hold exactly what grouping needs: adds the codes that are new, and builds
    /// everything anew when too many of its points are no longer among `codes`. Stores it if it
    /// changed.
    ///
    /// # Errors
    /// [`Error::Index`] when the graph cannot be built or stored.
    pub fn update(&mut self, codes: &[Code]) -> Result<()> {
        let mut seen = std::collections::HashSet::with_capacity(codes.len());
        let wanted: Vec<&Code> = codes
            .iter()
            .filter(|code| seen.insert(*code.as_bytes()))
            .collect();
        let known = wanted
            .iter()
            .filter(|code| self.point(code).is_some())
            .count();
        let dead = self.len() - known;
        let mut new: Vec<&Code> = wanted
            .iter()
            .filter(|code| self.point(code).is_none())
            .copied()
            .collect();
        if new.is_empty() && dead as f64 <= DEAD_SHARE * self.len() as f64 {
            return Ok(());
        }
        if dead as f64 > DEAD_SHARE * self.len() as f64 {
            self.clear();
            new = wanted;
        }
        self.add(&new);
        match self.store() {
            // A disk that is full or cannot be written: the next start builds it again.
            Err(Error::Io { .. }) => Ok(()),
            other => other,
        }
    }

    /// The nearest points to any embedding, nearest first.
    fn search(&self, embedding: &Embedding, count: usize) -> Vec<Neighbour> {
        let Some(graph) = &self.graph else {
            return Vec::new();
        };
        let mut found: Vec<Neighbour> = graph
            .search(embedding, count, SEARCH_WIDTH.max(count))
            .into_iter()
            .map(|neighbour| (neighbour.d_id as u32, neighbour.distance))
            .collect();
        sort(&mut found);
        found
    }

    fn clear(&mut self) {
        *self = Self {
            folder: self.folder.take(),
            key: self.key.take(),
            compared_up_to: self.compared_up_to,
            ..Self::in_memory()
        };
    }

    /// The graph as it was stored, if there is one that can be trusted.
    fn stored_graph(&self) -> Option<Hnsw<'static, f32, SquaredEuclidean>> {
        // `hnsw_rs` ends the process on damaged files: only what was written here is shown to it.
        let folder = self.folder.as_ref()?;
        if hash_of_graph(folder).ok() != Some(self.graph_hash) {
            return None;
        }
        // The graph borrows its reader for its whole life, and the index owns the graph: a few
        // hundred bytes stay behind each time.
        let reader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(folder, GRAPH_NAME)));
        reader.load_hnsw_with_dist(SquaredEuclidean).ok()
    }

    /// Has all points in the graph.
    fn grow_graph(&mut self) {
        let total = self.len();
        let graph = self.graph.take().or_else(|| self.stored_graph());
        let graph = graph.filter(|graph| graph.get_nb_point() <= total);
        let graph =
            graph.unwrap_or_else(|| Hnsw::new(LINKS, total, LAYERS, BUILD_WIDTH, SquaredEuclidean));
        // One after the other: a parallel build is not the same every time.
        for point in graph.get_nb_point()..total {
            graph.insert((&self.codes[point].embedding(), point));
        }
        self.graph = Some(graph);
    }

    fn add(&mut self, codes: &[&Code]) {
        let old = self.len();
        for (code, point) in codes.iter().zip(old as u32..) {
            self.codes.push(**code);
            self.point_of.insert(*code.as_bytes(), point);
        }
        // Only needed here: kept, they would be 50 MB for a hundred thousand faces.
        let points: Vec<Embedding> = self.codes.iter().map(Code::embedding).collect();
        let total = self.len();
        let from = if codes.len() * FEW_NEW < total {
            old
        } else {
            0
        };
        let found: Vec<Vec<Neighbour>> = if total <= self.compared_up_to {
            nearest(&points[from..], &points, NEIGHBOURS + 1)
        } else {
            self.grow_graph();
            points[from..]
                .par_iter()
                .map(|point| self.search(point, NEIGHBOURS + 1))
                .collect()
        };
        self.lists.truncate(from);
        if from > 0 {
            let newer = nearest(&points[..old], &points[old..], NEIGHBOURS);
            self.lists
                .par_iter_mut()
                .zip(newer)
                .for_each(|(list, newer)| {
                    list.extend(newer.iter().map(|(at, apart)| (old as u32 + at, *apart)));
                    sort(list);
                    list.truncate(NEIGHBOURS);
                });
        }
        self.lists
            .extend((from as u32..).zip(found).map(|(point, mut list)| {
                list.retain(|neighbour| neighbour.0 != point);
                list.truncate(NEIGHBOURS);
                list
            }));
    }

    fn store(&mut self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        private::create_folders(folder)
            .map_err(Error::io("Making the folder of the index", folder))?;
        // Without the lists the old graph counts as missing, so a kill in here costs a rebuild only.
        let lists_file = folder.join(LISTS_FILE);
        let old = std::iter::once(LISTS_FILE).chain(GRAPH_FILES);
        for file in old.map(|name| folder.join(name)) {
            private::remove_if_there(&file).map_err(Error::io("Replacing the index", &file))?;
        }
        self.graph_hash = [0; 32];
        // `hnsw_rs` writes its files itself.
        if let Some(graph) = self.graph.as_ref().filter(|_| self.key.is_none()) {
            graph.file_dump(folder, GRAPH_NAME).map_err(|error| {
                let source = std::io::Error::other(error.to_string());
                Error::io("Writing the index", folder)(source)
            })?;
            for file in GRAPH_FILES.map(|name| folder.join(name)) {
                private::close_to_others(&file)
                    .map_err(Error::io("Protecting the index", &file))?;
            }
            self.graph_hash =
                hash_of_graph(folder).map_err(Error::io("Reading the index back", folder))?;
        }
        let bytes = lists_bytes(&self.graph_hash, &self.codes, &self.lists);
        let bytes = match &self.key {
            Some(key) => key.encrypt(LISTS_FILE.as_bytes(), &bytes),
            None => Ok(bytes),
        };
        bytes
            .and_then(|bytes| private::write_synced(&lists_file, &bytes))
            .map_err(Error::io("Writing the index", &lists_file))
    }
}

impl std::fmt::Debug for FaceIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FaceIndex")
            .field("folder", &self.folder)
            .field("points", &self.codes.len())
            .finish_non_exhaustive()
    }
}

fn sort(list: &mut [Neighbour]) {
    list.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
}

fn hash_of_graph(folder: &Path) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    for name in GRAPH_FILES {
        hasher.update_reader(std::fs::File::open(folder.join(name))?)?;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Layout: magic, hash of the graph, count, then a code, a length and the neighbours a point;
/// last the BLAKE3 of all before it. Numbers are little endian.
fn lists_bytes(graph_hash: &[u8; 32], codes: &[Code], lists: &[Vec<Neighbour>]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(graph_hash);
    bytes.extend_from_slice(&(codes.len() as u32).to_le_bytes());
    for (code, list) in codes.iter().zip(lists) {
        bytes.extend_from_slice(code.as_bytes());
        bytes.push(list.len() as u8);
        for (point, distance) in list {
            bytes.extend_from_slice(&point.to_le_bytes());
            bytes.extend_from_slice(&distance.to_le_bytes());
        }
    }
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

type Lists = ([u8; 32], Vec<Code>, Vec<Vec<Neighbour>>);

fn lists_from(bytes: &[u8]) -> Option<Lists> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let rest = body.strip_prefix(MAGIC)?;
    let (graph_hash, rest) = rest.split_first_chunk::<32>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count);
    let mut codes = Vec::new();
    let mut lists = Vec::new();
    for _ in 0..count {
        let (code, after) = rest.split_first_chunk::<EMBEDDING_LEN>()?;
        let (length, mut after) = after.split_first()?;
        let mut list = Vec::with_capacity(usize::from(*length));
        for _ in 0..*length {
            let (point, tail) = after.split_first_chunk::<4>()?;
            let (distance, tail) = tail.split_first_chunk::<4>()?;
            let point = u32::from_le_bytes(*point);
            if point >= count {
                return None;
            }
            list.push((point, f32::from_le_bytes(*distance)));
            after = tail;
        }
        codes.push(Code::from_bytes(*code));
        lists.push(list);
        rest = after;
    }
    rest.is_empty().then_some((*graph_hash, codes, lists))
}

#[cfg(test)]
mod tests {
    use kith_models::distance;

    use super::*;

    /// Unit vectors in loose bunches, the same every time.
    fn codes(count: usize) -> Vec<Code> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let centres: Vec<Vec<f32>> = (0..40)
            .map(|_| (0..EMBEDDING_LEN).map(|_| next()).collect())
            .collect();
        (0..count)
            .map(|at| {
                let mut vector = [0.0; EMBEDDING_LEN];
                for (value, centre) in vector.iter_mut().zip(&centres[at % 40]) {
                    *value = centre + 0.6 * next();
                }
                let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
                Code::of(&vector.map(|value| value / length))
            })
            .collect()
    }

    fn brute_force(codes: &[Code], point: usize) -> Vec<u32> {
        let embeddings: Vec<Embedding> = codes.iter().map(Code::embedding).collect();
        let mut all: Vec<Neighbour> = (0..codes.len())
            .filter(|other| *other != point)
            .map(|other| {
                (
                    other as u32,
                    distance(&embeddings[point], &embeddings[other]),
                )
            })
            .collect();
        sort(&mut all);
        all.truncate(NEIGHBOURS);
        all.into_iter().map(|neighbour| neighbour.0).collect()
    }

    fn recall(index: &FaceIndex, codes: &[Code]) -> f64 {
        let found: usize = (0..codes.len())
            .map(|point| {
                let truth = brute_force(codes, point);
                let list = index.neighbours(index.point(&codes[point]).expect("added"));
                list.iter()
                    .filter(|neighbour| truth.contains(&neighbour.0))
                    .count()
            })
            .sum();
        found as f64 / (codes.len() * NEIGHBOURS) as f64
    }

    /// How many points are compared, and the least recall. HNSW is approximate; with these settings a
    /// miss is rarer than one in a thousand.
    const WAYS: [(usize, f64); 2] = [(COMPARED_UP_TO, 1.0), (0, 0.999)];

    #[test]
    fn finds_what_a_brute_force_search_finds() {
        let codes = codes(1500);
        for (compared_up_to, least) in WAYS {
            let mut index = FaceIndex::in_memory();
            index.compared_up_to = compared_up_to;
            index.update(&codes).expect("built");
            let recall = recall(&index, &codes);
            assert!(recall >= least, "recall {recall}");
        }
    }

    #[test]
    fn grows_to_what_it_would_be_from_the_start() {
        let codes = codes(1200);
        // The last outgrows the comparison on its way.
        for (compared_up_to, least) in WAYS.into_iter().chain([(1120, 0.999)]) {
            let folder = tempfile::tempdir().expect("a folder");
            for end in [1100, 1150, 1200] {
                // Loaded anew each time, as by one run of the program after another.
                let mut index = FaceIndex::load(folder.path());
                index.compared_up_to = compared_up_to;
                index.update(&codes[..end]).expect("updated");
            }
            let grown = FaceIndex::load(folder.path());
            assert_eq!(grown.len(), 1200);
            assert!(recall(&grown, &codes) >= least);
        }
    }

    #[test]
    fn equal_codes_are_one_point() {
        let mut codes = codes(50);
        codes.extend(std::iter::repeat_n(codes[0], 200));
        let mut index = FaceIndex::in_memory();
        index.update(&codes).expect("built");
        assert_eq!(index.len(), 50);
    }

    #[test]
    fn a_damaged_or_missing_file_is_built_again() {
        let codes = codes(300);
        for name in [LISTS_FILE, GRAPH_FILES[0], GRAPH_FILES[1]] {
            for damage in ["cut", "flip", "missing"] {
                let folder = tempfile::tempdir().expect("a folder");
                let loaded = || {
                    let mut index = FaceIndex::load(folder.path());
                    index.compared_up_to = 0;
                    index
                };
                loaded().update(&codes[..250]).expect("built");
                let path = folder.path().join(name);
                let mut bytes = std::fs::read(&path).expect("written");
                match damage {
                    "cut" => bytes.truncate(bytes.len() / 2),
                    "flip" => bytes[200] ^= 0x40,
                    _ => {}
                }
                if damage == "missing" {
                    std::fs::remove_file(&path).expect("removed");
                } else {
                    std::fs::write(&path, bytes).expect("damaged");
                }
                let mut index = loaded();
                index.update(&codes).expect("built again");
                assert_eq!(index.len(), 300, "{name} {damage}");
                assert!(recall(&index, &codes) > 0.999, "{name} {damage}");
            }
        }
    }

    #[test]
    fn points_that_died_are_swept_out() {
        let codes = codes(300);
        let mut index = FaceIndex::in_memory();
        index.update(&codes).expect("built");
        index.update(&codes[..290]).expect("few are dead");
        assert_eq!(index.len(), 300);
        index.update(&codes[..100]).expect("many are dead");
        assert_eq!(index.len(), 100);
    }
}
