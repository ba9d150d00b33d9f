//! A wire in virtual time that loses and delays, the same for every variant of one seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem_types::{Entropy, SeededEntropy};

/// How bad the wire is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub round_trip: Duration,
    /// Each packet is later by a random part of this.
    pub jitter: Duration,
    /// Of a hundred packets.
    pub loss: u64,
}

/// Both directions. Packets may overtake each other.
pub struct Wire {
    weather: Weather,
    chance: SeededEntropy,
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sent: u64,
    pub bytes: u64,
}

impl Wire {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            chance: SeededEntropy::new(seed),
            flying: BTreeMap::new(),
            sent: 0,
            bytes: 0,
        }
    }

    /// One side sends.
    pub fn send(&mut self, now: Instant, from: usize, bytes: Vec<u8>) {
        self.sent += 1;
        self.bytes += bytes.len() as u64;
        // Both numbers are drawn for every packet, so that a lost one does not shift the chances of the rest.
        let lost = self.chance.below(100) < self.weather.loss;
        let jitter = self.weather.jitter.as_micros() as u64;
        let later = Duration::from_micros(self.chance.below(jitter.max(1)));
        if !lost {
            let at = now + self.weather.round_trip / 2 + later;
            self.flying.insert((at, self.sent), (1 - from, bytes));
        }
    }

    /// When the next packet arrives.
    pub fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived by `now`, and at which side.
    pub fn arrive(&mut self, now: Instant) -> Option<(usize, Vec<u8>)> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
