//! Against peers written out on the wire: forks, redirections, challenges, and what strangers send.

use std::net::SocketAddr;

use tandem_sip::agent::{AgentError, EndKind, Event, LargeRequests, SessionId, TransportKind};
use tandem_sip::digest::{Credentials, DigestRequest, Verifier, VerifierConfig};
use tandem_sip::message::{Message, Request, Response, StatusCode};
use tandem_sip::sdp::SessionDescription;
use tandem_sip::transaction::HopError;
use tandem_types::{Direction, Pii, SeededEntropy};

use crate::net::{Net, Node, config, media, ms, port, secs};

pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\nt=0 0\r\n\
                   m=audio 7000 RTP/AVP 8\r\n";

pub fn peer() -> SocketAddr {
    "192.0.2.50:5060".parse().unwrap()
}

/// Alice has called the scripted peer, whose mail holds the INVITE.
pub fn called() -> (Net, Node, SessionId, Request) {
    let mut net = Net::new(30);
    let alice = net.phone("alice", 1, TransportKind::Udp);
    let uri = "sip:carol@192.0.2.50".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    (net, alice, id, invite)
}

pub fn reply(request: &Request, code: u16, tag: &str) -> Response {
    let status = StatusCode::new(code).unwrap();
    let response = Response::answer(request, status).with_to_tag(tag);
    response.with_header("Contact", format!("<sip:{tag}@192.0.2.50>"))
}

pub fn with_sdp(mut response: Response, media_port: u16) -> Response {
    let body = SDP.replace("7000", &media_port.to_string());
    assert!(SessionDescription::parse(body.as_bytes()).is_ok());
    response.set_body("application/sdp", body);
    response
}

pub fn send(net: &mut Net, to: Node, response: &Response) {
    net.post(peer(), to, response.to_bytes());
    net.run_for(ms(50));
}

pub fn requests(net: &Net, method: &str) -> Vec<Request> {
    let mail = net.mail.iter();
    mail.filter_map(|(_, message)| match message {
        Message::Request(request) if request.method.as_str() == method => Some(request.clone()),
        Message::Request(_) | Message::Response(_) => None,
    })
    .collect()
}

#[test]
fn forks_ring_apart_and_the_surplus_answer_is_hung_up() {
    let (mut net, alice, id, invite) = called();
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 183, "desk"), 7002),
    );
    send(&mut net, alice, &reply(&invite, 180, "mobile"));
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 183, "mobile"), 7004),
    );
    let early: Vec<_> = net
        .take(alice)
        .into_iter()
        .map(|event| match event {
            Event::Progress { fork, answer, .. } => (fork.unwrap().0, answer.as_ref().map(port)),
            other => panic!("{other:?}"),
        })
        .collect();
    let told = [
        ("desk".to_owned(), Some(7002)),
        ("mobile".to_owned(), None),
        ("mobile".to_owned(), Some(7004)),
    ];
    assert_eq!(early, told);
    // The mobile wins without repeating its answer; the desk answers all the same.
    send(&mut net, alice, &reply(&invite, 200, "mobile"));
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 200, "desk"), 7002),
    );
    let won = net.take(alice);
    let [
        Event::Accepted {
            fork,
            answer: Some(answer),
            ..
        },
    ] = won.as_slice()
    else {
        panic!("{won:?}");
    };
    assert_eq!((fork.0.as_str(), port(answer)), ("mobile", 7004));
    let acked: Vec<String> = requests(&net, "ACK")
        .iter()
        .map(|ack| ack.uri.to_string())
        .collect();
    assert_eq!(acked, ["sip:mobile@192.0.2.50", "sip:desk@192.0.2.50"]);
    let byes = requests(&net, "BYE");
    assert_eq!(byes[0].uri.to_string(), "sip:desk@192.0.2.50");
    assert!(
        byes.iter()
            .all(|bye| bye.headers.to().unwrap().tag() == Some("desk"))
    );
    assert_eq!(net.end_of(alice, id), None);
}

#[test]
fn a_2xx_with_nothing_to_agree_on_is_acknowledged_and_hung_up() {
    let (mut net, alice, id, invite) = called();
    send(&mut net, alice, &reply(&invite, 200, "odd"));
    assert_eq!(requests(&net, "ACK").len(), 1);
    assert_eq!(requests(&net, "BYE").len(), 1);
    assert_eq!(net.end_of(alice, id).unwrap().kind, EndKind::ProtocolError);
}

