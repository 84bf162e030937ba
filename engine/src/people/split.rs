//! Two people in one pile, taken apart: the two halves that differ most.
//!
//! Two means on the unit sphere (Lloyd 1982, spherical as in Dhillon and Modha 2001), started from
//! the two faces that are farthest apart, so that the same faces always fall into the same halves.

use kith_models::{Code, EMBEDDING_LEN, Embedding, distance, unit};

use crate::FaceId;

/// Rounds after which nothing moves any more, in practice long before.
const MOST_ROUNDS: usize = 50;

/// The larger half and the smaller one (of two equal ones the one with the first face first);
/// none where there are not two different faces.
#[must_use]
pub fn halves(faces: &[(FaceId, Code)]) -> Option<(Vec<FaceId>, Vec<FaceId>)> {
    let points: Vec<Embedding> = faces.iter().map(|(_, code)| code.embedding()).collect();
    let farthest_from = |from: &Embedding| {
        let far = |point: &Embedding| distance(from, point);
        (0..points.len())
            .max_by(|a, b| far(&points[*a]).total_cmp(&far(&points[*b])).then(b.cmp(a)))
    };
    let one = farthest_from(points.first()?)?;
    let other = farthest_from(&points[one])?;
    let mut middles = [points[one], points[other]];
    let mut second: Vec<bool> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let nearer =
            |point: &Embedding| distance(point, &middles[1]) < distance(point, &middles[0]);
        let moved: Vec<bool> = points.iter().map(nearer).collect();
        if moved == second {
            break;
        }
        second = moved;
        middles = [false, true].map(|half| middle(&points, &second, half));
    }
    let half = |which: bool| -> Vec<FaceId> {
        let in_half = faces
            .iter()
            .zip(&second)
            .filter(|(_, half)| **half == which);
        in_half.map(|(face, _)| face.0).collect()
    };
    let (a, b) = (half(false), half(true));
    match (a.len(), b.len()) {
        (0, _) | (_, 0) => None,
        (first, last) if first > last || (first == last && a[0] < b[0]) => Some((a, b)),
        _ => Some((b, a)),
    }
}

fn middle(points: &[Embedding], second: &[bool], half: bool) -> Embedding {
    let mut sum = [0.0_f32; EMBEDDING_LEN];
    for (point, _) in points.iter().zip(second).filter(|(_, of)| **of == half) {
        for (sum, value) in sum.iter_mut().zip(point) {
            *sum += value;
        }
    }
    unit(&sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(first: [i8; 2]) -> Code {
        let mut bytes = [0_u8; EMBEDDING_LEN];
        bytes[0] = first[0].cast_unsigned();
        bytes[1] = first[1].cast_unsigned();
        Code::from_bytes(bytes)
    }

    #[test]
    fn two_people_come_apart() {
        let faces = [
            (4, code([100, 10])),
            (5, code([10, 100])),
            (7, code([100, 0])),
            (8, code([90, 20])),
            (9, code([0, 100])),
        ];
        assert_eq!(halves(&faces), Some((vec![4, 7, 8], vec![5, 9])));
        let mut turned = faces;
        turned.reverse();
        assert_eq!(halves(&turned), Some((vec![8, 7, 4], vec![9, 5])));
    }

    #[test]
    fn one_face_or_copies_of_one_stay() {
        assert_eq!(halves(&[]), None);
        assert_eq!(halves(&[(1, code([100, 0]))]), None);
        assert_eq!(halves(&[(1, code([100, 0])), (2, code([100, 0]))]), None);
    }
}
