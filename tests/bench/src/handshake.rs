//! How long until both ends of a call can hear each other, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::security::{Bare, Dimpl, Ours, Security, Twice, Version};
use crate::way::{self, Ice};
use crate::wire::{Weather, Wire};

/// A stack, or a half of one with the other half of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variant {
    Ours,
    OursOnce,
    OursAsking,
    Bare,
    Dimpl12,
    Dimpl12Twice,
    Dimpl13,
    Dimpl13Twice,
    DimplAutoTwice,
    IsDimpl13Twice,
}

impl Variant {
    pub const ALL: [Self; 10] = [
        Self::Ours,
        Self::OursOnce,
        Self::OursAsking,
        Self::Bare,
        Self::Dimpl12,
        Self::Dimpl12Twice,
        Self::Dimpl13,
        Self::Dimpl13Twice,
        Self::DimplAutoTwice,
        Self::IsDimpl13Twice,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours (rtc-dtls, guards, copies)",
            Self::OursOnce => "ours without second copies",
            Self::OursAsking => "ours, the server asks for a cookie",
            Self::Bare => "our ICE + rtc-dtls without guards",
            Self::Dimpl12 => "our ICE + dimpl DTLS 1.2",
            Self::Dimpl12Twice => "our ICE + dimpl DTLS 1.2, copies",
            Self::Dimpl13 => "our ICE + dimpl DTLS 1.3",
            Self::Dimpl13Twice => "our ICE + dimpl DTLS 1.3, copies",
            Self::DimplAutoTwice => "our ICE + dimpl, either version, copies",
            Self::IsDimpl13Twice => "is + dimpl DTLS 1.3, copies",
        }
    }

    fn ice(self, now: Instant, sockets: [SocketAddr; 2], seed: u64) -> [Box<dyn Ice>; 2] {
        if self == Self::IsDimpl13Twice {
            return way::theirs(now, sockets, seed);
        }
        way::ours(now, sockets, seed)
    }

    /// The end that does not control is the client: the usual answerer, who says `a=setup:active`.
    fn security(self, now: Instant, seed: u64) -> [Box<dyn Security>; 2] {
        let ours = |copies, announced| {
            Ours::pair(copies, announced).map(|end| Box::new(end) as Box<dyn Security>)
        };
        match self {
            Self::Ours => ours(true, true),
            Self::OursOnce => ours(false, true),
            Self::OursAsking => ours(true, false),
            Self::Bare => [false, true].map(|client| Box::new(Bare::new(client)) as _),
            Self::Dimpl12 => dimpl(now, Version::V12, false, seed),
            Self::Dimpl12Twice => dimpl(now, Version::V12, true, seed),
            Self::Dimpl13 => dimpl(now, Version::V13, false, seed),
            Self::Dimpl13Twice | Self::IsDimpl13Twice => dimpl(now, Version::V13, true, seed),
            Self::DimplAutoTwice => dimpl(now, Version::Either, true, seed),
        }
    }
}

fn dimpl(now: Instant, version: Version, copies: bool, seed: u64) -> [Box<dyn Security>; 2] {
    [false, true].map(|client| {
        let end = Dimpl::new(now, version, client, seed * 2 + u64::from(client));
        match copies {
            true => Box::new(Twice::new(now, end)) as Box<dyn Security>,
            false => Box::new(end),
        }
    })
}

/// One call being set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// When an end could first play what the other sent, the later of both; nothing if that never was.
    pub first_audio: Option<Duration>,
    pub bytes: u64,
}

/// Longer than this is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// A phone sends sound that often; each packet may be lost like any other.
const FRAME: Duration = Duration::from_millis(20);
/// The first byte of RTP.
const RTP: u8 = 0x80;

struct End {
    ice: Box<dyn Ice>,
    security: Box<dyn Security>,
    next_frame: Option<Instant>,
    heard: Option<Instant>,
}

/// Sets up one call. It begins when both ends have each other's descriptions.
pub fn run(variant: Variant, weather: Weather, seed: u64, start: Instant) -> Setup {
    let sockets = ["192.0.2.1:4000", "198.51.100.2:4000"];
    let sockets = sockets.map(|text| text.parse::<SocketAddr>().expect("an address"));
    let mut wire = Wire::new(weather, seed);
    let mut ices = variant.ice(start, sockets, seed).into_iter();
    let mut ends = variant.security(start, seed).map(|security| End {
        ice: ices.next().expect("two ends"),
        security,
        next_frame: None,
        heard: None,
    });
    let mut now = start;
    loop {
        while let Some((to, bytes)) = wire.arrive(now) {
            let end = &mut ends[to];
            match bytes.first() {
                Some(0..=3) => end.ice.handle(now, sockets[1 - to], &bytes),
                Some(20..=63) => end.security.handle(now, &bytes),
                // Sound that comes before the keys is kept, and played when they are there.
                Some(&RTP) => {
                    end.heard.get_or_insert(now);
                }
                _ => {}
            }
        }
        for (side, end) in ends.iter_mut().enumerate() {
            end.advance(now, side, &mut wire);
        }
        let played = ends
            .each_ref()
            .map(|end| end.heard.filter(|_| end.security.has_keys()));
        if let [Some(_), Some(_)] = played {
            return Setup {
                first_audio: Some(now - start),
                bytes: wire.bytes,
            };
        }
        let due = ends.iter().flat_map(End::due).chain(wire.next()).min();
        match due {
            // A timer that is due and changes nothing must not stop time.
            Some(at) => now = at.max(now + Duration::from_micros(100)),
            None => break,
        }
        if now - start > PATIENCE {
            break;
        }
    }
    Setup {
        first_audio: None,
        bytes: wire.bytes,
    }
}

impl End {
    fn advance(&mut self, now: Instant, side: usize, wire: &mut Wire) {
        if self.ice.poll_timeout().is_some_and(|at| at <= now) {
            self.ice.handle_timeout(now);
        }
        while let Some(bytes) = self.ice.poll_transmit(now) {
            wire.send(now, side, bytes);
        }
        self.security.handle_timeout(now);
        if !self.ice.is_open(now) {
            return;
        }
        self.security.begin(now);
        while let Some(bytes) = self.security.poll_transmit() {
            wire.send(now, side, bytes);
        }
        if self.security.has_keys() && self.next_frame.is_none_or(|at| at <= now) {
            wire.send(now, side, vec![RTP; 172]);
            self.next_frame = Some(now + FRAME);
        }
    }

    fn due(&self) -> impl Iterator<Item = Instant> {
        let timers = [
            self.ice.poll_timeout(),
            self.security.poll_timeout(),
            self.next_frame,
        ];
        timers.into_iter().flatten()
    }
}

/// Many calls.
#[derive(Clone, Debug)]
pub struct Figures {
    pub calls: usize,
    pub failures: usize,
    pub median: u64,
    pub p95: u64,
    pub max: u64,
    pub bytes: u64,
}

/// Sets up calls with the seeds from 1 on.
pub fn many(variant: Variant, weather: Weather, calls: u64, start: Instant) -> Figures {
    let all: Vec<Setup> = (1..=calls)
        .map(|seed| run(variant, weather, seed, start))
        .collect();
    let mut times: Vec<u64> = all
        .iter()
        .filter_map(|setup| Some(setup.first_audio?.as_millis() as u64))
        .collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default()
    };
    Figures {
        calls: all.len(),
        failures: all.len() - times.len(),
        median: at(50),
        p95: at(95),
        max: at(100),
        bytes: all.iter().map(|setup| setup.bytes).sum::<u64>() / calls.max(1),
    }
}
