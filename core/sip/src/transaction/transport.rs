//! Where messages go and come from, in words a driver with sockets understands.

use std::fmt;
use std::net::SocketAddr;

use crate::message::{Host, Uri};

/// A TCP connection, as numbered by the driver. Never reused within one agent's life.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

/// What a transmission belongs to: all copies of one request share one id, so that a failure that is
/// reported late still finds it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransmitId(pub u64);

/// The transports this build speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TransportKind {
    /// RFC 3261 §18 over datagrams.
    Udp,
    /// RFC 3261 §18 over a stream.
    Tcp,
}

impl TransportKind {
    /// The token of a Via header.
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// Whether the transport delivers or fails, so that nothing needs to be repeated.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }
}

/// The next element on a message's way: a name or address the driver resolves (RFC 3263). `Debug` keeps it
/// to itself: it may be a person's own machine.
#[derive(Clone, Eq, PartialEq)]
pub struct Hop {
    /// Name or address.
    pub host: Host,
    /// `None`: the driver may look up SRV records, or use 5060.
    pub port: Option<u16>,
    /// How to reach it.
    pub transport: TransportKind,
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hop({:?} [personal])", self.transport)
    }
}

/// A URI that leads nowhere this build can send to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HopError {
    /// `tel:`, `urn:`, …: needs a server that knows it.
    #[error("only a sip: address names a host")]
    NotSip,
    /// `sips:`, or a transport such as `tls` or `ws`.
    #[error("the transport of the address is not supported")]
    UnsupportedTransport,
}

impl Hop {
    /// A known address.
    pub fn at(address: SocketAddr, transport: TransportKind) -> Self {
        Self {
            host: address.ip().into(),
            port: Some(address.port()),
            transport,
        }
    }

    /// The hop a Request-URI or Route URI names: `maddr` before host, `transport` before `otherwise`
    /// (RFC 3261 §18.1.1, RFC 3263 §4.1).
    ///
    /// # Errors
    /// [`HopError`] for a URI that is not `sip:` or asks for a transport this build lacks.
    pub fn of(uri: &Uri, otherwise: TransportKind) -> Result<Self, HopError> {
        let Uri::Sip(sip) = uri else {
            return Err(HopError::NotSip);
        };
        if sip.is_secure() {
            return Err(HopError::UnsupportedTransport);
        }
        let transport = match sip.transport() {
            None => otherwise,
            Some(name) if name.eq_ignore_ascii_case("udp") => TransportKind::Udp,
            Some(name) if name.eq_ignore_ascii_case("tcp") => TransportKind::Tcp,
            Some(_) => return Err(HopError::UnsupportedTransport),
        };
        Ok(Self {
            host: sip.maddr().unwrap_or_else(|| sip.host().clone()),
            port: sip.port(),
            transport,
        })
    }

    /// The same place over another transport.
    pub fn over(&self, transport: TransportKind) -> Self {
        Self {
            transport,
            ..self.clone()
        }
    }

    /// Whether `address` is this hop: only an address literal can be compared without a resolver.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        self.host.ip() == Some(address.ip()) && self.port.unwrap_or(5060) == address.port()
    }
}

/// Where the driver sends a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// One UDP datagram to the hop.
    Datagram(Hop),
    /// Over this TCP connection; if it is gone, report the failure.
    Connection(ConnectionId),
    /// Over a TCP connection to the hop: one that is open or being opened if there is any, otherwise a
    /// new one, of which the agent is told by `handle_connected`.
    Stream(Hop),
}

impl Destination {
    /// Which transport it means.
    pub const fn transport(&self) -> TransportKind {
        match self {
            Self::Datagram(_) => TransportKind::Udp,
            Self::Connection(_) | Self::Stream(_) => TransportKind::Tcp,
        }
    }
}

/// What a message came in on. `Debug` leaves the address out.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Flow {
    /// A datagram from this address.
    Datagram(SocketAddr),
    /// A TCP connection with this remote address.
    Connection(ConnectionId, SocketAddr),
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram(_) => f.write_str("Datagram([personal])"),
            Self::Connection(id, _) => write!(f, "Connection({id:?} [personal])"),
        }
    }
}

impl Flow {
    /// Which transport it is.
    pub const fn transport(&self) -> TransportKind {
        match self {
            Self::Datagram(_) => TransportKind::Udp,
            Self::Connection(..) => TransportKind::Tcp,
        }
    }

    /// The address the packets came from.
    pub const fn remote(&self) -> SocketAddr {
        match self {
            Self::Datagram(address) | Self::Connection(_, address) => *address,
        }
    }
}

/// Why a message could not be sent; the driver says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The host name has no address.
    #[error("the host name does not resolve")]
    Unresolved,
    /// Nobody listens there (TCP reset, ICMP port unreachable).
    #[error("the connection was refused")]
    Refused,
    /// No route, or the network is down.
    #[error("the network is unreachable")]
    Unreachable,
    /// Connecting took too long.
    #[error("connecting took too long")]
    TimedOut,
    /// The connection broke.
    #[error("the connection was closed")]
    Closed,
    /// The datagram is larger than the path or the socket takes.
    #[error("the message is too large for a datagram")]
    TooLarge,
}
