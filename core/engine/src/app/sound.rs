//! What a call is heard and spoken with, in words an app can say.

use std::path::PathBuf;

use tandem_media::devices::{self, DeviceError};
use tandem_media::io::{
    AudioSink, NullSink, Silence, Tone, WavSink, WavSinkError, WavSource, WavSourceError,
};

use crate::phone::Audio;

/// What a call is heard and spoken with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sound {
    /// Microphone and loudspeaker, as the system would have them.
    #[default]
    Device,
    /// WAV files: for tests, and machines without sound.
    File {
        /// What is said, once; `None`: silence.
        play: Option<PathBuf>,
        /// Where what is heard is written.
        record: Option<PathBuf>,
    },
    /// A steady tone, Hz.
    Tone {
        /// Its pitch.
        hertz: f32,
        /// Where what is heard is written.
        record: Option<PathBuf>,
    },
    /// Says nothing and listens to nothing.
    Silent,
}

/// Why there is nothing to hear or to speak with.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The file to be played.
    #[error(transparent)]
    Play(#[from] WavSourceError),
    /// The file to be written.
    #[error(transparent)]
    Record(#[from] WavSinkError),
}

impl Sound {
    /// Opens it. Blocks for as long as the device or the file takes.
    ///
    /// # Errors
    /// The device or the file cannot be used.
    pub fn open(self) -> Result<Audio, SoundError> {
        Ok(match self {
            Self::Device => {
                let open = devices::default_device()?.open()?;
                Audio {
                    source: open.source,
                    sink: open.sink,
                }
            }
            Self::File { play, record } => Audio {
                source: match play {
                    Some(path) => Box::new(WavSource::open(&path, false)?),
                    None => Box::new(Silence),
                },
                sink: recorder(record)?,
            },
            Self::Tone { hertz, record } => Audio {
                source: Box::new(Tone::new(hertz)),
                sink: recorder(record)?,
            },
            Self::Silent => Audio {
                source: Box::new(Silence),
                sink: Box::new(NullSink),
            },
        })
    }
}

fn recorder(path: Option<PathBuf>) -> Result<Box<dyn AudioSink>, SoundError> {
    Ok(match path {
        Some(path) => Box::new(WavSink::create(&path)?),
        None => Box::new(NullSink),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_says_so_before_anything_rings() {
        let folder = tempfile::tempdir().unwrap();
        let sound = Sound::File {
            play: Some(folder.path().join("nothing.wav")),
            record: None,
        };
        assert!(matches!(sound.open(), Err(SoundError::Play(_))));
        let sound = Sound::Tone {
            hertz: 440.0,
            record: Some(folder.path().join("heard.wav")),
        };
        assert!(sound.open().is_ok());
    }
}
