//! Changing the sample rate: a windowed-sinc polyphase filter for any ratio, exact in the long run.
//!
//! The window is Kaiser's (β = 9: stop band below −85 dB), the kernel 32 zero crossings wide on the slower
//! side, cut off just below the slower Nyquist. Ratios of small integers (8, 16, 44.1 kHz to 48 kHz) use one
//! table row per output phase; others read between two rows. [`Resampler::trim`] bends the ratio a little
//! so that two devices with clocks of their own can be kept together.

#![cfg_attr(
    not(any(feature = "cpal", target_os = "android", target_os = "ios")),
    allow(
        dead_code,
        reason = "only live devices have a clock of their own to follow"
    )
)]

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const HALF_WIDTH: f64 = 16.0;
/// Kaiser's β.
const BETA: f64 = 9.0;
/// Share of the band kept in front of the slower Nyquist.
const PASS_BAND: f64 = 0.93;
/// Most table rows; with more phases than this, neighbours are blended.
const MAX_ROWS: u64 = 512;
/// Denominator in which a trim is counted: parts per million.
const PPM: u64 = 1_000_000;

/// Converts a mono stream from one rate to another, keeping its state between calls.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    /// Per row: `taps` weights, the oldest sample's first. One row more than phases, for blending.
    table: Vec<f32>,
    rows: u64,
    taps: usize,
    /// Input position of the next output: `history[position]` plus `phase / phases` of a sample.
    phase: u64,
    phases: u64,
    /// Input samples per output sample, as whole samples and remaining phase.
    step: u64,
    nominal_step: u64,
    history: Vec<f32>,
    position: usize,
}

impl Resampler {
    /// A converter from `from` to `to` Hz; both are taken as at least 1.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        let divisor = gcd(from, to);
        Self::with_ratio(from / divisor, to / divisor)
    }

    /// The same, ready to be [trimmed](Resampler::trim): costs two table rows an output sample.
    pub(crate) fn adjustable(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        Self::with_ratio(from * PPM, to * PPM)
    }

    fn with_ratio(from: u64, to: u64) -> Self {
        let cutoff = PASS_BAND * (to as f64 / from as f64).min(1.0);
        let half = (HALF_WIDTH / cutoff).ceil();
        let taps = (2.0 * half) as usize;
        let rows = to.min(MAX_ROWS);
        let mut table = Vec::with_capacity(taps * (rows as usize + 1));
        for row in 0..=rows {
            let fraction = row as f64 / rows as f64;
            let start = table.len();
            for tap in 0..taps {
                // Distance of this input sample from the output's instant, in input samples.
                let x = tap as f64 - (half - 1.0) - fraction;
                table.push((cutoff * sinc(cutoff * x) * kaiser(x / half)) as f32);
            }
            // Every phase passes the same level at 0 Hz: no tone at the rate the phases repeat.
            let sum: f32 = table.iter().skip(start).sum();
            table
                .iter_mut()
                .skip(start)
                .for_each(|weight| *weight /= sum);
        }
        Self {
            table,
            rows,
            taps,
            phase: 0,
            phases: to,
            step: from,
            nominal_step: from,
            history: vec![0.0; taps.saturating_sub(1)],
            position: 0,
        }
    }

    /// Input samples that one output sample is made of.
    pub(crate) fn taps(&self) -> usize {
        self.taps
    }

    /// For sound that is all there already: the first output falls on the first input, not half a filter
    /// later; in turn the caller adds half of [`Resampler::taps`] of silence at the end.
    pub(crate) fn without_delay(mut self) -> Self {
        self.history.truncate((self.taps / 2).saturating_sub(1));
        self
    }

    /// Makes the input run `ppm` parts per million faster (more input for each output) than its nominal
    /// rate; only for [`Resampler::adjustable`] ones.
    pub(crate) fn trim(&mut self, ppm: i32) {
        let nominal = self.nominal_step as i128;
        let step = nominal + nominal * i128::from(ppm) / PPM as i128;
        self.step = u64::try_from(step.max(1)).unwrap_or(self.nominal_step);
    }

    /// Takes `input` and appends all output that is now certain.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.history.extend_from_slice(input);
        while let Some(window) = self
            .history
            .get(self.position..self.position.saturating_add(self.taps))
        {
            output.push(self.sample(window));
            self.phase += self.step;
            self.position += (self.phase / self.phases) as usize;
            self.phase %= self.phases;
        }
        let used = self.position.min(self.history.len());
        self.history.drain(..used);
        self.position -= used;
    }

    fn sample(&self, window: &[f32]) -> f32 {
        // At most 192 000 000 000 phases times 512 rows: far from overflowing.
        let scaled = self.phase * self.rows;
        let row = (scaled / self.phases) as usize;
        let remainder = (scaled % self.phases) as f64 / self.phases as f64;
        let value = dot(window, self.row(row));
        if remainder == 0.0 {
            return value;
        }
        let next = dot(window, self.row(row + 1));
        value + (next - value) * remainder as f32
    }

    fn row(&self, row: usize) -> &[f32] {
        let start = row * self.taps;
        self.table.get(start..start + self.taps).unwrap_or_default()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight running sums: lets the compiler use vector instructions without reordering a float sum.
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    bessel_i0(BETA * (1.0 - x * x).sqrt()) / bessel_i0(BETA)
}

