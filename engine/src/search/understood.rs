//! How a query was understood, and why it was not, in parts: the window makes a sentence of them in its
//! language, and `Display` an English one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Term;

/// One part of a query as it was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Understood {
    /// `with Anna or Annabel`
    With {
        /// Who may be meant.
        names: Vec<String>,
    },
    /// `without Anna`
    Without {
        /// Who may be meant.
        names: Vec<String>,
    },
    /// `in june 2019`
    During {
        /// As it was typed.
        time: String,
    },
    /// `nobody else`
    NobodyElse,
    /// `with somebody who has no name`
    Unnamed,
    /// `with 2 or more faces`
    Faces {
        /// At least.
        least: u32,
        /// At most, if there is a most.
        most: Option<u32>,
    },
    /// `a favourite`
    Favourite,
    /// `2 to 4 stars`
    Stars {
        /// At least.
        least: u32,
        /// At most, if there is a most.
        most: Option<u32>,
    },
    /// `in Norway`
    In {
        /// Names of the places.
        names: Vec<String>,
    },
    /// `taken with “Nikon”`
    Camera {
        /// As it was typed.
        text: String,
    },
    /// `“beach” in the file or folder name`
    Called {
        /// As it was typed.
        text: String,
    },
    /// `not a favourite`
    Not {
        /// What is not to hold.
        part: Box<Understood>,
    },
    /// `with Anna, or with Ben`
    Either {
        /// Of these one is to hold.
        parts: Vec<Understood>,
    },
}

impl From<&Term> for Understood {
    fn from(term: &Term) -> Self {
        let bounded = |most: u32| (most < u32::MAX).then_some(most);
        match term {
            Term::With { names, .. } => Self::With {
                names: names.clone(),
            },
            Term::Without { names, .. } => Self::Without {
                names: names.clone(),
            },
            Term::During { said, .. } => Self::During { time: said.clone() },
            Term::NobodyElse { .. } => Self::NobodyElse,
            Term::Unnamed => Self::Unnamed,
            Term::Faces { least, most } => Self::Faces {
                least: *least,
                most: bounded(*most),
            },
            Term::Favourite => Self::Favourite,
            Term::Stars { least, most } => Self::Stars {
                least: *least,
                most: bounded(*most),
            },
            Term::In(meant) => Self::In {
                names: meant.names.clone(),
            },
            Term::Camera { text } => Self::Camera { text: text.clone() },
            Term::Called { text, .. } => Self::Called { text: text.clone() },
            Term::Not(term) => Self::Not {
                part: Box::new((&**term).into()),
            },
            Term::Either(terms) => Self::Either {
                parts: terms.iter().map(Self::from).collect(),
            },
        }
    }
}

impl fmt::Display for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::With { names } => write!(f, "with {}", names.join(" or ")),
            Self::Without { names } => write!(f, "without {}", names.join(" or ")),
            Self::During { time } => write!(f, "in {time}"),
            Self::NobodyElse => write!(f, "nobody else"),
            Self::Unnamed => write!(f, "with somebody who has no name"),
            Self::Faces {
                least: 0,
                most: Some(0),
            } => write!(f, "without faces"),
            Self::Faces {
                least: 1,
                most: Some(1),
            } => write!(f, "with 1 face"),
            Self::Faces { least, most } => write!(f, "with {} faces", range(*least, *most)),
            Self::Favourite => write!(f, "a favourite"),
            Self::Stars { least, most } => write!(f, "{} stars", range(*least, *most)),
            Self::In { names } => write!(f, "in {}", names.join(" or ")),
            Self::Camera { text } => write!(f, "taken with “{text}”"),
            Self::Called { text } => write!(f, "“{text}” in the file or folder name"),
            Self::Not { part } => write!(f, "not {part}"),
            Self::Either { parts } => {
                let all: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "{}", all.join(", or "))
            }
        }
    }
}

/// `2`, `2 to 4`, `2 or more`
fn range(least: u32, most: Option<u32>) -> String {
    match most {
        Some(most) if most == least => least.to_string(),
        Some(most) => format!("{least} to {most}"),
        None => format!("{least} or more"),
    }
}

/// Why a query was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Misunderstood {
    /// A text that is nobody's name and in no file's name.
    Unknown {
        /// The text.
        text: String,
        /// Whether anybody has a name.
        anybody: bool,
    },
    /// A text that is far longer than a search.
    TooLong,
    /// `or` with nothing at one side.
    OneSided,
    /// `without` at the end.
    WithoutWhom,
    /// `only` and nobody named.
    OnlyWhom,
    /// A quotation mark without another.
    OpenQuote,
    /// Two with nothing between.
    EmptyQuote,
    /// A time that is to be left out.
    TimeLeftOut {
        /// As it was typed.
        time: String,
    },
    /// `camera:` with nothing behind it.
    NothingBehind {
        /// As it was typed, with its colon.
        key: String,
    },
    /// `faces:many`
    NoNumber {
        /// `faces` or `stars`, in the language that it was typed in.
        key: String,
        /// What stands behind it.
        text: String,
    },
    /// `in:Atlantis`
    NoPlace {
        /// What stands behind it.
        text: String,
    },
    /// `2021..2019`
    EndsEarly {
        /// As it was typed.
        time: String,
    },
    /// `2019..soon`
    NoTime {
        /// As it was typed.
        time: String,
    },
}

impl fmt::Display for Misunderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { text, anybody } => {
                let nobody = if *anybody {
                    ""
                } else {
                    " Nobody has been named yet."
                };
                write!(
                    f,
                    "“{text}” is nobody’s name, no time, and in no name of a file or folder.{nobody}"
                )
            }
            Self::TooLong => write!(f, "That is too long for a search."),
            Self::OneSided => write!(f, "“or” stands between two things: anna or ben."),
            Self::WithoutWhom => write!(f, "Without whom? Put a name behind it."),
            Self::OnlyWhom => write!(f, "Only whom? Put a name behind it."),
            Self::OpenQuote => write!(f, "A quotation mark is open. Put one behind the name, too."),
            Self::EmptyQuote => write!(f, "There is nothing between the quotation marks."),
            Self::TimeLeftOut { time } => write!(
                f,
                "A time cannot be left out. Search for the time before or after {time} instead."
            ),
            Self::NothingBehind { key } => write!(f, "Put something behind “{key}”."),
            Self::NoNumber { key, text } => write!(
                f,
                "“{key}:{text}” is no number of {key}. Numbers look like {key}:2, {key}:2+ or {key}:2..4."
            ),
            Self::NoPlace { text } => write!(
                f,
                "“{text}” is no town, region or country that a photo of yours was taken in."
            ),
            Self::EndsEarly { time } => write!(f, "“{time}” ends before it begins."),
            Self::NoTime { time } => write!(
                f,
                "“{time}” is not a time. Times look like 2019, 2019-06, 2019-06-12 or 2019..2021."
            ),
        }
    }
}
