//! The way to a peer without ICE: what it signalled, corrected by where its packets come from.

use std::net::SocketAddr;
use std::time::Instant;

use super::latch::{Latch, Verdict};
use super::wire::Component;

/// Signalled and learnt addresses of a peer without ICE.
#[derive(Debug, Default)]
pub(super) struct FixedPath {
    rtp: Latch,
    rtcp: Latch,
}

impl FixedPath {
    /// Sets, or changes, where the peer said it is.
    pub(super) fn set_signalled(&mut self, rtp: SocketAddr, rtcp: SocketAddr) {
        self.rtp.set_signalled(rtp);
        self.rtcp.set_signalled(rtcp);
    }

    /// Judges valid media, and learns from it.
    pub(super) fn handle_rtp(&mut self, now: Instant, from: SocketAddr, ssrc: u32) -> Verdict {
        self.rtp.handle(now, from, ssrc)
    }

    /// Judges valid control, and learns from it where it has a port of its own.
    pub(super) fn handle_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
        ssrc: u32,
    ) -> Verdict {
        match component {
            // Multiplexed control comes from where the media comes from, or it is not the peer's; it never
            // moves the media.
            Component::Rtp => self.rtp.judge(from),
            Component::Rtcp => self.rtcp.handle(now, from, ssrc),
        }
    }

    /// Judges DTLS, and learns from the first of it: behind a NAT nothing else shows where the peer is.
    pub(super) fn handle_dtls(
        &mut self,
        now: Instant,
        component: Component,
        from: SocketAddr,
    ) -> Verdict {
        match component {
            Component::Rtp => self.rtp.handle(now, from, 0),
            Component::Rtcp => self.rtcp.handle(now, from, 0),
        }
    }

    /// Where to send; `None` when the peer named no address.
    pub(super) fn target(&self, component: Component) -> Option<SocketAddr> {
        match component {
            Component::Rtp => self.rtp.target(),
            Component::Rtcp => self.rtcp.target(),
        }
    }
}
