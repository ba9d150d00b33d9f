//! The machines of all transactions of one agent, found by message, driven by time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::matching::{ClientKey, MergeKey, ReplyRoute, ServerKey};
use super::records::{Client, ClientMachine, Fallback, Server, ServerMachine};
use super::{
    ClientId, ConnectionId, Destination, Expiry, Flow, Hop, InviteResponse, InviteServer, Limits,
    Notice, OtherServer, Outgoing, Received, ServerId, Timers, TransactionError, TransmitId,
    TransportError, TransportKind, ack_of,
};
use crate::message::{HeaderError, Method, Request, Response, name};

/// One-shot messages whose failure is still of interest.
const MAX_STRAYS: usize = 16;

/// Every open transaction of one agent.
#[derive(Debug)]
pub struct Transactions {
    timers: Timers,
    limits: Limits,
    next_id: u64,
    clients: BTreeMap<ClientId, Client>,
    client_keys: BTreeMap<ClientKey, ClientId>,
    servers: BTreeMap<ServerId, Server>,
    server_keys: BTreeMap<ServerKey, ServerId>,
    strays: VecDeque<Stray>,
    outgoing: VecDeque<Outgoing>,
    withdrawn: VecDeque<TransmitId>,
    notices: VecDeque<Notice>,
}

/// A message without a transaction that has a second way.
#[derive(Debug)]
struct Stray {
    id: TransmitId,
    to: Destination,
    bytes: Vec<u8>,
}

impl Transactions {
    /// None open.
    pub fn new(timers: Timers, limits: Limits) -> Self {
        Self {
            timers,
            limits,
            next_id: 0,
            clients: BTreeMap::new(),
            client_keys: BTreeMap::new(),
            servers: BTreeMap::new(),
            server_keys: BTreeMap::new(),
            strays: VecDeque::new(),
            outgoing: VecDeque::new(),
            withdrawn: VecDeque::new(),
            notices: VecDeque::new(),
        }
    }

    /// Sends `request`, whose top Via holds a fresh branch, and watches over it.
    ///
    /// # Errors
    /// [`TransactionError`]; nothing was sent.
    pub fn start(
        &mut self,
        now: Instant,
        request: Request,
        to: Destination,
        fallback: Option<Fallback>,
    ) -> Result<ClientId, TransactionError> {
        if self.clients.len() >= self.limits.clients {
            return Err(TransactionError::TooMany);
        }
        let key = ClientKey::of_request(&request).ok_or(TransactionError::NoBranch)?;
        let id = ClientId(self.fresh_id());
        let bytes = request.to_bytes();
        let client = Client {
            machine: ClientMachine::start(now, self.timers, &request.method, &to),
            key: key.clone(),
            request,
            bytes,
            to,
            fallback,
            ack: None,
            patience: None,
            heard: false,
        };
        self.outgoing
            .push_back(client.transmission(id, &client.bytes));
        self.client_keys.insert(key, id);
        self.clients.insert(id, client);
        Ok(id)
    }

