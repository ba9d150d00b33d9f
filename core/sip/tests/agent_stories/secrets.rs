//! Who gets to see a proof of the password, from which it could be guessed.

use tandem_sip::agent::{EndKind, TransportKind};
use tandem_sip::digest::Credentials;
use tandem_sip::message::{Request, Response, StatusCode};
use tandem_types::Direction;

use crate::net::{Net, Node, config, media, ms, secs};
use crate::registering::{Registrar, account, start};
use crate::scripted::send;

const CHALLENGES: [(u16, &str); 2] = [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")];

fn challenge(request: &Request, code: u16, header: &'static str, realm: &str) -> Response {
    let status = StatusCode::new(code).unwrap();
    let value = format!("Digest realm=\"{realm}\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"");
    Response::answer(request, status)
        .with_to_tag("asks")
        .with_header(header, value)
}

fn is_proven(request: &Request) -> bool {
    let headers = &request.headers;
    headers.contains("Authorization") || headers.contains("Proxy-Authorization")
}

fn dial(net: &mut Net, node: Node) -> tandem_sip::agent::SessionId {
    let uri = "sip:mallory@example.net".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(node, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(50));
    id
}

fn invites(net: &Net) -> Vec<Request> {
    crate::scripted::requests(net, "INVITE")
}

fn signed_in() -> (Net, Node, Registrar) {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    net.take(alice);
    (net, alice, registrar)
}

#[test]
fn whoever_is_called_cannot_ask_for_a_proof_with_a_realm_of_their_own() {
    for (code, header) in CHALLENGES {
        let (mut net, alice, _) = signed_in();
        let id = dial(&mut net, alice);
        let invite = net.request("INVITE").unwrap();
        let asks = challenge(&invite, code, header, "mallory.example.net");
        send(&mut net, alice, &asks);
        assert_eq!(invites(&net).len(), 1, "{code}: nothing to guess from");
        assert_eq!(net.end_of(alice, id).unwrap().kind, EndKind::AuthFailed);
    }
}

#[test]
fn the_realm_of_the_registrar_and_of_the_account_are_served() {
    for realm in ["example.org", "192.0.2.60"] {
        let (mut net, alice, _) = signed_in();
        dial(&mut net, alice);
        let invite = net.request("INVITE").unwrap();
        let asks = challenge(&invite, 407, "Proxy-Authenticate", realm);
        send(&mut net, alice, &asks);
        assert!(is_proven(&net.request("INVITE").unwrap()), "{realm}");
    }
}

#[test]
fn a_server_that_lets_everybody_register_is_bound_to_the_realm_of_the_first_call() {
    let mut net = Net::new(70);
    let mut config = config("alice", 1, TransportKind::Udp);
    config.registrar = Some("sip:192.0.2.60".parse().unwrap());
    config.credentials = Some(Credentials::new("alice", "secret"));
    let alice = net.add(config);
    for (realm, served) in [("asterisk", true), ("mallory", false), ("asterisk", true)] {
        net.mail.clear();
        dial(&mut net, alice);
        let invite = net.request("INVITE").unwrap();
        let asks = challenge(&invite, 401, "WWW-Authenticate", realm);
        send(&mut net, alice, &asks);
        let asked_again = invites(&net).len() > 1;
        assert_eq!(asked_again, served, "{realm}");
    }
}

#[test]
fn the_proof_for_the_registrar_does_not_travel_on_to_those_who_are_called() {
    let (mut net, alice, _) = signed_in();
    dial(&mut net, alice);
    assert!(!is_proven(&net.request("INVITE").unwrap()));
}
