//! How long to wait before trying again (RFC 5626 §4.5).

use std::time::Duration;

use tandem_types::Entropy;

/// The first wait. A phone that walks through a dead spot should be back soon; the RFC's 30 s base is meant
/// for servers that see thousands of flows fail at once, which the jitter and the doubling serve too.
const BASE: Duration = Duration::from_secs(4);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1800);

/// Doubling waits, each somewhere between half and the whole of its bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub fn next(&mut self, entropy: &mut dyn Entropy) -> Duration {
        let doubled = BASE.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        let half = doubled.min(LONGEST) / 2;
        let bound = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        half.saturating_add(Duration::from_millis(
            entropy.below(bound.saturating_add(1)),
        ))
    }

    /// It worked: the next failure begins at the bottom again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;

    #[test]
    fn waits_double_within_their_half_up_to_half_an_hour() {
        let mut backoff = Backoff::default();
        let mut entropy = SeededEntropy::new(5);
        let bounds = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800];
        for bound in bounds {
            let wait = backoff.next(&mut entropy);
            let bound = Duration::from_secs(bound);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} of {bound:?}");
        }
        backoff.reset();
        assert!(backoff.next(&mut entropy) <= Duration::from_secs(4));
    }
}
