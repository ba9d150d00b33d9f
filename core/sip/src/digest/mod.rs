//! Digest authentication for SIP (RFC 3261 §22, RFC 7616, RFC 8760, and RFC 2617 servers without `qop`).
//!
//! The client side is [`Authenticator`]: one per account, it remembers nonces by realm, so that the next
//! request can carry its proof at once. Each request that may be challenged has an [`AuthChain`], which
//! lives over its retries and turns a wrong password into [`DigestError::Rejected`] instead of a loop:
//!
//! ```
//! # use tandem_sip::digest::*; use tandem_types::SeededEntropy;
//! # let entropy = &mut SeededEntropy::new(1);
//! let mut account = Authenticator::new(Credentials::new("alice", "secret"));
//! let mut chain = AuthChain::default();
//! let register = DigestRequest { method: "REGISTER", uri: "sip:example.org", body: b"" };
//! // Nothing is known of the server yet, so the first request goes out bare …
//! assert!(account.preemptive(&mut chain, &register, entropy).is_empty());
//! // … and its 401 is answered. The retry carries exactly the returned headers.
//! let challenges = Challenge::parse_all([r#"Digest realm="example.org", nonce="abc", qop="auth""#]);
//! let headers = account.answer(&mut chain, Challenger::Server, &challenges, &register, entropy)?;
//! assert_eq!(headers[0].name, "Authorization");
//! // Challenged again, not because the nonce was old: the password is wrong.
//! let again = account.answer(&mut chain, Challenger::Server, &challenges, &register, entropy);
//! assert!(matches!(again, Err(DigestError::Rejected { .. })));
//! # Ok::<(), DigestError>(())
//! ```
//!
//! The server side is [`Verifier`], for a registrar on loopback and for tests.

mod algorithm;
mod authenticator;
#[cfg(test)]
mod authenticator_tests;
mod challenge;
mod credentials;
mod error;
mod nonces;
mod params;
mod proof;
#[cfg(test)]
mod test_world;
mod verifier;
#[cfg(test)]
mod verifier_tests;

pub use algorithm::{Algorithm, Hash};
pub use authenticator::{AuthChain, AuthHeader, Authenticator, Challenger};
pub use challenge::{Challenge, QopOffer};
pub use credentials::Credentials;
pub use error::DigestError;
pub use proof::{DigestRequest, Proof, Qop};
pub use verifier::{Refusal, Verified, Verifier, VerifierConfig};
