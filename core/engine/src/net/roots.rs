//! Certificates judged by a list of roots: the system's, one's own, or both.

use std::fmt;
use std::sync::OnceLock;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::identity;
use super::{CertificateError, CertificateVerifier};

/// Certificates read of one file; no system has a tenth of it.
const MAX_ROOTS: usize = 4_096;

/// Whom to trust.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Roots {
    /// Whom the operating system trusts. On a phone that is nobody here: its own verifier is asked instead.
    System,
    /// These certificates (PEM) and nobody else: of an authority, or of the server itself.
    Pem(Vec<u8>),
    /// Both.
    SystemAnd(Vec<u8>),
}

/// A list of roots holds no certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no certificate in it (PEM, BEGIN CERTIFICATE)")]
pub struct NoRoots;

/// Judges certificates by [`Roots`], and names as RFC 5922 has it. Revocation is not checked: neither lists
/// nor OCSP are asked.
pub struct RootsVerifier {
    own: Vec<CertificateDer<'static>>,
    with_system: bool,
    /// Read at the first use: it takes a hundred files.
    system: OnceLock<Vec<CertificateDer<'static>>>,
}

impl RootsVerifier {
    /// A verifier that trusts `roots`.
    ///
    /// # Errors
    /// [`NoRoots`] where certificates were given that are none.
    pub fn new(roots: &Roots) -> Result<Self, NoRoots> {
        let (pem, with_system) = match roots {
            Roots::System => (None, true),
            Roots::Pem(pem) => (Some(pem), false),
            Roots::SystemAnd(pem) => (Some(pem), true),
        };
        let own = match pem {
            None => Vec::new(),
            Some(pem) => {
                let found = CertificateDer::pem_slice_iter(pem).take(MAX_ROOTS);
                let found: Result<Vec<_>, _> = found.collect();
                found
                    .ok()
                    .filter(|found| !found.is_empty())
                    .ok_or(NoRoots)?
            }
        };
        Ok(Self {
            own,
            with_system,
            system: OnceLock::new(),
        })
    }

    /// A verifier that trusts whom the system trusts.
    pub fn system() -> Self {
        Self {
            own: Vec::new(),
            with_system: true,
            system: OnceLock::new(),
        }
    }

    fn system_roots(&self) -> &[CertificateDer<'static>] {
        if self.with_system {
            self.system.get_or_init(system_roots)
        } else {
            &[]
        }
    }

    /// Whether this very certificate was given as one to trust: a server that signed its own.
    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.own.iter().any(|own| own == certificate)
    }
}

impl CertificateVerifier for RootsVerifier {
    fn verify(&self, server_name: &str, chain: &[Vec<u8>]) -> Result<(), CertificateError> {
        let chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
        let chain: Vec<CertificateDer<'_>> = chain.collect();
        let Some((first, intermediates)) = chain.split_first() else {
            return Err(CertificateError::Untrusted);
        };
        let server = EndEntityCert::try_from(first).map_err(refusal)?;
        if !self.is_pinned(first) {
            let roots = self.own.iter().chain(self.system_roots());
            let anchors = roots.filter_map(|root| webpki::anchor_from_trusted_cert(root).ok());
            let anchors: Vec<TrustAnchor<'_>> = anchors.collect();
            let algorithms = ring::default_provider().signature_verification_algorithms;
            let usage = KeyUsage::server_auth();
            let now = UnixTime::now();
            server
                .verify_for_usage(
                    algorithms.all,
                    &anchors,
                    intermediates,
                    now,
                    usage,
                    None,
                    None,
                )
                .map_err(refusal)?;
        }
        if identity::is_named(&server, server_name) {
            Ok(())
        } else {
            Err(CertificateError::WrongName)
        }
    }
}

fn refusal(error: webpki::Error) -> CertificateError {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            CertificateError::Expired
        }
        error => {
            tracing::info!(?error, "certificate refused");
            CertificateError::Untrusted
        }
    }
}

#[cfg(not(any(target_os = "android", target_os = "ios")))]
fn system_roots() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::info!(%error, "some of the system's roots cannot be read");
    }
    found.certs
}

#[cfg(any(target_os = "android", target_os = "ios"))]
fn system_roots() -> Vec<CertificateDer<'static>> {
    Vec::new()
}

impl fmt::Debug for RootsVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own.len();
        write!(f, "RootsVerifier({own} own, system: {})", self.with_system)
    }
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
