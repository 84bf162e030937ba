//! Matches the files of a look with the catalog's photos: by content first, by picture second, by path last.
//!
//! A photo is its picture. So a photo's row follows its file content wherever that turns up, and no row
//! takes another content while its own is still somewhere. All files are matched with all rows before
//! one is changed: photos that exchange their names, in pairs or in rings, keep what was said of them.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;

use crate::PhotoId;
use crate::photo::Hashes;

/// A file that is new at its path, or changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    /// `None` where nothing that is missing could be in it.
    pub(super) hashes: Option<Hashes>,
    /// The photo that was at its path.
    pub(super) at_path: Option<PhotoId>,
    /// Tells which of two files of one content it is, where the file system keeps inodes.
    pub(super) inode: Option<u64>,
}

/// A photo whose file is not where it was, as far as is known before the files are hashed: it is missing,
/// was missing before, or another file is at its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unplaced<'a> {
    pub(super) id: PhotoId,
    pub(super) path: &'a Path,
    pub(super) content: Option<[u8; 32]>,
    pub(super) picture: Option<[u8; 32]>,
    pub(super) inode: Option<u64>,
}

/// Which photo a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// The photo that was at its path, unchanged.
    Same(PhotoId),
    /// A photo that was elsewhere, unchanged.
    Moved(PhotoId),
    /// A photo whose metadata changed; its file may have moved, too.
    Rewritten(PhotoId),
    /// A picture that no photo has. The photo that was at its path is nowhere: either the file is an edit
    /// of it, or took its place.
    Replacing(PhotoId),
    /// A picture that no photo has, at a path where none was.
    New,
}

/// Matches each file with a photo, or with none; each photo is matched with one file at most. The outcome
/// does not depend on the order of the photos, and files take precedence in their order.
pub(super) fn matches(files: &[File<'_>], photos: &[Unplaced<'_>]) -> Vec<Match> {
    let by_id: HashMap<PhotoId, &Unplaced<'_>> = photos.iter().map(|of| (of.id, of)).collect();
    let mut matching = Matching {
        found: vec![None; files.len()],
        taken: HashSet::new(),
    };
    for kind in [Kind::Content, Kind::Picture] {
        let with_hash = kind.by_hash(photos);
        // Of copies that exchange their names, only the inode tells which is which.
        for (at, file) in files.iter().enumerate() {
            let photos = kind.of_file(file).and_then(|hash| with_hash.get(&hash));
            let photos = photos.into_iter().flatten();
            let same = photos.filter(|of| of.inode.is_some() && of.inode == file.inode);
            if let Some(photo) = same.min_by_key(|of| of.id) {
                let stays = file.at_path == Some(photo.id);
                let found = if stays {
                    kind.at_path(photo.id)
                } else {
                    kind.elsewhere(photo.id)
                };
                matching.take(at, photo.id, found);
            }
        }
        // Who is at their own path comes before anyone who could take it.
        for (at, file) in files.iter().enumerate() {
            let own = file.at_path.and_then(|id| by_id.get(&id));
            if let (Some(own), Some(hash)) = (own, kind.of_file(file))
                && kind.of_photo(own) == Some(hash)
            {
                matching.take(at, own.id, kind.at_path(own.id));
            }
        }
        if matches!(kind, Kind::Content) {
            matching.take_rewritten_originals(files, &by_id, &with_hash);
        }
        // Of copies, each goes where its name goes; the others in the order of their numbers.
        for same_name in [true, false] {
            for (at, file) in files.iter().enumerate() {
                let Some(hash) = kind.of_file(file) else {
                    continue;
                };
                let photos = with_hash.get(&hash).into_iter().flatten();
                let free = photos.filter(|of| !matching.taken.contains(&of.id));
                let named = free.filter(|of| !same_name || name(of.path) == name(file.path));
                if let Some(photo) = named.min_by_key(|of| of.id) {
                    matching.take(at, photo.id, kind.elsewhere(photo.id));
                }
            }
        }
    }
    let taken = matching.taken;
    let left = files.iter().zip(matching.found);
    left.map(|(file, found)| {
        found.unwrap_or(match file.at_path {
            Some(id) if !taken.contains(&id) && by_id.contains_key(&id) => Match::Replacing(id),
            _ => Match::New,
        })
    })
    .collect()
}

struct Matching {
    /// By position of the file.
    found: Vec<Option<Match>>,
    taken: HashSet<PhotoId>,
}

impl Matching {
    fn take(&mut self, file: usize, photo: PhotoId, found: Match) {
        if self.found[file].is_none() && self.taken.insert(photo) {
            self.found[file] = Some(found);
        }
    }

