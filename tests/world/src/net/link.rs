//! One direction of a path between two addresses, and what it does to packets.

use std::time::{Duration, Instant};

use tandem_types::{Entropy, SeededEntropy};

/// What one direction of a path does to packets. Shares are 0.0–1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Time every packet takes.
    pub latency: Duration,
    /// Up to this much more, evenly spread; packets still leave in the order they came in.
    pub jitter: Duration,
    /// Share of packets that vanish.
    pub loss: f64,
    /// Share of packets that arrive twice.
    pub duplication: f64,
    /// Share of packets that others overtake.
    pub reorder: f64,
    /// How much later an overtaken packet arrives, at most.
    pub reorder_delay: Duration,
    /// Longest datagram, in bytes, that gets through; longer ones vanish.
    pub mtu: usize,
}

impl Default for Link {
    /// A clean path of 10 ms.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(40),
            mtu: 65_507,
        }
    }
}

impl Link {
    /// A clean path of `latency`.
    pub fn clean(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::default()
        }
    }

    /// The same path losing a share of its packets.
    pub fn losing(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// The same path with jitter.
    pub fn jittering(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// The same path delivering a share of its packets twice.
    pub fn duplicating(self, duplication: f64) -> Self {
        Self {
            duplication,
            ..self
        }
    }

    /// The same path letting packets overtake a share of the others.
    pub fn reordering(self, reorder: f64) -> Self {
        Self { reorder, ..self }
    }

    /// A path nothing gets through.
    pub fn dead() -> Self {
        Self::default().losing(1.0)
    }
}

/// A link at work: remembers when its last packet arrives, so that jitter alone never reorders.
#[derive(Debug, Default)]
pub(super) struct Flow {
    last_arrival: Option<Instant>,
}

impl Flow {
    /// When the copies of a packet sent `now` arrive: none if it is lost, two if it is duplicated.
    pub(super) fn arrivals(
        &mut self,
        link: &Link,
        length: usize,
        now: Instant,
        entropy: &mut SeededEntropy,
    ) -> Vec<Instant> {
        // Every decision is drawn for every packet, so that changing one share does not shift the others.
        let [lost, twice, overtaken] =
            [link.loss, link.duplication, link.reorder].map(|share| chance(entropy, share));
        let jitter = up_to(entropy, link.jitter);
        let held_back = up_to(entropy, link.reorder_delay);
        if lost || length > link.mtu {
            return Vec::new();
        }
        let mut arrival = now + link.latency + jitter;
        if overtaken {
            arrival += held_back;
        } else {
            arrival = self.last_arrival.map_or(arrival, |last| arrival.max(last));
            self.last_arrival = Some(arrival);
        }
        if twice {
            vec![arrival, arrival + Duration::from_micros(100)]
        } else {
            vec![arrival]
        }
    }
}

fn chance(entropy: &mut SeededEntropy, share: f64) -> bool {
    (entropy.below(1 << 32) as f64) < share * (1_u64 << 32) as f64
}

fn up_to(entropy: &mut SeededEntropy, limit: Duration) -> Duration {
    Duration::from_nanos(entropy.below(limit.as_nanos() as u64 + 1))
}
