//! Finding the addresses a peer may reach us at (RFC 8445 §5.1): the sockets' own, those that STUN servers see them at, and
//! those that TURN servers relay for them; and carrying packets over the relays. Sans-IO.
//!
//! ```text
//!              add_socket ─► host candidate
//!                  │                                                      ┌─► Candidate …, Done
//!                  ├─ STUN over the socket ─► Binding ─► reflexive ───────┤
//!                  └─ TURN over the socket, or a TCP or TLS stream ─► Relay ─► relayed
//!                                                                       ▲
//!   send_via(relayed, peer) ────────────────────────────────────────────┤
//!   handle_datagram, handle_stream ◄── Relayed{local: relayed, peer} ◄──┘
//! ```
//!
//! The driver, or the transport above, gives every datagram from [`handle_datagram`](Gatherer::handle_datagram)'s sockets here
//! first, opens the streams it is asked for, and drains [`poll_output`](Gatherer::poll_output) after every call.
//!
//! **Why not `rtc_turn::client::Client`.** It is a sound client for the common case, but a call that must get through needs what
//! 0.21.1 leaves out: it does not follow Try Alternate; after 438 it keeps the nonce but does not repeat a refused permission,
//! and repeats a refused refresh only at the next timer; it never asks for IPv6 relays; it gives error codes as text; it waits
//! 39.5 s for an answer on a stream; it takes a server that allocates without a challenge for broken; and it draws its
//! transaction ids itself, so that a run cannot be repeated. So the state machine is ours, over the messages of `rtc-stun` and
//! the stream decoder of `rtc-shared`.

mod binding;
mod candidate;
mod config;
mod credentials;
mod failure;
mod framing;
mod io;
mod message;
mod redirect;
mod transaction;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_types::Entropy;

use crate::transport::Component;
use binding::{Binding, BindingEvent};
pub use candidate::{CandidateKind, LocalCandidate, peer_reflexive_priority};
use candidate::{CandidateMaker, Source};
pub use config::{
    DEFAULT_DEADLINE, GatherConfig, GatherPolicy, IceServer, RelayFamilies, ServerKind,
    ServerTransport,
};
pub use failure::{GatherFailure, RelayError, SocketError};
pub use framing::{FramingError, TurnFraming, parse_channel_data};
pub use io::{
    Datagram, GatherOutput, Handled, LocalSocket, Relayed, StreamCommand, StreamId, StreamInput,
};
pub use message::{MAX_MESSAGE, StunClass, StunError, StunMessage};

/// Servers asked; the first ones.
pub const MAX_SERVERS: usize = 16;
/// Sockets of one gatherer.
pub const MAX_SOCKETS: usize = 16;
/// The largest datagram that is relayed, bytes.
pub const MAX_PAYLOAD: usize = 2048;
/// RFC 8445 §14.2 paces what is new on the wire; all sockets and servers together begin one question in this time.
const PACE: Duration = Duration::from_millis(5);
/// What is kept for a caller that does not fetch it; beyond this, datagrams are dropped.
const MAX_OUTPUTS: usize = 1024;

/// Gathers for the sockets of one transport.
pub struct Gatherer {
    config: GatherConfig,
    entropy: Box<dyn Entropy>,
    sockets: Vec<LocalSocket>,
    links: Vec<Link>,
    maker: CandidateMaker,
    candidates: Vec<LocalCandidate>,
    outputs: VecDeque<GatherOutput>,
    round: Round,
    next_start: Option<Instant>,
}

/// One socket's business with one server.
struct Link {
    socket: LocalSocket,
    server: usize,
    kind: LinkKind,
}

enum LinkKind {
    Stun(Binding),
}

/// ```text
///   Idle ──add_socket──► Running ──all answered, or deadline──► Over ──add_socket──► Running …
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Round {
    Idle,
    Running { deadline: Instant },
    Over,
}

impl Gatherer {
    /// A gatherer that waits for sockets.
    pub fn new(mut config: GatherConfig, entropy: Box<dyn Entropy>) -> Self {
        config.servers.truncate(MAX_SERVERS);
        Self {
            config,
            entropy,
            sockets: Vec::new(),
            links: Vec::new(),
            maker: CandidateMaker::default(),
            candidates: Vec::new(),
            outputs: VecDeque::new(),
            round: Round::Idle,
            next_start: None,
        }
    }

    /// Gathers for one more socket; a new round begins if none runs.
    ///
    /// # Errors
    /// There is nothing to be gathered for it.
    pub fn add_socket(&mut self, now: Instant, socket: LocalSocket) -> Result<(), SocketError> {
        if socket.address.ip().is_unspecified() {
            return Err(SocketError::Unspecified);
        }
        if self.sockets.iter().any(|s| same(s.address, socket.address)) {
            return Err(SocketError::Known);
        }
        if self.sockets.len() >= MAX_SOCKETS {
            return Err(SocketError::TooMany);
        }
        self.sockets.push(socket);
        match self.round {
            Round::Idle | Round::Over => {
                let deadline = now + self.config.deadline;
                self.round = Round::Running { deadline };
            }
            Round::Running { .. } => {}
        }
        match self.config.policy {
            GatherPolicy::All => {
                let candidate = self.maker.host(&socket);
                self.tell(candidate);
            }
            GatherPolicy::RelayOnly => {}
        }
        self.ask_servers(now, socket);
        self.handle_timeout(now);
        Ok(())
    }

