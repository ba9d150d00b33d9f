//! How the file is encrypted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::{Key, StoreError};

/// Gives `connection` its key. Nothing is read yet, so a wrong key shows only with the first statement.
pub(crate) fn apply(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    // `raw:` = the key itself, not a password to derive one from.
    let hex = key.hex();
    let mut pragma = Zeroizing::new(String::with_capacity(128));
    pragma.push_str("PRAGMA cipher = 'chacha20'; PRAGMA key = 'raw:");
    pragma.push_str(&hex);
    pragma.push_str("';");
    Ok(connection.execute_batch(&pragma)?)
}

/// Why a file could not be read as a database: the key is wrong, or it never was ours.
///
/// The cipher leaves bytes 16 to 23 of the file in the clear, as SQLite does: page size, format versions,
/// the 32 bytes at the end of each page for nonce and tag, and three constants.
pub(crate) fn unreadable(path: &Path) -> StoreError {
    let mut start = [0; 24];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let ours = matches!(start, [.., 0x10, 0x00, 1 | 2, 1 | 2, 32, 64, 32, 32]);
    match read {
        Ok(()) if ours => StoreError::WrongKey,
        Ok(()) | Err(_) => StoreError::NotAStore,
    }
}
