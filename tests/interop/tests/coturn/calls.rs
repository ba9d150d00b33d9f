//! Calls of two phones of the house with coturn between them, and the kernel as the witness of what they sent whom.

use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tandem_interop::{Coturn, Desk, Packet, Wire, assert_heard, assert_not_heard};
use tandem_world::client::{Client, ClientCommand};

const ALICE: &str = "127.0.0.20";
const BOB: &str = "127.0.0.21";
/// Where Bob is called.
const BOB_SIP: &str = "127.0.0.21:5070";
const SOON: Duration = Duration::from_secs(30);
const CALL: Duration = Duration::from_secs(60);

const RELAYED: &[&str] = &["--relay-only"];

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A phone that knows these servers.
fn phone(desk: &Desk, coturn: &Coturn, name: &str, words: &[&str], server: &str) -> ClientCommand {
    let (user, password) = Coturn::USER;
    let secret = desk.at("turn-password");
    std::fs::write(&secret, format!("{password}\n")).expect("a file for the password");
    let ca = coturn.authority().display().to_string();
    desk.phone(name, words)
        .args(&[
            "--ice-server",
            server,
            "--ice-user",
            user,
            "--ice-password-file",
        ])
        .args(&[&secret.display().to_string(), "--tls-ca", &ca])
}

fn alice(desk: &Desk, coturn: &Coturn, server: &str) -> ClientCommand {
    let target = format!("sip:{BOB_SIP}");
    phone(desk, coturn, "alice", &["call", &target], server).args(&[
        "--bind",
        ALICE,
        "--transport",
        "udp",
    ])
}

fn bob(desk: &Desk, coturn: &Coturn, server: &str) -> ClientCommand {
    phone(desk, coturn, "bob", &["answer", "--count", "1"], server).args(&[
        "--bind",
        BOB_SIP,
        "--transport",
        "udp",
    ])
}

/// Waits until Bob can be called.
fn listens(bob: &mut Client) {
    bob.wait("listening", SOON);
}

/// The signalling between the two, which is direct here.
fn is_sip(packet: &Packet) -> bool {
    let at: SocketAddr = BOB_SIP.parse().expect("an address");
    packet.from == at || packet.to == at
}

fn is_between(packet: &Packet, one: &str, other: &str) -> bool {
    let ends = [packet.from.ip(), packet.to.ip()];
    ends == [ip(one), ip(other)] || ends == [ip(other), ip(one)]
}

/// Every line of a description that this phone sent.
fn described(packets: &[Packet], from: &str) -> Vec<String> {
    let sent = packets
        .iter()
        .filter(|p| is_sip(p) && p.from.ip() == ip(from));
    let bodies = sent.filter_map(|packet| {
        let text = String::from_utf8_lossy(&packet.payload).into_owned();
        let (_, body) = text.split_once("\r\n\r\n")?;
        body.starts_with("v=0").then(|| body.to_owned())
    });
    let lines = bodies.flat_map(|body| body.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.collect()
}

/// All that this phone told of its media is of the server.
fn assert_hidden(packets: &[Packet], who: &str) {
    let lines = described(packets, who);
    let candidates = lines.iter().filter(|line| line.starts_with("a=candidate:"));
    assert!(candidates.clone().count() > 0, "{lines:?}");
    for line in candidates {
        assert!(line.contains(" typ relay"), "{line}");
    }
    for line in &lines {
        assert!(!line.contains(who), "{line}");
    }
    let of_server = |line: &String| SERVERS.iter().any(|ip| *line == format!("c=IN IP4 {ip}"));
    assert!(lines.iter().any(of_server), "{lines:?}");
    // Everything but the signalling goes to the servers, and comes from there.
    let ends = |packet: &&Packet| packet.from.ip() == ip(who) || packet.to.ip() == ip(who);
    let media: Vec<&Packet> = packets.iter().filter(ends).filter(|p| !is_sip(p)).collect();
    assert!(media.len() > 100, "{} packets", media.len());
    let is_server = |address: SocketAddr| SERVERS.iter().any(|server| ip(server) == address.ip());
    let mut others = media.iter();
    let other = others.find(|packet| !is_server(packet.from) && !is_server(packet.to));
    assert!(other.is_none(), "{other:?}");
}

/// Where the servers are: Alice's, Bob's, and one that has a name everywhere. Two relays of one coturn are slow with
/// each other.
const SERVERS: [&str; 3] = [Coturn::IP, "127.0.0.7", "127.0.0.1"];

/// A call in which each side uses a server of its own, with these words; everything that went over the wire.
fn call(name: &str, alices: (&str, &[&str]), bobs: (&str, &[&str])) -> Vec<Packet> {
    let desk = Desk::new(&format!("coturn/{name}"));
    let servers = SERVERS.map(|ip| Coturn::start_at(&desk, ip, ip, &[]));
    let [coturn, _, _] = &servers;
    let wire = Wire::tap();
    let mut bob = bob(&desk, coturn, bobs.0)
        .args(bobs.1)
        .play(&Desk::voice("bob"))
        .record()
        .start();
    listens(&mut bob);
    let mut alice = alice(&desk, coturn, alices.0)
        .args(alices.1)
        .play(&Desk::voice("alice"))
        .record()
        .start();
    for phone in [&mut alice, &mut bob] {
        phone.wait_state("active", SOON);
    }
    for phone in [&mut alice, &mut bob] {
        phone.wait_sound_over(CALL);
    }
    alice.interrupt();
    let (alice, bob) = (alice.end(SOON), bob.end(SOON));
    alice.expect(0, "local-hang-up");
    bob.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &bob.heard());
    assert_not_heard(&Desk::voice("alice"), &alice.heard());
    for server in servers {
        // What was lent is given back.
        let lent = server.has_logged(&["ALLOCATE processed, success"], Duration::ZERO);
        let returned = ["refreshed", "lifetime=0"];
        assert!(
            !lent || server.has_logged(&returned, SOON),
            "a relay is kept"
        );
    }
    wire.end()
}

