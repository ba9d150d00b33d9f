//! What comes in: told apart, opened, judged by where it came from, handed to its stream.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::Transport;
use super::demux::{self, Kind, RtcpItem, classify, parse_rtcp, parse_rtp};
use super::event::{TransportOutput, Unused};
use super::ice::Pulse;
use super::latch::Verdict;
use super::protection::{Opened, Protection};
use super::wire::{Component, Path, StreamId, StreamInput};
use crate::gather::{Handled, Relayed};

impl Transport {
    /// Takes a datagram that came to our socket `local`.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let handled = match &mut self.gatherer {
            Some(gatherer) => gatherer.handle_datagram(now, local, from, bytes),
            None => Handled::No,
        };
        match handled {
            Handled::Yes => {}
            // Whoever finds the socket itself is not answered: that would show that it is the right one.
            Handled::No if self.relay_only => self.counters.count(Unused::Foreign),
            Handled::No => self.handle_packet(
                now,
                Path {
                    local,
                    remote: from,
                },
                bytes,
            ),
            Handled::Relayed(relayed) => self.handle_relayed(now, &relayed),
        }
        self.pump(now);
    }

    /// Something became of a connection that a [`StreamCommand`](super::StreamCommand) opened.
    pub(crate) fn handle_stream(&mut self, now: Instant, id: StreamId, input: StreamInput<'_>) {
        let relayed = match &mut self.gatherer {
            Some(gatherer) => gatherer.handle_stream(now, id, input),
            None => Vec::new(),
        };
        for relayed in &relayed {
            self.handle_relayed(now, relayed);
        }
        self.pump(now);
    }

    fn handle_relayed(&mut self, now: Instant, relayed: &Relayed) {
        let path = Path {
            local: relayed.local,
            remote: relayed.peer,
        };
        self.handle_packet(now, path, &relayed.bytes);
    }

    fn handle_packet(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        let kept = bytes.get(..demux::MAX_DATAGRAM).unwrap_or(bytes);
        if let Err(unused) = self.sort(now, path, kept) {
            self.counters.count(unused);
        }
    }

    fn sort(&mut self, now: Instant, path: Path, bytes: &[u8]) -> Result<(), Unused> {
        let component = self.component_of(path.local).ok_or(Unused::Foreign)?;
        match bytes.first() {
            Some(0..=3) => match &mut self.ice {
                // Counted by the link itself.
                Some(ice) => {
                    ice.handle(now, path, bytes);
                    Ok(())
                }
                None => Err(Unused::Malformed),
            },
            Some(20..=63) => self.handle_dtls(now, component, path, bytes),
            _ => match classify(bytes) {
                Kind::Rtp if component == Component::Rtp => {
                    self.handle_media(now, component, path, false, bytes)
                }
                Kind::Rtcp => self.handle_media(now, component, path, true, bytes),
                Kind::Rtp | Kind::Other => Err(Unused::Malformed),
            },
        }
    }

    fn component_of(&self, local: SocketAddr) -> Option<Component> {
        let socket = self.sockets.iter().find(|socket| socket.address == local);
        let relay = || self.relays.iter().find(|relay| relay.address == local);
        socket
            .map(|s| s.component)
            .or_else(|| relay().map(|r| r.component))
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        component: Component,
        path: Path,
        bytes: &[u8],
    ) -> Result<(), Unused> {
        let Protection::Dtls(associations) = &mut self.protection else {
            return Err(Unused::Malformed);
        };
        let ice = self.ice.as_ref().filter(|_| !self.bypassed);
        // Without ICE the first packet shows where the peer is, as it does for media.
        let known = match ice {
            Some(ice) => ice.knows(path),
            None => self.fixed.handle_dtls(now, component, path.remote) == Verdict::Peer,
        };
        if !known {
            return Err(Unused::Foreign);
        }
        associations.handle(now, component, bytes);
        Ok(())
    }

    fn handle_media(
        &mut self,
        now: Instant,
        component: Component,
        path: Path,
        is_rtcp: bool,
        bytes: &[u8],
    ) -> Result<(), Unused> {
        let known = self.ice_in_use().is_none_or(|ice| ice.knows(path));
        match self.protection.open(component, is_rtcp, bytes)? {
            // Keys prove more than an address does; without keys the address is all there is.
            Opened::Packet(_) if !known && !self.protection.authenticates() => Err(Unused::Foreign),
            Opened::Packet(packet) if is_rtcp => self.take_rtcp(now, component, path, &packet),
            Opened::Packet(packet) => self.take_rtp(now, path, packet),
            Opened::Early if known => {
                self.early.push(path, bytes);
                Ok(())
            }
            Opened::Early => Err(Unused::Foreign),
        }
    }

    /// What waited for its keys.
    pub(super) fn open_early(&mut self, now: Instant) {
        if self.early.is_empty() || !self.protection.is_ready() {
            return;
        }
        let waiting: Vec<_> = self.early.drain().collect();
        for (path, bytes) in waiting {
            self.handle_packet(now, path, &bytes);
        }
    }

    fn take_rtp(&mut self, now: Instant, path: Path, packet: Vec<u8>) -> Result<(), Unused> {
        let packet = parse_rtp(Bytes::from(packet)).ok_or(Unused::Malformed)?;
        let stream = self
            .routes
            .find(&packet.header)
            .ok_or(Unused::UnknownPayload)?;
        match self.ice.as_mut().filter(|_| !self.bypassed) {
            Some(ice) => ice.heard(now, path, Pulse::Media),
            None => match self.fixed.handle_rtp(now, path.remote, packet.header.ssrc) {
                Verdict::Peer => {}
                Verdict::Stranger => return Err(Unused::Foreign),
            },
        }
        self.output(TransportOutput::Rtp { stream, packet });
        Ok(())
    }

    fn take_rtcp(
        &mut self,
        now: Instant,
        component: Component,
        path: Path,
        packet: &[u8],
    ) -> Result<(), Unused> {
        let items = parse_rtcp(packet).ok_or(Unused::Malformed)?;
        let ssrc = items.first().map_or(0, RtcpItem::ssrc);
        match self.ice.as_mut().filter(|_| !self.bypassed) {
            Some(ice) => ice.heard(now, path, Pulse::Sign),
            None => match self.fixed.handle_rtcp(now, component, path.remote, ssrc) {
                Verdict::Peer => {}
                Verdict::Stranger => return Err(Unused::Foreign),
            },
        }
        self.output(TransportOutput::Rtcp(items, packet.len()));
        Ok(())
    }
}
