//! The words in which the transactions of an agent speak with it.

use std::fmt;

use super::{Destination, TransmitId, TransportError};

/// A client transaction. The [`TransmitId`] of its messages has the same number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub u64);

/// A server transaction.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerId(pub u64);

/// How many transactions may be open at one time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Started here.
    pub clients: usize,
    /// Started by others.
    pub servers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 256,
            servers: 512,
        }
    }
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The limit of [`Limits::clients`] is reached.
    #[error("too many requests are open")]
    TooMany,
    /// The request has no Via with a branch of its own.
    #[error("the request has no branch")]
    NoBranch,
}

/// What became of a request that came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Received {
    /// The first of its kind: answer it.
    New(ServerId),
    /// A repeat, or the ACK of a refusal: dealt with.
    Absorbed,
    /// An ACK for a 2xx: it belongs to a dialog.
    Ack,
    /// A CANCEL: answer it, and end the INVITE it names, if there still is one.
    Cancel {
        /// The CANCEL's own transaction.
        server: ServerId,
        /// The transaction of the INVITE, `None` if there is none (481).
        invite: Option<ServerId>,
    },
    /// The same request over another path (482, §8.2.2.2).
    Merged(ServerId),
    /// The limit of [`Limits::servers`] is reached; answer 503 without a transaction.
    Full,
}

/// What time or the transport did to a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// No final response came (timers B, F).
    ClientTimedOut(ClientId),
    /// The request could not be sent.
    ClientFailed(ClientId, TransportError),
    /// Over as it should be.
    ClientOver(ClientId),
    /// No ACK came for a refusal (timer H).
    ServerUnacknowledged(ServerId),
    /// Over as it should be.
    ServerOver(ServerId),
}

/// One message to send. `Debug` shows its size only.
#[derive(Clone, Eq, PartialEq)]
pub struct Outgoing {
    /// What it belongs to.
    pub id: TransmitId,
    /// Where it goes.
    pub to: Destination,
    /// The message.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, to, length) = (self.id, &self.to, self.bytes.len());
        write!(f, "Outgoing({id:?} {to:?} {length} bytes)")
    }
}
