//! What the agents say, as legs and accounts understand it.

use std::time::Instant;

use tandem_call::{HoldRefusal, LegEvent};
use tandem_media::{LocalTransport, negotiate};
use tandem_sip::agent::{
    Event as AgentEvent, Incoming, Output as AgentOutput, RegistrationEvent, SessionEnd,
};
use tandem_sip::message::StatusCode;
use tandem_types::media::Direction;
use tandem_types::{AccountId, CallId, EndReason, MediaDescription};

use super::active::ActiveCall;
use super::desk::Desk;
use super::media::holds_us;
use super::{LogEntry, Output, Phone, address_of};
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

    fn take_incoming(&mut self, now: Instant, account: AccountId, incoming: &Incoming) {
        let session = incoming.session;
        let refusal = if self.calls.len() >= self.desk.config.max_calls {
            Some(StatusCode::BUSY_HERE)
        } else {
            incoming
                .offer
                .as_ref()
                .and_then(|offer| self.unacceptable(offer))
        };
        if let Some(status) = refusal {
            if let Ok(slot) = self.desk.slot(account) {
                let _ = slot.agent.reject(now, session, status);
            }
            return;
        }
        let caller = incoming
            .asserted
            .as_ref()
            .unwrap_or(&incoming.from)
            .reveal();
        let id = CallId::random(&mut *(self.desk.entropy)());
        let leg = self.leg();
        let peer = address_of(&caller.uri).into_inner();
        let offer = incoming.offer.clone();
        let mut call = ActiveCall::incoming(
            now,
            id.clone(),
            leg,
            account,
            peer,
            session,
            offer,
            &self.desk,
        );
        call.set_peer_name(caller.display.clone().map(Into::into));
        if let Ok(slot) = self.desk.slot(account) {
            slot.sessions.insert(session, id.clone());
        }
        self.desk.log(LogEntry::Begin(call.new_row()));
        self.desk.push(Output::OpenMedia {
            call: id.clone(),
            account,
        });
        self.calls.insert(id, call);
    }

    /// The status an offer nobody here could ever accept is refused with, before anything rings.
    fn unacceptable(&self, offer: &MediaDescription) -> Option<StatusCode> {
        let nowhere = (std::net::Ipv4Addr::UNSPECIFIED, 0).into();
        let local = LocalTransport {
            rtp: nowhere,
            rtcp: nowhere,
        };
        let capabilities = &self.desk.config.media;
        match negotiate::answer(offer, capabilities, local, Direction::SendRecv) {
            Ok(_) => None,
            Err(_) => Some(StatusCode::NOT_ACCEPTABLE_HERE),
        }
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
                self.take_update_answer(now, answer.as_ref());
            }
            AgentEvent::UpdateRejected { .. } => self.take_update_refusal(now),
            AgentEvent::Dtmf { digit, .. } => {
                desk.tell(Event::Dtmf {
                    call: self.id().clone(),
                    digit,
                });
            }
            AgentEvent::Alive { .. } => self.note_alive(now),
            AgentEvent::Ended { cause, .. } => {
                let reason = self.verdict.unwrap_or_else(|| self.reason_of(&cause));
                self.session = None;
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
        if self.negotiate_answer(now, answer) {
            self.attach_sink();
            self.leg_event(now, LegEvent::EarlyMedia);
        }
    }

    fn take_accept(&mut self, now: Instant, answer: Option<&MediaDescription>, desk: &mut Desk) {
        let agreed = match answer {
            Some(answer) => self.negotiate_answer(now, answer),
            None => self.negotiated.is_some(),
        };
        if !agreed {
            // The dialog stands: it has to be taken down, and the caller told why.
            self.give_up_media(now, desk);
            return;
        }
        self.our_offer = None;
        self.remote_hold = answer.is_some_and(holds_us);
        self.leg_event(now, LegEvent::Accepted);
        self.leg_event(now, LegEvent::TransportConnected);
        if self.remote_hold {
            self.leg_event(now, LegEvent::Held(true));
        }
    }

    fn take_confirmation(
        &mut self,
        now: Instant,
        answer: Option<&MediaDescription>,
        desk: &mut Desk,
    ) {
        if let Some(answer) = answer {
            if !self.negotiate_answer(now, answer) {
                self.give_up_media(now, desk);
                return;
            }
            self.our_offer = None;
            self.leg_event(now, LegEvent::TransportConnected);
        } else if self.negotiated.is_none() {
            // Our offer went unanswered: an ACK without a body (RFC 3261 §13.2.2.4 forbids it).
            self.give_up_media(now, desk);
            return;
        }
        self.leg_event(now, LegEvent::AnswerConfirmed);
    }

    fn take_update(&mut self, now: Instant, offer: Option<MediaDescription>, desk: &mut Desk) {
        let Some(offer) = offer else {
            // It asks for our offer: a full one, not a mirror of its hold (RFC 6337 §5.1).
            let ours = self.later_offer(self.holding, desk);
            self.our_offer.clone_from(&ours);
            if ours.is_some() {
                self.local.clone_from(&ours);
            }
            let reply = ours.ok_or(StatusCode::NOT_ACCEPTABLE_HERE);
            let _ = self.with_agent(desk, |agent, session| {
                agent.answer_update(now, session, reply)
            });
            return;
        };
        let wish = Direction::of(true, !self.holding);
        let capabilities = &desk.config.media;
        let answered = self
            .local_transport()
            .and_then(|local| negotiate::answer(&offer, capabilities, local, wish).ok());
        let reply = match answered {
            Some((answer, negotiated)) => {
                self.local = Some(answer.clone());
                self.start_media(now, negotiated);
                self.note_remote_hold(now, &offer);
                Ok(answer)
            }
            None => Err(StatusCode::NOT_ACCEPTABLE_HERE),
        };
        let _ = self.with_agent(desk, |agent, session| {
            agent.answer_update(now, session, reply)
        });
    }

    fn take_update_answer(&mut self, now: Instant, answer: Option<&MediaDescription>) {
        let Some(answer) = answer else {
            return;
        };
        if !self.negotiate_answer(now, answer) {
            tracing::warn!(call = %self.id(), "the far end's answer does not fit; media stays as it was");
        } else {
            self.note_remote_hold(now, answer);
        }
        self.our_offer = None;
        if std::mem::take(&mut self.hold_in_flight) {
            let done = if self.holding {
                LegEvent::HoldDone
            } else {
                LegEvent::ResumeDone
            };
            self.leg_event(now, done);
        }
    }

    fn take_update_refusal(&mut self, now: Instant) {
        self.our_offer = None;
        if std::mem::take(&mut self.hold_in_flight) {
            self.holding = !self.holding;
            self.apply_direction(now);
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

    /// Takes an answer to our open offer. False if it does not fit.
    fn negotiate_answer(&mut self, now: Instant, answer: &MediaDescription) -> bool {
        let Some(offer) = &self.our_offer else {
            return self.negotiated.is_some();
        };
        match negotiate::accept(offer, answer) {
            Ok(negotiated) => {
                self.start_media(now, negotiated);
                true
            }
            Err(error) => {
                tracing::warn!(call = %self.id(), %error, "answer refused");
                false
            }
        }
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
