//! This side's certificate, and whether the peer's is the announced one.

use rtc_crypto::default_provider;
use rtc_dtls::crypto::Certificate as RtcCertificate;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tandem_types::media::Fingerprint;

use super::DtlsFailure;

/// A self-signed certificate with an ECDSA key on P-256, made for one call and thrown away with it: a
/// certificate that lived longer would let two calls be recognised as the same person's.
///
/// It carries no name. Key and serial come from the operating system's generator through `ring`, never
/// from [`tandem_types::Entropy`], which a test may seed.
#[derive(Clone)]
pub struct Certificate {
    inner: RtcCertificate,
    der: Vec<u8>,
}

impl Certificate {
    /// Makes a new one; takes well below a millisecond.
    pub fn generate() -> Result<Self, DtlsFailure> {
        let provider = default_provider().map_err(|_| DtlsFailure::Own)?;
        let inner = RtcCertificate::generate_self_signed(Vec::new(), provider.crypto());
        let inner = inner.map_err(|_| DtlsFailure::Own)?;
        let der = inner.certificate.first().ok_or(DtlsFailure::Own)?;
        let der = der.as_ref().to_vec();
        Ok(Self { inner, der })
    }

    /// The certificate as it goes over the wire (X.509, DER).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What the signalling says of it: the hash is sha-256 (RFC 8122 §5).
    pub fn fingerprint(&self) -> Fingerprint {
        Hash::Sha256.of(&self.der)
    }

    pub(super) fn inner(&self) -> RtcCertificate {
        self.inner.clone()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

/// The hashes a fingerprint may have.
///
/// Not sha-1, md5 and md2: RFC 8122 §5 forbids the last two, and although forging a second certificate for a
/// given SHA-1 is still out of reach, no peer needs it (Asterisk, baresip, FreeSWITCH and all browsers say
/// sha-256 unless told otherwise) and accepting it would leave the choice of hash to whoever is weakest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        let known = [
            ("sha-256", Self::Sha256),
            ("sha-384", Self::Sha384),
            ("sha-512", Self::Sha512),
        ];
        let mut known = known.into_iter();
        let found = known.find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, hash)| hash)
    }

    fn of(self, der: &[u8]) -> Fingerprint {
        let (name, bytes) = match self {
            Self::Sha256 => ("sha-256", Sha256::digest(der).to_vec()),
            Self::Sha384 => ("sha-384", Sha384::digest(der).to_vec()),
            Self::Sha512 => ("sha-512", Sha512::digest(der).to_vec()),
        };
        Fingerprint {
            hash: name.to_owned(),
            bytes,
        }
    }
}

/// The fingerprints that the peer's certificate may have.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    hash: Hash,
    digests: Vec<Vec<u8>>,
}

/// Fingerprints looked at in one description.
const MAX_FINGERPRINTS: usize = 32;

impl Expected {
    /// Of several hashes the strongest decides alone (RFC 8122 §5.1): a weaker one that matches cannot make up
    /// for it. Of several fingerprints by that hash any may match: one for each certificate the peer has.
    pub(super) fn new(fingerprints: &[Fingerprint]) -> Result<Self, DtlsFailure> {
        let usable = fingerprints.iter().take(MAX_FINGERPRINTS);
        let usable = usable.filter_map(|print| Some((Hash::named(&print.hash)?, &print.bytes)));
        let usable: Vec<_> = usable.collect();
        let strongest = usable.iter().map(|(hash, _)| *hash).max();
        let hash = strongest.ok_or(DtlsFailure::NoUsableFingerprint)?;
        let digests = usable.into_iter().filter(|(of, _)| *of == hash);
        Ok(Self {
            hash,
            digests: digests.map(|(_, bytes)| bytes.clone()).collect(),
        })
    }

    /// The fingerprint of `der`, if it is an expected one.
    pub(super) fn matching(&self, der: &[u8]) -> Option<Fingerprint> {
        let print = self.hash.of(der);
        // Public values on both sides, so nothing is learnt from how long the comparison takes.
        self.digests.contains(&print.bytes).then_some(print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_its_own_certificate_without_a_name() {
        let (one, two) = (Certificate::generate(), Certificate::generate());
        let (one, two) = (one.expect("made"), two.expect("made"));
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_eq!(one.fingerprint().bytes.len(), 32);
        assert_eq!(one.fingerprint().hash, "sha-256");
    }

    #[test]
    fn the_strongest_hash_decides_and_any_of_its_fingerprints_may_match() {
        let own = Certificate::generate().expect("made");
        let other = Certificate::generate().expect("made");
        let of = |hash: Hash, certificate: &Certificate| hash.of(certificate.der());
        let several = [of(Hash::Sha256, &other), of(Hash::Sha256, &own)];
        let expected = Expected::new(&several).expect("usable");
        assert_eq!(expected.matching(own.der()), Some(own.fingerprint()));
        // The stronger hash names the other certificate: the weaker one, which would match, is not asked.
        let mixed = [of(Hash::Sha256, &own), of(Hash::Sha512, &other)];
        let expected = Expected::new(&mixed).expect("usable");
        assert_eq!(expected.matching(own.der()), None);
        assert_eq!(
            expected.matching(other.der()).map(|print| print.hash),
            Some("sha-512".to_owned())
        );
    }

    #[test]
    fn names_of_hashes_have_no_case_and_weak_ones_do_not_count() {
        let own = Certificate::generate().expect("made");
        let named = |hash: &str, bytes: Vec<u8>| Fingerprint {
            hash: hash.to_owned(),
            bytes,
        };
        let loud = named("SHA-256", own.fingerprint().bytes);
        let expected = Expected::new(&[loud]).expect("usable");
        assert!(expected.matching(own.der()).is_some());
        let weak = [named("sha-1", vec![0; 20]), named("md5", vec![0; 16])];
        assert_eq!(
            Expected::new(&weak).err(),
            Some(DtlsFailure::NoUsableFingerprint)
        );
        // A cut fingerprint matches nothing.
        let cut = named("sha-256", vec![]);
        let expected = Expected::new(&[cut]).expect("usable");
        assert_eq!(expected.matching(own.der()), None);
    }
}
