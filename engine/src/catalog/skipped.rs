//! Table `skipped`: what the last looks through the folders left out, and by which rule; table
//! `ignore_patterns`: what the user wants left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::photos::{bytes_of, path_of};
use crate::Result;

pub(super) const CREATE: &str = "
    CREATE TABLE skipped (
        path BLOB NOT NULL,                 -- of a file or folder, bytes as the system gives them
        rule TEXT NOT NULL,                 -- as scan::SkipRule::as_str
        files INTEGER NOT NULL,             -- pictures and videos in it
        PRIMARY KEY (path, rule)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ignore_patterns (
        line INTEGER PRIMARY KEY,           -- the order counts
        pattern TEXT NOT NULL               -- in gitignore's syntax
    ) STRICT;";

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What was left out.
    pub path: PathBuf,
    /// The rule.
    pub rule: String,
    /// Pictures and videos in it, by their names.
    pub files: u32,
}

/// All rows, in the order of their paths.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn all(connection: &Connection) -> Result<Vec<Skipped>> {
    let mut statement =
        connection.prepare_cached("SELECT path, rule, files FROM skipped ORDER BY path, rule")?;
    let rows = statement.query_map([], |row| {
        Ok(Skipped {
            path: path_of(row.get(0)?),
            rule: row.get(1)?,
            files: row.get(2)?,
        })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// Stores what a look left out. It takes the place of the rows of which `was_looked_at` says that the
/// look came by there. Where nothing changed, nothing is written.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn replace(
    connection: &Connection,
    was_looked_at: impl Fn(&Path) -> bool,
    now: impl Iterator<Item = Skipped>,
) -> Result<()> {
    let before: BTreeSet<Skipped> = all(connection)?
        .into_iter()
        .filter(|row| was_looked_at(&row.path))
        .collect();
    let now: BTreeSet<Skipped> = now.collect();
    for row in before.difference(&now) {
        connection
            .prepare_cached("DELETE FROM skipped WHERE path = ?1 AND rule = ?2")?
            .execute(params![bytes_of(&row.path), row.rule])?;
    }
    for row in now.difference(&before) {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO skipped (path, rule, files) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![bytes_of(&row.path), row.rule, row.files])?;
    }
    Ok(())
}

/// The user's patterns, in their order.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be read.
pub fn patterns(connection: &Connection) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT pattern FROM ignore_patterns ORDER BY line")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.map(|row| Ok(row?)).collect()
}

/// Takes other patterns.
///
/// # Errors
/// [`crate::Error::Catalog`] when the catalog cannot be written.
pub fn set_patterns(connection: &Connection, patterns: &[String]) -> Result<()> {
    connection.execute("DELETE FROM ignore_patterns", [])?;
    let mut statement =
        connection.prepare_cached("INSERT INTO ignore_patterns (pattern) VALUES (?1)")?;
    for pattern in patterns {
        statement.execute([pattern])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_look_at_one_folder_replaces_what_was_left_out_there_and_writes_only_changes() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
        let connection = catalog.connection();
        let row = |path: &str, files| Skipped {
            path: path.into(),
            rule: "hidden".to_owned(),
            files,
        };
        let first = [row("/a/.x", 1), row("/a/.y", 2), row("/ab/.z", 3)];
        replace(connection, |_| true, first.into_iter()).unwrap();
        let in_a = |path: &Path| path.starts_with("/a");
        replace(connection, in_a, [row("/a/.y", 5)].into_iter()).unwrap();
        let expected = [row("/a/.y", 5), row("/ab/.z", 3)];
        assert_eq!(all(connection).unwrap(), expected);
        let changes = connection.total_changes();
        replace(connection, |_| true, expected.into_iter()).unwrap();
        assert_eq!(connection.total_changes(), changes);
    }

    #[test]
    fn patterns_keep_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
        let lines = ["z*", "!zoe", "a"].map(str::to_owned);
        set_patterns(catalog.connection(), &lines).unwrap();
        assert_eq!(patterns(catalog.connection()).unwrap(), lines);
        set_patterns(catalog.connection(), &lines[1..]).unwrap();
        assert_eq!(patterns(catalog.connection()).unwrap(), lines[1..]);
    }
}
