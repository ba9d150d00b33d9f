//! The one shape sound has inside this crate: mono, 48 kHz, 20 ms, `f32` in −1 … 1.

use std::time::Duration;

/// Samples per second of all sound inside the crate; codecs and devices convert at their edge.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of one [`Frame`].
pub const FRAME_SAMPLES: usize = 960;
/// Duration of one [`Frame`].
pub const FRAME_DURATION: Duration = Duration::from_millis(20);
/// Samples of one millisecond.
pub const SAMPLES_PER_MS: usize = 48;

/// 20 ms of mono sound at 48 kHz; full scale is −1 … 1.
pub type Frame = [f32; FRAME_SAMPLES];

/// A frame of digital silence.
pub const SILENT_FRAME: Frame = [0.0; FRAME_SAMPLES];

/// The level of no sound at all, in dBov (the floor of RFC 6464).
pub const SILENCE_DBOV: f32 = -127.0;

/// The mean power of some sound, gathered over any number of samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct LevelMeter {
    energy: f64,
    samples: u64,
}

impl LevelMeter {
    /// Adds samples.
    pub fn add(&mut self, samples: &[f32]) {
        self.energy += samples
            .iter()
            .map(|s| f64::from(*s) * f64::from(*s))
            .sum::<f64>();
        self.samples = self.samples.saturating_add(samples.len() as u64);
    }

    /// The level since the last call, in dBov: 0 is a full-scale square wave, a full-scale sine is −3, and
    /// −127 is silence, or nothing gathered (RFC 6464 §3 counts the same, with the sign turned).
    pub fn take_dbov(&mut self) -> f32 {
        let gathered = std::mem::take(self);
        if gathered.samples == 0 || gathered.energy <= 0.0 {
            return SILENCE_DBOV;
        }
        let mean = gathered.energy / gathered.samples as f64;
        (10.0 * mean.log10()).clamp(f64::from(SILENCE_DBOV), 0.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_relative_to_overload() {
        let mut meter = LevelMeter::default();
        assert_eq!(meter.take_dbov(), SILENCE_DBOV);
        meter.add(&SILENT_FRAME);
        assert_eq!(meter.take_dbov(), SILENCE_DBOV);
        meter.add(&[1.0; FRAME_SAMPLES]);
        assert_eq!(meter.take_dbov(), 0.0);
        meter.add(&[0.1; FRAME_SAMPLES]);
        assert!((meter.take_dbov() + 20.0).abs() < 0.01);
    }
}
