//! The query language: people, times, and what else is known of a photo.
//!
//! ```text
//! query   = { either }                     all of these hold; commas are spaces
//! either  = term { "or" term }             at least one of these holds; "or" binds closest
//! term    = [ "-" | "not" | "without" ] ( person | fact ) | time | "only"
//! person  = a name, any word of it, its beginning, or "a name in quotes"
//! fact    = "unnamed" | "favourite" | "stars:" number | "faces:" number | "in:" place | "camera:" text
//!         | "file:" text | text
//! number  = 2 | 2+ | 2..4
//! place   = a town, region or country that photos were taken in, or words of its name
//! time    = moment | moment ".." | ".." moment | moment ".." moment
//! moment  = 2019 | 2019-06 | 2019-06-12 | june 2019 | summer 2019
//! ```
//!
//! All words are understood in German, too ([`words`]): `anna oder ben nicht in:oslo sommer 2019`.
//! `with` and `and` may stand anywhere and change nothing. `only` means that nobody is on the photo
//! but the people of the query. A text that is nobody's name and no time is looked for in the names
//! of files and folders. Seasons are those of the northern half of the earth; winter 2019 ends in
//! February 2020.

use std::collections::{BTreeSet, HashSet};

use super::{Misunderstood, words};
use crate::places::Spot;
use crate::{Error, PersonId, Result};

/// Longest query, in characters.
const MAX_CHARS: usize = 2000;
/// Words that are tried together as one name; a longer name needs quotes.
const MAX_NAME_WORDS: usize = 12;

/// A query that was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// All of these must hold.
    pub terms: Vec<Term>,
    /// For each of the terms, the query as it was typed without this one.
    pub without: Vec<String>,
}

/// What the words of a query can mean.
pub struct Known<'a> {
    /// Names of people, and their other names.
    pub people: &'a [(PersonId, String)],
    /// The spots of photos that a text means; none where it means no place. Only asked when a query
    /// names one.
    pub places: &'a dyn Fn(&str) -> Option<Meant>,
}

/// Where a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// The spots of photos there.
    pub spots: HashSet<Spot>,
    /// Names of the places that they belong to.
    pub names: Vec<String>,
}

/// One part of a query; [`super::Understood`] says how it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// One of these people is on the photo.
    With {
        /// Who the words may mean.
        people: Vec<PersonId>,
        /// Their names.
        names: Vec<String>,
    },
    /// None of these people is on the photo.
    Without {
        /// Who the words may mean.
        people: Vec<PersonId>,
        /// Their names.
        names: Vec<String>,
    },
    /// It was taken in this time.
    During {
        /// The days.
        dates: Dates,
        /// As it was typed.
        said: String,
    },
    /// Nobody is on the photo but these people.
    NobodyElse {
        /// Everybody whom the query names.
        people: BTreeSet<PersonId>,
    },
    /// Somebody without a name is on the photo.
    Unnamed,
    /// So many faces are on the photo.
    Faces {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
    },
    /// The user marked it.
    Favourite,
    /// The user gave it so many stars.
    Stars {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
    },
    /// It was taken there.
    In(Meant),
    /// It was taken with a camera whose name contains this.
    Camera {
        /// As it was typed.
        text: String,
    },
    /// The file or a folder that it is in is called so, or has this in its name.
    Called {
        /// As it was typed.
        text: String,
        /// Whether the user said that it is a file's name.
        surely: bool,
    },
    /// This does not hold.
    Not(Box<Term>),
    /// At least one of these holds.
    Either(Vec<Term>),
}

impl Term {
    /// Whom it names, whether they are to be on the photo or not.
    fn people(&self) -> BTreeSet<PersonId> {
        match self {
            Self::With { people, .. } => people.iter().copied().collect(),
            Self::Either(terms) => terms.iter().flat_map(Self::people).collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// Days from the first to the last, both included, as `YYYY-MM-DD`; they sort as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dates {
    /// The first day.
    pub first: String,
    /// The last day.
    pub last: String,
}

impl Dates {
    /// Whether a date and time `YYYY-MM-DDTHH:MM:SS` is on one of the days.
    #[must_use]
    pub fn contain(&self, date: &str) -> bool {
        let day = date.get(..10).unwrap_or(date);
        self.first.as_str() <= day && day <= self.last.as_str()
    }
}

const FIRST_DAY: &str = "0000-01-01";
const LAST_DAY: &str = "9999-12-31";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
    /// Where it stands in the query, in bytes.
    place: std::ops::Range<usize>,
}

impl Word {
    /// What it is by itself, in any case.
    fn meaning(&self) -> Option<words::Word> {
        let small = (!self.quoted).then(|| self.text.to_lowercase())?;
        words::word(&small)
    }

