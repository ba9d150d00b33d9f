//! What a script that starts `tandem` is told.

use std::time::Duration;

use tandem_world::client::ClientCommand;

use crate::house::{House, SOON, deserted};

#[test]
fn a_wrong_password_is_not_authorised() {
    let house = House::new();
    for transport in ["udp", "tcp"] {
        let words = ["--transport", transport];
        let answer = house
            .answers("bob")
            .args(&words)
            .password("wrong")
            .run(SOON);
        answer.expect_code(3);
        assert_eq!(
            answer.registration_failure(),
            "not-authorised",
            "{}",
            answer.story()
        );
        let call = house
            .calls("alice", "bob")
            .args(&words)
            .password("")
            .run(SOON);
        call.expect_code(3);
        assert_eq!(
            call.registration_failure(),
            "not-authorised",
            "{}",
            call.story()
        );
        assert!(call.took < Duration::from_secs(5), "{:?}", call.took);
    }
    assert!(house.server.authenticated().is_empty());
}

#[test]
fn a_password_file_does_as_well() {
    let house = House::new();
    let file = house.folder().join("password");
    std::fs::write(&file, "open-sesame-bob\n").expect("written");
    let file = file.to_str().expect("a name");
    let words = ["--password-file", file, "--max-wait", "0"];
    let bob = house
        .answers("bob")
        .password("wrong")
        .args(&words)
        .run(SOON);
    bob.expect_code(4);
    assert_eq!(bob.all("registered").len(), 1, "{}", bob.story());
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    // Linux tells of a closed port at once; elsewhere datagrams wait for timer F.
    let silence = if cfg!(target_os = "linux") { 5 } else { 40 };
    for (transport, limit) in [("tcp", 5), ("udp", silence), ("tls", 5)] {
        let folder = tempfile::tempdir().expect("a folder");
        let account = format!("sip:bob@{}", deserted());
        let words = ["answer", "--account", &account, "--transport", transport];
        let bob = ClientCommand::new(folder.path(), "bob", &words)
            .password("any")
            .tone();
        let bob = bob.run(Duration::from_secs(60));
        println!("{transport}: given up after {:.1?}", bob.took);
        bob.expect_code(3);
        assert_eq!(bob.registration_failure(), "unreachable", "{}", bob.story());
        assert!(
            bob.took < Duration::from_secs(limit),
            "{transport}: {:?}",
            bob.took
        );
    }
}

#[test]
fn a_server_whose_name_nobody_knows_is_named_as_the_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    // RFC 6761 §6.4: no resolver knows it.
    let words = ["answer", "--account", "sip:bob@server.invalid"];
    let bob = ClientCommand::new(folder.path(), "bob", &words)
        .password("any")
        .tone();
    let bob = bob.run(Duration::from_secs(40));
    bob.expect_code(3);
    assert_eq!(bob.registration_failure(), "unreachable", "{}", bob.story());
}

#[test]
fn a_call_that_nobody_takes_says_why() {
    let house = House::new();
    for (how, reason) in [("busy", "busy"), ("decline", "declined")] {
        let bob = house.bob(&["--count", "1", "--reject", how]);
        house.calls("alice", "bob").run(SOON).expect(4, reason);
        bob.end(SOON).expect_code(0);
    }
    // Bob is known but not signed in; carol is not known.
    house
        .calls("alice", "bob")
        .run(SOON)
        .expect(4, "unreachable");
    house
        .calls("alice", "carol")
        .run(SOON)
        .expect(4, "not-found");
    let bob = house.bob(&["--count", "1", "--after", "60"]);
    let alice = house
        .calls("alice", "bob")
        .args(&["--ring-timeout", "2"])
        .run(SOON);
    alice.expect(4, "no-answer");
    bob.end(SOON).expect(4, "cancelled");
}

