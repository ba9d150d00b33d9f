//! A browser as the far phone: WebRTC as people have it, BoringSSL and all.

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Browser, Desk, Kamailio, LAN, Packet, SignIn as _, Wire, assert_heard,
    assert_not_heard,
};
use tandem_world::client::{Client, ClientCommand};

const SOON: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(40);

/// How Tandem's sound is secured, whether a browser or Asterisk is at the other end of it.
const MEDIA: &[&str] = &["--encryption", "required"];
/// Plain RTP, whatever else Tandem can do.
const PLAIN: &[&str] = &["--encryption", "off"];
/// Asterisk's users with a browser's ways, and where browsers reach it.
const TANDEM: &str = "1004";
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

/// Signed in at Kamailio over TLS, saying what bob says.
fn bob_at_kamailio(desk: &Desk, kamailio: &Kamailio) -> Browser {
    tandem_interop::add_lan();
    let mut bob = Browser::start(desk, "browser", &Desk::voice("bob"));
    bob.register("bob", Kamailio::DOMAIN, Kamailio::WSS, SOON);
    assert_eq!(kamailio.contacts("bob").len(), 1);
    bob
}

/// Tandem at Kamailio over this transport, saying what alice says. The media goes straight to the browser.
fn alice_at_kamailio(phone: ClientCommand, kamailio: &Kamailio, transport: &str) -> ClientCommand {
    let phone = phone.user(&Account::kamailio("alice").at(LAN)).args(MEDIA);
    phone
        .play(&Desk::voice("alice"))
        .record()
        .args(&["--transport", transport, "--tls-ca"])
        .args(&[kamailio.authority()])
}

/// The browser's path is secured by DTLS, by its own word; gives it back.
fn assert_secured(browser: &mut Browser) -> Vec<Value> {
    let transports = browser.transports(SOON);
    assert!(!transports.is_empty(), "the browser names no transport");
    for transport in &transports {
        assert_eq!(transport["dtls"], "connected", "{transport}");
        assert!(transport["srtp"].is_string(), "{transport}");
    }
    transports
}

/// The same, straight from this side of the two to Tandem: no relay, no server between them.
fn assert_secured_as(browser: &mut Browser, role: &str) -> Value {
    let transports = assert_secured(browser);
    assert_eq!(transports.len(), 1, "{transports:?}");
    let transport = &transports[0];
    assert_eq!(transport["role"], role, "{transport}");
    for end in ["from", "to"] {
        assert!(
            transport[end] == "host" || transport[end] == "prflx",
            "{transport}"
        );
    }
    transport.clone()
}

/// Both say all they have, and nothing more comes.
fn talk(alice: &mut Client, bob: &mut Browser) {
    bob.say();
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    bob.wait_sound_over(CALL);
}

#[test]
fn tandem_calls_a_browser_through_asterisk_and_both_are_heard() {
    let desk = Desk::new("chromium/tandem-calls");
    let asterisk = Asterisk::start(&desk);
    let mut bob = bob(&desk, &asterisk, WSS);
    let alice = desk.call(&format!("sip:{BROWSER}@{LAN}"));
    let alice = alice.user(&Account::asterisk_lan(TANDEM)).args(MEDIA);
    let alice = alice.play(&Desk::voice("alice")).record();
    let mut alice = alice.start();
    bob.wait("incoming", SOON);
    bob.answer();
    bob.wait_connected(SOON);
    talk(&mut alice, &mut bob);
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
    let alice = desk.answer().user(&Account::asterisk_lan(TANDEM));
    let alice = alice.args(MEDIA).play(&Desk::voice("alice")).record();
    let mut alice = alice.args(&["--after", "1", "--count", "1"]).start();
    alice.wait("registered", SOON);
    bob.call(&format!("sip:{TANDEM}@asterisk.test"));
    let incoming = alice.wait("incoming", SOON);
    assert!(incoming.to_string().contains(BROWSER), "{incoming}");
    bob.wait("confirmed", SOON);
    bob.wait_connected(SOON);
    talk(&mut alice, &mut bob);
    let heard = bob.heard(SOON);
    bob.hang_up();
    let alice = alice.end(SOON);
    alice.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard);
}

/// Nobody touches the media: ICE and DTLS run between Tandem and BoringSSL. Who is called begins the handshake.
#[test]
fn tandem_calls_a_browser_behind_kamailio() {
    let desk = Desk::new("chromium/direct-tandem-calls");
    let kamailio = Kamailio::start(&desk);
    let mut bob = bob_at_kamailio(&desk, &kamailio);
    let alice = desk.call("sip:bob@kamailio.test");
    let mut alice = alice_at_kamailio(alice, &kamailio, "tls").start();
    bob.wait("incoming", SOON);
    bob.answer();
    bob.wait_connected(SOON);
    talk(&mut alice, &mut bob);
    assert_secured_as(&mut bob, "client");
    let heard = bob.heard(SOON);
    bob.hang_up();
    let alice = alice.end(SOON);
    alice.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard);
    assert_not_heard(&Desk::voice("alice"), &alice.heard());
}

