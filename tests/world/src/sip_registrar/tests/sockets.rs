//! The registrar on real sockets and in the virtual network.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};

use super::*;
use crate::net::{Node, Transmit, World};

const PATIENCE: Duration = Duration::from_secs(20);

fn options(transport: &str, local: SocketAddr, server: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};rport;branch=z9hG4bK-1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=a\r\nTo: <sip:{server}>\r\n\
         Call-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn open() -> Config {
    Config {
        challenge_calls: false,
        ..Config::default()
    }
}

#[test]
fn one_port_answers_datagrams_and_connections() {
    let server = Server::start(open()).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    let text = options("UDP", udp.local_addr().unwrap(), server.address());
    udp.send_to(text.as_bytes(), server.address()).unwrap();
    let mut buffer = [0; 2_000];
    let (length, from) = udp.recv_from(&mut buffer).unwrap();
    assert_eq!(from, server.address());
    assert!(buffer[..length].starts_with(b"SIP/2.0 200 "));

    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    tcp.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
    let text = options("TCP", tcp.local_addr().unwrap(), server.address());
    let (head, tail) = text.split_at(70);
    tcp.write_all(head.as_bytes()).unwrap();
    tcp.write_all(tail.as_bytes()).unwrap();
    let mut answer = [0; 12];
    tcp.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 ");
    assert_eq!(server.with(|registrar| registrar.heard().len()), 2);
}

#[test]
fn a_server_that_goes_closes_its_connections() {
    let server = Server::start(open()).unwrap();
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    // An answer shows that the server has taken the connection on.
    tcp.write_all(b"\r\n\r\n").unwrap();
    tcp.read_exact(&mut [0; 2]).unwrap();
    let address = server.address();
    drop(server);
    assert_eq!(tcp.read(&mut [0; 1]).unwrap(), 0);
    assert!(TcpStream::connect(address).is_err());
}

/// Asks once, keeps what it hears.
struct Asker {
    question: Option<Transmit>,
    heard: Vec<Vec<u8>>,
}

impl Node for Asker {
    fn handle_datagram(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, bytes: &[u8]) {
        self.heard.push(bytes.to_vec());
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.question.take()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn it_lives_in_the_virtual_network_too() {
    let mut world = World::new(11);
    let (phone, server): (IpAddr, IpAddr) =
        ("10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap());
    let (local, to) = (SocketAddr::new(phone, 5060), SocketAddr::new(server, 5060));
    let registrar = Registrar::new(open(), to, world.now(), 1);
    world.add(server, RegistrarNode { registrar });
    let bytes = options("UDP", local, to).into_bytes();
    let question = Some(Transmit { local, to, bytes });
    let asker = world.add(
        phone,
        Asker {
            question,
            heard: Vec::new(),
        },
    );
    assert!(world.run_until(|w| !w.node(asker).heard.is_empty(), PATIENCE));
    assert_eq!(world.elapsed(), Duration::from_millis(20));
    assert!(world.node(asker).heard[0].starts_with(b"SIP/2.0 200 "));
}
