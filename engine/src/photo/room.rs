//! The memory that a thread reads, decodes and shrinks photos in, kept from one photo to the next:
//! asking the system for it and clearing it takes a tenth of the time of decoding, and more.

use std::cell::Cell;

use fast_image_resize::Resizer;

use crate::memory::give_back_what_is_freed;

/// Longest memory that is kept for each of the three, in bytes: half of a photo of 45 megapixels.
const LONGEST: usize = 36 << 20;

thread_local! {
    static FILE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static PIXELS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static RESIZER: Cell<Option<Resizer>> = const { Cell::new(None) };
}

/// Empty room for a file of so many bytes.
pub(super) fn for_file(len: usize) -> Vec<u8> {
    let mut room = FILE.take();
    if room.capacity() < len {
        return Vec::with_capacity(len);
    }
    room.clear();
    room
}

/// Keeps the room for a file.
pub(super) fn give_back_file(room: Vec<u8>) {
    if room.capacity() <= LONGEST {
        FILE.set(room);
    }
}

/// So many bytes, of any value, for pixels. What is kept is not spent on a much smaller photo, which
/// may leave with it.
pub(super) fn for_pixels(len: usize) -> Vec<u8> {
    let mut room = PIXELS.take();
    if room.capacity() / 2 > len {
        PIXELS.set(room);
        return vec![0; len];
    }
    room.resize(len, 0);
    room
}

/// Keeps the room for pixels.
pub(super) fn give_back_pixels(room: Vec<u8>) {
    if room.capacity() <= LONGEST {
        PIXELS.set(room);
    }
}

/// Runs something with a resizer whose memory is kept.
pub(super) fn with_resizer<T>(run: impl FnOnce(&mut Resizer) -> T) -> T {
    let mut resizer = RESIZER.take().unwrap_or_default();
    let done = run(&mut resizer);
    if resizer.size_of_internal_buffers() <= LONGEST {
        RESIZER.set(Some(resizer));
    }
    done
}

/// Gives the memory that this thread keeps back to the system: for one that will read no photo for a while.
pub fn let_go() {
    FILE.take();
    PIXELS.take();
    RESIZER.take();
    give_back_what_is_freed();
}