    /// Takes a datagram that came to `local`, one of the sockets, from `from`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Handled {
        let mut ours = self.links.iter_mut().filter(|link| {
            same(link.socket.address, local) && link.server_address().is_some_and(|s| same(s, from))
        });
        let Ok(message) = StunMessage::parse(bytes) else {
            return Handled::No;
        };
        let found = ours.find_map(|link| match &mut link.kind {
            LinkKind::Stun(binding) => {
                let events = binding.handle(now, &message)?;
                Some((link.socket, link.server, events))
            }
        });
        let Some((socket, server, events)) = found else {
            return Handled::No;
        };
        self.binding_events(now, socket, server, events);
        self.handle_timeout(now);
        Handled::Yes
    }

    /// Time has come to [`poll_timeout`](Self::poll_timeout), or on.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut told = Vec::new();
        for link in &mut self.links {
            match &mut link.kind {
                LinkKind::Stun(binding) => {
                    let (request, events) = binding.handle_timeout(now, self.entropy.as_mut());
                    if let Some(bytes) = request {
                        self.outputs.push_back(GatherOutput::Send(Datagram {
                            from: link.socket.address,
                            to: binding.server(),
                            bytes,
                        }));
                    }
                    told.push((link.socket, link.server, events));
                }
            }
        }
        for (socket, server, events) in told {
            self.binding_events(now, socket, server, events);
        }
        if let Round::Running { deadline } = self.round
            && deadline <= now
        {
            self.end_round();
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None`: nothing is pending.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let links = self.links.iter().filter_map(Link::poll_timeout);
        let deadline = match self.round {
            Round::Running { deadline } => Some(deadline),
            Round::Idle | Round::Over => None,
        };
        links.chain(deadline).min()
    }

    /// What to do next, until `None`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<GatherOutput> {
        if self.outputs.is_empty() && !self.links.iter().any(Link::is_pending) {
            self.end_round();
        }
        self.outputs.pop_front()
    }

    /// Every address found so far and still good.
    pub fn candidates(&self) -> &[LocalCandidate] {
        &self.candidates
    }

    /// The address that most surely works, for the `c=` and `m=` lines (RFC 8445 §5.1.3.2: relayed before reflexive before
    /// host). With [`GatherPolicy::RelayOnly`] a relayed one or none.
    pub fn default_candidate(&self, component: Component) -> Option<&LocalCandidate> {
        let these = self.candidates.iter().filter(|c| c.component == component);
        these.max_by_key(|candidate| (candidate.kind, candidate.priority))
    }

    fn ask_servers(&mut self, now: Instant, socket: LocalSocket) {
        let mut start = self.next_start.map_or(now, |next| next.max(now));
        for (index, server) in self.config.servers.iter().enumerate() {
            if server.address.is_ipv4() != socket.address.is_ipv4() {
                continue;
            }
            match (&server.kind, self.config.policy) {
                (ServerKind::Stun, GatherPolicy::All) => self.links.push(Link {
                    socket,
                    server: index,
                    kind: LinkKind::Stun(Binding::new(server.address, start)),
                }),
                (ServerKind::Stun | ServerKind::Turn { .. }, _) => continue,
            }
            start += PACE;
        }
        self.next_start = Some(start);
    }

    fn binding_events(
        &mut self,
        now: Instant,
        socket: LocalSocket,
        server: usize,
        events: Vec<BindingEvent>,
    ) {
        for event in events {
            match event {
                BindingEvent::Mapped(mapped) => self.mapped(now, socket, server, mapped),
                BindingEvent::Failed(why) => self.outputs.push_back(GatherOutput::Failed {
                    server,
                    socket: socket.address,
                    why,
                }),
            }
        }
    }

    fn mapped(&mut self, now: Instant, socket: LocalSocket, server: usize, mapped: SocketAddr) {
        let known = |c: &LocalCandidate| same(c.base, socket.address) && same(c.address, mapped);
        if self.candidates.iter().any(known) {
            return;
        }
        let is_kept = |c: &LocalCandidate| {
            c.kind == CandidateKind::ServerReflexive && same(c.base, socket.address)
        };
        let first = !self.candidates.iter().any(is_kept);
        let Some(configured) = self.config.servers.get(server) else {
            return;
        };
        let source = Source {
            index: server,
            address: configured.address,
            transport: &configured.transport,
        };
        let candidate = self.maker.reflexive(&socket, source, mapped);
        self.tell(candidate);
        let link = self.links.iter_mut().find(|link| {
            first && link.server == server && same(link.socket.address, socket.address)
        });
        match link.map(|link| &mut link.kind) {
            Some(LinkKind::Stun(binding)) => binding.keep_alive(now),
            None => {}
        }
    }

    fn tell(&mut self, candidate: LocalCandidate) {
        self.candidates.push(candidate.clone());
        self.outputs.push_back(GatherOutput::Candidate(candidate));
    }

    fn end_round(&mut self) {
        match self.round {
            Round::Running { .. } => {
                self.round = Round::Over;
                self.outputs.push_back(GatherOutput::Done);
            }
            Round::Idle | Round::Over => {}
        }
    }
}

impl Link {
    fn server_address(&self) -> Option<SocketAddr> {
        match &self.kind {
            LinkKind::Stun(binding) => Some(binding.server()),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.kind {
            LinkKind::Stun(binding) => binding.poll_timeout(),
        }
    }

    fn is_pending(&self) -> bool {
        match &self.kind {
            LinkKind::Stun(binding) => binding.is_pending(),
        }
    }
}

/// Whether two addresses are one: an IPv6 address may come with a scope or flow that says nothing here.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}
