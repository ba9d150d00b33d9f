//! The far end of a call: every way it is tried, the leg that won, and what state follows from that.

use std::time::Instant;

use tandem_types::{EndReason, LegId};

use crate::leg::Leg;
use crate::machine::Hold;
use crate::{CallDirection, CallSnapshot, CallState, HoldState};

/// One way to reach the participant: an INVITE with all its early dialogs, or a Jingle session.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The leg that was dialled, then its forks.
    pub(crate) legs: Vec<Leg>,
}

/// One far end of a call.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) direction: CallDirection,
    /// In the order they are tried.
    pub(crate) attempts: Vec<Attempt>,
    /// The accepted leg that carries the call.
    pub(crate) winner: Option<LegId>,
    pub(crate) hold: Hold,
    /// When ringing becomes "no answer".
    pub(crate) ring_by: Option<Instant>,
    /// When a silent attempt makes room for the next one.
    pub(crate) attempt_by: Option<Instant>,
    /// When missing media becomes "connection lost".
    pub(crate) media_by: Option<Instant>,
    pub(crate) accepted_at: Option<Instant>,
    /// When the two axes first met.
    pub(crate) established_at: Option<Instant>,
    /// Why the participant is gone or going; the first cause counts.
    pub(crate) ending: Option<EndReason>,
}

impl Participant {
    pub(crate) fn new(direction: CallDirection, attempts: Vec<Attempt>) -> Self {
        Self {
            direction,
            attempts,
            winner: None,
            hold: Hold::default(),
            ring_by: None,
            attempt_by: None,
            media_by: None,
            accepted_at: None,
            established_at: None,
            ending: None,
        }
    }

    pub(crate) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.attempts.iter().flat_map(|attempt| &attempt.legs)
    }

    pub(crate) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.attempts
            .iter_mut()
            .flat_map(|attempt| &mut attempt.legs)
    }

    pub(crate) fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs().find(|leg| leg.id == id)
    }

    pub(crate) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs_mut().find(|leg| leg.id == id)
    }

    /// The leg that carries the call.
    pub(crate) fn winning_leg(&self) -> Option<&Leg> {
        self.winner.and_then(|id| self.leg(id))
    }

    /// Whether an accept would still be welcome.
    pub(crate) const fn wants_an_answer(&self) -> bool {
        self.ending.is_none() && self.winner.is_none()
    }

    /// Whether nothing of the participant is left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.ending.is_some() && self.legs().all(|leg| leg.phase.is_over())
    }

    fn remote_hold(&self) -> bool {
        self.winning_leg().is_some_and(|leg| leg.remote_hold)
    }

    /// Whether nobody need send anything: no silence says that the network is gone.
    pub(crate) fn silence_is_agreed(&self) -> bool {
        self.hold.local() || self.remote_hold()
    }

    pub(crate) fn state(&self) -> CallState {
        if let Some(reason) = self.ending {
            return if self.is_over() {
                CallState::Ended(reason)
            } else {
                CallState::Ending
            };
        }
        let Some(winner) = self.winning_leg() else {
            return self.setup_state();
        };
        let held = HoldState::of(self.hold.local(), winner.remote_hold);
        match (self.established_at, held, winner.connected) {
            (None, _, _) => CallState::Connecting,
            (Some(since), Some(by), _) => CallState::Held { since, by },
            (Some(since), None, true) => CallState::Active { since },
            (Some(since), None, false) => CallState::Reconnecting { since },
        }
    }

    fn setup_state(&self) -> CallState {
        let any = |test: fn(&Leg) -> bool| self.legs().filter(|leg| leg.phase.is_setup()).any(test);
        match self.direction {
            CallDirection::Incoming => CallState::Incoming,
            CallDirection::Outgoing if any(|leg| leg.early_media) => CallState::EarlyMedia,
            CallDirection::Outgoing if any(|leg| leg.ringing) => CallState::Ringing,
            CallDirection::Outgoing => CallState::Dialing,
        }
    }

    pub(crate) fn snapshot(&self) -> CallSnapshot {
        let state = self.state();
        let connected = match self.winning_leg() {
            Some(leg) => leg.connected,
            None => self.legs().any(|leg| leg.phase.is_setup() && leg.connected),
        };
        CallSnapshot {
            direction: self.direction,
            state,
            accepted: state.is_accepted(),
            connected: connected && self.ending.is_none(),
            local_hold: self.hold.local(),
            remote_hold: self.remote_hold() && self.ending.is_none(),
            hold_wish: self.hold.wish(),
            leg: self.winner,
        }
    }
}
