//! Requests inside a dialog, both ways: who may send what, challenges, and which failures end the session
//! (RFC 3261 §12.2, §15, RFC 5057).

use std::time::Instant;

use super::core::{Core, Owner};
use super::session::{Phase, Session};
use super::{AgentError, EndKind, Event, SessionEnd, info};
use crate::dialog::{Dialog, DialogError, DialogRequest};
use crate::digest::AuthChain;
use crate::message::{Method, Reason, Request, Response, StatusCode, name};
use crate::transaction::{ClientId, ServerId, TransportError};

/// What a request of ours inside the dialog is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A re-INVITE.
    Change,
    Bye,
    Cancel,
    Info,
    /// OPTIONS, to see whether the far end is still there.
    Probe,
}

/// A request of ours that waits for its final response.
pub(super) struct InDialog {
    kind: Kind,
    /// What was sent, without Via; `None` for a CANCEL, which is never sent again.
    sent: Option<DialogRequest>,
    chain: AuthChain,
    /// The dialog of a surplus fork, which is not the session's own.
    fork: Option<Box<Dialog>>,
    answered: bool,
    /// A re-INVITE that only gets provisional responses is cancelled, and then forgotten.
    pub(super) deadline: Option<Instant>,
    cancelled: bool,
    /// It was lost with its connection before, and this is the second one.
    is_second: bool,
}

impl Session {
    /// Sends a request of the session's own dialog.
    pub(super) fn send_inside(
        &mut self,
        core: &mut Core,
        now: Instant,
        kind: Kind,
        request: DialogRequest,
    ) -> Result<(), AgentError> {
        let chain = AuthChain::default();
        self.send_with(core, now, kind, request, chain, None, None)
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of what waits")]
    fn send_with(
        &mut self,
        core: &mut Core,
        now: Instant,
        kind: Kind,
        sent: DialogRequest,
        mut chain: AuthChain,
        fork: Option<Box<Dialog>>,
        challenge: Option<&Response>,
    ) -> Result<(), AgentError> {
        let mut request = sent.request.clone();
        match challenge {
            // Whoever called us, and whoever never asked, gets no proof they did not ask for.
            None if self.is_proven() => core.authorize(&mut request, &mut chain),
            None => {}
            Some(response) => core
                .answer_challenge(&mut request, &mut chain, response)
                .map_err(|_| AgentError::WrongState)?,
        }
        let to = core.destination(&sent.next_hop, self.line)?;
        let id = core.send(now, Owner::Session(self.id), request, to, self.line)?;
        let deadline = (kind == Kind::Change).then(|| now + core.config.ring_limit);
        let waiting = InDialog {
            kind,
            sent: Some(sent),
            chain,
            fork,
            answered: false,
            deadline,
            cancelled: false,
            is_second: false,
        };
        self.requests.insert(id, waiting);
        Ok(())
    }

    /// Waits for the end of a request that was sent by other means.
    pub(super) fn watch(&mut self, id: ClientId, kind: Kind) {
        let waiting = InDialog {
            kind,
            sent: None,
            chain: AuthChain::default(),
            fork: None,
            answered: false,
            deadline: None,
            cancelled: false,
            is_second: false,
        };
        self.requests.insert(id, waiting);
    }

    /// Hangs up `dialog`: the session's own, or one of a surplus fork.
    pub(super) fn send_bye(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut dialog: Dialog,
        reason: Option<&Reason>,
    ) {
        let mut bye = dialog.request(Method::BYE);
        if let Some(reason) = reason {
            bye.request.headers.push(name::REASON, reason.to_string());
        }
        let fork = Some(Box::new(dialog));
        let chain = AuthChain::default();
        // A BYE that cannot be sent changes nothing: the session is over here.
        let _ = self.send_with(core, now, Kind::Bye, bye, chain, fork, None);
    }

    /// Hangs up the session's own dialog, with whatever it still owes before.
    pub(super) fn close(&mut self, core: &mut Core, now: Instant, reason: Option<&Reason>) {
        let Some(dialog) = self.dialog.take() else {
            return;
        };
        if self.phase == Phase::AnswerOwed {
            let sequence = self.last_invite();
            self.acknowledge(core, &dialog, sequence, None);
        }
        if let super::change::Ours::AnswerOwed { sequence, .. } = self.ours {
            self.acknowledge(core, &dialog, sequence, None);
        }
        self.send_bye(core, now, dialog.clone(), reason);
        self.dialog = Some(dialog);
    }

    /// A response to a request of ours inside the dialog.
    pub(super) fn on_inside_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        response: &Response,
    ) {
        let sequence = core
            .transactions
            .request(id)
            .map_or(0, super::invite_server::number_of);
        if response.status.is_provisional() {
            return;
        }
        let Some(waiting) = self.requests.get_mut(&id) else {
            return;
        };
        let first = !std::mem::replace(&mut waiting.answered, true);
        let kind = waiting.kind;
        waiting.deadline = None;
        if first && response.status.is_success() {
            core.take_info(&waiting.chain, response);
        }
        if first
            && matches!(response.status.code(), 401 | 407)
            && (self.phase != Phase::Over || kind == Kind::Bye)
            && self.retry_inside(core, now, id, response)
        {
            return;
        }
        if first
            && kind != Kind::Bye
            && kind != Kind::Cancel
            && matches!(response.status.code(), 408 | 481)
        {
            let end = SessionEnd::with_status(EndKind::Timeout, response.status);
            self.kill(core, now, end);
            return;
        }
        match kind {
            Kind::Change => {
                if response.status.is_success() {
                    let request = core.transactions.request(id).cloned();
                    if let Some(request) = request {
                        self.keep_proofs(sequence, &request);
                    }
                }
                self.on_change_response(core, now, sequence, response);
            }
            Kind::Probe if self.phase != Phase::Over => {
                core.tell(Event::Alive { session: self.id });
            }
            Kind::Probe | Kind::Bye | Kind::Cancel | Kind::Info => {}
        }
    }

