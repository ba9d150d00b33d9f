//! Before the accept: attempts in turn, forks beside each other, and the one that wins.

use tandem_types::{EndReason, LegId};

use super::Step;
use crate::call::MAX_FORKS;
use crate::leg::{Exit, Leg, Phase};
use crate::participant::{Attempt, Participant};
use crate::{CallDirection, LegCommand};

/// Whether the next attempt may succeed where this one failed.
///
/// What the person decided, or failed to do, holds on every path; what a network or server lacks may be
/// different on the next.
const fn falls_back(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::EncryptionRequired
            | EndReason::InternalError
            | EndReason::MediaIncompatible
            | EndReason::NetworkLost
            | EndReason::NoRelay
            | EndReason::NotAuthorised
            | EndReason::NotFound
            | EndReason::Unreachable
            | EndReason::ServerError
    )
}

impl Participant {
    /// Starts the first leg that was not tried yet; `false` when there is none.
    pub(crate) fn start_next_attempt(&mut self, step: &mut Step<'_>) -> bool {
        let Some(leg) = self.legs_mut().find(|leg| leg.phase.is_waiting()) else {
            return false;
        };
        leg.phase = Phase::Setup;
        step.command(leg.id, LegCommand::Start);
        self.ring_by = Some(step.deadline(step.config.ring_limit));
        let more = self.legs().any(|leg| leg.phase.is_waiting());
        let limit = step.config.attempt_limit.filter(|_| more);
        self.attempt_by = limit.map(|limit| step.deadline(limit));
        true
    }

    /// Lets an incoming leg ring here.
    pub(crate) fn start_ringing(&mut self, step: &mut Step<'_>) {
        for leg in self.legs_mut() {
            leg.phase = Phase::Setup;
            leg.heard = true;
            step.command(leg.id, LegCommand::Ring);
        }
        self.ring_by = Some(step.deadline(step.config.incoming_ring_limit));
    }

    /// A sign of life from the far end itself.
    pub(crate) fn leg_progressed(&mut self, id: LegId, mark: fn(&mut Leg)) {
        let outgoing = self.direction == CallDirection::Outgoing;
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.phase.is_setup()) else {
            return;
        };
        leg.heard = true;
        mark(leg);
        if outgoing && (leg.ringing || leg.early_media) {
            self.attempt_by = None;
        }
    }

    /// Another early dialog of the attempt that `parent` belongs to.
    pub(crate) fn leg_forked(&mut self, step: &mut Step<'_>, parent: LegId, id: LegId) {
        if self.direction == CallDirection::Incoming || self.leg(id).is_some() {
            return;
        }
        let of_parent = |attempt: &&mut Attempt| {
            let mut legs = attempt.legs.iter();
            legs.any(|leg| leg.id == parent && leg.phase.is_known_to_the_far_end())
        };
        let Some(attempt) = self.attempts.iter_mut().find(of_parent) else {
            return;
        };
        if attempt.legs.len() > MAX_FORKS {
            step.command(id, LegCommand::Cancel(EndReason::ServerError));
            return;
        }
        let attempt_runs = attempt.legs.first().is_some_and(|leg| leg.phase.is_setup());
        let mut fork = Leg::new(id, Phase::Setup);
        fork.heard = true;
        attempt.legs.push(fork);
        if !self.wants_an_answer() || !attempt_runs {
            let reason = match (self.ending, self.winner) {
                (Some(reason), _) => reason,
                (None, Some(_)) => EndReason::AnsweredElsewhere,
                (None, None) => EndReason::Unreachable,
            };
            self.let_go(step, id, reason);
        }
    }

    /// The far end accepted: the first one wins, whoever comes later is hung up.
    pub(crate) fn leg_accepted(&mut self, step: &mut Step<'_>, id: LegId) {
        if self.direction == CallDirection::Incoming {
            return;
        }
        let welcome = self.wants_an_answer();
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.phase.can_be_accepted()) else {
            return;
        };
        leg.phase = Phase::Accepted;
        leg.heard = true;
        leg.confirmed = true;
        if welcome {
            self.win(step, id);
        } else {
            let reason = self.ending.unwrap_or(EndReason::AnsweredElsewhere);
            self.let_go(step, id, reason);
        }
    }

    /// The user takes the incoming call.
    pub(crate) fn answer(&mut self, step: &mut Step<'_>) {
        let Some(leg) = self.legs_mut().find(|leg| leg.phase.is_setup()) else {
            return;
        };
        leg.phase = Phase::Accepted;
        let id = leg.id;
        step.command(id, LegCommand::Answer);
        self.win(step, id);
    }

    /// Makes an accepted leg the one that carries the call, and lets go of all others.
    fn win(&mut self, step: &mut Step<'_>, id: LegId) {
        self.winner = Some(id);
        self.accepted_at = Some(step.now);
        self.ring_by = None;
        self.attempt_by = None;
        let others: Vec<LegId> = self
            .legs()
            .map(|leg| leg.id)
            .filter(|other| *other != id)
            .collect();
        for other in others {
            self.let_go(step, other, EndReason::AnsweredElsewhere);
        }
    }

    /// A leg ended before anybody had accepted: another still tries, the next attempt begins, or that was it.
    /// An attempt that ends before its turn is not tried.
    pub(crate) fn setup_leg_ended(&mut self, step: &mut Step<'_>, id: LegId, reason: EndReason) {
        // The final failure of an INVITE ends every early dialog it made (RFC 3261 §13.2.2.3).
        for attempt in &mut self.attempts {
            if attempt.legs.first().is_some_and(|leg| leg.id == id) {
                let forks = attempt.legs.iter_mut().filter(|leg| leg.phase.is_setup());
                forks.for_each(|leg| {
                    leg.phase = Phase::Abandoned {
                        way: Exit::Cancelled,
                    };
                });
            }
        }
        if self.legs().any(|leg| leg.phase.is_setup()) {
            return;
        }
        let tried = falls_back(reason) && self.start_next_attempt(step);
        if !tried {
            self.finish(step, reason);
        }
    }

    /// The running attempt gave no sign of the far end: it makes room for the next one.
    pub(crate) fn attempt_timed_out(&mut self, step: &mut Step<'_>) {
        self.attempt_by = None;
        let silent: Vec<LegId> = self
            .legs()
            .filter(|leg| leg.phase.is_setup())
            .map(|leg| leg.id)
            .collect();
        for id in silent {
            self.let_go(step, id, EndReason::Unreachable);
        }
        if !self.start_next_attempt(step) {
            self.finish(step, EndReason::Unreachable);
        }
    }

    /// It rang long enough.
    pub(crate) fn ring_timed_out(&mut self, step: &mut Step<'_>) {
        let heard = self.legs().any(|leg| leg.heard);
        let reason = if heard {
            EndReason::NoAnswer
        } else {
            EndReason::Unreachable
        };
        self.finish(step, reason);
    }
}
