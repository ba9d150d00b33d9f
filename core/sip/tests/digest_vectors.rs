//! Proofs against the published examples: what these say is what every other implementation computes.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use tandem_sip::digest::{Challenge, Credentials, DigestRequest, Proof};

/// The response to `challenge` with the client nonce of the example and the nonce's first use.
fn response(
    challenge: &str,
    (username, password): (&str, &str),
    (method, uri, body): (&str, &str, &str),
    cnonce: &str,
) -> String {
    let challenge = Challenge::parse(challenge).unwrap();
    let credentials = Credentials::new(username, password);
    let request = DigestRequest {
        method,
        uri,
        body: body.as_bytes(),
    };
    let proof = Proof::compute(&challenge, &credentials, &request, cnonce, 1);
    // What goes over the wire must carry all that the other side computes with.
    assert_eq!(Proof::parse(&proof.to_header().unwrap()).unwrap(), proof);
    proof.response.into_inner()
}

#[test]
fn rfc_2069_with_erratum_749_no_qop() {
    let challenge = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let user = ("Mufasa", "CircleOfLife");
    assert_eq!(
        response(challenge, user, ("GET", "/dir/index.html", ""), "unused"),
        "1949323746fe6a43ef61f9606e7febea"
    );
}

#[test]
fn rfc_2617_section_3_5() {
    let challenge = r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let user = ("Mufasa", "Circle Of Life");
    assert_eq!(
        response(challenge, user, ("GET", "/dir/index.html", ""), "0a4f113b"),
        "6629fae49393a05397450978507c4ef1"
    );
}

#[test]
fn rfc_7616_section_3_9_1_both_challenges() {
    let user = ("Mufasa", "Circle of Life");
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let challenge = format!(
            r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm},
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        );
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let request = ("GET", "/dir/index.html", "");
        assert_eq!(
            response(&challenge, user, request, cnonce),
            expected,
            "{algorithm}"
        );
    }
}

/// The figures of the RFC's own text came from a draft of SHA-512/256 (truncated SHA-512); erratum 4897
/// has those of the real one.
#[test]
fn rfc_7616_section_3_9_2_with_erratum_4897() {
    let challenge = Challenge::parse(
        r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,
        nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#,
    )
    .unwrap();
    let credentials = Credentials::new("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
    let request = DigestRequest {
        method: "GET",
        uri: "/doe.json",
        body: b"",
    };
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let proof = Proof::compute(&challenge, &credentials, &request, cnonce, 1);
    assert_eq!(
        proof.username.reveal(),
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    );
    assert_eq!(
        proof.response.reveal(),
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    );
    assert!(proof.to_header().unwrap().contains("userhash=true"));
}

/// draft-smith-sipping-auth-examples-01 §3: SIP requests, session keys and a hashed body. Its four
/// MD5 cases, then the same with the hashes RFC 8760 added, computed by a second program (OpenSSL's hashes).
#[test]
fn sip_examples_of_every_algorithm_and_quality_of_protection() {
    let body = "v=0\r\n\
        o=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\n\
        s=-\r\n\
        c=IN IP4 media.biloxi.com\r\n\
        t=0 0\r\n\
        m=audio 49170 RTP/AVP 0\r\n\
        a=rtpmap:0 PCMU/8000\r\n\
        m=video 51372 RTP/AVP 31\r\n\
        a=rtpmap:31 H261/90000\r\n\
        m=video 53000 RTP/AVP 32\r\n\
        a=rtpmap:32 MPV/90000\r\n";
    let cases = [
        ("", "", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        ("MD5", "auth", "89eb0059246c02b2f6ee02c7961d5ea3"),
        ("MD5-sess", "auth", "e4e4ea61d186d07a92c9e1f6919902e9"),
        ("MD5", "auth-int", "bdbeebb2da6adb6bca02599c2239e192"),
        ("MD5-sess", "auth-int", "91984da2d8663716e91554859c22ca70"),
        (
            "SHA-256",
            "",
            "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca",
        ),
        (
            "SHA-256",
            "auth",
            "b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f",
        ),
        (
            "SHA-256",
            "auth-int",
            "c54fb1136ee077c9b9b31e2865b25b1326515c2b0ce1584c40f267672401d647",
        ),
        (
            "SHA-256-sess",
            "",
            "2ceb74b5bf787a27f00a80b94f397228de1a9bab1c3c56b7c6f984cf9f3ffdf7",
        ),
        (
            "SHA-256-sess",
            "auth",
            "5da59c9ca40954be9d5063a15a174066c8251be2c10cf47c144c366dc7daf792",
        ),
        (
            "SHA-256-sess",
            "auth-int",
            "9ab810cc06168ee4a9a3564bbab9cd95fcca15efde8c529c856174863d56813a",
        ),
        (
            "SHA-512-256",
            "",
            "9e960b3a01beb63f1ea5d45d43bd8a2178879d3c9ddbbdb0624187ca823c6eca",
        ),
        (
            "SHA-512-256",
            "auth",
            "7f1a09de0f19af0a1eac2b28d33e3f2fb89cca1ad8fb01bba5e1883b288bac14",
        ),
        (
            "SHA-512-256",
            "auth-int",
            "05fec0126aa34195c417d63037f4e226cc15fa737015ae0ce9a6fcf3d2ea4ed7",
        ),
        (
            "SHA-512-256-sess",
            "",
            "10f52db7e2818a98871fd94294a2593a22eeaf07e23dad0b2bb52694442db5dd",
        ),
        (
            "SHA-512-256-sess",
            "auth",
            "077d9677be83f41f162d1a4453dc163389919f81e5927391d972f477da767633",
        ),
        (
            "SHA-512-256-sess",
            "auth-int",
            "0692b157330f5c7c3d693b97b477a9dee5e29dbf8d09f4024df0b72fa8206d65",
        ),
    ];
    for (algorithm, qop, expected) in cases {
        let mut challenge = r#"Digest realm="biloxi.com",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
            opaque="5ccc069c403ebaf9f0171e9517f40e41""#
            .to_owned();
        if !algorithm.is_empty() {
            challenge.push_str(&format!(", algorithm={algorithm}"));
        }
        if !qop.is_empty() {
            challenge.push_str(&format!(", qop=\"{qop}\""));
        }
        let request = ("INVITE", "sip:bob@biloxi.com", body);
        assert_eq!(
            response(&challenge, ("bob", "zanzibar"), request, "0a4f113b"),
            expected,
            "algorithm {algorithm:?}, qop {qop:?}"
        );
    }
}
