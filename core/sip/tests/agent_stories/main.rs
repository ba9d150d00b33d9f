//! Stories about two user agents on a wire: what the app hears, what the wire carries, and that every
//! session ends.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected should stop there"
)]

mod bindings;
mod calls;
mod cast;
mod changes;
mod failover;
mod lines;
mod net;
mod registering;
mod scripted;
mod secrets;
mod storms;
mod traps;
mod zone;
