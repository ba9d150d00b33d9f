//! Turning waiting packets into sound, one frame per tick of the media clock.
//!
//! ```text
//!            first packet has waited enough
//!   Waiting ───────────────────────────────► Playing ──┐ packet there: decode
//!      ▲                                        │  ▲    │ lost, next one there: recover, else guess
//!      └──── nothing to play for 200 ms ────────┘  └────┘ nothing there: guess; if it comes after all, go back
//! ```
//!
//! The delay is judged at the moment a packet is taken: how much earlier the fastest packet would have been
//! here. Below the target a period is put into the sound, above it one is taken out.

use std::time::{Duration, Instant};

use super::delay::{DelayEstimator, duration};
use super::queue::{Coded, Queue};
use crate::codecs::{AudioCodec, AudioDecoder, MAX_PACKET_SAMPLES, decoder};
use crate::dsp::{Extrapolator, accelerate, expand};
use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SAMPLES_PER_MS};

/// The first packet of a stream waits at least this long (and up to a tick more).
const FIRST_WAIT: i64 = 20_000;
/// … and at most this, however shaky the stream was before its pause.
const MOST_FIRST_WAIT: i64 = 80_000;
/// Sound is shortened when it is later than the target by more than this …
const TOO_LATE: i64 = 30_000;
/// … without any patience beyond this …
const FAR_TOO_LATE: i64 = 100_000;
/// … and packets are skipped beyond this.
const HOPELESS: i64 = 500_000;
/// Sound is lengthened when it is earlier than the target by more than this.
const TOO_EARLY: i64 = 5_000;
/// Ticks between two stretches while the delay is only a little off.
const CALM_TICKS: u8 = 5;
/// Without packets for this long the stream has paused, and silence is no longer a fault.
const PAUSE_SAMPLES: usize = 200 * SAMPLES_PER_MS;
/// A gap between packets longer than this is waited for, not filled at once.
const MAX_GAP: i64 = MAX_PACKET_SAMPLES as i64;
/// A packet this far off the others' clock belongs to a new count of timestamps.
const JUMP: i64 = 1_000_000;
/// What the decoder's own guessing works in: 2.5 ms.
const GRAIN: i64 = 120;

/// What the buffer did, over its life.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PlayoutStats {
    /// Samples guessed because a packet was lost or late.
    pub(crate) concealed_samples: u64,
    /// Samples restored from the next packet (FEC).
    pub(crate) recovered_samples: u64,
    /// Packets that came after their time.
    pub(crate) late_packets: u64,
    /// Packets that could not be decoded.
    pub(crate) undecodable_packets: u64,
    /// Samples put in or taken out by stretching.
    pub(crate) stretched_samples: u64,
}

/// What a frame is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Played {
    /// The peer's sound, if only in part.
    Sound,
    /// Nothing is being received.
    Nothing,
}

/// One stream's jitter buffer and decoder.
pub(crate) struct Playout {
    epoch: Instant,
    queue: Queue,
    delay: DelayEstimator,
    /// RTP timestamp and position of the newest packet, to extend the next one's.
    anchor: Option<Anchor>,
    suspect: Option<i64>,
    state: State,
    decoder: Option<(AudioCodec, Box<dyn AudioDecoder>)>,
    extrapolator: Extrapolator,
    /// Decoded, not yet played.
    ready: Vec<f32>,
    /// Duration of the last packet: what a lost one is taken to have been.
    packet_samples: i64,
    /// Guessed since the last real sound.
    guessed: usize,
    /// The last packet said that its sender falls silent (Opus DTX): what follows is no loss.
    falling_silent: bool,
    ticks_since_stretch: u8,
    stats: PlayoutStats,
    last_delay: i64,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    timestamp: u32,
    position: i64,
    clock_rate: u32,
}

/// See the module's diagram.
#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    /// The position to play next, and the number after that of the last packet played.
    Playing {
        next: i64,
        number: u64,
    },
}

