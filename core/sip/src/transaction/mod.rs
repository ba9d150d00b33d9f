//! Transactions (RFC 3261 §17, RFC 6026, RFC 4320): one request, its repeats and its responses.
//!
//! Four machines, each one file with its diagram, know states and timers; [`Transactions`] around them
//! knows messages: which transaction one belongs to, and where its copies go.
//!
//! Matching is by branch, sent-by and method (§17.2.3). A branch without the magic cookie comes from an
//! RFC 2543 element; those match by Call-ID, From tag and CSeq number, the rest of that RFC's rules is
//! left out.

mod client_invite;
mod client_other;
mod derived;
mod layer;
mod matching;
mod notes;
mod records;
mod server_invite;
mod server_other;
mod timers;
mod transport;

pub use client_invite::{InviteClient, InviteClientState, InviteResponse};
pub use client_other::{OtherClient, OtherClientState};
pub use derived::{ack_of, cancel_of};
pub use layer::Transactions;
pub use notes::{ClientId, Limits, Notice, Outgoing, Received, ServerId, TransactionError};
pub use records::Fallback;
pub use server_invite::{InviteServer, InviteServerState};
pub use server_other::{OtherServer, OtherServerState};
pub use timers::Timers;
pub use transport::{
    ConnectionId, Destination, Flow, Hop, HopError, TlsFailure, TransmitId, TransportError,
    TransportKind,
};

/// What time has done to a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expiry {
    /// Nothing yet.
    Nothing,
    /// Send the last message again.
    Retransmit,
    /// It ends, and what it waited for never came: a response (B, F) or an ACK (H).
    TimedOut,
    /// It ends as it should.
    Over,
}

#[cfg(test)]
mod test_clock {
    use std::time::{Duration, Instant};

    /// A point in time to count from; which one does not matter.
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant cannot be made from nothing"
    )]
    pub fn start() -> Instant {
        Instant::now()
    }

    pub const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }
}
