//! One DTLS association and the guards around it.

mod sending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::error::Error;
use rtc_srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;
use tandem_types::media::Fingerprint;
use zeroize::Zeroizing;

use super::agreement::{PEER, from_wire, handshake_config, new_endpoint};
use super::certificate::Expected;
use super::cookie::Cookie;
use super::inbox::{Heard, Inbox, Message};
use super::record::{
    Fragment, HANDSHAKE, Record, change_cipher_spec_record, check_records, handshake_record,
    verify_request,
};
use super::schedule::{Copies, Retransmission};
use super::{Certificate, DtlsConfig, DtlsEvent, DtlsFailure, DtlsRole};
use crate::transport::srtp::SrtpPair;

/// Encrypted records kept until the keys are there.
const MAX_HELD: usize = 32;
/// How long a handshake goes on without progress after a fatal alert in the clear.
const ALERT_GRACE: Duration = Duration::from_secs(3);
/// A first hello that differs is a new beginning when the one before has been quiet for this long.
const HELLO_QUIET: Duration = Duration::from_secs(1);
/// How often a first hello that cannot be agreed on is forgotten: anybody may have written it.
const DOUBTFUL_HELLOS: u32 = 2;
/// A client whose cookie nobody has answered for this long says hello as to anybody: what announced it may not be what is
/// at the other end of the path, where somebody ends ICE in between.
const COOKIE_PATIENCE: Duration = Duration::from_millis(2500);
/// More is not kept of what waits to be sent.
const MAX_OUTGOING: usize = 128;

/// Where an association stands.
///
/// ```text
///   Handshaking ──Finished of both──► Complete ──close_notify, close()──► Closed
///        │                                                                  ▲
///        ├──refused, silent, wrong fingerprint──► Failed          close()───┘ (from any)
/// ```
///
/// A client hands out its keys while it is still `Handshaking`: see [`DtlsEvent::Keys`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LinkState {
    Handshaking,
    Complete,
    Failed,
    Closed,
}

/// One DTLS association, sans-IO: it does not know where its datagrams go.
pub struct DtlsLink {
    role: DtlsRole,
    config: DtlsConfig,
    handshake: Arc<HandshakeConfig>,
    expected: Expected,
    state: LinkState,
    endpoint: Endpoint,
    inbox: Inbox,
    cipher_changed: CipherChange,
    held: VecDeque<Vec<u8>>,
    /// Number of the next record of epoch 0 that the endpoint is given.
    inbound_number: u64,
    numbering: Numbering,
    retransmission: Retransmission,
    flight: Vec<Vec<u8>>,
    copies: Copies,
    outgoing: VecDeque<Vec<u8>>,
    events: VecDeque<DtlsEvent>,
    deadline: Option<Instant>,
    /// When a client does without the cookie that was announced.
    asks_at: Option<Instant>,
    last_hello: Instant,
    doubtful_hellos: u32,
    refused: Option<(Instant, u8)>,
    /// Whether the keys have been handed out.
    is_keyed: bool,
}

/// The record numbers of epoch 0 that this side has used.
#[derive(Default)]
struct Numbering {
    /// What is added to the endpoint's own.
    offset: u64,
    /// The next free one.
    next: u64,
}

/// How far the peer's change of cipher has come: `Awaited ─► Seen ─► Given` (to the endpoint).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CipherChange {
    Awaited,
    Seen,
    Given,
}

impl DtlsLink {
    /// Begins: a client sends its hello at once, a server waits. The certificate must be the one that the
    /// signalling announced, `remote` what it said of the peer's (RFC 8122).
    pub fn new(
        now: Instant,
        role: DtlsRole,
        certificate: &Certificate,
        remote: &[Fingerprint],
        config: DtlsConfig,
    ) -> Result<Self, DtlsFailure> {
        let expected = Expected::new(remote)?;
        let handshake = handshake_config(role, certificate, expected.clone(), config.cookie)?;
        let mut link = Self {
            role,
            config,
            state: LinkState::Handshaking,
            endpoint: new_endpoint(role, &handshake),
            handshake,
            expected,
            inbox: new_inbox(role, config),
            cipher_changed: CipherChange::Awaited,
            held: VecDeque::new(),
            inbound_number: 0,
            numbering: Numbering::default(),
            retransmission: Retransmission::default(),
            flight: Vec::new(),
            copies: Copies::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            deadline: now.checked_add(config.patience),
            asks_at: None,
            last_hello: now,
            doubtful_hellos: 0,
            refused: None,
            is_keyed: false,
        };
        if role == DtlsRole::Client {
            link.connect(now)?;
        }
        Ok(link)
    }

