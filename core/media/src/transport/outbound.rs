//! What goes out: sealed, and on the way that holds at that moment.

use std::net::SocketAddr;
use std::time::Instant;

use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;

use super::Transport;
use super::event::{Certificates, TransportEvent, TransportFailure, TransportOutput};
use super::ice::{IceEvent, IceLink};
use super::protection::{Progress, Protection};
use super::wire::{Component, Datagram, Path};
use crate::gather::{GatherOutput, Gatherer};

impl Transport {
    /// Sends a media packet; `false` while there is nobody to send to, or nothing to seal it with.
    pub(crate) fn send_rtp(&mut self, now: Instant, packet: &Packet) -> bool {
        let bytes = packet.marshal().map(|bytes| bytes.to_vec());
        bytes.is_ok_and(|bytes| self.send_media(now, Component::Rtp, false, bytes))
    }

    /// Sends a compound control packet; `false` as for [`Transport::send_rtp`].
    pub(crate) fn send_rtcp(&mut self, now: Instant, compound: Vec<u8>) -> bool {
        let component = if self.rtcp_mux {
            Component::Rtp
        } else {
            Component::Rtcp
        };
        self.send_media(now, component, true, compound)
    }

    /// Whether a media packet would leave now.
    pub(crate) fn can_send(&self, now: Instant) -> bool {
        self.protection.is_ready() && self.path(now, Component::Rtp).is_some()
    }

    fn send_media(
        &mut self,
        now: Instant,
        component: Component,
        is_rtcp: bool,
        bytes: Vec<u8>,
    ) -> bool {
        // The way first: a sealed packet has used up its number.
        let Some(path) = self.path(now, component) else {
            return false;
        };
        let Some(bytes) = self.protection.seal(component, is_rtcp, bytes) else {
            return false;
        };
        self.emit(now, path, bytes);
        // Over a relay it is the gatherer's to send, and must not wait until something else happens.
        self.pump_gatherer(now);
        true
    }

    /// The way that holds now.
    pub(super) fn path(&self, now: Instant, component: Component) -> Option<Path> {
        if let Some(ice) = self.ice_in_use() {
            return ice.path(now, component);
        }
        let remote = self.fixed.target(component)?;
        let local = self.base(component, remote)?;
        Some(Path { local, remote })
    }

    /// Where packets to a peer without ICE leave from.
    fn base(&self, component: Component, remote: SocketAddr) -> Option<SocketAddr> {
        let fits = |address: &SocketAddr| address.is_ipv4() == remote.is_ipv4();
        // It was told a relayed address: what it gets comes from there too, or symmetric RTP would move away.
        let told = self
            .default_candidate(component)
            .map(|candidate| candidate.base);
        let told = told.filter(|base| self.is_relay(*base) && fits(base));
        if told.is_some() || self.relay_only {
            return told;
        }
        let mut sockets = self.sockets.iter().filter(|s| s.component == component);
        sockets.find(|s| fits(&s.address)).map(|s| s.address)
    }

    fn is_relay(&self, base: SocketAddr) -> bool {
        self.relays.iter().any(|relay| relay.address == base)
    }

    fn emit(&mut self, now: Instant, path: Path, bytes: Vec<u8>) {
        let Path { local, remote } = path;
        if self.is_relay(local) {
            self.relay(now, path, &bytes);
        } else if self.relay_only || !self.sockets.iter().any(|s| s.address == local) {
            // A relayed address that was lost a moment ago is nobody's socket.
            tracing::trace!("a packet has lost its way");
        } else {
            self.output(TransportOutput::Send(Datagram {
                from: local,
                to: remote,
                bytes,
            }));
        }
    }

    fn relay(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        if let Some(gatherer) = &mut self.gatherer
            && let Err(error) = gatherer.send_via(now, path.local, path.remote, bytes)
        {
            tracing::trace!(%error, "a packet was not relayed");
        }
    }

    /// Moves everything that is ready one step on, until nothing is.
    pub(super) fn pump(&mut self, now: Instant) {
        self.pump_gatherer(now);
        self.pump_ice(now);
        self.pump_dtls(now);
        // Checks over a relay are the gatherer's to send.
        self.pump_gatherer(now);
    }

    fn pump_gatherer(&mut self, now: Instant) {
        while let Some(output) = self.gatherer.as_mut().and_then(Gatherer::poll_output) {
            match output {
                GatherOutput::Send(datagram) => self.output(TransportOutput::Send(datagram)),
                GatherOutput::Stream(command) => self.output(TransportOutput::Stream(command)),
                GatherOutput::Candidate(candidate) => self.add_local(candidate),
                GatherOutput::Done => self.event(TransportEvent::GatheringDone),
                GatherOutput::Failed { server, why, .. } => {
                    tracing::info!(server, %why, "a server gives no address");
                }
                GatherOutput::Lost { relayed, why } => {
                    tracing::info!(%why, "a relayed address is gone");
                    self.relays.retain(|relay| relay.address != relayed);
                    if let Some(ice) = &mut self.ice {
                        ice.remove_local(now, relayed);
                    }
                }
                GatherOutput::Refused { why, .. } => {
                    tracing::info!(%why, "a relay does not serve this peer");
                }
            }
        }
    }

    fn pump_ice(&mut self, now: Instant) {
        while let Some(event) = self.ice.as_mut().and_then(IceLink::poll_event) {
            let event = match event {
                IceEvent::FirstPath => continue,
                IceEvent::Connected => {
                    self.connected = true;
                    TransportEvent::Connected
                }
                IceEvent::Switched => TransportEvent::PathChanged,
                IceEvent::Lost { since } => TransportEvent::PathLost { since },
                IceEvent::Back => TransportEvent::PathBack,
                IceEvent::RestartNeeded => TransportEvent::RestartNeeded,
                IceEvent::Failed => TransportEvent::Failed(TransportFailure::NoPath),
            };
            self.event(event);
        }
        while let Some((path, bytes)) = self.ice.as_mut().and_then(|ice| ice.poll_transmit(now)) {
            self.emit(now, path, bytes);
        }
    }

    fn pump_dtls(&mut self, now: Instant) {
        for component in [Component::Rtp, Component::Rtcp] {
            let Some(path) = self.path(now, component) else {
                continue;
            };
            let Protection::Dtls(associations) = &mut self.protection else {
                return;
            };
            if let Err(failure) = associations.begin(now, component) {
                self.event(TransportEvent::Failed(failure));
                return;
            }
            while let Protection::Dtls(associations) = &mut self.protection
                && let Some(bytes) = associations.poll_transmit(component)
            {
                self.emit(now, path, bytes);
            }
        }
        while let Protection::Dtls(associations) = &mut self.protection
            && let Some(progress) = associations.poll_progress()
        {
            let local = associations.local();
            match progress {
                Progress::Keys {
                    component: Component::Rtp,
                    remote,
                } => {
                    self.secured(Some(Certificates { local, remote }));
                    self.open_early(now);
                }
                Progress::Keys {
                    component: Component::Rtcp,
                    ..
                } => self.open_early(now),
                Progress::Failed(failure) => self.event(TransportEvent::Failed(failure)),
            }
        }
    }
}
