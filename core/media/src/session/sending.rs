//! Our stream: sound and keys into RTP packets.

use std::time::Instant;

use bytes::Bytes;
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use tandem_types::Entropy;

use super::event::{DtmfError, StartError};
use crate::codecs::{AudioCodec, AudioEncoder, DtmfSender, EventPacket, OpusHints, encoder};
use crate::frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SAMPLES_PER_MS};
use crate::negotiate::Negotiated;
use crate::rtcp::SenderInfo;

/// All that is sent.
pub(super) struct Sender {
    ssrc: u32,
    number: u16,
    /// RTP time of the next tick.
    timestamp: u32,
    last_tick: Option<Instant>,
    coding: Option<Coding>,
    dtmf: DtmfSender,
    /// The next packet of sound is the first after a pause.
    marker: bool,
    /// With this SSRC, for reports.
    packets: u32,
    octets: u32,
    /// Whether anything was sent since the last report.
    active: bool,
    packets_total: u64,
}

struct Coding {
    codec: AudioCodec,
    hints: OpusHints,
    payload_type: u8,
    dtmf_payload_type: Option<u8>,
    packet_samples: usize,
    encoder: Box<dyn AudioEncoder>,
    /// Sound that does not fill a packet yet; its first sample's RTP time is behind `timestamp`.
    pending: Vec<f32>,
}

/// What one tick gives.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) packets: Vec<Packet>,
    /// A key that is complete.
    pub(super) key: Option<char>,
}

impl Sender {
    pub(super) fn new(entropy: &mut dyn Entropy) -> Self {
        Self {
            ssrc: entropy.next_u64() as u32,
            // Below 2^15: should the first packets be lost, nobody misses that the number wrapped (RFC 3711 §3.3.1).
            number: entropy.next_u64() as u16 & 0x7fff,
            timestamp: entropy.next_u64() as u32,
            last_tick: None,
            coding: None,
            dtmf: DtmfSender::default(),
            marker: true,
            packets: 0,
            octets: 0,
            active: false,
            packets_total: 0,
        }
    }

