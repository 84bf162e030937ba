//! The calls that the window can make; each is one call of the library, off the main thread.
//!
//! Their TypeScript is `ui/src/lib/bindings.ts`; the test below fails when it is stale and
//! writes it anew with `KITH_WRITE_BINDINGS=1`.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use kith_engine::{
    Action, Album, AlbumId, AwayFolder, BackupEntry, Companion, Device, Face, Folder, Found,
    Halves, HistoryEntry, LearnedVersion, Library, Notice, Outcome, Person, PersonId, PhotoDetail,
    PhotoFolder, PhotoId, PhotoTile, PhotosOfPlace, ReadOnly, Skipped, Storage, Suggestion,
    Sureness, SurenessPreview, Unread,
};
use serde::Serialize;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager as _, State, Wry};
use tauri_plugin_dialog::DialogExt as _;
use zeroize::Zeroizing;

use crate::desk::Desk;
use crate::drops::DropNews;
use crate::file_manager;
use crate::job::{JobNews, MoveAnswer};
use crate::learning::LearningNews;
use crate::pace::Pace;
use crate::problem::Problem;
use crate::watching::Polled;

type Answer<T> = Result<T, Problem>;

/// All calls, with their types.
pub fn calls() -> tauri_specta::Builder<Wry> {
    tauri_specta::Builder::new()
        .commands(tauri_specta::collect_commands![
            welcome,
            unlock,
            encrypt,
            decrypt,
            change_passphrase,
            prepare,
            use_pictures,
            choose_folders,
            check_again,
            follow_job,
            follow_drops,
            pause_job,
            resume_job,
            cancel_job,
            answer_move,
            wait_for_mains,
            watch_folders,
            polled_folders,
            skipped,
            ignore_patterns,
            set_ignore_patterns,
            folders,
            photo_folders,
            folder_photos,
            failed,
            photos,
            away,
            photo,
            people,
            person_faces,
            companions,
            halves,
            suggestions,
            decide,
            draw_face,
            history,
            search,
            cameras,
            places,
            albums,
            album,
            show_in_files,
            sureness,
            try_sureness,
            follow_learning,
            learn_by_itself,
            learn_now,
            learned,
            use_learned,
            device,
            storage,
            backup,
            restore,
            restore_locked,
            backups,
            restore_copy,
            forget_faces,
        ])
        .error_handling(tauri_specta::ErrorHandlingMode::Throw)
        .disable_serde_phases()
}

/// What the window needs to know when it opens.
#[derive(Debug, Serialize, specta::Type)]
pub struct Welcome {
    /// The folders of the library; none at the first start.
    pub folders: Vec<Folder>,
    /// The user's own folder for pictures, for reading, if there is one.
    pub pictures: Option<String>,
    /// The newest photos, a few screens full: they are seen while all are on their way.
    pub newest: Vec<PhotoTile>,
    /// Why the library can only be read, if so.
    pub read_only: Option<ReadOnly>,
    /// What was done when it was opened that the user should know of.
    pub notices: Vec<Notice>,
}

/// So many photos come with the welcome.
const NEWEST: usize = 2_000;

/// The user's own folder for pictures: what the desktop says, or `Pictures` in the home folder.
fn pictures_dir(app: &AppHandle) -> Option<PathBuf> {
    let paths = app.path();
    paths
        .picture_dir()
        .or_else(|_| paths.home_dir().map(|home| home.join("Pictures")))
        .ok()
        .filter(|dir| dir.is_dir())
}

/// Does `work` on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tauri::async_runtime::spawn_blocking(work)
        .await
        .unwrap_or(Err(Problem::Stumbled))
}

/// Does `work` with the library on a thread where it may block.
async fn with_library<T: Send + 'static>(
    desk: &Desk,
    work: impl FnOnce(&Library) -> kith_engine::Result<T> + Send + 'static,
) -> Answer<T> {
    let shelf = desk.shelf().clone();
    blocking(move || Ok(work(&*shelf.library()?)?)).await
}

