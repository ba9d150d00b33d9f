//! Messages built by the program: what they print, and that nobody can write outside their field.

use super::{
    CSeq, Host, Message, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri, Via, name,
    parse_datagram,
};

fn invite() -> Request {
    let host: Host = "example.org".parse().unwrap();
    let bob: Uri = SipUri::new(host.clone()).with_user("bob").into();
    let mut invite = Request::new(Method::INVITE, bob.clone());
    let via = Via::new("UDP", "192.0.2.1".parse().unwrap(), Some(5062), "z9hG4bKa1");
    invite.headers.push(name::VIA, via.to_string());
    invite.headers.push(name::MAX_FORWARDS, "70");
    let alice = NameAddr::new(SipUri::new(host).with_user("alice")).with_display("Alice \"A\"");
    invite
        .headers
        .push(name::FROM, alice.with_tag("t1").to_string());
    invite
        .headers
        .push(name::TO, NameAddr::new(bob).to_string());
    invite.headers.push(name::CALL_ID, "c1");
    let cseq = CSeq {
        number: 7,
        method: Method::INVITE,
    };
    invite.headers.push(name::CSEQ, cseq.to_string());
    invite.set_body("application/sdp", "v=0\r\n");
    invite
}

#[test]
fn a_request_prints_in_order_with_its_length_and_reads_back() {
    let text = "INVITE sip:bob@example.org SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1\r\n\
        Max-Forwards: 70\r\n\
        From: \"Alice \\\"A\\\"\" <sip:alice@example.org>;tag=t1\r\n\
        To: <sip:bob@example.org>\r\n\
        Call-ID: c1\r\n\
        CSeq: 7 INVITE\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 5\r\n\
        \r\n\
        v=0\r\n";
    let bytes = invite().to_bytes();
    assert_eq!(String::from_utf8_lossy(&bytes), text);
    let Message::Request(read) = parse_datagram(&bytes).unwrap() else {
        panic!("a request")
    };
    let mut expected = invite();
    expected.headers.push(name::CONTENT_LENGTH, "5");
    assert_eq!(read, expected);
}

#[test]
fn a_wrong_length_is_mended_and_a_right_one_is_left_as_written() {
    let mut invite = invite();
    invite.headers.insert_front(name::CONTENT_LENGTH, "99");
    let text = String::from_utf8(invite.to_bytes()).unwrap();
    assert_eq!(text.matches("Content-Length").count(), 1);
    assert!(text.contains("Content-Length: 5\r\n\r\n"));
    invite.headers.set("l", "0005");
    assert!(
        String::from_utf8(invite.to_bytes())
            .unwrap()
            .contains("l: 0005\r\n")
    );
    assert!(
        String::from_utf8(invite.to_bytes_verbatim())
            .unwrap()
            .contains("l: 0005\r\n")
    );
}

#[test]
fn an_answer_carries_what_matches_it_to_its_request() {
    let mut request = invite();
    request.headers.push(name::TIMESTAMP, "54");
    request
        .headers
        .push("v", "SIP/2.0/TCP proxy;branch=z9hG4bKp");
    request.headers.push(name::SUBJECT, "not copied");
    let ringing = Response::answer(&request, StatusCode::RINGING).with_to_tag("t2");
    let text = "SIP/2.0 180 Ringing\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1\r\n\
        v: SIP/2.0/TCP proxy;branch=z9hG4bKp\r\n\
        From: \"Alice \\\"A\\\"\" <sip:alice@example.org>;tag=t1\r\n\
        To: <sip:bob@example.org>;tag=t2\r\n\
        Call-ID: c1\r\n\
        CSeq: 7 INVITE\r\n\
        Timestamp: 54\r\n\
        Content-Length: 0\r\n\
        \r\n";
    assert_eq!(String::from_utf8(ringing.to_bytes()).unwrap(), text);
    let again = ringing.with_to_tag("t3");
    assert_eq!(again.headers.to().unwrap().tag(), Some("t2"));
}

#[test]
fn no_text_of_a_person_can_begin_another_field() {
    let evil = "x\r\nVia: SIP/2.0/UDP evil\r\n\r\nbody";
    let mut request = invite();
    request.headers.push(name::SUBJECT, evil);
    request.headers.set(
        name::CONTACT,
        NameAddr::new(
            SipUri::new("h".parse().unwrap())
                .with_user(evil)
                .with_parameter("p", Some(evil)),
        )
        .with_display(evil)
        .with_param("q", Some(evil))
        .to_string(),
    );
    request.headers.insert_front(
        name::VIA,
        Via::new(evil, "h".parse().unwrap(), None, evil).to_string(),
    );
    assert!(request.headers.try_push("X", evil).is_err());
    assert!(request.headers.try_push(evil, "X").is_err());
    let before = request.headers.len();
    let read = parse_datagram(&request.to_bytes()).unwrap();
    assert_eq!(
        read.headers().len(),
        before + 1,
        "only Content-Length was added"
    );
    assert_eq!(read.body(), b"v=0\r\n");
    assert_eq!(read.headers().vias().unwrap().len(), 2);
    let contact = read.headers().contacts().unwrap().into_list().remove(0);
    assert_eq!(
        contact.uri.as_sip().unwrap().user_text().as_deref(),
        Some(evil)
    );

    let mut response = Response::answer(&request, StatusCode::OK)
        .with_to_tag(evil)
        .with_reason(evil);
    response.set_body(evil, "abc");
    let read = parse_datagram(&response.to_bytes()).unwrap();
    assert_eq!(read.body(), b"abc");
    assert_eq!(read.headers().vias().unwrap().len(), 2);
}

#[test]
fn debug_output_names_fields_and_nobody() {
    let request = invite();
    let response = Response::answer(&request, StatusCode::OK);
    let shown = format!(
        "{request:?} {response:?} {:?} {:?} {:?}",
        request.headers.from(),
        request.headers.via(),
        request.uri,
    );
    for personal in ["alice", "Alice", "bob", "192.0.2.1", "example.org", "v=0"] {
        assert!(!shown.contains(personal), "{shown}");
    }
    assert!(
        shown.contains("INVITE") && shown.contains("Max-Forwards"),
        "{shown}"
    );
}
