//! Calling out: the INVITE with its challenges, redirections and forks, until it is answered, refused or
//! cancelled (RFC 3261 §8.1.3, §9.1, §13.2).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use tandem_types::MediaDescription;

use super::core::{Core, Owner};
use super::in_dialog::Kind;
use super::route::{Aim, Way, dialable};
use super::session::{Phase, Session};
use super::{AgentError, EndKind, Event, ForkId, SessionEnd};
use crate::dialog::{Dialog, request_target};
use crate::digest::AuthChain;
use crate::locate::Place;
use crate::message::{Method, NameAddr, Reason, Request, Response, SipUri, StatusCode, Uri, name};
use crate::sdp::SessionDescription;
use crate::transaction::{ClientId, Destination, TransportError, cancel_of};

/// Early dialogs kept per call.
const MAX_FORKS: usize = 16;
/// Contacts of 3xx responses followed per call (§8.1.3.4).
const MAX_REDIRECTS: usize = 5;

/// How far giving up has come (§9.1: no CANCEL before a provisional response).
#[derive(Clone, Debug, PartialEq)]
enum Cancel {
    No,
    /// Waits for the first provisional response.
    Wanted(Option<Reason>),
    /// Sent; the INVITE is forgotten if nothing final comes until then.
    Sent {
        give_up: Instant,
    },
}

/// One branch of a forked call before the answer.
pub(super) struct Fork {
    pub(super) dialog: Dialog,
    /// Its early answer.
    answer: Option<(SessionDescription, MediaDescription)>,
}

/// Our INVITE.
pub(super) struct Outgoing {
    pub(super) client: Option<ClientId>,
    pub(super) forks: BTreeMap<String, Fork>,
    target: Uri,
    from: NameAddr,
    to: NameAddr,
    sequence: u32,
    chain: AuthChain,
    offer: Option<MediaDescription>,
    body: Option<String>,
    alternatives: VecDeque<Uri>,
    followed: usize,
    proceeding: bool,
    cancel: Cancel,
    give_up: Instant,
    /// The server it went to.
    aim: Option<Aim>,
    /// It waits until this is looked up.
    locating: Option<Place>,
}

impl Outgoing {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.client?;
        match &self.cancel {
            Cancel::No => Some(self.give_up),
            Cancel::Wanted(_) => None,
            Cancel::Sent { give_up } => Some(*give_up),
        }
    }
}

impl Session {
    /// Sends the first INVITE.
    pub(super) fn call(
        &mut self,
        core: &mut Core,
        now: Instant,
        target: &Uri,
        offer: Option<MediaDescription>,
    ) -> Result<(), AgentError> {
        let body = offer
            .as_ref()
            .map(|offer| self.sdp.offer(offer))
            .transpose()?;
        let mut from = NameAddr::new(core.config.aor.clone()).with_tag(&self.local_tag);
        if let Some(display) = &core.config.display_name {
            from = from.with_display(display);
        }
        let target = dialable(core, target);
        self.outgoing = Some(Outgoing {
            client: None,
            forks: BTreeMap::new(),
            from,
            to: NameAddr::new(target.clone()),
            target,
            sequence: 1,
            chain: AuthChain::default(),
            offer,
            body: body.map(|body| body.to_string()),
            alternatives: VecDeque::new(),
            followed: 0,
            proceeding: false,
            cancel: Cancel::No,
            give_up: now + core.config.ring_limit,
            aim: None,
            locating: None,
        });
        self.attempt(core, now, None)
    }

    /// Sends the INVITE as it now stands, with the answer to `challenge` if there is one.
    fn attempt(
        &mut self,
        core: &mut Core,
        now: Instant,
        challenge: Option<&Response>,
    ) -> Result<(), AgentError> {
        let Some(mut outgoing) = self.outgoing.take() else {
            return Err(AgentError::WrongState);
        };
        let sent = self.send_invite(core, now, &mut outgoing, challenge);
        self.outgoing = Some(outgoing);
        sent
    }

