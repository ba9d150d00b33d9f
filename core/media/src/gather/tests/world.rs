//! A phone behind a NAT, servers, peers, and a wire with delay and loss between them. Time is virtual.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_types::{Entropy, Pii, SeededEntropy};

use super::super::*;
use super::server::{Out, PASSWORD, Server, USER, Ways};
use crate::testing::origin;
use crate::transport::{Component, Datagram, LocalSocket, StreamCommand, StreamId, StreamInput};

pub(super) const TURN: &str = "192.0.2.1:3478";
pub(super) const SOCKET: &str = "10.0.0.2:4000";
pub(super) const PEER: &str = "198.51.100.9:7000";

pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn stun(address: &str) -> IceServer {
    IceServer {
        address: at(address),
        transport: ServerTransport::Udp,
        kind: ServerKind::Stun,
    }
}

pub(super) fn turn(address: &str) -> IceServer {
    turn_over(address, ServerTransport::Udp, PASSWORD)
}

pub(super) fn turn_over(address: &str, transport: ServerTransport, password: &str) -> IceServer {
    IceServer {
        address: at(address),
        transport,
        kind: ServerKind::Turn {
            username: Pii::new(USER.to_owned()),
            password: Pii::new(password.to_owned()),
        },
    }
}

/// Something on its way.
enum Flight {
    ToServer {
        server: SocketAddr,
        client: SocketAddr,
        bytes: Vec<u8>,
    },
    ToSocket {
        socket: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    ToPeer {
        peer: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    ToRelay {
        relayed: SocketAddr,
        peer: SocketAddr,
        bytes: Vec<u8>,
    },
    Stream {
        id: StreamId,
        happened: Happened,
    },
}

enum Happened {
    Opened,
    Bytes(Vec<u8>),
    Closed,
}

/// How connections go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Streams {
    #[default]
    Open,
    Refused,
    /// Nobody answers.
    Nowhere,
}

pub(super) struct World {
    pub(super) gatherer: Gatherer,
    pub(super) now: Instant,
    start: Instant,
    pub(super) servers: BTreeMap<SocketAddr, Server>,
    flights: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
    dice: SeededEntropy,
    /// Percent of datagrams that get lost; streams lose nothing.
    pub(super) loss: u64,
    /// One way.
    pub(super) delay: Duration,
    pub(super) streams: Streams,
    /// Which server a stream goes to, by what name, and from where it seems to come.
    pub(super) opened: BTreeMap<StreamId, (SocketAddr, Option<String>, SocketAddr)>,
    /// What the NAT adds to ports.
    pub(super) nat: u16,
    /// Whether peers answer.
    pub(super) echo: bool,
    /// What came out, with the milliseconds since the start. Datagrams and stream writes are not among it.
    pub(super) told: Vec<(u128, GatherOutput)>,
    /// What peers received: from where, what.
    pub(super) heard: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// What came back over relays.
    pub(super) returned: Vec<Relayed>,
    /// Datagrams the phone sent, by the server.
    pub(super) datagrams: Vec<(u128, SocketAddr, Vec<u8>)>,
}

impl World {
    pub(super) fn new(seed: u64, config: GatherConfig, servers: Vec<(&str, Ways)>) -> Self {
        let start = origin();
        let servers = servers.into_iter();
        let servers = servers.map(|(a, ways)| (at(a), Server::new(at(a), ways)));
        Self {
            gatherer: Gatherer::new(config, Box::new(SeededEntropy::new(seed))),
            now: start,
            start,
            servers: servers.collect(),
            flights: BTreeMap::new(),
            sent: 0,
            dice: SeededEntropy::new(seed ^ 0x5eed),
            loss: 0,
            delay: ms(20),
            streams: Streams::Open,
            opened: BTreeMap::new(),
            nat: 10_000,
            echo: true,
            told: Vec::new(),
            heard: Vec::new(),
            returned: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    /// One socket, one TURN server over UDP.
    pub(super) fn with_turn(ways: Ways) -> Self {
        let config = GatherConfig {
            servers: vec![turn(TURN)],
            relays: RelayFamilies::Ipv4,
            ..GatherConfig::default()
        };
        let mut world = Self::new(1, config, vec![(TURN, ways)]);
        world.add_socket(SOCKET);
        world
    }

    pub(super) fn add_socket(&mut self, address: &str) {
        let socket = LocalSocket {
            component: Component::Rtp,
            address: at(address),
            rank: 0,
        };
        self.gatherer
            .add_socket(self.now, socket)
            .expect("a socket");
        self.drain();
    }

    pub(super) fn server(&mut self) -> &mut Server {
        self.servers.get_mut(&at(TURN)).expect("it is there")
    }

    /// The relayed address, once there is one.
    pub(super) fn relayed(&self) -> SocketAddr {
        let all = self.gatherer.candidates();
        let relayed = all.iter().find(|c| c.kind == CandidateKind::Relayed);
        relayed
            .unwrap_or_else(|| panic!("a relay: {:?}", self.told))
            .address
    }

    pub(super) fn send(&mut self, peer: &str, bytes: &[u8]) -> Result<(), RelayError> {
        let relayed = self.relayed();
        let sent = self.gatherer.send_via(self.now, relayed, at(peer), bytes);
        self.drain();
        sent
    }

    pub(super) fn tell(&mut self, act: impl FnOnce(&mut Gatherer, Instant)) {
        act(&mut self.gatherer, self.now);
        self.drain();
    }

    pub(super) fn close_streams(&mut self) {
        let ids: Vec<StreamId> = self.opened.keys().copied().collect();
        for id in ids {
            self.fly(
                true,
                Flight::Stream {
                    id,
                    happened: Happened::Closed,
                },
            );
        }
        self.opened.clear();
    }

    /// What was told since the start, without datagrams: one word each.
    pub(super) fn story(&self) -> Vec<String> {
        let words = self.told.iter().map(|(_, output)| match output {
            GatherOutput::Candidate(c) => format!("{:?} {}", c.kind, c.address),
            GatherOutput::Failed { why, .. } => format!("Failed {why:?}"),
            GatherOutput::Lost { why, .. } => format!("Lost {why:?}"),
            GatherOutput::Refused { peer, why, .. } => format!("Refused {peer} {why:?}"),
            GatherOutput::Stream(StreamCommand::Open { tls_name, .. }) => {
                format!("Open {}", tls_name.clone().unwrap_or_default())
            }
            GatherOutput::Stream(StreamCommand::Close { .. }) => "Close".to_owned(),
            other => format!("{other:?}"),
        });
        words.collect()
    }

    /// When something was told first.
    pub(super) fn when(&self, is_it: impl Fn(&GatherOutput) -> bool) -> Option<u128> {
        self.told
            .iter()
            .find(|(_, output)| is_it(output))
            .map(|(at, _)| *at)
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0_u64;
        loop {
            let flight = self.flights.keys().next().map(|(at, _)| *at);
            let timer = self.gatherer.poll_timeout();
            let next = flight.into_iter().chain(timer).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if timer.is_some_and(|timer| timer <= self.now) {
                self.gatherer.handle_timeout(self.now);
                let again = self.gatherer.poll_timeout();
                assert!(
                    again.is_none_or(|again| again > self.now),
                    "a timer that never rests"
                );
            }
            let due: Vec<(Instant, u64)> = self
                .flights
                .keys()
                .take_while(|(at, _)| *at <= self.now)
                .copied()
                .collect();
            for key in due {
                let flight = self.flights.remove(&key).expect("it is there");
                self.land(flight);
            }
            self.drain();
            steps += 1;
            assert!(steps < 1_000_000, "it goes on for ever");
        }
        self.now = end;
    }

    fn land(&mut self, flight: Flight) {
        match flight {
            Flight::ToServer {
                server,
                client,
                bytes,
            } => {
                let Some(server) = self.servers.get_mut(&server) else {
                    return;
                };
                let from = server.address;
                let outs = server.handle(self.now, client, &bytes);
                self.serve(from, outs);
            }
            Flight::ToSocket {
                socket,
                from,
                bytes,
            } => {
                match self
                    .gatherer
                    .handle_datagram(self.now, socket, from, &bytes)
                {
                    Handled::Relayed(relayed) => self.returned.push(relayed),
                    Handled::Yes | Handled::No => {}
                }
            }
            Flight::ToPeer { peer, from, bytes } => {
                self.heard.push((peer, from, bytes.clone()));
                if self.echo {
                    let echo = Flight::ToRelay {
                        relayed: from,
                        peer,
                        bytes,
                    };
                    self.fly(false, echo);
                }
            }
            Flight::ToRelay {
                relayed,
                peer,
                bytes,
            } => {
                for address in self.servers.keys().copied().collect::<Vec<_>>() {
                    let server = self.servers.get_mut(&address).expect("it is there");
                    let out = server.handle_peer(self.now, peer, relayed, &bytes);
                    self.serve(address, out.into_iter().collect());
                }
            }
            Flight::Stream { id, happened } => {
                let input = match &happened {
                    Happened::Opened => StreamInput::Opened,
                    Happened::Bytes(bytes) => StreamInput::Bytes(bytes),
                    Happened::Closed => StreamInput::Closed,
                };
                let returned = self.gatherer.handle_stream(self.now, id, input);
                self.returned.extend(returned);
            }
        }
        self.drain();
    }

    /// A peer sends something by itself.
    pub(super) fn peer_sends(&mut self, peer: &str, relayed: SocketAddr, bytes: &[u8]) {
        let flight = Flight::ToRelay {
            relayed,
            peer: at(peer),
            bytes: bytes.to_vec(),
        };
        self.fly(false, flight);
    }

    /// Anybody sends something to the socket, with this source.
    pub(super) fn forge(&mut self, from: &str, bytes: Vec<u8>) {
        let flight = Flight::ToSocket {
            socket: at(SOCKET),
            from: at(from),
            bytes,
        };
        self.fly(true, flight);
    }

    fn serve(&mut self, server: SocketAddr, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Client(client, bytes) => {
                    let stream = self.opened.iter().find(|(_, (_, _, seen))| *seen == client);
                    match stream.map(|(id, _)| *id) {
                        Some(id) => {
                            // In two pieces: a stream knows no messages.
                            let (one, two) = bytes.split_at(bytes.len() / 2);
                            for piece in [one, two] {
                                let happened = Happened::Bytes(piece.to_vec());
                                self.fly(true, Flight::Stream { id, happened });
                            }
                        }
                        None => {
                            let socket = self.inside(client);
                            self.fly(
                                false,
                                Flight::ToSocket {
                                    socket,
                                    from: server,
                                    bytes,
                                },
                            );
                        }
                    }
                }
                Out::Peer {
                    relayed,
                    peer,
                    bytes,
                } => {
                    self.fly(
                        false,
                        Flight::ToPeer {
                            peer,
                            from: relayed,
                            bytes,
                        },
                    );
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.gatherer.poll_output() {
            let after = self.now.duration_since(self.start).as_millis();
            match output {
                GatherOutput::Send(Datagram { from, to, bytes }) => {
                    self.datagrams.push((after, to, bytes.clone()));
                    let client = self.outside(from);
                    self.fly(
                        false,
                        Flight::ToServer {
                            server: to,
                            client,
                            bytes,
                        },
                    );
                }
                GatherOutput::Stream(StreamCommand::Write { id, bytes }) => {
                    let Some((server, _, client)) = self.opened.get(&id).cloned() else {
                        continue;
                    };
                    self.fly(
                        true,
                        Flight::ToServer {
                            server,
                            client,
                            bytes,
                        },
                    );
                }
                GatherOutput::Stream(StreamCommand::Open {
                    id,
                    server,
                    ref tls_name,
                    ..
                }) => {
                    let client =
                        SocketAddr::new(IpAddr::from([203, 0, 113, 7]), 60_000 + id.0 as u16);
                    self.opened.insert(id, (server, tls_name.clone(), client));
                    match self.streams {
                        Streams::Open => {
                            self.fly(
                                true,
                                Flight::Stream {
                                    id,
                                    happened: Happened::Opened,
                                },
                            );
                        }
                        Streams::Refused => {
                            self.fly(
                                true,
                                Flight::Stream {
                                    id,
                                    happened: Happened::Closed,
                                },
                            );
                        }
                        Streams::Nowhere => {}
                    }
                    self.told.push((after, output));
                }
                GatherOutput::Stream(StreamCommand::Close { .. })
                | GatherOutput::Candidate(_)
                | GatherOutput::Done
                | GatherOutput::Failed { .. }
                | GatherOutput::Lost { .. }
                | GatherOutput::Refused { .. } => self.told.push((after, output)),
            }
        }
    }

    fn fly(&mut self, safe: bool, flight: Flight) {
        if !safe && self.dice.below(100) < self.loss {
            return;
        }
        self.sent += 1;
        self.flights
            .insert((self.now + self.delay, self.sent), flight);
    }

    fn outside(&self, socket: SocketAddr) -> SocketAddr {
        match socket.ip() {
            IpAddr::V4(_) => {
                SocketAddr::new(IpAddr::from([203, 0, 113, 7]), socket.port() + self.nat)
            }
            IpAddr::V6(_) => socket,
        }
    }

    fn inside(&self, client: SocketAddr) -> SocketAddr {
        match client.ip() {
            IpAddr::V4(_) => SocketAddr::new(IpAddr::from([10, 0, 0, 2]), client.port() - self.nat),
            IpAddr::V6(_) => client,
        }
    }
}
