//! The server side: challenges, and the check of what comes back (RFC 7616 §3.4, RFC 3261 §22.4).

use std::time::{Duration, Instant};

use tandem_types::{Entropy, Pii};

use super::nonces::{NonceFault, Nonces, equal};
use super::params::Writer;
use super::{Algorithm, Challenge, DigestError, DigestRequest, Proof, QopOffer};

/// What a [`Verifier`] asks for.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// The realm whose passwords it knows.
    pub realm: String,
    /// One challenge each, in this order (RFC 8760 §2.3: the preferred first).
    pub algorithms: Vec<Algorithm>,
    /// What may be protected; [`QopOffer::NONE`] behaves like a server from before RFC 2617.
    pub qop: QopOffer,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
}

impl VerifierConfig {
    /// What most PBXs ask for: SHA-256 and MD5, `qop="auth"`, nonces of five minutes.
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            algorithms: vec![Algorithm::SHA_256, Algorithm::MD5],
            qop: QopOffer::AUTH,
            nonce_lifetime: Duration::from_secs(300),
        }
    }
}

/// The server side of Digest for one realm.
#[derive(Debug)]
pub struct Verifier {
    config: VerifierConfig,
    nonces: Nonces,
}

/// A proof that was right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// The user's name, not hashed.
    pub username: Pii<String>,
    proof: Proof,
}

/// Why a request is not let through.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The header cannot be read: 400.
    #[error("malformed proof: {0}")]
    Malformed(#[from] DigestError),
    /// The proof is for another realm, algorithm or quality of protection: challenge.
    #[error("the proof is not for what was asked")]
    NotWhatWasAsked,
    /// The proof is for another Request-URI: 400 (RFC 7616 §3.4.6).
    #[error("the proof is for another uri")]
    WrongUri,
    /// The nonce is not one of this server's: challenge.
    #[error("the nonce was not issued here")]
    ForgedNonce,
    /// The proof is right and its nonce too old: challenge with `stale=true`.
    #[error("the nonce is too old")]
    StaleNonce,
    /// The nonce's count was used before: challenge with `stale=true`.
    #[error("the proof was used before")]
    Replayed,
    /// No such user, or not their password: challenge, or 403.
    #[error("the name or password is wrong")]
    WrongPassword,
}

impl Refusal {
    /// Whether a new challenge should say `stale=true`: the password was right.
    pub const fn is_stale(&self) -> bool {
        match self {
            Self::StaleNonce | Self::Replayed => true,
            Self::Malformed(_)
            | Self::NotWhatWasAsked
            | Self::WrongUri
            | Self::ForgedNonce
            | Self::WrongPassword => false,
        }
    }
}

impl Verifier {
    /// A verifier whose key and nonces come from `entropy`.
    pub fn new(config: VerifierConfig, now: Instant, entropy: &mut dyn Entropy) -> Self {
        let nonces = Nonces::new(now, config.nonce_lifetime, entropy);
        Self { config, nonces }
    }

    /// The challenges of a 401 or 407, one for each algorithm, all with the same fresh nonce.
    pub fn challenges(
        &self,
        now: Instant,
        stale: bool,
        entropy: &mut dyn Entropy,
    ) -> Vec<Challenge> {
        let nonce = self.nonces.issue(now, &self.config.realm, entropy);
        let challenge = |algorithm: &Algorithm| Challenge {
            realm: Pii::new(self.config.realm.clone()),
            nonce: nonce.clone(),
            opaque: None,
            algorithm: Some(*algorithm),
            qop: self.config.qop,
            stale,
            userhash: false,
        };
        self.config.algorithms.iter().map(challenge).collect()
    }

    /// Checks the value of an `Authorization` or `Proxy-Authorization`. `password_of` tells the password of
    /// a user, `None` for an unknown one. Hashed names are not accepted, as no challenge asks for them.
    ///
    /// Without `qop` a nonce has no count, so that the same proof passes until the nonce is too old.
    pub fn verify(
        &mut self,
        now: Instant,
        value: &str,
        request: &DigestRequest<'_>,
        password_of: impl Fn(&str) -> Option<Pii<String>>,
    ) -> Result<Verified, Refusal> {
        let proof = Proof::parse(value)?;
        self.check_terms(&proof)?;
        if proof.uri.reveal() != request.uri {
            return Err(Refusal::WrongUri);
        }
        let fresh = self.nonces.check(now, &self.config.realm, &proof.nonce);
        if fresh == Err(NonceFault::Forged) {
            return Err(Refusal::ForgedNonce);
        }
        let username = proof.username.reveal();
        let password = password_of(username);
        // An unknown user costs the same time as a wrong password.
        let guess = password
            .as_ref()
            .map_or("", |password| password.reveal().as_str());
        let expected = proof.expected(username, guess, request.method, request.body);
        let right = equal(expected.as_bytes(), proof.response.reveal().as_bytes());
        if password.is_none() || !right {
            return Err(Refusal::WrongPassword);
        }
        let used = match proof.qop {
            Some((_, count)) => self
                .nonces
                .consume(now, &self.config.realm, &proof.nonce, count),
            None => fresh,
        };
        match used {
            Ok(()) => Ok(Verified {
                username: proof.username.clone(),
                proof,
            }),
            Err(NonceFault::Forged) => Err(Refusal::ForgedNonce),
            Err(NonceFault::Replayed) => Err(Refusal::Replayed),
            Err(NonceFault::Stale) => Err(Refusal::StaleNonce),
        }
    }

    /// The `Authentication-Info` of the response to a verified request: proves to the client that this
    /// server knows the password. `body` is the response's.
    pub fn info(
        &self,
        verified: &Verified,
        password: &Pii<String>,
        body: &[u8],
        next_nonce: Option<&str>,
    ) -> Result<String, DigestError> {
        let proof = &verified.proof;
        let mut writer = Writer::new("");
        if let Some(next) = next_nonce {
            writer.quoted("nextnonce", next)?;
        }
        if let Some((qop, count)) = proof.qop {
            let rspauth =
                proof.expected_rspauth(verified.username.reveal(), password.reveal(), body);
            writer.token("qop", qop).quoted("rspauth", &rspauth)?;
            if let Some(cnonce) = &proof.cnonce {
                writer.quoted("cnonce", cnonce)?;
            }
            writer.token("nc", format_args!("{count:08x}"));
        }
        Ok(writer.finish())
    }

    fn check_terms(&self, proof: &Proof) -> Result<(), Refusal> {
        let algorithm = proof.algorithm.unwrap_or(Algorithm::MD5);
        let qop_fits = match proof.qop.map(|(qop, _)| qop) {
            Some(super::Qop::Auth) => self.config.qop.auth,
            Some(super::Qop::AuthInt) => self.config.qop.auth_int,
            None => self.config.qop == QopOffer::NONE,
        };
        if *proof.realm.reveal() == self.config.realm
            && self.config.algorithms.contains(&algorithm)
            && qop_fits
            && !proof.userhash
        {
            return Ok(());
        }
        Err(Refusal::NotWhatWasAsked)
    }
}