/// The modified Bessel function of order zero, by its series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn sine(rate: u32, hertz: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| (f64::from(TAU) * f64::from(hertz) * n as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    /// Power of what is left once the best-fitting sine of this frequency is taken out, over its power, dB.
    fn distortion_db(signal: &[f32], rate: u32, hertz: f32) -> f64 {
        let (mut s, mut c) = (0.0_f64, 0.0_f64);
        let angle = |n: usize| f64::from(TAU) * f64::from(hertz) * n as f64 / f64::from(rate);
        for (n, x) in signal.iter().enumerate() {
            s += f64::from(*x) * angle(n).sin();
            c += f64::from(*x) * angle(n).cos();
        }
        let scale = 2.0 / signal.len() as f64;
        let (s, c) = (s * scale, c * scale);
        let residue: f64 = signal
            .iter()
            .enumerate()
            .map(|(n, x)| (f64::from(*x) - s * angle(n).sin() - c * angle(n).cos()).powi(2))
            .sum();
        10.0 * (residue / signal.len() as f64 / ((s * s + c * c) / 2.0)).log10()
    }

    #[test]
    fn every_chunk_of_a_codec_rate_gives_exactly_its_share() {
        for (from, to, input, output) in [
            (8_000, 48_000, 160, 960),
            (48_000, 16_000, 960, 320),
            (48_000, 8_000, 480, 80),
        ] {
            let mut resampler = Resampler::new(from, to);
            for _ in 0..500 {
                let mut out = Vec::new();
                resampler.process(&vec![0.25; input], &mut out);
                assert_eq!(out.len(), output, "{from} → {to}");
            }
        }
    }

    #[test]
    fn a_tone_stays_clean_and_an_alias_is_kept_out() {
        for (from, to, hertz) in [
            (8_000, 48_000, 1000.0),
            (16_000, 48_000, 6000.0),
            (44_100, 48_000, 10_000.0),
            (48_000, 8_000, 3000.0),
            (48_000, 44_100, 997.0),
            (11_025, 48_000, 3000.0),
        ] {
            let mut out = Vec::new();
            Resampler::new(from, to).process(&sine(from, hertz, from as usize), &mut out);
            let steady = &out[out.len() / 4..out.len() / 4 * 3];
            let db = distortion_db(steady, to, hertz);
            assert!(db < -65.0, "{from} → {to} at {hertz}: {db} dB");
        }
        // 6 kHz cannot exist at 8 kHz: it must vanish, not come back as 2 kHz.
        let mut out = Vec::new();
        Resampler::new(48_000, 8_000).process(&sine(48_000, 6000.0, 48_000), &mut out);
        let peak = out[1000..7000].iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        assert!(peak < 0.001, "{peak}");
    }

    #[test]
    fn a_trim_changes_how_much_input_is_used() {
        let mut resampler = Resampler::adjustable(48_000, 48_000);
        resampler.trim(500);
        let mut out = Vec::new();
        for _ in 0..1000 {
            resampler.process(&[0.0; 960], &mut out);
        }
        // 500 ppm faster input: 480 samples less out of 960 000.
        let missing = 960_000 - out.len() as i64;
        assert!((470..=490).contains(&missing), "{missing}");
    }
}
