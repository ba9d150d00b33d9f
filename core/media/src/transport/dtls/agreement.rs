//! What the endpoint may agree on, and how it is made.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::Endpoint;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

use super::certificate::Expected;
use super::cookie::{Cookie, WithCookie};
use super::{Certificate, DtlsFailure, DtlsRole, SRTP_PROFILES};
use crate::transport::srtp::SrtpProfile;

/// The endpoint keys its associations by address. With one address that is nobody's, the association does
/// not notice when the path changes under it.
pub(super) const PEER: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 1));
/// An endpoint without an association.
pub(super) fn new_endpoint(role: DtlsRole, handshake: &Arc<HandshakeConfig>) -> Endpoint {
    let server = match role {
        DtlsRole::Client => None,
        DtlsRole::Server => Some(Arc::clone(handshake)),
    };
    Endpoint::new(PEER, TransportProtocol::UDP, server)
}

/// DTLS 1.2 with certificates both ways, the peer's one of the expected. A server asks for `cookie`, if there is one.
pub(super) fn handshake_config(
    role: DtlsRole,
    certificate: &Certificate,
    expected: Expected,
    cookie: Option<Cookie>,
) -> Result<Arc<HandshakeConfig>, DtlsFailure> {
    let provider = default_provider().map_err(|_| DtlsFailure::Own)?;
    let provider: Arc<dyn RTCCryptoProvider> = match cookie {
        Some(cookie) if role == DtlsRole::Server => Arc::new(WithCookie::new(provider, cookie)),
        Some(_) | None => provider,
    };
    let check = move |certificates: &[Vec<u8>], _: &[_]| {
        let shown = certificates.first();
        let expected = shown.and_then(|der| expected.matching(der));
        let expected = expected.ok_or(Error::ErrNoMatchingCertificateFingerprint);
        expected.map(|_| ())
    };
    let profiles = SRTP_PROFILES.into_iter().filter_map(to_wire).collect();
    let built = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate.inner()])
        .with_srtp_protection_profiles(profiles)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // No authority vouches for a call's certificate: its fingerprint does.
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(check)))
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .build(role == DtlsRole::Client, None);
    let built = built.map_err(|error| DtlsFailure::of(&error))?;
    Ok(Arc::new(built))
}

fn to_wire(profile: SrtpProfile) -> Option<SrtpProtectionProfile> {
    match profile {
        SrtpProfile::AeadAes128Gcm => Some(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm),
        SrtpProfile::AeadAes256Gcm => Some(SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm),
        SrtpProfile::AesCm128Sha1_80 => Some(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80),
        SrtpProfile::AesCm128Sha1_32 => Some(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32),
        SrtpProfile::AesCm256Sha1_80 | SrtpProfile::AesCm256Sha1_32 => None,
    }
}

/// The profile that was agreed on; `None` if it is not one that was offered.
pub(super) fn from_wire(profile: SrtpProtectionProfile) -> Option<SrtpProfile> {
    let mut offered = SRTP_PROFILES.into_iter();
    offered.find(|offered| to_wire(*offered) == Some(profile))
}
