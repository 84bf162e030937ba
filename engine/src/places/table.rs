//! The table of towns, and which of them are around a point.
//!
//! Towns lie in bands of a quarter of a degree of latitude, in each band from west to east, so that
//! those around a point are a few slices.

use std::ops::RangeInclusive;

use super::Place;

/// GeoNames' towns of 1,000 people and more (CC BY 4.0), made by `engine/places/make.py` as they are
/// looked up, so that nothing is read first. Numbers are little-endian, degrees, coordinates and
/// kilometres f32:
///
/// | what | bytes |
/// | --- | --- |
/// | how many countries, regions and towns | 4 each |
/// | where the towns of each band begin, from the South Pole on, and their end | 4 each |
/// | of each country, where its text begins | 4 |
/// | of each region, its country and where its text begins | 2, 4 |
/// | of each town, its longitude | 4 |
/// | of each town, its point on the unit sphere | 12 |
/// | of each town, the radius of a circle that has room for its people, its region, where its text begins | 4, 2, 4 |
///
/// Texts follow, a line each, tabs between their parts: a country's code, name and German name; a
/// region's name, empty where it has none; a town's name and its other names.
static TOWNS: &[u8] = include_bytes!("../../places/towns.bin");

/// Beyond this many kilometres no town says where a photo was taken.
const TOWN_KM: f32 = 100.0;
/// Up to this many kilometres towns say in which country, if all of them are in one.
const COUNTRY_KM: f32 = 300.0;
/// How far around a point towns are looked for, in kilometres: mostly there is one in the first circle.
const CIRCLES_KM: [f32; 4] = [10.0, 30.0, TOWN_KM, COUNTRY_KM];
/// No city reaches farther from its middle, in kilometres.
const LARGEST_KM: f32 = 40.0;
/// Mean radius of the earth in kilometres.
const EARTH_KM: f32 = 6371.0;
/// Kilometres of a degree of latitude; a little less than everywhere, as what lies around is rather
/// too much than too little.
const DEGREE_KM: f32 = 110.5;

/// A country.
#[derive(Debug)]
pub(super) struct Country {
    /// ISO 3166, two letters.
    pub(super) code: &'static str,
    pub(super) english: &'static str,
    pub(super) german: &'static str,
}

/// A region of a country: a state, a province.
#[derive(Debug)]
pub(super) struct Region {
    /// Empty where it has none.
    pub(super) name: &'static str,
    pub(super) country: u16,
}

/// A town.
#[derive(Debug, Clone, Copy)]
pub(super) struct Town {
    /// Radius of a circle that has room for its people, in kilometres.
    radius: f32,
    region: u16,
    /// Where its line begins.
    text: u32,
}

impl Town {
    fn read([a, b, c, d, e, f, text @ ..]: [u8; 10]) -> Self {
        Self {
            radius: f32::from_le_bytes([a, b, c, d]),
            region: u16::from_le_bytes([e, f]),
            text: u32::from_le_bytes(text),
        }
    }
}

/// A point on the unit sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point([f32; 3]);

impl Point {
    pub(super) fn at(degrees: [f64; 2]) -> Self {
        let [up, around] = degrees.map(|degrees| degrees.to_radians() as f32);
        let ((sin_up, cos_up), (sin_around, cos_around)) = (up.sin_cos(), around.sin_cos());
        Self([cos_up * cos_around, cos_up * sin_around, sin_up])
    }

    fn read(bytes: [u8; 12]) -> Self {
        let (parts, _) = bytes.as_chunks();
        Self([parts[0], parts[1], parts[2]].map(f32::from_le_bytes))
    }

    /// Latitude and longitude in degrees of the middle of some points.
    pub(super) fn middle(points: impl Iterator<Item = Self>) -> [f64; 2] {
        let mut sum = [0.0; 3];
        for point in points {
            for (sum, part) in sum.iter_mut().zip(point.0) {
                *sum += f64::from(part);
            }
        }
        let [x, y, z]: [f64; 3] = sum;
        [z.atan2(x.hypot(y)), y.atan2(x)].map(f64::to_degrees)
    }