#[test]
fn both_are_relayed_over_udp_and_neither_learns_where_the_other_is() {
    let packets = call(
        "call-udp",
        ("turn:127.0.0.6", RELAYED),
        ("turn:127.0.0.7", RELAYED),
    );
    assert_hidden(&packets, ALICE);
    assert_hidden(&packets, BOB);
}

/// Nothing but streams to that server, and the signalling.
fn assert_only_streams_to(packets: &[Packet], who: &str, server: &str) {
    let sent = packets.iter().filter(|p| p.from.ip() == ip(who));
    let mut sent = sent.filter(|p| !is_sip(p));
    let other = sent.find(|packet| packet.is_udp || packet.to.to_string() != server);
    assert!(other.is_none(), "{other:?}");
}

#[test]
fn both_are_relayed_over_tcp_with_encrypted_sound() {
    let words = &["--relay-only", "--encryption", "required"];
    let packets = call(
        "call-tcp",
        ("turn:127.0.0.6?transport=tcp", words),
        ("turn:127.0.0.7:3478?transport=tcp", words),
    );
    for (who, server) in [(ALICE, "127.0.0.6:3478"), (BOB, "127.0.0.7:3478")] {
        assert_hidden(&packets, who);
        assert_only_streams_to(&packets, who, server);
    }
}

#[test]
fn both_are_relayed_over_tls_by_servers_that_prove_their_names() {
    let packets = call(
        "call-tls",
        ("turns:localhost", RELAYED),
        ("turns:127.0.0.6:5349?transport=tcp", RELAYED),
    );
    for (who, server) in [(ALICE, "127.0.0.1:5349"), (BOB, "127.0.0.6:5349")] {
        assert_hidden(&packets, who);
        assert_only_streams_to(&packets, who, server);
    }
}

#[test]
fn who_is_relayed_alone_is_as_hidden_and_the_other_speaks_to_the_relay() {
    let packets = call(
        "call-one",
        ("turn:127.0.0.6", RELAYED),
        ("turn:127.0.0.7", &["--encryption", "preferred"]),
    );
    assert_hidden(&packets, ALICE);
    // Bob hides nothing, and could have been reached directly.
    let lines = described(&packets, BOB);
    let is_host = |line: &String| line.contains(BOB) && line.contains(" typ host");
    assert!(lines.iter().any(is_host), "{lines:?}");
}

#[test]
fn with_servers_and_without_need_the_call_goes_directly() {
    let packets = call(
        "call-direct",
        ("turn:127.0.0.6", &[]),
        ("turn:127.0.0.7", &[]),
    );
    let direct = packets
        .iter()
        .filter(|p| is_between(p, ALICE, BOB) && !is_sip(p));
    // The proof that the witness sees what the others must not do.
    assert!(direct.count() > 100);
}

