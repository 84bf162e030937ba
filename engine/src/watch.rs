//! Watches the folders of a library, and says at which of them a look is due.
//!
//! What the system tells of changes is only a hint: it says where to look, and the look compares files
//! with the catalog as ever. Where the system tells nothing (network drives) or no more (a limit of
//! it), the folders are walked every so often and compared with the walk before. A look at everything,
//! at the start and every few hours, finds what was missed all the same.
//!
//! A folder waits while files in it are being written, so that no photo is read half.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, MetadataKind, ModifyKind, RemoveKind};
use notify::{Config, ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::scan::{self, Chosen, Found};

/// A look is due once nothing changed for so long, …
const QUIET: Duration = Duration::from_secs(1);
/// … or once nothing changed in a folder for so long, while others go on changing.
const QUIET_FOLDER: Duration = Duration::from_secs(30);
/// A file is written no more when its size and time stay the same for so long.
const STILL: Duration = Duration::from_secs(1);
/// A folder that never comes to rest is looked at after so long all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);
/// Who has a file open for writing and writes nothing for so long has forgotten it.
const IDLE_WRITER: Duration = Duration::from_secs(60);
/// How often is looked whether folders came, went, or were replaced.
const TICK: Duration = Duration::from_secs(5);
/// How often folders are walked of which the system tells nothing, …
const POLL: Duration = Duration::from_secs(30);
/// … and at least so many times as long as it takes.
const POLL_SHARE: u32 = 20;
/// How often everything is looked at, whatever the system tells.
const REPAIR: Duration = Duration::from_secs(6 * 60 * 60);
/// After so many changed folders everything is looked at.
const MOST_FOLDERS: usize = 1_000;
/// Files open for writing that are kept in mind.
const MOST_WRITTEN: usize = 10_000;

/// What a look is due at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// All folders of the library.
    Everything,
    /// Folders in folders of the library.
    Folders(Vec<PathBuf>),
}

/// Why a folder is walked every so often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollReason {
    /// The user asked for it.
    Asked,
    /// It is on a network drive: others may change it, and the system tells nothing of that.
    Network,
    /// It has more folders than the system watches for one user.
    Limit,
    /// The system does not watch it, for this reason.
    Refused(String),
}

/// What was heard since the last look.
#[derive(Debug, Default)]
struct Heard {
    /// The folders that are watched.
    roots: Vec<PathBuf>,
    /// The library's own folder: what changes there is its own doing.
    library: Option<PathBuf>,
    /// Changed folders, with the first and the last change.
    folders: BTreeMap<PathBuf, (Instant, Instant)>,
    /// Since when everything is to be looked at.
    everything: Option<Instant>,
    last: Option<Instant>,
    /// Files that are open for writing, with the last write.
    written: HashMap<PathBuf, Instant>,
    /// What the system says it watches no more; none of the paths for all.
    broken: Vec<(Option<PathBuf>, PollReason)>,
    stopped: bool,
}

/// What the system's messages and whoever stops the watch write to.
#[derive(Debug, Default)]
struct Ear {
    heard: Mutex<Heard>,
    changed: Condvar,
}

/// Ends a [`FolderWatch`] from another thread.
#[derive(Debug, Clone)]
pub struct WatchStopper(Arc<Ear>);

impl WatchStopper {
    /// Ends the watch; whoever waits for it waits no more.
    pub fn stop(&self) {
        self.0.heard().stopped = true;
        self.0.changed.notify_all();
    }
}

/// A watched folder.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    /// Which folder it was when it was watched; none when it was not there.
    identity: Option<(u64, u64)>,
    polled: Option<PollReason>,
    /// What the last walk found, if it is walked.
    fingerprint: Option<u64>,
}

/// A watch over the folders of a library. `W` tells of changes.
pub struct FolderWatch<W = RecommendedWatcher> {
    ear: Arc<Ear>,
    watcher: Result<W, String>,
    chosen: Chosen,
    roots: Vec<Root>,
    poll: Option<Duration>,
    next_poll: Instant,
    next_repair: Instant,
}

