//! With the feature `cuda`, compiles the kernels of `src/ops/cuda` to PTX, which the driver compiles for
//! the device that it finds.

use std::{env, error::Error, path::PathBuf, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/ops/cuda");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    let nvcc = env::var_os("CUDA_HOME").map_or_else(
        || PathBuf::from("nvcc"),
        |home| PathBuf::from(home).join("bin/nvcc"),
    );
    let ptx = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?).join("kernels.ptx");
    let status = Command::new(&nvcc)
        .args(["--ptx", "-O3", "-std=c++17", "-arch=compute_80", "-o"])
        .arg(ptx)
        .arg("src/ops/cuda/kernels.cu")
        .status()
        .map_err(|error| format!("{}: {error}", nvcc.display()))?;
    if !status.success() {
        return Err(format!("{}: {status}", nvcc.display()).into());
    }
    Ok(())
}
