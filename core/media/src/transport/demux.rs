//! Telling RTP from RTCP (RFC 5761 §4) and reading both, within bounds.

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Unmarshal;

/// No datagram of a voice call is larger; what is, is cut and then found damaged.
pub(crate) const MAX_DATAGRAM: usize = 2048;
/// Packets looked at in one compound.
const MAX_RTCP_PACKETS: usize = 16;

const RTP_HEADER: usize = 12;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;

/// What a datagram looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A media packet.
    Rtp,
    /// A control packet.
    Rtcp,
    /// Neither: STUN, DTLS (RFC 7983), or noise.
    Other,
}

/// Looks at the first two bytes.
pub(crate) fn classify(bytes: &[u8]) -> Kind {
    match bytes {
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] if bytes.len() >= RTP_HEADER => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// Reads a media packet; `None` if it is damaged or empty.
pub(crate) fn parse_rtp(bytes: Bytes) -> Option<Packet> {
    let mut packet = Packet::unmarshal(&mut bytes.clone()).ok()?;
    // The library calls payload what the elements of an extension did not take. An element with the id 15
    // ends its reading (RFC 8285 §4.2), and one longer than its block takes payload; the length of the block
    // is what counts (RFC 3550 §5.3.1).
    let payload = bytes.slice(payload_start(&bytes)?..);
    let padding = match packet.header.padding {
        true => usize::from(*payload.last()?),
        false => 0,
    };
    packet.payload = payload.slice(..payload.len().checked_sub(padding)?);
    Some(packet)
}

/// Where the header ends, its sources and its extension included; `None` if that is not within the packet.
fn payload_start(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let sources = RTP_HEADER + 4 * usize::from(first & 0x0f);
    let mut start = sources;
    if first & 0x10 != 0 {
        let words = packet.get(sources + 2..)?.first_chunk::<2>()?;
        start += 4 + 4 * usize::from(u16::from_be_bytes(*words));
    }
    (start <= packet.len()).then_some(start)
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
    pub(crate) fn ssrc(&self) -> u32 {
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
pub(crate) fn parse_rtcp(bytes: &[u8]) -> Option<Vec<RtcpItem>> {
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
