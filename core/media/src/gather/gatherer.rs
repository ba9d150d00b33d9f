//! The gatherer: sockets, servers, rounds.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_types::Entropy;

use super::binding::Binding;
use super::candidate::{CandidateMaker, LocalCandidate};
use super::config::{GatherConfig, GatherPolicy, ServerKind, ServerTransport};
use super::failure::{GatherFailure, RelayError, SocketError};
use super::io::{GatherOutput, Handled, Relayed};
use super::link::{Link, LinkKind, same};
use super::message::StunMessage;
use super::relay::{Relay, RelayConfig};
use super::turn::Inbound;
use super::{MAX_SERVERS, MAX_SOCKETS};
use crate::transport::{Component, Datagram, LocalSocket, StreamId, StreamInput};

/// RFC 8445 §14.2 paces what is new on the wire: all sockets and servers together begin one question in this time.
const PACE: Duration = Duration::from_millis(5);

/// Gathers for the sockets of one transport.
pub struct Gatherer {
    pub(super) config: GatherConfig,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) sockets: Vec<LocalSocket>,
    pub(super) links: Vec<Link>,
    pub(super) maker: CandidateMaker,
    pub(super) candidates: Vec<LocalCandidate>,
    pub(super) outputs: VecDeque<GatherOutput>,
    pub(super) round: Round,
    pub(super) next_start: Option<Instant>,
    pub(super) next_stream: u64,
}

