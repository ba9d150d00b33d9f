//! Servers found by name (RFC 3263), and what happens when one of several fails.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::agent::{
    AgentConfig, EndKind, Event, RegistrationEvent, RegistrationFailure, TlsFailure,
    TransportChoice, TransportError, TransportKind, UserAgent,
};
use tandem_sip::message::{Message, Request, Response, StatusCode};
use tandem_types::Direction;

use crate::net::{Net, Node, config, media, ms, secs};

const ONE: &str = "192.0.2.61";
const TWO: &str = "192.0.2.62";

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// A phone whose account is at `example.org`.
fn account(transport: impl Into<TransportChoice>) -> AgentConfig {
    let kind = TransportKind::Udp;
    let mut config = config("alice", 1, kind);
    config.aor = "sip:alice@example.org".parse().unwrap();
    config.registrar = Some("sip:example.org".parse().unwrap());
    config.transport = transport.into();
    config.local.tls = Some(at("192.0.2.1", 0));
    config
}

/// Two servers of one domain, the first one preferred.
fn two_servers(net: &mut Net, service: &str, port: u16) {
    let name = format!("{service}.example.org");
    net.zone.srv(&name, 10, port, "one.example.org");
    net.zone.srv(&name, 20, port, "two.example.org");
    net.zone.host("one.example.org", ONE);
    net.zone.host("two.example.org", TWO);
}

/// Answers every request in the mail: from those that are up, with that status.
fn serve(
    net: &mut Net,
    phone: Node,
    span: Duration,
    answers: &[(&str, u16)],
) -> Vec<(String, Request)> {
    let until = net.now + span;
    let mut asked = Vec::new();
    while net.now < until {
        net.run_for(ms(10).min(until - net.now));
        for (to, line, message) in std::mem::take(&mut net.arrived) {
            let Message::Request(mut request) = message else {
                continue;
            };
            let server = to.ip().to_string();
            asked.push((server.clone(), request.clone()));
            let Some((_, code)) = answers.iter().find(|(ip, _)| *ip == server) else {
                continue;
            };
            if request.method.as_str() == "ACK" {
                continue;
            }
            let mut via = request.headers.via().unwrap();
            via.stamp(net.address(phone));
            request.headers.replace_first_value("Via", &via.to_string());
            let status = StatusCode::new(*code).unwrap();
            let mut response = Response::answer(&request, status).with_to_tag("s");
            if request.method.as_str() == "REGISTER" && *code == 200 {
                let contact = request.headers.text("Contact").unwrap();
                response
                    .headers
                    .push("Contact", format!("{contact};expires=300"));
            }
            let bytes = response.to_bytes();
            match line {
                Some(line) => net.write(line, &bytes),
                None => net.post(to, phone, bytes),
            }
        }
    }
    asked
}

/// Whom it asked with that method, in order, repeats left out.
fn whom(asked: &[(String, Request)], method: &str) -> Vec<String> {
    let of_method = asked.iter().filter(|(_, r)| r.method.as_str() == method);
    let mut order: Vec<String> = of_method.map(|(server, _)| server.clone()).collect();
    order.dedup();
    order
}

fn news(net: &mut Net, phone: Node) -> Vec<RegistrationEvent> {
    let events = net.take(phone);
    let told = events.into_iter().filter_map(|event| match event {
        Event::Registration(news) => Some(news),
        _ => None,
    });
    told.collect()
}

fn registered() -> RegistrationEvent {
    RegistrationEvent::Registered { expires: secs(300) }
}

#[test]
fn a_name_is_looked_up_and_the_registered_server_gets_the_calls() {
    let mut net = Net::new(60);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    net.act(alice, UserAgent::register);
    let up = [(ONE, 200), (TWO, 200)];
    let asked = serve(&mut net, alice, secs(1), &up);
    assert_eq!(whom(&asked, "REGISTER"), [ONE]);
    assert_eq!(news(&mut net, alice), [registered()]);
    let questions = net.zone.asked;
    assert_eq!(questions, 4, "NAPTR, SRV and two hosts");
    serve(&mut net, alice, secs(120), &up);
    let bob = "sip:bob@example.org".parse().unwrap();
    net.act(alice, |agent, now| agent.invite(now, &bob, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 486)]);
    assert_eq!(whom(&asked, "INVITE"), [ONE]);
    assert_eq!(net.zone.asked, questions, "no look-up stands before a call");
}

