//! Why a handshake came to nothing.

use rtc_shared::error::Error;

/// Why a handshake came to nothing. No keys exist, on either side of the call, when one of these is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DtlsFailure {
    /// The signalling gave no fingerprint of a hash that is accepted: sha-256, sha-384 or sha-512.
    #[error("no fingerprint with an accepted hash")]
    NoUsableFingerprint,
    /// The certificate that came is not the one the signalling announced: somebody is in between, or the
    /// peer is broken.
    #[error("peer's certificate does not have the signalled fingerprint")]
    WrongFingerprint,
    /// The peer showed no certificate.
    #[error("peer showed no certificate")]
    NoCertificate,
    /// The peer could not prove that its certificate is its own.
    #[error("peer's proof of its key is wrong")]
    WrongSignature,
    /// No DTLS 1.2.
    #[error("peer does not speak DTLS 1.2")]
    Version,
    /// Nothing in common among ciphers, curves or signatures.
    #[error("no cipher in common")]
    NoCommonCipher,
    /// No SRTP profile in common, or the peer does not speak of SRTP at all.
    #[error("no SRTP profile in common")]
    NoCommonProfile,
    /// No extended master secret (RFC 7627).
    #[error("peer lacks the extended master secret")]
    NoExtendedMasterSecret,
    /// The peer refused with this alert (RFC 5246 §7.2) and nothing better came after it.
    #[error("peer refused with alert {0}")]
    Refused(u8),
    /// Nothing was heard within the time a handshake may take.
    #[error("peer did not answer")]
    NoAnswer,
    /// It began, then the peer fell silent.
    #[error("peer fell silent during the handshake")]
    Silent,
    /// What the peer sent does not follow the protocol.
    #[error("peer broke the protocol")]
    Protocol,
    /// This side's own certificate or cryptography cannot be used.
    #[error("own cryptography failed")]
    Own,
}

impl DtlsFailure {
    /// What the endpoint's error means during a handshake.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::ErrNoMatchingCertificateFingerprint => Self::WrongFingerprint,
            Error::ErrClientCertificateRequired
            | Error::ErrCertificateVerifyNoCertificate
            | Error::ErrClientCertificateNotVerified => Self::NoCertificate,
            Error::ErrKeySignatureMismatch
            | Error::ErrVerifyDataMismatch
            | Error::ErrInvalidCertificate => Self::WrongSignature,
            Error::ErrUnsupportedProtocolVersion => Self::Version,
            Error::ErrCipherSuiteNoIntersection
            | Error::ErrInvalidCipherSuite
            | Error::ErrNoSupportedEllipticCurves
            | Error::ErrNoAvailableSignatureSchemes => Self::NoCommonCipher,
            Error::ErrServerNoMatchingSrtpProfile
            | Error::ErrClientNoMatchingSrtpProfile
            | Error::ErrRequestedButNoSrtpExtension => Self::NoCommonProfile,
            Error::ErrClientRequiredButNoServerEms | Error::ErrServerRequiredButNoClientEms => {
                Self::NoExtendedMasterSecret
            }
            Error::Crypto(_) => Self::Own,
            _ => Self::Protocol,
        }
    }
}
