//! Folders that are dropped on the window from the file manager. Their paths stay here: the page is
//! told how many there are.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tauri::DragDropEvent;
use tauri::ipc::Channel;

/// What is held over the window, or let go on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DropNews {
    /// Something is held over it.
    Over {
        /// How many folders.
        folders: u32,
    },
    /// It was taken away again.
    Left,
    /// It was let go.
    Dropped {
        /// How many folders are looked through now.
        folders: u32,
    },
}

/// Whom to tell of what is dropped.
#[derive(Default)]
pub struct Drops {
    listener: Mutex<Option<Channel<DropNews>>>,
}

impl Drops {
    /// Tells `listener` from now on.
    pub fn follow(&self, listener: Channel<DropNews>) {
        *self.listener() = Some(listener);
    }

    /// Tells what happens over the window; returns the folders that were let go on it.
    pub fn hear(&self, event: &DragDropEvent) -> Vec<PathBuf> {
        let (news, dropped) = match event {
            DragDropEvent::Enter { paths, .. } => {
                let folders = folders_in(paths).len() as u32;
                (DropNews::Over { folders }, Vec::new())
            }
            DragDropEvent::Drop { paths, .. } => {
                let dropped = folders_in(paths);
                let folders = dropped.len() as u32;
                (DropNews::Dropped { folders }, dropped)
            }
            DragDropEvent::Leave => (DropNews::Left, Vec::new()),
            _ => return Vec::new(),
        };
        let mut listener = self.listener();
        if listener.as_ref().is_some_and(|to| to.send(news).is_err()) {
            // The page was loaded anew; it asks again when it is back.
            *listener = None;
        }
        dropped
    }

    fn listener(&self) -> std::sync::MutexGuard<'_, Option<Channel<DropNews>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn folders_in(paths: &[PathBuf]) -> Vec<PathBuf> {
    let is_folder = |path: &&PathBuf| Path::is_dir(path);
    paths.iter().filter(is_folder).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tauri::PhysicalPosition;
    use tauri::ipc::InvokeResponseBody;

    use super::*;

    #[test]
    fn folders_are_taken_and_files_are_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("photo.jpg");
        std::fs::write(&file, "no photo").unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let drops = Drops::default();
        drops.follow(Channel::new(move |body| {
            if let InvokeResponseBody::Json(json) = body {
                heard.lock().unwrap().push(json);
            }
            Ok(())
        }));
        let position = PhysicalPosition::new(10.0, 10.0);
        let both = vec![dir.path().to_owned(), file.clone()];
        let enter = DragDropEvent::Enter {
            paths: both.clone(),
            position,
        };
        assert!(drops.hear(&enter).is_empty());
        assert!(drops.hear(&DragDropEvent::Over { position }).is_empty());
        let drop = |paths| DragDropEvent::Drop { paths, position };
        assert_eq!(drops.hear(&drop(both)), [dir.path().to_owned()]);
        assert!(drops.hear(&drop(vec![file])).is_empty());
        drops.hear(&DragDropEvent::Leave);
        let said = told.lock().unwrap().join(" ");
        assert_eq!(
            said,
            r#"{"kind":"over","folders":1} {"kind":"dropped","folders":1} {"kind":"dropped","folders":0} {"kind":"left"}"#
        );
    }
}