    /// The square of the distance through the earth, which at these distances is that on it, in its radii.
    fn square_to(self, other: Self) -> f32 {
        let parts = self.0.iter().zip(other.0);
        parts.map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// All towns, in bands of latitude from south to north, in each from west to east.
#[derive(Debug)]
pub(super) struct Table {
    countries: Vec<Country>,
    regions: Vec<Region>,
    /// Where the towns of each band begin, and their end.
    bands: Vec<usize>,
    /// The radius of the largest city in each band, in kilometres.
    largest: Vec<f32>,
    longitudes: &'static [[u8; 4]],
    points: &'static [[u8; 12]],
    towns: &'static [[u8; 10]],
    /// Lines of names.
    texts: &'static [u8],
}

/// What is still to be read of a table.
struct Rest(&'static [u8]);

impl Rest {
    /// So many times so many bytes.
    fn take<const N: usize>(&mut self, count: usize) -> Option<&'static [[u8; N]]> {
        let (taken, rest) = self.0.split_at_checked(count.checked_mul(N)?)?;
        self.0 = rest;
        Some(taken.as_chunks().0)
    }

    fn numbers(&mut self, count: usize) -> Option<impl Iterator<Item = u32> + use<>> {
        let taken = self.take(count)?;
        Some(taken.iter().map(|bytes| u32::from_le_bytes(*bytes)))
    }
}

impl Table {
    /// That of the program.
    pub(super) fn built_in() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the table is part of the program, and tests read it"
        )]
        Self::read(TOWNS).expect("a table as the recipe wrote it")
    }

    /// None where it ends too early.
    fn read(table: &'static [u8]) -> Option<Self> {
        let mut rest = Rest(table);
        let mut counts = rest.numbers(3)?.map(|count| count as usize);
        let mut count = || counts.next();
        let (countries, regions, towns) = (count()?, count()?, count()?);
        let bands = rest.numbers(BANDS + 1)?.map(|begins| begins as usize);
        let bands: Vec<usize> = bands.collect();
        let countries = rest.numbers(countries)?;
        let regions = rest.take(regions)?.iter();
        let (longitudes, points) = (rest.take(towns)?, rest.take(towns)?);
        let towns = rest.take(towns)?;
        let texts = rest.0;
        let country = |text: u32| {
            let mut cells = cells(texts, text);
            let mut cell = || cells.next().unwrap_or_default();
            Country {
                code: cell(),
                english: cell(),
                german: cell(),
            }
        };
        let region = |[a, b, text @ ..]: &[u8; 6]| Region {
            country: u16::from_le_bytes([*a, *b]),
            name: cells(texts, u32::from_le_bytes(*text))
                .next()
                .unwrap_or_default(),
        };
        let of_bands = bands.windows(2).map(|band| towns.get(band[0]..band[1]));
        let largest = of_bands.map(|towns| {
            let radii = towns?.iter().map(|town| Town::read(*town).radius);
            Some(radii.fold(0.0, f32::max))
        });
        Some(Self {
            countries: countries.map(country).collect(),
            regions: regions.map(region).collect(),
            largest: largest.collect::<Option<_>>()?,
            bands,
            longitudes,
            points,
            towns,
            texts,
        })
    }

    pub(super) fn name(&self, town: Town) -> &'static str {
        cells(self.texts, town.text).next().unwrap_or_default()
    }

    /// What else a city is called, in other languages and times.
    pub(super) fn other_names(&self, town: Town) -> impl Iterator<Item = &'static str> {
        cells(self.texts, town.text).skip(1)
    }

    pub(super) fn town(&self, town: u32) -> Town {
        Town::read(self.towns[town as usize])
    }

    pub(super) fn region(&self, town: Town) -> &Region {
        &self.regions[usize::from(town.region)]
    }

    pub(super) fn country(&self, country: u16) -> &Country {
        &self.countries[usize::from(country)]
    }

    fn country_of(&self, town: u32) -> u16 {
        self.region(self.town(town)).country
    }

    /// The place at a latitude and longitude in degrees.
    pub(super) fn place_at(&self, degrees: [f64; 2]) -> Option<Place> {
        let nearest = CIRCLES_KM.into_iter().find_map(|km| {
            let around = self.around(degrees, km);
            around.min_by(|(_, a), (_, b)| a.total_cmp(b))
        });
        let (nearest, km) = nearest?;
        let country = self.country_of(nearest);
        if km > TOWN_KM {
            let mut around = self.around(degrees, COUNTRY_KM);
            let clear = around.all(|(town, _)| self.country_of(town) == country);
            return clear.then_some(Place::Country(country));
        }
        // A city goes as far as its people need room, but not across a border.
        let (bands, _) = box_around(degrees, km + LARGEST_KM);
        let largest = self.largest[bands].iter().copied().fold(0.0, f32::max);
        let around = self.around(degrees, km + largest);
        let (town, _) = around
            .filter(|(town, _)| self.country_of(*town) == country)
            .map(|(town, km)| (town, km - self.town(town).radius))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(Place::Town(town))
    }

    /// The towns within so many kilometres, and how far they are.
    fn around(&self, degrees: [f64; 2], km: f32) -> impl Iterator<Item = (u32, f32)> {
        let at = Point::at(degrees);
        let most = (km / EARTH_KM).powi(2);
        let slice = |band: usize, (west, east): (f32, f32)| {
            let first = self.bands[band];
            let longitudes = &self.longitudes[first..self.bands[band + 1]];
            let to = longitudes.partition_point(|of| f32::from_le_bytes(*of) <= east);
            let from = longitudes[..to].partition_point(|of| f32::from_le_bytes(*of) < west);
            (first as u32 + from as u32..).zip(&self.points[first + from..first + to])
        };
        let (bands, spans) = box_around(degrees, km);
        spans
            .flat_map(move |span| bands.clone().flat_map(move |band| slice(band, span)))
            .map(move |(town, point)| (town, Point::read(*point).square_to(at)))
            .filter(move |(_, square)| *square <= most)
            .map(|(town, square)| (town, square.sqrt() * EARTH_KM))
    }
}

