//! Finds the mounted volumes and their UUIDs, by which a drive is known wherever it is mounted.

use std::path::{Path, PathBuf};

/// A mounted volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is mounted.
    pub(crate) path: PathBuf,
    /// The UUID of its file system, where the system tells it.
    pub(crate) volume: Option<String>,
}

/// All that is mounted, but the root of the file system; empty where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn mounts() -> Vec<Mount> {
    use std::os::unix::fs::MetadataExt as _;

    let uuids: std::collections::HashMap<u64, String> = std::fs::read_dir("/dev/disk/by-uuid")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let device = std::fs::metadata(entry.path()).ok()?.rdev();
            Some((device, entry.file_name().to_string_lossy().into_owned()))
        })
        .collect();
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = table
        .split(|byte| *byte == b'\n')
        .filter_map(mount_and_source);
    let mount = |(path, source): (PathBuf, PathBuf)| {
        let device = std::fs::metadata(&source).ok().map(|of| of.rdev());
        Mount {
            path,
            volume: device.and_then(|device| uuids.get(&device).cloned()),
        }
    };
    lines
        .map(mount)
        .filter(|of| of.path != Path::new("/"))
        .collect()
}

/// All that is mounted; not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mounts() -> Vec<Mount> {
    Vec::new()
}

/// Mount point and mounted device of a line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`): the fifth
/// field, and the second behind the separator `-`.
#[cfg(target_os = "linux")]
fn mount_and_source(line: &[u8]) -> Option<(PathBuf, PathBuf)> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let separator = fields.iter().position(|field| *field == b"-")?;
    let path = unescaped(fields.get(4)?);
    let source = unescaped(fields.get(separator + 2)?);
    Some((path, source))
}

/// Blanks and backslashes are written as three octal digits.
#[cfg(target_os = "linux")]
fn unescaped(field: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;

    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| std::str::from_utf8(after.get(..3)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_blanks_are_read() {
        let line =
            b"36 35 98:0 /mnt1 /media/u/My\\040disk\\0341 rw,noatime master:1 - ext3 /dev/sdb1 rw";
        let (path, source) = mount_and_source(line).expect("a line of the manual's form");
        assert_eq!(path, Path::new("/media/u/My disk\u{1c}1"));
        assert_eq!(source, Path::new("/dev/sdb1"));
        assert_eq!(mount_and_source(b"36 35 98:0 /mnt1"), None);
    }

    #[test]
    fn what_is_mounted_is_there() {
        assert!(
            mounts()
                .iter()
                .any(|mount| mount.path == Path::new("/proc"))
        );
    }
}
