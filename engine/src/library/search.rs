//! Searching the library: which photos answer a query, and how it was understood.

use super::Library;
use super::rows::Rows;
use crate::search::{Known, Misunderstood, Query, Searched, Term, Understood, holds, matches};
use crate::{Found, FoundPhoto, PersonId, PhotoId, Result, SearchResult};

impl Library {
    /// The photos that answer a query, with what a reader wants to know of each; see
    /// [`crate::search::Query`] for its language.
    ///
    /// # Errors
    /// [`crate::Error::Query`] when a word is not understood, [`crate::Error::Catalog`].
    pub fn search(&self, query: &str) -> Result<SearchResult> {
        let rows = self.rows()?;
        let found = rows.find(query)?;
        let searched = rows.searched();
        let place_of: std::collections::HashMap<PhotoId, usize> =
            searched.iter().map(|(photo, _)| *photo).zip(0..).collect();
        let told = |photo: &PhotoId| {
            let stored = rows.facts.photos.get(photo)?;
            let on_it = searched[*place_of.get(photo)?].1.people.iter();
            let mut people: Vec<String> = on_it
                .filter_map(|person| rows.decided.people.get(person)?.name.clone())
                .collect();
            people.sort();
            Some(FoundPhoto {
                tile: rows.tile(stored),
                path: stored.path.display().to_string(),
                people,
            })
        };
        Ok(SearchResult {
            photos: found.photos.iter().filter_map(told).collect(),
            understood: found.understood.iter().map(ToString::to_string).collect(),
            without: found.without,
        })
    }

    /// The numbers of the photos that answer a query, the newest first.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn find(&self, query: &str) -> Result<Found> {
        self.rows()?.find(query)
    }
}

impl Rows {
    pub(super) fn find(&self, query: &str) -> Result<Found> {
        let names = self.known_as();
        let known = Known {
            people: &names,
            places: &|text| self.facts.spots_called(text),
        };
        let query = Query::parse(query, &known)?;
        let searched = self.searched();
        check_understood(&query, searched, &names)?;
        let answers = searched.iter().filter(|(_, photo)| matches(&query, photo));
        Ok(Found {
            photos: answers.map(|(photo, _)| *photo).collect(),
            understood: query.terms.iter().map(Understood::from).collect(),
            without: query.without,
        })
    }
}

/// A text that is nobody's name and in no file's name was most likely meant for one of the two.
fn check_understood(
    query: &Query,
    searched: &[(PhotoId, Searched)],
    names: &[(PersonId, String)],
) -> Result<()> {
    let inner = |term: &Term| match term {
        Term::Not(term) => (**term).clone(),
        term => term.clone(),
    };
    let parts = query.terms.iter().flat_map(|term| match term {
        Term::Either(terms) => terms.iter().map(inner).collect(),
        term => vec![inner(term)],
    });
    for term in parts {
        let Term::Called {
            text,
            surely: false,
        } = &term
        else {
            continue;
        };
        if !searched.iter().any(|(_, photo)| holds(&term, photo)) {
            let anybody = !names.is_empty();
            let text = text.clone();
            return Err(Misunderstood::Unknown { text, anybody }.into());
        }
    }
    Ok(())
}
