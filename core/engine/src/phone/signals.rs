//! What the agents say, as legs and accounts understand it.

use std::time::Instant;

use tandem_call::{HoldRefusal, LegEvent};
use tandem_media::{NegotiateError, Negotiated, negotiate};
use tandem_sip::agent::{
    Event as AgentEvent, Output as AgentOutput, RegistrationEvent, SessionEnd,
};
use tandem_sip::message::StatusCode;
use tandem_types::media::Direction;
use tandem_types::{AccountId, Encryption, EndReason, MediaDescription};

use super::active::ActiveCall;
use super::desk::Desk;
use super::media::holds_us;
use super::{Output, Phone};
use crate::{AccountState, Event};

impl Phone {
    pub(super) fn take_agent_output(
        &mut self,
        now: Instant,
        account: AccountId,
        output: AgentOutput,
    ) {
        match output {
            AgentOutput::Transmit(transmit) => self.desk.push(Output::Sip { account, transmit }),
            AgentOutput::Withdraw(transmit) => {
                self.desk.push(Output::Withdraw { account, transmit });
            }
            AgentOutput::Locate(question) => {
                self.desk.push(Output::Locate { account, question });
            }
            AgentOutput::CloseConnection(connection) => {
                self.desk.push(Output::CloseConnection {
                    account,
                    connection,
                });
            }
            AgentOutput::Event(event) => self.take_agent_event(now, account, event),
        }
    }

    fn take_agent_event(&mut self, now: Instant, account: AccountId, event: AgentEvent) {
        let session = match &event {
            AgentEvent::Registration(news) => {
                let state = account_state(news);
                self.desk.account_changed(account, state);
                // Every few minutes, when the device is awake for it anyway.
                self.desk.ask_for_servers(Some(now), account);
                return;
            }
            AgentEvent::Incoming(incoming) => {
                self.take_incoming(now, account, incoming);
                return;
            }
            AgentEvent::Progress { session, .. }
            | AgentEvent::Accepted { session, .. }
            | AgentEvent::Confirmed { session, .. }
            | AgentEvent::Updated { session, .. }
            | AgentEvent::UpdateAccepted { session, .. }
            | AgentEvent::UpdateRejected { session, .. }
            | AgentEvent::Dtmf { session, .. }
            | AgentEvent::Candidates { session, .. }
            | AgentEvent::Alive { session }
            | AgentEvent::Ended { session, .. } => *session,
            _ => return,
        };
        let Some(id) = self.call_of(account, session) else {
            return;
        };
        if let AgentEvent::Ended { .. } = &event
            && let Ok(slot) = self.desk.slot(account)
        {
            slot.sessions.remove(&session);
        }
        self.guarded(now, &id, |call, desk| call.take_signal(now, event, desk));
    }
}

impl ActiveCall {
    fn take_signal(&mut self, now: Instant, event: AgentEvent, desk: &mut Desk) {
        match event {
            AgentEvent::Progress { status, answer, .. } => {
                self.take_progress(now, status, answer.as_ref());
            }
            AgentEvent::Accepted { answer, .. } => self.take_accept(now, answer.as_ref(), desk),
            AgentEvent::Confirmed { answer, .. } => {
                self.take_confirmation(now, answer.as_ref(), desk);
            }
            AgentEvent::Updated { offer, .. } => self.take_update(now, offer, desk),
            AgentEvent::UpdateAccepted { answer, .. } => {
                self.take_update_answer(now, answer.as_ref(), desk);
            }
            AgentEvent::UpdateRejected { .. } => self.take_update_refusal(now, desk),
            AgentEvent::Dtmf { digit, .. } => {
                desk.tell(Event::Dtmf {
                    call: self.id().clone(),
                    digit,
                });
            }
            AgentEvent::Candidates { updates, .. } => self.take_candidates(now, &updates),
            AgentEvent::Alive { .. } => self.note_alive(now),
            AgentEvent::Ended { cause, .. } => {
                self.session = None;
                if self.dials_again(now, &cause, desk) {
                    return;
                }
                let reason = self.verdict.unwrap_or_else(|| {
                    let reason = self.reason_of(&cause);
                    self.reason_of_refusal(reason, desk)
                });
                self.leg_event(now, LegEvent::Ended { reason });
            }
            _ => {}
        }
    }

