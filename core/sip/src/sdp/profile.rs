//! The protocol word of an RTP m-line.

use tandem_types::media::Security;

/// An RTP profile that this library can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Profile {
    /// `RTP/AVP` or `RTP/AVPF`: plain.
    Plain,
    /// `RTP/SAVP` or `RTP/SAVPF`: SRTP, keys by `a=crypto`; but some write it for DTLS, too.
    Secure,
    /// `UDP/TLS/RTP/SAVP` or `UDP/TLS/RTP/SAVPF`: SRTP, keys by DTLS.
    SecureTls,
}

impl Profile {
    /// The profile a protocol word names, with or without the `F` of RTCP feedback.
    pub(super) fn of(protocol: &str) -> Option<Self> {
        let words: [(&str, Self); 6] = [
            ("RTP/AVP", Self::Plain),
            ("RTP/AVPF", Self::Plain),
            ("RTP/SAVP", Self::Secure),
            ("RTP/SAVPF", Self::Secure),
            ("UDP/TLS/RTP/SAVP", Self::SecureTls),
            ("UDP/TLS/RTP/SAVPF", Self::SecureTls),
        ];
        let known = words
            .iter()
            .find(|(word, _)| protocol.eq_ignore_ascii_case(word))?;
        Some(known.1)
    }

    /// Whether a stream protected like that may stand under this profile.
    pub(super) const fn carries(self, security: &Security) -> bool {
        match security {
            Security::Sdes { .. } => matches!(self, Self::Secure),
            Security::Dtls { .. } => matches!(self, Self::Secure | Self::SecureTls),
            // `Plain`, and whatever a later version adds until this table knows it.
            _ => matches!(self, Self::Plain),
        }
    }
}

/// The protocol to write for a stream protected like that.
pub(super) const fn protocol_for(security: &Security) -> &'static str {
    match security {
        Security::Sdes { .. } => "RTP/SAVP",
        // RFC 5764 §8; without the F some gateways refuse it.
        Security::Dtls { .. } => "UDP/TLS/RTP/SAVPF",
        _ => "RTP/AVP",
    }
}
