//! What every part of the agent needs: identity, transactions, addresses and the way out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use tandem_types::Entropy;

use super::proofs::Proofs;
use super::route::Aim;
use super::streams::Streams;
use super::{AgentConfig, AgentError, Event, LargeRequests, Output, SessionId, Transmit};
use crate::digest::{AuthChain, AuthHeader, DigestError};
use crate::locate::Locator;
use crate::message::{
    Host, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri, Via, name,
};
use crate::transaction::{
    ClientId, ConnectionId, Destination, Fallback, Flow, Hop, Limits, ServerId, Transactions,
    TransmitId, TransportKind,
};

/// Above this a request should not be a datagram (RFC 3261 §18.1.1).
const LARGE: usize = 1300;
/// How many hops are remembered to take no streams.
const MAX_NO_STREAMS: usize = 32;
/// What this side understands.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// Whose request a client transaction carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    Registration,
    Session(SessionId),
}

/// How a session reaches its far end where the URI leaves it open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) transport: TransportKind,
    /// The connection it was set up over: the last resort when no new one can be made.
    pub(super) connection: Option<ConnectionId>,
}

impl Line {
    pub(super) fn of(flow: Flow, core: &Core) -> Self {
        match flow {
            Flow::Datagram(_) => Self {
                transport: TransportKind::Udp,
                connection: None,
            },
            Flow::Connection(id, _) => Self {
                transport: core.transport_over(id),
                connection: Some(id),
            },
        }
    }
}

pub(super) struct Core {
    pub(super) config: AgentConfig,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) transactions: Transactions,
    pub(super) streams: Streams,
    pub(super) proofs: Option<Proofs>,
    pub(super) owners: BTreeMap<ClientId, Owner>,
    /// How the server sees our address over that transport, learned from `received` and `rport` (RFC 3581).
    pub(super) public: Option<(TransportKind, SocketAddr)>,
    pub(super) locator: Locator,
    /// The server the account is registered with: further requests go there, by the same flow.
    pub(super) home: Option<Aim>,
    /// A call found that server dead: the account must look for another one, or nobody can call it.
    pub(super) home_lost: bool,
    /// RFC 3608: where the server wants our requests to pass.
    pub(super) service_routes: Vec<NameAddr>,
    /// Hops that took no stream for a large request, on this network: each further one would wait for the
    /// same failure.
    pub(super) no_streams: VecDeque<Hop>,
    outputs: VecDeque<Output>,
}

