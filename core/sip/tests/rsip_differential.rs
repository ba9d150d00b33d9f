//! `rsip` as an oracle: whatever it reads right, this crate reads the same. And the legal messages that it
//! cannot read or reads wrong, which are why this crate has messages of its own.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helpers fail the test"
)]
#![cfg(feature = "rsip")]

use proptest::prelude::*;
use rsip::prelude::{HeadersExt as _, ToTypedHeader as _, UntypedHeader as _};
use tandem_sip::message::{Message, Request, Response, StatusCode, Uri, parse_datagram};
use tandem_sip::rsip_bridge::BridgeError;

/// Reads `text` with both and compares all that both can say. `rsip` must be able to read it.
fn both_agree_on(text: &str) {
    let theirs = rsip::SipMessage::try_from(text.as_bytes())
        .unwrap_or_else(|error| panic!("rsip refuses: {error:?}\n{text}"));
    let ours = parse_datagram(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let headers = ours.headers();

    match (&theirs, &ours) {
        (rsip::SipMessage::Request(theirs), Message::Request(ours)) => {
            let converted = Request::try_from(theirs).unwrap();
            assert_eq!(ours.method, converted.method, "{text}");
            assert!(ours.uri.equivalent(&converted.uri), "{text}");
            assert_eq!(ours.body, theirs.body, "{text}");
            assert_eq!(
                values(ours.headers.iter()),
                values(converted.headers.iter()),
                "{text}"
            );
            let back = rsip::Request::try_from(ours).unwrap();
            assert_eq!(back.headers, theirs.headers, "{text}");
        }
        (rsip::SipMessage::Response(theirs), Message::Response(ours)) => {
            assert_eq!(ours.status.code(), theirs.status_code.code(), "{text}");
            assert_eq!(ours.body, theirs.body, "{text}");
            let back = rsip::Response::try_from(ours).unwrap();
            assert_eq!(back.headers, theirs.headers, "{text}");
            assert_eq!(
                Response::try_from(&back).unwrap().reason(),
                ours.reason(),
                "{text}"
            );
        }
        (theirs, ours) => panic!("{theirs:?}\n{ours:?}"),
    }

    let via = theirs.via_header().unwrap().typed().unwrap();
    let our_via = headers.via().unwrap();
    assert!(
        our_via
            .transport
            .eq_ignore_ascii_case(&via.transport.to_string()),
        "{text}"
    );
    assert_eq!(
        our_via.host.to_string(),
        via.uri.host().to_string(),
        "{text}"
    );
    assert_eq!(
        our_via.port,
        via.uri.port().map(|port| u16::from(*port)),
        "{text}"
    );
    assert_eq!(
        our_via.branch(),
        via.branch().map(rsip::param::Branch::value),
        "{text}"
    );
    assert_eq!(our_via.received(), via.received().unwrap(), "{text}");

    let from = theirs.from_header().unwrap().typed().unwrap();
    let our_from = headers.from().unwrap();
    assert_eq!(our_from.display, from.display_name, "{text}");
    assert!(same_uri(&our_from.uri, &from.uri), "{text}");
    assert_eq!(
        our_from.tag(),
        from.tag().map(rsip::param::Tag::value),
        "{text}"
    );

    let to = theirs.to_header().unwrap().typed().unwrap();
    let our_to = headers.to().unwrap();
    assert!(same_uri(&our_to.uri, &to.uri), "{text}");
    assert_eq!(
        our_to.tag(),
        to.tag().map(rsip::param::Tag::value),
        "{text}"
    );

    let cseq = theirs.cseq_header().unwrap().typed().unwrap();
    let our_cseq = headers.cseq().unwrap();
    assert_eq!(our_cseq.number, cseq.seq, "{text}");
    assert_eq!(our_cseq.method.as_str(), cseq.method.to_string(), "{text}");

    let call_id = theirs.call_id_header().unwrap().value();
    assert_eq!(headers.call_id().as_deref(), Ok(call_id), "{text}");
    if let Ok(max_forwards) = theirs.max_forwards_header() {
        let ours = headers.max_forwards().unwrap().map(u32::from);
        assert_eq!(ours, max_forwards.num().ok(), "{text}");
    }
    let contacts = headers.contacts().unwrap().into_list();
    assert_eq!(contacts.len(), theirs.contact_headers().len(), "{text}");
    for (ours, theirs) in contacts.iter().zip(theirs.contact_headers()) {
        let theirs = theirs.typed().unwrap();
        assert!(same_uri(&ours.uri, &theirs.uri), "{text}");
        assert_eq!(ours.display, theirs.display_name, "{text}");
        assert_eq!(ours.params.len(), theirs.params.len(), "{text}");
    }
}

/// `rsip` writes transports in capitals; that they mean the same is all that can be asked.
fn same_uri(ours: &Uri, theirs: &rsip::Uri) -> bool {
    Uri::try_from(theirs).is_ok_and(|theirs| theirs.equivalent(ours))
}

fn values<'a>(
    headers: impl Iterator<Item = &'a tandem_sip::message::Header>,
) -> Vec<(String, Vec<u8>)> {
    headers
        .map(|h| (h.name().to_ascii_lowercase(), h.value().into_owned()))
        .collect()
}

