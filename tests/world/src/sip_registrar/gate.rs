//! Who may do what: digest challenges and their check.

use std::time::Instant;

use tandem_sip::digest::{DigestRequest, Refusal, Verifier, VerifierConfig};
use tandem_sip::message::{Request, Response, StatusCode, name};
use tandem_types::{Entropy, Pii};

use super::config::Config;

/// Which pair of headers a challenge uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// 401: the server itself.
    Server,
    /// 407: a proxy on the way.
    Proxy,
}

/// The guard.
#[derive(Debug)]
pub(super) struct Gate {
    verifier: Verifier,
}

impl Gate {
    pub fn new(config: &Config, now: Instant, entropy: &mut dyn Entropy) -> Self {
        let mut verifier = VerifierConfig::new(config.realm.clone());
        verifier.algorithms.clone_from(&config.algorithms);
        verifier.nonce_lifetime = config.nonce_lifetime;
        Self {
            verifier: Verifier::new(verifier, now, entropy),
        }
    }

    /// The user whose password the request proves, or the response to send instead.
    pub fn check(
        &mut self,
        now: Instant,
        side: Side,
        request: &Request,
        config: &Config,
        entropy: &mut dyn Entropy,
    ) -> Result<String, Box<Response>> {
        let uri = request.uri.to_string();
        let method = request.method.as_str();
        let checked = DigestRequest {
            method,
            uri: &uri,
            body: &request.body,
        };
        let proofs = match side {
            Side::Server => request.headers.authorization(),
            Side::Proxy => request.headers.proxy_authorization(),
        };
        let password_of = |name: &str| {
            config
                .user(name)
                .map(|user| Pii::new(user.password.clone()))
        };
        let mut stale = false;
        for proof in proofs {
            match self.verifier.verify(now, &proof, &checked, password_of) {
                Ok(verified) => return Ok(verified.username.into_inner()),
                Err(Refusal::Malformed(_) | Refusal::WrongUri) => {
                    return Err(Box::new(Response::answer(request, StatusCode::BAD_REQUEST)));
                }
                // A nonce from before a restart of the server is no fault of the user's.
                Err(Refusal::ForgedNonce) => stale = true,
                Err(refusal) => stale |= refusal.is_stale(),
            }
        }
        Err(Box::new(self.challenge(now, side, request, stale, entropy)))
    }

    fn challenge(
        &self,
        now: Instant,
        side: Side,
        request: &Request,
        stale: bool,
        entropy: &mut dyn Entropy,
    ) -> Response {
        let (status, header) = match side {
            Side::Server => (StatusCode::UNAUTHORIZED, name::WWW_AUTHENTICATE),
            Side::Proxy => (
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
                name::PROXY_AUTHENTICATE,
            ),
        };
        let mut response = Response::answer(request, status);
        for challenge in self.verifier.challenges(now, stale, entropy) {
            let value = challenge
                .to_header()
                .expect("the realm of the configuration is plain text");
            response.headers.push(header, value);
        }
        response
    }
}
