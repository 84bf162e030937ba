//! Searching the library: which photos answer a query, and how it was understood.

use super::Library;
use super::rows::Rows;
use crate::search::{Known, Misunderstood, Query, Term, Understood, holds, matches};
use crate::{Found, FoundPhoto, Result, SearchResult};

impl Library {
    /// The photos that answer a query, with what a reader wants to know of each; see
    /// [`crate::search::Query`] for its language.
    ///
    /// # Errors
    /// [`crate::Error::Query`] when a word is not understood, [`crate::Error::Catalog`].
    pub fn search(&self, query: &str) -> Result<SearchResult> {
        let rows = self.rows()?;
        let query = rows.understand(query)?;
        let on_photos = rows.on_photos();
        let told = |place: usize| {
            let photo = &rows.facts.photos[place];
            let on_it = on_photos[place].people.iter();
            let mut people: Vec<String> = on_it
                .filter_map(|person| rows.decided.people.get(person)?.name.clone())
                .collect();
            people.sort();
            FoundPhoto {
                tile: rows.tile(photo),
                path: photo.path.display().to_string(),
                people,
            }
        };
        let understood = query.terms.iter().map(Understood::from);
        Ok(SearchResult {
            photos: rows.answers(&query).map(told).collect(),
            understood: understood.map(|part| part.to_string()).collect(),
            without: query.without,
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
        let query = self.understand(query)?;
        let answers = self.answers(&query);
        Ok(Found {
            photos: answers.map(|place| self.facts.photos[place].id).collect(),
            understood: query.terms.iter().map(Understood::from).collect(),
            without: query.without,
        })
    }

    /// Where the photos that answer a query are among all.
    fn answers(&self, query: &Query) -> impl Iterator<Item = usize> {
        let photos = self.searched().enumerate();
        let answers = photos.filter(|(_, photo)| matches(query, photo));
        answers.map(|(place, _)| place)
    }

    fn understand(&self, query: &str) -> Result<Query> {
        let names = self.known_as();
        let known = Known {
            people: &names,
            places: &|text| self.facts.spots_called(text),
        };
        let query = Query::parse(query, &known)?;
        check_understood(&query, self, !names.is_empty())?;
        Ok(query)
    }
}

/// A text that is nobody's name and in no file's name was most likely meant for one of the two.
fn check_understood(query: &Query, rows: &Rows, anybody: bool) -> Result<()> {
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
        if !rows.searched().any(|photo| holds(&term, &photo)) {
            let text = text.clone();
            return Err(Misunderstood::Unknown { text, anybody }.into());
        }
    }
    Ok(())
}
