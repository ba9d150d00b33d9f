//! One connection to the database file, opened with the key.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{Key, StoreError, cipher};

/// The database in its folder.
pub(crate) const DATABASE: &str = "tandem.sqlite";

/// The one writer holds the file for milliseconds; who waits longer than this waits for a bug.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that writes; creates the file if there is none.
pub(crate) fn writing(path: &Path, key: &Key) -> Result<Connection, StoreError> {
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    open(path, key, create)
}

/// A connection that cannot write.
pub(crate) fn reading(path: &Path, key: &Key) -> Result<Connection, StoreError> {
    open(path, key, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Key and version are right: from now on the log is moved into the database when the last connection
/// closes.
pub(crate) fn trust(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

fn open(path: &Path, key: &Key, flags: OpenFlags) -> Result<Connection, StoreError> {
    // Serialised by `&mut Store`, so SQLite need not do it again.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Until the key and the version have proved right, nothing is moved between the files: not even on the
    // way out after an error, when SQLite would empty the write-ahead log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    cipher::apply(&connection, key)?;
    let probe: rusqlite::Result<u32> =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    match probe {
        Ok(_) => Ok(connection),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(cipher::unreadable(path))
        }
        Err(error) => Err(error.into()),
    }
}
