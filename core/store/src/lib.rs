//! What outlives the process: accounts and the call log, in one encrypted SQLite file.
//!
//! ```text
//!   Store ── the one writer ──┐                 accounts, calls
//!                             ├── tandem.sqlite + tandem.sqlite-wal, every page encrypted
//!   Reader ─ any number ──────┘   writer.lock   held by the writer for as long as it lives
//! ```
//!
//! Everything here is synchronous and may wait for the disk: the engine calls it from a thread that may.
//! No clock and no randomness of its own: moments come in as [`UnixMillis`], keys as [`Key`].
//!
//! # What is durable when
//!
//! A method that changes something returns after its transaction is committed with `synchronous=FULL` in WAL
//! mode, so its row survives a kill of the process at any later instant, and a power loss as far as the disk
//! keeps what it was told to flush (on Apple's systems flushing goes through to the medium, `fullfsync`).
//! A call that was up when the process died is found by the next [`Store::open`] and closed as
//! [`EndReason::Interrupted`](tandem_types::EndReason::Interrupted).

mod call_log;
#[cfg(test)]
mod call_log_tests;
mod cipher;
#[cfg(test)]
mod cipher_tests;
#[cfg(test)]
mod concurrency_tests;
mod connection;
#[cfg(test)]
mod damage_tests;
mod error;
mod fault;
mod key;
#[cfg(test)]
mod kill_tests;
mod lock;
#[cfg(test)]
mod open_tests;
mod page;
mod reader;
mod record;
mod schema;
mod store;
#[cfg(test)]
mod testing;
mod time;
mod words;

pub use error::StoreError;
pub use key::Key;
pub use page::{Cursor, MAX_PAGE, NotACursor, Page};
pub use reader::Reader;
pub use record::{Account, CallDirection, CallRecord, EndedCall, NewCall, Trust};
pub use store::{OpenReport, Store};
pub use time::UnixMillis;
