//! Registration against a small registrar, and what keeps a flow alive.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::agent::{
    AgentConfig, Event, LocalAddresses, RegistrationEvent, RegistrationFailure, TransportKind,
    UserAgent,
};
use tandem_sip::digest::{Credentials, DigestRequest, Verifier, VerifierConfig};
use tandem_sip::message::{Message, NameAddr, Request, Response, StatusCode};
use tandem_types::{Direction, Pii, SeededEntropy};

use crate::net::{Net, Node, config, media, ms, secs};

pub fn server_at() -> SocketAddr {
    "192.0.2.60:5060".parse().unwrap()
}

/// A registrar for one phone. It answers what the mail brings.
pub struct Registrar {
    verifier: Verifier,
    entropy: SeededEntropy,
    pub expires: u32,
    /// What it answers instead of registering, with these headers.
    pub mood: Option<(u16, Vec<(&'static str, &'static str)>)>,
    /// Whether it is there at all.
    pub up: bool,
    /// Where it sees the phone, if not where the phone is.
    pub sees: Option<SocketAddr>,
    pub bindings: Vec<NameAddr>,
    /// Times and texts of what it was asked.
    pub asked: Vec<(Duration, Request)>,
    pub extra: Vec<(&'static str, &'static str)>,
}

impl Registrar {
    pub fn new(net: &Net) -> Self {
        let mut entropy = SeededEntropy::new(99);
        let verifier = Verifier::new(VerifierConfig::new("example.org"), net.now, &mut entropy);
        Self {
            verifier,
            entropy,
            expires: 600,
            mood: None,
            up: true,
            sees: None,
            bindings: Vec::new(),
            asked: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn answer(&mut self, net: &Net, request: &Request) -> Response {
        if let Some((code, headers)) = &self.mood {
            let mut response = Response::answer(request, StatusCode::new(*code).unwrap());
            for (name, value) in headers {
                response.headers.push(name, value);
            }
            return response.with_to_tag("r");
        }
        let uri = request.uri.to_string();
        let proven = DigestRequest {
            method: "REGISTER",
            uri: &uri,
            body: b"",
        };
        let word = |_: &str| Some(Pii::new("secret".to_owned()));
        let proofs = request.headers.authorization();
        let mut checks = proofs
            .iter()
            .map(|proof| self.verifier.verify(net.now, proof, &proven, word));
        let check = checks.next();
        drop(checks);
        if !matches!(check, Some(Ok(_))) {
            let stale = matches!(check, Some(Err(refusal)) if refusal.is_stale());
            let mut response = Response::answer(request, StatusCode::UNAUTHORIZED);
            for challenge in self.verifier.challenges(net.now, stale, &mut self.entropy) {
                response
                    .headers
                    .push("WWW-Authenticate", challenge.to_header().unwrap());
            }
            return response.with_to_tag("r");
        }
        let header = request.headers.expires().unwrap().unwrap_or(3600);
        for contact in request.headers.contacts().unwrap().into_list() {
            self.bindings
                .retain(|known| !known.uri.equivalent(&contact.uri));
            if contact.expires().unwrap_or(header) > 0 {
                self.bindings.push(contact);
            }
        }
        let mut response = Response::answer(request, StatusCode::OK).with_to_tag("r");
        for binding in &self.bindings {
            let seconds = self.expires.to_string();
            let listed = binding.clone().with_param("expires", Some(&seconds));
            response.headers.push("Contact", listed.to_string());
        }
        for (name, value) in &self.extra {
            response.headers.push(name, value);
        }
        response
    }

    /// Runs the wire and answers the mail for so long.
    pub fn serve(&mut self, net: &mut Net, phone: Node, span: Duration) {
        let until = net.now + span;
        while net.now < until {
            net.run_for(ms(10).min(until - net.now));
            for (from, message) in std::mem::take(&mut net.mail) {
                let Message::Request(mut request) = message else {
                    continue;
                };
                if request.method.as_str() != "REGISTER" {
                    net.mail.push((from, Message::Request(request)));
                    continue;
                }
                let seen = self.sees.unwrap_or(net.address(phone));
                let mut via = request.headers.via().unwrap();
                via.stamp(seen);
                request.headers.replace_first_value("Via", &via.to_string());
                self.asked
                    .push((net.now.duration_since(self.zero(net)), request.clone()));
                if !self.up {
                    continue;
                }
                let bytes = self.answer(net, &request).to_bytes();
                match net.line() {
                    Some(line) => net.write(line, &bytes),
                    None => net.post(server_at(), phone, bytes),
                }
            }
        }
    }

    fn zero(&self, net: &Net) -> std::time::Instant {
        net.begun
    }
}

pub fn account() -> AgentConfig {
    let mut config = config("alice", 1, TransportKind::Udp);
    config.aor = "sip:alice@example.org".parse().unwrap();
    config.registrar = Some("sip:192.0.2.60".parse().unwrap());
    config.credentials = Some(Credentials::new("alice", "secret"));
    config
}

pub fn start(config: AgentConfig) -> (Net, Node, Registrar) {
    let mut net = Net::new(50);
    let alice = net.add(config);
    let registrar = Registrar::new(&net);
    net.act(alice, UserAgent::register);
    (net, alice, registrar)
}

pub fn news(net: &mut Net, node: Node) -> Vec<RegistrationEvent> {
    let events = net.take(node).into_iter();
    events
        .filter_map(|event| match event {
            Event::Registration(news) => Some(news),
            _ => None,
        })
        .collect()
}

pub const fn registered(seconds: u64) -> RegistrationEvent {
    RegistrationEvent::Registered {
        expires: secs(seconds),
    }
}

#[test]
fn a_challenged_registration_is_renewed_before_it_ends_without_another_challenge() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    assert_eq!(registrar.asked.len(), 2, "bare, then with proof");
    let (_, request) = &registrar.asked[1];
    let contact = request.headers.contacts().unwrap().into_list().remove(0);
    assert_eq!(contact.uri.to_string(), "sip:alice@192.0.2.1:5060");
    assert_eq!(contact.params.get("reg-id"), Some("1"));
    assert!(
        contact
            .params
            .get("+sip.instance")
            .unwrap()
            .contains("<urn:uuid:")
    );
    assert_eq!(request.headers.cseq().unwrap().number, 2);

    registrar.serve(&mut net, alice, secs(570));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    // The nonce had its five minutes: one stale round, no new question of the user.
    let at: Vec<u64> = registrar.asked.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(at, [0, 0, 560, 560]);
    let ids = registrar
        .asked
        .iter()
        .map(|(_, request)| request.headers.call_id().unwrap());
    assert_eq!(
        ids.collect::<std::collections::BTreeSet<_>>().len(),
        1,
        "§10.2: one Call-ID"
    );
}

#[test]
fn a_wrong_password_fails_once_and_for_good() {
    let mut config = account();
    config.credentials = Some(Credentials::new("alice", "guess"));
    let (mut net, alice, mut registrar) = start(config);
    registrar.serve(&mut net, alice, secs(3600));
    let reason = RegistrationFailure::NotAuthorised;
    let failed = RegistrationEvent::Failed {
        reason,
        retry_in: None,
    };
    assert_eq!(news(&mut net, alice), [failed]);
    assert_eq!(registrar.asked.len(), 2);
    assert_eq!(
        net.agent(alice).poll_timeout(),
        None,
        "nothing is tried again"
    );
}

#[test]
fn an_interval_too_brief_is_asked_for_longer() {
    let mut config = account();
    config.expires = secs(60);
    let (mut net, alice, mut registrar) = start(config);
    registrar.mood = Some((423, vec![("Min-Expires", "900")]));
    registrar.serve(&mut net, alice, ms(30));
    registrar.mood = None;
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(registrar.asked[1].1.headers.expires(), Ok(Some(900)));
    assert_eq!(news(&mut net, alice), [registered(600)]);
}

#[test]
fn an_overloaded_server_is_left_alone_for_as_long_as_it_says() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.mood = Some((503, vec![("Retry-After", "30")]));
    registrar.serve(&mut net, alice, secs(1));
    let told = news(&mut net, alice);
    let [
        RegistrationEvent::Failed {
            reason,
            retry_in: Some(wait),
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        *reason,
        RegistrationFailure::ServerError(StatusCode::SERVICE_UNAVAILABLE)
    );
    assert_eq!(*wait, secs(30));
    registrar.mood = None;
    registrar.serve(&mut net, alice, secs(28));
    assert_eq!(registrar.asked.len(), 1);
    registrar.serve(&mut net, alice, secs(3));
    assert_eq!(news(&mut net, alice), [registered(600)]);
}

#[test]
fn a_server_that_is_down_is_tried_again_with_growing_waits_until_it_is_up() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.up = false;
    registrar.serve(&mut net, alice, secs(300));
    let waits: Vec<Duration> = news(&mut net, alice)
        .into_iter()
        .map(|event| match event {
            RegistrationEvent::Failed {
                reason: RegistrationFailure::Unreachable,
                retry_in: Some(wait),
            } => wait,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(waits.len() >= 3, "{waits:?}");
    for (index, wait) in waits.iter().enumerate() {
        let bound = secs(4 << index);
        assert!(*wait >= bound / 2 && *wait <= bound, "{waits:?}");
    }
    registrar.up = true;
    registrar.serve(&mut net, alice, secs(200));
    assert_eq!(news(&mut net, alice).last(), Some(&registered(600)));
}

#[test]
fn behind_a_nat_the_address_the_server_sees_becomes_the_contact() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.sees = Some("203.0.113.9:31000".parse().unwrap());
    registrar.serve(&mut net, alice, secs(2));
    assert_eq!(news(&mut net, alice), [registered(600)], "told once");
    let bound: Vec<String> = registrar
        .bindings
        .iter()
        .map(|binding| binding.uri.to_string())
        .collect();
    assert_eq!(
        bound,
        ["sip:alice@203.0.113.9:31000"],
        "the private one is gone"
    );
    let uri = "sip:bob@example.org".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    net.act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(50));
    let invite = net.request("INVITE").unwrap();
    let contact = invite.headers.contacts().unwrap().into_list().remove(0);
    assert_eq!(contact.uri.to_string(), "sip:alice@203.0.113.9:31000");
}

