//! What goes to standard output: one JSON object a line, or a table; and the one line of a
//! complaint, to standard error.

use std::borrow::Cow;
use std::io::{self, Stdout, Write};

use anyhow::Context as _;
use kith_engine::text::is_invisible;
use serde::Serialize;
use serde_json::ser::Formatter;
use unicode_width::UnicodeWidthStr;

/// Standard output, written as the user asked.
pub struct Output {
    json: bool,
    stdout: Stdout,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            stdout: io::stdout(),
        }
    }

    /// Whether objects are wanted rather than words.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One object on a line of its own, sent at once.
    pub fn object(&mut self, object: &impl Serialize) -> anyhow::Result<()> {
        let mut line = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut line, Escaped);
        object
            .serialize(&mut serializer)
            .context("The answer cannot be written as JSON")?;
        self.write(&String::from_utf8_lossy(&line))
    }

    /// One line of words.
    pub fn line(&mut self, words: &str) -> anyhow::Result<()> {
        self.write(&printable(words))
    }

    /// Rows under their headings, columns as wide as their widest cell; numbers to the right. Where
    /// all headings are empty there is no line for them.
    pub fn table<const COLUMNS: usize>(
        &mut self,
        headings: [&str; COLUMNS],
        rows: &[[String; COLUMNS]],
    ) -> anyhow::Result<()> {
        let rows: Vec<[String; COLUMNS]> = rows
            .iter()
            .map(|row| row.each_ref().map(|cell| printable(cell).into_owned()))
            .collect();
        let mut widths = headings.map(UnicodeWidthStr::width);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let numeric: [bool; COLUMNS] = std::array::from_fn(|column| {
            rows.iter()
                .all(|row| row[column].chars().all(|c| c.is_ascii_digit() || c == '.'))
        });
        let untitled = headings.iter().all(|heading| heading.is_empty());
        let headings = headings.map(str::to_owned);
        for row in std::iter::once(&headings)
            .skip(usize::from(untitled))
            .chain(&rows)
        {
            let mut line = String::new();
            for ((cell, width), numeric) in row.iter().zip(widths).zip(numeric) {
                let blank = " ".repeat(width - cell.width());
                if numeric {
                    line += &blank;
                }
                line += cell;
                if !numeric {
                    line += &blank;
                }
                line += "  ";
            }
            self.write(line.trim_end())?;
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        let mut stdout = self.stdout.lock();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush())?;
        Ok(())
    }
}

/// One line on standard error, beginning with the program's name. Nothing can be done when
/// standard error is closed too.
pub fn complain(words: &str) {
    let _ = writeln!(io::stderr(), "kith: {}", printable(words));
}

/// Words whose invisible characters are written as in Rust, as `\u{202e}`. A file may be called anything:
/// nothing in a name or a path may move the cursor, colour the terminal, begin a new line or turn round what
/// is read.
pub fn printable(words: &str) -> Cow<'_, str> {
    if !words.contains(is_invisible) {
        return Cow::Borrowed(words);
    }
    let mut escaped = String::new();
    for c in words.chars() {
        if is_invisible(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Writes JSON on one line, in which invisible characters of texts are escaped: it means the same, and does a
/// terminal no harm.
struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for piece in text.split_inclusive(is_invisible) {
            let mut chars = piece.chars();
            let last = chars.next_back().filter(|c| is_invisible(*c));
            let seen = if last.is_some() {
                chars.as_str()
            } else {
                piece
            };
            to.write_all(seen.as_bytes())?;
            for unit in last
                .map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
                .unwrap_or_default()
            {
                write!(to, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

/// `1 photo`, `2 photos`.
pub fn count(number: u32, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case exif-esc-camera: a bidirectional override in the name of a camera reached the terminal.
    #[test]
    fn invisible_characters_are_escaped() {
        let name = "a\x1b[31m\u{9b}1m\u{202e}gpj\u{2066}\u{200b}\u{e0041}\n\u{7f}é家\u{200d}.jpg";
        let shown = printable(name);
        let expected = r"a\u{1b}[31m\u{9b}1m\u{202e}gpj\u{2066}\u{200b}\u{e0041}\n\u{7f}é家";
        assert_eq!(shown, format!("{expected}\u{200d}.jpg"));
        assert_eq!(
            printable("Zoë 家族 👨\u{200d}👩.jpg"),
            "Zoë 家族 👨\u{200d}👩.jpg"
        );

        let mut line = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut line, Escaped);
        ["\"", name].serialize(&mut serializer).expect("JSON");
        let line = String::from_utf8(line).expect("UTF-8");
        assert!(!line.contains(is_invisible), "{line}");
        assert!(line.contains(r"\u202egpj"), "{line}");
        let read: [String; 2] = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, ["\"", name]);
    }
}
