//! A UDP socket between one of our links and a peer, which can lose and repeat datagrams both ways.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tandem_media::dtls::{DtlsLink, DtlsRole};

/// What happens to datagrams.
#[derive(Clone, Copy, Debug)]
pub enum Weather {
    /// Nothing.
    Fair,
    /// Each arrives twice.
    Twice,
    /// This one of each side's datagrams is lost, counted from 1.
    Without(u32),
}

/// Our end of the wire.
pub struct Wire {
    socket: UdpSocket,
    /// Where the peer serves, or where its first datagram came from.
    peer: Option<SocketAddr>,
    weather: Weather,
    sent: u32,
    received: u32,
}

impl Wire {
    /// A socket of our own and, when the peer is to serve, a port for it that was free just now.
    pub fn new(role: DtlsRole, weather: Weather) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        let free = || bind().local_addr().expect("bound");
        Self {
            socket: bind(),
            peer: (role == DtlsRole::Client).then(free),
            weather,
            sent: 0,
            received: 0,
        }
    }

    /// The address of whoever serves: the peer's, or ours.
    pub fn server(&self) -> SocketAddr {
        let own = || self.socket.local_addr().expect("bound");
        self.peer.unwrap_or_else(own)
    }

    /// Carries datagrams until there is an answer or time is up.
    pub fn run<T>(
        &mut self,
        link: &mut DtlsLink,
        limit: Duration,
        mut ask: impl FnMut(&mut DtlsLink) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + limit;
        loop {
            while let Some(datagram) = link.poll_transmit() {
                self.sent += 1;
                for _ in 0..self.weather.copies(self.sent) {
                    // Nobody may listen yet, or any more.
                    let _ = self.peer.map(|peer| self.socket.send_to(&datagram, peer));
                }
            }
            if let Some(answer) = ask(link) {
                return Some(answer);
            }
            let now = Instant::now();
            if now >= end {
                return None;
            }
            let next = link.poll_timeout().unwrap_or(end).min(end);
            let wait = next.saturating_duration_since(now);
            // Whoever asks also looks at what the peer prints.
            let wait = wait.clamp(Duration::from_millis(1), Duration::from_millis(20));
            self.receive(link, wait);
            link.handle_timeout(Instant::now());
        }
    }

    fn receive(&mut self, link: &mut DtlsLink, wait: Duration) {
        let mut buffer = [0; 2048];
        self.socket
            .set_read_timeout(Some(wait))
            .expect("more than zero");
        match self.socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                self.peer.get_or_insert(from);
                self.received += 1;
                for _ in 0..self.weather.copies(self.received) {
                    link.handle(Instant::now(), &buffer[..length]);
                }
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                ),
                "{error}"
            ),
        }
    }
}

impl Weather {
    /// How often the n-th datagram arrives.
    fn copies(self, number: u32) -> u32 {
        match self {
            Self::Fair => 1,
            Self::Twice => 2,
            Self::Without(lost) => u32::from(number != lost),
        }
    }
}
