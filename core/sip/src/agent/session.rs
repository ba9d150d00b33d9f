//! One session: an INVITE with all its forks, the dialog it becomes, and its end.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use tandem_types::MediaDescription;

use super::body;
use super::change::{Asked, Ours};
use super::core::{Core, Line};
use super::in_dialog::InDialog;
use super::info::{RECV_INFO, TRICKLE};
use super::invite_client::Outgoing;
use super::invite_server::{Answered, Ringing};
use super::{EndKind, Event, SessionEnd, SessionId};
use crate::dialog::Dialog;
use crate::message::{Header, Headers, Reason, Request, Response, name};
use crate::sdp::{SdpError, SdpSession, SessionDescription, to_media};
use crate::transaction::{ClientId, Destination, ServerId, TransportError};

/// ACKs kept for 2xx that come again; more forks than this do not exist outside of attacks.
const MAX_ACKS: usize = 16;

/// Where a session stands.
///
/// ```text
///            2xx, ACK sent
///  Calling ───────────────────────▶ Active ◀─────────── AckAwaited ◀── Alerting
///  (invite) ╲                        ▲      ACK came     2xx sent      (their INVITE)
///            ╲ 2xx with an offer     │ answer: ACK
///             ╲──▶ AnswerOwed ───────╯
///
///  each of them ──▶ Over: told with one `Ended`; what is left on the wire is tidied up silently
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Our INVITE has no final response.
    Calling,
    /// Our INVITE had no offer, its 2xx had: the app owes the answer for the ACK.
    AnswerOwed,
    /// Their INVITE has no final response.
    Alerting,
    /// Our 2xx waits for its ACK.
    AckAwaited,
    /// Both sides know that it is up.
    Active,
    /// The app knows that it is over.
    Over,
}

/// The ACK of one 2xx, to be repeated as often as that comes (RFC 3261 §13.2.2.4).
#[derive(Debug)]
struct SentAck {
    remote_tag: String,
    sequence: u32,
    to: Destination,
    bytes: Vec<u8>,
}

pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) phase: Phase,
    pub(super) line: Line,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) sdp: SdpSession,
    /// What this side said last and the far end accepted.
    pub(super) agreed: Option<MediaDescription>,
    /// What the far end said last.
    pub(super) remote_sdp: Option<SessionDescription>,
    /// An offer of the far end that the app has not answered.
    pub(super) remote_offer: Option<SessionDescription>,
    pub(super) dialog: Option<Dialog>,
    pub(super) outgoing: Option<Outgoing>,
    pub(super) ringing: Option<Ringing>,
    /// A 2xx of ours that waits for its ACK.
    pub(super) answered: Option<Answered>,
    pub(super) requests: BTreeMap<ClientId, InDialog>,
    pub(super) ours: Ours,
    pub(super) theirs: Option<Asked>,
    /// The user hung up while a 2xx waited for its ACK: the BYE must wait too (§15).
    pub(super) bye_owed: Option<Option<Reason>>,
    acks: VecDeque<SentAck>,
    /// The last INVITE that was answered 2xx, by number, and its proofs.
    proofs: (u32, Vec<Header>),
}

impl Session {
    pub(super) fn new(
        core: &mut Core,
        id: SessionId,
        phase: Phase,
        line: Line,
        call_id: String,
        local_tag: String,
    ) -> Self {
        let local = core.local(line.transport).map(|address| address.ip());
        let address = match core.config.hides_origin {
            true => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            false => local.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        Self {
            id,
            phase,
            line,
            call_id,
            local_tag,
            sdp: SdpSession::new(address, core.entropy.as_mut()),
            agreed: None,
            remote_sdp: None,
            remote_offer: None,
            dialog: None,
            outgoing: None,
            ringing: None,
            answered: None,
            requests: BTreeMap::new(),
            ours: Ours::Idle,
            theirs: None,
            bye_owed: None,
            acks: VecDeque::new(),
            proofs: (0, Vec::new()),
        }
    }

    /// Tells the app, once, that the session is over.
    pub(super) fn end(&mut self, core: &mut Core, cause: SessionEnd) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        self.ours = Ours::Idle;
        core.tell(Event::Ended {
            session: self.id,
            cause,
        });
    }

    pub(super) fn end_as(&mut self, core: &mut Core, kind: EndKind) {
        self.end(core, SessionEnd::of(kind));
    }