#[test]
fn a_redirection_is_followed_best_first_and_not_for_ever() {
    let (mut net, alice, id, invite) = called();
    let mut moved = Response::answer(&invite, StatusCode::MOVED_TEMPORARILY).with_to_tag("x");
    let contacts = "<sip:b@192.0.2.50>;q=0.3, <sip:a@192.0.2.50>;q=0.9";
    moved.headers.push("Contact", contacts);
    send(&mut net, alice, &moved);
    let second = net.request("INVITE").unwrap();
    assert_eq!(second.uri.to_string(), "sip:a@192.0.2.50");
    assert_eq!(second.headers.call_id(), invite.headers.call_id());
    assert_eq!(second.headers.cseq().unwrap().number, 2);
    send(&mut net, alice, &reply(&second, 404, "y"));
    assert_eq!(
        net.request("INVITE").unwrap().uri.to_string(),
        "sip:b@192.0.2.50"
    );
    for turn in 0..20 {
        let invite = net.request("INVITE").unwrap();
        let mut again = Response::answer(&invite, StatusCode::MOVED_TEMPORARILY).with_to_tag("z");
        again
            .headers
            .push("Contact", format!("<sip:loop{turn}@192.0.2.50>"));
        send(&mut net, alice, &again);
    }
    let end = net.end_of(alice, id).unwrap();
    assert_eq!(end.status, Some(StatusCode::MOVED_TEMPORARILY));
    assert!(requests(&net, "INVITE").len() <= 6, "bounded");
}

/// A proxy that wants to know who calls.
struct Proxy {
    verifier: Verifier,
    entropy: SeededEntropy,
}

impl Proxy {
    fn new(net: &Net) -> Self {
        let mut entropy = SeededEntropy::new(77);
        let config = VerifierConfig::new("example.org");
        let verifier = Verifier::new(config, net.now, &mut entropy);
        Self { verifier, entropy }
    }

    fn challenge(&mut self, net: &Net, request: &Request, stale: bool) -> Response {
        let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let mut response = Response::answer(request, status).with_to_tag("proxy");
        for challenge in self.verifier.challenges(net.now, stale, &mut self.entropy) {
            response
                .headers
                .push("Proxy-Authenticate", challenge.to_header().unwrap());
        }
        response
    }

    fn is_right(&mut self, net: &Net, request: &Request) -> bool {
        let proofs = request.headers.proxy_authorization();
        let uri = request.uri.to_string();
        let method = request.method.as_str();
        let proven = DigestRequest {
            method,
            uri: &uri,
            body: &request.body,
        };
        let word = |_: &str| Some(Pii::new("secret".to_owned()));
        proofs
            .iter()
            .any(|proof| self.verifier.verify(net.now, proof, &proven, word).is_ok())
    }
}

fn called_with(password: Option<&str>) -> (Net, Node, SessionId, Request, Proxy) {
    let mut net = Net::new(31);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.credentials = password.map(|password| Credentials::new("alice", password));
    config.registrar = Some("sip:192.0.2.50".parse().unwrap());
    let alice = net.add(config);
    let uri = "sip:carol@example.org".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    let proxy = Proxy::new(&net);
    (net, alice, id, invite, proxy)
}

#[test]
fn a_challenged_invite_is_acknowledged_and_sent_again_with_proof() {
    let (mut net, alice, id, invite, mut proxy) = called_with(Some("secret"));
    let challenge = proxy.challenge(&net, &invite, false);
    send(&mut net, alice, &challenge);
    assert_eq!(
        requests(&net, "ACK").len(),
        1,
        "the 407 is acknowledged first"
    );
    let second = net.request("INVITE").unwrap();
    assert_eq!(second.headers.cseq().unwrap().number, 2);
    assert_eq!(second.headers.call_id(), invite.headers.call_id());
    assert_eq!(
        second.headers.from().unwrap().tag(),
        invite.headers.from().unwrap().tag()
    );
    assert!(proxy.is_right(&net, &second));
    // The nonce grew old meanwhile: once more, with a new one.
    let stale = proxy.challenge(&net, &second, true);
    send(&mut net, alice, &stale);
    let third = net.request("INVITE").unwrap();
    assert_eq!(third.headers.cseq().unwrap().number, 3);
    assert!(proxy.is_right(&net, &third));
    send(
        &mut net,
        alice,
        &with_sdp(reply(&third, 200, "carol"), 7000),
    );
    let ack = net.request("ACK").unwrap();
    assert_eq!(ack.headers.cseq().unwrap().number, 3);
    assert!(
        ack.headers.contains("Proxy-Authorization"),
        "RFC 3261 §22.1"
    );
    // The BYE carries its proof at once.
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.run_for(ms(50));
    assert!(proxy.is_right(&net, &net.request("BYE").unwrap()));
}

