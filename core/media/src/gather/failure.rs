//! Why a server did not give what was asked for.

use thiserror::Error;

/// What ended business with one server. Holds no address and no name: fit for a log.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum GatherFailure {
    /// It never answered.
    #[error("the server does not answer")]
    NoAnswer,
    /// Its TCP or TLS connection could not be opened, or broke.
    #[error("the connection to the server failed")]
    Connection,
    /// It speaks something else.
    #[error("the server's answer makes no sense")]
    Malformed,
    /// 401 for what was signed, or 441.
    #[error("the server does not take the user name and password")]
    WrongCredentials,
    /// The server offers only ways to sign in that are not known here.
    #[error("the server wants an unknown password algorithm")]
    UnknownAlgorithm,
    /// 403.
    #[error("the server forbids it")]
    Forbidden,
    /// 437: it does not know, or already has, an allocation for this socket.
    #[error("the server and the client disagree about the allocation")]
    AllocationMismatch,
    /// 440 or 443.
    #[error("the server does not relay this address family")]
    AddressFamily,
    /// 486.
    #[error("the user has too many allocations")]
    Quota,
    /// 508.
    #[error("the server has no capacity left")]
    NoCapacity,
    /// 300 too often, or in a circle, or to an address that cannot be a server's.
    #[error("the server redirects without end")]
    RedirectLoop,
    /// 438 too often.
    #[error("the server finds every nonce stale")]
    StaleNonce,
    /// A lifetime ran out, nothing having been heard in time.
    #[error("the allocation expired")]
    Expired,
    /// The caller gave it back, or removed its socket.
    #[error("the allocation was given back")]
    Released,
    /// Another error.
    #[error("the server answered {0}")]
    Other(u16),
}

impl GatherFailure {
    /// What an ERROR-CODE (RFC 8489 §14.8, RFC 8656 §19) means to a client.
    pub(super) fn from_code(code: u16) -> Self {
        match code {
            401 | 441 => Self::WrongCredentials,
            403 => Self::Forbidden,
            437 => Self::AllocationMismatch,
            438 => Self::StaleNonce,
            440 | 443 => Self::AddressFamily,
            486 => Self::Quota,
            508 => Self::NoCapacity,
            other => Self::Other(other),
        }
    }
}

/// A socket that cannot be gathered for.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SocketError {
    /// Bound to no particular interface: nobody could be told where it is.
    #[error("the socket is bound to an unspecified address")]
    Unspecified,
    /// More than [`MAX_SOCKETS`](super::MAX_SOCKETS).
    #[error("too many sockets")]
    TooMany,
    /// It is there already.
    #[error("the socket is known already")]
    Known,
    /// The gatherer has been closed.
    #[error("the gatherer is closed")]
    Closed,
}

/// Why a datagram was not handed to a relay.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RelayError {
    /// No such relayed address, or it is lost.
    #[error("there is no such relayed address")]
    UnknownRelay,
    /// An IPv4 relay reaches IPv4 peers, an IPv6 relay IPv6 peers.
    #[error("the relayed address is of the other family")]
    Family,
    /// The server has refused to relay to this peer.
    #[error("the server does not relay to this peer")]
    Refused,
    /// Larger than [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
    #[error("the datagram is too large")]
    TooLarge,
    /// More peers than one relay is asked to serve.
    #[error("too many peers")]
    TooManyPeers,
}
