//! One vector register's worth of a slice, also where the slice ends before the register does.

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
