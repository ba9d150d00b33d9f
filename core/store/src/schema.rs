//! The schema and its versions: `migrations/NNN_what.sql`, one per version, never edited once shipped.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::StoreError;

const STEPS: &[M<'static>] = &[M::up(include_str!("../migrations/001_calls.sql"))];

const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The version this program writes.
pub(crate) fn newest() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// The version of the file, 0 for an empty one. Writes nothing.
pub(crate) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = newest();
    if found > known {
        return Err(StoreError::NewerVersion { found, known });
    }
    Ok(found)
}

/// Brings the file to [`newest`]: each step is one transaction together with its version number.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    MIGRATIONS
        .to_latest(connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => err.into(),
            _ => StoreError::Damaged,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_applies_to_an_empty_database() {
        MIGRATIONS.validate().unwrap();
    }

    #[test]
    fn tables_are_strict_and_the_history_is_read_from_its_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let loose: u32 = connection
            .query_row(
                "SELECT count(*) FROM pragma_table_list
                 WHERE schema = 'main' AND name NOT LIKE 'sqlite%' AND NOT strict",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(loose, 0);
        let plan: String = connection
            .query_row(
                &format!("EXPLAIN QUERY PLAN {}", crate::reader::PAGE),
                [0, 0, 1],
                |row| row.get("detail"),
            )
            .unwrap();
        assert!(plan.contains("calls_by_start"), "{plan}");
    }
}
