//! The media axis: connected, lost, back, and how long the call waits for it.

use tandem_types::{EndReason, LegId};

use super::Step;
use crate::leg::Phase;
use crate::participant::Participant;

impl Participant {
    /// Media of one leg came up or went away. It may be up before the accept.
    pub(super) fn leg_media(&mut self, id: LegId, connected: bool) {
        let live = |phase: Phase| match phase {
            Phase::Setup | Phase::Accepted => true,
            Phase::Waiting | Phase::Leaving { .. } | Phase::Abandoned { .. } | Phase::Ended => {
                false
            }
        };
        if let Some(leg) = self.leg_mut(id).filter(|leg| live(leg.phase)) {
            leg.connected = connected;
        }
    }

    /// Starts, keeps or stops the clock that runs while media is missing and nobody agreed to silence.
    pub(super) fn follow_media(&mut self, step: &mut Step<'_>) {
        let Some(leg) = self.winning_leg().filter(|_| self.ending.is_none()) else {
            self.media_by = None;
            return;
        };
        if leg.connected || self.silence_is_agreed() {
            self.established_at.get_or_insert(step.now);
            self.media_by = None;
        } else if self.media_by.is_none() {
            let limit = match self.established_at {
                None => step.config.connect_limit,
                Some(_) => step.config.reconnect_limit,
            };
            self.media_by = limit.map(|limit| step.deadline(limit));
        }
    }

    /// Media did not come, or did not come back.
    pub(super) fn media_timed_out(&mut self, step: &mut Step<'_>) {
        self.finish(step, EndReason::NetworkLost);
    }
}
