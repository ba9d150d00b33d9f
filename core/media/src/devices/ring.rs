//! The lock-free rings between an audio callback and the media clock.
//!
//! The device's clock and ours differ by some parts per million, and callbacks come in lumps. So the fill of
//! each ring is watched, and the resampler at our end runs a little faster or slower to keep it.

use std::sync::mpsc::{Receiver, Sender, channel};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::dsp::Resampler;
use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE};
use crate::io::{AudioSink, AudioSource};

/// A ring holds this much; more than any callback brings at once.
const CAPACITY_MS: u32 = 400;
/// The fill that is kept: enough for callbacks of 20 ms and a late tick.
const WANTED_MS: f32 = 40.0;
/// Beyond this fill, sound is thrown away rather than heard late.
const MOST_MS: f32 = 160.0;
/// Parts per million for each millisecond that the fill is off; 0.2 % is not heard.
const PPM_PER_MS: f32 = 100.0;
const MOST_PPM: f32 = 2000.0;
/// How quickly the measured fill follows, per frame: about a second.
const SMOOTHING: f32 = 0.02;

/// The callback's end of a microphone.
pub(super) struct MicrophoneEnd {
    ring: Producer<f32>,
    channels: usize,
}

/// The callback's end of a loudspeaker.
pub(super) struct LoudspeakerEnd {
    ring: Consumer<f32>,
    channels: usize,
}

/// Gives a new ring to the other end, when a device is opened, or opened again.
pub(super) struct Plug<T> {
    to: Sender<(T, u32)>,
}

impl Plug<Consumer<f32>> {
    /// A microphone of this rate and number of channels is about to run.
    pub(super) fn microphone(&self, rate: u32, channels: u16) -> MicrophoneEnd {
        let (producer, consumer) = RingBuffer::new(capacity(rate));
        // Nobody listens any more if this fails: then the samples go nowhere, which is right.
        let _ = self.to.send((consumer, rate));
        MicrophoneEnd {
            ring: producer,
            channels: usize::from(channels.max(1)),
        }
    }
}

impl Plug<Producer<f32>> {
    /// The same for a loudspeaker.
    pub(super) fn loudspeaker(&self, rate: u32, channels: u16) -> LoudspeakerEnd {
        let (producer, consumer) = RingBuffer::new(capacity(rate));
        let _ = self.to.send((producer, rate));
        LoudspeakerEnd {
            ring: consumer,
            channels: usize::from(channels.max(1)),
        }
    }
}

fn capacity(rate: u32) -> usize {
    (rate / 1000 * CAPACITY_MS) as usize
}

impl MicrophoneEnd {
    /// Takes interleaved samples. For the audio thread: no lock, no allocation.
    pub(super) fn push<T: Copy>(&mut self, samples: &[T], convert: impl Fn(T) -> f32) {
        for group in samples.chunks_exact(self.channels) {
            let sum: f32 = group.iter().map(|sample| convert(*sample)).sum();
            // A full ring means that our side sleeps; what it missed is not worth keeping.
            if self.ring.push(sum / self.channels as f32).is_err() {
                break;
            }
        }
    }
}

impl LoudspeakerEnd {
    /// Fills interleaved samples. For the audio thread: no lock, no allocation.
    pub(super) fn pull<T: Copy>(&mut self, samples: &mut [T], convert: impl Fn(f32) -> T) {
        for group in samples.chunks_mut(self.channels) {
            let sample = convert(self.ring.pop().unwrap_or(0.0));
            group.fill(sample);
        }
    }
}

/// The microphone as a source. `keeper` is dropped with it and ends the device.
pub(super) struct RingSource {
    fresh: Receiver<(Consumer<f32>, u32)>,
    line: Option<Line<Consumer<f32>>>,
    ready: Vec<f32>,
    taken: Vec<f32>,
    _keeper: Option<Box<dyn Send>>,
}

/// The loudspeaker as a sink.
pub(super) struct RingSink {
    fresh: Receiver<(Producer<f32>, u32)>,
    line: Option<Line<Producer<f32>>>,
    converted: Vec<f32>,
    _keeper: Option<Box<dyn Send>>,
}

/// One ring with its resampler and the fill measured.
struct Line<R> {
    ring: R,
    rate: u32,
    resampler: Resampler,
    fill_ms: f32,
    /// Sound flows; otherwise enough is gathered first.
    running: bool,
}

impl<R> Line<R> {
    fn new(ring: R, rate: u32, resampler: Resampler) -> Self {
        Self {
            ring,
            rate,
            resampler,
            fill_ms: WANTED_MS,
            running: false,
        }
    }

