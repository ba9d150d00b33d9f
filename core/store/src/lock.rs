//! The guard against a second writer.

use std::fs::{File, OpenOptions};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use crate::StoreError;

/// Held for as long as a writer lives. The kernel releases it with the process, however that ends, so there
/// is no stale lock to clean up.
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    const FILE: &str = "writer.lock";

    /// Takes the lock of `folder`, or says at once that somebody has it.
    ///
    /// The lock is on a file of its own: SQLite's own locks on the database must not be disturbed, and
    /// closing any other handle of a file drops POSIX locks on it.
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(Self::FILE))?;
        // Named in full: the method of the same name on `File` is unsupported on Android before Rust 1.98.
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::AlreadyOpen),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
