//! Doors for the fuzzer and the bench to parts that are nobody else's business. Only with the feature `fuzzing`.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tandem_types::Entropy;
use tandem_types::media::IceDescription;

use crate::transport::demux::{Kind, classify, parse_rtcp, parse_rtp};
use crate::transport::ice::candidate::Candidate;
use crate::transport::ice::{IceConfig, IceLink};
use crate::transport::wire::{Component, Path};
pub use crate::transport::{dtls, sdes, srtp};

/// What would be decoded of a media packet. `None` if it is none, or damaged.
pub fn rtp_payload(bytes: &[u8]) -> Option<Vec<u8>> {
    if classify(bytes) != Kind::Rtp {
        return None;
    }
    parse_rtp(Bytes::copy_from_slice(bytes)).map(|packet| packet.payload.to_vec())
}

/// How many packets a control datagram holds. `None` if it is none, or damaged.
pub fn rtcp_items(bytes: &[u8]) -> Option<usize> {
    if classify(bytes) != Kind::Rtcp {
        return None;
    }
    let items = parse_rtcp(bytes)?;
    for item in &items {
        let _ = (item.ssrc(), item.reports().len());
    }
    Some(items.len())
}

/// One side's way to a peer over one socket, for measuring it in virtual time beside other stacks.
pub struct Way {
    link: IceLink,
    socket: SocketAddr,
}

impl Way {
    /// A way from this socket; `None` if an agent cannot be set up.
    pub fn new(now: Instant, socket: SocketAddr, entropy: &mut dyn Entropy) -> Option<Self> {
        let mut link = IceLink::new(now, IceConfig::default(), false, entropy).ok()?;
        let line = format!(
            "1 1 udp 2130706431 {} {} typ host",
            socket.ip(),
            socket.port()
        );
        link.add_local(socket, Candidate::parse(&line).ok()?);
        Some(Self { link, socket })
    }

    /// What the other side is told.
    pub fn description(&self) -> Option<IceDescription> {
        self.link.description()
    }

    /// What the other side said. False if it makes no sense.
    pub fn agree(&mut self, now: Instant, remote: &IceDescription, controlling: bool) -> bool {
        self.link.agree(now, remote, controlling).is_ok()
    }

    /// Takes a STUN message.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let (local, remote) = (self.socket, from);
        self.link.handle(now, Path { local, remote }, bytes);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
        while self.link.poll_event().is_some() {}
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout()
    }

    /// The next datagram.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.link.poll_transmit(now).map(|(_, bytes)| bytes)
    }

    /// Whether something may be sent to the peer by now.
    pub fn is_open(&self, now: Instant) -> bool {
        self.link.path(now, Component::Rtp).is_some()
    }
}

/// A candidate line as we write it, if we understand it.
pub fn candidate_line(line: &str) -> Option<String> {
    Some(Candidate::parse(line).ok()?.to_string())
}