    /// A photo whose metadata was edited where it is stays there, though a copy that was made before has its content:
    /// one at a path where no photo was.
    fn take_rewritten_originals(
        &mut self,
        files: &[File<'_>],
        by_id: &HashMap<PhotoId, &Unplaced<'_>>,
        with_content: &HashMap<[u8; 32], Vec<&Unplaced<'_>>>,
    ) {
        let mut in_place: HashSet<[u8; 32]> = HashSet::new();
        for file in files.iter().filter(|file| file.at_path.is_some()) {
            in_place.extend(file.hashes.map(|of| of.content));
        }
        for (at, file) in files.iter().enumerate() {
            let (Some(own), Some(hashes)) =
                (file.at_path.and_then(|id| by_id.get(&id)), file.hashes)
            else {
                continue;
            };
            let is_same_picture = own.picture.is_some() && own.picture == hashes.picture;
            let is_elsewhere = own
                .content
                .is_some_and(|content| in_place.contains(&content));
            if is_same_picture && !is_elsewhere && !with_content.contains_key(&hashes.content) {
                self.take(at, own.id, Match::Rewritten(own.id));
            }
        }
    }
}

/// What is compared.
#[derive(Clone, Copy)]
enum Kind {
    Content,
    Picture,
}

impl Kind {
    fn of_file(self, file: &File<'_>) -> Option<[u8; 32]> {
        match self {
            Self::Content => file.hashes.map(|of| of.content),
            Self::Picture => file.hashes.and_then(|of| of.picture),
        }
    }

    fn of_photo(self, photo: &Unplaced<'_>) -> Option<[u8; 32]> {
        match self {
            Self::Content => photo.content,
            Self::Picture => photo.picture,
        }
    }

    fn by_hash<'a, 'b>(
        self,
        photos: &'b [Unplaced<'a>],
    ) -> HashMap<[u8; 32], Vec<&'b Unplaced<'a>>> {
        let mut by_hash: HashMap<[u8; 32], Vec<&Unplaced<'a>>> = HashMap::new();
        for photo in photos {
            if let Some(hash) = self.of_photo(photo) {
                by_hash.entry(hash).or_default().push(photo);
            }
        }
        by_hash
    }

    fn at_path(self, photo: PhotoId) -> Match {
        match self {
            Self::Content => Match::Same(photo),
            Self::Picture => Match::Rewritten(photo),
        }
    }

    fn elsewhere(self, photo: PhotoId) -> Match {
        match self {
            Self::Content => Match::Moved(photo),
            Self::Picture => Match::Rewritten(photo),
        }
    }
}

