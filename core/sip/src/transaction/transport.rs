//! Where messages go and come from, in words a driver with sockets understands.

use std::fmt;
use std::net::SocketAddr;

use crate::locate::Place;
use crate::message::{Host, Uri};

/// A TCP or TLS connection, as numbered by the driver. Never reused within one agent's life.
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
    /// The same over TLS: the server proves its name (RFC 5922), and nobody on the way can read or change
    /// anything.
    Tls,
}

impl TransportKind {
    /// The port of TLS where none is said (RFC 3261 §19.1.2).
    pub const TLS_PORT: u16 = 5061;

    /// The port where none is said (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => Self::TLS_PORT,
        }
    }

    /// Whether it runs over connections.
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// Whether nobody on the way can read it.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
            Self::Tls => true,
        }
    }

    /// What `transport=` of a URI names; `None` for one this build lacks.
    pub fn from_parameter(name: &str) -> Option<Self> {
        let all = [Self::Udp, Self::Tcp, Self::Tls];
        let named = |kind: &Self| kind.via_token().eq_ignore_ascii_case(name);
        all.into_iter().find(named)
    }

    /// What `transport=` says; `None` where it need not say anything.
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some("tcp"),
            Self::Tls => Some("tls"),
        }
    }

    /// The token of a Via header.
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Whether the transport delivers or fails, so that nothing needs to be repeated.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }
}

/// The next element on a message's way: a name or address the driver resolves (RFC 3263). `Debug` keeps it
/// to itself: it may be a person's own machine.
#[derive(Clone, Eq, PartialEq)]
pub struct Hop {
    /// Name or address.
    pub host: Host,
    /// `None`: the transport's own, 5060 or 5061.
    pub port: Option<u16>,
    /// How to reach it.
    pub transport: TransportKind,
    /// What the certificate of a TLS server must name where that is not the host: the host of the URI that
    /// was looked up (RFC 5922 §4). `None` for every other transport.
    pub proves: Option<Host>,
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
    /// A transport such as `ws`, or `sips:` over datagrams.
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
            proves: None,
        }
    }

    /// The hop a Request-URI or Route URI names: `maddr` before host, `transport` before `otherwise`
    /// (RFC 3261 §18.1.1, RFC 3263 §4.1).
    ///
    /// # Errors
    /// [`HopError`] for a URI that is not `sip:` or asks for a transport this build lacks.
    pub fn of(uri: &Uri, otherwise: TransportKind) -> Result<Self, HopError> {
        let place = Place::of(uri)?;
        Ok(Self {
            transport: place.settled(otherwise.into()),
            host: place.host,
            port: place.port,
            proves: None,
        })
    }

    /// The same hop, which must prove that it is `name`.
    #[must_use]
    pub fn proving(mut self, name: Host) -> Self {
        self.proves = (self.host != name).then_some(name);
        self
    }

    /// What the certificate of a TLS server must name.
    pub fn name(&self) -> &Host {
        self.proves.as_ref().unwrap_or(&self.host)
    }

    /// The port, said or not.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.transport.default_port())
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
        self.host.ip() == Some(address.ip()) && self.port() == address.port()
    }
}

/// Where the driver sends a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// One UDP datagram to the hop.
    Datagram(Hop),
    /// Over this connection; if it is gone, report the failure.
    Connection(ConnectionId),
    /// Over a TCP or TLS connection to the hop, as its transport says: one that is open or being opened if
    /// there is any, otherwise a new one, of which the agent is told by `handle_connected`.
    Stream(Hop),
}

impl Destination {
    /// Whether it delivers or fails, so that nothing needs to be repeated.
    pub const fn is_reliable(&self) -> bool {
        match self {
            Self::Datagram(_) => false,
            Self::Connection(_) | Self::Stream(_) => true,
        }
    }
}

/// What a message came in on. `Debug` leaves the address out.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Flow {
    /// A datagram from this address.
    Datagram(SocketAddr),
    /// A TCP or TLS connection with this remote address.
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
    /// There is a server, and it cannot be trusted or does not speak TLS.
    #[error(transparent)]
    Tls(#[from] TlsFailure),
}

/// Why a connection could not be made secure. There is no way around it: nothing is sent in the clear
/// instead.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// Its certificate is past its end or before its start, or this device's clock is wrong.
    #[error("the server's certificate has expired, or this device's clock is wrong")]
    Expired,
    /// Its certificate is for somebody else.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// Nobody this device trusts vouches for its certificate.
    #[error("the server's certificate is not signed by anybody this device trusts")]
    Untrusted,
    /// This device could not find out whom to trust.
    #[error("the server's certificate could not be checked")]
    Unchecked,
    /// It refused the handshake, or does not speak TLS (of a version that is safe).
    #[error("no secure connection could be agreed on with the server")]
    Handshake,
}
