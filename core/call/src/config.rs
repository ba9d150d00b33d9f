//! How long a call waits for what.

use std::time::Duration;

/// The limits of one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallConfig {
    /// How long an outgoing attempt may go without an answer before the call ends as not answered.
    pub ring_limit: Duration,
    /// How long an incoming call rings before it is a missed one.
    pub incoming_ring_limit: Duration,
    /// How long an attempt may show no sign of the far end (no ringing, no early media) before the next
    /// attempt is started instead. Without a next attempt it does not apply. `None`: only a failure starts
    /// the next one.
    pub attempt_limit: Option<Duration>,
    /// How long an accepted call may go without media before it ends as lost. The clock stands still while
    /// either side holds. `None`: for ever.
    pub connect_limit: Option<Duration>,
    /// How long a call whose media was lost may stay so. The engine reports a loss after 5 s of silence (3 s
    /// in which nothing comes, 2 s in which signalling gets no answer either), so by default a call ends 27 s
    /// after the last sign of its far end. The clock stands still while either side holds. `None`: for ever.
    pub reconnect_limit: Option<Duration>,
    /// How long a leg may take to confirm that it ended.
    pub ending_limit: Duration,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            ring_limit: Duration::from_secs(60),
            incoming_ring_limit: Duration::from_secs(120),
            attempt_limit: Some(Duration::from_secs(12)),
            connect_limit: Some(Duration::from_secs(30)),
            reconnect_limit: Some(Duration::from_secs(22)),
            ending_limit: Duration::from_secs(5),
        }
    }
}
