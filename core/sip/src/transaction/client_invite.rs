//! The client INVITE transaction (RFC 3261 §17.1.1, as corrected by RFC 6026).

use std::time::{Duration, Instant};

use super::{Expiry, Timers};

/// Where a client INVITE transaction stands.
///
/// ```text
///            A: retransmit
///             ┌──┐
///          ┌──┴──▼──┐ 1xx  ┌────────────┐ 1xx
///  ───────▶│Calling │─────▶│ Proceeding │◀──┐
///  INVITE  └─┬─┬─┬──┘      └─┬───────┬──┴───┘
///     B, or  │ │ │300–699    │300–699│2xx
///     failed │ │ └────┐ ACK  │ ACK   │
///            │ │2xx   ▼      ▼       ▼
///            │ │    ┌───────────┐ ┌──────────┐◀─┐ 2xx: to the user
///            │ └────┼───────────┼▶│ Accepted ├──┘
///            │      │ Completed │ └────┬─────┘
///            │      └──┬─────┬──┘      │M
///            │         │D    └─▶ 300–699: ACK again
///            ▼         ▼               ▼
///          ┌─────────────────────────────┐
///          │         Terminated          │
///          └─────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InviteClientState {
    /// The INVITE was sent and nothing came back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A final response other than 2xx came and was acknowledged.
    Completed,
    /// A 2xx came; more may follow from other forks.
    Accepted,
    /// Over.
    Terminated,
}

impl InviteClientState {
    /// Whether no final response has come yet.
    pub const fn is_pending(self) -> bool {
        match self {
            Self::Calling | Self::Proceeding => true,
            Self::Completed | Self::Accepted | Self::Terminated => false,
        }
    }
}

/// What a response means to the layer around the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InviteResponse {
    /// Hand it to the user.
    Pass,
    /// Acknowledge it, then hand it to the user: the first final response of 300–699.
    PassAndAck,
    /// Acknowledge it again: a retransmission.
    Ack,
    /// Nothing: late or out of place.
    Ignore,
}

/// The machine: told of responses and of time, says what to do.
#[derive(Clone, Debug)]
pub struct InviteClient {
    state: InviteClientState,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    retransmit: Option<Instant>,
    deadline: Option<Instant>,
}

impl InviteClient {
    /// The INVITE has just been sent.
    pub fn new(now: Instant, timers: Timers, reliable: bool) -> Self {
        Self {
            state: InviteClientState::Calling,
            timers,
            reliable,
            interval: timers.t1,
            retransmit: (!reliable).then(|| now + timers.t1),
            deadline: Some(now + timers.lifetime()),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> InviteClientState {
        self.state
    }

    /// A response with this status came.
    pub fn on_response(&mut self, now: Instant, status: u16) -> InviteResponse {
        use InviteClientState::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, status) {
            (Calling | Proceeding, 100..=199) => {
                self.state = Proceeding;
                self.retransmit = None;
                self.deadline = None;
                InviteResponse::Pass
            }
            (Calling | Proceeding, 200..=299) => {
                self.state = Accepted;
                self.retransmit = None;
                self.deadline = Some(now + self.timers.lifetime());
                InviteResponse::Pass
            }
            (Calling | Proceeding, 300..=699) => {
                self.state = Completed;
                self.retransmit = None;
                self.deadline = Some(now + self.timers.d(self.reliable));
                InviteResponse::PassAndAck
            }
            (Completed, 300..=699) => InviteResponse::Ack,
            (Accepted, 200..=299) => InviteResponse::Pass,
            (Calling | Proceeding | Completed | Accepted | Terminated, _) => InviteResponse::Ignore,
        }
    }

    /// The message could not be sent, or its connection broke. Says whether the user must hear of it.
    pub fn on_transport_error(&mut self) -> bool {
        let tell = self.state.is_pending();
        self.state = InviteClientState::Terminated;
        tell
    }

    /// Time has come to `now`.
    pub fn on_timeout(&mut self, now: Instant) -> Expiry {
        if self.deadline.is_some_and(|at| at <= now) {
            let pending = self.state.is_pending();
            self.state = InviteClientState::Terminated;
            return if pending {
                Expiry::TimedOut
            } else {
                Expiry::Over
            };
        }
        if self.retransmit.is_some_and(|at| at <= now) {
            self.interval = self.interval.saturating_mul(2);
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

    fn retransmissions(machine: &mut InviteClient, from: Instant) -> (Vec<u128>, Expiry) {
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
    fn on_udp_timer_a_doubles_without_a_cap_until_timer_b() {
        let now = start();
        let mut machine = InviteClient::new(now, Timers::default(), false);
        let (at, end) = retransmissions(&mut machine, now);
        assert_eq!(at, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(end, Expiry::TimedOut);
        assert_eq!(machine.state(), InviteClientState::Terminated);
    }

    #[test]
    fn on_tcp_nothing_is_repeated_and_timer_b_still_runs() {
        let now = start();
        let mut machine = InviteClient::new(now, Timers::default(), true);
        assert_eq!(machine.poll_timeout(), Some(now + ms(32_000)));
        assert_eq!(machine.on_timeout(now + ms(32_000)), Expiry::TimedOut);
    }

    #[test]
    fn a_provisional_stops_every_timer() {
        let now = start();
        let mut machine = InviteClient::new(now, Timers::default(), false);
        assert_eq!(machine.on_response(now + ms(40), 180), InviteResponse::Pass);
        assert_eq!(machine.poll_timeout(), None);
        assert_eq!(machine.state(), InviteClientState::Proceeding);
    }

    #[test]
    fn a_refusal_is_acknowledged_each_time_it_comes_until_timer_d() {
        let now = start();
        let mut machine = InviteClient::new(now, Timers::default(), false);
        assert_eq!(machine.on_response(now, 486), InviteResponse::PassAndAck);
        assert_eq!(machine.on_response(now, 486), InviteResponse::Ack);
        assert_eq!(machine.on_response(now, 200), InviteResponse::Ignore);
        assert_eq!(machine.poll_timeout(), Some(now + ms(32_000)));
        assert_eq!(machine.on_timeout(now + ms(32_000)), Expiry::Over);
    }

    #[test]
    fn every_2xx_reaches_the_user_until_timer_m() {
        let now = start();
        let mut machine = InviteClient::new(now, Timers::default(), false);
        for _ in 0..3 {
            assert_eq!(machine.on_response(now, 200), InviteResponse::Pass);
        }
        assert_eq!(machine.on_response(now, 486), InviteResponse::Ignore);
        assert_eq!(machine.state(), InviteClientState::Accepted);
        assert_eq!(machine.on_timeout(now + ms(32_000)), Expiry::Over);
    }

    #[test]
    fn a_broken_transport_is_told_only_while_an_answer_is_awaited() {
        let now = start();
        let mut waiting = InviteClient::new(now, Timers::default(), true);
        assert!(waiting.on_transport_error());
        let mut answered = InviteClient::new(now, Timers::default(), true);
        answered.on_response(now, 200);
        assert!(!answered.on_transport_error());
    }
}