    fn milliseconds(&self, samples: usize) -> f32 {
        samples as f32 * 1000.0 / self.rate.max(1) as f32
    }

    /// Learns the fill and bends the rate towards the one wanted.
    fn regulate(&mut self, fill_ms: f32) {
        self.fill_ms += (fill_ms - self.fill_ms) * SMOOTHING;
        let ppm = (self.fill_ms - WANTED_MS) * PPM_PER_MS;
        self.resampler.trim(ppm.clamp(-MOST_PPM, MOST_PPM) as i32);
    }
}

/// The two ends of a microphone that has not been opened yet.
pub(super) fn microphone() -> (Plug<Consumer<f32>>, RingSource) {
    let (to, fresh) = channel();
    let source = RingSource {
        fresh,
        line: None,
        ready: Vec::with_capacity(4 * FRAME_SAMPLES),
        taken: Vec::new(),
        _keeper: None,
    };
    (Plug { to }, source)
}

/// The two ends of a loudspeaker that has not been opened yet.
pub(super) fn loudspeaker() -> (Plug<Producer<f32>>, RingSink) {
    let (to, fresh) = channel();
    let sink = RingSink {
        fresh,
        line: None,
        converted: Vec::new(),
        _keeper: None,
    };
    (Plug { to }, sink)
}

impl RingSource {
    /// Keeps `keeper`, and with it the device, as long as the source is kept.
    pub(super) fn kept_by(mut self, keeper: Box<dyn Send>) -> Self {
        self._keeper = Some(keeper);
        self
    }

    fn take(&mut self) {
        if let Ok((ring, rate)) = self.fresh.try_recv() {
            let resampler = Resampler::adjustable(rate, SAMPLE_RATE);
            self.line = Some(Line::new(ring, rate, resampler));
        }
        let Some(line) = &mut self.line else { return };
        let mut waiting = line.ring.slots();
        let fill = line.milliseconds(waiting);
        if !line.running && fill < WANTED_MS {
            return;
        }
        line.running = true;
        if fill > MOST_MS {
            let surplus = ((fill - WANTED_MS) * line.rate as f32 / 1000.0) as usize;
            if let Ok(chunk) = line.ring.read_chunk(surplus.min(waiting)) {
                chunk.commit_all();
            }
            line.fill_ms = WANTED_MS;
            waiting = line.ring.slots();
        } else {
            line.regulate(fill);
        }
        // What 20 ms need, and the little the trim may add; the rest stays, so that the fill can be seen.
        let missing = FRAME_SAMPLES.saturating_sub(self.ready.len()) as u64;
        let wanted = missing * u64::from(line.rate) / u64::from(SAMPLE_RATE) + 8;
        let count = waiting.min(usize::try_from(wanted).unwrap_or(usize::MAX));
        line.running = waiting > 0;
        self.taken.clear();
        if let Ok(chunk) = line.ring.read_chunk(count) {
            self.taken.extend(chunk);
        }
        line.resampler.process(&self.taken, &mut self.ready);
    }
}

impl AudioSource for RingSource {
    fn read(&mut self, frame: &mut Frame) {
        self.take();
        let available = self.ready.len().min(FRAME_SAMPLES);
        frame.fill(0.0);
        for (slot, sample) in frame.iter_mut().zip(self.ready.drain(..available)) {
            *slot = sample;
        }
    }
}

impl RingSink {
    /// Keeps `keeper`, and with it the device, as long as the sink is kept.
    pub(super) fn kept_by(mut self, keeper: Box<dyn Send>) -> Self {
        self._keeper = Some(keeper);
        self
    }
}

impl AudioSink for RingSink {
    fn write(&mut self, frame: &Frame) {
        if let Ok((ring, rate)) = self.fresh.try_recv() {
            let resampler = Resampler::adjustable(SAMPLE_RATE, rate);
            self.line = Some(Line::new(ring, rate, resampler));
        }
        let Some(line) = &mut self.line else { return };
        let waiting = line
            .ring
            .buffer()
            .capacity()
            .saturating_sub(line.ring.slots());
        let fill = line.milliseconds(waiting);
        if fill > MOST_MS {
            // The loudspeaker does not take it: this frame is left out.
            line.fill_ms = WANTED_MS;
            return;
        }
        self.converted.clear();
        if waiting == 0 {
            // At the start, and after a gap: a cushion first.
            let cushion = (WANTED_MS * line.rate as f32 / 1000.0) as usize;
            self.converted.resize(cushion, 0.0);
            line.fill_ms = WANTED_MS;
        } else {
            line.regulate(fill);
        }
        line.resampler.process(frame, &mut self.converted);
        for sample in &self.converted {
            if line.ring.push(*sample).is_err() {
                break;
            }
        }
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
