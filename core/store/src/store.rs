//! The one writer: opening, closing, and what it shares with readers.

use std::path::Path;

use rusqlite::Connection;
use tandem_types::CallId;

use crate::fault::strike;
use crate::lock::WriterLock;
use crate::{
    Account, CallRecord, Cursor, Key, Page, Reader, StoreError, UnixMillis, call_log, connection,
    schema,
};

/// The store, open for writing. There is one at a time for a folder, over all processes.
///
/// iOS kills an app that it suspends while the app holds a file lock in a folder shared with an extension:
/// there the engine drops the store before it lets itself be suspended.
pub struct Store {
    // Before the lock, so that the file is closed when the next writer may open it.
    reader: Reader,
    _lock: WriterLock,
}

/// What opening the store found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenReport {
    /// Calls that were up when the last writer died, oldest first; they are closed now.
    pub interrupted: Vec<CallId>,
}

impl Store {
    /// Opens the store in `folder` for writing and brings it up to date; makes one if there is none, except
    /// for the folder itself, which must exist ([`StoreError::Missing`]).
    ///
    /// Calls that a killed writer left open end as interrupted: at the last moment they were known to be up,
    /// but no later than `now`.
    pub fn open(
        folder: &Path,
        key: &Key,
        now: UnixMillis,
    ) -> Result<(Self, OpenReport), StoreError> {
        let lock = WriterLock::take(folder)?;
        strike();
        let mut connection = connection::writing(&folder.join(connection::DATABASE), key)?;
        // Before anything is written: a file of a newer version stays as it is.
        schema::version(&connection)?;
        strike();
        configure(&connection)?;
        strike();
        schema::migrate(&mut connection)?;
        strike();
        let interrupted = call_log::close_interrupted(&connection, now)?;
        strike();
        let store = Self {
            reader: Reader::over(connection),
            _lock: lock,
        };
        Ok((store, OpenReport { interrupted }))
    }

    /// Opens the store in `folder` for reading only, beside whoever writes; see [`Reader::open`].
    pub fn open_read_only(folder: &Path, key: &Key) -> Result<Reader, StoreError> {
        Reader::open(folder, key)
    }

    /// One page of the call history; see [`Reader::calls`].
    pub fn calls(
        &self,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<CallRecord>, StoreError> {
        self.reader.calls(before, limit)
    }

    /// One call, if the log has it.
    pub fn call(&self, id: &CallId) -> Result<Option<CallRecord>, StoreError> {
        self.reader.call(id)
    }

    /// Every account the history may name, in the order they were first seen.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.reader.accounts()
    }

    /// Moves everything committed into the database file and empties the write-ahead log: for the moment
    /// the app goes to the background. Nothing depends on it but the size of the log.
    ///
    /// [`StoreError::Busy`] if a reader is in the middle of an answer; the log then empties another time.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        let blocked: bool =
            self.connection()
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if blocked {
            return Err(StoreError::Busy);
        }
        Ok(())
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.reader.connection()
    }
}

/// How the connection treats the disk; the crate's documentation says what follows from it.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection::trust(connection)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        // Without shared memory (a network file system) readers and writer cannot meet.
        return Err(StoreError::NotWritable);
    }
    Ok(connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;",
    )?)
}
