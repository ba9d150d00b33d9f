//! Opus (RFC 6716) in RTP (RFC 7587): 48 kHz mono, in-band FEC, no DTX.

use opus::{Application, Bitrate, Channels, Decoder, Encoder, Signal};

use super::{AudioDecoder, AudioEncoder, CodecError, MAX_PACKET_SAMPLES};

/// Bits per second unless the peer asks for less: transparent speech with room for FEC.
const BITRATE: i32 = 32_000;
/// Beyond this a phone spends battery on what nobody hears.
const COMPLEXITY: i32 = 6;
/// Loss assumed before the peer has reported any: enough for the encoder to spend bits on FEC.
const INITIAL_LOSS_PERCENT: u8 = 10;
/// No packet is larger: fits any path without fragments.
const MAX_PAYLOAD: usize = 1200;

/// What the peer's SDP says of its Opus decoder (RFC 7587 §6.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpusHints {
    /// `maxaveragebitrate`, bits per second.
    pub max_bitrate: Option<u32>,
    /// `useinbandfec`; only an explicit 0 switches it off, as many who can use it forget to say so.
    pub fec: bool,
    /// `cbr`: the peer wants a constant bit rate.
    pub constant_bitrate: bool,
}

impl Default for OpusHints {
    fn default() -> Self {
        Self {
            max_bitrate: None,
            fec: true,
            constant_bitrate: false,
        }
    }
}

impl OpusHints {
    /// Reads the `a=fmtp` parameters; what is not understood is passed over.
    pub fn parse(parameters: &str) -> Self {
        let mut hints = Self::default();
        for part in parameters.split(';') {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            match (name.trim(), value.trim()) {
                ("maxaveragebitrate", value) => hints.max_bitrate = value.parse().ok(),
                ("useinbandfec", value) => hints.fec = value != "0",
                ("cbr", value) => hints.constant_bitrate = value == "1",
                _ => {}
            }
        }
        hints
    }
}

pub(super) struct OpusEncoder {
    encoder: Encoder,
}

impl OpusEncoder {
    pub(super) fn new(hints: OpusHints) -> Result<Self, CodecError> {
        let wanted = hints
            .max_bitrate
            .map_or(BITRATE, |max| i32::try_from(max).unwrap_or(BITRATE));
        let bitrate = wanted.clamp(6_000, BITRATE);
        let configured = || -> opus::Result<Encoder> {
            let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip)?;
            encoder.set_bitrate(Bitrate::Bits(bitrate))?;
            encoder.set_signal(Signal::Voice)?;
            encoder.set_complexity(COMPLEXITY)?;
            encoder.set_inband_fec(hints.fec)?;
            encoder.set_packet_loss_perc(i32::from(INITIAL_LOSS_PERCENT))?;
            encoder.set_dtx(false)?;
            encoder.set_vbr(!hints.constant_bitrate)?;
            Ok(encoder)
        };
        let encoder = configured().map_err(|_| CodecError::Setup)?;
        Ok(Self { encoder })
    }
}

impl AudioEncoder for OpusEncoder {
    fn encode(&mut self, sound: &[f32]) -> Result<Vec<u8>, CodecError> {
        self.encoder
            .encode_vec_float(sound, MAX_PAYLOAD)
            .map_err(|_| CodecError::Encode)
    }

    fn expect_loss(&mut self, percent: u8) {
        // Never below a little: the first burst must not find the stream unprotected.
        let percent = i32::from(percent.clamp(5, 30));
        if let Err(error) = self.encoder.set_packet_loss_perc(percent) {
            tracing::debug!(%error, "Opus did not take the loss");
        }
    }
}

pub(super) struct OpusDecoder {
    decoder: Decoder,
}

impl OpusDecoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        let decoder = Decoder::new(48_000, Channels::Mono).map_err(|_| CodecError::Setup)?;
        Ok(Self { decoder })
    }

    fn run(
        &mut self,
        payload: &[u8],
        samples: usize,
        fec: bool,
        sound: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let start = sound.len();
        sound.resize(start.saturating_add(samples.min(MAX_PACKET_SAMPLES)), 0.0);
        let room = sound.get_mut(start..).unwrap_or_default();
        match self.decoder.decode_float(payload, room, fec) {
            Ok(decoded) => {
                sound.truncate(start.saturating_add(decoded));
                Ok(())
            }
            Err(_) => {
                sound.truncate(start);
                Err(CodecError::Decode)
            }
        }
    }
}

impl AudioDecoder for OpusDecoder {
    fn duration(&self, payload: &[u8]) -> usize {
        if payload.is_empty() {
            return 0;
        }
        self.decoder.get_nb_samples(payload).unwrap_or(0)
    }

    fn decode(&mut self, payload: &[u8], sound: &mut Vec<f32>) -> Result<(), CodecError> {
        // An empty payload would mean "lost" to the decoder.
        if payload.is_empty() {
            return Err(CodecError::Decode);
        }
        self.run(payload, MAX_PACKET_SAMPLES, false, sound)
    }

    fn recover(&mut self, following: &[u8], samples: usize, sound: &mut Vec<f32>) -> bool {
        // The decoder works in steps of 2.5 ms and fills all the room it is given.
        !following.is_empty()
            && samples.is_multiple_of(120)
            && self.run(following, samples, true, sound).is_ok()
    }

    fn conceal(&mut self, samples: usize, sound: &mut Vec<f32>) -> bool {
        samples.is_multiple_of(120) && self.run(&[], samples, false, sound).is_ok()
    }

    fn can_recover(&self) -> bool {
        true
    }
}
