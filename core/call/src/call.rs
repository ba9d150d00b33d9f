//! A call: its participants, and the door everything comes and goes through.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use tandem_types::{CallId, EndReason, LegId};

use crate::leg::{Leg, Phase};
use crate::machine::Step;
use crate::participant::{Attempt, Participant};
use crate::{
    CallConfig, CallDirection, CallEvent, CallSnapshot, CallState, CallSummary, Command,
    CommandError, LegCommand, LegEvent, Output,
};

/// Most ways to one person a call tries; more are dropped.
pub const MAX_ATTEMPTS: usize = 16;

/// Most forks of one attempt that are followed; the rest is cancelled when it shows.
pub const MAX_FORKS: usize = 16;

/// One call as the user sees it, whatever carries it and however many attempts it takes.
///
/// See the [crate's documentation](crate) for how to drive it.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    config: CallConfig,
    direction: CallDirection,
    started: Instant,
    participants: Vec<Participant>,
    outputs: VecDeque<Output>,
    shown: Option<CallSnapshot>,
    ended: bool,
}

impl Call {
    /// Calls somebody: the attempts are tried in this order until one is accepted or the person said no.
    ///
    /// The first one is started at once. Without any attempt the call ends at once as unreachable.
    pub fn outgoing(
        now: Instant,
        id: CallId,
        config: CallConfig,
        attempts: impl IntoIterator<Item = LegId>,
    ) -> Self {
        let mut known = BTreeSet::new();
        let attempts = attempts
            .into_iter()
            .filter(|leg| known.insert(*leg))
            .take(MAX_ATTEMPTS)
            .map(|leg| Attempt {
                legs: vec![Leg::new(leg, Phase::Waiting)],
            })
            .collect();
        Self::begin(
            now,
            id,
            config,
            CallDirection::Outgoing,
            attempts,
            |participant, step| {
                if !participant.start_next_attempt(step) {
                    participant.finish(step, EndReason::Unreachable);
                }
            },
        )
    }

    /// Somebody calls: it rings here from now on.
    pub fn incoming(now: Instant, id: CallId, leg: LegId, config: CallConfig) -> Self {
        let legs = vec![Leg::new(leg, Phase::Waiting)];
        Self::begin(
            now,
            id,
            config,
            CallDirection::Incoming,
            vec![Attempt { legs }],
            Participant::start_ringing,
        )
    }

    fn begin(
        now: Instant,
        id: CallId,
        config: CallConfig,
        direction: CallDirection,
        attempts: Vec<Attempt>,
        first: impl Fn(&mut Participant, &mut Step<'_>),
    ) -> Self {
        let mut call = Self {
            id,
            config,
            direction,
            started: now,
            participants: vec![Participant::new(direction, attempts)],
            outputs: VecDeque::new(),
            shown: None,
            ended: false,
        };
        call.each_participant(now, first);
        call.tell(now);
        call
    }

    /// Which call this is.
    pub const fn id(&self) -> &CallId {
        &self.id
    }

    /// What the call is doing.
    pub fn state(&self) -> CallState {
        self.snapshot().state
    }

    /// The whole picture: that of the participant who came furthest.
    pub fn snapshot(&self) -> CallSnapshot {
        let furthest = self
            .participants
            .iter()
            .map(Participant::snapshot)
            .max_by_key(|snapshot| snapshot.state.rank());
        furthest.unwrap_or(CallSnapshot {
            direction: self.direction,
            state: CallState::Ended(EndReason::InternalError),
            accepted: false,
            connected: false,
            local_hold: false,
            remote_hold: false,
            hold_wish: None,
            leg: None,
        })
    }

    /// Does what the user asks. A refused command changes nothing.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        let mut result = Err(CommandError::Ended);
        self.each_participant(now, |participant, step| {
            let done = participant.handle_command(step, command.clone());
            if result.is_err() {
                result = done;
            }
        });
        self.tell(now);
        result
    }

    /// Takes in what happened to a leg. What makes no sense is ignored.
    pub fn handle_leg(&mut self, now: Instant, leg: LegId, event: LegEvent) {
        let known = self.participants.iter().any(|p| p.leg(leg).is_some());
        if known {
            self.each_participant(now, |participant, step| {
                if participant.leg(leg).is_some() {
                    participant.handle_leg(step, leg, event);
                }
            });
        } else if event == LegEvent::Accepted && !self.ended {
            // A fork beyond the bound, or a mix-up: whoever picked up must not hear silence for ever.
            let command = LegCommand::HangUp(EndReason::AnsweredElsewhere);
            self.outputs.push_back(Output::Leg(leg, command));
        }
        self.tell(now);
    }

    /// Does whatever is due at `now`; harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.each_participant(now, |participant, step| {
            participant.handle_timeout(step);
            participant.settle(step);
        });
        self.tell(now);
    }

    /// The next thing to do; `None` until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Call::handle_timeout) is wanted; `None` when nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.participants.iter().map(Participant::next_deadline);
        deadlines.flatten().min()
    }

    fn each_participant(
        &mut self,
        now: Instant,
        mut apply: impl FnMut(&mut Participant, &mut Step<'_>),
    ) {
        if self.ended {
            return;
        }
        let mut step = Step {
            now,
            config: &self.config,
            outputs: &mut self.outputs,
        };
        for participant in &mut self.participants {
            apply(participant, &mut step);
        }
    }

    /// Says what changed, after everything that was commanded because of it.
    fn tell(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        let snapshot = self.snapshot();
        if let CallState::Ended(reason) = snapshot.state {
            self.ended = true;
            let summary = CallSummary {
                call: self.id.clone(),
                direction: self.direction,
                reason,
                started: self.started,
                accepted: self.participants.iter().find_map(|p| p.accepted_at),
                established: self.participants.iter().find_map(|p| p.established_at),
                ended: now,
                leg: snapshot.leg,
            };
            self.outputs
                .push_back(Output::Event(CallEvent::Ended(summary)));
        } else if self.shown != Some(snapshot) {
            self.shown = Some(snapshot);
            self.outputs
                .push_back(Output::Event(CallEvent::StateChanged(snapshot)));
        }
    }
}
