//! What arrived of one source (RFC 3550 appendices A.1, A.3 and A.8).

use std::time::{Duration, Instant};

use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;

use super::ntp::middle_32;

/// A jump of more sequence numbers than this is a new start, not loss (A.1).
const MAX_DROPOUT: u16 = 3000;
/// An older number than this is a new start, not reordering.
const MAX_MISORDER: u16 = 100;

/// Counts one SSRC's packets.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// Extended number of the first packet and of the highest so far.
    base: u64,
    highest: u64,
    /// Which of the 64 numbers up to `highest` have arrived, newest in bit 0.
    seen: u64,
    /// A number far off: the next one after it proves a restart.
    suspect: Option<u16>,
    received: u64,
    /// From before a restart of the numbering.
    lost_before: u64,
    expected_at_report: u64,
    received_at_report: u64,
    jitter: f64,
    last_arrival: Option<(Instant, u32)>,
    last_sender_report: Option<(u32, Instant)>,
}

/// What a packet's number says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arrival {
    /// It counts; the number is extended past its 16 bits.
    New(u64),
    /// It was here before.
    Duplicate,
    /// Its number fits nothing.
    Implausible,
}

impl Reception {
    /// Starts with the first packet, which is still to be [`Reception::handle`]d.
    pub(crate) fn new(ssrc: u32, first: u16) -> Self {
        let base = 0x1_0000 + u64::from(first);
        Self {
            ssrc,
            base,
            highest: base - 1,
            seen: 0,
            suspect: None,
            received: 0,
            lost_before: 0,
            expected_at_report: 0,
            received_at_report: 0,
            jitter: 0.0,
            last_arrival: None,
            last_sender_report: None,
        }
    }

    /// Counts a packet.
    pub(crate) fn handle(&mut self, number: u16) -> Arrival {
        let ahead = number.wrapping_sub(self.highest as u16);
        if ahead == 0 {
            self.seen_again(0)
        } else if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.accepted(self.highest)
        } else if ahead.wrapping_neg() <= MAX_MISORDER {
            self.seen_again(u64::from(ahead.wrapping_neg()))
        } else if self.suspect == Some(number) {
            self.restart(number)
        } else {
            self.suspect = Some(number.wrapping_add(1));
            Arrival::Implausible
        }
    }

    fn seen_again(&mut self, back: u64) -> Arrival {
        let bit = u32::try_from(back)
            .ok()
            .and_then(|back| 1_u64.checked_shl(back))
            .unwrap_or(0);
        // Beyond the window nothing is known: counted as a duplicate, it is far too late to be played.
        if bit == 0 || self.seen & bit != 0 || self.highest - back < self.base {
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.accepted(self.highest - back)
    }

    fn accepted(&mut self, extended: u64) -> Arrival {
        self.suspect = None;
        self.received += 1;
        Arrival::New(extended)
    }

    fn restart(&mut self, number: u16) -> Arrival {
        self.lost_before = self.lost();
        let cycles = (self.highest >> 16) + 1;
        self.base = (cycles << 16) + u64::from(number);
        self.highest = self.base;
        self.seen = 1;
        self.suspect = None;
        self.received = 1;
        self.expected_at_report = 0;
        self.received_at_report = 0;
        Arrival::New(self.highest)
    }

    /// Measures jitter (A.8): only for packets whose timestamp says when they were made.
    pub(crate) fn time(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        if let Some((then, before)) = self.last_arrival {
            let elapsed = now.saturating_duration_since(then).as_secs_f64();
            let stamped = timestamp.wrapping_sub(before) as i32;
            let deviation = (elapsed * f64::from(clock_rate) - f64::from(stamped)).abs();
            // A jump of the timestamps is no jitter.
            if deviation < f64::from(clock_rate) {
                self.jitter += (deviation - self.jitter) / 16.0;
            }
        }
        self.last_arrival = Some((now, timestamp));
    }

    /// Notes a report of the source itself: what ours must refer to.
    pub(crate) fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) {
        self.last_sender_report = Some((middle_32(report.ntp_time), now));
    }

    /// Packets that arrived, each once.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Packets that did not.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.expected().saturating_sub(self.received)
    }

    fn expected(&self) -> u64 {
        (self.highest + 1).saturating_sub(self.base)
    }

    /// Interarrival jitter.
    pub(crate) fn jitter(&self, clock_rate: u32) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(clock_rate.max(1)))
    }

    /// The report block since the last one (A.3).
    pub(crate) fn report(&mut self, now: Instant) -> ReceptionReport {
        let expected = self.expected().saturating_sub(self.expected_at_report);
        let received = self.received.saturating_sub(self.received_at_report);
        self.expected_at_report = self.expected();
        self.received_at_report = self.received;
        let lost = expected.saturating_sub(received);
        let fraction = (lost * 256).checked_div(expected).unwrap_or(0).min(255);
        let (last_sender_report, delay) = self.last_sender_report.map_or((0, 0), |(middle, at)| {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            (middle, (seconds * 65_536.0).min(f64::from(u32::MAX)) as u32)
        });
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            total_lost: self.lost().min(0x7f_ffff) as u32,
            last_sequence_number: (self.highest.saturating_sub(0x1_0000)) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    #[test]
    fn loss_is_counted_over_a_wrap_with_reordering_and_duplicates() {
        let mut reception = Reception::new(7, 65_530);
        for n in 0..20_u16 {
            let number = 65_530_u16.wrapping_add(n);
            if n == 3 || n == 9 {
                continue;
            }
            assert!(matches!(reception.handle(number), Arrival::New(_)), "{n}");
            assert_eq!(reception.handle(number), Arrival::Duplicate);
        }
        assert_eq!((reception.received(), reception.lost()), (18, 2));
        // One of the two was only late.
        assert!(matches!(reception.handle(65_533), Arrival::New(_)));
        assert_eq!((reception.received(), reception.lost()), (19, 1));
        let report = reception.report(origin());
        assert_eq!(report.fraction_lost, 12); // 1 of 20, in 256ths
        assert_eq!(report.total_lost, 1);
        assert_eq!(report.last_sequence_number, (1 << 16) + 13);
        assert_eq!(reception.report(origin()).fraction_lost, 0);
    }

    #[test]
    fn one_wild_number_is_ignored_and_two_in_a_row_are_a_restart() {
        let mut reception = Reception::new(7, 100);
        reception.handle(100);
        assert_eq!(reception.handle(40_000), Arrival::Implausible);
        assert!(matches!(reception.handle(101), Arrival::New(_)));
        assert_eq!(reception.handle(40_000), Arrival::Implausible);
        assert!(matches!(reception.handle(40_001), Arrival::New(_)));
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn jitter_follows_the_formula() {
        let start = origin();
        let mut reception = Reception::new(7, 0);
        // Alternately 10 ms early and late: deviations of 20 ms settle at 20 ms.
        for n in 0..400_u32 {
            let wobble = if n % 2 == 0 { 0 } else { 20 };
            let at = start + Duration::from_millis(u64::from(n) * 20 + wobble);
            reception.time(at, n * 160, 8000);
        }
        let jitter = reception.jitter(8000);
        assert!(
            jitter.abs_diff(Duration::from_millis(20)) < Duration::from_millis(1),
            "{jitter:?}"
        );
    }
}
