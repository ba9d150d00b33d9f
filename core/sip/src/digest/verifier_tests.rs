//! Stories of the server side.

use std::time::Duration;

use tandem_types::{Entropy, Pii, SeededEntropy};

use super::test_world::{Client, INVITE, REGISTER, Server};
use super::*;

#[test]
fn an_old_nonce_is_replaced_without_asking_the_user() {
    let mut config = VerifierConfig::new("example.org");
    config.nonce_lifetime = Duration::from_secs(30);
    let mut server = Server::new(config);
    let mut client = Client::new("secret");
    let challenges = server.challenges(false);
    client
        .answer(
            &mut AuthChain::default(),
            Challenger::Server,
            &challenges,
            &REGISTER,
        )
        .unwrap();

    server.now += Duration::from_secs(31);
    let mut chain = AuthChain::default();
    let headers = client.preemptive(&mut chain, &INVITE);
    let refusal = server.judge(&headers[0], &INVITE).unwrap_err();
    assert_eq!(refusal, Refusal::StaleNonce);
    let challenges = server.challenges(refusal.is_stale());
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &INVITE)
        .unwrap();
    server.judge(&headers[0], &INVITE).unwrap();
}

#[test]
fn a_server_that_proves_itself_is_believed_and_its_next_nonce_used() {
    let mut server = Server::new(VerifierConfig::new("example.org"));
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let challenges = server.challenges(false);
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    let verified = server.judge(&headers[0], &REGISTER).unwrap();

    let next = server.challenges(false)[0].nonce.clone();
    let password = Pii::new("secret".to_owned());
    let info = server
        .verifier
        .info(&verified, &password, b"", Some(&next))
        .unwrap();
    client
        .account
        .handle_info(&chain, Challenger::Server, &info, b"")
        .unwrap();
    let headers = client.preemptive(&mut AuthChain::default(), &REGISTER);
    let proof = Proof::parse(headers[0].value.reveal()).unwrap();
    assert_eq!(
        (proof.nonce.as_str(), proof.qop),
        (next.as_str(), Some((Qop::Auth, 1)))
    );

    let liar = server
        .verifier
        .info(&verified, &Pii::new("guess".to_owned()), b"", None)
        .unwrap();
    let lied = client
        .account
        .handle_info(&chain, Challenger::Server, &liar, b"");
    assert_eq!(lied, Err(DigestError::ServerNotProven));
}

#[test]
fn a_stranger_without_password_is_no_known_user() {
    let mut server = Server::new(VerifierConfig::new("example.org"));
    let mut stranger = Client {
        account: Authenticator::new(Credentials::new("mallory", "")),
        entropy: SeededEntropy::new(1),
    };
    let mut chain = AuthChain::default();
    let challenges = server.challenges(false);
    let headers = stranger
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    assert_eq!(
        server.judge(&headers[0], &REGISTER),
        Err(Refusal::WrongPassword)
    );
}

#[test]
fn a_proof_works_once_for_its_own_request_only() {
    let mut server = Server::new(VerifierConfig::new("example.org"));
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let challenges = server.challenges(false);
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    assert_eq!(server.judge(&headers[0], &INVITE), Err(Refusal::WrongUri));
    let other = DigestRequest {
        method: "BYE",
        ..REGISTER
    };
    assert_eq!(
        server.judge(&headers[0], &other),
        Err(Refusal::WrongPassword)
    );
    server.judge(&headers[0], &REGISTER).unwrap();
    assert_eq!(server.judge(&headers[0], &REGISTER), Err(Refusal::Replayed));
    // A client that sent two at once may see them arrive in the other order.
    let early = client.preemptive(&mut AuthChain::default(), &REGISTER);
    let late = client.preemptive(&mut AuthChain::default(), &REGISTER);
    server.judge(&late[0], &REGISTER).unwrap();
    server.judge(&early[0], &REGISTER).unwrap();
}

#[test]
fn a_nonce_of_the_clients_own_making_is_refused() {
    let mut server = Server::new(VerifierConfig::new("example.org"));
    let mut client = Client::new("secret");
    let mut challenges = server.challenges(false);
    for challenge in &mut challenges {
        challenge.nonce.replace_range(..1, "f");
    }
    let mut chain = AuthChain::default();
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    assert_eq!(
        server.judge(&headers[0], &REGISTER),
        Err(Refusal::ForgedNonce)
    );
}

#[test]
fn a_body_changed_on_the_way_is_noticed_with_auth_int() {
    let mut config = VerifierConfig::new("example.org");
    config.qop = QopOffer {
        auth: false,
        auth_int: true,
    };
    let mut server = Server::new(config);
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let challenges = server.challenges(false);
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &INVITE)
        .unwrap();
    let changed = DigestRequest {
        body: b"v=0\r\nm=evil",
        ..INVITE
    };
    assert_eq!(
        server.judge(&headers[0], &changed),
        Err(Refusal::WrongPassword)
    );
    server.judge(&headers[0], &INVITE).unwrap();
}

#[test]
fn random_headers_never_panic() {
    let mut entropy = SeededEntropy::new(99);
    let alphabet = b"Digest realm=\"nonce, qop\\ auth-int;\r\n\t\xc3\xa4=,";
    for _ in 0..20_000 {
        let length = entropy.below(60);
        let bytes: Vec<u8> = (0..length)
            .map(|_| alphabet[usize::try_from(entropy.below(alphabet.len() as u64)).unwrap()])
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Challenge::parse(&text), Proof::parse(&text));
        let _ = Challenge::parse_all([text.as_ref()]);
    }
}