    /// 480, 408 and silence say little alone: after it rang nobody took the call, before that nobody was
    /// reached.
    fn reason_of(&self, cause: &SessionEnd) -> EndReason {
        let reason = cause.end_reason();
        let never_reached = !self.reached && self.accepted_at.is_none();
        match reason {
            EndReason::NoAnswer | EndReason::NetworkLost if never_reached => EndReason::Unreachable,
            reason => reason,
        }
    }

    fn take_progress(
        &mut self,
        now: Instant,
        status: StatusCode,
        answer: Option<&MediaDescription>,
    ) {
        self.reached = true;
        if status == StatusCode::RINGING {
            self.leg_event(now, LegEvent::Ringing);
        } else {
            self.leg_event(now, LegEvent::Trying);
        }
        let Some(answer) = answer else {
            return;
        };
        // Each fork that answers early takes over the ear; the accept decides in the end.
        let offer = self.our_offer.clone();
        if self.negotiate_answer(now, offer.as_ref(), answer).is_ok() {
            self.attach_sink();
            self.leg_event(now, LegEvent::EarlyMedia);
        }
    }

    fn take_accept(&mut self, now: Instant, answer: Option<&MediaDescription>, desk: &mut Desk) {
        let offer = self.our_offer.take();
        let agreed = match answer {
            Some(answer) => self
                .negotiate_answer(now, offer.as_ref(), answer)
                .map(|()| answer),
            None => Err(NegotiateError::Mismatch),
        };
        match agreed {
            Ok(answer) => self.count_accept(now, answer),
            Err(error) => {
                let again =
                    offer.is_some_and(|refused| self.offers_again(now, &refused, error, desk));
                if !again {
                    // The dialog stands: it has to be taken down, and the caller told why.
                    self.give_up_media(now, error, desk);
                }
            }
        }
    }

    /// Both sides said yes, to each other and to the sound.
    fn count_accept(&mut self, now: Instant, answer: &MediaDescription) {
        self.leg_event(now, LegEvent::Accepted);
        self.agree_on_way(now);
        self.note_remote_hold(now, answer);
    }

    fn take_confirmation(
        &mut self,
        now: Instant,
        answer: Option<&MediaDescription>,
        desk: &mut Desk,
    ) {
        // Without one, the answer was in the 200.
        if let Some(offer) = self.asked_offer.take() {
            let agreed = match answer {
                Some(answer) => self
                    .negotiate_answer(now, Some(&offer), answer)
                    .map(|()| answer),
                None => Err(NegotiateError::Mismatch),
            };
            match agreed {
                Ok(answer) => {
                    self.agree_on_way(now);
                    self.note_remote_hold(now, answer);
                }
                Err(error) => {
                    self.give_up_media(now, error, desk);
                    return;
                }
            }
        }
        self.leg_event(now, LegEvent::AnswerConfirmed);
    }

    fn take_update(&mut self, now: Instant, offer: Option<MediaDescription>, desk: &mut Desk) {
        let answered = match &offer {
            Some(offer) => self.answer_to(now, offer, desk),
            // It asks for our offer: a full one, not a mirror of its hold (RFC 6337 §5.1).
            None => self
                .later_offer(self.holding, desk)
                .map(|ours| (ours, None)),
        };
        let reply = match &answered {
            Some((ours, _)) => Ok(ours.clone()),
            None => Err(StatusCode::NOT_ACCEPTABLE_HERE),
        };
        let said = self.with_agent(desk, |agent, session| {
            agent.answer_update(now, session, reply)
        });
        let Some((ours, negotiated)) = answered else {
            return;
        };
        if said.is_err() {
            // It still waits for an answer; a refusal can always be said.
            let refusal = Err(StatusCode::NOT_ACCEPTABLE_HERE);
            let _ = self.with_agent(desk, |agent, session| {
                agent.answer_update(now, session, refusal)
            });
            return;
        }
        self.local = Some(ours.clone());
        match (offer, negotiated) {
            (Some(offer), Some(negotiated)) => {
                self.start_media(now, negotiated);
                self.note_remote_hold(now, &offer);
            }
            (_, _) => self.asked_offer = Some(ours),
        }
    }

    fn answer_to(
        &mut self,
        now: Instant,
        offer: &MediaDescription,
        desk: &Desk,
    ) -> Option<(MediaDescription, Option<Negotiated>)> {
        let wish = Direction::of(true, !self.holding);
        self.follow_restart(now, offer);
        let local = self.local_transport()?;
        let capabilities = desk.capabilities(self.account);
        let answered =
            negotiate::answer(offer, &capabilities, &local, wish, self.negotiated.as_ref());
        let (answer, negotiated) = answered.ok()?;
        Some((answer, Some(negotiated)))
    }

