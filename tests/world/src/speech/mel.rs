//! Log-mel frames: how loud each band of hearing is, 20 ms at a time.

use std::f64::consts::PI;

use crate::audio::Audio;

/// Bands a frame has.
pub(super) const BANDS: usize = 24;
/// Rate everything is brought to first, in Hz.
const RATE: u32 = 16_000;
/// Samples of a 20 ms frame.
const FRAME: usize = 320;
/// Samples between the starts of two frames of the fine grid (10 ms): the steps of the alignment.
const STEP: usize = 160;
/// Fine steps from one 20 ms frame to the next.
pub(super) const STEPS_A_FRAME: usize = FRAME / STEP;
/// Length of the transform.
const POINTS: usize = 512;
/// What every telephone codec carries, in Hz: a narrowband call must compare well with its wideband source.
const SPAN: (f64, f64) = (150.0, 3_400.0);
/// Everything this far below the loud frames counts as silence, in dB: codec noise is no speech.
const FLOOR_DB: f64 = 45.0;

/// The logarithm of each band's energy in one frame.
pub(super) type Frame = [f64; BANDS];

/// A band this far above silence (a factor of ten) is a sound.
const SOUND: f64 = 1.0;

/// Whether anything sounds in `frame`, where silence has the value `silence`.
pub(super) fn sounds(frame: &Frame, silence: f64) -> bool {
    frame.iter().any(|band| *band > silence + SOUND)
}

/// The frames of `audio`, one every `steps` of 10 ms, and the value that silence has.
pub(super) fn frames(audio: &Audio, steps: usize) -> (Vec<Frame>, f64) {
    let samples = audio.resampled(RATE);
    let bank = filter_bank();
    let window = samples.samples().windows(FRAME).step_by(STEP * steps);
    let mut spectrum = Spectrum::new();
    let energies: Vec<Frame> = window.map(|frame| spectrum.bands(frame, &bank)).collect();

    let mut loudness: Vec<f64> = energies.iter().flatten().copied().collect();
    loudness.sort_by(f64::total_cmp);
    let loud = loudness
        .get(loudness.len() * 98 / 100)
        .copied()
        .unwrap_or(0.0);
    // An absolute term keeps pure silence, which has no loud part, from becoming speech of its own.
    let floor = (loud * 10f64.powf(-FLOOR_DB / 10.0)).max(1e-9);
    let log = |energy: f64| (energy + floor).log10();
    (
        energies.into_iter().map(|frame| frame.map(log)).collect(),
        log(0.0),
    )
}

/// One triangular filter: the first bin and the weight of each bin from there.
struct Filter(usize, Vec<f64>);

fn filter_bank() -> Vec<Filter> {
    let mel = |hertz: f64| 2_595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2_595.0) - 1.0);
    let (low, high) = (mel(SPAN.0), mel(SPAN.1));
    let edge = |n: usize| hertz(low + (high - low) * n as f64 / (BANDS + 1) as f64);
    let bin_width = f64::from(RATE) / POINTS as f64;
    let filter = |band: usize| {
        let (left, centre, right) = (edge(band), edge(band + 1), edge(band + 2));
        let first = (left / bin_width).floor() as usize;
        let last = (right / bin_width).ceil() as usize;
        let weight = |bin: usize| {
            let f = bin as f64 * bin_width;
            let (up, down) = ((f - left) / (centre - left), (right - f) / (right - centre));
            up.min(down).max(0.0)
        };
        Filter(first, (first..=last).map(weight).collect())
    };
    (0..BANDS).map(filter).collect()
}

/// The discrete Fourier transform of one windowed frame, with its tables made once.
struct Spectrum {
    window: Vec<f64>,
    /// Cosine and sine of -2πk/[`POINTS`].
    twiddles: Vec<(f64, f64)>,
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Spectrum {
    fn new() -> Self {
        let turn = |k: usize, of: usize| 2.0 * PI * k as f64 / of as f64;
        let hann = |n| 0.5 - 0.5 * turn(n, FRAME).cos();
        let twiddle = |k| ((-turn(k, POINTS)).cos(), (-turn(k, POINTS)).sin());
        Self {
            window: (0..FRAME).map(hann).collect(),
            twiddles: (0..POINTS / 2).map(twiddle).collect(),
            re: vec![0.0; POINTS],
            im: vec![0.0; POINTS],
        }
    }

    fn bands(&mut self, samples: &[f32], bank: &[Filter]) -> Frame {
        self.re.fill(0.0);
        self.im.fill(0.0);
        for ((re, sample), window) in self.re.iter_mut().zip(samples).zip(&self.window) {
            *re = f64::from(*sample) * window;
        }
        self.transform();
        let mut bands = [0.0; BANDS];
        for (band, Filter(first, weights)) in bands.iter_mut().zip(bank) {
            let power = |bin: usize| self.re[bin].powi(2) + self.im[bin].powi(2);
            *band = weights
                .iter()
                .enumerate()
                .map(|(n, w)| w * power(first + n))
                .sum();
        }
        bands
    }

    /// Radix 2, in place.
    fn transform(&mut self) {
        let (re, im) = (&mut self.re, &mut self.im);
        let bits = POINTS.trailing_zeros();
        for n in 0..POINTS {
            let reversed = n.reverse_bits() >> (usize::BITS - bits);
            if n < reversed {
                re.swap(n, reversed);
                im.swap(n, reversed);
            }
        }
        let mut half = 1;
        while half < POINTS {
            for k in 0..half {
                let (cos, sin) = self.twiddles[k * (POINTS / 2 / half)];
                for even in (k..POINTS).step_by(2 * half) {
                    let odd = even + half;
                    let (x, y) = (re[odd] * cos - im[odd] * sin, re[odd] * sin + im[odd] * cos);
                    (re[odd], im[odd]) = (re[even] - x, im[even] - y);
                    (re[even], im[even]) = (re[even] + x, im[even] + y);
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_loudest_in_the_band_around_it() {
        let tone = |hertz: f64| {
            let phase = |n: u32| 2.0 * PI * hertz * f64::from(n) / f64::from(RATE);
            Audio::new(RATE, (0..RATE).map(|n| phase(n).sin() as f32).collect())
        };
        let loudest = |hertz: f64| {
            let (frames, _) = frames(&tone(hertz), 1);
            let frame = frames[frames.len() / 2];
            (0..BANDS)
                .max_by(|a, b| frame[*a].total_cmp(&frame[*b]))
                .unwrap()
        };
        let bands = [200.0, 500.0, 1_000.0, 2_000.0, 3_200.0].map(loudest);
        assert!(
            bands.is_sorted() && bands[0] <= 1 && bands[4] >= BANDS - 2,
            "{bands:?}"
        );
    }

    #[test]
    fn silence_has_frames_that_all_have_the_value_of_silence() {
        let (frames, silence) = frames(&Audio::new(RATE, vec![0.0; 16_000]), 1);
        assert_eq!(frames.len(), 99);
        assert!(
            frames
                .iter()
                .flatten()
                .all(|band| (band - silence).abs() < 1e-12)
        );
    }
}
