//! The SIP user agent: registration, calls and everything around them, without a socket or a clock.
//!
//! A driver feeds it bytes, time and commands and carries out what it says:
//!
//! ```
//! use std::time::Instant;
//! use tandem_sip::agent::{AgentConfig, Event, LocalAddresses, Output, TransportKind, UserAgent};
//! use tandem_types::SeededEntropy;
//! # fn wait_for_socket_or(_: Option<Instant>) -> Option<(std::net::SocketAddr, Vec<u8>)> { None }
//! # fn send(_: tandem_sip::agent::Transmit) {}
//! # #[allow(clippy::disallowed_methods)]
//! # fn now() -> Instant { Instant::now() }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let local = LocalAddresses { udp: Some("192.0.2.1:5060".parse()?), ..LocalAddresses::default() };
//! let mut config = AgentConfig::new("sip:alice@example.org".parse()?, TransportKind::Udp, local);
//! config.registrar = Some("sip:example.org".parse()?);
//! // On a device the operating system's generator, never a seed.
//! let mut agent = UserAgent::new(config, Box::new(SeededEntropy::new(1)));
//! agent.register(now());
//! loop {
//!     while let Some(output) = agent.poll_output() {
//!         match output {
//!             // Resolve the hop's name, open or reuse a connection, send. If that fails, say so by
//!             // `handle_send_failed`; a new connection is announced by `handle_connected` first.
//!             Output::Transmit(transmit) => send(transmit),
//!             // Names are looked up elsewhere; `handle_answer` takes what came of it.
//!             Output::Locate(_question) => {}
//!             Output::Withdraw(_transmit) => {}
//!             Output::CloseConnection(_connection) => {}
//!             Output::Event(Event::Incoming(call)) => agent.ring(now(), call.session)?,
//!             Output::Event(_news) => {}
//!         }
//!     }
//!     match wait_for_socket_or(agent.poll_timeout()) {
//!         Some((from, datagram)) => agent.handle_datagram(now(), from, &datagram),
//!         None => agent.handle_timeout(now()),
//!     }
//! #   break;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Rules for the driver:
//! * after every `handle_*` and every command, drain [`UserAgent::poll_output`], then ask
//!   [`UserAgent::poll_timeout`] again;
//! * [`Destination::Stream`]: if a connection to that hop is open or being opened, use it; otherwise open
//!   one and, before sending, report `handle_connected(now, id, local, remote, Some(hop))`. Connections that
//!   peers open are reported with `None`. A hop over TLS is open once the server has proven
//!   [`Hop::name`]; until then, and if it cannot, nothing is sent;
//! * [`Output::Locate`] is always answered, if need be with no records; a hop that still has a name (of a
//!   far end, inside a dialog) is looked up by its addresses alone.
//!
//! What is not there: reliable provisional responses (100rel is neither offered nor accepted), session
//! timers (refreshes of the far end are answered, none are sent), transfers, subscriptions.

mod body;
mod change;
mod commands;
mod config;
mod core;
mod error;
mod event;
mod in_dialog;
mod inbound;
mod info;
mod invite_client;
mod invite_server;
mod options;
mod proofs;
mod register;
mod route;
mod session;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use tandem_types::Entropy;

pub use config::{AgentConfig, KeepAlive, LargeRequests, LocalAddresses};
pub use error::AgentError;
pub use event::{
    EndKind, Event, ForkId, Incoming, Output, RegistrationEvent, SessionEnd, SessionId, Transmit,
};

use self::core::{Core, Owner};
use self::register::Registrar;
use self::session::{Phase, Session};
use self::streams::StreamCare;
pub use crate::locate::{Answer, NaptrRecord, Question, SrvRecord, TransportChoice};
pub use crate::registration::RegistrationFailure;
use crate::transaction::Notice;
pub use crate::transaction::{
    ConnectionId, Destination, Hop, Timers, TlsFailure, TransmitId, TransportError, TransportKind,
};

