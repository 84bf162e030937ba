//! What the system says of the memory of the process that a test is.

use std::fs;

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
