//! Many calls between the same two processes.
#![cfg(target_os = "linux")]

use std::time::Duration;

use tandem_world::client::ClientCommand;

use crate::house::{House, SOON, talk};
use crate::proc;

const CALLS: usize = 20;

#[test]
fn twenty_calls_leave_nothing_open() {
    for transport in ["udp", "tcp"] {
        let house = House::new();
        let count = CALLS.to_string();
        let mut bob = house.bob(&["--count", &count, "--transport", transport]);
        let mut after_first = None;
        for n in 1..=CALLS {
            let hang_up = ["--transport", transport, "--do", "wait 0.3; hangup"];
            let alice = house.calls("alice", "bob").args(&hang_up).run(SOON);
            alice.expect(0, "local-hang-up");
            bob.wait_nth("ended", n, SOON);
            // The first call opens what stays; the last one ends the process.
            if n == 2 {
                after_first = Some(left_open(bob.pid()));
            } else if n == CALLS - 1 {
                let (first, last) = (after_first.take().expect("counted"), left_open(bob.pid()));
                println!("{transport}: descriptors and threads {first:?}, then {last:?}");
                assert!(last.0 <= first.0, "descriptors {} then {}", first.0, last.0);
                assert!(last.1 <= first.1 + 1, "threads {} then {}", first.1, last.1);
            }
        }
        let bob = bob.end(SOON);
        bob.expect(0, "remote-hang-up");
        let ends = bob.all("ended");
        assert_eq!(ends.len(), CALLS);
        for user in ["alice", "bob"] {
            assert_eq!(house.history(user).run(SOON).calls().len(), CALLS);
        }
    }
}

/// Descriptors and threads, once the last call's have gone.
fn left_open(pid: u32) -> (usize, usize) {
    std::thread::sleep(Duration::from_millis(500));
    (proc::descriptors(pid), proc::threads(pid))
}

#[test]
fn direct_calls_one_after_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = [
        "answer",
        "--bind",
        "127.0.0.1",
        "--transport",
        "tcp",
        "--count",
        "5",
    ];
    let mut bob = ClientCommand::new(folder.path(), "bob", &words)
        .tone()
        .start();
    let address = bob.wait("listening", SOON)["address"].clone();
    let target = format!("sip:bob@{}", address.as_str().expect("an address"));
    for n in 1..=5 {
        let words = [
            "call",
            &target,
            "--transport",
            "tcp",
            "--do",
            "wait 0.5; hangup",
        ];
        let mut alice = ClientCommand::new(folder.path(), "alice", &words)
            .tone()
            .start();
        if n == 1 {
            talk(&mut alice, &mut bob);
        }
        alice.end(SOON).expect(0, "local-hang-up");
        bob.wait_nth("ended", n, SOON);
    }
    bob.end(SOON).expect(0, "remote-hang-up");
}
