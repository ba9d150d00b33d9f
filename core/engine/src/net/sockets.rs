//! Sockets, bound to the network path the engine asks for.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// A network path as the platform numbers it (Android's network handle, an interface index on Apple).
///
/// `ANY` lets the routing table decide, as a desktop does.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NetworkId(pub u64);

impl NetworkId {
    /// Whatever path the system would take.
    pub const ANY: Self = Self(0);
}

/// An address of this device, and the path that it belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LocalAddress {
    /// What its sockets are made with.
    pub network: NetworkId,
    /// The address of an interface: not unspecified, and no multicast.
    pub ip: IpAddr,
}

/// Makes sockets that leave the device by one given path.
///
/// Sockets come back bound and non-blocking. Implementations must not block.
pub trait SocketFactory: Send + Sync {
    /// A datagram socket at `local` (port 0: any free one).
    ///
    /// # Errors
    /// What the system says: address in use, not available, not permitted.
    fn udp(&self, network: NetworkId, local: SocketAddr) -> io::Result<UdpSocket>;

    /// An unconnected stream socket that leaves from `local`: the far end must see the address that the
    /// account's datagrams come from, on a machine with several.
    ///
    /// # Errors
    /// As [`SocketFactory::udp`].
    fn stream(&self, network: NetworkId, local: IpAddr) -> io::Result<Socket>;

    /// A listening stream socket at `local`.
    ///
    /// # Errors
    /// As [`SocketFactory::udp`].
    fn listener(&self, network: NetworkId, local: SocketAddr) -> io::Result<TcpListener>;

    /// What else a call may send and receive sound at, beside `local` on `network`, which its account uses: the other
    /// family, the other path (mobile beside Wi-Fi), best first. The engine uses the first few. A platform that
    /// names none has calls at `local` alone.
    fn further_addresses(&self, _network: NetworkId, _local: IpAddr) -> Vec<LocalAddress> {
        Vec::new()
    }
}

/// The desktop's sockets: the routing table decides, so every [`NetworkId`] is the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSockets;

impl SocketFactory for SystemSockets {
    fn udp(&self, _network: NetworkId, local: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        Ok(socket.into())
    }

    fn stream(&self, _network: NetworkId, local: IpAddr) -> io::Result<Socket> {
        let local = SocketAddr::new(local, 0);
        let socket = Socket::new(
            Domain::for_address(local),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        // A SIP message is small and somebody waits for it.
        socket.set_tcp_nodelay(true)?;
        Ok(socket)
    }

    fn listener(&self, _network: NetworkId, local: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(local),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        // Connections of the last run that linger in TIME_WAIT do not hold the port. (Windows means something
        // else by this option: two listeners on one port.)
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&local.into())?;
        socket.listen(16)?;
        Ok(socket.into())
    }

    /// The address that the other family leaves from, if it has a way out. Whoever speaks on the loopback, or on one link,
    /// has no use for it.
    fn further_addresses(&self, network: NetworkId, local: IpAddr) -> Vec<LocalAddress> {
        if !leads_out(local) {
            return Vec::new();
        }
        // Documentation addresses (RFC 5737, RFC 3849), which have the default route. Nothing is sent.
        let (unbound, anywhere): (IpAddr, IpAddr) = match local {
            IpAddr::V4(_) => (
                Ipv6Addr::UNSPECIFIED.into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            ),
            IpAddr::V6(_) => (
                Ipv4Addr::UNSPECIFIED.into(),
                Ipv4Addr::new(192, 0, 2, 1).into(),
            ),
        };
        let probe = || -> io::Result<IpAddr> {
            let socket = self.udp(network, SocketAddr::new(unbound, 0))?;
            socket.connect(SocketAddr::new(anywhere, 9))?;
            Ok(socket.local_addr()?.ip())
        };
        let found = probe().ok().filter(|ip| leads_out(*ip));
        found
            .map(|ip| LocalAddress { network, ip })
            .into_iter()
            .collect()
    }
}

/// Whether others than this machine and its neighbours can be reached from there.
fn leads_out(ip: IpAddr) -> bool {
    let on_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(on_link || ip.is_loopback() || ip.is_unspecified())
}

impl fmt::Debug for dyn SocketFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketFactory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_alone_and_elsewhere_there_is_the_other_family_at_most() {
        let further =
            |ip: &str| SystemSockets.further_addresses(NetworkId::ANY, ip.parse().unwrap());
        assert_eq!(further("127.0.0.1"), []);
        assert_eq!(further("::1"), []);
        assert_eq!(further("fe80::1"), []);
        for ip in ["192.0.2.7", "2001:db8::7"] {
            let local: IpAddr = ip.parse().unwrap();
            let found = further(ip);
            assert!(found.len() <= 1, "{found:?}");
            let other =
                |found: &LocalAddress| found.ip.is_ipv4() != local.is_ipv4() && leads_out(found.ip);
            assert!(found.iter().all(other), "{found:?}");
        }
    }
}
