//! The packets of one m-line on their way: which address, which component, what protection.
//!
//! A transport is one [`Connectivity`] times one [`Protection`]. Fixed addresses and plain RTP are the first
//! of each; ICE, SDES and DTLS join as further variants without the session noticing.

mod demux;
mod latch;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;

pub(crate) use demux::RtcpItem;
use demux::{Kind, classify, parse_rtcp, parse_rtp};
use latch::{Latch, Verdict};

use crate::negotiate::ReceiveMap;

/// Which of a stream's two ports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// Media; also RTCP when it is multiplexed (RFC 5761).
    Rtp,
    /// RTCP on its own port.
    Rtcp,
}

/// A datagram to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// From which local port.
    pub component: Component,
    /// To whom.
    pub to: SocketAddr,
    /// The whole payload of the UDP datagram.
    pub bytes: Vec<u8>,
}

/// How the way to the peer is found.
#[non_exhaustive]
pub(crate) enum Connectivity {
    /// The signalled addresses, corrected by where packets really come from.
    Fixed(Box<FixedPath>),
}

/// What protects the packets.
#[non_exhaustive]
pub(crate) enum Protection {
    /// Nothing: RTP/AVP.
    Plain,
}

/// Signalled and learnt addresses of a peer without ICE.
#[derive(Debug, Default)]
pub(crate) struct FixedPath {
    rtp: Latch,
    rtcp: Latch,
}

/// What a datagram turned out to be.
pub(crate) enum Inbound {
    /// Media, from the source that is listened to.
    Rtp(Packet),
    /// Control.
    Rtcp(Vec<RtcpItem>),
}

/// Datagrams that were not used, by why.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TransportCounters {
    /// Neither RTP nor RTCP, or damaged.
    pub malformed: u64,
    /// RTP with a payload type that was not agreed on.
    pub unknown_payload: u64,
    /// From an address that is not the peer's.
    pub foreign: u64,
}

/// One m-line's transport. Sans-IO: datagrams in, datagrams out.
pub(crate) struct Transport {
    connectivity: Connectivity,
    protection: Protection,
    rtcp_mux: bool,
    pub(crate) counters: TransportCounters,
}

impl Transport {
    /// A plain transport that knows nobody yet.
    pub(crate) fn plain() -> Self {
        Self {
            connectivity: Connectivity::Fixed(Box::default()),
            protection: Protection::Plain,
            rtcp_mux: false,
            counters: TransportCounters::default(),
        }
    }

    /// Sets, or changes, where the peer said it is.
    pub(crate) fn set_remote(&mut self, rtp: SocketAddr, rtcp: SocketAddr, rtcp_mux: bool) {
        self.rtcp_mux = rtcp_mux;
        match &mut self.connectivity {
            Connectivity::Fixed(path) => {
                path.rtp.set_signalled(rtp);
                path.rtcp.set_signalled(rtcp);
            }
        }
    }

    /// Takes a datagram; `None` when it is not for us. `known`: the payload types agreed on.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        bytes: &[u8],
        known: &ReceiveMap,
    ) -> Option<Inbound> {
        let bytes = match self.protection {
            Protection::Plain => {
                Bytes::copy_from_slice(bytes.get(..demux::MAX_DATAGRAM.min(bytes.len()))?)
            }
        };
        let inbound = match classify(&bytes) {
            Kind::Rtp if component == Component::Rtp => self.handle_rtp(now, from, bytes, known),
            Kind::Rtcp => self.handle_rtcp(now, component, from, &bytes),
            Kind::Rtp | Kind::Other => Err(Unused::Malformed),
        };
        match inbound {
            Ok(inbound) => return Some(inbound),
            Err(Unused::Malformed) => self.counters.malformed += 1,
            Err(Unused::UnknownPayload) => self.counters.unknown_payload += 1,
            Err(Unused::Foreign) => self.counters.foreign += 1,
        }
        None
    }

    fn handle_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: Bytes,
        known: &ReceiveMap,
    ) -> Result<Inbound, Unused> {
        let packet = parse_rtp(bytes).ok_or(Unused::Malformed)?;
        if !known.contains_key(&packet.header.payload_type) {
            return Err(Unused::UnknownPayload);
        }
        match &mut self.connectivity {
            Connectivity::Fixed(path) => match path.rtp.handle(now, from, packet.header.ssrc) {
                Verdict::Peer => Ok(Inbound::Rtp(packet)),
                Verdict::Stranger => Err(Unused::Foreign),
            },
        }
    }

    fn handle_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<Inbound, Unused> {
        let items = parse_rtcp(bytes).ok_or(Unused::Malformed)?;
        let ssrc = items.first().map_or(0, RtcpItem::ssrc);
        match &mut self.connectivity {
            Connectivity::Fixed(path) => {
                let verdict = match component {
                    // Multiplexed control comes from where the media comes from, or it is not the peer's;
                    // it never moves the media.
                    Component::Rtp => path.rtp.judge(from),
                    Component::Rtcp => path.rtcp.handle(now, from, ssrc),
                };
                match verdict {
                    Verdict::Peer => Ok(Inbound::Rtcp(items)),
                    Verdict::Stranger => Err(Unused::Foreign),
                }
            }
        }
    }

    /// The datagram for a media packet; `None` while there is nobody to send to.
    pub(crate) fn send_rtp(&mut self, packet: &Packet) -> Option<Datagram> {
        let to = match &self.connectivity {
            Connectivity::Fixed(path) => path.rtp.target()?,
        };
        let bytes = match self.protection {
            Protection::Plain => packet.marshal().ok()?.to_vec(),
        };
        Some(Datagram {
            component: Component::Rtp,
            to,
            bytes,
        })
    }

    /// The datagram for a compound control packet.
    pub(crate) fn send_rtcp(&mut self, compound: Vec<u8>) -> Option<Datagram> {
        let (component, to) = match &self.connectivity {
            Connectivity::Fixed(path) if self.rtcp_mux => (Component::Rtp, path.rtp.target()?),
            Connectivity::Fixed(path) => (Component::Rtcp, path.rtcp.target()?),
        };
        let bytes = match self.protection {
            Protection::Plain => compound,
        };
        Some(Datagram {
            component,
            to,
            bytes,
        })
    }
}

/// Why a datagram was not used.
enum Unused {
    Malformed,
    UnknownPayload,
    Foreign,
}
