//! Draws random numbers from a seed: the same seed gives the same numbers on every machine.

/// A `SplitMix64` generator (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator for a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// A number from 0 to below 1.
    pub fn share(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// True in this share of the draws.
    pub fn chance(&mut self, share: f32) -> bool {
        self.share() < share
    }

    /// One of some, which must not be empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u32) as usize]
    }

    /// Up to `most` of some, at least one if there are any, each once.
    pub fn some<T: Clone>(&mut self, of: &[T], most: usize) -> Vec<T> {
        let mut left: Vec<T> = of.to_vec();
        let count = 1 + self.below(most.max(1) as u32) as usize;
        let mut drawn = Vec::new();
        while drawn.len() < count && !left.is_empty() {
            let at = self.below(left.len() as u32) as usize;
            drawn.push(left.swap_remove(at));
        }
        drawn
    }
}
