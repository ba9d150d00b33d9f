//! Everything that happens because nothing happened.

use std::time::Instant;

use super::Step;
use crate::leg::{Leg, Phase};
use crate::participant::Participant;

const fn leaves_by(leg: &Leg) -> Option<Instant> {
    match leg.phase {
        Phase::Leaving { by, .. } => Some(by),
        Phase::Waiting
        | Phase::Setup
        | Phase::Accepted
        | Phase::Abandoned { .. }
        | Phase::Ended => None,
    }
}

impl Participant {
    /// When this participant wants to be woken.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let own = [
            self.ring_by,
            self.attempt_by,
            self.media_by,
            self.hold.retry_at,
        ];
        own.into_iter()
            .flatten()
            .chain(self.legs().filter_map(leaves_by))
            .min()
    }

    /// Does whatever is due. A wait that ends the call comes before one that would prolong it.
    pub(crate) fn handle_timeout(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        let due = |deadline: Option<Instant>| deadline.is_some_and(|by| by <= now);
        if due(self.ring_by) {
            self.ring_timed_out(step);
        }
        if due(self.media_by) {
            self.media_timed_out(step);
        }
        if due(self.attempt_by) {
            self.attempt_timed_out(step);
        }
        if due(self.hold.retry_at) {
            self.hold.retry_at = None;
        }
        for leg in self.legs_mut() {
            if let Phase::Leaving { by, way } = leg.phase
                && by <= now
            {
                leg.phase = Phase::Abandoned { way };
            }
        }
    }
}
