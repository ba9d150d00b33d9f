//! The verdict over a call that worked, and over everything that can go wrong with one.

use serde_json::{Value, json};

use super::super::events::Stamped;
use super::*;
use crate::speech::{Controls, Similarity};
use crate::voices;

const ALICE: &str = r#"{"event":"registering","unix_ms":1000}
{"event":"registered","unix_ms":1010,"expires_s":300}
{"event":"dialing","unix_ms":1020,"call":"c1","to":"sip:bob@127.0.0.1:5099"}
{"event":"state","unix_ms":1060,"call":"c1","state":"ringing"}
{"event":"state","unix_ms":2060,"call":"c1","state":"active"}
{"event":"first-audio","unix_ms":2090,"call":"c1","after_accept_ms":30}
{"event":"stats","unix_ms":3060,"call":"c1","packets_sent":50,"packets_received":50,"packets_lost":0,"jitter_ms":0.2,"round_trip_ms":null,"level_in_dbov":-20,"level_out_dbov":-21}
{"event":"state","unix_ms":11060,"call":"c1","state":"held"}
{"event":"state","unix_ms":12080,"call":"c1","state":"active"}
{"event":"dtmf-sent","unix_ms":13200,"call":"c1","digit":"5"}
{"event":"state","unix_ms":14190,"call":"c1","state":"ending"}
{"event":"ended","unix_ms":14200,"call":"c1","reason":"local-hang-up","quality":{},"codec":"opus"}"#;

const BOB: &str = r#"{"event":"registered","unix_ms":990,"expires_s":300}
{"event":"incoming","unix_ms":1045,"call":"c2","from":"sip:alice@127.0.0.1:5099"}
{"event":"state","unix_ms":1046,"call":"c2","state":"ringing"}
{"event":"state","unix_ms":2050,"call":"c2","state":"active"}
{"event":"first-audio","unix_ms":2100,"call":"c2","after_accept_ms":50}
{"event":"state","unix_ms":11050,"call":"c2","state":"held-by-remote"}
{"event":"state","unix_ms":12070,"call":"c2","state":"active"}
{"event":"dtmf","unix_ms":13150,"call":"c2","digit":"5"}
{"event":"ended","unix_ms":14195,"call":"c2","reason":"remote-hang-up","quality":{},"codec":"opus"}"#;

fn row(direction: &str, peer: &str, account: &str, end_reason: &str) -> Value {
    json!({
        "call": "c", "direction": direction, "peer": format!("sip:{peer}@127.0.0.1:5099"),
        "account": format!("sip:{account}@127.0.0.1:5099"), "started_unix_ms": 1_020, "ringing_unix_ms": 1_045,
        "accepted_unix_ms": 2_050, "ended_unix_ms": 14_200, "end_reason": end_reason,
        "protocol": "sip", "media": ["audio"], "encrypted": true, "quality": {}
    })
}

fn party(name: &'static str, events: &str, heard: Audio, row: Value) -> Party {
    Party {
        events: events
            .lines()
            .map(|line| Stamped::parse(line).expect(line))
            .collect(),
        exit: Exit::Code(0),
        heard: Some(heard),
        history: Ok(vec![row]),
        ..Party::new(name)
    }
}

fn good_call() -> Evidence {
    let (alice, bob) = (voices::alice(), voices::bob());
    Evidence {
        alice: party(
            "alice",
            ALICE,
            bob.clone(),
            row("outgoing", "bob", "alice", "local-hang-up"),
        ),
        bob: party(
            "bob",
            BOB,
            alice.clone(),
            row("incoming", "alice", "bob", "remote-hang-up"),
        ),
        alice_voice: alice,
        bob_voice: bob,
        authenticated: ["alice", "bob"].map(str::to_owned).into(),
    }
}

/// How speech compares that arrived as it was.
const GOOD: Hearing = Hearing {
    heard: Similarity {
        score: 0.97,
        shift_ms: 40,
    },
    controls: Controls {
        silence: 0.0,
        other_speaker: 0.09,
        one_second_cut: 0.4,
    },
};
const BOTH_GOOD: Comparison = Comparison {
    alice: GOOD,
    bob: GOOD,
};

#[test]
fn a_good_call_is_ok_and_prints_every_field_of_the_result() {
    let evidence = good_call();
    let verdict = judge(&evidence, &Comparison::of(&evidence));
    assert_eq!(verdict.problems, Vec::<String>::new());
    let json = verdict.to_json();
    assert_eq!(json["ok"], json!(true));
    let call = &json["calls"][0];
    assert_eq!(
        (&call["protocol"], &call["media"], &call["encrypted"]),
        (&json!("sip"), &json!(["audio"]), &json!(true))
    );
    assert_eq!(
        (&call["ring_ms"], &call["first_audio_ms"]),
        (&json!(25), &json!(50))
    );
    assert_eq!(call["end_reason"], json!("local-hang-up"));
    for who in ["alice", "bob"] {
        assert!(
            call["audio_similarity"][who].as_f64().unwrap() > 0.99,
            "{call}"
        );
        assert_eq!(json["history"][who].as_array().unwrap().len(), 1);
    }
    for control in ["silence", "other_speaker", "one_second_cut"] {
        assert!(
            call["controls"][control].as_f64().unwrap() <= DIFFERENT,
            "{call}"
        );
    }
}

