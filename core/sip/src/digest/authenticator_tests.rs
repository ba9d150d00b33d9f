//! Stories of the client side.

use tandem_types::{Pii, SeededEntropy};

use super::test_world::{Client, INVITE, REGISTER, Server, every_config};
use super::*;

#[test]
fn with_every_algorithm_and_qop_a_right_password_passes_and_is_remembered() {
    for config in every_config() {
        let terms = format!("{:?} {:?}", config.algorithms, config.qop);
        let mut server = Server::new(config);
        let mut client = Client::new("secret");
        let mut chain = AuthChain::default();
        assert_eq!(
            client.preemptive(&mut chain, &REGISTER),
            [],
            "nothing is known yet"
        );
        let challenges = server.challenges(false);
        let headers = client
            .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
            .unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(
            server
                .judge(&headers[0], &REGISTER)
                .unwrap()
                .username
                .reveal(),
            "alice"
        );

        for _ in 0..3 {
            let headers = client.preemptive(&mut AuthChain::default(), &INVITE);
            assert_eq!(headers.len(), 1, "{terms}");
            server
                .judge(&headers[0], &INVITE)
                .unwrap_or_else(|e| panic!("{terms}: {e}"));
        }
    }
}

#[test]
fn with_every_algorithm_and_qop_a_wrong_password_is_refused_once_and_for_all() {
    for config in every_config() {
        let mut server = Server::new(config);
        let mut client = Client::new("guess");
        let mut chain = AuthChain::default();
        let challenges = server.challenges(false);
        let headers = client
            .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
            .unwrap();
        assert_eq!(
            server.judge(&headers[0], &REGISTER),
            Err(Refusal::WrongPassword)
        );
        let challenges = server.challenges(false);
        let error = client.answer(&mut chain, Challenger::Server, &challenges, &REGISTER);
        assert_eq!(
            error,
            Err(DigestError::Rejected {
                realm: Pii::new("example.org".to_owned())
            })
        );
        // The next request does not repeat the mistake unasked.
        assert_eq!(client.preemptive(&mut AuthChain::default(), &REGISTER), []);
    }
}

