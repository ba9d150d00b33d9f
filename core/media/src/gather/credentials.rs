//! Long-term credentials (RFC 8489 §9.2): what the server's challenge asks for, requests signed, answers checked.
//!
//! A server of RFC 5389 gets USERNAME and HMAC-SHA1 with an MD5 key. One whose nonce announces more (§9.2's nonce cookie)
//! gets what it announces: MESSAGE-INTEGRITY-SHA256 with the best password algorithm, and USERHASH in place of the name. The
//! announcement is part of the nonce, which the server checks, so nobody on the way can take it away unnoticed.
//!
//! Names and passwords are used as given: OpaqueString (RFC 8265) leaves ASCII as it is, and what is not ASCII should come
//! normalised from whoever typed it.

use std::fmt;

use rtc_crypto::providers::RingProvider;
use rtc_crypto::{HashAlgorithm, HmacAlgorithm, RTCCryptoProvider};
use rtc_stun::attributes::{
    ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_NONCE, ATTR_PASSWORD_ALGORITHM,
    ATTR_PASSWORD_ALGORITHMS, ATTR_REALM, ATTR_USER_HASH, ATTR_USERNAME,
};
use tandem_types::Pii;

use super::failure::GatherFailure;
use super::message::{Builder, StunMessage};

/// RFC 8489 §14.9 and §14.10: at most 763 bytes each. §14.3 allows a name of 508.
const MAX_CHALLENGE: usize = 763;
const MAX_USERNAME: usize = 508;
/// Password algorithms looked at.
const MAX_ALGORITHMS: usize = 8;
/// RFC 8489 §9.2: this, then 24 bits of features in base64.
const NONCE_COOKIE: &[u8] = b"obMatJos2";
const FEATURE_PASSWORD_ALGORITHMS: u32 = 1 << 23;
const FEATURE_USERNAME_ANONYMITY: u32 = 1 << 22;

/// RFC 8489 §18.5.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum PasswordAlgorithm {
    Md5,
    Sha256,
}

/// What a challenge asks for.
#[derive(Clone, Eq, PartialEq)]
struct Challenge {
    realm: String,
    nonce: Vec<u8>,
    /// PASSWORD-ALGORITHMS as it came, to be said back, and the chosen one.
    algorithms: Option<(Vec<u8>, PasswordAlgorithm)>,
    hide_name: bool,
}

/// One user at one server.
pub(super) struct Credentials {
    username: Pii<String>,
    password: Pii<String>,
    crypto: RingProvider,
    challenge: Option<Challenge>,
    key: Pii<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let challenged = self.challenge.is_some();
        f.debug_struct("Credentials")
            .field("challenged", &challenged)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn new(username: Pii<String>, password: Pii<String>) -> Self {
        Self {
            username,
            password,
            crypto: RingProvider::new(),
            challenge: None,
            key: Pii::default(),
        }
    }

    /// Whether requests are signed from now on.
    pub(super) fn is_challenged(&self) -> bool {
        self.challenge.is_some()
    }

    /// Takes the realm and nonce of a 401 or 438. `Ok(false)`: nothing in it is new.
    pub(super) fn learn(&mut self, response: &StunMessage) -> Result<bool, GatherFailure> {
        let challenge = read_challenge(response, self.challenge.as_ref())?;
        if self.challenge.as_ref() == Some(&challenge) {
            return Ok(false);
        }
        self.key = Pii::new(self.derive(&challenge)?);
        self.challenge = Some(challenge);
        Ok(true)
    }

    /// Adds who we are and the integrity; nothing while the server has not asked.
    pub(super) fn sign(&self, request: &mut Builder) {
        let Some(challenge) = &self.challenge else {
            return;
        };
        if challenge.hide_name {
            let text = format!("{}:{}", self.username.reveal(), challenge.realm);
            request.add(ATTR_USER_HASH, &self.hash(HashAlgorithm::Sha256, &text));
        } else {
            request.add(ATTR_USERNAME, self.username.reveal().as_bytes());
        }
        request.add(ATTR_REALM, challenge.realm.as_bytes());
        request.add(ATTR_NONCE, &challenge.nonce);
        let (kind, algorithm, size) = match &challenge.algorithms {
            Some((offered, chosen)) => {
                request.add(ATTR_PASSWORD_ALGORITHMS, offered);
                let number = match chosen {
                    PasswordAlgorithm::Md5 => 1,
                    PasswordAlgorithm::Sha256 => 2,
                };
                request.add(ATTR_PASSWORD_ALGORITHM, &[0, number, 0, 0]);
                (ATTR_MESSAGE_INTEGRITY_SHA256, HmacAlgorithm::Sha256, 32)
            }
            None => (ATTR_MESSAGE_INTEGRITY, HmacAlgorithm::Sha1, 20),
        };
        let covered = request.covered(size);
        let mut value = vec![0; size];
        let mac = self.crypto.crypto().new_hmac(algorithm, self.key.reveal());
        // `ring` has both algorithms; without a value the server refuses the request, no more.
        if let Ok(mut mac) = mac {
            let _ = mac.sign(&[&covered], &mut value);
        }
        request.add(kind, &value);
    }

