//! Sockets, bound to the network path the engine asks for.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

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
}

impl fmt::Debug for dyn SocketFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketFactory")
    }
}