    /// Over, and nothing of it left on the wire.
    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Over
            && self
                .outgoing
                .as_ref()
                .is_none_or(|outgoing| outgoing.client.is_none())
            && self.answered.is_none()
            && self.requests.is_empty()
    }

    /// Whether its INVITE is this transaction.
    pub(super) fn is_rung_by(&self, invite: ServerId) -> bool {
        self.ringing
            .as_ref()
            .is_some_and(|ringing| ringing.server == invite)
    }

    /// Whether a change of theirs that the app has not answered is this transaction.
    pub(super) fn is_asked_by(&self, change: ServerId) -> bool {
        self.theirs
            .as_ref()
            .is_some_and(|asked| asked.server == change)
    }

    /// A response to any request of ours.
    pub(super) fn on_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        response: &Response,
    ) {
        if self.is_invited_by(id) {
            self.on_invite_response(core, now, id, response);
        } else {
            self.on_inside_response(core, now, id, response);
        }
    }

    /// A request of ours got no answer, or could not be sent.
    pub(super) fn on_failed(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        error: Option<TransportError>,
    ) {
        if self.is_invited_by(id) {
            self.on_invite_failed(core, now, error);
        } else {
            self.on_inside_failed(core, now, id, error);
        }
    }

    /// A transaction of ours is through.
    pub(super) fn on_over(&mut self, core: &mut Core, now: Instant, id: ClientId) {
        if self.is_invited_by(id) {
            self.on_invite_over(core, now);
        } else {
            self.requests.remove(&id);
        }
    }

    fn is_invited_by(&self, id: ClientId) -> bool {
        self.outgoing
            .as_ref()
            .is_some_and(|outgoing| outgoing.client == Some(id))
    }

    /// Whether a request inside a dialog with these names is for this session.
    pub(super) fn has_dialog(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        if self.call_id != call_id || self.local_tag != local_tag {
            return false;
        }
        let confirmed = self.dialog.as_ref();
        let forks = self.outgoing.as_ref().map(|outgoing| &outgoing.forks);
        confirmed.is_some_and(|dialog| dialog.id().remote_tag == remote_tag)
            || forks.is_some_and(|forks| forks.contains_key(remote_tag))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let outgoing = self.outgoing.as_ref().and_then(Outgoing::poll_timeout);
        let ringing = self.ringing.as_ref().map(Ringing::poll_timeout);
        let answered = self.answered.as_ref().map(Answered::poll_timeout);
        let requests = self
            .requests
            .values()
            .filter_map(|request| request.deadline)
            .min();
        let theirs = self.theirs.as_ref().map(|asked| asked.give_up);
        let timers = [
            outgoing,
            ringing,
            answered,
            requests,
            self.ours.poll_timeout(),
            theirs,
        ];
        timers.into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        self.outgoing_due(core, now);
        self.ringing_due(core, now);
        self.answered_due(core, now);
        self.requests_due(core, now);
        self.change_due(core, now);
    }

    /// Sends the ACK of a 2xx and keeps it for when that comes again.
    pub(super) fn acknowledge(
        &mut self,
        core: &mut Core,
        dialog: &Dialog,
        sequence: u32,
        sdp: Option<&SessionDescription>,
    ) {
        let ack = dialog.ack(sequence);
        let mut request = ack.request;
        if let Some(sdp) = sdp {
            request.set_body("application/sdp", sdp.to_string());
        }
        // §22.1: an ACK cannot be challenged, so it carries the proofs of its INVITE.
        if self.proofs.0 == sequence {
            request.headers.extend(self.proofs.1.iter().cloned());
        }
        let Ok(to) = core.destination(&ack.next_hop, self.line) else {
            return;
        };
        let (to, bytes) = core.send_ack(request, to, self.line);
        if self.acks.len() >= MAX_ACKS {
            self.acks.pop_front();
        }
        self.acks.push_back(SentAck {
            remote_tag: dialog.id().remote_tag.clone(),
            sequence,
            to,
            bytes,
        });
    }

    /// Remembers what proved an INVITE, for its ACK.
    pub(super) fn keep_proofs(&mut self, sequence: u32, invite: &Request) {
        let named = [name::AUTHORIZATION, name::PROXY_AUTHORIZATION];
        let proofs = named.into_iter().flat_map(|name| invite.headers.all(name));
        self.proofs = (sequence, proofs.cloned().collect());
    }

    /// Whether an INVITE of this session was accepted with a proof.
    pub(super) fn is_proven(&self) -> bool {
        !self.proofs.1.is_empty()
    }

    /// Repeats the ACK of a 2xx that was acknowledged before; says whether it was.
    pub(super) fn repeat_ack(&self, core: &mut Core, remote_tag: &str, sequence: u32) -> bool {
        let same = |ack: &&SentAck| ack.remote_tag == remote_tag && ack.sequence == sequence;
        let Some(ack) = self.acks.iter().find(same) else {
            return false;
        };
        core.transactions
            .send_once(ack.to.clone(), ack.bytes.clone());
        true
    }

    /// A description of the far end: as sent, and as media. `None` where there is none in
    /// the body.
    pub(super) fn read_sdp(
        headers: &Headers,
        body: &[u8],
    ) -> Result<Option<(SessionDescription, MediaDescription)>, SdpError> {
        let Some(text) = body::description(headers, body) else {
            return Ok(None);
        };
        let description = SessionDescription::parse(text)?;
        let media = to_media(&description)?;
        Ok(Some((description, media)))
    }

    /// Contact, Allow and what else this side takes, as every request and response that makes or refreshes a
    /// dialog has them.
    pub(super) fn introduce(&self, core: &Core, headers: &mut Headers) {
        headers.set(name::CONTACT, core.contact(self.line.transport).to_string());
        headers.set(name::ALLOW, Core::allow());
        headers.set(name::SUPPORTED, TRICKLE);
        headers.set(RECV_INFO, TRICKLE);
    }

    /// Whether `request` repeats the session as it is: a refresh (RFC 4028 §7.4) the app need not hear of.
    pub(super) fn is_refresh(&self, description: &SessionDescription) -> bool {
        let known = self.remote_sdp.as_ref();
        known.is_some_and(|known| description.repeats(known)) && self.agreed.is_some()
    }
}
