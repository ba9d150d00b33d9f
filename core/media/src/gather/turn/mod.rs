//! A TURN client (RFC 8656) for one 5-tuple: one allocation, its permissions and channels. Knows messages only; which socket or
//! stream carries them is [`Relay`](super::relay::Relay)'s business.

mod answer;
mod channels;
mod permissions;
mod request;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS};
use rtc_stun::message::{METHOD_BINDING, METHOD_DATA, METHOD_SEND};
use tandem_types::Entropy;

use super::MAX_PAYLOAD;
use super::binding::KEEP_ALIVE;
use super::config::RelayFamilies;
use super::credentials::Credentials;
use super::failure::{GatherFailure, RelayError};
use super::framing::{channel_data, parse_channel_data};
use super::message::{Builder, StunClass, StunMessage};
use super::transaction::{Due, Patience, fresh_id};
use channels::{Channels, Wish};
use permissions::{Pass, Permissions};
use request::{Request, What};

/// A stream's NAT mapping lives longer than a datagram's.
const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How soon a refresh that came to nothing is tried again.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TurnEvent {
    /// The relay is there.
    Allocated {
        /// Its addresses: one, or one of each family.
        relayed: Vec<SocketAddr>,
        /// Where the server sees us.
        mapped: Option<SocketAddr>,
    },
    /// The server sends us to another one. The client is at its end.
    Redirected {
        server: Option<SocketAddr>,
        /// The name to check its certificate by, if it is another.
        name: Option<String>,
    },
    /// There is no relay, or no more, and the client is at its end.
    Ended(GatherFailure),
    /// The server does not relay to this peer.
    Refused(IpAddr, GatherFailure),
}

/// What a message from the server was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Inbound {
    /// Nothing of this client's.
    Foreign,
    /// An answer, or nothing of use.
    Handled,
    /// A peer's datagram.
    Data(SocketAddr, Vec<u8>),
}

/// ```text
///   New ──start──► Allocating ──success──► Allocated ──release──► Releasing ──► Ended
///                    │  ▲  │                   └── 437, expired ─────────────────►┤
///              437   ▼  │  └── refused, redirected, no answer ─────────────────►──┘
///                  Clearing
/// ```
#[derive(Debug)]
enum State {
    New,
    Allocating { cleared: bool },
    Clearing { families: RelayFamilies },
    Allocated(Allocation),
    Releasing,
    Ended,
}

