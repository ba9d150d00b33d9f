//! Other processes on the same data folder.

use std::time::{Duration, Instant};

use crate::house::{House, SOON, talk};

#[test]
fn history_is_read_while_a_call_runs() {
    let house = House::new();
    let mut bob = house.bob(&["--count", "1"]);
    let mut alice = house.calls("alice", "bob").start();
    talk(&mut alice, &mut bob);
    for user in ["alice", "bob"] {
        let history = house.history(user).run(SOON);
        history.expect_code(0);
        let call = &history.calls()[0];
        assert!(call["accepted_unix_ms"].is_i64(), "{call}");
        assert!(call["ended_unix_ms"].is_null(), "{call}");
    }
    // Readers in numbers hold up neither the call nor its row.
    let readers: Vec<_> = (0..6).map(|_| house.history("alice").start()).collect();
    for reader in readers {
        reader.end(SOON).expect_code(0);
    }
    alice.interrupt();
    let alice = alice.end(SOON);
    alice.expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");
    let history = house.history("alice").run(SOON);
    assert_eq!(history.calls()[0]["end_reason"], "local-hang-up");
}

#[test]
fn a_second_phone_on_one_folder_is_turned_away_and_the_first_goes_on() {
    let house = House::new();
    let mut bob = house.bob(&["--count", "1"]);
    let begin = Instant::now();
    let second = house.answers("bob").run(SOON);
    second.expect_code(1);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    assert!(second.errors.contains("already open"), "{}", second.errors);
    let mut alice = house
        .calls("alice", "bob")
        .args(&["--do", "wait 1; hangup"])
        .start();
    talk(&mut alice, &mut bob);
    alice.end(SOON).expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");
    // And it can be opened as soon as the first has gone.
    let mut bob = house.bob(&[]);
    bob.interrupt();
    bob.end(SOON).expect_code(0);
}

#[test]
fn there_is_no_history_before_the_first_call() {
    let house = House::new();
    let history = house.history("nobody").run(SOON);
    history.expect_code(0);
    assert!(history.calls().is_empty());
    let folder = house.folder().join("nobody/data");
    assert!(!folder.exists(), "reading made a folder");
}
