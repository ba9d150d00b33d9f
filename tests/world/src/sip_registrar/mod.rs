//! A SIP registrar and forking proxy for loopback: the phones' other side in demo and tests.
//!
//! Built on the message layer and the digest of `tandem-sip` and on nothing above them, on purpose: a second
//! opinion on RFC 3261, so that a mistake in our transactions or dialogs meets somebody who does not share it.
//!
//! [`Registrar`] is sans-IO; [`Server`] runs it on real UDP and TCP sockets of one port in threads of its own;
//! [`RegistrarNode`] puts it into a [virtual network](crate::net). Registrations need digest (RFC 7616); calls
//! are challenged (407) if wanted, forked to every contact in parallel, recorded on the route, and answered with
//! the best of the final responses; losers are cancelled with `Reason: SIP;cause=200` (RFC 3326).

mod bindings;
mod config;
mod faults;
mod flow;
mod forward;
mod gate;
mod node;
mod registration;
mod responses;
mod routes;
mod server;
mod timers;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_sip::message::{
    Frame, Limits, Message, Method, Request, Response, StatusCode, StreamDecoder, Via, name,
    parse_datagram,
};
use tandem_types::{Entropy, SeededEntropy};

use bindings::Bindings;
pub use config::{Config, User};
use faults::Faults;
use flow::Outbox;
pub use flow::{Flow, Output, Transport};
use gate::{Gate, Side};
pub use node::RegistrarNode;
pub use server::Server;
use transaction::{ClientKey, ClientTransaction, PATIENCE, Resend, ServerKey, ServerTransaction};

/// Messages that [`Registrar::heard`] remembers.
const MAX_HEARD: usize = 100_000;

/// The registrar and proxy.
#[derive(Debug)]
pub struct Registrar {
    config: Config,
    local: SocketAddr,
    entropy: SeededEntropy,
    gate: Gate,
    bindings: Bindings,
    servers: BTreeMap<ServerKey, ServerTransaction>,
    clients: BTreeMap<ClientKey, ClientTransaction>,
    streams: BTreeMap<SocketAddr, StreamDecoder>,
    outbox: Outbox,
    faults: Faults,
    authenticated: BTreeSet<String>,
    heard: Vec<Heard>,
}

/// A message that came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// From where.
    pub flow: Flow,
    /// `REGISTER`, or `200 INVITE`.
    pub what: String,
    /// Whether a fault made it go unnoticed.
    pub dropped: bool,
}

impl Registrar {
    /// A registrar that is reached at `local` over UDP and TCP.
    pub fn new(config: Config, local: SocketAddr, now: Instant, seed: u64) -> Self {
        let mut entropy = SeededEntropy::new(seed);
        Self {
            gate: Gate::new(&config, now, &mut entropy),
            config,
            local,
            entropy,
            bindings: Bindings::default(),
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            streams: BTreeMap::new(),
            outbox: Outbox::default(),
            faults: Faults::default(),
            authenticated: BTreeSet::new(),
            heard: Vec::new(),
        }
    }

