//! SRTP and SRTCP of one call leg (RFC 3711, RFC 7714): what leaves is sealed, what comes in is opened.
//!
//! The ciphers are `rtc-srtp`'s. Three things are kept away from it, because it would believe them before it
//! has checked who wrote them:
//!
//! - **the first packet of a source**: the crate notes an SSRC, and places its replay window, before the packet
//!   is authenticated. One forged packet ahead of the real ones would shut the real ones out, and a flood
//!   of invented sources would grow a table without end. A new source is therefore opened by a second
//!   context that remembers nothing of value, and only then by the real one (`inbound`);
//! - **SRTCP without encryption** (E bit 0): with the AES-CM profiles the crate hands it out *unauthenticated*.
//!   RFC 3711 §3.4 makes authentication mandatory and nobody here agrees on `UNENCRYPTED_SRTCP`: refused;
//! - **header extensions**: the payload begins where the header says, not where the extensions this build
//!   understands would end (`header`).
//!
//! Not offered by the crate: MKI (refused in [`super::sdes`]), a roll-over counter that does not begin at 0.
//! A pair must therefore live as long as its keys: rebuilding one from the same keys in the middle of a call would
//! begin again at packet index 0, use the same key stream twice, and understand nothing after 65,536 packets.

mod early;
mod header;
mod inbound;
mod profile;
#[cfg(test)]
mod srtp_tests;

use std::fmt;

use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use zeroize::Zeroizing;

pub use early::EarlyPackets;
use header::{RtcpShape, RtpShape};
use inbound::Inbound;
pub use profile::SrtpProfile;

/// Why a packet was not sealed or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SrtpError {
    /// It is not RTP or RTCP, or too short to carry its tag.
    #[error("not a whole packet")]
    Malformed,
    /// Its tag is wrong: not written with the agreed keys, or damaged.
    #[error("wrong authentication tag")]
    Forged,
    /// It was here before, or is older than the replay window (RFC 3711 §3.3.2).
    #[error("replayed or too old")]
    Replayed,
    /// SRTCP that is not encrypted, which nobody agreed on.
    #[error("control packet without encryption")]
    Unencrypted,
    /// More sources than one call can have.
    #[error("too many sources")]
    TooManySources,
    /// The keys have protected all they may (RFC 3711 §9.2).
    #[error("keys are used up")]
    Exhausted,
    /// Key or salt do not have the profile's length.
    #[error("key or salt of the wrong length")]
    KeyLength,
    /// The cipher itself failed.
    #[error("cipher failed")]
    Cipher,
}

/// Master key and salt of one direction (RFC 3711 §3.2.1). Overwritten when dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct MasterKey {
    key: Zeroizing<Vec<u8>>,
    salt: Zeroizing<Vec<u8>>,
}

impl MasterKey {
    /// Takes key and salt; lengths are checked against the profile when a pair is made of them.
    pub fn new(key: Vec<u8>, salt: Vec<u8>) -> Self {
        Self {
            key: Zeroizing::new(key),
            salt: Zeroizing::new(salt),
        }
    }

    /// A context for one direction. `replay`: whether it refuses what it has seen.
    fn context(&self, profile: SrtpProfile, replay: bool) -> Result<Context, SrtpError> {
        profile.context(&self.key, &self.salt, replay)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

/// Both directions of one call leg's SRTP and SRTCP.
pub struct SrtpPair {
    profile: SrtpProfile,
    outbound: Context,
    inbound: Inbound,
}

impl SrtpPair {
    /// A pair that seals with `local` and opens with `remote`.
    pub fn new(
        profile: SrtpProfile,
        local: &MasterKey,
        remote: &MasterKey,
    ) -> Result<Self, SrtpError> {
        Ok(Self {
            profile,
            outbound: local.context(profile, false)?,
            inbound: Inbound::new(profile, remote)?,
        })
    }

    /// A pair from the bytes of the exporter (RFC 5764 §4.2): client key, server key, client salt,
    /// server salt. `is_client`: this side was the DTLS client.
    pub fn from_exporter(
        profile: SrtpProfile,
        material: &[u8],
        is_client: bool,
    ) -> Result<Self, SrtpError> {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        if material.len() != profile.exporter_len() {
            return Err(SrtpError::KeyLength);
        }
        let piece = |from: usize, length: usize| {
            let piece = material.get(from..from.saturating_add(length));
            piece.map(<[u8]>::to_vec).ok_or(SrtpError::KeyLength)
        };
        let salts = key.saturating_mul(2);
        let client = MasterKey::new(piece(0, key)?, piece(salts, salt)?);
        let server = MasterKey::new(piece(key, key)?, piece(salts.saturating_add(salt), salt)?);
        if is_client {
            Self::new(profile, &client, &server)
        } else {
            Self::new(profile, &server, &client)
        }
    }

    /// The cipher and tag in use.
    pub const fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Seals a whole RTP packet. A sequence number must never be used for two different packets.
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let shape = RtpShape::read(packet).ok_or(SrtpError::Malformed)?;
        let sealed = self
            .outbound
            .encrypt_rtp_with_header(packet, &shape.opaque());
        sealed.map(Vec::from).map_err(|error| reason(&error))
    }

    /// Opens an SRTP packet; what it returns is authenticated and new.
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let shape = RtpShape::read(packet).ok_or(SrtpError::Malformed)?;
        self.inbound.rtp(packet, &shape)
    }

    /// Seals a compound or reduced-size RTCP packet.
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        RtcpShape::read(packet).ok_or(SrtpError::Malformed)?;
        let sealed = self.outbound.encrypt_rtcp(packet);
        sealed.map(Vec::from).map_err(|error| reason(&error))
    }

    /// Opens an SRTCP packet; what it returns is authenticated and new.
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let shape = RtcpShape::read(packet).ok_or(SrtpError::Malformed)?;
        if !self.profile.srtcp_is_encrypted(packet) {
            return Err(SrtpError::Unencrypted);
        }
        self.inbound.rtcp(packet, &shape)
    }
}

impl fmt::Debug for SrtpPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpPair")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The crate's error in our words.
fn reason(error: &Error) -> SrtpError {
    match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) => SrtpError::Replayed,
        Error::ErrFailedToVerifyAuthTag
        | Error::RtpFailedToVerifyAuthTag
        | Error::RtcpFailedToVerifyAuthTag => SrtpError::Forged,
        Error::ErrExceededMaxPackets => SrtpError::Exhausted,
        Error::SrtpMasterKeyLength(..) | Error::SrtpSaltLength(..) => SrtpError::KeyLength,
        Error::Crypto(_) => SrtpError::Cipher,
        _ => SrtpError::Malformed,
    }
}
