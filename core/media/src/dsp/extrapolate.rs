//! Guessing how a sound goes on when its packet is missing, for codecs that cannot guess themselves.
//!
//! The last period is repeated, fading to silence over 80 ms, and blended into whatever comes after.

use std::collections::VecDeque;

use super::pitch::{MAX_LAG, find_pitch};

/// What is kept of the past: 50 ms.
const HISTORY: usize = 2400;
/// Window the period is looked for in: 12 ms.
const WINDOW: usize = 576;
/// The guess keeps its level this long (10 ms) …
const HOLD: usize = 480;
/// … and has faded away after this (80 ms).
const FADED: usize = 3840;
/// The real sound is blended in over 5 ms.
const BLEND: usize = 240;

/// Follows the sound played and continues it on demand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extrapolator {
    history: VecDeque<f32>,
    guess: Option<Guess>,
}

#[derive(Clone, Debug)]
struct Guess {
    /// One period, made so that its end runs into its start.
    period: Vec<f32>,
    given: usize,
}

impl Extrapolator {
    /// Appends `samples` guessed samples to `output`.
    pub(crate) fn conceal(&mut self, samples: usize, output: &mut Vec<f32>) {
        let start = output.len();
        let mut guess = self.guess.take().unwrap_or_else(|| self.first_guess());
        output.extend((0..samples).map(|_| guess.next_sample()));
        self.guess = Some(guess);
        self.remember(output.get(start..).unwrap_or_default());
    }

    /// Learns real sound; after a guess its beginning is blended with the guess's end.
    pub(crate) fn hear(&mut self, sound: &mut [f32]) {
        if let Some(mut guess) = self.guess.take() {
            for (n, sample) in sound.iter_mut().take(BLEND).enumerate() {
                let weight = (n as f32 + 0.5) / BLEND as f32;
                *sample = guess.next_sample() * (1.0 - weight) + *sample * weight;
            }
        }
        self.remember(sound);
    }

    fn remember(&mut self, sound: &[f32]) {
        let recent = sound.len().saturating_sub(HISTORY);
        self.history.extend(sound.iter().skip(recent));
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }

    fn first_guess(&self) -> Guess {
        // Turned around, the newest sound comes first: that is what must repeat.
        let newest_first: Vec<f32> = self.history.iter().rev().copied().collect();
        let lag = find_pitch(&newest_first, WINDOW, MAX_LAG).map_or(MAX_LAG, |pitch| {
            // Without a clear period a long one hums least.
            if pitch.correlation < 0.5 {
                MAX_LAG
            } else {
                pitch.lag
            }
        });
        let mut period: Vec<f32> = newest_first.iter().take(lag).rev().copied().collect();
        // The last quarter leans towards what came just before the period, so that repeating has no edge.
        let overlap = lag / 4;
        let before: Vec<f32> = newest_first
            .iter()
            .skip(lag)
            .take(overlap)
            .rev()
            .copied()
            .collect();
        let tail = period.len().saturating_sub(before.len());
        let length = before.len().max(1) as f32;
        for (n, (sample, earlier)) in period.iter_mut().skip(tail).zip(&before).enumerate() {
            let weight = (n as f32 + 0.5) / length;
            *sample = *sample * (1.0 - weight) + earlier * weight;
        }
        Guess { period, given: 0 }
    }
}

impl Guess {
    fn next_sample(&mut self) -> f32 {
        let position = self.given.checked_rem(self.period.len()).unwrap_or(0);
        let gain = match self.given {
            n if n < HOLD => 1.0,
            n if n < FADED => 1.0 - (n - HOLD) as f32 / (FADED - HOLD) as f32,
            _ => 0.0,
        };
        self.given = self.given.saturating_add(1);
        self.period.get(position).copied().unwrap_or(0.0) * gain
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn voice(n: usize) -> f32 {
        (TAU * 160.0 * n as f32 / 48_000.0).sin() * 0.4
    }

    #[test]
    fn a_lost_frame_of_voice_goes_on_in_phase_and_then_fades() {
        let mut extrapolator = Extrapolator::default();
        let mut past: Vec<f32> = (0..4800).map(voice).collect();
        extrapolator.hear(&mut past);
        let mut guess = Vec::new();
        extrapolator.conceal(960, &mut guess);
        let worst = (0..HOLD)
            .map(|n| (guess[n] - voice(4800 + n)).abs())
            .fold(0.0, f32::max);
        assert!(worst < 0.05, "{worst}");
        let mut later = Vec::new();
        extrapolator.conceal(4800, &mut later);
        assert!(later[4000..].iter().all(|s| *s == 0.0));
    }

    #[test]
    fn the_real_sound_returns_without_a_click() {
        let mut extrapolator = Extrapolator::default();
        extrapolator.hear(&mut (0..4800).map(voice).collect::<Vec<_>>());
        let mut played = Vec::new();
        extrapolator.conceal(960, &mut played);
        let mut back: Vec<f32> = (5760..6720).map(voice).collect();
        extrapolator.hear(&mut back);
        played.extend(back);
        let steepest = played
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        assert!(steepest < 0.02, "{steepest}");
    }

    #[test]
    fn with_nothing_heard_the_guess_is_silence() {
        let mut guess = Vec::new();
        Extrapolator::default().conceal(960, &mut guess);
        assert_eq!(guess, vec![0.0; 960]);
    }
}
