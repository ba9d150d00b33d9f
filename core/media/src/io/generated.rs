//! Sources and sinks that need no device and no file.

use std::f32::consts::TAU;

use super::{AudioSink, AudioSource};
use crate::frame::{Frame, SAMPLE_RATE};

/// A sine.
#[derive(Clone, Debug)]
pub struct Tone {
    phase: f32,
    step: f32,
    amplitude: f32,
}

impl Tone {
    /// A tone of `hertz` at a comfortable −18 dBov.
    pub fn new(hertz: f32) -> Self {
        Self {
            phase: 0.0,
            step: TAU * hertz / SAMPLE_RATE as f32,
            amplitude: 0.178,
        }
    }
}

impl AudioSource for Tone {
    fn read(&mut self, frame: &mut Frame) {
        for sample in frame {
            *sample = self.amplitude * self.phase.sin();
            self.phase = (self.phase + self.step) % TAU;
        }
    }
}

/// No sound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence;

impl AudioSource for Silence {
    fn read(&mut self, frame: &mut Frame) {
        frame.fill(0.0);
    }
}

/// Throws away what it gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl AudioSink for NullSink {
    fn write(&mut self, _frame: &Frame) {}
}
