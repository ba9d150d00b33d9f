//! The signalling-neutral description of a call's media.
//!
//! `media` understands this and nothing else; `sip` renders it as SDP (RFC 8866) and, later, `xmpp` as
//! Jingle (XEP-0166). A field exists here when both can say it, or when losing it would lose meaning.

use std::net::SocketAddr;

use crate::{Encryption, MediaKind};

/// All streams of one offer or answer, in the order both sides keep (RFC 3264 §6).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MediaDescription {
    /// One entry per m-line or Jingle content, rejected ones included.
    pub streams: Vec<Stream>,
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
    /// What protects the packets.
    pub security: Security,
    /// ICE credentials and candidates; `None` where the writer does not do ICE.
    pub ice: Option<IceDescription>,
}

/// What protects a stream's packets, and what the writer says of its keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// Plain RTP (RFC 3551): `RTP/AVP`.
    #[default]
    Plain,
    /// SRTP, keys in the signalling (RFC 4568): `RTP/SAVP` with `a=crypto`.
    Sdes {
        /// The offered or chosen key lines, best first.
        keys: Vec<SdesKey>,
    },
    /// SRTP, keys by DTLS (RFC 5764): `UDP/TLS/RTP/SAVP(F)` with `a=fingerprint`.
    Dtls {
        /// Who opens the DTLS association (RFC 8842 §5).
        setup: DtlsSetup,
        /// Certificate fingerprints: hash name and bytes (RFC 8122).
        fingerprints: Vec<Fingerprint>,
    },
}

impl Security {
    /// What a call protected like this is recorded as.
    pub const fn encryption(&self) -> Encryption {
        match self {
            Self::Plain => Encryption::None,
            Self::Sdes { .. } => Encryption::Sdes,
            Self::Dtls { .. } => Encryption::DtlsSrtp,
        }
    }
}

/// One `a=crypto` line (RFC 4568 §4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SdesKey {
    /// The tag the answer repeats.
    pub tag: u32,
    /// Crypto suite, such as `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Everything after the suite: `inline:…` and session parameters. Secret, so never logged.
    pub key_params: crate::Pii<String>,
}

/// Who opens a DTLS association (RFC 8842 §5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DtlsSetup {
    /// The writer is the client.
    Active,
    /// The writer can be either; the answerer chooses.
    ActPass,
    /// The writer is the server.
    Passive,
}

/// A certificate's fingerprint (RFC 8122 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// Hash name as in SDP: `sha-256`.
    pub hash: String,
    /// The hash itself.
    pub bytes: Vec<u8>,
}

/// What the writer says for ICE (RFC 8839). The candidates themselves follow with the ICE transport.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IceDescription {
    /// `a=ice-ufrag`.
    pub username_fragment: String,
    /// `a=ice-pwd`. Secret, so never logged.
    pub password: crate::Pii<String>,
    /// Candidate lines as written after `a=candidate:`, in order.
    pub candidates: Vec<String>,
    /// The writer is ICE-lite.
    pub lite: bool,
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
