//! The words of the query language, in each language of the window. All are understood at all times.

/// A word by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Changes nothing.
    With,
    Without,
    Or,
    Only,
    Unnamed,
    Favourite,
}

/// A word before a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    In,
    Camera,
    File,
    Faces,
    Stars,
}

const WORDS: [(Word, &[&str]); 6] = [
    (Word::With, &["with", "and", "mit", "und"]),
    (Word::Without, &["without", "not", "ohne", "nicht"]),
    (Word::Or, &["or", "|", "oder"]),
    (Word::Only, &["only", "nur"]),
    (Word::Unnamed, &["unnamed", "namenlos"]),
    (Word::Favourite, &["favourite", "favorite", "favorit"]),
];

/// `in` is English and German.
const KEYS: [(Key, &[&str]); 5] = [
    (Key::In, &["in"]),
    (Key::Camera, &["camera", "kamera"]),
    (Key::File, &["file", "datei"]),
    (Key::Faces, &["faces", "gesichter"]),
    (Key::Stars, &["stars", "sterne"]),
];

const MONTHS: [[&str; 12]; 2] = [
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    [
        "januar",
        "februar",
        "märz",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "dezember",
    ],
];

/// The first months of spring, summer, autumn and winter, and what these are called.
const SEASONS: [(u8, &[&str]); 4] = [
    (3, &["spring", "frühling", "frühjahr"]),
    (6, &["summer", "sommer"]),
    (9, &["autumn", "fall", "herbst"]),
    (12, &["winter"]),
];

/// What an unquoted word in small letters is.
pub(super) fn word(text: &str) -> Option<Word> {
    let (word, _) = WORDS.iter().find(|(_, words)| words.contains(&text))?;
    Some(*word)
}

/// What an unquoted word begins with, as it was typed, and what is behind the colon.
pub(super) fn key(text: &str) -> Option<(Key, &str, &str)> {
    let (typed, behind) = text.split_once(':')?;
    let small = typed.to_lowercase();
    let (key, _) = KEYS
        .iter()
        .find(|(_, words)| words.contains(&small.as_str()))?;
    Some((*key, typed, behind))
}

/// 1 to 12 for a month in small letters, or three of its letters or more, with a full stop or without.
pub(super) fn month(text: &str) -> Option<u8> {
    let begins = text.trim_end_matches('.');
    if begins.chars().count() < 3 {
        return None;
    }
    let of = |months: &[&str; 12]| months.iter().position(|month| month.starts_with(begins));
    MONTHS.iter().find_map(of).map(|month| month as u8 + 1)
}

/// The first month of a season in small letters.
pub(super) fn season(text: &str) -> Option<u8> {
    let (first, _) = SEASONS.iter().find(|(_, words)| words.contains(&text))?;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window offers these words in its language.
    #[test]
    fn every_word_that_the_window_offers_is_understood() {
        for language in ["en", "de"] {
            let file = format!(
                "{}/../ui/src/lib/languages/{language}.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let texts = std::fs::read_to_string(&file).expect("a language of the window");
            let texts: std::collections::BTreeMap<String, String> =
                serde_json::from_str(&texts).expect("texts by name");
            let of = |name: &str| texts[&format!("word.{name}")].as_str();
            for (name, expected) in [
                ("without", Word::Without),
                ("or", Word::Or),
                ("only", Word::Only),
                ("unnamed", Word::Unnamed),
                ("favourite", Word::Favourite),
            ] {
                assert_eq!(word(of(name)), Some(expected), "{language}: {name}");
            }
            for (name, expected) in [
                ("in", Key::In),
                ("camera", Key::Camera),
                ("file", Key::File),
                ("faces", Key::Faces),
                ("stars", Key::Stars),
            ] {
                let typed = format!("{}:x", of(name));
                let found = key(&typed).map(|(key, ..)| key);
                assert_eq!(found, Some(expected), "{language}: {name}");
            }
        }
    }

    /// No beginning of three letters is one month here and another there.
    #[test]
    fn months_of_two_languages_do_not_clash() {
        for months in MONTHS {
            for (number, name) in months.iter().enumerate() {
                let begins: String = name.chars().take(3).collect();
                assert_eq!(month(&begins), Some(number as u8 + 1), "{begins}");
                assert_eq!(month(name), Some(number as u8 + 1), "{name}");
            }
        }
    }
}
