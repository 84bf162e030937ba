//! What the allocator of Kith's programs does with memory that is freed.

use std::ffi::c_long;

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// `mi_option_purge_delay` in mimalloc's header (version 2).
const PURGE_DELAY: mi_option_t = 15;
/// Milliseconds until freed memory goes back to the system; ten times as many for the largest pieces.
const KEPT_FOR: c_long = 1000;

/// Keeps freed memory for a second, where mimalloc keeps it for 10 ms by itself. While photos are read, images
/// of the same sizes come again with each photo; what was given back in between, the system has to clear
/// anew.
///
/// For a command whose allocator is mimalloc, before it starts a thread. Not for the window, which stays:
/// what was freed last stays with it until something else is freed.
pub fn keep_freed_memory_a_while() {
    // SAFETY: it stores a number, which the allocator reads when something is freed; no other thread is
    // there yet.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_FOR) };
}

/// Takes back what other threads have freed of the memory that this thread had asked for.
///
/// mimalloc does it by itself every hundredth time that a thread asks for more than it has at hand. One
/// that does little but read photos, with which others are done later, asks once or twice a photo: up to
/// a hundred of them would pile up.
pub(crate) fn take_back_what_others_freed() {
    // SAFETY: it touches what is freed and nothing else, and does nothing where mimalloc is not the
    // allocator.
    unsafe { mi_collect(false) };
}

/// Gives what this thread has freed back to the system at once; by itself mimalloc does so when something
/// else is freed.
pub(crate) fn give_back_what_is_freed() {
    // SAFETY: as above.
    unsafe { mi_collect(true) };
}
