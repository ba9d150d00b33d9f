//! Two or more agents, and scripted peers, on a seeded wire in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_sip::agent::{
    AgentConfig, Answer, ConnectionId, Destination, Event, Hop, Output, Question, SessionEnd,
    SessionId, TransmitId, TransportError, TransportKind, UserAgent,
};
use tandem_sip::message::{
    Frame, Limits, Message, Request, Response, StreamDecoder, parse_datagram,
};
use tandem_types::{Entropy, SeededEntropy};

pub use crate::cast::{config, media, ms, port, secs};
use crate::zone::Zone;

/// What the wire does to datagrams. Streams only get the latency, and are cut into odd pieces.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub latency: Duration,
    /// Up to this much more, so that messages overtake each other.
    pub jitter: Duration,
    pub loss_percent: u64,
    pub duplicate_percent: u64,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            latency: ms(20),
            jitter: ms(0),
            loss_percent: 0,
            duplicate_percent: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Node(usize);

/// Whoever the test itself plays.
const PLAYED: Node = Node(usize::MAX);

impl Node {
    pub const fn first() -> Self {
        Self(0)
    }
}

enum Parcel {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Stream {
        to: End,
        bytes: Vec<u8>,
    },
    Connected {
        to: End,
        local: SocketAddr,
        remote: SocketAddr,
        hop: Option<Hop>,
    },
    Disconnected {
        to: End,
    },
    Failed {
        to: Node,
        id: TransmitId,
        error: TransportError,
    },
    Answered {
        to: Node,
        question: Question,
        answer: Answer,
    },
}

/// One end of a TCP connection.
type End = (Node, ConnectionId);

struct Peer {
    agent: UserAgent,
    address: SocketAddr,
    events: Vec<Event>,
}

pub struct Net {
    pub now: Instant,
    /// When it began.
    pub begun: Instant,
    pub wire: Wire,
    pub entropy: SeededEntropy,
    peers: Vec<Peer>,
    queue: BTreeMap<(Instant, u64), Parcel>,
    counter: u64,
    ends: BTreeMap<End, End>,
    /// Addresses that answer nothing and nobody.
    dead: BTreeSet<SocketAddr>,
    /// Addresses that the test itself plays and that take connections, and those connections.
    listeners: BTreeSet<SocketAddr>,
    lines: BTreeMap<ConnectionId, (Node, StreamDecoder)>,
    /// Where connecting fails, and how; `None`: it never ends.
    pub walls: BTreeMap<SocketAddr, Option<TransportError>>,
    pub zone: Zone,
    /// What was not to be sent after all.
    pub withdrawn: Vec<TransmitId>,
    /// What arrived at addresses that the test itself plays.
    pub mail: Vec<(SocketAddr, Message)>,
    /// The same by the address it arrived at, and the connection it came over.
    pub arrived: Vec<(SocketAddr, Option<ConnectionId>, Message)>,
    line_to: BTreeMap<ConnectionId, SocketAddr>,
    /// Every datagram or stream write, by sender: for counting.
    pub sent: Vec<(Instant, SocketAddr, Vec<u8>)>,
}

