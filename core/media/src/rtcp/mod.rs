//! RTCP of one two-party call: when to report, what to report, what the peer reported.

mod compose;
mod ntp;
mod reception;
mod schedule;

pub(crate) use compose::{SenderInfo, goodbye, report};
pub(crate) use ntp::{WallClock, round_trip};
pub(crate) use reception::{Arrival, Reception};
pub(crate) use schedule::Schedule;
