//! Certificates judged by the platform: whom it trusts is its word, whom a certificate names is ours.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::identity;
use super::{CertificateError, CertificateVerifier};

/// Asks the platform whether somebody it trusts vouches for a chain, and then sees for itself whether the first
/// certificate is for the server: platforms know the rules of web pages, not those of SIP (RFC 5922 §7), and an app's
/// verifier that never looks at the name still lets nobody in under another one.
pub struct PlatformVerifier<V>(V);

impl<V: CertificateVerifier> PlatformVerifier<V> {
    /// A verifier that trusts whom `platform` trusts.
    pub const fn new(platform: V) -> Self {
        Self(platform)
    }
}

impl<V: CertificateVerifier> CertificateVerifier for PlatformVerifier<V> {
    fn verify(&self, server_name: &str, chain: &[Vec<u8>]) -> Result<(), CertificateError> {
        let first = chain.first().ok_or(CertificateError::Untrusted)?;
        self.0.verify(server_name, chain)?;
        let first = CertificateDer::from(first.as_slice());
        let server = EndEntityCert::try_from(&first).map_err(|_| CertificateError::Untrusted)?;
        if identity::is_named(&server, server_name) {
            Ok(())
        } else {
            Err(CertificateError::WrongName)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one answer to everything.
    struct Says(Result<(), CertificateError>);

    impl CertificateVerifier for Says {
        fn verify(&self, _name: &str, _chain: &[Vec<u8>]) -> Result<(), CertificateError> {
            self.0
        }
    }

    #[test]
    fn the_platform_says_whom_to_trust_and_never_whom_a_certificate_names() {
        let names = vec!["pbx.example.org".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let chain = [own.cert.der().to_vec()];
        let careless = PlatformVerifier::new(Says(Ok(())));
        assert_eq!(careless.verify("pbx.example.org", &chain), Ok(()));
        let other = careless.verify("other.example.org", &chain);
        assert_eq!(other, Err(CertificateError::WrongName));
        for nothing in [&[][..], &[vec![0x30, 0x03]]] {
            let judged = careless.verify("pbx.example.org", nothing);
            assert_eq!(judged, Err(CertificateError::Untrusted));
        }
        for refusal in [CertificateError::Expired, CertificateError::Unchecked] {
            let strict = PlatformVerifier::new(Says(Err(refusal)));
            assert_eq!(strict.verify("pbx.example.org", &chain), Err(refusal));
        }
    }
}
