//! ICE by two hands, behind one face.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol};
use tandem_media::fuzzing::Way;
use tandem_types::SeededEntropy;

/// Two ends that have each other's credentials and one candidate each; the first controls.
pub fn ours(now: Instant, sockets: [SocketAddr; 2], seed: u64) -> [Box<dyn Ice>; 2] {
    let mut entropy = SeededEntropy::new(seed);
    let mut ends = sockets.map(|socket| Way::new(now, socket, &mut entropy).expect("an agent"));
    let said = [0, 1].map(|end: usize| ends[end].description().expect("a description"));
    for end in [0, 1] {
        assert!(ends[end].agree(now, &said[1 - end], end == 0));
    }
    ends.map(|way| Box::new(way) as Box<dyn Ice>)
}

/// The same with `is`.
pub fn theirs(now: Instant, sockets: [SocketAddr; 2], _seed: u64) -> [Box<dyn Ice>; 2] {
    let credentials = [IceCreds::new(), IceCreds::new()];
    [0, 1].map(|end: usize| {
        let mut agent = IceAgent::new(credentials[end].clone());
        // With its own three seconds some handshakes at 30 % loss wait as long.
        agent.set_max_stun_rto(Duration::from_millis(300));
        agent.set_controlling(end == 0);
        agent.set_remote_credentials(credentials[1 - end].clone());
        agent.add_local_candidate(Candidate::host(sockets[end], "udp").expect("a candidate"));
        agent.add_remote_candidate(Candidate::host(sockets[1 - end], "udp").expect("a candidate"));
        agent.handle_timeout(now);
        Box::new(Theirs {
            agent,
            socket: sockets[end],
            open: false,
            due: Some(now),
        }) as Box<dyn Ice>
    })
}

/// One end.
pub trait Ice {
    fn handle(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>>;
    /// Whether DTLS may begin.
    fn is_open(&self, now: Instant) -> bool;
}

impl Ice for Way {
    fn handle(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.handle(now, from, bytes);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.poll_transmit(now)
    }

    fn is_open(&self, now: Instant) -> bool {
        self.is_open(now)
    }
}

struct Theirs {
    agent: IceAgent,
    socket: SocketAddr,
    open: bool,
    due: Option<Instant>,
}

impl Theirs {
    fn settle(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            self.open |= matches!(event, IceAgentEvent::NominatedSend { .. });
        }
        self.due = self.agent.poll_timeout();
    }
}

impl Ice for Theirs {
    fn handle(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if let Ok(message) = StunMessage::parse(bytes) {
            let packet = StunPacket {
                proto: Protocol::Udp,
                source: from,
                destination: self.socket,
                message,
            };
            self.agent.handle_packet(now, packet);
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.settle();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Vec<u8>> {
        let transmit = self.agent.poll_transmit()?;
        Some(transmit.contents.into())
    }

    fn is_open(&self, _now: Instant) -> bool {
        self.open
    }
}