#[test]
fn a_wrong_password_and_none_end_the_call_as_not_authorised() {
    for (password, rounds) in [(Some("guess"), 2), (None, 1)] {
        let (mut net, alice, id, _, mut proxy) = called_with(password);
        for _ in 0..6 {
            let invite = net.request("INVITE").unwrap();
            assert!(!proxy.is_right(&net, &invite));
            let challenge = proxy.challenge(&net, &invite, false);
            send(&mut net, alice, &challenge);
        }
        assert_eq!(net.end_of(alice, id).unwrap().kind, EndKind::AuthFailed);
        assert_eq!(requests(&net, "INVITE").len(), rounds, "no loop");
    }
}

#[test]
fn a_challenged_bye_is_sent_again() {
    let (mut net, alice, id, invite, mut proxy) = called_with(Some("secret"));
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 200, "carol"), 7000),
    );
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.run_for(ms(50));
    let bye = net.request("BYE").unwrap();
    let challenge = proxy.challenge(&net, &bye, false);
    send(&mut net, alice, &challenge);
    let second = net.request("BYE").unwrap();
    assert!(proxy.is_right(&net, &second));
    assert!(second.headers.cseq().unwrap().number > bye.headers.cseq().unwrap().number);
    send(&mut net, alice, &reply(&second, 200, "carol"));
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_far_end_that_forgot_the_call_ends_it() {
    let (mut net, alice, id, invite) = called();
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 200, "carol"), 7000),
    );
    net.act(alice, |agent, now| agent.send_dtmf(now, id, '5', ms(100)))
        .unwrap();
    net.run_for(ms(50));
    let info = net.request("INFO").unwrap();
    send(&mut net, alice, &reply(&info, 481, "carol"));
    let end = net.end_of(alice, id).unwrap();
    assert_eq!(end.status.map(StatusCode::code), Some(481));
}

