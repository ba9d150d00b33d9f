//! The addresses found, ordered as RFC 8445 §5.1 says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::config::ServerTransport;
use crate::transport::{Component, LocalSocket};

/// How an address was found.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CandidateKind {
    /// It is the socket's own.
    Host,
    /// A STUN server sees the socket there.
    ServerReflexive,
    /// A TURN server receives there and hands on.
    Relayed,
}

/// An address the peer may reach us at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalCandidate {
    /// How it was found.
    pub kind: CandidateKind,
    /// Which of the stream's ports it serves.
    pub component: Component,
    /// Where packets for it are sent from: the socket, or the relayed address itself (RFC 8445 §5.1.1.2).
    pub base: SocketAddr,
    /// The address itself.
    pub address: SocketAddr,
    /// `raddr` and `rport` of the candidate line; `None` for a host candidate. `0.0.0.0` or `::` with port 9 (RFC 8839
    /// §5.1) when the policy hides it.
    pub related: Option<SocketAddr>,
    /// RFC 8445 §5.1.2.1.
    pub priority: u32,
    /// RFC 8445 §5.1.1.3: the same for candidates of one kind, base address and server. A plain count, so that nothing
    /// can be read from it.
    pub foundation: String,
    /// The socket it was gathered for. Not for the peer.
    pub socket: SocketAddr,
}

/// RFC 8445 §5.1.2.2 recommends these.
const HOST_PREFERENCE: u32 = 126;
const REFLEXIVE_PREFERENCE: u32 = 100;
const RELAYED_PREFERENCE: u32 = 0;

/// The priority that a connectivity check from `socket` claims for the address it may discover
/// (RFC 8445 §7.1.1: the type preference of a peer-reflexive candidate).
pub fn peer_reflexive_priority(socket: &LocalSocket) -> u32 {
    priority(
        110,
        local_preference(socket.rank, socket.address.ip(), 0, 0),
        socket.component,
    )
}

/// The server an address came from, as far as the order is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) index: usize,
    pub(super) address: SocketAddr,
    pub(super) transport: &'a ServerTransport,
}

/// What makes two candidates freeze together.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct FoundationKey {
    kind: CandidateKind,
    base: IpAddr,
    server: Option<(IpAddr, u8)>,
}

/// Makes candidates, with foundations that hold for one gatherer.
#[derive(Debug, Default)]
pub(super) struct CandidateMaker {
    foundations: BTreeMap<FoundationKey, usize>,
}

impl CandidateMaker {
    pub(super) fn host(&mut self, socket: &LocalSocket) -> LocalCandidate {
        let local = local_preference(socket.rank, socket.address.ip(), 0, 0);
        LocalCandidate {
            kind: CandidateKind::Host,
            component: socket.component,
            base: socket.address,
            address: socket.address,
            related: None,
            priority: priority(HOST_PREFERENCE, local, socket.component),
            foundation: self.foundation(CandidateKind::Host, socket, None),
            socket: socket.address,
        }
    }

    pub(super) fn reflexive(
        &mut self,
        socket: &LocalSocket,
        source: Source<'_>,
        mapped: SocketAddr,
    ) -> LocalCandidate {
        let local = local_preference(socket.rank, mapped.ip(), 0, source.index);
        LocalCandidate {
            kind: CandidateKind::ServerReflexive,
            component: socket.component,
            base: socket.address,
            address: mapped,
            related: Some(socket.address),
            priority: priority(REFLEXIVE_PREFERENCE, local, socket.component),
            foundation: self.foundation(CandidateKind::ServerReflexive, socket, Some(source)),
            socket: socket.address,
        }
    }

    /// `mapped`: what the peer may know of where the client is.
    pub(super) fn relayed(
        &mut self,
        socket: &LocalSocket,
        source: Source<'_>,
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
    ) -> LocalCandidate {
        let cost = transport_cost(source.transport);
        let local = local_preference(socket.rank, relayed.ip(), cost, source.index);
        LocalCandidate {
            kind: CandidateKind::Relayed,
            component: socket.component,
            base: relayed,
            address: relayed,
            related: Some(mapped.unwrap_or_else(|| hidden(relayed.ip()))),
            priority: priority(RELAYED_PREFERENCE, local, socket.component),
            foundation: self.foundation(CandidateKind::Relayed, socket, Some(source)),
            socket: socket.address,
        }
    }

    fn foundation(
        &mut self,
        kind: CandidateKind,
        socket: &LocalSocket,
        source: Option<Source<'_>>,
    ) -> String {
        let key = FoundationKey {
            kind,
            base: socket.address.ip(),
            server: source.map(|s| (s.address.ip(), transport_cost(s.transport))),
        };
        let next = self.foundations.len() + 1;
        self.foundations.entry(key).or_insert(next).to_string()
    }
}

/// How much worse a relay is for what lies between us and it.
fn transport_cost(transport: &ServerTransport) -> u8 {
    match transport {
        ServerTransport::Udp => 0,
        ServerTransport::Tcp => 1,
        ServerTransport::Tls { .. } => 2,
    }
}