const INVITE: &str = "INVITE sip:bob@biloxi.example SIP/2.0\r\n\
    Via: SIP/2.0/TCP client.atlanta.example:5060;branch=z9hG4bK74bf9\r\n\
    Max-Forwards: 70\r\n\
    From: Alice <sip:alice@atlanta.example>;tag=9fxced76sl\r\n\
    To: Bob <sip:bob@biloxi.example>\r\n\
    Call-ID: 3848276298220188511@atlanta.example\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:alice@client.atlanta.example;transport=tcp>\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 3\r\n\
    \r\n\
    v=0";

#[test]
fn the_basic_call_reads_the_same() {
    both_agree_on(INVITE);
    both_agree_on(
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bK74b43;received=192.0.2.101\r\n\
         From: <sip:alice@atlanta.example>;tag=9fxced76sl\r\n\
         To: <sip:bob@biloxi.example>;tag=314159\r\n\
         Call-ID: 2xTb9vxSit55XU7p8@atlanta.example\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:bob@192.0.2.201>\r\n\
         Content-Length: 0\r\n\
         \r\n",
    );
    both_agree_on(
        "REGISTER sip:registrar.biloxi.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP bobspc.biloxi.example:5060;branch=z9hG4bKnashds7\r\n\
         Max-Forwards: 70\r\n\
         To: <sip:bob@biloxi.example>\r\n\
         From: <sip:bob@biloxi.example>;tag=456248\r\n\
         Call-ID: 843817637684230@998sdasdh09\r\n\
         CSeq: 1826 REGISTER\r\n\
         Contact: <sip:bob@192.0.2.4>;expires=7200;q=0.7\r\n\
         Expires: 7200\r\n\
         X-Unknown: kept\r\n\
         Content-Length: 0\r\n\
         \r\n",
    );
}

#[test]
fn legal_messages_that_rsip_refuses_are_read_here() {
    let edited = |from: &str, to: &str| {
        let text = INVITE.replacen(from, to, 1);
        assert_ne!(text, INVITE, "{from}");
        text
    };
    for (why, text) in [
        (
            "folding",
            edited("Max-Forwards: 70", "Max-Forwards:\r\n 70"),
        ),
        (
            "space before the colon",
            edited("Max-Forwards:", "Max-Forwards :"),
        ),
        ("a method of its own", INVITE.replace("INVITE", "DANCE")),
        (
            "IPv6 in the Request-URI",
            edited("bob@biloxi.example", "bob@[2001:db8::1]"),
        ),
        (
            "a telephone number",
            edited("sip:bob@biloxi.example", "tel:+15550100"),
        ),
        (
            "a service",
            edited("sip:bob@biloxi.example", "urn:service:sos"),
        ),
        (
            "an unknown transport",
            edited(
                "sip:bob@biloxi.example",
                "sip:bob@biloxi.example;transport=quic",
            ),
        ),
        (
            "line breaks before the message",
            format!("\r\n\r\n{INVITE}"),
        ),
        (
            "a phrase without its space",
            "SIP/2.0 200\r\nCSeq: 1 INVITE\r\n\r\n".to_owned(),
        ),
    ] {
        assert!(
            rsip::SipMessage::try_from(text.as_bytes()).is_err(),
            "rsip reads now: {why}"
        );
        assert!(parse_datagram(text.as_bytes()).is_ok(), "{why}");
    }
    let latin = INVITE.replacen("Alice <", "J\u{1}rgen <", 1).into_bytes();
    let latin: Vec<u8> = latin
        .into_iter()
        .map(|b| if b == 1 { 0xfc } else { b })
        .collect();
    assert!(rsip::SipMessage::try_from(latin.as_slice()).is_err());
    let message = parse_datagram(&latin).unwrap();
    assert_eq!(
        message.headers().from().unwrap().display.as_deref(),
        Some("J\u{fffd}rgen")
    );
}

