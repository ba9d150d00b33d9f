//! Finding the period of a voice.

/// Shortest period looked for: 2.5 ms (400 Hz).
pub(super) const MIN_LAG: usize = 120;
/// Longest: 15 ms (67 Hz).
pub(super) const MAX_LAG: usize = 720;
/// The first search runs at 48 kHz / 6 = 8 kHz.
const DECIMATION: usize = 6;

/// How alike a signal is to itself one period later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pitch {
    /// Period in samples of 48 kHz.
    pub(super) lag: usize,
    /// Normalised correlation at that lag: 1 is a perfect repetition.
    pub(super) correlation: f32,
}

/// Compares the start of `signal` with what follows at each lag up to `max_lag`, over `window` samples.
///
/// `None` when the signal is too short for any lag.
pub(super) fn find_pitch(signal: &[f32], window: usize, max_lag: usize) -> Option<Pitch> {
    let max_lag = max_lag.min(signal.len().saturating_sub(window));
    if max_lag < MIN_LAG || window < DECIMATION {
        return None;
    }
    let coarse: Vec<f32> = signal
        .chunks_exact(DECIMATION)
        .map(|chunk| chunk.iter().sum())
        .collect();
    let lags = (MIN_LAG / DECIMATION)..=(max_lag / DECIMATION);
    let rough = best(&coarse, window / DECIMATION, lags, MARGIN)?;
    let centre = rough.lag * DECIMATION;
    let fine = centre.saturating_sub(DECIMATION).max(MIN_LAG)
        ..=centre.saturating_add(DECIMATION).min(max_lag);
    best(signal, window, fine, 0.0)
}

/// A longer lag must be better by this much: a voice repeats after two periods as well as after one.
const MARGIN: f32 = 0.01;

fn best(
    signal: &[f32],
    window: usize,
    lags: std::ops::RangeInclusive<usize>,
    margin: f32,
) -> Option<Pitch> {
    let reference = signal.get(..window)?;
    let own: f32 = reference.iter().map(|s| s * s).sum();
    let mut best: Option<Pitch> = None;
    for lag in lags {
        let later = signal.get(lag..lag.checked_add(window)?)?;
        let product: f32 = reference.iter().zip(later).map(|(a, b)| a * b).sum();
        let other: f32 = later.iter().map(|s| s * s).sum();
        let correlation = product / (own * other).sqrt().max(1e-9);
        if best.is_none_or(|found| correlation > found.correlation + margin) {
            best = Some(Pitch { lag, correlation });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    #[test]
    fn the_period_of_a_voice_like_signal_is_found() {
        let voice: Vec<f32> = (0..2400)
            .map(|n| {
                let t = n as f32 / 48_000.0;
                (1..6)
                    .map(|h| (TAU * 150.0 * h as f32 * t).sin() / h as f32)
                    .sum()
            })
            .collect();
        let pitch = find_pitch(&voice, 480, MAX_LAG).unwrap();
        assert_eq!(pitch.lag, 320);
        assert!(pitch.correlation > 0.99);
        assert!(find_pitch(&voice[..500], 480, MAX_LAG).is_none());
    }
}