    /// Sends a challenged request again with proof; says whether it could.
    fn retry_inside(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        response: &Response,
    ) -> bool {
        let Some(waiting) = self.requests.get_mut(&id) else {
            return false;
        };
        let Some(mut sent) = waiting.sent.take() else {
            return false;
        };
        let (kind, chain) = (waiting.kind, std::mem::take(&mut waiting.chain));
        let mut fork = waiting.fork.take();
        let dialog = fork.as_deref_mut().or(self.dialog.as_mut());
        let Some(dialog) = dialog else {
            return false;
        };
        let numbered = dialog.request(sent.request.method.clone()).request;
        if let Some(cseq) = numbered.headers.get_raw(name::CSEQ) {
            sent.request.headers.set(name::CSEQ, cseq);
        }
        self.send_with(core, now, kind, sent, chain, fork, Some(response))
            .is_ok()
    }

    /// A request of ours inside the dialog got no answer, or could not be sent.
    pub(super) fn on_inside_failed(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        error: Option<TransportError>,
    ) {
        let Some(waiting) = self.requests.remove(&id) else {
            return;
        };
        match (waiting.kind, error) {
            (Kind::Bye, Some(_)) => self.send_bye_again(core, now, waiting),
            (Kind::Bye | Kind::Cancel, _) => {}
            // A flow that broke is not a dialog that ended: it counts as a 503 (§8.1.3.1), and the phone may
            // be on another network in a moment.
            (Kind::Change, Some(_)) => self.change_refused(core, StatusCode::SERVICE_UNAVAILABLE),
            (Kind::Info | Kind::Probe, Some(_)) => {}
            (Kind::Change | Kind::Info | Kind::Probe, None) => {
                self.kill(core, now, SessionEnd::of(EndKind::Timeout));
            }
        }
    }

    /// A BYE went down with its connection. Nothing else would tell the far end, so it takes another, once.
    fn send_bye_again(&mut self, core: &mut Core, now: Instant, lost: InDialog) {
        let Some(sent) = lost.sent.filter(|_| !lost.is_second) else {
            return;
        };
        let before = self.requests.keys().next_back().copied();
        let again = self.send_with(core, now, Kind::Bye, sent, lost.chain, lost.fork, None);
        let newest = self.requests.iter_mut().next_back();
        if let (Ok(()), Some((id, waiting))) = (again, newest)
            && Some(*id) != before
        {
            waiting.is_second = true;
        }
    }

    /// The far end no longer knows the session, or no longer answers (§12.2.1.2).
    fn kill(&mut self, core: &mut Core, now: Instant, cause: SessionEnd) {
        if self.phase == Phase::Over {
            return;
        }
        let unknown = Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        if cause.status != unknown {
            self.close(core, now, None);
        }
        self.drop_theirs(core, now);
        self.end(core, cause);
    }

