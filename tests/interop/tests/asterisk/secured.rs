//! Asterisk as a server that proves who it is, and as the other end of encrypted sound, in every way that its
//! users stand for.

use std::collections::BTreeSet;

use serde_json::Value;
use tandem_interop::{
    Account, Asterisk, Certificates, Desk, LAN, SignIn as _, assert_heard, assert_not_heard,
    wait_until,
};
use tandem_world::client::{Client, ClientCommand, Ended, is_sound};

use crate::{CALL, SOON};

/// What an account asks for.
const REQUIRED: &str = "required";
const PREFERRED: &str = "preferred";

/// `command` as this user, where and how the user is to be reached.
fn as_user(command: ClientCommand, user: &str, asterisk: &Asterisk, policy: &str) -> ClientCommand {
    let account = match user {
        "1001" | "1002" | "1003" => Account::asterisk(user),
        _ => Account::asterisk_lan(user),
    };
    let command = command.user(&account).args(&["--encryption", policy]);
    match user {
        "1003" | "1007" => command.over_tls(asterisk.authority()),
        _ => command,
    }
}

/// The address of one user in the eyes of another.
fn of(user: &str, caller: &str) -> String {
    match caller {
        "1001" | "1002" | "1003" => format!("sip:{user}@127.0.0.4"),
        _ => format!("sip:{user}@{LAN}"),
    }
}

/// How the sound was protected, by the last word of the call.
fn assert_protected(phone: &Ended, by: &str) {
    let last = phone.all("ended");
    let last = last.last().expect("it ended");
    assert_eq!(last["encryption"], by, "{}", phone.story());
}

/// The same by the call's row in the log of the phone called `name`.
fn assert_row(desk: &Desk, name: &str, by: &str) {
    let history = desk.history(name).run(SOON);
    let row = &history.calls()[0];
    assert_eq!(row["encryption"], by, "{row}");
    assert_eq!(row["encrypted"], by != "none", "{row}");
}

/// One user of Asterisk, who asks for `policy`, and how the sound between the two is protected then.
struct Side {
    user: &'static str,
    policy: &'static str,
    by: &'static str,
}

const fn side(user: &'static str, policy: &'static str, by: &'static str) -> Side {
    Side { user, policy, by }
}

/// The caller calls the callee through Asterisk; both speak at once, and both are heard.
fn talk(name: &str, caller: &Side, callee: &Side) -> Asterisk {
    let desk = Desk::new(name);
    let asterisk = Asterisk::start(&desk);
    let bob = desk.answer().play(&Desk::voice("bob")).record();
    let bob = as_user(bob, callee.user, &asterisk, callee.policy);
    let mut bob = bob.args(&["--count", "1"]).start();
    bob.wait("registered", SOON);
    let alice = desk.call(&of(callee.user, caller.user));
    let alice = alice.play(&Desk::voice("alice")).record();
    let mut alice = as_user(alice, caller.user, &asterisk, caller.policy).start();
    for phone in [&mut alice, &mut bob] {
        phone.wait("played", CALL);
        phone.wait_sound_over(CALL);
    }
    alice.interrupt();
    let (alice, bob) = (alice.end(SOON), bob.end(SOON));
    alice.expect(0, "local-hang-up");
    bob.expect(0, "remote-hang-up");
    assert_eq!(bob.all("incoming").len(), 1, "it rang once");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &bob.heard());
    assert_not_heard(&Desk::voice("bob"), &bob.heard());
    assert_protected(&alice, caller.by);
    assert_protected(&bob, callee.by);
    asterisk
}

/// Signs in as 1003 and says what became of it.
fn signs_in(desk: &Desk, name: &str, account: &Account, authority: &std::path::Path) -> Client {
    let phone = desk.phone(name, &["answer"]).user(account).tone();
    phone.over_tls(authority).start()
}

#[test]
fn the_server_proves_who_it_is_before_anything_is_said_to_it() {
    let desk = Desk::new("asterisk/tls");
    let asterisk = Asterisk::start(&desk);
    let account = Account::asterisk("1003");
    let stranger = Certificates::make(&desk.at("stranger")).authority;
    let misled = signs_in(&desk, "misled", &account, &stranger).end(SOON);
    misled.expect_code(3);
    assert_eq!(misled.registration_failure(), "certificate-untrusted");
    assert!(
        asterisk.messages(&["REGISTER"]).is_empty(),
        "something was said to a server that nobody vouches for"
    );
    let mut phone = signs_in(&desk, "callee", &account, asterisk.authority());
    phone.wait("registered", SOON);
    let contacts = asterisk.contacts("1003");
    assert_eq!(contacts.len(), 1, "{contacts:?}");
    assert!(contacts[0].contains("transport=tls"), "{contacts:?}");
    phone.interrupt();
    phone.end(SOON).expect_code(0);
    let gone = wait_until(SOON, || asterisk.contacts("1003").is_empty().then_some(()));
    assert!(gone.is_some(), "still registered");
}

#[test]
fn a_server_with_the_certificate_of_another_is_refused() {
    let desk = Desk::new("asterisk/tls-other-name");
    // There already when it starts.
    let names = "DNS:other.test,IP:127.0.0.9";
    let certificates = Certificates::make_for(&desk.at("certificates"), names);
    let asterisk = Asterisk::start(&desk);
    let account = Account::asterisk("1003");
    let phone = signs_in(&desk, "callee", &account, &certificates.authority).end(SOON);
    phone.expect_code(3);
    assert_eq!(phone.registration_failure(), "certificate-wrong-name");
    assert!(asterisk.messages(&["REGISTER"]).is_empty());
}