#[tauri::command]
#[specta::specta]
async fn welcome(app: AppHandle, desk: State<'_, Desk>) -> Answer<Welcome> {
    let pictures = pictures_dir(&app).map(|dir| dir.display().to_string());
    with_library(&desk, |library| {
        Ok(Welcome {
            folders: library.folders()?,
            pictures,
            newest: library.newest(NEWEST)?,
            read_only: library.read_only(),
            notices: library.notices().to_vec(),
        })
    })
    .await
}

/// Opens an encrypted library with its passphrase.
#[tauri::command]
#[specta::specta]
async fn unlock(desk: State<'_, Desk>, passphrase: String) -> Answer<()> {
    let shelf = desk.shelf().clone();
    blocking(move || shelf.unlock(passphrase)).await
}

/// How many of the small pictures are encrypted, or decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
pub struct KeyProgress {
    done: u32,
    total: u32,
}

/// Encrypts the library; may last minutes. `listener` hears how far it is.
#[tauri::command]
#[specta::specta]
async fn encrypt(
    desk: State<'_, Desk>,
    passphrase: String,
    listener: Channel<KeyProgress>,
) -> Answer<()> {
    let kept = Some(passphrase.clone());
    change_key(&desk, kept, move |dir| {
        Library::encrypt(dir, &Zeroizing::new(passphrase), &mut tell(&listener))
    })
    .await
}

/// Decrypts the library; may last minutes. `listener` hears how far it is.
#[tauri::command]
#[specta::specta]
async fn decrypt(
    desk: State<'_, Desk>,
    passphrase: String,
    listener: Channel<KeyProgress>,
) -> Answer<()> {
    change_key(&desk, None, move |dir| {
        Library::decrypt(dir, &Zeroizing::new(passphrase), &mut tell(&listener))
    })
    .await
}

/// Tells the window now and then.
fn tell(listener: &Channel<KeyProgress>) -> impl FnMut(usize, usize) {
    let mut pace = Pace::default();
    move |done, total| {
        let progress = KeyProgress {
            done: done as u32,
            total: total as u32,
        };
        if let Some(progress) = pace.let_through(progress, Instant::now()) {
            // A window that is gone needs none.
            let _ = listener.send(progress);
        }
    }
}

/// Changes the key of the library while nothing else works with it.
async fn change_key(
    desk: &Desk,
    passphrase: Option<String>,
    change: impl FnOnce(&Path) -> kith_engine::Result<()> + Send + 'static,
) -> Answer<()> {
    let (shelf, learning) = (desk.shelf().clone(), desk.learning().clone());
    let watching = desk.watching().clone();
    blocking(move || {
        learning.end();
        let watches = watching.is_running();
        watching.wanted(false);
        let changed = shelf.change_key(passphrase, change);
        watching.wanted(watches);
        changed
    })
    .await
}

/// Changes the passphrase of the library.
#[tauri::command]
#[specta::specta]
async fn change_passphrase(
    desk: State<'_, Desk>,
    old_passphrase: String,
    new_passphrase: String,
) -> Answer<()> {
    let shelf = desk.shelf().clone();
    let (old, new) = (
        Zeroizing::new(old_passphrase),
        Zeroizing::new(new_passphrase),
    );
    blocking(move || shelf.change_passphrase(&old, new)).await
}

/// Works out ahead what the first search and decision need; answers at once.
#[tauri::command]
#[specta::specta]
async fn prepare(desk: State<'_, Desk>) -> Answer<()> {
    let shelf = desk.shelf().clone();
    tauri::async_runtime::spawn_blocking(move || {
        // What is wrong is said by the decision that meets it.
        shelf
            .library()
            .is_ok_and(|library| library.prepare().is_ok())
    });
    Ok(())
}

