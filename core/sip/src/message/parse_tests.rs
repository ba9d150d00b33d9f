use super::super::{Message, Method, ParseError, ParseFault, SyntaxError, Uri};
use super::{Limits, parse_datagram};

const OPTIONS: &str = "OPTIONS sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
    From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn parse(head: &str, body: &[u8]) -> Result<Message, ParseError> {
    parse_datagram(&[head.as_bytes(), b"\r\n", body].concat())
}

fn fault(result: Result<Message, ParseError>) -> (ParseFault, Option<u16>) {
    let error = result.unwrap_err();
    (
        error.fault(),
        error.response().map(|response| response.status.code()),
    )
}

#[test]
fn bodies_are_bytes_and_end_where_the_length_or_the_datagram_says() {
    let body = [0, 159, 146, 150, 255, b'\r', b'\n'];
    assert_eq!(parse(OPTIONS, &body).unwrap().body(), body);
    assert_eq!(
        parse(&format!("{OPTIONS}l: 3\r\n"), &body).unwrap().body(),
        &body[..3]
    );
    assert_eq!(
        parse(&format!("{OPTIONS}l: 7\r\n"), &body).unwrap().body(),
        body
    );
    let cut = parse(&format!("{OPTIONS}l: 8\r\n"), &body);
    assert_eq!(fault(cut), (ParseFault::BodyCut, Some(400)));
    let negative = parse(&format!("{OPTIONS}l: -1\r\n"), &body);
    assert_eq!(fault(negative), (ParseFault::ContentLength, Some(400)));
}

#[test]
fn odd_but_legal_heads_are_kept_as_they_are() {
    let head = "MyMethod urn:service:sos SIP/2.0\r\nv : SIP/2.0/UDP [::1] ;branch=z9hG4bK1\r\nSubject: a\r\n \
        b\r\n\tc  \r\nX-Latin: J\u{fc}rgen\r\nempty:\r\nX-Odd!~: ::\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.extend_from_slice(b"X-Raw: J\xfcrgen\r\n\r\n");
    let Message::Request(request) = parse_datagram(&bytes).unwrap() else {
        panic!("a request")
    };
    assert_eq!(request.method.as_str(), "MyMethod");
    assert!(matches!(request.uri, Uri::Other(_)));
    assert_eq!(request.headers.via().unwrap().host.to_string(), "[::1]");
    assert_eq!(request.headers.text("s").as_deref(), Some("a b c"));
    assert_eq!(
        request.headers.get_raw("x-raw").as_deref(),
        Some(&b"J\xfcrgen"[..])
    );
    assert_eq!(
        request.headers.text("X-Raw").as_deref(),
        Some("J\u{fffd}rgen")
    );
    assert_eq!(request.headers.text("Empty").as_deref(), Some(""));
    assert_eq!(request.to_bytes_verbatim(), bytes);
}

#[test]
fn line_breaks_before_the_message_are_skipped_and_alone_are_a_keep_alive() {
    assert!(parse_datagram(format!("\r\n\r\n{OPTIONS}\r\n").as_bytes()).is_ok());
    for keep_alive in [&b""[..], b"\r\n", b"\r\n\r\n", b"\n"] {
        assert_eq!(
            parse_datagram(keep_alive),
            Err(ParseError::Drop(ParseFault::KeepAlive))
        );
    }
}

#[test]
fn a_stray_line_break_cannot_hide_a_second_field() {
    for hidden in [
        "X: a\rVia: b\r\n",
        "X: a\nVia: b\r\n",
        "X: a\r\r\n",
        "X\r: a\r\n",
    ] {
        let result = parse(&format!("{OPTIONS}{hidden}"), b"");
        assert_eq!(
            fault(result),
            (ParseFault::HeaderLine, Some(400)),
            "{hidden:?}"
        );
    }
    // With bare LF throughout, a CR is the stray one.
    let bare = format!("{OPTIONS}X: a\r\nY: b\n\n")
        .replace("\r\n", "\n")
        .replace("Y", "\rY");
    assert_eq!(
        fault(parse_datagram(bare.as_bytes())).0,
        ParseFault::HeaderLine
    );
}

