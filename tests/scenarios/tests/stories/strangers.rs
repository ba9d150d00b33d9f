//! What whoever calls learns of where the other is: nothing of the media before the accept, and with a relay never.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_engine::phone::{IceConfig, IceServer, RelayUse};
use tandem_types::EndReason;
use tandem_types::media::MediaSecurity;
use tandem_world::net::Packet;
use tandem_world::town::{Person, Town};

/// A server that never answers; what matters is who is asked.
const SERVER: &str = "10.0.0.99";
const SIP: u16 = 5060;

fn server() -> SocketAddr {
    format!("{SERVER}:3478").parse().unwrap()
}

fn sent_by(town: &Town, person: Person) -> impl Iterator<Item = &Packet> {
    let ip = town.phone(person).ip();
    let packets = town.world.packets().iter();
    packets.filter(move |packet| packet.from.ip() == ip)
}

fn describes(packet: &Packet) -> bool {
    packet.bytes.windows(7).any(|part| part == b"\r\n\r\nv=0")
}

#[test]
fn a_caller_hears_nothing_of_the_media_before_the_accept() {
    let mut town = Town::new(91);
    let alice = town.person("alice", |setup| {
        setup.media_security = MediaSecurity::Preferred;
    });
    let bob = town.person("bob", |setup| {
        setup.media_security = MediaSecurity::Preferred;
        setup.ice.servers = vec![IceServer::stun(&format!("stun:{SERVER}"))];
    });
    town.sign_in([alice, bob]);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.wait(Duration::from_secs(10));
    // He makes ready, with his own server and nobody else.
    let media = sent_by(&town, bob).filter(|packet| packet.from.port() != SIP);
    let asked: Vec<SocketAddr> = media.map(|packet| packet.to).collect();
    assert!(asked.contains(&server()), "he does not make ready");
    assert!(asked.iter().all(|to| *to == server()), "{asked:?}");
    assert!(sent_by(&town, bob).any(|packet| packet.first_line().starts_with("SIP/2.0 180")));
    assert!(
        !sent_by(&town, bob).any(describes),
        "a description before the accept"
    );
    town.answers(bob);
    let both = |town: &Town| town.phone(alice).is_active() && town.phone(bob).is_active();
    assert!(town.until(both));
    assert!(sent_by(&town, bob).any(describes));
    let her = town.phone(alice).ip();
    let reached = |packet: &Packet| packet.to.ip() == her && packet.from.port() != SIP;
    assert!(sent_by(&town, bob).any(reached));
}

/// Bob is always relayed, and his server does not answer.
fn relayed(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let alice = town.person("alice", |_| {});
    let bob = town.person("bob", |setup| {
        setup.ice = IceConfig {
            servers: vec![IceServer::turn(&format!("turn:{SERVER}"), "bob", "secret")],
            relay: RelayUse::Always,
        };
    });
    town.sign_in([alice, bob]);
    (town, alice, bob)
}

fn assert_only_the_server_was_asked(town: &Town, person: Person) {
    let mut media = sent_by(town, person).filter(|packet| packet.from.port() != SIP);
    assert!(media.all(|packet| packet.to == server()));
    assert!(!sent_by(town, person).any(describes));
}

#[test]
fn who_is_always_relayed_calls_nobody_without_a_relay() {
    let (mut town, alice, bob) = relayed(92);
    town.calls(bob, "alice");
    assert!(town.until(|town| town.phone(bob).end().is_some()));
    assert_eq!(town.phone(bob).end(), Some(EndReason::NoRelay));
    assert_only_the_server_was_asked(&town, bob);
    assert!(!sent_by(&town, bob).any(|packet| packet.first_line().starts_with("INVITE")));
    assert_eq!(town.phone(alice).state(), None, "it rang");
}

#[test]
fn who_is_always_relayed_is_called_in_plain_and_shows_nothing_without_a_relay() {
    let (mut town, alice, bob) = relayed(93);
    // Without ICE, to an address that Bob must not send to from where he is.
    town.calls(alice, "bob");
    let over = |town: &Town| town.phone(bob).end().is_some() && town.phone(alice).end().is_some();
    assert!(town.until(over));
    assert_eq!(town.phone(bob).end(), Some(EndReason::NoRelay));
    assert_only_the_server_was_asked(&town, bob);
}

#[test]
fn a_name_that_nobody_answers_for_holds_no_call_up_for_long() {
    let mut town = Town::new(94);
    let alice = town.person("alice", |setup| {
        setup.ice.servers = vec![IceServer::stun("stun:stun.example.org")];
        setup.servers = None;
    });
    let bob = town.person("bob", |_| {});
    town.sign_in([alice, bob]);
    let began = town.world.elapsed();
    town.connected(alice, bob, "bob");
    assert!(town.world.elapsed() - began < Duration::from_secs(2));
}
