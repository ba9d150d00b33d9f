//! One call in virtual time, told line by line.

use std::time::{Duration, Instant};

use tandem_call::{
    Call, CallConfig, CallEvent, CallSnapshot, CallState, CallSummary, Command, CommandError,
    HoldWish, LegCommand, LegEvent, Output,
};
use tandem_types::{CallId, EndReason, LegId, SeededEntropy};

/// A call, and everything it said so far.
pub struct Story {
    pub call: Call,
    pub start: Instant,
    pub now: Instant,
    commands: Vec<(u64, LegCommand)>,
    pub states: Vec<CallState>,
    pub refused: Vec<HoldWish>,
    pub ended: Option<CallSummary>,
}

/// Any instant will do: the stories only ever add to it.
#[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
pub fn origin() -> Instant {
    Instant::now()
}

pub fn call_id() -> CallId {
    CallId::random(&mut SeededEntropy::new(7))
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn ended(reason: EndReason) -> LegEvent {
    LegEvent::Ended { reason }
}

impl Story {
    /// The user calls somebody who can be reached over these legs.
    pub fn dials(attempts: &[u64]) -> Self {
        Self::dials_with(CallConfig::default(), attempts)
    }

    pub fn dials_with(config: CallConfig, attempts: &[u64]) -> Self {
        let now = origin();
        let legs = attempts.iter().map(|leg| LegId(*leg));
        Self::tell(now, Call::outgoing(now, call_id(), config, legs))
    }

    /// Somebody calls over leg 1.
    pub fn is_called() -> Self {
        let now = origin();
        let call = Call::incoming(now, call_id(), LegId(1), CallConfig::default());
        Self::tell(now, call)
    }

    /// Walks to two people talking over leg 1: dialled, ringing, accepted, media, and nothing left to read.
    pub fn talks() -> Self {
        let mut story = Self::dials(&[1]);
        story.leg(1, LegEvent::Ringing);
        story.leg(1, LegEvent::Accepted);
        story.leg(1, LegEvent::TransportConnected);
        story.commands();
        story
    }

    fn tell(now: Instant, call: Call) -> Self {
        let mut story = Self {
            call,
            start: now,
            now,
            commands: Vec::new(),
            states: Vec::new(),
            refused: Vec::new(),
            ended: None,
        };
        story.listen();
        story
    }

    fn listen(&mut self) {
        while let Some(output) = self.call.poll_output() {
            assert_eq!(self.ended, None, "said after the end: {output:?}");
            match output {
                Output::Leg(leg, command) => self.commands.push((leg.0, command)),
                Output::Event(CallEvent::StateChanged(snapshot)) => {
                    self.states.push(snapshot.state);
                }
                Output::Event(CallEvent::HoldRefused(wish)) => self.refused.push(wish),
                Output::Event(CallEvent::Ended(summary)) => self.ended = Some(summary),
            }
        }
    }

    /// Something happens to a leg.
    pub fn leg(&mut self, leg: u64, event: LegEvent) {
        self.call.handle_leg(self.now, LegId(leg), event);
        self.listen();
    }

    /// The user does something that is allowed.
    pub fn user(&mut self, command: Command) {
        assert_eq!(self.tries(command), Ok(()));
    }

    /// The user does something that may not be.
    pub fn tries(&mut self, command: Command) -> Result<(), CommandError> {
        let result = self.call.handle_command(self.now, command);
        self.listen();
        result
    }

    /// Time passes, and the driver wakes the call whenever it asked for it.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        let mut woken = 0;
        while let Some(wake) = self.call.poll_timeout().filter(|wake| *wake <= until) {
            self.now = wake.max(self.now);
            self.call.handle_timeout(self.now);
            self.listen();
            woken += 1;
            assert!(woken < 100, "the call asks to be woken over and over");
        }
        self.now = until;
    }

    /// What the legs were told since this was asked last.
    pub fn commands(&mut self) -> Vec<(u64, LegCommand)> {
        std::mem::take(&mut self.commands)
    }

    pub fn state(&self) -> CallState {
        self.call.state()
    }

    pub fn snapshot(&self) -> CallSnapshot {
        self.call.snapshot()
    }

    /// Why the call was over, `None` while it is not.
    pub fn reason(&self) -> Option<EndReason> {
        self.ended.as_ref().map(|summary| summary.reason)
    }

    /// How long the call has run.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}
