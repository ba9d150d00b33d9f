//! How Asterisk's users secure their media, without tandem: what it offers to bare SIP, and what it takes
//! from baresip. When a call of tandem's fails, this tells whose fault it is.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Baresip, Desk, LAN, SignIn as _, assert_heard, wait_until,
};

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(40);

/// What Asterisk offers to somebody whom it calls as this user: the INVITE with its SDP.
fn offer(asterisk: &Asterisk, user: &str) -> String {
    let probe = UdpSocket::bind((LAN, 0)).expect("a port");
    probe.set_read_timeout(Some(SOON)).expect("a limit");
    let address = probe.local_addr().expect("it is bound");
    asterisk.calls(user, &address.to_string());
    let mut datagram = [0; 16_384];
    let (length, from) = probe.recv_from(&mut datagram).expect("Asterisk calls");
    let invite = String::from_utf8_lossy(&datagram[..length]).into_owned();
    assert!(invite.starts_with("INVITE "), "{invite}");
    // It is told that nobody wants the call, and stops.
    let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let copied = invite
        .lines()
        .filter(|line| names.iter().any(|name| line.starts_with(name)));
    let refusal: String = ["SIP/2.0 486 Busy Here"]
        .into_iter()
        .chain(copied)
        .chain(["Content-Length: 0", ""])
        .map(|line| format!("{line}\r\n"))
        .collect();
    probe.send_to(refusal.as_bytes(), from).expect("sent");
    invite
}

/// The offer holds all of the first words and none of the second.
fn assert_offers(invite: &str, with: &[&str], without: &[&str]) {
    for word in with {
        assert!(invite.contains(word), "no `{word}` in:\n{invite}");
    }
    for word in without {
        assert!(!invite.contains(word), "`{word}` in:\n{invite}");
    }
}

#[test]
fn every_user_is_offered_what_it_stands_for() {
    let desk = Desk::new("media/offers");
    let asterisk = Asterisk::start(&desk);
    let dtls = [
        "a=fingerprint:SHA-256",
        "a=setup:actpass",
        "a=ice-ufrag:",
        "a=candidate:",
    ];
    let sdes = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:";
    let plain = offer(&asterisk, "1001");
    assert_offers(
        &plain,
        &[" RTP/AVP "],
        &["a=crypto", "a=fingerprint", "a=ice-ufrag"],
    );
    let must = offer(&asterisk, "1003");
    assert_offers(
        &must,
        &[" RTP/SAVP ", sdes],
        &["a=fingerprint", "a=ice-ufrag"],
    );
    for browser in ["1004", "1005"] {
        let browsers = offer(&asterisk, browser);
        let only = [" UDP/TLS/RTP/SAVPF ", "a=rtcp-mux", "a=group:BUNDLE"];
        assert_offers(&browsers, &[&dtls[..], &only[..]].concat(), &["a=crypto"]);
    }
    let desk_phone = offer(&asterisk, "1006");
    let not = ["SAVPF", "a=rtcp-mux", "a=group:BUNDLE", "a=crypto"];
    assert_offers(
        &desk_phone,
        &[&dtls[..], &[" UDP/TLS/RTP/SAVP "]].concat(),
        &not,
    );
    let may = offer(&asterisk, "1007");
    assert_offers(
        &may,
        &[" RTP/AVP ", sdes, "a=ice-ufrag:"],
        &["a=fingerprint"],
    );
}

#[test]
fn two_challenges_come_the_stronger_first() {
    let desk = Desk::new("media/challenges");
    let _asterisk = Asterisk::start(&desk);
    let socket = UdpSocket::bind(("127.0.0.30", 0)).expect("a port");
    socket.set_read_timeout(Some(SOON)).expect("a limit");
    let own = socket.local_addr().expect("it is bound");
    let register = format!(
        "REGISTER sip:127.0.0.4 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKchallenge\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1007@127.0.0.4>;tag=7\r\nTo: <sip:1007@127.0.0.4>\r\n\
         Call-ID: challenge\r\nCSeq: 1 REGISTER\r\nContact: <sip:1007@{own}>\r\nContent-Length: 0\r\n\r\n"
    );
    socket
        .send_to(register.as_bytes(), Asterisk::ADDRESS)
        .expect("sent");
    let mut datagram = [0; 4096];
    let length = socket.recv(&mut datagram).expect("Asterisk answers");
    let answer = String::from_utf8_lossy(&datagram[..length]).into_owned();
    assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
    let challenges: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("WWW-Authenticate:"))
        .collect();
    assert_eq!(challenges.len(), 2, "{answer}");
    assert!(challenges[0].contains("SHA-256"), "{answer}");
    assert!(challenges[1].contains("MD5"), "{answer}");
}