    /// Which end this is.
    pub const fn role(&self) -> DtlsRole {
        self.role
    }

    /// Whether both ends have confirmed what they agreed on, and the association is open.
    pub const fn is_complete(&self) -> bool {
        match self.state {
            LinkState::Complete => true,
            LinkState::Handshaking | LinkState::Failed | LinkState::Closed => false,
        }
    }

    /// Takes a datagram whose first byte is 20–63 (RFC 7983).
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        for record in check_records(datagram) {
            match self.state {
                LinkState::Handshaking => self.handle_handshaking(now, record),
                LinkState::Complete => self.handle_complete(now, &record),
                LinkState::Failed | LinkState::Closed => return,
            }
        }
        self.proceed(now);
        if self.inbox.is_under_way() {
            self.retransmission.peer_is_next(now);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(copy) = self.copies.take(now) {
            self.push_outgoing(copy);
        }
        if self.state != LinkState::Handshaking {
            return;
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let refused_at = self.refusal_deadline();
        if let Some((_, description)) = self.refused.filter(|_| is_due(refused_at)) {
            self.fail(DtlsFailure::Refused(description));
        } else if is_due(self.deadline) {
            // A client with a cookie has greeted itself.
            let alone = self.role == DtlsRole::Client && self.config.cookie.is_some();
            self.fail(match self.inbox.heard() {
                Heard::Nothing => DtlsFailure::NoAnswer,
                Heard::Greeted if alone => DtlsFailure::NoAnswer,
                Heard::Greeted
                | Heard::Hello
                | Heard::Certificate
                | Heard::KeyExchange
                | Heard::Request
                | Heard::Done => DtlsFailure::Silent,
            });
        } else if is_due(self.asks_at) {
            self.ask_for_cookie(now);
        } else if is_due(self.retransmission.due()) {
            self.retransmit(now);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let handshaking = match self.state {
            LinkState::Handshaking => [
                self.retransmission.due(),
                self.deadline,
                self.refusal_deadline(),
                self.asks_at,
            ],
            LinkState::Complete | LinkState::Failed | LinkState::Closed => [None; 4],
        };
        let due = handshaking.into_iter().chain([self.copies.due()]);
        due.flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    /// Tells the peer that this is over, if there is an association, and forgets it.
    pub fn close(&mut self, now: Instant) {
        if self.state == LinkState::Complete {
            self.endpoint.stop(now, PEER);
            self.send(now);
        } else {
            self.copies.clear();
            self.outgoing.clear();
        }
        self.state = LinkState::Closed;
    }

    /// Keying material for another use (RFC 5705), once there are keys. The label must be a registered one.
    pub fn export(&self, label: &str, length: usize) -> Option<Zeroizing<Vec<u8>>> {
        match self.state {
            LinkState::Handshaking if !self.is_keyed => return None,
            LinkState::Handshaking | LinkState::Complete => {}
            LinkState::Failed | LinkState::Closed => return None,
        }
        let state = self.endpoint.get_connection_state(PEER)?;
        let material = state.export_keying_material(label, &[], length).ok()?;
        Some(Zeroizing::new(material.as_ref().to_vec()))
    }

    fn refusal_deadline(&self) -> Option<Instant> {
        self.refused.and_then(|(at, _)| at.checked_add(ALERT_GRACE))
    }

    fn handle_handshaking(&mut self, now: Instant, record: Record<'_>) {
        match record {
            Record::Handshake(fragments) => {
                for fragment in &fragments {
                    self.inbox.push(fragment);
                }
            }
            Record::ChangeCipherSpec => {
                if self.cipher_changed == CipherChange::Awaited {
                    self.cipher_changed = CipherChange::Seen;
                }
            }
            Record::Alert { fatal, description } => {
                if fatal && self.refused.is_none() {
                    self.refused = Some((now, description));
                }
            }
            Record::Protected { whole, .. } => {
                if self.held.len() >= MAX_HELD {
                    self.held.pop_front();
                }
                self.held.push_back(whole.to_vec());
            }
        }
    }

    /// After completion only what is encrypted counts: a repeated Finished, which asks for this side's last
    /// flight again, or the peer's farewell. There is no use for application data.
    fn handle_complete(&mut self, now: Instant, record: &Record<'_>) {
        match record {
            Record::Protected {
                kind: 21 | HANDSHAKE,
                whole,
            } => self.feed(now, whole),
            Record::Protected { .. }
            | Record::Handshake(_)
            | Record::ChangeCipherSpec
            | Record::Alert { .. } => {}
        }
    }

    /// Gives the endpoint what is complete.
    fn proceed(&mut self, now: Instant) {
        self.begin_anew(now);
        while self.state == LinkState::Handshaking
            && let Some(flight) = self.inbox.take_flight()
        {
            self.last_hello = now;
            self.refused = None;
            let records = flight.iter().flat_map(|message| self.encode(message));
            let records: Vec<u8> = records.collect();
            self.inbound_number = self.inbound_number.saturating_add(MAX_HELD as u64);
            self.feed(now, &records);
        }
        if self.inbox.heard() != Heard::Done {
            return;
        }
        if self.cipher_changed == CipherChange::Seen {
            self.cipher_changed = CipherChange::Given;
            let record = change_cipher_spec_record(self.inbound_number);
            self.inbound_number = self.inbound_number.saturating_add(1);
            self.feed(now, &record);
        }
        if self.cipher_changed == CipherChange::Given {
            while let Some(record) = self.held.pop_front() {
                self.feed(now, &record);
            }
        }
    }

    fn connect(&mut self, now: Instant) -> Result<(), DtlsFailure> {
        let handshake = Arc::clone(&self.handshake);
        let begun = self.endpoint.connect(now, PEER, handshake, None);
        begun.map_err(|error| DtlsFailure::of(&error))?;
        match self.config.cookie {
            None => self.send_flight(now),
            Some(cookie) => {
                self.asks_at = now.checked_add(COOKIE_PATIENCE);
                self.answer_itself(now, cookie);
            }
        }
        Ok(())
    }

    /// Begins as a client that was told no cookie, if nobody has answered the one it brought.
    fn ask_for_cookie(&mut self, now: Instant) {
        self.asks_at = None;
        if self.inbox.heard() != Heard::Greeted {
            return;
        }
        self.config.cookie = None;
        self.reset();
        if let Err(failure) = self.connect(now) {
            self.fail(failure);
        }
    }

    /// A client that knows the cookie does not ask for it: its first hello stays here.
    fn answer_itself(&mut self, now: Instant, cookie: Cookie) {
        self.discard();
        self.inbox.push(&whole(3, &verify_request(cookie.bytes())));
        self.proceed(now);
    }

    /// Numbers are spaced by more than a flight has messages.
    fn encode(&self, message: &Message) -> Vec<u8> {
        let number = self.inbound_number.saturating_add(message.sequence.into());
        handshake_record(number, message.kind, message.sequence, &message.body)
    }

    /// A client that knows nothing of the answers so far begins anew, or the first hello was a stranger's.
    fn begin_anew(&mut self, now: Instant) {
        let quiet = now.saturating_duration_since(self.last_hello) >= HELLO_QUIET;
        if let Some(hello) = self.inbox.take_other_hello().filter(|_| quiet) {
            self.reset();
            self.inbox.push(&whole(1, &hello));
        }
    }

    /// Forgets what was heard.
    fn reset(&mut self) {
        self.endpoint = new_endpoint(self.role, &self.handshake);
        self.inbox = new_inbox(self.role, self.config);
        self.cipher_changed = CipherChange::Awaited;
        self.held.clear();
        self.numbering.offset = self.numbering.next;
        self.retransmission.stop();
        self.flight.clear();
    }

    /// Gives the endpoint records and takes what it answers.
    fn feed(&mut self, now: Instant, records: &[u8]) {
        if !matches!(self.state, LinkState::Handshaking | LinkState::Complete) {
            return;
        }
        match self.endpoint.read(now, PEER, None, BytesMut::from(records)) {
            Ok(events) => {
                self.send_flight(now);
                for event in events {
                    self.handle_endpoint_event(event);
                }
                self.hand_out_early();
            }
            Err(error) => self.handle_error(now, &error),
        }
    }

    fn handle_endpoint_event(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::HandshakeComplete => self.complete(),
            EndpointEvent::PeerClosed => {
                if self.state == LinkState::Handshaking {
                    self.fail(DtlsFailure::Refused(0));
                } else {
                    self.state = LinkState::Closed;
                    self.events.push_back(DtlsEvent::Closed);
                }
            }
            _ => {}
        }
    }

    fn handle_error(&mut self, now: Instant, error: &Error) {
        match (self.state, error) {
            // An authenticated warning. The endpoint would send it back, and so would another one, for ever.
            (_, Error::Other(text)) if text.starts_with("Error of Alert") => self.discard(),
            (LinkState::Complete, Error::ErrAlertFatalOrClose) => {
                self.discard();
                self.state = LinkState::Closed;
                self.events.push_back(DtlsEvent::Closed);
            }
            (LinkState::Complete, _) => self.discard(),
            (LinkState::Handshaking, Error::ErrAlertFatalOrClose) => {
                self.discard();
                self.fail(DtlsFailure::Refused(0));
            }
            (LinkState::Handshaking, _)
                if self.role == DtlsRole::Server
                    && self.inbox.heard() == Heard::Greeted
                    && self.doubtful_hellos < DOUBTFUL_HELLOS =>
            {
                self.doubtful_hellos += 1;
                self.discard();
                self.reset();
            }
            (LinkState::Handshaking, _) => {
                // The alert that says why.
                self.send(now);
                self.fail(DtlsFailure::of(error));
            }
            (LinkState::Failed | LinkState::Closed, _) => {}
        }
    }

    fn complete(&mut self) {
        self.retransmission.stop();
        self.flight.clear();
        self.held.clear();
        self.refused = None;
        let handed_out = if self.is_keyed {
            Ok(())
        } else {
            self.hand_out()
        };
        match handed_out {
            Ok(()) => self.state = LinkState::Complete,
            Err(failure) => self.fail(failure),
        }
    }

    /// A client that has sent its last flight does not wait for the server's before its media begins.
    fn hand_out_early(&mut self) {
        let has_answered = match self.role {
            DtlsRole::Client => self.inbox.heard() == Heard::Done,
            DtlsRole::Server => false,
        };
        if self.state == LinkState::Handshaking && has_answered && !self.is_keyed {
            // Not yet what it must be: the end of the handshake says why.
            let _ = self.hand_out();
        }
    }

    fn hand_out(&mut self) -> Result<(), DtlsFailure> {
        let (srtp, remote) = self.agreed()?;
        self.is_keyed = true;
        let srtp = Box::new(srtp);
        self.events.push_back(DtlsEvent::Keys { srtp, remote });
        Ok(())
    }

    /// The keys, and once more whose they are: this does not rely on the endpoint having asked.
    fn agreed(&self) -> Result<(SrtpPair, Fingerprint), DtlsFailure> {
        let state = self.endpoint.get_connection_state(PEER);
        let state = state.ok_or(DtlsFailure::Own)?;
        let certificate = state.peer_certificates.first();
        let certificate = certificate.ok_or(DtlsFailure::NoCertificate)?;
        let remote = self.expected.matching(certificate);
        let remote = remote.ok_or(DtlsFailure::WrongFingerprint)?;
        let profile = from_wire(state.srtp_protection_profile());
        let profile = profile.ok_or(DtlsFailure::NoCommonProfile)?;
        let length = profile.exporter_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length);
        let material = material.map_err(|error| DtlsFailure::of(&error))?;
        let is_client = self.role == DtlsRole::Client;
        let pair = SrtpPair::from_exporter(profile, material.as_ref(), is_client);
        Ok((pair.map_err(|_| DtlsFailure::Own)?, remote))
    }

    fn fail(&mut self, failure: DtlsFailure) {
        tracing::debug!(role = ?self.role, %failure, "no keys by DTLS");
        self.state = LinkState::Failed;
        self.retransmission.stop();
        self.flight.clear();
        self.held.clear();
        self.events.push_back(DtlsEvent::Failed(failure));
    }
}

fn new_inbox(role: DtlsRole, config: DtlsConfig) -> Inbox {
    let mut inbox = Inbox::new(role);
    if let (DtlsRole::Server, Some(cookie)) = (role, config.cookie) {
        inbox.expect_cookie(cookie.bytes().to_vec());
    }
    inbox
}

/// A first message, in one piece.
fn whole(kind: u8, body: &[u8]) -> Fragment<'_> {
    Fragment {
        kind,
        length: u32::try_from(body.len()).unwrap_or(0),
        sequence: 0,
        offset: 0,
        body,
    }
}
