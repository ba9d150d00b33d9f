//! Being called: the INVITE until it is answered, refused, cancelled or acknowledged (RFC 3261 §9.2,
//! §13.3).

use std::time::{Duration, Instant};

use tandem_types::{MediaDescription, Pii};

use super::core::{Core, Line};
use super::session::{Phase, Session};
use super::{AgentError, EndKind, Event, Incoming, SessionEnd, SessionId};
use crate::dialog::Dialog;
use crate::message::{HeaderError, Request, Response, StatusCode, name};
use crate::transaction::{Flow, ServerId};

/// How often an unreliable provisional response is repeated, so that no proxy gives up (§13.3.1.1).
const REPEAT_PROVISIONAL: Duration = Duration::from_secs(60);

/// Their INVITE before its final response.
pub(super) struct Ringing {
    pub(super) server: ServerId,
    invite: Request,
    /// The last provisional response but 100.
    provisional: Option<Response>,
    repeat_at: Instant,
    give_up: Instant,
    /// What it gets then: 487 if its own Expires ran out, else 480.
    give_up_with: StatusCode,
    /// The answer sent in a 183: the 200 must say the same (§13.2.1).
    early: Option<(MediaDescription, String)>,
}

impl Ringing {
    pub(super) fn poll_timeout(&self) -> Instant {
        match self.provisional {
            Some(_) => self.repeat_at.min(self.give_up),
            None => self.give_up,
        }
    }
}

/// What an ACK confirms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Confirms {
    /// The call.
    Call,
    /// A re-INVITE the app answered.
    Change,
    /// A re-INVITE that changed nothing and was answered without the app.
    Refresh,
}

/// A 2xx of ours until its ACK (§13.3.1.4).
pub(super) struct Answered {
    pub(super) server: ServerId,
    pub(super) response: Response,
    pub(super) sequence: u32,
    /// Our offer is in it: the ACK brings the answer.
    pub(super) offered: Option<MediaDescription>,
    pub(super) confirms: Confirms,
    interval: Duration,
    repeat_at: Instant,
    give_up: Instant,
}

impl Answered {
    pub(super) fn poll_timeout(&self) -> Instant {
        self.repeat_at.min(self.give_up)
    }
}

impl Session {
    /// A session for an INVITE that was screened; its dialog is early.
    pub(super) fn called(
        core: &mut Core,
        now: Instant,
        id: SessionId,
        server: ServerId,
        mut invite: Request,
        flow: Flow,
    ) -> Result<Self, StatusCode> {
        let bad = |_: HeaderError| StatusCode::BAD_REQUEST;
        let local_tag = core.tag();
        let first_sequence = u32::try_from(core.entropy.below(1 << 16)).unwrap_or(1);
        let dialog = Dialog::callee(&invite, &local_tag, first_sequence)
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        let call_id = invite.headers.call_id().map_err(bad)?;
        let described = Self::read_sdp(&invite.headers, &invite.body)
            .map_err(|_| StatusCode::NOT_ACCEPTABLE_HERE)?;
        // It was read, and a stranger's megabyte must not be kept for as long as it rings.
        invite.body = Vec::new();
        let (from, to) = (
            invite.headers.from().map_err(bad)?,
            invite.headers.to().map_err(bad)?,
        );
        let asserted = invite.headers.asserted_identities().ok();
        let asserted = asserted.and_then(|list| list.into_iter().next());
        let line = Line::of(flow, core);
        let mut session = Self::new(core, id, Phase::Alerting, line, call_id, local_tag);
        let (sdp, offer) = described.unzip();
        session.dialog = Some(dialog);
        session.remote_offer = sdp;
        let limit = core.config.ring_limit;
        let expires = invite.headers.expires().ok().flatten();
        let expires = expires.map(|seconds| Duration::from_secs(u64::from(seconds)));
        let (wait, give_up_with) = match expires {
            Some(own) if own < limit => (own, StatusCode::REQUEST_TERMINATED),
            Some(_) | None => (limit, StatusCode::TEMPORARILY_UNAVAILABLE),
        };
        let trying = core.response(&invite, StatusCode::TRYING, "");
        core.transactions.respond(now, server, &trying);
        session.ringing = Some(Ringing {
            server,
            invite,
            provisional: None,
            repeat_at: now + REPEAT_PROVISIONAL,
            give_up: now + wait,
            give_up_with,
            early: None,
        });
        core.tell(Event::Incoming(Box::new(Incoming {
            session: id,
            from: Pii::new(from),
            asserted: asserted.map(Pii::new),
            to: Pii::new(to),
            offer,
        })));
        Ok(session)
    }

