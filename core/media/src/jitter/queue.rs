//! Packets waiting for their time, in order of their sound.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::codecs::AudioCodec;

/// Packets kept at most; with 20 ms each five seconds, far more than the delay can ever be.
const MAX_PACKETS: usize = 256;
/// Bytes kept at most.
const MAX_BYTES: usize = 256 * 1024;

/// One packet's sound, still coded.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    /// How.
    pub(crate) codec: AudioCodec,
    /// Extended sequence number.
    pub(crate) number: u64,
    /// The payload.
    pub(crate) payload: Bytes,
}

/// Waiting packets by the position of their first sample (48 kHz, counted from anywhere).
#[derive(Debug, Default)]
pub(super) struct Queue {
    packets: BTreeMap<i64, Coded>,
    bytes: usize,
}

impl Queue {
    /// Adds a packet; when there are too many, the oldest go.
    pub(super) fn insert(&mut self, position: i64, packet: Coded) {
        self.bytes = self.bytes.saturating_add(packet.payload.len());
        if let Some(old) = self.packets.insert(position, packet) {
            self.bytes = self.bytes.saturating_sub(old.payload.len());
        }
        while self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            if self.pop_first().is_none() {
                break;
            }
        }
    }

    /// The earliest packet.
    pub(super) fn first(&self) -> Option<(i64, &Coded)> {
        self.packets
            .first_key_value()
            .map(|(position, packet)| (*position, packet))
    }

    /// The position of the latest packet.
    pub(super) fn last_position(&self) -> Option<i64> {
        self.packets.last_key_value().map(|(position, _)| *position)
    }

    /// Takes the earliest packet.
    pub(super) fn pop_first(&mut self) -> Option<(i64, Coded)> {
        let (position, packet) = self.packets.pop_first()?;
        self.bytes = self.bytes.saturating_sub(packet.payload.len());
        Some((position, packet))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}
