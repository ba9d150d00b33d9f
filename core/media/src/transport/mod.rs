//! The packets of one m-line on their way: which address, which component, what protection.
//!
//! A transport is one [`Connectivity`] times one [`Protection`]. Fixed addresses and plain RTP are the first
//! of each; ICE, SDES and DTLS join as further variants without the session noticing.

pub(crate) mod demux;
pub mod dtls;
mod fixed;
#[expect(dead_code, reason = "joined to the transport next")]
mod ice;
mod latch;
pub mod sdes;
pub mod srtp;
mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;

pub(crate) use demux::RtcpItem;
use demux::{Kind, classify, parse_rtcp, parse_rtp};
use fixed::FixedPath;
use latch::Verdict;
pub use wire::{Component, Datagram, LocalSocket, StreamCommand, StreamId, StreamInput};

use crate::negotiate::ReceiveMap;

/// Outputs kept for a caller that does not fetch them; beyond this the oldest go.
const MAX_OUTPUTS: usize = 512;
/// Sockets of one transport: two components on a handful of interfaces.
const MAX_SOCKETS: usize = 16;

/// How the way to the peer is found.
enum Connectivity {
    /// The signalled addresses, corrected by where packets really come from.
    Fixed(Box<FixedPath>),
}

/// What protects the packets.
enum Protection {
    /// Nothing: RTP/AVP.
    Plain,
}

/// What a transport wants done or known.
pub(crate) enum TransportOutput {
    /// Send this.
    Send(Datagram),
    /// Media, from the source that is listened to.
    Rtp(Packet),
    /// Control, and the length of the compound.
    Rtcp(Vec<RtcpItem>, usize),
}

/// Datagrams that were not used, by why.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TransportCounters {
    /// Neither RTP nor RTCP, or damaged.
    pub malformed: u64,
    /// RTP with a payload type that was not agreed on.
    pub unknown_payload: u64,
    /// From an address that is not the peer's, or to a socket that is not ours.
    pub foreign: u64,
}

/// One m-line's transport. Sans-IO: datagrams in, datagrams out.
pub(crate) struct Transport {
    sockets: Vec<LocalSocket>,
    connectivity: Connectivity,
    protection: Protection,
    rtcp_mux: bool,
    receive: ReceiveMap,
    outputs: VecDeque<TransportOutput>,
    pub(crate) counters: TransportCounters,
}

impl Transport {
    /// A plain transport that knows nobody yet.
    pub(crate) fn plain() -> Self {
        Self {
            sockets: Vec::new(),
            connectivity: Connectivity::Fixed(Box::default()),
            protection: Protection::Plain,
            rtcp_mux: false,
            receive: ReceiveMap::new(),
            outputs: VecDeque::new(),
            counters: TransportCounters::default(),
        }
    }

    /// A socket is open. The first of each component is the one that a peer without ICE is told.
    pub(crate) fn add_socket(&mut self, _now: Instant, socket: LocalSocket) {
        if self.sockets.len() < MAX_SOCKETS && !self.sockets.contains(&socket) {
            self.sockets.push(socket);
        }
    }

    /// A socket is gone.
    pub(crate) fn remove_socket(&mut self, _now: Instant, address: SocketAddr) {
        self.sockets.retain(|socket| socket.address != address);
    }

    /// The payload types that may arrive.
    pub(crate) fn set_receive(&mut self, receive: ReceiveMap) {
        self.receive = receive;
    }

    /// Sets, or changes, where the peer said it is.
    pub(crate) fn set_remote(&mut self, rtp: SocketAddr, rtcp: SocketAddr, rtcp_mux: bool) {
        self.rtcp_mux = rtcp_mux;
        match &mut self.connectivity {
            Connectivity::Fixed(path) => path.set_signalled(rtp, rtcp),
        }
    }

    /// Takes a datagram that came to our socket `local`.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        match self.inbound(now, local, from, bytes) {
            Ok(output) => self.output(output),
            Err(Unused::Malformed) => self.counters.malformed += 1,
            Err(Unused::UnknownPayload) => self.counters.unknown_payload += 1,
            Err(Unused::Foreign) => self.counters.foreign += 1,
        }
    }

    fn inbound(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<TransportOutput, Unused> {
        let socket = self.sockets.iter().find(|socket| socket.address == local);
        let component = socket.ok_or(Unused::Foreign)?.component;
        let bytes = match self.protection {
            Protection::Plain => {
                let kept = bytes.get(..demux::MAX_DATAGRAM.min(bytes.len()));
                Bytes::copy_from_slice(kept.unwrap_or_default())
            }
        };
        match classify(&bytes) {
            Kind::Rtp if component == Component::Rtp => self.inbound_rtp(now, from, bytes),
            Kind::Rtcp => self.inbound_rtcp(now, component, from, &bytes),
            Kind::Rtp | Kind::Other => Err(Unused::Malformed),
        }
    }

    fn inbound_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: Bytes,
    ) -> Result<TransportOutput, Unused> {
        let packet = parse_rtp(bytes).ok_or(Unused::Malformed)?;
        if !self.receive.contains_key(&packet.header.payload_type) {
            return Err(Unused::UnknownPayload);
        }
        match &mut self.connectivity {
            Connectivity::Fixed(path) => match path.handle_rtp(now, from, packet.header.ssrc) {
                Verdict::Peer => Ok(TransportOutput::Rtp(packet)),
                Verdict::Stranger => Err(Unused::Foreign),
            },
        }
    }

    fn inbound_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<TransportOutput, Unused> {
        let items = parse_rtcp(bytes).ok_or(Unused::Malformed)?;
        let ssrc = items.first().map_or(0, RtcpItem::ssrc);
        match &mut self.connectivity {
            Connectivity::Fixed(path) => match path.handle_rtcp(now, component, from, ssrc) {
                Verdict::Peer => Ok(TransportOutput::Rtcp(items, bytes.len())),
                Verdict::Stranger => Err(Unused::Foreign),
            },
        }
    }

    /// Sends a media packet; `false` while there is nobody to send to.
    pub(crate) fn send_rtp(&mut self, packet: &Packet) -> bool {
        let bytes = match self.protection {
            Protection::Plain => packet.marshal().map(|bytes| bytes.to_vec()),
        };
        bytes.is_ok_and(|bytes| self.send(Component::Rtp, bytes))
    }

    /// Sends a compound control packet; `false` while there is nobody to send to.
    pub(crate) fn send_rtcp(&mut self, compound: Vec<u8>) -> bool {
        let component = if self.rtcp_mux {
            Component::Rtp
        } else {
            Component::Rtcp
        };
        let bytes = match self.protection {
            Protection::Plain => compound,
        };
        self.send(component, bytes)
    }

    fn send(&mut self, component: Component, bytes: Vec<u8>) -> bool {
        let to = match &self.connectivity {
            Connectivity::Fixed(path) => path.target(component),
        };
        let of_component = |socket: &&LocalSocket| socket.component == component;
        let from = self.sockets.iter().find(of_component);
        let (Some(from), Some(to)) = (from.map(|socket| socket.address), to) else {
            return false;
        };
        self.output(TransportOutput::Send(Datagram { from, to, bytes }));
        true
    }

    /// What is to be done; to be fetched after every other call, until `None`.
    pub(crate) fn poll_output(&mut self) -> Option<TransportOutput> {
        self.outputs.pop_front()
    }

    fn output(&mut self, output: TransportOutput) {
        if self.outputs.len() >= MAX_OUTPUTS {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }
}

/// Why a datagram was not used.
enum Unused {
    Malformed,
    UnknownPayload,
    Foreign,
}
