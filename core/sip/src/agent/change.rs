//! Changing a session that is up: re-INVITE and UPDATE, both ways, and what happens when they meet
//! (RFC 3261 §14, RFC 3311, RFC 6337).

use std::time::{Duration, Instant};

use tandem_types::MediaDescription;

use super::core::Core;
use super::in_dialog::Kind;
use super::invite_server::{Confirms, number_of};
use super::session::{Phase, Session};
use super::{AgentError, Event};
use crate::dialog::DialogRole;
use crate::message::{Method, Request, Response, StatusCode, name};
use crate::transaction::ServerId;

/// How often a change that met the far end's is tried again.
const MAX_TRIES: u8 = 6;
/// How long the app may think about a change of the far end.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A change of ours.
///
/// ```text
///          reinvite            2xx, ACK sent
///  Idle ──────────▶ Offered ─────────────────▶ Idle
///   │ 2xx unacknowledged │ │ 491   2xx with an offer   answer_update: ACK
///   ▼                    │ └─▶ Waiting ─▶ Offered  └─▶ AnswerOwed ──────▶ Idle
///  Waiting ─▶ Offered    └ refused ─▶ Idle
/// ```
#[derive(Clone, Debug)]
pub(super) enum Ours {
    Idle,
    /// Until the time, or (`None`) until what is open now is settled.
    Waiting {
        until: Option<Instant>,
        offer: Option<MediaDescription>,
        tries: u8,
    },
    /// The re-INVITE is sent. `offer: None`: it asks for theirs.
    Offered {
        offer: Option<MediaDescription>,
        tries: u8,
    },
    /// Their 2xx to our re-INVITE without offer holds one: the app owes the answer for the ACK.
    AnswerOwed {
        sequence: u32,
        give_up: Instant,
    },
}

impl Ours {
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until, .. } => *until,
            Self::AnswerOwed { give_up, .. } => Some(*give_up),
            Self::Idle | Self::Offered { .. } => None,
        }
    }

    /// Whether an offer of ours, or an answer of ours, is on its way.
    const fn is_open(&self) -> bool {
        match self {
            Self::Offered { .. } | Self::AnswerOwed { .. } => true,
            Self::Idle | Self::Waiting { .. } => false,
        }
    }
}

/// A change of theirs that the app has not answered.
pub(super) struct Asked {
    pub(super) server: ServerId,
    pub(super) request: Request,
    pub(super) give_up: Instant,
}

impl Session {
    /// The app changes the session.
    pub(super) fn change(
        &mut self,
        core: &mut Core,
        now: Instant,
        offer: Option<MediaDescription>,
    ) -> Result<(), AgentError> {
        match (self.phase, &self.ours) {
            (Phase::Active | Phase::AckAwaited, Ours::Idle) => {}
            (Phase::Active | Phase::AckAwaited, _) => return Err(AgentError::ChangePending),
            (Phase::Calling | Phase::AnswerOwed | Phase::Alerting | Phase::Over, _) => {
                return Err(AgentError::WrongState);
            }
        }
        if self.theirs.is_some() {
            return Err(AgentError::ChangePending);
        }
        if self.answered.is_some() {
            // RFC 5407 §3.1.4: a re-INVITE that overtakes the ACK would only be refused.
            self.ours = Ours::Waiting {
                until: None,
                offer,
                tries: 0,
            };
            return Ok(());
        }
        self.send_change(core, now, offer, 0)
    }

    fn send_change(
        &mut self,
        core: &mut Core,
        now: Instant,
        offer: Option<MediaDescription>,
        tries: u8,
    ) -> Result<(), AgentError> {
        let Some(mut dialog) = self.dialog.take() else {
            return Err(AgentError::WrongState);
        };
        let body = offer
            .as_ref()
            .map(|offer| self.sdp.offer(offer))
            .transpose();
        let mut change = dialog.request(Method::INVITE);
        self.dialog = Some(dialog);
        self.introduce(core, &mut change.request.headers);
        if let Some(body) = body? {
            change.request.set_body("application/sdp", body.to_string());
        }
        self.send_inside(core, now, Kind::Change, change)?;
        self.ours = Ours::Offered { offer, tries };
        Ok(())
    }

