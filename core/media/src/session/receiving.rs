//! The peer's stream: counted, buffered, decoded.

use std::time::{Duration, Instant};

use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::packet::Packet;

use crate::codecs::DtmfReceiver;
use crate::frame::{FRAME_SAMPLES, Frame};
use crate::jitter::{Coded, Played, Playout, PlayoutStats};
use crate::negotiate::{PayloadFormat, ReceiveMap};
use crate::rtcp::{Arrival, Reception};

/// All that is received.
pub(super) struct Receiver {
    reception: Option<Reception>,
    playout: Playout,
    dtmf: DtmfReceiver,
    clock_rate: u32,
    /// Of sources that have been replaced.
    received_before: u64,
    lost_before: u64,
    heard: bool,
}

impl Receiver {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            reception: None,
            playout: Playout::new(now),
            dtmf: DtmfReceiver::default(),
            clock_rate: 8000,
            received_before: 0,
            lost_before: 0,
            heard: false,
        }
    }

    /// Takes a packet whose payload type is in `known`; returns a key that was pressed.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        packet: &Packet,
        known: &ReceiveMap,
    ) -> Option<char> {
        let header = &packet.header;
        let format = known.get(&header.payload_type)?;
        if self.ssrc() != Some(header.ssrc) {
            self.change_source(header.ssrc, header.sequence_number);
        }
        let reception = self.reception.as_mut()?;
        let number = match reception.handle(header.sequence_number) {
            Arrival::New(number) => number,
            Arrival::Duplicate | Arrival::Implausible => return None,
        };
        match format {
            PayloadFormat::TelephoneEvent { .. } => {
                self.dtmf.handle(header.timestamp, &packet.payload)
            }
            PayloadFormat::Audio(codec) => {
                self.clock_rate = codec.clock_rate();
                reception.time(now, header.timestamp, self.clock_rate);
                let coded = Coded {
                    codec: *codec,
                    number,
                    payload: packet.payload.clone(),
                };
                self.playout.insert(now, header.timestamp, coded);
                None
            }
        }
    }

    fn change_source(&mut self, ssrc: u32, first: u16) {
        if let Some(old) = &self.reception {
            self.received_before += old.received();
            self.lost_before += old.lost();
            self.playout.restart();
            self.dtmf = DtmfReceiver::default();
        }
        self.reception = Some(Reception::new(ssrc, first));
    }

    /// The next frame to hear; `true` if it holds the very first sound.
    pub(super) fn pull(&mut self, now: Instant, frame: &mut Frame) -> bool {
        let sound = self.playout.pull(now, frame) == Played::Sound;
        let first = sound && !self.heard;
        self.heard |= sound;
        first
    }

    /// The peer is put on hold: what waits is not played.
    pub(super) fn pause(&mut self) {
        self.playout.restart();
    }

    pub(super) fn ssrc(&self) -> Option<u32> {
        self.reception.as_ref().map(|reception| reception.ssrc)
    }

    pub(super) fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) {
        let ours = |reception: &&mut Reception| reception.ssrc == report.ssrc;
        if let Some(reception) = self.reception.as_mut().filter(ours) {
            reception.handle_sender_report(now, report);
        }
    }

    pub(super) fn reports(&mut self, now: Instant) -> Vec<ReceptionReport> {
        self.reception
            .iter_mut()
            .map(|reception| reception.report(now))
            .collect()
    }

    pub(super) fn received(&self) -> u64 {
        self.received_before + self.reception.as_ref().map_or(0, Reception::received)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost_before + self.reception.as_ref().map_or(0, Reception::lost)
    }

    pub(super) fn jitter(&self) -> Duration {
        let clock_rate = self.clock_rate;
        self.reception
            .as_ref()
            .map_or(Duration::ZERO, |r| r.jitter(clock_rate))
    }

    pub(super) fn frames_concealed(&self) -> u64 {
        self.playout
            .stats()
            .concealed_samples
            .div_ceil(FRAME_SAMPLES as u64)
    }

    pub(super) fn playout_stats(&self) -> PlayoutStats {
        self.playout.stats()
    }

    pub(super) fn delays(&self) -> (Duration, Duration) {
        self.playout.delays()
    }
}
