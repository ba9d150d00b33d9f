//! A call's media sockets: an even port for RTP and the next one for RTCP (RFC 3550 §11), at each address of the
//! device that is of use.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tandem_media::Datagram;
use tandem_types::CallId;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::inbox::{Inbound, Inbox};
use super::media_streams::MediaStreams;
use super::sip_sockets::Network;
use crate::net::{Capture, LocalAddress};
use crate::phone::MediaPorts;

/// How often a pair of neighbouring ports is tried for.
const ATTEMPTS: usize = 32;
/// No media packet is larger than what an Ethernet carries; a larger one is none of ours.
const PACKET: usize = 2_048;

/// The pause after a socket's fault: one that lasts must not keep a core busy.
const AFTER_FAULT: Duration = Duration::from_millis(20);

/// Addresses of one call at one time; each has a socket for RTP and one for RTCP.
const MAX_ADDRESSES: usize = 4;

/// The sockets of one call. Dropping them closes all.
pub(super) struct MediaSockets {
    capture: Option<Arc<dyn Capture>>,
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    ports: Vec<MediaPorts>,
    readers: JoinSet<()>,
    /// To TURN servers.
    pub(super) streams: MediaStreams,
}

impl MediaSockets {
    /// Opens a pair at each of these addresses, as far as there is one to be had: the first must be.
    pub(super) fn open(
        call: &CallId,
        network: &Network,
        inbox: &Inbox,
        addresses: &[LocalAddress],
    ) -> io::Result<Self> {
        let streams = MediaStreams::new(call.clone(), network.clone(), inbox.clone(), addresses);
        let mut opened = Self {
            capture: network.capture.clone(),
            sockets: Vec::new(),
            ports: Vec::new(),
            readers: JoinSet::new(),
            streams,
        };
        for (at, address) in addresses.iter().take(MAX_ADDRESSES).enumerate() {
            match opened.add(call, network, inbox, *address) {
                Ok(()) => {}
                Err(error) if at == 0 => return Err(error),
                Err(error) => tracing::info!(%call, %error, "a call does without an address"),
            }
        }
        Ok(opened)
    }

    fn add(
        &mut self,
        call: &CallId,
        network: &Network,
        inbox: &Inbox,
        address: LocalAddress,
    ) -> io::Result<()> {
        let (rtp, rtcp) = bind_pair(network, address)?;
        let rtp = Arc::new(UdpSocket::from_std(rtp)?);
        let rtcp = Arc::new(UdpSocket::from_std(rtcp)?);
        let ports = MediaPorts {
            rtp: rtp.local_addr()?,
            rtcp: rtcp.local_addr()?,
        };
        for (socket, local) in [(rtp, ports.rtp), (rtcp, ports.rtcp)] {
            let reader = read(socket.clone(), call.clone(), local, inbox.clone());
            self.readers.spawn(reader);
            self.sockets.push((local, socket));
        }
        self.ports.push(ports);
        Ok(())
    }

    /// Closes all, and waits until they are.
    pub(super) async fn close(mut self) {
        self.readers.shutdown().await;
    }

    pub(super) fn ports(&self) -> &[MediaPorts] {
        &self.ports
    }

    /// Sends a packet. A full buffer or an unreachable peer loses it, as any network may.
    pub(super) fn send(&self, datagram: &Datagram) {
        let Datagram { from, to, bytes } = datagram;
        // Never from another socket than the one that was meant: that would show an address to who must not see it.
        let mut sockets = self.sockets.iter();
        let Some((_, socket)) = sockets.find(|(local, _)| local == from) else {
            return;
        };
        if let Some(capture) = &self.capture {
            capture.datagram(*from, *to, bytes);
        }
        // Not by way of the runtime, which takes a socket that it has not looked at yet for one that is full: the first
        // packets ask the servers, and somebody waits.
        if let Err(error) = SockRef::from(&**socket).send_to(bytes, &(*to).into()) {
            tracing::trace!(%error, "media packet not sent");
        }
    }

    /// Notes what the capture should see of a packet that came in.
    pub(super) fn capture_inbound(&self, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        if let Some(capture) = &self.capture {
            capture.datagram(from, local, bytes);
        }
    }
}

fn bind_pair(
    network: &Network,
    at: LocalAddress,
) -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let LocalAddress { network: id, ip } = at;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let first = network.factory.udp(id, SocketAddr::new(ip, 0))?;
        let port = first.local_addr()?.port();
        // Either neighbour makes a pair; which one is RTP follows from which is even.
        let other = if port % 2 == 0 {
            port.checked_add(1)
        } else {
            port.checked_sub(1)
        };
        let Some(other) = other.filter(|port| *port != 0) else {
            continue;
        };
        match network.factory.udp(id, SocketAddr::new(ip, other)) {
            Ok(second) if port % 2 == 0 => return Ok((first, second)),
            Ok(second) => return Ok((second, first)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn read(socket: Arc<UdpSocket>, call: CallId, local: SocketAddr, inbox: Inbox) {
    let mut buffer = vec![0; PACKET];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                if !inbox
                    .put(Inbound::Media {
                        call: call.clone(),
                        local,
                        from,
                        bytes,
                    })
                    .await
                {
                    return;
                }
            }
            Err(error) => {
                tracing::trace!(%call, %error, "media socket");
                tokio::time::sleep(AFTER_FAULT).await;
            }
        }
    }
}

#[cfg(test)]
#[path = "media_sockets_tests.rs"]
mod tests;