impl FolderWatch {
    /// A watch that follows no folders yet. With `poll`, all folders are walked so often instead of
    /// waiting for what the system tells.
    #[must_use]
    pub fn new(poll: Option<Duration>) -> Self {
        Self::with(poll)
    }
}

impl<W: Watcher> FolderWatch<W> {
    fn with(poll: Option<Duration>) -> Self {
        let ear = Arc::new(Ear::default());
        let told = Arc::clone(&ear);
        let watcher = W::new(move |event| told.hear(event), Config::default());
        let now = Instant::now();
        Self {
            ear,
            watcher: watcher.map_err(|error| error.to_string()),
            chosen: Chosen::default(),
            roots: Vec::new(),
            poll,
            next_poll: now + poll.unwrap_or(POLL),
            next_repair: now,
        }
    }

    /// What ends the watch from another thread.
    #[must_use]
    pub fn stopper(&self) -> WatchStopper {
        WatchStopper(Arc::clone(&self.ear))
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.ear.heard().stopped
    }

    /// The folders that are walked every so often, and why.
    #[must_use]
    pub fn polled(&self) -> Vec<(PathBuf, PollReason)> {
        let polled = |root: &Root| Some((root.path.clone(), root.polled.clone()?));
        self.roots.iter().filter_map(polled).collect()
    }

    /// Puts back what was due: the look could not be made.
    pub fn put_back(&self, due: Due) {
        let mut heard = self.ear.heard();
        let now = Instant::now();
        match due {
            Due::Everything => heard.want_everything(now),
            Due::Folders(folders) => {
                for folder in folders {
                    heard.note(folder, now);
                }
            }
        }
        heard.last = Some(now + TICK);
    }

    /// Follows the folders of `chosen` from now on, and no others.
    pub(crate) fn follow(&mut self, chosen: Chosen) {
        self.take_broken();
        let (kept, dropped): (Vec<Root>, Vec<Root>) = std::mem::take(&mut self.roots)
            .into_iter()
            .partition(|root| chosen.roots.contains(&root.path));
        self.roots = kept;
        for root in &dropped {
            self.unwatch(&root.path);
        }
        self.chosen = chosen;
        {
            let mut heard = self.ear.heard();
            heard.roots.clone_from(&self.chosen.roots);
            heard.library.clone_from(&self.chosen.library);
        }
        for at in 0..self.roots.len() {
            let root = &self.roots[at];
            let now = identity(&root.path);
            if now != root.identity {
                // It came, went, or is another one.
                let path = root.path.clone();
                self.unwatch(&path);
                self.roots[at] = self.watched(path.clone());
                self.ear.heard().note(path, Instant::now());
            }
        }
        for path in self.chosen.roots.clone() {
            if !self.roots.iter().any(|root| root.path == path) {
                let root = self.watched(path);
                self.roots.push(root);
            }
        }
    }

    /// Waits until a look is due, for at most a few seconds: `None` says that the folders of the library
    /// are to be followed anew, or that the watch was ended.
    pub(crate) fn wait(&mut self) -> Option<Due> {
        let until = Instant::now() + TICK;
        loop {
            let now = Instant::now();
            if now >= self.next_repair && !self.chosen.roots.is_empty() {
                self.ear.heard().want_everything(now);
            }
            if now >= self.next_poll {
                self.walk_polled();
            }
            let mut heard = self.ear.heard();
            if heard.stopped || !heard.broken.is_empty() {
                return None;
            }
            let ready = heard.ready_at(now);
            if ready.is_none_or(|ready| ready > now) {
                if now >= until {
                    return None;
                }
                let wake = ready
                    .map_or(until, |ready| ready.min(until))
                    .min(self.next_poll);
                let timeout = wake.saturating_duration_since(now);
                drop(self.ear.wait(heard, timeout));
                continue;
            }
            let due = heard.take(now);
            drop(heard);
            if let Some(due) = self.still(due) {
                if due == Due::Everything {
                    self.next_repair = Instant::now() + REPAIR;
                }
                return Some(due);
            }
        }
    }