/// While both speak the browser looks for another way, and nothing is missing of what they say; then it puts
/// Tandem on hold, and takes it back.
#[test]
fn a_browser_behind_kamailio_calls_tandem_restarts_ice_and_holds() {
    let desk = Desk::new("chromium/direct-browser-calls");
    let kamailio = Kamailio::start(&desk);
    let mut bob = bob_at_kamailio(&desk, &kamailio);
    let alice = alice_at_kamailio(desk.answer(), &kamailio, "udp");
    let mut alice = alice.args(&["--count", "1"]).start();
    alice.wait("registered", SOON);
    bob.call("sip:alice@kamailio.test");
    bob.wait("confirmed", SOON);
    bob.wait_connected(SOON);
    bob.say();
    let before = assert_secured_as(&mut bob, "server");
    alice.wait_sound(SOON);
    bob.restart_ice(SOON);
    alice.wait("played", CALL);
    alice.wait_sound_over(CALL);
    let after = assert_secured_as(&mut bob, "server");
    assert_ne!(before["ufrag"], after["ufrag"], "ICE began anew");
    let heard = bob.heard(SOON);
    bob.hold(SOON);
    alice.wait_state("held-by-remote", SOON);
    alice.forget();
    bob.resume(SOON);
    alice.wait_state("active", SOON);
    bob.say();
    alice.wait_sound(SOON);
    alice.interrupt();
    bob.wait("ended", SOON);
    let alice = alice.end(SOON);
    alice.expect(0, "local-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &heard);
}

/// Our flights leave twice: one handshake after the other, and BoringSSL minds none.
#[test]
fn handshakes_with_a_browser_never_fail_in_either_role() {
    let desk = Desk::new("chromium/handshakes");
    let wire = Wire::tap();
    let kamailio = Kamailio::start(&desk);
    let mut bob = bob_at_kamailio(&desk, &kamailio);
    let account = Account::kamailio("alice").at(LAN);
    let callee = desk.phone("callee", &["answer", "--count", "5"]);
    let callee = callee.user(&account).args(MEDIA).tone();
    let mut callee = callee.start();
    callee.wait("registered", SOON);
    for _ in 0..5 {
        bob.forget();
        bob.call("sip:alice@kamailio.test");
        bob.wait_sound(SOON);
        assert_secured_as(&mut bob, "server");
        callee.forget();
        bob.hang_up();
        callee.wait("ended", SOON);
    }
    callee.end(SOON).expect(0, "remote-hang-up");
    for number in 0..5 {
        bob.forget();
        let caller = desk.phone(
            &format!("caller-{number}"),
            &["call", "sip:bob@kamailio.test"],
        );
        let caller = caller.user(&account).args(MEDIA).tone().start();
        bob.wait("incoming", SOON);
        bob.answer();
        bob.wait_sound(SOON);
        assert_secured_as(&mut bob, "client");
        bob.hang_up();
        caller.end(SOON).expect(0, "remote-hang-up");
    }
    let packets = wire.end();
    let records = |kind: u8| packets.iter().filter(move |packet| is_clear(packet, kind));
    assert_eq!(records(ALERT).count(), 0, "nobody complained");
    let mut seen: BTreeMap<&[u8], usize> = BTreeMap::new();
    for packet in records(HANDSHAKE) {
        *seen.entry(&packet.payload).or_default() += 1;
    }
    let twice = seen.values().filter(|times| **times >= 2).count();
    assert!(
        twice >= 20,
        "{twice} datagrams came twice: {:?}",
        seen.values()
    );
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// Whether this is a datagram of DTLS 1.2 that begins with this kind of record, before there are keys.
fn is_clear(packet: &Packet, kind: u8) -> bool {
    let epoch = packet.payload.get(3..5);
    packet.is_udp && packet.payload.first() == Some(&kind) && epoch == Some(&[0, 0])
}

/// Without tandem: Kamailio leaves the media to two browsers, one in the clear and one over TLS.
#[test]
fn browsers_call_each_other_through_kamailio() {
    let desk = Desk::new("chromium/kamailio");
    let kamailio = Kamailio::start(&desk);
    let mut alice = Browser::start(&desk, "alice", &Desk::voice("alice"));
    let mut bob = bob_at_kamailio(&desk, &kamailio);
    alice.register("alice", Kamailio::DOMAIN, Kamailio::WS, SOON);
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

/// Nobody between them changes the media: a browser takes none that is not encrypted. Tandem then offers what
/// the browser insists on, though it would do without.
#[test]
fn a_browser_behind_kamailio_refuses_plain_sound_and_is_offered_encryption() {
    let desk = Desk::new("chromium/plain-refused");
    let kamailio = Kamailio::start(&desk);
    let mut bob = bob_at_kamailio(&desk, &kamailio);
    let alice = desk.call("sip:bob@kamailio.test").tone().args(PLAIN);
    let alice = alice.user(&Account::kamailio("alice").at(LAN));
    let mut alice = alice.start();
    let plain = bob.wait("incoming", SOON);
    assert!(plain["sdp"].to_string().contains("RTP/AVP"), "{plain}");
    bob.forget();
    bob.answer();
    let refused = bob.wait("failed", SOON);
    assert_eq!(refused["cause"], "WebRTC Error", "{refused}");
    bob.wait("incoming", SOON);
    bob.answer();
    bob.wait_sound(SOON);
    assert_secured_as(&mut bob, "client");
    alice.interrupt();
    bob.wait("ended", SOON);
    alice.end(SOON).expect(0, "local-hang-up");
}
