use super::super::{Contacts, HeaderError, HeaderFault, Headers, SyntaxError, name};

fn headers(lines: &[(&'static str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name, value);
    }
    headers
}

#[test]
fn lists_are_read_over_all_lines_and_commas_in_quotes_stay() {
    let headers = headers(&[
        (
            "m",
            "\"Bell, A.\" <sip:a,b@example.org>;q=0.7, <sip:c@example.org>",
        ),
        ("Contact", "sip:d@example.org;expires=60"),
        (
            "v",
            "SIP/2.0/UDP one;branch=z9hG4bK1, SIP/2.0/TCP two;branch=z9hG4bK2",
        ),
        ("Via", "SIP/2.0/TLS three;branch=z9hG4bK3"),
        ("Allow", "INVITE, NEWMETHOD,, BYE"),
        ("k", "100rel , timer"),
    ]);
    let contacts = headers.contacts().unwrap().into_list();
    let shown: Vec<_> = contacts
        .iter()
        .map(|contact| contact.uri.to_string())
        .collect();
    assert_eq!(
        shown,
        [
            "sip:a,b@example.org",
            "sip:c@example.org",
            "sip:d@example.org"
        ]
    );
    assert_eq!(contacts[0].display.as_deref(), Some("Bell, A."));
    assert_eq!(contacts[2].expires(), Some(60));

    assert_eq!(headers.via().unwrap().branch(), Some("z9hG4bK1"));
    let vias = headers.vias().unwrap();
    assert_eq!(vias.iter().filter_map(|via| via.branch()).count(), 3);
    assert_eq!(headers.allow().unwrap().unwrap().len(), 3);
    assert_eq!(headers.supported().unwrap(), ["100rel", "timer"]);
    assert_eq!(headers.require().unwrap(), [""; 0]);
}

#[test]
fn a_star_is_every_contact_only_when_it_stands_alone() {
    assert_eq!(headers(&[("Contact", "*")]).contacts(), Ok(Contacts::All));
    assert!(headers(&[("Contact", "*, <sip:a@b>")]).contacts().is_err());
    assert_eq!(headers(&[]).contacts(), Ok(Contacts::List(Vec::new())));
}

#[test]
fn what_may_stand_once_is_refused_twice_and_missing_is_told_from_broken() {
    let twice = headers(&[("From", "<sip:a@b>;tag=1"), ("f", "<sip:c@d>;tag=2")]);
    let fault = HeaderFault::Repeated;
    assert_eq!(
        twice.from(),
        Err(HeaderError {
            name: name::FROM,
            fault
        })
    );
    assert_eq!(
        twice.to(),
        Err(HeaderError {
            name: name::TO,
            fault: HeaderFault::Missing
        })
    );
    let broken = headers(&[
        ("CSeq", "x INVITE"),
        ("Max-Forwards", "256"),
        ("Expires", "-1"),
    ]);
    let number = HeaderFault::Syntax(SyntaxError::BadNumber);
    assert_eq!(
        broken.cseq(),
        Err(HeaderError {
            name: name::CSEQ,
            fault: number
        })
    );
    assert_eq!(
        broken.max_forwards().map_err(|error| error.fault),
        Err(number)
    );
    assert_eq!(broken.expires().map_err(|error| error.fault), Err(number));
    assert_eq!(broken.retry_after(), Ok(None));
}

#[test]
fn content_lengths_may_repeat_but_not_disagree() {
    assert_eq!(
        headers(&[("l", "7"), ("Content-Length", " 007")]).content_length(),
        Ok(Some(7))
    );
    assert!(
        headers(&[("l", "7"), ("Content-Length", "8")])
            .content_length()
            .is_err()
    );
    for bad in ["-1", "+1", "1 2", "", "0x1", "99999999999999999999"] {
        assert!(headers(&[("l", bad)]).content_length().is_err(), "{bad}");
    }
}

#[test]
fn challenges_come_one_by_one_however_they_were_packed() {
    let packed = headers(&[
        (
            "WWW-Authenticate",
            "Digest realm=\"a, b\", nonce = \"1\", qop=\"auth,auth-int\", Basic realm=\"c\"",
        ),
        (
            "WWW-Authenticate",
            "Digest realm=\"a, b\",algorithm=SHA-256,nonce=\"2\"",
        ),
        ("WWW-Authenticate", "Negotiate"),
    ]);
    assert_eq!(
        packed.www_authenticate(),
        [
            "Digest realm=\"a, b\", nonce = \"1\", qop=\"auth,auth-int\"",
            "Basic realm=\"c\"",
            "Digest realm=\"a, b\", algorithm=SHA-256, nonce=\"2\"",
            "Negotiate",
        ]
    );
    assert_eq!(packed.proxy_authenticate(), [""; 0]);
}

#[test]
fn the_reason_that_matters_is_the_sip_one() {
    let both = headers(&[(
        "Reason",
        "Q.850;cause=16;text=\"Normal, clearing\", SIP;cause=200;text=\"Call completed elsewhere\"",
    )]);
    assert_eq!(both.reasons().unwrap().len(), 2);
    let reason = both.reason().unwrap();
    assert_eq!(
        (reason.protocol.as_str(), reason.cause()),
        ("SIP", Some(200))
    );
    assert_eq!(headers(&[("Reason", ";;")]).reason(), None);
}

#[test]
fn a_proxy_stamps_and_pops_single_values() {
    let mut headers = headers(&[
        ("Via", "SIP/2.0/UDP a;x=\"1,2\", SIP/2.0/UDP b"),
        ("Route", "<sip:p;lr>"),
    ]);
    let mut via = headers.via().unwrap();
    via.stamp("192.0.2.1:9".parse().unwrap());
    assert!(headers.replace_first_value(name::VIA, &via.to_string()));
    assert_eq!(
        headers.text("Via").as_deref(),
        Some("SIP/2.0/UDP a;x=\"1,2\";received=192.0.2.1, SIP/2.0/UDP b")
    );
    assert!(headers.remove_first_value(name::VIA));
    assert_eq!(headers.text("Via").as_deref(), Some("SIP/2.0/UDP b"));
    assert!(headers.remove_first_value(name::ROUTE));
    assert!(!headers.contains(name::ROUTE));
    assert!(!headers.remove_first_value(name::ROUTE));
}

#[test]
fn editing_keeps_places_and_reports_what_went() {
    let mut headers = headers(&[("Via", "b"), ("X", "1"), ("Y", "2"), ("x", "3")]);
    headers.insert_front("Via", "a");
    headers.set("X", "4");
    let shown: Vec<_> = headers
        .iter()
        .map(|header| (header.name(), header.text()))
        .collect();
    let expected = [("Via", "a"), ("Via", "b"), ("X", "4"), ("Y", "2")];
    assert_eq!(shown, expected.map(|(name, text)| (name, text.into())));
    assert_eq!(headers.remove("v"), 2);
    assert!(headers.try_push("Bad Name", "x").is_err());
    assert!(headers.try_push("X-Good", "a\rb").is_err());
}
