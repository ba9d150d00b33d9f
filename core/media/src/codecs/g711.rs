//! ITU-T G.711, both laws, computed rather than looked up.

use super::{AudioDecoder, AudioEncoder, CodecError, MAX_PACKET_SAMPLES, from_i16, to_i16};
use crate::dsp::Resampler;
use crate::frame::SAMPLE_RATE;

const RATE: u32 = 8_000;
/// Each byte is one sample of 8 kHz.
const SAMPLES_PER_BYTE: usize = 6;

/// Which companding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Law {
    /// North America and Japan.
    Mu,
    /// The rest of the world.
    A,
}

impl Law {
    pub(super) fn compress(self, sample: i16) -> u8 {
        match self {
            Self::Mu => mu_compress(sample),
            Self::A => a_compress(sample),
        }
    }

    pub(super) fn expand(self, code: u8) -> i16 {
        match self {
            Self::Mu => mu_expand(code),
            Self::A => a_expand(code),
        }
    }
}

/// 14-bit magnitude with a bias of 33 (here at 16-bit scale: 132), as G.711 table 2a.
const MU_BIAS: i32 = 132;
const MU_CLIP: i32 = 32_635;

fn mu_compress(sample: i16) -> u8 {
    let value = i32::from(sample);
    let sign: u8 = if value < 0 { 0x80 } else { 0 };
    let magnitude = value.abs().min(MU_CLIP) + MU_BIAS;
    // The leading one is bit 7 … 14: segment 0 … 7.
    let segment = 24_u32.saturating_sub(magnitude.leading_zeros());
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | ((segment as u8) << 4) | step as u8)
}

fn mu_expand(code: u8) -> i16 {
    let code = !code;
    let segment = u32::from((code >> 4) & 0x07);
    let magnitude = (((i32::from(code & 0x0f) << 3) + MU_BIAS) << segment) - MU_BIAS;
    if code & 0x80 != 0 {
        -magnitude as i16
    } else {
        magnitude as i16
    }
}

/// Every other bit is inverted on the wire (G.711 table 1a, note).
const A_TOGGLE: u8 = 0x55;

fn a_compress(sample: i16) -> u8 {
    let value = i32::from(sample);
    // Negative values count from −1 downwards, so that both halves have the same steps.
    let (sign, magnitude) = if value >= 0 {
        (0x80, value)
    } else {
        (0, !value)
    };
    let segment = 24_u32.saturating_sub(magnitude.max(128).leading_zeros());
    let code = if magnitude < 256 {
        (magnitude >> 4) as u8
    } else {
        ((segment as u8) << 4) | ((magnitude >> (segment + 3)) & 0x0f) as u8
    };
    (sign | code) ^ A_TOGGLE
}

fn a_expand(code: u8) -> i16 {
    let code = code ^ A_TOGGLE;
    let segment = u32::from((code >> 4) & 0x07);
    let step = i32::from(code & 0x0f) << 4;
    let magnitude = match segment {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 {
        magnitude as i16
    } else {
        -magnitude as i16
    }
}

pub(super) struct Encoder {
    law: Law,
    resampler: Resampler,
    narrow: Vec<f32>,
}

impl Encoder {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
            resampler: Resampler::new(SAMPLE_RATE, RATE),
            narrow: Vec::new(),
        }
    }
}

impl AudioEncoder for Encoder {
    fn encode(&mut self, sound: &[f32]) -> Result<Vec<u8>, CodecError> {
        self.narrow.clear();
        self.resampler.process(sound, &mut self.narrow);
        let code = |sample: &f32| self.law.compress(to_i16(*sample));
        Ok(self.narrow.iter().map(code).collect())
    }
}

pub(super) struct Decoder {
    law: Law,
    resampler: Resampler,
}

impl Decoder {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
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
        let value = |code: &u8| from_i16(self.law.expand(*code));
        let narrow: Vec<f32> = payload.iter().map(value).collect();
        self.resampler.process(&narrow, sound);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision and output values of G.711 tables 1a and 2a, scaled to 16 bits; the 8 kHz sine
    /// of §2.4 (0 dBm0) in both laws.
    #[test]
    fn the_reference_points_of_the_recommendation_hold() {
        assert_eq!(Law::Mu.compress(0), 0xff);
        assert_eq!(Law::Mu.expand(0xff), 0);
        assert_eq!(Law::Mu.expand(0x80), 32_124);
        assert_eq!(Law::Mu.expand(0x00), -32_124);
        assert_eq!(Law::Mu.expand(0x8f), 16_764);
        assert_eq!(Law::A.expand(0xd5), 8);
        assert_eq!(Law::A.expand(0x55), -8);
        assert_eq!(Law::A.expand(0xaa), 32_256);
        assert_eq!(Law::A.expand(0x2a), -32_256);
        assert_eq!(Law::A.compress(0), 0xd5);
        // Tables 5 and 6: a 1 kHz sine at 0 dBm0 has these values and peaks at 0.707 ∙ 8159 ∙ 10^(−3.17/20)…
        for (law, codes) in [
            (Law::Mu, [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e]),
            (Law::A, [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4]),
        ] {
            let values = codes.map(|code| law.expand(code));
            assert_eq!(values[0], values[3]);
            assert_eq!(values[4], -values[0]);
            let power: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 8.0;
            // 0 dBm0 lies 3.17 dB (µ) or 3.14 dB (A) below a full-scale sine.
            let overload: f64 = if law == Law::Mu { 32_636.0 } else { 32_768.0 };
            let db = 10.0 * (power / (overload * overload / 2.0)).log10();
            assert!((db + 3.15).abs() < 0.05, "{law:?}: {db}");
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=u8::MAX {
                let again = law.compress(law.expand(code));
                // Only µ-law has two zeros.
                let zero = law == Law::Mu && code == 0x7f;
                assert!(again == code || zero, "{law:?} {code:#x} → {again:#x}");
            }
        }
    }

    #[test]
    fn the_error_stays_within_half_a_step() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let back = i32::from(law.expand(law.compress(sample)));
                let error = (back - i32::from(sample)).abs();
                let step = (i32::from(sample).abs() / 16).max(16);
                assert!(
                    error <= step + 140 * i32::from(sample.unsigned_abs() > 32_000),
                    "{law:?} {sample} {back}"
                );
            }
        }
    }
}
