//! Kamailio between the phones: it signs them in and passes calls on, media goes from phone to phone.

use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Certificates, Desk, Kamailio, LAN, SignIn as _, assert_heard,
    assert_not_heard, wait_until,
};

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(40);

/// How the sound is secured. Kamailio does not care: it is a matter of the phones alone.
const MEDIA: &[&str] = &["--encryption", "required"];

fn bob() -> Account {
    Account::kamailio("bob").at("127.0.0.21")
}

/// Where Asterisk, which gathers no loopback candidates, finds her.
fn alice_on_the_lan() -> Account {
    Account::kamailio("alice").at(LAN)
}

/// Signs in over this transport, is seen by Kamailio, and is gone after Ctrl-C.
fn registers(transport: &str) {
    let desk = Desk::new(&format!("kamailio/register-{transport}"));
    let kamailio = Kamailio::start(&desk);
    let phone = desk.answer().user(&Account::kamailio("alice")).tone();
    let phone = phone.args(&["--transport", transport, "--tls-ca", kamailio.authority()]);
    let mut phone = phone.start();
    phone.wait("registered", SOON);
    let contacts = kamailio.contacts("alice");
    assert_eq!(contacts.len(), 1, "{contacts:?}");
    assert!(contacts[0].contains("@127.0.0.20"), "{contacts:?}");
    phone.interrupt();
    phone.end(SOON).expect_code(0);
    let gone = wait_until(SOON, || kamailio.contacts("alice").is_empty().then_some(()));
    assert!(gone.is_some(), "{:?}", kamailio.contacts("alice"));
}

#[test]
fn registers_over_udp_and_signs_off() {
    registers("udp");
}

#[test]
fn registers_over_tcp_and_signs_off() {
    registers("tcp");
}

#[test]
fn registers_over_tls_and_signs_off() {
    registers("tls");
}

/// A server at this address, and a phone that trusts this authority: why it does not sign in.
fn refused(desk: &Desk, ip: &str, authority: &str) -> String {
    let account = Account {
        registrar: Some(ip.to_owned()),
        ..Account::kamailio("alice")
    };
    let phone = desk.answer().user(&account).tone();
    let ended = phone
        .args(&["--transport", "tls", "--tls-ca", authority])
        .run(SOON);
    ended.expect_code(3);
    ended.registration_failure().to_owned()
}

#[test]
fn a_certificate_by_a_stranger_is_refused() {
    let desk = Desk::new("kamailio/stranger");
    let kamailio = Kamailio::start(&desk);
    let other = Certificates::make(&desk.at("others"));
    let authority = other.authority.to_string_lossy();
    let why = refused(&desk, Kamailio::IP, &authority);
    assert_eq!(why, "certificate-untrusted");
    assert!(kamailio.contacts("alice").is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let desk = Desk::new("kamailio/other-name");
    // An address that its certificate does not have.
    let kamailio = Kamailio::start_at(&desk, "kamailio", "127.0.0.9", &[]);
    let why = refused(&desk, "127.0.0.9", kamailio.authority());
    assert_eq!(why, "certificate-wrong-name");
    assert!(kamailio.contacts("alice").is_empty());
}

#[test]
fn a_wrong_password_is_a_clear_error() {
    let desk = Desk::new("kamailio/wrong-password");
    let _kamailio = Kamailio::start(&desk);
    let account = Account::kamailio("alice").with_password("guess");
    let ended = desk.answer().user(&account).tone().run(SOON);
    ended.expect_code(3);
    assert_eq!(ended.registration_failure(), "not-authorised");
}

/// Alice calls bob by his name: the proxy asks her for the password and stays in the dialog, and the
/// phones speak with each other directly.
fn calls(alice_by: &str, bob_by: &str) {
    let desk = Desk::new(&format!("kamailio/call-{alice_by}-{bob_by}"));
    let kamailio = Kamailio::start(&desk);
    let callee = desk.answer().user(&bob()).args(MEDIA).record();
    let callee = callee.play(&Desk::voice("bob")).args(&["--count", "1"]);
    let trust = ["--tls-ca", kamailio.authority()];
    let callee = callee.args(&["--transport", bob_by]).args(&trust);
    let mut callee = callee.start();
    callee.wait("registered", SOON);
    let caller = desk.call("sip:bob@kamailio.test");
    let caller = caller.user(&Account::kamailio("alice")).args(MEDIA);
    let caller = caller.play(&Desk::voice("alice")).record();
    let caller = caller.args(&["--transport", alice_by]).args(&trust);
    let mut caller = caller.start();
    for phone in [&mut caller, &mut callee] {
        phone.wait("played", CALL);
        phone.wait_sound_over(CALL);
    }
    caller.interrupt();
    let (caller, callee) = (caller.end(SOON), callee.end(SOON));
    caller.expect(0, "local-hang-up");
    callee.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &caller.heard());
    assert_heard(&Desk::voice("alice"), &callee.heard());
    assert_not_heard(&Desk::voice("alice"), &caller.heard());
    assert!(
        kamailio.was_asked("BYE", SOON).is_some(),
        "the end went past the proxy"
    );
}

#[test]
fn a_call_over_udp_is_heard_both_ways() {
    calls("udp", "udp");
}

#[test]
fn a_call_from_tls_to_tcp_is_heard_both_ways() {
    calls("tls", "tcp");
}

#[test]
fn a_call_from_tcp_to_tls_is_heard_both_ways() {
    calls("tcp", "tls");
}

#[test]
fn asterisk_behind_the_proxy_echoes() {
    let desk = Desk::new("kamailio/echo");
    let _kamailio = Kamailio::start(&desk);
    let _asterisk = Asterisk::start(&desk);
    let voice = Desk::voice("alice");
    let phone = desk.call("sip:600@kamailio.test").play(&voice).record();
    let mut phone = phone.user(&alice_on_the_lan()).args(MEDIA).start();
    phone.wait("played", CALL);
    phone.wait_sound_over(CALL);
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    assert_heard(&voice, &ended.heard());
}

#[test]
fn asterisk_calls_a_phone_through_the_proxy() {
    let desk = Desk::new("kamailio/called");
    let _kamailio = Kamailio::start(&desk);
    let asterisk = Asterisk::start(&desk);
    let phone = desk.answer().user(&alice_on_the_lan()).args(MEDIA);
    let mut phone = phone.tone().args(&["--count", "1"]).start();
    phone.wait("registered", SOON);
    asterisk.console("channel originate Local/9alice@phones extension 600@phones");
    phone.wait_state("active", SOON);
    phone.wait_sound(SOON);
    asterisk.console("channel request hangup all");
    phone.end(SOON).expect(0, "remote-hang-up");
}

#[test]
fn who_is_not_signed_in_is_unavailable() {
    let desk = Desk::new("kamailio/unavailable");
    let _kamailio = Kamailio::start(&desk);
    let phone = desk.call("sip:carol@kamailio.test");
    let ended = phone.user(&Account::kamailio("alice")).tone().run(CALL);
    ended.expect(4, "unreachable");
}
