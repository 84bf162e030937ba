//! Keeps one window a library: a second start hands its folders to the first, which comes to the front.
//!
//! The first holds a lock (`flock`); a second writes a request into the same folder and waits until the first
//! has taken it. Files do that without a socket and without a D-Bus. The folder is of this user on this
//! computer: somebody else who opens the same library gets a window.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Manager as _, WebviewWindow};

use crate::desk::Desk;

/// Held by the process whose window shows the library.
const LOCK: &str = "lock";
/// Ends the names of requests.
const REQUEST: &str = "request";
/// A first window takes a request in a moment, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a second start looks whether its request was taken, and a first one for requests where the
/// system does not tell of them.
const GLANCE: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(1);

/// What a start of the program is to do.
pub enum Start {
    /// Open a window. Nothing where no lock could be made: then there may be several.
    First(Option<Instance>),
    /// End: the library has a window, which was told, or does not answer.
    Second(anyhow::Result<()>),
}

/// The one process with a window on a library.
pub struct Instance {
    folder: PathBuf,
    /// Held until the process ends, however it does.
    _lock: File,
}

/// What a second start asks of the first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Request {
    /// Absolute paths of folders to look through.
    folders: Vec<OsString>,
    /// What the desktop gave the second start to take the focus (XDG activation, startup notification).
    activation: Option<String>,
}

/// Tells whether this is the first window on the library in `dir`; else hands `folders`, absolute paths, to
/// that.
pub fn start(dir: &Path, folders: &[PathBuf]) -> Start {
    // Without a place for the lock a second window is better than none.
    let Ok(folder) = folder_of(dir) else {
        return Start::First(None);
    };
    match locked(&folder) {
        Ok(Some(lock)) => Start::First(Some(Instance {
            folder,
            _lock: lock,
        })),
        Ok(None) => hand_over(folder, folders),
        Err(_) => Start::First(None),
    }
}

/// Gives the request to the first window; takes its place where it just ends.
fn hand_over(folder: PathBuf, folders: &[PathBuf]) -> Start {
    let request = Request {
        folders: folders.iter().map(|folder| folder.clone().into()).collect(),
        activation: ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"]
            .iter()
            .find_map(|name| std::env::var(name).ok()),
    };
    let file = match written(&folder, &request) {
        Ok(file) => file,
        Err(error) => {
            return Start::Second(Err(error).context("the open window could not be told"));
        }
    };
    let began = Instant::now();
    while file.exists() {
        if let Ok(Some(lock)) = locked(&folder) {
            // Nobody took it, and this process looks through these folders itself.
            let _ = fs::remove_file(&file);
            return Start::First(Some(Instance {
                folder,
                _lock: lock,
            }));
        }
        if began.elapsed() > PATIENCE {
            // The first may take it at this very moment.
            let _ = fs::remove_file(&file);
            return Start::Second(Err(anyhow::anyhow!(
                "Kith is open with this library already, and does not answer. Close it, then start it again"
            )));
        }
        thread::sleep(GLANCE);
    }
    Start::Second(Ok(()))
}

/// The folder for the lock and the requests: that of the session, or else one in the library.
fn folder_of(dir: &Path) -> io::Result<PathBuf> {
    // So that it has one name, with links and without.
    create(dir)?;
    let dir = dir.canonicalize()?;
    let folder = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(session) if !session.is_empty() => {
            let mut hasher = DefaultHasher::new();
            dir.hash(&mut hasher);
            let name = format!("window-{:016x}", hasher.finish());
            Path::new(&session).join("kith").join(name)
        }
        _ => dir.join("window"),
    };
    create(&folder)?;
    Ok(folder)
}

