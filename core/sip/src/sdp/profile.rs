//! The protocol word of an RTP m-line.

use tandem_types::media::{Security, TransportDescription};

/// An RTP profile that this library can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Profile {
    pub(super) keys: Keys,
    /// RTCP feedback (RFC 4585): the `F` at the end.
    pub(super) feedback: bool,
}

/// Where a profile's keys come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keys {
    /// `RTP/AVP(F)`: plain; keys beside it may be used or not (RFC 8643).
    Optional,
    /// `RTP/SAVP(F)`: SRTP, keys by `a=crypto`; but some write it for DTLS, too.
    Needed,
    /// `UDP/TLS/RTP/SAVP(F)`: SRTP, keys by DTLS.
    ByTls,
}

impl Profile {
    /// The profile a protocol word names, with or without the `F` of RTCP feedback.
    pub(super) fn of(protocol: &str) -> Option<Self> {
        let words = [
            ("RTP/AVP", Keys::Optional, false),
            ("RTP/AVPF", Keys::Optional, true),
            ("RTP/SAVP", Keys::Needed, false),
            ("RTP/SAVPF", Keys::Needed, true),
            ("UDP/TLS/RTP/SAVP", Keys::ByTls, false),
            ("UDP/TLS/RTP/SAVPF", Keys::ByTls, true),
        ];
        let (_, keys, feedback) = words
            .into_iter()
            .find(|(word, _, _)| protocol.eq_ignore_ascii_case(word))?;
        Some(Self { keys, feedback })
    }

    /// Whether a stream protected like that may stand under this profile.
    pub(super) const fn carries(self, transport: &TransportDescription) -> bool {
        match (&transport.security, self.keys) {
            (Security::Plain, Keys::Optional)
            | (Security::Sdes { .. } | Security::Dtls { .. }, Keys::Needed)
            | (Security::Dtls { .. }, Keys::ByTls) => true,
            (Security::Sdes { .. } | Security::Dtls { .. }, Keys::Optional) => {
                transport.opportunistic
            }
            // The last: whatever a later version adds, until this table knows it.
            (Security::Plain, Keys::Needed | Keys::ByTls)
            | (Security::Sdes { .. }, Keys::ByTls)
            | (_, _) => false,
        }
    }
}

/// The protocol to write for a stream with that transport.
pub(super) const fn protocol_for(transport: &TransportDescription) -> &'static str {
    let TransportDescription {
        feedback,
        opportunistic,
        ..
    } = transport;
    match (&transport.security, *opportunistic, *feedback) {
        (Security::Sdes { .. }, false, false) => "RTP/SAVP",
        (Security::Sdes { .. }, false, true) => "RTP/SAVPF",
        (Security::Dtls { .. }, false, false) => "UDP/TLS/RTP/SAVP",
        (Security::Dtls { .. }, false, true) => "UDP/TLS/RTP/SAVPF",
        (_, _, false) => "RTP/AVP",
        (_, _, true) => "RTP/AVPF",
    }
}
