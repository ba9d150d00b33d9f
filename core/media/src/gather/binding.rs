//! One socket and one STUN server: where the server sees the socket (RFC 8489 Binding), and that it stays so.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_stun::message::METHOD_BINDING;
use rtc_stun::message::TransactionId;
use tandem_types::Entropy;

use super::failure::GatherFailure;
use super::message::{Builder, StunClass, StunMessage};
use super::redirect::Redirects;
use super::transaction::{Due, Patience, Schedule, fresh_id};

/// RFC 8445 §11 wants at least 15 s between keep-alives; home routers forget a UDP mapping after 30 s.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a [`Binding`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BindingEvent {
    /// The server sees the socket there: said at first and when it changes.
    Mapped(SocketAddr),
    /// There is nothing to be had.
    Failed(GatherFailure),
}

/// ```text
///   Waiting ──start──► Asking ──answer──► Resting ──15 s──► Asking …      (while it keeps the mapping alive)
///                        │  └─ 300 ──► Asking elsewhere
///                        └─ error, or no first answer ──► Failed
/// ```
#[derive(Debug)]
enum State {
    Waiting {
        until: Instant,
    },
    Asking {
        id: TransactionId,
        schedule: Schedule,
        request: Vec<u8>,
    },
    Resting {
        until: Option<Instant>,
    },
    Failed,
}

/// The question to one STUN server, and its repetition.
#[derive(Debug)]
pub(super) struct Binding {
    server: SocketAddr,
    redirects: Redirects,
    patience: Patience,
    state: State,
    mapped: Option<SocketAddr>,
    keeps_alive: bool,
}

impl Binding {
    /// Asks at `start`.
    pub(super) fn new(server: SocketAddr, start: Instant) -> Self {
        Self {
            server,
            redirects: Redirects::new(server),
            patience: Patience::new(false),
            state: State::Waiting { until: start },
            mapped: None,
            keeps_alive: false,
        }
    }

    /// Where it asks.
    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// Whether it has yet to say its first word.
    pub(super) fn is_pending(&self) -> bool {
        match self.state {
            State::Waiting { .. } | State::Asking { .. } => self.mapped.is_none(),
            State::Resting { .. } | State::Failed => false,
        }
    }

    /// From now on it also keeps the mapping: one server a socket is enough for that.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        self.keeps_alive = true;
        if let State::Resting { until } = &mut self.state {
            *until = Some(now + KEEP_ALIVE);
        }
    }

    /// Takes an answer; `None` if it is not this question's.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        answer: &StunMessage,
    ) -> Option<Vec<BindingEvent>> {
        let State::Asking { id, schedule, .. } = &self.state else {
            return None;
        };
        if answer.transaction() != *id || answer.method() != METHOD_BINDING {
            return None;
        }
        match answer.class() {
            StunClass::Request | StunClass::Indication => return None,
            StunClass::Success | StunClass::Error => {}
        }
        self.patience.learn(now, schedule);
        let mapped = match (answer.class(), answer.mapped_address()) {
            (StunClass::Success, Some(mapped)) => mapped,
            (StunClass::Success, None) => return Some(self.fail(now, GatherFailure::Malformed)),
            _ => return Some(self.refused(now, answer)),
        };
        self.rest(now);
        if self.mapped == Some(mapped) {
            return Some(Vec::new());
        }
        self.mapped = Some(mapped);
        Some(vec![BindingEvent::Mapped(mapped)])
    }

    fn refused(&mut self, now: Instant, answer: &StunMessage) -> Vec<BindingEvent> {
        let Some(code) = answer.error_code() else {
            return self.fail(now, GatherFailure::Malformed);
        };
        if code != 300 {
            return self.fail(now, GatherFailure::from_code(code));
        }
        match self.redirects.follow(answer.alternate_server()) {
            Ok(server) => {
                self.server = server;
                self.state = State::Waiting { until: now };
                Vec::new()
            }
            Err(why) => self.fail(now, why),
        }
    }

    /// The bytes to send, if it is time for any, and what was given up.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> (Option<Vec<u8>>, Vec<BindingEvent>) {
        match &mut self.state {
            State::Waiting { until } | State::Resting { until: Some(until) } if *until <= now => {
                let id = fresh_id(entropy);
                let request = Builder::request(METHOD_BINDING, id).finish();
                self.state = State::Asking {
                    id,
                    schedule: Schedule::start(now, &self.patience),
                    request: request.clone(),
                };
                (Some(request), Vec::new())
            }
            State::Asking {
                schedule, request, ..
            } => match schedule.poll(now) {
                Due::Wait => (None, Vec::new()),
                Due::Again => (Some(request.clone()), Vec::new()),
                Due::GiveUp => (None, self.fail(now, GatherFailure::NoAnswer)),
            },
            State::Waiting { .. } | State::Resting { .. } | State::Failed => (None, Vec::new()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { until } => Some(*until),
            State::Asking { schedule, .. } => Some(schedule.next()),
            State::Resting { until } => *until,
            State::Failed => None,
        }
    }

    fn rest(&mut self, now: Instant) {
        let until = self.keeps_alive.then(|| now + KEEP_ALIVE);
        self.state = State::Resting { until };
    }

    /// A mapping once found is kept alive further, whatever a keep-alive came to.
    fn fail(&mut self, now: Instant, why: GatherFailure) -> Vec<BindingEvent> {
        if self.mapped.is_some() {
            self.rest(now);
            return Vec::new();
        }
        self.state = State::Failed;
        vec![BindingEvent::Failed(why)]
    }
}