/// Makes a folder that only its user can enter, and those above it that are missing.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The lock; none where another process has it.
fn locked(folder: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a request beside the others, whole or not at all.
fn written(folder: &Path, request: &Request) -> anyhow::Result<PathBuf> {
    let draft = folder.join(format!("{}.draft", std::process::id()));
    fs::write(&draft, serde_json::to_vec(request)?)?;
    let file = draft.with_extension(REQUEST);
    fs::rename(&draft, &file)?;
    Ok(file)
}

/// The requests that wait, with their files.
fn waiting(folder: &Path) -> Vec<(PathBuf, Request)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let requests = files.filter(|file| file.extension().is_some_and(|of| of == REQUEST));
    let read = |file: PathBuf| {
        let request = fs::read(&file).ok()?;
        Some((file, serde_json::from_slice(&request).unwrap_or_default()))
    };
    requests.filter_map(read).collect()
}

impl Instance {
    /// From now on does what second starts ask for, until the process ends.
    pub fn serve(self, app: AppHandle) {
        thread::spawn(move || {
            // All of it moves here: the lock is held as long as the thread runs.
            let Self { folder, _lock } = self;
            let (watcher, told) = watched(&folder);
            loop {
                for (file, request) in waiting(&folder) {
                    // Where the window is just being closed, the second start takes its place.
                    if !obey(&app, request) {
                        return;
                    }
                    // Whoever waits sees by this that it was heard. It may have given up meanwhile.
                    let _ = fs::remove_file(&file);
                }
                if watcher.is_none() {
                    thread::sleep(SELDOM);
                } else if told.recv().is_err() {
                    return;
                }
            }
        });
    }
}

/// Hears of changes in the folder, as long as the watcher lives.
fn watched(folder: &Path) -> (Option<RecommendedWatcher>, Receiver<()>) {
    let (tell, told) = channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // That somebody reads the folder, as this process does each time, is no news.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // Nobody hears it when the program ends.
            let _ = tell.send(());
        }
    });
    let watcher = watcher.and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    (watcher.ok(), told)
}

/// Brings the window to the front, and looks through the folders of a second start; says whether there is
/// a window still.
fn obey(app: &AppHandle, request: Request) -> bool {
    let folders: Vec<PathBuf> = request.folders.into_iter().map(PathBuf::from).collect();
    let (handle, activation) = (app.clone(), request.activation);
    let (tell, told) = channel();
    let asked = app.run_on_main_thread(move || {
        let Some(window) = handle.get_webview_window("main") else {
            return;
        };
        if let Err(error) = bring_to_front(&window, activation.as_deref()) {
            eprintln!("The window could not be brought to the front: {error}");
        }
        if !folders.is_empty() {
            handle.state::<Desk>().job().start(folders);
        }
        // Whoever asked waits for it.
        let _ = tell.send(());
    });
    asked.is_ok() && told.recv().is_ok()
}

fn bring_to_front(window: &WebviewWindow, activation: Option<&str>) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    // A desktop lets a window take the focus that shows what it gave the start.
    #[cfg(target_os = "linux")]
    if let Some(activation) = activation {
        gtk::prelude::GtkWindowExt::set_startup_id(&window.gtk_window()?, activation);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = activation;
    window.set_focus()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(folder: &Path) -> File {
        locked(folder).unwrap().expect("nobody has the lock")
    }

    #[test]
    fn a_second_start_hands_its_folders_over_and_a_first_one_that_ended_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_owned();
        let lock = first(&folder);
        let folders = [PathBuf::from("/photos/a"), PathBuf::from("/photos/b")];
        let second = thread::spawn({
            let (folder, folders) = (folder.clone(), folders.clone());
            move || hand_over(folder, &folders)
        });
        let request = loop {
            if let Some((file, request)) = waiting(&folder).pop() {
                fs::remove_file(file).unwrap();
                break request;
            }
            thread::yield_now();
        };
        assert_eq!(request.folders, folders.clone().map(OsString::from));
        assert!(matches!(second.join().unwrap(), Start::Second(Ok(()))));
        // Nobody answers any more, and the lock is free.
        drop(lock);
        let Start::First(Some(_)) = hand_over(folder.clone(), &folders) else {
            panic!("it takes the place of the first");
        };
    }
}
