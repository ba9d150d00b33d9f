//! What the links found and lost, told to the caller.

use std::net::SocketAddr;
use std::time::Instant;

use super::binding::BindingEvent;
use super::candidate::{CandidateKind, LocalCandidate, Source};
use super::config::{GatherPolicy, ServerTransport};
use super::failure::GatherFailure;
use super::gatherer::{Gatherer, Round};
use super::io::GatherOutput;
use super::link::{Link, LinkKind, same};
use super::relay::RelayOutput;
use crate::transport::{Datagram, LocalSocket, StreamCommand};

/// Outputs kept for a caller that does not fetch them; beyond this, datagrams are dropped.
const MAX_OUTPUTS: usize = 1024;

impl Gatherer {
    /// Handles what the relays want done, which may lead to more.
    pub(super) fn drain_relays(&mut self, now: Instant) {
        for at in 0..self.links.len() {
            let Some(link) = self.links.get_mut(at) else {
                break;
            };
            let (index, socket) = (link.server, link.socket);
            let Some(relay) = link.relay_mut() else {
                continue;
            };
            let said = relay.take_outputs();
            let to = relay.server();
            if !said.is_empty() {
                self.relay_outputs(now, index, socket, to, said);
            }
        }
    }

    pub(super) fn relay_outputs(
        &mut self,
        now: Instant,
        index: usize,
        socket: LocalSocket,
        to: SocketAddr,
        said: Vec<RelayOutput>,
    ) {
        for output in said {
            match output {
                RelayOutput::Send(bytes) => self.push(GatherOutput::Send(Datagram {
                    from: socket.address,
                    to,
                    bytes,
                })),
                RelayOutput::Stream(command) => self.push(GatherOutput::Stream(command)),
                RelayOutput::Allocated { relayed, mapped } => {
                    self.allocated(now, index, socket, relayed, mapped);
                }
                RelayOutput::Redirected { server, name } => {
                    self.redirected(now, index, socket, server, name);
                }
                RelayOutput::Failed(why) => self.failed(index, socket, why),
                RelayOutput::Lost(relayed, why) => self.lost(relayed, why),
                RelayOutput::Refused(relayed, peer, why) => {
                    self.push(GatherOutput::Refused { relayed, peer, why });
                }
            }
        }
    }

    fn allocated(
        &mut self,
        now: Instant,
        index: usize,
        socket: LocalSocket,
        relayed: Vec<SocketAddr>,
        mapped: Option<SocketAddr>,
    ) {
        let Some(server) = self.config.servers.get(index).cloned() else {
            return;
        };
        let source = Source {
            index,
            address: server.address,
            transport: &server.transport,
        };
        let shown = match self.config.policy {
            GatherPolicy::All => {
                if let (ServerTransport::Udp, Some(mapped)) = (&server.transport, mapped) {
                    self.mapped(now, index, socket, mapped);
                }
                mapped
            }
            GatherPolicy::RelayOnly => None,
        };
        for address in relayed {
            let candidate = self.maker.relayed(&socket, source, address, shown);
            self.tell(candidate);
        }
    }

    /// Where to next: not where another of this socket's relays is already, that would be one 5-tuple for two.
    fn redirected(
        &mut self,
        now: Instant,
        index: usize,
        socket: LocalSocket,
        server: Option<SocketAddr>,
        name: Option<String>,
    ) {
        let is_this =
            |link: &Link| link.server == index && same(link.socket.address, socket.address);
        let is_taken = self.links.iter().any(|link| {
            !is_this(link)
                && link.relay().is_some()
                && server.is_some_and(|server| link.is_between(socket.address, server))
        });
        let link = self.links.iter_mut().find(|link| is_this(link));
        let Some(relay) = link.and_then(Link::relay_mut) else {
            return;
        };
        if is_taken {
            relay.give_up(GatherFailure::RedirectLoop);
        } else {
            relay.follow(now, server, name);
        }
        let said = relay.take_outputs();
        let to = relay.server();
        self.relay_outputs(now, index, socket, to, said);
    }

    pub(super) fn binding_events(
        &mut self,
        now: Instant,
        index: usize,
        socket: LocalSocket,
        events: Vec<BindingEvent>,
    ) {
        for event in events {
            match event {
                BindingEvent::Mapped(mapped) => self.mapped(now, index, socket, mapped),
                BindingEvent::Failed(why) => self.failed(index, socket, why),
            }
        }
    }

    /// A server sees the socket at `mapped`.
    fn mapped(&mut self, now: Instant, index: usize, socket: LocalSocket, mapped: SocketAddr) {
        let is_known = |c: &LocalCandidate| same(c.base, socket.address) && same(c.address, mapped);
        if self.candidates.iter().any(is_known) {
            return;
        }
        let is_reflexive = |c: &LocalCandidate| {
            c.kind == CandidateKind::ServerReflexive && same(c.base, socket.address)
        };
        let is_first = !self.candidates.iter().any(is_reflexive);
        let Some(server) = self.config.servers.get(index) else {
            return;
        };
        let source = Source {
            index,
            address: server.address,
            transport: &server.transport,
        };
        let candidate = self.maker.reflexive(&socket, source, mapped);
        self.tell(candidate);
        // One server a socket is enough to keep a mapping; a TURN client keeps it by itself.
        let mut links = self.links.iter_mut().filter(|link| link.server == index);
        let link = links.find(|link| is_first && same(link.socket.address, socket.address));
        match link.map(|link| &mut link.kind) {
            Some(LinkKind::Stun(binding)) => binding.keep_alive(now),
            Some(LinkKind::Turn(_)) | None => {}
        }
    }

    pub(super) fn lost(&mut self, relayed: Vec<SocketAddr>, why: GatherFailure) {
        self.candidates.retain(|c| !relayed.contains(&c.base));
        for relayed in relayed {
            self.push(GatherOutput::Lost { relayed, why });
        }
    }

    fn failed(&mut self, server: usize, socket: LocalSocket, why: GatherFailure) {
        self.push(GatherOutput::Failed {
            server,
            socket: socket.address,
            why,
        });
    }

    pub(super) fn tell(&mut self, candidate: LocalCandidate) {
        self.candidates.push(candidate.clone());
        self.push(GatherOutput::Candidate(candidate));
    }

    fn push(&mut self, output: GatherOutput) {
        let may_be_dropped = match output {
            // One holds whole messages, so a stream stays in step.
            GatherOutput::Send(_) | GatherOutput::Stream(StreamCommand::Write { .. }) => true,
            GatherOutput::Stream(StreamCommand::Open { .. } | StreamCommand::Close { .. })
            | GatherOutput::Candidate(_)
            | GatherOutput::Done
            | GatherOutput::Failed { .. }
            | GatherOutput::Lost { .. }
            | GatherOutput::Refused { .. } => false,
        };
        if !may_be_dropped || self.outputs.len() < MAX_OUTPUTS {
            self.outputs.push_back(output);
        }
    }

    pub(super) fn end_round(&mut self) {
        match self.round {
            Round::Running { .. } => {
                self.round = Round::Over;
                self.push(GatherOutput::Done);
            }
            Round::Idle | Round::Over | Round::Closed => {}
        }
    }
}
