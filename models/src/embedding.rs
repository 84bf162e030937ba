//! An embedding is a point on the unit sphere; near points are faces of one person.

/// The numbers of an embedding.
pub const EMBEDDING_LEN: usize = 128;

/// A face as 128 numbers of unit length.
pub type Embedding = [f32; EMBEDDING_LEN];

/// The squared Euclidean distance between two embeddings: 0 (the same) to 4 (opposite), as in the
/// FaceNet paper (Schroff et al. 2015, section 3).
#[must_use]
pub fn distance(a: &Embedding, b: &Embedding) -> f32 {
    // Sixteen sums side by side, so that the compiler can use vector registers.
    let mut sums = [0.0f32; 16];
    let (a, _) = a.as_chunks::<16>();
    let (b, _) = b.as_chunks::<16>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().sum()
}

/// The embedding in the direction of `vector`, or the first axis where that has no direction.
#[must_use]
pub fn unit(vector: &Embedding) -> Embedding {
    let mut unit = *vector;
    make_unit(&mut unit);
    unit
}

/// The same in place, for as many numbers as there are.
pub(crate) fn make_unit(vector: &mut [f32]) {
    let length = vector
        .iter()
        .map(|v| f64::from(*v) * f64::from(*v))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 && length.is_finite() {
        for v in vector {
            *v = (f64::from(*v) / length) as f32;
        }
    } else {
        vector.fill(0.0);
        vector[0] = 1.0;
    }
}

/// The largest value a [`Code`] can hold. The largest number of 1,549 embeddings of LFW photos was
/// 0.38; a code was never further from its embedding than 2.1e-4, and no pair's distance changed by
/// more than 0.011.
const CODE_RANGE: f32 = 0.5;
/// The steps from zero to [`CODE_RANGE`].
const CODE_STEPS: f32 = 127.0;

/// An embedding in 128 signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code([u8; EMBEDDING_LEN]);

impl Code {
    /// The code nearest to the embedding.
    #[must_use]
    pub fn of(embedding: &Embedding) -> Self {
        Self(embedding.map(|v| {
            let step = (v / CODE_RANGE * CODE_STEPS)
                .round()
                .clamp(-CODE_STEPS, CODE_STEPS);
            (step as i8).cast_unsigned()
        }))
    }

    /// The embedding that the code stands for, of unit length again.
    #[must_use]
    pub fn embedding(&self) -> Embedding {
        unit(&self.0.map(|byte| f32::from(byte.cast_signed())))
    }

    /// A code from its stored bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; EMBEDDING_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes to store: signed, two's complement.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; EMBEDDING_LEN] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Unit vectors whose numbers are spread as an embedding's are: the largest of 198,272 numbers
    /// of real faces was 0.38.
    fn embedding() -> impl Strategy<Value = Embedding> {
        prop::collection::vec(-1.0f32..1.0, EMBEDDING_LEN).prop_filter_map("too uneven", |v| {
            let v = unit(&v.try_into().ok()?);
            v.iter().all(|v| v.abs() <= CODE_RANGE).then_some(v)
        })
    }

    proptest! {
        #[test]
        fn a_code_stands_for_nearly_the_same_embedding(embedding in embedding()) {
            let decoded = Code::of(&embedding).embedding();
            // Half a step off in each number is 128 * (0.5 * 0.5 / 127)^2 = 5e-4 at the most.
            prop_assert!(distance(&embedding, &decoded) < 5e-4);
            prop_assert!((distance(&decoded, &[0.0; EMBEDDING_LEN]) - 1.0).abs() < 1e-5);
        }

        #[test]
        fn stored_bytes_give_the_same_code(embedding in embedding()) {
            let code = Code::of(&embedding);
            prop_assert_eq!(Code::from_bytes(*code.as_bytes()), code);
        }

        #[test]
        fn distance_is_two_less_twice_the_cosine(a in embedding(), b in embedding()) {
            let cosine: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((f64::from(distance(&a, &b)) - (2.0 - 2.0 * cosine)).abs() < 1e-5);
        }
    }

    #[test]
    fn values_beyond_the_range_stop_at_its_end() {
        let mut axis = [0.0; EMBEDDING_LEN];
        axis[3] = -1.0;
        let code = Code::of(&axis);
        assert_eq!(code.as_bytes()[3].cast_signed(), -127);
        assert_eq!(code.embedding(), axis);
    }

    #[test]
    fn any_stored_bytes_give_a_unit_vector() {
        for byte in [0, 1, 127, 128, 255] {
            let embedding = Code::from_bytes([byte; EMBEDDING_LEN]).embedding();
            let length = distance(&embedding, &[0.0; EMBEDDING_LEN]);
            assert!((length - 1.0).abs() < 1e-5, "{byte}: {length}");
        }
    }
}
