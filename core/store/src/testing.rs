//! What the tests of this crate share.

use std::collections::BTreeSet;
use std::time::Duration;

use tandem_types::{
    Address, CallId, CallQuality, Encryption, EndReason, MediaKind, Pii, Protocol, SeededEntropy,
};

use crate::{CallDirection, EndedCall, Key, NewCall, Trust, UnixMillis};

/// The key of every test's store.
pub(crate) fn key() -> Key {
    Key::from_bytes(&[0x42; Key::BYTES])
}

/// A repeatable call id.
pub(crate) fn call_id(number: u64) -> CallId {
    CallId::random(&mut SeededEntropy::new(number))
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// An audio call to Bob, begun at `started`.
pub(crate) fn call_to_bob(id: CallId, started: i64) -> NewCall {
    NewCall {
        id,
        direction: CallDirection::Outgoing,
        peer: Pii::new(address("sip:bob@example.org")),
        person: None,
        person_name: Some(Pii::new("Bob Builder".to_owned())),
        account: None,
        protocol: Protocol::Sip,
        media: BTreeSet::from([MediaKind::Audio]),
        started: UnixMillis(started),
    }
}

/// Bob hung up at `at`, after a call with these numbers.
pub(crate) fn bob_hung_up(at: i64) -> EndedCall {
    EndedCall {
        at: UnixMillis(at),
        reason: EndReason::RemoteHangUp,
        media: BTreeSet::from([MediaKind::Audio]),
        quality: quality(500),
        encryption: Encryption::None,
        trust: Trust::Unverified,
        sender_device: None,
    }
}

pub(crate) fn quality(packets: u64) -> CallQuality {
    CallQuality {
        packets_sent: packets,
        packets_received: packets.saturating_sub(3),
        packets_lost: 3,
        frames_concealed: 2,
        jitter: Duration::from_micros(1_250),
        round_trip: Some(Duration::from_micros(40_125)),
    }
}