/// What stands for an address that is not told.
fn hidden(family: IpAddr) -> SocketAddr {
    match family {
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9)),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9)),
    }
}

/// Interface first, then IPv6 before IPv4 (RFC 8421 §4), then the cheaper way to the server, then the order of the
/// servers: `rank:8 v6:1 cost:2 server:5`.
fn local_preference(rank: u8, address: IpAddr, cost: u8, server: usize) -> u16 {
    let rank = u16::from(u8::MAX - rank) << 8;
    let family = u16::from(address.is_ipv6()) << 7;
    let cost = (3 - u16::from(cost.min(3))) << 5;
    let server = 31 - u16::try_from(server.min(31)).unwrap_or(31);
    rank | family | cost | server
}

fn priority(kind: u32, local: u16, component: Component) -> u32 {
    let component: u32 = match component {
        Component::Rtp => 1,
        Component::Rtcp => 2,
    };
    (kind << 24) | (u32::from(local) << 8) | (256 - component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str, component: Component, rank: u8) -> LocalSocket {
        LocalSocket {
            component,
            address: address.parse().expect("an address"),
            rank,
        }
    }

    fn source(index: usize, transport: &ServerTransport) -> Source<'_> {
        Source {
            index,
            address: SocketAddr::from(([192, 0, 2, 9], 3478)),
            transport,
        }
    }

    #[test]
    fn the_better_interface_kind_family_and_transport_come_first() {
        let mut maker = CandidateMaker::default();
        let wifi = socket("10.0.0.2:4000", Component::Rtp, 0);
        let wifi6 = socket("[2001:db8::2]:4000", Component::Rtp, 0);
        let mobile = socket("10.9.0.2:4000", Component::Rtp, 1);
        let wifi_rtcp = socket("10.0.0.2:4001", Component::Rtcp, 0);
        let address = |text: &str| text.parse().expect("an address");
        let tls = ServerTransport::Tls {
            name: "turn.test".to_owned(),
        };
        let (mapped, relay) = (address("198.51.100.7:9"), address("192.0.2.1:49152"));
        let priorities = [
            maker.host(&wifi6).priority,
            maker.host(&wifi).priority,
            maker.host(&wifi_rtcp).priority,
            maker.host(&mobile).priority,
            peer_reflexive_priority(&wifi),
            maker
                .reflexive(&wifi, source(0, &ServerTransport::Udp), mapped)
                .priority,
            maker
                .reflexive(&wifi, source(1, &ServerTransport::Udp), mapped)
                .priority,
            maker
                .relayed(&wifi, source(1, &ServerTransport::Udp), relay, None)
                .priority,
            maker
                .relayed(&wifi, source(0, &ServerTransport::Tcp), relay, None)
                .priority,
            maker.relayed(&wifi, source(0, &tls), relay, None).priority,
            maker
                .relayed(&mobile, source(0, &ServerTransport::Udp), relay, None)
                .priority,
        ];
        assert!(
            priorities.is_sorted_by(|better, worse| better > worse),
            "{priorities:?}"
        );
        // RFC 8445 §5.1.2.1: from 1 to 2^31 - 1.
        assert!(priorities.iter().all(|p| (1..1 << 31).contains(p)));
    }

    #[test]
    fn a_foundation_tells_kind_interface_and_server_apart_and_nothing_else() {
        let mut maker = CandidateMaker::default();
        let rtp = socket("10.0.0.2:4000", Component::Rtp, 0);
        let rtcp = socket("10.0.0.2:4001", Component::Rtcp, 0);
        let other = socket("10.0.1.2:4000", Component::Rtp, 1);
        let mapped = SocketAddr::from(([198, 51, 100, 7], 4000));
        let udp = ServerTransport::Udp;
        assert_eq!(maker.host(&rtp).foundation, maker.host(&rtcp).foundation);
        assert_ne!(maker.host(&rtp).foundation, maker.host(&other).foundation);
        let reflexive = maker.reflexive(&rtp, source(0, &udp), mapped).foundation;
        let relayed = maker
            .relayed(&rtp, source(0, &udp), mapped, None)
            .foundation;
        let over_tcp = maker.relayed(&rtp, source(0, &ServerTransport::Tcp), mapped, None);
        let all = [
            maker.host(&rtp).foundation,
            reflexive,
            relayed,
            over_tcp.foundation,
        ];
        assert_eq!(all, ["1", "3", "4", "5"]);
    }

    #[test]
    fn a_hidden_address_is_zero_and_port_nine() {
        let mut maker = CandidateMaker::default();
        let rtp = socket("10.0.0.2:4000", Component::Rtp, 0);
        let relays = [("192.0.2.1:5", "0.0.0.0:9"), ("[2001:db8::1]:5", "[::]:9")];
        for (relay, shown) in relays {
            let relay = relay.parse().expect("an address");
            let candidate = maker.relayed(&rtp, source(0, &ServerTransport::Udp), relay, None);
            assert_eq!(candidate.related, Some(shown.parse().expect("an address")));
            assert_eq!((candidate.base, candidate.address), (relay, relay));
        }
    }
}