#[test]
fn a_silent_server_is_given_up_after_seconds_and_tried_again_when_it_is_back() {
    let mut net = Net::new(61);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(6), &[(TWO, 200)]);
    assert_eq!(whom(&asked, "REGISTER"), [ONE, TWO]);
    let (first, last) = (&asked.first().unwrap().1, &asked.last().unwrap().1);
    let branch = |request: &Request| request.headers.via().unwrap().branch().map(str::to_owned);
    assert_ne!(branch(first), branch(last), "RFC 3263 §4.3");
    assert_eq!(news(&mut net, alice), [registered()]);
    assert_eq!(
        net.withdrawn.len(),
        1,
        "what was for the silent one is not sent later"
    );
    // The preferred one is back: the next cycle finds it.
    let asked = serve(&mut net, alice, secs(270), &[(ONE, 200), (TWO, 200)]);
    assert_eq!(whom(&asked, "REGISTER"), [ONE]);
    assert_eq!(news(&mut net, alice), [registered()]);
}

#[test]
fn a_closed_port_fails_over_at_once() {
    let mut net = Net::new(62);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    net.act(alice, UserAgent::register);
    net.run_for(ms(150));
    net.act(alice, |agent, now| {
        agent.handle_unreachable(now, at(ONE, 5060));
    });
    let asked = serve(&mut net, alice, ms(200), &[(TWO, 200)]);
    assert_eq!(
        whom(&asked, "REGISTER").last().map(String::as_str),
        Some(TWO)
    );
    assert_eq!(news(&mut net, alice), [registered()]);
}

#[test]
fn a_closed_port_without_another_server_is_told_at_once() {
    let mut net = Net::new(63);
    net.zone.host("example.org", ONE);
    let alice = net.add(account(TransportKind::Udp));
    net.act(alice, UserAgent::register);
    net.run_for(ms(150));
    net.act(alice, |agent, now| {
        agent.handle_unreachable(now, at(ONE, 5060));
    });
    let told = news(&mut net, alice);
    assert!(
        matches!(
            told[..],
            [RegistrationEvent::Failed {
                reason: RegistrationFailure::ConnectionRefused,
                retry_in: Some(_)
            }]
        ),
        "{told:?}"
    );
}

#[test]
fn a_503_sends_registrations_and_calls_to_the_next_server() {
    let mut net = Net::new(64);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 503), (TWO, 200)]);
    assert_eq!(whom(&asked, "REGISTER"), [ONE, TWO]);
    assert_eq!(news(&mut net, alice), [registered()]);

    // Now the second fails while a call begins: the call goes to the first, and the account follows.
    serve(&mut net, alice, secs(61), &[]);
    let bob = "sip:bob@example.org".parse().unwrap();
    let call = net
        .act(alice, |agent, now| agent.invite(now, &bob, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 486), (TWO, 503)]);
    assert_eq!(whom(&asked, "INVITE"), [TWO, ONE]);
    assert_eq!(whom(&asked, "REGISTER"), [ONE]);
    let end = net.end_of(alice, call).unwrap();
    assert_eq!(end.status.map(StatusCode::code), Some(486));
}

#[test]
fn a_call_that_nobody_answers_at_all_takes_the_next_server() {
    let mut net = Net::new(65);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    let bob = "sip:bob@example.org".parse().unwrap();
    let call = net
        .act(alice, |agent, now| agent.invite(now, &bob, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(6), &[(TWO, 486)]);
    assert_eq!(whom(&asked, "INVITE"), [ONE, TWO]);
    assert!(net.end_of(alice, call).is_some());

    // All are silent: it ends, and not before each was asked.
    let mut net = Net::new(66);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    let call = net
        .act(alice, |agent, now| agent.invite(now, &bob, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(45), &[]);
    assert_eq!(whom(&asked, "INVITE"), [ONE, TWO]);
    assert_eq!(net.end_of(alice, call).unwrap().kind, EndKind::Timeout);
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_call_given_up_while_its_name_is_looked_up_is_never_sent() {
    let mut net = Net::new(67);
    two_servers(&mut net, "_sip._udp", 5060);
    let alice = net.add(account(TransportKind::Udp));
    let bob = "sip:bob@example.org".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let call = net
        .act(alice, |agent, now| agent.invite(now, &bob, Some(offer)))
        .unwrap();
    net.run_for(ms(30));
    net.act(alice, |agent, now| agent.hang_up(now, call, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(40), &[(ONE, 200)]);
    assert_eq!(asked.len(), 0, "{asked:?}");
    assert_eq!(net.end_of(alice, call).unwrap().kind, EndKind::LocalCancel);
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_name_nobody_knows_is_an_unreachable_server_that_is_tried_again() {
    let mut net = Net::new(68);
    let alice = net.add(account(TransportChoice::Automatic));
    net.act(alice, UserAgent::register);
    net.run_for(secs(1));
    let told = news(&mut net, alice);
    assert!(
        matches!(
            told[..],
            [RegistrationEvent::Failed {
                reason: RegistrationFailure::Unreachable,
                retry_in: Some(_)
            }]
        ),
        "{told:?}"
    );
    net.zone.host("example.org", ONE);
    serve(&mut net, alice, secs(5), &[(ONE, 200)]);
    assert_eq!(news(&mut net, alice), [registered()]);
}

#[test]
fn naptr_leads_an_account_that_may_choose_to_tls_and_its_flow_carries_all() {
    let mut net = Net::new(69);
    net.zone
        .naptr("example.org", 10, "SIPS+D2T", "_sips._tcp.example.org");
    net.zone
        .naptr("example.org", 20, "SIP+D2U", "_sip._udp.example.org");
    two_servers(&mut net, "_sips._tcp", 5061);
    net.listen(at(ONE, 5061));
    let alice = net.add(account(TransportChoice::Automatic));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 200)]);
    assert_eq!(news(&mut net, alice), [registered()]);
    let register = &asked.last().unwrap().1;
    assert_eq!(register.headers.via().unwrap().transport, "TLS");
    let contact = register.headers.text("Contact").unwrap();
    assert!(contact.contains("transport=tls"), "{contact}");
    assert!(contact.contains("reg-id=1"), "{contact}");
    assert_eq!(
        register.headers.text("Supported").as_deref(),
        Some("path, outbound")
    );

    let line = net.line().unwrap();
    let bob = "sip:bob@example.org".parse().unwrap();
    net.act(alice, |agent, now| agent.invite(now, &bob, None))
        .unwrap();
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 486)]);
    let (_, invite) = &asked[0];
    assert_eq!(invite.headers.via().unwrap().transport, "TLS");
    assert_eq!(net.line().unwrap(), line, "one connection for all");

    // A request of the server over that flow is answered over it.
    let options = "OPTIONS sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.61;branch=z9hG4bKo\r\n\
        From: <sip:s@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\nCall-ID: o\r\n\
        CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n";
    net.write(line, options.as_bytes());
    net.run_for(ms(200));
    assert!(net.response(200).is_some());
}

