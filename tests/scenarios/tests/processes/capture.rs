//! `--pcap`: what a person with Wireshark gets.

use std::path::Path;
use std::process::Command;

use crate::house::{House, SOON, talk};

#[test]
fn a_capture_holds_the_signalling_and_the_sound_of_a_call() {
    for transport in ["udp", "tcp"] {
        let house = House::new();
        let file = house.folder().join("alice.pcap");
        let mut bob = house.bob(&["--count", "1"]);
        let alice = house
            .calls("alice", "bob")
            .args(&["--transport", transport]);
        let alice = alice.args(&["--pcap", file.to_str().expect("a name")]);
        // What is encrypted nobody can read here either.
        let words = ["--encryption", "off", "--do", "wait 1.5; hangup"];
        let mut alice = alice.args(&words).start();
        talk(&mut alice, &mut bob);
        let alice = alice.end(SOON);
        alice.expect(0, "local-hang-up");
        bob.end(SOON).expect(0, "remote-hang-up");

        let packets = Packets::read(&file);
        for word in [
            "REGISTER sip:",
            "INVITE sip:",
            "SIP/2.0 200 OK",
            "ACK sip:",
            "BYE sip:",
        ] {
            assert!(packets.hold(word.as_bytes()), "{transport}: no {word}");
        }
        let sent = &alice.all("ended")[0]["quality"]["packets_sent"];
        let rtp = packets.rtp() as u64;
        assert!(
            rtp > sent.as_u64().expect("a count"),
            "{transport}: {rtp} RTP packets, {sent} sent"
        );
        dissected(&file);
    }
}

/// tshark agrees, where there is one.
fn dissected(file: &Path) {
    let count = |filter: &str| {
        let options = ["-o", "rtp.heuristic_rtp:TRUE", "-Y", filter];
        let out = Command::new("tshark")
            .arg("-r")
            .arg(file)
            .args(options)
            .output();
        out.map(|out| String::from_utf8_lossy(&out.stdout).lines().count())
    };
    match (
        count("sip.Method == \"INVITE\""),
        count("rtp"),
        count("rtcp"),
    ) {
        (Ok(invites), Ok(rtp), Ok(rtcp)) => {
            println!("tshark: {invites} INVITE, {rtp} RTP, {rtcp} RTCP");
            assert!(
                invites >= 1 && rtp > 50 && rtcp >= 1,
                "{invites} {rtp} {rtcp}"
            );
        }
        _ => println!("no tshark here: only the frames were looked at"),
    }
}

/// The payloads of the IPv4 packets in a pcap file.
struct Packets {
    payloads: Vec<Vec<u8>>,
}

impl Packets {
    fn read(file: &Path) -> Self {
        let bytes = std::fs::read(file).expect("the capture is there");
        let (head, mut rest) = bytes.split_at(24);
        assert_eq!(head[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "classic pcap");
        assert_eq!(head[20..], 101_u32.to_le_bytes(), "link type RAW");
        let mut payloads = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[8..12].try_into().expect("four bytes"));
            let (packet, after) = rest[16..].split_at(length as usize);
            assert_eq!(packet[0], 0x45, "IPv4");
            let payload = match packet[9] {
                17 => &packet[28..],
                6 => &packet[40..],
                other => panic!("protocol {other}"),
            };
            payloads.push(payload.to_vec());
            rest = after;
        }
        Self { payloads }
    }

    fn hold(&self, word: &[u8]) -> bool {
        let mut payloads = self.payloads.iter();
        payloads.any(|payload| payload.windows(word.len()).any(|window| window == word))
    }

    /// Packets of version 2 that are no RTCP (RFC 5761 §4).
    fn rtp(&self) -> usize {
        let is = |payload: &&Vec<u8>| {
            payload.len() > 12 && payload[0] >> 6 == 2 && !(192..224).contains(&payload[1])
        };
        self.payloads.iter().filter(is).count()
    }
}
