//! Ctrl-C and a polite kill.

use std::time::{Duration, Instant};

use tandem_world::client::Client;

use crate::house::{House, SOON, talk};

type Signal = fn(&mut Client);
const SIGNALS: [(&str, Signal); 2] = [("INT", Client::interrupt), ("TERM", Client::terminate)];

#[test]
fn the_far_end_is_told_and_the_registration_is_taken_back() {
    for (name, signal) in SIGNALS {
        for transport in ["udp", "tcp"] {
            let house = House::new();
            let mut bob = house.bob(&["--transport", transport]);
            let alice = house
                .calls("alice", "bob")
                .args(&["--transport", transport]);
            let mut alice = alice.start();
            talk(&mut alice, &mut bob);
            assert_eq!(house.contacts("alice"), 1);
            signal(&mut alice);
            let asked = Instant::now();
            let ended = bob.wait("ended", SOON);
            let told = asked.elapsed();
            assert_eq!(ended["reason"], "remote-hang-up");
            alice.end(SOON).expect(0, "local-hang-up");
            println!(
                "{name} {transport}: told after {told:.1?}, gone after {:.1?}",
                asked.elapsed()
            );
            assert!(told < Duration::from_secs(2), "told after {told:?}");
            assert_eq!(house.contacts("alice"), 0, "{name} {transport}");

            // The other one was not in a call any more.
            assert_eq!(house.contacts("bob"), 1);
            signal(&mut bob);
            bob.end(SOON).expect_code(0);
            assert_eq!(house.contacts("bob"), 0, "{name} {transport}");
        }
    }
}

#[test]
fn a_caller_who_changes_their_mind_cancels() {
    for (_, signal) in SIGNALS {
        let house = House::new();
        let mut bob = house.bob(&["--after", "60", "--count", "1"]);
        let mut alice = house.calls("alice", "bob").start();
        alice.wait_state("ringing", SOON);
        signal(&mut alice);
        alice.end(SOON).expect(4, "cancelled");
        assert_eq!(bob.wait("ended", SOON)["reason"], "cancelled");
        assert_eq!(house.contacts("alice"), 0);
    }
}

#[test]
fn a_phone_that_rings_turns_the_call_down_when_it_goes() {
    for (_, signal) in SIGNALS {
        let house = House::new();
        let mut bob = house.bob(&["--after", "60"]);
        let mut alice = house.calls("alice", "bob").start();
        alice.wait_state("ringing", SOON);
        signal(&mut bob);
        bob.end(SOON);
        alice.end(SOON).expect_code(4);
        assert_eq!(house.contacts("bob"), 0);
    }
}

#[test]
fn a_server_that_is_dead_is_not_waited_for_long() {
    let house = House::new();
    let mut bob = house.bob(&[]);
    // From now on nothing is heard from the server.
    house
        .server
        .with(|registrar| registrar.drop_next(None, u32::MAX));
    bob.interrupt();
    let asked = Instant::now();
    bob.end(SOON).expect_code(0);
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
}
