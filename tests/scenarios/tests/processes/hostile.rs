//! Strangers at the ports of a phone that is in a call.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use tandem_types::{Entropy as _, SeededEntropy};
use tandem_world::client::Client;

use crate::house::{House, SOON, talk};
use crate::proc;

const MEBIBYTE: u64 = 1_024;

/// A call between alice and bob, and bob's SIP address.
fn talking(house: &House, transport: &str) -> (Client, Client, SocketAddr) {
    let mut bob = house.bob(&["--transport", transport]);
    let address = bob.wait("listening", SOON)["address"].clone();
    let address = address.as_str().and_then(|text| text.parse().ok());
    let mut alice = house
        .calls("alice", "bob")
        .args(&["--transport", transport])
        .start();
    talk(&mut alice, &mut bob);
    (alice, bob, address.expect("an address"))
}

/// The call is as good as before: sound comes in, and hanging up reaches the other side.
fn still_well(mut alice: Client, mut bob: Client) {
    bob.forget();
    // A second in which the machine had other work may be a quiet one; the sound has to be back soon.
    bob.wait_sound(SOON);
    alice.interrupt();
    alice.end(SOON).expect(0, "local-hang-up");
    assert_eq!(bob.wait("ended", SOON)["reason"], "remote-hang-up");
    bob.interrupt();
    bob.end(SOON).expect_code(0);
}

fn assert_grew_little(bob: &Client, before: u64, by: &str) {
    let grown = proc::memory(bob.pid()).saturating_sub(before);
    println!("{by}: {grown} KiB more");
    assert!(grown < 20 * MEBIBYTE, "{by} took {grown} KiB");
}

#[test]
fn noise_on_the_sip_port() {
    let house = House::new();
    let (alice, bob, sip) = talking(&house, "udp");
    let before = proc::memory(bob.pid());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut entropy = SeededEntropy::new(6);
    let mut noise = vec![0; 60_000];
    entropy.fill(&mut noise);
    for n in 0..20_000_usize {
        // Mostly of a usual size, some as large as a datagram can be, some that begin like a request.
        let length = if n % 50 == 0 { 60_000 } else { 1 + n % 1_400 };
        let mut datagram = noise[..length].to_vec();
        if n % 7 == 0 {
            datagram.splice(..0, *b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\nVia: ");
        }
        let _ = socket.send_to(&datagram, sip);
        if n % 100 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
    assert_grew_little(&bob, before, "noise");
    still_well(alice, bob);
}

#[test]
fn noise_on_the_media_ports() {
    let house = House::new();
    let (alice, bob, sip) = talking(&house, "udp");
    let before = proc::memory(bob.pid());
    let ports = proc::udp_ports(bob.pid());
    let media: Vec<u16> = ports
        .into_iter()
        .filter(|port| *port != sip.port())
        .collect();
    assert_eq!(media.len(), 2, "RTP and RTCP: {media:?}");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut entropy = SeededEntropy::new(7);
    for n in 0..20_000_usize {
        let mut packet = vec![0; n % 1_500];
        entropy.fill(&mut packet);
        // Half of it looks like RTP or RTCP at first sight.
        if let [first, second, ..] = packet.as_mut_slice()
            && n % 2 == 0
        {
            (*first, *second) = (0x80, [0, 8, 9, 96, 111, 200, 201, 203][n / 2 % 8]);
        }
        let _ = socket.send_to(&packet, ("127.0.0.1", media[n % media.len()]));
        if n % 100 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
    assert_grew_little(&bob, before, "noise");
    still_well(alice, bob);
}

#[test]
fn endless_streams() {
    let house = House::new();
    let (alice, bob, sip) = talking(&house, "tcp");
    let before = proc::memory(bob.pid());
    let beginnings: [&[u8]; 4] = [
        b"",
        b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\nX: ",
        b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nContent-Length: 999999999\r\n\r\n",
        b"\r\n\r\n",
    ];
    for beginning in beginnings {
        let mut stream = TcpStream::connect(sip).expect("it listens");
        stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .expect("a limit");
        let _ = stream.write_all(beginning);
        let chunk = [b'a'; 65_536];
        // 64 MiB, or until nobody takes any more.
        let taken = (0..1_024)
            .take_while(|_| stream.write_all(&chunk).is_ok())
            .count();
        println!("{taken} chunks of 64 KiB were taken");
    }
    // Pings without end, whose answers nobody reads.
    let mut stream = TcpStream::connect(sip).expect("it listens");
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("a limit");
    let pings = b"\r\n\r\n".repeat(16_384);
    let taken = (0..256)
        .take_while(|_| stream.write_all(&pings).is_ok())
        .count();
    println!("{taken} chunks of pings were taken");
    assert_grew_little(&bob, before, "streams");
    still_well(alice, bob);
}

#[test]
fn streams_that_say_nothing_take_no_place_for_ever() {
    let house = House::new();
    let (alice, bob, sip) = talking(&house, "tcp");
    let (before, files) = (proc::memory(bob.pid()), proc::descriptors(bob.pid()));
    let silent: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(sip).expect("it listens"))
        .collect();
    thread::sleep(Duration::from_secs(1));
    let held = proc::descriptors(bob.pid()) - files;
    println!("{held} descriptors held for 300 strangers");
    assert!(held <= 64, "{held} descriptors held");
    // Somebody who speaks is heard among them.
    let mut late = TcpStream::connect(sip).expect("it listens");
    late.set_read_timeout(Some(SOON)).expect("a limit");
    late.write_all(b"\r\n\r\n").expect("it is taken");
    late.read_exact(&mut [0; 2]).expect("a pong");
    assert_grew_little(&bob, before, "streams");
    drop((silent, late));
    let begin = Instant::now();
    while proc::descriptors(bob.pid()) > files {
        assert!(begin.elapsed() < SOON, "descriptors are still held");
        thread::sleep(Duration::from_millis(50));
    }
    still_well(alice, bob);
}