    /// What of it comes to rest: folders with files that are being written are put back.
    ///
    /// Everything does not wait: what changes in the middle of the look is noted as ever.
    fn still(&self, due: Taken) -> Option<Due> {
        let Taken::Folders(folders) = due else {
            return Some(Due::Everything);
        };
        let targets = folders.iter().map(|(path, _)| self.there(path));
        let targets = outermost(targets.collect());
        let walked = || scan::found(&targets, &self.chosen, &|| self.is_stopped());
        let before = walked();
        if !self.pause(STILL) {
            return None;
        }
        let mut unsteady = changed(&before, &walked());
        unsteady.extend(self.ear.being_written());
        let now = Instant::now();
        let mut looks = BTreeSet::new();
        for (path, first) in folders {
            let target = self.there(&path);
            let waits = now.saturating_duration_since(first) < LONGEST_WAIT
                && unsteady.iter().any(|file| file.starts_with(&target));
            if waits {
                self.ear.heard().note_since(path, first, now);
            } else {
                looks.insert(target);
            }
        }
        let looks = outermost(looks);
        (!looks.is_empty()).then_some(Due::Folders(looks))
    }

    /// The folder as the system names it without links; the nearest one around it where it is gone.
    fn there(&self, folder: &Path) -> PathBuf {
        let root = self.roots.iter().map(|root| &root.path);
        let root = root.filter(|root| folder.starts_with(root)).max();
        let around = folder
            .ancestors()
            .take_while(|of| Some(*of) != root.and_then(|root| root.parent()));
        let mut there = around.filter(|of| of.is_dir());
        there
            .next()
            .and_then(|of| of.canonicalize().ok())
            .or_else(|| root.cloned())
            .unwrap_or_else(|| folder.to_owned())
    }

    /// Waits; says whether the watch goes on.
    fn pause(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        let mut heard = self.ear.heard();
        while !heard.stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            heard = self.ear.wait(heard, left);
        }
        false
    }

    /// Walks the folders of which the system tells nothing, and notes those that changed.
    fn walk_polled(&mut self) {
        let started = Instant::now();
        let ear = &self.ear;
        for root in self.roots.iter_mut().filter(|root| root.polled.is_some()) {
            let now = fingerprint(&root.path, &self.chosen, &|| ear.heard().stopped);
            if root.fingerprint.is_some_and(|before| before != now) {
                ear.heard().note(root.path.clone(), Instant::now());
            }
            root.fingerprint = Some(now);
        }
        let pause = self
            .poll
            .unwrap_or(POLL)
            .max(started.elapsed() * POLL_SHARE);
        self.next_poll = Instant::now() + pause;
    }

    /// Begins to watch a folder.
    fn watched(&mut self, path: PathBuf) -> Root {
        let mut identity = identity(&path);
        let mut polled = self.poll.map(|_| PollReason::Asked);
        if identity.is_some() && polled.is_none() {
            polled = match &mut self.watcher {
                Err(error) => Some(PollReason::Refused(error.clone())),
                Ok(watcher) => match watcher.watch(&path, RecursiveMode::Recursive) {
                    Ok(()) => is_on_network(&path).then_some(PollReason::Network),
                    Err(error) => {
                        // Some of the folders in it may be watched.
                        self.unwatch(&path);
                        let reason = reason(&error);
                        if reason.is_none() {
                            // A folder in it went meanwhile: it is watched anew at the next tick.
                            identity = None;
                        }
                        reason
                    }
                },
            };
        }
        let fingerprint = polled
            .is_some()
            .then(|| fingerprint(&path, &self.chosen, &|| self.is_stopped()));
        Root {
            path,
            identity,
            polled,
            fingerprint,
        }
    }

    fn unwatch(&mut self, path: &Path) {
        if let Ok(watcher) = &mut self.watcher {
            // It fails where the folder was not watched, or is gone: nothing comes from it any more.
            drop(watcher.unwatch(path));
        }
    }

    /// From now on walks the folders that the system watches no more.
    fn take_broken(&mut self) {
        let broken = std::mem::take(&mut self.ear.heard().broken);
        for (path, why) in broken {
            let is_meant = |root: &Root| {
                path.as_ref()
                    .is_none_or(|path| path.starts_with(&root.path))
            };
            for at in 0..self.roots.len() {
                if self.roots[at].polled.is_none() && is_meant(&self.roots[at]) {
                    let root = self.roots[at].path.clone();
                    self.unwatch(&root);
                    let polled = &mut self.roots[at];
                    polled.polled = Some(why.clone());
                    polled.fingerprint = None;
                    // What changed since is found by a look now.
                    self.ear.heard().note(root, Instant::now());
                }
            }
            self.next_poll = self.next_poll.min(Instant::now());
        }
    }
}

