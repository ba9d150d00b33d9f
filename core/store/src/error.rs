//! Why the store could not do what it was asked.

use std::io;

use rusqlite::ErrorCode;

/// Why the store could not do what it was asked. Holds no path, no address and no SQL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another place in this one, has the folder open for writing.
    #[error("the store is already open for writing")]
    AlreadyOpen,
    /// The file does not open with this key. (Also what a damaged first page looks like: the cipher
    /// authenticates pages and cannot tell the two apart.)
    #[error("the key does not open the store")]
    WrongKey,
    /// The file never was a store.
    #[error("the file is not a store")]
    NotAStore,
    /// The file is a store and part of it is lost.
    #[error("the store is damaged")]
    Damaged,
    /// A newer version of this program made the file; it was left as it is.
    #[error("the store was made by a newer version (schema {found}, this version knows {known})")]
    NewerVersion {
        /// The file's schema version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// A reader found a store that the writer has not brought to this version yet.
    #[error("the store must be opened for writing once by this version first")]
    NotMigrated,
    /// A reader found no store, or there is no such folder.
    #[error("there is no store in this folder")]
    Missing,
    /// The folder or the file cannot be written to, or cannot be created.
    #[error("the store cannot be written to")]
    NotWritable,
    /// No room left for the change; it was not made.
    #[error("the disk is full")]
    DiskFull,
    /// Another connection held the store for longer than we wait.
    #[error("the store is busy")]
    Busy,
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[source] io::Error),
    /// The disk failed, as SQLite saw it.
    #[error("the disk failed (SQLite {0})")]
    DiskCode(i32),
    /// There is no call with this id.
    #[error("no such call")]
    UnknownCall,
    /// There is a call with this id already.
    #[error("the call is in the log already")]
    CallExists,
    /// The call's row is closed and stays as it is.
    #[error("the call has ended")]
    CallEnded,
    /// The call is still up, and its row is still needed.
    #[error("the call has not ended")]
    CallOpen,
    /// There is no account with this id.
    #[error("no such account")]
    UnknownAccount,
    /// The address would not be the same when it is read back.
    #[error("the address cannot be kept")]
    Address,
    /// A value this version of the store has no word for.
    #[error("the store has no word for this {0}")]
    NoWord(&'static str),
    /// Anything else SQLite can say, by its extended result code.
    #[error("the database failed (SQLite {0})")]
    Database(i32),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            // A column that holds what its type cannot be: only damage (or a bug) puts it there.
            return Self::Damaged;
        };
        match failure.code {
            // `NotADatabase`: opening looks closer; later on it is a first page that went bad.
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                Self::NotWritable
            }
            ErrorCode::SystemIoFailure => Self::DiskCode(failure.extended_code),
            _ => Self::Database(failure.extended_code),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable
            }
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Disk(error),
        }
    }
}
