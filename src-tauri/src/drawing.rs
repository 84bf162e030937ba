//! How the web view draws, before whom, and what it keeps of what it drew.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities,
};
use tauri::{App, Manager as _};
use webkit2gtk::{CacheModel, WebContextExt as _, WebViewExt as _};

/// What tells the web view not to hand its pictures over in the graphics processor's memory.
const RENDERER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
/// What tells `GLib` how to learn of changes of the network; `base` opens no netlink socket for it.
const NETWORK_MONITOR: &str = "GIO_USE_NETWORK_MONITOR";

/// Restarts the program (`exec`) with the environment that the web view needs, unless the user set these
/// variables: `GIO_USE_NETWORK_MONITOR=base`, so that `WebKit`'s network process opens no socket to watch the
/// network, and `WEBKIT_DISABLE_DMABUF_RENDERER=1` where the system has no GPU: the web view would draw
/// with the CPU as if it were one, at a third of the frames and with more memory (`docs/window.md`).
///
/// A running program cannot change its own environment safely.
pub fn set_environment() {
    let mut missing = vec![(NETWORK_MONITOR, "base")];
    if !has_graphics_processor() {
        missing.push((RENDERER, "1"));
    }
    missing.retain(|(name, _)| std::env::var_os(name).is_none());
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // Only comes back when it fails, and then the window is merely slower.
        let _ = Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(missing)
            .exec();
    }
}

/// Lets no thread of the web view, nor of its processes, come before all others of the system.
///
/// It gives itself such a thread where it may: as root, or as somebody whose limit of `rtprio` allows it. When
/// that one wants a lock of the web view's allocator it asks again and again, and keeps the thread that holds
/// it from going on, until the system steps in after 0.95 s (`docs/window.md`).
pub fn forgo_real_time() {
    // Whoever may not give these up does not have them, or is no worse off than before.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Rtprio, none);
    let _ = remove_capability_from_bounding_set(CapabilitySet::SYS_NICE);
    if let Ok(mut sets) = capabilities(None) {
        sets.effective.remove(CapabilitySet::SYS_NICE);
        sets.permitted.remove(CapabilitySet::SYS_NICE);
        sets.inheritable.remove(CapabilitySet::SYS_NICE);
        let _ = set_capabilities(None, sets);
    }
}

/// Lets the web view forget pictures that are out of sight: they come again from this program, at once, and
/// would take up to 200 MB.
pub fn keep_few_pictures(app: &App) -> tauri::Result<()> {
    let Some(window) = app.get_webview_window("main") else {
        return Ok(());
    };
    window.with_webview(|view| {
        if let Some(context) = view.inner().context() {
            context.set_cache_model(CacheModel::DocumentViewer);
        }
    })
}

/// Whether there is a device that draws.
fn has_graphics_processor() -> bool {
    std::fs::read_dir("/dev/dri").is_ok_and(|devices| {
        devices.flatten().any(|device| {
            device
                .file_name()
                .as_encoded_bytes()
                .starts_with(b"renderD")
        })
    })
}
