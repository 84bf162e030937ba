//! An embedding is a point on the unit sphere; near points are faces of one person.

/// The numbers of an embedding.
pub const EMBEDDING_LEN: usize = 128;

/// A face as 128 numbers of unit length.
pub type Embedding = [f32; EMBEDDING_LEN];

/// The squared Euclidean distance between two embeddings: 0 (the same) to 4 (opposite), as in the
/// `FaceNet` paper (Schroff et al. 2015, section 3).
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
pub(crate) fn unit(vector: &Embedding) -> Embedding {
    let length = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.map(|v| (f64::from(v) / length) as f32)
    } else {
        let mut axis = [0.0; EMBEDDING_LEN];
        axis[0] = 1.0;
        axis
    }
}

/// The largest value a [`Code`] can hold.
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
            let step = (v / CODE_RANGE * CODE_STEPS).round().clamp(-CODE_STEPS, CODE_STEPS);
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
