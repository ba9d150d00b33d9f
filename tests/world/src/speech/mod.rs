//! How alike two recordings of speech are.
//!
//! [`similarity`] is the correlation of 20 ms log-mel frames after one alignment of at most 500 ms. Each band
//! loses its mean over time, so that what two talkers share anyway (the tilt of a voice, the colour of a
//! codec, the volume) earns nothing: only the course of the words does. [`Controls`] are what a good measure must
//! call *different*, made from the same recordings in the same run.

mod controls;
mod mel;

use std::time::Duration;

pub use controls::Controls;

use crate::audio::Audio;
use mel::{BANDS, Frame, STEPS_A_FRAME};

/// The alignment never moves a recording further than this, either way.
pub const MAX_SHIFT: Duration = Duration::from_millis(500);
/// One step of the alignment, in milliseconds.
const STEP_MS: i64 = 10;

/// What [`similarity`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// The correlation: 1.0 for the same speech, about 0 for other speech or silence.
    pub score: f64,
    /// How much later the speech is in what was heard than in the reference, in milliseconds; negative when
    /// the beginning was not heard.
    pub shift_ms: i64,
}

/// Compares what was `heard` with the `reference`: both of any rate. What is heard beyond the reference's end
/// is not judged; what is missing of it counts as silence.
pub fn similarity(reference: &Audio, heard: &Audio) -> Similarity {
    let (reference, quiet) = mel::frames(reference, STEPS_A_FRAME);
    let (heard, silence) = mel::frames(heard, 1);
    let reach = MAX_SHIFT.as_millis() as i64 / STEP_MS;
    let at = |steps: i64| {
        let pair = |(n, reference): (usize, &Frame)| {
            let index = (n * STEPS_A_FRAME) as i64 + steps;
            let frame = usize::try_from(index).ok().and_then(|n| heard.get(n));
            (*reference, frame.copied().unwrap_or([silence; BANDS]))
        };
        // Where both are silent there is nothing to tell them apart: pauses earn nothing.
        let pairs = reference.iter().enumerate().map(pair);
        let pairs = pairs.filter(|(a, b)| mel::sounds(a, quiet) || mel::sounds(b, silence));
        let (reference, heard): (Vec<_>, Vec<_>) = pairs.unzip();
        Similarity {
            score: correlation(&reference, &heard),
            shift_ms: steps * STEP_MS,
        }
    };
    let best = (-reach..=reach)
        .map(at)
        .max_by(|a, b| a.score.total_cmp(&b.score));
    best.unwrap_or(Similarity {
        score: 0.0,
        shift_ms: 0,
    })
}

/// Pearson's correlation over all bands of all frames, each band free of its mean over time.
fn correlation(a: &[Frame], b: &[Frame]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        for band in 0..BANDS {
            let (x, y) = (a[band] - mean_a[band], b[band] - mean_b[band]);
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
    }
    // Without variance there is no course to compare: silence resembles nothing.
    if aa < 1e-6 || bb < 1e-6 {
        0.0
    } else {
        ab / (aa * bb).sqrt()
    }
}

fn mean(frames: &[Frame]) -> Frame {
    let mut sum = [0.0; BANDS];
    for frame in frames {
        for (sum, value) in sum.iter_mut().zip(frame) {
            *sum += value;
        }
    }
    sum.map(|value| value / frames.len().max(1) as f64)
}

#[cfg(test)]
mod tests;