#[test]
fn each_use_of_a_nonce_counts_up_in_eight_hex_digits_with_a_fresh_cnonce() {
    let mut client = Client::new("secret");
    let challenges = Challenge::parse_all([r#"Digest realm="r", nonce="n", qop="auth""#]);
    let mut chain = AuthChain::default();
    client
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    let mut cnonces = Vec::new();
    for use_count in 2..=17_u32 {
        let headers = client.preemptive(&mut AuthChain::default(), &REGISTER);
        let value = headers[0].value.reveal();
        assert!(
            value.contains(&format!("qop=auth, nc={use_count:08x}")),
            "{value}"
        );
        cnonces.push(Proof::parse(value).unwrap().cnonce);
    }
    let seen = cnonces.len();
    cnonces.sort();
    cnonces.dedup();
    assert_eq!(cnonces.len(), seen, "a client nonce came twice");
}

#[test]
fn a_session_key_keeps_its_first_cnonce_as_long_as_its_nonce() {
    let mut client = Client::new("secret");
    let of = |nonce: &str| {
        let text =
            format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5-sess");
        Challenge::parse_all([text.as_str()])
    };
    let cnonce = |headers: Vec<AuthHeader>| {
        Proof::parse(headers[0].value.reveal())
            .unwrap()
            .cnonce
            .unwrap()
    };
    let mut chain = AuthChain::default();
    let first = client
        .answer(&mut chain, Challenger::Server, &of("n"), &REGISTER)
        .unwrap();
    let second = client.preemptive(&mut AuthChain::default(), &REGISTER);
    let mut chain = AuthChain::default();
    let third = client
        .answer(&mut chain, Challenger::Server, &of("m"), &REGISTER)
        .unwrap();
    let (first, second, third) = (cnonce(first), cnonce(second), cnonce(third));
    assert_eq!(first, second);
    assert_ne!(first, third);
}

#[test]
fn a_server_that_forgets_to_say_stale_still_gets_one_fresh_proof_for_a_remembered_nonce() {
    let mut client = Client::new("secret");
    let of = |nonce: &str| {
        let text = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"");
        Challenge::parse_all([text.as_str()])
    };
    let mut chain = AuthChain::default();
    client
        .answer(&mut chain, Challenger::Proxy, &of("a"), &INVITE)
        .unwrap();

    let mut chain = AuthChain::default();
    assert_eq!(client.preemptive(&mut chain, &INVITE).len(), 1);
    client
        .answer(&mut chain, Challenger::Proxy, &of("b"), &INVITE)
        .unwrap();
    let again = client.answer(&mut chain, Challenger::Proxy, &of("c"), &INVITE);
    assert!(
        matches!(again, Err(DigestError::Rejected { .. })),
        "{again:?}"
    );
}

#[test]
fn a_server_that_calls_everything_stale_is_given_up() {
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let mut rounds = 0;
    let error = loop {
        let text = format!("Digest realm=\"r\", nonce=\"{rounds}\", qop=\"auth\", stale=true");
        let challenges = Challenge::parse_all([text.as_str()]);
        match client.answer(&mut chain, Challenger::Server, &challenges, &REGISTER) {
            Ok(_) => rounds += 1,
            Err(error) => break error,
        }
        assert!(rounds < 20, "never gives up");
    };
    assert_eq!((error, rounds), (DigestError::StaleLoop, 3));
}

#[test]
fn a_path_that_invents_new_realms_is_given_up() {
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let mut rounds = 0;
    let error = loop {
        let text = format!("Digest realm=\"{rounds}\", nonce=\"n\", qop=\"auth\"");
        let challenges = Challenge::parse_all([text.as_str()]);
        match client.answer(&mut chain, Challenger::Proxy, &challenges, &INVITE) {
            Ok(_) => rounds += 1,
            Err(error) => break error,
        }
        assert!(rounds < 20, "never gives up");
    };
    assert_eq!(error, DigestError::TooManyRounds);
}

#[test]
fn a_proxy_and_the_server_behind_it_are_both_satisfied_by_one_request() {
    let mut proxy = Server::new(VerifierConfig::new("example.org"));
    let mut server = Server::new(VerifierConfig::new("example.org"));
    let mut client = Client::new("secret");
    let mut chain = AuthChain::default();
    let challenges = proxy.challenges(false);
    let headers = client
        .answer(&mut chain, Challenger::Proxy, &challenges, &INVITE)
        .unwrap();
    assert_eq!(
        headers.iter().map(|h| h.name).collect::<Vec<_>>(),
        ["Proxy-Authorization"]
    );
    proxy.judge(&headers[0], &INVITE).unwrap();

    // Same realm, another space: the 401 is no refusal of what the proxy took.
    let challenges = server.challenges(false);
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &INVITE)
        .unwrap();
    assert_eq!(
        headers.iter().map(|h| h.name).collect::<Vec<_>>(),
        ["Proxy-Authorization", "Authorization"]
    );
    proxy.judge(&headers[0], &INVITE).unwrap();
    server.judge(&headers[1], &INVITE).unwrap();
}

#[test]
fn of_several_challenges_the_strongest_known_is_answered_and_once() {
    let md5 = r#"Digest realm="r", nonce="m", qop="auth", algorithm=MD5"#;
    let sha = r#"Digest realm="r", nonce="s", qop="auth", algorithm=SHA-256"#;
    let sha512 = r#"Digest realm="r", nonce="t", qop="auth", algorithm=SHA-512-256"#;
    let future = r#"Digest realm="r", nonce="f", qop="auth", algorithm=SHA3-512"#;
    let basic = r#"Basic realm="r""#;
    let joined = format!("{md5}, {future}, {sha}");
    let answered = |headers: &[&str]| {
        let challenges = Challenge::parse_all(headers.iter().copied());
        let mut client = Client::new("secret");
        let mut chain = AuthChain::default();
        let headers = client.answer(&mut chain, Challenger::Server, &challenges, &REGISTER)?;
        let nonces: Vec<String> = headers
            .iter()
            .map(|h| Proof::parse(h.value.reveal()).unwrap().nonce)
            .collect();
        Ok::<_, DigestError>(nonces.join(" "))
    };
    assert_eq!(answered(&[md5, sha]).as_deref(), Ok("s"));
    assert_eq!(answered(&[basic, future, md5]).as_deref(), Ok("m"));
    assert_eq!(answered(&[&joined]).as_deref(), Ok("s"));
    assert_eq!(
        answered(&[md5, md5]).as_deref(),
        Ok("m"),
        "the same challenge twice"
    );
    assert_eq!(
        answered(&[sha512, sha, md5]).as_deref(),
        Ok("t"),
        "the topmost of equals"
    );
    assert_eq!(
        answered(&[sha, sha512, md5]).as_deref(),
        Ok("s"),
        "the topmost of equals"
    );
    assert_eq!(
        answered(&[basic, future]),
        Err(DigestError::NoUsableChallenge)
    );
    assert_eq!(answered(&[]), Err(DigestError::NoUsableChallenge));
    assert_eq!(
        answered(&["Digest realm=\"broken", md5]).as_deref(),
        Ok("m")
    );
}

