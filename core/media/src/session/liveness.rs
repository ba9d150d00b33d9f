//! Noticing that the peer has fallen silent, and that it is back.

use std::time::{Duration, Instant};

/// Nothing at all for this long, while media is expected, is an outage.
const SILENCE: Duration = Duration::from_secs(3);
/// While only reports are expected, this many of the peer's longest interval.
const MISSED_REPORTS: u32 = 3;
/// Reports that must have come before their absence means anything.
const REPORTS_TO_KNOW: u32 = 2;

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pulse {
    /// Media.
    Rtp,
    /// Control.
    Rtcp,
}

/// Watches one peer.
#[derive(Debug)]
pub(super) struct Liveness {
    expecting: Expecting,
    /// The last packet of any kind, or the beginning of the present expectation.
    last: Instant,
    last_report: Option<Instant>,
    reports: u32,
    longest_gap: Duration,
    silent: bool,
}

/// What should be arriving.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expecting {
    /// Nothing: the call has not started.
    Nothing,
    /// Media.
    Media,
    /// Reports, as far as the peer sends any: it is held.
    Reports,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            expecting: Expecting::Nothing,
            last: now,
            last_report: None,
            reports: 0,
            longest_gap: Duration::ZERO,
            silent: false,
        }
    }

    /// The terms changed: the peer now sends media, or only reports.
    pub(super) fn expect_media(&mut self, now: Instant, expected: bool) {
        let expecting = if expected {
            Expecting::Media
        } else {
            Expecting::Reports
        };
        if expecting != self.expecting {
            self.expecting = expecting;
            // An outage that is known goes on; otherwise the peer gets its time to follow.
            if !self.silent {
                self.last = now;
            }
        }
    }

    /// Something arrived; `true` if that ends an outage.
    pub(super) fn heard(&mut self, now: Instant, pulse: Pulse) -> bool {
        if pulse == Pulse::Rtcp {
            if let Some(before) = self.last_report {
                self.longest_gap = self.longest_gap.max(now.saturating_duration_since(before));
            }
            self.last_report = Some(now);
            self.reports = self.reports.saturating_add(1);
        }
        self.last = now;
        std::mem::take(&mut self.silent)
    }

    /// Since when nothing has come, once, when that has become too long.
    pub(super) fn check(&mut self, now: Instant) -> Option<Instant> {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return None;
        }
        self.silent = true;
        Some(self.last)
    }

    /// When to check next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.silent {
            return None;
        }
        let patience = match self.expecting {
            Expecting::Nothing => return None,
            Expecting::Media => SILENCE,
            Expecting::Reports if self.reports < REPORTS_TO_KNOW => return None,
            Expecting::Reports => self.longest_gap.saturating_mul(MISSED_REPORTS).max(SILENCE),
        };
        self.last.checked_add(patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    #[test]
    fn three_seconds_without_anything_are_an_outage_said_once() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut liveness = Liveness::new(start);
        assert_eq!(liveness.poll_timeout(), None);
        liveness.expect_media(at(0), true);
        assert!(!liveness.heard(at(1000), Pulse::Rtp));
        assert_eq!(liveness.check(at(3999)), None);
        assert_eq!(liveness.check(at(4000)), Some(at(1000)));
        assert_eq!(liveness.check(at(9000)), None);
        assert!(liveness.heard(at(9500), Pulse::Rtcp));
        assert_eq!(liveness.poll_timeout(), Some(at(12_500)));
    }

    #[test]
    fn who_is_held_is_missed_only_by_its_own_rhythm_of_reports() {
        let start = origin();
        let at = |s| start + Duration::from_secs(s);
        let mut liveness = Liveness::new(start);
        liveness.expect_media(at(0), false);
        assert_eq!(liveness.poll_timeout(), None);
        liveness.heard(at(2), Pulse::Rtcp);
        assert_eq!(liveness.poll_timeout(), None);
        liveness.heard(at(7), Pulse::Rtcp);
        assert_eq!(liveness.check(at(21)), None);
        assert_eq!(liveness.check(at(22)), Some(at(7)));
    }
}
