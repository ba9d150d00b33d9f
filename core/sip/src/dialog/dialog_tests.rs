use super::*;
use crate::message::{Message, Method, Request, Response, StatusCode, parse_datagram};

const INVITE: &str = "INVITE sip:bob@example.org SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKaaa;rport\r\n\
    Record-Route: <sip:second.example.org;lr>, <sip:first.example.org;lr>\r\n\
    From: \"Alice\" <sip:alice@example.org>;tag=a1\r\n\
    To: <sip:bob@example.org>\r\n\
    Call-ID: one\r\n\
    CSeq: 7 INVITE\r\n\
    Contact: <sip:alice@192.0.2.1>\r\n\
    Max-Forwards: 70\r\n\r\n";

fn invite() -> Request {
    match parse_datagram(INVITE.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn accepted(routes: &str) -> Response {
    let mut response = Response::answer(&invite(), StatusCode::OK).with_to_tag("b1");
    response
        .headers
        .push("Contact", "<sip:bob@198.51.100.7:5070>");
    if !routes.is_empty() {
        response.headers.push("Record-Route", routes);
    }
    response
}

fn routes_of(request: &Request) -> Vec<String> {
    let routes = request.headers.routes().unwrap();
    routes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_caller_visits_the_recorded_proxies_backwards() {
    let routes = "<sip:last.example.org;lr>, <sip:edge.example.org;lr>";
    let mut dialog = Dialog::caller(&invite(), &accepted(routes)).unwrap();
    let bye = dialog.request(Method::BYE);
    assert_eq!(bye.request.uri.to_string(), "sip:bob@198.51.100.7:5070");
    assert_eq!(
        routes_of(&bye.request),
        ["<sip:edge.example.org;lr>", "<sip:last.example.org;lr>"]
    );
    assert_eq!(bye.next_hop.to_string(), "sip:edge.example.org;lr");
    assert_eq!(bye.request.headers.text("CSeq").as_deref(), Some("8 BYE"));
    assert_eq!(bye.request.headers.from().unwrap().tag(), Some("a1"));
    assert_eq!(bye.request.headers.to().unwrap().tag(), Some("b1"));
}

#[test]
fn the_callee_visits_them_as_recorded_and_swaps_from_and_to() {
    let mut dialog = Dialog::callee(&invite(), "b1", 100).unwrap();
    let bye = dialog.request(Method::BYE);
    assert_eq!(bye.request.uri.to_string(), "sip:alice@192.0.2.1");
    assert_eq!(
        routes_of(&bye.request),
        ["<sip:second.example.org;lr>", "<sip:first.example.org;lr>"]
    );
    assert_eq!(bye.request.headers.from().unwrap().tag(), Some("b1"));
    assert_eq!(bye.request.headers.to().unwrap().tag(), Some("a1"));
    assert_eq!(bye.request.headers.text("CSeq").as_deref(), Some("101 BYE"));
}

#[test]
fn a_strict_router_becomes_the_request_uri_and_the_target_the_last_route() {
    let routes = "<sip:last.example.org;lr>, <sip:strict.example.org>";
    let mut dialog = Dialog::caller(&invite(), &accepted(routes)).unwrap();
    let bye = dialog.request(Method::BYE);
    assert_eq!(bye.request.uri.to_string(), "sip:strict.example.org");
    assert_eq!(
        routes_of(&bye.request),
        ["<sip:last.example.org;lr>", "<sip:bob@198.51.100.7:5070>"]
    );
    assert_eq!(bye.next_hop.to_string(), "sip:strict.example.org");
}

#[test]
fn the_ack_has_the_number_of_its_invite_and_does_not_count() {
    let dialog = Dialog::caller(&invite(), &accepted("")).unwrap();
    let ack = dialog.ack(7);
    assert_eq!(ack.request.headers.text("CSeq").as_deref(), Some("7 ACK"));
    assert_eq!(ack.next_hop.to_string(), "sip:bob@198.51.100.7:5070");
    assert_eq!(dialog.local_sequence(), 7);
}

#[test]
fn numbers_of_the_far_end_only_rise() {
    let mut dialog = Dialog::callee(&invite(), "b1", 1).unwrap();
    let mut next = invite();
    let mut number = |cseq: &str| {
        next.headers.set("CSeq", cseq);
        dialog.admit(&next)
    };
    assert_eq!(number("7 INVITE"), Err(DialogError::OutOfOrder));
    assert_eq!(number("20 INFO"), Ok(()));
    assert_eq!(number("8 BYE"), Err(DialogError::OutOfOrder));
    assert_eq!(number("21 BYE"), Ok(()));
}

#[test]
fn a_target_refresh_moves_later_requests() {
    let mut dialog = Dialog::caller(&invite(), &accepted("")).unwrap();
    let mut update = invite();
    update.headers.set("Contact", "<sip:bob@203.0.113.9>");
    dialog.refresh_target(&update.headers).unwrap();
    let info = dialog.request(Method::INFO);
    assert_eq!(info.request.uri.to_string(), "sip:bob@203.0.113.9");
}

#[test]
fn an_endless_route_set_is_refused() {
    let routes = vec!["<sip:p.example.org;lr>"; MAX_ROUTES + 1].join(", ");
    let dialog = Dialog::caller(&invite(), &accepted(&routes));
    assert_eq!(dialog.unwrap_err(), DialogError::TooManyRoutes);
}
