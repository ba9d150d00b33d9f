//! What can be reached in the clear: the datagram socket and the listener of an account.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_types::AccountId;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::{Network, Peer};
use crate::driver::inbox::{Inbound, Inbox};
use crate::driver::stream::Wire;
use crate::driver::unreachable;

/// The largest datagram there is.
const DATAGRAM: usize = 65_535;
/// The pause after a socket's fault: one that lasts must not keep a core busy.
const AFTER_FAULT: Duration = Duration::from_millis(20);

/// Opens both at `local` and reads them in `tasks`.
pub(super) fn open(
    network: &Network,
    local: SocketAddr,
    account: AccountId,
    inbox: &Inbox,
    tasks: &mut JoinSet<()>,
) -> io::Result<Arc<UdpSocket>> {
    let (udp, listener) = bind_both(network, local)?;
    let udp = Arc::new(UdpSocket::from_std(udp)?);
    unreachable::enable(&udp);
    tasks.spawn(read_datagrams(udp.clone(), account, inbox.clone()));
    tasks.spawn(accept_streams(
        TcpListener::from_std(listener)?,
        account,
        inbox.clone(),
    ));
    Ok(udp)
}

/// A datagram socket and a listener at one address.
fn bind_both(
    network: &Network,
    local: SocketAddr,
) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    // A free port for one kind may be taken for the other: try a few.
    const ATTEMPTS: usize = 16;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let udp = network.factory.udp(network.id, local)?;
        match network.factory.listener(network.id, udp.local_addr()?) {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) => last = error,
        }
        if local.port() != 0 {
            break;
        }
    }
    Err(last)
}

async fn read_datagrams(socket: Arc<UdpSocket>, account: AccountId, inbox: Inbox) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                if !inbox
                    .put(Inbound::Sip {
                        account,
                        from,
                        bytes,
                    })
                    .await
                {
                    return;
                }
            }
            // An ICMP error of an earlier datagram, or a fault of the socket.
            Err(error) => {
                tracing::debug!(%account, %error, "datagram socket");
                for remote in unreachable::refused(&socket) {
                    inbox.put(Inbound::Unreachable { account, remote }).await;
                }
                tokio::time::sleep(AFTER_FAULT).await;
            }
        }
    }
}

async fn accept_streams(listener: TcpListener, account: AccountId, inbox: Inbox) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let _ = stream.set_nodelay(true);
                if !inbox
                    .put(Inbound::Connected {
                        account,
                        stream: Wire::Plain(stream),
                        peer: Peer::plain(remote),
                        hop: None,
                    })
                    .await
                {
                    return;
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: wait for some to be free instead of spinning.
                tracing::warn!(%account, %error, "stream not accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
