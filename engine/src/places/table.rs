//! The table of towns, and which of them are around a point.
//!
//! Towns lie in bands of one degree of latitude, in each band from west to east, so that those around
//! a point are a few slices.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::Place;

/// GeoNames' towns of 1,000 people and more (CC BY 4.0), made by `engine/places/make.py`: a line
/// `=code, name, German name` a country, `+name` a region of it, and its towns with latitude, longitude,
/// people and other names; tabs between.
const TOWNS: &[u8] = include_bytes!("../../places/towns.tsv.gz");

/// Beyond this many kilometres no town says where a photo was taken.
const TOWN_KM: f32 = 100.0;
/// Up to this many kilometres towns say in which country, if all of them are in one.
const COUNTRY_KM: f32 = 300.0;
/// How far around a point towns are looked for, in kilometres: mostly there is one in the first circle.
const CIRCLES_KM: [f32; 4] = [10.0, 30.0, TOWN_KM, COUNTRY_KM];
/// People on a square kilometre of a large city: what its size is told from.
const CITY_DENSITY: f32 = 10_000.0;
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
#[derive(Debug)]
pub(super) struct Town {
    /// As the table has it.
    line: &'static str,
    at: Point,
    /// Degrees.
    longitude: f32,
    /// Radius of a circle that has room for its people, in kilometres.
    radius: f32,
    region: u16,
}

impl Town {
    pub(super) fn name(&self) -> &'static str {
        self.line.split('\t').next().unwrap_or_default()
    }

    /// What else a city is called, in other languages and times.
    pub(super) fn other_names(&self) -> impl Iterator<Item = &'static str> {
        self.line.split('\t').skip(4)
    }
}

/// A point on the unit sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point([f32; 3]);

impl Point {
    pub(super) fn at([latitude, longitude]: [f64; 2]) -> Self {
        let [up, around] = [latitude, longitude].map(f64::to_radians);
        let point = [up.cos() * around.cos(), up.cos() * around.sin(), up.sin()];
        Self(point.map(|part| part as f32))
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

    /// Kilometres through the earth, which at these distances are those on it.
    fn km_to(self, other: Self) -> f32 {
        let parts = self.0.iter().zip(other.0);
        let squares: f32 = parts.map(|(a, b)| (a - b) * (a - b)).sum();
        squares.sqrt() * EARTH_KM
    }
}

/// All towns.
#[derive(Debug)]
pub(super) struct Table {
    countries: Vec<Country>,
    regions: Vec<Region>,
    towns: Vec<Town>,
    /// Where the towns of each degree of latitude begin, from the South Pole on, and their end.
    bands: Vec<usize>,
    /// The radius of the largest city in each band, in kilometres.
    largest: Vec<f32>,
}

impl Table {
    /// That of the program, which stays as long as the program runs.
    pub(super) fn built_in() -> Self {
        let mut text = String::new();
        #[expect(
            clippy::expect_used,
            reason = "the table is part of the program, and tests read it"
        )]
        GzDecoder::new(TOWNS)
            .read_to_string(&mut text)
            .expect("a table as the recipe wrote it");
        Self::read(text.leak())
    }

    fn read(text: &'static str) -> Self {
        let mut countries = Vec::new();
        let mut regions: Vec<Region> = Vec::new();
        let mut towns: Vec<(usize, Town)> = Vec::new();
        for line in text.lines() {
            if let Some(country) = line.strip_prefix('=') {
                let mut cells = country.split('\t');
                let mut cell = || cells.next().unwrap_or_default();
                countries.push(Country {
                    code: cell(),
                    english: cell(),
                    german: cell(),
                });
            } else if let Some(name) = line.strip_prefix('+') {
                let country = countries.len().saturating_sub(1) as u16;
                regions.push(Region { name, country });
            } else {
                let cells = line.split('\t').skip(1);
                let mut numbers = cells.map_while(|cell| cell.parse::<f64>().ok());
                let mut number = || numbers.next().unwrap_or_default();
                let (latitude, longitude, people) = (number(), number(), number());
                let town = Town {
                    line,
                    at: Point::at([latitude, longitude]),
                    longitude: longitude as f32,
                    radius: (people as f32 / CITY_DENSITY / std::f32::consts::PI).sqrt(),
                    region: regions.len().saturating_sub(1) as u16,
                };
                towns.push((band_of(latitude as f32), town));
            }
        }
        towns.sort_by(|(a, one), (b, other)| {
            a.cmp(b).then(one.longitude.total_cmp(&other.longitude))
        });
        let mut largest = vec![0.0_f32; BANDS];
        for (band, town) in &towns {
            largest[*band] = largest[*band].max(town.radius);
        }
        let begins = |band: usize| towns.partition_point(|(of, _)| *of < band);
        let bands = (0..=BANDS).map(begins).collect();
        let towns: Vec<Town> = towns.into_iter().map(|(_, town)| town).collect();
        Self {
            countries,
            regions,
            towns,
            bands,
            largest,
        }
    }

    pub(super) fn town(&self, town: u32) -> &Town {
        &self.towns[town as usize]
    }

    pub(super) fn region(&self, town: &Town) -> &Region {
        &self.regions[usize::from(town.region)]
    }

    pub(super) fn country(&self, country: u16) -> &Country {
        &self.countries[usize::from(country)]
    }

    fn country_of(&self, town: usize) -> u16 {
        self.region(&self.towns[town]).country
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
        let around = self.around(degrees, km + self.largest_near(degrees));
        let (town, _) = around
            .filter(|(town, _)| self.country_of(*town) == country)
            .map(|(town, km)| (town, km - self.towns[town].radius))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(Place::Town(town as u32))
    }

    /// The radius of the largest city that can be near: no more than two degrees away.
    fn largest_near(&self, [latitude, _]: [f64; 2]) -> f32 {
        let band = band_of(latitude as f32);
        let near = &self.largest[band.saturating_sub(2)..=(band + 2).min(BANDS - 1)];
        near.iter().copied().fold(0.0, f32::max)
    }

    /// The towns within so many kilometres, and how far they are.
    fn around(&self, degrees: [f64; 2], km: f32) -> impl Iterator<Item = (usize, f32)> {
        let at = Point::at(degrees);
        let [latitude, longitude] = degrees.map(|degrees| degrees as f32);
        let up = km / DEGREE_KM;
        let (south, north) = ((latitude - up).max(-90.0), (latitude + up).min(90.0));
        // Meridians are nearest to each other at the side of the pole; there all of them are around.
        let shrunk = south.abs().max(north.abs()).to_radians().cos();
        let across = if shrunk * 180.0 > up {
            up / shrunk
        } else {
            180.0
        };
        let slice = move |band: usize, (west, east): (f32, f32)| {
            let first = self.bands[band];
            let towns = &self.towns[first..self.bands[band + 1]];
            let from = towns.partition_point(|town| town.longitude < west);
            let to = towns.partition_point(|town| town.longitude <= east);
            first + from..first + to.max(from)
        };
        // What lies across the date line has the longitude of the other side.
        let spans = [-360.0, 0.0, 360.0].map(|turn| {
            let middle = longitude + turn;
            (middle - across, middle + across)
        });
        let on_earth = |(west, east): &(f32, f32)| *west <= 180.0 && *east >= -180.0;
        (band_of(south)..=band_of(north))
            .flat_map(move |band| {
                spans
                    .into_iter()
                    .filter(on_earth)
                    .flat_map(move |span| slice(band, span))
            })
            .map(move |town| (town, self.towns[town].at.km_to(at)))
            .filter(move |(_, far)| *far <= km)
    }
}