/// Adds the user's own folder for pictures and looks through it.
#[tauri::command]
#[specta::specta]
async fn use_pictures(app: AppHandle, desk: State<'_, Desk>) -> Answer<()> {
    let dir = pictures_dir(&app).ok_or(Problem::NoPictures)?;
    desk.job().start(vec![dir]);
    Ok(())
}

/// Lets the user choose folders, adds them and looks through them; says whether any was chosen. `title`
/// is that of the chooser.
#[tauri::command]
#[specta::specta]
async fn choose_folders(app: AppHandle, desk: State<'_, Desk>, title: String) -> Answer<bool> {
    let dialog = app.dialog().clone();
    let start_at = pictures_dir(&app);
    let chosen = tauri::async_runtime::spawn_blocking(move || {
        let mut chooser = dialog.file().set_title(title);
        if let Some(dir) = start_at {
            chooser = chooser.set_directory(dir);
        }
        chooser.blocking_pick_folders()
    })
    .await
    .map_err(|_| Problem::NoChooser)?;
    let folders: Vec<PathBuf> = chosen
        .unwrap_or_default()
        .into_iter()
        .filter_map(|path| path.into_path().ok())
        .collect();
    let any = !folders.is_empty();
    if any {
        desk.job().start(folders);
    }
    Ok(any)
}

/// Looks through all known folders for what is new.
#[tauri::command]
#[specta::specta]
async fn check_again(desk: State<'_, Desk>) -> Answer<()> {
    desk.job().start(Vec::new());
    Ok(())
}

/// Tells `listener` about the job from now on, beginning with the latest news.
#[tauri::command]
#[specta::specta]
async fn follow_job(desk: State<'_, Desk>, listener: Channel<JobNews>) -> Answer<()> {
    desk.job().follow(listener);
    Ok(())
}

/// Tells `listener` about folders that are held over the window or dropped on it.
#[tauri::command]
#[specta::specta]
async fn follow_drops(desk: State<'_, Desk>, listener: Channel<DropNews>) -> Answer<()> {
    desk.drops().follow(listener);
    Ok(())
}

#[tauri::command]
#[specta::specta]
async fn pause_job(desk: State<'_, Desk>) -> Answer<()> {
    desk.job().pause();
    Ok(())
}

#[tauri::command]
#[specta::specta]
async fn resume_job(desk: State<'_, Desk>) -> Answer<()> {
    desk.job().resume();
    Ok(())
}

#[tauri::command]
#[specta::specta]
async fn cancel_job(desk: State<'_, Desk>) -> Answer<()> {
    desk.job().cancel();
    Ok(())
}

/// Says whether the folder that the job asks about is one of the library at a new place.
#[tauri::command]
#[specta::specta]
async fn answer_move(desk: State<'_, Desk>, answer: MoveAnswer) -> Answer<()> {
    desk.job().answer(answer);
    Ok(())
}

/// From now on the job waits while the power comes from a battery, or does not.
#[tauri::command]
#[specta::specta]
async fn wait_for_mains(desk: State<'_, Desk>, wanted: bool) -> Answer<()> {
    desk.job().wait_for_mains(wanted);
    Ok(())
}

/// From now on folders are watched for changes, or are not.
#[tauri::command]
#[specta::specta]
async fn watch_folders(desk: State<'_, Desk>, wanted: bool) -> Answer<()> {
    desk.watching().wanted(wanted);
    Ok(())
}

/// The watched folders that are looked over every so often, because nobody tells of changes in them.
#[tauri::command]
#[specta::specta]
async fn polled_folders(desk: State<'_, Desk>) -> Answer<Vec<Polled>> {
    Ok(desk.watching().polled())
}

/// What the last look through the folders left out.
#[tauri::command]
#[specta::specta]
async fn skipped(desk: State<'_, Desk>) -> Answer<Vec<Skipped>> {
    with_library(&desk, Library::skipped).await
}