#[test]
fn messages_that_rsip_reads_wrong_are_read_right_here() {
    let compact = INVITE.replacen("From:", "f:", 1).replacen("Via:", "v:", 1);
    let theirs = rsip::SipMessage::try_from(compact.as_bytes()).unwrap();
    assert!(
        theirs.from_header().is_err(),
        "rsip knows compact forms now"
    );
    let ours = parse_datagram(compact.as_bytes()).unwrap();
    assert_eq!(ours.headers().from().unwrap().tag(), Some("9fxced76sl"));

    let two_vias = INVITE.replacen(
        "z9hG4bK74bf9",
        "z9hG4bK74bf9, SIP/2.0/UDP b;branch=z9hG4bK2",
        1,
    );
    let ours = parse_datagram(two_vias.as_bytes()).unwrap();
    assert_eq!(ours.headers().vias().unwrap().len(), 2);

    let mut binary = INVITE.as_bytes().to_vec();
    let at = binary.len() - 1;
    binary[at] = 0xff;
    let theirs = rsip::SipMessage::try_from(binary.as_slice()).unwrap();
    assert_ne!(
        theirs.to_string().into_bytes(),
        binary,
        "rsip keeps binary bodies now"
    );
    assert_eq!(parse_datagram(&binary).unwrap().to_bytes(), binary);

    let trailing = format!("{INVITE}\r\ntrailing");
    let theirs = rsip::SipMessage::try_from(trailing.as_bytes()).unwrap();
    assert_ne!(theirs.body(), b"v=0", "rsip applies Content-Length now");
    assert_eq!(parse_datagram(trailing.as_bytes()).unwrap().body(), b"v=0");
}

#[test]
fn what_rsip_cannot_hold_is_an_error_and_never_a_loss() {
    let uri = |text: &str| rsip::Uri::try_from(&text.parse::<Uri>().unwrap()).map(|_| ());
    assert_eq!(uri("tel:+15550100"), Err(BridgeError::Uri));
    assert_eq!(uri("sip:a@b?Subject=x"), Err(BridgeError::Uri));
    assert_eq!(uri("sip:a@[::1]"), Err(BridgeError::Ipv6));
    assert_eq!(
        uri("sip:first.last@b;transport=quic;lr=on;method=invite"),
        Ok(())
    );

    let ours = |text: &str| match parse_datagram(text.as_bytes()).unwrap() {
        Message::Request(request) => rsip::Request::try_from(&request).map(|_| ()),
        Message::Response(response) => rsip::Response::try_from(&response).map(|_| ()),
    };
    assert_eq!(
        ours(&INVITE.replace("INVITE", "DANCE")),
        Err(BridgeError::Method)
    );
    assert_eq!(
        ours(&INVITE.replacen("INVITE", "invite", 1)),
        Err(BridgeError::Method)
    );
    assert_eq!(
        ours(&INVITE.replacen("SIP/2.0", "SIP/7.0", 1)),
        Err(BridgeError::Version)
    );
    assert_eq!(
        ours(
            &INVITE
                .replacen("From:", "f :", 1)
                .replacen("70", "\r\n 70", 1)
        ),
        Ok(())
    );

    let theirs = rsip::Headers::from(vec![rsip::Header::Other("X".into(), "a\r\nVia: b".into())]);
    assert!(
        tandem_sip::message::Headers::try_from(&theirs).is_err(),
        "no injection from there"
    );
    let mut theirs = rsip::Uri::try_from("sip:a@b").unwrap();
    theirs.params = vec![rsip::Param::Other("x".into(), Some("1;lr".into()))];
    assert_eq!(Uri::try_from(&theirs), Err(BridgeError::Uri));
    let other = rsip::Response {
        status_code: rsip::StatusCode::Other(700, "x".into()),
        ..Default::default()
    };
    assert_eq!(Response::try_from(&other), Err(BridgeError::Status));
}

