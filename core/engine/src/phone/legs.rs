//! What a leg is told to do, as SIP and media do it.

use std::time::{Duration, Instant};

use tandem_call::{HoldRefusal, LegCommand, LegEvent, RejectReason};
use tandem_media::negotiate;
use tandem_sip::agent::{AgentError, SessionId, UserAgent};
use tandem_sip::message::{Reason, StatusCode};
use tandem_types::media::Direction;
use tandem_types::{EndReason, MediaDescription};

use super::COULD_NOT_BEGIN;
use super::active::{ActiveCall, Waiting};
use super::desk::Desk;

/// How long a re-offer waits for the far end's own change of the session to be done.
const BUSY_RETRY: Duration = Duration::from_millis(500);

impl ActiveCall {
    pub(super) fn carry_out(&mut self, now: Instant, command: LegCommand, desk: &mut Desk) {
        match command {
            LegCommand::Start => self.when_open(now, Waiting::ToDial, desk),
            LegCommand::Ring => {
                let _ = self.with_agent(desk, |agent, session| agent.ring(now, session));
            }
            LegCommand::Answer => self.when_open(now, Waiting::ToAnswer, desk),
            LegCommand::Reject(reason) => {
                let status = match reason {
                    RejectReason::Busy => StatusCode::BUSY_HERE,
                    RejectReason::Declined => StatusCode::DECLINE,
                    RejectReason::NoAnswer => StatusCode::TEMPORARILY_UNAVAILABLE,
                };
                let _ = self.with_agent(desk, |agent, session| agent.reject(now, session, status));
            }
            LegCommand::Cancel(reason) | LegCommand::HangUp(reason) => {
                self.let_go(now, reason, desk);
            }
            LegCommand::Hold => self.re_offer(now, true, desk),
            LegCommand::Resume => self.re_offer(now, false, desk),
            LegCommand::SendDtmf(digits) => {
                fault::strike(digits.as_str());
                self.play_keys(now, digits.as_str(), desk);
            }
        }
    }

    /// What [`Waiting`] stands for, now or as soon as the media sockets are open.
    fn when_open(&mut self, now: Instant, what: Waiting, desk: &mut Desk) {
        self.waiting = what;
        self.go_on(now, desk);
    }

    pub(super) fn go_on(&mut self, now: Instant, desk: &mut Desk) {
        if self.media.is_none() || self.is_gathering() {
            return;
        }
        match std::mem::take(&mut self.waiting) {
            Waiting::Nothing => {}
            Waiting::ToDial => self.dial(now, desk),
            Waiting::ToDialAgain => self.dial_again(now, desk),
            Waiting::ToAnswer => self.accept(now, desk),
        }
    }

    fn dial(&mut self, now: Instant, desk: &mut Desk) {
        match self.first_offer(desk) {
            Ok(offer) => self.invite(now, offer, desk),
            Err(reason) => self.leg_event(now, LegEvent::Ended { reason }),
        }
    }

    /// Sends an INVITE with `offer`: the first, or another one after a refusal.
    pub(super) fn invite(&mut self, now: Instant, offer: MediaDescription, desk: &mut Desk) {
        self.our_offer = Some(offer.clone());
        self.local = Some(offer.clone());
        self.listen(now, &offer);
        let (Some(target), Ok(slot)) = (self.target.clone(), desk.slot(self.account)) else {
            self.leg_event(
                now,
                LegEvent::Ended {
                    reason: COULD_NOT_BEGIN,
                },
            );
            return;
        };
        match slot.agent.invite(now, &target, Some(offer)) {
            Ok(session) => {
                self.session = Some(session);
                slot.sessions.insert(session, self.id().clone());
            }
            Err(error) => {
                tracing::warn!(call = %self.id(), %error, "cannot be dialled");
                self.leg_event(
                    now,
                    LegEvent::Ended {
                        reason: EndReason::Unreachable,
                    },
                );
            }
        }
    }

    /// Answers the INVITE: with an answer to its offer, or with our offer if it had none.
    fn accept(&mut self, now: Instant, desk: &mut Desk) {
        let described = match self.their_offer.take() {
            Some(offer) => self.answer_offer(now, &offer, desk),
            None => {
                let ours = self.first_offer(desk);
                self.note_showed_key_first();
                // Its ACK has the answer.
                self.asked_offer = ours.as_ref().ok().cloned();
                ours
            }
        };
        let description = match described {
            Ok(description) => description,
            Err(reason) => {
                self.verdict = Some(reason);
                let status = StatusCode::NOT_ACCEPTABLE_HERE;
                let _ = self.with_agent(desk, |agent, session| agent.reject(now, session, status));
                return;
            }
        };
        if self.asked_offer.is_some() {
            self.listen(now, &description);
        }
        self.local = Some(description.clone());
        let answered = self.with_agent(desk, |agent, session| {
            agent.answer(now, session, description)
        });
        if let Err(AgentError::Description(_) | AgentError::Transaction(_)) = answered {
            self.verdict = Some(EndReason::InternalError);
            let status = StatusCode::SERVER_INTERNAL_ERROR;
            let _ = self.with_agent(desk, |agent, session| agent.reject(now, session, status));
            return;
        }
        if self.remote_hold {
            self.leg_event(now, LegEvent::Held(true));
        }
        if self.negotiated.is_some() {
            self.agree_on_way(now);
        }
    }

