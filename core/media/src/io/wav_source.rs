//! Playing a file.

use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::AudioSource;
use crate::dsp::Resampler;
use crate::frame::{Frame, SAMPLE_RATE};

/// The longest file played, in seconds: it is held in memory, resampled (about 690 MB at the limit).
const MAX_SECONDS: u32 = 3600;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavSourceError {
    /// The file cannot be read or is no WAV.
    #[error("the WAV file cannot be read: {0}")]
    Read(#[from] hound::Error),
    /// A WAV, but of a kind not played here.
    #[error("cannot play WAV with {channels} channels at {sample_rate} Hz")]
    Unsupported {
        /// Channels of the file.
        channels: u16,
        /// Its samples per second.
        sample_rate: u32,
    },
    /// Longer than this build plays.
    #[error("the WAV file is longer than {MAX_SECONDS} seconds")]
    TooLong,
}

/// Plays a WAV file: 8, 16, 24 or 32 bit or float, any usual rate, several channels mixed to one.
///
/// Read as a whole when opened, so that playing never waits for the disk.
pub struct WavSource {
    samples: Vec<f32>,
    position: usize,
    looping: bool,
    finished: bool,
}

impl WavSource {
    /// Opens the file at `path`; `looping` starts again at the end instead of falling silent.
    ///
    /// # Errors
    /// The file cannot be read or is no WAV that can be played.
    pub fn open(path: &Path, looping: bool) -> Result<Self, WavSourceError> {
        let reader = WavReader::open(path)?;
        let spec = reader.spec();
        let playable =
            (1..=8).contains(&spec.channels) && (8_000..=192_000).contains(&spec.sample_rate);
        if !playable {
            return Err(WavSourceError::Unsupported {
                channels: spec.channels,
                sample_rate: spec.sample_rate,
            });
        }
        if reader.duration() / spec.sample_rate > MAX_SECONDS {
            return Err(WavSourceError::TooLong);
        }
        let raw: Vec<f32> = match spec.sample_format {
            SampleFormat::Float => reader
                .into_samples::<f32>()
                .collect::<Result<_, hound::Error>>()?,
            SampleFormat::Int => {
                let full_scale = (1_u64 << spec.bits_per_sample.saturating_sub(1).min(31)) as f32;
                reader
                    .into_samples::<i32>()
                    .map(|sample| sample.map(|s| s as f32 / full_scale))
                    .collect::<Result<_, hound::Error>>()?
            }
        };
        let channels = usize::from(spec.channels);
        let mono: Vec<f32> = raw
            .chunks_exact(channels)
            .map(|samples| samples.iter().sum::<f32>() / channels as f32)
            .collect();
        Ok(Self {
            samples: resampled(mono, spec.sample_rate),
            position: 0,
            looping,
            finished: false,
        })
    }
}

fn resampled(mut mono: Vec<f32>, rate: u32) -> Vec<f32> {
    if rate == SAMPLE_RATE {
        return mono;
    }
    let mut resampler = Resampler::new(rate, SAMPLE_RATE).without_delay();
    let wanted = (mono.len() as u64).saturating_mul(u64::from(SAMPLE_RATE)) / u64::from(rate);
    mono.extend(std::iter::repeat_n(0.0, resampler.taps()));
    let mut out = Vec::with_capacity(wanted as usize + 1024);
    resampler.process(&mono, &mut out);
    out.truncate(wanted as usize);
    out
}

impl AudioSource for WavSource {
    fn read(&mut self, frame: &mut Frame) {
        for slot in frame {
            if self.looping && self.position >= self.samples.len() {
                self.position = 0;
            }
            *slot = self.samples.get(self.position).copied().unwrap_or(0.0);
            self.position = self.position.saturating_add(1);
        }
        // Said once everything has been given, also when playing goes round.
        self.finished |= self.position >= self.samples.len();
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use hound::{WavSpec, WavWriter};

    use super::*;
    use crate::frame::{FRAME_SAMPLES, LevelMeter, SILENT_FRAME};

    /// One second of a 440 Hz sine at half scale, as a file of this kind.
    fn write_sine(path: &Path, spec: WavSpec) {
        let mut writer = WavWriter::create(path, spec).unwrap();
        let full = (1_u64 << (spec.bits_per_sample - 1)) as f32 - 1.0;
        for n in 0..spec.sample_rate {
            let value = 0.5 * (TAU * 440.0 * n as f32 / spec.sample_rate as f32).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value).unwrap(),
                    SampleFormat::Int => writer.write_sample((value * full) as i32).unwrap(),
                }
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn any_usual_kind_of_file_plays_as_the_same_sine() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = [
            (8_000, 8, SampleFormat::Int, 1),
            (11_025, 16, SampleFormat::Int, 2),
            (16_000, 16, SampleFormat::Int, 1),
            (44_100, 24, SampleFormat::Int, 2),
            (48_000, 32, SampleFormat::Int, 1),
            (96_000, 32, SampleFormat::Float, 2),
            (192_000, 16, SampleFormat::Int, 1),
        ];
        for (sample_rate, bits_per_sample, sample_format, channels) in kinds {
            let path = folder
                .path()
                .join(format!("{sample_rate}-{bits_per_sample}.wav"));
            let spec = WavSpec {
                channels,
                sample_rate,
                bits_per_sample,
                sample_format,
            };
            write_sine(&path, spec);
            let mut source = WavSource::open(&path, false).unwrap();
            let mut heard = Vec::new();
            while !source.finished() {
                let mut frame = SILENT_FRAME;
                source.read(&mut frame);
                heard.extend_from_slice(&frame);
            }
            assert_eq!(heard.len(), 50 * FRAME_SAMPLES, "{sample_rate} Hz");
            // In phase with the ideal sine, away from the ends.
            let error = (4800..43_200).map(|n| {
                let ideal = 0.5 * (TAU * 440.0 * n as f32 / SAMPLE_RATE as f32).sin();
                (heard[n] - ideal).abs()
            });
            let worst = error.fold(0.0, f32::max);
            let allowed = if bits_per_sample == 8 { 0.02 } else { 0.003 };
            assert!(worst < allowed, "{spec:?}: {worst}");
        }
    }

    #[test]
    fn a_played_out_file_is_silent_and_a_looping_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write_sine(&path, spec);
        for (looping, quiet) in [(false, true), (true, false)] {
            let mut source = WavSource::open(&path, looping).unwrap();
            let mut frame = SILENT_FRAME;
            for _ in 0..60 {
                source.read(&mut frame);
            }
            let mut meter = LevelMeter::default();
            meter.add(&frame);
            assert_eq!(meter.take_dbov() < -100.0, quiet);
            assert!(source.finished());
        }
    }

    #[test]
    fn a_file_that_is_no_wav_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.wav");
        std::fs::write(&path, b"Dear Bob").unwrap();
        assert!(matches!(
            WavSource::open(&path, false),
            Err(WavSourceError::Read(_))
        ));
    }
}
