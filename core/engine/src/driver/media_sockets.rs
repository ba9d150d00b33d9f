//! A call's media sockets: an even port for RTP and the next one for RTCP (RFC 3550 §11).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tandem_media::Datagram;
use tandem_types::CallId;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::inbox::{Inbound, Inbox};
use super::media_streams::MediaStreams;
use super::sip_sockets::Network;
use crate::phone::MediaPorts;

/// How often a pair of neighbouring ports is tried for.
const ATTEMPTS: usize = 32;
/// No media packet is larger than what an Ethernet carries; a larger one is none of ours.
const PACKET: usize = 2_048;

/// The pause after a socket's fault: one that lasts must not keep a core busy.
const AFTER_FAULT: Duration = Duration::from_millis(20);

/// The two sockets of one call. Dropping them closes both.
pub(super) struct MediaSockets {
    network: Network,
    rtp: Arc<UdpSocket>,
    rtcp: Arc<UdpSocket>,
    ports: MediaPorts,
    readers: JoinSet<()>,
    /// To TURN servers.
    pub(super) streams: MediaStreams,
}

impl MediaSockets {
    /// Opens a pair at `ip`.
    pub(super) fn open(
        call: &CallId,
        network: Network,
        inbox: &Inbox,
        ip: IpAddr,
    ) -> io::Result<Self> {
        let (rtp, rtcp) = bind_pair(&network, ip)?;
        let rtp = Arc::new(UdpSocket::from_std(rtp)?);
        let rtcp = Arc::new(UdpSocket::from_std(rtcp)?);
        let ports = MediaPorts {
            rtp: rtp.local_addr()?,
            rtcp: rtcp.local_addr()?,
        };
        let mut readers = JoinSet::new();
        for (socket, local) in [(&rtp, ports.rtp), (&rtcp, ports.rtcp)] {
            readers.spawn(read(socket.clone(), call.clone(), local, inbox.clone()));
        }
        let streams = MediaStreams::new(call.clone(), network.clone(), inbox.clone());
        Ok(Self {
            streams,
            network,
            rtp,
            rtcp,
            ports,
            readers,
        })
    }

    /// Closes both, and waits until they are.
    pub(super) async fn close(mut self) {
        self.readers.shutdown().await;
    }

    pub(super) const fn ports(&self) -> MediaPorts {
        self.ports
    }

    /// Sends a packet. A full buffer or an unreachable peer loses it, as any network may.
    pub(super) fn send(&self, datagram: &Datagram) {
        let Datagram { from, to, bytes } = datagram;
        let socket = if *from == self.ports.rtcp {
            &self.rtcp
        } else {
            &self.rtp
        };
        if let Some(capture) = &self.network.capture {
            capture.datagram(*from, *to, bytes);
        }
        if let Err(error) = socket.try_send_to(bytes, *to) {
            tracing::trace!(%error, "media packet not sent");
        }
    }

    /// Notes what the capture should see of a packet that came in.
    pub(super) fn capture_inbound(&self, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        if let Some(capture) = &self.network.capture {
            capture.datagram(from, local, bytes);
        }
    }
}

fn bind_pair(
    network: &Network,
    ip: IpAddr,
) -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let first = network.factory.udp(network.id, SocketAddr::new(ip, 0))?;
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
        match network.factory.udp(network.id, SocketAddr::new(ip, other)) {
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
