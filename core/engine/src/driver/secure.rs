//! TLS towards a server (RFC 3261 §26.3, RFC 5922): nothing is sent before it has proven its name.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tandem_sip::message::Host;
use tandem_sip::transaction::{TlsFailure, TransportError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::{CertificateError, CertificateVerifier};

/// Opens TLS streams. Sessions are resumed where the server allows it; the certificate is judged each time.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    judge: Arc<dyn CertificateVerifier>,
}

impl Tls {
    /// # Errors
    /// When the crypto provider lacks what TLS 1.2 and 1.3 need, which a build with ring does not.
    pub(super) fn new(judge: Arc<dyn CertificateVerifier>) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(KeyHolder(provider)))
            .with_no_client_auth();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            judge,
        })
    }

    /// Makes `stream` secure with a server that proves to be `name`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        name: &Host,
    ) -> Result<TlsStream<TcpStream>, TransportError> {
        let name = match name {
            Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => ip.to_string(),
        };
        // A name that no certificate can hold cannot be proven.
        let asked = ServerName::try_from(name.clone()).map_err(|_| TlsFailure::WrongName)?;
        let connecting = self.connector.connect(asked, stream).await;
        let secured = connecting.map_err(|error| handshake_failure(&error))?;
        let (_, session) = secured.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
        let judge = self.judge.clone();
        let judging = tokio::task::spawn_blocking(move || judge.verify(&name, &chain));
        match judging.await {
            Ok(Ok(())) => Ok(secured),
            Ok(Err(error)) => Err(certificate_failure(error).into()),
            // A verifier that panics has not said yes.
            Err(_) => Err(TlsFailure::Unchecked.into()),
        }
    }
}

fn handshake_failure(error: &io::Error) -> TransportError {
    tracing::info!(%error, "no TLS with the server");
    match error.kind() {
        io::ErrorKind::TimedOut => TransportError::TimedOut,
        _ => TlsFailure::Handshake.into(),
    }
}

const fn certificate_failure(error: CertificateError) -> TlsFailure {
    match error {
        CertificateError::Expired => TlsFailure::Expired,
        CertificateError::WrongName => TlsFailure::WrongName,
        CertificateError::Untrusted => TlsFailure::Untrusted,
        CertificateError::Unchecked => TlsFailure::Unchecked,
    }
}

/// Checks in the handshake that the server holds the key of its certificate, and leaves whose certificate that
/// is to the [`CertificateVerifier`]: that may block, as platforms do who ask their own services, and a
/// handshake runs on a worker of the runtime. [`Tls::connect`] hands no stream out before both have agreed.
#[derive(Debug)]
struct KeyHolder(Arc<CryptoProvider>);

impl ServerCertVerifier for KeyHolder {
    fn verify_server_cert(
        &self,
        _server: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "secure_tests.rs"]
mod tests;