#[test]
fn keys_in_signalling_over_tls_on_one_side_and_dtls_on_the_other() {
    talk(
        "asterisk/sdes-to-dtls",
        &side("1003", REQUIRED, "sdes"),
        &side("1005", REQUIRED, "dtls-srtp"),
    );
}

#[test]
fn dtls_on_one_side_and_keys_in_signalling_over_tls_on_the_other() {
    talk(
        "asterisk/dtls-to-sdes",
        &side("1004", REQUIRED, "dtls-srtp"),
        &side("1003", REQUIRED, "sdes"),
    );
}

/// The plain side asks for encryption and gets none: what one hop has is not what the other has.
#[test]
fn a_call_is_as_encrypted_as_each_side_s_own_hop() {
    let asterisk = talk(
        "asterisk/plain-to-dtls",
        &side("1001", PREFERRED, "none"),
        &side("1004", PREFERRED, "dtls-srtp"),
    );
    // Two attempts, whatever each takes of challenges and credentials: DTLS first, then plain RTP.
    let attempts = |profile| {
        let words = ["INVITE sip:1004@127.0.0.4 ", profile];
        let messages = asterisk.messages(&words);
        let ids = messages.iter().flat_map(|message| message.lines());
        let ids = ids.filter(|line| line.starts_with("Call-ID:"));
        ids.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let (first, then) = (attempts(" UDP/TLS/RTP/SAVPF "), attempts(" RTP/AVP "));
    assert_eq!((first.len(), then.len()), (1, 1), "{first:?} {then:?}");
    assert_ne!(first, then);
}

/// No rtcp-mux, no feedback; the other way finds out that a user's keys are optional.
#[test]
fn dtls_as_a_desk_phone_has_it_and_keys_by_choice() {
    talk(
        "asterisk/desk-phone-calls",
        &side("1006", REQUIRED, "dtls-srtp"),
        &side("1007", PREFERRED, "sdes"),
    );
    talk(
        "asterisk/desk-phone-is-called",
        &side("1007", PREFERRED, "sdes"),
        &side("1006", REQUIRED, "dtls-srtp"),
    );
}

#[test]
fn who_requires_encryption_gets_no_plain_call() {
    let desk = Desk::new("asterisk/required");
    let asterisk = Asterisk::start(&desk);
    let phone = desk.call("sip:600@127.0.0.4").tone();
    let ended = as_user(phone, "1001", &asterisk, REQUIRED).run(CALL);
    ended.expect(4, "encryption-required");
    let plain = asterisk.messages(&["INVITE sip:600@", " RTP/AVP "]);
    assert!(plain.is_empty(), "{plain:?}");
}

/// Asterisk's own re-INVITEs, for a hold that it passes on, keep the keys of each side; so do ours.
#[test]
fn hold_resume_and_digits_go_over_encrypted_calls() {
    let desk = Desk::new("asterisk/secured-hold");
    let asterisk = Asterisk::start(&desk);
    let bob = as_user(desk.answer().tone(), "1005", &asterisk, REQUIRED);
    let mut bob = bob.args(&["--count", "1"]).start();
    bob.wait("registered", SOON);
    let script = "wait 1; hold; wait 2; resume; wait 1; dtmf 4711; wait-end";
    let alice = desk.call(&of("1005", "1003")).tone();
    let alice = as_user(alice, "1003", &asterisk, REQUIRED);
    let mut alice = alice.args(&["--do", script]).start();
    bob.wait_state("held-by-remote", SOON);
    bob.wait_nth("dtmf", 4, CALL);
    for phone in [&mut alice, &mut bob] {
        let resumed =
            |event: &Value| event["state"] == "active" && event["at_ms"].as_u64() > Some(2_000);
        let at = phone.wait_for("active again", SOON, resumed)["at_ms"].as_u64();
        let later =
            |event: &Value| is_sound(event) && event["at_ms"].as_u64() > at.map(|at| at + 1_000);
        phone.wait_for("sound after the hold", SOON, later);
    }
    bob.interrupt();
    let (alice, bob) = (alice.end(SOON), bob.end(SOON));
    alice.expect(0, "remote-hang-up");
    bob.expect(0, "local-hang-up");
    assert_eq!(bob.digits(), "4711");
    assert_eq!(held(&alice, "held"), ["active", "held", "active"]);
    let by_remote = held(&bob, "held-by-remote");
    assert_eq!(by_remote, ["active", "held-by-remote", "active"]);
    assert_protected(&alice, "sdes");
    assert_protected(&bob, "dtls-srtp");
    assert_row(&desk, "caller", "sdes");
    assert_row(&desk, "callee", "dtls-srtp");
    let reinvites = asterisk.messages(&["INVITE sip:1005@", "a=sendonly"]);
    assert!(!reinvites.is_empty(), "Asterisk passed no hold on");
}

/// The order of talking and being held.
fn held<'a>(phone: &'a Ended, word: &str) -> Vec<&'a str> {
    let states = phone.states().into_iter();
    let mut order: Vec<&str> = states
        .filter(|state| *state == "active" || *state == word)
        .collect();
    order.dedup();
    order
}

/// What tandem says of its calls is what is on the wire, not what was asked for.
#[test]
fn the_word_for_the_protection_comes_with_the_state() {
    let desk = Desk::new("asterisk/secured-word");
    let asterisk = Asterisk::start(&desk);
    let phone = desk.call(&of("600", "1004")).tone();
    let mut phone = as_user(phone, "1004", &asterisk, PREFERRED).start();
    let active: Value = phone.wait_state("active", SOON);
    assert_eq!(active["encryption"], "dtls-srtp", "{active}");
    phone.wait_sound(SOON);
    phone.interrupt();
    phone.end(SOON).expect(0, "local-hang-up");
}