#[test]
fn broken_first_lines_and_fields_are_answered_if_they_are_of_a_request() {
    let with = |first: &str| {
        parse(
            &OPTIONS.replacen("OPTIONS sip:bob@example.org SIP/2.0", first, 1),
            b"",
        )
    };
    let start = |fault: SyntaxError| ParseFault::StartLine(fault);
    for (first, expected, status) in [
        (
            "OPTIONS  sip:b@c SIP/2.0",
            ParseFault::RequestUri(SyntaxError::NoScheme),
            Some(400),
        ),
        (
            "OPTIONS sip:b@c SIP/2.0 ",
            start(SyntaxError::UnknownProtocol),
            Some(400),
        ),
        (
            "OPTIONS sip:b @c SIP/2.0",
            ParseFault::RequestUri(SyntaxError::BadCharacter),
            Some(400),
        ),
        (
            "OPTIONS sip:b@c HTTP/1.1",
            start(SyntaxError::UnknownProtocol),
            Some(400),
        ),
        (
            "OPTIONS sip:b@c SIP/2.x",
            start(SyntaxError::BadNumber),
            Some(400),
        ),
        (
            "OPT(IONS sip:b@c SIP/2.0",
            start(SyntaxError::BadToken),
            Some(400),
        ),
        ("OPTIONS", start(SyntaxError::Empty), Some(400)),
        (
            "ACK sip:b @c SIP/2.0",
            ParseFault::RequestUri(SyntaxError::BadCharacter),
            None,
        ),
        ("SIP/2.0 1000 Much", start(SyntaxError::BadNumber), None),
        ("SIP/2.0 099 Little", start(SyntaxError::BadNumber), None),
        ("SIP/2.0 20 Short", start(SyntaxError::BadNumber), None),
        ("SIP/2.0", start(SyntaxError::BadCharacter), None),
        ("SIP/3.0 200 OK", start(SyntaxError::UnknownProtocol), None),
    ] {
        assert_eq!(fault(with(first)), (expected, status), "{first}");
    }
    for line in ["no colon\r\n", ": no name\r\n", "b@d: name\r\n"] {
        let result = parse(&format!("{OPTIONS}{line}"), b"");
        assert_eq!(fault(result), (ParseFault::HeaderLine, Some(400)), "{line}");
    }
    let folded_start = OPTIONS.replacen("\r\nVia", "\r\n Via", 1);
    assert_eq!(fault(parse(&folded_start, b"")).0, ParseFault::HeaderLine);
    let unanswerable = OPTIONS
        .replacen("Via", "X-Via", 1)
        .replacen("CSeq", "CSeq(", 1);
    assert_eq!(
        fault(parse(&unanswerable, b"")),
        (ParseFault::HeaderLine, None)
    );
    assert_eq!(
        fault(parse_datagram(OPTIONS.as_bytes())),
        (ParseFault::UnterminatedHead, Some(400))
    );
}

#[test]
fn versions_and_phrases_are_kept() {
    let Message::Request(request) = parse(&OPTIONS.replacen("2.0", "7.0", 1), b"").unwrap() else {
        panic!("a request");
    };
    assert_eq!(request.version(), "SIP/7.0");
    let mut bytes = b"sip/2.0 486 Occup\xe9 ici\r\nCSeq: 1 INVITE\r\n\r\n".to_vec();
    let Message::Response(busy) = parse_datagram(&bytes).unwrap() else {
        panic!("a response")
    };
    assert_eq!(busy.reason_bytes(), b"Occup\xe9 ici");
    assert_eq!(busy.to_bytes_verbatim(), bytes);
    for first in ["SIP/2.0 200", "SIP/2.0 200 ", "SIP/2.0 200  OK "] {
        bytes = format!("{first}\r\n\r\n").into_bytes();
        assert_eq!(parse_datagram(&bytes).unwrap().to_bytes_verbatim(), bytes);
    }
}

#[test]
fn limits_hold() {
    let limits = Limits::default();
    let many = "X: 1\r\n".repeat(limits.headers);
    let result = parse(&format!("{OPTIONS}{many}"), b"");
    assert_eq!(fault(result), (ParseFault::TooManyHeaders, Some(513)));
    let long = format!("{OPTIONS}X: {}\r\n", "x".repeat(limits.head));
    assert_eq!(
        fault(parse(&long, b"")),
        (ParseFault::HeadTooLarge, Some(513))
    );
    let body = vec![0; limits.body + 1];
    assert_eq!(
        fault(parse(OPTIONS, &body)),
        (ParseFault::BodyTooLarge, Some(513))
    );
}

#[test]
fn the_answer_to_a_broken_request_repeats_for_its_retransmission() {
    let broken = format!("{OPTIONS}no colon\r\n");
    let one = parse(&broken, b"").unwrap_err();
    let two = parse(&broken, b"").unwrap_err();
    assert_eq!(one, two);
    let answer = one.response().unwrap();
    assert!(answer.headers.to().unwrap().tag().is_some());
    assert_eq!(answer.headers.cseq().unwrap().method, Method::OPTIONS);
    assert_eq!(answer.headers.call_id().as_deref(), Ok("1"));
}
