//! Relays of a real TURN server: over UDP, TCP and TLS, refused, redirected, renewed and given back; and calls
//! through them.

mod calls;

use std::net::SocketAddr;
use std::time::Duration;
use tandem_interop::{Coturn, Desk, Echo, Relays};
use tandem_media::gather::{
    CandidateKind, GatherConfig, GatherFailure, GatherOutput, GatherPolicy, IceServer,
    RelayFamilies, ServerKind, ServerTransport,
};
use tandem_types::Pii;

const SOON: Duration = Duration::from_secs(5);
const SOCKET: &str = "127.0.0.20:0";

fn tls(name: &str) -> ServerTransport {
    ServerTransport::Tls {
        name: name.to_owned(),
    }
}

fn turn(address: &str, transport: ServerTransport, password: &str) -> IceServer {
    let (user, _) = Coturn::USER;
    IceServer {
        address: address.parse().expect("an address"),
        transport,
        kind: ServerKind::Turn {
            username: Pii::new(user.to_owned()),
            password: Pii::new(password.to_owned()),
        },
    }
}

/// Always relay, over this server.
fn only(server: IceServer) -> GatherConfig {
    GatherConfig {
        servers: vec![server],
        policy: GatherPolicy::RelayOnly,
        relays: RelayFamilies::Ipv4,
        ..GatherConfig::default()
    }
}

fn over_udp() -> GatherConfig {
    only(turn(Coturn::ADDRESS, ServerTransport::Udp, Coturn::USER.1))
}

/// Gathers, and must find one relay.
fn relay(config: GatherConfig, coturn: &Coturn) -> (Relays, SocketAddr) {
    let mut relays = Relays::gather(config, SOCKET, Some(coturn.authority()));
    assert!(relays.run_until_done(), "{:?}", relays.told);
    let relayed = relays.relayed();
    assert_eq!(relayed.len(), 1, "{:?}", relays.told);
    (relays, relayed[0])
}

/// Sends so many datagrams of growing size to the peer, and wants each back.
fn packets_go_both_ways(relays: &mut Relays, relayed: SocketAddr, peer: SocketAddr, count: usize) {
    let before = relays.returned.len();
    for n in 1..=count {
        let bytes = vec![u8::try_from(n).expect("few"); n * 7];
        let now = relays.now();
        let sent = relays.gatherer.send_via(now, relayed, peer, &bytes);
        sent.expect("it is sent");
        let wanted = before + n;
        let came = relays.run_until(SOON, |relays| relays.returned.len() >= wanted);
        assert!(came, "datagram {n} did not come back: {:?}", relays.told);
        let last = relays.returned.last().expect("one");
        assert_eq!(
            (last.local, last.peer, &last.bytes),
            (relayed, peer, &bytes)
        );
    }
}

fn failure(relays: &Relays) -> Option<GatherFailure> {
    let mut failed = relays.told.iter().filter_map(|output| match output {
        GatherOutput::Failed { why, .. } => Some(*why),
        _ => None,
    });
    failed.next()
}

fn fails(config: GatherConfig, coturn: &Coturn) -> Option<GatherFailure> {
    let mut relays = Relays::gather(config, SOCKET, Some(coturn.authority()));
    assert!(
        relays.run_until(SOON, |relays| failure(relays).is_some()),
        "{:?}",
        relays.told
    );
    assert!(relays.relayed().is_empty());
    failure(&relays)
}

/// Over one transport: a relay, packets both ways by indications and by channel, and the end in coturn's log.
fn works_over(name: &str, address: &str, transport: ServerTransport) {
    let desk = Desk::new(&format!("coturn/{name}"));
    let coturn = Coturn::start(&desk, &[]);
    let echo = Echo::start("127.0.0.30:0");
    let (mut relays, relayed) = relay(only(turn(address, transport, Coturn::USER.1)), &coturn);
    assert_eq!(relayed.ip().to_string(), Coturn::IP);
    packets_go_both_ways(&mut relays, relayed, echo.address(), 20);
    assert!(coturn.has_logged(&["peer 127.0.0.30 lifetime updated"], SOON));
    assert!(coturn.has_logged(&["CHANNEL_BIND processed, success"], SOON));
    let now = relays.now();
    relays.gatherer.close(now);
    assert!(relays.run_until(SOON, |relays| relays.gatherer.is_closed()));
    assert!(coturn.has_logged(&["refreshed", "lifetime=0"], SOON));
    assert!(coturn.has_logged(&["delete: realm=<turn.test>, username=<alice>"], SOON));
}

