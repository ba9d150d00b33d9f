//! ITU-T G.722 at 64 kbit/s. The coding is `audio-codec`'s; here are the edges to 48 kHz.

use audio_codec::Encoder as _;
use audio_codec::g722::{G722Decoder, G722Encoder};

use super::{AudioDecoder, AudioEncoder, CodecError, MAX_PACKET_SAMPLES, from_i16, to_i16};
use crate::dsp::Resampler;
use crate::frame::SAMPLE_RATE;

const RATE: u32 = 16_000;
/// One byte holds two samples of 16 kHz.
const SAMPLES_PER_BYTE: usize = 6;

pub(super) struct Encoder {
    codec: G722Encoder,
    resampler: Resampler,
    wide: Vec<f32>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            codec: G722Encoder::new(),
            resampler: Resampler::new(SAMPLE_RATE, RATE),
            wide: Vec::new(),
        }
    }
}

impl AudioEncoder for Encoder {
    fn encode(&mut self, sound: &[f32]) -> Result<Vec<u8>, CodecError> {
        self.wide.clear();
        self.resampler.process(sound, &mut self.wide);
        let pcm: Vec<i16> = self.wide.iter().map(|s| to_i16(*s)).collect();
        let mut payload = vec![0; pcm.len() / 2];
        let written = self
            .codec
            .encode_into(&pcm, &mut payload)
            .map_err(|_| CodecError::Encode)?;
        payload.truncate(written);
        Ok(payload)
    }
}

pub(super) struct Decoder {
    codec: G722Decoder,
    resampler: Resampler,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            codec: G722Decoder::new(),
            resampler: Resampler::new(RATE, SAMPLE_RATE),
        }
    }
}

impl AudioDecoder for Decoder {
    fn duration(&self, payload: &[u8]) -> usize {
        payload.len().saturating_mul(SAMPLES_PER_BYTE)
    }

    fn decode(&mut self, payload: &[u8], sound: &mut Vec<f32>) -> Result<(), CodecError> {
        if payload.is_empty() || self.duration(payload) > MAX_PACKET_SAMPLES {
            return Err(CodecError::Decode);
        }
        let mut pcm = vec![0; payload.len().saturating_mul(2)];
        let written = self
            .codec
            .decode_frame_into(payload, &mut pcm)
            .map_err(|_| CodecError::Decode)?;
        let wide: Vec<f32> = pcm.iter().take(written).map(|s| from_i16(*s)).collect();
        self.resampler.process(&wide, sound);
        Ok(())
    }
}
