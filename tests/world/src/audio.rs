//! Sound in memory: mono samples at a rate, from and to WAV files.

use std::f64::consts::PI;
use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

/// Mono sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    rate: u32,
    samples: Vec<f32>,
}

/// Why a WAV file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The file system, or the WAV format.
    #[error("not a usable WAV file: {0}")]
    Wav(#[from] hound::Error),
    /// A rate or a channel count no speech has.
    #[error("a WAV file of {rate} Hz and {channels} channels cannot be used")]
    Shape {
        /// Samples a second.
        rate: u32,
        /// Channels.
        channels: u16,
    },
}

impl Audio {
    /// Sound of `samples`, full scale ±1.0, at `rate` Hz.
    ///
    /// # Panics
    /// If `rate` is 0.
    pub fn new(rate: u32, samples: Vec<f32>) -> Self {
        assert!(rate > 0, "sound needs a sample rate");
        Self { rate, samples }
    }

    /// `duration` of digital silence.
    pub fn silence(rate: u32, duration: Duration) -> Self {
        Self::new(rate, vec![0.0; samples_in(duration, rate)])
    }

    /// Reads a WAV file of any rate, any bit depth and any number of channels (mixed down).
    pub fn read(path: &Path) -> Result<Self, AudioError> {
        Self::decode(hound::WavReader::open(path)?)
    }

    /// The same from memory.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, AudioError> {
        Self::decode(hound::WavReader::new(Cursor::new(bytes))?)
    }

    /// Writes a 16-bit WAV file.
    pub fn write(&self, path: &Path) -> Result<(), AudioError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: self.rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in &self.samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        Ok(writer.finalize()?)
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The samples, full scale ±1.0.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }

    /// The part from `from` to `to`, as far as it exists.
    pub fn slice(&self, from: Duration, to: Duration) -> Self {
        let end = samples_in(to, self.rate).min(self.samples.len());
        let start = samples_in(from, self.rate).min(end);
        Self::new(self.rate, self.samples[start..end].to_vec())
    }

    /// The same sound without the part from `from` to `to`: what follows moves forward.
    pub fn without(&self, from: Duration, to: Duration) -> Self {
        let mut samples = self.slice(Duration::ZERO, from).samples;
        let rest = samples_in(to, self.rate).min(self.samples.len());
        samples.extend_from_slice(&self.samples[rest.max(samples.len())..]);
        Self::new(self.rate, samples)
    }

    /// Root mean square over the whole length in dB below full scale; −∞ for silence.
    pub fn level_dbfs(&self) -> f64 {
        let squares: f64 = self.samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        10.0 * (squares / self.samples.len().max(1) as f64).log10()
    }

    /// The same sound at another rate, by a windowed sinc that also keeps aliases out.
    ///
    /// # Panics
    /// If `rate` is 0.
    pub fn resampled(&self, rate: u32) -> Self {
        if rate == self.rate {
            return self.clone();
        }
        let step = f64::from(self.rate) / f64::from(rate);
        // The lower of the two rates decides what may pass; 16 zero crossings on either side.
        let cutoff = (1.0 / step).min(1.0);
        let reach = 16.0 / cutoff;
        let length = (self.samples.len() as f64 / step).floor() as usize;
        let at = |n: usize| {
            let centre = n as f64 * step;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize + 1).min(self.samples.len());
            let weighted = (first..last).map(|i| {
                let x = i as f64 - centre;
                let window = 0.5 + 0.5 * (PI * x / reach).cos();
                f64::from(self.samples[i]) * sinc(x * cutoff) * window * cutoff
            });
            weighted.sum::<f64>() as f32
        };
        Self::new(rate, (0..length).map(at).collect())
    }

    fn decode<R: Read>(mut reader: hound::WavReader<R>) -> Result<Self, AudioError> {
        let spec = reader.spec();
        let shape = AudioError::Shape {
            rate: spec.sample_rate,
            channels: spec.channels,
        };
        if !(4_000..=384_000).contains(&spec.sample_rate) || !(1..=8).contains(&spec.channels) {
            return Err(shape);
        }
        let interleaved: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
            hound::SampleFormat::Int => {
                let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                let scaled = reader.samples::<i32>().map(|s| Ok(s? as f32 / full));
                scaled.collect::<Result<_, hound::Error>>()?
            }
        };
        let channels = usize::from(spec.channels);
        let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        Ok(Self::new(
            spec.sample_rate,
            interleaved.chunks_exact(channels).map(mix).collect(),
        ))
    }
}

fn samples_in(duration: Duration, rate: u32) -> usize {
    (duration.as_secs_f64() * f64::from(rate)).round() as usize
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64) -> Audio {
        let phase = |n: u32| 2.0 * PI * hertz * f64::from(n) / f64::from(rate);
        Audio::new(
            rate,
            (0..rate).map(|n| (phase(n).sin() * 0.5) as f32).collect(),
        )
    }

    #[test]
    fn resampling_keeps_a_tone_and_drops_what_the_lower_rate_cannot_carry() {
        let kept = tone(48_000, 1_000.0).resampled(16_000);
        assert_eq!(kept.samples().len(), 16_000);
        let expected = tone(16_000, 1_000.0);
        let middle = |a: &Audio| a.samples()[1_000..15_000].to_vec();
        for (got, want) in middle(&kept).iter().zip(middle(&expected)) {
            assert!((got - want).abs() < 0.01, "{got} {want}");
        }
        assert!(tone(48_000, 12_000.0).resampled(16_000).level_dbfs() < -40.0);
        let up = tone(8_000, 1_000.0).resampled(16_000);
        assert!((up.level_dbfs() - expected.level_dbfs()).abs() < 0.1);
    }

    #[test]
    fn a_wav_file_of_any_depth_and_channel_count_reads_as_mono() {
        let dir = tempfile::tempdir().unwrap();
        for (bits, channels) in [(8, 1), (16, 2), (24, 1), (32, 3)] {
            let path = dir.path().join("some.wav");
            let spec = hound::WavSpec {
                channels,
                sample_rate: 22_050,
                bits_per_sample: bits,
                sample_format: hound::SampleFormat::Int,
            };
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            for _ in 0..22_050 * u32::from(channels) {
                writer.write_sample(1_i32 << (bits - 2)).unwrap();
            }
            writer.finalize().unwrap();
            let read = Audio::read(&path).unwrap();
            assert_eq!(
                (read.rate(), read.duration()),
                (22_050, Duration::from_secs(1))
            );
            assert!(
                read.samples().iter().all(|s| (s - 0.5).abs() < 0.01),
                "{bits} bits"
            );
        }
    }

    #[test]
    fn cutting_takes_out_exactly_the_named_part() {
        let audio = Audio::new(1_000, (0..1_000).map(|n| n as f32 / 1_000.0).collect());
        let cut = audio.without(Duration::from_millis(200), Duration::from_millis(700));
        assert_eq!(cut.samples()[199..202], [0.199, 0.7, 0.701]);
        assert_eq!(cut.duration(), Duration::from_millis(500));
        let tail = audio.slice(Duration::from_millis(900), Duration::from_secs(9));
        assert_eq!(tail.duration(), Duration::from_millis(100));
    }

    #[test]
    fn what_is_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tone.wav");
        let audio = tone(8_000, 440.0);
        audio.write(&path).unwrap();
        let back = Audio::read(&path).unwrap();
        assert!(
            audio
                .samples()
                .iter()
                .zip(back.samples())
                .all(|(a, b)| (a - b).abs() < 1e-4)
        );
    }
}
