use std::net::SocketAddr;

use super::*;
use crate::message::{Message, StatusCode, parse_datagram};
use crate::transaction::test_clock::{ms, start};

fn flow() -> Flow {
    Flow::Datagram(SocketAddr::from(([192, 0, 2, 9], 5062)))
}

fn hop() -> Destination {
    let at = SocketAddr::from(([192, 0, 2, 9], 5060));
    Destination::Datagram(Hop::at(at, TransportKind::Udp))
}

fn request(method: &str, via: &str, cseq: u32) -> Request {
    let text = format!(
        "{method} sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9{via}\r\n\
         From: <sip:a@192.0.2.9>;tag=1\r\nTo: <sip:b@192.0.2.1>\r\nCall-ID: c\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    match parse_datagram(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn layer(servers: usize) -> Transactions {
    Transactions::new(
        Timers::default(),
        Limits {
            clients: 2,
            servers,
        },
    )
}

fn sent(layer: &mut Transactions) -> Vec<Outgoing> {
    std::iter::from_fn(|| layer.poll_outgoing()).collect()
}

#[test]
fn a_repeat_without_a_unique_branch_is_still_known() {
    let mut layer = layer(8);
    let now = start();
    let old = request("OPTIONS", "", 7);
    let Ok(Received::New(id)) = layer.receive_request(now, &old, flow()) else {
        panic!("the first is new");
    };
    assert_eq!(
        layer.receive_request(now, &old, flow()),
        Ok(Received::Absorbed)
    );
    assert!(sent(&mut layer).is_empty(), "nothing to repeat yet");
    layer.respond(now, id, &Response::answer(&old, StatusCode::OK));
    assert_eq!(
        layer.receive_request(now, &old, flow()),
        Ok(Received::Absorbed)
    );
    assert_eq!(
        sent(&mut layer).len(),
        2,
        "the answer, and the answer again"
    );
    let next = request("OPTIONS", "", 8);
    assert!(matches!(
        layer.receive_request(now, &next, flow()),
        Ok(Received::New(_))
    ));
}

#[test]
fn answers_go_to_the_source_port_only_where_rport_asks_for_it() {
    for (via, port) in [
        (";branch=z9hG4bKa;rport", 5062),
        (":5070;branch=z9hG4bKb", 5070),
    ] {
        let mut layer = layer(8);
        let now = start();
        let asked = request("OPTIONS", via, 1);
        let Ok(Received::New(id)) = layer.receive_request(now, &asked, flow()) else {
            panic!("the first is new");
        };
        layer.respond(now, id, &Response::answer(&asked, StatusCode::OK));
        let Destination::Datagram(hop) = sent(&mut layer).remove(0).to else {
            panic!("a datagram");
        };
        assert_eq!(hop.port, Some(port), "RFC 3581 §4, RFC 3261 §18.2.2");
    }
}

#[test]
fn more_transactions_than_the_limit_are_refused() {
    let mut layer = layer(1);
    let now = start();
    let first = request("OPTIONS", ";branch=z9hG4bK1", 1);
    let second = request("OPTIONS", ";branch=z9hG4bK2", 2);
    assert!(matches!(
        layer.receive_request(now, &first, flow()),
        Ok(Received::New(_))
    ));
    assert_eq!(
        layer.receive_request(now, &second, flow()),
        Ok(Received::Full)
    );
    for (branch, fits) in [("x", true), ("y", true), ("z", false)] {
        let ours = request("OPTIONS", &format!(";branch=z9hG4bK{branch}"), 1);
        let started = layer.start(now, ours, hop(), None);
        assert_eq!(started.is_ok(), fits, "{branch}");
    }
    let without = request("OPTIONS", "", 1);
    let mut roomy = self::layer(1);
    assert_eq!(
        roomy.start(now, without, hop(), None),
        Err(TransactionError::NoBranch)
    );
}

#[test]
fn each_copy_of_a_refusal_gets_its_ack_and_the_user_hears_of_the_first() {
    let mut layer = layer(8);
    let now = start();
    let invite = request("INVITE", ";branch=z9hG4bKi", 1);
    let id = layer.start(now, invite.clone(), hop(), None).unwrap();
    let busy = Response::answer(&invite, StatusCode::BUSY_HERE).with_to_tag("t");
    assert_eq!(layer.receive_response(now, &busy), Some(id));
    assert_eq!(layer.receive_response(now + ms(500), &busy), None);
    let starts: Vec<bool> = sent(&mut layer)
        .iter()
        .map(|out| out.bytes.starts_with(b"ACK "))
        .collect();
    assert_eq!(starts, [false, true, true]);
    layer.handle_timeout(now + ms(32_000));
    assert_eq!(layer.poll_notice(), Some(Notice::ClientOver(id)));
    assert_eq!(layer.open(), (0, 0));
}

#[test]
fn a_response_to_nobody_is_dropped() {
    let mut layer = layer(8);
    let stranger = request("INVITE", ";branch=z9hG4bKnobody", 1);
    let ok = Response::answer(&stranger, StatusCode::OK);
    assert_eq!(layer.receive_response(start(), &ok), None);
    assert!(sent(&mut layer).is_empty());
}

#[test]
fn a_broken_connection_fails_what_waits_on_it_and_redirects_answers() {
    let mut layer = layer(8);
    let now = start();
    let connection = ConnectionId(3);
    let ours = request("OPTIONS", ";branch=z9hG4bKo", 1);
    let id = layer
        .start(now, ours, Destination::Connection(connection), None)
        .unwrap();
    let theirs = request("INVITE", ":5070;branch=z9hG4bKt", 1);
    let stream = Flow::Connection(connection, SocketAddr::from(([192, 0, 2, 9], 41_000)));
    let Ok(Received::New(server)) = layer.receive_request(now, &theirs, stream) else {
        panic!("the first is new");
    };
    sent(&mut layer);
    layer.handle_disconnected(now, connection);
    let failed = Notice::ClientFailed(id, TransportError::Closed);
    assert_eq!(layer.poll_notice(), Some(failed));
    layer.respond(
        now,
        server,
        &Response::answer(&theirs, StatusCode::BUSY_HERE),
    );
    let listener = SocketAddr::from(([192, 0, 2, 9], 5070));
    let to = Destination::Stream(Hop::at(listener, TransportKind::Tcp));
    assert_eq!(sent(&mut layer).remove(0).to, to, "RFC 3261 §18.2.2");
}
