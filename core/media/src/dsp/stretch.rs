//! Making sound a little shorter or longer without changing its pitch: whole periods are blended out or in.

use super::pitch::{MAX_LAG, MIN_LAG, find_pitch};

/// Below this mean power (about −55 dBov) nobody hears what is cut.
const QUIET_POWER: f32 = 3e-6;
/// How alike two neighbouring periods must be.
const ALIKE: f32 = 0.85;

/// Takes one period out of `sound`, if it can be done unheard. Returns how many samples went.
pub(crate) fn accelerate(sound: &mut Vec<f32>) -> usize {
    let Some(lag) = lag_of(sound) else { return 0 };
    let Some((first, second)) = two_periods(sound, lag) else {
        return 0;
    };
    let blended: Vec<f32> = cross_fade(first, second);
    sound.splice(..lag * 2, blended);
    lag
}

/// Puts one more period into `sound`, if it can be done unheard. Returns how many samples came.
pub(crate) fn expand(sound: &mut Vec<f32>) -> usize {
    let Some(lag) = lag_of(sound) else { return 0 };
    let Some((first, second)) = two_periods(sound, lag) else {
        return 0;
    };
    let inserted = cross_fade(second, first);
    sound.splice(lag..lag, inserted);
    lag
}

fn two_periods(sound: &[f32], lag: usize) -> Option<(&[f32], &[f32])> {
    Some((sound.get(..lag)?, sound.get(lag..lag * 2)?))
}

fn lag_of(sound: &[f32]) -> Option<usize> {
    let max_lag = (sound.len() / 2).min(MAX_LAG);
    if max_lag < MIN_LAG {
        return None;
    }
    let power = sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
    if power < QUIET_POWER {
        return Some(max_lag.min(480));
    }
    // The window must be as long as the longest period that fits behind it.
    let pitch = find_pitch(sound, sound.len() - max_lag, max_lag)?;
    (pitch.correlation >= ALIKE).then_some(pitch.lag)
}

fn cross_fade(from: &[f32], to: &[f32]) -> Vec<f32> {
    let length = from.len().max(1) as f32;
    from.iter()
        .zip(to)
        .enumerate()
        .map(|(n, (a, b))| {
            let weight = (n as f32 + 0.5) / length;
            a + (b - a) * weight
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn voice(samples: usize) -> Vec<f32> {
        let at = |n: usize| (TAU * 200.0 * n as f32 / 48_000.0).sin() * 0.4;
        (0..samples).map(at).collect()
    }

    /// The largest step between neighbours: a click would show.
    fn roughness(sound: &[f32]) -> f32 {
        sound
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_gets_shorter_and_longer_by_whole_periods_without_a_click() {
        let original = voice(1920);
        for change in [accelerate, expand] {
            let mut sound = original.clone();
            let changed = change(&mut sound);
            assert_eq!(changed % 240, 0, "{changed}");
            assert!(changed > 0);
            assert_eq!(sound.len().abs_diff(original.len()), changed);
            assert!(roughness(&sound) < roughness(&original) * 1.1);
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_gives_way() {
        let mut state = 1_u32;
        let mut noise: Vec<f32> = (0..1920)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!(accelerate(&mut noise), 0);
        assert_eq!(accelerate(&mut vec![0.0; 1920]), 480);
        assert_eq!(expand(&mut vec![0.0; 100]), 0);
    }
}
