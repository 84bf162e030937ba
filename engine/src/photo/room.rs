//! The memory that a thread decodes into, kept from one photo to the next: asking the system for it and
//! clearing it takes a tenth of the time of decoding.

use std::cell::Cell;

/// Longest memory that is kept, in bytes: half of a photo of 45 megapixels.
const LONGEST: usize = 36 << 20;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// So many bytes, of any value. What is kept is not spent on a much smaller photo.
pub(super) fn take(len: usize) -> Vec<u8> {
    let mut room = KEPT.take();
    if room.capacity() / 2 > len {
        KEPT.set(room);
        return vec![0; len];
    }
    room.resize(len, 0);
    room
}

/// Keeps what [`take`] gave for the next photo.
pub(super) fn give_back(room: Vec<u8>) {
    if room.capacity() <= LONGEST {
        KEPT.set(room);
    }
}
