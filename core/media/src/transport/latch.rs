//! Symmetric RTP (RFC 4961): sending to where packets really come from.
//!
//! A peer behind a NAT signals an address nobody can reach; its packets show the right one. The first valid
//! packet decides, and after that only
//!
//! ```text
//!   nobody ──first packet──► locked ──same source──► locked
//!                              │ from the signalled address: it wins at once
//!                              │ new SSRC, and the old source quiet for 60 ms
//!                              └ any SSRC, and the old source quiet for 500 ms  ──► locked to the new source
//! ```
//!
//! Plain RTP proves nothing about who sent it: who can guess the port and a payload type, and is faster than
//! the peer or waits for a pause, receives and is heard. That is the price of working behind NATs without
//! ICE, and the reason why SRTP packets will have to be authenticated before they come here.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A source that pauses this long may be replaced by another one with another SSRC.
const HANDOVER_PAUSE: Duration = Duration::from_millis(60);
/// … and after this long by any: the peer's NAT gave it a new port.
const LOST: Duration = Duration::from_millis(500);

/// Whether a packet is the peer's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is.
    Peer,
    /// It comes from somewhere else.
    Stranger,
}

/// One component's remote address.
#[derive(Debug, Default)]
pub(super) struct Latch {
    signalled: Option<SocketAddr>,
    source: Option<Source>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    address: SocketAddr,
    ssrc: u32,
    last: Instant,
}

impl Latch {
    /// The peer says where it is. A new address is believed until packets show otherwise.
    pub(super) fn set_signalled(&mut self, address: SocketAddr) {
        if self.signalled == Some(address) {
            return;
        }
        // What was learnt before the first answer (early media) stays; a change of address starts anew.
        if self.signalled.is_some() {
            self.source = None;
        }
        self.signalled = Some(address);
    }

    /// Where to send; `None` when the peer named no address and none was learnt.
    pub(super) fn target(&self) -> Option<SocketAddr> {
        let reachable = |to: &SocketAddr| !to.ip().is_unspecified() && to.port() != 0;
        // Who is on hold at `0.0.0.0` wants nothing, whatever it sent before.
        let signalled = self.signalled.filter(reachable)?;
        Some(self.source.map_or(signalled, |source| source.address))
    }

    /// Judges by address only, learning nothing.
    pub(super) fn judge(&self, from: SocketAddr) -> Verdict {
        let known = self.source.map(|source| source.address).or(self.signalled);
        if known.is_none_or(|known| known == from) || self.signalled == Some(from) {
            Verdict::Peer
        } else {
            Verdict::Stranger
        }
    }

    /// Judges a valid packet and learns from it.
    pub(super) fn handle(&mut self, now: Instant, from: SocketAddr, ssrc: u32) -> Verdict {
        let new = Source {
            address: from,
            ssrc,
            last: now,
        };
        let Some(locked) = &mut self.source else {
            self.source = Some(new);
            return Verdict::Peer;
        };
        let pause = now.saturating_duration_since(locked.last);
        let replaces = self.signalled == Some(from)
            || pause >= LOST
            || (ssrc != locked.ssrc && pause >= HANDOVER_PAUSE);
        if locked.address == from || replaces {
            *locked = new;
            return Verdict::Peer;
        }
        Verdict::Stranger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 4000))
    }

    #[test]
    fn packets_go_to_where_they_come_from() {
        let now = origin();
        let mut latch = Latch::default();
        assert_eq!(latch.target(), None);
        latch.set_signalled(address(1));
        assert_eq!(latch.target(), Some(address(1)));
        assert_eq!(latch.handle(now, address(9), 5), Verdict::Peer);
        assert_eq!(latch.target(), Some(address(9)));
        assert_eq!(latch.handle(now, address(66), 7), Verdict::Stranger);
        assert_eq!(latch.target(), Some(address(9)));
        // The address it signalled always wins.
        assert_eq!(latch.handle(now, address(1), 5), Verdict::Peer);
        assert_eq!(latch.target(), Some(address(1)));
    }

    #[test]
    fn another_source_takes_over_only_when_the_first_is_quiet() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut latch = Latch::default();
        latch.set_signalled(address(1));
        latch.handle(at(0), address(2), 5);
        assert_eq!(latch.handle(at(30), address(3), 6), Verdict::Stranger);
        assert_eq!(latch.handle(at(70), address(3), 6), Verdict::Peer);
        assert_eq!(latch.handle(at(200), address(4), 6), Verdict::Stranger);
        assert_eq!(latch.handle(at(600), address(4), 6), Verdict::Peer);
        assert_eq!(latch.target(), Some(address(4)));
    }

    #[test]
    fn a_new_signalled_address_is_believed_and_zero_means_nowhere() {
        let now = origin();
        let mut latch = Latch::default();
        latch.handle(now, address(2), 5);
        latch.set_signalled(address(1));
        assert_eq!(latch.target(), Some(address(2)));
        latch.set_signalled(address(3));
        assert_eq!(latch.target(), Some(address(3)));
        latch.set_signalled(SocketAddr::from(([0, 0, 0, 0], 4000)));
        assert_eq!(latch.target(), None);
    }
}