/// ```text
///   Idle ──add_socket──► Running ──all answered, or deadline──► Over ──add_socket──► Running …
///     └──────────────────────┴───────── close ───────┬───────────┘
///                                                     ▼
///                                                   Closed
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Round {
    Idle,
    Running { deadline: Instant },
    Over,
    Closed,
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
            next_stream: 0,
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
        match self.round {
            Round::Idle | Round::Over => {
                let deadline = now + self.config.deadline;
                self.round = Round::Running { deadline };
            }
            Round::Running { .. } => {}
            Round::Closed => return Err(SocketError::Closed),
        }
        self.sockets.push(socket);
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

    /// A socket is going, or gone with its network: its candidates are no more. Relays are given back as far as one
    /// datagram does it; send what comes before closing the socket if it still works.
    pub fn remove_socket(&mut self, now: Instant, address: SocketAddr) {
        self.sockets.retain(|s| !same(s.address, address));
        self.candidates.retain(|c| !same(c.socket, address));
        let entropy = self.entropy.as_mut();
        let mut outputs = Vec::new();
        self.links.retain_mut(|link| {
            let is_gone = same(link.socket.address, address);
            let (index, socket) = (link.server, link.socket);
            if let (true, Some(relay)) = (is_gone, link.relay_mut()) {
                let lost = relay.relayed().to_vec();
                relay.release(now, entropy);
                relay.close_stream();
                let server = relay.server();
                outputs.push((index, socket, server, lost, relay.take_outputs()));
            }
            !is_gone
        });
        for (server, socket, to, lost, said) in outputs {
            self.relay_outputs(now, server, socket, to, said);
            self.lost(lost, GatherFailure::Released);
        }
    }

    /// Takes a datagram that came to `local`, one of the sockets, from `from`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Handled {
        for at in 0..self.links.len() {
            let entropy = self.entropy.as_mut();
            let Some(link) = self.links.get_mut(at) else {
                break;
            };
            if !link.is_between(local, from) {
                continue;
            }
            let (server, socket) = (link.server, link.socket);
            let handled = match &mut link.kind {
                LinkKind::Stun(binding) => {
                    let message = StunMessage::parse(bytes).ok();
                    let events = message.and_then(|message| binding.handle(now, &message));
                    let Some(events) = events else {
                        continue;
                    };
                    self.binding_events(now, server, socket, events);
                    Handled::Yes
                }
                LinkKind::Turn(relay) => match relay.handle_datagram(now, entropy, bytes) {
                    Inbound::Foreign => continue,
                    Inbound::Handled => Handled::Yes,
                    Inbound::Data(peer, bytes) => {
                        relayed(relay.relayed(), peer, bytes).map_or(Handled::Yes, Handled::Relayed)
                    }
                },
            };
            self.drain_relays(now);
            return handled;
        }
        Handled::No
    }

    /// Takes what happened to a stream. What it gives is to be handled as if received at sockets bound to the relayed
    /// addresses.
    #[must_use]
    pub fn handle_stream(
        &mut self,
        now: Instant,
        id: StreamId,
        input: StreamInput<'_>,
    ) -> Vec<Relayed> {
        let mut relays = self.links.iter_mut().filter_map(Link::relay_mut);
        let Some(relay) = relays.find(|relay| relay.has_stream(id)) else {
            return Vec::new();
        };
        // Asked before: the connection may bring data and break in one go.
        let addresses = relay.relayed().to_vec();
        let data = relay.handle_stream(now, self.entropy.as_mut(), input);
        self.drain_relays(now);
        let data = data.into_iter();
        data.filter_map(|(peer, bytes)| relayed(&addresses, peer, bytes))
            .collect()
    }

    /// Time has come to [`poll_timeout`](Self::poll_timeout), or on.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut told = Vec::new();
        for link in &mut self.links {
            let entropy = self.entropy.as_mut();
            match &mut link.kind {
                LinkKind::Stun(binding) => {
                    let (request, events) = binding.handle_timeout(now, entropy);
                    if let Some(bytes) = request {
                        self.outputs.push_back(GatherOutput::Send(Datagram {
                            from: link.socket.address,
                            to: binding.server(),
                            bytes,
                        }));
                    }
                    told.push((link.server, link.socket, events));
                }
                LinkKind::Turn(relay) => relay.handle_timeout(now, entropy, &mut self.next_stream),
            }
        }
        for (server, socket, events) in told {
            self.binding_events(now, server, socket, events);
        }
        self.drain_relays(now);
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
            Round::Idle | Round::Over | Round::Closed => None,
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

    /// Whether more addresses are hoped for.
    pub fn is_gathering(&self) -> bool {
        match self.round {
            Round::Idle | Round::Running { .. } => true,
            Round::Over | Round::Closed => false,
        }
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

    /// Asks the server to let these peers through: early, and all in one, once the peer's candidates are known. Sending does
    /// it as well.
    pub fn permit(&mut self, now: Instant, relayed: SocketAddr, peers: &[IpAddr]) {
        let entropy = self.entropy.as_mut();
        if let Some(relay) = relay_at(&mut self.links, relayed) {
            relay.permit(now, entropy, peers);
        }
        self.drain_relays(now);
    }

    /// Sends `bytes` to `peer` from a relayed address. The first datagrams wait for the server's permission; a peer that answers
    /// gets a channel.
    ///
    /// # Errors
    /// It is not sent, and would not be if tried again at once.
    pub fn send_via(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), RelayError> {
        let entropy = self.entropy.as_mut();
        let relay = relay_at(&mut self.links, relayed).ok_or(RelayError::UnknownRelay)?;
        let sent = match (relayed.is_ipv4(), peer.is_ipv4()) {
            (true, true) | (false, false) => relay.send(now, entropy, peer, bytes),
            (true, false) | (false, true) => Err(RelayError::Family),
        };
        self.drain_relays(now);
        sent
    }

    /// Gives back every relay that is none of `used`, or will be: a path was chosen, and relays cost their owner.
    /// An allocation with addresses of both families stays as long as one is used.
    pub fn release_unused(&mut self, now: Instant, used: &[SocketAddr]) {
        let entropy = self.entropy.as_mut();
        let mut lost = Vec::new();
        for relay in self.links.iter_mut().filter_map(Link::relay_mut) {
            if !relay.relayed().iter().any(|r| used.contains(r)) {
                lost.extend_from_slice(relay.relayed());
                relay.release(now, entropy);
            }
        }
        self.lost(lost, GatherFailure::Released);
        self.drain_relays(now);
    }

    /// Gives everything back. Go on calling until [`is_closed`](Self::is_closed), at most a few seconds, if there is time for it:
    /// datagrams get lost. Nothing is told but what is to be sent.
    pub fn close(&mut self, now: Instant) {
        self.round = Round::Closed;
        self.candidates.clear();
        self.outputs.clear();
        self.sockets.clear();
        let entropy = self.entropy.as_mut();
        self.links.retain(|link| link.relay().is_some());
        for relay in self.links.iter_mut().filter_map(Link::relay_mut) {
            relay.release(now, entropy);
        }
        self.drain_relays(now);
    }

    /// Whether it has been closed, and everything been given back as far as can be known.
    pub fn is_closed(&self) -> bool {
        let is_open = |link: &Link| link.relay().is_some_and(|relay| !relay.is_over());
        self.round == Round::Closed && !self.links.iter().any(is_open)
    }

    fn ask_servers(&mut self, now: Instant, socket: LocalSocket) {
        let mut start = self.next_start.map_or(now, |next| next.max(now));
        let servers = self.config.servers.clone();
        for (index, server) in servers.iter().enumerate() {
            // Two allocations of one 5-tuple there cannot be.
            let mut before = servers.iter().take(index);
            let is_known = before.any(|other| server.is_same_service(other));
            if server.address.is_ipv4() != socket.address.is_ipv4() || is_known {
                continue;
            }
            let kind = match (&server.kind, self.config.policy) {
                (ServerKind::Stun, GatherPolicy::All)
                    if server.transport == ServerTransport::Udp =>
                {
                    LinkKind::Stun(Box::new(Binding::new(server.address, start)))
                }
                (ServerKind::Stun, _) => continue,
                (ServerKind::Turn { username, password }, _) => {
                    let config = RelayConfig {
                        server: server.address,
                        transport: server.transport.clone(),
                        username: username.clone(),
                        password: password.clone(),
                        families: self.config.relays,
                        local_ip: socket.address.ip(),
                    };
                    LinkKind::Turn(Box::new(Relay::new(config, start)))
                }
            };
            self.links.push(Link {
                socket,
                server: index,
                kind,
            });
            start += PACE;
        }
        self.next_start = Some(start);
    }
}

fn relay_at(links: &mut [Link], relayed: SocketAddr) -> Option<&mut Relay> {
    let mut relays = links.iter_mut().filter_map(Link::relay_mut);
    relays.find(|relay| relay.relayed().contains(&relayed))
}

/// A peer's datagram came to the relayed address of the peer's family.
fn relayed(addresses: &[SocketAddr], peer: SocketAddr, bytes: Vec<u8>) -> Option<Relayed> {
    let mut addresses = addresses.iter().copied();
    let local = addresses.find(|address| address.is_ipv4() == peer.is_ipv4())?;
    Some(Relayed { local, peer, bytes })
}
