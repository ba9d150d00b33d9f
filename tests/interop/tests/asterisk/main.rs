//! Calls into and out of Asterisk.

mod secured;

use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Desk, SignIn as _, assert_heard, assert_not_heard, wait_until,
};

/// Longer than any step takes on a busy machine.
const SOON: Duration = Duration::from_secs(15);
/// A call with the whole recording in it.
const CALL: Duration = Duration::from_secs(40);

fn number(number: &str) -> String {
    format!("sip:{number}@127.0.0.4")
}

/// Registers over this transport, is seen by Asterisk, and is gone after Ctrl-C.
fn registers(desk: &Desk, user: &str, transport: &str) {
    let asterisk = Asterisk::start(desk);
    let mut phone = desk
        .answer()
        .user(&Account::asterisk(user))
        .args(&["--transport", transport])
        .tone()
        .start();
    phone.wait("registered", SOON);
    let contacts = asterisk.contacts(user);
    assert_eq!(contacts.len(), 1, "{contacts:?}");
    assert!(contacts[0].contains("@127.0.0.20"), "{contacts:?}");
    assert_eq!(
        contacts[0].contains("transport=tcp"),
        transport == "tcp",
        "{contacts:?}"
    );
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect_code(0);
    let gone = wait_until(SOON, || asterisk.contacts(user).is_empty().then_some(()));
    assert!(
        gone.is_some(),
        "still registered: {:?}",
        asterisk.contacts(user)
    );
}

#[test]
fn registers_over_udp_and_signs_off() {
    registers(&Desk::new("asterisk/register-udp"), "1001", "udp");
}

#[test]
fn registers_over_tcp_and_signs_off() {
    registers(&Desk::new("asterisk/register-tcp"), "1001", "tcp");
}

#[test]
fn registers_where_only_sha_256_is_accepted() {
    registers(&Desk::new("asterisk/register-sha-256"), "1009", "udp");
}

#[test]
fn a_wrong_password_is_a_clear_error() {
    let desk = Desk::new("asterisk/wrong-password");
    let _asterisk = Asterisk::start(&desk);
    let phone = desk
        .answer()
        .user(&Account::asterisk("1001").with_password("guess"))
        .tone();
    let ended = phone.run(SOON);
    ended.expect_code(3);
    let failures = ended.all("registration-failed");
    assert_eq!(
        failures.len(),
        1,
        "asked once, not again and again: {failures:?}"
    );
    assert_eq!(failures[0]["reason"], "not-authorised");
    assert!(
        failures[0]["text"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{failures:?}"
    );
}

/// Calls the echo service and compares what comes back with what was said.
fn echo(desk: &Desk, more: &[&str], codec: &str) {
    let _asterisk = Asterisk::start(desk);
    let voice = Desk::voice("alice");
    let phone = desk
        .call(&number("600"))
        .user(&Account::asterisk("1001"))
        .play(&voice)
        .record();
    let mut phone = phone.args(more).start();
    phone.wait("played", CALL);
    phone.wait_sound_over(CALL);
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    assert_eq!(ended.all("ended")[0]["codec"], codec);
    assert_heard(&voice, &ended.heard());
    assert_not_heard(&Desk::voice("bob"), &ended.heard());
}

#[test]
fn the_echo_is_what_was_said_with_opus() {
    echo(
        &Desk::new("asterisk/echo-opus"),
        &["--codecs", "opus"],
        "opus",
    );
}

#[test]
fn the_echo_is_what_was_said_with_g722() {
    echo(
        &Desk::new("asterisk/echo-g722"),
        &["--codecs", "g722,pcma"],
        "g722",
    );
}

#[test]
fn the_echo_is_what_was_said_with_a_law_over_tcp() {
    let desk = Desk::new("asterisk/echo-pcma-tcp");
    echo(&desk, &["--codecs", "pcma", "--transport", "tcp"], "pcma");
}

#[test]
fn a_call_from_asterisk_rings_and_is_answered() {
    let desk = Desk::new("asterisk/incoming");
    let asterisk = Asterisk::start(&desk);
    let voice = Desk::voice("bob");
    let phone = desk
        .answer()
        .user(&Account::asterisk("1001"))
        .play(&voice)
        .record();
    let mut phone = phone.args(&["--after", "1", "--count", "1"]).start();
    phone.wait("registered", SOON);
    asterisk.console("channel originate PJSIP/1001 extension 600@phones");
    let incoming = phone.wait("incoming", SOON);
    assert!(
        incoming["from"]
            .as_str()
            .is_some_and(|from| from.starts_with("sip:")),
        "{incoming}"
    );
    assert!(
        asterisk.logs("180 Ringing", SOON).is_some(),
        "the caller is not told that it rings"
    );
    phone.wait_state("active", SOON);
    phone.wait("played", CALL);
    phone.wait_sound_over(CALL);
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    assert_heard(&voice, &ended.heard());
}

#[test]
fn a_caller_who_gives_up_is_a_missed_call() {
    let desk = Desk::new("asterisk/missed");
    let asterisk = Asterisk::start(&desk);
    let phone = desk.answer().user(&Account::asterisk("1001")).tone();
    let mut phone = phone.args(&["--after", "30", "--count", "1"]).start();
    phone.wait("registered", SOON);
    asterisk.console("channel originate PJSIP/1001 extension 600@phones");
    phone.wait("incoming", SOON);
    asterisk.console("channel request hangup all");
    let ended = phone.wait("ended", SOON);
    assert_eq!(ended["reason"], "cancelled");
    drop(phone.end(SOON));
    let history = desk.history("callee").run(SOON);
    let calls = &history.all("history")[0]["calls"];
    assert_eq!(calls.as_array().map(Vec::len), Some(1), "{calls}");
    assert_eq!(calls[0]["direction"], "incoming");
    assert_eq!(calls[0]["end_reason"], "cancelled");
    assert!(calls[0]["accepted_unix_ms"].is_null(), "{calls}");
}

#[test]
fn hold_stops_the_sound_and_resume_brings_it_back() {
    let desk = Desk::new("asterisk/hold");
    let asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number("600"))
        .user(&Account::asterisk("1001"))
        .tone();
    let script = "wait 3; hold; wait 4; resume; wait 4; hangup";
    let ended = phone.args(&["--do", script]).run(CALL);
    ended.expect(0, "local-hang-up");
    let states = ended.states();
    let mut order: Vec<&str> = states
        .into_iter()
        .filter(|state| matches!(*state, "active" | "held"))
        .collect();
    order.dedup();
    assert_eq!(order, ["active", "held", "active"]);
    assert!(
        asterisk
            .logs("a=sendonly", SOON)
            .or(asterisk.logs("a=inactive", SOON))
            .is_some()
    );
    // The echo of a phone that says nothing is silence: count packets between the states.
    let times = |state: &str| {
        let events = ended.all("state");
        let events = events.iter().filter(|event| event["state"] == state);
        let times: Vec<u64> = events.filter_map(|event| event["at_ms"].as_u64()).collect();
        times
    };
    let held = times("held")[0];
    let resumed = times("active")
        .into_iter()
        .find(|at| *at > held)
        .unwrap_or(held);
    assert!(
        resumed >= held + 3500,
        "held at {held}, resumed at {resumed}"
    );
    let received = |from: u64, to: u64| {
        let stats = ended.all("stats");
        let within = stats
            .iter()
            .filter(|e| (from..to).contains(&e["at_ms"].as_u64().unwrap_or(0)));
        let counts: Vec<u64> = within
            .filter_map(|e| e["packets_received"].as_u64())
            .collect();
        counts
            .last()
            .zip(counts.first())
            .map(|(last, first)| last - first)
    };
    let silent = received(held + 500, resumed).expect("figures while held");
    let talking = received(resumed, u64::MAX).expect("figures after resuming");
    assert!(silent < 15, "{silent} packets while held");
    assert!(talking > 60, "{talking} packets after resuming");
}

