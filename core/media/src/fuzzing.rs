//! Doors for the fuzzer to readers that are nobody else's business. Only with the feature `fuzzing`.

use bytes::Bytes;

use crate::transport::demux::{Kind, classify, parse_rtcp, parse_rtp};

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
