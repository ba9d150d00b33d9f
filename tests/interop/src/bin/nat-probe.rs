//! Asks mirrors how they see it: `nat-probe IP:PORT…` sends one datagram from one socket to each and prints
//! the address that each answers. A mirror answers a datagram with its sender's address.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    for mirror in std::env::args().skip(1) {
        socket.send_to(b"who am I?", &mirror)?;
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer)?;
        println!("{}", String::from_utf8_lossy(&answer[..length]));
    }
    Ok(())
}