fn name(path: &Path) -> Option<&OsStr> {
    path.file_name()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn hashes(content: u8, picture: u8) -> Hashes {
        Hashes {
            content: [content; 32],
            picture: Some([picture; 32]),
        }
    }

    fn file(path: &str, content: u8, picture: u8, at_path: Option<PhotoId>) -> File<'_> {
        File {
            path: Path::new(path),
            hashes: Some(hashes(content, picture)),
            at_path,
            inode: None,
        }
    }

    fn photo(id: PhotoId, path: &str, content: u8, picture: u8) -> Unplaced<'_> {
        Unplaced {
            id,
            path: Path::new(path),
            content: Some([content; 32]),
            picture: Some([picture; 32]),
            inode: None,
        }
    }

    #[test]
    fn of_copies_that_exchange_their_names_the_inode_tells_which_is_which() {
        let photos = [1, 2].map(|id| Unplaced {
            inode: Some(u64::from(id) + 70),
            ..photo(id, if id == 1 { "/a" } else { "/b" }, 10, 10)
        });
        let files = [("/a", 72, 1), ("/b", 71, 2)].map(|(path, inode, at_path)| File {
            inode: Some(inode),
            ..file(path, 10, 10, Some(at_path))
        });
        assert_eq!(matches(&files, &photos), [Match::Moved(2), Match::Moved(1)]);
    }

    #[test]
    fn photos_that_exchange_their_names_keep_their_rows() {
        let photos = [
            photo(1, "/a", 10, 10),
            photo(2, "/b", 20, 20),
            photo(3, "/c", 30, 30),
        ];
        let ring = [
            file("/a", 30, 30, Some(1)),
            file("/b", 10, 10, Some(2)),
            file("/c", 20, 20, Some(3)),
        ];
        assert_eq!(
            matches(&ring, &photos),
            [Match::Moved(3), Match::Moved(1), Match::Moved(2)]
        );
    }

    #[test]
    fn a_photo_renamed_over_another_takes_its_row_along() {
        let photos = [photo(1, "/a", 10, 10), photo(2, "/b", 20, 20)];
        let files = [file("/a", 20, 20, Some(1)), file("/new", 40, 40, None)];
        assert_eq!(matches(&files, &photos), [Match::Moved(2), Match::New]);
    }

    #[test]
    fn edited_metadata_and_new_names_are_seen_through() {
        let photos = [photo(1, "/a", 10, 10), photo(2, "/b", 20, 20)];
        // The first was edited where it is; the second edited, renamed, and an unknown one is in its place.
        let files = [
            file("/a", 11, 10, Some(1)),
            file("/b", 50, 50, Some(2)),
            file("/c", 21, 20, None),
        ];
        assert_eq!(
            matches(&files, &photos),
            [Match::Rewritten(1), Match::New, Match::Rewritten(2)]
        );
        // Found nowhere else, the photo at the path may have been edited.
        assert_eq!(matches(&files[1..2], &photos[1..]), [Match::Replacing(2)]);
    }

    #[test]
    fn of_copies_each_goes_where_its_name_goes() {
        let photos = [photo(1, "/x/a", 10, 10), photo(2, "/x/b", 10, 10)];
        let files = [
            file("/y/b", 10, 10, None),
            file("/y/a", 10, 10, None),
            file("/y/c", 10, 10, None),
        ];
        assert_eq!(
            matches(&files, &photos),
            [Match::Moved(2), Match::Moved(1), Match::New]
        );
    }

    #[test]
    fn a_photo_with_new_metadata_stays_though_a_copy_has_its_content() {
        let photos = [photo(1, "/a", 10, 10), photo(2, "/b", 11, 10)];
        let files = [
            file("/a", 12, 10, Some(1)),
            file("/copy", 10, 10, None),
            file("/b", 11, 10, Some(2)),
        ];
        let found = [Match::Rewritten(1), Match::New, Match::Same(2)];
        assert_eq!(matches(&files, &photos), found);
        // Another photo was at that path: they exchanged their names, and one was edited.
        let files = [file("/a", 12, 10, Some(1)), file("/b", 10, 10, Some(2))];
        let found = [Match::Rewritten(2), Match::Moved(1)];
        assert_eq!(matches(&files, &photos), found);
        // It was renamed, as its inode tells, and an edited copy is in its place.
        let photos = [Unplaced {
            inode: Some(7),
            ..photo(1, "/a", 10, 10)
        }];
        let moved = File {
            inode: Some(7),
            ..file("/copy", 10, 10, None)
        };
        let files = [file("/a", 12, 10, Some(1)), moved];
        assert_eq!(matches(&files, &photos), [Match::New, Match::Moved(1)]);
    }

    proptest! {
        /// Any files among names, any contents: each content that was there once and is there once stays its
        /// photo's, wherever it went.
        #[test]
        fn a_content_that_is_still_there_keeps_its_photo(
            order in Just((0..8_u8).collect::<Vec<_>>()).prop_shuffle(),
            rewritten in prop::collection::vec(any::<bool>(), 8),
            there in prop::collection::vec(any::<bool>(), 8),
        ) {
            let paths: Vec<PathBuf> = (0..8).map(|at| PathBuf::from(format!("/{at}"))).collect();
            let photos: Vec<Unplaced<'_>> = (0..8_u8)
                .map(|at| Unplaced {
                    id: u32::from(at) + 1,
                    path: &paths[usize::from(at)],
                    content: Some([at; 32]),
                    picture: Some([at + 100; 32]),
                    inode: None,
                })
                .collect();
            // At path `at` lies what was at `order[at]`, perhaps with other metadata.
            let files: Vec<File<'_>> = (0..8_usize)
                .filter(|at| there[*at])
                .map(|at| File {
                    path: &paths[at],
                    hashes: Some(Hashes {
                        content: [order[at] + if rewritten[at] { 50 } else { 0 }; 32],
                        picture: Some([order[at] + 100; 32]),
                    }),
                    at_path: Some(at as u32 + 1),
                    inode: None,
                })
                .collect();
            for (file, found) in files.iter().zip(matches(&files, &photos)) {
                let at = paths.iter().position(|path| path == file.path).unwrap();
                let photo = u32::from(order[at]) + 1;
                let expected = match (rewritten[at], usize::from(order[at]) == at) {
                    (true, _) => Match::Rewritten(photo),
                    (false, true) => Match::Same(photo),
                    (false, false) => Match::Moved(photo),
                };
                prop_assert_eq!(found, expected);
            }
        }
    }
}
