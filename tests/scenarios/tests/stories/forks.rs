//! A call that several devices answer: one early, another for good.

use std::time::Duration;

use tandem_engine::Command;
use tandem_types::media::MediaSecurity;
use tandem_world::net::NodeId;
use tandem_world::stranger::{Message, Stranger};
use tandem_world::town::{Person, Town};

/// A moment for messages to cross the town, and for a first check.
const MOMENT: Duration = Duration::from_millis(300);
const EARLY: &str = "183 Session Progress";

/// Alice, who wants encryption, and what her call brings to the devices.
fn calls(seed: u64) -> (Town, Person, NodeId<Stranger>, Message) {
    let mut town = Town::new(seed);
    let alice = town.person("alice", |setup| {
        setup.registrar = None;
        setup.media_security = MediaSecurity::Preferred;
    });
    let devices = town.stranger();
    let name = town.world.node(devices).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    let invite = next_invite(&mut town, devices);
    (town, alice, devices, invite)
}

fn next_invite(town: &mut Town, devices: NodeId<Stranger>) -> Message {
    town.wait(MOMENT);
    let invite = town.world.node_mut(devices).take("INVITE");
    invite.expect("an INVITE")
}

/// The answer of the device at this port, with keys by DTLS and with ICE.
fn answer(town: &Town, devices: NodeId<Stranger>, port: u16) -> String {
    let ip = town.world.node(devices).ip();
    let digest: Vec<_> = port.to_be_bytes().map(|b| format!("{b:02X}")).into();
    let digest = digest.join(":");
    let digest = [digest.as_str(); 16].join(":");
    format!(
        "v=0\r\no=- 1 2 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\na=rtcp-mux\r\n\
         a=setup:passive\r\na=fingerprint:sha-256 {digest}\r\n\
         a=ice-ufrag:of{port}\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\n\
         a=candidate:1 1 UDP 2130706431 {ip} {port} typ host\r\n"
    )
}

fn answers(
    town: &mut Town,
    devices: NodeId<Stranger>,
    (device, to, status): (&str, &Message, &str),
    sdp: &str,
) {
    let node = town.world.node_mut(devices);
    node.reply_as(device, to, status, Some(sdp));
    town.wait(MOMENT);
}

fn is_sought_at(town: &Town, devices: NodeId<Stranger>, port: u16) -> bool {
    town.world.node(devices).knocks().contains(&port)
}

/// A line of the description, by how it begins.
fn line<'a>(message: &'a Message, start: &str) -> &'a str {
    let found = message.body().lines().find(|line| line.starts_with(start));
    found.expect("such a line")
}

#[test]
fn the_device_that_takes_the_call_is_sought_whatever_another_one_answered_early() {
    let without_ice = |sdp: String| {
        let kept = sdp.split_inclusive("\r\n");
        let kept = kept.filter(|line| !line.contains("ice-") && !line.contains("candidate"));
        kept.collect::<String>()
    };
    for (seed, kind) in [(90, "ICE"), (91, "DTLS alone"), (92, "plain")] {
        let (mut town, alice, devices, invite) = calls(seed);
        let early = match kind {
            "ICE" => answer(&town, devices, 50_000),
            "plain" => town.world.node(devices).sdp("sendrecv"),
            _ => without_ice(answer(&town, devices, 50_000)),
        };
        answers(&mut town, devices, ("first", &invite, EARLY), &early);
        assert_eq!(is_sought_at(&town, devices, 50_000), kind == "ICE");
        let last = answer(&town, devices, 50_002);
        answers(&mut town, devices, ("second", &invite, "200 OK"), &last);
        assert!(is_sought_at(&town, devices, 50_002), "{kind}");
        let phone = town.phone(alice);
        assert!(
            !phone.is_active(),
            "{kind}: the way of the first is not the second's"
        );
        // Nobody else takes over what is accepted.
        let forged = answer(&town, devices, 50_004);
        answers(&mut town, devices, ("second", &invite, "200 OK"), &forged);
        answers(&mut town, devices, ("third", &invite, EARLY), &forged);
        assert!(!is_sought_at(&town, devices, 50_004), "{kind}");
        town.does(alice, Command::HangUp);
        assert!(town.until(|town| town.phone(alice).end().is_some()));
    }
}

#[test]
fn a_call_placed_again_tells_no_device_what_those_of_the_first_try_were_told() {
    let mut town = Town::new(93);
    let alice = town.person("alice", |setup| {
        setup.registrar = None;
        setup.media_security = MediaSecurity::Required;
    });
    let devices = town.stranger();
    let name = town.world.node(devices).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    let first = next_invite(&mut town, devices);
    let early = answer(&town, devices, 50_000);
    answers(&mut town, devices, ("first", &first, EARLY), &early);
    let refused = town.world.node_mut(devices);
    refused.reply_as("first", &first, "488 Not Acceptable Here", None);
    let second = next_invite(&mut town, devices);
    for start in ["a=ice-ufrag:", "a=ice-pwd:", "a=tls-id:"] {
        assert_ne!(line(&first, start), line(&second, start));
    }
    let last = answer(&town, devices, 50_002).replace("SAVPF", "SAVP");
    answers(&mut town, devices, ("second", &second, "200 OK"), &last);
    assert!(is_sought_at(&town, devices, 50_002));
    let phone = town.phone(alice);
    assert_eq!((phone.end(), phone.is_active()), (None, false));
}
