//! A voice made of harmonics, syllables and pauses, and how alike two recordings of it are.

use std::f32::consts::TAU;

use tandem_media::Frame;
use tandem_media::io::AudioSource;

/// Speaks for ever.
pub struct Speech {
    pitch: f32,
    phase: f32,
    sample: u64,
}

impl Speech {
    pub fn new(pitch: f32) -> Self {
        Self {
            pitch,
            phase: 0.0,
            sample: 0,
        }
    }

    /// The first `samples` of it.
    pub fn all(pitch: f32, samples: usize) -> Vec<f32> {
        let mut speech = Self::new(pitch);
        (0..samples).map(|_| speech.next_sample()).collect()
    }

    fn next_sample(&mut self) -> f32 {
        let t = self.sample as f32 / 48_000.0;
        self.sample += 1;
        // Melody, so that no period is like all others.
        let pitch =
            self.pitch * (1.0 + 0.15 * (TAU * 0.6 * t).sin() + 0.03 * (TAU * 3.1 * t).sin());
        self.phase = (self.phase + TAU * pitch / 48_000.0) % (TAU * 64.0);
        let vowel = 500.0 + 250.0 * (TAU * 1.3 * t).sin();
        let voice: f32 = (1..16)
            .map(|h| {
                let hertz = pitch * h as f32;
                let formants = 1.0 / (1.0 + ((hertz - vowel) / 200.0).powi(2))
                    + 0.3 / (1.0 + ((hertz - 1700.0) / 300.0).powi(2));
                (self.phase * h as f32).sin() * formants
            })
            .sum();
        let syllable = (0.6 + 0.4 * (TAU * 3.7 * t).sin()).max(0.0);
        let breath = if t % 2.0 > 1.7 { 0.0 } else { 1.0 };
        0.2 * voice * syllable * breath
    }
}

impl AudioSource for Speech {
    fn read(&mut self, frame: &mut Frame) {
        frame.fill_with(|| self.next_sample());
    }
}

/// Over pieces of 60 ms of `heard`, how well each is found in `original`: the share of pieces whose best
/// normalised correlation within `delay_ms` before them is above `threshold`. Pauses do not count.
pub fn found(heard: &[f32], original: &[f32], delay_ms: usize, threshold: f32) -> f32 {
    found_after(0, heard, original, delay_ms, threshold)
}

/// The same, for what was heard from `seconds` on.
pub fn found_after(
    seconds: usize,
    heard: &[f32],
    original: &[f32],
    delay_ms: usize,
    threshold: f32,
) -> f32 {
    const PIECE: usize = 2880;
    // Every eighth sample is enough to compare, and 64 times faster.
    let thin = |signal: &[f32]| -> Vec<f32> {
        signal
            .chunks_exact(8)
            .map(|c| c.iter().sum::<f32>() / 8.0)
            .collect()
    };
    let (heard, original) = (thin(heard), thin(original));
    let piece = PIECE / 8;
    let reach = delay_ms * 6;
    let (mut pieces, mut good) = (0, 0);
    for start in (seconds * 6_000..heard.len().saturating_sub(piece)).step_by(piece * 3) {
        let sample = &heard[start..start + piece];
        let power: f32 = sample.iter().map(|s| s * s).sum();
        if power < 1e-3 * piece as f32 {
            continue;
        }
        let mut best = 0.0_f32;
        for from in start.saturating_sub(reach)..=start {
            let Some(other) = original.get(from..from + piece) else {
                continue;
            };
            let product: f32 = sample.iter().zip(other).map(|(a, b)| a * b).sum();
            let own: f32 = other.iter().map(|s| s * s).sum();
            best = best.max(product / (power * own).sqrt().max(1e-9));
        }
        pieces += 1;
        good += u32::from(best > threshold);
    }
    assert!(pieces > 5, "next to nothing was heard: {pieces} pieces");
    good as f32 / pieces as f32
}