impl Net {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant cannot be made from nothing"
    )]
    pub fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            now: start,
            begun: start,
            wire: Wire::default(),
            entropy: SeededEntropy::new(seed),
            peers: Vec::new(),
            queue: BTreeMap::new(),
            counter: 0,
            ends: BTreeMap::new(),
            dead: BTreeSet::new(),
            listeners: BTreeSet::new(),
            lines: BTreeMap::new(),
            walls: BTreeMap::new(),
            zone: Zone::default(),
            withdrawn: Vec::new(),
            mail: Vec::new(),
            arrived: Vec::new(),
            line_to: BTreeMap::new(),
            sent: Vec::new(),
        }
    }

    pub fn add(&mut self, config: AgentConfig) -> Node {
        let node = Node(self.peers.len());
        let address = config.local.udp.or(config.local.tcp).unwrap();
        let entropy = SeededEntropy::new(self.entropy.next_u64());
        let agent = UserAgent::new(config, Box::new(entropy));
        self.peers.push(Peer {
            agent,
            address,
            events: Vec::new(),
        });
        node
    }

    /// A direct caller at 192.0.2.`host`.
    pub fn phone(&mut self, name: &str, host: u8, transport: TransportKind) -> Node {
        self.add(config(name, host, transport))
    }

    pub fn agent(&self, node: Node) -> &UserAgent {
        &self.peers[node.0].agent
    }

    /// Does something with an agent and carries its output to the wire.
    pub fn act<T>(&mut self, node: Node, act: impl FnOnce(&mut UserAgent, Instant) -> T) -> T {
        let now = self.now;
        let done = act(&mut self.peers[node.0].agent, now);
        self.flush(node);
        done
    }

    pub fn address(&self, node: Node) -> SocketAddr {
        self.peers[node.0].address
    }

    pub fn events(&self, node: Node) -> &[Event] {
        &self.peers[node.0].events
    }

    /// Takes the events so far away.
    pub fn take(&mut self, node: Node) -> Vec<Event> {
        std::mem::take(&mut self.peers[node.0].events)
    }

    pub fn kill(&mut self, address: SocketAddr) {
        self.dead.insert(address);
    }

    /// A datagram from an address the test plays.
    pub fn post(&mut self, from: SocketAddr, to: Node, bytes: impl Into<Vec<u8>>) {
        let to = self.address(to);
        let at = self.now + self.wire.latency;
        self.put(
            at,
            Parcel::Datagram {
                from,
                to,
                bytes: bytes.into(),
            },
        );
    }

    pub fn listen(&mut self, address: SocketAddr) {
        self.listeners.insert(address);
    }

    /// The newest connection to an address that the test plays.
    pub fn line(&self) -> Option<ConnectionId> {
        self.lines.keys().next_back().copied()
    }

    /// Where the newest of these connections comes from.
    pub fn line_from(&self) -> Option<SocketAddr> {
        let (id, (node, _)) = self.lines.iter().next_back()?;
        Some(SocketAddr::new(self.address(*node).ip(), own_port(*id)))
    }

    /// Bytes from an address the test plays, over a connection.
    pub fn write(&mut self, id: ConnectionId, bytes: &[u8]) {
        let node = self.lines[&id].0;
        let at = self.now + self.wire.latency;
        self.put(
            at,
            Parcel::Stream {
                to: (node, id),
                bytes: bytes.to_vec(),
            },
        );
    }

    /// Breaks a connection to an address the test plays.
    pub fn hang_up_line(&mut self, id: ConnectionId) {
        let (node, _) = self.lines.remove(&id).unwrap();
        self.put(self.now, Parcel::Disconnected { to: (node, id) });
    }

    /// Runs everything that happens within `span`.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while self.step(until) {}
        self.now = until;
    }

    fn step(&mut self, until: Instant) -> bool {
        let parcel = self.queue.keys().next().map(|(at, _)| *at);
        let timers = self.peers.iter().enumerate();
        let timer = timers
            .filter_map(|(i, p)| p.agent.poll_timeout().map(|at| (at, i)))
            .min();
        let parcel_first = match (parcel, timer) {
            (None, None) => return false,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(parcel), Some((timer, _))) => parcel <= timer,
        };
        if parcel_first {
            if parcel.is_some_and(|at| at > until) {
                return false;
            }
            let ((at, _), parcel) = self.queue.pop_first().unwrap();
            self.now = self.now.max(at);
            self.deliver(parcel);
        } else {
            let (at, node) = timer.unwrap();
            if at > until {
                return false;
            }
            self.now = self.now.max(at);
            let now = self.now;
            self.peers[node].agent.handle_timeout(now);
            let next = self.peers[node].agent.poll_timeout();
            assert!(
                next.is_none_or(|next| next > now),
                "a timer that is due was not served"
            );
            self.flush(Node(node));
        }
        true
    }

    fn deliver(&mut self, parcel: Parcel) {
        let now = self.now;
        match parcel {
            Parcel::Datagram { from, to, bytes } => {
                if self.dead.contains(&to) {
                    return;
                }
                match self.peers.iter().position(|peer| peer.address == to) {
                    Some(node) => {
                        self.peers[node].agent.handle_datagram(now, from, &bytes);
                        self.flush(Node(node));
                    }
                    None => {
                        if let Ok(message) = parse_datagram(&bytes) {
                            self.arrived.push((to, None, message.clone()));
                            self.mail.push((from, message));
                        }
                    }
                }
            }
            Parcel::Stream { to, bytes } if to.0 == PLAYED => {
                let from = SocketAddr::from(([0, 0, 0, 0], 0));
                let Some((_, decoder)) = self.lines.get_mut(&to.1) else {
                    return;
                };
                let server = self.line_to.get(&to.1).copied().unwrap_or(from);
                decoder.push(&bytes);
                while let Some(frame) = decoder.next() {
                    if let Ok(Frame::Message(message)) = frame {
                        self.arrived.push((server, Some(to.1), message.clone()));
                        self.mail.push((from, message));
                    }
                }
            }
            Parcel::Connected { to, .. } if to.0 == PLAYED => {}
            Parcel::Disconnected { to } if to.0 == PLAYED => {}
            Parcel::Stream { to, .. } if self.dead.contains(&self.address(to.0)) => {}
            Parcel::Stream { to, bytes } => {
                self.act(to.0, |agent, now| agent.handle_stream(now, to.1, &bytes));
            }
            Parcel::Connected {
                to,
                local,
                remote,
                hop,
            } => {
                self.act(to.0, |a, now| {
                    a.handle_connected(now, to.1, local, remote, hop);
                });
            }
            Parcel::Disconnected { to } => {
                self.act(to.0, |agent, now| agent.handle_disconnected(now, to.1));
            }
            Parcel::Answered {
                to,
                question,
                answer,
            } => self.act(to, |a, now| a.handle_answer(now, &question, &answer)),
            Parcel::Failed { to, id, error } => {
                self.act(to, |agent, now| agent.handle_send_failed(now, id, error));
            }
        }
    }

    fn flush(&mut self, node: Node) {
        while let Some(output) = self.peers[node.0].agent.poll_output() {
            match output {
                Output::Event(event) => self.peers[node.0].events.push(event),
                Output::Withdraw(id) => self.withdrawn.push(id),
                Output::Locate(question) => {
                    let answer = self.zone.answer(&question);
                    let at = self.now + self.wire.latency;
                    let to = node;
                    self.put(
                        at,
                        Parcel::Answered {
                            to,
                            question,
                            answer,
                        },
                    );
                }
                Output::CloseConnection(id) => {
                    if let Some(other) = self.ends.remove(&(node, id)) {
                        self.ends.remove(&other);
                        let at = self.now + self.wire.latency;
                        self.put(at, Parcel::Disconnected { to: other });
                    }
                }
                Output::Transmit(transmit) => {
                    let from = self.address(node);
                    self.sent.push((self.now, from, transmit.bytes.clone()));
                    match transmit.to {
                        Destination::Datagram(hop) => self.datagram(from, &hop, transmit.bytes),
                        Destination::Connection(id) => {
                            self.stream(node, id, transmit.id, transmit.bytes);
                        }
                        Destination::Stream(hop) => {
                            self.connect(node, &hop, transmit.id, transmit.bytes);
                        }
                    }
                }
            }
        }
    }

    fn datagram(&mut self, from: SocketAddr, hop: &Hop, bytes: Vec<u8>) {
        let to = SocketAddr::new(hop.host.ip().unwrap(), hop.port());
        let copies = match self.entropy.below(100) {
            roll if roll < self.wire.loss_percent => 0,
            roll if roll < self.wire.loss_percent + self.wire.duplicate_percent => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let jitter = u64::try_from(self.wire.jitter.as_micros()).unwrap();
            let extra = Duration::from_micros(self.entropy.below(jitter));
            let at = self.now + self.wire.latency + extra;
            self.put(
                at,
                Parcel::Datagram {
                    from,
                    to,
                    bytes: bytes.clone(),
                },
            );
        }
    }

    fn stream(&mut self, node: Node, id: ConnectionId, transmit: TransmitId, bytes: Vec<u8>) {
        let Some(other) = self.ends.get(&(node, id)).copied() else {
            let error = TransportError::Closed;
            self.put(
                self.now,
                Parcel::Failed {
                    to: node,
                    id: transmit,
                    error,
                },
            );
            return;
        };
        let at = self.now + self.wire.latency;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let size = 1 + usize::try_from(self.entropy.below(200)).unwrap();
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            self.put(
                at,
                Parcel::Stream {
                    to: other,
                    bytes: piece.to_vec(),
                },
            );
            rest = tail;
        }
    }

    fn connect(&mut self, node: Node, hop: &Hop, transmit: TransmitId, bytes: Vec<u8>) {
        let to = SocketAddr::new(hop.host.ip().unwrap(), hop.port());
        let listens = |peer: &Peer| peer.agent.config().local.tcp == Some(to);
        let other = self
            .peers
            .iter()
            .position(listens)
            .filter(|_| !self.dead.contains(&to));
        let played = self.listeners.contains(&to).then_some(PLAYED.0);
        let wall = self.walls.get(&to).copied();
        if wall == Some(None) {
            return;
        }
        let Some(other) = other.or(played).filter(|_| wall.is_none()) else {
            let error = wall.flatten().unwrap_or(TransportError::Refused);
            let at = self.now + self.wire.latency;
            self.put(
                at,
                Parcel::Failed {
                    to: node,
                    id: transmit,
                    error,
                },
            );
            return;
        };
        self.counter += 1;
        let id = ConnectionId(self.counter);
        let (mine, theirs) = ((node, id), (Node(other), id));
        if theirs.0 == PLAYED {
            self.lines
                .insert(id, (node, StreamDecoder::new(Limits::default())));
            self.line_to.insert(id, to);
        }
        self.ends.insert(mine, theirs);
        self.ends.insert(theirs, mine);
        let local = SocketAddr::new(self.address(node).ip(), own_port(id));
        let hop = Some(hop.clone());
        self.put(
            self.now,
            Parcel::Connected {
                to: mine,
                local,
                remote: to,
                hop,
            },
        );
        let at = self.now + self.wire.latency;
        self.put(
            at,
            Parcel::Connected {
                to: theirs,
                local: to,
                remote: local,
                hop: None,
            },
        );
        self.stream(node, id, transmit, bytes);
    }

    fn put(&mut self, at: Instant, parcel: Parcel) {
        self.counter += 1;
        self.queue.insert((at, self.counter), parcel);
    }

    /// The session of the first incoming call.
    pub fn incoming(&self, node: Node) -> Option<SessionId> {
        self.events(node).iter().find_map(|event| match event {
            Event::Incoming(call) => Some(call.session),
            _ => None,
        })
    }

    /// How the session ended. More than one end is a failure at once.
    pub fn end_of(&self, node: Node, id: SessionId) -> Option<&SessionEnd> {
        let mut ends = self.events(node).iter().filter_map(|event| match event {
            Event::Ended { session, cause } if *session == id => Some(cause),
            _ => None,
        });
        let first = ends.next();
        assert!(ends.next().is_none(), "{id:?} ended twice");
        first
    }

    /// Requests of `method` that `from` put on the wire, repeats included.
    pub fn count(&self, from: SocketAddr, start: &str) -> usize {
        let begins = |bytes: &[u8]| bytes.starts_with(start.as_bytes());
        self.sent
            .iter()
            .filter(|(_, sender, bytes)| *sender == from && begins(bytes))
            .count()
    }

    /// The last request of `method` in the mail.
    pub fn request(&self, method: &str) -> Option<Request> {
        self.mail
            .iter()
            .rev()
            .find_map(|(_, message)| match message {
                Message::Request(request) if request.method.as_str() == method => {
                    Some(request.clone())
                }
                Message::Request(_) | Message::Response(_) => None,
            })
    }

    /// The last response with that status in the mail.
    pub fn response(&self, code: u16) -> Option<Response> {
        self.mail
            .iter()
            .rev()
            .find_map(|(_, message)| match message {
                Message::Response(response) if response.status.code() == code => {
                    Some(response.clone())
                }
                Message::Request(_) | Message::Response(_) => None,
            })
    }
}

/// The port a connection leaves from.
fn own_port(id: ConnectionId) -> u16 {
    40_000 + u16::try_from(id.0 % 20_000).unwrap()
}
