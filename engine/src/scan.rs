//! Which photos lie in some folders.
//!
//! A photo is named by its canonical path: absolute, without symbolic links. So the same file is
//! the same photo however it was reached, and each folder is entered once even if links lead to it
//! again or the folders that were asked for overlap.

use std::{
    collections::HashSet,
    fs::{self, FileType, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::photo::{self, PhotoError};

/// Folders of programs and systems, in which pictures are not the user's photos: previews of
/// Synology, recycle bins of QNAP and Windows, packed resource forks of macOS. Hidden ones
/// (`.thumbnails`, `.dtrash`, `.Trash-1000`) are left out by their dot.
const NOT_PHOTOS: [&str; 8] = [
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__MACOSX",
];

/// A file that is named like a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its canonical path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// When its content changed last, in nanoseconds since 1970 (UTC).
    pub modified_ns: i64,
    /// When its inode changed last, as `modified_ns`; `None` where the file system does not keep that.
    pub changed_ns: Option<i64>,
    /// Its inode; `None` where the file system makes numbers up at each mount.
    pub inode: Option<u64>,
}

/// Something that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub path: PathBuf,
    /// What happened.
    pub why: PhotoError,
}

/// Looks for photos in folders and below them; a folder may also be a single file. Both lists are
/// sorted by the bytes of the paths. When cancelled, what was found so far is returned.
#[must_use]
pub fn walk(folders: &[PathBuf], cancelled: &dyn Fn() -> bool) -> (Vec<Found>, Vec<Trouble>) {
    let mut walk = Walk::default();
    for folder in folders {
        match canonical(folder) {
            Ok((path, metadata)) if metadata.is_dir() => walk.waiting.push(path),
            Ok((path, metadata)) => walk.file(path, &metadata),
            Err(error) => walk.trouble(folder, error.into()),
        }
    }
    while let Some(folder) = walk.waiting.pop() {
        if cancelled() {
            break;
        }
        if walk.seen.insert(folder.clone())
            && let Err(error) = walk.folder(&folder)
        {
            walk.trouble(&folder, error.into());
        }
    }
    walk.found
        .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    walk.troubles
        .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    (walk.found, walk.troubles)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn canonical(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    Ok((path, metadata))
}

#[derive(Default)]
struct Walk {
    /// Canonical paths of folders to look into.
    waiting: Vec<PathBuf>,
    /// Canonical paths of the folders and files that were met.
    seen: HashSet<PathBuf>,
    found: Vec<Found>,
    troubles: Vec<Trouble>,
    inodes: Inodes,
}

/// What the inode of one file says, as [`Found`] has it; `None` for both when it cannot be asked.
#[must_use]
pub fn inode_of(path: &Path, metadata: &Metadata) -> (Option<i64>, Option<u64>) {
    Inodes::default().of(path, metadata)
}

/// Knows of each device whether its inodes last from one mount to the next.
#[derive(Default)]
struct Inodes {
    #[cfg(unix)]
    last: std::collections::HashMap<u64, bool>,
}

impl Inodes {
    /// Change time and inode of a file, where they mean something.
    #[cfg(unix)]
    fn of(&mut self, path: &Path, metadata: &Metadata) -> (Option<i64>, Option<u64>) {
        use std::os::unix::fs::MetadataExt as _;
        let device = self.last.entry(metadata.dev());
        if !*device.or_insert_with(|| keeps_inodes(path)) {
            return (None, None);
        }
        let changed = metadata.ctime().checked_mul(1_000_000_000);
        let changed = changed.and_then(|seconds| seconds.checked_add(metadata.ctime_nsec()));
        (changed, Some(metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(&mut self, _: &Path, _: &Metadata) -> (Option<i64>, Option<u64>) {
        (None, None)
    }
}

/// Whether the file system gives a file the same inode at each mount and keeps its change time. FAT, exFAT
/// and NTFS by way of a user's program (FUSE) make the numbers up, and so may network file systems.
#[cfg(target_os = "linux")]
fn keeps_inodes(path: &Path) -> bool {
    // linux/magic.h: MSDOS, exFAT, FUSE, SMB, CIFS, SMB2, NFS, 9P, NTFS3.
    const MADE_UP: [u32; 9] = [
        0x4d44,
        0x2011_bab0,
        0x6573_5546,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x6969,
        0x0102_1997,
        0x7366_746e,
    ];
    rustix::fs::statfs(path).is_ok_and(|of| !MADE_UP.contains(&(of.f_type as u32)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn keeps_inodes(_: &Path) -> bool {
    true
}

impl Walk {
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".")
                || NOT_PHOTOS.iter().any(|skipped| name == *skipped)
            {
                continue;
            }
            let path = entry.path();
            match entry.file_type().and_then(|kind| self.entry(&path, kind)) {
                Ok(()) => {}
                // A link to nothing is worth a word only if it is named like a photo.
                Err(_) if path.is_symlink() && !photo::is_supported(&path) => {}
                Err(_) if path.is_symlink() => self.trouble(&path, PhotoError::DeadLink),
                Err(error) => self.trouble(&path, error.into()),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, kind: FileType) -> io::Result<()> {
        if kind.is_symlink() {
            let (path, metadata) = canonical(path)?;
            if metadata.is_dir() {
                self.waiting.push(path);
            } else if photo::is_supported(&path) {
                self.file(path, &metadata);
            }
        } else if kind.is_dir() {
            self.waiting.push(path.to_owned());
        } else if photo::is_supported(path) {
            self.file(path.to_owned(), &fs::metadata(path)?);
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        if !photo::is_supported(&path) {
            self.trouble(&path, PhotoError::NotAPhoto);
        } else if metadata.is_file() {
            let (changed_ns, inode) = self.inodes.of(&path, metadata);
            self.found.push(Found {
                path,
                size: metadata.len(),
                modified_ns: modified_ns(metadata),
                changed_ns,
                inode,
            });
        } else {
            self.trouble(&path, PhotoError::NotAFile);
        }
    }

    fn trouble(&mut self, path: &Path, why: PhotoError) {
        self.troubles.push(Trouble {
            path: path.to_owned(),
            why,
        });
    }
}

/// When the content of a file changed last, as [`Found`] has it. A file system that keeps no times says 1970
/// for every file.
#[must_use]
pub fn modified_ns(metadata: &Metadata) -> i64 {
    let Ok(modified) = metadata.modified() else {
        return 0;
    };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tempfile::TempDir;

    use super::*;

    const NEVER: &dyn Fn() -> bool = &|| false;

    /// A folder with empty files of these names; names that end in `/` are folders.
    fn folder(names: &[&str]) -> (TempDir, PathBuf) {
        let root = TempDir::new().expect("a temporary folder");
        let path = fs::canonicalize(root.path()).expect("it is there");
        for name in names {
            let file = path.join(name);
            if name.ends_with('/') {
                fs::create_dir_all(file).expect("makes a folder");
            } else {
                fs::create_dir_all(file.parent().expect("a parent")).expect("makes a folder");
                File::create(file).expect("makes a file");
            }
        }
        (root, path)
    }

    fn names(found: &[Found], root: &Path) -> Vec<String> {
        let name = |found: &Found| {
            found
                .path
                .strip_prefix(root)
                .expect("below the root")
                .display()
                .to_string()
        };
        found.iter().map(name).collect()
    }

    #[test]
    fn photos_are_found_in_order_and_the_rest_is_left_out() {
        let (_guard, root) = folder(&[
            "b.JPG",
            "a/z.png",
            "a/notes.txt",
            "B.webp",
            ".hidden.jpg",
            ".thumbnails/t.jpg",
            "a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg",
            "#recycle/old.jpg",
        ]);
        let (found, troubles) = walk(std::slice::from_ref(&root), NEVER);
        assert_eq!(names(&found, &root), ["B.webp", "a/z.png", "b.JPG"]);
        assert_eq!(troubles, []);
    }

    #[test]
    fn folders_that_overlap_give_each_file_once() {
        let (_guard, root) = folder(&["a/one.jpg", "a/b/two.jpg"]);
        let both = [
            root.join("a/b"),
            root.clone(),
            root.join("a/../a"),
            root.join("a/one.jpg"),
        ];
        let (found, troubles) = walk(&both, NEVER);
        assert_eq!(names(&found, &root), ["a/b/two.jpg", "a/one.jpg"]);
        assert_eq!(troubles, []);
    }

    #[test]
    fn what_is_named_but_absent_is_told() {
        let (_guard, root) = folder(&["notes.txt"]);
        let (found, troubles) = walk(&[root.join("nowhere"), root.join("notes.txt")], NEVER);
        assert_eq!(found, []);
        let reasons: Vec<_> = troubles.into_iter().map(|trouble| trouble.why).collect();
        assert_eq!(reasons, [PhotoError::NotAPhoto, PhotoError::Gone]);
    }

    #[test]
    fn size_and_time_are_those_of_the_file() {
        let (_guard, root) = folder(&["a.jpg", "before.jpg"]);
        fs::write(root.join("a.jpg"), b"12345").expect("writes");
        let set = |name, time| {
            let file = File::options()
                .write(true)
                .open(root.join(name))
                .expect("opens");
            file.set_modified(time).expect("sets the time");
        };
        set(
            "a.jpg",
            UNIX_EPOCH + std::time::Duration::new(1_500_000_000, 125_000_000),
        );
        set("before.jpg", UNIX_EPOCH - std::time::Duration::from_mins(1));
        let (found, _) = walk(std::slice::from_ref(&root), NEVER);
        assert_eq!(
            (found[0].size, found[0].modified_ns),
            (5, 1_500_000_000_125_000_000)
        );
        assert_eq!((found[1].size, found[1].modified_ns), (0, -60_000_000_000));
    }

    #[test]
    fn cancelling_stops_between_folders() {
        let (_guard, root) = folder(&["a/one.jpg", "b/two.jpg"]);
        let looks = std::cell::Cell::new(0);
        let cancelled = || looks.replace(looks.get() + 1) == 2;
        assert_eq!(walk(&[root], &cancelled).0.len(), 1);
    }

    #[cfg(unix)]
    mod unix {
        use std::{
            ffi::OsStr,
            os::unix::{
                ffi::OsStrExt,
                fs::{PermissionsExt, symlink},
            },
            process::Command,
        };

        use super::*;

        #[test]
        fn links_are_followed_but_never_in_circles() {
            let (_guard, root) = folder(&["a/one.jpg", "a/deep/two.jpg", "list/"]);
            let (_guard_2, elsewhere) = folder(&["three.jpg", "four.jpg"]);
            symlink("..", root.join("a/deep/up")).expect("links");
            symlink(".", root.join("a/self")).expect("links");
            symlink(root.join("a"), root.join("list/again")).expect("links");
            symlink(root.join("a/one.jpg"), root.join("list/one.jpg")).expect("links");
            symlink(&elsewhere, root.join("list/more")).expect("links");
            symlink("turning", root.join("turning")).expect("links");
            symlink("nowhere", root.join("gone.jpg")).expect("links");
            let (found, troubles) = walk(std::slice::from_ref(&root), NEVER);
            let mut expected = [
                root.join("a/deep/two.jpg"),
                root.join("a/one.jpg"),
                elsewhere.join("four.jpg"),
                elsewhere.join("three.jpg"),
            ];
            expected.sort();
            assert!(
                found.iter().map(|found| &found.path).eq(&expected),
                "{found:?}"
            );
            assert_eq!(troubles.len(), 1, "{troubles:?}");
            assert_eq!(troubles[0].path, root.join("gone.jpg"));
        }

        #[test]
        fn names_need_not_be_utf_8() {
            let (_guard, root) = folder(&[]);
            let path = root.join(OsStr::from_bytes(b"caf\xe9.jpg"));
            File::create(&path).expect("makes a file");
            assert_eq!(walk(&[root], NEVER).0[0].path, path);
        }

        #[test]
        fn pipes_are_told_and_not_opened() {
            let (_guard, root) = folder(&[]);
            let pipe = root.join("pipe.jpg");
            assert!(
                Command::new("mkfifo")
                    .arg(&pipe)
                    .status()
                    .expect("mkfifo runs")
                    .success()
            );
            let (found, troubles) = walk(&[root], NEVER);
            assert_eq!(found, []);
            assert_eq!(troubles[0].path, pipe);
        }

        #[test]
        fn a_folder_without_permission_is_told() {
            let (_guard, root) = folder(&["locked/one.jpg", "open.jpg"]);
            let locked = root.join("locked");
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("locks");
            let enters_all = fs::read_dir(&locked).is_ok();
            let (found, troubles) = walk(std::slice::from_ref(&root), NEVER);
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).expect("unlocks");
            if enters_all {
                // The superuser reads a locked folder like any other.
                assert_eq!(names(&found, &root), ["locked/one.jpg", "open.jpg"]);
            } else {
                assert_eq!(names(&found, &root), ["open.jpg"]);
                assert_eq!(troubles.len(), 1);
                assert_eq!(troubles[0].why, PhotoError::NotAllowed);
            }
        }
    }
}
