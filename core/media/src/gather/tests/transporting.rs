//! A whole media session whose packets all go through a relay: at once, and nowhere else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_types::SeededEntropy;
use tandem_types::media::Direction;

use super::super::*;
use super::server::{Allocation, Out, Server, Ways};
use super::world::{PEER, SOCKET, TURN, at, ms, turn};
use crate::io::{NullSink, Tone};
use crate::negotiate::{self, Protection};
use crate::testing::origin;
use crate::transport::{Component, LocalSocket, TransportEvent};
use crate::{Capabilities, LocalTransport, MediaSession, Output, SessionConfig, TransportConfig};

/// A phone that is always relayed, and its server at no distance.
struct Line {
    now: Instant,
    session: MediaSession,
    server: Server,
    /// Who was sent something from the socket.
    sent: Vec<SocketAddr>,
    /// When something reached the peer.
    relayed: Vec<Instant>,
    gathered: bool,
}

impl Line {
    fn new() -> Self {
        let now = origin();
        let config = SessionConfig {
            source: Box::new(Tone::new(440.0)),
            sink: Box::new(NullSink),
            muted: false,
            transport: TransportConfig {
                relay_only: true,
                ..TransportConfig::default()
            },
        };
        let entropy = Box::new(SeededEntropy::new(1));
        let mut session = MediaSession::new(now, Duration::ZERO, config, entropy);
        let socket = LocalSocket {
            component: Component::Rtp,
            address: at(SOCKET),
            rank: 0,
        };
        session.add_socket(now, socket);
        Self {
            now,
            session,
            server: Server::new(at(TURN), Ways::default()),
            sent: Vec::new(),
            relayed: Vec::new(),
            gathered: false,
        }
    }

    fn gather(&mut self) {
        // Whatever is asked: the session is relayed always.
        let config = GatherConfig {
            servers: vec![turn(TURN)],
            policy: GatherPolicy::All,
            relays: RelayFamilies::Ipv4,
            ..GatherConfig::default()
        };
        let entropy = Box::new(SeededEntropy::new(2));
        self.session.gather(self.now, config, entropy).expect("ICE");
        self.exchange();
    }

    fn exchange(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transmit(datagram) => self.transmit(datagram.to, &datagram.bytes),
                Output::Transport(TransportEvent::GatheringDone) => self.gathered = true,
                _ => {}
            }
        }
    }

    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.sent.push(to);
        if to != self.server.address {
            return;
        }
        for out in self.server.handle(self.now, at(SOCKET), bytes) {
            match out {
                Out::Client(_, bytes) => {
                    let (socket, server) = (at(SOCKET), self.server.address);
                    self.session
                        .handle_datagram(self.now, socket, server, &bytes);
                }
                Out::Peer { .. } => self.relayed.push(self.now),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.exchange();
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.exchange();
        }
        self.now = until;
    }

    /// Agrees with a peer that has no ICE.
    fn agree(&mut self) {
        let capabilities = Capabilities::default();
        let both = Direction::SendRecv;
        let local = self.session.local_transport().expect("an address to tell");
        let offer = negotiate::offer(&capabilities, &local, Protection::Plain, both);
        let theirs = LocalTransport::plain(at(PEER), at(PEER));
        let answered = negotiate::answer(&offer, &capabilities, &theirs, both, None);
        let (answer, _) = answered.expect("an answer");
        let agreed = negotiate::accept(&offer, &answer, None).expect("an agreement");
        self.session.start(self.now, agreed).expect("media");
    }
}

#[test]
fn nothing_is_told_before_there_is_a_relay_and_then_only_the_relay() {
    let mut line = Line::new();
    assert_eq!(line.session.local_transport(), None);
    line.gather();
    line.pass(ms(200));
    assert!(line.gathered);
    let local = line.session.local_transport().expect("an address to tell");
    let is_relayed = |allocation: &Allocation| allocation.relayed.contains(&local.rtp);
    assert!(line.server.allocations.values().any(is_relayed));
    let candidates = local.ice.expect("ICE").candidates;
    assert_eq!(candidates.len(), 1, "{candidates:?}");
    assert!(candidates[0].contains(" typ relay"), "{candidates:?}");
}

#[test]
fn each_packet_goes_over_the_relay_when_it_is_due_whoever_is_silent() {
    let mut line = Line::new();
    line.gather();
    line.pass(ms(200));
    line.agree();
    line.pass(ms(100));
    line.relayed.clear();
    // The peer says nothing, and the server has nothing to answer.
    line.pass(ms(2_000));
    let between = line.relayed.windows(2).map(|two| two[1] - two[0]);
    assert!(line.relayed.len() >= 99, "{}", line.relayed.len());
    assert!(between.max() <= Some(ms(20)), "they wait for each other");
    assert!(line.sent.iter().all(|to| *to == line.server.address));
}

#[test]
fn whoever_finds_the_socket_itself_is_not_heard_nor_answered() {
    let mut line = Line::new();
    line.gather();
    line.pass(ms(200));
    line.agree();
    let before = line.session.transport_counters().foreign;
    // RTP as the peer would send it, from the peer's own address, past the relay.
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    packet.resize(172, 0xff);
    for _ in 0..5 {
        line.session
            .handle_datagram(line.now, at(SOCKET), at(PEER), &packet);
    }
    line.pass(ms(200));
    assert_eq!(line.session.transport_counters().foreign, before + 5);
    assert!(line.sent.iter().all(|to| *to == line.server.address));
}
