//! Whether the selected path still lives.
//!
//! ```text
//!   media flows:  silent 0.5 s ──► pings 0.15 s apart ──► nothing for 1.8 s in all: lost
//!   nothing flows: ping every 2 s ──► no answer: pings 0.15 s apart ──► nothing for 3.8 s in all: lost
//! ```
//!
//! A peer may pause its media at any time (hold, silence), so silence alone proves nothing; an answer to a
//! ping does. Independent of that is consent (RFC 7675): without a valid answer for 30 s nothing may be
//! sent, however much media comes in.

use std::time::{Duration, Instant};

/// Silence after flowing media, before it is asked.
const MEDIA_SILENCE: Duration = Duration::from_millis(500);
/// Between pings while all is well: keeps the consent and the NAT's mapping.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Between pings while in doubt.
const PROBE_SPACING: Duration = Duration::from_millis(150);
/// Between pings once lost: it may come back.
const LOST_SPACING: Duration = Duration::from_millis(500);
/// From the first doubt to the verdict, at least; and twice the round trip.
const PROBING_MEDIA: Duration = Duration::from_millis(1300);
const PROBING_IDLE: Duration = Duration::from_millis(1800);
/// A verdict needs this many pings without an answer: a process that slept has asked nobody.
const PINGS_TO_KNOW: u32 = 3;
/// A round trip beyond this is an outlier.
const LONGEST_TRIP: Duration = Duration::from_secs(3);
/// RFC 7675 §5.1.
const CONSENT: Duration = Duration::from_secs(30);

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pulse {
    /// Media, authenticated as far as the call's protection goes: more of it is expected.
    Media,
    /// A check, an answer or control.
    Sign,
}

/// One path's life.
#[derive(Debug)]
pub(super) struct Vitality {
    last_heard: Instant,
    last_media: Option<Instant>,
    last_ping: Instant,
    last_answer: Instant,
    trip: Duration,
    /// Pings since something was heard.
    unanswered: u32,
    lost: bool,
}

impl Vitality {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_heard: now,
            last_media: None,
            last_ping: now,
            last_answer: now,
            trip: Duration::ZERO,
            unanswered: 0,
            lost: false,
        }
    }

    /// Something came on this path.
    pub(super) fn heard(&mut self, now: Instant, pulse: Pulse) {
        self.last_heard = now;
        self.unanswered = 0;
        if pulse == Pulse::Media {
            self.last_media = Some(now);
        }
    }

    /// A ping was answered, after `trip`.
    pub(super) fn answered(&mut self, now: Instant, trip: Duration) {
        self.heard(now, Pulse::Sign);
        self.last_answer = now;
        self.trip = trip.min(LONGEST_TRIP);
    }

    /// A ping has left.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.last_ping = now;
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Media was flowing when the path was last heard.
    fn flows(&self) -> bool {
        let gap = |media| self.last_heard.saturating_duration_since(media);
        self.last_media
            .is_some_and(|media| gap(media) < MEDIA_SILENCE)
    }

    fn doubt_at(&self) -> Instant {
        let quiet = if self.flows() {
            MEDIA_SILENCE
        } else {
            KEEP_ALIVE + PROBE_SPACING
        };
        self.last_heard + quiet
    }

    fn lost_at(&self) -> Instant {
        let probing = if self.flows() {
            PROBING_MEDIA
        } else {
            PROBING_IDLE
        };
        self.doubt_at() + probing.max(self.trip * 2)
    }

    /// When to ping next.
    pub(super) fn next_ping(&self) -> Instant {
        let regular = self.last_ping + KEEP_ALIVE;
        let doubt = if self.lost {
            self.last_ping + LOST_SPACING
        } else {
            self.doubt_at().max(self.last_ping + PROBE_SPACING)
        };
        regular.min(doubt)
    }

    /// The last sign of life, once, when the path counts as lost.
    pub(super) fn check_lost(&mut self, now: Instant) -> Option<Instant> {
        let silent = now >= self.lost_at() && self.unanswered >= PINGS_TO_KNOW;
        let lives = !silent && self.has_consent(now);
        if self.lost || lives {
            return None;
        }
        self.lost = true;
        Some(self.last_heard)
    }

    /// Whether a lost path has come back, once.
    pub(super) fn check_back(&mut self, now: Instant) -> bool {
        let back = self.lost && self.unanswered == 0 && self.has_consent(now);
        if back {
            self.lost = false;
        }
        back
    }

    /// Its socket is gone.
    pub(super) fn cut(&mut self) {
        self.lost = true;
        self.unanswered = self.unanswered.max(1);
    }

    /// Whether the peer still agrees to receive here.
    pub(super) fn has_consent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_answer) < CONSENT
    }

    /// When to look again whether it is lost; pings apart.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let consent = self.last_answer + CONSENT;
        // Before that, the next ping comes first anyway.
        let asked = self.unanswered >= PINGS_TO_KNOW;
        (!self.lost).then(|| {
            if asked {
                consent.min(self.lost_at())
            } else {
                consent
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    /// Pings when it should, from `from` to `to` ms; when the path was lost.
    fn run(vitality: &mut Vitality, start: Instant, from: u64, to: u64) -> Option<u64> {
        (from..to).find(|ms| {
            let now = start + Duration::from_millis(*ms);
            if vitality.next_ping() <= now {
                vitality.pinged(now);
            }
            vitality.check_lost(now).is_some()
        })
    }

    #[test]
    fn a_path_with_media_is_lost_within_two_seconds_and_a_quiet_one_within_four() {
        let start = origin();
        let mut vitality = Vitality::new(start);
        for ms in 0..50 {
            vitality.heard(start + Duration::from_millis(ms * 20), Pulse::Media);
        }
        let lost = run(&mut vitality, start, 980, 10_000).unwrap();
        assert!((1_700..=2_000).contains(&(lost - 980)), "{lost}");
        let mut idle = Vitality::new(start);
        let lost = run(&mut idle, start, 0, 10_000).unwrap();
        assert!((3_500..=4_000).contains(&lost), "{lost}");
        idle.answered(start + Duration::from_secs(11), Duration::from_millis(80));
        assert!(idle.check_back(start + Duration::from_secs(11)));
    }

    #[test]
    fn a_process_that_slept_asks_first() {
        let start = origin();
        let mut vitality = Vitality::new(start);
        let lost = run(&mut vitality, start, 20_000, 30_000).unwrap();
        assert!(lost >= 20_300, "{lost}");
    }

    #[test]
    fn media_without_answers_is_no_consent() {
        let start = origin();
        let mut vitality = Vitality::new(start);
        for ms in (0..29_900).step_by(20) {
            let now = start + Duration::from_millis(ms);
            vitality.heard(now, Pulse::Media);
            assert_eq!(vitality.check_lost(now), None);
        }
        let now = start + Duration::from_secs(30);
        assert!(!vitality.has_consent(now));
        assert!(vitality.check_lost(now).is_some());
    }
}
