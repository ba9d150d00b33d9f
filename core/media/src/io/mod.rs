//! Where a call's sound comes from and goes to.

use crate::frame::Frame;

mod generated;
mod wav_sink;
mod wav_source;

pub use generated::{NullSink, Silence, Tone};
pub use wav_sink::{WavSink, WavSinkError};
pub use wav_source::{WavSource, WavSourceError};

/// Gives the sound to send, 20 ms at a time. Called from the media clock, so it never blocks.
pub trait AudioSource: Send {
    /// Fills `frame` with the next 20 ms; whoever has nothing gives silence.
    fn read(&mut self, frame: &mut Frame);

    /// Whether all there was has been given once (a file). A source without an end never says so.
    fn finished(&self) -> bool {
        false
    }
}

/// Takes the sound that was heard, 20 ms at a time. Called from the media clock, so it never blocks.
pub trait AudioSink: Send {
    /// Takes the next 20 ms.
    fn write(&mut self, frame: &Frame);
}
