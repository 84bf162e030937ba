//! Coordinates become names: the town, region and country that a point on the earth belongs to, from
//! a table of towns that is part of the program.
//!
//! The town of a point is the nearest one, where a city is as near as its edge: at the Eiffel Tower the
//! middle of Neuilly is nearer than that of Paris, and still one is in Paris.

mod table;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use deunicode::deunicode;

use self::table::{Point, Table};
use crate::PlaceName;

static TABLE: LazyLock<Table> = LazyLock::new(Table::built_in);

/// Thousandths of a degree, about 100 m: as fine as one town is told from the next.
const STEPS: f64 = 1000.0;

/// Where photos were taken, to 100 m: those of one spot have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    latitude: i32,
    longitude: i32,
}

impl Spot {
    /// The spot at a latitude and longitude in degrees of WGS 84.
    #[must_use]
    pub fn of([latitude, longitude]: [f64; 2]) -> Self {
        let step = |degrees: f64| (degrees * STEPS).round() as i32;
        Self {
            latitude: step(latitude),
            longitude: step(longitude),
        }
    }

    /// Latitude and longitude in degrees.
    #[must_use]
    pub fn degrees(self) -> [f64; 2] {
        [self.latitude, self.longitude].map(|steps| f64::from(steps) / STEPS)
    }

    /// The town that it belongs to, or only the country where no town is near; nothing far out at sea.
    #[must_use]
    pub fn place(self) -> Option<Place> {
        TABLE.place_at(self.degrees())
    }

    /// The middle of some spots, in degrees, on whichever side of the date line they are.
    #[must_use]
    pub fn middle(spots: &[Self]) -> [f64; 2] {
        Point::middle(spots.iter().map(|spot| Point::at(spot.degrees())))
    }
}

/// What a spot belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A town of the table.
    Town(u32),
    /// A country of the table.
    Country(u16),
}

impl Place {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> PlaceName {
        let (town, country) = self.rows();
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        PlaceName {
            town: town.and_then(|town| text(TABLE.name(town))),
            region: town.and_then(|town| text(TABLE.region(town).name)),
            country: country.english.to_owned(),
            country_german: country.german.to_owned(),
            country_code: country.code.to_owned(),
        }
    }

    fn rows(self) -> (Option<table::Town>, &'static table::Country) {
        match self {
            Self::Town(town) => {
                let town = TABLE.town(town);
                (Some(town), TABLE.country(TABLE.region(town).country))
            }
            Self::Country(country) => (None, TABLE.country(country)),
        }
    }

    /// The name by which `said` means it, if it does, and whether that is the whole name.
    fn called(self, said: &str) -> Option<(bool, &'static str)> {
        let (town, country) = self.rows();
        let region = town.map(|town| TABLE.region(town).name);
        let mut words = None;
        let mut look = |known: &str, shown: &'static str| {
            let known = plain(known);
            if words.is_none() && has_words(&known, said) {
                words = Some((false, shown));
            }
            known == said
        };
        if let Some(town) = town
            && let name = TABLE.name(town)
            && look(name, name)
        {
            return Some((true, name));
        }
        if let Some(region) = region
            && look(region, region)
        {
            return Some((true, region));
        }
        for known in [country.english, country.german] {
            if look(known, known) {
                return Some((true, known));
            }
        }
        if plain(country.code) == said {
            return Some((true, country.english));
        }
        let town = town.filter(|town| TABLE.other_names(*town).any(|other| plain(other) == said));
        town.map(|town| (true, TABLE.name(town))).or(words)
    }
}

/// Those of some places that a text means, and by which of their names: a whole name of town, region
/// or country, the country's code, or another name of a city; where none is called so, whole words
/// of a name. Neither case nor accents matter.
#[must_use]
pub fn called(
    text: &str,
    places: impl IntoIterator<Item = Place>,
) -> (BTreeSet<Place>, BTreeSet<&'static str>) {
    let said = plain(text);
    if said.is_empty() {
        return (BTreeSet::new(), BTreeSet::new());
    }
    let meant = places.into_iter();
    let meant: Vec<_> = meant
        .filter_map(|place| Some((place, place.called(&said)?)))
        .collect();
    let any_whole = meant.iter().any(|(_, (whole, _))| *whole);
    let meant = meant
        .into_iter()
        .filter(|(_, (whole, _))| *whole || !any_whole);
    meant.map(|(place, (_, name))| (place, name)).unzip()
}

/// In small Latin letters without accents, one space between words: `Île-de-France` is
/// `ile de france`.
fn plain(text: &str) -> String {
    let latin = deunicode(text).to_lowercase();
    let words = latin.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Whether a plain name has all the words of a plain text, one after the other.
fn has_words(name: &str, said: &str) -> bool {
    let framed = |text: &str| format!(" {text} ");
    framed(name).contains(&framed(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Oslo, Oslo, Norway` of a latitude and longitude.
    fn named(latitude: f64, longitude: f64) -> String {
        let Some(place) = Spot::of([latitude, longitude]).place() else {
            return "nowhere".into();
        };
        let PlaceName {
            town,
            region,
            country,
            ..
        } = place.name();
        let parts = [town, region, Some(country)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Coordinates as their own sites and encyclopedias publish them.
    #[test]
    fn known_spots_have_their_names() {
        for (what, latitude, longitude, name) in [
            ("Oslo Opera House", 59.9075, 10.7531, "Oslo, Oslo, Norway"),
            (
                "Eiffel Tower",
                48.8584,
                2.2945,
                "Paris, Île-de-France, France",
            ),
            (
                "Brandenburg Gate",
                52.5163,
                13.3777,
                "Berlin, State of Berlin, Germany",
            ),
            (
                "Sydney Opera House",
                -33.8568,
                151.2153,
                "Sydney, New South Wales, Australia",
            ),
            (
                "Palace of Versailles",
                48.8049,
                2.1204,
                "Versailles, Île-de-France, France",
            ),
            (
                "Golden Gate Bridge",
                37.8199,
                -122.4783,
                "San Francisco, California, United States",
            ),
            (
                "Table Mountain",
                -33.9628,
                18.4098,
                "Cape Town, Western Cape, South Africa",
            ),
            ("Tokyo Tower", 35.6586, 139.7454, "Tokyo, Tokyo, Japan"),
        ] {
            assert_eq!(named(latitude, longitude), name, "{what}");
        }
    }
}