impl Ear {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, heard: MutexGuard<'a, Heard>, timeout: Duration) -> MutexGuard<'a, Heard> {
        let waited = self.changed.wait_timeout(heard, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The files that are open for writing.
    fn being_written(&self) -> Vec<PathBuf> {
        let mut heard = self.heard();
        heard.written.retain(|_, last| last.elapsed() < IDLE_WRITER);
        let mut written: Vec<PathBuf> = heard.written.keys().cloned().collect();
        // A drive that hangs must not keep the watch from being ended.
        drop(heard);
        written.retain(|file| file.exists());
        written
    }

    /// Takes note of a message of the system.
    fn hear(&self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                // A folder that this user may not enter is none that a look could read.
                let is_closed = matches!(&error.kind, ErrorKind::Io(error)
                    if error.kind() == io::ErrorKind::PermissionDenied);
                if let Some(reason) = reason(&error).filter(|_| !is_closed) {
                    self.heard()
                        .broken
                        .push((error.paths.into_iter().next(), reason));
                    self.changed.notify_all();
                }
                return;
            }
        };
        let now = Instant::now();
        if event.need_rescan() {
            let mut heard = self.heard();
            heard.want_everything(now);
            heard.last = Some(now);
            drop(heard);
            self.changed.notify_all();
            return;
        }
        let is_closed = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
        let says_nothing = match event.kind {
            EventKind::Access(_) => !is_closed,
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => true,
            _ => false,
        };
        if says_nothing {
            return;
        }
        for path in &event.paths {
            let mut heard = self.heard();
            let Some(folder) = heard.folder_of_change(path, event.kind) else {
                continue;
            };
            heard.note(folder, now);
            // Only inotify reports that a file is closed.
            if cfg!(target_os = "linux") {
                let is_written = matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)));
                if !is_written {
                    heard.written.remove(path);
                } else if heard.written.len() < MOST_WRITTEN {
                    heard.written.insert(path.clone(), now);
                }
            }
            drop(heard);
            self.changed.notify_all();
        }
    }
}

/// What was taken of what was heard, each folder with its first change.
enum Taken {
    Everything,
    Folders(Vec<(PathBuf, Instant)>),
}

impl Heard {
    fn want_everything(&mut self, now: Instant) {
        self.everything.get_or_insert(now);
        self.folders.clear();
    }

    fn note(&mut self, folder: PathBuf, now: Instant) {
        self.note_since(folder, now, now);
    }

    fn note_since(&mut self, folder: PathBuf, first: Instant, now: Instant) {
        self.last = self.last.max(Some(now));
        if self.everything.is_some() {
            return;
        }
        let times = self.folders.entry(folder).or_insert((first, now));
        *times = (times.0.min(first), times.1.max(now));
        if self.folders.len() > MOST_FOLDERS {
            self.want_everything(first);
        }
    }

    /// When a look is due; none when nothing changed.
    fn ready_at(&self, now: Instant) -> Option<Instant> {
        let quiet = self.last.map(|last| last + QUIET);
        if let Some(since) = self.everything {
            return Some(quiet.map_or(now, |quiet| quiet.min(since + LONGEST_WAIT)));
        }
        let next = self.folders.values().copied().map(due_at).min()?;
        Some(quiet.map_or(next, |quiet| quiet.min(next)))
    }

