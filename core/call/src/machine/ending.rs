//! Letting go: of a leg that is not needed, and of the whole participant.

use tandem_types::{EndReason, LegId};

use super::Step;
use crate::leg::{Exit, Phase};
use crate::participant::Participant;
use crate::{CallDirection, LegCommand, RejectReason};

impl Participant {
    /// Tells one leg to end, in the way its phase calls for.
    pub(crate) fn let_go(&mut self, step: &mut Step<'_>, id: LegId, reason: EndReason) {
        let direction = self.direction;
        let Some(leg) = self.leg_mut(id) else { return };
        let (command, way) = match (leg.phase, direction) {
            (Phase::Waiting, _) => {
                leg.phase = Phase::Ended;
                return;
            }
            (Phase::Setup, CallDirection::Outgoing) => {
                (LegCommand::Cancel(reason), Exit::Cancelled)
            }
            (Phase::Setup, CallDirection::Incoming) => {
                (LegCommand::Reject(rejection(reason)), Exit::Final)
            }
            (Phase::Accepted, _) => (LegCommand::HangUp(reason), Exit::Final),
            (Phase::Leaving { .. } | Phase::Abandoned { .. } | Phase::Ended, _) => return,
        };
        let by = step.deadline(step.config.ending_limit);
        leg.phase = Phase::Leaving { by, way };
        step.command(id, command);
    }

    /// Ends the participant for `reason`, unless it is ending already.
    pub(crate) fn finish(&mut self, step: &mut Step<'_>, reason: EndReason) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(reason);
        self.ring_by = None;
        self.attempt_by = None;
        self.media_by = None;
        self.hold.forget();
        let all: Vec<LegId> = self.legs().map(|leg| leg.id).collect();
        for id in all {
            self.let_go(step, id, reason);
        }
    }

    /// The user wants it over.
    pub(crate) fn hang_up(&mut self, step: &mut Step<'_>) {
        let reason = match (self.winner, self.direction) {
            (Some(_), _) => EndReason::LocalHangUp,
            (None, CallDirection::Outgoing) => EndReason::Cancelled,
            (None, CallDirection::Incoming) => EndReason::Declined,
        };
        self.finish(step, reason);
    }

    /// A leg is over, by its own account.
    pub(crate) fn leg_ended(&mut self, step: &mut Step<'_>, id: LegId, reason: EndReason) {
        let Some(leg) = self.leg_mut(id) else { return };
        let confirmed = leg.confirmed;
        leg.phase = Phase::Ended;
        if self.ending.is_some() {
            return;
        }
        if self.winner == Some(id) {
            self.finish(step, after_accept(reason, confirmed));
        } else if self.winner.is_none() {
            self.setup_leg_ended(step, id, before_accept(reason, self.direction));
        }
    }
}

/// How a refusal is told to the caller.
const fn rejection(reason: EndReason) -> RejectReason {
    match reason {
        EndReason::Busy => RejectReason::Busy,
        EndReason::NoAnswer => RejectReason::NoAnswer,
        _ => RejectReason::Declined,
    }
}

/// Nobody can hang up what nobody accepted: the word the screen needs instead.
const fn before_accept(reason: EndReason, direction: CallDirection) -> EndReason {
    match (reason, direction) {
        (EndReason::RemoteHangUp, CallDirection::Outgoing) => EndReason::Declined,
        (EndReason::RemoteHangUp, CallDirection::Incoming) => EndReason::Cancelled,
        (reason, _) => reason,
    }
}

/// Nobody can cancel what both accepted, except while the caller does not know of the accept.
const fn after_accept(reason: EndReason, confirmed: bool) -> EndReason {
    match (reason, confirmed) {
        (EndReason::Cancelled, true) => EndReason::RemoteHangUp,
        (reason, _) => reason,
    }
}
