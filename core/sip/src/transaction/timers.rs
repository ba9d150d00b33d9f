//! The timer values of RFC 3261 §17.1.1.1 and table 4.

use std::time::Duration;

/// The three base values every SIP timer derives from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timers {
    /// Round-trip estimate; first retransmission interval. 500 ms unless configured.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response. 4 s.
    pub t2: Duration,
    /// How long a message may linger in the network. 5 s.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64·T1: timers B, F, H, J, L and M, and how long a 2xx waits for its ACK (§13.3.1.4). 32 s.
    pub const fn lifetime(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: how long a client INVITE transaction absorbs repeated final responses. At least 32 s on
    /// UDP, zero on a reliable transport.
    pub fn d(&self, reliable: bool) -> Duration {
        if reliable {
            Duration::ZERO
        } else {
            self.lifetime().max(Duration::from_secs(32))
        }
    }

    /// Timers I and K: T4 on UDP, zero on a reliable transport.
    pub const fn linger(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }

    /// Timer J: 64·T1 on UDP, zero on a reliable transport.
    pub const fn j(&self, reliable: bool) -> Duration {
        if reliable {
            Duration::ZERO
        } else {
            self.lifetime()
        }
    }

    /// The interval after `interval` for timers E and G: doubled, capped at T2.
    pub fn next_capped(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_values_are_those_of_table_4() {
        let timers = Timers::default();
        assert_eq!(timers.t1, Duration::from_millis(500));
        assert_eq!(timers.t2, Duration::from_secs(4));
        assert_eq!(timers.t4, Duration::from_secs(5));
        assert_eq!(timers.lifetime(), Duration::from_secs(32));
        assert_eq!(timers.d(false), Duration::from_secs(32));
        assert_eq!(timers.linger(false), Duration::from_secs(5));
        assert_eq!(timers.j(false), Duration::from_secs(32));
        for zero in [timers.d(true), timers.linger(true), timers.j(true)] {
            assert_eq!(zero, Duration::ZERO);
        }
    }
}
