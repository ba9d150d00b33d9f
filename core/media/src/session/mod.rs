//! The audio of one call.
//!
//! [`MediaSession`] is told the time and given datagrams; it gives datagrams and events back. In it runs the
//! 20 ms clock of the call: every tick takes a frame from the source and gives one to the sink.

mod event;
mod liveness;
mod quality;
mod receiving;
mod sending;
mod transporting;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_rtp::packet::Packet;
use tandem_types::media::{Security, Stream, StreamKind};
use tandem_types::{CallQuality, Entropy, MediaDescription, MediaKind};

pub use event::{DtmfError, MediaEvent, Output, SessionConfig, StartError};
pub use quality::QualitySample;

use crate::codecs::event_of;
use crate::frame::{FRAME_DURATION, LevelMeter, SILENT_FRAME};
use crate::io::{AudioSink, AudioSource};
use crate::negotiate::{Negotiated, ReceiveMap, receivable_formats};
use crate::rtcp::{Schedule, WallClock, goodbye, report, round_trip};
use crate::transport::{RtcpItem, Transport};
use liveness::{Liveness, Pulse};
use receiving::Receiver;
use sending::Sender;
use transporting::route;

/// Outputs kept for a caller that does not fetch them; beyond this the oldest go.
const MAX_OUTPUTS: usize = 512;
/// Ticks made up for after the caller was late; what is older is skipped.
const MAX_CATCH_UP: u32 = 10;

/// The audio of one call, from before it rings to after it ends.
///
/// ```text
///   new ──listen──► hears early media ──start──► hears and sends ──update──► … ──close──► silent
/// ```
pub struct MediaSession {
    phase: Phase,
    transport: Transport,
    receive: ReceiveMap,
    negotiated: Option<Negotiated>,
    source: Box<dyn AudioSource>,
    sink: Box<dyn AudioSink>,
    muted: bool,
    sender: Sender,
    receiver: Receiver,
    schedule: Schedule,
    liveness: Liveness,
    wall: WallClock,
    cname: String,
    entropy: Box<dyn Entropy>,
    next_tick: Option<Instant>,
    level_in: LevelMeter,
    level_out: LevelMeter,
    round_trip: Option<Duration>,
    peer_loss: Option<u8>,
    skipped_ticks: u64,
    outputs: VecDeque<Output>,
}

/// How far the session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nothing agreed, nothing offered.
    New,
    /// An offer is out: media may arrive before its answer. Nothing is sent.
    Listening,
    /// Media flows as agreed.
    Running,
    /// Over.
    Closed,
}

impl MediaSession {
    /// A session that does nothing yet. `wall` is the time since 1970 at `now`.
    pub fn new(
        now: Instant,
        wall: Duration,
        config: SessionConfig,
        mut entropy: Box<dyn Entropy>,
    ) -> Self {
        let sender = Sender::new(entropy.as_mut());
        // RFC 7022 §4.2: a short-term persistent CNAME of 96 random bits, new in every call.
        let cname = entropy.hex(12);
        Self {
            phase: Phase::New,
            transport: Transport::new(config.transport, entropy.as_mut()),
            receive: ReceiveMap::new(),
            negotiated: None,
            source: config.source,
            sink: config.sink,
            muted: config.muted,
            sender,
            receiver: Receiver::new(now),
            schedule: Schedule::new(now),
            liveness: Liveness::new(now),
            wall: WallClock::new(now, wall),
            cname,
            entropy,
            next_tick: None,
            level_in: LevelMeter::default(),
            level_out: LevelMeter::default(),
            round_trip: None,
            peer_loss: None,
            skipped_ticks: 0,
            outputs: VecDeque::new(),
        }
    }

    /// An offer of ours is out: from now on what it allows to arrive is played. Nothing is sent. Only a
    /// plain offer lets media come before its answer (RFC 3264 §5.1); keys come with it or after it.
    pub fn listen(&mut self, now: Instant, offer: &MediaDescription) {
        let live = |stream: &&Stream| stream.kind == StreamKind::Known(MediaKind::Audio);
        let transports = offer.streams.iter().filter(live);
        let plain = transports
            .filter_map(|stream| stream.transport.as_ref())
            .next();
        let plain = plain.is_some_and(|t| t.security == Security::Plain && t.ice.is_none());
        let receive = receivable_formats(offer);
        match self.phase {
            Phase::New | Phase::Listening => {
                self.phase = Phase::Listening;
                self.transport.listen(plain, vec![route(&receive)]);
                self.receive = receive;
                self.start_clock(now);
            }
            Phase::Running | Phase::Closed => {}
        }
    }

    /// Media flows as agreed from now on.
    ///
    /// # Errors
    /// The codec cannot be set up, or the call's protection is not this session's.
    pub fn start(&mut self, now: Instant, negotiated: Negotiated) -> Result<(), StartError> {
        self.update(now, negotiated)
    }

