//! Boxes `[x, y, w, h]`: how much of one is another.

/// Two boxes that share more than this part of their union are one face.
const SAME_BOX: f32 = 0.4;
/// Two boxes of which the smaller lies in the larger by more than this are one face.
const INSIDE: f32 = 0.7;

/// Part of the union of two boxes that both cover, 0 to 1.
pub(crate) fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let shared = shared_area(a, b);
    let union = a[2] * a[3] + b[2] * b[3] - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

/// Whether two boxes found at two sizes are one face. A box around the whole head and one around
/// its middle share less of their union than two boxes of one size do, so being inside counts too.
pub(super) fn same_face(a: &[f32; 4], b: &[f32; 4]) -> bool {
    let smaller = (a[2] * a[3]).min(b[2] * b[3]);
    overlap(a, b) > SAME_BOX || shared_area(a, b) > INSIDE * smaller
}

fn shared_area(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let along = |at: usize| {
        let end = (a[at] + a[at + 2]).min(b[at] + b[at + 2]);
        (end - a[at].max(b[at])).max(0.0)
    };
    along(0) * along(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_between_0_and_1(
            a in [0.0_f32..50.0, 0.0..50.0, 0.1..50.0, 0.1..50.0],
            b in [0.0_f32..50.0, 0.0..50.0, 0.1..50.0, 0.1..50.0],
        ) {
            let ab = overlap(&a, &b);
            prop_assert!((0.0..=1.0 + 1e-5).contains(&ab));
            prop_assert!((ab - overlap(&b, &a)).abs() < 1e-5);
            prop_assert!((overlap(&a, &a) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn boxes_inside_one_another_are_one_face() {
        assert!(same_face(
            &[0.0, 0.0, 100.0, 100.0],
            &[20.0, 20.0, 50.0, 50.0]
        ));
        assert!(!same_face(
            &[0.0, 0.0, 100.0, 100.0],
            &[80.0, 0.0, 100.0, 100.0]
        ));
    }
}
