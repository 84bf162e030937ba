//! Shows a file where the platform shows files.

use std::path::Path;
use std::process::{Command, Stdio};

use kith_engine::photo::PhotoError;

use crate::problem::Problem;

/// Opens the file manager with the file chosen in it; with its folder, where the file manager cannot
/// choose.
pub fn show(file: &Path) -> Result<(), Problem> {
    if !file.is_file() {
        return Err(Problem::Photo {
            why: PhotoError::Gone,
            path: file.display().to_string(),
        });
    }
    if shown(file) {
        Ok(())
    } else {
        Err(Problem::NoFileManager {
            path: file.display().to_string(),
        })
    }
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(target_os = "linux")]
fn shown(file: &Path) -> bool {
    let asked = succeeds(Command::new("dbus-send").args([
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.FileManager1",
        "/org/freedesktop/FileManager1",
        "org.freedesktop.FileManager1.ShowItems",
        &format!("array:string:{}", address(file)),
        "string:",
    ]));
    asked || succeeds(Command::new("xdg-open").args(file.parent()))
}

#[cfg(target_os = "macos")]
fn shown(file: &Path) -> bool {
    succeeds(Command::new("open").arg("-R").arg(file))
}

#[cfg(windows)]
fn shown(file: &Path) -> bool {
    let mut choose = std::ffi::OsString::from("/select,");
    choose.push(file);
    // The Explorer says 1 even when all went well.
    Command::new("explorer").arg(choose).spawn().is_ok()
}

/// The file as an address, with everything but plain letters written as numbers: a comma would part
/// two addresses.
#[cfg(target_os = "linux")]
fn address(file: &Path) -> String {
    use std::fmt::Write as _;
    let mut address = "file://".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            address.push(char::from(*byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_name() {
        let file = Path::new("/home/anna/Späte Tage, 2019/a&b.jpg");
        assert_eq!(
            address(file),
            "file:///home/anna/Sp%C3%A4te%20Tage%2C%202019/a%26b.jpg"
        );
    }

    #[test]
    fn a_photo_that_is_gone_is_said_to_be() {
        let problem = show(Path::new("/nowhere/photo.jpg")).unwrap_err();
        let gone = Problem::Photo {
            why: PhotoError::Gone,
            path: "/nowhere/photo.jpg".into(),
        };
        assert_eq!(problem, gone);
    }
}
