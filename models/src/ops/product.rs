//! One matrix product: `out += a · b`, all three row-major, on the calling thread or on all.

use gemm::Parallelism;

/// Adds `a [rows, depth] · b [depth, columns]` to `out [rows, columns]`.
pub(super) fn add_product(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    depth: usize,
    parallelism: Parallelism,
) {
    let rows = a.len() / depth;
    let columns = b.len() / depth;
    assert_eq!(a.len(), rows * depth);
    assert_eq!(b.len(), columns * depth);
    assert_eq!(out.len(), rows * columns);
    // SAFETY: the three slices hold exactly the elements that these sizes and strides reach
    // (asserted above), `out` is borrowed mutably and so overlaps neither `a` nor `b`.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out.as_mut_ptr(),
            1,
            columns as isize,
            true,
            a.as_ptr(),
            1,
            depth as isize,
            b.as_ptr(),
            1,
            columns as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