#[test]
fn a_nat_that_changes_with_every_packet_is_not_followed_for_ever() {
    let (mut net, alice, mut registrar) = start(account());
    for port in 0..50 {
        registrar.sees = Some(SocketAddr::from(([203, 0, 113, 9], 20_000 + port)));
        registrar.serve(&mut net, alice, ms(50));
    }
    assert!(registrar.asked.len() < 12, "{}", registrar.asked.len());
    assert_eq!(news(&mut net, alice), [registered(600)]);
}

#[test]
fn unregistering_removes_the_contact() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(registrar.bindings.len(), 1);
    news(&mut net, alice);
    net.act(alice, UserAgent::unregister);
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(news(&mut net, alice), [RegistrationEvent::Unregistered]);
    assert_eq!(registrar.bindings.len(), 0);
    net.run_for(secs(60));
    assert!(net.agent(alice).is_idle());
    assert_eq!(net.agent(alice).poll_timeout(), None);
}

#[test]
fn another_network_means_another_contact_at_once() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    news(&mut net, alice);
    let local = LocalAddresses {
        udp: Some("198.51.100.77:5099".parse().unwrap()),
        ..LocalAddresses::default()
    };
    registrar.sees = local.udp;
    net.act(alice, |agent, now| {
        agent.handle_local_address_change(now, local);
    });
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    let bound: Vec<String> = registrar
        .bindings
        .iter()
        .map(|binding| binding.uri.to_string())
        .collect();
    assert_eq!(bound, ["sip:alice@198.51.100.77:5099"]);
}

