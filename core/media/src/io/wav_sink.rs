//! Recording to a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::AudioSink;
use crate::frame::{Frame, SAMPLE_RATE};

/// How often the header is brought up to date: a process that is killed loses at most this much.
const FRAMES_BETWEEN_FLUSHES: u32 = 50;

/// A WAV file could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WAV file cannot be written: {0}")]
pub struct WavSinkError(#[from] hound::Error);

/// Writes 16-bit mono WAV at 48 kHz. The file is valid after every second of sound, whatever happens to
/// the process, and complete once the sink is dropped.
pub struct WavSink {
    /// `None` once the disk refused: a full disk ends the recording, not the call.
    writer: Option<WavWriter<BufWriter<File>>>,
    frames_since_flush: u32,
}

impl WavSink {
    /// Creates, or empties, the file at `path`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self, WavSinkError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec)?;
        writer.flush()?;
        Ok(Self {
            writer: Some(writer),
            frames_since_flush: 0,
        })
    }

    fn append(&mut self, frame: &Frame) -> Result<(), hound::Error> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        for sample in frame {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        self.frames_since_flush = self.frames_since_flush.saturating_add(1);
        if self.frames_since_flush >= FRAMES_BETWEEN_FLUSHES {
            self.frames_since_flush = 0;
            writer.flush()?;
        }
        Ok(())
    }
}

impl AudioSink for WavSink {
    fn write(&mut self, frame: &Frame) {
        if let Err(error) = self.append(frame) {
            tracing::warn!(%error, "recording stopped");
            self.writer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_SAMPLES;

    #[test]
    fn a_recording_reads_back_and_is_valid_even_if_the_process_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heard.wav");
        let mut sink = WavSink::create(&path).unwrap();
        for _ in 0..120 {
            sink.write(&[0.5; FRAME_SAMPLES]);
        }
        // As the file stands while the process still runs: two whole seconds, none of it damaged.
        let partial = hound::WavReader::open(&path).unwrap();
        assert_eq!(partial.duration(), 2 * SAMPLE_RATE);
        drop(sink);
        let mut whole = hound::WavReader::open(&path).unwrap();
        assert_eq!(whole.duration() as usize, 120 * FRAME_SAMPLES);
        let first = whole.samples::<i16>().next().unwrap().unwrap();
        assert_eq!(first, 16384);
    }
}
