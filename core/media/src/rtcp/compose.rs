//! Writing compound packets (RFC 3550 §6.1): a report first, then the CNAME, perhaps a goodbye.

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::{Packet, marshal};
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};

/// What a sender says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderInfo {
    /// NTP time now.
    pub(crate) ntp: u64,
    /// The same instant in RTP time.
    pub(crate) rtp: u32,
    /// Packets sent with this SSRC.
    pub(crate) packets: u32,
    /// Payload bytes sent.
    pub(crate) octets: u32,
}

/// A report: SR for who has sent lately, RR otherwise; with the CNAME. `None` cannot happen with sound input.
pub(crate) fn report(
    ssrc: u32,
    cname: &str,
    sender: Option<SenderInfo>,
    reports: Vec<ReceptionReport>,
) -> Option<Vec<u8>> {
    compound(vec![
        report_packet(ssrc, sender, reports),
        description(ssrc, cname),
    ])
}

/// The last compound of a call (§6.6).
pub(crate) fn goodbye(
    ssrc: u32,
    cname: &str,
    sender: Option<SenderInfo>,
    reports: Vec<ReceptionReport>,
) -> Option<Vec<u8>> {
    let bye = Goodbye {
        sources: vec![ssrc],
        reason: Bytes::new(),
    };
    let packets: Vec<Box<dyn Packet>> = vec![
        report_packet(ssrc, sender, reports),
        description(ssrc, cname),
        Box::new(bye),
    ];
    compound(packets)
}

fn compound(packets: Vec<Box<dyn Packet>>) -> Option<Vec<u8>> {
    marshal(&packets).ok().map(|bytes| bytes.to_vec())
}

fn report_packet(
    ssrc: u32,
    sender: Option<SenderInfo>,
    reports: Vec<ReceptionReport>,
) -> Box<dyn Packet> {
    let profile_extensions = Bytes::new();
    match sender {
        Some(info) => Box::new(SenderReport {
            ssrc,
            ntp_time: info.ntp,
            rtp_time: info.rtp,
            packet_count: info.packets,
            octet_count: info.octets,
            reports,
            profile_extensions,
        }),
        None => Box::new(ReceiverReport {
            ssrc,
            reports,
            profile_extensions,
        }),
    }
}

fn description(ssrc: u32, cname: &str) -> Box<dyn Packet> {
    let item = SourceDescriptionItem {
        sdes_type: SdesType::SdesCname,
        text: Bytes::copy_from_slice(cname.as_bytes()),
    };
    let chunk = SourceDescriptionChunk {
        source: ssrc,
        items: vec![item],
    };
    Box::new(SourceDescription {
        chunks: vec![chunk],
    })
}
