//! What PBXs, gateways and old phones do that the plain flows do not show.

use tandem_sip::agent::{AgentError, EndKind, Event, SessionId, TransportKind};
use tandem_sip::digest::Credentials;
use tandem_sip::message::{Message, Request, Response, StatusCode};
use tandem_sip::transaction::HopError;
use tandem_types::Direction;

use crate::net::{Net, Node, config, media, ms, port, secs};
use crate::scripted::{FROM, SDP, TO, called, post, reply, requests, send, with_sdp};

/// What an ISUP gateway sends: the description is one part of several.
fn with_isup(sdp: &str) -> String {
    format!(
        "preamble\r\n--unique-1\r\nContent-Type: application/ISUP;version=nxv3\r\n\
         Content-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{2}--\r\n\r\n\
         --unique-1\r\nc: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}\r\n--unique-1--\r\n",
        sdp.len()
    )
}

const MIXED: &str = "multipart/mixed; boundary=\"unique-1\"";

fn up() -> (Net, Node, SessionId, Request) {
    let (mut net, alice, id, invite) = called();
    let ok = with_sdp(reply(&invite, 200, "carol"), 7000);
    send(&mut net, alice, &ok);
    net.take(alice);
    (net, alice, id, invite)
}

/// The headers of a request of carol's inside the call that `invite` began.
fn inside(invite: &Request, cseq: &str, branch: &str) -> Vec<String> {
    vec![
        format!("Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{branch}"),
        "From: <sip:carol@192.0.2.50>;tag=carol".to_owned(),
        format!("To: {}", invite.headers.text("From").unwrap()),
        format!("Call-ID: {}", invite.headers.call_id().unwrap()),
        format!("CSeq: {cseq}"),
        "Contact: <sip:carol@192.0.2.50>".to_owned(),
    ]
}

fn tell(net: &mut Net, to: Node, method: &str, headers: &[String], body: &str) -> Option<u16> {
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let start = format!("{method} sip:alice@192.0.2.1");
    post(net, to, &start, &headers, body)
}

