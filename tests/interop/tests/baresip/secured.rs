//! baresip straight at the other end, without a server that would bring two ways together: its ICE, its DTLS and
//! its SRTP against ours.

use tandem_interop::{
    Account, Asterisk, Baresip, Certificates, Desk, LAN, SignIn as _, add_lan, assert_heard,
    assert_not_heard, wait_until,
};
use tandem_world::client::{Client, Ended};

use crate::{CALL, SOON, heard_by};

/// Where tandem waits for calls without a server.
const TANDEM: &str = "10.77.0.1:5090";

/// Says what bob says, and has no server.
fn bob(desk: &Desk, ip: &str, port: u16, how: &str) -> Baresip {
    let account =
        format!("<sip:bob@{ip}:{port}>;regint=0;audio_codecs=opus/48000/2,PCMA/8000/1;{how}");
    Baresip::start_at(desk, ip, &account, &Desk::voice("bob"))
}

/// Both have said all and heard all.
fn until_both_are_done(alice: &mut Client, bob: &mut Baresip) {
    let up = bob.wait("CALL_ESTABLISHED", SOON);
    assert!(up.is_some(), "baresip's call does not come about");
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
}

fn assert_talked(alice: &Ended, bob: &mut Baresip, by: &str) {
    assert!(bob.wait("CALL_CLOSED", SOON).is_some());
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard_by(bob));
    assert_not_heard(&Desk::voice("bob"), &heard_by(bob));
    let last = alice.all("ended");
    let last = last.last().expect("it ended");
    assert_eq!(last["encryption"], by, "{}", alice.story());
}

#[test]
fn tandem_calls_baresip_under_dtls_over_ice_and_both_are_heard() {
    let desk = Desk::new("baresip/dtls-tandem-calls");
    add_lan();
    let how = "mediaenc=dtls_srtp;medianat=ice;answermode=auto";
    let mut bob = bob(&desk, LAN, 5070, how);
    let alice = desk.call(&format!("sip:bob@{LAN}:5070"));
    let alice = alice.args(&["--bind", LAN, "--encryption", "required"]);
    let mut alice = alice.play(&Desk::voice("alice")).record().start();
    until_both_are_done(&mut alice, &mut bob);
    alice.interrupt();
    let alice = alice.end(SOON);
    alice.expect(0, "local-hang-up");
    assert_talked(&alice, &mut bob, "dtls-srtp");
}

#[test]
fn baresip_calls_tandem_under_dtls_over_ice_and_both_are_heard() {
    let desk = Desk::new("baresip/dtls-baresip-calls");
    add_lan();
    let mut bob = bob(&desk, LAN, 5070, "mediaenc=dtls_srtp;medianat=ice");
    let alice = desk.answer().play(&Desk::voice("alice")).record();
    let words = ["--bind", TANDEM, "--encryption", "required", "--count", "1"];
    let mut alice = alice.args(&words).start();
    alice.wait("listening", SOON);
    bob.tell("dial", &format!("sip:alice@{TANDEM}"));
    until_both_are_done(&mut alice, &mut bob);
    bob.tell("hangup", "");
    let alice = alice.end(SOON);
    alice.expect(0, "remote-hang-up");
    assert_talked(&alice, &mut bob, "dtls-srtp");
}

/// The certificate that tandem checks here is baresip's own server's.
#[test]
fn tandem_calls_baresip_with_keys_in_signalling_over_tls_and_both_are_heard() {
    let desk = Desk::new("baresip/sdes-tandem-calls");
    let authority = Certificates::make(&desk.at("certificates")).authority;
    let mut bob = bob(
        &desk,
        Baresip::IP,
        5060,
        "mediaenc=srtp-mand;answermode=auto",
    );
    let alice = desk.call(&format!("sip:bob@{}:5061;transport=tls", Baresip::IP));
    let alice = alice.args(&["--bind", "127.0.0.20", "--encryption", "required"]);
    let alice = alice.over_tls(&authority);
    let mut alice = alice.play(&Desk::voice("alice")).record().start();
    until_both_are_done(&mut alice, &mut bob);
    alice.interrupt();
    let alice = alice.end(SOON);
    alice.expect(0, "local-hang-up");
    assert_talked(&alice, &mut bob, "sdes");
}

/// Through Asterisk, since tandem takes connections over TLS from nobody: each side's keys go over its own TLS.
#[test]
fn baresip_calls_tandem_with_keys_in_signalling_over_tls_and_both_are_heard() {
    let desk = Desk::new("baresip/sdes-baresip-calls");
    let asterisk = Asterisk::start(&desk);
    let account = "<sip:1003@127.0.0.4:5061;transport=tls>;auth_user=1003;auth_pass=secret-1003;\
                   regint=60;audio_codecs=opus/48000/2,PCMA/8000/1;mediaenc=srtp-mand";
    let mut bob = Baresip::start(&desk, account, &Desk::voice("bob"));
    let here = || (!asterisk.contacts("1003").is_empty()).then_some(());
    assert!(
        wait_until(SOON, here).is_some(),
        "baresip does not register"
    );
    let alice = desk.answer().user(&Account::asterisk_lan("1007"));
    let alice = alice.over_tls(asterisk.authority()).args(&["--count", "1"]);
    let mut alice = alice.play(&Desk::voice("alice")).record().start();
    alice.wait("registered", SOON);
    bob.tell("dial", "sip:1007@127.0.0.4:5061;transport=tls");
    until_both_are_done(&mut alice, &mut bob);
    bob.tell("hangup", "");
    let alice = alice.end(SOON);
    alice.expect(0, "remote-hang-up");
    assert_talked(&alice, &mut bob, "sdes");
}

/// An old phone at the other end of our wish for encryption: it rings once, and the call is plain.
#[test]
fn a_baresip_without_encryption_is_called_in_plain_where_encryption_is_only_preferred() {
    let desk = Desk::new("baresip/preferred");
    add_lan();
    let mut bob = bob(&desk, LAN, 5070, "");
    let alice = desk.call(&format!("sip:bob@{LAN}:5070")).tone();
    let alice = alice.args(&["--bind", LAN, "--encryption", "preferred"]);
    let mut alice = alice.start();
    assert!(bob.wait("CALL_INCOMING", SOON).is_some());
    bob.tell("accept", "");
    let active = alice.wait_state("active", SOON);
    assert_eq!(active["encryption"], "none", "{active}");
    alice.interrupt();
    alice.end(SOON).expect(0, "local-hang-up");
    assert!(bob.wait("CALL_CLOSED", SOON).is_some());
    let again = bob.wait("CALL_INCOMING", std::time::Duration::from_millis(500));
    assert_eq!(again, None, "it rang twice");
}
