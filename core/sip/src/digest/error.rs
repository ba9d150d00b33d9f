//! Why a challenge could not be answered.

use tandem_types::Pii;

/// Why a challenge could not be read or answered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// A challenge or header is larger than any sensible server writes.
    #[error("the authentication header is too long")]
    TooLong,
    /// The header does not follow RFC 7616 §3.3–3.5.
    #[error("malformed authentication header: {0}")]
    Malformed(&'static str),
    /// The challenge is of a scheme other than Digest, such as Basic or Bearer.
    #[error("the authentication scheme is not supported")]
    UnsupportedScheme,
    /// No challenge has an algorithm and `qop` that this side knows.
    #[error("no challenge can be answered: unknown scheme, algorithm or quality of protection")]
    NoUsableChallenge,
    /// The credentials are for other realms than those that asked.
    #[error("the account's credentials are not for the realm that asked")]
    ForeignRealm,
    /// The server looked at fresh proof and refused it: the name or password is wrong.
    #[error("the name or password was refused")]
    Rejected {
        /// The realm that refused.
        realm: Pii<String>,
    },
    /// The server kept calling every nonce stale.
    #[error("the server called every nonce stale")]
    StaleLoop,
    /// More rounds of challenges than any path of servers needs.
    #[error("challenged too often for one request")]
    TooManyRounds,
    /// The method, URI, name or password holds a character that no header may carry.
    #[error("a value of the request cannot be written into a header")]
    UnsafeValue,
    /// `Authentication-Info` does not prove that the server knows the password.
    #[error("the server did not prove that it knows the password")]
    ServerNotProven,
}
