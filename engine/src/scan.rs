//! Which photos lie in some folders, and what in them is left out.
//!
//! A photo is named by its canonical path: absolute, without symbolic links. So the same file is
//! the same photo however it was reached, and each folder is entered once even if links lead to it
//! again or the folders that were asked for overlap.

mod patterns;
mod skip;
mod stamp;

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs::{self, DirEntry, FileType, Metadata},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    patterns::Patterns,
    skip::{Kind, Markers},
    stamp::Inodes,
};
use crate::photo::{self, PhotoError};

pub use patterns::{IGNORE_FILE, wrong_pattern};
pub use skip::SkipRule;
pub use stamp::FileStamp;

/// Files that were left out are told one by one up to this number; beyond it, their folders are told
/// with the number of files.
const MOST_LISTED: usize = 10_000;
/// Entries in folders that were left out that are looked at to count their files. Beyond it a folder
/// is told with the files counted so far.
const MOST_COUNTED: usize = 200_000;
/// Files without a telling name of which the first bytes are read; beyond it they count as pictures.
const MOST_OPENED: usize = 10_000;

/// A file that is named like a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its canonical path.
    pub path: PathBuf,
    /// Which version of the file it was.
    pub stamp: FileStamp,
}

/// Something that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub path: PathBuf,
    /// What happened.
    pub why: PhotoError,
}

/// A file or folder that was left out by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where.
    pub path: PathBuf,
    /// The rule.
    pub rule: SkipRule,
    /// Files in it that are named like a picture or a video, 1 for such a file itself. Folders without
    /// any are not told.
    pub files: u32,
}

/// What a walk found. All lists are sorted by the bytes of the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// The photos.
    pub found: Vec<Found>,
    /// What could not be looked into.
    pub troubles: Vec<Trouble>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// The folders of the library. They are entered whatever they are called and whatever marker they
    /// hold, and the user's patterns count from them on.
    pub roots: Vec<PathBuf>,
    /// Patterns of what is left out below each of them, in gitignore's syntax.
    pub patterns: Vec<String>,
    /// The library's own folder, whose cache is left out.
    pub library: Option<PathBuf>,
}

/// Looks for photos in folders and below them; a folder may also be a single file. Where no roots are
/// chosen, these folders are the roots. When cancelled, what was found so far is returned.
#[must_use]
pub fn walk(folders: &[PathBuf], chosen: &Chosen, cancelled: &dyn Fn() -> bool) -> Walked {
    Walk::new(folders, chosen, true).through(folders, cancelled)
}

/// The photos alone that [`walk`] finds, without the work of counting what is left out.
pub(crate) fn found(
    folders: &[PathBuf],
    chosen: &Chosen,
    cancelled: &dyn Fn() -> bool,
) -> Vec<Found> {
    let walk = Walk::new(folders, chosen, false);
    walk.through(folders, cancelled).found
}

/// Whether a walk leaves out a file or folder of this name wherever it lies.
pub(crate) fn is_left_out(name: &OsStr) -> bool {
    skip::rule_for_name(name, true).is_some()
}

/// Whether a file is named like a picture or a video.
pub(crate) fn counts(name: &OsStr) -> bool {
    skip::counts(name)
}

/// Whether a file of this name says what is left out of its folder.
pub(crate) fn is_marker(name: &OsStr) -> bool {
    [
        IGNORE_FILE,
        ".nomedia",
        "CACHEDIR.TAG",
        ".immich",
        ".ppstorage",
    ]
    .iter()
    .any(|marker| name == *marker)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn canonical(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    Ok((path, metadata))
}

/// The entries of a folder, as far as a walk goes by them.
struct Listing {
    entries: Vec<(OsString, FileType, DirEntry)>,
    markers: Markers,
    /// Entries of which the system tells no type.
    failed: Vec<(PathBuf, io::Error)>,
}

impl Listing {
    fn read(folder: &Path) -> io::Result<Self> {
        let mut listing = Self {
            entries: Vec::new(),
            markers: Markers::default(),
            failed: Vec::new(),
        };
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type() {
                Ok(kind) => {
                    let name = entry.file_name();
                    listing.markers.note(&name, kind.is_file(), kind.is_dir());
                    listing.entries.push((name, kind, entry));
                }
                Err(error) => listing.failed.push((entry.path(), error)),
            }
        }
        Ok(listing)
    }
}

