//! The window over [`kith_engine::Library`]: commands, one job with its progress, learning beside it,
//! and pictures.
//!
//! No rule about photos or people lives here. The front end names photos, faces and people by
//! their numbers; it never sends a path to be read, so it can reach no file.

mod commands;
mod desk;
#[cfg(target_os = "linux")]
mod drawing;
mod drops;
mod file_manager;
mod job;
mod learning;
mod pace;
mod pictures;
mod problem;
mod single_instance;
mod watching;

use std::path::PathBuf;

use anyhow::Context as _;
use kith_engine::Library;
use tauri::{Manager as _, WindowEvent};

use crate::desk::Desk;
#[cfg(target_os = "linux")]
pub use crate::drawing::{forgo_real_time, set_environment};
use crate::pictures::PicturePool;
use crate::single_instance::Start;

/// Opens the window and stays until it is closed. Where the library has a window already, that comes to the
/// front instead.
///
/// `library_dir` is where the library lies (the platform's data folder when `None`); `folders`
/// are looked through at once.
pub fn run(library_dir: Option<PathBuf>, folders: &[PathBuf]) -> anyhow::Result<()> {
    let folders = folders
        .iter()
        .map(|folder| {
            std::path::absolute(folder)
                .with_context(|| format!("cannot make sense of the folder {}", folder.display()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let dir = library_dir.clone().or_else(Library::default_dir);
    let instance = match dir.map(|dir| single_instance::start(&dir, &folders)) {
        Some(Start::Second(handed_over)) => return handed_over,
        Some(Start::First(instance)) => instance,
        None => None,
    };
    // Before anything else: it is read while the window and the page are made.
    let desk = Desk::new(library_dir);
    desk.shelf().open_ahead();
    let calls = commands::calls();
    tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .register_asynchronous_uri_scheme_protocol(
            pictures::SCHEME,
            |context, request, responder| {
                context
                    .app_handle()
                    .state::<PicturePool>()
                    .ask(request.uri().path(), responder);
            },
        )
        .invoke_handler(calls.invoke_handler())
        .on_window_event(|window, event| {
            // Before the desk is there nothing happens that it is to know.
            let Some(desk) = window.try_state::<Desk>() else {
                return;
            };
            match event {
                WindowEvent::DragDrop(event) => {
                    let folders = desk.drops().hear(event);
                    if !folders.is_empty() {
                        desk.job().start(folders);
                    }
                }
                WindowEvent::Destroyed => {
                    desk.learning().stop();
                    desk.shelf().seal();
                }
                _ => (),
            }
        })
        .setup(move |app| {
            #[cfg(target_os = "linux")]
            drawing::keep_few_pictures(app)?;
            app.manage(PicturePool::start(&desk)?);
            if !folders.is_empty() {
                desk.job().start(folders);
            }
            app.manage(desk);
            if let Some(instance) = instance {
                instance.serve(app.handle().clone());
            }
            Ok(())
        })
        .run(tauri::generate_context!())
        .context("the window could not be opened")
}