#[test]
fn phrases_survive_both_ways() {
    let named = |response: &Response| rsip::Response::try_from(response).unwrap().status_code;
    let busy = Response::new(StatusCode::BUSY_HERE);
    assert_eq!(named(&busy), rsip::StatusCode::BusyHere);
    let french = busy.with_reason("Occupé ici");
    assert_eq!(
        named(&french),
        rsip::StatusCode::Other(486, "Occupé ici".into())
    );
    let theirs = rsip::Response::try_from(&french).unwrap();
    assert_eq!(Response::try_from(&theirs), Ok(french));
}

/// Messages within what `rsip` reads right.
fn simple_message() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{2,5}){0,2}",
        "(1|10|192)\\.0\\.2\\.(1|77|254)"
    ];
    let host_port = (host, prop_oneof![Just(String::new()), ":[1-9][0-9]{2,3}"])
        .prop_map(|(host, port)| format!("{host}{port}"))
        .boxed();
    let param = "(;(lr|ob|transport=(udp|tcp|tls)|user=phone|x-[a-z]{1,3}=[a-z0-9]{1,4}))?";
    let uri = ("sips?:", "([a-z0-9+_-]{1,9}@)", host_port.clone(), param)
        .prop_map(|(scheme, user, host, param)| format!("{scheme}{user}{host}{param}"))
        .boxed();
    let method = prop::sample::select(vec![
        "INVITE", "BYE", "OPTIONS", "REGISTER", "UPDATE", "PRACK",
    ]);
    let first = prop_oneof![
        uri.clone().prop_map(|uri| format!("REQUEST {uri} SIP/2.0")),
        "SIP/2\\.0 [1-6][0-9]{2} [A-Za-z ]{1,12}",
    ];
    let display = prop_oneof![Just(String::new()), "[A-Z][a-z]{1,8} "];
    let via = ("(UDP|TCP|TLS|WS)", host_port, "z9hG4bK[a-z0-9]{1,8}");
    let tags = ("[a-z0-9]{1,9}", "(;tag=[a-z0-9]{1,9})?");
    let rest = (
        "[a-z0-9]{1,9}(@[a-z.]{1,5}[a-z])?",
        1..1_000_000_u32,
        0..255_u8,
        "[ -~]{0,30}",
    );
    (
        first,
        method,
        via,
        (display, uri.clone(), uri.clone(), uri),
        tags,
        rest,
    )
        .prop_map(
            |(
                first,
                method,
                via,
                (display, from, to, contact),
                (tag, to_tag),
                (id, seq, hops, body),
            )| {
                let first = first.replacen("REQUEST", method, 1);
                format!(
                    "{first}\r\nVia: SIP/2.0/{} {};branch={}\r\nMax-Forwards: {hops}\r\n\
                 From: {display}<{from}>;tag={tag}\r\nTo: <{to}>{to_tag}\r\nCall-ID: {id}\r\n\
                 CSeq: {seq} {method}\r\nContact: <{contact}>;expires=60\r\nX-Tandem: {hops}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                    via.0,
                    via.1,
                    via.2,
                    body.len()
                )
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_messages_read_the_same(text in simple_message()) {
        both_agree_on(&text);
    }

    #[test]
    fn what_is_carried_over_comes_back_the_same(text in simple_message()) {
        match parse_datagram(text.as_bytes()).unwrap() {
            Message::Request(ours) => {
                let mut back = Request::try_from(&rsip::Request::try_from(&ours).unwrap()).unwrap();
                prop_assert!(back.uri.equivalent(&ours.uri));
                // A transport may have changed its case; nothing else may have.
                back.uri = ours.uri.clone();
                prop_assert_eq!(back.to_bytes(), ours.to_bytes());
            }
            Message::Response(ours) => {
                let back = Response::try_from(&rsip::Response::try_from(&ours).unwrap()).unwrap();
                prop_assert_eq!(back.to_bytes(), ours.to_bytes());
            }
        }
    }
}
