//! What the processor can do for the networks.

use pulp::Arch;

use crate::ops::{Precision, multiplies_bf16};

/// The processor that the networks run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// Its widest vector instructions that the networks use.
    pub vectors: &'static str,
    /// Whether it multiplies bf16 numbers faster than f32.
    pub has_bf16: bool,
    /// What the embedder multiplies: `f32` or `bf16`.
    pub precision: &'static str,
    /// Threads that the networks run on.
    pub threads: usize,
}

impl Processor {
    /// The one that this program runs on.
    #[must_use]
    pub fn here() -> Self {
        let has_bf16 = multiplies_bf16();
        Self {
            vectors: vectors(Arch::new()),
            has_bf16,
            precision: match Precision::wanted() {
                Precision::Fastest if has_bf16 => "bf16",
                _ => "f32",
            },
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
