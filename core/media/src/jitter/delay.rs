//! How long sound should wait: long enough for nearly every packet, learnt from their arrivals.
//!
//! Each packet's transit (arrival minus timestamp) is compared with the fastest of the last seconds; the
//! excess goes into a histogram that slowly forgets, and a high quantile of it is the target. The moving
//! minimum also follows the drift between the two clocks.

use std::collections::VecDeque;
use std::time::Duration;

/// Width of a histogram bin.
const BIN_MICROS: i64 = 5_000;
/// Bins: up to 500 ms.
const BINS: usize = 100;
/// Of all packets, this share should be in time.
const QUANTILE: f32 = 0.97;
/// Weight a packet's delay keeps when the next one arrives, once there are enough: a memory of 10 s.
const MEMORY: f32 = 0.998;
/// The fastest transit is looked for in this many slots of [`SLOT_MICROS`].
const SLOTS: usize = 8;
const SLOT_MICROS: i64 = 500_000;
/// Bounds of the target.
const LEAST: i64 = 10_000;
const MOST: i64 = 400_000;
/// When packets are lost and each carries a copy of the one before, it pays to wait for the next.
const FOR_RECOVERY: i64 = 20_000;

/// Learns the delays of one stream. All times are in microseconds.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    slots: VecDeque<(i64, i64)>,
    histogram: [f32; BINS],
    packets: u32,
    target: i64,
    /// Moving share of lost packets.
    loss: f32,
    recoverable: bool,
}

impl DelayEstimator {
    pub(super) fn new() -> Self {
        Self {
            slots: VecDeque::with_capacity(SLOTS + 1),
            histogram: [0.0; BINS],
            packets: 0,
            target: LEAST,
            loss: 0.0,
            recoverable: false,
        }
    }

    /// Whether the codec can restore a packet from the next one.
    pub(super) fn set_recoverable(&mut self, recoverable: bool) {
        self.recoverable = recoverable;
    }

    /// The fastest transit lately; `None` before the first packet.
    pub(super) fn base(&self) -> Option<i64> {
        self.slots.iter().map(|(_, transit)| *transit).min()
    }

    /// Forgets the transits, not how much they vary: the timestamps start anew.
    pub(super) fn restart(&mut self) {
        self.slots.clear();
    }

    /// Learns from a packet that arrived at `arrival` after `transit`.
    pub(super) fn learn(&mut self, arrival: i64, transit: i64) {
        let slot = arrival.div_euclid(SLOT_MICROS);
        match self.slots.back_mut() {
            Some((last, fastest)) if *last == slot => *fastest = (*fastest).min(transit),
            _ => self.slots.push_back((slot, transit)),
        }
        while self
            .slots
            .front()
            .is_some_and(|(old, _)| slot - old >= SLOTS as i64)
        {
            self.slots.pop_front();
        }
        let excess = transit - self.base().unwrap_or(transit);
        let bin = usize::try_from(excess / BIN_MICROS)
            .unwrap_or(0)
            .min(BINS - 1);
        self.packets = self.packets.saturating_add(1);
        // At first a plain average, so that the first seconds already count fully.
        let memory = MEMORY.min(1.0 - 1.0 / (self.packets as f32 + 1.0));
        for weight in &mut self.histogram {
            *weight *= memory;
        }
        if let Some(weight) = self.histogram.get_mut(bin) {
            *weight += 1.0 - memory;
        }
        self.target = self.quantile().clamp(LEAST, MOST);
    }

    /// Learns whether a packet was there, or had to be done without.
    pub(super) fn learn_loss(&mut self, lost: bool) {
        let now = if lost { 1.0 } else { 0.0 };
        self.loss += (now - self.loss) * 0.02;
    }

    /// How long the fastest packet should wait.
    pub(super) fn target(&self) -> i64 {
        if self.recoverable && self.loss > 0.01 {
            // The next packet must be here by then: one packet later, with the same jitter.
            return (self.target + FOR_RECOVERY).min(MOST);
        }
        self.target
    }

    fn quantile(&self) -> i64 {
        let total: f32 = self.histogram.iter().sum();
        let mut below = 0.0;
        for (bin, weight) in self.histogram.iter().enumerate() {
            below += weight;
            if below >= QUANTILE * total {
                return (bin as i64 + 1) * BIN_MICROS;
            }
        }
        MOST
    }
}

/// Microseconds as a duration; negative ones are none.
pub(super) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_needs_little_and_a_shaky_one_its_spread() {
        let mut steady = DelayEstimator::new();
        let mut shaky = DelayEstimator::new();
        for n in 0..500_i64 {
            steady.learn(n * 20_000, 7_000_000);
            shaky.learn(n * 20_000, 7_000_000 + (n * 7919 % 60) * 1000);
        }
        assert_eq!(steady.target(), LEAST);
        assert_eq!(shaky.target(), 60_000);
        // And it forgets.
        for n in 500..2500_i64 {
            shaky.learn(n * 20_000, 7_000_000);
        }
        assert!(shaky.target() <= 20_000, "{}", shaky.target());
    }

    #[test]
    fn the_base_follows_a_drifting_clock_and_a_longer_path() {
        let mut estimator = DelayEstimator::new();
        for n in 0..5000_i64 {
            estimator.learn(n * 20_000, n * 4);
        }
        // 200 ppm over the 4 s it remembers are less than a millisecond.
        assert!((20_000 - 900..=20_000).contains(&estimator.base().unwrap()));
        assert_eq!(estimator.target(), LEAST);
    }

    #[test]
    fn loss_makes_room_for_recovery_only_if_the_codec_can() {
        for (recoverable, expected) in [(false, LEAST), (true, LEAST + FOR_RECOVERY)] {
            let mut estimator = DelayEstimator::new();
            estimator.set_recoverable(recoverable);
            for n in 0..100_i64 {
                estimator.learn(n * 20_000, 0);
                estimator.learn_loss(n % 10 == 0);
            }
            assert_eq!(estimator.target(), expected);
        }
    }
}