    /// Gives a request up as failed ([`TransportError::TimedOut`]) if nothing at all came back `until` then:
    /// there is another server to ask, and the machine's own timers B and F take half a minute.
    pub fn set_patience(&mut self, id: ClientId, until: Instant) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.patience = Some(until);
        }
    }

    /// Sends bytes that no transaction watches over: the ACK of a 2xx, a stateless response, a keep-alive.
    pub fn send_once(&mut self, to: Destination, bytes: Vec<u8>) -> TransmitId {
        let id = TransmitId(self.fresh_id());
        self.outgoing.push_back(Outgoing { id, to, bytes });
        id
    }

    /// Like [`Transactions::send_once`], with a second way should the first one fail.
    pub fn send_once_or(&mut self, to: Destination, otherwise: Destination, bytes: Vec<u8>) {
        let id = self.send_once(to, bytes.clone());
        if self.strays.len() >= MAX_STRAYS {
            self.strays.pop_front();
        }
        self.strays.push_back(Stray {
            id,
            to: otherwise,
            bytes,
        });
    }

    /// Sends a response without a transaction (§8.2.7), to where its request came from.
    pub fn respond_once(&mut self, flow: Flow, mut response: Response) {
        let to = match response.headers.via() {
            Ok(mut via) => {
                via.stamp(flow.remote());
                response
                    .headers
                    .replace_first_value(name::VIA, &via.to_string());
                ReplyRoute::of(&via, flow).to
            }
            Err(_) => match flow {
                Flow::Datagram(from) => Destination::Datagram(Hop::at(from, TransportKind::Udp)),
                Flow::Connection(id, _) => Destination::Connection(id),
            },
        };
        self.send_once(to, response.to_bytes());
    }

    /// A response came. Says which transaction it belongs to if the user must see it.
    pub fn receive_response(&mut self, now: Instant, response: &Response) -> Option<ClientId> {
        let id = *self.client_keys.get(&ClientKey::of_response(response)?)?;
        let client = self.clients.get_mut(&id)?;
        let status = response.status.code();
        client.heard = true;
        client.patience = None;
        let pass = match &mut client.machine {
            ClientMachine::Other(machine) => machine.on_response(now, status),
            ClientMachine::Invite(machine) => match machine.on_response(now, status) {
                InviteResponse::Pass => true,
                InviteResponse::Ignore => false,
                InviteResponse::PassAndAck => {
                    let ack = ack_of(&client.request, response).to_bytes();
                    self.outgoing.push_back(client.transmission(id, &ack));
                    client.ack = Some(ack);
                    true
                }
                InviteResponse::Ack => {
                    let again = client.ack.as_ref();
                    self.outgoing
                        .extend(again.map(|ack| client.transmission(id, ack)));
                    false
                }
            },
        };
        pass.then_some(id)
    }

    /// A request came over `flow`, its Via already stamped with its source.
    ///
    /// # Errors
    /// [`HeaderError`] where a header that matching needs cannot be read: answer 400.
    pub fn receive_request(
        &mut self,
        now: Instant,
        request: &Request,
        flow: Flow,
    ) -> Result<Received, HeaderError> {
        if request.method == Method::ACK {
            return Ok(self.receive_ack(now, &ServerKey::of(request, &Method::INVITE)?));
        }
        let key = ServerKey::of(request, &request.method)?;
        if let Some(id) = self.server_keys.get(&key) {
            if let Some(server) = self.servers.get(id) {
                self.outgoing.extend(server.repeat(*id));
            }
            return Ok(Received::Absorbed);
        }
        if self.servers.len() >= self.limits.servers {
            return Ok(Received::Full);
        }
        let merge = MergeKey::of(request);
        let merged = self.is_merged(merge.as_ref());
        let route = ReplyRoute::of(&request.headers.via()?, flow);
        let id = self.insert_server(now, key, merge, route, &request.method);
        if request.method == Method::CANCEL {
            let invite = ServerKey::of(request, &Method::INVITE)?;
            let invite = self.server_keys.get(&invite).copied();
            return Ok(Received::Cancel { server: id, invite });
        }
        Ok(if merged {
            Received::Merged(id)
        } else {
            Received::New(id)
        })
    }

    /// Whether `request` belongs to what is remembered: a repeat, a copy over another path, or the CANCEL or
    /// ACK of an INVITE.
    pub fn knows(&self, request: &Request) -> bool {
        let method = if request.method == Method::CANCEL || request.method == Method::ACK {
            &Method::INVITE
        } else {
            &request.method
        };
        let key = ServerKey::of(request, method);
        let own = ServerKey::of(request, &request.method);
        let known =
            |key: Result<ServerKey, _>| key.is_ok_and(|key| self.server_keys.contains_key(&key));
        known(key) || known(own) || self.is_merged(MergeKey::of(request).as_ref())
    }

    /// Answers a request. Says whether the response was sent: a second final one is not.
    pub fn respond(&mut self, now: Instant, id: ServerId, response: &Response) -> bool {
        let Some(server) = self.servers.get_mut(&id) else {
            return false;
        };
        let status = response.status.code();
        let send = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_answer(now, status),
            ServerMachine::Other(machine) => machine.on_answer(now, status),
        };
        if send {
            server.last = response.to_bytes();
            self.outgoing.extend(server.current(id));
        }
        send
    }

    /// Whether the user can still give this request its final answer.
    pub fn is_unanswered(&self, id: ServerId) -> bool {
        self.servers
            .get(&id)
            .is_some_and(|server| match &server.machine {
                ServerMachine::Invite(machine) => machine.state().is_pending(),
                ServerMachine::Other(machine) => match machine.state() {
                    super::OtherServerState::Trying => true,
                    super::OtherServerState::Completed | super::OtherServerState::Terminated => {
                        false
                    }
                },
            })
    }

    /// The request of a client transaction, as sent.
    pub fn request(&self, id: ClientId) -> Option<&Request> {
        self.clients.get(&id).map(|client| &client.request)
    }

    /// Where a client transaction sends.
    pub fn destination(&self, id: ClientId) -> Option<&Destination> {
        self.clients.get(&id).map(|client| &client.to)
    }

    /// A connection to `hop` is up: what was to be streamed there stays with it.
    pub fn handle_connected(&mut self, hop: &Hop, connection: ConnectionId) {
        for client in self.clients.values_mut() {
            if matches!(&client.to, Destination::Stream(to) if to == hop) {
                client.to = Destination::Connection(connection);
            }
        }
    }

    /// A connection is gone: requests that wait on it fail, responses look for another way.
    pub fn handle_disconnected(&mut self, now: Instant, connection: ConnectionId) {
        let gone = Destination::Connection(connection);
        let ids = self.clients.iter().filter(|(_, client)| client.to == gone);
        for id in ids.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.fail(now, id, TransportError::Closed);
        }
        for server in self
            .servers
            .values_mut()
            .filter(|server| server.route.to == gone)
        {
            if let Some(hop) = server.route.fallback.take() {
                server.route.to = Destination::Stream(hop);
            }
        }
    }

    /// A message could not be sent.
    pub fn handle_send_failed(&mut self, now: Instant, id: TransmitId, error: TransportError) {
        if let Some(at) = self.strays.iter().position(|stray| stray.id == id) {
            if let Some(stray) = self.strays.remove(at) {
                self.send_once(stray.to, stray.bytes);
            }
        } else {
            self.fail(now, ClientId(id.0), error);
        }
    }

    /// Nobody listens for datagrams at `remote` (ICMP): what begins there has failed. A request inside a
    /// dialog waits all the same: a server that restarts is no reason to end a call.
    pub fn handle_unreachable(&mut self, now: Instant, remote: SocketAddr) {
        let gone = Destination::Datagram(Hop::at(remote, TransportKind::Udp));
        let begins = |client: &Client| {
            let to = client.request.headers.to();
            !client.heard && client.to == gone && to.is_ok_and(|to| to.tag().is_none())
        };
        let ids = self.clients.iter().filter(|(_, client)| begins(client));
        for id in ids.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.fail(now, id, TransportError::Refused);
        }
    }

    /// The hop a transmission will go to as a datagram if its stream cannot be opened.
    pub fn datagram_fallback(&self, id: TransmitId) -> Option<&Hop> {
        match &self.clients.get(&ClientId(id.0))?.fallback.as_ref()?.to {
            Destination::Datagram(hop) => Some(hop),
            Destination::Connection(_) | Destination::Stream(_) => None,
        }
    }

    /// Forgets a client transaction without a word: a cancelled INVITE that is never answered (§9.1).
    pub fn abandon(&mut self, id: ClientId) {
        if let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
            self.notices.push_back(Notice::ClientOver(id));
        }
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let clients = self
            .clients
            .iter()
            .filter(|(_, client)| due(client.poll_timeout()));
        for id in clients.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.client_due(now, id);
        }
        let servers = self
            .servers
            .iter()
            .filter(|(_, server)| due(server.poll_timeout()));
        for id in servers.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.server_due(now, id);
        }
    }

    /// When to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.clients.values().filter_map(Client::poll_timeout);
        let servers = self.servers.values().filter_map(Server::poll_timeout);
        clients.chain(servers).min()
    }

    /// The next message to send.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// The next message that must not be sent any more, if it still waits for its way.
    pub fn poll_withdrawn(&mut self) -> Option<TransmitId> {
        self.withdrawn.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// How many transactions are open: clients, servers.
    pub fn open(&self) -> (usize, usize) {
        (self.clients.len(), self.servers.len())
    }

    /// Whether any request waits for its final response.
    pub fn is_waiting(&self) -> bool {
        self.clients.values().any(Client::is_pending)
    }

    /// Whether a refusal of ours waits for its ACK: its caller may still hear it ring.
    pub fn is_unacknowledged(&self) -> bool {
        self.servers.values().any(|server| match &server.machine {
            ServerMachine::Invite(machine) => match machine.state() {
                super::InviteServerState::Completed => true,
                super::InviteServerState::Proceeding
                | super::InviteServerState::Confirmed
                | super::InviteServerState::Accepted
                | super::InviteServerState::Terminated => false,
            },
            ServerMachine::Other(_) => false,
        })
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn is_merged(&self, merge: Option<&MergeKey>) -> bool {
        let mut servers = self.servers.values();
        merge.is_some() && servers.any(|other| other.merge.as_ref() == merge)
    }

    fn receive_ack(&mut self, now: Instant, key: &ServerKey) -> Received {
        let server = self
            .server_keys
            .get(key)
            .and_then(|id| self.servers.get_mut(id));
        match server.map(|server| &mut server.machine) {
            None | Some(ServerMachine::Other(_)) => Received::Ack,
            Some(ServerMachine::Invite(machine)) => match machine.state() {
                // A peer that reuses the INVITE's branch for the ACK of a 2xx still means the dialog.
                super::InviteServerState::Accepted => Received::Ack,
                super::InviteServerState::Proceeding
                | super::InviteServerState::Completed
                | super::InviteServerState::Confirmed
                | super::InviteServerState::Terminated => {
                    machine.on_ack(now);
                    Received::Absorbed
                }
            },
        }
    }

    fn insert_server(
        &mut self,
        now: Instant,
        key: ServerKey,
        merge: Option<MergeKey>,
        route: ReplyRoute,
        method: &Method,
    ) -> ServerId {
        let id = ServerId(self.fresh_id());
        let reliable = route.to.is_reliable();
        let machine = if *method == Method::INVITE {
            ServerMachine::Invite(InviteServer::new(self.timers, reliable))
        } else {
            ServerMachine::Other(OtherServer::new(now, self.timers, reliable))
        };
        let server = Server {
            machine,
            key: key.clone(),
            merge,
            route,
            last: Vec::new(),
        };
        self.server_keys.insert(key, id);
        self.servers.insert(id, server);
        id
    }

    fn fail(&mut self, now: Instant, id: ClientId, error: TransportError) {
        let Some(mut client) = self.clients.remove(&id) else {
            return;
        };
        self.client_keys.remove(&client.key);
        if client.is_pending()
            && let Some(Fallback { to, via }) = client.fallback.take()
        {
            let via = via.to_string();
            client.request.headers.replace_first_value(name::VIA, &via);
            if let Some(key) = ClientKey::of_request(&client.request) {
                client.key = key.clone();
                self.client_keys.insert(key, id);
            }
            client.bytes = client.request.to_bytes();
            client.machine = ClientMachine::start(now, self.timers, &client.request.method, &to);
            client.to = to;
            self.outgoing
                .push_back(client.transmission(id, &client.bytes));
            self.clients.insert(id, client);
            return;
        }
        let tell = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_transport_error(),
            ClientMachine::Other(machine) => machine.on_transport_error(),
        };
        self.notices.push_back(if tell {
            Notice::ClientFailed(id, error)
        } else {
            Notice::ClientOver(id)
        });
    }

    fn client_due(&mut self, now: Instant, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.patience.is_some_and(|until| until <= now) {
            client.fallback = None;
            self.withdrawn.push_back(TransmitId(id.0));
            self.fail(now, id, TransportError::TimedOut);
            return;
        }
        let expiry = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_timeout(now),
            ClientMachine::Other(machine) => machine.on_timeout(now),
        };
        let notice = match expiry {
            Expiry::Nothing => return,
            Expiry::Retransmit => {
                let again = client.transmission(id, &client.bytes);
                self.outgoing.push_back(again);
                return;
            }
            Expiry::TimedOut => Notice::ClientTimedOut(id),
            Expiry::Over => Notice::ClientOver(id),
        };
        if let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
        }
        self.notices.push_back(notice);
    }

    fn server_due(&mut self, now: Instant, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let expiry = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_timeout(now),
            ServerMachine::Other(machine) => machine.on_timeout(now),
        };
        let notice = match expiry {
            Expiry::Nothing => return,
            Expiry::Retransmit => {
                self.outgoing.extend(server.current(id));
                return;
            }
            Expiry::TimedOut => Notice::ServerUnacknowledged(id),
            Expiry::Over => Notice::ServerOver(id),
        };
        if let Some(server) = self.servers.remove(&id) {
            self.server_keys.remove(&server.key);
        }
        self.notices.push_back(notice);
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