type Around = Option<Arc<Patterns>>;

struct Walk<'a> {
    /// Of the settings.
    patterns: &'a [String],
    /// Canonical paths of the chosen folders that are there.
    roots: HashSet<PathBuf>,
    /// Canonical path of the library's own cache.
    own_cache: Option<PathBuf>,
    /// Whether what is left out is listed and counted.
    tells_skipped: bool,
    /// Canonical paths of folders to look into, with the patterns around them.
    waiting: Vec<(PathBuf, Around)>,
    /// Canonical paths of the folders and files that were met.
    seen: HashSet<PathBuf>,
    walked: Walked,
    inodes: Inodes,
    /// Files beyond [`MOST_LISTED`], by their folder.
    more_skipped: HashMap<(PathBuf, SkipRule), u32>,
    counted: usize,
    opened: usize,
}

impl<'a> Walk<'a> {
    fn new(folders: &[PathBuf], chosen: &'a Chosen, tells_skipped: bool) -> Self {
        let there = |path: &PathBuf| fs::canonicalize(path).ok();
        let roots = if chosen.roots.is_empty() {
            folders
        } else {
            &chosen.roots
        };
        let own_cache = chosen.library.as_ref().map(|of| of.join("cache"));
        Self {
            patterns: &chosen.patterns,
            roots: roots.iter().filter_map(there).collect(),
            own_cache: own_cache.as_ref().and_then(there),
            tells_skipped,
            waiting: Vec::new(),
            seen: HashSet::new(),
            walked: Walked::default(),
            inodes: Inodes::default(),
            more_skipped: HashMap::new(),
            counted: 0,
            opened: 0,
        }
    }

    fn through(mut self, folders: &[PathBuf], cancelled: &dyn Fn() -> bool) -> Walked {
        for folder in folders {
            match canonical(folder) {
                Ok((path, metadata)) if metadata.is_dir() => self.start(path),
                Ok((path, metadata)) => self.file(path, &metadata),
                Err(error) => self.trouble(folder, error.into()),
            }
        }
        while let Some((folder, patterns)) = self.waiting.pop() {
            if cancelled() {
                break;
            }
            if self.seen.insert(folder.clone())
                && let Err(error) = self.folder(&folder, patterns)
            {
                self.trouble(&folder, error.into());
            }
        }
        self.finish()
    }

    /// Lets a folder wait, unless a walk from the chosen root around it would leave it out. One that is
    /// in no root is taken for one.
    fn start(&mut self, folder: PathBuf) {
        if let Some(cache) = self.library_cache(&folder) {
            self.roots.remove(&folder);
            return self.skip_folder(cache, SkipRule::Library);
        }
        let around = |root: &&PathBuf| folder.starts_with(root);
        let length = |root: &&PathBuf| root.as_os_str().len();
        let outermost = self.roots.iter().filter(around).min_by_key(length);
        let outermost = outermost.unwrap_or(&folder).clone();
        let innermost = self.roots.iter().filter(around).max_by_key(length);
        let innermost = innermost.unwrap_or(&folder).clone();
        let may_be_left_out = |path: &Path| path.starts_with(&innermost) && path != innermost;

        let mut steps: Vec<&Path> = folder.ancestors().collect();
        steps.retain(|step| step.starts_with(&outermost));
        steps.reverse();
        let mut patterns = None;
        for (at, step) in steps.iter().enumerate() {
            if self.roots.contains(*step) || *step == outermost {
                patterns = Patterns::of_settings(step, self.patterns, patterns);
            }
            let Some(next) = steps.get(at + 1) else { break };
            let listing = match Listing::read(step) {
                Ok(listing) => listing,
                Err(error) => return self.trouble(step, error.into()),
            };
            let rule = listing.markers.rule_for(step);
            if let Some(rule) = rule.filter(|_| may_be_left_out(step)) {
                return self.skip_folder(step.to_path_buf(), rule);
            }
            match self.with_file(step, &listing.markers, patterns) {
                Ok(with_file) => patterns = with_file,
                Err(error) => return self.trouble(step, error.into()),
            }
            let rule = rule_for_folder(step, next, &listing.markers, patterns.as_deref());
            if let Some(rule) = rule.filter(|_| may_be_left_out(next)) {
                return self.skip_folder(next.to_path_buf(), rule);
            }
        }
        if innermost == folder {
            self.roots.insert(folder.clone());
        }
        self.waiting.push((folder, patterns));
    }

