//! Digest authentication: what a server asks, and what a client answers it with.

use tandem_sip::digest::{
    AuthChain, Authenticator, Challenge, Challenger, Credentials, DigestRequest, Proof,
};
use tandem_types::SeededEntropy;

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "digest",
    about: "challenges and proofs: read, printed, read again, answered",
    seeds: &[],
    dictionary: Some("sip"),
    longest: 1024,
    budget: Budget {
        memory: (64 << 10, 64),
        work: (256 << 10, 1024),
    },
    check,
};

/// Header values, a line each; all are challenges of one response, and each may be a proof.
fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for line in text.lines() {
        if let Ok(challenge) = Challenge::parse(line)
            && let Ok(printed) = challenge.to_header()
        {
            assert_eq!(
                Challenge::parse(&printed).as_ref(),
                Ok(&challenge),
                "printed as {printed:?}"
            );
        }
        if let Ok(proof) = Proof::parse(line)
            && let Ok(printed) = proof.to_header()
        {
            assert_eq!(
                Proof::parse(&printed).as_ref(),
                Ok(&proof),
                "printed as {printed:?}"
            );
        }
    }
    let challenges = Challenge::parse_all(text.lines());
    let request = DigestRequest {
        method: "REGISTER",
        uri: "sip:example.org",
        body: b"",
    };
    let mut entropy = SeededEntropy::new(1);
    let mut account = Authenticator::new(Credentials::new("alice", "secret"));
    let mut chain = AuthChain::default();
    let answer = account.answer(
        &mut chain,
        Challenger::Server,
        &challenges,
        &request,
        &mut entropy,
    );
    for header in answer.into_iter().flatten() {
        Proof::parse(header.value.reveal()).expect("our own proof can be read");
        assert!(
            header.value.reveal().len() <= 2 * text.len() + 512,
            "a proof of {} bytes",
            header.value.reveal().len()
        );
    }
}
