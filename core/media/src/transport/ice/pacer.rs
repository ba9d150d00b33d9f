//! When checks leave: answers at once, requests 5 ms apart.
//!
//! An agent asks on all its pairs at one instant. A home router, and any congested link, loses such a burst;
//! RFC 8445 §14 wants at least 5 ms between two checks over all streams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::transport::wire::Path;

/// Between two requests.
const SPACING: Duration = Duration::from_millis(5);
/// Requests that wait; the oldest go first, as their answers would come last.
const MAX_WAITING: usize = 256;
/// Answers that wait for the caller to fetch them.
const MAX_ANSWERS: usize = 64;

/// How soon a message is to leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Haste {
    /// At once: somebody waits for it.
    Answer,
    /// Before other requests: it follows from something that was just heard, or nominates.
    Triggered,
    /// In its turn.
    Ordinary,
}

/// A STUN message and its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Outgoing {
    pub(super) path: Path,
    pub(super) bytes: Vec<u8>,
}

/// The queue of one link.
#[derive(Debug)]
pub(super) struct Pacer {
    answers: VecDeque<Outgoing>,
    requests: VecDeque<Outgoing>,
    /// When the next request may leave.
    free: Instant,
}

impl Pacer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            answers: VecDeque::new(),
            requests: VecDeque::new(),
            free: now,
        }
    }

    pub(super) fn push(&mut self, haste: Haste, message: Outgoing) {
        match haste {
            Haste::Answer => {
                if self.answers.len() >= MAX_ANSWERS {
                    self.answers.pop_front();
                }
                self.answers.push_back(message);
            }
            Haste::Triggered | Haste::Ordinary => {
                // A newer request on the same pair says the same and more.
                self.requests.retain(|old| old.path != message.path);
                if self.requests.len() >= MAX_WAITING {
                    self.requests.pop_front();
                }
                if haste == Haste::Triggered {
                    self.requests.push_front(message);
                } else {
                    self.requests.push_back(message);
                }
            }
        }
    }

    /// The next message that may leave now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Outgoing> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        if self.free > now {
            return None;
        }
        let request = self.requests.pop_front()?;
        self.free = now + SPACING;
        Some(request)
    }

    /// When [`Pacer::poll`] gives the next request; in the past: now.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.requests.is_empty()).then_some(self.free)
    }

    /// When all that waits has left.
    pub(super) fn clear_at(&self) -> Option<Instant> {
        let waiting = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        (waiting > 0).then(|| self.free + SPACING * waiting)
    }

    /// Drops all that waits.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.requests.clear();
    }

    /// Drops what was to leave from `local`.
    pub(super) fn forget(&mut self, local: SocketAddr) {
        self.answers.retain(|message| message.path.local != local);
        self.requests.retain(|message| message.path.local != local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    fn message(port: u16) -> Outgoing {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let (local, remote) = (at(1), at(port));
        Outgoing {
            path: Path { local, remote },
            bytes: vec![1],
        }
    }

    #[test]
    fn answers_do_not_wait_and_requests_leave_5_ms_apart() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pacer = Pacer::new(start);
        for port in [10, 11, 12, 11] {
            pacer.push(Haste::Ordinary, message(port));
        }
        pacer.push(Haste::Triggered, message(13));
        pacer.push(Haste::Answer, message(14));
        assert_eq!(pacer.clear_at(), Some(at(20)));
        let mut left = Vec::new();
        for ms in 0..30 {
            while let Some(sent) = pacer.poll(at(ms)) {
                left.push((ms, sent.path.remote.port()));
            }
        }
        assert_eq!(left, [(0, 14), (0, 13), (5, 10), (10, 12), (15, 11)]);
        assert_eq!(pacer.poll_timeout(), None);
    }
}
