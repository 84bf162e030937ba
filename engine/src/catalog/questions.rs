//! Table `questions`: what the user could be asked. Derived with the placements, and made again at will.

use rusqlite::{Connection, params};

use crate::Result;
use crate::people::Question;

pub(super) const CREATE: &str = "
    CREATE TABLE questions (
        asked INTEGER PRIMARY KEY,          -- the group
        person INTEGER NOT NULL,            -- the person it may be
        chance REAL NOT NULL,               -- see people::Question
        rival REAL                          -- see people::Question
    ) STRICT;";

/// All questions, in the order of their groups' numbers.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<Question>> {
    let mut statement = connection
        .prepare_cached("SELECT asked, person, chance, rival FROM questions ORDER BY asked")?;
    let rows = statement.query_map([], |row| {
        Ok(Question {
            group: row.get(0)?,
            person: row.get(1)?,
            chance: row.get(2)?,
            rival: row.get(3)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// Replaces all questions.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn store(connection: &Connection, questions: &[Question]) -> Result<()> {
    connection.execute("DELETE FROM questions", [])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO questions (asked, person, chance, rival) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for question in questions {
        insert.execute(params![
            question.group,
            question.person,
            question.chance,
            question.rival
        ])?;
    }
    Ok(())
}
