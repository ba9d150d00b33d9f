//! baresip as the far phone, through Asterisk.

mod secured;

use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Baresip, Desk, SignIn as _, assert_heard, assert_not_heard, wait_until,
};

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(40);

/// Signed in at Asterisk as 1002, saying what bob says.
fn bob(desk: &Desk, asterisk: &Asterisk, more: &str) -> Baresip {
    let account = "<sip:1002@127.0.0.4;transport=udp>;auth_user=1002;auth_pass=secret-1002";
    let account =
        format!("{account};regint=60;audio_codecs=opus/48000/2,G722/16000/1,PCMA/8000/1;{more}");
    let phone = Baresip::start(desk, &account, &Desk::voice("bob"));
    let registered = wait_until(SOON, || {
        (!asterisk.contacts("1002").is_empty()).then_some(())
    });
    assert!(registered.is_some(), "baresip does not register");
    phone
}

fn heard_by(phone: &Baresip) -> std::path::PathBuf {
    wait_until(SOON, || phone.heard()).expect("baresip wrote what it heard")
}

/// Without tandem: tells a broken peer from a broken tandem.
#[test]
fn the_peers_understand_each_other() {
    let desk = Desk::new("baresip/peers");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, "");
    bob.tell("dial", "sip:600@127.0.0.4");
    assert!(
        bob.wait("CALL_ESTABLISHED", SOON).is_some(),
        "the echo does not answer baresip"
    );
    // It writes what it hears when the call is over; the voice lasts 8 s, and the echo is behind it.
    std::thread::sleep(Duration::from_secs(10));
    bob.tell("hangup", "");
    assert!(bob.wait("CALL_CLOSED", SOON).is_some());
    assert_heard(&Desk::voice("bob"), &heard_by(&bob));
}

#[test]
fn tandem_calls_baresip_and_both_are_heard() {
    let desk = Desk::new("baresip/tandem-calls");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, "answermode=auto");
    let alice = desk
        .call("sip:1002@127.0.0.4")
        .user(&Account::asterisk("1001"));
    let alice = alice.play(&Desk::voice("alice")).record();
    let mut alice = alice.start();
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    alice.interrupt();
    let ended = alice.end(SOON);
    ended.expect(0, "local-hang-up");
    assert!(bob.wait("CALL_CLOSED", SOON).is_some());
    assert_heard(&Desk::voice("bob"), &ended.heard());
    assert_heard(&Desk::voice("alice"), &heard_by(&bob));
    assert_not_heard(&Desk::voice("bob"), &heard_by(&bob));
}

#[test]
fn baresip_calls_tandem_and_both_are_heard() {
    let desk = Desk::new("baresip/baresip-calls");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, "");
    let alice = desk
        .answer()
        .user(&Account::asterisk("1001"))
        .play(&Desk::voice("alice"))
        .record();
    let mut alice = alice.args(&["--after", "1", "--count", "1"]).start();
    alice.wait("registered", SOON);
    bob.tell("dial", "sip:1001@127.0.0.4");
    let incoming = alice.wait("incoming", SOON);
    assert!(
        incoming["from"]
            .as_str()
            .is_some_and(|from| from.contains("1002")),
        "{incoming}"
    );
    assert!(
        bob.wait("CALL_RINGING", SOON).is_some(),
        "baresip is not told that it rings"
    );
    assert!(
        bob.wait("CALL_ESTABLISHED", SOON).is_some(),
        "tandem does not answer baresip"
    );
    // Each has said all and heard all.
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    bob.tell("hangup", "");
    let ended = alice.end(CALL);
    ended.expect(0, "remote-hang-up");
    assert!(bob.wait("CALL_CLOSED", SOON).is_some());
    assert_heard(&Desk::voice("bob"), &ended.heard());
    assert_heard(&Desk::voice("alice"), &heard_by(&bob));
}

#[test]
fn tandem_sees_that_baresip_holds() {
    let desk = Desk::new("baresip/held-by-remote");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, "answermode=auto");
    let alice = desk
        .call("sip:1002@127.0.0.4")
        .user(&Account::asterisk("1001"))
        .tone();
    let mut alice = alice.start();
    alice.wait_state("active", SOON);
    bob.tell("hold", "");
    alice.wait_state("held-by-remote", SOON);
    bob.tell("resume", "");
    let back = wait_until(SOON, || {
        alice.last_state().filter(|state| state == "active")
    });
    assert!(back.is_some(), "still held: {:?}", alice.last_state());
    bob.tell("hangup", "");
    alice.end(CALL).expect(0, "remote-hang-up");
}

#[test]
fn a_phone_that_refuses_is_busy() {
    let desk = Desk::new("baresip/refused");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, "");
    let alice = desk.answer().user(&Account::asterisk("1001")).tone();
    let mut alice = alice.args(&["--reject", "busy", "--count", "1"]).start();
    alice.wait("registered", SOON);
    bob.tell("dial", "sip:1001@127.0.0.4");
    let closed = bob.wait("CALL_CLOSED", SOON).expect("baresip's call ends");
    assert!(
        closed["param"]
            .as_str()
            .is_some_and(|why| why.contains("486")),
        "{closed}"
    );
    drop(alice);
}
