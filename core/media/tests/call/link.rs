//! Two sessions and the network between them, in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tandem_media::io::{AudioSink, AudioSource};
use tandem_media::{
    Component, Datagram, Frame, LocalSocket, MediaEvent, MediaSession, Output, SessionConfig,
    TransportConfig,
};
use tandem_types::{Entropy, SeededEntropy};

use crate::speech::Speech;

/// What the network does to packets, in either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// One way.
    pub delay_ms: u64,
    /// Up to this much more, evenly spread.
    pub jitter_ms: u64,
    /// Of a hundred packets.
    pub loss_percent: u64,
    /// Nothing gets through.
    pub broken: bool,
}

/// What a session played.
#[derive(Clone, Default)]
pub struct Heard(pub Arc<Mutex<Vec<f32>>>);

impl AudioSink for Heard {
    fn write(&mut self, frame: &Frame) {
        self.0.lock().unwrap().extend_from_slice(frame);
    }
}

/// One side of the call.
pub struct Side {
    pub session: MediaSession,
    pub heard: Heard,
    pub events: Vec<(Duration, MediaEvent)>,
    /// Everything sent: when, where from, and the bytes.
    pub sent: Vec<(Duration, Component, Vec<u8>)>,
    pub address: SocketAddr,
    /// Where the other side sees its RTP come from.
    pub outside: SocketAddr,
}

impl Side {
    pub fn saw(&self, wanted: MediaEvent) -> Option<Duration> {
        self.events
            .iter()
            .find(|(_, event)| *event == wanted)
            .map(|(at, _)| *at)
    }

    pub fn keys(&self) -> String {
        let key = |(_, event): &(Duration, MediaEvent)| match event {
            MediaEvent::Dtmf(key) => Some(*key),
            _ => None,
        };
        self.events.iter().filter_map(key).collect()
    }

    pub fn heard(&self) -> Vec<f32> {
        self.heard.0.lock().unwrap().clone()
    }
}

/// Alice, Bob and the weather between them.
pub struct Call {
    pub start: Instant,
    pub now: Instant,
    pub alice: Side,
    pub bob: Side,
    pub weather: Weather,
    flying: BTreeMap<(Instant, u64), (bool, Datagram)>,
    sequence: u64,
    dice: SeededEntropy,
}

pub fn alice_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4000))
}

pub fn bob_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 5000))
}

fn next_port(of: SocketAddr) -> SocketAddr {
    SocketAddr::new(of.ip(), of.port() + 1)
}

fn side(now: Instant, seed: u64, source: Box<dyn AudioSource>, address: SocketAddr) -> Side {
    let heard = Heard::default();
    let config = SessionConfig {
        source,
        sink: Box::new(heard.clone()),
        muted: false,
        transport: TransportConfig::default(),
    };
    let wall = Duration::from_secs(1_790_000_000);
    let entropy = Box::new(SeededEntropy::new(seed));
    let mut session = MediaSession::new(now, wall, config, entropy);
    for (component, address) in [
        (Component::Rtp, address),
        (Component::Rtcp, next_port(address)),
    ] {
        let rank = 0;
        session.add_socket(
            now,
            LocalSocket {
                component,
                address,
                rank,
            },
        );
    }
    Side {
        session,
        heard,
        events: Vec::new(),
        sent: Vec::new(),
        address,
        outside: address,
    }
}

impl Call {
    /// Both sides speak; nothing is agreed yet.
    pub fn new(seed: u64, weather: Weather) -> Self {
        println!("seed {seed}, {weather:?}");
        let start = Instant::now();
        Self {
            start,
            now: start,
            alice: side(start, seed, Box::new(Speech::new(110.0)), alice_address()),
            bob: side(start, seed + 1, Box::new(Speech::new(190.0)), bob_address()),
            weather,
            flying: BTreeMap::new(),
            sequence: 0,
            dice: SeededEntropy::new(seed + 2),
        }
    }

    /// Lets time pass; every packet arrives and every timer fires at its instant.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.collect();
            let timers = [
                self.alice.session.poll_timeout(),
                self.bob.session.poll_timeout(),
            ];
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let next = timers.into_iter().flatten().chain(packet).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if packet == Some(next) {
                let (_, (to_bob, Datagram { from, to, bytes })) = self.flying.pop_first().unwrap();
                let side = if to_bob {
                    &mut self.bob
                } else {
                    &mut self.alice
                };
                side.session.handle_datagram(self.now, to, from, &bytes);
            } else {
                self.alice.session.handle_timeout(self.now);
                self.bob.session.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    /// Fetches what both sides want and sends it on its way.
    pub fn collect(&mut self) {
        let (now, since) = (self.now, self.now - self.start);
        for to_bob in [true, false] {
            let side = if to_bob {
                &mut self.alice
            } else {
                &mut self.bob
            };
            while let Some(output) = side.session.poll_output() {
                match output {
                    Output::Stream(_) | Output::Transport(_) => {}
                    Output::Event(event) => side.events.push((since, event)),
                    Output::Transmit(datagram) => {
                        let component = if datagram.from == side.address {
                            Component::Rtp
                        } else {
                            Component::Rtcp
                        };
                        side.sent.push((since, component, datagram.bytes.clone()));
                        let lost = self.dice.below(100) < self.weather.loss_percent;
                        let extra = self.dice.below(self.weather.jitter_ms * 1000 + 1);
                        if lost || self.weather.broken {
                            continue;
                        }
                        let mut datagram = datagram;
                        if component == Component::Rtp {
                            datagram.from = side.outside;
                        }
                        let flight = self.weather.delay_ms * 1000 + extra;
                        let at = now + Duration::from_micros(flight);
                        self.sequence += 1;
                        self.flying.insert((at, self.sequence), (to_bob, datagram));
                    }
                }
            }
        }
    }
}
