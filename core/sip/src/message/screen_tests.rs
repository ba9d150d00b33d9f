use super::super::{
    HeaderFault, Message, Method, Request, Response, StatusCode, SyntaxError, Uri, name,
    parse_datagram,
};
use super::{Capabilities, DropReason, Verdict, screen, screen_request, screen_response};

const MAY: Capabilities<'static> = Capabilities {
    methods: &[Method::INVITE, Method::BYE],
    extensions: &["100rel"],
    schemes: &["sip"],
    bodies: &["application/sdp"],
};

fn request(method: Method, fields: &[(&'static str, &str)]) -> Request {
    let uri: Uri = "sip:bob@example.org".parse().unwrap();
    let mut request = Request::new(method.clone(), uri);
    request
        .headers
        .push(name::VIA, "SIP/2.0/UDP a;branch=z9hG4bK1");
    request
        .headers
        .push(name::FROM, "<sip:alice@example.org>;tag=1");
    request.headers.push(name::TO, "<sip:bob@example.org>");
    request.headers.push(name::CALL_ID, "1");
    request.headers.push(name::CSEQ, format!("1 {method}"));
    for (name, value) in fields {
        request.headers.set(name, value);
    }
    request
}

fn status(request: &Request) -> Option<u16> {
    match screen_request(request, &MAY) {
        Verdict::Accept => None,
        Verdict::Answer(response) => Some(response.status.code()),
        Verdict::Drop(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_plain_request_is_accepted_and_an_unserved_one_gets_the_list() {
    assert_eq!(status(&request(Method::INVITE, &[])), None);
    assert_eq!(status(&request(Method::CANCEL, &[])), None);
    let Verdict::Answer(answer) = screen_request(&request(Method::REFER, &[]), &MAY) else {
        panic!("an answer");
    };
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        answer.headers.text(name::ALLOW).as_deref(),
        Some("INVITE, BYE")
    );
    assert_eq!(status(&request("DANCE".parse().unwrap(), &[])), Some(501));
}

#[test]
fn what_cannot_be_read_is_named_in_the_phrase() {
    for (field, value) in [
        (name::VIA, "SIP/2.0/UDP a, ,"),
        (name::FROM, "\"x <sip:a@b>"),
        (name::TO, ""),
        (name::CALL_ID, "a b"),
        (name::CSEQ, "1 BYE"),
        (name::MAX_FORWARDS, "-1"),
        (name::CONTACT, "<sip:a@b>, *"),
        (name::ROUTE, "<sip:a@b"),
        (name::RECORD_ROUTE, "sip:a@b?x=y"),
        (name::CONTENT_TYPE, "sdp"),
    ] {
        let Verdict::Answer(answer) =
            screen_request(&request(Method::INVITE, &[(field, value)]), &MAY)
        else {
            panic!("{field}: an answer");
        };
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(
            answer.reason().contains(field),
            "{field}: {}",
            answer.reason()
        );
    }
}

#[test]
fn required_extensions_count_only_where_an_answer_can_refuse_them() {
    let require = [(name::REQUIRE, "100REL, timer")];
    let Verdict::Answer(answer) = screen_request(&request(Method::INVITE, &require), &MAY) else {
        panic!("an answer");
    };
    assert_eq!(answer.status, StatusCode::BAD_EXTENSION);
    assert_eq!(answer.headers.unsupported().unwrap(), ["timer"]);
    assert_eq!(status(&request(Method::CANCEL, &require)), None);
    assert_eq!(
        status(&request(Method::INVITE, &[(name::REQUIRE, "100rel")])),
        None
    );
    assert_eq!(
        status(&request(Method::INVITE, &[(name::PROXY_REQUIRE, "x")])),
        None
    );
}

#[test]
fn a_body_must_be_one_we_read_unless_it_may_be_ignored() {
    let with_body = |fields: &[(&'static str, &str)]| {
        let mut request = request(Method::INVITE, fields);
        request.body = b"v=0".to_vec();
        status(&request)
    };
    assert_eq!(
        with_body(&[(name::CONTENT_TYPE, "Application/SDP;charset=x")]),
        None
    );
    assert_eq!(
        with_body(&[(name::CONTENT_TYPE, "application/isup")]),
        Some(415)
    );
    let optional = (name::CONTENT_DISPOSITION, "signal;handling=OPTIONAL");
    assert_eq!(
        with_body(&[(name::CONTENT_TYPE, "application/isup"), optional]),
        None
    );
    assert_eq!(with_body(&[(name::CONTENT_ENCODING, "gzip")]), Some(415));
    assert_eq!(with_body(&[(name::CONTENT_ENCODING, "identity")]), None);
    // No body, nothing to read.
    assert_eq!(
        status(&request(
            Method::INVITE,
            &[(name::CONTENT_TYPE, "application/isup")]
        )),
        None
    );
}

#[test]
fn a_caller_who_could_not_read_the_answer_is_told() {
    assert_eq!(
        status(&request(Method::INVITE, &[(name::ACCEPT, "text/plain")])),
        Some(406)
    );
    assert_eq!(
        status(&request(
            Method::INVITE,
            &[(name::ACCEPT, "text/*, application/*;q=0.5")]
        )),
        None
    );
    assert_eq!(
        status(&request(Method::INVITE, &[(name::ACCEPT, "")])),
        None
    );
    assert_eq!(
        status(&request(Method::BYE, &[(name::ACCEPT, "text/plain")])),
        None
    );
}

#[test]
fn an_ack_and_a_request_without_via_are_never_answered() {
    let mut ack = request(Method::ACK, &[(name::FROM, "<")]);
    let reason = DropReason::Ack(StatusCode::BAD_REQUEST);
    assert_eq!(screen_request(&ack, &MAY), Verdict::Drop(reason));
    ack.headers.remove(name::VIA);
    assert_eq!(screen_request(&ack, &MAY), Verdict::Drop(DropReason::NoVia));
    assert_eq!(
        screen_request(&request(Method::ACK, &[]), &MAY),
        Verdict::Accept
    );
}

#[test]
fn responses_must_be_readable_and_ours() {
    let mut response = Response::answer(&request(Method::INVITE, &[]), StatusCode::OK);
    assert_eq!(screen_response(&response), Verdict::Accept);
    assert_eq!(
        screen(&Message::Response(response.clone()), &MAY),
        Verdict::Accept
    );
    response
        .headers
        .push(name::VIA, "SIP/2.0/UDP b;branch=z9hG4bK2");
    assert_eq!(
        screen_response(&response),
        Verdict::Drop(DropReason::SeveralVias)
    );
    response.headers.set(name::CSEQ, "x");
    let Verdict::Drop(DropReason::Response(error)) = screen_response(&response) else {
        panic!("dropped");
    };
    assert_eq!(
        (error.name, error.fault),
        (name::CSEQ, HeaderFault::Syntax(SyntaxError::Empty))
    );
}

#[test]
fn a_retransmission_gets_the_same_answer_and_another_request_another_tag() {
    let bad = |call_id: &str| match screen_request(
        &request(Method::REFER, &[(name::CALL_ID, call_id)]),
        &MAY,
    ) {
        Verdict::Answer(answer) => answer,
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!(bad("1"), bad("1"));
    let tag = |call_id: &str| bad(call_id).headers.to().unwrap().tag().unwrap().to_owned();
    assert_ne!(tag("1"), tag("2"));
    // A request inside a dialog keeps the tag it came with.
    let inside = request(
        Method::REFER,
        &[(name::TO, "<sip:bob@example.org>;tag=theirs")],
    );
    let Verdict::Answer(answer) = screen_request(&inside, &MAY) else {
        panic!("an answer")
    };
    assert_eq!(answer.headers.to().unwrap().tag(), Some("theirs"));
    assert!(parse_datagram(&answer.to_bytes()).is_ok());
}