#[derive(Debug)]
struct Allocation {
    relayed: Vec<SocketAddr>,
    refreshed: Instant,
    /// `None` while a refresh is waited for.
    refresh: Option<Instant>,
    until: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct TurnClient {
    credentials: Credentials,
    families: RelayFamilies,
    is_stream: bool,
    patience: Patience,
    state: State,
    requests: Vec<Request>,
    permissions: Permissions,
    channels: Channels,
    last_sent: Instant,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<TurnEvent>,
}

impl TurnClient {
    pub(super) fn new(
        now: Instant,
        credentials: Credentials,
        families: RelayFamilies,
        is_stream: bool,
    ) -> Self {
        Self {
            credentials,
            families,
            is_stream,
            patience: Patience::new(is_stream),
            state: State::New,
            requests: Vec::new(),
            permissions: Permissions::default(),
            channels: Channels::default(),
            last_sent: now,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Asks for the allocation.
    pub(super) fn start(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        match self.state {
            State::New => {
                self.state = State::Allocating { cleared: false };
                self.ask(now, entropy, What::Allocate(self.families), 0);
            }
            State::Allocating { .. }
            | State::Clearing { .. }
            | State::Allocated(_)
            | State::Releasing
            | State::Ended => {}
        }
    }

    /// The relayed addresses, while there are any.
    pub(super) fn relayed(&self) -> &[SocketAddr] {
        match &self.state {
            State::Allocated(allocation) => &allocation.relayed,
            State::New
            | State::Allocating { .. }
            | State::Clearing { .. }
            | State::Releasing
            | State::Ended => &[],
        }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_ended(&self) -> bool {
        match self.state {
            State::Ended => true,
            State::New
            | State::Allocating { .. }
            | State::Clearing { .. }
            | State::Allocated(_)
            | State::Releasing => false,
        }
    }

    /// Gives the allocation back. What was asked for and not answered may be one as well: it is given back when it
    /// comes, or by its lifetime.
    pub(super) fn release(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        match self.state {
            State::New => self.state = State::Ended,
            State::Allocated(_) | State::Allocating { .. } | State::Clearing { .. } => {
                // Before its challenge a request has allocated nothing.
                let may_exist = self.credentials.is_challenged() || !self.relayed().is_empty();
                self.requests.clear();
                if may_exist {
                    self.state = State::Releasing;
                    self.ask(now, entropy, What::Release, 0);
                } else {
                    self.state = State::Ended;
                }
            }
            State::Releasing | State::Ended => {}
        }
    }

    /// The stream is gone, or what came over it is not TURN.
    pub(super) fn break_off(&mut self, why: GatherFailure) {
        match self.state {
            State::Allocating { .. } | State::Clearing { .. } | State::Allocated(_) => {
                self.end(why);
            }
            State::New | State::Releasing | State::Ended => self.state = State::Ended,
        }
    }

    /// Asks for permissions.
    pub(super) fn permit(&mut self, now: Instant, entropy: &mut dyn Entropy, peers: &[IpAddr]) {
        let relayed = self.relayed().to_vec();
        let reachable = |peer: &&IpAddr| relayed.iter().any(|r| r.is_ipv4() == peer.is_ipv4());
        let peers: Vec<IpAddr> = peers.iter().filter(reachable).copied().collect();
        let wanted = peers
            .into_iter()
            .filter(|peer| self.permissions.want(now, *peer));
        let wanted: Vec<IpAddr> = wanted.collect();
        for batch in wanted.chunks(permissions::MAX_BATCH) {
            self.ask(now, entropy, What::Permit(batch.to_vec()), 0);
        }
    }

    /// Sends a peer a datagram, as soon as it may be.
    pub(super) fn send(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), RelayError> {
        if bytes.len() > MAX_PAYLOAD {
            return Err(RelayError::TooLarge);
        }
        let relayed = self.relayed();
        if relayed.is_empty() {
            return Err(RelayError::UnknownRelay);
        }
        if !relayed.iter().any(|r| r.is_ipv4() == peer.is_ipv4()) {
            return Err(RelayError::Family);
        }
        match self.permissions.pass(now, peer, bytes) {
            Pass::Now => self.send_permitted(now, entropy, peer, bytes),
            Pass::Later => {}
            Pass::Ask => self.ask(now, entropy, What::Permit(vec![peer.ip()]), 0),
            Pass::Refused => return Err(RelayError::Refused),
            Pass::TooMany => return Err(RelayError::TooManyPeers),
        }
        Ok(())
    }

    /// Takes a message of the server's.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        bytes: &[u8],
    ) -> Inbound {
        if let Some((number, payload)) = parse_channel_data(bytes) {
            let peer = self.channels.peer(number);
            let peer = peer.filter(|peer| self.permissions.is_granted(peer.ip()));
            return match peer {
                Some(peer) => Inbound::Data(peer, payload.to_vec()),
                None => Inbound::Handled,
            };
        }
        let Ok(message) = StunMessage::parse(bytes) else {
            return Inbound::Foreign;
        };
        match message.class() {
            StunClass::Request => Inbound::Foreign,
            StunClass::Indication if message.method() == METHOD_DATA => {
                self.handle_data(now, entropy, &message)
            }
            StunClass::Indication => Inbound::Foreign,
            StunClass::Success | StunClass::Error => self.handle_answer(now, entropy, &message),
        }
    }

    /// Repeats, renews, gives up.
    pub(super) fn handle_timeout(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        let mut given_up = Vec::new();
        for mut request in std::mem::take(&mut self.requests) {
            match request.schedule.poll(now) {
                Due::Wait => self.requests.push(request),
                Due::Again => {
                    self.last_sent = now;
                    self.out.push_back(request.bytes.clone());
                    self.requests.push(request);
                }
                Due::GiveUp => given_up.push(request),
            }
        }
        for request in given_up {
            self.unanswered(now, entropy, request);
        }
        let State::Allocated(allocation) = &mut self.state else {
            return;
        };
        if allocation.until <= now {
            self.end(GatherFailure::Expired);
            return;
        }
        if allocation.refresh.is_some_and(|at| at <= now) {
            allocation.refresh = None;
            self.ask(now, entropy, What::Refresh, 0);
        }
        for batch in self.permissions.due(now) {
            self.ask(now, entropy, What::Permit(batch), 0);
        }
        for (peer, number) in self.channels.due(now) {
            self.ask(now, entropy, What::Bind(peer, number), 0);
        }
        if self.keep_alive_at() <= now {
            let indication = Builder::indication(METHOD_BINDING, fresh_id(entropy));
            self.push(now, indication.finish());
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let mut times: Vec<Instant> = self.requests.iter().map(|r| r.schedule.next()).collect();
        if let State::Allocated(allocation) = &self.state {
            times.push(allocation.until);
            times.push(self.keep_alive_at());
            times.extend(allocation.refresh);
            times.extend(self.permissions.poll_timeout());
            times.extend(self.channels.poll_timeout());
        }
        times.into_iter().min()
    }

    /// The next message for the server.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<TurnEvent> {
        self.events.pop_front()
    }

    fn handle_data(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        message: &StunMessage,
    ) -> Inbound {
        let peer = message.addresses(ATTR_XOR_PEER_ADDRESS).next();
        // Indications are not signed: at least nobody gets in who was not let in.
        let peer = peer.filter(|peer| self.permissions.is_granted(peer.ip()));
        let (Some(peer), Some(data)) = (peer, message.value(ATTR_DATA)) else {
            return Inbound::Handled;
        };
        let wish = self.channels.heard(now, peer);
        self.bind(now, entropy, wish);
        Inbound::Data(peer, data.to_vec())
    }

    fn send_permitted(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        peer: SocketAddr,
        bytes: &[u8],
    ) {
        if let Some(number) = self.channels.number(now, peer) {
            self.push(now, channel_data(number, bytes, self.is_stream));
            return;
        }
        let mut indication = Builder::indication(METHOD_SEND, fresh_id(entropy));
        indication.add_address(ATTR_XOR_PEER_ADDRESS, peer);
        indication.add(ATTR_DATA, bytes);
        self.push(now, indication.finish());
        let wish = self.channels.sent(now, peer);
        self.bind(now, entropy, wish);
    }

    fn bind(&mut self, now: Instant, entropy: &mut dyn Entropy, wish: Option<Wish>) {
        if let Some((peer, number)) = wish {
            self.ask(now, entropy, What::Bind(peer, number), 0);
        }
    }

    fn ask(&mut self, now: Instant, entropy: &mut dyn Entropy, what: What, renewals: u32) {
        let (credentials, patience) = (&self.credentials, &self.patience);
        let request = Request::new(now, what, renewals, credentials, patience, entropy);
        self.push(now, request.bytes.clone());
        self.requests.push(request);
    }

    fn push(&mut self, now: Instant, bytes: Vec<u8>) {
        self.last_sent = now;
        self.out.push_back(bytes);
    }

    fn end(&mut self, why: GatherFailure) {
        self.state = State::Ended;
        self.requests.clear();
        self.events.push_back(TurnEvent::Ended(why));
    }

    fn keep_alive_at(&self) -> Instant {
        let pause = if self.is_stream {
            STREAM_KEEP_ALIVE
        } else {
            KEEP_ALIVE
        };
        self.last_sent + pause
    }
}
