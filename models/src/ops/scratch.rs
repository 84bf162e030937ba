//! Room for what lives only within an operation, kept by each thread from one use to the next.

use std::cell::RefCell;

thread_local! {
    static F32: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static FIXED: RefCell<Vec<Vec<i16>>> = const { RefCell::new(Vec::new()) };
    static BF16: RefCell<Vec<Vec<u16>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers that room can be had for.
pub(crate) trait Number: Copy + Default {
    fn kept<R>(with: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R;
}

impl Number for f32 {
    fn kept<R>(with: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R {
        F32.with_borrow_mut(with)
    }
}

impl Number for i16 {
    fn kept<R>(with: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R {
        FIXED.with_borrow_mut(with)
    }
}

impl Number for u16 {
    fn kept<R>(with: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R {
        BF16.with_borrow_mut(with)
    }
}

/// Bytes of a cache line, and so at least as many as are numbers in one.
const LINE: usize = 64;

/// Runs with `len` numbers of any value, the first at the start of a cache line. A use within a use, also of a task that this thread takes
/// up while it waits for others, has its own.
pub(crate) fn scratch<T: Number, R>(len: usize, run: impl FnOnce(&mut [T]) -> R) -> R {
    let mut numbers = T::kept(Vec::pop).unwrap_or_default();
    if numbers.len() < len + LINE {
        numbers.resize(len + LINE, T::default());
    }
    let start = numbers.as_ptr().align_offset(LINE);
    let result = run(&mut numbers[start..][..len]);
    T::kept(|kept| kept.push(numbers));
    result
}
