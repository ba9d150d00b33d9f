//! What a call says: commands for its legs, news for the screen.

use std::time::Instant;

use tandem_types::{CallId, EndReason, LegId};

use crate::{CallState, HoldWish, LegCommand};

/// One thing the driver has to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Hand this to the protocol room that owns the leg.
    Leg(LegId, LegCommand),
    /// Tell the user, and the store.
    Event(CallEvent),
}

/// News about a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallEvent {
    /// Something a screen shows is different now. The whole picture each time; the first one comes with
    /// the call itself.
    StateChanged(CallSnapshot),
    /// The far end would not be held, or would not go on. The wish is dropped.
    HoldRefused(HoldWish),
    /// The call is over. Comes once, and nothing comes after it; no
    /// [`StateChanged`](CallEvent::StateChanged) repeats it.
    Ended(CallSummary),
}

/// Everything a screen needs to draw a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallSnapshot {
    /// Who called whom.
    pub direction: CallDirection,
    /// What the call is doing, derived from the fields below.
    pub state: CallState,
    /// The signalling axis: both sides said yes.
    pub accepted: bool,
    /// The media axis of the leg that carries the call: packets can flow. Before the accept it is that of
    /// any leg (media may be warm by then).
    pub connected: bool,
    /// This side holds, and the far end agreed.
    pub local_hold: bool,
    /// The far end holds.
    pub remote_hold: bool,
    /// What the user asked of the hold and did not get yet.
    pub hold_wish: Option<HoldWish>,
    /// The leg that carries the call, once one was accepted.
    pub leg: Option<LegId>,
}

/// Who called whom.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CallDirection {
    /// The far end called.
    Incoming,
    /// The user called.
    Outgoing,
}

/// What history keeps of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallSummary {
    /// Which call.
    pub call: CallId,
    /// Who called whom.
    pub direction: CallDirection,
    /// Why it ended.
    pub reason: EndReason,
    /// When it was dialled, or began to ring here.
    pub started: Instant,
    /// When both sides had said yes.
    pub accepted: Option<Instant>,
    /// When the two could first talk.
    pub established: Option<Instant>,
    /// When it was over.
    pub ended: Instant,
    /// The leg that carried it.
    pub leg: Option<LegId>,
}