pub fn post(net: &mut Net, to: Node, start: &str, headers: &[&str], body: &str) -> Option<u16> {
    net.mail.clear();
    let length = body.len();
    let headers = headers.join("\r\n");
    let text = format!(
        "{start} SIP/2.0\r\n{headers}\r\nMax-Forwards: 70\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    net.post(peer(), to, text);
    net.run_for(ms(50));
    net.mail
        .iter()
        .rev()
        .find_map(|(_, message)| match message {
            Message::Response(response) if response.status != StatusCode::TRYING => {
                Some(response.status.code())
            }
            Message::Request(_) | Message::Response(_) => None,
        })
}

pub const FROM: &str = "From: <sip:carol@192.0.2.50>;tag=c1";
pub const TO: &str = "To: <sip:alice@192.0.2.1>";
const TO_CALL: &str = "To: <sip:alice@192.0.2.1>;tag=gone";

#[test]
fn strangers_get_the_answers_of_the_rfc() {
    let mut net = Net::new(32);
    let alice = net.phone("alice", 1, TransportKind::Udp);
    let mut branch = 0;
    let mut ask = |method: &str, to: &str, more: &[&str], body: &str| {
        branch += 1;
        let via = format!("Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{branch}");
        let call = format!("Call-ID: {branch}");
        let cseq = format!("CSeq: 1 {method}");
        let mut headers = vec![via.as_str(), FROM, to, call.as_str(), cseq.as_str()];
        headers.extend(more);
        let start = format!("{method} sip:alice@192.0.2.1");
        let code = post(&mut net, alice, &start, &headers, body);
        (code, net.mail.pop())
    };
    assert_eq!(ask("OPTIONS", TO, &[], "").0, Some(200));
    for inside in ["BYE", "INFO", "UPDATE", "INVITE", "OPTIONS"] {
        assert_eq!(ask(inside, TO_CALL, &[], "").0, Some(481), "{inside}");
    }
    assert_eq!(ask("CANCEL", TO, &[], "").0, Some(481));
    assert_eq!(ask("ACK", TO_CALL, &[], "").0, None);
    assert_eq!(ask("SUBSCRIBE", TO, &["Event: presence"], "").0, Some(405));
    assert_eq!(ask("DANCE", TO, &[], "").0, Some(501));
    let (code, answer) = ask("INVITE", TO, &["Require: 100rel, timer"], "");
    assert_eq!(code, Some(420));
    let unsupported = answer.unwrap().1.headers().unsupported().unwrap();
    assert_eq!(unsupported, ["100rel", "timer"]);
    let text = &["Content-Type: text/plain"];
    assert_eq!(ask("INVITE", TO, text, "hello").0, Some(415));
    let sdp = &[
        "Content-Type: application/sdp",
        "Contact: <sip:carol@192.0.2.50>",
    ];
    assert_eq!(ask("INVITE", TO, sdp, "v=1\r\n").0, Some(488));
    assert_eq!(net.events(alice), []);
}

#[test]
fn the_same_invite_over_two_paths_rings_once() {
    let mut net = Net::new(33);
    let alice = net.phone("alice", 1, TransportKind::Udp);
    let invite = |branch: &str| {
        let via = format!("Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{branch}");
        let contact = "Contact: <sip:carol@192.0.2.50>";
        [&via, FROM, TO, "Call-ID: m", "CSeq: 1 INVITE", contact].map(str::to_owned)
    };
    let mut offer = |branch: &str| {
        let headers = invite(branch);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let start = "INVITE sip:alice@192.0.2.1";
        post(&mut net, alice, start, &headers, "")
    };
    assert_eq!(offer("one"), None, "it rings");
    assert_eq!(offer("one"), None, "a repeat");
    assert_eq!(offer("two"), Some(482), "RFC 3261 §8.2.2.2");
    assert_eq!(net.events(alice).len(), 1);
}

#[test]
fn requests_out_of_order_get_500_and_more_calls_than_lines_get_486() {
    let mut net = Net::new(34);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.max_sessions = 2;
    let alice = net.add(config);
    let contact = "Contact: <sip:carol@192.0.2.50>";
    let mut call = |n: u32, cseq: &str, start: &str, to: &str| {
        let via = format!(
            "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{n}{}",
            cseq.len()
        );
        let id = format!("Call-ID: {n}");
        post(
            &mut net,
            alice,
            start,
            &[&via, FROM, to, &id, cseq, contact],
            "",
        )
    };
    let start = "INVITE sip:alice@192.0.2.1";
    assert_eq!(call(1, "CSeq: 10 INVITE", start, TO), None);
    assert_eq!(call(2, "CSeq: 10 INVITE", start, TO), None);
    assert_eq!(call(3, "CSeq: 10 INVITE", start, TO), Some(486));
    let first = net.incoming(alice).unwrap();
    net.act(alice, |agent, now| agent.ring(now, first)).unwrap();
    net.run_for(ms(50));
    let tag = net
        .response(180)
        .unwrap()
        .headers
        .to()
        .unwrap()
        .tag()
        .unwrap()
        .to_owned();
    let to = format!("{TO};tag={tag}");
    let headers = |cseq: &'static str| {
        let via = format!(
            "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{}",
            cseq.len() + 900
        );
        [
            via,
            FROM.to_owned(),
            to.clone(),
            "Call-ID: 1".to_owned(),
            cseq.to_owned(),
        ]
    };
    for (cseq, code) in [("CSeq: 9 OPTIONS", 500), ("CSeq: 11 OPTIONS", 200)] {
        let headers = headers(cseq);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let start = "OPTIONS sip:alice@192.0.2.1";
        assert_eq!(
            post(&mut net, alice, start, &headers, ""),
            Some(code),
            "{cseq}"
        );
    }
}

/// A phone that may use TCP for large requests, and what it sent first.
fn large_call(tcp_there: bool) -> (Net, Node, SessionId) {
    let mut net = Net::new(35);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.large_requests = LargeRequests::UseTcp;
    config.display_name = Some("A".repeat(900));
    if tcp_there {
        net.listen(peer());
    }
    let alice = net.add(config);
    let uri = "sip:carol@192.0.2.50".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(150));
    (net, alice, id)
}