    /// Goes on under new terms: hold, resume, another codec or address. Sequence numbers, timestamps and
    /// the SSRC go on too, except that a new clock rate needs a new SSRC (RFC 7160 §4.1).
    ///
    /// # Errors
    /// As for [`MediaSession::start`]; the old terms then stay.
    pub fn update(&mut self, now: Instant, negotiated: Negotiated) -> Result<(), StartError> {
        if self.phase == Phase::Closed {
            return Err(StartError::Closed);
        }
        self.sender.configure(&negotiated, self.entropy.as_mut())?;
        self.transport
            .agree(now, &negotiated, vec![route(&negotiated.receive)])?;
        self.receive = negotiated.receive.clone();
        let receives = negotiated.direction.receives();
        if !receives {
            self.receiver.pause();
        }
        self.liveness.expect_media(now, receives);
        self.schedule.start(now, self.entropy.as_mut());
        self.negotiated = Some(negotiated);
        self.phase = Phase::Running;
        self.start_clock(now);
        self.drain(now);
        Ok(())
    }

    fn start_clock(&mut self, now: Instant) {
        self.next_tick.get_or_insert(now);
    }

    /// A datagram came in at the call's socket `local`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        if self.phase == Phase::Closed {
            return;
        }
        self.transport.handle_datagram(now, local, from, bytes);
        self.drain(now);
    }

    fn handle_rtp(&mut self, now: Instant, packet: &Packet) {
        self.pulse(now, Pulse::Rtp);
        let receives = |n: &Negotiated| n.direction.receives();
        // Who is held by us may send on for a while: it is alive, but not heard.
        if self.negotiated.as_ref().is_none_or(receives)
            && let Some(key) = self.receiver.handle(now, packet, &self.receive)
        {
            self.event(MediaEvent::Dtmf(key));
        }
    }

    fn pulse(&mut self, now: Instant, pulse: Pulse) {
        if self.liveness.heard(now, pulse) {
            self.event(MediaEvent::Heard);
        }
    }

    fn handle_rtcp(&mut self, now: Instant, item: &RtcpItem) {
        match item {
            RtcpItem::Sender(report) => self.receiver.handle_sender_report(now, report),
            RtcpItem::Goodbye(sources) => {
                if self
                    .receiver
                    .ssrc()
                    .is_none_or(|ssrc| sources.contains(&ssrc))
                {
                    self.event(MediaEvent::RemoteBye);
                }
            }
            RtcpItem::Receiver(_) | RtcpItem::Other(_) => {}
        }
        let ntp = self.wall.ntp(now);
        let ssrc = self.sender.ssrc();
        for block in item.reports().iter().filter(|block| block.ssrc == ssrc) {
            if let Some(trip) = round_trip(ntp, block.last_sender_report, block.delay) {
                self.round_trip = Some(trip);
            }
            self.peer_loss = Some(block.fraction_lost);
            self.sender.expect_loss(block.fraction_lost);
        }
    }

    /// Time has passed: to be called no later than [`MediaSession::poll_timeout`] says.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.transport.poll_timeout().is_some_and(|due| due <= now) {
            self.transport.handle_timeout(now);
            self.drain(now);
        }
        let mut ticks = 0;
        while let Some(due) = self.next_tick.filter(|due| *due <= now) {
            let behind = now.saturating_duration_since(due);
            if behind > FRAME_DURATION * MAX_CATCH_UP {
                self.skip(due, behind);
                continue;
            }
            self.next_tick = due.checked_add(FRAME_DURATION);
            self.tick(due);
            ticks += 1;
            if ticks > MAX_CATCH_UP {
                break;
            }
        }
        if let Some(since) = self.liveness.check(now) {
            self.event(MediaEvent::Silent { since });
        }
        if self.phase == Phase::Running && self.schedule.is_due(now, self.entropy.as_mut()) {
            self.send_report(now);
        }
    }

    /// The process slept: what lies further back than a few ticks is not made up for, but its time counts.
    fn skip(&mut self, due: Instant, behind: Duration) {
        let missed = (behind.as_nanos() / FRAME_DURATION.as_nanos()).saturating_sub(1);
        let missed = u32::try_from(missed).unwrap_or(u32::MAX).max(1);
        self.skipped_ticks += u64::from(missed);
        self.sender.skip(missed);
        self.next_tick = due.checked_add(FRAME_DURATION.saturating_mul(missed));
    }

    fn tick(&mut self, due: Instant) {
        let mut frame = SILENT_FRAME;
        let first = self.receiver.pull(due, &mut frame);
        self.level_in.add(&frame);
        self.sink.write(&frame);
        if first {
            self.event(MediaEvent::FirstAudio);
        }
        if self.phase != Phase::Running {
            return;
        }
        let sends = self
            .negotiated
            .as_ref()
            .is_some_and(|n| n.direction.sends());
        let mut frame = SILENT_FRAME;
        if sends {
            self.source.read(&mut frame);
            if self.muted {
                frame = SILENT_FRAME;
            }
            self.level_out.add(&frame);
        }
        let sent = self.sender.tick(due, sends.then_some(&frame));
        for packet in sent.packets {
            if self.transport.send_rtp(due, &packet) {
                self.sender.count(&packet);
            }
        }
        self.drain(due);
        if let Some(key) = sent.key {
            self.event(MediaEvent::DtmfSent(key));
        }
    }

    fn send_report(&mut self, now: Instant) {
        let sender = self.sender.info(now, self.wall.ntp(now));
        let reports = self.receiver.reports(now);
        if let Some(bytes) = report(self.sender.ssrc(), &self.cname, sender, reports) {
            self.schedule.count(bytes.len());
            self.transport.send_rtcp(now, bytes);
            self.drain(now);
        }
    }

    /// When [`MediaSession::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return None;
        }
        [
            self.next_tick,
            self.transport.poll_timeout(),
            self.schedule.poll_timeout(),
            self.liveness.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the session wants sent or known; to be fetched after every call of a `handle_…`, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Queues DTMF keys `0`–`9`, `*`, `#`, `A`–`D`; they take the place of sound while they last.
    ///
    /// # Errors
    /// Nothing is queued if one is no key, the peer takes no telephone events, or too many wait.
    pub fn send_dtmf(&mut self, _now: Instant, keys: &str) -> Result<(), DtmfError> {
        let events = keys
            .chars()
            .map(event_of)
            .collect::<Option<Vec<u8>>>()
            .ok_or(DtmfError::NoKey)?;
        if self.phase != Phase::Running {
            return Err(DtmfError::NotRunning);
        }
        self.sender.queue_keys(&events)
    }

    /// While muted, silence is sent; the source runs on unheard.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether silence is sent.
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Replaces what is sent, from the next frame on: another microphone, a file, hold music.
    pub fn set_source(&mut self, source: Box<dyn AudioSource>) {
        self.source = source;
    }

    /// Replaces where the sound goes, from the next frame on.
    pub fn set_sink(&mut self, sink: Box<dyn AudioSink>) {
        self.sink = sink;
    }

    /// Whether the source has given all it had once.
    pub fn source_finished(&self) -> bool {
        self.source.finished()
    }

    /// What holds now; `None` before the start.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// Figures over the whole call so far.
    pub fn stats(&self) -> CallQuality {
        CallQuality {
            packets_sent: self.sender.packets_sent(),
            packets_received: self.receiver.received(),
            packets_lost: self.receiver.lost(),
            frames_concealed: self.receiver.frames_concealed(),
            jitter: self.receiver.jitter(),
            round_trip: self.round_trip,
        }
    }

    /// A sample for a time series; the levels are those since the last sample.
    pub fn sample(&mut self) -> QualitySample {
        let (delay, target_delay) = self.receiver.delays();
        let playout = self.receiver.playout_stats();
        QualitySample {
            level_in_dbov: self.level_in.take_dbov(),
            level_out_dbov: self.level_out.take_dbov(),
            quality: self.stats(),
            delay,
            target_delay,
            recovered: samples(playout.recovered_samples),
            stretched: samples(playout.stretched_samples),
            late_packets: playout.late_packets,
            undecodable_packets: playout.undecodable_packets,
            skipped_ticks: self.skipped_ticks,
            peer_loss: self.peer_loss.map(|fraction| f32::from(fraction) / 256.0),
        }
    }

    /// Says goodbye (RTCP BYE) and falls silent. What is to be sent is still fetched with
    /// [`MediaSession::poll_output`].
    pub fn close(&mut self, now: Instant) {
        if self.phase == Phase::Running {
            let sender = self.sender.info(now, self.wall.ntp(now));
            let reports = self.receiver.reports(now);
            let bytes = goodbye(self.sender.ssrc(), &self.cname, sender, reports);
            if let Some(bytes) = bytes {
                self.transport.send_rtcp(now, bytes);
                self.drain(now);
            }
        }
        self.transport.close(now);
        self.drain(now);
        self.phase = Phase::Closed;
        self.next_tick = None;
    }

    fn event(&mut self, event: MediaEvent) {
        self.output(Output::Event(event));
    }

    fn output(&mut self, output: Output) {
        if self.outputs.len() >= MAX_OUTPUTS {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }
}

fn samples(count: u64) -> Duration {
    Duration::from_micros(count.saturating_mul(1000) / crate::frame::SAMPLES_PER_MS as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_move_between_threads() {
        fn sendable<T: Send>() {}
        sendable::<MediaSession>();
    }
}
