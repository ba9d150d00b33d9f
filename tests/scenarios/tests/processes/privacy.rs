//! What a log may not hold, however much of it somebody asks for.

use tandem_world::client::Ended;

use crate::house::{House, SOON, deserted, password, talk};

/// A story whose clients log everything there is.
fn logged(house: &House) -> Vec<Ended> {
    let everything = |client: tandem_world::client::ClientCommand| {
        client.args(&["-vv"]).env("TANDEM_LOG", "trace")
    };
    let mut ended = Vec::new();
    for transport in ["udp", "tcp"] {
        let words = ["--transport", transport];
        let mut bob = everything(house.answers("bob")).args(&words).start();
        bob.wait("listening", SOON);
        let script = [
            "--do",
            "wait 1; hold; wait 0.5; resume; dtmf 5; wait 0.5; hangup",
        ];
        let mut alice = everything(house.calls("alice", "bob"))
            .args(&words)
            .args(&script)
            .start();
        talk(&mut alice, &mut bob);
        ended.push(alice.end(SOON));
        // Refused calls, and one into nothing, go other ways through the code.
        ended.push(
            everything(house.calls("alice", "carol"))
                .args(&words)
                .run(SOON),
        );
        let deserted = format!("sip:dora@{}", deserted());
        let call = house.client("alice", &["call", &deserted, "--ring-timeout", "2"]);
        ended.push(everything(call.tone()).args(&words).run(SOON));
        bob.interrupt();
        ended.push(bob.end(SOON));
        let wrong = everything(house.answers("bob"))
            .args(&words)
            .password("mellon-mellon");
        ended.push(wrong.run(SOON));
    }
    ended
}

#[test]
fn a_log_names_nobody_and_no_place() {
    let house = House::new();
    let mut secrets: Vec<String> = [
        "alice",
        "bob",
        "carol",
        "dora",
        "127.0.0.1",
        "mellon-mellon",
    ]
    .map(str::to_owned)
    .into();
    secrets.extend([password("alice"), password("bob")]);
    secrets.push(house.server.address().port().to_string());
    let mut lines = 0;
    for ended in logged(&house) {
        lines += ended.errors.lines().count();
        for secret in &secrets {
            let line = ended
                .errors
                .lines()
                .find(|line| line.contains(secret.as_str()));
            assert!(
                line.is_none(),
                "the log has {secret:?}: {}",
                line.unwrap_or_default()
            );
        }
    }
    println!("{lines} lines name nobody");
    assert!(lines > 10, "there was no log to look at");
}
