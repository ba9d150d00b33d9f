//! The server INVITE transaction (RFC 3261 §17.2.1, as corrected by RFC 6026).

use std::time::{Duration, Instant};

use super::{Expiry, Timers};

/// Where a server INVITE transaction stands.
///
/// ```text
///           INVITE again: repeat the last 1xx
///               ┌──┐
///          ┌────┴──▼────┐ 2xx from the user  ┌──────────┐◀─┐ INVITE again: nothing;
///  ───────▶│ Proceeding ├───────────────────▶│ Accepted ├──┘ 2xx again: sent
///  INVITE  └─┬──────────┘                    └────┬─────┘
///            │300–699                             │ L
///            ▼                                    │
///    ┌───────────┐ G, INVITE again:               │
///    │ Completed │ repeat the response            │
///    └─┬───────┬─┘                                │
///   ACK│       │H: no ACK came                    │
///      ▼       │                                  │
///  ┌───────────┐│                                 │
///  │ Confirmed ││                                 │
///  └─────┬─────┘│                                 │
///        │ I    ▼                                 ▼
///      ┌──────────────────────────────────────────┐
///      │                Terminated                │
///      └──────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InviteServerState {
    /// No final response was sent.
    Proceeding,
    /// A final response other than 2xx was sent and waits for its ACK.
    Completed,
    /// That ACK came; more copies of it are absorbed.
    Confirmed,
    /// A 2xx was sent; the dialog above repeats it until its ACK.
    Accepted,
    /// Over.
    Terminated,
}

impl InviteServerState {
    /// Whether the user may still send any response.
    pub const fn is_pending(self) -> bool {
        match self {
            Self::Proceeding => true,
            Self::Completed | Self::Confirmed | Self::Accepted | Self::Terminated => false,
        }
    }
}

/// The machine: told of requests, responses and of time, says what to do.
#[derive(Clone, Debug)]
pub struct InviteServer {
    state: InviteServerState,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    retransmit: Option<Instant>,
    deadline: Option<Instant>,
}

impl InviteServer {
    /// The INVITE has just arrived.
    pub const fn new(timers: Timers, reliable: bool) -> Self {
        Self {
            state: InviteServerState::Proceeding,
            timers,
            reliable,
            interval: timers.t1,
            retransmit: None,
            deadline: None,
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> InviteServerState {
        self.state
    }

    /// The user answers with this status; says whether that may be sent now.
    pub fn on_answer(&mut self, now: Instant, status: u16) -> bool {
        use InviteServerState::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        match (self.state, status) {
            (Proceeding, 100..=199) => true,
            (Proceeding, 200..=299) => {
                self.state = Accepted;
                self.deadline = Some(now + self.timers.lifetime());
                true
            }
            (Proceeding, 300..=699) => {
                self.state = Completed;
                self.retransmit = (!self.reliable).then(|| now + self.timers.t1);
                self.deadline = Some(now + self.timers.lifetime());
                true
            }
            (Accepted, 200..=299) => true,
            (Proceeding | Completed | Confirmed | Accepted | Terminated, _) => false,
        }
    }

    /// The same INVITE came again; says whether the last response must be repeated.
    pub const fn on_repeat(&self) -> bool {
        match self.state {
            InviteServerState::Proceeding | InviteServerState::Completed => true,
            InviteServerState::Confirmed
            | InviteServerState::Accepted
            | InviteServerState::Terminated => false,
        }
    }

    /// The ACK of a final response other than 2xx came.
    pub fn on_ack(&mut self, now: Instant) {
        match self.state {
            InviteServerState::Completed => {
                self.state = InviteServerState::Confirmed;
                self.retransmit = None;
                self.deadline = Some(now + self.timers.linger(self.reliable));
            }
            InviteServerState::Proceeding
            | InviteServerState::Confirmed
            | InviteServerState::Accepted
            | InviteServerState::Terminated => {}
        }
    }

    /// Time has come to `now`.
    pub fn on_timeout(&mut self, now: Instant) -> Expiry {
        if self.deadline.is_some_and(|at| at <= now) {
            let unacknowledged = match self.state {
                InviteServerState::Completed => true,
                InviteServerState::Proceeding
                | InviteServerState::Confirmed
                | InviteServerState::Accepted
                | InviteServerState::Terminated => false,
            };
            self.state = InviteServerState::Terminated;
            return if unacknowledged {
                Expiry::TimedOut
            } else {
                Expiry::Over
            };
        }
        if self.retransmit.is_some_and(|at| at <= now) {
            self.interval = self.timers.next_capped(self.interval);
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

    #[test]
    fn on_udp_a_refusal_is_repeated_by_timer_g_until_timer_h() {
        let now = start();
        let mut machine = InviteServer::new(Timers::default(), false);
        assert!(machine.on_answer(now, 180));
        assert!(machine.on_answer(now, 486));
        assert!(!machine.on_answer(now, 200), "only one final response");
        let mut at = Vec::new();
        let end = loop {
            let next = machine.poll_timeout().expect("a timer runs");
            match machine.on_timeout(next) {
                Expiry::Retransmit => at.push((next - now).as_millis()),
                end => break end,
            }
        };
        let table = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(at, table);
        assert_eq!(end, Expiry::TimedOut);
    }

    #[test]
    fn an_ack_stops_the_repeats_and_timer_i_ends_it() {
        let now = start();
        let mut machine = InviteServer::new(Timers::default(), false);
        machine.on_answer(now, 486);
        machine.on_ack(now + ms(100));
        assert_eq!(machine.state(), InviteServerState::Confirmed);
        assert_eq!(machine.poll_timeout(), Some(now + ms(5_100)));
        assert_eq!(machine.on_timeout(now + ms(5_100)), Expiry::Over);
    }

    #[test]
    fn after_a_2xx_repeated_invites_are_swallowed_until_timer_l() {
        let now = start();
        let mut machine = InviteServer::new(Timers::default(), false);
        assert!(machine.on_repeat(), "the 100 is repeated");
        assert!(machine.on_answer(now, 200));
        assert!(!machine.on_repeat());
        assert!(
            machine.on_answer(now + ms(500), 200),
            "the dialog repeats it"
        );
        assert_eq!(machine.poll_timeout(), Some(now + ms(32_000)));
        assert_eq!(machine.on_timeout(now + ms(32_000)), Expiry::Over);
    }
}
