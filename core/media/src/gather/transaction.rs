//! When a request is sent again, and when it is given up (RFC 8489 §6.2).
//!
//! Over UDP the RFC's 500 ms would let a gathering of 1.5 s ask only twice. What is known of the way to a server is used
//! instead: 250 ms before its first answer, then twice the measured round trip, doubling up to 1 s; given up after twelve
//! attempts, 9 to 11 s (at 30 % loss each way one question in 3,000 stays unanswered). Over a stream a request is sent once and waited for as long.

use std::time::{Duration, Instant};

use rtc_stun::message::{TRANSACTION_ID_SIZE, TransactionId};
use tandem_types::Entropy;

const FIRST_RTO: Duration = Duration::from_millis(250);
const MIN_RTO: Duration = Duration::from_millis(100);
const MAX_RTO: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 12;
/// How long a signed answer may lag behind an unsigned one.
const DOUBT: Duration = Duration::from_millis(300);
/// How long an answer may take on a stream.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for one server, learnt from its answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    rto: Duration,
    reliable: bool,
}

impl Patience {
    pub(super) fn new(reliable: bool) -> Self {
        Self {
            rto: FIRST_RTO,
            reliable,
        }
    }

    /// Learns from an answer; one to a repeated request says nothing (Karn).
    pub(super) fn learn(&mut self, now: Instant, schedule: &Schedule) {
        if schedule.attempts == 1 {
            let round_trip = now.saturating_duration_since(schedule.first_sent);
            self.rto = (round_trip * 2).clamp(MIN_RTO, MAX_RTO);
        }
    }
}

/// The sendings of one request.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    first_sent: Instant,
    attempts: u32,
    allowed: u32,
    rto: Duration,
    next: Instant,
}

/// What to do with a request whose time has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// Nothing yet.
    Wait,
    /// Send it again.
    Again,
    /// Nobody answers.
    GiveUp,
}

impl Schedule {
    /// It is sent now for the first time.
    pub(super) fn start(now: Instant, patience: &Patience) -> Self {
        let (allowed, rto) = if patience.reliable {
            (1, STREAM_PATIENCE)
        } else {
            (ATTEMPTS, patience.rto)
        };
        Self {
            first_sent: now,
            attempts: 1,
            allowed,
            rto,
            next: now + rto,
        }
    }

    /// The same with fewer attempts, for what nobody waits for.
    pub(super) fn at_most(mut self, attempts: u32) -> Self {
        self.allowed = self.allowed.min(attempts);
        self
    }

    /// An answer came that may be forged: wait a little for a better one, and ask no more.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.allowed = self.attempts;
        self.next = self.next.min(now + DOUBT);
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn poll(&mut self, now: Instant) -> Due {
        if now < self.next {
            return Due::Wait;
        }
        if self.attempts >= self.allowed {
            return Due::GiveUp;
        }
        self.attempts += 1;
        self.rto = (self.rto * 2).min(MAX_RTO);
        self.next = now + self.rto;
        Due::Again
    }
}

/// 96 random bits (RFC 8489 §5): also what keeps strangers from answering.
pub(super) fn fresh_id(entropy: &mut dyn Entropy) -> TransactionId {
    let mut id = TransactionId([0; TRANSACTION_ID_SIZE]);
    entropy.fill(&mut id.0);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    fn times(patience: &Patience) -> (Vec<u128>, u128) {
        let start = origin();
        let mut schedule = Schedule::start(start, patience);
        let mut sent = vec![0];
        loop {
            let now = schedule.next();
            let at = now.duration_since(start).as_millis();
            assert_eq!(schedule.poll(now - Duration::from_millis(1)), Due::Wait);
            match schedule.poll(now) {
                Due::Again => sent.push(at),
                Due::GiveUp => return (sent, at),
                Due::Wait => panic!("it asked to be called at {at}"),
            }
        }
    }

    #[test]
    fn the_first_second_and_a_half_sees_three_attempts() {
        let (sent, end) = times(&Patience::new(false));
        assert_eq!(sent[..6], [0, 250, 750, 1750, 2750, 3750]);
        assert_eq!((sent.len(), sent.last()), (12, Some(&9750)));
        assert_eq!(end, 10_750);
        assert_eq!(times(&Patience::new(true)), (vec![0], 10_000));
    }

    #[test]
    fn an_answer_sets_the_pace_unless_it_may_belong_to_an_earlier_attempt() {
        let start = origin();
        let mut patience = Patience::new(false);
        let schedule = Schedule::start(start, &patience);
        patience.learn(start + Duration::from_millis(20), &schedule);
        assert_eq!(times(&patience).0[..3], [0, 100, 300]);
        patience.learn(start + Duration::from_millis(300), &schedule);
        assert_eq!(times(&patience).0[..3], [0, 600, 1600]);
        let mut schedule = Schedule::start(start, &patience);
        assert_eq!(schedule.poll(start + Duration::from_secs(1)), Due::Again);
        patience.learn(start + Duration::from_millis(1001), &schedule);
        assert_eq!(times(&patience).0[..3], [0, 600, 1600]);
    }
}