#[tauri::command]
#[specta::specta]
async fn ignore_patterns(desk: State<'_, Desk>) -> Answer<Vec<String>> {
    with_library(&desk, Library::ignore_patterns).await
}

/// Takes other patterns of what is left out, and looks through the folders with them.
#[tauri::command]
#[specta::specta]
async fn set_ignore_patterns(desk: State<'_, Desk>, patterns: Vec<String>) -> Answer<()> {
    let has_folders = with_library(&desk, move |library| {
        library.set_ignore_patterns(&patterns)?;
        Ok(!library.folders()?.is_empty())
    })
    .await?;
    if has_folders {
        desk.job().start(Vec::new());
    }
    Ok(())
}

#[tauri::command]
#[specta::specta]
async fn folders(desk: State<'_, Desk>) -> Answer<Vec<Folder>> {
    with_library(&desk, Library::folders).await
}

#[tauri::command]
#[specta::specta]
async fn photo_folders(desk: State<'_, Desk>) -> Answer<Vec<PhotoFolder>> {
    with_library(&desk, Library::photo_folders).await
}

/// The photos in a folder that was told of, and below it.
#[tauri::command]
#[specta::specta]
async fn folder_photos(desk: State<'_, Desk>, path: String) -> Answer<Vec<PhotoId>> {
    with_library(&desk, move |library| library.folder_photos(&path)).await
}

#[tauri::command]
#[specta::specta]
async fn failed(desk: State<'_, Desk>) -> Answer<Vec<Unread>> {
    with_library(&desk, Library::failed).await
}

#[tauri::command]
#[specta::specta]
async fn photos(desk: State<'_, Desk>) -> Answer<Vec<PhotoTile>> {
    with_library(&desk, Library::photos).await
}

/// Folders and drives that are not connected, with their photos.
#[tauri::command]
#[specta::specta]
async fn away(desk: State<'_, Desk>) -> Answer<Vec<AwayFolder>> {
    with_library(&desk, Library::away).await
}

#[tauri::command]
#[specta::specta]
async fn photo(desk: State<'_, Desk>, photo: PhotoId) -> Answer<PhotoDetail> {
    with_library(&desk, move |library| library.photo(photo)).await
}

#[tauri::command]
#[specta::specta]
async fn people(desk: State<'_, Desk>) -> Answer<Vec<Person>> {
    with_library(&desk, Library::people).await
}

#[tauri::command]
#[specta::specta]
async fn person_faces(desk: State<'_, Desk>, person: PersonId) -> Answer<Vec<Face>> {
    with_library(&desk, move |library| library.person_faces(person)).await
}

#[tauri::command]
#[specta::specta]
async fn companions(desk: State<'_, Desk>, person: PersonId) -> Answer<Vec<Companion>> {
    with_library(&desk, move |library| library.companions(person)).await
}

/// The two people that a person could be; changes nothing.
#[tauri::command]
#[specta::specta]
async fn halves(desk: State<'_, Desk>, person: PersonId) -> Answer<Halves> {
    with_library(&desk, move |library| library.halves(person)).await
}

#[tauri::command]
#[specta::specta]
async fn suggestions(desk: State<'_, Desk>) -> Answer<Vec<Suggestion>> {
    with_library(&desk, Library::suggestions).await
}

#[tauri::command]
#[specta::specta]
async fn decide(desk: State<'_, Desk>, action: Action) -> Answer<Outcome> {
    let decide = move |library: &Library| library.decide(action, SystemTime::now());
    let outcome = with_library(&desk, decide).await?;
    desk.learning().answered();
    Ok(outcome)
}

