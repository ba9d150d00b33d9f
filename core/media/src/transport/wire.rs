//! What a transport exchanges with the sockets and streams it does not own.

use std::net::{IpAddr, SocketAddr};

/// Which of a stream's two ports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// Media; also RTCP when it is multiplexed (RFC 5761).
    Rtp,
    /// RTCP on its own port.
    Rtcp,
}

impl Component {
    /// Its number in ICE (RFC 8445 §4).
    pub const fn number(self) -> u16 {
        match self {
            Self::Rtp => 1,
            Self::Rtcp => 2,
        }
    }

    /// The component that ICE numbers so; an RTP stream has no others.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Rtp),
            2 => Some(Self::Rtcp),
            _ => None,
        }
    }
}

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
    /// From which [`LocalSocket`].
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The whole payload.
    pub bytes: Vec<u8>,
}

/// One way to a peer: a local base (a socket, or a relayed address) and a remote address.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Path {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// One TCP or TLS connection to a TURN server. Never used twice by one transport.
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
