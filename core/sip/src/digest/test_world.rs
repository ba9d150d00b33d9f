//! A client and a server, each with its own half of this module, for the stories of both.

use std::time::Instant;

use tandem_types::{Pii, SeededEntropy};

use super::*;

pub(super) const REGISTER: DigestRequest<'_> = DigestRequest {
    method: "REGISTER",
    uri: "sip:example.org",
    body: b"",
};
pub(super) const INVITE: DigestRequest<'_> = DigestRequest {
    method: "INVITE",
    uri: "sip:bob@example.org",
    body: b"v=0\r\n",
};

pub(super) struct Server {
    pub(super) verifier: Verifier,
    pub(super) entropy: SeededEntropy,
    pub(super) now: Instant,
}

impl Server {
    pub(super) fn new(config: VerifierConfig) -> Self {
        let mut entropy = SeededEntropy::new(42);
        // No clock is involved: any instant will do as the first.
        #[allow(clippy::disallowed_methods, reason = "the start of virtual time")]
        let now = Instant::now();
        Self {
            verifier: Verifier::new(config, now, &mut entropy),
            entropy,
            now,
        }
    }

    pub(super) fn challenges(&mut self, stale: bool) -> Vec<Challenge> {
        let challenges = self.verifier.challenges(self.now, stale, &mut self.entropy);
        let headers: Vec<String> = challenges.iter().map(|c| c.to_header().unwrap()).collect();
        Challenge::parse_all(headers.iter().map(String::as_str))
    }

    pub(super) fn judge(
        &mut self,
        header: &AuthHeader,
        request: &DigestRequest<'_>,
    ) -> Result<Verified, Refusal> {
        let password = |user: &str| (user == "alice").then(|| Pii::new("secret".to_owned()));
        self.verifier
            .verify(self.now, header.value.reveal(), request, password)
    }
}

pub(super) struct Client {
    pub(super) account: Authenticator,
    pub(super) entropy: SeededEntropy,
}

impl Client {
    pub(super) fn new(password: &str) -> Self {
        Self {
            account: Authenticator::new(Credentials::new("alice", password)),
            entropy: SeededEntropy::new(7),
        }
    }

    pub(super) fn answer(
        &mut self,
        chain: &mut AuthChain,
        challenger: Challenger,
        challenges: &[Challenge],
        request: &DigestRequest<'_>,
    ) -> Result<Vec<AuthHeader>, DigestError> {
        self.account
            .answer(chain, challenger, challenges, request, &mut self.entropy)
    }

    pub(super) fn preemptive(
        &mut self,
        chain: &mut AuthChain,
        request: &DigestRequest<'_>,
    ) -> Vec<AuthHeader> {
        self.account.preemptive(chain, request, &mut self.entropy)
    }
}

pub(super) fn every_config() -> Vec<VerifierConfig> {
    let mut configs = Vec::new();
    for hash in [Hash::Md5, Hash::Sha256, Hash::Sha512_256] {
        for session in [false, true] {
            for (auth, auth_int) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut config = VerifierConfig::new("example.org");
                config.algorithms = vec![Algorithm { hash, session }];
                config.qop = QopOffer { auth, auth_int };
                configs.push(config);
            }
        }
    }
    configs
}
