use super::{Host, SipUri, SyntaxError, Uri};

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

#[test]
fn the_equivalent_uris_of_rfc_3261_19_1_4() {
    for (one, two) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtlanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        assert!(uri(one).equivalent(&uri(two)), "{one} {two}");
        assert!(uri(two).equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn the_different_uris_of_rfc_3261_19_1_4() {
    for (one, two) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        // The rules themselves, where the RFC gives no example.
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob@biloxi.com;user=ip", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;ttl=1", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;method=INVITE", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;maddr=224.0.1.75", "sip:bob@biloxi.com"),
        ("sip:bob:one@biloxi.com", "sip:bob:two@biloxi.com"),
        ("sip:a%3Bb@biloxi.com", "sip:a;b@biloxi.com"),
    ] {
        assert!(!uri(one).equivalent(&uri(two)), "{one} {two}");
        assert!(!uri(two).equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn parts_are_taken_apart_and_a_changed_part_is_printed() {
    let parsed =
        uri("SIP:user;x=%40:pw@Example.ORG:05060;Transport=TCP;lr;maddr=[::1]?Subject=a&X=b%20c");
    let sip = parsed.as_sip().unwrap();
    assert_eq!(sip.user(), Some("user;x=%40"));
    assert_eq!(sip.user_text().as_deref(), Some("user;x=@"));
    assert_eq!(sip.password(), Some("pw"));
    assert_eq!(
        (sip.host().to_string().as_str(), sip.port()),
        ("Example.ORG", Some(5060))
    );
    assert_eq!(sip.transport(), Some("TCP"));
    assert!(sip.lr());
    assert_eq!(sip.maddr().unwrap().to_string(), "[::1]");
    assert_eq!(
        sip.headers().collect::<Vec<_>>(),
        [("Subject", "a"), ("X", "b%20c")]
    );
    let changed = sip
        .clone()
        .without_headers()
        .with_parameter("transport", Some("udp"));
    assert_eq!(
        changed.to_string(),
        "sip:user;x=%40:pw@Example.ORG:5060;Transport=udp;lr;maddr=[::1]"
    );
    assert_eq!(
        changed
            .without_user()
            .with_port(None)
            .without_parameters()
            .to_string(),
        "sip:Example.ORG"
    );
}

#[test]
fn what_is_built_is_escaped_and_reads_back() {
    let host: Host = "[2001:db8::1]".parse().unwrap();
    let built = SipUri::new(host)
        .with_secure(true)
        .with_user("j. user@home\r\n")
        .with_port(Some(5061))
        .with_parameter("gr", Some("urn:uuid:1;2"))
        .with_parameter("ob", None);
    let text = "sips:j.%20user%40home%0D%0A@[2001:db8::1]:5061;gr=urn:uuid:1%3B2;ob";
    assert_eq!(built.to_string(), text);
    assert_eq!(uri(text), Uri::Sip(built.clone()));
    assert_eq!(built.parameter("gr").as_deref(), Some("urn:uuid:1;2"));
}

#[test]
fn broken_uris_say_what_is_wrong() {
    for (text, fault) in [
        ("sip:", SyntaxError::BadHost),
        ("sip:@host", SyntaxError::Empty),
        ("sip:a b@host", SyntaxError::BadCharacter),
        ("sip:a@host;", SyntaxError::Empty),
        ("sip:a@host; lr", SyntaxError::BadCharacter),
        ("sip:a@host;x=%4", SyntaxError::BadEscape),
        ("sip:%zz@host", SyntaxError::BadEscape),
        ("sip:a@host:port", SyntaxError::BadPort),
        ("sip:a@host :5060", SyntaxError::BadCharacter),
        ("sip:2001:db8::10", SyntaxError::BadPort),
        ("sip:a@[::g]", SyntaxError::BadHost),
        ("sip:a@host?novalue", SyntaxError::Empty),
        ("sip:a@host?x=<y>", SyntaxError::BadCharacter),
    ] {
        assert_eq!(text.parse::<Uri>(), Err(fault), "{text}");
    }
}
