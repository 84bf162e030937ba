//! Table `decisions`: what the user said, in order. Rows are only ever added.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use crate::people::Decision;
use crate::{DecisionId, Result};

pub(super) const CREATE: &str = "
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,             -- since 1970, UTC
        decision TEXT NOT NULL              -- JSON of people::Decision
    ) STRICT;";

/// What the log holds is neither changed nor deleted, but by [`rewrite`].
pub(super) const PROTECT: &str = "
    CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
        BEGIN SELECT raise(ABORT, 'decisions are never deleted'); END;
    CREATE TRIGGER decisions_keep BEFORE UPDATE ON decisions
        BEGIN SELECT raise(ABORT, 'decisions are never changed'); END;";

/// A row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The decision's number.
    pub id: DecisionId,
    /// When it was said.
    pub at: SystemTime,
    /// What was said.
    pub decision: Decision,
}

/// The whole log, oldest first.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read or a row is not a decision.
pub fn all(connection: &Connection) -> Result<Vec<Entry>> {
    let mut statement =
        connection.prepare_cached("SELECT id, at_ms, decision FROM decisions ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let text: String = row.get(2)?;
        let decision = serde_json::from_str(&text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                2,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?;
        let at_ms: u64 = row.get::<_, i64>(1)?.try_into().unwrap_or(0);
        Ok(Entry {
            id: row.get(0)?,
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms),
            decision,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// Adds a decision to the end of the log.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn add(connection: &Connection, at: SystemTime, decision: &Decision) -> Result<DecisionId> {
    let at_ms = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as i64;
    let text = serde_json::to_string(decision)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut statement = connection
        .prepare_cached("INSERT INTO decisions (at_ms, decision) VALUES (?1, ?2) RETURNING id")?;
    Ok(statement.query_row(params![at_ms, text], |row| row.get(0))?)
}

/// Takes a forgotten person out of the log: entries are written anew, or deleted where nothing is left of
/// them. The only act for which what protects the log is lifted; to be called inside a transaction.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn rewrite(
    connection: &Connection,
    rewritten: &[(DecisionId, Option<Decision>)],
) -> Result<()> {
    connection.execute_batch("DROP TRIGGER decisions_stay; DROP TRIGGER decisions_keep;")?;
    for (id, decision) in rewritten {
        match decision {
            Some(decision) => {
                let text = serde_json::to_string(decision)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                connection
                    .prepare_cached("UPDATE decisions SET decision = ?2 WHERE id = ?1")?
                    .execute(params![id, text])?;
            }
            None => {
                connection
                    .prepare_cached("DELETE FROM decisions WHERE id = ?1")?
                    .execute([id])?;
            }
        }
    }
    Ok(connection.execute_batch(PROTECT)?)
}