#[test]
fn credentials_for_one_realm_are_not_shown_to_another() {
    let credentials = Credentials::new("alice", "secret").for_realm("example.org");
    let mut account = Authenticator::new(credentials);
    let stranger = Challenge::parse_all([r#"Digest realm="evil.example", nonce="n""#]);
    let mut chain = AuthChain::default();
    let entropy = &mut SeededEntropy::new(1);
    let answer = account.answer(&mut chain, Challenger::Server, &stranger, &INVITE, entropy);
    assert_eq!(answer, Err(DigestError::ForeignRealm));
}

#[test]
fn with_session_keys_a_next_nonce_means_a_new_challenge() {
    let mut client = Client::new("secret");
    let challenges =
        Challenge::parse_all([r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess"#]);
    let mut chain = AuthChain::default();
    client
        .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
        .unwrap();
    client
        .account
        .handle_info(&chain, Challenger::Server, r#"nextnonce="m""#, b"")
        .unwrap();
    assert_eq!(client.preemptive(&mut AuthChain::default(), &REGISTER), []);
}

#[test]
fn nothing_can_be_smuggled_into_a_header() {
    let challenges = Challenge::parse_all([r#"Digest realm="r", nonce="n", qop="auth""#]);
    let entropy = &mut SeededEntropy::new(3);
    let mut account = Authenticator::new(Credentials::new("a\r\nX: y", "secret"));
    let mut chain = AuthChain::default();
    let answer = account.answer(
        &mut chain,
        Challenger::Server,
        &challenges,
        &REGISTER,
        entropy,
    );
    assert_eq!(answer, Err(DigestError::UnsafeValue));
    let mut client = Client::new("secret");
    let request = DigestRequest {
        uri: "sip:a\r\nX: y",
        ..REGISTER
    };
    let answer = client.answer(
        &mut AuthChain::default(),
        Challenger::Server,
        &challenges,
        &request,
    );
    assert_eq!(answer, Err(DigestError::UnsafeValue));

    let mut client = Client {
        account: Authenticator::new(Credentials::new("a\"b\\", "s")),
        ..client
    };
    let headers = client
        .answer(
            &mut AuthChain::default(),
            Challenger::Server,
            &challenges,
            &REGISTER,
        )
        .unwrap();
    assert!(
        headers[0]
            .value
            .reveal()
            .starts_with(r#"Digest username="a\"b\\", realm="r""#)
    );
}

#[test]
fn the_realms_remembered_are_bounded_and_the_longest_unused_goes() {
    let mut client = Client::new("secret");
    for realm in 0..40_u32 {
        let text = format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\"");
        let challenges = Challenge::parse_all([text.as_str()]);
        let mut chain = AuthChain::default();
        client
            .answer(&mut chain, Challenger::Server, &challenges, &REGISTER)
            .unwrap();
    }
    let headers = client.preemptive(&mut AuthChain::default(), &REGISTER);
    let mut realms: Vec<u32> = headers
        .iter()
        .map(|h| {
            Proof::parse(h.value.reveal())
                .unwrap()
                .realm
                .reveal()
                .parse()
                .unwrap()
        })
        .collect();
    realms.sort_unstable();
    assert_eq!(realms, (32..40).collect::<Vec<_>>());
}

#[test]
fn no_debug_output_shows_who_or_the_password() {
    let mut client = Client::new("hunter2");
    let challenges = Challenge::parse_all([r#"Digest realm="example.org", nonce="n", qop="auth""#]);
    let mut chain = AuthChain::default();
    let headers = client
        .answer(&mut chain, Challenger::Server, &challenges, &INVITE)
        .unwrap();
    let shown = format!("{:?} {chain:?} {headers:?}", client.account);
    for secret in ["hunter2", "alice", "bob@", "example.org"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