    fn send_invite(
        &mut self,
        core: &mut Core,
        now: Instant,
        outgoing: &mut Outgoing,
        challenge: Option<&Response>,
    ) -> Result<(), AgentError> {
        let target = outgoing.target.as_sip();
        // RFC 5630 §3.1.3: not even the hop to the server may be in the clear.
        let secure = target.is_some_and(SipUri::is_secure);
        let aim = match (&outgoing.aim, challenge) {
            (Some(aim), Some(_)) => aim.clone(),
            (_, _) => {
                let next_hop = core.first_hop(&outgoing.target);
                match core.way(now, &next_hop, secure)? {
                    Way::To(aim) => aim,
                    Way::Locating(place) => {
                        outgoing.locating = Some(place);
                        return Ok(());
                    }
                }
            }
        };
        self.line.transport = aim.target.transport;
        let to = core.towards(&aim.target);
        outgoing.aim = Some(aim.clone());
        let (mut request, _) = core.request(
            Method::INVITE,
            outgoing.target.clone(),
            &outgoing.from,
            &outgoing.to,
            &self.call_id,
            outgoing.sequence,
        );
        self.introduce(core, &mut request.headers);
        request.headers.set(name::ACCEPT, "application/sdp");
        if let Some(body) = &outgoing.body {
            request.set_body("application/sdp", body.as_str());
        }
        match challenge {
            None => core.authorize(&mut request, &mut outgoing.chain),
            Some(response) => core
                .answer_challenge(&mut request, &mut outgoing.chain, response)
                .map_err(|_| AgentError::WrongState)?,
        }
        outgoing.proceeding = false;
        let id = core.send(now, Owner::Session(self.id), request, to, self.line)?;
        core.be_impatient(now, id, &aim);
        outgoing.client = Some(id);
        Ok(())
    }

    /// A look-up is over.
    pub(super) fn on_located(&mut self, core: &mut Core, now: Instant, place: &Place) {
        let waiting = self
            .outgoing
            .as_mut()
            .map(|outgoing| &mut outgoing.locating);
        match waiting {
            Some(waiting) if waiting.as_ref() == Some(place) => *waiting = None,
            Some(_) | None => return,
        }
        if self.phase == Phase::Calling && self.attempt(core, now, None).is_err() {
            self.on_invite_failed(core, now, Some(TransportError::Unresolved));
        }
    }

    /// The server does not serve: asks the next one, if there is one.
    fn fail_over(&mut self, core: &mut Core, now: Instant, answer: Option<&Response>) -> bool {
        let aim = self
            .outgoing
            .as_mut()
            .and_then(|outgoing| outgoing.aim.take());
        let Some(aim) = aim else {
            return false;
        };
        if !core.fail_over(now, &aim, answer) {
            return false;
        }
        self.next_sequence();
        if let Some(outgoing) = self.outgoing.as_mut() {
            outgoing.chain = AuthChain::default();
        }
        self.attempt(core, now, None).is_ok()
    }

