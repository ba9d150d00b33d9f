//! ICMP errors of datagrams: that nobody listens is known after one round trip, not after half a minute.
//!
//! Linux and Android tell them of sockets that ask for it (IP_RECVERR), with the address that was sent to.
//! Elsewhere only connected sockets hear of them, and the transactions' own timers have to do.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::{enable, refused};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use silent::{enable, refused};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod silent {
    use std::net::SocketAddr;

    use tokio::net::UdpSocket;

    pub(in super::super) fn enable(_socket: &UdpSocket) {}

    pub(in super::super) fn refused(_socket: &UdpSocket) -> Vec<SocketAddr> {
        Vec::new()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io::IoSliceMut;
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;

    use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
    use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt};
    use tokio::net::UdpSocket;

    /// Errors taken at one time.
    const MAX_ERRORS: usize = 32;

    /// Asks for errors. Without them everything works, later.
    pub(in super::super) fn enable(socket: &UdpSocket) {
        let asked = match socket.local_addr() {
            Ok(SocketAddr::V4(_)) => setsockopt(socket, Ipv4RecvErr, &true),
            Ok(SocketAddr::V6(_)) => setsockopt(socket, Ipv6RecvErr, &true),
            Err(_) => return,
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "the system does not tell of unreachable ports");
        }
    }

    /// Whom datagrams were sent to that nobody took. Takes the errors away.
    pub(in super::super) fn refused(socket: &UdpSocket) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        // The start of what was sent comes back with it.
        let mut sent = [0; 64];
        for _ in 0..MAX_ERRORS {
            let mut buffers = [IoSliceMut::new(&mut sent)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let taken = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, None, flags);
            let Ok(message) = taken else {
                break;
            };
            let to = message.address.as_ref().and_then(address);
            if let Some(to) = to.filter(|to| !found.contains(to)) {
                found.push(to);
            }
        }
        found
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let four = storage
            .as_sockaddr_in()
            .map(|at| SocketAddr::V4((*at).into()));
        let six = || {
            storage
                .as_sockaddr_in6()
                .map(|at| SocketAddr::V6((*at).into()))
        };
        four.or_else(six)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_told_by_its_address() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let nobody = closed.local_addr().unwrap();
        drop(closed);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        enable(&socket);
        socket.send_to(b"REGISTER", nobody).await.unwrap();
        let mut buffer = [0; 16];
        let waiting = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut buffer));
        assert!(waiting.await.unwrap().is_err());
        assert_eq!(refused(&socket), [nobody]);
        assert!(refused(&socket).is_empty(), "told once");
    }
}
