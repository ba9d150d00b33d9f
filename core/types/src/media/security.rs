//! Keys: what a description says of them, and who opens a DTLS association.

use std::str::FromStr;

use crate::{Encryption, Pii};

/// What protects a stream's packets, and what the writer says of its keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// Plain RTP (RFC 3551): `RTP/AVP`.
    #[default]
    Plain,
    /// SRTP, keys in the signalling (RFC 4568): `RTP/SAVP` with `a=crypto`.
    Sdes {
        /// The offered or chosen key lines, best first.
        keys: Vec<SdesKey>,
    },
    /// SRTP, keys by DTLS (RFC 5764): `UDP/TLS/RTP/SAVP(F)` with `a=fingerprint`.
    Dtls {
        /// Who opens the DTLS association (RFC 8842 §5).
        setup: DtlsSetup,
        /// Certificate fingerprints: hash name and bytes (RFC 8122). Several name one certificate by
        /// several hashes, or several certificates.
        fingerprints: Vec<Fingerprint>,
        /// Names the association (`a=tls-id`, RFC 8842 §4): another one asks for a new association.
        tls_id: Option<String>,
    },
}

impl Security {
    /// What a call protected like this is recorded as.
    pub const fn encryption(&self) -> Encryption {
        match self {
            Self::Plain => Encryption::None,
            Self::Sdes { .. } => Encryption::Sdes,
            Self::Dtls { .. } => Encryption::DtlsSrtp,
        }
    }
}

/// What an account asks of the protection of its calls' media.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MediaSecurity {
    /// No call without: neither placed nor taken. Keys in the signalling count only where the signalling
    /// itself is encrypted.
    Required,
    /// Encrypted wherever the far end can.
    Preferred,
    /// Plain is offered; what the far end wants encrypted is.
    #[default]
    PlainAllowed,
}

impl MediaSecurity {
    /// Each of them, strictest first.
    pub const ALL: [Self; 3] = [Self::Required, Self::Preferred, Self::PlainAllowed];

    /// The stable word for the store, JSON and the command line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::PlainAllowed => "off",
        }
    }
}

/// A word no [`MediaSecurity`] has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not one of required, preferred and off")]
pub struct UnknownMediaSecurity;

impl FromStr for MediaSecurity {
    type Err = UnknownMediaSecurity;

    fn from_str(token: &str) -> Result<Self, UnknownMediaSecurity> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.token() == token)
            .ok_or(UnknownMediaSecurity)
    }
}

/// One `a=crypto` line (RFC 4568 §4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SdesKey {
    /// The tag the answer repeats.
    pub tag: u32,
    /// Crypto suite, such as `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Everything after the suite: `inline:…` and session parameters. Secret, so never logged.
    pub key_params: Pii<String>,
}

/// What a description says of who opens the DTLS association (`a=setup`, RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DtlsSetup {
    /// The writer is the client.
    Active,
    /// The writer can be either; the answerer chooses.
    ActPass,
    /// The writer is the server.
    Passive,
    /// Nobody opens one for now. RFC 5763 §5 forbids it, some write it while they hold.
    HoldConn,
}

/// Which end of a DTLS association this side is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DtlsRole {
    /// It opens the association: `active`.
    Client,
    /// It waits: `passive`.
    Server,
}

impl DtlsRole {
    /// What an answer says in which this side has this role.
    pub const fn setup(self) -> DtlsSetup {
        match self {
            Self::Client => DtlsSetup::Active,
            Self::Server => DtlsSetup::Passive,
        }
    }

    /// The role of the far end.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A certificate's fingerprint (RFC 8122 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// Hash name as in SDP: `sha-256`.
    pub hash: String,
    /// The hash itself.
    pub bytes: Vec<u8>,
}
