//! Wall-clock moments, as the history shows them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC. Wall clock: it jumps when somebody sets it, so it dates rows and never
/// measures anything.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixMillis(pub i64);

impl From<SystemTime> for UnixMillis {
    /// Saturates beyond the years an `i64` holds.
    fn from(time: SystemTime) -> Self {
        let clamp = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => clamp(after.as_millis()),
            Err(before) => clamp(before.duration().as_millis()).saturating_neg(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_before_1970_are_negative() {
        let after = UNIX_EPOCH + Duration::from_millis(1_500);
        let before = UNIX_EPOCH - Duration::from_millis(1_500);
        assert_eq!(UnixMillis::from(after), UnixMillis(1_500));
        assert_eq!(UnixMillis::from(before), UnixMillis(-1_500));
    }
}