/// Adds a face that was missed, in a box `[x, y, w, h]` as fractions of the upright photo.
#[tauri::command]
#[specta::specta]
async fn draw_face(
    desk: State<'_, Desk>,
    photo: PhotoId,
    outline: [f32; 4],
    name: Option<String>,
) -> Answer<Outcome> {
    let draw = move |library: &Library| {
        library.draw_face(photo, outline, name.as_deref(), SystemTime::now())
    };
    let outcome = with_library(&desk, draw).await?;
    desk.learning().answered();
    Ok(outcome)
}

#[tauri::command]
#[specta::specta]
async fn history(desk: State<'_, Desk>) -> Answer<Vec<HistoryEntry>> {
    with_library(&desk, Library::history).await
}

#[tauri::command]
#[specta::specta]
async fn search(desk: State<'_, Desk>, query: String) -> Answer<Found> {
    with_library(&desk, move |library| library.find(&query)).await
}

#[tauri::command]
#[specta::specta]
async fn cameras(desk: State<'_, Desk>) -> Answer<Vec<String>> {
    with_library(&desk, Library::cameras).await
}

#[tauri::command]
#[specta::specta]
async fn places(desk: State<'_, Desk>) -> Answer<Vec<PhotosOfPlace>> {
    with_library(&desk, Library::places).await
}

#[tauri::command]
#[specta::specta]
async fn albums(desk: State<'_, Desk>) -> Answer<Vec<Album>> {
    with_library(&desk, Library::albums).await
}

#[tauri::command]
#[specta::specta]
async fn album(desk: State<'_, Desk>, album: AlbumId) -> Answer<Vec<PhotoId>> {
    with_library(&desk, move |library| library.album(album)).await
}

/// Shows a photo's file in the platform's file manager.
#[tauri::command]
#[specta::specta]
async fn show_in_files(desk: State<'_, Desk>, photo: PhotoId) -> Answer<()> {
    let file = with_library(&desk, move |library| library.path_of(photo)).await?;
    blocking(move || file_manager::show(&file)).await
}

#[tauri::command]
#[specta::specta]
async fn sureness(desk: State<'_, Desk>) -> Answer<Sureness> {
    with_library(&desk, Library::sureness).await
}

/// What the groups would be if Kith were so sure; changes nothing.
#[tauri::command]
#[specta::specta]
async fn try_sureness(desk: State<'_, Desk>, sureness: Sureness) -> Answer<SurenessPreview> {
    with_library(&desk, move |library| library.try_sureness(sureness)).await
}

/// Tells `listener` about what is being learned from answers, from now on.
#[tauri::command]
#[specta::specta]
async fn follow_learning(desk: State<'_, Desk>, listener: Channel<LearningNews>) -> Answer<()> {
    desk.learning().follow(listener);
    Ok(())
}

/// From now on Kith learns some seconds after an answer, or only when it is told to.
#[tauri::command]
#[specta::specta]
async fn learn_by_itself(desk: State<'_, Desk>, wanted: bool) -> Answer<()> {
    desk.learning().by_itself(wanted);
    Ok(())
}

/// Learns from all answers so far; whoever follows the learning is told what comes of it.
#[tauri::command]
#[specta::specta]
async fn learn_now(desk: State<'_, Desk>) -> Answer<()> {
    desk.learning().now()
}

#[tauri::command]
#[specta::specta]
async fn learned(desk: State<'_, Desk>) -> Answer<Vec<LearnedVersion>> {
    with_library(&desk, Library::learned).await
}

/// Uses a version of what was learned, or the network as it came.
#[tauri::command]
#[specta::specta]
async fn use_learned(desk: State<'_, Desk>, version: Option<u32>) -> Answer<()> {
    with_library(&desk, move |library| library.use_learned(version)).await
}

/// What runs the networks, and why; takes seconds.
#[tauri::command]
#[specta::specta]
async fn device() -> Answer<Device> {
    blocking(|| Ok(kith_engine::device()?)).await
}

#[tauri::command]
#[specta::specta]
async fn storage(desk: State<'_, Desk>) -> Answer<Storage> {
    with_library(&desk, Library::storage).await
}

