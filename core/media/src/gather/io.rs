//! What goes into a [`Gatherer`](super::Gatherer) and what comes out of it.

use std::net::{IpAddr, SocketAddr};

use super::candidate::LocalCandidate;
use super::failure::GatherFailure;
use crate::transport::{Datagram, StreamCommand};

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
