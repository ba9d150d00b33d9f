//! When to send a report (RFC 3550 §6.2, §6.3 and appendix A.7), for two participants.

use std::time::{Duration, Instant};

use tandem_types::Entropy;

/// Least interval between reports, in seconds; half of it before the first (§6.2).
const MINIMUM: f64 = 5.0;
/// RTCP's share: 5 % of a 64 kbit/s call with its headers, in bytes per second.
const BANDWIDTH: f64 = 0.05 * 80_000.0 / 8.0;
/// Makes up for reconsideration's bias towards longer intervals: e − 3/2 (§6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// UDP and IPv4 headers count (§6.2).
const OVERHEAD: f64 = 28.0;
const MEMBERS: f64 = 2.0;

/// The timer of one participant.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: Option<Instant>,
    last: Instant,
    average_size: f64,
    initial: bool,
}

impl Schedule {
    /// Stands still until started.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next: None,
            last: now,
            average_size: 120.0,
            initial: true,
        }
    }

    /// Starts the timer; does nothing if it runs.
    pub(crate) fn start(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        if self.next.is_none() {
            self.last = now;
            self.next = now.checked_add(self.interval(entropy));
        }
    }

    /// When [`Schedule::is_due`] wants to be asked.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Whether to report now; otherwise the timer was reconsidered (§6.3.6).
    pub(crate) fn is_due(&mut self, now: Instant, entropy: &mut dyn Entropy) -> bool {
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        let interval = self.interval(entropy);
        match self.last.checked_add(interval) {
            Some(reconsidered) if reconsidered > now => {
                self.next = Some(reconsidered);
                false
            }
            _ => {
                self.last = now;
                self.initial = false;
                self.next = now.checked_add(self.interval(entropy));
                true
            }
        }
    }

    /// Counts a report's size, sent or received (§6.3.3).
    pub(crate) fn count(&mut self, bytes: usize) {
        self.average_size += (bytes as f64 + OVERHEAD - self.average_size) / 16.0;
    }

    fn interval(&self, entropy: &mut dyn Entropy) -> Duration {
        let minimum = if self.initial { MINIMUM / 2.0 } else { MINIMUM };
        let fair = (self.average_size * MEMBERS / BANDWIDTH).max(minimum);
        let random = 0.5 + entropy.below(1 << 20) as f64 / f64::from(1 << 20);
        Duration::from_secs_f64(fair * random / COMPENSATION)
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;
    use crate::testing::origin;

    #[test]
    fn reports_come_every_five_seconds_on_average_and_never_in_step() {
        let start = origin();
        let mut entropy = SeededEntropy::new(3);
        let mut schedule = Schedule::new(start);
        schedule.start(start, &mut entropy);
        let mut sent = Vec::new();
        while sent.len() < 400 {
            let at = schedule.poll_timeout().unwrap();
            if schedule.is_due(at, &mut entropy) {
                sent.push(at);
            }
        }
        let first = sent[0] - start;
        assert!((1.0..3.1).contains(&first.as_secs_f64()), "{first:?}");
        let gaps: Vec<f64> = sent
            .windows(2)
            .map(|w| (w[1] - w[0]).as_secs_f64())
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((4.5..5.5).contains(&mean), "{mean}");
        assert!(gaps.iter().all(|gap| (2.0..6.3).contains(gap)));
        let shortest = gaps.iter().copied().fold(f64::MAX, f64::min);
        let longest = gaps.iter().copied().fold(0.0, f64::max);
        assert!(longest - shortest > 2.0);
    }
}
