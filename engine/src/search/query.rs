//! The query language: people, people who are not there, and times.
//!
//! ```text
//! query   = { term }                       terms are joined by "and"; commas are spaces
//! term    = [ "-" | "not" | "without" ] person | time
//! person  = a name, any word of it, its beginning, or "a name in quotes"
//! time    = moment | moment ".." | ".." moment | moment ".." moment
//! moment  = 2019 | 2019-06 | 2019-06-12 | june 2019 | summer 2019
//! ```
//!
//! `with` and `and` may stand anywhere and change nothing. Seasons are those of the northern half
//! of the earth; winter 2019 ends in February 2020.

use std::fmt;

use crate::{Error, PersonId, Result};

/// A query that was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// All of these must hold.
    pub terms: Vec<Term>,
}

/// One part of a query. Its `Display` says how it was understood.
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

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::With { names, .. } => write!(formatter, "with {}", names.join(" or ")),
            Self::Without { names, .. } => write!(formatter, "without {}", names.join(" or ")),
            Self::During { said, .. } => write!(formatter, "in {said}"),
        }
    }
}

const MONTHS: [&str; 12] = [
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
];

const FIRST_DAY: &str = "0000-01-01";
const LAST_DAY: &str = "9999-12-31";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

impl Query {
    /// Understands `text`, where `names` are the people that can be meant.
    ///
    /// # Errors
    /// [`Error::Query`] with a sentence that names the word that was not understood.
    pub fn parse(text: &str, names: &[(PersonId, String)]) -> Result<Self> {
        let words = words(text)?;
        let mut terms = Vec::new();
        let mut rest = words.as_slice();
        let mut without = false;
        while let Some(word) = rest.first() {
            match word.text.to_lowercase().as_str() {
                "with" | "and" if !word.quoted => rest = &rest[1..],
                "without" | "not" if !word.quoted => {
                    without = true;
                    rest = &rest[1..];
                }
                _ => {
                    let (term, used) = term(rest, names, without)?;
                    terms.push(term);
                    without = false;
                    rest = &rest[used..];
                }
            }
        }
        if without {
            return Err(Error::Query("Without whom? Put a name behind it.".into()));
        }
        Ok(Self { terms })
    }
}

/// Splits at spaces and commas; quotes hold words together; a leading minus becomes `without`.
fn words(text: &str) -> Result<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        if rest.is_empty() {
            return Ok(words);
        }
        if let Some(after) = rest.strip_prefix(['-', '−', '–']) {
            words.push(Word {
                text: "without".into(),
                quoted: false,
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix(['"', '“', '”', '„']) {
            let (inside, after) = after.split_once(['"', '“', '”']).ok_or_else(|| {
                Error::Query("A quotation mark is open. Put one behind the name, too.".into())
            })?;
            words.push(Word {
                text: inside.trim().to_owned(),
                quoted: true,
            });
            rest = after;
        } else {
            let end = rest
                .find(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '"' | '“'))
                .unwrap_or(rest.len());
            words.push(Word {
                text: rest[..end].to_owned(),
                quoted: false,
            });
            rest = &rest[end..];
        }
    }
}

/// The term that the words begin with, and how many of them it takes.
fn term(words: &[Word], names: &[(PersonId, String)], without: bool) -> Result<(Term, usize)> {
    if !words[0].quoted
        && let Some((dates, used)) = time(words)?
    {
        let said: Vec<&str> = words[..used]
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        let said = said.join(" ");
        if without {
            return Err(Error::Query(format!(
                "A time cannot be left out. Search for the time before or after {said} instead."
            )));
        }
        return Ok((Term::During { dates, said }, used));
    }
    let (found, used) = person(words, names).ok_or_else(|| unknown(&words[0].text, names))?;
    let (people, names) = found.into_iter().unzip();
    let term = if without {
        Term::Without { people, names }
    } else {
        Term::With { people, names }
    };
    Ok((term, used))
}

fn unknown(word: &str, names: &[(PersonId, String)]) -> Error {
    if names.is_empty() {
        return Error::Query(format!(
            "“{word}” is neither a time nor anybody's name: nobody has been named yet."
        ));
    }
    Error::Query(format!(
        "“{word}” is neither the name of anybody in this library nor a time."
    ))
}

fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// A whole name of as many words as possible, else everybody with a word that begins so.
fn person(
    words: &[Word],
    names: &[(PersonId, String)],
) -> Option<(Vec<(PersonId, String)>, usize)> {
    let longest = if words[0].quoted { 1 } else { words.len() };
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
            .filter(|(_, name)| folded(name) == said)
            .cloned()
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
        let name = folded(name);
        name.starts_with(&beginning) || name.split(' ').any(|word| word.starts_with(&beginning))
    };
    let found: Vec<_> = names
        .iter()
        .filter(|(_, name)| begins(name))
        .cloned()
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
            (Some(_), Some(_)) => Err(Error::Query(format!("“{text}” ends before it begins."))),
            _ => Err(Error::Query(format!(
                "“{text}” is not a time. Times look like 2019, 2019-06, 2019-06-12 or 2019..2021."
            ))),
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
    match word {
        "spring" => return Some(months(year, 3, year, 5)),
        "summer" => return Some(months(year, 6, year, 8)),
        "autumn" | "fall" => return Some(months(year, 9, year, 11)),
        "winter" => return Some(months(year, 12, year + 1, 2)),
        _ => {}
    }
    let month = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && month.starts_with(word.trim_end_matches('.')))?;
    Some(months(year, month as u8 + 1, year, month as u8 + 1))
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

    use super::*;

    fn names() -> Vec<(PersonId, String)> {
        let names = ["Anna", "Anna Lee", "Ben", "Carl", "June", "Zoë de Vries"];
        (1..).zip(names.map(String::from)).collect()
    }

    fn understood(text: &str) -> String {
        match Query::parse(text, &names()) {
            Ok(query) => query
                .terms
                .iter()
                .map(ToString::to_string)
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
            (
                "dora",
                "error: “dora” is neither the name of anybody in this library nor a time.",
            ),
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
            ("sept 2020", "2020-09-01T00:00:00", "2020-08-31T00:00:00"),
        ] {
            let query = Query::parse(text, &[]).expect(text);
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
            if let Err(error) = Query::parse(&text, &names()) {
                prop_assert!(matches!(error, Error::Query(_)));
            }
        }

        #[test]
        fn a_whole_name_in_quotes_is_that_person(at in 0_usize..6, without in any::<bool>()) {
            let names = names();
            let (person, name) = &names[at];
            let text = format!("{}\"{name}\"", if without { "-" } else { "" });
            let query = Query::parse(&text, &names).expect("a known name");
            let people = match &query.terms[0] {
                Term::With { people, .. } if !without => people,
                Term::Without { people, .. } if without => people,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(people, &vec![*person]);
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
