//! Where the clear part of a packet ends.

use rtc_rtp::Header;

/// Fixed part of an RTP header (RFC 3550 §5.1).
const RTP_FIXED: usize = 12;
/// Fixed part of the first RTCP packet, its source included (RFC 3550 §6.4).
const RTCP_FIXED: usize = 8;

/// What SRTP must know of an RTP packet.
pub(super) struct RtpShape {
    pub(super) ssrc: u32,
    sequence: u16,
    contributors: u8,
    /// Bytes of the header extension behind its own four.
    extension: Option<usize>,
}

impl RtpShape {
    /// Reads it; `None` if the packet is no RTP or ends within its header.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_first_chunk::<RTP_FIXED>()?;
        let [flags, _, high, low, _, _, _, _, ssrc @ ..] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let contributors = flags & 0x0f;
        let rest = rest.get(usize::from(contributors) * 4..)?;
        let extension = if flags & 0x10 == 0 {
            None
        } else {
            let ([_, _, high, low], rest) = rest.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([*high, *low])) * 4;
            rest.get(length..)?;
            Some(length)
        };
        Some(Self {
            ssrc: u32::from_be_bytes(ssrc),
            sequence: u16::from_be_bytes([high, low]),
            contributors,
            extension,
        })
    }

    /// A header of exactly this size, the extension's content left out: the crate reckons the size of a
    /// header from the extensions in it, and forms it does not know would come out shorter than they are.
    pub(super) fn opaque(&self) -> Header {
        Header {
            version: 2,
            ssrc: self.ssrc,
            sequence_number: self.sequence,
            csrc: vec![0; usize::from(self.contributors)],
            extension: self.extension.is_some(),
            extensions_padding: self.extension.unwrap_or(0),
            ..Header::default()
        }
    }
}

/// What SRTCP must know of a compound packet.
pub(super) struct RtcpShape {
    pub(super) ssrc: u32,
}

impl RtcpShape {
    /// Reads it; `None` if the packet is no RTCP.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let [flags, kind, _, _, ssrc @ ..] = *packet.first_chunk::<RTCP_FIXED>()?;
        let is_rtcp = flags >> 6 == 2 && (192..=223).contains(&kind);
        is_rtcp.then(|| Self {
            ssrc: u32::from_be_bytes(ssrc),
        })
    }
}
