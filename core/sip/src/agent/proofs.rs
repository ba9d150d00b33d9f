//! Whom the account proves itself to (RFC 3261 §22, RFC 7616).
//!
//! Anybody who is called may challenge, and a proof is enough to try passwords against. So calls only answer
//! realms that are the account's own: those its registrar challenged with, those named like its servers, or,
//! where the registrar lets everybody in, the first one that asked. And what proves a REGISTER is not sent
//! with a call: a proxy that does not consume it would hand it on to whoever is called.

use tandem_types::{Entropy, Pii};

use super::AgentConfig;
use crate::digest::{
    AuthChain, AuthHeader, Authenticator, Challenge, Challenger, DigestError, DigestRequest,
};
use crate::message::{Method, Request, Response, Uri};

/// Realms remembered as the account's own.
const MAX_REALMS: usize = 8;

pub(super) struct Proofs {
    registration: Authenticator,
    calls: Authenticator,
    /// Hosts of the account and its servers, in lower case.
    hosts: Vec<String>,
    /// Realms that were answered before.
    realms: Vec<Pii<String>>,
}

impl Proofs {
    /// `None` for an account without credentials.
    pub(super) fn new(config: &AgentConfig) -> Option<Self> {
        let credentials = config.credentials.clone()?;
        let servers = [Some(&config.aor), config.registrar.as_ref()];
        let uris = servers.into_iter().chain([config.outbound_proxy.as_ref()]);
        let hosts = uris.flatten().filter_map(Uri::as_sip);
        Some(Self {
            registration: Authenticator::new(credentials.clone()),
            calls: Authenticator::new(credentials),
            hosts: hosts
                .map(|uri| uri.host().to_string().to_ascii_lowercase())
                .collect(),
            realms: Vec::new(),
        })
    }

    /// Proofs for every realm that challenged such a request before.
    pub(super) fn preemptive(
        &mut self,
        request: &Request,
        chain: &mut AuthChain,
        entropy: &mut dyn Entropy,
    ) -> Vec<AuthHeader> {
        let uri = request.uri.to_string();
        self.of(&request.method)
            .preemptive(chain, &proven(request, &uri), entropy)
    }

    /// The proofs a challenged request carries when it is sent again.
    pub(super) fn answer(
        &mut self,
        request: &Request,
        chain: &mut AuthChain,
        response: &Response,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<AuthHeader>, DigestError> {
        let challenger = Challenger::of_status(response.status.code());
        let challenger = challenger.ok_or(DigestError::NoUsableChallenge)?;
        let values = match challenger {
            Challenger::Server => response.headers.www_authenticate(),
            Challenger::Proxy => response.headers.proxy_authenticate(),
        };
        let mut challenges = Challenge::parse_all(values.iter().map(String::as_str));
        let is_register = request.method == Method::REGISTER;
        let asked = !challenges.is_empty();
        challenges.retain(|challenge| is_register || self.is_own(challenge.realm.reveal()));
        if asked && challenges.is_empty() {
            return Err(DigestError::ForeignRealm);
        }
        let uri = request.uri.to_string();
        let request_proven = proven(request, &uri);
        let headers = self.of(&request.method).answer(
            chain,
            challenger,
            &challenges,
            &request_proven,
            entropy,
        )?;
        for challenge in challenges {
            if self.realms.len() < MAX_REALMS && !self.realms.contains(&challenge.realm) {
                self.realms.push(challenge.realm);
            }
        }
        Ok(headers)
    }

    /// Takes what a 2xx says of the next nonce (RFC 7616 §3.5). A server that proves itself wrongly has
    /// accepted the request all the same: then the nonces are forgotten, and it is asked anew.
    pub(super) fn take_info(&mut self, chain: &AuthChain, response: &Response) {
        let Ok(cseq) = response.headers.cseq() else {
            return;
        };
        let authenticator = self.of(&cseq.method);
        for challenger in [Challenger::Server, Challenger::Proxy] {
            if let Some(value) = response.headers.text(challenger.info_header())
                && authenticator
                    .handle_info(chain, challenger, &value, &response.body)
                    .is_err()
            {
                authenticator.forget();
            }
        }
    }

    fn of(&mut self, method: &Method) -> &mut Authenticator {
        if *method == Method::REGISTER {
            &mut self.registration
        } else {
            &mut self.calls
        }
    }

    fn is_own(&self, realm: &str) -> bool {
        let named = realm.to_ascii_lowercase();
        let related =
            |host: &String| *host == named || is_below(host, &named) || is_below(&named, host);
        self.realms.is_empty()
            || self.realms.iter().any(|known| known.reveal() == realm)
            || self.hosts.iter().any(related)
    }
}

/// Whether `name` is a domain under `domain`, which must be more than a top-level one.
fn is_below(name: &str, domain: &str) -> bool {
    let rest = name.strip_suffix(domain);
    domain.contains('.') && rest.is_some_and(|rest| rest.ends_with('.'))
}

fn proven<'a>(request: &'a Request, uri: &'a str) -> DigestRequest<'a> {
    DigestRequest {
        method: request.method.as_str(),
        uri,
        body: &request.body,
    }
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn only_real_domains_have_others_below_them() {
        assert!(is_below("sip.example.org", "example.org"));
        assert!(!is_below("example.org", "org"));
        assert!(!is_below("myexample.org", "example.org"));
        assert!(!is_below("example.org", "example.org"));
    }
}
