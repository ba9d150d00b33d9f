//! Tandem's SIP room: messages, digest, SDP, transactions, dialogs, registration, and the user agent that
//! joins them. Sans-IO: it is told the time, given its randomness, and never opens a socket.

pub mod agent;
pub mod dialog;
pub mod digest;
pub mod locate;
pub mod message;
pub mod registration;
#[cfg(feature = "rsip")]
pub mod rsip_bridge;
pub mod sdp;
pub mod transaction;