#[test]
fn the_talk_is_the_time_from_the_answer_to_the_hold() {
    let evidence = good_call();
    assert_eq!(evidence.alice.talk(), Some((2_060, 11_060)));
    assert_eq!(evidence.bob.talk(), Some((2_050, 11_050)));
}

/// Judges a call after `spoil` has spoiled it, and wants exactly the problems that begin like this.
fn spoiled(spoil: impl FnOnce(&mut Evidence), expected: &[&str]) {
    let mut evidence = good_call();
    spoil(&mut evidence);
    let verdict = judge(&evidence, &BOTH_GOOD);
    assert_eq!(verdict.to_json()["ok"], json!(false));
    assert_eq!(
        verdict.problems.len(),
        expected.len(),
        "{:?}",
        verdict.problems
    );
    for (problem, expected) in verdict.problems.iter().zip(expected) {
        assert!(
            problem.starts_with(expected),
            "{problem:?} instead of {expected:?}"
        );
    }
}

#[test]
fn whatever_a_caller_would_notice_is_a_problem() {
    let drop_state = |party: &mut Party, state: &str| {
        party
            .events
            .retain(|stamped| !stamped.event.is_state(state));
    };
    spoiled(|e| e.bob.exit = Exit::Killed, &["bob's process crashed"]);
    spoiled(
        |e| e.alice.exit = Exit::Hung,
        &["alice's process did not end"],
    );
    spoiled(
        |e| e.alice.exit = Exit::Code(5),
        &["alice's process ended with code 5"],
    );
    spoiled(
        |e| e.bob.unreadable.push("panicked".to_owned()),
        &["bob printed a line"],
    );
    spoiled(
        |e| e.alice.events.drain(..2).for_each(drop),
        &["alice did not register"],
    );
    spoiled(
        |e| assert!(e.authenticated.remove("bob")),
        &["bob registered without the registrar having seen a correct password"],
    );
    spoiled(
        |e| drop_state(&mut e.alice, "ringing"),
        &["alice was never told"],
    );
    spoiled(
        |e| drop_state(&mut e.bob, "held-by-remote"),
        &["bob did not see the hold"],
    );
    spoiled(
        |e| drop_state(&mut e.alice, "active"),
        &["alice was never connected"],
    );
    let dtmf = |event: &Event| matches!(event, Event::Dtmf { .. });
    spoiled(
        |e| e.bob.events.retain(|s| !dtmf(&s.event)),
        &["bob received the digits []"],
    );
    let first = |event: &Event| matches!(event, Event::FirstAudio { .. });
    spoiled(
        |e| e.alice.events.retain(|s| !first(&s.event)),
        &["alice never heard a sound"],
    );
    spoiled(
        |e| e.bob.history = Ok(vec![]),
        &["bob's history has 0 calls"],
    );
    spoiled(
        |e| e.bob.history = Err("no such file".to_owned()),
        &["bob's history could not"],
    );
}

#[test]
fn a_wrong_history_says_what_is_wrong_with_it() {
    let with = |key: &'static str, value: Value| {
        move |e: &mut Evidence| match &mut e.alice.history {
            Ok(rows) => rows[0][key] = value,
            Err(why) => panic!("{why}"),
        }
    };
    let wrong = |what: &str| format!("alice's history is wrong about the {what}");
    spoiled(with("direction", json!("incoming")), &[&wrong("direction")]);
    spoiled(with("peer", json!("sip:carol@x")), &[&wrong("other side")]);
    spoiled(
        with("end_reason", json!("interrupted")),
        &[&wrong("end reason")],
    );
    spoiled(with("accepted_unix_ms", json!(null)), &[&wrong("times")]);
    spoiled(with("media", json!([])), &[&wrong("media")]);
}

#[test]
fn a_call_that_ends_otherwise_is_a_problem() {
    let end = |reason: &str| {
        let reason = reason.to_owned();
        move |e: &mut Evidence| match &mut e.alice.events.last_mut().unwrap().event {
            Event::Ended { reason: was, .. } => *was = reason,
            other => panic!("{other:?}"),
        }
    };
    spoiled(end("network-lost"), &["alice's call ended as network-lost"]);
}

#[test]
fn speech_that_did_not_arrive_is_a_problem() {
    let mut evidence = good_call();
    evidence.alice.heard = None;
    evidence.bob.heard = Some(voices::bob());
    let verdict = judge(&evidence, &Comparison::of(&evidence));
    let [alice, bob] = verdict.problems.as_slice() else {
        panic!("{:?}", verdict.problems)
    };
    assert!(
        alice.starts_with("what alice heard is not what bob said"),
        "{alice}"
    );
    assert!(
        bob.starts_with("what bob heard is not what alice said"),
        "{bob}"
    );
}

#[test]
fn a_measure_that_proves_nothing_is_a_problem() {
    let problems_with = |controls: Controls| {
        let alice = Hearing { controls, ..GOOD };
        judge(&good_call(), &Comparison { alice, bob: GOOD })
            .problems
            .join("; ")
    };
    let good = GOOD.controls;
    let high = problems_with(Controls {
        other_speaker: 0.7,
        ..good
    });
    assert!(high.contains("the other speaker scores 0.70"), "{high}");
    let cut = problems_with(Controls {
        one_second_cut: 0.8,
        ..good
    });
    assert!(cut.contains("hardly notices a second cut out"), "{cut}");
}