/// Lets the user choose a file and writes all that Kith knows into it; says which, if one was
/// chosen. `title` is that of the chooser.
#[tauri::command]
#[specta::specta]
async fn backup(app: AppHandle, desk: State<'_, Desk>, title: String) -> Answer<Option<String>> {
    let chooser = app.dialog().file().set_title(title);
    let chooser = chooser.set_file_name("kith.backup");
    let Some(file) = chosen(move || chooser.blocking_save_file()).await? else {
        return Ok(None);
    };
    let path = file.display().to_string();
    with_library(&desk, move |library| library.backup(&file)).await?;
    Ok(Some(path))
}

/// Lets the user choose a backup and takes it in the place of what the library holds; says whether
/// one was chosen. `title` is that of the chooser.
#[tauri::command]
#[specta::specta]
async fn restore(app: AppHandle, desk: State<'_, Desk>, title: String) -> Answer<bool> {
    let chooser = app.dialog().file().set_title(title);
    let Some(file) = chosen(move || chooser.blocking_pick_file()).await? else {
        return Ok(false);
    };
    *desk.chosen_backup() = Some(file.clone());
    desk.learning().stop();
    let shelf = desk.shelf().clone();
    blocking(move || shelf.restore(&file, None)).await?;
    Ok(true)
}

/// Takes the backup that was chosen last, which is encrypted with this passphrase.
#[tauri::command]
#[specta::specta]
async fn restore_locked(desk: State<'_, Desk>, passphrase: String) -> Answer<()> {
    let file = desk.chosen_backup().clone().ok_or(Problem::NotThere)?;
    let (shelf, passphrase) = (desk.shelf().clone(), Zeroizing::new(passphrase));
    desk.learning().stop();
    blocking(move || shelf.restore(&file, Some(passphrase))).await
}

/// The copies that the library keeps by itself, the newest first; also of one that cannot be opened.
#[tauri::command]
#[specta::specta]
async fn backups(desk: State<'_, Desk>) -> Answer<Vec<BackupEntry>> {
    let shelf = desk.shelf().clone();
    blocking(move || Ok(Library::backups_of(&shelf.dir()?)?)).await
}

/// Takes one of these copies in the place of what the library holds.
#[tauri::command]
#[specta::specta]
async fn restore_copy(desk: State<'_, Desk>, name: String) -> Answer<()> {
    desk.learning().stop();
    let shelf = desk.shelf().clone();
    blocking(move || shelf.restore_copy(&name)).await
}

/// The file that a dialog asks for; none when the user thinks better of it.
async fn chosen(
    ask: impl FnOnce() -> Option<tauri_plugin_dialog::FilePath> + Send + 'static,
) -> Answer<Option<PathBuf>> {
    let file = tauri::async_runtime::spawn_blocking(ask)
        .await
        .map_err(|_| Problem::NoChooser)?;
    Ok(file.and_then(|file| file.into_path().ok()))
}

#[tauri::command]
#[specta::specta]
async fn forget_faces(desk: State<'_, Desk>) -> Answer<()> {
    desk.learning().stop();
    with_library(&desk, Library::forget_faces).await
}

#[cfg(test)]
mod tests {
    use super::*;

    use specta_typescript::Typescript;

    #[test]
    fn the_typescript_of_the_calls_is_not_stale() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/src/lib/bindings.ts");
        let fresh_dir = tempfile::tempdir().unwrap();
        let fresh = fresh_dir.path().join("bindings.ts");
        calls().export(Typescript::default(), &fresh).unwrap();
        if std::env::var_os("KITH_WRITE_BINDINGS").is_some() {
            std::fs::copy(&fresh, &committed).unwrap();
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            read(&committed) == read(&fresh),
            "ui/src/lib/bindings.ts is stale: run KITH_WRITE_BINDINGS=1 cargo test --release -p kith-app"
        );
    }
}
