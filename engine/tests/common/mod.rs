//! What the system says of the memory and the time of the process that a test is.

#![allow(dead_code)] // Not every test asks for both.

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