#[test]
fn the_dial_plan_reads_the_digits() {
    let desk = Desk::new("asterisk/dtmf-sent");
    let asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number("605"))
        .user(&Account::asterisk("1001"))
        .tone();
    let ended = phone
        .args(&["--do", "wait 1; dtmf 4711; wait-end"])
        .run(CALL);
    assert!(
        asterisk.logs("digits read: 4711", SOON).is_some(),
        "Asterisk read other digits"
    );
    ended.expect(0, "remote-hang-up");
    assert_eq!(ended.all("dtmf-sent").len(), 4);
}

#[test]
fn digits_of_the_far_end_arrive_in_order_and_once() {
    let desk = Desk::new("asterisk/dtmf-received");
    let _asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number("608"))
        .user(&Account::asterisk("1001"))
        .tone();
    let mut phone = phone.start();
    phone.wait_nth("dtmf", 4, SOON);
    // Long enough for a digit that comes twice.
    std::thread::sleep(Duration::from_secs(1));
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    assert_eq!(ended.digits(), "159#");
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let desk = Desk::new("asterisk/early-media");
    let _asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number("606"))
        .user(&Account::asterisk("1001"))
        .tone();
    let ended = phone.args(&["--do", "wait 2; hangup"]).run(CALL);
    ended.expect(0, "local-hang-up");
    let states = ended.states();
    let early = states.iter().position(|state| *state == "early-media");
    let active = states.iter().position(|state| *state == "active");
    assert!(early.is_some() && early < active, "{states:?}");
}

/// Calls a number that never answers, and says why it ended.
fn ends(name: &str, dialed: &str, reason: &str) {
    let desk = Desk::new(name);
    let _asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number(dialed))
        .user(&Account::asterisk("1001"))
        .tone();
    let ended = phone.args(&["--ring-timeout", "3"]).run(CALL);
    ended.expect(4, reason);
}

#[test]
fn a_busy_number_is_busy() {
    ends("asterisk/busy", "617", "busy");
}

#[test]
fn a_number_that_does_not_exist_is_not_found() {
    ends("asterisk/not-found", "699", "not-found");
}

#[test]
fn a_server_out_of_order_is_the_server_s_fault() {
    ends("asterisk/out-of-order", "635", "server-error");
}

#[test]
fn nobody_answers_for_three_seconds() {
    ends("asterisk/no-answer", "607", "no-answer");
}

#[test]
fn the_far_end_hangs_up() {
    let desk = Desk::new("asterisk/remote-hang-up");
    let _asterisk = Asterisk::start(&desk);
    let phone = desk
        .call(&number("634"))
        .user(&Account::asterisk("1001"))
        .tone();
    phone.run(CALL).expect(0, "remote-hang-up");
}

#[test]
fn a_server_that_dies_mid_call_ends_the_call_with_a_reason() {
    let desk = Desk::new("asterisk/lost");
    let asterisk = Asterisk::start(&desk);
    let mut phone = desk
        .call(&number("600"))
        .user(&Account::asterisk("1001"))
        .tone()
        .start();
    phone.wait_state("active", SOON);
    asterisk.kill();
    let ended = phone.end(Duration::from_secs(45));
    ended.expect(5, "network-lost");
}
