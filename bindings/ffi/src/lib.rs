//! Tandem for Kotlin and Swift: the one UniFFI component.
//!
//! Newtypes, conversions and documentation; no logic. [`tandem_engine::app`] decides, `bindings/kotlin` and
//! `bindings/swift` make it idiomatic, and apps see only those.
//!
//! | file | what it exports |
//! |---|---|
//! | `core` | [`TandemCore`]: open, start, suspend, resume, shut down; accounts, calls, history |
//! | `account`, `call`, `history` | [`Account`], [`Call`] and the records a screen shows |
//! | `settings` | an account as it is filled in: [`SipSettings`], [`DirectSettings`] |
//! | `platform` | what the app implements: [`SecretStore`], [`CertificateVerifier`], [`LogSink`] |
//! | `error`, `problems` | one small enum an area, and the table that fills them |
//! | `subscription` | events, pulled: `next()` and `end()`, one object for each kind |
//! | `runtime` | the one runtime |
//!
//! # Rules
//! - **What is asked is done on the runtime and completes**, even if the caller goes away; only `next()` is a
//!   wait, and may be dropped at any time.
//! - **A subscription begins with everything there is.** One that fell behind gives `Lagged { missed }`, then
//!   begins anew. `end()` wakes whoever waits, and dropping the object ends it too.
//! - **Foreign code runs on threads that may block**, and what it throws is a typed error.
//! - **A panic inside** ends its call, or is an `Internal` error; never the process.
//! - No method is called `close` or `destroy`: Kotlin's generated objects have those.
//!
//! # Generating
//! ```sh
//! cargo build -p tandem-ffi
//! cargo run -p tandem-bindgen --bin uniffi-bindgen -- generate --language kotlin --no-format \
//!     --out-dir OUT target/debug/libtandem_ffi.so     # OUT/org/tandem/ffi/tandem_ffi.kt
//! cargo run -p tandem-bindgen --bin uniffi-bindgen -- generate --language swift --no-format \
//!     --out-dir OUT target/debug/libtandem_ffi.so     # OUT/TandemFFI.swift, TandemCoreFFI.h, .modulemap
//! ```
//! The library must not be stripped before that. `--features fault` makes, in builds with debug assertions, a
//! call panic that is asked to play the keys `ABCDABCD`; the generated code is the same without it.

// The generated scaffolding is unsafe code and public items without documentation.
#![allow(missing_docs, unsafe_code, reason = "UniFFI's macros")]

mod account;
mod call;
mod core;
mod error;
mod history;
mod platform;
mod problems;
mod runtime;
mod settings;
mod subscription;
mod words;

pub use account::{
    Account, AccountInfo, AccountListUpdate, AccountListUpdates, AccountState, AccountUpdate,
    AccountUpdates, CancelToken, SignInProblem,
};
pub use call::{
    AudioPath, Call, CallEvent, CallEventUpdate, CallEvents, CallInfo, CallState, CallUpdate,
    CallUpdates, HoldState, IncomingCall, IncomingCalls, RejectReason,
};
pub use core::{CoreConfig, TandemCore};
pub use error::{AccountError, CallError, HistoryError, LifecycleError};
pub use history::{CallRecord, HistoryChange, HistoryPage, HistoryUpdate, HistoryUpdates};
pub use platform::{
    CertificateError, CertificateVerifier, LogLevel, LogLine, LogSink, PlatformError, SecretStore,
    forward_log,
};
pub use problems::{IceServerProblem, Obstacle, SoundProblem, Stage, StorageProblem, TlsProblem};
pub use settings::{
    DirectSettings, IceConfig, IceServer, MediaSecurity, RelayUse, SipSettings, Transport,
};
pub use words::{CallDirection, CallQuality, Encryption, EndReason, SafetyPhrase, Trust};

uniffi::setup_scaffolding!();
