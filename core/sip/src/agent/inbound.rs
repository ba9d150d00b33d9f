//! What comes in: bytes to messages, messages to whom they concern.

use std::net::SocketAddr;
use std::time::Instant;

use super::core::{Core, Line, Owner};
use super::session::Session;
use super::{SessionId, UserAgent, info};
use crate::message::{
    Capabilities, Frame, Message, Method, ParseError, Request, Response, StatusCode, Verdict, name,
    parse_datagram, screen_request, screen_response,
};
use crate::transaction::{ConnectionId, Destination, Flow, Received, ServerId};

const METHODS: &[Method] = &[
    Method::INVITE,
    Method::ACK,
    Method::CANCEL,
    Method::BYE,
    Method::OPTIONS,
    Method::INFO,
    Method::UPDATE,
];

/// What this side can do; the rest is refused before anything remembers it.
const CAPABILITIES: Capabilities<'static> = Capabilities {
    methods: METHODS,
    extensions: &[info::TRICKLE],
    schemes: &["sip", "tel"],
    bodies: &[
        "application/sdp",
        "application/dtmf-relay",
        "application/dtmf",
        info::FRAGMENT,
        "multipart/mixed",
        "multipart/alternative",
    ],
};

/// The same for what came over TLS: only then `sips:` was kept to on the last hop (RFC 5630 §4).
const SECURE_CAPABILITIES: Capabilities<'static> = Capabilities {
    schemes: &["sip", "sips", "tel"],
    ..CAPABILITIES
};