#[test]
fn a_server_that_cannot_be_trusted_is_passed_over_and_never_spoken_to_in_the_clear() {
    let mut net = Net::new(70);
    two_servers(&mut net, "_sips._tcp", 5061);
    net.zone
        .srv("_sip._udp.example.org", 0, 5060, "one.example.org");
    let wrong = TransportError::Tls(TlsFailure::WrongName);
    net.walls.insert(at(ONE, 5061), Some(wrong));
    net.listen(at(TWO, 5061));
    let alice = net.add(account(TransportChoice::Automatic));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(2), &[(ONE, 200), (TWO, 200)]);
    assert_eq!(whom(&asked, "REGISTER"), [TWO]);
    assert_eq!(news(&mut net, alice), [registered()]);

    let mut net = Net::new(71);
    two_servers(&mut net, "_sips._tcp", 5061);
    net.zone
        .srv("_sip._udp.example.org", 0, 5060, "one.example.org");
    net.walls.insert(at(ONE, 5061), Some(wrong));
    net.walls
        .insert(at(TWO, 5061), Some(TransportError::Refused));
    let alice = net.add(account(TransportChoice::Automatic));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(1), &[(ONE, 200), (TWO, 200)]);
    assert_eq!(asked.len(), 0, "nothing in the clear");
    let told = news(&mut net, alice);
    let why = RegistrationFailure::Insecure(TlsFailure::WrongName);
    assert!(
        matches!(told[..], [RegistrationEvent::Failed { reason, retry_in: Some(_) }] if reason == why),
        "{told:?}"
    );
}

#[test]
fn a_tls_server_that_never_speaks_is_given_up_for_the_next() {
    let mut net = Net::new(72);
    two_servers(&mut net, "_sips._tcp", 5061);
    net.walls.insert(at(ONE, 5061), None);
    net.listen(at(TWO, 5061));
    let alice = net.add(account(TransportKind::Tls));
    net.act(alice, UserAgent::register);
    let asked = serve(&mut net, alice, secs(6), &[(TWO, 200)]);
    assert_eq!(whom(&asked, "REGISTER"), [TWO]);
    assert_eq!(news(&mut net, alice), [registered()]);
}

#[test]
fn an_account_for_tls_alone_calls_nobody_in_the_clear() {
    let mut net = Net::new(73);
    let mut lone = account(TransportKind::Tls);
    lone.registrar = None;
    let alice = net.add(lone);
    let plain = "sip:bob@192.0.2.61;transport=udp".parse().unwrap();
    let refused = net.act(alice, |agent, now| agent.invite(now, &plain, None));
    assert!(refused.is_err());
    let open = "sip:bob@192.0.2.61".parse().unwrap();
    net.act(alice, |agent, now| agent.invite(now, &open, None))
        .unwrap();
    net.run_for(secs(1));
    assert_eq!(net.arrived.len(), 0, "nobody listens for TLS there");
    assert_eq!(net.count(net.address(alice), "INVITE"), 1);
}
