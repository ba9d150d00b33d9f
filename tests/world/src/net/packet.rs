//! The record of what was sent, for tests that look at the wire.

use std::net::SocketAddr;
use std::time::Duration;

/// One datagram that was sent in a [`World`](super::World).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// When, since the world began.
    pub at: Duration,
    /// The sender's address.
    pub from: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
    /// What became of it.
    pub fate: Fate,
}

impl Packet {
    /// Its first line as text, as SIP shows it; empty for anything else.
    pub fn first_line(&self) -> &str {
        let line = self
            .bytes
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default();
        std::str::from_utf8(line).unwrap_or_default()
    }
}

/// What became of a packet. Times are since the world began; an address that is gone by then still loses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It arrives.
    Delivered(Duration),
    /// It arrives twice.
    Duplicated(Duration, Duration),
    /// It never arrives.
    Lost,
}

impl Fate {
    pub(super) fn of(arrivals: Vec<Duration>) -> Self {
        match arrivals[..] {
            [] => Self::Lost,
            [at] => Self::Delivered(at),
            [first, second, ..] => Self::Duplicated(first, second),
        }
    }
}