    fn take_update_answer(
        &mut self,
        now: Instant,
        answer: Option<&MediaDescription>,
        desk: &mut Desk,
    ) {
        let Some(answer) = answer else {
            return;
        };
        if std::mem::take(&mut self.accept_waits) {
            let offer = self.our_offer.take();
            match self.negotiate_answer(now, offer.as_ref(), answer) {
                Ok(()) => self.count_accept(now, answer),
                Err(error) => self.give_up_media(now, error, desk),
            }
            return;
        }
        // What it asked for came first: a change of ours waits until that is settled.
        let asked = self.asked_offer.take();
        let ours = asked.is_none();
        let offer = asked.or_else(|| self.our_offer.take());
        match self.negotiate_answer(now, offer.as_ref(), answer) {
            Ok(()) => self.note_remote_hold(now, answer),
            // It goes on in plain, which this side does not: they would not hear each other.
            Err(error @ (NegotiateError::NotEncrypted | NegotiateError::Weaker)) => {
                self.give_up_media(now, error, desk);
                return;
            }
            Err(_) => {
                tracing::warn!(call = %self.id(), "the far end's answer does not fit; media stays as it was");
            }
        }
        if ours && std::mem::take(&mut self.hold_in_flight) {
            let done = if self.holding {
                LegEvent::HoldDone
            } else {
                LegEvent::ResumeDone
            };
            self.leg_event(now, done);
        }
    }

    fn take_update_refusal(&mut self, now: Instant, desk: &mut Desk) {
        if std::mem::take(&mut self.accept_waits) {
            self.give_up_media(now, NegotiateError::Rejected, desk);
            return;
        }
        self.note_restart_refused(now);
        if self.asked_offer.take().is_some() {
            // It asked for an offer and never answered it; a change of ours still waits.
            return;
        }
        self.our_offer = None;
        if std::mem::take(&mut self.hold_in_flight) {
            self.holding = !self.holding;
            self.leg_event(now, LegEvent::HoldRejected(HoldRefusal::Refused));
        }
    }

    fn note_remote_hold(&mut self, now: Instant, theirs: &MediaDescription) {
        let held = holds_us(theirs);
        if held != self.remote_hold {
            self.remote_hold = held;
            self.leg_event(now, LegEvent::Held(held));
        }
    }

    /// `after`, unless it ends the protection of a call that both have accepted. Before that, another fork may
    /// have answered.
    fn keeps_encrypted(&self, after: Negotiated) -> Result<Negotiated, NegotiateError> {
        let accepted = self
            .negotiated
            .as_ref()
            .filter(|_| self.accepted_at.is_some());
        let was = accepted.is_some_and(|before| before.encryption() != Encryption::None);
        if was && after.encryption() == Encryption::None {
            return Err(NegotiateError::Weaker);
        }
        Ok(after)
    }

    /// Takes an answer to an offer of ours.
    fn negotiate_answer(
        &mut self,
        now: Instant,
        offer: Option<&MediaDescription>,
        answer: &MediaDescription,
    ) -> Result<(), NegotiateError> {
        let offer = offer.ok_or(NegotiateError::Mismatch)?;
        let negotiated = negotiate::accept(offer, answer, self.negotiated.as_ref())
            .or_else(|error| match error {
                NegotiateError::NotEncrypted if self.may_be_plain() => {
                    negotiate::accept_plain(offer, answer)
                }
                error => Err(error),
            })
            .and_then(|after| self.keeps_encrypted(after))
            .inspect_err(|error| tracing::warn!(call = %self.id(), %error, "answer refused"))?;
        self.start_media(now, negotiated);
        Ok(())
    }
}

fn account_state(news: &RegistrationEvent) -> AccountState {
    match news {
        RegistrationEvent::Registered { expires } => AccountState::Online { expires: *expires },
        RegistrationEvent::Failed { reason, retry_in } => AccountState::Failed {
            reason: *reason,
            retry_in: *retry_in,
        },
        RegistrationEvent::Unregistered => AccountState::Offline,
        _ => AccountState::Offline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_that_failed_says_why_and_when_it_is_tried_again() {
        use tandem_sip::agent::RegistrationFailure;
        let news = RegistrationEvent::Failed {
            reason: RegistrationFailure::NotAuthorised,
            retry_in: None,
        };
        let expected = AccountState::Failed {
            reason: RegistrationFailure::NotAuthorised,
            retry_in: None,
        };
        assert_eq!(account_state(&news), expected);
    }
}
