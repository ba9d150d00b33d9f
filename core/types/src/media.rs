//! The signalling-neutral description of a call's media.
//!
//! `media` understands this and nothing else; `sip` renders it as SDP (RFC 8866) and, later, `xmpp` as
//! Jingle (XEP-0166). A field exists here when both can say it, or when losing it would lose meaning.

mod ice;
mod security;

use std::net::SocketAddr;

use crate::MediaKind;

pub use ice::{IceDescription, IceUpdate};
pub use security::{
    DtlsRole, DtlsSetup, Fingerprint, MediaSecurity, SdesKey, Security, UnknownMediaSecurity,
};

/// All streams of one offer or answer, in the order both sides keep (RFC 3264 §6).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MediaDescription {
    /// One entry per m-line or Jingle content, rejected ones included.
    pub streams: Vec<Stream>,
    /// Groups of streams that share one transport (`a=group:BUNDLE`, RFC 8843; XEP-0338), each by the
    /// [`mid`](Stream::mid)s of its streams in order. In an offer a wish, in an answer what holds.
    pub bundles: Vec<Vec<String>>,
}

impl MediaDescription {
    /// These streams, each with a transport of its own.
    pub const fn of(streams: Vec<Stream>) -> Self {
        Self {
            streams,
            bundles: Vec::new(),
        }
    }
}

/// One m-line (SDP) or content (Jingle).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stream {
    /// `a=mid` or the content's name; `None` where the peer gave none.
    pub mid: Option<String>,
    /// What it carries; an unknown kind is kept by its name so that it can be answered with a rejection.
    pub kind: StreamKind,
    /// Which way media may flow, seen from the side that wrote the description.
    pub direction: Direction,
    /// In order of preference. Empty only for a rejected stream.
    pub codecs: Vec<Codec>,
    /// Where and how its packets travel; `None` for a rejected stream (port 0 in SDP).
    pub transport: Option<TransportDescription>,
    /// Packet duration the writer would like to receive, in milliseconds (`a=ptime`).
    pub packet_ms: Option<u16>,
}

/// The kind of a stream on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamKind {
    /// A kind this build can carry, or at least name.
    Known(MediaKind),
    /// Any other (`image`, `application`, …): kept as written, together with the protocol and formats that
    /// the rejecting answer must repeat (RFC 3264 §6).
    Other {
        /// `image`, `message`, `application`, …
        name: String,
        /// The m-line's protocol, such as `udptl`.
        protocol: String,
        /// The m-line's format list.
        formats: Vec<String>,
    },
}

/// Which way media may flow (RFC 3264 §5.1, XEP-0166 `senders`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer only sends: it holds the reader, or has nothing to play.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The direction with these two abilities.
    pub const fn of(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        match self {
            Self::SendRecv | Self::SendOnly => true,
            Self::RecvOnly | Self::Inactive => false,
        }
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        match self {
            Self::SendRecv | Self::RecvOnly => true,
            Self::SendOnly | Self::Inactive => false,
        }
    }

    /// The same direction as the other side sees it.
    pub const fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What an answerer that would like `wish` may say to an offer of `offered` (RFC 3264 §6.1).
    pub const fn answer_to(offered: Self, wish: Self) -> Self {
        Self::of(
            wish.sends() && offered.receives(),
            wish.receives() && offered.sends(),
        )
    }
}

/// One payload format of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Codec {
    /// RTP payload type, 0–127, as the writer of the description wants to receive it.
    pub payload_type: u8,
    /// Encoding name as registered (`opus`, `G722`, `telephone-event`); compared without regard to case.
    pub name: String,
    /// RTP clock rate in Hz. G.722 says 8000 although it samples at 16 kHz (RFC 3551 §4.5.2).
    pub clock_rate: u32,
    /// Channels, 1 unless said otherwise; Opus always says 2 (RFC 7587 §7).
    pub channels: u8,
    /// `a=fmtp` parameters as written, without the payload type.
    pub parameters: Option<String>,
}

impl Codec {
    /// Whether `other` names the same encoding (RFC 3264 §6.1): name without case, rate and channels.
    pub fn same_encoding(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }

    /// Whether this is the DTMF format of RFC 4733, which accompanies a codec and is none by itself.
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event")
    }
}

/// Where and how a stream's packets travel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransportDescription {
    /// Where the writer wants its RTP.
    pub rtp: SocketAddr,
    /// Where it wants its RTCP: port + 1 unless said otherwise (RFC 3605).
    pub rtcp: SocketAddr,
    /// Whether both may share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether they must, as the writer has no other port (RFC 8858). Only ever set together with
    /// [`rtcp_mux`](Self::rtcp_mux).
    pub rtcp_mux_only: bool,
    /// Early RTCP feedback (RFC 4585): the `F` of the profile, which an answer repeats.
    pub feedback: bool,
    /// What protects the packets.
    pub security: Security,
    /// The protection is only a wish: plain RTP is a legal answer (RFC 8643, keys under `RTP/AVP`). Never set
    /// with [`Security::Plain`].
    pub opportunistic: bool,
    /// ICE credentials and candidates; `None` where the writer does not do ICE.
    pub ice: Option<IceDescription>,
    /// In an answer: the offer's candidates did not fit its default address, so that ICE is not used
    /// (`a=ice-mismatch`, RFC 8839 §5.4).
    pub ice_mismatch: bool,
}

impl TransportDescription {
    /// Plain RTP between two ports, without anything else.
    pub const fn plain(rtp: SocketAddr, rtcp: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp,
            rtcp_mux: false,
            rtcp_mux_only: false,
            feedback: false,
            security: Security::Plain,
            opportunistic: false,
            ice: None,
            ice_mismatch: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    use super::*;

    #[test]
    fn an_answer_never_claims_more_than_the_offer_gives() {
        assert_eq!(Direction::answer_to(SendRecv, SendRecv), SendRecv);
        assert_eq!(Direction::answer_to(SendOnly, SendRecv), RecvOnly);
        assert_eq!(Direction::answer_to(RecvOnly, SendRecv), SendOnly);
        assert_eq!(Direction::answer_to(Inactive, SendRecv), Inactive);
        assert_eq!(Direction::answer_to(SendRecv, SendOnly), SendOnly);
        assert_eq!(Direction::answer_to(SendOnly, SendOnly), Inactive);
    }

    #[test]
    fn reversing_twice_changes_nothing() {
        for direction in [SendRecv, SendOnly, RecvOnly, Inactive] {
            assert_eq!(direction.reversed().reversed(), direction);
        }
    }
}
