//! Whether a server's certificate is to be trusted: the platform's word, not ours.

use std::fmt;

/// Judges a server's certificate chain. May block: the engine calls it on a blocking thread, after the
/// handshake has shown that the server holds the key of the first certificate, and before a single byte of
/// SIP is sent.
///
/// Phones answer with their own trust store (and its user-installed roots) behind a
/// [`PlatformVerifier`](super::PlatformVerifier), desktops and tests with [`RootsVerifier`](super::RootsVerifier).
pub trait CertificateVerifier: Send + Sync {
    /// Judges `chain` (DER, the server's own certificate first) for `server_name`, a DNS name or IP literal
    /// without brackets.
    ///
    /// # Errors
    /// Why the chain is refused.
    fn verify(&self, server_name: &str, chain: &[Vec<u8>]) -> Result<(), CertificateError>;
}

/// Why a certificate chain was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Past its end or before its start.
    #[error("the server's certificate is not valid at this time")]
    Expired,
    /// Issued for another name.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// Nobody trusted vouches for it.
    #[error("the server's certificate is not trusted")]
    Untrusted,
    /// Whoever should have judged it could not.
    #[error("the server's certificate could not be checked")]
    Unchecked,
}

impl fmt::Debug for dyn CertificateVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateVerifier")
    }
}
