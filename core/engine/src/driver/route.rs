//! Which of this machine's addresses leads to a server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_sip::locate::{Place, Plan, TransportChoice};
use tandem_sip::message::Uri;

use super::sip_sockets::{Network, names};
use crate::OsEntropy;

/// How long name servers may take for all of it: somebody waits for the account to be there.
const PATIENCE: Duration = Duration::from_secs(6);

/// The local address the system would reach `server` from, or anybody of a family. Asks the routing table;
/// sends nothing.
pub(super) fn route_to(
    network: &Network,
    server: Option<&Uri>,
    choice: TransportChoice,
    six: bool,
) -> io::Result<IpAddr> {
    let Some(server) = server else {
        // A documentation address (RFC 5737, RFC 3849) has the default route. Without one there is only this
        // machine.
        let (anywhere, here): (IpAddr, IpAddr) = if six {
            let anywhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            (anywhere.into(), Ipv6Addr::LOCALHOST.into())
        } else {
            let anywhere = Ipv4Addr::new(192, 0, 2, 1);
            (anywhere.into(), Ipv4Addr::LOCALHOST.into())
        };
        return Ok(way_to(network, SocketAddr::new(anywhere, 9)).unwrap_or(here));
    };
    let place = Place::of(server).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut plan = Plan::new(place, choice);
    let until = Instant::now() + PATIENCE;
    while let Some(question) = plan.poll_question() {
        if until <= Instant::now() {
            plan.give_up(None, &mut OsEntropy);
            break;
        }
        let answer = names::ask(&*network.resolver, network.id, &question);
        plan.handle_answer(&question, &answer, None, &mut OsEntropy);
    }
    let found = plan.outcome().cloned().and_then(Result::ok);
    let targets = found.unwrap_or_default();
    let mut last = io::ErrorKind::NotFound.into();
    // A name may have an address of a family that this network has no route for.
    for target in targets {
        match way_to(network, target.address) {
            Ok(local) => return Ok(local),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn way_to(network: &Network, target: SocketAddr) -> io::Result<IpAddr> {
    let unbound: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = network
        .factory
        .udp(network.id, SocketAddr::new(unbound, 0))?;
    probe.connect(target)?;
    Ok(probe.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tandem_sip::locate::SrvRecord;
    use tandem_sip::transaction::TransportKind;

    use super::*;
    use crate::driver::secure::Tls;
    use crate::net::{
        NetworkId, RootsVerifier, SocketFactory, StaticResolver, SystemResolver, SystemSockets,
    };

    const UDP: TransportChoice = TransportChoice::Only(TransportKind::Udp);

    fn server(host: &str) -> Uri {
        format!("sip:{host}").parse().unwrap()
    }

    fn tls() -> Tls {
        Tls::new(Arc::new(RootsVerifier::system())).unwrap()
    }

    #[test]
    fn a_domain_without_addresses_is_reached_where_its_records_lead() {
        let record = SrvRecord {
            priority: 0,
            weight: 0,
            port: 5060,
            target: "server.test".to_owned(),
        };
        let names = [("server.test", Ipv4Addr::LOCALHOST.into())];
        let resolver = StaticResolver::new(names).with_srv("_sip._udp.domain.test", record);
        let network = Network {
            factory: Arc::new(SystemSockets),
            resolver: Arc::new(resolver),
            tls: tls(),
            capture: None,
            id: NetworkId::ANY,
        };
        let ip = route_to(&network, Some(&server("domain.test")), UDP, false).unwrap();
        assert_eq!(ip, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let nowhere = server("other.test");
        assert!(route_to(&network, Some(&nowhere), UDP, false).is_err());
    }

    #[test]
    fn the_way_to_a_loopback_server_is_the_loopback() {
        let network = Network {
            factory: Arc::new(SystemSockets),
            resolver: Arc::new(SystemResolver),
            tls: tls(),
            capture: None,
            id: NetworkId::ANY,
        };
        let ip = route_to(&network, Some(&server("127.0.0.1:5070")), UDP, false).unwrap();
        assert_eq!(ip, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_server_whose_first_address_cannot_be_reached_is_reached_by_its_next() {
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        let names = [
            ("server.test", six),
            ("server.test", Ipv4Addr::LOCALHOST.into()),
        ];
        let network = Network {
            factory: Arc::new(OnlyV4),
            resolver: Arc::new(StaticResolver::new(names)),
            tls: tls(),
            capture: None,
            id: NetworkId::ANY,
        };
        let ip = route_to(&network, Some(&server("server.test")), UDP, false).unwrap();
        assert_eq!(ip, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    /// A machine without IPv6.
    struct OnlyV4;

    impl SocketFactory for OnlyV4 {
        fn udp(&self, id: NetworkId, local: SocketAddr) -> io::Result<std::net::UdpSocket> {
            match local {
                SocketAddr::V4(_) => SystemSockets.udp(id, local),
                SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
            }
        }

        fn stream(&self, id: NetworkId, local: IpAddr) -> io::Result<socket2::Socket> {
            SystemSockets.stream(id, local)
        }

        fn listener(&self, id: NetworkId, at: SocketAddr) -> io::Result<std::net::TcpListener> {
            SystemSockets.listener(id, at)
        }
    }
}
