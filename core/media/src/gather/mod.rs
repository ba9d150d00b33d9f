//! Finding the addresses a peer may reach us at (RFC 8445 §5.1): the sockets' own, those that STUN servers see them at, and
//! those that TURN servers relay for them; and carrying packets over the relays. Sans-IO.
//!
//! ```text
//!              add_socket ─► host candidate
//!                  │                                                      ┌─► Candidate …, Done
//!                  ├─ STUN over the socket ─► Binding ─► reflexive ───────┤
//!                  └─ TURN over the socket, or a TCP or TLS stream ─► Relay ─► relayed
//!                                                                       ▲
//!   send_via(relayed, peer) ────────────────────────────────────────────┤
//!   handle_datagram, handle_stream ◄── Relayed{local: relayed, peer} ◄──┘
//! ```
//!
//! The driver, or the transport above, gives every datagram from [`handle_datagram`](Gatherer::handle_datagram)'s sockets here
//! first, opens the streams it is asked for, and drains [`poll_output`](Gatherer::poll_output) after every call.
//!
//! **Why not `rtc_turn::client::Client`.** It is a sound client for the common case, but a call that must get through needs what
//! 0.21.1 leaves out: it does not follow Try Alternate; after 438 it keeps the nonce but does not repeat a refused permission,
//! and repeats a refused refresh only at the next timer; it never asks for IPv6 relays; it gives error codes as text; it waits
//! 39.5 s for an answer on a stream; it takes a server that allocates without a challenge for broken; and it draws its
//! transaction ids itself, so that a run cannot be repeated. So the state machine is ours, over the messages of `rtc-stun` and
//! the stream decoder of `rtc-shared`.

mod binding;
mod candidate;
mod config;
mod credentials;
mod failure;
mod framing;
mod gatherer;
mod io;
mod link;
mod message;
mod outcome;
mod redirect;
mod relay;
#[cfg(test)]
mod tests;
mod transaction;
mod turn;

pub use candidate::{CandidateKind, LocalCandidate, peer_reflexive_priority};
pub use config::{
    DEFAULT_DEADLINE, GatherConfig, GatherPolicy, IceServer, RelayFamilies, ServerKind,
    ServerTransport,
};
pub use failure::{GatherFailure, RelayError, SocketError};
pub use framing::{FramingError, TurnFraming, parse_channel_data};
pub use gatherer::Gatherer;
pub use io::{GatherOutput, Handled, Relayed};
pub use message::{MAX_MESSAGE, StunClass, StunError, StunMessage};

/// Servers asked; the first ones.
pub const MAX_SERVERS: usize = 16;
/// Sockets of one gatherer.
pub const MAX_SOCKETS: usize = 16;
/// The largest datagram that is relayed, bytes.
pub const MAX_PAYLOAD: usize = 2048;
