//! Telling RTP from RTCP (RFC 5761 §4) and reading both, within bounds.

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Unmarshal;

/// No datagram of a voice call is larger; what is, is cut and then found damaged.
pub(super) const MAX_DATAGRAM: usize = 2048;
/// Packets looked at in one compound.
const MAX_RTCP_PACKETS: usize = 16;

const RTP_HEADER: usize = 12;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;

/// What a datagram looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A media packet.
    Rtp,
    /// A control packet.
    Rtcp,
    /// Neither: STUN, DTLS (RFC 7983), or noise.
    Other,
}

/// Looks at the first two bytes.
pub(super) fn classify(bytes: &[u8]) -> Kind {
    match bytes {
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] if bytes.len() >= RTP_HEADER => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// Reads a media packet; `None` if it is damaged or empty.
pub(super) fn parse_rtp(mut bytes: Bytes) -> Option<Packet> {
    Packet::unmarshal(&mut bytes).ok()
}

/// The parts of RTCP that matter to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RtcpItem {
    /// The peer sends: its clocks and counts, and what it says of us.
    Sender(SenderReport),
    /// The peer only listens.
    Receiver(ReceiverReport),
    /// Sources that have left.
    Goodbye(Vec<u32>),
    /// Anything else that is well formed, by its first source.
    Other(u32),
}

impl RtcpItem {
    /// Who wrote it.
    pub(super) fn ssrc(&self) -> u32 {
        match self {
            Self::Sender(report) => report.ssrc,
            Self::Receiver(report) => report.ssrc,
            Self::Goodbye(sources) => sources.first().copied().unwrap_or(0),
            Self::Other(ssrc) => *ssrc,
        }
    }

    /// Its report blocks.
    pub(crate) fn reports(&self) -> &[ReceptionReport] {
        match self {
            Self::Sender(report) => &report.reports,
            Self::Receiver(report) => &report.reports,
            Self::Goodbye(_) | Self::Other(_) => &[],
        }
    }
}

/// Reads a compound (RFC 3550 §6.1) or reduced-size (RFC 5506) packet; `None` if any part is damaged.
pub(super) fn parse_rtcp(bytes: &[u8]) -> Option<Vec<RtcpItem>> {
    let mut rest = bytes;
    let mut items = Vec::new();
    while !rest.is_empty() {
        let [first, kind, high, low] = *rest.first_chunk::<4>()?;
        if first >> 6 != 2 || items.len() >= MAX_RTCP_PACKETS {
            return None;
        }
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let (packet, after) = rest.split_at_checked(length)?;
        rest = after;
        items.push(parse_item(kind, packet)?);
    }
    (!items.is_empty()).then_some(items)
}

fn parse_item(kind: u8, mut packet: &[u8]) -> Option<RtcpItem> {
    let source = || {
        packet
            .get(4..8)?
            .first_chunk::<4>()
            .map(|b| u32::from_be_bytes(*b))
    };
    Some(match kind {
        SENDER_REPORT => RtcpItem::Sender(SenderReport::unmarshal(&mut packet).ok()?),
        RECEIVER_REPORT => RtcpItem::Receiver(ReceiverReport::unmarshal(&mut packet).ok()?),
        GOODBYE => RtcpItem::Goodbye(Goodbye::unmarshal(&mut packet).ok()?.sources),
        _ => RtcpItem::Other(source().unwrap_or(0)),
    })
}