#[test]
fn an_offer_among_other_parts_is_found() {
    let mut net = Net::new(80);
    let alice = net.phone("alice", 1, TransportKind::Udp);
    let via = "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKmixed";
    let kind = format!("Content-Type: {MIXED}");
    let contact = "Contact: <sip:carol@192.0.2.50>";
    let headers = [
        via,
        FROM,
        TO,
        "Call-ID: p",
        "CSeq: 1 INVITE",
        contact,
        &kind,
    ];
    let start = "INVITE sip:alice@192.0.2.1";
    assert_eq!(
        post(&mut net, alice, start, &headers, &with_isup(SDP)),
        None
    );
    let events = net.take(alice);
    let [Event::Incoming(call)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(call.offer.as_ref().map(port), Some(7000));
}

#[test]
fn an_answer_among_other_parts_is_found() {
    let (mut net, alice, _, invite) = called();
    let mut ok = reply(&invite, 200, "carol");
    ok.set_body(MIXED, with_isup(SDP));
    send(&mut net, alice, &ok);
    let events = net.take(alice);
    let [
        Event::Accepted {
            answer: Some(answer),
            ..
        },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(port(answer), 7000);
}

#[test]
fn a_cancelled_reinvite_ends_with_487_and_the_call_goes_on() {
    let (mut net, alice, id, invite) = up();
    let mut headers = inside(&invite, "5 INVITE", "re");
    headers.push("Content-Type: application/sdp".to_owned());
    let hold = SDP.replace("1 1 IN", "1 2 IN").replace("7000", "7010");
    assert_eq!(tell(&mut net, alice, "INVITE", &headers, &hold), None);
    assert!(matches!(
        net.take(alice).as_slice(),
        [Event::Updated { .. }]
    ));
    let headers = inside(&invite, "5 CANCEL", "re");
    tell(&mut net, alice, "CANCEL", &headers, "");
    assert!(net.response(200).is_some(), "the CANCEL itself");
    let ended = net.response(487).expect("RFC 3261 §9.2");
    assert_eq!(ended.headers.cseq().unwrap().number, 5);
    assert_eq!(net.end_of(alice, id), None);
    // The next one is not in its way.
    let mut headers = inside(&invite, "6 INVITE", "re2");
    headers.push("Content-Type: application/sdp".to_owned());
    assert_eq!(tell(&mut net, alice, "INVITE", &headers, &hold), None);
    assert!(matches!(
        net.take(alice).as_slice(),
        [Event::Updated { .. }]
    ));
}

#[test]
fn header_fields_in_a_contact_do_not_become_part_of_a_request_uri() {
    let (mut net, alice, _, invite) = called();
    let ok = Response::answer(&invite, StatusCode::OK).with_to_tag("carol");
    let contact = "<sip:carol@192.0.2.50;method=INVITE;x=1?Subject=hi&Route=%3Csip:e%3E>";
    let ok = with_sdp(ok.with_header("Contact", contact), 7000);
    send(&mut net, alice, &ok);
    let ack = net.request("ACK").unwrap();
    assert_eq!(ack.uri.to_string(), "sip:carol@192.0.2.50;x=1");

    let (mut net, alice, _, invite) = called();
    let moved = Response::answer(&invite, StatusCode::MOVED_TEMPORARILY).with_to_tag("x");
    let contact = contact.replace("carol", "dave");
    send(&mut net, alice, &moved.with_header("Contact", contact));
    let second = net.request("INVITE").unwrap();
    assert_eq!(second.uri.to_string(), "sip:dave@192.0.2.50;x=1");
}

#[test]
fn a_2xx_whose_contact_cannot_be_read_is_acknowledged_all_the_same() {
    let (mut net, alice, id, invite) = called();
    let ok = Response::answer(&invite, StatusCode::OK).with_to_tag("carol");
    let ok = with_sdp(ok.with_header("Contact", "<sip:carol@[nonsense>"), 7000);
    send(&mut net, alice, &ok);
    let ack = net.request("ACK").expect("RFC 3261 §13.2.2.4");
    assert_eq!(ack.uri.to_string(), "sip:carol@192.0.2.50");
    assert_eq!(net.end_of(alice, id), None);
}

#[test]
fn a_change_that_was_challenged_is_not_repeated_after_hanging_up() {
    let mut net = Net::new(81);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.credentials = Some(Credentials::new("alice", "secret"));
    let alice = net.add(config);
    let uri = "sip:carol@192.0.2.50".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    let ok = with_sdp(reply(&invite, 200, "carol"), 7000);
    send(&mut net, alice, &ok);
    let hold = media(4000, Direction::SendOnly);
    net.act(alice, |agent, now| agent.reinvite(now, id, Some(hold)))
        .unwrap();
    net.run_for(ms(50));
    let change = net.request("INVITE").unwrap();
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.run_for(ms(50));
    let asks = "Digest realm=\"pbx\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
    let status = StatusCode::UNAUTHORIZED;
    let asks = Response::answer(&change, status).with_header("WWW-Authenticate", asks);
    send(&mut net, alice, &asks);
    assert_eq!(requests(&net, "INVITE").len(), 2);
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle());
}

#[test]
fn scanners_take_nothing_from_those_who_talk() {
    let (mut net, alice, id, invite) = up();
    for n in 0..2000 {
        for (method, to) in [
            ("OPTIONS", ""),
            ("INFO", ";tag=none"),
            ("CANCEL", ""),
            ("BYE", ""),
        ] {
            let text = format!(
                "{method} sip:100@192.0.2.1 SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK{method}{n}\r\n\
                 From: <sip:x@203.0.113.5>;tag={n}\r\nTo: <sip:100@192.0.2.1>{to}\r\n\
                 Call-ID: {method}{n}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
            );
            net.post("203.0.113.5:5060".parse().unwrap(), alice, text);
        }
    }
    net.run_for(ms(100));
    let answers = |net: &Net, code| {
        let mail = net.mail.iter();
        mail.filter(|(_, message)| match message {
            Message::Response(response) => response.status.code() == code,
            Message::Request(_) => false,
        })
        .count()
    };
    assert_eq!((answers(&net, 200), answers(&net, 481)), (2000, 6000));
    assert!(
        net.agent(alice).open_transactions().1 < 8,
        "RFC 3261 §8.2.7"
    );
    let bye = inside(&invite, "9 BYE", "bye");
    assert_eq!(tell(&mut net, alice, "BYE", &bye, ""), Some(200));
    assert_eq!(net.end_of(alice, id).unwrap().kind, EndKind::RemoteBye);
    // What is repeated gets what it got before, though nobody remembers the call any more.
    net.run_for(secs(1));
    assert_eq!(tell(&mut net, alice, "BYE", &bye, ""), Some(200));
}

#[test]
fn a_contact_of_a_transport_this_build_lacks_is_reached_through_the_server() {
    for contact in [
        "<sips:carol@203.0.113.77>",
        "<sip:carol@x.invalid;transport=ws>",
    ] {
        let mut net = Net::new(82);
        let mut config = config("alice", 1, TransportKind::Udp);
        config.registrar = Some("sip:192.0.2.50".parse().unwrap());
        let alice = net.add(config);
        let uri = "sip:carol@example.org".parse().unwrap();
        let offer = media(4000, Direction::SendRecv);
        let id = net
            .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
            .unwrap();
        net.run_for(ms(50));
        let invite = net.request("INVITE").unwrap();
        let ok = Response::answer(&invite, StatusCode::OK).with_to_tag("carol");
        let ok = with_sdp(ok.with_header("Contact", contact), 7000);
        send(&mut net, alice, &ok);
        net.act(alice, |agent, now| agent.hang_up(now, id, None))
            .unwrap();
        net.run_for(ms(50));
        for method in ["ACK", "BYE"] {
            let sent = net.request(method).expect(method);
            assert_eq!(format!("<{}>", sent.uri), contact);
        }
    }
}

#[test]
fn a_call_that_must_be_secure_does_not_leave_in_the_clear() {
    let mut net = Net::new(83);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.registrar = Some("sip:192.0.2.50".parse().unwrap());
    let alice = net.add(config);
    let uri = "sips:carol@example.org".parse().unwrap();
    let refused = net.act(alice, |agent, now| agent.invite(now, &uri, None));
    let why = AgentError::Unroutable(HopError::UnsupportedTransport);
    assert_eq!(refused, Err(why));
    let uri = "sip:carol@example.org".parse().unwrap();
    let id = net.act(alice, |agent, now| agent.invite(now, &uri, None));
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    let moved = Response::answer(&invite, StatusCode::MOVED_TEMPORARILY).with_to_tag("x");
    let moved = moved.with_header("Contact", "<sips:carol@example.org>");
    send(&mut net, alice, &moved);
    assert_eq!(requests(&net, "INVITE").len(), 1, "RFC 5630 §3.1.3");
    assert!(net.end_of(alice, id.unwrap()).is_some());
}