#[test]
fn a_large_request_goes_over_tcp_where_that_is_there() {
    let (net, ..) = large_call(true);
    let via = net.request("INVITE").unwrap().headers.via().unwrap();
    assert_eq!(via.transport, "TCP", "RFC 3261 §18.1.1");
    assert_eq!(net.count(net.address(Node::first()), "INVITE"), 1);
}

#[test]
fn a_large_request_goes_as_a_datagram_where_nobody_takes_connections() {
    let (mut net, alice, id) = large_call(false);
    let invite = net.request("INVITE").unwrap();
    assert_eq!(invite.headers.via().unwrap().transport, "UDP");
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 200, "carol"), 7000),
    );
    assert!(matches!(net.events(alice), [Event::Accepted { .. }]));
    assert_eq!(net.end_of(alice, id), None);
}

#[test]
fn a_server_that_took_no_connection_is_not_asked_for_one_at_every_call() {
    let (mut net, alice, _) = large_call(false);
    net.sent.clear();
    let begun = net.now;
    let uri = "sip:carol@192.0.2.50".parse().unwrap();
    let offer = media(4010, Direction::SendRecv);
    net.act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(150));
    let invites = net
        .sent
        .iter()
        .filter(|(.., bytes)| bytes.starts_with(b"INVITE"));
    let first = invites.map(|(at, ..)| *at).min();
    assert_eq!(first, Some(begun), "it went as a datagram at once");
}

#[test]
fn the_outbound_proxy_is_the_first_route_of_every_call() {
    let mut net = Net::new(36);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.outbound_proxy = Some("sip:192.0.2.50".parse().unwrap());
    let alice = net.add(config);
    let uri = "tel:+15551234".parse().unwrap();
    let refused = net.act(alice, |agent, now| agent.invite(now, &uri, None));
    assert!(refused.is_ok(), "a proxy knows what to do with a number");
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    assert_eq!(invite.uri.to_string(), "tel:+15551234");
    assert_eq!(
        invite.headers.routes().unwrap()[0].to_string(),
        "<sip:192.0.2.50;lr>"
    );
}

#[test]
fn a_number_is_dialled_at_the_account_and_nowhere_without_one() {
    let mut net = Net::new(37);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.registrar = Some("sip:192.0.2.50".parse().unwrap());
    config.aor = "sip:alice@example.org".parse().unwrap();
    let alice = net.add(config);
    let lone = net.phone("lone", 3, TransportKind::Udp);
    let uri = "tel:+1-555-1234".parse().unwrap();
    net.act(alice, |agent, now| agent.invite(now, &uri, None))
        .unwrap();
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    assert_eq!(
        invite.uri.to_string(),
        "sip:+15551234@example.org;user=phone"
    );
    let nowhere = net.act(lone, |agent, now| agent.invite(now, &uri, None));
    assert_eq!(nowhere, Err(AgentError::Unroutable(HopError::NotSip)));
    let secure = "sips:bob@192.0.2.50".parse().unwrap();
    let secure = net.act(lone, |agent, now| agent.invite(now, &secure, None));
    assert_eq!(
        secure,
        Err(AgentError::Unroutable(HopError::UnsupportedTransport))
    );
    assert_eq!(net.agent(lone).sessions().count(), 0);
}

#[test]
fn an_update_without_offer_is_answered_and_moves_the_target() {
    let (mut net, alice, id, invite) = called();
    send(
        &mut net,
        alice,
        &with_sdp(reply(&invite, 200, "carol"), 7000),
    );
    let from = "From: <sip:carol@192.0.2.50>;tag=carol";
    let to = format!("To: {}", invite.headers.text("From").unwrap());
    let call = format!("Call-ID: {}", invite.headers.call_id().unwrap());
    let via = "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKupdate";
    let contact = "Contact: <sip:elsewhere@192.0.2.50>";
    let headers = [
        via,
        from,
        &to,
        &call,
        "CSeq: 5 UPDATE",
        contact,
        "Session-Expires: 90",
    ];
    let code = post(&mut net, alice, "UPDATE sip:alice@192.0.2.1", &headers, "");
    assert_eq!(code, Some(200));
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.run_for(ms(50));
    assert_eq!(
        net.request("BYE").unwrap().uri.to_string(),
        "sip:elsewhere@192.0.2.50"
    );
}
