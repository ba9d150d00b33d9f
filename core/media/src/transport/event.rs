//! What a transport says.

use std::time::Instant;

use rtc_rtp::packet::Packet;
use tandem_types::Encryption;
use tandem_types::media::Fingerprint;
use thiserror::Error;

use super::demux::RtcpItem;
use super::dtls::DtlsFailure;
use super::ice::IceFault;
use super::sdes::SdesError;
use super::wire::{Datagram, StreamCommand};

/// What a transport wants done or known.
#[derive(Debug)]
pub(crate) enum TransportOutput {
    /// Send this.
    Send(Datagram),
    /// Do this to a connection.
    Stream(StreamCommand),
    /// Media of one stream, from the peer as far as the protection proves it.
    Rtp {
        /// Which stream of the bundle.
        stream: usize,
        packet: Packet,
    },
    /// Control, and the length of the compound.
    Rtcp(Vec<RtcpItem>, usize),
    /// Know this.
    Event(TransportEvent),
}

/// What happened to the way between the two ends, or to its protection.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// A local candidate to tell the peer, as it follows `a=candidate:`.
    Candidate(String),
    /// Who waits for candidates waits no longer.
    GatheringDone,
    /// A way is agreed on: with ICE by checks, without it by signalling alone.
    Connected,
    /// Packets now take another way; none were lost by it.
    PathChanged,
    /// Nothing comes through any more, not even answers.
    PathLost {
        /// The last sign of life.
        since: Instant,
    },
    /// It comes through again.
    PathBack,
    /// Only an ICE restart helps. To be done: [`restart`](crate::MediaSession::restart), and what
    /// [`local_transport`](crate::MediaSession::local_transport) then says to the peer.
    RestartNeeded,
    /// The packets are protected from now on.
    Secured {
        /// How.
        encryption: Encryption,
        /// Which certificates proved themselves; `None` where the keys came through the signalling.
        certificates: Option<Certificates>,
    },
    /// It cannot go on as agreed.
    Failed(TransportFailure),
}

/// The two certificates of a DTLS association.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificates {
    /// Ours.
    pub local: Fingerprint,
    /// The peer's.
    pub remote: Fingerprint,
}

/// Why a transport cannot go on. Holds nothing personal.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TransportFailure {
    /// ICE found no way within half a minute.
    #[error("no way to the peer was found")]
    NoPath,
    /// The peer's ICE cannot be used.
    #[error(transparent)]
    Ice(#[from] IceFault),
    /// The keys could not be agreed on.
    #[error(transparent)]
    Dtls(#[from] DtlsFailure),
    /// The keys in the signalling cannot be used.
    #[error(transparent)]
    Sdes(#[from] SdesError),
    /// DTLS was agreed on without a certificate of ours.
    #[error("this side has no certificate")]
    NoCertificate,
    /// The peer closed the DTLS association.
    #[error("the peer closed the secure association")]
    Closed,
}

/// Datagrams that were not used, by why.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TransportCounters {
    /// Neither RTP, RTCP, DTLS nor STUN, or damaged.
    pub malformed: u64,
    /// RTP with a payload type that was not agreed on.
    pub unknown_payload: u64,
    /// From an address that is not the peer's, or to a socket that is not ours.
    pub foreign: u64,
    /// Not authentic, or seen before.
    pub unauthentic: u64,
}

/// Why a datagram was not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unused {
    Malformed,
    UnknownPayload,
    Foreign,
    Unauthentic,
}

impl TransportCounters {
    pub(super) fn count(&mut self, unused: Unused) {
        let counter = match unused {
            Unused::Malformed => &mut self.malformed,
            Unused::UnknownPayload => &mut self.unknown_payload,
            Unused::Foreign => &mut self.foreign,
            Unused::Unauthentic => &mut self.unauthentic,
        };
        *counter += 1;
    }
}
