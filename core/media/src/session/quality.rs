//! Figures for a report.

use std::time::Duration;

use tandem_types::CallQuality;

/// One point of a call's time series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualitySample {
    /// Level of what was heard since the last sample, in dBov.
    pub level_in_dbov: f32,
    /// Level of what was sent since the last sample, in dBov.
    pub level_out_dbov: f32,
    /// Everything so far.
    pub quality: CallQuality,
    /// How long the fastest packet waits before it is played.
    pub delay: Duration,
    /// How long it should.
    pub target_delay: Duration,
    /// Sound restored from the packet after the lost one, so far.
    pub recovered: Duration,
    /// Sound put in or taken out to adapt the delay, so far.
    pub stretched: Duration,
    /// Packets that came after their time, so far.
    pub late_packets: u64,
    /// Packets that could not be decoded, so far.
    pub undecodable_packets: u64,
    /// Ticks of the media clock left out because the caller came too late, so far.
    pub skipped_ticks: u64,
    /// Share of our packets that the peer says it lost lately, 0 … 1.
    pub peer_loss: Option<f32>,
}