/// A call that finds no relay: it is not dialled.
fn finds_none(name: &str, server: &str) {
    let desk = Desk::new(&format!("coturn/{name}"));
    let coturn = Coturn::start(&desk, &[]);
    // The same certificate, which does not name this address.
    let _elsewhere = Coturn::start_at(&desk, "elsewhere", "127.0.0.7", &[]);
    let wire = Wire::tap();
    let mut bob = bob(&desk, &coturn, server).tone().start();
    listens(&mut bob);
    let ended = alice(&desk, &coturn, server).args(RELAYED).tone().run(SOON);
    ended.expect(4, "no-relay");
    bob.interrupt();
    let _ = bob.end(SOON);
    let packets = wire.end();
    let said = packets.iter().find(|packet| is_between(packet, ALICE, BOB));
    assert!(said.is_none(), "{said:?}");
    assert!(
        packets.iter().any(|packet| packet.from.ip() == ip(ALICE)),
        "it did not even try"
    );
}

#[test]
fn a_server_that_cannot_prove_its_name_relays_nothing() {
    finds_none("call-wrong-name", "turns:127.0.0.7");
}

#[test]
fn where_nobody_relays_the_call_is_not_dialled() {
    finds_none("call-no-relay", "turn:127.0.0.8");
}

/// Passes every connection on to a server of coturn, after a while.
fn slow_way(from: &str, to: &'static str, delay: Duration) {
    let listener = TcpListener::bind(from).expect("a port");
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                thread::sleep(delay);
                let far = TcpStream::connect(to).expect("coturn");
                let both = [near.try_clone(), far.try_clone()].map(|end| end.expect("an end"));
                let [mut near_out, mut far_out] = both;
                let (mut near, mut far) = (near, far);
                let back = thread::spawn(move || std::io::copy(&mut far, &mut near_out));
                let _ = std::io::copy(&mut near, &mut far_out);
                let _ = far_out.shutdown(Shutdown::Both);
                let _ = back.join();
            });
        }
    });
}

#[test]
fn a_relay_that_takes_its_time_is_waited_for_where_there_is_no_other_way() {
    let desk = Desk::new("coturn/call-slow");
    let coturn = Coturn::start(&desk, &[]);
    // Longer than a call waits for addresses that it can do without.
    slow_way(
        "127.0.0.9:3478",
        Coturn::ADDRESS,
        Duration::from_millis(2_500),
    );
    let wire = Wire::tap();
    let direct = format!("turn:{}", Coturn::ADDRESS);
    let mut bob = bob(&desk, &coturn, &direct).tone().start();
    listens(&mut bob);
    let slow = alice(&desk, &coturn, "turn:127.0.0.9?transport=tcp");
    let mut alice = slow.args(RELAYED).tone().start();
    for phone in [&mut alice, &mut bob] {
        phone.wait_state("active", SOON);
        phone.wait_sound(SOON);
    }
    alice.interrupt();
    alice.end(SOON).expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");
    let packets = wire.end();
    let direct = |p: &&Packet| is_between(p, ALICE, BOB) && !is_sip(p);
    assert_eq!(packets.iter().filter(direct).count(), 0);
}

#[test]
fn a_caller_who_only_hears_it_ring_learns_no_address_of_the_media() {
    let desk = Desk::new("coturn/call-ringing");
    let coturn = Coturn::start(&desk, &[]);
    let server = format!("turn:{}", Coturn::ADDRESS);
    let wire = Wire::tap();
    let words = ["--after", "30", "--encryption", "preferred"];
    let mut bob = bob(&desk, &coturn, &server).args(&words).tone().start();
    listens(&mut bob);
    let words = ["--encryption", "required", "--ring-timeout", "5"];
    let ended = alice(&desk, &coturn, &server).args(&words).tone().run(SOON);
    ended.expect(4, "no-answer");
    bob.interrupt();
    let _ = bob.end(SOON);
    let packets = wire.end();
    let rang = |p: &Packet| p.payload.starts_with(b"SIP/2.0 180") && p.from.ip() == ip(BOB);
    assert!(packets.iter().any(rang), "it never rang");
    assert!(described(&packets, BOB).is_empty());
    assert!(
        described(&packets, ALICE)
            .iter()
            .any(|line| line.contains(" typ host"))
    );
    let to_alice = packets
        .iter()
        .find(|p| p.from.ip() == ip(BOB) && p.to.ip() != ip(Coturn::IP) && !is_sip(p));
    assert!(to_alice.is_none(), "{to_alice:?}");
    // It made ready with its own server, so that the answer would not have had to wait.
    assert!(packets.iter().any(|p| is_between(p, BOB, Coturn::IP)));
}