#[test]
fn packets_go_both_ways_over_udp() {
    works_over("udp", Coturn::ADDRESS, ServerTransport::Udp);
}

#[test]
fn packets_go_both_ways_over_tcp() {
    works_over("tcp", Coturn::ADDRESS, ServerTransport::Tcp);
}

#[test]
fn packets_go_both_ways_over_tls() {
    works_over("tls", Coturn::TLS_ADDRESS, tls(Coturn::NAME));
}

#[test]
fn a_certificate_for_another_name_or_by_a_stranger_is_refused() {
    let desk = Desk::new("coturn/certificate");
    let coturn = Coturn::start(&desk, &[]);
    let to = |name| only(turn(Coturn::TLS_ADDRESS, tls(name), Coturn::USER.1));
    assert_eq!(
        fails(to("elsewhere.test"), &coturn),
        Some(GatherFailure::Connection)
    );
    let stranger = Desk::new("coturn/stranger");
    let other = tandem_interop::Certificates::make(&stranger.at("certificates"));
    let mut relays = Relays::gather(to(Coturn::NAME), SOCKET, Some(&other.authority));
    assert!(relays.run_until(SOON, |relays| failure(relays).is_some()));
    assert_eq!(failure(&relays), Some(GatherFailure::Connection));
}

#[test]
fn a_socket_learns_where_it_is_seen() {
    let desk = Desk::new("coturn/stun");
    let _coturn = Coturn::start(&desk, &[]);
    let server = IceServer {
        address: Coturn::ADDRESS.parse().expect("an address"),
        transport: ServerTransport::Udp,
        kind: ServerKind::Stun,
    };
    let config = GatherConfig {
        servers: vec![server],
        ..GatherConfig::default()
    };
    let mut relays = Relays::gather(config, SOCKET, None);
    assert!(relays.run_until_done());
    // No NAT: the host candidate is all there is, and nothing failed.
    let local = relays.local();
    let kinds: Vec<_> = relays
        .gatherer
        .candidates()
        .iter()
        .map(|c| (c.kind, c.address))
        .collect();
    assert_eq!(kinds, [(CandidateKind::Host, local)]);
    assert_eq!(failure(&relays), None);
    assert!(
        relays.gatherer.poll_timeout().is_none(),
        "the server has answered"
    );
}

#[test]
fn a_wrong_password_is_said() {
    let desk = Desk::new("coturn/password");
    let coturn = Coturn::start(&desk, &[]);
    for transport in [ServerTransport::Udp, ServerTransport::Tcp] {
        let config = only(turn(Coturn::ADDRESS, transport, "wrong"));
        assert_eq!(
            fails(config, &coturn),
            Some(GatherFailure::WrongCredentials)
        );
    }
}

#[test]
fn a_full_quota_is_said() {
    let desk = Desk::new("coturn/quota");
    let coturn = Coturn::start(&desk, &["user-quota=1"]);
    let (first, _) = relay(over_udp(), &coturn);
    assert_eq!(fails(over_udp(), &coturn), Some(GatherFailure::Quota));
    drop(first);
}

#[test]
fn a_stale_nonce_stops_nothing() {
    let desk = Desk::new("coturn/stale");
    let coturn = Coturn::start(&desk, &["stale-nonce=1"]);
    let echo = Echo::start("127.0.0.30:0");
    let (mut relays, relayed) = relay(over_udp(), &coturn);
    packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
    // Nonces live for a second, and everything is due at once: permission, channel, allocation.
    for _ in 0..3 {
        let _ = relays.run_until(Duration::from_millis(1600), |_| false);
        relays.jump(Duration::from_secs(545));
        packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
    }
    assert_eq!(relays.relayed(), [relayed]);
    assert!(coturn.has_logged(&["error 438", "Stale nonce"], SOON));
    assert!(coturn.has_logged(&["refreshed", "lifetime=600"], SOON));
    // And the last word, too.
    let _ = relays.run_until(Duration::from_millis(1600), |_| false);
    let now = relays.now();
    relays.gatherer.close(now);
    assert!(relays.run_until(SOON, |relays| relays.gatherer.is_closed()));
    assert!(coturn.has_logged(&["refreshed", "lifetime=0"], SOON));
}