    /// A response to our first INVITE.
    pub(super) fn on_invite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        response: &Response,
    ) {
        match response.status.code() {
            100..=199 => self.on_provisional(core, now, id, response),
            200..=299 => self.on_accepted(core, now, id, response),
            _ => {
                let forgotten = self.outgoing.as_mut().is_none_or(|outgoing| {
                    outgoing.client = None;
                    outgoing.cancel != Cancel::No
                });
                if forgotten || self.phase != Phase::Calling {
                    return;
                }
                self.on_refused(core, now, response);
            }
        }
    }

    fn on_provisional(&mut self, core: &mut Core, now: Instant, id: ClientId, response: &Response) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            return;
        };
        outgoing.proceeding = true;
        if let Cancel::Wanted(reason) = &outgoing.cancel {
            let reason = reason.clone();
            self.send_cancel(core, now, reason.as_ref());
            return;
        }
        if self.phase != Phase::Calling || response.status == StatusCode::TRYING {
            return;
        }
        let tag = response.headers.to().ok();
        let tag = tag.as_ref().and_then(|to| to.tag()).map(str::to_owned);
        let mut early = None;
        if let Some(tag) = &tag
            && let Some(invite) = core.transactions.request(id)
        {
            let room = outgoing.forks.len() < MAX_FORKS || outgoing.forks.contains_key(tag);
            if room && let Ok(dialog) = Dialog::caller(invite, response) {
                let fork = outgoing.forks.entry(tag.clone());
                let fork = fork.or_insert(Fork {
                    dialog,
                    answer: None,
                });
                // An early answer counts once: repeats of the 183 say the same again.
                if fork.answer.is_none() && outgoing.offer.is_some() {
                    let read = Self::read_sdp(&response.headers, &response.body);
                    fork.answer = read.ok().flatten();
                    early = fork.answer.as_ref().map(|(_, media)| media.clone());
                }
            }
        }
        core.tell(Event::Progress {
            session: self.id,
            status: response.status,
            fork: tag.map(ForkId),
            answer: early,
        });
    }

    fn on_accepted(&mut self, core: &mut Core, now: Instant, id: ClientId, response: &Response) {
        let Some(invite) = core.transactions.request(id).cloned() else {
            return;
        };
        let tag = response.headers.to().ok();
        let tag = tag.as_ref().and_then(|to| to.tag()).unwrap_or_default();
        let sequence = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        if self.repeat_ack(core, tag, sequence) {
            return;
        }
        if self.phase == Phase::AnswerOwed
            && self
                .dialog
                .as_ref()
                .is_some_and(|dialog| dialog.is_of(response))
        {
            return;
        }
        self.keep_proofs(sequence, &invite);
        if let Some(Destination::Connection(connection)) = core.transactions.destination(id) {
            // Where the Contact cannot be reached, the way of the INVITE can.
            self.line.connection = Some(*connection);
        }
        let Ok(dialog) = Dialog::caller(&invite, response) else {
            if self.phase == Phase::Calling {
                self.end_as(core, EndKind::ProtocolError);
            }
            return;
        };
        if self.phase == Phase::Calling {
            self.establish(core, now, dialog, sequence, response);
        } else {
            // Another fork, or an answer that crossed our CANCEL (§9.1, §13.2.2.4).
            self.acknowledge(core, &dialog, sequence, None);
            self.send_bye(core, now, dialog, None);
        }
    }

    fn establish(
        &mut self,
        core: &mut Core,
        now: Instant,
        dialog: Dialog,
        sequence: u32,
        response: &Response,
    ) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            return;
        };
        core.take_info(&outgoing.chain, response);
        let tag = dialog.id().remote_tag.clone();
        let early = outgoing.forks.remove(&tag).and_then(|fork| fork.answer);
        outgoing.forks.clear();
        let offered = outgoing.offer.clone();
        let described = Self::read_sdp(&response.headers, &response.body);
        let (fork, session) = (ForkId(tag), self.id);
        match (offered, described.map(|described| described.or(early))) {
            (Some(offer), Ok(Some((sdp, answer)))) => {
                self.acknowledge(core, &dialog, sequence, None);
                self.dialog = Some(dialog);
                self.phase = Phase::Active;
                self.agreed = Some(offer);
                self.remote_sdp = Some(sdp);
                core.tell(Event::Accepted {
                    session,
                    fork,
                    answer: Some(answer),
                    offer: None,
                });
            }
            (None, Ok(Some((sdp, offer)))) => {
                self.dialog = Some(dialog);
                self.phase = Phase::AnswerOwed;
                self.remote_offer = Some(sdp);
                core.tell(Event::Accepted {
                    session,
                    fork,
                    answer: None,
                    offer: Some(offer),
                });
            }
            (Some(_) | None, Ok(None) | Err(_)) => {
                self.acknowledge(core, &dialog, sequence, None);
                let reason = Reason::sip(488, "No usable session description");
                self.send_bye(core, now, dialog, Some(&reason));
                self.end_as(core, EndKind::ProtocolError);
            }
        }
    }

    /// The number of the last INVITE that was sent outside a dialog.
    pub(super) fn last_invite(&self) -> u32 {
        self.outgoing
            .as_ref()
            .map_or(0, |outgoing| outgoing.sequence)
    }

    /// The app's answer to the offer in a 2xx: it travels in the ACK.
    pub(super) fn answer_in_ack(
        &mut self,
        core: &mut Core,
        media: MediaDescription,
    ) -> Result<(), AgentError> {
        let Some(offer) = self.remote_offer.clone() else {
            return Err(AgentError::WrongState);
        };
        let Some(dialog) = self.dialog.clone() else {
            return Err(AgentError::WrongState);
        };
        let sequence = self.last_invite();
        let answer = self.sdp.answer(&offer, &media)?;
        self.acknowledge(core, &dialog, sequence, Some(&answer));
        self.remote_sdp = self.remote_offer.take();
        self.agreed = Some(media);
        self.phase = Phase::Active;
        Ok(())
    }

    fn on_refused(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let status = response.status;
        match status.code() {
            401 | 407 => {
                self.next_sequence();
                if self.attempt(core, now, Some(response)).is_err() {
                    let refused = SessionEnd::with_status(EndKind::AuthFailed, status);
                    self.end(core, refused);
                }
                return;
            }
            503 if self.fail_over(core, now, Some(response)) => return,
            300..=399 => self.take_alternatives(response),
            // §21.6: nobody else needs to be asked.
            600..=699 => {
                if let Some(outgoing) = self.outgoing.as_mut() {
                    outgoing.alternatives.clear();
                }
            }
            _ => {}
        }
        while let Some(target) = self.next_alternative() {
            self.next_sequence();
            if let Some(outgoing) = self.outgoing.as_mut() {
                outgoing.target = target;
                outgoing.chain = AuthChain::default();
            }
            if self.attempt(core, now, None).is_ok() {
                return;
            }
        }
        let mut cause = SessionEnd::with_status(EndKind::Rejected, status);
        cause.reason = response.headers.reason();
        self.end(core, cause);
    }

    fn take_alternatives(&mut self, response: &Response) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            return;
        };
        let Ok(contacts) = response.headers.contacts() else {
            return;
        };
        let mut contacts = contacts.into_list();
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q_thousandths()));
        let known = |uri: &Uri| uri.equivalent(&outgoing.target);
        let uris = contacts
            .into_iter()
            .map(|contact| request_target(&contact.uri));
        let fresh: Vec<Uri> = uris.filter(|uri| !known(uri)).take(MAX_REDIRECTS).collect();
        outgoing.alternatives = fresh.into();
    }

    fn next_alternative(&mut self) -> Option<Uri> {
        let outgoing = self.outgoing.as_mut()?;
        if outgoing.followed >= MAX_REDIRECTS {
            return None;
        }
        outgoing.followed = outgoing.followed.saturating_add(1);
        outgoing.alternatives.pop_front()
    }

    fn next_sequence(&mut self) {
        if let Some(outgoing) = self.outgoing.as_mut() {
            outgoing.sequence = outgoing.sequence.saturating_add(1);
            outgoing.forks.clear();
        }
    }

    /// The user gives up, or nobody answers.
    pub(super) fn cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        reason: Option<&Reason>,
        cause: SessionEnd,
    ) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            self.end(core, cause);
            return;
        };
        outgoing.cancel = Cancel::Wanted(reason.cloned());
        if outgoing.proceeding {
            self.send_cancel(core, now, reason);
        }
        self.end(core, cause);
    }

    fn send_cancel(&mut self, core: &mut Core, now: Instant, reason: Option<&Reason>) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            return;
        };
        let Some(id) = outgoing.client else {
            return;
        };
        outgoing.cancel = Cancel::Sent {
            give_up: now + core.config.timers.lifetime(),
        };
        self.cancel_request(core, now, id, reason);
    }

    /// CANCELs a request of ours that has had a provisional response.
    pub(super) fn cancel_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        reason: Option<&Reason>,
    ) {
        let invite = core.transactions.request(id);
        let to = core.transactions.destination(id).cloned();
        let (Some(invite), Some(to)) = (invite, to) else {
            return;
        };
        let mut cancel: Request = cancel_of(invite);
        if let Some(reason) = reason {
            cancel.headers.push(name::REASON, reason.to_string());
        }
        if let Some(id) = core.send_cancel(now, Owner::Session(self.id), cancel, to) {
            self.watch(id, Kind::Cancel);
        }
    }

    /// Our first INVITE got no answer at all, or could not be sent.
    pub(super) fn on_invite_failed(
        &mut self,
        core: &mut Core,
        now: Instant,
        error: Option<TransportError>,
    ) {
        if let Some(outgoing) = self.outgoing.as_mut() {
            outgoing.client = None;
        }
        if self.phase != Phase::Calling {
            return;
        }
        if self.fail_over(core, now, None) {
            return;
        }
        while let Some(target) = self.next_alternative() {
            self.next_sequence();
            if let Some(outgoing) = self.outgoing.as_mut() {
                outgoing.target = target;
            }
            if self.attempt(core, now, None).is_ok() {
                return;
            }
        }
        let kind = match error {
            Some(_) => EndKind::TransportError,
            None => EndKind::Timeout,
        };
        self.end_as(core, kind);
    }

    /// The INVITE transaction is over: no more 2xx can come.
    pub(super) fn on_invite_over(&mut self, core: &mut Core, now: Instant) {
        if let Some(outgoing) = self.outgoing.as_mut() {
            outgoing.client = None;
        }
        match self.phase {
            // The app never answered; the far end has given up on the ACK by now.
            Phase::AnswerOwed => {
                self.close(core, now, None);
                self.end_as(core, EndKind::Timeout);
            }
            Phase::Calling => self.end_as(core, EndKind::Timeout),
            Phase::Alerting | Phase::AckAwaited | Phase::Active | Phase::Over => {}
        }
    }

    pub(super) fn outgoing_due(&mut self, core: &mut Core, now: Instant) {
        let Some(outgoing) = self.outgoing.as_mut() else {
            return;
        };
        let Some(id) = outgoing.client else {
            return;
        };
        match outgoing.cancel {
            Cancel::No if outgoing.give_up <= now && self.phase == Phase::Calling => {
                let cause = SessionEnd::of(EndKind::NotAnswered);
                self.cancel(core, now, None, cause);
            }
            Cancel::Sent { give_up } if give_up <= now => {
                outgoing.client = None;
                core.transactions.abandon(id);
            }
            Cancel::No | Cancel::Wanted(_) | Cancel::Sent { .. } => {}
        }
    }
}
