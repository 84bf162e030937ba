//! Places by name: which there are, and what a search for one finds.

#![allow(clippy::unwrap_used)] // A test that meets the unexpected fails.

use std::collections::BTreeSet;
use std::path::Path;

use kith_engine::catalog::{Catalog, photos};
use kith_engine::faces::MODEL;
use kith_engine::{Error, Library};

/// A library of photos that say where they were taken, or do not; their files are not there.
fn library_of(dir: &Path, taken: &[(&str, Option<[f64; 2]>)]) -> Library {
    let library = Library::open(dir).unwrap();
    let mut catalog = Catalog::open(&dir.join("catalog.sqlite")).unwrap();
    let stamp = kith_engine::scan::FileStamp {
        size: 0,
        modified_ns: 0,
        ..kith_engine::scan::FileStamp::default()
    };
    catalog
        .transaction(|connection| {
            for (number, (name, place)) in (0_u8..).zip(taken) {
                let header = photos::Header {
                    content: [number; 32],
                    width: 400,
                    height: 300,
                    taken_at: Some(format!("2019-01-{:02}T12:00:00", number + 1)),
                    place: *place,
                    ..photos::Header::default()
                };
                photos::store(connection, None, Path::new(name), stamp, &header, &MODEL)?;
            }
            Ok(())
        })
        .unwrap();
    library
}

/// Coordinates as published for the towns' middles, and one in the Atlantic.
const TAKEN: [(&str, Option<[f64; 2]>); 8] = [
    ("/opera.jpg", Some([59.9075, 10.7531])),
    ("/castle.jpg", Some([59.9076, 10.7372])),
    ("/bryggen.jpg", Some([60.3975, 5.3233])),
    ("/ice.jpg", Some([69.6492, 18.9553])),
    ("/square.jpg", Some([48.1374, 11.5755])),
    ("/park.jpg", Some([40.7829, -73.9654])),
    ("/sea.jpg", Some([30.0, -40.0])),
    ("/home.jpg", None),
];

#[test]
fn all_places_are_listed_with_their_photos() {
    let dir = tempfile::tempdir().unwrap();
    let places = library_of(dir.path(), &TAKEN).places().unwrap();
    assert_eq!(places.len(), 6);
    assert_eq!(places.iter().map(|of| of.photos.len()).sum::<usize>(), 7);
    let oslo = &places[0];
    let name = oslo.name.as_ref().unwrap();
    assert_eq!(name.town.as_deref(), Some("Oslo"));
    assert_eq!(
        [&name.country, &name.country_german, &name.country_code],
        ["Norway", "Norwegen", "NO"]
    );
    // The newest first, and their middle.
    assert_eq!(oslo.photos, [2, 1]);
    for (is, should) in oslo.at.iter().zip([59.9075, 10.745]) {
        assert!((is - should).abs() < 0.002, "{:?}", oslo.at);
    }
    let sea = places.iter().find(|of| of.name.is_none()).unwrap();
    assert_eq!(sea.photos, [7]);
}

#[test]
fn a_search_finds_towns_regions_and_countries() {
    let dir = tempfile::tempdir().unwrap();
    let library = library_of(dir.path(), &TAKEN);
    let found = |query: &str| -> BTreeSet<u32> {
        let found = library
            .find(query)
            .unwrap_or_else(|wrong| panic!("{query}: {wrong}"));
        found.photos.into_iter().collect()
    };
    for (query, photos) in [
        ("in:Oslo", vec![1, 2]),
        ("in:oslo", vec![1, 2]),
        ("in:norway", vec![1, 2, 3, 4]),
        ("in:Norwegen", vec![1, 2, 3, 4]),
        ("in:NO", vec![1, 2, 3, 4]),
        ("in:vestland", vec![3]),
        ("in:tromsø", vec![4]),
        ("in:Tromso", vec![4]),
        ("in:Munich", vec![5]),
        ("in:münchen", vec![5]),
        ("in:bavaria", vec![5]),
        ("in:\"new york\"", vec![6]),
        ("in:York", vec![6]),
        ("in:\"United States\"", vec![6]),
        ("in:states", vec![6]),
        ("in:bergen or in:oslo", vec![1, 2, 3]),
        ("in:norway -in:oslo", vec![3, 4]),
        ("-in:norway", vec![5, 6, 7, 8]),
        ("in:norway 2019-01-01", vec![1]),
    ] {
        assert_eq!(found(query), photos.into_iter().collect(), "{query}");
    }
    for (query, said) in [
        ("in:norway", "in Norway"),
        ("in:Norwegen", "in Norwegen"),
        ("in:NO", "in Norway"),
        ("in:tromso", "in Tromsø"),
        ("in:münchen", "in Munich"),
    ] {
        let understood = library.find(query).unwrap().understood;
        let understood: Vec<String> = understood.iter().map(ToString::to_string).collect();
        assert_eq!(understood, [said], "{query}");
    }
    for nothing in ["in:Atlantis", "in:Osl", "in:Sweden", "in:-"] {
        let wrong = library.find(nothing).unwrap_err();
        assert!(matches!(wrong, Error::Query(_)), "{nothing}: {wrong}");
        assert!(wrong.to_string().contains("no town, region or country"));
    }
}
