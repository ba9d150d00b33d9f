//! How the file is encrypted, and why so.
//!
//! SQLite3 Multiple Ciphers (MIT) with its ChaCha20-Poly1305 scheme. Every page, in the database as in the
//! write-ahead log, is encrypted under the key, the page's number and a fresh random nonce, and carries a tag:
//! a changed bit is an error, not a wrong answer. The key is used as it is, without a password hash, so
//! opening costs nothing. It is fast without AES instructions and has no timing to leak.
//!
//! What stays readable: that this is such a file, its size, which pages changed when, and the checksums and
//! page numbers in the log's frame headers. A file put back as it was last week is not noticed.
//!
//! # What it costs
//!
//! A stripped arm64 library holding nothing but SQLite (clang 19, Android 8 target, `-Os`, unreferenced
//! sections dropped, entry points those `rusqlite` calls), in bytes:
//!
//! | SQLite with | stripped | gzip -9 | more than plain |
//! | --- | ---: | ---: | ---: |
//! | no cipher, the options of `build.rs` | 810,280 | 427,561 | |
//! | **Multiple Ciphers 2.6.1, ChaCha20 only** | **891,776** | **469,405** | **81,496** |
//! | Multiple Ciphers 2.6.1, all its ciphers | 1,050,256 | 548,480 | 239,976 |
//! | SQLCipher 4.19, LibTomCrypt 1.18 | 923,008 | 478,812 | 112,728 |
//! | SQLCipher 4.19, OpenSSL 3.6 | 4,602,944 | 2,182,548 | 3,792,664 |
//! | no cipher, the options of `rusqlite`'s `bundled` | 1,187,008 | 622,435 | 376,728 |
//!
//! (SQLite 3.53.2 to 3.54.0, as each one carries it. FTS5, which search in messages will want: 160,792 more.)
//!
//! # Why not the others
//!
//! - SQLCipher with OpenSSL, the one `rusqlite` builds by itself, is 3.8 MB and a Perl build per target.
//! - SQLCipher with LibTomCrypt is nearly as small, but goes over each page twice (AES in tables, then
//!   HMAC-SHA-512) with a crypto library of 2018, and `rusqlite` has no build for it.
//! - libSQL carries an older Multiple Ciphers inside a fork of SQLite, and cannot be linked beside `rusqlite`.
//! - SQLite's own encryption extension is not free software.

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