    /// A request of the far end inside a dialog of this session.
    pub(super) fn on_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        request: Request,
    ) {
        let admitted = self.admit(&request);
        if admitted == Err(DialogError::OutOfOrder) {
            let status = StatusCode::SERVER_INTERNAL_ERROR;
            self.reply(core, now, server, &request, status);
            return;
        }
        if admitted.is_err() {
            self.reply(core, now, server, &request, StatusCode::BAD_REQUEST);
            return;
        }
        let method = request.method.clone();
        if method == Method::BYE {
            self.on_bye(core, now, server, &request);
        } else if self.phase == Phase::Over {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            self.reply(core, now, server, &request, status);
        } else if method == Method::INVITE || method == Method::UPDATE {
            self.on_change(core, now, server, request);
        } else if method == Method::INFO {
            self.on_info(core, now, server, &request);
        } else if method == Method::OPTIONS {
            let mut response = self.dialog_response(core, &request, StatusCode::OK);
            super::options::describe(&mut response);
            core.transactions.respond(now, server, &response);
        } else {
            self.reply(core, now, server, &request, StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    fn admit(&mut self, request: &Request) -> Result<(), DialogError> {
        let remote = request.headers.from()?;
        let tag = remote.tag().unwrap_or_default();
        if let Some(dialog) = &mut self.dialog
            && dialog.id().remote_tag == tag
        {
            return dialog.admit(request);
        }
        let forks = self.outgoing.as_mut().map(|outgoing| &mut outgoing.forks);
        match forks.and_then(|forks| forks.get_mut(tag)) {
            Some(fork) => fork.dialog.admit(request),
            None => Ok(()),
        }
    }

    fn on_bye(&mut self, core: &mut Core, now: Instant, server: ServerId, request: &Request) {
        self.reply(core, now, server, request, StatusCode::OK);
        let mut cause = SessionEnd::of(EndKind::RemoteBye);
        cause.reason = request.headers.reason();
        match self.phase {
            // A branch that leaves; the others may still answer.
            Phase::Calling => {
                let tag = request.headers.from().ok();
                let tag = tag.as_ref().and_then(|from| from.tag()).unwrap_or_default();
                if let Some(outgoing) = self.outgoing.as_mut() {
                    outgoing.forks.remove(tag);
                }
            }
            Phase::Alerting => {
                cause.kind = EndKind::RemoteCancel;
                self.refuse(core, now, StatusCode::REQUEST_TERMINATED, cause);
            }
            Phase::AnswerOwed | Phase::AckAwaited | Phase::Active => {
                if let (Phase::AnswerOwed, Some(dialog)) = (self.phase, self.dialog.clone()) {
                    let sequence = self.last_invite();
                    self.acknowledge(core, &dialog, sequence, None);
                }
                self.answered = None;
                self.drop_theirs(core, now);
                self.end(core, cause);
            }
            // Both hung up at once; ours is on its way or owed no more.
            Phase::Over => {
                self.answered = None;
                self.bye_owed = None;
            }
        }
    }

    /// Ends a change of theirs that the app will not answer any more.
    pub(super) fn drop_theirs(&mut self, core: &mut Core, now: Instant) {
        if let Some(asked) = self.theirs.take() {
            self.remote_offer = None;
            self.reply(
                core,
                now,
                asked.server,
                &asked.request,
                StatusCode::REQUEST_TERMINATED,
            );
        }
    }

    /// A response without a body inside the dialog.
    pub(super) fn reply(
        &self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        request: &Request,
        status: StatusCode,
    ) {
        let mut response = core.response(request, status, &self.local_tag);
        if status.is_success() || status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers.set(name::ALLOW, Core::allow());
        }
        if status == StatusCode::BAD_INFO_PACKAGE {
            response.headers.set(info::RECV_INFO, info::TRICKLE);
        }
        if status == StatusCode::OK && request.method == Method::UPDATE {
            self.introduce(core, &mut response.headers);
        }
        core.transactions.respond(now, server, &response);
    }

    pub(super) fn requests_due(&mut self, core: &mut Core, now: Instant) {
        let due = |waiting: &InDialog| waiting.deadline.is_some_and(|at| at <= now);
        let late = self.requests.iter().find(|(_, waiting)| due(waiting));
        let Some((id, cancelled)) = late.map(|(id, waiting)| (*id, waiting.cancelled)) else {
            return;
        };
        if cancelled {
            self.requests.remove(&id);
            core.transactions.abandon(id);
            self.change_refused(core, StatusCode::REQUEST_TIMEOUT);
        } else {
            if let Some(waiting) = self.requests.get_mut(&id) {
                waiting.cancelled = true;
                waiting.deadline = Some(now + core.config.timers.lifetime());
            }
            self.cancel_request(core, now, id, None);
        }
    }
}
