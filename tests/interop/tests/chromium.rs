//! A browser as the far phone: WebRTC as people have it, BoringSSL and all.

use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Browser, Desk, Kamailio, SignIn as _, assert_heard, assert_not_heard,
};

const SOON: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(40);

/// How Tandem's side of a call through Asterisk is secured: Asterisk brings any way together with the
/// browser's.
const MEDIA: &[&str] = &[];
/// Plain RTP, whatever else Tandem can do.
const PLAIN: &[&str] = &[];
/// Asterisk's user with a browser's ways, and where browsers reach it.
const BROWSER: &str = "1005";
const WS: &str = "ws://127.0.0.4:8088/ws";
const WSS: &str = "wss://127.0.0.4:8089/ws";

/// Signed in at Asterisk, saying what bob says.
fn bob(desk: &Desk, asterisk: &Asterisk, server: &str) -> Browser {
    let mut bob = Browser::start(desk, "browser", &Desk::voice("bob"));
    bob.register(BROWSER, "asterisk.test", server, SOON);
    assert_eq!(asterisk.contacts(BROWSER).len(), 1);
    bob
}

/// The browser's path is secured by DTLS, by its own word.
fn assert_secured(browser: &mut Browser) {
    let transports = browser.transports(SOON);
    assert!(!transports.is_empty(), "the browser names no transport");
    for transport in &transports {
        assert_eq!(transport["dtls"], "connected", "{transport}");
        assert!(transport["srtp"].is_string(), "{transport}");
    }
}

#[test]
fn tandem_calls_a_browser_through_asterisk_and_both_are_heard() {
    let desk = Desk::new("chromium/tandem-calls");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, WSS);
    let alice = desk.call(&format!("sip:{BROWSER}@127.0.0.4"));
    let alice = alice.user(&Account::asterisk("1001")).args(MEDIA);
    let alice = alice.play(&Desk::voice("alice")).record();
    let mut alice = alice.start();
    bob.wait("incoming", SOON);
    bob.answer();
    bob.wait_connected(SOON);
    bob.say();
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    bob.wait_sound_over(CALL);
    assert_secured(&mut bob);
    let heard = bob.heard(SOON);
    alice.interrupt();
    bob.wait("ended", SOON);
    let alice = alice.end(SOON);
    alice.expect(0, "local-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard);
    assert_not_heard(&Desk::voice("bob"), &heard);
}

#[test]
fn a_browser_calls_tandem_through_asterisk_and_both_are_heard() {
    let desk = Desk::new("chromium/browser-calls");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, WS);
    let alice = desk.answer().user(&Account::asterisk("1001")).args(MEDIA);
    let alice = alice.play(&Desk::voice("alice")).record();
    let mut alice = alice.args(&["--after", "1", "--count", "1"]).start();
    alice.wait("registered", SOON);
    bob.call("sip:1001@asterisk.test");
    let incoming = alice.wait("incoming", SOON);
    assert!(incoming.to_string().contains(BROWSER), "{incoming}");
    bob.wait("confirmed", SOON);
    bob.wait_connected(SOON);
    bob.say();
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    bob.wait_sound_over(CALL);
    let heard = bob.heard(SOON);
    bob.hang_up();
    let alice = alice.end(SOON);
    alice.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard);
}

/// Without tandem: Kamailio leaves the media to two browsers, one in the clear and one over TLS.
#[test]
fn browsers_call_each_other_through_kamailio() {
    let desk = Desk::new("chromium/kamailio");
    let kamailio = Kamailio::start(&desk);
    tandem_interop::add_lan();
    let mut alice = Browser::start(&desk, "alice", &Desk::voice("alice"));
    let mut bob = Browser::start(&desk, "bob", &Desk::voice("bob"));
    alice.register("alice", Kamailio::DOMAIN, Kamailio::WS, SOON);
    bob.register("bob", Kamailio::DOMAIN, Kamailio::WSS, SOON);
    assert_eq!(kamailio.contacts("bob").len(), 1);
    alice.call("sip:bob@kamailio.test");
    bob.wait("incoming", SOON);
    bob.answer();
    for browser in [&mut alice, &mut bob] {
        browser.wait_connected(SOON);
        browser.say();
    }
    for browser in [&mut alice, &mut bob] {
        browser.wait("played", CALL);
        browser.wait_sound_over(CALL);
        assert_secured(browser);
    }
    assert_heard(&Desk::voice("bob"), &alice.heard(SOON));
    assert_heard(&Desk::voice("alice"), &bob.heard(SOON));
    alice.hang_up();
    bob.wait("ended", SOON);
}

/// Nobody between them changes the media: a browser takes none that is not encrypted.
#[test]
fn a_browser_behind_kamailio_refuses_plain_sound() {
    let desk = Desk::new("chromium/plain-refused");
    let kamailio = Kamailio::start(&desk);
    tandem_interop::add_lan();
    let mut bob = Browser::start(&desk, "browser", &Desk::voice("bob"));
    bob.register("bob", Kamailio::DOMAIN, Kamailio::WSS, SOON);
    let alice = desk.call("sip:bob@kamailio.test").tone().args(PLAIN);
    let mut alice = alice.user(&Account::kamailio("alice")).start();
    bob.wait("incoming", SOON);
    bob.answer();
    alice.wait("ended", SOON);
    alice.end(SOON).expect(4, "media-incompatible");
    assert!(kamailio.was_asked("INVITE sip:bob@", SOON).is_some());
}