/// Tandem takes the stronger challenge, and encryption is not asked of it: the call works as it is.
#[test]
fn where_encryption_is_a_choice_the_echo_is_heard() {
    let desk = Desk::new("media/optional");
    let _asterisk = Asterisk::start(&desk);
    let voice = Desk::voice("alice");
    let phone = desk.call(&format!("sip:600@{LAN}"));
    let phone = phone.user(&Account::asterisk_lan("1007"));
    let mut phone = phone.play(&voice).record().start();
    phone.wait("played", CALL);
    phone.wait_sound_over(CALL);
    phone.interrupt();
    let ended = phone.end(SOON);
    ended.expect(0, "local-hang-up");
    assert_heard(&voice, &ended.heard());
}

/// baresip as this user, saying what bob says; `how` is the rest of its account.
fn bob(desk: &Desk, asterisk: &Asterisk, ip: &str, user: &str, server: &str, how: &str) -> Baresip {
    let account = format!(
        "<sip:{user}@{server}>;auth_user={user};auth_pass=secret-{user};regint=60;\
         audio_codecs=opus/48000/2,PCMA/8000/1;{how}"
    );
    let phone = Baresip::start_at(desk, ip, &account, &Desk::voice("bob"));
    let registered = wait_until(SOON, || (!asterisk.contacts(user).is_empty()).then_some(()));
    assert!(registered.is_some(), "baresip does not register as {user}");
    phone
}

/// Calls the echo, says all and writes down what came back.
fn echo(mut phone: Baresip, target: &str) -> PathBuf {
    phone.tell("dial", target);
    let up = phone.wait("CALL_ESTABLISHED", SOON);
    assert!(up.is_some(), "the echo does not answer baresip");
    // It writes what it hears when the call is over; the voice lasts 8 s, and the echo is behind it.
    std::thread::sleep(Duration::from_secs(10));
    phone.tell("hangup", "");
    assert!(phone.wait("CALL_CLOSED", SOON).is_some());
    wait_until(SOON, || phone.heard()).expect("baresip wrote what it heard")
}

#[test]
fn sdes_over_tls_is_taken() {
    let desk = Desk::new("media/sdes");
    let asterisk = Asterisk::start(&desk);
    let server = "127.0.0.4:5061;transport=tls";
    let bob = bob(
        &desk,
        &asterisk,
        Baresip::IP,
        "1003",
        server,
        "mediaenc=srtp-mand",
    );
    let heard = echo(bob, "sip:600@127.0.0.4:5061;transport=tls");
    assert_heard(&Desk::voice("bob"), &heard);
}

#[test]
fn dtls_with_ice_is_taken() {
    let desk = Desk::new("media/dtls");
    let asterisk = Asterisk::start(&desk);
    let server = format!("{LAN}:5060;transport=udp");
    let how = "mediaenc=dtls_srtp;medianat=ice";
    let bob = bob(&desk, &asterisk, LAN, "1004", &server, how);
    let heard = echo(bob, &format!("sip:600@{LAN}:5060"));
    assert_heard(&Desk::voice("bob"), &heard);
}

#[test]
fn plain_sound_is_refused_where_encryption_is_a_must() {
    let desk = Desk::new("media/refused");
    let asterisk = Asterisk::start(&desk);
    let server = "127.0.0.4;transport=udp";
    let mut bob = bob(&desk, &asterisk, Baresip::IP, "1003", server, "");
    bob.tell("dial", "sip:600@127.0.0.4");
    let closed = bob.wait("CALL_CLOSED", SOON).expect("the call ends");
    assert!(closed.to_string().contains("488"), "{closed}");
}
