//! The way between two sessions: ICE, DTLS-SRTP, SDES and plain RTP, in virtual time over a seeded network.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of it is test code, helpers included; virtual time needs one real instant to start from"
)]

mod figures;
mod forks;
mod handover;
mod hostile;
mod link;
mod stories;
