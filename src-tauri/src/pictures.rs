//! Pictures for the window, by number: `kith://localhost/photo/7`, `/face/7`, `/preview/7`.
//!
//! A few threads answer, newest question first: after a quick scroll the photos on the screen
//! come before those that have long left it.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kith_engine::photo;
use tauri::UriSchemeResponder;
use tauri::http::{Response, StatusCode, header};

use crate::desk::{Desk, Shelf};
use crate::problem::Problem;

/// The scheme of the addresses.
pub const SCHEME: &str = "kith";
/// Long side of a preview in pixels: a 4K screen filled.
const PREVIEW_SIDE: u32 = 3840;
/// Questions that may wait; the oldest beyond it are turned away (a screen shows some hundreds).
const WAITING: usize = 1024;
/// Threads beyond this many gain nothing: they wait for the same disk.
const MOST_THREADS: usize = 4;
/// How long a thread that nobody asks keeps the memory in which it decodes.
const KEEPS_ROOM: Duration = Duration::from_secs(2);

/// A picture as an address names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Photo(u32),
    Face(u32),
    Preview(u32),
}

impl Picture {
    /// Reads `/photo/7`.
    fn from_path(path: &str) -> Option<Self> {
        let (kind, number) = path.strip_prefix('/')?.split_once('/')?;
        let number = number.parse().ok()?;
        match kind {
            "photo" => Some(Self::Photo(number)),
            "face" => Some(Self::Face(number)),
            "preview" => Some(Self::Preview(number)),
            _ => None,
        }
    }

    fn jpeg(self, shelf: &Shelf) -> Result<Vec<u8>, Problem> {
        let library = shelf.library()?;
        Ok(match self {
            Self::Photo(photo) => library.thumbnail(photo),
            Self::Face(face) => library.face_thumbnail(face),
            Self::Preview(photo) => library.preview(photo, PREVIEW_SIDE),
        }?)
    }
}

struct Question {
    picture: Picture,
    responder: UriSchemeResponder,
}

#[derive(Default)]
struct Waiting {
    newest_last: Mutex<VecDeque<Question>>,
    arrived: Condvar,
}

/// The threads that answer.
pub struct PicturePool {
    waiting: Arc<Waiting>,
}

impl PicturePool {
    /// Starts the threads; they stay as long as the program.
    pub fn start(desk: &Desk) -> std::io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let threads = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_THREADS);
        for number in 0..threads {
            let (waiting, shelf) = (Arc::clone(&waiting), desk.shelf().clone());
            thread::Builder::new()
                .name(format!("pictures {number}"))
                .spawn(move || answer(&waiting, &shelf))?;
        }
        Ok(Self { waiting })
    }

    /// Answers `responder` with the picture at `path`, later and on another thread.
    pub fn ask(&self, path: &str, responder: UriSchemeResponder) {
        let Some(picture) = Picture::from_path(path) else {
            return refuse(
                responder,
                StatusCode::NOT_FOUND,
                "There is no such picture.",
            );
        };
        let turned_away = {
            let mut waiting = self
                .waiting
                .newest_last
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            waiting.push_back(Question { picture, responder });
            if waiting.len() > WAITING {
                waiting.pop_front()
            } else {
                None
            }
        };
        self.waiting.arrived.notify_one();
        if let Some(question) = turned_away {
            refuse(
                question.responder,
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many at once.",
            );
        }
    }
}

fn answer(waiting: &Waiting, shelf: &Shelf) {
    loop {
        let mut has_room = true;
        let question = {
            let mut questions = waiting
                .newest_last
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            loop {
                match questions.pop_back() {
                    Some(question) => break question,
                    None if has_room => {
                        let (still, wait) = waiting
                            .arrived
                            .wait_timeout(questions, KEEPS_ROOM)
                            .unwrap_or_else(PoisonError::into_inner);
                        questions = still;
                        if wait.timed_out() && questions.is_empty() {
                            drop(questions);
                            photo::let_room_go();
                            has_room = false;
                            questions = waiting
                                .newest_last
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner);
                        }
                    }
                    None => {
                        questions = waiting
                            .arrived
                            .wait(questions)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        };
        match question.picture.jpeg(shelf) {
            Ok(jpeg) => respond(question.responder, StatusCode::OK, "image/jpeg", jpeg),
            Err(problem) => refuse(
                question.responder,
                StatusCode::NOT_FOUND,
                &format!("{problem:?}"),
            ),
        }
    }
}

fn refuse(responder: UriSchemeResponder, status: StatusCode, why: &str) {
    respond(
        responder,
        status,
        "text/plain; charset=utf-8",
        why.as_bytes().to_vec(),
    );
}

fn respond(responder: UriSchemeResponder, status: StatusCode, kind: &str, body: Vec<u8>) {
    // A number names the same picture as long as the window is open, nearly always.
    let keep = if status == StatusCode::OK {
        "private, max-age=3600"
    } else {
        "no-store"
    };
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, keep)
        .body(body);
    if let Ok(response) = response {
        responder.respond(response);
    }
}

#[cfg(test)]
mod tests {
    use super::Picture;

    #[test]
    fn an_address_is_a_kind_and_a_number_and_nothing_else() {
        assert_eq!(Picture::from_path("/photo/7"), Some(Picture::Photo(7)));
        assert_eq!(Picture::from_path("/face/0"), Some(Picture::Face(0)));
        assert_eq!(
            Picture::from_path("/preview/4294967295"),
            Some(Picture::Preview(u32::MAX))
        );
        for wrong in [
            "",
            "/",
            "/photo",
            "/photo/",
            "/photo/-1",
            "/photo/4294967296",
            "/photo/7/8",
            "/etc/7",
            "/photo/../7",
        ] {
            assert_eq!(Picture::from_path(wrong), None, "{wrong}");
        }
    }
}
