//! The session and its transport: sockets, gathering, restarts, and what comes out of it.

use std::net::SocketAddr;
use std::time::Instant;

use tandem_types::media::IceDescription;
use tandem_types::{Encryption, Entropy};

use super::event::Output;
use super::liveness::Pulse;
use super::{MediaSession, Phase};
use crate::gather::GatherConfig;
use crate::negotiate::{LocalTransport, ReceiveMap};
use crate::transport::{
    CandidateError, LocalSocket, Route, StreamId, StreamInput, TransportCounters, TransportFailure,
    TransportOutput,
};

impl MediaSession {
    /// A socket for this call is open. The first of each component is the one a peer without ICE is told.
    pub fn add_socket(&mut self, now: Instant, socket: LocalSocket) {
        self.transport.add_socket(now, socket);
        self.drain(now);
    }

    /// A socket's network is about to go, or another is preferred: the way in use stays, but the generation that
    /// the next [`MediaSession::restart`] begins does without it.
    pub fn leave_socket(&mut self, address: SocketAddr) {
        self.transport.leave_socket(address);
    }

    /// A socket of this call is gone, with the network it was on.
    pub fn remove_socket(&mut self, now: Instant, address: SocketAddr) {
        self.transport.remove_socket(now, address);
        self.drain(now);
    }

    /// Begins ICE with the sockets there are and those that follow; without it, the call has none. The
    /// addresses come as events, and all of them stand in [`MediaSession::local_transport`].
    ///
    /// # Errors
    /// The agent cannot be set up.
    pub fn gather(
        &mut self,
        now: Instant,
        config: GatherConfig,
        entropy: Box<dyn Entropy>,
    ) -> Result<(), TransportFailure> {
        self.transport.gather(now, config, entropy)?;
        self.drain(now);
        Ok(())
    }

    /// What to tell the peer in the next description; `None` as long as there is no address to tell.
    pub fn local_transport(&mut self) -> Option<LocalTransport> {
        self.transport.local(self.entropy.as_mut())
    }

    /// A candidate of the peer's that came after its description (RFC 8838). `fragment`: the `ufrag` it came
    /// with, if any.
    ///
    /// # Errors
    /// Why it is not used; the call goes on without it.
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        line: &str,
        fragment: Option<&str>,
    ) -> Result<(), CandidateError> {
        self.transport.add_remote_candidate(now, line, fragment)?;
        self.drain(now);
        Ok(())
    }

    /// Begins the next ICE generation beside the one in use (make-before-break);
    /// [`MediaSession::local_transport`] then describes it, for a new offer or for the answer to a peer that
    /// restarts. Media goes on where it was until the new way is found.
    ///
    /// # Errors
    /// The agent cannot be set up.
    pub fn restart(&mut self, now: Instant) -> Result<(), TransportFailure> {
        self.transport.restart(now, self.entropy.as_mut())?;
        self.drain(now);
        Ok(())
    }

    /// The call is accepted: whoever answered last is its peer for good. Until then several ends may answer one offer,
    /// as where it is forked, each with keys and ICE of its own, and the last one counts; from now on other ICE comes
    /// by a [`restart`](MediaSession::restart) only.
    pub fn settle(&mut self) {
        self.transport.settle();
    }

    /// Nobody who answered so far is the call's peer, and the next offer is a new one: with new keys and new ICE
    /// credentials, to be told as [`MediaSession::local_transport`] says from now on. The sockets stay, and the
    /// addresses found.
    ///
    /// # Errors
    /// The agent cannot be set up; the session is then as it was.
    pub fn start_over(&mut self, now: Instant) -> Result<(), TransportFailure> {
        if self.phase == Phase::Closed {
            return Ok(());
        }
        self.transport.start_over(now, self.entropy.as_mut())?;
        self.phase = Phase::New;
        self.negotiated = None;
        self.receive.clear();
        self.receiver.pause();
        self.liveness.expect_media(now, false);
        self.drain(now);
        Ok(())
    }

    /// Whether there is a way to the peer, as [`TransportEvent::Connected`](crate::TransportEvent::Connected) told.
    pub const fn is_connected(&self) -> bool {
        self.transport.is_connected()
    }

    /// Whether the peer's new `description` restarts ICE, so that [`MediaSession::restart`] has to come before the
    /// answer.
    pub fn is_restarted_by(&self, description: &IceDescription) -> bool {
        self.transport.is_restarted_by(description)
    }

    /// Something became of a connection that [`Output::Stream`] opened.
    pub fn handle_stream(&mut self, now: Instant, id: StreamId, input: StreamInput<'_>) {
        if self.phase != Phase::Closed {
            self.transport.handle_stream(now, id, input);
            self.drain(now);
        }
    }

    /// What protects the packets now; `None` while nothing does that should.
    pub fn encryption(&self) -> Option<Encryption> {
        self.transport.encryption()
    }

    /// Datagrams that were not used.
    pub fn transport_counters(&self) -> TransportCounters {
        self.transport.counters()
    }

    /// Takes what the transport has ready.
    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.transport.poll_output() {
            match output {
                TransportOutput::Send(datagram) => self.output(Output::Transmit(datagram)),
                TransportOutput::Stream(command) => self.output(Output::Stream(command)),
                TransportOutput::Event(event) => self.output(Output::Transport(event)),
                // Nothing was offered: whoever knows this port already is not our peer.
                TransportOutput::Rtp { .. } | TransportOutput::Rtcp(..)
                    if self.phase == Phase::New => {}
                TransportOutput::Rtp { stream: 0, packet } => self.handle_rtp(now, &packet),
                // One stream is carried so far.
                TransportOutput::Rtp { .. } => {}
                TransportOutput::Rtcp(items, length) => {
                    self.schedule.count(length);
                    self.pulse(now, Pulse::Rtcp);
                    for item in &items {
                        self.handle_rtcp(now, item);
                    }
                }
            }
        }
        self.hurry(now);
    }

    /// The first packet leaves as soon as it can, not at the next tick of a clock that nobody has heard yet.
    fn hurry(&mut self, now: Instant) {
        let waits = self.phase == Phase::Running && self.sender.packets_sent() == 0;
        let sends = |n: &crate::negotiate::Negotiated| n.direction.sends();
        if waits
            && self.next_tick.is_some_and(|due| due > now)
            && self.negotiated.as_ref().is_some_and(sends)
            && self.transport.can_send(now)
        {
            self.next_tick = Some(now);
        }
    }
}

/// The one stream of a session.
pub(super) fn route(receive: &ReceiveMap) -> Route {
    Route {
        mid: None,
        payload_types: receive.keys().copied().collect(),
    }
}