    /// What it begins with: `Camera:Nikon`.
    fn key(&self) -> Option<(words::Key, &str, &str)> {
        (!self.quoted).then(|| words::key(&self.text)).flatten()
    }
}

impl Query {
    /// Understands `text` by what is known.
    ///
    /// # Errors
    /// [`Error::Query`] with a sentence that names the word that was not understood.
    pub fn parse(text: &str, known: &Known<'_>) -> Result<Self> {
        if text.chars().count() > MAX_CHARS {
            return Err(Misunderstood::TooLong.into());
        }
        let words = words(text)?;
        let names: Vec<Name> = known.people.iter().map(Name::new).collect();
        let mut terms: Vec<(Term, std::ops::Range<usize>)> = Vec::new();
        let mut rest = words.as_slice();
        let (mut without, mut either) = (false, false);
        let mut begin = None;
        while let Some(word) = rest.first() {
            let start = *begin.get_or_insert(word.place.start);
            match word.meaning() {
                Some(words::Word::With) => rest = &rest[1..],
                Some(words::Word::Without) => {
                    without = true;
                    rest = &rest[1..];
                }
                Some(words::Word::Or) => {
                    if terms.is_empty() || either || without {
                        return Err(Misunderstood::OneSided.into());
                    }
                    either = true;
                    rest = &rest[1..];
                }
                Some(words::Word::Only) if !without && !either => {
                    let people = BTreeSet::new();
                    terms.push((Term::NobodyElse { people }, word.place.clone()));
                    rest = &rest[1..];
                    begin = None;
                }
                _ => {
                    let (term, used) = term(rest, known, &names, without)?;
                    let end = rest[used - 1].place.end;
                    match terms.last_mut() {
                        Some((Term::Either(terms), place)) if either => {
                            terms.push(term);
                            place.end = end;
                        }
                        Some((first, place)) if either => {
                            *first = Term::Either(vec![first.clone(), term]);
                            place.end = end;
                        }
                        _ => terms.push((term, start..end)),
                    }
                    (without, either, begin) = (false, false, None);
                    rest = &rest[used..];
                }
            }
        }
        if without {
            return Err(Misunderstood::WithoutWhom.into());
        }
        if either {
            return Err(Misunderstood::OneSided.into());
        }
        let everybody: BTreeSet<PersonId> =
            terms.iter().flat_map(|(term, _)| term.people()).collect();
        for (term, _) in &mut terms {
            if let Term::NobodyElse { people } = term {
                if everybody.is_empty() {
                    return Err(Misunderstood::OnlyWhom.into());
                }
                people.clone_from(&everybody);
            }
        }
        let (terms, places): (Vec<Term>, Vec<_>) = terms.into_iter().unzip();
        let without = places.into_iter().map(|place| left_out(text, place));
        Ok(Self {
            without: without.collect(),
            terms,
        })
    }
}

/// The text without what stands at that place.
fn left_out(text: &str, place: std::ops::Range<usize>) -> String {
    let (before, after) = (&text[..place.start], &text[place.end..]);
    let between = |letter: char| letter.is_whitespace() || letter == ',';
    let both = [before.trim_matches(between), after.trim_matches(between)];
    both.join(" ").trim().to_owned()
}

/// Splits at spaces and commas; quotes hold words together; a leading minus becomes `without`.
fn words(text: &str) -> Result<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text;
    let at = |rest: &str| text.len() - rest.len();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        if rest.is_empty() {
            return Ok(words);
        }
        if let Some(after) = rest.strip_prefix(['-', '−', '–']) {
            words.push(Word {
                text: "without".into(),
                quoted: false,
                place: at(rest)..at(after),
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix(['"', '“', '”', '„']) {
            let (inside, after) = after
                .split_once(['"', '“', '”'])
                .ok_or(Misunderstood::OpenQuote)?;
            words.push(Word {
                text: inside.trim().to_owned(),
                quoted: true,
                place: at(rest)..at(after),
            });
            rest = after;
        } else {
            let end = rest
                .find(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '"' | '“'))
                .unwrap_or(rest.len());
            let mut text = rest[..end].to_owned();
            let mut after = &rest[end..];
            // `camera:"Canon EOS"`: what is in the quotes belongs to the word before them.
            if text.ends_with(':')
                && let Some(quoted) = after.strip_prefix(['"', '“'])
            {
                let (inside, behind) = quoted
                    .split_once(['"', '”'])
                    .ok_or(Misunderstood::OpenQuote)?;
                text.push_str(inside.trim());
                after = behind;
            }
            words.push(Word {
                text,
                quoted: false,
                place: at(rest)..at(after),
            });
            rest = after;
        }
    }
}

/// The term that the words begin with, and how many of them it takes.
fn term(words: &[Word], known: &Known<'_>, names: &[Name], without: bool) -> Result<(Term, usize)> {
    let negated = |term: Term| {
        if without {
            Term::Not(Box::new(term))
        } else {
            term
        }
    };
    if let Some(fact) = fact(&words[0], known)? {
        return Ok((negated(fact), 1));
    }
    if !words[0].quoted
        && let Some((dates, used)) = time(words)?
    {
        let said: Vec<&str> = words[..used]
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        let said = said.join(" ");
        if without {
            return Err(Misunderstood::TimeLeftOut { time: said }.into());
        }
        return Ok((Term::During { dates, said }, used));
    }
    let Some((found, used)) = person(words, names) else {
        let text = words[0].text.clone();
        if text.is_empty() {
            return Err(Misunderstood::EmptyQuote.into());
        }
        let surely = false;
        return Ok((negated(Term::Called { text, surely }), 1));
    };
    // Whoever is meant by two of their names is meant once.
    let mut met = BTreeSet::new();
    let found = found.into_iter().filter(|(person, _)| met.insert(*person));
    let (people, names) = found.unzip();
    let term = if without {
        Term::Without { people, names }
    } else {
        Term::With { people, names }
    };
    Ok((term, used))
}

/// What else is known of a photo: `unnamed`, `faces:2+`, `in:oslo`, `camera:nikon`, `file:beach`.
fn fact(word: &Word, known: &Known<'_>) -> Result<Option<Term>> {
    match word.meaning() {
        Some(words::Word::Unnamed) => return Ok(Some(Term::Unnamed)),
        Some(words::Word::Favourite) => return Ok(Some(Term::Favourite)),
        _ => {}
    }
    let Some((key, typed, text)) = word.key() else {
        return Ok(None);
    };
    let some = || {
        if text.is_empty() {
            let key = format!("{typed}:");
            Err(Error::from(Misunderstood::NothingBehind { key }))
        } else {
            Ok(text.to_owned())
        }
    };
    let bounds = || {
        numbers(text).ok_or_else(|| Misunderstood::NoNumber {
            key: typed.to_lowercase(),
            text: text.into(),
        })
    };
    Ok(Some(match key {
        words::Key::In => {
            let text = some()?;
            Term::In((known.places)(&text).ok_or(Misunderstood::NoPlace { text })?)
        }
        words::Key::Camera => Term::Camera { text: some()? },
        words::Key::File => Term::Called {
            text: some()?,
            surely: true,
        },
        words::Key::Faces => {
            let (least, most) = bounds()?;
            Term::Faces { least, most }
        }
        words::Key::Stars => {
            let (least, most) = bounds()?;
            Term::Stars { least, most }
        }
    }))
}
/// The least and the most of `2`, `2+` or `2..4`.
fn numbers(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number < 10_000);
    let (least, most) = if let Some((least, most)) = text.split_once("..") {
        number(least).zip(number(most))?
    } else if let Some(least) = text.strip_suffix('+') {
        (number(least)?, u32::MAX)
    } else {
        (number(text)?, number(text)?)
    };
    (least <= most).then_some((least, most))
}

fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// A name of a person, and the same without regard to case and spaces.
struct Name<'a> {
    of: &'a (PersonId, String),
    folded: String,
}

impl<'a> Name<'a> {
    fn new(of: &'a (PersonId, String)) -> Self {
        let folded = folded(&of.1);
        Self { of, folded }
    }
}

/// A whole name of as many words as possible, else everybody with a word that begins so.
fn person(words: &[Word], names: &[Name]) -> Option<(Vec<(PersonId, String)>, usize)> {
    let longest = if words[0].quoted {
        1
    } else {
        words.len().min(MAX_NAME_WORDS)
    };
    for used in (1..=longest).rev() {
        if used > 1 && words[..used].iter().any(|word| word.quoted) {
            continue;
        }
        let said: Vec<&str> = words[..used]
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        let said = folded(&said.join(" "));
        let whole: Vec<_> = names
            .iter()
            .filter(|name| name.folded == said)
            .map(|name| name.of.clone())
            .collect();
        if !whole.is_empty() {
            return Some((whole, used));
        }
    }
    let beginning = folded(&words[0].text);
    if beginning.is_empty() {
        return None;
    }
    let begins = |name: &str| {
        name.starts_with(&beginning) || name.split(' ').any(|word| word.starts_with(&beginning))
    };
    let found: Vec<_> = names
        .iter()
        .filter(|name| begins(&name.folded))
        .map(|name| name.of.clone())
        .collect();
    (!found.is_empty()).then_some((found, 1))
}

