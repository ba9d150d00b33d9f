//! The one room with a runtime, sockets, names and a clock.
//!
//! [`phone`] joins the rooms below (SIP agents, call machines, media sessions) and is itself without IO, so
//! that its behaviour is tested in virtual time; [`Engine`] drives a phone with real sockets, keeps the store,
//! and [`app::App`] is what a phone's app sees.

pub mod app;
mod driver;
mod entropy;
mod events;
pub mod net;
pub mod phone;
mod phrase;
mod secrets;

pub use driver::{
    DEFAULT_BACKLOG, Engine, EngineConfig, EngineError, EventStream, StreamEnd, existing_store_key,
};
pub use entropy::OsEntropy;
pub use events::{
    AccountSnapshot, AccountState, CallSnapshot, CallStats, Event, KeyCount, LocalHold, Snapshot,
};
pub use phrase::SafetyPhrase;
pub use secrets::{FileSecrets, SecretStore};

// What the API above speaks of, so that an app needs no other room.
pub use tandem_call::{
    CallConfig, CallDirection, CallState, Command, CommandError, HoldState, HoldWish, MAX_DIGITS,
    RejectReason,
};
pub use tandem_media::devices::DeviceError;
pub use tandem_sip::agent::RegistrationFailure;
pub use tandem_sip::locate::TransportChoice;
pub use tandem_sip::transaction::{TlsFailure, TransportKind};
pub use tandem_store::{
    CallDirection as LogDirection, CallRecord, Cursor, MAX_PAGE, NotACursor, Page, Reader, Store,
    StoreError, Trust, UnixMillis,
};
