//! How a participant changes: one file per part of a call's life.
//!
//! Every method gets the [`Step`] it is part of; after each, [`Participant::settle`] brings the clocks and
//! the pending hold in line with what is now true.

mod dialing;
mod ending;
mod hold;
mod inputs;
mod media;
mod timers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tandem_types::LegId;

use crate::participant::Participant;
use crate::{CallConfig, CallEvent, LegCommand, Output};

pub(crate) use hold::Hold;

/// One input being worked on: when it came, by which limits, and where its outputs go.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a CallConfig,
    pub(crate) outputs: &'a mut VecDeque<Output>,
}

/// No limit is longer: keeps absurd settings from overflowing the clock.
const LONGEST_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

impl Step<'_> {
    fn command(&mut self, leg: LegId, command: LegCommand) {
        self.outputs.push_back(Output::Leg(leg, command));
    }

    fn event(&mut self, event: CallEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// The instant `limit` from now.
    fn deadline(&self, limit: Duration) -> Instant {
        self.now
            .checked_add(limit.min(LONGEST_LIMIT))
            .unwrap_or(self.now)
    }
}

impl Participant {
    /// Draws the consequences that hold in every state; to be called last in every step.
    pub(crate) fn settle(&mut self, step: &mut Step<'_>) {
        self.follow_media(step);
        self.pursue_hold_wish(step);
    }
}
