//! When a flight is sent again, and the second copies.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first wait for an answer, and the limit of the next five, each half as long again. RFC 6347 §4.2.4.1 proposes 1 s
/// and doubling, for a network where the answer may take that long; here a call waits, both ends have just
/// measured the path with ICE, and a flight is two datagrams.
const FIRST: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(1);
const EAGER: u32 = 5;
/// After that the waits grow again up to this: GnuTLS begins its own wait of 1 s, 2 s, … anew with every datagram that it
/// drops, so a peer that repeats itself each second would keep it from ever repeating what was lost.
const LAST_LIMIT: Duration = Duration::from_secs(4);
/// The wait once the peer has begun its next flight: it has ours, and to complete its own is its task.
const PEER_IS_NEXT: Duration = Duration::from_millis(1500);
/// `rtc-dtls` gives up when it is asked for more.
const ENDPOINT_ATTEMPTS: u32 = 7;
/// How long after a datagram its copy follows: long enough not to fall into the same burst of loss.
const COPY_AFTER: Duration = Duration::from_millis(30);
/// Copies waiting at most; a flight has a handful of datagrams.
const MAX_COPIES: usize = 64;

/// The retransmission of the flight that was sent last.
#[derive(Debug, Default)]
pub(super) struct Retransmission {
    attempt: u32,
    next: Option<Instant>,
    postponed: bool,
}

impl Retransmission {
    /// A new flight has left.
    pub(super) fn start(&mut self, now: Instant) {
        *self = Self {
            attempt: 0,
            next: now.checked_add(FIRST),
            postponed: false,
        };
    }

    /// The peer has begun its next flight. Counts once for a flight, so nobody can put it off for ever.
    pub(super) fn peer_is_next(&mut self, now: Instant) {
        if !self.postponed && self.next.is_some() {
            self.postponed = true;
            self.next = self.next.max(now.checked_add(PEER_IS_NEXT));
        }
    }

    /// The same flight has left again.
    pub(super) fn again(&mut self, now: Instant) {
        self.attempt = self.attempt.saturating_add(1);
        self.next = now.checked_add(wait(self.attempt));
    }

    /// Nothing has to be sent again.
    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// When it is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the endpoint would give up instead of writing the flight anew.
    pub(super) fn endpoint_is_spent(&self) -> bool {
        self.attempt >= ENDPOINT_ATTEMPTS
    }
}

/// The wait after the flight was sent `attempt` times again.
fn wait(attempt: u32) -> Duration {
    let half_again = |wait: Duration, times: u32| (0..times).fold(wait, |wait, _| wait * 3 / 2);
    let eager = half_again(FIRST, attempt.min(EAGER)).min(LIMIT);
    half_again(eager, attempt.saturating_sub(EAGER).min(EAGER)).min(LAST_LIMIT)
}

/// Datagrams that are to be sent once more, unchanged.
#[derive(Debug, Default)]
pub(super) struct Copies {
    waiting: VecDeque<(Instant, Vec<u8>)>,
}

impl Copies {
    /// A datagram has left.
    pub(super) fn push(&mut self, now: Instant, datagram: &[u8]) {
        if let Some(at) = now.checked_add(COPY_AFTER)
            && self.waiting.len() < MAX_COPIES
        {
            self.waiting.push_back((at, datagram.to_vec()));
        }
    }

    /// A copy whose time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (at, _) = self.waiting.front()?;
        if *at > now {
            return None;
        }
        self.waiting.pop_front().map(|(_, datagram)| datagram)
    }

    /// When the next is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _)| *at)
    }

    /// None is to be sent any more.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    #[test]
    fn waits_grow_by_half_to_a_second_and_later_to_four() {
        let waits: Vec<u128> = (0..=8).map(|n| wait(n).as_millis()).collect();
        assert_eq!(waits, [200, 300, 450, 675, 1000, 1000, 1500, 2250, 3375]);
        assert_eq!(wait(u32::MAX), LAST_LIMIT);
    }

    #[test]
    fn a_peer_that_has_begun_to_answer_is_left_time_once() {
        let now = origin();
        let mut retransmission = Retransmission::default();
        retransmission.peer_is_next(now);
        assert_eq!(retransmission.due(), None);
        retransmission.start(now);
        retransmission.peer_is_next(now);
        assert_eq!(retransmission.due(), Some(now + PEER_IS_NEXT));
        retransmission.peer_is_next(now + PEER_IS_NEXT);
        assert_eq!(retransmission.due(), Some(now + PEER_IS_NEXT));
    }

    #[test]
    fn a_new_flight_begins_with_the_short_wait_again() {
        let now = origin();
        let mut retransmission = Retransmission::default();
        assert_eq!(retransmission.due(), None);
        retransmission.start(now);
        for _ in 0..ENDPOINT_ATTEMPTS {
            assert!(!retransmission.endpoint_is_spent());
            retransmission.again(now);
        }
        assert!(retransmission.endpoint_is_spent());
        retransmission.start(now);
        assert!(!retransmission.endpoint_is_spent());
        assert_eq!(retransmission.due(), Some(now + FIRST));
    }

    #[test]
    fn a_copy_leaves_once_and_late() {
        let now = origin();
        let mut copies = Copies::default();
        copies.push(now, b"flight");
        assert_eq!(copies.take(now), None);
        assert_eq!(copies.take(now + COPY_AFTER), Some(b"flight".to_vec()));
        assert_eq!(copies.take(now + COPY_AFTER), None);
        assert_eq!(copies.due(), None);
    }
}