/// The time that the words begin with, and how many of them it takes.
fn time(words: &[Word]) -> Result<Option<(Dates, usize)>> {
    let text = words[0].text.to_lowercase();
    if let Some((first, last)) = text.split_once("..") {
        let first = if first.is_empty() {
            Some(FIRST_DAY.to_owned())
        } else {
            moment(first).map(|of| of.first)
        };
        let last = if last.is_empty() {
            Some(LAST_DAY.to_owned())
        } else {
            moment(last).map(|of| of.last)
        };
        return match (first, last) {
            (Some(first), Some(last)) if first <= last => Ok(Some((Dates { first, last }, 1))),
            (Some(_), Some(_)) => Err(Misunderstood::EndsEarly { time: text }.into()),
            _ => Err(Misunderstood::NoTime { time: text }.into()),
        };
    }
    if let Some(dates) = moment(&text) {
        return Ok(Some((dates, 1)));
    }
    let year = words
        .get(1)
        .filter(|word| !word.quoted)
        .and_then(|word| year(&word.text));
    Ok(year
        .and_then(|year| month_or_season(&text, year))
        .map(|dates| (dates, 2)))
}

fn year(text: &str) -> Option<u16> {
    let year = text.parse().ok().filter(|_| text.len() == 4)?;
    (1800..=9999).contains(&year).then_some(year)
}

/// `2019`, `2019-06` or `2019-06-12`.
fn moment(text: &str) -> Option<Dates> {
    let mut parts = text.split('-');
    let year = year(parts.next()?)?;
    let Some(month) = parts.next() else {
        return Some(months(year, 1, year, 12));
    };
    let month: u8 = month
        .parse()
        .ok()
        .filter(|month| (1..=12).contains(month) && text.len() >= 7)?;
    let Some(day) = parts.next() else {
        return Some(months(year, month, year, month));
    };
    let day: i8 = day.parse().ok().filter(|_| text.len() == 10)?;
    let date = jiff::civil::Date::new(year as i16, month as i8, day).ok()?;
    let day = format!("{date}");
    parts.next().is_none().then(|| Dates {
        first: day.clone(),
        last: day,
    })
}

fn month_or_season(word: &str, year: u16) -> Option<Dates> {
    if let Some(month) = words::month(word) {
        return Some(months(year, month, year, month));
    }
    let first = words::season(word)?;
    let (last_year, last) = if first > 10 {
        (year + 1, first - 10)
    } else {
        (year, first + 2)
    };
    Some(months(year, first, last_year, last))
}

