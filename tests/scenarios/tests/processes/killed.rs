//! A phone that dies in the middle of a call.

use std::time::{Duration, Instant};

use crate::house::{House, SOON, talk};

#[test]
fn both_histories_tell_of_a_phone_that_was_killed() {
    let house = House::new();
    let mut bob = house.bob(&[]);
    let mut alice = house.calls("alice", "bob").start();
    talk(&mut alice, &mut bob);
    let call = bob.wait("incoming", SOON)["call"].clone();

    bob.kill();
    let killed = Instant::now();
    alice.wait_state("reconnecting", Duration::from_secs(10));
    let shown = killed.elapsed();
    let alice = alice.end(Duration::from_secs(40));
    let took = killed.elapsed();
    println!("reconnecting after {shown:.1?}, ended after {took:.1?}");
    alice.expect(5, "network-lost");
    assert!(took < Duration::from_secs(30), "ended after {took:?}");

    // Bob starts again, on the same folder, and is told what became of his call.
    let mut bob = house.bob(&["--count", "1"]);
    assert_eq!(bob.wait("interrupted", SOON)["call"], call);
    let mut again = house
        .calls("alice", "bob")
        .args(&["--do", "wait 1; hangup"])
        .start();
    talk(&mut again, &mut bob);
    again.end(SOON).expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");

    for (user, reasons) in [
        ("alice", ["local-hang-up", "network-lost"]),
        ("bob", ["remote-hang-up", "interrupted"]),
    ] {
        let history = house.history(user).run(SOON);
        history.expect_code(0);
        let told: Vec<_> = history
            .calls()
            .iter()
            .map(|call| &call["end_reason"])
            .collect();
        assert_eq!(told, reasons, "{}", history.story());
        let lost = &history.calls()[1];
        let span = |from: &str, to: &str| lost[to].as_i64().unwrap() - lost[from].as_i64().unwrap();
        assert!(span("started_unix_ms", "accepted_unix_ms") >= 0, "{lost}");
        assert!(span("accepted_unix_ms", "ended_unix_ms") >= 0, "{lost}");
    }
}

#[test]
fn a_phone_killed_while_it_rings_leaves_an_opening_folder_and_an_honest_row() {
    let house = House::new();
    let mut bob = house.bob(&["--after", "60"]);
    let mut alice = house
        .calls("alice", "bob")
        .args(&["--ring-timeout", "3"])
        .start();
    alice.wait_state("ringing", SOON);
    bob.wait("incoming", SOON);
    bob.kill();
    alice.end(SOON).expect(4, "no-answer");
    let mut bob = house.bob(&[]);
    bob.wait("interrupted", SOON);
    bob.interrupt();
    bob.end(SOON).expect_code(0);
    let history = house.history("bob").run(SOON);
    let row = &history.calls()[0];
    assert_eq!(row["end_reason"], "interrupted", "{row}");
    assert!(row["accepted_unix_ms"].is_null(), "{row}");
}