#[test]
fn nobody_at_the_other_end_of_a_direct_call() {
    for (transport, limit) in [("tcp", 5), ("udp", 40)] {
        let folder = tempfile::tempdir().expect("a folder");
        let target = format!("sip:bob@{}", deserted());
        let words = ["call", &target, "--transport", transport];
        let alice = ClientCommand::new(folder.path(), "alice", &words).tone();
        let alice = alice.run(Duration::from_secs(60));
        println!("{transport}: given up after {:.1?}", alice.took);
        alice.expect(4, "unreachable");
        assert!(
            alice.took < Duration::from_secs(limit),
            "{transport}: {:?}",
            alice.took
        );
    }
}

#[test]
fn a_wrong_command_line_says_what_would_be_right() {
    let house = House::new();
    let folder = house.folder();
    let wrong: [(&[&str], &str); 9] = [
        (&[], "Usage"),
        (&["call"], "TARGET"),
        (&["dance"], "dance"),
        (
            &["call", "sip:bob@127.0.0.1", "--do", "jump"],
            "wait SECONDS",
        ),
        (
            &[
                "call",
                "sip:bob@127.0.0.1",
                "--tone",
                "440",
                "--mute-output",
                "--codecs",
                "mp3",
            ],
            "opus",
        ),
        (
            &["call", "not an address", "--tone", "440", "--mute-output"],
            "address",
        ),
        (
            &[
                "answer",
                "--tone",
                "440",
                "--mute-output",
                "--account",
                "sip:bob",
            ],
            "sip:alice@example.org",
        ),
        (
            &[
                "answer",
                "--tone",
                "440",
                "--mute-output",
                "--bind",
                "nowhere",
            ],
            "IP",
        ),
        (
            &["answer", "--play", "no-such-file.wav", "--mute-output"],
            "no-such-file.wav",
        ),
    ];
    for (words, hint) in wrong {
        let ended = ClientCommand::new(folder, "wrong", words).run(SOON);
        ended.expect_code(2);
        assert!(ended.errors.contains(hint), "{words:?}: {}", ended.errors);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_sound_device_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for words in [
        &["call", "sip:bob@127.0.0.1"][..],
        &["answer"],
        &["answer", "--tone", "440"],
    ] {
        let ended = ClientCommand::new(folder.path(), "mute", words);
        // Without its configuration ALSA knows of no device, whatever this machine has.
        let ended = ended.env("ALSA_CONFIG_PATH", "/dev/null").run(SOON);
        ended.expect_code(6);
        for hint in ["--play", "--tone", "--record", "--mute-output"] {
            assert!(ended.errors.contains(hint), "{words:?}: {}", ended.errors);
        }
    }
}

#[test]
fn an_address_that_is_taken_is_said_so() {
    let house = House::new();
    let taken = house.server.address().to_string();
    let words = ["answer", "--bind", &taken];
    let ended = ClientCommand::new(house.folder(), "late", &words)
        .tone()
        .run(SOON);
    ended.expect_code(1);
    assert!(ended.errors.contains("local address"), "{}", ended.errors);
}

#[test]
fn a_turn_server_that_cannot_be_asked_is_a_wrong_command_line_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = |server: &'static str| {
        let words = [
            "answer",
            "--bind",
            "127.0.0.1",
            "--ice-server",
            "stun:127.0.0.1",
        ];
        ClientCommand::new(folder.path(), "bob", &words)
            .args(&["--ice-server", server, "--max-wait", "0"])
            .tone()
    };
    for (server, why) in [
        (
            "stuns:stun.example.org",
            "server 2: a STUN server is asked over UDP",
        ),
        (
            "turn:turn.example.org?ttl=1",
            "server 2: all that may follow ?",
        ),
        (
            "turn:turn.example.org",
            "server 2: a TURN server needs a username",
        ),
    ] {
        let bob = words(server).run(SOON);
        bob.expect_code(2);
        assert!(bob.errors.contains(why), "{}", bob.story());
    }
    let sound = words("turn:turn.example.org")
        .args(&["--ice-user", "bob"])
        .env("TANDEM_ICE_PASSWORD", "secret")
        .run(SOON);
    sound.expect_code(4);
    // Nobody could be relayed, so nobody says so.
    let relayed = ["answer", "--bind", "127.0.0.1", "--relay-only"];
    let relayed = ClientCommand::new(folder.path(), "bob", &relayed).tone();
    relayed.run(SOON).expect_code(2);
}
