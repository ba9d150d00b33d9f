//! Wall time for RTCP, made of one reading and the monotonic clock.

use std::time::{Duration, Instant};

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_OFFSET: u64 = 2_208_988_800;

/// The time of day at any instant, from one reading at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    at: Instant,
    unix: Duration,
}

impl WallClock {
    /// At `at` it was `unix` since 1970.
    pub(crate) fn new(at: Instant, unix: Duration) -> Self {
        Self { at, unix }
    }

    /// The NTP timestamp at `now`: seconds since 1900 in 32.32 fixed point.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        let unix = self
            .unix
            .saturating_add(now.saturating_duration_since(self.at));
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        (unix.as_secs().wrapping_add(NTP_OFFSET) << 32) | fraction
    }
}

/// The middle of an NTP timestamp, in 1/65536 s: what reports carry (RFC 3550 §6.4.1, LSR).
pub(crate) fn middle_32(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The round trip a report block reveals (RFC 3550 §6.4.1): `None` if the peer has had no report of ours,
/// or the figures make no sense.
pub(crate) fn round_trip(now_ntp: u64, last_report: u32, delay: u32) -> Option<Duration> {
    if last_report == 0 {
        return None;
    }
    let units = middle_32(now_ntp)
        .wrapping_sub(last_report)
        .wrapping_sub(delay);
    // A few units of rounding may fall below zero; half a minute and more is nonsense.
    let units = if units > u32::MAX - 64 { 0 } else { units };
    (units < 30 << 16).then(|| Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 3550 figure 2: n = 0xb710:8000 (46 864.5 s), DLSR = 5.25 s, LSR = 46 853.125 s: 6.125 s.
        let now = 0xb44d_b705_2000_0000_u64.wrapping_add((46_864_u64 - 46_853) << 32);
        let exact = round_trip(0xb44d_b710_8000_0000, 0xb705_2000, 0x0005_4000);
        assert_eq!(exact, Some(Duration::from_millis(6125)));
        assert_eq!(round_trip(now, 0, 0x0005_4000), None);
        assert_eq!(round_trip(0xb44d_b705_2000_0000, 0xb710_8000, 0), None);
    }

    #[test]
    fn wall_time_runs_with_the_monotonic_clock() {
        let start = origin();
        let clock = WallClock::new(start, Duration::from_secs(1_800_000_000));
        let later = clock.ntp(start + Duration::from_millis(1500));
        assert_eq!(later.wrapping_sub(clock.ntp(start)), 3 << 31);
    }
}