    fn take(&mut self, now: Instant) -> Taken {
        if self.everything.take().is_some() {
            return Taken::Everything;
        }
        let all = self.last.is_none_or(|last| last + QUIET <= now);
        let mut due = Vec::new();
        self.folders.retain(|folder, times| {
            let taken = all || due_at(*times) <= now;
            if taken {
                due.push((folder.clone(), times.0));
            }
            !taken
        });
        Taken::Folders(due)
    }

    /// The folder to look at after a change, if that can concern photos.
    fn folder_of_change(&self, path: &Path, kind: EventKind) -> Option<PathBuf> {
        if self
            .library
            .as_ref()
            .is_some_and(|own| path.starts_with(own))
        {
            return None;
        }
        let root = self
            .roots
            .iter()
            .filter(|root| path.starts_with(root))
            .max()?;
        let below = path.strip_prefix(root).ok()?;
        let Some(name) = below.file_name() else {
            return Some(root.clone());
        };
        let parent = path.parent().unwrap_or(root);
        let around = below.parent().unwrap_or(below);
        if around.iter().any(scan::is_left_out) {
            return None;
        }
        if scan::is_marker(name) {
            return Some(parent.to_owned());
        }
        if scan::is_left_out(name) {
            return None;
        }
        if scan::counts(name) {
            return Some(parent.to_owned());
        }
        match fs::metadata(path) {
            Ok(file) if file.is_dir() => Some(path.to_owned()),
            Ok(_) => None,
            // It may have been a folder.
            Err(_) => match kind {
                EventKind::Remove(RemoveKind::File) => None,
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Any => {
                    Some(parent.to_owned())
                }
                _ => None,
            },
        }
    }
}

/// When a folder with this first and last change is due, while others go on changing.
fn due_at((first, last): (Instant, Instant)) -> Instant {
    (last + QUIET_FOLDER).min(first + LONGEST_WAIT)
}

fn reason(error: &notify::Error) -> Option<PollReason> {
    match &error.kind {
        ErrorKind::MaxFilesWatch => Some(PollReason::Limit),
        // It is gone, which a look finds out.
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => None,
        _ => Some(PollReason::Refused(error.to_string())),
    }
}

/// Which folder it is; none where it is not there.
fn identity(folder: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        // One that took its place is found at the next look at everything.
        drop(metadata);
        Some((0, 0))
    }
}

/// Whether others than this computer may change a folder, so that the system cannot tell of it.
#[cfg(target_os = "linux")]
fn is_on_network(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    // linux/magic.h and the file systems' own sources: NFS, SMB, CIFS, SMB2, 9P (folders of a host in
    // WSL), Ceph, AFS, Coda, VirtualBox' shared folders, FUSE (sshfs, rclone, virtiofs).
    const NETWORK: [u32; 10] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x7375_7245,
        0x786f_4256,
        0x6573_5546,
    ];
    let is_of_kind =
        rustix::fs::statfs(folder).is_ok_and(|of| NETWORK.contains(&(of.f_type as u32)));
    // A local drive in FUSE (NTFS) has the number of its device, and the system tells of it.
    is_of_kind && fs::metadata(folder).is_ok_and(|of| rustix::fs::major(of.dev()) == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_on_network(_: &Path) -> bool {
    false
}

/// A number that changes when anything changes that a look would find.
fn fingerprint(root: &Path, chosen: &Chosen, stopped: &dyn Fn() -> bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in scan::found(&[root.to_owned()], chosen, stopped) {
        (&file.path, file.stamp.size, file.stamp.modified_ns).hash(&mut hasher);
    }
    hasher.finish()
}

/// The files that are new or have another size or time.
fn changed(before: &[Found], after: &[Found]) -> Vec<PathBuf> {
    let known: HashMap<&Path, &Found> = before
        .iter()
        .map(|file| (file.path.as_path(), file))
        .collect();
    let is_still = |file: &&Found| known.get(file.path.as_path()) == Some(file);
    let moving = after.iter().filter(|file| !is_still(file));
    moving.map(|file| file.path.clone()).collect()
}

/// The folders without those that lie in others of them.
fn outermost(folders: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    // Whatever lies in a folder comes right behind it: paths are ordered by their parts.
    let mut outermost: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !outermost
            .last()
            .is_some_and(|last| folder.starts_with(last))
        {
            outermost.push(folder);
        }
    }
    outermost
}