    /// What waited for the ACK, or for their change, can go now.
    pub(super) fn start_waiting_change(&mut self, core: &mut Core, now: Instant) {
        if let Ours::Waiting {
            until: None,
            offer,
            tries,
        } = self.ours.clone()
            && self.phase == Phase::Active
            && self.answered.is_none()
            && self.theirs.is_none()
        {
            self.ours = Ours::Idle;
            if self.send_change(core, now, offer, tries).is_err() {
                self.change_refused(core, StatusCode::SERVER_INTERNAL_ERROR);
            }
        }
    }

    /// The final response to our re-INVITE; challenges and the end of the dialog were dealt with.
    pub(super) fn on_change_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        sequence: u32,
        response: &Response,
    ) {
        let tag = response.headers.to().ok();
        let tag = tag.as_ref().and_then(|to| to.tag()).unwrap_or_default();
        if response.status.is_success() {
            if !self.repeat_ack(core, tag, sequence) {
                self.on_change_accepted(core, now, sequence, response);
            }
        } else if response.status == StatusCode::REQUEST_PENDING {
            self.on_glare(core, now);
        } else {
            self.change_refused(core, response.status);
        }
    }

    fn on_change_accepted(
        &mut self,
        core: &mut Core,
        now: Instant,
        sequence: u32,
        response: &Response,
    ) {
        if let Some(dialog) = &mut self.dialog {
            // A Contact that cannot be read leaves the old target in place.
            let _ = dialog.refresh_target(&response.headers);
        }
        let Some(dialog) = self.dialog.clone() else {
            return;
        };
        let described = Self::read_sdp(&response.headers, &response.body)
            .ok()
            .flatten();
        match (self.ours.clone(), described) {
            (
                Ours::Offered {
                    offer: Some(offer), ..
                },
                Some((sdp, answer)),
            ) => {
                self.acknowledge(core, &dialog, sequence, None);
                self.agreed = Some(offer);
                self.remote_sdp = Some(sdp);
                self.ours = Ours::Idle;
                core.tell(Event::UpdateAccepted {
                    session: self.id,
                    answer: Some(answer),
                    offer: None,
                });
            }
            (Ours::Offered { offer: None, .. }, Some((sdp, offer))) => {
                self.remote_offer = Some(sdp);
                let give_up = now + core.config.timers.lifetime();
                self.ours = Ours::AnswerOwed { sequence, give_up };
                core.tell(Event::UpdateAccepted {
                    session: self.id,
                    answer: None,
                    offer: Some(offer),
                });
            }
            // Repeated while the app thinks: the ACK will answer all of them.
            (Ours::AnswerOwed { .. }, _) => {}
            (Ours::Offered { .. }, None) => {
                self.acknowledge(core, &dialog, sequence, None);
                self.change_refused(core, StatusCode::NOT_ACCEPTABLE_HERE);
            }
            // Over, or given up: the 2xx still gets its ACK.
            (Ours::Idle | Ours::Waiting { .. }, _) => {
                self.acknowledge(core, &dialog, sequence, None);
            }
        }
    }

    /// Both sides changed at once: who owns the Call-ID waits longer (§14.1).
    fn on_glare(&mut self, core: &mut Core, now: Instant) {
        let Ours::Offered { offer, tries } = self.ours.clone() else {
            return;
        };
        if tries >= MAX_TRIES {
            self.change_refused(core, StatusCode::REQUEST_PENDING);
            return;
        }
        let owner = self
            .dialog
            .as_ref()
            .is_some_and(|dialog| match dialog.role() {
                DialogRole::Caller => true,
                DialogRole::Callee => false,
            });
        // Units of 10 ms: 2.10–4.00 s for the owner, 0–2.00 s for the other.
        let units = if owner {
            210 + core.entropy.below(191)
        } else {
            core.entropy.below(201)
        };
        self.ours = Ours::Waiting {
            until: Some(now + Duration::from_millis(units.saturating_mul(10))),
            offer,
            tries: tries.saturating_add(1),
        };
    }

    pub(super) fn change_refused(&mut self, core: &mut Core, status: StatusCode) {
        if self.phase == Phase::Over {
            return;
        }
        self.ours = Ours::Idle;
        core.tell(Event::UpdateRejected {
            session: self.id,
            status,
        });
    }

    /// A re-INVITE or UPDATE of the far end, in order in its dialog.
    pub(super) fn on_change(
        &mut self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        request: Request,
    ) {
        let is_invite = request.method == Method::INVITE;
        let described = match Self::read_sdp(&request.headers, &request.body) {
            Ok(described) => described,
            Err(_) => {
                self.reply(core, now, server, &request, StatusCode::NOT_ACCEPTABLE_HERE);
                return;
            }
        };
        let negotiates = is_invite || described.is_some();
        if negotiates && let Some(status) = self.collision(is_invite) {
            let seconds = core.entropy.below(11).to_string();
            let mut response = self.dialog_response(core, &request, status);
            if status == StatusCode::SERVER_INTERNAL_ERROR {
                response.headers.set(name::RETRY_AFTER, seconds);
            }
            core.transactions.respond(now, server, &response);
            return;
        }
        if let Some(dialog) = &mut self.dialog {
            // Screening has read the Contact already.
            let _ = dialog.refresh_target(&request.headers);
        }
        match described {
            None if !is_invite => self.reply(core, now, server, &request, StatusCode::OK),
            Some((sdp, _)) if self.is_refresh(&sdp) => {
                let agreed = self.agreed.clone().unwrap_or_default();
                self.remote_offer = Some(sdp);
                if self
                    .send_change_answer(core, now, server, &request, agreed, true)
                    .is_err()
                {
                    self.reply(core, now, server, &request, StatusCode::NOT_ACCEPTABLE_HERE);
                }
            }
            described => {
                if is_invite {
                    let trying = core.response(&request, StatusCode::TRYING, "");
                    core.transactions.respond(now, server, &trying);
                }
                let (sdp, offer) = described.unzip();
                self.remote_offer = sdp;
                self.theirs = Some(Asked {
                    server,
                    request,
                    give_up: now + ANSWER_LIMIT,
                });
                core.tell(Event::Updated {
                    session: self.id,
                    offer,
                });
            }
        }
    }

    /// What a change meets that is under way already: 491 if it is ours, 500 if it is theirs (§14.2,
    /// RFC 3311 §5.2, RFC 5407 §3.1.4).
    fn collision(&self, is_invite: bool) -> Option<StatusCode> {
        match self.phase {
            Phase::Active => {}
            Phase::AckAwaited if is_invite => return Some(StatusCode::REQUEST_PENDING),
            // Their INVITE is unanswered: one offer at a time.
            Phase::AckAwaited | Phase::Alerting => return Some(StatusCode::SERVER_INTERNAL_ERROR),
            Phase::Calling | Phase::AnswerOwed => return Some(StatusCode::REQUEST_PENDING),
            Phase::Over => return Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
        if self.theirs.is_some() {
            Some(StatusCode::SERVER_INTERNAL_ERROR)
        } else if self.ours.is_open() || self.answered.is_some() {
            Some(StatusCode::REQUEST_PENDING)
        } else {
            None
        }
    }

    /// The app's word on a change of theirs, or on the offer in the 2xx to our own empty one.
    pub(super) fn answer_change(
        &mut self,
        core: &mut Core,
        now: Instant,
        answer: Result<MediaDescription, StatusCode>,
    ) -> Result<(), AgentError> {
        if let Ours::AnswerOwed { sequence, .. } = self.ours {
            return self.answer_in_change_ack(core, sequence, answer);
        }
        let Some(asked) = self.theirs.take() else {
            return Err(AgentError::WrongState);
        };
        let settled = match answer {
            Err(status) if status.is_failure() => {
                self.remote_offer = None;
                self.reply(core, now, asked.server, &asked.request, status);
                Ok(())
            }
            Err(_) => Err(AgentError::NotARejection),
            Ok(media) => {
                self.send_change_answer(core, now, asked.server, &asked.request, media, false)
            }
        };
        match settled {
            Ok(()) => self.start_waiting_change(core, now),
            Err(_) => self.theirs = Some(asked),
        }
        settled
    }

    fn send_change_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        request: &Request,
        media: MediaDescription,
        is_refresh: bool,
    ) -> Result<(), AgentError> {
        let (sdp, offered) = match &self.remote_offer {
            Some(offer) => (self.sdp.answer(offer, &media)?, None),
            None => (self.sdp.offer(&media)?, Some(media.clone())),
        };
        let mut response = self.dialog_response(core, request, StatusCode::OK);
        response.set_body("application/sdp", sdp.to_string());
        if let Some(offer) = self.remote_offer.take() {
            self.remote_sdp = Some(offer);
            self.agreed = Some(media);
        }
        if request.method == Method::INVITE {
            let sequence = number_of(request);
            let confirms = if is_refresh {
                Confirms::Refresh
            } else {
                Confirms::Change
            };
            self.send_2xx(core, now, server, response, sequence, offered, confirms);
            return Ok(());
        }
        core.transactions.respond(now, server, &response);
        if !is_refresh {
            core.tell(Event::UpdateAccepted {
                session: self.id,
                answer: None,
                offer: None,
            });
        }
        Ok(())
    }

    fn answer_in_change_ack(
        &mut self,
        core: &mut Core,
        sequence: u32,
        answer: Result<MediaDescription, StatusCode>,
    ) -> Result<(), AgentError> {
        // An offer in a 2xx cannot be refused; what cannot be carried is answered with port 0.
        let media = answer.map_err(|_| AgentError::WrongState)?;
        let (Some(offer), Some(dialog)) = (self.remote_offer.clone(), self.dialog.clone()) else {
            return Err(AgentError::WrongState);
        };
        let answer = self.sdp.answer(&offer, &media)?;
        self.acknowledge(core, &dialog, sequence, Some(&answer));
        self.remote_sdp = self.remote_offer.take();
        self.agreed = Some(media);
        self.ours = Ours::Idle;
        Ok(())
    }

    pub(super) fn change_due(&mut self, core: &mut Core, now: Instant) {
        match self.ours.clone() {
            Ours::Waiting {
                until: Some(until),
                offer,
                tries,
            } if until <= now => {
                self.ours = Ours::Waiting {
                    until: None,
                    offer,
                    tries,
                };
                self.start_waiting_change(core, now);
            }
            Ours::AnswerOwed { sequence, give_up } if give_up <= now => {
                if let Some(dialog) = self.dialog.clone() {
                    self.acknowledge(core, &dialog, sequence, None);
                }
                self.change_refused(core, StatusCode::REQUEST_TIMEOUT);
            }
            Ours::Idle | Ours::Waiting { .. } | Ours::Offered { .. } | Ours::AnswerOwed { .. } => {}
        }
        if self
            .theirs
            .as_ref()
            .is_some_and(|asked| asked.give_up <= now)
            && let Some(asked) = self.theirs.take()
        {
            self.remote_offer = None;
            let status = StatusCode::SERVER_INTERNAL_ERROR;
            self.reply(core, now, asked.server, &asked.request, status);
            self.start_waiting_change(core, now);
        }
    }
}
