//! Packets that come before the keys.

use std::collections::VecDeque;

/// Packets kept: 640 ms of a voice stream.
const LIMIT: usize = 32;
/// No packet of a call is larger.
const MAX_PACKET: usize = 2048;

/// Protected packets that overtook the end of the handshake (RFC 5764 §5.1.2), with whatever their
/// reader must know of them (`T`). Opened once the keys are there; when it is full the oldest make room.
#[derive(Debug)]
pub struct EarlyPackets<T> {
    packets: VecDeque<(T, Vec<u8>)>,
}

impl<T> Default for EarlyPackets<T> {
    fn default() -> Self {
        Self {
            packets: VecDeque::new(),
        }
    }
}

impl<T> EarlyPackets<T> {
    /// Keeps a packet, unless it is larger than any can be.
    pub fn push(&mut self, about: T, packet: &[u8]) {
        if packet.len() > MAX_PACKET {
            return;
        }
        if self.packets.len() >= LIMIT {
            self.packets.pop_front();
        }
        self.packets.push_back((about, packet.to_vec()));
    }

    /// How many are kept, 32 at most.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Hands all of them out, in the order they came.
    pub fn drain(&mut self) -> impl Iterator<Item = (T, Vec<u8>)> + '_ {
        self.packets.drain(..)
    }
}
