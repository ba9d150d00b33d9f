//! Two sessions with sockets, the network between them, and the signalling beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_media::dtls::Certificate;
use tandem_media::gather::GatherConfig;
use tandem_media::io::{NullSink, Tone};
use tandem_media::negotiate::{accept, answer, offer, reoffer};
use tandem_media::{
    AudioCodec, Capabilities, Component, Datagram, LocalSocket, MediaEvent, MediaSession,
    Negotiated, Output, Protection, SessionConfig, TransportConfig, TransportEvent,
};
use tandem_types::media::MediaSecurity;
use tandem_types::{Direction, Entropy, MediaDescription, SeededEntropy};

pub const ALICE: usize = 0;
pub const BOB: usize = 1;

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a call is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub one_way_ms: u64,
    pub jitter_ms: u64,
    pub loss_percent: u64,
    pub protection: Protection,
    pub ice: bool,
    pub rtcp_mux: bool,
    pub ipv6: bool,
    /// Strangers send STUN, DTLS and RTP at both, all the time.
    pub junk: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            one_way_ms: 50,
            jitter_ms: 0,
            loss_percent: 0,
            protection: Protection::Dtls { feedback: true },
            ice: true,
            rtcp_mux: true,
            ipv6: false,
            junk: false,
        }
    }
}

/// One end.
pub struct Phone {
    pub session: MediaSession,
    pub sockets: Vec<SocketAddr>,
    pub events: Vec<(u64, TransportEvent)>,
    /// When the first media packet, and the first sound, was there.
    pub first_rtp: Option<u64>,
    pub first_audio: Option<u64>,
    pub errors: Vec<MediaEvent>,
    /// The last description of either kind, and the terms it led to.
    pub said: MediaDescription,
    pub terms: Option<Negotiated>,
}

impl Phone {
    pub fn when(&self, wanted: impl Fn(&TransportEvent) -> bool) -> Option<u64> {
        self.events
            .iter()
            .find(|(_, event)| wanted(event))
            .map(|(at, _)| *at)
    }

    pub fn secured(&self) -> Option<u64> {
        self.when(|event| matches!(event, TransportEvent::Secured { .. }))
    }

    pub fn failed(&self) -> bool {
        self.when(|event| matches!(event, TransportEvent::Failed(_)))
            .is_some()
    }
}

/// Both ends and the world.
pub struct Call {
    pub plan: Plan,
    pub start: Instant,
    pub now: Instant,
    pub phones: [Phone; 2],
    /// Addresses that neither send nor receive any more.
    pub dead: BTreeSet<SocketAddr>,
    /// A socket, and what it looks like from outside.
    pub nat: BTreeMap<SocketAddr, SocketAddr>,
    /// One way delay between two addresses that differs from the plan's, by local address of the sender.
    pub slow: BTreeMap<SocketAddr, u64>,
    flying: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    dice: SeededEntropy,
    next_junk: Instant,
}

pub fn address(side: usize, ipv6: bool, port: u16) -> SocketAddr {
    let last = side as u8 + 1;
    if ipv6 {
        format!("[2001:db8::{last}]:{port}").parse().unwrap()
    } else {
        SocketAddr::from(([192, 0, 2, last], port))
    }
}

pub fn capabilities(plan: &Plan) -> Capabilities {
    Capabilities {
        codecs: vec![AudioCodec::Pcmu],
        rtcp_mux: plan.rtcp_mux,
        security: MediaSecurity::PlainAllowed,
        signalling_is_secure: true,
        ..Capabilities::default()
    }
}

