//! What a good measure must call different.

use std::time::Duration;

use super::similarity;
use crate::audio::Audio;

/// Scores of what was *not* heard, against the same reference; each must stay below a threshold, or the
/// measure proves nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// Silence as long as the reference.
    pub silence: f64,
    /// Another person saying something else.
    pub other_speaker: f64,
    /// What was really heard, with one second cut out of its middle: from there on all words come too early.
    pub one_second_cut: f64,
}

impl Controls {
    /// The controls of one comparison of `heard` with `reference`; `other` is the other speaker.
    pub fn measure(reference: &Audio, heard: &Audio, other: &Audio) -> Self {
        let silence = Audio::silence(heard.rate(), reference.duration());
        let middle = middle_of_speech(&heard.slice(Duration::ZERO, reference.duration()));
        let half = Duration::from_millis(500);
        let cut = heard.without(middle.saturating_sub(half), middle + half);
        Self {
            silence: similarity(reference, &silence).score,
            other_speaker: similarity(reference, other).score,
            one_second_cut: similarity(reference, &cut).score,
        }
    }

    /// The highest of them.
    pub fn worst(&self) -> f64 {
        self.silence
            .max(self.other_speaker)
            .max(self.one_second_cut)
    }
}

/// When half of the sound's energy has passed. The middle of the words, not of the recording: a cut through a
/// pause before or after them would change nothing that anybody could hear.
fn middle_of_speech(audio: &Audio) -> Duration {
    let energy = |sample: &f32| f64::from(*sample).powi(2);
    let half = audio.samples().iter().map(energy).sum::<f64>() / 2.0;
    let mut passed = 0.0;
    let before = audio.samples().iter().map(energy).take_while(|energy| {
        passed += energy;
        passed < half
    });
    Duration::from_secs_f64(before.count() as f64 / f64::from(audio.rate()))
}
