//! The server transaction of every method but INVITE (RFC 3261 §17.2.2, RFC 4320).

use std::time::Instant;

use super::{Expiry, Timers};

/// Where a server non-INVITE transaction stands.
///
/// ```text
///           ┌────────┐ 200–699 from the user ┌───────────┐◀─┐ request again:
///  ────────▶│ Trying ├──────────────────────▶│ Completed ├──┘ repeat the response
///  request  └────┬───┘                       └─────┬─────┘
///                │ F of the client is long over    │ J
///                ▼                                 ▼
///              ┌─────────────────────────────────────┐
///              │             Terminated              │
///              └─────────────────────────────────────┘
/// ```
///
/// Provisional responses are not sent: RFC 4320 §4.1 forbids them at once, and the agent answers at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherServerState {
    /// No final response was sent.
    Trying,
    /// The final response was sent; repeats of the request get it again.
    Completed,
    /// Over.
    Terminated,
}

/// The machine: told of requests, responses and of time, says what to do.
#[derive(Clone, Debug)]
pub struct OtherServer {
    state: OtherServerState,
    timers: Timers,
    reliable: bool,
    deadline: Instant,
}

impl OtherServer {
    /// The request has just arrived.
    pub fn new(now: Instant, timers: Timers, reliable: bool) -> Self {
        Self {
            state: OtherServerState::Trying,
            timers,
            reliable,
            // RFC 4320 §4.2: an answer after 64·T1 can only cause harm, so the transaction ends by itself.
            deadline: now + timers.lifetime(),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> OtherServerState {
        self.state
    }

    /// The user answers with this status; says whether that may be sent.
    pub fn on_answer(&mut self, now: Instant, status: u16) -> bool {
        match (self.state, status) {
            (OtherServerState::Trying, 200..=699) => {
                self.state = OtherServerState::Completed;
                self.deadline = now + self.timers.j(self.reliable);
                true
            }
            (
                OtherServerState::Trying
                | OtherServerState::Completed
                | OtherServerState::Terminated,
                _,
            ) => false,
        }
    }

    /// The same request came again; says whether the response must be repeated.
    pub const fn on_repeat(&self) -> bool {
        match self.state {
            OtherServerState::Completed => true,
            OtherServerState::Trying | OtherServerState::Terminated => false,
        }
    }

    /// Time has come to `now`.
    pub fn on_timeout(&mut self, now: Instant) -> Expiry {
        if self.deadline <= now {
            self.state = OtherServerState::Terminated;
            return Expiry::Over;
        }
        Expiry::Nothing
    }

    /// When to be woken.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_clock::{ms, start};
    use super::*;

    #[test]
    fn the_answer_is_kept_for_timer_j_and_no_provisional_leaves() {
        let now = start();
        let mut machine = OtherServer::new(now, Timers::default(), false);
        assert!(!machine.on_repeat(), "nothing to repeat yet");
        assert!(!machine.on_answer(now, 100), "RFC 4320 §4.1");
        assert!(machine.on_answer(now + ms(10), 200));
        assert!(!machine.on_answer(now + ms(11), 481), "only one answer");
        assert!(machine.on_repeat());
        assert_eq!(machine.poll_timeout(), Some(now + ms(32_010)));
        assert_eq!(machine.on_timeout(now + ms(32_010)), Expiry::Over);
        assert_eq!(machine.state(), OtherServerState::Terminated);
    }

    #[test]
    fn on_tcp_timer_j_is_zero() {
        let now = start();
        let mut machine = OtherServer::new(now, Timers::default(), true);
        machine.on_answer(now, 200);
        assert_eq!(machine.poll_timeout(), Some(now));
    }
}
