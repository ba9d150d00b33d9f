//! What to gather, and from whom.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_types::Pii;

/// How long a caller waits for candidates unless it says otherwise: three round trips to a slow server.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(1500);

/// What to gather.
#[derive(Clone, Debug)]
pub struct GatherConfig {
    /// STUN and TURN servers, best first; beyond [`MAX_SERVERS`](super::MAX_SERVERS) they are not asked. A server with
    /// several addresses stands here once for each.
    pub servers: Vec<IceServer>,
    /// Which addresses may be told.
    pub policy: GatherPolicy,
    /// Which relayed addresses to ask for.
    pub relays: RelayFamilies,
    /// [`Done`](super::GatherOutput::Done) comes no later than this after a round began. What comes later is still told.
    pub deadline: Duration,
}

impl Default for GatherConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            policy: GatherPolicy::All,
            relays: RelayFamilies::Both,
            deadline: DEFAULT_DEADLINE,
        }
    }
}

/// Which addresses a peer may learn.
///
/// The policy is the caller's. "Always relay" is [`RelayOnly`](Self::RelayOnly) for every call. To withhold the addresses from a
/// stranger until the call is accepted, make the gatherer with `RelayOnly` (or do not gather at all), and
/// after the accept put one with `All` beside it: a peer that was told relayed addresses only learns the others as
/// trickled candidates. A gatherer never widens its own policy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GatherPolicy {
    /// Host, server-reflexive and relayed.
    #[default]
    All,
    /// Relayed only. Neither a local nor a mapped address leaves the gatherer in any candidate, not even as
    /// a related address or hashed into a foundation; STUN servers are not asked.
    RelayOnly,
}

/// Which families a relay is to have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RelayFamilies {
    /// Only IPv4, which is what every TURN server gives.
    Ipv4,
    /// Only IPv6 (RFC 8656 §7.1 REQUESTED-ADDRESS-FAMILY).
    Ipv6,
    /// IPv4 and, in the same allocation, IPv6 where the server has it (ADDITIONAL-ADDRESS-FAMILY).
    #[default]
    Both,
}

/// A server, already resolved.
#[derive(Clone, Debug)]
pub struct IceServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is reached.
    pub transport: ServerTransport,
    /// What it does.
    pub kind: ServerKind,
}

impl IceServer {
    /// Whether asking both would be asking one twice.
    pub(super) fn is_same_service(&self, other: &Self) -> bool {
        let kinds = match (&self.kind, &other.kind) {
            (ServerKind::Stun, ServerKind::Stun)
            | (ServerKind::Turn { .. }, ServerKind::Turn { .. }) => true,
            (ServerKind::Stun, ServerKind::Turn { .. })
            | (ServerKind::Turn { .. }, ServerKind::Stun) => false,
        };
        kinds && self.address == other.address && self.transport == other.transport
    }
}

/// How a server is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerTransport {
    /// From the media socket itself.
    Udp,
    /// Over a TCP connection of the driver's.
    Tcp,
    /// Over TLS.
    Tls {
        /// The name its certificate must carry.
        name: String,
    },
}

/// What a server does.
#[derive(Clone, Debug)]
pub enum ServerKind {
    /// It tells the mapped address; only over UDP.
    Stun,
    /// It relays, and over UDP also tells the mapped address.
    Turn {
        /// Long-term credentials (RFC 8489 §9.2).
        username: Pii<String>,
        /// The password, or for time-limited credentials the HMAC.
        password: Pii<String>,
    },
}