/// Bands of one degree of latitude.
const BANDS: usize = 180;

fn band_of(latitude: f32) -> usize {
    ((latitude + 90.0).max(0.0) as usize).min(BANDS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made() -> Table {
        Table::read(
            "=AA\tAland\tAlanden\n+North\nLarge\t10.0\t10.0\t2000000\nSmall\t10.0\t10.1\t1000\n\
             Wide\t10.0\t10.4\t1000\tBreit\tLarge-by\n=BB\tBland\tBlanden\n+\nBorder\t10.0\t9.97\t500\n\
             Left\t-17.0\t179.9\t1000\nRight\t-17.0\t-179.9\t1000\n",
        )
    }

    fn town(table: &Table, degrees: [f64; 2]) -> Option<&'static str> {
        match table.place_at(degrees)? {
            Place::Town(town) => Some(table.town(town).name()),
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
        let wide = table
            .towns
            .iter()
            .find(|town| town.name() == "Wide")
            .unwrap();
        assert_eq!(
            wide.other_names().collect::<Vec<_>>(),
            ["Breit", "Large-by"]
        );
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
        let table = Table::built_in();
        assert!(table.towns.len() > 100_000, "{} towns", table.towns.len());
        assert!(table.countries.len() > 230);
        for country in &table.countries {
            let letters = |text: &str| text.chars().any(char::is_alphabetic);
            assert!(country.code.len() == 2 && letters(country.english) && letters(country.german));
        }
        for town in &table.towns {
            assert!(!town.name().is_empty() && town.longitude.abs() <= 180.0);
            assert!(town.radius < 40.0, "{}", town.line);
        }
    }

    proptest! {
        #[test]
        fn those_around_are_those_near(latitude in -90.0_f64..=90.0, longitude in -180.0_f64..=180.0, km in 1.0_f32..400.0) {
            static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::built_in);
            let at = Point::at([latitude, longitude]);
            let all = TABLE.towns.iter().enumerate();
            let near: Vec<usize> = all
                .filter(|(_, town)| town.at.km_to(at) <= km)
                .map(|(number, _)| number)
                .collect();
            let mut around: Vec<usize> = TABLE.around([latitude, longitude], km).map(|(town, _)| town).collect();
            around.sort_unstable();
            prop_assert_eq!(around, near);
        }
    }
}