    /// Whether `response` was made by somebody who knows the password.
    pub(super) fn verify(&self, response: &StunMessage) -> bool {
        let Some(challenge) = &self.challenge else {
            return false;
        };
        let (kind, algorithm) = match challenge.algorithms {
            Some(_) => (ATTR_MESSAGE_INTEGRITY_SHA256, HmacAlgorithm::Sha256),
            None => (ATTR_MESSAGE_INTEGRITY, HmacAlgorithm::Sha1),
        };
        let Some(integrity) = response.integrity(kind) else {
            return false;
        };
        let covered = [integrity.head, &integrity.length, integrity.body];
        let mac = self.crypto.crypto().new_hmac(algorithm, self.key.reveal());
        mac.is_ok_and(|mut mac| mac.verify(&covered, integrity.value).is_ok())
    }

    fn derive(&self, challenge: &Challenge) -> Result<Vec<u8>, GatherFailure> {
        if self.username.reveal().len() > MAX_USERNAME {
            return Err(GatherFailure::WrongCredentials);
        }
        let (name, password) = (self.username.reveal(), self.password.reveal());
        let text = format!("{name}:{}:{password}", challenge.realm);
        let algorithm = match challenge.algorithms {
            Some((_, PasswordAlgorithm::Sha256)) => HashAlgorithm::Sha256,
            Some((_, PasswordAlgorithm::Md5)) | None => HashAlgorithm::Md5,
        };
        Ok(self.hash(algorithm, &text))
    }

    fn hash(&self, algorithm: HashAlgorithm, text: &str) -> Vec<u8> {
        let hashed = self.crypto.crypto().hash(algorithm, text.as_bytes());
        hashed.unwrap_or_default()
    }
}

/// A 438 may leave out what has not changed; `known` fills the gaps.
fn read_challenge(
    response: &StunMessage,
    known: Option<&Challenge>,
) -> Result<Challenge, GatherFailure> {
    let realm = response.text(ATTR_REALM).map(str::to_owned);
    let realm = realm.or_else(|| known.map(|known| known.realm.clone()));
    let (Some(realm), Some(nonce)) = (realm, response.value(ATTR_NONCE)) else {
        return Err(GatherFailure::Malformed);
    };
    if realm.len() > MAX_CHALLENGE || nonce.len() > MAX_CHALLENGE {
        return Err(GatherFailure::Malformed);
    }
    let features = features(nonce);
    let mut algorithms = None;
    if features & FEATURE_PASSWORD_ALGORITHMS != 0 {
        // §9.2.5: announced and then not there, somebody took it away.
        let offered = response.value(ATTR_PASSWORD_ALGORITHMS);
        let offered = offered.ok_or(GatherFailure::Malformed)?;
        let best = best_algorithm(offered).ok_or(GatherFailure::UnknownAlgorithm)?;
        algorithms = Some((offered.to_vec(), best));
    }
    Ok(Challenge {
        realm,
        nonce: nonce.to_vec(),
        algorithms,
        hide_name: features & FEATURE_USERNAME_ANONYMITY != 0,
    })
}

/// The security features in a nonce: bit 0 of the RFC is the highest of the 24.
fn features(nonce: &[u8]) -> u32 {
    let Some([a, b, c, d, ..]) = nonce.strip_prefix(NONCE_COOKIE) else {
        return 0;
    };
    let digits = [a, b, c, d].map(|digit| base64_digit(*digit));
    digits
        .iter()
        .try_fold(0, |bits, digit| Some(bits << 6 | (*digit)?))
        .unwrap_or(0)
}

fn base64_digit(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// PASSWORD-ALGORITHMS: number, length of parameters, parameters padded to four, and so on.
fn best_algorithm(mut offered: &[u8]) -> Option<PasswordAlgorithm> {
    let mut best = None;
    for _ in 0..MAX_ALGORITHMS {
        let Some((header, rest)) = offered.split_first_chunk::<4>() else {
            break;
        };
        let [high, low, length_high, length_low] = *header;
        let known = match u16::from_be_bytes([high, low]) {
            1 => Some(PasswordAlgorithm::Md5),
            2 => Some(PasswordAlgorithm::Sha256),
            _ => None,
        };
        best = best.max(known);
        let parameters = usize::from(u16::from_be_bytes([length_high, length_low]));
        offered = rest
            .get(parameters.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    best
}
