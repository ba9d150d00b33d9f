//! What arrives at a media port: media, control, or neither.

use tandem_media::fuzzing;

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "rtp",
    about: "datagrams at a media port: RTP and RTCP told apart and read",
    seeds: &[],
    dictionary: None,
    longest: 2048,
    budget: Budget {
        memory: (16 << 10, 64),
        work: (64 << 10, 256),
    },
    check,
};

fn check(input: &[u8]) {
    if let Some(payload) = fuzzing::rtp_payload(input) {
        assert_eq!(
            Some(payload.as_slice()),
            expected_payload(input),
            "what is played is what follows the header"
        );
    }
    if let Some(items) = fuzzing::rtcp_items(input) {
        assert!((1..=16).contains(&items), "{items} control packets");
    }
}

/// The payload by RFC 3550 §5.1 and §5.3.1 alone: after the sources and the whole extension, without padding.
fn expected_payload(packet: &[u8]) -> Option<&[u8]> {
    let first = *packet.first()?;
    let mut start = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let length = packet.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    let payload = packet.get(start..)?;
    if first & 0x20 == 0 {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding)?)
}