impl Call {
    /// Two ends with their sockets; nothing is said yet.
    pub fn new(seed: u64, plan: Plan) -> Self {
        println!("seed {seed}, {plan:?}");
        let start = Instant::now();
        let phone = |side: usize| {
            let certificate = match plan.protection {
                Protection::Dtls { .. } => Some(Certificate::generate().unwrap()),
                _ => None,
            };
            let config = SessionConfig {
                source: Box::new(Tone::new(440.0)),
                sink: Box::new(NullSink),
                muted: false,
                transport: TransportConfig {
                    certificate,
                    ..TransportConfig::default()
                },
            };
            let wall = Duration::from_secs(1_790_000_000);
            let entropy = |salt| Box::new(SeededEntropy::new(seed * 10 + side as u64 + salt));
            let mut session = MediaSession::new(start, wall, config, entropy(2));
            let sockets = [(Component::Rtp, 4000), (Component::Rtcp, 4001)];
            let sockets = sockets.map(|(component, port)| LocalSocket {
                component,
                address: address(side, plan.ipv6, port),
                rank: 0,
            });
            for socket in sockets {
                session.add_socket(start, socket);
            }
            if plan.ice {
                session
                    .gather(start, GatherConfig::default(), entropy(4))
                    .unwrap();
            }
            Phone {
                session,
                sockets: sockets.map(|socket| socket.address).to_vec(),
                events: Vec::new(),
                first_rtp: None,
                first_audio: None,
                errors: Vec::new(),
                said: MediaDescription::default(),
                terms: None,
            }
        };
        Self {
            plan,
            start,
            now: start,
            phones: [phone(ALICE), phone(BOB)],
            dead: BTreeSet::new(),
            nat: BTreeMap::new(),
            slow: BTreeMap::new(),
            flying: BTreeMap::new(),
            count: 0,
            dice: SeededEntropy::new(seed * 10 + 9),
            next_junk: start,
        }
    }

    /// A call whose signalling is done: from now on both know everything of each other.
    pub fn up(seed: u64, plan: Plan) -> Self {
        let mut call = Self::new(seed, plan);
        let offered = call.offer();
        call.answer(&offered);
        call
    }

    pub fn offer(&mut self) -> MediaDescription {
        let alice = &mut self.phones[ALICE];
        let local = alice.session.local_transport().unwrap();
        let caps = capabilities(&self.plan);
        let offered = offer(&caps, &local, self.plan.protection, Direction::SendRecv);
        alice.session.listen(self.now, &offered);
        offered
    }

    /// Bob answers, and Alice takes the answer, at the same instant.
    pub fn answer(&mut self, offered: &MediaDescription) {
        self.answer_from(ALICE, offered);
    }

    pub fn answer_from(&mut self, offerer: usize, offered: &MediaDescription) {
        let answerer = 1 - offerer;
        let caps = capabilities(&self.plan);
        let bob = &mut self.phones[answerer];
        let remote = offered.streams[0].transport.as_ref().unwrap().ice.as_ref();
        if remote.is_some_and(|remote| bob.session.is_restarted_by(remote)) {
            bob.session.restart(self.now).unwrap();
        }
        let local = bob.session.local_transport().unwrap();
        let wish = Direction::SendRecv;
        let (answered, terms) = answer(offered, &caps, &local, wish, bob.terms.as_ref()).unwrap();
        bob.session.update(self.now, terms.clone()).unwrap();
        bob.terms = Some(terms);
        bob.said = answered.clone();
        let alice = &mut self.phones[offerer];
        let terms = accept(offered, &answered, alice.terms.as_ref()).unwrap();
        alice.session.update(self.now, terms.clone()).unwrap();
        alice.terms = Some(terms);
        alice.said = offered.clone();
    }

    /// ICE restart, asked for by `side`.
    pub fn restart(&mut self, side: usize) {
        let caps = capabilities(&self.plan);
        let phone = &mut self.phones[side];
        phone.session.restart(self.now).unwrap();
        let local = phone.session.local_transport().unwrap();
        let current = phone.terms.as_ref();
        let offered = reoffer(&phone.said, &caps, &local, current, Direction::SendRecv);
        self.answer_from(side, &offered);
    }

    pub fn add_socket(&mut self, side: usize, address: SocketAddr, rank: u8) {
        let socket = LocalSocket {
            component: Component::Rtp,
            address,
            rank,
        };
        self.phones[side].sockets.push(address);
        self.phones[side].session.add_socket(self.now, socket);
    }

    pub fn elapsed(&self) -> u64 {
        self.now.duration_since(self.start).as_millis() as u64
    }