    /// Takes new terms.
    pub(super) fn configure(
        &mut self,
        negotiated: &Negotiated,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StartError> {
        let packet_samples = packet_samples(negotiated.codec, negotiated.packet_ms);
        let keeps = |c: &Coding| c.codec == negotiated.codec && c.hints == negotiated.opus;
        let old = self.coding.take_if(|coding| keeps(coding));
        let new_clock = self
            .coding
            .as_ref()
            .is_some_and(|c| c.codec.clock_rate() != negotiated.codec.clock_rate());
        let (encoder, pending) = match old {
            Some(old) => (old.encoder, old.pending),
            None => (encoder(negotiated.codec, negotiated.opus)?, Vec::new()),
        };
        if new_clock {
            self.ssrc = entropy.next_u64() as u32;
            self.timestamp = entropy.next_u64() as u32;
            self.packets = 0;
            self.octets = 0;
            self.dtmf.clear();
        }
        self.coding = Some(Coding {
            codec: negotiated.codec,
            hints: negotiated.opus,
            payload_type: negotiated.payload_type,
            dtmf_payload_type: negotiated.dtmf_payload_type,
            packet_samples,
            encoder,
            pending,
        });
        Ok(())
    }

    /// 20 ms have passed; `frame` is the sound to send, `None` while nothing may be sent.
    pub(super) fn tick(&mut self, due: Instant, frame: Option<&Frame>) -> Sent {
        let Some(coding) = &mut self.coding else {
            return Sent::default();
        };
        let start = self.timestamp;
        let units = rtp_units(coding.codec, FRAME_SAMPLES);
        self.timestamp = start.wrapping_add(units);
        self.last_tick = Some(due);
        let Some(frame) = frame else {
            coding.pending.clear();
            self.marker = true;
            return Sent::default();
        };
        if let Some(payload_type) = coding.dtmf_payload_type {
            let units = u16::try_from(units).unwrap_or(u16::MAX);
            if let Some(tick) = self.dtmf.tick(start, units) {
                coding.pending.clear();
                let packet = self.event_packet(payload_type, tick.packet);
                return Sent {
                    packets: vec![packet],
                    key: tick.finished,
                };
            }
        }
        Sent {
            packets: self.sound_packets(start, frame),
            key: None,
        }
    }

    fn sound_packets(&mut self, start: u32, frame: &Frame) -> Vec<Packet> {
        let Some(coding) = &mut self.coding else {
            return Vec::new();
        };
        let behind = rtp_units(coding.codec, coding.pending.len());
        let mut timestamp = start.wrapping_sub(behind);
        coding.pending.extend_from_slice(frame);
        let mut packets = Vec::new();
        while let Some(sound) = coding.pending.get(..coding.packet_samples) {
            match coding.encoder.encode(sound) {
                Ok(payload) => {
                    let header = Header {
                        version: 2,
                        marker: std::mem::take(&mut self.marker),
                        payload_type: coding.payload_type,
                        sequence_number: self.number,
                        timestamp,
                        ssrc: self.ssrc,
                        ..Header::default()
                    };
                    self.number = self.number.wrapping_add(1);
                    packets.push(Packet {
                        header,
                        payload: Bytes::from(payload),
                    });
                }
                Err(error) => tracing::warn!(%error, "a frame was not sent"),
            }
            coding.pending.drain(..coding.packet_samples);
            timestamp = timestamp.wrapping_add(rtp_units(coding.codec, coding.packet_samples));
        }
        packets
    }

    fn event_packet(&mut self, payload_type: u8, event: EventPacket) -> Packet {
        // Sound after a key is a new start.
        self.marker = true;
        let header = Header {
            version: 2,
            marker: event.marker,
            payload_type,
            sequence_number: self.number,
            timestamp: event.timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        self.number = self.number.wrapping_add(1);
        Packet {
            header,
            payload: Bytes::copy_from_slice(&event.payload),
        }
    }

    /// Time that passed without ticks.
    pub(super) fn skip(&mut self, ticks: u32) {
        if let Some(coding) = &mut self.coding {
            let units = rtp_units(coding.codec, FRAME_SAMPLES);
            self.timestamp = self.timestamp.wrapping_add(units.wrapping_mul(ticks));
            coding.pending.clear();
            self.marker = true;
        }
    }

    /// A packet really left.
    pub(super) fn count(&mut self, packet: &Packet) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        self.packets_total += 1;
        self.active = true;
    }

    pub(super) fn queue_keys(&mut self, events: &[u8]) -> Result<(), DtmfError> {
        let takes_keys = self
            .coding
            .as_ref()
            .is_some_and(|c| c.dtmf_payload_type.is_some());
        if !takes_keys {
            return Err(DtmfError::NotNegotiated);
        }
        if self.dtmf.queue(events) {
            Ok(())
        } else {
            Err(DtmfError::TooMany)
        }
    }

    /// The peer lost this many 256ths of our packets lately.
    pub(super) fn expect_loss(&mut self, fraction: u8) {
        if let Some(coding) = &mut self.coding {
            coding
                .encoder
                .expect_loss((u32::from(fraction) * 100 / 256) as u8);
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn packets_sent(&self) -> u64 {
        self.packets_total
    }

    /// What a report says of us; `None` if nothing was sent since the last one.
    pub(super) fn info(&mut self, now: Instant, ntp: u64) -> Option<SenderInfo> {
        let (coding, tick) = (self.coding.as_ref()?, self.last_tick?);
        if !std::mem::take(&mut self.active) {
            return None;
        }
        // `timestamp` is where the next tick begins; between ticks RTP time runs on.
        let since = now.saturating_duration_since(tick).as_secs_f64();
        let begun = self
            .timestamp
            .wrapping_sub(rtp_units(coding.codec, FRAME_SAMPLES));
        let elapsed = (since * f64::from(coding.codec.clock_rate())) as u32;
        Some(SenderInfo {
            ntp,
            rtp: begun.wrapping_add(elapsed),
            packets: self.packets,
            octets: self.octets,
        })
    }
}

/// How long packets are: what the peer asked for, as far as the codec can.
fn packet_samples(codec: AudioCodec, packet_ms: u16) -> usize {
    let milliseconds = match (codec, packet_ms) {
        (_, 0..=10) => 10,
        (_, 11..=20) => 20,
        // Opus knows 10, 20, 40 and 60 ms, but not 30.
        (AudioCodec::Opus, 21..=39) => 20,
        (AudioCodec::G722 | AudioCodec::Pcmu | AudioCodec::Pcma, 21..=39) => 30,
        (_, 40..=59) => 40,
        (_, 60..) => 60,
    };
    milliseconds * SAMPLES_PER_MS
}

/// Samples of 48 kHz in units of the codec's RTP clock.
fn rtp_units(codec: AudioCodec, samples: usize) -> u32 {
    let scale = (SAMPLE_RATE / codec.clock_rate()) as usize;
    u32::try_from(samples / scale).unwrap_or(0)
}
