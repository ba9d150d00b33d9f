//! The codecs this build knows, by name.

use std::fmt;
use std::str::FromStr;

use tandem_types::media::Codec;

/// An audio codec this build can encode and decode.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AudioCodec {
    /// RFC 6716 in RTP by RFC 7587: wide band to full band, robust against loss.
    Opus,
    /// ITU-T G.722 at 64 kbit/s, 16 kHz sampling.
    G722,
    /// ITU-T G.711 µ-law, 8 kHz.
    Pcmu,
    /// ITU-T G.711 A-law, 8 kHz.
    Pcma,
}

/// A name no codec of this build has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown audio codec: this build knows opus, g722, pcmu and pcma")]
pub struct UnknownCodec;

impl AudioCodec {
    /// Every codec, best first: the default preference.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];

    /// The lower-case name used in options, logs and JSON.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "g722",
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
        }
    }

    /// The encoding name as registered for SDP.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The RTP clock in Hz. G.722's is 8000 by an old error that all keep (RFC 3551 §4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Samples per second of what is coded.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 => 16_000,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The payload type that means this codec without any `a=rtpmap` (RFC 3551 §6).
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Opus => None,
            Self::G722 => Some(9),
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
        }
    }

    /// The channels that SDP says: 2 for Opus whatever is coded (RFC 7587 §7), 1 otherwise.
    pub const fn channels(self) -> u8 {
        match self {
            Self::Opus => 2,
            Self::G722 | Self::Pcmu | Self::Pcma => 1,
        }
    }

    /// The codec that `format` names, if it is one of ours. Opus is known by its name and clock alone, as
    /// some peers forget the `/2`.
    pub fn of(format: &Codec) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| {
            format.name.eq_ignore_ascii_case(codec.encoding_name())
                && format.clock_rate == codec.clock_rate()
                && (*codec == Self::Opus || format.channels == codec.channels())
        })
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

impl FromStr for AudioCodec {
    type Err = UnknownCodec;

    fn from_str(text: &str) -> Result<Self, UnknownCodec> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.token().eq_ignore_ascii_case(text.trim()))
            .ok_or(UnknownCodec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for codec in AudioCodec::ALL {
            assert_eq!(codec.token().to_uppercase().parse(), Ok(codec));
        }
        assert_eq!("g729".parse::<AudioCodec>(), Err(UnknownCodec));
    }
}
