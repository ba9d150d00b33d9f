//! Two links and the wire between them, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem_types::{Entropy, SeededEntropy};

use super::*;
use crate::testing::origin;

/// One way.
pub(super) const DELAY: Duration = Duration::from_millis(50);

/// What the wire does to datagrams.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    /// Lost, of a hundred.
    pub(super) loss: u64,
    /// Extra delay at most, in milliseconds; more than a datagram's distance reorders.
    pub(super) jitter: u64,
    /// Sent twice, of a hundred.
    pub(super) twice: u64,
    /// Junk sent to both ends, each millisecond, of a hundred.
    pub(super) junk: u64,
}

/// An end of the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Client,
    Server,
}

/// What came of a handshake.
pub(super) struct Outcome {
    pub(super) client: Option<DtlsEvent>,
    pub(super) server: Option<DtlsEvent>,
    /// When the second end had its keys.
    pub(super) took: Duration,
    pub(super) datagrams: usize,
    pub(super) bytes: usize,
}

impl Outcome {
    pub(super) fn pairs(self) -> (SrtpPair, SrtpPair) {
        match (self.client, self.server) {
            (
                Some(DtlsEvent::Keys { srtp: client, .. }),
                Some(DtlsEvent::Keys { srtp: server, .. }),
            ) => (*client, *server),
            other => panic!("no keys: {other:?}"),
        }
    }
}

/// Two links that know each other's certificates.
pub(super) struct Town {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) client: DtlsLink,
    pub(super) server: DtlsLink,
    entropy: SeededEntropy,
    weather: Weather,
    queue: BTreeMap<(Instant, u64), (End, Vec<u8>)>,
    sent: u64,
    bytes: usize,
}

pub(super) fn config(second_copies: bool) -> DtlsConfig {
    DtlsConfig {
        second_copies,
        ..DtlsConfig::default()
    }
}

impl Town {
    pub(super) fn new(seed: u64, weather: Weather, config: DtlsConfig) -> Self {
        let (mine, theirs) = (certificate(), certificate());
        let prints = [theirs.fingerprint()];
        let client = link(DtlsRole::Client, &mine, &prints, config);
        let server = link(DtlsRole::Server, &theirs, &[mine.fingerprint()], config);
        Self::of(seed, weather, client, server)
    }

    pub(super) fn of(seed: u64, weather: Weather, client: DtlsLink, server: DtlsLink) -> Self {
        Self {
            now: now(),
            start: now(),
            client,
            server,
            entropy: SeededEntropy::new(seed),
            weather,
            queue: BTreeMap::new(),
            sent: 0,
            bytes: 0,
        }
    }

    fn inject(&mut self, to: End, after: Duration, bytes: Vec<u8>) {
        self.sent += 1;
        self.queue
            .insert((self.now + after, self.sent), (to, bytes));
    }

    fn carry(&mut self, to: End, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        let copies = if self.entropy.below(100) < self.weather.twice {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let extra = Duration::from_millis(self.entropy.below(self.weather.jitter + 1));
            let lost = self.entropy.below(100) < self.weather.loss;
            self.sent += 1;
            if !lost {
                let at = self.now + DELAY + extra;
                self.queue.insert((at, self.sent), (to, bytes.clone()));
            }
        }
    }

    /// Runs until both ends have spoken or `limit` has passed.
    pub(super) fn run(&mut self, limit: Duration) -> Outcome {
        let (mut client, mut server) = (None, None);
        let mut took = Duration::ZERO;
        let mut datagrams = 0;
        while self.now - self.start < limit {
            while let Some(bytes) = self.client.poll_transmit() {
                datagrams += 1;
                self.carry(End::Server, bytes);
            }
            while let Some(bytes) = self.server.poll_transmit() {
                datagrams += 1;
                self.carry(End::Client, bytes);
            }
            if let Some(event) = self.client.poll_event() {
                client.get_or_insert(event);
                took = self.now - self.start;
            }
            if let Some(event) = self.server.poll_event() {
                server.get_or_insert(event);
                took = self.now - self.start;
            }
            if client.is_some() && server.is_some() {
                break;
            }
            self.step();
        }
        let bytes = self.bytes;
        Outcome {
            client,
            server,
            took,
            datagrams,
            bytes,
        }
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// What is on its way is lost.
    pub(super) fn drop_all(&mut self) {
        while self.client.poll_transmit().is_some() {}
        while self.server.poll_transmit().is_some() {}
        self.queue.clear();
    }

    /// Runs for a time, whatever happens; events stay where they are. The datagrams that were sent.
    pub(super) fn run_for(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut datagrams = 0;
        loop {
            while let Some(bytes) = self.client.poll_transmit() {
                datagrams += 1;
                self.carry(End::Server, bytes);
            }
            while let Some(bytes) = self.server.poll_transmit() {
                datagrams += 1;
                self.carry(End::Client, bytes);
            }
            let next = self.next().filter(|next| *next <= end);
            let Some(next) = next else {
                break;
            };
            self.now = next.max(self.now);
            self.deliver();
        }
        self.now = end;
        datagrams
    }

    fn next(&self) -> Option<Instant> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let timers = [self.client.poll_timeout(), self.server.poll_timeout()];
        queued.into_iter().chain(timers.into_iter().flatten()).min()
    }

    /// Goes to the next thing that happens.
    fn step(&mut self) {
        if self.weather.junk > 0 {
            self.now += Duration::from_millis(1);
            for to in [End::Client, End::Server] {
                if self.entropy.below(100) < self.weather.junk {
                    let bytes = link_tests::junk(&mut self.entropy);
                    self.inject(to, Duration::ZERO, bytes);
                }
            }
        } else {
            let next = self.next().unwrap_or(self.now + Duration::from_secs(1));
            self.now = next.max(self.now);
        }
        self.deliver();
    }

    /// What is due now arrives.
    fn deliver(&mut self) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                (End::Client, bytes) => self.client.handle(self.now, &bytes),
                (End::Server, bytes) => self.server.handle(self.now, &bytes),
            }
        }
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
    }
}

thread_local! {
    /// All links of a test begin at one instant.
    static ORIGIN: Instant = origin();
}

pub(super) fn certificate() -> Certificate {
    Certificate::generate().expect("a certificate can be made")
}

pub(super) fn link(
    role: DtlsRole,
    own: &Certificate,
    remote: &[Fingerprint],
    config: DtlsConfig,
) -> DtlsLink {
    DtlsLink::new(now(), role, own, remote, config).expect("a link can be made")
}

pub(super) fn now() -> Instant {
    ORIGIN.with(|origin| *origin)
}