/// All days of the months. Every month has a day 31 here: days are compared as text, and no photo
/// is taken on the days that do not exist.
fn months(first_year: u16, first_month: u8, last_year: u16, last_month: u8) -> Dates {
    Dates {
        first: format!("{first_year:04}-{first_month:02}-01"),
        last: format!("{last_year:04}-{last_month:02}-31"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Understood;
    use super::*;

    fn names() -> Vec<(PersonId, String)> {
        let names = ["Anna", "Anna Lee", "Ben", "Carl", "June", "Zoë de Vries"];
        (1..).zip(names.map(String::from)).collect()
    }

    /// Two places, each at a spot of its own.
    fn spots_of(text: &str) -> Option<Meant> {
        let of = |latitude: f64, name: &str| {
            Some(Meant {
                spots: HashSet::from([Spot::of([latitude, 0.0])]),
                names: vec![name.to_owned()],
            })
        };
        match text.to_lowercase().as_str() {
            "oslo" => of(59.0, "Oslo"),
            "new york" => of(40.0, "New York"),
            _ => None,
        }
    }

    fn parsed(text: &str) -> Result<Query> {
        let known = Known {
            people: &names(),
            places: &spots_of,
        };
        Query::parse(text, &known)
    }

    fn understood(text: &str) -> String {
        match parsed(text) {
            Ok(query) => query
                .terms
                .iter()
                .map(|term| Understood::from(term).to_string())
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn people_and_times() {
        for (text, meaning) in [
            ("", ""),
            ("anna ben -carl", "with Anna; with Ben; without Carl"),
            (
                "Anna with Ben, without Carl, summer 2019",
                "with Anna; with Ben; without Carl; in summer 2019",
            ),
            ("anna lee", "with Anna Lee"),
            ("lee", "with Anna Lee"),
            ("an", "with Anna or Anna Lee"),
            ("\"anna\" lee", "with Anna; with Anna Lee"),
            ("ZOË", "with Zoë de Vries"),
            ("june", "with June"),
            ("june 2019", "in june 2019"),
            ("\"june\" 2019", "with June; in 2019"),
            ("not ben 2019..2021", "without Ben; in 2019..2021"),
            (
                "ben -2019",
                "error: A time cannot be left out. Search for the time before or after 2019 instead.",
            ),
            ("2021..2019", "error: “2021..2019” ends before it begins."),
            (
                "2019..soon",
                "error: “2019..soon” is not a time. Times look like 2019, 2019-06, 2019-06-12 or 2019..2021.",
            ),
            ("dora", "“dora” in the file or folder name"),
            ("-dora", "not “dora” in the file or folder name"),
            ("file:anna", "“anna” in the file or folder name"),
            ("anna OR ben", "with Anna, or with Ben"),
            (
                "2019 anna or ben or -carl faces:2+",
                "in 2019; with Anna, or with Ben, or without Carl; with 2 or more faces",
            ),
            (
                "anna or",
                "error: “or” stands between two things: anna or ben.",
            ),
            (
                "or anna",
                "error: “or” stands between two things: anna or ben.",
            ),
            ("only anna", "nobody else; with Anna"),
            ("only", "error: Only whom? Put a name behind it."),
            (
                "unnamed -unnamed",
                "with somebody who has no name; not with somebody who has no name",
            ),
            ("faces:0 FACES:1", "without faces; with 1 face"),
            ("faces:2..4", "with 2 to 4 faces"),
            (
                "faces:many",
                "error: “faces:many” is no number of faces. Numbers look like faces:2, faces:2+ or faces:2..4.",
            ),
            ("Favourite stars:3+", "a favourite; 3 or more stars"),
            ("not favorite stars:5", "not a favourite; 5 stars"),
            ("camera:nikon", "taken with “nikon”"),
            (
                "camera:\"Canon EOS\" ben",
                "taken with “Canon EOS”; with Ben",
            ),
            ("camera:", "error: Put something behind “camera:”."),
            ("in:oslo anna", "in Oslo; with Anna"),
            ("IN:\"New York\" -in:Oslo", "in New York; not in Oslo"),
            ("in:oslo or in:\"new york\"", "in Oslo, or in New York"),
            (
                "in:Atlantis",
                "error: “Atlantis” is no town, region or country that a photo of yours was taken in.",
            ),
            ("in:", "error: Put something behind “in:”."),
            ("\"in:oslo\"", "“in:oslo” in the file or folder name"),
            (
                "\"\"",
                "error: There is nothing between the quotation marks.",
            ),
            (
                "anna ODER ben nicht carl",
                "with Anna, or with Ben; without Carl",
            ),
            ("nur Anna und Ben", "nobody else; with Anna; with Ben"),
            (
                "Gesichter:2+ ohne namenlos",
                "with 2 or more faces; not with somebody who has no name",
            ),
            (
                "Favorit sterne:3 Kamera:nikon",
                "a favourite; 3 stars; taken with “nikon”",
            ),
            ("datei:", "error: Put something behind “datei:”."),
            ("März 2019", "in März 2019"),
            ("ben without", "error: Without whom? Put a name behind it."),
        ] {
            assert_eq!(understood(text), meaning, "{text}");
        }
    }

    #[test]
    fn times_have_the_right_days() {
        for (text, inside, outside) in [
            ("2019", "2019-12-31T23:59:59", "2020-01-01T00:00:00"),
            ("2019-02", "2019-02-28T10:00:00", "2019-03-01T00:00:00"),
            ("2019-06-12", "2019-06-12T00:00:00", "2019-06-13T00:00:00"),
            ("winter 2019", "2020-02-29T10:00:00", "2019-02-01T10:00:00"),
            ("..2018", "1950-01-01T00:00:00", "2019-01-01T00:00:00"),
            ("2019-06..", "2030-01-01T00:00:00", "2019-05-31T23:59:59"),
            (
                "2018..2019-06",
                "2019-06-30T10:00:00",
                "2019-07-01T10:00:00",
            ),
            ("märz 2019", "2019-03-31T10:00:00", "2019-05-01T10:00:00"),
            ("Dez. 2019", "2019-12-01T10:00:00", "2019-11-30T10:00:00"),
            (
                "frühling 2019",
                "2019-05-31T10:00:00",
                "2019-06-01T10:00:00",
            ),
            ("sept 2020", "2020-09-01T00:00:00", "2020-08-31T00:00:00"),
        ] {
            let query = parsed(text).expect(text);
            let [Term::During { dates, .. }] = query.terms.as_slice() else {
                panic!("{text}")
            };
            assert!(dates.contain(inside), "{text}: {inside}");
            assert!(!dates.contain(outside), "{text}: {outside}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused_with_a_sentence(text in "\\PC{0,40}") {
            if let Err(error) = parsed(&text) {
                prop_assert!(matches!(error, Error::Query(_)));
            }
        }

        #[test]
        fn a_whole_name_in_quotes_is_that_person(at in 0_usize..6, without in any::<bool>()) {
            let names = names();
            let (person, name) = &names[at];
            let text = format!("{}\"{name}\"", if without { "-" } else { "" });
            let query = parsed(&text).expect("a known name");
            let people = match &query.terms[0] {
                Term::With { people, .. } if !without => people,
                Term::Without { people, .. } if without => people,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(people, &vec![*person]);
        }

        #[test]
        fn a_term_left_out_leaves_the_others_as_they_are(
            said in prop::collection::vec(prop::sample::select(vec![
                "anna", "-carl", "without ben", "2019..2021", "june 2019", "unnamed", "faces:2+",
                "camera:\"Canon EOS\"", "\"Anna Lee\"", "anna or ben", "beach", ", with zoë", "in:oslo",
                "-in:\"New York\"", "in:Oslo or unnamed", "ohne ben", "anna oder gesichter:1", "sommer 2019",
            ]), 1..6),
            at in any::<prop::sample::Index>(),
        ) {
            let text = said.join(" ");
            let query = parsed(&text).expect("made of known parts");
            prop_assert_eq!(query.terms.len(), query.without.len());
            let at = at.index(query.terms.len());
            let left = parsed(&query.without[at]).expect("still a query");
            let mut terms = query.terms;
            terms.remove(at);
            prop_assert_eq!(left.terms, terms, "{} without {}", text, at);
        }

        #[test]
        fn a_place_is_meant_in_any_case_and_what_is_none_is_refused(
            text in prop_oneof![
                Just("oSlO".to_owned()),
                Just("NEW york".to_owned()),
                "[a-zA-Zäø ]{1,12}[a-z]",
            ],
            without in any::<bool>(),
        ) {
            let asked = format!("{}in:\"{text}\"", if without { "-" } else { "" });
            let Some(meant) = spots_of(&text) else {
                prop_assert!(matches!(parsed(&asked), Err(Error::Query(_))));
                return Ok(());
            };
            let meant = Term::In(meant);
            let meant = if without { Term::Not(Box::new(meant)) } else { meant };
            prop_assert_eq!(parsed(&asked).expect("a known place").terms, vec![meant]);
        }

        #[test]
        fn any_day_is_in_its_month_and_year(year in 1801_i16..3000, month in 1_i8..=12, day in 1_i8..=28) {
            let date = format!("{year:04}-{month:02}-{day:02}T12:00:00");
            for text in [&date[..4], &date[..7], &date[..10]] {
                let dates = moment(text).expect("a time");
                prop_assert!(dates.contain(&date));
            }
        }
    }
}
