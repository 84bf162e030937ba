//! Where the build lies that a test is part of, and its programs with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder `target` of the build.
///
/// # Errors
/// When the test lies somewhere else.
pub fn target_dir() -> Result<PathBuf> {
    above(3)
}

/// A program that the same build made, by its name without an ending.
///
/// # Errors
/// When it was not built.
pub fn built(name: &str) -> Result<PathBuf> {
    let program = above(2)?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        program.is_file(),
        "{} is not built: ./dev test builds it first, or cargo build --release --workspace",
        program.display()
    );
    Ok(program)
}

/// Tests lie in `target/release/deps`.
fn above(steps: usize) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors()
        .nth(steps)
        .map(Path::to_path_buf)
        .context("this test lies nowhere")
}