#[test]
fn a_peer_the_server_denies_is_said() {
    let desk = Desk::new("coturn/denied");
    let coturn = Coturn::start(&desk, &["denied-peer-ip=127.0.0.31"]);
    let echo = Echo::start("127.0.0.30:0");
    let (mut relays, relayed) = relay(over_udp(), &coturn);
    let denied = "127.0.0.31".parse().expect("an IP");
    let now = relays.now();
    let peers = [echo.address().ip(), denied];
    relays.gatherer.permit(now, relayed, &peers);
    let refused = |relays: &Relays| {
        relays.told.iter().any(|output| match output {
            GatherOutput::Refused { peer, why, .. } => {
                *peer == denied && *why == GatherFailure::Forbidden
            }
            _ => false,
        })
    };
    assert!(relays.run_until(SOON, refused), "{:?}", relays.told);
    packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
}

#[test]
fn another_server_is_gone_to_when_told_so() {
    let desk = Desk::new("coturn/alternate");
    let coturn = Coturn::start(&desk, &["alternate-server=127.0.0.7:3478"]);
    let other = Coturn::start_at(&desk, "other", "127.0.0.7", &[]);
    let echo = Echo::start("127.0.0.30:0");
    for transport in [ServerTransport::Udp, ServerTransport::Tcp] {
        let config = only(turn(Coturn::ADDRESS, transport, Coturn::USER.1));
        let (mut relays, relayed) = relay(config, &coturn);
        assert_eq!(relayed.ip().to_string(), "127.0.0.7");
        packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
    }
    assert!(coturn.has_logged(&["error 300"], SOON));
    assert!(other.has_logged(&["ALLOCATE processed, success"], SOON));
}

#[test]
fn both_families_come_from_one_allocation() {
    let desk = Desk::new("coturn/families");
    let coturn = Coturn::start(&desk, &["relay-ip=::1"]);
    let echoes = [Echo::start("127.0.0.30:0"), Echo::start("[::1]:0")];
    let both = GatherConfig {
        relays: RelayFamilies::Both,
        ..over_udp()
    };
    let mut relays = Relays::gather(both, SOCKET, None);
    assert!(relays.run_until_done());
    let relayed = relays.relayed();
    assert_eq!(relayed.len(), 2, "{:?}", relays.told);
    for (relayed, echo) in relayed.into_iter().zip(&echoes) {
        packets_go_both_ways(&mut relays, relayed, echo.address(), 5);
    }
    let six = GatherConfig {
        relays: RelayFamilies::Ipv6,
        ..over_udp()
    };
    let (mut relays, relayed) = relay(six, &coturn);
    assert!(relayed.is_ipv6());
    packets_go_both_ways(&mut relays, relayed, echoes[1].address(), 5);
}

#[test]
fn without_ipv6_there_the_other_family_is_no_failure() {
    let desk = Desk::new("coturn/one-family");
    let coturn = Coturn::start(&desk, &[]);
    let both = GatherConfig {
        relays: RelayFamilies::Both,
        ..over_udp()
    };
    let (_, relayed) = relay(both, &coturn);
    assert!(relayed.is_ipv4());
    let six = GatherConfig {
        relays: RelayFamilies::Ipv6,
        ..over_udp()
    };
    assert_eq!(fails(six, &coturn), Some(GatherFailure::AddressFamily));
}

#[test]
fn a_server_that_began_anew_is_asked_anew() {
    let desk = Desk::new("coturn/restart");
    let mut coturn = Coturn::start(&desk, &[]);
    let echo = Echo::start("127.0.0.30:0");
    for transport in [ServerTransport::Tcp, ServerTransport::Udp] {
        let is_udp = transport == ServerTransport::Udp;
        let config = only(turn(Coturn::ADDRESS, transport, Coturn::USER.1));
        let (mut relays, relayed) = relay(config, &coturn);
        packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
        coturn.kill();
        coturn = Coturn::start(&desk, &[]);
        if is_udp {
            // The permission's renewal hears that nobody knows it.
            relays.jump(Duration::from_secs(241));
        }
        let lost = |relays: &Relays| {
            let mut told = relays.told.iter();
            told.any(
                |output| matches!(output, GatherOutput::Lost { relayed: r, .. } if *r == relayed),
            )
        };
        assert!(relays.run_until(SOON, lost), "{:?}", relays.told);
        assert!(
            relays.run_until(SOON, |relays| relays.relayed().len() == 1),
            "{:?}",
            relays.told
        );
        let relayed = relays.relayed()[0];
        packets_go_both_ways(&mut relays, relayed, echo.address(), 3);
    }
}
