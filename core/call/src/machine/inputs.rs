//! What comes in, and which part of the machine it is for.
//!
//! | from | input | part |
//! |---|---|---|
//! | user | answer | `dialing` |
//! | user | reject, hang up | `ending` |
//! | user | hold, resume | `hold` |
//! | leg | trying, ringing, early media, forked, accepted | `dialing` |
//! | leg | transport connected, transport lost, held | `media` |
//! | leg | hold done, resume done, hold rejected | `hold` |
//! | leg | ended | `ending`, and `dialing` for the next attempt |
//! | clock | any limit | `timers` |

use tandem_types::{EndReason, LegId};

use super::Step;
use crate::leg::Leg;
use crate::participant::Participant;
use crate::{Command, CommandError, HoldWish, LegCommand, LegEvent, RejectReason, command};

impl Participant {
    /// Does what the user asks, or says why not and changes nothing.
    pub(crate) fn handle_command(
        &mut self,
        step: &mut Step<'_>,
        command: Command,
    ) -> Result<(), CommandError> {
        command::check(self.state(), &command)?;
        match command {
            Command::Answer => self.answer(step),
            Command::Reject(reason) => self.finish(
                step,
                match reason {
                    RejectReason::Busy => EndReason::Busy,
                    RejectReason::Declined => EndReason::Declined,
                    RejectReason::NoAnswer => EndReason::NoAnswer,
                },
            ),
            Command::HangUp => self.hang_up(step),
            Command::Hold => self.hold.want(HoldWish::Hold)?,
            Command::Resume => self.hold.want(HoldWish::Resume)?,
            Command::SendDtmf(digits) => {
                let plays = |leg: &&Leg| leg.phase.is_setup() && leg.early_media;
                let leg = self.winning_leg().or_else(|| self.legs().find(plays));
                if let Some(leg) = leg {
                    step.command(leg.id, LegCommand::SendDtmf(digits));
                }
            }
        }
        self.settle(step);
        Ok(())
    }

    /// Takes in what happened to one of its legs.
    pub(crate) fn handle_leg(&mut self, step: &mut Step<'_>, id: LegId, event: LegEvent) {
        let wins = self.winner == Some(id);
        match event {
            LegEvent::Trying => self.leg_progressed(id, |_| {}),
            LegEvent::Ringing => self.leg_progressed(id, |leg| leg.ringing = true),
            LegEvent::EarlyMedia => self.leg_progressed(id, |leg| leg.early_media = true),
            LegEvent::Forked { leg } => self.leg_forked(step, id, leg),
            LegEvent::Accepted => self.leg_accepted(step, id),
            LegEvent::AnswerConfirmed => {
                if let Some(leg) = self.leg_mut(id).filter(|_| wins) {
                    leg.confirmed = true;
                }
            }
            LegEvent::TransportConnected => self.leg_media(id, true),
            LegEvent::TransportLost => self.leg_media(id, false),
            LegEvent::Held(held) => {
                if let Some(leg) = self.leg_mut(id) {
                    leg.remote_hold = held;
                }
            }
            LegEvent::HoldDone if wins => self.hold_agreed(HoldWish::Hold),
            LegEvent::ResumeDone if wins => self.hold_agreed(HoldWish::Resume),
            LegEvent::HoldRejected(refusal) if wins => self.hold_rejected(step, refusal),
            LegEvent::HoldDone | LegEvent::ResumeDone | LegEvent::HoldRejected(_) => {}
            LegEvent::Ended { reason } => self.leg_ended(step, id, reason),
        }
        self.settle(step);
    }
}