    fn collect(&mut self) {
        let elapsed = self.elapsed();
        for side in [ALICE, BOB] {
            while let Some(output) = self.phones[side].session.poll_output() {
                match output {
                    Output::Transmit(datagram) => self.send(datagram),
                    Output::Stream(command) => panic!("no streams here: {command:?}"),
                    Output::Transport(event) => self.phones[side].events.push((elapsed, event)),
                    Output::Event(MediaEvent::FirstAudio) => {
                        self.phones[side].first_audio.get_or_insert(elapsed);
                    }
                    Output::Event(event) => self.phones[side].errors.push(event),
                }
            }
            let phone = &mut self.phones[side];
            if phone.first_rtp.is_none() && phone.session.stats().packets_received > 0 {
                phone.first_rtp = Some(elapsed);
            }
        }
    }

    fn send(&mut self, datagram: Datagram) {
        let Datagram { from, to, bytes } = datagram;
        let lost = self.dice.below(100) < self.plan.loss_percent;
        let jitter = self.dice.below(self.plan.jitter_ms * 1000 + 1);
        if lost || self.dead.contains(&from) || self.dead.contains(&to) {
            return;
        }
        let inside = self.nat.iter().find(|(_, outside)| **outside == to);
        let to = inside.map_or(to, |(inside, _)| *inside);
        let delay = self.slow.get(&from).or(self.slow.get(&to));
        let delay = delay.copied().unwrap_or(self.plan.one_way_ms);
        let from = self.nat.get(&from).copied().unwrap_or(from);
        let at = self.now + Duration::from_micros(delay * 1000 + jitter);
        self.count += 1;
        let datagram = Datagram { from, to, bytes };
        self.flying.insert((at, self.count), datagram);
    }

    /// Somebody's `bytes` arrive at `to` at once.
    pub fn inject(&mut self, side: usize, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.phones[side]
            .session
            .handle_datagram(self.now, to, from, bytes);
        self.collect();
    }

    fn junk(&mut self) {
        for side in [ALICE, BOB] {
            let to = self.phones[side].sockets[0];
            // As if from the peer, and from anywhere.
            let peer = self.phones[1 - side].sockets[0];
            let stranger = address(7, self.plan.ipv6, 666);
            for from in [peer, stranger] {
                let bytes = super::hostile::junk(&mut self.dice);
                self.inject(side, from, to, &bytes);
            }
        }
    }

    /// Lets time pass until `done`, at most until `limit` from now.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        for _ in 0..5_000_000 {
            self.collect();
            if done(self) {
                return;
            }
            let timers = self
                .phones
                .iter()
                .filter_map(|phone| phone.session.poll_timeout());
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let junk = self.plan.junk.then_some(self.next_junk);
            let next = timers.chain(packet).chain(junk).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if junk == Some(next) {
                self.next_junk = self.now + ms(7);
                self.junk();
            } else if packet == Some(next) {
                let (_, Datagram { from, to, bytes }) = self.flying.pop_first().unwrap();
                let owner = self.phones.iter_mut().find(|p| p.sockets.contains(&to));
                if let Some(phone) = owner {
                    phone.session.handle_datagram(self.now, to, from, &bytes);
                }
            } else {
                for phone in &mut self.phones {
                    if phone
                        .session
                        .poll_timeout()
                        .is_some_and(|due| due <= self.now)
                    {
                        phone.session.handle_timeout(self.now);
                    }
                }
            }
        }
        panic!("the clock stands still at {} ms", self.elapsed());
    }

    pub fn run(&mut self, duration: Duration) {
        self.run_until(duration, |_| false);
    }

    /// Until both have heard media of the other, or `limit` has passed.
    pub fn talk(&mut self, limit: Duration) {
        self.run_until(limit, |call| {
            call.phones.iter().all(|p| p.first_rtp.is_some())
        });
    }

    /// When each heard the first media of the other.
    pub fn first_rtp(&self) -> [u64; 2] {
        [ALICE, BOB].map(|side| {
            let phone = &self.phones[side];
            let counters = phone.session.transport_counters();
            let events = &phone.events;
            phone
                .first_rtp
                .unwrap_or_else(|| panic!("{side} hears nothing: {events:?} {counters:?}"))
        })
    }
}