#[test]
fn the_nat_binding_is_kept_open_only_while_registered() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(101));
    let keep_alives = |net: &Net| {
        net.sent
            .iter()
            .filter(|(.., bytes)| bytes == b"\r\n")
            .count()
    };
    assert_eq!(keep_alives(&net), 4, "every 25 s");
    net.act(alice, UserAgent::unregister);
    registrar.serve(&mut net, alice, secs(100));
    assert_eq!(keep_alives(&net), 4);
}

#[test]
fn calls_take_the_service_route() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.extra = vec![("Service-Route", "<sip:192.0.2.60:5060;lr;edge>")];
    registrar.serve(&mut net, alice, secs(1));
    let uri = "sip:bob@example.org".parse().unwrap();
    net.act(alice, |agent, now| agent.invite(now, &uri, None))
        .unwrap();
    net.run_for(ms(50));
    let routes = net.request("INVITE").unwrap().headers.routes().unwrap();
    assert_eq!(routes[0].to_string(), "<sip:192.0.2.60:5060;lr;edge>");
}

#[test]
fn on_tcp_a_broken_connection_is_replaced_and_the_account_registers_anew() {
    let mut config = account();
    config.transport = TransportKind::Tcp.into();
    config.local = LocalAddresses {
        udp: Some("192.0.2.1:5060".parse().unwrap()),
        ..LocalAddresses::default()
    };
    let mut net = Net::new(51);
    net.listen(server_at());
    let alice = net.add(config);
    let mut registrar = Registrar::new(&net);
    registrar.sees = Some("192.0.2.1:40001".parse().unwrap());
    net.act(alice, UserAgent::register);
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    let first = net.line().unwrap();
    assert!(
        registrar.bindings[0]
            .uri
            .to_string()
            .contains("transport=tcp")
    );

    // The server pongs once, and later falls silent: the flow is dead, and replaced.
    registrar.serve(&mut net, alice, secs(25));
    net.write(first, b"\r\n");
    registrar.serve(&mut net, alice, secs(40));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    let second = net.line().unwrap();
    assert_ne!(first, second);

    net.hang_up_line(second);
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(news(&mut net, alice), [registered(600)]);
    assert_ne!(net.line().unwrap(), second);
}

