//! Where messages come from and go to, and what waits to go.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What carries a message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// A connection.
    Tcp,
}

impl Transport {
    /// As written in a Via.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A way to one peer. A TCP connection is named by its remote address, which is unique at one server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Flow {
    /// What carries it.
    pub transport: Transport,
    /// The peer's end.
    pub remote: SocketAddr,
}

impl Flow {
    /// A way over UDP.
    pub const fn udp(remote: SocketAddr) -> Self {
        Self {
            transport: Transport::Udp,
            remote,
        }
    }

    /// A way over TCP.
    pub const fn tcp(remote: SocketAddr) -> Self {
        Self {
            transport: Transport::Tcp,
            remote,
        }
    }
}

/// What the driver has to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Send this; over TCP on the open connection with that remote address, or on a new one to it.
    Send {
        /// Where.
        flow: Flow,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close the connection with this remote address.
    Close {
        /// Its far end.
        remote: SocketAddr,
    },
}

/// Outputs that are due, and those that a fault holds back.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Everything leaves this much later.
    pub delay: Duration,
    ready: VecDeque<Output>,
    delayed: BTreeMap<(Instant, u64), Output>,
    sequence: u64,
}

impl Outbox {
    pub fn send(&mut self, now: Instant, flow: Flow, bytes: Vec<u8>) {
        self.put(now, Output::Send { flow, bytes });
    }

    pub fn put(&mut self, now: Instant, output: Output) {
        if self.delay.is_zero() && self.delayed.is_empty() {
            self.ready.push_back(output);
        } else {
            self.sequence += 1;
            self.delayed
                .insert((now + self.delay, self.sequence), output);
        }
    }

    /// Lets go what is due.
    pub fn release(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry().filter(|e| e.key().0 <= now) {
            self.ready.push_back(entry.remove());
        }
    }

    pub fn next(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    pub fn due(&self) -> Option<Instant> {
        self.delayed.keys().next().map(|(due, _)| *due)
    }
}