    /// Sends a provisional response; with the app's early answer if there is one to give.
    pub(super) fn provisional(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: StatusCode,
        answer: Option<MediaDescription>,
    ) -> Result<(), AgentError> {
        let mut early = None;
        if let (Some(media), Some(offer)) = (answer, &self.remote_offer) {
            let text = self.sdp.answer(offer, &media)?.to_string();
            early = Some((media, text));
        }
        let Some(ringing) = &self.ringing else {
            return Err(AgentError::WrongState);
        };
        let early = ringing.early.clone().or(early);
        let server = ringing.server;
        let mut response = self.dialog_response(core, &ringing.invite, status);
        if let Some((_, text)) = &early {
            response.set_body("application/sdp", text.as_str());
        }
        core.transactions.respond(now, server, &response);
        if let Some(ringing) = &mut self.ringing {
            ringing.provisional = Some(response);
            ringing.repeat_at = now + REPEAT_PROVISIONAL;
            ringing.early = early;
        }
        Ok(())
    }

    /// The user accepts.
    pub(super) fn accept(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: MediaDescription,
    ) -> Result<(), AgentError> {
        let Some(ringing) = &self.ringing else {
            return Err(AgentError::WrongState);
        };
        let (media, body, offered) = match (&self.remote_offer, ringing.early.clone()) {
            (Some(_), Some((media, text))) => (media, text, None),
            (Some(offer), None) => {
                let text = self.sdp.answer(offer, &media)?.to_string();
                (media, text, None)
            }
            (None, _) => {
                let text = self.sdp.offer(&media)?.to_string();
                (media.clone(), text, Some(media))
            }
        };
        let mut response = self.dialog_response(core, &ringing.invite, StatusCode::OK);
        response.set_body("application/sdp", body);
        let (server, sequence) = (ringing.server, number_of(&ringing.invite));
        self.ringing = None;
        self.remote_sdp = self.remote_offer.take();
        self.agreed = Some(media);
        self.phase = Phase::AckAwaited;
        self.send_2xx(
            core,
            now,
            server,
            response,
            sequence,
            offered,
            Confirms::Call,
        );
        Ok(())
    }