    fn play_keys(&mut self, now: Instant, keys: &str, desk: &mut Desk) {
        let queued = self.media.as_mut().map(|media| media.send_dtmf(now, keys));
        match queued {
            Some(Ok(())) => {
                let taken = &mut self.snapshot.keys.taken;
                *taken = taken.saturating_add(u64::try_from(keys.len()).unwrap_or(u64::MAX));
                if self.quiet {
                    self.apply_direction(now);
                }
                self.publish(desk);
            }
            Some(Err(error)) => {
                tracing::warn!(call = %self.id(), %error, "keys not sent");
                self.keys_refused = true;
            }
            None => self.keys_refused = true,
        }
    }

    fn answer_offer(
        &mut self,
        now: Instant,
        offer: &MediaDescription,
        desk: &Desk,
    ) -> Result<MediaDescription, EndReason> {
        let local = self.local_transport().ok_or(COULD_NOT_BEGIN)?;
        let capabilities = desk.capabilities(self.account);
        let both = Direction::SendRecv;
        match negotiate::answer(offer, &capabilities, &local, both, None) {
            Ok((answer, negotiated)) => {
                self.start_media(now, negotiated);
                Ok(answer)
            }
            Err(error) => {
                tracing::warn!(call = %self.id(), %error, "offer no longer acceptable");
                Err(self.reason_of_failure(error, desk))
            }
        }
    }

    fn let_go(&mut self, now: Instant, reason: EndReason, desk: &mut Desk) {
        if self.session.is_none() {
            // Not dialled yet: nobody has to be told.
            self.waiting = Waiting::Nothing;
            self.leg_event(now, LegEvent::Ended { reason });
            return;
        }
        let cause = far_end_reason(reason);
        let _ = self.with_agent(desk, |agent, session| {
            agent.hang_up(now, session, cause.as_ref())
        });
    }

    /// Re-offers with, or without, our hold.
    fn re_offer(&mut self, now: Instant, hold: bool, desk: &mut Desk) {
        let Some(offer) = self.later_offer(hold, desk) else {
            self.leg_event(now, LegEvent::HoldRejected(HoldRefusal::Refused));
            return;
        };
        self.holding = hold;
        self.hold_in_flight = true;
        self.our_offer = Some(offer.clone());
        self.local = Some(offer.clone());
        let asked = self.with_agent(desk, |agent, session| {
            agent.reinvite(now, session, Some(offer))
        });
        if let Err(error) = asked {
            self.our_offer = None;
            self.hold_in_flight = false;
            self.holding = !hold;
            let refusal = match error {
                AgentError::ChangePending => HoldRefusal::Glare {
                    retry_after: BUSY_RETRY,
                },
                _ => HoldRefusal::Refused,
            };
            self.leg_event(now, LegEvent::HoldRejected(refusal));
        }
    }

    pub(super) fn later_offer(&mut self, hold: bool, desk: &Desk) -> Option<MediaDescription> {
        let local = self.local_transport()?;
        let direction = Direction::of(true, !hold);
        let previous = self.local.as_ref()?;
        Some(negotiate::reoffer(
            previous,
            &desk.capabilities(self.account),
            &local,
            self.negotiated.as_ref(),
            direction,
        ))
    }

    /// Lets the agent do something with this call's session. That the session is over already is no fault:
    /// its end is on its way here.
    pub(super) fn with_agent(
        &self,
        desk: &mut Desk,
        act: impl FnOnce(&mut UserAgent, SessionId) -> Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        let Some(session) = self.session else {
            return Err(AgentError::UnknownSession);
        };
        let Ok(slot) = desk.slot(self.account) else {
            return Err(AgentError::UnknownSession);
        };
        let result = act(&mut slot.agent, session);
        if let Err(error) = &result {
            tracing::debug!(call = %self.id(), %error, "the agent refused");
        }
        result
    }
}

/// A fault on demand, for the tests of what one may reach: these keys make a call panic in builds made for
/// it. What ships has neither the feature nor debug assertions.
mod fault {
    #[cfg(all(feature = "fault", debug_assertions))]
    #[expect(clippy::panic, reason = "what it is for")]
    pub(super) fn strike(keys: &str) {
        if keys == "ABCDABCD" {
            panic!("a fault on demand");
        }
    }

    #[cfg(not(all(feature = "fault", debug_assertions)))]
    pub(super) const fn strike(_keys: &str) {}
}

/// What the far end should know of why we let go (RFC 3326).
fn far_end_reason(reason: EndReason) -> Option<Reason> {
    let (cause, text) = match reason {
        EndReason::AnsweredElsewhere => (200, "Call completed elsewhere"),
        EndReason::MediaIncompatible | EndReason::EncryptionRequired => {
            (488, "Not Acceptable Here")
        }
        EndReason::NetworkLost => (408, "Media lost"),
        EndReason::InternalError => (500, "Internal error"),
        // The request itself says the rest.
        _ => return None,
    };
    Some(Reason::sip(cause, text))
}