#[test]
fn on_tcp_a_server_that_never_pongs_is_not_given_up() {
    let mut config = account();
    config.transport = TransportKind::Tcp.into();
    let mut net = Net::new(52);
    net.listen(server_at());
    let alice = net.add(config);
    let mut registrar = Registrar::new(&net);
    net.act(alice, UserAgent::register);
    registrar.serve(&mut net, alice, secs(300));
    let pings = net
        .sent
        .iter()
        .filter(|(.., bytes)| bytes == b"\r\n\r\n")
        .count();
    assert!(pings >= 10, "{pings}");
    assert_eq!(
        news(&mut net, alice),
        [registered(600)],
        "one connection for all of it"
    );
}

#[test]
fn a_nat_binding_that_changes_between_renewals_is_followed_each_time() {
    let (mut net, alice, mut registrar) = start(account());
    for turn in 0..6 {
        registrar.sees = Some(SocketAddr::from(([203, 0, 113, 9], 30_000 + turn)));
        registrar.serve(&mut net, alice, secs(562));
        let bound = registrar.bindings.last().unwrap().uri.to_string();
        assert_eq!(bound, format!("sip:alice@203.0.113.9:{}", 30_000 + turn));
        assert_eq!(registrar.bindings.len(), 1);
    }
}

#[test]
fn what_is_logged_names_no_address() {
    let (mut net, alice, _) = start(account());
    let uri = "sip:bob@example.org".parse().unwrap();
    let mut shown = format!("{:?}", net.agent(alice).config());
    let mut agent = UserAgent::new(account(), Box::new(SeededEntropy::new(3)));
    agent.register(net.now);
    agent.invite(net.now, &uri, None).unwrap();
    while let Some(output) = agent.poll_output() {
        shown.push_str(&format!("{output:?}"));
    }
    net.take(alice);
    for secret in ["alice", "bob", "example", "192.0.2", "secret"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