/// The bands that come within so many kilometres of a point, and from where to where in degrees of
/// longitude: in two parts where that reaches across the date line.
fn box_around(
    [latitude, longitude]: [f64; 2],
    km: f32,
) -> (RangeInclusive<usize>, impl Iterator<Item = (f32, f32)>) {
    let [latitude, longitude] = [latitude, longitude].map(|degrees| degrees as f32);
    let up = km / DEGREE_KM;
    let (south, north) = ((latitude - up).max(-90.0), (latitude + up).min(90.0));
    // Meridians are nearest to each other at the side of the pole; there all of them are around.
    let shrunk = south.abs().max(north.abs()).to_radians().cos();
    let across = if shrunk * 180.0 > up {
        up / shrunk
    } else {
        180.0
    };
    // What lies across the date line has the longitude of the other side.
    let spans = [-360.0, 0.0, 360.0].into_iter().map(move |turn| {
        let middle = longitude + turn;
        (middle - across, middle + across)
    });
    let on_earth = spans.filter(|(west, east)| *west <= 180.0 && *east >= -180.0);
    (band_of(south)..=band_of(north), on_earth)
}

/// The cells of a line of texts. What is no text, which the recipe does not write, is empty.
fn cells(texts: &'static [u8], begins: u32) -> impl Iterator<Item = &'static str> {
    let from = texts.get(begins as usize..).unwrap_or_default();
    let line = from.split(|byte| *byte == b'\n').next().unwrap_or_default();
    str::from_utf8(line).unwrap_or_default().split('\t')
}

/// Bands of a quarter of a degree of latitude.
const BANDS: usize = 720;

fn band_of(latitude: f32) -> usize {
    ((4.0 * (latitude + 90.0)).max(0.0) as usize).min(BANDS - 1)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// A table of towns from south to north and west to east, each with its name, latitude, longitude,
    /// radius, region and other names, of the countries that have a region each.
    fn written(countries: [&str; 2], towns: &[(&str, f64, f64, f32, u16, &str)]) -> Vec<u8> {
        let mut texts = String::new();
        let mut text = |line: &str| {
            let begins = texts.len() as u32;
            texts += line;
            texts.push('\n');
            begins.to_le_bytes()
        };
        let begins = |band: usize| {
            let south = |(_, latitude, ..): &(_, f64, _, _, _, _)| band_of(*latitude as f32) < band;
            towns.partition_point(south) as u32
        };
        let counts = [2, 2, towns.len() as u32].into_iter();
        let mut table: Vec<u8> = counts
            .chain((0..=BANDS).map(begins))
            .flat_map(u32::to_le_bytes)
            .collect();
        table.extend(countries.into_iter().flat_map(&mut text));
        for (country, region) in [(0_u16, "North"), (1, "")] {
            table.extend(country.to_le_bytes());
            table.extend(text(region));
        }
        for (_, _, longitude, ..) in towns {
            table.extend((*longitude as f32).to_le_bytes());
        }
        for (_, latitude, longitude, ..) in towns {
            let Point(parts) = Point::at([*latitude, *longitude]);
            table.extend(parts.into_iter().flat_map(f32::to_le_bytes));
        }
        for (name, _, _, radius, region, others) in towns {
            table.extend(radius.to_le_bytes());
            table.extend(region.to_le_bytes());
            table.extend(text(&format!("{name}{others}")));
        }
        table.extend(texts.as_bytes());
        table
    }

    const MADE: [(&str, f64, f64, f32, u16, &str); 6] = [
        ("Right", -17.0, -179.9, 0.2, 1, ""),
        ("Left", -17.0, 179.9, 0.2, 1, ""),
        ("Border", 10.0, 9.97, 0.1, 1, ""),
        ("Large", 10.0, 10.0, 8.0, 0, ""),
        ("Small", 10.0, 10.1, 0.2, 0, ""),
        ("Wide", 10.0, 10.4, 0.2, 0, "\tBreit\tLarge-by"),
    ];
    const COUNTRIES: [&str; 2] = ["AA\tAland\tAlanden", "BB\tBland\tBlanden"];

    fn made() -> Table {
        Table::read(written(COUNTRIES, &MADE).leak()).unwrap()
    }

    fn town(table: &Table, degrees: [f64; 2]) -> Option<&'static str> {
        match table.place_at(degrees)? {
            Place::Town(town) => Some(table.name(table.town(town))),
            Place::Country(country) => Some(table.country(country).code),
        }
    }

    #[test]
    fn a_city_goes_to_its_edge_and_not_across_a_border() {
        let table = made();
        assert_eq!(
            town(&table, [10.0, 10.07]),
            Some("Large"),
            "nearer to Small"
        );
        assert_eq!(town(&table, [10.0, 10.39]), Some("Wide"));
        assert_eq!(town(&table, [10.0, 9.975]), Some("Border"));
        let wide = table.town(5);
        let others: Vec<_> = table.other_names(wide).collect();
        assert_eq!(others, ["Breit", "Large-by"]);
    }

    #[test]
    fn far_from_towns_the_country_is_said_where_it_is_clear_and_far_at_sea_nothing() {
        let table = made();
        assert_eq!(town(&table, [10.8, 10.4]), Some("Wide"));
        assert_eq!(town(&table, [11.5, 10.4]), None, "either country");
        assert_eq!(
            town(&table, [10.0, 12.9]),
            Some("AA"),
            "Border is farther than 300 km"
        );
        assert_eq!(town(&table, [10.0, 14.0]), None);
        assert_eq!(town(&table, [-60.0, 0.0]), None);
        // Whichever side of the date line it is.
        assert_eq!(town(&table, [-17.0, 179.95]), Some("Left"));
        assert_eq!(town(&table, [-17.0, -179.99]), Some("Right"));
        assert_eq!(town(&table, [-17.0, 179.99]), Some("Left"));
        assert_eq!(town(&table, [90.0, 0.0]), None);
    }

    #[test]
    fn the_table_of_the_program_is_whole() {
        let table = &*BUILT_IN;
        assert!(table.towns.len() > 100_000, "{} towns", table.towns.len());
        assert!(table.countries.len() > 230);
        for country in &table.countries {
            let letters = |text: &str| text.chars().any(char::is_alphabetic);
            assert!(country.code.len() == 2 && letters(country.english) && letters(country.german));
        }
        for (number, point) in (0..).zip(table.points) {
            let (town, Point([.., up])) = (table.town(number), Point::read(*point));
            let name = table.name(town);
            assert!(!name.is_empty() && town.radius < LARGEST_KM, "{name}");
            let latitude = up.asin().to_degrees();
            let bands = [-1e-4, 1e-4].map(|off| band_of(latitude + off));
            let is_in = |band: usize| {
                (table.bands[band]..table.bands[band + 1]).contains(&(number as usize))
            };
            assert!(bands.into_iter().any(is_in), "{name}");
        }
        for towns in table.bands.windows(2) {
            let band = table.longitudes[towns[0]..towns[1]].iter();
            let longitudes: Vec<f32> = band.map(|of| f32::from_le_bytes(*of)).collect();
            assert!(longitudes.is_sorted() && longitudes.iter().all(|of| of.abs() <= 180.0));
        }
    }

    #[test]
    fn a_table_that_ends_too_early_is_none() {
        let whole = written(COUNTRIES, &MADE);
        let texts = whole.iter().position(|byte| *byte == b'A').unwrap();
        for length in 0..texts {
            assert!(Table::read(whole[..length].to_vec().leak()).is_none());
        }
        assert!(Table::read(whole.leak()).is_some());
    }

    static BUILT_IN: LazyLock<Table> = LazyLock::new(Table::built_in);

    proptest! {
        #[test]
        fn those_around_are_those_near(latitude in -90.0_f64..=90.0, longitude in -180.0_f64..=180.0, km in 1.0_f32..400.0) {
            let at = Point::at([latitude, longitude]);
            let near: Vec<u32> = (0..)
                .zip(BUILT_IN.points)
                .filter(|(_, point)| Point::read(**point).square_to(at) <= (km / EARTH_KM).powi(2))
                .map(|(number, _)| number)
                .collect();
            let mut around: Vec<u32> = BUILT_IN.around([latitude, longitude], km).map(|(town, _)| town).collect();
            around.sort_unstable();
            prop_assert_eq!(around, near);
        }
    }
}
