//! What goes into a [`Gatherer`](super::Gatherer) and what comes out of it.

use std::net::{IpAddr, SocketAddr};

use super::candidate::LocalCandidate;
use super::failure::GatherFailure;
use crate::transport::Component;

/// One UDP socket of the caller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LocalSocket {
    /// What will be sent over it.
    pub component: Component,
    /// Where it is bound: a real address of an interface, never `0.0.0.0` or `::`.
    pub address: SocketAddr,
    /// Which interface it belongs to, best first: 0 for Wi-Fi, 1 for the mobile network, say. Both
    /// components and both families of an interface share its rank.
    pub rank: u8,
}

/// A UDP datagram that names the local socket it leaves from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// The local socket: an address given to [`add_socket`](super::Gatherer::add_socket).
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The whole payload.
    pub bytes: Vec<u8>,
}

/// One TCP or TLS connection to a TURN server. Never used twice by one gatherer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub u64);

/// What the driver is to do with a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamCommand {
    /// Connect. Answered by [`StreamInput::Opened`] or [`StreamInput::Closed`].
    Open {
        /// Its name from now on.
        id: StreamId,
        /// The interface to leave from; `None`: any.
        local_ip: Option<IpAddr>,
        /// The TURN server.
        server: SocketAddr,
        /// With TLS, whose certificate must be valid for this name; `None`: plain TCP.
        tls_name: Option<String>,
    },
    /// Write all of it, in order.
    Write {
        /// Which connection.
        id: StreamId,
        /// Whole TURN messages.
        bytes: Vec<u8>,
    },
    /// Close once everything before is written. Not answered.
    Close {
        /// Which connection.
        id: StreamId,
    },
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamInput<'a> {
    /// It is up, and over TLS the certificate was found valid.
    Opened,
    /// These bytes came in.
    Bytes(&'a [u8]),
    /// It could not be opened, or is gone.
    Closed,
}

/// A peer's datagram that came through a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relayed {
    /// Where it arrived: a relayed candidate's address. It stands for a local socket.
    pub local: SocketAddr,
    /// Who sent it.
    pub peer: SocketAddr,
    /// What was sent.
    pub bytes: Vec<u8>,
}

/// What a datagram turned out to be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Handled {
    /// Not the gatherer's: media, or a connectivity check.
    No,
    /// The gatherer's own business with a server.
    Yes,
    /// It brought a peer's datagram, which is to be handled as if received at a socket
    /// bound to [`Relayed::local`].
    Relayed(Relayed),
}

/// What the caller is to do or to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GatherOutput {
    /// Send this.
    Send(Datagram),
    /// Do this to a connection.
    Stream(StreamCommand),
    /// An address to tell the peer. May also come after [`Done`](Self::Done): trickle it, or leave it.
    Candidate(LocalCandidate),
    /// Every server has answered or was given up, or the deadline has passed: who waits for candidates
    /// waits no longer. Once for every round, and [`add_socket`](super::Gatherer::add_socket) begins one.
    Done,
    /// A server gives nothing to a socket.
    Failed {
        /// Which of [`GatherConfig::servers`](super::GatherConfig::servers).
        server: usize,
        /// Which socket.
        socket: SocketAddr,
        /// Why.
        why: GatherFailure,
    },
    /// A relayed address is gone, and with it every path over it.
    Lost {
        /// The relayed candidate's address.
        relayed: SocketAddr,
        /// Why.
        why: GatherFailure,
    },
    /// The server does not relay to this peer.
    Refused {
        /// The relayed candidate's address.
        relayed: SocketAddr,
        /// The peer.
        peer: IpAddr,
        /// Why.
        why: GatherFailure,
    },
}
