//! A cookie that the client knows before it says hello, so that the handshake does without a round trip.
//!
//! A server makes a client show a cookie to learn that it is where its packets say they come from (RFC 6347 §4.2.1).
//! ICE has shown that already: a transport sends its answers only over a pair whose checks came back, wherever the
//! question came from. A server may then do without the cookie, but `rtc-dtls` always asks for one. So the server lets
//! the signalling tell its cookie, and the client brings it at once, as if it had been asked.
//!
//! It travels within `a=tls-id`, which names the association anyway (RFC 8842 §4): ours ends in a digest of the rest of it and of
//! our certificate's fingerprint, and the cookie is another digest of the whole. To everybody else it is a name
//! like any other, and to a client that can read it, it says that this server takes a first hello with a cookie.
//! An intermediary that ends the association itself has another certificate, so what it passes on says nothing.
//!
//! A server that has announced a cookie asks for the same one when a hello comes without.

use std::sync::Arc;

use rtc_crypto::{CryptoError, RTCCrypto, RTCCryptoProvider, RTCRandom};
use sha2::{Digest, Sha256};
use tandem_types::Entropy;
use tandem_types::media::Fingerprint;

/// As long as the ones that `rtc-dtls` makes up, which asks for this many random bytes for nothing else.
const LENGTH: usize = 20;
/// Random bytes at the beginning of a name; twice as many characters.
const RANDOM: usize = 16;
/// Bytes of the digest at its end.
const BOUND: usize = 8;
/// What goes before everything else into the digests, so that they are no other protocol's.
const OF_NAME: &[u8] = b"tandem tls-id 1";
const OF_COOKIE: &[u8] = b"tandem dtls cookie 1";

/// What a server wants to see in a hello.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Cookie([u8; LENGTH]);

impl Cookie {
    /// The cookie of the server that calls itself by this `a=tls-id`: our own name.
    pub fn own(tls_id: &str) -> Self {
        let mut cookie = [0; LENGTH];
        let digest = Sha256::new_with_prefix(OF_COOKIE).chain_update(tls_id);
        let digest = digest.finalize();
        cookie.iter_mut().zip(digest).for_each(|(to, of)| *to = of);
        Self(cookie)
    }

    /// The cookie that a peer's `a=tls-id` announces; `None` if it is a name like any other, or was made for none of
    /// these certificates.
    pub fn announced(tls_id: &str, fingerprints: &[Fingerprint]) -> Option<Self> {
        let (begin, bound) = tls_id.split_at_checked(RANDOM * 2)?;
        let mut fingerprints = fingerprints.iter();
        let is_bound = fingerprints.any(|fingerprint| bound == self::bound(begin, fingerprint));
        is_bound.then(|| Self::own(tls_id))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie")
    }
}

/// A new name for associations with this certificate, of 48 characters (RFC 8842 §4 wants 20 at least).
pub fn new_tls_id(entropy: &mut dyn Entropy, fingerprint: &Fingerprint) -> String {
    let begin = entropy.hex(RANDOM);
    let bound = bound(&begin, fingerprint);
    begin + &bound
}

fn bound(begin: &str, fingerprint: &Fingerprint) -> String {
    let digest = Sha256::new_with_prefix(OF_NAME)
        .chain_update(begin)
        .chain_update(&fingerprint.bytes);
    let digest = digest.finalize();
    let shown = digest.iter().take(BOUND);
    shown.map(|byte| format!("{byte:02x}")).collect()
}

/// The usual cryptography, except that the server's cookie is the given one.
pub(super) struct WithCookie {
    inner: Arc<dyn RTCCryptoProvider>,
    cookie: Cookie,
}

impl WithCookie {
    pub(super) fn new(inner: Arc<dyn RTCCryptoProvider>, cookie: Cookie) -> Self {
        Self { inner, cookie }
    }
}

impl RTCCryptoProvider for WithCookie {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self.inner.crypto()
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for WithCookie {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        if output.len() == LENGTH {
            output.copy_from_slice(self.cookie.bytes());
            return Ok(());
        }
        self.inner.random().fill(output)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Certificate;
    use super::*;
    use tandem_types::SeededEntropy;

    #[test]
    fn a_name_announces_a_cookie_for_its_certificate_alone() {
        let mut entropy = SeededEntropy::new(1);
        let certificates = [0, 1].map(|_| Certificate::generate().expect("made"));
        let [own, other] = certificates.each_ref().map(Certificate::fingerprint);
        let name = new_tls_id(&mut entropy, &own);
        assert_eq!(name.len(), 48);
        let of = |name: &str, prints: &[&Fingerprint]| {
            let prints: Vec<Fingerprint> = prints.iter().map(|&print| print.clone()).collect();
            Cookie::announced(name, &prints)
        };
        assert_eq!(of(&name, &[&own]), Some(Cookie::own(&name)));
        assert_eq!(of(&name, &[&other, &own]), Some(Cookie::own(&name)));
        assert_eq!(of(&name, &[&other]), None);
        assert_ne!(new_tls_id(&mut entropy, &own), name);
        assert_eq!(of(&format!("{name}0"), &[&own]), None);
        let foreign = [
            "",
            "abc",
            "0123456789abcdef0123456789abcdef",
            "äöü-äöü-äöü-äöü-äöü-äöü-",
        ];
        assert!(foreign.iter().all(|name| of(name, &[&own]).is_none()));
    }
}
