//! What the app asks for.

use std::time::{Duration, Instant};

use tandem_types::MediaDescription;

use super::core::Core;
use super::session::{Phase, Session};
use super::{AgentError, EndKind, SessionEnd, SessionId, UserAgent};
use crate::message::{Reason, StatusCode, Uri};

impl UserAgent {
    /// Registers the account and keeps it registered. Told by `Event::Registration`.
    pub fn register(&mut self, now: Instant) {
        self.registrar.register(&mut self.core, now);
        self.settle(now);
    }

    /// Removes the registration.
    pub fn unregister(&mut self, now: Instant) {
        self.registrar.unregister(&mut self.core, now);
        self.settle(now);
    }

    /// Calls `target` with an offer, or (`None`) asks the far end for one.
    ///
    /// # Errors
    /// [`AgentError::TooManySessions`], [`AgentError::Unroutable`], [`AgentError::Description`].
    pub fn invite(
        &mut self,
        now: Instant,
        target: &Uri,
        offer: Option<MediaDescription>,
    ) -> Result<SessionId, AgentError> {
        if self.is_full() {
            return Err(AgentError::TooManySessions);
        }
        let id = self.new_session_id();
        let line = self.core.own_line();
        let (call_id, tag) = (self.core.entropy.hex(16), self.core.tag());
        let mut session = Session::new(&mut self.core, id, Phase::Calling, line, call_id, tag);
        session.call(&mut self.core, now, target, offer)?;
        self.sessions.insert(id, session);
        self.settle(now);
        Ok(id)
    }

    /// Says 180 to an incoming call.
    ///
    /// # Errors
    /// [`AgentError::UnknownSession`], or [`AgentError::WrongState`] once it is answered.
    pub fn ring(&mut self, now: Instant, session: SessionId) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.provisional(core, now, StatusCode::RINGING, None)
        })
    }

    /// Says 183 to an incoming call, with an early answer if there is one and the INVITE had an offer. The
    /// later [`UserAgent::answer`] repeats that answer, whatever it is given (RFC 3261 §13.2.1).
    ///
    /// # Errors
    /// As [`UserAgent::ring`], and [`AgentError::Description`].
    pub fn progress(
        &mut self,
        now: Instant,
        session: SessionId,
        answer: Option<MediaDescription>,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.provisional(core, now, StatusCode::SESSION_PROGRESS, answer)
        })
    }

    /// Accepts an incoming call: `media` is the answer to its offer, or the offer if it had none (the ACK
    /// then brings the answer, see `Event::Confirmed`). Also answers the offer in the 2xx to our own INVITE
    /// without one (`Event::Accepted { offer: Some(_), .. }`).
    ///
    /// # Errors
    /// [`AgentError::WrongState`], [`AgentError::Description`].
    pub fn answer(
        &mut self,
        now: Instant,
        session: SessionId,
        media: MediaDescription,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| match session.phase {
            Phase::Alerting => session.accept(core, now, media),
            Phase::AnswerOwed => session.answer_in_ack(core, media),
            Phase::Calling | Phase::AckAwaited | Phase::Active | Phase::Over => {
                Err(AgentError::WrongState)
            }
        })
    }

    /// Refuses an incoming call with a status of 300–699: 486 busy, 603 decline, 488 not acceptable.
    ///
    /// # Errors
    /// [`AgentError::NotARejection`], [`AgentError::WrongState`].
    pub fn reject(
        &mut self,
        now: Instant,
        session: SessionId,
        status: StatusCode,
    ) -> Result<(), AgentError> {
        if !status.is_failure() {
            return Err(AgentError::NotARejection);
        }
        self.with(now, session, |session, core| match session.phase {
            Phase::Alerting => {
                let cause = SessionEnd::with_status(EndKind::LocalReject, status);
                session.refuse(core, now, status, cause);
                Ok(())
            }
            Phase::Calling
            | Phase::AnswerOwed
            | Phase::AckAwaited
            | Phase::Active
            | Phase::Over => Err(AgentError::WrongState),
        })
    }

    /// Ends a session in whatever way its state asks for: CANCEL, 603, or BYE. `Event::Ended` comes at once;
    /// what the wire still needs is done silently (see [`UserAgent::is_settled`]).
    ///
    /// # Errors
    /// [`AgentError::UnknownSession`].
    pub fn hang_up(
        &mut self,
        now: Instant,
        session: SessionId,
        reason: Option<&Reason>,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.hang_up(core, now, reason);
            Ok(())
        })
    }

    /// Offers a change of the session: hold, resume, other codecs or addresses. `None` asks the far end for
    /// its offer. Told by `Event::UpdateAccepted` or `Event::UpdateRejected`; glare is retried.
    ///
    /// # Errors
    /// [`AgentError::ChangePending`], [`AgentError::WrongState`], [`AgentError::Description`].
    pub fn reinvite(
        &mut self,
        now: Instant,
        session: SessionId,
        offer: Option<MediaDescription>,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.change(core, now, offer)
        })
    }

    /// Answers `Event::Updated` (with our offer, where the far end asked for it), or the offer in
    /// `Event::UpdateAccepted`; or refuses the change with a status such as 488.
    ///
    /// # Errors
    /// [`AgentError::WrongState`] if nothing waits, [`AgentError::Description`]; the change still waits then.
    pub fn answer_update(
        &mut self,
        now: Instant,
        session: SessionId,
        answer: Result<MediaDescription, StatusCode>,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.answer_change(core, now, answer)
        })
    }

    /// Tells the far end of a key by INFO (`application/dtmf-relay`): only for peers without RFC 4733.
    ///
    /// # Errors
    /// [`AgentError::NotAKey`], [`AgentError::WrongState`].
    pub fn send_dtmf(
        &mut self,
        now: Instant,
        session: SessionId,
        digit: char,
        duration: Duration,
    ) -> Result<(), AgentError> {
        self.with(now, session, |session, core| {
            session.send_key(core, now, digit, duration)
        })
    }

    /// Asks whether the far end still knows the session, and changes nothing: `Event::Alive`, or its end.
    ///
    /// # Errors
    /// [`AgentError::WrongState`].
    pub fn probe(&mut self, now: Instant, session: SessionId) -> Result<(), AgentError> {
        self.with(now, session, |session, core| session.probe(core, now))
    }

    fn with(
        &mut self,
        now: Instant,
        id: SessionId,
        command: impl FnOnce(&mut Session, &mut Core) -> Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        let live = |session: &&mut Session| session.phase != Phase::Over;
        let session = self
            .sessions
            .get_mut(&id)
            .filter(live)
            .ok_or(AgentError::UnknownSession)?;
        let done = command(session, &mut self.core);
        self.settle(now);
        done
    }
}

impl Session {
    fn hang_up(&mut self, core: &mut Core, now: Instant, reason: Option<&Reason>) {
        match self.phase {
            Phase::Calling => {
                self.cancel(core, now, reason, SessionEnd::of(EndKind::LocalCancel));
            }
            Phase::Alerting => {
                let status = StatusCode::DECLINE;
                let cause = SessionEnd::with_status(EndKind::LocalReject, status);
                self.refuse(core, now, status, cause);
            }
            Phase::AckAwaited => {
                // §15: no BYE before the ACK, or the end of waiting for it.
                self.bye_owed = Some(reason.cloned());
                self.end_as(core, EndKind::LocalBye);
            }
            Phase::AnswerOwed | Phase::Active => {
                self.answered = None;
                self.drop_theirs(core, now);
                self.close(core, now, reason);
                self.end_as(core, EndKind::LocalBye);
            }
            Phase::Over => {}
        }
    }
}