    fn folder(&mut self, folder: &Path, patterns: Around) -> io::Result<()> {
        let Listing {
            entries,
            markers,
            failed,
        } = Listing::read(folder)?;
        let rule = markers.rule_for(folder);
        if let Some(rule) = rule.filter(|_| !self.roots.contains(folder)) {
            self.seen.remove(folder);
            self.skip_folder(folder.to_owned(), rule);
            return Ok(());
        }
        let patterns = self.with_file(folder, &markers, patterns)?;
        for (path, error) in failed {
            self.trouble(&path, error.into());
        }
        for (name, kind, entry) in entries {
            let met = self.entry(folder, &name, kind, &entry, &markers, &patterns);
            if let Err(error) = met {
                let path = entry.path();
                if !kind.is_symlink() {
                    self.trouble(&path, error.into());
                } else if photo::is_supported(&path) {
                    // A link to nothing is worth a word only if it is named like a photo.
                    self.trouble(&path, PhotoError::DeadLink);
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &Path,
        name: &OsStr,
        kind: FileType,
        entry: &DirEntry,
        markers: &Markers,
        patterns: &Around,
    ) -> io::Result<()> {
        if kind.is_dir() {
            let path = entry.path();
            if self.roots.contains(&path) {
                let patterns = Patterns::of_settings(&path, self.patterns, patterns.clone());
                self.waiting.push((path, patterns));
            } else if self.own_cache.as_ref() == Some(&path) {
                self.skip_folder(path, SkipRule::Library);
            } else if let Some(rule) = rule_for_folder(folder, &path, markers, patterns.as_deref())
            {
                self.skip_folder(path, rule);
            } else {
                self.waiting.push((path, patterns.clone()));
            }
            return Ok(());
        }
        if let Some(rule) = skip::rule_for_name(name, false) {
            if skip::counts(name) {
                self.skip_file(entry.path(), rule);
            }
            return Ok(());
        }
        let (path, metadata) = if kind.is_symlink() {
            let (path, metadata) = canonical(&entry.path())?;
            if metadata.is_dir() {
                let link = entry.path();
                match rule_for_folder(folder, &link, markers, patterns.as_deref()) {
                    Some(rule) => self.skip_folder(link, rule),
                    None => self.linked_folder(path, patterns),
                }
                return Ok(());
            }
            (path, Some(metadata))
        } else {
            (entry.path(), None)
        };
        if !photo::is_supported(&path) {
            // Opening a pipe would wait for somebody who writes to it.
            let is_file = metadata.as_ref().map_or(kind.is_file(), Metadata::is_file);
            if is_file {
                self.passed_over(path);
            }
        } else if let Some(rule) = patterns
            .as_ref()
            .and_then(|patterns| patterns.rule_for(&entry.path(), false))
        {
            self.skip_file(path, rule);
        } else if kind.is_symlink()
            && let Some(cache) = self.library_cache(&path)
        {
            self.skip_folder(cache, SkipRule::Library);
        } else {
            let metadata = metadata.map_or_else(|| entry.metadata(), Ok)?;
            self.file(path, &metadata);
        }
        Ok(())
    }

    /// A folder that a link leads to.
    fn linked_folder(&mut self, target: PathBuf, patterns: &Around) {
        if self.roots.iter().any(|root| target.starts_with(root))
            || self.library_cache(&target).is_some()
        {
            return self.start(target);
        }
        let parent = target.parent().unwrap_or(&target);
        let rule = rule_for_folder(parent, &target, &Markers::default(), None);
        // The link has a name of its own, and is not hidden.
        match rule.filter(|rule| *rule != SkipRule::Hidden) {
            Some(rule) => self.skip_folder(target, rule),
            None => self.waiting.push((target, patterns.clone())),
        }
    }

    /// A file that is not named like a photo that is read.
    fn passed_over(&mut self, path: PathBuf) {
        if !self.tells_skipped {
            return;
        }
        match skip::kind(path.file_name().unwrap_or_default()) {
            Kind::NotRead(extension) => self.skip_file(path, SkipRule::Kind(extension)),
            Kind::Unclear(rule) => {
                self.opened += 1;
                if self.opened > MOST_OPENED || skip::is_picture(&path) {
                    self.skip_file(path, rule);
                }
            }
            Kind::Other => (),
        }
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        if !photo::is_supported(&path) {
            self.trouble(&path, PhotoError::NotAPhoto);
        } else if metadata.is_file() {
            let stamp = self.inodes.stamp(&path, metadata);
            self.walked.found.push(Found { path, stamp });
        } else {
            self.trouble(&path, PhotoError::NotAFile);
        }
    }

    /// The patterns in a folder: those around it and, where it has a file of them, these.
    fn with_file(
        &mut self,
        folder: &Path,
        markers: &Markers,
        patterns: Around,
    ) -> io::Result<Around> {
        if !markers.kithignore {
            return Ok(patterns);
        }
        let (patterns, wrong) = Patterns::of_file(folder, patterns)?;
        if let Some(said) = wrong {
            self.trouble(&folder.join(IGNORE_FILE), PhotoError::IgnoreFile { said });
        }
        Ok(patterns)
    }

    /// The cache of this library or another that a path is in.
    fn library_cache(&self, path: &Path) -> Option<PathBuf> {
        let own = self
            .own_cache
            .as_deref()
            .filter(|cache| path.starts_with(cache));
        own.or_else(|| skip::cache_around(path)).map(Path::to_owned)
    }

    fn skip_file(&mut self, path: PathBuf, rule: SkipRule) {
        if !self.tells_skipped || !self.seen.insert(path.clone()) {
            return;
        }
        if self.walked.skipped.len() < MOST_LISTED {
            let files = 1;
            self.walked.skipped.push(Skipped { path, rule, files });
        } else {
            let folder = path.parent().unwrap_or(&path).to_owned();
            *self.more_skipped.entry((folder, rule)).or_default() += 1;
        }
    }

    fn skip_folder(&mut self, path: PathBuf, rule: SkipRule) {
        if !self.tells_skipped || !self.seen.insert(path.clone()) {
            return;
        }
        let files = self.count_files(&path);
        if files > 0 {
            self.walked.skipped.push(Skipped { path, rule, files });
        }
    }

    /// Files in a folder and below it that are named like a picture or a video, without what lies in
    /// chosen folders. What cannot be read is not counted.
    fn count_files(&mut self, folder: &Path) -> u32 {
        let mut files = 0;
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                self.counted += 1;
                if self.counted > MOST_COUNTED {
                    return files;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        let path = entry.path();
                        if !self.roots.contains(&path) {
                            waiting.push(path);
                        }
                    }
                    Ok(_) if skip::counts(&entry.file_name()) => files += 1,
                    _ => (),
                }
            }
        }
        files
    }

