//! Damages the files of a library as disks and transfers do (cut off, flipped bits, lost pages, empty, of a
//! newer version), and checks that no damage is taken for the truth.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::full_disk::{copy_all, said, small_library};
use super::{Dice, Program, Violation};

/// A page of `SQLite`.
const PAGE: usize = 4096;
/// Where the header of a catalog says its version (`PRAGMA user_version`, big-endian).
const VERSION: std::ops::Range<usize> = 60..64;

/// What came of damages.
#[derive(Debug, Default)]
pub struct Damages {
    /// Files that were damaged.
    pub tried: u32,
    /// How many of them the command refused.
    pub refused: u32,
    /// What was not as it must be.
    pub wrong: Vec<Violation>,
}

/// Damages `count` catalogs and caches, drawn from `seed`.
///
/// # Errors
/// When the harness itself fails.
pub fn damages(portraits: &Path, kith: &Path, seed: u64, count: u32) -> Result<Damages> {
    let dir = tempfile::Builder::new().prefix("kith-damage-").tempdir()?;
    let dir = dir.path().canonicalize()?;
    small_library(&dir, portraits, kith)?;
    let as_it_was = dir.join("as it was");
    let whole = Program::new(kith, &as_it_was);
    let questions: [&[&str]; 2] = [&["faces"], &["people"]];
    let right: Vec<Vec<u8>> = questions
        .iter()
        .map(|question| Ok(whole.run(question)?.stdout))
        .collect::<Result<_>>()?;
    let mut files = Vec::new();
    collect(&as_it_was.join("cache"), &mut files)?;
    let mut result = Damages::default();
    for number in 0..count {
        let mut dice = Dice::new(seed ^ (u64::from(number) << 32));
        let library = dir.join("damaged");
        if library.exists() {
            fs::remove_dir_all(&library)?;
        }
        copy_all(&as_it_was, &library)?;
        let is_cache = !files.is_empty() && dice.chance(0.25);
        let file = if is_cache {
            dice.pick(&files).strip_prefix(&as_it_was)?.to_path_buf()
        } else {
            PathBuf::from("catalog.sqlite")
        };
        let mut bytes = fs::read(library.join(&file))?;
        let how = damage(&mut dice, &mut bytes, !is_cache);
        fs::write(library.join(&file), &bytes)?;
        result.tried += 1;
        let program = Program::new(kith, &library);
        let mut add = |kind: &'static str, what: String| {
            let what = format!("damage {number} ({} {how}): {what}", file.display());
            result.wrong.push(Violation { kind, what });
        };
        let mut refused = false;
        for (question, right) in questions.iter().zip(&right) {
            let output = program.run(question)?;
            match output.status.code() {
                Some(0) if output.stdout != *right => {
                    add(
                        "damage taken for the truth",
                        format!("kith {}", question[0]),
                    );
                }
                Some(0) => {}
                Some(1) if !is_cache && !said(&output).contains("panicked") => refused = true,
                _ => add("damage ends the program", said(&output)),
            }
        }
        result.refused += u32::from(refused);
        // These take longer.
        if is_cache || dice.chance(0.2) {
            let look = program.run(&["index"])?;
            let ends = look.status.code().is_none_or(|code| code > 1);
            if ends || (is_cache && !look.status.success()) {
                add("damage ends a look", said(&look));
            }
        }
        if dice.chance(0.2) {
            let doctor = program.run(&["doctor"])?;
            if doctor.status.code().is_none_or(|code| code > 1) {
                add("damage ends kith doctor", said(&doctor));
            }
        }
        if refused {
            let backup = dir.join("older.kith").display().to_string();
            let restored = program.run(&["restore", &backup])?;
            if !restored.status.success() {
                add("a damaged library cannot be restored", said(&restored));
            }
        }
    }
    Ok(result)
}

/// Damages bytes and says how.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>, is_catalog: bool) -> String {
    let length = bytes.len().max(1) as u32;
    match dice.below(6) {
        0 => {
            let at = dice.below(length);
            bytes.truncate(at as usize);
            format!("cut off at {at}")
        }
        1 => {
            bytes.clear();
            "empty".into()
        }
        2 => {
            let page = dice.below(length.div_ceil(PAGE as u32)) as usize * PAGE;
            let end = bytes.len().min(page + PAGE);
            bytes[page..end].fill(0);
            format!("zeros from {page}")
        }
        3 if is_catalog => {
            bytes[VERSION].copy_from_slice(&1000_u32.to_be_bytes());
            "of a newer version".into()
        }
        _ => {
            let bits = 1 + dice.below(8);
            let mut places = Vec::new();
            for _ in 0..bits {
                let at = dice.below(length);
                let bit = dice.below(8);
                if let Some(byte) = bytes.get_mut(at as usize) {
                    *byte ^= 1 << bit;
                    places.push(at);
                }
            }
            format!("with flipped bits at {places:?}")
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