impl Playout {
    /// An empty buffer; `epoch` is any instant not after the first packet.
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            queue: Queue::default(),
            delay: DelayEstimator::new(),
            anchor: None,
            suspect: None,
            state: State::Waiting,
            decoder: None,
            extrapolator: Extrapolator::default(),
            ready: Vec::with_capacity(4 * FRAME_SAMPLES),
            packet_samples: FRAME_SAMPLES as i64,
            guessed: 0,
            falling_silent: false,
            ticks_since_stretch: CALM_TICKS,
            stats: PlayoutStats::default(),
            last_delay: 0,
        }
    }

    /// The stream goes on with another source: what waits is dropped, what was learnt of the path stays.
    pub(crate) fn restart(&mut self) {
        self.queue.clear();
        self.delay.restart();
        self.anchor = None;
        self.suspect = None;
        self.state = State::Waiting;
        self.decoder = None;
    }

    /// What happened so far.
    pub(crate) fn stats(&self) -> PlayoutStats {
        self.stats
    }

    /// How long the fastest packet waits from arrival to being taken, and how long it should.
    pub(crate) fn delays(&self) -> (Duration, Duration) {
        (duration(self.last_delay), duration(self.delay.target()))
    }

    /// Takes a packet that arrived at `now`.
    pub(crate) fn insert(&mut self, now: Instant, timestamp: u32, packet: Coded) {
        let clock_rate = packet.codec.clock_rate();
        if self
            .anchor
            .is_some_and(|anchor| anchor.clock_rate != clock_rate)
        {
            self.restart();
        }
        let arrival = self.micros(now);
        let position = self.position(timestamp, clock_rate);
        let transit = arrival - micros_of(position);
        if let Some(base) = self.delay.base()
            && (transit - base).abs() > JUMP
        {
            // Two packets must agree on the new count, unless nothing plays that it could disturb.
            let agreed = self
                .suspect
                .is_some_and(|old| (old - transit).abs() < JUMP / 2);
            if !agreed && matches!(self.state, State::Playing { .. }) {
                self.suspect = Some(transit);
                return;
            }
            self.queue.clear();
            self.delay.restart();
            self.state = State::Waiting;
        }
        self.suspect = None;
        self.anchor = Some(Anchor {
            timestamp,
            position,
            clock_rate,
        });
        self.delay.learn(arrival, transit);
        if let State::Playing { next, .. } = self.state
            && position < next
        {
            let guessed = i64::try_from(self.guessed).unwrap_or(0);
            if !self.queue.is_empty() || position < next - guessed {
                self.stats.late_packets += 1;
                return;
            }
            // Nothing real was played since: better to go on here, later than planned, than to lose it.
            // If this was the exception, the sound is shortened again; if not, the delay was too small.
            let number = packet.number;
            self.state = State::Playing {
                next: position,
                number,
            };
        }
        self.queue.insert(position, packet);
    }

    /// The next 20 ms, due at `now`.
    pub(crate) fn pull(&mut self, now: Instant, frame: &mut Frame) -> Played {
        let now = self.micros(now);
        self.ticks_since_stretch = self.ticks_since_stretch.saturating_add(1);
        if matches!(self.state, State::Waiting) {
            self.try_to_start(now);
        }
        while self.ready.len() < FRAME_SAMPLES {
            let State::Playing { next, number } = self.state else {
                break;
            };
            self.step(now, next, number);
        }
        if matches!(self.state, State::Playing { .. }) {
            self.adjust(now);
        }
        let played = if self.ready.is_empty() {
            Played::Nothing
        } else {
            Played::Sound
        };
        let available = self.ready.len().min(FRAME_SAMPLES);
        let (sound, rest) = frame.split_at_mut_checked(available).unwrap_or_default();
        for (slot, sample) in sound.iter_mut().zip(self.ready.drain(..available)) {
            *slot = sample;
        }
        rest.fill(0.0);
        played
    }

    fn try_to_start(&mut self, now: i64) {
        let Some((first, packet)) = self.queue.first() else {
            return;
        };
        let number = packet.number;
        let wait = self.delay.target().clamp(FIRST_WAIT, MOST_FIRST_WAIT);
        if self.delay_of(now, first) >= wait {
            self.guessed = 0;
            self.state = State::Playing {
                next: first,
                number,
            };
        }
    }

    /// Appends the next bit of sound to what is ready, or goes waiting.
    fn step(&mut self, now: i64, next: i64, number: u64) {
        // A packet may begin a little before `next` when the last one was longer than its timestamps say.
        while self
            .queue
            .first()
            .is_some_and(|(position, _)| position < next)
        {
            self.queue.pop_first();
            self.stats.late_packets += 1;
        }
        self.last_delay = self.delay_of(now, next);
        match self
            .queue
            .first()
            .map(|(position, packet)| (position, packet.number))
        {
            Some((position, _)) if position == next => self.play_first(next),
            Some((position, following)) => self.bridge(now, next, number, position, following),
            None if self.guessed >= PAUSE_SAMPLES => self.state = State::Waiting,
            None => {
                let samples = self.packet_samples.clamp(GRAIN, FRAME_SAMPLES as i64);
                self.guess(samples, !self.falling_silent);
                self.state = State::Playing {
                    next: next + samples,
                    number,
                };
            }
        }
    }

    /// Something is missing, but sound from after it is there.
    fn bridge(&mut self, now: i64, next: i64, number: u64, position: i64, following: u64) {
        let gap = position - next;
        // Numbers without a hole: the peer paused (DTX), nothing was lost.
        let paused = following == number;
        if gap > MAX_GAP && self.delay_of(now, position) > self.delay.target() + TOO_LATE {
            // A pause whose end is already due: there is nothing to wait for.
            self.state = State::Playing {
                next: position,
                number: following,
            };
            return;
        }
        let samples = gap.min(FRAME_SAMPLES as i64);
        if !paused {
            self.delay.learn_loss(true);
        }
        if paused || gap != samples || !self.recover(samples) {
            self.guess(samples, !paused);
        }
        self.state = State::Playing {
            next: next + samples,
            number,
        };
    }

    fn recover(&mut self, samples: i64) -> bool {
        let Some((_, packet)) = self.queue.first() else {
            return false;
        };
        let Some((codec, decoder)) = &mut self.decoder else {
            return false;
        };
        let start = self.ready.len();
        let samples = usize::try_from(samples).unwrap_or(0);
        if packet.codec != *codec || !decoder.recover(&packet.payload, samples, &mut self.ready) {
            return false;
        }
        self.extrapolator
            .hear(self.ready.get_mut(start..).unwrap_or_default());
        self.stats.recovered_samples += samples as u64;
        self.guessed = 0;
        true
    }

    /// Fills in for sound that is not there; `fault`: because a packet did not make it.
    fn guess(&mut self, samples: i64, fault: bool) {
        let samples = usize::try_from(samples).unwrap_or(0).max(1);
        let start = self.ready.len();
        let by_codec = self
            .decoder
            .as_mut()
            .is_some_and(|(_, decoder)| decoder.conceal(samples, &mut self.ready));
        if by_codec {
            self.extrapolator
                .hear(self.ready.get_mut(start..).unwrap_or_default());
        } else {
            self.extrapolator.conceal(samples, &mut self.ready);
        }
        self.guessed = self.guessed.saturating_add(samples);
        if fault {
            self.stats.concealed_samples += samples as u64;
        }
    }

    fn play_first(&mut self, next: i64) {
        let Some((_, packet)) = self.queue.pop_first() else {
            return;
        };
        let number = packet.number + 1;
        let start = self.ready.len();
        if !self.decode(&packet) {
            self.stats.undecodable_packets += 1;
            let samples = self.packet_samples.max(GRAIN);
            self.guess(samples, true);
            self.state = State::Playing {
                next: next + samples,
                number,
            };
            return;
        }
        let sound = self.ready.get_mut(start..).unwrap_or_default();
        let samples = sound.len() as i64;
        self.extrapolator.hear(sound);
        self.packet_samples = samples;
        self.guessed = 0;
        self.falling_silent = packet.codec == AudioCodec::Opus && packet.payload.len() <= 2;
        self.delay.learn_loss(false);
        self.state = State::Playing {
            next: next + samples,
            number,
        };
    }

    fn decode(&mut self, packet: &Coded) -> bool {
        if self
            .decoder
            .as_ref()
            .is_none_or(|(codec, _)| *codec != packet.codec)
        {
            self.decoder = decoder(packet.codec).ok().map(|made| (packet.codec, made));
            let recoverable = self.decoder.as_ref().is_some_and(|(_, d)| d.can_recover());
            self.delay.set_recoverable(recoverable);
        }
        let Some((_, decoder)) = &mut self.decoder else {
            return false;
        };
        let start = self.ready.len();
        let expected = decoder.duration(&packet.payload);
        let sound = decoder.decode(&packet.payload, &mut self.ready).is_ok();
        if !sound || expected == 0 || self.ready.len() == start {
            self.ready.truncate(start);
            return false;
        }
        true
    }

    /// Bends the delay towards its target.
    fn adjust(&mut self, now: i64) {
        let State::Playing { next, .. } = self.state else {
            return;
        };
        if self.guessed > 0 {
            return;
        }
        // Of the first sample about to be played, not of the next packet: a stretch must show at once.
        let total = self.delay_of(now, next) + micros_of(self.ready.len() as i64);
        let excess = total - self.delay.target();
        if excess > HOPELESS {
            self.skip(now);
        } else if excess > TOO_LATE
            && (excess > FAR_TOO_LATE || self.ticks_since_stretch >= CALM_TICKS)
        {
            self.shorten(next);
        } else if self.last_delay < self.delay.target() - TOO_EARLY
            && self.ticks_since_stretch >= CALM_TICKS
        {
            self.stretched(expand);
        }
    }

    fn shorten(&mut self, next: i64) {
        // A whole frame must be left after a period is gone.
        let there = self
            .queue
            .first()
            .is_some_and(|(position, _)| position == next);
        if self.ready.len() < 2 * FRAME_SAMPLES && there {
            self.play_first(next);
        }
        if self.ready.len() >= 2 * FRAME_SAMPLES {
            self.stretched(accelerate);
        }
    }

    fn stretched(&mut self, stretch: fn(&mut Vec<f32>) -> usize) {
        let changed = stretch(&mut self.ready);
        if changed > 0 {
            self.ticks_since_stretch = 0;
            self.stats.stretched_samples += changed as u64;
        }
    }

    /// Drops what waits too long to be worth hearing.
    fn skip(&mut self, now: i64) {
        let newest = self.queue.last_position().unwrap_or_default();
        while let Some((position, packet)) = self.queue.first() {
            let number = packet.number;
            if position >= newest || self.delay_of(now, position) <= self.delay.target() {
                self.state = State::Playing {
                    next: position,
                    number,
                };
                break;
            }
            self.queue.pop_first();
            self.stats.late_packets += 1;
        }
    }

    /// How long ago the fastest packet would have brought this position.
    fn delay_of(&self, now: i64, position: i64) -> i64 {
        now - self.delay.base().unwrap_or_default() - micros_of(position)
    }

    fn micros(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.epoch);
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX / 4)
    }

    /// The timestamp's place in a count of 48 kHz samples that never wraps.
    fn position(&self, timestamp: u32, clock_rate: u32) -> i64 {
        let scale = i64::from(SAMPLE_RATE / clock_rate.max(1));
        match self.anchor {
            Some(anchor) => {
                let step = timestamp.wrapping_sub(anchor.timestamp) as i32;
                anchor.position + i64::from(step) * scale
            }
            None => 0,
        }
    }
}

fn micros_of(samples: i64) -> i64 {
    samples.saturating_mul(1000) / SAMPLES_PER_MS as i64
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