/// One account's user agent, or one for direct calls without any server.
pub struct UserAgent {
    core: Core,
    registrar: Registrar,
    sessions: BTreeMap<SessionId, Session>,
    next_session: u64,
}

impl UserAgent {
    /// An agent that has done nothing yet.
    pub fn new(config: AgentConfig, entropy: Box<dyn Entropy>) -> Self {
        let mut core = Core::new(config, entropy);
        let registrar = Registrar::new(&mut core);
        Self {
            core,
            registrar,
            sessions: BTreeMap::new(),
            next_session: 0,
        }
    }

    /// What it was told, local addresses as last changed.
    pub const fn config(&self) -> &AgentConfig {
        &self.core.config
    }

    /// A connection is up: one that was opened for `hop`, or (`None`) one that a peer opened.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        hop: Option<Hop>,
    ) {
        let opened_for = hop.clone();
        if hop.is_none()
            && let Some(idler) = self.core.streams.idler()
        {
            self.drop_connection(now, idler);
        }
        if !self
            .core
            .streams
            .connected(now, connection, local, remote, hop)
        {
            self.core.close(connection);
            return;
        }
        if let Some(hop) = opened_for {
            self.core.transactions.handle_connected(&hop, connection);
        }
        self.settle(now);
    }

    /// A connection is gone.
    pub fn handle_disconnected(&mut self, now: Instant, connection: ConnectionId) {
        self.lose_connection(now, connection);
        self.settle(now);
    }

    /// A transmission could not be sent.
    pub fn handle_send_failed(&mut self, now: Instant, id: TransmitId, error: TransportError) {
        self.core.note_no_streams(id);
        self.core.transactions.handle_send_failed(now, id, error);
        self.settle(now);
    }

    /// Nobody listens for datagrams at `remote` (ICMP port unreachable): requests that begin something there
    /// fail at once instead of after half a minute.
    pub fn handle_unreachable(&mut self, now: Instant, remote: SocketAddr) {
        self.core.transactions.handle_unreachable(now, remote);
        self.settle(now);
    }

    /// The name servers have answered an [`Output::Locate`]; with no records if they said nothing.
    pub fn handle_answer(&mut self, now: Instant, question: &Question, answer: &Answer) {
        let Core {
            locator, entropy, ..
        } = &mut self.core;
        locator.handle_answer(now, question, answer, entropy.as_mut());
        self.settle(now);
    }

    /// The phone has other addresses now. Connections are given up and the account registers anew; sessions
    /// that are up need a `reinvite` with their new media addresses.
    pub fn handle_local_address_change(&mut self, now: Instant, local: LocalAddresses) {
        self.core.config.local = local;
        self.core.public = None;
        self.core.home = None;
        self.core.locator.clear();
        self.core.no_streams.clear();
        for connection in self.core.streams.all() {
            self.drop_connection(now, connection);
        }
        self.registrar.moved(&mut self.core, now);
        self.settle(now);
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.transactions.handle_timeout(now);
        let Core {
            locator, entropy, ..
        } = &mut self.core;
        locator.handle_timeout(now, entropy.as_mut());
        self.settle(now);
        for care in self.core.streams.handle_timeout(now) {
            match care {
                StreamCare::Ping(connection) if !self.needs(connection) => {
                    self.drop_connection(now, connection);
                }
                StreamCare::Ping(connection) => {
                    let to = Destination::Connection(connection);
                    self.core.transactions.send_once(to, b"\r\n\r\n".to_vec());
                }
                StreamCare::Dead(connection) => self.drop_connection(now, connection),
            }
        }
        self.registrar.handle_timeout(&mut self.core, now);
        for session in self.sessions.values_mut() {
            if session.poll_timeout().is_some_and(|at| at <= now) {
                session.handle_timeout(&mut self.core, now);
            }
        }
        self.settle(now);
    }

    /// When to be woken by [`UserAgent::handle_timeout`]; `None`: not before something comes in.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self
            .sessions
            .values()
            .filter_map(Session::poll_timeout)
            .min();
        let timers = [
            self.core.transactions.poll_timeout(),
            self.core.streams.poll_timeout(),
            self.core.locator.poll_timeout(),
            self.registrar.poll_timeout(),
            sessions,
        ];
        timers.into_iter().flatten().min()
    }

    /// What to do or tell next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.poll_output()
    }

    /// Whether nothing is left of any session, and no request waits for its response.
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty() && !self.is_waiting()
    }

    /// Whether every far end has heard what it must: no session is up, no request waits for its final
    /// response, no refusal for its ACK, no BYE for its turn. What is kept beyond that only answers repeats, so
    /// this, not [`UserAgent::is_idle`], is what an exit waits for.
    pub fn is_settled(&self) -> bool {
        let over = |session: &Session| session.phase == Phase::Over && session.bye_owed.is_none();
        self.sessions.values().all(over)
            && !self.is_waiting()
            && !self.core.transactions.is_unacknowledged()
    }

    /// The sessions that have not ended.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        let live = |session: &&Session| session.phase != Phase::Over;
        self.sessions
            .values()
            .filter(live)
            .map(|session| session.id)
    }

    /// How many transactions are open, started here and started by others: for tests and diagnostics.
    pub fn open_transactions(&self) -> (usize, usize) {
        self.core.transactions.open()
    }

    /// Whether any request waits for its final response, or for its way.
    fn is_waiting(&self) -> bool {
        self.core.transactions.is_waiting() || self.registrar.is_locating()
    }

    fn is_full(&self) -> bool {
        // Sessions that are over but not tidied up count too, at a quarter: a stranger must not fill memory
        // by calling and cancelling.
        let over = self.sessions.len().saturating_sub(self.sessions().count());
        self.sessions().count().saturating_add(over / 4) >= self.core.config.max_sessions
    }

    /// Whether a connection is worth keeping alive: the account lives on it, or a call may.
    fn needs(&self, connection: ConnectionId) -> bool {
        self.registrar.lives_on(connection) || !self.is_idle()
    }

    /// Closes a connection from this side.
    fn drop_connection(&mut self, now: Instant, connection: ConnectionId) {
        self.core.close(connection);
        self.lose_connection(now, connection);
    }

    fn lose_connection(&mut self, now: Instant, connection: ConnectionId) {
        if self.core.streams.disconnected(connection) {
            self.core.transactions.handle_disconnected(now, connection);
            self.registrar
                .on_disconnected(&mut self.core, now, connection);
        }
    }

    /// Hands out what happened to transactions, and forgets sessions that are through.
    fn settle(&mut self, now: Instant) {
        while let Some(place) = self.core.locator.poll_settled() {
            self.registrar.on_located(&mut self.core, now, &place);
            for session in self.sessions.values_mut() {
                session.on_located(&mut self.core, now, &place);
            }
        }
        while let Some(notice) = self.core.transactions.poll_notice() {
            let (id, error, over) = match notice {
                Notice::ClientTimedOut(id) => (id, None, false),
                Notice::ClientFailed(id, error) => (id, Some(error), false),
                Notice::ClientOver(id) => (id, None, true),
                Notice::ServerUnacknowledged(_) | Notice::ServerOver(_) => continue,
            };
            let Some(owner) = self.core.owners.remove(&id) else {
                continue;
            };
            match owner {
                Owner::Registration if !over => {
                    self.registrar.on_failed(&mut self.core, now, id, error);
                }
                Owner::Registration => {}
                Owner::Session(session) => {
                    let Some(session) = self.sessions.get_mut(&session) else {
                        continue;
                    };
                    if over {
                        session.on_over(&mut self.core, now, id);
                    } else {
                        session.on_failed(&mut self.core, now, id, error);
                    }
                }
            }
        }
        self.sessions.retain(|_, session| !session.is_gone());
        if std::mem::take(&mut self.core.home_lost) {
            self.registrar.on_home_lost(&mut self.core, now);
        }
    }
}
