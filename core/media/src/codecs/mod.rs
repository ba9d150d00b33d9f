//! Codecs: 48 kHz mono sound to RTP payloads and back.

mod g711;
mod g722;
mod kind;
mod opus;
mod telephone_event;

pub use kind::{AudioCodec, UnknownCodec};
pub use opus::OpusHints;
pub(crate) use telephone_event::{DtmfReceiver, DtmfSender, EventPacket, event_of};

/// The longest packet decoded: 120 ms, the most Opus can say.
pub(crate) const MAX_PACKET_SAMPLES: usize = 5760;

/// Why sound could not be coded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The codec could not be set up.
    #[error("the codec cannot be set up")]
    Setup,
    /// The codec refused the sound.
    #[error("the sound cannot be encoded")]
    Encode,
    /// The payload is damaged or not of this codec.
    #[error("the payload cannot be decoded")]
    Decode,
}

/// Codes sound. State is kept from packet to packet.
pub(crate) trait AudioEncoder: Send {
    /// Codes `sound`, a whole number of 10 ms at 48 kHz, into one payload.
    fn encode(&mut self, sound: &[f32]) -> Result<Vec<u8>, CodecError>;

    /// Tells how many percent of the packets get lost, for codecs that can prepare for it.
    fn expect_loss(&mut self, _percent: u8) {}
}

/// Decodes sound. State is kept from packet to packet. Output is appended, at 48 kHz.
pub(crate) trait AudioDecoder: Send {
    /// How long the sound in `payload` is, in samples of 48 kHz; 0 when that cannot be told.
    fn duration(&self, payload: &[u8]) -> usize;

    /// Decodes one payload.
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<f32>) -> Result<(), CodecError>;

    /// Restores `samples` of a lost packet from what the one after it carries. `false`: nothing was added.
    fn recover(&mut self, _following: &[u8], _samples: usize, _sound: &mut Vec<f32>) -> bool {
        false
    }

    /// Guesses `samples` of lost sound. `false`: this codec cannot, and nothing was added.
    fn conceal(&mut self, _samples: usize, _sound: &mut Vec<f32>) -> bool {
        false
    }

    /// Whether packets carry a copy of the sound before them, worth waiting for.
    fn can_recover(&self) -> bool {
        false
    }
}

/// An encoder; `hints` say what the peer's Opus decoder can do.
pub(crate) fn encoder(
    codec: AudioCodec,
    hints: OpusHints,
) -> Result<Box<dyn AudioEncoder>, CodecError> {
    Ok(match codec {
        AudioCodec::Opus => Box::new(opus::OpusEncoder::new(hints)?),
        AudioCodec::G722 => Box::new(g722::Encoder::default()),
        AudioCodec::Pcmu => Box::new(g711::Encoder::new(g711::Law::Mu)),
        AudioCodec::Pcma => Box::new(g711::Encoder::new(g711::Law::A)),
    })
}

/// A decoder.
pub(crate) fn decoder(codec: AudioCodec) -> Result<Box<dyn AudioDecoder>, CodecError> {
    Ok(match codec {
        AudioCodec::Opus => Box::new(opus::OpusDecoder::new()?),
        AudioCodec::G722 => Box::new(g722::Decoder::default()),
        AudioCodec::Pcmu => Box::new(g711::Decoder::new(g711::Law::Mu)),
        AudioCodec::Pcma => Box::new(g711::Decoder::new(g711::Law::A)),
    })
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
#[path = "codecs_tests.rs"]
mod tests;