impl UserAgent {
    /// A datagram arrived on the UDP socket.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow::Datagram(from);
        match parse_datagram(bytes) {
            Ok(message) => self.receive(now, message, flow),
            Err(error) => self.answer_unreadable(flow, error),
        }
        self.settle(now);
    }

    /// Bytes arrived on a TCP connection.
    pub fn handle_stream(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        let Some(remote) = self.core.streams.remote(connection) else {
            return;
        };
        let flow = Flow::Connection(connection, remote);
        self.core.streams.push(now, connection, bytes);
        while let Some(frame) = self.core.streams.next_frame(connection) {
            match frame {
                Ok(Frame::Message(message)) => self.receive(now, message, flow),
                Ok(Frame::KeepAlivePing) => {
                    let to = Destination::Connection(connection);
                    self.core.transactions.send_once(to, b"\r\n".to_vec());
                }
                Ok(Frame::KeepAlivePong) => {}
                Err(error) => {
                    self.answer_unreadable(flow, error.error);
                    if error.close {
                        self.drop_connection(now, connection);
                        break;
                    }
                }
            }
        }
        self.settle(now);
    }

    fn answer_unreadable(&mut self, flow: Flow, error: ParseError) {
        match error {
            ParseError::Answer { response, .. } => {
                self.core.transactions.respond_once(flow, *response);
            }
            ParseError::Drop(_) => {}
        }
    }

    fn receive(&mut self, now: Instant, message: Message, flow: Flow) {
        match message {
            Message::Request(request) => self.receive_request(now, request, flow),
            Message::Response(response) => self.receive_response(now, &response),
        }
    }

    fn receive_response(&mut self, now: Instant, response: &Response) {
        match screen_response(response) {
            Verdict::Accept => {}
            Verdict::Answer(_) | Verdict::Drop(_) => return,
        }
        let Some(id) = self.core.transactions.receive_response(now, response) else {
            return;
        };
        match self.core.owners.get(&id).copied() {
            Some(Owner::Registration) => {
                self.registrar
                    .on_response(&mut self.core, now, id, response);
            }
            Some(Owner::Session(session)) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.on_response(&mut self.core, now, id, response);
                }
            }
            None => {}
        }
    }

    fn receive_request(&mut self, now: Instant, mut request: Request, flow: Flow) {
        if let Ok(mut via) = request.headers.via() {
            via.stamp(flow.remote());
            request
                .headers
                .replace_first_value(name::VIA, &via.to_string());
        }
        let capabilities = if Line::of(flow, &self.core).transport.is_secure() {
            &SECURE_CAPABILITIES
        } else {
            &CAPABILITIES
        };
        match screen_request(&request, capabilities) {
            Verdict::Accept => {}
            Verdict::Answer(response) => {
                self.core.transactions.respond_once(flow, *response);
                return;
            }
            Verdict::Drop(_) => return,
        }
        if let Some(response) = self.forgettable(&request) {
            self.core.transactions.respond_once(flow, response);
            return;
        }
        // Screening has read every header that matching needs.
        let Ok(received) = self.core.transactions.receive_request(now, &request, flow) else {
            return;
        };
        match received {
            Received::New(server) => self.dispatch(now, server, request, flow),
            Received::Absorbed => {}
            Received::Ack => self.receive_ack(now, &request),
            Received::Cancel { server, invite } => {
                self.receive_cancel(now, server, invite, &request);
            }
            Received::Merged(server) => {
                self.core
                    .refuse(now, server, &request, StatusCode::LOOP_DETECTED, &[]);
            }
            Received::Full => {
                let busy = StatusCode::SERVICE_UNAVAILABLE;
                let busy = self.core.stateless_response(&request, busy);
                let busy = busy.with_header(name::RETRY_AFTER, "10");
                self.core.transactions.respond_once(flow, busy);
            }
        }
    }

    /// The answer to a request that leaves nothing behind, sent without a transaction (§8.2.7): what scanners
    /// ask by the thousand must not take the place of what belongs to a call.
    fn forgettable(&mut self, request: &Request) -> Option<Response> {
        if request.method == Method::ACK || self.core.transactions.knows(request) {
            return None;
        }
        let unknown = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        if request.method == Method::CANCEL {
            return Some(self.core.stateless_response(request, unknown));
        }
        if request.headers.to().is_ok_and(|to| to.tag().is_some()) {
            let is_known = self.session_of(request).is_some();
            return (!is_known).then(|| self.core.stateless_response(request, unknown));
        }
        if request.method == Method::INVITE {
            let busy = StatusCode::BUSY_HERE;
            let is_full = self.is_full();
            return is_full.then(|| self.core.stateless_response(request, busy));
        }
        if request.method == Method::OPTIONS {
            let busy = self.is_full();
            return Some(self.core.options_response(request, busy));
        }
        Some(self.core.stateless_response(request, unknown))
    }

    fn dispatch(&mut self, now: Instant, server: ServerId, request: Request, flow: Flow) {
        let is_inside = request.headers.to().is_ok_and(|to| to.tag().is_some());
        if is_inside {
            match self.session_of(&request) {
                Some(session) => session.0.on_request(session.1, now, server, request),
                None => self.refuse_unknown(now, server, &request),
            }
        } else if request.method == Method::INVITE {
            self.receive_invite(now, server, request, flow);
        } else {
            self.refuse_unknown(now, server, &request);
        }
    }

    fn refuse_unknown(&mut self, now: Instant, server: ServerId, request: &Request) {
        let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        self.core.refuse(now, server, request, status, &[]);
    }

    fn receive_invite(&mut self, now: Instant, server: ServerId, invite: Request, flow: Flow) {
        let id = self.fresh_session();
        match Session::called(&mut self.core, now, id, server, invite.clone(), flow) {
            Ok(session) => {
                self.sessions.insert(id, session);
            }
            Err(status) => self.core.refuse(now, server, &invite, status, &[]),
        }
    }

    fn receive_ack(&mut self, now: Instant, ack: &Request) {
        if let Some((session, core)) = self.session_of(ack) {
            session.on_ack(core, now, ack);
        }
    }

    fn receive_cancel(
        &mut self,
        now: Instant,
        server: ServerId,
        invite: Option<ServerId>,
        cancel: &Request,
    ) {
        let Some(invite) = invite else {
            self.refuse_unknown(now, server, cancel);
            return;
        };
        let found = self
            .sessions
            .values_mut()
            .find(|session| session.is_rung_by(invite));
        match found {
            Some(session) => {
                // §9.2: the To-tag of the CANCEL's response should be that of the INVITE's.
                let ok = self
                    .core
                    .response(cancel, StatusCode::OK, &session.local_tag);
                self.core.transactions.respond(now, server, &ok);
                session.on_cancel(&mut self.core, now, cancel);
            }
            None => {
                self.core.refuse(now, server, cancel, StatusCode::OK, &[]);
                let mut sessions = self.sessions.values_mut();
                if let Some(session) = sessions.find(|session| session.is_asked_by(invite)) {
                    session.drop_theirs(&mut self.core, now);
                    session.start_waiting_change(&mut self.core, now);
                }
            }
        }
    }

    /// The session whose dialog a request names, and the core to serve it with.
    fn session_of(&mut self, request: &Request) -> Option<(&mut Session, &mut Core)> {
        let call_id = request.headers.call_id().ok()?;
        let to = request.headers.to().ok()?;
        let from = request.headers.from().ok()?;
        let (local, remote) = (to.tag()?, from.tag().unwrap_or_default());
        let named = |session: &&mut Session| session.has_dialog(&call_id, local, remote);
        let session = self.sessions.values_mut().find(named)?;
        Some((session, &mut self.core))
    }

    fn fresh_session(&mut self) -> SessionId {
        self.next_session = self.next_session.wrapping_add(1);
        SessionId(self.next_session)
    }

    /// A number for an outgoing session.
    pub(super) fn new_session_id(&mut self) -> SessionId {
        self.fresh_session()
    }
}
