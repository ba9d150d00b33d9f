//! What went over the wire, as the kernel saw it: no program's own account of itself.

use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// IPv4 among the types of Ethernet.
const IPV4: u16 = 0x0800;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// A test's burst must fit in before the thread comes to read it.
const BUFFER: usize = 8 * 1024 * 1024;

/// One IPv4 packet with something in it.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whether it is a datagram; else it is of a stream.
    pub is_udp: bool,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What.
    pub payload: Vec<u8>,
}

/// Listens to every interface of the network from its start to its end.
pub struct Wire {
    seen: Arc<Mutex<Vec<Packet>>>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Wire {
    /// Begins to listen.
    ///
    /// # Panics
    /// If the kernel does not allow it: this is not a network of our own.
    pub fn tap() -> Self {
        let kind = Protocol::from(i32::from(IPV4.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(kind));
        let socket =
            socket.expect("a network of our own: run this suite by `cargo xtask test interop`");
        let _ = socket.set_recv_buffer_size(BUFFER);
        let pause = Some(Duration::from_millis(100));
        socket.set_read_timeout(pause).expect("a timeout");
        let (seen, stop) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (kept, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut bytes = vec![0; 128 * 1024];
            let mut socket = socket;
            loop {
                match socket.read(&mut bytes) {
                    Ok(length) => {
                        let packet = parse(bytes.get(..length).unwrap_or_default());
                        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                        kept.extend(packet);
                    }
                    // What came before the end is still read.
                    Err(error) if is_pause(error.kind()) => {
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                    Err(error) => panic!("the wire cannot be listened to: {error}"),
                }
            }
        });
        Self {
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// Everything so far.
    pub fn packets(&self) -> Vec<Packet> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything there was.
    ///
    /// # Panics
    /// If it could not be listened to until now.
    pub fn end(mut self) -> Vec<Packet> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the wire was listened to");
        }
        self.packets()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// A packet that carries something.
fn parse(bytes: &[u8]) -> Option<Packet> {
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let protocol = *bytes.get(9)?;
    let ip = |at: usize| {
        let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    };
    let inner = bytes.get(header..)?;
    let port = |at: usize| Some(u16::from_be_bytes([*inner.get(at)?, *inner.get(at + 1)?]));
    let data = match protocol {
        UDP => 8,
        TCP => usize::from(inner.get(12)? >> 4) * 4,
        _ => return None,
    };
    let payload = inner.get(data..)?.to_vec();
    Some(Packet {
        is_udp: protocol == UDP,
        from: SocketAddr::new(ip(12)?, port(0)?),
        to: SocketAddr::new(ip(16)?, port(2)?),
        payload,
    })
    .filter(|packet| !packet.payload.is_empty())
}
