//! One vector register's worth of a slice, also where the slice ends before the register does, and
//! memory fetched ahead of its use.

use pulp::Simd;

/// The numbers of `slice` from `first` on, zeros after its end.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, slice: &[f32], first: usize) -> S::f32s {
    let slice = &slice[first..];
    match S::as_simd_f32s(slice).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(slice),
    }
}

/// Writes to `slice` from `first` on what fits.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, slice: &mut [f32], first: usize, values: S::f32s) {
    let slice = &mut slice[first..];
    match S::as_mut_simd_f32s(slice).0.first_mut() {
        Some(vector) => *vector = values,
        None => simd.partial_store_f32s(slice, values),
    }
}

/// Has the memory at a place fetched into the second-level cache, where the processor has an
/// instruction for it that this program can use. The place need not exist.
#[inline(always)]
pub(super) fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program can see and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
