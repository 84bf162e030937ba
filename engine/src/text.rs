//! Text that comes from files, for a terminal or a window to show.

/// Whether a character is seen as nothing and yet changes what is seen around it: control characters, which
/// move a terminal's cursor or give it commands; bidirectional controls, which make `gpj.exe` of `exe.jpg`
/// (Unicode Technical Report 36, section 3.6); separators of lines; and other format characters without
/// ink. Not the joiners U+200C and U+200D, without which Persian, Indic scripts and emoji are misspelt.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}