    fn trouble(&mut self, path: &Path, why: PhotoError) {
        self.walked.troubles.push(Trouble {
            path: path.to_owned(),
            why,
        });
    }

    fn finish(self) -> Walked {
        let mut walked = self.walked;
        let more = self.more_skipped.into_iter();
        let more = more.map(|((path, rule), files)| Skipped { path, rule, files });
        walked.skipped.extend(more);
        let by = |a: &Path, b: &Path| bytes(a).cmp(bytes(b));
        walked.found.sort_unstable_by(|a, b| by(&a.path, &b.path));
        walked
            .troubles
            .sort_unstable_by(|a, b| by(&a.path, &b.path));
        walked
            .skipped
            .sort_unstable_by(|a, b| by(&a.path, &b.path).then(a.rule.cmp(&b.rule)));
        walked
    }
}

/// The rule by which a folder is left out, as far as its name and the folder it is in tell.
fn rule_for_folder(
    parent: &Path,
    folder: &Path,
    beside: &Markers,
    patterns: Option<&Patterns>,
) -> Option<SkipRule> {
    let name = folder.file_name()?;
    skip::rule_for_name(name, true)
        .or_else(|| beside.rule_for_child(parent, name))
        .or_else(|| patterns?.rule_for(folder, true))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::UNIX_EPOCH;

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

    /// A walk through one chosen folder.
    fn look(root: &Path) -> Walked {
        walk(&[root.to_owned()], &Chosen::default(), NEVER)
    }

    /// What was left out, below `root`: path, rule and number of files.
    fn skipped(walked: &Walked, root: &Path) -> Vec<(String, &'static str, u32)> {
        let line = |skipped: &Skipped| {
            let path = skipped.path.strip_prefix(root).expect("below the root");
            let path = path.display().to_string();
            (path, skipped.rule.as_str(), skipped.files)
        };
        walked.skipped.iter().map(line).collect()
    }

    fn write(root: &Path, name: &str, text: &str) {
        let file = root.join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("makes a folder");
        fs::write(file, text).expect("writes");
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
        let Walked {
            found, troubles, ..
        } = look(&root);
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
        let Walked {
            found, troubles, ..
        } = walk(&both, &Chosen::default(), NEVER);
        assert_eq!(names(&found, &root), ["a/b/two.jpg", "a/one.jpg"]);
        assert_eq!(troubles, []);
    }

    #[test]
    fn what_is_named_but_absent_is_told() {
        let (_guard, root) = folder(&["notes.txt"]);
        let Walked {
            found, troubles, ..
        } = walk(
            &[root.join("nowhere"), root.join("notes.txt")],
            &Chosen::default(),
            NEVER,
        );
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
        let found = look(&root).found;
        assert_eq!(
            (found[0].stamp.size, found[0].stamp.modified_ns),
            (5, 1_500_000_000_125_000_000)
        );
        assert_eq!(
            (found[1].stamp.size, found[1].stamp.modified_ns),
            (0, -60_000_000_000)
        );
    }

    #[test]
    fn cancelling_stops_between_folders() {
        let (_guard, root) = folder(&["a/one.jpg", "b/two.jpg"]);
        let looks = std::cell::Cell::new(0);
        let cancelled = || looks.replace(looks.get() + 1) == 2;
        let walked = walk(&[root], &Chosen::default(), &cancelled);
        assert_eq!(walked.found.len(), 1);
    }

    #[test]
    fn other_programs_thumbnails_and_trash_are_left_out_by_rule() {
        let (_guard, root) = folder(&[
            "mac.photoslibrary/originals/A/1.jpg",
            "mac.photoslibrary/resources/derivatives/A/1_1_105_c.jpeg",
            "mac.photoslibrary/private/x/2.jpg",
            "old.photolibrary/Masters/2010/3.jpg",
            "old.photolibrary/Thumbnails/3.jpg",
            "Catalog Previews.lrdata/A/p.jpg",
            "Catalog.lrcat-data/q.jpg",
            "immich/upload/u/ab/a.jpg",
            "immich/upload/.immich",
            "immich/library/admin/b.jpg",
            "immich/library/.immich",
            "immich/thumbs/u/ab/a-preview.jpeg",
            "immich/thumbs/.immich",
            "immich/encoded-video/.immich",
            "immich/profile/me.png",
            "immich/profile/.immich",
            "older-immich/upload/c.jpg",
            "older-immich/thumbs/u/c-thumbnail.webp",
            "older-immich/encoded-video/",
            "prism/storage/.ppstorage",
            "prism/storage/cache/thumbnails/1/2/3/x_720x720_fit.jpg",
            "prism/storage/sidecar/y.jpg",
            "prism/storage/originals/z.jpg",
            "older-prism/storage/cache/thumbnails/1.jpg",
            "older-prism/storage/sidecar/y.jpg",
            "digikam/album/d.jpg",
            "digikam/.dtrash/files/e.jpg",
            "cloud/anna/files/f.jpg",
            "cloud/anna/files_trashbin/files/g.jpg",
            "cloud/anna/files_versions/f.jpg",
            "cloud/appdata_oc1x2y/preview/0/1/64-64.jpg",
            "nas/@eaDir/h.jpg/SYNOPHOTO_THUMB_M.jpg",
            "nas/#recycle/i.jpg",
            "nas/@Recycle/j.jpg",
            "nas/.@__thumb/k.jpg",
            "win/$Recycle.Bin/l.jpg",
            "win/__MACOSX/m.jpg",
            "win/._n.jpg",
            "disk/.Trash-1000/files/o.jpg",
            "disk/.thumbnails/p.jpg",
            "disk/.hidden.jpg",
            "thumbs/my own.jpg",
            "profile/q.jpg",
            "cache/r.jpg",
        ]);
        let walked = look(&root);
        assert_eq!(
            names(&walked.found, &root),
            [
                "cache/r.jpg",
                "cloud/anna/files/f.jpg",
                "digikam/album/d.jpg",
                "immich/library/admin/b.jpg",
                "immich/upload/u/ab/a.jpg",
                "mac.photoslibrary/originals/A/1.jpg",
                "old.photolibrary/Masters/2010/3.jpg",
                "older-immich/upload/c.jpg",
                "prism/storage/originals/z.jpg",
                "profile/q.jpg",
                "thumbs/my own.jpg",
            ]
        );
        assert_eq!(walked.troubles, []);
        let expected = [
            ("Catalog Previews.lrdata", "lightroom"),
            ("Catalog.lrcat-data", "lightroom"),
            ("cloud/anna/files_trashbin", "nextcloud"),
            ("cloud/anna/files_versions", "nextcloud"),
            ("cloud/appdata_oc1x2y", "nextcloud"),
            ("digikam/.dtrash", "digikam"),
            ("disk/.Trash-1000", "trash"),
            ("disk/.hidden.jpg", "hidden"),
            ("disk/.thumbnails", "hidden"),
            ("immich/profile", "immich"),
            ("immich/thumbs", "immich"),
            ("mac.photoslibrary/private", "apple-photos"),
            ("mac.photoslibrary/resources", "apple-photos"),
            ("nas/#recycle", "synology"),
            ("nas/.@__thumb", "qnap"),
            ("nas/@Recycle", "qnap"),
            ("nas/@eaDir", "synology"),
            ("old.photolibrary/Thumbnails", "apple-photos"),
            ("older-immich/thumbs", "immich"),
            ("older-prism/storage/cache", "photoprism"),
            ("older-prism/storage/sidecar", "photoprism"),
            ("prism/storage/cache", "photoprism"),
            ("prism/storage/sidecar", "photoprism"),
            ("win/$Recycle.Bin", "windows"),
            ("win/._n.jpg", "macos"),
            ("win/__MACOSX", "macos"),
        ];
        let expected: Vec<_> = expected
            .map(|(path, rule)| (path.to_owned(), rule, 1))
            .into();
        assert_eq!(skipped(&walked, &root), expected);
    }

    #[test]
    fn folders_with_a_valid_cachedir_tag_or_nomedia_are_left_out() {
        let (_guard, root) = folder(&[
            "tagged/deep/a.jpg",
            "false tag/b.jpg",
            "quiet/.nomedia",
            "quiet/c.jpg",
            "quiet/deep/d.jpg",
        ]);
        let signature = "Signature: 8a477f597d28d172789f06886806bc55";
        write(&root, "tagged/CACHEDIR.TAG", signature);
        write(&root, "false tag/CACHEDIR.TAG", "a note of mine");
        let walked = look(&root);
        assert_eq!(names(&walked.found, &root), ["false tag/b.jpg"]);
        let expected = [
            ("quiet".to_owned(), "nomedia", 2),
            ("tagged".to_owned(), "cachedir-tag", 1),
        ];
        assert_eq!(skipped(&walked, &root), expected);
        let names_of = |folder: &str| names(&look(&root.join(folder)).found, &root);
        assert_eq!(
            names_of("quiet"),
            ["quiet/c.jpg", "quiet/deep/d.jpg"],
            "a folder that the user chose is read"
        );
    }

    #[test]
    fn the_cache_of_a_library_is_left_out_however_it_is_reached() {
        let (_guard, root) = folder(&[
            "a.jpg",
            "kith/catalog.sqlite",
            "kith/cache/thumbnails/photos/ab/t.jpg",
            "kith/mine.jpg",
            "cache/b.jpg",
        ]);
        let expected = [("kith/cache".to_owned(), "library", 1)];
        let walked = look(&root);
        assert_eq!(
            names(&walked.found, &root),
            ["a.jpg", "cache/b.jpg", "kith/mine.jpg"]
        );
        assert_eq!(skipped(&walked, &root), expected);
        for inside in ["kith/cache", "kith/cache/thumbnails/photos/ab"] {
            let walked = look(&root.join(inside));
            assert_eq!(walked.found, []);
            assert_eq!(skipped(&walked, &root), expected);
        }
        assert_eq!(
            names(&look(&root.join("kith")).found, &root),
            ["kith/mine.jpg"]
        );

        // A library whose catalog cannot be told by its name.
        fs::remove_file(root.join("kith/catalog.sqlite")).expect("removes");
        let chosen = Chosen {
            library: Some(root.join("kith")),
            ..Chosen::default()
        };
        let walked = walk(std::slice::from_ref(&root), &chosen, NEVER);
        assert_eq!(skipped(&walked, &root), expected);
    }

    #[test]
    fn patterns_of_the_user_leave_out_and_bring_back() {
        let (_guard, root) = folder(&[
            "Screenshots/s.png",
            "deep/Screenshots/t.png",
            "deep/keep.png",
            "deep/drop.png",
            "raw/a.dng",
            "raw/a.jpg",
            "scan.tif",
        ]);
        write(&root, ".kithignore", "# not photos\n/Screenshots/\n*.dng\n");
        write(&root, "deep/.kithignore", "*.png\n!keep.png\n");
        let chosen = Chosen {
            patterns: vec!["*.tif".to_owned(), "keep.png".to_owned()],
            ..Chosen::default()
        };
        let walked = walk(std::slice::from_ref(&root), &chosen, NEVER);
        assert_eq!(names(&walked.found, &root), ["deep/keep.png", "raw/a.jpg"]);
        let expected = [
            ("Screenshots", "kithignore"),
            ("deep/Screenshots/t.png", "kithignore"),
            ("deep/drop.png", "kithignore"),
            ("raw/a.dng", "kithignore"),
            ("scan.tif", "pattern"),
        ];
        let expected: Vec<_> = expected
            .map(|(path, rule)| (path.to_owned(), rule, 1))
            .into();
        assert_eq!(skipped(&walked, &root), expected);
    }

    #[test]
    fn a_walk_of_a_folder_within_a_root_leaves_out_what_a_walk_of_the_root_does() {
        let (_guard, root) = folder(&[
            "2019/a.jpg",
            "2019/raw/b.dng",
            "2019/.hidden/c.jpg",
            "quiet/.nomedia",
            "quiet/deep/d.jpg",
            "quiet/chosen/e.jpg",
        ]);
        write(&root, ".kithignore", "*.dng\n");
        let chosen = Chosen {
            roots: vec![root.clone(), root.join("quiet/chosen")],
            ..Chosen::default()
        };
        let within = |folder: &str| walk(&[root.join(folder)], &chosen, NEVER);
        assert_eq!(names(&within("2019").found, &root), ["2019/a.jpg"]);
        assert_eq!(names(&within("2019/raw").found, &root), [""; 0]);
        assert_eq!(
            skipped(&within("2019/.hidden"), &root),
            [("2019/.hidden".to_owned(), "hidden", 1)]
        );
        let expected = [("quiet".to_owned(), "nomedia", 1)];
        assert_eq!(skipped(&within("quiet/deep"), &root), expected);
        assert_eq!(skipped(&within("quiet"), &root), expected);
        assert_eq!(
            names(&within("quiet/chosen").found, &root),
            ["quiet/chosen/e.jpg"]
        );
        let all = walk(&chosen.roots, &chosen, NEVER);
        assert_eq!(
            names(&all.found, &root),
            ["2019/a.jpg", "quiet/chosen/e.jpg"]
        );
    }

    #[test]
    fn pictures_that_are_not_read_are_told_by_their_kind() {
        let (_guard, root) = folder(&["a.HEIC", "b.avif", "c.mov", "notes.txt", "Makefile"]);
        let jpeg = "\u{0}".repeat(9);
        for name in ["h", "f.JPG_large", "g.jpg ", "i.jpg.part"] {
            fs::write(root.join(name), [b"\xff\xd8\xff", jpeg.as_bytes()].concat())
                .expect("writes");
        }
        write(&root, "i.jpg.xmp", "<x/>");
        let walked = look(&root);
        assert_eq!(walked.found, []);
        let expected = [
            ("a.HEIC", "heic"),
            ("b.avif", "avif"),
            ("c.mov", "mov"),
            ("f.JPG_large", "other-extension"),
            ("g.jpg ", "other-extension"),
            ("h", "no-extension"),
            ("i.jpg.part", "other-extension"),
        ];
        let expected: Vec<_> = expected
            .map(|(path, rule)| (path.to_owned(), rule, 1))
            .into();
        assert_eq!(skipped(&walked, &root), expected);
    }

    #[test]
    fn a_pattern_file_with_a_senseless_line_is_told_and_its_other_lines_hold() {
        let (_guard, root) = folder(&["a.jpg", "b.png"]);
        write(&root, ".kithignore", "*.png\n{a\n");
        let walked = look(&root);
        assert_eq!(names(&walked.found, &root), ["a.jpg"]);
        assert_eq!(walked.troubles.len(), 1);
        let Trouble { path, why } = &walked.troubles[0];
        assert_eq!(path, &root.join(".kithignore"));
        assert!(matches!(why, PhotoError::IgnoreFile { .. }), "{why:?}");
        assert!(wrong_pattern("{a").is_some());
        assert!(wrong_pattern("!*.jpg").is_none());
    }

    #[test]
    fn what_may_not_be_known_to_be_left_out_is_not_read() {
        let (_guard, root) = folder(&["private/a.jpg", "private/.kithignore", "b.jpg"]);
        let long = "x\n".repeat(40_000);
        write(&root, "private/.kithignore", &long);
        let walked = look(&root);
        assert_eq!(names(&walked.found, &root), ["b.jpg"]);
        assert_eq!(walked.troubles[0].path, root.join("private"));
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
            let Walked {
                found, troubles, ..
            } = look(&root);
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
            assert_eq!(look(&root).found[0].path, path);
        }

        #[test]
        fn pipes_are_told_and_not_opened() {
            let (_guard, root) = folder(&[]);
            let pipe = root.join("pipe.jpg");
            // Of the others the first bytes, or the patterns, would be read.
            for pipe in [&pipe, &root.join("pipe"), &root.join(IGNORE_FILE)] {
                assert!(
                    Command::new("mkfifo")
                        .arg(pipe)
                        .status()
                        .expect("mkfifo runs")
                        .success()
                );
            }
            let Walked {
                found, troubles, ..
            } = look(&root);
            assert_eq!(found, []);
            assert_eq!(troubles[0].path, pipe);
        }

        #[test]
        fn a_folder_without_permission_is_told() {
            let (_guard, root) = folder(&["locked/one.jpg", "open.jpg"]);
            let locked = root.join("locked");
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("locks");
            let enters_all = fs::read_dir(&locked).is_ok();
            let Walked {
                found, troubles, ..
            } = look(&root);
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
