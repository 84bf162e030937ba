//! What goes to standard output: one JSON object a line, or a table; and the one line of a
//! complaint, to standard error.

use std::io::{self, Stdout, Write};

use anyhow::Context as _;
use serde::Serialize;
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
        let line = serde_json::to_string(object).context("The answer cannot be written as JSON")?;
        self.write(&line)
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
            .map(|row| row.each_ref().map(|cell| printable(cell)))
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

/// A file may be called anything: nothing in a name or a path may move the cursor, colour the
/// terminal or begin a new line.
fn printable(words: &str) -> String {
    words
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// `1 photo`, `2 photos`.
pub fn count(number: u32, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}
