//! What several tests ask of the system: the memory and the time of their process, and the files below a folder.

#![allow(dead_code)] // No test asks for all of it.

use std::fs;
use std::path::{Path, PathBuf};

/// A line of `/proc/self/status`, as `VmRSS` (resident now) or `VmHWM` (resident at most), in MB.
pub fn memory_mb(line: &str) -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|of| of.strip_prefix(line)?.strip_prefix(':'))
        .unwrap();
    let kb = line.split_whitespace().next().unwrap();
    kb.parse::<u32>().unwrap() / 1024
}

/// The seconds that processors have spent on this process, by the 14th and 15th field of `/proc/self/stat`, in
/// hundredths.
pub fn processor_seconds() -> f32 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The second field, a name in brackets, may hold spaces.
    let (_, after) = stat.rsplit_once(')').unwrap();
    let fields = after.split_whitespace().skip(11).take(2);
    fields
        .map(|field| field.parse::<f32>().unwrap())
        .sum::<f32>()
        / 100.0
}

/// All files below a folder, without the folders.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