    /// Sends a 2xx to an INVITE and repeats it until its ACK.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one field of what waits for the ACK"
    )]
    pub(super) fn send_2xx(
        &mut self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        response: Response,
        sequence: u32,
        offered: Option<MediaDescription>,
        confirms: Confirms,
    ) {
        core.transactions.respond(now, server, &response);
        let timers = core.config.timers;
        self.answered = Some(Answered {
            server,
            response,
            sequence,
            offered,
            confirms,
            interval: timers.t1,
            repeat_at: now + timers.t1,
            give_up: now + timers.lifetime(),
        });
    }

    /// The final answer is no, or nobody gave one.
    pub(super) fn refuse(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: StatusCode,
        cause: SessionEnd,
    ) {
        if let Some(ringing) = self.ringing.take() {
            let mut response = core.response(&ringing.invite, status, &self.local_tag);
            response.headers.set(name::ALLOW, Core::allow());
            core.transactions.respond(now, ringing.server, &response);
        }
        self.end(core, cause);
    }

    /// The caller gave up: the CANCEL itself was answered already (§9.2).
    pub(super) fn on_cancel(&mut self, core: &mut Core, now: Instant, cancel: &Request) {
        if self.ringing.is_none() {
            return;
        }
        let cause = SessionEnd {
            kind: EndKind::RemoteCancel,
            status: None,
            reason: cancel.headers.reason(),
        };
        self.refuse(core, now, StatusCode::REQUEST_TERMINATED, cause);
    }

    /// The ACK of a 2xx.
    pub(super) fn on_ack(&mut self, core: &mut Core, now: Instant, ack: &Request) {
        let number = number_of(ack);
        let answered = self
            .answered
            .take_if(|answered| answered.sequence == number);
        let Some(answered) = answered else {
            return;
        };
        if let Some(reason) = self.bye_owed.take() {
            self.close(core, now, reason.as_ref());
            return;
        }
        if self.phase == Phase::Over {
            return;
        }
        let mut answer = None;
        if answered.offered.is_some() {
            match Self::read_sdp(&ack.headers, &ack.body) {
                Ok(Some((sdp, media))) => {
                    self.remote_sdp = Some(sdp);
                    answer = Some(media);
                }
                Ok(None) | Err(_) if answered.confirms != Confirms::Call => {
                    // The change failed; what was agreed before it still stands.
                    core.tell(Event::UpdateRejected {
                        session: self.id,
                        status: StatusCode::NOT_ACCEPTABLE_HERE,
                    });
                    self.start_waiting_change(core, now);
                    return;
                }
                Ok(None) | Err(_) => {
                    self.close(core, now, None);
                    self.end_as(core, EndKind::ProtocolError);
                    return;
                }
            }
            self.agreed = answered.offered;
        }
        self.phase = Phase::Active;
        match answered.confirms {
            Confirms::Call => core.tell(Event::Confirmed {
                session: self.id,
                answer,
            }),
            Confirms::Change => core.tell(Event::UpdateAccepted {
                session: self.id,
                answer,
                offer: None,
            }),
            Confirms::Refresh => {}
        }
        self.start_waiting_change(core, now);
    }

    /// A response inside the dialog: Record-Route, Contact, Allow (§12.1.1).
    pub(super) fn dialog_response(
        &self,
        core: &Core,
        request: &Request,
        status: StatusCode,
    ) -> Response {
        let mut response = core.response(request, status, &self.local_tag);
        response
            .headers
            .copy_from(&request.headers, name::RECORD_ROUTE);
        self.introduce(core, &mut response.headers);
        response
    }

    pub(super) fn ringing_due(&mut self, core: &mut Core, now: Instant) {
        let Some(ringing) = &mut self.ringing else {
            return;
        };
        if ringing.give_up <= now {
            let status = ringing.give_up_with;
            self.refuse(core, now, status, SessionEnd::of(EndKind::NotAnswered));
        } else if ringing.repeat_at <= now {
            ringing.repeat_at = now + REPEAT_PROVISIONAL;
            if let Some(response) = &ringing.provisional {
                core.transactions.respond(now, ringing.server, response);
            }
        }
    }

    pub(super) fn answered_due(&mut self, core: &mut Core, now: Instant) {
        let Some(answered) = &mut self.answered else {
            return;
        };
        if answered.give_up <= now {
            self.answered = None;
            let reason = self.bye_owed.take().flatten();
            self.close(core, now, reason.as_ref());
            self.end_as(core, EndKind::Timeout);
        } else if answered.repeat_at <= now {
            answered.interval = core.config.timers.next_capped(answered.interval);
            answered.repeat_at = now + answered.interval;
            core.transactions
                .respond(now, answered.server, &answered.response);
        }
    }
}

/// A request's CSeq number; screening has made sure that it has one.
pub(super) fn number_of(request: &Request) -> u32 {
    request.headers.cseq().map_or(0, |cseq| cseq.number)
}