#[cfg(test)]
mod tests {
    use std::fs;

    use notify::{EventHandler, WatcherKind};
    use tempfile::TempDir;

    use super::*;

    /// A system whose limit of watches is reached at once.
    struct Full;

    impl Watcher for Full {
        fn new<F: EventHandler>(_: F, _: Config) -> notify::Result<Self> {
            Ok(Self)
        }

        fn watch(&mut self, path: &Path, _: RecursiveMode) -> notify::Result<()> {
            Err(notify::Error::new(ErrorKind::MaxFilesWatch).add_path(path.to_owned()))
        }

        fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
            Err(notify::Error::new(ErrorKind::WatchNotFound))
        }

        fn kind() -> WatcherKind {
            WatcherKind::NullWatcher
        }
    }

    /// A system that watches everything and tells nothing by itself.
    struct Silent;

    impl Watcher for Silent {
        fn new<F: EventHandler>(_: F, _: Config) -> notify::Result<Self> {
            Ok(Self)
        }

        fn watch(&mut self, _: &Path, _: RecursiveMode) -> notify::Result<()> {
            Ok(())
        }

        fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
            Ok(())
        }

        fn kind() -> WatcherKind {
            WatcherKind::NullWatcher
        }
    }

    fn chosen(library: &str) -> (TempDir, PathBuf, Chosen) {
        let guard = TempDir::new().unwrap();
        let root = guard.path().canonicalize().unwrap();
        let chosen = Chosen {
            roots: vec![root.clone()],
            library: Some(root.join(library)),
            ..Chosen::default()
        };
        (guard, root, chosen)
    }

    /// Waits until a look is due.
    fn due<W: Watcher>(watch: &mut FolderWatch<W>, chosen: &Chosen) -> Due {
        loop {
            watch.follow(chosen.clone());
            if let Some(due) = watch.wait() {
                return due;
            }
        }
    }

    #[test]
    fn folders_are_walked_where_the_limit_of_the_system_is_reached() {
        let (_guard, root, chosen) = chosen("library");
        let mut watch = FolderWatch::<Full>::with(None);
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
        assert_eq!(watch.polled(), [(root.clone(), PollReason::Limit)]);
        fs::write(root.join("a.jpg"), "x").unwrap();
        watch.next_poll = Instant::now();
        assert_eq!(due(&mut watch, &chosen), Due::Folders(vec![root]));
    }

    #[test]
    fn folders_are_walked_once_the_limit_is_reached_by_a_new_folder() {
        let (_guard, root, chosen) = chosen("library");
        let mut watch = FolderWatch::<Silent>::with(None);
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
        assert_eq!(watch.polled(), []);
        let full = notify::Error::new(ErrorKind::MaxFilesWatch).add_path(root.join("new"));
        watch.ear.hear(Err(full));
        assert_eq!(due(&mut watch, &chosen), Due::Folders(vec![root.clone()]));
        assert_eq!(watch.polled(), [(root, PollReason::Limit)]);
    }

    #[test]
    fn everything_is_looked_at_when_messages_were_lost() {
        let (_guard, _, chosen) = chosen("library");
        let mut watch = FolderWatch::<Silent>::with(None);
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
        let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        watch.ear.hear(Ok(lost));
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
    }

    #[test]
    fn a_library_without_folders_is_not_looked_at() {
        let mut watch = FolderWatch::<Silent>::with(None);
        watch.follow(Chosen::default());
        watch.stopper().stop();
        assert_eq!(watch.wait(), None);
        assert_eq!(watch.ear.heard().everything, None);
    }

    #[test]
    fn a_folder_that_never_comes_to_rest_is_due_after_the_longest_wait() {
        let first = Instant::now();
        let last = first + LONGEST_WAIT + Duration::from_millis(500);
        let mut heard = Heard::default();
        heard.note_since(PathBuf::from("/busy"), first, last);
        heard.note(PathBuf::from("/other"), last);
        assert!(heard.ready_at(last).is_some_and(|ready| ready <= last));
        let Taken::Folders(taken) = heard.take(last) else {
            unreachable!("two folders are no reason to look at everything");
        };
        assert_eq!(taken, [(PathBuf::from("/busy"), first)]);
        // The same of everything.
        heard.want_everything(first);
        heard.note(PathBuf::from("/busy"), last);
        assert!(heard.ready_at(last).is_some_and(|ready| ready <= last));
    }

    #[test]
    fn only_what_can_concern_photos_is_a_change() {
        let (_guard, root, chosen) = chosen("library");
        let mut watch = FolderWatch::<Silent>::with(None);
        watch.follow(chosen);
        fs::create_dir_all(root.join("album")).unwrap();
        fs::write(root.join("notes.txt"), "x").unwrap();
        let heard = watch.ear.heard();
        let created = EventKind::Create(notify::event::CreateKind::Any);
        let renamed = EventKind::Modify(ModifyKind::Name(notify::event::RenameMode::From));
        let removed_file = EventKind::Remove(RemoveKind::File);
        let folder = |path: &str, kind| {
            let folder = heard.folder_of_change(&root.join(path), kind)?;
            let below = folder.strip_prefix(&root).unwrap();
            Some(below.to_str().unwrap().to_owned())
        };
        let in_album = Some("album".to_owned());
        let in_root = Some(String::new());
        assert_eq!(folder("album/a.jpg", created), in_album);
        assert_eq!(folder("album/a.jpg", removed_file), in_album);
        assert_eq!(folder("album/a.heic", created), in_album);
        assert_eq!(folder("album/.nomedia", created), in_album);
        assert_eq!(folder("album/.kithignore", removed_file), in_album);
        assert_eq!(folder("album", created), in_album);
        assert_eq!(folder("gone album", renamed), in_root);
        assert_eq!(folder("", removed_file), in_root);
        for nothing in [
            "notes.txt",
            ".hidden.jpg",
            ".cache/a.jpg",
            "album/@eaDir/a.jpg",
            "library/cache/thumbnails/a.jpg",
            "library/catalog.sqlite-wal",
        ] {
            assert_eq!(folder(nothing, created), None, "{nothing}");
        }
        assert_eq!(folder("gone.txt", removed_file), None);
        assert_eq!(
            heard.folder_of_change(Path::new("/elsewhere/a.jpg"), created),
            None
        );
    }

    #[test]
    fn a_folder_is_looked_at_once_however_many_changes_it_has() {
        let (_guard, root, chosen) = chosen("library");
        let mut watch = FolderWatch::<Silent>::with(None);
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
        fs::create_dir_all(root.join("a/deep")).unwrap();
        for at in 0..10_000 {
            let path = root.join(if at % 2 == 0 { "a" } else { "a/deep" });
            let event = notify::Event::new(EventKind::Create(notify::event::CreateKind::File));
            watch
                .ear
                .hear(Ok(event.add_path(path.join(format!("{at}.jpg")))));
        }
        assert_eq!(due(&mut watch, &chosen), Due::Folders(vec![root.join("a")]));
        assert_eq!(watch.ear.heard().ready_at(Instant::now()), None);
    }

    #[test]
    fn a_watch_that_is_ended_waits_no_more() {
        let (_guard, _, chosen) = chosen("library");
        let mut watch = FolderWatch::<Silent>::with(None);
        assert_eq!(due(&mut watch, &chosen), Due::Everything);
        watch.stopper().stop();
        assert_eq!(watch.wait(), None);
        assert!(watch.is_stopped());
    }
}
