//! Calls over every transport, with a registrar and without.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

use serde_json::Value;
use tandem_world::client::{Client, ClientCommand, is_sound};

use crate::house::{House, SOON, talk};

fn a_call(house: &House, alice_by: &str, bob_by: &str) {
    let bob = house.bob(&["--count", "1", "--transport", bob_by]);
    let alice = house.calls("alice", "bob").args(&["--transport", alice_by]);
    goes_well(alice.start(), bob);
}

/// Both hear the other's tone, for as long as that takes to be sure, then Alice hangs up.
fn goes_well(mut alice: Client, mut bob: Client) {
    talk(&mut alice, &mut bob);
    for side in [&mut alice, &mut bob] {
        side.wait_for("the tone in 50 packets", SOON, |event| {
            is_sound(event) && event["packets_received"].as_u64() > Some(50)
        });
    }
    alice.interrupt();
    let (alice, bob) = (alice.end(SOON), bob.end(SOON));
    alice.expect(0, "local-hang-up");
    bob.expect(0, "remote-hang-up");
    for side in [alice, bob] {
        let quality = &side.all("ended")[0]["quality"];
        assert_eq!(quality["packets_lost"], 0, "{}", side.story());
    }
}

#[test]
fn over_datagrams() {
    a_call(&House::new(), "udp", "udp");
}

#[test]
fn over_streams() {
    a_call(&House::new(), "tcp", "tcp");
}

#[test]
fn from_a_stream_to_datagrams() {
    a_call(&House::new(), "tcp", "udp");
}

#[test]
fn from_datagrams_to_a_stream() {
    a_call(&House::new(), "udp", "tcp");
}

#[test]
fn over_ipv6() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("skipped: this machine has no ::1");
        return;
    }
    let house = House::at(IpAddr::V6(Ipv6Addr::LOCALHOST));
    a_call(&house, "udp", "udp");
    a_call(&house, "tcp", "tcp");
    direct("::1", "udp");
    direct("::1", "tcp");
}

#[test]
fn without_any_server() {
    direct("127.0.0.1", "udp");
    direct("127.0.0.1", "tcp");
}

fn direct(ip: &str, transport: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let words = [
        "answer",
        "--bind",
        ip,
        "--transport",
        transport,
        "--count",
        "1",
    ];
    let mut bob = ClientCommand::new(folder.path(), "bob", &words)
        .tone()
        .start();
    let listening = bob.wait("listening", SOON);
    let address = listening["address"].as_str().expect("it says where");
    assert!(address.contains(ip), "{address}");
    let target = format!("sip:whoever@{address}");
    let words = ["call", &target, "--transport", transport];
    let alice = ClientCommand::new(folder.path(), "alice", &words).tone();
    goes_well(alice.start(), bob);
}

#[test]
fn the_answer_waits_as_long_as_it_was_told() {
    let house = House::new();
    let bob = house.bob(&["--count", "1", "--after", "1.5"]);
    let mut alice = house.calls("alice", "bob").start();
    let at = |event: &Value| event["at_ms"].as_u64().expect("a time");
    let rings = at(&alice.wait_state("ringing", SOON));
    let active = at(&alice.wait_state("active", SOON));
    assert!(active - rings >= 1_400, "after {} ms", active - rings);
    goes_well(alice, bob);
}
