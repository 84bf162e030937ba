//! Starts the window: `kith-app [FOLDER]… [--library DIR]`.

// A release build on Windows opens no console beside the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::path::PathBuf;

use clap::Parser;

/// Keeps the memory of large images from one use to the next; the system's allocator gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kith's window: a photo organizer that knows the people in your photographs and tells no one.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Folders with photos; Kith starts to look through them at once. It never changes a photo.
    folders: Vec<PathBuf>,
    /// Where Kith keeps what it knows [default: the platform's data folder].
    #[arg(long, value_name = "DIR")]
    library: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    {
        kith_app::forgo_real_time();
        kith_app::set_environment();
    }
    let Arguments { folders, library } = Arguments::parse();
    kith_app::run(library, &folders)
}