    /// A datagram from `from`.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow::udp(from);
        match parse_datagram(bytes) {
            Ok(message) => self.handle_message(now, flow, message),
            Err(error) => {
                if let Some(response) = error.response() {
                    self.outbox.send(now, flow, response.to_bytes());
                }
            }
        }
    }

    /// Bytes from the connection whose far end is `from`.
    pub fn handle_stream(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow::tcp(from);
        let fresh = || StreamDecoder::new(Limits::default());
        let mut decoder = self.streams.remove(&from).unwrap_or_else(fresh);
        decoder.push(bytes);
        while let Some(frame) = decoder.next() {
            match frame {
                Ok(Frame::Message(message)) => self.handle_message(now, flow, message),
                Ok(Frame::KeepAlivePing) => self.outbox.send(now, flow, b"\r\n".to_vec()),
                Ok(Frame::KeepAlivePong) => {}
                Err(error) => {
                    if let Some(response) = error.error.response() {
                        self.outbox.send(now, flow, response.to_bytes());
                    }
                    if error.close {
                        self.outbox.put(now, Output::Close { remote: from });
                        return;
                    }
                }
            }
        }
        self.streams.insert(from, decoder);
    }

    /// The connection to `remote` is gone, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant, remote: SocketAddr) {
        self.streams.remove(&remote);
        let flow = Flow::tcp(remote);
        self.bindings.forget_flow(flow);
        self.fail_flow(now, flow);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    /// The address it is reached at.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Users whose password was proven at least once.
    pub fn authenticated(&self) -> &BTreeSet<String> {
        &self.authenticated
    }

    /// How many contacts `user` is registered with.
    pub fn contacts_of(&self, user: &str, now: Instant) -> usize {
        self.bindings.of(user, now).len()
    }

    /// Every message that came in, oldest first.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Fault: the next `count` requests of `method` (of any, and responses too, if `None`) are lost.
    pub fn drop_next(&mut self, method: Option<Method>, count: u32) {
        self.faults.drop_next(method, count);
    }

    /// Fault: the next `count` requests of `method` are answered with `status` and nothing else.
    pub fn answer_next(&mut self, method: Method, status: StatusCode, count: u32) {
        self.faults.answer_next(method, status, count);
    }

    /// Fault: everything it sends leaves `delay` later.
    pub fn set_delay(&mut self, delay: Duration) {
        self.outbox.delay = delay;
    }

    /// Fault: a restart. Every registration, nonce and transaction is forgotten.
    pub fn forget_everything(&mut self, now: Instant) {
        self.gate = Gate::new(&self.config, now, &mut self.entropy);
        self.bindings = Bindings::default();
        self.servers.clear();
        self.clients.clear();
    }

    fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        let method = match &message {
            Message::Request(request) => Some(request.method.clone()),
            Message::Response(_) => None,
        };
        let dropped = self.faults.drops(method.as_ref());
        self.note(now, flow, &message, dropped);
        if dropped {
            return;
        }
        match message {
            Message::Request(request) => self.handle_request(now, flow, request),
            Message::Response(response) => self.handle_response(now, response),
        }
    }

    fn note(&mut self, at: Instant, flow: Flow, message: &Message, dropped: bool) {
        if self.heard.len() >= MAX_HEARD {
            return;
        }
        let what = match message {
            Message::Request(request) => request.method.to_string(),
            Message::Response(response) => {
                let method = response.headers.cseq().map(|cseq| cseq.method.to_string());
                format!("{} {}", response.status.code(), method.unwrap_or_default())
            }
        };
        self.heard.push(Heard {
            at,
            flow,
            what,
            dropped,
        });
    }

    fn handle_request(&mut self, now: Instant, flow: Flow, mut request: Request) {
        let Ok(mut via) = request.headers.via() else {
            return;
        };
        via.stamp(flow.remote);
        request
            .headers
            .replace_first_value(name::VIA, &via.to_string());
        if request.method == Method::ACK {
            return self.handle_ack(now, &via, request);
        }
        let key = ServerKey::of(&via, request.method.clone());
        if let Some(known) = self.servers.get(&key) {
            // A retransmission. After a 2xx to INVITE the phone itself repeats it (RFC 6026 §7.1).
            let answered_call = key.is_invite() && known.status.is_some_and(StatusCode::is_success);
            if let (Some(last), false) = (&known.last, answered_call) {
                self.outbox.send(now, known.flow, last.clone());
            }
            return;
        }
        let method = request.method.clone();
        self.servers
            .insert(key.clone(), ServerTransaction::new(flow, request.clone()));
        if let Some(refusal) = self.unacceptable(&request) {
            return self.respond(now, &key, refusal);
        }
        if let Some(status) = self.faults.answers(&method) {
            return self.respond(now, &key, Response::answer(&request, status));
        }
        if method == Method::CANCEL {
            self.handle_cancel(now, &key, &via, &request);
        } else if method == Method::REGISTER {
            self.handle_register(now, &key, &request, flow);
        } else {
            self.handle_other(now, &key, request, flow);
        }
    }

    /// The answer to a request that no proxy can serve.
    fn unacceptable(&self, request: &Request) -> Option<Response> {
        let headers = &request.headers;
        let complete = headers.from().is_ok()
            && headers.to().is_ok()
            && headers.call_id().is_ok()
            && headers
                .cseq()
                .is_ok_and(|cseq| cseq.method == request.method);
        let status = if request.version() != "SIP/2.0" {
            StatusCode::VERSION_NOT_SUPPORTED
        } else if !complete {
            StatusCode::BAD_REQUEST
        } else if headers.max_forwards() == Ok(Some(0)) && request.method != Method::REGISTER {
            StatusCode::TOO_MANY_HOPS
        } else {
            return None;
        };
        Some(Response::answer(request, status))
    }

    /// Answers a request: sends, remembers for retransmissions, and repeats what needs an ACK.
    fn respond(&mut self, now: Instant, key: &ServerKey, response: Response) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let status = response.status;
        let response = if status == StatusCode::TRYING {
            response
        } else {
            response.with_stateless_to_tag()
        };
        let bytes = response.to_bytes();
        server.last = Some(bytes.clone());
        if status.is_final() {
            server.status = Some(status);
            server.ends = Some(now + PATIENCE);
            if key.is_invite() && status.is_failure() {
                server.resend = Resend::over(server.flow, now);
            }
        }
        let flow = server.flow;
        self.outbox.send(now, flow, bytes);
    }

    /// A Via value for a request of this server over `flow`, and its branch.
    fn new_via(&mut self, flow: Flow) -> (String, String) {
        let branch = format!("{}{}", Via::MAGIC_COOKIE, self.entropy.hex(8));
        let host = self.local.ip().into();
        let via = Via::new(
            flow.transport.name(),
            host,
            Some(self.local.port()),
            &branch,
        );
        (via.to_string(), branch)
    }

    /// Challenges `request` unless it proves a password; the user it proves.
    fn authenticate(
        &mut self,
        now: Instant,
        side: Side,
        key: &ServerKey,
        request: &Request,
    ) -> Option<String> {
        let checked = self
            .gate
            .check(now, side, request, &self.config, &mut self.entropy);
        match checked {
            Ok(user) => {
                self.authenticated.insert(user.clone());
                Some(user)
            }
            Err(refusal) => {
                self.respond(now, key, *refusal);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