impl Core {
    pub(super) fn new(config: AgentConfig, entropy: Box<dyn Entropy>) -> Self {
        let transactions = Transactions::new(config.timers, Limits::default());
        let proofs = Proofs::new(&config);
        let streams = Streams::new(config.keep_alive);
        Self {
            config,
            entropy,
            transactions,
            streams,
            proofs,
            owners: BTreeMap::new(),
            public: None,
            locator: Locator::new(),
            home: None,
            home_lost: false,
            service_routes: Vec::new(),
            no_streams: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.outputs.push_back(Output::CloseConnection(connection));
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        if let Some(out) = self.transactions.poll_outgoing() {
            return Some(Output::Transmit(Transmit {
                id: out.id,
                to: out.to,
                bytes: out.bytes,
            }));
        }
        if let Some(id) = self.transactions.poll_withdrawn() {
            return Some(Output::Withdraw(id));
        }
        if let Some(question) = self.locator.poll_question() {
            return Some(Output::Locate(question));
        }
        self.outputs.pop_front()
    }

    pub(super) fn tag(&mut self) -> String {
        self.entropy.hex(8)
    }

    /// The line requests outside any dialog take.
    pub(super) fn own_line(&self) -> Line {
        Line {
            transport: self.transport(),
            connection: None,
        }
    }

    /// Where the far end reaches this side (§8.1.1.8).
    pub(super) fn contact(&self, transport: TransportKind) -> NameAddr {
        let seen = self.public.filter(|(over, _)| *over == transport);
        let address = seen.map(|(_, address)| address);
        let address = address.or_else(|| self.local(transport));
        let mut uri = match address {
            Some(address) => SipUri::new(address.ip().into()).with_port(port_of(address)),
            None => SipUri::new(Host::Name("invalid".to_owned())),
        };
        if let Some(user) = self.config.aor.as_sip().and_then(SipUri::user_text) {
            uri = uri.with_user(&user);
        }
        if self.config.aor.as_sip().is_some_and(SipUri::is_secure) && transport.is_secure() {
            // §8.1.1.8: who is called by sips: is answered by it; its transport goes without saying.
            uri = uri.with_secure(true);
        } else if let Some(name) = transport.parameter() {
            uri = uri.with_parameter("transport", Some(name));
        }
        NameAddr::new(Uri::Sip(uri))
    }

    /// The address this side believes to have.
    pub(super) fn local(&self, transport: TransportKind) -> Option<SocketAddr> {
        let local = self.config.local;
        match transport {
            TransportKind::Udp => local.udp.or(local.tcp),
            TransportKind::Tcp => {
                let open = || self.streams.local(transport);
                local.tcp.or_else(open).or(local.udp)
            }
            // Nothing listens for TLS: the connection is where we can be reached.
            TransportKind::Tls => self.streams.local(transport).or(local.tls),
        }
    }

    /// A request outside any dialog, From and To in place; the URI is its first hop (§8.1.1).
    pub(super) fn request(
        &self,
        method: Method,
        uri: Uri,
        from: &NameAddr,
        to: &NameAddr,
        call_id: &str,
        sequence: u32,
    ) -> (Request, Uri) {
        let is_register = method == Method::REGISTER;
        let mut request = Request::new(method.clone(), uri.clone());
        let mut routes: Vec<NameAddr> = Vec::new();
        routes.extend(self.config.outbound_proxy.clone().map(loose));
        if !is_register {
            routes.extend(self.service_routes.iter().cloned());
        }
        let first = routes.first().map(|route| route.uri.clone());
        let headers = &mut request.headers;
        for route in &routes {
            headers.push(name::ROUTE, route.to_string());
        }
        headers.push(name::MAX_FORWARDS, "70");
        headers.push(name::FROM, from.to_string());
        headers.push(name::TO, to.to_string());
        headers.push(name::CALL_ID, call_id);
        headers.push(name::CSEQ, format!("{sequence} {method}"));
        let next_hop = first
            .or_else(|| self.config.registrar.clone())
            .unwrap_or(uri);
        (request, next_hop)
    }

    /// The URI a request outside any dialog is sent to first, if its own is `uri`.
    pub(super) fn first_hop(&self, uri: &Uri) -> Uri {
        let proxy = self.config.outbound_proxy.as_ref();
        let routes = self.service_routes.first().map(|route| &route.uri);
        let registrar = self.config.registrar.as_ref();
        proxy.or(routes).or(registrar).unwrap_or(uri).clone()
    }

    /// Puts on the Via and sends under the watch of a transaction.
    pub(super) fn send(
        &mut self,
        now: Instant,
        owner: Owner,
        mut request: Request,
        to: Destination,
        line: Line,
    ) -> Result<ClientId, AgentError> {
        self.sign(&mut request);
        let via = self.via(self.transport_of(&to));
        request.headers.insert_front(name::VIA, via.to_string());
        let (to, fallback) = self.second_way(&mut request, to, line);
        let id = self.transactions.start(now, request, to, fallback)?;
        self.owners.insert(id, owner);
        Ok(id)
    }

    /// Sends a CANCEL: it has its Via already, and goes where its INVITE went.
    pub(super) fn send_cancel(
        &mut self,
        now: Instant,
        owner: Owner,
        cancel: Request,
        to: Destination,
    ) -> Option<ClientId> {
        let id = self.transactions.start(now, cancel, to, None).ok()?;
        self.owners.insert(id, owner);
        Some(id)
    }

    /// Sends the ACK of a 2xx: no transaction watches it (§13.2.2.4). Returns what to repeat.
    pub(super) fn send_ack(
        &mut self,
        mut ack: Request,
        to: Destination,
        line: Line,
    ) -> (Destination, Vec<u8>) {
        self.sign(&mut ack);
        let via = self.via(self.transport_of(&to));
        ack.headers.insert_front(name::VIA, via.to_string());
        let bytes = ack.to_bytes();
        match (&to, line.connection) {
            (Destination::Stream(_), Some(connection)) if self.streams.is_open(connection) => {
                let otherwise = Destination::Connection(connection);
                self.transactions
                    .send_once_or(to.clone(), otherwise, bytes.clone());
            }
            (Destination::Datagram(_) | Destination::Connection(_) | Destination::Stream(_), _) => {
                self.transactions.send_once(to.clone(), bytes.clone());
            }
        }
        (to, bytes)
    }

    /// A response of this side, complete but for what the status asks for.
    pub(super) fn response(&self, request: &Request, status: StatusCode, to_tag: &str) -> Response {
        let mut response = Response::answer(request, status);
        if status != StatusCode::TRYING {
            response = response.with_to_tag(to_tag);
        }
        if !self.config.user_agent.is_empty() {
            response.headers.set(name::SERVER, &self.config.user_agent);
        }
        response
    }

    /// A response that no transaction will remember.
    pub(super) fn stateless_response(&self, request: &Request, status: StatusCode) -> Response {
        let mut response = Response::answer(request, status).with_stateless_to_tag();
        if !self.config.user_agent.is_empty() {
            response.headers.set(name::SERVER, &self.config.user_agent);
        }
        response
    }

    /// Answers at once, with a fresh To-tag where the request has none.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        server: ServerId,
        request: &Request,
        status: StatusCode,
        headers: &[(&'static str, &str)],
    ) {
        let tag = self.tag();
        let mut response = self.response(request, status, &tag);
        for (header, value) in headers {
            response.headers.set(header, value);
        }
        self.transactions.respond(now, server, &response);
    }

    /// The methods this side understands, as Allow has them.
    pub(super) const fn allow() -> &'static str {
        ALLOW
    }

    /// Adds proofs for every realm that is known already.
    pub(super) fn authorize(&mut self, request: &mut Request, chain: &mut AuthChain) {
        if let Some(proofs) = &mut self.proofs {
            let headers = proofs.preemptive(request, chain, self.entropy.as_mut());
            put(request, headers);
        }
    }

    /// Answers a 401 or 407 in `request`, which is the next attempt.
    pub(super) fn answer_challenge(
        &mut self,
        request: &mut Request,
        chain: &mut AuthChain,
        response: &Response,
    ) -> Result<(), DigestError> {
        let Some(proofs) = &mut self.proofs else {
            return Err(DigestError::NoUsableChallenge);
        };
        let headers = proofs.answer(request, chain, response, self.entropy.as_mut())?;
        put(request, headers);
        Ok(())
    }

    /// Takes what a 2xx says of the next nonce.
    pub(super) fn take_info(&mut self, chain: &AuthChain, response: &Response) {
        if let Some(proofs) = &mut self.proofs {
            proofs.take_info(chain, response);
        }
    }

    fn sign(&self, request: &mut Request) {
        if !self.config.user_agent.is_empty() {
            request
                .headers
                .set(name::USER_AGENT, &self.config.user_agent);
        }
    }

    fn via(&mut self, transport: TransportKind) -> Via {
        let branch = format!("{}{}", Via::MAGIC_COOKIE, self.entropy.hex(12));
        let (host, port) = match self.local(transport) {
            Some(address) => (address.ip().into(), port_of(address)),
            None => (Host::Name("invalid".to_owned()), None),
        };
        let mut via = Via::new(transport.via_token(), host, port, &branch);
        via.params.set("rport", None);
        via
    }

    /// A stream could not be opened for a request that would rather have been a datagram.
    pub(super) fn note_no_streams(&mut self, id: TransmitId) {
        let Some(hop) = self.transactions.datagram_fallback(id).cloned() else {
            return;
        };
        if self.no_streams.len() >= MAX_NO_STREAMS {
            self.no_streams.pop_front();
        }
        self.no_streams.push_back(hop);
    }

    /// The other way a request may take: a large datagram becomes a stream that may fall back to a datagram,
    /// and a stream that cannot be opened falls back to the connection the session came over.
    fn second_way(
        &mut self,
        request: &mut Request,
        to: Destination,
        line: Line,
    ) -> (Destination, Option<Fallback>) {
        let connection = line.connection.filter(|id| self.streams.is_open(*id));
        match to {
            Destination::Datagram(hop)
                if self.config.large_requests == LargeRequests::UseTcp
                    && !self.no_streams.contains(&hop)
                    && request.to_bytes().len() > LARGE =>
            {
                let Ok(datagram) = request.headers.via() else {
                    return (Destination::Datagram(hop), None);
                };
                let stream = self.via(TransportKind::Tcp);
                request
                    .headers
                    .replace_first_value(name::VIA, &stream.to_string());
                let fallback = Fallback {
                    to: Destination::Datagram(hop.clone()),
                    via: datagram,
                };
                let hop = hop.over(TransportKind::Tcp);
                let to = match self.streams.to(&hop) {
                    Some(connection) => Destination::Connection(connection),
                    None => Destination::Stream(hop),
                };
                (to, Some(fallback))
            }
            Destination::Stream(hop) => {
                let fallback = connection.map(|connection| Fallback {
                    to: Destination::Connection(connection),
                    via: self.via(self.transport_over(connection)),
                });
                (Destination::Stream(hop), fallback)
            }
            Destination::Datagram(_) | Destination::Connection(_) => (to, None),
        }
    }
}

/// `proxy` as a Route value of a loose router.
fn loose(proxy: Uri) -> NameAddr {
    match proxy {
        Uri::Sip(uri) if !uri.lr() => NameAddr::new(Uri::Sip(uri.with_parameter("lr", None))),
        other => NameAddr::new(other),
    }
}

/// The port to tell others; 0 is none.
fn port_of(address: SocketAddr) -> Option<u16> {
    Some(address.port()).filter(|port| *port != 0)
}

fn put(request: &mut Request, headers: Vec<AuthHeader>) {
    request.headers.remove(name::AUTHORIZATION);
    request.headers.remove(name::PROXY_AUTHORIZATION);
    for header in headers {
        request.headers.push(header.name, header.value.reveal());
    }
}
