//! The client transaction of every method but INVITE (RFC 3261 §17.1.2).

use std::time::{Duration, Instant};

use super::{Expiry, Timers};

/// Where a client non-INVITE transaction stands.
///
/// ```text
///          E: retransmit          E: retransmit (every T2)
///             ┌──┐                    ┌──┐
///          ┌──┴──▼──┐     1xx     ┌───┴──▼─────┐◀─┐ 1xx
///  ───────▶│ Trying ├────────────▶│ Proceeding ├──┘
///  request └─┬────┬─┘             └─┬───────┬──┘
///            │    │200–699          │200–699│
///  F, failed │    └──────────┐ ┌────┘       │ F, failed
///            │             ┌─▼─▼───────┐    │
///            │             │ Completed │    │
///            │             └─────┬─────┘    │
///            ▼                   ▼ K        ▼
///          ┌───────────────────────────────────┐
///          │            Terminated             │
///          └───────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherClientState {
    /// The request was sent and nothing came back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// The final response came; repeats are absorbed.
    Completed,
    /// Over.
    Terminated,
}

impl OtherClientState {
    /// Whether no final response has come yet.
    pub const fn is_pending(self) -> bool {
        match self {
            Self::Trying | Self::Proceeding => true,
            Self::Completed | Self::Terminated => false,
        }
    }
}

/// The machine: told of responses and of time, says what to do.
#[derive(Clone, Debug)]
pub struct OtherClient {
    state: OtherClientState,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    retransmit: Option<Instant>,
    deadline: Option<Instant>,
}

impl OtherClient {
    /// The request has just been sent.
    pub fn new(now: Instant, timers: Timers, reliable: bool) -> Self {
        Self {
            state: OtherClientState::Trying,
            timers,
            reliable,
            interval: timers.t1,
            retransmit: (!reliable).then(|| now + timers.t1),
            deadline: Some(now + timers.lifetime()),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> OtherClientState {
        self.state
    }

    /// A response with this status came; says whether the user must see it.
    pub fn on_response(&mut self, now: Instant, status: u16) -> bool {
        match (self.state, status) {
            (OtherClientState::Trying | OtherClientState::Proceeding, 100..=199) => {
                self.state = OtherClientState::Proceeding;
                true
            }
            (OtherClientState::Trying | OtherClientState::Proceeding, 200..=699) => {
                self.state = OtherClientState::Completed;
                self.retransmit = None;
                self.deadline = Some(now + self.timers.linger(self.reliable));
                true
            }
            (
                OtherClientState::Trying
                | OtherClientState::Proceeding
                | OtherClientState::Completed
                | OtherClientState::Terminated,
                _,
            ) => false,
        }
    }

    /// The message could not be sent, or its connection broke. Says whether the user must hear of it.
    pub fn on_transport_error(&mut self) -> bool {
        let tell = self.state.is_pending();
        self.state = OtherClientState::Terminated;
        tell
    }

    /// Time has come to `now`.
    pub fn on_timeout(&mut self, now: Instant) -> Expiry {
        if self.deadline.is_some_and(|at| at <= now) {
            let pending = self.state.is_pending();
            self.state = OtherClientState::Terminated;
            return if pending {
                Expiry::TimedOut
            } else {
                Expiry::Over
            };
        }
        if self.retransmit.is_some_and(|at| at <= now) {
            self.interval = match self.state {
                OtherClientState::Proceeding => self.timers.t2,
                OtherClientState::Trying
                | OtherClientState::Completed
                | OtherClientState::Terminated => self.timers.next_capped(self.interval),
            };
            self.retransmit = Some(now + self.interval);
            return Expiry::Retransmit;
        }
        Expiry::Nothing
    }

    /// When to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.retransmit.into_iter().chain(self.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_clock::{ms, start};
    use super::*;

    fn retransmissions(machine: &mut OtherClient, from: Instant) -> (Vec<u128>, Expiry) {
        let mut at = Vec::new();
        while let Some(next) = machine.poll_timeout() {
            match machine.on_timeout(next) {
                Expiry::Retransmit => at.push((next - from).as_millis()),
                end => return (at, end),
            }
        }
        panic!("the machine fell asleep in {:?}", machine.state());
    }

    #[test]
    fn on_udp_timer_e_doubles_up_to_t2_until_timer_f() {
        let now = start();
        let mut machine = OtherClient::new(now, Timers::default(), false);
        let (at, end) = retransmissions(&mut machine, now);
        let table = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(at, table);
        assert_eq!(end, Expiry::TimedOut);
    }

    #[test]
    fn after_a_provisional_the_request_is_repeated_every_t2() {
        let now = start();
        let mut machine = OtherClient::new(now, Timers::default(), false);
        assert!(machine.on_response(now + ms(100), 100));
        let (at, end) = retransmissions(&mut machine, now);
        assert_eq!(at.get(..3), Some(&[500, 4500, 8500][..]));
        assert_eq!(end, Expiry::TimedOut);
    }

    #[test]
    fn a_final_response_is_seen_once_and_its_repeats_are_absorbed_for_timer_k() {
        let now = start();
        let mut machine = OtherClient::new(now, Timers::default(), false);
        assert!(machine.on_response(now, 200));
        assert!(!machine.on_response(now, 200));
        assert_eq!(machine.poll_timeout(), Some(now + ms(5_000)));
        assert_eq!(machine.on_timeout(now + ms(5_000)), Expiry::Over);

        let mut on_tcp = OtherClient::new(now, Timers::default(), true);
        assert!(on_tcp.on_response(now, 200));
        assert_eq!(on_tcp.poll_timeout(), Some(now));
    }
}
