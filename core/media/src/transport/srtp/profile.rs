//! The SRTP protection profiles: cipher, tag and key lengths.

use rtc_crypto::default_provider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::{SrtpError, reason};

/// Packets that may be late before they count as replayed; RFC 3711 §3.3.2 asks for 64 at least.
const REPLAY_WINDOW: usize = 128;
/// The E bit and index at the end of an SRTCP packet (RFC 3711 §3.4).
const SRTCP_INDEX: usize = 4;

/// Cipher and authentication of SRTP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SrtpProfile {
    /// AES-128 in GCM, tag of 16 bytes (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in GCM, tag of 16 bytes (RFC 7714).
    AeadAes256Gcm,
    /// AES-128 in counter mode, HMAC-SHA1 tag of 10 bytes (RFC 3711): everybody has it.
    AesCm128Sha1_80,
    /// The same with a tag of 4 bytes for RTP; RTCP keeps 10 (RFC 4568 §6.2.2).
    AesCm128Sha1_32,
    /// AES-256 in counter mode, HMAC-SHA1 tag of 10 bytes (RFC 6188).
    AesCm256Sha1_80,
    /// The same with a tag of 4 bytes for RTP.
    AesCm256Sha1_32,
}

impl SrtpProfile {
    /// Bytes of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 => 16,
            Self::AeadAes256Gcm | Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 => 32,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128Sha1_80
            | Self::AesCm128Sha1_32
            | Self::AesCm256Sha1_80
            | Self::AesCm256Sha1_32 => 14,
        }
    }

    /// Bytes the DTLS exporter must give for both directions (RFC 5764 §4.2).
    pub const fn exporter_len(self) -> usize {
        (self.key_len() + self.salt_len()) * 2
    }

    /// Whether the tag on media is shorter than what RFC 3711 §9.5 recommends.
    pub const fn is_weak(self) -> bool {
        match self {
            Self::AesCm128Sha1_32 | Self::AesCm256Sha1_32 => true,
            Self::AeadAes128Gcm
            | Self::AeadAes256Gcm
            | Self::AesCm128Sha1_80
            | Self::AesCm256Sha1_80 => false,
        }
    }

    /// Whether the E bit of an SRTCP packet is set; `false` when it is too short to have one.
    pub(super) fn srtcp_is_encrypted(self, packet: &[u8]) -> bool {
        // With GCM the tag stands before the index (RFC 7714 §9.2), else behind it.
        let behind = match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 0,
            Self::AesCm128Sha1_80
            | Self::AesCm128Sha1_32
            | Self::AesCm256Sha1_80
            | Self::AesCm256Sha1_32 => 10,
        };
        let at = packet.len().checked_sub(SRTCP_INDEX + behind);
        at.and_then(|at| packet.get(at))
            .is_some_and(|first| first & 0x80 != 0)
    }

    pub(super) fn context(
        self,
        key: &[u8],
        salt: &[u8],
        replay: bool,
    ) -> Result<Context, SrtpError> {
        let provider = default_provider().map_err(|_| SrtpError::Cipher)?;
        let (rtp, rtcp) = if replay {
            let rtp = srtp_replay_protection(REPLAY_WINDOW);
            (Some(rtp), Some(srtcp_replay_protection(REPLAY_WINDOW)))
        } else {
            (None, None)
        };
        Context::new(key, salt, self.into(), rtp, rtcp, provider.crypto())
            .map_err(|error| reason(&error))
    }
}

impl From<SrtpProfile> for ProtectionProfile {
    fn from(profile: SrtpProfile) -> Self {
        match profile {
            SrtpProfile::AeadAes128Gcm => Self::AeadAes128Gcm,
            SrtpProfile::AeadAes256Gcm => Self::AeadAes256Gcm,
            SrtpProfile::AesCm128Sha1_80 => Self::Aes128CmHmacSha1_80,
            SrtpProfile::AesCm128Sha1_32 => Self::Aes128CmHmacSha1_32,
            SrtpProfile::AesCm256Sha1_80 => Self::Aes256CmHmacSha1_80,
            SrtpProfile::AesCm256Sha1_32 => Self::Aes256CmHmacSha1_32,
        }
    }
}
