//! What the processor can do for the networks.

use pulp::Arch;

use crate::ops::Precision;

/// The processor that the networks run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// Its widest vector instructions that the networks use.
    pub vectors: &'static str,
    /// What the embedder multiplies: `f32`, `i16` (whole numbers) or `bf16`.
    pub precision: &'static str,
    /// What it would multiply with `KITH_PRECISION=fastest`.
    pub fastest: &'static str,
    /// Threads that the networks run on.
    pub threads: usize,
}

impl Processor {
    /// The one that this program runs on.
    #[must_use]
    pub fn here() -> Self {
        Self {
            vectors: vectors(Arch::new()),
            precision: Precision::wanted().numbers(),
            fastest: Precision::Fastest.numbers(),
            threads: rayon::current_num_threads(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn vectors(arch: Arch) -> &'static str {
    match arch {
        Arch::V4(_) => "AVX-512",
        Arch::V3(_) => "AVX2",
        _ => "SSE2",
    }
}

#[cfg(target_arch = "aarch64")]
fn vectors(_: Arch) -> &'static str {
    "NEON"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vectors(_: Arch) -> &'static str {
    "none"
}
