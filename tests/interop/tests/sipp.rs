//! SIPp's basic caller and callee, directly and without a server.

use std::time::Duration;
use tandem_interop::{Desk, Sipp, assert_heard};

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(50);

/// SIPp calls `tandem answer`, one call after the other; the sound comes back from SIPp.
fn called_by_sipp(desk: &Desk, transport: (&str, &str), calls: u32) {
    let count = calls.to_string();
    let voice = Desk::voice("alice");
    let phone = desk.answer().play(&voice).record();
    let words = [
        "--bind",
        "127.0.0.20:5060",
        "--transport",
        transport.0,
        "--count",
        &count,
    ];
    let mut phone = phone.args(&words).args(&["--codecs", "pcmu"]).start();
    phone.wait("listening", SOON);
    let talk = Duration::from_secs(9);
    let sipp = Sipp::caller(desk, "127.0.0.20:5060", calls, talk, transport.1);
    sipp.must_succeed(CALL);
    let ended = phone.end(SOON);
    ended.expect(0, "remote-hang-up");
    assert_eq!(ended.all("incoming").len(), calls as usize);
    assert_eq!(ended.all("ended").len(), calls as usize);
    assert_heard(&voice, &ended.heard());
}

#[test]
fn the_basic_caller_is_answered_over_udp() {
    called_by_sipp(&Desk::new("sipp/uac-udp"), ("udp", "u1"), 2);
}

#[test]
fn the_basic_caller_is_answered_over_tcp() {
    called_by_sipp(&Desk::new("sipp/uac-tcp"), ("tcp", "t1"), 1);
}

/// `tandem call` to SIPp, which echoes.
fn calls_sipp(desk: &Desk, transport: (&str, &str)) {
    let voice = Desk::voice("bob");
    let sipp = Sipp::callee(desk, 1, transport.1);
    let phone = desk.call(&format!("sip:service@{}", Sipp::ADDRESS));
    let words = [
        "--bind",
        "127.0.0.20:5060",
        "--transport",
        transport.0,
        "--codecs",
        "pcmu",
    ];
    let phone = phone.args(&words).play(&voice).record();
    let mut phone = phone.start();
    phone.wait("played", CALL);
    phone.wait_sound_over(CALL);
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    sipp.must_succeed(SOON);
    assert_heard(&voice, &ended.heard());
}

#[test]
fn the_basic_callee_answers_over_udp() {
    calls_sipp(&Desk::new("sipp/uas-udp"), ("udp", "u1"));
}

#[test]
fn the_basic_callee_answers_over_tcp() {
    calls_sipp(&Desk::new("sipp/uas-tcp"), ("tcp", "t1"));
}

/// Without tandem: tells a broken peer from a broken tandem.
#[test]
fn sipp_calls_itself() {
    let desk = Desk::new("sipp/itself");
    let other = Desk::new("sipp/itself-callee");
    let callee = Sipp::callee_at(&other, "127.0.0.31:5060", 1, "u1");
    Sipp::caller(&desk, "127.0.0.31:5060", 1, Duration::from_secs(1), "u1").must_succeed(SOON);
    callee.must_succeed(SOON);
}
