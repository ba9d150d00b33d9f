//! Hold and resume: one wish, one re-offer at a time.
//!
//! The user's wish may change at any moment; the far end can be asked only while no other re-offer is on its
//! way, and not before it knows of the accept. So the last wish is kept and pursued until it is true, was
//! refused, or met glare too often.

use std::time::Instant;

use super::Step;
use crate::participant::Participant;
use crate::{CallEvent, CommandError, HoldRefusal, HoldWish, LegCommand};

/// A far end that meets every re-offer with its own is given up on.
const MAX_GLARES: u8 = 6;

/// The local side's hold; the remote side's is a fact of the leg.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hold {
    /// The far end agreed that this side holds.
    held: bool,
    /// What the user wants.
    wanted: bool,
    /// The re-offer on its way.
    asked: Option<HoldWish>,
    /// After glare: not before.
    pub(crate) retry_at: Option<Instant>,
    glares: u8,
}

impl Hold {
    /// Whether this side holds.
    pub(crate) const fn local(&self) -> bool {
        self.held
    }

    /// What the user still waits for.
    pub(crate) const fn wish(&self) -> Option<HoldWish> {
        match (self.held, self.wanted) {
            (false, true) => Some(HoldWish::Hold),
            (true, false) => Some(HoldWish::Resume),
            (true, true) | (false, false) => None,
        }
    }

    /// Takes the user's new wish.
    pub(crate) const fn want(&mut self, wish: HoldWish) -> Result<(), CommandError> {
        match (wish, self.wanted) {
            (HoldWish::Hold, true) => Err(CommandError::AlreadyHeld),
            (HoldWish::Resume, false) => Err(CommandError::NotHeld),
            (HoldWish::Hold, false) | (HoldWish::Resume, true) => {
                self.wanted = !self.wanted;
                Ok(())
            }
        }
    }

    /// The call is over: nobody holds anything.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Participant {
    /// Asks the far end for what the user wants, when it may be asked.
    pub(super) fn pursue_hold_wish(&mut self, step: &mut Step<'_>) {
        let Some(leg) = self.winning_leg().filter(|leg| leg.confirmed) else {
            return;
        };
        let id = leg.id;
        let busy = self.hold.asked.is_some() || self.hold.retry_at.is_some();
        if self.ending.is_some() || busy {
            return;
        }
        let Some(wish) = self.hold.wish() else { return };
        self.hold.asked = Some(wish);
        step.command(
            id,
            match wish {
                HoldWish::Hold => LegCommand::Hold,
                HoldWish::Resume => LegCommand::Resume,
            },
        );
    }

    /// The far end agreed.
    pub(super) fn hold_agreed(&mut self, wish: HoldWish) {
        if self.hold.asked != Some(wish) {
            return;
        }
        self.hold.asked = None;
        self.hold.glares = 0;
        self.hold.held = wish == HoldWish::Hold;
    }

    /// The far end did not agree, or could not just now.
    pub(super) fn hold_rejected(&mut self, step: &mut Step<'_>, refusal: HoldRefusal) {
        let Some(wish) = self.hold.asked.take() else {
            return;
        };
        match refusal {
            HoldRefusal::Glare { retry_after } if self.hold.glares < MAX_GLARES => {
                self.hold.glares = self.hold.glares.saturating_add(1);
                self.hold.retry_at = Some(step.deadline(retry_after));
            }
            HoldRefusal::Glare { .. } | HoldRefusal::Refused => {
                self.hold.glares = 0;
                // The user may have changed their mind meanwhile: then there is nothing to complain about.
                if self.hold.wish() == Some(wish) {
                    self.hold.wanted = self.hold.held;
                    step.event(CallEvent::HoldRefused(wish));
                }
            }
        }
    }
}
