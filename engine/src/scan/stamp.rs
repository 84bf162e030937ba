//! Stamps a file with its size, times and inode, by which a version of it is known without opening it.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What identifies a version of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStamp {
    /// Bytes.
    pub size: u64,
    /// When the content changed last: nanoseconds since 1970 in UTC.
    pub modified_ns: i64,
    /// When the inode changed last (a rename, other permissions, a replaced file whose time was set back);
    /// `None` where the file system does not keep it.
    pub changed_ns: Option<i64>,
    /// The inode; `None` where the file system makes numbers up at each mount.
    pub inode: Option<u64>,
}

/// FAT keeps times in full two seconds: a time may be rounded once the drive is mounted again.
const COARSE_NS: i64 = 2_000_000_000;

impl FileStamp {
    /// That of the file at `path` as it is now.
    ///
    /// # Errors
    /// What the system says where it cannot be asked.
    pub fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Inodes::default().stamp(path, &metadata))
    }

    /// Whether the file with the stamp `now` is the very file of this stamp, so that it need not be opened.
    #[must_use]
    pub fn is_unchanged(&self, now: &Self) -> bool {
        // What one of the two does not know says nothing.
        fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        self.size == now.size
            && (self.modified_ns == now.modified_ns || self.is_rounded(now))
            && agree(self.changed_ns, now.changed_ns)
            && agree(self.inode, now.inode)
    }

    fn is_rounded(&self, now: &Self) -> bool {
        let [a, b] = [self.modified_ns, now.modified_ns];
        now.changed_ns.is_none()
            && a.abs_diff(b) < COARSE_NS as u64
            && (a % COARSE_NS == 0 || b % COARSE_NS == 0)
    }
}

/// Knows of each device whether its inodes last from one mount to the next.
#[derive(Default)]
pub(super) struct Inodes {
    #[cfg(unix)]
    last: std::collections::HashMap<u64, bool>,
}

impl Inodes {
    /// The stamp of a file with this metadata.
    pub(super) fn stamp(&mut self, path: &Path, metadata: &Metadata) -> FileStamp {
        let (changed_ns, inode) = self.of(path, metadata);
        FileStamp {
            size: metadata.len(),
            modified_ns: modified_ns(metadata),
            changed_ns,
            inode,
        }
    }

    /// Change time and inode of a file, where they mean something.
    #[cfg(unix)]
    fn of(&mut self, path: &Path, metadata: &Metadata) -> (Option<i64>, Option<u64>) {
        use std::os::unix::fs::MetadataExt as _;
        let device = self.last.entry(metadata.dev());
        if !*device.or_insert_with(|| keeps_inodes(path)) {
            return (None, None);
        }
        let changed = metadata.ctime().checked_mul(1_000_000_000);
        let changed = changed.and_then(|seconds| seconds.checked_add(metadata.ctime_nsec()));
        (changed, Some(metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(&mut self, _: &Path, _: &Metadata) -> (Option<i64>, Option<u64>) {
        (None, None)
    }
}

/// Whether the file system gives a file the same inode at each mount and keeps its change time. FAT, exFAT
/// and NTFS by way of a user's program (FUSE) make the numbers up, and so may network file systems.
#[cfg(target_os = "linux")]
fn keeps_inodes(path: &Path) -> bool {
    // linux/magic.h: MSDOS, exFAT, FUSE, SMB, CIFS, SMB2, NFS, 9P, NTFS3.
    const MADE_UP: [u32; 9] = [
        0x4d44,
        0x2011_bab0,
        0x6573_5546,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x6969,
        0x0102_1997,
        0x7366_746e,
    ];
    rustix::fs::statfs(path).is_ok_and(|of| !MADE_UP.contains(&(of.f_type as u32)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn keeps_inodes(_: &Path) -> bool {
    true
}

/// When the content of a file changed last: nanoseconds since 1970 in UTC. A file system that keeps no times says 1970
/// for every file.
fn modified_ns(metadata: &Metadata) -> i64 {
    let Ok(modified) = metadata.modified() else {
        return 0;
    };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_system_does_not_keep_says_nothing_and_rounded_times_are_the_same() {
        let full = FileStamp {
            size: 7,
            modified_ns: 5_123_456_789,
            changed_ns: Some(1),
            inode: Some(2),
        };
        let on_fat = |modified_ns| FileStamp {
            modified_ns,
            changed_ns: None,
            inode: None,
            ..full
        };
        assert!(full.is_unchanged(&full));
        assert!(full.is_unchanged(&on_fat(full.modified_ns)));
        assert!(on_fat(full.modified_ns).is_unchanged(&on_fat(4_000_000_000)));
        assert!(!on_fat(full.modified_ns).is_unchanged(&on_fat(5_500_000_000)));
        for other in [
            FileStamp { size: 8, ..full },
            FileStamp {
                changed_ns: Some(3),
                ..full
            },
            FileStamp {
                inode: Some(3),
                ..full
            },
        ] {
            assert!(!full.is_unchanged(&other));
        }
    }
}
