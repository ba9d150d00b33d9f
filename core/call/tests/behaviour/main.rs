//! The call machine from outside: stories in virtual time, the table of legal commands, and random input.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod commands;
mod endings;
mod fallback;
mod forks;
mod hold;
mod incoming;
mod media;
mod outgoing;
mod random;
mod story;
